"""Sparse graphs: the spins are eliminated one by one, along a tree decomposition."""

from .limits import cost, least, refusal, sketch
from .partition import log_partition, marginals, mean_energy, samples
from .solver import NAME, ground_state

__all__ = [
    "NAME",
    "cost",
    "ground_state",
    "least",
    "log_partition",
    "marginals",
    "mean_energy",
    "refusal",
    "samples",
    "sketch",
]
