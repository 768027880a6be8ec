"""An observable over two parameters, as a colour map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .checks import check_axes
from .style import SEQUENTIAL

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.collections
    import xarray as xr


def colour_map(
    ax: matplotlib.axes.Axes, data: xr.DataArray, x: Any, y: Any, *, label: str = "", **style: Any
) -> matplotlib.collections.QuadMesh:
    """Colour map of two-dimensional ``data`` with a colour bar.

    Parameters
    ----------
    ax : matplotlib Axes
    data : DataArray with two dimensions, (y, x) in this order
    x, y : array_like
        Positions of the columns and rows, positive: both axes are logarithmic.
    label : str
        Text of the colour bar.
    **style
        To ``Axes.pcolormesh``.
    """
    check_axes(ax)
    look: dict[str, Any] = {"cmap": SEQUENTIAL, "rasterized": True} | style
    mesh = ax.pcolormesh(_edges(x), _edges(y), np.asarray(data), **look)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.figure.colorbar(mesh, ax=ax, label=label)
    return mesh


def _edges(centres: Any) -> np.ndarray:
    """Borders of cells around positive positions, halfway between them on a logarithmic scale."""
    try:
        given = np.asarray(centres)
        positions = given.astype(float) if given.dtype.kind != "c" else np.empty(0)
    except OverflowError as error:
        raise ValueError(f"positions must be numbers of float64: {error}") from None
    if positions.ndim != 1 or not len(positions) or not (np.isfinite(positions) & (positions > 0)).all():
        raise ValueError("positions must be one axis of positive numbers: both axes are logarithmic")
    c = np.log(positions)
    if len(c) == 1:
        return np.exp([c[0] - 0.5, c[0] + 0.5])
    middle = (c[1:] + c[:-1]) / 2
    return np.exp(np.concatenate([[2 * c[0] - middle[0]], middle, [2 * c[-1] - middle[-1]]]))
