"""Curves from the literature: plain numbers and arrays in, plain numbers and arrays out."""

from . import bipartite as bipartite
from . import coordinates as coordinates
from . import curie_weiss as curie_weiss
from . import hopfield as hopfield
from . import ising2d as ising2d
from . import minima as minima
from . import sk as sk

__all__ = ["bipartite", "coordinates", "curie_weiss", "hopfield", "ising2d", "minima", "sk"]
