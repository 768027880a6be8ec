"""Equilibration tests: series whose correlations are known, naive formulas, exact disorder averages."""

from __future__ import annotations

import numpy as np
import pytest
from naive import all_states
from scipy.special import ndtr

import spinlab as sl
from spinlab.dynamics import equilibration as eq
from spinlab.dynamics import gibbs, parallel_tempering


def ar1(a, n, n_chains, seed):
    """x_t = a x_{t-1} + noise, stationary, with variance 1 and rho(t) = a^t."""
    rng = np.random.default_rng(seed)
    x = np.empty((n, n_chains))
    x[0] = rng.normal(size=n_chains)
    for t in range(1, n):
        x[t] = a * x[t - 1] + np.sqrt(1 - a * a) * rng.normal(size=n_chains)
    return x


@pytest.mark.parametrize("a", [0.0, 0.5, 0.9, -0.4])
def test_autocorrelation_time_of_a_known_process(a):
    x = ar1(a, 20_000, 4, seed=1)
    exact = (1 + a) / (2 * (1 - a))
    found = eq.autocorrelation_time(x)
    # The window leaves out exp(-5) of the tail; the error is a standard error: 5 sigma.
    assert abs(found.tau - exact) < 5 * found.error + 0.01 * exact
    assert found.error < 0.1 * exact
    assert found.reliable
    assert found.effective == pytest.approx(min(80_000, 80_000 / (2 * found.tau)))
    if a > 0:  # the variance of the mean of a chain is what the effective number says
        means = ar1(a, 500, 3000, seed=2).mean(0)
        assert means.var() == pytest.approx(2 * exact / 500, rel=0.15)  # 3000 chains: 5 sigma are 13 %


def test_autocorrelation_is_the_sum_written_out():
    x = ar1(0.7, 30, 3, seed=0)
    y = x - x.mean()
    naive = [np.mean(np.sum(y[: 30 - t] * y[t:], axis=0) / (30 - t)) for t in range(30)]
    np.testing.assert_allclose(eq.autocorrelation(x), np.array(naive) / naive[0], atol=1e-12)


def test_short_and_frozen_series_are_called_unreliable():
    assert not eq.autocorrelation_time(ar1(0.99, 300, 1, seed=0)).reliable
    frozen = eq.autocorrelation_time(np.ones((100, 3)))
    assert not frozen.reliable
    assert frozen.effective == 3
    apart = eq.autocorrelation_time(np.tile([0.0, 1.0], (100, 1)))  # two chains, each at rest
    assert not apart.reliable


def test_r_hat_is_its_formula_and_sees_what_it_should():
    x = ar1(0.3, 40, 5, seed=3)
    halves = [x[k : k + 20, c] for k in (0, 20) for c in range(5)]
    W = np.mean([np.var(h, ddof=1) for h in halves])
    B = 20 * np.var([h.mean() for h in halves], ddof=1)
    assert eq.r_hat(x) == pytest.approx(np.sqrt((19 / 20 * W + B / 20) / W), rel=1e-12)
    assert eq.r_hat(ar1(0.3, 20_000, 4, seed=3)) < 1.01
    drift = np.linspace(0, 3, 2000)[:, None]
    assert eq.r_hat(ar1(0.3, 2000, 4, seed=3) + drift) > 1.1
    assert eq.r_hat(np.ones((10, 3))) == 1.0
    assert eq.r_hat(np.tile([0.0, 1.0], (10, 1))) == np.inf


def test_log_bins_are_means_over_halves_quarters_and_so_on():
    x = ar1(0.2, 22, 6, seed=4)
    bins = eq.log_bins(x)
    assert list(zip(bins.start, bins.stop, strict=True)) == [(0, 1), (1, 2), (2, 5), (5, 11), (11, 22)]
    np.testing.assert_allclose(bins.mean[-1], x[11:].mean(), rtol=1e-12)
    np.testing.assert_allclose(bins.error[-2], x[5:11].mean(0).std(ddof=1) / np.sqrt(6), rtol=1e-12)
    relaxing = 3 * np.exp(-np.arange(4096) / 400)[:, None] + ar1(0.2, 4096, 50, seed=5)
    assert not eq.log_bins(relaxing).settled()
    assert eq.log_bins(relaxing[2048:]).settled(4.0)
    with pytest.raises(ValueError, match="exceeds the 5 bins"):
        bins.settled(n_bins=6)


