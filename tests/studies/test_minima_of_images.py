"""Minima below images: descents against a search of all single flips, counts, and sentences."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from spinlab import studies

study = studies.load("minima_of_images")


def test_descents_end_in_minima():
    rng = np.random.default_rng(0)
    xi_v, xi_h = rng.normal(size=(3, 8)).astype(np.float32), rng.normal(size=(3, 12)).astype(np.float32)
    start = rng.choice([-1.0, 1.0], (30, 8)).astype(np.float32)
    v, arrived = study.descend(xi_v, xi_h, start)
    assert arrived == 1
    W = xi_v.T.astype(float) @ xi_h
    U = -np.abs(v @ W).sum(1)  # energy with the best hidden layer
    assert (-np.abs(start @ W).sum(1) >= U - 1e-6).all()
    h = np.where(v @ W >= 0, 1.0, -1.0)
    for i in range(8):
        assert (v[:, i] * (h @ W.T)[:, i] >= 0).all()  # no visible flip at fixed h lowers E(v, h)
    assert (v != start).any()


def test_different_states():
    v = np.array([[1, 1, -1], [-1, -1, 1], [1, -1, 1], [1, 1, -1]], dtype=float)
    assert study.different(v) == 2
    assert study.one_of_each(v.astype(np.int8)).tolist() == [[1, 1, -1], [1, -1, 1]]
    assert study.marks_of(2000)[-1] == 2000
    assert study.marks_of(5) == (1, 2, 5)


NAMES = ["RAPID, Bars and Stripes", "MNIST, K=200, 1 step, with the quirk, from patterns"]


def said(images=(50.0, 1900.0)):
    reached = {
        m: {"images": np.full(3, x), "random": np.full(3, 1.0)} for m, x in zip(NAMES, images, strict=True)
    }
    return " ".join(study.statements(dict.fromkeys(NAMES, 2000.0), reached, dict.fromkeys(NAMES, "3 runs")))


@pytest.mark.parametrize(
    ("sentence", "false"),
    [
        ("RAPID, Bars and Stripes (3 runs): far fewer minima", (500.0, 1900.0)),
        ("from patterns (3 runs): not fewer minima than images, 1900", (50.0, 1000.0)),
        ("a tenth of the images or fewer in: RAPID, Bars and Stripes.", (50.0, 50.0)),
    ],
)
def test_sentences_follow_their_numbers(sentence, false):
    assert sentence in said()
    assert sentence not in said(false)
    assert "fewer in: none of these machines" in said((2000.0, 2000.0))


def test_runs_of_a_setting_count_as_one_machine():
    machines = [f"K=200, 1 steps, reference, sign, run {run}" for run in (1, 2)]
    groups = study.by_setting([study.BARS, *machines, "K=290, 10 steps, spinlab, continuous, run 1"])
    assert groups == {
        "RAPID, Bars and Stripes": [study.BARS],
        "MNIST, K=200, 1 step, with the quirk, from signs": machines,
        "MNIST, K=290, 10 steps, without the quirk, from patterns": [
            "K=290, 10 steps, spinlab, continuous, run 1"
        ],
    }
    values = xr.DataArray(
        [[1.0, 3.0], [6.0, 6.0]], {"machine": machines}, ("machine", "replica")
    )  # draws of a run lie closer than runs do
    assert study.per_run(values, machines).tolist() == [2, 6]
    assert study.per_run(values, machines[:1]).tolist() == [1, 3]
    assert study.standard_error(study.per_run(values, machines)) == pytest.approx(2)
    assert [study.runs(m, 3) for m in groups.values()] == ["3 runs", "2 runs", "1 run"]
    assert study.present((study.BARS, machines[0], "K=3, 1 steps, spinlab, sign, run 9")) == (
        study.BARS,
        machines[0],
    )


def test_small_preset(tmp_path):
    study.main("small", tmp_path, workers=None, progress=False)
    assert (tmp_path / "minima_of_images.png").stat().st_size > 1000
    assert len(json.loads((tmp_path / "verdict.json").read_text())["statements"]) == 2
