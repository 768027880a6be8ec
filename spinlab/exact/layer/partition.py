"""Partition function, mean energy and free energies of a restricted Boltzmann machine, one layer enumerated.

    Z = sum_v p(v),   p(v) = e^{b.v} prod_a 2cosh x_a(v),   x(v) = v W + c = x(tile, row) + y(column).

Two routes to ln p(v), both without cancellation:

product    2cosh(x + y) = e^|x| e^-y (z + w e^2y) with z = e^-x-|x| and w = e^x-|x|: one multiply-add and one
           multiplication per unit, the exponent being taken out before it overflows. For |y| below 86.
logarithm  ln 2cosh x = |x| + ln(1 + e^-2|x|), at any scale and ten times slower; but there few states
           matter: sum_a |x_a| <= ln p - b.v <= sum_a |x_a| + m ln 2 excludes the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..._core.jit import kernel
from ..._core.lanes import LANES, exponent_of, load, mantissa_of, multiply_add, splat, store
from ..._core.progress import duration, shows_progress
from ..._core.validate import as_real, as_real_array
from ...models import IsingModel, TwoLayerIsing
from ..accuracy import U, settle
from . import gpu as _gpu
from . import solver as ground
from .solver import Layer
from .tiles import LOW, Tiles, aligned

NAME = "layer"
MAX_FREE_ENERGIES = 24

_PRODUCT_RATE = 2e10  # units times states per second and core
_LOGARITHM_RATE = 1e9
_NEGLIGIBLE = 45.0  # e^-45 < 2^-64
_LARGEST = 690.0  # below ln of the largest float64
_LN2 = math.log(2.0)

# Indices of this type spare the check for negative ones.
_U = np.uint64
_L, _TWO, _THREE, _FOUR = _U(LANES), _U(2), _U(3), _U(4)
_CHUNK = _U(32)  # units whose factors for 128 columns fit in the first level of the cache
_BIAS = np.int64(1023)


def refusal(model: IsingModel) -> str | None:
    """Why this method cannot take the model, or None."""
    if not isinstance(model, TwoLayerIsing):
        return ground.refusal(model)
    return ground.too_large(model, NAME, cost(model)[0])


def cost(model: IsingModel) -> tuple[float, float]:
    """Seconds and bytes that ``log_partition`` takes at one beta."""
    seconds, size = ground.cost(model)
    return 3 * seconds, 2 * size + 2e7


@shows_progress
def log_partition(
    model: TwoLayerIsing,
    beta: Any = 1.0,
    *,
    threads: int | None = None,
    layer: str = "auto",
    error: bool = False,
    tolerance: float | None = None,
    progress: bool | None = None,
) -> Any:
    """ln Z(beta), Z = sum over v and h of exp(-beta E(v, h)), summed over every state of one layer.

    Z = sum_v exp(beta bv.v) prod_a 2cosh(beta ((v W)_a + bh_a)), and the same with the layers exchanged.

    Parameters
    ----------
    model : TwoLayerIsing
        The enumerated layer has at most 30 units; the other may have any number.
    layer : {"auto", "visible", "hidden"}
        The layer to enumerate; "auto" takes the smaller one.
    beta, threads, error, tolerance, progress
        As for :func:`spinlab.log_partition`.

    Returns
    -------
    float or ndarray of the shape of beta; with ``error`` a pair of them, value and bound
        The bound is (4 n + m/2 + 128) 2^-53 beta (sum |W| + sum |b|) and a little more; the error is usually
        far below.

    Raises
    ------
    TypeError, ValueError
        If the model has no two layers, the layer has more than 30 units (the message estimates the
        time), beta is negative, beta E overflows, or rounding may have moved ln Z by more than ``tolerance``.

    Notes
    -----
    2^(n-1) m hyperbolic cosines without biases, 2^n m with, at about 20 per ns and core:
    V=20, H=1000 in 0.03 s, V=24 in 0.4 s.

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab.exact import layer
    >>> from spinlab.models import BipartiteIsing
    >>> rbm = BipartiteIsing([[1.0, 1.0]])  # Z = 2 (2cosh 1)^2
    >>> bool(np.isclose(layer.log_partition(rbm), np.log(2 * (2 * np.cosh(1)) ** 2)))
    True
    """
    Layer.of(model, layer)  # refuse also where there is no beta
    betas = as_real_array(beta, "beta", (0, 1))
    found = [_log_partition(model, _beta(x), threads, layer) for x in betas.ravel().tolist()]
    return settle(NAME, betas, found, error, tolerance)


@shows_progress
def mean_energy(
    model: TwoLayerIsing,
    beta: Any = 1.0,
    *,
    threads: int | None = None,
    progress: bool | None = None,
    layer: str = "auto",
) -> float | np.ndarray:
    """<E> at inverse temperature beta, summed over every state of one layer.

    <E> = -sum_v p(v) [bv.v + sum_a x_a tanh(beta x_a)] + offset, x = v W + bh.

    Parameters, errors and limits are those of :func:`log_partition`.

    Returns
    -------
    float or ndarray of the shape of beta
        Rounding moves <E> by the order of (n + m/4) 2^-53 (|<E>| + beta T std(E)), T = sum |W| + sum |b|.
        Weak couplings lose no digits without biases; with them the error is of order 2^-53 T.

    Notes
    -----
    About 1 per ns and core where all states matter (weak couplings): V=20, H=1000 in 0.6 s. Elsewhere
    a first pass as for ln Z finds the few that do.

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab.exact import layer
    >>> from spinlab.models import BipartiteIsing
    >>> rbm = BipartiteIsing([[1.0, 1.0]])
    >>> bool(np.isclose(layer.mean_energy(rbm), -2 * np.tanh(1)))
    True
    """
    Layer.of(model, layer)  # refuse also where there is no beta
    return _at_each_beta(beta, lambda beta: _mean_energy(model, beta, threads, layer))


@shows_progress
def free_energies(
    model: TwoLayerIsing, *, beta: float = 1.0, threads: int | None = None, progress: bool | None = None
) -> np.ndarray:
    """F(v) of every visible state, P(v) = exp(-F(v)) / Z.

    F(v) = -beta bv.v - sum_a ln 2cosh(beta ((v W)_a + bh_a)) + beta offset, as
    :meth:`TwoLayerIsing.free_energy` of the model scaled by beta.

    Parameters
    ----------
    model : TwoLayerIsing
        V <= 24 visible units, any number of hidden ones.
    beta : float, default 1
        Inverse temperature, at least 0.
    threads, progress
        As for :func:`spinlab.ground_state`.

    Returns
    -------
    ndarray, shape (2**V,)
        In the order of binary counting: v_i = +1 where bit i of the index is set, so the index of v is
        ``((v > 0) << np.arange(V)).sum()``.

    Raises
    ------
    TypeError, ValueError
        If the model has no two layers, more than 24 visible units, or beta is negative.

    Examples
    --------
    >>> from spinlab.exact import layer
    >>> from spinlab.models import BipartiteIsing
    >>> F = layer.free_energies(BipartiteIsing([[1.0], [1.0]]))
    >>> bool(F[0b11] == F[0b00] < F[0b01] == F[0b10])
    True
    """
    if isinstance(model, TwoLayerIsing) and model.V > MAX_FREE_ENERGIES:
        seconds = 2.0 ** min(model.V, 1000) * model.H / _PRODUCT_RATE
        raise ValueError(
            f"the free energies of 2**{model.V} visible states take {2.0 ** min(model.V - 27, 1000):.3g} GiB "
            f"and {duration(seconds)}; the limit is V={MAX_FREE_ENERGIES}. Instead: model.free_energy(v) of "
            "sampled states, or log_partition for their sum"
        )
    problem = _problem(model, _beta(beta), "visible")
    tiles = _tiles(problem)
    log_weights, rate = _route(tiles)
    F = np.empty(2**model.V)

    def run(part: np.ndarray) -> None:
        for number, values in zip(part, log_weights(part), strict=True):
            np.subtract(problem.offset, values, out=F[number * tiles.states : (number + 1) * tiles.states])

    tiles.map(run, tiles.numbers, threads, rate)
    if tiles.images == 2:
        half = len(F) // 2
        F[half:] = F[:half][::-1]  # F(v) = F(-v), and -v has all bits flipped
    return F


def _at_each_beta(beta: Any, function: Callable[[float], float]) -> Any:
    betas = as_real_array(beta, "beta", (0, 1))
    values = [function(_beta(x)) for x in betas.ravel().tolist()]
    return values[0] if betas.ndim == 0 else np.array(values).reshape(betas.shape)


def _beta(beta: Any) -> float:
    return as_real(beta, "beta", 0.0)


def _problem(model: TwoLayerIsing, beta: float, layer: str) -> Layer:
    Layer.of(model, layer)  # refuse before scaling
    return Layer.of(model.scaled(beta), layer)


def _log_partition(model: TwoLayerIsing, beta: float, threads: int | None, layer: str) -> tuple[float, float]:
    """ln Z and the bound on its error."""
    problem = _problem(model, beta, layer)
    log_z = _gpu.layer_log_z(problem) if model.device == "gpu" else _log_sum(problem, threads)
    value = log_z - problem.offset
    n, m = problem.W.shape
    # An input x passes through n + 3 roundings and enters by its size, the sum over a through m/4 + 3, the
    # linear terms through n + 3, the constants through a few, each to be multiplied by what it adds up. A
    # factor 2cosh has a relative error of some units, a sum over the states one of 2^11 at most.
    energy = (4 * n + m / 2 + 128) * U * problem.size + float(problem.slack.sum()) + problem.lost
    return value, energy + U * (40 * m + 2**13 + 8 * (abs(value) + abs(problem.offset)))


def _log_sum(problem: Layer, threads: int | None) -> float:
    """ln Z without the offset."""
    tiles = _tiles(problem)
    numbers = tiles.numbers if _is_fast(tiles) else _tiles_that_matter(problem, tiles, threads)
    top, weight = _tile_weights(tiles, numbers, threads)
    log_z = float(top.max()) + math.log(math.fsum(weight * np.exp(top - top.max())))
    return log_z + math.log(tiles.images)


def _mean_energy(model: TwoLayerIsing, beta: float, threads: int | None, layer: str) -> float:
    problem = _problem(model, beta, layer)
    if beta == 0.0:
        return model.offset
    tiles = _tiles(problem)
    numbers = _tiles_that_matter(problem, tiles, threads)

    def run(part: np.ndarray) -> tuple[np.ndarray, ...]:
        log_p, energy = _logarithm(tiles, part)
        top = log_p.max(1)
        log_p -= top[:, None]
        p = np.exp(log_p, out=log_p)
        return top, p.sum(1), (p * energy).sum(1)

    parts = zip(*tiles.map(run, numbers, threads, _LOGARITHM_RATE), strict=True)
    top, weight, energy = (np.concatenate(x) for x in parts)
    scale = np.exp(top - top.max())
    return math.fsum(scale * energy) / math.fsum(scale * weight) / beta + model.offset


def _tile_weights(tiles: Tiles, numbers: np.ndarray, threads: int | None) -> tuple[np.ndarray, np.ndarray]:
    """(top, weight) of each tile: sum over its states of p(v) = weight e^top."""
    factors = _factors(tiles) if _passes(tiles) else None

    def run(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if factors is None:
            log_p = _logarithm(tiles, part)[0]
            top = log_p.max(1)
            log_p -= top[:, None]
            return top, np.exp(log_p, out=log_p).sum(1)
        top, weight = np.empty(len(part)), np.empty(len(part))
        _add_up(*factors(part), top, weight)
        return top, weight

    rate = _PRODUCT_RATE if factors else _LOGARITHM_RATE
    top, weight = zip(*tiles.map(run, numbers, threads, rate), strict=True)
    return np.concatenate(top), np.concatenate(weight)


def _tiles_that_matter(problem: Layer, tiles: Tiles, threads: int | None) -> np.ndarray:
    """Tiles which hold all but a negligible part of Z."""
    if _is_fast(tiles):
        top, weight = _tile_weights(tiles, tiles.numbers, threads)
        upper = top + np.log(weight)  # of a tile, so above each of its states
        lowest = upper.max()
    else:
        best, error = ground.screen(problem, tiles, threads)
        upper, lowest = best + error + len(problem.c) * _LN2, best.max() - error
    return np.flatnonzero(upper >= lowest - _NEGLIGIBLE - tiles.n * _LN2)


def _tiles(problem: Layer) -> Tiles:
    """Tiles with columns so few that the product holds, if 16 will do."""
    for low in (LOW, 6, 5, 4):
        tiles = Tiles(problem.W, problem.b, problem.c, low)
        if _passes(tiles):
            return tiles
    return Tiles(problem.W, problem.b, problem.c)


def _passes(tiles: Tiles) -> int:
    """How many times four factors of the product fit in float64; 0 where it must not be used."""
    y = np.abs(tiles.W[: tiles.low]).sum(0)
    largest = np.max((2 * y + _LN2).reshape(-1, 4).sum(1))  # |ln(z + w e^2y)| <= 2|y| + ln 2
    return int(min(_LARGEST // largest, len(y)))


def _is_fast(tiles: Tiles) -> bool:
    return tiles.low == min(LOW, tiles.n) and _passes(tiles) > 0


def _route(tiles: Tiles) -> tuple[Callable[[np.ndarray], np.ndarray], float]:
    """(function from tiles to ln p(v), shape (tiles, states); its rate)."""
    if not _passes(tiles):
        return lambda part: _logarithm(tiles, part)[0], _LOGARITHM_RATE
    factors = _factors(tiles)

    def product(part: np.ndarray) -> np.ndarray:
        mantissa, exponent, rows, column = factors(part)
        log_p = np.log(mantissa, out=mantissa)
        log_p += _LN2 * exponent
        log_p += rows[:, :, None]
        log_p += column
        return log_p.reshape(len(part), -1)

    return product, _PRODUCT_RATE


def _factors(tiles: Tiles) -> Callable[[np.ndarray], tuple[np.ndarray, ...]]:
    """Function from tiles to the factors of p(v) = mantissa 2^exponent e^(rows + column)."""
    passes = _passes(tiles)
    Y = aligned(tiles.Y.shape)
    np.exp(2 * tiles.Y, out=Y)
    g = tiles.b.copy()
    g[: tiles.low] -= tiles.W[: tiles.low].sum(1)

    _, row, column = tiles.linear(g, tiles.numbers[:1])

    def factors(part: np.ndarray) -> tuple[np.ndarray, ...]:
        shape = (len(part), len(tiles.D), tiles.Y.shape[1])
        size, mantissa, exponent = np.empty(shape[:2]), aligned(shape), aligned(shape, np.int64)
        if shape[1] % int(_FOUR) == shape[2] % int(_L) == 0:
            _product(tiles.base(part), tiles.D, Y, passes, size, mantissa, exponent)
        else:
            _product_of_few(tiles.base(part), tiles.D, Y, size, mantissa, exponent)
        rows = (size - _LN2 * tiles.pad) + tiles.linear_part(g, part)[:, None] + row
        return mantissa, exponent, rows, column

    return factors


def _logarithm(tiles: Tiles, part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(ln p(v), mean energy given v), shapes (tiles, states)."""
    shape = (len(part), len(tiles.D), tiles.Y.shape[1])
    log_p, energy = aligned(shape), aligned(shape)
    _thermal(tiles.base(part), tiles.D, tiles.Y, log_p, energy)
    constant = np.zeros(shape[:2])
    _add_linear(tiles, -tiles.b, part, constant, energy)
    _add_linear(tiles, tiles.b, part, constant - _LN2 * tiles.pad, log_p)
    return log_p.reshape(len(part), -1), energy.reshape(len(part), -1)


