"""The energy that one layer reaches alone: the mean of the best hidden layer over random visible states."""

from __future__ import annotations

import math

import numpy as np

from ..._core.jit import kernel
from ..._core.parallel import map_threads
from ...models import TwoLayerIsing
from .solver import Layer
from .tiles import signed_sums

MAX_UNITS = 40
_TOGETHER = 4


def random_start_energy(model: TwoLayerIsing, *, threads: int | None = None) -> float:
    """Exact mean of min_h E(v, h) over uniformly random visible states v.

    E_rand = offset - 2^-V sum_v sum_a |(v W)_a + bh_a|: what the hidden layer alone can do, and so the
    value from which an accessibility should be read. For each hidden unit the visible layer is split in
    two halves whose partial sums are sorted: H 2^(V/2) operations instead of H 2^V.

    Parameters
    ----------
    model : TwoLayerIsing
        V <= 40 visible units, any number of hidden ones.
    threads : int, optional
        Default: all processors. The result does not depend on it.

    Raises
    ------
    TypeError, ValueError
        If the model has no two layers or more than 40 visible units: there, average over sampled states.

    Examples
    --------
    >>> from spinlab.exact import layer
    >>> from spinlab.models import BipartiteIsing
    >>> layer.random_start_energy(BipartiteIsing([[1, -2], [1, 0]]))
    -3.0
    """
    if not isinstance(model, TwoLayerIsing):
        raise TypeError(f"random_start_energy needs a model of two layers, got {type(model).__name__}")
    if model.V > MAX_UNITS:
        raise ValueError(
            f"the exact mean takes H 2**(V/2) operations and is limited to V={MAX_UNITS}, got "
            f"V={model.V}; average -bv.v - |v W + bh|.sum() over random v instead"
        )
    problem = Layer.of(model, "visible", limit=False)
    W, c = problem.W, problem.c
    if not c.any():
        W, c = W[:-1], W[-1]  # |x| does not change with the sign of v

    def run(first: int) -> np.ndarray:
        units = slice(first, first + chunk)
        W_, c_ = W[:, units], c[units]
        padding = -len(c_) % _TOGETHER
        W_, c_ = np.pad(W_, ((0, 0), (0, padding))), np.pad(c_, (0, padding))
        half, means = len(W_) // 2, np.empty(len(c_))
        # The mean distance of two independent sums.
        _mean_distances(_sorted_sums(c_, W_[:half]), _sorted_sums(np.zeros_like(c_), W_[half:]), means)
        return means[: len(means) - padding]

    chunk = max(_TOGETHER, min(64, 2**17 >> (len(W) + 1) // 2))  # sums that fit into a cache
    means = np.concatenate(map_threads(run, range(0, model.H, chunk), threads))
    return math.fsum([problem.offset, *-means])


def _sorted_sums(start: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """start +- weights[0] +- weights[1] .. of each column in ascending order, then an infinity."""
    n = 1 << len(weights)
    out = np.full((len(start), n + 1), np.inf)
    out[:, :n] = signed_sums(start, weights)
    out[:, :n].sort(axis=1)
    return out


@kernel
def _mean_distances(x: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
    """out[a] = mean of |x_ai - y_aj| over i and j; a few a together, because each step waits for the last."""
    nx, ny = x.shape[1] - 1, y.shape[1] - 1
    i, j = np.empty(_TOGETHER, np.int64), np.empty(_TOGETHER, np.int64)
    last, total = np.empty(_TOGETHER), np.empty(_TOGETHER)
    for a in range(0, len(out), _TOGETHER):
        for k in range(_TOGETHER):
            i[k] = j[k] = 0
            last[k] = min(x[a + k, 0], y[a + k, 0])
            total[k] = 0.0
        # |x - y| is the length of what lies between them: count the pairs around every gap.
        for _ in range(nx + ny):
            for k in range(_TOGETHER):
                u, v = x[a + k, i[k]], y[a + k, j[k]]
                smaller = u <= v
                here = u if smaller else v
                total[k] += (here - last[k]) * (float(i[k]) * (ny - j[k]) + float(j[k]) * (nx - i[k]))
                last[k] = here
                i[k] += smaller
                j[k] += 1 - smaller
        for k in range(_TOGETHER):
            out[a + k] = total[k] / (float(nx) * ny)
