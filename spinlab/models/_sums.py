"""Sums for conversions: rounded once, with a bound on all that was rounded off."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from .._core.validate import rounded_off

_SMALL = 2.0**-1020  # a quarter of it is still exact


class Sums:
    """Sums that are rounded once, and ``lost``, the bound on what their roundings amount to."""

    def __init__(self) -> None:
        self.lost = 0.0

    def add(self, terms: Iterable[float]) -> float:
        """The sum of halves and quarters of numbers."""
        terms = list(terms)
        total = math.fsum(terms)
        self.lost += abs(math.fsum([*terms, -total]))
        if any(0 < abs(x) < _SMALL for x in terms):  # dividing them rounded
            self.lost += len(terms) * 2.0**-1073
        self.lost *= 1 + 2.0**-52
        return total

    def number(self, x: Any) -> float:
        """A number of any kind as float64."""
        nearest = float(x)
        if nearest != x and math.isfinite(nearest):
            self.lost = (self.lost + rounded_off(x, nearest)) * (1 + 2.0**-52)
        return nearest

    def fields(self, terms: Iterable[list[float]]) -> list[float]:
        """Fields as sums; all zero where no field exceeds what float64 rounds off in adding its terms.

        Such fields are left by whoever added up the diagonal of a QUBO, of a maximum cut for example: the
        model is symmetric under a flip of all spins but for their rounding. They are counted as lost.
        """
        terms = list(terms)
        totals = [self.add(x) for x in terms]
        noise = [len(x) * 2.0**-53 * math.fsum(map(abs, x)) for x in terms]
        if any(totals) and all(abs(total) <= most for total, most in zip(totals, noise, strict=True)):
            self.lost = (self.lost + math.fsum(map(abs, totals))) * (1 + 2.0**-52)
            return [0.0] * len(totals)
        return totals
