"""A model that falls into parts which no coupling joins."""

from __future__ import annotations

import numpy as np

from ..models import BipartiteIsing, DenseIsing, IsingModel, SparseIsing, TwoLayerIsing

_WHOLE = 0.9  # a part with so many of the sites is the model
_SMALLEST, _FEWEST = 0.05, 8  # share and number of sites of a part that has a phase


def divided(model: IsingModel) -> list[tuple[list[int], IsingModel]]:
    """The connected parts with a phase of their own; none if one of them holds nine tenths of the sites."""
    from scipy.sparse.csgraph import connected_components

    N = model.n_spins
    J = model.to_sparse()._J
    n, label = connected_components(J, directed=False)
    sizes = np.bincount(label)
    if n == 1 or sizes.max() >= _WHOLE * N:
        return []
    large = [k for k in range(n) if sizes[k] >= max(_SMALLEST * N, _FEWEST)]
    return [(np.flatnonzero(label == k).tolist(), _part(model, np.flatnonzero(label == k))) for k in large]


def _part(model: IsingModel, sites: np.ndarray) -> IsingModel:
    b = np.asarray(model.b)[sites]
    if isinstance(model, TwoLayerIsing):
        v, h = sites[sites < model.V], sites[sites >= model.V] - model.V
        return BipartiteIsing(model.weights()[np.ix_(v, h)], b[: len(v)], b[len(v) :])
    J = model.to_sparse()._J[sites][:, sites]
    return SparseIsing(J, b) if isinstance(model, SparseIsing) else DenseIsing(J.toarray(), b)
