"""Levels and states along a tree against the lists over all states, and of models beyond those."""

from __future__ import annotations

import numpy as np
import pytest

import spinlab as sl
from spinlab import exact
from spinlab.exact.enumeration import spectrum
from spinlab.exact.tree import levels
from spinlab.models import DenseIsing, SparseIsing


@pytest.mark.parametrize("seed", range(40))
def test_levels_and_states_are_those_of_all_states(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 10))
    integer = bool(seed % 2)
    J = np.zeros((n, n))
    for _ in range(int(rng.integers(0, 2 * n))):
        i, j = rng.choice(n, 2, replace=False)
        J[i, j] = J[j, i] = rng.integers(-2, 3) if integer else rng.normal()
    b = (rng.integers(-2, 3, n) if integer else rng.normal(size=n)) * (seed % 3 == 0)
    model = DenseIsing(J * (0.1 if seed % 5 == 4 else 1.0), b.astype(float), offset=0.5)
    k, most = int(rng.integers(1, 6)), int(rng.choice([0, 3, 1000]))
    expected, found = spectrum.lowest_levels(model, k, most), levels.lowest_levels(model, k, most)
    assert len(expected) == len(found)
    for a, b in zip(expected, found, strict=True):
        assert a.energy == pytest.approx(b.energy, rel=0, abs=1e-12)
        assert a.degeneracy == b.degeneracy
        assert len(a.states) == len(b.states)
        if a.complete:
            np.testing.assert_array_equal(a.states, b.states)
        for s in b.states:
            assert model.energy(s) == pytest.approx(b.energy, abs=1e-9)


def test_a_chain_of_300_spins_breaks_one_bond_then_two():
    N = 300
    chain = SparseIsing.from_edges(range(N - 1), range(1, N), np.ones(N - 1), N)
    found = exact.lowest_levels(chain, 3, max_states=4)
    assert [level.energy for level in found] == [-299.0, -297.0, -295.0]
    assert [level.degeneracy for level in found] == [2, 2 * 299, 299 * 298]
    assert [chain.energy(s) for s in found[2].states] == [-295.0] * 4
    assert exact.ground_states(chain).complete
    m = exact.boltzmann_samples(chain, 200, beta=20.0, rng=0)
    assert (np.abs(m.sum(1)) == N).all()
    with pytest.raises(ValueError, match="N=60"):
        exact.ground_states(sl.ensembles.sk(60, rng=0))
