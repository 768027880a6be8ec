"""Isoenergetic cluster moves: they conserve what they must, and the Boltzmann distribution."""

from __future__ import annotations

import numpy as np
import pytest
from chi_square import FALSE_ALARM, boltzmann, p_value
from model_forms import make, sparse
from naive import all_states

import spinlab as sl
from spinlab.dynamics import parallel_tempering
from spinlab.dynamics.cluster import cluster_moves

BETAS = np.array([0.1, 0.25, 0.45, 0.7])


@pytest.mark.parametrize("fields", [False, True])
def test_cluster_moves_keep_every_temperature(fields):
    case = make(sparse, integer=False, fields=fields)
    run = parallel_tempering(case.model, 25, 6000, betas=BETAS, cluster=True, rng=4)
    # The two ladders of a pair: independent in equilibrium, so their joint law is a product.
    for l, beta in enumerate(BETAS):
        P = boltzmann(case, beta)
        assert p_value(run.states[::2, l], P) > FALSE_ALARM
        assert p_value(run.states[1::2, l], P) > FALSE_ALARM
        agree = (run.states[::2, l] * run.states[1::2, l]).mean(1)
        q2 = np.square((P[:, None] * all_states(7)).T @ all_states(7)).sum() / 49
        # 5 sigma: false alarm 6e-7.
        assert abs((agree**2).mean() - q2) < 5 * (agree**2).std() / np.sqrt(len(agree))


def test_cluster_moves_alone_conserve_the_energy_of_a_pair():
    rng = np.random.default_rng(0)
    for field_std in (0.0, 1.0):
        model = sl.ensembles.edwards_anderson(shape=(5, 5), field_std=field_std, rng=1)
        s = rng.choice(np.array([-1, 1], dtype=np.int8), (2, 25))
        energy = model.energy(s)
        fields = model.local_fields(s)
        before, total = s.copy(), energy.sum()
        replica = np.array([[0], [1]])
        seen = set()
        for step in range(30):
            cluster_moves(model.form(), s, fields, replica, energy, np.uint64(7), 0, step)
            seen.add(s.tobytes())
        assert len(seen) > 3
        np.testing.assert_array_equal(s[0] * s[1], before[0] * before[1])
        assert energy.sum() == pytest.approx(total, rel=1e-12)
        np.testing.assert_allclose(energy, model.energy(s), rtol=1e-12)
        np.testing.assert_allclose(fields, model.local_fields(s), atol=1e-12)


def test_clusters_are_connected():
    # Two separate pairs of spins that differ: each move flips one pair, never both.
    model = sl.models.SparseIsing.from_edges([0, 2, 4, 5], [1, 3, 5, 6], [1.0, -1.0, 2.0, 0.0], N=7)
    s = np.ones((2, 7), dtype=np.int8)
    s[1, :2] = s[1, 6] = -1  # {0, 1} and {6}: the bond 5-6 has no coupling
    start = s.copy()
    flipped = set()
    for step in range(40):
        s[:] = start
        fields, energy = model.local_fields(s), model.energy(s)
        cluster_moves(model.form(), s, fields, np.array([[0], [1]]), energy, np.uint64(1), 0, step)
        changed = s != start
        np.testing.assert_array_equal(changed[0], changed[1])
        flipped.add(tuple(np.flatnonzero(changed[0]).tolist()))
    assert flipped == {(0, 1), (6,)}


def test_identical_replicas_stay():
    model = sl.ensembles.edwards_anderson(shape=(4, 4), rng=1)
    s = np.ones((2, 16), dtype=np.int8)
    fields, energy = model.local_fields(s), model.energy(s)
    cluster_moves(model.form(), s, fields, np.array([[0], [1]]), energy, np.uint64(1), 0, 0)
    assert (s == 1).all()
