"""What the samplers that move one spin at a time share: checks, starting states, records."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.rng import RNG, as_key
from .._core.validate import as_choice
from ..models import as_model
from ._single_spin import evolve
from .chains import Chains, Plan, starting_states

ORDERS = ("sequential", "random")
PRECISIONS = ("float64", "float32")


def sample(
    rule: str,
    model: Any,
    n_steps: int,
    n_chains: int,
    beta: float,
    initial: Any,
    order: str,
    dtype: str,
    burn_in: int,
    record_every: int | None,
    rng: RNG,
    threads: int | None,
) -> Chains:
    """Chains at one temperature under one rule of acceptance."""
    model = as_model(model)
    plan = Plan.check(n_steps, n_chains, beta, burn_in, record_every)
    as_choice(order, "order", ORDERS)
    as_choice(dtype, "dtype", PRECISIONS)
    key = as_key(rng)
    initial = starting_states(initial, plan.n_chains, model.n_spins, key)
    s = initial.copy()
    moved = np.zeros(s.shape, dtype=np.bool_)
    records = plan.no_records(model.n_spins)
    betas = np.array([plan.beta])
    label = f"{rule} sampling"
    evolve(model, betas, s, moved, records, plan.stops, key, order, dtype, threads, rule, label)
    return plan.chains(model, s, initial, moved, records)
