"""Arrays brought to order one by a power of two, which rounds nothing: their squares neither vanish nor overflow."""

from __future__ import annotations

import numpy as np


def in_units(x: np.ndarray) -> tuple[np.ndarray, int]:
    """``x`` over 2^k, with its largest entry between 1/2 and 1, and k; as it is if all entries are zero."""
    top = float(np.abs(x).max(initial=0.0))
    exponent = int(np.frexp(top)[1]) if top else 0
    return np.ldexp(x, -exponent), exponent
