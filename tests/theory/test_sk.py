"""The Sherrington-Kirkpatrick model: replica symmetric, broken, and at high temperature."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_ndtr

from spinlab.theory import sk

z, P = np.polynomial.hermite_e.hermegauss(120)
P = P / P.sum()


def f_rs(q: float, T: float, h: float = 0.0) -> float:
    y = (math.sqrt(q) * z + h) / T
    return -((1 - q) ** 2) / (4 * T) - T * (np.logaddexp(y, -y) @ P)


@pytest.mark.parametrize(("T", "h"), [(0.5, 0.0), (0.8, 0.0), (0.6, 0.3), (1.5, 1.0), (0.9, -0.2)])
def test_replica_symmetric(T: float, h: float) -> None:
    state = sk.replica_symmetric(T, h)
    y = (math.sqrt(state.q) * z + h) / T
    assert np.tanh(y) ** 2 @ P == pytest.approx(state.q, abs=1e-8)
    assert state.free_energy == pytest.approx(f_rs(state.q, T, h), abs=1e-8)
    step = 1e-4
    beta_f = [sk.replica_symmetric(1 / b, h).free_energy * b for b in (1 / T - step, 1 / T + step)]
    assert state.energy == pytest.approx((beta_f[1] - beta_f[0]) / (2 * step), abs=1e-6)
    assert state.entropy == pytest.approx((state.energy - state.free_energy) / T)
    assert state.stable == (np.cosh(y) ** -4.0 @ P <= T**2)


def test_replica_symmetric_limits() -> None:
    """-0.7979 and -1/(2 pi) at T = 0; the paramagnet above 1; q -> 1 - T near 1."""
    cold = sk.replica_symmetric(1e-7)
    assert cold.energy == pytest.approx(-math.sqrt(2 / math.pi), abs=1e-12)
    assert cold.entropy == pytest.approx(-1 / (2 * math.pi), abs=1e-6)
    hot = sk.replica_symmetric(1.5)
    assert (hot.q, hot.stable) == (0.0, True)
    assert hot.free_energy == pytest.approx(-1 / 6 - 1.5 * math.log(2), rel=1e-14)
    assert sk.replica_symmetric(1 - 1e-5).q == pytest.approx(1e-5, rel=1e-3)


def test_at_line() -> None:
    T = np.array([0.05, 0.3, 0.7, 0.95])
    h = sk.at_line(T)
    assert sk.replica_symmetric(T, h * (1 + 1e-7)).stable.all()
    assert not sk.replica_symmetric(T, h * (1 - 1e-7)).stable.any()
    assert sk.at_line(1 - 1e-4) ** 2 == pytest.approx(4 / 3 * 1e-12, rel=1e-3)
    assert sk.at_line(1 - 1.001e-6) == pytest.approx(sk.at_line(1 - 0.999e-6), rel=4e-3)
    cold = sk.at_line(1e-12)
    assert 4 / 3 * math.exp(-(cold**2) / 2) / math.sqrt(2 * math.pi) == pytest.approx(1e-12, rel=1e-9)
    assert sk.at_line(1e-100) == pytest.approx(21.430224, abs=1e-6)
    assert sk.at_line([1.0, 2.0]).tolist() == [0, 0]


def test_parisi_against_the_literature() -> None:
    """One and two steps at T = 0: -0.7652, -0.7636; many steps: -0.763167 (Crisanti, Rizzo)."""
    assert sk.parisi(0.0, 0).energy == pytest.approx(-math.sqrt(2 / math.pi), abs=1e-14)
    assert sk.parisi(0.0, 1).energy == pytest.approx(-0.7652, abs=1e-4)
    assert sk.parisi(0.0, 2).energy == pytest.approx(-0.7636, abs=5e-5)
    energies = [sk.parisi(0.0, k).energy for k in (3, 5, 7)]
    assert energies == sorted(energies)
    assert -0.76318 < energies[-1] < -0.763167
    # The error falls like k^-4, or a little slower.
    error = -0.7631667 - np.array(energies)
    assert 2.8 < -math.log(error[1] / error[0]) / math.log(5 / 3) < 5


@pytest.mark.parametrize(
    ("T", "f", "within"),
    [(0.8, -0.865115, 1e-6), (0.6, -0.809956, 1e-6), (0.4, -0.777915, 1e-5), (0.2, -0.765115, 5e-5)],
)
def test_parisi_free_energies(T: float, f: float, within: float) -> None:
    """The reference values are of few steps; the bound rises with k by up to 4e-5 at T = 0.2."""
    state = sk.parisi(T)
    assert state.free_energy == pytest.approx(f, abs=within)
    assert state.free_energy >= f - 1e-9
    assert sk.replica_symmetric(T).free_energy < sk.parisi(T, 1).free_energy < state.free_energy
    assert (np.diff(state.q) > 0).all()
    assert (np.diff(state.x) > 0).all()
    assert state.x[0] > 0
    assert state.x[-1] < 1
    assert state.energy > state.free_energy


def test_one_step_against_nested_quadrature() -> None:
    """The same bound written as two nested Gaussian averages, minimised without gradients."""
    T = 0.7

    def minus_f(p: np.ndarray) -> float:
        q0, q1, m = 1 / (1 + np.exp(-p))
        if q0 > q1:
            return math.inf
        y = (math.sqrt(q0) * z[:, None] + math.sqrt(q1 - q0) * z) / T
        inner = np.log(np.exp(m * np.logaddexp(y, -y)) @ P) / m
        terms = m * (q1**2 - q0**2) + 1 - q1**2
        return T * (inner @ P) + (1 - q1) / (2 * T) - terms / (4 * T)

    best = minimize(
        minus_f, [-2.0, -0.7, -1.0], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-14}
    )
    state = sk.parisi(T, 1)
    assert state.free_energy == pytest.approx(-best.fun, abs=1e-9)
    np.testing.assert_allclose([*state.q, *state.x], 1 / (1 + np.exp(-best.x)), atol=2e-4)


def test_one_step_at_zero_temperature() -> None:
    def minus_e(p: np.ndarray) -> float:
        q0, m = 1 / (1 + math.exp(-p[0])), math.exp(p[1])
        s, h = math.sqrt(1 - q0), math.sqrt(q0) * z
        up, down = m * h + log_ndtr(h / s + m * s), -m * h + log_ndtr(-h / s + m * s)
        return (m * s**2 / 2 + np.logaddexp(up, down) / m) @ P - m * (1 - q0**2) / 4

    best = minimize(minus_e, [0.0, 0.3], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-14})
    assert sk.parisi(0.0, 1).energy == pytest.approx(-best.fun, abs=1e-10)


def test_energy_is_the_derivative_of_the_free_energy() -> None:
    step = 1e-3
    for T in (0.3, 0.7):
        beta_f = [b * sk.parisi(1 / b, 2).free_energy for b in (1 / T - step, 1 / T + step)]
        assert sk.parisi(T, 2).energy == pytest.approx((beta_f[1] - beta_f[0]) / (2 * step), abs=1e-6)


def test_many_steps_meet_the_exact_low_temperature_behaviour() -> None:
    """f(T) - f(0) is of order T^3: the entropy vanishes like T^2 (about 0.72 T^2)."""
    state = sk.parisi(0.1, 4)
    assert (state.energy - state.free_energy) / 0.1 == pytest.approx(0.0072, abs=4e-4)


def test_the_paramagnet_has_no_steps() -> None:
    state = sk.parisi(1.25, 2)
    assert state.free_energy == pytest.approx(sk.replica_symmetric(1.25).free_energy, rel=1e-14)
    assert state.energy == -0.4
    assert state.q.tolist() == [0, 0, 0]
    near = sk.parisi(0.99, 2)
    assert near.free_energy == pytest.approx(sk.replica_symmetric(0.99).free_energy, abs=1e-9)


@pytest.mark.parametrize("couplings", ["gaussian", "pm1"])
def test_mean_log_partition_at_high_temperature(couplings: str) -> None:
    """The exact mean over couplings approaches the formula like 1/N: +-J summed over all couplings,
    Gaussian ones by Gauss-Hermite quadrature in every coupling. beta^4/12 tells them apart."""
    beta = 0.3
    error = {}
    for N in (3, 4, 5) if couplings == "pm1" else (3, 4):
        pairs = list(itertools.combinations(range(N), 2))
        states = np.array(list(itertools.product([-1, 1], repeat=N)))
        products = np.array([states[:, i] * states[:, j] for i, j in pairs])
        if couplings == "pm1":
            x, w = np.array([-1.0, 1.0]), np.array([0.5, 0.5])
        else:
            x, w = np.polynomial.hermite_e.hermegauss(7)
            w = w / w.sum()
        J = np.array(list(itertools.product(x, repeat=len(pairs))))
        weight = np.prod(np.array(list(itertools.product(w, repeat=len(pairs)))), axis=1)
        log_z = np.log(np.exp(beta * J @ products / math.sqrt(N)).sum(1))
        error[N] = N * (weight @ log_z - sk.log_partition(N, 1 / beta, couplings))
    assert abs(error[4]) < 0.2 * beta**4
    # N times the error tends to a constant: the formula lacks no term of order 1.
    assert abs(error[4] - error[3]) < 0.1 * beta**4 / 12
