"""From the user's ``rng`` argument to generators and kernel keys."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

RNG: TypeAlias = "np.random.Generator | np.random.SeedSequence | np.random.BitGenerator | int | None"


def as_generator(rng: RNG) -> np.random.Generator:
    """A numpy Generator; a Generator is used as it is and advances.

    ``numpy.random.default_rng`` itself takes any nested sequence, and never returns from some of them.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool):
        if rng < 0:
            raise ValueError(f"rng must be 0 or more if it is an integer, got {rng}")
        return np.random.default_rng(int(rng))
    if rng is None or isinstance(rng, np.random.SeedSequence | np.random.BitGenerator):
        return np.random.default_rng(rng)
    raise TypeError(
        "rng must be None, a non-negative int, a numpy.random.Generator, SeedSequence or BitGenerator, got "
        f"{type(rng).__name__}; make one by numpy.random.default_rng(seed)"
    )


def as_key(rng: RNG) -> np.uint64:
    """A 64-bit key for counter-based kernels; one draw from the generator."""
    return np.uint64(as_generator(rng).integers(0, 2**64, dtype=np.uint64))
