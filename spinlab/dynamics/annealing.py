"""Simulated annealing: a heat bath that cools."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from .._core.progress import shows_progress
from .._core.request import COLDEST, Request
from .._core.rng import RNG, as_generator, as_key
from .._core.validate import as_choice, as_real, as_real_array
from ..models import IsingModel, ModelLike, as_model
from ._multispin import bonds_for
from ._quench import QUENCH
from ._scales import fast_form
from ._single_spin import RULES, evolve
from ._span import Span, cooling_span
from .chains import Chains, starting_states

SCHEDULES = ("thermodynamic", "linear", "geometric")


@shows_progress
def anneal(
    model: ModelLike,
    n_steps: int | None = None,
    n_chains: int = 16,
    *,
    betas: Any = None,
    beta_min: float | None = None,
    beta_max: float | None = None,
    schedule: str | None = None,
    sampler: str = "metropolis",
    initial: Any = None,
    dtype: str = "float64",
    multispin: bool | None = None,
    interrupt: Callable[[], object] | None = None,
    rng: RNG = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> Chains:
    """Simulated annealing: Metropolis sampling while the temperature falls, then a quench.

    Kirkpatrick, Gelatt and Vecchi, Science 220, 671 (1983), with updates in sequential order. The lowest
    of the final energies is an upper bound on the ground energy, nothing more.

    Parameters
    ----------
    model : IsingModel or anything :func:`spinlab.models.as_model` takes
    n_steps : int, optional
        Steps of the schedule, 1000 by default; 10 steps at zero temperature follow.
    n_chains : int, default 16
        Independent runs.
    betas : array_like, shape (n_steps,), optional
        The whole schedule: the inverse temperature of each step, 0 or more, in any order; one or more steps.
    beta_min, beta_max : float, optional
        First and last inverse temperature. By default from the mean-field instability 1/rho, rho the spectral
        radius of J, to where a whole state has about one thermal excitation left, read from the fields h of
        local minima: sum_i exp(-beta |h_i|) = 1 over those that are not zero.
    schedule : {"thermodynamic", "linear", "geometric"}
        How beta grows from step to step; by default at constant thermodynamic speed in the fields of local
        minima (Salamon and Berry, Phys. Rev. Lett. 51, 1127 (1983)).
    sampler : {"metropolis", "gibbs"}
        Metropolis reaches low states in fewer steps.
    interrupt : callable, optional
        Is asked, without arguments, before every four runs but the first four (every 64 where they share a
        word), by the thread that would begin them. Once it returns True, no others begin, and the answer
        holds the runs that came to their end.
    initial, dtype, multispin, rng, threads, progress
        As in :func:`spinlab.dynamics.gibbs`.

    Returns
    -------
    Chains
        Final states and energies, one per run that was not interrupted.

    Raises
    ------
    ValueError, TypeError
        As :func:`spinlab.dynamics.gibbs`; if beta_min exceeds beta_max or is not positive, or if ``betas`` is
        empty or given beside another description of the schedule.

    Examples
    --------
    >>> import spinlab as sl
    >>> model = sl.ensembles.sk(N=20, rng=0)
    >>> runs = sl.dynamics.anneal(model, rng=1)
    >>> bool(abs(runs.energy.min() - sl.ground_state(model).energy) < 1e-9)
    True
    """
    model = as_model(model)
    as_choice(sampler, "sampler", RULES)
    if interrupt is not None and not callable(interrupt):
        raise TypeError(f"interrupt must be a function without arguments, got {type(interrupt).__name__}")
    if schedule is not None:
        as_choice(schedule, "schedule", SCHEDULES)
    if betas is not None:
        if not (n_steps is None and beta_min is None and beta_max is None and schedule is None):
            raise TypeError("betas is the whole schedule: leave out n_steps, beta_min, beta_max and schedule")
        betas = as_real_array(betas, "betas", 1)
        if not len(betas):
            raise ValueError("betas is empty; give the inverse temperature of each step, or n_steps")
        if (betas < 0).any():
            raise ValueError(f"betas must be 0 or more, got {betas.min()}")
        n_steps = len(betas)
    generator = as_generator(rng)
    n_steps = 1000 if n_steps is None else n_steps
    request = Request.check(
        sampler,
        n_steps,
        n_chains,
        COLDEST,
        as_key(generator),
        dtype=dtype,
        threads=threads,
        multispin=multispin,
    )
    if betas is None:
        betas = _cooling(model, request.n_steps, schedule, beta_min, beta_max, generator, threads)
    betas = np.minimum(np.append(betas, COLDEST), COLDEST)
    quenched = replace(request, betas=betas, stops=(request.n_steps + QUENCH,))
    initial = starting_states(initial, request.n_chains, model.n_spins, request.key, model.labels)
    s = initial.copy()
    moved = np.zeros(s.shape, dtype=np.bool_)
    none = request.no_records(model.n_spins)
    in_words = bonds_for(model, quenched, request.n_chains) is not None
    n = evolve(model if in_words else fast_form(model), quenched, s, moved, none, "annealing", interrupt)
    return Chains.of(model, request, s[:n], initial[:n], moved[:n], none)


def _cooling(
    model: IsingModel,
    n_steps: int,
    schedule: str | None,
    beta_min: float | None,
    beta_max: float | None,
    generator: np.random.Generator,
    threads: int | None,
) -> np.ndarray:
    """The inverse temperature of each step, its ends measured where not given."""
    low = None if beta_min is None else as_real(beta_min, "beta_min", 0.0, exclusive=True)
    high = None if beta_max is None else as_real(beta_max, "beta_max", 0.0, exclusive=True)
    if low is not None and high is not None and schedule in ("linear", "geometric"):
        span = Span(low, high, np.empty(0))
    else:
        span = cooling_span(model, generator, threads)
        low = low or (span.hot if high is None else min(span.hot, high))
        span = span._replace(hot=low, cold=high or max(span.cold, low))
    if span.hot > span.cold:
        raise ValueError(
            f"beta_min = {span.hot:g} is above beta_max = {span.cold:g}; annealing goes from hot to cold"
        )
    if schedule == "linear":
        return np.linspace(span.hot, span.cold, n_steps)
    if schedule == "geometric":
        return np.geomspace(span.hot, span.cold, n_steps)
    return span.schedule(n_steps)
