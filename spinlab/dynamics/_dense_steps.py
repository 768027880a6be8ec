"""Single-spin dynamics on dense models in sequential order, several times faster than the generic loop.

The sites are cut into tiles. One tile of sites is finished for all chains, then its flips are added to the
fields of all tiles, so that each piece of J is read once for all chains. Within the tile chains decide one by
one, or, from eight of them on, sixteen in vector lanes: with the same steps, bit for bit.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from .._core.forms import Dense
from .._core.heat_bath import (
    COARSE,
    SITES,
    acceptances,
    coarse_thresholds,
    exact_thresholds,
    heat_share,
    logits,
)
from .._core.jit import kernel
from .._core.lanes import (
    LANES,
    above,
    aligned,
    choose,
    load,
    multiply_add,
    not_above,
    prefetch,
    splat,
    store,
    widened,
)
from .._core.philox import UPDATE
from .._core.request import Request
from .._core.walkers import Group
from ..models import IsingModel
from ._lane_spins import pack, unpack

# Sites per tile: as many as thresholds are drawn at once, and as fields fit in the vector registers.
_TILE = SITES
# Fields are recomputed this often, which keeps their rounding near 1e-14 and 1e-6 (float32).
_REFRESH = 256
_REFRESH_FLOAT32 = 64
_SMALLEST = 1e-30  # of the largest coupling or field, for float32

# Indices of this type spare the check for negative ones.
_U = np.uint64
_L = np.uint64(LANES)
_EIGHT = 8


class Tiles(NamedTuple):
    """J as (tiles, N padded, _TILE) and b as (tiles, _TILE) in a unit of energy, zeros in the padding."""

    J: np.ndarray
    b: np.ndarray
    unit: float
    """1, or the power of two that brings the largest number of a float32 model near 1."""

    @classmethod
    def cut(cls, form: Dense, dtype: np.dtype) -> Tiles:
        """The tiles of a dense model in the given precision."""
        n = len(form.b)
        n_tiles = -(-n // _TILE)
        unit = unit_of_float32(form) if dtype == np.float32 else 1.0
        b = np.zeros(n_tiles * _TILE, dtype=dtype)
        b[:n] = form.b / unit
        J = aligned((n_tiles, n_tiles * _TILE, _TILE), dtype)
        for tile, own in enumerate(range(0, n, _TILE)):
            columns = form.J[:, own : own + _TILE]
            J[tile, :n, : columns.shape[1]] = columns if unit == 1.0 else columns / unit
        return cls(J, b.reshape(n_tiles, _TILE), unit)


class _Kept:
    """Tiles that are wanted again, by so many callers."""

    def __init__(self) -> None:
        self.users = 0
        self.tiles: Tiles | None = None


_kept: dict[int, _Kept] = {}
_lock = threading.Lock()


@contextmanager
def tiles_kept(model: IsingModel) -> Iterator[None]:
    """Cut the tiles of a dense model once within: a search takes steps many times, a few of them each."""
    form = model.form()
    if not isinstance(form, Dense):
        yield
        return
    name = id(form.J)  # which the model keeps alive
    with _lock:
        kept = _kept.setdefault(name, _Kept())
        kept.users += 1
    try:
        yield
    finally:
        with _lock:
            kept.users -= 1
            if not kept.users:
                del _kept[name]


def tiles_of(form: Dense, dtype: np.dtype) -> Tiles:
    """The tiles of a dense model, or those that are kept."""
    kept = _kept.get(id(form.J)) if dtype == np.float64 else None
    if kept is None:
        return Tiles.cut(form, dtype)
    if kept.tiles is None:
        kept.tiles = Tiles.cut(form, dtype)
    return kept.tiles


def unit_of_float32(form: Dense) -> float:
    """The unit in which the model fits; refuse what no unit makes fit."""
    sizes = [np.abs(x[x != 0]) for x in (form.J, form.b)]
    largest = max(float(x.max(initial=0.0)) for x in sizes)
    smallest = min(float(x.min(initial=largest)) for x in sizes)
    if smallest < _SMALLEST * largest:
        raise ValueError(
            f"dtype='float32' cannot hold couplings and fields from {smallest:g} to {largest:g}: their sizes "
            f"may differ by a factor of {1 / _SMALLEST:g}; take dtype='float64'"
        )
    return math.ldexp(1.0, math.frexp(largest)[1] - 1) if largest else 1.0


class DenseWalkers:
    """Chains on a dense model, in sequential order."""

    def __init__(self, tiles: Tiles, request: Request, typical: float, group: Group) -> None:
        self.s, self.factors = group.s, group.factors
        n_chains, n = self.s.shape
        n_tiles = len(tiles.b)
        padded = np.ones((n_chains, n_tiles * _TILE), dtype=np.int8)
        padded[:, :n] = self.s
        self._tiles = tiles
        self._padded = padded.reshape(n_chains, n_tiles, _TILE)
        self._h = aligned((n_tiles, n_chains, _TILE), tiles.J.dtype)
        # In the unit of the tiles; the coldest temperatures stay finite.
        betas = np.minimum(request.betas, sys.float_info.max / max(tiles.unit, 1.0)) * tiles.unit
        self._rule = (request.metropolis, typical / tiles.unit, betas)
        self._chains = (group.moved, request.key, group.first)

    def advance(self, start: int, stop: int) -> None:
        """Take the steps start..stop-1."""
        J, b, _ = self._tiles
        _visit_tiles(
            J,
            b,
            *self._rule,
            self.factors,
            self._padded,
            self._h,
            *self._chains,
            start,
            stop,
        )
        n_chains, n = self.s.shape
        self.s[:] = self._padded.reshape(n_chains, -1)[:, :n]

    def energy(self, out: np.ndarray) -> None:
        """Energies without the model's offset."""
        _energy_of_tiles(self._tiles.b, self._padded, self._h, self.s.shape[1], out)
        out *= self._tiles.unit


