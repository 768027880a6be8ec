"""The 8x8 digits that come with scikit-learn."""

from __future__ import annotations

import numpy as np

from .._core.rng import RNG, as_generator
from ._dataset import Dataset, as_fraction, binarized


def digits(threshold: float | str = 0.5, *, train_fraction: float = 0.8, rng: RNG = 0) -> Dataset:
    """Handwritten digits of 8x8 pixels, 1797 images bundled with scikit-learn (Alpaydin, Kaynak 1998).

    Parameters
    ----------
    threshold : float in [0, 1), or "stochastic", default 0.5
        How the 17 grey levels become spins, see :func:`binarized`.
    train_fraction : float, default 0.8
    rng : None, int or numpy.random.Generator, default 0
        Chooses the images to train on, then draws the pixels if "stochastic".

    Returns
    -------
    Dataset
        Labels are the digits 0 to 9.

    Raises
    ------
    ImportError
        Without scikit-learn.

    Examples
    --------
    >>> from spinlab.datasets import digits
    >>> digits()  # doctest: +SKIP
    <Dataset digits: 1438 train, 359 test, 8x8 pixels>
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ImportError(
            "the digits come with scikit-learn, which is not installed: pip install scikit-learn"
        ) from None
    fraction, generator = as_fraction(train_fraction), as_generator(rng)
    levels, labels = load_digits(return_X_y=True)
    order = generator.permutation(len(levels))
    images = binarized(levels[order] / 16, threshold, rng=generator)
    labels = labels[order].astype(np.int64)
    n = min(max(round(fraction * len(images)), 1), len(images) - 1)
    return Dataset("digits", images[:n], images[n:], (8, 8), labels[:n], labels[n:])
