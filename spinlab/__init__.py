"""Statistical physics of Ising models and Boltzmann machines.

Everything is loaded on first use, so ``import spinlab`` costs milliseconds.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from . import datasets as datasets
    from . import diagnose as diagnose
    from . import dynamics as dynamics
    from . import ensembles as ensembles
    from . import exact as exact
    from . import interop as interop
    from . import models as models
    from . import observables as observables
    from . import plotting as plotting
    from . import rbm as rbm
    from . import scans as scans
    from . import sweeps as sweeps
    from . import theory as theory
    from .exact import GroundState as GroundState
    from .solve import Explanation as Explanation
    from .solve import explain as explain
    from .solve import ground_state as ground_state
    from .solve import log_partition as log_partition
    from .solve import mean_energy as mean_energy

_SUBPACKAGES = (
    "models",
    "ensembles",
    "datasets",
    "exact",
    "dynamics",
    "observables",
    "rbm",
    "theory",
    "diagnose",
    "scans",
    "sweeps",
    "plotting",
    "interop",
)
_HOME = {
    **dict.fromkeys(("ground_state", "log_partition", "mean_energy", "explain", "Explanation"), "solve"),
    "GroundState": "exact",
}

__all__ = ["__version__", *_SUBPACKAGES, *_HOME]


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return importlib.import_module(f".{name}", __name__)
    if name in _HOME:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module 'spinlab' has no attribute {name!r}; {_where(name)}")


def _where(name: str) -> str:
    """Where a name is that was looked for at the top; read from the sources, so that nothing is imported."""
    from pathlib import Path

    for package in () if name.startswith("_") else _SUBPACKAGES:
        source = Path(__file__).parent / package / "__init__.py"
        if source.is_file() and f'"{name}"' in source.read_text(encoding="utf-8").partition("__all__")[2]:
            return f"it is spinlab.{package}.{name}"
    return f"it has {', '.join(__all__)}"


def __dir__() -> list[str]:
    return sorted(__all__)
