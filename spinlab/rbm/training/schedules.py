"""Learning rates by epoch: functions of (epoch from 0, initial rate)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..._core.validate import as_count, as_real

Schedule = Callable[[int, float], float]


@dataclass(frozen=True)
class Geometric:
    """lr times ``factor`` after each epoch from number ``after`` on, while it is above ``floor``.

    The paper's Bars: ``Geometric(0.96, floor=1e-5)``; its MNIST: ``Geometric(0.99, floor=1e-3, after=100)``.

    Examples
    --------
    >>> import spinlab as sl
    >>> schedule = sl.rbm.Geometric(0.5, floor=0.2)
    >>> [schedule(epoch, 1.0) for epoch in range(5)]
    [1.0, 0.5, 0.25, 0.125, 0.125]
    """

    factor: float
    floor: float = 0.0
    after: int = 0

    def __post_init__(self) -> None:
        if not 0 < as_real(self.factor, "factor") <= 1:
            raise ValueError(f"factor must be above 0 and at most 1, got {self.factor:g}")
        as_real(self.floor, "floor", 0.0)
        as_count(self.after, "after", 0)

    def __call__(self, epoch: int, lr: float) -> float:
        if self.floor == 0.0 or self.factor == 1.0:
            return lr * self.factor ** max(0, epoch - self.after)
        for _ in range(epoch - self.after):
            if lr <= self.floor:
                break
            lr *= self.factor
        return lr


@dataclass(frozen=True)
class Linear:
    """From lr down to lr times ``end`` over ``epochs`` epochs, then constant.

    Examples
    --------
    >>> import spinlab as sl
    >>> sl.rbm.Linear(10)(5, 1.0)
    0.5
    """

    epochs: int
    end: float = 0.0

    def __post_init__(self) -> None:
        as_count(self.epochs, "epochs")
        as_real(self.end, "end", 0.0)

    def __call__(self, epoch: int, lr: float) -> float:
        return lr * (1 + (self.end - 1) * min(1.0, epoch / self.epochs))
