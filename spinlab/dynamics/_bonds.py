"""Models whose couplings are small multiples of one number, laid out for spins that are single bits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._core.jit import kernel
from .._core.multispin import REACH
from ..models import IsingModel, SparseIsing


class Bonds(NamedTuple):
    """A model in units of its smallest coupling, its sites grouped in runs that may be visited together.

    A coupling of m units is m bonds, a field of m units m bonds to a spin that is always up, number N. Words
    of 64 chains are stored by position: N sites, run by run, and the spin that is up; behind them the
    complements of these N + 1, which antiferromagnetic bonds point to.
    """

    unit: float
    site: np.ndarray
    """Site at each position, (N,)."""
    runs: np.ndarray
    """First position, last position + 1, bonds at each site, where its neighbours begin; (n_runs, 4)."""
    neighbours: np.ndarray
    """For each run, bond after bond, the word at the other end for each of its positions."""
    ends: np.ndarray
    """Two words of each bond, (2, n_bonds); they differ where it is not satisfied."""

    @classmethod
    def of(cls, model: IsingModel) -> Bonds | None:
        """None if a coupling is no multiple of the smallest, or a site has more than REACH bonds."""
        if not isinstance(model, SparseIsing) or model.device == "gpu":
            return None
        form, N = model.form(), model.n_spins
        sizes = np.abs(np.concatenate([form.data, form.b]))
        unit = float(sizes[sizes > 0].min(initial=np.inf))
        if unit == np.inf:
            unit = 1.0
        i, j = np.repeat(np.arange(N), np.diff(form.indptr)), form.indices
        with np.errstate(over="ignore"):
            m, b = form.data / unit, form.b / unit
        if max(np.abs(m).max(initial=0.0), np.abs(b).max(initial=0.0)) > REACH:
            return None
        m, b = np.rint(m).astype(np.int64), np.rint(b).astype(np.int64)
        degree = np.bincount(i, np.abs(m), N).astype(np.int64) + np.abs(b)
        if degree.max() > REACH or not (
            np.array_equal(m * unit, form.data) and np.array_equal(b * unit, form.b)
        ):
            return None
        return cls(unit, *_laid_out(i, j, m, b, degree))


def _laid_out(
    i: np.ndarray, j: np.ndarray, m: np.ndarray, b: np.ndarray, degree: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Site, runs, neighbours and ends of bonds m between i and j (both ways) and fields b."""
    N = len(b)
    real = m != 0
    i, j, m = i[real], j[real], m[real]
    # Runs are sites of one colour and one parity of bonds. Two bonds to the spin that is up, of both signs,
    # cancel: they fill sites up to the largest number of bonds in their run.
    indptr = np.append(0, np.cumsum(np.bincount(i, minlength=N)))
    colour = _coloured(indptr, j)
    run = 2 * colour + (degree & 1)
    site = np.argsort(run, kind="stable")
    position = np.empty(N, np.int64)
    position[site] = np.arange(N)
    begins = np.flatnonzero(np.diff(run[site], prepend=-1))
    stops = np.append(begins[1:], N)
    most = np.maximum.reduceat(degree[site], begins)
    offsets = np.append(0, np.cumsum(most * (stops - begins)))
    own = np.repeat(np.arange(len(begins)), stops - begins)[position]  # run of each site
    half = (most[own] - degree) // 2
    every, up = np.arange(N), np.full(N, N)

    def bonds(tail: np.ndarray, head: np.ndarray, m: np.ndarray) -> np.ndarray:
        """Each bond by itself: its site, and the word at its other end."""
        return np.repeat([tail, head + (N + 1) * (m < 0)], np.abs(m), axis=1)

    fields = bonds(every, up, b)
    fill = bonds(every, up, half), bonds(every, up, -half)
    tail, head = np.concatenate([bonds(i, position[j], m), fields, *fill], axis=1)
    order = np.argsort(tail, kind="stable")
    tail, head = tail[order], head[order]
    rank = np.arange(len(tail)) - np.searchsorted(tail, tail)  # which bond of its site
    width = stops - begins
    neighbours = np.empty(len(head), np.uint32)
    neighbours[offsets[own[tail]] + rank * width[own[tail]] + position[tail] - begins[own[tail]]] = head
    once = i < j
    ends = np.concatenate([bonds(i[once], position[j[once]], m[once]), fields], axis=1)
    ends[0] = position[ends[0]]
    return site, np.stack([begins, stops, most, offsets[:-1]], axis=1), neighbours, ends.astype(np.uint32)


def _coloured(indptr: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """A colour for each site, neighbours differ: greedily from neighbour to neighbour, two where two do."""
    colour = np.full(len(indptr) - 1, -1)
    _colour(indptr, indices, colour)
    return colour


@kernel
def _colour(indptr, indices, colour):  # type: ignore[no-untyped-def]
    queue = np.empty(len(colour), np.int64)
    seen = np.zeros(len(colour), np.bool_)
    end = 0
    for root in range(len(colour)):
        if seen[root]:
            continue
        seen[root] = True
        queue[end] = root
        first = end
        end += 1
        while first < end:
            i = queue[first]
            first += 1
            taken = 0
            for e in range(indptr[i], indptr[i + 1]):
                j = indices[e]
                if colour[j] >= 0:
                    taken |= 1 << colour[j]
                if not seen[j]:
                    seen[j] = True
                    queue[end] = j
                    end += 1
            c = 0
            while taken >> c & 1:
                c += 1
            colour[i] = c
