"""The lines that proofs rest on: models on which an answer is wrong without them, or constants held fast.

Where a constant only keeps a worst case that no model reaches, it is compared with what its derivation says.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from rationals import F, energies, minimum

from spinlab import exact
from spinlab.exact import couplings
from spinlab.exact.enumeration import partition, search
from spinlab.exact.layer import solver as layer_solver
from spinlab.exact.lowrank import solver as lowrank_solver
from spinlab.exact.lowrank import zonotope
from spinlab.exact.planar import solver as planar_solver
from spinlab.exact.tree import elimination
from spinlab.models import DenseIsing, PatternBipartiteIsing, PatternIsing, SparseIsing


def below(answer, least, *context):
    assert Fraction(answer.lower_bound) <= least, (answer, float(least), *context)


def test_layer_bounds_allow_for_the_rounding_of_the_weights():
    # 3 times .7 and the like is rounded when the weights are written out, often towards zero, and an offset
    # near -E0 leaves digits to show it.
    for scale in (0.1, 0.3, 0.7, 1 / 3, 0.9):
        for seed in range(10):
            rng = np.random.default_rng(seed)
            xi = rng.choice([-1.0, 1.0], (3, 6))
            J = Fraction(scale) * (F(xi).T @ F(xi))
            J[3:, 3:] = J[:3, :3] = Fraction(0)
            offset = -float(minimum(J, np.zeros(6), 0))
            model = PatternBipartiteIsing(xi[:, :3], xi[:, 3:], scale, offset=offset)
            below(exact.layer.ground_state(model), minimum(J, np.zeros(6), offset), scale, seed)


def test_the_bound_of_a_layer_is_the_sum_of_its_parts():
    model = PatternBipartiteIsing(np.ones((3, 2)), np.ones((3, 5)), 0.1)
    problem, unit = layer_solver.Layer.of(model, "visible").in_units()
    slack = 5 * 2 * 2.0**-53 * 0.1 * 3 / unit  # each of ten weights is rounded once
    assert problem.slack.sum() == pytest.approx(slack, rel=1e-12, abs=0)
    arithmetic = (3 * 2 + 5 / 4 + 64) * 2.0**-53 * problem.size
    assert problem.bound == pytest.approx(arithmetic + slack, rel=1e-12, abs=0)


def test_planar_weights_are_rounded_down():
    # A frustrated ring breaks its weakest bond. Two are equal in the integers, whose unit is 2^-50 here, and
    # rounded up they would prove the wrong one; the offset takes the rest of the energy away.
    for seed in range(100):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(4, 6))
        sizes = rng.uniform(1, 1.3, n)
        sizes[[0, 2]] = rng.uniform(1e-4, 1e-3) + rng.uniform(0, 1, 2) * 2.0**-50
        sizes[1] *= -1
        J = np.zeros((n, n))
        for k in range(n):
            J[k, (k + 1) % n] = J[(k + 1) % n, k] = sizes[k]
        offset = -float(minimum(J, np.zeros(n), 0))
        answer = exact.planar.ground_state(DenseIsing(J, offset=offset))
        below(answer, minimum(J, np.zeros(n), offset), seed)
        # One bond is broken, and the bound is lower by no more than its page says.
        size = Fraction(float(sizes @ np.sign(sizes)))
        room = 4 * Fraction(2.0**-53) * size + 2 * Fraction(math.ulp(answer.energy))
        assert Fraction(answer.energy) - Fraction(answer.lower_bound) <= room


def test_planar_weights_add_up_to_less_than_float64_holds():
    for sizes in (np.linspace(1, math.pi, 3000), np.geomspace(1e-300, 1, 3000), np.geomspace(1, 1e300, 50)):
        weights, unit, exact = planar_solver._integers(sizes)
        assert not exact
        assert 2**51 <= sum(weights.tolist()) < 2**53
        assert all(F(weights) * Fraction(unit) <= F(sizes))


def test_couplings_that_are_nearly_multiples_of_one_number_are_not_taken_for_such():
    # Apart by 2^-41, more than the rounding bound has room for: without the offset it could not be seen.
    for seed in range(20):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(3, 6))
        J = np.triu(rng.choice([-0.3, 0.3], (n, n)) * (1 + rng.integers(0, 2, (n, n)) * 2.0**-41), 1)
        J += J.T
        offset = -float(minimum(J, np.zeros(n), 0))
        least = minimum(J, np.zeros(n), offset)
        for method in (exact.enumeration, exact.tree):
            below(method.ground_state(DenseIsing(J, offset=offset)), least, seed)


def test_multiples_of_one_number_up_to_rounding_stay_within_the_bound():
    # 2^-50 for each coupling is 8 2^-53: the bound leaves 4 (n + 15) 2^-53, even for one pair.
    assert couplings.rounding_bound(2, 1.0) > 8 * 2.0**-53 * 1.0


def test_the_rounding_bound_is_twice_what_the_additions_need():
    # 2 n + 18 roundings of a term, with gamma_k = k u / (1 - k u), times two. No sum of few numbers comes
    # near its worst case, so that halving it could show nowhere; it stays for the models that do.
    for n in (2, 40, 60):
        k = 2 * n + 18
        gamma = k * 2.0**-53 / (1 - k * 2.0**-53)
        assert couplings.rounding_bound(n, 3.0) == 4 * (n + 15) * 2.0**-53 * 3.0
        assert couplings.rounding_bound(n, 3.0) > 2 * gamma * 3.0 * (n + 15) / (n + 20)


def test_the_margin_of_the_threshold_is_eight_errors():
    # This energy, both parts of a block's bound and the states wanted are off by a few eps. A smaller margin
    # fails only where a block's bound is tight and all are rounded up: it is pinned.
    G = np.triu(np.random.default_rng(0).normal(size=(20, 20)), 1)
    G += G.T
    for eps in (1e-9, 1e-6):
        margin = search.above_ground(G, eps) - search.above_ground(G, 0.0)
        assert margin == pytest.approx(8 * eps, rel=1e-5)


def test_the_longest_chain_of_additions_counts_every_level():
    # Every table of a path is added to the next: no fewer additions than levels.
    for n in (10, 100, 1000):
        path = SparseIsing.from_edges(range(n - 1), range(1, n), np.ones(n - 1), n)
        plan = elimination.plan(path)
        parent = plan.steps.parent
        depth = np.zeros(n, int)
        for i in range(n - 1, -1, -1):
            if parent[i] >= 0:
                depth[i] = depth[parent[i]] + 1
        children = np.diff(plan.steps.child_start)
        # A term of step i takes: its own sums, then one addition for each child of each step above, and one
        # more where the table itself is added.
        above = np.zeros(n, int)
        for i in range(n - 1, -1, -1):
            if parent[i] >= 0:
                above[i] = above[parent[i]] + children[parent[i]] + 1
        own = np.diff(plan.steps.start) + 2 + children
        assert plan.roundings == (own + above).max()
        assert plan.roundings > 2 * depth.max()


def test_lowrank_bounds_contain_the_rounding_of_their_objective():
    objective = zonotope.quadratic(np.array([[0.3, 0.1], [0.1, 0.7]]), np.array([0.2, 0.9]))
    reach = np.array([10.0, 3.0])
    size = objective.size(reach)
    assert size == pytest.approx(2 * (0.3 * 100 + 2 * 0.1 * 30 + 0.7 * 9) + 0.2 * 10 + 0.9 * 3)
    assert objective.rounding(reach) >= 64 * 2.0**-53 * size
    assert objective.rounding(reach) <= 70 * 2.0**-53 * size
    # The bound holds in exact arithmetic.
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n, K = int(rng.integers(2, 9)), int(rng.integers(1, 4))
        xi = rng.normal(size=(K, n))
        J = Fraction(0.3) * (F(xi).T @ F(xi))
        offset = -float(minimum(J, np.zeros(n), 0))
        answer = exact.lowrank.ground_state(PatternIsing(xi, 0.3, offset=offset))
        below(answer, minimum(J, np.zeros(n), offset), seed)


@pytest.mark.parametrize("rank", [2, 3])
def test_the_bound_over_all_directions_contains_both_of_its_errors(rank, monkeypatch):
    # Values of F are rounded, and the vertices are those of directions that are off by an angle: the two add
    # up to so much that no model shows either of them alone.
    name = "_half_turn" if rank == 2 else "_all_turns"
    turn = getattr(zonotope, name)
    seen = []

    def turns(Y, Z, F, threads):
        seen.append((Y, F, turn(Y, Z, F, threads)))
        return seen[-1][2]

    monkeypatch.setattr(zonotope, name, turns)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, rank))
    F = zonotope.quadratic(0.3 * np.eye(rank), rng.normal(size=rank))
    _, bound = zonotope.best_signs(X, F)
    Y, F, (_, value, error) = seen[-1]
    reach = np.abs(Y).sum(0)
    angles = 2 * error * reach.sum() * float(F.steepness(reach)[:rank].sum())
    assert error > 0
    assert F.rounding(reach) > 0
    assert bound - value >= 0.999 * (angles + F.rounding(reach))


def test_lowrank_bounds_contain_the_rounding_of_the_reduced_patterns(monkeypatch):
    # Patterns are written as X = Y V^T for the search; the error of that is a part of the bound. The search's
    # own bound leaves so much room that no model shows it: the difference is what is looked at.
    raw = []

    def best_signs(*given):
        raw.append(zonotope.best_signs(*given))
        return raw[-1]

    monkeypatch.setattr(lowrank_solver, "best_signs", best_signs)
    X = np.random.default_rng(0).normal(size=(9, 2))
    side = lowrank_solver.Side(X, np.zeros(9), 0.3, Fraction(0))
    plan = lowrank_solver._turns(side)
    _, lower = plan.solve(1)
    least = 4 * (2 + 4) * 2.0**-53 * float(np.abs(X).sum(0) @ side.steepness())
    assert side.lower(Fraction(raw[0][1])) - lower >= Fraction(least)


def test_underflow_of_the_matrix_product_cannot_be_seen():
    # Each of up to 2^40 terms may lose 2^-1022: of a sum above SMALLEST_SUM that is below 2^-53.
    assert 2.0**-53 * partition.SMALLEST_SUM > 2.0**40 * 2.0**-1022
    # Couplings so strong and frustrated that the product underflows: the states are summed one by one.
    n = 14
    J = np.triu(np.random.default_rng(1).choice([-1.0, 1.0], (n, n)), 1)
    J += J.T
    E = np.array([float(e) for e in energies(J[:10, :10], np.zeros(10), 0)])
    for beta in (5.0, 20.0, 40.0, 60.0, 200.0):
        expected = float(np.logaddexp.reduce(-beta * E))
        assert exact.enumeration.log_partition(J[:10, :10], beta) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("k", [30, 32, 33, 34, 35, 36, 37, 38, 40])
def test_counts_beyond_the_integers_of_float64_are_exact(k):
    # A string of frustrated triangles that share corners: 3 states of each for either spin at its corner.
    i, j = [], []
    for t in range(k):
        a, b, c = 2 * t, 2 * t + 1, 2 * t + 2
        i += [a, a, b]
        j += [b, c, c]
    model = SparseIsing.from_edges(i, j, -np.ones(3 * k), 2 * k + 1)
    answer = exact.tree.ground_state(model, degeneracy=True)
    assert answer.energy == answer.lower_bound == -k
    assert answer.degeneracy == 2 * 3**k
    assert math.log2(2 * 3**40) < 66


def left_of(plan, side, module, name, monkeypatch):
    """The arguments and the result of the function that a plan rests on, and the plan's lower bound."""
    raw = []
    function = getattr(module, name)

    def recorded(*args, **kwargs):
        raw.append((args, function(*args, **kwargs)))
        return raw[-1][1]

    monkeypatch.setattr(module, name, recorded)
    _, lower = plan.solve(1)
    return *raw[-1], lower


