"""Lines that samples and their statistics rest on: each test fails when its line is changed."""

from __future__ import annotations

import numpy as np
import pytest

import spinlab as sl
from spinlab import solve
from spinlab._core.request import Request
from spinlab.dynamics import equilibration as eq
from spinlab.dynamics import parallel_tempering, population, population_annealing
from spinlab.dynamics._replicas import make_walkers
from spinlab.dynamics.population import _systematic


@pytest.mark.parametrize("form", ["dense", "sparse", "patterns"])
def test_fields_are_recomputed_on_the_way(form):
    # Energies from the fields in use, after 5000 steps: the rounding of every flip would add up to some 50
    # times that of fields just recomputed.
    rng = np.random.default_rng(0)
    N, n_steps = 48, 20 * 256 + 1
    n_chains = 16 if form == "patterns" else 4  # fewer are left to the loop of sparse models
    xi = rng.normal(size=(20, N))
    model = sl.models.PatternIsing(xi, 1 / 3)
    if form == "dense":
        model = model.to_dense()
    elif form == "sparse":
        model = model.to_sparse()
    beta = 1e-3  # nearly every second visit flips
    request = Request.check("gibbs", n_steps, n_chains, 1.0, np.uint64(5))
    s = rng.choice(np.array([-1, 1], np.int8), (n_chains, N))
    (walkers,) = make_walkers(model, request, s, np.full(n_chains, beta), 0)
    walkers.advance(0, n_steps)
    energy = np.empty(n_chains)
    walkers.energy(energy)
    fresh = np.abs(model.energy(s)).max() * 2.0**-53 * 20
    assert np.abs(energy - model.energy(s)).max() < fresh


def test_resampling_copies_each_state_as_often_as_its_weight_on_average():
    # Weights .9, .9, 1.2: a fixed point within each third would always copy all three once.
    rng = np.random.default_rng(1)
    w = np.array([0.9, 0.9, 1.2])
    copies = np.array([np.bincount(_systematic(w, rng.random()), minlength=3) for _ in range(4000)])
    # Each number of copies is a floor or a ceiling: 5 sigma of a binomial, false alarm 6e-7 each.
    assert (np.abs(copies.mean(0) - w) < 5 * copies.std(0) / np.sqrt(4000)).all()
    assert (copies.std(0) > 0.1).all()


def test_each_resampling_draws_its_own_offset(monkeypatch):
    drawn = []

    def systematic(w, u):
        drawn.append(u)
        return _systematic(w, u)

    monkeypatch.setattr(population, "_systematic", systematic)
    population_annealing(np.zeros((2, 2)), 4, betas=np.linspace(0, 1, 101), n_steps=1, n_runs=2, rng=3)
    assert len(set(drawn)) == 200
    # Uniform numbers: 5 sigma of their mean, false alarm 6e-7.
    assert 0 <= min(drawn) < 0.1 < 0.9 < max(drawn) < 1
    assert abs(np.mean(drawn) - 0.5) < 5 / np.sqrt(12 * 200)


def test_runs_of_a_population_count_by_their_z():
    p = population_annealing(sl.ensembles.sk(12, rng=1), 20, beta=3.0, n_steps=1, n_runs=6, rng=2)
    z = np.exp(p.log_z_runs[:, -1] - p.log_z_runs[:, -1].max())
    runs = p.energy.mean(1)
    assert p.mean_energy[-1] == pytest.approx((z * runs).sum() / z.sum(), rel=1e-12)
    assert abs(p.mean_energy[-1] - runs.mean()) > 1e-3  # and it matters here
    assert p.log_z[-1] == pytest.approx(p.log_z_runs[:, -1].max() + np.log(z.mean()), rel=1e-12)
    left = [(np.delete(z, k) * np.delete(runs, k)).sum() / np.delete(z, k).sum() for k in range(6)]
    error = np.sqrt(5 / 6 * np.square(np.array(left) - np.mean(left)).sum())
    assert p.mean_energy_error[-1] == pytest.approx(error, rel=1e-10)


@pytest.mark.parametrize("steps", [1, 5, 6, 7, 11, 12, 13, 40, 101])
def test_a_round_trip_begins_at_the_hottest_temperature(steps):
    # Without couplings all exchanges are made: every replica's way is known. One that never was hot, and
    # comes from the cold end, has made half a trip.
    R = 6
    at = list(range(R))  # replica by temperature
    came, trips = [0] * R, 0
    came[0] = 1
    for step in range(steps):
        for l in range(step % 2, R - 1, 2):
            at[l], at[l + 1] = at[l + 1], at[l]
        trips += came[at[0]] == 2
        came[at[0]] = 1
        came[at[-1]] = 2 if came[at[-1]] == 1 else came[at[-1]]
    run = parallel_tempering(np.zeros((4, 4)), steps, 3, betas=np.arange(1, R + 1), rng=0)
    assert run.round_trips.tolist() == [trips] * 3


def test_the_noise_of_correlations_is_that_of_all_chains():
    # A slow mode with 4 % of the variance: the correlations of one chain of 2000 records cannot tell it
    # from noise (.02), those of 64 chains can. tau = 1/2 + .04 sum_t .98^t = 2.46, and 1/2 without it.
    rng = np.random.default_rng(0)
    a, n, n_chains = 0.98, 2000, 64
    slow = np.empty((n, n_chains))
    slow[0] = rng.normal(size=n_chains)
    for t in range(1, n):
        slow[t] = a * slow[t - 1] + np.sqrt(1 - a * a) * rng.normal(size=n_chains)
    x = 0.2 * slow + np.sqrt(0.96) * rng.normal(size=(n, n_chains))
    found = eq.autocorrelation_time(x)
    tau = 0.5 + 0.04 * a / (1 - a)
    assert abs(found.tau - tau) < 0.25 * tau
    assert found.error == pytest.approx(found.tau * np.sqrt(2 * (2 * found.window + 1) / x.size), rel=1e-12)
    assert found.effective == pytest.approx(x.size / (2 * found.tau), rel=1e-12)


@pytest.mark.parametrize("method", ["annealing", "tempering"])
def test_a_heuristic_of_the_front_door_takes_the_user_s_seed_and_options(method):
    model = sl.ensembles.sk(40, rng=0)
    if method == "annealing":
        gs = sl.ground_state(model, method, rng=7, threads=1, n_steps=3, n_chains=2)
        runs = sl.dynamics.anneal(model, 3, 2, rng=7)
        best = runs.states[int(np.argmin(runs.energy))]
    else:
        gs = sl.ground_state(model, method, rng=7, threads=1, n_steps=2, max_steps=4, n_groups=2)
        best = sl.dynamics.search(model, n_steps=2, max_steps=4, n_groups=2, rng=7).state
    np.testing.assert_array_equal(gs.state, best)
    default = sl.ground_state(model, "annealing", n_steps=3, n_chains=2)
    assert (default.state != sl.ground_state(model, "annealing", n_steps=3, n_chains=2, rng=7).state).any()


@pytest.mark.parametrize("method", ["annealing", "tempering"])
def test_a_heuristic_of_the_front_door_takes_the_user_s_threads(method, monkeypatch):
    # The answer is the same for any number of them.
    name = "anneal" if method == "annealing" else "search"
    heuristic, seen = getattr(solve, name), []

    def counted(*args, **options):
        seen.append(options["threads"])
        return heuristic(*args, **options)

    monkeypatch.setattr(solve, name, counted)
    for threads in (1, 2, None):
        sl.ground_state(sl.ensembles.sk(12, rng=0), method, threads=threads, n_steps=2)
    assert seen == [1, 2, None]