class DenseLanes(DenseWalkers):
    """Up to sixteen chains on a dense model, in sequential order; missing chains run idle."""

    def __init__(self, tiles: Tiles, request: Request, typical: float, group: Group) -> None:
        super().__init__(tiles, request, typical, group)
        self._up = pack(self._padded.reshape(len(self.s), -1))
        self._flipped = np.zeros_like(self._up)
        self._lane_factors = np.ones(LANES)

    def advance(self, start: int, stop: int) -> None:
        """Take the steps start..stop-1."""
        self._lane_factors[: len(self.factors)] = self.factors
        moved, key, first = self._chains
        visit_lanes(
            self._tiles.J,
            self._tiles.b,
            self.s.shape[1],
            *self._rule,
            self._lane_factors,
            self._padded,
            self._h,
            self._up,
            self._flipped,
            key,
            first,
            start,
            stop,
        )
        unpack(self._up, self._flipped, self.s, moved)


@kernel
def _visit_tiles(J, b, metropolis, typical, betas, factors, s, h, moved, key, first, start, stop):  # type: ignore[no-untyped-def]
    """The same chains as _steps in sequential order on a dense model, several times faster.

    J (tiles, N, _TILE), s and moved (chains, tiles, _TILE), h (tiles, chains, _TILE). Padding sites have no
    couplings; they are never visited.
    """
    n_tiles, n_chains, _ = h.shape
    n = moved.shape[1]
    threshold, heat = np.empty((8, SITES)), np.empty(4)
    # Flat arrays, because slices of them would be counted as references at every flip.
    flat_J, flat_h = J.reshape(-1), h.reshape(-1)
    rows = np.zeros(n_chains * _TILE, dtype=np.uint64)
    change = np.zeros(n_chains * _TILE, dtype=J.dtype)
    last = np.zeros(n_chains, dtype=np.uint64)
    one, width = np.uint64(1), np.uint64(_TILE)
    refresh = _REFRESH if J.itemsize == 8 else _REFRESH_FLOAT32
    for t in range(start, stop):
        twice_beta = 2.0 * betas[min(t, len(betas) - 1)]
        if t % refresh == 0:
            _fill_fields(J, b, n, s, h)
        for tile in range(n_tiles):
            low = tile * _TILE
            own_J, own_h = np.uint64(tile * J[0].size), np.uint64(tile * n_chains) * width
            for r in range(np.uint64(n_chains)):
                last[r] = r * width
            for g in range(0, n_chains, 4):
                if metropolis:
                    for lane in range(4):
                        heat[lane] = heat_share(twice_beta * factors[min(g + lane, n_chains - 1)] * typical)
                    acceptances(key, low, (first + g) >> 2, t, UPDATE, heat, threshold)
                else:
                    logits(key, low, (first + g) >> 2, t, UPDATE, threshold)
                for i in range(np.uint64(min(_TILE, n - low))):
                    for lane in range(np.uint64(min(4, n_chains - g))):
                        r = np.uint64(g) + lane
                        field = twice_beta * factors[r] * h[tile, r, i]
                        if metropolis:
                            flips = s[r, tile, i] * field < threshold[lane, i]
                        else:
                            flips = (field > threshold[lane, i]) != (s[r, tile, i] > 0)
                        if flips:
                            s[r, tile, i] = -s[r, tile, i]
                            moved[r, low + i] = True
                            k = last[r]
                            rows[k] = (np.uint64(low) + i) * width
                            change[k] = J.dtype.type(2 * s[r, tile, i])
                            last[r] = k + one
                            _add_flips(flat_h, own_h + r * width, flat_J, own_J, rows, change, k, k + one)
            for other in range(n_tiles):
                if other != tile:
                    other_J, other_h = np.uint64(other * J[0].size), np.uint64(other * n_chains) * width
                    for r in range(np.uint64(n_chains)):
                        _add_flips(
                            flat_h, other_h + r * width, flat_J, other_J, rows, change, r * width, last[r]
                        )


