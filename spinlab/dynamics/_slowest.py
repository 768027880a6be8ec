"""An upper confidence bound on the integrated correlation time of a series, from its periodogram.

The correlations of a reversible chain are a sum of exponentials with positive weights. The family tried here
has two, w_1 a_1^t + w_2 a_2^t: tau is bounded by the largest that the likelihood of the periodogram admits
(P. Whittle, Bull. Int. Stat. Inst. 39, 105 (1961), with the exact expectations at finite length in place of
the spectral density, A. Sykulski et al., Biometrika 106, 251 (2019)). A mode that is so slow and so faint
that it cannot show in the series cannot be excluded either; the family ends where one chain could still tell,
at modes that decay within a twentieth of its length, and a few chains can tell more.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

_DROP = 2.71  # of 2 ln L: 5 % on one side
_TAIL = 0.2  # of the chi-square law of the windowed sum, which sees what the family has no member for
_SLOWEST = 0.05  # of the length of one chain: the slowest mode of the family
_SLOWEST_OF_ALL = 0.3  # the same with many chains
_RATIO = 1.15  # of neighbouring decay times
_STEP = 1.05  # the bound lies up to so far above the last member of the grid that is admitted
_BIN = 1.15  # of neighbouring frequencies
_ALTERNATING = (-0.8, -0.5, 0.0)
_WEIGHTS = np.array([0.1, 0.133, 0.167, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
_POINTS = 4  # frequencies at which the expectation is taken within a bin


def upper_bound(power: np.ndarray, between: float, n_chains: int, n: int, tau: float, window: int) -> float:
    """95 % bound on tau in records, at least 1/2; infinite where the series bounds nothing.

    ``power`` is the mean over chains of |sum_t x_t exp(2 pi i j t/n)|^2 / n at j = 1 .. n/2, ``between``
    n times the variance of the chains' means (any number for one chain), ``tau`` and ``window`` a windowed
    sum.
    """
    from scipy.special import chdtri

    total = n * n_chains
    width = (2 * window + 1) / total
    if width >= 1 or len(power) < 2:
        return math.inf
    # A windowed sum is a smoothed periodogram of 1/width degrees of freedom; the mean took width tau away.
    summed = max(tau, 0.5) / (1 - width) / (width * float(chdtri(1 / width, 1 - _TAIL)))
    first, count, inverse, log, weight, times = _family(n, n_chains)
    observed = np.add.reduceat(power, first - 1) / count
    if n_chains > 1:
        observed = np.append(between, observed)
    scale = inverse @ observed  # of each member, up to the sum of the weights
    with np.errstate(divide="ignore"):
        loss = 2 * (weight * np.log(scale) + log)
    admitted = times[loss <= loss.min() + _DROP]
    slowest = float(admitted.max()) * _STEP
    return max(summed, math.inf if admitted.max() == times.max() else slowest, 0.5)


@lru_cache(maxsize=4)
def _family(
    n: int, n_chains: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float, np.ndarray]:
    """First frequency and size of each bin; weights / expectation, sum of weights ln expectation; tau."""
    last = n // 2
    edges = [1]
    while edges[-1] <= last:
        edges.append(max(edges[-1] + 1, int(edges[-1] * _BIN)))
    edges[-1] = last + 1
    first, count = np.array(edges[:-1]), np.diff(edges)
    longest = max(n * min(_SLOWEST * n_chains**0.75, _SLOWEST_OF_ALL), 1.0)
    steps = math.floor(math.log(longest / 0.4) / math.log(_RATIO))
    a = np.concatenate([_ALTERNATING, np.exp(-1 / (longest * _RATIO ** np.arange(-steps, 1.0)))])
    within = np.linspace(0, 1, _POINTS) * (count[:, None] - 1)
    one = _expected(a, n, first[:, None] + np.round(within)).mean(-1)
    freedom = n_chains * count.astype(np.float64)  # half the number of degrees of freedom
    if n % 2 == 0:
        freedom[-1] -= n_chains / 2  # the last frequency is real
    if n_chains > 1:
        one = np.concatenate([_expected(a, n, np.zeros((1, 1)))[..., 0], one], axis=1)
        freedom = np.append((n_chains - 1) / 2, freedom)
    tau = (1 + a) / (2 * (1 - a))
    i, j = np.triu_indices(len(a), 1)
    w = _WEIGHTS[:, None]
    both = (1 - w[..., None]) * one[i] + w[..., None] * one[j]
    expected = np.concatenate([one, both.reshape(-1, one.shape[1])])
    times = np.concatenate([tau, ((1 - w) * tau[i] + w * tau[j]).ravel()])
    return first, count, freedom / expected, np.log(expected) @ freedom, float(freedom.sum()), times


def _expected(a: np.ndarray, n: int, j: np.ndarray) -> np.ndarray:
    """Expected periodogram of rho(t) = a^|t|: sum over |t| < n of (1 - |t|/n) a^|t| exp(2 pi i j t/n)."""
    a = a.reshape(-1, *(1,) * j.ndim)
    z = a * np.exp(-2j * np.pi * j / n)
    return np.asarray(((1 + z) / (1 - z) - 2 / n * z * (1 - a**n) / (1 - z) ** 2).real)
