"""Thermal averages against naive sums at every temperature and by both routes; samples by chi-square."""

from __future__ import annotations

import math

import naive
import numpy as np
import pytest

from spinlab import exact
from spinlab.exact import enumeration
from spinlab.exact.enumeration import low_states, partition, tables, thermal
from spinlab.exact.enumeration import search as search_module
from spinlab.exact.enumeration.search import Search
from spinlab.models import BipartiteIsing, DenseIsing

BETAS = np.array([0.0, 0.01, 0.1, 0.5, 1.0, 3.0, 10.0, 100.0])


def symmetric(upper):
    upper = np.triu(upper, 1)
    return upper + upper.T


def random_model(rng, n):
    J = rng.normal(size=(n, n)) if rng.random() < 0.5 else rng.integers(-1, 2, size=(n, n)) * 1.0
    b = rng.normal(size=n) * rng.integers(0, 2)
    return DenseIsing(symmetric(J), b, offset=rng.normal())


def naive_averages(model, beta):
    """ln Z, <E>, heat capacity, <s_i>, <s_i s_j>."""
    s = naive.all_states(model.n_spins).astype(float)
    E = naive.energies(model.couplings(), model.b, model.offset, s)
    p = np.exp(-beta * (E - E.min()))
    log_z = math.log(p.sum()) - beta * E.min()
    p /= p.sum()
    mean = p @ E
    return log_z, mean, beta**2 * (p @ (E - mean) ** 2), p @ s, (p[:, None] * s).T @ s


def check(model, betas=BETAS):
    """To a few times beta size 2^-53, the rounding of the weights, times the scale of each quantity."""
    answer = exact.thermal_averages(model, betas)
    size = np.abs(model.couplings()).sum() + np.abs(model.b).sum() + abs(model.offset)
    for k, beta in enumerate(betas):
        log_z, energy, heat, magnetisation, correlation = naive_averages(model, beta)
        rounding = 1e-14 * (1 + beta * size)
        assert answer.log_z[k] == pytest.approx(log_z, rel=0, abs=rounding * model.n_spins)
        assert answer.energy[k] == pytest.approx(energy, rel=0, abs=1e-13 * size)
        assert answer.heat_capacity[k] == pytest.approx(heat, rel=1e-12, abs=rounding * (beta * size) ** 2)
        np.testing.assert_allclose(answer.correlation[k], correlation, rtol=0, atol=rounding)
        np.testing.assert_allclose(answer.magnetisation[k], magnetisation, rtol=0, atol=rounding)


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_naive_sums(seed):
    rng = np.random.default_rng(seed)
    for _ in range(10):
        check(random_model(rng, int(rng.integers(1, 10))))


