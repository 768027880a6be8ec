"""One representative of all models that differ by names of sites, signs of spins, order of layers, or units.

Verdicts must not depend on any of these. Sites are sorted by numbers that no permutation or gauge changes,
signs are fixed along a tree, the smaller layer comes first, and beta multiplies the couplings, rounded so
that (beta, W) and (beta/c, c W) give the same bits. What follows, random numbers included, then starts from
the same arrays. (Sites that these numbers cannot tell apart keep their order; results then agree
statistically.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..models import BipartiteIsing, DenseIsing, IsingModel, SparseIsing, TwoLayerIsing

_BITS = 40  # of every coupling that are kept
_DIGITS = 9  # of the numbers that sort the sites
_ROUNDS = 60  # of telling tied sites apart
_DENSE = 0.25  # share of non-zero couplings, or
_SMALLEST, _LARGEST = 1e-60, 1e60  # of the largest coupling, so that fourth powers are numbers
_MANY = 20  # couplings per site, from which on a matrix is kept as dense


def canonical(model: IsingModel, beta: float) -> tuple[IsingModel, np.ndarray]:
    """The representative at beta = 1, and its negative couplings.

    Returns
    -------
    model : BipartiteIsing (V <= H), SparseIsing or DenseIsing
    negative : ndarray
        Couplings that stay negative in the gauge; none if no loop is frustrated.

    Raises
    ------
    ValueError
        If the largest coupling times beta is not between 1e-60 and 1e60 (or 0).
    """
    if isinstance(model, TwoLayerIsing):
        W = model.weights()
        _check_scale(W, beta)
        return _two_layers(_rounded(beta * W), _rounded(beta * model.b))
    sparse = model.to_sparse()._J
    _check_scale(sparse.data, beta)
    b = _rounded(beta * np.asarray(model.b))
    if sparse.nnz > min(_DENSE * model.n_spins, _MANY) * model.n_spins or model.n_spins < 3:
        return _dense(_rounded(beta * model.couplings()), b)
    sparse = sparse.copy()
    sparse.data = _rounded(beta * sparse.data)
    return _sparse(sparse, b)


def _check_scale(couplings: np.ndarray, beta: float) -> None:
    top = float(np.abs(couplings).max(initial=0.0))
    if top and not _SMALLEST <= beta * top <= _LARGEST:
        raise ValueError(
            f"the largest coupling is {top:.3g}, times beta {beta * top:.3g}; it must lie between "
            f"{_SMALLEST:g} and {_LARGEST:g}, or powers leave float64: rescale the weights, or change beta"
        )


def _dense(J: np.ndarray, b: np.ndarray) -> tuple[IsingModel, np.ndarray]:
    square = J @ J
    cube = np.einsum("ij,ij->i", square, J)
    J2 = J**2
    order = site_order([cube, J2.sum(1), (J2**2).sum(1), np.abs(b), (square**2).sum(1)], lambda x: J2 @ x)
    J, b = np.ascontiguousarray(J[np.ix_(order, order)]), b[order]
    sigma = gauge(J, b)
    J = J * sigma[:, None] * sigma
    return DenseIsing(J, b * sigma), J[J < 0]


def _sparse(J: Any, b: np.ndarray) -> tuple[IsingModel, np.ndarray]:
    square = J @ J
    cube, fourth = (np.asarray(x.sum(1)).ravel() for x in (square * J, square * square))
    J2 = J.power(2)
    order = site_order([cube, J2.sum(1), (J2 * J2).sum(1), np.abs(b), fourth], lambda x: J2 @ x)
    J, b = J[order][:, order].tocsr(), b[order]
    J.sort_indices()
    sigma = gauge(J, b)
    J.data = J.data * sigma[np.repeat(np.arange(len(b)), np.diff(J.indptr))] * sigma[J.indices]
    return SparseIsing(J, b * sigma), J.data[J.data < 0]


def _two_layers(W: np.ndarray, b: np.ndarray) -> tuple[IsingModel, np.ndarray]:
    V, H = W.shape
    W2 = W**2

    def sums(W: np.ndarray) -> list[np.ndarray]:
        """Of rows: |W|^2, |W|^4, and the diagonal of (W W^T)^2."""
        gram = W @ W.T if W.shape[0] <= W.shape[1] else None
        plaquettes = (gram**2).sum(1) if gram is not None else ((W @ (W.T @ W)) * W).sum(1)
        return [(W**2).sum(1), (W**4).sum(1), plaquettes]

    rows, columns = sums(W), sums(W.T)
    if V > H or (V == H and _comes_first(columns[1], rows[1])):
        return _two_layers(np.ascontiguousarray(W.T), np.concatenate([b[V:], b[:V]]))
    layer = np.repeat([0.0, 1.0], [V, H])
    keys = [np.concatenate(pair) for pair in zip(rows, columns, strict=True)]
    order = site_order([layer, *keys, np.abs(b)], lambda x: np.concatenate([W2 @ x[V:], x[:V] @ W2]))
    r, c = order[:V], order[V:] - V
    W, b = np.ascontiguousarray(W[np.ix_(r, c)]), b[order]
    sigma = gauge(W, b)
    W = W * sigma[:V, None] * sigma[V:]
    return BipartiteIsing(W, b[:V] * sigma[:V], b[V:] * sigma[V:]), W[W < 0]


def _comes_first(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether sorted x comes before sorted y, to nine digits."""
    top = max(x.max(), y.max(), 1e-300)
    a, b = (np.sort(np.round(z / top, _DIGITS)) for z in (x, y))
    k = np.flatnonzero(a != b)
    return bool(k.size and a[k[0]] < b[k[0]])


