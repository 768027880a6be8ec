"""One representative of all models that differ by names of sites, signs of spins, order of layers, or units.

Verdicts must not depend on any of these. Sites are sorted by numbers that no permutation or gauge changes,
signs are fixed along a tree, the smaller layer comes first, and beta multiplies the couplings, rounded so
that (beta, W) and (beta/c, c W) give the same bits. What follows, random numbers included, then starts from
the same arrays. (Sites that these numbers cannot tell apart keep their order; results then agree
statistically.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..models import BipartiteIsing, DenseIsing, IsingModel, SparseIsing, TwoLayerIsing

_BITS = 40  # of every coupling that are kept
_DIGITS = 9  # of the numbers that sort the sites
_DENSE = 0.25  # share of non-zero couplings, or
_MANY = 20  # couplings per site, from which on a matrix is kept as dense


def canonical(model: IsingModel, beta: float) -> tuple[IsingModel, np.ndarray]:
    """The representative at beta = 1, and its negative couplings.

    Returns
    -------
    model : BipartiteIsing (V <= H), SparseIsing or DenseIsing
    negative : ndarray
        Couplings that stay negative in the gauge; none if no loop is frustrated.
    """
    if isinstance(model, TwoLayerIsing):
        return _two_layers(_rounded(beta * model.weights()), _rounded(beta * model.b))
    sparse = model.to_sparse()._J
    b = _rounded(beta * np.asarray(model.b))
    if sparse.nnz > min(_DENSE * model.n_spins, _MANY) * model.n_spins or model.n_spins < 3:
        return _dense(_rounded(beta * model.couplings()), b)
    sparse = sparse.copy()
    sparse.data = _rounded(beta * sparse.data)
    return _sparse(sparse, b)


def _dense(J: np.ndarray, b: np.ndarray) -> tuple[IsingModel, np.ndarray]:
    square = J @ J
    cube = np.einsum("ij,ij->i", square, J)
    order = _order(cube, (J**2).sum(1), (J**4).sum(1), np.abs(b), (square**2).sum(1))
    J, b = np.ascontiguousarray(J[np.ix_(order, order)]), b[order]
    sigma = _gauge(J, b)
    J = J * sigma[:, None] * sigma
    return DenseIsing(J, b * sigma), J[J < 0]


def _sparse(J: Any, b: np.ndarray) -> tuple[IsingModel, np.ndarray]:
    square = J @ J
    cube = np.asarray((square * J).sum(1)).ravel()
    fourth = np.asarray((square * square).sum(1)).ravel()
    powers = [np.asarray((abs(J) ** k).sum(1)).ravel() for k in (2, 4)]
    # Neighbours of neighbours tell sites apart that look alike on their own.
    order = _order(
        cube,
        *powers,
        np.abs(b),
        fourth,
        J.power(2) @ (powers[1] + fourth),
        J.power(2) @ J.power(2) @ powers[1],
    )
    J, b = J[order][:, order].tocsr(), b[order]
    sigma = _gauge(J, b)
    J.data = J.data * sigma[np.repeat(np.arange(len(b)), np.diff(J.indptr))] * sigma[J.indices]
    return SparseIsing(J, b * sigma), J.data[J.data < 0]


def _two_layers(W: np.ndarray, b: np.ndarray) -> tuple[IsingModel, np.ndarray]:
    V, H = W.shape
    bv, bh = b[:V], b[V:]
    if V > H:
        W, bv, bh, V, H = W.T, bh, bv, H, V
    gram = W @ W.T
    rows = _order((gram**2).sum(1), (W**2).sum(1), (W**4).sum(1), np.abs(bv))
    back = W.T @ gram  # row a: sum_i W_ia (W W^T)_ij
    columns = _order((back * W.T).sum(1), (W**2).sum(0), (W**4).sum(0), np.abs(bh))
    if V == H:
        left, right = (np.sort((x**4).sum(1)).round(12) for x in (W, W.T))
        k = np.flatnonzero(left != right)
        if k.size and left[k[0]] > right[k[0]]:
            W, bv, bh, rows, columns = W.T, bh, bv, columns, rows
    W = np.ascontiguousarray(W[np.ix_(rows, columns)])
    b = np.concatenate([bv[rows], bh[columns]])
    J = np.zeros((V + H, V + H)) if V * H < 4e6 else None
    if J is not None:
        J[:V, V:], J[V:, :V] = W, W.T
        sigma = _gauge(J, b)
    else:
        sigma = np.concatenate([np.where(W[:, 0] < 0, -1.0, 1.0), np.where(W[0] < 0, -1.0, 1.0)])
        sigma[:V] *= sigma[V]
    W = W * sigma[:V, None] * sigma[V:]
    return BipartiteIsing(W, b[:V] * sigma[:V], b[V:] * sigma[V:]), W[W < 0]


def _rounded(x: np.ndarray) -> np.ndarray:
    """``x`` to 40 bits, so that the rounding of a product with beta does not show."""
    mantissa, exponent = np.frexp(x)
    return np.ldexp(np.round(np.ldexp(mantissa, _BITS)), exponent - _BITS)


def _order(*keys: np.ndarray) -> np.ndarray:
    """Sites sorted by the first key, ties by the next ones; each to nine digits."""
    columns = []
    for key in keys:
        top = np.abs(key).max(initial=0.0)
        columns.append(np.round(key / top, _DIGITS) if top > 0 else key)
    return np.lexsort(columns[::-1])


def _gauge(J: Any, b: np.ndarray) -> np.ndarray:
    """Signs along a breadth-first tree of every connected part, whose first field, if any, is positive."""
    import scipy.sparse
    from scipy.sparse.csgraph import breadth_first_order, connected_components

    graph = scipy.sparse.csr_array(J)
    sigma = np.ones(len(b))
    n_parts, part = connected_components(graph, directed=False)
    first = np.full(n_parts, -1)
    first[part[::-1]] = np.arange(len(b))[::-1]
    for root in first:
        order, before = breadth_first_order(graph, root, directed=False)
        if len(order) > 1:
            links = _links(J, graph, order[1:], before[order[1:]])
            for site, parent, sign in zip(order[1:], before[order[1:]], links, strict=True):
                sigma[site] = sigma[parent] * sign
        fields = order[b[order] != 0]
        if fields.size and b[fields.min()] * sigma[fields.min()] < 0:
            sigma[order] *= -1
    return sigma


def _links(J: Any, graph: Any, sites: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """Signs of the couplings between sites and their parents."""
    values = J[sites, parents] if isinstance(J, np.ndarray) else np.asarray(graph[sites, parents]).ravel()
    return np.sign(values)
