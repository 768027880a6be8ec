"""Arrays brought to order one by a power of two, which rounds nothing, so that squares stay in range."""

from __future__ import annotations

import numpy as np


def in_units(x: np.ndarray) -> tuple[np.ndarray, int]:
    """``x`` over 2^k, with its largest entry between 1/2 and 1, and k; as it is if all entries are zero."""
    top = float(np.abs(x).max(initial=0.0))
    exponent = int(np.frexp(top)[1]) if top else 0
    return np.ldexp(x, -exponent), exponent


def deviation(x: np.ndarray, ddof: int = 1) -> np.ndarray:
    """Standard deviation over the first axis at any scale; exactly zero where all entries are equal."""
    x = x - x[:1]
    exponent = np.frexp(np.abs(x).max(0))[1]
    return np.asarray(np.ldexp(np.ldexp(x, -exponent).std(0, ddof=ddof), exponent))
