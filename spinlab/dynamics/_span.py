"""Temperatures for cooling: where it has to begin, where it may end, and how fast it goes in between."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .._core.blas import one_blas_thread
from .._core.philox import random_spins
from .._core.rng import as_key
from .._core.stopwatch import Stopwatch
from ..models import IsingModel
from ._quench import QUENCH, quench
from ._scales import typical_field
from .descent import zero_fields

_SITES = 20_000  # of all minima together that are looked at; at least two and at most sixteen minima
_MINIMA = (2, 16)
_LANCZOS = 24  # products with J; the largest eigenvalues are then known to about a per cent
_FEWEST = 6  # where time presses: to about a tenth
_FEW = 10.0  # below so many spins a single one must freeze
_SMALLEST = 1e-303  # field that can freeze: 1000 times its inverse is a number
_COARSE = 4  # points per factor e at which the speed of cooling is known


class ScaleError(ValueError):
    """Couplings and fields too small for temperatures at which they matter."""

    def __init__(self, field: float) -> None:
        super().__init__(
            f"the largest fields of this model are {field:.3g}: they freeze at inverse temperatures "
            f"beyond float64; multiply couplings and fields by a power of two"
        )


class Span(NamedTuple):
    """Inverse temperatures between which low states are found, and the fields that they were read from."""

    hot: float
    cold: float
    fields: np.ndarray
    """Sizes of the fields that are not zero, of all minima together, increasing."""
    n_minima: int = 1
    sweep_work: float = 0.0
    """Seconds of processors for one state at zero temperature, as measured."""

    def schedule(self, n: int) -> np.ndarray:
        """``n`` inverse temperatures for cooling at constant thermodynamic speed.

        The distance is int sqrt(Var E) d beta (P. Salamon and R. S. Berry, Phys. Rev. Lett. 51, 1127 (1983)).
        Independent spins in the fields h of minima have Var E = sum h^2 / cosh^2(beta h); each counts by the
        time cosh(beta h) in which it relaxes, so that cooling is slower where flips are rare.
        """
        if n < 2 or not self._is_wide():
            return np.linspace(self.hot, self.cold, n)
        betas, way = self._way(1)
        found = np.interp(np.linspace(0.0, way[-1], n), way, betas)
        found[[0, -1]] = self.hot, self.cold
        return found

    def ladder(self, step: float) -> np.ndarray:
        """Inverse temperatures at the distance ``step``, relaxation times left out: a first ladder."""
        if not self._is_wide():
            return np.array([self.hot, self.cold])
        betas, way = self._way(2)
        n = max(2, math.ceil(way[-1] / step) + 1)
        found = np.interp(np.linspace(0.0, way[-1], n), way, betas)
        found[[0, -1]] = self.hot, self.cold
        return found

    def _is_wide(self) -> bool:
        return len(self.fields) > 0 and self.hot < self.cold

    def _way(self, power: int) -> tuple[np.ndarray, np.ndarray]:
        """Inverse temperatures, and the distance of each from the first."""
        steps = max(2, math.ceil(_COARSE * math.log(self.cold / self.hot)))
        betas = np.geomspace(self.hot, self.cold, steps + 1)
        # In a unit that is a power of two: nothing is rounded, and squares stay in range.
        unit = math.ldexp(1.0, math.frexp(float(self.fields[-1]))[1])
        h, b = self.fields / unit, betas * unit
        variance = [(np.square(h[free]) / np.cosh(x * h[free]) ** power).sum()
                    for x in b for free in [x * h < 300.0]]  # fmt: skip
        speed = np.sqrt(np.array(variance) / self.n_minima)
        return betas, np.append(0.0, np.cumsum((speed[1:] + speed[:-1]) / 2 * np.diff(b)))


def cooling_span(
    model: IsingModel,
    generator: np.random.Generator,
    threads: int | None = None,
    is_late: Callable[[], bool] | None = None,
) -> Span:
    """From the mean-field instability to where a whole state has about one thermal excitation left.

    Hot end: 1/rho, rho the spectral radius of J. There the paramagnet of mean-field theory becomes unstable,
    and Glauber dynamics still mixes fast, whatever the fields.

    Cold end: a flip against the field h costs 2 h. An excitation bounded by two walls of that cost may sit
    at N^2 places, so that N^2 exp(-2 beta h) of them are there. Over all fields of a local minimum but those
    that are zero, (sum_i exp(-beta |h_i|))^2 = 1.
    """
    N = model.n_spins
    n_minima = min(max(_SITES // N, _MINIMA[0]), _MINIMA[1])
    minima, key = random_spins(as_key(generator), n_minima, N), as_key(generator)
    sweep_work = math.inf
    if is_late is not None:  # a few first, and no more where they took too long
        sweep_work = _quench_work(model, minima[: _MINIMA[0]], key, threads)
        if is_late():
            minima = minima[: _MINIMA[0]]
    if is_late is None or len(minima) > _MINIMA[0]:  # the first were slower: couplings were read
        sweep_work = min(sweep_work, _quench_work(model, minima, key, threads))
    n_minima = len(minima)
    with one_blas_thread():
        fields = np.abs(model.local_fields(minima))
    fields = np.sort(fields[fields > zero_fields(model)])
    if not len(fields):
        return Span(0.5, 1.0, fields, n_minima, sweep_work)
    if fields[-1] < _SMALLEST:
        raise ScaleError(float(fields[-1]))
    cold = _coarse(_freezing(fields, n_minima))
    hot = mean_field_line(model, generator, is_late) or 0.5 / float(fields[-1])
    return Span(min(hot, cold / 2), cold, fields, n_minima, sweep_work)


def _quench_work(model: IsingModel, s: np.ndarray, key: np.uint64, threads: int | None) -> float:
    """Quench the states in place; the work of a sweep of one of them."""
    clock = Stopwatch()
    quench(model, s, key, threads)
    return clock.worked() / (len(s) * QUENCH)


def mean_field_line(
    model: IsingModel, generator: np.random.Generator, is_late: Callable[[], bool] | None = None
) -> float | None:
    """1/rho, to eight bits; None without couplings."""
    radius = spectral_radius(model, generator, is_late)
    if radius and radius < _SMALLEST:
        raise ScaleError(radius)
    return _coarse(1.0 / radius) if radius else None


def spectral_radius(
    model: IsingModel, generator: np.random.Generator, is_late: Callable[[], bool] | None = None
) -> float:
    """Largest eigenvalue of J by size, to about a per cent from below (Lanczos)."""
    unit = typical_field(model)
    if unit == 0.0:
        return 0.0
    with one_blas_thread():  # several wait for each other longer than they work
        return unit * _lanczos(model, unit, generator, is_late)


def _lanczos(
    model: IsingModel, unit: float, generator: np.random.Generator, is_late: Callable[[], bool] | None
) -> float:
    """Largest eigenvalue of J by size in the given unit."""
    q = generator.standard_normal(model.n_spins)
    q /= np.linalg.norm(q)
    before, norm = np.zeros_like(q), 0.0
    diagonal, beside = [], []
    for k in range(min(_LANCZOS, model.n_spins)):
        if is_late is not None and k >= _FEWEST and is_late():
            break
        w = model._times(q) / unit - norm * before
        diagonal.append(float(w @ q))
        w -= diagonal[-1] * q
        norm = float(np.linalg.norm(w))
        beside.append(norm)
        if norm < 1e-8:
            break
        before, q = q, w / norm
    n = len(diagonal)
    T = np.diag(diagonal) + np.diag(beside[: n - 1], 1) + np.diag(beside[: n - 1], -1)
    return float(np.abs(np.linalg.eigvalsh(T)).max())


def _freezing(fields: np.ndarray, n_minima: int) -> float:
    """The beta with sum exp(-beta h) = 1 per minimum; colder for a handful of spins."""
    per_minimum = len(fields) / n_minima
    aim = n_minima * per_minimum / (per_minimum + _FEW)
    smallest = max(float(fields[0]), _SMALLEST, 1e-290 * float(fields[-1]))  # what is below stays warm
    low, high = 1e-3 / fields[-1], 1e3 / smallest
    for _ in range(60):
        middle = math.sqrt(low) * math.sqrt(high)
        if np.exp(-np.minimum(middle * fields, 700.0)).sum() > aim:
            low = middle
        else:
            high = middle
        if high < 1.0001 * low:
            break
    return float(high)


def _coarse(x: float) -> float:
    """To eight bits: the same for all forms of a model."""
    fraction, exponent = math.frexp(x)
    return math.ldexp(round(fraction * 256) / 256, exponent)
