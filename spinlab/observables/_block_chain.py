"""Block Gibbs sampling of two layers as a chain of one layer, sites that are equal up to a sign as one.

T f(v) = E[E[f(v') | h] | v]. Given h, visible units with the same row of W (up to sign, bias included) are
independent and alike, so that E[f | h] is the same for f and for its average over their permutations, and it
depends on h through the sums over equal columns alone. Modes that are no function of such sums have
eigenvalue zero: nothing is lost. Without biases states may further be taken together with their inverses.
"""

from __future__ import annotations

import math

import numpy as np

from ..models import TwoLayerIsing

MAX_STATES = 4096  # of the smaller layer, after all that
MAX_WORK = 2.0**37  # products
_CHUNK = 2**22  # entries at a time
_EQUAL = 12  # decimal places of W over its largest entry
_RARE = -600.0  # ln P below which a state is left out: nothing that float64 resolves passes through it


class Layer:
    """Sums over classes of equal sites: their values, and the number of states of each."""

    def __init__(self, rows: np.ndarray) -> None:
        """rows: couplings and bias of each site."""
        top = np.abs(rows).max() or 1.0
        kept = np.round(rows / top, _EQUAL) + 0.0
        first = np.array([row[np.flatnonzero(row)[0]] if row.any() else 1.0 for row in kept])
        kept *= np.where(first < 0, -1.0, 1.0)[:, None]
        _, self.member, inverse = np.unique(kept + 0.0, axis=0, return_index=True, return_inverse=True)
        self.sizes = np.bincount(inverse.ravel())
        self.n_states = math.prod(int(n) + 1 for n in self.sizes)

    def states(self) -> tuple[np.ndarray, np.ndarray]:
        """(sums, ln of the number of states): (n_states, classes) and (n_states,); reversed = inverted."""
        ups = np.indices(tuple(self.sizes + 1)).reshape(len(self.sizes), -1).T
        log_factorial = np.cumsum(np.log(np.maximum(np.arange(self.sizes.max() + 1), 1)))
        downs = self.sizes - ups
        number = log_factorial[self.sizes] - log_factorial[ups] - log_factorial[downs]
        return (ups - downs).astype(float), number.sum(1)


def two_layers(model: TwoLayerIsing, beta: float) -> tuple[Layer, Layer, np.ndarray, np.ndarray, np.ndarray]:
    """Layers, the one of fewer states first; couplings between classes and biases of classes."""
    W, bv, bh = beta * model.weights(), beta * model.bv, beta * model.bh
    one, two = Layer(np.column_stack([W, bv])), Layer(np.column_stack([W.T, bh]))
    if one.n_states > two.n_states:
        one, two, W, bv, bh = two, one, W.T, bh, bv
    return one, two, W[np.ix_(one.member, two.member)], bv[one.member], bh[two.member]


def refusal(one: Layer, two: Layer, even: bool) -> str | None:
    """Why the chain is too large, or None."""
    n = (one.n_states + 1) // 2 if even else one.n_states
    work = float(n) ** 2 * (two.n_states / 2 if even else two.n_states)
    if n <= MAX_STATES and work <= MAX_WORK:
        return None
    return (
        f"the layers have {one.n_states:.4g} and {two.n_states:.4g} states, equal sites taken as one; "
        f"the limits are {MAX_STATES} for the smaller (half as many count in the even sector) and "
        f"{MAX_WORK:.2g} products (here {work:.2g})"
    )


def chain(model: TwoLayerIsing, beta: float, even: bool) -> tuple[np.ndarray, np.ndarray]:
    """(conductances p_i T_ij, probabilities p_i) of the layer of fewer states."""
    one, two, W, b_one, b_two = two_layers(model, beta)
    reason = refusal(one, two, even)
    if reason is not None:
        raise ValueError(
            f"exact relaxation of block Gibbs sampling: {reason}; see the notes for alternatives"
        )
    (m, log_m), (n, log_n) = one.states(), two.states()
    log_p = log_m + m @ b_one + _log_2cosh(m @ W + b_two) @ two.sizes
    log_q = log_n + n @ b_two + _log_2cosh(n @ W.T + b_one) @ one.sizes
    half_p, half_q = log_m + m @ b_one - log_p / 2, log_n + n @ b_two - log_q / 2
    rows, columns = np.arange(len(m)), np.arange(len(n))
    log_orbit = np.zeros(len(m))
    if (
        even
    ):  # states i and -1-i are inverses; P(orbit i, orbit j) = |orbit i| |orbit j| (P(i, j) + P(i, -j)) / 2
        log_orbit = np.where(rows == len(m) - 1 - rows, 0.0, math.log(2))
        half_p += (log_orbit - math.log(2)) / 2
        half_q += np.where(columns == len(n) - 1 - columns, -math.log(2), 0.0) / 2
        rows, columns = rows[: (len(m) + 1) // 2], columns[: (len(n) + 1) // 2]
    log_p += log_orbit - np.logaddexp.reduce(log_p)
    rows = rows[log_p[rows] > _RARE]
    field = m[rows] @ W
    T = np.zeros((len(rows), len(rows)))
    step = max(1, _CHUNK // len(rows))
    for start in range(0, len(columns), step):  # T = M M^T with M(v, h) = P(v, h) / sqrt(P(v) P(h))
        at = columns[start : start + step]
        x = field @ n[at].T
        M = np.exp(half_p[rows, None] + half_q[at] + (_log_2cosh(x) if even else x))
        T += M @ M.T
    p = np.exp(log_p[rows])
    root = np.sqrt(p)
    return T * root[:, None] * root, p


def _log_2cosh(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(x, -x)
