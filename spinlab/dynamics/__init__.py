"""Markov chains on Ising models: one file per sampler."""

from .annealing import anneal as anneal
from .block_gibbs import block_gibbs as block_gibbs
from .chains import Chains as Chains
from .gibbs import gibbs as gibbs

# The registry of samplers of the Boltzmann distribution: contract tests iterate over it.
__all__ = ["block_gibbs", "gibbs"]
