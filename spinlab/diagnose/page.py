"""The report as text and as a figure."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import observables, plotting
from .verdicts import Verdict

if TYPE_CHECKING:
    import matplotlib.figure


def text(
    verdicts: dict[str, Verdict],
    evidence: dict[str, dict[str, Any]],
    warnings: tuple[str, ...],
    seconds: float,
) -> str:
    """One page for a terminal: verdicts by title, the evidence by section."""
    lines = []
    for title, verdict in verdicts.items():
        shares = ", ".join(f"{key} {p:.2f}" for key, p in verdict.probabilities.items())
        lines.append(f"{title:10s} {verdict.value.upper()}  ({shares})")
        for reason in verdict.reasons:
            lines += textwrap.wrap(
                reason, 100, initial_indent="           - ", subsequent_indent="             "
            )
    lines.append("")
    for section, values in evidence.items():
        body = "; ".join(f"{key} {_shown(value)}" for key, value in values.items() if key != "warning")
        lines += textwrap.wrap(body, 110, initial_indent=f"{section:14s} ", subsequent_indent=" " * 15)
    for warning in warnings:
        lines += textwrap.wrap(f"note: {warning}", 110, subsequent_indent="      ")
    lines.append(f"{seconds:.1f} s")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_shown(x) for x in value[:4]) + (", ...]" if len(value) > 4 else "]")
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_shown(x)}" for key, x in value.items()) + "}"
    return str(value)


def draw(
    verdicts: dict[str, Verdict],
    size: dict[str, Any],
    warnings: tuple[str, ...],
    spectrum: observables.Spectrum | None,
    overlaps: observables.OverlapDistribution | None,
) -> matplotlib.figure.Figure:
    """Spectrum, P(q) and the verdicts."""
    import matplotlib.pyplot as plt

    with plotting.style():
        figure, (left, middle, right) = plt.subplots(
            1, 3, figsize=(12, 4), layout="constrained", width_ratios=(1, 1, 1.3)
        )
        if (s := spectrum) is not None:
            left.hist(s.values, bins=min(60, max(8, len(s.values) // 6)), color=plotting.COLOURS[0])
            for k, edge in enumerate(s.edges):
                left.axvline(edge, color="black", linestyle="--", label="edges of the bulk" if k else None)
            name = "eigenvalues" if s.law == "semicircle" else "singular values"
            left.set(xlabel=rf"{name} of $\beta$ times the couplings", ylabel="number", yscale="log")
            left.set_title(f"{len(s.outliers)} outliers, effective patterns {s.effective_patterns:.3g}")
            left.legend(fontsize=8)
        if (p := overlaps) is not None:
            centre = (p.edges[1:] + p.edges[:-1]) / 2
            middle.errorbar(centre, p.density, np.nan_to_num(p.error), color=plotting.COLOURS[1])
            middle.set(
                xlabel="overlap $q$ of tempered replicas", ylabel="$P(q)$", xlim=(-1, 1), ylim=(0, None)
            )
            middle.set_title("distribution of overlaps")
        right.axis("off")
        words = []
        for title, verdict in verdicts.items():
            words.append(f"{title}: {verdict.value.upper()} ({verdict.confidence:.2f})")
            for reason in verdict.reasons:
                words += textwrap.wrap(reason, 58, initial_indent="  - ", subsequent_indent="    ")
        for warning in warnings:
            words += textwrap.wrap(f"note: {warning}", 58, subsequent_indent="    ")
        right.text(
            0, 1, "\n".join(words), va="top", fontsize=7.5, family="monospace", transform=right.transAxes
        )
        figure.suptitle(", ".join(f"{key} {_shown(value)}" for key, value in size.items()), fontsize=9)
    plt.close(figure)
    return figure
