"""Array forms of the models, as kernels see them.

One NamedTuple per way of storing couplings; ``primitives`` teaches numba how to read the
local field of a spin from each. They stand apart from it so that models load without numba.
In every form the sites are numbered 0..N-1, visible sites before hidden ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Dense(NamedTuple):
    """J (N, N) symmetric with zero diagonal, fields b (N,)."""

    J: np.ndarray
    b: np.ndarray


class Sparse(NamedTuple):
    """Rows of J in compressed form: neighbours indices[indptr[i]:indptr[i + 1]]."""

    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray
    b: np.ndarray


class Bipartite(NamedTuple):
    """W (V, H) and its transpose Wt (H, V), both C-ordered so that each flip reads one row."""

    W: np.ndarray
    Wt: np.ndarray
    b: np.ndarray


class Pattern(NamedTuple):
    """J_ij = scale * sum_k xi[i, k] xi[j, k] for i != j; the dropped diagonal is ``d`` (N,)."""

    xi: np.ndarray
    scale: float
    d: np.ndarray
    b: np.ndarray


class PatternBipartite(NamedTuple):
    """W_ia = scale * sum_k xi[i, k] xi[V + a, k] between the first V sites and the others."""

    xi: np.ndarray
    V: int
    scale: float
    b: np.ndarray


Form = Dense | Sparse | Bipartite | Pattern | PatternBipartite
