"""The semidefinite bound with triangle inequalities, by a smoothed dual and projected L-BFGS.

For spins s = +-1 and a symmetric C without diagonal, X = s s^T satisfies X >= 0, X_ii = 1 and, for all
i < j < k and signs with p q r = +1, p X_ij + q X_ik + r X_jk >= -1. With multipliers y and g >= 0,

    max_s s.C.s / 2  <=  sum_i y_i + sum_t g_t + n lambda_max(M),   M = (C + T'(g)) / 2 - Diag(y),

because the trace of X is n; T'(g) has sum_t +-g_t on the pairs of each triangle. This holds for every (y, g).
What is minimised is the smooth function

    F(y, g) = sum y + sum g + |M+|^2 / (2 a) + a n^2 / 2,

whose gradient needs the positive part of M alone: X = M+ / a (Malick, Povh, Rendl and Wiegele, SIAM J. Optim.
20, 336 (2009); Krislock, Malick and Roupin, Math. Program. 143, 61 (2014)). Here a shrinks from round to
round, and between rounds violated triangles enter and those without a multiplier leave.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..._core.jit import kernel
from ..._core.lapack import positive_eigenpairs

_FEW = 4  # states that are looked at where the work is halted
MEMORY = 8  # pairs that L-BFGS remembers


class Dual(NamedTuple):
    """Multipliers: y of the diagonal, and triangles (rows i < j < k and a code of signs) with their g."""

    y: np.ndarray
    triangles: np.ndarray
    g: np.ndarray


class Effort(NamedTuple):
    """How hard to try: smoothing from ``first`` by ``factor`` to ``last``, steps and triangles a round."""

    first: float
    last: float
    factor: float
    steps: int
    new: int
    rounds: int
    patience: int
    hope: float


ROOT = Effort(1e-2, 5e-5, 0.5, 50, 2000, 30, 4, 2.0)
CHILD = Effort(6e-3, 1e-4, 0.4, 40, 500, 12, 1, 1.5)


class Bound(NamedTuple):
    """Value of the bound, its dual, cosines X_0i of the last iterate, states found, work done."""

    value: float
    dual: Dual
    cosines: np.ndarray
    states: np.ndarray
    evaluations: int


def start(C: np.ndarray) -> Dual:
    """Multipliers to begin with: a little below half of the largest eigenvalue: M has a positive part."""
    y = np.full(len(C), 0.45 * np.linalg.eigvalsh(C)[-1])
    return Dual(y, np.empty((0, 4), np.int32), np.empty(0))


def improve(C: np.ndarray, dual: Dual, effort: Effort, target: float, unit: float, halt: np.ndarray) -> Bound:
    """The bound from ``dual`` on, until it is below ``target``, gains too little for it, or ``halt[0]``."""
    n = len(C)
    room = len(dual.g) + effort.new * effort.rounds
    room = min(room, 4 * n * (n - 1) * (n - 2) // 6 + 1, 40 * n + 2 * effort.new + len(dual.g))
    triangles = np.empty((room, 4), np.int32)
    triangles[: len(dual.g)] = dual.triangles
    x = np.zeros(n + room)
    x[:n] = dual.y
    x[n : n + len(dual.g)] = dual.g
    best_x, best_triangles = np.zeros_like(x), np.zeros_like(triangles)
    X = np.zeros((n, n))
    states = np.ones((n, n), np.int8)
    value, m, evaluations = _improve(
        C,
        x,
        triangles,
        len(dual.g),
        best_x,
        best_triangles,
        X,
        states,
        unit * effort.first,
        unit * effort.last,
        effort.factor,
        effort.steps,
        effort.new,
        effort.rounds,
        1e-6 * unit,
        target,
        effort.patience,
        effort.hope,
        halt,
    )
    best = Dual(best_x[:n].copy(), best_triangles[:m].copy(), best_x[n : n + m].copy())
    diagonal = np.sqrt(np.maximum(np.diag(X), 1e-300))
    cosines = X[0] / diagonal[0] / diagonal
    return Bound(value, best, cosines, states[:_FEW] if halt[0] else states, evaluations)


@kernel
def _evaluate(
    C: Any, triangles: Any, m: Any, x: Any, a: Any, M: Any, w: Any, Z: Any, X: Any, gradient: Any
) -> Any:
    """(F, value of the bound, largest eigenvalue of M); fills the gradient and X = M+."""
    n = C.shape[0]
    for i in range(n):
        for j in range(i, n):
            M[i, j] = 0.5 * C[i, j]
        M[i, i] -= x[i]
    total = 0.0
    for i in range(n):
        total += x[i]
    for t in range(m):
        g = x[n + t]
        if g != 0.0:
            total += g
            h = 0.5 * g
            i, j, k, code = triangles[t, 0], triangles[t, 1], triangles[t, 2], triangles[t, 3]
            M[i, j] += h if code < 2 else -h
            M[i, k] += h if code == 0 or code == 2 else -h
            M[j, k] += h if code == 0 or code == 3 else -h
    found, largest = positive_eigenpairs(M, w, Z)
    square = 0.0
    for r in range(found):
        square += w[r] * w[r]
        root = np.sqrt(w[r])
        for i in range(n):
            Z[r, i] *= root
    if found > 0:
        V = Z[:found]
        np.dot(V.T, V, X)
    else:
        X[:] = 0.0
    inverse = 1.0 / a
    for i in range(n):
        gradient[i] = 1.0 - X[i, i] * inverse
    for t in range(m):
        i, j, k, code = triangles[t, 0], triangles[t, 1], triangles[t, 2], triangles[t, 3]
        p = 1.0 if code < 2 else -1.0
        q = 1.0 if code == 0 or code == 2 else -1.0
        gradient[n + t] = 1.0 + (p * X[i, j] + q * X[i, k] + p * q * X[j, k]) * inverse
    return total + 0.5 * square * inverse + 0.5 * a * n * n, total + n * largest, largest


@kernel
def _direction(
    x: Any, gradient: Any, n: Any, size: Any, S: Any, Y: Any, rho: Any, stored: Any, gamma: Any, d: Any
) -> Any:
    """d = -P H P gradient, H the inverse Hessian of L-BFGS, P keeping what bounds leave free; its slope."""
    alpha = np.empty(MEMORY)
    for i in range(size):
        d[i] = 0.0 if i >= n and x[i] <= 0.0 and gradient[i] >= 0.0 else gradient[i]
    first = max(0, stored - MEMORY)
    for c in range(stored - 1, first - 1, -1):
        p = c % MEMORY
        dot = 0.0
        for i in range(size):
            dot += S[p, i] * d[i]
        alpha[p] = rho[p] * dot
        for i in range(size):
            d[i] -= alpha[p] * Y[p, i]
    for i in range(size):
        d[i] *= gamma
    for c in range(first, stored):
        p = c % MEMORY
        dot = 0.0
        for i in range(size):
            dot += Y[p, i] * d[i]
        step = alpha[p] - rho[p] * dot
        for i in range(size):
            d[i] += step * S[p, i]
    slope = 0.0
    for i in range(size):
        d[i] = 0.0 if i >= n and x[i] <= 0.0 and gradient[i] >= 0.0 else -d[i]
        slope += d[i] * gradient[i]
    return slope


@kernel
def _sort(values: Any, count: Any, order: Any, spare: Any) -> None:
    """The first ``count`` values from the least on, equal ones as they come: a merge sort of their places.

    numba's own sorts and its median take five times as long to compile as the rest of ``_separate``.
    """
    for c in range(count):
        order[c] = c
    width = 1
    while width < count:
        for first in range(0, count, 2 * width):
            middle, last = min(first + width, count), min(first + 2 * width, count)
            left, right = first, middle
            for c in range(first, last):
                if right == last or (left < middle and values[order[left]] <= values[order[right]]):
                    spare[c] = order[left]
                    left += 1
                else:
                    spare[c] = order[right]
                    right += 1
        for c in range(count):
            order[c] = spare[c]
        width *= 2


@kernel
def _separate(X: Any, a: Any, triangles: Any, m: Any, wanted: Any, violation: Any) -> Any:
    """Append up to ``wanted`` of the most violated triangles that are not yet there; returns their number."""
    n = X.shape[0]
    scale = np.empty(n)
    for i in range(n):
        scale[i] = 1.0 / np.sqrt(X[i, i]) if X[i, i] > 1e-12 * a else 0.0
    R = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            R[i, j] = X[i, j] * scale[i] * scale[j]
    numbers, known = np.empty(m, np.int64), np.empty(m, np.int64)
    for t in range(m):
        key = (np.int64(triangles[t, 0]) * n + triangles[t, 1]) * n + triangles[t, 2]
        numbers[t] = key * 4 + triangles[t, 3]
    capacity = 1 << 14
    order, spare = np.empty(max(m, capacity), np.int64), np.empty(max(m, capacity), np.int64)
    _sort(numbers, m, order, spare)
    for t in range(m):
        known[t] = numbers[order[t]]
    keys = np.empty(capacity, np.int64)
    sizes = np.empty(capacity)
    count = 0
    limit = -1.0 - violation
    for i in range(n - 2):
        for j in range(i + 1, n - 1):
            u = R[i, j]
            lowest = np.inf
            for k in range(j + 1, n):
                v, z = R[i, k], R[j, k]
                low = min(u - abs(v - z), -u - abs(v + z))  # of u + v' + z' over the four patterns, at -
                lowest = low if low < lowest else lowest
            if lowest >= limit:
                continue
            for k in range(j + 1, n):
                v, z = R[i, k], R[j, k]
                for code in range(4):
                    if code == 0:
                        value = u + v + z
                    elif code == 1:
                        value = u - v - z
                    elif code == 2:
                        value = -u + v - z
                    else:
                        value = -u - v + z
                    if value >= limit:
                        continue
                    key = ((np.int64(i) * n + j) * n + k) * 4 + code
                    at, end = 0, m
                    while at < end:
                        half = (at + end) // 2
                        if known[half] < key:
                            at = half + 1
                        else:
                            end = half
                    if at < m and known[at] == key:
                        continue
                    if count == capacity:  # keep the more violated half
                        _sort(sizes, count, order, spare)
                        middle = (sizes[order[count // 2 - 1]] + sizes[order[count // 2]]) / 2
                        kept = 0
                        for c in range(count):
                            if sizes[c] < middle and kept < capacity // 2:
                                sizes[kept], keys[kept] = sizes[c], keys[c]
                                kept += 1
                        count = kept
                        limit = min(limit, middle)
                        if value >= limit:
                            continue
                    keys[count], sizes[count] = key, value
                    count += 1
    _sort(sizes, count, order, spare)
    added = min(wanted, count, triangles.shape[0] - m)
    for c in range(added):
        key = keys[order[c]]
        triangles[m + c, 3] = key % 4
        key //= 4
        triangles[m + c, 2] = key % n
        key //= n
        triangles[m + c, 1] = key % n
        triangles[m + c, 0] = key // n
    return added


@kernel
def _round(C: Any, X: Any, states: Any) -> None:
    """States from the signs of the columns of X, each improved by single flips as long as one gains."""
    n = C.shape[0]
    h = np.empty(n)
    for c in range(len(states)):
        s = states[c]
        for i in range(n):
            s[i] = 1 if X[c, i] >= 0 else -1
        for i in range(n):
            h[i] = 0.0
        for j in range(n):
            for i in range(n):
                h[i] += C[j, i] * s[j]
        while True:
            worst, at = -1e-12, -1
            for i in range(n):
                if s[i] * h[i] < worst:
                    worst, at = s[i] * h[i], i
            if at < 0:
                break
            s[at] = -s[at]
            change = 2.0 * s[at]
            for i in range(n):
                h[i] += change * C[at, i]


@kernel
def _improve(
    C: Any,
    x: Any,
    triangles: Any,
    m: Any,
    best_x: Any,
    best_triangles: Any,
    X: Any,
    states: Any,
    a: Any,
    a_last: Any,
    factor: Any,
    steps: Any,
    wanted: Any,
    rounds: Any,
    negligible: Any,
    target: Any,
    patience: Any,
    hope: Any,
    halt: Any,
) -> Any:
    n = C.shape[0]
    capacity = len(x)
    M, Z, w = np.empty((n, n)), np.empty((n, n)), np.empty(n)
    gradient, trial_gradient = np.empty(capacity), np.empty(capacity)
    trial, d = np.empty(capacity), np.empty(capacity)
    S, Y, rho = np.empty((MEMORY, capacity)), np.empty((MEMORY, capacity)), np.empty(MEMORY)
    best, best_m = np.inf, m
    evaluations = 0
    gamma = 0.0
    before = np.inf
    for turn in range(rounds):
        size = n + m
        F, value, largest = _evaluate(C, triangles, m, x, a, M, w, Z, X, gradient)
        evaluations += 1
        stored = 0
        fresh = True  # the triangles of this round are not yet copied
        step = 0
        if gamma == 0.0:
            norm = 0.0
            for i in range(size):
                norm += gradient[i] * gradient[i]
            gamma = min((abs(largest) + negligible) / (np.sqrt(norm) + 1e-300), 1e7 * negligible)
        while True:
            if value < best:
                best = value
                best_m = m
                for i in range(size):
                    best_x[i] = x[i]
                for i in range(n):
                    best_x[i] += largest
                if fresh:
                    for i in range(m):
                        for k in range(4):
                            best_triangles[i, k] = triangles[i, k]
                    fresh = False
                if best < target:
                    break
            if step == steps or halt[0] != 0:
                break
            step += 1
            slope = _direction(x, gradient, n, size, S, Y, rho, stored, gamma, d)
            if slope > -1e-13 * abs(F):
                break
            t = 1.0
            accepted = False
            for _ in range(12):
                moved = 0.0
                for i in range(size):
                    z = x[i] + t * d[i]
                    if i >= n and z < 0.0:
                        z = 0.0
                    trial[i] = z
                    moved += gradient[i] * (z - x[i])
                F1, value1, largest1 = _evaluate(C, triangles, m, trial, a, M, w, Z, X, trial_gradient)
                evaluations += 1
                if F + 1e-4 * moved >= F1:
                    accepted = True
                if accepted or halt[0] != 0:
                    break
                # the parabola through F, the slope and F1
                curvature = F1 - F - t * slope
                shorter = 0.1 * t
                if curvature > 0 and np.isfinite(curvature):
                    shorter = max(-0.5 * slope * t * t / curvature, shorter)
                t = min(shorter, 0.5 * t)
            if not accepted:
                break
            p = stored % MEMORY
            sy, yy = 0.0, 0.0
            for i in range(size):
                S[p, i] = trial[i] - x[i]
                Y[p, i] = trial_gradient[i] - gradient[i]
                sy += S[p, i] * Y[p, i]
                yy += Y[p, i] * Y[p, i]
            if sy > 1e-10 * yy * gamma and sy > 0:
                rho[p] = 1.0 / sy
                gamma = sy / yy
                stored += 1
            elif yy == 0.0:  # F is linear here: M has no positive part
                gamma = min(4 * gamma, 1e7 * negligible)
            for i in range(size):
                x[i] = trial[i]
                gradient[i] = trial_gradient[i]
            F, value, largest = F1, value1, largest1
        if best < target or turn == rounds - 1 or halt[0] != 0:
            break
        gain = before - best
        if turn >= patience and hope * gain < best - target:
            break
        if turn >= 3 and gain < 1e-7 * abs(best):
            break
        before = best
        if turn == 0 or turn == 2:
            _round(C, X, states)
        kept = 0  # triangles without a multiplier leave
        for t in range(m):
            if x[n + t] > negligible:
                x[n + kept] = x[n + t]
                for c in range(4):
                    triangles[kept, c] = triangles[t, c]
                kept += 1
        m = kept
        added = _separate(X, a, triangles, m, wanted, 0.02)
        for t in range(m, m + added):
            x[n + t] = 0.0
        m += added
        smaller = max(a * factor, a_last)
        if added == 0 and smaller == a:
            break
        gamma *= smaller / a
        a = smaller
    if best >= target:
        _round(C, X, states if halt[0] == 0 else states[:_FEW])
    return best, best_m, evaluations
