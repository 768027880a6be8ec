"""Learning: restricted Boltzmann machines, how they are trained and how they are judged."""

from .exchange.arrays import from_arrays, to_arrays
from .exchange.hdf5 import load_hdf5, save_hdf5
from .exchange.load import load
from .exchange.safetensors import load_safetensors, save_safetensors
from .exchange.scikit_learn import from_sklearn, to_sklearn
from .judging.ais import AIS, AISWarning, data_biases, log_partition_ais
from .judging.autocorrelation import gibbs_autocorrelation_time, vector_autocorrelation_time
from .judging.calibration import Calibration, fit_scale
from .judging.features import FeatureAccuracy, FeatureGain, feature_accuracy, feature_gain, hidden_features
from .judging.likelihood import Likelihood, log_likelihood, negative_log_likelihood
from .judging.reconstruction import HammingDistance, hamming_distance, reconstruct
from .judging.sample_quality import SampleQuality, image_classifier, sample_quality
from .judging.spectra import WeightSpectrum, singular_values, weight_spectrum
from .judging.trajectory import TrajectoryTempering, log_partition_trajectory, trajectory_tempering
from .machines.dbm import DBM
from .machines.deep import DeepMachine
from .machines.fbm import FBM
from .machines.fully_connected import FullyConnectedMachine
from .machines.hybrid import GaussianHiddenMachine, HybridBM, RAHybridBM
from .machines.machine import Machine, Phase
from .machines.ra_dbm import RADBM
from .machines.ra_fbm import RAFBM
from .machines.ra_rbm import RARBM
from .machines.rbm import RBM
from .machines.two_layer import TwoLayerMachine
from .machines.units import Noise
from .negative import CD, PCD, PID, Exact, NegativePhase, PersistentPhase, Tempering
from .training.callbacks import EarlyStopping, Every, TrainingRun
from .training.checkpoint import load_checkpoint, save_checkpoint
from .training.history import History
from .training.optimisers import SGD, Adam, Optimiser
from .training.projections import Clip, GibbsProjection, Projection, Sign
from .training.schedules import Geometric, Linear
from .training.trainer import DivergenceError, Trainer

__all__ = [
    "AIS",
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
    "AISWarning",
    "Adam",
    "Calibration",
    "Clip",
    "DeepMachine",
    "DivergenceError",
    "EarlyStopping",
    "Every",
    "Exact",
    "FeatureAccuracy",
    "FeatureGain",
    "FullyConnectedMachine",
    "GaussianHiddenMachine",
    "Geometric",
    "GibbsProjection",
    "HammingDistance",
    "History",
    "HybridBM",
    "Likelihood",
    "Linear",
    "Machine",
    "NegativePhase",
    "Noise",
    "Optimiser",
    "PersistentPhase",
    "Phase",
    "Projection",
    "RAHybridBM",
    "SampleQuality",
    "Sign",
    "Tempering",
    "Trainer",
    "TrainingRun",
    "TrajectoryTempering",
    "TwoLayerMachine",
    "WeightSpectrum",
    "data_biases",
    "feature_accuracy",
    "feature_gain",
    "fit_scale",
    "from_arrays",
    "from_sklearn",
    "gibbs_autocorrelation_time",
    "hamming_distance",
    "hidden_features",
    "image_classifier",
    "load",
    "load_checkpoint",
    "load_hdf5",
    "load_safetensors",
    "log_likelihood",
    "log_partition_ais",
    "log_partition_trajectory",
    "negative_log_likelihood",
    "reconstruct",
    "sample_quality",
    "save_checkpoint",
    "save_hdf5",
    "save_safetensors",
    "singular_values",
    "to_arrays",
    "to_sklearn",
    "trajectory_tempering",
    "vector_autocorrelation_time",
    "weight_spectrum",
]
