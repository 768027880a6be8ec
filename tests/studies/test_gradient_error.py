"""The study of Eq. (6): its negative phases against naive sums, and sentences with data against them."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest

import spinlab as sl
from spinlab import studies
from spinlab.studies import _gradient_error_verdict as words
from spinlab.studies import _negative_phases as phases


def correlations_by_hand(W):
    """<v h> as a sum over all states of both layers."""
    total, norm = np.zeros(W.shape), 0.0
    for v in itertools.product([-1, 1], repeat=len(W)):
        for h in itertools.product([-1, 1], repeat=W.shape[1]):
            weight = np.exp(np.array(v) @ W @ np.array(h))
            total += weight * np.outer(v, h)
            norm += weight
    return total / norm


@pytest.fixture
def machine():
    rng = np.random.default_rng(3)
    x, y = rng.choice([-1.0, 1.0], (3, 4)), rng.choice([-1.0, 1.0], (3, 5))
    return x, y, 0.4 / 3**0.5 * x.T @ y


def test_exact_correlations(machine):
    *_, W = machine
    for matrix in (W, W.T):
        np.testing.assert_allclose(
            phases.exact_correlations(matrix), correlations_by_hand(matrix), atol=1e-12
        )


def test_readings(machine):
    x, y, W = machine
    found = phases.readings(x, y, W)
    weights = [np.prod([2 * np.cosh(f) for f in row @ W]) for row in x]
    weights = np.array(weights) / sum(weights)
    for i, a in itertools.product(range(4), range(5)):
        assert found["own"][i, a] == pytest.approx(sum(p[i] * q[a] for p, q in zip(x, y, strict=True)) / 3)
        means = [p[i] * np.tanh(p @ W[:, a]) for p in x]
        assert found["field"][i, a] == pytest.approx(sum(means) / 3)
        assert found["boltzmann"][i, a] == pytest.approx(weights @ means)
    np.testing.assert_allclose(found["own"], W / (0.4 * 3**-0.5) / 3)  # W / (s sqrt K)


def test_the_overlap_of_own_parts_and_truth_is_the_energy(machine):
    """sum N C = -<E> / (s sqrt K): the mean energy comes from another enumeration."""
    x, y, W = machine
    N, C = phases.readings(x, y, W)["own"], phases.exact_correlations(W)
    energy = sl.mean_energy(sl.models.BipartiteIsing(W))
    assert np.vdot(N, C) == pytest.approx(-energy / (0.4 * 3**0.5))


def test_compare_is_the_gradient_of_the_likelihood(machine):
    """The true gradient through the patterns, by differences of the exact log likelihood."""
    x, y, W = machine
    v = np.array([[1.0, 1, -1, 1], [-1, 1, 1, 1]])
    P, C = v.T @ np.tanh(v @ W) / 2, phases.exact_correlations(W)

    def likelihood(x, y):
        return sl.rbm.log_likelihood(sl.models.BipartiteIsing(0.4 / 3**0.5 * x.T @ y), v).mean()

    slopes = []
    for which, z in enumerate((x, y)):
        for index in np.ndindex(z.shape):
            step = np.zeros(z.shape)
            step[index] = 1e-5
            up, down = ([z + s if w == which else o for w, o in enumerate((x, y))] for s in (step, -step))
            slopes.append((likelihood(*up) - likelihood(*down)) / 2e-5)
    zero = np.concatenate([(y @ P.T).ravel(), (x @ P).ravel()])
    *_, cosine, length = phases.compare(np.zeros_like(C), C, P, x, y)
    assert cosine == pytest.approx(zero @ slopes / np.linalg.norm(zero) / np.linalg.norm(slopes), rel=1e-6)
    assert length == pytest.approx(np.linalg.norm(zero) / np.linalg.norm(slopes) * 0.4 / 3**0.5, rel=1e-6)
    assert phases.compare(C, C, P, x, y) == pytest.approx([0, 1, 1, 1, 1])


def test_the_best_factor():
    rng = np.random.default_rng(0)
    N, C = rng.normal(size=(2, 3, 4))
    tried = min(np.linalg.norm(f * N - C) for f in np.linspace(-3, 3, 60_001)) / np.linalg.norm(C)
    assert phases.left_by_best_factor(phases.cosine(N, C)) == pytest.approx(tried, abs=1e-6)
    f = phases.best_factor(phases.cosine(N, C), phases.length(N, C))
    assert np.linalg.norm(f * N - C) / np.linalg.norm(C) == pytest.approx(tried, abs=1e-6)


def test_steps(machine):
    """Many steps of a hot machine leave no bias; none are the average itself; the noise is K chains'."""
    x, _, W = machine
    C = phases.exact_correlations(W)
    bias, noise, mean = phases.after_steps(x, W, C, 0, 10, np.random.default_rng(0))
    np.testing.assert_array_equal(mean, phases.readings(x, x, W)["field"])
    assert bias == pytest.approx(np.linalg.norm(phases.readings(x, x, W)["field"] - C) / np.linalg.norm(C))
    assert noise == 0
    bias, noise, mean = phases.after_steps(x, W, C, 50, 2000, np.random.default_rng(1))
    np.testing.assert_allclose(mean, C, atol=0.06)  # 6000 chains: an error of .013 at most, 20 numbers
    assert bias < 0.05  # two halves of 3000 chains: the product of their errors is 1e-3 of |C|^2
    squares = 0.0
    for v in itertools.product([-1, 1], repeat=4):  # the variance of one chain, from all visible states
        t = np.tanh(np.array(v) @ W)
        weight = np.exp(np.log(2 * np.cosh(np.array(v) @ W)).sum())
        squares += weight * np.array([1, (t**2).sum() * 4])
    variance = squares[1] / squares[0] - (C**2).sum()
    assert noise == pytest.approx(np.sqrt(variance / 3 / (C**2).sum()), rel=0.05)


