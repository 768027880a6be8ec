"""What an Ising model is: couplings, fields, energies, and conversions from other packages."""

from .base import IsingModel
from .binary import from_binary, rbm_from_binary, rbm_to_binary
from .bipartite import BipartiteIsing, TwoLayerIsing
from .convert import ModelLike, as_model, from_bqm, from_networkx, to_binary, to_bqm, to_networkx
from .dense import DenseIsing
from .fix import fix_variables
from .io import instance_metadata, load_instance, save_instance
from .pattern import PatternBipartiteIsing, PatternIsing
from .qubo import from_qubo
from .sparse import SparseIsing

__all__ = [
    "BipartiteIsing",
    "DenseIsing",
    "IsingModel",
    "ModelLike",
    "PatternBipartiteIsing",
    "PatternIsing",
    "SparseIsing",
    "TwoLayerIsing",
    "as_model",
    "fix_variables",
    "from_binary",
    "from_bqm",
    "from_networkx",
    "from_qubo",
    "instance_metadata",
    "load_instance",
    "rbm_from_binary",
    "rbm_to_binary",
    "save_instance",
    "to_binary",
    "to_bqm",
    "to_networkx",
]
