"""The Mattis model: a ferromagnet in disguise."""

from __future__ import annotations

from .._core.rng import RNG, as_generator
from .._core.validate import as_count
from ..models import PatternIsing
from ._laws import draw, random_fields


def mattis(N: int, *, field_std: float = 0.0, rng: RNG = None) -> PatternIsing:
    """Mattis model: a ferromagnet hidden behind one random pattern, without frustration.

    J_ij = xi_i xi_j for all pairs i < j, with independent fair xi_i = +-1 (Mattis, Phys. Lett. A
    56, 421 (1976)). It equals ``ra(N, K=1)``; ``.scaled(1 / N)`` gives an extensive energy.
    Without fields the ground states are +-xi with E0 = -N (N - 1) / 2.

    Parameters
    ----------
    N : int
        Number of spins, at least 1.
    field_std, rng
        As for :func:`spinlab.ensembles.sk`.

    Returns
    -------
    PatternIsing
        Its ``xi`` (1, N) is the pattern.

    Raises
    ------
    ValueError, TypeError
        If N or field_std is out of range, or the model cannot fit into memory.

    Examples
    --------
    >>> from spinlab.ensembles import mattis
    >>> model = mattis(10, rng=0)
    >>> float(model.energy(model.xi[0]))
    -45.0
    """
    N, rng = as_count(N, "N"), as_generator(rng)
    xi = draw("pm1", (1, N), rng)
    return PatternIsing(xi, b=random_fields(field_std, N, rng))
