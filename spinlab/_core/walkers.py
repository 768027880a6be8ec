"""Chains that walk together: their arrays, and what whoever advances them can be asked."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from .progress import Meter, in_slices
from .request import Request


class Group(NamedTuple):
    """Neighbouring chains; walkers change their rows of ``s`` and ``moved`` in place."""

    factors: np.ndarray
    """Chain r feels the inverse temperature betas[t] * factors[r]."""
    s: np.ndarray
    """States, (chains, N)."""
    moved: np.ndarray
    """Whether a spin was ever flipped, (chains, N)."""
    first: int
    """Number of the first chain among all, which addresses its random numbers; a multiple of 4."""

    def part(self, own: slice) -> Group:
        """Some of the chains."""
        return Group(self.factors[own], self.s[own], self.moved[own], self.first + own.start)


class Walkers(Protocol):
    """A group of chains that a kernel advances together."""

    s: np.ndarray
    """States, shape (chains, N), up to date between calls."""
    factors: np.ndarray
    """As the group's; may change between calls."""

    def advance(self, start: int, stop: int) -> None:
        """Take the steps start..stop-1."""

    def energy(self, out: np.ndarray) -> None:
        """Energies without the model's offset, shape (chains,), after at least one step."""


def walk(walkers: Walkers, request: Request, records: np.ndarray, shown: Meter | None = None) -> None:
    """Advance to the last stop; ``records`` (n_records, chains, N) are filled at the stops."""
    done = 0
    for k, stop in enumerate(request.stops):
        in_slices(walkers.advance, done, stop, shown, len(walkers.s))
        done = stop
        if k < len(records):
            records[k] = walkers.s
