"""The slowest mode of a reversible chain, to full relative precision however slow it is.

A chain with probabilities p and conductances c_ij = p_i T_ij relaxes at the rates g of L f = g P f, where L
is the graph Laplacian of c. 1 - lambda from an eigenvalue of T has an absolute error of 1e-16; here L is
eliminated without any subtraction (W. K. Grassmann, M. I. Taksar, D. P. Heyman, Oper. Res. 33, 1107 (1985)),
and the small g are found by inverse iteration.
"""

from __future__ import annotations

import numpy as np

from .._core.jit import kernel

_BLOCK = 6  # vectors that are iterated together
_MOST = 1000  # iterations
_SETTLED = 1e-12  # relative change of g


def slowest_rate(c: np.ndarray, p: np.ndarray) -> float:
    """Smallest g > 0; c (n, n) symmetric and not negative is overwritten, its diagonal is not read.

    0 where the chain falls into parts that are not connected within the range of float64.
    """
    n = len(p)
    if n == 1:
        return 1.0
    order = np.argsort(p, kind="stable")  # rare states first: what is left last are the valleys
    c, p = np.ascontiguousarray(c[np.ix_(order, order)]), p[order] / p.sum()
    d = np.empty(n)
    if not _eliminate(c, d):
        return 0.0
    root = np.sqrt(p)
    x = np.random.default_rng(0).standard_normal((n, min(_BLOCK, n - 1)))
    longest = 0.0
    for _ in range(_MOST):
        x -= p @ x
        q, _ = np.linalg.qr(root[:, None] * x)
        x = _over(q, root)
        x -= p @ x
        y = p[:, None] * x
        _solve(c, d, y)
        y -= p @ y
        times = x.T @ (p[:, None] * y)
        values, vectors = np.linalg.eigh((times + times.T) / 2)
        x = y @ vectors
        if not np.isfinite(values[-1]) or values[-1] <= 0:
            return 0.0
        if abs(values[-1] - longest) <= _SETTLED * values[-1]:
            return float(1 / values[-1])
        longest = values[-1]
    return float(1 / longest)  # a Rayleigh quotient: above the true rate by what neighbours in g mix in


def _over(q: np.ndarray, root: np.ndarray) -> np.ndarray:
    """q / root, 0 where a state has no weight in float64."""
    return np.divide(q, root[:, None], out=np.zeros_like(q), where=root[:, None] > 0)


@kernel
def _eliminate(c, d):  # type: ignore[no-untyped-def]
    """Each node in turn is replaced by the conductances it carried; d_k is the sum of its own, False if 0."""
    n = len(d)
    for k in range(n - 1):
        total = 0.0
        for j in range(k + 1, n):
            total += c[k, j]
        d[k] = total
        if total <= 0.0:
            return False
        for i in range(k + 1, n):
            share = c[k, i] / total
            if share > 0.0:
                for j in range(i + 1, n):
                    c[i, j] += share * c[k, j]
    return True


@kernel
def _solve(c, d, r):  # type: ignore[no-untyped-def]
    """r becomes f with L f = r, f = 0 at the last node; the columns of r sum to zero."""
    n, m = r.shape
    for k in range(n - 1):
        for j in range(k + 1, n):
            share = c[k, j] / d[k]
            if share > 0.0:
                for a in range(m):
                    r[j, a] += share * r[k, a]
    r[n - 1] = 0.0
    for k in range(n - 2, -1, -1):
        for a in range(m):
            total = r[k, a]
            for j in range(k + 1, n):
                total += c[k, j] * r[j, a]
            r[k, a] = total / d[k]
