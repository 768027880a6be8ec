"""The positive eigenpairs of a symmetric tridiagonal matrix, all of them side by side.

Eigenvalues by bisection with Sturm's count, eigenvectors from the twisted factorisation of T - lambda
(Parlett and Dhillon, Linear Algebra Appl. 267, 247 (1997)). Each recurrence runs down the rows and, inside,
over the eigenvalues: a processor divides several at once, while LAPACK takes one after the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import kernel

_EPS = 2.0**-52


@kernel
def is_split(f: Any, size: Any) -> Any:
    """Whether a squared element beside the diagonal is nothing next to ``size``: T falls into blocks."""
    smallest = np.inf
    for x in f:
        smallest = min(smallest, x)
    return smallest <= (_EPS * size) ** 2


@kernel
def norm(d: Any, e: Any) -> Any:
    """The largest row sum of absolute values, which no eigenvalue exceeds."""
    n = len(d)
    size = 0.0
    for i in range(n):
        row = abs(d[i]) + (abs(e[i - 1]) if i > 0 else 0.0) + (abs(e[i]) if i < n - 1 else 0.0)
        size = max(size, row)
    return size


@kernel
def positive_values(d: Any, f: Any, size: Any, values: Any, low: Any, high: Any, q: Any, count: Any) -> Any:
    """Eigenvalues above 0, decreasing; returns their number. ``size`` is the norm, f the squares of e.

    At least the largest eigenvalue is found, whatever its sign. The last five have the length of d.
    """
    n = len(d)
    positive = 0
    pivot = d[0]
    for i in range(n):
        if i > 0:
            pivot = d[i] - f[i - 1] / pivot
        if pivot >= 0.0:  # a zero is followed by -inf: of the two, one counts
            positive += 1
    m = max(positive, 1)
    width = size * (1 + 4 * _EPS) if positive > 0 else 2 * size * (1 + 4 * _EPS)
    for k in range(m):
        high[k] = size * (1 + 4 * _EPS)
        low[k] = high[k] - width
    while width > 2 * _EPS * size:
        for k in range(m):
            values[k] = 0.5 * (low[k] + high[k])
            q[k] = d[0] - values[k]
            count[k] = 1.0 if q[k] >= 0.0 else 0.0
        for i in range(1, n):
            a, b = d[i], f[i - 1]
            for k in range(m):
                t = a - values[k] - b / q[k]
                q[k] = t
                count[k] += 1.0 if t >= 0.0 else 0.0
        for k in range(m):
            if count[k] > k:
                low[k] = values[k]
            else:
                high[k] = values[k]
        width *= 0.5
    for k in range(m):
        values[k] = 0.5 * (low[k] + high[k])
    return positive


@kernel
def vectors(
    d: Any, e: Any, f: Any, values: Any, m: Any, down: Any, up: Any, V: Any, norms: Any, at: Any
) -> None:
    """Unit eigenvectors of the first m values in the columns of V; ``down``, ``up`` and V are (n, m).

    Those of eigenvalues that nearly coincide come out parallel or not at all: the caller has to look.
    """
    n = len(d)
    for k in range(m):
        down[0, k] = d[0] - values[k]
        up[n - 1, k] = d[n - 1] - values[k]
    for i in range(1, n):
        a, b = d[i], f[i - 1]
        for k in range(m):
            down[i, k] = a - values[k] - b / down[i - 1, k]
    for i in range(n - 2, -1, -1):
        a, b = d[i], f[i]
        for k in range(m):
            up[i, k] = a - values[k] - b / up[i + 1, k]
    # The twist r: (T - lambda) z = gamma_r e_r with z_r = 1, and the smallest gamma of all.
    for k in range(m):
        norms[k] = np.inf
        at[k] = 0.0
    for i in range(n):
        for k in range(m):
            gamma = abs(down[i, k] + up[i, k] - (d[i] - values[k]))
            smaller = gamma < norms[k]
            norms[k] = gamma if smaller else norms[k]
            at[k] = float(i) if smaller else at[k]
    for k in range(m):
        V[0, k] = 1.0
    for i in range(1, n):  # below the twist; what is above it is overwritten
        b, row = e[i - 1], float(i)
        for k in range(m):
            V[i, k] = 1.0 if at[k] >= row else -b * V[i - 1, k] / up[i, k]
    for i in range(n - 2, -1, -1):
        b, row = e[i], float(i)
        for k in range(m):
            V[i, k] = V[i, k] if row >= at[k] else -b * V[i + 1, k] / down[i, k]
    for k in range(m):
        norms[k] = 0.0
    for i in range(n):
        for k in range(m):
            norms[k] += V[i, k] * V[i, k]
    for k in range(m):
        norms[k] = 1.0 / np.sqrt(norms[k])
    for i in range(n):
        for k in range(m):
            V[i, k] *= norms[k]


@kernel
def reflect(A: Any, tau: Any, V: Any, dots: Any) -> None:
    """V <- Q V, where dsytrd left T = Q^T A Q and the reflectors of Q in the rows of A, right of e."""
    n, m = V.shape
    for i in range(n - 2, -1, -1):
        for k in range(m):
            dots[k] = V[i + 1, k]
        for j in range(i + 2, n):
            a = A[i, j]
            for k in range(m):
                dots[k] += a * V[j, k]
        for k in range(m):
            dots[k] *= tau[i]
            V[i + 1, k] -= dots[k]
        for j in range(i + 2, n):
            a = A[i, j]
            for k in range(m):
                V[j, k] -= a * dots[k]
