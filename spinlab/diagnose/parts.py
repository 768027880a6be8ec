"""A model that falls into parts: joined by no coupling, or so weakly that each has its own phase."""

from __future__ import annotations

import numpy as np

from ..models import BipartiteIsing, DenseIsing, IsingModel, SparseIsing, TwoLayerIsing

_WHOLE = 0.9  # a part with so many of the sites is the model
_SMALLEST, _FEWEST = 0.05, 8  # share and number of sites of a part that has a phase
_MOST_SPINS = 1000  # up to which communities are looked for
_MOST = 6  # of them
_LEAVES = 0.05  # of a walk's steps that leave a community
_GAP = 8.0  # of the eigenvalues that count them: lattices have none


def divided(model: IsingModel) -> list[tuple[list[int], IsingModel]]:
    """The parts with a phase of their own; none if one of them holds nine tenths of the sites."""
    N = model.n_spins
    found = connected(model)
    if len(found) == 1 and N <= _MOST_SPINS:
        found = _communities(model)
    if max(map(len, found)) >= _WHOLE * N:
        return []
    return [
        (sites.tolist(), _part(model, sites)) for sites in found if len(sites) >= max(_SMALLEST * N, _FEWEST)
    ]


def connected(model: IsingModel) -> list[np.ndarray]:
    """Sites of the connected parts."""
    from scipy.sparse.csgraph import connected_components

    n, label = connected_components(model.to_sparse()._J, directed=False)
    return [np.flatnonzero(label == k) for k in range(n)]


def _communities(model: IsingModel) -> list[np.ndarray]:
    """Groups of sites that a walk with steps in proportion to J^2 hardly leaves.

    As many as small eigenvalues of the normalised Laplacian before a gap (M. Meila, J. Shi, AISTATS 2001);
    sites by the nearest of as many far apart rows of the eigenvectors.
    """
    import scipy.linalg

    J = model.to_sparse()._J
    A = J.multiply(J).toarray()
    scale = 1 / np.sqrt(np.maximum(A.sum(1), 1e-300))
    values, x = scipy.linalg.eigh(
        np.eye(len(A)) - scale[:, None] * A * scale, subset_by_index=[0, min(_MOST, len(A) - 1)]
    )
    ends = [k for k in range(2, len(values)) if values[k - 1] < _LEAVES and values[k] > _GAP * values[k - 1]]
    if not ends:
        return [np.arange(len(A))]
    x = x[:, : ends[0]] * scale[:, None]
    x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-300)
    centres = [int(np.argmax(A.sum(1)))]
    while len(centres) < ends[0]:
        centres.append(int(np.argmin(np.abs(x @ x[centres].T).max(1))))
    label = np.argmax(x @ x[centres].T, axis=1)
    return [np.flatnonzero(label == k) for k in range(ends[0])]


def _part(model: IsingModel, sites: np.ndarray) -> IsingModel:
    b = np.asarray(model.b)[sites]
    if isinstance(model, TwoLayerIsing):
        v, h = sites[sites < model.V], sites[sites >= model.V] - model.V
        if v.size and h.size:
            return BipartiteIsing(model.weights()[np.ix_(v, h)], b[: len(v)], b[len(v) :])
    J = model.to_sparse()._J[sites][:, sites]
    return SparseIsing(J, b) if isinstance(model, SparseIsing) else DenseIsing(J.toarray(), b)
