"""Patterns behind a matrix of couplings: J_ij = scale sum_k xi_i^k xi_j^k for i != j, the diagonal unknown.

A block of J between two disjoint groups of sites has no diagonal entries, so its rank is at most that of
the patterns; pivots in it (a cross approximation: M. Bebendorf, Numer. Math. 86, 565 (2000)) give

    J_ii = J_iB (J_AB)^-1 J_Ai

for every site outside A and B, then all patterns by a pivoted Cholesky factorisation, and last those of A
and B by least squares. Whatever this gives is compared with J entry by entry, so it can fail but not mislead.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from ..._core.blas import one_blas_thread
from ...models import DenseIsing, PatternIsing, SparseIsing
from .threshold_functions import MAX_INPUTS
from .zonotope import MAX_RANK, U

MIN_SPINS, MAX_SPINS = 8, 4000
TOLERANCE = 1e-10  # of sum |J|, for what the patterns leave over

_PIVOT = 1e-10  # relative size below which what is left of a block is rounding
_SAME = 1e-6  # relative distance between rows of one class
_MAX_STEPS = 10_000
_INDEFINITE = "it is not positive semidefinite for any diagonal (or this could not be found out)"


class Recovered(NamedTuple):
    """A model with E_matrix(s) >= E_patterns(s) - left for all s."""

    model: PatternIsing
    left: float


def recover_patterns(model: DenseIsing | SparseIsing) -> Recovered | str:
    """Up to 7 binary patterns, or real ones of rank up to 3, behind the couplings; or why there are none.

    ``scale`` is negative where -J has binary patterns.
    """
    N = model.n_spins
    if not MIN_SPINS <= N <= MAX_SPINS:
        return f"it is sought for {MIN_SPINS} to {MAX_SPINS} spins, got N={N}"
    if isinstance(model, SparseIsing) and len(model.edges()[0]) < N * N / 8:
        return "it has few couplings"
    J = model.couplings() if isinstance(model, SparseIsing) else model.form().J
    with one_blas_thread():
        exponent = int(np.frexp(max(J.max(), -J.min()))[1])
        x = _real_patterns(J, 1, exponent)
        binary = None
        if x is _INDEFINITE:
            negative = _real_patterns(J, -1, exponent)
            binary = None if isinstance(negative, str) else _binary_patterns(J, negative)
            if binary is not None:
                x = negative
        if isinstance(x, str):
            return x
        if binary is None and x.shape[1]:
            binary = _binary_patterns(J, x)
        if binary is None and x.shape[1] > MAX_RANK:
            return f"it has rank {x.shape[1]} up to its diagonal, and the patterns are not binary"
        xi, scale = binary or (x.T if x.shape[1] else np.zeros((1, N)), math.ldexp(1.0, exponent))
        try:
            patterns = PatternIsing(xi, scale, model.b, offset=model.offset)
        except ValueError:  # entries of many scales, of which a solution is mere rounding
            return "its couplings differ too much in size"
        left = float(np.abs(J - patterns.couplings()).sum()) / 2
        exact = binary and all(Fraction(scale) * n == Fraction(scale * n) for n in range(len(xi) + 1))
        if left > 0 or not exact:  # the difference itself is rounded
            size = np.abs(xi).sum(1)
            left += (len(xi) + 2) * U * abs(scale) * float(size @ size)
    if left > TOLERANCE * np.abs(J).sum():
        return f"the nearest patterns of rank {x.shape[1]} leave over {left:.2g} of sum |J|"
    return Recovered(patterns, left)


def _real_patterns(J: np.ndarray, sign: int, exponent: int) -> np.ndarray | str:
    """x of shape (N, r) with x x^T = sign J / 2^exponent off the diagonal if all goes well; or why not."""
    N = len(J)

    def block(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return sign * np.ldexp(J[np.ix_(rows, columns)], -exponent)

    P, Q = np.array_split(np.random.default_rng(0).permutation(N), 2)
    for n in (4 * MAX_INPUTS, N):  # most matrices fail on the first rows
        A, B = cross(block(P[:n], Q[:n]))
        if len(A) > MAX_INPUTS:
            return f"it has a rank above {MAX_INPUTS} up to its diagonal"
    A, B = P[A], Q[B]
    rest = np.setdiff1d(np.arange(N), np.append(A, B))
    r = len(A)
    if len(rest) < r:
        return f"{N} spins are too few to tell a rank of {r}"
    inner = block(rest, rest)
    d = (block(rest, B).T * np.linalg.solve(block(A, B), block(A, rest))).sum(0)
    top = float(np.abs(d).max())
    x = np.zeros((N, r))
    y = np.zeros((len(rest), r))
    for k in range(r):
        p = int(d.argmax())
        if d.min() < -_SAME * top or d[p] <= 0:
            return _INDEFINITE
        column = inner[:, p] - y @ y[p]
        column[p] = d[p]
        y[:, k] = column / np.sqrt(d[p])
        d -= y[:, k] ** 2
    x[rest] = y
    pivot_sites = np.append(A, B)
    x[pivot_sites] = np.linalg.lstsq(y, block(rest, pivot_sites), rcond=None)[0].T
    return x


def cross(block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the first pivots of a block, as many as its rank, but one too many at most."""
    left = block.copy()
    top = np.abs(left).max()
    rows: list[int] = []
    columns: list[int] = []
    while len(rows) <= MAX_INPUTS:
        p, q = divmod(int(np.abs(left).argmax()), left.shape[1])
        if abs(left[p, q]) <= _PIVOT * top:
            break
        rows.append(p)
        columns.append(q)
        left -= np.outer(left[:, q] / left[p, q], left[p])
    return np.array(rows, dtype=np.int64), np.array(columns, dtype=np.int64)


