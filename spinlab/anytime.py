"""Proofs by branching from the front door: a first state by tempering, then the bound, within a budget."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np

from ._core.rng import RNG, as_generator
from ._core.signals import must_end
from ._core.stopwatch import Stopwatch
from ._core.validate import as_real
from .dynamics import Search, search
from .dynamics._span import ScaleError
from .exact import GroundState, RefusedError, branching
from .models import DenseIsing, IsingModel, SparseIsing

FIRST_SHARE = 1 / 3  # of the time goes to the first state at most
FIRST_STEPS = 250  # of every replica, where nobody gave a time


@dataclass(frozen=True)
class Budget:
    """How long, how far and with what a proof goes."""

    seconds: float | None = None
    relative_gap: float | None = None
    nodes: int | None = None
    memory: float | None = None
    progress: bool | Callable[[branching.Progress], None] | None = None
    certificate: bool = False
    heuristic: bool = False
    rng: RNG = None
    clock: Stopwatch = field(default_factory=Stopwatch)  # has run since the question was asked
    interrupted: threading.Event = field(default_factory=threading.Event)  # by Ctrl-C, parts share it

    def left(self) -> float | None:
        """Seconds, None where there is no limit."""
        return None if self.seconds is None else max(0.0, self.seconds - self.clock.seconds())

    def asks_for_branching(self) -> bool:
        """Whether it says something that other methods do not know."""
        return self.relative_gap is not None or self.nodes is not None or self.certificate

    def given(self) -> list[str]:
        """Names of what was asked for."""
        names = ("seconds", "relative_gap", "nodes", "memory", "certificate")
        return [
            name for name in names if getattr(self, name) is not None and getattr(self, name) is not False
        ]


def go_on(probe: branching.Probe, model: IsingModel, budget: Budget, threads: int | None) -> GroundState:
    """The proof whose root was probed, with the state of a search, to its end."""
    _compile_search(model)
    generator = as_generator(0 if budget.rng is None else budget.rng)
    probe.run.offer(_search(model, None, generator, threads, budget))
    memory = branching.DEFAULT_MEMORY if budget.memory is None else as_real(budget.memory, "memory", 0.0)
    limits = branching.Limits(memory=memory)
    if budget.interrupted.is_set():
        limits.nodes = 0
    probe.run.go_on(limits, None, threads, budget.progress)
    answer = probe.run.answer()
    _note(answer, budget)
    return answer


def prove(model: IsingModel, budget: Budget, threads: int | None, **options: Any) -> GroundState:
    """The best state and a proven bound, certified if they meet in time.

    Without ``heuristic`` a third of the time at most goes to a first state, and the rest to the bound; with
    it, only the root of the tree is bounded and the rest of the time is searched.
    """
    reason = branching.refusal(model)
    if reason:
        raise RefusedError(reason)
    branching.prepare(model)
    _compile_search(model)
    begin = Stopwatch()
    generator = as_generator(0 if budget.rng is None else budget.rng)
    start, left = None, budget.left()
    if not budget.interrupted.is_set():
        first = None if left is None else left * FIRST_SHARE
        start = _search(model, first, generator, threads, budget)
    common: dict[str, Any] = {"memory": budget.memory, "progress": budget.progress}
    common |= {"certificate": budget.certificate, "threads": threads, **options}
    if budget.interrupted.is_set():
        answer = branching.ground_state(model, start=start, nodes=0, **common)
    elif budget.heuristic and budget.seconds is not None:
        answer = branching.ground_state(model, start=start, seconds=budget.left(), nodes=1, **common)
        searches = 1
        _note(answer, budget)
        while not (answer.certified or budget.interrupted.is_set()):
            left = budget.left() or 0.0
            if left <= 0.02 * budget.seconds:
                break
            state = _search(model, left, generator, threads, budget)
            if state is None:
                break
            searches += 1
            if model.energy(state) < answer.energy:  # does the same bound certify it?
                better = branching.ground_state(model, start=state, nodes=0, threads=threads)
                energy, lower = better.energy, min(better.energy, answer.lower_bound)
                closed = answer.certified or lower == energy
                answer = replace(
                    answer, energy=energy, state=better.state, lower_bound=lower, certified=closed
                )
        answer = replace(answer, reason=f"{answer.reason}; {searches} searches")
    else:
        answer = branching.ground_state(
            model,
            start=start,
            seconds=budget.left(),
            relative_gap=budget.relative_gap,
            nodes=budget.nodes,
            **common,
        )
        _note(answer, budget)
    return replace(answer, seconds=begin.seconds())


def _note(answer: GroundState, budget: Budget) -> None:
    if (answer.reason or "").endswith(branching.INTERRUPTED):
        budget.interrupted.set()


def _search(
    model: IsingModel, seconds: float | None, rng: RNG, threads: int | None, budget: Budget
) -> np.ndarray | None:
    """A low state; None where Ctrl-C, a lack of time or denormal couplings leave none."""
    try:
        if seconds is None:
            found = search(model, n_steps=FIRST_STEPS, max_steps=FIRST_STEPS, rng=rng, threads=threads)
        elif seconds > 0:
            found = search(model, seconds=seconds, callback=_agree, rng=rng, threads=threads)
        else:
            return None
    except KeyboardInterrupt:
        if must_end():
            raise
        budget.interrupted.set()
        return None
    except ScaleError:  # the proof goes without
        return None
    return found.state


def _agree(found: Search) -> bool:
    """Whether the search would end without a budget of time: the rest is left to the proof."""
    return found.hits >= found.groups - 1


def _compile_search(model: IsingModel) -> None:
    """Compile what the search needs for this form of model."""
    if model.n_spins >= 16:
        _search_once(isinstance(model, SparseIsing))


@cache
def _search_once(sparse: bool) -> None:
    small: IsingModel
    fields = np.resize([1.0, -1.0], 12)  # frustrated, lest the search ends at once
    if sparse:
        ring = np.arange(12)
        small = SparseIsing.from_edges(ring[:-1], ring[1:], np.ones(11), 12, fields)
    else:
        small = DenseIsing(np.ones((12, 12)) - np.eye(12), fields)
    search(small, n_steps=2, max_steps=4, rng=0, threads=1)
