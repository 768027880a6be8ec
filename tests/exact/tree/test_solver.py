"""Ground states by tree decomposition, against enumeration, known instances and closed formulas."""

from __future__ import annotations

import math
import os
from fractions import Fraction
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import scipy.sparse
from graphs import KINDS, NUMBERS, lattice, model_on, small_graph, strip
from hypothesis import given, settings
from hypothesis import strategies as st
from model_forms import FORMS, make
from naive import all_states, ground_energy_and_degeneracy

import spinlab as sl
from spinlab.exact import tree
from spinlab.exact.tree import elimination
from spinlab.models import (
    BipartiteIsing,
    DenseIsing,
    PatternIsing,
    SparseIsing,
    instance_metadata,
    load_instance,
)


def test_the_least_cost_of_two_layers_is_below_the_cost():
    # From 38 links of each unit of the small layer on, the bound knows more than the number of couplings.
    rng = np.random.default_rng(5)
    for V, H, density in [
        (2, 60, 1.0),
        (4, 80, 1.0),
        (7, 200, 1.0),
        (6, 90, 0.8),
        (12, 150, 0.6),
        (9, 39, 0.95),
    ]:
        for shape in ((V, H), (H, V)):
            model = BipartiteIsing(rng.normal(size=shape) * (rng.random(shape) < density))
            least, cost = tree.solver.least(model), tree.solver.cost(model)[0]
            assert 0 < least <= cost
    wide = BipartiteIsing(rng.normal(size=(20, 1000)))
    assert tree.solver.least(wide) > 1  # 963 tables of 2^19 entries, at 6 ns each


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("numbers", NUMBERS)
def test_small_graphs_are_solved_as_by_enumeration(kind, numbers):
    rng = np.random.default_rng([KINDS.index(kind), NUMBERS.index(numbers)])
    for trial in range(22):  # 528 in all
        model = model_on(small_graph(kind, rng), numbers, (0.0, 0.3, 1.0)[trial % 3], rng, offset=trial - 3.5)
        E0, degeneracy = ground_energy_and_degeneracy(model.couplings(), model.b, model.offset)
        answer = tree.ground_state(model, degeneracy=True)
        assert answer.certified
        assert answer.degeneracy == degeneracy
        assert answer.energy == pytest.approx(E0, rel=1e-13, abs=1e-13)
        assert answer.energy == pytest.approx(model.energy(answer.state), rel=1e-13, abs=1e-13)
        if numbers == "real":
            assert answer.energy - 1e-12 < answer.lower_bound <= answer.energy
        else:
            assert answer.energy == answer.lower_bound == E0


