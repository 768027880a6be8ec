"""Learning: restricted Boltzmann machines, how they are trained and how they are judged."""

from .ais import AIS as AIS
from .ais import AISWarning as AISWarning
from .ais import data_biases, log_partition_ais
from .autocorrelation import gibbs_autocorrelation_time
from .calibration import Calibration as Calibration
from .calibration import fit_scale
from .callbacks import EarlyStopping, Every
from .checkpoint import load_checkpoint, save_checkpoint
from .dbm import DBM
from .fbm import FBM
from .features import FeatureAccuracy as FeatureAccuracy
from .features import FeatureGain as FeatureGain
from .features import feature_accuracy, feature_gain, hidden_features
from .history import History
from .hybrid import HybridBM, RAHybridBM
from .likelihood import Likelihood as Likelihood
from .likelihood import log_likelihood, negative_log_likelihood
from .machine import Machine, Phase
from .negative import CD, PCD, PID, Exact, NegativePhase, Tempering
from .optimisers import SGD, Adam, Optimiser
from .projections import Clip, GibbsProjection, Projection, Sign
from .ra_dbm import RADBM
from .ra_fbm import RAFBM
from .ra_rbm import RARBM
from .rbm import RBM
from .reconstruction import HammingDistance as HammingDistance
from .reconstruction import hamming_distance, reconstruct
from .schedules import Geometric, Linear
from .spectra import WeightSpectrum as WeightSpectrum
from .spectra import singular_values, weight_spectrum
from .trainer import DivergenceError, Trainer

__all__ = [
    "CD",
    "DBM",
    "FBM",
    "PCD",
    "PID",
    "RADBM",
    "RAFBM",
    "RARBM",
    "RBM",
    "SGD",
    "Adam",
    "Clip",
    "DivergenceError",
    "EarlyStopping",
    "Every",
    "Exact",
    "Geometric",
    "GibbsProjection",
    "History",
    "HybridBM",
    "Linear",
    "Machine",
    "NegativePhase",
    "Optimiser",
    "Phase",
    "Projection",
    "RAHybridBM",
    "Sign",
    "Tempering",
    "Trainer",
    "data_biases",
    "feature_accuracy",
    "feature_gain",
    "fit_scale",
    "gibbs_autocorrelation_time",
    "hamming_distance",
    "hidden_features",
    "load_checkpoint",
    "log_likelihood",
    "log_partition_ais",
    "negative_log_likelihood",
    "reconstruct",
    "save_checkpoint",
    "singular_values",
    "weight_spectrum",
]
