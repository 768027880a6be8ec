"""Largest value of a convex function of y = sum_i s_i x_i over all signs s, x_i being up to three numbers.

The maximum lies at a vertex of the zonotope of all y, where s_i = sign(c.x_i) for some direction c that is
orthogonal to no x_i: the vertices are the cells of the arrangement of the planes c.x_i = 0.

One number    s_i = sign(x_i).
Two numbers   c turns half way round and meets the lines one by one: a sort by angle.
Three numbers every cell touches some plane i, on which the other planes leave a planar arrangement: one
              such turn for each i, with both signs of s_i.

Where lines cannot be told apart in float64, all orders of them are covered: their vectors are coplanar
with x_i up to rounding, so the vertices of their own planar zonotope reach what any signs of them reach.

y is summed in 62-bit integers. The roundings, of angles and of y, amount to vectors that are moved by a
small part of their length; the largest value can exceed the one found by the function's slope times that.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..._core.jit import kernel
from ..._core.progress import map_with_progress

U = 2.0**-53  # unit roundoff
MAX_RANK = 3
_SUM_BITS = 61  # y is a multiple of 2^-61 of the sum of all sizes
_SAME_ANGLE = 2.0**-47  # ten times the error of an angle
_TINY = 2.0**-250  # of the sum of all sizes, counts as zero: products of two stay clear of underflow
_SMALLEST = 2.0**-1000  # above what underflow can add up to
_TASK = 2**16


class Convex(NamedTuple):
    """F(y) = y.Q.y + c.y + sum_g phi_g(U_g.y) with phi_g(x) = sum_a |x - t_a|.

    Attributes
    ----------
    Q : ndarray, shape (r, r)
        Positive semidefinite.
    c : ndarray, shape (r,)
    U : ndarray, shape (G, r)
    first : ndarray, shape (G + 1,)
        Group g has the breakpoints t[first[g] : first[g + 1]], ascending.
    t : ndarray, shape (P,)
    slope, level : ndarray, shape (P + G,)
        phi_g(x) = slope[j + g] x + level[j + g] between its breakpoints j - 1 and j.
    offsets : float
        sum_a |t_a|.
    """

    Q: np.ndarray
    c: np.ndarray
    U: np.ndarray
    first: np.ndarray
    t: np.ndarray
    slope: np.ndarray
    level: np.ndarray
    offsets: float

    @property
    def is_even(self) -> bool:
        """Whether F(y) - c.y is even."""
        return not self.t.any()

    @property
    def units(self) -> np.ndarray:
        """Terms of each phi_g."""
        return self.slope[self.first[1:] + np.arange(len(self.U))]

    def steepness(self, reach: np.ndarray) -> np.ndarray:
        """Bounds on |dF/dy_k| where |y_k| <= reach_k."""
        return 2 * np.abs(self.Q) @ reach + np.abs(self.c) + self.units @ np.abs(self.U)

    def size(self, reach: np.ndarray) -> float:
        """Bound on the sum of the sizes of the terms of F where |y_k| <= reach_k."""
        return float(self.steepness(reach) @ reach) + self.offsets

    def rounding(self, reach: np.ndarray) -> float:
        """Bound on the error of a computed value where |y_k| <= reach_k."""
        levels = float(self.units.sum()) * 2.0**-_SUM_BITS * self.offsets
        return (len(self.U) + 64) * U * self.size(reach) + levels + _SMALLEST

    def gradient(self, y: np.ndarray) -> np.ndarray:
        """A subgradient at y."""
        return 2 * self.Q @ y + self.c + self.slope[self._segments(y)[0]] @ self.U

    def __call__(self, y: np.ndarray) -> float:
        segment, x = self._segments(y)
        return float(y @ self.Q @ y + self.c @ y + (self.slope[segment] * x + self.level[segment]).sum())

    def _segments(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The pieces of all phi_g that hold x_g = U_g.y, and x."""
        x = self.U @ y
        below = np.append(0, np.cumsum(self.t < np.repeat(x, np.diff(self.first))))
        first, last = self.first[:-1], self.first[1:]
        return np.arange(len(x)) + first + below[last] - below[first], x


def quadratic(Q: np.ndarray, c: np.ndarray) -> Convex:
    """y.Q.y + c.y"""
    return _convex(Q, c, np.empty((0, len(c))), np.empty(0, np.int64), np.empty(0))


def sum_of_sizes(c: np.ndarray, U: np.ndarray, group: np.ndarray, t: np.ndarray) -> Convex:
    """c.y + sum_a |U_group(a).y - t_a|"""
    return _convex(np.zeros((len(c), len(c))), c, U, group, t)


