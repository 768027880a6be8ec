"""Largest value of a convex function of m = sum_i s_i x_i over all signs s, for vectors x_i of K <= 7 signs.

At a maximum s_i = f(x_i) for a zero-threshold (self-dual threshold) function f(x) = sign(w.x) without ties.
Up to the order and the signs of the inputs there are 1, 1, 2, 3, 7, 21, 135 such functions for K = 1..7, in
all 2, 4, 14, 104, 1882, 94572, 15028134 (S. Muroga, Threshold Logic and Its Applications, Wiley 1971).

Since x and -x get opposite signs, the vectors are turned until their last entry is +1: 2^(K-1) classes.
Signs e of the inputs make f(e x) of f(x), so for all e at once the overlaps

    m_k(e) = sum_x n(x) f(e x) x_k = e_k sum_y n(e y) f(y) y_k

are a convolution over the group of sign vectors: K Walsh-Hadamard transforms of length 2^(K-1).
"""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

import numpy as np

from ..._core.interpreted import small_call
from ..._core.jit import kernel
from ..._core.progress import map_with_progress
from .zonotope import Convex

MAX_INPUTS = 7
COUNTS = (2, 4, 14, 104, 1882, 94572, 15028134)  # functions of K = 1, 2, .. inputs
# Every function of K inputs is sign(w.x) for integers w of at most this size with an odd sum.
_LARGEST_WEIGHT = (1, 1, 1, 2, 3, 5, 9)
_LANES = 32  # functions side by side: short enough for the cache, long enough to vectorise
_TASK = 2**12
_FEW = 2**25  # terms that array code adds up in a tenth of a second


def half_cube(K: int) -> np.ndarray:
    """The classes, shape (2^(K-1), K): entry k < K - 1 is -1 where bit k is set, the last entry is +1."""
    return 1 - 2 * ((np.arange(1 << (K - 1))[:, None] >> np.arange(K)) & 1)


@cache
def sorted_weights(K: int) -> np.ndarray:
    """One w_1 >= .. >= w_K >= 0 for every function up to the order and the signs of its inputs.

    A threshold function is known by its Chow parameters sum_x f(x) x_k, which stand in the order of the w_k.
    """
    sizes = range(_LARGEST_WEIGHT[K - 1], -1, -1)
    w = np.array([w for w in itertools.combinations_with_replacement(sizes, K) if sum(w) % 2])
    w = w[np.argsort(w.sum(1), kind="stable")]
    x = half_cube(K)
    chow = np.sign(w @ x.T) @ x
    _, smallest = np.unique(chow, axis=0, return_index=True)
    return w[np.sort(smallest)]


