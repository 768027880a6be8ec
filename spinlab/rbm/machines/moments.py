"""Exact first and second moments of a small dense model, all states through one matrix of weights."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.special

MOST_SPINS = 24
MOST_CLAMPED = 20
_CHUNK = 2**19  # weights at a time


def exact_moments(J: np.ndarray, b: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """ln Z, <s_i> and <s_i s_j> of E = -s.J.s/2 - b.s in float64 (J symmetric, zero diagonal).

    The spins are split in two halves s = (x, y), so that the weights of all states are one matrix
    exp(-E_x - E_y + x.J_xy.y) and the moments are matrix products of it. Without fields the first spin
    is fixed. 16 spins take 0.2 ms (0.5 ms with fields), the limit of 24 about 0.1 s.

    Raises
    ------
    ValueError
        Beyond the limit.
    """
    N = len(J)
    if N > MOST_SPINS:
        raise ValueError(
            f"exact statistics enumerate all states of up to {MOST_SPINS} spins, got {N}; "
            "use PCD or Tempering"
        )
    symmetric = not b.any()
    half = N // 2
    y, x = all_states(half), all_states(N - half)
    if symmetric:  # of each pair s, -s the one with the last spin down
        x = x[: len(x) // 2]
    A, B = slice(0, half), slice(half, N)
    log_y = ((y @ J[A, A]) * y).sum(1) / 2 + y @ b[A]
    log_x = ((x @ J[B, B]) * x).sum(1) / 2 + x @ b[B]
    cross = y @ J[A, B]
    top, norm = -np.inf, 0.0
    of_y, of_x, between = np.zeros(len(y)), np.zeros(len(x)), np.zeros((half, N - half))
    rows = max(1, _CHUNK // len(y))
    for low in range(0, len(x), rows):
        part = x[low : low + rows]
        w = part @ cross.T
        w += log_x[low : low + rows, None]
        w += log_y
        new_top = max(top, float(w.max()))
        w -= new_top
        np.exp(w, out=w)
        old = np.exp(top - new_top)
        top = new_top
        for total in (of_y, of_x, between):
            total *= old
        rows_sum = w.sum(1)
        of_x[low : low + rows] += rows_sum
        of_y += w.sum(0)
        between += (y.T @ w.T) @ part
        norm = norm * old + float(rows_sum.sum())
    C = np.empty((N, N))
    C[A, A], C[B, B] = (y.T * of_y) @ y, (x.T * of_x) @ x
    C[A, B], C[B, A] = between, between.T
    m = np.zeros(N) if symmetric else np.concatenate([of_y @ y, of_x @ x])
    C = (C + C.T) / (2 * norm)
    np.fill_diagonal(C, 1.0)
    return top + float(np.log(norm)) + symmetric * float(np.log(2)), m / norm, C


def check_clamped(H: int) -> None:
    """Refuse sums over the states of too many hidden units."""
    if H > MOST_CLAMPED:
        raise ValueError(
            f"the exact sum over hidden states takes up to {MOST_CLAMPED} hidden units, got {H}; take "
            "positive='gibbs' or 'mean-field', and variational_free_energy"
        )


def clamped_log_norms(J: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """ln sum_h exp(h.J.h/2 + x.h) for each row x of fields (n, H), H <= MOST_CLAMPED."""
    return np.concatenate([log_norm for log_norm, _, _, _ in _clamped(J, fields)])


def clamped_moments(
    J: np.ndarray, fields: np.ndarray, u: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """<h> of each row of fields (n, H), the mean over rows of <h h^T>, and a state of each row, drawn by
    the numbers ``u`` in [0, 1), shape (2, n): its second half by the first of them, then the first half.
    """
    n, H = fields.shape
    half = H // 2
    means, C, drawn = np.empty((n, H)), np.zeros((H, H)), np.empty((n, H))
    low = 0
    for _, w, y, x in _clamped(J, fields):
        rows = slice(low, low + len(w))
        low += len(w)
        of_x, of_y = w.sum(2), w.sum(1)
        means[rows, :half], means[rows, half:] = of_y @ y, of_x @ x
        C[:half, :half] += (y.T * of_y.sum(0)) @ y
        C[half:, half:] += (x.T * of_x.sum(0)) @ x
        C[half:, :half] += x.T @ w.sum(0) @ y
        second = _pick(of_x, u[0, rows])
        first = _pick(w[np.arange(len(w)), second], u[1, rows])
        drawn[rows, :half], drawn[rows, half:] = y[first], x[second]
    C[:half, half:] = C[half:, :half].T
    return means, C / n, drawn


def _clamped(
    J: np.ndarray, fields: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Few rows at a time: ln of the norm (n,), probabilities (n, X, Y), states y and x of both halves."""
    n, H = fields.shape
    check_clamped(H)
    half = H // 2
    y, x = all_states(half), all_states(H - half)
    A, B = slice(0, half), slice(half, H)
    log_y = ((y @ J[A, A]) * y).sum(1) / 2
    log_x = ((x @ J[B, B]) * x).sum(1) / 2
    cross = x @ J[B, A] @ y.T + log_x[:, None] + log_y
    rows = max(1, _CHUNK >> H)
    for low in range(0, n, rows):
        part = fields[low : low + rows]
        w = cross + (part[:, B] @ x.T)[:, :, None]
        w += (part[:, A] @ y.T)[:, None, :]
        top = w.max((1, 2))
        w -= top[:, None, None]
        np.exp(w, out=w)
        norm = w.sum((1, 2))
        w /= norm[:, None, None]
        yield top + np.log(norm), w, y, x


def _pick(p: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Index of each row of p (n, m), drawn in proportion to its entries by u in [0, 1)."""
    total = p.cumsum(1)
    return (total[:, :-1] <= u[:, None] * total[:, -1:]).sum(1)


def entropy(means: np.ndarray) -> np.ndarray:
    """Entropy of independent spins with means (n, N), shape (n,), in float64."""
    up = (1 + means.astype(np.float64)) / 2
    return -(scipy.special.xlogy(up, up) + scipy.special.xlogy(1 - up, 1 - up)).sum(1)


def all_states(n: int) -> np.ndarray:
    """All 2^n states as rows of float64 spins; the last spin is the highest bit."""
    return 2.0 * ((np.arange(1 << n)[:, None] >> np.arange(n)) & 1) - 1.0
