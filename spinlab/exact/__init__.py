"""Certified answers: a folder per method.

A method is a folder with ``ground_state``, ``log_partition`` and ``mean_energy`` where it can, and with
``refusal(model, task)`` (why it cannot take the model, or None) and ``cost(model, task)`` (estimated seconds
and bytes); ``METHODS`` lists them, and :mod:`spinlab.solve` picks the cheapest. The functions that this
package offers itself list all states of interest of a small model, or average over all of them.
"""

from . import branching, enumeration, layer, lowrank, planar, tree
from .accuracy import InexactError
from .enumeration.density import DensityOfStates, density_of_states
from .enumeration.spectrum import Level
from .enumeration.thermal import ThermalAverages, thermal_averages
from .method import TASKS, Cost, Method, RefusedError
from .minima import LocalMinima, local_minima
from .proof import Certificate, CertificateError, Verdict, load_certificate, verify
from .result import GroundState
from .states import boltzmann_samples, ground_states, lowest_levels

METHODS: dict[str, Method] = {
    method.NAME: method for method in (enumeration, layer, lowrank, planar, tree, branching)
}

__all__ = [
    "METHODS",
    "TASKS",
    "Certificate",
    "CertificateError",
    "Cost",
    "DensityOfStates",
    "GroundState",
    "InexactError",
    "Level",
    "LocalMinima",
    "Method",
    "RefusedError",
    "ThermalAverages",
    "Verdict",
    "boltzmann_samples",
    "branching",
    "density_of_states",
    "enumeration",
    "ground_states",
    "layer",
    "load_certificate",
    "local_minima",
    "lowest_levels",
    "lowrank",
    "planar",
    "thermal_averages",
    "tree",
    "verify",
]
