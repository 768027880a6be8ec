"""Frustration against loops over all loops, exact values and all states."""

from __future__ import annotations

import itertools
from fractions import Fraction

import naive
import networkx as nx
import numpy as np
import pytest

import spinlab as sl
from spinlab.observables import frustration_index, is_balanced, plaquettes, triads


def random_couplings(N, seed, density=0.7):
    generator = np.random.default_rng(seed)
    J = np.triu(generator.normal(size=(N, N)) * (generator.random((N, N)) < density), 1)
    return J + J.T


def loops_by_listing(J, length):
    """(frustrated, satisfiable, zero) over all loops of distinct sites, each once."""
    found = [0, 0, 0]
    for sites in itertools.permutations(range(len(J)), length):
        # Each loop once: it starts at its smallest site and turns towards the smaller neighbour.
        if sites[0] != min(sites) or sites[1] > sites[-1]:
            continue
        product = np.prod([np.sign(J[i, j]) for i, j in zip(sites, (*sites[1:], sites[0]), strict=True)])
        found[0 if product < 0 else 1 if product > 0 else 2] += 1
    return tuple(found)


@pytest.mark.parametrize("seed", range(3))
def test_loops_by_listing(seed):
    J = random_couplings(7, seed)
    for count, length in [(triads, 3), (plaquettes, 4)]:
        found = count(J)
        expected = loops_by_listing(J, length)
        assert (found.n_frustrated, found.n_satisfiable, found.n_zero) == expected
        sparse = count(sl.models.DenseIsing(J).to_sparse())
        assert (sparse.n_frustrated, sparse.n_satisfiable, sparse.n_zero) == (*expected[:2], 0)
        assert found.fraction == expected[0] / (expected[0] + expected[1])


def test_plaquettes_of_two_layers_by_listing():
    W = np.random.default_rng(0).integers(-1, 2, size=(4, 5)).astype(float)
    expected = [0, 0, 0]
    for i, j in itertools.combinations(range(4), 2):
        for a, b in itertools.combinations(range(5), 2):
            p = W[i, a] * W[i, b] * W[j, a] * W[j, b]
            expected[0 if p < 0 else 1 if p > 0 else 2] += 1
    for model in (sl.models.BipartiteIsing(W), sl.models.BipartiteIsing(W.T)):
        found = plaquettes(model)
        assert (found.n_frustrated, found.n_satisfiable, found.n_zero) == tuple(expected)
    assert triads(sl.models.BipartiteIsing(W)) == triads(sl.models.BipartiteIsing(W.T))
    sparse = plaquettes(sl.models.BipartiteIsing(W).to_sparse())
    assert (sparse.n_frustrated, sparse.n_satisfiable) == tuple(expected[:2])


def all_columns(K):
    """Every site class of K patterns once: fractions over them are exact expectations."""
    return np.array(list(itertools.product((-1, 1), repeat=K))).T.astype(float)


@pytest.mark.parametrize(
    ("K", "value"), [(1, 0), (2, 0), (3, Fraction(3, 8)), (4, 0), (5, Fraction(45, 128))]
)
def test_triads_of_random_patterns(K, value):
    # Independent columns: the expectation is a sum over all triples of columns, equal ones included.
    x = all_columns(K)
    S = np.sign(x.T @ x)
    signed, present = np.trace(S @ S @ S), np.trace(abs(S) @ abs(S) @ abs(S))
    assert Fraction(int(present - signed), int(2 * present)) == value
    # A large instance has that fraction up to its fluctuations, about 1/N; five of them.
    found = triads(sl.ensembles.ra(N=300, K=K, rng=K))
    assert found.fraction == pytest.approx(float(value), abs=5 / 300)
    if K % 2 == 0:
        assert found.n_zero > 0


@pytest.mark.parametrize(
    ("K", "value"), [(1, 0), (2, 0), (3, Fraction(3, 8)), (4, Fraction(24, 89)), (5, Fraction(225, 512))]
)
def test_plaquettes_of_random_patterns(K, value):
    x = all_columns(K)
    S = np.sign(x.T @ x)
    signed, present = ((S @ S.T) ** 2).sum(), ((abs(S) @ abs(S).T) ** 2).sum()
    assert Fraction(int(present - signed), int(2 * present)) == value
    found = plaquettes(sl.ensembles.ra_rbm(V=200, H=300, K=K, rng=K))
    assert found.fraction == pytest.approx(float(value), abs=5 / 200)


@pytest.mark.parametrize("seed", range(4))
def test_index_by_all_states(seed):
    J = random_couplings(8, seed, density=0.6)
    states = naive.all_states(8)
    pairs = [(i, j) for i, j in itertools.combinations(range(8), 2) if J[i, j]]
    broken = np.array([[J[i, j] * s[i] * s[j] < 0 for i, j in pairs] for s in states])
    weight = np.array([abs(J[i, j]) for i, j in pairs])
    model = sl.models.DenseIsing(J, b=1.0)  # fields do not enter
    for form in (model, model.to_sparse()):
        found, weighted = frustration_index(form), frustration_index(form, weighted=True)
        assert found.certified
        assert found.index == broken.sum(1).min()
        assert found.fraction == pytest.approx(broken.sum(1).min() / len(pairs))
        assert weighted.index == pytest.approx((broken @ weight).min(), abs=1e-9)
        assert is_balanced(form) == (found.index == 0)


def test_index_of_two_layers():
    W = np.random.default_rng(1).normal(size=(4, 6))
    expected = min((np.outer(v, h) * W < 0).sum() for v in naive.all_states(4) for h in naive.all_states(6))
    assert frustration_index(sl.models.BipartiteIsing(W)).index == expected


@pytest.mark.parametrize("seed", range(8))
def test_balance_as_networkx_sees_it(seed):
    # With a new site in the middle of every positive edge, balanced graphs are those without odd cycles.
    J = random_couplings(12, seed, density=0.15)
    if seed % 2:
        signs = np.where(np.random.default_rng(seed).random(12) < 0.5, -1, 1)
        J = abs(J) * np.outer(signs, signs)
    graph = nx.Graph()
    graph.add_nodes_from(range(12))
    for i, j in zip(*np.nonzero(np.triu(J)), strict=True):
        if J[i, j] < 0:
            graph.add_edge(int(i), int(j))
        else:
            nx.add_path(graph, [int(i), (int(i), int(j)), int(j)])
    assert is_balanced(J) == nx.is_bipartite(graph)
    assert seed % 2 == 0 or is_balanced(J)


def test_gauge_invariance():
    model = sl.ensembles.sk(N=20, rng=1)
    signs = np.where(np.random.default_rng(2).random(20) < 0.5, -1, 1)
    J = model.couplings() * np.outer(signs, signs)
    assert triads(J) == triads(model)
    assert plaquettes(J) == plaquettes(model)
    assert frustration_index(J, weighted=True).index == pytest.approx(
        frustration_index(model, weighted=True).index
    )


def test_refusals():
    with pytest.raises(ValueError, match="no such loop"):
        _ = triads(np.zeros((4, 4))).fraction
    with pytest.raises(ValueError, match="no couplings"):
        frustration_index(np.zeros((4, 4)))


@pytest.mark.parametrize("N", [5, 20, 60])
def test_one_or_two_patterns_are_without_frustration(N):
    """Two patterns couple only sites where both agree or both differ: two Mattis models side by side."""
    for seed in range(10):
        assert all(is_balanced(sl.ensembles.ra(N, K, rng=seed)) for K in (1, 2))
    assert not is_balanced(sl.ensembles.ra(20, 3, rng=0))
