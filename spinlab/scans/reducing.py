"""From instances to numbers with errors: means, Binder cumulant, susceptibility."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..observables import errors
from .crossings import as_scan, binder

if TYPE_CHECKING:
    import xarray as xr

REDUCED = ("binder", "chi_SG")
"""What is computed from several variables of a scan, beside the variables themselves."""


def reduced(data: xr.Dataset, name: str) -> xr.Dataset:
    """An observable of a scan over the instances of the disorder, with its jackknife error.

    Parameters
    ----------
    data : xarray.Dataset
        Of :func:`spinlab.scans.scan`.
    name : str
        A variable of ``data``, whose mean is taken; "binder", see :func:`binder`; or "chi_SG", the spin-glass
        susceptibility N [<q^2>] with N the spins that q compares (the visible ones of two layers).

    Returns
    -------
    xarray.Dataset
        ``value`` and ``error`` by size, load and T (or std). Failed points are left out; the error is NaN
        where fewer than two instances remain.

    Raises
    ------
    ValueError
        If the scan has no such observable, or it is a distribution.

    Examples
    --------
    >>> from spinlab.scans import reduced, scan
    >>> data = scan("sk", sizes=[8], temperatures=[0.3, 3.0], instances=8, n_steps=200)
    >>> chi = reduced(data, "chi_SG")
    >>> bool((chi["value"] > 1).all() and (chi["error"] > 0).all())
    True
    """
    import xarray as xr

    data = as_scan(data)
    known = observables_of(data)
    if name not in known:
        raise ValueError(f"this scan has no observable {name!r} to average; it has {', '.join(known)}")
    statistic: Callable[..., Any] = _mean
    if name == "binder":
        parts, value, statistic = [data["q2"], data["q4"]], binder(data), _binder
    else:
        x = data["q2"] * _overlap_spins(data) if name == "chi_SG" else data[name].astype(float)
        parts, value = [x], x.mean("instance")
    arrays = [x.transpose("instance", *value.dims).values.reshape(x.sizes["instance"], -1) for x in parts]
    error = _jackknife(statistic, arrays).reshape(value.shape)
    return xr.Dataset({"value": value, "error": (value.dims, error)})


def observables_of(data: xr.Dataset) -> list[str]:
    """Names that :func:`reduced` takes."""
    axes = {"size", "load", data.attrs.get("axis", "T"), "instance"}
    own = [
        str(name)
        for name, x in data.data_vars.items()
        if "instance" in x.dims and axes.issuperset(x.dims) and x.dtype.kind in "biuf"
    ]
    return sorted({*own, *REDUCED})


def _overlap_spins(data: xr.Dataset) -> xr.DataArray:
    """Spins that the replica overlap compares, by size."""
    return data["size"] ** int(data.attrs["dimension"] if data.attrs["ensemble"] == "ea" else 1)


def _mean(x: np.ndarray) -> Any:
    return x.mean(0)


def _binder(q2: np.ndarray, q4: np.ndarray) -> Any:
    return (3 - q4.mean(0) / q2.mean(0) ** 2) / 2


def _jackknife(statistic: Callable[..., Any], arrays: list[np.ndarray]) -> np.ndarray:
    """Errors of the columns; instances that are not finite are left out, column by column."""
    finite = np.logical_and.reduce([np.isfinite(x) for x in arrays])
    if statistic is _binder:  # undefined without an overlap that is not zero
        finite &= (np.where(finite, arrays[0], 0.0) > 0).sum(0) > 1
    error = np.full(finite.shape[1], np.nan)
    for rows in np.unique(finite, axis=1).T:
        if rows.sum() > 1:
            columns = (finite == rows[:, None]).all(0)
            error[columns] = errors.jackknife(statistic, *(x[rows][:, columns] for x in arrays)).error
    return error
