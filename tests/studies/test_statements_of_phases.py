"""Sentences on phases, counts of minima, SK and Fig. 5, each with numbers that make it false."""

from __future__ import annotations

import numpy as np
import pytest

from spinlab import studies


def check(say, true, sentence, false):
    assert sentence in " ".join(say(**true))
    assert sentence not in " ".join(say(**(true | false)))


@pytest.mark.parametrize(
    ("sentence", "false"),
    [
        ("K/H the number grows exponentially", {"growing": False}),
        ("no instance dominates", {"gaps": [0.0, -0.2]}),
        ("nearly every visible state is a minimum", {"many": 20_000.0}),
    ],
)
def test_minima_of_two_layers(sentence, false):
    true = {"growing": True, "gaps": [-0.01, 0.02], "few": 11.0, "many": 32_000.0, "wide": (999, 15, 3)}
    check(studies.load("minima_growth").statements, true, sentence, false)


@pytest.mark.parametrize(
    ("sentence", "false"),
    [
        ("7, bounds every count", {"bounded": False}),
        ("So the statement holds at fixed K", {"bounded": False}),
        ("are attained by every instance", {"attained": False}),
        ("is positive by more than 5 errors at every load", {"growing": False}),
        ("At K/N = 0.1 the slope is more than 3 errors from theory's", {"far": []}),
        ("All slopes are within 3 errors", {"far": ["0.1"]}),
        ("largest |z| 1.3 of 2 sizes", {"z": [0.1, -2.0]}),
    ],
)
def test_number_of_minima(sentence, false):
    true = {
        "bounded": True, "attained": True, "growing": True, "order": "", "far": ["0.1"], "z": [0.1, -1.3],
    }  # fmt: skip
    if "All slopes" in sentence:
        true["far"] = []
    check(studies.load("few_minima").statements, true, sentence, false)


@pytest.mark.parametrize(
    ("sentence", "false"),
    [
        ("the overlaps collapse on the saddle point", {"gaps": [0.001, 0.2]}),
        ("they differ, most at 1/b = 0.6", {"spread": np.array([0.1, 0.1])}),
        ("they differ, most at 1/b = 0.6", {"spread": np.array([0.9, 0.7])}),
        ("is not a control parameter", {"spread": np.array([0.1, 0.1])}),
        ("0.5 agree with the saddle point", {"near": [0.001, 0.1]}),
    ],
)
def test_control_parameters(sentence, false):
    true = {
        "gaps": [0.2, 0.001], "spread": np.array([0.1, 0.7]), "errors": np.array([0.05, 0.05]),
        "near": [0.001, 0.001], "near_errors": [0.0005, 0.0005], "T": np.array([0.2, 0.6]),
    }  # fmt: skip
    study = studies.load("ra_rbm_phase_diagram")
    check(lambda **numbers: study.statements(**numbers)[0], true, sentence, false)
    assert all(study.statements(**true)[1].values())


def fits(e0=-0.764, other=-0.7645, bracket=0.0):
    numbers = {"error": 0.002, "a": 0.7, "a_error": 0.02, "smallest": 24, "chi2_per_degree": 1.0}
    return [numbers | {"e0": e0, "bracket": bracket}, numbers | {"e0": other, "bracket": 0.0}]


@pytest.mark.parametrize(
    ("sentence", "false"),
    [
        ("the claim holds within three", {"fits": fits(-0.75, -0.75)}),
        ("± 0.0005 (which", {"fits": fits(other=-0.77)}),
        ("± 0.0005 (which", {"fits": fits(bracket=0.01)}),
        ("16 agree with the independent", {"z": {8: 0.1, 16: -3.5}}),
    ],
)
def test_sk(sentence, false):
    study = studies.load("sk_finite_size")
    true = {"fits": fits(), "z": {8: 0.1, 16: -2.0}}
    check(lambda **numbers: study.statements(**numbers)[0], true, sentence, false)


def test_excess_against_the_load():
    of_load = studies.load("accessibility_map").of_load
    wiggle = np.array([-0.1, 0.0, 0.1])
    for high, falls in ((0.1, True), (0.9, False), (1.2, False)):  # .9 lies within the errors
        text, answer = of_load((2, 101), (1.0 + wiggle, high + wiggle), (1.0, 0.8))
        assert answer is falls
        assert ("falls with the load" in text) is falls


def test_distances_of_fig5():
    answers = studies.load("fig5").answers
    assert answers(0.04, 0.035, -0.005) == ("yes", "yes")
    assert answers(0.04, 0.06, 0.02) == ("no", "yes")
    assert answers(0.12, 0.12, 0.0) == ("yes", "no")
