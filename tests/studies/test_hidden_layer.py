"""A growing hidden layer: sentences with numbers that make them false, and the small preset."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spinlab import studies

study = studies.load("hidden_layer")
LOAD = np.array([0.2, 0.48])


def said(load=LOAD, **changed):
    wiggle = np.array([-0.001, 0.0, 0.002, -0.001])
    here = {
        "lowest": (0.8, 0.93),
        "distance": (0.3, 0.04),
        "nll": (20, 1500),
        "density": (7.5, 6.8),
    } | changed
    runs = {name: [x + wiggle for x in pair] for name, pair in here.items()}
    return " ".join(study.statements([16, 4000], runs, load))


@pytest.mark.parametrize(
    ("sentence", "false"),
    [
        ("more of the ground energy: yes", {"lowest": (0.9, 0.9)}),
        ("reconstructs training images better: yes", {"distance": (0.04, 0.3)}),
        ("density is better: the other way round", {"nll": (20, 20)}),
        ("noisy patterns better: yes", {"density": (7.0, 7.0)}),
        ("no hidden layer of these sizes", {"load": np.array([0.2, 0.6])}),
    ],
)
def test_sentences_follow_their_numbers(sentence, false):
    assert sentence in said()
    assert sentence not in said(**false)


def relaxed(depth=(1.5, 0.5), **changed):
    wiggle = np.array([-0.001, 0.0, 0.002, -0.001])
    here = {"random": (0.5, 3.0), "trained": (1.0, 1.0)} | changed
    tau = {name: [x + wiggle for x in pair] for name, pair in here.items()}
    return " ".join(study.relaxed([16, 4000], tau, [x + wiggle for x in depth]))


@pytest.mark.parametrize(
    ("sentence", "false"),
    [
        ("ln tau, random, rises", {"random": (3.0, 3.0)}),
        ("ln tau, trained, changes by less than three errors", {"trained": (1.0, 0.5)}),
        ("paramagnet at H = 16, below it at 4000", {"depth": (0.5, 0.5)}),
    ],
)
def test_relaxation_follows_its_numbers(sentence, false):
    assert sentence in relaxed()
    assert sentence not in relaxed(**false)
    assert "not resolved" in relaxed(random=(np.nan, 1.0))


def by_phase(**changed):
    """Four splits; more patterns help by .5 nats, more hidden units do only by PCD at K = 2."""
    rng = np.random.default_rng(0)
    level = {2: 7.0, 8: 6.5}
    nll = {(phase, k, h): x for phase in study.PHASES for k, x in level.items() for h in (16, 250)}
    nll["pcd", 2, 250] = changed.get("pcd", 6.8)
    nll["exact", 8, 250] = changed.get("exact", 6.5)
    return study.by_negative_phase({at: x + 0.01 * rng.normal(size=4) for at, x in nll.items()})


def test_sentences_by_negative_phase_follow_their_numbers():
    hidden, patterns = by_phase()
    assert "raising H from 16 to 250 at fixed K (nats): better with PCD-10 at K = 2 (-0.2" in hidden
    assert "worse with none" in hidden
    assert "worse with none, not decided with none" in patterns
    assert "better with none" in by_phase(pcd=7.0)[0]
    assert "worse with exact at K = 8 (+1." in by_phase(exact=8.02)[0]
    assert "worse with exact at H = 250 (+1.0" in by_phase(exact=8.02)[1]


def test_small_preset(tmp_path):
    study.main("small", tmp_path, workers=None, progress=False)
    assert (tmp_path / "hidden_layer.png").stat().st_size > 1000
    verdict = json.loads((tmp_path / "verdict.json").read_text())
    assert len(verdict["sentences"]) == 11
    assert max(verdict["density"].values()) < 11.1  # the uniform density
