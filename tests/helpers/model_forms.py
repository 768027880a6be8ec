"""One small model of every form, beside its couplings written out with loops."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse

from spinlab.models import (
    BipartiteIsing,
    DenseIsing,
    IsingModel,
    PatternBipartiteIsing,
    PatternIsing,
    SparseIsing,
)


class Case(NamedTuple):
    model: IsingModel
    J: np.ndarray
    b: np.ndarray
    offset: float
    pairs: list[tuple[int, int]]
    """The couplings that the form may have."""


def _numbers(rng, shape, integer):
    return rng.integers(-3, 4, shape).astype(float) if integer else rng.normal(size=shape)


def _every_pair(n):
    return [(i, j) for i in range(n) for j in range(i + 1, n)]


def _symmetric(n, pairs, value):
    J = np.zeros((n, n))
    for i, j in pairs:
        J[i, j] = J[j, i] = value(i, j)
    return J


def dense(rng, integer, b, n=7):
    pairs = _every_pair(n)
    upper = _numbers(rng, (n, n), integer)
    J = _symmetric(n, pairs, lambda i, j: upper[i, j])
    return Case(DenseIsing(J, b, offset=2.0), J, b, 2.0, pairs)


def sparse(rng, integer, b, n=7):
    pairs = [pair for pair in _every_pair(n) if rng.random() < 0.5]
    upper = _numbers(rng, (n, n), integer)
    J = _symmetric(n, pairs, lambda i, j: upper[i, j] or 1.0)
    return Case(SparseIsing(scipy.sparse.csr_array(J), b, offset=2.0), J, b, 2.0, pairs)


def bipartite(rng, integer, b, V=3, H=4):
    W = _numbers(rng, (V, H), integer)
    pairs = [(i, V + a) for i in range(V) for a in range(H)]
    J = _symmetric(V + H, pairs, lambda i, j: W[i, j - V])
    return Case(BipartiteIsing(W, b[:V], b[V:], offset=2.0), J, b, 2.0, pairs)


def pattern(rng, integer, b, n=7, K=3):
    xi, scale = _numbers(rng, (K, n), integer), 2.0 if integer else 0.7
    J = _symmetric(n, _every_pair(n), lambda i, j: scale * sum(xi[k, i] * xi[k, j] for k in range(K)))
    return Case(PatternIsing(xi, scale, b, offset=2.0), J, b, 2.0, _every_pair(n))


def pattern_bipartite(rng, integer, b, V=3, H=4, K=2):
    v, h, scale = _numbers(rng, (K, V), integer), _numbers(rng, (K, H), integer), 2.0 if integer else 0.7
    pairs = [(i, V + a) for i in range(V) for a in range(H)]
    J = _symmetric(V + H, pairs, lambda i, j: scale * sum(v[k, i] * h[k, j - V] for k in range(K)))
    model = PatternBipartiteIsing(v, h, scale, b[:V], b[V:], offset=2.0)
    return Case(model, J, b, 2.0, pairs)


FORMS = (dense, sparse, bipartite, pattern, pattern_bipartite)


def make(form, integer, fields, seed=0):
    rng = np.random.default_rng(seed)
    b = _numbers(rng, 7, integer) if fields else np.zeros(7)
    if fields and integer:
        b[0] = 1.0  # never all zero
    return form(rng, integer, b)