@kernel
def _fill_fields(J, b, n, s, h):  # type: ignore[no-untyped-def]
    for tile in range(h.shape[0]):
        for r in range(h.shape[1]):
            for j in range(_TILE):
                h[tile, r, j] = b[tile, j]
            for i in range(n):
                x = J.dtype.type(s[r, i // _TILE, i % _TILE])
                for j in range(_TILE):
                    h[tile, r, j] += x * J[tile, i, j]


@kernel
def visit_lanes(  # type: ignore[no-untyped-def]
    J, b, n, metropolis, typical, betas, factors, s, h, up, flipped, key, first, start, stop
):
    """Steps start..stop-1 of up to sixteen chains; bit r of up[i] and flipped[i] is chain r."""
    n_tiles, n_chains, _ = h.shape
    words = np.empty(SITES * LANES, dtype=np.uint32)
    coarse = np.empty(SITES * LANES, dtype=np.float32)
    exact = np.empty((LANES // 4, 8, SITES))
    twice_beta = np.empty(LANES)
    heat, coarse_heat = np.empty(LANES), np.empty(LANES, dtype=np.uint32)
    field = np.zeros(_TILE * LANES, dtype=J.dtype)  # of the tile that is visited; sixteen chains side by side
    jumps = np.zeros(_TILE * LANES, dtype=J.dtype)  # 2, -2 or 0: by how much the spins changed
    flips = np.zeros(_TILE, dtype=np.uint16)
    flat_J, flat_h = J.reshape(-1), h.reshape(-1)
    rows = np.zeros(n_chains * _TILE, dtype=np.uint64)
    change = np.zeros(n_chains * _TILE, dtype=J.dtype)
    last = np.zeros(n_chains, dtype=np.uint64)
    refresh = _REFRESH if J.itemsize == 8 else _REFRESH_FLOAT32
    for t in range(start, stop):
        for r in range(LANES):
            twice_beta[r] = 2.0 * betas[min(t, len(betas) - 1)] * factors[r]
            heat[r] = heat_share(twice_beta[r] * typical)
            coarse_heat[r] = np.uint32(heat[r])
        if t % refresh == 0:
            _unpack_tiles(up, s)
            _fill_fields(J, b, n, s, h)
        for tile in range(n_tiles):
            low = tile * _TILE
            own = _U(tile * J[0].size + low * _TILE)
            for k in range(own, own + _U(_TILE * _TILE), _U(64 // J.itemsize)):
                prefetch(flat_J, k)
            coarse_thresholds(key, low, first >> 2, t, UPDATE, metropolis, coarse_heat, words, coarse)
            for r in range(n_chains):
                for j in range(_TILE):
                    field[j * LANES + r] = h[tile, r, j]
            drawn = False
            high = min(_TILE, n - low)
            for begin in range(0, high, _EIGHT):
                i, end = begin, min(begin + _EIGHT, high)
                while True:
                    i = _visit_block(
                        flat_J, own, metropolis, twice_beta, coarse, field, up, flips, jumps, low, i, end
                    )
                    if i == end:
                        break
                    if not drawn:
                        exact_thresholds(
                            key, low, first >> 2, t, UPDATE, metropolis, heat, exact[: (n_chains + 3) // 4]
                        )
                        drawn = True
                    _visit_exactly(
                        flat_J,
                        own,
                        metropolis,
                        twice_beta,
                        exact,
                        field,
                        up,
                        flips,
                        jumps,
                        low,
                        i,
                        end,
                        n_chains,
                    )
                    i += 1
                if end < high:
                    _pass_on(flat_J, own, field, jumps, begin, high)
            for r in range(_U(n_chains)):
                k = r * _U(_TILE)
                for j in range(_U(high)):
                    rows[k] = (_U(low) + j) * _U(_TILE)
                    change[k] = jumps[j * _L + r]
                    k += (flips[j] >> r) & _U(1)
                last[r] = k
            for j in range(high):
                flipped[low + j] |= flips[j]
            for other in range(n_tiles):
                other_J, other_h = _U(other * J[0].size), _U(other * n_chains * _TILE)
                for r in range(_U(n_chains)):
                    k = r * _U(_TILE)
                    _add_flips(flat_h, other_h + k, flat_J, other_J, rows, change, k, last[r])
    _unpack_tiles(up, s)


@kernel
def _unpack_tiles(up, s):  # type: ignore[no-untyped-def]
    for r in range(s.shape[0]):
        for tile in range(s.shape[1]):
            for j in range(_TILE):
                s[r, tile, j] = ((up[tile * _TILE + j] >> r) & 1) * 2 - 1


@kernel
def _visit_block(  # type: ignore[no-untyped-def]
    J, own, metropolis, twice_beta, coarse, field, up, flips, jumps, low, start, high
):
    """Visit the sites start..high-1 of a tile, and change the fields of those among them that follow.

    Stop before the first site with a decision too close to its threshold.
    """
    slope = load(twice_beta, _U(0))
    zero, one, minus, guard = splat(0.0), splat(1.0), splat(-1.0), splat(1.2 * COARSE)
    number = field.dtype.type
    stay, rise, fall = splat(number(0.0)), splat(number(2.0)), splat(number(-2.0))
    i = _U(start)
    while i < _U(high):
        old = up[_U(low) + i]
        threshold = widened(load(coarse, i * _L), zero)
        if metropolis:
            threshold = threshold * choose(old, one, minus)
        gap = slope * widened(load(field, i * _L), zero) - threshold
        if not_above(gap, guard) & not_above(zero - gap, guard):
            break
        new = above(gap, zero)
        flips[i] = new ^ old
        up[_U(low) + i] = new
        change = choose(new ^ old, choose(new, rise, fall), stay)
        store(jumps, i * _L, change)
        for j in range(i + _U(1), _U(high)):
            store(field, j * _L, multiply_add(change, splat(J[own + i * _U(_TILE) + j]), load(field, j * _L)))
        i += _U(1)
    return np.int64(i)


@kernel
def _pass_on(J, own, field, jumps, begin, high):  # type: ignore[no-untyped-def]
    """Change the fields of the sites after begin + 7 in the tile by what eight sites did."""
    first, width = own + _U(begin * _TILE), _U(_TILE)
    k = _U(begin) * _L
    x0, x1, x2, x3 = (
        load(jumps, k),
        load(jumps, k + _L),
        load(jumps, k + _U(2) * _L),
        load(jumps, k + _U(3) * _L),
    )
    k += _U(4) * _L
    x4, x5, x6, x7 = (
        load(jumps, k),
        load(jumps, k + _L),
        load(jumps, k + _U(2) * _L),
        load(jumps, k + _U(3) * _L),
    )
    for j in range(_U(begin + _EIGHT), _U(high)):
        row = first + j
        h = load(field, j * _L)
        h = multiply_add(x0, splat(J[row]), h)  # twice J is exact, however it is added
        h = multiply_add(x1, splat(J[row + width]), h)
        h = multiply_add(x2, splat(J[row + _U(2) * width]), h)
        h = multiply_add(x3, splat(J[row + _U(3) * width]), h)
        h = multiply_add(x4, splat(J[row + _U(4) * width]), h)
        h = multiply_add(x5, splat(J[row + _U(5) * width]), h)
        h = multiply_add(x6, splat(J[row + _U(6) * width]), h)
        h = multiply_add(x7, splat(J[row + _U(7) * width]), h)
        store(field, j * _L, h)


@kernel
def _visit_exactly(  # type: ignore[no-untyped-def]
    J, own, metropolis, twice_beta, exact, field, up, flips, jumps, low, i, high, n_chains
):
    """Visit site i of a tile with the arithmetic and the thresholds of single chains."""
    flips[i] = 0
    for r in range(n_chains):
        is_up = (up[low + i] >> r) & 1 == 1
        x, threshold = twice_beta[r] * field[i * LANES + r], exact[r >> 2, r & 3, i]
        if metropolis:
            turns = (x if is_up else -x) < threshold
        else:
            turns = (x > threshold) != is_up
        jumps[i * LANES + r] = 0.0
        if turns:
            up[low + i] ^= np.uint16(1 << r)
            flips[i] |= np.uint16(1 << r)
            change = field.dtype.type(-2 if is_up else 2)
            jumps[i * LANES + r] = change
            for j in range(i + 1, high):
                field[j * LANES + r] += change * J[own + _U(i * _TILE + j)]


@kernel
def _add_flips(h, own, J, tile, rows, change, first, last):  # type: ignore[no-untyped-def]
    """h += sum_k change[k] J[rows[k]] over the flips first..last-1 of one chain, in one tile."""
    # Four times sixteen lanes make a tile; all of it stays in registers.
    second, third, fourth = np.uint64(LANES), np.uint64(2 * LANES), np.uint64(3 * LANES)
    h0, h1, h2, h3 = load(h, own), load(h, own + second), load(h, own + third), load(h, own + fourth)
    for k in range(first, last):
        row, x = tile + rows[k], splat(change[k])
        h0 += x * load(J, row)
        h1 += x * load(J, row + second)
        h2 += x * load(J, row + third)
        h3 += x * load(J, row + fourth)
    store(h, own, h0)
    store(h, own + second, h1)
    store(h, own + third, h2)
    store(h, own + fourth, h3)


@kernel
def _energy_of_tiles(b, s, h, n, out):  # type: ignore[no-untyped-def]
    """E = -(1/2) sum_i s_i (h_i + b_i) from the fields in use."""
    for r in range(len(s)):
        total = 0.0
        for i in range(n):
            tile, k = i // _TILE, i % _TILE
            total += s[r, tile, k] * (np.float64(h[tile, r, k]) + b[tile, k])
        out[r] = -0.5 * total
