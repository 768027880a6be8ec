"""Two layers: the smaller one is enumerated, the other one has any size."""

from .limits import cost, least, refusal
from .mean import random_start_energy
from .partition import free_energies, log_partition, mean_energy
from .solver import NAME, ground_state

__all__ = [
    "NAME",
    "cost",
    "free_energies",
    "ground_state",
    "least",
    "log_partition",
    "mean_energy",
    "random_start_energy",
    "refusal",
]
