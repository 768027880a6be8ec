"""Planar ground states against naive enumeration and tree decomposition, and the proof against itself."""

from __future__ import annotations

import naive
import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay

import spinlab as sl
from spinlab.exact import planar, tree
from spinlab.exact.planar import join, solver
from spinlab.exact.planar.matching import minimum_matching
from spinlab.models import BipartiteIsing, DenseIsing, SparseIsing


def grid(rows, columns, periodic=False):
    return nx.convert_node_labels_to_integers(nx.grid_2d_graph(rows, columns, periodic=(periodic, False)))


def triangulation(rng, n):
    """Delaunay triangulation of random points, some edges removed."""
    graph = nx.Graph()
    graph.add_nodes_from(range(n))
    for a, b, c in Delaunay(rng.random((n, 2))).simplices.tolist():
        graph.add_edges_from([(a, b), (b, c), (c, a)])
    removed = rng.random(graph.number_of_edges()) < rng.choice([0.0, 0.2, 0.6])
    graph.remove_edges_from([edge for edge, gone in zip(list(graph.edges), removed, strict=True) if gone])
    return graph


def random_tree(rng, n):
    graph = nx.Graph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from((i, int(rng.integers(i))) for i in range(1, n))
    return graph


def pieces(rng):
    """Components, isolated sites, a bridge and a cut vertex."""
    graph = nx.disjoint_union_all(
        [nx.cycle_graph(3), nx.complete_graph(4), nx.empty_graph(2), nx.path_graph(2)]
    )
    graph.add_edge(0, 3)
    graph.add_edges_from([(6, 11), (11, 12), (12, 6)])
    return graph


GRAPHS = {
    "triangulation": lambda rng: triangulation(rng, int(rng.integers(4, 12))),
    "grid": lambda rng: grid(int(rng.integers(1, 4)), int(rng.integers(1, 5))),
    "cylinder": lambda rng: grid(int(rng.integers(3, 5)), int(rng.integers(1, 4)), periodic=True),
    "ladder": lambda rng: nx.ladder_graph(int(rng.integers(1, 7))),
    "ring ladder": lambda rng: nx.circular_ladder_graph(int(rng.integers(3, 7))),
    "tree": lambda rng: random_tree(rng, int(rng.integers(1, 12))),
    "wheel": lambda rng: nx.wheel_graph(int(rng.integers(4, 12))),
    "two poles": lambda rng: nx.complete_bipartite_graph(2, int(rng.integers(1, 9))),
    "platonic": lambda rng: [nx.octahedral_graph, nx.cubical_graph, nx.icosahedral_graph][rng.integers(3)](),
    "pieces": pieces,
}


def couplings(rng, kind, size):
    if kind == "real":
        return rng.normal(size=size)
    if kind == "integers":
        return rng.integers(-3, 4, size).astype(float)  # some are zero
    if kind == "tenths":  # ties that float64 does not resolve
        return rng.integers(-3, 4, size) * 0.1
    if kind == "wide":
        return rng.normal(size=size) * 10.0 ** rng.integers(-20, 20, size)
    return rng.choice([-1.0, 1.0], size) * {"signs": 1.0, "antiferromagnetic": -1.0, "equal sizes": 0.3}[kind]


KINDS = ("signs", "integers", "equal sizes", "tenths", "real", "wide")


def model_of(graph, J, b=None, offset=0.0, order=None):
    n = graph.number_of_nodes()
    order = np.arange(n) if order is None else order
    ends = order[np.array(list(graph.edges), int).reshape(-1, 2)]
    return SparseIsing.from_edges(ends[:, 0], ends[:, 1], J, N=n, b=b, offset=offset)


def random_model(rng, name, kind, fields=None):
    graph = GRAPHS[name](rng)
    n = graph.number_of_nodes()
    J = couplings(rng, kind, graph.number_of_edges())
    order = rng.permutation(n)
    b = np.zeros(n)
    if fields is not None:
        b[order] = couplings(rng, kind, n) * (np.array([graph.degree[i] for i in range(n)]) <= fields)
    return model_of(graph, J, b, float(rng.integers(-1, 2)), order)


