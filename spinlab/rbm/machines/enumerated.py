"""<s_i tanh x_a> of weak float32 weights over all states s, from the exponentials of two half sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._core.jit import kernel
from .moments import all_states

_LARGEST = 80.0  # e^80 and its inverse are float32 numbers
_MOST_SPINS = 20  # one table of all weights
_MOST_BLOCKS = 16  # with more logarithms than these the direct sum is faster
_WIDTH = 256  # units at a time, so that their sums stay in the cache
_TILE = 8  # units at a time, whose rows stay in the first cache
_LOST = 2.0**-25  # weight of the states left out, over that of all: half of the last bit of a sum
_BINS = 8  # per factor e of the weight, where states are left out
_AT_ONCE = 8  # products up to e^80 whose product is a float64 number, so that they share a logarithm


def blocks_of(W: np.ndarray) -> np.ndarray | None:
    """Where the products of cosh x_a must be broken off lest they overflow; None where that is too often or
    there are too many states.

    |x_a| is at most sum_i |W_ia|, for any state.
    """
    most = np.abs(W).sum(0, dtype=np.float64)
    if len(W) > _MOST_SPINS or not most.max() <= _LARGEST or most.sum() > _MOST_BLOCKS * _LARGEST:
        return None
    ends, total = [], 0.0
    for a, x in enumerate(most):
        if total + x > _LARGEST:
            ends.append(a)
            total = 0.0
        total += x
    return np.array([*ends, len(most)])


def enumerated_products(W: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    """<s_i tanh x_a> with x = s W and weights prod_a cosh x_a, s in {-1, 1}^n, for W (n, m) in float32.

    The first spin is up, for s and -s count alike. With s in two parts x = y + z, and with e^y and e^z
    tabulated, cosh and tanh take products and one division: 16 x 1000 weights about 12 ms.
    """
    n, m = W.shape
    k = (n + 1) // 2
    a, b = all_states(k)[1::2], all_states(n - k)  # the first spin is the lowest bit
    y, z = a @ W[:k], b @ W[k:]
    up, down = (np.exp(x).astype(np.float32) for x in (y, -y))
    right, left = (np.exp(x).astype(np.float32) for x in (z, -z))
    half = np.float32(0.5)
    log_w = np.zeros((len(a), len(b)))
    _log_weights(up * half, down * half, right.T.copy(), left.T.copy(), blocks, log_w)
    w = relevant_weights(log_w)
    of_a, of_b = np.zeros((len(a), m), np.float32), np.zeros((len(b), m), np.float32)
    for low in range(0, m, _WIDTH):
        part = slice(low, low + _WIDTH)
        tables = (np.ascontiguousarray(x[:, part]) for x in (up, down, right, left))
        here, there = np.zeros_like(of_a[:, part]), np.zeros_like(of_b[:, part])
        _weighted_tanh(*tables, w, here, there)
        of_a[:, part], of_b[:, part] = here, there
    return np.concatenate([a.T @ of_a, b.T @ of_b]) / w.sum(dtype=np.float64)


def relevant_weights(log_w: np.ndarray) -> np.ndarray:
    """exp(log_w), 1 at most, with 0 for the smallest, which have at most _LOST of the sum together."""
    below = log_w.max() - log_w
    if not np.isfinite(below).all():
        return np.full(log_w.shape, np.nan, np.float32)  # the gradient tells that training has diverged
    w = np.exp(-below)
    bins = (_BINS * below).astype(np.int64)
    of_bin = np.bincount(bins.ravel(), w.ravel())
    from_here = np.cumsum(of_bin[::-1])[::-1]  # the weight of a bin and of all smaller ones
    w[bins >= np.count_nonzero(from_here > _LOST * from_here[0])] = 0.0
    return w.astype(np.float32)


@kernel
def _log_weights(up: Any, down: Any, right: Any, left: Any, blocks: Any, out: Any) -> None:
    """out_ab = sum_h ln cosh x_h, with cosh x = (e^y e^z + e^-y e^-z)/2 multiplied up within a block."""
    product, together = np.empty(out.shape, np.float32), np.empty(out.shape)
    first = 0
    for block, end in enumerate(blocks):
        product[:] = np.float32(1.0)
        if block % _AT_ONCE == 0:
            together[:] = 1.0
        for low in range(first, end, _TILE):  # rows of a few units stay in the cache
            for a in range(len(out)):
                row = product[a]
                for h in range(low, min(low + _TILE, end)):
                    p, q, r, s = up[a, h], down[a, h], right[h], left[h]
                    for b in range(len(row)):
                        row[b] *= p * r[b] + q * s[b]
        together *= product
        if block % _AT_ONCE == _AT_ONCE - 1 or block + 1 == len(blocks):
            out += np.log(together)
        first = end


@kernel
def _weighted_tanh(up: Any, down: Any, right: Any, left: Any, w: Any, of_a: Any, of_b: Any) -> None:
    """Sums of w_ab tanh x_h over b, and over a."""
    for a in range(len(w)):
        p, q, total = up[a], down[a], of_a[a]
        for b in range(w.shape[1]):
            weight = w[a, b]
            if weight == 0.0:
                continue
            r, s, column = right[b], left[b], of_b[b]
            for h in range(len(p)):
                c, d = p[h] * r[h], q[h] * s[h]
                t = weight * ((c - d) / (c + d))
                total[h] += t
                column[h] += t
