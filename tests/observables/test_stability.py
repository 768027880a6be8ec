"""Stability of the paramagnet against the theory's lines."""

from __future__ import annotations

import math

import numpy as np
import pytest

import spinlab as sl
from spinlab import theory
from spinlab.observables import spectrum, stability
from spinlab.observables.stability import reaction, two_layer_reaction


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


# Standard deviations of one spectrum are below a third of the tolerances (20 seeds).
@pytest.mark.parametrize("w", [0.2, 0.5, 0.7])
def test_the_reaction_of_independent_couplings_does_not_grow(w):
    assert reaction(np.linalg.eigvalsh(sl.ensembles.sk(600, rng=1).couplings()), w) == pytest.approx(
        1, abs=0.1
    )


@pytest.mark.parametrize("alpha", [0.3, 1.0])
@pytest.mark.parametrize("w", [0.15, 0.35])
def test_the_reaction_of_random_patterns(alpha, w):
    # R'(w) = alpha/(1 - w)^2 (free Poisson law of V. A. Marchenko, L. A. Pastur 1967).
    J = sl.ensembles.hopfield(600, round(600 * alpha), rng=1).couplings()
    assert reaction(np.linalg.eigvalsh(J), w) == pytest.approx(1 / (1 - w) ** 2, rel=0.08)


@pytest.mark.parametrize("w", [0.5, 3.0, 20.0])
def test_the_reaction_of_random_orthogonal_couplings(w):
    # R = (sqrt(1 + 4 w^2) - 1)/(2 w) (E. Marinari, G. Parisi, F. Ritort 1994); two cumulants would give 1.
    root = math.sqrt(1 + 4 * w * w)
    slope = 2 / root - (root - 1) / (2 * w * w)
    assert reaction(np.repeat([1.0, -1.0], 50), w) == pytest.approx(slope, rel=1e-6)
    assert reaction(np.repeat([3.0, -3.0], 50), w / 3) == pytest.approx(slope, rel=1e-6)


def test_the_reaction_near_the_edge_stays_finite():
    J = sl.ensembles.hopfield(300, 150, rng=0).couplings()
    values = np.linalg.eigvalsh(J)
    # Stability 0.4: (1 - w)/sqrt(alpha) = w/sqrt(0.6).
    w = 1 / (1 + math.sqrt(0.5 / 0.6))
    assert reaction(values, 5.0) == reaction(values, 50.0) == pytest.approx(1 / (1 - w) ** 2, rel=0.15)
    assert reaction(np.ones(5), 1.0) == reaction(np.arange(2.0), 1.0) == 1.0


@pytest.mark.parametrize("shape", [(400, 600), (300, 900)])
def test_the_reaction_of_two_layers(shape):
    V, H = shape
    q, p, sv, sh = 0.5, 0.4, 0.35, 0.45
    gauss = np.linalg.svd(sl.ensembles.rbm_gaussian(V, H, rng=0).weights(), compute_uv=False)
    unit = 0.6 / math.sqrt(math.sqrt(V * H) * 0.5 * 0.6)  # sigma, at a growth of about 0.6
    found = two_layer_reaction(unit * gauss, V, H, (1 - q, 1 - p), (sv, sh))
    assert found == pytest.approx(1, abs=0.1)
    # Random patterns: r_v = alpha_v b^2 (p + b^2 (1 - p)^2 q)/D^2 and the like of the other layer.
    K = 250
    b = 1.1
    W = sl.ensembles.ra_rbm(V, H, K, rng=0).weights()
    s = np.linalg.svd(W / W.std() * b * math.sqrt(K / (V * H)), compute_uv=False)
    av, ah, D = K / V, K / H, 1 - b**2 * (1 - q) * (1 - p)
    growth = np.array([
        [sv * av * b**4 * (1 - p) ** 2, sv * av * b**2],
        [sh * ah * b**2, sh * ah * b**4 * (1 - q) ** 2],
    ]) / D**2  # fmt: skip
    expected = np.linalg.eigvals(growth).real.max() / (b**2 * math.sqrt(av * ah * sv * sh))
    assert expected > 1.5
    assert two_layer_reaction(s, V, H, (1 - q, 1 - p), (sv, sh)) == pytest.approx(expected, rel=0.08)
