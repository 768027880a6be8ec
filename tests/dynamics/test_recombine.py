"""Recombination: the model of the domains, and what comes of two good halves."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from spinlab.dynamics._recombine import Pool, contracted, expanded
from spinlab.models import DenseIsing, SparseIsing


def _model(kind, fields, N=24):
    rng = np.random.default_rng(3)
    J = np.triu(rng.integers(-3, 4, (N, N)) * (rng.random((N, N)) < 0.3), 1)
    b = rng.integers(-2, 3, N) if fields else np.zeros(N)
    return kind(J + J.T, b, offset=7.0)


@pytest.mark.parametrize("kind", [DenseIsing, SparseIsing])
@pytest.mark.parametrize("fields", [False, True])
def test_energies_of_domains(kind, fields):
    model = _model(kind, fields)
    rng = np.random.default_rng(0)
    states = rng.choice([-1, 1], (3, 24)).astype(np.int8)
    small, parts = contracted(model, states)
    # Without fields states are compared up to a flip of all spins.
    patterns = {tuple(column * column[0]) for column in (states if fields else states * states[:, :1]).T}
    assert small.n_spins == len(patterns) if kind is DenseIsing else small.n_spins >= len(patterns)
    s = np.array(list(itertools.product([-1, 1], repeat=small.n_spins)), dtype=np.int8)
    whole = expanded(s, parts)
    difference = model.energy(whole) - small.energy(s)
    np.testing.assert_array_equal(difference, difference[0])
    for state in states:
        assert (whole == state).all(1).any() or (not fields and (whole == -state).all(1).any())


@pytest.mark.parametrize("kind", [DenseIsing, SparseIsing])
def test_two_good_halves_make_a_ground_state(kind):
    # Two ferromagnets of two halves, tied weakly to each other, and states with walls. Where couplings say
    # what hangs together, two of them are enough.
    N = 40
    J = np.zeros((N, N))
    for i in range(N - 1):
        J[i, i + 1] = J[i + 1, i] = 1.0 if i != N // 2 - 1 else -0.1
    model = kind(J)
    lowest = -(N - 2) - 0.1
    quarters = [[1, -1, 1, 1], [1, 1, 1, -1], [1, 1, -1, 1]][: 2 if kind is SparseIsing else 3]
    states = np.repeat(quarters, N // 4, axis=1).astype(np.int8)
    pool = Pool(model, np.random.default_rng(0), 1)
    found, energy = pool.recombine(states, model.energy(states))
    assert energy == pytest.approx([lowest])
    np.testing.assert_array_equal(model.energy(found), energy)
    np.testing.assert_array_equal(found[0], np.repeat([1, -1], N // 2) * found[0, 0])


def test_the_pool_remembers():
    model = _model(DenseIsing, False)
    rng = np.random.default_rng(1)
    pool = Pool(model, rng, 1)
    lowest = np.inf
    for _ in range(3):
        states = rng.choice([-1, 1], (4, 24)).astype(np.int8)
        _, energy = pool.recombine(states, model.energy(states))
        assert energy[0] <= min(lowest, model.energy(states).min())
        lowest = energy[0]
