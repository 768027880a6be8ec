"""What every curve needs: checked arguments, Gaussian averages, bracketed roots. All elementwise."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

_KINK = 20.0  # tanh x = 1 and sech^2 x = 0 beyond, to 2e-17
_CHUNK = 2048  # points averaged at a time: the tables of nodes stay in the processor's cache


def real(x: Any, name: str, low: float = -math.inf, largest: float = 1e100) -> np.ndarray:
    """``x`` as float64, every entry ``low`` or more and of magnitude ``largest`` at most."""
    array = _as_floats(x, name)
    good = (array >= low) & (np.abs(array) <= largest)
    if not good.all():
        bound = "" if low == -math.inf else f" of at least {low:g}"
        raise ValueError(
            f"{name} must be a finite number{bound} (and at most {largest:g}), got {array[~good].flat[0]:g}"
        )
    # Loads and temperatures so small that quotients overflow are zero, and zero has no sign.
    return np.where(array < 1e-100, 0.0, array) if low == 0.0 else array


def positive(
    x: Any, name: str, limits: tuple[float, float] = (1e-100, 1e100), *, infinite: bool = False
) -> np.ndarray:
    """``x`` as float64, every entry above 0 and within ``limits``, where nothing overflows; or inf."""
    array = _as_floats(x, name)
    good = (array >= limits[0]) & (array <= limits[1])
    if infinite:
        good |= array == math.inf
    if not good.all():
        allowed = f"{limits[0]:g} to {limits[1]:g}{', or inf' if infinite else ''}"
        raise ValueError(f"{name} must be a positive number ({allowed}), got {array[~good].flat[0]:g}")
    return array


def _as_floats(x: Any, name: str) -> np.ndarray:
    try:
        array = np.asarray(x)
    except ValueError:
        raise ValueError(f"{name} is not a regular array of numbers") from None
    if array.dtype.kind not in "iuf" or isinstance(x, np.ma.MaskedArray):
        given = f"{type(x).__name__} of {array.dtype}" if array.ndim else repr(x)
        raise TypeError(f"{name} must be a real number or an array of them, got {given}")
    return array.astype(np.float64)


def flat(*x: np.ndarray) -> tuple[tuple[int, ...], list[np.ndarray]]:
    """The common shape, and every array broadcast to it with one axis."""
    shape = np.broadcast_shapes(*(v.shape for v in x))
    return shape, [np.broadcast_to(v, shape).ravel() for v in x]


def shaped(x: np.ndarray, shape: tuple[int, ...]) -> Any:
    """``x`` back in its shape; a single number is a float."""
    return float(x[0]) if shape == () else x.reshape(shape)


class Averages(NamedTuple):
    """Means over a standard normal z of functions of y = A + B z."""

    tanh: np.ndarray
    tanh2: np.ndarray
    sech2: np.ndarray
    sech4: np.ndarray
    slope: np.ndarray  # d E tanh^2 / dA = E 2 tanh sech^2
    spread: np.ndarray  # d E tanh^2 / dB = E 2 z tanh sech^2


def averages(A: np.ndarray, B: np.ndarray) -> Averages:
    """Averages at A, B >= 0 (one axis), each to about 1e-14, relatively too where B is large."""
    return Averages(*_by_width(_wide, _narrow, A, B, 6))


def mean_log_2cosh(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """E ln 2 cosh(A + B z), A and B >= 0."""
    return _by_width(_wide_log, _narrow_log, A, B, 1)[0]


def _by_width(wide: Any, narrow: Any, A: np.ndarray, B: np.ndarray, rows: int) -> np.ndarray:
    """Large B: the step of tanh is taken out, the rest is smooth on the scale of the density.
    Small B: no pole is near the real axis."""
    out = np.empty((rows, A.size))
    for start in range(0, A.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        a, b = A[part], B[part]
        large = b >= 0.7
        if large.any():
            out[:, part][:, large] = wide(a[large], b[large])
        if not large.all():
            out[:, part][:, ~large] = narrow(a[~large], b[~large])
    return out


class _Panel(NamedTuple):
    """Gauss-Legendre nodes x and weights on [0, 20], where sign x - tanh x lives, and tables on them."""

    x: np.ndarray
    weight: np.ndarray  # over sqrt(2 pi)
    even: np.ndarray  # sech^2, sech^4, 2 x tanh sech^2, ln(1 + exp(-2x))
    odd: np.ndarray  # 1 - tanh, 2 tanh sech^2


@cache
def _panel() -> _Panel:
    x, weight = np.polynomial.legendre.leggauss(64)
    x, weight = _KINK / 2 * (x + 1), _KINK / 2 * weight
    t, e = np.tanh(x), np.exp(-2 * x)
    sech2 = 4 * e / (1 + e) ** 2
    even = np.stack([sech2, sech2**2, 2 * x * t * sech2, np.log1p(e)], axis=1)
    odd = np.stack([2 * e / (1 + e), 2 * t * sech2], axis=1)
    return _Panel(x, weight / math.sqrt(2 * math.pi), even, odd)


def _densities(A: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights on the nodes x = |y| of the even and of the odd functions of y = A + B z."""
    panel = _panel()
    t, x = (A / B)[:, None], panel.x / B[:, None]
    up = np.exp(-0.5 * (x - t) ** 2) * (panel.weight / B[:, None])
    ratio = np.expm1(-2 * x * t)  # density at -x over that at x, less 1
    return up * (2 + ratio), -up * ratio


