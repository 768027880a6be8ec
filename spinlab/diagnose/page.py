"""The report as text and as a figure."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import observables, plotting
from .verdicts import Verdict

if TYPE_CHECKING:
    import matplotlib.figure

_NUMBERS = {
    "N": "$N$ =", "V": "$V$ =", "H": "$H$ =", "mean_degree": "mean degree", "beta": r"$\beta$ =",
    "std": "standard deviation of the couplings",
}  # fmt: skip


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
    evidence: dict[str, dict[str, Any]],
    warnings: tuple[str, ...],
    spectrum: observables.Spectrum | None,
    overlaps: observables.OverlapDistribution | None,
) -> matplotlib.figure.Figure:
    """Spectrum with its law, P(q), order by temperature, and the verdicts in words."""
    import matplotlib.pyplot as plt

    with plotting.style():
        figure, axes = plt.subplot_mosaic(
            [["spectrum", "overlaps", "temperatures"], ["words", "words", "words"]],
            figsize=(7.6, 5.8), layout="constrained", height_ratios=(1.3, 1),
        )  # fmt: skip
        if spectrum is not None:
            _spectrum(axes["spectrum"], spectrum)
        if overlaps is not None:
            _overlaps(axes["overlaps"], overlaps)
        if "equilibrium" in evidence:
            _temperatures(axes["temperatures"], evidence["equilibrium"])
        for name, found in (
            ("spectrum", spectrum), ("overlaps", overlaps), ("temperatures", evidence.get("equilibrium"))
        ):  # fmt: skip
            if found is None:
                axes[name].axis("off")
                axes[name].text(0.5, 0.5, "no couplings", ha="center")
        for letter, name in zip("abc", ("spectrum", "overlaps", "temperatures"), strict=True):
            axes[name].set_title(f"({letter}) {axes[name].get_title()}", loc="left", fontsize=9)
            axes[name].set_title("")
        axes["words"].axis("off")
        axes["words"].text(
            0, 1, _words(verdicts, warnings), va="top", fontsize=7.2, family="monospace",
            transform=axes["words"].transAxes,
        )  # fmt: skip
        title = ", ".join(f"{title}: {verdict.value}" for title, verdict in verdicts.items())
        figure.suptitle(f"{title}\n{_size(evidence['size'])}", fontsize=9.5)
    plt.close(figure)
    return figure


def _size(size: dict[str, Any]) -> str:
    """What the model is, in a line."""
    numbers = [f"{words} {_shown(size[key])}" for key, words in _NUMBERS.items() if key in size]
    return ", ".join([size["form"], *numbers, *(["in fields"] if size["has_fields"] else [])])


def _words(verdicts: dict[str, Verdict], warnings: tuple[str, ...]) -> str:
    words = []
    for title, verdict in verdicts.items():
        words.append(f"{title}: {verdict.value.upper()} ({verdict.confidence:.2f})")
        for reason in verdict.reasons:
            words += textwrap.wrap(reason, 106, initial_indent="  - ", subsequent_indent="    ")
    for warning in warnings:
        words += textwrap.wrap(f"note: {warning}", 106, subsequent_indent="    ")
    return "\n".join(words)


def _spectrum(ax: Any, s: observables.Spectrum) -> None:
    """Histogram on a logarithmic axis from half a value, with the density of independent entries."""
    n_bins = min(60, max(8, len(s.values) // 6))
    _, edges, _ = ax.hist(s.values, bins=n_bins, color=plotting.COLOURS[0], alpha=0.5, label="measured")
    if s.std > 0:
        inside = len(s.values) - len(s.outliers)
        x = np.linspace(*s.edges, 401)
        middle, half = (s.edges[0] + s.edges[1]) / 2, (s.edges[1] - s.edges[0]) / 2
        density = np.sqrt(np.maximum((x - s.edges[0]) * (s.edges[1] - x), 0.0))
        if s.law == "semicircle":
            density *= 2 / (np.pi * half**2)
        else:  # singular values: sqrt((x^2 - a^2)(b^2 - x^2))/x, normalised
            density *= np.sqrt((x + s.edges[0]) * (x + s.edges[1])) / np.maximum(x, 1e-9 * middle)
            density /= np.trapezoid(density, x)
        ax.plot(x, inside * (edges[1] - edges[0]) * density, color="black", label=f"{s.law} law")
    name = "eigenvalue" if s.law == "semicircle" else "singular value"
    ax.set(xlabel=rf"{name} of $\beta J$", ylabel="number per bin", yscale="log")
    ax.set_ylim(0.5, 4 * ax.get_ylim()[1])  # room for the legend
    ax.set_title(f"spectrum, {len(s.outliers)} outliers")
    ax.legend(fontsize=8, loc="upper right")


def _overlaps(ax: Any, p: observables.OverlapDistribution) -> None:
    ax.errorbar(p.centres, p.density, np.nan_to_num(p.error), color=plotting.COLOURS[1])
    ax.set(xlabel="overlap $q$ of replicas", ylabel="$P(q)$", xlim=(-1, 1))
    ax.set_ylim(bottom=0)
    ax.set_title("distribution of overlaps")


def _temperatures(ax: Any, found: dict[str, Any]) -> None:
    T = np.asarray(found["T_over_T"])
    for k, (key, label) in enumerate(
        (("q_rms", r"$\sqrt{\langle q^2\rangle}$"), ("binder", "Binder cumulant"))
    ):
        ax.plot(T, found[key], color=plotting.COLOURS[k], marker=plotting.MARKERS[k], label=label)
    ax.axhline(0, color="grey", linewidth=0.8)
    ax.set(
        xlabel="$T$ over the asked one",
        ylabel="from the overlap $q$",
        xscale="log",
        ylim=(-0.55, 1.05),
    )
    ticks = [t for t in (1, 2, 5, 10, 20, 50, 100) if t <= 1.05 * T.max()]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks], minor=False)
    ax.set_xticks([], minor=True)
    ax.set_title("order by temperature")
    starts = "two kinds of starts agree" if found["agreed"] else "two kinds of starts differ"
    ax.legend(fontsize=8, title=starts, title_fontsize=8)
