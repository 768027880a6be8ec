"""A state for the strongest forest of couplings: the ground state of trees and of what is not frustrated."""

from __future__ import annotations

import numpy as np

from ..models import SparseIsing


def forest_state(model: SparseIsing) -> np.ndarray:
    """The state that satisfies every coupling and field of a spanning forest of greatest sum |J| + |b|.

    Fields are couplings to a spin N that is up. Without frustration no term is violated, on a ring only
    the weakest one. One step of Python for each site.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree

    N = model.n_spins
    i, j, J = (x[model.edges()[2] != 0.0] for x in model.edges())
    fields = np.flatnonzero(model.b)
    parts = connected_components(csr_array((np.ones(len(J)), (i, j)), shape=(N, N)), directed=False)[1]
    roots = np.unique(parts, return_index=True)[1]
    free = roots[~np.isin(parts[roots], parts[fields])]  # one site of each part without fields
    # Trees of scipy 1.13 and 1.14 take indices of 32 bits only.
    tail = np.concatenate([i, fields, free]).astype(np.int32)
    head = np.concatenate([j, np.full(len(fields) + len(free), N)]).astype(np.int32)
    terms = np.concatenate([J, model.b[fields], np.ones(len(free))])
    shape = (N + 1, N + 1)
    forest = minimum_spanning_tree(csr_array((-np.abs(terms), (tail, head)), shape=shape))
    signs = csr_array((np.sign(terms), (tail, head)), shape=shape)
    order, parent = breadth_first_order(forest, N, directed=False)
    order, parent = order[1:], parent[order[1:]]
    relative = np.asarray((signs + signs.T)[order, parent]).ravel().astype(np.int8).tolist()
    s = [1] * (N + 1)
    for site, before, sign in zip(order.tolist(), parent.tolist(), relative, strict=True):
        s[site] = s[before] * sign
    return np.array(s[:N], dtype=np.int8)
