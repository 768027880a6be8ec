"""From stored results to an xarray Dataset, netCDF and CSV."""

from __future__ import annotations

import csv
import importlib.util
import json
import math
import os
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core.files import atomic_write
from .._core.validate import check_memory
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

    columns: dict[str, dict[int, _Column]] = {}  # by name and number of dimensions
    texts = np.empty(len(plan) if seeds else 0, dtype="U39")
    done, errors, first_error = 0, 0, ""
    reasons: dict[str, int] = {}
    for index, (point, result, error) in enumerate(rows):
        if seeds:
            texts[index] = str(point.seed)
        if error is not None:
            errors += 1
            reason = _reason(error)
            first_error = first_error or f"{point.text}, replica {point.replica}: {reason}"
            if reason not in reasons and len(reasons) >= _MOST_REASONS:
                reason = _OTHERS
            reasons[reason] = reasons.get(reason, 0) + 1
        done += result is not None
        for name, array in (result or {}).items():
            kinds = columns.setdefault(name, {})
            if array.ndim not in kinds:
                kinds[array.ndim] = _Column(name, len(plan), array)
            kinds[array.ndim].put(index, array)
    outer = (*plan.axes, "replica")
    coords: dict[str, Any] = {name: _labels(axis) for name, axis in plan.axes.items()}
    coords["replica"] = np.arange(plan.replicas)
    named = _split(columns)
    variables, sizes = {}, dict.fromkeys((*outer, *named), -1)  # no dimension may take these names
    for name, column in named.items():
        data = column.finish()
        if data is None:
            continue
        inner = _inner_dims(name, data.shape[1:], plan, sizes)
        sizes.update(zip(inner, data.shape[1:], strict=True))
        variables[name] = ((*outer, *inner), data.reshape(plan.shape + data.shape[1:]))
    for name in plan.dims.keys() - columns.keys() if columns else ():
        _warn(f"dims names {name!r}, which no result is called; there are {', '.join(sorted(columns))}")
    for name, values in plan.coords.items():
        if sizes.get(name) == len(values):
            coords[name] = np.asarray(values)
        elif name in sizes:
            _warn(f"coords of {name!r} has {len(values)} values for a dimension of {sizes[name]}; left out")
    if seeds and "point_seed" in named:
        raise ValueError(
            "a result is called 'point_seed', as the variable of the seeds is; read it without seeds"
        )
    if seeds:
        variables["point_seed"] = (outer, texts.reshape(plan.shape))
    attrs: dict[str, Any] = {"function": plan.function, "version": plan.version, "seed": str(plan.seed)}
    attrs |= {"fixed": json.dumps(plan.fixed), "pair_over": json.dumps(plan.pair_over)} | made
    attrs |= {
        "points": len(plan),
        "failed_points": errors,
        "missing_points": len(plan) - done - errors,
        "first_error": first_error,
        "errors": json.dumps(reasons),
    }
    return xr.Dataset(variables, coords, attrs)


def _reason(error: str) -> str:
    """The line of a traceback that names the error; its message may have more lines."""
    lines = error.strip().splitlines() or ["unknown"]
    frames = [i for i, line in enumerate(lines) if line.startswith('  File "')]
    after = lines[frames[-1] + 1 :] if frames else lines
    return next((line for line in after if line and not line.startswith(" ")), lines[-1])


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
    if not hasattr(dataset, "data_vars"):
        raise TypeError(f"dataset must be an xarray.Dataset, got {type(dataset).__name__}")
    engine: Any = "netcdf4" if importlib.util.find_spec("netCDF4") else "scipy"
    where = os.fspath(path)
    dataset = _with_texts(dataset, where)
    with atomic_write(path) as temporary:
        try:
            content = _in_memory(dataset) if engine == "netcdf4" else dataset.to_netcdf(engine=engine)
        except (TypeError, ValueError, OSError, RuntimeError) as error:
            hint = "install netCDF4 (pip install netCDF4)" if engine == "scipy" else "change the type"
            raise ValueError(
                f"cannot write {where!r}, {engine} cannot hold it ({error}); {hint} or export CSV"
            ) from error
        temporary.write_bytes(content)


def _in_memory(dataset: xr.Dataset) -> Any:
    """The bytes of a netCDF 4 file. HDF5 cannot close a file that a full disk has cut: it would stay open."""
    import netCDF4
    from xarray.backends import NetCDF4DataStore

    file = netCDF4.Dataset("memory", "w", memory=2**16)
    dataset.dump_to_store(NetCDF4DataStore(file))
    return file.close()


def _with_texts(dataset: xr.Dataset, where: str) -> xr.Dataset:
    """Labels of mixed types as JSON; refuses text that netCDF would change."""
    for name, variable in dataset.variables.items():
        if variable.dtype.kind == "O" and name in dataset.coords:
            labels = [_json(value) for value in variable.values.tolist()]
            attrs = variable.attrs | {"labels": "JSON"}
            dataset = dataset.assign_coords({name: (variable.dims, labels, attrs)})
    texts: list[tuple[str, Any]] = [
        (f"coordinate {n!r}", v.values) for n, v in dataset.variables.items() if v.dtype.kind in "OU"
    ]
    texts += [(f"attribute {n!r}", [v]) for n, v in dataset.attrs.items() if isinstance(v, str)]
    texts += [("a name", [str(n)]) for n in (*dataset.variables, *dataset.sizes)]
    for what, values in texts:
        for value in np.asarray(values, dtype=object).ravel():
            if isinstance(value, str) and ("\0" in value or not _is_encodable(value)):
                raise ValueError(
                    f"cannot write {where!r}: {what} holds {value!r}, and netCDF would change it; use "
                    "another text, or export CSV"
                )
    return dataset


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_CSV_COLUMNS = ("replica", "variable", "element", "value")