def _convex(Q: np.ndarray, c: np.ndarray, U: np.ndarray, group: np.ndarray, t: np.ndarray) -> Convex:
    order = np.lexsort((t, group))
    group, t = group[order], t[order]
    new = np.ones(len(t), bool)
    new[1:] = (np.diff(group) != 0) | (np.diff(t) != 0)
    start = np.flatnonzero(new)
    units = np.diff(np.append(start, len(t)))
    group, t = group[start], t[start]
    first = np.searchsorted(group, np.arange(len(U) + 1))

    offsets = float(units @ np.abs(t))
    exponent = _SUM_BITS - int(np.frexp(offsets)[1])
    sums = np.append(0, np.cumsum(np.rint(np.ldexp(t, exponent)).astype(np.int64) * units))
    counts = np.append(0, np.cumsum(units))
    g = np.repeat(np.arange(len(U)), np.diff(first) + 1)
    j = np.arange(len(g)) - g
    a, b = first[g], first[g + 1]
    slope = (counts[j] - counts[a]) - (counts[b] - counts[j])
    level = (sums[b] - sums[j]) - (sums[j] - sums[a])
    return Convex(
        np.ascontiguousarray(Q, dtype=np.float64),
        np.ascontiguousarray(c, dtype=np.float64),
        np.ascontiguousarray(U, dtype=np.float64),
        first.astype(np.int64),
        np.ascontiguousarray(t, dtype=np.float64),
        slope.astype(np.float64),
        np.ldexp(level.astype(np.float64), -exponent),
        offsets,
    )


def best_signs(X: np.ndarray, F: Convex, threads: int | None = None) -> tuple[np.ndarray, float]:
    """Signs s of almost largest F(sum_i s_i X_i), and a bound that no signs exceed.

    ``X`` has shape (N, r), r <= 3. The bound is larger than the value of s by rounding, of relative
    order (N/1000 + r) 1e-15. Time N log N for r = 2, N^2 log N for r = 3, each value of F apart.
    """
    # Columns of a common size, so that an error of angle means as much in each of them.
    exponents = np.frexp(np.abs(X).sum(0))[1]
    r, pad = X.shape[1], (0, MAX_RANK - X.shape[1])
    Y = np.pad(np.ldexp(X, -exponents), ((0, 0), pad))
    Y[np.abs(Y) < _TINY] = 0.0
    F = F._replace(
        Q=np.pad(np.ldexp(F.Q, exponents[:, None] + exponents), pad),
        c=np.pad(np.ldexp(F.c, exponents), pad),
        U=np.pad(np.ldexp(F.U, exponents), ((0, 0), pad)),
    )
    Z = np.rint(np.ldexp(Y, _SUM_BITS)).astype(np.int64)
    y, value, error = (_half_turn if r <= 2 else _all_turns)(Y, Z, F, threads)
    if F(-y) > F(y):
        y = -y
    s = np.where(Y @ F.gradient(y) < 0, -1, 1).astype(np.int8)  # at least as good as y: F is convex

    reach = np.abs(Y).sum(0)
    moved = error * float(reach.sum()) + len(Y) * 2.0**-_SUM_BITS
    return s, value + 2 * moved * float(F.steepness(reach) @ (reach > 0)) + F.rounding(reach)


