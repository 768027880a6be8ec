"""Laws, scales and structure of the ensembles."""

from __future__ import annotations

import math
from itertools import product

import networkx as nx
import numpy as np
import pytest
import scipy.stats
from naive import all_states, energies

from spinlab.ensembles import (
    _laws,
    edwards_anderson,
    hopfield,
    mattis,
    ra,
    ra_rbm,
    rbm_gaussian,
    rbm_glorot,
    rbm_uniform,
    sk,
    wishart_planted,
)

FALSE_ALARM = 1e-6  # of each Kolmogorov-Smirnov test


def within_five_sigma(x, mean, std):
    """The mean of independent numbers of known mean and standard deviation: false alarm 6e-7."""
    x = np.ravel(x)
    return abs(x.mean() - mean) < 5 * std / math.sqrt(x.size)


def follows(x, law):
    return scipy.stats.kstest(np.ravel(x), law.cdf).pvalue > FALSE_ALARM


LAWS = {
    "gaussian": scipy.stats.norm(),
    "uniform": scipy.stats.uniform(-math.sqrt(3), 2 * math.sqrt(3)),
}
FOURTH_MOMENT = {"gaussian": 3.0, "uniform": 9 / 5, "pm1": 1.0}


def check_law(x, law):
    """Mean 0, variance 1 and the law itself, for independent numbers x."""
    assert within_five_sigma(x, 0.0, 1.0)
    if law == "pm1":
        assert set(np.unique(x)) == {-1.0, 1.0}
        return
    assert within_five_sigma(np.square(x), 1.0, math.sqrt(FOURTH_MOMENT[law] - 1))
    assert follows(x, LAWS[law])


# Patterns


def test_mattis_has_its_pattern_as_ground_state():
    model = mattis(8, rng=1)
    xi = model.xi[0]
    J = np.outer(xi, xi) - np.eye(8)
    states = all_states(8)
    E = energies(J, np.zeros(8), 0.0, states)
    np.testing.assert_array_equal(model.energy(states), E)
    assert E.min() == -8 * 7 / 2
    ground = states[E == -28]
    assert len(ground) == 2
    assert {tuple(s) for s in ground} == {tuple(xi), tuple(-xi)}


def test_ra_with_one_pattern_is_mattis():
    np.testing.assert_array_equal(ra(9, K=1, rng=2).couplings(), mattis(9, rng=2).couplings())
    # and Hopfield's is the same up to its scale
    np.testing.assert_allclose(
        hopfield(9, K=1, rng=2).couplings() * 9, mattis(9, rng=2).couplings(), rtol=1e-15
    )


@pytest.mark.parametrize(("ensemble", "scale"), [(hopfield, 1 / 10), (ra, 1 / math.sqrt(3))])
def test_couplings_of_patterns(ensemble, scale):
    model = ensemble(10, 3, rng=4)
    xi = model.xi
    for i, j in product(range(10), repeat=2):
        J = scale * sum(xi[k, i] * xi[k, j] for k in range(3)) if i != j else 0.0
        assert model.couplings()[i, j] == pytest.approx(J, rel=1e-15)


def test_hopfield_and_ra_share_patterns():
    np.testing.assert_array_equal(hopfield(10, 3, rng=4).xi, ra(10, 3, rng=4).xi)


def test_weights_of_patterns():
    model = ra_rbm(4, 6, 5, rng=4)
    for i, a in product(range(4), range(6)):
        W = sum(model.xi_v[k, i] * model.xi_h[k, a] for k in range(5)) / math.sqrt(5)
        assert model.weights()[i, a] == pytest.approx(W, rel=1e-15)


def test_patterns_are_fair_and_independent():
    for xi in (ra(100, 100, rng=5).xi, hopfield(100, 100, rng=6).xi):
        check_law(xi, "pm1")
        check_law(xi[:, ::2] * xi[:, 1::2], "pm1")
        check_law(xi[::2] * xi[1::2], "pm1")
    rbm = ra_rbm(50, 60, 100, rng=7)
    xi = np.concatenate([rbm.xi_v, rbm.xi_h], axis=1)
    check_law(xi, "pm1")
    check_law(rbm.xi_v * rbm.xi_h[:, :50], "pm1")
    assert len(np.unique(xi, axis=1).T) == 110  # no site shares another's bits; false alarm 1e-26


@pytest.mark.parametrize("K", [1, 2, 10])
def test_regularized_axons_have_unit_std(K):
    # W^2 has mean 1; independent over models, one element each: 5 sigma, false alarm 6e-7.
    squares = [ra_rbm(1, 1, K, rng=seed).weights()[0, 0] ** 2 for seed in range(1000)]
    assert within_five_sigma(squares, 1.0, math.sqrt(2 - 2 / K)) or np.allclose(squares, 1.0)
    couplings = [ra(2, K, rng=seed).couplings()[0, 1] ** 2 for seed in range(1000)]
    assert within_five_sigma(couplings, 1.0, math.sqrt(2 - 2 / K)) or np.allclose(couplings, 1.0)


