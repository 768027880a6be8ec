"""ln Z and <E> of planar graphs by the determinant, against lists of states, trees and closed formulas."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from naive import log_z_and_mean_energy
from scipy.spatial import Delaunay

import spinlab as sl
from spinlab.exact import planar, tree
from spinlab.exact.planar import partition as planar_partition
from spinlab.models import SparseIsing


def triangulation(rng, n, keep=1.0):
    """Edges of random points, some of them left out (so that the graph may fall apart)."""
    simplices = Delaunay(rng.normal(size=(n, 2))).simplices
    ends = {tuple(sorted(pair)) for t in simplices.tolist() for pair in zip(t, t[1:] + t[:1], strict=True)}
    return np.array([e for e in sorted(ends) if rng.random() < keep])


def model_of(rng, ends, n, kind, b=None):
    J = {
        "real": lambda: rng.normal(size=len(ends)),
        "signs": lambda: rng.choice([-1.0, 1.0], len(ends)),
        "ferromagnet": lambda: np.ones(len(ends)),
        "antiferromagnet": lambda: -np.ones(len(ends)),
    }[kind]()
    return SparseIsing.from_edges(ends[:, 0], ends[:, 1], J, n, b, offset=0.5)


def grid(L, M, periodic=False):
    graph = nx.grid_2d_graph(L, M, periodic=(periodic, False))
    return np.array([(a * M + b, c * M + d) for (a, b), (c, d) in graph.edges])


@pytest.mark.parametrize("kind", ["real", "signs", "ferromagnet", "antiferromagnet"])
@pytest.mark.parametrize("keep", [1.0, 0.7, 0.4])
def test_random_planar_graphs_against_all_states(kind, keep):
    rng = np.random.default_rng(int(10 * keep))
    for n in (4, 7, 10):
        ends = triangulation(rng, n, keep)
        if len(ends) == 0:
            continue
        # A field on one site keeps the graph planar: one more edge, to the ghost.
        b = np.zeros(n)
        b[0] = rng.normal() * rng.integers(0, 2)
        model = model_of(rng, ends, n, kind, b)
        for beta in (0.0, 0.01, 0.4, 1.3):
            log_z, energy = log_z_and_mean_energy(model.couplings(), model.b, beta, model.offset)
            assert planar.log_partition(model, beta) == pytest.approx(log_z, rel=1e-11, abs=1e-10)
            assert planar.mean_energy(model, beta) == pytest.approx(energy, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("kind", ["real", "signs", "ferromagnet"])
@pytest.mark.parametrize("periodic", [False, True])
def test_lattices_against_tree_decomposition(kind, periodic):
    rng = np.random.default_rng(5)
    model = model_of(rng, grid(12, 9, periodic), 108, kind)
    betas = np.array([0.1, 0.44, 1.0])
    log_z = planar.log_partition(model, betas)
    np.testing.assert_allclose(log_z, tree.log_partition(model, betas), rtol=1e-12)
    energy = planar.mean_energy(model, betas)
    np.testing.assert_allclose(energy, tree.mean_energy(model, betas), rtol=1e-10)


def test_a_triangulation_of_many_sites_against_tree_decomposition():
    rng = np.random.default_rng(6)
    model = model_of(rng, triangulation(rng, 120), 120, "real")
    for beta in (0.3, 1.0):
        exact = tree.log_partition(model, beta)
        assert planar.log_partition(model, beta) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("kind", ["real", "signs", "antiferromagnet"])
def test_the_error_stays_below_its_bound_until_it_is_refused(kind):
    """From high temperature to where the determinant has lost all digits."""
    rng = np.random.default_rng(7)
    ends = triangulation(rng, 40) if kind == "antiferromagnet" else grid(9, 9)
    model = model_of(rng, ends, 40 if kind == "antiferromagnet" else 81, kind)
    matrix = planar_partition._Turns(model)
    size = float(np.abs(model.edges()[2]).sum())
    refused = 0
    with np.errstate(all="ignore"):
        for beta in (0.1, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 15.0, 40.0, 1e3):
            ways = [(matrix.log_z(beta, proven), "log_partition") for proven in (True, False)]
            for (value, bound), function in [*ways, (matrix.energy(beta), "mean_energy")]:
                exact = getattr(tree, function)(model, beta)
                assert not np.isfinite(bound) or abs(value - exact) <= bound + 1e-12 * abs(exact)
                if not bound <= planar_partition.MAX_ERROR * (1 if function == "log_partition" else size):
                    refused += 1
                    with pytest.raises(ValueError, match=r"rounding may move .* Instead: the method 'tree'"):
                        getattr(planar, function)(model, beta)
    assert refused >= 6


def test_a_bound_that_is_asked_for_owes_nothing_to_chance(monkeypatch):
    """The norm of the inverse from all its columns; random vectors that happen to see nothing of it."""
    model = model_of(np.random.default_rng(1), grid(5, 5), 25, "signs")
    beta = 1.2
    turns = planar_partition._Turns(model)
    _, bound = planar.log_partition(model, beta, error=True)
    _, likely = turns.log_z(beta, proven=False)
    m = 2 * len(turns.J)
    A = np.eye(m, dtype=complex)
    A[turns.e, turns.f] -= np.tanh(beta * np.tile(turns.J, 2))[turns.e] * turns.phase
    moved = np.linalg.norm(np.linalg.inv(A)) * turns._factors(beta)[1]
    assert moved < bound < likely

    class Blind:
        def normal(self, size):
            return np.zeros(size)

    monkeypatch.setattr(np.random, "default_rng", lambda *_: Blind())
    assert planar.log_partition(model, beta, error=True)[1] == bound
    assert turns.log_z(beta, proven=False)[1] < moved


@pytest.mark.parametrize("kind", ["real", "signs"])
def test_the_default_decides_as_the_proven_bound_does(kind):
    model = model_of(np.random.default_rng(3), grid(8, 8), 64, kind)
    turns = planar_partition._Turns(model)
    taken, settled_by_all_columns = [], 0
    with np.errstate(all="ignore"):
        for beta in np.geomspace(0.5, 6.0, 25):
            value, bound = turns.log_z(beta, proven=True)
            taken.append(bound <= 1e-9 * max(1.0, abs(value)))
            if taken[-1]:
                assert planar.log_partition(model, beta) == value
            else:
                with pytest.raises(ValueError, match="rounding may move"):
                    planar.log_partition(model, beta)
            settled_by_all_columns += turns.log_z(beta, proven=False)[1] == bound
    assert 5 < sum(taken) < 20
    assert settled_by_all_columns >= 2


def test_ferromagnets_do_not_cancel():
    model = model_of(np.random.default_rng(0), grid(10, 10), 100, "ferromagnet")
    beta = 100.0
    expected = np.log(2) + beta * (180 - 0.5)  # all spins equal; the offset
    assert planar.log_partition(model, beta) == pytest.approx(expected, rel=1e-13)


def test_trees_and_edges_cases():
    path = SparseIsing.from_edges(range(9), range(1, 10), np.linspace(-2, 2, 9), 10)
    expected = 10 * np.log(2) + np.log(np.cosh(0.7 * np.linspace(-2, 2, 9))).sum()
    assert planar.log_partition(path, 0.7) == pytest.approx(expected, rel=1e-14)
    alone = SparseIsing.from_edges([], [], [], 3)
    assert planar.log_partition(alone, [0.0, 2.0]).tolist() == pytest.approx([3 * np.log(2)] * 2)
    assert planar.mean_energy(alone, 1.0) == 0.0
    with pytest.raises(ValueError, match=r"without crossings|more than the 3N-6"):
        planar.log_partition(np.ones((6, 6)) - np.eye(6), 1.0)
    with pytest.raises(ValueError, match="beta must be 0 or more"):
        planar.log_partition(path, -1.0)
    with pytest.raises(ValueError, match="rounding may move"):
        planar.mean_energy(path, 1e-100)


def test_the_front_door_takes_it_where_nothing_else_can():
    """L = 40 is too wide for tree decomposition; narrower lattices are left to it."""
    model = model_of(np.random.default_rng(2), grid(40, 40), 1600, "signs")
    log_z = sl.log_partition(model, 0.8)
    # ln Z = N ln 2 + M ln cosh beta + corrections by closed curves, whose signs cancel on average.
    free = 1600 * np.log(2) + 3120 * np.log(np.cosh(0.8)) - 0.8 * 0.5
    assert log_z == pytest.approx(free, rel=0.03)
    narrow = model_of(np.random.default_rng(2), grid(6, 6), 36, "signs")
    assert sl.log_partition(narrow, 50.0) == pytest.approx(tree.log_partition(narrow, 50.0), rel=1e-13)
    assert sl.log_partition(narrow, 0.8, "planar") == pytest.approx(sl.log_partition(narrow, 0.8), rel=1e-12)
