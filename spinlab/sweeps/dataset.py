"""From stored results to an xarray Dataset, netCDF and CSV."""

from __future__ import annotations

import csv
import importlib.util
import json
import math
import os
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core.files import atomic_write
from .plan import Plan, Point

if TYPE_CHECKING:
    import xarray as xr

Row = tuple[Point, "dict[str, np.ndarray] | None", "str | None"]
"""A point, its result and its error."""

_MOST_REASONS = 20
_OTHERS = "other reasons"


def to_xarray(plan: Plan, rows: Iterable[Row], made: dict[str, str], seeds: bool = False) -> xr.Dataset:
    """Results on the plan's grid; ``rows`` holds every point of it in order."""
    import xarray as xr

    columns: dict[str, _Column] = {}
    texts = np.empty(len(plan) if seeds else 0, dtype="U39")
    done, errors, first_error = 0, 0, ""
    reasons: dict[str, int] = {}
    for index, (point, result, error) in enumerate(rows):
        if seeds:
            texts[index] = str(point.seed)
        if error is not None:
            errors += 1
            reason = error.strip().splitlines()[-1]
            first_error = first_error or f"{point.text}, replica {point.replica}: {reason}"
            if reason not in reasons and len(reasons) >= _MOST_REASONS:
                reason = _OTHERS
            reasons[reason] = reasons.get(reason, 0) + 1
        done += result is not None
        for name, array in (result or {}).items():
            if name not in columns:
                columns[name] = _Column(name, len(plan), array)
            columns[name].put(index, array)
    outer = (*plan.axes, "replica")
    coords: dict[str, Any] = {name: _labels(axis) for name, axis in plan.axes.items()}
    coords["replica"] = np.arange(plan.replicas)
    variables, sizes = {}, dict.fromkeys((*outer, *columns), -1)  # no dimension may take these names
    for name, column in columns.items():
        data = column.finish()
        inner = _inner_dims(name, data.shape[1:], plan, sizes)
        sizes.update(zip(inner, data.shape[1:], strict=True))
        variables[name] = ((*outer, *inner), data.reshape(plan.shape + data.shape[1:]))
    for name, values in plan.coords.items():
        if sizes.get(name) == len(values):
            coords[name] = np.asarray(values)
        elif name in sizes:
            _warn(f"coords of {name!r} has {len(values)} values for a dimension of {sizes[name]}; left out")
    if seeds:
        variables["point_seed"] = (outer, texts.reshape(plan.shape))
    attrs: dict[str, Any] = {"function": plan.function, "version": plan.version, "seed": str(plan.seed)}
    attrs |= {"fixed": json.dumps(plan.fixed), "pair_over": json.dumps(plan.pair_over)} | made
    attrs |= {
        "failed_points": errors,
        "missing_points": len(plan) - done - errors,
        "first_error": first_error,
        "errors": json.dumps(reasons),
    }
    return xr.Dataset(variables, coords, attrs)


def to_netcdf(dataset: xr.Dataset, path: str | os.PathLike[str]) -> None:
    """A netCDF file, written by netCDF4 where it is installed and as netCDF3 by scipy elsewhere.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import xarray as xr
    >>> from spinlab.sweeps import to_netcdf
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "numbers.nc"
    >>> to_netcdf(xr.Dataset({"x": ("n", [1.0, 2.0])}), path)
    >>> xr.load_dataset(path)["x"].values
    array([1., 2.])
    """
    engine: Any = "netcdf4" if importlib.util.find_spec("netCDF4") else "scipy"
    with atomic_write(path) as temporary:
        try:
            dataset.to_netcdf(temporary, engine=engine)
        except (TypeError, ValueError) as error:
            hint = "install netCDF4 (pip install netCDF4)" if engine == "scipy" else "change the type"
            raise ValueError(
                f"cannot write {os.fspath(path)!r}, {engine} cannot hold it ({error}); {hint} or export CSV"
            ) from error
        except (OSError, RuntimeError) as error:
            raise OSError(f"cannot write {os.fspath(path)!r}: {error}") from error


def to_csv(plan: Plan, rows: Iterable[Row], path: str | os.PathLike[str]) -> None:
    """Long form: one line per point, variable and element, missing results left out."""
    with atomic_write(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*plan.axes, "replica", "variable", "element", "value"])
        for point, result, _ in rows:
            place = [_label(point.params[name]) for name in plan.axes] + [point.replica]
            for name, array in (result or {}).items():
                numbers = array.astype(int) if array.dtype == bool else array
                for element, value in np.ndenumerate(numbers):
                    writer.writerow([*place, name, " ".join(map(str, element)), repr(value.item())])


class _Column:
    """One variable over all points; smaller arrays fill the leading corner of the largest."""

    def __init__(self, name: str, n: int, first: np.ndarray) -> None:
        self.name = name
        self.data = np.zeros((n, *first.shape), first.dtype)
        self.holes = np.ones(self.data.shape, dtype=bool)

    def put(self, index: int, array: np.ndarray) -> None:
        if array.dtype != self.data.dtype:
            common = np.result_type(array, self.data)
            self.data, array = self._cast(self.data, common), self._cast(array, common)
        if array.shape != self.data.shape[1:]:
            self._grow(array.shape)
        corner: Any = (index, *map(slice, array.shape))
        self.data[corner] = array
        self.holes[corner] = False

    def _grow(self, shape: tuple[int, ...]) -> None:
        old = self.data.shape[1:]
        if len(shape) != len(old):
            raise ValueError(
                f"{self.name!r} has {len(shape)} dimensions at one point and {len(old)} at another; "
                "return arrays with the same number of dimensions everywhere"
            )
        padding = [(0, 0), *((0, max(n - m, 0)) for n, m in zip(shape, old, strict=True))]
        self.data = np.pad(self.data, padding)
        self.holes = np.pad(self.holes, padding, constant_values=True)

    def finish(self) -> np.ndarray:
        if not self.holes.any():
            return self.data
        data = self.data if self.data.dtype.kind == "f" else self._cast(self.data, np.dtype(float))
        data[self.holes] = math.nan
        return data

    def _cast(self, array: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
        if dtype.kind == "f" and array.dtype.kind in "iu" and (np.abs(array.astype(float)) > 2**53).any():
            _warn(f"{self.name!r} has integers above 2**53, rounded to floats beside NaN or floats")
        return array.astype(dtype, copy=False)


def _inner_dims(name: str, shape: tuple[int, ...], plan: Plan, sizes: dict[str, int]) -> tuple[str, ...]:
    default = tuple(f"{name}_dim_{k}" for k in range(len(shape)))
    given = plan.dims.get(name, default)
    if len(given) == len(shape) and all(sizes.get(d, n) == n for d, n in zip(given, shape, strict=True)):
        return given
    _warn(f"dims {given} do not fit {name!r} of shape {shape} beside the other results; named {default}")
    return default


def _labels(axis: tuple[Any, ...]) -> np.ndarray:
    """Coordinate of an axis: numbers, booleans or strings; JSON text where netCDF has no such type."""
    types = {type(value) for value in axis}
    if types in ({bool}, {str}) or types <= {int, float}:
        labels = np.array(axis)
        if labels.dtype.kind in "biufU" and len(set(labels.tolist())) == len(axis):
            return labels
    return np.array([_label(value) for value in axis])


def _label(value: Any) -> Any:
    return value if type(value) in (int, float, str) else json.dumps(value, separators=(",", ":"))


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=3)
