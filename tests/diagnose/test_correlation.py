"""Correlations of replicas on lattices, states that last, and signs that are not random."""

from __future__ import annotations

import itertools
import math
import sys
from dataclasses import replace
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

import spinlab as sl
from spinlab.diagnose import diagnose
from spinlab.diagnose.bethe import growth
from spinlab.diagnose.correlation import reach
from spinlab.diagnose.decision import NAMES, Numbers, far, ordered, shares
from spinlab.diagnose.report import above_random_signs
from spinlab.diagnose.weights import WEIGHTS

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import phase_families
import second_unseen


def all_states(N):
    return 2 * ((np.arange(2**N)[:, None] >> np.arange(N)) & 1).astype(np.int8) - 1


def torus(L, J):
    return phase_families.lattice((L, L), J)


def test_reach_is_that_of_exact_correlations():
    # Independent replicas drawn from all 2^12 states of a 3 x 4 torus: chi(k) = sum v_i v_j <s_i s_j>^2.
    rng = np.random.default_rng(0)
    model = phase_families.lattice((3, 4), lambda n: rng.normal(size=n))
    s = all_states(12)
    p = np.exp(0.5 * np.einsum("ri,ij,rj->r", s, np.array(model.couplings()), s) / 1.5)
    p /= p.sum()
    C2 = ((s.T * p) @ s) ** 2
    # The lowest waves: cos and sin around the longer side, 2 - 2 cos(pi/2) against 2 - 2 cos(2 pi/3).
    y = np.tile(np.arange(4), 3)
    waves = np.stack([np.cos(np.pi * y / 2), np.sin(np.pi * y / 2)])
    waves /= np.linalg.norm(waves, axis=1, keepdims=True)
    exact = C2.sum() / 12 / np.mean([v @ C2 @ v for v in waves]) - 1
    found = [reach(model, s[rng.choice(len(s), (200, 8), p=p)]) for _ in range(8)]
    error = np.std(found, ddof=1) / math.sqrt(8)
    assert error < 0.1 * exact
    assert np.mean(found) == pytest.approx(exact, abs=5 * error)  # chance 1e-3 for seven degrees of freedom


def test_reach_of_order_and_of_independent_spins():
    model = torus(8, np.ones)
    assert reach(model, np.ones((3, 4, 64), np.int8)) == math.inf
    free = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), (400, 8, 64))
    assert reach(model, free) == pytest.approx(0, abs=0.1)  # five errors of 1.4/sqrt(400 x 28 x ~1/10)


@pytest.mark.parametrize("graph", [nx.gnm_random_graph(12, 30, seed=1), nx.complete_bipartite_graph(2, 9)])
def test_growth_along_walks_is_an_eigenvalue(graph):
    rng = np.random.default_rng(0)
    i, j = np.array(graph.edges).T
    model = sl.models.SparseIsing.from_edges(i, j, np.ones(len(i)), len(graph))
    J = model.to_sparse()._J
    free = rng.random(len(graph)) + 0.5
    row = np.repeat(np.arange(len(graph)), np.diff(J.indptr))
    weight = free[row] * free[J.indices]
    walks = [(a, b) for a, b in [*zip(i, j, strict=True), *zip(j, i, strict=True)]]
    B = np.array([[free[a] * free[b] * (d == a and c != b) for c, d in walks] for a, b in walks])
    # Steps between two kinds of sites alternate; two of them have the eigenvalue's square.
    assert growth(J, weight) == pytest.approx(np.abs(np.linalg.eigvals(B)).max(), rel=1e-3)
    star = sl.models.SparseIsing.from_edges(np.zeros(5, int), np.arange(1, 6), np.ones(5), 6).to_sparse()._J
    assert growth(star, np.ones(10)) == 0.0


