"""Annealing and tempering along a trajectory against exact sums over all states."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from naive import all_states, energies

import spinlab as sl
from spinlab.models import BipartiteIsing, PatternBipartiteIsing
from spinlab.rbm import AISWarning, log_partition_ais, log_partition_trajectory, trajectory_tempering
from spinlab.rbm.judging import trajectory


def marginals(model):
    """P(v) of all visible states and ln Z, by adding up every configuration."""
    E = energies(model.couplings(), model.b, model.offset, all_states(model.n_spins))
    weights = np.exp(-(E - E.min())).reshape(2**model.V, -1).sum(1)
    return weights / weights.sum(), float(np.log(weights.sum()) - E.min())


def rbm(V, H, scale, seed, bias=0.4, offset=0.3):
    rng = np.random.default_rng(seed)
    W, bv, bh = scale * rng.normal(size=(V, H)), bias * rng.normal(size=V), bias * rng.normal(size=H)
    return BipartiteIsing(W, bv, bh, offset=offset)


def unlike(V=4):
    """A sequence of models that have little to do with each other, of different kinds and hidden layers."""
    rng = np.random.default_rng(5)
    xi_v, xi_h = rng.choice([-1.0, 1.0], (2, V)), rng.choice([-1.0, 1.0], (2, 3))
    return [
        rbm(V, 2, 0.3, 0), rbm(V, 4, 0.6, 1, offset=-1.1), PatternBipartiteIsing(xi_v, xi_h, 0.4, offset=0.7),
        rbm(V, 3, 0.5, 2),
    ]  # fmt: skip


@pytest.mark.parametrize("n_steps", [1, 3])
def test_the_mean_weight_is_unbiased_for_any_sequence(n_steps):
    models = unlike()
    exact = marginals(models[-1])[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AISWarning)
        run = log_partition_trajectory(
            models, n_chains=20_000, n_steps=n_steps, schedule=[0, 0.5, 1], base_biases=0.2, rng=0
        )
    ratio = np.exp(run.log_weights - exact)
    assert ratio.std() > 0.2  # the test sees the weights, not their absence
    assert abs(ratio.mean() - 1) < 5 * ratio.std() / len(ratio) ** 0.5  # false alarm 6e-7


def test_reverse_weights_are_unbiased_for_one_over_z():
    models = unlike()
    p, exact = marginals(models[-1])
    samples = all_states(4)[np.random.default_rng(0).choice(16, 20_000, p=p)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AISWarning)
        run = log_partition_trajectory(models, n_chains=20_000, schedule=3, reverse=samples, rng=0)
    ratio = np.exp(exact - run.reverse.log_weights)
    assert ratio.std() > 0.2
    assert abs(ratio.mean() - 1) < 5 * ratio.std() / len(ratio) ** 0.5  # false alarm 6e-7


def test_one_model_is_plain_annealing():
    model = rbm(10, 20, 0.4, 3)
    one = log_partition_trajectory([model], schedule=100, rng=7)
    plain = log_partition_ais(model, schedule=100, rng=7)
    np.testing.assert_array_equal(one.log_weights, plain.log_weights)


def test_the_same_model_again_changes_nothing():
    model = rbm(10, 20, 0.4, 3)
    once, often = (log_partition_trajectory([model] * n, schedule=100, rng=7) for n in (1, 5))
    np.testing.assert_allclose(often.log_weights, once.log_weights, atol=1e-12)


def trained(epochs, every):
    """A standard RBM of 4x4 Bars from small weights, by exact gradients: a smooth path to a cold machine."""
    machine = sl.rbm.RBM(V=16, H=12, std=0.01, rng=0)
    kept = [machine.as_ising()]
    keep = sl.rbm.Every(every, lambda trainer: kept.append(trainer.machine.as_ising()))
    trainer = sl.rbm.Trainer(machine, sl.rbm.Exact(), lr=0.05, batch_size=100, rng=1)
    trainer.fit(sl.datasets.bars(4).train, epochs, [keep], progress=False)
    return kept


def test_both_ways_bracket_the_exact_value_along_a_training():
    kept = trained(600, 2)
    exact = sl.log_partition(kept[-1])
    run = log_partition_trajectory(kept, n_chains=400, n_steps=2, schedule=20, reverse=200, rng=3)
    assert run.reliable
    assert run.bracket[0] <= exact <= run.bracket[1]
    for r in (run, run.reverse):
        # 3 standard errors with an ess above 20: false alarm below 1 % for each of 2; the seeds are fixed.
        assert r.interval[0] <= exact <= r.interval[1]
    assert run.std_error < 0.15
    # From small weights on ln Z has moved by far more than its error.
    assert exact - sl.log_partition(kept[0]) > 5


@pytest.mark.slow
def test_digits_where_annealing_by_temperature_is_sharp():
    """V=64, H=20: ln Z is exact, and AIS has more than 100 effective samples; all three agree with it."""
    data = sl.datasets.digits()
    biases = sl.rbm.data_biases(data.train)
    machine = sl.rbm.RBM(64, 20, biases=True, std=0.01, rng=0)
    machine.parameters["bv"][:] = biases
    kept = [machine.as_ising()]
    trainer = sl.rbm.Trainer(
        machine, sl.rbm.PCD(1, 500), lr=0.02, batch_size=500, schedule=sl.rbm.Linear(300, 0.05), rng=1
    )
    keep = sl.rbm.Every(1, lambda trainer: kept.append(trainer.machine.as_ising()))
    trainer.fit(data.train, 300, [keep], progress=False)
    exact = sl.log_partition(kept[-1])
    plain = log_partition_ais(kept[-1], n_temperatures=200, n_chains=200, base_biases=biases, rng=0)
    along = log_partition_trajectory(
        kept, n_steps=3, schedule=20, n_chains=200, base_biases=biases, reverse=200, rng=0
    )
    assert plain.ess > 100
    assert along.reliable
    for run in (plain, along, along.reverse):
        # 3 standard errors: false alarm below 1 % for each of 3; the seeds are fixed.
        assert run.interval[0] <= exact <= run.interval[1]
    free = BipartiteIsing(np.zeros((64, 1)), bv=biases)
    tempered = trajectory_tempering([free, *kept[::-30][::-1]], 300, 20, rng=0)
    assert tempered.reliable
    assert abs(tempered.log_z[-1] - exact) < 4.5 * tempered.log_z_error[-1] < 0.3  # false alarm 1e-5


def test_a_rough_trajectory_warns():
    kept = trained(600, 200)
    with pytest.warns(AISWarning, match="annealing: effective sample size"):
        log_partition_trajectory(kept, n_chains=50, schedule=20, rng=0)


def test_tempering_samples_every_model():
    models = [rbm(5, 3, 0.0, 0), *unlike(5)[1:], rbm(5, 6, 1.2, 9)]
    run = trajectory_tempering(models, 240, n_chains=100, n_steps=2, record_every=20, rng=1)
    assert run.states.shape == (100, 5, 5)
    assert run.samples.shape == (9, 100, 5)
    code = {tuple(v): i for i, v in enumerate(all_states(5))}
    for t, model in enumerate(models):
        p, log_z = marginals(model)
        # Chains are independent, and their ends make a multinomial of 100 draws: chi-square of at least
        # four cells, false alarm 1e-4 for each of 5 models.
        found = np.bincount([code[tuple(v)] for v in run.states[:, t]], minlength=32)
        assert chi_square(found, 100 * p) > 1e-4
        # 4.5 jackknife errors: false alarm 1e-5 for each.
        assert abs(run.log_z[t] - log_z) <= 4.5 * run.log_z_error[t] + 1e-9
    assert run.log_z_error[0] == 0.0
    assert run.round_trips.sum() > 20
    p = marginals(models[-1])[0]
    kept = np.bincount([code[tuple(v)] for v in run.samples[::4].reshape(-1, 5)], minlength=32)
    assert chi_square(kept, kept.sum() * p) > 1e-5  # 80 sweeps apart: independent


def chi_square(found, expected):
    """p-value, cells of fewer than 5 expected taken together."""
    from scipy.stats import chi2

    rare = expected < 5
    f, e = np.append(found[~rare], found[rare].sum()), np.append(expected[~rare], expected[rare].sum())
    f, e = f[e > 0], e[e > 0]
    return chi2.sf(((f - e) ** 2 / e).sum(), len(e) - 1)


def test_tempering_crosses_where_gibbs_does_not():
    """Two states of opposite sign far below all others, one of them twice as likely: cold chains stay put."""
    V = 18
    W = np.full((V, 4), 0.8)
    bias = np.full(V, np.log(2) / (2 * V))
    cold = BipartiteIsing(W, bv=bias)
    exact = sl.log_partition(cold)
    start = -np.ones(V, dtype=int)
    stuck = sl.dynamics.block_gibbs(cold, 2000, 50, initial=start, rng=0).states[:, :V]
    assert (stuck.mean(1) < 0).all()
    models = [BipartiteIsing(scale * W, bv=bias) for scale in np.linspace(0, 1, 9) ** 0.7]
    run = trajectory_tempering(models, 500, 50, initial=start, burn_in=250, record_every=25, rng=1)
    assert run.reliable
    up = (run.samples.mean(2) > 0).mean(0)  # of each chain
    # P(up) = 2/3 to 1e-3; 5 standard errors of 50 independent chains: false alarm 6e-7.
    assert abs(up.mean() - 2 / 3) < 5 * up.std(ddof=1) / 50**0.5 + 1e-3
    assert abs(run.log_z[-1] - exact) < 4.5 * run.log_z_error[-1]
    assert run.log_z_error[-1] < 0.1


def test_a_broken_trajectory_says_so():
    models = [BipartiteIsing(np.zeros((18, 4))), BipartiteIsing(np.full((18, 4), 3.0), bv=np.full(18, 3.0))]
    run = trajectory_tempering(models, 40, 4, rng=0)
    assert run.swap_rate[0] < 0.05
    assert not run.reliable


def test_acceptance_ratio_of_gaussian_work():
    """Works N(m, s) and N(m', s) with m + m' = s^2 are those of ln Z'/Z = s^2/2 - m."""
    from scipy.stats import norm

    grid = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    for m, s in ((0.0, 0.5), (3.0, 1.0), (-700.0, 2.0)):
        found = trajectory._acceptance_ratio(m + s * grid, s**2 - m + s * grid)
        assert found == pytest.approx(s**2 / 2 - m, abs=1e-3)
    assert trajectory._acceptance_ratio(np.full(3, 2e4), np.full(3, -2e4)) == pytest.approx(-2e4)


def test_round_trips_by_hand():
    direction = np.zeros((1, 3), np.int8)
    paths = [[0, 1, 2], [1, 0, 2], [1, 2, 0], [1, 0, 2], [0, 1, 2], [0, 2, 1], [2, 0, 1]]
    found = [int(trajectory._count_trips(np.array([p]), direction)[0]) for p in paths]
    # Replica 0 starts at the first model, is at the last one in the third row and back in the fifth.
    assert found == [0, 0, 0, 0, 1, 0, 0]


def test_anchors():
    free = BipartiteIsing(np.zeros((40, 3)), bv=np.linspace(-1, 1, 40), offset=0.5)
    expected = np.log(2 * np.cosh(free.b)).sum() - 0.5
    assert trajectory._known_log_z(free, 1) == pytest.approx(expected)
    patterns = PatternBipartiteIsing(np.ones((2, 40)), np.ones((2, 50)), 0.0)
    assert trajectory._known_log_z(patterns, 1) == pytest.approx(90 * np.log(2))
    equal = BipartiteIsing(np.full((5, 4), 0.5))  # spread zero, and yet coupled
    assert trajectory._known_log_z(equal, 1) == pytest.approx(marginals(equal)[1])
    with pytest.raises(ValueError, match=r"out of reach; put one without couplings before it"):
        trajectory_tempering([rbm(60, 60, 1.0, 0), rbm(60, 60, 1.0, 1)], 10)


def test_threads_change_nothing():
    models = [rbm(12, 40, s, 4) for s in (0.0, 0.1, 0.2)]
    one, more = (trajectory_tempering(models, 8, 70, record_every=2, rng=3, threads=t) for t in (1, 3))
    for name in ("states", "samples", "swap_rate", "round_trips", "log_z", "log_z_error"):
        np.testing.assert_array_equal(getattr(one, name), getattr(more, name))
    one, more = (log_partition_trajectory(models, n_chains=70, schedule=5, rng=3, threads=t) for t in (1, 3))
    np.testing.assert_array_equal(one.log_weights, more.log_weights)


def test_bad_input():
    model = rbm(6, 3, 0.1, 0)
    with pytest.raises(TypeError, match="list of machines or two-layer models"):
        log_partition_trajectory(model)
    with pytest.raises(ValueError, match="at least 1 of them, got 0"):
        log_partition_trajectory([])
    with pytest.raises(ValueError, match="at least 2 of them, got 1"):
        trajectory_tempering([model], 10)
    with pytest.raises(ValueError, match=r"same visible units, got V = \[5, 6\]"):
        log_partition_trajectory([model, rbm(5, 3, 0.1, 0)])
    with pytest.raises(TypeError, match="two layers"):
        log_partition_trajectory([model, sl.ensembles.sk(N=6, rng=0)])
    with pytest.raises(ValueError, match="initial must have shape"):
        trajectory_tempering([model, model], 10, 3, initial=np.ones((2, 6)))
    with pytest.raises(ValueError, match="n_chains must be at least 2"):
        trajectory_tempering([model, model], 10, 1)
    with pytest.raises(ValueError, match="burn_in = 9 leaves 1 of 10 sweeps"):
        trajectory_tempering([model, model], 10, burn_in=9)