@pytest.mark.parametrize("fields", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("numbers", NUMBERS)
def test_tables_of_several_blocks(fields, numbers):
    """Widths of 12 and more: above 11 tables are halved where there are no fields."""
    rng = np.random.default_rng(int(10 * fields))
    for graph in (nx.gnp_random_graph(17, 0.9, seed=2), nx.complete_graph(16)):
        model = model_on(graph, numbers, fields, rng)
        assert elimination.plan(model).width > 11
        E0, degeneracy = ground_energy_and_degeneracy(model.couplings(), model.b)
        answer = tree.ground_state(model, degeneracy=True)
        assert answer.energy == pytest.approx(E0, rel=1e-13)
        assert answer.degeneracy == degeneracy
        assert model.energy(answer.state) == pytest.approx(E0, rel=1e-13)


@pytest.mark.parametrize("fields", [0.0, 0.2])
def test_enumeration_of_larger_models_agrees(fields):
    rng = np.random.default_rng(2)
    for graph in (
        nx.random_regular_graph(3, 24, seed=1),
        lattice(5, 5, True),
        nx.gnp_random_graph(22, 0.4, seed=3),
    ):
        for numbers in NUMBERS:
            model = model_on(graph, numbers, fields, rng)
            a = tree.ground_state(model, degeneracy=True)
            b = sl.ground_state(model, "enumeration", degeneracy=True)
            assert a.energy == pytest.approx(b.energy, rel=1e-14)
            assert a.degeneracy == b.degeneracy


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("integer", [False, True])
def test_every_form_of_model(form, integer):
    case = make(form, integer, fields=True)
    E0, _ = ground_energy_and_degeneracy(case.J, case.b, case.offset)
    answer = tree.ground_state(case.model)
    assert answer.energy == pytest.approx(E0, rel=1e-13)
    assert answer.n_visible == getattr(case.model, "V", None)


def test_labels_are_kept():
    graph = nx.Graph()
    graph.add_weighted_edges_from([("a", "b", 1.0), ("b", "c", -2.0)])
    answer = tree.ground_state(graph)
    assert answer.assignment["a"] == answer.assignment["b"] == -answer.assignment["c"]
    assert tree.ground_state([[0, 1], [1, 0]]).energy == -1


def exact_energy(model, s):
    i, j, J = model.edges()
    terms = [-Fraction(x) * int(s[a] * s[b]) for a, b, x in zip(i, j, J, strict=True)]
    return sum(terms, Fraction(model.offset)) - sum(
        Fraction(x) * int(y) for x, y in zip(model.b, s, strict=True)
    )


def test_the_lower_bound_holds_in_exact_arithmetic():
    """Couplings over twenty decades, where sums in float64 lose their small terms."""
    rng = np.random.default_rng(4)
    for trial in range(20):
        n = 7
        i, j = np.array(list(nx.gnp_random_graph(n, 0.6, seed=trial).edges)).T
        J = rng.normal(size=len(i)) * 10.0 ** rng.integers(-10, 10, len(i))
        b = rng.normal(size=n) * 10.0 ** rng.integers(-10, 10, n) * (trial % 2)
        model = SparseIsing.from_edges(i, j, J, n, b, offset=rng.normal())
        answer = tree.ground_state(model)
        E0 = min(exact_energy(model, s) for s in all_states(n))
        assert Fraction(answer.lower_bound) <= E0
        size = np.abs(J).sum() + np.abs(b).sum()
        assert exact_energy(model, answer.state) - E0 <= 2e-14 * size
        assert answer.bound_gap <= 2e-14 * size


def cactus(n_triangles):
    """A chain of antiferromagnetic triangles, each sharing a corner with the next: 2 3^n ground states."""
    corners = 2 * np.arange(n_triangles)
    i = np.concatenate([corners, corners, corners + 1])
    j = np.concatenate([corners + 1, corners + 2, corners + 2])
    return SparseIsing.from_edges(i, j, -np.ones(3 * n_triangles), 2 * n_triangles + 1)


@pytest.mark.parametrize("n", [1, 30, 40, 100, 700])  # 2^53 is passed at 33, the range of float64 at 646
def test_huge_degeneracies_are_exact(n):
    answer = tree.ground_state(cactus(n), degeneracy=True)
    assert answer.energy == -n
    assert answer.degeneracy == 2 * 3**n


def test_degeneracies_of_components_multiply():
    """One spin and two cacti, beside ten spins that are coupled to nothing."""
    parts = [cactus(1).J, cactus(50).J, scipy.sparse.csr_array((10, 10))]
    model = SparseIsing(scipy.sparse.block_diag(parts, format="csr"))
    assert tree.ground_state(model, degeneracy=True).degeneracy == 6 * 2 * 3**50 * 2**10


def test_a_number_of_states_with_thousands_of_digits_is_refused():
    with pytest.raises(ValueError, match=r"number of ground states may have 33\d\d digits.*log_partition"):
        tree.ground_state(cactus(7000), degeneracy=True)
    assert tree.ground_state(cactus(7000)).energy == -7000


def test_real_couplings_are_counted_only_if_the_ground_state_is_unique():
    rng = np.random.default_rng(5)
    assert tree.ground_state(strip(30, 6, rng, numbers="real"), degeneracy=True).degeneracy == 2
    assert tree.ground_state(strip(30, 6, rng, 0.5, "real"), degeneracy=True).degeneracy == 1
    # An unsatisfied bond may sit on any side of the square; the pendant one spoils the common unit.
    tied = SparseIsing.from_edges([0, 1, 2, 0, 0], [1, 2, 3, 3, 4], [-0.3, 0.3, 0.3, 0.3, math.pi], 5)
    with pytest.raises(ValueError, match=r"tree cannot count.*second state.*enumeration"):
        tree.ground_state(tied, degeneracy=True)
    assert tree.ground_state(tied).energy == pytest.approx(-0.6 - math.pi)


@pytest.mark.parametrize(
    "model",
    [
        # Three spins: six states by the rounded couplings -1, four by -1 - 2^-60 in one of them.
        PatternIsing([[1, 1, 1], [2.0**-30, 2.0**-30, 0]], -1.0),
        # J = 0, computed as 1: two states instead of four.
        PatternIsing([[2.0**27 + 1, 2.0**27 - 1], [2.0**53, -1], [2.0**53 - 1, -1]]),
        # The two weakest bonds of a frustrated ring are equal, and the sums of the tables are not.
        SparseIsing.from_edges([0, 1, 2, 3, 4, 0], [1, 2, 3, 4, 0, 5], [-0.9, 1.04, 1.81, 1.02, 0.9, 3.1], 6),
    ],
    ids=["patterns", "cancelling patterns", "ring"],
)
def test_states_within_the_rounding_are_not_counted(model):
    with pytest.raises(ValueError, match="second state lies within the rounding"):
        tree.ground_state(model, degeneracy=True)


def test_multiples_of_a_number_are_counted():
    """0.1, 0.2 and 0.3 are no multiples of one float, but of one number up to rounding."""
    model = SparseIsing.from_edges([0, 1, 0], [1, 2, 2], [-0.1, 0.2, 0.3], 3, [0.1, 0.0, 0.0])
    _, degeneracy = ground_energy_and_degeneracy(model.couplings(), model.b)
    assert tree.ground_state(model, degeneracy=True).degeneracy == degeneracy


@pytest.mark.parametrize(
    ("graph", "width"),
    [
        (nx.empty_graph(30), 0),
        (nx.path_graph(50), 1),
        (nx.star_graph(50), 1),
        (nx.random_labeled_tree(60, seed=1), 1),
        (nx.cycle_graph(40), 2),
        (nx.complete_graph(20), 19),
        (nx.complete_bipartite_graph(4, 40), 4),
        (nx.wheel_graph(30), 3),
    ],
)
def test_the_width_of_known_graphs_is_found(graph, width):
    model = model_on(graph, "signs", 0.0, np.random.default_rng(0))
    assert elimination.plan(model).width == width


@pytest.mark.parametrize(("rows", "columns"), [(6, 40), (40, 7), (20, 16)])
def test_the_work_on_a_strip_is_at_most_that_of_a_sweep_along_it(rows, columns):
    """Sites in any order, as from a file: sum 2^|S_i| of a sweep by columns is about N 2^width."""
    found = elimination.plan(strip(rows, columns, np.random.default_rng(0), fields=1.0))
    assert found.steps.size.sum() <= rows * columns * 2 ** min(rows, columns)


@pytest.mark.parametrize("seed", range(20))
def test_the_scopes_are_those_of_the_elimination(seed):
    """Eliminated by hand: neighbours are joined and the spin is removed."""
    model = model_on(nx.gnm_random_graph(40, 55, seed=seed), "signs", 0.05, np.random.default_rng(seed))
    found = elimination.plan(model)
    steps = found.steps
    graph = nx.Graph()
    graph.add_nodes_from(range(40))
    graph.add_edges_from(zip(*model.edges()[:2], strict=True))
    components = {v: c for c in nx.connected_components(graph) for v in c}
    assert sorted(steps.order) == list(range(40))
    for i, v in enumerate(steps.order.tolist()):
        scope = steps.scope[steps.start[i] : steps.start[i + 1]]
        assert set(steps.order[scope]) == set(graph[v])
        assert np.all(np.diff(scope) > 0)
        assert steps.parent[i] == (scope[0] if len(scope) else -1)
        graph.add_edges_from((a, b) for a in graph[v] for b in graph[v] if a < b)
        graph.remove_node(v)
    assert found.width == np.diff(steps.start).max()
    for i, v in enumerate(steps.order.tolist()):
        assert steps.even[i] == (not model.b[list(components[v])].any())


def test_large_sparse_graphs():
    rng = np.random.default_rng(6)
    n = 100_000
    J = rng.normal(size=n - 1)
    chain = SparseIsing.from_edges(np.arange(n - 1), np.arange(1, n), J, n)
    answer = tree.ground_state(chain)
    assert answer.energy == pytest.approx(-np.abs(J).sum(), rel=1e-14)
    hub = SparseIsing.from_edges(np.zeros(n - 1), np.arange(1, n), J, n)  # many tables meet in one step
    assert tree.ground_state(hub).energy == pytest.approx(-np.abs(J).sum(), rel=1e-14)
    spokes = (
        np.append(np.zeros(n - 1), np.arange(1, n)),
        np.append(np.arange(1, n), np.roll(np.arange(1, n), 1)),
    )
    wheel = SparseIsing.from_edges(np.minimum(*spokes), np.maximum(*spokes), np.ones(2 * n - 2), n)
    assert tree.ground_state(wheel).energy == -2 * (n - 1)


def test_threads_change_nothing():
    model = strip(18, 17, np.random.default_rng(7), 0.3, "real")
    assert elimination.plan(model).steps.size.max() >= 2**16  # otherwise nothing is shared out
    one, three = (tree.ground_state(model, degeneracy=True, threads=t) for t in (1, 3))
    assert (one.energy, one.lower_bound, one.degeneracy) == (
        three.energy,
        three.lower_bound,
        three.degeneracy,
    )
    np.testing.assert_array_equal(one.state, three.state)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), fields=st.sampled_from([0.0, 0.5]), integer=st.booleans())
