"""Images as +-1 spins, split into a training and a test set."""

from ._bars import bars, bars_and_stripes
from ._dataset import Dataset as Dataset
from ._dataset import binarized as binarized
from ._digits import digits
from ._mnist import mnist

# The registry of data sets: each can be called without arguments.
__all__ = ["bars", "bars_and_stripes", "digits", "mnist"]
