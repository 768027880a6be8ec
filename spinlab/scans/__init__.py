"""Phase scans: observables over load, temperature (or weight scale) and size, with the theory's lines.

A single size shows a crossover; what a line of infinite size predicts is drawn over it. Crossings of
Binder cumulants need three sizes or more.
"""

from .crossings import binder as binder
from .crossings import binder_crossings as binder_crossings
from .drawing import draw as draw
from .families import FAMILIES as FAMILIES
from .families import theory_lines as theory_lines
from .reducing import reduced as reduced
from .scanning import PRESETS as PRESETS
from .scanning import regions as regions
from .scanning import scan as scan

__all__ = ["binder", "binder_crossings", "draw", "reduced", "regions", "scan", "theory_lines"]
