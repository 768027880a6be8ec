"""Small first calls without machine code: both ways of each give the same bits, and end as they should."""

from __future__ import annotations

import os
import subprocess
import sys

import networkx as nx
import numpy as np
import pytest

import spinlab as sl
from spinlab._core import interpreted as module
from spinlab._core.interpreted import interpreted, small_call
from spinlab._core.jit import kernel
from spinlab.exact.lowrank import threshold_functions
from spinlab.exact.lowrank.zonotope import quadratic, sum_of_sizes
from spinlab.exact.tree import buckets, elimination
from spinlab.rbm.training import optimisers


def graphs():
    yield nx.empty_graph(1)
    yield nx.empty_graph(5)
    yield nx.path_graph(40)
    yield nx.star_graph(50)
    yield nx.complete_graph(12)
    yield nx.complete_graph(45)  # wider than any order that is kept
    yield nx.grid_2d_graph(6, 6)
    yield nx.grid_2d_graph(11, 11)
    yield nx.disjoint_union(nx.cycle_graph(7), nx.grid_2d_graph(3, 9))
    for seed in range(8):
        yield nx.gnp_random_graph(30, 0.03 * (seed + 1), seed=seed)
        yield nx.random_regular_graph(3, 20, seed=seed)


def neighbours(graph):
    edges = np.array(nx.convert_node_labels_to_integers(graph).edges, int).reshape(-1, 2)
    i, j = np.sort(edges, axis=1).T
    return elimination._neighbours(i, j, len(graph))[1:]


def same(a, b):
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)
        assert np.asarray(x).dtype == np.asarray(y).dtype


@pytest.mark.parametrize("graph", list(graphs()), ids=str)
@pytest.mark.filterwarnings("ignore:overflow encountered in scalar")  # of unsigned numbers, as meant
def test_orders(graph):
    indptr, indices = neighbours(graph)
    for rule in (elimination._MIN_DEGREE, elimination._MIN_FILL):
        for seed, most in ((0, np.inf), (3, np.inf), (5, 100.0)):
            compiled = elimination._greedy(indptr, indices, rule, seed, most)
            order, work = interpreted(elimination._greedy)(indptr, indices, rule, seed, most)
            assert work == compiled[1]
            if np.isfinite(work):
                np.testing.assert_array_equal(order, compiled[0])
            else:
                continue
            for bound in (np.inf, work / 2):
                scopes = [
                    f(indptr, indices, order, bound)
                    for f in (elimination._scopes, interpreted(elimination._scopes))
                ]
                assert scopes[0][3] == scopes[1][3]
                if np.isfinite(scopes[0][3]):
                    same(*scopes)


@pytest.mark.parametrize("fields", [False, True])
def test_solutions(fields, monkeypatch):
    """The rest of the plan and the trace of the state, through the public function."""
    found = []
    for run in (lambda kernel, *args: kernel(*args), lambda kernel, *args: interpreted(kernel)(*args)):
        monkeypatch.setattr(elimination, "small_call", run)
        monkeypatch.setattr(buckets, "small_call", run)
        answers = []
        for seed in range(4):
            graph = nx.grid_2d_graph(5, 4 + seed)
            rng = np.random.default_rng(seed)
            J = rng.choice([-1.0, 1.0], graph.number_of_edges())
            i, j = np.sort(np.array(nx.convert_node_labels_to_integers(graph).edges), axis=1).T
            b = rng.standard_normal(len(graph)) if fields else None
            with np.errstate(over="ignore"):
                gs = sl.ground_state(sl.models.SparseIsing.from_edges(i, j, J, len(graph), b=b), "tree")
            answers.append((gs.energy, gs.state))
        found.append(answers)
    for a, b in zip(*found, strict=True):
        assert a[0] == b[0]
        np.testing.assert_array_equal(a[1], b[1])


