"""Models from and to other packages, and 0/1 units."""

from __future__ import annotations

import itertools
from pathlib import Path

import dimod
import networkx as nx
import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from model_forms import FORMS, make
from naive import all_states, energies

from spinlab.models import (
    BipartiteIsing,
    DenseIsing,
    PatternBipartiteIsing,
    PatternIsing,
    SparseIsing,
    as_model,
    from_binary,
    from_bqm,
    from_networkx,
    rbm_from_binary,
    rbm_to_binary,
    to_binary,
    to_bqm,
    to_networkx,
)
from spinlab.rbm import RBM

BITS = np.array(list(itertools.product((0, 1), repeat=5)))


def random_model(seed, integer=False):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.integers(-3, 4, (5, 5)) if integer else rng.normal(size=(5, 5)), 1)
    b = rng.integers(-3, 4, 5) if integer else rng.normal(size=5)
    return J + J.T, b


# 0/1 units


@pytest.mark.parametrize("integer", [True, False])
def test_from_binary_has_the_energies_of_the_bits(integer):
    J, b = random_model(0, integer)
    E = [
        3.5
        - sum(J[i, j] * x[i] * x[j] for i in range(5) for j in range(i + 1, 5))
        - sum(b[i] * x[i] for i in range(5))
        for x in BITS
    ]
    model = from_binary(J, b, offset=3.5)
    if integer:  # quarters of integers are exact
        np.testing.assert_array_equal(model.energy(2 * BITS - 1), E)
    else:
        np.testing.assert_allclose(model.energy(2 * BITS - 1), E, rtol=1e-12, atol=1e-12)


def test_qubo_recipe_of_the_docstring():
    rng = np.random.default_rng(1)
    Q = rng.integers(-5, 6, (5, 5)).astype(float)
    off = Q - np.diag(np.diag(Q))
    model = from_binary(-(off + off.T), -np.diag(Q))
    np.testing.assert_array_equal(model.energy(2 * BITS - 1), [x @ Q @ x for x in BITS])
    whole = from_binary(-(Q + Q.T))
    np.testing.assert_array_equal(whole.energy(2 * BITS - 1), [x @ Q @ x for x in BITS])


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_to_binary_has_the_energies_of_the_spins(form):
    case = make(form, True, True)
    J, b, offset = to_binary(case.model)
    bits = np.array(list(itertools.product((0, 1), repeat=7)))
    E = energies(case.J, case.b, case.offset, 2 * bits - 1)
    np.testing.assert_array_equal(energies(J, b, offset, bits), E)
    back = from_binary(J, b, offset=offset)
    np.testing.assert_array_equal(back.couplings(), case.model.couplings())
    np.testing.assert_array_equal(back.b, case.model.b)
    assert back.offset == case.model.offset


def binary_rbm_energies(W, bv, bh, offset, x, y):
    pairs = sum(W[i, a] * x[i] * y[a] for i in range(W.shape[0]) for a in range(W.shape[1]))
    return (
        offset
        - pairs
        - sum(p * q for p, q in zip(bv, x, strict=True))
        - sum(p * q for p, q in zip(bh, y, strict=True))
    )


def test_rbm_from_binary_has_the_energies_of_the_units():
    rng = np.random.default_rng(2)
    W, bv, bh = rng.integers(-4, 5, (2, 3)), rng.integers(-4, 5, 2), rng.integers(-4, 5, 3)
    model = rbm_from_binary(W, bv, bh, offset=0.5)
    assert isinstance(model, BipartiteIsing)
    E = [binary_rbm_energies(W, bv, bh, 0.5, x[:2], x[2:]) for x in BITS]
    np.testing.assert_array_equal(model.energy(2 * BITS - 1), E)


@pytest.mark.parametrize("kind", ["weights", "patterns"])
def test_rbm_to_binary_has_the_energies_of_the_spins(kind):
    rng = np.random.default_rng(3)
    bv, bh = rng.integers(-4, 5, 2), rng.integers(-4, 5, 3)
    if kind == "weights":
        model = BipartiteIsing(rng.integers(-4, 5, (2, 3)), bv, bh, offset=0.5)
    else:
        xi_v, xi_h = rng.integers(-2, 3, (2, 2)), rng.integers(-2, 3, (2, 3))
        model = PatternBipartiteIsing(xi_v, xi_h, 0.5, bv, bh, offset=0.5)
    W, bv, bh, offset = rbm_to_binary(model)
    E = [binary_rbm_energies(W, bv, bh, offset, x[:2], x[2:]) for x in BITS]
    np.testing.assert_array_equal(model.energy(2 * BITS - 1), E)
    back = rbm_from_binary(W, bv, bh, offset=offset)
    np.testing.assert_array_equal(back.weights(), model.weights())
    np.testing.assert_array_equal(back.b, model.b)
    assert back.offset == model.offset


