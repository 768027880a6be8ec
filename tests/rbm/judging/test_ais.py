"""Annealed importance sampling against exact partition functions."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from naive import all_states, energies

import spinlab as sl
from spinlab.rbm import AISWarning, data_biases, log_partition_ais
from spinlab.rbm.judging import ais


def naive_log_z(model):
    E = energies(model.couplings(), model.b, model.offset, all_states(model.n_spins))
    return float(np.log(np.exp(-(E - E.min())).sum()) - E.min())


def biased_rbm(V, H, scale, bias, seed):
    rng = np.random.default_rng(seed)
    W, bv, bh = scale * rng.normal(size=(V, H)), bias * rng.normal(size=V), bias * rng.normal(size=H)
    return sl.models.BipartiteIsing(W, bv, bh, offset=0.7)


def biased_ra_rbm(V, H, K, scale, bias, seed):
    rng = np.random.default_rng(seed)
    model = sl.ensembles.ra_rbm(V=V, H=H, K=K, rng=seed).scaled(scale)
    bv, bh = bias * rng.normal(size=V), bias * rng.normal(size=H)
    return sl.models.PatternBipartiteIsing(model.xi_v, model.xi_h, model.scale, bv, bh, offset=-1.5)


# (V, H, scale or (K, scale), bias): small and large weights and biases, free and pattern weights.
TWENTY = [
    (18, 40, 0.1, 0.0), (13, 33, 0.3, 0.5), (18, 19, 0.6, 2.0), (90, 9, 0.3, 0.0), (16, 56, 2.0, 0.5),
    (16, 49, 0.1, 2.0), (12, 200, 0.3, 0.0), (20, 39, 0.6, 0.5), (16, 22, 1.0, 2.0), (12, 52, 4.0, 0.0),
    (16, 92, 1.0, 0.5), (13, 98, 4.0, 2.0), (12, 99, 4.0, 2.0), (7, 94, 4.0, 5.0), (60, 15, 2.0, 1.0),
    (18, 67, (5, 0.25), 0.5), (16, 67, (3, 1.0), 0.5), (17, 89, (2, 2.0), 2.0), (200, 10, (10, 0.3), 0.0),
    (15, 300, (40, 0.1), 1.0),
]  # fmt: skip


def test_twenty_models_with_small_and_large_weights():
    inside = []
    for seed, (V, H, weights, bias) in enumerate(TWENTY):
        if isinstance(weights, tuple):
            model = biased_ra_rbm(V, H, weights[0], weights[1], bias, seed)
        else:
            model = biased_rbm(V, H, weights, bias, seed)
        exact = sl.log_partition(model)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            run = log_partition_ais(model, rng=seed)
        low, high = run.interval
        inside.append(low <= exact <= high)
        assert run.reliable == (not caught)
        # Every miss has raised the warning. 3 standard errors with ess >= 20: false alarm below 1 %
        # for each (none in 120 models of a wider range).
        assert inside[-1] or caught, (seed, exact, run)
    assert sum(inside) >= 18


def test_an_error_from_two_chains_is_itself_uncertain():
    """One degree of freedom is Cauchy's law: the quantile at p, that of three normal errors, is cot(pi p)."""
    with pytest.warns(AISWarning):
        run = log_partition_ais(sl.ensembles.rbm_gaussian(V=6, H=8, rng=0).scaled(1e-3), n_chains=2, rng=0)
    p = math.erfc(3 / math.sqrt(2)) / 2
    reach = -math.log1p(-run.std_error / math.tan(math.pi * p))
    assert run.std_error > 0
    assert run.interval == pytest.approx((run.log_z - reach, run.log_z + reach), abs=1e-9)
    assert 70 * run.std_error < reach


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_trained_machines(seed):
    """Trained weights have several deep valleys; every miss must have raised the warning."""
    bars, stripes = sl.datasets.bars(4).train, sl.datasets.bars_and_stripes(8).train
    machines = []
    for epochs in (100, 1000):
        machine = sl.rbm.RBM(V=16, H=64, std=0.01, rng=seed)
        sl.rbm.Trainer(machine, sl.rbm.CD(1), lr=0.05, batch_size=10, rng=seed).fit(
            bars, epochs, progress=False
        )
        machines.append(machine)
        machine = sl.rbm.RBM(V=16, H=200, std=0.1, biases=True, rng=seed)
        sl.rbm.Trainer(machine, sl.rbm.PCD(1, 100), lr=0.05, batch_size=10, rng=seed).fit(
            bars, epochs, progress=False
        )
        machines.append(machine)
    machine = sl.rbm.RARBM(V=16, H=200, K=8, rng=seed)
    sl.rbm.Trainer(machine, sl.rbm.PID(), lr=0.02, batch_size=3, projection="sign", rng=seed).fit(
        bars, 50, progress=False
    )
    machines.append(machine)
    machine = sl.rbm.RBM(V=64, H=18, std=0.05, biases=True, rng=seed)
    sl.rbm.Trainer(machine, sl.rbm.PCD(1, 100), lr=0.02, batch_size=50, rng=seed).fit(
        stripes, 30, progress=False
    )
    machines.append(machine)
    for machine in machines:
        exact = sl.log_partition(machine.as_ising())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            run = log_partition_ais(machine, rng=seed)
        assert run.interval[0] <= exact <= run.interval[1] or caught, (machine, exact, run)


