"""Models above 40 spins: taken where a look at the search tree says that it is quick, refused elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

import spinlab as sl
from spinlab._core.parallel import n_threads
from spinlab.exact import enumeration
from spinlab.exact.enumeration import probe


def test_disordered_models_are_taken_and_solved():
    model = sl.ensembles.sk(44, rng=0)
    assert enumeration.refusal(model) is None
    answer = sl.ground_state(model)
    assert (answer.method, answer.certified) == ("enumeration", True)
    by_hand = enumeration.ground_state(sl.ensembles.sk(44, rng=0), max_spins=44)
    assert (answer.energy, answer.lower_bound) == (by_hand.energy, by_hand.lower_bound)
    np.testing.assert_array_equal(answer.state, by_hand.state)
    # No smaller than it is: within a factor of ten, in the units of the look.
    search = probe.prepared(model)
    work = sum(search.minimum(chunk, 1 << 62)[1] for chunk in range(search.n_chunks))
    sampled = probe.look(model).rest / probe._SECONDS_PER_WAY
    assert work / 3 < sampled < 10 * work


def test_many_states_near_the_lowest_are_refused_with_an_estimate():
    model = sl.models.DenseIsing(np.eye(50) - 1)
    with pytest.raises(ValueError, match=r"hours|days"):
        enumeration.ground_state(model)
    # E = (M^2 - N)/2 with M = sum s: the front door has another proof of -25.
    answer = sl.ground_state(model)
    assert (answer.energy, answer.certified) == (-25.0, True)


def test_a_look_is_not_taken_where_another_method_is_quick(monkeypatch):
    def fail(model):
        raise AssertionError("this model needs no look at its search tree")

    monkeypatch.setattr(probe, "_look", fail)
    ring = np.roll(np.eye(50), 1, 0) + np.roll(np.eye(50), -1, 0)
    assert sl.ground_state(ring).method == "tree"
    assert sl.ground_state(sl.ensembles.hopfield(N=50, K=3, rng=0)).method == "lowrank"
    model = sl.ensembles.sk(28, rng=0)
    answer = sl.ground_state(model)
    assert answer.certified
    assert answer.energy == enumeration.ground_state(model).energy


def test_a_look_tells_that_a_search_is_quick_from_30_spins_on():
    # Without a look its 2^35 states would be estimated at seconds, and another method be tried.
    model = sl.ensembles.sk(36, rng=0)
    assert enumeration.cost(model).seconds < 0.2
    assert sl.ground_state(model).method == "enumeration"
    # Where nothing can be pruned the estimate is that of all states, and counting visits them twice.
    frustrated = sl.models.DenseIsing(np.eye(31) - 1)
    every = 2.0**30 * 0.1e-9 / n_threads()
    assert 0.3 * every < enumeration.cost(frustrated).seconds < 3 * every
    assert enumeration.cost(frustrated, "degeneracy").seconds == 2 * enumeration.cost(frustrated).seconds
