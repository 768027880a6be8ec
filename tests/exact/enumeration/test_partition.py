"""Exact ln Z and mean energy against naive sums, at every temperature and by both routes."""

from __future__ import annotations

import math

import naive
import numpy as np
import pytest

from spinlab.exact.enumeration import log_partition, mean_energy, partition
from spinlab.models import BipartiteIsing, DenseIsing, PatternIsing, SparseIsing

BETAS = np.array([0.0, 0.01, 0.1, 0.5, 1.0, 3.0, 10.0, 50.0, 200.0, 1000.0])


def symmetric(upper):
    upper = np.triu(upper, 1)
    return upper + upper.T


def random_model(rng, n):
    J = rng.normal(size=(n, n)) if rng.random() < 0.5 else rng.integers(-1, 2, size=(n, n)) * 1.0
    b = rng.normal(size=n) * rng.integers(0, 2)
    return DenseIsing(symmetric(J * 10.0 ** rng.integers(-1, 2)), b, offset=rng.normal())


def check(model, betas=BETAS):
    """Both functions to about 1e-14 of the largest term in their sums."""
    log_z, energy = log_partition(model, betas), mean_energy(model, betas)
    size = np.abs(model.couplings()).sum() + np.abs(model.b).sum() + abs(model.offset)
    for k, beta in enumerate(betas):
        expected = naive.log_z_and_mean_energy(model.couplings(), model.b, beta, model.offset)
        assert log_z[k] == pytest.approx(expected[0], rel=0, abs=2e-14 * (model.n_spins + beta * size))
        # A weight is off by beta size 2^-53, which moves the mean by at most the width of the levels.
        assert energy[k] == pytest.approx(expected[1], rel=0, abs=1e-13 * size)


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_naive_sums(seed):
    rng = np.random.default_rng(seed)
    for _ in range(12):
        check(random_model(rng, int(rng.integers(1, 11))))


