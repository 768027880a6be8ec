"""The state of a spanning forest: exact on trees, rings and unfrustrated graphs."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

import spinlab as sl
from spinlab.dynamics import search
from spinlab.dynamics._forest import forest_state
from spinlab.models import SparseIsing


def on_edges(graph, J, N=None, b=None):
    ends = np.array(graph.edges).reshape(-1, 2)
    return SparseIsing.from_edges(*ends.T, J, N or graph.number_of_nodes(), b)


@pytest.mark.parametrize("fields", [False, True])
def test_nothing_is_violated_without_frustration(fields):
    # A gauge of a ferromagnet on a lattice in two parts, with isolated spins, weak couplings and zeros.
    rng = np.random.default_rng(0)
    graph = nx.convert_node_labels_to_integers(nx.disjoint_union(nx.grid_2d_graph(5, 6), nx.cycle_graph(7)))
    s = rng.choice([-1, 1], 40)
    i, j = np.array(graph.edges).T
    size = rng.choice([0.0, 1e-300, 0.5, 2.0], len(i))
    b = rng.choice([0.0, 0.7], 40) * s if fields else None
    model = on_edges(graph, size * s[i] * s[j], 40, b)
    bound = -size.sum() - (0 if b is None else np.abs(b).sum())
    assert model.energy(forest_state(model)) == pytest.approx(bound, rel=1e-14)


def test_trees_and_rings():
    rng = np.random.default_rng(1)
    tree = nx.random_labeled_tree(50, seed=1)
    model = on_edges(tree, rng.normal(size=49))
    assert model.energy(forest_state(model)) == pytest.approx(-np.abs(model.edges()[2]).sum())
    J = rng.normal(size=31)
    J[0] *= -np.sign(np.prod(J))  # frustrated: the weakest is violated
    ring = on_edges(nx.cycle_graph(31), J)
    expected = -np.abs(J).sum() + 2 * np.abs(J).min()
    assert ring.energy(forest_state(ring)) == pytest.approx(expected)


def test_a_search_of_them_ends_at_once():
    chain = sl.ensembles.edwards_anderson(shape=(3000,), law="pm1", periodic=False, rng=0)
    found = search(chain, rng=0)
    assert (found.energy, found.stopped, found.n_steps) == (-2999, "bound", 0)
    empty = SparseIsing.from_edges([], [], [], 3)
    assert search(empty, rng=0).stopped == "bound"
