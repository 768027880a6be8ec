"""Descent: its ends against exact lists of minima and of basins."""

from __future__ import annotations

import numpy as np
import pytest
from model_forms import FORMS, make
from naive import all_states, energies

import spinlab as sl
from spinlab.dynamics import descend


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("integer", [False, True])
@pytest.mark.parametrize("order", ["random", "sequential", "steepest"])
def test_no_flip_improves_the_ends(form, integer, order):
    case = make(form, integer, fields=True)
    ends = descend(case.model, 100, order=order, rng=1)
    assert ends.converged.all()
    flips = ends.states[:, None, :] * (1 - 2 * np.eye(7, dtype=np.int8))
    cost = energies(case.J, case.b, case.offset, flips) - ends.energy[:, None]
    assert (cost >= -1e-9).all()
    np.testing.assert_array_equal(ends.strict, (cost > 1e-9).all(1))
    np.testing.assert_allclose(ends.energy, energies(case.J, case.b, case.offset, ends.states), atol=1e-10)
    assert (ends.energy <= energies(case.J, case.b, case.offset, ends.initial) + 1e-10).all()


@pytest.mark.parametrize("law", ["gaussian", "pm1"])
def test_steepest_descent_from_everywhere_gives_the_exact_basins(law):
    model = sl.ensembles.sk(11, law=law, rng=3)
    exact = sl.exact.local_minima(model, strict=False, basins=True)
    ends = descend(model, 2**11, order="steepest", initial=all_states(11))
    found, sizes = np.unique(ends.states, axis=0, return_counts=True)
    assert len(found) == exact.count
    basins = {s.tobytes(): n for s, n in zip(exact.states, exact.basins, strict=True)}
    assert {s.tobytes(): n for s, n in zip(found, sizes, strict=True)} == basins


def test_random_descents_find_every_strict_minimum():
    # The rarest of these minima is met with probability above 1e-3: missing it in 20000 starts, below 1e-8.
    model = sl.ensembles.sk(12, rng=5)
    exact = sl.exact.local_minima(model)
    ends = descend(model, 20_000, rng=0)
    found, counts = np.unique(ends.states, axis=0, return_counts=True)
    assert counts.min() > 20
    assert {s.tobytes() for s in found} == {s.tobytes() for s in exact.states}


def test_strict_descent_leaves_plateaus():
    # A ring with one negative bond has domain walls that move freely; with all bonds positive they meet.
    ring = sl.ensembles.edwards_anderson(shape=(12,), law="pm1", rng=0)
    happy = sl.models.SparseIsing(abs(ring.J))
    weak, strict = (descend(happy, 50, strict=x, max_steps=2000, rng=2) for x in (False, True))
    assert weak.converged.all()
    assert not weak.strict.all()
    assert strict.strict.all()
    assert (abs(strict.states.sum(1)) == 12).all()
    J = np.zeros((12, 12))
    for i in range(12):
        J[i, (i + 1) % 12] = J[(i + 1) % 12, i] = -1.0 if i == 0 else 1.0
    frustrated = descend(J, 5, strict=True, max_steps=50, rng=2)
    assert not frustrated.converged.any()  # this model has no strict minimum
    assert not frustrated.strict.any()


def test_same_bits_for_any_number_of_threads_and_any_company():
    model = sl.ensembles.hopfield(60, 4, rng=1)
    runs = [descend(model, 70, rng=3, threads=n) for n in (1, 2)]
    np.testing.assert_array_equal(runs[0].states, runs[1].states)
    np.testing.assert_array_equal(descend(model, 5, rng=3).states, runs[0].states[:5])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_chains": 0}, "n_chains"),
        ({"order": "up"}, "unknown order"),
        ({"strict": 1}, "strict"),
        ({"strict": True, "order": "steepest"}, "take order='random'"),
        ({"max_steps": 0}, "max_steps"),
        ({"initial": np.zeros(6)}, r"\+1 and -1"),
    ],
)
def test_bad_arguments(change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        descend(sl.ensembles.sk(N=6, rng=0), **change)
