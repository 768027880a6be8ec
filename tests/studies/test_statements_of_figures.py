"""Statements of Figs. 1 to 4, each with numbers that make it false."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from spinlab import studies
from spinlab.studies import _fig1_verdict

WIGGLE = 0.002 * np.array([-1.0, 0.0, 2.0, -1.0])
STD, V = (0.01, 10.0), (8, 14, 20)


def fig1(change=lambda panel, inset: None):
    """What Fig. 1 says where everything holds, but for what ``change`` does to the means."""
    dims = ("ensemble", "std", "replica")
    panel = {name: np.array([[0.3, 0.9], [0.2, 0.8], [0.2, 0.8]]) for name in ("mean", "min")}
    panel |= {name: np.hstack([x, [[0.4], [0.3], [0.3]]]) for name, x in panel.items()}  # and Glorot's scale
    panel["excess"] = np.array([[0.1, 0.8, 0.1], [0.1, 0.5, 0.1], [0.1, 0.5, 0.1]])
    inset = {name: np.array([[0.9] * 3, [0.8, 0.75, 0.7], [0.8, 0.75, 0.7]]) for name in ("mean", "min")}
    change(panel, inset)
    names = list(_fig1_verdict.ENSEMBLES)
    made = xr.Dataset(
        {n: (dims, x[..., None] + WIGGLE) for n, x in panel.items()},
        coords={"ensemble": names, "std": [*STD, 0.044]},
    )
    beside = xr.Dataset(
        {n: (("ensemble", "V", "std", "replica"), x[..., None, None] + WIGGLE) for n, x in inset.items()},
        coords={"ensemble": names, "V": list(V)},
    )
    found = _fig1_verdict.claims(made, beside, {"inset_V": V})
    return {c["statement"]: c["holds"] for c in found}


@pytest.mark.parametrize(
    ("beginning", "part", "name", "value"),
    [
        ("RA is more accessible at every scale", 0, "mean", (0, 1, 0.7)),
        ("RA is more accessible at every V", 1, "mean", (0, 1, 0.7)),
        ("with growing V", 1, "mean", (0, 0, 0.8)),
        ("with growing V", 1, "mean", (1, 2, 0.9)),
        ("Gaussian and uniform weights", 0, "mean", (1, 1, 0.7)),
        ("at Glorot's scale", 0, "min", (1, 2, 0.4)),
        ("independent weights do descend", 0, "excess", (2, 1, 0.0)),
    ],
)
def test_fig1(beginning, part, name, value):
    def change(*tables):
        i, j, x = value
        tables[part][name][i, j] = x

    true, false = fig1(), fig1(change)
    assert all(true.values())
    (broken,) = {s for s in true if s.startswith(beginning) and not false[s]}
    assert name == "excess" or _fig1_verdict.NAMES[name] in broken


EPOCHS = (0, 1, 2, 10, 30, 100, 300)
METHODS = ("rapid", "cd", "pcd", "exact")


def bars(**changed):
    """Runs of four methods on Bars, four of each; values by quantity and method, or of one method alone."""
    here = {
        "gibbs_min": (0.9, 0.5, 0.6, 0.6),
        "gibbs_mean": (0.9, 0.5, 0.6, 0.6),
        "excess_mean": (0.9, 0.5, 0.6, 0.6),
        "reached": (0.9, 0.7, 0.8, np.nan),
        "train": (0.1, 0.3, 0.3, 0.3),
        "test": (0.1, 0.3, 0.2, 0.2),
        "nll": (5.0, 3.0, 3.0, 3.0),
        "large": (4, 4, 4, 4),
    } | changed
    data = {}
    for i, method in enumerate(METHODS):
        level = {
            name: np.full((4, len(EPOCHS)), x[i], dtype=float) + WIGGLE[:, None] for name, x in here.items()
        }
        hamming = np.stack([np.stack([level["train"], level["test"]], -1)] * 2, -2)
        s = np.where(np.arange(16) < here["large"][i], 9.0, 0.1) * np.ones((4, len(EPOCHS), 1))
        data["reference", method] = xr.Dataset(
            {
                n: (("replica", "epoch"), level[n])
                for n in ("gibbs_min", "gibbs_mean", "excess_mean", "reached")
            }
            | {
                "hamming": (("replica", "epoch", "distance", "side"), hamming),
                "nll": (("replica", "epoch", "side"), np.stack([level["nll"]] * 2, -1)),
                "singular_values": (("replica", "epoch", "rank"), s),
            },
            coords={"epoch": list(EPOCHS), "distance": ["one_step", "clamped"], "side": ["train", "test"]},
        )
    return data


def check(name, beginning, false, unlike=()):
    statements = studies.load(name).statements
    true = {c["statement"]: c["holds"] for c in statements(bars(**dict(unlike)))}
    other = {c["statement"]: c["holds"] for c in statements(bars(**(dict(unlike) | false)))}
    meant = [s for s in true if s.startswith(beginning)]
    assert meant
    assert all(true[s] for s in meant)
    assert not any(other[s] for s in meant)


LATE = {"reached": (0.9, 0.95, 0.8, np.nan)}  # CD overtakes RAPID


@pytest.mark.parametrize(
    ("beginning", "false"),
    [
        ("before training RA-RBMs are more accessible to Gibbs sampling (lowest", {"gibbs_min": (0.6,) * 4}),
        ("before training RA-RBMs are more accessible to Gibbs sampling (mean)", {"gibbs_mean": (0.6,) * 4}),
        ("better negative phases are more accessible", {"gibbs_min": (0.9, 0.6, 0.5, 0.7)}),
        ("better negative phases are more accessible", {"gibbs_min": (0.9, 0.6, 0.7, 0.6)}),
        ("the method accessibility of CD-10 exceeds", {"gibbs_min": (0.9, 0.7, 0.7, 0.7)}),
        ("in the first epochs RAPID's negative phase is nearest", LATE),
    ],
)  # fmt: skip
def test_fig2(beginning, false):
    check("fig2", beginning, false)


def test_fig2_at_the_end():
    low = dict.fromkeys(("gibbs_min", "gibbs_mean", "excess_mean"), (0.9, 0.7, 0.8, 0.8))
    false = dict.fromkeys(low, (0.9, 0.7, 0.8, 0.6))
    check("fig2", "after training standard models reach low energies", false, low.items())
    check(
        "fig2",
        "late in training conventional methods overtake",
        {"reached": (0.9, 0.8, 0.8, np.nan)},
        LATE.items(),
    )


def test_fig2_needs_no_improvement():
    data, study = bars(), studies.load("fig2")
    name = "RAPID's method accessibility does not improve with training"
    for rise, holds in ((0.0, True), (0.05, False)):
        reached = data["reference", "rapid"]["reached"]
        later = data | {("reference", "rapid"): data["reference", "rapid"].assign(
            reached=reached + rise * (reached["epoch"] > 0)
        )}  # fmt: skip
        assert {c["statement"]: c["holds"] for c in study.statements(later)}[name] is holds


@pytest.mark.parametrize(
    ("beginning", "false"),
    [
        ("RAPID reconstructs better than the others at epoch 10 ", {"train": (0.3, 0.3, 0.3, 0.3)}),
        ("RAPID reconstructs better than the others at epoch 10 ", {"test": (0.2, 0.3, 0.2, 0.2)}),
        ("standard methods memorise alike", {"train": (0.1, 0.3, 0.3, 0.35)}),
        ("PCD and exact gradients generalise faster than CD", {"test": (0.1, 0.3, 0.2, 0.3)}),
        ("RAPID generalises as well as it memorises", {"test": (0.15, 0.3, 0.2, 0.2)}),
        ("RAPID's density is as good", {"nll": (12.0, 3.0, 3.0, 3.0)}),
    ],
)
def test_fig3(beginning, false):
    check("fig3", beginning, false)


@pytest.mark.parametrize(("large", "answer"), [((4, 4, 4, 4), "yes"), ((4, 4, 3, 4), "no")])
def test_fig4(large, answer, monkeypatch):
    study = studies.load("fig4")
    monkeypatch.setattr(study._bars, "described", lambda _: "")
    text = study.verdict(bars(large=large), {}, "small")[0]
    assert f"in most of its runs: {answer}" in text
    assert ("a property of this data set" in text) is (answer == "yes")
