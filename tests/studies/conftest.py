"""Figures that studies draw in these tests can be read at the width of a page (docs/figure_style.md)."""

from __future__ import annotations

import pytest
from matplotlib.text import Text

from spinlab import studies

PAGE = 736  # pixels
WIDEST = 9.0  # inches
SMALLEST = 8.0  # pixels of a letter's size at that width
FORMATS = studies._FORMATS
ONE_PANEL = ("calibration", "calibration_bars")  # a broken axis


def faults(name, figure):
    """What a reader of the page could not read, a line each."""
    width = figure.get_size_inches()[0]
    found = [f"{width:g} inches wide"] if width > WIDEST else []
    for text in figure.findobj(Text):
        pixels = text.get_fontsize() / 72 * PAGE / width
        if text.get_visible() and text.get_text().strip() and pixels < SMALLEST:
            found.append(f"{text.get_text()!r} has letters of {pixels:.1f} pixels")
    panels = [
        ax
        for ax in figure.axes
        if ax.axison and len(ax.get_xticks()) and ax.get_label() != "<colorbar>" and ax.has_data()
    ]
    letters = [ax.get_title(loc="left")[:3] for ax in panels]
    allowed = {f"({x})" for x in "abcdefgh"}  # pictures have those that are missing, as in fig7
    if len(panels) > 1 and name not in ONE_PANEL and len(allowed & set(letters)) != len(panels):
        found.append(f"letters of the panels: {letters}")
    return found


@pytest.fixture(autouse=True)
def readable_figures(monkeypatch):
    write = studies.Output.figure

    def checked(output, figure, name):
        assert not faults(name, figure), f"{name}: {faults(name, figure)}"
        return write(output, figure, name)

    monkeypatch.setattr(studies.Output, "figure", checked)
    # Nobody looks at these: each is drawn once, coarsely; Fig. 1 is drawn as users get it.
    monkeypatch.setattr(studies, "_DPI", 60)
    monkeypatch.setattr(studies, "_FORMATS", (".png",))


@pytest.fixture
def both_formats(readable_figures, monkeypatch):
    """A PDF beside each PNG, as outside of these tests."""
    monkeypatch.setattr(studies, "_FORMATS", FORMATS)
