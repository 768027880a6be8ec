"""The spins of sixteen chains as bits: bit r of a word of 16 bits belongs to chain r."""

from __future__ import annotations

import numpy as np

from .._core.jit import kernel
from .._core.lanes import LANES


def pack(s: np.ndarray) -> np.ndarray:
    """The words of the sites, from states (chains, sites); missing chains are up."""
    bits = np.ones((s.shape[1], LANES), dtype=bool)
    bits[:, : len(s)] = s.T > 0
    return (bits << np.arange(LANES)).sum(1).astype(np.uint16)


@kernel
def unpack(up, flipped, s, moved):  # type: ignore[no-untyped-def]
    """Write the spins to s, and to moved whether they ever flipped; both (chains, sites)."""
    for r in range(len(s)):
        for i in range(s.shape[1]):
            s[r, i] = ((up[i] >> r) & 1) * 2 - 1
            moved[r, i] |= (flipped[i] >> r) & 1 == 1
