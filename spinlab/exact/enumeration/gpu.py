"""The GPU's part in the exact methods: it screens all states, the CPU proves the answer from what is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._core import device
from ..._core.blocks import BLOCK_BITS
from ..._core.state_sums import dense_log_z, layer_blocks, log_sum_exp

if TYPE_CHECKING:
    from ..layer.solver import Layer
    from ..layer.tiles import Tiles
    from .search import Search

MAX_SPINS = 52
CHUNK_BITS = 24  # states of one block of threads: 2^24
SECONDS_PER_STATE = 2e-13  # an estimate for one H100
LOW_UNITS = 12
ROWS = 1 << 12  # half states at once
U = 2.0**-53


def cut(search: Search) -> None:
    """Cut the states of a search into chunks for the GPU, where they are many."""
    bits = search.n_free - CHUNK_BITS
    if bits >= 0:
        search.chunk_bits, search.n_chunks = CHUNK_BITS - BLOCK_BITS, 1 << bits
        search.rest = np.full(search.chunk_bits + 1, -np.inf)


def rough_minima(search: Search) -> tuple[np.ndarray, float] | None:
    """(float32 minimum of every chunk, bound on its error); None where the model is small."""
    from ..._core.cuda.search import FLOAT32_ERROR, chunk_minima
    from .tables import energy_table

    if search.n_free < CHUNK_BITS:
        return None
    minima = chunk_minima(search.G, energy_table, search.chunk_bits + BLOCK_BITS)
    exact = search.eps == 0 and search.size < 2**24
    return minima.astype(float), 0.0 if exact else FLOAT32_ERROR * search.size


def log_z(search: Search, beta: float, core: int = 36) -> float | None:
    """ln Z of one image, in the units of the search; None where the product underflows."""
    xp = device.module("gpu")
    G = search.G[: len(search.G) - search.n_idle, : len(search.G) - search.n_idle]
    n = len(G) - 1
    while core > 6 and 5 * 8 * 2.0 ** (2 * min(core, n) / 3) > device.free_bytes():
        core -= 3
    device.check_fits(5 * 8 * 2.0 ** (2 * min(core, n) / 3), "the partition function")
    return dense_log_z(xp, G, beta, core)


def layer_values(problem: Layer, beta: float | None, pair_sums: Callable[..., Any] | None = None) -> Any:
    """b.v + sum_a |x_a| (beta None), or beta b.v + sum_a ln 2cosh(beta x_a), in the order of ``Tiles``."""
    xp = device.module("gpu")
    if pair_sums is None:
        from ..._core.cuda.layer import pair_sums as on_gpu

        pair_sums = on_gpu
    W, b = problem.W[::-1], problem.b[::-1]  # there the first unit is the lowest bit, here the highest
    n, m = W.shape
    low = min(LOW_UNITS, n // 2)
    device.check_fits(8.0 * (ROWS * ((1 << low) * 3 + m) + (m << low)), "the sums over a layer")
    return layer_blocks(xp, lambda X, Y: pair_sums(X, Y, beta), W, b, problem.c, beta, low, ROWS)


def screen_layer(problem: Layer, tiles: Tiles) -> tuple[np.ndarray, float]:
    """(largest offset - E of every tile, bound on its error), as ``layer.screen``."""
    n, m = problem.W.shape
    error = 0.0 if problem.bound == 0 else 2 * (n + m + 8) * U * problem.size + float(problem.slack.sum())
    parts: list[np.ndarray] = []
    wanted = len(tiles.numbers) * tiles.states  # without biases, the first half of all states
    for block in layer_values(problem, None):  # a block holds whole tiles
        flat = block.ravel()[:wanted]
        parts.append(device.to_host(flat.reshape(-1, tiles.states).max(1)))
        wanted -= len(flat)
        if not wanted:
            break
    return np.concatenate(parts), error


def layer_log_z(problem: Layer) -> float:
    """ln Z of a layer whose couplings carry beta."""
    xp = device.module("gpu")
    sums = [log_sum_exp(xp, block) for block in layer_values(problem, 1.0)]
    return log_sum_exp(np, np.array(sums)) - problem.offset
