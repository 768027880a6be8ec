"""Every public function with hostile arguments: finite results that numpy confirms, ValueError, TypeError."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from fuzzing import UNKNOWN, attempt, call, is_documented, is_function, numbers, public, spoil, usual

TARGETS = {name: thing for name, thing in sorted(public().items()) if is_function(thing)}

# These need files or data that are not there: the usual call ends in a named error.
WITHOUT_DATA = {
    "datasets.mnist",
    "exact.load_certificate",
    "rbm.load",
    "rbm.load_checkpoint",
    "rbm.load_hdf5",
    "rbm.load_safetensors",
    "sweeps.Store",
}


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    yield
    import matplotlib.pyplot

    matplotlib.pyplot.close("all")


def test_there_are_no_fewer_targets():
    assert len(TARGETS) >= 200


@pytest.mark.parametrize("name", TARGETS)
def test_usual_arguments_work(name):
    """Else hostile ones would be refused for the wrong reason."""
    function = TARGETS[name]
    arguments = usual(name, function)
    unknown = [parameter for parameter, value in arguments.items() if value is UNKNOWN]
    if unknown:
        pytest.skip(f"tests/helpers/fuzzing.py has no usual value for {', '.join(unknown)}")
    if name in WITHOUT_DATA:
        with pytest.raises(FileNotFoundError):
            call(function, arguments)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        result = call(function, arguments)
    for where, array in numbers(result):
        assert is_documented(name, where) or np.isfinite(array).all(), where


def campaign(seed, calls):
    """Names of the functions that did anything else, with what it was and the arguments."""
    rng = np.random.default_rng(seed)
    names = list(TARGETS)
    wrong = []
    for _ in range(calls):
        name = names[rng.integers(len(names))]
        arguments, changed = spoil(name, TARGETS[name], rng)
        try:
            attempt(name, TARGETS[name], arguments)
        except Exception as error:
            shown = {parameter: repr(arguments[parameter])[:100] for parameter in changed}
            wrong.append(f"{name} {shown}: {type(error).__name__} {str(error)[:200]}")
    return wrong


@pytest.mark.parametrize("seed", range(10))
def test_hostile_arguments(seed):
    assert campaign(seed, 100) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1020))
def test_very_many_hostile_arguments(seed):
    assert campaign(seed, 5000) == []
