"""Few patterns: the energy is a function of a few overlaps, whatever the number of spins."""

from .limits import cost, least, refusal
from .partition import log_partition, mean_energy, overlap_distribution
from .solver import NAME, ground_state

__all__ = [
    "NAME",
    "cost",
    "ground_state",
    "least",
    "log_partition",
    "mean_energy",
    "overlap_distribution",
    "refusal",
]
