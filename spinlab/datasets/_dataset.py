"""What a data set is, and how grey levels become spins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.results import Result, shortened
from .._core.rng import RNG, as_generator
from .._core.validate import as_real, as_real_array


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Result):
    """Images, one per row, and their labels.

    Attributes
    ----------
    name : str
    train, test : ndarray of int8, shape (n_images, V)
        Pixels +1 and -1, row by row of the image.
    shape : tuple of int
        (height, width) of an image, V = height * width.
    train_labels, test_labels : ndarray of int64, shape (n_images,), or None
    """

    name: str
    train: np.ndarray
    test: np.ndarray
    shape: tuple[int, int]
    train_labels: np.ndarray | None = None
    test_labels: np.ndarray | None = None

    @property
    def V(self) -> int:
        """Pixels of an image, the number of visible units a machine needs."""
        return self.shape[0] * self.shape[1]

    def __repr__(self) -> str:
        height, width = self.shape
        sizes = f"{len(self.train)} train, {len(self.test)} test, {height}x{width} pixels"
        return f"<Dataset {shortened(self.name, 60)}: {sizes}>"


def binarized(x: Any, threshold: float | str = 0.5, *, rng: RNG = None) -> np.ndarray:
    """Grey levels in [0, 1] to spins: +1 above a threshold, or +1 with probability x.

    Parameters
    ----------
    x : array_like in [0, 1], any shape
    threshold : float in [0, 1), or "stochastic", default 0.5
        A number gives +1 where x > threshold; "stochastic" draws +1 with probability x, so that calling
        it at every epoch shows a machine fresh samples of the same grey images.
    rng : None, int or numpy.random.Generator
        For "stochastic".

    Returns
    -------
    ndarray of int8, shape of x

    Raises
    ------
    ValueError
        If a level lies outside [0, 1] (divide bytes by 255) or the threshold outside [0, 1).

    Examples
    --------
    >>> from spinlab.datasets import binarized
    >>> binarized([0.0, 0.4, 1.0], 0.3).tolist()
    [-1, 1, 1]
    """
    x = as_real_array(x, "x", tuple(range(1, 5)))
    if x.size and not (x.min() >= 0 and x.max() <= 1):
        raise ValueError(
            f"grey levels must lie in [0, 1], got values from {x.min():g} to {x.max():g}; divide bytes by 255"
        )
    level, generator = as_threshold(threshold), as_generator(rng)
    if level is None:
        return spins(generator.random(x.shape) < x)
    return spins(x > level)


def as_threshold(threshold: Any) -> float | None:
    """A number in [0, 1), or None for "stochastic"."""
    if isinstance(threshold, str):
        if threshold != "stochastic":
            raise ValueError(f'unknown threshold {threshold!r}; give a number in [0, 1) or "stochastic"')
        return None
    level = as_real(threshold, "threshold", 0.0)
    if level >= 1:
        raise ValueError(f"threshold must be below 1 (grey levels are fractions of the maximum), got {level}")
    return level


def spins(on: np.ndarray) -> np.ndarray:
    """+1 where True, -1 elsewhere."""
    return np.where(on, np.int8(1), np.int8(-1))


def as_fraction(x: Any) -> float:
    """A train fraction in (0, 1)."""
    x = as_real(x, "train_fraction", 0.0, exclusive=True)
    if x >= 1:
        raise ValueError(f"train_fraction must be below 1, so that some images are left to test on; got {x}")
    return x
