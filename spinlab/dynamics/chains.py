"""What a sampler returns, and how its starting states are chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.philox import random_spins
from .._core.validate import as_count, as_real, as_spins
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


def starting_states(initial: Any, n_chains: int, n: int, key: np.uint64) -> np.ndarray:
    """Random states, or the given ones: shape (n,) is repeated, (n_chains, n) taken as it is."""
    if initial is None:
        return random_spins(key, n_chains, n)
    s = as_spins(initial, n, "initial")
    if s.ndim > 2 or (s.ndim == 2 and len(s) != n_chains):
        raise ValueError(f"initial must have shape ({n},) or ({n_chains}, {n}), got shape {s.shape}")
    return np.array(np.broadcast_to(s, (n_chains, n)))


@dataclass(frozen=True)
class Plan:
    """Checked arguments that all samplers share.

    ``stops`` are the steps after which something is kept: ``n_records`` records, then the end.
    """

    n_steps: int
    n_chains: int
    beta: float
    stops: list[int]
    n_records: int | None

    @classmethod
    def check(
        cls,
        n_steps: int,
        n_chains: int,
        beta: float,
        burn_in: int,
        record_every: int | None,
        least_steps: int = 0,
    ) -> Plan:
        """Validate the arguments and lay out the records."""
        n_steps = as_count(n_steps, "n_steps", least_steps)
        n_chains = as_count(n_chains, "n_chains")
        beta = as_real(beta, "beta", 0.0)
        burn_in = as_count(burn_in, "burn_in", 0)
        if n_steps >= 2**32:
            raise ValueError(f"n_steps must be below 2**32, got {n_steps}")
        if burn_in > n_steps:
            raise ValueError(f"burn_in = {burn_in} exceeds n_steps = {n_steps}, which includes it")
        if record_every is None:
            return cls(n_steps, n_chains, beta, [n_steps], None)
        record_every = as_count(record_every, "record_every")
        stops = list(range(burn_in + record_every, n_steps + 1, record_every))
        if not stops:
            raise ValueError(
                f"nothing to record: burn_in + record_every = {burn_in + record_every} "
                f"exceeds n_steps = {n_steps}"
            )
        n_records = len(stops)
        return cls(n_steps, n_chains, beta, stops if stops[-1] == n_steps else [*stops, n_steps], n_records)

    def no_records(self, n: int) -> np.ndarray:
        """Room for the records of ``n`` sites."""
        return np.empty((self.n_records or 0, self.n_chains, n), dtype=np.int8)

    def chains(
        self,
        model: IsingModel,
        states: np.ndarray,
        initial: np.ndarray,
        moved: np.ndarray,
        records: np.ndarray,
    ) -> Chains:
        """The sampler's result."""
        return Chains(
            states=states,
            energy=model.energy(states),
            initial=initial,
            moved=moved,
            samples=None if self.n_records is None else records,
            sample_energy=None if self.n_records is None else model.energy(records),
            n_steps=self.n_steps,
        )