def check(model, kind):
    J, b = model.couplings(), model.b
    size = np.abs(J).sum() / 2 + np.abs(b).sum()
    E0, _ = naive.ground_energy_and_degeneracy(J, b, model.offset)
    answer = planar.ground_state(model)
    tolerance = 4e-15 * (size + abs(model.offset))
    assert answer.energy == pytest.approx(E0, rel=0, abs=tolerance)
    assert naive.energies(J, b, model.offset, answer.state) == pytest.approx(
        answer.energy, rel=0, abs=tolerance
    )
    assert answer.certified
    assert answer.lower_bound <= E0 + tolerance
    # Sums of equal sizes are known exactly; one that float64 cannot hold is rounded down.
    exact = {"signs": 0.0, "integers": 0.0, "equal sizes": np.spacing(abs(E0))}
    assert 0 <= answer.bound_gap <= exact.get(kind, 20 * tolerance)
    assert answer.method == "planar"
    assert answer.state.dtype == np.int8


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", GRAPHS)
def test_equals_naive_enumeration(name, kind):
    rng = np.random.default_rng([list(GRAPHS).index(name), KINDS.index(kind)])
    for _ in range(8):
        check(random_model(rng, name, kind), kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "degree"), [("tree", 99), ("ladder", 99), ("grid", 3), ("pieces", 2)])
def test_fields_on_the_outside_leave_a_graph_planar(name, degree, kind):
    rng = np.random.default_rng(KINDS.index(kind))
    for _ in range(8):
        check(random_model(rng, name, kind, fields=degree), kind)


def test_small_and_empty_models():
    assert planar.ground_state(SparseIsing.from_edges([], [], [], N=1, offset=2.5)).energy == 2.5
    assert planar.ground_state(DenseIsing(np.zeros((4, 4)))).energy == 0.0
    assert planar.ground_state(DenseIsing(np.zeros((2, 2)), [1.5, -2.0])).state.tolist() == [1, -1]
    pair = planar.ground_state(SparseIsing.from_edges([0], [1], [-2.0], N=2))
    assert (pair.energy, pair.lower_bound, abs(int(pair.state.sum()))) == (-2.0, -2.0, 0)
    # Couplings near the smallest numbers of float64.
    tiny = SparseIsing.from_edges([0, 1, 2], [1, 2, 0], [1.3e-308, -1.1e-308, 1.7e-308], N=3)
    answer = planar.ground_state(tiny)
    assert answer.energy == pytest.approx(-1.9e-308, rel=1e-14)
    assert 0 <= answer.bound_gap < 1e-320
    # Only the couplings that are not zero count: K7 with a ring.
    J = np.zeros((7, 7))
    J[np.arange(7), np.arange(1, 8) % 7] = 1.0
    graph = nx.complete_graph(7)
    values = [(J + J.T)[i, j] * (-1.0 if (i, j) == (0, 1) else 1.0) for i, j in graph.edges]
    assert planar.ground_state(model_of(graph, values)).energy == -5.0


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), kind=st.sampled_from(["integers", "real"]))
def test_gauge_permutation_and_scale(seed, kind):
    rng = np.random.default_rng(seed)
    graph = triangulation(rng, 40)
    J = couplings(rng, kind, graph.number_of_edges())
    answer = planar.ground_state(model_of(graph, J))
    gauge = rng.choice([-1.0, 1.0], 40)
    ends = np.array(list(graph.edges))
    turned = model_of(graph, J * gauge[ends[:, 0]] * gauge[ends[:, 1]], order=rng.permutation(40))
    assert planar.ground_state(turned).energy == pytest.approx(answer.energy, rel=1e-13)
    assert planar.ground_state(model_of(graph, -4.0 * J)).energy <= 0
    scaled = planar.ground_state(model_of(graph, 2.0**60 * J))
    assert scaled.energy == 2.0**60 * answer.energy


