"""Spins that follow a neighbour: against all states of small models, and as a part of proofs."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

import spinlab as sl
from spinlab.exact import CertificateError, branching, enumeration, verify
from spinlab.exact.branching.dense import following, reduced_of
from spinlab.exact.branching.dominance import dominated, follow
from spinlab.exact.branching.problem import make_problem
from spinlab.exact.proof.certificate import SPLIT, TIED


def some_edges(seed):
    """Couplings of many sizes, some equal, some that cancel when spins are tied."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 9))
    sizes = [(-1, 1), (-3, -2, 2, 3), (-100, -1, 1, 7), (-(10**30), -1, 1, 10**15)][seed % 4]
    edges = [(i, j, sizes[rng.integers(len(sizes))]) for i in range(n) for j in range(i + 1, n)]
    return n, [edge for edge in edges if rng.random() < (0.3, 0.6, 1.0)[seed % 3]]


def value(edges, s):
    return sum(c * s[i] * s[j] for i, j, c in edges)


def test_a_coupling_one_short_of_the_others_ties_nothing():
    # Tied where a coupling is one less than the others together, the best state of this one would be lost.
    edges = [
        *((0, 1, 3), (0, 2, -2), (0, 3, 1), (0, 4, -2), (0, 5, 5), (1, 2, 5)),
        *((1, 4, 1), (1, 5, 2), (2, 3, 4), (2, 4, 3), (2, 5, 5), (3, 4, -1)),
    ]
    states = list(product((-1, 1), repeat=6))
    kept = [s for s in states if all(s[i] * s[j] == sign for i, j, sign in dominated(6, edges)[0])]
    assert max(value(edges, s) for s in kept) == max(value(edges, s) for s in states)


@pytest.mark.parametrize("seed", range(60))
def test_a_best_state_is_among_those_that_keep_the_ties(seed):
    n, edges = some_edges(seed)
    ties, rows = dominated(n, edges)
    states = [list(map(int, s)) for s in product((-1, 1), repeat=n)]
    kept = [s for s in states if all(s[i] * s[j] == sign for i, j, sign in ties)]
    assert kept
    assert max(value(edges, s) for s in kept) == max(value(edges, s) for s in states)
    for s in states:
        followed = np.array(s)
        follow(ties, followed)
        assert followed.tolist() in kept
        assert value(edges, followed.tolist()) >= value(edges, s)
    # what is left: the same differences between states, and no spin that follows another
    left = [(i, j, c) for i, row in enumerate(rows) for j, c in row.items() if i < j]
    assert len({value(edges, s) - value(left, s) for s in kept}) == 1
    if n - len(ties) > 1:
        for row in rows:
            assert 2 * max(map(abs, row.values()), default=0) < sum(map(abs, row.values())) or not row


@pytest.mark.parametrize("seed", range(12))
def test_the_problem_that_is_left(seed):
    """E = offset - h2 base 2^exponent / 2 on every state that keeps the ties, in rationals."""
    rng = np.random.default_rng(seed)
    n = 7
    J = np.triu(rng.normal(size=(n, n)) * 10.0 ** rng.integers(-3, 4, size=(n, n)), 1)
    b = rng.normal(size=n) * (seed % 3 > 0)
    i, j = np.triu_indices(n, 1)
    problem = make_problem(n, i, j, J[i, j], b, 0.25)
    assert problem.n < n + problem.ghost
    exact = [Fraction(x) for x in J[i, j].tolist()]
    for s in product((-1, 1), repeat=problem.n):
        state = problem.expanded(np.array(s, np.int8))
        terms = [x * int(state[p] * state[q]) for p, q, x in zip(i, j, exact, strict=True)]
        terms += [Fraction(x) * int(y) for x, y in zip(b.tolist(), state, strict=True)]
        E = Fraction(0.25) - sum(terms, Fraction(0))
        h2 = problem.h2(np.array(s, np.int8))
        assert abs(problem.energy_of(h2) - E) <= problem.lost
        again = problem.reduced(state)
        assert (problem.expanded(again) == state).all() or not problem.ghost  # else a global sign


def beside_a_huge_coupling(n, huge, seed=0):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)), 1)
    J[3, n - 2] = huge
    return J + J.T


