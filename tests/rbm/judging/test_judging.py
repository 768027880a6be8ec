"""Likelihood, spectra, autocorrelation, features and calibration against exact answers."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from naive import all_states, energies

import spinlab as sl
from spinlab import rbm
from spinlab.rbm import vector_autocorrelation_time


def machine(V=5, H=4, scale=0.6, bias=0.5, seed=0):
    rng = np.random.default_rng(seed)
    W, bv, bh = scale * rng.normal(size=(V, H)), bias * rng.normal(size=V), bias * rng.normal(size=H)
    return sl.models.BipartiteIsing(W, bv, bh, offset=0.3)


def patterns(V, H, K, seed=0, scale=None, biases=0.0):
    rng = np.random.default_rng(seed)
    xi_v, xi_h = rng.normal(size=(K, V)), rng.normal(size=(K, H))
    return sl.models.PatternBipartiteIsing(xi_v, xi_h, scale, biases, biases)


def naive_log_p(model):
    """ln P(v) of all visible states in the order of all_states."""
    E = energies(model.couplings(), model.b, model.offset, all_states(model.n_spins))
    p = np.exp(-(E - E.min())).reshape(2**model.V, -1).sum(1)
    return np.log(p / p.sum())


# Likelihood


@pytest.mark.parametrize("model", [machine(), machine(V=3, H=6), patterns(4, 5, 3, biases=0.2)])
def test_likelihood_against_enumeration(model):
    expected = naive_log_p(model)
    v = all_states(model.V)
    np.testing.assert_allclose(rbm.log_likelihood(model, v), expected, rtol=1e-11)
    result = rbm.negative_log_likelihood(model, v[:7])
    assert result.nll == pytest.approx(-expected[:7].mean(), rel=1e-11)
    assert result.sampling_error == pytest.approx(expected[:7].std(ddof=1) / np.sqrt(7), rel=1e-9)
    assert (result.method, result.interval) == ("exact", (result.nll, result.nll))
    given = rbm.negative_log_likelihood(model, v[:7], log_z=result.log_z)
    assert (given.nll, given.method) == (result.nll, "given")


def test_likelihood_without_hidden_units():
    model = sl.models.DenseIsing([[0, 0.7, 0], [0.7, 0, -1], [0, -1, 0]], [0.1, 0, 0.4], offset=2.0)
    E = energies(model.J, model.b, 2.0, all_states(3))
    expected = -E - np.log(np.exp(-E).sum())
    np.testing.assert_allclose(rbm.log_likelihood(model, all_states(3)), expected, rtol=1e-12)


def test_annealed_likelihood_brackets_the_exact_one():
    model = machine(V=12, H=60, scale=0.3)
    data = np.where(np.random.default_rng(0).random((50, 12)) < 0.5, 1, -1)
    exact = rbm.negative_log_likelihood(model, data, method="exact")
    annealed = rbm.negative_log_likelihood(
        model, data, method="ais", reverse=100, base_biases=rbm.data_biases(data), rng=0
    )
    assert annealed.interval[0] < exact.nll < annealed.interval[1]
    assert annealed.nll - annealed.log_z == pytest.approx(exact.nll - exact.log_z, rel=1e-12)
    assert annealed.ais.reverse is not None
    # Too large for enumeration: annealed without being asked.
    wide = sl.ensembles.rbm_gaussian(V=60, H=70, rng=0).scaled(0.05)
    found = rbm.negative_log_likelihood(wide, np.ones((3, 60)), schedule=200, rng=0)
    assert found.method == "ais"
    assert found.interval[0] < found.nll < found.interval[1]


def test_samples_with_known_couplings():
    """Monte Carlo samples of a 4x4 torus with random bonds at T=3 (5000 + 50000), ln Z and <E> published."""
    folder = os.environ.get("SPINLAB_DATA")
    if not folder or not (Path(folder) / "rbm_data" / "xanadu_ising_4x4").is_dir():
        pytest.skip("set SPINLAB_DATA to the folder that holds rbm_data/xanadu_ising_4x4")
    root = Path(folder) / "rbm_data" / "xanadu_ising_4x4"
    torus = sl.models.load_instance(root / "couplings.txt")
    model = torus.scaled(1 / 3)
    log_z = 13.664842802668057
    assert sl.log_partition(torus, 1 / 3) == pytest.approx(log_z, rel=1e-12)
    assert sl.log_partition(model) == pytest.approx(log_z, rel=1e-12)
    mean_energy = -18.76972952076815
    assert sl.mean_energy(torus, 1 / 3) == pytest.approx(mean_energy, rel=1e-12)
    entropy = log_z + mean_energy / 3  # S = ln Z + <E>/T
    for name in ("train", "test"):
        data = 2 * np.loadtxt(root / f"ising_4_4_T_3_{name}.csv.gz", delimiter=",", dtype=int) - 1
        result = rbm.negative_log_likelihood(model, data)
        assert result.log_z == pytest.approx(log_z, rel=1e-12)
        # The mean of -ln P over samples of P is the entropy. The samples are correlated: 6 errors of
        # independent ones (measured: below 3 for both files).
        assert abs(result.nll - entropy) < 6 * result.sampling_error
        # Any other couplings are less likely: the true ones beat a fit of their scale by less than noise.
        worse = [rbm.negative_log_likelihood(torus.scaled(x), data).nll for x in (0.28, 0.4)]
        assert min(worse) > result.nll + 0.05


# Spectra


@pytest.mark.parametrize(("V", "H", "K"), [(10, 30, 3), (30, 10, 4), (6, 9, 20), (5, 5, 5)])
def test_singular_values_without_the_matrix(V, H, K):
    model = patterns(V, H, K, scale=-0.3)
    expected = np.linalg.svd(model.weights(), compute_uv=False)
    found = rbm.singular_values(model)
    assert found.shape == (min(V, H),)
    np.testing.assert_allclose(found, expected, atol=1e-12 * expected[0])
    np.testing.assert_allclose(rbm.singular_values(model.to_bipartite()), expected, rtol=1e-12)


def test_weights_of_patterns_are_never_formed(monkeypatch):
    model = patterns(6, 9, 2)

    def refuse(self):
        raise AssertionError("W was formed")

    monkeypatch.setattr(sl.models.PatternBipartiteIsing, "weights", refuse)
    rbm.weight_spectrum(model)
    rbm.log_partition_ais(model, schedule=500, n_chains=64, rng=0)
    rbm.hamming_distance(model, np.ones((2, 6)), 3, rng=0)
    rbm.hidden_features(model, np.ones((2, 6)))
    rbm.gibbs_autocorrelation_time(model, 10, 2, burn_in=5, rng=0)


def test_marchenko_pastur_edges():
    # Independent weights: no outlier in 99 % of the matrices; more than 6 in 100 by chance: 1e-4.
    model = [sl.ensembles.rbm_gaussian(V=60, H=150, rng=seed).scaled(0.3) for seed in range(100)]
    spectra = [rbm.weight_spectrum(m) for m in model]
    assert sum(s.n_outliers > 0 for s in spectra) <= 6
    top = np.mean([s.singular_values[0] for s in spectra])
    bottom = np.mean([s.singular_values[-1] for s in spectra])
    assert top == pytest.approx(spectra[0].edges[1], rel=0.03)
    assert bottom == pytest.approx(spectra[0].edges[0], rel=0.08)
    assert spectra[0].edges[1] == pytest.approx(spectra[0].std * (np.sqrt(60) + np.sqrt(150)))
    assert spectra[0].std == pytest.approx(np.sqrt((model[0].W ** 2).mean()))
    # Tracy-Widom: the largest value passes the threshold's 50 % point (t = -1.27) half of the time.
    v, h = np.sqrt(60), np.sqrt(150)
    median = 0.3 * np.sqrt((v + h) ** 2 - 1.27 * (v + h) * (1 / v + 1 / h) ** (1 / 3))
    above = sum(s.singular_values[0] > median for s in spectra)
    assert 25 <= above <= 75  # binomial, false alarm 6e-7


def test_patterns_stand_out():
    noise = sl.ensembles.rbm_gaussian(V=100, H=200, rng=0).W
    ones = np.sign(np.random.default_rng(1).normal(size=(4, 300)))
    W = 0.1 * noise + (ones[:, :100].T @ ones[:, 100:]) * 0.1
    assert rbm.weight_spectrum(sl.models.BipartiteIsing(W)).n_outliers == 4
    assert rbm.weight_spectrum(sl.models.BipartiteIsing(W), std=0.1).n_outliers == 4
    orthogonal = sl.models.PatternBipartiteIsing(np.eye(8)[:5], np.eye(9)[:5])
    assert rbm.weight_spectrum(orthogonal).effective_patterns == pytest.approx(5)
    nothing = rbm.weight_spectrum(sl.models.BipartiteIsing(np.zeros((3, 4))))
    assert (nothing.n_outliers, nothing.effective_patterns, nothing.std) == (0, 0, 0)


# Autocorrelation


def autoregression(phi, n, n_chains, seed):
    """x_t = phi x_{t-1} + noise with variance 1, shape (n, n_chains)."""
    rng = np.random.default_rng(seed)
    x = np.empty((n, n_chains))
    x[0] = rng.normal(size=n_chains)
    for t in range(1, n):
        x[t] = phi * x[t - 1] + np.sqrt(1 - phi**2) * rng.normal(size=n_chains)
    return x


@pytest.mark.parametrize("phi", [-0.5, 0.0, 0.5, 0.9])
def test_autoregressive_series(phi):
    """AR(1) has rho(t) = phi^t and tau = (1 + phi)/(1 - phi)/2."""
    exact = (1 + phi) / (1 - phi) / 2
    found = vector_autocorrelation_time(autoregression(phi, 20_000, 20, seed=1))
    assert found.reliable
    assert abs(found.tau - exact) < 4 * found.error + 0.01 * exact  # the window cuts off below 1 %
    assert found.effective == pytest.approx(200_000 / found.tau)


def test_error_of_the_time_is_the_spread_over_runs():
    x = autoregression(0.8, 5000, 200, seed=0)
    runs = [vector_autocorrelation_time(chain) for chain in x.T]
    spread = np.std([r.tau for r in runs])
    # A standard deviation of 200 is known to 5 %; the formula holds to leading order in 1/n.
    assert np.mean([r.error for r in runs]) == pytest.approx(spread, rel=0.25)


def test_slow_modes_of_small_amplitude_count():
    fast, slow = autoregression(0.0, 4000, 50, seed=0), autoregression(0.97, 4000, 50, seed=1)
    x = np.sqrt(0.9) * fast + np.sqrt(0.1) * slow
    exact = 0.9 * 0.5 + 0.1 * (1.97 / 0.03 / 2)
    found = vector_autocorrelation_time(x)
    # 5 standard errors, and 5 % for the part of the slow mode that drowns in noise.
    assert abs(found.tau - exact) < 5 * found.error + 0.05 * exact


def test_vectors_are_measured_as_one():
    x = autoregression(0.5, 5000, 8, seed=0).reshape(5000, 4, 2)
    assert vector_autocorrelation_time(x).tau == pytest.approx(1.5, abs=0.12)
    doubled = vector_autocorrelation_time(np.repeat(x[:, :, :1], 2, axis=2))
    assert doubled.tau == pytest.approx(vector_autocorrelation_time(x[:, :, 0]).tau, rel=1e-9)


def test_stuck_chains_are_not_taken_for_fast_ones():
    x = autoregression(0.0, 500, 6, seed=0) + 50.0 * np.array([1, -1] * 3)
    found = vector_autocorrelation_time(x)
    assert not found.reliable
    assert found.tau > 50
    constant = vector_autocorrelation_time(np.ones((50, 3)))
    assert np.isinf(constant.tau)
    assert not constant.reliable
    assert not vector_autocorrelation_time(autoregression(0.99, 300, 1, seed=0)).reliable


def exact_time(model, f):
    """tau of f(states) from the transition matrix of block Gibbs sampling over all states (v, h)."""
    states = all_states(model.n_spins)
    v, h = states[:, : model.V], states[:, model.V :]
    E = energies(model.couplings(), model.b, model.offset, states)
    p = np.exp(-(E - E.min()))
    p /= p.sum()
    # From (v, h): h' given v, then v' given h'.
    p_h = np.prod(1 / (1 + np.exp(-2 * h[None] * (v @ model.W + model.bh)[:, None])), axis=2)
    p_v = np.prod(1 / (1 + np.exp(-2 * v * (h @ model.W.T + model.bv))), axis=1)
    T = p_h * p_v
    np.testing.assert_allclose(T.sum(1), 1)
    np.testing.assert_allclose(p @ T, p, atol=1e-15)
    values = np.asarray(f(states), dtype=float).reshape(len(states), -1)
    values = values - p @ values
    # sum_t T^t on functions without mean: the inverse of 1 - T + the projection on constants
    sums = np.linalg.solve(np.eye(len(p)) - T + np.outer(np.ones(len(p)), p), values)
    return (p @ (values * sums)).sum() / (p @ values**2).sum() - 0.5


def test_gibbs_time_against_the_transition_matrix():
    model = machine(V=4, H=3, scale=0.5, bias=0.2, seed=3)

    def magnetisation(states):
        return states[:, :4].sum(1)

    functions = {"visible": lambda s: s[:, :4], "energy": model.energy, magnetisation: magnetisation}
    times = []
    for observable, f in functions.items():
        exact = exact_time(model, f)
        times.append(exact)
        found = rbm.gibbs_autocorrelation_time(model, 1500, 200, observable=observable, rng=0)
        assert found.reliable
        # 5 standard errors and 2 % for what the window cuts off: false alarm 6e-7.
        assert abs(found.tau - exact) < 5 * found.error + 0.02 * exact
    assert max(times) > 2 * min(times)


def test_frozen_sampler_has_no_finite_time():
    model = sl.models.BipartiteIsing(np.full((3, 4), 50.0))
    found = rbm.gibbs_autocorrelation_time(model, 100, 4, observable="energy", rng=0)
    assert np.isinf(found.tau)


# Features


def test_hidden_features_against_the_formula():
    for model in (machine(V=6, H=70), patterns(6, 70, 3, biases=0.3)):
        v = np.where(np.random.default_rng(0).random((1500, 6)) < 0.5, 1, -1)
        tanh = np.tanh(v @ model.weights() + model.bh)
        np.testing.assert_allclose(rbm.hidden_features(model, v), tanh, atol=3e-6)
        probability = rbm.hidden_features(model, v, kind="probability")
        np.testing.assert_allclose(probability, (1 + tanh) / 2, atol=3e-6)
        drawn = rbm.hidden_features(model, v, kind="sampled", rng=1)
        assert np.abs(drawn).min() == 1
        # Sums of 1500 independent draws; 5 standard errors for 70 units: false alarm 4e-5.
        z = (drawn - tanh).sum(0) / np.sqrt((1 - tanh**2).sum(0))
        assert np.abs(z).max() < 5
        np.testing.assert_array_equal(drawn, rbm.hidden_features(model, v, kind="sampled", rng=1))


def test_features_of_a_machine_that_knows_the_answer():
    """Labels are the sign of one pixel; only one of the machines shows that pixel."""
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    images = np.where(rng.random((600, 4)) < 0.5, 1, -1).astype(np.int8)
    labels = (images[:, 0] > 0).astype(np.int64)
    data = sl.datasets.Dataset("toy", images[:400], images[400:], (2, 2), labels[:400], labels[400:])
    sees, blind = np.zeros((4, 2)), np.zeros((4, 2))
    sees[0], blind[1] = 5.0, 5.0
    gain = rbm.feature_gain(
        sl.models.BipartiteIsing(sees), [sl.models.BipartiteIsing(blind)] * 3, data, n_seeds=3
    )
    assert (gain.trained.test == 1).all()
    assert (gain.trained.train == 1).all()
    assert (np.abs(gain.untrained.test - 0.5) < 5 * 0.5 / np.sqrt(200)).all()
    assert gain.test_gain == pytest.approx((gain.trained.test - gain.untrained.test).mean())
    with pytest.raises(ValueError, match="as many as n_seeds = 2, got 1"):
        rbm.feature_accuracy([sl.models.BipartiteIsing(sees)], data, n_seeds=2)
    with pytest.raises(ValueError, match="no labels"):
        rbm.feature_accuracy(sl.models.BipartiteIsing(np.ones((16, 2))), sl.datasets.bars(4))
    with pytest.raises(TypeError, match="Dataset"):
        rbm.feature_accuracy(sl.models.BipartiteIsing(sees), images)


# Calibration


def visible_samples(model, n, seed):
    p = np.exp(naive_log_p(model))
    return all_states(model.V)[np.random.default_rng(seed).choice(len(p), n, p=p)]


def fisher_information(model, step=1e-4):
    """Variance of d ln P_beta(v)/d beta at beta = 1, by differences of naive likelihoods."""
    up, down = (naive_log_p(model.scaled(1 + x)) for x in (step, -step))
    score, p = (up - down) / (2 * step), np.exp(naive_log_p(model))
    return float(p @ score**2)


@pytest.mark.parametrize("model", [machine(scale=0.8), patterns(5, 4, 2, scale=0.5, biases=0.1)])
def test_a_scaled_model_is_fitted_back(model):
    n = 10_000
    data = visible_samples(model, n, seed=0)
    error = 1 / np.sqrt(n * fisher_information(model))
    assert error < 0.05
    for factor in (0.2, 5.0):
        fitted = rbm.fit_scale(model.scaled(factor), data)
        assert abs(fitted.scale * factor - 1) < 5 * error  # false alarm 6e-7 each
        assert fitted.nll_after < fitted.nll_before
        assert not fitted.at_edge
        before = rbm.negative_log_likelihood(model.scaled(factor), data).nll
        after = rbm.negative_log_likelihood(model.scaled(factor * fitted.scale), data).nll
        assert fitted.nll_before == pytest.approx(before, rel=1e-12)
        assert fitted.nll_after == pytest.approx(after, rel=1e-12)


def test_the_fitted_scale_balances_the_energies():
    """At the maximum <E> of the data, hidden units drawn at beta, is that of the model: -d ln Z/d beta."""
    model = machine(scale=1.5)
    data = visible_samples(machine(seed=7), 300, seed=1)
    beta = rbm.fit_scale(model, data).scale
    x = data @ model.W + model.bh
    clamped = model.offset - data @ model.bv - (x * np.tanh(beta * x)).sum(1)
    assert clamped.mean() == pytest.approx(sl.mean_energy(model, beta), abs=1e-4)


def test_annealed_calibration_finds_the_same_scale():
    model = machine(V=10, H=40, scale=0.15)
    F = sl.exact.layer.free_energies(model)
    p = np.exp(F.min() - F)
    index = np.random.default_rng(0).choice(len(p), 3000, p=p / p.sum())
    data = 2 * ((index[:, None] >> np.arange(10)) & 1) - 1
    options = {"bounds": (0.05, 5.0), "n_scales": 30}
    exact = rbm.fit_scale(model.scaled(3.0), data, **options)
    annealed = rbm.fit_scale(model.scaled(3.0), data, method="ais", rng=0, **options)
    np.testing.assert_array_equal(exact.scales, annealed.scales)
    known = np.isfinite(annealed.nll)
    assert known[:20].all()
    # 30 correlated values against 5 standard errors.
    assert (np.abs(exact.nll - annealed.nll)[known] < 5 * annealed.log_z_error[known] + 1e-6).all()
    grid = exact.scales[int(np.argmin(exact.nll))]
    ratio = exact.scales[1] / exact.scales[0]
    assert grid / ratio**1.01 <= annealed.scale <= grid * ratio**1.01
    assert annealed.nll_after < annealed.nll_before


def test_a_scale_at_the_edge_is_reported():
    data = visible_samples(machine(scale=0.8), 500, seed=0)
    fitted = rbm.fit_scale(machine(scale=0.8), data, bounds=(2.0, 3.0))
    assert fitted.at_edge
    assert fitted.scale == 2.0
    before = rbm.negative_log_likelihood(machine(scale=0.8), data).nll
    assert fitted.nll_before == pytest.approx(before, rel=1e-12)


def test_bad_input():
    model = machine()
    data = np.ones((2, 5))
    for call in (
        lambda: rbm.fit_scale(model, data, bounds=(2, 1)),
        lambda: rbm.fit_scale(model, data, bounds=(0, 1)),
        lambda: rbm.fit_scale(model, np.ones((2, 4))),
        lambda: rbm.negative_log_likelihood(model, np.ones((0, 5))),
        lambda: rbm.negative_log_likelihood(model, data, method="guess"),
        lambda: rbm.hidden_features(model, data, kind="binary"),
        lambda: rbm.hidden_features(model, [[0, 1, 0, 1, -1]]),
        lambda: vector_autocorrelation_time([1.0]),
        lambda: vector_autocorrelation_time([[1.0, np.nan]]),
        lambda: rbm.gibbs_autocorrelation_time(model, observable="spin"),
        lambda: rbm.weight_spectrum(model, std=-1.0),
        lambda: rbm.weight_spectrum(model, std=1e308),
    ):
        with pytest.raises(ValueError, match=r"must|unknown|only finite|beyond float64"):
            call()
    bits = sl.datasets.Dataset("bits", data, data, (1, 5), np.array([0, 1]), np.array([0, 1]))
    for classifier in ((), {}, object):
        with pytest.raises(TypeError, match="classifier must be one of scikit-learn's, with fit and score"):
            rbm.feature_accuracy(model, bits, classifier=classifier)
    for function, arguments in itertools.product(
        (rbm.singular_values, rbm.weight_spectrum), (sl.ensembles.sk(N=4, rng=0), np.ones((2, 2)))
    ):
        with pytest.raises(TypeError, match="model"):
            function(arguments)
