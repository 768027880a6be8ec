"""The lowest energies of a sparse graph of any size, how many states have them, and those states.

As in ``solver``, with the k lowest different energies of the spins eliminated so far, and the numbers of
their states, in place of the lowest alone.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...models import IsingModel, as_model
from ..couplings import edges_of, exact_sum, in_units, lost
from . import reading, solver
from .plan import Elimination

MAX_WIDTH = 10
MAX_SECONDS = 600.0
_SECONDS_PER_SUM = 3e-7  # of two energies


class Energies(NamedTuple):
    """Different energies in ascending order, the number of states of each; all those below ``cut``."""

    values: list[float]
    counts: list[int]
    cut: float


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


class Tables:
    """For every step and every state of its scope, the lowest energies of what is eliminated by then."""

    def __init__(self, problem: Elimination, J: np.ndarray, b: np.ndarray, k: int) -> None:
        steps = problem.steps
        self.n, self.k = len(b), k
        self.J, self.b = J.tolist(), b.tolist()
        self.start, self.scope = steps.start.tolist(), steps.scope.tolist()
        first, child = steps.child_start.tolist(), steps.child.tolist()
        self.children = [child[first[i] : first[i + 1]] for i in range(self.n)]
        self.parent = steps.parent.tolist()
        # Where the bits of a child's index stand in that of its parent, whose own spin is bit 0.
        self.bits = [[bit for bit in range(64) if mask >> bit & 1] for mask in steps.mask.tolist()]
        self.tables: list[list[Energies]] = []
        for i in range(self.n):
            width = self.start[i + 1] - self.start[i]
            self.tables.append([self._entry(i, index) for index in range(1 << width)])
        self.roots = np.flatnonzero(steps.parent < 0).tolist()
        self.tops = self._prefixes(0.0, [self.tables[r][0] for r in self.roots])
        self.total = self.tops[-1]

    def _entry(self, i: int, index: int) -> Energies:
        both = [self.sums(i, 2 * index + x)[-1] for x in (0, 1)]
        pairs = [pair for e in both for pair in zip(e.values, e.counts, strict=True)]
        return _lowest(pairs, self.k, min(e.cut for e in both))

    def sums(self, i: int, index: int) -> list[Energies]:
        """Sums with the children of step i one after the other; bit 0 of the index is its own spin."""
        h = self.b[i]
        for bit, k in enumerate(range(self.start[i], self.start[i + 1])):
            h += self.J[k] if index >> (bit + 1) & 1 else -self.J[k]
        below = [self.tables[c][self._index(c, index)] for c in self.children[i]]
        return self._prefixes(-h if index & 1 else h, below)

    def _index(self, c: int, index: int) -> int:
        return sum((index >> bit & 1) << k for k, bit in enumerate(self.bits[c]))

    def _prefixes(self, energy: float, below: list[Energies]) -> list[Energies]:
        found = [Energies([energy], [1], math.inf)]
        for table in below:
            so_far = found[-1]
            pairs = [
                (x + y, m * n)
                for x, m in zip(so_far.values, so_far.counts, strict=True)
                for y, n in zip(table.values, table.counts, strict=True)
            ]
            cut = min(so_far.cut + table.values[0], table.cut + so_far.values[0])
            found.append(_lowest(pairs, self.k, cut))
        return found


def _lowest(pairs: list[tuple[float, int]], k: int, cut: float) -> Energies:
    """The k lowest different energies below ``cut``, with the numbers of equal ones added."""
    counts: dict[float, int] = {}
    for value, count in pairs:
        counts[value] = counts.get(value, 0) + count
    values = [value for value in sorted(counts) if value < cut]
    if len(values) > k:
        cut = values[k]
    values = values[:k]
    return Energies(values, [counts[value] for value in values], cut)


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