@pytest.mark.parametrize("kind", ["signs", "integers", "real"])
@pytest.mark.parametrize(
    "graph",
    [grid(60, 10), grid(12, 30), grid(9, 40, periodic=True), nx.circular_ladder_graph(500)],
    ids=["strip", "wide strip", "cylinder", "ring ladder"],
)
def test_equals_tree_decomposition(graph, kind):
    rng = np.random.default_rng(3)
    model = model_of(graph, couplings(rng, kind, graph.number_of_edges()))
    answer, other = planar.ground_state(model), tree.ground_state(model)
    assert answer.energy == pytest.approx(other.energy, rel=1e-13)
    assert model.energy(answer.state) == pytest.approx(answer.energy, rel=1e-13)
    if kind != "real":
        assert answer.lower_bound == answer.energy == other.energy


def test_lattices_whose_ground_state_is_known():
    # Fully frustrated square lattice: each unsatisfied bond serves two of the 39^2 squares (one is left).
    L = 40
    graph = nx.grid_2d_graph(L, L)
    J = [-1.0 if x == z and x % 2 else 1.0 for (x, _), (z, _) in graph.edges]
    model = model_of(nx.convert_node_labels_to_integers(graph), J)
    assert planar.ground_state(model).energy == -2 * L * (L - 1) + 2 * ((L - 1) ** 2 + 1) // 2
    # Triangular antiferromagnet: every triangle has an unsatisfied bond, each bond belongs to two at most.
    graph = nx.convert_node_labels_to_integers(nx.triangular_lattice_graph(30, 30))
    triangles = sum(nx.triangles(graph).values()) // 3
    answer = planar.ground_state(model_of(graph, -np.ones(graph.number_of_edges())))
    assert answer.energy == -graph.number_of_edges() + 2 * -(-triangles // 2)
    # A planted state: no bond is unsatisfied.
    rng = np.random.default_rng(0)
    graph = triangulation(rng, 300)
    s = rng.choice([-1, 1], 300)
    ends = np.array(list(graph.edges))
    sizes = rng.exponential(size=len(ends))
    answer = planar.ground_state(model_of(graph, sizes * s[ends[:, 0]] * s[ends[:, 1]]))
    assert answer.energy == pytest.approx(-sizes.sum(), rel=1e-15)


def test_few_offered_pairs_give_the_same_answer(monkeypatch):
    # What the first matching lacks, the check of its dual solution must find.
    rng = np.random.default_rng(5)
    models = [
        model_of(graph, couplings(rng, kind, graph.number_of_edges()))
        for graph in (grid(20, 20), grid(20, 20, periodic=True), triangulation(rng, 200))
        for kind in ("signs", "real")
    ]
    expected = [planar.ground_state(model).energy for model in models]
    rounds = []
    match = join._match
    monkeypatch.setattr(join, "_match", lambda *x: rounds.append(len(x[0][0])) or match(*x))
    monkeypatch.setattr(join, "_NEAREST", 1)
    monkeypatch.setattr(join, "_find_near", lambda *x: 0)  # no pairs at all: only the hub is left
    assert [planar.ground_state(model).energy for model in models] == expected
    assert len(rounds) > 2 * len(models)


def test_a_wrong_dual_solution_is_never_accepted(monkeypatch):
    """Dual solutions with altered radii are refused, or their bound is below the weight of the best join."""
    rng = np.random.default_rng(6)
    match = join._match
    accepted = []

    def altered(*x):
        mate, dual = match(*x)
        change = rng.integers(-2, 3, len(dual.radius)) * (rng.random(len(dual.radius)) < 0.2)
        return mate, dual._replace(radius=dual.radius + change)

    def refuse(*x):
        more = helpful(*x)
        if more.shape[1]:
            raise RuntimeError("not feasible")
        return more

    helpful = join._helpful_pairs
    monkeypatch.setattr(join, "_helpful_pairs", refuse)
    refused = 0
    for _ in range(150):
        graph = triangulation(rng, 30)
        faces = solver.faces_of(model_of(graph, couplings(rng, "integers", graph.number_of_edges())))
        problem = (
            faces.n_faces,
            faces.left,
            faces.right,
            np.abs(faces.J).astype(int),
            solver._frustrated(faces),
        )
        monkeypatch.setattr(join, "_match", match)
        monkeypatch.setattr(join, "_helpful_pairs", helpful)
        chosen, best = join.minimum_join(*problem)
        assert problem[3][chosen].sum() == best
        monkeypatch.setattr(join, "_match", altered)
        monkeypatch.setattr(join, "_helpful_pairs", refuse)
        try:
            _, bound = join.minimum_join(*problem)
        except RuntimeError:
            refused += 1
        else:
            accepted.append(bound)
            assert bound <= best
    assert refused > 30
    assert len(accepted) > 5


def test_a_bound_that_is_not_met_is_an_error(monkeypatch):
    model = model_of(grid(8, 8), couplings(np.random.default_rng(0), "signs", 112))
    value = join._value
    monkeypatch.setattr(join, "_value", lambda dual: value(dual) - 8)
    with pytest.raises(RuntimeError, match="please report"):
        planar.ground_state(model)


def test_each_condition_on_a_dual_solution_is_asked_for(monkeypatch):
    seen = []
    helpful = join._helpful_pairs
    monkeypatch.setattr(join, "_helpful_pairs", lambda *x: seen.append(x) or helpful(*x))
    planar.ground_state(model_of(grid(8, 8), couplings(np.random.default_rng(0), "signs", 112)))
    *rest, dual = seen[-1]
    n = len(dual.radius)
    # z below 0, odd, of a vertex, of an even set, and beyond 60 bits
    for node, z, size in ((n, -2, 1), (n, 1, 1), (0, 2, 1), (n, 2, 2), (n, 2**61, 1)):
        changed = {"z": dual.z.copy(), "last": dual.last.copy()}
        changed["z"][node], changed["last"][node] = z, dual.first[node] + size
        with pytest.raises(RuntimeError, match="could not be proven optimal"):
            helpful(*rest, dual._replace(**changed))


@pytest.mark.parametrize("kind", ["small", "large"])
def test_matching_and_its_dual_solution(kind):
    rng = np.random.default_rng(7)
    solved = 0
    for trial in range(150):
        n = 2 * int(rng.integers(1, 8 if trial % 5 else 30))
        i, j = np.triu_indices(n, 1)
        keep = rng.random(len(i)) < rng.uniform(0.2, 1)
        i, j = i[keep], j[keep]
        w = 4 * rng.integers(0, 5 if kind == "small" else 2**45, len(i))
        graph = nx.Graph()
        graph.add_nodes_from(range(n))
        graph.add_weighted_edges_from(zip(i.tolist(), j.tolist(), w.tolist(), strict=True))
        expected = nx.min_weight_matching(graph)
        answer = minimum_matching(n, i, j, w)
        if 2 * len(expected) < n:
            assert answer is None
            continue
        solved += 1
        assert np.array_equal(answer.mate[answer.mate], np.arange(n))
        weight = sum(graph[a][int(answer.mate[a])]["weight"] for a in range(n)) // 2
        assert weight == sum(graph[a][b]["weight"] for a, b in expected)
        holders = []
        for v in range(n):
            holders.append(set())
            b = answer.parent[v]
            while b >= 0:
                holders[-1].add(int(b))
                b = answer.parent[b]
        sizes = {b: sum(b in h for h in holders) for b in set().union(*holders)}
        assert all(size % 2 for size in sizes.values())
        assert (answer.z >= 0).all()
        for a, b, x in zip(i.tolist(), j.tolist(), w.tolist(), strict=True):
            common = sum(int(answer.z[c]) for c in holders[a] & holders[b])
            assert x - answer.radius[a] - answer.radius[b] + common >= 0
        assert weight == answer.radius.sum() - sum(
            int(answer.z[b]) * (size // 2) for b, size in sizes.items()
        )
    assert solved > 80


def test_graphs_that_are_not_planar_are_refused():
    torus = nx.convert_node_labels_to_integers(nx.grid_2d_graph(5, 5, periodic=True))
    hidden = nx.disjoint_union(grid(10, 10), nx.petersen_graph())
    for graph in (
        nx.complete_graph(5),
        nx.complete_bipartite_graph(3, 3),
        torus,
        hidden,
        nx.petersen_graph(),
    ):
        model = model_of(graph, np.ones(graph.number_of_edges()))
        with pytest.raises(ValueError, match="planar"):
            planar.ground_state(model)
        with pytest.raises(ValueError, match="planar"):
            sl.ground_state(model, "planar")
    with pytest.raises(ValueError, match=r"780 couplings of N=40 spins are more than the 3N-6 = 114"):
        sl.ground_state(sl.ensembles.sk(N=40, rng=0), "planar")
    with pytest.raises(ValueError, match=r"25 couplings .* two layers"):
        planar.ground_state(BipartiteIsing(np.ones((5, 5))))
    with pytest.raises(ValueError, match="with its fields"):
        planar.ground_state(model_of(grid(3, 3), np.ones(12), b=1.0))
    with pytest.raises(ValueError, match="to_sparse"):
        planar.refusal(sl.ensembles.hopfield(N=10_000, K=3, rng=0)) and planar.ground_state(
            sl.ensembles.hopfield(N=10_000, K=3, rng=0)
        )
    with pytest.raises(ValueError, match=r"exact\.tree"):
        planar.ground_state(model_of(grid(3, 3), np.ones(12)), degeneracy=True)


def test_two_long_faces_are_refused():
    model = model_of(nx.circular_ladder_graph(solver.MAX_FACE + 1), np.ones(3 * solver.MAX_FACE + 3))
    with pytest.raises(ValueError, match=r"more than 4000 edges \(the longest but one has 4001\).*'tree'"):
        planar.ground_state(model)
    assert sl.ground_state(model).method == "tree"
    # One long face is no trouble.
    ladder = model_of(nx.ladder_graph(5000), couplings(np.random.default_rng(0), "real", 14998))
    assert planar.ground_state(ladder).energy == pytest.approx(tree.ground_state(ladder).energy, rel=1e-13)


def test_every_form_is_taken():
    W = np.array([[1.0, -2.0, 0.5, 1.0], [1.0, 2.0, -0.25, -3.0]])  # K(2, 4) is planar
    answer = planar.ground_state(BipartiteIsing(W))
    assert answer.energy == sl.ground_state(BipartiteIsing(W), "layer").energy
    assert answer.v.shape == (2,)
    graph = nx.Graph()
    graph.add_weighted_edges_from([("a", "b", 1.0), ("b", "c", 1.0), ("c", "a", -2.0)])
    answer = planar.ground_state(graph)
    assert answer.energy == -2.0
    assert answer.assignment["a"] == -answer.assignment["c"]


def test_auto_takes_lattices_beyond_other_methods():
    graph = grid(40, 40)
    model = model_of(graph, couplings(np.random.default_rng(0), "real", graph.number_of_edges()))
    answer = sl.ground_state(model)
    assert (answer.method, answer.certified) == ("planar", True)
    assert answer.energy == pytest.approx(model.energy(answer.state), rel=1e-13)
    assert answer.bound_gap < 1e-13 * np.abs(model.J.data).sum() * 40


@pytest.mark.slow
@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("kind", ["signs", "real", "antiferromagnetic"])
def test_large_lattices(kind, periodic):
    graph = grid(100, 100, periodic)
    model = model_of(graph, couplings(np.random.default_rng(1), kind, graph.number_of_edges()))
    answer = planar.ground_state(model)
    assert answer.certified
    assert model.energy(answer.state) == pytest.approx(answer.energy, rel=1e-12)
    # Energies per site of infinite lattices; the open boundary and the sample move them by less than 0.02.
    expected = {"signs": -1.4018, "real": -1.3148}
    if kind in expected:
        assert answer.energy / 1e4 == pytest.approx(expected[kind], abs=0.02)