def _add_linear(tiles: Tiles, g: np.ndarray, part: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
    """Add g.v and a constant for each row, shape (tiles, rows)."""
    tile, row, column = tiles.linear(g, part)
    out += (rows + tile[:, None] + row)[:, :, None]
    out += column


# e^r - 1 on [-ln2/2, ln2/2] by its Taylor series, in error by less than one rounding; adding _SHIFT
# to a small number leaves its nearest integer in the low bits.
_C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11, _C12, _C13 = (1 / math.factorial(k) for k in range(2, 14))
_SHIFT = 1.5 * 2.0**52
_PER_LN2 = 1 / _LN2


@kernel(fastmath={"contract"})
def _exp_parts(t: float) -> Any:
    """(2^k, q) with e^t = 2^k (1 + q), k = 0 near t = 0, for t <= 0: inline code that vectorises."""
    t = t if t > -700.0 else -700.0
    shifted = t * _PER_LN2 + _SHIFT
    r = t - (shifted - _SHIFT) * _LN2
    high = ((((_C13 * r + _C12) * r + _C11) * r + _C10) * r + _C9) * r + _C8
    q = ((((((high * r + _C7) * r + _C6) * r + _C5) * r + _C4) * r + _C3) * r + _C2) * (r * r) + r
    exponent: Any = np.float64(shifted).view(np.int64) + 1023
    return np.int64(exponent << 52).view(np.float64), q


@kernel(fastmath={"contract"})
def _exp(t: float) -> Any:
    power, q = _exp_parts(t)
    return power * q + power


@kernel(fastmath={"contract"})
def _expm1(t: float) -> Any:
    power, q = _exp_parts(t)
    return power * q + (power - 1.0)


@kernel(fastmath={"contract"})
def _product(
    base: np.ndarray,
    D: np.ndarray,
    Y: np.ndarray,
    passes: int,
    size: np.ndarray,
    mantissa: np.ndarray,
    exponent: np.ndarray,
) -> None:
    """prod_a (z + w e^2y) = mantissa 2^exponent and size = sum_a |x| of each row, with Y = e^2y."""
    rows, m, columns = _U(D.shape[0]), _U(D.shape[1]), _U(Y.shape[1])
    z, w = np.empty(rows * _CHUNK), np.empty(rows * _CHUNK)
    flat_Y, p, e = Y.reshape(-1), mantissa.reshape(-1), exponent.reshape(-1)
    size[:] = 0.0
    p[:] = 1.0
    e[:] = 0
    for group in range(_U(0), _U(len(base)), _FOUR):  # their products stay in the second level of the cache
        for low in range(_U(0), m, _CHUNK):
            n = min(_CHUNK, m - low)
            for t in range(group, min(group + _FOUR, _U(len(base)))):
                _split(base[t], D, low, n, z, w, size[t])
                own = t * rows * columns
                for j in range(_U(0), columns, _L):
                    for i in range(_U(0), rows, _FOUR):
                        out = own + i * columns + j
                        _multiply_tile(
                            flat_Y, low * columns + j, columns, z, w, i * _CHUNK, n, passes, p, e, out
                        )


@kernel
def _product_of_few(base, D, Y, size, mantissa, exponent):  # type: ignore[no-untyped-def]
    """The same for tiles of few states; a kernel of its own, so that one call compiles one of the two."""
    rows, m, columns = _U(D.shape[0]), _U(D.shape[1]), _U(Y.shape[1])
    z, w = np.empty(rows * _CHUNK), np.empty(rows * _CHUNK)
    flat_Y, p, e = Y.reshape(-1), mantissa.reshape(-1), exponent.reshape(-1)
    size[:] = 0.0
    p[:] = 1.0
    e[:] = 0
    for t in range(_U(0), _U(len(base))):
        for low in range(_U(0), m, _CHUNK):
            n = min(_CHUNK, m - low)
            _split(base[t], D, low, n, z, w, size[t])
            _multiply_few(flat_Y, low * columns, columns, z, w, rows, n, p, e, t * rows * columns)


@kernel(fastmath={"contract"})
def _split(base, D, low, n, z, w, size):  # type: ignore[no-untyped-def]
    """z and w of n units for every row, and sum |x| of them added to ``size``."""
    for i in range(_U(len(size))):
        for a in range(n):
            x = base[low + a] + D[i, low + a]
            small = _exp(-2.0 * abs(x))
            z[i * _CHUNK + a] = small if x > 0 else 1.0
            w[i * _CHUNK + a] = 1.0 if x > 0 else small
        size[i] += _sum_of_sizes(base, D, i, low, n)


@kernel(fastmath={"reassoc"})
def _sum_of_sizes(base, D, i, low, n):  # type: ignore[no-untyped-def]
    total = 0.0
    for a in range(low, low + n):
        total += abs(base[a] + D[i, a])
    return total


@kernel
def _multiply_tile(Y, y, columns, z, w, x, n, passes, p, e, out):  # type: ignore[no-untyped-def]
    """Multiply four rows of sixteen columns of p 2^e, in registers, by the factors of n units.

    The exponents are taken out of p after ``passes`` times four factors, before they overflow.
    """
    out1, out2, out3 = out + columns, out + _TWO * columns, out + _THREE * columns
    p0, p1, p2, p3 = load(p, out), load(p, out1), load(p, out2), load(p, out3)
    e0, e1, e2, e3 = load(e, out), load(e, out1), load(e, out2), load(e, out3)
    bias, left = splat(_BIAS), passes
    for a in range(x, x + n, _FOUR):
        y0, y1 = load(Y, y), load(Y, y + columns)
        y2, y3 = load(Y, y + _TWO * columns), load(Y, y + _THREE * columns)
        y += _FOUR * columns
        p0 = p0 * _four_factors(z, w, a, y0, y1, y2, y3)
        p1 = p1 * _four_factors(z, w, a + _CHUNK, y0, y1, y2, y3)
        p2 = p2 * _four_factors(z, w, a + _TWO * _CHUNK, y0, y1, y2, y3)
        p3 = p3 * _four_factors(z, w, a + _THREE * _CHUNK, y0, y1, y2, y3)
        left -= 1
        if left == 0 or a + _FOUR == x + n:
            left = passes
            e0, e1 = e0 + (exponent_of(p0) - bias), e1 + (exponent_of(p1) - bias)
            e2, e3 = e2 + (exponent_of(p2) - bias), e3 + (exponent_of(p3) - bias)
            p0, p1, p2, p3 = mantissa_of(p0), mantissa_of(p1), mantissa_of(p2), mantissa_of(p3)
    store(p, out, p0)
    store(p, out1, p1)
    store(p, out2, p2)
    store(p, out3, p3)
    store(e, out, e0)
    store(e, out1, e1)
    store(e, out2, e2)
    store(e, out3, e3)


@kernel
def _four_factors(z, w, a, y0, y1, y2, y3):  # type: ignore[no-untyped-def]
    b, c, d = a + _U(1), a + _TWO, a + _THREE
    p01 = multiply_add(splat(w[a]), y0, splat(z[a])) * multiply_add(splat(w[b]), y1, splat(z[b]))
    p23 = multiply_add(splat(w[c]), y2, splat(z[c])) * multiply_add(splat(w[d]), y3, splat(z[d]))
    return p01 * p23


@kernel(fastmath={"contract"})
def _multiply_few(Y, y, columns, z, w, rows, n, p, e, first):  # type: ignore[no-untyped-def]
    """The same for tiles of few states."""
    for a in range(_U(0), n, _FOUR):
        for i in range(rows):
            x, out = i * _CHUNK + a, first + i * columns
            for j in range(columns):
                y0, y1 = Y[y + j], Y[y + columns + j]
                y2, y3 = Y[y + _TWO * columns + j], Y[y + _THREE * columns + j]
                p01 = (z[x] + w[x] * y0) * (z[x + _U(1)] + w[x + _U(1)] * y1)
                p23 = (z[x + _TWO] + w[x + _TWO] * y2) * (z[x + _THREE] + w[x + _THREE] * y3)
                p[out + j] *= p01 * p23
                word = np.float64(p[out + j]).view(np.int64)
                e[out + j] += (word >> 52) - 1023
                p[out + j] = np.int64((word & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000).view(np.float64)
        y += _FOUR * columns


@kernel(fastmath={"contract"})
def _add_up(
    mantissa: np.ndarray,
    exponent: np.ndarray,
    rows: np.ndarray,
    column: np.ndarray,
    top: np.ndarray,
    weight: np.ndarray,
) -> None:
    """weight e^top = sum of mantissa 2^exponent e^(rows + column) over the states of each tile."""
    peak, total = np.empty_like(column), np.empty_like(column)
    for t in range(len(top)):
        peak[:] = -np.inf
        total[:] = 0.0
        for i in range(rows.shape[1]):
            for j in range(len(column)):
                x = _LN2 * exponent[t, i, j] + (rows[t, i] + column[j])
                peak[j] = x if x > peak[j] else peak[j]
        highest = -np.inf  # a loop: methods of arrays take .4 s to compile
        for j in range(len(column)):
            highest = peak[j] if peak[j] > highest else highest
        for i in range(rows.shape[1]):
            for j in range(len(column)):
                x = _LN2 * exponent[t, i, j] + (rows[t, i] + column[j])
                total[j] += mantissa[t, i, j] * _exp(x - highest)
        top[t], weight[t] = highest, 0.0
        for j in range(len(column)):
            weight[t] += total[j]


@kernel(fastmath={"contract"})
def _thermal(base: np.ndarray, D: np.ndarray, Y: np.ndarray, log_p: np.ndarray, energy: np.ndarray) -> None:
    """Sums over a of ln 2cosh x and of -x tanh x, x = base + D + Y, from f = e^-2|x| - 1.

    ln 2cosh x = |x| + ln(2 + f) and -x tanh x = |x| f / (2 + f); four fractions share a denominator.
    """
    product = np.empty((D.shape[0], Y.shape[1]))
    log_p[:] = 0.0
    energy[:] = 0.0
    for t in range(base.shape[0]):
        s, u = log_p[t], energy[t]
        product[:] = 1.0
        for a in range(0, base.shape[1], 4):
            for i in range(s.shape[0]):
                x0, x1 = base[t, a] + D[i, a], base[t, a + 1] + D[i, a + 1]
                x2, x3 = base[t, a + 2] + D[i, a + 2], base[t, a + 3] + D[i, a + 3]
                for j in range(s.shape[1]):
                    r0, r1 = abs(x0 + Y[a, j]), abs(x1 + Y[a + 1, j])
                    r2, r3 = abs(x2 + Y[a + 2, j]), abs(x3 + Y[a + 3, j])
                    f0, f1 = _expm1(-2.0 * r0), _expm1(-2.0 * r1)
                    f2, f3 = _expm1(-2.0 * r2), _expm1(-2.0 * r3)
                    d0, d1, d2, d3 = 2.0 + f0, 2.0 + f1, 2.0 + f2, 2.0 + f3
                    n01, d01 = r0 * f0 * d1 + r1 * f1 * d0, d0 * d1
                    n23, d23 = r2 * f2 * d3 + r3 * f3 * d2, d2 * d3
                    s[i, j] += (r0 + r1) + (r2 + r3)
                    u[i, j] += (n01 * d23 + n23 * d01) / (d01 * d23)
                    product[i, j] *= d01 * d23
            if a % 960 == 956 or a + 4 == base.shape[1]:
                for i in range(s.shape[0]):
                    for j in range(s.shape[1]):
                        s[i, j] += np.log(product[i, j])
                        product[i, j] = 1.0