def _half_turn(
    Y: np.ndarray, Z: np.ndarray, F: Convex, threads: int | None
) -> tuple[np.ndarray, float, float]:
    """c turns from the second axis; line i is met at its angle in [0, pi) plus pi/2."""
    up = (Y[:, 1] > 0) | ((Y[:, 1] == 0) & (Y[:, 0] > 0))
    sign = np.where(up, 1, -1)
    angle = np.arctan2(sign * Y[:, 1], sign * Y[:, 0])
    order = np.argsort(angle, kind="stable")
    Z, angle = (sign[:, None] * Z)[order], angle[order]
    y = Z.sum(0) - 2 * np.cumsum(Z, axis=0)
    y = np.ldexp(y[np.append(np.diff(angle) > 0, True)].astype(np.float64), -_SUM_BITS)
    even = F.is_even

    def run(start: int) -> tuple[float, int]:
        part = y[start : start + step]
        values = np.empty(len(part))
        _gains(F, even, part, values)
        return float(values.max()), start + int(values.argmax())

    step = max(1, _TASK // (1 + len(F.U)))
    found = map_with_progress(run, range(0, len(y), step), threads, "ground state")
    value, best = max(found, key=lambda answer: answer[0])
    return y[best], value, 2.0**-49


def _all_turns(
    Y: np.ndarray, Z: np.ndarray, F: Convex, threads: int | None
) -> tuple[np.ndarray, float, float]:
    """For each plane i, c turns half way round in it."""
    even = F.is_even

    def run(start: int) -> tuple[float, float, np.ndarray]:
        y = np.zeros(MAX_RANK)
        value, width = _turns(start, min(start + step, len(Y)), Y, Z, F, even, y)
        return value, width, y

    step = max(1, _TASK // (len(Y) * (1 + len(F.U))))
    found = map_with_progress(run, range(0, len(Y), step), threads, "ground state")
    value, _, y = max(found, key=lambda answer: answer[0])
    return y, value, 2 * (max(width for _, width, _ in found) + _SAME_ANGLE)


@kernel
def _value(F: Any, y0: float, y1: float, y2: float) -> float:
    """F(y) - c.y"""
    Q, U, t = F.Q, F.U, F.t
    total = (
        y0 * (Q[0, 0] * y0 + 2 * (Q[0, 1] * y1 + Q[0, 2] * y2))
        + y1 * (Q[1, 1] * y1 + 2 * Q[1, 2] * y2)
        + y2 * Q[2, 2] * y2
    )
    for g in range(len(U)):
        x = U[g, 0] * y0 + U[g, 1] * y1 + U[g, 2] * y2
        low, high = F.first[g], F.first[g + 1]
        while low < high:
            middle = (low + high) // 2
            if t[middle] < x:
                low = middle + 1
            else:
                high = middle
        total += F.slope[low + g] * x + F.level[low + g]
    return total


@kernel
def _gain(F: Any, even: bool, y0: float, y1: float, y2: float) -> float:
    """The larger of F(y) and F(-y)."""
    linear = F.c[0] * y0 + F.c[1] * y1 + F.c[2] * y2
    value = _value(F, y0, y1, y2)
    if even:
        return value + abs(linear)
    return max(value + linear, _value(F, -y0, -y1, -y2) - linear)


@kernel
def _gains(F: Any, even: bool, points: np.ndarray, out: np.ndarray) -> None:
    for n in range(len(points)):
        out[n] = _gain(F, even, points[n, 0], points[n, 1], points[n, 2])


@kernel
def _two_product(a: float, b: float) -> Any:
    """a b as a sum of two numbers (T. J. Dekker, Numer. Math. 18, 224 (1971))."""
    p = a * b
    s = 134217729.0 * a
    a_high = s - (s - a)
    a_low = a - a_high
    s = 134217729.0 * b
    b_high = s - (s - b)
    b_low = b - b_high
    return p, ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low


@kernel
def _minor(a: float, b: float, c: float, d: float) -> Any:
    """a b - c d, with a relative error of 2^-52 and zero only if it is zero."""
    p, e = _two_product(a, b)
    q, f = _two_product(c, d)
    return (p - q) + (e - f)


@kernel
def _turns(start: int, stop: int, Y: np.ndarray, Z: np.ndarray, F: Any, even: bool, best: np.ndarray) -> Any:
    """(largest value, width of the widest cluster of lines) of the turns in planes start..stop - 1."""
    N = len(Y)
    number = np.empty(N, np.int64)
    sign = np.empty(N, np.int64)
    angle, length = np.empty(N), np.empty(N)
    e1, e2, e3 = np.empty(3), np.empty(3), np.empty(3)
    y, w, base = np.empty(3, np.int64), np.empty(3, np.int64), np.empty(3, np.int64)
    ulp = 2.0**-_SUM_BITS
    best[:] = 0.0
    record, width = _gain(F, even, 0.0, 0.0, 0.0), 0.0  # the centre is no higher than the highest vertex
    for i in range(start, stop):
        norm = np.sqrt(Y[i, 0] ** 2 + Y[i, 1] ** 2 + Y[i, 2] ** 2)
        if norm == 0.0:
            continue
        for l in range(3):
            e3[l] = Y[i, l] / norm
        k = np.argmin(np.abs(e3))
        k1, k2 = (k + 1) % 3, (k + 2) % 3
        size = np.sqrt(e3[k1] ** 2 + e3[k2] ** 2)
        e1[k], e1[k1], e1[k2] = 0.0, -e3[k2] / size, e3[k1] / size
        e2[0] = e3[1] * e1[2] - e3[2] * e1[1]
        e2[1] = e3[2] * e1[0] - e3[0] * e1[2]
        e2[2] = e3[0] * e1[1] - e3[1] * e1[0]

        # w: sum of the vectors parallel to i. y: sum of the others, with the signs before the turn.
        n = 0
        y[:] = 0
        w[:] = 0
        for j in range(N):
            c0 = _minor(Y[i, 1], Y[j, 2], Y[i, 2], Y[j, 1])
            c1 = _minor(Y[i, 2], Y[j, 0], Y[i, 0], Y[j, 2])
            c2 = _minor(Y[i, 0], Y[j, 1], Y[i, 1], Y[j, 0])
            if c0 == 0.0 and c1 == 0.0 and c2 == 0.0:
                along = Y[i, 0] * Y[j, 0] + Y[i, 1] * Y[j, 1] + Y[i, 2] * Y[j, 2]
                for l in range(3):
                    w[l] += Z[j, l] if along >= 0 else -Z[j, l]
                continue
            # x_i x x_j = |x_i| (e3 x x_j), so these are the parts of x_j in the plane, times |x_i|
            p1 = c0 * e2[0] + c1 * e2[1] + c2 * e2[2]
            p2 = -(c0 * e1[0] + c1 * e1[1] + c2 * e1[2])
            up = p2 > 0.0 or (p2 == 0.0 and p1 > 0.0)
            sign[n] = 1 if up else -1
            angle[n] = (-p1 if up else p1) / (abs(p1) + abs(p2))  # in [-1, 1], growing with the angle
            length[n] = np.sqrt(p1 * p1 + p2 * p2) / norm
            number[n] = j
            for l in range(3):
                y[l] += sign[n] * Z[j, l]
            n += 1

        order = np.argsort(angle[:n])
        cut = 0
        if n > 0 and (1.0 - angle[order[n - 1]]) + (angle[order[0]] + 1.0) <= _SAME_ANGLE:
            while cut + 1 < n and angle[order[cut + 1]] - angle[order[cut]] <= _SAME_ANGLE:
                cut += 1
            cut += 1
        for q in order[:cut]:  # these belong to the lines at the other end
            for l in range(3):
                y[l] -= 2 * sign[q] * Z[number[q], l]
            sign[q] = -sign[q]
            angle[q] += 2.0
        order = np.roll(order, -cut)

        q = 0
        while q < n or q == 0:
            for side in (-1, 1):
                y0, y1, y2 = (
                    ulp * (y[0] + side * w[0]),
                    ulp * (y[1] + side * w[1]),
                    ulp * (y[2] + side * w[2]),
                )
                value = _gain(F, even, y0, y1, y2)
                if value > record:
                    record = value
                    best[0], best[1], best[2] = y0, y1, y2
            end = q + 1
            while end < n and angle[order[end]] - angle[order[end - 1]] <= _SAME_ANGLE:
                end += 1
            for l in range(3):
                base[l] = y[l]
            for m in order[q:end]:
                for l in range(3):
                    y[l] -= 2 * sign[m] * Z[number[m], l]
            if end - q > 1:
                width = max(width, angle[order[end - 1]] - angle[order[q]])
                for l in range(3):
                    base[l] = (base[l] + y[l]) // 2  # the lines outside the cluster
                record = _planar(order[q:end], number, sign, length, Y, Z, e3, base, w, F, even, record, best)
            q = end
    return record, width


@kernel
def _planar(
    cluster: np.ndarray,
    number: np.ndarray,
    sign: np.ndarray,
    length: np.ndarray,
    Y: np.ndarray,
    Z: np.ndarray,
    e3: np.ndarray,
    base: np.ndarray,
    w: np.ndarray,
    F: Any,
    even: bool,
    record: float,
    best: np.ndarray,
) -> float:
    """Largest value over the signs of a cluster of lines and of w, taken as vectors (length, along e3)."""
    angle = np.empty(len(cluster))
    local = w.copy()
    ulp = 2.0**-_SUM_BITS
    for a in range(len(cluster)):
        m = cluster[a]
        j = number[m]
        along = sign[m] * (Y[j, 0] * e3[0] + Y[j, 1] * e3[1] + Y[j, 2] * e3[2])
        angle[a] = along / (abs(along) + length[m])
        for l in range(3):
            local[l] += sign[m] * Z[j, l]
    order = np.argsort(angle)
    for a in range(len(cluster) + 1):
        for side in (-1, 1):
            y0 = ulp * (base[0] + side * local[0])
            y1 = ulp * (base[1] + side * local[1])
            y2 = ulp * (base[2] + side * local[2])
            value = _gain(F, even, y0, y1, y2)
            if value > record:
                record = value
                best[0], best[1], best[2] = y0, y1, y2
        if a < len(cluster):
            m = cluster[order[a]]
            for l in range(3):
                local[l] -= 2 * sign[m] * Z[number[m], l]
    return record
