"""Inequalities of odd cycles: valid for every state, however x lies."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from spinlab.exact.branching.cycles import Cycles, Ties, _Active
from spinlab.exact.branching.descent import Descent
from spinlab.exact.branching.odd_cycles import (
    _emit,
    make_graph,
    short_cycles,
    violated_long,
    violated_short,
)
from spinlab.exact.branching.problem import make_problem


def test_rows_hold_for_every_state_and_not_at_x():
    total = [0, 0]
    for seed in range(60):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(4, 9))
        a, b = np.triu_indices(n, 1)
        kept = rng.random(len(a)) < 0.6
        i, j = a[kept], b[kept]
        bits = np.arange(1 << (n - 1))[:, None] >> np.arange(n) & 1
        cuts = bits[:, i] ^ bits[:, j]
        # Near a state, with many edges exactly 0 or 1: clusters, whose edges cost nothing.
        x = cuts[rng.integers(len(cuts))].astype(float)
        x = np.where(rng.random(len(x)) < 0.5, np.clip(x + rng.normal(0, 0.5, len(x)), 0, 1), x)
        graph = make_graph(n, i, j)
        short = [violated_short(cycles, x, 1e-3, 50) for cycles in short_cycles(graph)]
        for which, rows in ((0, short[0]), (0, short[1]), (1, violated_long(graph, x, 1e-3, 50))):
            total[which] += len(rows)
            for begin, end in pairwise(rows.starts):
                e, w = rows.edges[begin:end], rows.weights[begin:end]
                side = w[w > 0].sum() - rows.threshold
                assert len(set(e.tolist())) == len(e) > 2
                assert (cuts[:, e] @ w).max() <= side
                assert x[e] @ w > side
    assert min(total) > 20


def test_only_the_odd_parts_of_a_walk_are_rows():
    # Two triangles that share spin 0, and an edge to and fro: F has no edge of the first and one of the
    # second, whose lengths are 0 and .3, and one of the two ways along the edge.
    i, j = np.array([0, 1, 0, 0, 3, 0, 0]), np.array([1, 2, 2, 3, 4, 4, 5])
    x = np.array([0.0, 0.0, 0.0, 0.9, 0.1, 0.1, 0.5])
    walk, sides = np.array([0, 1, 2, 3, 4, 5, 6, 6]), np.array([0, 0, 0, 1, 0, 0, 1, 0])
    at, stack = np.full(6, -1), np.empty((3, 9), np.int64)
    edges, odd, starts = np.empty(20, np.int64), np.empty(20, bool), np.zeros(5, np.int64)
    assert _emit(0, i, j, x, walk, sides, np.int64(8), 1e-4, at, stack, edges, odd, starts, np.int64(0)) == 1
    assert edges[: starts[1]].tolist() == [3, 4, 5]
    assert odd[: starts[1]].tolist() == [True, False, False]
    assert (at == -1).all()


def test_multipliers_below_zero_are_left_out():
    # The dual values of a linear program may be: a triangle of ferromagnetic bonds has s.C.s = 6.
    i, j = np.array([0, 0, 1]), np.array([1, 2, 2])
    problem = make_problem(3, i, j, np.ones(3), np.zeros(3), 0.0)
    work = Cycles(problem, Descent(problem))
    row = _Active([np.arange(3)], [np.array([1, -1, -1])], np.array([1]), np.array([-1.0]))
    proof = work._prove_floats(Ties(problem, []), row)
    assert proof.bound == work.trivial().bound == problem.h2(np.ones(3, np.int8))