def test_gauge_and_permutation(seed, fields, integer):
    rng = np.random.default_rng(seed)
    model = strip(3, 5, rng, fields, "integer" if integer else "real", periodic=True)
    i, j, J = model.edges()
    n = model.n_spins
    answer = tree.ground_state(model, degeneracy=True)
    g = rng.choice([-1, 1], n)
    gauged = tree.ground_state(SparseIsing.from_edges(i, j, J * g[i] * g[j], n, model.b * g), degeneracy=True)
    p = rng.permutation(n)
    b = np.empty(n)
    b[p] = model.b
    moved = tree.ground_state(
        SparseIsing.from_edges(np.minimum(p[i], p[j]), np.maximum(p[i], p[j]), J, n, b), degeneracy=True
    )
    for other in (gauged, moved):
        assert other.energy == pytest.approx(answer.energy, rel=1e-14)
        assert other.degeneracy == answer.degeneracy


def test_the_front_door_takes_this_method_for_sparse_graphs_alone():
    model = strip(10, 10, np.random.default_rng(1), fields=0.5, periodic=True)
    answer = sl.ground_state(model)
    assert (answer.method, answer.certified) == ("tree", True)
    assert "tree" in answer.reason
    lnZ = sl.log_partition(model, 50.0)
    assert lnZ == pytest.approx(-50 * answer.energy, abs=math.log(2) * 100)
    assert sl.ground_state(sl.ensembles.sk(N=20, rng=0)).method != "tree"
    assert sl.ground_state(sl.ensembles.rbm_gaussian(V=8, H=1000, rng=0)).method != "tree"
    with pytest.raises(ValueError, match="tree eliminates spins one by one"):
        tree.ground_state(sl.ensembles.sk(N=70, rng=0))


