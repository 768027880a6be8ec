"""From continuous patterns back to spins, or to a bounded range (arXiv:1910.01592, Appendix B)."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np

from ..._core.validate import as_real
from ..machines.axons import signs
from ..machines.machine import Machine
from ..machines.units import Noise


class Projection(abc.ABC):
    """Changes the parameters in place after an epoch, or after every few updates."""

    each_update = False
    """Whether it is applied after every update unless the trainer is told otherwise."""

    def check(self, machine: Machine) -> None:  # noqa: B027
        """Refuse a machine that it cannot be applied to."""

    @abc.abstractmethod
    def apply(self, machine: Machine, noise: Noise) -> None: ...


class Sign(Projection):
    """xi <- sign(xi), +1 at zero (B1)."""

    def check(self, machine: Machine) -> None:
        _patterns(machine)

    def apply(self, machine: Machine, noise: Noise) -> None:
        for xi in _patterns(machine).values():
            xi[...] = signs(xi)


class Clip(Projection):
    """Patterns, or weights where there are none, restricted to [-x, x] (B.2)."""

    each_update = True

    def __init__(self, limit: float = 1.0) -> None:
        self.limit = as_real(limit, "limit", 0.0, exclusive=True)

    def apply(self, machine: Machine, noise: Noise) -> None:
        for name in machine.decayed:
            theta = machine.parameters[name]
            machine.xp.clip(theta, -self.limit, self.limit, out=theta)


class GibbsProjection(Projection):
    """Patterns drawn anew by a Gibbs step from their continuous values: hidden given visible parts, then
    visible given hidden ones (B2)."""

    def check(self, machine: Machine) -> None:
        if type(machine).resample_patterns is Machine.resample_patterns:
            machine.resample_patterns(Noise(0))  # which says why not

    def apply(self, machine: Machine, noise: Noise) -> None:
        machine.resample_patterns(noise)


def as_projection(projection: Any) -> Projection | None:
    """A projection by its name, or as given."""
    known: dict[str, type[Projection] | None] = {
        "none": None,
        "sign": Sign,
        "clip": Clip,
        "gibbs": GibbsProjection,
    }
    if isinstance(projection, Projection):
        return projection
    if not isinstance(projection, str) or projection not in known:
        raise ValueError(
            f"unknown projection {projection!r}; known: {', '.join(known)}, or a Projection object"
        )
    kind = known[projection]
    return None if kind is None else kind()


def _patterns(machine: Machine) -> dict[str, np.ndarray]:
    found = {name: xi for name, xi in machine.parameters.items() if name.startswith("xi")}
    if not found:
        raise TypeError(f"this projection needs a machine made of patterns, got {type(machine).__name__}")
    return found
