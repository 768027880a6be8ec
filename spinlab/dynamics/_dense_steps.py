"""Single-spin dynamics on dense models in sequential order, several times faster than the generic loop."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._core.forms import Dense
from .._core.heat_bath import SITES, exponentials, logits
from .._core.jit import kernel
from .._core.philox import UPDATE

# Sites per tile: large enough for long inner loops.
_TILE = 128
# Fields are recomputed this often, which keeps their rounding near 1e-14 and 1e-6 (float32).
_REFRESH = 256
_REFRESH_FLOAT32 = 64


class Tiles(NamedTuple):
    """J as (tiles, N padded, _TILE) and b as (tiles, _TILE), zeros in the padding."""

    J: np.ndarray
    b: np.ndarray

    @classmethod
    def cut(cls, form: Dense, dtype: np.dtype) -> Tiles:
        """The tiles of a dense model in the given precision."""
        n = len(form.b)
        n_tiles = -(-n // _TILE)
        J = np.zeros((n_tiles * _TILE, n_tiles * _TILE), dtype=dtype)
        b = np.zeros(n_tiles * _TILE, dtype=dtype)
        J[:n, :n], b[:n] = form.J, form.b
        J = np.ascontiguousarray(J.reshape(-1, n_tiles, _TILE).swapaxes(0, 1))
        return cls(J, b.reshape(n_tiles, _TILE))


class DenseWalkers:
    """Chains on a dense model, in sequential order."""

    def __init__(
        self,
        tiles: Tiles,
        metropolis: bool,
        betas: np.ndarray,
        factors: np.ndarray,
        s: np.ndarray,
        moved: np.ndarray,
        key: np.uint64,
        first: int,
    ) -> None:
        self.s, self.factors = s, factors
        n_chains, n = s.shape
        n_tiles = len(tiles.b)
        padded = np.ones((n_chains, n_tiles * _TILE), dtype=np.int8)
        padded[:, :n] = s
        self._tiles = tiles
        self._padded = padded.reshape(n_chains, n_tiles, _TILE)
        self._h = np.empty((n_tiles, n_chains, _TILE), dtype=tiles.J.dtype)
        self._metropolis, self._betas = metropolis, betas
        self._chains = (moved, key, first)

    def advance(self, start: int, stop: int) -> None:
        """Take the steps start..stop-1."""
        J, b = self._tiles
        _visit_tiles(
            J,
            b,
            self._metropolis,
            self._betas,
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


@kernel
def _visit_tiles(J, b, metropolis, betas, factors, s, h, moved, key, first, start, stop):  # type: ignore[no-untyped-def]
    """The same chains as _steps in sequential order on a dense model, several times faster.

    The sites are cut into tiles of _TILE columns: J (tiles, N, _TILE), s and moved (chains, tiles,
    _TILE), h (tiles, chains, _TILE). One tile of sites is finished for all chains, then its flips
    are added to the fields of the other tiles, so that each piece of J is read once for all chains.
    Padding sites have no couplings; they are never visited.
    """
    n_tiles, n_chains, _ = h.shape
    n = moved.shape[1]
    threshold = np.empty((8, SITES))
    rows = np.zeros((n_chains, _TILE + 4), dtype=np.uint64)
    change = np.zeros((n_chains, _TILE + 4), dtype=J.dtype)
    n_flips = np.zeros(n_chains, dtype=np.uint64)
    one = np.uint64(1)
    refresh = _REFRESH if J.itemsize == 8 else _REFRESH_FLOAT32
    for t in range(start, stop):
        twice_beta = 2.0 * betas[min(t, len(betas) - 1)]
        if t % refresh == 0:
            for tile in range(n_tiles):
                for r in range(n_chains):
                    h[tile, r] = b[tile]
                    for i in range(n):
                        x = J.dtype.type(s[r, i // _TILE, i % _TILE])
                        for j in range(_TILE):
                            h[tile, r, j] += x * J[tile, i, j]
        for tile in range(n_tiles):
            low = tile * _TILE
            own_h, own_J = h[tile], J[tile, low : low + _TILE]
            n_flips[:] = 0
            for g in range(0, n_chains, 4):
                for part in range(low, min(low + _TILE, n), SITES):
                    if metropolis:
                        exponentials(key, part, (first + g) >> 2, t, UPDATE, threshold)
                    else:
                        logits(key, part, (first + g) >> 2, t, UPDATE, threshold)
                    for k in range(np.uint64(min(SITES, n - part))):
                        i = np.uint64(part - low) + k
                        for lane in range(np.uint64(min(4, n_chains - g))):
                            r = np.uint64(g) + lane
                            field = twice_beta * factors[r] * own_h[r, i]
                            if metropolis:
                                flips = s[r, tile, i] * field < threshold[lane, k]
                            else:
                                flips = (field > threshold[lane, k]) != (s[r, tile, i] > 0)
                            if flips:
                                s[r, tile, i] = -s[r, tile, i]
                                moved[r, low + i] = True
                                x = J.dtype.type(2 * s[r, tile, i])
                                for j in range(_TILE):
                                    own_h[r, j] += x * own_J[i, j]
                                rows[r, n_flips[r]] = np.uint64(low) + i
                                change[r, n_flips[r]] = x
                                n_flips[r] += one
            for r in range(n_chains):  # up to a multiple of four, with flips that change nothing
                for k in range(np.uint64(4)):
                    change[r, n_flips[r] + k] = 0.0
            for other in range(n_tiles):
                if other != tile:
                    _add_flips(h[other], J[other], rows, change, n_flips)


@kernel
def _add_flips(h, J, rows, change, n_flips):  # type: ignore[no-untyped-def]
    """h[r] += sum_k change[r, k] J[rows[r, k]] for every chain r, eight flips at a time, then four."""
    for r in range(np.uint64(len(h))):
        eights = n_flips[r] & ~np.uint64(7)
        for k in range(np.uint64(0), eights, np.uint64(8)):
            i, x = rows[r, k : k + np.uint64(8)], change[r, k : k + np.uint64(8)]
            i0, i1, i2, i3, i4, i5, i6, i7 = i[0], i[1], i[2], i[3], i[4], i[5], i[6], i[7]
            x0, x1, x2, x3, x4, x5, x6, x7 = x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]
            for j in range(_TILE):
                h[r, j] += ((x0 * J[i0, j] + x1 * J[i1, j]) + (x2 * J[i2, j] + x3 * J[i3, j])) + (
                    (x4 * J[i4, j] + x5 * J[i5, j]) + (x6 * J[i6, j] + x7 * J[i7, j])
                )
        for k in range(eights, n_flips[r], np.uint64(4)):
            i, x = rows[r, k : k + np.uint64(4)], change[r, k : k + np.uint64(4)]
            i0, i1, i2, i3, x0, x1, x2, x3 = i[0], i[1], i[2], i[3], x[0], x[1], x[2], x[3]
            for j in range(_TILE):
                h[r, j] += (x0 * J[i0, j] + x1 * J[i1, j]) + (x2 * J[i2, j] + x3 * J[i3, j])


@kernel
def _energy_of_tiles(b, s, h, n, out):  # type: ignore[no-untyped-def]
    """E = -(1/2) sum_i s_i (h_i + b_i) from the fields in use."""
    for r in range(len(s)):
        total = 0.0
        for i in range(n):
            tile, k = i // _TILE, i % _TILE
            total += s[r, tile, k] * (np.float64(h[tile, r, k]) + b[tile, k])
        out[r] = -0.5 * total
