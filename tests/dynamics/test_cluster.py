"""Isoenergetic cluster moves: they conserve what they must, and the Boltzmann distribution."""

from __future__ import annotations

import numpy as np
import pytest
from chi_square import FALSE_ALARM, boltzmann, p_value
from model_forms import make, sparse
from naive import all_states

import spinlab as sl
from spinlab.dynamics import parallel_tempering
from spinlab.dynamics.cluster import cluster_moves, strong_couplings

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


@pytest.mark.parametrize("fields", [False, True])
def test_clusters_of_strong_couplings_keep_the_distribution(fields):
    # Pairs of exact samples, and moves alone: what is rejected makes up for the weak couplings.
    case = make(sparse, integer=False, fields=fields)
    form, beta, n = case.model.form(), 0.4, 20_000
    strong = np.abs(form.data) > np.median(np.abs(form.data))
    assert 0 < strong.sum() < len(strong)
    rng = np.random.default_rng(5)
    P, states = boltzmann(case, beta), all_states(7)
    s = states[rng.choice(len(P), 2 * n, p=P)].astype(np.int8)
    start, product = s.copy(), s[::2] * s[1::2]
    energy, cache = case.model.energy(s) - case.model.offset, case.model.local_fields(s)
    replica, betas = np.arange(2 * n)[:, None], np.array([beta])
    moved, rejected = np.zeros(n), np.zeros(n)
    for step in range(12):
        before = s[::2].copy()
        cluster_moves(form, s, cache, replica, energy, np.uint64(3), 0, step, strong, betas)
        stayed = (s[::2] == before).all(1)
        moved += ~stayed
        rejected += stayed & (product != 1).any(1) & (product != -1).any(1)
    assert min(moved.mean(), rejected.mean()) > 0.5
    np.testing.assert_allclose(energy, case.model.energy(s) - case.model.offset, atol=1e-11)
    np.testing.assert_allclose(cache, case.model.local_fields(s), atol=1e-11)
    np.testing.assert_array_equal(s[::2] * s[1::2], product)
    assert not (s == start).all()
    assert p_value(s[::2], P) > FALSE_ALARM
    assert p_value(s[1::2], P) > FALSE_ALARM


def test_the_strongest_couplings_of_each_site():
    # Among 0-1 (3), 0-2 (-2), 0-3 (1), 1-2 (1), 2-3 (0): 0-3 is the only coupling of 3 that is not zero.
    model = sl.models.SparseIsing.from_edges(
        [0, 0, 0, 1, 2], [1, 2, 3, 2, 3], [3.0, -2.0, 1.0, 1.0, 0.0], N=4
    )
    strong, share = strong_couplings(model.form())
    assert strong.tolist() == (model.form().data != 0).tolist()
    assert share == pytest.approx(1.0)
    rng, (i, j) = np.random.default_rng(0), np.triu_indices(40, 1)
    J = rng.choice([-1, 1], i.size) / (j - i) ** 2.0
    model = sl.models.SparseIsing.from_edges(i, j, J, 40)
    strong, share = strong_couplings(model.form())
    rows = np.repeat(np.arange(40), np.diff(model.form().indptr))
    pairs = set(zip(rows[strong].tolist(), model.form().indices[strong].tolist(), strict=True))
    neighbours = {(k, k + 1) for k in range(39)} | {(0, 2), (37, 39)}
    assert pairs == neighbours | {pair[::-1] for pair in neighbours}
    squares = np.square(J)
    chosen = np.isin(i * 40 + j, [a * 40 + b for a, b in neighbours])
    assert share == pytest.approx(squares[chosen].sum() / squares.sum())
