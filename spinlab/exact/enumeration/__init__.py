"""Enumeration: every state of a small model is visited or proven to be of no interest."""

from .limits import cost, least, refusal
from .partition import log_partition, mean_energy
from .solver import NAME, ground_state

__all__ = ["NAME", "cost", "ground_state", "least", "log_partition", "mean_energy", "refusal"]
