"""Isolated spins and leaves taken out by hand, components solved apart: against rationals and all states."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import networkx as nx
import numpy as np
import pytest
from naive import ground_energy_and_degeneracy
from rationals import energies, log_z, minimum

from spinlab import exact
from spinlab.exact import parts
from spinlab.models import BipartiteIsing, SparseIsing, from_binary


def solve(part):
    return exact.enumeration.ground_state(part, degeneracy=True)


def log_z_of(beta):
    return lambda part: exact.enumeration.log_partition(part, beta, error=True)


def random_model(seed):
    """A graph with leaves, trees, loose sites and cycles; couplings and fields of many kinds."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 9))
    graph = nx.gnp_random_graph(n, float(rng.choice([0.1, 0.25, 0.4])), seed=seed)
    i, j = np.array(list(graph.edges), dtype=int).reshape(-1, 2).T
    draw = [
        lambda k: rng.normal(size=k),
        lambda k: rng.integers(-2, 3, k).astype(float),
        lambda k: rng.choice([-1.0, 1.0], k) * 10.0 ** rng.uniform(-20, 20, k),
        lambda k: rng.choice([0.1, -0.2, 0.3], k),
    ][seed % 4]
    b = draw(n) * (rng.random(n) < 0.5)
    offset = float(rng.choice([0.0, 0.1, 1e16]))
    return SparseIsing.from_edges(i, j, draw(len(i)), n, b, offset=offset)


def test_ground_states_of_the_parts_are_one_of_the_whole():
    taken = 0
    for seed in range(60):
        model = random_model(seed)
        if (whole := parts.split(model)) is None:
            continue
        taken += len(whole.leaves) > 0 and len(whole.models) > 0
        answer = parts.join_ground_states(model, whole, solve, degeneracy=False)
        least = minimum(model.couplings(), model.b, model.offset)
        assert Fraction(answer.lower_bound) <= least
        size = np.abs(model.edges()[2]).sum() + np.abs(model.b).sum()
        assert float(least) - answer.lower_bound <= 1e-13 * size + 4 * math.ulp(abs(model.offset))
        s = Fraction(model.offset) - sum(
            Fraction(float(J)) * int(answer.state[i]) * int(answer.state[j])
            for i, j, J in zip(*model.edges(), strict=True)
        ) - sum(Fraction(float(b)) * int(x) for b, x in zip(model.b, answer.state, strict=True))  # fmt: skip
        assert 0 <= float(s - least) <= 1e-13 * size
        assert answer.energy == float(s)
    assert taken > 5


def test_degeneracies_multiply():
    for seed in range(120):
        model = random_model(seed)
        if seed % 4 in (0, 2) or model.offset or (whole := parts.split(model, plain=True)) is None:
            continue
        answer = parts.join_ground_states(model, whole, solve, degeneracy=True)
        E0, degeneracy = ground_energy_and_degeneracy(model.couplings(), model.b, model.offset)
        assert answer.energy == pytest.approx(E0, rel=1e-12)
        assert answer.degeneracy == degeneracy


@pytest.mark.parametrize("beta", [1e-3, 0.3, 1.0, 20.0])
def test_log_z_of_the_parts_is_that_of_the_whole(beta):
    for seed in range(24):
        model = random_model(seed)
        if seed % 4 == 2 or model.offset == 1e16 or (whole := parts.split(model, beta=beta)) is None:
            continue
        value, bound = parts.join_log_z(model, whole, beta, log_z_of(beta))
        expected = log_z(energies(model.couplings(), model.b, model.offset), beta)
        assert abs(Fraction(value) - expected) <= Fraction(bound)
        assert bound < 1e-11 * max(1.0, abs(value))


