"""Markov chains on Ising models: one file per sampler."""

from . import equilibration as equilibration
from .annealing import anneal as anneal
from .block_gibbs import block_gibbs as block_gibbs
from .chains import Chains as Chains
from .descent import Descents as Descents
from .descent import descend as descend
from .gibbs import gibbs as gibbs
from .metropolis import metropolis as metropolis
from .population import Population as Population
from .population import population_annealing as population_annealing
from .search import Search as Search
from .search import search as search
from .tempering import Tempering as Tempering
from .tempering import ladder as ladder
from .tempering import parallel_tempering as parallel_tempering

# The registry of samplers of the Boltzmann distribution: contract tests iterate over it.
__all__ = ["block_gibbs", "gibbs", "metropolis", "parallel_tempering", "population_annealing"]
