"""The energy that one layer reaches alone: the mean of the best hidden layer over random visible states."""

from __future__ import annotations

import math

import numpy as np

from ..._core.jit import kernel
from ..._core.parallel import map_threads
from ...models import TwoLayerIsing
from .solver import Layer

MAX_UNITS = 40


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
        means = np.empty(len(c[units]))
        _mean_sizes(np.ascontiguousarray(W[:, units]), c[units], means)
        return means

    chunk = 64
    means = np.concatenate(map_threads(run, range(0, model.H, chunk), threads))
    return math.fsum([problem.offset, *-means])


@kernel
def _mean_sizes(W: np.ndarray, c: np.ndarray, out: np.ndarray) -> None:
    """out[a] = mean over v of |v.W[:, a] + c[a]|, as the mean distance of two independent sums x and y."""
    half = W.shape[0] // 2
    x, y = np.empty((1 << half) + 1), np.empty((1 << (W.shape[0] - half)) + 1)
    spare = np.empty(len(y))
    for a in range(len(out)):
        _sorted_sums(c[a], W[:half, a], x, spare)
        _sorted_sums(0.0, W[half:, a], y, spare)
        # |x - y| is the length of what lies between them: count the pairs around every gap.
        nx, ny = len(x) - 1, len(y) - 1
        i, j = 0, 0
        last = min(x[0], y[0])
        total = 0.0
        for _ in range(nx + ny):
            smaller = x[i] <= y[j]
            here = x[i] if smaller else y[j]
            total += (here - last) * (float(i) * (ny - j) + float(j) * (nx - i))
            last = here
            i += smaller
            j += 1 - smaller
        out[a] = total / (float(nx) * ny)


@kernel
def _sorted_sums(start: float, weights: np.ndarray, out: np.ndarray, spare: np.ndarray) -> None:
    """start +- weights[0] +- weights[1] .. in ascending order, then an infinity."""
    out[0] = start
    size = 1
    for k in range(len(weights)):
        w = abs(weights[k])
        for l in range(size):
            spare[l] = out[l]
        i, j = 0, 0  # in spare - w and in spare + w, which never ends first
        while i < size:
            smaller = spare[i] - w <= spare[j] + w
            out[i + j] = spare[i] - w if smaller else spare[j] + w
            i += smaller
            j += 1 - smaller
        while j < size:
            out[i + j] = spare[j] + w
            j += 1
        size *= 2
    out[size] = np.inf
