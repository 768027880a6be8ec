"""Heat bath of single sites in random order, as a chain of all states of a small model."""

from __future__ import annotations

import numpy as np

from .. import exact
from ..models import IsingModel, TwoLayerIsing

DENSE_SITES = 12  # conductances as a matrix, any relaxation time;
MAX_SITES = 16  # beyond that by Lanczos iteration, which float64 ends
_RESOLVED = 1e-11  # smallest rate that Lanczos is trusted with


def n_sites(model: IsingModel) -> int:
    """Sites that are flipped: the visible ones of two layers."""
    return model.V if isinstance(model, TwoLayerIsing) else model.n_spins


def energies(model: IsingModel, beta: float, marginal: bool = True) -> np.ndarray:
    """F(v) of two layers, otherwise beta E(s), of every state: s_i = +1 where bit i of the index is set."""
    if marginal and isinstance(model, TwoLayerIsing):
        return exact.layer.free_energies(model, beta=beta)
    N = model.n_spins
    found = np.empty(2**N)
    for start in range(0, 2**N, 2**14):
        index = np.arange(start, min(start + 2**14, 2**N))
        spins = (2 * ((index[:, None] >> np.arange(N)) & 1) - 1).astype(np.int8)
        found[index] = model.energy(spins)
    return beta * found


def neighbours(N: int, even: bool) -> np.ndarray:
    """Index of the state with site i flipped, shape (states, N); in the even sector site N-1 is down."""
    index = np.arange(2 ** (N - 1) if even else 2**N)[:, None]
    flipped = index ^ (1 << np.arange(N))
    if even:  # the inverse of a state has all bits flipped
        flipped = np.where(flipped >= len(index), 2**N - 1 - flipped, flipped)
    return np.asarray(flipped)


def chain(F: np.ndarray, N: int, even: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(neighbours, conductances along them, probabilities) of an update of one random site."""
    near = neighbours(N, even)
    F = F[: len(near)] - F.min()
    log_p = -F - np.logaddexp.reduce(-F)
    # p_i T_ij = p_i p_j / (p_i + p_j) / N
    c = np.exp(log_p[:, None] + log_p[near] - np.logaddexp(log_p[:, None], log_p[near])) / N
    return near, c, np.exp(log_p)


def dense(near: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Conductances as a matrix."""
    matrix = np.zeros((len(near), len(near)))
    for i in range(near.shape[1]):  # within a column no pair of states occurs twice
        matrix[np.arange(len(near)), near[:, i]] += c[:, i]
    return matrix


def slowest_rate_by_lanczos(near: np.ndarray, c: np.ndarray, p: np.ndarray) -> float:
    """Smallest rate of the chain; refused below 1e-11, where rounding decides."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    root = np.sqrt(p)
    with np.errstate(divide="ignore", invalid="ignore"):
        stay = 1 - np.where(p > 0, c.sum(1) / p, 0.0)
        weight = np.where((p[:, None] > 0) & (p[near] > 0), c / root[:, None] / root[near], 0.0)

    def times(x: np.ndarray) -> np.ndarray:
        """T in symmetric form, without its stationary part."""
        x = x.ravel()
        return np.asarray(stay * x + (weight * x[near]).sum(1) - root * (root @ x))

    operator = LinearOperator((len(p), len(p)), matvec=times, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(len(p))
    top = eigsh(
        operator, k=1, which="LA", v0=start, ncv=60, maxiter=200, tol=1e-13, return_eigenvectors=False
    )
    rate = 1 - float(top[0])
    if rate < _RESOLVED:
        raise ValueError(
            f"the slowest mode of this chain of {near.shape[1]} sites has 1 - lambda below {_RESOLVED:g}, "
            f"which float64 does not resolve beyond {DENSE_SITES} sites; observables.barriers gives the "
            "height of its barriers"
        )
    return rate
