"""Which graphs can be drawn without crossings, and what matching and determinants on them cost."""

from __future__ import annotations

from ...models import IsingModel
from ..method import Cost, Task, as_task
from . import partition, solver


def refusal(model: IsingModel, task: Task = "ground_state") -> str | None:
    """Why this method cannot take the model for the task, or None."""
    if as_task(task) == "degeneracy":
        return solver.DOES_NOT_COUNT
    return (partition if as_task(task) == "log_partition" else solver).refusal(model)


def cost(model: IsingModel, task: Task = "ground_state") -> Cost:
    """Seconds and bytes; those of ln Z at one beta, whose determinant may cancel."""
    if as_task(task) == "log_partition":
        return Cost(*partition.cost(model), certain=False)
    return Cost(*solver.cost(model))
