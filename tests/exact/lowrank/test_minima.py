"""Minima of few patterns at any size against lists of all states, and by independent descents."""

from __future__ import annotations

import naive
import numpy as np
import pytest

from spinlab import exact
from spinlab.ensembles import hopfield, ra, ra_rbm
from spinlab.exact import minima
from spinlab.exact.lowrank import minima as pattern_minima
from spinlab.models import PatternBipartiteIsing, PatternIsing


def random_model(rng, largest, K=None):
    """One layer or two, also with few different columns, ties, and a negative scale of two layers."""
    K = K or int(rng.integers(1, 7))
    N = int(rng.integers(2, largest + 1))
    xi = rng.choice([-1.0, 1.0], (K, N))
    if rng.random() < 0.3:
        xi = xi[:, rng.integers(0, max(1, N // 3), N)] * rng.choice([-1.0, 1.0], N)
    offset = float(rng.integers(-2, 3))
    if rng.random() < 0.5:
        return PatternIsing(xi, float(rng.choice([1.0, 0.25, 0.3])), offset=offset)
    V = int(rng.integers(1, N))
    return PatternBipartiteIsing(xi[:, :V], xi[:, V:], float(rng.choice([1.0, -0.5, 0.3])), offset=offset)


def stable_states(model, strict):
    """All states s_i h_i > 0 or >= 0 of the couplings divided by the scale, which are integers."""
    J = np.rint(model.couplings() / model.scale) * np.sign(model.scale)
    states = naive.all_states(model.n_spins)
    x = states * (states @ J)
    return states[((x > 0) if strict else (x >= 0)).all(1)]


def as_set(states):
    return {tuple(s) for s in np.asarray(states).tolist()}


@pytest.mark.parametrize("seed", range(10))
def test_equal_to_the_list_of_all_states(seed):
    """500 models of up to 12 spins; strict minima of both kinds, weak ones of one layer."""
    rng = np.random.default_rng(seed)
    for k in range(50):
        model = random_model(rng, 12, K=7 if seed == 0 and k == 0 else None)
        for strict in (True, False):
            if isinstance(model, PatternBipartiteIsing) and not strict:
                assert pattern_minima.seconds(model, strict) is None
                continue
            assert pattern_minima.seconds(model, strict) is not None
            expected = stable_states(model, strict)
            answer = minima._of_patterns(model, strict, 10_000, 1)
            assert answer.count == len(expected) == len(answer.states)
            assert as_set(answer.states) == as_set(expected)
            E = naive.energies(model.couplings(), model.b, model.offset, answer.states)
            np.testing.assert_allclose(answer.energies, E, rtol=1e-12, atol=1e-11)
            assert (np.diff(answer.energies) >= 0).all()


@pytest.mark.parametrize("strict", [True, False])
def test_same_list_in_the_same_order_as_the_search(strict):
    """Scales that float64 holds exactly: both routes sort by the same energies."""
    rng = np.random.default_rng(3)
    for _ in range(40):
        N = int(rng.integers(14, 19))
        model = PatternIsing(rng.choice([-1.0, 1.0], (int(rng.integers(1, 7)), N)), 0.5)
        a, b = exact.local_minima(model.to_dense(), strict), minima._of_patterns(model, strict, 10**5, 2)
        assert a.count == b.count
        np.testing.assert_array_equal(a.states, b.states)
        np.testing.assert_allclose(a.energies, b.energies, rtol=1e-13)


def test_ends_of_zero_temperature_dynamics_are_on_the_list():
    """N = 3000: descents share nothing with the list, and every strict minimum they find is on it."""
    rng = np.random.default_rng(4)
    model = ra(3000, 5, rng=1)
    xi = model.xi
    answer = exact.local_minima(model)
    listed = as_set(answer.states)
    ends = set()
    for _ in range(60):
        # From a random mixture of patterns, for the descent to end elsewhere than in the patterns alone.
        s = np.where(rng.normal(size=5) @ xi + 0.5 * rng.normal(size=3000) > 0, 1, -1)
        m = xi @ s
        moved = True
        while moved:
            moved = False
            for i in rng.permutation(3000):
                if s[i] * (xi[:, i] @ m) < 5:  # s_i h_i < 0
                    s[i] *= -1
                    m += 2 * s[i] * xi[:, i].astype(int)
                    moved = True
        if (s * (m @ xi) > 5).all():
            ends.add(tuple(s.tolist()))
    assert len(ends) > 20
    assert ends <= listed


def test_bounds_for_large_systems():
    """At most the number of zero-threshold functions; for K = 1, 2, 3 all of them."""
    for K, bound in ((1, 2), (2, 4), (3, 14), (4, 104), (5, 1882)):
        for N in (10**3, 10**5 + 1):
            count = exact.local_minima(hopfield(N, K, rng=K), max_states=0).count
            assert count <= bound
            assert K > 3 or count == bound
    with pytest.raises(ValueError, match=r"1999 spins.*7 binary patterns"):
        exact.local_minima(hopfield(1999, 8, rng=0))
    with pytest.raises(ValueError, match="without fields"):
        exact.local_minima(hopfield(100, 3, field_std=1.0, rng=0))
    with pytest.raises(ValueError, match="visits up to"):
        exact.local_minima(PatternIsing(np.ones((1, 100)), -1.0))
    with pytest.raises(ValueError, match="basins"):
        exact.local_minima(hopfield(100, 3, rng=0), basins=True)


def test_lists_are_cut_and_threads_change_nothing():
    model = ra_rbm(V=400, H=300, K=5, rng=2)
    whole = exact.local_minima(model)
    assert whole.complete
    assert whole.count > 100
    part = exact.local_minima(model, max_states=7, threads=1)
    assert part.count == whole.count
    assert not part.complete
    np.testing.assert_array_equal(part.states, whole.states[:7])
    np.testing.assert_array_equal(part.energies, whole.energies[:7])
    np.testing.assert_array_equal(whole.states[1::2], -whole.states[::2])
    assert (whole.states[::2, 0] == 1).all()
    np.testing.assert_allclose(whole.energies, model.energy(whole.states), rtol=1e-12)
