"""How many steps of a sampler one independent sample costs: the integrated autocorrelation time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..._core.philox import random_spins
from ..._core.progress import shows_progress
from ..._core.rng import RNG, as_generator, as_key
from ..._core.validate import as_choice, as_count, as_data, as_real, as_real_array
from ...dynamics import block_gibbs
from ...dynamics._slowest import upper_bound
from ...dynamics.equilibration import LONG_ENOUGH, AutocorrelationTime, centred, periodogram
from ..machines.as_two_layers import as_two_layers, n_visible

_BLOCK = 256  # steps whose full states are kept at a time


def vector_autocorrelation_time(series: Any, *, c: float = 5.0) -> AutocorrelationTime:
    """tau = 1/2 + sum_{t >= 1} rho(t) of a vector, with a window that keeps slow modes of small amplitude.

    rho(t) = sum_d <(x_d(s) - mean_d)(x_d(s + t) - mean_d)> / sum_d var_d, averaged over chains, with one
    mean for all chains, so that chains stuck in different places count as correlated. The window ends at
    the first M >= c (1/2 + sum_{1 <= t <= M} |rho(t)|) with rho(M) below two of its standard errors. The
    first condition is Sokal's (lecture notes, 1989), with bars that keep it open where signs alternate; alone
    it would cut off slow modes of small amplitude, which are common in sampling from several valleys.

    Parameters
    ----------
    series : array_like, shape (n_records,), (n_records, n_chains) or (n_records, n_chains, d)
        A stationary series (burn-in removed).
    c : float, default 5
        Width of the window; rho = exp(-t/T) is cut off at a relative error of about exp(-c).

    Returns
    -------
    AutocorrelationTime
        ``tau`` is infinite for a series that never changes. ``error`` is tau sqrt((4 M + 2 - 4 tau) / n), n
        records in all chains (Wolff, Comput. Phys. Commun. 156, 143 (2004)); ``reliable`` says that every
        chain is longer than 50 times ``upper``, a 95 % bound on tau.

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab.rbm import vector_autocorrelation_time
    >>> noise = np.random.default_rng(0).normal(size=(5000, 4))
    >>> result = vector_autocorrelation_time(noise)
    >>> result.reliable, abs(result.tau - 0.5) < 0.05
    (True, True)
    """
    x = as_real_array(series, "series", (1, 2, 3))
    x = x.reshape(*x.shape, *(1,) * (3 - x.ndim))
    c = as_real(c, "c", 1.0)
    n, n_chains = x.shape[:2]
    if n < 2 or x.size == 0:
        raise ValueError(f"series must have at least 2 records, got shape {np.shape(series)}")
    total = n * n_chains
    x = centred(x)
    covariance = _autocovariance(x)
    if covariance[0] <= 0.0:
        return AutocorrelationTime(math.inf, math.nan, n - 1, 0.0, math.inf, False)
    rho = covariance / covariance[0]
    noise = np.sqrt((2.0 * np.cumsum(rho**2) - 1.0) / total)
    c = min(c, 1e100)  # a window beyond all records is as long as any
    inside = (np.arange(n) < c * (np.cumsum(np.abs(rho)) - 0.5)) | (rho > 2.0 * noise)
    closed = not inside.all()
    window = int(np.argmin(inside)) if closed else n - 1
    # Alternating signs can bring the sum down to noise around zero.
    tau = max(float(rho[: window + 1].sum()) - 0.5, 1 / total)
    upper = upper_bound(*periodogram(x), n_chains, n, tau, window) if closed else math.inf
    return AutocorrelationTime(
        tau=tau,
        error=tau * math.sqrt(max(4 * window + 2 - 4 * tau, 0.0) / total),
        window=window,
        effective=total / (2 * tau),
        upper=upper,
        reliable=n >= LONG_ENOUGH * upper,
    )


@shows_progress
def gibbs_autocorrelation_time(
    model: Any,
    n_steps: int = 2000,
    n_chains: int = 16,
    *,
    observable: str | Callable[[np.ndarray], Any] = "energy",
    burn_in: int = 200,
    initial: Any = None,
    c: float = 5.0,
    rng: RNG = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> AutocorrelationTime:
    """Integrated autocorrelation time of block Gibbs sampling of an RBM, in steps.

    tau = 1/2 + sum_{t >= 1} rho(t): n steps are worth n / (2 tau) independent samples.

    Parameters
    ----------
    model : BipartiteIsing, PatternBipartiteIsing, RBM, RARBM or a deep machine
        A step of a deep machine draws its odd layers, then the even ones.
    n_steps, n_chains : int
        Steps that are measured, and independent chains.
    observable : {"energy", "visible"} or callable
        "energy": E(v, h); "visible": all visible spins as one vector, so that rho is the decay of the
        overlap of a state with itself; or a function of states (n_chains, V + H) that returns (n_chains,)
        or (n_chains, d) numbers.
    burn_in : int, default 200
    initial : array_like of +-1 or 0/1, shape (V,) or (n_chains, V), optional
        Where the chains start; random by default.
    c : float, default 5
        Width of the window, see :func:`spinlab.rbm.vector_autocorrelation_time`.
    rng, threads, progress
        The result does not depend on the number of threads.

    Returns
    -------
    spinlab.dynamics.equilibration.AutocorrelationTime
        ``reliable`` is no proof: chains that have never left one of several modes look fast. Start them in
        all of the modes.

    Examples
    --------
    >>> import spinlab as sl
    >>> from spinlab.rbm import gibbs_autocorrelation_time
    >>> warm = sl.ensembles.rbm_gaussian(V=10, H=10, rng=0)
    >>> times = [gibbs_autocorrelation_time(warm.scaled(s), rng=1).tau for s in (0.1, 0.5)]
    >>> times[0] < times[1]
    True
    """
    machine, model = model, as_two_layers(model, "block Gibbs sampling", deep=True)
    V = n_visible(machine, model)
    n_steps, n_chains = as_count(n_steps, "n_steps", 2), as_count(n_chains, "n_chains")
    burn_in = as_count(burn_in, "burn_in", 0)
    if isinstance(observable, str):
        as_choice(observable, "observable", ("energy", "visible"))
    elif not callable(observable):
        raise TypeError(f'observable must be "energy", "visible" or a function of states, got {observable!r}')
    generator = as_generator(rng)
    if initial is not None:
        initial = as_data(initial, V, "initial")
        if V != model.V:  # other even layers of a deep machine
            others = random_spins(as_key(generator), n_chains, model.V - V)
            initial = np.concatenate([np.broadcast_to(initial, (n_chains, V)), others], axis=1)

    def measure(states: np.ndarray) -> np.ndarray:
        if observable == "energy":
            return np.asarray(model.energy(states))
        if observable == "visible":
            return states[:, :V]
        assert callable(observable)
        return np.asarray(observable(states), dtype=float)

    if burn_in:
        start = block_gibbs(model, burn_in, n_chains, initial=initial, rng=generator, threads=threads)
        initial = start.states[:, : model.V]
    values: list[np.ndarray] = []
    while len(values) < n_steps:
        steps = min(_BLOCK, n_steps - len(values))
        run = block_gibbs(
            model, steps, n_chains, initial=initial, record_every=1, rng=generator, threads=threads
        )
        assert run.samples is not None
        values += [measure(states) for states in run.samples]
        initial = run.states[:, : model.V]
    return vector_autocorrelation_time(np.stack(values), c=c)


def _autocovariance(x: np.ndarray) -> np.ndarray:
    """sum_d <x_d(s) x_d(s + t)>, averaged over chains and s, for t = 0 .. n - 1."""
    n, n_chains = x.shape[:2]
    length = 1 << (2 * n - 1).bit_length()  # zeros behind, so that the ends do not meet
    total = np.zeros(length // 2 + 1)
    for chain in range(n_chains):  # one at a time: a vector of many components fills the memory
        total += (np.abs(np.fft.rfft(x[:, chain], length, axis=0)) ** 2).sum(1)
    return np.fft.irfft(total, length)[:n] / (np.arange(n, 0, -1) * n_chains)
