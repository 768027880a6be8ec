"""Two-time correlations against loops and closed forms; crossings of planted curves and
Curie-Weiss."""

from __future__ import annotations

import numpy as np
import pytest

import spinlab as sl
from spinlab.observables import binder_crossings, crossings, edwards_anderson, two_time_correlation


def test_two_times_by_loops():
    s = np.random.default_rng(3).choice([-1, 1], size=(9, 4, 6))
    found = two_time_correlation(s, [0, 3], [0, 1, 5])
    assert found.value.shape == (2, 3)
    for a, w in enumerate([0, 3]):
        for b, t in enumerate([0, 1, 5]):
            each = [np.mean(s[w, c] * s[w + t, c]) for c in range(4)]
            assert found.value[a, b] == pytest.approx(np.mean(each))
            assert found.error[a, b] == pytest.approx(np.std(each, ddof=1) / 2)


def test_free_spins_forget_at_once_and_a_magnet_does_not():
    free = sl.dynamics.gibbs(np.zeros((50, 50)), 10, 40, record_every=1, rng=0)
    found = two_time_correlation(free.samples, [0, 4], [1, 2])
    assert np.abs(found.value / found.error).max() < 4.5
    assert abs(edwards_anderson(free.samples).value) < 4.5 * edwards_anderson(free.samples).error


def test_edwards_anderson_in_a_field():
    # Independent spins in a field: q_EA = tanh(b)^2 without the bias of a square.
    model = sl.models.DenseIsing(np.zeros((40, 40)), b=0.7)
    chains = sl.dynamics.gibbs(model, 24, 60, record_every=1, rng=1)
    found = edwards_anderson(chains.samples, gap=2)
    assert abs(found.value - np.tanh(0.7) ** 2) < 4 * found.error
    assert found.error < 0.01


def planted(generator, sizes, x, true, n=60, noise=0.02):
    second, fourth = [], []
    for L in sizes:
        g = 0.5 - np.tanh((x - true) * L) / 3
        q2 = 1 + noise * generator.normal(size=(n, len(x)))
        second.append(q2)
        fourth.append((3 - 2 * g) * q2**2 * (1 + noise * generator.normal(size=(n, len(x)))))
    return second, fourth


def test_planted_crossings():
    x = np.linspace(0.7, 1.3, 13)
    z = []
    for seed in range(30):
        data = planted(np.random.default_rng(seed), (3, 5, 8), x, 1.02)
        found = binder_crossings([3, 5, 8], x, *data, n_resamples=60, rng=seed)
        z.append((found.mean.value - 1.02) / found.mean.error)
    assert abs(np.mean(z)) < 1  # the parabola is off by part of an error
    assert 0.5 < np.std(z) < 1.6
    assert found.pairs == ((3, 5), (5, 8))
    assert abs(found.drift.value) < 5 * found.drift.error
    low, high = found.interval.T
    assert ((low < found.position) & (found.position < high)).all()
    # The same from the other side.
    mirrored = [[m[:, ::-1] for m in data_] for data_ in data]
    again = binder_crossings([3, 5, 8], -x[::-1], *mirrored, ordered="high", n_resamples=60, rng=seed)
    np.testing.assert_allclose(again.position, -found.position, rtol=1e-9)