def test_fields_that_sums_round_away_are_in_the_bound():
    # Two leaves leave fields of 1e16 and .3 on their neighbour, whose sum is rounded: the offset shows it.
    for small in (0.3, 0.7, 1.1):
        model = SparseIsing.from_edges([0, 0], [1, 2], [1e16, small], 3, [0.0, 1e16, small], offset=2e16)
        whole = parts.split(model)
        answer = parts.join_ground_states(model, whole, solve, degeneracy=False)
        least = minimum(model.couplings(), model.b, model.offset)
        assert Fraction(answer.lower_bound) <= least
        assert whole.error > 0
        assert Fraction(whole.error) >= abs(Fraction(1e16) + Fraction(small) - Fraction(1e16 + small))


def test_each_error_is_a_part_of_the_bound():
    # Most are far below the last digit of the sum, so that no model shows them: they are made large.
    model = SparseIsing.from_edges([0, 1], [1, 2], [1.0, 2.0], 4, [0.0, 0.0, 0.5, 0.25])
    whole = parts.split(model)
    plain = parts.join_ground_states(model, whole, solve, degeneracy=False)
    wider = parts.join_ground_states(model, replace(whole, error=0.125), solve, degeneracy=False)
    assert wider.lower_bound == plain.lower_bound - 0.125
    lossy = parts.join_ground_states(model._off_by(0.25), whole, solve, degeneracy=False)
    assert lossy.lower_bound <= plain.lower_bound - 0.25
    both = parts.join_ground_states(model._off_by(0.25), replace(whole, error=0.5), solve, degeneracy=False)
    assert both.lower_bound <= plain.lower_bound - 0.75
    beta = 0.7
    ring = SparseIsing.from_edges([0, 1, 2, 2], [1, 2, 0, 3], np.ones(4), 4, np.full(4, 0.3))
    whole = parts.split(ring, beta=beta)
    # A leaf of bond 1 and field .3: three functions of sums of that size, each a few roundings off.
    assert whole.error >= 16 * 2.0**-53 * (beta * 1.3 + 1) / beta
    _, bound = parts.join_log_z(ring, whole, beta, lambda part: (1.0, 0.0))
    assert bound >= beta * whole.error
    _, more = parts.join_log_z(ring, whole, beta, lambda part: (1.0, 0.5))
    assert more >= bound + 0.5
    _, lossy = parts.join_log_z(ring._off_by(0.25), whole, beta, lambda part: (1.0, 0.0))
    assert lossy >= bound + 0.25 * beta


def test_what_a_conversion_lost_is_in_the_bound():
    Q = np.diag([-0.3, -0.7, -0.2, -0.4])
    Q[0, 1] = Q[1, 0] = 1e16
    J, b = np.zeros((4, 4)), np.diag(Q).copy()
    J[0, 1] = J[1, 0] = -1e16
    model = from_binary(J, -b)
    whole = parts.split(model)
    answer = parts.join_ground_states(model, whole, solve, degeneracy=False)
    assert Fraction(answer.lower_bound) <= minimum(J, -b, 0, binary=True)
    assert model.rounding > 0
    assert parts.split(model, plain=True) is None  # degeneracies are not told apart by parts


def test_two_layers_stay_two_layers():
    W = np.zeros((4, 5))
    W[0, 0] = W[0, 1] = W[1, 0] = W[1, 1] = W[2, 2] = 1.0  # a square, a pair, and three spins apart
    model = BipartiteIsing(W)
    whole = parts.split(model)
    assert [type(part) for part in whole.models] == [BipartiteIsing]
    assert len(whole.leaves) == 5
    answer = parts.join_ground_states(model, whole, exact.layer.ground_state, degeneracy=False)
    assert answer.energy == answer.lower_bound == -5.0
    assert parts.split(BipartiteIsing(np.ones((2, 2)))) is None  # one part without leaves


def test_layers_that_hang_together_are_seen_at_a_glance():
    rng = np.random.default_rng(6)
    whole = 0
    for _ in range(300):
        shape = rng.integers(1, 7, 2)
        model = BipartiteIsing(
            rng.normal(size=shape) * (rng.random(shape) < rng.choice([0.4, 0.7, 0.9, 1.0]))
        )
        found = parts.split(model)
        assert (found is None) == (parts.split(model.to_sparse()) is None)
        whole += found is None
    assert 50 < whole < 250
