"""Numbers from models and states."""

from .accessibility import Accessibility as Accessibility
from .accessibility import gibbs_accessibility as gibbs_accessibility
from .accessibility import random_start_energy as random_start_energy

__all__ = ["gibbs_accessibility", "random_start_energy"]
