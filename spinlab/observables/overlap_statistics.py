"""P(q), Binder cumulant and spin-glass susceptibility of replicas, with errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.results import Result
from .._core.unit import in_units
from .._core.validate import as_count, as_flag
from .errors import Estimate, as_samples, jackknife, plain
from .overlaps import as_replicas, gram

_RECORDS = 64  # compared at a time


@dataclass(frozen=True, repr=False)
class OverlapDistribution(Result):
    """Histogram of the replica overlap, a density that integrates to 1.

    Attributes
    ----------
    edges : ndarray, shape (n_bins + 1,)
        Halfway between values that q = 1 - 2d/N can take, symmetric around 0.
    density, error : ndarray, shape (n_bins,)
    """

    edges: np.ndarray
    density: np.ndarray
    error: np.ndarray

    @property
    def centres(self) -> np.ndarray:
        """Middle of each bin."""
        return (self.edges[1:] + self.edges[:-1]) / 2

    @property
    def peak(self) -> float:
        """Position |q| of the largest density: the self-overlap q_EA, once N is large."""
        return float(abs(self.centres[np.argmax(self.density)]))

    def weight(self, below: float) -> float:
        """Probability that |q| < ``below``, bins cut in proportion: stays finite in Parisi's phase."""
        low = np.clip(self.edges[:-1], -below, below)
        high = np.clip(self.edges[1:], -below, below)
        return float(((high - low) * self.density).sum())


@dataclass(frozen=True, repr=False)
class OverlapStatistics(Result):
    """Replica overlaps of one model, or of many instances of the disorder.

    Attributes
    ----------
    distribution : OverlapDistribution
        P(q).
    mean_abs, second, fourth : Estimate
        <|q|>, <q^2> and <q^4>; over instances, their averages.
    binder : Estimate
        g = (3 - <q^4>/<q^2>^2)/2: 0 for a Gaussian P(q), 1 for two peaks at +-q.
    susceptibility : Estimate
        chi_SG = N <q^2>.
    n_replicas, n_instances : int
    """

    distribution: OverlapDistribution
    mean_abs: Estimate
    second: Estimate
    fourth: Estimate
    binder: Estimate
    susceptibility: Estimate
    n_replicas: int
    n_instances: int


def overlap_statistics(states: Any, *, bins: int = 40, symmetric: bool = False) -> OverlapStatistics:
    """Replica overlap q: P(q), its moments, Binder cumulant and spin-glass susceptibility.

    q = (1/N) sum_i s_i^a s_i^b over all pairs of replicas at equal times (G. Parisi, Phys. Rev. Lett. 50,
    1946 (1983); R. N. Bhatt, A. P. Young, Phys. Rev. Lett. 54, 924 (1985)). Replicas must be in equilibrium;
    that is for the sampler to show.

    Parameters
    ----------
    states : array_like of +-1
        One model: shape (n_replicas, N) or (n_records, n_replicas, N), at least 4 replicas (the ``samples``
        of a sampler); errors by a jackknife over replicas. Many instances: (n_instances, n_records,
        n_replicas, N), at least 2 instances of 2 replicas each; errors by a jackknife over instances.
    bins : int, default 40
        About so many bins, never finer than the values that q can take.
    symmetric : bool, default False
        Impose P(q) = P(-q), as holds without fields: halves the noise of chains that never flip globally.

    Returns
    -------
    OverlapStatistics

    Raises
    ------
    ValueError
        With too few replicas or instances; if all overlaps are 0, so that no cumulant exists.

    Notes
    -----
    Over instances g = (3 - [<q^4>]/[<q^2>]^2)/2 with averages [.] taken first. Cost: one product of the
    states with themselves.

    Examples
    --------
    >>> import spinlab as sl
    >>> chains = sl.dynamics.gibbs(sl.ensembles.sk(N=64, rng=0), 200, 8, beta=0.3, record_every=10, rng=1)
    >>> overlaps = sl.observables.overlap_statistics(chains.samples)
    >>> bool(abs(overlaps.second.value - 0.017) < 5 * overlaps.second.error)  # 1/(N (1 - beta^2)) = .0172
    True
    """
    s = as_replicas(states)
    bins, symmetric = as_count(bins, "bins", 2), as_flag(symmetric, "symmetric")
    if s.ndim not in (2, 3, 4) or 0 in s.shape:
        raise ValueError(
            "states must have shape (n_replicas, N), (n_records, n_replicas, N) or "
            f"(n_instances, n_records, n_replicas, N), got {s.shape}"
        )
    n, least, what = (len(s), 2, "instances") if s.ndim == 4 else (s.shape[-2], 4, "replicas of one model")
    if n < least:
        raise ValueError(f"{n} {what} given, at least {least} are needed for an error; run more")
    N = s.shape[-1]
    edges = bin_edges(N, bins)
    if s.ndim == 4:
        R = s.shape[-2]
        each = np.array([_features(x, edges).sum((1, 2)) / (R * (R - 1)) for x in s])
        whole, left = each.mean(0), (each.sum(0) - each) / (n - 1)
    else:
        pairs = _features(s.reshape(-1, n, N), edges)
        rows = pairs.sum(2).T  # of each replica with all others
        total = rows.sum(0)
        whole, left = total / (n * (n - 1)), (total - 2 * rows) / ((n - 1) * (n - 2))
    if not (whole[1] and left[:, 1].all()):
        raise ValueError("all overlaps vanish, so there is no Binder cumulant; take more replicas or records")

    def estimate(f: Callable[[np.ndarray], Any]) -> Estimate:
        parts = np.array([f(x) for x in left])
        error = np.sqrt((n - 1) / n * ((parts - parts.mean(0)) ** 2).sum(0))
        return Estimate(plain(f(whole)), plain(error), n)

    def density(x: np.ndarray) -> np.ndarray:
        share = (x[3:] + x[:2:-1]) / 2 if symmetric else x[3:]
        return np.asarray(share / np.diff(edges))

    second, histogram = estimate(lambda x: x[1]), estimate(density)
    return OverlapStatistics(
        distribution=OverlapDistribution(edges, histogram.value, histogram.error),
        mean_abs=estimate(lambda x: x[0]),
        second=second,
        fourth=estimate(lambda x: x[2]),
        binder=estimate(lambda x: (3 - x[2] / x[1] ** 2) / 2),
        susceptibility=Estimate(N * second.value, N * second.error, n),
        n_replicas=s.shape[-2],
        n_instances=len(s) if s.ndim == 4 else 1,
    )