def test_each_lowrank_bound_contains_the_rounding_of_its_sums(monkeypatch):
    # Each allows for the worst of many sums, which no model reaches: the differences are looked at.
    rng = np.random.default_rng(0)
    X = rng.choice([-1.0, 1.0], (40, 3))
    side = lowrank_solver.Side(X, np.full(40, 0.3), 0.7, Fraction(0))
    (_, F, _), (_, value), lower = left_of(
        lowrank_solver._thresholds(side),
        side,
        lowrank_solver.threshold_functions,
        "best_function",
        monkeypatch,
    )
    assert side.lower(Fraction(value)) - lower >= Fraction(F.rounding(np.full(4, 40.0)))

    reals = np.repeat([[0.3, 1.1], [0.7, -0.2], [0.4, 0.9]], 5, axis=0)
    side = lowrank_solver.Side(reals, np.zeros(15), 0.7, Fraction(0))
    _, answer, lower = left_of(
        lowrank_solver._types(side), side, lowrank_solver.enumeration, "ground_state", monkeypatch
    )
    blocks = np.array([[1.5, 5.5], [3.5, -1.0], [2.0, 4.5]])
    J = 0.7 * blocks @ blocks.T
    upper = Fraction(float(np.trace(J) / 2)) - Fraction(answer.lower_bound)
    size = 0.7 * float(np.square(np.abs(blocks).sum(0)).sum())
    assert side.lower(upper) - lower >= Fraction(60 * 2.0**-53 * size)

    side = lowrank_solver.Side(X, rng.normal(size=40), 0.7, Fraction(0))
    _, (_, value), lower = left_of(
        lowrank_solver._class_sums(side), side, lowrank_solver.class_sums, "best_sums", monkeypatch
    )
    assert side.lower(Fraction(value)) - lower >= Fraction(64 * 2.0**-53 * 0.7 * 3 * 40 * 40)
