"""Few patterns: the energy is a function of a few overlaps, whatever the number of spins."""

from .limits import cost, refusal
from .partition import log_partition, mean_energy, overlap_distribution
from .solver import NAME, ground_state

__all__ = ["NAME", "cost", "ground_state", "log_partition", "mean_energy", "overlap_distribution", "refusal"]
