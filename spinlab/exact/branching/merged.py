"""States from a solution of the linear program: spins that it ties are merged, and the clusters annealed.

Where x_e is 0 or 1 the relaxation has decided; what is open is how clusters of such edges stand to each
other, which are tens where the spins are thousands.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..._core.jit import kernel
from ..._core.philox import UPDATE, word
from .problem import Problem

_DECIDED = 1e-3  # how near to 0 or 1
_SWEEPS = 200
_HOT, _COLD = 0.5, 0.1  # temperatures: of the mean field that a cluster can feel, of a mean coupling


def merged_states(problem: Problem, x: np.ndarray, state: np.ndarray, chains: int) -> np.ndarray:
    """States after annealing the clusters, shape (chains, n); ``state`` says how each is inside."""
    n, i, j = problem.n, problem.i, problem.j
    decided = np.minimum(x, 1 - x) < _DECIDED
    graph = coo_array((np.ones(int(decided.sum())), (i[decided], j[decided])), shape=(n, n))
    m, cluster = connected_components(graph, directed=False)
    a, b = cluster[i], cluster[j]
    open_ = a != b
    c = (problem.c * state[i] * state[j])[open_].astype(float)
    ends = np.concatenate([a[open_], b[open_]]), np.concatenate([b[open_], a[open_]])
    J = coo_array((np.concatenate([c, c]), ends), shape=(m, m)).tocsr()
    J.eliminate_zeros()
    r = np.ones((chains, m), np.int8)
    if J.nnz:
        sizes = np.abs(J.data)
        hot, cold = _HOT * float(sizes.sum()) / m, _COLD * float(sizes.mean())
        betas = 1 / np.geomspace(max(hot, cold), cold, _SWEEPS)
        _anneal(J.indptr.astype(np.int64), J.indices.astype(np.int64), J.data, betas, r)
    return (r[:, cluster] * state).astype(np.int8)


@kernel
def _anneal(indptr: Any, indices: Any, data: Any, betas: Any, states: Any) -> None:
    """Metropolis' rule on E = -sum J s s from hot to cold; the same random numbers in every run."""
    m = len(indptr) - 1
    h = np.empty(m)
    key = np.uint64(0)
    for chain in range(len(states)):
        s = states[chain]
        for i in range(m):
            h[i] = 0.0
            for p in range(indptr[i], indptr[i + 1]):
                h[i] += data[p] * s[indices[p]]
        for t in range(len(betas)):
            for i in range(m):
                cost = 2.0 * betas[t] * s[i] * h[i]
                if cost > 0.0:
                    u = word(key, np.uint32(chain), np.uint32(t), np.uint32(i), UPDATE) * 2.0**-32
                    if u >= np.exp(-cost):
                        continue
                s[i] = -s[i]
                for p in range(indptr[i], indptr[i + 1]):
                    h[indices[p]] += 2.0 * s[i] * data[p]
