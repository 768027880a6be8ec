"""An ensemble whose ground state is known by construction."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.rng import RNG, as_generator
from .._core.validate import as_count, as_spins
from ..models import PatternIsing
from ._laws import draw


def wishart_planted(N: int, K: int, *, state: Any = None, rng: RNG = None) -> PatternIsing:
    """Wishart planted ensemble: dense couplings with a known ground state and tunable hardness.

    J_ij = -(1/N) sum_k w_i^k w_j^k for i != j, with Gaussian vectors w^k orthogonal to the
    planted state t and of covariance N/(N-1) (1 - t t^T / N) (Hamze et al., Phys. Rev. E 101,
    052102 (2020)). So E(s) = (1/2N) sum_k [(w^k.s)^2 - |w^k|^2] >= E(t): the ground energy is
    -(1/2N) sum_k |w^k|^2, reached at +-t. The ratio K/N tunes how rugged the landscape is.

    Parameters
    ----------
    N : int
        Number of spins, at least 2.
    K : int
        Number of vectors, at least 1.
    state : array_like of +-1, shape (N,), optional
        The planted state; drawn at random where it is not given.
    rng : None, int or numpy.random.Generator
        The same seed gives the same model, bit for bit.

    Returns
    -------
    PatternIsing
        With ``xi`` = w and a negative ``scale``.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range, or the vectors cannot fit into memory.

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab.ensembles import wishart_planted
    >>> t = np.ones(12, dtype=int)
    >>> model = wishart_planted(12, 24, state=t, rng=0)
    >>> bool(np.isclose(model.energy(t), -(model.xi**2).sum() / 24))
    True
    """
    N, K, rng = as_count(N, "N", 2), as_count(K, "K"), as_generator(rng)
    if state is None:
        t = draw("pm1", (N,), rng)
    else:
        t = as_spins(state, N, "state").astype(np.float64)
        if t.ndim != 1:
            raise ValueError(f"state must have shape ({N},), got {t.shape}")
    w = draw("gaussian", (K, N), rng)
    w = np.sqrt(N / (N - 1)) * (w - np.outer((w * t).sum(1), t) / N)
    return PatternIsing(w, -1 / N)
