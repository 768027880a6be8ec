"""Certified answers: one module per method.

A method is a module with ``NAME``, ``refusal(model)`` (why it cannot take the model, or None)
and ``cost(model)`` (estimated seconds and bytes), and either ``ground_state`` or
``log_partition`` and ``mean_energy``. :mod:`spinlab.solve` picks the cheapest one. The functions that
this package offers itself list all states of interest of a small model, or average over all of them.
"""

from . import enumeration as enumeration
from . import layer as layer
from . import layer_mean as layer_mean
from . import layer_partition as layer_partition
from . import lowrank as lowrank
from . import lowrank_partition as lowrank_partition
from . import partition as partition
from . import planar as planar
from . import planar_partition as planar_partition
from . import tree as tree
from . import tree_partition as tree_partition
from .density import DensityOfStates as DensityOfStates
from .density import density_of_states as density_of_states
from .minima import LocalMinima as LocalMinima
from .minima import local_minima as local_minima
from .result import GroundState as GroundState
from .spectrum import Level as Level
from .spectrum import ground_states as ground_states
from .spectrum import lowest_levels as lowest_levels
from .thermal import ThermalAverages as ThermalAverages
from .thermal import boltzmann_samples as boltzmann_samples
from .thermal import thermal_averages as thermal_averages

# The registries: methods for ground states, and for the partition function.
__all__ = ["enumeration", "layer", "lowrank", "planar", "tree"]
GROUND_STATE = {method.NAME: method for method in (enumeration, layer, lowrank, planar, tree)}
PARTITION = {
    method.NAME: method
    for method in (partition, layer_partition, lowrank_partition, tree_partition, planar_partition)
}
