"""The front door: it takes what users have, picks a method, and refuses what it cannot prove."""

from __future__ import annotations

import importlib
import itertools
import os
import time
from fractions import Fraction

import dimod
import networkx as nx
import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from model_forms import FORMS, make
from naive import ground_energy_and_degeneracy, log_z_and_mean_energy

import spinlab as sl
from spinlab import solve


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("integer", [False, True])
@pytest.mark.parametrize("fields", [False, True])
def test_every_form_is_solved(form, integer, fields):
    case = make(form, integer, fields)
    E0, degeneracy = ground_energy_and_degeneracy(case.J, case.b, case.offset)
    gs = sl.ground_state(case.model, degeneracy=True)
    assert gs.energy == pytest.approx(E0, rel=1e-12)
    assert gs.certified
    assert gs.degeneracy == degeneracy
    assert case.model.energy(gs.state) == pytest.approx(gs.energy, rel=1e-13)
    assert gs.lower_bound <= gs.energy
    for beta in (0.0, 0.7, 30.0):
        lnZ, U = log_z_and_mean_energy(case.J, case.b, beta, case.offset)
        assert sl.log_partition(case.model, beta) == pytest.approx(lnZ, rel=1e-12)
        assert sl.mean_energy(case.model, beta) == pytest.approx(U, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_mean_energies_lie_within_the_bound_that_is_asked_for(form):
    case = make(form, integer=False, fields=True)
    size = np.abs(np.triu(case.J)).sum() + np.abs(case.b).sum()
    betas = [0.0, 1e-5, 0.4, 3.0, 200.0]
    values, bounds = sl.mean_energy(case.model, betas, error=True)
    for beta, value, bound in zip(betas, values, bounds, strict=True):
        _, U = log_z_and_mean_energy(case.J, case.b, beta, case.offset)
        assert abs(value - U) <= bound + 1e-14 * size
        assert bound < 1e-6 * size
    assert sl.mean_energy(case.model, 0.4, error=True) == (values[2], bounds[2])


def test_a_wrong_mean_energy_shows_in_its_bound(monkeypatch):
    wrong = sl.exact.enumeration.mean_energy
    monkeypatch.setattr(sl.exact.enumeration, "mean_energy", lambda *a, **k: wrong(*a, **k) + 1e-3)
    value, bound = sl.mean_energy(sl.ensembles.sk(6, rng=0), 0.5, error=True)
    assert 1e-3 <= bound < 1.1e-3
    for model, beta, exact in (
        (np.zeros((3, 3)), 0.7, 0.0),
        (sl.models.DenseIsing([[0, 1], [1, 0]], offset=1e16), 0.5, 1e16),
    ):
        value, bound = sl.mean_energy(model, beta, error=True)
        assert abs(value - exact) <= bound


def test_errors_of_log_z_widen_the_bound_of_the_mean_energy(monkeypatch):
    # Frozen, so that nothing else does: 2 error / h over the best step h = (4 error beta / |E|)^(1/2).
    exact = solve.log_partition

    def blurred(*args, **options):
        value, error = exact(*args, **options)
        return value, error + 1e-6

    monkeypatch.setattr(solve, "log_partition", blurred)
    value, bound = sl.mean_energy([[0, 1], [1, 0]], 50.0, error=True)
    assert value == pytest.approx(-1.0, rel=1e-15)
    assert bound == pytest.approx(np.sqrt(1e-6 / 50.0), rel=1e-3)


def test_everything_that_describes_a_model_is_accepted():
    J = np.array([[0, 1.0, -2.0], [1.0, 0, 0.5], [-2.0, 0.5, 0]])
    graph = nx.Graph()
    graph.add_weighted_edges_from([("a", "b", 1.0), ("a", "c", -2.0), ("b", "c", 0.5)])
    bqm = dimod.BinaryQuadraticModel({}, {("a", "b"): -1.0, ("a", "c"): 2.0, ("b", "c"): -0.5}, 0.0, "SPIN")
    for x in (J, J.tolist(), scipy.sparse.csr_array(J), scipy.sparse.coo_matrix(J), graph, bqm):
        gs = sl.ground_state(x)
        assert gs.energy == -2.5
    for x in (graph, bqm):
        assignment = sl.ground_state(x).assignment
        assert assignment["a"] == assignment["b"] == -assignment["c"]
    best = dimod.ExactSolver().sample(bqm).first
    assert best.energy == sl.ground_state(bqm).energy


def test_a_binary_bqm_keeps_its_energies():
    rng = np.random.default_rng(0)
    quadratic = {(i, j): float(rng.normal()) for i in range(6) for j in range(i)}
    bqm = dimod.BinaryQuadraticModel({i: float(rng.normal()) for i in range(6)}, quadratic, 1.25, "BINARY")
    gs = sl.ground_state(bqm)
    assert gs.energy == pytest.approx(dimod.ExactSolver().sample(bqm).first.energy, rel=1e-12)


def test_auto_takes_the_cheaper_method_and_says_why():
    rbm = sl.ensembles.rbm_gaussian(V=8, H=8, rng=0)
    gs = sl.ground_state(rbm)
    assert gs.method == "layer"
    assert "enumeration" in gs.reason
    assert gs.v.shape == gs.h.shape == (8,)
    by_name = sl.ground_state(rbm, "enumeration")
    assert by_name.method == "enumeration"
    assert by_name.energy == pytest.approx(gs.energy, rel=1e-13)
    np.testing.assert_array_equal(by_name.v * by_name.v[0], gs.v * gs.v[0])


def test_enumeration_and_layer_agree_on_thermodynamics():
    rbm = sl.ensembles.ra_rbm(V=9, H=7, K=3, field_std=0.5, rng=0)
    beta = np.array([0.01, 0.5, 3.0, 100.0])
    for function in (sl.log_partition, sl.mean_energy):
        a, b = (function(rbm, beta, method) for method in ("enumeration", "layer"))
        assert a.shape == (4,)
        np.testing.assert_allclose(a, b, rtol=1e-10)


def test_refusals_give_an_estimate_and_an_alternative():
    with pytest.raises(
        ValueError, match=r"(?s)enumeration.*2\*\*129.*age of the universe.*layer.*\nInstead: allow_heuristic"
    ):
        sl.ground_state(sl.ensembles.sk(N=130, rng=0))
    with pytest.raises(ValueError, match="no exact method"):
        sl.log_partition(sl.ensembles.sk(N=70, rng=0))
    with pytest.raises(TypeError, match="two layers"):
        sl.ground_state(sl.ensembles.sk(N=7, rng=0), "layer")
    with pytest.raises(ValueError, match=r"N=50.*max_spins=50"):
        sl.ground_state(np.eye(50) - 1, "enumeration")
    assert sl.ground_state(sl.ensembles.sk(N=42, rng=0), "enumeration", max_spins=42).certified
    with pytest.raises(
        ValueError, match="unknown method 'magic'; known: auto, tempering, annealing, enumeration, layer"
    ):
        sl.ground_state([[0, 1], [1, 0]], "magic")
    with pytest.raises(TypeError, match="belong to one method; name it"):
        sl.ground_state([[0, 1], [1, 0]], dtype="float32")
    with pytest.raises(TypeError, match="did you mean 'degeneracy'"):
        sl.ground_state([[0, 1], [1, 0]], degenracy=True)
    with pytest.raises(ValueError, match="beta"):
        sl.log_partition([[0, 1], [1, 0]], -1.0)
    with pytest.raises(ValueError, match="beta"):
        sl.log_partition([[0, 1], [1, 0]], np.nan)
    assert sl.ground_state([[0, 1], [1, 0]], "enumeration", dtype="float32").energy == -1.0


def test_only_the_ground_state_of_a_layered_model_has_parts():
    with pytest.raises(AttributeError, match="bipartite"):
        _ = sl.ground_state([[0, 1], [1, 0]]).v


ANYTHING = st.one_of(
    hnp.arrays(
        st.sampled_from([np.float64, np.float32, np.int8, np.int64, np.bool_, np.complex128, "U3", object]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    ),
    st.lists(st.lists(st.floats(), max_size=3), max_size=3),
    st.none(),
    st.text(max_size=3),
    st.floats(),
    st.dictionaries(st.integers(), st.floats(), max_size=2),
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(x=ANYTHING)
def test_any_object_is_solved_or_refused_with_a_message(x):
    for function in (sl.ground_state, sl.log_partition, sl.mean_energy):
        try:
            result = function(x)
        except (ValueError, TypeError) as error:
            number = float(len(str(error)) > 10)
        else:
            number = result.energy if isinstance(result, sl.exact.GroundState) else result
        assert np.isfinite(number)


SIZES = st.floats(-1e3, 1e3) | st.sampled_from([0.0, -0.0, 1e-300, 1e148, -1e148, 5e-324])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    upper=hnp.arrays(np.float64, (4, 4), elements=SIZES),
    b=hnp.arrays(np.float64, 4, elements=SIZES),
    beta=st.floats(0, 1e3) | st.sampled_from([1e300]),
)
def test_extreme_numbers_never_give_nan(upper, b, beta):
    J = np.triu(upper, 1)
    model = sl.models.DenseIsing(J + J.T, b)
    gs = sl.ground_state(model)
    assert gs.energy == pytest.approx(model.energy(gs.state), rel=1e-12)
    size = np.abs(upper).sum() + np.abs(b).sum()
    assert gs.energy <= model.energy(np.ones(4)) + 1e-12 * size
    if beta > 1e3:
        with pytest.raises(ValueError, match="beta"):
            sl.log_partition(model, beta)
        return
    lnZ, U = sl.log_partition(model, beta), sl.mean_energy(model, beta)
    # One state alone gives exp(-beta E0), all 16 together at most 16 times that.
    assert lnZ == pytest.approx(-beta * gs.energy, rel=1e-12, abs=np.log(16) + 1e-9)
    assert gs.energy - 1e-12 * size <= U <= 1e-12 * size


@pytest.mark.parametrize("method", ["tempering", "annealing"])
def test_a_heuristic_answer_is_asked_for_and_not_certified(method):
    model = sl.ensembles.sk(N=70, rng=0)
    gs = sl.ground_state(model, method)
    assert gs.method == method
    assert not gs.certified
    assert gs.energy == pytest.approx(model.energy(gs.state), rel=1e-13)
    assert gs.lower_bound == pytest.approx(-np.abs(np.triu(model.J)).sum(), rel=1e-12)
    assert gs.energy < -0.68 * 70  # the ground state is near -.72 N at this size
    with pytest.raises(ValueError, match="cannot count"):
        sl.ground_state(model, method, degeneracy=True)


def test_limits_of_a_proof_are_checked_where_none_is_needed():
    for options in ({"memory": -1.0}, {"memory": np.nan}, {"relative_gap": -0.1}, {"nodes": -1}):
        with pytest.raises(ValueError, match=next(iter(options))):
            sl.ground_state([[0.0, 1.0], [1.0, 0.0]], **options)


def test_the_front_door_turns_to_tempering_where_no_proof_is_in_reach():
    model = sl.ensembles.sk(N=130, rng=0)
    gs = sl.ground_state(model, allow_heuristic=True)
    assert gs.method == "tempering"
    assert "independent searches are equilibrated and met this energy" in gs.reason
    np.testing.assert_array_equal(gs.state, sl.ground_state(model, "tempering").state)
    # Within reach of a proof, the proof is given.
    assert sl.ground_state(sl.ensembles.sk(N=12, rng=0), allow_heuristic=True).certified
    with pytest.raises(ValueError, match="seconds"):
        sl.ground_state(model, allow_heuristic=True, seconds=0.0)
    with pytest.raises(
        sl.exact.RefusedError, match=r"branching: a proof takes .*seconds=[^$]*allow_heuristic=True"
    ):
        sl.ground_state(model)


@pytest.mark.parametrize("heuristic", [False, True])
def test_a_budget_gives_the_best_state_and_a_proven_bound(heuristic):
    model = sl.ensembles.sk(N=130, rng=0)
    gs = sl.ground_state(model, seconds=1.5, allow_heuristic=heuristic)
    assert gs.method == "branching"
    assert not gs.certified
    assert gs.energy == pytest.approx(model.energy(gs.state), rel=1e-13)
    trivial = -np.abs(np.triu(model.J)).sum()
    assert trivial < gs.lower_bound < gs.energy
    assert gs.bound_gap == gs.energy - gs.lower_bound
    assert gs.relative_gap == gs.bound_gap / -gs.energy


def test_a_proof_within_the_budget_ends_early():
    gs = sl.ground_state(sl.ensembles.sk(N=64, rng=0), seconds=60.0)
    assert gs.certified
    # a method that ends in time is taken as always
    assert sl.ground_state(sl.ensembles.sk(N=20, rng=0), seconds=5.0).method == "enumeration"


def test_time_is_counted_from_the_question(monkeypatch):
    # Reading the model and planning take 3 of 10; the search gets what is left.
    now, asked = 0.0, []

    class Clock:
        def __init__(self):
            self.start = now

        def seconds(self):
            return now - self.start

    def takes(name, time):
        function = getattr(solve, name)

        def slow(*args, **options):
            nonlocal now
            now += time
            return function(*args, **options)

        monkeypatch.setattr(solve, name, slow)

    def noted(model, *, seconds, **options):
        asked.append(seconds)
        return sl.dynamics.search(model, n_steps=2, max_steps=4, rng=0)

    monkeypatch.setattr(solve, "Stopwatch", Clock)
    monkeypatch.setattr(solve, "search", noted)
    takes("as_model", 1.0)
    takes("_choose_ground_state", 2.0)
    J = sl.ensembles.sk(N=1001, rng=0).J  # beyond the limit of proofs
    assert sl.ground_state(J, seconds=10.0).method == "tempering"
    assert asked == [7.0]
    sl.ground_state(J, "tempering", seconds=10.0)
    assert asked[1] == pytest.approx(9.0)
    sl.ground_state(J, "tempering", seconds=0.5)  # over before it began: one look, at least
    assert 0 < asked[2] < 0.01


def test_a_loaded_machine_begins_nothing_that_it_does_not_end(monkeypatch):
    model = sl.ensembles.sk(N=36, rng=0)
    cost = sl.exact.METHODS["enumeration"].cost(model).seconds
    load, cores = 1.0, os.cpu_count()
    monkeypatch.setattr(os, "getloadavg", lambda: (load * cores, 0.0, 0.0))
    # What this machine leaves to the test is no part of it.
    monkeypatch.setattr(solve.Stopwatch, "share", lambda clock: min(1.0, 1.0 / load))
    assert sl.ground_state(model, seconds=10 * cost).method == "enumeration"
    load = 50.0
    proven = sl.ground_state(model, seconds=10 * cost)
    assert proven.method == "branching"
    # Setting up a proof for 400 spins takes .05 s of a processor.
    large = sl.ensembles.sk(N=400, rng=0)
    found = sl.ground_state(large, seconds=0.2)
    assert (found.method, found.certified) == ("tempering", False)
    assert found.reason.startswith("the time is too short for a proof")
    load = 0.01
    assert sl.ground_state(large, seconds=1.0).method == "branching"
    monkeypatch.delattr(os, "getloadavg")  # Windows has none
    assert sl.ground_state(model, seconds=10 * cost).method == "enumeration"


def test_large_sums_are_bounds_too():
    # More than 10^5 couplings: the bound of a frustrated state is not summed exactly, and lies below.
    n = 460
    J = np.triu(np.random.default_rng(0).normal(size=(n, n)) * 10.0 ** -(np.arange(n) % 12.0), 1)
    b = np.full(n, 0.1)
    gs = sl.ground_state(sl.models.DenseIsing(J + J.T, b, offset=0.3), "annealing", n_steps=2, n_chains=4)
    exact = Fraction(0.3) - sum(abs(Fraction(x)) for x in [*J[J != 0].tolist(), *b.tolist()])
    assert Fraction(gs.lower_bound) <= exact
    assert gs.lower_bound == pytest.approx(float(exact), rel=1e-9)
    assert not gs.certified
    happy = sl.ground_state(sl.models.DenseIsing(np.abs(J + J.T), b, offset=0.3), "tempering", seconds=5.0)
    assert happy.certified
    assert happy.lower_bound == pytest.approx(happy.energy, rel=1e-15)


def test_many_patterns_are_bounded_without_their_couplings():
    # More than 10^5 couplings: -sum |J| of the patterns one by one lies below -sum |J|, certified or not.
    rng = np.random.default_rng(0)
    xi = rng.integers(-1, 2, (5, 460)).astype(float)
    few = {"n_steps": 2, "n_chains": 4}
    for signs in (xi, np.abs(xi)):
        model = sl.models.PatternIsing(signs, 0.3, b=0.1)
        gs = sl.ground_state(model, "annealing", **few)
        i, j = np.triu_indices(460, 1)
        exact = -sum(abs(Fraction(x)) for x in [*model.couplings()[i, j].tolist(), *model.b.tolist()])
        assert Fraction(gs.lower_bound) <= exact
        assert gs.certified == (signs is not xi)
    assert gs.lower_bound == pytest.approx(gs.energy, rel=1e-12)


def test_annealing_is_given_steps_and_no_time():
    with pytest.raises(TypeError, match="n_steps and n_chains"):
        sl.ground_state(sl.ensembles.sk(N=12, rng=0), "annealing", seconds=1.0)


@pytest.mark.parametrize("relaxation", ["semidefinite", "cycles"])
def test_the_way_that_auto_takes_does_not_depend_on_the_clock(relaxation, monkeypatch):
    """On a machine where each look at the clock takes a day, the same proof is begun and its root kept."""
    if relaxation == "cycles":
        pytest.importorskip("highspy")
        model = sl.ensembles.edwards_anderson(shape=(5, 5, 5), law="pm1", rng=3, periodic=True)
    else:
        model = sl.ensembles.sk(N=64, rng=1)
    branching = sl.exact.branching
    first = sl.ground_state(model)
    estimate = branching.probe(model).seconds
    roots = []
    for worker in (branching.dense.Dense, importlib.import_module("spinlab.exact.branching.cycles").Cycles):
        call = worker.__call__

        def noted(self, node, best, halt, call=call):
            roots.append(node.parent is None)
            return call(self, node, best, halt)

        monkeypatch.setattr(worker, "__call__", noted)
    days = itertools.count()
    monkeypatch.setattr(time, "perf_counter", lambda: 86400.0 * next(days))
    again = sl.ground_state(model)
    assert roots.count(True) == 1
    assert again.method == first.method == "branching"
    assert again.certified
    assert again.reason == first.reason
    np.testing.assert_array_equal(again.state, first.state)
    assert branching.probe(model).seconds == estimate


def test_the_root_of_a_large_sparse_model_is_left_after_counted_work(monkeypatch):
    pytest.importorskip("highspy")
    model = sl.ensembles.edwards_anderson(shape=(8, 8, 8), law="pm1", rng=0, periodic=True)
    monkeypatch.setattr(sl.exact.branching.solver, "PROBE_SECONDS", 0.05)
    probes = [sl.exact.branching.probe(model) for _ in range(2)]
    assert probes[0].root.lower_bound == probes[1].root.lower_bound < probes[0].root.energy
    assert 0.05 <= probes[0].run.tree.counted < 0.5
    assert probes[0].seconds > 100.0


def test_parts_share_a_budget():
    pytest.importorskip("highspy")
    blocks = [sl.ensembles.edwards_anderson(shape=(4, 4, 4), law="pm1", rng=k, periodic=True) for k in (0, 1)]
    blocks = [sl.models.SparseIsing(b.J, np.full(64, 0.5)) for b in blocks]
    both = sl.models.SparseIsing(scipy.sparse.block_diag([b.J for b in blocks]), np.full(128, 0.5))
    alone = [sl.exact.branching.ground_state(b) for b in blocks]
    gs = sl.ground_state(both, seconds=30.0)
    assert gs.certified
    assert gs.energy == sum(b.energy for b in alone)


def test_options_of_a_proof():
    model = sl.ensembles.sk(N=30, rng=0)
    gs = sl.ground_state(model, certificate=True)
    assert gs.method == "branching"
    assert sl.exact.verify(model, gs.certificate).certified
    assert sl.ground_state(model, relative_gap=0.5).relative_gap <= 0.5
    with pytest.raises(ValueError, match="does not count"):
        sl.ground_state(model, certificate=True, degeneracy=True)
    with pytest.raises(TypeError, match=r"\['certificate'\] belong to"):
        sl.ground_state(model, "enumeration", certificate=True)
    with pytest.raises(TypeError, match="tempering proves nothing"):
        sl.ground_state(model, "tempering", relative_gap=0.1)


@pytest.mark.parametrize("method", ["tempering", "annealing"])
def test_a_heuristic_answer_that_meets_the_trivial_bound_is_proven(method):
    # A Mattis model has no frustration: E0 = -sum |J|, and the heuristic finds it.
    model = sl.models.DenseIsing(sl.ensembles.mattis(N=50, rng=0).couplings())
    gs = sl.ground_state(model, method)
    assert gs.energy == -50 * 49 / 2
    assert gs.certified
    assert gs.lower_bound == gs.energy
    frustrated = np.ones((50, 50)) - np.eye(50)
    gs = sl.ground_state(-frustrated, method)
    assert not gs.certified
    assert gs.energy == -25  # sum s = 0


def test_the_trivial_bound_of_a_heuristic_is_exact():
    # No frustration, real numbers: -sum |J| - sum |b| is met, and rounded down, whatever the offset.
    for seed in range(12):
        rng = np.random.default_rng(seed)
        N = int(rng.integers(3, 30))
        J = np.triu(np.abs(rng.normal(size=(N, N))), 1)
        b = np.abs(rng.normal(size=N)) * (seed % 2)
        offset = float(rng.choice([0.0, J.sum(), 1e3, 1e16]))
        gs = sl.ground_state(sl.models.DenseIsing(J + J.T, b, offset=offset), "annealing", n_steps=50)
        least = Fraction(offset) - sum(map(Fraction, [*J.ravel().tolist(), *b.tolist()]))
        assert gs.certified
        assert Fraction(gs.lower_bound) <= least
        assert np.nextafter(gs.lower_bound, np.inf) > least


def test_explain_lists_every_method():
    rbm = sl.ensembles.rbm_gaussian(V=10, H=50, rng=0)
    table = sl.explain(rbm)
    assert [row.method for row in table.rows] == list(sl.exact.METHODS)
    assert sl.ground_state(rbm).method == min(
        (row for row in table.rows if row.refusal is None), key=lambda row: row.seconds
    ).method  # fmt: skip
    text = table.text()
    assert "cheapest" in text
    assert "its limit is N=" in text


def test_explain_marks_what_auto_takes():
    """Also where the estimate of branching, by the size alone, is lower than that of the method taken."""
    graph = sl.ensembles.edwards_anderson
    models = {
        "torus, narrow": graph(shape=(12, 12), periodic=True, rng=0),
        "torus, wide": graph(shape=(24, 24), periodic=True, rng=0),
        "square": graph(shape=(12, 12), rng=0),
        "glass": sl.ensembles.sk(28, rng=0),
        "patterns": sl.ensembles.hopfield(N=60, K=3, rng=0),
        "layers": sl.ensembles.rbm_gaussian(V=10, H=50, rng=0),
    }
    taken = {name: sl.explain(model).taken for name, model in models.items()}
    assert taken == {name: sl.ground_state(model).method for name, model in models.items()}
    assert taken["torus, narrow"] == "tree"
    table = sl.explain(models["torus, narrow"])
    marked = [line.split()[0] for line in table.text().splitlines() if line.endswith("cheapest")]
    assert marked == ["tree"]
    estimates = {row.method: row.seconds for row in table.rows}
    assert estimates["branching"] < estimates["tree"]  # else the remark is not tested
    assert "by the size alone" in table.text()
    assert sl.explain(sl.ensembles.sk(130, rng=0)).taken is None


@pytest.mark.parametrize("name", sl.exact.METHODS)
def test_flags_are_true_or_false(name):
    """Not any object with a truth value: degeneracy="no" would count."""
    model = sl.models.PatternBipartiteIsing([[1, 1]], [[1, 1]])
    for odd in ("no", 1, None, [], object()):
        with pytest.raises(TypeError, match="degeneracy must be True or False, got"):
            sl.exact.METHODS[name].ground_state(model, degeneracy=odd)
