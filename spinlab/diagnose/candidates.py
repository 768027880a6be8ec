"""The isolated eigenvectors: the states that they may store, and what they explain.

The eigenvectors above the bulk span the patterns but mix them. Patterns are the directions of that span whose
components are least Gaussian, +-1: independent component analysis by kurtosis, in the symmetric form of
A. Hyvarinen, IEEE Trans. Neural Netw. 10, 626 (1999). Training makes directions whose components are graded:
these hold order too, but no patterns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..models import BipartiteIsing, IsingModel, SparseIsing
from ..observables import Spectrum

MOST = 16  # candidates kept
_LARGEST_SHARE = 0.25  # isolated directions per site beyond which nothing is tried
_ROUNDS = 60


@dataclass(frozen=True)
class Isolated:
    """What the isolated directions are.

    Attributes
    ----------
    states : ndarray of int8, shape (k, N)
        Candidates for stored patterns, the most binary first; all up if no loop is frustrated.
    binary : float
        Median over the unmixed directions of <|y|>^2/<y^2> over the sites: 1 for patterns of +-1, 2/pi for
        normal components, less for directions on few sites; nan if not measured.
    explained : float
        Share of the replicas' mean squared overlap that lies in the span of the directions; nan if there are
        none, or if replicas overlap no more than by chance.
    """

    states: np.ndarray
    binary: float
    explained: float


def isolated(model: IsingModel, spectrum: Spectrum, n: int, balanced: bool, replicas: np.ndarray) -> Isolated:
    """Candidates and span of the ``n`` directions above the bulk (0: candidates from all outliers).

    ``replicas`` are states at the working temperature, shape (n_records, n_replicas, N).
    """
    N = model.n_spins
    if balanced:
        return Isolated(np.ones((1, N), dtype=np.int8), math.nan, math.nan)
    m = n or int((spectrum.outliers > spectrum.thresholds[1]).sum())
    # Isolated eigenvalues of sparse graphs sit on few sites.
    most = max(_LARGEST_SHARE * len(spectrum.values), n)
    if isinstance(model, SparseIsing) or m == 0 or m > min(most, 200):
        return Isolated(np.empty((0, N), dtype=np.int8), math.nan, math.nan)
    z = _directions(model, m)
    y = _unmixed(z)
    binary = np.abs(y).mean(0) ** 2 / (y**2).mean(0)
    best = np.argsort(-binary, kind="stable")[:MOST]
    states = np.where(y[:, best] < 0, -1, 1).astype(np.int8).T
    return Isolated(states, float(np.median(binary)), share_in_span(model, z, replicas) if n else math.nan)


def share_in_span(model: IsingModel, z: np.ndarray, replicas: np.ndarray) -> float:
    """Share of the replicas' mean squared overlap that lies in the span of orthogonal columns z, of mean
    square 1.

    1 - (<r^2> - (N - d)/N^2)/(<q^2> - 1/N), r the part of q = s_a.s_b/N outside the span, of d
    dimensions. In an ordered state replicas are magnetised along the span and the rest is that of
    independent spins.
    """
    N = model.n_spins
    parts = (slice(0, model.V), slice(model.V, N)) if isinstance(model, BipartiteIsing) else (slice(0, N),)
    s = replicas.astype(np.float32)
    a, b = np.triu_indices(s.shape[1], 1)
    q = np.einsum("rpi,rpi->rp", s[:, a], s[:, b]) / N
    rest = q.copy()
    for part in parts:
        x = s[:, :, part] @ z[part].astype(np.float32)
        rest -= np.einsum("rpk,rpk->rp", x[:, a], x[:, b]) / len(z[part]) / N
    more = float((q**2).mean()) - 1 / N
    if more <= 1 / N:
        return math.nan
    d = z.shape[1] * len(parts)
    return min(max(1 - (float((rest**2).mean()) - (N - d) / N**2) / more, 0.0), 1.0)


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
