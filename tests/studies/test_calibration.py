"""Calibration: who sees which images, what stops a run, and each sentence with numbers that make it false."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest

import spinlab as sl
from spinlab import studies
from spinlab.studies import _calibration_said as said

study = studies.load("calibration")
UNIFORM = 16 * math.log(2)


@pytest.mark.parametrize(("name", "pairs"), [("bars", (5, 1, 1)), ("bars_and_stripes", (9, 2, 3))])
def test_parts_are_disjoint_and_closed_under_inversion(name, pairs):
    splits = []
    for seed in range(5):
        parts = study.images(name, np.random.default_rng(seed))
        sets = {part: {image.tobytes() for image in found} for part, found in parts.items()}
        for part, found in parts.items():
            assert {(-image).tobytes() for image in found} == sets[part]
        assert all(not a & b for a, b in itertools.combinations(sets.values(), 2))
        assert tuple(len(sets[part]) // 2 for part in ("train", "stop", "judge")) == pairs
        splits.append(frozenset(sets["judge"]))
    assert len(set(splits)) > 1


def test_noisy_patterns_have_their_density():
    """400 000 samples by distance from the nearest pattern: five errors, and the least NLL by Monte Carlo."""
    v = study.noisy(400_000, np.random.default_rng(2))
    assert len(np.unique(study.centres(), axis=0)) == 8
    # All states: a density, and its cross entropy from the samples' side.
    states = np.array(list(itertools.product([-1, 1], repeat=16)))
    p = study.symmetric_density(states)
    assert p.sum() == pytest.approx(1, abs=1e-12)
    assert np.allclose(p, p[::-1], rtol=1e-12)
    seen = -np.log(study.symmetric_density(v))
    assert abs(seen.mean() - study._entropy()) < 5 * seen.std() / len(v) ** 0.5
    hit = (v == study.centres()[0]).all(1).mean()  # p = .95^16/8, other patterns reach it by ten flips
    assert abs(hit - 0.95**16 / 8) < 5 * (0.055 / len(v)) ** 0.5


def test_all_recipes_share_their_splits():
    sweep = study.sweeps(study.SMALL)["noisy"]
    seeds = {}
    for at in sweep.points():
        seeds.setdefault(at.replica, set()).add(at.seed)
    assert [len(s) for s in seeds.values()] == [1, 1]


def test_stopping_takes_the_best_look():
    """Trained past its best moment: the model kept is the one at the look with the least NLL."""
    data = study.images("bars", np.random.default_rng(3))
    last, best, at = study.trained("rbm_exact", data["train"], data["stop"], 8, 40, 11)
    looks = []
    for n in (0, *study.checks(40)):
        # The same run, ended at this look (its schedule is of 40 updates: repeat it by hand).
        machine = sl.rbm.RBM(16, 1000, std=0.01, rng=(generator := np.random.default_rng(11)))
        trainer = sl.rbm.Trainer(
            machine, sl.rbm.Exact(), lr=0.003, schedule=sl.rbm.Linear(40, end=0.1), optimiser="adam",
            batch_size=10, rng=generator,
        )  # fmt: skip
        trainer.fit(data["train"], n, progress=False)
        looks.append(-machine.log_likelihood(data["stop"]).mean())
    assert -sl.rbm.log_likelihood(best, data["stop"]).mean() == pytest.approx(min(looks), rel=1e-9)
    assert at == pytest.approx((0, *study.checks(40))[int(np.argmin(looks))] / 40)
    assert -sl.rbm.log_likelihood(last, data["stop"]).mean() == pytest.approx(looks[-1], rel=1e-9)


def judged(**changed):
    """Numbers like those of the study; a recipe may be given other ones."""
    wiggle = np.array([-0.01, 0.0, 0.02, -0.01])
    here = {
        "rapid": (1000, 900, 8.2),
        "scale_pid": (UNIFORM, UNIFORM, UNIFORM),
        "free_pid": (580, 11, 10.4),
        "free_boltzmann": (10.6, 9.9, 9.6),
        "free_10": (7.9, 7.8, 7.8),
        "free_100": (6.8, 6.75, 6.75),
        "free_pcd": (6.9, 6.7, 6.7),
        "rbm_pcd": (7.3, 6.6, 6.6),
    }
    found = {}
    for recipe, nll in (here | changed).items():
        # Not the same for all recipes, so that paired differences have errors.
        spread = {"scale_pid": 0 * wiggle, "free_pcd": wiggle[::-1]}.get(recipe, wiggle)
        found["noisy", recipe] = {s: x + spread for s, x in zip(study.STATES, nll, strict=True)}
    return " ".join(said.statements(found, {"noisy": 6.0, "bars": 2.6}))


@pytest.mark.parametrize(
    ("sentence", "false"),
    [
        ("own scale stay behind standard", {"free_pcd": (6.6, 6.6, 6.6)}),
        ("own scale stay behind standard", {"free_pcd": (6, 6, 6)}),
        ("RAPID does not reach standard machines", {"rapid": (1000, 900, 6.6)}),
        ("no moment of RAPID's training is better", {"rapid": (1000, 9, 8)}),
        ("ends at the uniform density in every split", {"scale_pid": (9, 9, 9)}),
        ("weights of the patterns help", {"free_boltzmann": (600, 12, 12)}),
        ("and stay near the uniform density", {"free_boltzmann": (8, 7, 7)}),
        ("with 10 the recipe does not reach it", {"free_10": (6.7, 6.7, 6.7)}),
        ("with 100 the recipe reaches it", {"free_100": (7.9, 7.8, 7.8)}),
        ("stopping early matters for standard", {"rbm_pcd": (6.6, 6.6, 6.6)}),
    ],
)
def test_sentences_follow_their_numbers(sentence, false):
    assert sentence in judged()
    assert sentence not in judged(**false)


def by_number(**changed):
    """Four splits: exact gradients gain and reach their standard machine, RAPID gains nothing."""
    wiggle = np.array([-0.01, 0.0, 0.02, -0.01])
    here = {"rapid": (8.1, 8.1), "free_cd": (9.0, 6.8), "free_exact": (8.5, 6.2)} | changed
    by_K = {
        (r, K): dict.fromkeys(study.STATES, x + wiggle * sign)
        for r, pair in here.items() for K, x, sign in zip((2, 32), pair, (1, -1), strict=True)
    }  # fmt: skip
    found = {("noisy", f"rbm_{x}"): dict.fromkeys(study.STATES, 6.2 + wiggle) for x in ("cd", "exact")}
    return " ".join(said.by_number(by_K, found))


@pytest.mark.parametrize(
    ("sentence", "false"),
    [
        ("better: free_cd (-2.20 ± 0.01), free_exact (-2.30 ± 0.01)", {"free_cd": (6.8, 9.0)}),
        ("worse: none, not decided: rapid (+0.00", {"rapid": (8.1, 9.1)}),
        ("ahead: none, behind: free_cd (+0.60", {"free_cd": (9.0, 6.0)}),
        ("not decided: free_exact (+0.00", {"free_exact": (8.5, 7.0)}),
        ("best at every number of patterns: no recipe alone (free_exact, rapid)", {"rapid": (8.8, 8.8)}),
        ("last at every number of patterns: no recipe alone (free_cd, rapid)", {"free_cd": (8.0, 7.0)}),
    ],
)
def test_sentences_by_number_follow_their_numbers(sentence, false):
    assert sentence in by_number()
    assert sentence not in by_number(**false)


def test_rapid_is_compared_with_its_factor():
    by_K = {("rapid", K): {"stopped": np.array([1e3, 2e3]), "fitted": np.array([x, x + y])}
            for K, x, y in ((2, 9.0, 0.1), (4, 8.0, 0.12))}  # fmt: skip
    assert "rapid (-0.99 ± 0.01)" in " ".join(said.by_number(by_K, {}))


def test_splits_that_differ_much_decide_nothing():
    wide = np.array([-4.0, 1.0, 3.0, 0.0])
    found = {
        ("noisy", recipe): dict.fromkeys(study.STATES, 7 + sign * wide)
        for recipe, sign in (
            ("free_pcd", 1),
            ("rbm_pcd", -1),
            ("rapid", 1),
            ("free_10", -1),
            ("free_100", -1),
        )
    }
    here = " ".join(said.statements(found, {"noisy": 6.0}))
    assert here.count("cannot be told from") == 4


def test_the_split_of_the_paper():
    seen = set()
    for seed in range(8):
        parts = study.images("bars_paper", np.random.default_rng(seed))
        assert len(parts["train"]) == 10
        assert np.array_equal(parts["judge"].sum(0), np.zeros(16))  # an image and its inverse
        assert {v.tobytes() for part in parts.values() for v in part} == {
            v.tobytes() for side in ("train", "test") for v in getattr(sl.datasets.bars(4), side)
        }
        seen.add(parts["judge"][0].tobytes())
    assert len(seen) == 2


def test_nothing_generalises_only_where_nothing_does():
    for nll, word in ((10.9, "no recipe generalises"), (6.0, "some recipe generalises")):
        x = nll + np.array([-0.1, 0.1, 0.0])
        found = {("bars_and_stripes", "rbm_pcd"): dict.fromkeys(study.STATES, x)}
        assert word in " ".join(said.statements(found, {"noisy": 6.0, "bars": 2.6}))


def test_small_preset(tmp_path, both_formats):
    study.main("small", tmp_path, workers=None, progress=False)
    for part in ("calibration.png", "calibration_plane.pdf", "verdict.md", "calibration_noisy.nc"):
        assert (tmp_path / part).stat().st_size > 1000, part
    verdict = json.loads((tmp_path / "verdict.json").read_text())
    assert verdict["judged"]["noisy/rapid"]["stopped"] > 100
    assert verdict["judged"]["noisy/free_pcd"]["stopped"] < 9 < verdict["judged"]["noisy/free_pid"]["last"]
    assert verdict["least"]["noisy"] == pytest.approx(6.0, abs=0.1)
    assert len(verdict["sentences"]) > 7
