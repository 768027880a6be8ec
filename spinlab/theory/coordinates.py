r"""Where a model sits in its phase diagram, from its sizes and the standard deviation of its couplings.

The theory of this package is stated at temperature T with couplings of a fixed scale; a Boltzmann
machine has beta = 1 and its temperature in the scale of its weights. With couplings of standard
deviation s at inverse temperature beta only beta s matters:

===================== ============================== ==========================================
model                 couplings, each pair once      coordinates
===================== ============================== ==========================================
Curie-Weiss, Mattis   s, or s xi_i xi_j              T = 1 / (beta s N)
Hopfield, RA          (s / sqrt K) sum_k xi_i xi_j   alpha = K/N, T = sqrt(K) / (beta s N)
SK                    mean 0, variance s^2           T = 1 / (beta s sqrt N)
RA-RBM                (s / sqrt K) sum_k xi_i xi_a   alpha_v = K/V, alpha_h = K/H, b = beta s sqrt(VH/K)
RBM                   mean 0, variance s^2           x = beta s (VH)^(1/4)
===================== ============================== ==========================================

The Hopfield model as usually written, J = (1/N) sum xi xi at T, has s = sqrt(K)/N and beta = 1/T. Where
a paper's energy counts every pair twice, -sum_ij W_ij s_i s_j over ordered pairs of a complete graph, its
coupling is J = 2 W: pass ``counted=2`` with the standard deviation of W.

All of it holds for independent random patterns or weights and for sizes to infinity: the place of a
trained or a small matrix is an indication.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ._numerics import flat, positive, real, shaped

__all__ = [
    "RARBM",
    "Hopfield",
    "curie_weiss",
    "curie_weiss_std",
    "gaussian_rbm",
    "gaussian_rbm_std",
    "hopfield",
    "hopfield_std",
    "ra_rbm",
    "ra_rbm_std",
    "sk",
    "sk_std",
]


class Hopfield(NamedTuple):
    """Load K/N and temperature in the diagram of Amit, Gutfreund and Sompolinsky."""

    alpha: Any
    T: Any


class RARBM(NamedTuple):
    """Loads K/V and K/H and inverse temperature of the bidirectional associative memory."""

    alpha_v: Any
    alpha_h: Any
    b: Any


def hopfield(N: Any, K: Any, std: Any = 1.0, *, beta: Any = 1.0, counted: int = 1) -> Hopfield:
    """alpha = K/N and T = sqrt(K) / (beta s N) of a Hopfield model or a fully connected RA model.

    In the scale of independent couplings the same temperature is T / sqrt(alpha), see :func:`sk`.

    Raises ValueError if an argument is outside its range.

    Parameters
    ----------
    N, K : int or array_like, 1 or more
        Spins and patterns.
    std : float or array_like, above 0, default 1
        Standard deviation s of the couplings: 1 for RA couplings, sqrt(K)/N for Hopfield's.
    beta : float or array_like, above 0, default 1
        Inverse temperature at which the model is used.
    counted : 1 or 2
        How often the energy counts each pair; spinlab counts it once.

    Returns
    -------
    Hopfield
        ``(alpha, T)``, as :mod:`spinlab.theory.hopfield` takes them.

    Examples
    --------
    >>> from spinlab.theory import coordinates
    >>> coordinates.hopfield(N=100, K=4, std=0.1)
    Hopfield(alpha=0.04, T=0.2)
    """
    shape, (N, K, s, c) = _inputs(beta, counted, N=N, K=K, std=std)
    return Hopfield(shaped(K / N, shape), shaped(np.sqrt(K) / (c * s * N), shape))


def hopfield_std(N: Any, K: Any, T: Any, *, beta: Any = 1.0, counted: int = 1) -> Any:
    """Standard deviation of the couplings that puts N spins and K patterns at temperature T.

    The inverse of :func:`hopfield`, with its parameters and errors.

    Examples
    --------
    >>> from spinlab.theory import coordinates
    >>> round(coordinates.hopfield_std(N=100, K=4, T=0.2), 12)
    0.1
    """
    shape, (N, K, T, c) = _inputs(beta, counted, N=N, K=K, T=T)
    return shaped(np.sqrt(K) / (c * T * N), shape)


def sk(N: Any, std: Any = 1.0, *, beta: Any = 1.0, counted: int = 1) -> Any:
    """T = 1 / (beta s sqrt N) of a Sherrington-Kirkpatrick model.

    Parameters and errors are those of :func:`hopfield`.

    Examples
    --------
    >>> from spinlab.theory import coordinates
    >>> coordinates.sk(N=100, std=0.2)
    0.5
    """
    return _inverse(np.sqrt, beta, counted, N=N, std=std)


def sk_std(N: Any, T: Any, *, beta: Any = 1.0, counted: int = 1) -> Any:
    """Standard deviation of the couplings that puts an SK model of N spins at temperature T.

    The inverse of :func:`sk`, with its parameters and errors.

    Examples
    --------
    >>> from spinlab.theory import coordinates
    >>> coordinates.sk_std(N=100, T=0.5)
    0.2
    """
    return _inverse(np.sqrt, beta, counted, N=N, T=T)


def curie_weiss(N: Any, std: Any = 1.0, *, beta: Any = 1.0, counted: int = 1) -> Any:
    """T = 1 / (beta s N) of a magnet or Mattis model whose couplings have the size s.

    Parameters and errors are those of :func:`hopfield`.

    Examples
    --------
    >>> from spinlab.theory import coordinates
    >>> coordinates.curie_weiss(N=100, std=0.02)
    0.5
    """
    return _inverse(np.positive, beta, counted, N=N, std=std)


def curie_weiss_std(N: Any, T: Any, *, beta: Any = 1.0, counted: int = 1) -> Any:
    """Size of the couplings that puts a magnet or Mattis model of N spins at temperature T.

    The inverse of :func:`curie_weiss`, with its parameters and errors.

    Examples
    --------
    >>> from spinlab.theory import coordinates
    >>> coordinates.curie_weiss_std(N=100, T=0.5)
    0.02
    """
    return _inverse(np.positive, beta, counted, N=N, T=T)


def ra_rbm(V: Any, H: Any, K: Any, std: Any = 1.0, *, beta: Any = 1.0) -> RARBM:
    """alpha_v = K/V, alpha_h = K/H and b = beta s sqrt(VH/K) of an RA-RBM; its temperature is 1/b.

    K / (V + H) is not a coordinate: models with equal K / (V + H) and different H/V behave differently.

    Raises ValueError if an argument is outside its range.

    Parameters
    ----------
    V, H, K : int or array_like, 1 or more
    std : float or array_like, above 0, default 1
        Standard deviation s of the weights.
    beta : float or array_like, above 0, default 1

    Returns
    -------
    RARBM
        ``(alpha_v, alpha_h, b)``, as :mod:`spinlab.theory.bipartite` takes them.

    Examples
    --------
    >>> from spinlab.theory import coordinates
    >>> coordinates.ra_rbm(V=20, H=1000, K=20, std=0.05)
    RARBM(alpha_v=1.0, alpha_h=0.02, b=1.5811388300841898)
    """
    shape, (V, H, K, s, c) = _inputs(beta, 1, V=V, H=H, K=K, std=std)
    return RARBM(*(shaped(x, shape) for x in (K / V, K / H, c * s * np.sqrt(V * H / K))))


def ra_rbm_std(V: Any, H: Any, K: Any, b: Any, *, beta: Any = 1.0) -> Any:
    """Standard deviation of the weights that puts an RA-RBM at inverse temperature b.

    The inverse of :func:`ra_rbm`, with its parameters and errors.

    Examples
    --------
    >>> from spinlab.theory import coordinates
    >>> round(coordinates.ra_rbm_std(V=20, H=1000, K=20, b=1.0), 6)
    0.031623
    """
    shape, (V, H, K, b, c) = _inputs(beta, 1, V=V, H=H, K=K, b=b)
    return shaped(b / (c * np.sqrt(V * H / K)), shape)


def gaussian_rbm(V: Any, H: Any, std: Any = 1.0, *, beta: Any = 1.0) -> Any:
    """x = beta s (VH)^(1/4) of an RBM with independent weights: paramagnet below 1, spin glass above.

    Parameters and errors are those of :func:`ra_rbm`.

    Examples
    --------
    >>> from spinlab.theory import coordinates
    >>> round(coordinates.gaussian_rbm(V=20, H=1000, std=(2 / 1020) ** 0.5), 4)  # Glorot
    0.5266
    """
    shape, (V, H, s, c) = _inputs(beta, 1, V=V, H=H, std=std)
    return shaped(c * s * (V * H) ** 0.25, shape)


def gaussian_rbm_std(V: Any, H: Any, x: Any, *, beta: Any = 1.0) -> Any:
    """Standard deviation of the weights that gives an RBM the coordinate x.

    The inverse of :func:`gaussian_rbm`, with its parameters and errors.

    Examples
    --------
    >>> from spinlab.theory import coordinates
    >>> round(coordinates.gaussian_rbm_std(V=20, H=1000, x=1.0), 4)
    0.0841
    """
    shape, (V, H, x, c) = _inputs(beta, 1, V=V, H=H, x=x)
    return shaped(x / (c * (V * H) ** 0.25), shape)


def _inverse(power: Any, beta: Any, counted: int, **given: Any) -> Any:
    """1 / (beta x power(N)): the temperature if x is the size of the couplings, and the size if x is T."""
    shape, (N, x, c) = _inputs(beta, counted, **given)
    return shaped(1 / (c * x * power(N)), shape)


def _inputs(beta: Any, counted: int, **named: Any) -> tuple[tuple[int, ...], list[np.ndarray]]:
    """The named numbers, sizes 1 or more and the others above 0, then beta times ``counted``."""
    if isinstance(counted, bool) or counted not in (1, 2):
        raise ValueError(f"counted must be 1 or 2 (how often the energy counts each pair), got {counted!r}")
    arrays = [
        real(x, name, 1) if name in ("N", "K", "V", "H") else positive(x, name) for name, x in named.items()
    ]
    return flat(*arrays, counted * positive(beta, "beta"))
