"""Features of the kept runs: sentences that follow the numbers."""

from __future__ import annotations

import pytest

from spinlab import studies

study = studies.load("features_published")
QUIRK, PLAIN = "K=290, 10 steps, reference, sign, run 1", "K=200, 1 steps, spinlab, sign, run 1"


def row(*values):
    return dict(zip(study.STAGES, values, strict=True))


def verdicts(quirk=(0.93, 0.94, 0.95, 0.96), plain=(0.93, 0.94, 0.95, 0.96), standard=(0.4, 0.9, 0.92, 0.94)):
    table = {QUIRK: row(*quirk), PLAIN: row(*plain), "standard RBM": row(*standard)}
    return {s["statement"]: s["verdict"] for s in study.statements(table)}


@pytest.mark.parametrize(
    ("beginning", "false"),
    [
        (
            "with the quirk, training adds to the features, with one sample",
            {"quirk": (0.93, 0.94, 0.92, 0.96)},
        ),
        (
            "with the quirk, training adds to the features, with their means",
            {"quirk": (0.93, 0.94, 0.95, 0.9)},
        ),
        (
            "without the quirk, training adds to the features, with one sample",
            {"plain": (0.93, 0.94, 0.3, 0.96)},
        ),
        (
            "without the quirk, training adds to the features, with their means",
            {"plain": (0.93, 0.94, 0.95, 0.3)},
        ),
        ("with the quirk, the paper's 93.84 ± 0.19 %", {"quirk": (0.93, 0.94, 0.934, 0.96)}),
        ("with the quirk, more than the standard RBM with one sample", {"standard": (0.4, 0.9, 0.96, 0.94)}),
        ("with the quirk, more than the standard RBM with means", {"standard": (0.4, 0.9, 0.92, 0.97)}),
    ],
)
def test_statements_follow_the_numbers(beginning, false):
    def said(**changed):
        (found,) = {v for s, v in verdicts(**changed).items() if s.startswith(beginning)}
        return found

    assert said() == "holds"
    assert said(**false) == "fails"


def test_every_run_counts():
    good, bad = row(0.93, 0.94, 0.95, 0.96), row(0.93, 0.94, 0.92, 0.9)
    table = {QUIRK: good, QUIRK.replace("run 1", "run 2"): bad, "standard RBM": row(0.4, 0.9, 0.93, 0.95)}
    assert {s["verdict"] for s in study.statements(table) if s["statement"].startswith("with the q")} == {
        "fails"
    }


def test_without_runs_nothing_is_said():
    found = study.statements({"standard RBM": row(0.4, 0.9, 0.92, 0.94)})
    assert {s["verdict"] for s in found} == {"open"}


def test_small_preset(tmp_path, monkeypatch):
    monkeypatch.setattr(study.fig6, "SMALL", {**study.fig6.SMALL, "epochs": 2, "marks": (1, 2)})
    monkeypatch.setattr(study, "SMALL", {**study.SMALL, "others": (), "max_iter": 5})
    with pytest.warns(match="failed to converge"):
        study.main("small", tmp_path, workers=None, progress=False)
    assert "training adds to the features" in (tmp_path / "verdict.md").read_text()
