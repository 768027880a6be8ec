"""Exact negative phase of a small machine, what patterns give in its place, and how far the two are apart.

C_ia = <v_i h_a> is the negative phase of a machine without biases with respect to its weights. With
W = c sum_k x^k (x) y^k (K patterns, c = scale / sqrt K) Eq. (6) of arXiv:1910.01592 puts an average over the
patterns in its place, read in one of two ways.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import spinlab as sl

READINGS = {
    "field": "patterns, hidden units summed out",
    "own": "patterns, their own hidden parts",
    "boltzmann": "patterns, weighted by exp(-F)",
    "tanh": "guess tanh W",
    "zero": "guess 0",
}
NUMBERS = ("error", "cosine", "length", "gradient_cosine", "gradient_length")


def exact_correlations(W: np.ndarray) -> np.ndarray:
    """C_ia = <v_i h_a>, all states of the smaller layer enumerated, shape (V, H)."""
    return np.asarray(sl.rbm.RBM.from_weights(W, dtype="float64").exact_statistics()["W"])


def pattern_weights(x: np.ndarray, W: np.ndarray) -> np.ndarray:
    """exp(-F(x^k)) of each pattern, normalised to a sum of 1."""
    a = np.abs(x @ W)
    log_w = (a + np.log1p(np.exp(-2 * a))).sum(1)
    w = np.exp(log_w - log_w.max())
    return np.asarray(w / w.sum())


def readings(x: np.ndarray, y: np.ndarray, W: np.ndarray) -> dict[str, np.ndarray]:
    """What stands for C, for patterns of signs x (K, V) and y (K, H)."""
    t = np.tanh(x @ W)
    return {
        "field": x.T @ t / len(x),
        "own": x.T @ y / len(x),
        "boltzmann": (x * pattern_weights(x, W)[:, None]).T @ t,
        "tanh": np.tanh(W),
        "zero": np.zeros_like(W),
    }


def compare(N: np.ndarray, C: np.ndarray, P: np.ndarray | None, x: np.ndarray, y: np.ndarray) -> list[float]:
    """NUMBERS of one stand-in N for C: |N - C|/|C|, cosine and ratio of lengths, and the latter two for the
    gradient with respect to the patterns, (P - N) through x and y, where P is the positive phase."""
    found = [float(np.linalg.norm(N - C) / np.linalg.norm(C)), cosine(N, C), length(N, C)]
    if P is None:
        return [*found, np.nan, np.nan]
    guess, true = (np.concatenate([(y @ D.T).ravel(), (x @ D).ravel()]) for D in (P - N, P - C))
    return [*found, cosine(guess, true), length(guess, true)]


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """a.b / |a||b|, nan where one of them is zero."""
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    return float(np.vdot(a, b) / norms) if norms else np.nan


def length(a: np.ndarray, b: np.ndarray) -> float:
    """|a| / |b|."""
    return float(np.linalg.norm(a) / np.linalg.norm(b))


def left_by_best_factor(cosine: Any) -> Any:
    """min over f of |f N - C| / |C| = sqrt(1 - cosine^2)."""
    return np.sqrt(np.maximum(0.0, 1 - np.square(cosine)))


def best_factor(cosine: Any, length: Any) -> Any:
    """The f of the minimum of |f N - C|: N.C / N.N = cosine / length."""
    return cosine / length


def after_steps(
    x: np.ndarray, W: np.ndarray, C: np.ndarray, steps: int, copies: int, rng: np.random.Generator
) -> tuple[float, float, np.ndarray]:
    """(bias, noise, mean) of the negative phase after Gibbs steps from the patterns, the first two relative
    to |C|.

    Bias: of its mean over infinitely many repetitions, from the product of the errors of two independent
    halves, which contains no noise of theirs; negative squares within the noise are returned as zero. Noise:
    the standard deviation of one repetition of K chains.
    """
    model = sl.models.BipartiteIsing(W)
    if steps == 0:
        N = readings(x, x, W)["field"]
        return float(np.linalg.norm(N - C) / np.linalg.norm(C)), 0.0, N
    start = np.tile(x, (copies, 1)).astype(np.int8)
    chains = sl.dynamics.block_gibbs(model, steps, len(start), initial=start, rng=rng, threads=1)
    v = chains.states[:, : len(W)].astype(float).reshape(copies, len(x), -1)
    each = np.einsum("rki,rka->ria", v, np.tanh(v @ W)) / len(x) - C
    one, two = each[0::2].mean(0), each[1::2].mean(0)
    squared = float(np.vdot(one, two) / np.vdot(C, C))
    noise = float(np.sqrt(each.var(0, ddof=1).sum() / np.vdot(C, C)))
    return float(np.sqrt(max(0.0, squared))), noise, each.mean(0) + C
