"""From the user's ``rng`` argument (SPEC 7) to generators and kernel keys."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

RNG: TypeAlias = "np.random.Generator | np.random.SeedSequence | np.random.BitGenerator | int | None"


def as_generator(rng: RNG) -> np.random.Generator:
    """A numpy Generator; a Generator is used as it is and advances."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"rng must be None, a non-negative int or a numpy.random.Generator, got {rng!r}"
        ) from None


def as_key(rng: RNG) -> np.uint64:
    """A 64-bit key for counter-based kernels; one draw from the generator."""
    return np.uint64(as_generator(rng).integers(0, 2**64, dtype=np.uint64))
