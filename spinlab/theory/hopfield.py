r"""The Hopfield model at extensive load, replica symmetric.

J_ij = (1/N) sum_k xi_i^k xi_j^k (i != j) with K = alpha N random patterns, N -> infinity. The
overlap m with one pattern, the Edwards-Anderson overlap q and the noise r of the other patterns obey

    m = E tanh beta (m + sqrt(alpha r) z),  q = E tanh^2 beta (m + sqrt(alpha r) z),
    r = q / (1 - beta (1 - q))^2,           z standard normal.

D. J. Amit, H. Gutfreund, H. Sompolinsky, Ann. Phys. 173, 30 (1987), called AGS below.

Iterating these equations fails at low temperature. Here B = beta sqrt(alpha r) is the unknown:
A = beta m is the one root of a concave function at given B, and alpha(B) = (B T)^2 (1 - (1-q)/T)^2 / q
rises to the capacity alpha_c(T) and falls again. The retrieval state is the root on the rising side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ._numerics import above_field, averages, flat, marginal, mean_log_2cosh, positive, real, root, shaped

__all__ = [
    "State",
    "at_line",
    "capacity",
    "coexistence_line",
    "equilibrium",
    "glass_line",
    "phase",
    "retrieval",
    "retrieval_line",
    "spin_glass",
]

_COLDEST = 1e-10  # stands for T = 0: the capacity differs by about 0.025 T
_CAPACITY = 0.13790556649493174  # at T = 0, from the closed form
_TOP = 0.085064  # temperature at which T_c reaches its largest load
PHASES = ("paramagnet", "spin glass", "metastable retrieval", "retrieval")


@dataclass(frozen=True)
class State:
    """A solution of the saddle-point equations; numbers, or arrays of the common shape of the input.

    Attributes
    ----------
    m : overlap with the recalled pattern
    q : Edwards-Anderson overlap
    r : mean squared overlap with the other patterns, in units of 1/N
    free_energy : f = -(T/N) <ln Z>
    """

    m: Any
    q: Any
    r: Any
    free_energy: Any


def retrieval(alpha: Any, T: Any) -> State:
    r"""The state that recalls one pattern; where there is none, the state with m = 0.

    The retrieval state exists below :func:`retrieval_line`, as an equilibrium state below
    :func:`coexistence_line` and as a metastable one in between. Equations of AGS, see the module.

    Raises ValueError if alpha is negative, T is not positive, or either is not finite.

    Parameters
    ----------
    alpha : float or array_like, 0 or more
        Load K/N. At 0 the state is the one of the Curie-Weiss magnet.
    T : float or array_like, above 0
        Temperature; broadcast against ``alpha``.

    Returns
    -------
    State
        With m > 0 where a retrieval state exists, else :func:`spin_glass`.

    Notes
    -----
    Averages are exact to about 1e-14 at every temperature, so m, q and f are good to 1e-11 (1e-7 for m
    at the very edge, where it is a square root). 0.03 to 0.2 ms per point of a large array.

    Examples
    --------
    >>> from spinlab.theory import hopfield
    >>> round(hopfield.retrieval(0.1, 0.1).m, 6)
    0.996751
    >>> hopfield.retrieval(0.15, 0.1).m
    0.0
    """
    shape, (alpha, T) = _load_and_temperature(alpha, T)
    columns = np.array(_spin_glass(alpha, T))
    B = _retrieval_noise(alpha, T)
    found = np.flatnonzero(B >= 0)
    columns[:, found] = _retrieval_state(B[found], alpha[found], T[found])
    return _state(columns, shape)


def spin_glass(alpha: Any, T: Any) -> State:
    r"""The state without recall, m = 0: spin glass below :func:`glass_line`, paramagnet above.

    q = E tanh^2(beta sqrt(alpha r) z), r = q/(1 - beta (1 - q))^2. Replica symmetry is broken
    everywhere below the line, and the free energy lies below the true one.
    Parameters, errors and accuracy are those of :func:`retrieval`. At alpha = 0 the limit alpha -> 0 is
    given: r diverges there for T < 1, alpha r does not.

    Examples
    --------
    >>> from spinlab.theory import hopfield
    >>> glass = hopfield.spin_glass(0.1, [0.5, 1.5])
    >>> [round(float(q), 6) for q in glass.q]
    [0.628213, 0.0]
    """
    shape, (alpha, T) = _load_and_temperature(alpha, T)
    return _state(np.array(_spin_glass(alpha, T)), shape)


def equilibrium(alpha: Any, T: Any) -> State:
    """Of :func:`retrieval` and :func:`spin_glass` the state with the lower free energy.

    Parameters, errors and accuracy are those of :func:`retrieval`.

    Examples
    --------
    >>> from spinlab.theory import hopfield
    >>> hopfield.equilibrium(0.04, 0.1).m > 0.9, hopfield.equilibrium(0.1, 0.1).m
    (True, 0.0)
    """
    shape, (alpha, T) = _load_and_temperature(alpha, T)
    recall, glass = (s(alpha, T) for s in (retrieval, spin_glass))
    lower = recall.free_energy <= glass.free_energy
    names = ("m", "q", "r", "free_energy")
    return _state(np.array([np.where(lower, getattr(recall, n), getattr(glass, n)) for n in names]), shape)


def phase(alpha: Any, T: Any) -> Any:
    """Name of the phase: paramagnet, spin glass, metastable retrieval, or retrieval.

    "metastable retrieval" is a spin glass in equilibrium that keeps the retrieval states as metastable
    ones, T_c < T < T_M. Parameters and errors are those of :func:`retrieval`.

    Returns
    -------
    str, or array of str

    Examples
    --------
    >>> from spinlab.theory import hopfield
    >>> hopfield.phase(0.1, [0.01, 0.3, 1.0, 1.5]).tolist()
    ['metastable retrieval', 'metastable retrieval', 'spin glass', 'paramagnet']
    """
    shape, (alpha, T) = _load_and_temperature(alpha, T)
    recall, glass = (s(alpha, T) for s in (retrieval, spin_glass))
    index = np.where(glass.q > 0, 1, 0)
    index[recall.m > 0] = 2
    index[(recall.m > 0) & (recall.free_energy <= glass.free_energy)] = 3
    names = np.array(PHASES)[index].reshape(shape)
    return str(names) if shape == () else names


def glass_line(alpha: Any) -> Any:
    """T_g = 1 + sqrt(alpha), where the paramagnet becomes a spin glass (AGS).

    Examples
    --------
    >>> from spinlab.theory import hopfield
    >>> hopfield.glass_line(0.25)
    1.5
    """
    shape, (alpha,) = flat(real(alpha, "alpha", 0))
    return shaped(1 + np.sqrt(alpha), shape)


def capacity(T: Any) -> Any:
    r"""alpha_c(T), the largest load at which a retrieval state exists; 0 for T >= 1.

    The maximum over B of alpha(B) at fixed T, see the module. At T = 0 it is the maximum over x of
    [erf(x)/x - (2/sqrt pi) exp(-x^2)]^2 / 2 = 0.137906 (AGS). The curve has its maximum 0.13819 at
    T = 0.023: the replica-symmetric line is reentrant (J.-P. Naef, A. Canning, J. Phys. I 2, 247
    (1992)), and with broken replica symmetry the capacity is 0.1382 at T = 0 (H. Steffan, R. Kuehn,
    Z. Phys. B 95, 249 (1994)).

    T is a number or an array, 0 or more; ValueError if it is negative or not finite.

    Examples
    --------
    >>> from spinlab.theory import hopfield
    >>> round(hopfield.capacity(0.0), 6)
    0.137906
    """
    shape, (T,) = flat(real(T, "T", 0))
    result = np.zeros(T.size)
    some = T < 1
    cold = np.minimum(T[some] / _COLDEST, 1.0)  # a straight line from the value at T = 0
    T = np.maximum(T[some], _COLDEST)
    result[some] = _CAPACITY * (1 - cold) + _load(_peak(T), T) * cold
    return shaped(result, shape)


def retrieval_line(alpha: Any) -> Any:
    """T_M(alpha), the highest temperature at which a retrieval state exists; 0 where there is none.

    T_M -> 1 - 1.954 sqrt(alpha) for small loads. For 0.137906 < alpha < 0.13819 the replica-symmetric
    state also disappears below a lower temperature, see :func:`capacity`.

    alpha is a number or an array, 0 or more; ValueError if it is negative or not finite.

    Examples
    --------
    >>> from spinlab.theory import hopfield
    >>> round(hopfield.retrieval_line(0.05), 6)
    0.542255
    """
    shape, (alpha,) = flat(real(alpha, "alpha", 0))
    result = np.where(alpha == 0, 1.0, 0.0)
    T_top, alpha_top = _reentrance()
    some = (alpha > 0) & (alpha <= alpha_top)
    result[some] = root(lambda T, a: capacity(T) - a, T_top, 1.0, alpha[some])
    return shaped(result, shape)


def coexistence_line(alpha: Any) -> Any:
    """T_c(alpha), below which the retrieval states are the global minimum; 0 where they never are.

    Their free energy equals the one of the spin glass, both replica symmetric; T_c -> 1 - 2.596
    sqrt(alpha) for small loads (AGS). The line ends at alpha = 0.05313, T = 0.085 and is reentrant below: at
    T = 0 the states coexist at alpha = 0.05185. The replica-symmetric glass lies too low (for alpha ->
    infinity at T = 0, -0.798 sqrt(alpha) instead of -0.763), so the true line is a little higher.

    alpha is a number or an array, 0 or more; ValueError if it is negative or not finite.

    Examples
    --------
    >>> from spinlab.theory import hopfield
    >>> round(hopfield.coexistence_line(0.02), 6)
    0.5913
    """
    shape, (alpha,) = flat(real(alpha, "alpha", 0))
    result = np.where(alpha == 0, 1.0, 0.0)
    some = np.flatnonzero((alpha > 0) & (alpha < 0.06))
    some = some[_advantage(np.full(some.size, _TOP), alpha[some]) >= 0]
    a = alpha[some]
    result[some] = root(_advantage, _TOP, retrieval_line(a) * (1 - 1e-9), a)
    return shaped(result, shape)


def at_line(alpha: Any) -> Any:
    """T_R(alpha), below which replica symmetry is broken in the retrieval state; 0 where there is none.

    alpha beta^2 / (1 - beta (1-q))^2 E sech^4 beta(m + sqrt(alpha r) z) = 1 (AGS, after J. R. L. de
    Almeida, D. J. Thouless, J. Phys. A 11, 983 (1978)). T_R -> sqrt(8 alpha / 9 pi) exp(-1/(2 alpha))
    for small loads; the line ends where it meets T_M, at alpha = 0.138186, T = 0.0255. In the spin
    glass replica symmetry is broken everywhere below :func:`glass_line`.

    alpha is a number or an array, 0 or more; ValueError if it is negative or not finite.

    Examples
    --------
    >>> from spinlab.theory import hopfield
    >>> round(hopfield.at_line(0.1), 8)
    0.00145025
    """
    shape, (alpha,) = flat(real(alpha, "alpha", 0))
    result = np.zeros(alpha.size)
    t_end, alpha_end = _at_end()
    low = alpha < 0.002  # the next order is smaller by exp(-1/alpha)
    with np.errstate(divide="ignore"):
        result[low] = np.sqrt(8 * alpha[low] / (9 * math.pi)) * np.exp(-0.5 / alpha[low])
    some = ~low & (alpha <= alpha_end)
    result[some] = _at_point(root(lambda t, a: _at_point(t)[1] - a, t_end, 24.0, alpha[some]))[0]
    return shaped(result, shape)


def _load_and_temperature(alpha: Any, T: Any) -> tuple[tuple[int, ...], list[np.ndarray]]:
    return flat(real(alpha, "alpha", 0), positive(T, "T"))


def _state(columns: np.ndarray, shape: tuple[int, ...]) -> State:
    return State(*(shaped(c, shape) for c in columns))


def _field(B: np.ndarray, T: np.ndarray) -> np.ndarray:
    """The positive root A of E tanh(A + B z) = A T.

    The left side is concave in A and below tanh A, so Newton's method comes down to it without a jump.
    """
    A = above_field(T)
    active = np.arange(A.size)
    for _ in range(200):
        a, t = A[active], T[active]
        mean = averages(a, B[active])
        new = np.maximum(a - (mean.tanh - a * t) / (mean.sech2 - t), 0.0)
        A[active] = new
        active = active[a - new > 1e-13 * a]  # it only falls, up to rounding
        if not active.size:
            break
    return A


def _load(B: np.ndarray, T: np.ndarray) -> np.ndarray:
    """alpha at which a retrieval state at temperature T has the noise B."""
    mean = averages(_field(B, T), B)
    return (B * (T - mean.sech2)) ** 2 / mean.tanh2


def _widest(T: np.ndarray) -> np.ndarray:
    """The B where A vanishes: E sech^2(B z) = T < 1. B E sech^2(B z) <= sqrt(2/pi)."""
    return root(lambda B, T: averages(0 * B, B).sech2 - T, 0.0, 0.8 / T, T)


def _peak(T: np.ndarray) -> np.ndarray:
    """The B at which the load is largest, 0 < T < 1: d ln alpha / d ln B = 0."""

    def slope(B: np.ndarray, T: np.ndarray) -> np.ndarray:
        mean = averages(_field(B, T), B)
        gap = T - mean.sech2
        dq = mean.spread - mean.slope * B * mean.slope / gap
        return 2 + B * dq * (2 / gap - 1 / mean.tanh2)

    widest = _widest(T)
    return root(slope, 0.05 * widest, 0.9 * widest, T)


def _retrieval_noise(alpha: np.ndarray, T: np.ndarray) -> np.ndarray:
    """B of the retrieval state, -1 where there is none."""
    B = np.full(alpha.size, -1.0)
    B[(alpha == 0) & (T < 1)] = 0.0
    some = np.flatnonzero((alpha > 0) & (T < 1))
    levels, which = np.unique(T[some], return_inverse=True)
    peak = _peak(levels)
    largest, q = _load(peak, levels), averages(_field(peak, levels), peak).tanh2
    keep = alpha[some] <= largest[which]
    some, which = some[keep], which[keep]
    a, t = alpha[some], T[some]
    low = np.minimum(0.9 * np.sqrt(a * q[which]) / t, peak[which])  # as r >= q, and q falls with B
    B[some] = root(lambda B, a, T: _load(B, T) - a, low, peak[which], a, t)
    return B


def _spin_glass(alpha: np.ndarray, T: np.ndarray) -> tuple[np.ndarray, ...]:
    """m, q, r, f with m = 0. The load (B (T - 1 + q))^2 / q rises with B from (T-1)^2, or 0 if T < 1."""

    def excess(B: np.ndarray, a: np.ndarray, T: np.ndarray) -> np.ndarray:
        mean = averages(0 * B, B)
        return B * np.maximum(T - mean.sech2, 0) - np.sqrt(a * mean.tanh2)

    B = np.zeros(alpha.size)
    glass = np.flatnonzero(glass_line(alpha) > T)
    a, t = alpha[glass], T[glass]
    low = np.where(t < 1, 0.0, 1e-9)
    low[t < 1] = _widest(t[t < 1])
    B[glass] = root(excess, low, (np.sqrt(a) + 0.8) / t, a, t)
    return _observables(0 * B, B, alpha, T)


def _retrieval_state(B: np.ndarray, alpha: np.ndarray, T: np.ndarray) -> tuple[np.ndarray, ...]:
    return _observables(_field(B, T), B, alpha, T)


def _observables(A: np.ndarray, B: np.ndarray, alpha: np.ndarray, T: np.ndarray) -> tuple[np.ndarray, ...]:
    """m, q, r and f of AGS, written so that nothing overflows as T or alpha goes to 0."""
    mean = averages(A, B)
    q, gap = mean.tanh2, 1 - mean.sech2 / T
    noisy = B > 0
    gap[noisy] = np.sqrt(alpha[noisy] * q[noisy]) / (B[noisy] * T[noisy])  # the same, without cancellation
    r = np.full(alpha.size, np.inf)  # the limit of a glass without load
    r[q == 0] = 0.0
    r[gap > 0] = q[gap > 0] / gap[gap > 0] ** 2
    log = np.zeros(alpha.size)
    loaded = (alpha > 0) & (gap > 0)
    log[loaded] = alpha[loaded] * np.log(gap[loaded])
    m = A * T
    f = (
        alpha / 2
        + m**2 / 2
        + (B * T) * (B * mean.sech2) / 2
        + T / 2 * (log - B * np.sqrt(alpha * q))
        - T * mean_log_2cosh(A, B)
    )
    return m, q, r, f


def _advantage(T: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Free energy of the glass less that of the retrieval state."""
    return _spin_glass(alpha, T)[3] - _retrieval_state(_retrieval_noise(alpha, T), alpha, T)[3]


@cache
def _reentrance() -> tuple[float, float]:
    """Temperature and load at the top of alpha_c(T)."""
    from scipy.optimize import minimize_scalar

    best = minimize_scalar(lambda T: -capacity(T), bounds=(0.01, 0.04), options={"xatol": 1e-9})
    return float(best.x), float(-best.fun)


def _at_point(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """T and alpha where the retrieval state with A = t B is marginal."""
    B = marginal(t)
    mean = averages(t * B, B)
    T = mean.tanh / (t * B)
    return T, (B * (T - mean.sech2)) ** 2 / mean.tanh2


@cache
def _at_end() -> tuple[float, float]:
    """t and alpha where the line of marginal states has its largest load."""
    from scipy.optimize import minimize_scalar

    def load(t: float) -> float:
        return -float(_at_point(np.array([t]))[1][0])

    best = minimize_scalar(load, bounds=(1.8, 2.4), options={"xatol": 1e-9})
    return float(best.x), float(-best.fun)
