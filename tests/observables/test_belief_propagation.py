"""Belief propagation: exact on trees, known transitions on regular graphs, and what it says of itself."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from graphs import NUMBERS, model_on
from naive import all_states, energies, log_z_and_mean_energy

import spinlab as sl
from spinlab.observables import belief_propagation


@pytest.mark.parametrize("numbers", NUMBERS)
@pytest.mark.parametrize("beta", [0.0, 0.3, 2.0, 400.0])
def test_exact_without_loops(numbers, beta):
    """Forests with isolated sites and fields, against all states."""
    rng = np.random.default_rng(3)
    for seed in range(4):
        graph = nx.disjoint_union(nx.random_labeled_tree(8, seed=seed), nx.empty_graph(1))
        model = model_on(graph, numbers, 0.5, rng, offset=0.25)
        states = all_states(9)
        E = energies(model.couplings(), model.b, model.offset, states)
        p = np.exp(-beta * (E - E.min()))
        p /= p.sum()
        log_z, mean = log_z_and_mean_energy(model.couplings(), model.b, beta, model.offset)
        found = belief_propagation(model, beta)
        assert found.converged
        assert found.n_sweeps <= 12
        assert found.growth == found.variance_growth == 0.0
        assert found.log_partition == pytest.approx(log_z, rel=1e-12)
        assert found.mean_energy == pytest.approx(mean, rel=1e-10, abs=1e-10)
        np.testing.assert_allclose(found.magnetisation, p @ states, rtol=0, atol=1e-11)
        expected = p @ (states[:, found.i] * states[:, found.j])
        np.testing.assert_allclose(found.correlation, expected, rtol=0, atol=1e-11)


def test_random_regular_graphs_turn_where_the_cavity_method_says():
    """Degree 4: the ferromagnet at 3 tanh beta = 1, the spin glass at 3 tanh^2 beta = 1."""
    graph = nx.random_regular_graph(4, 120, seed=1)
    signs = model_on(graph, "signs", 0.0, np.random.default_rng(0))
    i, j, J = signs.edges()
    ferromagnet = sl.models.SparseIsing.from_edges(i, j, np.abs(J), 120)
    for beta in (0.1, 0.3, 0.5):
        at_zero = belief_propagation(ferromagnet, beta)
        assert not at_zero.magnetisation.any()
        assert at_zero.growth == pytest.approx(3 * np.tanh(beta), rel=1e-8)
        for model in (ferromagnet, signs):
            glass = belief_propagation(model, beta).variance_growth
            assert glass == pytest.approx(3 * np.tanh(beta) ** 2, rel=1e-8)
    up = belief_propagation(ferromagnet, 0.5, initial=np.ones(120))
    # The same equation for one message by bisection: u = atanh(tanh(beta) tanh(3 u)).
    low, high = 0.1, 2.0
    for _ in range(100):
        u = (low + high) / 2
        low, high = (u, high) if np.arctanh(np.tanh(0.5) * np.tanh(3 * u)) > u else (low, u)
    np.testing.assert_allclose(up.magnetisation, np.tanh(4 * u), rtol=1e-10)
    assert up.converged
    assert up.growth < 1
    assert up.log_partition > belief_propagation(ferromagnet, 0.5).log_partition


def test_growth_is_the_radius_of_the_non_backtracking_walk():
    """Written out as a matrix over directed edges, at a fixed point with fields."""
    model = model_on(nx.gnm_random_graph(40, 130, seed=2), "real", 0.7, np.random.default_rng(4))
    found = belief_propagation(model, 0.2)
    assert found.converged
    i, j, J = model.edges()
    edges = [*zip(i, j, 0.2 * J, strict=True), *zip(j, i, 0.2 * J, strict=True)]
    u = np.zeros(len(edges))  # of the messages a -> c, iterated once more by hand
    into = [[k for k, e in enumerate(edges) if e[1] == a and e[0] != c] for a, c, _ in edges]
    for _ in range(200):
        h = np.array([0.2 * model.b[a] + u[k].sum() for (a, _, _), k in zip(edges, into, strict=True)])
        t = np.tanh([e[2] for e in edges])
        u = np.arctanh(t * np.tanh(h))
    slope = t * (1 - np.tanh(h) ** 2) / (1 - (t * np.tanh(h)) ** 2)
    walk = np.zeros((len(edges), len(edges)))
    for e, k in enumerate(into):
        walk[e, k] = slope[e]
    assert found.growth == pytest.approx(np.abs(np.linalg.eigvals(walk)).max(), rel=0.02)
    variance = np.abs(np.linalg.eigvals(walk * slope[:, None])).max()
    assert found.variance_growth == pytest.approx(variance, rel=1e-6)


def test_a_loop_of_weak_couplings_errs_by_the_walk_around_it():
    """Ring of n: ln Z = n ln(2 cosh beta) + ln(1 + tanh^n beta), of which Bethe's has the first term."""
    for n, beta in ((5, 0.3), (12, 0.5)):
        ring = sl.models.SparseIsing.from_edges(np.arange(n), (np.arange(n) + 1) % n, np.ones(n), n)
        bethe = belief_propagation(ring, beta)
        assert bethe.log_partition == pytest.approx(n * np.log(2 * np.cosh(beta)), rel=1e-13)
        error = sl.log_partition(ring, beta) - bethe.log_partition
        assert error == pytest.approx(np.log1p(np.tanh(beta) ** n), rel=1e-8)
        assert bethe.growth == pytest.approx(np.tanh(beta), rel=1e-8)


def test_gauge_flips_and_starts():
    rng = np.random.default_rng(5)
    model = model_on(nx.gnm_random_graph(30, 45, seed=1), "real", 1.0, rng)
    g = rng.choice([-1, 1], 30)
    i, j, J = model.edges()
    turned = sl.models.SparseIsing.from_edges(i, j, J * g[i] * g[j], 30, model.b * g)
    a, b = belief_propagation(model, 0.4), belief_propagation(turned, 0.4)
    np.testing.assert_allclose(a.magnetisation, g * b.magnetisation, atol=1e-10)
    assert a.log_partition == pytest.approx(b.log_partition, rel=1e-12)
    for initial in ("random", g):
        other = belief_propagation(model, 0.4, initial=initial, rng=1)
        np.testing.assert_allclose(other.magnetisation, a.magnetisation, atol=1e-9)


def test_no_fixed_point_is_said():
    """A cold frustrated lattice: messages do not come to rest, or the fixed point is unstable."""
    model = sl.ensembles.edwards_anderson(shape=(12, 12), law="pm1", rng=0, periodic=True)
    found = belief_propagation(model, 2.0, initial="random", n_sweeps=100)
    assert not found.converged
    assert found.residual > 1e-12
    assert belief_propagation(model, 2.0).variance_growth > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": -1.0}, "beta"),
        ({"beta": np.nan}, "beta"),
        ({"n_sweeps": 0}, "n_sweeps"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"initial": "cold"}, "initial"),
        ({"initial": [1, 1, 1]}, "initial"),
        ({"initial": [[1, 1], [1, 1]]}, "one state"),
        ({"beta": 1e308}, "overflows"),
        ({"beta": 5e307}, "overflows"),  # finite couplings, an infinite sum of free energies
    ],
)
def test_bad_input(options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        belief_propagation([[0, 3], [3, 0]], **options)
