"""Parts of the studies on accessibility and on training with answers known in advance."""

from __future__ import annotations

import itertools
import json
import math
from statistics import NormalDist

import numpy as np
import pytest

import spinlab as sl
from spinlab import studies


@pytest.fixture(scope="module")
def dissected():
    return studies.load("accessibility_dissected")


@pytest.fixture(scope="module")
def glass():
    return studies.load("training_leaves_the_glass")


@pytest.mark.parametrize(("V", "H"), [(20, 1000), (12, 100), (20, 10)])
def test_frozen_fraction_at_infinite_scale_is_that_of_stable_random_states(dissected, V, H):
    p = NormalDist().cdf(-math.sqrt(2 * H / (math.pi * V)))
    assert dissected.unstable(V, H) == pytest.approx(V * p, rel=1e-9)
    # Large fields leave nothing to chance; what the draw of hidden units adds in later steps dies out slowly.
    first, later = (dissected.unmoved(V, H, 30.0, n_steps=n) for n in (1, 10))
    assert first == pytest.approx((1 - p) ** V, rel=1e-2)
    assert 0.3 * first < later <= first


def test_frozen_fraction_without_weights_is_that_of_coins(dissected):
    assert dissected.unmoved(4, 50, 1e-7, n_steps=1) == pytest.approx(2.0**-4, rel=1e-4)
    assert dissected.unmoved(3, 50, 1e-7, n_steps=2) == pytest.approx(4.0**-3, rel=1e-4)


def test_frozen_fraction_of_the_paper_s_size(dissected):
    # Measured apart from this study, with errors of .02 and .002: .41 and .996.
    assert dissected.unmoved(20, 1000, 0.1) == pytest.approx(0.41, abs=0.04)
    assert dissected.unmoved(20, 1000, 0.2) == pytest.approx(0.996, abs=0.004)


@pytest.mark.parametrize("std", [0.05, 0.4, 3.0])
def test_parts_add_up_to_the_accessibility(dissected, std):
    model = sl.ensembles.rbm_gaussian(6, 9, rng=0).scaled(std)
    W = model.weights()
    best = [-np.abs(np.array(v) @ W).sum() for v in itertools.product((-1, 1), repeat=6)]
    found = dissected.split(model, min(best), float(np.mean(best)), np.random.default_rng(3))
    known = sl.observables.gibbs_accessibility(
        model, 10, 10, reduce=None, ground_energy=min(best), rng=np.random.default_rng(3)
    )  # the same chains
    np.testing.assert_allclose(found["parts"].sum(1), known.ratio, rtol=1e-12)
    np.testing.assert_allclose(found["parts"][:, 0], np.mean(best) / min(best), rtol=1e-12)
    assert (found["parts"][:, 3] <= 1e-12).all()  # noise only costs
    assert found["unmoved_chains"] == pytest.approx(1 - known.moved_chains)
    assert found["unmoved_spins"] == pytest.approx(1 - known.moved_spins)


def test_one_pattern_is_all_descent(dissected):
    model = dissected.draw("ra", 9, 15, 1, 0.5, np.random.default_rng(1)).scaled(10.0)
    ground = -10.0 * 9 * 15
    offset = np.mean([abs(sum(v)) for v in itertools.product((-1, 1), repeat=9)]) / 9
    parts = dissected.split(model, ground, offset * ground, np.random.default_rng(2))["parts"]
    np.testing.assert_allclose(parts.sum(1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(parts[:, 1] + parts[:, 2], 1 - offset, rtol=1e-9)
    assert dissected.draw("ra_load", 12, 30, 10, 0.25, np.random.default_rng(0)).weights().shape == (12, 30)
    rank = np.linalg.matrix_rank(dissected.draw("ra_load", 12, 30, 10, 0.25, np.random.default_rng(0)).W)
    assert rank == 3


def test_accessibility_dissected_small(tmp_path):
    studies.load("accessibility_dissected").main("small", tmp_path, workers=None, progress=False)
    assert (tmp_path / "accessibility_dissected.png").read_bytes()[:4] == b"\x89PNG"
    found = json.loads((tmp_path / "verdict.json").read_text())
    gaussian, ra = found["plateau"]["gaussian"]["mean"], found["plateau"]["ra"]["mean"]
    # At H/V = 25 the criterion is 4e-4: of 100 chains one moves in 24 sets of instances.
    assert abs(gaussian["descent"]) < 0.01
    assert gaussian["offset"] > 0.8
    assert ra["descent"] > 0.3
    assert found["gaussian_descent_at_smallest_H"] > 0.2
    # Ten instances of ten chains: binomial errors of .05 at most, correlated within an instance.
    assert max(abs(row["measured"] - row["predicted"]) for row in found["unmoved"]) < 0.15


def test_starts_are_what_their_names_say(glass):
    for name, (method, start, std, lr) in glass.RUNS.items():
        trainer = glass.trainer_of(name, 64, np.random.default_rng(0))
        model = trainer.machine.as_ising()
        assert trainer.lr == lr
        expected = std or math.sqrt(2 / (glass.V + 64))
        # 1024 normal numbers: 1/sqrt(2048) = 2 %; for patterns the products are correlated.
        assert model.coupling_std() == pytest.approx(expected, rel=0.15), name
        rank = np.linalg.matrix_rank(model.weights(), tol=1e-3 * expected)
        assert rank == (glass.K if start == "ra" else glass.V), name
        assert type(trainer.negative).__name__.lower() == {"rapid": "pid"}.get(method, method)


def test_diagnosis_of_known_weights(glass):
    data = sl.datasets.bars(4)
    xi = data.train[0]
    one = sl.models.BipartiteIsing(0.3 * np.outer(xi, np.resize([1, -1], 40)))
    found = glass.evaluate(one, data, np.random.default_rng(0))
    numbers = dict(zip(glass.NUMBERS, found["numbers"], strict=True))
    words = [glass.VERDICTS[q][i] for q, i in zip(glass.VERDICTS, found["verdicts"], strict=True)]
    assert words[:2] == ["ordered", "few"]
    assert numbers["n_minima"] == 2
    assert numbers["x"] == pytest.approx(0.3 * (16 * 40) ** 0.25, rel=1e-3)
    hot = sl.ensembles.rbm_gaussian(16, 40, rng=0).scaled(1e-3)
    found = glass.evaluate(hot, data, np.random.default_rng(0))
    numbers = dict(zip(glass.NUMBERS, found["numbers"], strict=True))
    assert glass.VERDICTS["phase"][found["verdicts"][0]] == "paramagnet"
    assert numbers["nll_train"] == pytest.approx(16 * math.log(2), abs=1e-2)
    assert numbers["unmoved_spins"] < 0.05  # a coin that shows one side for ten steps: 1 in 1024


def test_training_leaves_the_glass_small(glass, tmp_path):
    glass.main("small", tmp_path, workers=None, progress=False)
    for name in (*glass.FIGURES.values(), "training_leaves_the_glass_verdicts"):
        assert (tmp_path / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    runs = json.loads((tmp_path / "verdict.json").read_text())["runs"]
    assert runs["CD 0.01"]["0"]["phase"] == "paramagnet"
    assert runs["CD 0.01"]["30"]["nll_train"] < runs["CD 0.01"]["0"]["nll_train"] - 3
    assert runs["CD 1"]["0"]["x"] > 4
