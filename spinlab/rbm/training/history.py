"""What was measured along training: values by name and epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    import xarray as xr


_LONGEST_NAME = 200
_ATTRIBUTES = {
    "lr": {"long_name": "learning rate", "units": "1"},
    "updates": {"long_name": "updates done", "units": "1"},
    "gradient_norm": {"long_name": "norm of the last gradient", "units": "1"},
    "seconds": {"long_name": "wall time", "units": "s"},
    "log_likelihood": {"long_name": "mean ln P(v) of the data", "units": "nats"},
    "test_log_likelihood": {"long_name": "mean ln P(v) of the test data", "units": "nats"},
}


class History:
    """Values recorded at the ends of epochs (numbered from 1)."""

    OF_THE_TRAINER: ClassVar = ("lr", "updates", "gradient_norm", "seconds")
    RESERVED: ClassVar = (*OF_THE_TRAINER, "epoch")

    def __init__(self) -> None:
        self._values: dict[str, dict[int, np.ndarray]] = {}

    def __repr__(self) -> str:
        epochs = len({epoch for kept in self._values.values() for epoch in kept})
        names = ", ".join(self._values) or "nothing yet"
        return f"<History of {epochs} epochs: {names if len(names) <= 200 else names[:197] + '...'}>"

    def record(self, epoch: int, values: Mapping[str, Any]) -> None:
        """Keep numbers or arrays of one epoch."""
        for name, value in values.items():
            self._values.setdefault(name, {})[epoch] = np.array(value)

    def record_of_callback(self, epoch: int, values: Any) -> None:
        """Keep what a callback returned, all of it or nothing."""
        if not isinstance(values, Mapping):
            raise TypeError(f"a callback must return a mapping of names to numbers, or None, got {values!r}")
        arrays: dict[str, np.ndarray] = {}
        for name, value in values.items():
            self._check_name(name)
            arrays[name] = _as_numbers(value, name)
            kept = self._values.get(name)
            if kept and next(iter(kept.values())).shape != arrays[name].shape:
                raise ValueError(f"the shape of {name!r} changed to {arrays[name].shape} at epoch {epoch}")
            if kept and epoch in kept:
                raise ValueError(f"two callbacks have returned {name!r}; choose different names")
        axes = {f"{name}_{i}": name for name, x in (self._first() | arrays).items() for i in range(x.ndim)}
        for name in axes.keys() & (self._values.keys() | arrays.keys()):
            raise ValueError(f"a callback returned {name!r}, which is the name of an axis of {axes[name]!r}")
        self.record(epoch, arrays)

    def _check_name(self, name: Any) -> None:
        if not isinstance(name, str):
            raise TypeError(f"a callback must name its numbers by text, got {name!r}")
        if name in self.RESERVED:
            raise ValueError(
                f"a callback returned {name!r}, which the trainer records; choose another name than "
                f"{', '.join(self.RESERVED)}"
            )
        if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
            raise ValueError(f"a callback returned a name of {len(name)} letters, {name[:20]!r}; take a word")

    def _first(self) -> dict[str, np.ndarray]:
        return {name: next(iter(kept.values())) for name, kept in self._values.items()}

    def forget_after(self, epoch: int) -> None:
        """Drop what was recorded after an epoch."""
        for name in list(self._values):
            for late in [e for e in reversed(self._values[name]) if e > epoch]:
                del self._values[name][late]
            if not self._values[name]:
                del self._values[name]

    @property
    def names(self) -> list[str]:
        """What was recorded."""
        return list(self._values)

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
            axes = ("epoch", *(f"{name}_{i}" for i in range(first.ndim)))
            variables[name] = (axes, data, _ATTRIBUTES.get(name, {}))
        return xr.Dataset(variables, coords={"epoch": ("epoch", epochs, {"long_name": "epoch"})})


def _as_numbers(value: Any, name: str) -> np.ndarray:
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"a callback returned {name!r} as a masked array; fill it, as by .filled(np.nan)")
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"a callback returned {name!r} that is no number or array: {error}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"a callback returned {name!r} of dtype {array.dtype}; only real numbers are kept")
    return array
