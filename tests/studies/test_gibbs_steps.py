"""Gibbs steps from the patterns: unseen images, and sentences that follow the numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest

import spinlab as sl
from spinlab import studies

study = studies.load("gibbs_steps")
UNIFORM = 543.4
PURE = "with the quirk, pure PID: "
OVERFITS = (
    PURE
    + "training images are likelier at the end, beyond two errors and by 10% of the NLL (strong overfitting)"
)


def test_the_last_batch_of_an_epoch_is_an_eighth_of_the_others():
    for settings in (study.SMALL, study.PAPER):
        assert -(-settings["n_images"] // settings["batch_size"]) == 8
        assert settings["n_images"] % settings["batch_size"] == pytest.approx(
            settings["batch_size"] / 8, rel=0.01
        )


def test_unseen_images_are_of_the_same_kind_where_there_are_enough():
    images = np.arange(40).reshape(20, 2)
    data = sl.datasets.Dataset("numbers", images, -images[:5], (1, 2))
    np.testing.assert_array_equal(study.split(data, 8).train, images[:8])
    np.testing.assert_array_equal(study.split(data, 8).test, images[8:16])
    np.testing.assert_array_equal(study.split(data, 18).test, -images[:5])  # two images tell nothing


def row(gap=0.0, error=0.5, least=600.0, most=800.0, digits=0.9):
    likelihood = {"quoted": True, "nll": least, "error": 1.0, "range": [least, most], "bound": least}
    return {
        "gap": [gap, gap], "image_error": [error] * 2, "least": [[2 * least, least]] * 2,
        "most": [most] * 2, "likelihood": [likelihood] * 2, "digits": [digits] * 2,
    }  # fmt: skip


PURE_PID = row(gap=3000.0, error=100.0, least=2e4, most=4e4, digits=0.0)


def verdicts(pure, *steps):
    table = {("reference", k): r for k, r in zip((0, 1, 10), (pure, *steps), strict=False)}
    return {s["statement"]: s["verdict"] for s in study.statements(table, UNIFORM)}


def test_overfitting_is_a_difference_that_counts():
    assert verdicts(PURE_PID, row())[OVERFITS] == "holds"
    assert verdicts({**PURE_PID, "gap": [3000.0, 10.0]}, row())[OVERFITS] == "open"  # runs differ
    assert verdicts({**PURE_PID, "image_error": [1600.0] * 2}, row())[OVERFITS] == "open"  # within two errors
    assert verdicts({**PURE_PID, "gap": [-3000.0] * 2}, row())[OVERFITS] == "fails"
    assert verdicts({**PURE_PID, "gap": [500.0] * 2}, row())[OVERFITS] == "fails"  # beyond, but below 10 %
    with_steps = OVERFITS.replace("pure PID", "1 steps")
    assert verdicts(PURE_PID, row())[with_steps] == "fails"
    assert verdicts(PURE_PID, row(gap=70.0))[with_steps] == "holds"


@pytest.mark.parametrize(
    ("statement", "rows", "otherwise"),
    [
        (
            PURE + "worse than the uniform density at every epoch looked at (does not learn)",
            ({**PURE_PID, "least": [[2000.0, 600.0], [500.0, 600.0]]}, row()),
            "fails",
        ),
        (
            "with the quirk: any number of Gibbs steps is a better density than pure PID (by bounds)",
            (PURE_PID, row(), row(most=2.1e4)),
            "open",
        ),
        (
            "with the quirk: the more Gibbs steps, the fewer digits (means, .1 fewer at the end)",
            (PURE_PID, row(digits=0.9), row(digits=0.85)),
            "fails",
        ),
        (
            "with the quirk: samples are digits in every run with Gibbs steps, and in none of pure PID",
            (PURE_PID, row(), row(digits=0.4)),
            "fails",
        ),
        (
            "with the quirk: samples are digits in every run with Gibbs steps, and in none of pure PID",
            ({**PURE_PID, "digits": [0.0, 0.2]}, row(), row()),
            "fails",
        ),
    ],
)
def test_statements_follow_the_numbers(statement, rows, otherwise):
    assert verdicts(PURE_PID, row(), row(digits=0.6))[statement] == "holds"
    assert verdicts(*rows)[statement] == otherwise


def test_the_bound_of_ln_z_is_one():
    machine = sl.rbm.RARBM(8, 30, 3, scale=0.4, rng=0)
    assert sl.log_partition(machine.as_ising()) <= study.most(machine)
    flat = sl.rbm.RARBM.from_patterns(0 * machine.xi_v, machine.xi_h)
    assert study.most(flat) == pytest.approx(38 * np.log(2))


def test_small_preset(tmp_path, monkeypatch):
    small = {**study.SMALL, "n_steps": (0, 1), "marks": (1, 3), "annealing": (10, 20, 5), "along": (10, 20)}
    monkeypatch.setattr(study, "SMALL", small)
    study.main("small", tmp_path, workers=None, progress=False)
    table = json.loads((tmp_path / "verdict.json").read_text())["table"]
    assert set(table) == {f"{c}, {k} steps" for c in ("with the quirk", "without") for k in (0, 1)}
    assert all(len(r["gaps"]) == 3 for r in table.values())  # the start, and two marks
    # From the same start: the first difference is that of random patterns.
    assert len({r["gaps"][0] for r in table.values()}) == 1