def test_weak_couplings():
    """The average of |S W - W|^2 / |W|^2 over random patterns, against many of them."""
    rng = np.random.default_rng(2)
    for K in (2, 8, 32):
        found = []
        for _ in range(2000):
            x = rng.choice([-1.0, 1.0], (K, words.V))
            S = x.T @ x / K
            found.append(np.trace(S @ S @ S - 2 * S @ S + S) / words.V)
        error = np.std(found) / len(found) ** 0.5
        assert abs(np.mean(found) - words.weak(K) ** 2) < 4 * error  # three tests, chance 2e-4


def test_orthogonal_patterns():
    x, y = studies.load("gradient_error").patterns("orthogonal", 8, 48, np.random.default_rng(0))
    np.testing.assert_array_equal(x @ x.T, 16 * np.eye(8))
    np.testing.assert_array_equal(y @ y.T, 48 * np.eye(8))


def same(values, error=0.01):
    return {s: (x, error) for s, x in values.items()}


B3 = 3 / (16 * 400 / 8) ** 0.5  # a scale at which b = 3
NUMBERS = {
    "H": 400,
    "random": {
        "field": same({0.002: 2.2, B3: 0.7, 1.0: 0.87}),
        "own": same({0.002: 175.0, B3: 0.8, 1.0: 0.95}),
        "boltzmann": same({0.002: 2.2, B3: 0.3, 1.0: 0.4}),
        "tanh": same({0.002: 0.003, B3: 0.9, 1.0: 0.95}),
    },
    "orthogonal": {"field": same({0.002: 1.0, B3: 0.2, 1.0: 0.1})},
    "cosine": same({0.002: 0.92, B3: 0.74, 1.0: 0.5}),
    "gradient_cosine": same({0.002: 0.7, B3: 0.7, 1.0: 0.5}),
    "effective": same({0.002: 8.0, B3: 3.0, 1.0: 1.0}),
    "gain": same({0.002: -2.2, B3: 0.2, 1.0: 0.1}),
    "weak": (2.2, 0.1),
    "weak_difference": 0.01,
    "load": {(1.0, 8): (0.6, 0.01)},
    "size": {(1.0, 64): (0.45, 0.01)},
    "judged": {
        "scale": {
            0.002: {"factor": (0.3, 0.01), "gradient_cosine": (0.7, 0.01), "own_gradient_cosine": (0.8, 0.01)}
        },
        "load": {(1.0, 8): {"gradient_cosine": (0.95, 0.01), "own_gradient_cosine": (0.5, 0.01)}},
        "size": {(1.0, 64): {"gradient_cosine": (0.8, 0.01), "own_gradient_cosine": (0.95, 0.01)}},
    },
    "bias": {0.02: {0: (1.1, 0.01), 10: (0.0, 0.01)}, 1.0: {0: (0.87, 0.01), 10: (0.86, 0.01)}},
    "training": {
        "rapid": {
            0: {"field": (0.9, 0.01), "tanh": (0.95, 0.01), "gradient_cosine": (0.5, 0.01)},
            10: {"field": (0.88, 0.01), "tanh": (0.95, 0.01), "gradient_cosine": (0.6, 0.01)},
        }
    },
}


