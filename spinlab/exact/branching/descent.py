"""States to begin with: descents by single flips on the integer couplings."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse

from ..._core.jit import kernel
from .problem import Problem


class Descent:
    """Descents of one problem, from states or from random ones."""

    def __init__(self, problem: Problem) -> None:
        ends = np.concatenate([problem.i, problem.j]), np.concatenate([problem.j, problem.i])
        data = np.concatenate([problem.c, problem.c])
        matrix = scipy.sparse.csr_array((data, ends), shape=(problem.n, problem.n))
        self.indptr = matrix.indptr.astype(np.int64)
        self.indices = matrix.indices.astype(np.int64)
        self.data = np.ascontiguousarray(matrix.data, np.int64)

    def __call__(self, states: np.ndarray) -> tuple[np.ndarray, int]:
        """(the best end of descents from the rows, its h2); ``states`` may be changed."""
        states = np.ascontiguousarray(states)
        values = np.empty(len(states), np.int64)
        _descend(self.indptr, self.indices, self.data, states, values)
        at = int(np.argmax(values))
        return states[at].copy(), int(values[at])

    def from_random(self, n: int = 32) -> tuple[np.ndarray, int]:
        """The best of n random starts, always the same ones."""
        size = len(self.indptr) - 1
        return self(np.random.default_rng(0).choice(np.array([-1, 1], np.int8), size=(n, size)))


@kernel
def _descend(indptr: Any, indices: Any, data: Any, states: Any, values: Any) -> None:
    n = len(indptr) - 1
    h = np.empty(n, np.int64)
    for c in range(len(states)):
        s = states[c]
        for i in range(n):
            total = np.int64(0)
            for p in range(indptr[i], indptr[i + 1]):
                total += data[p] * s[indices[p]]
            h[i] = total
        moved = True
        while moved:
            moved = False
            for i in range(n):
                if s[i] * h[i] < 0:
                    moved = True
                    s[i] = -s[i]
                    for p in range(indptr[i], indptr[i + 1]):
                        h[indices[p]] += 2 * s[i] * data[p]
        total = np.int64(0)
        for i in range(n):
            total += s[i] * h[i]
        values[c] = total
