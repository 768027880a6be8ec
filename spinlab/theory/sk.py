r"""The Sherrington-Kirkpatrick model: independent couplings of mean 0 and variance 1/N.

E = -sum_{i<j} J_ij s_i s_j - h sum_i s_i, N -> infinity; the spin glass lies below T = 1 at h = 0.
D. Sherrington, S. Kirkpatrick, Phys. Rev. Lett. 35, 1792 (1975); G. Parisi, J. Phys. A 13, L115 (1980).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._numerics import averages, flat, marginal, mean_log_2cosh, positive, real, root, shaped

__all__ = ["Parisi", "ReplicaSymmetric", "at_line", "log_partition", "parisi", "replica_symmetric"]

_COLDEST_PARISI = 0.02
_PARAMAGNET = 0.99999
_MOST_STEPS = 10


@dataclass(frozen=True)
class ReplicaSymmetric:
    """The replica-symmetric solution; numbers, or arrays of the common shape of the input.

    Attributes
    ----------
    q : Edwards-Anderson overlap
    free_energy, energy, entropy : per spin; energy = free_energy + T entropy
    stable : whether replica symmetry holds, T at or above the line of de Almeida and Thouless
    """

    q: Any
    free_energy: Any
    energy: Any
    entropy: Any
    stable: Any


def replica_symmetric(T: Any, h: Any = 0.0) -> ReplicaSymmetric:
    r"""The solution of Sherrington and Kirkpatrick, exact where it is stable.

    q = E tanh^2 beta(sqrt(q) z + h), f = -(beta/4)(1-q)^2 - T E ln 2cosh beta(sqrt(q) z + h),
    u = -(beta/2)(1-q^2) - h E tanh beta(sqrt(q) z + h). At h = 0 and T -> 0: u = -sqrt(2/pi) = -0.7979 and an
    entropy of -1/(2 pi), impossible, as symmetry between replicas is broken below T = 1.

    Raises ValueError if T is not positive, or an argument is not finite.

    Parameters
    ----------
    T : float or array_like, above 0
    h : float or array_like, default 0
        Uniform field; broadcast against ``T``.

    Returns
    -------
    ReplicaSymmetric

    Notes
    -----
    f and u are good to 1e-13, the entropy to 1e-13 / T. Stable means
    beta^2 E sech^4 beta(sqrt(q) z + h) <= 1 (de Almeida and Thouless).

    Examples
    --------
    >>> from spinlab.theory import sk
    >>> state = sk.replica_symmetric(0.5)
    >>> round(state.q, 6), round(state.free_energy, 6), state.stable
    (0.530368, -0.792393, False)
    """
    shape, (T, h) = flat(positive(T, "T"), real(h, "h"))
    A = np.abs(h) / T
    low = np.where(A > 0, 0.0, np.sqrt(np.maximum(1 - T**2, 0)) / 3)  # E tanh^2(Bz) > B^2 - 2 B^4

    def excess(B: np.ndarray, A: np.ndarray, T: np.ndarray) -> np.ndarray:
        return (B * T) ** 2 - averages(A, B).tanh2

    B = root(excess, low, 1 / T, A, T)
    B[(A == 0) & (T >= 1)] = 0.0
    mean = averages(A, B)
    q = (B * T) ** 2
    f = -(mean.sech2**2) / (4 * T) - T * mean_log_2cosh(A, B)
    u = -mean.sech2 * (1 + q) / (2 * T) - np.abs(h) * mean.tanh
    stable = mean.sech4 <= T**2 * (1 + 1e-13)
    q, f, u, s = (shaped(x, shape) for x in (q, f, u, (u - f) / T))
    return ReplicaSymmetric(q, f, u, s, bool(stable[0]) if shape == () else stable.reshape(shape))


def at_line(T: Any) -> Any:
    """The field h_AT(T) below which replica symmetry is broken; 0 for T >= 1.

    beta^2 E sech^4 beta(sqrt(q) z + h) = 1; h^2 -> (4/3)(1 - T)^3 near T = 1, and
    T -> (4/3) exp(-h^2/2) / sqrt(2 pi) near T = 0. J. R. L. de Almeida, D. J. Thouless, J. Phys. A 11, 983
    (1978).

    Raises ValueError if T is not positive and finite.

    Parameters
    ----------
    T : float or array_like, above 0

    Examples
    --------
    >>> from spinlab.theory import sk
    >>> round(sk.at_line(0.5), 6)
    0.569934
    """
    shape, (T,) = flat(positive(T, "T"))

    def excess(t: np.ndarray, T: np.ndarray) -> np.ndarray:
        B = marginal(t)
        return np.log(averages(t * B, B).sech4) / 2 - np.log(T)

    h = np.zeros(T.size)
    some = T < 1 - 1e-6
    t = root(excess, 1e-7, 22.0, T[some])
    h[some] = t * marginal(t) * T[some]
    near = ~some & (T < 1)
    h[near] = np.sqrt(4 / 3 * (1 - T[near]) ** 3)
    return shaped(h, shape)


def log_partition(N: Any, T: Any, couplings: str = "gaussian") -> Any:
    """<ln Z> above the transition, T > 1, with its first correction in 1/N.

    <ln Z> = N ln 2 + N beta^2/4 + (1/4) ln(1 - beta^2) for Gaussian couplings, + beta^4/12 more for
    +-1/sqrt(N); the remainder is of order 1/N. From the loop expansion of M. Aizenman, J. L. Lebowitz, D.
    Ruelle, Commun. Math. Phys. 112, 3 (1987).

    Raises ValueError if N < 1, T <= 1 or ``couplings`` is unknown.

    Parameters
    ----------
    N : int or array_like, 1 or more
    T : float or array_like, above 1
    couplings : "gaussian" or "pm1"

    Examples
    --------
    >>> from spinlab.theory import sk
    >>> round(sk.log_partition(100, 2.0), 6)
    75.492798
    """
    shape, (N, T) = flat(real(N, "N", 1), positive(T, "T"))
    if couplings not in ("gaussian", "pm1"):
        raise ValueError(f"couplings must be 'gaussian' or 'pm1', got {couplings!r}")
    if (T <= 1).any():
        raise ValueError(f"T must be above 1, got {T.min():g}; in the glass phase use parisi")
    log_z = N * math.log(2) + N / (4 * T**2) + np.log1p(-1 / T**2) / 4
    return shaped(log_z + (1 / (12 * T**4) if couplings == "pm1" else 0.0), shape)


@dataclass(frozen=True)
class Parisi:
    """A solution with k steps of replica-symmetry breaking, h = 0.

    Attributes
    ----------
    free_energy, energy : per spin
    q : ndarray of shape (k + 1,), rising
        The overlaps between states.
    x : ndarray of shape (k,), rising
        Parisi's order parameter: x(q) is 0 below q[0] and x[i] between q[i] and q[i+1]; the
        probability of an overlap below. At T = 0, where it vanishes, x / T.
    """

    free_energy: float
    energy: float
    q: np.ndarray
    x: np.ndarray


def parisi(T: float, k: int = 5) -> Parisi:
    r"""Free energy of the spin glass with k steps of replica-symmetry breaking.

    With mu_i the value of x(q) / T between q_{i-1} and q_i, x Parisi's order parameter, and 0 below q_0,

        Y_{k+1}(h) = T ln 2cosh(h/T) + (1 - q_k) / (2T),
        Y_i(h) = (1/mu_i) ln E exp[mu_i Y_{i+1}(h + sqrt(q_i - q_{i-1}) z)],
        -f = min over q, mu of Y_0(0) - (1/4) sum_i mu_i (q_i^2 - q_{i-1}^2) - (1 - q_k^2) / (4T).

    Every k gives a lower bound on f (M. Talagrand, Ann. Math. 163, 221 (2006)), which rises with k and is
    short of the exact value by about k^-4. k = 0 is replica symmetric, k = 1 and 2 give -0.76526 and
    -0.76361 at T = 0, and k -> infinity -0.763167 (A. Crisanti, T. Rizzo, Phys. Rev. E 65, 046137 (2002)).

    Raises ValueError if T or k is outside its range.

    Parameters
    ----------
    T : float
        0, or at least 0.02 (f(0) - f is below 2e-6 in between). From 0.99999 on the paramagnet is given: its
        f is right to 1e-15 below T = 1 too, where q is 1 - T at most.
    k : int, default 5
        0 to 10.

    Returns
    -------
    Parisi

    ArithmeticError
        If the minimum is not reached to 1e-8 (not seen in the ranges above).

    Notes
    -----
    Gaussian averages by the trapezoidal rule on a grid of fields, gradients exact, minimum by BFGS.
    Distance to k = infinity with k = 5: 3e-5 at T = 0, 4e-6 at 0.2, 6e-7 at 0.4. Below a second for T = 0 and
    T > 0.1, up to 10 s at T = 0.02.

    Examples
    --------
    >>> from spinlab.theory import sk
    >>> round(sk.parisi(0.0, k=1).energy, 5)
    -0.76526
    """
    if np.ndim(T):
        raise ValueError(f"T must be a single number, got an array of shape {np.shape(T)}; loop over it")
    T = float(real(T, "T", 0))
    if 0 < T < _COLDEST_PARISI:
        raise ValueError(
            f"T must be 0 or at least {_COLDEST_PARISI}, got {T:g}; use T = 0, f differs by less than 2e-6"
        )
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 0 <= k <= _MOST_STEPS:
        raise ValueError(f"k must be an integer from 0 to {_MOST_STEPS}, got {k!r}")
    if T >= _PARAMAGNET:
        f = -1 / (4 * T) - T * math.log(2)
        return Parisi(f, -1 / (2 * T), np.zeros(k + 1), np.linspace(0, 1, k + 2)[1:-1])
    f, q, mu = _minimum(T, int(k))
    if T == 0:
        return Parisi(f, f, q, mu)
    x = np.concatenate([[0.0], mu * T, [1.0]])
    return Parisi(f, -(1 - float(q**2 @ np.diff(x))) / (2 * T), q, x[1:-1])


def _minimum(T: float, k: int) -> tuple[float, np.ndarray, np.ndarray]:
    """f, q_0..q_k and mu_1..mu_k; the unknowns are the logarithms of the increments."""
    from scipy.optimize import minimize

    if T == 0 and k == 0:
        return -math.sqrt(2 / math.pi), np.ones(1), np.zeros(0)
    largest = (1 - T) * (1 + 1.05 * T * (1 - T))  # q_k, to a few percent
    u = np.arange(1, k + 2) / (k + 1)
    q = largest * (u * (2 - u) if T == 0 else u * (3 - u) / 2)
    middle = (q[1:] + q[:-1]) / 2
    mu = 1.3 * middle / (1 - middle) ** 0.25
    n = k + 1 if T > 0 else k  # at T = 0, q_k = 1
    dq = np.diff(q, prepend=0.0)
    start = np.log(np.concatenate([dq[:n] if T > 0 else dq[:n] / dq[n], np.diff(mu, prepend=0.0)]))
    step = min(T / 3 if T > 0 else 0.02, 0.02, math.sqrt(largest / (k + 1)) / 4)
    edge = round((4 + 6 * math.sqrt(largest)) / step)
    h = step * np.arange(-edge, edge + 1)

    def unpack(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        part, mu = np.exp(p[:n]), np.cumsum(np.exp(p[n:]))
        if T == 0:
            part = np.append(part, 1.0) / (1 + part.sum())
        return np.cumsum(part), mu

    def target(p: np.ndarray) -> tuple[float, np.ndarray]:
        q, mu = unpack(p)
        value, by_q, by_mu = _functional(q, mu, T, h)
        by_part = np.cumsum(by_q[:n][::-1])[::-1]
        part = np.diff(q, prepend=0.0)[:n]
        if T == 0:  # the parts add up to 1
            by_part = by_part - part @ by_part
        by_step = np.cumsum(by_mu[::-1])[::-1]
        return value, np.concatenate([part * by_part, np.exp(p[n:]) * by_step])

    best = minimize(target, start, jac=True, method="BFGS", options={"gtol": 1e-8, "maxiter": 2000})
    if not best.jac @ best.hess_inv @ best.jac < 1e-8:
        raise ArithmeticError(f"the minimum over q and x was not found at T = {T:g}, k = {k}")
    return -float(best.fun), *unpack(best.x)


def _functional(
    q: np.ndarray, mu: np.ndarray, T: float, h: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """-f and its derivatives by q and mu.

    Backward, Y from the highest level to Y_0(0); forward, the density of the field h under the tilted
    Gaussian steps, which gives d(-f)/dq_i = -(mu_{i+1} - mu_i) (<Y'(q_i)^2> - q_i) / 2.
    """
    step = h[1] - h[0]
    mu = np.concatenate([[0.0], mu])
    sigma = np.sqrt(np.diff(q, prepend=0.0))
    if T > 0:
        steps = q.size
        Y = np.abs(h) + T * np.log1p(np.exp(-2 * np.abs(h) / T)) + (1 - q[-1]) / (2 * T)
        slope = np.tanh(h / T)
        constant, mu_top = (1 - q[-1] ** 2) / (4 * T), 1 / T
    else:
        steps = q.size - 1
        Y, slope, by_last = _zero_temperature(h, mu[-1], sigma[-1])
        constant, mu_top = 0.0, 0.0
    levels, slopes = [Y], [slope]
    kernels: list[np.ndarray] = []
    for i in reversed(range(steps)):
        reach = math.ceil((9 + mu[i] * sigma[i]) * sigma[i] / step)
        kernel = np.exp(-((step * np.arange(-reach, reach + 1) / sigma[i]) ** 2) / 2)
        kernel /= kernel.sum()
        beyond = step * np.arange(1, reach + 1)  # Y grows like |h| there
        wide = np.concatenate([beyond[::-1], Y - Y[-1], beyond])
        weight = np.exp(mu[i] * wide)
        total = np.convolve(weight, kernel, "valid")
        weighted = weight * np.concatenate([np.full(reach, -1.0), slope, np.ones(reach)])
        slope = np.convolve(weighted, kernel, "valid") / total
        Y = Y[-1] + (np.log(total) / mu[i] if i else np.convolve(wide, kernel, "valid"))
        levels.insert(0, Y)
        slopes.insert(0, slope)
        kernels.insert(0, kernel)

    density = np.zeros(h.size)
    density[h.size // 2] = 1.0
    by_q, by_mu = np.zeros(q.size), np.zeros(q.size)
    above = np.append(mu[1:], mu_top)
    for i, kernel in enumerate(kernels):
        reach = kernel.size // 2
        low, high = levels[i], levels[i + 1]
        spread = np.convolve(density * np.exp(-mu[i] * (low - low[-1])), kernel)[reach : reach + h.size]
        mean_low = density @ low
        density = spread * np.exp(mu[i] * (high - low[-1]))
        if i:
            by_mu[i] = (density @ high - mean_low) / mu[i]
        by_q[i] = (above[i] - mu[i]) * (q[i] - density @ slopes[i + 1] ** 2) / 2
    if T == 0:
        by_mu[-1] = density @ by_last
    squares = np.diff(q**2, prepend=0.0)
    value = levels[0][h.size // 2] - mu @ squares / 4 - constant
    return float(value), by_q, (by_mu - squares / 4)[1:]


def _zero_temperature(h: np.ndarray, mu: float, sigma: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(1/mu) ln E exp(mu |h + sigma z|) and its derivatives by h and mu, in closed form."""
    from scipy.special import expit, log_ndtr

    def mean_above(x: np.ndarray) -> np.ndarray:
        """E(z | z > -x)."""
        return np.exp(-(x**2) / 2 - log_ndtr(x)) / math.sqrt(2 * math.pi)

    right, left = h / sigma + mu * sigma, -h / sigma + mu * sigma
    up, down = mu * h + log_ndtr(right), -mu * h + log_ndtr(left)
    Y = mu * sigma**2 / 2 + np.logaddexp(up, down) / mu
    weight = expit(up - down)  # of h + sigma z > 0
    modulus = weight * sigma * (right + mean_above(right)) + (1 - weight) * sigma * (left + mean_above(left))
    return Y, 2 * weight - 1, (modulus - Y) / mu
