"""Errors of anything computed from independent samples: jackknife and bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.results import Result
from .._core.rng import RNG, as_generator
from .._core.unit import deviation
from .._core.validate import as_count, as_real, as_real_array


@dataclass(frozen=True, repr=False)
class Estimate(Result):
    """A number, or an array of numbers, with one standard error.

    Attributes
    ----------
    value, error : float or ndarray
    n_samples : int
        Independent samples behind it: instances of the disorder, or chains on one instance.
    interval : tuple of two floats or ndarrays, or None
        Confidence interval, where a bootstrap gave one.
    """

    value: Any
    error: Any
    n_samples: int
    interval: tuple[Any, Any] | None = None

    def __str__(self) -> str:
        if np.ndim(self.value):
            return f"array of shape {np.shape(self.value)} with errors"
        return f"{self.value:.6g} ± {self.error:.2g}"


def mean(samples: Any) -> Estimate:
    """Mean over the first axis with its standard error, std/sqrt(n).

    Parameters
    ----------
    samples : array_like, shape (n, ...)
        Independent samples, n >= 2.

    Raises
    ------
    ValueError
        With fewer than two samples, from which no error follows; on NaN.

    Examples
    --------
    >>> from spinlab.observables import errors
    >>> print(errors.mean([1.0, 2.0, 3.0, 4.0]))
    2.5 ± 0.65
    """
    (x,) = as_samples([samples])
    return Estimate(plain(x.mean(0)), plain(deviation(x) / np.sqrt(len(x))), len(x))


def jackknife(statistic: Callable[..., Any], *samples: Any, minimum: int = 2) -> Estimate:
    """Delete-one jackknife: error of a statistic of independent samples.

    error^2 = (n - 1)/n sum_i (theta_(i) - mean theta_(i))^2, theta_(i) the statistic without sample i
    (B. Efron, C. Stein, Ann. Stat. 9, 586 (1981)). The value is the statistic of all samples. Serves smooth
    functions of means (Binder cumulants, susceptibilities) and averages over pairs of replicas; for maxima,
    medians and crossings take :func:`bootstrap`.

    Parameters
    ----------
    statistic : callable
        Takes one array per entry of ``samples``, shape (any number, ...); returns a number or an array.
    *samples : array_like, shape (n, ...)
        Resampled together along the first axis.
    minimum : int, default 2
        Fewest samples that the statistic makes sense for, once one of them is left out, plus one.

    Raises
    ------
    ValueError
        With too few samples, samples of different length, or if the statistic is not finite.

    Examples
    --------
    >>> from spinlab.observables import errors
    >>> print(errors.jackknife(lambda x: x.mean() ** 2, [1.0, 2.0, 3.0, 4.0]))
    6.25 ± 3.2
    """
    arrays = as_samples(samples, minimum)
    n = len(arrays[0])
    value = _finite(statistic(*arrays), "of all samples")
    left = np.array([_finite(statistic(*(np.delete(x, i, 0) for x in arrays)), f"without sample {i}")
                     for i in range(n)])  # fmt: skip
    error = np.sqrt(n - 1) * deviation(left, 0)
    return Estimate(plain(value), plain(error), n)


def bootstrap(
    statistic: Callable[..., Any],
    *samples: Any,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    minimum: int = 4,
    rng: RNG = None,
) -> Estimate:
    """Bootstrap: error and percentile interval of a statistic of independent samples.

    The statistic is computed on ``n_resamples`` draws of n samples with replacement; the error is the
    standard deviation of the results (B. Efron, Ann. Stat. 7, 1 (1979)).

    Parameters
    ----------
    statistic, *samples
        As in :func:`jackknife`.
    n_resamples : int, default 1000
    confidence : float, default 0.95
        Content of the interval between two percentiles.
    minimum : int, default 4
        Fewest samples accepted.
    rng : None, int or numpy.random.Generator

    Errors are raised as by :func:`jackknife`.

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab.observables import errors
    >>> x = np.random.default_rng(0).normal(size=100)
    >>> median = errors.bootstrap(np.median, x, rng=1)
    >>> bool(0.08 < median.error < 0.18)  # 1.25/sqrt(100) for normal numbers
    True
    """
    arrays = as_samples(samples, as_count(minimum, "minimum", 2))
    n_resamples = as_count(n_resamples, "n_resamples", 2)
    confidence = as_real(confidence, "confidence", 0.0, exclusive=True)
    if confidence >= 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}")
    generator, n = as_generator(rng), len(arrays[0])
    value = _finite(statistic(*arrays), "of all samples")
    drawn = []
    for _ in range(n_resamples):
        chosen = generator.integers(0, n, n)
        drawn.append(_finite(statistic(*(x[chosen] for x in arrays)), "of a resample"))
    results = np.array(drawn)
    low, high = np.quantile(results, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return Estimate(plain(value), plain(deviation(results)), n, (plain(low), plain(high)))


def as_samples(samples: Any, minimum: int = 2, name: str = "samples") -> list[np.ndarray]:
    """Finite float arrays of one length along the first axis, at least ``minimum``."""
    if not len(samples):
        raise ValueError("no samples were given")
    arrays = [as_real_array(x, name, tuple(range(1, 6))) for x in samples]
    lengths = {len(x) for x in arrays}
    if len(lengths) > 1:
        raise ValueError(f"{name} must have one length along the first axis, got {sorted(lengths)}")
    if (n := lengths.pop()) < minimum:
        raise ValueError(
            f"{n} independent sample{'s' * (n != 1)} given, but an error needs at least {minimum}; "
            "take more instances or replicas"
        )
    return arrays


def _finite(value: Any, which: str) -> np.ndarray:
    value = np.asarray(value, dtype=float)
    if not np.isfinite(value).all():
        raise ValueError(
            f"the statistic {which} is not finite; it needs more samples or is undefined for them"
        )
    return value


def plain(x: Any) -> Any:
    """A float for a single number, an array otherwise."""
    return float(x) if np.ndim(x) == 0 else np.asarray(x)
