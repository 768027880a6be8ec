"""Every sampler reaches every state from every state, without a period, at every beta, and relaxes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.sparse
import sweeps_of_chains as exact
from naive import all_states

import spinlab as sl
from spinlab.dynamics import anneal, block_gibbs, gibbs, metropolis, parallel_tempering, population_annealing

BETAS = (0.0, 0.02, 0.3, 1.0)
ORDERS = ("sequential", "random")
LOOPS = ({"multispin": False}, {"multispin": True}, {"order": "random"})
NAMED = exact.named_models()


def check(J, beta, order):
    """One class, no period, and a relaxation time at most three times the heat bath's."""
    K = exact.sweep(J, beta, exact.metropolis(J, beta), order)
    assert exact.one_class_without_period(K > 0).all()
    slowest = exact.second_eigenvalue(K)
    reference = exact.second_eigenvalue(exact.sweep(J, beta, exact.heat_bath, order))
    # -1/ln slowest <= -3/ln reference. Eigenvalues near 0 are defective: rounding gives them 1e-3.
    assert (slowest <= reference ** (1 / 3) + 1e-3).all()
    if beta == 0 and order == "sequential":
        assert (slowest < 1e-3).all()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", NAMED)
def test_metropolis_on_models_of_the_field(name, order):
    for beta in BETAS:
        check(NAMED[name], beta, order)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_metropolis_on_every_signed_graph_in_every_labelling(n):
    graphs = exact.signed_graphs(n)
    # Graphs with labels, each with 2^(edges - n + parts) gauges.
    assert len(graphs) == {1: 1, 2: 2, 3: 9, 4: 108, 5: 3969}[n]
    for beta in BETAS:
        for part in range(0, len(graphs), 500):
            check(graphs[part : part + 500], beta, "sequential")


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, pytest.param(6, marks=pytest.mark.slow)])
def test_metropolis_in_random_order_on_every_signed_graph(n):
    # All sites are drawn alike: a relabelling permutes rows and columns of the matrix, and one is enough.
    graphs = exact.unlabelled_signed_graphs(n)
    for beta in BETAS:
        for part in range(0, len(graphs), 100):
            check(graphs[part : part + 100], beta, "random")


@pytest.mark.slow
def test_metropolis_on_every_signed_graph_of_six_sites_in_ten_labellings():
    rng = np.random.default_rng(1)
    for J in np.array_split(exact.unlabelled_signed_graphs(6), 13):
        for _ in range(10):
            order = rng.permutation(6)
            for beta in BETAS:
                check(J[:, order[:, None], order], beta, "sequential")


def test_oracles_of_the_graphs_agree():
    # 5 classes of labellings and gauges on three sites: no edge, one, two, a triangle of either sign.
    assert [len(exact.unlabelled_signed_graphs(n)) for n in (1, 2, 3)] == [1, 2, 5]
    rng = np.random.default_rng(0)
    graphs = rng.random((300, 6, 6)) < rng.uniform(0.1, 0.5, (300, 1, 1))
    verdicts = [exact.classes_and_period(graph) == (1, 1) for graph in graphs]
    assert exact.one_class_without_period(graphs).tolist() == verdicts
    assert 50 < sum(verdicts) < 250
    J = exact.signed_graphs(4)[::9]
    K = exact.sweep(J, 0.3, exact.metropolis(J, 0.3), "sequential")
    by_size = np.sort(np.abs(np.linalg.eigvals(K)))
    assert np.allclose(exact.second_eigenvalue(K), by_size[:, -2], atol=1e-6)


def test_metropolis_rule_alone_would_fail_these_tests():
    # Numbers of classes of one sweep in order, by hand for the smallest: a free spin only alternates.
    rings = [exact.sweep(J, 0.5, exact.metropolis_alone(J, 0.5), "sequential") > 0 for J in
             (exact.ring(4), exact.ring(5), exact.ring(6), exact.ring(8))]  # fmt: skip
    assert [exact.classes_and_period(graph)[0] for graph in rings] == [2, 3, 3, 4]
    free = exact.sweep(np.zeros((2, 2)), 1.0, exact.metropolis_alone(np.zeros((2, 2)), 1.0), "sequential") > 0
    assert exact.classes_and_period(free) == (2, 2)
    graphs = exact.signed_graphs(4)
    every = exact.sweep(graphs, 0.5, exact.metropolis_alone(graphs, 0.5), "sequential") > 0
    assert 0.1 < exact.one_class_without_period(every).mean() < 0.9


def seen(sampler, models, beta, n_each=150, **options):
    """Which states follow which in one step of the sampler itself: booleans (models, 2^n, 2^n).

    The models, of one size and one number of couplings, run side by side as parts of one.
    """
    n, count = len(models[0]), len(models)
    starts = np.repeat(all_states(n), n_each, axis=0)
    blocks = [scipy.sparse.coo_array(J) for J in models]
    together = sl.models.SparseIsing(scipy.sparse.block_diag(blocks, format="csr"))
    chains = sampler(together, 1, len(starts), beta=beta, initial=np.tile(starts, count), rng=3, **options)
    ends = (chains.states.reshape(len(starts), count, n) > 0) @ (1 << np.arange(n - 1, -1, -1))
    possible = np.zeros((count, 2**n, 2**n), dtype=bool)
    possible[np.arange(count), np.repeat(np.arange(2**n), n_each)[:, None], ends] = True
    return possible


