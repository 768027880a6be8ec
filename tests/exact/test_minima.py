"""One-flip-stable states and basins against naive enumeration and exact averages."""

from __future__ import annotations

import itertools
import math

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinlab import exact
from spinlab.ensembles import hopfield
from spinlab.exact import minima
from spinlab.exact.enumeration import search
from spinlab.models import DenseIsing


def symmetric(upper):
    upper = np.triu(upper, 1)
    return upper + upper.T


def random_model(rng, n):
    """Real numbers; integers, with many zero fields; these times 0.1, which float64 cannot add exactly."""
    kind = rng.integers(3)
    if kind == 0:
        J, b = rng.normal(size=(n, n)), rng.normal(size=n)
    else:
        J, b = rng.integers(-1, 2, size=(n, n)) * 1.0, rng.integers(-2, 3, size=n) * 1.0
    model = DenseIsing(symmetric(J), b * rng.integers(0, 2), offset=float(rng.integers(-1, 2)))
    return model.scaled(0.1) if kind == 2 else model


def gains(model, states):
    """s_i h_i, by loops over the couplings."""
    J, b = model.couplings(), model.b
    n = len(b)
    return states * np.array(
        [[b[i] + sum(J[i, j] * s[j] for j in range(n)) for i in range(n)] for s in states]
    )


def naive_minima(model, strict):
    states = naive.all_states(model.n_spins)
    x = gains(model, states)
    return states[((x > 1e-9) if strict else (x > -1e-9)).all(1)]


def naive_basins(model):
    """Where steepest descent from every state ends."""
    ends: dict[tuple[int, ...], int] = {}
    for s in naive.all_states(model.n_spins):
        x = gains(model, s[None])[0]
        while x.min() < -1e-9:
            s[int(np.flatnonzero(x <= x.min() + 1e-9)[0])] *= -1
            x = gains(model, s[None])[0]
        ends[tuple(s.tolist())] = ends.get(tuple(s.tolist()), 0) + 1
    return ends


def as_set(states):
    return {tuple(s) for s in np.asarray(states).tolist()}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_naive_enumeration(seed, strict):
    rng = np.random.default_rng(seed)
    for _ in range(30):
        model = random_model(rng, int(rng.integers(1, 9)))
        expected = naive_minima(model, strict)
        answer = exact.local_minima(model, strict)
        assert answer.complete
        assert answer.count == len(expected) == len(answer.states)
        assert as_set(answer.states) == as_set(expected)
        E = naive.energies(model.couplings(), model.b, model.offset, answer.states)
        np.testing.assert_allclose(answer.energies, E, rtol=0, atol=1e-12)
        assert (np.diff(answer.energies) >= 0).all()
        assert answer.basins is None


@pytest.mark.parametrize("seed", range(3))
def test_basins_of_steepest_descent(seed):
    """Integers: equal gains are exactly equal, and the first spin flips."""
    rng = np.random.default_rng(seed)
    for _ in range(12):
        n = int(rng.integers(1, 8))
        model = DenseIsing(
            symmetric(rng.integers(-2, 3, size=(n, n)) * 1.0),
            rng.integers(-1, 2, size=n) * rng.integers(0, 2) * 1.0,
        )
        expected = naive_basins(model)
        weak = exact.local_minima(model, strict=False, basins=True)
        assert {
            tuple(s): size for s, size in zip(weak.states.tolist(), weak.basins.tolist(), strict=True)
        } == {tuple(s): expected.get(tuple(s), 0) for s in weak.states.tolist()}
        assert weak.basins.sum() == 2**n == sum(expected.values())
        strict = exact.local_minima(model, basins=True)
        assert strict.basins.tolist() == [expected[tuple(s)] for s in strict.states.tolist()]


def test_basins_of_real_couplings():
    rng = np.random.default_rng(8)
    for n in (2, 5, 8):
        for b in (np.zeros(n), rng.normal(size=n)):
            model = DenseIsing(symmetric(rng.normal(size=(n, n))), b)
            expected = naive_basins(model)
            answer = exact.local_minima(model, basins=True)
            assert answer.basins.tolist() == [expected[tuple(s)] for s in answer.states.tolist()]
            assert answer.basins.sum() == 2**n


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("kind", ["gauss", "pm", "sparse", "fields"])
def test_pruned_branches_hold_no_minimum(kind, strict):
    """N = 15: below the prefix, branches are left at every depth."""
    n = 15
    rng = np.random.default_rng(1)
    J = rng.normal(size=(n, n)) if kind == "gauss" else rng.integers(0, 2, size=(n, n)) * 2.0 - 1
    J = symmetric(J * (rng.random((n, n)) < 3 / n) if kind == "sparse" else J)
    b = rng.integers(-2, 3, size=n) * 1.0 if kind == "fields" else np.zeros(n)
    states = naive.all_states(n)
    x = states * (states @ J + b)
    expected = states[((x > 1e-9) if strict else (x > -1e-9)).all(1)]
    answer = exact.local_minima(DenseIsing(J, b), strict, basins=True)
    assert as_set(answer.states) == as_set(expected)
    assert answer.count == len(expected)
    if not strict or kind == "gauss":
        assert answer.basins.sum() == 2**n


