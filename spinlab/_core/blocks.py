"""The walk over the states of a small model, block by block.

The free spins of a matrix of couplings (spin 0 is fixed at +1) form three groups, most significant
first: spins 1 .. first - 1 number the chunk, the next ``chunk_bits`` number its blocks, the last
BLOCK_BITS the states of a block, ROWS x LANES of them. E[l], H[l] are the energy and the fields with l of
the middle spins fixed, so a step of the counter redoes only the rows below the highest bit that changed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import kernel

# 2**C_BITS rows of 2**A_BITS lanes: 128 KB in float64, and long enough to hide the cost of a block.
A_BITS = 7
C_BITS = 7
BLOCK_BITS = A_BITS + C_BITS
LANES = 1 << A_BITS
ROWS = 1 << C_BITS


@kernel
def work_space(n: Any, chunk_bits: Any) -> Any:
    """E, H and the energies FC, FA of the rows and the lanes of a block in the fields of the other spins."""
    return np.empty(chunk_bits + 1), np.empty((chunk_bits + 1, n)), np.empty(ROWS), np.empty(LANES)


@kernel
def enter(G: Any, chunk: Any, chunk_bits: Any, E: Any, H: Any) -> None:
    """Fix the spins that number the chunk."""
    n = G.shape[0]
    first = n - BLOCK_BITS - chunk_bits
    E[0] = 0.0
    for i in range(n):
        H[0, i] = G[0, i]
    for j in range(1, first):
        s = 1.0 if (chunk >> (first - 1 - j)) & 1 else -1.0
        E[0] -= s * H[0, j]
        for i in range(j + 1, n):
            H[0, i] += s * G[j, i]


@kernel
def _above(energy: Any, h: Any, rest: Any, threshold: Any) -> Any:
    bound = energy + rest
    for x in h:
        bound -= abs(x)
    return bound > threshold


@kernel
def descend(G: Any, rest: Any, block: Any, chunk_bits: Any, threshold: Any, E: Any, H: Any) -> Any:
    """Fix the middle spins; return how many blocks, from this one on, lie above the threshold."""
    n = G.shape[0]
    first = n - BLOCK_BITS - chunk_bits
    start = 0
    if block > 0:
        start = chunk_bits - 1
        while (block >> (chunk_bits - 1 - start)) & 1 == 0:
            start -= 1
    elif _above(E[0], H[0, first:], rest[0], threshold):
        return 1 << chunk_bits
    for l in range(start, chunk_bits):
        j = first + l
        s = 1.0 if (block >> (chunk_bits - 1 - l)) & 1 else -1.0
        E[l + 1] = E[l] - s * H[l, j]
        for i in range(j + 1, n):
            H[l + 1, i] = H[l, i] + s * G[j, i]
        if _above(E[l + 1], H[l + 1, j + 1 :], rest[l + 1], threshold):
            return 1 << (chunk_bits - 1 - l)
    return 0


@kernel
def next_block(G: Any, rest: Any, block: Any, chunk_bits: Any, threshold: Any, E: Any, H: Any) -> Any:
    """The first block from this one on that may reach below the threshold, its spins fixed; or the end."""
    while block < 1 << chunk_bits:
        skip = descend(G, rest, block, chunk_bits, threshold, E, H)
        if skip == 0:
            return block
        block += skip
    return block


@kernel
def enter_block(h: Any, n_idle: Any, FC: Any, FA: Any) -> None:
    """Fill the tables of a block from its fields; of the states of idle spins, only the first counts."""
    fill_linear(h[:C_BITS], FC)
    fill_linear(h[C_BITS:], FA)
    idle = (1 << n_idle) - 1
    for c in range(ROWS):
        if c << A_BITS & idle:
            FC[c] = np.inf
    for a in range(LANES):
        if a & idle:
            FA[a] = np.inf


@kernel
def reaches(row: Any, f: Any, FA: Any, e: Any, top: Any) -> Any:
    """How many states of a row lie at most at ``top``: without branches, so that it is vectorised."""
    hits = 0
    for a in range(LANES):
        hits += ((row[a] + f) + FA[a]) + e <= top
    return hits


@kernel
def fill_linear(h: Any, out: Any) -> None:
    """-h.s for all states of len(h) spins, the first spin being the highest bit."""
    out[0] = 0.0
    size = 1
    for i in range(len(h) - 1, -1, -1):
        x = h[i]
        for k in range(size):
            out[size + k] = out[k] - x
            out[k] += x
        size *= 2
