r"""Two layers: the RA-RBM, which is a bidirectional associative memory (BAM), and the Gaussian RBM.

W_ia = (s / sqrt K) sum_k xi_i^k xi_a^k with K random patterns, V visible and H hidden units, all to
infinity. Three numbers fix the phase: alpha_v = K/V, alpha_h = K/H and b = s sqrt(VH/K), the inverse of
the temperature; gamma = H/V = alpha_v / alpha_h. Replica symmetric, with overlaps mu, nu of the layers
with one pattern, Edwards-Anderson overlaps q, p, and D = 1 - b^2 (1-q)(1-p),

    mu = E tanh(b sqrt(gamma) nu + sqrt(r_v) z),  r_v = alpha_v b^2 [p + b^2 (1-p)^2 q] / D^2,
    nu = E tanh(b mu / sqrt(gamma) + sqrt(r_h) z), r_h = alpha_h b^2 [q + b^2 (1-q)^2 p] / D^2,

q and p the means of tanh^2. B. Kosko, IEEE Trans. SMC 18, 49 (1988) for the model; A. Barra, G. Catania,
A. Decelle, B. Seoane, arXiv:2211.09694 for its statistical mechanics.

The equations are solved as in :mod:`spinlab.theory.hopfield`: at given noise sqrt(r_v) of the smaller layer
the other unknowns follow one after the other, each a unique root, and the load rises with the noise to
the capacity and falls again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ._gaussian_layers import (
    COLDEST,
    RATIOS,
    GaussianState,
    gaussian_glass_scale,
    gaussian_log_partition,
    gaussian_state,
)
from ._numerics import Averages, above_field, averages, flat, mean_log_2cosh, positive, real, root, shaped

_LOADS = (1e-9, 1e9)

__all__ = [
    "GaussianState",
    "State",
    "capacity",
    "equilibrium_load",
    "gaussian_glass_scale",
    "gaussian_log_partition",
    "gaussian_state",
    "glass",
    "glass_line",
    "low_load",
    "recall",
]


@dataclass(frozen=True)
class State:
    """A solution of the saddle-point equations; numbers, or arrays of the common shape of the input.

    Attributes
    ----------
    mu, nu : overlaps of the visible and of the hidden layer with the recalled pattern
    q, p : Edwards-Anderson overlaps of the visible and of the hidden layer
    log_partition : <ln Z> / V
    """

    mu: Any
    nu: Any
    q: Any
    p: Any
    log_partition: Any


def recall(alpha_v: Any, alpha_h: Any, b: Any) -> State:
    r"""The state that recalls one pattern; where there is none, the state with mu = nu = 0.

    Equations of the module; <ln Z>/V = alpha_v {-ln D / 2 + b^2 [q(1-p) + p(1-q)] / (2D)}
    - r_v (1-q)/2 + E ln 2cosh(v) + gamma {-r_h (1-p)/2 + E ln 2cosh(h)} - b sqrt(gamma) mu nu,
    v and h the arguments of the two tanh.

    Raises ValueError if an argument is not positive or not finite.

    Parameters
    ----------
    alpha_v, alpha_h : float or array_like, above 0
        K/V and K/H.
    b : float or array_like, above 0
        Inverse temperature s sqrt(VH/K); all three are broadcast.
        :func:`spinlab.theory.coordinates.ra_rbm` computes them from a model.

    Returns
    -------
    State
        With mu, nu > 0 where a recall state exists, else :func:`glass`.

    Notes
    -----
    Overlaps are good to 1e-10 (1e-6 at the very edge of the recall region). About 1 ms per point.

    Examples
    --------
    >>> from spinlab.theory import bipartite
    >>> round(bipartite.recall(0.05, 0.05, b=2.0).mu, 4)  # V = H = 2000, K = 100
    0.9318
    """
    shape, given = _coordinates(alpha_v, alpha_h, b)
    swapped, a, g, b = _smaller_first(*given)
    columns = np.array(_glass(a, g, b))
    B = _recall_noise(a, g, b)
    found = np.flatnonzero(B >= 0)
    columns[:, found] = _observables(_recalling(B[found], g[found], b[found]), a[found])
    return _state(columns, swapped, g, shape)


def glass(alpha_v: Any, alpha_h: Any, b: Any) -> State:
    """The state without recall: spin glass for b above :func:`glass_line`, paramagnet below.

    Parameters and errors are those of :func:`recall`. Replica symmetry is broken in the glass, and its
    ln Z is an upper estimate.

    Examples
    --------
    >>> from spinlab.theory import bipartite
    >>> state = bipartite.glass(0.05, 0.05, b=[0.8, 2.0])
    >>> [round(float(q), 4) for q in state.q]
    [0.0, 0.5728]
    """
    shape, given = _coordinates(alpha_v, alpha_h, b)
    swapped, a, g, b = _smaller_first(*given)
    return _state(np.array(_glass(a, g, b)), swapped, g, shape)


def glass_line(alpha_v: Any, alpha_h: Any) -> Any:
    """The b at which the paramagnet becomes a glass.

    u = b^2 solves u^2 [alpha_v alpha_h (1+u) + (alpha_v + alpha_h)(1-u)] = (1-u)^3, 0 < u <= 1: the
    linearised equations of the module. b -> 1 for small loads; b -> (alpha_v alpha_h)^(-1/4) for large
    ones, which is the line s (VH)^(1/4) = 1 of the Gaussian RBM.

    Raises ValueError if a load is negative or not finite.

    Parameters
    ----------
    alpha_v, alpha_h : float or array_like, 0 or more

    Examples
    --------
    >>> from spinlab.theory import bipartite
    >>> round(bipartite.glass_line(10 / 20, 10 / 1000), 4)  # V=20, H=1000, K=10
    0.7609
    """
    shape, (a, c) = flat(
        *(real(x, n, 0, largest=1e9) for n, x in (("alpha_v", alpha_v), ("alpha_h", alpha_h)))
    )
    return shaped(_glass_line(a, c), shape)


def low_load(b: Any, gamma: Any = 1.0) -> tuple[Any, Any]:
    """Overlaps (mu, nu) with a recalled pattern for K << V, H; positive for b > 1.

    mu = tanh(b sqrt(gamma) nu), nu = tanh(b mu / sqrt(gamma)), gamma = H/V.

    Raises ValueError if an argument is not positive or not finite.

    Parameters
    ----------
    b, gamma : float or array_like, above 0

    Examples
    --------
    >>> from spinlab.theory import bipartite
    >>> mu, nu = bipartite.low_load(2.0, gamma=5.0)
    >>> round(mu, 4), round(nu, 4)
    (0.9966, 0.7121)
    """
    shape, (b, g) = flat(positive(b, "b"), positive(gamma, "gamma", RATIOS))
    Av, Ah = _fields(0 * b, 0 * b, g, b)
    return shaped(np.tanh(Av), shape), shaped(np.tanh(Ah), shape)


def capacity(b: Any = math.inf, gamma: Any = 1.0) -> Any:
    r"""Largest K/V at which a recall state exists, at inverse temperature b; 0 for b <= 1.

    At b = inf, with x = sqrt(gamma) nu / sqrt(2 rho_v) and y = mu / sqrt(2 gamma rho_h),

        mu = erf x,  C_v = sqrt(2 / (pi rho_v)) exp(-x^2),  rho_v = alpha_v (1 + C_h^2) / (1 - C_v C_h)^2,

    and likewise for nu, C_h, rho_h with y: K_c/V = 0.1998 for equal layers. This is where the metastable
    recall states vanish; they are the equilibrium up to :func:`equilibrium_load` only.

    Raises ValueError if an argument is not positive, or gamma is infinite.

    Parameters
    ----------
    b : float or array_like, above 0, may be inf
    gamma : float or array_like, above 0
        H/V.

    Notes
    -----
    About 10 ms per point. Zero-temperature dynamics at H >> V does not show this capacity: it is
    trapped wherever it starts.

    Examples
    --------
    >>> from spinlab.theory import bipartite
    >>> round(bipartite.capacity(), 4)
    0.1998
    """
    return _line(lambda g, b: _recalling(_peak(g, b), g, b).load, b, gamma)


def equilibrium_load(b: Any = math.inf, gamma: Any = 1.0) -> Any:
    """K/V below which the recall states are the equilibrium: their ln Z exceeds that of the glass.

    Both replica symmetric. The replica-symmetric glass has too large a ln Z at low temperature (SK:
    ground-state energy -0.798 instead of -0.763), so the true boundary lies higher.
    Parameters and errors are those of :func:`capacity`.

    Examples
    --------
    >>> from spinlab.theory import bipartite
    >>> round(bipartite.equilibrium_load(10.0), 4)
    0.0947
    """

    def advantage(B: np.ndarray, g: np.ndarray, b: np.ndarray) -> np.ndarray:
        state = _recalling(B, g, b)
        return _observables(state, state.load)[-1] - _glass(state.load, g, b)[-1]

    def load(g: np.ndarray, b: np.ndarray) -> np.ndarray:
        peak = _peak(g, b)
        return _recalling(root(advantage, 1e-2 * peak, peak, g, b), g, b).load

    return _line(load, b, gamma)


class _Solution(NamedTuple):
    """A point of the curve of solutions at given b and gamma; v belongs to the smaller layer."""

    Av: np.ndarray
    Ah: np.ndarray
    Bv: np.ndarray
    Bh: np.ndarray
    v: Averages
    h: Averages
    g: np.ndarray
    b: np.ndarray

    @property
    def D(self) -> np.ndarray:
        return 1 - self.b**2 * self.v.sech2 * self.h.sech2

    @property
    def noise_v(self) -> np.ndarray:
        """r_v D^2 / (alpha_v b^2)."""
        return self.h.tanh2 + (self.b * self.h.sech2) ** 2 * self.v.tanh2

    @property
    def noise_h(self) -> np.ndarray:
        return self.v.tanh2 + (self.b * self.v.sech2) ** 2 * self.h.tanh2

    @property
    def load(self) -> np.ndarray:
        """alpha_v"""
        return (self.Bv * self.D / self.b) ** 2 / self.noise_v


def _coordinates(alpha_v: Any, alpha_h: Any, b: Any) -> tuple[tuple[int, ...], list[np.ndarray]]:
    shape, (a, c, b) = flat(
        positive(alpha_v, "alpha_v", _LOADS),
        positive(alpha_h, "alpha_h", _LOADS),
        positive(b, "b", (1e-100, COLDEST)),
    )
    positive(a / c, "alpha_v / alpha_h = H/V", RATIOS)
    return shape, [a, c, b]


def _smaller_first(alpha_v: np.ndarray, alpha_h: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, ...]:
    """Whether the layers are exchanged so that H >= V, then alpha_v, gamma and b."""
    swapped = alpha_h > alpha_v
    a = np.where(swapped, alpha_h, alpha_v)
    return swapped, a, a / np.where(swapped, alpha_v, alpha_h), b


def _state(columns: np.ndarray, swapped: np.ndarray, g: np.ndarray, shape: tuple[int, ...]) -> State:
    mu, nu, q, p, log_partition = columns
    mu, nu, q, p = (np.where(swapped, y, x) for x, y in ((mu, nu), (nu, mu), (q, p), (p, q)))
    log_partition = np.where(swapped, log_partition / g, log_partition)  # per unit of the visible layer
    return State(*(shaped(x, shape) for x in (mu, nu, q, p, log_partition)))


def _line(load: Any, b: Any, gamma: Any) -> Any:
    """K/V on a line given as alpha_v(gamma, b) for gamma >= 1, b > 1."""
    b = positive(b, "b", infinite=True)
    shape, (b, gamma) = flat(b, positive(gamma, "gamma", RATIOS))
    result = np.zeros(b.size)
    some = b > 1
    g = np.maximum(gamma, 1 / gamma)[some]
    value = load(g, np.minimum(b[some], COLDEST))
    beyond = b[some] > COLDEST  # a straight line in 1/b, through COLDEST and its half
    if beyond.any():
        slope = load(g[beyond], np.full(beyond.sum(), COLDEST / 2)) - value[beyond]
        value[beyond] -= slope * (1 - COLDEST / b[some][beyond])
    result[some] = value * np.minimum(1, gamma[some])
    return shaped(result, shape)


def _glass_line(a: np.ndarray, c: np.ndarray) -> np.ndarray:
    def excess(u: np.ndarray, a: np.ndarray, c: np.ndarray) -> np.ndarray:
        return u**2 * (a * c * (1 + u) + (a + c) * (1 - u)) - (1 - u) ** 3

    below_one = np.nextafter(1, 0)  # u = 1 solves too if one load is 0, and is the answer if both are
    return np.sqrt(root(excess, 0.0, below_one, a, c))


def _fields(Bv: np.ndarray, Bh: np.ndarray, g: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest A_v, A_h with A_v = b sqrt(g) E tanh(A_h + B_h z), A_h = (b / sqrt(g)) E tanh(A_v + B_v z).

    As a function of A_v the right side is concave, so Newton's method comes down to the root.
    """
    up, down = b * np.sqrt(g), b / np.sqrt(g)
    zero = 0 * Bv
    slope = b**2 * averages(zero, Bv).sech2 * averages(zero, Bh).sech2
    A = np.where(slope > 1, np.minimum(up, above_field(1 / b**2)), 0.0)  # as A < b^2 tanh A
    active = np.flatnonzero(slope > 1)
    for _ in range(200):
        if not active.size:
            break
        a = A[active]
        v = averages(a, Bv[active])
        h = averages(down[active] * v.tanh, Bh[active])
        step = (a - up[active] * h.tanh) / (1 - b[active] ** 2 * v.sech2 * h.sech2)
        new = np.maximum(a - step, 0.0)
        A[active] = new
        active = active[a - new > 1e-13 * a]  # it only falls, up to rounding
    return A, down * averages(A, Bv).tanh