# Frustration of products of couplings around a loop; loops share no sites, so they are independent.


def frustrated_fraction(loops):
    loops = loops[loops != 0]
    return len(loops), (loops < 0).mean()


def triads(K, models=200, N=300):
    signs = []
    for seed in range(models):
        J = np.rint(ra(N, K, rng=seed).couplings() * math.sqrt(K))
        i = np.arange(0, N, 3)
        signs.append(J[i, i + 1] * J[i + 1, i + 2] * J[i + 2, i])
    return frustrated_fraction(np.concatenate(signs))


@pytest.mark.parametrize(("K", "fraction"), [(3, 3 / 8), (5, 45 / 128)])
def test_frustrated_triads(K, fraction):
    n, found = triads(K)
    assert n == 20_000  # odd K: no product vanishes
    # 5 sigma: false alarm 6e-7
    assert abs(found - fraction) < 5 * math.sqrt(fraction * (1 - fraction) / n)


@pytest.mark.parametrize("K", [1, 2, 4])
def test_triads_that_are_never_frustrated(K):
    n, found = triads(K, models=30)
    assert n > 100
    assert found == 0.0


@pytest.mark.parametrize(("K", "fraction"), [(3, 3 / 8), (4, 24 / 89), (5, 225 / 512)])
def test_frustrated_plaquettes(K, fraction):
    signs = []
    for seed in range(100):
        W = np.rint(ra_rbm(200, 200, K, rng=seed).weights() * math.sqrt(K))
        i = np.arange(0, 200, 2)
        signs.append(W[i, i] * W[i, i + 1] * W[i + 1, i] * W[i + 1, i + 1])
    n, found = frustrated_fraction(np.concatenate(signs))
    assert abs(found - fraction) < 5 * math.sqrt(fraction * (1 - fraction) / n)


# Independent couplings


@pytest.mark.parametrize("law", ["gaussian", "pm1", "uniform"])
def test_sk_law(law):
    model = sk(300, law=law, std=1.0, rng=8)
    upper = model.J[np.triu_indices(300, 1)]
    check_law(upper, law)
    assert within_five_sigma(upper[:-1:2] * upper[1::2], 0.0, 1.0)


def test_sk_default_variance_is_one_over_n():
    np.testing.assert_allclose(sk(50, rng=9).J * math.sqrt(50), sk(50, std=1.0, rng=9).J, rtol=1e-14)
    assert sk(400, law="pm1", rng=9).coupling_std() == pytest.approx(1 / 20, rel=1e-3)


def test_sk_pm1_has_integer_energies():
    J = sk(9, law="pm1", std=1, rng=10).J
    assert set(np.unique(J[np.triu_indices(9, 1)])) == {-1.0, 1.0}


@pytest.mark.parametrize(
    ("law", "N", "std", "E0"),
    # +-J: exact mean over all couplings; Gaussian: sampled elsewhere, -0.57220 +- 0.00025 per spin.
    [("pm1", 5, 1.0, -5.625), ("pm1", 6, 1.0, -8.220703125), ("gaussian", 8, None, -0.57220 * 8)],
)
def test_sk_ground_energies(law, N, std, E0):
    states = all_states(N - 1)
    states = np.concatenate([np.ones((len(states), 1)), states], axis=1)  # one state of each pair +-s
    ground = []
    for seed in range(1500):
        J = sk(N, law=law, std=std, rng=seed).J
        ground.append(-np.einsum("si,ij,sj->s", states, J, states, optimize=True).max() / 2)
    # 5 sigma (estimated), and the error of the reference
    assert abs(np.mean(ground) - E0) < 5 * np.std(ground) / math.sqrt(len(ground)) + 5 * 0.00025 * N


@pytest.mark.parametrize("std", [-1.0, np.nan, "1", True])
def test_sk_bad_std(std):
    with pytest.raises((ValueError, TypeError), match="std"):
        sk(3, std=std)


@pytest.mark.parametrize("law", ["normal", "", None, 3, "GAUSSIAN"])
def test_unknown_laws(law):
    for draw in (lambda: sk(3, law=law), lambda: edwards_anderson(shape=(3,), law=law)):
        with pytest.raises(ValueError, match=r"unknown law .*known: gaussian, uniform, pm1"):
            draw()


