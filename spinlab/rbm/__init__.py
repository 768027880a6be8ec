"""Learning: restricted Boltzmann machines, how they are trained and how they are judged."""

from .callbacks import EarlyStopping, Every
from .checkpoint import load_checkpoint, save_checkpoint
from .history import History
from .machine import Machine, Phase
from .negative import CD, PCD, PID, Exact, NegativePhase, Tempering
from .optimisers import SGD, Adam, Optimiser
from .projections import Clip, GibbsProjection, Projection, Sign
from .ra_rbm import RARBM
from .rbm import RBM
from .schedules import Geometric, Linear
from .trainer import DivergenceError, Trainer

__all__ = [
    "CD",
    "PCD",
    "PID",
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
    "Linear",
    "Machine",
    "NegativePhase",
    "Optimiser",
    "Phase",
    "Projection",
    "Sign",
    "Tempering",
    "Trainer",
    "load_checkpoint",
    "save_checkpoint",
]
