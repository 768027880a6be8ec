"""Rules of the verdicts that no model of the other tests needs, on evidence made for them."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import spinlab as sl
from spinlab.diagnose.decision import Numbers, far, few_states, of_load, ordered, shares
from spinlab.diagnose.equilibrium import _instability
from spinlab.diagnose.report import _broken, _polarised
from spinlab.diagnose.simulation import FromRandom, lasting
from spinlab.diagnose.verdicts import dynamics, metastability, phase
from spinlab.diagnose.weights import WEIGHTS
from spinlab.observables import Estimate, MinimaCount

GLASS = Numbers(200, -0.7, math.inf, None, True, False, True, 0.4, True, 1.1, 0.02)


def count(found, coverage):
    estimate, none = Estimate(float(found), 1.0, 1000), np.empty(0)
    return MinimaCount(
        estimate, estimate.value, False, found, coverage, none, none, np.empty((0, 100)), True, 1000
    )


@pytest.mark.parametrize(
    ("found", "coverage", "value"),
    [(6, 0.99, "few"), (14, 0.99, "few"), (400, 0.99, "many"), (400, 0.5, "many"), (20, 0.5, "many")],
)
def test_many_minima_are_many_though_all_were_met(found, coverage, value):
    assert metastability(count(found, coverage), has_fields=False).value == value


CALM = FromRandom(energy=-100.0, energy_error=0.0, memory=0.5, common=0.25, moved=1.0, activity=0.1)


@pytest.mark.parametrize(
    ("change", "value", "confidence"),
    [
        ({}, "equilibrates", 1 / (1 + math.exp(-3))),  # three steps below the line of energies
        ({"energy": -95.0}, "trapped", 1 / (1 + math.exp(-7))),
        ({"energy": -95.0, "energy_error": 2.0}, "equilibrates", None),
        ({"memory": -0.8}, "trapped", 1 / (1 + math.exp(-3.75))),
        ({"common": 0.04}, "trapped", 1 / (1 + math.exp(-3.75))),
        ({"moved": 0.05, "activity": 0.0}, "frozen", None),
        ({"moved": 0.05}, "equilibrates", None),  # a few spins that never rest
        ({"activity": 0.0}, "equilibrates", None),  # all have moved, and are where they belong
    ],
)
def test_one_reason_is_enough_to_be_out_of_equilibrium(change, value, confidence):
    hot = SimpleNamespace(q=np.full((4, 3), 0.5), energy=-100.0, energy_error=0.0)
    verdict = dynamics(100, replace(CALM, **change), hot)
    assert verdict.value == value
    assert sum(verdict.probabilities.values()) == pytest.approx(1, abs=2e-4)
    if confidence is not None:
        assert verdict.confidence == pytest.approx(confidence, abs=1e-4)


def test_long_correlations_count_whether_or_not_states_last():
    lattice = replace(GLASS, mean_field=False, by_spectrum=False, dimension=2.7, reach=60.0)
    assert far(replace(lattice, lasting=1.0), WEIGHTS) == far(replace(lattice, lasting=0.3), WEIGHTS) > 1


def test_an_overlap_outside_the_directions_is_a_glass_only_with_other_states_nearby():
    hubs = Numbers(200, -1.0, -1.4, 3.9, True, False, False, 0.39, True, 0.1, 0.02, explained=0.6)
    assert ordered(hubs, WEIGHTS) == -1.5
    assert ordered(replace(hubs, competitor=0.3), WEIGHTS) > 0
    # ln Z above that of random signs speaks of planted states on trees, not on lattices, which have loops.
    assert ordered(replace(hubs, log_random=3.0), WEIGHTS) > 0
    assert ordered(replace(hubs, log_random=3.0, mean_field=False, dimension=2.7), WEIGHTS) == -1.5


def test_confidence_is_less_than_the_weights_say():
    said, raw = phase(GLASS).probabilities, shares(GLASS, WEIGHTS)
    total = sum(p**0.7 for p in raw.values())
    assert said == pytest.approx({name: p**0.7 / total for name, p in raw.items()}, abs=1e-4)


def test_a_load_is_one_of_the_smaller_layer():
    machine = replace(GLASS, binary=0.97, n_directions=8)
    assert not of_load(machine)  # of 200 sites
    assert of_load(replace(machine, smaller_layer=40))


def test_few_states_along_a_direction_are_order():
    machine = replace(GLASS, few_states=4.0, smaller_layer=12)
    assert few_states(machine)
    assert not few_states(replace(machine, log_order=-1.5))
    assert not few_states(replace(machine, few_states=100.0))


def test_replicas_elsewhere_are_not_chosen_by_the_fields():
    # A magnet in a uniform field: all replicas in its state, or one in ten against it.
    J = np.ones((40, 40)) / 10
    np.fill_diagonal(J, 0)
    model = sl.models.DenseIsing(J, 0.5 * np.ones(40))
    up = np.ones((4, 8, 40), np.int8)
    found = SimpleNamespace(states=up, q=np.full((4, 28), 0.9), best_state=up[0, 0])
    assert _polarised(model, found)
    found.q[:, :3] = -0.9
    assert not _polarised(model, found)


def test_what_fields_leave_of_overlaps():
    hot = SimpleNamespace(q=np.array([0.6, 0.8]), q2=0.5, q2_between=0.3)
    assert _broken(hot, above=True) == pytest.approx(0.01 + 0.2)  # two kinds of starts that differ count
    assert _broken(hot, above=False) == 0.5


def test_lasting_does_not_care_for_a_flip():
    # Chains that all reverse: free spins in fields against the state that they start from.
    model = sl.models.DenseIsing(np.zeros((50, 50)), np.full(50, -20.0))
    assert lasting(model, SimpleNamespace(best_state=np.ones(50, np.int8))) == pytest.approx(1)


def test_stability_in_a_state_of_a_sparse_graph():
    # On a graph of degree three, all spins alike: 2 (1 - m^2)^2 tanh^2(beta J).
    import networkx as nx

    i, j = np.array(nx.random_regular_graph(3, 40, seed=1).edges).T
    model = sl.models.SparseIsing.from_edges(i, j, np.full(60, 0.7), 40)
    m = np.full(40, 0.6)
    found = _instability(model, m, 0.5, None, None)
    assert found == pytest.approx(2 * 0.64**2 * math.tanh(0.35) ** 2, rel=1e-9)
