"""Truths of the validation by other codes, and what a report finds beside them."""

from __future__ import annotations

import itertools
import math
import sys
from pathlib import Path

import numpy as np
import pytest

import spinlab as sl
from spinlab.diagnose import diagnose, read_model

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import second_code
import unseen_families


def test_enumeration_of_the_second_code():
    rng = np.random.default_rng(0)
    J = np.triu(rng.normal(size=(5, 5)), 1)
    J, b = J + J.T, rng.normal(size=5)
    Z = energy = 0.0
    C = np.zeros((5, 5))
    for s in itertools.product((-1, 1), repeat=5):
        E = -sum(J[i, j] * s[i] * s[j] for i in range(5) for j in range(i)) - b @ s
        w = math.exp(-0.7 * E)
        Z, energy, C = Z + w, energy + w * E, C + w * np.outer(s, s)
    found = second_code.exact(J, b, 0.7)
    assert found == pytest.approx((energy / Z, ((C / Z) ** 2).sum() / 25))


@pytest.mark.parametrize(
    ("model", "T"),
    [
        (sl.ensembles.sk(16, rng=0), 0.5),
        (sl.ensembles.sk(14, field_std=0.3, rng=1), 0.4),
        (sl.ensembles.edwards_anderson(shape=(4, 4), law="pm1", rng=0), 1.0),
        (sl.ensembles.hopfield(18, 2, rng=0), 0.6),
        (sl.ensembles.rbm_gaussian(6, 10, rng=0), 6.0),
    ],
)
def test_small_reports_agree_with_all_states(model, T):
    J, b = np.array(model.couplings()), np.array(model.b)
    energy, q2 = second_code.exact(J, b, 1 / T)
    found = diagnose(model, beta=1 / T, extras=False, threads=1)
    assert found.evidence["equilibrium"]["converged"]
    # Standard errors below .15 T and .02 (10 seeds each): five of them.
    assert found.evidence["chains"]["tempered_energy"] * T == pytest.approx(energy, abs=0.75 * T)
    assert found.evidence["equilibrium"]["q2"] == pytest.approx(q2, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("field", [0.0, 0.4])
def test_long_runs_of_the_second_code(field):
    model = sl.ensembles.sk(12, field_std=field, rng=3)
    J, b = np.array(model.couplings()), np.array(model.b)
    found = second_code.long_run(J, b, 2.0, 20_000, 0)
    energy, q2 = second_code.exact(J, b, 2.0)
    assert found["agree"]
    assert abs(found["energy"] - energy) < 5 * found["energy_error"] + 1e-9
    assert abs(found["q2"] - q2) < 5 * found["q2_error"] + 1e-9


def test_machines_of_scikit_learn():
    pytest.importorskip("sklearn")
    import other_machines

    model = sl.rbm.from_sklearn(other_machines.trained(8, 2)).as_ising()
    theirs = read_model(other_machines.trained(8, 2))
    np.testing.assert_allclose(theirs.weights(), model.weights())
    np.testing.assert_allclose(theirs.b, model.b)
    W, bv, bh = model.weights(), np.asarray(model.bv), np.asarray(model.bh)
    for T in (1.0, 8.0):
        square, energy = other_machines.connected(W, bv, bh, 1 / T)
        found = diagnose(model, beta=1 / T, extras=False, threads=1, seconds=1.0)
        # Error of the mean of 8 ladders: sigma(beta E)/sqrt(8) at worst, sigma about 3 here; five of them.
        assert found.evidence["chains"]["tempered_energy"] == pytest.approx(energy / T, abs=5)
        if square * model.n_spins ** (2 / 3) < 0.5:
            assert found.phase.value in ("paramagnet", "undecided")
    flat, _ = other_machines.connected(0 * W, bv, bh, 1.0)
    m = np.tanh(np.concatenate([bv, bh]))
    assert flat == pytest.approx(((1 - m**2) ** 2).sum() / model.n_spins**2)


@pytest.mark.parametrize(
    ("family", "name", "T"),
    [
        ("cardinality penalty", "N=60 k=1", 5.0),  # fields make overlaps, and break nothing
        ("hierarchical chain", "N=128", 0.4 / 1.17903),  # order among couplings of very different size
        ("pyrochlore antiferromagnet", "L=2", 0.7),  # too small for a dimension, but full of triangles
        ("diamond lattices", "g=5", 0.7 * 1.641),  # order in a state sat on hubs
        ("long range chains", "sigma=0.85 N=128", 0.7 * 0.49),  # falls too slowly for a line
    ],
)
def test_what_unseen_families_taught(family, name, T):
    cases = enumerate(unseen_families.cases())
    k, case = next((k, c) for k, c in cases if c[:2] == (family, name) and abs(c.T - T) < 1e-9)
    report = diagnose(case.make(np.random.default_rng([1, k])), beta=1 / T, extras=False, threads=1)
    assert report.phase.value == case.truth


def test_the_unseen_families_are_what_they_say():
    kagome, pyrochlore = unseen_families.kagome(6), unseen_families.pyrochlore(3)
    for model, degree, triangles in ((kagome, 4, 72), (pyrochlore, 6, 216)):
        A = -np.array(model.couplings())
        assert set(A.sum(0)) == {degree}
        assert np.trace(A @ A @ A) / 6 == triangles
    assert len(unseen_families.UNSEEN) == 15
    assert unseen_families.crossing(lambda T: 2.5 / T) == pytest.approx(2.5)
    # Plaquettes of the square lattice: all frustrated.
    cases = [c for c in unseen_families.cases() if c.name == "odd L=12"]
    J = np.array(cases[0].make(np.random.default_rng(0)).couplings())
    site = np.arange(144).reshape(12, 12)
    a, b, c, d = site, np.roll(site, -1, 0), np.roll(site, (-1, -1), (0, 1)), np.roll(site, -1, 1)
    assert (J[a, b] * J[b, c] * J[c, d] * J[d, a] == -1).all()