@pytest.mark.parametrize("sampler", [gibbs, metropolis])
@pytest.mark.parametrize("n", [2, 3, 4, pytest.param(5, marks=pytest.mark.slow)])
def test_the_samplers_themselves_connect_all_states(sampler, n):
    # A transition of probability p is missed with probability (1 - p)^150; a few likely ones connect.
    every = exact.signed_graphs(n)
    n_couplings = np.count_nonzero(every, axis=(1, 2))
    for m in np.unique(n_couplings):
        models = every[n_couplings == m]
        for part in range(0, len(models), 200):
            for beta, loop in itertools.product((0.0, 0.3), LOOPS):
                graphs = seen(sampler, models[part : part + 200], beta, **loop)
                assert exact.one_class_without_period(graphs).all()


@pytest.mark.parametrize("sampler", [gibbs, metropolis])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("J", [exact.ring(4), exact.ring(5), exact.triangle_with_a_tail(), exact.torus(2, 2)])
def test_one_step_follows_the_exact_matrix(sampler, order, J):
    # Largest deviation of 2^n x 2^n frequencies, 2000 each, in sigma: 6 has false alarm 2e-9 times 1024.
    n, n_each, beta = len(J), 2000, 0.3
    rule = exact.heat_bath if sampler is gibbs else exact.metropolis(J, beta)
    K = exact.sweep(J, beta, rule, order)
    starts = np.repeat(all_states(n), n_each, axis=0)
    chains = sampler(sl.models.DenseIsing(J), 1, len(starts), beta=beta, order=order, initial=starts, rng=8)
    ends = ((chains.states > 0) @ (1 << np.arange(n - 1, -1, -1))).reshape(2**n, n_each)
    counts = np.array([np.bincount(row, minlength=2**n) for row in ends])
    error = np.sqrt(n_each * K * (1 - K)) + 1
    assert (np.abs(counts - n_each * K) < 6 * error).all()


@pytest.mark.parametrize("sampler", ["gibbs", "metropolis", "block_gibbs"])
@pytest.mark.parametrize("beta", [0.0, 0.3])
def test_a_step_of_tempering_connects_all_states_of_all_replicas(sampler, beta):
    # Two replicas of two spins: 16 states. Each follows each with probability > 1/100, 2000 tries.
    model = sl.models.BipartiteIsing([[1.0]])
    pairs = all_states(4).reshape(16, 2, 2)
    run = parallel_tempering(
        model, 1, 32_000, betas=[beta, beta + 0.1], sampler=sampler, burn_in=0,
        initial=np.repeat(pairs, 2000, axis=0), rng=1,
    )  # fmt: skip
    ends = ((run.states.reshape(-1, 4) > 0) @ [8, 4, 2, 1]).reshape(16, 2000)
    assert all(len(np.unique(row)) == 16 for row in ends)


def test_block_gibbs_connects_all_visible_states():
    model = sl.models.BipartiteIsing([[1.0, -1.0], [1.0, 1.0]])
    for beta in (0.0, 0.5):
        starts = np.repeat(all_states(2), 4000, axis=0)
        states = block_gibbs(model, 1, len(starts), beta=beta, initial=starts, rng=1).states
        ends = ((states > 0) @ [8, 4, 2, 1]).reshape(4, 4000)
        assert all(len(np.unique(row)) == 16 for row in ends)


@pytest.mark.parametrize("sampler", ["gibbs", "metropolis"])
def test_population_annealing_of_free_spins_forgets_its_start(sampler):
    # All states equally probable at every beta; a population that only alternates keeps its magnetisation.
    p = population_annealing(np.zeros((6, 6)), 4000, beta=1.0, n_runs=2, n_steps=1, sampler=sampler, rng=0)
    assert abs(p.states.mean()) < 5 / np.sqrt(p.states.size)  # false alarm 6e-7


def test_energies_of_rings_from_an_ordered_start():
    # E/N = -tanh(beta) (1 + tanh^(N-2)) / (1 + tanh^N); independent chains, 5 sigma.
    for N, beta, start in ((64, 0.5, None), (30, 1.0, np.ones(30))):
        model = sl.models.SparseIsing(scipy.sparse.csr_array(exact.ring(N)))
        E = metropolis(
            model, 2000, 64, beta=beta, burn_in=500, record_every=20, initial=start, rng=2
        ).sample_energy
        mean = E.mean(0) / N
        t = np.tanh(beta)
        assert abs(mean.mean() + t * (1 + t ** (N - 2)) / (1 + t**N)) < 5 * mean.std() / 8


def test_the_smallest_torus():
    J = exact.torus(2, 2)  # couplings 2 between neighbours
    E = metropolis(sl.models.DenseIsing(J), 60, 20_000, beta=0.5, initial=[-1, 1, -1, -1], rng=1).energy
    levels = -np.einsum("si,ij,sj->s", all_states(4), J, all_states(4)) / 2
    weights = np.exp(-0.5 * levels)
    assert abs(E.mean() - (weights @ levels) / weights.sum()) < 5 * E.std() / np.sqrt(20_000)  # 6e-7


def test_free_replicas_of_a_glass_forget_each_other():
    # Overlap of the start with the state after 100 steps at beta = 0: zero up to 5 sigma of 1/sqrt(N chains).
    model = sl.ensembles.sk(20, rng=0)
    for beta in (0.0, 1e-3):
        chains = metropolis(model, 100, 400, beta=beta, rng=1)
        q = (chains.states * chains.initial).mean(1)
        assert abs(q.mean()) < 5 / np.sqrt(400 * 20)
        assert abs(np.square(q).mean() - 1 / 20) < 5 * np.sqrt(2 / 400) / 20


def test_annealing_crosses_flat_landscapes():
    ring = sl.models.SparseIsing(scipy.sparse.csr_array(exact.ring(5)))
    assert (anneal(ring, 1000, 200, rng=0).energy == -5).mean() > 0.95
    chain = sl.ensembles.edwards_anderson(shape=(64,), law="pm1", rng=0)
    assert anneal(chain, 1000, 100, rng=0).energy.min() == -62
