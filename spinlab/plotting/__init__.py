"""From xarray to matplotlib Axes."""

from .lines import lines as lines
from .maps import colour_map as colour_map
from .style import COLOURS as COLOURS
from .style import MARKERS as MARKERS
from .style import style as style

__all__ = ["colour_map", "lines", "style"]
