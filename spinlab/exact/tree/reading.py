"""States with given energies, read from the tables of an elimination, all of them at once.

Step by step from the roots down, a spin and the energies of the tables below it are chosen so that they add
up to the one that is wanted. Each energy of a table belongs to some state, so that every choice can be
completed: a state takes time linear in its length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .energies import Energies, Tables

_TOP = -1  # stands above all roots


@dataclass
class _Pending:
    """A step with children still to come, and for each state

    index : its scope and its own spin,
    rank : which energy of the sums with the children still to come is wanted.
    """

    left: int
    sums: dict[int, list[Energies]]
    index: np.ndarray
    rank: np.ndarray


def states(tables: Tables, wanted: list[float], most: int, pairs: bool) -> np.ndarray:
    """Up to ``most`` states with these energies, spins by step; with ``pairs`` one of each with its flip."""
    n, start, scope = tables.n, tables.start, tables.scope
    last_use = dict(zip(scope[::-1], np.repeat(np.arange(n), np.diff(start))[::-1].tolist(), strict=True))
    rank = np.array([tables.tops[-1].values.index(value) for value in wanted])[:most]
    pending = {_TOP: _Pending(len(tables.roots), {0: tables.tops}, np.zeros_like(rank), rank)}
    spins: dict[int, np.ndarray] = {}  # of the steps in scopes still to come
    columns: list[tuple[np.ndarray, np.ndarray]] = []
    for i in range(n - 1, -1, -1):
        p = tables.parent[i]
        above = pending[p]
        mine = scope[start[i] : start[i + 1]]
        index = np.zeros_like(above.index)
        for bit, step in enumerate(mine):
            index |= spins[step] << bit
        case = (above.index * (tables.k + 1) + above.rank) << len(mine) | index
        _, first, which = np.unique(case, return_index=True, return_inverse=True)
        # The first root is +1 in one of each pair; whether a spin further down can be, is not known before.
        values = (1,) if pairs and i == n - 1 else (0, 1)
        sums: dict[int, list[Energies]] = {}
        groups = [
            list(_choices(tables, above, above.index[r], above.rank[r], i, int(index[r]), values, sums))
            for r in first.tolist()
        ]
        take, option = _expand(np.array([len(group) for group in groups])[which], most)
        offset = np.cumsum([0, *(len(group) for group in groups)])[which][take]
        left_rank, spin, rank = np.array([c for group in groups for c in group]).T[:, offset + option]
        index = index[take]
        if len(take) > len(which):
            for a in pending.values():
                a.index, a.rank = a.index[take], a.rank[take]
            spins = {step: column[take] for step, column in spins.items()}
        columns.append((spin, take))
        above.left, above.rank = above.left - 1, left_rank
        if above.left == 0:
            del pending[p]
        if tables.children[i]:
            pending[i] = _Pending(len(tables.children[i]), sums, 2 * index + spin, rank)
        if i in last_use:
            spins[i] = spin
        for step in mine:
            if last_use[step] == i:
                del spins[step]
    return _assemble(columns)


def _choices(
    tables: Tables,
    above: _Pending,
    index_above: int,
    rank_above: int,
    i: int,
    index: int,
    values: tuple[int, ...],
    sums: dict[int, list[Energies]],
) -> Iterator[tuple[int, int, int]]:
    """(rank of what is left to the other children of the step above, own spin, rank of own energy)."""
    so_far = above.sums[index_above]
    wanted = so_far[above.left].values[rank_above]
    for x in values:
        if 2 * index + x not in sums:
            sums[2 * index + x] = tables.sums(i, 2 * index + x)
    for r, others in enumerate(so_far[above.left - 1].values):
        for mine in tables.tables[i][index].values:
            if others + mine == wanted:
                for x in values:
                    own = sums[2 * index + x][-1].values
                    if mine in own:
                        yield r, x, own.index(mine)


def _expand(n_choices: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Each state as often as it has choices, less often beyond ``most`` in all; and the choice taken."""
    more = np.minimum(np.cumsum(n_choices - 1), most - len(n_choices))
    times = 1 + np.diff(more, prepend=0)
    take = np.repeat(np.arange(len(times)), times)
    return take, np.arange(len(take)) - (np.cumsum(times) - times)[take]


def _assemble(columns: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """The spins (states, steps), from those of the last step back; each knows its state one step before."""
    row = np.arange(len(columns[-1][0]))
    s = np.empty((len(row), len(columns)), np.int8)
    for i, (spin, take) in enumerate(reversed(columns)):
        s[:, i] = 2 * spin[row] - 1
        row = take[row]
    return s