def test_full_size_against_exact_sums_of_few_patterns():
    """784 visible and 500 hidden units: ln Z of three binary patterns is exact at any size."""
    for strength, steps in ((0.5, 200), (0.8, 300)):
        scale = strength / np.sqrt(784 * 500)
        model = sl.models.PatternBipartiteIsing(*patterns(784, 500, 3), scale)
        exact = sl.log_partition(model)
        for form in (model, model.to_bipartite()):
            run = log_partition_ais(form, schedule=steps, n_chains=32, rng=0)
            assert run.std_error < 0.05
            assert (
                abs(run.log_z - exact) < 5 * run.std_error
            )  # false alarm 6e-7 (and the bias, below one error)


def patterns(V, H, K):
    rng = np.random.default_rng(0)
    return rng.choice([-1.0, 1.0], (K, V)), rng.choice([-1.0, 1.0], (K, H))


def test_the_mean_weight_is_unbiased():
    # Two steps only: ln w has a large spread, and its exponential must still average to Z.
    for model in (biased_rbm(3, 2, 0.8, 0.5, seed=1), biased_ra_rbm(2, 3, 2, 0.7, 0.3, seed=4)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AISWarning)
            run = log_partition_ais(model, schedule=[0, 0.4, 1], n_chains=40_000, base_biases=0.3, rng=0)
        ratio = np.exp(run.log_weights - naive_log_z(model))
        error = ratio.std() / np.sqrt(len(ratio))
        assert ratio.std() > 0.3  # the test sees the weights, not their absence
        assert abs(ratio.mean() - 1) < 5 * error  # false alarm 6e-7
        assert run.std_error == pytest.approx(error / ratio.mean(), rel=1e-3)


def test_one_step_of_weights_by_hand():
    """One step from beta = 0 to 1 is plain importance sampling: w = p_1(v)/p_0(v) for v from the base."""
    model = biased_rbm(3, 4, 0.7, 0.5, seed=3)
    b0 = np.array([0.2, -0.4, 1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AISWarning)
        run = log_partition_ais(model, schedule=1, n_chains=4000, base_biases=b0, dtype="float64", rng=0)
    v = all_states(3)
    E = energies(model.couplings(), model.b, model.offset, all_states(7)).reshape(8, 16)
    F = -np.log(np.exp(-E).sum(1))
    log_base = v @ b0 - np.log(2 * np.cosh(b0)).sum()
    possible = -F - log_base  # ln w + ln Z_0, one value per visible state
    distance = np.abs(run.log_weights[:, None] - possible)
    assert distance.min(1).max() < 1e-11
    seen = np.bincount(distance.argmin(1), minlength=8) / 4000
    p = np.exp(log_base)
    assert (np.abs(seen - p) < 5 * np.sqrt(p * (1 - p) / 4000)).all()  # false alarm 5e-6


def test_forward_and_reverse_bracket():
    for seed in range(3):
        model = biased_rbm(10, 30, 0.5, 0.5, seed)
        exact = sl.log_partition(model)
        F = sl.exact.layer.free_energies(model)
        p = np.exp(-F - exact)
        p /= p.sum()
        index = np.random.default_rng(seed).choice(len(p), 500, p=p)
        samples = 2 * ((index[:, None] >> np.arange(10)) & 1) - 1
        # The weights of a short forward run are too small on average, those of a reverse run too large.
        run = log_partition_ais(model, schedule=200, n_chains=500, reverse=samples, rng=seed)
        gap = (exact - run.log_weights.mean(), run.reverse.log_weights.mean() - exact)
        assert min(gap) > 0.05
        assert run.bracket[0] <= exact <= run.bracket[1]
        assert run.bracket == (run.interval[0], run.reverse.interval[1])
        for r in (run, run.reverse):
            # 3 standard errors: false alarm below 1 % for each of 6; the seeds are fixed.
            assert r.interval[0] <= exact <= r.interval[1]
        equilibrated = log_partition_ais(model, schedule=200, n_chains=120, reverse=50, rng=seed)
        assert equilibrated.reverse.interval[0] <= exact <= equilibrated.reverse.interval[1]


def test_reverse_weights_are_unbiased_for_one_over_z():
    model = biased_rbm(3, 2, 0.8, 0.5, seed=1)
    v = all_states(3)
    E = energies(model.couplings(), model.b, model.offset, all_states(5)).reshape(8, 4)
    p = np.exp(-E).sum(1)
    samples = v[np.random.default_rng(0).choice(8, 40_000, p=p / p.sum())]
    run = log_partition_ais(model, schedule=4, n_chains=40_000, reverse=samples, rng=0)
    ratio = np.exp(naive_log_z(model) - run.reverse.log_weights)
    assert abs(ratio.mean() - 1) < 5 * ratio.std() / np.sqrt(len(ratio))  # false alarm 6e-7
    assert run.reverse.log_z == pytest.approx(naive_log_z(model) - np.log(ratio.mean()), abs=1e-9)


def test_patterns_and_their_matrix_give_the_same_run():
    model = biased_ra_rbm(70, 130, 6, 0.3, 0.5, seed=0)
    options = {"schedule": 50, "n_chains": 70, "rng": 5}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AISWarning)
        a = log_partition_ais(model, dtype="float64", **options)
        b = log_partition_ais(model.to_bipartite(), dtype="float64", **options)
        c = log_partition_ais(model, **options)
        d = log_partition_ais(model, threads=1, **options)
    np.testing.assert_allclose(a.log_weights, b.log_weights, rtol=1e-12)
    # A spin whose threshold lies within the rounding of float32 may differ and lead its chain elsewhere, by
    # numbers of order 1. Otherwise weights near e^1100 differ by the order in which the products are summed.
    assert (np.abs(c.log_weights - a.log_weights) < 1e-6 * a.log_weights).mean() > 0.9
    np.testing.assert_array_equal(c.log_weights, d.log_weights)


