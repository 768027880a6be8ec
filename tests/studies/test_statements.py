"""Sentences of verdicts, each with numbers that make it false."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import xarray as xr

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


def test_hopfield():
    study = studies.load("hopfield_phase_diagram")
    lines = [(a, *(float(line(a)) for line in study.LINES)) for a in (0.02, 0.05)]
    cells = [
        study.Cell(a, t, 0.95 if t < T_M else 0.05, T_M, T_c)
        for a, T_M, T_c in lines
        for t in (0.05, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9)
    ]

    def said(gaps=(0.002,), cells=cells):
        return " ".join(study.statements(list(gaps), [0.001] * len(gaps), cells, 4000)[0])

    assert "m and q agree with" in said()
    assert "do not agree" in said(gaps=(0.02,))
    assert "exceptions" not in said()
    first = cells[0]._replace(m=0.1)
    assert f"exceptions at (alpha, T) = [(0.02, {first.T})]" in said(cells=[first, *cells[1:]])
    assert "metastable states, and T_c does not show" in said()
    lost = [c._replace(m=0.05) if c.T_c < c.T < c.T_M else c for c in cells]
    assert "does not tell metastable from lost" in said(cells=lost)
    assert "no crossover" in said()
    near = [c._replace(m=0.4) if abs(c.T / c.T_M - 1) < study.MARGIN else c for c in cells]
    assert ": a crossover" in said(cells=near)


def glass_run(start, end, phase=("paramagnet", "ordered", "ordered"), **other):
    """Runs of three replicas at epochs 0, 3 and 100, with numbers that go from ``start`` to ``end``."""
    study = studies.load("training_leaves_the_glass")
    epochs = (0, 3, 100)
    numbers = np.zeros((3, len(epochs), len(study.NUMBERS)))
    for i, name in enumerate(study.NUMBERS):
        a, b = other.get(name, (start, end))
        numbers[:, :, i] = np.linspace(a, b, 3) + np.array([[-0.01], [0.0], [0.01]])
    places = np.zeros((3, len(epochs), len(study.VERDICTS)))
    places[:, :, 0] = [study.VERDICTS["phase"].index(p) for p in phase]
    return xr.Dataset(
        {
            "numbers": (("replica", "epoch", "name"), numbers),
            "verdicts": (("replica", "epoch", "question"), places),
        },
        coords={"epoch": list(epochs), "name": list(study.NUMBERS), "question": list(study.VERDICTS)},
    )


def test_training_leaves_the_glass():
    study = studies.load("training_leaves_the_glass")
    usual = {"n_minima": (50_000, 16), "nll_train": (11, 2.7), "nll_test": (11, 3.4), "excess": (-3.6, 0.5)}
    frozen = {"n_minima": (50_000, 58_000), "nll_test": (100, 35)}
    true = {
        "CD 0.01": glass_run(0, 0, **usual),
        "exact 0.01": glass_run(0, 0, **usual),
        "exact 1": glass_run(0, 0, **frozen, nll_train=(96, 2.36)),
        "CD 1": glass_run(0, 0, **frozen, nll_train=(98, 80)),
        "CD 0.3": glass_run(0, 0, n_minima=(50_000, 50_000), nll_train=(27, 4)),
        "CD RA 0.3": glass_run(0, 0, n_minima=(150, 500), nll_train=(119, 17)),
    }
    here = " ".join(study.statements(true))
    glass = ("paramagnet", "spin glass", "ordered")
    for sentence, name, run in (
        ("none is called a spin glass", "CD 0.01", glass_run(0, 0, phase=glass, **usual)),
        ("machines are paramagnet before", "CD 0.01", glass_run(0, 0, phase=("ordered",) * 3, **usual)),
        ("minima become fewer", "CD 0.01", glass_run(0, 0, **(usual | {"n_minima": (16, 16)}))),
        ("Fitting does not need", "exact 1", glass_run(0, 0, **frozen, nll_train=(96, 5.0))),
        ("Fitting does not need", "exact 1", glass_run(0, 0, n_minima=(50_000, 20), nll_train=(96, 2.36))),
        (
            "generalise worse",
            "exact 1",
            glass_run(0, 0, **(frozen | {"nll_test": (9, 3)}), nll_train=(96, 2.36)),
        ),
        ("harms is sampling", "CD 1", glass_run(0, 0, **frozen, nll_train=(98, 2.3))),
        ("start with fewer minima", "CD RA 0.3", glass_run(0, 0, n_minima=(60_000, 9), nll_train=(119, 17))),
        ("does not learn faster", "CD RA 0.3", glass_run(0, 0, n_minima=(150, 500), nll_train=(20, 3))),
        ("start, rises with", "CD 0.01", glass_run(0, 0, **(usual | {"excess": (0.5, 0.2)}))),
    ):
        assert sentence in here, sentence
        assert sentence not in " ".join(study.statements(true | {name: run})), sentence


def test_features():
    of_random_features = studies.load("features").of_random_features
    assert "mostly that of random features" in of_random_features({"a": (0.92, 0.96), "b": (0.94, 0.26)})
    assert "is not that of random features" in of_random_features({"a": (0.92, 0.96), "b": (0.4, 0.92)})


def test_ultrametricity_along_training():
    """Six tests of five runs; the glass lies at +10, data at 0, and training ends at the data."""
    statements = studies.load("ultrametricity_training").statements
    wiggle = np.linspace(-1, 1, 5)[:, None, None]

    def runs(before, after):
        return np.stack([np.full(6, before), np.full(6, after)])[None] + wiggle

    z = {"glass": runs(10.0, 0.0), "usual": runs(0.0, 0.0), "data": runs(0.0, 0.0)}
    x = {start: np.array([[2.0, 1.5]] * 5) for start in ("glass", "usual")}
    here = " ".join(statements(z, x))
    for sentence, start, false in (
        ("more ultrametric than data: holds. By more than 3 errors in 6 of 6", "glass", runs(0.0, 0.0)),
        ("ultrametricity, start in the glass: holds. It falls in 6 of 6", "glass", runs(10.0, 10.0)),
        ("than data, start in the glass: holds. More in 0 of 6 tests", "glass", runs(10.0, 5.0)),
        ("ultrametricity, usual start: not shown. It falls in 0 of 6", "usual", runs(5.0, 0.0)),
        ("ultrametricity, usual start: not shown", "usual", runs(0.0, 5.0)),
        ("than data, usual start: holds", "usual", runs(0.0, 5.0)),
    ):
        assert sentence in here
        assert sentence not in " ".join(statements(z | {start: false}, x))
    assert "usual start: the other way round" in " ".join(statements(z | {"usual": runs(0.0, 5.0)}, x))


def test_quirk_of_fig5():
    study = studies.load("fig5_quirk")
    wiggle = np.array([-0.002, 0.002, -0.001, 0.001])

    def found(**changed):
        values = dict.fromkeys(("train", "test"), (0.05, 0.05)) | {"new": (0.1, 0.1)} | changed
        out = {}
        for name, pair in values.items():
            key = f"share of samples: {name}" if name == "new" else f"Hamming distance, one free step, {name}"
            out[key] = {q: x + f * wiggle for q, x, f in zip(study.QUIRKS, pair, (1, -1), strict=True)}
        return out

    here = " ".join(study.statements(found()))
    for sentence, false in (
        ("(level 0.05): none.", {"new": (0.1, 0.2)}),
        ("one free step, without the quirk: yes", {"test": (0.2, 0.05)}),
        ("one free step, with the quirk: yes", {"test": (0.05, 0.2)}),
        ("one free step, with the quirk: yes", {"train": (0.05, 0.2), "test": (0.05, 0.2)}),
        ("drawn, with the quirk: yes", {"new": (0.1, 0.0)}),
    ):
        assert sentence in here
        assert sentence not in " ".join(study.statements(found(**false)))
    assert "(level 0.05): share of samples: new." in " ".join(study.statements(found(new=(0.1, 0.2))))
    same = found()
    same["share of samples: new"]["reference"] = same["share of samples: new"]["spinlab"]
    assert study.p_values(same)["share of samples: new"] == 1.0


FEW = {
    "excess": {"a": ((9.0, 5.0, 2.0), (9.0, 0.5, 0.1)), "b": ((9.0, 5.0, 0.5), (9.0, 0.5, 0.1))},
    "left": {"a": (0.5, 0.4, 0.3), "b": (0.5, 0.4, 0.3)},
}


def said_of_patterns(excess=None, left=None):
    """Sentences of ra_fit for data sets a and b, three K of rank 32 and two runs that scatter by .1."""
    study = studies.load("ra_fit")
    runs = np.array([-0.05, 0.05])
    excess, left = FEW["excess"] | (excess or {}), FEW["left"] | (left or {})
    return study.statements(
        {
            name: {fit: np.array(x)[:, None] + runs for fit, x in zip(study.FITS, by_fit, strict=False)}
            for name, by_fit in excess.items()
        },
        {
            name: {study.FITS[0]: np.array(x)[:, None] + runs, study.FITS[2]: np.full((3, 2), 0.6)}
            for name, x in left.items()
        },
        {"a": (4, 16, 64), "b": (4, 16, 64)},
        {"a": 32, "b": 32},
        1.0,
    )


@pytest.mark.parametrize(
    ("sentence", "false"),
    [
        (
            "a: by binary patterns the likelihood comes within 1 nats of the trained machine's at no K",
            {"excess": {"a": ((9.0, 5.0, 0.9), (9.0, 0.5, 0.1))}},
        ),
        (
            "a: by singular values the likelihood comes within 1 nats of the trained machine's from K = 16",
            {"excess": {"a": ((9.0, 5.0, 2.0), (9.0, 0.98, 0.1))}},  # one run of two above
        ),
        (
            "b: by binary patterns the likelihood comes within 1 nats of the trained machine's from K = 64",
            {"excess": {"b": ((0.1, 5.0, 2.0), (9.0, 0.5, 0.1))}},  # good below worse ones does not count
        ),
        ("run, at K = 4, 16, 64 of 4, 16, 64.", {"left": dict.fromkeys("ab", (0.5, 0.58, 0.3))}),
        (
            "approximate trained machines depends: binary patterns: no, singular values: yes",
            {"excess": dict.fromkeys("ab", ((9.0, 0.5, 0.1), (9.0, 0.5, 0.1)))},
        ),
        (
            "approximate trained machines depends: binary patterns: no, singular values: yes",
            {"excess": {"a": ((9.0, 0.5, 0.1), (9.0, 0.5, 0.1))}},
        ),
        ("depends: binary patterns: no", {"excess": dict.fromkeys("ab", ((9.0, 5.0, 2.0), (9.0, 5.0, 0.1)))}),
    ],
)
def test_few_patterns(sentence, false):
    assert sentence in " ".join(said_of_patterns())
    assert sentence not in " ".join(said_of_patterns(**false))


def test_whether_few_patterns_suffice():
    good, bad = (9.0, 0.5, 0.1), (9.0, 5.0, 0.1)

    def last(a, b):
        return said_of_patterns({"a": a, "b": b})[-1]

    assert "machines holds: binary patterns: yes, singular values: yes" in last((good, good), (good, good))
    assert "machines fails: binary patterns: no, singular values: no" in last((bad, bad), (bad, bad))
    assert "machines depends: binary patterns: on some data" in last((good, good), (bad, good))
