"""What a sampler returns, and how its starting states are chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.philox import random_spins
from .._core.request import Request
from .._core.validate import as_spins
from ..models import IsingModel


@dataclass(frozen=True)
class Chains:
    """States of independent Markov chains after their last step, and records on the way.

    Attributes
    ----------
    states : ndarray of int8, shape (n_chains, N)
        Final states.
    energy : ndarray, shape (n_chains,)
        Their energies.
    initial : ndarray of int8, shape (n_chains, N) or (n_chains, V)
        Where the chains started (block Gibbs starts from visible states).
    moved : ndarray of bool, same shape as ``initial``
        Whether a site was ever flipped (single-spin dynamics), or differed from its start after any step
        (block Gibbs).
    samples : ndarray of int8, shape (n_records, n_chains, N), or None
        States at the recorded steps.
    sample_energy : ndarray, shape (n_records, n_chains), or None
        Their energies.
    n_steps : int
        Steps taken; one step visits every site once (on average, in random order).
    """

    states: np.ndarray
    energy: np.ndarray
    initial: np.ndarray
    moved: np.ndarray
    samples: np.ndarray | None
    sample_energy: np.ndarray | None
    n_steps: int

    @classmethod
    def of(
        cls,
        model: IsingModel,
        request: Request,
        states: np.ndarray,
        initial: np.ndarray,
        moved: np.ndarray,
        records: np.ndarray,
    ) -> Chains:
        """A finished run, with the energies of what it kept."""
        return cls(
            states=states,
            energy=model.energy(states),
            initial=initial,
            moved=moved,
            samples=None if request.n_records is None else records,
            sample_energy=None if request.n_records is None else model.energy(records),
            n_steps=request.n_steps,
        )


def starting_states(initial: Any, n_chains: int, n: int, key: np.uint64) -> np.ndarray:
    """Random states, or the given ones: shape (n,) is repeated, (n_chains, n) taken as it is."""
    if initial is None:
        return random_spins(key, n_chains, n)
    s = as_spins(initial, n, "initial")
    if s.ndim > 2 or (s.ndim == 2 and len(s) != n_chains):
        raise ValueError(f"initial must have shape ({n},) or ({n_chains}, {n}), got shape {s.shape}")
    return np.array(np.broadcast_to(s, (n_chains, n)))
