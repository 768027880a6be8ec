"""The benefit against size: sentences with numbers that make them false, and what is measured."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import spinlab as sl
from spinlab import studies

study = studies.load("size_benefit")
WIGGLE = np.array([-0.01, 0.0, 0.02, -0.01])


def said(recipe="own 8", **changed):
    """Sentences of two sizes, where patterns are behind by .1 nats and ahead by 1 in ln tau at the larger."""
    here = {"nll": (0.0, -0.1), "log_sites": (0.0, 1.0), "log_block": (0.0, 0.0)} | changed
    found = {recipe: {name: [x + WIGGLE for x in pair] for name, pair in here.items()}}
    return " ".join(study.statements([16, 64], found))


@pytest.mark.parametrize(
    ("sentence", "false"),
    [
        ("64: -0.100 ± 0.007 (behind)", {"nll": (0.0, 0.1)}),
        ("to 64 the benefit falls (-0.100", {"nll": (-0.1, -0.1)}),
        ("64: +1.000 ± 0.007 (ahead)", {"log_sites": (0.0, 0.0)}),
        ("to 64 the benefit grows (+1.000", {"log_sites": (1.0, 1.0)}),
        ("to 64 the benefit does not decidedly change (+0.000", {"log_block": (0.0, 1.0)}),
    ],
)
def test_sentences_follow_their_numbers(sentence, false):
    assert sentence in said()
    assert sentence not in said(**false)


def test_the_hidden_chain_is_that_of_its_own_layer():
    """Equal weights, three hidden units: F(h) = -V ln cosh(w sum h) is that of a triangle of equal bonds."""
    V, w = 4, 0.3
    model = sl.models.BipartiteIsing(np.full((V, 3), w))
    J = V * (math.log(math.cosh(3 * w)) - math.log(math.cosh(w))) / 4
    triangle = sl.models.DenseIsing(J * (1 - np.eye(3)))
    slow = sl.observables.relaxation_time(triangle, dynamics="heat_bath", sector="even").time
    assert study.hidden_time(model) == pytest.approx(math.log(slow), rel=1e-6)
    assert slow > 0.1


def test_small_preset(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "H", 6)  # 32 states of the hidden layer in place of 2048
    study.main("small", tmp_path, workers=None, progress=False)
    assert (tmp_path / "size_benefit.png").stat().st_size > 1000
    verdict = json.loads((tmp_path / "verdict.json").read_text())
    assert len(verdict["statements"]) == 6
    again = study.point(16, "own 8", 30, 50, 9)
    assert again == study.point(16, "own 8", 30, 50, 9)
    assert 0 < again["nll"] < 1
