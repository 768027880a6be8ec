"""Spins that strong couplings bind: the chance that a group is broken, and the phase of the groups."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import spinlab as sl
from spinlab.diagnose import diagnose, report
from spinlab.diagnose.bound import bound_groups
from spinlab.models import DenseIsing, SparseIsing


def groups_of(n_groups, n, strong, rng, weak=1.0):
    """Groups with couplings ``strong`` inside and Gaussian ones outside, gauged, in fields, mixed up."""
    N = n_groups * n
    J = np.kron(np.eye(n_groups), strong * (np.ones((n, n)) - np.eye(n)))
    J = J + np.triu(weak * rng.normal(size=(N, N)) * (J == 0), 1) + 0.0
    J = np.triu(J, 1) + np.triu(J, 1).T
    s, order = rng.choice([-1.0, 1.0], N), rng.permutation(N)
    J = (J * s[:, None] * s)[np.ix_(order, order)]
    return J, rng.normal(size=N), order // n, s[order]


def states(N):
    return np.array(list(itertools.product((-1.0, 1.0), repeat=N)))


@pytest.mark.parametrize(("n_groups", "n", "strong"), [(4, 2, 25.0), (2, 4, 8.0), (3, 3, 14.0)])
@pytest.mark.parametrize("sparse", [False, True])
def test_groups_keep_their_state(n_groups, n, strong, sparse):
    J, b, group, gauge = groups_of(n_groups, n, strong, np.random.default_rng(n))
    model = SparseIsing(J, b) if sparse else DenseIsing(J, b)
    merged = bound_groups(model, 1.0)
    assert type(merged) is type(model)
    assert merged.n_spins == n_groups
    s = states(len(b))
    E = -np.einsum("ki,ij,kj->k", s, J, s) / 2 - s @ b
    p = np.exp(E.min() - E)
    whole = np.array([[len(set(x[group == g])) == 1 for g in range(n_groups)] for x in s * gauge])
    for g in range(n_groups):
        assert p[~whole[:, g]].sum() <= 1e-3 * p.sum()  # the promise, from all 2^N states
    # States without broken groups have the energies of the groups, but for a constant.
    kept = np.sort(E[whole.all(1)])
    t = states(n_groups)
    J2, b2 = np.asarray(merged.couplings()), np.asarray(merged.b)
    of_groups = np.sort(-np.einsum("ki,ij,kj->k", t, J2, t) / 2 - t @ b2)
    np.testing.assert_allclose(kept - kept[0], of_groups - of_groups[0], atol=1e-9)


def test_a_group_needs_couplings_that_beat_the_rest():
    rng = np.random.default_rng(1)
    J, b, *_ = groups_of(4, 2, 25.0, rng)
    assert bound_groups(DenseIsing(J, b), 1.0) is not None
    assert bound_groups(DenseIsing(J, b), 0.1) is None  # too hot
    J, b, *_ = groups_of(4, 2, 3.0, rng)
    assert bound_groups(DenseIsing(J, b), 50.0) is None  # at any temperature, for the others are as strong
    frustrated = np.kron(np.eye(4), 30 * (np.eye(3) - np.ones((3, 3))))  # three states of a triangle
    assert (
        bound_groups(DenseIsing(frustrated + 0.01 * (1 - np.kron(np.eye(4), np.ones((3, 3))))), 1.0) is None
    )


@pytest.mark.parametrize(
    "model",
    [
        sl.ensembles.sk(N=60, rng=0),
        sl.ensembles.edwards_anderson(shape=(6, 6), law="pm1", rng=0),
        sl.ensembles.edwards_anderson(shape=(4, 4, 4), rng=0),
        sl.ensembles.hopfield(N=60, K=2, rng=0),
        sl.ensembles.ra_rbm(V=20, H=30, K=3, rng=0),
        DenseIsing(np.ones((30, 30)) - np.eye(30)),
    ],
)
def test_usual_models_have_none(model):
    assert bound_groups(model, 2.0) is None


def test_the_phase_is_that_of_the_groups(monkeypatch):
    """SK of groups of five at 1.5 T_c: the single spins look frozen."""
    rng = np.random.default_rng(2)
    couplings = np.asarray(sl.ensembles.sk(N=40, rng=3).couplings())
    J = np.kron(couplings, np.ones((5, 5)) / 25) + 4 * np.kron(np.eye(40), np.ones((5, 5)) - np.eye(5))
    s = rng.choice([-1.0, 1.0], 200)
    model = DenseIsing(J * s[:, None] * s)
    found = diagnose(model, beta=1 / 1.5, extras=False, seconds=1)
    assert found.phase.value == "paramagnet"
    assert any("40 groups" in note for note in found.warnings)
    monkeypatch.setattr(report, "bound_groups", lambda model, beta: None)
    alone = diagnose(model, beta=1 / 1.5, extras=False, seconds=0.5)
    assert alone.dynamics == found.dynamics  # of the spins, whichever phase their groups have
