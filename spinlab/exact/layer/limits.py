"""Which machines have a layer small enough to be enumerated, and what that costs."""

from __future__ import annotations

from ...models import IsingModel
from ..method import NEVER, Cost, Task, answering
from . import partition, solver


def refusal(model: IsingModel, task: Task = "ground_state") -> str | None:
    """Why this method cannot take the model for the task, or None."""
    return answering(task, model, solver, partition).refusal(model)


def cost(model: IsingModel, task: Task = "ground_state") -> Cost:
    """Seconds and bytes; those of ln Z at one beta."""
    return Cost(*answering(task, model, solver, partition).cost(model))


def least(model: IsingModel, task: Task = "ground_state") -> Cost:
    """The cost, or infinite: nothing is planned."""
    return cost(model, task) if refusal(model, task) is None else NEVER
