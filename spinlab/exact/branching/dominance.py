"""Spins that can be tied to a neighbour before anything is bounded.

Where |C_ij| >= sum over the other k of |C_ik|, the sign of C_ij s_j is that of the field at i, whatever the
others do, unless that field is zero: some state of lowest energy has s_i = sign(C_ij) s_j. Tied spins are one
spin, whose couplings are sums, and these may tie further ones: leaves, chains, and pairs that are coupled
much more strongly than to the rest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np

Tie = tuple[int, int, int]  # i follows j: s_i = sign s_j


def dominated(n: int, edges: Iterable[tuple[int, int, int]]) -> tuple[list[Tie], list[dict[int, int]]]:
    """(ties in the order in which they hold, couplings of each spin that is left to those that are left).

    ``edges`` are (i, j, C_ij) in integers, none of them zero; what is tied away has an empty row.
    """
    rows: list[dict[int, int]] = [{} for _ in range(n)]
    for i, j, c in edges:
        rows[i][j] = rows[j][i] = c
    sizes = [sum(map(abs, row.values())) for row in rows]
    # Of each row, or more: it spares looks at rows. Sizes too small would make ties that do not hold.
    most = [max(map(abs, row.values()), default=0) for row in rows]
    left = set(range(n))
    todo = deque(range(n))
    ties: list[Tie] = []
    while todo:
        i = todo.popleft()
        row = rows[i]
        if i not in left or not row or 2 * most[i] < sizes[i]:
            continue
        most[i], j = max((abs(c), -k) for k, c in row.items())
        if 2 * most[i] < sizes[i]:
            continue
        j = -j
        sign = 1 if row.pop(j) > 0 else -1
        ties.append((i, j, sign))
        left.remove(i)
        rows[i] = {}
        del rows[j][i]
        sizes[j] -= most[i]
        for k, c in row.items():
            del rows[k][i]
            old = rows[j].get(k, 0)
            new = old + sign * c
            if new:
                rows[j][k] = rows[k][j] = new
            elif old:
                del rows[j][k], rows[k][j]
            sizes[j] += abs(new) - abs(old)
            sizes[k] += abs(new) - abs(old) - abs(c)
            most[j], most[k] = max(most[j], abs(new)), max(most[k], abs(new))
            todo.append(k)
        todo.append(j)
    idle = sorted(i for i in left if not rows[i])  # nothing depends on them
    others = left.difference(idle) or idle[:1]
    ties += [(i, min(others), 1) for i in idle if i not in others]
    return ties, rows


def follow(ties: list[Tie], s: np.ndarray) -> np.ndarray:
    """Class of each spin. ``s`` is changed until it keeps all ties, which never raises its energy."""
    root = np.arange(len(s))
    for i, j, sign in ties:
        members = root == root[i]
        if s[i] * s[j] != sign:
            s[members] *= -1
        root[members] = root[j]
    return root