def mean_number(n):
    """2^N E_g[Phi(g / sqrt(N - 2))^N], g standard normal: the fields s_i h_i all have covariance 1."""
    g = np.linspace(-9, 9, 4001)
    phi = np.array([0.5 * math.erfc(-x / math.sqrt(2 * (n - 2))) for x in g])
    return 2.0**n * np.trapezoid(np.exp(-g * g / 2) / math.sqrt(2 * math.pi) * phi**n, g)


@pytest.mark.parametrize(("n", "models"), [(10, 800), (20, 300)])
def test_mean_number_of_minima_of_gaussian_sk(n, models):
    """Within 4 standard errors of the exact mean: false alarms 1 in 16 000."""
    rng = np.random.default_rng(n)
    counts = [
        exact.local_minima(symmetric(rng.normal(size=(n, n))), max_states=0).count for _ in range(models)
    ]
    error = np.std(counts) / math.sqrt(models)
    assert error < 0.05 * mean_number(n)
    assert np.mean(counts) == pytest.approx(mean_number(n), abs=4 * error)


def test_the_formula_at_three_spins():
    """Without frustration (probability 1/2) there is one pair of minima; with it, also one: 2 on average."""
    assert mean_number(3) == pytest.approx(2.0, rel=1e-6)


def test_few_patterns_have_few_minima():
    """At most 14 strict minima for K = 3 patterns, the zero-threshold functions of three inputs."""
    counts = [exact.local_minima(hopfield(N=20, K=3, rng=seed)).count for seed in range(20)]
    assert max(counts) <= 14


@pytest.mark.parametrize("n", [1, 2, 8, 9, 14])
def test_no_couplings(n):
    """Every state is a weak minimum, none is strict; in fields there is one, with the basin of everything."""
    assert exact.local_minima(np.zeros((n, n))).count == 0
    weak = exact.local_minima(np.zeros((n, n)), strict=False, basins=True)
    assert weak.count == 2**n
    assert (weak.basins == 1).all()
    b = np.resize([1.0, -2.0], n)
    one = exact.local_minima(DenseIsing(np.zeros((n, n)), b), basins=True)
    assert one.states.tolist() == [np.sign(b).tolist()]
    assert one.basins.tolist() == [2**n]


def test_order_and_truncation():
    rng = np.random.default_rng(2)
    J = symmetric(rng.choice([-1.0, 1.0], size=(13, 13)))
    full = exact.local_minima(J, strict=False)
    rows = list(zip(full.energies.tolist(), (-full.states).tolist(), strict=True))
    pairs = rows[::2]
    assert [row[1][0] for row in pairs] == [-1] * len(pairs)
    assert pairs == sorted(pairs, key=lambda row: (row[0], [-x for x in row[1]]))
    np.testing.assert_array_equal(full.states[::2], -full.states[1::2])
    assert full.count > 20
    for most in (0, 1, 7, full.count - 1, full.count):
        some = exact.local_minima(J, strict=False, max_states=most, basins=True)
        assert some.count == full.count
        assert len(some.states) == len(some.energies) == len(some.basins) == most
        assert as_set(some.states) <= as_set(full.states)
        assert some.complete == (most == full.count)


