"""Gibbs sampling, one spin at a time, on every model form."""

from __future__ import annotations

from typing import Any

from ._sample import sample, with_arguments_of
from .chains import Chains


@with_arguments_of(sample)
def gibbs(*args: Any, **kwargs: Any) -> Chains:
    """Gibbs sampling: each visited spin is drawn from its conditional Boltzmann distribution.

    P(s_i = +1 | rest) = 1/(1 + exp(-2 beta h_i)), h_i = sum_j J_ij s_j + b_i (Glauber, 1963).
    One step is N visits.

    Parameters
    ----------
    model : IsingModel or anything :func:`spinlab.models.as_model` takes
    n_steps : int
        Steps (sweeps) per chain, 0 or more.
    n_chains : int, default 1
        Independent chains.
    beta : float, default 1
        Inverse temperature, 0 or more; 0 is infinite temperature, exactly: all states are equally probable.
    initial : array_like of +-1, shape (N,) or (n_chains, N), optional
        Starting states; random by default.
    order : {"sequential", "random"}
        Sites 0..N-1 in turn, or N sites drawn with replacement. Both leave the Boltzmann
        distribution invariant; only the random order obeys detailed balance.
    dtype : {"float64", "float32"}
        Precision of the local fields on a dense model in sequential order; "float32" is up to
        twice as fast, with fields off by about 1e-6 of their size.
    burn_in : int, default 0
        Steps before the first record; part of ``n_steps``.
    record_every : int, optional
        Keep the states after every so many steps; None keeps the final ones only.
    multispin : bool, optional
        Keep each spin of 64 chains in the bits of one word: for a SparseIsing whose couplings and fields are
        multiples of the smallest of them, at most 8 of it together at each site (the +-J models), in
        sequential order, which then goes from colour to colour of the graph. By default from 64 chains on,
        where it applies; True refuses other models, False does without.
    rng : None, int or numpy.random.Generator
        The same seed gives the same bits for any number of threads.
    threads : int, optional
        Threads; all processors by default.
    progress : bool, optional
        A bar for work of more than 5 s: None in terminals and notebooks, True always, False never.

    Returns
    -------
    Chains

    Raises
    ------
    ValueError, TypeError
        On negative steps, a burn-in beyond them, a negative or infinite beta, states that are not +-1 or
        of the wrong shape.

    Notes
    -----
    A flip costs N multiply-adds on a dense model, the degree on a sparse one and K on a
    pattern model; a visit without a flip costs O(1) (O(K) for patterns).

    Examples
    --------
    >>> import spinlab as sl
    >>> ferromagnet = [[0, 1], [1, 0]]
    >>> chains = sl.dynamics.gibbs(ferromagnet, n_steps=100, n_chains=4, beta=10.0, rng=0)
    >>> [bool(s[0] == s[1]) for s in chains.states]
    [True, True, True, True]
    """
    return sample("gibbs", *args, **kwargs)
