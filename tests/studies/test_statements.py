"""Sentences of verdicts, each with numbers that make it false."""

from __future__ import annotations

import copy

import pytest

from spinlab import studies
from spinlab.studies import _fig1_verdict


def test_ultrametricity():
    statements = studies.load("ultrametricity").statements
    signs = {"sites": -17.0, "distances": 27.0, "factor": -8.0}
    here = " ".join(statements(0.73, 0.04, [0.0, 0.28], signs))
    for sentence, false in (
        ("Does not discriminate", (0.97, 0.04, [0.0, 0.28], signs)),
        ("decides nothing by it", (0.97, 0.04, [0.0, 0.28], signs)),
        ("is a tree as well", (0.73, 0.04, [0.0, 0.8], signs)),
        ("The sign depends", (0.73, 0.04, [0.0, 0.28], {k: abs(x) for k, x in signs.items()})),
        ("LESS tree-like", (0.73, 0.3, [0.0, 0.28], signs)),
    ):
        assert sentence in here
        assert sentence not in " ".join(statements(*false))


PLATEAU = {
    "gaussian": {
        "mean": {"offset": 0.907, "luck": 0.001, "descent": 0.0, "noise": 0.0},
        "lowest": {"offset": 0.907, "luck": 0.037, "descent": 0.0, "noise": 0.0},
    },
    "ra": {
        "mean": {"offset": 0.498, "luck": -0.004, "descent": 0.418, "noise": 0.0},
        "lowest": {"offset": 0.498, "luck": 0.03, "descent": 0.464, "noise": 0.0},
    },
}


@pytest.mark.parametrize(
    ("sentence", "path", "value"),
    [
        ("The curve is the offset", ("gaussian", "mean", "descent"), 0.1),
        ("no dynamics", ("gaussian", "lowest", "descent"), 0.1),
        ("Here the chains do descend", ("ra", "mean", "descent"), 0.05),
        ("is thermal noise going away", "noise", (0.2, 0.0)),
        ("is thermal noise going away", "highest", 0.2),
        ("Freezing of independent weights follows", "frozen", 0.1),
        ("where sites taken as independent are not", "hidden", 0.001),
    ],
)
def test_accessibility_dissected(sentence, path, value):
    statements = studies.load("accessibility_dissected").statements
    numbers = {"noise": (0.001, 0.0), "highest": 0.017, "frozen": 0.003, "hidden": 0.07}
    plateau = copy.deepcopy(PLATEAU)
    assert sentence in " ".join(statements(plateau, *numbers.values()))
    if isinstance(path, tuple):
        ensemble, how, part = path
        plateau[ensemble][how][part] = value
    else:
        numbers[path] = value
    assert sentence not in " ".join(statements(plateau, *numbers.values()))


def test_fig1_says_frozen_only_of_frozen_chains():
    frozen_start = _fig1_verdict.frozen_start
    assert "frozen start" in frozen_start(0.0)
    assert frozen_start(0.2) == "With independent weights 20% of the chains move at large scale."


def test_minima_against_theory():
    against_theory = studies.load("minima_growth").against_theory
    assert "not asymptotic" in against_theory([0.01], [(-0.07, 0.02)], [0.02])
    assert "not asymptotic" not in against_theory([0.01], [(-0.07, 0.03)], [0.03])
    assert "lower load" not in against_theory([0.01, -0.02], [], [0.02])