def test_hyperbolic_cosines_in_bulk():
    rng = np.random.default_rng(0)
    for n in (1, 63, 64, 65, 1000, 2500):
        x = rng.normal(size=(5, n)) * 10.0 ** rng.integers(-3, 4, size=(5, n))
        b = rng.normal(size=n)
        out = np.zeros(5)
        ais._collect(x, b, 0.3, 0.8, out)
        y = x + b
        expected = (np.logaddexp(0.8 * y, -0.8 * y) - np.logaddexp(0.3 * y, -0.3 * y)).sum(1)
        np.testing.assert_allclose(out, expected, rtol=1e-13, atol=1e-13 * n)


def test_draws_follow_the_interpolated_field():
    n = 40_000
    x, b, b0 = np.full((n, 1), 0.7), np.array([-0.2]), np.array([1.3])
    for beta, base, expected in ((0.0, b0, 1.3), (1.0, b0, 0.5), (0.25, b0, 0.25 * 0.5 + 0.75 * 1.3)):
        out = np.empty((n, 1))
        ais._draw(x, b, beta, base, np.uint64(1), 0, 3, ais.VISIBLE, out)
        p = 1 / (1 + np.exp(-2 * expected))
        assert abs((out > 0).mean() - p) < 5 * np.sqrt(p * (1 - p) / n)  # false alarm 6e-7
    huge = np.array([[1e30, -1e30, 0.0]] * 64)
    out = np.empty((64, 3))
    ais._draw(huge, np.zeros(3), 1.0, ais._NO_BIASES, np.uint64(1), 0, 0, ais.HIDDEN, out)
    assert (out[:, 0] == 1).all()
    assert (out[:, 1] == -1).all()


def test_data_biases_are_those_of_independent_units():
    rng = np.random.default_rng(0)
    data = np.where(rng.random((500, 4)) < [0.1, 0.5, 0.9, 1.0], 1, -1)
    b = data_biases(data, pseudocount=1e-9)
    np.testing.assert_allclose(np.tanh(b[:3]), data[:, :3].mean(0), atol=1e-9)
    assert np.isfinite(data_biases(data)).all()
    # A base with the model's own fields makes a model without weights exact in one step.
    alone = sl.models.BipartiteIsing(np.zeros((4, 3)), bv=b[:4].clip(-2, 2))
    run = log_partition_ais(alone, schedule=1, base_biases=alone.bv, rng=0)
    assert run.log_z == pytest.approx(naive_log_z(alone), rel=1e-12)
    assert run.std_error < 1e-12


