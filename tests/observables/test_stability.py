"""Stability of the paramagnet against the theory's lines."""

from __future__ import annotations

import math

import numpy as np
import pytest

import spinlab as sl
from spinlab import theory
from spinlab.observables import spectrum, stability


def test_sk():
    for N, seed in [(150, 0), (300, 1)]:
        found = stability(sl.ensembles.sk(N, rng=seed))
        assert found.towards == "glass"
        # tr J^2 has relative error 2/N, tr J^3/N an error sqrt(6)/N: six of their sum.
        assert found.beta == pytest.approx(1, abs=6 * 3.2 / N)


@pytest.mark.parametrize(("N", "K"), [(300, 45), (300, 150), (300, 1200)])
def test_hopfield_glass_line(N, K):
    found = stability(sl.ensembles.hopfield(N, K, rng=K))
    assert found.towards == "glass"
    assert 1 / found.beta == pytest.approx(theory.hopfield.glass_line(K / N), rel=0.04)


@pytest.mark.parametrize("K", [1, 3])
def test_few_patterns_are_retrieved(K):
    found = stability(sl.ensembles.hopfield(500, K, rng=K))
    assert (found.towards, found.n_directions) == ("retrieval", K)
    assert math.isinf(found.beta_glass)
    # The largest eigenvalue of the K x K matrix of pattern overlaps is 1 + O(sqrt(K/N)).
    assert 1 / found.beta == pytest.approx(1, abs=3 * math.sqrt(K / 500))
    rbm = stability(sl.ensembles.ra_rbm(200, 450, K, rng=K))
    assert (rbm.towards, rbm.n_directions) == ("retrieval", K)
    assert rbm.beta * math.sqrt(200 * 450 / K) == pytest.approx(1, abs=3 * math.sqrt(K / 200))


@pytest.mark.parametrize("J0", [0.0, 0.5, 1.5, 3.0])
def test_a_ferromagnetic_direction_in_noise(J0):
    N = 500
    noise = sl.ensembles.sk(N, rng=7).couplings()
    J = noise + J0 / N * (1 - np.eye(N))
    found = stability(J)
    assert found.towards == ("retrieval" if J0 > 1 else "glass")
    assert 1 / found.beta == pytest.approx(max(J0, 1.0), rel=0.05)
    if J0 > 1:
        # The TAP equations themselves, with Onsager's term for independent couplings: the smallest eigenvalue
        # of 1 + beta^2 sum_j J_ij^2 - beta J vanishes.
        matrix = np.diag(1 + found.beta**2 * (J**2).sum(1)) - found.beta * J
        assert abs(np.linalg.eigvalsh(matrix)[0]) < 0.03


@pytest.mark.parametrize(("V", "H"), [(150, 150), (60, 600)])
def test_gaussian_rbm(V, H):
    W = np.random.default_rng(V).normal(size=(V, H))
    for weights in (W, W.T):
        found = stability(sl.models.BipartiteIsing(weights))
        assert found.towards == "glass"
        # tr WW^T and tr (WW^T)^2 have relative errors below 2/V.
        assert found.beta * (V * H) ** 0.25 == pytest.approx(1, abs=5 / V)


@pytest.mark.parametrize(("V", "H", "K"), [(200, 200, 40), (200, 200, 200), (100, 1000, 50), (300, 100, 400)])
def test_ra_rbm_glass_line(V, H, K):
    found = stability(sl.ensembles.ra_rbm(V, H, K, rng=K))
    line = theory.coordinates.ra_rbm_std(V, H, K, theory.bipartite.glass_line(K / V, K / H))
    assert found.towards == "glass"
    assert found.beta == pytest.approx(line, rel=0.04)


def test_a_strong_pattern_in_a_noisy_rbm():
    V, H = 200, 300
    generator = np.random.default_rng(3)
    u, w = (np.sign(generator.normal(size=n)) / math.sqrt(n) for n in (V, H))
    noise = generator.normal(size=(V, H)) / (V * H) ** 0.25
    found = stability(sl.models.BipartiteIsing(noise + 3 * np.outer(u, w)))
    assert (found.towards, found.n_directions) == ("retrieval", 1)
    # Independent weights have C(u) = u c2: the two reaction terms leave the pattern's own strength.
    assert 1 / found.beta == pytest.approx(3, rel=0.02)
    assert found.beta_glass == pytest.approx(1, rel=0.05)


def test_small_machines_keep_their_glass_line():
    # x = s (VH)^(1/4) = 1. ln beta has a standard deviation of .1 and a bias of -.07 at these sizes; without
    # the error bar of the fourth moment one machine in ten had no line.
    for V, H in [(10, 30), (16, 16)]:
        W = np.random.default_rng(V).normal(size=(40, V, H)) / (V * H) ** 0.25
        lines = np.log([stability(sl.models.BipartiteIsing(w)).beta_glass for w in W])
        assert np.abs(lines).max() < 0.5
        assert lines.mean() == pytest.approx(-0.07, abs=0.06)


