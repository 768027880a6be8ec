"""Counter-based random numbers, Philox4x32-10 (Salmon et al., SC 2011, doi:10.1145/2063384.2063405).

A draw is a pure function of (key, chain, step, site): it does not depend on threads, on
chunks of work or on the order in which sites are visited. Four neighbouring chains share
one evaluation: the counter is (site, chain // 4, step, stream) and chain % 4 picks the word.
"""

from __future__ import annotations

import numpy as np

from .jit import kernel

# Streams keep the different uses of one key apart.
UPDATE = np.uint32(0)
ORDER = np.uint32(1)
INITIAL = np.uint32(2)
HIDDEN = np.uint32(3)
VISIBLE = np.uint32(4)
SWAP = np.uint32(5)
CLUSTER = np.uint32(6)
MULTISPIN = np.uint32(8)

_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


# Inlined by numba itself: left to LLVM, the call keeps the loops around it from vectorising.
@kernel(inline="always")
def philox(key, c0, c1, c2, c3):
    """Four uint32 words for a uint64 key and a counter of four uint32 words."""
    # Everything in uint64, masked to 32 bits: loops over this vectorise.
    k0, k1 = key & _LOW, key >> _SHIFT
    x0, x1, x2, x3 = np.uint64(c0), np.uint64(c1), np.uint64(c2), np.uint64(c3)
    for _ in range(10):
        p0 = _M0 * x0
        p1 = _M1 * x2
        x0 = (p1 >> _SHIFT) ^ x1 ^ k0
        x1 = p1 & _LOW
        x2 = (p0 >> _SHIFT) ^ x3 ^ k1
        x3 = p0 & _LOW
        k0 = (k0 + _W0) & _LOW
        k1 = (k1 + _W1) & _LOW
    return np.uint32(x0), np.uint32(x1), np.uint32(x2), np.uint32(x3)


@kernel
def word(key, chain, step, site, stream):
    """The uint32 word of one (chain, step, site)."""
    x0, x1, x2, x3 = philox(key, site, chain >> 2, step, stream)
    lane = chain & 3
    if lane == 0:
        return x0
    if lane == 1:
        return x1
    if lane == 2:
        return x2
    return x3


@kernel
def _random_spins(key, stream, out):
    for chain in range(out.shape[0]):
        for i in range(out.shape[1]):
            w = word(key, chain, 0, i, stream)
            out[chain, i] = 1 if w >> np.uint32(31) else -1


def random_spins(key: np.uint64, n_chains: int, n_spins: int) -> np.ndarray:
    """Independent fair +-1 spins, shape (n_chains, n_spins), int8."""
    out = np.empty((n_chains, n_spins), dtype=np.int8)
    _random_spins(key, INITIAL, out)
    return out
