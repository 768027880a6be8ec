"""Messages for what is no Axes, no shape, no array."""

from __future__ import annotations

from typing import Any

import numpy as np


def check_axes(ax: Any) -> None:
    """Axes of matplotlib, not a figure and not the class."""
    if not hasattr(ax, "errorbar") or isinstance(ax, type):
        raise TypeError(f"ax must be Axes of matplotlib, got {type(ax).__name__}")


def as_numbers(x: Any, name: str) -> np.ndarray:
    """Real finite numbers, at least one of them."""
    try:
        array = np.asarray(x, dtype=float)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be real numbers, got {type(x).__name__}: {error}") from None
    if array.size == 0 or not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite numbers, one at least, got an array of shape {array.shape}")
    return array


def as_shape(shape: Any) -> tuple[int, int]:
    """(height, width) of an image."""
    try:
        height, width = (int(n) for n in shape)
    except (TypeError, ValueError):
        raise TypeError(f"shape must be (height, width) of an image, got {shape!r}") from None
    if min(height, width) < 1:
        raise ValueError(f"shape must be (height, width) of an image, both 1 or more, got {shape!r}")
    return height, width


def as_bins(bins: Any) -> int:
    """Number of bins of a histogram."""
    if not isinstance(bins, int | np.integer) or isinstance(bins, bool):
        raise TypeError(f"bins must be a number of bins, an int of 1 or more, got {bins!r}")
    if bins < 1:
        raise ValueError(f"bins must be 1 or more, got {bins}")
    return int(bins)
