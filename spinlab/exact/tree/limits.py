"""Which graphs are narrow enough to be eliminated spin by spin, and what that costs."""

from __future__ import annotations

from ...models import IsingModel
from ..method import NEVER, Cost, Task, answering, as_task
from . import partition, solver


def refusal(model: IsingModel, task: Task = "ground_state") -> str | None:
    """Why this method cannot take the model for the task, or None."""
    return answering(task, model, solver, partition).refusal(model)


def cost(model: IsingModel, task: Task = "ground_state") -> Cost:
    """Seconds and bytes; those of ln Z at one beta."""
    return Cost(*answering(task, model, solver, partition).cost(model))


def least(model: IsingModel, task: Task = "ground_state") -> Cost:
    """What the narrowest graph with as many couplings takes."""
    as_task(task, model)
    seconds = solver.least(model)
    return NEVER if seconds is None else Cost(seconds, 0.0)


def sketch(model: IsingModel, task: Task = "ground_state") -> Cost:
    """What the first few elimination orders say."""
    if as_task(task, model) == "log_partition":
        return least(model, task)
    return Cost(solver.sketch(model), 0.0)
