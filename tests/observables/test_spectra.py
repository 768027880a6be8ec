"""Spectra against random-matrix theory, planted outliers and quadrature."""

from __future__ import annotations

import numpy as np
import pytest

import spinlab as sl
from spinlab.observables import spectrum
from spinlab.observables.spectra import _MarchenkoPastur, _Semicircle


def test_values_are_those_of_the_matrix():
    model = sl.ensembles.sk(N=12, rng=0)
    np.testing.assert_allclose(np.sort(spectrum(model).values), np.linalg.eigvalsh(model.couplings()))
    W = np.random.default_rng(1).normal(size=(5, 9))
    found = spectrum(sl.models.BipartiteIsing(W))
    np.testing.assert_allclose(found.values, np.sqrt(np.linalg.eigvalsh(W @ W.T))[::-1])
    np.testing.assert_allclose(spectrum(sl.models.BipartiteIsing(W.T)).thresholds, found.thresholds)


def test_laws_integrate_their_densities():
    from scipy.integrate import quad

    law = _Semicircle(50)
    R = law.radius
    for x in (-0.7 * R, 0.2 * R, law.median):
        area = quad(lambda t: 2 / (np.pi * R**2) * np.sqrt(R**2 - t**2), -R, x)[0]
        assert law.cdf(x) == pytest.approx(area, abs=1e-7)
    assert law.cdf(law.median) - law.cdf(-law.median) == pytest.approx(0.5, abs=1e-12)
    for n, m in [(30, 120), (40, 40)]:
        band = _MarchenkoPastur(n, m)
        low, high = band.edges

        def density(x, n=n, low=low, high=high):
            # Of the singular value x, from the law of x^2.
            return np.sqrt(max((x**2 - low**2) * (high**2 - x**2), 0.0)) / (np.pi * n * x)

        for x in (0.3 * low + 0.7 * high, band.median):
            assert band.cdf(x) == pytest.approx(quad(density, low, x)[0], abs=1e-6)
        assert quad(lambda x: x**2 * density(x), low, high)[0] == pytest.approx(band.rms**2, rel=1e-6)


@pytest.mark.parametrize("N", [50, 200])
def test_wigner(N):
    generator = np.random.default_rng(N)
    count = 0
    for _ in range(40):
        A = 0.3 * generator.normal(size=(N, N))
        J = np.triu(A, 1) + np.triu(A, 1).T
        found = spectrum(J)
        count += found.outliers.size
        # The standard deviation of N (N - 1)/2 entries has relative error 1/N.
        assert found.std == pytest.approx(0.3, rel=5 / N)
        assert found.edges[1] == pytest.approx(found.centre + 2 * found.std * np.sqrt(N))
        assert found.distance < 4 / N
        assert found.effective_patterns == pytest.approx(N / 2, rel=0.1)
    # 80 edges, each with an outlier once in 1000: two or more 3 times in 1000.
    assert count <= 1


@pytest.mark.parametrize(("V", "H"), [(40, 160), (80, 80)])
def test_marchenko_pastur(V, H):
    generator = np.random.default_rng(V)
    count = 0
    for _ in range(40):
        found = spectrum(sl.models.BipartiteIsing(0.1 * generator.normal(size=(V, H))))
        count += found.outliers.size
        assert found.std == pytest.approx(0.1, rel=5 / np.sqrt(2 * V * H))
        assert found.distance < 5 / V
        assert found.effective_patterns == pytest.approx(V * H / (V + H), rel=0.1)
    assert count <= 1  # 40 edges


def test_planted_directions_stand_out():
    # A direction of strength t > s sqrt(N) appears at t + s^2 N / t (F. Benaych-Georges, R. R. Nadakuditi
    # 2011); below, it does not.
    N, generator = 300, np.random.default_rng(0)
    A = generator.normal(size=(N, N)) / np.sqrt(N)
    noise = np.triu(A, 1) + np.triu(A, 1).T
    u = np.sign(generator.normal(size=N))
    uu = (np.outer(u, u) - np.eye(N)) / N
    strong = spectrum(noise + 3.0 * uu)
    assert strong.outliers.size == 1
    assert strong.outliers[0] == pytest.approx(3 + 1 / 3, abs=0.2)
    antiferromagnetic = spectrum(noise - 3.0 * uu)
    assert antiferromagnetic.outliers.size == 1
    assert antiferromagnetic.outliers[0] < -3
    assert spectrum(noise + 0.5 * uu).outliers.size == 0


@pytest.mark.parametrize("K", [1, 3, 10])
def test_few_patterns_are_counted(K):
    full = spectrum(sl.ensembles.hopfield(N=500, K=K, rng=K))
    layers = spectrum(sl.ensembles.ra_rbm(V=100, H=400, K=K, rng=K))
    assert (full.outliers.size, layers.outliers.size) == (K, K)
    assert full.std == layers.std == 0.0
    # Overlaps of random patterns, 1/sqrt(N), spread the eigenvalues: to first order in K/N their second and
    # fourth moments are 1 + K/N and 1 + 6 K/N, so that K_eff = K (1 - 4 K/N).
    assert full.effective_patterns == pytest.approx(K * (1 - 4 * K / 500), rel=0.03)
    assert layers.effective_patterns == pytest.approx(K, rel=0.3)


def test_scale_and_gauge_change_nothing():
    model = sl.ensembles.sk(N=40, rng=5)
    signs = np.where(np.random.default_rng(0).random(40) < 0.5, 1.0, -1.0)
    a, b = spectrum(model), spectrum(7.0 * signs[:, None] * model.couplings() * signs)
    np.testing.assert_allclose(b.values, 7 * a.values, atol=1e-12)
    assert b.std == pytest.approx(7 * a.std)
    assert b.outliers.size == a.outliers.size


def test_refusals():
    with pytest.raises(ValueError, match="no couplings"):
        spectrum(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="BipartiteIsing"):
        spectrum(np.ones((3, 4)))
