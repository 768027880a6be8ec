"""What is asked of a sampler: checked once at the public edge, then handed on as one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .validate import as_choice, as_count, as_flag

# Stands for infinite beta: any field but zero decides the spin, a zero field leaves it to chance. Twice it is
# finite, because infinity times a field of zero would be no number.
COLDEST = 2.0**1022

ORDERS = ("sequential", "random")
PRECISIONS = ("float64", "float32")


@dataclass(frozen=True, eq=False)
class Request:
    """A run of Markov chains.

    Everything but the model, which keeps its own device, and the states, which change.
    """

    rule: str
    """How a visited spin is decided: "gibbs", "metropolis", or "block_gibbs" for whole layers."""
    n_steps: int
    n_chains: int
    betas: np.ndarray
    """Inverse temperature of each step, the last one holding on; of each replica in parallel tempering."""
    key: np.uint64
    """Of the random numbers."""
    stops: tuple[int, ...]
    """Steps after which something is kept: ``n_records`` records, then the end."""
    n_records: int | None
    """None if no records were asked for."""
    burn_in: int = 0
    order: str = "sequential"
    dtype: str = "float64"
    threads: int | None = None
    multispin: bool | None = None
    """Whether 64 chains share a word; None where it pays."""

    @classmethod
    def check(
        cls,
        rule: str,
        n_steps: Any,
        n_chains: Any,
        betas: Any,
        key: np.uint64,
        *,
        burn_in: Any = 0,
        record_every: Any = None,
        order: Any = "sequential",
        dtype: Any = "float64",
        threads: Any = None,
        multispin: Any = None,
        least_steps: int = 0,
    ) -> Request:
        """Validate what all samplers share, and lay out the records."""
        n_steps = as_count(n_steps, "n_steps", least_steps)
        n_chains = as_count(n_chains, "n_chains")
        burn_in = as_count(burn_in, "burn_in", 0)
        if n_steps >= 2**32:
            raise ValueError(f"n_steps must be below 2**32, got {n_steps}")
        if burn_in > n_steps:
            raise ValueError(f"burn_in = {burn_in} exceeds n_steps = {n_steps}, which includes it")
        as_choice(order, "order", ORDERS)
        as_choice(dtype, "dtype", PRECISIONS)
        if threads is not None:
            threads = as_count(threads, "threads")
        if multispin is not None:
            multispin = as_flag(multispin, "multispin")
        records = () if record_every is None else _records(n_steps, burn_in, record_every)
        stops = records if records[-1:] == (n_steps,) else (*records, n_steps)
        n_records = None if record_every is None else len(records)
        betas = np.minimum(np.atleast_1d(np.asarray(betas, dtype=np.float64)), COLDEST)
        return cls(
            rule, n_steps, n_chains, betas, key, stops, n_records, burn_in, order, dtype, threads, multispin
        )

    @property
    def metropolis(self) -> bool:
        """Whether kernels decide by Metropolis' rule rather than by the heat bath."""
        return self.rule == "metropolis"

    def no_records(self, n: int) -> np.ndarray:
        """Room for the records of ``n`` sites."""
        return np.empty((self.n_records or 0, self.n_chains, n), dtype=np.int8)


def _records(n_steps: int, burn_in: int, record_every: Any) -> tuple[int, ...]:
    """The steps after which a record is kept."""
    first = burn_in + as_count(record_every, "record_every")
    if first > n_steps:
        raise ValueError(f"nothing to record: burn_in + record_every = {first} exceeds n_steps = {n_steps}")
    return tuple(range(first, n_steps + 1, first - burn_in))
