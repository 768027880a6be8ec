"""The number of states of a small model at every energy.

The density of states of integer couplings leaves a few spins out of the walk of ``search``: with u_i the
field on a spin that is left out, the walk counts the states of the others by their number
I = e + stride_1 u_1 + stride_2 u_2 + ..., which is an energy itself, of a model with other fields, and the
spins left out are summed over afterwards, once for each I.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ..._core.blocks import BLOCK_BITS, C_BITS, LANES, ROWS, descend, enter, fill_linear, work_space
from ..._core.jit import kernel
from ..._core.parallel import n_threads
from ..._core.progress import map_with_progress, shows_progress
from ..._core.results import Result
from ..._core.validate import as_real_array
from ...models import IsingModel, ModelLike, as_model
from ..couplings import in_units, over_limit, rounding_bound, with_ghost
from .search import Search
from .tables import energy_table, in_blocks

MAX_SPINS = 36
MAX_BINS = 1 << 22

_SECONDS_PER_STATE = 2e-9  # binned energies, one core
_FEW_BINS = 1 << 19  # as many counters as stay in the cache


@dataclass(frozen=True, repr=False)
class DensityOfStates(Result):
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


@shows_progress
def density_of_states(
    model: ModelLike, bins: Any = None, *, threads: int | None = None, progress: bool | None = None
) -> DensityOfStates:
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
    threads, progress
        As for :func:`spinlab.ground_state`.

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
    if np.ndim(bins) == 0:
        raise ValueError(
            f"bins must hold the edges of intervals of energy, not their number, got {bins!r}; "
            "numpy.linspace(lowest, highest, n + 1) makes edges of n intervals"
        )
    edges = as_real_array(bins, "bins", 1)
    if len(edges) < 2 or (np.diff(edges) <= 0).any():
        raise ValueError("bins must hold two or more increasing edges of intervals of energy")
    if len(edges) > MAX_BINS:
        raise ValueError(f"bins must hold at most {MAX_BINS} edges, got {len(edges)}")
    return edges


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
def _histogram(G: Any, T: Any, shift: Any, chunk_bits: Any, chunk: Any, counts: Any) -> None:
    n = G.shape[0]
    E, H, FC, FA = work_space(n, chunk_bits)
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
    E, H, FC, FA = work_space(n, chunk_bits)
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