def test_schedules():
    published = ais._as_schedule("published")
    assert len(published) == 14_501
    assert (np.diff(published) > 0).all()
    assert published[[0, 500, 4500, -1]].tolist() == [0, 0.5, 0.9, 1]
    assert len(ais._as_schedule("quick")) == 1001
    np.testing.assert_array_equal(ais._as_schedule(4), [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_array_equal(ais._as_schedule("fine", 2), [0, 0.75, 1])
    assert len(ais._as_schedule("fine")) == 1001


def test_number_of_temperatures():
    """A run of so many steps, of the kind that the schedule names."""
    np.testing.assert_array_equal(ais._as_schedule("quick", 4), [0, 0.25, 0.5, 0.75, 1])
    short = ais._as_schedule("published", 29)  # one step to .5, 8 to .9, 20 to 1
    np.testing.assert_allclose(short[:3], [0, 0.5, 0.55])
    np.testing.assert_allclose(np.diff(short[9:]), 0.005)
    full = [np.arange(500) / 1000, 0.5 + np.arange(4000) / 10_000, np.linspace(0.9, 1.0, 10_001)]
    np.testing.assert_allclose(ais._as_schedule("published"), np.concatenate(full), atol=1e-15)
    model = biased_rbm(8, 12, 0.5, 0.5, seed=0)
    for schedule in ais.SCHEDULES:
        run = log_partition_ais(model, schedule=schedule, n_temperatures=300, rng=0)
        assert len(run.betas) == 301
        assert run.interval[0] <= sl.log_partition(model) <= run.interval[1]
    equal = log_partition_ais(model, schedule=300, rng=0)
    assert equal.log_z == log_partition_ais(model, n_temperatures=300, rng=0).log_z


def test_the_warning_names_the_sample_size():
    model = biased_rbm(20, 100, 2.0, 1.0, seed=0)
    with pytest.warns(
        AISWarning, match=r"forward annealing: effective sample size .* of 50 chains, below 20"
    ):
        run = log_partition_ais(model, schedule=10, n_chains=50, rng=0)
    assert not run.reliable
    assert run.ess < 20


def test_bad_input():
    model = biased_rbm(4, 3, 0.5, 0.0, seed=0)
    with pytest.raises(ValueError, match="increase strictly from 0 to 1"):
        log_partition_ais(model, schedule=[0, 0.5, 0.5, 1])
    with pytest.raises(ValueError, match="unknown schedule 'slow'; known: quick, published, fine"):
        log_partition_ais(model, schedule="slow")
    for schedule in (100, [0, 0.5, 1]):
        with pytest.raises(ValueError, match=r"n_temperatures = 50 .* has its own"):
            log_partition_ais(model, schedule=schedule, n_temperatures=50)
    with pytest.raises(ValueError, match="n_temperatures must be at least 1"):
        log_partition_ais(model, n_temperatures=0)
    with pytest.raises(TypeError, match="two layers"):
        log_partition_ais(sl.ensembles.sk(N=5, rng=0))
    with pytest.raises(TypeError, match=r"BipartiteIsing\(W\)"):
        log_partition_ais(np.zeros((3, 4)))
    with pytest.raises(ValueError, match="n_chains must be at least 2"):
        log_partition_ais(model, n_chains=1)
    with pytest.raises(ValueError, match="base_biases"):
        log_partition_ais(model, base_biases=[1.0, 2.0])
    with pytest.raises(ValueError, match='use dtype="float64"'):
        log_partition_ais(model.scaled(1e35))
    with pytest.raises(ValueError, match="data must have 4 spins"):
        log_partition_ais(model, reverse=[[1, -1]])
    with pytest.raises(ValueError, match="only \\+1 and -1"):
        data_biases([[0, 2]])
    with pytest.raises(ValueError, match="one sample per row"):
        data_biases(np.ones((0, 4)))


def test_the_spread_of_the_weights_is_that_of_energies_averaged_over_the_hidden_units():
    # Var(ln w) = (1/n) int 2 tau Var_beta(<E | v>) d beta in equilibrium, tau >= 1/2 and here below 1. With
    # Var(E) itself, whose integral is <E>_0 - <E>_1, it would be four times as large.
    W = 0.7 * np.random.default_rng(0).normal(size=(6, 5))
    fields = all_states(6) @ W

    def moments(beta):
        p = np.prod(2 * np.cosh(beta * fields), axis=1)
        U = -(fields * np.tanh(beta * fields)).sum(1)
        mean = p @ U / p.sum()
        return mean, p @ U**2 / p.sum() - mean**2

    n = 100
    expected = np.mean([moments(beta)[1] for beta in np.linspace(0, 1, 201)]) / n
    run = sl.rbm.log_partition_ais(sl.models.BipartiteIsing(W), n_chains=4000, schedule=n, rng=0)
    # A variance of 4000 nearly normal numbers: 5 standard errors are 11 %, false alarm 6e-7.
    assert 0.89 * expected < run.log_weights.var() < 1.11 * 2 * expected
    assert (moments(0.0)[0] - moments(1.0)[0]) / n > 4 * expected