@pytest.mark.parametrize("core", [0, 1, 4, 6])
def test_outer_spins(core, monkeypatch):
    """Few spins in the matrix product, the others in the sum over its blocks."""
    monkeypatch.setattr(partition, "_CORE_SPINS", core)
    monkeypatch.setattr(partition, "_C_SPINS", core // 2)
    rng = np.random.default_rng(core)
    for n in (1, 2, 5, 9):
        check(random_model(rng, n))


@pytest.mark.parametrize("seed", range(3))
def test_low_states(seed, monkeypatch):
    """The route of low temperatures, at every temperature."""
    monkeypatch.setattr(partition, "_LARGEST_GAP", -1.0)
    rng = np.random.default_rng(seed)
    for _ in range(6):
        check(random_model(rng, int(rng.integers(1, 9))), BETAS[1:])


def test_low_states_of_many_chunks(monkeypatch):
    monkeypatch.setattr(tables, "MIN_CHUNK_BITS", 1)
    monkeypatch.setattr(search_module, "PRUNE_FROM", 14)
    rng = np.random.default_rng(9)
    model = DenseIsing(symmetric(rng.normal(size=(17, 17))), rng.normal(size=17))
    product = exact.thermal_averages(model, [2.0, 5.0])
    monkeypatch.setattr(partition, "_LARGEST_GAP", -1.0)
    single = exact.thermal_averages(model, [2.0, 5.0], threads=2)
    for name in ("log_z", "energy", "heat_capacity", "magnetisation", "correlation"):
        np.testing.assert_allclose(getattr(single, name), getattr(product, name), rtol=1e-11, atol=1e-13)


def test_underflow_is_noticed_in_the_result(monkeypatch):
    """Without the estimate beforehand, the product itself reports that it failed."""
    model = DenseIsing(symmetric(np.random.default_rng(0).normal(size=(20, 20))))
    expected = exact.thermal_averages(model, 1000.0)
    drawn = exact.boltzmann_samples(model, 5, 1000.0, rng=1)
    monkeypatch.setattr(partition, "_LARGEST_GAP", math.inf)
    search = Search(model, prune=False)
    product = partition.Product(search)
    assert thermal._product_sums(product, 0.01, 1) is not None
    assert thermal._product_sums(product, 1000.0 * search.unit, 1) is None
    assert thermal._product_samples(product, 1000.0 * search.unit, np.zeros((1, 3)), 1) is None
    again = exact.thermal_averages(model, 1000.0)
    np.testing.assert_array_equal(again.correlation, expected.correlation)
    np.testing.assert_array_equal(exact.boltzmann_samples(model, 5, 1000.0, rng=1), drawn)


def test_zero_temperature_limit():
    """N = 24 at beta = 1000: the averages are those over the ground states."""
    rng = np.random.default_rng(24)
    for model in (
        DenseIsing(symmetric(rng.choice([-1.0, 1.0], size=(24, 24)))),
        DenseIsing(symmetric(rng.choice([-1.0, 1.0], size=(24, 24))), rng.choice([-1.0, 1.0], size=24)),
    ):
        lowest = exact.ground_states(model)
        s = lowest.states.astype(float)
        answer = exact.thermal_averages(model, 1000.0)
        assert answer.energy == lowest.energy
        assert answer.entropy == pytest.approx(math.log(lowest.degeneracy), abs=1e-10)
        assert answer.heat_capacity == pytest.approx(0.0, abs=1e-100)
        np.testing.assert_allclose(answer.correlation, s.T @ s / len(s), atol=1e-14)
        np.testing.assert_allclose(answer.magnetisation, s.mean(0), atol=1e-14)


def test_two_level_heat_capacity_at_low_temperature():
    """Relative accuracy where C is exponentially small: a pair has C = (beta J / cosh beta J)^2."""
    answer = exact.thermal_averages([[0, 1], [1, 0]], [20.0, 100.0, 300.0])
    expected = [(beta / math.cosh(beta)) ** 2 for beta in (20.0, 100.0, 300.0)]
    np.testing.assert_allclose(answer.heat_capacity, expected, rtol=1e-12)


def test_independent_spins():
    """N = 25: <s_i> = tanh beta b_i, no correlations beyond their products, C a sum over spins."""
    b = np.linspace(-1.0, 2.0, 25)
    for beta in (0.3, 3.0, 1000.0):
        answer = exact.thermal_averages(DenseIsing(np.zeros((25, 25)), b), beta)
        m = np.tanh(beta * b)
        np.testing.assert_allclose(answer.magnetisation, m, atol=1e-12)
        outer = np.outer(m, m)
        np.fill_diagonal(outer, 1.0)
        np.testing.assert_allclose(answer.correlation, outer, atol=1e-12)
        assert answer.heat_capacity == pytest.approx(((beta * b) ** 2 * (1 - m * m)).sum(), rel=1e-10)


def test_consistent_with_the_partition_function_and_the_density_of_states():
    """N = 22 in fields of +-1: four routes to ln Z, energy and heat capacity."""
    rng = np.random.default_rng(5)
    model = DenseIsing(symmetric(rng.choice([-1.0, 1.0], size=(22, 22))), rng.choice([-1.0, 1.0], size=22))
    betas = [0.05, 0.3, 1.0]
    answer = exact.thermal_averages(model, betas)
    density = exact.density_of_states(model)
    np.testing.assert_allclose(answer.log_z, enumeration.log_partition(model, betas), rtol=1e-14)
    np.testing.assert_allclose(answer.energy, enumeration.mean_energy(model, betas), rtol=1e-13)
    for k, beta in enumerate(betas):
        w = density.counts * np.exp(-beta * (density.energies - density.energies[0]))
        w /= w.sum()
        mean = w @ density.energies
        assert answer.energy[k] == pytest.approx(mean, rel=1e-13)
        heat = beta**2 * (w @ (density.energies - mean) ** 2)
        assert answer.heat_capacity[k] == pytest.approx(heat, rel=1e-11)
        pairs = np.triu(model.couplings() * answer.correlation[k]).sum()
        assert answer.energy[k] == pytest.approx(-pairs - model.b @ answer.magnetisation[k], rel=1e-13)


def test_shapes_labels_and_symmetry():
    model = DenseIsing([[0.0, 1.0, 0.0], [1.0, 0.0, -1.0], [0.0, -1.0, 0.0]], labels="abc")
    one = exact.thermal_averages(model, 2.0)
    assert isinstance(one.log_z, float)
    assert isinstance(one.heat_capacity, float)
    assert one.labels == ("a", "b", "c")
    assert one.magnetisation.tolist() == [0.0, 0.0, 0.0]
    np.testing.assert_array_equal(one.correlation, one.correlation.T)
    two = exact.thermal_averages(model, [1.0, 2.0])
    assert two.log_z.shape == two.energy.shape == two.heat_capacity.shape == two.entropy.shape == (2,)
    assert two.magnetisation.shape == (2, 3)
    np.testing.assert_array_equal(two.correlation[1], one.correlation)
    none = exact.thermal_averages(model, [])
    assert none.correlation.shape == (0, 3, 3)
    assert exact.thermal_averages(BipartiteIsing([[1.0, 2.0]]), 1.0).correlation.shape == (3, 3)


def p_value(model, states, beta):
    """Of a chi-square test of states against the Boltzmann distribution; rare states are pooled."""
    from scipy.stats import chisquare

    n = model.n_spins
    E = naive.energies(model.couplings(), model.b, model.offset, naive.all_states(n))
    expected = np.exp(-beta * (E - E.min()))
    expected *= len(states) / expected.sum()
    counts = np.bincount((states > 0) @ (1 << np.arange(n - 1, -1, -1)), minlength=2**n)
    rare = expected < 10
    if expected[rare].sum() < 10:  # pooled with the most frequent state
        rare[expected.argmax()] = True
    counts = np.append(counts[~rare], counts[rare].sum())
    return chisquare(counts, np.append(expected[~rare], expected[rare].sum())).pvalue


@pytest.mark.parametrize("fields", [True, False])
@pytest.mark.parametrize(
    ("route", "beta"),
    [("product", 0.0), ("product", 0.3), ("product", 1.5), ("outer", 0.3), ("low", 0.1), ("low", 1.5)],
)
def test_samples_follow_the_boltzmann_distribution(route, fields, beta, monkeypatch):
    """False-alarm rate 1e-4 each."""
    if route == "outer":
        monkeypatch.setattr(partition, "_CORE_SPINS", 3)
        monkeypatch.setattr(partition, "_C_SPINS", 2)
    if route == "low":
        monkeypatch.setattr(partition, "_LARGEST_GAP", -1.0)
    rng = np.random.default_rng(1)
    model = DenseIsing(symmetric(rng.normal(size=(7, 7))), rng.normal(size=7) * fields)
    states = exact.boltzmann_samples(model, 20_000, beta, rng=2)
    assert states.dtype == np.int8
    assert p_value(model, states, beta) > 1e-4
    assert p_value(model, states, beta + 0.2) < 1e-10  # the test sees a wrong temperature


def test_samples_of_many_chunks(monkeypatch):
    """N = 17 by the low route over 8 chunks, against exact averages: 5 standard errors, 136 pairs, 1e-4."""
    monkeypatch.setattr(tables, "MIN_CHUNK_BITS", 1)
    monkeypatch.setattr(search_module, "PRUNE_FROM", 14)
    rng = np.random.default_rng(3)
    model = DenseIsing(symmetric(rng.normal(size=(17, 17))) / 4, rng.normal(size=17) / 4)
    expected = exact.thermal_averages(model, 2.0)
    drawn = exact.boltzmann_samples(model, 20_000, 2.0, rng=4).astype(float)
    monkeypatch.setattr(partition, "_LARGEST_GAP", -1.0)
    low = exact.boltzmann_samples(model, 20_000, 2.0, rng=4, threads=2).astype(float)
    for s in (drawn, low):
        correlation = s.T @ s / len(s)
        error = np.sqrt((1 - expected.correlation**2) / len(s)) + 1e-4
        assert (np.abs(correlation - expected.correlation) < 5 * error).all()
        error = np.sqrt((1 - expected.magnetisation**2) / len(s)) + 1e-4
        assert (np.abs(s.mean(0) - expected.magnetisation) < 5 * error).all()


def test_samples_at_zero_temperature_are_ground_states_equally_often():
    """Each of the d ground states, chi-square at 1e-4."""
    from scipy.stats import chisquare

    J = symmetric(np.random.default_rng(4).choice([-1.0, 1.0], size=(16, 16)))
    lowest = exact.ground_states(J)
    states = exact.boltzmann_samples(J, 5000, beta=1e4, rng=0)
    found, counts = np.unique(states, axis=0, return_counts=True)
    assert {tuple(s) for s in found.tolist()} == {tuple(s) for s in lowest.states.tolist()}
    assert chisquare(counts).pvalue > 1e-4


def test_samples_are_reproducible():
    J = symmetric(np.random.default_rng(0).normal(size=(21, 21)))
    for beta in (0.5, 1000.0):
        one, two, five = (exact.boltzmann_samples(J, 700, beta, rng=3, threads=k) for k in (1, 2, 5))
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, five)
        np.testing.assert_array_equal(exact.boltzmann_samples(J, 100, beta, rng=3), one[:100])
        assert (exact.boltzmann_samples(J, 700, beta, rng=4) != one).any()
    generator = np.random.default_rng(3)
    first, second = (exact.boltzmann_samples(J, 50, 0.5, rng=generator) for _ in range(2))
    assert (first != second).any()
    assert exact.boltzmann_samples(J, 0).shape == (0, 21)