def test_agreement_of_few_chains_follows_the_normal_law():
    # Shares beyond 2 sigma, .0455, of 2000 pairs of groups: at most .0455 + 4 * .0047, whatever the spreads.
    rng = np.random.default_rng(0)
    for n, m, spread in ((2, 2, 1), (4, 4, 1), (2, 6, 3), (10, 10, 1)):
        pairs = [(rng.normal(size=(1, n)), spread * rng.normal(size=(1, m))) for _ in range(2000)]
        alarms = np.mean([abs(eq.agree(x, y).sigma) > 2 for x, y in pairs])
        assert 0.005 < alarms < 0.064, (n, m, alarms)
    # Groups of 2 and 2 equal spreads: t of 2 degrees of freedom, by its distribution 1/2 + t/2 sqrt(2 + t^2).
    found = eq.agree([[0.0, 2.0]], [[7.0, 9.0]])
    t = 7 / np.sqrt(2)
    assert (found.difference, found.error) == (-7.0, pytest.approx(np.sqrt(2)))
    assert ndtr(found.sigma) == pytest.approx(0.5 - t / (2 * np.sqrt(2 + t * t)))
    # Far out, where the tail underflows, it is still finite and below t.
    x = rng.normal(size=(1, 500))
    assert 37 < -eq.agree(x, x + 1e6).sigma < 1e6


def test_hot_and_pattern_starts():
    # Cold, the patterns trap the chains; hot, all starts agree.
    memory = sl.ensembles.hopfield(N=200, K=20, rng=0)
    for beta, traps in ((3.0, True), (0.5, False)):
        kept = {"beta": beta, "burn_in": 100, "record_every": 10}
        hot = gibbs(memory, 300, 30, rng=1, **kept)
        pattern = gibbs(memory, 300, 30, initial=memory.xi[0], rng=2, **kept)
        found = eq.agree(hot.sample_energy, pattern.sample_energy)
        # 30 chains each: |t| > 5 by chance 6e-6.
        assert (abs(found.sigma) > 5) == traps
    same = eq.agree(np.ones((5, 3)), np.ones((4, 2)))
    assert (same.difference, same.error, same.sigma) == (0.0, 0.0, 0.0)
    assert eq.agree(np.ones((5, 3)), np.zeros((4, 2))).sigma == np.inf


def exact_energy_and_link_overlap(J, beta):
    """Enumerated thermal means of one instance, and of two replicas of it."""
    n = len(J)
    S = all_states(n)
    E = -0.5 * np.einsum("si,ij,sj->s", S, J, S)
    P = np.exp(-beta * (E - E.min()))
    P /= P.sum()
    pairs = np.triu_indices(n, 1)
    C = np.einsum("s,si,sj->ij", P, S, S)
    return P @ E, np.mean(C[pairs] ** 2)


def test_the_identity_of_gaussian_couplings_holds_exactly():
    rng = np.random.default_rng(0)
    n, beta, exact = 5, 1.3, []
    for _ in range(3000):
        J = np.triu(rng.normal(size=(n, n)) / np.sqrt(n), 1)
        exact.append(exact_energy_and_link_overlap(J + J.T, beta))
    energy, overlap = np.array(exact).T
    # 5 sigma: false alarm 6e-7.
    assert abs(eq.gaussian_identity(energy, overlap, beta, 1 / n, 10).sigma) < 5
    assert abs(eq.gaussian_identity(energy, overlap, 1.1 * beta, 1 / n, 10).sigma) > 5