def test_gaps_set_directions_apart():
    generator = np.random.default_rng(5)
    u, w = (np.linalg.qr(generator.normal(size=(n, 16)))[0] for n in (16, 64))

    def machine(*values):
        return stability(sl.models.BipartiteIsing(u * np.array(values) @ w.T))

    rest = np.linspace(0.14, 0.02, 12)  # no Marchenko-Pastur law: its largest values count as outliers
    found = machine(3.5, 3.0, 2.9, 2.75, *rest)
    assert (found.towards, found.n_directions, found.n_set_apart) == ("retrieval", 4, 0)
    # A bulk of twelve small values: beta^2 s^2 = (12/16)(60/64), the resolvents of zero.
    assert 1 / found.beta == pytest.approx(3.5 / math.sqrt(12 / 16 * 60 / 64), rel=0.01)
    found = machine(*[3.0] * 7, *rest[:9] / 2)
    assert (found.towards, found.n_directions, found.n_set_apart) == ("glass", 0, 7)
    # Random patterns of extensive load leave no gap, or one behind the last of them.
    assert stability(sl.ensembles.ra_rbm(16, 128, 8, rng=0)).towards == "glass"


def test_nothing_unstable():
    # J = -xi xi^T: no direction of low energy; all overlaps only cost.
    found = stability(sl.models.PatternIsing(np.ones((1, 50)), scale=-1 / 50))
    assert found.towards == "nothing"
    assert math.isinf(found.beta)


def test_invariances():
    model = sl.ensembles.sk(60, rng=0)
    generator = np.random.default_rng(1)
    signs, order = np.where(generator.random(60) < 0.5, -1, 1), generator.permutation(60)
    J = (3.0 * model.couplings() * np.outer(signs, signs))[np.ix_(order, order)]
    a, b = stability(model), stability(J)
    assert b.beta == pytest.approx(a.beta / 3)
    assert b.largest_coupling == pytest.approx(a.largest_coupling)
    assert b.towards == a.towards
    assert stability(model, spectrum=spectrum(model)) == a


def test_refusal():
    with pytest.raises(ValueError, match="no couplings"):
        stability(np.zeros((5, 5)))


def test_the_edge_of_the_band_is_where_the_reaction_term_says():
    from spinlab.observables.stability import _edge, _two_layer_edge

    edge = _edge(spectrum(sl.ensembles.sk(300, rng=2)).values, 300)
    assert edge == pytest.approx(2, abs=0.03)
    hopfield = sl.ensembles.hopfield(300, 900, rng=3)
    edge = _edge(spectrum(hopfield).values, 300)
    assert edge == pytest.approx((1 + math.sqrt(3)) ** 2 - 3, rel=0.02)
    W = np.random.default_rng(4).normal(size=(100, 400))
    edge = _two_layer_edge(spectrum(sl.models.BipartiteIsing(W)).values, 100, 400)
    assert edge == pytest.approx(10 + 20, rel=0.02)
    # Two layers of patterns have no such formula: their largest singular value lies at the edge.
    rbm = spectrum(sl.ensembles.ra_rbm(200, 300, 400, rng=5))
    edge = _two_layer_edge(rbm.values, 200, 300)
    assert rbm.values[0] == pytest.approx(edge, rel=0.05)


def _rotated(eigenvalues, seed):
    """Couplings with these eigenvalues in random directions, their diagonal left out."""
    q = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(eigenvalues),) * 2))[0]
    J = (q * eigenvalues) @ q.T
    J = (J + J.T) / 2
    return J - np.diag(np.diag(J))


@pytest.mark.parametrize("N", [100, 300])
def test_no_instability_announces_the_glass_of_random_orthogonal_couplings(N):
    # R = (sqrt(1 + 4 beta^2) - 1)/(2 beta) has beta^2 R' < 1 at any beta; two cumulants say T = 1.
    assert math.isinf(stability(_rotated(np.repeat([1.0, -1.0], N // 2), N)).beta)


def test_the_glass_line_of_any_spectrum_is_where_its_resolvent_ends():
    # rho ~ sqrt(1 - x^2)(1 + 2 x^2): beta = G(1+) by quadrature; two cumulants are off by 25 %.
    theta = (np.arange(100000) + 0.5) * np.pi / 100000
    x = np.cos(theta)
    weight = np.sin(theta) ** 2 * (1 + 2 * x * x)
    exact = float((weight / (1 - x)).sum() / weight.sum())
    cdf = np.cumsum(weight[::-1]) / weight.sum()
    eigenvalues = np.interp((np.arange(1000) + 0.5) / 1000, cdf, x[::-1])
    assert stability(_rotated(eigenvalues, 1)).beta_glass == pytest.approx(exact, rel=0.12)


def test_a_planted_state_is_an_isolated_value_above_a_bulk_that_is_no_semicircle():
    # Eigenvalue 0 above -(1/N) sum w w^T; 1/T = <1/x> = 1/(K/N - 1) for the law of Marchenko and Pastur.
    found = stability(sl.ensembles.wishart_planted(400, 1200, rng=0))
    assert (found.n_directions, found.towards) == (1, "retrieval")
    assert 1 / found.beta_retrieval == pytest.approx(2, rel=0.1)


def test_directions_that_the_couplings_oppose_are_no_part_of_the_bulk():
    # Random graphs of G(N, 1/2) as max-cut: an SK model of standard deviation 1/2 and a strong negative mean.
    N = 300
    A = np.triu(np.random.default_rng(0).random((N, N)) < 0.5, 1).astype(float)
    found = stability(-(A + A.T) / math.sqrt(N))
    assert found.towards == "glass"
    assert 1 / found.beta_glass == pytest.approx(0.5, rel=0.05)