@cache
def weights(K: int) -> np.ndarray:
    """Weights w_k >= 0 of every function up to the signs of its inputs, shape (functions, K)."""
    places = np.array(list(itertools.permutations(10 ** np.arange(K))))
    codes = np.sort(sorted_weights(K) @ places.T, axis=1)
    new = np.diff(codes, axis=1, prepend=-1) > 0
    return (codes[new][:, None] // 10 ** np.arange(K) % 10).astype(np.float64)


def best_function(counts: np.ndarray, F: Convex, threads: int | None = None) -> tuple[np.ndarray, float]:
    """(f(x) of every class, F) for the function f with the largest F(m), m = sum_x counts(x) f(x) x.

    ``F.Q`` must be diagonal. All m are exact for up to 2^40 vectors.
    """
    K = len(F.c)
    w = weights(K)
    n = np.repeat(counts.astype(np.float64)[:, None], _LANES, axis=1)
    small_call(_transform, n, np.empty_like(n))  # exact
    even = F.is_even

    def run(start: int) -> tuple[float, int, int]:
        part = w[start : start + _TASK]
        if part.size * len(n) * len(F.U) <= _FEW:
            value, row, e = small_call(_search, part, n, F, even, instead=_search_by_arrays)
        else:
            value, row, e = _search(part, n, F, even)
        return value, start + row, e

    found = map_with_progress(run, range(0, len(w), _TASK), threads, "ground state")
    value, row, e = max(found, key=lambda answer: answer[0])
    x = half_cube(K)
    f = np.sign((w[row] * x[e]) @ x.T).astype(np.int64)
    m = (counts * f) @ x
    return (f if F(m) >= F(-m) else -f), value


def _search_by_arrays(weights: np.ndarray, n: np.ndarray, F: Convex, even: bool) -> tuple[float, int, int]:
    """:func:`_search`, bit for bit: the transforms are exact, the rest adds up in the same order."""
    import scipy.linalg

    classes, K = len(n), weights.shape[1]
    H = scipy.linalg.hadamard(classes, float)
    y = np.arange(classes)
    f = H @ np.where(half_cube(K) @ weights.T > 0, 1.0, -1.0)
    m, values, linear = np.empty((K, *f.shape)), np.zeros(f.shape), np.zeros(f.shape)
    for k in range(K):
        bit = 1 << k if k < K - 1 else 0
        m[k] = H @ (n[:, :1] * f[y ^ bit]) * np.where(y & bit, -1.0, 1.0)[:, None] / classes
        values += F.Q[k, k] * m[k] * m[k]
        linear += F.c[k] * m[k]
    sides = []
    for sign in (1.0,) if even else (1.0, -1.0):
        total = values.copy()
        for g, u in enumerate(sign * F.U):
            x = u[0] * m[0]
            for k in range(1, K - 1, 2):
                x += u[k] * m[k] + u[k + 1] * m[k + 1]
            if K % 2 == 0:
                x += u[-1] * m[-1]
            piece = g + F.first[g] + np.searchsorted(F.t[F.first[g] : F.first[g + 1]], x)
            total += F.slope[piece] * x + F.level[piece]
        sides.append(total + (np.abs(linear) if even else sign * linear))
    value = np.maximum(*sides) if len(sides) == 2 else sides[0]
    # Of equal ones the first as the kernel meets them: by blocks of lanes, then signs, then lanes.
    value = np.pad(value, ((0, 0), (0, -len(weights) % _LANES)), constant_values=-np.inf)
    in_order = value.reshape(classes, -1, _LANES).swapaxes(0, 1)
    block, e, lane = np.unravel_index(in_order.argmax(), in_order.shape)
    return float(in_order[block, e, lane]), int(block) * _LANES + int(lane), int(e)


@kernel
def _transform(a: np.ndarray, spare: np.ndarray) -> None:
    """Walsh-Hadamard transform along the first axis, of length classes, for _LANES columns."""
    half = a.shape[0] // 2
    passes = 0
    while 1 << passes < a.shape[0]:
        for i in range(half):
            for k in range(_LANES):
                spare[2 * i, k] = a[i, k] + a[i + half, k]
                spare[2 * i + 1, k] = a[i, k] - a[i + half, k]
        a, spare = spare, a
        passes += 1
    if passes % 2:
        for i in range(len(a)):
            for k in range(_LANES):
                spare[i, k] = a[i, k]


@kernel
def _search(weights: np.ndarray, n: np.ndarray, F: Any, even: bool) -> Any:
    """(largest F, number of its weights, number of its signs); the columns are _LANES rows of weights.

    ``n`` is the transform of the counts, in every column.
    """
    classes, K = len(n), weights.shape[1]
    f, spare = np.empty((classes, _LANES)), np.empty((classes, _LANES))
    m = np.empty((K, classes, _LANES))
    values, opposite = np.empty((classes, _LANES)), np.empty((classes, _LANES))
    linear, x = np.empty((classes, _LANES)), np.empty(classes * _LANES)
    flat_m, flat_values, flat_opposite = m.reshape(K, -1), values.reshape(-1), opposite.reshape(-1)
    record, best, signs = -np.inf, 0, 0
    for r in range(0, len(weights), _LANES):
        for l in range(_LANES):
            w = weights[min(r + l, len(weights) - 1)]
            f[0, l] = 0.0
            for k in range(K):
                f[0, l] += w[k]
            for k in range(K - 1):
                for y in range(1 << k):
                    f[y + (1 << k), l] = f[y, l] - 2.0 * w[k]
        for y in range(classes):
            for l in range(_LANES):
                f[y, l] = 1.0 if f[y, l] > 0.0 else -1.0
        _transform(f, spare)

        for e in range(classes):
            for l in range(_LANES):
                values[e, l] = linear[e, l] = 0.0
        for k in range(K):
            # The transform of f(y) y_k is that of f with bit k of the frequency flipped; y_K = 1.
            bit = 1 << k if k < K - 1 else 0
            for y in range(classes):
                for l in range(_LANES):
                    m[k, y, l] = n[y, l] * f[y ^ bit, l]
            _transform(m[k], spare)
            q, c = F.Q[k, k], F.c[k]
            for e in range(classes):
                factor = (-1.0 if e & bit else 1.0) / classes
                for l in range(_LANES):
                    overlap = factor * m[k, e, l]
                    m[k, e, l] = overlap
                    values[e, l] += q * overlap * overlap
                    linear[e, l] += c * overlap

        if not even:
            for e in range(classes):
                for l in range(_LANES):
                    opposite[e, l] = values[e, l]
            _add_groups(F, flat_m, -1.0, x, flat_opposite)
        _add_groups(F, flat_m, 1.0, x, flat_values)
        for e in range(classes):
            for l in range(_LANES):
                value = values[e, l] + abs(linear[e, l])
                if not even:
                    value = max(values[e, l] + linear[e, l], opposite[e, l] - linear[e, l])
                if value > record:
                    record, best, signs = value, min(r + l, len(weights) - 1), e
    return record, best, signs


@kernel
def _add_groups(F: Any, m: np.ndarray, sign: float, x: np.ndarray, values: np.ndarray) -> None:
    """values += sum_g phi_g(sign U_g.m); phi_g is the largest of its linear pieces."""
    for g in range(len(F.U)):
        u = sign * F.U[g]
        for e in range(len(x)):
            x[e] = u[0] * m[0, e]
        for k in range(1, len(m) - 1, 2):
            u1, u2, m1, m2 = u[k], u[k + 1], m[k], m[k + 1]
            for e in range(len(x)):
                x[e] += u1 * m1[e] + u2 * m2[e]
        if len(m) % 2 == 0:
            for e in range(len(x)):
                x[e] += u[-1] * m[-1, e]
        first, last = F.first[g], F.first[g + 1]
        if last - first == 1:
            a0, a1 = F.slope[first + g], F.slope[last + g]
            b0, b1 = F.level[first + g], F.level[last + g]
            for e in range(len(x)):
                y0, y1 = a0 * x[e] + b0, a1 * x[e] + b1
                values[e] += y0 if y0 > y1 else y1
        else:
            for e in range(len(x)):
                low, high = first, last
                while low < high:
                    middle = (low + high) // 2
                    if F.t[middle] < x[e]:
                        low = middle + 1
                    else:
                        high = middle
                values[e] += F.slope[low + g] * x[e] + F.level[low + g]
