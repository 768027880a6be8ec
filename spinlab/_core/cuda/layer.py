"""Sums over the units of one layer for every pair of half states of the other, a product of matrices in form:

    out[r, c] = sum_a f(X[r, a] + Y[c, a]),   f = |x| (ground state) or ln 2cosh x (free energy).

X are the inputs of the hidden units from the high half of a visible state, Y those from the low half.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numba import cuda

from .. import device
from .compile import cuda_kernel, device_function, launch

SIDE = 16  # threads along each side of a tile
EACH = 4  # rows and columns of a thread, SIDE apart
DEPTH = 16  # units per stage


@device_function
def ln_2cosh(x, beta):
    """ln(2 cosh(beta x)) without overflow."""
    x = abs(beta * x)
    return x + math.log1p(math.exp(-2.0 * x))


@device_function
def absolute(x, beta):
    """|x|, the limit of ln(2 cosh(beta x)) / beta for cold systems."""
    return abs(x)


@cache
def make_pair_sums(f: Any, side: int = SIDE, each: int = EACH, depth: int = DEPTH) -> Any:
    """The kernel for one function, with tiles of (side * each)^2."""
    tile = side * each

    @cuda_kernel
    def pair_sums(X, Y, beta, out):
        xs = cuda.shared.array((depth, tile), np.float64)
        ys = cuda.shared.array((depth, tile), np.float64)
        sums = cuda.local.array((each, each), np.float64)
        column, row = cuda.threadIdx.x, cuda.threadIdx.y
        first_row, first_column = cuda.blockIdx.y * tile, cuda.blockIdx.x * tile
        thread = row * side + column
        units = X.shape[1]
        for i in range(each):
            for j in range(each):
                sums[i, j] = 0.0
        for low in range(0, units, depth):
            for k in range(thread, depth * tile, side * side):
                r, a = k // depth, k % depth
                inside = low + a < units
                xs[a, r] = X[first_row + r, low + a] if inside and first_row + r < X.shape[0] else 0.0
                ys[a, r] = Y[first_column + r, low + a] if inside and first_column + r < Y.shape[0] else 0.0
            cuda.syncthreads()
            for a in range(min(depth, units - low)):
                for i in range(each):
                    x = xs[a, row + i * side]
                    for j in range(each):
                        sums[i, j] += f(x + ys[a, column + j * side], beta)
            cuda.syncthreads()
        for i in range(each):
            for j in range(each):
                r, c = first_row + row + i * side, first_column + column + j * side
                if r < out.shape[0] and c < out.shape[1]:
                    out[r, c] = sums[i, j]

    return pair_sums


def pair_sums(
    X: Any, Y: Any, beta: float | None, side: int = SIDE, each: int = EACH, depth: int = DEPTH
) -> Any:
    """sum_a ln 2cosh(beta (X[r, a] + Y[c, a])), or sum_a |X[r, a] + Y[c, a]| for beta None; on the GPU."""
    out = device.module("gpu").empty((len(X), len(Y)))
    f = absolute if beta is None else ln_2cosh
    tile = side * each
    grid = -(-len(Y) // tile), -(-len(X) // tile)
    kernel = make_pair_sums(f, side, each, depth)
    launch(kernel, grid, (side, side), X, Y, 0.0 if beta is None else beta, out)
    return out
