"""Parallel tempering: every temperature against enumeration, the ladder, and what it counts."""

from __future__ import annotations

import numpy as np
import pytest
from chi_square import FALSE_ALARM, boltzmann, p_value
from model_forms import FORMS, make
from naive import all_states, energies, log_z_and_mean_energy

import spinlab as sl
from spinlab.dynamics import ladder, parallel_tempering

BETAS = np.array([0.1, 0.25, 0.45, 0.7])


def test_a_ladder_begins_at_the_mean_field_line():
    for model in (sl.ensembles.sk(60, rng=0), sl.ensembles.edwards_anderson(shape=(6, 6), law="pm1", rng=0)):
        rho = np.abs(np.linalg.eigvalsh(model.to_dense().J)).max()
        betas = ladder(model, 4.0, n_steps=4, n_rounds=1, rng=0)
        assert 1 / rho <= betas[0] * 1.005 <= 1.03 / rho
        assert betas[-1] == 4.0
        # Where that is colder than half of beta, and without couplings: half of beta.
        assert ladder(model, 0.1, n_steps=4, n_rounds=1, rng=0)[0] == 0.05
    assert ladder(np.zeros((2, 2)), 1.0, n_steps=4, n_rounds=1, rng=0)[0] == 0.5


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("sampler", ["gibbs", "metropolis", "block_gibbs"])
def test_every_temperature_follows_boltzmann(form, sampler):
    case = make(form, integer=False, fields=True)
    if sampler == "block_gibbs" and not isinstance(case.model, sl.models.TwoLayerIsing):
        return
    run = parallel_tempering(case.model, 25, 3000, betas=BETAS, sampler=sampler, rng=3)
    for l, beta in enumerate(BETAS):
        assert p_value(run.states[:, l], boltzmann(case, beta)) > FALSE_ALARM
        _, U = log_z_and_mean_energy(case.J, case.b, beta, case.offset)
        mean = run.mean_energy[:, l]
        # 5 sigma: false alarm 6e-7.
        assert abs(mean.mean() - U) < 5 * mean.std() / np.sqrt(len(mean))
    np.testing.assert_allclose(run.energy, case.model.energy(run.states), rtol=1e-12)


def test_swap_rates_are_those_of_the_exact_energy_distribution():
    case = make(FORMS[0], integer=False, fields=True)
    E = energies(case.J, case.b, 0.0, all_states(7))
    run = parallel_tempering(case.model, 60, 2000, betas=BETAS, rng=5)
    for l in range(3):
        P, Q = boltzmann(case, BETAS[l]), boltzmann(case, BETAS[l + 1])
        rate = np.minimum(1, np.exp((BETAS[l + 1] - BETAS[l]) * (E[None, :] - E[:, None])))
        # 2000 chains of 15 swaps: even if the swaps of a chain were all equal, .05 is above 5 sigma of the
        # mean of numbers in [0, 1]; false alarm below 6e-7.
        assert run.swap_rate[l] == pytest.approx(P @ rate @ Q, abs=0.05)


def test_measured_ladders_exchange_evenly():
    model = sl.ensembles.sk(60, rng=2)
    betas = ladder(model, 3.0, swap_rate=0.4, rng=1)
    assert betas[-1] == 3.0
    assert (np.diff(betas) > 0).all()
    run = parallel_tempering(model, 2000, 4, betas=betas, rng=2)
    assert run.swap_rate.min() > 0.3
    assert run.swap_rate.max() < 0.55
    assert (run.round_trips > 5).all()
    assert len(ladder(model, 3.0, swap_rate=0.2, rng=1)) < len(betas)
    assert parallel_tempering(model, 4, beta=1e-6, rng=0).betas.size == 2  # nothing to gain: two levels


def test_round_trips_count_ways_to_the_cold_end_and_back():
    # Without couplings every exchange is accepted: in even and odd steps in turn a replica moves one level
    # per step, waits one step at each end, and needs 2 R steps for a round trip.
    R, steps = 6, 1200
    run = parallel_tempering(np.zeros((4, 4)), steps, 3, betas=np.arange(1, R + 1), rng=0)
    assert (run.swap_rate == 1).all()
    expected = R * steps / (2 * R)
    assert (np.abs(run.round_trips - expected) <= R).all()


