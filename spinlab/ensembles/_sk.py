"""The Sherrington-Kirkpatrick spin glass."""

from __future__ import annotations

import numpy as np

from .._core.rng import RNG, as_generator
from .._core.validate import as_count, as_real
from ..models import DenseIsing
from ._laws import draw, random_fields


def sk(
    N: int, *, law: str = "gaussian", std: float | None = None, field_std: float = 0.0, rng: RNG = None
) -> DenseIsing:
    """Sherrington-Kirkpatrick model: independent couplings between all pairs of spins.

    J_ij = std * x_ij with independent x_ij of mean 0 and variance 1 (Sherrington and
    Kirkpatrick, Phys. Rev. Lett. 35, 1792 (1975)). At the default std = 1/sqrt(N) the glass
    transition is at T = 1 and the ground-state energy per spin tends to -0.76317.

    Parameters
    ----------
    N : int
        Number of spins, at least 1.
    law : {"gaussian", "pm1", "uniform"}
        Law of x_ij: normal, +-1 with equal probability, or uniform on (-sqrt 3, sqrt 3).
    std : float, optional
        Standard deviation of the couplings, default 1/sqrt(N). ``law="pm1", std=1`` gives
        couplings of exactly +1 and -1, whose energies are integers.
    field_std : float, default 0
        Standard deviation of independent Gaussian fields.
    rng : None, int or numpy.random.Generator
        The same seed gives the same model, bit for bit.

    Returns
    -------
    DenseIsing
        Memory O(N^2).

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range, or N^2 numbers cannot fit into memory.

    Examples
    --------
    >>> from spinlab.ensembles import sk
    >>> sk(4, law="pm1", std=1, rng=0).J[0]
    array([0., 1., 1., 1.])
    """
    N, rng = as_count(N, "N"), as_generator(rng)
    std = N**-0.5 if std is None else as_real(std, "std", 0.0)
    with np.errstate(over="ignore"):  # the model refuses couplings beyond float64
        J = np.triu(std * draw(law, (N, N), rng), 1)
    return DenseIsing(J + J.T, random_fields(field_std, N, rng))
