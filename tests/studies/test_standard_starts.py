"""Standard machines from two starts: names, and sentences that follow the numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spinlab import studies
from spinlab.studies import _mnist_published

study = studies.load("standard_starts")


def test_names_say_how_a_machine_is_trained():
    for machine, std, reference in (("std 0.01, spinlab", 0.01, False), ("std 1, reference", 1.0, True)):
        trainer = study.trainer_of(machine, 64, study.SMALL, 0)
        assert trainer.reference == reference
        # 64 x 50 normal numbers: the deviation is known to 1.3 %; five of that by chance 6e-7.
        assert trainer.machine.as_ising().coupling_std() == pytest.approx(std, rel=0.065)


def test_the_last_batch_of_an_epoch_is_an_eighth_of_the_others():
    for settings in (study.SMALL, study.PAPER):
        assert settings["n_images"] == 7.125 * settings["batch_size"]
    assert study.PAPER["marks"][-1] == _mnist_published.SETTINGS["epochs"]


def row(digits=0.9, lead=2.0, nll=100.0, quoted=True):
    likelihood = {"quoted": quoted, "nll": nll, "error": 1.0, "range": [nll - 1, nll + 1], "bound": nll}
    return {"digits": digits, "near": digits, "lead": lead, "likelihood": likelihood}


def verdicts(**changed):
    rows = {"usual_plain": row(), "usual_quirk": row(lead=1.5), "large_plain": row(), "large_quirk": row()}
    rows |= changed
    names = dict(zip(rows, study.MACHINES, strict=True))
    table = {names[k]: r for k, r in rows.items()} | {study.PIXELS: row(nll=218.0)}
    return {s["statement"]: s["verdict"] for s in study.statements(table)}


@pytest.mark.parametrize(
    ("statement", "false"),
    [
        ("std 0.01, without the quirk: most samples are digits", {"usual_plain": row(digits=0.4)}),
        ("std 1, with the quirk: most samples are digits", {"large_quirk": row(digits=0.4)}),
        (
            "std 0.01, with the quirk: a better density than independent pixels",
            {"usual_quirk": row(nll=300.0)},
        ),
        ("std 0.01: the quirk lowers the lead s_1/s_2 of the first mode", {"usual_quirk": row(lead=2.5)}),
        (
            "without the quirk the larger start does as well as the usual one (share of digits not .1 lower)",
            {"large_plain": row(digits=0.7)},
        ),
    ],
)
def test_statements_follow_the_numbers(statement, false):
    assert verdicts()[statement] == "holds"
    assert verdicts(**false)[statement] == "fails"


def test_the_quirk_must_help_to_be_said_to():
    statement = "std 1: the quirk makes samples digits more often (by more than .1)"
    assert verdicts()[statement] == "fails"
    assert verdicts(large_plain=row(digits=0.1))[statement] == "holds"


def test_a_bound_decides_only_against_a_machine():
    statement = "std 1, without the quirk: a better density than independent pixels"
    assert verdicts(large_plain=row(nll=100.0, quoted=False))[statement] == "open"
    assert verdicts(large_plain=row(nll=300.0, quoted=False))[statement] == "fails"


def test_small_preset(tmp_path, monkeypatch):
    small = {**study.SMALL, "marks": (1, 3), "annealing": (20, 30, 5)}
    monkeypatch.setattr(study, "SMALL", small)
    study.main("small", tmp_path, workers=None, progress=False)
    table = json.loads((tmp_path / "verdict.json").read_text())["machines"]
    assert set(table) == {*study.MACHINES, study.TEST, study.PIXELS}
    assert table["std 1, spinlab"]["std_W"] > 0.9 > 0.1 > table["std 0.01, spinlab"]["std_W"]
    assert table["std 0.01, reference"]["std_W"] < table["std 0.01, spinlab"]["std_W"]
    assert np.isnan(table[study.TEST]["std_W"])
