"""Partition function, mean energy and free energies of a restricted Boltzmann machine, one layer enumerated.

    Z = sum_v p(v),   p(v) = e^{b.v} prod_a 2cosh x_a(v),   x(v) = v W + c = x(tile, row) + y(column).

Two routes to ln p(v), both without cancellation:

product    2cosh(x + y) = e^(x - y) (e^-2x + e^2y): an addition and a multiplication per unit, for inputs
           below some hundred from the spins of rows and columns (``product.py``).
logarithm  ln 2cosh x = |x| + ln(1 + e^-2|x|), at any scale and forty times slower.

Strong couplings leave few states that matter: sum_a |x_a| <= ln p - b.v <= sum_a |x_a| + m ln 2 excludes
the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..._core.exponential import expm1
from ..._core.jit import kernel
from ..._core.progress import duration, shows_progress
from ..._core.validate import as_real, as_real_array
from ...models import IsingModel, TwoLayerIsing
from ..accuracy import U, settle
from . import gpu as _gpu
from . import solver as ground
from .product import SHAPE, Product, fits
from .solver import Layer
from .tiles import Tiles, aligned

NAME = "layer"
MAX_FREE_ENERGIES = 24

_PRODUCT_RATE = 4e10  # units times states per second and core
_LOGARITHM_RATE = 1e9
_NEGLIGIBLE = 45.0  # e^-45 < 2^-64
_TOGETHER = 256  # tiles of which only the sums are kept
_SAMPLE = 64  # tiles that say whether to screen all of them
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
_LN2 = math.log(2.0)


def refusal(model: IsingModel) -> str | None:
    """Why this method cannot take the model, or None."""
    if not isinstance(model, TwoLayerIsing):
        return ground.refusal(model)
    return ground.too_large(model, NAME, cost(model)[0])


def cost(model: IsingModel) -> tuple[float, float]:
    """Seconds and bytes that ``log_partition`` takes at one beta."""
    seconds, size = ground.cost(model)
    return 2 * seconds, 2 * size + 2e7


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
    2^(n-1) m hyperbolic cosines without biases, 2^n m with, at about 40 per ns and core:
    V=20, H=1000 in 0.02 s, V=24 in 0.2 s, and in 0.1 s where couplings are so strong that few states matter.

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
    # An input x passes through n + 3 roundings, its exponential through some, and enters by its size, twice
    # in the product; the sum over a passes through m/4 + 8, the linear terms through n + 3, the constants
    # through a few, each to be multiplied by what it adds up. A factor 2cosh has a relative error of some
    # units, a sum over the states one of 2^11 at most.
    energy = (4 * n + m / 2 + 128) * U * problem.size + float(problem.slack.sum()) + problem.lost
    return value, energy + U * (40 * m + 2**13 + 8 * (abs(value) + abs(problem.offset)))


def _log_sum(problem: Layer, threads: int | None) -> float:
    """ln Z without the offset."""
    tiles = _tiles(problem)
    top, weight = _tile_weights(tiles, _candidates(problem, tiles, threads), threads)
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

    def by_logarithms(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_p = _logarithm(tiles, part)[0]
        top = log_p.max(1)
        log_p -= top[:, None]
        return top, np.exp(log_p, out=log_p).sum(1)

    if fits(tiles):
        parts = tiles.map(Product(tiles).sums, numbers, threads, _PRODUCT_RATE, _TOGETHER)
    else:
        parts = tiles.map(by_logarithms, numbers, threads, _LOGARITHM_RATE)
    top, weight = zip(*parts, strict=True)
    return np.concatenate(top), np.concatenate(weight)


def _candidates(problem: Layer, tiles: Tiles, threads: int | None) -> np.ndarray:
    """All tiles where their sums cost less than to screen them, else those that may matter."""
    if fits(tiles) and not _screening_pays(problem, tiles, threads):
        return tiles.numbers
    return np.flatnonzero(_may_matter(problem, tiles, threads, tiles.numbers))


def _may_matter(problem: Layer, tiles: Tiles, threads: int | None, numbers: np.ndarray) -> np.ndarray:
    """Whether each of these tiles may hold more than a negligible part of their Z."""
    best, error = ground.screen(problem, tiles, threads, numbers)
    upper, lowest = best + error + len(problem.c) * _LN2, best.max() - error
    return np.asarray(upper >= lowest - _NEGLIGIBLE - tiles.n * _LN2)


def _screening_pays(problem: Layer, tiles: Tiles, threads: int | None) -> bool:
    """Whether most of some tiles from everywhere are negligible already beside the best of them."""
    n = len(tiles.numbers)
    if n < 16 * _SAMPLE or not ground.resolved_by_integers(problem):
        return False
    numbers = np.sort((np.arange(_SAMPLE) * _GOLDEN % 1.0 * n).astype(np.int64))
    return bool(_may_matter(problem, tiles, threads, numbers).mean() < 0.25)


def _tiles_that_matter(problem: Layer, tiles: Tiles, threads: int | None) -> np.ndarray:
    """Tiles which hold all but a negligible part of Z."""
    numbers = _candidates(problem, tiles, threads)
    if not fits(tiles):
        return numbers
    top, weight = _tile_weights(tiles, numbers, threads)
    upper = top + np.log(weight)  # of a tile, so above each of its states
    return numbers[upper >= upper.max() - _NEGLIGIBLE - tiles.n * _LN2]


def _tiles(problem: Layer) -> Tiles:
    """Tiles for the product where it holds."""
    tiles = Tiles(problem.W, problem.b, problem.c, *SHAPE)
    return tiles if fits(tiles) else Tiles(problem.W, problem.b, problem.c)


def _route(tiles: Tiles) -> tuple[Callable[[np.ndarray], np.ndarray], float]:
    """(function from tiles to ln p(v), shape (tiles, states); its rate)."""
    if not fits(tiles):
        return lambda part: _logarithm(tiles, part)[0], _LOGARITHM_RATE
    factors = Product(tiles)

    def product(part: np.ndarray) -> np.ndarray:
        mantissa, exponent, rows, column = factors(part)
        log_p = np.log(mantissa, out=mantissa)
        log_p += _LN2 * exponent
        log_p += rows[:, :, None]
        log_p += column[:, None, :]
        return log_p.reshape(len(part), -1)

    return product, _PRODUCT_RATE


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
                    f0, f1 = expm1(-2.0 * r0), expm1(-2.0 * r1)
                    f2, f3 = expm1(-2.0 * r2), expm1(-2.0 * r3)
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
