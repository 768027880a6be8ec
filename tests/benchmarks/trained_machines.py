"""Trained machines whose phase is known without looking at what the diagnosis measures.

ordered      Weights that start at scale 0.01 and learn data of few modes (bars, planted patterns) by exact
             gradients, PCD or CD. Training stops as soon as the likelihood, by exact enumeration of one
             layer, is within a nat per sample of the data's own law: the machine's law is then the data's,
             which is 2^(side) images or four clusters by construction.
paramagnet   The same machines at the temperature where twice the largest singular value of the weights is
             0.9: a model whose couplings have a spectrum narrower than 1 mixes rapidly from any state
             (R. Bauerschmidt, T. Bodineau, J. Funct. Anal. 276, 2582 (2019)).
spin glass   Independent weights deep in the glass, x = s (VH)^(1/4) of 2 and more, that training has hardly
             moved: the change's largest singular value is below a tenth of the edge s (sqrt V + sqrt H).
either       Entries of trained weights shuffled over all places: independent ones, a glass at x > 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

import spinlab as sl
from spinlab.models import BipartiteIsing

PARAMAGNET, ORDERED, GLASS = "paramagnet", "ordered", "spin glass"
_NATS = 1.0
_MOST_EPOCHS = 300


def machines() -> Iterator[tuple[str, str, float, Any]]:
    """(name, phase, ln T/T_line or nan where no theory gives it, maker)."""
    for data, V, hidden in (
        ("bars", 9, (20, 60)), ("bars", 16, (16, 40, 128)), ("bars", 25, (10, 14)), ("bars", 36, (12, 16)),
        ("patterns", 12, (30, 100)), ("patterns", 16, (16, 64)),
        ("patterns", 40, (10,)), ("patterns", 80, (12,)),
    ):  # fmt: skip
        for H in hidden:
            for method in ("exact", "pcd", "cd") if V <= 16 else ("exact",):
                name = f"{data} by {method} V={V} H={H} N={V + H}"

                def ordered(
                    rng: np.random.Generator, data: str = data, V: int = V, H: int = H, method: str = method
                ) -> Any:
                    return BipartiteIsing(learned(data, V, H, method, rng))

                def hot(rng: np.random.Generator, make: Any = ordered) -> Any:
                    W = make(rng).weights()
                    return BipartiteIsing(W * 0.45 / np.linalg.norm(W, 2))

                yield name, ORDERED, math.nan, ordered
                if method == "exact":
                    yield f"hot {name}", PARAMAGNET, math.nan, hot
    for V, H in ((16, 128), (16, 40), (36, 72), (49, 100)):
        for x in (2.0, 3.0, 6.0):
            for method in ("cd", "pcd"):
                yield (
                    f"hardly trained by {method} x={x:g} V={V} H={H} N={V + H}", GLASS, -math.log(x),
                    lambda rng, V=V, H=H, x=x, method=method: BipartiteIsing(
                        hardly_trained(V, H, x, method, rng)
                    ),
                )  # fmt: skip
    for V, H in ((16, 40), (16, 128)):
        for x in (-0.9, -0.5, 0.5, 0.9):
            yield (
                f"shuffled bars V={V} H={H} N={V + H} ln T={x:+.1f}", GLASS if x < 0 else PARAMAGNET, x,
                lambda rng, V=V, H=H, x=x: shuffled(learned("bars", V, H, "cd", rng), x, rng),
            )  # fmt: skip


def samples(data: str, V: int, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Training set, and the mean of -ln P of its samples under the law they are drawn from."""
    if data == "bars":
        side = math.isqrt(V)
        rows = 2 * ((np.arange(2**side)[:, None] >> np.arange(side)) & 1) - 1
        images = np.repeat(rows[:, None], side, 1).reshape(-1, V).astype(np.int8)
        return np.tile(images, (20, 1)), side * math.log(2)
    noise = 0.05
    patterns = rng.choice([-1, 1], size=(2, V))
    patterns = np.concatenate([patterns, -patterns])
    flips = np.where(rng.random((1000, V)) < noise, -1, 1)
    s = patterns[rng.integers(4, size=1000)] * flips
    wrong = (V - s @ patterns.T) / 2
    p = (noise**wrong * (1 - noise) ** (V - wrong)).mean(1)
    return s.astype(np.int8), -float(np.log(p).mean())


def learned(data: str, V: int, H: int, method: str, rng: np.random.Generator) -> np.ndarray:
    """Weights that have just come within a nat of the data's law."""
    train, least = samples(data, V, rng)
    machine = sl.rbm.RBM(V, H, std=0.01, rng=rng)
    trainer = _trainer(machine, method, {"exact": 0.02, "cd": 0.01, "pcd": 0.003}[method], len(train), rng)
    for epoch in range(2, _MOST_EPOCHS, 2):
        trainer.fit(train, epoch, progress=False)
        if -sl.rbm.log_likelihood(machine, train, threads=1).mean() < least + _NATS:
            return np.array(machine.as_ising().weights())
    raise RuntimeError(f"{data}, {method}, V={V}, H={H}: not learned in {_MOST_EPOCHS} epochs")


def hardly_trained(V: int, H: int, x: float, method: str, rng: np.random.Generator) -> np.ndarray:
    """Independent weights of x = s (VH)^(1/4) after five steps of s/200 on bars."""
    s = x / (V * H) ** 0.25
    machine = sl.rbm.RBM(V, H, std=s, rng=rng)
    before = np.array(machine.as_ising().weights())
    _trainer(machine, method, s / 200, 50, rng).fit(_bars(V, rng), 5, progress=False)
    W = np.array(machine.as_ising().weights())
    if np.linalg.norm(W - before, 2) > 0.1 * s * (math.sqrt(V) + math.sqrt(H)):
        raise RuntimeError("training has moved the weights too far from independent ones")
    return W


def shuffled(W: np.ndarray, log_T: float, rng: np.random.Generator) -> BipartiteIsing:
    """The entries at other places with other signs, at a distance from the line of independent ones."""
    W = rng.permutation(W.ravel()).reshape(W.shape) * rng.choice([-1.0, 1.0], W.shape)
    return BipartiteIsing(W * math.exp(-log_T) / (math.sqrt((W**2).mean()) * W.size**0.25))


def _bars(V: int, rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(samples("bars", V, rng)[0])[:50]


def _trainer(machine: Any, method: str, lr: float, batch: int, rng: np.random.Generator) -> sl.rbm.Trainer:
    negative = {"cd": sl.rbm.CD(10), "pcd": sl.rbm.PCD(5, n_chains=500), "exact": sl.rbm.Exact()}[method]
    return sl.rbm.Trainer(machine, negative, lr=lr, optimiser="adam", batch_size=batch, rng=rng)
