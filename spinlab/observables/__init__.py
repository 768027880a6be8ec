"""Numbers from models and states."""

from . import errors as errors
from .accessibility import Accessibility as Accessibility
from .accessibility import gibbs_accessibility as gibbs_accessibility
from .accessibility import random_start_energy as random_start_energy
from .correlations import TwoTime as TwoTime
from .correlations import edwards_anderson as edwards_anderson
from .correlations import two_time_correlation as two_time_correlation
from .crossings import Crossings as Crossings
from .crossings import binder_crossings as binder_crossings
from .errors import Estimate as Estimate
from .frustration import FrustrationIndex as FrustrationIndex
from .frustration import Loops as Loops
from .frustration import frustration_index as frustration_index
from .frustration import is_balanced as is_balanced
from .frustration import plaquettes as plaquettes
from .frustration import triads as triads
from .growth import GrowthRates as GrowthRates
from .growth import growth_rates as growth_rates
from .minima_count import MinimaCount as MinimaCount
from .minima_count import count_minima as count_minima
from .overlap_statistics import OverlapDistribution as OverlapDistribution
from .overlap_statistics import OverlapStatistics as OverlapStatistics
from .overlap_statistics import binder_cumulant as binder_cumulant
from .overlap_statistics import overlap_statistics as overlap_statistics
from .overlaps import pattern_overlaps as pattern_overlaps
from .overlaps import replica_overlaps as replica_overlaps
from .spectra import Spectrum as Spectrum
from .spectra import spectrum as spectrum
from .stability import Stability as Stability
from .stability import stability as stability
from .ultrametricity import Index as Index
from .ultrametricity import Ultrametricity as Ultrametricity
from .ultrametricity import subdominant_ultrametric as subdominant_ultrametric
from .ultrametricity import ultrametricity as ultrametricity

__all__ = [
    "binder_crossings",
    "binder_cumulant",
    "count_minima",
    "edwards_anderson",
    "errors",
    "frustration_index",
    "gibbs_accessibility",
    "growth_rates",
    "is_balanced",
    "overlap_statistics",
    "pattern_overlaps",
    "plaquettes",
    "random_start_energy",
    "replica_overlaps",
    "spectrum",
    "stability",
    "subdominant_ultrametric",
    "triads",
    "two_time_correlation",
    "ultrametricity",
]
