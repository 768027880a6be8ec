"""Tables of an elimination: the lowest energies of what is eliminated by then, and their numbers of states.

As in ``solver``, with the k lowest different energies in place of the lowest alone.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .plan import Elimination


class Energies(NamedTuple):
    """Different energies in ascending order, the number of states of each; all those below ``cut``."""

    values: list[float]
    counts: list[int]
    cut: float


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
