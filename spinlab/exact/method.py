"""What every exact method answers: whether it can take a model for a task, and what that would cost."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple, Protocol

from .._core.validate import as_choice
from ..models import IsingModel

Task = Literal["ground_state", "degeneracy", "log_partition"]
TASKS: tuple[Task, ...] = ("ground_state", "degeneracy", "log_partition")


class Cost(NamedTuple):
    """What a task takes, estimated before any work.

    Attributes
    ----------
    seconds : float
    bytes : float
    certain : bool
        False where the method may still find its own rounding too large once it has the answer: such a
        method is taken last.
    """

    seconds: float
    bytes: float
    certain: bool = True


class Method(Protocol):
    """A folder of :mod:`spinlab.exact`, as the front door sees it.

    ``refusal`` says why the method cannot take the model for the task, or None; ``cost`` is infinite where it
    cannot; ``least`` is what it costs at least, from a glance at the model, infinite only where it refuses.
    "degeneracy" is the ground state with the number of ground states.
    """

    NAME: str

    def refusal(self, model: IsingModel, task: Task = "ground_state") -> str | None: ...

    def cost(self, model: IsingModel, task: Task = "ground_state") -> Cost: ...

    def least(self, model: IsingModel, task: Task = "ground_state") -> Cost: ...


class RefusedError(ValueError):
    """No exact method, or not the one asked for, can take the model; the message says what to do instead."""


NEVER = Cost(math.inf, math.inf)


def as_task(task: Any, model: Any) -> Task:
    """The task, or ValueError; TypeError for what is no model."""
    if not isinstance(model, IsingModel):
        raise TypeError(
            f"a method plans for a model, got {type(model).__name__}; use models.as_model(x) first"
        )
    as_choice(task, "task", list(TASKS))
    return task


def answering(task: Any, model: Any, solver: Any, partition: Any) -> Any:
    """Of a method's two modules, the one that answers for the task."""
    return partition if as_task(task, model) == "log_partition" else solver
