"""Energies of all states of a few spins as a table, and the blocks of states that share one."""

from __future__ import annotations

import numpy as np

from ..._core.blocks import BLOCK_BITS

# Blocks are grouped into chunks, the unit of parallel work: 128 of them, or chunks of 2**8 blocks.
SPLIT_BITS = 7
MIN_CHUNK_BITS = 8


def energy_table(G: np.ndarray) -> np.ndarray:
    """Energies of all 2^n states of n coupled spins, the first spin being the highest bit."""
    half = len(G) // 2
    C, A = _all_spins(half), _all_spins(len(G) - half)
    between = C @ G[:half, half:] @ A.T
    return (_energies(C, G[:half, :half])[:, None] + _energies(A, G[half:, half:]) - between).ravel()


def linear_table(h: np.ndarray) -> np.ndarray:
    """-h.s for all states of len(h) spins, in the same order."""
    energies = np.zeros(1)
    for x in h[::-1]:
        energies = np.concatenate([energies + x, energies - x])
    return energies


def in_blocks(G: np.ndarray) -> tuple[np.ndarray, int, int, int]:
    """(couplings, idle spins appended to fill a block, spins that number a chunk's blocks, chunks)."""
    n_idle = max(0, BLOCK_BITS + 1 - len(G))
    bits = len(G) + n_idle - 1 - BLOCK_BITS
    chunk_bits = max(min(MIN_CHUNK_BITS, bits), bits - SPLIT_BITS)
    return np.ascontiguousarray(np.pad(G, (0, n_idle))), n_idle, chunk_bits, 1 << (bits - chunk_bits)


def _all_spins(n: int) -> np.ndarray:
    return 2.0 * (np.arange(1 << n)[:, None] >> np.arange(n - 1, -1, -1) & 1) - 1.0


def _energies(s: np.ndarray, G: np.ndarray) -> np.ndarray:
    return -((s @ G) * s).sum(1) / 2
