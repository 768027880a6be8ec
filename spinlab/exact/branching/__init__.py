"""Branching: relaxations bound sets of states from below, and sets that may hold a better one are divided."""

from .limits import cost, least, refusal
from .solver import NAME, Progress, ground_state, prepare, probe

__all__ = ["NAME", "Progress", "cost", "ground_state", "least", "prepare", "probe", "refusal"]
