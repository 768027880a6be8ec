"""Inequalities of five spins joined by walks: valid for every state, violated where they are looked for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import spinlab as sl
from spinlab.exact import branching, verify
from spinlab.exact.branching.cliques import violated_cliques
from spinlab.exact.branching.odd_cycles import make_graph
from spinlab.exact.proof.verify import _largest


def all_cuts(n, i, j):
    """x of every state, shape (2^(n-1), edges)."""
    bits = np.arange(1 << (n - 1))[:, None] >> np.arange(n) & 1
    return bits[:, i] ^ bits[:, j]


def test_the_complete_graph_of_five():
    i, j = np.triu_indices(5, 1)
    rows = violated_cliques(make_graph(5, i, j), np.full(10, 2 / 3), 0.01, 10)
    assert len(rows) == 1
    assert rows.threshold == 4
    assert sorted(rows.edges.tolist()) == list(range(10))
    assert (rows.weights == 1).all()  # sum of (1 - x) >= 4: at most six of ten edges are cut


@pytest.mark.parametrize("seed", range(4))
def test_rows_hold_for_every_state_and_not_at_x(seed):
    """Six spins joined by single bonds and, seven pairs of them, by chains of two, in a random gauge."""
    rng = np.random.default_rng(seed)
    n, total = 13, 0
    for _ in range(10):
        order = rng.permutation(15)
        a, b = np.triu_indices(6, 1)
        chained, middle = order[:7], np.arange(6, 13)
        i = np.r_[a[order[7:]], a[chained], b[chained]]
        j = np.r_[b[order[7:]], middle, middle]
        x = np.r_[np.full(8, 2 / 3), np.full(7, 5 / 6), np.full(7, 1 / 6)] + 0.02 * rng.normal(size=22)
        cuts = all_cuts(n, i, j)
        x = np.where(cuts[rng.integers(len(cuts))], 1 - x, x)
        rows = violated_cliques(make_graph(n, i, j), x, 0.02, 50)
        total += len(rows)
        for begin, end in pairwise(rows.starts):
            e, w = rows.edges[begin:end], rows.weights[begin:end]
            side = w[w > 0].sum() - rows.threshold
            assert len(set(e.tolist())) == len(e)
            assert (cuts[:, e] @ w).max() <= side
            assert x[e] @ w > side + 0.015
    assert total > 20


def test_the_verifier_finds_the_largest_sum():
    rng = np.random.default_rng(5)
    for _ in range(200):
        n = int(rng.integers(2, 10))
        i, j = np.triu_indices(n, 1)
        kept = rng.random(len(i)) < rng.choice([0.2, 0.5, 1.0])
        i, j, w = i[kept], j[kept], rng.integers(-3, 4, int(kept.sum()))
        largest = int((all_cuts(n, i, j) @ w).max()) if len(i) else 0
        assert _largest(list(zip(i.tolist(), j.tolist(), w.tolist(), strict=True))) == largest


def test_cliques_close_what_cycles_leave_open(monkeypatch):
    pytest.importorskip("highspy")
    from spinlab.exact.branching import cycles

    model = sl.ensembles.edwards_anderson(shape=(5, 5, 5), law="pm1", rng=1, periodic=True)
    answer = branching.ground_state(model, certificate=True)
    assert answer.certified
    assert "1 nodes" in answer.reason
    assert len(answer.certificate.local_multipliers) > 0
    assert verify(model, answer.certificate).certified
    monkeypatch.setattr(cycles, "_CLIQUE_EDGES", 0)
    alone = branching.ground_state(model, nodes=1)
    assert alone.energy == answer.energy
    assert alone.lower_bound < answer.lower_bound


def test_a_partial_proof_with_cliques_resumes(tmp_path):
    pytest.importorskip("highspy")
    i, j = np.triu_indices(7, 1)
    model = sl.models.SparseIsing.from_edges(i, j, -np.ones(len(i)), 7)
    begun = branching.ground_state(model, relaxation="cycles", certificate=True, nodes=1).certificate
    begun.save(tmp_path / "begun.npz")
    loaded = sl.exact.load_certificate(tmp_path / "begun.npz")
    assert len(loaded.local_multipliers) > 0
    answer = branching.ground_state(model, relaxation="cycles", resume=loaded, certificate=True)
    assert answer.energy == 21 - 2 * 12
    assert answer.certified
    assert verify(model, answer.certificate).certified


def test_a_proof_compiles_what_it_takes(monkeypatch):
    """A lattice none of the dense kernels, which take seconds, and the cliques' first where a clock runs."""
    pytest.importorskip("highspy")
    calls = []
    prepared = branching.solver.compile_kernels.__wrapped__
    monkeypatch.setattr("spinlab.exact.branching.solver.Dense", lambda *args: calls.append("dense"))
    monkeypatch.setattr(
        "spinlab.exact.branching.cliques.violated_cliques", lambda *args: calls.append("cliques")
    )
    prepared("cycles")
    assert not calls
    prepared("cycles", cliques=True)
    assert calls == ["cliques"]

    asked = []
    monkeypatch.setattr(
        "spinlab.exact.branching.solver.compile_kernels",
        lambda relaxation, cliques=False: asked.append((relaxation, cliques)),
    )
    lattice = sl.ensembles.edwards_anderson(shape=(3, 3, 3), law="pm1", rng=0)
    branching.ground_state(lattice, relaxation="cycles", seconds=5.0)
    branching.ground_state(lattice, relaxation="cycles")
    assert asked == [("cycles", True), ("cycles", False), ("cycles", False)]