@pytest.mark.parametrize("huge", [1e3, -1e6, 1e12, 1e100])
def test_one_huge_coupling_costs_nothing(huge):
    """It was rounded with the others in one unit: 33 were left after 20 s at N = 70, huge = 1e6."""
    J = beside_a_huge_coupling(35, huge)
    model = sl.models.DenseIsing(J)
    answer = branching.ground_state(model, certificate=True, nodes=60)
    assert answer.certified
    assert verify(model, answer.certificate) == verify(model.to_sparse(), answer.certificate)
    # the same spin glass with the two spins taken for one
    sign = np.sign(huge)
    rest = np.delete(np.arange(35), 33)
    tied = J[np.ix_(rest, rest)].copy()
    tied[3] += sign * J[33, rest]
    tied[3, 3] = 0
    tied[:, 3] = tied[3]
    E0 = branching.ground_state(sl.models.DenseIsing(tied)).energy
    assert answer.energy == pytest.approx(E0 - abs(huge), rel=1e-13)
    assert answer.state[3] * answer.state[33] == sign


def test_trees_rings_and_chains_are_gone_before_a_bound_is_needed():
    rng = np.random.default_rng(0)
    tails = sl.models.SparseIsing.from_edges(np.arange(3999), np.arange(1, 4000), rng.normal(size=3999), 4000)
    ring = np.arange(1000)
    closed = sl.models.SparseIsing.from_edges(ring, (ring + 1) % 1000, np.ones(1000), 1000)
    for model in (tails, closed):
        answer = branching.ground_state(model, certificate=True, nodes=0)
        assert answer.certified
        assert verify(model, answer.certificate).cases == 1
    assert answer.energy == pytest.approx(-np.abs(closed.edges()[2]).sum())
    fields = sl.models.DenseIsing(np.zeros((6, 6)), rng.normal(size=6))
    assert branching.ground_state(fields, nodes=0).certified
    strong = sl.models.DenseIsing(beside_a_huge_coupling(30, 1.0), 60 * rng.choice([-1.0, 1.0], 30))
    assert branching.ground_state(strong, nodes=0).energy == enumeration.ground_state(strong).energy


def test_a_start_that_breaks_ties_is_repaired():
    model = sl.models.DenseIsing(beside_a_huge_coupling(30, 1e6))
    wrong = np.ones(30)
    wrong[3] = -1.0
    answer = branching.ground_state(model, start=wrong, nodes=0)
    assert answer.energy <= model.energy(wrong)
    assert answer.state[3] == answer.state[28]


def test_wrong_ties_are_refused():
    model = sl.models.DenseIsing(beside_a_huge_coupling(40, 100.0))
    right = branching.ground_state(model, certificate=True).certificate
    assert right.nodes[0].tolist() == [TIED, 3, 38]
    assert verify(model, right).certified

    def with_first(*ties):
        nodes = np.concatenate([np.array(ties, np.int32).reshape(-1, 3), right.nodes[1:]])
        return replace(right, nodes=nodes)

    other = model.couplings().copy()
    other[3, 38] = other[38, 3] = 20.0
    for ties, words in (
        ([(TIED, 3, 5)], "does not follow"),
        ([(TIED, 38, 4)], "does not follow"),
        ([(TIED, 3, 3)], "both free"),
        ([(TIED, 3, 40)], "both free"),
        ([(TIED, -1, 3)], "both free"),
        ([(TIED, 3, 38), (TIED, 3, 38)], "both free"),
        ([(TIED, 3, 38), (TIED, 4, 5)], "does not follow"),
        ([], "leaves|node"),
    ):
        with pytest.raises(CertificateError, match=words):
            verify(model, with_first(*ties))
    state = right.state.copy()
    state[3] *= -1
    with pytest.raises(CertificateError, match="breaks a tie"):
        verify(model, replace(right, state=state))
    order = [1, 0, *range(2, len(right.nodes))]
    with pytest.raises(CertificateError):  # a tie within the tree
        verify(model, replace(right, nodes=right.nodes[order]))
    weaker = sl.models.DenseIsing(other)
    forged = replace(right, model=sl.exact.proof.certificate.fingerprint(weaker))
    with pytest.raises(CertificateError, match="does not follow"):
        verify(weaker, forged)


