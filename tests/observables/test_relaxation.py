"""Relaxation times against dense transition matrices made by hand, formulae, and free spins."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import spinlab as sl
from spinlab.observables import relaxation_time


def states(n):
    """In the order in which state i and state -1-i are inverses."""
    return np.array(list(itertools.product([-1, 1], repeat=n)))


def second(T, even):
    """Second largest eigenvalue of a transition matrix whose state i is the inverse of state -1-i."""
    if even:
        half = len(T) // 2
        T = T[:half, :half] + T[:half, half:][:, ::-1]
    return np.sort(np.append(np.linalg.eigvals(T).real, 0.0))[-2]


def block_matrix(W, bv, bh):
    """v -> h -> v, unit by unit."""

    def draws(a, b, W, bias):
        return np.array([[np.prod(1 / (1 + np.exp(-2 * t * (s @ W + bias)))) for t in b] for s in a])

    v, h = states(len(W)), states(W.shape[1])
    return draws(v, h, W, bh) @ draws(h, v, W.T, bv)


def site_matrix(energy, n):
    """One random site of n drawn from its heat bath."""
    s = states(n)
    T = np.zeros((2**n, 2**n))
    for a, b in itertools.product(range(2**n), repeat=2):
        if (s[a] != s[b]).sum() == 1:
            T[a, b] = 1 / n / (1 + math.exp(energy(s[b]) - energy(s[a])))
    return T + np.diag(1 - T.sum(1))


@pytest.mark.parametrize("shape", [(3, 4), (4, 2), (2, 2), (1, 3)])
@pytest.mark.parametrize("scale", [0.3, 1.5])
def test_block_gibbs_against_its_matrix(shape, scale):
    rng = np.random.default_rng(sum(shape))
    W, bv, bh = scale * rng.normal(size=shape), rng.normal(size=shape[0]), rng.normal(size=shape[1])
    plain = block_matrix(W, 0, 0)
    for sector in ("even", "all"):
        found = relaxation_time(sl.models.BipartiteIsing(W), sector=sector)
        assert 1 - found.rate == pytest.approx(second(plain, sector == "even"), abs=1e-9)
    found = relaxation_time(sl.models.BipartiteIsing(W / 2, bv / 2, bh / 2), beta=2.0)
    assert found.sector == "all"
    assert 1 - found.rate == pytest.approx(second(block_matrix(W, bv, bh), False), abs=1e-9)
    assert found.time == pytest.approx(-1 / math.log(1 - found.rate))


@pytest.mark.parametrize("K", [1, 2, 3])
@pytest.mark.parametrize("fields", [False, True])
def test_equal_sites_are_taken_together(K, fields):
    """Few patterns: fewer states, the same slowest mode, also with a bias that follows a pattern."""
    rng = np.random.default_rng(K)
    x, y = rng.choice([-1.0, 1.0], (K, 6)), rng.choice([-1.0, 1.0], (K, 5))
    bias = 0.3 * x[0] if fields else np.zeros(6)
    found = relaxation_time(sl.models.PatternBipartiteIsing(x, y, 0.4, bias))
    W = 0.4 * x.T @ y
    T = block_matrix(W, bias, 0)
    assert 1 - found.rate == pytest.approx(second(T, not fields), abs=1e-9)
    assert found.n_states <= {1: 6, 2: 12, 3: 24}[K] * (2 if fields else 1) < 64
    if K == 1:  # five hidden units, equal up to sign: six sums, three where inverses count once
        assert found.n_states == (6 if fields else 3)


def test_one_bond():
    for w in (0.2, 1.0):
        found = relaxation_time(sl.models.BipartiteIsing([[w]]), sector="all")
        assert 1 - found.rate == pytest.approx(math.tanh(w) ** 2)


@pytest.mark.parametrize(("w", "H"), [(0.5, 3), (1.0, 12), (2.0, 30)])
def test_two_states_however_slow(w, H):
    """One visible unit, H equal couplings: 1 - lambda = 2 P(flip), a sum without cancellation."""
    up = 1 / (1 + math.exp(-2 * w))
    flip = sum(
        math.comb(H, k) * up**k * (1 - up) ** (H - k) / (1 + math.exp(2 * w * (2 * k - H)))
        for k in range(H + 1)
    )
    found = relaxation_time(sl.models.BipartiteIsing(np.full((1, H), w)), sector="all")
    assert found.rate == pytest.approx(2 * flip, rel=1e-8)
    assert w < 2 or found.rate < 1e-15  # below what an eigenvalue of T could tell


@pytest.mark.parametrize("even", [True, False])
def test_heat_bath_against_its_matrix(even):
    rng = np.random.default_rng(3)
    W = rng.normal(size=(4, 7))
    sector = "even" if even else "all"

    def F(v):
        return -np.log(2 * np.cosh(v @ W)).sum()

    found = relaxation_time(sl.models.BipartiteIsing(W), dynamics="heat_bath", sector=sector)
    assert 1 - found.rate == pytest.approx(second(site_matrix(F, 4), even), abs=1e-9)
    assert found.time == pytest.approx(-1 / math.log(1 - found.rate) / 4)
    J = np.triu(rng.normal(size=(5, 5)), 1)
    found = relaxation_time(sl.models.DenseIsing(J + J.T), dynamics="heat_bath", sector=sector, beta=0.7)
    T = site_matrix(lambda s: -0.7 * s @ J @ s, 5)
    assert 1 - found.rate == pytest.approx(second(T, even), abs=1e-9)


def test_both_ways_to_the_heat_bath_agree(monkeypatch):
    from spinlab.observables import _heat_bath_chain

    model = sl.ensembles.rbm_gaussian(9, 30, rng=0).scaled(0.3)
    dense = relaxation_time(model, dynamics="heat_bath")
    monkeypatch.setattr(_heat_bath_chain, "DENSE_SITES", 3)
    assert relaxation_time(model, dynamics="heat_bath").rate == pytest.approx(dense.rate, rel=1e-6)
    with pytest.raises(ValueError, match="does not resolve"):
        relaxation_time(model.scaled(30), dynamics="heat_bath")


def test_without_couplings():
    """Block Gibbs forgets at once; of N sites an update forgets one, and even functions have two at least."""
    free = sl.models.BipartiteIsing(np.zeros((5, 4)))
    for sector in ("even", "all"):
        assert relaxation_time(free, sector=sector).time == 0
    for sector, sites in (("all", 1), ("even", 2)):
        found = relaxation_time(free, dynamics="heat_bath", sector=sector)
        assert found.rate == pytest.approx(sites / 5, rel=1e-6)
        assert found.time == pytest.approx(-1 / 5 / math.log(1 - sites / 5), rel=1e-6)


def test_the_flip_is_slower_than_all_even_modes():
    model = sl.ensembles.ra_rbm(8, 8, 1, rng=0)
    assert relaxation_time(model, sector="all").time > 1e3 * relaxation_time(model).time


def test_refusals():
    machine = sl.ensembles.rbm_gaussian(14, 14, rng=0)
    with pytest.raises(ValueError, match="limits are 4096 for the smaller"):
        relaxation_time(machine)
    with pytest.raises(ValueError, match="up to 16 sites, got 17"):
        relaxation_time(sl.ensembles.rbm_gaussian(17, 3, rng=0), dynamics="heat_bath")
    with pytest.raises(ValueError, match='use sector="all"'):
        relaxation_time(sl.models.BipartiteIsing([[1.0]], [0.3]), sector="even")
    with pytest.raises(TypeError, match='use dynamics="heat_bath"'):
        relaxation_time(sl.ensembles.sk(5, rng=0))
