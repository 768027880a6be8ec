"""The relaxation time of the slowest mode, measured from chains."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._core.validate import as_choice, as_count
from .correlations import as_records
from .errors import Estimate

MAX_FUNCTIONS = 1000
_NOISE = 1e-8  # of the largest variance: directions below it are linear dependences


def slowest_mode_time(samples: Any, lag: int = 1, *, sector: str = "even") -> Estimate:
    """Relaxation time of the slowest mode that spins or their products show, in records.

    Of all combinations f of the functions the one with the largest autocorrelation
    lambda(t) = <f(0) f(t)> / <f^2> at the lag t is found, and the time is -t / ln lambda(t): for a reversible
    chain a bound from below, which rises to the true value with t and with the functions
    (G. Perez-Hernandez et al., J. Chem. Phys. 139, 015102 (2013)). The combination is found on one half of
    the chains and judged on the other, and vice versa, so that noise does not raise it.

    Parameters
    ----------
    samples : array_like of +-1, shape (n_records, n_chains, N)
        The ``samples`` of a sampler in equilibrium, at least 4 chains.
    lag : int, default 1
        t, in records.
    sector : {"even", "odd", "all"}
        Products s_i s_j; spins s_i; both. "even" is blind to a flip of all spins, as energies and gradients
        are.

    Returns
    -------
    Estimate
        In records, with a jackknife error over chains, the combinations held. 0 where nothing is correlated,
        infinite where nothing changes. Chains that have never left one of several valleys know nothing of the
        others.

    Raises
    ------
    ValueError
        With fewer than four chains or less than lag + 2 records, and for more than 1000 functions (45 spins
        with products): give the visible spins alone, or a part of them.

    See Also
    --------
    relaxation_time : exact, for small models.

    Examples
    --------
    >>> import spinlab as sl
    >>> machine = sl.ensembles.rbm_gaussian(V=6, H=6, rng=1)
    >>> chains = sl.dynamics.block_gibbs(machine, 2000, 20, burn_in=200, record_every=1, rng=2)
    >>> measured = sl.observables.slowest_mode_time(chains.samples[..., :6], lag=5)
    >>> exact = sl.observables.relaxation_time(machine).time
    >>> bool(abs(measured.value - exact) < 4 * measured.error + 0.1 * exact)
    True
    """
    s, lag = as_records(samples, 2), as_count(lag, "lag")
    as_choice(sector, "sector", ("even", "odd", "all"))
    n, n_chains, N = s.shape
    if n_chains < 4:
        raise ValueError(
            f"a direction is found on half of the chains and judged on the others: 4 chains at least, got "
            f"{n_chains}"
        )
    if n < lag + 2:
        raise ValueError(f"lag {lag} needs {lag + 2} records at least, got {n}; record longer")
    first, second = np.triu_indices(N, 1)
    count = {"even": len(first), "odd": N, "all": N + len(first)}[sector]
    if not 0 < count <= MAX_FUNCTIONS:
        raise ValueError(
            f"{N} spins make {count} functions in sector {sector!r}; from 1 to {MAX_FUNCTIONS} are taken, so "
            "give a part of the spins"
        )
    spins = s.astype(np.float64)
    parts = [] if sector == "odd" else [spins[..., first] * spins[..., second]]
    x = np.concatenate(parts if sector == "even" else [spins, *parts], axis=-1)
    x -= x.mean((0, 1))
    sums = np.empty((2, n_chains))  # <f(0) f(t)> and <f^2> of each chain
    halves = np.arange(n_chains) % 2 == 0
    for own in (halves, ~halves):
        direction = _slowest(x[:, own], lag)
        if direction is None:
            return Estimate(math.inf, math.nan, n_chains)
        f = x[:, ~own] @ direction
        sums[0, ~own] = (f[:-lag] * f[lag:]).mean(0)
        sums[1, ~own] = (f[:-lag] ** 2 + f[lag:] ** 2).mean(0) / 2
    total = sums.sum(1)
    value = _time(total[0] / total[1], lag) if total[1] > 0 else math.inf
    left_out = np.array([_time((total[0] - a) / (total[1] - b), lag) for a, b in sums.T if total[1] > b])
    if not np.isfinite(left_out).all() or len(left_out) < n_chains:
        return Estimate(value, math.nan, n_chains)
    return Estimate(value, math.sqrt((n_chains - 1) * left_out.var()), n_chains)


def _time(correlation: float, lag: int) -> float:
    if correlation <= 0:
        return 0.0
    return -lag / math.log(correlation) if correlation < 1 else math.inf


def _slowest(x: np.ndarray, lag: int) -> np.ndarray | None:
    """The combination of unit variance with the largest autocorrelation; None if nothing varies."""
    early, late = x[:-lag].reshape(-1, x.shape[-1]), x[lag:].reshape(-1, x.shape[-1])
    n = len(early)
    values, vectors = np.linalg.eigh((early.T @ early + late.T @ late) / (2 * n))
    kept = values > max(_NOISE * values[-1], 0.0)
    if not kept.any():
        return None
    white = vectors[:, kept] / np.sqrt(values[kept])
    cross = white.T @ (early.T @ late) @ white / n
    return np.asarray(white @ np.linalg.eigh((cross + cross.T) / 2)[1][:, -1])
