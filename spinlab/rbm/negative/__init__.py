"""Negative phases: estimates of the model's averages, one file each."""

from .base import NegativePhase, PersistentPhase
from .cd import CD
from .exact import Exact
from .pcd import PCD
from .pid import PID
from .tempering import Tempering

# The registry: contract tests iterate over it.
PHASES = (CD, PCD, PID, Exact, Tempering)

__all__ = ["CD", "PCD", "PHASES", "PID", "Exact", "NegativePhase", "PersistentPhase", "Tempering"]