@pytest.mark.parametrize("K", range(1, 7))
def test_threshold_functions_by_arrays(K):
    """Ties too: of equal functions both ways return the same."""
    rng = np.random.default_rng(K)
    for groups in (0, 1, 7):
        for even in (True, False):
            for tied in (True, False):
                U = (
                    rng.integers(-2, 3, (groups, K)).astype(float)
                    if tied
                    else rng.standard_normal((groups, K))
                )
                group = np.sort(rng.integers(0, max(groups, 1), 3 * groups))
                t = np.zeros(len(group)) if even else rng.standard_normal(len(group)).round(1)
                c = rng.standard_normal(K) if tied != even else np.zeros(K)
                F = sum_of_sizes(c, U, group, t) if groups else quadratic(np.diag(np.ones(K)), c)
                weights = threshold_functions.weights(K)[:400]
                counts = rng.integers(-9, 10, 1 << (K - 1)).astype(float)
                n = np.repeat(counts[:, None], threshold_functions._LANES, axis=1)
                by_kernel = n.copy()
                threshold_functions._transform(by_kernel, np.empty_like(n))
                interpreted(threshold_functions._transform)(n, np.empty_like(n))
                np.testing.assert_array_equal(n, by_kernel)
                a = threshold_functions._search(weights, n, F, even)
                b = threshold_functions._search_by_arrays(weights, n, F, even)
                assert a == b


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("optimiser", [sl.rbm.SGD(weight_decay=0.1), sl.rbm.SGD(0.9, 0.1), sl.rbm.Adam(0.9)])
def test_optimisers(optimiser, kind, monkeypatch):
    """Steps of small machines by arrays, those of large ones by kernels."""

    class Machine:
        decayed = ("W",)
        xp = np

    results = []
    for small in (0, 1 << 12):
        monkeypatch.setattr(optimisers, "_SMALL", small)
        optimiser.load_state_dict({})
        rng, machine = np.random.default_rng(1), Machine()
        machine.parameters = {"W": rng.standard_normal((5, 7)).astype(kind), "b": np.ones(4, kind)}
        for t in range(1, 6):
            gradient = {
                name: rng.standard_normal(x.shape).astype(kind) for name, x in machine.parameters.items()
            }
            assert optimiser.step(machine, gradient, 0.3, t, t)
        results.append(list(machine.parameters.values()))
        gradient["b"][0] = np.nan
        assert not optimiser.step(machine, gradient, 0.3, 6, 6)
        gradient = {name: np.full_like(x, 3e38) for name, x in machine.parameters.items()}
        assert not optimiser.step(machine, gradient, 1e30, 7, 7)  # and no warning
    optimiser.load_state_dict({})
    same(*results)


def test_the_interpreter_is_left_after_a_while(monkeypatch, tmp_path):
    @kernel
    def one_more(x):
        return x + 1

    monkeypatch.setattr(type(one_more._cache), "is_stored", lambda self: False)
    monkeypatch.setattr(module, "_spent", 0.0)
    assert small_call(one_more, 1) == 2
    assert small_call(one_more, 1, instead=lambda x: x + 1) == 2
    assert not one_more.overloads
    assert module._spent > 0
    monkeypatch.setattr(module, "_spent", 1.0)
    assert small_call(one_more, 1) == 2
    assert len(one_more.overloads) == 1
    monkeypatch.setattr(module, "_spent", 0.0)
    assert small_call(one_more, 2, instead=None) == 3
    assert module._spent == 0.0  # compiled, so it stays with the compiled one


def test_a_kernel_can_wait_for_half_a_second_in_all(monkeypatch):
    @kernel
    def one_more(x):
        return x + 1

    monkeypatch.setattr(type(one_more._cache), "is_stored", lambda self: False)
    monkeypatch.setattr(module, "_spent", 0.0)
    assert [module.can_wait(one_more, x) for x in (0.3, 0.3, 0.1, 0.2)] == [True, False, True, False]
    one_more(1)
    assert not module.can_wait(one_more, 0.0)
    monkeypatch.setattr(module, "is_compiled", lambda kernel: False)
    assert module.can_wait(one_more, 0.0)
    module.compile_all()
    assert not module.can_wait(one_more, 0.0)


