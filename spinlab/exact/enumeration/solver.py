"""Certified ground state of any small model, by visiting (or excluding) every state: see ``search``."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ..._core.blocks import BLOCK_BITS
from ..._core.parallel import n_threads
from ..._core.progress import shows_progress
from ..._core.stopwatch import Stopwatch
from ..._core.validate import as_choice, as_count, as_flag
from ...models import IsingModel, ModelLike, TwoLayerIsing, as_model
from ..couplings import counted_nearly, exact_energies, free_spins, over_limit, round_down
from ..result import GroundState
from . import gpu as _gpu
from .probe import QUICK, look, prepared
from .search import SECONDS_PER_STATE, Search, chunk_minima, in_levels

NAME = "enumeration"
MAX_SPINS = 40
LARGEST = 60  # states are numbered by 64-bit integers

_LOOKED_AT = 30  # spins from which pruning saves more than a look costs
_MAX_CANDIDATES = 256  # nearly tied states that are compared in exact arithmetic


def refusal(model: IsingModel) -> str | None:
    """Why this method cannot take the model, or None."""
    if model.n_spins <= largest(model):
        return None
    if model.n_spins <= LARGEST and model.device == "cpu":
        guess = look(model)
        return None if guess.on_one_core <= QUICK else too_large(model, guess.seconds())
    return too_large(model, cost(model)[0], largest(model))


def largest(model: IsingModel) -> int:
    """Spins that are taken without being asked to: more on a GPU."""
    return _gpu.MAX_SPINS if model.device == "gpu" else MAX_SPINS


def too_large(model: IsingModel, seconds: float, max_spins: int = MAX_SPINS) -> str | None:
    """The refusal of a model above the limit: what it would cost and what to do instead."""
    alternative = "spinlab.dynamics samples any model, without a proof"
    if isinstance(model, TwoLayerIsing):
        alternative = f"the method 'layer' enumerates the smaller layer only; {alternative}"
    if model.n_spins <= LARGEST:
        alternative += (
            f"; exact.enumeration.ground_state(model, max_spins={model.n_spins}) tries, relying on pruning"
        )
    return over_limit(model, max_spins, seconds, NAME, alternative)


def cost(model: IsingModel) -> tuple[float, float]:
    """Seconds and bytes that the search takes: if nothing could be pruned, or after a look at its tree."""
    states = 2.0 ** min(max(free_spins(model), BLOCK_BITS), 1000)
    if model.device == "gpu":
        return 0.01 + states * _gpu.SECONDS_PER_STATE, 1e8
    seconds = 4e-4 + 1.2 * states * SECONDS_PER_STATE / n_threads()
    if looks(model):
        seconds = min(1e-3 + look(model).seconds(), seconds)
    return seconds, 1e6


def looks(model: IsingModel) -> bool:
    """Whether the cost is told by a look at the search tree, which the search then goes on from."""
    return _LOOKED_AT <= model.n_spins <= LARGEST and model.device == "cpu"


@shows_progress
def ground_state(
    model: ModelLike,
    *,
    degeneracy: bool = False,
    dtype: str = "float64",
    prune: bool = True,
    max_spins: int | None = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> GroundState:
    """Lowest state of any Ising model of up to 40 spins, and many of up to 60, proven by exhaustive search.

    E0 = min over s of E(s) = -sum_{i<j} J_ij s_i s_j - sum_i b_i s_i + offset.

    Parameters
    ----------
    model : IsingModel or anything that :func:`spinlab.models.as_model` takes
        N <= 40 spins, any form, with or without fields.
    degeneracy : bool, default False
        Count the ground states (both states of a global flip).
    dtype : {"float64", "float32"}
        Arithmetic of the first pass. What lies within its rounding bound of the minimum is searched
        again in float64, so the answer is the same.
    prune : bool, default True
        Skip sets of states that provably hold no ground state; False visits every state.
    max_spins : int, optional
        By default 40 (on a GPU 52), and up to 60 where a short look at the search tree says that it takes
        less than half a minute on one core: pruning is strong in disordered models (SK at N=60: seconds)
        and hopeless where many states lie near the lowest (2**(N-1) states). With a number, up to 60,
        models of that size are searched without a look, at the caller's risk.
    threads, progress
        As for :func:`spinlab.ground_state`.

    Returns
    -------
    GroundState
        Certified. ``energy`` is rounded once, from an exact sum. Among equal energies ``state`` is the
        lexicographically smallest (with s_0 = +1 where there are no fields; of nearly tied states the
        first 256 are compared). ``lower_bound`` equals ``energy`` for couplings that are integers, or
        +-1 times one number; otherwise it is lower by the rounding bound, about 4 N 2**-53 sum |J|,
        and ``degeneracy`` counts the states within twice that bound.

    Raises
    ------
    ValueError
        If N is too large (the message estimates the time and names alternatives).

    Notes
    -----
    At most 2**(N-1) states without fields, 2**N with, at 0.1 ns each and core. Models that cannot be
    pruned (all couplings zero) take 2 s at N=36 on two cores and half a minute at N=40; disordered ones
    take milliseconds.

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab.exact import enumeration
    >>> triangle = -(np.ones((3, 3)) - np.eye(3))  # antiferromagnetic: frustrated
    >>> answer = enumeration.ground_state(triangle, degeneracy=True)
    >>> answer.energy, answer.degeneracy, answer.certified
    (-1.0, 6, True)
    """
    clock = Stopwatch()
    degeneracy = as_flag(degeneracy, "degeneracy")
    prune = as_flag(prune, "prune")
    model = as_model(model)
    dtype = as_choice(dtype, "dtype", ("float64", "float32"))
    if max_spins is None:
        reason = refusal(model)
    elif as_count(max_spins, "max_spins") > LARGEST:
        raise ValueError(f"max_spins must be at most {LARGEST}, got {max_spins}")
    else:
        reason = None if model.n_spins <= max_spins else too_large(model, cost(model)[0], max_spins)
    if reason:
        raise ValueError(reason)
    search = (prepared(model) if prune else None) or Search(model, prune, model.device)
    minima = chunk_minima(search, dtype, threads)
    lowest = float(minima.min())
    threshold = lowest + 2 * search.eps
    winners = np.flatnonzero(minima <= threshold)
    if search.eps == 0 and not degeneracy:
        winners = winners[:1]  # states come in lexicographic order
    limit = 1 if search.eps == 0 else _MAX_CANDIDATES
    (count,), (candidates,), _ = in_levels(search, winners, np.array([lowest]), limit, threads)
    states = search.states(candidates)
    energies = exact_energies(model, states)
    best = min(range(len(energies)), key=lambda k: energies[k][0])  # the first of equals
    energy, bound = energies[best]
    if search.eps > 0:
        exact = (Fraction(lowest) - Fraction(search.eps)) * Fraction(search.unit) + Fraction(model.offset)
        bound = min(bound, round_down(exact))
        if degeneracy and count > 1:
            bound = counted_nearly(energy, bound)
    return GroundState(
        energy=energy,
        state=states[best],
        method=NAME,
        certified=True,
        lower_bound=bound,
        degeneracy=int(count) * search.images if degeneracy else None,
        seconds=clock.seconds(),
        labels=model.labels,
        n_visible=getattr(model, "V", None),
    )