def test_moments_of_the_energy_are_those_of_the_records():
    model = sl.ensembles.edwards_anderson(shape=(4, 4), rng=1)
    run = parallel_tempering(model, 60, 5, betas=BETAS, burn_in=10, record_every=1, rng=6)
    assert run.samples.shape == (50, 5, 4, 16)
    np.testing.assert_allclose(run.sample_energy, model.energy(run.samples), rtol=1e-10)
    assert (run.best_energy <= run.sample_energy.min((0, 2)) + 1e-12).all()
    np.testing.assert_array_equal(run.samples[-1], run.states)
    # Moments are taken by temperature after the exchange, as the records are.
    np.testing.assert_allclose(run.mean_energy, run.sample_energy.mean(0), rtol=1e-10)
    np.testing.assert_allclose(run.energy_variance, run.sample_energy.var(0), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("n_levels", [3, 4, 20])
@pytest.mark.parametrize("cluster", [False, True])
def test_same_bits_for_any_number_of_threads_and_any_company(n_levels, cluster):
    model = sl.ensembles.edwards_anderson(shape=(5, 5), rng=1)
    betas = np.linspace(0.1, 1.5, n_levels)
    runs = [
        parallel_tempering(model, 30, n, betas=betas, cluster=cluster, rng=3, threads=threads)
        for n, threads in ((18, 1), (18, 3), (4, 1))
    ]
    np.testing.assert_array_equal(runs[0].states, runs[1].states)
    np.testing.assert_array_equal(runs[0].round_trips, runs[1].round_trips)
    np.testing.assert_array_equal(runs[0].states[:4], runs[2].states)


def test_all_forms_of_one_model_take_the_same_steps():
    rng = np.random.default_rng(5)
    model = sl.models.PatternIsing(rng.choice([-1, 1], (4, 50)), 1.0, rng.integers(-1, 2, 50))
    kept = {"n_steps": 60, "n_chains": 3, "betas": np.linspace(0.01, 0.1, 10), "rng": 1}
    runs = [parallel_tempering(m, **kept) for m in (model, model.to_dense(), model.to_sparse())]
    for run in runs[1:]:
        np.testing.assert_array_equal(run.states, runs[0].states)


def test_starts_and_the_best_state():
    model = sl.ensembles.sk(14, rng=3)
    best = sl.ground_state(model)
    run = parallel_tempering(model, 1, 2, betas=[1.0, 2.0, 30.0], initial=best.state, rng=0)
    assert run.best_energy == pytest.approx([best.energy] * 2, rel=1e-12)
    run = parallel_tempering(model, 300, 2, betas=[0.5, 1.0, 2.0, 4.0], rng=0)
    np.testing.assert_allclose(run.best_energy, best.energy, rtol=1e-12)
    np.testing.assert_allclose(model.energy(run.best_state), best.energy, rtol=1e-12)
    starts = np.ones((2, 3, 14))
    starts[:, 1] = -1
    frozen = parallel_tempering(model.scaled(1e-9), 1, 2, betas=[0, 1, 2], initial=starts, rng=0)
    assert frozen.states.shape == (2, 3, 14)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"betas": [1.0]}, "at least two temperatures"),
        ({"betas": [1.0, 0.5]}, "strictly increasing"),
        ({"betas": [0.5, 0.5]}, "strictly increasing"),
        ({"betas": [-0.5, 0.5]}, "0 or more"),
        ({"betas": [0.5, np.inf]}, "infinite"),
        ({"betas": [[0.5, 1.0]]}, "axes"),
        ({"betas": [0.5, 1.0], "beta": 1.0}, "not both"),
        ({"beta": 0.0}, "beta must be a finite number above 0"),
        ({"n_steps": 0}, "n_steps"),
        ({"burn_in": 5}, "burn_in"),
        ({"sampler": "heat"}, "unknown sampler"),
        ({"sampler": "block_gibbs"}, "two layers"),
        ({"order": "down"}, "unknown order"),
        ({"cluster": True}, "need a SparseIsing"),
        ({"initial": np.ones((3, 3, 6))}, "initial must have shape"),
    ],
)
def test_bad_arguments(change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        parallel_tempering(sl.ensembles.sk(N=6, rng=0), **({"n_steps": 5, "n_chains": 2} | change))


def test_bad_arguments_of_ladders():
    model = sl.ensembles.sk(N=6, rng=0)
    with pytest.raises(ValueError, match="must be below beta"):
        ladder(model, 1.0, beta_min=2.0)
    with pytest.raises(ValueError, match="swap_rate"):
        ladder(model, 1.0, swap_rate=0.99)
    with pytest.raises(ValueError, match="n_chains must be even"):
        parallel_tempering(model.to_sparse(), 5, 3, betas=[1, 2], cluster=True)
    with pytest.raises(ValueError, match="temperatures for"):
        ladder(
            sl.ensembles.edwards_anderson(shape=(60, 60, 60), rng=0),
            1.0,
            swap_rate=0.9,
            n_steps=2,
            n_rounds=1,
        )