def test_longer_lists_than_a_branch_holds_at_first():
    answer = exact.local_minima(np.zeros((20, 20)), strict=False, max_states=2**20)
    assert answer.complete
    assert answer.count == 2**20
    numbers = (answer.states > 0) @ (1 << np.arange(19, -1, -1))
    assert len(np.unique(numbers)) == 2**20
    assert exact.local_minima(np.zeros((20, 20)), strict=False, max_states=300_000).states.shape == (
        300_000,
        20,
    )


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.integers(2, 8), st.integers(0, 2**32), st.booleans())
def test_invariance(n, seed, strict):
    """Gauge transformations and permutations carry minima and basins along; a scale changes nothing."""
    rng = np.random.default_rng(seed)
    J, b = symmetric(rng.normal(size=(n, n))), rng.normal(size=n)
    gauge, order = rng.choice([-1, 1], size=n), rng.permutation(n)
    answer = exact.local_minima(DenseIsing(J, b), strict, basins=True)
    other = exact.local_minima(
        DenseIsing((J * np.outer(gauge, gauge))[np.ix_(order, order)], (b * gauge)[order]),
        strict,
        basins=True,
    )
    np.testing.assert_array_equal(other.states, (answer.states * gauge)[:, order])
    np.testing.assert_array_equal(other.basins, answer.basins)
    np.testing.assert_allclose(other.energies, answer.energies, atol=1e-12)
    scaled = exact.local_minima(DenseIsing(J, b).scaled(2.0**-60), strict)
    np.testing.assert_array_equal(scaled.states, answer.states)


def test_fields_within_rounding_of_zero_are_zero():
    """The field 0.1 + 0.2 - 0.3 on the first spin is 5.6e-17 in float64 and counts as zero."""
    J = np.zeros((4, 4))
    J[0, 1:] = 0.1, 0.2, -0.3
    J += J.T
    model = DenseIsing(J, [0.0, 5.0, 5.0, 5.0])
    assert exact.local_minima(model).count == 0
    weak = exact.local_minima(model, strict=False)
    assert weak.states.tolist() == [[-1, 1, 1, 1], [1, 1, 1, 1]]
    assert (weak.tolerance > 5.6e-17).all()
    assert (weak.tolerance < 1e-13).all()
    assert exact.local_minima(model.scaled(2.0**10), strict=False).count == 2
    assert exact.local_minima(DenseIsing(np.ones((3, 3)) - np.eye(3))).tolerance.tolist() == [0.0] * 3


def test_threads_do_not_change_a_bit():
    J = symmetric(np.random.default_rng(3).normal(size=(20, 20)))
    one, two, five = (exact.local_minima(J, basins=True, threads=k) for k in (1, 2, 5))
    for other in (two, five):
        assert one.count == other.count
        for name in ("states", "energies", "basins"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_ground_states_are_minima():
    """N = 30: the lowest minimum is the ground state, and every minimum survives all of its flips."""
    J = symmetric(np.random.default_rng(4).normal(size=(30, 30)))
    model = DenseIsing(J, labels=range(30))
    answer = exact.local_minima(model)
    assert answer.labels == tuple(range(30))
    assert answer.energies[0] == pytest.approx(exact.ground_states(J).energy, rel=1e-14)
    for level in exact.lowest_levels(J, 3):
        stable = bool((level.states[0] * model.local_fields(level.states[0]) > 0).all())
        assert stable == (np.abs(answer.energies - level.energy).min() < 1e-9)
    s = answer.states.astype(float)
    assert (s * (s @ J) > 0).all()
    assert len(as_set(answer.states)) == answer.count


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        (TypeError, "strict must be True or False", {"strict": 1}),
        (TypeError, "basins must be True or False", {"basins": "yes"}),
        (ValueError, "max_states must be at least 0", {"max_states": -1}),
        (TypeError, "max_states must be an integer", {"max_states": 1.5}),
        (ValueError, "threads must be at least 1", {"threads": 0}),
    ],
)
def test_bad_arguments(error, message, arguments):
    with pytest.raises(error, match=message):
        exact.local_minima(np.zeros((3, 3)), **arguments)


def test_too_many_spins():
    with pytest.raises(
        ValueError, match=r"local minima visits .* N=37 .* limit is N=36. Instead: .*dynamics"
    ):
        exact.local_minima(np.zeros((37, 37)))
    with pytest.raises(ValueError, match=r"basins visits .* N=27 .* limit is N=26. Instead: basins=False"):
        exact.local_minima(np.zeros((27, 27)), basins=True)


def test_a_list_that_cannot_fit_is_refused(monkeypatch):
    def refuse(n_bytes, what):
        raise ValueError(f"{what}: {n_bytes}")

    monkeypatch.setattr(minima, "check_memory", refuse)
    with pytest.raises(ValueError, match="the list of minima"):
        exact.local_minima(np.zeros((12, 12)), strict=False)


def test_order_of_fixing_starts_with_the_first_spin():
    """Next comes the spin most strongly coupled to those before it: here a chain in disguise."""
    chain = [0, 3, 1, 4, 2]
    J = np.zeros((5, 5))
    for i, j in itertools.pairwise(chain):
        J[i, j] = J[j, i] = 1.0
    assert minima._order(search.with_ghost(DenseIsing(J))).tolist() == chain