@pytest.mark.parametrize("convert", [from_binary, rbm_from_binary])
@pytest.mark.parametrize("bad", [None, "x", [[1j]], [[np.nan]], np.zeros(3), np.zeros((0, 0))])
def test_bad_binary_models(convert, bad):
    with pytest.raises((ValueError, TypeError), match=r"J|W"):
        convert(bad)


def test_binary_units_without_biases():
    np.testing.assert_array_equal(from_binary([[0, 4], [4, 0]]).b, [1.0, 1.0])
    np.testing.assert_array_equal(rbm_from_binary([[4.0]]).b, [1.0, 1.0])


# as_model


def test_models_pass_through_as_model():
    model = PatternIsing(np.ones((1, 3)))
    assert as_model(model) is model


def test_as_model_of_matrices():
    J, _ = random_model(4)
    assert isinstance(as_model(J), DenseIsing)
    assert isinstance(as_model(J.tolist()), DenseIsing)
    assert isinstance(as_model(scipy.sparse.csr_array(J)), SparseIsing)
    np.testing.assert_array_equal(as_model(scipy.sparse.csr_array(J)).couplings(), J)


@pytest.mark.parametrize("text", ["instance.txt", b"instance.txt", Path("instance.txt")])
def test_as_model_of_a_file_name_says_how_to_read_it(text):
    with pytest.raises(TypeError, match="load_instance"):
        as_model(text)


def test_as_model_of_a_rectangle_says_how_to_make_an_rbm():
    with pytest.raises(ValueError, match="BipartiteIsing"):
        as_model(np.ones((2, 3)))


@pytest.mark.parametrize("x", [None, 3, object(), {1, 2}, lambda: 1])
def test_as_model_of_other_things(x):
    with pytest.raises((ValueError, TypeError), match="J must"):
        as_model(x)


# networkx


def test_networkx_by_labels():
    graph = nx.Graph()
    graph.add_node("lonely", field=2.0)
    graph.add_edge("x", "y", weight=1.5)
    graph.add_edge("y", ("z", 1), weight=-2)
    model = from_networkx(graph)
    assert isinstance(model, SparseIsing)
    assert model.labels == ("lonely", "x", "y", ("z", 1))
    s = dict(zip(model.labels, [1, -1, 1, 1], strict=True))
    assert model.energy(list(s.values())) == -2.0 * 1 - 1.5 * (-1) + 2 * 1
    assert as_model(graph).energy([1, -1, 1, 1]) == model.energy([1, -1, 1, 1])


def test_graphs_keep_the_offset():
    """The energy of a state is the same number on both sides."""
    model = DenseIsing([[0, 2], [2, 0]], offset=1.5)
    assert float(from_networkx(to_networkx(model)).energy([1, 1])) == -0.5
    graph = to_networkx(model)
    graph.graph["offset"] = "much"
    with pytest.raises(TypeError, match="graph attribute 'offset'"):
        from_networkx(graph)


def test_bqms_have_the_variables_in_order():
    """Of sparse models too, whose first edges may lead far."""
    model = SparseIsing.from_edges([0, 1], [3, 2], [1.0, 1.0], 4)
    assert list(to_bqm(model).variables) == [0, 1, 2, 3]


def test_networkx_attribute_names():
    graph = nx.path_graph(3)
    nx.set_edge_attributes(graph, 2.0, "J")
    nx.set_node_attributes(graph, {0: 1.0}, "h")
    assert from_networkx(graph, weight="J", field="h").energy([1, 1, 1]) == -5.0


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_to_networkx_and_back(form):
    case = make(form, False, True)
    graph = to_networkx(case.model)
    assert graph.graph["offset"] == case.offset
    states = all_states(7)
    E = case.model.energy(states)
    np.testing.assert_allclose(from_networkx(graph).energy(states), E, rtol=1e-12, atol=1e-12)
    named = SparseIsing(case.J, labels="abcdefg")
    assert list(to_networkx(named).nodes) == list("abcdefg")