def _binary_patterns(J: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, float] | None:
    """(+-1 patterns, scale) that give the same couplings as x, if it finds them."""
    d = (x**2).sum(1)
    K_scale = float(d.mean())
    if (np.abs(d - K_scale) > _SAME * K_scale).any():
        return None
    group, sign = np.full(len(x), -1), np.zeros(len(x))
    first: list[int] = []
    while (group < 0).any():
        if len(first) == 1 << (MAX_INPUTS - 1):
            return None
        first.append(int((group < 0).argmax()))
        cosine = x @ x[first[-1]] / K_scale
        same = np.abs(cosine) > 1 - _SAME
        group[same], sign[same] = len(first) - 1, np.sign(cosine[same])
    gram = x[first] @ x[first].T / K_scale
    for K in range(x.shape[1], MAX_INPUTS + 1):
        products = np.rint(K * gram)
        if (np.abs(K * gram - products) < K * _SAME).all() and not ((products - K) % 2).any():
            columns = _factor(products, K)
            if columns is not None:
                xi = sign * columns[group].T
                sites = first + np.setdiff1d(np.arange(len(x)), first)[:1].tolist()  # two of one class, too
                n = xi[:, sites].T @ xi[:, sites]
                np.fill_diagonal(n, 0)
                i, j = np.unravel_index(np.where(n == 0, np.inf, np.abs(n)).argmin(), n.shape)
                return (xi, float(J[sites[i], sites[j]] / n[i, j])) if n[i, j] else None
    return None


def _factor(products: np.ndarray, K: int) -> np.ndarray | None:
    """Rows of K signs with these scalar products, by backtracking; None if not found in ``_MAX_STEPS``."""
    cube = 1.0 - 2.0 * ((np.arange(1 << K)[:, None] >> np.arange(K)) & 1)
    rows = np.empty((len(products), K))
    stack = [(0, 0)]  # the first row may be chosen at will
    steps = 0
    while stack and steps < _MAX_STEPS:
        t, vertex = stack.pop()
        steps += 1
        rows[t] = cube[vertex]
        if t + 1 == len(rows):
            return rows
        fits = (cube @ rows[: t + 1].T == products[t + 1, : t + 1]).all(1)
        stack += [(t + 1, int(v)) for v in np.flatnonzero(fits)]
    return None
