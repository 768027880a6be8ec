"""How many minima a model has: from their list, or from descents with an estimate of what was missed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import exact
from .._core.rng import RNG
from .._core.validate import as_choice, as_count, as_flag, as_real_array
from ..dynamics import descend
from ..models import as_model
from .errors import Estimate, as_samples

_EXACT_SPINS = 24  # "auto" lists the minima of models up to this size: a second at most


@dataclass(frozen=True)
class MinimaCount:
    """Number of one-flip-stable states.

    Attributes
    ----------
    count : Estimate
        Their number. By descents: Chao's lower bound for the expected number, with its standard error.
    exact : bool
    found : int
        Distinct minima seen (all of them, if exact).
    coverage : float
        Good and Turing's estimate of the share of all starts that lie in the basins of the minima seen; 1 if
        exact. Near 0 nearly every descent ended in a new minimum, and ``count`` is a lower bound only.
    weights, weight_error : ndarray, shape (len(states),)
        Basins: share of the starts that end in each state, largest first; by descents with its standard
        error. Of exact counts only with ``basins=True`` (steepest descent, error 0; shares of the listed
        strict minima, the rest belongs to weak ones), otherwise empty.
    states : ndarray of int8, shape (found, N)
    strict : bool
        Whether every flip raises the energy, or none lowers it.
    n_descents : int
        0 if exact.
    """

    count: Estimate
    exact: bool
    found: int
    coverage: float
    weights: np.ndarray
    weight_error: np.ndarray
    states: np.ndarray
    strict: bool
    n_descents: int


def count_minima(
    model: Any,
    n_descents: int = 1000,
    *,
    strict: bool = True,
    method: str = "auto",
    basins: bool = False,
    max_steps: int = 1000,
    rng: RNG = None,
    threads: int | None = None,
) -> MinimaCount:
    """Number of states that no single flip improves: exact for small models, estimated by descents beyond.

    Descents from random states end in minimum a with the probability of its basin. From the number of minima
    met once (f1) and twice (f2) in n descents follow the coverage 1 - f1/n (I. J. Good, Biometrika 40, 237
    (1953)) and the bound found + (1 - 1/n) f1 (f1 - 1) / (2 (f2 + 1)) (A. Chao, Scand. J. Stat. 11, 265
    (1984)).

    Parameters
    ----------
    model : IsingModel or anything :func:`spinlab.models.as_model` takes
    n_descents : int, default 1000
    strict : bool, default True
        Count states with s_i h_i > 0 everywhere; False: s_i h_i >= 0 (for few patterns, of which fields can
        vanish, vastly more). Descents that end elsewhere are left out.
    method : {"auto", "exact", "descent"}
        "auto" lists all minima up to 24 spins with :func:`spinlab.exact.local_minima`.
    basins : bool, default False
        Also compute exact basins (26 spins at most). Descents always measure them.
    max_steps : int, default 1000
        Sweeps after which a descent is given up.
    rng : None, int or numpy.random.Generator
    threads : int, optional

    Returns
    -------
    MinimaCount
        Without fields both states of each pair s, -s are counted.

    Raises
    ------
    ValueError
        With fewer than 10 descents; if no descent reached a minimum; beyond the limits of exact listing.

    Examples
    --------
    >>> import spinlab as sl
    >>> sl.observables.count_minima(sl.ensembles.mattis(N=20, rng=0)).count.value
    2.0
    >>> found = sl.observables.count_minima(sl.ensembles.hopfield(N=301, K=3, rng=0), 200, rng=1)
    >>> found.found, found.coverage
    (14, 1.0)
    """
    model = as_model(model)
    strict, basins = as_flag(strict, "strict"), as_flag(basins, "basins")
    as_choice(method, "method", ("auto", "exact", "descent"))
    n_descents = as_count(n_descents, "n_descents", 10)
    if method == "exact" or (method == "auto" and model.n_spins <= _EXACT_SPINS):
        return _listed(model, strict, basins, threads)
    ends = descend(model, n_descents, strict=strict, max_steps=max_steps, rng=rng, threads=threads)
    states = ends.states[ends.strict if strict else ends.converged]
    if len(states) < 2:
        raise ValueError(
            f"{len(states)} of {n_descents} descents reached a {'strict' if strict else 'weak'} minimum; "
            "the model may have none. Raise max_steps, or count weak minima with strict=False"
        )
    images = 1 if model.has_fields else 2
    if images == 2:  # s and -s are minima alike, with basins of one size
        states = states * states[:, :1]
    distinct, hits = np.unique(states, axis=0, return_counts=True)
    order = np.argsort(-hits, kind="stable")
    distinct, hits = distinct[order], hits[order]
    n = len(states)
    value, error, coverage = richness(hits)
    p = hits / n
    if images == 2:
        distinct = np.stack([distinct, -distinct], axis=1).reshape(-1, model.n_spins)
    return MinimaCount(
        count=Estimate(images * value, images * error, n),
        exact=False,
        found=len(distinct),
        coverage=coverage,
        weights=np.repeat(p / images, images),
        weight_error=np.repeat(np.sqrt(p * (1 - p) / n) / images, images),
        states=distinct,
        strict=strict,
        n_descents=n_descents,
    )


def richness(hits: Any) -> tuple[float, float, float]:
    """Number of species from how often each was met: Chao's estimate, its error, Good and Turing's coverage.

    Parameters
    ----------
    hits : array_like of int, shape (found,)
        Times that each species was met, 1 or more.

    Raises
    ------
    ValueError
        If fewer than two individuals were met or a number is below 1.
    """
    counts = as_real_array(hits, "hits", 1)
    if (counts < 1).any() or counts.sum() < 2:
        raise ValueError("hits must be at least 1 each and 2 in all; meet more individuals")
    n, found = counts.sum(), len(counts)
    f1, f2 = float((counts == 1).sum()), float((counts == 2).sum())
    a = (n - 1) / n
    unseen = a * f1 * (f1 - 1) / (2 * (f2 + 1))
    # A. Chao, Biometrics 43, 783 (1987), in the form without bias.
    variance = unseen + a**2 * f1 * (2 * f1 - 1) ** 2 / (4 * (f2 + 1) ** 2)
    if f2:
        variance += a**2 * f1**2 * f2 * (f1 - 1) ** 2 / (4 * (f2 + 1) ** 4)
    elif f1:
        variance -= a**2 * f1**4 / (4 * (found + unseen))
    return found + float(unseen), math.sqrt(max(float(variance), 0.0)), float(1 - f1 / n)


def _listed(model: Any, strict: bool, basins: bool, threads: int | None) -> MinimaCount:
    minima = exact.local_minima(model, strict, basins=basins, threads=threads)
    states, weights = minima.states, np.zeros(0)
    if minima.basins is not None:
        order = np.argsort(-minima.basins, kind="stable")
        states, weights = states[order], minima.basins[order] / 2.0**model.n_spins
    return MinimaCount(
        count=Estimate(float(minima.count), 0.0, 1),
        exact=True,
        found=minima.count,
        coverage=1.0,
        weights=weights,
        weight_error=np.zeros(len(weights)),
        states=states,
        strict=strict,
        n_descents=0,
    )


@dataclass(frozen=True)
class GrowthRates:
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
        At least three different ones; all large enough, since corrections are not fitted.
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
