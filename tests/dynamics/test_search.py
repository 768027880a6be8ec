"""The heuristic search: exact answers where they are known, and what it says about itself."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from model_forms import FORMS, make
from naive import ground_energy_and_degeneracy

import spinlab as sl
from spinlab.dynamics import search

FAMILIES = {
    "biqmac_pm1d": "pm1d_80",
    "biqmac_pm1s": "pm1s_80",
    "biqmac_g05": "g05_60",
    "biqmac_w": "w05_100",
    "biqmac_torus2d": "t2g10",
    "biqmac_torus3d": "t3g5",
    "sk1_hamerly": "SK1_N",
    "mc50_hamerly": "MC50_N50",
    "chimera_power": "chimera128",
}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("fields", [False, True])
def test_small_models(form, fields):
    case = make(form, integer=False, fields=fields)
    E0, _ = ground_energy_and_degeneracy(case.J, case.b, case.offset)
    found = search(case.model, n_steps=50, rng=0)
    assert found.energy == pytest.approx(E0, rel=1e-12)
    assert case.model.energy(found.state) == found.energy
    assert 3 <= found.hits <= found.groups == 4
    assert found.n_steps == 50


@pytest.mark.parametrize("seed", range(3))
def test_planar_spin_glasses(seed):
    # 144 spins, solved exactly by matching; sparse, so that pairs of ladders exchange clusters.
    model = sl.ensembles.edwards_anderson(shape=(12, 12), periodic=False, rng=seed)
    assert search(model, rng=0).energy == pytest.approx(sl.ground_state(model).energy, rel=1e-12)


def test_the_budget_ends_a_search_that_does_not_agree():
    model = sl.ensembles.edwards_anderson(shape=(8, 8, 8), rng=0)
    found = search(model, n_steps=2, max_steps=7, rng=0)
    assert found.n_steps == 7
    assert found.hits < 3
    assert search(model, n_steps=2, seconds=1e-9, rng=0).n_steps == 2


def test_same_answer_for_any_number_of_threads():
    model = sl.ensembles.edwards_anderson(shape=(6, 6), rng=0)
    a, b = (search(model, n_steps=20, max_steps=40, rng=1, threads=n) for n in (1, 2))
    np.testing.assert_array_equal(a.state, b.state)
    np.testing.assert_array_equal(a.betas, b.betas)


def test_models_without_anything_to_find():
    assert search(np.zeros((3, 3)), n_steps=2, rng=0).energy == 0.0
    assert search([[0.0]], n_steps=2, rng=0).hits == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_steps": 1}, "n_steps"),
        ({"max_steps": 0}, "max_steps"),
        ({"n_groups": 1}, "n_groups"),
        ({"seconds": 0.0}, "seconds"),
        ({"seconds": np.inf}, "seconds"),
    ],
)
def test_bad_arguments(change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        search(sl.ensembles.sk(N=6, rng=0), **change)


@pytest.mark.slow
@pytest.mark.skipif("SPINLAB_DATA" not in os.environ, reason="set SPINLAB_DATA to the folder of test data")
@pytest.mark.parametrize("family", FAMILIES)
def test_every_known_optimum_is_found_within_the_default_budget(family):
    folder = Path(os.environ["SPINLAB_DATA"]) / "instances" / family
    paths = sorted(folder.glob(f"{FAMILIES[family]}*.txt"))
    assert len(paths) >= 3
    for path in paths:
        known = float(sl.models.instance_metadata(path)["known_ground_energy"])
        model = sl.models.load_instance(path)
        for seed in range(3):
            assert search(model, rng=seed).energy == known, (path.name, seed)
