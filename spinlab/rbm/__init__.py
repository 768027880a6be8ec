"""Learning: restricted Boltzmann machines, how they are trained and how they are judged."""

from .judging.ais import AIS as AIS
from .judging.ais import AISWarning as AISWarning
from .judging.ais import data_biases, log_partition_ais
from .judging.autocorrelation import gibbs_autocorrelation_time
from .judging.calibration import Calibration as Calibration
from .judging.calibration import fit_scale
from .judging.features import FeatureAccuracy as FeatureAccuracy
from .judging.features import FeatureGain as FeatureGain
from .judging.features import feature_accuracy, feature_gain, hidden_features
from .judging.likelihood import Likelihood as Likelihood
from .judging.likelihood import log_likelihood, negative_log_likelihood
from .judging.reconstruction import HammingDistance as HammingDistance
from .judging.reconstruction import hamming_distance, reconstruct
from .judging.sample_quality import SampleQuality as SampleQuality
from .judging.sample_quality import image_classifier, sample_quality
from .judging.spectra import WeightSpectrum as WeightSpectrum
from .judging.spectra import singular_values, weight_spectrum
from .judging.trajectory import TrajectoryTempering as TrajectoryTempering
from .judging.trajectory import log_partition_trajectory, trajectory_tempering
from .machines.dbm import DBM
from .machines.fbm import FBM
from .machines.hybrid import HybridBM, RAHybridBM
from .machines.machine import Machine, Phase
from .machines.ra_dbm import RADBM
from .machines.ra_fbm import RAFBM
from .machines.ra_rbm import RARBM
from .machines.rbm import RBM
from .negative import CD, PCD, PID, Exact, NegativePhase, Tempering
from .training.callbacks import EarlyStopping, Every
from .training.checkpoint import load_checkpoint, save_checkpoint
from .training.history import History
from .training.optimisers import SGD, Adam, Optimiser
from .training.projections import Clip, GibbsProjection, Projection, Sign
from .training.schedules import Geometric, Linear
from .training.trainer import DivergenceError, Trainer

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
    "image_classifier",
    "load_checkpoint",
    "log_likelihood",
    "log_partition_ais",
    "log_partition_trajectory",
    "negative_log_likelihood",
    "reconstruct",
    "sample_quality",
    "save_checkpoint",
    "singular_values",
    "trajectory_tempering",
    "weight_spectrum",
]
