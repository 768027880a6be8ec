"""Metropolis sampling, one spin at a time, on every model form."""

from __future__ import annotations

from typing import Any

from ._sample import sample, with_arguments_of
from .chains import Chains


@with_arguments_of(sample)
def metropolis(*args: Any, **kwargs: Any) -> Chains:
    """Metropolis sampling: a visited spin is flipped with probability min(1, exp(-2 beta s_i h_i)).

    h_i = sum_j J_ij s_j + b_i (Metropolis et al., J. Chem. Phys. 21, 1087 (1953)). One step is N visits.

    Parameters
    ----------
    model, n_steps, n_chains, beta, initial, order, dtype, burn_in, record_every, rng, threads
        As in :func:`spinlab.dynamics.gibbs`.

    Returns
    -------
    Chains

    Raises
    ------
    ValueError, TypeError
        On negative steps, a negative or infinite beta, states that are not +-1 or of the wrong shape.

    Notes
    -----
    Metropolis flips more often than the heat bath, so it decorrelates faster at high temperature and each
    step costs more. A spin without field flips at every visit: at beta = 0, or for a spin that is coupled
    to nothing, the chain only alternates (use :func:`spinlab.dynamics.gibbs` there). Cost per flip as for
    Gibbs sampling.

    Examples
    --------
    >>> import spinlab as sl
    >>> ferromagnet = [[0, 1], [1, 0]]
    >>> chains = sl.dynamics.metropolis(ferromagnet, n_steps=100, n_chains=4, beta=10.0, rng=0)
    >>> [bool(s[0] == s[1]) for s in chains.states]
    [True, True, True, True]
    """
    return sample("metropolis", *args, **kwargs)