def test_couplings_of_zero_are_no_edges():
    dense = DenseIsing(np.zeros((40, 40)), 1.0)
    answer = tree.ground_state(dense, degeneracy=True)
    assert (answer.energy, answer.degeneracy) == (-40.0, 1)
    full = nx.complete_graph(40)
    i, j = np.array(list(full.edges)).T
    model = SparseIsing.from_edges(i, j, (j == i + 1).astype(float), 40)
    assert elimination.plan(model).width == 1
    assert tree.ground_state(model).energy == -39


def test_wide_graphs_are_refused_with_an_estimate():
    rng = np.random.default_rng(8)
    with pytest.raises(
        ValueError, match=r"width 3\d, tables of .* GiB and about .*limit is width 28.*dynamics"
    ):
        tree.ground_state(strip(31, 31, rng))
    with pytest.raises(ValueError, match=r"width 2\d, tables of .* GiB and about .* minutes.*7e\+10 entries"):
        tree.ground_state(strip(28, 80, rng))
    with pytest.raises(ValueError, match=r"width above 40, tables of 2\*\*40.*limit is width 28"):
        tree.ground_state(strip(60, 60, rng))
    with pytest.raises(ValueError, match=r"2415 couplings of 70 spins mean a width of 69 at least"):
        tree.ground_state(sl.ensembles.sk(N=70, rng=0))
    with pytest.raises(ValueError, match=r"of the 8000 couplings between its layers.*'layer'"):
        tree.ground_state(sl.ensembles.rbm_gaussian(V=8, H=1000, rng=0))
    with pytest.raises(ValueError, match=r"to_sparse"):
        tree.ground_state(sl.ensembles.hopfield(N=2000, K=3, rng=0))
    assert tree.cost(sl.ensembles.sk(N=70, rng=0)).seconds == math.inf


