"""The lowest energies of a sparse graph of any size, how many states have them, and those states."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...models import IsingModel, as_model
from ..couplings import edges_of, exact_sum, in_units, lost
from . import reading, solver
from .energies import Energies, Tables
from .plan import Elimination

MAX_WIDTH = 10
MAX_SECONDS = 600.0
_SECONDS_PER_SUM = 3e-7  # of two energies


class TreeLevel(NamedTuple):
    """An energy, how many states have it, and the first of them."""

    energy: float
    degeneracy: int
    states: np.ndarray
    resolution: float


def lowest_levels(model: IsingModel, k: int, max_states: int) -> list[TreeLevel]:
    """The k lowest energies of a model with a narrow graph, and up to ``max_states`` states of each."""
    model = as_model(model)
    problem = solver.elimination(model)
    values, unit, exact = in_units(np.concatenate([problem.J, problem.b]))
    size, left = float(np.abs(values).sum()), lost(model) / unit
    eps = left + (0.0 if exact else 2 * (problem.roundings + 2) * 2.0**-53 * size)
    kept = k if eps == 0 else k + 3
    while True:
        if (reason := refusal(problem, kept)) is not None:
            raise ValueError(reason)
        J, b = np.split(values, [len(problem.J)])
        tables = Tables(problem, J, b, kept)
        levels = _separate(tables.total, 2 * eps)
        if len(levels) >= k or tables.total.cut == math.inf:
            break
        kept *= 2
    flips = not model.has_fields
    result = []
    for group in levels[:k]:
        wanted = max(1, -(-max_states // 2) if flips else max_states)
        found = reading.states(tables, [value for value, _ in group], wanted, flips)
        states = np.empty_like(found)
        states[:, problem.steps.order] = found
        if flips:  # of each pair the state with s_0 = +1
            states *= states[:, :1]
        states = states[np.lexsort(states.T[::-1])]
        energy = min(_energy(model, s) for s in (states[:1] if eps == 0 else states))
        if flips:
            states = np.stack([states, -states], axis=1).reshape(-1, model.n_spins)
        degeneracy = sum(count for _, count in group)
        result.append(TreeLevel(energy, degeneracy, states[:max_states], 2 * eps * unit))
    return result


def refusal(problem: Elimination, k: int) -> str | None:
    """Why this elimination is too wide for its levels, or None."""
    if problem.width > MAX_WIDTH:
        return f"the levels of a sparse graph are listed up to width {MAX_WIDTH}, and it has {problem.width}"
    children = np.diff(problem.steps.child_start)
    seconds = _SECONDS_PER_SUM * float(((children + 1) * 2.0 * problem.steps.size).sum()) * k * k
    if seconds > MAX_SECONDS:
        return (
            f"{k} levels of this graph take about {seconds:.2g} s, {MAX_SECONDS:g} are allowed: ask for fewer"
        )
    return None


def _separate(total: Energies, width: float) -> list[list[tuple[float, int]]]:
    """Energies that lie within ``width`` above the lowest of a group; groups that may go on are left out."""
    groups: list[list[tuple[float, int]]] = []
    for value, count in zip(total.values, total.counts, strict=True):
        if not groups or value > groups[-1][0][0] + width:
            groups.append([])
        groups[-1].append((value, count))
    return [group for group in groups if group[0][0] + width < total.cut or total.cut == math.inf]


def _energy(model: IsingModel, s: np.ndarray) -> float:
    i, j, J = edges_of(model)
    return exact_sum([model.offset, *(-J * s[i] * s[j]).tolist(), *(-model.b * s).tolist()])[0]
