"""Overlaps of states with patterns and with each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.validate import as_real_array, as_spins


def pattern_overlaps(xi: Any, states: Any) -> np.ndarray:
    """Overlaps m_k = (1/N) sum_i xi_i^k s_i of states with patterns.

    Parameters
    ----------
    xi : array_like, shape (K, N)
        Patterns, +-1 or real.
    states : array_like of +-1, shape (..., N)

    Returns
    -------
    ndarray, shape (..., K)

    Examples
    --------
    >>> from spinlab.observables import pattern_overlaps
    >>> pattern_overlaps([[1, 1, 1, 1], [1, 1, -1, -1]], [1, 1, 1, -1]).tolist()
    [0.5, 0.5]
    """
    xi = as_real_array(xi, "xi", 2)
    if xi.size == 0:
        raise ValueError(f"xi is empty (shape {xi.shape}); it needs K patterns of N sites")
    s = as_spins(states, xi.shape[1]).astype(np.float64)
    return s @ xi.T / xi.shape[1]


def replica_overlaps(states: Any) -> np.ndarray:
    """Overlaps q = (1/N) sum_i s_i^a s_i^b of all pairs of replicas a < b.

    Parameters
    ----------
    states : array_like of +-1, shape (..., n_replicas, N)
        At least two replicas: independent chains on the same couplings. With a leading axis of records (the
        ``samples`` of a sampler) replicas are compared at equal times.

    Returns
    -------
    ndarray, shape (..., n_replicas (n_replicas - 1)/2)
        In the order (0, 1), (0, 2), .., (1, 2), .. Overlaps that share a replica are dependent: for errors
        take :func:`spinlab.observables.overlap_statistics`.

    Raises
    ------
    ValueError
        With fewer than two replicas.

    Examples
    --------
    >>> from spinlab.observables import replica_overlaps
    >>> replica_overlaps([[1, 1, 1, 1], [1, 1, 1, -1], [-1, -1, 1, 1]]).tolist()
    [0.5, 0.0, -0.5]
    """
    s = as_replicas(states)
    a, b = np.triu_indices(s.shape[-2], 1)
    return gram(s)[..., a, b]


def as_replicas(states: Any, minimum: int = 2) -> np.ndarray:
    """int8 states of shape (..., n_replicas, N) with enough replicas."""
    if states is None or hasattr(states, "samples"):
        raise TypeError(
            f"states must be an array, got {type(states).__name__}; take the samples of a sampler "
            "(record_every= keeps some) or its final states"
        )
    shape = np.shape(states)
    if len(shape) < 2 or shape[-1] == 0:
        raise ValueError(f"states must have shape (..., n_replicas, N), got {shape}")
    if shape[-2] < minimum:
        raise ValueError(
            f"{shape[-2]} replica(s) given (shape {shape}), at least {minimum} are needed; "
            "run more chains on the same couplings (n_chains=)"
        )
    return as_spins(states, shape[-1])


def gram(s: np.ndarray) -> np.ndarray:
    """Matrix of overlaps, shape (..., n_replicas, n_replicas), from checked states."""
    x = s.astype(np.float64)
    return x @ np.swapaxes(x, -1, -2) / s.shape[-1]
