"""Equilibrium, bounds, parts and small machines behind the verdict on the phase."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from types import SimpleNamespace

import networkx as nx
import numpy as np
import pytest

import spinlab as sl
from spinlab.cli import main
from spinlab.diagnose import diagnose
from spinlab.diagnose.bounds import lowest_free_energy, states_with_weight
from spinlab.diagnose.candidates import share_in_span
from spinlab.diagnose.decision import NAMES, Numbers, shares
from spinlab.diagnose.equilibrium import _agree, _no_choice, equilibrium
from spinlab.diagnose.parts import divided
from spinlab.diagnose.report import _has_couplings, _spectral
from spinlab.diagnose.structure import _at_most_one_loop, structure, through_fields
from spinlab.diagnose.verdicts import phase as phase_verdict
from spinlab.diagnose.weights import WEIGHTS


def all_states(N):
    return 2 * ((np.arange(2**N)[:, None] >> np.arange(N)) & 1).astype(np.int8) - 1


def few_negative(N, degree, share, seed):
    rng = np.random.default_rng(seed)
    i, j = np.array(nx.random_regular_graph(degree, N, seed=seed).edges).T
    s = rng.choice([-1.0, 1.0], N)
    J = np.where(rng.random(len(i)) < share, -1.0, 1.0)
    return sl.models.SparseIsing.from_edges(i, j, J * s[i] * s[j], N)


@pytest.mark.parametrize("field", [0.0, 0.3])
def test_replicas_have_the_exact_energy_overlap_and_partition_function(field):
    model = sl.ensembles.sk(12, field_std=field, rng=3).scaled(1.2)
    s = all_states(12)
    log_p = -model.energy(s)
    log_z = np.logaddexp.reduce(log_p)
    p = np.exp(log_p - log_z)
    C = (s.T * p) @ s
    found = equilibrium(model, 0.0, *_spectral(model), np.random.default_rng(0), seconds=3.0)
    assert found.converged
    # Standard errors, measured over 20 seeds: .03, .012 and .01; five of them.
    assert found.energy == pytest.approx(p @ model.energy(s), abs=0.15)
    assert found.q2 == pytest.approx((C**2).sum() / 144, abs=0.06)
    assert found.log_partition == pytest.approx(log_z, abs=0.05)
    assert found.best_energy == pytest.approx(model.energy(s).min())


def test_starts_that_disagree_are_not_in_equilibrium():
    rng = np.random.default_rng(0)

    def run(energy, states):
        n = states.shape[1]
        mean = (energy + 0.2 * rng.normal(size=n))[:, None]
        return SimpleNamespace(
            mean_energy=mean, energy_variance=np.full((n, 1), 25.0), samples=states[:, :, None]
        )

    up = np.where(rng.random((20, 8, 100)) < 0.9, 1, -1).astype(np.int8)
    free = rng.choice(np.array([-1, 1], np.int8), (20, 8, 100))
    assert _agree(run(-50, up), run(-50, up[:, :4]))[0]
    assert _agree(run(-50, free), run(-50, free[::-1, :4]))[0]
    assert not _agree(run(-50, up), run(-60, up[:, :4]))[0]  # two standard deviations of a state's energy
    # Each in a state of its own, and that state is not the others'.
    other = up[:, :4] * rng.choice(np.array([-1, 1], np.int8), 100)
    assert not _agree(run(-50, up), run(-50, other))[0]
    # Energies and overlaps with those from random states agree, but replicas from one state are still in it.
    still = np.broadcast_to(free[:, :1], (20, 4, 100))
    assert not _agree(run(-50, free), run(-50, still))[0]


def test_without_round_trips_only_one_state_or_none_is_equilibrium():
    N = 125  # N^(-2/3) = .04
    assert _no_choice(0.03, 0.5, N)  # no overlap to speak of
    assert _no_choice(0.6, 0.8, N)  # all in one state, q^2 = .64
    assert not _no_choice(0.3, 0.8, N)  # in several: what each weighs is not known
    # Two ferromagnets side by side have four states; with hardly any work no ladder goes round.
    import scipy.linalg

    group = (np.ones((120, 120)) - np.eye(120)) * 8 / 120
    model = sl.models.DenseIsing(scipy.linalg.block_diag(group, group))
    hot = equilibrium(model, -2.0, *_spectral(model), np.random.default_rng(0), seconds=0.01)
    assert hot.round_trips < 1
    assert hot.q2 < 0.85 * hot.state_overlap**2
    assert not hot.converged


@pytest.mark.parametrize("beta", [0.4, 0.8])
def test_the_energy_on_the_nishimori_line(beta):
    # [E] = -M tanh(beta) with a share (1 - tanh beta)/2 of negative bonds (H. Nishimori 1981); the spread
    # over M = 400 bonds is that of M signs, .05 per bond, and four models are averaged: four standard errors.
    found = []
    for seed in range(4):
        model = few_negative(200, 4, (1 - math.tanh(beta)) / 2, seed).scaled(beta)
        hot = equilibrium(model, -0.5, *_spectral(model), np.random.default_rng(0), seconds=0.3)
        found.append(hot.energy / beta / 400)
    assert np.mean(found) == pytest.approx(-math.tanh(beta), abs=0.1)


def test_no_state_outweighs_the_replicas_only_where_that_is_proven():
    # lambda_max of the SK model is 2: -E <= N/T, and ln Z = N (ln 2 + 1/(4 T^2)) at T > 1.
    N = 100
    model = sl.ensembles.sk(N, rng=0)
    assert lowest_free_energy(model.scaled(1 / 1.5), N * (math.log(2) + 1 / 9))
    assert not lowest_free_energy(model.scaled(2.0), N * math.log(2))
    s = all_states(14)
    for seed in range(5):
        small = sl.ensembles.sk(14, rng=seed)
        top = float(-small.energy(s).min())
        assert not lowest_free_energy(small, 0.99 * top)  # the ground state outweighs this
        machine = sl.ensembles.rbm_gaussian(6, 8, rng=seed)
        assert not lowest_free_energy(machine, 0.99 * float(-machine.energy(s).min()))


def test_how_many_states_carry_the_weight_of_a_small_layer():
    machine = sl.ensembles.rbm_gaussian(5, 7, field_std=0.4, rng=2).scaled(1.5)
    s = all_states(12)
    p = np.exp(-machine.energy(s))
    visible = np.zeros(32)
    np.add.at(visible, ((s[:, :5] > 0) << np.arange(5)).sum(1), p / p.sum())
    weights = np.sort(visible)[::-1]
    expected = next(n for n in range(1, 33) if weights[:n].sum() >= 0.9)
    assert states_with_weight(machine)[0] == expected
    flat = sl.models.BipartiteIsing(np.zeros((4, 3)))
    assert states_with_weight(flat)[0] == math.ceil(0.9 * 16) / 2  # pairs


@pytest.mark.parametrize("sigma", [0.3, 0.6])
def test_the_line_of_the_random_field_ferromagnet(sigma):
    # <sech^2(sigma z/T)>/T = 1 (T. Schneider, E. Pytte, Phys. Rev. B 15, 1519 (1977)).
    from scipy.optimize import brentq
    from scipy.special import ndtri

    z, w = np.polynomial.hermite_e.hermegauss(80)
    T_c = brentq(lambda T: w @ np.cosh(sigma * z / T) ** -2 / w.sum() / T - 1, 0.2, 1)
    N = 300
    b = sigma * ndtri((np.arange(N) + 0.5) / N)
    J = (np.ones((N, N)) - np.eye(N)) / N
    seen = through_fields(sl.models.DenseIsing(J / T_c, b / T_c))
    lines = structure(seen, *_spectral(seen), np.empty(0), unequal=True)
    assert lines.log_order == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize(
    ("model", "T", "phase"),
    [
        (sl.ensembles.wishart_planted(200, 400, rng=0), 0.3, "ordered"),
        (sl.ensembles.wishart_planted(200, 120, rng=0), 0.05, "undecided"),
        (few_negative(300, 4, 0.05, 1), 1.2, "ordered"),
        (few_negative(300, 6, 0.02, 2), 1.5, "ordered"),
        (few_negative(300, 4, 0.5, 3), 0.7, "spin glass"),
    ],
)
def test_what_the_replicas_know(model, T, phase):
    assert diagnose(model, beta=1 / T, extras=False, seconds=0.5).phase.value == phase


def test_order_of_several_states_is_order():
    # Square lattice with J2 = -J1: four states of stripes below T = 2.08.
    site = np.arange(144).reshape(12, 12)
    steps = [((1,), (0,), 1.0), ((1,), (1,), 1.0), ((1, 1), (0, 1), -1.0), ((1, -1), (0, 1), -1.0)]
    i = np.tile(site.ravel(), 4)
    j = np.concatenate([np.roll(site, shift, axis).ravel() for shift, axis, _ in steps])
    stripes = sl.models.SparseIsing.from_edges(i, j, np.repeat([J for *_, J in steps], 144), 144)
    assert diagnose(stripes, beta=1.25, extras=False, seconds=0.5).phase.value == "ordered"
    assert diagnose(stripes, beta=0.3, extras=False, seconds=0.5).phase.value == "paramagnet"


def test_parts_have_their_own_verdicts():
    import scipy.linalg

    rng = np.random.default_rng(0)
    magnet = (np.ones((80, 80)) - np.eye(80)) / 80
    glass = sl.ensembles.sk(120, rng=1).couplings()
    order = rng.permutation(200)
    J = scipy.linalg.block_diag(magnet, glass)[np.ix_(order, order)]
    report = diagnose(J, beta=2.5, extras=False, seconds=0.5)
    assert report.phase.value == "undecided"
    found = {len(part.sites): part.report.phase.value for part in report.parts}
    assert found == {80: "ordered", 120: "spin glass"}
    magnet_part = next(part for part in report.parts if len(part.sites) == 80)
    assert sorted(order[list(magnet_part.sites)]) == list(range(80))
    assert "part 1" in report.text()
    assert len(json.loads(report.to_json())["parts"]) == 2
    both = scipy.linalg.block_diag(glass, sl.ensembles.sk(100, rng=2).couplings())
    assert diagnose(both, beta=2.5, extras=False, seconds=0.5).phase.value == "spin glass"
    # A few loose spins are no parts.
    assert (
        diagnose(scipy.linalg.block_diag(glass, np.zeros((4, 4))), beta=2.5, extras=False, seconds=0.5).parts
        == ()
    )


def test_few_states_are_no_phase():
    # Sixteen units at x = 6: one pair of states has the weight, whoever put it there.
    machine = sl.ensembles.rbm_gaussian(16, 64, rng=1).scaled(6 / 1024**0.25)
    report = diagnose(machine, extras=False)
    assert report.phase.value == "undecided"
    assert any("few states carry the weight" in reason for reason in report.phase.reasons)


def test_same_seed_same_report_for_any_number_of_threads(tmp_path, capsys):
    model = sl.ensembles.sk(40, rng=0)
    first, second = (diagnose(model, beta=1.5, extras=False, rng=7, threads=n) for n in (1, 2))
    assert first.phase == second.phase
    assert first.evidence == second.evidence
    other = diagnose(model, beta=1.5, extras=False, rng=8)
    assert other.evidence["equilibrium"]["q2"] != first.evidence["equilibrium"]["q2"]
    np.save(tmp_path / "J.npy", model.couplings())
    command = ["diagnose", str(tmp_path / "J.npy"), "--beta", "1.5", "--seed", "7", "--threads", "1"]
    assert main([*command, "--seconds", "3", "--json", "-"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["phase"]["probabilities"] == first.phase.probabilities
    with pytest.raises(ValueError, match="seconds must be"):
        diagnose(model, seconds=0.0)


def test_the_verdict_follows_its_numbers():
    plain = Numbers(200, -0.7, math.inf, None, True, False, True, 0.4, True, 1.1, 0.02)
    assert max(NAMES, key=shares(plain, WEIGHTS).get) == "spin glass"
    for agreed, words in (
        (True, "not known to be in equilibrium"),
        (False, "no equilibrium within the work"),
    ):
        doubtful = replace(plain, converged=False, agreed=agreed)
        assert any(words in reason for reason in phase_verdict(doubtful).reasons)
    stable = Numbers(200, -0.7, -1.2, None, True, False, True, 0.8, True, 0.05, 0.2)
    assert max(NAMES, key=shares(stable, WEIGHTS).get) == "ordered"
    hot = Numbers(200, 0.5, math.inf, None, True, False, True, 0.01, True, 0.4, 0.02)
    assert max(NAMES, key=shares(hot, WEIGHTS).get) == "paramagnet"
    # An unstable direction through hubs, in which the overlap does not lie: no order on a sparse graph.
    hubs = Numbers(200, -1.0, -1.4, 3.9, False, False, False, 0.39, True, 0.7, 0.023, explained=0.88)
    assert max(NAMES, key=shares(hubs, WEIGHTS).get) == "spin glass"
    assert max(NAMES, key=shares(replace(hubs, explained=0.99), WEIGHTS).get) == "ordered"
    # Overlaps of replicas that are not in equilibrium, above every line.
    above = Numbers(200, 0.3, math.inf, None, True, False, True, 0.4, False, 1.1, 0.02)
    assert max(shares(above, WEIGHTS).values()) < 0.65
    assert max(shares(replace(above, converged=True), WEIGHTS).values()) > 0.65
    flat = Numbers(200, -0.7, math.inf, 2.0, False, False, False, 0.4, True, 1.5, 0.0)
    assert shares(flat, WEIGHTS)["spin glass"] < 0.01


def test_fields_make_the_verdict_doubtful():
    # The doubt is .2 f/(1 + f), shared by three phases; order that fields choose breaks nothing.
    plain = Numbers(200, -0.7, math.inf, None, True, False, True, 0.4, True, 1.1, 0.02)
    sure, doubtful = shares(plain, WEIGHTS), shares(replace(plain, field=1.0), WEIGHTS)
    assert doubtful == pytest.approx({name: 0.9 * p + 0.1 / 3 for name, p in sure.items()}, rel=1e-12)
    ordered = Numbers(200, -0.7, -1.2, None, True, False, True, 0.8, True, 0.05, 0.2, field=1.0)
    assert max(NAMES, key=shares(ordered, WEIGHTS).get) == "ordered"
    chosen = shares(replace(ordered, polarised=True), WEIGHTS)
    assert max(NAMES, key=chosen.get) == "paramagnet"
    assert chosen["ordered"] == pytest.approx(0.1 / 3, rel=1e-12)
    b = 0.7 * np.random.default_rng(0).standard_normal(40)
    model = sl.models.DenseIsing(sl.ensembles.sk(40, rng=0).couplings(), b)
    numbers = diagnose(model, beta=0.5, extras=False, threads=1, seconds=0.5).evidence["decision"]
    assert numbers["field"] > 0


def test_weakly_joined_groups_are_parts_and_lattices_are_not():
    import scipy.linalg

    rng = np.random.default_rng(0)
    magnet = 1.5 * (np.ones((60, 60)) - np.eye(60)) / 60
    J = scipy.linalg.block_diag(magnet, sl.ensembles.sk(90, rng=rng).couplings())
    noise = np.triu(0.02 * rng.normal(size=(150, 150)) / math.sqrt(150), 1)
    report = diagnose(J + noise + noise.T, beta=2.0, extras=False, seconds=0.5)
    assert report.phase.value == "undecided"
    assert {len(p.sites): p.report.phase.value for p in report.parts} == {60: "ordered", 90: "spin glass"}
    for model in (
        sl.ensembles.edwards_anderson(shape=(10, 10), law="pm1", rng=0),
        sl.ensembles.edwards_anderson(nx.path_graph(60), law="pm1", rng=0),
        sl.ensembles.sk(80, rng=0),
        sl.ensembles.rbm_gaussian(20, 50, rng=0),
        sl.ensembles.hopfield(100, 3, rng=0),
    ):
        assert divided(model) == []


def test_a_magnet_in_a_uniform_field_breaks_no_symmetry():
    J = (np.ones((100, 100)) - np.eye(100)) / 100
    field = 0.3 * np.ones(100)
    assert (
        diagnose(sl.models.DenseIsing(J, field), beta=2.0, extras=False, seconds=0.5).phase.value
        == "paramagnet"
    )
    random = sl.models.DenseIsing(J, 0.3 * np.random.default_rng(0).normal(size=100))
    assert diagnose(random, beta=2.0, extras=False, seconds=0.5).phase.value == "ordered"


def test_overlap_along_a_direction():
    # Half of the overlap along z, the rest of independent spins; and none along an orthogonal direction.
    rng = np.random.default_rng(0)
    z, other = rng.choice([-1.0, 1.0], (2, 400))
    z, other = np.linalg.qr(np.stack([z, other], 1))[0].T * 20
    states = np.where(rng.random((20, 8, 400)) < 0.85, np.sign(z), -np.sign(z)).astype(np.int8)
    model = sl.models.DenseIsing(np.zeros((400, 400)))
    assert share_in_span(model, z[:, None], states) > 0.98
    assert share_in_span(model, other[:, None], states) < 0.05


@pytest.mark.parametrize("T", [1e-6, 1e6])
@pytest.mark.parametrize(
    ("model", "cold"),
    [
        (sl.ensembles.edwards_anderson(shape=(5, 5, 5), rng=0), "spin glass"),
        (sl.ensembles.sk(80, rng=0), "spin glass"),
        (sl.ensembles.hopfield(150, 2, rng=0), "ordered"),
    ],
)
def test_temperatures_far_from_every_line(model, cold, T):
    report = diagnose(model, beta=1 / T, extras=False, seconds=0.5)
    assert report.phase.value == ("paramagnet" if T > 1 else cold)


def test_a_planted_state_that_no_search_finds_is_why_random_orthogonal_models_stay_undecided():
    # The same spectrum, +-1, with and without a state of energy -N/2: at T = .1 it outweighs the liquid, 5 N
    # against ln Z = 4.86 N, ln 2 + (x - 1 - ln((x + 1)/2))/4 with x = sqrt(1 + 4/T^2); no search finds it.
    rng = np.random.default_rng(1)
    N = 120
    found = []
    for planted in (False, True):
        q = rng.standard_normal((N, N))
        if planted:
            q[:, 0] = rng.choice([-1.0, 1.0], N)
        q = np.linalg.qr(q)[0]
        J = (q * np.repeat([1.0, -1.0], N // 2)) @ q.T
        report = diagnose((J + J.T) / 2, beta=10.0, extras=False, seconds=0.5)
        assert math.isinf(report.evidence["stability"]["log_T_over_glass"])
        found.append(report.phase.value)
    assert found == ["undecided", "undecided"]


@pytest.mark.parametrize("J", [np.ones((2, 2)), np.ones((3, 3)), -np.ones((3, 3))])
def test_a_pair_and_a_triangle_are_a_tree_and_a_ring(J):
    assert diagnose(J, beta=3.0, extras=False, seconds=0.5).phase.value == "paramagnet"
    assert (
        diagnose(np.ones((1, 6)), rbm=True, beta=3.0, extras=False, seconds=0.5).phase.value == "paramagnet"
    )


@pytest.mark.parametrize("graph", [nx.star_graph(60), nx.balanced_tree(2, 5), nx.cycle_graph(50)])
def test_trees_and_rings_are_paramagnets_at_any_temperature(graph):
    edges = np.array(graph.edges)
    model = sl.models.SparseIsing.from_edges(*edges.T, np.ones(len(edges)), len(graph))
    assert diagnose(model, beta=2.0, extras=False, seconds=0.5).phase.value == "paramagnet"


def test_a_shorter_budget_descends_from_fewer_states(monkeypatch):
    report_module = sys.modules["spinlab.diagnose.report"]
    started, counted = [], []

    def quench(model, n, **options):
        started.append(n)
        return sl.dynamics.descend(model, n, **options)

    def count(model, n, **options):
        counted.append(n)
        return sl.observables.count_minima(model, n, **options)

    monkeypatch.setattr("spinlab.diagnose.equilibrium.descend", quench)
    monkeypatch.setattr(report_module, "observables", SimpleNamespace(**vars(sl.observables)))
    report_module.observables.count_minima = count
    # As for models of some thousand spins, where each descent is dear.
    monkeypatch.setattr("spinlab.diagnose.equilibrium._FLIPS", 1.0)
    monkeypatch.setattr(report_module, "_FLIPS", 1.0)
    model = sl.ensembles.sk(30, rng=0)
    for seconds in (4.0, 3.0, 0.3):
        diagnose(model, beta=0.5, seconds=seconds, extras=False, threads=1)
    assert set(started[:2]) == {40}  # 20 below replicas, 20 below random states
    assert started[-1] == 4
    assert counted == [20, 20, 2]


def test_dense_models_with_few_couplings_are_seen_as_trees_rings_or_neither():
    J = np.zeros((6, 6))
    assert not _has_couplings(sl.models.DenseIsing(J))
    for k in range(6):
        J[k, (k + 1) % 6] = J[(k + 1) % 6, k] = 1.0
    ring = sl.models.DenseIsing(J)
    assert _has_couplings(ring)
    assert _at_most_one_loop(ring)
    J[0, 3] = J[3, 0] = 1.0
    assert not _at_most_one_loop(sl.models.DenseIsing(J))