def binder_cumulant(x: Any) -> Estimate:
    """Binder cumulant g = (3 - <x^4>/<x^2>^2)/2 of an order parameter (a magnetisation or an overlap).

    0 for Gaussian fluctuations around zero, 1 for an ordered state; 3/2 of K. Binder's U = 1 - <x^4>/(3
    <x^2>^2) (Z. Phys. B 43, 119 (1981)).

    Parameters
    ----------
    x : array_like, shape (n_samples, ...)
        Independent samples (instances or chains) along the first axis, at least 2; measurements of each along
        the others. Moments are averaged over everything before the ratio is taken. With one measurement each
        at least 3 samples are needed: g of a single number is 1, and two of these know no error.

    Examples
    --------
    >>> from spinlab.observables import binder_cumulant
    >>> binder_cumulant([[0.5, -0.5], [0.5, 0.5]]).value
    1.0
    """
    (array,) = as_samples([x])
    single = array.size == len(array)
    array, _ = in_units(array.reshape(len(array), -1))
    if not array.any():
        raise ValueError("all values are zero, so there is no Binder cumulant")
    moments = np.stack([(array**2).mean(1), (array**4).mean(1)], axis=1)

    def cumulant(m: np.ndarray) -> float:
        second, fourth = m.mean(0)
        return float((3 - fourth / second**2) / 2) if second else float("nan")

    return jackknife(cumulant, moments, minimum=3 if single else 2)


def bin_edges(N: int, bins: int) -> np.ndarray:
    """About ``bins`` equal bins over [-1, 1], each with the same number of the values 1 - 2d/N."""
    per_bin = max(1, round((N + 1) / bins))
    if N % 2 == 0:  # 0 is a value: the middle bin surrounds it, with an odd number of values
        per_bin += 1 - per_bin % 2
        half = np.arange(1, 2 * N + 2, 2) * per_bin
    else:
        half = np.arange(0, 2 * N + 2, 2) * per_bin
    half = half[: int(np.searchsorted(half, N)) + 1]
    return np.unique(np.concatenate([-half, half])) / N


def _features(s: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Averages over the records of |q|, q^2, q^4 and of being in each bin, for every pair of replicas.

    ``s`` has shape (records, R, N); the result (3 + bins, R, R), zero on the diagonal.
    """
    R, bins = s.shape[1], len(edges) - 1
    sums = np.zeros((3, R, R))
    hits = np.zeros(bins * R * R)
    pair = np.arange(R * R).reshape(R, R)
    for first in range(0, len(s), _RECORDS):
        q = gram(s[first : first + _RECORDS])
        sums += [np.abs(q).sum(0), (q**2).sum(0), (q**4).sum(0)]
        index = np.floor((q - edges[0]) / (edges[1] - edges[0])).astype(np.int64)
        hits += np.bincount((index * R * R + pair).ravel(), minlength=len(hits))
    features = np.concatenate([sums, hits.reshape(bins, R, R)]) / len(s)
    features[:, range(R), range(R)] = 0.0
    return features
