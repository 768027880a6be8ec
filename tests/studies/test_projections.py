"""Projections and minima: known descents, and sentences with numbers that make them false."""

from __future__ import annotations

import json

import numpy as np
import pytest

import spinlab as sl
from spinlab import studies

study = studies.load("projections")


def test_one_pattern_is_its_own_minimum():
    """Mattis: the pattern does not move, and every descent ends in it or its inverse."""
    machine = sl.rbm.RARBM(16, 50, 1, rng=3)
    found = study.measured(machine, sl.datasets.bars(4), np.random.default_rng(0))
    assert found["moved"] == found["moved_all"] == 0
    assert found["different"] == found["patterns"] == 1
    assert 0.3 < found["moved_random"] < 0.5


def test_a_state_and_its_inverse_are_one():
    v = np.array([[1, -1, 1], [-1, 1, -1], [1, 1, 1], [1, -1, 1]])
    assert study.different(v) == 2


def values(**changed):
    wiggle = np.array([-0.001, 0.0, 0.002, -0.001])
    here = {kind: {"train": 0.05} for kind in study.KINDS}
    here["sign, each update"]["train"] = here["none"]["train"] = 0.4
    for kind in study.CLIPS:
        here[kind]["train"] = 0.5
    here[study.USUAL] |= {"moved": 0.1, "random": 0.4, "different": 7.8}
    for kind, new in changed.items():
        here[{"usual": study.USUAL, "often": "sign, each update", "clip": "clip 2"}[kind]] |= new
    runs = {kind: {name: x + wiggle for name, x in found.items()} for kind, found in here.items()}
    return " ".join(study.statements(runs))


@pytest.mark.parametrize(
    ("sentence", "false"),
    [
        ("the sign after each update RAPID reconstructs worse", {"often": {"train": 0.05}}),
        ("the sign after each update RAPID reconstructs worse", {"often": {"train": 0.01}}),
        ("does not matter within errors", {"clip": {"train": 0.2}}),
        ("with none of them RAPID reconstructs", {"clip": {"train": 0.2}}),
        ("patterns lie close to minima", {"usual": {"moved": 0.3}}),
        ("nearly each its own", {"usual": {"different": 3.0}}),
    ],
)
def test_sentences_follow_their_numbers(sentence, false):
    assert sentence in values()
    assert sentence not in values(**false)


def test_small_preset(tmp_path):
    study.main("small", tmp_path, workers=None, progress=False)
    assert (tmp_path / "projections.png").stat().st_size > 1000
    verdict = json.loads((tmp_path / "verdict.json").read_text())
    assert verdict["train"]["sign, each epoch"] < 0.3
    assert len(verdict["sentences"]) == 3
