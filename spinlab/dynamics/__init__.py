"""Markov chains on Ising models: one file per sampler."""

from . import equilibration
from .annealing import anneal
from .block_gibbs import block_gibbs
from .chains import Chains
from .descent import Descents, descend
from .gibbs import gibbs
from .metropolis import metropolis
from .population import Population, population_annealing
from .search import Search, search
from .tempering import Tempering, ladder, parallel_tempering

# The registry of samplers of the Boltzmann distribution: contract tests iterate over it.
SAMPLERS = ("block_gibbs", "gibbs", "metropolis", "parallel_tempering", "population_annealing")

__all__ = [
    "SAMPLERS",
    "Chains",
    "Descents",
    "Population",
    "Search",
    "Tempering",
    "anneal",
    "block_gibbs",
    "descend",
    "equilibration",
    "gibbs",
    "ladder",
    "metropolis",
    "parallel_tempering",
    "population_annealing",
    "search",
]
