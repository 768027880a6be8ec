"""ln Z, mean energy and overlaps with few patterns, against naive sums and closed forms in many digits."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import naive
import numpy as np
import pytest

import spinlab as sl
from spinlab.exact import layer, lowrank
from spinlab.exact.lowrank import log_partition, mean_energy, overlap_distribution
from spinlab.exact.lowrank import partition as lowrank_partition
from spinlab.models import BipartiteIsing, PatternBipartiteIsing, PatternIsing

BETAS = (0.01, 0.3, 1.0, 7.0, 1000.0)


def binary(rng, K, N):
    return rng.choice([-1.0, 1.0], (K, N))


def fields(rng, n):
    return (np.zeros(n), rng.normal(size=n), np.full(n, 0.4), rng.choice([-1.0, 0.0, 1.0], n))[
        rng.integers(4)
    ]


def random_model(rng):
    K, scale, offset = int(rng.integers(1, 4)), rng.choice([1.0, 0.3, -0.5, 0.1]), rng.normal()
    if rng.random() < 0.5:
        N = int(rng.integers(1, 8))
        return PatternIsing(binary(rng, K, N), scale, fields(rng, N), offset=offset)
    V, H = (int(n) for n in rng.integers(1, 5, 2))
    b = fields(rng, V), fields(rng, H)
    return PatternBipartiteIsing(binary(rng, K, V), binary(rng, K, H), scale, *b, offset=offset)


def parts(model):
    """(J of all sites, visible patterns), the couplings written out from the patterns."""
    bipartite = isinstance(model, PatternBipartiteIsing)
    xi = np.concatenate([model.xi_v, model.xi_h], axis=1) if bipartite else model.xi
    N = model.n_spins
    J = np.zeros((N, N))
    for i in range(N):
        for j in range(N):
            if i != j and (not bipartite or (i < model.V) != (j < model.V)):
                J[i, j] = model.scale * sum(xi[k, i] * xi[k, j] for k in range(len(xi)))
    return J, model.xi_v if bipartite else model.xi


@pytest.mark.parametrize("beta", BETAS)
def test_equals_naive_sums(beta):
    rng = np.random.default_rng(BETAS.index(beta))
    for _ in range(60):
        model = random_model(rng)
        J, xi = parts(model)
        log_z, U = naive.log_z_and_mean_energy(J, model.b, beta, model.offset)
        # Rounding of energies of size T moves ln Z by beta T 2^-53, and <E> by that times the spread.
        T = np.abs(J).sum() / 2 + np.abs(model.b).sum() + abs(model.offset) + abs(model.scale) * xi.size
        assert log_partition(model, beta) == pytest.approx(log_z, rel=1e-14, abs=2e-15 * (1 + beta * T))
        assert mean_energy(model, beta) == pytest.approx(U, rel=1e-14, abs=2e-15 * (1 + beta * T) * T)

        states = naive.all_states(model.n_spins)
        E = naive.energies(J, model.b, model.offset, states)
        weights = np.exp(-beta * (E - E.min()))
        N = xi.shape[1]
        m, p = overlap_distribution(model, beta)
        assert m.tolist() == [(2 * n - N) / N for n in range(N + 1)]
        for k in range(len(xi)):
            n = (states[:, :N] @ xi[k] + N).astype(int) // 2
            exact = np.bincount(n, weights, N + 1) / weights.sum()
            np.testing.assert_allclose(p[k], exact, rtol=0, atol=1e-14 * (1 + beta * T))


def decimal_sums(terms, beta):
    """ln Z and <E> of (count, energy) pairs in 60 digits."""
    with localcontext() as context:
        context.prec = 60
        b = Decimal(beta)
        weights = [(n * (-b * E).exp(), E) for n, E in terms]
        Z = sum(w for w, _ in weights)
        return float(Z.ln()), float(sum(w * E for w, E in weights) / Z)


@pytest.mark.parametrize("beta", BETAS)
def test_one_pattern_in_closed_form(beta):
    """Z = sum_n C(N, n) exp(beta [scale ((N - 2n)^2 - N) / 2 + c (N - 2n)])."""
    N, scale, c = 301, 1 / 256, 0.125
    xi = binary(np.random.default_rng(0), 1, N)
    for field in (0.0, c):
        model = PatternIsing(xi, scale, field * xi[0], offset=1.5)
        energies = [
            Decimal("1.5") - Decimal(scale) * (M * M - N) / 2 - Decimal(field) * M
            for M in range(-N, N + 1, 2)
        ]
        log_z, U = decimal_sums([(math.comb(N, n), E) for n, E in enumerate(energies)], beta)
        assert log_partition(model, beta) == pytest.approx(log_z, rel=1e-14)
        assert mean_energy(model, beta) == pytest.approx(U, rel=1e-13)


@pytest.mark.parametrize("beta", BETAS)
def test_rbm_of_one_pattern_in_closed_form(beta):
    """Z = sum_n C(V, n) [2cosh(beta scale (V - 2n))]^H, and the same with the layers exchanged."""
    V, H, scale = 784, 20, 0.0625
    rng = np.random.default_rng(1)
    model = PatternBipartiteIsing(binary(rng, 1, V), binary(rng, 1, H), scale)
    with localcontext() as context:
        context.prec = 60
        b = Decimal(beta) * Decimal(scale)
        Z, U = Decimal(0), Decimal(0)
        for n in range(V + 1):
            up = (b * (V - 2 * n)).exp()
            w = math.comb(V, n) * (up + 1 / up) ** H
            Z += w
            U -= w * H * Decimal(scale) * (V - 2 * n) * (up - 1 / up) / (up + 1 / up)
        log_z, energy = float(Z.ln()), float(U / Z)
    for m in (model, PatternBipartiteIsing(model.xi_h, model.xi_v, scale)):
        assert log_partition(m, beta) == pytest.approx(log_z, rel=1e-14)
        assert mean_energy(m, beta) == pytest.approx(energy, rel=1e-12)


def test_two_patterns_are_two_mattis_models():
    rng = np.random.default_rng(2)
    xi = binary(rng, 2, 401)
    same = xi[0] == xi[1]
    for beta in BETAS:
        whole = PatternIsing(xi, 0.01, 0.3 * xi[0] + 0.1 * xi[1])
        halves = [
            PatternIsing(xi[:1, part], 0.02, g * xi[0, part]) for part, g in ((same, 0.4), (~same, 0.2))
        ]
        assert log_partition(whole, beta) == pytest.approx(
            sum(log_partition(x, beta) for x in halves), rel=1e-13
        )
        assert mean_energy(whole, beta) == pytest.approx(sum(mean_energy(x, beta) for x in halves), rel=1e-12)


@pytest.mark.parametrize("beta", [0.01, 0.5, 1.0, 1.5])
def test_three_patterns_by_hubbard_stratonovich(beta):
    """exp(g m^2 / 2) as a Gaussian integral for each pattern; the trapezoid rule converges exponentially."""
    N, K, h = 120, 3, 0.3
    xi = binary(np.random.default_rng(3), K, N)
    model = PatternIsing(xi, 1 / N, 0.1 * xi[1])
    g = beta / N
    z = np.arange(-12 - math.sqrt(g) * N, 12 + math.sqrt(g) * N, h)
    grid = np.meshgrid(z, z, z, indexing="ij", sparse=True)
    columns, counts = np.unique(xi.T, axis=0, return_counts=True)
    log_f = -(grid[0] ** 2 + grid[1] ** 2 + grid[2] ** 2) / 2
    for column, count in zip(columns, counts, strict=True):
        x = math.sqrt(g) * sum(c * u for c, u in zip(column, grid, strict=True)) + beta * 0.1 * column[1]
        log_f = log_f + count * (np.abs(x) + np.log1p(np.exp(-2 * np.abs(x))))
    top = log_f.max()
    log_z = (
        top + math.log(np.exp(log_f - top).sum()) + K * math.log(h / math.sqrt(2 * math.pi)) - g * K * N / 2
    )
    assert log_partition(model, beta) == pytest.approx(log_z, rel=1e-12)


def test_rbm_with_three_patterns_equals_the_sum_over_a_layer():
    rng = np.random.default_rng(4)
    for V, H, biased in ((11, 60, True), (40, 9, False), (13, 13, True)):
        b = (rng.normal(size=V), rng.normal(size=H)) if biased else (None, None)
        model = PatternBipartiteIsing(binary(rng, 3, V), binary(rng, 3, H), 0.2, *b, offset=-1.0)
        for beta in (0.0, *BETAS):
            for function in ("log_partition", "mean_energy"):
                reference = getattr(layer, function)(model, beta)
                assert getattr(lowrank, function)(model, beta) == pytest.approx(reference, rel=1e-11)


def test_low_temperatures_show_the_ground_state_and_its_degeneracy():
    """At beta = 1000 ln Z = ln g - beta E0 + ln(1 + ..): integer couplings leave a gap of at least 1."""
    rng = np.random.default_rng(5)
    for K in (1, 2, 3):
        model = PatternIsing(binary(rng, K, 61), 1.0, offset=0.0)
        E0 = lowrank.ground_state(model).energy
        assert mean_energy(model, 1000.0) == pytest.approx(E0, rel=1e-13)
        degeneracy = math.exp(log_partition(model, 1000.0) + 1000 * E0)
        expected = degeneracy_by_classes(model, E0)
        assert degeneracy == pytest.approx(expected, rel=1e-6)


def degeneracy_by_classes(model, E0):
    """Number of states of energy E0, by listing the sums of all classes."""
    columns, counts = np.unique(model.xi.T * model.xi[-1][:, None], axis=0, return_counts=True)
    ups = np.array(np.meshgrid(*[np.arange(n + 1) for n in counts], indexing="ij")).reshape(len(counts), -1)
    m = (2 * ups - counts[:, None]).T @ columns
    energies = -model.scale / 2 * ((m**2).sum(1) - model.K * model.n_spins)
    return sum(
        math.prod(math.comb(n, u) for n, u in zip(counts, up, strict=True)) for up in ups.T[energies == E0]
    )


def test_energy_follows_from_the_overlaps():
    """<E> = -(scale/2) [N^2 sum_k <(m^k)^2> - K N] - sum_k c_k N <m^k>."""
    rng = np.random.default_rng(6)
    for K, N in ((1, 10**5), (2, 3000), (3, 300)):
        xi = binary(rng, K, N)
        for beta, c in ((0.5, 0.0), (1.5, 0.02), (30.0, 0.0)):
            model = PatternIsing(xi, 1 / N, c * xi[0])
            m, p = overlap_distribution(model, beta)
            np.testing.assert_allclose(p.sum(1), 1.0, rtol=1e-11)
            assert (p >= 0).all()
            U = -0.5 * (N * (p @ m**2).sum() - K) - c * N * (p[0] @ m)
            assert mean_energy(model, beta) == pytest.approx(U, rel=1e-9)


def test_mean_energy_is_the_slope_of_log_z():
    rng = np.random.default_rng(7)
    for model in (
        PatternIsing(binary(rng, 3, 200), 1 / 200, rng.normal(size=200)),
        PatternBipartiteIsing(binary(rng, 3, 60), binary(rng, 3, 80), 0.02, rng.normal(size=60), 0.3),
    ):
        h = 1e-4
        slope = (log_partition(model, 1 - h) - log_partition(model, 1 + h)) / (2 * h)
        assert mean_energy(model, 1.0) == pytest.approx(slope, rel=1e-7)


def test_a_million_spins():
    rng = np.random.default_rng(8)
    N = 10**6
    for K in (1, 2):
        model = PatternIsing(binary(rng, K, N), 0.5 / N)
        # Paramagnet, to order 1/N: Z = 2^N e^(-beta K/4) prod_k (1 - beta/2)^(-1/2).
        log_z = N * math.log(2) - K / 4 - K / 2 * math.log(0.5)
        assert log_partition(model, 1.0) - N * math.log(2) == pytest.approx(log_z - N * math.log(2), rel=1e-3)
        assert mean_energy(model, 1.0) == pytest.approx(-K / 4, rel=1e-2)


def test_log_binomials():
    for n in (1, 2, 3, 15, 16, 17, 100, 1001):
        exact = [float((Decimal(math.comb(n, j)) / 2**n).ln()) for j in range(n + 1)]
        np.testing.assert_allclose(lowrank_partition._log_binomials(n), exact, rtol=1e-14, atol=1e-14)


def test_no_temperature_and_many_temperatures():
    rng = np.random.default_rng(9)
    model = PatternIsing(binary(rng, 3, 50), -0.3, rng.normal(size=50), offset=2.0)
    assert log_partition(model, 0.0) == pytest.approx(50 * math.log(2), rel=1e-14)
    assert mean_energy(model, 0) == 2.0
    for function in (log_partition, mean_energy):
        values = function(model, BETAS)
        assert values.tolist() == [function(model, beta) for beta in BETAS]
        assert all(type(function(model, beta)) is float for beta in BETAS)
        assert function(model, np.array([])).shape == (0,)


def test_threads_do_not_change_the_answer():
    rng = np.random.default_rng(10)
    model = PatternBipartiteIsing(binary(rng, 3, 50), binary(rng, 3, 70), 0.1, bh=rng.normal(size=70))
    assert (
        len({(log_partition(model, 1.0, threads=n), mean_energy(model, 1.0, threads=n)) for n in (1, 2, 5)})
        == 1
    )


def test_the_front_door_takes_it():
    rng = np.random.default_rng(11)
    model = PatternIsing(binary(rng, 3, 500), 1 / 500)
    assert sl.log_partition(model, 2.0) == log_partition(model, 2.0)
    small = PatternIsing(binary(rng, 3, 12), 1 / 12)
    for function in (sl.log_partition, sl.mean_energy):
        assert function(small, 2.0, "lowrank") == pytest.approx(
            function(small, 2.0, "enumeration"), rel=1e-12
        )


def test_refusals_say_what_is_allowed():
    rng = np.random.default_rng(12)
    zeros = binary(rng, 3, 9)
    zeros[0, 0] = 0.0
    for model, message in (
        (PatternIsing(binary(rng, 4, 9)), r"up to 3 binary patterns, got K=4"),
        (PatternIsing(zeros), r"other than \+-1"),
        (PatternBipartiteIsing(binary(rng, 2, 9), rng.normal(size=(2, 5))), r"other than \+-1"),
        (BipartiteIsing(np.ones((2, 2))), r"got BipartiteIsing"),
        (PatternIsing(binary(rng, 1, 10**6), 1.0, rng.normal(size=10**6)), r"limit is"),
    ):
        assert lowrank.refusal(model, "log_partition") is not None
        for function in (log_partition, mean_energy, overlap_distribution):
            with pytest.raises(ValueError, match=message):
                function(model)
    model = PatternIsing(binary(rng, 2, 5))
    for beta in (-1.0, np.nan, np.inf, 1e300, [[1.0]]):
        with pytest.raises(ValueError, match="beta"):
            log_partition(model, beta)
    with pytest.raises(ValueError, match="beta"):
        overlap_distribution(model, -1.0)
    with pytest.raises(TypeError, match="beta"):
        mean_energy(model, "1")
