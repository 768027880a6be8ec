"""What every search through the states of a small model shares: the couplings in exact units, the energies
within a block, bounds for pruning, and the states at given energies.

The free spins are split into three groups, most significant first: B numbers the blocks, C the rows
and A the lanes of a table T[c, a] of all energies within C and A. Fixing B leaves two short field
tables, so that a state costs one addition and one comparison:

    E(b, c, a) = E_b + FA[a] + min over c of (T[c, a] + FC[c]).

With some spins fixed, their energy E and fields h_i on the free spins, no state lies below
E - sum_i |h_i| + E0, where E0 is the ground energy of the free spins by themselves. Blocks for which this
exceeds the energy of a known state are skipped (Russian doll search: Verfaillie et al., AAAI 1996).
Fields are couplings to a ghost spin fixed at +1; without fields the first spin is fixed instead, because
E(s) = E(-s). States are visited in lexicographic order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..._core.blocks import (
    A_BITS,
    BLOCK_BITS,
    C_BITS,
    LANES,
    ROWS,
    descend,
    enter,
    enter_block,
    fill_linear,
    next_block,
    reaches,
    work_space,
)
from ..._core.jit import kernel
from ..._core.parallel import n_threads
from ..._core.progress import map_with_progress
from ..._core.validate import check_memory
from ...models import IsingModel
from ..couplings import in_units, lost, rounding_bound, spins_of, with_ghost
from . import gpu as _gpu
from .tables import energy_table, in_blocks

SECONDS_PER_STATE = 0.1e-9  # one core, every state visited

# Blocks are grouped into chunks, the unit of parallel work: 128 of them, or chunks of 2**8 blocks.
PRUNE_FROM = 25  # free spins; below, a full search takes a few milliseconds

_FEW = 256  # states that a chunk may list at once
_WAYS = 8  # to a block cost about as much as its states
_ALL = 1 << 62


class Search:
    """What the kernels need to know of a model.

    Attributes
    ----------
    G : ndarray, shape (n + 1, n + 1)
        Couplings in units of ``unit``, spin 0 fixed at +1 and n = ``n_free`` >= 14 free spins, of which
        the last ``n_idle`` are coupled to nothing and only fill the block.
    eps : float
        Bound on the error of a computed energy, in the same unit; 0 where arithmetic is exact and the model
        stands for nothing else.
    size : float
        sum_{i<j} |G_ij|, the bound on any energy.
    images : int
        Number of states of the model for one state of the free spins.
    T : ndarray, shape (ROWS, LANES)
        Energies within a block, without fields.
    rest : ndarray, shape (chunk_bits + 1,)
        Ground energies without fields of the last BLOCK_BITS + chunk_bits - l spins (-inf: not solved).
    threshold : float
        An energy above which nothing is of interest.
    """

    def __init__(self, model: IsingModel, prune: bool = True, device: str = "cpu") -> None:
        G, self.unit, exact = in_units(with_ghost(model))
        self.n_spins = model.n_spins
        self.images = 1 if model.has_fields else 2
        self.G, self.n_idle, self.chunk_bits, self.n_chunks = in_blocks(G)
        self.n_free = len(self.G) - 1
        self.device = device
        self.size = float(np.abs(G).sum()) / 2
        self.eps = 0.0 if exact else rounding_bound(len(self.G), self.size)
        self.eps += lost(model) / self.unit
        self.T = energy_table(self.G[-BLOCK_BITS:, -BLOCK_BITS:]).reshape(ROWS, LANES)
        self.rest = np.full(self.chunk_bits + 1, -math.inf)
        self.threshold = math.inf
        on_gpu = _gpu.cut(self.n_free) if device == "gpu" else None
        if on_gpu is not None:
            self.chunk_bits, self.n_chunks = on_gpu
            self.rest = np.full(self.chunk_bits + 1, -math.inf)
        elif device != "gpu" and prune and self.n_free >= PRUNE_FROM:
            for _ in self.solve_last_spins():
                pass
            self.threshold = above_ground(self.G, self.eps)

    @property
    def smallest(self) -> int:
        """Spins of a table: the searches below have one more, two more, and so on."""
        return BLOCK_BITS

    def solve_last_spins(self) -> Iterator[int]:
        """Fill ``rest`` from its end, each search pruned by the shorter ones; gives the work of each."""
        self.rest[-1] = self.T.min()
        for l in range(self.chunk_bits - 1, -1, -1):
            m = BLOCK_BITS + self.chunk_bits - l
            G = np.ascontiguousarray(self.G[-m:, -m:])  # its first spin is fixed: no fields
            threshold = above_ground(G, self.eps)
            self.rest[l], work = _minimum(G, self.T, self.rest[l + 1 :], threshold, 0, _ALL)
            yield work

    def minimum(self, chunk: int, most: int) -> tuple[float, int]:
        """(lowest computed energy of a chunk, work): ways down the tree; stops short at ``most`` of them."""
        found: tuple[float, int] = _minimum(self.G, self.T, self.rest, self.threshold, chunk, most)
        return found

    def seconds(self, n_chunks: int, threads: int | None) -> float:
        """Time to visit every state of some chunks."""
        return n_chunks * 2.0 ** (BLOCK_BITS + self.chunk_bits) * SECONDS_PER_STATE / n_threads(threads)

    def states(self, numbers: np.ndarray) -> np.ndarray:
        """Spins of the model, int8, for the numbers of states."""
        s = spins_of(numbers >> self.n_idle, self.n_free - self.n_idle)
        return s[:, -self.n_spins :]


def above_ground(G: np.ndarray, eps: float) -> float:
    """A threshold that excludes no state of interest: the lowest of 32 greedy descents, with a margin."""
    s = descents(G, eps)
    # This energy and both parts of a block's bound carry an error of eps each, and so do the states
    # that are wanted: those whose computed energy is up to 2 eps above the lowest computed one.
    return float(-((s @ G) * s).sum(1).max() / 2) + 8 * eps


def descents(G: np.ndarray, eps: float) -> np.ndarray:
    """Ends of 32 greedy descents, shape (32, n + 1), the first spin fixed at +1."""
    s = np.random.default_rng(0).choice([-1.0, 1.0], size=(32, len(G)))
    s[:, 0] = 1.0
    chains = np.arange(len(s))
    while True:
        change = s * (s @ G)  # half of what a flip adds to the energy
        change[:, 0] = math.inf
        flips = change.argmin(1)
        down = change[chains, flips] < -eps  # rounding must not flip a free spin forever
        if not down.any():
            return s
        s[chains[down], flips[down]] *= -1


def chunk_minima(search: Search, dtype: str = "float64", threads: int | None = None) -> np.ndarray:
    """Computed minimum of every chunk; inf where all its energies lie above ``search.threshold``.

    With float32 only the minima that may be the lowest are exact to ``eps``; the others are inf.
    """

    def run(T: np.ndarray, chunks: np.ndarray) -> np.ndarray:
        def minimum(chunk: int) -> float:
            return _minimum(search.G, T, search.rest, search.threshold, chunk, _ALL)[0]

        seconds = search.seconds(len(chunks), threads)
        return np.array(map_with_progress(minimum, chunks.tolist(), threads, "ground state", seconds))

    chunks = np.arange(search.n_chunks)
    screened = None
    if search.device == "gpu":
        screened = _gpu.rough_minima(search.G, search.chunk_bits, search.size, search.eps == 0)
    if screened is not None:
        rough, error = screened
    elif dtype == "float64":
        return run(search.T, chunks)
    else:
        rough = run(search.T.astype(np.float32), chunks)
        # T and FC are rounded and added in float32: below 2.1 2^-24 size, and nothing for small integers.
        exact = search.eps == 0 and search.size < 2**24
        error = 0.0 if exact else 4 * 2.0**-24 * search.size
    eps = search.eps + error
    chunks = np.flatnonzero(rough <= rough.min() + 2 * eps)
    minima = np.full(search.n_chunks, math.inf)
    minima[chunks] = run(search.T, chunks)
    return minima


def in_levels(
    search: Search,
    chunks: np.ndarray,
    levels: np.ndarray,
    limit: int,
    threads: int | None = None,
    open_ended: bool = False,
) -> tuple[np.ndarray, list[np.ndarray], float]:
    """States whose computed energy lies within 2 eps above one of the (increasing) levels.

    Returns their number in each level, the numbers of the first ``limit`` states of each, and the lowest
    computed energy in a gap between the levels (with ``open_ended``, or above the last); inf for none.
    """
    top = math.inf if open_ended else levels[-1] + 2 * search.eps
    none = np.zeros(len(levels), np.int64)

    def run(task: tuple[int, np.ndarray, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        chunk, room, size = task
        counts = none.copy()
        found, which = np.empty((2, size), np.int64)
        n, between = _classify(
            search.G,
            search.T,
            search.rest,
            levels,
            2 * search.eps,
            top,
            top + 4 * search.eps,
            search.n_idle,
            chunk,
            room.copy(),
            found,
            which,
            counts,
        )
        return counts, found[:n].copy(), which[:n].copy(), between

    def scan(tasks: list[tuple[int, np.ndarray, int]]) -> list[Any]:
        return map_with_progress(run, tasks, threads, "levels", search.seconds(len(tasks), threads))

    first = scan([(chunk, none + limit, min(_FEW, limit * len(levels))) for chunk in chunks.tolist()])
    counts = np.array([result[0] for result in first])
    # A second time through the chunks with more states to list than were allowed for.
    wanted = np.clip(limit - (np.cumsum(counts, axis=0) - counts), 0, counts)
    check_memory(int(wanted.sum()) * (32 + search.n_spins), "the list of states")
    listed = np.array([np.bincount(result[2], minlength=len(levels)) for result in first])
    again = np.flatnonzero((listed < wanted).any(1)).tolist()
    tasks = [(int(chunks[k]), wanted[k], int(wanted[k].sum())) for k in again]
    for k, result in zip(again, scan(tasks), strict=True):
        first[k] = result
    found = np.concatenate([result[1] for result in first])
    which = np.concatenate([result[2] for result in first])
    states = [found[which == level][:limit] for level in range(len(levels))]
    return counts.sum(0), states, min(result[3] for result in first)


@kernel
def _minimum(G: Any, T: Any, rest: Any, threshold: Any, chunk: Any, most: Any) -> Any:
    n = G.shape[0]
    chunk_bits = len(rest) - 1
    E, H, FC64, FA = work_space(n, chunk_bits)
    FC = np.empty(ROWS, T.dtype)
    best = np.empty(LANES, T.dtype)
    enter(G, chunk, chunk_bits, E, H)
    minimum = np.inf
    visited = 0
    block = np.int64(0)
    while block < 1 << chunk_bits and visited < most:
        visited += 1
        skip = descend(G, rest, block, chunk_bits, threshold, E, H)
        if skip:
            block += skip
            continue
        visited += _WAYS
        h = H[chunk_bits, n - BLOCK_BITS :]
        fill_linear(h[:C_BITS], FC64)
        fill_linear(h[C_BITS:], FA)
        for c in range(ROWS):
            FC[c] = FC64[c]
        best[:] = np.inf
        for c in range(0, ROWS, 8):  # eight rows at a time keep best[a] in a register
            f0, f1, f2, f3 = FC[c], FC[c + 1], FC[c + 2], FC[c + 3]
            f4, f5, f6, f7 = FC[c + 4], FC[c + 5], FC[c + 6], FC[c + 7]
            for a in range(LANES):
                m = best[a]
                x = T[c, a] + f0
                m = x if x < m else m
                x = T[c + 1, a] + f1
                m = x if x < m else m
                x = T[c + 2, a] + f2
                m = x if x < m else m
                x = T[c + 3, a] + f3
                m = x if x < m else m
                x = T[c + 4, a] + f4
                m = x if x < m else m
                x = T[c + 5, a] + f5
                m = x if x < m else m
                x = T[c + 6, a] + f6
                m = x if x < m else m
                x = T[c + 7, a] + f7
                m = x if x < m else m
                best[a] = m
        for a in range(LANES):
            x64 = (best[a] + FA[a]) + E[chunk_bits]
            minimum = x64 if x64 < minimum else minimum
        block += 1
    return minimum, visited


@kernel
def _classify(
    G: Any,
    T: Any,
    rest: Any,
    levels: Any,
    width: Any,
    top: Any,
    cutoff: Any,
    n_idle: Any,
    chunk: Any,
    room: Any,
    found: Any,
    which: Any,
    counts: Any,
) -> Any:
    n = G.shape[0]
    chunk_bits = len(rest) - 1
    E, H, FC, FA = work_space(n, chunk_bits)
    n_found = 0
    between = np.inf
    enter(G, chunk, chunk_bits, E, H)
    block = next_block(G, rest, np.int64(0), chunk_bits, cutoff, E, H)
    while block < 1 << chunk_bits:
        e = E[chunk_bits]
        enter_block(H[chunk_bits, n - BLOCK_BITS :], n_idle, FC, FA)
        for c in range(ROWS):
            f = FC[c]
            if f == np.inf:
                continue
            hits = reaches(T[c], f, FA, e, top)
            if hits == 0:
                continue
            if len(levels) == 1 and n_found == len(found) and top < np.inf:
                counts[0] += hits  # the ground states: nothing lies below the level
                continue
            first = ((chunk << chunk_bits | block) << C_BITS | c) << A_BITS
            for a in range(LANES):
                x = ((T[c, a] + f) + FA[a]) + e
                if x > top or x == np.inf:
                    continue
                level = 0  # the last one that is not above x
                end = len(levels)
                while end - level > 1:
                    middle = (level + end) // 2
                    if levels[middle] <= x:
                        level = middle
                    else:
                        end = middle
                if x > levels[level] + width or x < levels[level]:
                    between = min(between, x)
                    continue
                counts[level] += 1
                if room[level] > 0 and n_found < len(found):
                    room[level] -= 1
                    found[n_found] = first + a
                    which[n_found] = level
                    n_found += 1
        block = next_block(G, rest, block + 1, chunk_bits, cutoff, E, H)
    return n_found, between
