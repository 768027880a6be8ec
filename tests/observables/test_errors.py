"""Jackknife and bootstrap against closed forms and explicit loops."""

from __future__ import annotations

import numpy as np
import pytest

from spinlab.observables import errors


def test_mean_is_the_textbook_one():
    x = np.array([[1.0, 10.0], [2.0, 30.0], [6.0, 20.0]])
    e = errors.mean(x)
    np.testing.assert_allclose(e.value, [3.0, 20.0])
    np.testing.assert_allclose(e.error, [np.sqrt(7.0 / 3), 10 / np.sqrt(3)])
    assert e.n_samples == 3


def test_jackknife_of_a_mean_is_its_standard_error():
    x = np.random.default_rng(0).normal(size=(30, 4))
    a, b = errors.mean(x), errors.jackknife(lambda x: x.mean(0), x)
    np.testing.assert_allclose(a.value, b.value, rtol=1e-12)
    np.testing.assert_allclose(a.error, b.error, rtol=1e-12)


def test_jackknife_leaves_out_the_same_sample_of_all_arrays():
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=20), generator.normal(size=20) + 3
    e = errors.jackknife(lambda x, y: x.mean() / y.mean(), x, y)
    left = [np.mean([x[j] for j in range(20) if j != i]) / np.mean([y[j] for j in range(20) if j != i])
            for i in range(20)]  # fmt: skip
    assert e.error == pytest.approx(np.sqrt(19 * np.var(left)))


def test_errors_have_the_right_size():
    # The variance of 200 normal numbers has standard error sqrt(2/199) = .100; 300 data sets measure the
    # scatter to 4 %, so that both estimates lie within 20 % of it (5 sigma and a bias of 1/n).
    generator = np.random.default_rng(2)
    data = generator.normal(size=(300, 200))
    true = np.std([x.var() for x in data])
    jack = np.mean([errors.jackknife(np.var, x).error for x in data[:100]])
    boot = np.mean(
        [errors.bootstrap(np.var, x, n_resamples=200, rng=k).error for k, x in enumerate(data[:40])]
    )
    assert jack == pytest.approx(true, rel=0.2)
    assert boot == pytest.approx(true, rel=0.2)


def test_bootstrap_interval_covers():
    # 95 % intervals of a mean of 50: covers 200 * .94 +- 3.4 times; below 175 once in 10^4.
    generator = np.random.default_rng(3)
    hits = 0
    for k in range(200):
        low, high = errors.bootstrap(np.mean, generator.normal(size=50), n_resamples=300, rng=k).interval
        hits += low < 0 < high
    assert 175 < hits < 200


def test_bootstrap_repeats_with_its_seed():
    x = np.arange(10.0)
    assert errors.bootstrap(np.median, x, rng=5) == errors.bootstrap(np.median, x, rng=5)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: errors.mean([1.0]), "1 independent sample given"),
        (lambda: errors.mean([1.0, np.nan]), "NaN"),
        (lambda: errors.jackknife(np.mean, [1.0]), "at least 2"),
        (lambda: errors.jackknife(np.mean), "no samples"),
        (lambda: errors.jackknife(lambda x: np.log(x - x), [1.0, 2.0]), "not finite"),
        (lambda: errors.jackknife(lambda x, y: 0.0, [1.0, 2.0], [1.0]), "one length"),
        (lambda: errors.bootstrap(np.mean, [1.0, 2.0, 3.0]), "at least 4"),
        (lambda: errors.bootstrap(np.mean, np.arange(9.0), confidence=1.0), "between 0 and 1"),
    ],
)
def test_refusals(call, says):
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=says):
        call()
