"""Which models have few enough patterns, and what that costs."""

from __future__ import annotations

from ...models import IsingModel, PatternBipartiteIsing, PatternIsing, SparseIsing, TwoLayerIsing
from ..method import NEVER, Cost, Task, answering, as_task
from . import partition, solver
from .recover_patterns import MAX_SPINS, MIN_SPINS


def refusal(model: IsingModel, task: Task = "ground_state") -> str | None:
    """Why this method cannot take the model for the task, or None."""
    if as_task(task, model) == "degeneracy":
        return solver.DOES_NOT_COUNT
    return answering(task, model, solver, partition).refusal(model)


def cost(model: IsingModel, task: Task = "ground_state") -> Cost:
    """Seconds and bytes; those of ln Z at one beta."""
    return Cost(*answering(task, model, solver, partition).cost(model))


def least(model: IsingModel, task: Task = "ground_state") -> Cost:
    """What a search for patterns in the couplings takes, where they are not given."""
    if isinstance(model, PatternIsing | PatternBipartiteIsing):
        return NEVER if as_task(task, model) == "degeneracy" else Cost(1e-4, 0.0)
    if as_task(task, model) != "ground_state":
        return NEVER
    n = model.n_spins
    if isinstance(model, TwoLayerIsing):
        return Cost(1e-3, 0.0)
    if not MIN_SPINS <= n <= MAX_SPINS or (isinstance(model, SparseIsing) and model.n_edges < n * n / 8):
        return NEVER
    return Cost(1e-3, 0.0)
