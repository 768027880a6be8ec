"""Given numbers as the parameters of a machine: finite, real, and within the range of its precision."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._core.device import to_host
from ..._core.validate import as_real, as_real_array

_LARGEST_SUM = {"float32": 1e30, "float64": 1e150}
"""Of absolute values: fields, energies and their differences stay finite."""


def check_range(array: np.ndarray, name: str, kind: np.dtype) -> None:
    """Refuse numbers of float64 that become infinite, or all zero, in the machine's precision."""
    total = float(np.abs(array).sum(dtype=np.float64))
    if not total <= _LARGEST_SUM[kind.name]:
        other = "rescale it, or use dtype='float64'" if kind == np.float32 else "rescale it"
        raise ValueError(
            f"{name} is too large for a machine in {kind}: its absolute values sum to {total:.3g}, allowed "
            f"is {_LARGEST_SUM[kind.name]:g}; {other}"
        )
    if total > 0 and not np.asarray(array, kind).any():
        raise ValueError(f"{name} is too small for {kind}, in which it is zero; use dtype='float64'")


def set_parameter(parameter: np.ndarray, values: Any, name: str) -> None:
    """Write given numbers into a parameter, whose shape and precision they must fit."""
    values = as_real_array(values, name, parameter.ndim)
    if values.shape != parameter.shape:
        raise ValueError(f"{name} must have shape {parameter.shape}, got {values.shape}")
    check_range(values, name, parameter.dtype)
    parameter[...] = values


def scaled_start(normal: np.ndarray, std: float) -> np.ndarray:
    """Standard normal numbers times ``std``, in place."""
    check_range(np.array(std * max(1.0, float(normal.size))), "std times the number of weights", normal.dtype)
    normal *= normal.dtype.type(std)
    return normal


def as_scale(scale: Any, kind: np.dtype) -> float:
    """The scale of a machine of patterns."""
    scale = as_real(scale, "scale")
    check_range(np.array(scale), "scale", kind)
    return scale


def as_state(state: Any, own: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays that can take the place of a machine's own, by name; refused as a whole if one cannot."""
    try:
        given = {str(name): to_host(x) for name, x in dict(state).items()}
    except (TypeError, ValueError):
        raise TypeError(f"a state must map names to arrays, got {type(state).__name__}") from None
    if {k: v.shape for k, v in own.items()} != {k: np.shape(v) for k, v in given.items()}:
        raise ValueError(
            f"these arrays are of another machine: they are {_shapes(given)}, this one has {_shapes(own)}"
        )
    found = {}
    for name, x in given.items():
        found[name] = as_real_array(x, name, len(own[name].shape))
        check_range(found[name], name, own[name].dtype)
    return found


def _shapes(arrays: dict[str, np.ndarray]) -> str:
    return ", ".join(f"{name} {np.shape(array)}" for name, array in arrays.items()) or "none"
