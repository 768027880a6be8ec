"""QUBOs in every form that others have, and models with some spins fixed."""

from __future__ import annotations

import itertools
from fractions import Fraction

import dimod
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from model_forms import FORMS, make

import spinlab as sl
from spinlab.models import (
    DenseIsing,
    SparseIsing,
    fix_variables,
    from_binary,
    from_bqm,
    from_qubo,
    load_instance,
    save_instance,
)


def bits(n):
    return np.array(list(itertools.product((0, 1), repeat=n)))


def check(model, energy, n):
    """Exactly: the energies, in rationals, are within ``rounding`` of what was asked for."""
    J, b = model.couplings(), model.b
    for x in bits(n).tolist():
        s = [2 * y - 1 for y in x]
        E = Fraction(model.offset) - sum(Fraction(b[i]) * s[i] for i in range(n))
        E -= sum(Fraction(J[i, j]) * s[i] * s[j] for i in range(n) for j in range(i))
        assert abs(E - energy(x)) <= Fraction(model.rounding)


def exact(Q, x):
    return sum(Fraction(Q[i][j]) * x[i] * x[j] for i in range(len(x)) for j in range(len(x)))


Q = np.random.default_rng(0).normal(size=(5, 5))


@pytest.mark.parametrize("form", ["full", "upper", "lower", "symmetric", "integers", "huge"])
def test_any_triangle(form):
    given = {
        "full": Q,
        "upper": np.triu(Q),
        "lower": np.tril(Q),
        "symmetric": Q + Q.T,
        "integers": np.rint(3 * Q).astype(int),
        "huge": Q * 10.0 ** np.arange(0, 25, 5),
    }[form]
    for matrix in (given, given.tolist(), scipy.sparse.csr_array(given), pd.DataFrame(given)):
        model = from_qubo(matrix, offset=1.5)
        check(model, lambda x: exact(given.tolist(), x) + Fraction(1.5), 5)
        assert model.rounding == 0.0 or form != "integers"
        assert model.rounding <= 1e-15 * abs(given).sum()
    assert isinstance(from_qubo(given), SparseIsing)
    assert sl.ground_state(from_qubo(given)).energy == pytest.approx(min(x @ given @ x for x in bits(5)))


def test_entries_of_sparse_matrices_add_up():
    matrix = scipy.sparse.coo_array(([1.0, 2.0, 4.0, -8.0], ([0, 1, 0, 2], [1, 0, 1, 2])), shape=(4, 4))
    check(from_qubo(matrix), lambda x: 7 * x[0] * x[1] - 8 * x[2], 4)


def test_mappings_of_other_packages():
    given = {
        ("a", "a"): -1,
        ("b", "a"): Fraction(1, 3),
        ("a", "b"): np.float32(0.5),
        ("c", "c"): 0.1,
        ("b", "d"): 2,
    }
    model = from_qubo(given, offset=-3)
    assert model.labels == ("a", "b", "c", "d")

    def energy(x):
        mixed = (Fraction(1, 3) + Fraction(0.5)) * x[0] * x[1]
        return -x[0] + mixed + Fraction(0.1) * x[2] + 2 * x[1] * x[3] - 3

    check(model, energy, 4)
    check(from_qubo(given, offset=-3, labels=list("dcba")), lambda x: energy(x[::-1]), 4)
    assert from_qubo({(0, 0): 1.0}, labels=[0, 1, 2]).n_spins == 3
    numbers = {(0, 0): -1.5, (0, 3): 2.0, (3, 7): -1.0}
    bqm = dimod.BQM.from_qubo(numbers, 0.25)
    ours = from_qubo(numbers, offset=0.25)
    states = 2 * bits(3) - 1
    np.testing.assert_allclose(ours.energy(states), bqm.energies((bits(3), ours.labels)), atol=1e-14)
    table = pd.DataFrame([[1.0, 2.0], [0.0, -1.0]], index=["x", "y"], columns=["x", "y"])
    assert from_qubo(table).labels == ("x", "y")