def test_threads_do_not_change_a_bit(monkeypatch):
    monkeypatch.setattr(partition, "_CORE_SPINS", 14)
    J = symmetric(np.random.default_rng(1).normal(size=(20, 20)))
    for beta in (0.5, 50.0, 1000.0):
        one, two, five = (exact.thermal_averages(J, beta, threads=k) for k in (1, 2, 5))
        for other in (two, five):
            assert (one.log_z, one.energy, one.heat_capacity) == (
                other.log_z,
                other.energy,
                other.heat_capacity,
            )
            np.testing.assert_array_equal(one.correlation, other.correlation)


@pytest.mark.parametrize("scale", [1e140, 1e-140])
def test_huge_and_tiny_couplings(scale):
    J = np.array([[0.0, scale], [scale, 0.0]])
    for x in (0.0, 0.5, 1.0, 1000.0):
        answer = exact.thermal_averages(J, x / scale)
        assert answer.correlation[0, 1] == pytest.approx(math.tanh(x), rel=1e-14)
        assert answer.heat_capacity == pytest.approx((x / math.cosh(min(x, 700))) ** 2, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ValueError, "beta must be 0 or more, got -1", lambda J: exact.thermal_averages(J, -1.0)),
        (ValueError, "0 or 1 axes", lambda J: exact.thermal_averages(J, [[1.0]])),
        (TypeError, "real numbers", lambda J: exact.thermal_averages(J, "cold")),
        (ValueError, "NaN or infinite", lambda J: exact.thermal_averages(J, [1.0, math.inf])),
        (ValueError, "threads must be at least 1", lambda J: exact.thermal_averages(J, threads=0)),
        (ValueError, "beta must be a finite number", lambda J: exact.boltzmann_samples(J, 3, -0.1)),
        (ValueError, "n must be at least 0", lambda J: exact.boltzmann_samples(J, -3)),
        (TypeError, "n must be an integer", lambda J: exact.boltzmann_samples(J, 1.5)),
        (TypeError, "rng must be", lambda J: exact.boltzmann_samples(J, 3, rng="seed")),
    ],
)
def test_bad_input(error, message, call):
    with pytest.raises(error, match=message):
        call(np.array([[0.0, 1.0], [1.0, 0.0]]))


