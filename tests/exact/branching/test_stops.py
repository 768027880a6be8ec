"""Proofs that are stopped at random: every bound holds, and no part has a worse one than the whole.

Relaxations are solved in a hurry here, so that trees are large, and many an answer of a solver is spoilt,
so that a child's own multipliers are often worse than those it inherits.
"""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import spinlab as sl
from spinlab._core.blas import one_blas_thread
from spinlab.exact import branching, enumeration, verify

N = 12
SPINS = np.array(np.meshgrid(*[[1, -1]] * N, indexing="ij")).reshape(N, -1)


def hurry(monkeypatch):
    effort = branching.semidefinite.Effort
    monkeypatch.setattr(branching.dense, "ROOT", effort(1e-1, 1e-1, 0.5, 3, 4, 2, 0, 9.0))
    monkeypatch.setattr(branching.dense, "CHILD", effort(5e-2, 1e-2, 0.5, 2, 4, 2, 0, 9.0))
    improve = branching.semidefinite.improve

    def spoilt(C, *rest):
        bound = improve(C, *rest)
        if len(C) % 2:
            return bound
        return bound._replace(value=np.inf, dual=bound.dual._replace(y=bound.dual.y + np.abs(C).max()))

    monkeypatch.setattr(branching.semidefinite, "improve", spoilt)
    if not branching.limits.has_cycles_solver():
        return
    cycles = importlib.import_module("spinlab.exact.branching.cycles")
    monkeypatch.setattr(cycles, "_ROUNDS", 2)
    monkeypatch.setattr(cycles, "_MOST", 20)
    solve = cycles._Program.solve

    def spoilt_too(self, most):
        x, value, active = solve(self, most)
        return (
            x,
            value,
            active if len(self.edges) % 3 else active._replace(multipliers=active.multipliers / 3),
        )

    monkeypatch.setattr(cycles._Program, "solve", spoilt_too)


def couplings(seed, n):
    rng = np.random.default_rng(seed)
    J = rng.normal(size=(n, n)) if seed % 2 else rng.choice([-2.0, -1.0, 1.0, 2.0], size=(n, n))
    return np.triu(J, 1) + np.triu(J, 1).T


def worker(relaxation, problem):
    if relaxation == "cycles":
        return branching.cycles.Cycles(problem, branching.descent.Descent(problem))
    return branching.dense.Dense(problem.matrix(), problem.scale, problem.step, problem.slack, 2)


def tree_nodes(root):
    return [root] + [node for child in root.children for node in tree_nodes(child)]


@pytest.mark.parametrize("relaxation", ["semidefinite", "cycles"])
def test_every_node_is_bounded_and_children_better_than_parents(relaxation, monkeypatch):
    """Against the best member of every node, out of all states."""
    if relaxation == "cycles":
        pytest.importorskip("highspy")
    hurry(monkeypatch)
    rng = np.random.default_rng(7)
    stops = worse = 0
    for seed in range(1000):
        J = couplings(seed, N)
        problem = branching.problem.make_problem(
            N, *np.triu_indices(N, 1), J[np.triu_indices(N, 1)], np.zeros(N), 0.0
        )
        M = problem.matrix()
        h2 = (SPINS * (M @ SPINS)).sum(0)
        work = worker(relaxation, problem)
        state = SPINS[:, int(np.argmin(h2))].astype(np.int8)  # the worst: little is closed at once
        root = branching.tree.Node(None, 1, work.trivial().h2(), 0)
        tree = branching.tree.Tree(root, problem.h2(state), state, problem.step, problem.slack, keep=True)
        trivial, bounds = root.h2, [root.h2]

        def checked(node, best, halt, work=work):
            nonlocal worse
            outcome = work(node, best, halt)
            assert outcome.h2 <= (trivial if node.parent is None else node.parent.h2)  # noqa: B023
            worse += node.parent is not None and outcome.h2 == node.parent.h2
            return outcome

        while tree.open and stops < 100:
            with one_blas_thread():
                tree.explore(checked, branching.tree.Limits(nodes=tree.n_nodes + int(rng.integers(1, 6))), 1)
            stops += 1
            assert tree.best <= h2.max() <= tree.bound <= bounds[-1]
            bounds.append(tree.bound)
            for node in tree_nodes(root):
                inside = np.ones(len(h2), bool)
                for i, j, sign in node.path():
                    inside &= SPINS[i] * SPINS[j] == sign
                assert node.h2 >= h2[inside].max(initial=-(1 << 60))
                assert node.parent is None or node.h2 <= node.parent.h2
                proof = node.proof
                if proof is not None and proof is not branching.tree.ENUMERATED:
                    # what a certificate would hold of it
                    assert (
                        h2[inside].max(initial=-(1 << 60))
                        <= work.h2_of(node, proof)
                        <= (trivial if node.parent is None else node.parent.h2)
                    )
        assert tree.open or tree.best == h2.max()
        if stops == 100:
            break
    assert stops == 100
    assert worse > 10  # it did happen that only inheritance kept the bound


@pytest.mark.parametrize("relaxation", ["semidefinite", "cycles"])
def test_a_budget_of_nodes_gives_a_bound_that_only_rises(relaxation, monkeypatch):
    if relaxation == "cycles":
        pytest.importorskip("highspy")
    hurry(monkeypatch)
    monkeypatch.setattr(branching.solver, "_FREE_SPINS", 6)
    monkeypatch.setattr(branching.solver, "CHECKED_SPINS", 6)
    rng = np.random.default_rng(8)
    for seed in range(10):
        model = sl.models.DenseIsing(couplings(seed, 12), rng.normal(size=12) if seed > 6 else None)
        E0 = enumeration.ground_state(model).energy
        stops = sorted(rng.integers(0, 16, 10).tolist())
        kept = int(rng.integers(10))
        previous = None
        for k, nodes in enumerate(stops):
            answer = branching.ground_state(model, relaxation=relaxation, nodes=nodes, certificate=k == kept)
            assert answer.lower_bound <= E0 <= answer.energy + 1e-12
            assert answer.certified == (answer.energy - answer.lower_bound <= 1e-12)
            if previous is not None:
                assert previous.lower_bound <= answer.lower_bound
                assert answer.energy <= previous.energy
            previous = answer
            if k == kept:
                assert verify(model, answer.certificate).lower_bound == answer.lower_bound
