"""Callbacks: functions of the trainer, called at the end of each epoch; what they return is recorded."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import numpy as np

from ..._core.validate import as_choice, as_count, as_real
from ..machines.machine import Machine
from ..negative import NegativePhase
from .history import History


class TrainingRun(Protocol):
    """What a callback may use of the trainer that calls it."""

    machine: Machine
    negative: NegativePhase
    history: History
    epoch: int
    updates: int
    lr_now: float

    def stop(self, reason: str) -> None:
        """End the training after this epoch."""


Callback = Callable[[TrainingRun], Mapping[str, Any] | None]


class Every:
    """Call a callback after every n-th epoch, or after the listed epochs (numbered from 1).

    Examples
    --------
    >>> import spinlab as sl
    >>> measure = sl.rbm.Every([1, 10, 100], lambda trainer: {"norm": abs(trainer.machine.W).max()})
    """

    def __init__(self, epochs: int | Iterable[int], callback: Callback) -> None:
        if not callable(callback):
            raise TypeError(f"callback must be a function of the trainer, got {callback!r}")
        self.callback = callback
        self._period: int | None = None
        self._epochs: frozenset[int] = frozenset()
        if isinstance(epochs, Iterable):
            self._epochs = frozenset(as_count(e, "epochs") for e in epochs)
        else:
            self._period = as_count(epochs, "epochs")

    def __call__(self, trainer: TrainingRun) -> Mapping[str, Any] | None:
        due = trainer.epoch in self._epochs if self._period is None else trainer.epoch % self._period == 0
        return self.callback(trainer) if due else None


def likelihood(every: int, data: np.ndarray, test: np.ndarray | None) -> Every:
    """Record the exact mean ln P(v) of the data, and of test data if given, at every n-th epoch."""

    def measure(trainer: TrainingRun) -> dict[str, float]:
        stacked = data if test is None else np.concatenate([data, test])
        values = trainer.machine.log_likelihood(stacked)  # one ln Z for both
        found = {"log_likelihood": float(values[: len(data)].mean())}
        if test is not None:
            found["test_log_likelihood"] = float(values[len(data) :].mean())
        return found

    return Every(every, measure)


class EarlyStopping:
    """Stop when a recorded value has not improved for ``patience`` epochs.

    Counted from the best value to the latest one, so that a value recorded every ten epochs can stop the
    training only when it is recorded. NaN is a value that was not measured.

    Parameters
    ----------
    monitor : str
        Name that an earlier callback of the list records, at every epoch or now and then. The end of
        training warns if no number was ever recorded under it.
    patience : int
        Epochs.
    mode : {"max", "min"}
        Whether more or less is better.
    min_delta : float, default 0
        Smallest improvement that counts.

    Examples
    --------
    >>> import spinlab as sl
    >>> stop = sl.rbm.EarlyStopping("nll", patience=10, mode="min")
    """

    def __init__(self, monitor: str, patience: int, mode: str = "max", min_delta: float = 0.0) -> None:
        if not isinstance(monitor, str):
            raise TypeError(f"monitor must be the name of a recorded value, got {monitor!r}")
        self.monitor, self.patience = monitor, as_count(patience, "patience")
        self._sign = 1.0 if as_choice(mode, "mode", ("max", "min")) == "max" else -1.0
        self.min_delta = as_real(min_delta, "min_delta", 0.0)

    def __call__(self, trainer: TrainingRun) -> None:
        measured = self._measured(trainer)
        if not measured:
            return
        best, best_epoch = -math.inf, next(iter(measured))
        for epoch, value in measured.items():
            if self._sign * value > best + self.min_delta:
                best, best_epoch = self._sign * value, epoch
        if max(measured) - best_epoch >= self.patience:
            trainer.stop(
                f"{self.monitor} has not improved since epoch {best_epoch} ({self._sign * best:.6g})"
            )

    def _measured(self, trainer: TrainingRun) -> dict[int, float]:
        if self.monitor not in trainer.history:
            return {}
        series = trainer.history.series(self.monitor)
        if any(np.ndim(value) for value in series.values()):
            raise ValueError(f"EarlyStopping needs a number, but {self.monitor!r} is an array")
        return {epoch: float(x) for epoch, x in series.items() if not math.isnan(x)}

    def warn_if_blind(self, trainer: TrainingRun) -> None:
        """Say at the end of training that there was nothing to judge by."""
        if trainer.epoch and not self._measured(trainer):
            warnings.warn(
                f"EarlyStopping({self.monitor!r}) has seen no number under this name in {trainer.epoch} "
                f"epochs; recorded are {', '.join(trainer.history.names)}",
                stacklevel=3,
            )


def as_callbacks(callbacks: Any) -> list[Callback]:
    """A list of functions."""
    if callable(callbacks):
        raise TypeError(
            f"callbacks must be a list of functions, got one function {callbacks!r}; put it in []"
        )
    try:
        found = list(callbacks)
    except TypeError:
        raise TypeError(f"callbacks must be a list of functions of the trainer, got {callbacks!r}") from None
    for i, callback in enumerate(found):
        if not callable(callback):
            raise TypeError(f"callbacks[{i}] must be a function of the trainer, got {callback!r}")
    return found
