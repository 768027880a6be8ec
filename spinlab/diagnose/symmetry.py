"""Symmetries of a model, and whether the states of its replicas are images of each other.

Order that breaks a symmetry has several states, which the symmetry takes into each other: sublattices change
places. The states of a glass have nothing to do with each other, and random couplings have no symmetry but
the flip of all spins. A symmetry is a permutation p of the sites with signs x that keeps all couplings,

    J_ij = x_i x_j J_p(i)p(j).

Candidates come from sorting the sites twice, another site singled out each time (canonical.py); what is kept
has been checked coupling by coupling.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..models import SparseIsing
from .canonical import gauge, site_order

_GENERATORS, _TRIED = 4, 12
_WORDS = 200  # random products of them
_RECORDS = 4


def related(model: SparseIsing, replicas: np.ndarray) -> float:
    """Mean square of the largest overlap of pairs of replicas over symmetries, above that of independent
    spins; nan if there are no symmetries.

    ``replicas``: states of shape (n_records, n, N).
    """
    rng = np.random.default_rng(0)
    generators = [] if np.any(model.b) else symmetries(model, rng)
    if not generators:
        return math.nan
    N, s = model.n_spins, replicas[:: max(1, len(replicas) // _RECORDS)].astype(np.float32)
    s = np.concatenate([s, rng.choice(np.array([-1, 1], np.float32), s.shape)])
    a, b = np.triu_indices(s.shape[1], 1)
    p, x = np.arange(N), np.ones(N, dtype=np.float32)
    largest = np.zeros((len(s), len(a)))
    for _ in range(_WORDS):
        largest = np.maximum(largest, np.abs(s @ (s[:, :, p] * x).transpose(0, 2, 1))[:, a, b] / N)
        q, y = generators[rng.integers(len(generators))]
        p, x = p[q], x[q] * y
    found, free = np.split((largest**2).mean(1), 2)
    return float(found.mean() - free.mean())


def symmetries(model: SparseIsing, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Some (p, x) that move site 0, with J_ij = x_i x_j J_p(i)p(j)."""
    J = model.to_sparse()._J
    N = J.shape[0]
    found: list[tuple[np.ndarray, np.ndarray]] = []
    first = _sorted(J, 0)
    for site in rng.permutation(np.arange(1, N))[:_TRIED]:
        second = _sorted(J, int(site))
        if _same(first[1], second[1]):
            p, x = np.empty(N, dtype=int), np.empty(N, dtype=np.float32)
            p[first[0]] = second[0]
            x[first[0]] = first[2] * second[2]
            found.append((p, x))
        if len(found) == _GENERATORS:
            break
    return found


def _sorted(J: Any, site: int) -> tuple[np.ndarray, Any, np.ndarray]:
    """Sites in an order that begins with ``site``, the couplings in it, and the gauge that makes them."""
    single = np.zeros(J.shape[0])
    single[site] = -1.0
    J2 = J.power(2)
    cube = np.asarray((J @ J * J).sum(1)).ravel()
    order = site_order([single, cube, J2.sum(1)], lambda x: J2 @ x)
    sorted_ = J[order][:, order].tocsr()
    sorted_.sort_indices()
    x = gauge(sorted_, np.zeros(J.shape[0]))
    row = np.repeat(np.arange(len(x)), np.diff(sorted_.indptr))
    sorted_.data = sorted_.data * x[row] * x[sorted_.indices]
    return order, sorted_, x


def _same(A: Any, B: Any) -> bool:
    return bool(
        np.array_equal(A.indptr, B.indptr)
        and np.array_equal(A.indices, B.indices)
        and np.array_equal(A.data, B.data)
    )