@pytest.mark.parametrize(
    ("graph", "error", "message"),
    [
        (nx.Graph(), ValueError, "no nodes"),
        (nx.DiGraph([(0, 1, {"weight": 1.0})]), ValueError, "undirected"),
        (nx.MultiDiGraph([(0, 1, {"weight": 1.0})]), ValueError, "undirected.*MultiGraph"),
        (nx.MultiGraph([(0, 1, {"weight": 1.0}), (1, 0)]), ValueError, "no attribute 'weight'"),
        (nx.MultiGraph([(0, 0, {"weight": 1.0})]), ValueError, "self-loop at 0"),
        (nx.Graph([(0, 0, {"weight": 1.0})]), ValueError, "self-loop at 0"),
        (nx.Graph([("a", "b")]), ValueError, r"\('a', 'b'\) has no attribute 'weight'"),
        (nx.Graph([(0, 1, {"weight": "1"})]), TypeError, "weight"),
        (nx.Graph([(0, 1, {"weight": 1j})]), TypeError, "complex"),
        (nx.Graph([(0, 1, {"weight": np.nan})]), ValueError, "NaN"),
        (nx.Graph([(0, 1, {"weight": 10**30})]), TypeError, "object"),
        (nx.Graph([(0, 1, {"weight": [1.0]})]), ValueError, "weight"),
    ],
)
def test_bad_graphs(graph, error, message):
    with pytest.raises(error, match=message):
        as_model(graph)


def test_weights_of_parallel_edges_are_added():
    rng = np.random.default_rng(3)
    ends = [(u, v) for u, v in rng.integers(5, size=(40, 2)).tolist() if u != v]
    edges = [(u, v, float(rng.normal())) for u, v in ends]
    graph = nx.MultiGraph()
    graph.add_nodes_from(range(6), field=0.5)
    graph.add_weighted_edges_from(edges)
    model = as_model(graph)
    states = all_states(6)
    E = [-sum(x * s[u] * s[v] for u, v, x in edges) - 0.5 * s.sum() for s in states.astype(float)]
    np.testing.assert_allclose(model.energy(states), E, rtol=1e-12, atol=1e-12)
    tenths = nx.MultiGraph()
    tenths.add_weighted_edges_from([("a", "b", 0.1), ("b", "a", 0.2), ("a", "b", -0.3)])
    assert from_networkx(tenths).edges()[2].tolist() == [2.0**-55]  # exact, rounded once
    with_keys = nx.MultiGraph()
    with_keys.add_edge(0, 1, key="x", weight=1)
    with_keys.add_edge(0, 1, key="y", weight=2)
    assert as_model(with_keys).couplings()[0, 1] == 3


def test_short_tori_of_networkx():
    """A 2 x 3 torus as a multigraph: four neighbours each."""
    graph = nx.MultiGraph()
    for i, j in itertools.product(range(2), range(3)):
        graph.add_edge((i, j), ((i + 1) % 2, j), weight=1.0)
        graph.add_edge((i, j), (i, (j + 1) % 3), weight=1.0)
    model = as_model(graph)
    assert model.energy(np.ones(6)) == -12
    assert model.couplings().sum(1).tolist() == [4.0] * 6


def test_arrays_and_graphs_are_converted_too():
    J = [[0, 2], [2, 0]]
    graph = nx.Graph()
    graph.add_edge(0, 1, weight=2)
    bqm = to_bqm(J)
    for source in (J, np.array(J), scipy.sparse.csr_array(np.array(J)), graph, bqm):
        assert to_networkx(source).edges[0, 1]["weight"] == 2.0
        assert to_bqm(source) == bqm
        assert to_binary(source)[0].tolist() == [[0, 8], [8, 0]]
    for function in (to_networkx, to_bqm, to_binary):
        for bad in ("x", None, [[1, 2], [3]], object()):
            with pytest.raises((TypeError, ValueError)):
                function(bad)
    for bad in (J, None, DenseIsing(J)):
        with pytest.raises(TypeError, match="two layers"):
            rbm_to_binary(bad)


@pytest.mark.parametrize("field", ["x", np.nan, None, 1j])
def test_bad_graph_fields(field):
    graph = nx.Graph([(0, 1, {"weight": 1.0})])
    graph.nodes[0]["field"] = field
    with pytest.raises((ValueError, TypeError), match="node attribute"):
        from_networkx(graph)


# dimod: E = +sum J s s + sum h s


def bqm_of(vartype, seed=5, cls=dimod.BinaryQuadraticModel, **options):
    rng = np.random.default_rng(seed)
    names = ["a", 3, ("b", 1), "d", "e"]
    linear = {name: float(rng.integers(-5, 6)) for name in names}
    quadratic = {pair: float(rng.integers(-5, 6)) for pair in itertools.combinations(names, 2)}
    return cls(linear, quadratic, 0.75, vartype, **options)


