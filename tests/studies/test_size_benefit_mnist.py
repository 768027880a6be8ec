"""The benefit at the size of MNIST: sentences with numbers that make them false, and what is measured."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import spinlab as sl
from spinlab import studies

study = studies.load("size_benefit_mnist")
WIGGLE = np.array([-0.01, 0.0, 0.02, -0.01])


def said(short=0, **changed):
    """Patterns are behind by 9 nats at first and level later, and ahead by 1 in ln tau."""
    here = {"nll": (-9.0, 0.0), "log_tau": (1.0, 1.0)} | changed
    found = {name: {e: x + WIGGLE for e, x in zip((1, 10), pair, strict=True)} for name, pair in here.items()}
    recipe = "K=32, PCD, own scale"
    return " ".join(study.statements({recipe: found}, {recipe: {1: 0, 10: short}}))


@pytest.mark.parametrize(
    ("sentence", "false"),
    [
        ("epoch 1: -9.00 ± 0.01 (behind)", {"nll": (9.0, 0.0)}),
        ("epoch 10: +0.00 ± 0.01 (not decided)", {"nll": (-9.0, 0.2)}),
        ("epoch 10: +1.00 ± 0.01 (ahead)", {"log_tau": (1.0, -1.0)}),
        ("epoch 10: +1.00 ± 0.01 (ahead)", {"short": 1}),
    ],
)
def test_sentences_follow_their_numbers(sentence, false):
    assert sentence in said()
    assert sentence not in said(**false)


def test_a_run_that_is_too_short_decides_nothing():
    assert (
        "autocorrelation time, block Gibbs, K=32, PCD, own scale against free weights: epoch 1: +1.00"
        in said(short=3)
    )
    assert said().count("epoch 10") == 2
    assert said(short=3).count("epoch 10") == 1  # the likelihood needs no chains


def relaxed(free=1.0, own=0.0, resolved=1.0):
    names = study.recipes({"K": (32,)})
    values = np.array([[free], [own]]) + WIGGLE * np.array([[1], [-1]])
    flags = np.ones((2, 4))
    flags[1, 3] = resolved
    dims = ("recipe", "replica")
    slow = xr.Dataset({"log_slow": (dims, values), "resolved": (dims, flags)}, coords={"recipe": list(names)})
    return " ".join(study.relaxed(slow, {"K": (32,), "epochs": (1, 10)}))


@pytest.mark.parametrize(
    ("sentence", "false"),
    [
        ("epoch 10: +1.00 ± 0.01 (ahead)", {"own": 1.0}),
        ("epoch 10: +1.00 ± 0.01 (ahead)", {"own": 2.0}),
        ("epoch 10: +1.00 ± 0.01 (ahead)", {"resolved": 0.0}),
    ],
)
def test_sentences_on_the_slowest_mode_follow_their_numbers(sentence, false):
    assert sentence in relaxed()
    assert sentence not in relaxed(**false)


def test_words_on_the_slowest_mode():
    assert "(behind)" in relaxed(own=2.0)
    assert "(not decided)" in relaxed(own=1.0)
    assert relaxed(resolved=0.0) == ""


def bounded(free=9.0, own=7.0, error=0.25, resolved=0.0, free_error=0.5, reached=1.0):
    """Four pairs; ln tau of free weights is at least 9 - ln 2 = 8.3, of patterns 6.6 to 7.7."""
    names = study.recipes({"K": (32,)})
    flags = np.ones((2, 4))
    flags[0, 0] = resolved
    dims = ("recipe", "replica")
    slow = xr.Dataset(
        {"log_slow": (dims, np.array([[free] * 4, [own] * 4])), "resolved": (dims, flags),
         "error": (dims, np.array([[free_error] * 4, [error] * 4])),
         "reached": (dims, np.array([[1.0] * 4, [reached] * 4]))},
        coords={"recipe": list(names)},
    )  # fmt: skip
    return " ".join(study.bounded(slow, {"K": (32,), "epochs": (1, 10)}))


@pytest.mark.parametrize(
    ("sentence", "false"),
    [
        ("at least 8.3 for free weights and 6.6 for K=32", {"free": 9.5}),
        ("at least 8.3 for free weights and 6.6 for K=32", {"error": 0.5}),
        ("bounded from above in 0 and 4 of 4 runs", {"error": 0.5}),
        ("bounded from above in 0 and 4 of 4 runs", {"free_error": 0.4}),
        ("bounded from above in 0 and 4 of 4 runs", {"reached": 0.0}),
        ("faster in 4 pairs, slower in 0, and 0 are not decided", {"own": 7.7}),
        ("faster in 4 pairs, slower in 0, and 0 are not decided", {"error": 0.6}),
        ("by pair: at least +0.6; at least +0.6", {"own": 6.9}),
        ("by pair: at least +0.6; at least +0.6", {"reached": 0.0}),
        ("3 and 4 of 4 runs resolved, ln of that ratio is +2.00 ± 0.00 over 4 pairs", {"own": 6.9}),
        ("3 and 4 of 4 runs resolved, ln of that ratio is +2.00 ± 0.00 over 4 pairs", {"free": 9.1}),
        ("3 and 4 of 4 runs resolved, ln of that ratio is +2.00 ± 0.00 over 4 pairs", {"own": np.nan}),
        ("Bounds only (not resolved)", {"resolved": 1.0}),
    ],
)
def test_bounds_follow_their_numbers(sentence, false):
    assert sentence in bounded()
    assert sentence not in bounded(**false)


def test_bounds_the_other_way_round_and_none():
    assert "faster in 0 pairs, slower in 4" in bounded(own=11.0, free_error=0.1)
    assert "by pair: -2.9 to -1.4;" in bounded(own=11.0, free_error=0.1)
    assert "by pair: at most -1.4;" in bounded(own=11.0, free_error=0.1, reached=0.0)
    assert "by pair: no bound;" in bounded(reached=0.0)
    assert "at least -inf for free weights" in bounded(free=np.nan)
    assert "and 4 are not decided" in bounded(free=np.nan)


def test_the_slowest_mode_of_hidden_units_against_the_exact_one():
    """Equal couplings and small biases: the slowest mode is nearly linear. Chance 6e-5 at four errors."""
    model = sl.models.BipartiteIsing(np.full((6, 6), 0.22), bv=np.full(6, 0.02), bh=np.full(6, 0.01))
    start = sl.exact.boltzmann_samples(model, 40, rng=0)[:, :6]
    times = study.slowest(model, start, 600, 2, (1, 4, 8), np.random.default_rng(1))
    inner = {"records": 600, "every": 2, "lags": (1, 4, 8)}
    log_tau, relative, reached, resolved = study.estimate(times[:, 0], times[:, 1], inner)
    assert reached == resolved == 1
    tau, error = np.exp(log_tau), relative * np.exp(log_tau)
    exact = sl.observables.relaxation_time(model, sector="all").time
    assert exact > 8
    assert abs(tau - exact) < 4 * error < 0.3 * exact


def test_the_slowest_mode_is_that_of_the_judged_machine(monkeypatch):
    """Both sweeps train alike: the same weights from the same number."""
    settings = {"dataset": "digits", "H": 8, "epochs": (1,)}
    seen = []
    monkeypatch.setattr(study, "slowest", lambda model, *_: (seen.append(model), np.array([[2.0, 0.1]]))[1])
    monkeypatch.setattr(study, "gibbs_time", lambda model, *_: (seen.append(model), Time())[1])
    found = study.relaxation("standard RBM", rng=5, records=9, every=1, chains=4, lags=(1,), **settings)
    study.point("standard RBM", rng=5, temperatures=10, steps=10, **settings)
    np.testing.assert_array_equal(seen[0].W, seen[1].W)
    assert found == {"time": [2.0], "error": [0.1]}


INNER = {"records": 1000, "every": 2, "lags": (10, 50, 100)}  # lags of 20, 100, 200 of 2000 steps


@pytest.mark.parametrize(
    ("time", "error", "expected"),
    [
        ((80.0, 90.0, 95.0), (4.0, 9.0, 19.0), (90.0, 0.1, 1, 1)),  # the shortest lag that reaches its bound
        ((15.0, 90.0, 95.0), (1.5, 9.0, 19.0), (15.0, 0.1, 1, 1)),
        ((80.0, 90.0, 95.0), (4.0, 45.0, 19.0), (90.0, 0.5, 1, 0)),  # error too large
        ((300.0, 400.0, 500.0), (4.0, 9.0, 50.0), (500.0, 0.1, 0, 0)),  # no lag reaches: bound at the longest
        ((300.0, 400.0, 0.0), (4.0, 40.0, 1.0), (400.0, 0.1, 0, 0)),  # nothing correlated at the longest
        ((300.0, np.inf, 400.0), (4.0, np.nan, np.nan), (300.0, 4 / 300, 0, 0)),
        ((0.0, np.inf, 9.0), (4.0, 9.0, np.nan), (np.nan, np.nan, 0, 0)),
    ],
)
def test_the_bound_that_is_taken(time, error, expected):
    log_tau, *rest = study.estimate(np.array(time), np.array(error), INNER)
    np.testing.assert_allclose([np.exp(log_tau), *rest], expected)


def test_a_chain_must_be_three_times_as_long():
    short = INNER | {"records": 130}
    assert study.estimate(np.array([80.0, 90, 95]), np.array([4.0, 9, 19]), short)[2:] == (1.0, 0.0)


class Time:
    tau, reliable = 1.0, True


def test_a_machine_without_couplings(monkeypatch):
    """Independent pixels: the likelihood is that of the biases, and tau is 1/2."""
    settings = {"dataset": "digits", "H": 8, "epochs": (1,), "temperatures": 100, "steps": 400}
    monkeypatch.setattr(study, "RATES", {"lr_standard": 1e-9, "lr_own": 1e-9, "own_scale": 1e-4})
    found = study.point("K=4, PCD, own scale", rng=1, **settings)
    data = sl.datasets.digits()
    b = sl.rbm.data_biases(data.train[:10_000])
    expected = (np.logaddexp(b, -b) - data.test[:500] * b).sum(1).mean()
    assert found["nll"][0] == pytest.approx(expected, abs=0.05)
    assert found["log_tau"][0] == pytest.approx(np.log(0.5), abs=0.1)
    assert found["done"][0] > 10


def test_benefits_are_free_weights_minus_patterns(tmp_path):
    study.main("small", tmp_path, workers=None, progress=False)
    assert (tmp_path / "size_benefit_mnist.png").stat().st_size > 1000
    text = (tmp_path / "verdict.md").read_text()
    assert text.count("likelihood of test images, nats, K=") == 2
    assert "| resolved |" in text
