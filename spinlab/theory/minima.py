r"""How many configurations no single flip can improve: rates of growth and exact mean numbers.

All counts are of strictly one-flip-stable states (every local field points along its spin) and are means
over the disorder, exp(N Sigma) to leading order. The typical number, exp of the mean logarithm, may grow
more slowly. At fixed K the number stays bounded as N grows; the rates here are for K in proportion to N.

The local fields are Gaussian given a few sums over them, so that all rates follow from

    phi(c) = min over mu of [mu^2 / 2 + ln Phi(mu + c)],

Phi the normal distribution function: e^{N phi(c)} is, to leading order, the probability that none of N
standard normal variables lies more than c below their common mean.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ._numerics import flat, positive, root, shaped

_LOADS = (1e-9, 1e9)
_RATIOS = (1e-6, 1e6)
_LOW = -1e4  # of t = mu + c

__all__ = ["gaussian_rbm", "hopfield", "ra_rbm", "sk", "sk_log_mean_number"]


def sk() -> float:
    """Complexity per spin of the Sherrington-Kirkpatrick model: 0.1992.

    Sigma = ln 2 + max over c of [ln Phi(c) - c^2/2]; F. Tanaka, S. F. Edwards, J. Phys. F 10, 2769 (1980);
    A. J. Bray, M. A. Moore, J. Phys. C 13, L469 (1980). The typical number grows at the same rate.

    Examples
    --------
    >>> from spinlab.theory import minima
    >>> round(minima.sk(), 6)
    0.199228
    """
    from scipy.special import log_ndtr

    c = root(lambda c: _mills(c) - c, 0.0, np.ones(1))
    return float((math.log(2) + log_ndtr(c) - c**2 / 2)[0])


def sk_log_mean_number(N: int) -> float:
    r"""ln of the mean number of one-flip-stable states of N spins with Gaussian couplings, exact.

    <n> = 2^N E_g Phi(g / sqrt(N - 2))^N with g standard normal: the N local fields, each along its spin, are
    Gaussian with variance N - 1 and covariance 1 in units of the couplings' variance.

    Parameters
    ----------
    N : int, 2 or more

    Raises
    ------
    ValueError, TypeError
        If N is not an integer of at least 2.

    Notes
    -----
    Relative accuracy of <n> 1e-12, by Gauss-Legendre quadrature around the largest term.

    Examples
    --------
    >>> import math
    >>> from spinlab.theory import minima
    >>> round(math.exp(minima.sk_log_mean_number(3)), 9)
    2.0
    """
    from scipy.special import log_ndtr, logsumexp

    if isinstance(N, bool) or not isinstance(N, int | np.integer):
        raise TypeError(f"N must be an integer, got {N!r}")
    if not 2 <= N <= 2**63:
        raise ValueError(f"N must be at least 2 and at most 2**63, got {N if N < 2 else 'more'}")
    if N == 2:
        return math.log(2)  # one bond: the two states that satisfy it
    n = N - 2.0
    top = root(lambda c: N * _mills(c) - n * c, 0.0, np.full(1, 40.0))[0]  # of c = g / sqrt(N - 2)
    x, weight = np.polynomial.legendre.leggauss(200)
    width = 14 / math.sqrt(n)  # the logarithm is concave, its second derivative at most -n
    c = top + width * x
    terms = N * log_ndtr(c) - n * c**2 / 2 + np.log(weight * width * math.sqrt(n / (2 * math.pi)))
    return float(N * math.log(2) + logsumexp(terms))


def hopfield(alpha: Any) -> Any:
    r"""Complexity per spin of the Hopfield model at load alpha = K/N.

    Sigma = ln 2 + max over R of [(alpha/2) ln(R/alpha) - (R - alpha)/2 + phi((R - alpha)/sqrt(R))], R the
    squared length of the vector of pattern overlaps, in units where random states have alpha. Positive for
    every alpha > 0, below the capacity too (E. Gardner, J. Phys. A 19, L1047 (1986)); tends to :func:`sk`.

    Raises ValueError if alpha is not positive and finite.

    Parameters
    ----------
    alpha : float or array_like, above 0

    Returns
    -------
    float, or ndarray of the shape of ``alpha``

    Examples
    --------
    >>> from spinlab.theory import minima
    >>> [round(float(s), 4) for s in minima.hopfield([0.01, 0.05, 0.138])]
    [0.016, 0.0443, 0.0725]
    """
    shape, (a,) = flat(positive(alpha, "alpha", _LOADS))

    def excess(t: np.ndarray, a: np.ndarray) -> np.ndarray:
        """R d/dR of the bracket; zero at the maximum."""
        _, c = _parts(t)
        R = _length(c, a)
        return (a - R) / 2 + _mills(t) * (np.sqrt(R) + a / np.sqrt(R)) / 2

    t = root(excess, _LOW, 40.0, a)
    phi, c = _parts(t)
    R = _length(c, a)
    grown = c * np.sqrt(R) / a  # (R - a) / a, without cancellation
    return shaped(math.log(2) + a / 2 * (np.log1p(grown) - grown) + phi, shape)


def ra_rbm(alpha_v: Any, alpha_h: Any) -> Any:
    r"""Complexity of the RA-RBM per visible spin; a state is one of both layers together.

    Sigma = (1 + gamma) ln 2 + max over A, B, C of
    { (alpha_v/2) [ln(A/alpha_v) + ln(B/alpha_h) + ln(1 - C^2/(AB))] - (A - alpha_v)/2
    - gamma (B - alpha_h)/2 + phi(C/sqrt(B)) + gamma phi(C/sqrt(A)) }, A and B the squared lengths of the
    layers' vectors of pattern overlaps, C their product and gamma = H/V = alpha_v/alpha_h. Derived as the one
    of :func:`hopfield`. Divide by 1 + gamma for the complexity per spin.

    Raises ValueError if a load is not positive and finite.

    Parameters
    ----------
    alpha_v, alpha_h : float or array_like, above 0
        K/V and K/H.

    Returns
    -------
    float, or ndarray of the common shape

    Examples
    --------
    >>> from spinlab.theory import minima
    >>> round(minima.ra_rbm(0.2, 0.2) / 2, 4)  # per spin
    0.0831
    >>> round(minima.ra_rbm(10 / 20, 10 / 1000), 3)  # V=20, H=1000, K=10
    0.368
    """
    loads = (positive(x, n, _LOADS) for n, x in (("alpha_v", alpha_v), ("alpha_h", alpha_h)))
    shape, (a, other) = flat(*loads)
    gamma = positive(a / other, "alpha_v / alpha_h = H/V", _RATIOS)
    return shaped(_two_layers(a, gamma), shape)


def gaussian_rbm(gamma: Any = 1.0) -> Any:
    """Complexity of an RBM with independent weights, per visible spin.

    The limit K -> infinity of :func:`ra_rbm`; per spin it equals :func:`sk` at gamma = H/V = 1, and it tends
    to ln 2, every visible state, for gamma -> infinity. Divide by 1 + gamma for the complexity per spin.

    Raises ValueError if gamma is not positive and finite.

    Parameters
    ----------
    gamma : float or array_like, above 0

    Examples
    --------
    >>> from spinlab.theory import minima
    >>> [round(float(s), 4) for s in minima.gaussian_rbm([1, 50])]
    [0.3985, 0.6931]
    """
    shape, (g,) = flat(positive(gamma, "gamma", _RATIOS))
    return shaped(_two_layers(np.full(g.size, np.inf), g), shape)


def _mills(t: np.ndarray) -> np.ndarray:
    """d ln Phi / dt."""
    from scipy.special import log_ndtr

    return np.exp(-(t**2) / 2 - log_ndtr(t)) / math.sqrt(2 * math.pi)


def _parts(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """phi(c) and c, given t = mu + c at the minimum; dphi/dc = mills(t)."""
    from scipy.special import log_ndtr

    r = _mills(t)
    return r**2 / 2 + log_ndtr(t), t + r


def _length(c: np.ndarray, a: np.ndarray) -> np.ndarray:
    """R with (R - a) / sqrt(R) = c."""
    return ((c + np.sqrt(c**2 + 4 * a)) / 2) ** 2


def _two_layers(alpha: np.ndarray, g: np.ndarray) -> np.ndarray:
    """With a = mills(t_v) c_v and d = gamma mills(t_h) c_h the maximum lies at A = alpha_v + a,
    gamma B = alpha_v + d, C^2 = A B (a + d) / (alpha_v + a + d); two equations for t_v, t_h remain."""

    def hidden(tv: np.ndarray, alpha: np.ndarray, g: np.ndarray) -> np.ndarray:
        _, cv = _parts(tv)
        a = _mills(tv) * cv

        def excess(th: np.ndarray, cv: np.ndarray, a: np.ndarray, alpha: np.ndarray, g: np.ndarray) -> Any:
            _, ch = _parts(th)
            return cv**2 * (1 + g * _mills(th) * ch / alpha) - g * ch**2 * (1 + a / alpha)

        return root(excess, _LOW, 40 + 2 / np.sqrt(g), cv, a, alpha, g)

    def excess(tv: np.ndarray, alpha: np.ndarray, g: np.ndarray) -> np.ndarray:
        th = hidden(tv, alpha, g)
        (_, cv), (_, ch) = _parts(tv), _parts(th)
        a, d = _mills(tv) * cv, g * _mills(th) * ch
        return cv**2 * (1 + (a + d) / alpha) - (a + d) * (1 + a / alpha)

    tv = root(excess, _LOW, 40 + 2 * np.sqrt(g), alpha, g)
    th = hidden(tv, alpha, g)
    (phi_v, cv), (phi_h, ch) = _parts(tv), _parts(th)
    a, d = _mills(tv) * cv, g * _mills(th) * ch
    finite = np.where(np.isinf(alpha), 1.0, alpha)
    volume = finite / 2 * (np.log1p(a / finite) - np.log1p(a / (finite + d)))
    volume = np.where(np.isinf(alpha), 0.0, volume)  # alpha ln[(1 + a/alpha)(1 + d/alpha)/(1 + (a+d)/alpha)]
    return (1 + g) * math.log(2) + volume - (a + d) / 2 + phi_v + g * phi_h
