"""p(v) of the states of a tile as products over the units, an addition and a multiplication for each.

A unit whose input from the tile, base, is negative is flipped, s = sign(base): 2cosh does not notice. With D
and y from the row and the column

    2cosh(base + D + y) = e^(|base| + s D - s y) (r + e^2sy),   r = e^-2|base| e^-2sD,

so that exponentials are taken per tile, per row and per column only, and nothing cancels. The logarithms of
the prefactors are sums over the spins of rows and columns. Exponents are taken out of the products before
they might overflow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..._core.exponential import exp
from ..._core.jit import kernel
from ..._core.lanes import LANES, above, choose, exponent_of, load, mantissa_of, splat, store
from .tiles import Tiles, aligned

SHAPE = (6, 5)  # spins of columns and rows

_LN2 = math.log(2.0)
_LARGEST = 690.0  # below ln of the largest float64
_SMALLEST = -700.0  # above ln of the smallest normal one
_NEGLIGIBLE = 45.0  # e^-45 < 2^-64

# Indices of this type spare the check for negative ones.
_U = np.uint64
_L, _ONE, _TWO, _THREE, _FOUR = _U(LANES), _U(1), _U(2), _U(3), _U(4)
_CHUNK = _U(64)  # units whose factors for 16 columns, both signs, and for 32 rows fit in the nearest cache
_BIAS = np.int64(1023)
_MANY = 2**10  # tiles from which on a bound for each state pays
_TOGETHER = 8  # tiles whose products stay in the second level of the cache


def fits(tiles: Tiles) -> bool:
    """Whether four factors fit in float64, and r is nothing beside e^2y where it is kept from underflow."""
    y, D = _inputs(tiles)
    cut = 2 * D.max() + 2 * (y + D).max() + _NEGLIGIBLE
    return bool(_growth(tiles).max() <= _LARGEST and cut <= -_SMALLEST)


class Product:
    """p(v) = mantissa 2^exponent e^(rows + column) of the states of tiles that :func:`fits` allows."""

    def __init__(self, tiles: Tiles) -> None:
        self.tiles = tiles
        m, columns = tiles.Y.shape
        rows, n, width = len(tiles.D), int(_CHUNK), min(LANES, columns)
        units = -(-m // n) * n  # whole chunks
        Y = np.zeros((units, columns))
        np.multiply(tiles.Y, 2.0, out=Y[:m])
        blocks = np.exp(Y, out=Y).reshape(-1, n, columns // width, width).swapaxes(1, 2)
        self.Y = aligned((len(blocks), columns // width, 2, n, width))
        self.Y[:, :, 0], self.Y[:, :, 1] = blocks, blocks[:, ::-1, :, ::-1]  # with all bits flipped, -y
        R = np.zeros((rows, units))
        np.multiply(tiles.D, -2.0, out=R[:, :m])
        self.R = aligned((len(blocks), rows, n))
        self.R[:] = np.exp(R, out=R).reshape(rows, -1, n).swapaxes(0, 1)
        self.least = math.exp(_SMALLEST + 2 * float(_inputs(tiles)[1].max()))
        self.take = _times_to_take(tiles)
        self._whole = rows % int(_FOUR) == columns % int(_L) == 0

    def __call__(self, part: np.ndarray) -> tuple[np.ndarray, ...]:
        """(mantissa, exponent, rows, column), the first two of shape (tiles, rows, columns)."""
        base = self.tiles.base(part)
        mantissa, exponent, rows, column = self._arrays(len(part))
        multiply: Any = _product if self._whole else _product_of_few
        multiply(base, self.R, self.Y, self.take, self.least, mantissa.reshape(-1), exponent.reshape(-1))
        _linear(base, *self._spins(part), rows, column)
        return mantissa, exponent, rows, column

    def sums(self, part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(top, weight) of each tile: the sum of p over its states is weight e^top."""
        if not self._whole:  # all states are in one small tile
            top, weight = np.empty(len(part)), np.empty(len(part))
            _add_up(*self(part), top, weight)
            return top, weight
        n = min(len(part), _TOGETHER)
        room = aligned((n, self.tiles.W.shape[1])), *self._arrays(n)
        top, weight = np.empty(len(part)), np.empty(len(part))
        terms, spins = self.tiles.base_terms(part), self._spins(part)
        _sums(*terms, self.R, self.Y, self.take, self.least, *spins, *room, top, weight)
        return top, weight

    def _arrays(self, n: int) -> tuple[np.ndarray, ...]:
        """Room for what n tiles give."""
        rows, columns = len(self.tiles.D), self.tiles.Y.shape[1]
        shape = (n, rows, columns)
        return aligned(shape), aligned(shape, np.int64), np.empty((n, rows)), np.empty((n, columns))

    def _spins(self, part: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights and biases of the spins of rows and columns, and what all states of a tile share."""
        tiles, n = self.tiles, self.tiles.low + self.tiles.middle
        return tiles.W[:n], tiles.b[:n], tiles.linear_part(tiles.b, part) - _LN2 * tiles.pad


def _inputs(tiles: Tiles) -> tuple[np.ndarray, np.ndarray]:
    """The largest |y| and |D| of each unit."""
    W = np.abs(tiles.W)
    return W[: tiles.low].sum(0), W[tiles.low : tiles.low + tiles.middle].sum(0)


def _growth(tiles: Tiles) -> np.ndarray:
    """Bound on |ln| of the factors of units in fours, e^-2|y| <= r + e^2sy <= e^2|D| + e^2|y|."""
    each: np.ndarray = 2 * np.maximum(*_inputs(tiles)) + _LN2
    return each.reshape(-1, 4).sum(1)


def _times_to_take(tiles: Tiles) -> np.ndarray:
    """After which four units the exponents are taken out: before a product might overflow, and at the end."""
    many = len(tiles.numbers) >= _MANY
    steps, highest = (_growth_of_states(tiles), np.max) if many else (_growth(tiles).tolist(), float)
    take = np.zeros(tiles.W.shape[1] // 4, np.bool_)
    take[-1] = True
    total: Any = 0.0
    for k, step in enumerate(steps):
        total = total + step
        if highest(total) > _LARGEST:
            take[k - 1], total = True, step
    return take


def _growth_of_states(tiles: Tiles) -> Iterator[np.ndarray]:
    """The bound of :func:`_growth` for each state: |ln| of a factor is at most 2 max(|D|, |y|) + ln 2.

    States with all bits flipped have the same.
    """
    rows, columns = (len(tiles.D) + 1) // 2, (tiles.Y.shape[1] + 1) // 2
    D, y = np.abs(tiles.D[:rows].T[:, :, None]), np.abs(tiles.Y[:, None, :columns])
    for low in range(0, len(y), int(_CHUNK)):
        here = slice(low, low + int(_CHUNK))
        each = 2 * np.maximum(D[here], y[here]) + _LN2
        yield from each.reshape(-1, 4, rows * columns).sum(1)


@kernel
def _product(base, R, Y, take, least, p, e):  # type: ignore[no-untyped-def]
    """p 2^e = prod_a (r + e^2sy) of all states of the tiles; Y[chunk, block of columns, s, unit, column]."""
    n_rows, m, blocks = _U(R.shape[1]), _U(base.shape[1]), _U(Y.shape[1])
    r, first, sign, z = _room(n_rows)
    flat_Y, columns, size = Y.reshape(-1), blocks * _L, _TWO * _CHUNK * _L
    p[:] = 1.0
    e[:] = 0
    for low in range(_U(0), m, _CHUNK):
        n, chunk = min(_CHUNK, m - low), low // _CHUNK
        for t in range(_U(len(base))):
            _flip(base[t], low, n, _L, least, r, first, sign)
            _spread(r, sign, R[chunk], n, z)
            for j in range(blocks):
                y = (chunk * blocks + j) * size
                for i in range(_U(0), n_rows, _FOUR):
                    out = (t * n_rows + i) * columns + j * _L
                    _multiply_tile(flat_Y, y, first, z, i * _CHUNK, n, take, low, p, e, out, columns)


@kernel
def _product_of_few(base, R, Y, take, least, p, e):  # type: ignore[no-untyped-def]
    """The same for tiles of few states; a kernel of its own, so that one call compiles one of the two."""
    n_rows, m, width = _U(R.shape[1]), _U(base.shape[1]), _U(Y.shape[4])
    r, first, sign, z = _room(n_rows)
    columns = _U(Y.shape[1]) * width
    p[:] = 1.0
    e[:] = 0
    for low in range(_U(0), m, _CHUNK):
        n, chunk = min(_CHUNK, m - low), low // _CHUNK
        for t in range(_U(len(base))):
            _flip(base[t], low, n, width, least, r, first, sign)
            _spread(r, sign, R[chunk], n, z)
            for j in range(_U(Y.shape[1])):
                for i in range(n_rows):
                    out = (t * n_rows + i) * columns + j * width
                    _multiply_few(
                        Y[chunk, j].reshape(-1), first, width, z, i * _CHUNK, n, take, low, p, e, out
                    )


@kernel
def _room(n_rows):  # type: ignore[no-untyped-def]
    return np.zeros(_CHUNK), np.zeros(_CHUNK, _U), np.zeros(_CHUNK), np.zeros(n_rows * _CHUNK)


@kernel(fastmath={"contract"})
def _flip(base, low, n, width, least, r, first, sign):  # type: ignore[no-untyped-def]
    """e^-2|base| and s of n units, and where their e^2sy begin in a block of columns."""
    for k in range(n):
        x = base[low + k]
        size = exp(-2.0 * abs(x))
        r[k] = size if size > least else least  # some processors are slow below the normal numbers
        sign[k] = x
        first[k] = (_U(x < 0.0) * _CHUNK + k) * width


@kernel
def _spread(r, sign, R, n, z):  # type: ignore[no-untyped-def]
    """z = e^-2|base| e^-2sD of n units for every row; the row with all bits flipped has -D."""
    flat_R, last = R.reshape(-1), _U(len(R)) - _ONE
    for k in range(_U(0), n, _L):
        size, minus = load(r, k), above(splat(0.0), load(sign, k))
        for i in range((_U(len(R)) + _ONE) // _TWO):
            here, there = i * _CHUNK + k, (last - i) * _CHUNK + k
            x, y = size * load(flat_R, here), size * load(flat_R, there)
            store(z, here, choose(minus, y, x))
            store(z, there, choose(minus, x, y))


@kernel
def _multiply_tile(Y, y, first, z, x, n, take, low, p, e, out, columns):  # type: ignore[no-untyped-def]
    """Multiply four rows of sixteen columns of p 2^e, in registers, by the factors of n units."""
    out1, out2, out3 = out + columns, out + _TWO * columns, out + _THREE * columns
    p0, p1, p2, p3 = load(p, out), load(p, out1), load(p, out2), load(p, out3)
    bias = splat(_BIAS)
    for k in range(_U(0), n, _FOUR):
        y0, y1 = load(Y, y + first[k]), load(Y, y + first[k + _ONE])
        y2, y3 = load(Y, y + first[k + _TWO]), load(Y, y + first[k + _THREE])
        p0 = p0 * _four_factors(z, x + k, y0, y1, y2, y3)
        p1 = p1 * _four_factors(z, x + _CHUNK + k, y0, y1, y2, y3)
        p2 = p2 * _four_factors(z, x + _TWO * _CHUNK + k, y0, y1, y2, y3)
        p3 = p3 * _four_factors(z, x + _THREE * _CHUNK + k, y0, y1, y2, y3)
        if take[(low + k) >> _TWO]:
            store(e, out, load(e, out) + (exponent_of(p0) - bias))
            store(e, out1, load(e, out1) + (exponent_of(p1) - bias))
            store(e, out2, load(e, out2) + (exponent_of(p2) - bias))
            store(e, out3, load(e, out3) + (exponent_of(p3) - bias))
            p0, p1, p2, p3 = mantissa_of(p0), mantissa_of(p1), mantissa_of(p2), mantissa_of(p3)
    store(p, out, p0)
    store(p, out1, p1)
    store(p, out2, p2)
    store(p, out3, p3)


@kernel
def _four_factors(z, a, y0, y1, y2, y3):  # type: ignore[no-untyped-def]
    p01 = (splat(z[a]) + y0) * (splat(z[a + _ONE]) + y1)
    p23 = (splat(z[a + _TWO]) + y2) * (splat(z[a + _THREE]) + y3)
    return p01 * p23


@kernel
def _multiply_few(Y, first, width, z, x, n, take, low, p, e, out):  # type: ignore[no-untyped-def]
    """The same for the columns of one row."""
    for k in range(_U(0), n, _FOUR):
        a = x + k
        for j in range(width):
            p01 = (z[a] + Y[first[k] + j]) * (z[a + _ONE] + Y[first[k + _ONE] + j])
            p23 = (z[a + _TWO] + Y[first[k + _TWO] + j]) * (z[a + _THREE] + Y[first[k + _THREE] + j])
            p[out + j] *= p01 * p23
            if take[(low + k) >> _TWO]:
                word = np.float64(p[out + j]).view(np.int64)
                e[out + j] += (word >> 52) - 1023
                p[out + j] = np.int64((word & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000).view(np.float64)


@kernel
def _linear(base, W, b, constant, rows, column):  # type: ignore[no-untyped-def]
    """rows = constant + sum_a (|base_a| + s_a D_a) + b.v, column = b.v - sum_a s_a y_a, of their spins."""
    low = 0
    while (1 << low) < column.shape[1]:
        low += 1
    for t in range(len(base)):
        column[t, 0] = 0.0
        for i in range(low):
            _add_spin(column[t], 1 << i, b[i] - _signed_sum(base[t], W[i]))
        rows[t, 0] = constant[t] + _signed_sum(base[t], base[t])
        for i in range(low, len(b)):
            _add_spin(rows[t], 1 << (i - low), b[i] + _signed_sum(base[t], W[i]))


@kernel(fastmath={"reassoc"})
def _signed_sum(base, x):  # type: ignore[no-untyped-def]
    """sum_a s_a x_a."""
    total = 0.0
    for a in range(len(base)):
        total += -x[a] if base[a] < 0.0 else x[a]
    return total


@kernel
def _add_spin(out, n, x):  # type: ignore[no-untyped-def]
    """The sums of the first n states, with +-x for a further spin."""
    for k in range(n):
        out[n + k] = out[k] + x
        out[k] -= x


@kernel
def _sums(  # type: ignore[no-untyped-def]
    upper, which, lower, own, R, Y, take, least, W, b, constant, base, p, e, rows, column, top, weight
):
    """weight e^top of the tiles, with room for some of them at a time, which stays in the cache."""
    for first in range(0, len(top), len(p)):
        n = min(len(p), len(top) - first)
        for t in range(n):
            _add(upper[which[first + t]], lower[own[first + t]], base[t])
        _product(base[:n], R, Y, take, least, p[:n].reshape(-1), e[:n].reshape(-1))
        _linear(base[:n], W, b, constant[first : first + n], rows, column)
        _add_up(p, e, rows, column, top[first : first + n], weight[first : first + n])


@kernel
def _add(x, y, out):  # type: ignore[no-untyped-def]
    for a in range(len(out)):
        out[a] = x[a] + y[a]


@kernel(fastmath={"contract"})
def _add_up(mantissa, exponent, rows, column, top, weight):  # type: ignore[no-untyped-def]
    """weight e^top = sum of mantissa 2^exponent e^(rows + column) over the states of each tile."""
    n = column.shape[1]
    peak, total = np.empty(n), np.empty(n)
    for t in range(len(top)):
        peak[:] = -np.inf
        total[:] = 0.0
        for i in range(rows.shape[1]):
            for j in range(n):
                x = _LN2 * exponent[t, i, j] + (rows[t, i] + column[t, j])
                peak[j] = x if x > peak[j] else peak[j]
        highest = -np.inf  # a loop: methods of arrays take .4 s to compile
        for j in range(n):
            highest = peak[j] if peak[j] > highest else highest
        for i in range(rows.shape[1]):
            for j in range(n):
                x = _LN2 * exponent[t, i, j] + (rows[t, i] + column[t, j])
                total[j] += mantissa[t, i, j] * exp(x - highest)
        top[t], weight[t] = highest, 0.0
        for j in range(n):
            weight[t] += total[j]
