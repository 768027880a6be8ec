"""Spins that strong couplings bind act as one: the phase is that of the groups.

At the asked temperature a group is bound where its couplings beat all that the rest of the model can do to
it. With Delta(A) the energy above its lowest state when the subset A is flipped, B the others of the group,
and R the sum of |J_ij| to spins outside of it and of |b_i| over a subset, the chance to find it in another
state than that and its inverse is at most sum_A exp(-beta (Delta(A) - 2 min(R_A, R_B))), whatever the rest
does: A is flipped with respect to the state, B with respect to its inverse, and either outweighs it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..models import DenseIsing, IsingModel, SparseIsing, TwoLayerIsing

_MOST_SPINS = 2000  # of a dense model
_MOST_SITES = 10  # of a group: 2^9 states are compared
_BROKEN = 1e-3  # largest chance that a group is in another state
_STRONG = 0.5  # of the strongest coupling of either end
_SHARE = 0.5  # of the sites that lie in groups, where these are what the model is made of


def bound_groups(model: IsingModel, beta: float) -> IsingModel | None:
    """The model of its bound groups, each one spin; None where fewer than half of the spins lie in any."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    if isinstance(model, TwoLayerIsing) or (
        not isinstance(model, SparseIsing) and model.n_spins > _MOST_SPINS
    ):
        return None
    J = model.to_sparse()._J
    N = model.n_spins
    size = abs(J)
    strongest = size.max(axis=1).toarray().ravel()
    strong = size.tocoo()
    keep = strong.data > _STRONG * np.maximum(strongest[strong.row], strongest[strong.col])
    graph = csr_array((strong.data[keep], (strong.row[keep], strong.col[keep])), shape=(N, N))
    _, label = connected_components(graph, directed=False)
    sizes = np.bincount(label)
    if sizes[(sizes > 1) & (sizes <= _MOST_SITES)].sum() < _SHARE * N:
        return None
    b, total = np.asarray(model.b), np.asarray(size.sum(1)).ravel()
    order = np.argsort(label, kind="stable")
    sign, group, bound = np.ones(N), np.empty(N, dtype=int), 0
    count = 0
    for sites in np.split(order, np.cumsum(sizes)[:-1]):
        inside = J[sites][:, sites].toarray() if 1 < len(sites) <= _MOST_SITES else None
        state = None
        if inside is not None:
            state = _held(beta * inside, beta * (total[sites] + np.abs(b[sites])))
        if state is None:
            group[sites] = count + np.arange(len(sites))
            count += len(sites)
        else:
            sign[sites], group[sites] = state, count
            count += 1
            bound += len(sites)
    if bound < _SHARE * N or count < 2:
        return None
    to_groups = csr_array((sign, (np.arange(N), group)), shape=(N, count))
    merged: Any = to_groups.T @ J @ to_groups
    fields = to_groups.T @ b
    if isinstance(model, SparseIsing):
        merged = csr_array(merged)
        merged.setdiag(0)
        merged.eliminate_zeros()
        return SparseIsing((merged + merged.T) / 2, fields)
    dense = merged.toarray()
    np.fill_diagonal(dense, 0.0)
    return DenseIsing((dense + dense.T) / 2, fields)


def _held(J: np.ndarray, total: np.ndarray) -> np.ndarray | None:
    """The state that a group keeps, up to its inverse, or None.

    ``total``: sum of |J| and |b| at each of its sites; both times beta.
    """
    n = len(J)
    rest = total - np.abs(J).sum(1)
    bits = (np.arange(2 ** (n - 1))[:, None] >> np.arange(n)) & 1
    states = 1 - 2 * bits  # the last spin is up
    energy = -np.einsum("ki,ij,kj->k", states, J, states) / 2
    lowest = int(energy.argmin())
    flipped = states != states[lowest]
    outside = np.minimum(flipped @ rest, ~flipped @ rest)
    weight = -(energy - energy[lowest] - 2 * outside)
    weight = np.delete(weight, lowest)
    if weight.max(initial=-np.inf) > 0 or np.exp(weight).sum() > _BROKEN:
        return None
    return states[lowest].astype(float)
