"""Are trained standard RBMs well approximated by few patterns? (arXiv:1910.01592, conjecture of Sec. VI.)

Claim: the singular values of trained weights suggest that trained RBMs are well approximated by RA-RBMs,
that is by W = c sum_k xi_v^k (x) xi_h^k with few binary patterns of equal weight.

Measurement: standard RBMs are trained, their weights fitted by K binary patterns and, for comparison, cut
to the K largest singular values, which is the best that K real patterns of free norm can do; the same is
done to the same weights shuffled. Judged by the share of the weights' square that is left over and by the
likelihood of the fitted machine (on the training images of bars, the test images of digits).

Figure: left over share and likelihood against K for each data set.

Expected: the cut to few singular values keeps the likelihood; binary patterns need many more, because one
pattern changes every weight by the same amount.

Runtime: paper preset about 2 minutes on 2 cores, small preset seconds.
Verdict: few directions suffice, few binary patterns do not.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _figures

SMALL: dict[str, Any] = {"datasets": ("bars",), "K": (1, 2, 4, 8, 16), "runs": 3, "seed": 10}
PAPER: dict[str, Any] = {"datasets": ("bars", "digits"), "K": (1, 2, 4, 8, 16, 32, 64), "runs": 5, "seed": 10}
FITS = ("binary patterns", "singular values", "shuffled, binary")
SWEEPS = 20  # over all patterns, in the fit


def point(dataset: str, K: tuple[int, ...], rng: int) -> dict[str, Any]:
    """Train one RBM and fit it with each number of patterns."""
    generator = np.random.default_rng(rng)
    data, trainer, epochs = trained_by(dataset, rng)
    trainer.fit(data.train, epochs, progress=False)
    rbm = trainer.machine
    judged = data.train if dataset == "bars" else data.test
    W = rbm.W.astype(float)
    shuffled = generator.permuted(W.ravel()).reshape(W.shape)
    left, nll = np.full((len(FITS), len(K)), np.nan), np.full((2, len(K)), np.nan)
    for j, size in enumerate(K):
        if size > min(W.shape):
            continue
        fits = fit_patterns(W, size, generator), cut(W, size), fit_patterns(shuffled, size, generator)
        for i, (fit, target) in enumerate(zip(fits, (W, W, shuffled), strict=True)):
            left[i, j] = ((target - fit) ** 2).sum() / (target**2).sum()
        nll[:, j] = [judge(rbm, fit, judged, rng) for fit in fits[:2]]
    return {"left": left, "nll": nll, "nll_trained": judge(rbm, W, judged, rng), "std_W": float(W.std())}


def trained_by(dataset: str, rng: int) -> tuple[sl.datasets.Dataset, sl.rbm.Trainer, int]:
    """Data, trainer and epochs: the exact gradient for bars, centred PCD for digits and MNIST."""
    if dataset == "bars":
        data = sl.datasets.bars(4)
        machine = sl.rbm.RBM(data.V, 64, std=0.01, rng=rng)
        return data, sl.rbm.Trainer(machine, sl.rbm.Exact(), lr=0.02, batch_size=10, rng=rng), 300
    data = sl.datasets.digits()
    epochs, batch = (5 if dataset == "short digits" else 60), 50
    if dataset == "mnist":
        data = sl.datasets.mnist()
        data, epochs, batch = replace(data, train=data.train[:10_000], test=data.test[:500]), 10, 100
    machine = sl.rbm.RBM(data.V, 128, std=0.01, biases=True, rng=rng)
    machine.parameters["bv"][:] = sl.rbm.data_biases(data.train)
    schedule = sl.rbm.Linear(epochs, 0.02)
    trainer = sl.rbm.Trainer(
        machine, sl.rbm.PCD(1, 100), lr=0.02, batch_size=batch, schedule=schedule, rng=rng
    )
    return data, trainer, epochs


def fit_patterns(W: np.ndarray, K: int, generator: np.random.Generator) -> np.ndarray:
    """c sum_k x_k (x) y_k nearest to W: each pattern in turn given the others, then c.

    Given the rest R of the weights, the best pair of signs maximises x.R.y: alternating signs, from the
    leading singular vector. A local optimum, so an upper bound of what is left over.
    """
    c = np.abs(W).mean() / K**0.5
    x = np.zeros((K, W.shape[0]))
    y = np.zeros((K, W.shape[1]))
    for step in range(SWEEPS):
        for k in range(K):
            x[k] = 0.0
            rest = W - c * (x.T @ y)
            y_k = y[k] if step else np.sign(np.linalg.svd(rest, full_matrices=False)[2][0] + 1e-300)
            for _ in range(50):
                x_k = np.where(rest @ y_k >= 0, 1.0, -1.0)
                new = np.where(x_k @ rest >= 0, 1.0, -1.0)
                if (new == y_k).all():
                    break
                y_k = new
            x[k], y[k] = x_k, y_k
        total = x.T @ y
        c = (W * total).sum() / (total**2).sum()
    return c * (x.T @ y)


def cut(W: np.ndarray, K: int) -> np.ndarray:
    """W with its K largest singular values alone."""
    u, s, v = np.linalg.svd(W, full_matrices=False)
    return (u[:, :K] * s[:K]) @ v[:K]


def judge(rbm: sl.rbm.RBM, W: np.ndarray, images: np.ndarray, rng: int) -> float:
    """NLL of the machine with other weights and the same biases, exact where that is possible."""
    biases = (rbm.parameters["bv"], rbm.parameters["bh"]) if rbm.has_biases else ()
    model = sl.models.BipartiteIsing(W, *biases)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.rbm.AISWarning)
        exact = min(W.shape) <= 20
        kept: dict[str, Any] = {} if exact else {"base_biases": sl.rbm.data_biases(images), "n_chains": 50}
        method = "exact" if exact else "ais"
        return sl.rbm.negative_log_likelihood(model, images, method=method, rng=rng, threads=1, **kept).nll


def sweep(preset: dict[str, Any]) -> sl.sweeps.Sweep:
    """Independent machines of each data set."""
    return sl.sweeps.Sweep(
        point,
        axes={"dataset": preset["datasets"]},
        fixed={"K": preset["K"]},
        replicas=preset["runs"],
        seed=preset["seed"],
        dims={"left": ("fit", "patterns"), "nll": ("fitted", "patterns")},
        coords={"fit": FITS, "fitted": FITS[:2], "patterns": preset["K"]},
    )


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    data = output.run(sweep(settings), "ra_fit", workers, progress)
    output.figure(plot(data, settings), "ra_fit")
    output.verdict(*verdict(data, settings, preset))
    return output


def plot(data: Any, settings: dict[str, Any]) -> Any:
    """What is left of the weights, and the likelihood."""
    import matplotlib.pyplot as plt

    names = settings["datasets"]
    with plotting.style():
        figure, axes = plt.subplots(len(names), 2, figsize=(7.6, 2.9 * len(names)), squeeze=False,
                                    layout="constrained")  # fmt: skip
        for (left, right), name in zip(axes, names, strict=True):
            run = data.sel(dataset=name)
            x = run["patterns"].values
            plotting.lines(left, run["left"], x, "fit")
            left.set(xscale="log", xlabel="number of patterns $K$", title=name,
                     ylabel="left over share of $W^2$", ylim=(0, 1))  # fmt: skip
            plotting.lines(right, run["nll"], x, "fitted")
            right.axhline(float(run["nll_trained"].mean()), color="black", linestyle="--", linewidth=1,
                          label="the trained machine")  # fmt: skip
            right.set(xscale="log", yscale="log", xlabel="number of patterns $K$",
                      ylabel="NLL, nats per image", title=f"{name}: fitted machine")  # fmt: skip
            left.legend(fontsize=9)
            right.legend(fontsize=9)
        _figures.letters(axes.flat)
    return figure


def verdict(data: Any, settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """What is left over and the likelihoods by K."""
    rows, table = [], {}
    for name in settings["datasets"]:
        run = data.sel(dataset=name)
        trained = float(run["nll_trained"].mean())
        table[name] = {"trained": trained}
        for K in settings["K"]:
            part = run.sel(patterns=K).mean("replica")
            left = {fit: float(part["left"].sel(fit=fit)) for fit in FITS}
            nll = {fit: float(part["nll"].sel(fitted=fit)) for fit in FITS[:2]}
            if not np.isfinite(left[FITS[0]]):
                continue
            table[name][str(K)] = {"left": left, "nll": nll}
            shares, likelihoods = (f"{left[fit]:.3f}" for fit in FITS), (f"{nll[fit]:.2f}" for fit in nll)
            rows.append([name, str(K), *shares, *likelihoods, f"{trained:.2f}"])
    text = "\n".join(
        [
            f"# Trained weights by few patterns, preset {preset}\n",
            "Standard RBMs: 4x4 bars, 64 hidden units, exact gradient; digits of 8x8, 128 hidden units, "
            f"centred PCD. {settings['runs']} machines each, means; spinlab {sl.__version__}, seed "
            f"{settings['seed']}.\n",
            markdown_table(
                [
                    "data",
                    "K",
                    "left over: binary",
                    "singular values",
                    "shuffled weights, binary",
                    "NLL: binary",
                    "singular values",
                    "trained",
                ],
                rows,
            ),
            "The fit by binary patterns is a local optimum, hence an upper bound of what is left over.\n",
        ]
    )
    return text, {
        "study": "ra_fit",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "table": table,
    }
