"""How couplings are drawn. ``__all__`` is the registry: the command line and the tests iterate over it.

Every ensemble takes its sizes, then keywords, the last of which is ``rng``, and returns a model.
A new one needs one file here and one line below.
"""

from ._edwards_anderson import edwards_anderson
from ._hopfield import hopfield, ra, ra_rbm
from ._mattis import mattis
from ._rbm import rbm_gaussian, rbm_glorot, rbm_uniform
from ._sk import sk
from ._wishart import wishart_planted

__all__ = [
    "edwards_anderson",
    "hopfield",
    "mattis",
    "ra",
    "ra_rbm",
    "rbm_gaussian",
    "rbm_glorot",
    "rbm_uniform",
    "sk",
    "wishart_planted",
]
