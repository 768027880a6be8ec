"""Has a chain run long enough? Tests on plain arrays of measurements, one time series per chain."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.unit import deviation, in_units
from .._core.validate import as_count, as_real, as_real_array, as_spins
from ._slowest import upper_bound

_WINDOW = 5.0  # Sokal's automatic window: sum up to 5 correlation times
LONG_ENOUGH = 50  # correlation times that a series should hold
_FEWEST_SWITCHES = 8  # between two levels: four visits and returns, whose lengths say what tau is

__all__ = [
    "Agreement",
    "AutocorrelationTime",
    "LogBins",
    "agree",
    "autocorrelation",
    "autocorrelation_time",
    "gaussian_identity",
    "link_overlap",
    "log_bins",
    "r_hat",
]


@dataclass(frozen=True)
class LogBins:
    """Means over the last half of the run, the quarter before it, the eighth before that, ...

    Attributes
    ----------
    start, stop : ndarray of int, shape (n_bins,)
        Records start..stop-1, the earliest bin first.
    mean, error : ndarray, shape (n_bins,)
        Mean over the chains' means, and its standard error from their spread.
    chain_means : ndarray, shape (n_bins, n_chains)
    """

    start: np.ndarray
    stop: np.ndarray
    mean: np.ndarray
    error: np.ndarray
    chain_means: np.ndarray

    def settled(self, n_sigma: float = 3.0, n_bins: int = 3) -> bool:
        """Whether the last ``n_bins`` bins agree pairwise.

        Student's t of the differences that each chain has between two bins, so that instances of the disorder
        are compared with themselves. In equilibrium this fails, over all pairs together, at most as often as
        a normal number lies beyond ``n_sigma`` (3: .27 %, 2: 4.6 %), for any number of chains. Two chains
        therefore only fail if they are very far off: take ten or more.
        """
        from scipy.special import ndtr, stdtrit

        n_sigma = as_real(n_sigma, "n_sigma", 0.0)
        n_bins = as_count(n_bins, "n_bins", 2)
        if n_bins > len(self.mean):
            raise ValueError(f"n_bins = {n_bins} exceeds the {len(self.mean)} bins there are; record more")
        i, j = np.triu_indices(n_bins, 1)
        x, _ = in_units(self.chain_means[-n_bins:])
        apart = x[i] - x[j]
        error = apart.std(1, ddof=1) / np.sqrt(apart.shape[1])
        allowed = -stdtrit(apart.shape[1] - 1, ndtr(-n_sigma) / len(i))
        # Equal up to the rounding of the means is equal.
        return bool((np.abs(apart.mean(1)) <= allowed * error + 1e-14).all())


@dataclass(frozen=True)
class AutocorrelationTime:
    """Integrated autocorrelation time.

    Attributes
    ----------
    tau : float
        In records: n records of a chain are worth n / (2 tau) independent ones; 1/2 without correlation. Of
        series that alternate, where it is below 1/2, it is rough, and ``effective`` counts each record once.
    error : float
        tau sqrt[2 (2 window + 1) / n], n records in all chains.
    window : int
        Lag up to which the correlations were summed.
    effective : float
        Independent records in all chains, n / (2 tau).
    upper : float
        Upper confidence bound on tau, at least 1/2; infinite where the series bounds nothing. It holds for
        sums of a few exponentials of which the slowest decays within a twentieth of the length of a single
        chain, within three tenths of many; no series tells of what is slower and faint, or of a valley never
        visited.
    reliable : bool
        Whether each chain is longer than 50 times ``upper``, and hence holds 25 records or more, and a series
        of two levels (its middle third is the emptiest) changed between them eight times or more, in all
        chains. Of series shorter than 50 times the true tau about one in twenty passes, of those of 200
        times nine in ten (docs: Observables, coverage). Otherwise tau is, at best, a lower bound.
    """

    tau: float
    error: float
    window: int
    effective: float
    upper: float
    reliable: bool


@dataclass(frozen=True)
class Agreement:
    """Difference of two groups of chains, with its error from their spread.

    Attributes
    ----------
    difference, error : float
        Of the means.
    sigma : float
        The deviation of a normal number that is as improbable: ``difference / error`` follows Student's t
        where the groups follow one law, with Welch's degrees of freedom, and few chains make large values of
        it likely. Infinite where the error is 0 and the difference is not.
    """

    difference: float
    error: float
    sigma: float


def log_bins(x: Any) -> LogBins:
    """Logarithmic binning: equilibrated measurements have the same mean in every bin.

    Bin k from the end holds the records n/2^(k+1)..n/2^k (Katzgraber, Palassini and Young, Phys. Rev. B 63,
    184422 (2001), look at the last three).

    Parameters
    ----------
    x : array_like, shape (n_records, n_chains)
        Measurements, for example ``chains.sample_energy``; 2 or more of both. The chains may be different
        instances of disorder.

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab.dynamics import equilibration
    >>> bins = equilibration.log_bins(np.random.default_rng(0).normal(size=(64, 20)))
    >>> bins.stop.tolist(), bins.settled()
    ([1, 2, 4, 8, 16, 32, 64], True)
    """
    x = _series(x, 2, 2)
    edges = [len(x)]
    while edges[-1] > 1:
        edges.append(edges[-1] // 2)
    stop = np.array(edges[::-1])
    start = np.append(0, stop[:-1])
    x, exponent = in_units(x)
    moved = x - x[0]  # exactly zero for a chain that does not move
    means = np.array([x[0] + moved[a:b].mean(0) for a, b in zip(start, stop, strict=True)])
    error = (means - means[:, :1]).std(1, ddof=1) / np.sqrt(x.shape[1])
    return LogBins(start, stop, *(np.ldexp(y, exponent) for y in (means.mean(1), error, means)))


def r_hat(x: Any) -> float:
    """Split R-hat: the spread between chains, and between their halves, over the spread inside.

    R^2 = [(n - 1)/n W + B/n] / W, n records in each half chain, W their mean variance, B/n the variance of
    their means (Gelman et al., Bayesian Data Analysis, 3rd ed., 11.4); 1 in equilibrium, and below 1.01 is
    asked for. inf if no half chain moves and their means differ, 1 if nothing differs at all.

    Parameters
    ----------
    x : array_like, shape (n_records, n_chains)
        4 or more records of 2 or more chains, which should start far apart.

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab.dynamics import equilibration
    >>> x = np.random.default_rng(0).normal(size=(1000, 4))
    >>> bool(equilibration.r_hat(x) < 1.01 < equilibration.r_hat(x + [0, 0, 0, 1]))
    True
    """
    x = _series(x, 4, 2)
    n = len(x) // 2
    x, _ = in_units(x)
    halves = np.concatenate([x[:n], x[-n:]], axis=1)
    moved = halves - halves[0]  # exactly zero for a half chain that does not move
    means = halves[0] + moved.mean(0)
    within, between = moved.var(0, ddof=1).mean(), (means - means[0]).var(ddof=1)
    if within == 0.0:
        return 1.0 if between == 0.0 else np.inf
    return float(np.sqrt((n - 1) / n + between / within))


def autocorrelation(x: Any) -> np.ndarray:
    """Normalised autocorrelation function of stationary series, averaged over the chains.

    rho(t) = <(x_s - m)(x_{s+t} - m)> / <(x - m)^2>, m the mean of all chains, so that chains that stay apart
    show as a correlation that does not decay.

    Parameters
    ----------
    x : array_like, shape (n_records,) or (n_records, n_chains)

    Returns
    -------
    ndarray, shape (n_records,)
        1 at lag 0; exactly 1 everywhere if all records are equal.
    """
    return _autocorrelation(centred(_series(x, 2, 1)))


def _autocorrelation(x: np.ndarray) -> np.ndarray:
    n = len(x)
    if not x.any():
        return np.ones(n)
    power = np.abs(np.fft.rfft(x, 2 * n, axis=0)) ** 2
    covariance = np.fft.irfft(power, 2 * n, axis=0)[:n].mean(1) / np.arange(n, 0, -1)
    return np.asarray(covariance / covariance[0])


def centred(x: np.ndarray) -> np.ndarray:
    """``x`` less its mean over records and chains, in units of its size; zero if all entries are equal."""
    x = x - x[:1, :1]
    x, _ = in_units(x)
    return np.asarray(in_units(x - x.mean((0, 1)))[0])


def periodogram(x: np.ndarray) -> tuple[np.ndarray, float]:
    """Mean over chains of |sum_t x_t exp(2 pi i j t/n)|^2 / n at j = 1 .. n/2; n times the chains' variance.

    Components along further axes are added up.
    """
    n, n_chains = x.shape[:2]
    power = np.zeros(n // 2)
    for chain in range(n_chains):  # one at a time: vectors of many components fill the memory
        own = np.abs(np.fft.rfft(x[:, chain], axis=0)[1:]) ** 2
        power += own.reshape(len(own), -1).sum(1)
    between = float(x.mean(0).var(0, ddof=1).sum()) if n_chains > 1 else 0.0
    return power / (n * n_chains), n * between


def autocorrelation_time(x: Any) -> AutocorrelationTime:
    """Integrated autocorrelation time tau = 1/2 + sum_{t=1}^{w} rho(t).

    The window w is the first that holds 5 tau and 5 records (Madras and Sokal, J. Stat. Phys. 50, 109
    (1988)) and ends where rho is below two of its standard errors: the first condition alone would cut off
    a slow mode of small amplitude.

    Parameters
    ----------
    x : array_like, shape (n_records,) or (n_records, n_chains)
        4 or more records of stationary series.

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab.dynamics import equilibration
    >>> x = np.random.default_rng(0).normal(size=(4000, 2))
    >>> bool(abs(equilibration.autocorrelation_time(x).tau - 0.5) < 0.1)
    True
    """
    x = centred(_series(x, 4, 1))
    n, n_chains = x.shape
    rho = _autocorrelation(x)
    tau = 0.5 + np.append(0.0, np.cumsum(rho[1:]))
    total = n * n_chains
    noise = np.sqrt((2.0 * np.cumsum(rho**2) - 1.0) / total)
    enough = np.flatnonzero((np.arange(n) >= _WINDOW * np.maximum(tau, 1.0)) & (rho <= 2.0 * noise))
    window = int(enough[0]) if len(enough) else n - 1
    value = max(float(tau[window]), 1e-12)
    upper = math.inf
    if len(enough) and x.any():
        upper = upper_bound(*periodogram(x), n_chains, n, value, window)
    return AutocorrelationTime(
        tau=value,
        error=value * float(np.sqrt(2 * (2 * window + 1) / total)),
        window=window,
        effective=min(total / (2 * value), float(total)) if len(enough) else float(n_chains),
        upper=upper,
        reliable=n >= LONG_ENOUGH * upper and _returns_often(x),
    )


def _returns_often(x: np.ndarray) -> bool:
    """Whether a series is not one of two levels, or changed often between them.

    Its correlations are those of the lengths of visits, which a handful of visits hardly tell.
    """
    low, high = float(x.min()), float(x.max())
    chains, third = x.T, (high - low) / 3
    level = (chains > high - third).astype(np.int8) - (chains < low + third)
    if (level == 0).sum() > min((level > 0).sum(), (level < 0).sum()):
        return True
    number = np.broadcast_to(np.arange(len(chains))[:, None], chains.shape)[level != 0]
    level = level[level != 0]
    switches = (level[1:] != level[:-1]) & (number[1:] == number[:-1])
    return int(switches.sum()) >= _FEWEST_SWITCHES


def agree(x: Any, y: Any) -> Agreement:
    """Do chains from different starts, random and at a pattern for example, measure the same?

    Each chain's mean is one measurement, whatever its correlations.

    Parameters
    ----------
    x, y : array_like, shape (n_records, n_chains)
        2 or more chains each; n_records and n_chains may differ.

    Examples
    --------
    >>> import spinlab as sl
    >>> memory = sl.ensembles.hopfield(N=200, K=20, rng=0)
    >>> kept = dict(beta=3.0, burn_in=100, record_every=10, rng=1)
    >>> hot = sl.dynamics.gibbs(memory, 300, 20, **kept)
    >>> pattern = sl.dynamics.gibbs(memory, 300, 20, initial=memory.xi[0], **kept)
    >>> found = sl.dynamics.equilibration.agree(hot.sample_energy, pattern.sample_energy)
    >>> bool(abs(found.sigma) > 3)  # cold, chains stay in the valley they start in
    True
    """
    a, b = _series(x, 1, 2, "x"), _series(y, 1, 2, "y")
    a, b = (a - a[0, 0]).mean(0), (b - a[0, 0]).mean(0)  # equal constants differ by exactly zero
    errors = [float(deviation(part)) / math.sqrt(len(part)) for part in (a, b)]
    error = math.hypot(*errors)
    # B. L. Welch, Biometrika 34, 28 (1947).
    share = [(e / error) ** 2 if error else 0.5 for e in errors]
    freedom = 1 / (share[0] ** 2 / (len(a) - 1) + share[1] ** 2 / (len(b) - 1))
    return _agreement(float(a.mean() - b.mean()), error, freedom)


def link_overlap(states: Any, others: Any, edges: tuple[Any, Any] | None = None) -> np.ndarray:
    """q_l = mean over coupled pairs of s_i s_j s'_i s'_j, for two replicas of one instance.

    Parameters
    ----------
    states, others : array_like of +-1, shape (..., N)
    edges : pair of int arrays, shape (M,) each, optional
        Ends of the coupled pairs (the first two arrays of ``SparseIsing.edges()``); all pairs by default.

    Returns
    -------
    ndarray, shape (...,)

    Examples
    --------
    >>> from spinlab.dynamics import equilibration
    >>> float(equilibration.link_overlap([1, 1, 1, 1], [1, 1, 1, -1]))
    0.0
    """
    states = np.asarray(states)
    N = states.shape[-1] if states.ndim else 0
    q = (as_spins(states, N) * as_spins(others, N, "others")).astype(np.float64)
    if edges is not None:
        if not isinstance(edges, tuple | list | np.ndarray) or len(edges) != 2:
            raise TypeError("edges must be two arrays of sites, the first two of SparseIsing.edges()")
        i, j = (as_real_array(ends, "edges", 1) for ends in edges)
        fault = len(i) != len(j) or not len(i)
        if fault or not all(((x == np.floor(x)) & (x >= 0) & (x < N)).all() for x in (i, j)):
            raise ValueError(f"edges must be two arrays of as many sites, 0..{N - 1}, one edge at least")
        i, j = i.astype(np.int64), j.astype(np.int64)
        return (q[..., i] * q[..., j]).mean(-1)
    if N < 2:
        raise ValueError(f"a link overlap needs two spins or more, got N = {N}")
    return (q.sum(-1) ** 2 - N) / (N * (N - 1))


def gaussian_identity(
    energy: Any, overlap: Any, beta: float, coupling_variance: float, n_pairs: int
) -> Agreement:
    """Energy against replica overlap of models with Gaussian couplings: equal only in equilibrium.

    Integration by parts over J_ij of mean 0 and variance s^2 gives the exact, finite-N identity
    [<E>] = -beta s^2 n_pairs (1 - [q_l]), where q_l is the mean of s_i s_j s'_i s'_j over the coupled pairs
    and two replicas of an instance, and [] the mean over instances (Katzgraber, Palassini and Young 2001).
    For the SK model, s^2 = 1/N, that is [<E>]/N = -(beta/2)(1 - [<q^2>]) with q_l = (N q^2 - 1)/(N - 1). Out
    of equilibrium, from random starts, the energy is too high and the overlap too small, and the two sides
    approach each other from opposite directions.

    Parameters
    ----------
    energy : array_like, shape (n_instances,)
        Thermal mean of E of each instance, without fields and offset; 2 or more instances.
    overlap : array_like, shape (n_instances,)
        Thermal mean of q_l of two independent replicas, see :func:`link_overlap`.
    beta : float
    coupling_variance : float
        Variance s^2 of the ensemble.
    n_pairs : int
        Coupled pairs: N (N - 1)/2 for SK, edges of a graph, V H of an RBM.

    Returns
    -------
    Agreement
        Of the two sides, per pair.
    """
    energy, overlap = as_real_array(energy, "energy", 1), as_real_array(overlap, "overlap", 1)
    if len(energy) != len(overlap) or len(energy) < 2:
        raise ValueError(
            f"energy and overlap need one entry per instance, 2 or more, got {len(energy)} and {len(overlap)}"
        )
    beta = as_real(beta, "beta", 0.0)
    variance = as_real(coupling_variance, "coupling_variance", 0.0)
    n_pairs = as_count(n_pairs, "n_pairs")
    with np.errstate(over="ignore"):
        gap = energy / n_pairs + beta * variance * (1.0 - overlap)
        if not math.isfinite(np.abs(gap).sum()):
            raise ValueError(
                f"beta = {beta:g} times coupling_variance = {variance:g} times 1 - overlap is beyond "
                "float64; rescale them"
            )
    return _agreement(float(gap.mean()), float(deviation(gap)) / math.sqrt(len(gap)), len(gap) - 1)


def _agreement(difference: float, error: float, freedom: float) -> Agreement:
    if error == 0.0:
        return Agreement(
            difference, 0.0, 0.0 if difference == 0.0 else float(np.copysign(np.inf, difference))
        )
    t = difference / error
    return Agreement(difference, error, math.copysign(_normal_size(abs(t), freedom), t))


def _normal_size(t: float, freedom: float) -> float:
    """The size that a normal number exceeds as rarely as Student's t exceeds ``t``."""
    from scipy.special import ndtri, stdtr

    tail = float(stdtr(freedom, -t))
    if tail > 1e-290:
        return float(-ndtri(tail))
    # D. L. Wallace, Ann. Math. Stat. 30, 1121 (1959).
    return (8 * freedom + 1) / (8 * freedom + 3) * math.sqrt(freedom * math.log1p(t * t / freedom))


def _series(x: Any, least_records: int, least_chains: int, name: str = "x") -> np.ndarray:
    """Measurements (n_records, n_chains)."""
    x = as_real_array(x, name, 2 if least_chains > 1 else (1, 2))
    x = x[:, None] if x.ndim == 1 else x
    if len(x) < least_records or x.shape[1] < least_chains:
        raise ValueError(
            f"{name} must hold at least {least_records} records of {least_chains} chains, "
            f"got shape {x.shape} (records first, chains last)"
        )
    return x
