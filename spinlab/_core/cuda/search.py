"""Lowest energy of every chunk of the states of a small dense model, all states visited.

The spins are ordered as in ``exact``: spin 0 is fixed at +1; of the free ones, most significant first, some
number the chunk, ``middle`` number the steps within it, and the last rows + lanes bits the states of a step:

    E(d, b, c, a) = E_db + T[c, a] + FC[c] + FA[a]

with the table T of all energies within the last spins (in shared memory, loaded once per chunk) and FC, FA
their energies in the fields of the other spins. A thread keeps STATES x LANES minima in registers, so that
one entry of T and one of FC serve several additions and comparisons.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import cuda

from .. import device
from .compile import cuda_kernel, launch

STATES_BITS = 3  # steps that are taken together
STATES = 1 << STATES_BITS
LANES = 4  # lanes of a thread
MAX_SPINS = 64
THREADS = 256
# Roundings of float32 on the way to an energy: of T, FC, FA and their two sums, each below 2^-24 size.
FLOAT32_ERROR = 8 * 2.0**-24


@cache
def make_search(row_bits: int, lane_bits: int, dtype: Any, max_threads: int = THREADS) -> Any:
    """The kernel for a table of 2^row_bits x 2^lane_bits."""
    rows, lanes = 1 << row_bits, 1 << lane_bits
    low = row_bits + lane_bits
    tiles = lanes // LANES
    infinity = dtype(np.inf)

    @cuda_kernel
    def search(G, T, within, middle, first_chunk, out):
        """out[k] = lowest energy of chunk first_chunk + k; ``within``: energies of the middle spins alone."""
        table = cuda.shared.array((rows, lanes), dtype)
        FC = cuda.shared.array((rows, STATES), dtype)
        FA = cuda.shared.array((STATES, lanes), dtype)
        base = cuda.shared.array(MAX_SPINS, np.float64)
        energy = cuda.shared.array(MAX_SPINS, np.float64)
        offset = cuda.shared.array(STATES, np.float64)
        h = cuda.shared.array((STATES, low), np.float64)
        lowest = cuda.shared.array(max_threads, dtype)
        minima = cuda.local.array((STATES, LANES), dtype)
        thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
        n = G.shape[0] - 1
        top = n - low - middle
        chunk = first_chunk + cuda.blockIdx.x

        for k in range(thread, rows * lanes, n_threads):
            table[k // lanes, k % lanes] = T[k // lanes, k % lanes]
        # Fields of the fixed spin and of those that number the chunk, and the energy of these.
        for i in range(1 + thread, n + 1, n_threads):
            x = G[0, i]
            for j in range(1, min(i, top + 1)):
                x += G[j, i] if (chunk >> (top - j)) & 1 else -G[j, i]
            base[i] = x
            if i <= top:
                energy[i] = -x if (chunk >> (top - i)) & 1 else x
        cuda.syncthreads()
        fixed = 0.0
        for i in range(1, top + 1):
            fixed += energy[i]

        best = infinity
        for step in range(0, 1 << middle, STATES):
            for k in range(thread, STATES * (low + 1), n_threads):
                q, i = k // (low + 1), k % (low + 1)
                state = step + q
                if i < low:
                    x = base[top + middle + 1 + i]
                    for j in range(middle):
                        g = G[top + 1 + j, top + middle + 1 + i]
                        x += g if (state >> (middle - 1 - j)) & 1 else -g
                    h[q, i] = x
                else:
                    x = fixed + within[state]
                    for j in range(middle):
                        g = base[top + 1 + j]
                        x -= g if (state >> (middle - 1 - j)) & 1 else -g
                    offset[q] = x
            cuda.syncthreads()
            for k in range(thread, rows * STATES, n_threads):
                c, q = k // STATES, k % STATES
                x = 0.0
                for i in range(row_bits):
                    x -= h[q, i] if (c >> (row_bits - 1 - i)) & 1 else -h[q, i]
                FC[c, q] = x
            for k in range(thread, lanes * STATES, n_threads):
                q, a = k // lanes, k % lanes
                x = offset[q]
                for i in range(lane_bits):
                    x -= h[q, row_bits + i] if (a >> (lane_bits - 1 - i)) & 1 else -h[q, row_bits + i]
                FA[q, a] = x
            cuda.syncthreads()
            # A thread takes LANES lanes (tiles apart, so that neighbours read neighbours) of some rows.
            slices = max(1, n_threads // tiles)
            for tile in range(thread % tiles, tiles, min(n_threads, tiles)):
                for q in range(STATES):
                    for l in range(LANES):
                        minima[q, l] = infinity
                for c in range(thread // tiles, rows, slices):
                    for l in range(LANES):
                        entry = table[c, tile + l * tiles]
                        for q in range(STATES):
                            minima[q, l] = min(minima[q, l], entry + FC[c, q])
                for q in range(STATES):
                    for l in range(LANES):
                        best = min(best, minima[q, l] + FA[q, tile + l * tiles])
        lowest[thread] = best
        cuda.syncthreads()
        if thread == 0:
            for k in range(1, n_threads):
                best = min(best, lowest[k])
            out[cuda.blockIdx.x] = best

    return search


def chunk_minima(
    G: np.ndarray,
    table: Callable[[np.ndarray], np.ndarray],
    chunk_bits: int,
    *,
    row_bits: int = 6,
    lane_bits: int = 7,
    dtype: Any = np.float32,
    threads: int = THREADS,
    blocks: int = 1 << 16,
) -> np.ndarray:
    """Lowest energy of every chunk of 2^chunk_bits states, float32 unless another ``dtype`` is given.

    ``G`` (n + 1, n + 1) holds the couplings of ``exact._search.Search``, ``table(G)`` all energies of a
    few spins in the same order. The minima are off by at most ``FLOAT32_ERROR`` sum_{i<j} |G_ij|.
    """
    xp = device.module("gpu")
    n, low = len(G) - 1, row_bits + lane_bits
    middle = chunk_bits - low
    if not (STATES_BITS <= middle <= n - low and n < MAX_SPINS):
        raise ValueError(
            f"chunk_bits must be {low + STATES_BITS} to {n} for {n} free spins, got {chunk_bits}; "
            "fewer spins are a matter for the CPU"
        )
    first = n + 1 - low
    T = table(G[first:, first:]).reshape(1 << row_bits, 1 << lane_bits)
    within = table(G[first - middle : first, first - middle : first])
    kernel = make_search(row_bits, lane_bits, np.dtype(dtype).type, threads)
    arrays = xp.asarray(G), xp.asarray(T, dtype=dtype), xp.asarray(within)
    n_chunks = 1 << (n - chunk_bits)
    device.check_fits(blocks * 8 + T.nbytes + within.nbytes, "the search")
    out = np.empty(n_chunks, dtype)
    for start in range(0, n_chunks, blocks):
        part = xp.empty(min(blocks, n_chunks - start), dtype)
        launch(kernel, len(part), threads, *arrays, middle, start, part)
        out[start : start + len(part)] = device.to_host(part)
    return out
