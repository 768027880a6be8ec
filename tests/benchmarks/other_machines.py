"""Machines that another package trained, with an exact truth: scikit-learn's BernoulliRBM on its digits.

A layer of up to 14 units is enumerated here, in plain numpy: correlations C_ij and means m_i follow
exactly at every temperature. A paramagnet (in the fields that 0/1 units make of the weights) has
connected correlations with sum_ij (C_ij - m_i m_j)^2 / N^2 below N^(-2/3)/2, the criterion of
``second_code.py``. Where it does not, the weight is on a few states that the data put there: no
thermodynamic phase, so that any answer but a paramagnet is left open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from phase_families import Case, P, family

import spinlab as sl

MACHINES: dict[str, Callable[[], Iterator[Case]]] = {}
TEMPERATURES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


def cases() -> list[Case]:
    """All of them."""
    return [case for make in MACHINES.values() for case in make()]


@lru_cache
def trained(n_hidden: int, n_iter: int) -> Any:
    """An estimator fitted to the black and white digits."""
    from sklearn.neural_network import BernoulliRBM

    x = (np.asarray(sl.datasets.digits().train) > 0).astype(float)
    return BernoulliRBM(n_hidden, learning_rate=0.05, n_iter=n_iter, random_state=0).fit(x)


def connected(W: np.ndarray, bv: np.ndarray, bh: np.ndarray, beta: float) -> tuple[float, float]:
    """sum_ij (C_ij - m_i m_j)^2 / N^2 and the mean energy of +-1 units, from all states of the layer bh."""
    n = len(bh)
    h = 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1) - 1
    field = h @ W.T + bv
    log_p = beta * h @ bh + np.logaddexp(beta * field, -beta * field).sum(1)
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    m = np.tanh(beta * field)
    both = np.concatenate([m, h], 1)
    C = (both.T * p) @ both
    np.fill_diagonal(C, 1)
    mean = p @ both
    energy = -float(p @ ((m * field).sum(1) + h @ bh))
    return float(((C - np.outer(mean, mean)) ** 2).sum() / len(C) ** 2), energy


@family(MACHINES)
def scikit_learn_digits() -> Any:
    """Few hidden units, three lengths of training."""
    for n_hidden, n_iter in ((8, 2), (12, 10), (14, 40)):
        model = sl.rbm.from_sklearn(trained(n_hidden, n_iter)).as_ising()
        N = model.n_spins
        for T in TEMPERATURES:
            square, _ = connected(model.weights(), np.asarray(model.bv), np.asarray(model.bh), 1 / T)
            truth = P if square * N ** (2 / 3) < 0.5 else None
            yield f"H={n_hidden} epochs={n_iter}", truth, T, lambda rng, model=model: model