def to_csv(plan: Plan, rows: Iterable[Row], path: str | os.PathLike[str]) -> None:
    """Long form: one line per point, variable and element, missing results left out."""
    for name in plan.axes:
        if name in _CSV_COLUMNS:
            raise ValueError(
                f"cannot write {os.fspath(path)!r}: the axis {name!r} has the name of a column of CSV "
                f"({', '.join(_CSV_COLUMNS)}); export .nc, which keeps both"
            )
        for value in plan.axes[name]:
            if not _is_encodable(str(value)):
                raise ValueError(
                    f"cannot write {os.fspath(path)!r}: the axis {name!r} holds {value!r}, which UTF-8 lacks"
                )
    labels = {name: _csv_label(axis) for name, axis in plan.axes.items()}
    with atomic_write(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*plan.axes, *_CSV_COLUMNS])
        for point, result, _ in rows:
            place = [labels[name](point.params[name]) for name in plan.axes] + [point.replica]
            for name, array in (result or {}).items():
                numbers = array.astype(int) if array.dtype == bool else array
                for element, value in np.ndenumerate(numbers):
                    writer.writerow([*place, name, " ".join(map(str, element)), repr(value.item())])


def _csv_label(axis: tuple[Any, ...]) -> Callable[[Any], Any]:
    """Numbers and texts as they are, JSON where an axis has more than one type."""
    kinds = {type(value) for value in axis}
    return (lambda value: value) if kinds == {str} or kinds <= {int, float} else _json


def _split(columns: dict[str, dict[int, _Column]]) -> dict[str, _Column]:
    """A variable per name; results of other numbers of dimensions than most apart, as ``y_1d``."""
    named: dict[str, _Column] = {}
    for name, kinds in columns.items():
        most = max(kinds, key=lambda ndim: (kinds[ndim].points, -ndim))
        named[name] = kinds[most]
        for ndim in sorted(kinds.keys() - {most}):
            other = f"{name}_{ndim}d"
            while other in columns:
                other += "_"
            named[other] = kinds[ndim]
            _warn(
                f"{name!r} has {most} dimensions at {kinds[most].points} points and {ndim} at "
                f"{kinds[ndim].points}; the latter are in {other!r}"
            )
    return named


class _Column:
    """One variable over all points; smaller arrays fill the leading corner of the largest."""

    def __init__(self, name: str, n: int, first: np.ndarray) -> None:
        self.name, self.points = name, 0
        self.data = np.zeros((n, *(0 for _ in first.shape)), first.dtype)
        self.holes = np.ones(self.data.shape, dtype=bool)
        self.refusal = ""

    def put(self, index: int, array: np.ndarray) -> None:
        self.points += 1
        if self.refusal:
            return
        if array.dtype != self.data.dtype:
            common = np.result_type(array, self.data)
            self.data, array = self._cast(self.data, common), self._cast(array, common)
        if any(n > m for n, m in zip(array.shape, self.data.shape[1:], strict=True)):
            try:
                self._grow(array.shape)
            except ValueError as error:
                self.refusal = str(error)
                self.data = self.holes = np.zeros(0)
                return
        corner: Any = (index, *map(slice, array.shape))
        self.data[corner] = array
        self.holes[corner] = False

    def _grow(self, shape: tuple[int, ...]) -> None:
        old = self.data.shape[1:]
        largest = tuple(map(max, shape, old))
        what = f"{self.name!r} of shape {largest} at {len(self.data)} points"
        check_memory(len(self.data) * math.prod(largest) * (self.data.itemsize + 1), what)
        padding = [(0, 0), *((0, n - m) for n, m in zip(largest, old, strict=True))]
        self.data = np.pad(self.data, padding)
        self.holes = np.pad(self.holes, padding, constant_values=True)

    def finish(self) -> np.ndarray | None:
        """The data; None, with a warning, where they do not fit into memory on one grid."""
        if self.refusal:
            _warn(f"{self.refusal}; left out here, a CSV export has it")
            return None
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
    default = tuple(_free(f"{name}_dim_{k}", n, sizes) for k, n in enumerate(shape))
    given = plan.dims.get(name, default)
    if len(given) == len(shape) and all(sizes.get(d, n) == n for d, n in zip(given, shape, strict=True)):
        return given
    _warn(f"dims {given} do not fit {name!r} of shape {shape} beside the other results; named {default}")
    return default


def _free(name: str, n: int, sizes: dict[str, int]) -> str:
    """A name for a dimension that is not that of an axis, a result or a dimension of another length."""
    while sizes.get(name, n) != n:
        name += "_"
    return name


def _labels(axis: tuple[Any, ...]) -> np.ndarray:
    """Coordinate of an axis: numbers, booleans or texts; objects where these would change a value."""
    kinds = {type(value) for value in axis}
    if kinds in ({bool}, {str}) or kinds <= {int, float}:
        labels = np.array(axis)
        if labels.dtype.kind in "biufU" and labels.tolist() == list(axis):
            return labels
    if tuple in kinds or (bool in kinds and len(kinds) > 1):  # no labels of an index, or equal to numbers
        return np.array([_json(value) for value in axis])
    labels = np.empty(len(axis), dtype=object)
    labels[:] = axis
    return labels


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=3)