@pytest.mark.parametrize(
    ("sentence", "path", "value"),
    [
        (f"at scales {B3:g} (b = 3), 1 (b = 28); it is farther at 0.002", ("gain", 1.0), (0.01, 0.01)),
        ("it is farther at 0.002 (b = 0.057).", ("gain", 0.002), (0.5, 0.01)),
        ("follows from N = S W", ("weak_difference",), 0.2),
        ("below 0.5 by two errors is met in 1 of 5", ("size", (1.0, 64)), (0.45, 0.03)),
        ("The least is 0.45 ± 0.01 (b = 1, K = 8, H = 64)", ("load", (1.0, 8)), (0.3, 0.01)),
        ("mostly that all patterns count alike", ("random", "boltzmann", B3), (0.65, 0.01)),
        ("mostly that all patterns count alike", ("orthogonal", "field", B3), (0.5, 0.01)),
        ("at 3 of 3 scales and nearer at 0", ("random", "own", B3), (0.5, 0.01)),
        ("although the cosine is above .9 occurs at scales 0.002", ("cosine", 0.002), (0.8, 0.01)),
        (
            "the best common factor (0.30 to 0.30) leaves",
            ("judged", "scale", 0.002, "factor"),
            (0.5, 0.01),
        ),
        (
            "summed out: the cosine is above 0.9 by two errors in 1 of 3 settings: b = 1, K = 8.",
            ("judged", "load", (1.0, 8), "gradient_cosine"),
            (0.95, 0.03),
        ),
        (
            "own hidden parts: the cosine is above 0.9 by two errors in 1 of 3 settings: b = 1, H = 64.",
            ("judged", "scale", 0.002, "own_gradient_cosine"),
            (0.95, 0.01),
        ),
        ("b = 0.57: 1.10 to 0.00 (falls)", ("bias", 0.02, 10), (1.08, 0.01)),
        ("0.87 to 0.86 (does not fall)", ("bias", 1.0, 10), (0.5, 0.01)),
        ("by two errors at epochs 0, 10;", ("training", "rapid", 0, "field"), (0.94, 0.01)),
        ("0.90 at the start, 0.88 at epoch 10", ("training", "rapid", 10, "field"), (0.5, 0.01)),
    ],
)
def test_sentences(sentence, path, value):
    assert sentence in " ".join(words.statements(NUMBERS))
    false = copy.deepcopy(NUMBERS)
    *inner, last = path
    part = false
    for key in inner:
        part = part[key]
    part[last] = value
    assert sentence not in " ".join(words.statements(false))


def test_whether_the_hidden_layer_matters():
    level = {(1.0, 16): (0.5, 0.02), (1.0, 64): (0.55, 0.02)}
    assert "changes by more than 3 errors at b = none, not at b = 1" in words._hidden_units(level)
    falls = level | {(1.0, 64): (0.3, 0.02)}
    assert "at b = 1 (0.50 to 0.30), not at b = none" in words._hidden_units(falls)
