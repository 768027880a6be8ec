"""Restricted Boltzmann machines with independent weights."""

from __future__ import annotations

from .._core.rng import RNG, as_generator
from .._core.validate import as_count
from ..models import BipartiteIsing
from ._laws import draw, random_fields


def rbm_gaussian(V: int, H: int, *, field_std: float = 0.0, rng: RNG = None) -> BipartiteIsing:
    """Restricted Boltzmann machine with independent Gaussian weights of unit standard deviation.

    W_ia ~ N(0, 1): the bipartite Sherrington-Kirkpatrick model. ``.scaled(x)`` sets the standard
    deviation to x; for large layers the glass transition is at x (V H)^(1/4) = 1.

    Parameters
    ----------
    V, H : int
        Number of visible and of hidden units, at least 1.
    field_std : float, default 0
        Standard deviation of independent Gaussian biases on both layers.
    rng : None, int or numpy.random.Generator
        The same seed gives the same model, bit for bit.

    Returns
    -------
    BipartiteIsing
        Memory O(V H).

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range, or V H numbers cannot fit into memory.

    Examples
    --------
    >>> from spinlab.ensembles import rbm_gaussian
    >>> rbm_gaussian(V=20, H=1000, rng=0)
    <BipartiteIsing: V=20, H=1000>
    """
    return _rbm(V, H, "gaussian", 1.0, field_std, rng)


def rbm_uniform(V: int, H: int, *, field_std: float = 0.0, rng: RNG = None) -> BipartiteIsing:
    """Restricted Boltzmann machine with independent uniform weights of unit standard deviation.

    W_ia is uniform on (-sqrt 3, sqrt 3), centred on zero.

    Parameters
    ----------
    V, H, field_std, rng
        As for :func:`rbm_gaussian`.

    Returns
    -------
    BipartiteIsing

    Examples
    --------
    >>> from spinlab.ensembles import rbm_uniform
    >>> bool(abs(rbm_uniform(V=20, H=1000, rng=0).W).max() < 3**0.5)
    True
    """
    return _rbm(V, H, "uniform", 1.0, field_std, rng)


def rbm_glorot(V: int, H: int, *, field_std: float = 0.0, rng: RNG = None) -> BipartiteIsing:
    """Restricted Boltzmann machine with Gaussian weights of Glorot's standard deviation.

    W_ia ~ N(0, 2/(V + H)), the usual start of learning (Glorot and Bengio, AISTATS 2010). The
    same seed gives the weights of :func:`rbm_gaussian` times sqrt(2/(V + H)).

    Parameters
    ----------
    V, H, field_std, rng
        As for :func:`rbm_gaussian`; ``field_std`` is not rescaled.

    Returns
    -------
    BipartiteIsing

    Examples
    --------
    >>> from spinlab.ensembles import rbm_glorot
    >>> round(rbm_glorot(V=20, H=1000, rng=0).coupling_std(), 3)
    0.044
    """
    V, H = as_count(V, "V"), as_count(H, "H")
    return _rbm(V, H, "gaussian", (2 / (V + H)) ** 0.5, field_std, rng)


def _rbm(V: int, H: int, law: str, std: float, field_std: float, rng: RNG) -> BipartiteIsing:
    V, H, rng = as_count(V, "V"), as_count(H, "H"), as_generator(rng)
    W = std * draw(law, (V, H), rng)
    b = random_fields(field_std, V + H, rng)
    return BipartiteIsing(W, b[:V], b[V:])
