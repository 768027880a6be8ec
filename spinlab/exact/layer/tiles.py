"""The states of a layer in tiles, whose inputs are sums of a tile's, a row's and a column's part."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from ..._core.parallel import n_threads
from ..._core.progress import map_with_progress

LOW, MIDDLE = 7, 4  # a tile is 2^4 rows of 2^7 columns
UNROLL = 8
_TOP = 4  # spins whose sums over all of their states are kept for the tiles

R = TypeVar("R")


class Tiles:
    """The states of a layer in tiles: input = base[tile] + D[row] + Y[:, column].

    State r has v_i = +1 where bit i of r is set: the low bits number the columns, the middle ones the
    rows, the top ones the tiles. Without biases the last unit stays at -1, because E(v) = E(-v).

    Attributes
    ----------
    images : int
        States of the layer for each state visited.
    D, Y : ndarray, shapes (rows, m) and (m, columns), m being padded to a multiple of 8
    """

    def __init__(
        self, W: np.ndarray, b: np.ndarray, c: np.ndarray, low: int = LOW, middle: int = MIDDLE
    ) -> None:
        self.images = 1 if b.any() or c.any() else 2
        if self.images == 2:
            W, b, c = W[:-1], b[:-1], -W[-1]
        self.pad = -len(c) % UNROLL
        W, c = np.pad(W, ((0, 0), (0, self.pad))), np.pad(c, (0, self.pad))
        self.n = len(W)
        self.low = min(low, self.n)
        self.middle = min(middle, self.n - self.low)
        self.W, self.b, self.c = W, b, c
        zero = np.zeros_like(c)
        self.Y = signed_sums(zero, W[: self.low])
        self.D = np.ascontiguousarray(signed_sums(zero, W[self.low : self.low + self.middle]).T)
        top = W[self.low + self.middle :]
        self._lower = np.ascontiguousarray(signed_sums(zero, top[:_TOP]).T)
        self._upper = top[_TOP:]

    @property
    def numbers(self) -> np.ndarray:
        """All tiles."""
        return np.arange(len(self._lower) << len(self._upper))

    @property
    def states(self) -> int:
        """States in a tile."""
        return len(self.D) * self.Y.shape[1]

    def sums(self) -> np.ndarray:
        """Scratch for one tile."""
        return aligned((len(self.D), self.Y.shape[1]), self.Y.dtype)

    def base(self, numbers: np.ndarray) -> np.ndarray:
        """Inputs from the biases and the top units, shape (tiles, m)."""
        upper, which, lower, own = self.base_terms(numbers)
        out: np.ndarray = lower[own]
        out += upper if len(upper) == 1 else upper[which]
        return out

    def base_terms(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(upper, which, lower, own), base = upper[which] + lower[own]; neighbours share a row of upper."""
        n = len(self._lower)
        values, which = np.unique(numbers // n, return_inverse=True)
        upper = np.tile(self.c, (len(values), 1))
        for k, row in enumerate(self._upper):
            upper += (2 * (values >> k & 1) - 1).astype(row.dtype)[:, None] * row
        return upper, which, self._lower, numbers % n

    def linear(self, g: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """sum_i g_i v_i as a sum over tile, row and column."""
        low, top = self.low, self.low + self.middle
        zero, g = np.zeros(1, g.dtype), g[:, None]
        rows, columns = signed_sums(zero, g[low:top])[0], signed_sums(zero, g[:low])[0]
        return self.linear_part(g[:, 0], numbers), rows, columns

    def linear_part(self, g: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """The tiles' part of it."""
        top = self.low + self.middle
        bits = (numbers[:, None] >> np.arange(self.n - top)) & 1
        tiles: np.ndarray = ((2 * bits - 1) * g[top:]).sum(1)
        return tiles

    def spins(self, index: int) -> np.ndarray:
        """The state v with number ``index``."""
        bits = (index >> np.arange(self.n + self.images - 1)) & 1
        return (2 * bits - 1).astype(np.int8)

    def map(
        self,
        function: Callable[[np.ndarray], R],
        numbers: np.ndarray,
        threads: int | None,
        rate: float,
        most: int = 16,
    ) -> list[R]:
        """``function`` of slices of at most ``most`` tiles; ``rate`` is terms per second and core."""
        step = max(1, min(most, max(16, len(numbers) // (8 * n_threads(threads))), 2**19 // len(self.c)))
        tasks = [numbers[i : i + step] for i in range(0, len(numbers), step)]
        seconds = len(numbers) * self.states * len(self.c) / rate / n_threads(threads)
        return map_with_progress(function, tasks, threads, "states of a layer", seconds)


def aligned(shape: tuple[int, ...], dtype: Any = np.float64) -> np.ndarray:
    """An empty array on a cache line: vector loads across two lines cost a third of the speed."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    raw = np.empty(size + 64, np.uint8)
    first = -raw.ctypes.data % 64
    return raw[first : first + size].view(dtype).reshape(shape)


def signed_sums(start: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """start +- rows[0] .. +- rows[n - 1], shape (len(start), 2^n): + where bit k of the column is set."""
    out = aligned((len(start), 1 << len(rows)), start.dtype)
    out[:, 0] = start
    for k, row in enumerate(rows[:, :, None]):
        width = 1 << k
        out[:, width : 2 * width] = out[:, :width] + row
        out[:, :width] -= row
    return out
