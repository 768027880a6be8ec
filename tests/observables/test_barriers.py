"""Barriers against minimax paths by another algorithm, and by hand."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest

import spinlab as sl
from spinlab.observables import barriers


def by_paths(energy, n, even):
    """Depth of each local minimum: the lowest way to a lower state, by a spanning tree of the state graph."""
    states = list(itertools.product([-1, 1], repeat=n))
    graph = nx.Graph()
    for s in states:
        for i in range(n):
            t = tuple(-x if j == i else x for j, x in enumerate(s))
            ends = [max(q, tuple(-x for x in q)) if even else q for q in (s, t)]
            graph.add_edge(*ends, weight=max(energy(s), energy(t)))
    tree = nx.minimum_spanning_tree(graph)
    U = {s: energy(s) for s in graph}
    depths = []
    for s in graph:
        if any(U[t] < U[s] for t in graph[s]):
            continue
        lower = [t for t in graph if U[t] < U[s]]
        ways = [nx.shortest_path(tree, s, t) for t in lower]  # the path in the tree is a minimax path
        if ways:
            depths.append(min(max(U[x] for x in way) for way in ways) - U[s])
    return sorted(depths, reverse=True)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("even", [True, False])
def test_against_spanning_trees(even, seed):
    rng = np.random.default_rng(seed)
    sector = "even" if even else "all"
    W = rng.normal(size=(6, 3)) * 1.5
    J = np.triu(rng.normal(size=(6, 6)), 1)
    b = np.zeros(6) if even else 0.1 * rng.normal(size=6)  # no ties of two inverse states
    dense = barriers(sl.models.DenseIsing(J + J.T, b), sector=sector, beta=2.0)
    np.testing.assert_allclose(
        dense.depths, by_paths(lambda s: -2 * (np.array(s) @ (J @ s + b)), 6, even), atol=1e-12
    )
    if even:
        layered = barriers(sl.models.BipartiteIsing(W))
        F = by_paths(lambda v: -np.log(2 * np.cosh(v @ W)).sum(), 6, even)
        np.testing.assert_allclose(layered.depths, F, atol=1e-12)
        both = barriers(sl.models.BipartiteIsing(W[:3]), landscape="energy")
        E = by_paths(lambda s: -np.array(s[:3]) @ W[:3] @ s[3:], 6, even)
        np.testing.assert_allclose(both.depths, E, atol=1e-12)
        assert both.landscape == "energy"


def test_by_hand():
    """A ferromagnet of two layers: between all up and all down one layer crosses zero while h follows."""
    flat = barriers(sl.models.BipartiteIsing(np.zeros((3, 2))), sector="all")
    assert (flat.height, flat.n_valleys) == (0.0, 1)
    n, w = 4, 0.8
    magnet = barriers(sl.models.BipartiteIsing(np.full((n, 5), w)), sector="all")
    assert magnet.height == pytest.approx(5 * (np.logaddexp(n * w, -n * w) - np.log(2)))
    assert magnet.n_valleys == 2
    assert barriers(sl.models.BipartiteIsing(np.full((n, 5), w))).n_valleys == 1


def test_valleys_of_generic_energies_are_the_strict_minima():
    model = sl.ensembles.sk(12, rng=5)
    s = np.array(list(itertools.product([-1, 1], repeat=12)))
    minima = (s * (s @ model.couplings()) > 0).all(1).sum()
    assert barriers(model, sector="all").n_valleys == minima
    assert 2 * barriers(model).n_valleys == minima


def test_the_height_is_the_activation_of_the_slowest_mode():
    """d ln(time) / d beta at low temperature: Hajek's depth."""
    model = sl.ensembles.sk(9, rng=3)
    times = [sl.observables.relaxation_time(model, dynamics="heat_bath", beta=b).time for b in (20.0, 40.0)]
    slope = np.log(times[1] / times[0]) / 20
    assert slope == pytest.approx(barriers(model).height, rel=0.01)


def test_refusals():
    with pytest.raises(ValueError, match="up to 20 visible sites, got 21"):
        barriers(sl.ensembles.rbm_gaussian(21, 2, rng=0))
    with pytest.raises(ValueError, match="up to 24 sites, got 25"):
        barriers(sl.ensembles.sk(25, rng=0))
    with pytest.raises(ValueError, match='use landscape="energy"'):
        barriers(sl.ensembles.sk(5, rng=0), landscape="free_energy")
