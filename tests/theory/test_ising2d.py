"""Kaufman's torus against enumeration, Onsager's lattice against the torus."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spinlab.theory import ising2d


def enumerate_torus(L: int, M: int, T: float) -> tuple[float, float, float]:
    n = L * M
    s = (1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)).reshape(-1, L, M)
    E = -(s * np.roll(s, 1, 1)).sum((1, 2)) - (s * np.roll(s, 1, 2)).sum((1, 2))
    weight = np.exp(-(E - E.min()) / T)
    Z = weight.sum()
    mean = weight @ E / Z
    return math.log(Z) - E.min() / T, mean, weight @ (E - mean) ** 2 / Z / T**2


@pytest.mark.parametrize("size", [(2, 2), (2, 3), (3, 2), (3, 3), (4, 3), (3, 5), (4, 4), (2, 7)])
def test_torus_against_enumeration(size: tuple[int, int]) -> None:
    T = [0.1, 0.5, 1.0, 2.0, ising2d.T_C, 2.5, 5.0, 100.0]
    torus = ising2d.kaufman(*size, T)
    found = np.transpose([torus.log_partition, torus.energy, torus.heat_capacity])
    expected = [enumerate_torus(*size, t) for t in T]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_torus_does_not_depend_on_its_orientation() -> None:
    T = np.array([0.05, 1.0, 2.2, 2.3, 50.0])
    one, other = ising2d.kaufman(7, 40, T), ising2d.kaufman(40, 7, T)
    np.testing.assert_allclose(one.log_partition, other.log_partition, rtol=1e-13)
    np.testing.assert_allclose(one.energy, other.energy, rtol=1e-11)
    np.testing.assert_allclose(one.heat_capacity, other.heat_capacity, rtol=1e-9, atol=1e-10)


def test_derivatives_of_the_torus() -> None:
    """<E> = -d ln Z / d beta and the heat capacity d<E>/dT, by differences at L = 64 near the transition."""
    step = 1e-5
    for T in (2.0, ising2d.T_C, 2.4):
        beta = 1 / T + step * np.array([-1, 1])
        log_z = ising2d.kaufman(64, 64, 1 / beta).log_partition
        at = ising2d.kaufman(64, 64, T)
        assert at.energy == pytest.approx(-np.diff(log_z)[0] / (2 * step), rel=1e-5)
        energy = ising2d.kaufman(64, 64, T + step * np.array([-1, 1])).energy
        assert at.heat_capacity == pytest.approx(np.diff(energy)[0] / (2 * step), rel=1e-5)


def test_infinite_lattice_is_the_limit_of_the_torus() -> None:
    """Off the transition the torus converges exponentially."""
    T = np.array([0.3, 1.0, 2.0, 2.6, 4.0, 1000.0])
    N = 1000**2
    torus = ising2d.kaufman(1000, 1000, T)
    # The two ground states below the transition add ln 2.
    log_z = torus.log_partition - np.where(T < ising2d.T_C, math.log(2), 0)
    np.testing.assert_allclose(-T * log_z / N, ising2d.free_energy(T), rtol=1e-13)
    np.testing.assert_allclose(torus.energy / N, ising2d.energy(T), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(torus.heat_capacity / N, ising2d.specific_heat(T), rtol=1e-9, atol=1e-11)


def test_transition() -> None:
    """beta_c = ln(1 + sqrt 2) / 2, u = -sqrt 2, ln Z / N = ln 2 / 2 + 2 G / pi with Catalan's G."""
    assert pytest.approx(0.44068679350977151) == ising2d.BETA_C
    assert math.sinh(2 * ising2d.BETA_C) == pytest.approx(1, rel=1e-15)
    assert ising2d.energy(ising2d.T_C) == pytest.approx(-math.sqrt(2), abs=1e-13)
    catalan = 0.915965594177219
    expected = -ising2d.T_C * (math.log(2) / 2 + 2 * catalan / math.pi)
    assert ising2d.free_energy(ising2d.T_C) == pytest.approx(expected, rel=1e-14)
    # c -> (8 / pi) beta_c^2 [-ln |1 - T/T_c| + ln(sqrt 2 / beta_c) - (1 + pi/4)] on both sides
    for side in (-1, 1):
        t = 1e-7
        b = ising2d.BETA_C
        leading = 8 / math.pi * b**2 * (-math.log(t) + math.log(math.sqrt(2) / b) - 1 - math.pi / 4)
        assert ising2d.specific_heat(ising2d.T_C * (1 + side * t)) == pytest.approx(leading, abs=2e-5)


def test_magnetisation() -> None:
    assert ising2d.magnetisation([ising2d.T_C + 1e-12, 3.0]).tolist() == [0, 0]
    assert ising2d.magnetisation(0.01) == 1
    t = 1e-9  # m^8 -> 8 sqrt 2 beta_c (1 - T/T_c)
    m = ising2d.magnetisation(ising2d.T_C * (1 - t))
    assert m**8 == pytest.approx(8 * math.sqrt(2) * ising2d.BETA_C * t, rel=1e-6)
    assert ising2d.magnetisation(1.0) == pytest.approx((1 - math.sinh(2) ** -4) ** 0.125, rel=1e-14)


def test_large_tori_are_fast_and_finite() -> None:
    torus = ising2d.kaufman(2000, 10**6, [0.02, ising2d.T_C, 1e3])
    for value in (torus.log_partition, torus.energy, torus.heat_capacity):
        assert np.isfinite(value).all()
