"""Which graphs can be drawn without crossings, and what matching and determinants on them cost."""

from __future__ import annotations

from ...models import IsingModel, SparseIsing
from ..couplings import LARGEST_DENSE, n_couplings
from ..method import NEVER, Cost, Task, answering, as_task
from . import partition, solver


def refusal(model: IsingModel, task: Task = "ground_state") -> str | None:
    """Why this method cannot take the model for the task, or None."""
    if as_task(task, model) == "degeneracy":
        return solver.DOES_NOT_COUNT
    return answering(task, model, solver, partition).refusal(model)


def cost(model: IsingModel, task: Task = "ground_state") -> Cost:
    """Seconds and bytes; those of ln Z at one beta, whose determinant may cancel."""
    if as_task(task, model) == "log_partition":
        return Cost(*partition.cost(model), certain=False)
    return Cost(*solver.cost(model))


def least(model: IsingModel, task: Task = "ground_state") -> Cost:
    """What the embedding takes, unless the edges are more than those of any planar graph."""
    if as_task(task, model) == "degeneracy" or (
        not isinstance(model, SparseIsing) and model.n_spins > LARGEST_DENSE
    ):
        return NEVER
    most = max(3 * model.n_spins - 6, 3)
    if n_couplings(model, most) > most:
        return NEVER
    if task == "log_partition":
        return Cost(*partition.cost(model), certain=False)
    return solver.least(model)
