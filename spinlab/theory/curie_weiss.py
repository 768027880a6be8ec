"""The Curie-Weiss magnet: every pair coupled by J_ij = 1/N, in a field h.

A Mattis model is this magnet in disguise (s_i -> xi_i s_i), and so is a Hopfield model with a single
pattern. The energy per spin is -m^2/2 - h m. See R. J. Baxter, Exactly Solved Models in Statistical
Mechanics (1982), chapter 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ._numerics import flat, mean_log_2cosh, positive, real, root, shaped

__all__ = ["free_energy", "magnetisation"]


def magnetisation(T: Any, h: Any = 0.0) -> Any:
    """m = tanh((m + h) / T), the solution of lowest free energy; the positive one at h = 0, T < 1.

    Raises ValueError if T is not positive, or an argument is not finite.

    Parameters
    ----------
    T : float or array_like, above 0
        In units where the critical temperature is 1.
    h : float or array_like, default 0
        Field; broadcast against ``T``.

    Returns
    -------
    float, or ndarray of the common shape

    Examples
    --------
    >>> from spinlab.theory import curie_weiss
    >>> round(curie_weiss.magnetisation(0.5), 6)
    0.957504
    >>> curie_weiss.magnetisation([0.1, 1.5]).round(6).tolist()
    [1.0, 0.0]
    """
    shape, (T, h) = flat(positive(T, "T"), real(h, "h"))
    return shaped(_magnetisation(T, h), shape)


def free_energy(T: Any, h: Any = 0.0) -> Any:
    """f = -(T/N) ln Z = m^2/2 - T ln 2cosh((m + h)/T) at the magnetisation m, N -> infinity.

    Parameters and errors are those of :func:`magnetisation`.

    Examples
    --------
    >>> from spinlab.theory import curie_weiss
    >>> round(curie_weiss.free_energy(2.0), 6)  # -2 ln 2
    -1.386294
    """
    shape, (T, h) = flat(positive(T, "T"), real(h, "h"))
    m = _magnetisation(T, h)
    return shaped(m**2 / 2 - T * mean_log_2cosh(np.abs(m + h) / T, 0 * m), shape)


def _magnetisation(T: np.ndarray, h: np.ndarray) -> np.ndarray:
    field = np.abs(h)
    # Just above 0 the right side is larger, unless the only root is 0: tanh x > x - x^3/3.
    low = np.where(field > 0, 0.0, T * np.sqrt(np.maximum(1 - T, 0)))
    m = root(lambda m, T, h: m - np.tanh((m + h) / T), low, 1.0, T, field)
    m[(field == 0) & (T >= 1)] = 0.0
    return np.copysign(m, np.where(h < 0, -1.0, 1.0))
