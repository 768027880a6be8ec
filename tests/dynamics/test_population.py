"""Population annealing: ln Z and energies against enumeration."""

from __future__ import annotations

import numpy as np
import pytest
from model_forms import FORMS, make
from naive import log_z_and_mean_energy

import spinlab as sl
from spinlab.dynamics import population_annealing


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("sampler", ["gibbs", "metropolis", "block_gibbs"])
def test_free_energy_and_energy_are_exact_within_their_errors(form, sampler):
    case = make(form, integer=False, fields=True)
    if sampler == "block_gibbs" and not isinstance(case.model, sl.models.TwoLayerIsing):
        return
    p = population_annealing(case.model, 400, beta=0.9, n_runs=16, sampler=sampler, rng=1)
    assert p.betas[0] == 0
    assert p.betas[-1] == 0.9
    for beta, log_z, error, u, u_error in zip(
        p.betas[1:], p.log_z[1:], p.log_z_error[1:], p.mean_energy[1:], p.mean_energy_error[1:], strict=True
    ):
        exact, U = log_z_and_mean_energy(case.J, case.b, beta, case.offset)
        # 16 runs: Student's t with 15 degrees of freedom exceeds 7.5 with probability 2e-6.
        assert abs(log_z - exact) < 7.5 * error + 1e-12
        assert abs(u - U) < 7.5 * u_error
        assert error < 0.05
    np.testing.assert_allclose(p.free_energy[1:], -p.log_z[1:] / p.betas[1:])
    assert p.log_z[0] == pytest.approx(7 * np.log(2), rel=1e-15)
    np.testing.assert_allclose(p.free_energy_error[1:], p.log_z_error[1:] / p.betas[1:])
    assert (p.free_energy[0], p.free_energy_error[0], p.log_z_error[0]) == (-np.inf, 0, 0)
    np.testing.assert_allclose(p.energy, case.model.energy(p.states), rtol=1e-12)


def test_resampling_alone_is_unbiased():
    # Two temperatures and one step: Z comes from random states alone, E[Z] exactly.
    model = sl.models.DenseIsing([[0, 1], [1, 0]], offset=0.5)
    p = population_annealing(model, 50, betas=[0, 1.0], n_steps=1, n_runs=400, rng=0)
    z = np.exp(p.log_z_runs[:, 1])
    exact = 4 * np.cosh(1.0) * np.exp(-0.5)
    # 5 sigma: false alarm 6e-7.
    assert abs(z.mean() - exact) < 5 * z.std() / np.sqrt(400)
    assert (p.family_size[:, 0] == 1).all()
    assert (p.family_size[:, 1] > 1).all()
    assert (p.family_size[:, 1] < 3).all()  # copies: e/cosh(1) = 1.76 or 1/(e cosh 1) = .24 on average


def test_a_frustrated_model_and_its_ground_state():
    model = sl.ensembles.sk(16, rng=4)
    p = population_annealing(model, 500, beta=5.0, n_runs=8, rng=2)
    # Student's t with 7 degrees of freedom exceeds 12 with probability 6e-6.
    assert abs(p.log_z[-1] - sl.log_partition(model, 5.0)) < 12 * p.log_z_error[-1]
    assert p.log_z_error[-1] < 0.3
    assert p.best_energy == pytest.approx(sl.ground_state(model).energy, rel=1e-12)
    assert model.energy(p.best_state) == pytest.approx(p.best_energy, rel=1e-12)


def test_runs_that_agree_by_chance_have_an_error():
    # Two runs of eight spins each in a field: both averages are the same number in a fifth of all cases.
    betas, found = [0, 0.5], []
    for seed in range(200):
        p = population_annealing(sl.models.DenseIsing([[0.0]], [1.0]), 8, betas=betas, n_runs=2, rng=seed)
        found.append([p.log_z[-1], p.log_z_error[-1], p.mean_energy[-1], p.mean_energy_error[-1]])
        if p.energy.std() == 0:
            assert found.pop()[-1] == 0
    log_z, log_z_error, u, error = np.array(found).T
    assert len(found) > 190
    assert (log_z_error > 0.05).all()
    assert (error > 0.1).all()
    # Exact within 5 errors but for (by chance, at most) 1 of 200: 16 independent spins are nearly normal.
    assert (abs(log_z - np.log(2 * np.cosh(0.5))) > 5 * log_z_error).sum() <= 1
    assert (abs(u + np.tanh(0.5)) > 5 * error).sum() <= 1


def test_same_bits_for_any_number_of_threads():
    model = sl.ensembles.sk(20, rng=4)
    runs = [population_annealing(model, 70, beta=1.0, n_runs=3, rng=2, threads=n) for n in (1, 3)]
    np.testing.assert_array_equal(runs[0].states, runs[1].states)
    np.testing.assert_array_equal(runs[0].log_z_runs, runs[1].log_z_runs)


def test_a_model_without_couplings_takes_one_step():
    p = population_annealing(np.zeros((3, 3)), 10, beta=5.0, rng=0)
    assert p.betas.tolist() == [0, 5]
    assert p.log_z[-1] == pytest.approx(3 * np.log(2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_population": 1}, "n_population"),
        ({"n_runs": 1}, "n_runs"),
        ({"n_steps": 0}, "n_steps"),
        ({"beta": 0.0}, "above 0"),
        ({"beta": np.inf}, "beta"),
        ({"betas": [0.0]}, "increase strictly from 0"),
        ({"betas": [0.1, 0.2]}, "increase strictly from 0"),
        ({"betas": [0.0, 0.2, 0.1]}, "increase strictly from 0"),
        ({"effective_fraction": 1.0}, "effective_fraction"),
        ({"sampler": "block_gibbs"}, "two layers"),
        ({"beta": 1e160}, "times the energies is beyond"),
    ],
)
def test_bad_arguments(change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        population_annealing(sl.ensembles.sk(N=6, rng=0), **({"n_population": 10} | change))
