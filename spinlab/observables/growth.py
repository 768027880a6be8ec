"""Exponential growth with size: the rate of the mean, and the typical one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.results import Result
from .._core.validate import as_real_array
from .errors import Estimate, as_samples


@dataclass(frozen=True, repr=False)
class GrowthRates(Result):
    """Growth of a number with size, exp(rate N).

    Attributes
    ----------
    mean : Estimate
        Rate of ln <n>: the average is dominated by rare instances with many.
    typical : Estimate
        Rate of <ln n>, never above the other in the limit of large N.
    log_mean, log_typical : Estimate
        ln <n> and <ln n> at each size.
    """

    mean: Estimate
    typical: Estimate
    log_mean: Estimate
    log_typical: Estimate


def growth_rates(sizes: Any, counts: Any) -> GrowthRates:
    """Rates at which a number grows with size, mean and typical, from counts on many instances.

    Slopes of straight lines through ln <n> and <ln n> against N, by least squares with the inverse squares
    of the errors as weights (equal ones where an error is zero); errors from a jackknife over instances.

    Parameters
    ----------
    sizes : array_like, shape (n_sizes,)
        At least three different ones, 1 or more; all large enough, since corrections are not fitted.
    counts : sequence of array_like, each of shape (n_instances,)
        Positive numbers, one array per size, at least two instances each.

    Raises
    ------
    ValueError
        With fewer than three sizes or two instances, or counts that are not positive.

    Examples
    --------
    >>> from spinlab.observables import growth_rates
    >>> rates = growth_rates([10, 20, 30], [[2.0, 2.0], [4.0, 4.0], [8.0, 8.0]])
    >>> round(rates.mean.value, 4)  # ln(2)/10
    0.0693
    """
    N = as_real_array(sizes, "sizes", 1)
    if len(set(N.tolist())) < 3 or len(N) != len(counts):
        raise ValueError(
            f"a rate needs at least three different sizes with counts each, got {len(N)} sizes "
            f"and {len(counts)} sets of counts"
        )
    if N.min() < 1:
        raise ValueError(f"sizes must be 1 or more, got {N.min():g}")
    samples = [as_samples([x])[0].ravel() for x in counts]
    if min(x.min() for x in samples) <= 0:
        raise ValueError("counts must be positive: the logarithm of zero has no mean; leave such sizes out")

    def line(points: list[np.ndarray], left: list[np.ndarray]) -> tuple[Estimate, Estimate]:
        value = np.array([float(x) for x in points])
        error = np.array([math.sqrt((len(x) - 1) * float(x.var())) for x in left])
        weight = 1 / error**2 if (error > 0).all() else np.ones(len(N))
        centred = N - (weight * N).sum() / weight.sum()
        slope = weight * centred / (weight * centred**2).sum()
        n = min(len(x) for x in samples)
        rate = Estimate(float(slope @ value), math.sqrt(float(slope**2 @ error**2)), n)
        return rate, Estimate(value, error, n)

    def without(x: np.ndarray) -> np.ndarray:
        return (x.sum() - x) / (len(x) - 1)

    mean, log_mean = line([np.log(x.mean()) for x in samples], [np.log(without(x)) for x in samples])
    logs = [np.log(x) for x in samples]
    typical, log_typical = line([x.mean() for x in logs], [without(x) for x in logs])
    return GrowthRates(mean, typical, log_mean, log_typical)