def energies_of_bqm(bqm, model):
    """dimod's own energies of the model's states."""
    units = BITS if bqm.vartype is dimod.BINARY else 2 * BITS - 1
    return np.array([float(bqm.energy(dict(zip(model.labels, x, strict=True)))) for x in units.tolist()])


@pytest.mark.parametrize("vartype", ["SPIN", "BINARY"])
@pytest.mark.parametrize("kind", ["float64", "float32", "object", "dict"])
def test_bqm_energies_agree_with_dimod(vartype, kind):
    if kind == "dict":
        bqm = bqm_of(vartype, cls=dimod.DictBQM)
    else:
        bqm = bqm_of(vartype, dtype=np.dtype(kind))
    for model in (from_bqm(bqm), as_model(bqm)):
        np.testing.assert_array_equal(model.energy(2 * BITS - 1), energies_of_bqm(bqm, model))


def test_single_precision_bqm_is_converted_in_double_precision():
    bqm = dimod.BinaryQuadraticModel(
        {0: 0.0}, {(0, 1): 1.0, (0, 2): 2.0**-26}, 0.0, "BINARY", dtype=np.float32
    )
    # b_0 = -(1 + 2^-26)/4 needs more digits than single precision has
    assert from_bqm(bqm).b[list(bqm.variables).index(0)] == -(1 + 2.0**-26) / 4


def test_the_given_bqm_is_left_alone():
    bqm = bqm_of("BINARY")
    copy = bqm.copy()
    from_bqm(bqm)
    assert bqm == copy
    assert bqm.vartype is dimod.BINARY


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_to_bqm_agrees_with_dimod(form):
    case = make(form, True, True)
    bqm = to_bqm(case.model)
    assert bqm.vartype is dimod.SPIN
    states = all_states(7)
    E = energies(case.J, case.b, case.offset, states)
    np.testing.assert_array_equal(bqm.energies((states, range(7))), E)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), vartype=st.sampled_from(["SPIN", "BINARY"]))
def test_ground_energies_agree_with_dimod(seed, vartype):
    bqm = bqm_of(vartype, seed)
    model = from_bqm(bqm)
    lowest = dimod.ExactSolver().sample(bqm).first.energy
    assert model.energy(all_states(5)).min() == lowest
    assert to_bqm(model) == bqm.change_vartype("SPIN", inplace=False)


def test_bqm_without_variables():
    with pytest.raises(ValueError, match="no variables"):
        as_model(dimod.BinaryQuadraticModel("SPIN"))


def test_bqm_with_infinite_bias():
    with pytest.raises(ValueError, match="must be finite"):
        as_model(dimod.BinaryQuadraticModel({0: np.inf}, {}, 0.0, "SPIN"))


def frame(names, columns=None):
    pandas = pytest.importorskip("pandas")
    J = np.arange(9.0).reshape(3, 3)
    return pandas.DataFrame((J + J.T) * (1 - np.eye(3)), index=names, columns=columns or names)


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["mood", "sleep", "work"], ("mood", "sleep", "work")),
        ([1, 2, 3], (1, 2, 3)),
        ([0, 1, 2], None),
    ],
)
def test_the_names_of_a_frame_become_labels(names, labels):
    table = frame(names)
    model = as_model(table)
    assert model.labels == labels
    np.testing.assert_array_equal(model.couplings(), table.to_numpy())


def test_frames_whose_names_differ():
    assert (
        as_model(frame([0, 1, 2], ["a", "b", "c"])).labels is None
    )  # read from a file without names of rows
    with pytest.raises(ValueError, match="sort them alike"):
        as_model(frame(["a", "b", "c"], ["b", "a", "c"]))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({(0, 1): 1.0}, "from_qubo"),
        (RBM(2, 2, rng=0), r"got <RBM: .*a machine; .*as_ising\(\)"),
        (dimod.ConstrainedQuadraticModel(), "got a ConstrainedQuadraticModel; .*cqm_to_bqm"),
    ],
)
def test_problems_in_other_forms_are_named(given, message):
    with pytest.raises(TypeError, match=message):
        as_model(given)


def test_graphs_without_weights_are_told_how():
    graph = nx.path_graph(3)
    with pytest.raises(ValueError, match=r"set_edge_attributes\(graph, 1.0, 'weight'\)"):
        as_model(graph)
    nx.set_edge_attributes(graph, 1.0, "weight")
    assert as_model(graph).energy(np.ones(3)) == -2
