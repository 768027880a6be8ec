"""How far correlations reach on a lattice, against its size.

With chi(k) the mean square of sum_i v_i s_i^a s_i^b over pairs of replicas, v the uniform direction for k = 0
and the slowest waves of the graph (the lowest eigenvectors of its Laplacian) for the smallest k > 0, the
second-moment correlation length obeys

    chi(0)/chi(k) - 1 = (2 sin(k/2) xi)^2, about (2 pi xi/L)^2 on a torus

(F. Cooper, B. Freedman, D. Preston, Nucl. Phys. B 210, 210 (1982)). xi/L does not depend on the size at a
transition, falls with it above and grows below: .64 for the Ising model in three dimensions, .65 for its
glass (H. G. Katzgraber, M. Koerner, A. P. Young, Phys. Rev. B 73, 224432 (2006)), .91 in two.
"""

from __future__ import annotations

import math

import numpy as np

from ..models import SparseIsing
from .parts import connected

_MOST_WAVES = 12
_ALIKE = 1.3  # of the lowest eigenvalue
_DENSE = 600  # sites up to which the Laplacian is written out


def reach(model: SparseIsing, replicas: np.ndarray) -> float:
    """chi(0)/chi(k) - 1 of the overlaps of ``replicas``, shape (n_records, n, N), on the largest connected
    part.
    """
    sites, v = _waves(model)
    replicas = replicas[:, :, sites]
    n = replicas.shape[1]
    a, b = np.triu_indices(n, 1)
    uniform = wave = 0.0
    for s in replicas.astype(np.float32):
        uniform += float(((s @ s.T)[a, b] ** 2).mean()) / len(sites)
        wave += float(np.mean([((s * x) @ s.T)[a, b] ** 2 for x in v.T]))
    return uniform / wave - 1 if wave > 1e-9 * uniform else math.inf


def _waves(model: SparseIsing) -> tuple[np.ndarray, np.ndarray]:
    """Sites of the largest connected part, and the eigenvectors, of unit length, of the lowest eigenvalues
    above 0 of its Laplacian.
    """
    import scipy.linalg
    import scipy.sparse
    import scipy.sparse.linalg

    sites = max(connected(model), key=len)
    A = abs(model.to_sparse()._J[sites][:, sites]).sign()
    n = len(sites)
    degree = np.asarray(A.sum(1)).ravel()
    k = min(_MOST_WAVES + 1, n - 1)
    if n <= _DENSE:
        values, x = scipy.linalg.eigh(np.diag(degree) - A.toarray(), subset_by_index=[0, k - 1])
    else:
        L = scipy.sparse.csc_array(scipy.sparse.diags_array(degree) - A)
        start = np.random.default_rng(0).standard_normal(n)
        values, x = scipy.sparse.linalg.eigsh(L, k, sigma=-1e-2 * degree.mean(), v0=start)
        order = np.argsort(values)
        values, x = values[order], x[:, order]
    above = values > 1e-9 * degree.mean()
    return sites, np.asarray(x[:, above & (values <= _ALIKE * values[above][0])].astype(np.float32))
