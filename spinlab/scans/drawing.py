"""Maps and finite-size series of a scan, with the theory's lines over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import plotting
from ..plotting.style import SEQUENTIAL
from .crossings import binder
from .families import theory_lines

if TYPE_CHECKING:
    import matplotlib.figure
    import xarray as xr

_LABELS = {
    "m_pattern": "overlap kept from the pattern",
    "m_hidden": "overlap kept from the pattern, hidden layer",
    "m_random": "largest pattern overlap from random starts",
    "q_abs": r"replica overlap $\langle|q|\rangle$",
    "q2": r"$\langle q^2\rangle$",
    "binder": "Binder cumulant of the replica overlap",
    "e_random": "energy per spin, random starts",
    "e_pattern": "energy per spin, pattern start",
    "accessibility": r"Gibbs accessibility $E/E_0$",
    "excess": "excess accessibility",
    "n_minima": "strict minima",
}
_LINE_STYLES = {"glass": "-", "retrieval": "--", "retrieval in equilibrium": ":"}


def draw(data: xr.Dataset, observable: str | None = None) -> matplotlib.figure.Figure:
    """Figure of one observable of a scan: a map per size over load and T, or curves of all sizes over T.

    Mean over instances, bars of one standard error on curves. Lines: transitions of infinite systems, replica
    symmetric. The title says whether one size was measured (a crossover) or several.

    Parameters
    ----------
    data : xarray.Dataset
        Of :func:`spinlab.scans.scan`.
    observable : str, optional
        A variable of ``data``, or "binder"; by default m_pattern where there are patterns, otherwise binder.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If ``data`` holds no such observable.

    Examples
    --------
    >>> from spinlab.scans import draw, scan
    >>> data = scan("sk", sizes=[8, 12], temperatures=[0.5, 2.0], replicas=4, n_steps=100)
    >>> figure = draw(data, "q2")
    """
    import matplotlib.pyplot as plt

    if observable is None:
        observable = "m_pattern" if "m_pattern" in data else "binder"
    known = sorted({name for name in data.data_vars if name in _LABELS} | {"binder"})
    if observable not in known:
        raise ValueError(f"this scan has no observable {observable!r}; it has {', '.join(known)}")
    per_instance = None if observable == "binder" else data[observable]
    values = binder(data) if per_instance is None else per_instance.mean("replica")
    axis = data.attrs["axis"]
    if axis not in values.dims:
        raise ValueError(f"{observable} does not depend on {axis}, so there is nothing to draw")
    with plotting.style():
        if "load" in values.dims and data.sizes["load"] > 1:
            figure = _maps(plt, data, values, axis)
        else:
            values = values.squeeze("load", drop=True) if "load" in values.dims else values
            if per_instance is not None and "load" in per_instance.dims:
                per_instance = per_instance.squeeze("load", drop=True)
            figure = _curves(plt, data, values, per_instance, axis)
        figure.suptitle(
            f"{data.attrs['ensemble']}: {_LABELS[observable]}\n{data.attrs['status']}; "
            f"{data.sizes['replica']} instances",
            fontsize=10,
        )
    plt.close(figure)
    return figure


def _options(data: xr.Dataset) -> dict[str, Any]:
    return {name: data.attrs[name] for name in ("ratio", "dimension", "law")}


def _axis_label(axis: str) -> str:
    return "temperature $T$" if axis == "T" else "standard deviation of the couplings"


def _maps(plt: Any, data: xr.Dataset, values: xr.DataArray, axis: str) -> Any:
    sizes, loads = data["size"].values, data["load"].values
    figure, axes = plt.subplots(
        1, len(sizes), figsize=(1.2 + 4.0 * len(sizes), 4.2), layout="constrained", squeeze=False, sharey=True
    )
    low, high = float(values.min()), float(values.max())
    limits = {"vmin": 0.0, "vmax": 1.0} if low >= 0 and high <= 1 else {"vmin": low, "vmax": high}
    fine = np.linspace(loads[0], loads[-1], 120)
    lines = theory_lines(data.attrs["ensemble"], fine, **_options(data))
    for ax, size in zip(axes[0], sizes, strict=True):
        cells = values.sel(size=size).transpose(axis, "load").values
        mesh = ax.pcolormesh(
            loads, data[axis].values, cells, shading="nearest", cmap=SEQUENTIAL, rasterized=True, **limits
        )
        for name, T in lines.items():
            at = np.where(T > 0, T, np.nan)
            if axis == "std":
                at = _line_in_std(data, size, fine, at)
            ax.plot(fine, at, color="white", linewidth=2.6)
            ax.plot(fine, at, color="black", linewidth=1.2, linestyle=_LINE_STYLES[name], label=name)
        ax.set(
            title=f"{data.attrs['size_name']} = {size}",
            xlabel=f"load ${data.attrs['load_name']}$",
            ylim=(data[axis].values[0], data[axis].values[-1]),
        )
    axes[0, 0].set_ylabel(_axis_label(axis))
    if axis == "std":
        axes[0, 0].set_yscale("log")
    axes[0, 0].legend(loc="upper right", frameon=True, fontsize=8, title="theory, infinite size")
    figure.colorbar(mesh, ax=axes[0, -1])
    return figure


def _curves(plt: Any, data: xr.Dataset, values: Any, per_instance: Any, axis: str) -> Any:
    figure, ax = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
    x = data[axis].values
    for i, size in enumerate(data["size"].values):
        y = values.sel(size=size).values
        error = None
        if per_instance is not None and data.sizes["replica"] > 1:
            part = per_instance.sel(size=size)
            error = (part.std("replica", ddof=1) / np.sqrt(part.notnull().sum("replica"))).values
        colour, marker = plotting.COLOURS[i % 7], plotting.MARKERS[i % 7]
        ax.errorbar(x, y, error, color=colour, marker=marker, label=f"{data.attrs['size_name']} = {size}")
    if axis == "T":
        load = data["load"].values if "load" in data.dims else None
        for name, T in theory_lines(data.attrs["ensemble"], load, **_options(data)).items():
            if x[0] <= T[0] <= x[-1]:
                ax.axvline(T[0], color="grey", linestyle=_LINE_STYLES[name], label=f"{name}, infinite size")
    if axis == "std":
        ax.set_xscale("log")
    ax.set(xlabel=_axis_label(axis), ylabel=_LABELS[str(values.name)])
    ax.legend(fontsize=8)
    return figure


def _line_in_std(data: xr.Dataset, size: int, load: np.ndarray, T: np.ndarray) -> np.ndarray:
    """A line of the T plane in weight scales: for one model s T is constant."""
    from .. import theory

    K = load * size
    safe = np.where(T > 0, T, 1.0)
    if data.attrs["ensemble"] == "ra-rbm":
        std = theory.coordinates.ra_rbm_std(size, data.attrs["ratio"] * size, np.maximum(K, 1), 1 / safe)
    else:
        std = theory.coordinates.hopfield_std(size, np.maximum(K, 1), safe)
    return np.where(T > 0, std, np.nan)
