"""The decorators for CUDA code, and scalar functions that the CPU's kernels use too."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import cuda

from .. import heat_bath
from .. import philox as counters

SHARED_BYTES = 46_000  # per block of threads, below the 48 KB that need no special launch


def cuda_kernel(function: Callable[..., None]) -> Any:
    """A kernel to launch, compiled on first call for the device it runs on."""
    return cuda.jit(function)


def device_function(function: Callable[..., Any]) -> Any:
    """A function that kernels call; inlined, so that one module holds everything."""
    return cuda.jit(device=True, inline="always")(function)


def launch(kernel: Any, blocks: Any, threads: Any, *arguments: Any) -> None:
    """Start a kernel; a small model fills a small part of the card, and numba need not warn of it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Grid size")
        configured = kernel[blocks, threads]
    configured(*arguments)


# The same source as on the CPU: the known answers of Philox hold on both.
philox = device_function(counters.philox.py_func)
odds = device_function(heat_bath._odds.py_func)
accepted = device_function(heat_bath._accepted.py_func)
heat_share = device_function(heat_bath.heat_share.py_func)
twice_atanh = device_function(heat_bath._twice_atanh.py_func)

_SQRT_HALF = 0.7071067811865476  # the float64 with the bits heat_bath._SQRT_HALF_BITS
_LN2 = heat_bath._LN2


@device_function
def logarithm(x):
    """ln x for 2^-34 < x < 2^34 by the arithmetic of ``heat_bath``, one number at a time."""
    k = 0
    while x >= 2.0 * _SQRT_HALF:  # powers of two: no rounding
        x *= 0.5
        k += 1
    while x < _SQRT_HALF:
        x *= 2.0
        k -= 1
    return np.float64(k) * _LN2 + twice_atanh((x - 1.0) / (x + 1.0))


@device_function
def threshold(word, metropolis, heat):
    """The threshold of ``heat_bath`` for a random word; the heat share is Metropolis' alone."""
    return logarithm(accepted(word, heat) if metropolis else odds(word))