def test_curie_weiss_crosses_at_its_transition():
    # Exact moments of m; "instances" differ by a little noise only. Corrections are of order N^(-1/2).
    from scipy.special import gammaln

    T = np.linspace(0.91, 1.09, 13)
    generator = np.random.default_rng(0)
    second, fourth = [], []
    for N in (100, 400, 1600):
        M = N - 2 * np.arange(N + 1)
        entropy = gammaln(N + 1) - gammaln((N + M) / 2 + 1) - gammaln((N - M) / 2 + 1)
        log = entropy + M**2 / (2 * N * T[:, None])
        p = np.exp(log - log.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        moments = [p @ (M / N) ** k * (1 + 0.001 * generator.normal(size=(8, len(T)))) for k in (2, 4)]
        second.append(moments[0])
        fourth.append(moments[1])
    found = binder_crossings([100, 400, 1600], T, second, fourth, n_resamples=50, rng=1)
    # Sizes N and 4N cross at 1 + c/N^(1/2) to 1 + c/N; the second pair is closer.
    assert abs(found.position[1] - 1) < abs(found.position[0] - 1) < 0.05


def test_wide_spacing_is_in_the_error():
    # Asymmetric curves that cross at 2 between temperatures .3 apart: the parabolas are off by .09 and .15,
    # many times the noise of the instances.
    x = np.arange(1.15, 3.6, 0.3)
    curves = [1 / (1 + (x / 2) ** (1.5 * L)) for L in (2, 3, 4)]
    z = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        second = [1 + 2e-4 * rng.normal(size=(20, len(x))) for _ in curves]
        fourth = [(3 - 2 * g) * m**2 for g, m in zip(curves, second, strict=True)]
        fourth = [f * (1 + 2e-4 * rng.normal(size=f.shape)) for f in fourth]
        found = binder_crossings([2, 3, 4], x, second, fourth, n_resamples=40, rng=seed)
        z.append([*(found.position - 2) / found.error, (found.mean.value - 2) / found.mean.error])
        assert ((found.interval[:, 0] < 2) & (found.interval[:, 1] > 2)).all()
        assert (found.error < 0.25).all()
        assert found.drift.error > 0.01
    assert np.abs(z).max() < 2.5
    assert np.abs(z).max() > 0.1


def test_no_transition_is_refused():
    x = np.linspace(0.7, 1.3, 9)
    data = planted(np.random.default_rng(0), (3, 5, 8), x, 3.0)
    with pytest.raises(ValueError, match="do not cross"):
        binder_crossings([3, 5, 8], x, *data, n_resamples=40, rng=0)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: two_time_correlation(np.ones((5, 1, 3)), [0], [1]), "2 chains"),
        (lambda: two_time_correlation(np.ones((5, 2, 0)), [0], [1]), "2 chains and a site, got"),
        (lambda: edwards_anderson(np.ones((5, 2, 0))), "2 chains and a site, got"),
        (lambda: two_time_correlation(np.ones((5, 2, 3)), [2], [3]), "record 5"),
        (lambda: two_time_correlation(np.ones((5, 2, 3)), [0.5], [3]), "non-negative integers"),
        (lambda: edwards_anderson(np.ones((3, 2, 3))), "at least 4 records"),
        (lambda: binder_crossings([1, 2], [1, 2, 3, 4], [], []), "three increasing"),
        (lambda: binder_crossings([1, 2, 3], [1, 2, 3], [], []), "at least 4 values"),
        (
            lambda: binder_crossings([1, 2, 3], [1, 2, 3, 4], [np.ones((3, 4))] * 3, [np.ones((3, 4))] * 3),
            "needs at least 4",
        ),
        (
            lambda: binder_crossings([1, 2, 3], [1, 2, 3, 4], [np.zeros((5, 4))] * 3, [np.ones((5, 4))] * 3),
            "positive",
        ),
    ],
)
def test_refusals(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_a_cubic_tells_how_far_the_parabola_is_off():
    for root in (0.4, 1.5, 3.3, 5.7, 6.4):
        x = np.arange(8.0)
        y = (x - root) * (1 + 0.1 * (x - root) + 0.05 * (x - root) ** 2)
        position, off = crossings._zero(x, y, np.ones(8), 1)
        assert abs(position - off - root) < 0.4 * abs(position - root), root


def test_curves_of_one_sign_never_cross():
    # Two ways to sum differ in the last digit: the end of the range is no place to look for a crossing, where
    # a parabola through values that nearly touch zero has one.
    for seed in range(100):
        y = -np.append(np.random.default_rng(seed).uniform(0.5, 1, 6), [1.0, 1e-4, 0.9])
        assert np.isnan(crossings._zero(np.arange(9.0), y, np.ones(9), 1)).all(), seed


def test_crossings_without_any_noise():
    x = np.arange(8.0)
    g = [0.5 - size * (x - 3.5) / 64 for size in (1, 2, 4)]
    second, fourth = [np.ones((4, 8))] * 3, [np.tile(3 - 2 * curve, (4, 1)) for curve in g]
    found = binder_crossings([1, 2, 4], x, second, fourth, n_resamples=20, rng=0)
    np.testing.assert_allclose(found.position, 3.5, rtol=1e-12)  # weights by the errors have a floor
    assert found.mean.value == pytest.approx(3.5, rel=1e-12)
    assert found.mean.error < 1e-12
