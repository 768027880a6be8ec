"""Spins of +-1 units from their fields on the GPU: the random words of ``rbm._units``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import cuda

from .. import device
from .compile import cuda_kernel, device_function, launch, philox

BLOCK = 256  # sites that the CPU draws together; they share 64 evaluations of Philox
LANES = BLOCK // 4
THREADS = 128


@device_function
def _spin(word, x):
    """+1 with probability 1/(1 + exp(-2 x)): along the field, or against it where u (1 + e) < e."""
    u = (np.float32(word >> np.uint32(1)) + np.float32(0.5)) * np.float32(2.0**-31)
    e = np.float32(math.exp(np.float32(-2.0) * abs(np.float32(x))))
    s = 1.0 if x > 0 else -1.0
    return -s if u * (np.float32(1.0) + e) < e else s


@cuda_kernel
def _draw(x, key, step, stream, out):
    """A thread takes the four sites of a chain that share a counter."""
    n_chains, n = x.shape
    quads = n // BLOCK * LANES + (n % BLOCK + 3) // 4
    k = cuda.grid(1)
    c, q = k // quads, k % quads
    low, g = q // LANES * BLOCK, q % LANES
    if c < n_chains:
        size = min(BLOCK, n - low)
        lane = (size + 3) // 4
        w0, w1, w2, w3 = philox(key, np.uint32(low // 4 + g), np.uint32(c), np.uint32(step), stream)
        i = low + g
        end = low + size
        out[c, i] = _spin(w0, x[c, i])
        if i + lane < end:
            out[c, i + lane] = _spin(w1, x[c, i + lane])
        if i + 2 * lane < end:
            out[c, i + 2 * lane] = _spin(w2, x[c, i + 2 * lane])
        if i + 3 * lane < end:
            out[c, i + 3 * lane] = _spin(w3, x[c, i + 3 * lane])


def spins(fields: Any, key: np.uint64, step: np.uint32, stream: np.uint32, out: Any = None) -> Any:
    """Spins of units in ``fields`` (n, N) on the device; ``out`` may be the fields themselves."""
    n_chains, n = fields.shape
    out = device.module("gpu").empty((n_chains, n), fields.dtype) if out is None else out
    total = n_chains * (n // BLOCK * LANES + (n % BLOCK + 3) // 4)
    threads = min(THREADS, total)
    launch(_draw, -(-total // threads), threads, fields, key, step, stream, out)
    return out
