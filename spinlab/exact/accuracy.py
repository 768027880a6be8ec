"""How exact ln Z is: the bound on its rounding that an answer must meet, and the form it is given in."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import Any, Protocol

import numpy as np

from .._core.progress import shows_progress
from .._core.validate import as_flag, as_real, as_real_array
from ..models import IsingModel, ModelLike, as_model

U = 2.0**-53  # unit roundoff
TOLERANCE = 1e-9  # of max(1, |ln Z|)


class InexactError(ValueError):
    """Rounding may have moved the answer by more than is allowed: another method may do better."""


class LogPartition(Protocol):
    """``log_partition`` of a method."""

    def __call__(
        self,
        model: ModelLike,
        beta: Any = 1.0,
        *,
        threads: int | None = None,
        error: bool = False,
        tolerance: float | None = None,
        progress: bool | None = None,
    ) -> Any: ...


Values = Callable[[IsingModel, np.ndarray, int | None, bool], Sequence[tuple[float, float]]]


def settled(name: str, instead: str = "") -> Callable[[Values], LogPartition]:
    """Make ``log_partition`` of a function that gives ln Z and a bound on its error at each of ``betas``.

    Its arguments: the model, an array of no or one axis, threads, and whether the bound has to be proven.
    """

    def dress(values: Values) -> LogPartition:
        @shows_progress
        def log_partition(
            model: ModelLike,
            beta: Any = 1.0,
            *,
            threads: int | None = None,
            error: bool = False,
            tolerance: float | None = None,
            progress: bool | None = None,
        ) -> Any:
            model, betas = as_model(model), as_real_array(beta, "beta", (0, 1))
            found = values(model, betas, threads, as_flag(error, "error") or tolerance is not None)
            return settle(name, betas, found, error, tolerance, instead)

        signature = inspect.signature(log_partition)
        update_wrapper(log_partition, values, updated=())
        log_partition.__signature__ = signature  # type: ignore[attr-defined]
        return log_partition

    return dress


def settle(
    name: str,
    betas: np.ndarray,
    found: Sequence[tuple[float, float]],
    error: Any,
    tolerance: Any,
    instead: str = "",
) -> Any:
    """ln Z at each beta, from pairs of a value and the bound on its error; with ``error`` the bounds, too.

    ``tolerance`` is the largest bound that is accepted, by default ``TOLERANCE`` max(1, |ln Z|).
    """
    error = as_flag(error, "error")
    tolerance = None if tolerance is None else as_real(tolerance, "tolerance", 0.0)
    for beta, (value, bound) in zip(betas.ravel().tolist(), found, strict=True):
        allowed = TOLERANCE * max(1.0, abs(value)) if tolerance is None else tolerance
        if not (bound <= allowed and math.isfinite(value)):
            raise InexactError(
                f"{name}: at beta={beta:g} rounding may move ln Z by {bound:.2g}; {allowed:.2g} is allowed. "
                f"Instead: {instead}tolerance={bound:.2g} to accept it, or an offset and couplings that do "
                "not cancel"
            )
    if betas.ndim == 0:
        return found[0] if error else found[0][0]
    values, bounds = np.array(found).reshape(-1, 2).T
    return (
        (values.reshape(betas.shape), bounds.reshape(betas.shape)) if error else values.reshape(betas.shape)
    )
