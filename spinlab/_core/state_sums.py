"""Sums over all states of small models by array algebra, on numpy and on CuPy alike.

``xp`` is the module of the arrays. Everything is float64; exponentials are shifted by the largest term.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

# Underflow changes each of up to 2^54 terms by 3e-308 at most, so a sum above 1e-270 is unharmed.
SMALLEST_SUM = 1e-270


def signs(xp: Any, n: int) -> Any:
    """All 2^n states of n spins as rows of +-1, the first spin being the highest bit."""
    return 2.0 * (xp.arange(1 << n)[:, None] >> xp.arange(n - 1, -1, -1) & 1) - 1.0


def energies(xp: Any, G: Any) -> Any:
    """Energies -s.G.s/2 of all states of a few spins without fields."""
    s = signs(xp, len(G))
    return -((s @ G) * s).sum(1) / 2


def log_sum_exp(xp: Any, x: Any) -> float:
    """ln sum exp(x)."""
    top = float(x.max())
    return top + math.log(float(xp.exp(x - top).sum()))


def dense_log_z(xp: Any, G: np.ndarray, beta: float, core: int = 36) -> float | None:
    """ln sum_s exp(-beta E) with E = -sum_{i<j} G_ij s_i s_j and the first spin fixed at +1.

    Of the other spins the last ``core`` at most form three groups A, B, C, so that the sum over them is a
    matrix product, and the others (D) are gone through one state d at a time:

        Z_d = sum_ab e^{-beta E_AB} (sum_c e^{-beta E_BC} e^{-beta E_CA}).

    Each table is shifted by its minimum. None where the true minimum lies so far above the sum of these
    that the product underflows (large beta): then the states near the ground state have to be summed.
    """
    n = len(G) - 1
    core = min(core, n)
    c = core // 3
    a = (core - c) // 2
    D, B, C, A = np.split(np.arange(n + 1), np.cumsum([n + 1 - core, core - c - a, c]))
    sA, sB, sC = (signs(xp, len(group)) for group in (A, B, C))

    def pairs(s: Any, rows: np.ndarray, t: Any, columns: np.ndarray, inside: np.ndarray) -> Any:
        """Energies between two groups, and inside one of them."""
        own = energies(xp, xp.asarray(G[np.ix_(inside, inside)]))
        own = own[:, None] if inside is rows else own[None, :]
        return -(s @ xp.asarray(G[np.ix_(rows, columns)])) @ t.T + own

    AB, BC, CA = pairs(sB, B, sA, A, A), pairs(sB, B, sC, C, B), pairs(sC, C, sA, A, C)
    lowest = sum(float(table.min()) for table in (AB, BC, CA))
    for table in (AB, BC, CA):  # in place, these are the large arrays
        table -= table.min()
        table *= -beta
        xp.exp(table, out=table)
    outer = np.hstack([np.ones((1 << (n - core), 1)), signs(np, n - core)])
    shift = lowest - ((outer @ G[np.ix_(D, D)]) * outer).sum(1) / 2
    sums = np.empty(len(outer))
    for d, s in enumerate(outer):
        weights = []
        for t, group in ((sA, A), (sB, B), (sC, C)):
            h = s @ G[np.ix_(D, group)]
            shift[d] -= np.abs(h).sum()
            weights.append(xp.exp(beta * (t @ xp.asarray(h) - np.abs(h).sum())))
        P = BC @ (CA * weights[2][:, None])
        P *= AB
        sums[d] = float(weights[1] @ (P @ weights[0]))
    log_weights = -beta * shift
    top = float(log_weights.max())
    total = float((np.exp(log_weights - top) * sums).sum())
    return top + math.log(total) if total >= SMALLEST_SUM else None


def layer_blocks(
    xp: Any,
    pair_sums: Callable[[Any, Any], Any],
    W: np.ndarray,
    b: np.ndarray,
    c: np.ndarray,
    beta: float | None,
    low: int,
    rows_at_once: int,
) -> Iterator[Any]:
    """Values of all states v of n units, the first being the highest bit, in blocks of rows of 2^low states.

    b.v + sum_a |(v W)_a + c_a| for beta None, otherwise beta b.v + sum_a ln 2cosh(beta ((v W)_a + c_a));
    ``pair_sums(X, Y)`` gives the sum over a for the inputs X + Y of high and low halves of v.
    """
    high = len(W) - low
    t = signs(xp, low)
    Y, bias = t @ xp.asarray(W[high:]), t @ xp.asarray(b[high:])
    W_high, b_high, c = xp.asarray(W[:high]), xp.asarray(b[:high]), xp.asarray(c)
    for start in range(0, 1 << high, rows_at_once):
        rows = xp.arange(start, min(start + rows_at_once, 1 << high))
        s = 2.0 * (rows[:, None] >> xp.arange(high - 1, -1, -1) & 1) - 1.0
        values = pair_sums(s @ W_high + c, Y)
        values += (1.0 if beta is None else beta) * ((s @ b_high)[:, None] + bias)
        yield values
