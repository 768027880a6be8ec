"""Couplings built from K random patterns: Hopfield, regularized axons, RBM with regularized axons."""

from __future__ import annotations

from .._core.rng import RNG, as_generator
from .._core.validate import as_count
from ..models import PatternBipartiteIsing, PatternIsing
from ._laws import draw, random_fields


def hopfield(N: int, K: int, *, field_std: float = 0.0, rng: RNG = None) -> PatternIsing:
    """Hopfield model: K random patterns stored by Hebb's rule.

    J_ij = (1/N) sum_k xi_i^k xi_j^k for i != j, with independent fair xi_i^k = +-1 (Hopfield,
    PNAS 79, 2554 (1982)). It retrieves patterns up to K/N = 0.138 at zero temperature (Amit,
    Gutfreund and Sompolinsky, Phys. Rev. Lett. 55, 1530 (1985)).

    Parameters
    ----------
    N : int
        Number of spins, at least 1.
    K : int
        Number of patterns, at least 1.
    field_std, rng
        As for :func:`spinlab.ensembles.sk`.

    Returns
    -------
    PatternIsing
        Its ``xi`` (K, N) are the patterns; J is never formed. Memory O(N K).

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range, or the patterns cannot fit into memory.

    See Also
    --------
    ra : the same patterns with couplings of unit standard deviation.

    Examples
    --------
    >>> from spinlab.ensembles import hopfield
    >>> hopfield(20, 3, rng=0)
    <PatternIsing: N=20, K=3>
    """
    N, K = as_count(N, "N"), as_count(K, "K")
    return _from_patterns(N, K, 1 / N, field_std, rng)


def ra(N: int, K: int, *, field_std: float = 0.0, rng: RNG = None) -> PatternIsing:
    """Fully connected model with regularized axons: Hopfield couplings of unit standard deviation.

    J_ij = (1/sqrt K) sum_k xi_i^k xi_j^k for i != j, with independent fair xi_i^k = +-1
    (arXiv:1910.01592). ``.scaled(x)`` sets the standard deviation to x; the temperature of the
    Hopfield model with the same patterns is sqrt(K)/(x N).

    Parameters
    ----------
    N, K, field_std, rng
        As for :func:`hopfield`, which draws the same patterns from the same seed.

    Returns
    -------
    PatternIsing

    Examples
    --------
    >>> from spinlab.ensembles import ra
    >>> ra(20, 4, rng=0).scale
    0.5
    """
    N, K = as_count(N, "N"), as_count(K, "K")
    return _from_patterns(N, K, K**-0.5, field_std, rng)


def _from_patterns(N: int, K: int, scale: float, field_std: float, rng: RNG) -> PatternIsing:
    rng = as_generator(rng)
    xi = draw("pm1", (K, N), rng)
    return PatternIsing(xi, scale, random_fields(field_std, N, rng))


def ra_rbm(V: int, H: int, K: int, *, field_std: float = 0.0, rng: RNG = None) -> PatternBipartiteIsing:
    """Restricted Boltzmann machine with regularized axons: weights from K patterns.

    W_ia = (1/sqrt K) sum_k xi_i^k xi_a^k with independent fair xi = +-1 on visible and hidden
    units (arXiv:1910.01592, Eq. 5). The weights have unit standard deviation; ``.scaled(x)``
    sets it to x.

    Parameters
    ----------
    V, H : int
        Number of visible and of hidden units, at least 1.
    K : int
        Number of patterns, at least 1.
    field_std, rng
        As for :func:`spinlab.ensembles.rbm_gaussian`.

    Returns
    -------
    PatternBipartiteIsing
        Its ``xi_v`` (K, V) and ``xi_h`` (K, H) are the patterns; W is never formed.
        Memory O((V + H) K).

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range, or the patterns cannot fit into memory.

    Examples
    --------
    >>> from spinlab.ensembles import ra_rbm
    >>> ra_rbm(V=20, H=1000, K=10, rng=0)
    <PatternBipartiteIsing: V=20, H=1000, K=10>
    """
    V, H, K = as_count(V, "V"), as_count(H, "H"), as_count(K, "K")
    rng = as_generator(rng)
    xi = draw("pm1", (K, V + H), rng)
    b = random_fields(field_std, V + H, rng)
    return PatternBipartiteIsing(xi[:, :V], xi[:, V:], bv=b[:V], bh=b[V:])
