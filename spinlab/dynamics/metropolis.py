"""Metropolis sampling, one spin at a time, on every model form."""

from __future__ import annotations

from typing import Any

from ._sample import sample, with_arguments_of
from .chains import Chains


@with_arguments_of(sample)
def metropolis(*args: Any, **kwargs: Any) -> Chains:
    """Metropolis sampling, mixed with the heat bath so that every sweep is ergodic.

    A visited spin is decided by Metropolis' rule, a flip with probability min(1, exp(-2 beta s_i h_i)),
    h_i = sum_j J_ij s_j + b_i (J. Chem. Phys. 21, 1087 (1953)), or by the heat bath, at random: the share of
    the heat bath is 1 - x^2 / (2 + 2 x^2), x = 2 beta rms(h) over random states. One step is N visits.

    Parameters
    ----------
    model, n_steps, n_chains, beta, initial, order, dtype, burn_in, record_every
    multispin, rng, threads, progress
        As in :func:`spinlab.dynamics.gibbs`, with its errors.

    Returns
    -------
    Chains

    Notes
    -----
    Metropolis' rule alone flips wherever a flip costs nothing: a sweep in order then permutes states, at
    beta = 0, for free spins and where fields cancel, and most rings and tori fall into classes that it never
    leaves. The heat bath refuses each flip with positive probability, so one class and no period are left at
    every beta. Both rules obey detailed balance, hence their mixture does. Cost per flip as for Gibbs.

    Examples
    --------
    >>> import spinlab as sl
    >>> pair = [[0, 1], [1, 0]]
    >>> chains = sl.dynamics.metropolis(pair, 10, n_chains=100_000, beta=0.5, rng=0)
    >>> round(float(chains.energy.mean()), 2)  # -tanh beta is -0.46
    -0.46
    """
    return sample("metropolis", *args, **kwargs)
