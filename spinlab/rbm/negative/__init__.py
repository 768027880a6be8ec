"""Negative phases: estimates of the model's averages, one file each. This list is their registry."""

from .base import NegativePhase as NegativePhase
from .base import PersistentPhase as PersistentPhase
from .cd import CD
from .exact import Exact
from .pcd import PCD
from .pid import PID
from .tempering import Tempering

__all__ = ["CD", "PCD", "PID", "Exact", "Tempering"]
