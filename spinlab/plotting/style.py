"""One look for every figure: colours that colour-blind readers tell apart, plain axes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

# Okabe and Ito's palette, dark to light enough to print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# Perceptually uniform and readable in grey.
SEQUENTIAL = "viridis"
# For values around a meaningful zero.
DIVERGING = "PuOr"


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib settings of the project, for the figures drawn inside the context."""
    import matplotlib as mpl
    from cycler import cycler

    with mpl.rc_context(
        {
            "font.size": 10,
            "axes.prop_cycle": cycler(color=COLOURS),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": False,
            "legend.frameon": False,
            "lines.markersize": 4,
            "errorbar.capsize": 2,
            "pdf.fonttype": 42,
        }
    ):
        yield
