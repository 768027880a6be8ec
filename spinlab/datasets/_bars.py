"""Bars, and Bars and Stripes: images that a few bits describe."""

from __future__ import annotations

import numpy as np

from .._core.rng import RNG, as_generator
from .._core.validate import as_count, check_memory
from ._dataset import Dataset, as_fraction, spins

# arXiv:1910.01592, Fig. 3: the top rows of the 4x4 test images, which come with their inverses.
_PAPER_TEST = ((1, 0, 1, 0), (1, 0, 0, 1))


def bars(n: int = 4, *, train_fraction: float | None = None, rng: RNG = 0) -> Dataset:
    """Images of n x n pixels with full vertical bars, the two uniform images left out: 2^n - 2 of them.

    An image and its inverse are always on the same side of the split: a machine without biases cannot
    tell them apart, so that a test image whose inverse was trained would be no test.

    Parameters
    ----------
    n : int, default 4
        Height and width, 2 to 20.
    train_fraction : float, optional
        Fraction of the images to train on, rounded to whole pairs, at least one on each side. By
        default n = 4 gives the split of arXiv:1910.01592 (10 train, 4 test with top rows +-1010
        and +-1001), other sizes 0.8.
    rng : None, int or numpy.random.Generator, default 0
        Chooses which pairs are trained (no choice is made in the split of the paper).

    Returns
    -------
    Dataset

    Examples
    --------
    >>> from spinlab.datasets import bars
    >>> bars(4)
    <Dataset bars: 10 train, 4 test, 4x4 pixels>
    >>> bars(4).test[0].reshape(4, 4)[0].tolist()
    [1, -1, -1, 1]
    """
    n, rng = _as_size(n), as_generator(rng)
    rows = _half_of_rows(n)
    if train_fraction is None and n == 4:
        test = (spins(np.array(_PAPER_TEST) > 0)[:, None] == rows).all(-1).any(0)
        order, n_train = np.argsort(test, kind="stable"), int((~test).sum())
    else:
        order, n_train = _draw_split(len(rows), train_fraction, rng)
    images = np.repeat(rows[:, None], n, axis=1)
    train, test_pairs = images[order[:n_train]], images[order[n_train:]]
    return Dataset("bars", _with_inverses(train), _with_inverses(test_pairs), (n, n))


def bars_and_stripes(n: int = 12, *, train_fraction: float | None = None, rng: RNG = 0) -> Dataset:
    """Images of n x n pixels with full vertical bars or full horizontal stripes: 2^(n+1) - 4 of them.

    The two uniform images, which are both, are left out: 8188 images at n = 12, of which
    arXiv:1910.01592 trains on 80 %, that is 6550 (Fig. 5; which ones is not stated there).

    Parameters
    ----------
    n : int, default 12
        Height and width, 2 to 20.
    train_fraction : float, default 0.8
        As in :func:`bars`: an image and its inverse are on the same side.
    rng : None, int or numpy.random.Generator, default 0
        Chooses which pairs are trained.

    Returns
    -------
    Dataset
        Labels are 0 for bars and 1 for stripes.

    Examples
    --------
    >>> from spinlab.datasets import bars_and_stripes
    >>> bars_and_stripes(12)
    <Dataset bars_and_stripes: 6550 train, 1638 test, 12x12 pixels>
    """
    n = _as_size(n)
    rows = _half_of_rows(n)
    images = np.repeat(rows[:, None], n, axis=1)
    images = np.concatenate([images, images.transpose(0, 2, 1)])
    labels = np.repeat(np.array([0, 1]), len(rows))
    order, n_train = _draw_split(len(images), train_fraction, rng)
    train, test = order[:n_train], order[n_train:]
    return Dataset(
        "bars_and_stripes",
        _with_inverses(images[train]),
        _with_inverses(images[test]),
        (n, n),
        np.repeat(labels[train], 2),
        np.repeat(labels[test], 2),
    )


def _as_size(n: int) -> int:
    n = as_count(n, "n", 2)
    if n > 20:
        raise ValueError(f"n must be at most 20, got {n}: there are 2^n images")
    check_memory(4 * n * n * 2**n, f"all images of {n}x{n} pixels")
    return n


def _half_of_rows(n: int) -> np.ndarray:
    """One row of each pair of non-uniform inverses, the one that starts with +1."""
    bits = np.arange(2 ** (n - 1), 2**n - 1)[:, None] >> np.arange(n - 1, -1, -1)
    return spins((bits & 1) > 0)


def _draw_split(n_pairs: int, train_fraction: float | None, rng: RNG) -> tuple[np.ndarray, int]:
    """A random order of the pairs, and how many of them are trained (at least one on each side)."""
    fraction = 0.8 if train_fraction is None else as_fraction(train_fraction)
    if n_pairs < 2:
        raise ValueError("two bars are one pair of images, which cannot be split; take n of at least 3")
    n_train = min(max(round(fraction * n_pairs), 1), n_pairs - 1)
    return as_generator(rng).permutation(n_pairs), n_train


def _with_inverses(images: np.ndarray) -> np.ndarray:
    """Each image followed by its inverse, one per row."""
    flat = images.reshape(len(images), -1)
    return np.stack([flat, -flat], axis=1).reshape(2 * len(flat), -1)
