"""The energy levels of any small model: the lowest ones with their states, and the number of states of each.

Levels come from the walk of ``_search``. The density of states of integer couplings leaves a few spins
out of it: with u_i the field on a spin that is left out, the walk counts the states of the others by
their number I = e + stride_1 u_1 + stride_2 u_2 + ..., which is an energy itself, of a model with other
fields, and the spins left out are summed over afterwards, once for each I.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Hashable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from .._core.blocks import BLOCK_BITS, C_BITS, LANES, ROWS, descend, enter, fill_linear
from .._core.jit import kernel
from .._core.parallel import n_threads
from .._core.progress import map_with_progress
from .._core.validate import as_count, as_real_array
from ..models import IsingModel, as_model
from . import enumeration
from ._search import (
    Search,
    chunk_minima,
    descents,
    energy_table,
    exact_energies,
    in_blocks,
    in_levels,
    in_units,
    over_limit,
    rounding_bound,
    with_ghost,
)

MAX_SPINS = 36  # for the density of states
MAX_BINS = 1 << 22

_SECONDS_PER_STATE = 2e-9  # binned energies, one core
_FEW_BINS = 1 << 19  # as many counters as stay in the cache
_TIES = 256  # states of one level whose energies are compared in exact arithmetic


@dataclass(frozen=True)
class Level:
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


@dataclass(frozen=True)
class DensityOfStates:
    """Number of states by energy.

    Attributes
    ----------
    energies : ndarray, shape (L,)
        Energies that occur, increasing; or, for bins, their L = B centres.
    counts : ndarray of int64, shape (L,)
    edges : ndarray of shape (B + 1,) or None
        Edges of the bins; the last bin holds its right edge.
    outside : int
        States outside the bins.
    uncertain : int
        States within the rounding bound of an edge, which may belong to the bin beside it; 0 where
        float64 is exact.
    """

    energies: np.ndarray
    counts: np.ndarray
    edges: np.ndarray | None = None
    outside: int = 0
    uncertain: int = 0

    def as_dict(self) -> dict[float, int]:
        """Number of states by energy, as plain numbers."""
        return dict(zip(self.energies.tolist(), self.counts.tolist(), strict=True))


def ground_states(model: Any, max_states: int = 1000, *, threads: int | None = None) -> Level:
    """All ground states of any Ising model of up to 40 spins.

    The states of lowest energy E(s) = -sum_{i<j} J_ij s_i s_j - sum_i b_i s_i + offset, each with its
    global flip where there are no fields.

    Parameters
    ----------
    model : IsingModel or anything that :func:`spinlab.models.as_model` takes
        N <= 40 spins, any form, with or without fields.
    max_states : int, default 1000
        List at most so many of them, the first in the order of :class:`Level`; 0 only counts.
    threads : int, optional
        Default: all processors. The result does not depend on it.

    Returns
    -------
    Level
        ``degeneracy`` is exact also where the list stops short (``complete`` is False). For couplings that
        float64 cannot add exactly it counts the states within ``resolution`` of the lowest.

    Raises
    ------
    ValueError
        If N > 40 (the message estimates the time), or if the states do not fit in memory.

    Notes
    -----
    The search of :mod:`~spinlab.exact.enumeration` and one walk, pruned like it, through its winners.

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab import exact
    >>> triangle = -(np.ones((3, 3)) - np.eye(3))  # antiferromagnetic: frustrated
    >>> lowest = exact.ground_states(triangle)
    >>> lowest.energy, lowest.degeneracy
    (-1.0, 6)
    >>> lowest.states[:2].tolist()
    [[1, -1, -1], [-1, 1, 1]]
    """
    return lowest_levels(model, 1, max_states, threads=threads)[0]


def lowest_levels(
    model: Any, k: int, max_states: int = 1000, *, threads: int | None = None
) -> tuple[Level, ...]:
    """The k lowest energies of any Ising model of up to 40 spins, with their states.

    Parameters
    ----------
    model : IsingModel or anything that :func:`spinlab.models.as_model` takes
        N <= 40 spins, any form, with or without fields.
    k : int
        Number of levels; fewer are returned where the model has no more.
    max_states : int, default 1000
        List at most so many states of each level (0: count them only).
    threads : int, optional
        Default: all processors. The result does not depend on it.

    Returns
    -------
    tuple of Level
        In order of energy. A level collects the states whose computed energy lies within ``resolution``
        above the lowest one that belongs to no lower level: equal energies are never torn apart, and
        energies that differ by more than twice the resolution never merged.

    Raises
    ------
    ValueError
        If N > 40 (the message estimates the time), or if the states do not fit in memory.

    Notes
    -----
    At most 2**(N-1) states without fields, 2**N with, twice at 0.2 ns each and core; from 26 spins on, sets
    of states that provably lie above the k-th level are skipped.

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab import exact
    >>> ring = np.roll(np.eye(4), 1, axis=0) + np.roll(np.eye(4), -1, axis=0)
    >>> [(level.energy, level.degeneracy) for level in exact.lowest_levels(ring, 5)]
    [(-4.0, 2), (0.0, 12), (4.0, 2)]
    """
    model = as_model(model)
    k = as_count(k, "k")
    max_states = as_count(max_states, "max_states", 0)
    if (reason := _refusal(model, enumeration.MAX_SPINS, enumeration.cost(model)[0])) is not None:
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
        energy=min(exact_energies(model, tied)),
        degeneracy=count * search.images,
        states=states[:max_states],
        resolution=2 * search.eps * search.unit,
        labels=model.labels,
    )


def density_of_states(model: Any, bins: Any = None, *, threads: int | None = None) -> DensityOfStates:
    """Number of states at every energy of an Ising model of up to 36 spins.

    g(E) = number of states s with -sum_{i<j} J_ij s_i s_j - sum_i b_i s_i + offset = E, so that
    Z(beta) = sum_E g(E) exp(-beta E) at every temperature.

    Parameters
    ----------
    model : IsingModel or anything that :func:`spinlab.models.as_model` takes
        N <= 36 spins, any form, with or without fields.
    bins : array_like, shape (B + 1,), optional
        Increasing edges of bins of energy, as for :func:`numpy.histogram`. Needed unless all couplings
        and fields are integers times one number (up to 2**-50 of each).
    threads : int, optional
        Default: all processors. The result does not depend on it.

    Returns
    -------
    DensityOfStates
        Exact counts; those of bins exact up to ``uncertain`` states.

    Raises
    ------
    ValueError
        If N > 36 (the message estimates the time), if bins are needed, or if there are more than 2**22
        different energies or bins.

    Notes
    -----
    Integers: 0.1 to 0.5 ns per state and core (2**(N-1) states without fields, 2**N with), the less the
    smaller the fields are. Bins of real couplings: 1.5 ns, and more from a thousand bins on.

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab import exact
    >>> ring = np.roll(np.eye(4), 1, axis=0) + np.roll(np.eye(4), -1, axis=0)
    >>> exact.density_of_states(ring).as_dict()
    {-4.0: 2, 0.0: 12, 4.0: 2}
    """
    model = as_model(model)
    edges = None if bins is None else _as_edges(bins)
    G, unit, exact = in_units(with_ghost(model))
    integers = np.array_equal(G, np.rint(G))
    if not integers and edges is None:
        raise ValueError(
            "the couplings and fields are not integers times one number, so that nearly every state has an "
            "energy of its own; give bins, the edges of intervals of energy"
        )
    states = 2.0 ** min(len(G) - 1, 1000)
    seconds = states * (0.2 if integers else 1.0) * _SECONDS_PER_STATE / n_threads(threads)
    if (reason := _refusal(model, MAX_SPINS, seconds)) is not None:
        raise ValueError(reason)
    images = 1 if model.has_fields else 2
    if not integers:
        assert edges is not None
        return _binned(model, edges, threads)
    levels, counts = integer_levels(G, seconds, threads)
    scale, offset = Fraction(unit), Fraction(model.offset)
    rounded = np.array([float(scale * int(level) + offset) for level in levels])
    energies, first = np.unique(rounded, return_index=True)  # a large offset makes levels equal
    counts = np.add.reduceat(counts, first) * images
    if edges is None:
        return DensityOfStates(energies, counts)
    near = 0.0 if exact else rounding_bound(len(G), float(np.abs(G).sum()) / 2) * unit
    return _collect(energies, counts, edges, near)


def _refusal(model: IsingModel, limit: int, seconds: float) -> str | None:
    instead = "spinlab.dynamics samples the states of low energy, without a proof"
    return over_limit(model, limit, seconds, "the list of levels", instead)


def _as_edges(bins: Any) -> np.ndarray:
    edges = as_real_array(bins, "bins", 1)
    if len(edges) < 2 or (np.diff(edges) <= 0).any():
        raise ValueError("bins must hold two or more increasing edges of intervals of energy")
    if len(edges) > MAX_BINS:
        raise ValueError(f"bins must hold at most {MAX_BINS} edges, got {len(edges)}")
    return edges


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


def integer_levels(G: np.ndarray, seconds: float, threads: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Energies of integer couplings that occur, and the number of states of the free spins at each."""
    divisor = max(1, math.gcd(*np.abs(G).ravel().astype(np.int64).tolist()))
    G = G / divisor
    size = int(np.abs(G).sum()) // 2
    if size >= MAX_BINS:
        raise ValueError(
            f"the couplings are integers times {divisor}, with up to {size + 1} different energies; the "
            f"limit is {MAX_BINS}. Give bins, the edges of intervals of energy"
        )
    kept, out = _leave_out(G)
    K, h = G[np.ix_(kept, kept)], G[np.ix_(out, kept)]
    # I = e + sum_k stride_k u_k with e = (E + sum |K|) / 2 and u_k = (h_k + sum |h_k|) / 2, from 0 on.
    sizes = [int(np.abs(K).sum()) // 2, *np.abs(h).sum(1).astype(int).tolist()]
    shape = [x + 1 for x in sizes]
    strides = np.cumprod([1, *shape[:-1]])
    I = K.copy()
    I[0, 1:] -= strides[1:] @ h[:, 1:]
    I[1:, 0] = I[0, 1:]
    shift = strides @ sizes + strides[1:] @ h[:, 0]
    raw = _count(I, float(shift), math.prod(shape), seconds / 2 ** len(out), threads)

    occupied = np.flatnonzero(raw)
    e, *u = np.unravel_index(occupied, shape[::-1])[::-1]
    counts = np.zeros(size + 1, np.int64)
    fields = [2 * u_k - size_k for u_k, size_k in zip(u, sizes[1:], strict=True)]
    for s in np.ndindex(*[2] * len(out)):
        t = 2 * np.array(s, dtype=int) - 1
        energy = 2 * e - sizes[0] - sum(t_k * h_k for t_k, h_k in zip(t, fields, strict=True))
        energy = energy - int(t @ np.triu(G[np.ix_(out, out)], 1) @ t) if out else energy
        np.add.at(counts, (energy + size) // 2, raw[occupied])
    levels = np.flatnonzero(counts)
    return (2 * levels - size) * divisor, counts[levels]


def _leave_out(G: np.ndarray) -> tuple[list[int], list[int]]:
    """Spins to walk through, and those with the smallest fields, while the counters stay few."""
    kept, out = list(range(len(G))), list[int]()
    A = np.abs(G)
    while len(kept) > BLOCK_BITS + 1:
        i = min(kept[1:], key=lambda i: float(A[i, kept].sum()))
        rest = [j for j in kept if j != i]
        sizes = [A[np.ix_(rest, rest)].sum() / 2, *A[np.ix_([*out, i], rest)].sum(1)]
        if math.prod(int(x) + 1 for x in sizes) > min(_FEW_BINS, 2 ** (len(rest) - 6)):
            break
        kept, out = rest, [*out, i]
    return kept, out


def _count(G: np.ndarray, shift: float, n_bins: int, seconds: float, threads: int | None) -> np.ndarray:
    """How many states have (E + shift) / 2 = 0 .. n_bins - 1."""
    G, n_idle, chunk_bits, n_chunks = in_blocks(G)
    T = energy_table(G[-BLOCK_BITS:, -BLOCK_BITS:]).reshape(ROWS, LANES)
    lowest = float(T.min())
    T = ((T - lowest) / 2).astype(np.int32)
    total = np.zeros(n_bins, np.int64)
    lock = threading.Lock()

    def run(chunk: int) -> None:
        counts = np.zeros(n_bins, np.uint32)
        _histogram(G, T, shift + lowest, chunk_bits, chunk, counts)
        with lock:
            np.add(total, counts, out=total)

    map_with_progress(run, range(n_chunks), threads, "density of states", seconds)
    return total >> n_idle


def _binned(model: IsingModel, edges: np.ndarray, threads: int | None) -> DensityOfStates:
    """Counts between edges - near, edges and edges + near, from energies in units of the search."""
    search = Search(model, prune=False)
    with np.errstate(over="ignore"):
        inner = (edges - model.offset) / search.unit
        near = search.eps + 2 * np.spacing(max(np.abs(edges).max(), abs(model.offset))) / search.unit
    if not np.isfinite(inner).all():
        raise ValueError("bins must lie nearer to the energies; float64 overflows in between")
    if (np.diff(inner) <= 2 * near).any():
        raise ValueError(f"bins must be wider than the rounding of the energies, {near * search.unit:.2g}")
    upper = inner.copy()
    upper[-1] = np.nextafter(upper[-1], math.inf)  # the last bin holds its right edge
    cuts = np.stack([inner - near, upper, inner + near], axis=1).ravel()
    # Cells of equal width: where one holds no cut, all its states have the same number of cuts below.
    n_cells = 16 * len(cuts)
    low, high = max(cuts[0], -search.size), min(cuts[-1], search.size)
    if low >= high:
        low, high = -search.size, search.size
    scale = (n_cells - 1) / (high - low)
    cells = np.clip((cuts - low) * scale, 0.0, n_cells - 1.0)
    in_cell = np.bincount(cells.astype(int), minlength=n_cells)
    guide = (np.cumsum(in_cell) - in_cell) * np.where(in_cell, -1, 1) - (in_cell > 0)
    total = np.zeros(len(cuts) + 1, np.int64)
    lock = threading.Lock()

    def run(chunk: int) -> None:
        counts = np.zeros(len(total), np.int64)
        _bin(search.G, search.T, search.chunk_bits, chunk, cuts, low, scale, guide, counts)
        with lock:
            np.add(total, counts, out=total)

    seconds = search.seconds(search.n_chunks, threads) * 20
    map_with_progress(run, range(search.n_chunks), threads, "density of states", seconds)
    total = (total >> search.n_idle) * search.images
    parts = total[2:-2].reshape(-1, 3).sum(1)
    return DensityOfStates(
        (edges[1:] + edges[:-1]) / 2,
        parts,
        edges,
        int(total.sum() - parts.sum()),
        int(total[1::3].sum() + total[2::3].sum()),
    )


def _collect(energies: np.ndarray, counts: np.ndarray, edges: np.ndarray, near: float) -> DensityOfStates:
    """Levels sorted into bins."""
    parts = np.histogram(energies, edges, weights=counts)[0].astype(np.int64)
    ends = np.concatenate([[-math.inf], edges, [math.inf]])
    above = np.searchsorted(ends, energies)
    close = np.minimum(energies - ends[above - 1], ends[above] - energies) <= near
    return DensityOfStates(
        (edges[1:] + edges[:-1]) / 2,
        parts,
        edges,
        int(counts.sum() - parts.sum()),
        int(counts[close].sum()) if near else 0,
    )


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
    E = np.empty(chunk_bits + 1)
    H = np.empty((chunk_bits + 1, n))
    FA = np.empty(LANES)
    FC = np.empty(ROWS)
    k = len(found)
    n_found = 0
    enter(G, chunk, chunk_bits, E, H)
    block = 0
    while block < 1 << chunk_bits:
        skip = descend(G, rest, block, chunk_bits, threshold + margin, E, H)
        if skip:
            block += skip
            continue
        h = H[chunk_bits, n - BLOCK_BITS :]
        e = E[chunk_bits]
        fill_linear(h[:C_BITS], FC)
        fill_linear(h[C_BITS:], FA)
        for c in range(ROWS):
            f = FC[c]
            hits = 0
            for a in range(LANES):
                hits += ((T[c, a] + f) + FA[a]) + e <= threshold
            if hits == 0:
                continue
            for a in range(LANES):
                x = ((T[c, a] + f) + FA[a]) + e
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
        block += 1


@kernel
def _histogram(G: Any, T: Any, shift: Any, chunk_bits: Any, chunk: Any, counts: Any) -> None:
    n = G.shape[0]
    E = np.empty(chunk_bits + 1)
    H = np.empty((chunk_bits + 1, n))
    FA = np.empty(LANES)
    FC = np.empty(ROWS)
    A = np.empty(LANES, np.int32)
    index = np.empty(LANES, np.int32)
    rest = np.full(chunk_bits + 1, -np.inf)
    enter(G, chunk, chunk_bits, E, H)
    for block in range(1 << chunk_bits):
        descend(G, rest, block, chunk_bits, np.inf, E, H)
        h = H[chunk_bits, n - BLOCK_BITS :]
        fill_linear(h[:C_BITS], FC)
        fill_linear(h[C_BITS:], FA)
        size = np.abs(h[C_BITS:]).sum()  # FA + size is even, and so is the rest
        for a in range(LANES):
            A[a] = np.int32((FA[a] + size) / 2)
        for c in range(ROWS):
            f = np.int32((FC[c] + E[chunk_bits] + shift - size) / 2)
            for a in range(LANES):
                index[a] = T[c, a] + A[a] + f
            for a in range(LANES):
                counts[index[a]] += np.uint32(1)


@kernel
def _bin(
    G: Any, T: Any, chunk_bits: Any, chunk: Any, cuts: Any, low: Any, scale: Any, guide: Any, counts: Any
) -> None:
    """Count states by the number k of cuts below them; ``guide`` has k, or -1 - k in a cell with cuts."""
    n = G.shape[0]
    E = np.empty(chunk_bits + 1)
    H = np.empty((chunk_bits + 1, n))
    FA = np.empty(LANES)
    FC = np.empty(ROWS)
    rest = np.full(chunk_bits + 1, -np.inf)
    x = np.empty(LANES)
    cell = np.empty(LANES, np.int32)
    last = len(guide) - 1.0
    enter(G, chunk, chunk_bits, E, H)
    for block in range(1 << chunk_bits):
        descend(G, rest, block, chunk_bits, np.inf, E, H)
        h = H[chunk_bits, n - BLOCK_BITS :]
        e = E[chunk_bits]
        fill_linear(h[:C_BITS], FC)
        fill_linear(h[C_BITS:], FA)
        for c in range(ROWS):
            f = FC[c]
            for a in range(LANES):
                x[a] = ((T[c, a] + f) + FA[a]) + e
                y = (x[a] - low) * scale
                y = y if y > 0.0 else 0.0
                cell[a] = np.int32(y if y < last else last)
            for a in range(LANES):
                k = guide[cell[a]]
                if k < 0:
                    k = -1 - k
                    while k < len(cuts) and cuts[k] <= x[a]:
                        k += 1
                counts[k] += 1