@pytest.mark.parametrize(("beta", "binds"), [(1.0, True), (8.0, False)])
def test_a_bound_on_the_chance_that_random_signs_reach_ln_Z(beta, binds):
    # Every choice of signs, every state: the chance is counted; hot, unfrustrated signs are above the mean.
    size, graph = beta * np.array([0.3, 0.9, 0.7, 0.6, 0.5, 0.4]), list(itertools.combinations(range(4), 2))
    i, j = np.array(graph).T
    s = all_states(4)
    signs = np.array(list(itertools.product((-1, 1), repeat=6)))
    log_Z = np.log(np.exp((s[:, i] * s[:, j] * size) @ signs.T).sum(0))
    model = sl.models.SparseIsing.from_edges(i, j, size, 4)
    above = np.array([above_random_signs(model, x) for x in log_Z])
    mean = math.log(np.exp(log_Z).mean())
    chance = np.array([(log_Z >= x - 1e-12).mean() for x in log_Z])
    assert (np.exp(-above) >= chance - 1e-12).all()
    assert (above >= log_Z - mean - 1e-12).all()  # a = 1 is the mean of Z
    assert (above == pytest.approx(log_Z - mean)) == binds


def test_what_reach_and_lasting_say():
    # Numbers of Edwards-Anderson models of 6^3 spins at 1.5 and .7 T_c.
    plain = Numbers(216, -0.2, math.inf, 2.64, False, False, False, 0.11, True, 0.76, 0.02)
    short, long_ = replace(plain, reach=4.0, lasting=0.4), replace(plain, reach=40.0, lasting=0.9)
    assert far(short, WEIGHTS) < 0 < far(long_, WEIGHTS)
    assert far(plain, WEIGHTS) == 0.0
    assert shares(short, WEIGHTS)["paramagnet"] > shares(plain, WEIGHTS)["paramagnet"]
    assert shares(long_, WEIGHTS)["paramagnet"] < shares(plain, WEIGHTS)["paramagnet"]
    # Planes that slide: short correlations of the whole, in states that last, are no paramagnet.
    assert far(replace(short, lasting=1.0), WEIGHTS) == pytest.approx(0, abs=0.02)


def test_signs_that_are_not_random_are_no_glass():
    # An overlap outside the unstable directions: a glass, unless ln Z says that a state was planted.
    hubs = Numbers(300, -0.3, -0.5, 3.9, True, False, False, 0.1, True, 0.3, 0.01, explained=0.6)
    assert max(NAMES, key=shares(replace(hubs, log_random=-7.0), WEIGHTS).get) == "spin glass"
    assert max(NAMES, key=shares(replace(hubs, log_random=3.0), WEIGHTS).get) == "ordered"
    # Stable, and no direction: order without the rule, as said of products of normals at .6 T_c.
    stable = replace(hubs, explained=math.nan)
    assert max(NAMES, key=shares(stable, WEIGHTS).get) == "ordered"
    assert max(NAMES, key=shares(replace(stable, log_random=-2.0), WEIGHTS).get) == "spin glass"
    assert ordered(replace(stable, log_random=9.0), WEIGHTS) == ordered(stable, WEIGHTS)


@pytest.mark.parametrize(("sigma", "T", "phase"), [(4.0, 1.0, "paramagnet"), (1.0, 1.5, "ordered")])
def test_reversed_replicas_come_back_where_fields_choose(sigma, T, phase):
    # Random fields in three dimensions: order up to sigma = 2.27 (A. A. Middleton, D. S. Fisher 2002).
    rng = np.random.default_rng(5)
    model = phase_families.lattice((6, 6, 6), np.ones, b=sigma * rng.standard_normal(216))
    report = diagnose(model, beta=1 / T, extras=False, threads=1)
    assert report.phase.value == phase
    assert report.evidence["decision"]["polarised"] == (phase == "paramagnet")


def test_chains_stay_in_planes_that_slide():
    model = second_unseen.fcc(3, lambda n: -np.ones(n))
    cold, hot = (diagnose(model, beta=1 / T, extras=False, threads=1) for T in (0.9, 2.4))
    assert cold.evidence["decision"]["lasting"] > 0.9 > 0.5 > hot.evidence["decision"]["lasting"]
    assert cold.phase.value != "paramagnet"
    assert hot.phase.value == "paramagnet"
