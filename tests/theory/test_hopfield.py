"""Replica-symmetric Hopfield model against its own equations, limits and the literature."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.special import erf

from spinlab.theory import curie_weiss, hopfield, sk

# Gauss-Legendre on many short panels: an average that shares nothing with the one under test.
_nodes, _weights = np.polynomial.legendre.leggauss(8)
_edges = np.linspace(-10, 10, 4001)
Z = ((_edges[1:, None] + _edges[:-1, None]) / 2 + np.diff(_edges)[:, None] / 2 * _nodes).ravel()
P = (np.diff(_edges)[:, None] / 2 * _weights).ravel() * np.exp(-(Z**2) / 2) / math.sqrt(2 * math.pi)


def residuals(state: hopfield.State, alpha: float, T: float) -> list[float]:
    """Of the three equations of Amit, Gutfreund and Sompolinsky."""
    t = np.tanh((state.m + math.sqrt(alpha * state.r) * Z) / T)
    return [
        t @ P - state.m,
        t**2 @ P - state.q,
        state.q / (1 - (1 - state.q) / T) ** 2 / state.r - 1 if state.r else 0.0,
    ]


def free_energy(m: float, q: float, r: float, alpha: float, T: float) -> float:
    D = 1 - (1 - q) / T
    y = (m + math.sqrt(alpha * r) * Z) / T
    return (
        alpha / 2
        + m**2 / 2
        + alpha * r * (1 - q) / (2 * T)
        + alpha * T / 2 * (math.log(D) - q / (T * D))
        - T * (np.logaddexp(y, -y) @ P)
    )


@pytest.mark.parametrize(
    ("alpha", "T"),
    [(0.001, 0.9), (0.05, 0.02), (0.05, 0.5), (0.1, 0.1), (0.13, 0.05), (0.1379, 0.002), (1e-6, 0.99)],
)
def test_states_solve_the_equations(alpha: float, T: float) -> None:
    recall, glass = hopfield.retrieval(alpha, T), hopfield.spin_glass(alpha, T)
    assert recall.m > 0
    assert glass.m == 0
    assert glass.q > 0
    for state in (recall, glass):
        np.testing.assert_allclose(residuals(state, alpha, T), 0, atol=1e-9)
        given = [state.m, state.q, state.r]
        assert state.free_energy == pytest.approx(free_energy(*given, alpha, T), rel=1e-11)


@pytest.mark.parametrize(("alpha", "T"), [(0.05, 0.3), (0.1, 0.2), (0.5, 0.9)])
def test_free_energy_is_stationary(alpha: float, T: float) -> None:
    """f depends on m, q, r to second order around a solution: all three equations follow from f."""
    for state in (hopfield.retrieval(alpha, T), hopfield.spin_glass(alpha, T)):
        x = np.array([state.m, state.q, state.r])
        for i in range(3):
            step = np.zeros(3)
            step[i] = 1e-6
            slope = (free_energy(*(x + step), alpha, T) - free_energy(*(x - step), alpha, T)) / 2e-6
            assert slope == pytest.approx(0, abs=1e-8)


def test_ten_thousand_points_without_a_failure() -> None:
    """A grid of the whole diagram and the coldest temperatures; warnings are errors."""
    alpha, T = np.meshgrid(
        np.linspace(0, 0.2, 100), np.concatenate([np.geomspace(1e-9, 1e-2, 30), np.linspace(0.02, 2, 70)])
    )
    recall, glass = hopfield.retrieval(alpha, T), hopfield.spin_glass(alpha, T)
    for state in (recall, glass):
        assert np.isfinite(state.free_energy).all()
        for overlap in (state.m, state.q):
            assert ((overlap >= 0) & (overlap <= 1 + 1e-15)).all()
    assert np.array_equal(recall.m > 0, (alpha <= hopfield.capacity(T)) & (T < 1))
    assert np.array_equal(glass.q > 0, hopfield.glass_line(alpha) > T)
    # The equations at every point, with r taken from the state: (1 - beta (1 - q)) loses digits at low T.
    loaded = (alpha > 0) & (recall.q > 0)
    D = 1 - (1 - recall.q[loaded]) / T[loaded]
    expected = np.sqrt(recall.q[loaded] / recall.r[loaded])
    np.testing.assert_allclose(D, expected, atol=1e-6)
    # m falls with T and with the load on the retrieval branch.
    assert (np.diff(np.where(recall.m > 0, recall.m, np.nan), axis=1) <= 0)[recall.m[:, 1:] > 0].all()


def test_phases_follow_the_lines() -> None:
    alpha = 0.03
    T_g, T_M, T_c = (
        line(alpha) for line in (hopfield.glass_line, hopfield.retrieval_line, hopfield.coexistence_line)
    )
    found = hopfield.phase(alpha, [T_g + 1e-6, T_g - 1e-6, T_M + 1e-6, T_M - 1e-6, T_c + 1e-6, T_c - 1e-6])
    glass, metastable = "spin glass", "metastable retrieval"
    assert found.tolist() == ["paramagnet", glass, glass, metastable, metastable, "retrieval"]
    state = hopfield.equilibrium(alpha, [T_c - 1e-6, T_c + 1e-6])
    assert state.m[0] > 0.8
    assert state.m[1] == 0


def test_capacity_at_zero_temperature() -> None:
    """alpha_c(0) = 0.137905566 with m = 0.967 (AGS: 0.138), from the closed equation in x."""

    def load(x: float) -> float:
        return (erf(x) / x - 2 / math.sqrt(math.pi) * math.exp(-(x**2))) ** 2 / 2

    best = minimize_scalar(lambda x: -load(x), bounds=(1, 2), method="bounded", options={"xatol": 1e-12})
    assert hopfield.capacity(0.0) == pytest.approx(load(best.x), abs=1e-10)
    assert hopfield.capacity(0.0) == pytest.approx(0.137905566, abs=1e-8)
    assert hopfield.retrieval(0.1379055, 1e-6).m == pytest.approx(erf(best.x), abs=2e-3)


def test_reentrance_and_broken_symmetry_near_capacity() -> None:
    """The replica-symmetric capacity is largest near T = 0.023 (Naef, Canning), 0.1382 as with broken
    symmetry at T = 0 (Steffan, Kuehn), and the line of marginal states meets T_M there."""
    T = np.linspace(0.0, 0.06, 61)
    alpha = hopfield.capacity(T)
    assert T[alpha.argmax()] == pytest.approx(0.023, abs=1e-3)
    assert alpha.max() == pytest.approx(0.13819, abs=1e-5)
    assert hopfield.retrieval_line(0.1381) == pytest.approx(
        brentq(lambda t: hopfield.capacity(t) - 0.1381, 0.024, 0.1)
    )
    assert hopfield.retrieval_line(0.1382) == 0
    assert hopfield.at_line(0.13818) == pytest.approx(hopfield.retrieval_line(0.13818), abs=3e-3)
    assert hopfield.at_line(0.1382) == 0


def test_lines_at_small_load() -> None:
    """T_M -> 1 - 1.95 sqrt(alpha), T_c -> 1 - 2.6 sqrt(alpha) (AGS)."""
    alpha = 1e-6
    np.testing.assert_allclose((1 - hopfield.retrieval_line(alpha)) / np.sqrt(alpha), 1.9545, atol=1e-4)
    np.testing.assert_allclose((1 - hopfield.coexistence_line(alpha)) / np.sqrt(alpha), 2.598, atol=1e-3)


def test_lines_are_where_they_should_be() -> None:
    for alpha in (0.01, 0.05, 0.12):
        T = hopfield.retrieval_line(alpha)
        assert hopfield.retrieval(alpha, T * (1 - 1e-9)).m > 0.3
        assert hopfield.retrieval(alpha, T * (1 + 1e-9)).m == 0
    for alpha in (0.001, 0.03, 0.05):
        T = hopfield.coexistence_line(alpha)
        recall, glass = hopfield.retrieval(alpha, T), hopfield.spin_glass(alpha, T)
        assert recall.m > 0.3
        assert recall.free_energy == pytest.approx(glass.free_energy, abs=1e-13)
        assert (
            hopfield.retrieval(alpha, T * 0.9).free_energy < hopfield.spin_glass(alpha, T * 0.9).free_energy
        )
    for alpha in (0.1, 0.137):
        T = hopfield.at_line(alpha)
        state = hopfield.retrieval(alpha, T)
        y = (state.m + math.sqrt(alpha * state.r) * Z) / T
        with np.errstate(over="ignore"):
            marginal = alpha / T**2 / (1 - (1 - state.q) / T) ** 2 * (np.cosh(y) ** -4.0 @ P)
        assert marginal == pytest.approx(1, rel=1e-6)
    # Below 0.002 the line is given by its asymptotic form.
    assert hopfield.at_line(0.0020001) / hopfield.at_line(0.0019999) == pytest.approx(
        math.exp(0.5 / 0.0019999 - 0.5 / 0.0020001), rel=1e-3
    )


def test_coexistence_at_zero_temperature() -> None:
    """The energies -1/pi - sqrt(2 alpha/pi) and that of the retrieval state cross at alpha = 0.05185."""

    def difference(alpha: float) -> float:
        def load(x: float) -> float:
            return (erf(x) / x - 2 / math.sqrt(math.pi) * math.exp(-(x**2))) ** 2 / 2

        x = brentq(lambda x: load(x) - alpha, 1.6, 6)
        m = erf(x)
        s = m / (math.sqrt(2) * x)  # sqrt(alpha r)
        C = math.sqrt(2 / math.pi) / s * math.exp(-(x**2))
        modulus = m * erf(x) + s * math.sqrt(2 / math.pi) * math.exp(-(x**2))
        recall = alpha / 2 + m**2 / 2 + s**2 * C / 2 - alpha / (2 * (1 - C)) - modulus
        return recall + 1 / math.pi + math.sqrt(2 * alpha / math.pi)

    alpha = brentq(difference, 0.03, 0.1)
    assert alpha == pytest.approx(0.051854, abs=1e-6)
    T = 1e-7
    for factor, better in ((0.999, True), (1.001, False)):
        a = alpha * factor
        assert (hopfield.retrieval(a, T).free_energy < hopfield.spin_glass(a, T).free_energy) == better
    glass = hopfield.spin_glass(0.05, T).free_energy
    assert glass == pytest.approx(-1 / math.pi - math.sqrt(0.1 / math.pi), abs=1e-6)


def test_end_of_the_coexistence_line() -> None:
    """The line ends where the load at coexistence is largest."""

    def load(T: float) -> float:
        def advantage(a: float) -> float:
            return hopfield.spin_glass(a, T).free_energy - hopfield.retrieval(a, T).free_energy

        return brentq(advantage, 0.05, 0.055, xtol=1e-13)

    top = load(0.085064)
    assert top == pytest.approx(0.053132, abs=1e-6)
    assert load(0.08) < top > load(0.09)
    assert hopfield.coexistence_line(top * (1 - 1e-9)) == pytest.approx(0.085064, abs=1e-4)
    assert hopfield.coexistence_line(top * (1 + 1e-6)) == 0


def test_no_load_is_the_magnet() -> None:
    T = np.array([0.1, 0.7, 0.999, 1.2])
    state = hopfield.retrieval(0.0, T)
    np.testing.assert_allclose(state.m, curie_weiss.magnetisation(T), atol=1e-12)
    np.testing.assert_allclose(state.free_energy, curie_weiss.free_energy(T), atol=1e-13)
    # and the glass without load is the limit of small loads
    limit, near = hopfield.spin_glass(0.0, 0.5), hopfield.spin_glass(1e-12, 0.5)
    assert limit.r == math.inf
    assert limit.free_energy == pytest.approx(near.free_energy, abs=1e-5)
    assert limit.q == pytest.approx(near.q, abs=1e-5)


def test_large_load_is_the_sk_model() -> None:
    """The glass at load alpha and temperature T is SK at T / sqrt(alpha) for alpha -> infinity."""
    alpha = 1e10
    T = np.array([0.2, 0.7, 0.95, 1.5])
    state, limit = hopfield.spin_glass(alpha, T * math.sqrt(alpha)), sk.replica_symmetric(T)
    np.testing.assert_allclose(state.q, limit.q, atol=1e-4)
    np.testing.assert_allclose(state.free_energy / math.sqrt(alpha), limit.free_energy, atol=1e-4)


def test_paramagnet_in_closed_form() -> None:
    """f = alpha/2 + (alpha T/2) ln(1 - beta) - T ln 2."""
    alpha, T = 0.3, 1.8
    expected = alpha / 2 + alpha * T / 2 * math.log(1 - 1 / T) - T * math.log(2)
    assert hopfield.spin_glass(alpha, T).free_energy == pytest.approx(expected, rel=1e-13)
