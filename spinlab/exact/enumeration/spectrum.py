"""The lowest energy levels of any small model with their states, from the walk of ``search``."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._core.blocks import (
    BLOCK_BITS,
    C_BITS,
    LANES,
    ROWS,
    enter,
    fill_linear,
    next_block,
    reaches,
    work_space,
)
from ..._core.jit import kernel
from ..._core.parallel import n_threads
from ..._core.progress import map_with_progress
from ..._core.results import Result
from ..._core.validate import as_count
from ...models import IsingModel, ModelLike, as_model
from ..couplings import exact_energies, free_spins, over_limit
from . import solver as enumeration
from .search import SECONDS_PER_STATE, Search, chunk_minima, descents, in_levels

_TIES = 256  # states of one level whose energies are compared in exact arithmetic


@dataclass(frozen=True, repr=False)
class Level(Result):
    """All states of one energy.

    Attributes
    ----------
    energy : float
        Rounded once, from an exact sum.
    degeneracy : int
        Number of states, both states of a global flip counted.
    states : ndarray of int8, shape (min(degeneracy, max_states), N)
        In lexicographic order; without fields, each state with s_0 = +1 is followed by its flip.
    resolution : float
        States closer in energy than this count as one level: 0 where float64 is exact (integers, or
        +-1 times one number), otherwise twice the rounding bound, about 8 N 2**-53 sum |J|.
    labels : tuple or None
        Names of the sites.
    """

    energy: float
    degeneracy: int
    states: np.ndarray
    resolution: float
    labels: tuple[Hashable, ...] | None = None

    @property
    def complete(self) -> bool:
        """Whether every state is listed."""
        return len(self.states) == self.degeneracy


def lowest_levels(
    model: ModelLike, k: int, max_states: int = 1000, *, threads: int | None = None
) -> tuple[Level, ...]:
    """As :func:`spinlab.exact.lowest_levels`, of any model of up to 40 spins.

    From 26 spins on, sets of states that provably lie above the k-th level are skipped.
    """
    model = as_model(model)
    k = as_count(k, "k")
    max_states = as_count(max_states, "max_states", 0)
    seconds = 2.0 ** min(free_spins(model), 1000) * SECONDS_PER_STATE / n_threads(threads)
    if (reason := _refusal(model, enumeration.MAX_SPINS, seconds)) is not None:
        raise ValueError(reason)
    search = Search(model)
    chunks = np.arange(search.n_chunks)
    if k == 1:
        minima = chunk_minima(search, threads=threads)
        chunks = np.flatnonzero(minima <= minima.min() + 2 * search.eps)
        values = minima
    else:
        values = _candidates(search, k, threads)
    per_image = -(-max_states // search.images)
    limit = max(per_image, 1 if search.eps == 0 else _TIES)
    while True:  # until no state lies between the levels
        levels = _separate(values, 2 * search.eps)[:k]
        counts, numbers, between = in_levels(search, chunks, levels, limit, threads, len(levels) < k)
        if between == math.inf:
            break
        values = np.append(levels, between)
    return tuple(
        _level(model, search, int(count), found, max_states)
        for count, found in zip(counts, numbers, strict=True)
    )


def _level(model: IsingModel, search: Search, count: int, numbers: np.ndarray, max_states: int) -> Level:
    tied = search.states(numbers[: 1 if search.eps == 0 else _TIES])
    states = search.states(numbers[:max_states])
    if search.images == 2:
        states = np.stack([states, -states], axis=1).reshape(-1, model.n_spins)
    return Level(
        energy=min(energy for energy, _ in exact_energies(model, tied)),
        degeneracy=count * search.images,
        states=states[:max_states],
        resolution=2 * search.eps * search.unit,
        labels=model.labels,
    )


def _refusal(model: IsingModel, limit: int, seconds: float) -> str | None:
    instead = (
        "spinlab.dynamics samples the states of low energy, without a proof; on narrow graphs of any size "
        "exact.lowest_levels lists them"
    )
    return over_limit(model, limit, seconds, "the list of levels", instead)


def _separate(values: np.ndarray, width: float) -> np.ndarray:
    """The lowest value, the lowest that exceeds it by more than ``width``, and so on."""
    values = np.sort(values)
    kept = values[:1].tolist()
    for x in values[np.isfinite(values)].tolist():
        if x > kept[-1] + width:
            kept.append(x)
    return np.array(kept)


def _candidates(search: Search, k: int, threads: int | None) -> np.ndarray:
    """Computed energies among which are the k lowest levels, if no two of them nearly touch."""
    width = 2 * search.eps
    threshold = _kth_known(search, k) if search.threshold < math.inf else math.inf

    def run(chunk: int) -> np.ndarray:
        found = np.full(k, math.inf)
        _lowest(search.G, search.T, search.rest, threshold, 4 * search.eps, width, chunk, found)
        return found

    seconds = search.seconds(search.n_chunks, threads)
    found = map_with_progress(run, range(search.n_chunks), threads, "lowest levels", seconds)
    return np.concatenate(found)


def _kth_known(search: Search, k: int) -> float:
    """An energy that the k-th level does not exceed: greedy descents and their neighbours by two flips."""
    s = np.unique(descents(search.G, search.eps), axis=0)
    h = s @ search.G
    change = 2 * s * h
    energies = -(s * h).sum(1) / 2
    pairs = energies[:, None, None] + change[:, 1:, None] + change[:, None, 1:]
    pairs -= 4 * (s[:, 1:, None] * s[:, None, 1:]) * search.G[1:, 1:]
    i, j = np.triu_indices(search.n_free, 1)
    known = np.concatenate([energies, (energies[:, None] + change[:, 1:]).ravel(), pairs[:, i, j].ravel()])
    levels = _separate(known, 8 * search.eps)
    return float(levels[k - 1]) + 8 * search.eps if len(levels) >= k else math.inf


@kernel
def _lowest(
    G: Any,
    T: Any,
    rest: Any,
    threshold: Any,
    margin: Any,
    width: Any,
    chunk: Any,
    found: Any,
) -> None:
    """The lowest energies of a chunk that differ by more than ``width``, at most ``threshold``."""
    n = G.shape[0]
    chunk_bits = len(rest) - 1
    E, H, FC, FA = work_space(n, chunk_bits)
    k = len(found)
    n_found = 0
    enter(G, chunk, chunk_bits, E, H)
    block = next_block(G, rest, np.int64(0), chunk_bits, threshold + margin, E, H)
    while block < 1 << chunk_bits:
        h = H[chunk_bits, n - BLOCK_BITS :]
        e = E[chunk_bits]
        fill_linear(h[:C_BITS], FC)
        fill_linear(h[C_BITS:], FA)
        for c in range(ROWS):
            if reaches(T[c], FC[c], FA, e, threshold) == 0:
                continue
            for a in range(LANES):
                x = ((T[c, a] + FC[c]) + FA[a]) + e
                if x > threshold:
                    continue
                low = 0  # the number of levels that are not above x
                end = n_found
                while end > low:
                    middle = (low + end) // 2
                    if found[middle] <= x:
                        low = middle + 1
                    else:
                        end = middle
                if low > 0 and x <= found[low - 1] + width:
                    continue
                if low < n_found and found[low] <= x + width:
                    found[low] = x
                else:
                    n_found = min(n_found + 1, k)
                    for l in range(n_found - 1, low, -1):
                        found[l] = found[l - 1]
                    found[low] = x
                if n_found == k:
                    threshold = min(threshold, np.nextafter(found[k - 1], -np.inf))
        block = next_block(G, rest, block + 1, chunk_bits, threshold + margin, E, H)
