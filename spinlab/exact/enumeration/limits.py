"""Which models are small enough to visit all their states, and what that costs."""

from __future__ import annotations

from ...models import IsingModel
from ..method import NEVER, Cost, Task, answering, as_task
from . import partition, solver


def refusal(model: IsingModel, task: Task = "ground_state") -> str | None:
    """Why this method cannot take the model for the task, or None."""
    return answering(task, model, solver, partition).refusal(model)


def cost(model: IsingModel, task: Task = "ground_state") -> Cost:
    """Seconds and bytes; infinite where it cannot take the model. To count visits what is lowest again."""
    seconds, size = answering(task, model, solver, partition).cost(model)
    return Cost(seconds * (2 if task == "degeneracy" else 1), size)


def least(model: IsingModel, task: Task = "ground_state") -> Cost:
    """The cost, or infinite; where that takes a look at the search tree, the cost of a look."""
    if as_task(task, model) != "log_partition" and solver.looks(model):
        return Cost(4e-3, 1e6)
    return cost(model, task) if refusal(model, task) is None else NEVER