@pytest.mark.parametrize(
    ("ensemble", "law", "std"),
    [
        (rbm_gaussian, "gaussian", 1.0),
        (rbm_uniform, "uniform", 1.0),
        (rbm_glorot, "gaussian", math.sqrt(2 / 500)),
    ],
)
def test_rbm_laws(ensemble, law, std):
    W = ensemble(200, 300, rng=11).W
    check_law(W / std, law)
    assert within_five_sigma(W[::2] * W[1::2] / std**2, 0.0, 1.0)
    assert within_five_sigma(W[:, ::2] * W[:, 1::2] / std**2, 0.0, 1.0)


def test_glorot_is_the_gaussian_rescaled():
    W = rbm_gaussian(20, 1000, rng=12).W
    np.testing.assert_allclose(rbm_glorot(20, 1000, rng=12).W, W * math.sqrt(2 / 1020), rtol=1e-14)


def test_fields_of_both_layers():
    rbm = rbm_gaussian(100, 200, field_std=3.0, rng=13)
    check_law(rbm.bv / 3, "gaussian")
    check_law(rbm.bh / 3, "gaussian")
    check_law(sk(300, field_std=3.0, rng=13).b / 3, "gaussian")


# Edwards-Anderson


@pytest.mark.parametrize("law", ["gaussian", "pm1", "uniform"])
def test_edwards_anderson_law(law):
    check_law(edwards_anderson(shape=(50, 50), law=law, rng=14).edges()[2], law)
    graph = nx.random_regular_graph(4, 1000, seed=0)
    check_law(edwards_anderson(graph, law=law, rng=14).edges()[2], law)


