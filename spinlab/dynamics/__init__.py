"""Markov chains on Ising models: one file per sampler."""

from .block_gibbs import block_gibbs as block_gibbs
from .chains import Chains as Chains
from .gibbs import gibbs as gibbs

# The registry of samplers: contract tests and the command line iterate over it.
__all__ = ["block_gibbs", "gibbs"]
