"""What every ensemble must do; the registry ``ensembles.__all__`` is the list of cases."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinlab import ensembles
from spinlab.models import IsingModel

# Small values for the arguments without a default.
SIZES = {"N": 12, "K": 3, "V": 5, "H": 7}


@pytest.fixture(params=ensembles.__all__)
def ensemble(request):
    return getattr(ensembles, request.param)


def parameters(ensemble):
    return inspect.signature(ensemble).parameters


def sizes(ensemble):
    """Small arguments for any ensemble."""
    if "shape" in parameters(ensemble):
        return {"shape": (3, 4)}
    return {name: SIZES[name] for name, p in parameters(ensemble).items() if p.default is p.empty}


def bits(model):
    return [np.asarray(x).tobytes() for x in model.form()]


def test_signature(ensemble):
    names = list(parameters(ensemble))
    assert names[-1] == "rng"
    assert parameters(ensemble)["rng"].default is None
    for name, p in parameters(ensemble).items():
        assert p.kind is (p.KEYWORD_ONLY if name not in (*SIZES, "graph") else p.POSITIONAL_OR_KEYWORD)
    for section in ("Parameters", "Returns", "Examples"):
        assert f"{section}\n" in ensemble.__doc__


def test_a_model_with_symmetric_couplings(ensemble):
    model = ensemble(**sizes(ensemble), rng=0)
    assert isinstance(model, IsingModel)
    J = model.couplings()
    np.testing.assert_array_equal(J, J.T)
    np.testing.assert_array_equal(np.diagonal(J), 0.0)
    assert J.any()
    assert np.isfinite(model.energy(np.ones(model.n_spins)))
    assert model.offset == 0.0


def test_same_seed_same_bits(ensemble):
    kwargs = sizes(ensemble)
    model = ensemble(**kwargs, rng=7)
    assert bits(ensemble(**kwargs, rng=7)) == bits(model)
    assert bits(ensemble(**kwargs, rng=np.random.default_rng(7))) == bits(model)
    assert bits(ensemble(**kwargs, rng=np.random.SeedSequence(7))) == bits(model)
    assert bits(ensemble(**kwargs, rng=8)) != bits(model)


def test_a_generator_advances(ensemble):
    rng = np.random.default_rng(7)
    first, second = ensemble(**sizes(ensemble), rng=rng), ensemble(**sizes(ensemble), rng=rng)
    assert bits(first) != bits(second)


def test_no_seed_means_a_fresh_draw(ensemble):
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the global state must stay untouched
    assert bits(ensemble(**sizes(ensemble))) != bits(ensemble(**sizes(ensemble)))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_fields_leave_the_couplings_alone(ensemble):
    if "field_std" not in parameters(ensemble):
        pytest.skip("an ensemble without fields")
    kwargs = sizes(ensemble)
    plain, fields = ensemble(**kwargs, rng=3), ensemble(**kwargs, field_std=2.0, rng=3)
    assert not plain.has_fields
    np.testing.assert_array_equal(plain.couplings(), fields.couplings())
    np.testing.assert_array_equal(ensemble(**kwargs, field_std=4.0, rng=3).b, 2 * fields.b)
    # variance of n fields of variance 4, 5 sigma: false alarm 6e-7
    b = np.concatenate([ensemble(**kwargs, field_std=2.0, rng=seed).b for seed in range(200)])
    assert abs((b**2).mean() / 4 - 1) < 5 * np.sqrt(2 / len(b))
    assert abs(b.mean() / 2) < 5 / np.sqrt(len(b))
    for bad in (-1.0, np.nan, np.inf, "1", None, 1j, True):
        with pytest.raises((ValueError, TypeError), match="field_std"):
            ensemble(**kwargs, field_std=bad)


@pytest.mark.parametrize("rng", [-1, "seed", 1.5, object(), [1, -2]])
def test_bad_rng(ensemble, rng):
    with pytest.raises((ValueError, TypeError), match="rng must be"):
        ensemble(**sizes(ensemble), rng=rng)


@pytest.mark.parametrize("size", [0, -1, 2.0, 2.5, "3", None, True, [3], 2**63, 10**400])
def test_bad_sizes(ensemble, size):
    for name in sizes(ensemble):
        bad = (3, size) if name == "shape" else size
        with pytest.raises((ValueError, TypeError), match=name):
            ensemble(**sizes(ensemble) | {name: bad}, rng=0)


@pytest.mark.parametrize("size", [10**12, 2**63 - 1])
def test_sizes_beyond_memory(ensemble, size):
    for name in sizes(ensemble):
        big = (3, size) if name == "shape" else size
        with pytest.raises(ValueError, match=r"needs about .* GiB of memory, this machine has"):
            ensemble(**sizes(ensemble) | {name: big}, rng=0)


def test_smallest_sizes(ensemble):
    smallest = {"shape": (3,)} if "shape" in sizes(ensemble) else dict.fromkeys(sizes(ensemble), 1)
    try:
        model = ensemble(**smallest, rng=0)
    except ValueError as error:
        if "must be at least" not in str(error):
            raise
    else:
        assert np.isfinite(model.couplings()).all()


def test_numpy_integers_are_sizes(ensemble):
    given = {name: np.int16(x) if name != "shape" else x for name, x in sizes(ensemble).items()}
    assert bits(ensemble(**given, rng=0)) == bits(ensemble(**sizes(ensemble), rng=0))


ANYTHING = st.recursive(
    st.integers(-3, 9) | st.floats() | st.text(max_size=3) | st.none() | st.booleans(),
    lambda x: st.lists(x, max_size=3) | st.tuples(x, x),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data(), name=st.sampled_from(ensembles.__all__))
def test_any_argument_is_refused_clearly_or_works(data, name):
    ensemble = getattr(ensembles, name)
    kwargs = {p: data.draw(ANYTHING, label=p) for p in parameters(ensemble) if p != "rng"}
    if data.draw(st.booleans()):
        kwargs = sizes(ensemble) | {data.draw(st.sampled_from(list(kwargs))): data.draw(ANYTHING)}
    try:
        model = ensemble(**kwargs, rng=0)
    except (ValueError, TypeError) as error:
        if not str(error):
            raise
    else:
        assert np.isfinite(model.couplings()).all()
        assert np.isfinite(model.b).all()
