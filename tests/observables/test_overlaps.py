"""Overlaps, P(q), Binder cumulants and susceptibilities against loops and closed forms."""

from __future__ import annotations

import itertools

import naive
import numpy as np
import pytest

import spinlab as sl
from spinlab.observables import binder_cumulant, overlap_statistics, pattern_overlaps, replica_overlaps
from spinlab.observables.overlap_statistics import bin_edges


def random_states(*shape, seed=0, bias=0.0):
    return np.where(np.random.default_rng(seed).random(shape) < 0.5 + bias, 1, -1)


def test_pattern_overlaps_by_loops():
    xi, s = np.random.default_rng(1).normal(size=(3, 7)), random_states(2, 5, 7)
    m = pattern_overlaps(xi, s)
    assert m.shape == (2, 5, 3)
    for i, j, k in np.ndindex(m.shape):
        assert m[i, j, k] == pytest.approx(sum(xi[k, n] * s[i, j, n] for n in range(7)) / 7)


def test_replica_overlaps_by_loops():
    s = random_states(3, 4, 9)
    q = replica_overlaps(s)
    assert q.shape == (3, 6)
    for r in range(3):
        for k, (a, b) in enumerate(itertools.combinations(range(4), 2)):
            assert q[r, k] == pytest.approx(
                sum(int(x * y) for x, y in zip(s[r, a], s[r, b], strict=True)) / 9
            )


def pair_values(s, f):
    """f(q) averaged over records and pairs, by loops."""
    values = [f(float(np.mean(r[a] * r[b]))) for r in s for a, b in itertools.combinations(range(len(r)), 2)]
    return np.mean(values, axis=0)


def binder_by_loops(s):
    return (3 - pair_values(s, lambda q: q**4) / pair_values(s, lambda q: q**2) ** 2) / 2


def test_one_model_values_and_jackknife_by_loops():
    s = random_states(5, 6, 11, bias=0.2)
    found = overlap_statistics(s)
    second = [pair_values(np.delete(s, r, axis=1), lambda q: q**2) for r in range(6)]
    assert found.second.value == pytest.approx(pair_values(s, lambda q: q**2))
    assert found.second.error == pytest.approx(np.sqrt(5 * np.var(second)))
    binder = [binder_by_loops(np.delete(s, r, axis=1)) for r in range(6)]
    assert found.binder.value == pytest.approx(binder_by_loops(s))
    assert found.binder.error == pytest.approx(np.sqrt(5 * np.var(binder)))
    assert found.mean_abs.value == pytest.approx(pair_values(s, abs))
    assert found.fourth.value == pytest.approx(pair_values(s, lambda q: q**4))
    assert found.susceptibility.value == pytest.approx(11 * found.second.value)
    assert (found.n_replicas, found.n_instances) == (6, 1)


def test_instances_by_loops():
    s = np.stack([random_states(4, 3, 8, seed=k, bias=0.1 * k) for k in range(4)])
    found = overlap_statistics(s)
    moments = np.array([[pair_values(x, lambda q, p=p: q**p) for p in (2, 4)] for x in s])

    def binder(m):
        return (3 - m[:, 1].mean() / m[:, 0].mean() ** 2) / 2

    left = [binder(np.delete(moments, i, axis=0)) for i in range(4)]
    assert found.binder.value == pytest.approx(binder(moments))
    assert found.binder.error == pytest.approx(np.sqrt(3 * np.var(left)))
    assert found.second.error == pytest.approx(moments[:, 0].std(ddof=1) / 2)
    assert (found.n_replicas, found.n_instances) == (3, 4)


@pytest.mark.parametrize("N", [1, 2, 5, 8, 31, 64, 301])
@pytest.mark.parametrize("bins", [2, 7, 40])
def test_bins_hold_equal_numbers_of_values(N, bins):
    edges = bin_edges(N, bins)
    q = (N - 2 * np.arange(N + 1)) / N
    np.testing.assert_allclose(edges, -edges[::-1])
    assert edges[0] < -1
    assert edges[-1] > 1
    assert np.abs(edges[:, None] - q).min() > 0.5 / N  # a value never lies on an edge
    counts = np.histogram(q, edges)[0]
    assert counts.sum() == N + 1
    assert len(set(counts[1:-1])) <= 1
    assert counts.max(initial=0) >= counts[0]


def test_distribution_counts_the_pairs():
    s = random_states(6, 5, 10)
    P = overlap_statistics(s, bins=100).distribution
    q = replica_overlaps(s).ravel()
    width = np.diff(P.edges)
    assert (P.density * width).sum() == pytest.approx(1)
    for centre, density in zip(P.centres, P.density, strict=True):
        assert density * width[0] == pytest.approx(np.mean(np.abs(q - centre) < 1e-9))
    symmetric = overlap_statistics(s, bins=100, symmetric=True).distribution
    np.testing.assert_allclose(symmetric.density, (P.density + P.density[::-1]) / 2)
    inside = np.mean(np.abs(q) < 0.5)
    assert P.weight(0.5) == pytest.approx(inside)
    assert P.weight(2.0) == pytest.approx(1)


