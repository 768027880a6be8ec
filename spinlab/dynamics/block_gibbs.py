"""Alternating heat bath of the two layers of a restricted Boltzmann machine."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.blas import one_blas_thread
from .._core.heat_bath import SITES, logits
from .._core.jit import kernel
from .._core.parallel import map_threads
from .._core.philox import HIDDEN, VISIBLE
from .._core.rng import RNG, as_key
from ..models import TwoLayerIsing
from .chains import Chains, Plan, starting_states

# Chains per matrix product: fixed, so that the result does not depend on the number of threads.
_CHAINS = 64


def block_gibbs(
    model: TwoLayerIsing,
    n_steps: int,
    n_chains: int = 1,
    *,
    beta: float = 1.0,
    initial: Any = None,
    burn_in: int = 0,
    record_every: int | None = None,
    rng: RNG = None,
    threads: int | None = None,
) -> Chains:
    """Block Gibbs sampling of an RBM: all hidden units given v, then all visible units given h.

    P(h_a = +1 | v) = 1/(1 + exp(-2 beta (v W + bh)_a)) and likewise for v given h
    (arXiv:1910.01592, Appendix A). One step draws h_t from v_{t-1}, then v_t from h_t; the state
    after step t is (v_t, h_t).

    Parameters
    ----------
    model : BipartiteIsing or PatternBipartiteIsing
        For patterns W is never formed: a step costs O(K (V + H)) per chain instead of O(V H).
    n_steps : int
        Steps per chain, 1 or more.
    n_chains : int, default 1
        Independent chains.
    beta : float, default 1
        Inverse temperature, 0 or more.
    initial : array_like of +-1, shape (V,) or (n_chains, V), optional
        Starting visible states; random by default.
    burn_in, record_every, rng, threads
        As in :func:`spinlab.dynamics.gibbs`.

    Returns
    -------
    Chains
        Its ``initial`` and ``moved`` have shape (n_chains, V).

    Raises
    ------
    TypeError
        If the model is not made of two layers.
    ValueError
        On a negative number of steps, a negative or infinite beta, states that are not +-1.

    Examples
    --------
    >>> import spinlab as sl
    >>> rbm = sl.models.BipartiteIsing([[5.0, 5.0]])
    >>> chains = sl.dynamics.block_gibbs(rbm, n_steps=10, n_chains=3, rng=0)
    >>> [bool(abs(s.sum()) == 3) for s in chains.states]
    [True, True, True]
    """
    if not isinstance(model, TwoLayerIsing):
        raise TypeError(
            f"block Gibbs sampling needs two layers (BipartiteIsing or PatternBipartiteIsing), "
            f"got {type(model).__name__}; use gibbs, or models.BipartiteIsing(W) for a weight matrix W"
        )
    plan = Plan.check(n_steps, n_chains, beta, burn_in, record_every, least_steps=1)
    key = as_key(rng)
    V = model.V
    initial = starting_states(initial, plan.n_chains, V, key)
    s = np.empty((plan.n_chains, model.n_spins), dtype=np.int8)
    moved = np.zeros(initial.shape, dtype=np.bool_)
    records = plan.no_records(model.n_spins)

    def run(first: int) -> None:
        own = slice(first, first + _CHAINS)
        start = initial[own].astype(np.float64)
        v = start.copy()
        h = np.empty((len(v), model.H))
        k = 0
        for t in range(plan.n_steps):
            _draw(model.hidden_input(v), plan.beta, key, first, t, HIDDEN, h)
            _draw(model.visible_input(h), plan.beta, key, first, t, VISIBLE, v)
            moved[own] |= v != start
            if t + 1 == plan.stops[k]:
                s[own, :V], s[own, V:] = v, h
                if k < len(records):
                    records[k, own] = s[own]
                k += 1

    with one_blas_thread():
        map_threads(run, range(0, plan.n_chains, _CHAINS), threads)
    return plan.chains(model, s, initial, moved, records)


@kernel
def _draw(x, beta, key, first, step, stream, out):  # type: ignore[no-untyped-def]
    """out = +1 with probability 1/(1 + exp(-2 beta x)), else -1, entry by entry."""
    n_chains, n = x.shape
    logit = np.empty((8, SITES))
    for g in range(0, n_chains, 4):
        for low in range(0, n, SITES):
            logits(key, low, (first + g) >> 2, step, stream, logit)
            for lane in range(min(4, n_chains - g)):
                row, new = x[g + lane, low : low + SITES], out[g + lane, low : low + SITES]
                for i in range(len(row)):
                    new[i] = 1.0 if 2.0 * beta * row[i] > logit[lane, i] else -1.0
