"""Odd arguments to public functions: a finite answer, or a ValueError or TypeError with a message."""

from __future__ import annotations

import dataclasses
import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import spinlab as sl

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 6),
    st.sampled_from([10**6, 2**40, 2**64, -(2**70)]),
    st.floats(),
    st.text(max_size=3),
    st.sampled_from(["mean", "min", "random", "pm1", "auto", "layer"]),
    st.complex_numbers(),
    st.lists(st.floats(-2, 2), max_size=3),
    st.lists(st.sampled_from([-1, 1]), min_size=1, max_size=9),
    st.builds(np.array, st.lists(st.integers(-2, 2), max_size=4)),
    st.just(object()),
    st.just({}),
    st.just(b"bytes"),
    st.just(np.float32(0.5)),
    st.just(np.ma.masked_array([1, 2], [True, False])),
)

MODELS = {
    "dense": sl.ensembles.sk(N=6, field_std=0.4, rng=0),
    "sparse": sl.ensembles.edwards_anderson(shape=(3, 3), rng=0),
    "pattern": sl.ensembles.hopfield(N=6, K=2, rng=0),
    "rbm": sl.ensembles.rbm_gaussian(V=3, H=4, rng=0),
    "ra_rbm": sl.ensembles.ra_rbm(V=3, H=4, K=2, rng=0),
}

FUNCTIONS = {
    "ground_state": (sl.ground_state, {}),
    "log_partition": (sl.log_partition, {}),
    "mean_energy": (sl.mean_energy, {}),
    "gibbs": (sl.dynamics.gibbs, {"n_steps": 2, "n_chains": 2}),
    "block_gibbs": (sl.dynamics.block_gibbs, {"n_steps": 2, "n_chains": 2}),
    "gibbs_accessibility": (sl.observables.gibbs_accessibility, {"n_steps": 2, "n_chains": 2}),
    "random_start_energy": (sl.observables.random_start_energy, {}),
}
# Arguments that ask for work in proportion to their size: a huge one is legal and slow.
WORK = {"n_steps", "n_chains", "n_samples", "threads", "N", "V", "H", "K", "shape"}


def check(call):
    try:
        result = call()
    except (ValueError, TypeError) as error:
        message = str(error)
    else:
        message = "an answer, whose numbers are finite"
        for number in numbers(result):
            assert np.isfinite(number).all()
    assert len(message) > 8


def numbers(result):
    if dataclasses.is_dataclass(result):
        for field in dataclasses.fields(result):
            yield from numbers(getattr(result, field.name))
    elif isinstance(result, int | float | np.ndarray) and np.asarray(result).dtype.kind in "iuf":
        yield result


def draw_argument(data, parameters):
    name = data.draw(st.sampled_from(sorted(parameters)), label="argument")
    value = data.draw(ODD, label="value")
    if name in WORK and isinstance(value, int) and value > 1000:
        value = -value
    return name, value


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=120, deadline=None, derandomize=True)
@given(data=st.data())
def test_functions_of_a_model(name, data):
    function, usual = FUNCTIONS[name]
    parameters = [
        p.name for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD
    ]
    model = MODELS[data.draw(st.sampled_from(sorted(MODELS)), label="model")]
    arguments = {"model": model} | usual
    for _ in range(data.draw(st.integers(1, 2))):
        argument, value = draw_argument(data, parameters)
        arguments[argument] = value
    check(lambda: function(**arguments))


@pytest.mark.parametrize("name", sl.ensembles.__all__)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_ensembles(name, data):
    function = getattr(sl.ensembles, name)
    parameters = inspect.signature(function).parameters
    sizes = {"N": 5, "V": 3, "H": 4, "K": 2, "shape": (3, 3)}
    arguments = {size: value for size, value in sizes.items() if size in parameters}
    argument, value = draw_argument(data, parameters)
    arguments[argument] = value

    def call():
        model = function(**arguments)
        return np.append(model.couplings().ravel(), model.b)

    check(call)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(data=st.data())
def test_methods_of_models(data):
    model = MODELS[data.draw(st.sampled_from(sorted(MODELS)))]
    method = data.draw(st.sampled_from(["energy", "local_fields", "scaled", "with_std"]))
    value = data.draw(ODD)

    def call():
        result = getattr(model, method)(value)
        return result.couplings() if isinstance(result, sl.models.IsingModel) else result

    check(call)
