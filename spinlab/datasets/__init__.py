"""Images as +-1 spins, split into a training and a test set."""

from ._bars import bars, bars_and_stripes
from ._dataset import Dataset, binarized
from ._digits import digits
from ._mnist import mnist

__all__ = ["Dataset", "bars", "bars_and_stripes", "binarized", "digits", "mnist"]