@pytest.mark.parametrize(
    ("given", "options", "error", "message"),
    [
        (np.ones((2, 3)), {}, ValueError, "square"),
        (np.zeros((0, 0)), {}, ValueError, "square|axes"),
        (np.ones(3), {}, ValueError, "2 axes"),
        ([[np.nan, 1], [1, 1]], {}, ValueError, "NaN"),
        ([["a"]], {}, TypeError, "real numbers"),
        ({}, {}, ValueError, "no variables"),
        ({"a": 1.0}, {}, TypeError, r"pairs of names, got 'a'; linear terms are \(i, i\)"),
        ({("a", "b", "c"): 1.0}, {}, TypeError, "pairs of names"),
        ({("a", "b"): "x"}, {}, TypeError, r"Q\['a', 'b'\] must be a real number"),
        ({("a", "b"): np.inf}, {}, ValueError, r"Q\['a', 'b'\] must be a finite number"),
        ({("a", "b"): 1.0}, {"labels": ["a"]}, ValueError, "'b' is not among them"),
        ({("a", "b"): 1.0}, {"labels": ["a", "b", "a"]}, ValueError, "distinct"),
        (np.eye(2), {"labels": ["a"]}, ValueError, "all 2 sites"),
        (np.eye(2), {"offset": np.nan}, ValueError, "offset"),
        (pd.DataFrame(np.eye(2), index=["a", "b"]), {}, ValueError, "same names"),
        (None, {}, TypeError, "real numbers"),
        ("x", {}, TypeError, "real numbers"),
    ],
)
def test_bad_qubos(given, options, error, message):
    with pytest.raises(error, match=message):
        from_qubo(given, **options)


# A maximum cut as a QUBO: the fields cancel on paper


def cut_qubo(graph, rng):
    """Minus the cut, sum_ij w_ij (2 x_i x_j - x_i - x_j), added up edge by edge in float64."""
    Q = np.zeros((len(graph), len(graph)))
    for u, v in graph.edges:
        w = rng.normal()
        Q[u, u] -= w
        Q[v, v] -= w
        Q[u, v] += 2 * w
    return Q


