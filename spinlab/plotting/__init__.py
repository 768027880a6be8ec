"""From xarray and arrays to matplotlib."""

from .arrays import filters as filters
from .arrays import ladder as ladder
from .arrays import overlaps as overlaps
from .arrays import samples as samples
from .arrays import spectrum as spectrum
from .lines import lines as lines
from .maps import colour_map as colour_map
from .style import COLOURS as COLOURS
from .style import MARKERS as MARKERS
from .style import style as style

__all__ = [
    "colour_map",
    "filters",
    "ladder",
    "lines",
    "overlaps",
    "samples",
    "spectrum",
    "style",
]
