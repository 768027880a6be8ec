"""A function of the rows of a large table, some rows at a time, so that what it needs on the way is small."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_ENTRIES = 2**20  # of the widest intermediate array at a time


def by_rows(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, width: int) -> np.ndarray:
    """``function`` of x (..., n), one number for each row, where a row needs ``width`` numbers on the way."""
    rows = x.reshape(-1, x.shape[-1])
    size = max(1, _ENTRIES // max(1, width))
    out = np.empty(len(rows))
    for low in range(0, len(rows), size):
        out[low : low + size] = function(rows[low : low + size])
    found: np.ndarray = out.reshape(x.shape[:-1])[()]
    return found