def test_overflow_is_refused():
    with pytest.raises(ValueError, match=r"beta times the offset 1e\+300 overflows"):
        exact.thermal_averages(DenseIsing([[0.0, 1.0], [1.0, 0.0]], offset=1e300), 1e10)


def test_too_many_spins():
    with pytest.raises(
        ValueError,
        match=r"averages visits .* N=37 .*about .* limit is N=36. Instead: .*mean_energy.*dynamics",
    ):
        exact.thermal_averages(1 - np.eye(37), [1.0, 2.0])
    with pytest.raises(ValueError, match=r"sampling visits .* limit is N=36"):
        exact.boltzmann_samples(1 - np.eye(37), 1)


def test_sums_of_low_states_without_pairs_are_the_same():
    model = DenseIsing(symmetric(np.random.default_rng(2).normal(size=(10, 10))))
    low = low_states.LowStates(model, 1)
    assert low.sums(1.0)[:3] == low.sums(1.0, with_pairs=True)[:3]


def test_energies_of_integers_at_all_temperatures_from_one_pass(monkeypatch):
    """spins=False: the same numbers as one matrix product for each temperature; offsets cancel nothing."""
    rng = np.random.default_rng(11)
    betas = np.array([0.0, 0.1, 0.7, 3.0, 40.0])
    for n in (1, 2, 6, 11, 16):
        for unit in (1.0, 0.1, 1e-3):
            J = symmetric(rng.integers(-2, 3, size=(n, n)) * 1.0)
            b = rng.integers(-2, 3, size=n) * float(rng.integers(0, 2))
            for offset in (0.0, 1e9):
                model = DenseIsing(J, b, offset=offset).scaled(unit)
                x = betas / unit
                answer, expected = (
                    exact.thermal_averages(model, x, spins=False),
                    exact.thermal_averages(model, x),
                )
                assert answer.magnetisation is None
                assert answer.correlation is None
                size = np.abs(J).sum() + np.abs(b).sum() + 1
                for name, scale in (("log_z", 1.0), ("energy", unit), ("heat_capacity", 1.0)):
                    a, c = getattr(answer, name), getattr(expected, name)
                    np.testing.assert_allclose(a, c, rtol=1e-11, atol=1e-13 * size * scale, err_msg=name)
    # One pass, whatever the number of temperatures; none of the matrix product.
    calls = []
    count = thermal.integer_levels
    monkeypatch.setattr(thermal, "integer_levels", lambda *args: calls.append(1) or count(*args))
    monkeypatch.setattr(thermal, "Product", None)
    ring = np.roll(np.eye(18), 1, axis=0) + np.roll(np.eye(18), -1, axis=0)
    betas = np.linspace(0, 5, 1001)
    answer = exact.thermal_averages(ring, betas, spins=False)
    assert len(calls) == 1
    t = np.tanh(betas)
    log_z = 18 * np.log(2 * np.cosh(betas)) + np.log1p(t**18)
    np.testing.assert_allclose(answer.log_z, log_z, rtol=1e-13)
    single = exact.thermal_averages(ring, 1.5, spins=False)
    assert single.energy == pytest.approx(answer.energy[300], rel=1e-14)
    assert isinstance(single.log_z, float)


def test_energies_of_real_couplings():
    """spins=False without integers: the matrix product, and no correlations."""
    model = DenseIsing(symmetric(np.random.default_rng(1).normal(size=(9, 9))))
    answer, expected = (exact.thermal_averages(model, [0.3, 2.0], spins=spins) for spins in (False, True))
    np.testing.assert_array_equal(answer.energy, expected.energy)
    assert answer.correlation is None
