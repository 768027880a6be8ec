"""Where the curves of several sizes cross: Binder crossings with bootstrap errors."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.results import Result
from .._core.rng import RNG, as_generator
from .._core.unit import deviation, in_units
from .._core.validate import as_choice, as_count, as_real_array
from .errors import Estimate, as_samples

_NEAR = 3  # values on either side of a crossing that locate it
_CROSSED = 0.9  # share of the resamples in which two sizes must cross
_APART = 2.0  # errors by which the curves must lie apart on either side


@dataclass(frozen=True, repr=False)
class Crossings(Result):
    """Crossings of the curves of neighbouring sizes.

    Attributes
    ----------
    pairs : tuple of (smaller size, larger size)
    position : ndarray, shape (n_pairs,)
        Where the two curves cross.
    error : ndarray, shape (n_pairs,)
        Bootstrap over instances, and what the interpolation between values of x is off: how far the cubic
        through the nearest four values passes zero from there, noise taken out. Neighbouring pairs share a
        size and are correlated.
    interval : ndarray, shape (n_pairs, 2)
        95 % of the resamples, widened by twice the second part of the error.
    mean : Estimate
        Average over the pairs, weighted by the errors; its error is from the same resamples.
    drift : Estimate
        Position of the last pair minus that of the first. Several errors away from 0: no common crossing at
        these sizes, so ``mean`` is not a transition.
    curves, curve_errors : ndarray, shape (n_sizes, n_x)
        Binder cumulants g with their bootstrap errors.
    """

    pairs: tuple[tuple[int, int], ...]
    position: np.ndarray
    error: np.ndarray
    interval: np.ndarray
    mean: Estimate
    drift: Estimate
    curves: np.ndarray
    curve_errors: np.ndarray


def binder_crossings(
    sizes: Any,
    x: Any,
    second: Any,
    fourth: Any,
    *,
    ordered: str = "low",
    n_resamples: int = 500,
    rng: RNG = None,
) -> Crossings:
    """Crossings of the Binder cumulants g(x) = (3 - [<q^4>]/[<q^2>]^2)/2 of at least three sizes.

    At a continuous transition the curves of all sizes meet (K. Binder, Z. Phys. B 43, 119 (1981)). The
    difference of neighbouring sizes passes zero where the larger size gains order; a parabola through the
    three values on either side, weighted by their errors, tells where.

    Parameters
    ----------
    sizes : array_like of int, shape (n_sizes,)
        At least three, increasing. A single size, or two, shows a finite-size crossover and no transition.
    x : array_like, shape (n_x,)
        Temperatures, loads or scales, increasing, at least 4.
    second, fourth : sequence of array_like, each of shape (n_instances, n_x)
        <q^2> and <q^4> (or of a magnetisation), one array per size, at least 4 instances each.
    ordered : {"low", "high"}
        On which side of x the ordered phase lies.
    n_resamples : int, default 500
    rng : None, int or numpy.random.Generator

    Returns
    -------
    Crossings

    Raises
    ------
    ValueError
        With fewer than three sizes or four instances, or if two sizes do not cross within x (or in fewer than
        nine of ten resamples, or with curves that lie less than two errors apart on one side): then x misses
        the transition, there is none, or the errors are too large. Of pairs of noise about one in a hundred
        passes (docs: Observables, coverage).

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab.observables import binder_crossings
    >>> T, rng = np.linspace(0.8, 1.2, 9), np.random.default_rng(0)
    >>> g = [0.5 - np.tanh((T - 1) * L) / 3 for L in (4, 6, 8)]
    >>> second = [1 + 0.01 * rng.normal(size=(50, 9)) for _ in g]
    >>> fourth = [(3 - 2 * gL) * m**2 for gL, m in zip(g, second)]
    >>> crossings = binder_crossings([4, 6, 8], T, second, fourth, rng=0)
    >>> bool(abs(crossings.mean.value - 1) < 0.02)
    True
    """
    L = as_real_array(sizes, "sizes", 1)
    if len(L) < 3 or (np.diff(L) <= 0).any() or (np.round(L) != L).any():
        raise ValueError(
            f"sizes must be at least three increasing integers, got {L.tolist()}; two curves always seem to "
            "cross somewhere, only a third one tells whether there"
        )
    x = as_real_array(x, "x", 1)
    if len(x) < 4 or (np.diff(x) <= 0).any():
        raise ValueError(f"x must be increasing with at least 4 values, got {x.tolist()}")
    x, exponent = in_units(x)
    sign = {"low": -1, "high": 1}[as_choice(ordered, "ordered", ("low", "high"))]
    n_resamples = as_count(n_resamples, "n_resamples", 20)
    moments = _as_moments(second, fourth, len(L), len(x))
    generator = as_generator(rng)

    curves = np.array([_cumulant(m.mean(0)) for m in moments])
    drawn = np.empty((n_resamples, *curves.shape))
    for k, m in enumerate(moments):
        for r in range(n_resamples):
            drawn[r, k] = _cumulant(m[generator.integers(0, len(m), len(m))].mean(0))
    pairs = tuple((int(a), int(b)) for a, b in itertools.pairwise(L))
    low, high = np.ldexp(x[[0, -1]], exponent)
    position, found, seen, off = zeros(x, curves, drawn, sign, min(len(m) for m in moments))
    for pair, certain, share in zip(pairs, seen, np.isfinite(found).mean(0), strict=True):
        if not certain:
            raise ValueError(
                f"sizes {pair[0]} and {pair[1]} do not cross between {low:g} and {high:g} by more than "
                f"noise (they do in {share:.0%} of the resamples, and must in {_CROSSED:.0%}, "
                f"with {_APART:g} errors between them on either side): widen x, take more "
                "instances, or there is no transition"
            )
    found = found[np.isfinite(found).all(1)]
    error = np.hypot(found.std(0, ddof=1), off)
    # No 0/0, should resamples and the cubic agree to the last bit (a fit is hardly ever that exact).
    share = 1 / np.maximum(error, 1e-12 * (x[-1] - x[0])) ** 2
    share /= share.sum()
    n = min(len(m) for m in moments)
    common, drift = found @ share, found[:, -1] - found[:, 0]
    unit = math.ldexp(1.0, exponent)
    return Crossings(
        pairs=pairs,
        position=unit * position,
        error=unit * error,
        interval=unit * (np.quantile(found, [0.025, 0.975], axis=0).T + np.outer(off, [-2, 2])),
        mean=Estimate(unit * float(position @ share), unit * math.hypot(deviation(common), off @ share), n),
        drift=Estimate(
            unit * float(position[-1] - position[0]), unit * math.hypot(deviation(drift), off[0], off[-1]), n
        ),
        curves=curves,
        curve_errors=drawn.std(0, ddof=1),
    )


def zeros(
    x: np.ndarray, curves: np.ndarray, drawn: np.ndarray, sign: int, n_instances: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Where neighbouring curves cross, the same for each resample (NaN: nowhere), whether it is certain, and
    the error of the interpolation.

    ``curves`` has shape (n_sizes, n_x), ``drawn`` (n_resamples, n_sizes, n_x). Certain is a crossing that
    nine of ten resamples have, if the curves lie two errors apart on both sides of it (by Student's t of the
    number of instances): noise alone seems to cross somewhere nearly always. Of the error of the
    interpolation the part that is noise is taken out.
    """
    from scipy.special import ndtr, stdtrit

    apart = float(stdtrit(n_instances - 1, ndtr(_APART)))
    errors = drawn.std(0, ddof=1)
    weight = 1 / np.sqrt(errors[1:] ** 2 + errors[:-1] ** 2 + 1e-24 + (1e-6 * errors.max()) ** 2)
    difference, spread = np.diff(curves, axis=0), np.diff(drawn, axis=1)
    position, bend = np.array([_zero(x, y, w, sign) for y, w in zip(difference, weight, strict=True)]).T
    found, bends = np.array(
        [[_zero(x, y, w, sign) for y, w in zip(d, weight, strict=True)] for d in spread]
    ).transpose(2, 0, 1)
    seen = np.isfinite(position) & (np.isfinite(found).mean(0) >= _CROSSED)
    for k in np.flatnonzero(seen):
        for side, of in ((x < position[k], -sign), (x >= position[k], sign)):
            error = (weight[k] * spread[:, k])[:, side].sum(1).std(ddof=1)
            seen[k] &= bool(of * (weight[k] * difference[k])[side].sum() > apart * error)
    off = np.zeros(len(position))
    for k in np.flatnonzero(seen):
        noise = np.nanstd(bends[:, k], ddof=1)
        off[k] = math.sqrt(max(0.0, bend[k] ** 2 - noise**2))
    return position, found, seen, off


