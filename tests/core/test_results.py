"""What results show: short texts, tables, JSON."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json

import numpy as np
import pytest

import spinlab as sl
from spinlab._core.results import LONGEST, Result, plain_data, summary

# Dataclasses in a package's __all__ that are settings or objects of their own and no answers.
NO_RESULTS = {"Certificate", "Cost", "Geometric", "Linear"}


def result_types():
    packages = ("exact", "dynamics", "observables", "rbm", "diagnose", "datasets", "solve")
    for package in packages:
        module = importlib.import_module(f"spinlab.{package}")
        for name in getattr(module, "__all__", ("Explanation", "Estimate")):
            kind = getattr(module, name)
            if inspect.isclass(kind) and dataclasses.is_dataclass(kind) and name not in NO_RESULTS:
                yield kind


TYPES = list(result_types())


def filled(kind):
    """An instance with long arrays, texts, lists, dictionaries and numbers in turn."""
    values = (
        np.linspace(-1.0, 1.0, 10_000).reshape(100, 100),
        "a text of the usual kind " * 40,
        tuple(range(1000)),
        {"a name": 1.0, "another": list(range(1000))},
        np.float64(-1.2345678901234567e-300),
        [np.zeros(1000)] * 100,
        None,
    )
    names = [field.name for field in dataclasses.fields(kind)]
    result = object.__new__(kind)
    for i, name in enumerate(names):
        object.__setattr__(result, name, values[i % len(values)])
    return result


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_result_is_short(kind):
    assert issubclass(kind, Result)
    assert dataclasses.fields(kind)
    if "__str__" in vars(kind) or "__repr__" in vars(kind):
        assert kind.__name__ in OWN  # and long below
        return
    result = filled(kind)
    assert len(repr(result)) <= LONGEST
    assert len(str(result)) <= LONGEST
    assert repr(result).startswith(kind.__name__ + "(")
    table = result._repr_html_()
    assert all(field.name in table for field in dataclasses.fields(kind))
    data = json.loads(result.to_json())
    assert list(data) == [field.name for field in dataclasses.fields(kind)]


def a_report(reasons=("because of this " * 9,) * 9):
    verdict = sl.diagnose.Verdict("spin glass", 0.5, {f"value {i}": 0.1 for i in range(9)}, reasons)
    evidence = {f"section {i}": {"numbers": list(range(1000))} for i in range(9)}
    inner = sl.diagnose.Report(verdict, verdict, verdict, {}, (), None, None, 1.0)
    part = sl.diagnose.Part(tuple(range(1000)), inner)
    return sl.diagnose.Report(
        verdict, verdict, verdict, evidence, ("a note " * 40,) * 30, None, None, 1.0, (part,) * 99
    )


def an_explanation():
    rows = [sl.solve.Estimate(f"method_{i}", None, None, "the reason " * 30) for i in range(40)]
    return sl.solve.Explanation("<Model: " + "x" * 1000, tuple(rows))


# What has a text of its own, filled with more than it will ever have to show.
OWN = {
    "Report": a_report,
    "Explanation": an_explanation,
    "Estimate": lambda: sl.observables.Estimate(np.zeros((100, 100)), np.zeros((100, 100)), 10**9),
    "Dataset": lambda: sl.datasets.Dataset(
        "d" * 1000, np.ones((900, 784), np.int8), np.ones((100, 784), np.int8), (28, 28)
    ),
}


def objects():
    """Objects that are no dataclasses of results, large."""
    machine = sl.rbm.DBM([4] * 30, rng=0)
    trainer = sl.rbm.Trainer(sl.rbm.RARBM(200, 300, K=9, rng=0), sl.rbm.Tempering(betas=400), rng=0)
    trainer.history.record(1, {f"a long name of a value {i}": 1.0 for i in range(99)})

    def point(rng, **axes):
        return {}

    yield machine
    yield trainer
    yield trainer.history
    yield trainer.negative
    yield sl.sweeps.Sweep(point, axes={f"a_long_name_of_an_axis_{i}": [1] for i in range(40)})
    yield sl.ensembles.sk(N=500, rng=0)
    yield sl.models.SparseIsing.from_edges(
        range(999), range(1, 1000), [1.0] * 999, 1000, labels=["x" * 99 + str(i) for i in range(1000)]
    )


@pytest.mark.parametrize("name", OWN)
def test_texts_of_their_own_are_short(name):
    result = OWN[name]()
    assert type(result).__name__ == name
    assert 0 < len(repr(result)) <= LONGEST
    assert 0 < len(str(result)) <= LONGEST


def test_objects_are_short():
    for thing in objects():
        assert 0 < len(repr(thing)) <= LONGEST, type(thing)
        assert len(str(thing)) <= LONGEST


def test_the_long_texts_are_complete():
    report, table = a_report(), an_explanation()
    assert "spin glass" in str(report)
    assert report.text().count("note: ") == 30
    assert " ".join(report.text().split()).count("because of this") == 3 * 81
    assert "text() has all" in str(table)
    assert table.text().count("the reason") == 40 * 30
    small = sl.explain(sl.ensembles.sk(N=10, rng=0))
    assert all(row.method in str(small) for row in small.rows)
    assert "text()" not in str(small)


def test_there_are_results_at_all():
    assert len(TYPES) > 30


def test_a_ground_state_in_all_its_dresses():
    model = sl.ensembles.sk(N=12, rng=0)
    gs = sl.ground_state(model, degeneracy=True)
    assert repr(gs).startswith(f"GroundState(energy={gs.energy!r}, state=<int8 (12,)>, method='enumeration'")
    assert "".join("+" if spin > 0 else "-" for spin in gs.state) in str(gs)
    data = json.loads(gs.to_json())
    assert data["state"] == gs.state.tolist()
    assert data["energy"] == gs.energy
    assert data["degeneracy"] == 2
    assert data["certificate"] is None


def test_reports_and_tables():
    report = sl.diagnose.diagnose(sl.ensembles.sk(N=10, rng=0), rng=0)
    assert len(repr(report)) <= LONGEST
    assert report.phase.value in repr(report)
    assert report._repr_html_().startswith("<pre>")
    assert json.loads(report.to_json())["phase"]["value"] == report.phase.value
    table = sl.explain(sl.ensembles.sk(N=10, rng=0))
    assert len(repr(table)) <= LONGEST
    rows = json.loads(table.to_json())["rows"]
    assert {row["method"] for row in rows} == set(sl.exact.METHODS)


def test_a_line_of_its_own_is_the_text_too():
    bars = sl.datasets.bars(4)
    assert str(bars) == repr(bars) == "<Dataset bars: 10 train, 4 test, 4x4 pixels>"


def test_json_knows_no_infinity():
    assert plain_data({"x": np.array([1.0, np.inf, np.nan]), 3: (np.int64(2), float("-inf"))}) == {
        "x": [1.0, None, None],
        "3": [2, None],
    }


def test_html_is_escaped():
    @dataclasses.dataclass(frozen=True, repr=False)
    class Odd(Result):
        name: str

    assert "<b>" not in Odd("<b>")._repr_html_()
    assert "&lt;b&gt;" in Odd("<b>")._repr_html_()


def test_summaries():
    assert summary(np.array([1.0, 2.5])) == "[1, 2.5]"
    assert summary(np.arange(6).reshape(2, 3), in_full=True) == "<int64 (2, 3), 0 to 5>"
    assert summary(np.full(9, np.nan), in_full=True) == "<float64 (9,), nothing finite>"
    assert summary(np.float64(0.1)) == "0.1"
    assert len(summary("x" * 1000)) == 60


def test_chains_in_arvizs_order():
    model = sl.ensembles.sk(N=5, rng=0)
    chains = sl.dynamics.gibbs(model, 12, 3, record_every=4, rng=1)
    data = chains.to_xarray()
    assert data["state"].dims == ("chain", "draw", "spin")
    for chain in range(3):
        for draw in range(3):
            np.testing.assert_array_equal(data["state"][chain, draw], chains.samples[draw, chain])
            assert data["energy"][chain, draw] == chains.sample_energy[draw, chain]
    alone = sl.dynamics.gibbs(model, 12, 3, rng=1).to_xarray()
    np.testing.assert_array_equal(alone["state"][:, 0], chains.states)
    assert all({"long_name", "units"} <= data[name].attrs.keys() for name in data.data_vars)


def test_what_scans_and_trainings_return_is_named():
    data = sl.scans.scan("sk", sizes=[8], temperatures=[0.5, 1.0], instances=2, n_steps=20)
    unnamed = [name for name in data.variables if "long_name" not in data[name].attrs]
    assert unnamed == []
    history = sl.rbm.Trainer(sl.rbm.RBM(4, 3, rng=0), rng=0).fit([[1, 1, -1, -1]], 2)
    assert [name for name in history.variables if "long_name" not in history[name].attrs] == []
