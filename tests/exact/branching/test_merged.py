"""Clusters that a relaxed solution leaves open: annealed, against all of their relative signs."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import spinlab as sl
from spinlab.exact.branching.merged import merged_states
from spinlab.exact.branching.problem import make_problem


@pytest.mark.parametrize("seed", range(8))
def test_the_best_arrangement_of_clusters_is_found(seed):
    rng = np.random.default_rng(seed)
    model = sl.ensembles.edwards_anderson(
        shape=(8, 8), law=("pm1", "gaussian")[seed % 2], rng=seed, periodic=True
    )
    i, j, J = model.edges()
    problem = make_problem(64, i, j, J, np.zeros(64), 0.0)
    state = rng.choice(np.array([-1, 1], np.int8), problem.n)
    cluster = rng.integers(9, size=problem.n)
    inside = cluster[problem.i] == cluster[problem.j]
    cut = state[problem.i] != state[problem.j]
    x = np.where(inside, np.where(cut, 1 - 1e-7, 1e-7), rng.uniform(0.1, 0.9, len(cut)))
    # clusters are the connected parts of decided edges: more than nine
    root = np.arange(problem.n)
    for _ in range(problem.n):
        for a, b in zip(problem.i[inside], problem.j[inside], strict=True):
            root[[a, b]] = min(root[a], root[b])
    names, of = np.unique(root, return_inverse=True)
    found = merged_states(problem, x, state, 8)
    assert found.shape == (8, problem.n)
    relative = found * state
    for name in range(len(names)):
        assert (relative[:, of == name] == relative[:, of == name][:, :1]).all()
    # against descents from many random arrangements, each a move of whole clusters
    best = max(problem.h2(s) for s in found)
    for _ in range(300):
        r = rng.choice([-1, 1], len(names))
        h2 = problem.h2(r[of] * state)
        moved = True
        while moved:
            moved = False
            for k in range(len(names)):
                r[k] *= -1
                new = problem.h2(r[of] * state)
                moved |= new > h2
                h2, r[k] = (new, r[k]) if new > h2 else (h2, -r[k])
        assert h2 <= best


def test_few_clusters_against_all_signs():
    rng = np.random.default_rng(5)
    n = 30
    i, j = np.triu_indices(n, 1)
    problem = make_problem(n, i, j, rng.normal(size=len(i)), np.zeros(n), 0.0)
    state = rng.choice(np.array([-1, 1], np.int8), n)
    cluster = np.arange(n) % 8
    inside = cluster[problem.i] == cluster[problem.j]
    x = np.where(inside, (state[problem.i] != state[problem.j]).astype(float), 0.5)
    signs = np.array(list(product((-1, 1), repeat=8)))
    best = max(problem.h2(r[cluster] * state) for r in signs)
    assert max(problem.h2(s) for s in merged_states(problem, x, state, 8)) == best
    np.testing.assert_array_equal(merged_states(problem, x, state, 8), merged_states(problem, x, state, 8))
    # all decided: nothing to arrange
    whole = (state[problem.i] != state[problem.j]).astype(float)
    np.testing.assert_array_equal(merged_states(problem, whole, state, 2), np.stack([state, state]))
