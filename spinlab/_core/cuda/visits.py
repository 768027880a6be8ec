"""Single-spin dynamics of many chains on the GPU: the random numbers and decisions of the CPU's loops.

Dense models: a block of threads takes GROUP chains. For SITES sites at a time it draws the thresholds of all
its chains; then it goes from site to site: one thread per chain decides, and all threads add the flips to the
fields, reading the row of J (from L2, which all blocks share) once for all chains of the group.

Patterns: a thread per chain, its overlaps in registers. Sparse models: a thread per chain, which sums the
field of a site from its neighbours; the states lie site by site, so that neighbouring threads read
neighbouring bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda

from ..philox import UPDATE
from .compile import cuda_kernel, device_function, heat_share, philox, threshold

GROUP = 4  # chains of one block on a dense model: those that share a Philox counter
SITES = 64  # whose thresholds are drawn together
SPARSE_SITES = 16  # the thresholds of a warp's chains at so many sites fill 4 KB


@device_function
def _flips(metropolis, x, s, threshold):
    """Whether a spin s flips in the field x = 2 beta h."""
    if metropolis:
        return s * x < threshold
    return (x > threshold) != (s > 0)


@device_function
def _visit(
    J,
    b,
    metropolis,
    typical,
    betas,
    factors,
    s,
    h,
    moved,
    key,
    first,
    start,
    stop,
    refresh,
    thresholds,
    heat,
    change,
):
    """Steps start..stop-1 of the GROUP chains of this block; the last group may have fewer."""
    n = len(b)
    low_chain = cuda.blockIdx.x * GROUP
    n_chains = min(GROUP, len(s) - low_chain)
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    group = np.uint32((first + low_chain) >> 2)
    for t in range(start, stop):
        twice_beta = 2.0 * betas[min(t, len(betas) - 1)]
        cuda.syncthreads()
        for r in range(thread, GROUP, n_threads):
            heat[r] = heat_share(twice_beta * factors[low_chain + min(r, n_chains - 1)] * typical)
        cuda.syncthreads()
        if t % refresh == 0:
            for j in range(thread, n, n_threads):
                for r in range(n_chains):
                    x = b[j]
                    for i in range(n):
                        x += J[i, j] * s[low_chain + r, i]
                    h[r, j] = x
        for low in range(0, n, SITES):
            for k in range(thread, min(SITES, n - low), n_threads):
                x0, x1, x2, x3 = philox(key, np.uint32(low + k), group, np.uint32(t), UPDATE)
                thresholds[k, 0] = threshold(x0, metropolis, heat[0])
                thresholds[k, 1] = threshold(x1, metropolis, heat[1])
                thresholds[k, 2] = threshold(x2, metropolis, heat[2])
                thresholds[k, 3] = threshold(x3, metropolis, heat[3])
            for i in range(low, min(low + SITES, n)):
                cuda.syncthreads()
                if thread < n_chains:
                    r = low_chain + thread
                    old = s[r, i]
                    x = twice_beta * factors[r] * h[thread, i]
                    flips = _flips(metropolis, x, old, thresholds[i - low, thread])
                    change[thread] = -2 * old if flips else 0
                    if flips:
                        s[r, i] = -old
                        moved[r, i] = True
                cuda.syncthreads()
                for r in range(n_chains):
                    x = change[r]
                    if x != 0:
                        for j in range(thread, n, n_threads):
                            h[r, j] += x * J[i, j]
            cuda.syncthreads()


def make_dense(width: int, dtype: Any) -> Any:
    """The kernel with fields in shared memory, room for ``width`` sites; 0: fields in global memory."""
    if width:

        @cuda_kernel
        def in_shared(
            J, b, metropolis, typical, betas, factors, s, fields, moved, key, first, start, stop, refresh
        ):
            h = cuda.shared.array((GROUP, width), dtype)
            thresholds = cuda.shared.array((SITES, GROUP), np.float64)
            heat = cuda.shared.array(GROUP, np.float64)
            change = cuda.shared.array(GROUP, dtype)
            own = fields[cuda.blockIdx.x]
            for j in range(cuda.threadIdx.x, len(b), cuda.blockDim.x):
                for r in range(GROUP):
                    h[r, j] = own[r, j]
            _visit(
                J,
                b,
                metropolis,
                typical,
                betas,
                factors,
                s,
                h,
                moved,
                key,
                first,
                start,
                stop,
                refresh,
                thresholds,
                heat,
                change,
            )
            for j in range(cuda.threadIdx.x, len(b), cuda.blockDim.x):
                for r in range(GROUP):
                    own[r, j] = h[r, j]

        return in_shared

    @cuda_kernel
    def in_global(
        J, b, metropolis, typical, betas, factors, s, fields, moved, key, first, start, stop, refresh
    ):
        thresholds = cuda.shared.array((SITES, GROUP), np.float64)
        heat = cuda.shared.array(GROUP, np.float64)
        change = cuda.shared.array(GROUP, dtype)
        own = fields[cuda.blockIdx.x]
        _visit(
            J,
            b,
            metropolis,
            typical,
            betas,
            factors,
            s,
            own,
            moved,
            key,
            first,
            start,
            stop,
            refresh,
            thresholds,
            heat,
            change,
        )

    return in_global


def make_pattern(width: int) -> Any:
    """The kernel for ``width`` patterns (zeros fill up): a thread per chain, its overlaps in registers."""

    @cuda_kernel
    def visit(
        xi,
        scale,
        d,
        b,
        metropolis,
        typical,
        betas,
        factors,
        s,
        overlaps,
        moved,
        key,
        first,
        start,
        stop,
        refresh,
    ):
        r = cuda.grid(1)
        n = xi.shape[0]
        if r < s.shape[1]:
            m = cuda.local.array(width, np.float64)
            for k in range(width):
                m[k] = overlaps[k, r]
            group = np.uint32((first + r) >> 2)
            lane = (first + r) & 3
            for t in range(start, stop):
                twice_beta = 2.0 * betas[min(t, len(betas) - 1)]
                heat = heat_share(twice_beta * factors[r] * typical)
                if t % refresh == 0:
                    for k in range(width):
                        m[k] = 0.0
                    for i in range(n):
                        for k in range(width):
                            m[k] += xi[i, k] * s[i, r]
                for i in range(n):
                    x0, x1, x2, x3 = philox(key, np.uint32(i), group, np.uint32(t), UPDATE)
                    word = x0 if lane == 0 else x1 if lane == 1 else x2 if lane == 2 else x3
                    h = 0.0
                    for k in range(width):
                        h += xi[i, k] * m[k]
                    old = s[i, r]
                    x = twice_beta * factors[r] * ((scale * h - d[i] * old) + b[i])
                    if _flips(metropolis, x, old, threshold(word, metropolis, heat)):
                        s[i, r] = -old
                        moved[i, r] = True
                        for k in range(width):
                            m[k] -= 2 * old * xi[i, k]
            for k in range(width):
                overlaps[k, r] = m[k]

    return visit


@device_function
def _field(indptr, indices, data, b, s, i, r):
    """h_i = sum_j J_ij s_j + b_i of the chain r."""
    h = b[i]
    for e in range(indptr[i], indptr[i + 1]):
        h += data[e] * s[indices[e], r]
    return h


def make_sparse(width: int) -> Any:
    """The kernel for blocks of ``width`` chains, a multiple of 4 (those that share a Philox counter)."""
    quads = width // 4

    @cuda_kernel
    def visit(
        indptr, indices, data, b, metropolis, typical, betas, factors, s, moved, key, first, start, stop
    ):
        thresholds = cuda.shared.array((SPARSE_SITES, width), np.float64)
        heat = cuda.shared.array(width, np.float64)
        n, n_chains = s.shape
        low_chain = cuda.blockIdx.x * width
        thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
        for t in range(start, stop):
            twice_beta = 2.0 * betas[min(t, len(betas) - 1)]
            for k in range(thread, width, n_threads):
                heat[k] = heat_share(twice_beta * factors[min(low_chain + k, n_chains - 1)] * typical)
            cuda.syncthreads()
            for low in range(0, n, SPARSE_SITES):
                for k in range(thread, min(SPARSE_SITES, n - low) * quads, n_threads):
                    site, q = k // quads, k % quads
                    group = np.uint32(((first + low_chain) >> 2) + q)
                    x0, x1, x2, x3 = philox(key, np.uint32(low + site), group, np.uint32(t), UPDATE)
                    thresholds[site, 4 * q] = threshold(x0, metropolis, heat[4 * q])
                    thresholds[site, 4 * q + 1] = threshold(x1, metropolis, heat[4 * q + 1])
                    thresholds[site, 4 * q + 2] = threshold(x2, metropolis, heat[4 * q + 2])
                    thresholds[site, 4 * q + 3] = threshold(x3, metropolis, heat[4 * q + 3])
                cuda.syncthreads()
                for k in range(thread, min(width, n_chains - low_chain), n_threads):
                    r = low_chain + k
                    for i in range(low, min(low + SPARSE_SITES, n)):
                        x = twice_beta * factors[r] * _field(indptr, indices, data, b, s, i, r)
                        old = s[i, r]
                        if _flips(metropolis, x, old, thresholds[i - low, k]):
                            s[i, r] = -old
                            moved[i, r] = True
                cuda.syncthreads()

    return visit


@cuda_kernel
def sparse_energy(indptr, indices, data, b, s, out):
    """E = -(1/2) sum_i s_i (h_i + b_i); a thread takes a chain."""
    r = cuda.grid(1)
    if r < s.shape[1]:
        total = 0.0
        for i in range(s.shape[0]):
            total += s[i, r] * (_field(indptr, indices, data, b, s, i, r) + b[i])
        out[r] = -0.5 * total
