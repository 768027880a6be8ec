"""The GPU's part in the sums over a layer: it screens all states, the CPU proves the answer from the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from ..._core import device
from ..._core.state_sums import layer_blocks, log_sum_exp

LOW_UNITS = 12
ROWS = 1 << 12  # half states at once
U = 2.0**-53


class Inputs(Protocol):
    """Weights W (n, m) from the enumerated units to the others, and the biases b and c of both."""

    @property
    def W(self) -> np.ndarray: ...

    @property
    def b(self) -> np.ndarray: ...

    @property
    def c(self) -> np.ndarray: ...


def layer_values(inputs: Inputs, beta: float | None, pair_sums: Callable[..., Any] | None = None) -> Any:
    """b.v + sum_a |x_a| (beta None), or beta b.v + sum_a ln 2cosh(beta x_a), in the order of ``Tiles``."""
    xp = device.module("gpu")
    if pair_sums is None:
        from ..._core.cuda.layer import pair_sums as on_gpu

        pair_sums = on_gpu
    W, b = inputs.W[::-1], inputs.b[::-1]  # there the first unit is the lowest bit, here the highest
    n, m = W.shape
    low = min(LOW_UNITS, n // 2)
    device.check_fits(8.0 * (ROWS * ((1 << low) * 3 + m) + (m << low)), "the sums over a layer")
    return layer_blocks(xp, lambda X, Y: pair_sums(X, Y, beta), W, b, inputs.c, beta, low, ROWS)


def screen_layer(inputs: Inputs, n_tiles: int, states: int) -> np.ndarray:
    """Largest offset - E of each of the tiles of so many states."""
    parts: list[np.ndarray] = []
    wanted = n_tiles * states  # without biases, the first half of all states
    for block in layer_values(inputs, None):  # a block holds whole tiles
        flat = block.ravel()[:wanted]
        parts.append(device.to_host(flat.reshape(-1, states).max(1)))
        wanted -= len(flat)
        if not wanted:
            break
    return np.concatenate(parts)


def rounding(n: int, m: int, size: float) -> float:
    """Bound on the error of a value of ``screen_layer``; ``size`` bounds all values."""
    return 2 * (n + m + 8) * U * size


def layer_log_z(inputs: Inputs) -> float:
    """ln Z of a layer without offset whose couplings carry beta."""
    xp = device.module("gpu")
    sums = [log_sum_exp(xp, block) for block in layer_values(inputs, 1.0)]
    return log_sum_exp(np, np.array(sums))