@pytest.mark.parametrize(
    ("sampler", "dtype"),
    [("gibbs", "float64"), ("gibbs", "float32"), ("metropolis", "float64"), ("parallel_tempering", None)],
)
def test_dense_models_with_lanes_and_without(monkeypatch, sampler, dtype):
    """Fields, zeros among them, a site more than a tile, and a last group of chains that is not full."""
    from spinlab.dynamics import _single_spin

    rng = np.random.default_rng(3)
    J = np.triu(rng.normal(size=(65, 65)) * (rng.random((65, 65)) < 0.5), 1)
    model = sl.models.DenseIsing(J + J.T, rng.integers(-1, 2, 65))
    options = {"n_steps": 70, "n_chains": 21, "record_every": 7, "rng": 4}
    options |= {"beta": 0.2, "dtype": dtype} if dtype else {"betas": [0.05, 0.4]}
    asked, found = [], []
    for answer in (True, False):
        monkeypatch.setattr(
            _single_spin, "can_wait", lambda *args, answer=answer: asked.append(args) or answer
        )
        found.append(getattr(sl.dynamics, sampler)(model, **options))
    assert len(asked) >= 2
    for name in ("states", "energy", "samples", *(("moved",) if dtype else ())):
        np.testing.assert_array_equal(getattr(found[0], name), getattr(found[1], name), err_msg=name)


@pytest.mark.parametrize("kind", ["signs", "real", "ra_rbm"])
@pytest.mark.parametrize("sampler", ["gibbs", "metropolis", "parallel_tempering"])
def test_pattern_models_with_lanes_and_without(monkeypatch, kind, sampler):
    """Exact sums and rounded ones, refreshed overlaps, and a last group of chains that is not full."""
    from spinlab.dynamics import _single_spin

    rng = np.random.default_rng(3)
    xi = rng.choice([-1.0, 1.0], (13, 4)) if kind == "signs" else rng.normal(size=(13, 3))
    model = (
        sl.ensembles.ra_rbm(9, 4, 3, rng=5) if kind == "ra_rbm" else sl.models.PatternIsing(xi.T, b=xi[:, 0])
    )
    options = {"n_steps": 270, "n_chains": 21, "record_every": 9, "rng": 4}
    options |= {"beta": 0.7} if sampler != "parallel_tempering" else {"betas": [0.3, 1.1]}
    found, kinds = [], []
    for answer in (True, False):
        monkeypatch.setattr(_single_spin, "can_wait", lambda *args, answer=answer: answer)
        for name in ("SlowPatternWalkers", "PatternWalkers"):
            of = getattr(_single_spin, name)
            monkeypatch.setattr(
                _single_spin, name, lambda *args, of=of, name=name: kinds.append(name) or of(*args)
            )
        found.append(getattr(sl.dynamics, sampler)(model, **options))
        kinds.append("")
    assert set(kinds[: kinds.index("")]) == {"SlowPatternWalkers"}
    assert set(kinds[kinds.index("") + 1 : -1]) == {"PatternWalkers"}
    also = ("mean_energy", "energy_variance") if sampler == "parallel_tempering" else ("moved",)
    for name in ("states", "energy", "samples", *also):
        np.testing.assert_array_equal(getattr(found[0], name), getattr(found[1], name), err_msg=name)


def test_the_interpreted_kernel_calls_no_compiled_one():
    assert interpreted(elimination._greedy).__globals__["_has"] is interpreted(elimination._has)
    assert elimination._greedy.py_func.__globals__["_has"] is elimination._has  # and the module is as before


def test_a_small_lattice_compiles_no_graph_kernel(tmp_path):
    code = (
        "import spinlab as sl\n"
        "from spinlab._core import interpreted\n"
        "interpreted._SECONDS = 60.0\n"  # a loaded machine has slow processors, too
        "from spinlab.exact.tree import elimination as e\n"
        "for shape in ((3, 12), (12, 12)):\n"
        "    e.plan(sl.ensembles.edwards_anderson(shape=shape, periodic=False, rng=0))\n"
        "print([k.__name__ for k in (e._greedy, e._scopes, e._places, e._postorder) if k.overloads])"
    )
    env = {**os.environ, "SPINLAB_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    assert done.stdout == "[]\n", done.stderr