def test_a_partial_proof_with_ties_resumes():
    model = sl.models.DenseIsing(beside_a_huge_coupling(55, -1e5, seed=2), np.linspace(-1, 1, 55))
    partial = branching.ground_state(model, nodes=6, certificate=True)
    assert not partial.certified
    assert (partial.certificate.nodes[:, 0] == TIED).any()
    whole = branching.ground_state(model, resume=partial.certificate, certificate=True)
    assert whole.certified
    assert whole.lower_bound >= partial.lower_bound
    assert verify(model, whole.certificate).certified
    nodes = partial.certificate.nodes
    with pytest.raises(CertificateError):
        branching.ground_state(model, resume=replace(partial.certificate, nodes=nodes[1:]))


@pytest.mark.parametrize("seed", range(40))
def test_spins_that_follow_spin_0(seed):
    """Tied one after the other, they are those of some best state, and no other follows spin 0 then."""
    n, edges = some_edges(4 * seed + seed % 3)  # without the numbers beyond 64 bits
    C = np.zeros((n, n), np.int64)
    for i, j, c in edges:
        C[i, j] = C[j, i] = c
    found = following(C)
    states = [s for s in product((-1, 1), repeat=n) if s[0] == 1]
    kept = [s for s in states if all(s[k] == sign for k, sign in found)]
    assert max(value(edges, s) for s in kept) == max(value(edges, s) for s in states)
    rest = np.abs(reduced_of(C, [(0, k, sign) for k, sign in found]).C)
    assert (2 * rest[0, 1:] < rest.sum(0)[1:]).all()


def of_many_sizes(n, decades, seed=0):
    """J_ij s_i s_j, s from 1 to 10^decades."""
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)), 1)
    scale = 10.0 ** rng.uniform(0, decades, n)
    return (J + J.T) * np.outer(scale, scale)


def with_a_triangle(n, size, seed=0):
    """A spin glass in which three spins are coupled so much more strongly, and frustrated."""
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)), 1)
    J[[3, 3, 5], [5, 9, 9]] = -size
    return J + J.T


@pytest.mark.parametrize(
    "J",
    [with_a_triangle(24, 1e6), with_a_triangle(24, 1e3, 1), of_many_sizes(24, 6), of_many_sizes(24, 9)],
)
@pytest.mark.parametrize("fields", [False, True])
def test_a_few_huge_frustrated_couplings(J, fields):
    """The precision went by the largest coupling in all nodes: half of the energy was left at N = 60."""
    b = np.random.default_rng(5).normal(size=24) if fields else None
    model = sl.models.DenseIsing(J, b)
    answer = branching.ground_state(model, certificate=True, nodes=40)
    assert answer.certified
    assert answer.energy == pytest.approx(enumeration.ground_state(model).energy, rel=1e-14)
    assert verify(model, answer.certificate).certified


def test_spins_are_taken_by_size():
    """27 nodes; 8 s and 800 nodes were not enough where only the precision followed the couplings."""
    answer = branching.ground_state(sl.models.DenseIsing(of_many_sizes(60, 3, 5)), nodes=120)
    assert answer.certified


def test_ties_within_the_tree_are_checked_and_resumed():
    model = sl.models.DenseIsing(of_many_sizes(45, 4, 2))
    partial = branching.ground_state(model, nodes=4, certificate=True).certificate
    split = int(np.flatnonzero(partial.nodes[:, 0] == SPLIT)[0])
    at = split + int(np.flatnonzero(partial.nodes[split:, 0] == TIED)[0])
    assert not verify(model, partial).certified
    whole = branching.ground_state(model, resume=partial, certificate=True)
    assert whole.certified
    assert verify(model, whole.certificate).certified
    spin, other = partial.nodes[at, 1:]
    free = next(k for k in range(1, 20) if k not in partial.nodes[:, 1:])
    for tie, words in (
        ((spin, free), "does not follow"),
        ((free, other), "does not follow"),
        ((spin, spin), "ties spins"),
        ((spin, 45), "ties spins"),
        ((partial.nodes[split, 2], 0), "does not follow|already tied"),
    ):
        nodes = partial.nodes.copy()
        nodes[at, 1:] = tie
        with pytest.raises(CertificateError, match=words):
            verify(model, replace(partial, nodes=nodes))
    with pytest.raises(CertificateError):  # what was proven of fewer spins
        verify(model, replace(partial, nodes=np.delete(partial.nodes, at, axis=0)))
