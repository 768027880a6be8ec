"""From a learning machine, or a model, to the two-layer Ising model that it is."""

from __future__ import annotations

from typing import Any

from ..models import IsingModel, TwoLayerIsing


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


def as_two_layers(model: Any, what: str) -> TwoLayerIsing:
    """A two-layer model, or what a machine gives by its ``as_ising()``."""
    model = as_ising_model(model, what)
    if not isinstance(model, TwoLayerIsing):
        raise TypeError(
            f"{what} needs a model of two layers (BipartiteIsing or PatternBipartiteIsing), got {model!r}"
        )
    return model