def _silent(Bv: np.ndarray, Bh: np.ndarray, g: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return 0 * Bv, 0 * Bv


def _solution(fields: Any, Bv: np.ndarray, g: np.ndarray, b: np.ndarray) -> _Solution:
    """B_h from r_v / r_h, where the loads enter by gamma only; B_h <= B_v, the smaller layer is noisier."""

    def at(Bh: np.ndarray, Bv: np.ndarray, g: np.ndarray, b: np.ndarray) -> _Solution:
        Av, Ah = fields(Bv, Bh, g, b)
        return _Solution(Av, Ah, Bv, Bh, averages(Av, Bv), averages(Ah, Bh), g, b)

    def excess(x: np.ndarray, Bv: np.ndarray, g: np.ndarray, b: np.ndarray) -> np.ndarray:
        s = at(x * Bv, Bv, g, b)
        return g * x**2 * s.noise_v - s.noise_h

    return at(root(excess, 0.0, 1.0, Bv, g, b) * Bv, Bv, g, b)


def _recalling(Bv: np.ndarray, g: np.ndarray, b: np.ndarray) -> _Solution:
    return _solution(_fields, Bv, g, b)


def _peak(g: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The B_v at which the load of a recall state is largest: d ln alpha_v / d B_v = 0."""

    def slope(Bv: np.ndarray, g: np.ndarray, b: np.ndarray) -> np.ndarray:
        s = _recalling(Bv, g, b)

        def change(dBv: float, dBh: Any) -> tuple[np.ndarray, ...]:
            """Of q, p and ln(r_v / r_h) - ln(gamma) along (dBv, dBh)."""
            noise = np.sqrt(s.g) * s.Bh * s.h.slope * dBh + s.b * s.h.sech2 * s.Bv * s.v.slope * dBv
            dAv = -s.b * noise / s.D
            dAh = s.b / np.sqrt(s.g) * (s.v.sech2 * dAv - s.Bv * s.v.slope * dBv)
            dq = s.v.slope * dAv + s.v.spread * dBv
            dp = s.h.slope * dAh + s.h.spread * dBh
            bb = s.b**2
            dv = dp * (1 - 2 * bb * s.h.sech2 * s.v.tanh2) + bb * s.h.sech2**2 * dq
            dh = dq * (1 - 2 * bb * s.v.sech2 * s.h.tanh2) + bb * s.v.sech2**2 * dp
            ratio = 2 * dBh / s.Bh - 2 * dBv / s.Bv + dv / s.noise_v - dh / s.noise_h
            return dq, dp, dv, ratio

        zero = change(1.0, 0.0)
        one = change(0.0, 1.0)
        dBh = -zero[3] / one[3]
        dq, dp, dv = (x + dBh * y for x, y in zip(zero[:3], one[:3], strict=True))
        dD = s.b**2 * (dq * s.h.sech2 + dp * s.v.sech2)
        return s.Bv * (2 * dD / s.D - dv / s.noise_v) + 2

    widest = _widest(g, b)
    return root(slope, 0.02 * widest, 0.95 * widest, g, b)


def _widest(g: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The B_v, for b > 1, where the recall state loses its overlap: D = 0 in the glass."""
    return root(lambda B, g, b: _solution(_silent, B, g, b).D, 0.0, 0.8 * b**2, g, b)


def _recall_noise(a: np.ndarray, g: np.ndarray, b: np.ndarray) -> np.ndarray:
    """B_v of the recall state, -1 where there is none."""
    B = np.full(a.size, -1.0)
    some = np.flatnonzero(b > 1)
    pairs, which = np.unique(np.stack([g[some], b[some]]), axis=1, return_inverse=True)
    which = which.ravel()
    peak = _peak(*pairs)
    edge = _recalling(peak, *pairs)
    keep = a[some] <= edge.load[which]
    some, which = some[keep], which[keep]
    low = np.minimum(0.9 * b[some] * np.sqrt(a[some] * edge.h.tanh2[which]), peak[which])
    B[some] = root(
        lambda B, a, g, b: _recalling(B, g, b).load - a, low, peak[which], a[some], g[some], b[some]
    )
    return B


def _glass(a: np.ndarray, g: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, ...]:
    """mu, nu, q, p, ln Z / V with mu = nu = 0; the load rises with B_v."""
    B = np.zeros(a.size)
    some = np.flatnonzero(b > _glass_line(a, a / g))
    a_, g_, b_ = a[some], g[some], b[some]
    low = np.full(some.size, 1e-9)
    low[b_ > 1] = _widest(g_[b_ > 1], b_[b_ > 1])

    def excess(B: np.ndarray, a: np.ndarray, g: np.ndarray, b: np.ndarray) -> np.ndarray:
        s = _solution(_silent, B, g, b)
        return B * np.maximum(s.D, 0) - b * np.sqrt(a * s.noise_v)

    high = b_ * (b_ + np.sqrt(a_) + 1)
    for _ in range(60):
        short = np.flatnonzero(excess(high, a_, g_, b_) < 0)
        if not short.size:
            break
        high[short] *= 2
    B[some] = root(excess, low, high, a_, g_, b_)
    state = _solution(_silent, B, g, b)
    return _observables(state, a)


def _observables(s: _Solution, a: np.ndarray) -> tuple[np.ndarray, ...]:
    """mu, nu, q, p and <ln Z> / V at load a."""
    q, p, D = s.v.tanh2, s.h.tanh2, s.D
    log_partition = (
        a * (-np.log(D) / 2 + s.b**2 * (q * s.h.sech2 + p * s.v.sech2) / (2 * D))
        - s.Bv**2 * s.v.sech2 / 2
        + mean_log_2cosh(s.Av, s.Bv)
        + s.g * (mean_log_2cosh(s.Ah, s.Bh) - s.Bh**2 * s.h.sech2 / 2)
        - s.b * np.sqrt(s.g) * s.v.tanh * s.h.tanh
    )
    silent = s.Av == 0
    return np.where(silent, 0.0, s.v.tanh), np.where(silent, 0.0, s.h.tanh), q, p, log_partition
