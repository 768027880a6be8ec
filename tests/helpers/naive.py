"""Obvious oracles: loops over pairs and lists of all states, sharing no code with the package."""

from __future__ import annotations

import itertools

import numpy as np


def all_states(n: int) -> np.ndarray:
    """Every state of n spins, shape (2^n, n)."""
    return np.array(list(itertools.product((-1, 1), repeat=n)))


def energies(J, b, offset, states) -> np.ndarray:
    """E(s) = -sum_{i<j} J_ij s_i s_j - sum_i b_i s_i + offset, term by term."""
    states = np.asarray(states, dtype=float)
    n = states.shape[-1]
    E = np.full(states.shape[:-1], float(offset))
    for i in range(n):
        for j in range(i + 1, n):
            E -= J[i][j] * states[..., i] * states[..., j]
        E -= b[i] * states[..., i]
    return E


def ground_energy_and_degeneracy(J, b, offset=0.0) -> tuple[float, int]:
    """Lowest energy of all, and how many states have it up to 1e-10 of the sum of all couplings."""
    E = energies(J, b, offset, all_states(len(b)))
    size = np.abs(J).sum() + np.abs(b).sum()
    ties = E - E.min() <= 1e-10 * size
    return float(E.min()), int(ties.sum())


def log_z_and_mean_energy(J, b, beta, offset=0.0) -> tuple[float, float]:
    """ln sum_s exp(-beta E) and the mean of E, relative to the lowest energy."""
    E = energies(J, b, offset, all_states(len(b)))
    weights = np.exp(-beta * (E - E.min()))
    return float(np.log(weights.sum()) - beta * E.min()), float((weights * E).sum() / weights.sum())
