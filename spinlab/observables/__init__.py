"""Numbers from models and states."""

from . import errors as errors
from .accessibility import Accessibility as Accessibility
from .accessibility import gibbs_accessibility as gibbs_accessibility
from .accessibility import random_start_energy as random_start_energy
from .errors import Estimate as Estimate
from .overlap_statistics import OverlapDistribution as OverlapDistribution
from .overlap_statistics import OverlapStatistics as OverlapStatistics
from .overlap_statistics import binder_cumulant as binder_cumulant
from .overlap_statistics import overlap_statistics as overlap_statistics
from .overlaps import pattern_overlaps as pattern_overlaps
from .overlaps import replica_overlaps as replica_overlaps
from .spectra import Spectrum as Spectrum
from .spectra import spectrum as spectrum

__all__ = [
    "binder_cumulant",
    "errors",
    "gibbs_accessibility",
    "overlap_statistics",
    "pattern_overlaps",
    "random_start_energy",
    "replica_overlaps",
    "spectrum",
]