@pytest.mark.parametrize("shape", [(5,), (3, 3), (4, 7), (3, 4, 5), (3, 3, 3, 3)])
@pytest.mark.parametrize("periodic", [True, False])
def test_lattices_are_those_of_networkx(shape, periodic):
    model = edwards_anderson(shape=shape, periodic=periodic, rng=0)
    site = {x: int(np.ravel_multi_index(x, shape)) for x in product(*map(range, shape))}
    # networkx counts axes from the last, and has plain numbers for sites in one dimension
    graph = nx.grid_graph(shape[::-1], periodic=periodic)
    edges = {frozenset(site[x if isinstance(x, tuple) else (x,)] for x in edge) for edge in graph.edges}
    i, j, _ = model.edges()
    assert {frozenset(edge) for edge in zip(i.tolist(), j.tolist(), strict=True)} == edges
    assert model.n_spins == math.prod(shape)
    bonds = sum(math.prod(shape) // L * (L - (not periodic)) for L in shape)
    assert model.n_edges == bonds
    if periodic:
        assert (np.diff(model.form().indptr) == 2 * len(shape)).all()


def test_one_open_axis():
    model = edwards_anderson(shape=(3, 2), periodic=(True, False), rng=0)
    assert model.n_edges == 2 * 3 + 3
    assert edwards_anderson(shape=(1, 4), periodic=False, rng=0).n_edges == 3
    assert edwards_anderson(shape=(1, 1), periodic=False, rng=0).n_edges == 0


@pytest.mark.parametrize("shape", [(2, 2), (2, 5), (4, 2), (2, 3, 2)])
@pytest.mark.parametrize("law", ["gaussian", "pm1"])
def test_bonds_around_a_short_torus_are_double(shape, law):
    """Every site has a bond of its own to the next one along each axis, as on longer tori."""
    model = edwards_anderson(shape=shape, law=law, rng=3)
    N = math.prod(shape)
    draws = _laws.draw(law, (N * len(shape),), np.random.default_rng(3)).reshape(len(shape), *shape)
    rng = np.random.default_rng(0)
    for s in rng.choice([-1, 1], size=(20, *shape)):
        E = -sum((draws[axis] * s * np.roll(s, -1, axis)).sum() for axis in range(len(shape)))
        np.testing.assert_allclose(model.energy(s.ravel()), E, rtol=1e-12, atol=1e-12)
    double = sum(N // 2 for L in shape if L == 2)
    assert model.n_edges == N * len(shape) - double


def test_parallel_edges_have_couplings_of_their_own():
    pairs = [("a", "b"), ("b", "c"), ("b", "a"), ("a", "b")]
    model = edwards_anderson(nx.MultiGraph(pairs), rng=15)
    J = np.random.default_rng(15).standard_normal(4)
    drawn = {}
    for (u, v), x in zip(nx.MultiGraph(pairs).edges(), J, strict=True):
        drawn.setdefault(frozenset((u, v)), []).append(x)
    number = {label: i for i, label in enumerate(model.labels)}
    for pair, values in drawn.items():
        i, j = (number[label] for label in pair)
        assert model.couplings()[i, j] == model.couplings()[j, i] == math.fsum(values)


@pytest.mark.parametrize(
    ("shape", "periodic", "error", "message"),
    [
        ((1, 2), True, ValueError, "axis 0 .*join a site to itself"),
        ((4, 1), True, ValueError, "axis 1 .*periodic=False"),
        ((4, 4), (True,), ValueError, "1 entries for 2 axes"),
        ((4, 4), (True, 1), TypeError, "periodic"),
        ((4, 4), "yes", TypeError, "periodic"),
        ((4, 4), None, TypeError, "periodic"),
        ((), True, TypeError, "shape"),
        (4, True, TypeError, "shape"),
        ("44", True, TypeError, "shape"),
    ],
)
def test_bad_lattices(shape, periodic, error, message):
    with pytest.raises(error, match=message):
        edwards_anderson(shape=shape, periodic=periodic)


def test_any_graph():
    graph = nx.Graph([("a", "b"), ("b", ("c", 1)), ("a", ("c", 1))])
    graph.add_node("lonely", field=99.0)
    graph["a"]["b"]["weight"] = 99.0
    model = edwards_anderson(graph, rng=15)
    assert model.labels == ("a", "b", ("c", 1), "lonely")
    # couplings in the order of the edges
    J = np.random.default_rng(15).standard_normal(3)
    number = {label: i for i, label in enumerate(model.labels)}
    for (u, v), x in zip(graph.edges, J, strict=True):
        assert model.couplings()[number[u], number[v]] == x
    assert not model.has_fields


@pytest.mark.parametrize(
    ("graph", "error", "message"),
    [
        (nx.Graph(), ValueError, "no nodes"),
        (nx.DiGraph([(0, 1)]), ValueError, "undirected"),
        (nx.MultiDiGraph([(0, 1), (0, 1)]), ValueError, "undirected"),
        (nx.Graph([(0, 0)]), ValueError, "self-loop at 0"),
        ((4, 4), TypeError, "for a lattice give shape="),
        (np.ones((2, 2)), TypeError, "ndarray"),
    ],
)
def test_bad_graphs(graph, error, message):
    with pytest.raises(error, match=message):
        edwards_anderson(graph)


def test_either_a_graph_or_a_shape():
    for kwargs in ({}, {"graph": nx.path_graph(3), "shape": (3, 3)}):
        with pytest.raises(ValueError, match="either a networkx graph or shape"):
            edwards_anderson(**kwargs)


def test_lattice_and_graph_without_edges():
    assert edwards_anderson(nx.empty_graph(3), rng=0).n_edges == 0


# Wishart planted


@pytest.mark.parametrize("K", [3, 10, 30])
def test_planted_state_is_the_ground_state(K):
    for seed in range(5):
        t = np.where(np.random.default_rng(seed).random(10) < 0.5, 1, -1)
        model = wishart_planted(10, K, state=t, rng=seed)
        states = all_states(10)
        E = energies(model.couplings(), np.zeros(10), 0.0, states)
        known = -(model.xi**2).sum() / 20
        np.testing.assert_allclose(E[(states == t).all(1) | (states == -t).all(1)], known, rtol=1e-13)
        assert E.min() == pytest.approx(known, rel=1e-13)


def test_only_the_planted_ensemble_needs_two_spins():
    for draw in (mattis, lambda N: ra(N, 1), lambda N: hopfield(N, 1), sk):
        assert draw(1).energy([1]) == 0.0
    with pytest.raises(ValueError, match="N must be at least 2"):
        wishart_planted(1, 1)


def test_planted_state_is_drawn_when_not_given():
    model = wishart_planted(10, 30, rng=16)
    E = energies(model.couplings(), np.zeros(10), 0.0, all_states(10))
    assert E.min() == pytest.approx(-(model.xi**2).sum() / 20, rel=1e-13)
    assert abs(all_states(10)[E.argmin()].sum()) < 10


def test_planted_vectors_have_the_stated_covariance():
    t = np.array([1, 1, -1, 1, -1])
    w = wishart_planted(5, 20_000, state=t, rng=17).xi
    np.testing.assert_allclose(w @ t, 0.0, atol=1e-13)
    covariance = 5 / 4 * (np.eye(5) - np.outer(t, t) / 5)
    # Var(w_i w_j) = C_ii C_jj + C_ij^2 <= 2; 5 sigma for 15 entries: false alarm 1e-5
    assert abs(w.T @ w / 20_000 - covariance).max() < 5 * math.sqrt(2 / 20_000)


@pytest.mark.parametrize("state", [[1, -1], np.zeros(4), "1111", np.ones((2, 4)), [1, 1, 1, np.nan]])
def test_bad_planted_states(state):
    with pytest.raises((ValueError, TypeError), match="state"):
        wishart_planted(4, 2, state=state)
