"""Patterns behind a matrix of weights between two layers: W_ia = scale sum_k xi_i^k xi_a^k.

The rank comes from pivots, as for a square matrix (``recover_patterns``), and with it real patterns. Binary
ones: the columns of W are sums of +-scale xi^k, so that half the difference of two columns that differ in
the sign of one pattern is that pattern, the only vectors of entries of one size among the half differences
of generic columns. With the patterns of one layer known, the others solve a linear system. Whatever this
gives is compared with W entry by entry, so it can fail but not mislead.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from ..._core.blas import one_blas_thread
from ...models import BipartiteIsing, PatternBipartiteIsing
from .recover_patterns import TOLERANCE, cross
from .threshold_functions import MAX_INPUTS
from .zonotope import MAX_RANK, U

MAX_WEIGHTS = 4000**2

_SAME = 1e-6  # relative distance of entries that are equal


class RecoveredLayers(NamedTuple):
    """A model with E_matrix(s) >= E_patterns(s) - left for all s."""

    model: PatternBipartiteIsing
    left: float


def recover_layers(model: BipartiteIsing) -> RecoveredLayers | str:
    """Up to 7 binary patterns, or real ones of rank up to 3, behind the weights; or why there are none."""
    W = np.asarray(model.W, dtype=np.float64)
    if W.size > MAX_WEIGHTS:
        return f"they are sought in up to {MAX_WEIGHTS} weights, got {W.shape[0]} x {W.shape[1]}"
    if not W.any():
        return "all weights are zero"
    with one_blas_thread():
        exponent = int(np.frexp(np.abs(W).max())[1])
        x = np.ldexp(W, -exponent)
        n = 4 * MAX_INPUTS
        A, B = cross(x[:n, :n])  # most matrices fail on a corner
        if len(A) <= MAX_INPUTS:
            A, B = cross(x)
        if len(A) > MAX_INPUTS:
            return f"the weights have a rank above {MAX_INPUTS}"
        found = _binary(x) or _turned(_binary(x.T))
        if found is None:
            if len(A) > MAX_RANK:
                return f"the weights have rank {len(A)}, and the patterns are not binary (or were not found)"
            found = x[:, B].T, np.linalg.solve(x[np.ix_(A, B)], x[A])
            scale, integer = np.ldexp(1.0, exponent), False
        else:
            sums = np.rint(found[0].T @ found[1])
            i, a = np.unravel_index(np.where(sums == 0, np.inf, np.abs(sums)).argmin(), sums.shape)
            scale, integer = W[i, a] / sums[i, a], True
        xi_v, xi_h = found
        bv, bh = np.split(model.b, [model.V])
        try:
            patterns = PatternBipartiteIsing(xi_v, xi_h, float(scale), bv, bh, offset=model.offset)
        except ValueError:  # entries of many scales, of which a solution is mere rounding
            return "the weights differ too much in size"
        left = float(np.abs(W - scale * (xi_v.T @ xi_h)).sum())
        exact = integer and all(
            Fraction(float(scale)) * n == Fraction(float(scale * n)) for n in range(len(xi_v) + 1)
        )
        if left > 0 or not exact:  # the difference itself is rounded
            left += (len(xi_v) + 4) * U * abs(float(scale)) * float(np.abs(xi_v).sum(1) @ np.abs(xi_h).sum(1))
    if left > TOLERANCE * np.abs(W).sum():
        return f"the nearest patterns of rank {len(A)} leave over {left:.2g} of sum |W|"
    return RecoveredLayers(patterns, left)


def _turned(found: tuple[np.ndarray, np.ndarray] | None) -> tuple[np.ndarray, np.ndarray] | None:
    return None if found is None else (found[1], found[0])


def _binary(W: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """+-1 patterns of the rows and of the columns, from the differences of the columns."""
    top = np.abs(W).max()
    first = np.abs(W).argmax(0)  # of each column, an entry that is not rounding
    turned = W.T * np.sign(W[first, np.arange(W.shape[1])])[:, None]
    turned[np.abs(W).max(0) <= _SAME * top] = 0.0
    _, classes = np.unique(np.rint(turned / (_SAME * top)), axis=0, return_index=True)
    if len(classes) > 1 << (MAX_INPUTS - 1):
        return None
    columns = W.T[classes]
    i, j = np.triu_indices(len(columns), 1)
    half = [columns] if len(columns) == 1 else [(columns[i] - columns[j]) / 2, (columns[i] + columns[j]) / 2]
    vectors = np.concatenate(half)
    sizes = np.abs(vectors)
    vectors = vectors[(sizes.max(1) > _SAME * top) & (np.ptp(sizes, axis=1) < _SAME * top)]
    sizes = np.rint(np.abs(vectors[:, 0]) / (10 * _SAME * top)) if len(vectors) else np.empty(0)
    for size in np.unique(sizes):
        xi = np.sign(vectors[sizes == size])
        xi = np.unique(xi * xi[:, :1], axis=0)
        if len(xi) > MAX_INPUTS or np.linalg.matrix_rank(xi) < len(xi):
            continue
        scale = np.abs(vectors[sizes == size]).mean()
        other = np.linalg.lstsq(xi.T * scale, W, rcond=None)[0]
        if (np.abs(np.abs(other) - 1) < 1e-3).all():
            return xi, np.sign(other)
    return None
