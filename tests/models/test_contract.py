"""What every form of model must do, against couplings written out with loops."""

from __future__ import annotations

import numpy as np
import pytest
from model_forms import FORMS, make
from naive import all_states, energies

from spinlab.models import DenseIsing, SparseIsing, TwoLayerIsing

STATES = all_states(7)


@pytest.fixture(params=FORMS, ids=lambda form: form.__name__)
def form(request):
    return request.param


@pytest.fixture(params=["integer", "real"])
def integer(request):
    return request.param == "integer"


@pytest.fixture(params=["fields", "no fields"])
def fields(request):
    return request.param == "fields"


@pytest.fixture
def case(form, integer, fields):
    return make(form, integer, fields)


def close(x, y, integer):
    if integer:
        np.testing.assert_array_equal(x, y)
    else:
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-12)


def test_energy_of_every_state(case, integer):
    close(case.model.energy(STATES), energies(case.J, case.b, case.offset, STATES), integer)


def test_local_fields_are_energy_differences(case, integer):
    E = energies(case.J, case.b, case.offset, STATES)
    h = case.model.local_fields(STATES)
    for i in range(7):
        flipped = STATES.copy()
        flipped[:, i] *= -1
        close(2 * STATES[:, i] * h[:, i], energies(case.J, case.b, case.offset, flipped) - E, integer)


def test_batch_axes_come_first(case):
    E = case.model.energy(STATES)
    assert np.ndim(case.model.energy(STATES[5])) == 0
    assert case.model.energy(STATES[5]) == pytest.approx(E[5], rel=1e-14)
    assert case.model.energy(STATES[5].tolist()) == case.model.energy(STATES[5])
    batch = STATES[:24].reshape(2, 3, 4, 7)
    np.testing.assert_allclose(case.model.energy(batch), E[:24].reshape(2, 3, 4), rtol=1e-14)
    assert case.model.local_fields(batch).shape == batch.shape
    assert case.model.energy(STATES[:0]).shape == (0,)


def test_states_may_be_any_real_dtype(case):
    for dtype in (np.int8, np.int64, np.float32, np.float64):
        np.testing.assert_array_equal(case.model.energy(STATES.astype(dtype)), case.model.energy(STATES))


def test_sizes_and_fields(case, fields):
    assert case.model.n_spins == 7
    assert case.model.has_fields is fields
    np.testing.assert_array_equal(case.model.b, case.b)


def test_couplings_are_symmetric_without_diagonal(case, integer):
    J = case.model.couplings()
    np.testing.assert_array_equal(J, J.T)
    assert not np.diagonal(J).any()
    close(J, case.J, integer)


def test_other_forms_have_the_same_energies(case, integer):
    E = case.model.energy(STATES)
    dense, sparse = case.model.to_dense(), case.model.to_sparse()
    assert isinstance(dense, DenseIsing)
    assert isinstance(sparse, SparseIsing)
    close(dense.energy(STATES), E, integer)
    close(sparse.energy(STATES), E, integer)
    assert sparse.n_edges == np.count_nonzero(np.triu(case.model.couplings()))


@pytest.mark.parametrize("factor", [0.0, 1.0, -3.0, 0.3])
def test_scaled_multiplies_all_energies(case, factor):
    scaled = case.model.scaled(factor)
    assert type(scaled) is type(case.model)
    E = factor * energies(case.J, case.b, case.offset, STATES)
    np.testing.assert_allclose(scaled.energy(STATES), E, rtol=1e-12, atol=1e-12)


def test_coupling_std_is_over_the_pairs_of_the_form(case):
    values = [case.J[pair] for pair in case.pairs]
    assert case.model.coupling_std() == pytest.approx(np.std(values), rel=1e-12)
    rescaled = case.model.with_std(0.25)
    assert rescaled.coupling_std() == pytest.approx(0.25, rel=1e-12)
    np.testing.assert_allclose(rescaled.couplings(), case.J * 0.25 / np.std(values), rtol=1e-12)


def test_nothing_of_a_model_can_be_changed(case):
    for name in ("b", "J", "W", "xi", "xi_v", "xi_h", "bv", "bh"):
        array = getattr(case.model, name, None)
        if isinstance(array, np.ndarray):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0
    for name in ("offset", "labels", "scale", "V", "H"):
        if hasattr(case.model, name):
            with pytest.raises(AttributeError, match="immutable"):
                setattr(case.model, name, 1)
    case.model.couplings()[:] = 7.0
    case.model.to_sparse().J.data[:] = 7.0
    np.testing.assert_allclose(case.model.couplings(), case.J, rtol=1e-12, atol=1e-12)


def test_form_has_the_sites_in_order(case):
    np.testing.assert_array_equal(case.model.form().b, case.b)


def test_repr_has_the_sizes(case, fields):
    text = repr(case.model)
    assert type(case.model).__name__ in text
    assert ("V=3, H=4" if isinstance(case.model, TwoLayerIsing) else "N=7") in text
    assert ("with fields" in text) is fields


@pytest.mark.parametrize(
    ("states", "error", "message"),
    [
        (np.ones(6), ValueError, "7 spins on the last axis"),
        (np.ones((7, 2)), ValueError, "7 spins on the last axis"),
        (1, ValueError, "7 spins"),
        ([], ValueError, "7 spins"),
        (np.zeros(7), ValueError, "0/1 units are converted"),
        (np.full(7, 2), ValueError, "only \\+1 and -1"),
        (np.full(7, 1.5), ValueError, "only \\+1 and -1"),
        (np.full(7, np.nan), ValueError, "only \\+1 and -1"),
        (np.full(7, np.inf), ValueError, "only \\+1 and -1"),
        (np.full(7, 257), ValueError, "only \\+1 and -1"),
        (np.ones(7, dtype=bool), TypeError, "bool"),
        (np.ones(7, dtype=complex), TypeError, "complex"),
        (["1"] * 7, TypeError, "real numbers"),
        ([None] * 7, TypeError, "object"),
        (None, TypeError, "NoneType"),
        ("1111111", TypeError, "str"),
        (np.ma.masked_array(np.ones(7), np.eye(7)[0]), TypeError, "masked"),
        ([[1] * 7, [1] * 6], ValueError, "regular array"),
    ],
)
def test_bad_states(form, states, error, message):
    model = make(form, True, True).model
    for method in (model.energy, model.local_fields):
        with pytest.raises(error, match=message):
            method(states)


@pytest.mark.parametrize("factor", [np.nan, np.inf, "2", None, 1j, True, [2.0], np.ones(1), 10**400, 1e200])
def test_bad_factors(form, factor):
    model = make(form, False, True).model
    with pytest.raises((ValueError, TypeError), match=r"factor|1e150"):
        model.scaled(factor)


def test_bad_std(form):
    model = make(form, False, True).model
    for std, error in ((-1.0, ValueError), (np.nan, ValueError), ("1", TypeError), (None, TypeError)):
        with pytest.raises(error, match="std"):
            model.with_std(std)
    assert model.with_std(0).coupling_std() == 0.0
