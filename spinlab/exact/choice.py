"""Which exact method takes a model: the cheapest by estimate, and no method planned that cannot be it."""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Mapping
from typing import NamedTuple

from ..models import IsingModel
from .method import Cost, Method, Task

_NEAR = 12.0  # times a method's least: others beyond are not worth a sketch


class Choice(NamedTuple):
    """The method taken (None: all refuse), its cost, and why."""

    name: str | None
    cost: Cost
    reason: str


def choose(
    methods: Mapping[str, Method], model: IsingModel, task: Task, without: Collection[str] = ()
) -> Choice:
    """The cheapest method for a task, those that may still fail on their own rounding last.

    A plan may cost more than another method's answer. So methods are planned in the order of
    ``least(model, task)``, a bound that takes no plan, until none of the others can be cheaper. A method
    whose plan may be long has a ``sketch``, a better guess, which is asked for where others are near.
    """
    waiting: list[tuple[bool, float, int, str, Cost | None]] = []
    for k, (name, method) in enumerate(methods.items()):
        if name not in without and (least := method.least(model, task)).seconds < math.inf:
            heapq.heappush(waiting, (not least.certain, least.seconds, k, name, None))
    estimates: list[str] = []
    sketched: set[str] = set()
    while waiting:
        uncertain, seconds, k, name, cost = heapq.heappop(waiting)
        if cost is not None:
            estimates += [f"{name} over {least:.2g} s" for _, least, _, name, plan in waiting if plan is None]
            return Choice(name, cost, f"cheapest exact method by estimate ({', '.join(estimates)})")
        method = methods[name]
        sketch = getattr(method, "sketch", None)
        if sketch and name not in sketched and waiting and waiting[0][:2] < (uncertain, _NEAR * seconds):
            sketched.add(name)
            seconds = max(seconds, sketch(model, task).seconds)
            heapq.heappush(waiting, (uncertain, seconds, k, name, None))
        elif method.refusal(model, task) is None:
            cost = method.cost(model, task)
            estimates.append(f"{name} {cost.seconds:.2g} s")
            heapq.heappush(waiting, (not cost.certain, cost.seconds, k, name, cost))
    return Choice(None, Cost(math.inf, math.inf), "no exact method can take this model")


def refusals(methods: Mapping[str, Method], model: IsingModel, task: Task) -> str:
    """A line for each method: why it cannot take the model."""
    lines = []
    for name, method in methods.items():
        reason = (method.refusal(model, task) or "its rounding is too large").split(" Instead:")[0]
        reason = reason.removeprefix(name).lstrip(" :").rstrip(".")
        lines.append(f"  {name}: {reason}")
    return "\n".join(lines)