def test_tables_beyond_the_memory_are_refused(monkeypatch):
    model = strip(18, 17, np.random.default_rng(9))
    pages = {"SC_PHYS_PAGES": 100, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)
    with pytest.raises(
        ValueError,
        match=r"tree: an elimination of width 1[78] needs about .* GiB of memory, this machine has",
    ):
        tree.ground_state(model)


@pytest.mark.parametrize("bad", [None, "J", [[0, 1], [2, 0]], [[0, np.nan], [np.nan, 0]]])
def test_bad_models_are_refused(bad):
    with pytest.raises((TypeError, ValueError)):
        tree.ground_state(bad)


def instances(family):
    root = os.environ.get("SPINLAB_DATA")
    if not root:
        pytest.skip("SPINLAB_DATA names no folder with the shared instances")
    files = sorted(Path(root, "instances", family).glob("*.txt"))
    assert files
    return files


@pytest.mark.parametrize("family", ["biqmac_torus2d", "chimera_power"])
def test_known_instances(family):
    """10 x 10 tori with Gaussian couplings rounded to integers, and chimera graphs with fields."""
    for path in instances(family):
        model = load_instance(path)
        answer = tree.ground_state(model, degeneracy=not model.has_fields)
        assert answer.certified
        assert answer.energy == answer.lower_bound == instance_metadata(path)["known_ground_energy"]
        assert answer.degeneracy == (None if model.has_fields else 2)


def solve_or_refuse(paths, seconds):
    """How many are solved to the known energy; those above ``seconds`` by estimate are left out."""
    solved = 0
    for path in paths:
        model = load_instance(path)
        if tree.refusal(model):
            with pytest.raises(ValueError, match=r"tree .*width.*limit is width 28"):
                tree.ground_state(model)
        elif tree.cost(model)[0] < seconds:
            assert tree.ground_state(model).energy == instance_metadata(path)["known_ground_energy"]
            solved += 1
    return solved


def test_thinned_graphs_are_solved_and_dense_ones_refused():
    """Maximum cut on random graphs of 10 to 50 vertices with half of all edges."""
    assert solve_or_refuse(instances("mc50_hamerly")[::4], 0.2) >= 7


@pytest.mark.slow
def test_every_shared_instance_is_solved_or_refused():
    families = sorted(path.name for path in instances("mc50_hamerly")[0].parent.parent.iterdir())
    assert sum(solve_or_refuse(instances(family), 60.0) for family in families) >= 50
