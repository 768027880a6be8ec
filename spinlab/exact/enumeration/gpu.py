"""The GPU's part in the enumeration: it screens all states, the CPU proves the answer from what is left."""

from __future__ import annotations

import numpy as np

from ..._core import device
from ..._core.blocks import BLOCK_BITS
from ..._core.state_sums import dense_log_z
from .tables import energy_table

MAX_SPINS = 52
CHUNK_BITS = 24  # states of one block of threads: 2^24
SECONDS_PER_STATE = 2e-13  # an estimate for one H100


def cut(n_free: int) -> tuple[int, int] | None:
    """(chunk_bits, chunks) of so many free spins for the GPU; None where they are few."""
    if n_free < CHUNK_BITS:
        return None
    return CHUNK_BITS - BLOCK_BITS, 1 << (n_free - CHUNK_BITS)


def rough_minima(G: np.ndarray, chunk_bits: int, size: float, exact: bool) -> tuple[np.ndarray, float] | None:
    """(float32 minimum of every chunk, bound on its error); None where the model is small.

    ``size`` bounds every energy; ``exact`` says that all energies are integers.
    """
    from ..._core.cuda.search import FLOAT32_ERROR, chunk_minima

    if len(G) - 1 < CHUNK_BITS:
        return None
    minima = chunk_minima(G, energy_table, chunk_bits + BLOCK_BITS)
    return minima.astype(float), 0.0 if exact and size < 2**24 else FLOAT32_ERROR * size


def log_z(G: np.ndarray, beta: float, core: int = 36) -> float | None:
    """ln Z of one image, spin 0 being fixed at +1, in the units of G; None where the product underflows."""
    xp = device.module("gpu")
    n = len(G) - 1
    while core > 6 and 5 * 8 * 2.0 ** (2 * min(core, n) / 3) > device.free_bytes():
        core -= 3
    device.check_fits(5 * 8 * 2.0 ** (2 * min(core, n) / 3), "the partition function")
    return dense_log_z(xp, G, beta, core)
