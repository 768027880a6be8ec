"""Which models are small enough to visit all their states, and what that costs."""

from __future__ import annotations

from ...models import IsingModel
from ..method import NEVER, Cost, Task, answering, as_task
from . import partition, solver


def refusal(model: IsingModel, task: Task = "ground_state") -> str | None:
    """Why this method cannot take the model for the task, or None."""
    return answering(task, model, solver, partition).refusal(model)


def cost(model: IsingModel, task: Task = "ground_state") -> Cost:
    """Seconds, if nothing could be pruned, and bytes; infinite where it cannot take the model."""
    return Cost(*answering(task, model, solver, partition).cost(model))


def least(model: IsingModel, task: Task = "ground_state") -> Cost:
    """The cost, or infinite; of what is only taken after a look at its search tree, that of a look."""
    if as_task(task, model) != "log_partition" and solver.largest(model) < model.n_spins <= solver.LARGEST:
        return Cost(5e-3, 1e6)
    return cost(model, task) if refusal(model, task) is None else NEVER
