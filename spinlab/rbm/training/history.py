"""What was measured along training: values by name and epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    import xarray as xr


class History:
    """Values recorded at the ends of epochs (numbered from 1)."""

    OF_THE_TRAINER: ClassVar = ("lr", "updates", "gradient_norm", "seconds")

    def __init__(self) -> None:
        self._values: dict[str, dict[int, np.ndarray]] = {}

    def record(self, epoch: int, values: Mapping[str, Any]) -> None:
        """Keep numbers or arrays of one epoch."""
        if not isinstance(values, Mapping):
            raise TypeError(f"a callback must return a mapping of names to numbers, or None, got {values!r}")
        for name, value in values.items():
            array = np.asarray(value)
            if array.dtype.kind not in "biuf":
                raise TypeError(
                    f"a callback returned {name!r} of dtype {array.dtype}; only real numbers are kept"
                )
            kept = self._values.setdefault(str(name), {})
            if kept and next(iter(kept.values())).shape != array.shape:
                raise ValueError(f"the shape of {name!r} changed to {array.shape} at epoch {epoch}")
            kept[epoch] = np.array(array)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def series(self, name: str) -> dict[int, Any]:
        """Values of one name by epoch."""
        if name not in self._values:
            raise ValueError(
                f"the history has no {name!r}; it has {', '.join(self._values) or 'nothing yet'}"
            )
        return self._values[name]

    def latest(self) -> dict[str, float]:
        """The last value of every scalar."""
        last = {name: kept[max(kept)] for name, kept in self._values.items()}
        return {name: float(value) for name, value in last.items() if value.ndim == 0}

    def state_dict(self) -> dict[str, np.ndarray]:
        """What a checkpoint must keep."""
        state = {}
        for name, kept in self._values.items():
            state[f"{name}/epochs"] = np.array(list(kept))
            state[f"{name}/values"] = np.stack(list(kept.values()))
        return state

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Back to a kept state."""
        self._values = {}
        for key, epochs in state.items():
            name, _, part = key.rpartition("/")
            if part == "epochs":
                values = state[f"{name}/values"]
                self._values[name] = {int(e): np.array(v) for e, v in zip(epochs, values, strict=True)}

    def to_xarray(self) -> xr.Dataset:
        """Dataset with the dimension "epoch"; NaN where a value was not measured."""
        import xarray as xr

        epochs = sorted({e for kept in self._values.values() for e in kept})
        variables = {}
        for name, kept in self._values.items():
            first = next(iter(kept.values()))
            missing = first if len(kept) == len(epochs) else np.full(first.shape, np.nan)
            data = np.stack([kept.get(e, missing) for e in epochs])
            variables[name] = (("epoch", *(f"{name}_{i}" for i in range(first.ndim))), data)
        return xr.Dataset(variables, coords={"epoch": epochs})
