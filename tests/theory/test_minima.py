"""Numbers of one-flip-stable states: formulae, their limits, and counts over all states."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_ndtr

from spinlab.theory import minima


def phi(c: float) -> float:
    def f(mu: float) -> float:
        return mu**2 / 2 + log_ndtr(mu + c)

    return minimize_scalar(f, bounds=(-60, 5), method="bounded", options={"xatol": 1e-10}).fun


def half(n: int) -> np.ndarray:
    """All states of n spins up to the global flip."""
    return 1.0 - 2 * ((np.arange(2 ** (n - 1))[:, None] >> np.arange(n)) & 1)


def count(J: np.ndarray) -> int:
    states = half(len(J))
    return 2 * int(((states @ J) * states > 0).all(1).sum())


def count_two_layers(W: np.ndarray) -> int:
    v = half(len(W))
    field = v @ W
    h = np.sign(field)
    return 2 * int(((h @ W.T) * v > 0).all(1)[(field != 0).all(1)].sum())


def test_sk() -> None:
    best = minimize_scalar(lambda c: c**2 / 2 - log_ndtr(c), bounds=(0, 3), method="bounded")
    assert minima.sk() == pytest.approx(math.log(2) - best.fun, abs=1e-10)
    assert round(minima.sk(), 4) == 0.1992


def test_exact_mean_number_of_sk() -> None:
    """2 at N = 2 and 3; counts at N = 6 and 9 within 4 standard errors (false alarm 1e-4)."""
    assert math.exp(minima.sk_log_mean_number(2)) == pytest.approx(2, rel=1e-14)
    assert math.exp(minima.sk_log_mean_number(3)) == pytest.approx(2, rel=1e-12)
    rng = np.random.default_rng(1)
    for N, draws in ((6, 3000), (9, 1000)):
        J = rng.standard_normal((draws, N, N))
        numbers = [count(np.triu(x, 1) + np.triu(x, 1).T) for x in J]
        error = np.std(numbers) / math.sqrt(draws)
        assert np.mean(numbers) == pytest.approx(math.exp(minima.sk_log_mean_number(N)), abs=4 * error)
    rates = [minima.sk_log_mean_number(N) / N - minima.sk() for N in (100, 1000, 10**6)]
    assert rates == pytest.approx([0.05 / 100, 0.05 / 1000, 0.05 / 10**6], rel=0.05)


def test_hopfield() -> None:
    """The literature's rates at three loads, and direct maximisation."""
    found = minima.hopfield([0.01, 0.05, 0.138])
    assert found.round(4).tolist() == [0.016, 0.0443, 0.0725]
    for alpha in (1e-3, 0.138, 2.0):

        def minus(R: float, a: float = alpha) -> float:
            return -(a / 2 * math.log(R / a) - (R - a) / 2 + phi((R - a) / math.sqrt(R)))

        best = minimize_scalar(minus, bounds=(alpha * 1.0001, 20 * alpha + 5), method="bounded")
        assert minima.hopfield(alpha) == pytest.approx(math.log(2) - best.fun, abs=1e-8)
    assert minima.hopfield(1e9) == pytest.approx(minima.sk(), abs=1e-5)
    assert (np.diff(minima.hopfield(np.geomspace(1e-9, 1e9, 100))) > 0).all()


@pytest.mark.parametrize("point", [(0.2, 0.2), (0.5, 0.01), (0.03, 0.06), (5.0, 1.0)])
def test_ra_rbm_by_direct_maximisation(point: tuple[float, float]) -> None:
    a, other = point
    g = a / other

    def minus(x: np.ndarray) -> float:
        A, B = np.exp(x[:2])
        rho = 1 / (1 + math.exp(-x[2]))
        C = math.sqrt(rho * A * B)
        volume = a / 2 * (math.log(A / a) + math.log(B / other) + math.log(1 - rho))
        return -(
            volume - (A - a) / 2 - g * (B - other) / 2 + phi(C / math.sqrt(B)) + g * phi(C / math.sqrt(A))
        )

    start = [math.log(a), math.log(other), 0]
    best = minimize(
        minus, start, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-11, "maxiter": 2000}
    )
    assert minima.ra_rbm(*point) == pytest.approx((1 + g) * math.log(2) - best.fun, abs=1e-8)
    assert minima.ra_rbm(other, a) == pytest.approx(minima.ra_rbm(a, other) / g, rel=1e-10)


def test_two_layers_against_known_numbers_and_limits() -> None:
    assert minima.ra_rbm(0.2, 0.2) / 2 == pytest.approx(0.0831, abs=6e-5)
    assert minima.ra_rbm(10 / 20, 10 / 1000) == pytest.approx(0.3685, abs=5e-5)  # V=20, H=1000, K=10
    # Gaussian weights: K -> infinity; per spin the SK model's rate at equal layers; ln 2 for H >> V.
    for g in (0.2, 1.0, 30.0):
        assert minima.ra_rbm(1e7 * g, 1e7) == pytest.approx(minima.gaussian_rbm(g), abs=1e-3)
        assert minima.gaussian_rbm(1 / g) == pytest.approx(minima.gaussian_rbm(g) / g, rel=1e-9)
    assert minima.gaussian_rbm() == pytest.approx(2 * minima.sk(), abs=1e-12)
    assert minima.gaussian_rbm(1e5) == pytest.approx(math.log(2), abs=1e-7)
    # Many hidden units are linear: a Hopfield model with its diagonal, where every flip costs alpha more.
    assert minima.gaussian_rbm([1, 5, 20, 100]).tolist() == sorted(minima.gaussian_rbm([1, 5, 20, 100]))


def test_growth_of_counts_in_two_layers() -> None:
    """The mean number over draws grows from V = H = 6 to 12 as predicted, up to 1/size.

    Statistical error of the rate about 0.004, of a measured difference below 0.02: no false alarms."""
    rng = np.random.default_rng(2)
    mean = {}
    for n, draws in ((6, 2000), (12, 150)):
        mean[n] = np.mean([count_two_layers(rng.standard_normal((n, n))) for _ in range(draws)])
    assert math.log(mean[12] / mean[6]) / 6 == pytest.approx(minima.gaussian_rbm(), abs=0.02)
    for n, K, draws in ((6, 3, 2000), (14, 7, 100)):
        pairs = rng.standard_normal((draws, 2, K, n))
        mean[n] = np.mean([count_two_layers(x.T @ y) for x, y in pairs])
    assert math.log(mean[14] / mean[6]) / 8 == pytest.approx(minima.ra_rbm(0.5, 0.5), abs=0.04)
