"""How couplings are drawn. ``__all__`` is the registry: the command line and the tests iterate over it.

Every ensemble takes its sizes, then keywords, the last of which is ``rng``, and returns a model.
A new one needs one file here and one line below; those of other packages (entry points of the group
"spinlab.ensembles") are attributes too.
"""

from typing import Any

from .._core import plugins
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


def __getattr__(name: str) -> Any:
    """Of another package; asked for only where no ensemble of ours has the name."""
    ensemble = None if name.startswith("_") else plugins.load("ensemble", name)
    if ensemble is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    return ensemble
