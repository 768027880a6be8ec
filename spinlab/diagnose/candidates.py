"""States that the couplings may store: binary vectors in the span of the isolated eigenvectors.

The eigenvectors above the bulk span the patterns but mix them. Patterns are the directions of that span whose
components are least Gaussian, +-1: independent component analysis by kurtosis, in the symmetric form of
A. Hyvarinen, IEEE Trans. Neural Netw. 10, 626 (1999).
"""

from __future__ import annotations

import numpy as np

from ..models import BipartiteIsing, IsingModel, SparseIsing
from ..observables import Spectrum

MOST = 16  # candidates kept
_LARGEST_SHARE = 0.25  # isolated directions per site beyond which nothing is tried
_ROUNDS = 60


def candidate_states(model: IsingModel, spectrum: Spectrum, balanced: bool) -> np.ndarray:
    """+-1 states, shape (n, N), best first; all up if balanced."""
    N = model.n_spins
    if balanced:
        return np.ones((1, N), dtype=np.int8)
    if isinstance(model, SparseIsing):
        return np.empty((0, N), dtype=np.int8)  # isolated eigenvalues of sparse graphs sit on few sites
    n = int((spectrum.outliers > spectrum.thresholds[1]).sum())
    if n == 0 or n > min(_LARGEST_SHARE * len(spectrum.values), 200):
        return np.empty((0, N), dtype=np.int8)
    y = _unmixed(_directions(model, n))
    binary = np.abs(y).mean(0) ** 2 / (y**2).mean(0)  # 1 for +-1, 2/pi for normal components
    best = np.argsort(-binary, kind="stable")[:MOST]
    return np.where(y[:, best] < 0, -1, 1).astype(np.int8).T


def _directions(model: IsingModel, n: int) -> np.ndarray:
    """The n leading eigenvectors (or pairs of singular vectors), of unit mean square, shape (N, n)."""
    if isinstance(model, BipartiteIsing):
        W = np.asarray(model.W)
        u = _leading(W @ W.T, n)
        w = W.T @ u
        return np.concatenate([u * np.sqrt(model.V), w / np.sqrt((w**2).mean(0))])
    return _leading(model.couplings(), n) * np.sqrt(model.n_spins)


def _leading(A: np.ndarray, n: int) -> np.ndarray:
    import scipy.linalg
    import scipy.sparse.linalg

    N = len(A)
    if N > 400 and n < N // 8:
        start = np.random.default_rng(0).standard_normal(N)
        values, vectors = scipy.sparse.linalg.eigsh(A, n, which="LA", v0=start)
        return np.asarray(vectors[:, np.argsort(-values)])
    return np.asarray(scipy.linalg.eigh(A, subset_by_index=[N - n, N - 1])[1][:, ::-1])


def _unmixed(z: np.ndarray) -> np.ndarray:
    """Components of most negative kurtosis, shape (N, n)."""
    N, n = z.shape
    if n == 1:
        return z
    z = z - 0.0
    A = np.linalg.qr(np.random.default_rng(1).standard_normal((n, n)))[0]
    for _ in range(_ROUNDS):
        y = z @ A.T
        new = (y**3).T @ z / N - 3 * A
        u, _, v = np.linalg.svd(new)
        new = u @ v
        done = np.abs(np.abs((new * A).sum(1)) - 1).max() < 1e-6
        A = new
        if done:
            break
    return np.asarray(z @ A.T)
