"""Boltzmann machines: learning them, and judging what was learned."""

from .ais import AIS as AIS
from .ais import AISWarning as AISWarning
from .ais import data_biases, log_partition_ais

__all__ = ["data_biases", "log_partition_ais"]