def _wide(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    from scipy.special import erf

    even, odd = _densities(A, B)
    c, c2, moment, _ = (even @ _panel().even).T
    tail, slope = (odd @ _panel().odd).T
    m = erf(A / (math.sqrt(2) * B)) - tail
    return np.stack([m, 1 - c, c, c2, slope, (moment - A * slope) / B])


def _wide_log(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    from scipy.special import erf

    even, _ = _densities(A, B)
    t = A / B
    modulus = A * erf(t / math.sqrt(2)) + B * math.sqrt(2 / math.pi) * np.exp(-(t**2) / 2)
    return modulus + even @ _panel().even[:, 3]


@cache
def _grid() -> tuple[np.ndarray, np.ndarray]:
    """Trapezoidal rule for a standard normal z: error below 1e-15 where B < 0.7."""
    step = 0.28
    z = step * np.arange(-32, 33)
    return z, step * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


def _narrow(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    z, weight = _grid()
    y = A[:, None] + B[:, None] * z
    e = np.expm1(-2 * np.abs(y))
    t, sech2 = np.copysign(e / (2 + e), y), 4 * (1 + e) / (2 + e) ** 2
    slope = 2 * t * sech2
    averaged = [f @ weight for f in (t, t**2, sech2, sech2**2, slope)]
    return np.stack([*averaged, slope @ (z * weight)])


def _narrow_log(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    z, weight = _grid()
    y = np.abs(A[:, None] + B[:, None] * z)
    return (y + np.log1p(np.exp(-2 * y))) @ weight


def above_field(T: np.ndarray) -> np.ndarray:
    """Above the root of tanh A = A T, as tanh A < A (15 + A^2) / (15 + 6 A^2) and tanh A < 1."""
    return np.minimum(1 / T, np.sqrt(15 * np.maximum(1 - T, 0) / np.maximum(6 * T - 1, 1e-300)))


def marginal(t: np.ndarray) -> np.ndarray:
    """The B at which y = B (t + z) is marginal: B^2 E sech^4 y = E tanh^2 y.

    This is the condition of de Almeida and Thouless, in the SK and in the Hopfield model.
    """

    def excess(B: np.ndarray, t: np.ndarray) -> np.ndarray:
        mean = averages(t * B, B)
        return B * (B * mean.sech4) - mean.tanh2

    return root(excess, np.minimum(t, 1) / 4, 10 * np.exp(t**2 / 2), t)


def root(f: Callable[..., np.ndarray], low: Any, high: Any, *args: Any, rtol: float = 1e-13) -> np.ndarray:
    """Zero of f(x, *args) between low and high, elementwise, by Chandrupatla's method.

    One axis. If f has the same sign at both ends the end where |f| is smaller is returned: the
    callers bracket. Source: Chandrupatla, Adv. Eng. Softw. 28, 145 (1997).
    """
    a, b, *rest = (np.array(v, dtype=float) for v in np.broadcast_arrays(low, high, *args))
    fa, fb = f(a, *rest), f(b, *rest)
    result = np.where(np.abs(fa) < np.abs(fb), a, b)
    where = np.flatnonzero((fa != 0) & (fb != 0) & ((fa > 0) != (fb > 0)))
    a, b, fa, fb = a[where], b[where], fa[where], fb[where]
    rest = [v[where] for v in rest]
    c, fc, step = a, fa, np.full(a.size, 0.5)
    for _ in range(200):
        if not where.size:
            break
        x = a + step * (b - a)
        fx = f(x, *rest)
        same = (fx > 0) == (fa > 0)
        c, fc = np.where(same, a, b), np.where(same, fa, fb)
        b, fb = np.where(same, b, a), np.where(same, fb, fa)
        a, fa = x, fx
        best = np.where(np.abs(fa) < np.abs(fb), a, b)
        result[where] = best
        tolerance = rtol * np.abs(best) + 1e-300
        step = np.full(a.size, 0.5)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
            inverse = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
        good = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi) & np.isfinite(inverse)
        step[good] = inverse[good]
        margin = tolerance / np.maximum(np.abs(b - a), 1e-300)
        go = (margin < 0.5) & (fa != 0)
        step = np.clip(step, margin, 1 - margin)
        where, a, b, c, fa, fb, fc, step = (v[go] for v in (where, a, b, c, fa, fb, fc, step))
        rest = [v[go] for v in rest]
    return result
