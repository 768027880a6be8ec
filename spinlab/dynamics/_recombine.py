"""Better states from several good ones: the domains on which these agree move as one spin.

J. Houdayer and O. C. Martin, Phys. Rev. Lett. 83, 1030 (1999), who renormalize again and again; here the
model of the domains is annealed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import connected_components

from ..models import DenseIsing, IsingModel, SparseIsing
from ._scales import fast_form
from .annealing import anneal

_RUNS, _STEPS = 8, 100
_POOL = 16  # states, the lowest
_FEWEST_PARENTS = 2
_LOOK = 8  # times as many are compared for being the same


class Pool:
    """The lowest states so far, and what comes of putting them together."""

    def __init__(
        self,
        model: DenseIsing | SparseIsing,
        generator: np.random.Generator,
        threads: int | None,
        is_late: Callable[[], bool] = lambda: False,
    ) -> None:
        self._model, self._generator, self._threads, self._is_late = model, generator, threads, is_late
        self._up_to_sign = not model.has_fields
        self._states, self._energy = np.empty((0, model.n_spins), dtype=np.int8), np.empty(0)

    def recombine(self, states: np.ndarray, energy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The lowest state, shape (1, N), that these states and the pool make, and its energy.

        The states are combined among themselves first: what comes of it joins the pool.
        """
        states, energy = self._combined(states, energy)
        if len(self._states):
            together = np.concatenate([self._states, states[:1]]), np.append(self._energy, energy[0])
            self._states, self._energy = self._combined(*together)
        else:
            self._states, self._energy = states[:1], energy[:1]
        return self._states[:1], self._energy[:1]

    def _combined(self, states: np.ndarray, energy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The lowest states, combinations included, of ever fewer parents while it helps and time is left."""
        states, energy = _lowest(states, energy, self._up_to_sign)
        k = len(states)
        while k >= _FEWEST_PARENTS and not self._is_late():
            small, parts = contracted(self._model, states[:k])
            runs = anneal(small, _STEPS, _RUNS, rng=self._generator, threads=self._threads)
            found = expanded(runs.states, parts)
            before = energy[0]
            states = np.concatenate([states, found])
            energy = np.concatenate([energy, self._model.energy(found)])
            states, energy = _lowest(states, energy, self._up_to_sign)
            k = k // 2 if energy[0] >= before else len(states)
        return states, energy


def _lowest(states: np.ndarray, energy: np.ndarray, up_to_sign: bool) -> tuple[np.ndarray, np.ndarray]:
    """The lowest states, each of them once."""
    order = np.argsort(energy, kind="stable")[: _LOOK * _POOL]
    signs = states[order] * states[order, :1] if up_to_sign else states[order]
    first = np.unique(np.packbits(signs > 0, axis=1), axis=0, return_index=True)[1]
    lowest = order[np.sort(first)[:_POOL]]
    return states[lowest], energy[lowest]


def contracted(model: DenseIsing | SparseIsing, states: np.ndarray) -> tuple[IsingModel, np.ndarray]:
    """The model of the domains in which the states agree, and its part in each site.

    Where all states agree on a domain, connected if the model is sparse, up to a flip, it is one spin, with
    J_AB = sum_{i in A, j in B} s_i J_ij s_j in the first state s: energies agree but for a constant. The
    part of a site is the number of its domain, from 1 on, times its s_i.
    """
    relative = states * states[0]
    if not model.has_fields:
        relative = relative * relative[:, :1]
    words = np.packbits(relative > 0, axis=0)
    domain = np.unique(words, axis=1, return_inverse=True)[1].ravel()
    if isinstance(model, SparseIsing):  # what no coupling ties together moves apart
        tail, head, _ = model.edges()
        inside = domain[tail] == domain[head]
        ties = np.ones(inside.sum()), (tail[inside].astype(np.int32), head[inside].astype(np.int32))
        domain = connected_components(scipy.sparse.csr_array(ties, shape=(len(domain),) * 2), False)[1]
    N, n = len(domain), int(domain.max()) + 1
    signs = scipy.sparse.csr_array((states[0].astype(np.float64), (np.arange(N), domain)), shape=(N, n))
    b = signs.T @ model.b
    small: IsingModel
    if isinstance(model, DenseIsing):
        J = signs.T @ (signs.T @ model.form().J).T
        np.fill_diagonal(J, 0.0)
        small = DenseIsing((J + J.T) / 2, b)
    else:
        pairs = scipy.sparse.triu(signs.T @ model.J @ signs, 1)
        small = fast_form(SparseIsing.from_edges(pairs.row, pairs.col, pairs.data, n, b))
    return small, states[0] * (domain + 1)


def expanded(s: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """States of all sites from those of the domains, one a row."""
    return (s[:, np.abs(parts) - 1] * np.sign(parts)).astype(np.int8)
