"""Two layers with independent weights (the Gaussian RBM), a bipartite Sherrington-Kirkpatrick model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._numerics import averages, flat, mean_log_2cosh, positive, real, root, shaped

RATIOS = (1e-6, 1e6)  # of the layers
COLDEST = 1e8  # stands for infinite weights: the capacity of patterns differs by the inverse of it


def gaussian_glass_scale(V: Any, H: Any) -> Any:
    """Standard deviation (V H)^(-1/4) at which an RBM with independent weights becomes a glass.

    The linearised equations of :func:`gaussian_state`. Any law of mean 0 has the same line.

    Raises ValueError if a size is below 1 or not finite.

    Parameters
    ----------
    V, H : int or array_like, 1 or more

    Examples
    --------
    >>> from spinlab.theory import bipartite
    >>> round(bipartite.gaussian_glass_scale(20, 1000), 4)
    0.0841
    """
    shape, (V, H) = flat(real(V, "V", 1), real(H, "H", 1))
    return shaped((V * H) ** -0.25, shape)


@dataclass(frozen=True)
class GaussianState:
    """Replica-symmetric solution of the Gaussian RBM; numbers or arrays.

    Attributes
    ----------
    q, p : Edwards-Anderson overlaps of the visible and of the hidden layer
    log_partition : <ln Z> / V
    """

    q: Any
    p: Any
    log_partition: Any


def gaussian_state(x: Any, gamma: Any = 1.0) -> GaussianState:
    r"""The RBM with independent weights, a bipartite Sherrington-Kirkpatrick model.

    With x = sigma (VH)^(1/4), a = x gamma^(1/4) and c = x gamma^(-1/4),

        q = E tanh^2(a sqrt(p) z),  p = E tanh^2(c sqrt(q) z),
        <ln Z>/V = E ln 2cosh(a sqrt(p) z) + gamma E ln 2cosh(c sqrt(q) z) + x^2 sqrt(gamma) (1-q)(1-p)/2.

    Replica symmetry is broken for x > 1, where ln Z is an upper estimate. It is the limit K -> infinity of
    :func:`glass`. Same result: the two-species case of A. Barra, G. Genovese, F. Guerra, J. Phys. A 44,
    245002 (2011).

    Raises ValueError if an argument is not positive or not finite.

    Parameters
    ----------
    x : float or array_like, above 0
    gamma : float or array_like, above 0
        H/V; broadcast against ``x``.

    Examples
    --------
    >>> from spinlab.theory import bipartite
    >>> state = bipartite.gaussian_state([0.9, 2.0])
    >>> [round(float(q), 4) for q in state.q]
    [0.0, 0.5304]
    """
    shape, (x, g) = flat(positive(x, "x", (1e-100, COLDEST)), positive(gamma, "gamma", RATIOS))

    def hidden(B: np.ndarray, x: np.ndarray, g: np.ndarray) -> np.ndarray:
        return x * g**-0.25 * np.sqrt(averages(0 * B, B).tanh2)

    def excess(B: np.ndarray, x: np.ndarray, g: np.ndarray) -> np.ndarray:
        Bh = hidden(B, x, g)
        return B**2 - x**2 * np.sqrt(g) * averages(0 * Bh, Bh).tanh2

    B = np.zeros(x.size)
    some = x > 1
    high = x[some] * g[some] ** 0.25
    # E tanh^2(B z) > B^2 (1 - 2 B^2): near B = 0 the right side is the larger one.
    low = np.sqrt(np.maximum(1 - 1 / x[some], 0)) * np.minimum(1, high) / 8
    B[some] = root(excess, low, high, x[some], g[some])
    Bh = np.where(some, hidden(B, x, g), 0.0)
    v, h = averages(0 * B, B), averages(0 * B, Bh)
    log_partition = (
        mean_log_2cosh(0 * B, B) + g * mean_log_2cosh(0 * B, Bh) + x**2 * np.sqrt(g) * v.sech2 * h.sech2 / 2
    )
    q, p = np.where(some, v.tanh2, 0.0), np.where(some, h.tanh2, 0.0)
    return GaussianState(*(shaped(y, shape) for y in (q, p, log_partition)))


def gaussian_log_partition(V: Any, H: Any, sigma: Any, couplings: str = "gaussian") -> Any:
    """<ln Z> of an RBM with independent weights above its transition, with its first correction.

    <ln Z> = (V+H) ln 2 + sigma^2 V H / 2 + (1/4) ln(1 - sigma^4 V H) for Gaussian weights,
    + sigma^4 V H / 6 more for +-sigma; sigma (VH)^(1/4) < 1. Derived as the one of the SK model, see
    :func:`spinlab.theory.sk.log_partition`.

    Raises ValueError if an argument is outside its range.

    Parameters
    ----------
    V, H : int or array_like, 1 or more
    sigma : float or array_like, 0 or more
        Standard deviation of the weights, below :func:`gaussian_glass_scale`.
    couplings : "gaussian" or "pm1"

    Examples
    --------
    >>> from spinlab.theory import bipartite
    >>> round(bipartite.gaussian_log_partition(20, 30, 0.1), 6)
    37.64189
    """
    V, H, sigma = real(V, "V", 1), real(H, "H", 1), real(sigma, "sigma", 0)
    if couplings not in ("gaussian", "pm1"):
        raise ValueError(f"couplings must be 'gaussian' or 'pm1', got {couplings!r}")
    shape, (V, H, sigma) = flat(V, H, sigma)
    x4 = sigma**4 * V * H
    if (x4 >= 1).any():
        raise ValueError(
            f"sigma (V H)^(1/4) must be below 1, got {x4.max() ** 0.25:g}; in the glass use gaussian_state"
        )
    log_z = (V + H) * math.log(2) + sigma**2 * V * H / 2 + np.log1p(-x4) / 4
    return shaped(log_z + (x4 / 6 if couplings == "pm1" else 0.0), shape)
