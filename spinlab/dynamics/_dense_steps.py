"""Single-spin dynamics on dense models in sequential order, several times faster than the generic loop."""

from __future__ import annotations

import math
import sys
from typing import NamedTuple

import numpy as np

from .._core.forms import Dense
from .._core.heat_bath import SITES, acceptances, heat_share, logits
from .._core.jit import kernel
from .._core.lanes import LANES, aligned, load, splat, store
from .._core.philox import UPDATE
from .._core.request import Request
from .._core.walkers import Group

# Sites per tile: as many as thresholds are drawn at once, and as fields fit in the vector registers.
_TILE = SITES
# Fields are recomputed this often, which keeps their rounding near 1e-14 and 1e-6 (float32).
_REFRESH = 256
_REFRESH_FLOAT32 = 64
_SMALLEST = 1e-30  # of the largest coupling or field, for float32


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


@kernel
def _visit_tiles(J, b, metropolis, typical, betas, factors, s, h, moved, key, first, start, stop):  # type: ignore[no-untyped-def]
    """The same chains as _steps in sequential order on a dense model, several times faster.

    The sites are cut into tiles of _TILE columns: J (tiles, N, _TILE), s and moved (chains, tiles,
    _TILE), h (tiles, chains, _TILE). One tile of sites is finished for all chains, then its flips
    are added to the fields of the other tiles, so that each piece of J is read once for all chains.
    Padding sites have no couplings; they are never visited.
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
            for tile in range(n_tiles):
                for r in range(n_chains):
                    for j in range(_TILE):
                        h[tile, r, j] = b[tile, j]
                    for i in range(n):
                        x = J.dtype.type(s[r, i // _TILE, i % _TILE])
                        for j in range(_TILE):
                            h[tile, r, j] += x * J[tile, i, j]
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
