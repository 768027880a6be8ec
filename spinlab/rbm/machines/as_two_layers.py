"""From a learning machine, or a model, to the two-layer Ising model that it is, and its matrix products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...models import IsingModel, PatternBipartiteIsing, TwoLayerIsing
from .machine import Machine

_LARGEST_FLOAT32 = 1e30


def as_ising_model(model: Any, what: str) -> IsingModel:
    """An Ising model, or what a machine gives by its ``as_ising()``."""
    if hasattr(model, "as_ising"):
        model = model.as_ising()
    if not isinstance(model, IsingModel):
        raise TypeError(
            f"{what} needs a model or a machine with as_ising(), got {type(model).__name__}; "
            "a weight matrix W is models.BipartiteIsing(W)"
        )
    return model


def as_two_layers(given: Any, what: str, deep: bool = False) -> TwoLayerIsing:
    """A two-layer model, or what a machine of two layers of spins gives by its ``as_ising()``.

    With ``deep`` also a deep machine, whose even layers then are one layer, visible units first.
    """
    model = as_ising_model(given, what)
    if not isinstance(model, TwoLayerIsing):
        raise TypeError(
            f"{what} needs a model of two layers of spins (BipartiteIsing, PatternBipartiteIsing, RBM or "
            f"RARBM), got {given!r}"
        )
    if not deep and n_visible(given, model) != model.V:
        raise TypeError(
            f"{what} needs two layers, visible and hidden, got {given!r} of several hidden layers; its "
            "as_ising() is a model of the even and the odd ones"
        )
    return model


def n_visible(given: Any, model: TwoLayerIsing) -> int:
    """Visible units: of a deep machine only a part of the first layer of its model."""
    return given.V if isinstance(given, Machine) else model.V


class Layers:
    """The matrix products of a model in a chosen precision; for patterns W is never formed.

    ``size`` numbers multiply a state on the way from one layer to the other.
    """

    def __init__(self, model: TwoLayerIsing, dtype: str = "float32") -> None:
        self.V, self.H, self.dtype = model.V, model.H, np.dtype(dtype)
        self.bv, self.bh = np.array(model.bv), np.array(model.bh)
        if isinstance(model, PatternBipartiteIsing):
            factors = [model.xi_v.T * model.scale, model.xi_h]
        else:
            factors = [model.weights()]
        largest = float(np.prod([np.abs(x).sum() for x in factors]))
        if dtype == "float32" and largest > _LARGEST_FLOAT32:
            raise ValueError(f'weights up to {largest:g} in sum do not fit into float32; use dtype="float64"')
        self.device, self.factors = model.device, [np.asarray(x, dtype) for x in factors]
        self.to_hidden = _product([np.ascontiguousarray(x, dtype) for x in factors])
        self.to_visible = _product([np.ascontiguousarray(x.T, dtype) for x in reversed(factors)])
        self.size = sum(x.size for x in factors)
        self._bv, self._bh = self.bv.astype(dtype), self.bh.astype(dtype)

    def hidden_fields(self, v: np.ndarray) -> np.ndarray:
        """v W + bh for v of shape (n, V) in the chosen precision, a new array."""
        x = self.to_hidden(v)
        return np.add(x, self._bh, out=x)

    def visible_fields(self, h: np.ndarray) -> np.ndarray:
        """h W^T + bv for h of shape (n, H), a new array."""
        x = self.to_visible(h)
        return np.add(x, self._bv, out=x)


def _product(factors: list[np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    def times(s: np.ndarray) -> np.ndarray:
        for factor in factors:
            s = s @ factor
        return s

    return times
