"""Correlations between times: C(t, t_w), and the overlap within one valley."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.results import Result
from .._core.validate import as_count, as_spins
from .errors import Estimate


@dataclass(frozen=True, repr=False)
class TwoTime(Result):
    """C(t_w + t, t_w) averaged over chains.

    Attributes
    ----------
    waiting, lags : ndarray of int
        t_w and t, counted in records.
    value, error : ndarray, shape (n_waiting, n_lags)
        One standard error over the chains.
    """

    waiting: np.ndarray
    lags: np.ndarray
    value: np.ndarray
    error: np.ndarray


def two_time_correlation(samples: Any, waiting: Any, lags: Any) -> TwoTime:
    """Two-time correlation C(t_w + t, t_w) = (1/N) sum_i <s_i(t_w) s_i(t_w + t)>.

    In equilibrium it depends on t alone; a function of t/t_w, or a plateau that lasts the longer the older
    the system, is ageing (L. F. Cugliandolo, J. Kurchan, Phys. Rev. Lett. 71, 173 (1993)).

    Parameters
    ----------
    samples : array_like of +-1, shape (n_records, n_chains, N)
        The ``samples`` of a sampler, at least 2 chains.
    waiting, lags : array_like of int
        t_w and t, counted in records, from 0; the largest sum must be below n_records.

    Returns
    -------
    TwoTime

    Raises
    ------
    ValueError
        With fewer than two chains, or if a time lies beyond the records.

    Examples
    --------
    >>> from spinlab.observables import two_time_correlation
    >>> samples = [[[1, 1], [1, 1]], [[1, -1], [1, 1]]]
    >>> two_time_correlation(samples, [0], [0, 1]).value.tolist()
    [[1.0, 0.5]]
    """
    s = as_records(samples, 1)
    tw, t = _as_times(waiting, "waiting"), _as_times(lags, "lags")
    if tw.max() + t.max() >= len(s):
        raise ValueError(
            f"waiting + lags reaches record {tw.max() + t.max()}, but there are {len(s)} (from 0); "
            "record longer or ask for earlier times"
        )
    each = np.empty((len(tw), len(t), s.shape[1]))
    for k, start in enumerate(tw):
        later = s[start + t].astype(np.float64)
        each[k] = np.einsum("tcn,cn->tc", later, s[start].astype(np.float64)) / s.shape[2]
    error = each.std(-1, ddof=1) / math.sqrt(s.shape[1])
    return TwoTime(tw, t, each.mean(-1), error)


def edwards_anderson(samples: Any, *, gap: int = 0) -> Estimate:
    """Overlap within a valley, q_EA = (1/N) sum_i <s_i>^2 over the time of each chain.

    The mean of the first half of the records times that of the second, without the bias 1/n of a square (S.
    F. Edwards, P. W. Anderson, J. Phys. F 5, 965 (1975)). It counts what stays put for the time observed:
    once chains cross between valleys, or flip globally, it falls. :attr:`OverlapDistribution.peak` of P(q) is
    the equilibrium value.

    Parameters
    ----------
    samples : array_like of +-1, shape (n_records, n_chains, N)
        In equilibrium; at least 4 records and 2 chains.
    gap : int, default 0
        Records left out between the halves, a few correlation times.

    Returns
    -------
    Estimate
        Mean over the chains and its standard error.

    Raises
    ------
    ValueError
        With too few chains or records.

    Examples
    --------
    >>> import spinlab as sl
    >>> mattis = sl.ensembles.mattis(N=100, rng=0).scaled(0.01)
    >>> chains = sl.dynamics.gibbs(mattis, 200, 8, beta=1.5, initial=mattis.xi[0], record_every=1, rng=1)
    >>> q = sl.observables.edwards_anderson(chains.samples)
    >>> bool(abs(q.value - 0.8586**2) < 0.03)  # m = tanh(1.5 m)
    True
    """
    gap = as_count(gap, "gap", 0)
    s = as_records(samples, 4 + gap)
    half = (len(s) - gap) // 2
    first, second = (part.mean(0, dtype=np.float64) for part in (s[:half], s[len(s) - half :]))
    each = (first * second).mean(1)
    return Estimate(float(each.mean()), float(each.std(ddof=1)) / math.sqrt(len(each)), len(each))


def as_records(samples: Any, least: int) -> np.ndarray:
    """States of chains over time, checked, shape (n_records, n_chains, N)."""
    shape = np.shape(samples)
    if len(shape) != 3 or shape[0] < least or shape[1] < 2 or shape[2] == 0:
        raise ValueError(
            f"samples must have shape (n_records, n_chains, N), at least {least} records, 2 chains and a "
            f"site, got {shape}"
        )
    return as_spins(samples, shape[2], "samples")


def _as_times(times: Any, name: str) -> np.ndarray:
    t = np.atleast_1d(np.asarray(times))
    if t.ndim != 1 or not len(t) or t.dtype.kind not in "iu" or t.min() < 0 or t.max() > 2**31:
        raise ValueError(f"{name} must be non-negative integers (records, counted from 0), got {times!r}")
    return t.astype(np.int64)
