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
    with pytest.raises(ValueError, match=r"N=60 spins, about .* days .*on narrow graphs of any size"):
        exact.ground_states(sl.ensembles.sk(60, rng=0))


def broken_bonds(sizes, most):
    """Number of sets of bonds whose sizes add up to 0, 1 .. most - 1: coefficients of prod (1 + z^size)."""
    counts = [1] + [0] * (most - 1)
    for size in sizes:
        counts = [n + (counts[e - size] if e >= size else 0) for e, n in enumerate(counts)]
    return counts


def ladder_levels(rungs, most):
    """Of a ferromagnetic ladder, how many states have 0, 1 .. most - 1 broken bonds, by transfer matrix."""
    rows = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
    broken = {r: [int(e == (r[0] != r[1])) for e in range(most)] for r in rows}
    for _ in range(rungs - 1):
        last, broken = broken, {r: [0] * most for r in rows}
        for r in rows:
            for q in rows:
                cost = (r[0] != q[0]) + (r[1] != q[1]) + (r[0] != r[1])
                for e in range(cost, most):
                    broken[r][e] += last[q][e - cost]
    return [sum(broken[r][e] for r in rows) for e in range(most)]


def random_tree(N, rng):
    # Every spin hangs on one of the last 20: long, and with branches.
    i = np.array([int(rng.integers(max(0, k - 20), k)) for k in range(1, N)])
    order = rng.permutation(N)
    sizes = rng.integers(1, 4, N - 1)
    return order[i], order[1:N], sizes * rng.choice([-1.0, 1.0], N - 1), sizes


def large_models():
    """Field-free models beyond all lists, the energy of a broken bond of size 1, and counts by excitation."""
    rng = np.random.default_rng(0)
    N = 1500
    site = rng.permutation(N)
    chain = SparseIsing.from_edges(site[:-1], site[1:], np.ones(N - 1), N)
    yield "chain", chain, broken_bonds([1] * (N - 1), 4), 1
    i, j, J, sizes = random_tree(800, rng)
    yield "tree", SparseIsing.from_edges(i, j, J, 800), broken_bonds(sizes.tolist(), 5), 1
    # A tree, a chain and five isolated spins: 2^7 states for each set of broken bonds.
    k = np.arange(99)
    i, j, J = np.append(i, 800 + k), np.append(j, 801 + k), np.append(J, np.full(99, 2.0))
    counts = broken_bonds([*sizes.tolist(), *[2] * 99], 4)
    yield "forest", SparseIsing.from_edges(i, j, J, 905), counts, 2**6
    k, rungs = np.arange(399), 2 * np.arange(400)
    i, j = np.concatenate([2 * k, 2 * k + 1, rungs]), np.concatenate([2 * k + 2, 2 * k + 3, rungs + 1])
    counts = [n // 2 for n in ladder_levels(400, 6)]
    yield "ladder", SparseIsing.from_edges(i, j, np.ones(len(i)), 800), counts, 1


@pytest.mark.parametrize(
    ("model", "counts", "copies"),
    [pytest.param(*case, id=name) for name, *case in large_models()],
)
def test_excited_states_of_large_models_without_fields(model, counts, copies):
    # A spin pinned to +1 to list each pair once used to be found out of reach after the spins before it were
    # chosen, again and again: a time of N^3, for these sizes of hours.
    size = np.abs(model.edges()[2]).sum()
    expected = [(2 * e - size, 2 * n * copies) for e, n in enumerate(counts) if n]
    found = exact.lowest_levels(model, len(expected), max_states=600)
    assert [(level.energy, level.degeneracy) for level in found] == expected
    for level in found:
        assert len(np.unique(level.states, axis=0)) == len(level.states) == min(600, level.degeneracy)
        assert (model.energy(level.states) == level.energy).all()
        np.testing.assert_array_equal(level.states[1::2], -level.states[::2])
        assert (level.states[::2, 0] == 1).all()


def test_free_spins_have_one_level():
    (level,) = exact.lowest_levels(SparseIsing.from_edges([], [], [], 300), 2, max_states=50)
    assert (level.energy, level.degeneracy) == (0.0, 2**300)
    assert len(np.unique(level.states, axis=0)) == 50
