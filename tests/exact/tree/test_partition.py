"""ln Z, means, marginals and samples by tree decomposition, against enumeration and exact formulas."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pytest
import scipy.stats
from graphs import KINDS, NUMBERS, lattice, model_on, small_graph, strip
from model_forms import FORMS, make
from naive import all_states, energies, log_z_and_mean_energy

import spinlab as sl
from spinlab.exact import tree
from spinlab.exact.tree import elimination
from spinlab.models import SparseIsing

BETA_C = math.log(1 + math.sqrt(2)) / 2


def boltzmann(model, beta):
    """All states and their probabilities."""
    states = all_states(model.n_spins)
    E = energies(model.couplings(), model.b, model.offset, states)
    weights = np.exp(-beta * (E - E.min()))
    return states, weights / weights.sum()


def assert_marginals(model, beta, atol=1e-12):
    states, P = boltzmann(model, beta)
    m, c = tree.marginals(model, beta)
    i, j, _ = model.edges()
    np.testing.assert_allclose(m, P @ states, rtol=0, atol=atol)
    np.testing.assert_allclose(c, P @ (states[:, i] * states[:, j]), rtol=0, atol=atol)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("numbers", NUMBERS)
def test_small_graphs_agree_with_sums_over_all_states(kind, numbers):
    rng = np.random.default_rng([1, KINDS.index(kind), NUMBERS.index(numbers)])
    for trial in range(22):  # 528 in all
        model = model_on(small_graph(kind, rng), numbers, (0.0, 0.3, 1.0)[trial % 3], rng, offset=trial - 3.5)
        beta = (0.0, 0.01, 0.5, 1.0, 3.0, 30.0, 1000.0)[trial % 7]
        lnZ, U = log_z_and_mean_energy(model.couplings(), model.b, beta, model.offset)
        assert tree.log_partition(model, beta) == pytest.approx(lnZ, rel=1e-13, abs=1e-13)
        assert tree.mean_energy(model, beta) == pytest.approx(U, rel=1e-12, abs=1e-12)
        assert_marginals(model, beta, atol=1e-11)


@pytest.mark.parametrize("fields", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("beta", [0.1, 1.0, 1000.0])
def test_tables_of_several_blocks(fields, beta):
    """Widths of 12 and more: above 11 tables are halved where there are no fields."""
    rng = np.random.default_rng(int(10 * fields))
    for graph in (nx.gnp_random_graph(15, 0.95, seed=2), nx.complete_graph(14)):
        model = model_on(graph, "real", fields, rng)
        assert elimination.plan(model).width > 11
        lnZ, U = log_z_and_mean_energy(model.couplings(), model.b, beta)
        assert tree.log_partition(model, beta) == pytest.approx(lnZ, rel=1e-13)
        assert tree.mean_energy(model, beta) == pytest.approx(U, rel=1e-12)
        assert_marginals(model, beta)


@pytest.mark.parametrize("fields", [0.0, 0.3])
def test_the_matrix_product_of_dense_models_agrees(fields):
    rng = np.random.default_rng(3)
    betas = np.array([0.0, 0.3, 2.0, 200.0])
    for graph in (nx.random_regular_graph(4, 22, seed=1), nx.gnp_random_graph(20, 0.5, seed=2)):
        model = model_on(graph, "real", fields, rng)
        for function in (sl.log_partition, sl.mean_energy):
            np.testing.assert_allclose(
                function(model, betas, "tree"), function(model, betas, "enumeration"), rtol=1e-11, atol=1e-11
            )


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_every_form_of_model(form):
    case = make(form, integer=False, fields=True)
    lnZ, U = log_z_and_mean_energy(case.J, case.b, 0.8, case.offset)
    assert tree.log_partition(case.model, 0.8) == pytest.approx(lnZ, rel=1e-13)
    assert tree.mean_energy(case.model, 0.8) == pytest.approx(U, rel=1e-12)


def kaufman(L, K):
    """ln Z of the ferromagnetic L x L torus (Kaufman, Phys. Rev. 76, 1232 (1949)), J = 1 and K = beta."""

    def gamma(l):
        if l == 0:
            return 2 * K + math.log(math.tanh(K))
        return math.acosh(math.cosh(2 * K) / math.tanh(2 * K) - math.cos(math.pi * l / L))

    def log_product(parity, sign):
        """ln |prod of 2 cosh or 2 sinh (L gamma / 2)| over l of this parity, and its sign."""
        total, signs = 0.0, 1
        for l in range(parity, 2 * L, 2):
            x = L * gamma(l) / 2
            if sign < 0 and x == 0:
                return -math.inf, 1
            total += abs(x) + math.log1p(sign * math.exp(-2 * abs(x)))
            if sign < 0 and x < 0:
                signs = -signs
        return total, signs

    terms = [log_product(parity, sign) for parity in (1, 0) for sign in (1, -1)]
    top = max(log for log, _ in terms)
    total = sum(sign * math.exp(log - top) for log, sign in terms)
    return top + math.log(total / 2) + L * L / 2 * math.log(2 * math.sinh(2 * K))


def torus(L, J=1.0):
    graph = nx.convert_node_labels_to_integers(lattice(L, L, periodic=True))
    i, j = np.array(list(graph.edges)).T
    return SparseIsing.from_edges(np.minimum(i, j), np.maximum(i, j), np.full(len(i), J), L * L)


@pytest.mark.parametrize("L", [4, 6, 8])
@pytest.mark.parametrize("beta", [0.4, BETA_C, 0.5])
def test_kaufmans_torus(L, beta):
    exact = kaufman(L, beta)
    assert tree.log_partition(torus(L), beta) == pytest.approx(exact, rel=1e-13, abs=1e-10)
    # On a lattice of two sublattices the antiferromagnet is the same.
    assert tree.log_partition(torus(L, -1.0), beta) == pytest.approx(exact, rel=1e-13, abs=1e-10)


@pytest.mark.parametrize("L", [4, 6, 8])
def test_the_mean_energy_is_the_slope_of_kaufmans_formula(L):
    h = 1e-6
    for beta in (0.3, BETA_C, 0.6):
        U = -(kaufman(L, beta + h) - kaufman(L, beta - h)) / (2 * h)
        assert tree.mean_energy(torus(L), beta) == pytest.approx(U, rel=1e-8)


def test_the_histogram_of_the_4x4_torus():
    E = np.arange(-32, 33, 4)
    g = np.array([2, 0, 32, 64, 424, 1728, 6688, 13568, 20524])
    g = np.concatenate([g, g[-2::-1]])
    assert g.sum() == 2**16
    assert sl.ground_state(torus(4), "tree", degeneracy=True).degeneracy == 2
    for beta in (0.0, 0.05, 0.2, 0.44, 1.0, 5.0):
        w = g * np.exp(-beta * (E + 32.0))
        lnZ = math.log(w.sum()) + 32 * beta
        assert tree.log_partition(torus(4), beta) == pytest.approx(lnZ, rel=1e-14)
        assert tree.mean_energy(torus(4), beta) == pytest.approx(
            (w * E).sum() / w.sum(), rel=1e-13, abs=1e-12
        )


def test_long_chains_and_rings():
    """Z = prod 2 cosh beta J of an open chain; a ring adds prod 2 sinh beta J."""
    rng = np.random.default_rng(4)
    n, beta = 20_000, 1.5
    J = rng.normal(size=n)
    sites = np.arange(n)
    log_cosh = np.logaddexp(beta * J, -beta * J)
    chain = SparseIsing.from_edges(sites[:-1], sites[1:], J[:-1], n)
    assert tree.log_partition(chain, beta) == pytest.approx(log_cosh[:-1].sum() + math.log(2), rel=1e-13)
    U = -(J * np.tanh(beta * J))[:-1].sum()
    assert tree.mean_energy(chain, beta) == pytest.approx(U, rel=1e-12)
    _, c = tree.marginals(chain, beta)
    np.testing.assert_allclose(c, np.tanh(beta * J[:-1]), rtol=0, atol=1e-12)
    ring = SparseIsing.from_edges(*np.sort([sites[:9], np.roll(sites[:9], 1)], axis=0), J[:9], 9)
    tanh = np.prod(np.tanh(beta * J[:9]))
    lnZ = log_cosh[:9].sum() + math.log1p(tanh)
    assert tree.log_partition(ring, beta) == pytest.approx(lnZ, rel=1e-13)


@pytest.mark.parametrize("fields", [0.0, 0.2])
def test_marginals_give_the_mean_energy_and_the_slope_of_ln_z(fields):
    model = strip(18, 13, np.random.default_rng(5), fields, "real")
    J = model.edges()[2]
    beta, h = 0.7, 1e-5
    m, c = tree.marginals(model, beta)
    U = tree.mean_energy(model, beta)
    assert -(J @ c) - model.b @ m == pytest.approx(U, rel=1e-12)
    higher, lower = tree.log_partition(model, np.array([beta + h, beta - h]))
    assert -(higher - lower) / (2 * h) == pytest.approx(U, rel=1e-7)
    if not fields:
        assert not m.any()


def test_edges_without_coupling_have_a_correlation():
    model = SparseIsing.from_edges([0, 1, 0], [1, 2, 2], [1.0, 1.0, 0.0], 3)
    _, c = tree.marginals(model, 0.5)
    t = math.tanh(0.5)
    np.testing.assert_allclose(c, [t, t * t, t], atol=1e-15)  # edges (0, 1), (0, 2), (1, 2)


def test_edges_without_coupling_count_for_the_width_of_the_marginals():
    i, j = np.array(list(nx.complete_graph(60).edges)).T
    model = SparseIsing.from_edges(i, j, (j == i + 1).astype(float), 60)
    assert tree.log_partition(model, 1.0) == pytest.approx(59 * math.log(2 * math.cosh(1)) + math.log(2))
    with pytest.raises(ValueError, match="1770 couplings of 60 spins mean a width of 59"):
        tree.marginals(model, 1.0)


@pytest.mark.parametrize("seed", range(6))
def test_samples_follow_the_boltzmann_distribution(seed):
    """Chi-square over all states: a false alarm once in 10^6 for each seed, if samples are right."""
    rng = np.random.default_rng(seed)
    graph = nx.gnp_random_graph(7, 0.45, seed=seed)
    model = model_on(graph, "real", (0.0, 0.5, 1.0)[seed % 3], rng)
    beta, n = 0.8, 20_000
    states, P = boltzmann(model, beta)
    s = tree.samples(model, n, beta, rng=seed)
    numbers = (s > 0) @ (1 << np.arange(7))[::-1]
    counts = np.bincount(numbers, minlength=2**7)
    assert np.array_equal((states > 0) @ (1 << np.arange(7))[::-1], np.arange(2**7))
    rare = n * P < 5
    observed = np.append(counts[~rare], counts[rare].sum())
    expected = n * np.append(P[~rare], P[rare].sum())
    used = expected > 0
    chi2 = ((observed - expected)[used] ** 2 / expected[used]).sum()
    assert chi2 < scipy.stats.chi2.isf(1e-6, used.sum() - 1)


@pytest.mark.parametrize("fields", [0.0, 0.3])
def test_samples_of_wide_graphs_have_the_exact_marginals(fields):
    """484 means of 4000 samples within 5.5 sigma: a false alarm in 5000 of such tests."""
    model = strip(13, 13, np.random.default_rng(6), fields, "real")
    assert elimination.plan(model).width > 11
    n, beta = 4000, 0.6
    m, c = tree.marginals(model, beta)
    s = tree.samples(model, n, beta, rng=7).astype(float)
    i, j, _ = model.edges()
    for mean, exact in ((s.mean(0), m), ((s[:, i] * s[:, j]).mean(0), c)):
        sigma = np.sqrt((1 - exact**2) / n)
        assert np.abs((mean - exact) / sigma).max() < 5.5


def test_samples_at_low_temperature_are_ground_states():
    model = strip(8, 12, np.random.default_rng(8), 0.5, "real")
    ground = sl.ground_state(model, "tree")
    s = tree.samples(model, 10, 1e6, rng=0)
    np.testing.assert_array_equal(s, np.tile(ground.state, (10, 1)))


def test_samples_depend_on_the_seed_alone():
    model = strip(6, 6, np.random.default_rng(9))
    a = tree.samples(model, 600, 0.5, rng=1, threads=1)
    np.testing.assert_array_equal(a, tree.samples(model, 600, 0.5, rng=1, threads=3))
    np.testing.assert_array_equal(a[:100], tree.samples(model, 100, 0.5, rng=1))
    assert not np.array_equal(a, tree.samples(model, 600, 0.5, rng=2))
    assert tree.samples(model, 0).shape == (0, 36)


def test_threads_change_nothing():
    model = strip(18, 17, np.random.default_rng(10), 0.3, "real")
    assert elimination.plan(model).steps.size.max() >= 2**16  # otherwise nothing is shared out
    for function in (tree.log_partition, tree.mean_energy):
        assert function(model, 0.7, threads=1) == function(model, 0.7, threads=3)
    for one, three in zip(*(tree.marginals(model, 0.7, threads=t) for t in (1, 3)), strict=True):
        np.testing.assert_array_equal(one, three)


def test_many_betas_and_extreme_ones():
    model = strip(4, 5, np.random.default_rng(11), 0.5, "real")
    betas = np.array([0.0, 0.5, 1e8])
    lnZ = tree.log_partition(model, betas)
    assert lnZ.shape == (3,)
    assert lnZ[0] == pytest.approx(20 * math.log(2), rel=1e-15)
    E0 = sl.ground_state(model).energy
    assert lnZ[2] == pytest.approx(-1e8 * E0, rel=1e-13)
    assert tree.mean_energy(model, betas)[2] == pytest.approx(E0, rel=1e-13)
    assert tree.log_partition(model, np.array([])).shape == (0,)


@pytest.mark.parametrize("beta", [-1.0, np.nan, np.inf, 1e308, "1", [[1.0]]])
def test_bad_betas_are_refused(beta):
    model = SparseIsing.from_edges([0], [1], [1e10], 2)
    functions = [tree.log_partition, tree.mean_energy, tree.marginals]
    for function in [*functions, lambda model, beta: tree.samples(model, 3, beta)]:
        with pytest.raises((ValueError, TypeError), match="beta"):
            function(model, beta)


def test_bad_counts_and_wide_graphs_are_refused():
    model = strip(3, 3, np.random.default_rng(12))
    with pytest.raises(ValueError, match="n_samples must be at least 0"):
        tree.samples(model, -1)
    wide = strip(60, 60, np.random.default_rng(13))
    for function in (tree.log_partition, tree.marginals):
        with pytest.raises(ValueError, match="limit is width 28"):
            function(wide, 1.0)