def test_two_peaks():
    s = np.concatenate([np.ones((4, 6)), -np.ones((4, 6))])
    found = overlap_statistics(s)
    assert found.binder.value == 1.0
    assert found.binder.error == 0.0
    assert found.distribution.peak == pytest.approx(1.0)


def test_against_the_exact_distribution():
    # P(q) of two replicas of a small SK model from all pairs of states, against independent samples.
    model = sl.ensembles.sk(N=8, rng=3)
    states = naive.all_states(8)
    E = naive.energies(model.couplings(), model.b, 0.0, states)
    p = np.exp(-1.5 * (E - E.min()))
    p /= p.sum()
    q = states @ states.T / 8
    second = p @ q**2 @ p
    binder = (3 - p @ q**4 @ p / second**2) / 2
    chosen = np.random.default_rng(4).choice(256, size=(40, 30), p=p)
    found = overlap_statistics(states[chosen], symmetric=True)
    # Four standard errors each, with the error itself known to 20 %: fails once in a few thousand seeds.
    assert abs(found.second.value - second) < 4 * found.second.error
    assert abs(found.binder.value - binder) < 4 * found.binder.error
    P = found.distribution
    expected = np.array([p @ (np.abs(q - c) < 1e-9) @ p for c in P.centres])
    z = (P.density * np.diff(P.edges) - expected) / np.maximum(P.error * np.diff(P.edges), 1e-3)
    assert np.abs(z).max() < 5


def test_curie_weiss_limits():
    # Curie-Weiss, J = 1/N: from the exact distribution of M the cumulant of m is 0 far above T_c and 1 below.
    N = 400
    M = N - 2 * np.arange(N + 1)
    from scipy.special import gammaln

    entropy = gammaln(N + 1) - gammaln((N + M) / 2 + 1) - gammaln((N - M) / 2 + 1)
    generator = np.random.default_rng(0)
    for beta, low, high in [(0.2, -0.1, 0.1), (1.5, 0.994, 0.9995)]:
        p = np.exp(entropy + beta * M**2 / (2 * N) - (entropy + beta * M**2 / (2 * N)).max())
        m = generator.choice(M / N, size=(20, 500), p=p / p.sum())
        # At beta = .2 g = 0 + O(1/N) with error sqrt(24/10^4)/2 = .025: four of them. At beta = 1.5 m = .8586
        # has the variance (1 - m^2)/(1 - beta (1 - m^2))/N = .0011, and g = 1 - 2 var/m^2 = .997.
        assert low < binder_cumulant(m).value < high
    # At T_c the density of x = M N^(-3/4) is exp(-x^4/12): <x^4>/<x^2>^2 = Gamma(1/4)^2 / (4 Gamma(3/4)^2).
    p = np.exp(entropy + M**2 / (2 * N) - (entropy + M**2 / (2 * N)).max())
    m = generator.choice(M / N, size=(20, 2000), p=p / p.sum())
    g = binder_cumulant(m)
    limit = (3 - 2.18844) / 2
    assert abs(g.value - limit) < 0.03 + 4 * g.error  # the distance at N = 400 is of order N^(-1/2)


def test_weights_may_be_forgotten_but_not_replicas():
    with pytest.raises(ValueError, match="at least 2 are needed"):
        replica_overlaps(np.ones((1, 5)))
    with pytest.raises(ValueError, match="3 replicas of one model given"):
        overlap_statistics(random_states(3, 5))
    with pytest.raises(ValueError, match="1 instances given"):
        overlap_statistics(random_states(1, 3, 4, 5))
    with pytest.raises(ValueError, match="shape"):
        overlap_statistics(np.ones(5))
    with pytest.raises(ValueError, match=r"\+1 and -1"):
        overlap_statistics(np.zeros((4, 5)))
    with pytest.raises(ValueError, match="no Binder cumulant"):
        overlap_statistics(np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]]))
    with pytest.raises(ValueError, match="all values are zero"):
        binder_cumulant(np.zeros((3, 4)))
    chains = sl.dynamics.gibbs(np.zeros((7, 7)), 2, 4, rng=0)
    for given in (chains, chains.samples):
        with pytest.raises(TypeError, match=r"got (Chains|NoneType); take the samples of a sampler"):
            replica_overlaps(given)
    with pytest.raises(ValueError, match="7 spins on the last axis"):
        pattern_overlaps(np.ones((2, 7)), np.ones((3, 4)))


def test_two_numbers_know_no_error_of_a_cumulant():
    """Without one of them g is that of a single number, 1 whatever it is."""
    with pytest.raises(ValueError, match="3"):
        binder_cumulant([1.0, 2.0])
    assert binder_cumulant([1.0, 2.0, 4.0]).error > 0
    assert binder_cumulant([[1.0, 3.0], [2.0, 2.0]]).error > 0