@pytest.mark.parametrize("core", [0, 1, 4, 6])
def test_outer_spins(core, monkeypatch):
    """Few spins in the matrix product, the others in the sum over its blocks."""
    monkeypatch.setattr(partition, "_CORE_SPINS", core)
    monkeypatch.setattr(partition, "_C_SPINS", core // 2)
    rng = np.random.default_rng(core)
    for n in (1, 2, 5, 9):
        check(random_model(rng, n))


@pytest.mark.parametrize("n", [3, 10, 16])
def test_both_routes_agree(n, monkeypatch):
    """Wherever the product holds, the sum over single states gives the same."""
    rng = np.random.default_rng(n)
    model = random_model(rng, n)
    betas = BETAS[1:7]
    product = log_partition(model, betas), mean_energy(model, betas)
    monkeypatch.setattr(partition, "_LARGEST_GAP", -1.0)
    singly = log_partition(model, betas), mean_energy(model, betas)
    np.testing.assert_allclose(product, singly, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("n", [10, 24])
def test_underflow_is_noticed_in_the_result(n, monkeypatch):
    """Without the estimate beforehand, the product itself reports that it failed."""
    model = DenseIsing(symmetric(np.random.default_rng(n).normal(size=(n, n))))
    expected = log_partition(model, 1000.0)
    product = partition.Product(partition.Search(model, prune=False))
    assert product.sums(0.01, True, 1) is not None
    monkeypatch.setattr(partition, "_LARGEST_GAP", math.inf)
    search = partition.Search(model, prune=False)
    assert partition.Product(search).sums(1000.0 * search.unit, True, 1) is None
    assert log_partition(model, 1000.0) == expected


def test_low_temperature_of_24_spins():
    """At beta = 1000 only the two ground states are left; here the product would be -inf."""
    from spinlab.exact.enumeration import ground_state

    J = symmetric(np.random.default_rng(24).normal(size=(24, 24)))
    answer = ground_state(J, degeneracy=True)
    assert log_partition(J, 1000.0) == pytest.approx(math.log(2) - 1000 * answer.energy, rel=1e-15)
    assert mean_energy(J, 1000.0) == pytest.approx(answer.energy, rel=1e-15)
    assert answer.degeneracy == 2


def test_degeneracy_is_the_entropy_at_zero_temperature():
    """+-J couplings: ln Z + beta E0 tends to the logarithm of the number of ground states."""
    from spinlab.exact.enumeration import ground_state

    J = symmetric(np.random.default_rng(4).choice([-1.0, 1.0], size=(20, 20)))
    answer = ground_state(J, degeneracy=True)
    assert log_partition(J, 1000.0) + 1000 * answer.energy == pytest.approx(
        math.log(answer.degeneracy), abs=1e-11
    )


@pytest.mark.parametrize("n", [1, 2, 3, 12, 25])
def test_no_couplings(n):
    """Z = 2^N; with fields the spins are independent: ln Z = sum ln 2cosh(beta b), <E> = -sum b tanh."""
    assert log_partition(np.zeros((n, n)), 7.0) == pytest.approx(n * math.log(2), rel=1e-15)
    assert mean_energy(np.zeros((n, n)), 7.0) == 0.0
    b = np.linspace(-1.0, 2.0, n)
    for beta in (0.01, 1.0, 1000.0):
        x = beta * b
        model = DenseIsing(np.zeros((n, n)), b)
        assert log_partition(model, beta) == pytest.approx(np.logaddexp(x, -x).sum(), rel=1e-14)
        assert mean_energy(model, beta) == pytest.approx(-(b * np.tanh(x)).sum(), rel=1e-13)


def test_ferromagnet_by_magnetisation():
    """N = 26: J_ij = 1 makes the energy a function of M, so that the sum has N + 1 terms."""
    n = 26
    M = n - 2 * np.arange(n + 1)
    E = -(M**2 - n) / 2
    logs = np.array([math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(n + 1)])
    for beta in (0.02, 0.05, 1.0):
        terms = logs - beta * E
        weights = np.exp(terms - terms.max())
        assert log_partition(np.ones((n, n)) - np.eye(n), beta) == pytest.approx(
            terms.max() + math.log(weights.sum()), rel=1e-13
        )
        assert mean_energy(np.ones((n, n)) - np.eye(n), beta) == pytest.approx(
            (weights * E).sum() / weights.sum(), rel=1e-11
        )


def test_frustrated_bonds_of_very_different_scales():
    """A strong frustrated triangle leaves 6 of 8 states low, where the product underflows at beta = 1."""
    J = symmetric(np.random.default_rng(0).normal(size=(12, 12)))
    for i, j in ((0, 5), (0, 11), (5, 11)):
        J[i, j] = J[j, i] = -1e4
    check(DenseIsing(J), BETAS[1:5])


def test_sine_instance():
    """W_ia = 0.4 sin(1 + 5 i + a), i = 0..5, a = 0..4."""
    W = 0.4 * np.sin(1 + 5 * np.arange(6)[:, None] + np.arange(5))
    rbm = BipartiteIsing(W)
    assert log_partition(rbm) == pytest.approx(9.155396714744452, rel=1e-13)
    assert mean_energy(rbm) == pytest.approx(-3.444242084827808, rel=1e-13)


def test_other_forms():
    rng = np.random.default_rng(8)
    check(PatternIsing(rng.choice([-1, 1], size=(2, 7)), 0.3, rng.normal(size=7), offset=1.0))
    check(SparseIsing(symmetric(rng.normal(size=(8, 8)) * (rng.random((8, 8)) < 0.3))))


def test_mean_energy_is_the_derivative():
    model = random_model(np.random.default_rng(2), 12).with_std(0.5)
    beta, step = 1.0, 1e-4
    slope = (log_partition(model, beta - step) - log_partition(model, beta + step)) / (2 * step)
    assert mean_energy(model, beta) == pytest.approx(slope, rel=1e-5)


def test_threads_do_not_change_a_bit(monkeypatch):
    monkeypatch.setattr(partition, "_CORE_SPINS", 14)
    monkeypatch.setattr(partition, "_C_SPINS", 6)
    J = symmetric(np.random.default_rng(1).normal(size=(20, 20)))
    for function in (log_partition, mean_energy):
        one, two, five = (function(J, [0.3, 100.0], threads=k) for k in (1, 2, 5))
        assert one.tobytes() == two.tobytes() == five.tobytes()


def test_shapes():
    J = [[0, 1], [1, 0]]
    assert isinstance(log_partition(J), float)
    assert isinstance(mean_energy(J, 2), float)
    assert log_partition(J, [1.0, 2.0]).shape == mean_energy(J, [1.0, 2.0]).shape == (2,)
    assert log_partition(J, []).shape == (0,)


@pytest.mark.parametrize("scale", [1e140, 1e-140, 5e-324])
def test_huge_and_tiny_couplings(scale):
    J = np.array([[0.0, scale], [scale, 0.0]])
    for beta in (0.0, 1.0, 1000.0, 1 / max(scale, 1e-140)):
        x = beta * scale
        assert log_partition(J, beta) == pytest.approx(math.log(2) + np.logaddexp(x, -x), rel=1e-15)
        assert mean_energy(J, beta) == pytest.approx(-scale * np.tanh(x), rel=1e-15)


@pytest.mark.parametrize(
    ("error", "message", "beta"),
    [
        (ValueError, r"beta must be 0 or more, got -1\b", -1.0),
        (ValueError, "beta must be 0 or more", [1.0, -0.5]),
        (ValueError, "NaN or infinite", math.inf),
        (ValueError, "NaN or infinite", [1.0, math.nan]),
        (ValueError, "0 or 1 axes", [[1.0]]),
        (TypeError, "real numbers", "cold"),
    ],
)
def test_bad_beta(error, message, beta):
    for function in (log_partition, mean_energy):
        with pytest.raises(error, match=message):
            function([[0, 1], [1, 0]], beta)


def test_overflow_is_refused():
    with pytest.raises(ValueError, match=r"beta times the offset 1e\+300 overflows"):
        log_partition(DenseIsing([[0.0, 1.0], [1.0, 0.0]], offset=1e300), 1e10)


def test_too_many_spins():
    with pytest.raises(ValueError, match=r"2\*\*41 states for N=41 spins, about .*limit is N=40.*Instead"):
        log_partition(DenseIsing(np.zeros((41, 41)), 1.0))
    assert partition.refusal(DenseIsing(np.zeros((40, 40)))) is None
    assert partition.cost(DenseIsing(np.zeros((40, 40))))[0] > 1
