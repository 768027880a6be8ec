"""e^t and e^t - 1 for t <= 0 as plain arithmetic, so that loops of a kernel over them vectorise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .jit import kernel

# e^r - 1 on [-ln2/2, ln2/2] by its Taylor series, in error by less than one rounding; adding _SHIFT
# to a small number leaves its nearest integer in the low bits.
_C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11, _C12, _C13 = (1 / math.factorial(k) for k in range(2, 14))
_SHIFT = 1.5 * 2.0**52
_LN2 = math.log(2.0)
_PER_LN2 = 1 / _LN2


@kernel(fastmath={"contract"})
def _parts(t: float) -> Any:
    """(2^k, q) with e^t = 2^k (1 + q), k = 0 near t = 0."""
    t = t if t > -700.0 else -700.0
    shifted = t * _PER_LN2 + _SHIFT
    r = t - (shifted - _SHIFT) * _LN2
    high = ((((_C13 * r + _C12) * r + _C11) * r + _C10) * r + _C9) * r + _C8
    q = ((((((high * r + _C7) * r + _C6) * r + _C5) * r + _C4) * r + _C3) * r + _C2) * (r * r) + r
    exponent: Any = np.float64(shifted).view(np.int64) + 1023
    return np.int64(exponent << 52).view(np.float64), q


@kernel(fastmath={"contract"})
def exp(t: float) -> Any:
    """e^t for t <= 0, e^-700 below: in error by |t| 2^-52 and a few roundings of it."""
    power, q = _parts(t)
    return power * q + power


@kernel(fastmath={"contract"})
def expm1(t: float) -> Any:
    """e^t - 1 for t <= 0."""
    power, q = _parts(t)
    return power * q + (power - 1.0)
