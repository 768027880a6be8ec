"""Ground states of up to 3 binary patterns in any fields, by the sums over classes of sites.

Sites with the same pattern column up to sign form 1, 2 or 4 classes. With rows r_c, sites x_i = z_i r_c, and
M_c = sum z_i s_i over class c (see ``partition``),

    r_c.m = a M_c - d T,   m.m = a sum_c M_c^2 - d T^2,   T = sum_c M_c,   a = 1, 2, 4,   d = 0, 0, 1,

and the best way to give class c the sum M_c is to turn the sites with the largest z_i b_i up. So one layer is

    max over M of  sum_c [ (scale/2) a M_c^2 + B_c(M_c) ] - (scale/2) d T^2,

and two layers, the units of the other one in classes too, with phi_c(x) = sum_a |scale x + z_a b_a|,

    max over M of  sum_c [ phi_c(a M_c - d T) + B_c(M_c) ].

K = 1, 2: each class by itself. K = 3: for each T (one layer: for all T at once) the classes are joined two by
two, a max-plus convolution. Nothing here needs the energy to be convex.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..._core.jit import kernel
from ..._core.progress import map_with_progress

MAX_PATTERNS = 3
_A, _D = (1, 2, 4), (0, 0, 1)
_BITS = 61  # fields are added as multiples of 2^-61 of the sum of their sizes
_TASKS = 64


class _Class(NamedTuple):
    """Sites of one class, the largest z b first, and the field energy b.s with the first p of them up."""

    sites: np.ndarray
    z: np.ndarray
    terms: np.ndarray  # z b
    B: np.ndarray  # (sites + 1,)


def classes_of(negative: np.ndarray, K: int) -> tuple[np.ndarray, np.ndarray]:
    """(class, z) of every site, from the bits of its column."""
    if K < MAX_PATTERNS:
        flip = negative >> (K - 1)
        return (negative ^ -flip) & ((1 << (K - 1)) - 1), 1 - 2 * flip
    # Class 0 is (1, 1, 1), class k > 0 has +1 at k - 1 only; the other four columns are their opposites.
    group = np.array([0, 1, 2, 3, 3, 2, 1, 0])
    z = np.array([1, -1, -1, 1, -1, 1, 1, -1])
    return group[negative], z[negative]


def seconds(K: int, counts: np.ndarray, units: int) -> float:
    """On one core; ``units`` of the other layer, 0 if there is one layer only."""
    n = float(counts.sum())
    join = 0.0
    if K == MAX_PATTERNS:
        pairs = (
            counts[0] * counts[1] + counts[2] * counts[3] + (counts[0] + counts[1]) * (counts[2] + counts[3])
        )
        join = 4e-9 * float(pairs) * (n if units else 1.0)
    return 1e-4 + 2e-6 * (n + units) + join


def best_sums(
    K: int,
    negative: np.ndarray,
    b: np.ndarray,
    scale: float,
    other: tuple[np.ndarray, np.ndarray] | None,
    threads: int | None,
) -> tuple[np.ndarray, float]:
    """(s, the largest F); ``other`` holds the bits and the fields of the units of the other layer.

    Exact but for ``rounding``.
    """
    a, d = _A[K - 1], _D[K - 1]
    classes = _classes(K, negative, b)
    M = [2.0 * np.arange(len(part.B)) - len(part.sites) for part in classes]
    if other is None:
        gains = [scale / 2 * a * m * m + part.B for m, part in zip(M, classes, strict=True)]
    else:
        reach = K * len(b)  # of r_c.m; phi_c is tabulated at all of these integers
        x = np.arange(-reach, reach + 1, dtype=np.float64)
        phi = [_sum_of_sizes(scale * x, part) for part in _classes(K, *other)]
    if d == 0:
        if other is not None:
            gains = [
                table[(a * m).astype(np.int64) + reach] + part.B
                for table, m, part in zip(phi, M, classes, strict=True)
            ]
        best = [int(np.argmax(gain)) for gain in gains]
        value = float(sum(gain[p] for gain, p in zip(gains, best, strict=True)))
    elif other is None:
        total = 2.0 * np.arange(len(b) + 1) - len(b)
        value, best = _join(gains, -scale / 2 * d * total * total, threads)
    else:
        value, best = _join_each(phi, [part.B for part in classes], threads)
    s = np.empty(len(b), np.int8)
    for p, part in zip(best, classes, strict=True):
        s[part.sites] = -part.z
        s[part.sites[:p]] = part.z[:p]
    return s, value


def rounding(size: float, fields: float, sites: int) -> float:
    """Bound on the error of the largest F: of ``size``, all terms, and of ``fields``, those of the fields."""
    return 64 * 2.0**-53 * size + sites * 2.0**-_BITS * fields


def _classes(K: int, negative: np.ndarray, b: np.ndarray) -> list[_Class]:
    group, z = classes_of(negative, K)
    exponent = _BITS - int(np.frexp(np.abs(b).sum())[1])
    result = []
    for c in range(1 << (K - 1)):
        sites = np.flatnonzero(group == c)
        sites = sites[np.argsort(-(z[sites] * b[sites]), kind="stable")]
        terms = z[sites] * b[sites]
        sums = np.append(0, np.cumsum(np.rint(np.ldexp(terms, exponent)).astype(np.int64)))
        result.append(_Class(sites, z[sites], terms, np.ldexp(2.0 * sums - sums[-1], -exponent)))
    return result


def _sum_of_sizes(y: np.ndarray, part: _Class) -> np.ndarray:
    """sum_a |y + z_a b_a|: the k terms with the largest z b are positive."""
    k = np.searchsorted(-part.terms, y, side="right")
    return y * (2.0 * k - len(part.terms)) + part.B[k]


def _join(gains: list[np.ndarray], of_total: np.ndarray, threads: int | None) -> tuple[float, list[int]]:
    """(largest sum_c gains[c][p_c] + of_total[sum_c p_c], p)."""
    (left, left_p), (right, right_p) = _pair(gains[0], gains[1], threads), _pair(gains[2], gains[3], threads)
    bounds = np.linspace(0, len(left), min(_TASKS, len(left)) + 1).astype(np.int64)

    def run(k: int) -> tuple[float, int, int]:
        value, i, j = _best_pair(left, right, of_total, bounds[k], bounds[k + 1])
        return value, i, j

    found = map_with_progress(run, range(len(bounds) - 1), threads, "ground state")
    value, i, j = max(found, key=lambda answer: answer[0])
    return value, [int(left_p[i]), i - int(left_p[i]), int(right_p[j]), j - int(right_p[j])]


def _pair(f: np.ndarray, g: np.ndarray, threads: int | None) -> tuple[np.ndarray, np.ndarray]:
    """h[n] = max of f[p] + g[n - p], and the p."""
    h, best = np.empty(len(f) + len(g) - 1), np.empty(len(f) + len(g) - 1, np.int64)
    bounds = np.linspace(0, len(h), min(_TASKS, len(h)) + 1).astype(np.int64)
    parts = list(pairwise(bounds.tolist()))
    map_with_progress(lambda part: _convolve(f, g, *part, h, best), parts, threads, "ground state")
    return h, best


def _join_each(
    phi: list[np.ndarray], fields: list[np.ndarray], threads: int | None
) -> tuple[float, list[int]]:
    """The same where the gains gains_c[p] = phi_c(4 M_c - T) + B_c[p] depend on T, for each T by itself."""
    N = sum(len(B) - 1 for B in fields)

    def gains(up: int) -> list[np.ndarray]:
        T = 2 * up - N
        result = []
        for table, B in zip(phi, fields, strict=True):
            x = 4 * (2 * np.arange(len(B)) - len(B) + 1) - T
            # Sums that no other class can complete to T lie outside the table.
            reach = len(table) // 2
            result.append(np.where(np.abs(x) <= reach, table[np.clip(x + reach, 0, 2 * reach)] + B, -np.inf))
        return result

    def run(up: int) -> float:
        f = gains(up)
        left, right = np.empty(len(f[0]) + len(f[1]) - 1), np.empty(len(f[2]) + len(f[3]) - 1)
        p = np.empty(max(len(left), len(right)), np.int64)
        _convolve(f[0], f[1], 0, len(left), left, p)
        _convolve(f[2], f[3], 0, len(right), right, p)
        first = max(0, up - len(right) + 1)
        last = min(len(left) - 1, up)
        return float((left[first : last + 1] + right[up - last : up - first + 1][::-1]).max())

    values = map_with_progress(run, range(N + 1), threads, "ground state")
    up = int(np.argmax(values))
    of_total = np.full(N + 1, -np.inf)
    of_total[up] = 0.0
    return _join(gains(up), of_total, 1)


@kernel
def _convolve(f: np.ndarray, g: np.ndarray, start: int, stop: int, h: np.ndarray, best: np.ndarray) -> None:
    for n in range(start, stop):
        first = max(0, n - len(g) + 1)
        last = min(len(f) - 1, n)
        value = -np.inf
        for p in range(first, last + 1):
            value = max(value, f[p] + g[n - p])
        h[n] = value
        best[n] = first
        for p in range(first, last + 1):
            if f[p] + g[n - p] == value:
                best[n] = p
                break


@kernel
def _best_pair(f: np.ndarray, g: np.ndarray, of_total: np.ndarray, start: int, stop: int) -> Any:
    """Largest f[i] + g[j] + of_total[i + j] for start <= i < stop, and its i and j."""
    record, at, with_ = -np.inf, start, 0
    for i in range(start, stop):
        value = -np.inf
        for j in range(len(g)):
            value = max(value, g[j] + of_total[i + j])
        if f[i] + value > record:
            record, at = f[i] + value, i
            for j in range(len(g)):
                if g[j] + of_total[i + j] == value:
                    with_ = j
                    break
    return record, at, with_
