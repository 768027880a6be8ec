"""A package on sys.path whose ensembles, methods and studies are found by name, and what others get wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import spinlab as sl
from spinlab import studies
from spinlab._core import plugins
from spinlab.cli import main

MODULE = '''
"""Their study of nothing.

Claim: none.
"""
import numpy as np
from spinlab import exact, models

def ring(N, *, rng=None):
    """A ring with random signs."""
    J = np.zeros((N, N))
    i = np.arange(N)
    J[i, (i + 1) % N] = J[(i + 1) % N, i] = np.random.default_rng(rng).choice([-1.0, 1.0], N)
    return models.DenseIsing(J)

class guess:
    NAME = "guess"

    @staticmethod
    def refusal(model, task="ground_state"):
        return "guess takes three spins" if model.n_spins != 3 or task != "ground_state" else None

    @staticmethod
    def cost(model, task="ground_state"):
        return exact.Cost(seconds=1e-9, bytes=1.0)

    @staticmethod
    def ground_state(model, *, degeneracy=False, threads=None):
        s = np.ones(3, dtype=np.int8)
        return exact.GroundState(
            energy=float(model.energy(s)), state=s, method="guess", certified=False, lower_bound=-9.0,
            seconds=0.0,
        )

def main(preset, out, workers=None, progress=True):
    from spinlab.studies import Output
    output = Output(out)
    output.verdict("# Nothing was found\\n", {})
    return output

def cost():
    pass
'''
ENTRIES = """
[spinlab.ensembles]
their_ring = their_spins:ring
sk = their_spins:ring
broken = their_spins:absent

[spinlab.methods]
guess = their_spins:guess
half = their_spins:cost

[spinlab.studies]
their_study = their_spins
"""


def install(folder: Path, package: str, entries: str) -> None:
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entries)


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "their_spins.py").write_text(MODULE)
    install(tmp_path, "their-spins", ENTRIES)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("their_spins", None)


def test_an_ensemble_is_an_attribute_and_a_name_of_the_command_line(theirs, monkeypatch, capsys) -> None:
    model = sl.ensembles.their_ring(N=5, rng=0)
    assert model.n_spins == 5
    monkeypatch.chdir(theirs)
    assert main(["info"]) == 0
    assert "their_ring" in capsys.readouterr().out
    with pytest.raises(ValueError, match="their_ring"):
        plugins.check("no_ring", "ensemble", sl.ensembles.__all__)


def test_a_method_is_taken_by_name_alone(theirs) -> None:
    triangle = np.array([[0, 1, 1], [1, 0, -1], [1, -1, 0]])
    assert sl.ground_state(triangle, "guess").method == "guess"
    assert sl.ground_state(triangle).method != "guess"  # however cheap it says it is
    rows = {row.method: row for row in sl.explain(triangle).rows}
    assert rows["guess"].seconds == 1e-9
    with pytest.raises(ValueError, match="three spins"):
        sl.ground_state(np.ones((4, 4)) - np.eye(4), "guess")
    with pytest.raises(ValueError, match="three spins"):
        sl.log_partition(triangle, 1.0, method="guess")


def test_a_study_is_listed_and_runs(theirs, monkeypatch, capsys) -> None:
    monkeypatch.chdir(theirs)
    assert "their_study" in studies.names()
    assert main(["study", "--list"]) == 0
    assert "Their study of nothing." in capsys.readouterr().out
    assert main(["study", "their_study", "--out", "found"]) == 0
    assert "Nothing was found" in (theirs / "found" / "verdict.md").read_text()


def test_our_own_names_come_first(theirs) -> None:
    assert sl.ensembles.sk.__module__.startswith("spinlab.")
    assert plugins.names("ensemble", sl.ensembles.__all__).count("sk") == 1


def test_what_cannot_be_loaded_names_its_package(theirs) -> None:
    with pytest.raises(ValueError, match=r"'broken' of the package their-spins cannot be loaded.*absent"):
        _ = sl.ensembles.broken
    with pytest.raises(
        TypeError, match="'half' of the package their-spins lacks refusal, cost, ground_state"
    ):
        sl.ground_state(np.zeros((3, 3)), "half")


def test_explain_does_not_break_with_a_broken_method(theirs) -> None:
    rows = {row.method: row for row in sl.explain(np.zeros((3, 3))).rows}
    assert "lacks" in rows["half"].refusal


def test_two_packages_with_one_name_are_refused(theirs) -> None:
    install(theirs, "others", "[spinlab.ensembles]\ntheir_ring = others:ring\n")
    with pytest.raises(ValueError, match=r"others and their-spins both offer the ensemble 'their_ring'"):
        _ = sl.ensembles.their_ring


def test_own_names_do_not_look_around(monkeypatch) -> None:
    def fail(kind):
        raise AssertionError("entry points were read")

    monkeypatch.setattr(plugins, "_entry_points", fail)
    model = sl.ensembles.mattis(N=4, rng=0)
    assert sl.ground_state(model, "enumeration").certified
    assert studies.load("fig1").main
    with pytest.raises(AssertionError, match="were read"):
        _ = sl.ensembles.unknown


def test_unknown_names_stay_errors(theirs) -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = sl.ensembles.nothing
    with pytest.raises(ValueError, match=r"unknown method 'nothing'.*guess"):
        sl.ground_state(np.zeros((3, 3)), "nothing")
    with pytest.raises(ValueError, match=r"unknown study 'nothing'.*their_study"):
        studies.load("nothing")
    assert not hasattr(sl.ensembles, "__wrapped__")