def _rounded(x: np.ndarray) -> np.ndarray:
    """``x`` to 40 bits, so that the rounding of a product with beta does not show."""
    mantissa, exponent = np.frexp(x)
    return np.ldexp(np.round(np.ldexp(mantissa, _BITS)), exponent - _BITS)


def site_order(keys: list[Any], spread: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Sites sorted by the first key, ties by the next ones, each to nine digits.

    Sites that still tie are told apart by their neighbours, and then by singling out one of them: if the tied
    sites are alike in every respect, it does not matter which. ``spread`` is the matrix of squared couplings.
    """
    columns = [_digits(np.asarray(key).ravel()) for key in keys]
    rank = _ranks(columns)
    for _ in range(_ROUNDS):
        n = rank.max() + 1
        if n == len(rank):
            break
        # Cosines of the ranks: numbers without accidental relations between them.
        rank = _ranks([rank, _digits(spread(np.cos(1.0 + 0.7310585786 * rank)))])
        if rank.max() + 1 == n:
            tied = np.flatnonzero(np.bincount(rank)[rank] > 1)
            if not tied.size:
                break
            chosen = tied[np.argmin(rank[tied])]
            single = np.zeros(len(rank))
            single[chosen] = -1.0
            rank = _ranks([rank, single])
    return np.argsort(rank, kind="stable")


def _digits(x: np.ndarray) -> np.ndarray:
    top = np.abs(x).max(initial=0.0)
    return np.round(x / top, _DIGITS) if top > 0 else np.zeros(len(x))


def _ranks(columns: list[np.ndarray]) -> np.ndarray:
    """Dense ranks 0, 1, ... of rows, the first column deciding first."""
    order = np.lexsort(columns[::-1])
    table = np.stack(columns, 1)[order]
    new = (table[1:] != table[:-1]).any(1)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.concatenate([[0], np.cumsum(new)])
    return rank


def gauge(J: Any, b: np.ndarray) -> np.ndarray:
    """Signs along a breadth-first tree of every connected part, whose first field, if any, is positive.

    ``J`` is square (dense or sparse), or the weights between two layers.
    """
    import scipy.sparse
    from scipy.sparse.csgraph import breadth_first_order, connected_components

    graph = scipy.sparse.csr_array(J)
    if J.shape[0] != len(b):
        graph = scipy.sparse.block_array([[None, graph], [graph.T, None]], format="csr")
    graph.sort_indices()
    sigma = np.ones(len(b))
    n_parts, part = connected_components(graph, directed=False)
    first = np.full(n_parts, -1)
    first[part[::-1]] = np.arange(len(b))[::-1]
    for root in first:
        order, before = breadth_first_order(graph, root, directed=False)
        if len(order) > 1:
            signs = np.sign(np.asarray(graph[order[1:], before[order[1:]]]).ravel())
            for site, parent, sign in zip(order[1:], before[order[1:]], signs, strict=True):
                sigma[site] = sigma[parent] * sign
        fields = order[b[order] != 0]
        if fields.size and b[fields.min()] * sigma[fields.min()] < 0:
            sigma[order] *= -1
    return sigma
