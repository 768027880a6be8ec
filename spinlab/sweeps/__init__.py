"""Sweeps over grids of parameters that survive interruption and give the same bits every time."""

from .dataset import to_netcdf
from .store import Store
from .sweep import Sweep

__all__ = ["Store", "Sweep", "to_netcdf"]
