"""Means over instances with their standard errors, as curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .checks import check_axes
from .style import COLOURS, MARKERS

if TYPE_CHECKING:
    import matplotlib.axes
    import xarray as xr


def lines(
    ax: matplotlib.axes.Axes,
    data: xr.DataArray,
    x: Any,
    hue: str | None = None,
    *,
    over: str | None = None,
    spread: bool = False,
    **style: Any,
) -> None:
    """Mean over instances against ``x``, one curve per value of ``hue``, bars of one standard error.

    Parameters
    ----------
    ax : matplotlib Axes
    data : xarray.DataArray
        With the dimensions ``over``, ``hue`` (if given) and one more.
    x : str or DataArray
        Name of the remaining dimension, or its positions (an average over ``over`` is taken if it
        has that dimension).
    over : str, optional
        The dimension of the average; by default "replica", as of sweeps, or "instance", as of scans.
    spread : bool, default False
        Also shade one standard deviation over ``over``.
    **style
        To ``Axes.errorbar``.
    """
    check_axes(ax)
    if not hasattr(data, "dims") or isinstance(data, type):
        raise TypeError(f"data must be a DataArray, got {type(data).__name__}")
    if hasattr(data, "data_vars"):
        raise TypeError(
            f"data must be a DataArray, got a Dataset; take one variable of {', '.join(map(str, data))}"
        )
    if hue is not None and not isinstance(hue, str):
        raise TypeError(f"hue must be the name of a dimension, got {type(hue).__name__}")
    for name in (hue, x):
        if isinstance(name, str | int | float) and name not in data.dims and name not in data.coords:
            raise ValueError(f"data has no dimension {name!r}; it has {', '.join(map(str, data.dims))}")
    over = over or ("instance" if "instance" in data.dims else "replica")
    free = [str(dim) for dim in data.dims if dim not in (over, hue)]
    if len(free) > 1:
        raise ValueError(
            f"one dimension may be left beside {over!r} and hue, data has {', '.join(free)}; give one of "
            "them as hue=, or take one value of it by data.sel(...)"
        )
    values = [None] if hue is None else list(data[hue].values)
    for i, value in enumerate(values):
        part = data if hue is None else data.sel({hue: value})
        mean, std, n = (a.values for a in (part.mean(over), part.std(over, ddof=1), part.notnull().sum(over)))
        at: Any = part[x] if isinstance(x, str) else x
        if hue in getattr(at, "dims", ()):
            at = at.sel({hue: value})
        if over in getattr(at, "dims", ()):
            at = at.mean(over)
        at = np.asarray(at)
        if at.ndim != 1 or at.shape != mean.shape:
            raise ValueError(f"x must have a position for each of {mean.shape} means, got shape {at.shape}")
        order = np.argsort(at)
        at, mean, std, n = at[order], mean[order], std[order], n[order]
        colour = COLOURS[i % len(COLOURS)]
        kept = {"color": colour, "marker": MARKERS[i % len(MARKERS)], "label": str(value)} | style
        ax.errorbar(at, mean, std / np.sqrt(n), **kept)
        if spread:
            ax.fill_between(at, mean - std, mean + std, color=kept["color"], alpha=0.15, linewidth=0)
