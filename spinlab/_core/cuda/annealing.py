"""Annealed importance sampling of two layers on the GPU: the walk of ``rbm.ais``, chain by chain the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import cuda

from .. import device
from ..philox import HIDDEN, VISIBLE
from .compile import cuda_kernel, device_function, launch, philox

THREADS = 128


@device_function
def _decide(word, field):
    """+1 with probability 1/(1 + exp(-2 field)), else -1: the likelier sign where u (1 + e^-2|f|) < 1."""
    u = (np.float64(word) + 0.5) * 2.0**-32
    likely = 1.0 if field >= 0.0 else -1.0
    return likely if u * (1.0 + math.exp(-2.0 * abs(field))) < 1.0 else -likely


@cuda_kernel
def _draw(x, b, beta, base, key, first, step, stream, out):
    """Units given their inputs x, at the field beta (x + b) + base; a thread takes a unit of four chains."""
    i, quad = cuda.grid(2)
    n_chains, n = x.shape
    r = 4 * quad
    if i < n and r < n_chains:
        x0, x1, x2, x3 = philox(key, np.uint32(i), np.uint32((first + r) >> 2), np.uint32(step), stream)
        out[r, i] = _decide(x0, beta * (x[r, i] + b[i]) + base[i])
        if r + 1 < n_chains:
            out[r + 1, i] = _decide(x1, beta * (x[r + 1, i] + b[i]) + base[i])
        if r + 2 < n_chains:
            out[r + 2, i] = _decide(x2, beta * (x[r + 2, i] + b[i]) + base[i])
        if r + 3 < n_chains:
            out[r + 3, i] = _decide(x3, beta * (x[r + 3, i] + b[i]) + base[i])


@cuda_kernel
def _collect(x, b, old, new, log_w):
    """log_w += sum_a ln 2cosh(new (x_a + b_a)) - ln 2cosh(old (x_a + b_a)); a block takes a chain."""
    sums = cuda.shared.array(THREADS, np.float64)
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    c = cuda.blockIdx.x
    total = 0.0
    for a in range(thread, x.shape[1], n_threads):
        y = abs(x[c, a] + b[a])
        total += (new - old) * y
        total += math.log((1.0 + math.exp(-2.0 * new * y)) / (1.0 + math.exp(-2.0 * old * y)))
    sums[thread] = total
    cuda.syncthreads()
    if thread == 0:
        for k in range(1, n_threads):
            total += sums[k]
        log_w[c] += total


def anneal_weights(
    factors: Sequence[np.ndarray],
    bv: np.ndarray,
    bh: np.ndarray,
    b0: np.ndarray,
    betas: np.ndarray,
    start: np.ndarray | None,
    n_chains: int,
    key: np.uint64,
    threads: int = THREADS,
) -> tuple[np.ndarray, np.ndarray]:
    """As ``rbm.ais.anneal_weights``: ln of the weights along ``betas`` and the final visible states.

    The product of ``factors`` is W (V, H), in their precision; weights are collected in float64.
    """
    xp = device.module("gpu")
    dtype, V, H = factors[0].dtype, len(bv), len(bh)
    each = dtype.itemsize * 4 * (V + H)
    fixed = dtype.itemsize * 2 * sum(x.size for x in factors)
    to_hidden = [xp.asarray(np.ascontiguousarray(x)) for x in factors]
    to_visible = [xp.asarray(np.ascontiguousarray(x.T)) for x in reversed(factors)]
    bv_xp, bh_xp, b0_xp, slope = (xp.asarray(b, dtype=np.float64) for b in (bv, bh, b0, bv - b0))
    none = xp.zeros(H)
    log_w, final = np.empty(n_chains), np.empty((n_chains, V), dtype=np.int8)

    def times(s: Any, matrices: list[Any]) -> Any:
        for matrix in matrices:
            s = s @ matrix
        return s

    what = f"annealing {n_chains} chains of {V} + {H} units"
    for own in device.blocks(n_chains, each, fixed, what, multiple=4):
        n = own.stop - own.start
        v, h, weights = xp.empty((n, V), dtype), xp.empty((n, H), dtype), xp.zeros(n)

        def draw(x: Any, b: Any, beta: float, base: Any, step: int, stream: np.uint32, out: Any) -> None:
            side = min(threads, out.shape[1])
            grid = -(-out.shape[1] // side), -(-len(out) // 4)
            launch(_draw, grid, (side, 1), x, b, beta, base, key, own.start, step, stream, out)  # noqa: B023

        if start is None:
            draw(xp.zeros((n, V), dtype), b0_xp, 0.0, b0_xp, 0, VISIBLE, v)
        else:
            v[:] = xp.asarray(start[own], dtype=dtype)
        for t in range(1, len(betas)):
            old, new = float(betas[t - 1]), float(betas[t])
            x = times(v, to_hidden)
            launch(_collect, n, min(threads, H), x, bh_xp, old, new, weights)
            weights += (new - old) * (v @ slope)
            draw(x, bh_xp, new, none, t, HIDDEN, h)
            draw(times(h, to_visible), bv_xp, new, (1.0 - new) * b0_xp, t, VISIBLE, v)
        log_w[own], final[own] = device.to_host(weights), device.to_host(v)
    return log_w, final
