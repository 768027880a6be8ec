"""How many minima a model has: from their list, or from descents with an estimate of what was missed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import exact
from .._core.blas import one_blas_thread
from .._core.progress import shows_progress
from .._core.results import Result
from .._core.rng import RNG, as_generator
from .._core.validate import as_choice, as_count, as_flag, as_real_array
from ..dynamics import descend
from ..exact.lowrank.minima import seconds as seconds_by_patterns
from ..models import IsingModel, ModelLike, TwoLayerIsing, as_model
from .errors import Estimate

# "auto" lists the minima of models up to this size, about a second's work, or this time.
_EXACT_SPINS = 24
_EXACT_SECONDS = 5.0
_NORMAL_95 = 1.6449  # exceeded by one normal number in twenty
_FLOPS = 2e10  # per second
_LAYER_SPINS = 24  # of the smaller layer; more is refused
_VALUES = 2**22  # fields at a time


@dataclass(frozen=True, repr=False)
class MinimaCount(Result):
    """Number of one-flip-stable states.

    Attributes
    ----------
    count : Estimate
        Their number. By descents Chao's estimate of a lower bound on it, which many small basins leave far
        behind; its error is that of the bound, not the distance to the number.
    at_least : float
        A lower bound on the number that fails in less than one of twenty runs of descents; ``count`` itself
        if exact.
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
        (Of exact counts 100 000 at most.)
    strict : bool
        Whether every flip raises the energy, or none lowers it.
    n_descents : int
        0 if exact.
    """

    count: Estimate
    at_least: float
    exact: bool
    found: int
    coverage: float
    weights: np.ndarray
    weight_error: np.ndarray
    states: np.ndarray
    strict: bool
    n_descents: int


@shows_progress
def count_minima(
    model: ModelLike,
    n_descents: int = 1000,
    *,
    strict: bool = True,
    method: str = "auto",
    basins: bool = False,
    max_steps: int = 1000,
    rng: RNG = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> MinimaCount:
    """Number of states that no single flip improves: exact for small models, bounded by descents beyond.

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
        "exact" lists all minima: up to 36 spins, or few patterns of any size, with
        :func:`spinlab.exact.local_minima`; two layers of which the smaller has up to 24 units through all
        states of that layer (strict minima). "auto" does so where it takes seconds.
    basins : bool, default False
        Also compute exact basins (26 spins at most). Descents always measure them.
    max_steps : int, default 1000
        Sweeps after which a descent is given up.
    rng, threads, progress
        As in :func:`spinlab.dynamics.gibbs`.

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
    >>> memory = sl.ensembles.hopfield(N=301, K=3, rng=0)
    >>> found = sl.observables.count_minima(memory, 200, method="descent", rng=1)
    >>> found.found, found.coverage
    (14, 1.0)
    """
    model = as_model(model)
    strict, basins = as_flag(strict, "strict"), as_flag(basins, "basins")
    as_choice(method, "method", ("auto", "exact", "descent"))
    n_descents, generator = as_count(n_descents, "n_descents", 10), as_generator(rng)
    if method == "exact" or (method == "auto" and _is_quick(model, strict)):
        if _through_layer(model, strict, basins):
            return _exact_result(_layer_minima(model), None, True)
        return _listed(model, strict, basins, threads)
    ends = descend(model, n_descents, strict=strict, max_steps=max_steps, rng=generator, threads=threads)
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
    at_least = images * _lower_end(len(distinct), value, error)
    p = hits / n
    if images == 2:
        distinct = np.stack([distinct, -distinct], axis=1).reshape(-1, model.n_spins)
    return MinimaCount(
        count=Estimate(images * value, images * error, n),
        at_least=at_least,
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


def _lower_end(found: int, value: float, error: float) -> float:
    """Lower end of Chao's interval of 90 %, log-normal in the number of unseen ones (Biometrics 43, 783).

    Rounded down: that some are unseen at all is an assumption of it.
    """
    unseen = value - found
    if unseen <= 0.0:
        return float(found)
    return found + math.floor(unseen * math.exp(-_NORMAL_95 * math.sqrt(math.log1p((error / unseen) ** 2))))


def _is_quick(model: IsingModel, strict: bool) -> bool:
    if model.n_spins <= _EXACT_SPINS:
        return True
    patterns = seconds_by_patterns(model, strict)
    return min(math.inf if patterns is None else patterns, _layer_seconds(model, strict)) < _EXACT_SECONDS


def _layer_seconds(model: IsingModel, strict: bool) -> float:
    """Time to go through all states of the smaller layer; infinite where that cannot be done."""
    if not isinstance(model, TwoLayerIsing) or not strict or min(model.V, model.H) > _LAYER_SPINS:
        return math.inf
    return 2.0 ** min(model.V, model.H) * 4 * model.V * model.H / _FLOPS


def _through_layer(model: IsingModel, strict: bool, basins: bool) -> bool:
    """Whether to go through all states of a layer: the other ways take longer, or do not take the model."""
    if basins or model.n_spins <= _EXACT_SPINS:
        return False
    patterns = seconds_by_patterns(model, strict)
    return _layer_seconds(model, strict) < (math.inf if patterns is None else patterns)


def _layer_minima(model: IsingModel) -> np.ndarray:
    """All strict minima of two layers: each state of the smaller one decides the other, which must agree."""
    assert isinstance(model, TwoLayerIsing)
    W, bx, by = model.weights(), model.bv, model.bh
    swapped = model.H < model.V
    if swapped:
        W, bx, by = W.T, by, bx
    n, m = W.shape
    W, Wt = np.ascontiguousarray(W), np.ascontiguousarray(W.T)
    size = np.abs(W)
    rounding = 4 * (n + m + 16) * 2.0**-53
    tx, ty = rounding * (size.sum(1) + np.abs(bx)), rounding * (size.sum(0) + np.abs(by))
    free = n if model.has_fields else n - 1  # otherwise the first spin is up, and the flips follow
    step = max(1, _VALUES // (n + m))
    found = []
    with one_blas_thread():
        for first in range(0, 1 << free, step):
            number = np.arange(first, min(first + step, 1 << free))
            x = np.ones((len(number), n))
            x[:, n - free :] = 1.0 - 2.0 * ((number[:, None] >> np.arange(free)) & 1)
            field = x @ W + by
            decided = (np.abs(field) > ty).all(1)
            x, y = x[decided], np.sign(field[decided])
            stable = (x * (y @ Wt + bx) > tx).all(1)
            parts = (y, x) if swapped else (x, y)
            found.append(np.concatenate([part[stable] for part in parts], axis=1).astype(np.int8))
    states = np.concatenate(found)
    return states if model.has_fields else np.stack([states, -states], axis=1).reshape(-1, n + m)


def _listed(model: IsingModel, strict: bool, basins: bool, threads: int | None) -> MinimaCount:
    minima = exact.local_minima(model, strict, basins=basins, threads=threads)
    states, weights = minima.states, None
    if minima.basins is not None:
        order = np.argsort(-minima.basins, kind="stable")
        states, weights = states[order], minima.basins[order] / 2.0**model.n_spins
    return _exact_result(states, weights, strict, minima.count)


def _exact_result(
    states: np.ndarray, weights: np.ndarray | None, strict: bool, count: int | None = None
) -> MinimaCount:
    count = len(states) if count is None else count
    weights = np.zeros(0) if weights is None else weights
    return MinimaCount(
        count=Estimate(float(count), 0.0, 1),
        at_least=float(count),
        exact=True,
        found=count,
        coverage=1.0,
        weights=weights,
        weight_error=np.zeros(len(weights)),
        states=states,
        strict=strict,
        n_descents=0,
    )
