"""The slowest mode measured: against exact times, a loop, noise, and chains that stand still."""

from __future__ import annotations

import math

import numpy as np
import pytest

import spinlab as sl
from spinlab.observables import relaxation_time, slowest_mode_time


def chains(W, n_steps, n_chains, seed):
    model = sl.models.BipartiteIsing(W)
    run = sl.dynamics.block_gibbs(model, n_steps, n_chains, burn_in=100, record_every=1, rng=seed)
    return model, run.samples[..., : len(W)]


def test_one_spin_is_its_autocorrelation():
    """One function: nothing to choose; a loop over chains and times."""
    _, s = chains([[1.2]], 400, 4, 1)
    x = s[..., 0] - s[..., 0].mean()
    top = sum(x[t, c] * x[t + 2, c] for c in range(4) for t in range(298))
    both = [x[t, c] ** 2 for c in range(4) for t in (*range(298), *range(2, 300))]
    # Each half of the chains is judged by a direction that was scaled on the other half.
    expected = -2 / math.log(2 * top / sum(both))
    assert slowest_mode_time(s, 2, sector="odd").value == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(("sector", "seed"), [("even", 0), ("even", 1), ("odd", 2), ("odd", 3)])
def test_against_the_exact_time(sector, seed):
    """Not above it but for noise (four tests, false alarm at 4 errors 1e-4), not far below."""
    W = 0.8 * np.random.default_rng(seed).normal(size=(5, 5))
    model, s = chains(W, 4000, 20, seed)
    exact = relaxation_time(model, sector="even" if sector == "even" else "all").time
    found = slowest_mode_time(s, 4, sector=sector)
    assert found.value < exact + 4 * found.error
    assert found.value > 0.85 * exact - 4 * found.error


def test_the_flip_is_seen_by_odd_functions_alone():
    _, s = chains(np.full((4, 4), 0.45), 2000, 12, 5)
    assert slowest_mode_time(s, 2, sector="odd").value > 5 * slowest_mode_time(s, 2).value


def test_noise_is_not_raised_by_the_choice():
    """66 functions of independent spins, 4 chains of 100: judged on the data of the fit it would be > 1."""
    s = np.random.default_rng(0).choice([-1, 1], (100, 4, 12))
    assert slowest_mode_time(s).value < 0.6


def test_frozen_chains():
    s = np.broadcast_to(np.random.default_rng(0).choice([-1, 1], (6, 5)), (50, 6, 5))
    assert slowest_mode_time(s).value == math.inf
    assert slowest_mode_time(np.ones((50, 6, 5)), sector="all").value == math.inf


def test_refusals():
    s = np.ones((10, 6, 5))
    for samples, lag, message in (
        (s[:, :3], 1, "4 chains at least, got 3"),
        (s, 9, "needs 11 records at least, got 10"),
        (np.ones((10, 6, 50)), 1, "from 1 to 1000 are taken"),
        (np.ones((10, 6, 1)), 1, "make 0 functions"),
    ):
        with pytest.raises(ValueError, match=message):
            slowest_mode_time(samples, lag)
