"""Numbers from models and states."""

from . import errors
from .accessibility import Accessibility, gibbs_accessibility, random_start_energy
from .barriers import Barriers, barriers
from .belief_propagation import Beliefs, belief_propagation
from .correlations import TwoTime, edwards_anderson, two_time_correlation
from .crossings import Crossings, binder_crossings
from .errors import Estimate
from .frustration import FrustrationIndex, Loops, frustration_index, is_balanced, plaquettes, triads
from .growth import GrowthRates, growth_rates
from .minima_count import MinimaCount, count_minima
from .overlap_statistics import OverlapDistribution, OverlapStatistics, binder_cumulant, overlap_statistics
from .overlaps import pattern_overlaps, replica_overlaps
from .relaxation import Relaxation, relaxation_time
from .slowest_mode import slowest_mode_time
from .spectra import Spectrum, spectrum
from .stability import Stability, stability
from .ultrametricity import Index, Ultrametricity, subdominant_ultrametric, ultrametricity

__all__ = [
    "Accessibility",
    "Barriers",
    "Beliefs",
    "Crossings",
    "Estimate",
    "FrustrationIndex",
    "GrowthRates",
    "Index",
    "Loops",
    "MinimaCount",
    "OverlapDistribution",
    "OverlapStatistics",
    "Relaxation",
    "Spectrum",
    "Stability",
    "TwoTime",
    "Ultrametricity",
    "barriers",
    "belief_propagation",
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
    "relaxation_time",
    "replica_overlaps",
    "slowest_mode_time",
    "spectrum",
    "stability",
    "subdominant_ultrametric",
    "triads",
    "two_time_correlation",
    "ultrametricity",
]