def test_a_planar_cut_has_no_fields():
    graph = nx.convert_node_labels_to_integers(nx.grid_2d_graph(4, 4))
    met = 0
    for seed in range(10):
        Q = cut_qubo(graph, np.random.default_rng(seed))
        fields = [abs(Q[i, i] / 2 + (Q[i].sum() + Q[:, i].sum() - 2 * Q[i, i]) / 4) for i in range(16)]
        met += 0 < max(fields) < 1e-15
        bqm = dimod.BQM(Q, "BINARY")
        model = from_qubo(Q)
        for found in (model, from_bqm(bqm), from_binary(-(Q + Q.T))):
            assert not found.has_fields
            assert found.rounding <= 16 * 2e-15
        gs = sl.exact.planar.ground_state(model)
        tree = sl.exact.tree.ground_state(model)
        assert gs.certified
        assert gs.energy == pytest.approx(tree.energy, abs=1e-12)
        lowest = min(
            exact(Q.tolist(), ((gs.state + 1) // 2).tolist()),
            exact(Q.tolist(), ((1 - gs.state) // 2).tolist()),
        )
        assert Fraction(gs.lower_bound) <= lowest
    assert met > 3  # the trap is real


def test_fields_above_the_rounding_stay():
    """A field of one part in 10^15 of its neighbours is the user's, and decides which state is lowest."""
    model = from_bqm(dimod.BQM({"a": -1e-17}, {("a", "b"): 1.0}, 0, "BINARY"))
    assert model.has_fields
    Q = cut_qubo(nx.cycle_graph(4), np.random.default_rng(0))
    Q[0, 0] += 1e-14
    assert from_qubo(Q).b[0] == pytest.approx(-5e-15, rel=0.2)
    assert from_qubo([[2.0**-40, 0], [0, 0]]).b.tolist() == [-(2.0**-41), 0]


def test_archives_keep_the_rounding(tmp_path):
    model = from_qubo(cut_qubo(nx.cycle_graph(5), np.random.default_rng(3)))
    assert model.rounding > 0
    for kept in (model, model.to_dense(), DenseIsing([[0, 1], [1, 0]])):
        save_instance(kept, tmp_path / "a.npz")
        assert kept.rounding <= load_instance(tmp_path / "a.npz").rounding <= kept.rounding * (1 + 1e-12)


# Fixed variables


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("fixed", [{0: 1}, {6: -1, 2: 1}, {0: -1, 1: 1, 3: 1, 4: -1, 5: 1, 6: 1}])
def test_fixed_variables_keep_the_energies(form, fixed):
    case = make(form, True, True)
    rest = fix_variables(case.model, fixed)
    left = [k for k in range(7) if k not in fixed]
    assert rest.labels == tuple(left)
    assert isinstance(rest, SparseIsing if isinstance(case.model, SparseIsing) else DenseIsing)
    for s in itertools.product((-1, 1), repeat=len(left)):
        whole = np.zeros(7)
        whole[left] = s
        whole[list(fixed)] = list(fixed.values())
        np.testing.assert_allclose(rest.energy(list(s)), case.model.energy(whole), rtol=1e-13, atol=1e-13)


def test_fixed_variables_have_names():
    bqm = dimod.BQM({"a": 1.0}, {("a", "b"): -3.0, ("b", "c"): 1.0}, 0.5, "SPIN")
    rest = fix_variables(bqm, {"b": np.int64(1)})
    assert rest.labels == ("a", "c")
    assert rest.energy([1, -1]) == bqm.energy({"a": 1, "b": 1, "c": -1})
    everything = fix_variables(bqm, {})
    assert everything.labels == ("a", "b", "c")
    np.testing.assert_array_equal(everything.couplings(), from_bqm(bqm).couplings())


def test_fixing_adds_exactly():
    star = SparseIsing.from_edges([0, 0, 0], [1, 2, 3], [0.1, 0.2, -0.3], 4)
    rest = fix_variables(star, {1: 1, 2: 1, 3: 1})
    assert Fraction(rest.b[0]) == Fraction(0.1) + Fraction(0.2) - Fraction(0.3)
    lossy = SparseIsing.from_edges([0, 0], [1, 2], [1e16, 0.3], 3)
    rest = fix_variables(lossy, {1: 1, 2: 1})
    assert abs(Fraction(rest.b[0]) - Fraction(1e16) - Fraction(0.3)) <= Fraction(rest.rounding)
    assert rest.rounding > 0


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({9: 1}, ValueError, "no site 9; it has 0, 1"),
        ({0: 0}, ValueError, r"site 0 must be \+1 or -1, got 0; a bit x is the spin"),
        ({0: True}, ValueError, "must be"),
        ({0: "1"}, ValueError, "must be"),
        ({0: [1]}, ValueError, "must be"),
        ({0: 0.5}, ValueError, "must be"),
        ({0: None}, ValueError, "must be"),
        ({0: 1, 1: 1}, ValueError, "no spin is left"),
        ([(0, 1)], TypeError, "mapping"),
        (None, TypeError, "mapping"),
    ],
)
def test_bad_values(values, error, message):
    with pytest.raises(error, match=message):
        fix_variables([[0, 1], [1, 0]], values)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda: dimod.BQM({0: 1.0}, {}, 0.0, "BINARY"), "BinaryQuadraticModel, a model already"),
        (lambda: SparseIsing.from_edges([0], [1], [1.0], 2), "SparseIsing, a model already"),
        (lambda: dimod.BQM({0: 1.0}, {}, 2.0, "BINARY").to_qubo(), r"from_qubo\(Q, offset=c\)"),
    ],
)
def test_what_has_another_door(given, message):
    with pytest.raises(TypeError, match=message):
        from_qubo(given())
