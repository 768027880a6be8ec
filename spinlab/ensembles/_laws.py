"""Independent numbers that every ensemble is made of. All laws have mean 0 and variance 1."""

from __future__ import annotations

import math

import numpy as np

from .._core.validate import as_choice, as_real, check_memory

_UNIFORM = math.sqrt(3.0)


def draw(law: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """``law``: "gaussian", "uniform" on (-sqrt 3, sqrt 3), or "pm1" (+1 and -1 with probability 1/2)."""
    as_choice(law, "law", ("gaussian", "uniform", "pm1"))
    check_memory(4 * 8 * math.prod(shape), f"an array of shape {shape} with the copies made on the way")
    if law == "gaussian":
        return rng.standard_normal(shape)
    if law == "uniform":
        return rng.uniform(-_UNIFORM, _UNIFORM, shape)
    return 2.0 * rng.integers(0, 2, shape, dtype=np.int8) - 1.0


def random_fields(field_std: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Gaussian fields; drawn after the couplings, so that these do not depend on ``field_std``."""
    with np.errstate(over="ignore"):  # the model refuses fields beyond float64
        return as_real(field_std, "field_std", 0.0) * rng.standard_normal(n)
