"""Simulated annealing: schedules, known optima, and the loops it shares with Gibbs sampling."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from model_forms import FORMS, make
from naive import ground_energy_and_degeneracy

import spinlab as sl
from spinlab.dynamics import anneal, gibbs


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("fields", [False, True])
def test_small_models_reach_their_ground_state(form, fields):
    case = make(form, integer=False, fields=fields)
    E0, _ = ground_energy_and_degeneracy(case.J, case.b, case.offset)
    runs = anneal(case.model, 200, 16, rng=0)
    assert runs.energy.min() == pytest.approx(E0, rel=1e-12)
    np.testing.assert_allclose(runs.energy, case.model.energy(runs.states), rtol=1e-12)


def test_the_quench_ends_in_local_minima():
    model = sl.ensembles.sk(N=60, rng=1)
    runs = anneal(model, 5, 40, rng=0)
    stable = (runs.states * model.local_fields(runs.states) >= 0).all(axis=1)
    assert stable.mean() > 0.9


def test_slow_cooling_goes_lower():
    model = sl.ensembles.sk(N=200, rng=2)
    fast, slow = (anneal(model, n, 64, rng=0).energy for n in (3, 600))
    error = np.hypot(fast.std(), slow.std()) / 8
    assert fast.mean() - slow.mean() > 10 * error


def test_a_constant_schedule_is_gibbs_sampling_until_the_quench():
    model = sl.ensembles.sk(N=20, rng=3)
    warm = gibbs(model, 30, 8, beta=0.7, rng=5)
    annealed = anneal(model, 30, 8, beta_min=0.7, beta_max=0.7, sampler="gibbs", rng=5)
    np.testing.assert_array_equal(annealed.initial, warm.initial)
    # A quench only goes down from the state that Gibbs sampling reached with the same draws.
    assert (annealed.energy <= warm.energy + 1e-12).all()


def test_same_bits_for_any_number_of_threads_and_any_form():
    rng = np.random.default_rng(0)
    J = np.triu(rng.integers(-2, 3, (30, 30)), 1)
    model = sl.models.DenseIsing(J + J.T)
    kept = {"n_steps": 50, "n_chains": 40, "beta_min": 0.05, "beta_max": 1.0, "rng": 4}
    runs = [anneal(model, threads=n, **kept) for n in (1, 2)] + [anneal(model.to_sparse(), **kept)]
    for run in runs[1:]:
        np.testing.assert_array_equal(run.states, runs[0].states)


def test_default_temperatures_scale_with_the_model():
    model = sl.ensembles.edwards_anderson(shape=(4, 4), law="pm1", rng=0)
    a, b = anneal(model, 100, 8, rng=1), anneal(model.scaled(2.0**-30), 100, 8, rng=1)
    np.testing.assert_array_equal(a.states, b.states)
    assert anneal(np.zeros((3, 3)), 5, 2, rng=0).energy.tolist() == [0.0, 0.0]


def test_discrete_couplings_freeze():
    # -414 by trees; where beta ends at 0.75, at a quantile of the fields, the best of 200 runs is -402.
    model = sl.ensembles.edwards_anderson(shape=(30, 10), law="pm1", rng=0)
    assert anneal(model, 1000, 32, rng=1).energy.min() == -414


@pytest.mark.skipif("SPINLAB_DATA" not in os.environ, reason="set SPINLAB_DATA to the folder of test data")
@pytest.mark.parametrize("name", ["biqmac_pm1d/pm1d_80.0", "biqmac_g05/g05_60.0", "biqmac_w/w05_100.0"])
def test_known_optima(name):
    path = Path(os.environ["SPINLAB_DATA"]) / "instances" / f"{name}.txt"
    known = float(sl.models.instance_metadata(path)["known_ground_energy"])
    assert anneal(sl.models.load_instance(path), 1000, 32, rng=0).energy.min() == known


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_steps": -1}, "n_steps"),
        ({"beta_min": 0.0}, "beta_min"),
        ({"beta_max": np.inf}, "beta_max"),
        ({"beta_min": 2.0, "beta_max": 1.0}, "hot to cold"),
        ({"schedule": "quadratic"}, "known: thermodynamic, linear, geometric"),
        ({"sampler": "block_gibbs"}, "unknown sampler"),
        ({"dtype": "int8"}, "unknown dtype"),
        ({"interrupt": True}, "interrupt must be a function without arguments, got bool"),
        ({"initial": np.zeros(6)}, r"\+1 and -1"),
    ],
)
def test_bad_arguments(change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        anneal(sl.ensembles.sk(N=6, rng=0), **({"n_steps": 5, "n_chains": 2} | change))


def test_a_custom_schedule_is_followed_step_by_step():
    model = sl.ensembles.sk(N=20, rng=3)
    by_name = anneal(model, 40, 8, beta_min=0.1, beta_max=3.0, schedule="linear", rng=5)
    custom = anneal(model, n_chains=8, betas=np.linspace(0.1, 3.0, 40), rng=5)
    np.testing.assert_array_equal(by_name.states, custom.states)
    assert custom.n_steps == 40
    reheated = anneal(model, n_chains=8, betas=np.linspace(3.0, 0.0, 40), rng=5)
    assert reheated.energy.mean() > custom.energy.mean()


@pytest.mark.parametrize(
    "other", [{"n_steps": 3}, {"beta_min": 1.0}, {"schedule": "linear"}, {"schedule": "geometric"}]
)
def test_a_custom_schedule_stands_alone(other):
    with pytest.raises(TypeError, match="betas is the whole schedule"):
        anneal(sl.ensembles.sk(N=6, rng=0), betas=[1.0, 2.0], **other)
    with pytest.raises(ValueError, match="0 or more"):
        anneal(sl.ensembles.sk(N=6, rng=0), betas=[1.0, -2.0])
    with pytest.raises(ValueError, match="betas is empty; give the inverse temperature of each step"):
        anneal(sl.ensembles.sk(N=6, rng=0), betas=[])


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_an_interrupted_run_is_the_beginning_of_the_whole(form):
    model = make(form, integer=True, fields=True).model
    whole = anneal(model, 20, 18, rng=0)
    part = anneal(model, 20, 18, rng=0, threads=2, interrupt=iter([False, True]).__next__)
    assert len(part.energy) == 8
    np.testing.assert_array_equal(part.states, whole.states[:8])
    np.testing.assert_array_equal(part.moved, whole.moved[:8])
