"""Chains that move one spin at a time at one temperature: what Gibbs and Metropolis sampling share."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from .._core.progress import shows_progress
from .._core.request import Request
from .._core.rng import RNG, as_key
from .._core.validate import as_real
from ..models import ModelLike, as_model
from ._single_spin import evolve
from .chains import Chains, starting_states

P = ParamSpec("P")
R = TypeVar("R")


@shows_progress
def sample(
    rule: str,
    model: ModelLike,
    n_steps: int,
    n_chains: int = 1,
    *,
    beta: float = 1.0,
    initial: Any = None,
    order: str = "sequential",
    dtype: str = "float64",
    burn_in: int = 0,
    record_every: int | None = None,
    multispin: bool | None = None,
    rng: RNG = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> Chains:
    """Chains under one rule of acceptance."""
    model = as_model(model)
    request = Request.check(
        rule,
        n_steps,
        n_chains,
        as_real(beta, "beta", 0.0),
        as_key(rng),
        burn_in=burn_in,
        record_every=record_every,
        order=order,
        dtype=dtype,
        threads=threads,
        multispin=multispin,
    )
    initial = starting_states(initial, request.n_chains, model.n_spins, request.key, model.labels)
    s = initial.copy()
    moved = np.zeros(s.shape, dtype=np.bool_)
    records = request.no_records(model.n_spins)
    evolve(model, request, s, moved, records, f"{rule} sampling")
    return Chains.of(model, request, s, initial, moved, records)


def with_arguments_of(
    shared: Callable[Concatenate[str, P], R],
) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """Give a public function the arguments of ``shared`` without its first, the rule."""

    def dress(function: Callable[..., R]) -> Callable[P, R]:
        signature = inspect.signature(shared)
        signature = signature.replace(parameters=list(signature.parameters.values())[1:])

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                signature.bind(*args, **kwargs)
            except TypeError as error:  # with the name that was called
                raise TypeError(f"{function.__name__}() {error}") from None
            return function(*args, **kwargs)

        call.__signature__ = signature  # type: ignore[attr-defined]
        return call

    return dress
