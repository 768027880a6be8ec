"""The RA-RBM (bidirectional associative memory) and the Gaussian RBM."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.special import erf

from spinlab.theory import bipartite, coordinates, hopfield, sk

# The trapezoidal rule, exact to rounding for functions as smooth as these.
z = np.linspace(-9, 9, 4001)
P = np.exp(-(z**2) / 2) / np.sum(np.exp(-(z**2) / 2))


def noises(state: bipartite.State, alpha_v: float, alpha_h: float, b: float) -> tuple[float, float, float]:
    q, p, u = state.q, state.p, b**2
    D = 1 - u * (1 - q) * (1 - p)
    r_v = alpha_v * u * (p + u * (1 - p) ** 2 * q) / D**2
    r_h = alpha_h * u * (q + u * (1 - q) ** 2 * p) / D**2
    return D, r_v, r_h


def log_partition(x: np.ndarray, alpha_v: float, alpha_h: float, b: float) -> float:
    """ln Z / V as a function of mu, nu, q, p, r_v, r_h."""
    mu, nu, q, p, r_v, r_h = x
    g = alpha_v / alpha_h
    D = 1 - b**2 * (1 - q) * (1 - p)
    v, h = math.sqrt(r_v) * z + b * math.sqrt(g) * nu, math.sqrt(r_h) * z + b * mu / math.sqrt(g)
    return (
        alpha_v * (-math.log(D) / 2 + b**2 * (q * (1 - p) + p * (1 - q)) / (2 * D))
        - r_v * (1 - q) / 2
        + np.logaddexp(v, -v) @ P
        + g * (-r_h * (1 - p) / 2 + np.logaddexp(h, -h) @ P)
        - b * math.sqrt(g) * mu * nu
    )


POINTS = [(0.05, 0.05, 1.7), (0.01, 0.05, 1.6), (0.03, 0.003, 1.4)]


@pytest.mark.parametrize("point", POINTS)
def test_states_solve_the_equations(point: tuple[float, float, float]) -> None:
    alpha_v, alpha_h, b = point
    g = alpha_v / alpha_h
    recall, glass = bipartite.recall(*point), bipartite.glass(*point)
    assert recall.mu > 0
    assert glass.mu == 0
    for state in (recall, glass):
        _, r_v, r_h = noises(state, *point)
        v = np.tanh(b * math.sqrt(g) * state.nu + math.sqrt(r_v) * z)
        h = np.tanh(b * state.mu / math.sqrt(g) + math.sqrt(r_h) * z)
        found = [v @ P, h @ P, v**2 @ P, h**2 @ P]
        np.testing.assert_allclose(found, [state.mu, state.nu, state.q, state.p], atol=1e-11)
        x = np.array([state.mu, state.nu, state.q, state.p, r_v, r_h])
        assert state.log_partition == pytest.approx(log_partition(x, *point), rel=1e-12)
        for i in range(6):  # ln Z is stationary in all six: the equations follow from it
            step = 1e-6 * np.eye(6)[i]
            slope = (log_partition(x + step, *point) - log_partition(x - step, *point)) / 2e-6
            assert slope == pytest.approx(0, abs=1e-8)


def gaussian_means(A: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """E tanh(A + B z) and E tanh^2, by quadrature in z, or in u = A + B z where the tanh is a step in z."""
    x, w = np.polynomial.legendre.leggauss(24)
    u = ((x + 1) / 2 + np.arange(8)[:, None]).ravel() * 2.5
    du = np.tile(w, 8) * 1.25  # u from 0 to 20

    def density(u: np.ndarray) -> np.ndarray:
        return np.exp(-(((u - A[:, None]) / B[:, None]) ** 2) / 2) / (B[:, None] * math.sqrt(2 * math.pi))

    wide = B > 2
    A_, B_ = A, B
    A, B = A_[~wide], B_[~wide]
    t = np.tanh(A[:, None] + B[:, None] * z[::8])
    first, second = np.empty(len(wide)), np.empty(len(wide))
    first[~wide], second[~wide] = t @ P[::8] / P[::8].sum(), t**2 @ P[::8] / P[::8].sum()
    A, B = A_[wide], B_[wide]
    up, down = density(u), density(-u)
    first[wide] = erf(A / (B * math.sqrt(2))) + (up - down) @ ((np.tanh(u) - 1) * du)
    second[wide] = 1 - (up + down) @ (du / np.cosh(u) ** 2)
    return first, second


def test_a_map_down_to_low_temperature_without_a_failure() -> None:
    """Every point of two grids at H/V = 2 solves the four equations; warnings are errors."""
    alpha, T = np.meshgrid(
        np.linspace(0.005, 0.4, 20), np.concatenate([np.geomspace(1e-3, 0.04, 7), np.linspace(0.08, 1.4, 13)])
    )
    g = 2.0
    recall, glass = bipartite.recall(alpha, alpha / g, 1 / T), bipartite.glass(alpha, alpha / g, 1 / T)
    assert np.array_equal(recall.mu > 0, alpha <= bipartite.capacity(1 / T[:, :1], g))
    assert 50 < (recall.mu > 0).sum() < alpha.size - 50
    assert np.array_equal(glass.q > 0, bipartite.glass_line(alpha, alpha / g) < 1 / T)
    b = 1 / T.ravel()
    for state in (recall, glass):
        mu, nu, q, p = (np.ravel(x) for x in (state.mu, state.nu, state.q, state.p))
        assert np.isfinite(state.log_partition).all()
        D = 1 - b**2 * (1 - q) * (1 - p)
        assert (D > 0).all()
        r_v = alpha.ravel() * b**2 * (p + (b * (1 - p)) ** 2 * q) / D**2
        r_h = alpha.ravel() / g * b**2 * (q + (b * (1 - q)) ** 2 * p) / D**2
        v = gaussian_means(b * math.sqrt(g) * nu, np.sqrt(r_v))
        h = gaussian_means(b * mu / math.sqrt(g), np.sqrt(r_h))
        found = np.array([v[0], h[0], v[1], h[1]])
        np.testing.assert_allclose(found, [mu, nu, q, p], atol=1e-11)


def test_overlaps_at_half_the_critical_temperature() -> None:
    """T = 0.5: V = H = 2000, K = 100: 0.9318; V = 1000, H = 5000, K = 100: 0.9826 and 0.6758."""
    alpha_v, alpha_h, b = coordinates.ra_rbm(2000, 2000, 100, coordinates.ra_rbm_std(2000, 2000, 100, b=2.0))
    state = bipartite.recall(alpha_v, alpha_h, b)
    assert round(state.mu, 4) == round(state.nu, 4) == 0.9318
    state = bipartite.recall(100 / 1000, 100 / 5000, 2.0)
    assert (round(state.mu, 4), round(state.nu, 4)) == (0.9826, 0.6758)
    swapped = bipartite.recall(100 / 5000, 100 / 1000, 2.0)
    assert (swapped.nu, swapped.mu) == (state.mu, state.nu)
    assert swapped.log_partition == pytest.approx(state.log_partition / 5)


@pytest.mark.parametrize("g", [1.0, 3.0, 20.0])
def test_capacity_at_zero_temperature(g: float) -> None:
    """From the equations of T = 0 in x and y, which have no temperature in them."""

    def load(x: float) -> float:
        def parts(y: float) -> tuple[float, float, float, float]:
            mu, nu = erf(x), erf(y)
            rho_v, rho_h = g * nu**2 / (2 * x**2), mu**2 / (2 * g * y**2)
            C_v = math.sqrt(2 / (math.pi * rho_v)) * math.exp(-(x**2))
            C_h = math.sqrt(2 / (math.pi * rho_h)) * math.exp(-(y**2))
            return rho_v, rho_h, C_v, C_h

        def mismatch(log_y: float) -> float:  # rho_v / alpha_v against rho_h / alpha_h
            rho_v, rho_h, C_v, C_h = parts(math.exp(log_y))
            return math.log(rho_v * (1 + C_v**2)) - math.log(g * rho_h * (1 + C_h**2))

        rho_v, _, C_v, C_h = parts(math.exp(brentq(mismatch, -4, 3)))
        return rho_v * (1 - C_v * C_h) ** 2 / (1 + C_h**2)

    grid = np.linspace(0.8, 2.2, 30)
    x = grid[np.argmax([load(x) for x in grid])]
    best = minimize_scalar(lambda x: -load(x), bounds=(x - 0.1, x + 0.1), method="bounded")
    assert bipartite.capacity(gamma=g) == pytest.approx(-best.fun, abs=1e-7)
    assert bipartite.capacity(gamma=1 / g) == pytest.approx(-best.fun / g, abs=1e-7)
    if g == 1:
        assert round(bipartite.capacity(), 4) == 0.1998


def test_recall_exists_up_to_the_capacity() -> None:
    b, g = np.array([1.2, 3.0, 50.0]), np.array([1.0, 0.2, 7.0])
    alpha = bipartite.capacity(b, g) * np.array([[1 - 1e-8], [1 + 1e-8]])
    below, above = bipartite.recall(alpha, alpha / g, b).mu
    assert (below > 0.3).all()
    assert (above == 0).all()
    assert bipartite.capacity([0.5, 1.0]).tolist() == [0, 0]


def test_recall_is_the_equilibrium_up_to_the_equilibrium_load() -> None:
    b, g = np.array([1.3, 4.0, 30.0]), np.array([1.0, 0.2, 7.0])
    load = bipartite.equilibrium_load(b, g)
    assert (load < bipartite.capacity(b, g)).all()
    alpha = load * np.array([[0.99], [1.01]])
    point = (alpha, alpha / g, b)
    better = bipartite.recall(*point).log_partition > bipartite.glass(*point).log_partition
    assert better.tolist() == [[True] * 3, [False] * 3]
    assert bipartite.equilibrium_load(1.0) == 0


def test_many_hidden_units_are_a_hopfield_model() -> None:
    """gamma -> infinity at fixed K/V and b: the hidden units are linear, J = b^2 xi xi / V, T = 1/b^2."""
    b = np.array([1.1, 1.5, 3.0])
    T = 1 / b**2
    np.testing.assert_allclose(bipartite.capacity(b, 1e6), hopfield.capacity(T), rtol=1e-3)
    alpha = 0.7 * hopfield.capacity(T)
    state, limit = bipartite.recall(alpha, alpha / 1e6, b), hopfield.retrieval(alpha, T)
    np.testing.assert_allclose(state.mu, limit.m, atol=1e-4)
    np.testing.assert_allclose(state.q, limit.q, atol=1e-4)
    alpha = 0.3
    np.testing.assert_allclose(bipartite.glass_line(alpha, 0.0) ** -2, hopfield.glass_line(alpha), rtol=1e-12)


def test_many_patterns_are_independent_weights() -> None:
    """K -> infinity at fixed s: the bipartite SK model with x = b (alpha_v alpha_h)^(1/4)."""
    g, x = 4.0, np.array([0.8, 1.3, 3.0])
    alpha = 1e8
    b = x * (alpha * alpha / g) ** -0.25
    state, limit = bipartite.glass(alpha, alpha / g, b), bipartite.gaussian_state(x, g)
    np.testing.assert_allclose(state.q, limit.q, atol=1e-3)
    np.testing.assert_allclose(state.p, limit.p, atol=1e-3)
    np.testing.assert_allclose(state.log_partition, limit.log_partition, rtol=1e-3)
    assert bipartite.glass_line(1e8, 1e8 / g) * (1e16 / g) ** 0.25 == pytest.approx(1, rel=1e-3)


def test_few_patterns_are_two_magnets() -> None:
    mu, nu = bipartite.low_load([1.0, 1.5, 4.0], 3.0)
    np.testing.assert_allclose(mu, np.tanh(np.array([1.0, 1.5, 4.0]) * math.sqrt(3) * nu), atol=1e-13)
    np.testing.assert_allclose(nu, np.tanh(np.array([1.0, 1.5, 4.0]) * mu / math.sqrt(3)), atol=1e-13)
    assert mu[0] == 0
    state = bipartite.recall(1e-8, 1e-8 / 3, [1.5, 4.0])
    np.testing.assert_allclose(state.mu, mu[1:], atol=1e-6)
    np.testing.assert_allclose(state.nu, nu[1:], atol=1e-6)


@pytest.mark.parametrize(("alpha_v", "alpha_h"), [(0.5, 0.01), (0.2, 0.2), (1e-4, 1e-2), (3.0, 5.0)])
def test_glass_line(alpha_v: float, alpha_h: float) -> None:
    """q leaves zero there, and u = b^2 solves the published cubic equation."""
    b = bipartite.glass_line(alpha_v, alpha_h)
    q = bipartite.glass(alpha_v, alpha_h, [b * (1 - 1e-6), b * (1 + 1e-6)]).q
    assert q[0] == 0
    assert 0 < q[1] < 1e-3
    u, a, c = b**2, alpha_v, alpha_h
    assert u**2 * (a * c * (1 + u) + (a + c) * (1 - u)) == pytest.approx((1 - u) ** 3, rel=1e-9)


def test_paramagnet_in_closed_form() -> None:
    alpha_v, alpha_h, b = 0.3, 0.1, 0.5
    expected = 4 * math.log(2) - 0.15 * math.log(1 - b**2)
    assert bipartite.glass(alpha_v, alpha_h, b).log_partition == pytest.approx(expected, rel=1e-13)


def test_equal_gaussian_layers_are_two_sk_models() -> None:
    x = np.array([0.7, 1.2, 5.0])
    state, single = bipartite.gaussian_state(x), sk.replica_symmetric(1 / x)
    np.testing.assert_allclose(state.q, single.q, atol=1e-12)
    np.testing.assert_allclose(state.log_partition, -2 * x * single.free_energy, rtol=1e-12)


@pytest.mark.parametrize("g", [1e-4, 0.3, 50.0])
def test_gaussian_state(g: float) -> None:
    x = 1.4
    state = bipartite.gaussian_state(x, g)
    v, h = np.tanh(x * g**0.25 * math.sqrt(state.p) * z), np.tanh(x * g**-0.25 * math.sqrt(state.q) * z)
    np.testing.assert_allclose([v**2 @ P, h**2 @ P], [state.q, state.p], atol=1e-12)
    assert bipartite.gaussian_state(1 + 1e-6, g).q > 0
    assert bipartite.gaussian_state(1 - 1e-6, g).q == 0


@pytest.mark.parametrize("couplings", ["gaussian", "pm1"])
def test_mean_log_partition_of_independent_weights(couplings: str) -> None:
    """Exact means at V = H = 2 and V = 2, H = 3: the remainder is of order 1/size times x^4."""
    if couplings == "pm1":
        nodes, w = np.array([-1.0, 1.0]), np.array([0.5, 0.5])
    else:
        nodes, w = np.polynomial.hermite_e.hermegauss(7)
        w = w / w.sum()
    x4 = 1e-4
    for V, H in ((2, 2), (2, 3)):
        sigma = (x4 / (V * H)) ** 0.25
        W = np.array(list(itertools.product(nodes, repeat=V * H))).reshape(-1, V, H) * sigma
        weight = np.prod(np.array(list(itertools.product(w, repeat=V * H))), axis=1)
        v = np.array(list(itertools.product([-1, 1], repeat=V)))
        log_z = np.log(np.prod(2 * np.cosh(v @ W), axis=2).sum(1))
        error = weight @ log_z - bipartite.gaussian_log_partition(V, H, sigma, couplings)
        assert abs(error) < 0.05 * x4 / 6
