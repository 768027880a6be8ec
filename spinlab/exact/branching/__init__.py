"""Branching: relaxations bound sets of states from below, and sets that may hold a better one are divided."""

from .limits import cost, least, refusal
from .limits import missing_solver as missing_solver
from .solver import DEFAULT_MEMORY as DEFAULT_MEMORY
from .solver import INTERRUPTED as INTERRUPTED
from .solver import NAME, Progress, ground_state
from .solver import Probe as Probe
from .solver import fits as fits
from .solver import prepare as prepare
from .solver import probe as probe
from .tree import Limits as Limits

__all__ = ["NAME", "Progress", "cost", "ground_state", "least", "refusal"]