def _as_moments(second: Any, fourth: Any, n_sizes: int, n_x: int) -> list[np.ndarray]:
    """Per size an array of shape (n_instances, 2, n_x)."""
    if len(second) != n_sizes or len(fourth) != n_sizes:
        raise ValueError(f"second and fourth need one array for each of the {n_sizes} sizes")
    moments = []
    for pair in zip(second, fourth, strict=True):
        a, b = as_samples(pair, 4, "second and fourth")
        if a.shape != b.shape or a.shape[1:] != (n_x,):
            raise ValueError(
                f"second and fourth must have shape (n_instances, {n_x}), got {a.shape} and {b.shape}"
            )
        if (a <= 0).any() or (b <= 0).any():
            raise ValueError("second and fourth moments must be positive; take more replicas or records")
        moments.append(np.stack([a, b], axis=1))
    return moments


def _cumulant(moments: np.ndarray) -> np.ndarray:
    return np.asarray((3 - moments[1] / moments[0] / moments[0]) / 2)


def _zero(x: np.ndarray, y: np.ndarray, weight: np.ndarray, sign: int) -> tuple[float, float]:
    """Where y passes zero in the direction of ``sign``, and how far a cubic does from there; NaN if nowhere.

    The place is the one with the most significant values of the right sign on either side; there a parabola
    through the nearest values is solved. The cubic is that through the four nearest.
    """
    nowhere = math.nan, math.nan
    z = sign * weight * y
    contrast = z.sum() - 2 * np.cumsum(z)  # right side minus left side
    k = int(np.argmax(contrast[:-1]))  # the last is -z.sum(), or a digit more where the two sums differ
    if contrast[k] <= abs(z.sum()):  # all values of one sign
        return nowhere
    near = slice(max(0, k + 1 - _NEAR), k + 1 + _NEAR)
    p = np.polynomial.Polynomial.fit(x[near], y[near], 2, w=weight[near])
    c, b, a = p.coef.tolist()  # in -1 <= u <= 1
    square = b**2 - 4 * a * c
    if square < 0:
        return nowhere
    # The root at which the parabola has the slope wanted; the other form where it is straight.
    far = b + math.copysign(math.sqrt(square), b)
    u = -2 * c / far if sign * far > 0 else -far / (2 * a) if a else math.nan
    offset, scale = p.mapparms()
    if not abs(u) <= 1:
        return nowhere
    nearest = slice(max(0, k - 1), k + 3)
    v, lagrange = offset + scale * x[nearest], 0.0
    for i, value in enumerate(y[nearest]):
        others = np.delete(v, i)
        lagrange += value * float(np.prod((u - others) / (v[i] - others)))
    slope = b + 2 * a * u
    return float((u - offset) / scale), float(lagrange / slope / scale) if slope else 0.0
