"""Maps and finite-size series of a scan, with the theory's lines over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import plotting
from ..plotting.style import SEQUENTIAL
from .crossings import as_scan
from .families import as_family, theory_lines
from .reducing import reduced

if TYPE_CHECKING:
    import matplotlib.figure
    import xarray as xr

_LABELS = {
    "m_pattern": "overlap kept from the pattern",
    "m_hidden": "overlap kept from the pattern, hidden layer",
    "m_random": "largest pattern overlap from random starts",
    "q_abs": r"replica overlap $\langle|q|\rangle$",
    "q2": r"$\langle q^2\rangle$",
    "q4": r"$\langle q^4\rangle$",
    "binder": "Binder cumulant of the replica overlap",
    "chi_SG": r"spin-glass susceptibility $N\langle q^2\rangle$",
    "e_random": "energy per spin, random starts",
    "e_pattern": "energy per spin, pattern start",
    "accessibility": r"Gibbs accessibility $E/E_0$",
    "excess": "excess accessibility",
    "n_minima": "strict minima",
}
_LINE_STYLES = {"glass": "-", "retrieval": "--", "retrieval in equilibrium": ":"}


def draw(data: xr.Dataset, observable: str | None = None) -> matplotlib.figure.Figure:
    """Figure of one observable of a scan: a map per size over load and T, or curves of all sizes over T.

    Mean over instances, on curves with bars of one jackknife error over the instances. What does not depend
    on T is drawn over the load, or over the size. Lines: transitions of infinite systems, replica
    symmetric. The title says whether one size was measured (a crossover) or several.

    Parameters
    ----------
    data : xarray.Dataset
        Of :func:`spinlab.scans.scan`.
    observable : str, optional
        A variable of ``data``, "binder" or "chi_SG", see :func:`reduced`; by default m_pattern where there
        are patterns, otherwise binder.

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
    >>> data = scan("sk", sizes=[8, 12], temperatures=[0.5, 2.0], instances=4, n_steps=100)
    >>> figure = draw(data, "q2")
    """
    data = as_scan(data)
    import matplotlib.pyplot as plt

    if observable is None:
        observable = "m_pattern" if "m_pattern" in data else "binder"
    measured, label = reduced(data, observable), _LABELS.get(observable, observable)
    axis = data.attrs["axis"]
    with plotting.style():
        if "load" in measured.dims and data.sizes["load"] > 1 and axis in measured.dims:
            figure = _maps(plt, data, measured["value"], axis)
        else:
            if measured.sizes.get("load") == 1:
                measured = measured.squeeze("load")
            figure = _curves(plt, data, measured, label)
        figure.suptitle(
            f"{data.attrs['ensemble']}: {label}\n{data.attrs['status']}; {data.sizes['instance']} instances",
            fontsize=10,
        )
    plt.close(figure)
    return figure


def _options(data: xr.Dataset) -> dict[str, Any]:
    return {name: data.attrs[name] for name in ("ratio", "dimension", "law")}


def _axis_label(data: xr.Dataset, axis: str) -> str:
    return {
        "T": "temperature $T$",
        "std": "standard deviation of the couplings",
        "load": f"load ${data.attrs['load_name']}$",
        "size": f"size ${data.attrs['size_name']}$",
    }[axis]


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
            xlabel=_axis_label(data, "load"),
            ylim=(data[axis].values[0], data[axis].values[-1]),
        )
    axes[0, 0].set_ylabel(_axis_label(data, axis))
    if axis == "std":
        axes[0, 0].set_yscale("log")
    axes[0, 0].legend(loc="upper right", frameon=True, fontsize=8, title="theory, infinite size")
    figure.colorbar(mesh, ax=axes[0, -1])
    return figure


def _curves(plt: Any, data: xr.Dataset, measured: Any, label: str) -> Any:
    figure, ax = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
    axis = next(d for d in (data.attrs["axis"], "load", "size") if d in measured.dims)
    x = data[axis].values
    sizes = [None] if axis == "size" else data["size"].values
    for i, size in enumerate(sizes):
        part = measured if size is None else measured.sel(size=size)
        error = part["error"].values if data.sizes["instance"] > 1 else None
        look = {"color": plotting.COLOURS[i % 7], "marker": plotting.MARKERS[i % 7]}
        name = None if size is None else f"{data.attrs['size_name']} = {size}"
        ax.errorbar(x, part["value"].values, error, label=name, **look)
    if axis == "T":
        load = data["load"].values if "load" in data.dims else None
        for name, T in theory_lines(data.attrs["ensemble"], load, **_options(data)).items():
            if x[0] <= T[0] <= x[-1]:
                ax.axvline(T[0], color="grey", linestyle=_LINE_STYLES[name], label=f"{name}, infinite size")
    if axis == "std":
        ax.set_xscale("log")
    ax.set(xlabel=_axis_label(data, axis), ylabel=label)
    if axis != "size":
        ax.legend(fontsize=8)
    return figure


def _line_in_std(data: xr.Dataset, size: int, load: np.ndarray, T: np.ndarray) -> np.ndarray:
    """A line of the T plane in weight scales: for one model s T is constant."""
    from .. import theory

    K = load * size
    safe = np.where(T > 0, T, 1.0)
    if as_family(data.attrs["ensemble"]) == "ra_rbm":
        std = theory.coordinates.ra_rbm_std(size, data.attrs["ratio"] * size, np.maximum(K, 1), 1 / safe)
    else:
        std = theory.coordinates.hopfield_std(size, np.maximum(K, 1), safe)
    return np.where(T > 0, std, np.nan)