def test_the_identity_tells_equilibrium_from_a_short_run():
    N, beta = 48, 2.0
    sides = {}
    for name, n_steps in (("short", 3), ("long", 300)):
        energy, overlap = [], []
        for seed in range(40):
            model = sl.ensembles.sk(N, rng=seed)
            run = parallel_tempering(
                model, n_steps, 2, betas=np.linspace(0.3, beta, 8), record_every=1, rng=seed
            )
            energy.append(run.sample_energy[:, :, -1].mean())
            overlap.append(eq.link_overlap(run.samples[:, 0, -1], run.samples[:, 1, -1]).mean())
        sides[name] = eq.gaussian_identity(energy, overlap, beta, 1 / N, N * (N - 1) // 2)
    # 40 instances: |t| > 5 by chance 1e-5.
    assert abs(sides["long"].sigma) < 5
    assert sides["short"].sigma > 5  # both the energy and the overlap lag behind


def test_link_overlap_is_the_mean_over_pairs():
    rng = np.random.default_rng(1)
    s, t = rng.choice([-1, 1], (2, 3, 6))
    naive = [
        np.mean([s[r, i] * s[r, j] * t[r, i] * t[r, j] for i in range(6) for j in range(i)]) for r in range(3)
    ]
    np.testing.assert_allclose(eq.link_overlap(s, t), naive, atol=1e-14)
    i, j = np.tril_indices(6, -1)
    np.testing.assert_allclose(eq.link_overlap(s, t, (i, j)), naive, atol=1e-14)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: eq.log_bins(np.ones(5)), "axes"),
        (lambda: eq.log_bins(np.ones((1, 5))), "at least 2 records"),
        (lambda: eq.r_hat(np.ones((10, 1))), "2 chains"),
        (lambda: eq.r_hat(np.ones((3, 2))), "at least 4 records"),
        (lambda: eq.autocorrelation_time([1.0, np.nan, 2.0, 3.0]), "NaN"),
        (lambda: eq.agree(np.ones((5, 1)), np.ones((5, 2))), "x must hold"),
        (lambda: eq.gaussian_identity([1.0], [1.0], 1.0, 1.0, 3), "2 or more"),
        (lambda: eq.gaussian_identity([1.0, 2.0], [1.0], 1.0, 1.0, 3), "one entry per instance"),
        (lambda: eq.link_overlap([1, 1], [1, 1, 1]), "others must have 2 spins"),
        (lambda: eq.link_overlap([1], [1]), "two spins"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_slow_mode_of_small_amplitude_is_not_cut_off():
    # x = noise + slow AR(1): rho(t) = w a^t for t >= 1, w = .2, a = .95, tau = 1/2 + w a / (1 - a) = 4.3;
    # a window of five tau alone would end near tau = 1.
    rng = np.random.default_rng(5)
    n, chains, a, w = 40_000, 4, 0.95, 0.2
    noise = rng.standard_normal((n, chains))
    slow = np.empty((n, chains))
    slow[0] = rng.standard_normal(chains)
    steps = rng.standard_normal((n, chains)) * np.sqrt(1 - a * a)
    for t in range(1, n):
        slow[t] = a * slow[t - 1] + steps[t]
    result = eq.autocorrelation_time(np.sqrt(1 - w) * noise + np.sqrt(w) * slow)
    exact = 0.5 + w * a / (1 - a)
    assert abs(result.tau - exact) < 5 * result.error + 0.05 * exact  # false alarm below 1e-6


def test_an_identity_beyond_float64():
    """A finite beta times a finite variance may still overflow in the sums."""
    with pytest.raises(ValueError, match="times 1 - overlap is beyond float64; rescale"):
        eq.gaussian_identity([-1.0, -2.0], [-1.0, 0.5], 1e308, 1.0, 10)


def test_series_without_records_are_told_so():
    with pytest.raises(ValueError, match=r"at least 4 records of 1 chains, got shape \(0, 1\)"):
        eq.autocorrelation_time([])
    with pytest.raises(ValueError, match=r"at least 4 records of 2 chains, got shape \(5, 0\)"):
        eq.r_hat(np.zeros((5, 0)))


@pytest.mark.parametrize("value", [0.8401534358238483, 7.29655446429944, 0.1, -1e-200])
def test_constants_are_settled(value):
    """Of 60 numbers 7 were not: means over 500 and over 250 records are rounded apart."""
    bins = eq.log_bins(np.full((1000, 7), value))
    assert bins.settled()
    assert (bins.chain_means == value).all()
    assert (bins.error == 0).all()


def excursions(p, q, n, rng):
    """Series of 0 and 1 that leave 0 with probability p per step, and 1 with q."""
    x = np.zeros(n)
    x[0] = rng.random() < p / (p + q)
    for t, u in enumerate(rng.random(n - 1)):
        x[t + 1] = (x[t] == 0 and u < p) or (x[t] == 1 and u >= q)
    return x


def test_a_handful_of_excursions_is_not_reliable():
    rng = np.random.default_rng(0)
    tau = 1 / 0.22 - 0.5
    shares = {}
    for length in (40, 200):
        series = [excursions(0.02, 0.2, round(length * tau), rng) for _ in range(60)]
        shares[length] = np.mean([eq.autocorrelation_time(x).reliable for x in series])
    # Without a look at the excursions .18 of the shorter ones pass. Of 60, above .1 at a rate of .02: 2e-4.
    assert shares[40] <= 0.1
    assert shares[200] >= 0.75  # 44 or fewer of 60 at a rate of .9: 2e-4


def test_changes_between_two_levels_are_counted_within_chains():
    often, rarely = np.tile([0.0, 1.0], 300), np.repeat([0.0, 1.0] * 4, 75)
    assert eq._returns_often(often[:, None])
    assert not eq._returns_often(rarely[:, None])  # seven changes
    assert eq._returns_often(np.append(rarely, 0.0)[:, None])
    apart = np.ones((50, 20))
    apart[:, ::2] = -1  # chains that stay where they are, and differ from their neighbours
    assert not eq._returns_often(apart)
    assert eq._returns_often(np.random.default_rng(0).normal(size=(100, 1)))


@pytest.mark.parametrize("shape", [(7, 3), (8, 1), (7, 3, 2)])
def test_periodogram_by_its_definition(shape):
    x = np.random.default_rng(3).normal(size=shape)
    n, n_chains = shape[:2]
    power, between = eq.periodogram(x)
    wave = np.exp(2j * np.pi * np.outer(np.arange(1, n // 2 + 1), np.arange(n)) / n)
    by_sum = (np.abs(np.einsum("jt,tc...->jc...", wave, x)) ** 2).reshape(n // 2, -1).sum(1) / (n * n_chains)
    np.testing.assert_allclose(power, by_sum, rtol=1e-12)
    means = x.mean(0).reshape(n_chains, -1)
    apart = sum(np.var(component, ddof=1) for component in means.T) if n_chains > 1 else 0.0
    assert between == pytest.approx(n * apart)
