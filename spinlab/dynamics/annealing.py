"""Simulated annealing: a heat bath that cools."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.rng import RNG, as_key
from .._core.validate import as_choice, as_real
from ..models import as_model
from ._scales import beta_range
from ._single_spin import COLDEST, evolve
from .chains import Chains, Plan, starting_states

_QUENCH = 10  # steps at zero temperature that end every run in, or next to, a local minimum


def anneal(
    model: Any,
    n_steps: int = 1000,
    n_chains: int = 16,
    *,
    beta_min: float | None = None,
    beta_max: float | None = None,
    schedule: str = "geometric",
    initial: Any = None,
    dtype: str = "float64",
    rng: RNG = None,
    threads: int | None = None,
) -> Chains:
    """Simulated annealing: Gibbs sampling while the temperature falls, then a quench.

    Kirkpatrick, Gelatt and Vecchi, Science 220, 671 (1983), with heat-bath updates in sequential
    order. The lowest of the final energies is an upper bound on the ground energy, nothing more.

    Parameters
    ----------
    model : IsingModel or anything :func:`spinlab.models.as_model` takes
    n_steps : int, default 1000
        Steps of the schedule; 10 steps at zero temperature follow.
    n_chains : int, default 16
        Independent runs.
    beta_min, beta_max : float, optional
        First and last inverse temperature. By default the largest field that any spin can feel is
        flipped against half the time at ``beta_min``, and the smallest coupling or field one time in
        a hundred at ``beta_max`` (as far as it exceeds a thousandth of the largest).
    schedule : {"geometric", "linear"}
        How beta grows from step to step.
    initial, dtype, rng, threads
        As in :func:`spinlab.dynamics.gibbs`.

    Returns
    -------
    Chains
        Final states and energies, one per run.

    Raises
    ------
    ValueError, TypeError
        As :func:`spinlab.dynamics.gibbs`; if beta_min exceeds beta_max or is not positive.

    Examples
    --------
    >>> import spinlab as sl
    >>> model = sl.ensembles.sk(N=20, rng=0)
    >>> runs = sl.dynamics.anneal(model, rng=1)
    >>> bool(abs(runs.energy.min() - sl.ground_state(model).energy) < 1e-9)
    True
    """
    model = as_model(model)
    plan = Plan.check(n_steps, n_chains, 0.0, 0, None)
    as_choice(schedule, "schedule", ("geometric", "linear"))
    as_choice(dtype, "dtype", ("float64", "float32"))
    low, high = beta_range(model)
    low = low if beta_min is None else as_real(beta_min, "beta_min", 0.0, exclusive=True)
    high = max(high, low) if beta_max is None else as_real(beta_max, "beta_max", 0.0, exclusive=True)
    if low > high:
        raise ValueError(f"beta_min = {low:g} is above beta_max = {high:g}; annealing goes from hot to cold")
    space = np.geomspace if schedule == "geometric" else np.linspace
    betas = np.append(space(low, high, plan.n_steps), COLDEST)
    key = as_key(rng)
    initial = starting_states(initial, plan.n_chains, model.n_spins, key)
    s = initial.copy()
    moved = np.zeros(s.shape, dtype=np.bool_)
    none = plan.no_records(model.n_spins)
    evolve(model, betas, s, moved, none, [plan.n_steps + _QUENCH], key, "sequential", dtype, threads)
    return plan.chains(model, s, initial, moved, none)
