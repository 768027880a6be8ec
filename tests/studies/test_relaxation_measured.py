"""Measured relaxation times against exact ones, and sentences with data against them."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest

import spinlab as sl
from spinlab import studies

study = studies.load("relaxation_measured")


@pytest.mark.parametrize("wrong", [0.0, 0.2])
def test_extrapolation(wrong):
    """Two spins whose product is inverted with probability p, and seen through noise: (1 - 2 wrong)^2 of its
    correlation (1 - 2p)^t is left at any lag."""
    rng = np.random.default_rng(0)
    p = 0.05
    second = np.where(rng.random((3000, 20)) < p, -1, 1).cumprod(0)
    second *= np.where(rng.random(second.shape) < wrong, -1, 1)
    samples = np.stack([np.ones_like(second), second], axis=-1)
    exact = -1 / math.log(1 - 2 * p)
    tau, error = study.extrapolated(samples)
    assert abs(tau - exact) < 4 * error  # two tests, chance 2e-3 with 20 chains
    assert error < 1.5
    bound = sl.observables.slowest_mode_time(samples, 4)
    assert (bound.value < exact - 4 * bound.error) == (wrong > 0)


def test_slowest_time_against_the_exact_one():
    model = sl.ensembles.rbm_gaussian(6, 6, rng=4).scaled(0.8)
    states = sl.exact.boltzmann_samples(model, 40, rng=0)
    tau, error = study.slowest_time(model, states, np.random.default_rng(1))
    exact = sl.observables.relaxation_time(model).time
    assert exact > 2.5
    assert abs(tau - exact) < 4 * error


def test_a_time_beyond_the_run_is_not_resolved():
    frozen = sl.models.BipartiteIsing(20.0 * np.array([[1.0, 0.2], [-0.3, 1.0]]))
    states = np.array([[1, 1, 1, 1], [1, -1, 1, -1]] * 4, dtype=np.int8)
    assert math.isnan(study.slowest_time(frozen, states, np.random.default_rng(0))[0])


def test_exact_times_where_they_can_be_had():
    at = study.QUANTITIES.index("log_exact")
    found = {
        (kind, V): study.point(kind, V, (1.0,), 60, 4, 3)["measured"][0, at]
        for kind, V in (("free", 8), ("free", 12), ("two", 12))
    }
    assert np.isfinite([found["free", 8], found["two", 12]]).all()
    assert math.isnan(found["free", 12])


def cells(**changed):
    return {
        (kind, x, V): {"resolved": 8} | changed.get(kind, {})
        for kind in study.KINDS
        for x in (1.0, 0.5)
        for V in (10, 32)
    }


def differences(two, half):
    return {"two": {1.0: (two, 0.1)}, "half": {1.0: (half, 0.1)}}


def slopes(free, two, half):
    return {kind: {0.5: (x, 0.02)} for kind, x in (("free", free), ("two", two), ("half", half))}


NUMBERS = {
    "V": 32,
    "instances": 8,
    "off": (-0.05, 0.01, 0.4, 100),
    "table": cells(),
    "log_tau": {"against": differences(-1.0, -0.1), "growth": slopes(0.4, 0.6, 0.41)},
    "log_round_trip": {"against": differences(0.1, 1.0), "growth": slopes(0.2, 0.19, 0.1)},
}


@pytest.mark.parametrize(
    ("sentence", "path", "value"),
    [
        ("the measured ln tau agrees", ("off",), (-0.5, 0.01, 0.9, 100)),
        ("Not resolved in every instance: none", ("table",), cells(free={"resolved": 5})),
        ("ln tau against that of independent weights, by more than 3 errors: K = 2 patterns less at 1 (-1.00",
         ("log_tau", "against"), differences(-0.2, -0.1)),
        ("K = V/2 patterns less at none, more at none.", ("log_tau", "against"), differences(-1.0, -0.5)),
        ("K = 2 patterns less at none, more at none; K = V/2 patterns less at none, more at 1",
         ("log_round_trip", "against"), differences(0.1, 0.2)),
        ("K = 2 patterns: faster; K = V/2 patterns: not decidedly different",
         ("log_tau", "growth"), slopes(0.6, 0.6, 0.61)),
        ("K = V/2 patterns: slower.", ("log_round_trip", "growth"), slopes(0.2, 0.19, 0.19)),
        ("Growth of ln tau per unit", ("log_tau", "growth"), {kind: {} for kind in study.KINDS}),
    ],
)  # fmt: skip
def test_sentences(sentence, path, value):
    assert sentence in " ".join(study.statements(NUMBERS))
    false = copy.deepcopy(NUMBERS)
    *inner, last = path
    part = false
    for key in inner:
        part = part[key]
    part[last] = value
    assert sentence not in " ".join(study.statements(false))
