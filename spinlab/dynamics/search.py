"""Search for low states of any model: parallel tempering, cluster moves and descent until runs agree."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.progress import shows_progress
from .._core.rng import RNG, as_generator
from .._core.validate import as_count, as_real
from ..models import SparseIsing, as_model
from ._scales import fast_form
from ._span import cooling_span
from .descent import descend
from .tempering import ladder, parallel_tempering

_CLUSTERS = 12.0  # mean number of neighbours up to which cluster moves are tried.


@dataclass(frozen=True)
class Search:
    """The lowest state found, and how often.

    Attributes
    ----------
    energy : float
    state : ndarray of int8, shape (N,)
    hits : int
        Independent groups of replicas that met this energy,
    groups : int
        out of so many. That all agree makes an optimum likely and proves nothing.
    n_steps : int
        Steps that every replica took.
    betas : ndarray, shape (R,)
        The ladder of inverse temperatures.
    """

    energy: float
    state: np.ndarray
    hits: int
    groups: int
    n_steps: int
    betas: np.ndarray


@shows_progress
def search(
    model: Any,
    *,
    n_steps: int = 250,
    max_steps: int = 16_000,
    n_groups: int = 4,
    seconds: float | None = None,
    rng: RNG = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> Search:
    """Lowest state that independent parallel-tempering runs find, until most of them agree on it.

    Each group is one ladder of replicas, or a pair of them with isoenergetic cluster moves where the model is
    sparse, between the temperatures of :func:`spinlab.dynamics.anneal`. After each round the states are
    quenched; the rounds double in length until all but one of the groups have met the lowest energy, or the budget is spent.

    Parameters
    ----------
    model : IsingModel or anything :func:`spinlab.models.as_model` takes
    n_steps : int, default 250
        Steps of the first round.
    max_steps : int, default 16000
        Budget: steps that any replica may take.
    n_groups : int, default 4
        Independent groups, 2 or more.
    seconds : float, optional
        Budget of wall-clock time, after which no round is started; the result then depends on the
        speed of the machine.
    rng, threads, progress
        As in :func:`spinlab.dynamics.gibbs`.

    Returns
    -------
    Search

    Raises
    ------
    ValueError, TypeError
        On counts or times out of range.

    Examples
    --------
    >>> import spinlab as sl
    >>> model = sl.ensembles.sk(N=30, rng=0)
    >>> found = sl.dynamics.search(model, rng=0)
    >>> bool(abs(found.energy - sl.ground_state(model).energy) < 1e-9)
    True
    """
    start = time.perf_counter()
    given = as_model(model)
    n_steps, max_steps = as_count(n_steps, "n_steps", 2), as_count(max_steps, "max_steps", 2)
    n_groups = as_count(n_groups, "n_groups", 2)
    limit = np.inf if seconds is None else as_real(seconds, "seconds", 0.0, exclusive=True)
    generator = as_generator(rng)
    model = fast_form(given)
    cluster = isinstance(model, SparseIsing) and 2 * model.n_edges <= _CLUSTERS * model.n_spins
    each = 2 if cluster else 1
    hot, cold, _ = cooling_span(model, generator)
    betas = ladder(model, cold, beta_min=hot, n_steps=50, n_rounds=3, rng=generator, threads=threads)
    group_energy = np.full(n_groups, np.inf)
    best_energy, best_state = np.inf, np.ones(model.n_spins, dtype=np.int8)
    states, done, tolerance = None, 0, 0.0
    speed = 0.0  # seconds per step
    while done < max_steps:
        steps = min(n_steps if done == 0 else done, max_steps - done)
        left = limit - (time.perf_counter() - start)
        if done and left < speed:
            break
        if done and steps * speed > left:
            steps = max(2, int(left / speed))
        clock = time.perf_counter()
        run = parallel_tempering(
            model,
            steps,
            n_groups * each,
            betas=betas,
            cluster=cluster,
            initial=states,
            burn_in=steps - 1,
            rng=generator,
            threads=threads,
        )
        speed = (time.perf_counter() - clock) / steps
        states, done = run.states, done + steps
        met = np.concatenate([run.best_state[:, None], run.states[:, -4:]], axis=1)
        ends = descend(
            model,
            met.size // met.shape[-1],
            initial=met.reshape(-1, met.shape[-1]),
            rng=generator,
            threads=threads,
        )
        group_energy = np.minimum(group_energy, ends.energy.reshape(n_groups, -1).min(1))
        lowest = int(ends.energy.argmin())
        if ends.energy[lowest] < best_energy:
            best_energy, best_state = float(ends.energy[lowest]), ends.states[lowest]
        # Equal up to the rounding of two sums over the same couplings.
        tolerance = 1e-12 * max(1.0, abs(best_energy - model.offset))
        if (group_energy <= best_energy + tolerance).sum() >= n_groups - 1:
            break
    return Search(
        energy=float(given.energy(best_state)),
        state=best_state,
        hits=int((group_energy <= best_energy + tolerance).sum()),
        groups=n_groups,
        n_steps=done,
        betas=betas,
    )
