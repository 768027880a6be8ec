"""What figures of the studies share: letters of the panels, and shades of a number."""

from __future__ import annotations

import string
from collections.abc import Iterable
from typing import Any

import numpy as np


def letters(axes: Iterable[Any]) -> None:
    """(a), (b).. before the titles of the panels, at the left."""
    for letter, ax in zip(string.ascii_lowercase, axes, strict=False):
        title = f"({letter}) {ax.get_title()}".rstrip()
        ax.set_title("")
        ax.set_title(title, loc="left", fontsize=9.5)


def shades(n: int) -> list[Any]:
    """Colours of n increasing values of one quantity, dark to light; the palette is for different things."""
    from matplotlib import colormaps

    return [colormaps["viridis"](x) for x in np.linspace(0, 0.88, n)]
