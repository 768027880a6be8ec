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
    return array


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
    out = np.empty((6, A.size))
    for start in range(0, A.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        a, b = A[part], B[part]
        wide = b >= 0.7
        out[:, part][:, wide] = _wide(a[wide], b[wide])
        out[:, part][:, ~wide] = _narrow(a[~wide], b[~wide])
    return Averages(*out)


def mean_log_2cosh(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """E ln 2 cosh(A + B z)."""
    from scipy.special import erf

    out = np.empty(A.size)
    for start in range(0, A.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        a, b = A[part], B[part]
        wide = b >= 0.7
        x, _, _ = _panel()
        aw, bw = a[wide], b[wide]
        t = aw / bw
        even, _ = _densities(aw, bw)
        modulus = aw * erf(t / math.sqrt(2)) + bw * math.sqrt(2 / math.pi) * np.exp(-(t**2) / 2)
        out[part][wide] = modulus + even @ np.log1p(np.exp(-2 * x))
        z, weight = _grid()
        y = np.abs(a[~wide, None] + b[~wide, None] * z)
        out[part][~wide] = (y + np.log1p(np.exp(-2 * y))) @ weight
    return out


@cache
def _grid() -> tuple[np.ndarray, np.ndarray]:
    """Trapezoidal rule for a standard normal z: error below 1e-15 where B < 0.7."""
    step = 0.28
    z = step * np.arange(-32, 33)
    return z, step * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


@cache
def _panel() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on [0, 20], where sign x - tanh x lives, and its table."""
    x, weight = np.polynomial.legendre.leggauss(64)
    x, weight = _KINK / 2 * (x + 1), _KINK / 2 * weight
    return x, weight, np.tanh(x)


def _densities(A: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights on the nodes x = |y| of the even and of the odd functions of y = A + B z."""
    x, weight, _ = _panel()
    t, scale = (A / B)[:, None], B[:, None]
    up = np.exp(-0.5 * (x / scale - t) ** 2) * (weight / (scale * math.sqrt(2 * math.pi)))
    ratio = np.expm1(-2 * (x / scale) * t)  # density at -x over that at x, less 1
    return up * (2 + ratio), -up * ratio


def _wide(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Large B: the step of tanh is taken out, the rest is smooth on the scale of the density."""
    from scipy.special import erf

    x, _, t = _panel()
    even, odd = _densities(A, B)
    e = np.exp(-2 * x)
    sech2 = 4 * e / (1 + e) ** 2
    m = erf(A / (math.sqrt(2) * B)) - odd @ (2 * e / (1 + e))
    c, slope = even @ sech2, odd @ (2 * t * sech2)
    spread = (even @ (2 * x * t * sech2) - A * slope) / B
    return np.stack([m, 1 - c, c, even @ sech2**2, slope, spread])


def _narrow(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Small B: no pole is near the real axis."""
    z, weight = _grid()
    y = A[:, None] + B[:, None] * z
    e = np.expm1(-2 * np.abs(y))
    t, sech2 = np.copysign(e / (2 + e), y), 4 * (1 + e) / (2 + e) ** 2
    derivative = 2 * t * sech2
    return np.stack([t @ weight, t**2 @ weight, sech2 @ weight, sech2**2 @ weight,
                     derivative @ weight, derivative @ (z * weight)])  # fmt: skip


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
