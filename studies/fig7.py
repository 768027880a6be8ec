"""Fig. 7 of arXiv:1910.01592: what the patterns of a trained RA-RBM are.

Claims: the visible parts of trained patterns resemble no training image but general features; free
samples that start from the visible part of one pattern become digits of several classes, so that a
pattern is not one stored image.

Figure: for two machines the visible parts of eight patterns; samples 200 Gibbs steps after starting at the
sign of the first one; the classes of samples that start from each of the eight.

Measured: the largest overlap |v.v'|/V of each pattern's sign with a training image, beside that of test
images; the share of samples of a pattern that are near an image, and the number of their classes.

Presets as in fig6, whose store is used where it lies in the output folder.

Runtime: that of fig6.
Verdict: see docs/verdicts/fig7.md for what holds, and of how many runs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _fig7_short, fig6
from . import _mnist_judged as judged
from . import _mnist_published as published
from ._mnist import digits, show, strip
from ._mnist_published import N_FROM_PATTERN, N_PATTERNS, TEST

PAPER: dict[str, Any] = {
    **fig6.PAPER,
    "shown": ("K=290, 10 steps, reference, sign, run 1", "K=200, 1 steps, reference, sign, run 1"),
}
SMALL: dict[str, Any] = {**fig6.SMALL, "shown": fig6.SMALL["machines"]}
PRESETS = {"small": SMALL, "paper": PAPER, "short": _fig7_short.SHORT}
FEWEST = 3  # classes of more than one sample each that count as several


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = PRESETS[preset]
    if preset in ("short", "small"):
        table = _fig7_short.write(output, preset, workers, progress)
        if preset == "short":
            output.verdict(*table)
            return output
    machines = published.present(settings["machines"], settings)
    sweep = published.sweep(settings, (*machines, *settings["references"]))
    data = output.run(sweep, "mnist_published", workers, progress).isel(replica=0)
    output.figure(plot(data, settings), "fig7")
    output.verdict(*verdict(data, settings, preset))
    return output


def plot(data: Any, settings: dict[str, Any]) -> Any:
    """For each machine its patterns, samples from the first pattern, and the classes from each pattern."""
    import matplotlib.pyplot as plt

    shape = digits(settings["dataset"]).shape
    shown = [m for m in settings["shown"] if m in data["machine"].values]
    if not shown:
        shown = [m for m in data["machine"].values if m in settings["machines"]][:1]
    with plotting.style():
        figure = plt.figure(figsize=(7.6, 4 * max(1, len(shown))), layout="constrained")
        parts = np.atleast_1d(figure.subfigures(max(1, len(shown)), 1))
        letters = iter("abcdefgh")  # through all machines, so that a caption can name each panel
        for part, machine in zip(parts, shown, strict=False):
            run = data.sel(machine=machine)
            part.suptitle(machine, fontsize=11)
            left, right = part.subfigures(1, 2, width_ratios=(2.2, 1.3))
            upper, lower = left.subfigures(2, 1, height_ratios=(1, 2.4))
            patterns = run["patterns"].values
            sizes = np.abs(patterns).max(1, keepdims=True)
            show(ax := upper.subplots(), strip(patterns / sizes, shape))
            ax.set_xlabel("white: " + ", ".join(f"{x:.2g}" for x in sizes[:, 0]), fontsize=8)
            upper.suptitle(f"({next(letters)}) visible parts of patterns", fontsize=9)
            show(lower.subplots(), strip(run["from_pattern"].values, shape, rows=4))
            lower.suptitle(
                f"({next(letters)}) {N_FROM_PATTERN} samples, {published.STEPS} steps after the sign of "
                "pattern 1",
                fontsize=9,
            )
            ax = right.subplots()
            mesh = ax.imshow(
                run["classes"].values.T,
                cmap="viridis",
                origin="lower",
                aspect="auto",
                vmin=0,
                vmax=N_FROM_PATTERN,
            )
            ax.set(xlabel="started from pattern", ylabel="class", xticks=range(N_PATTERNS),
                   xticklabels=range(1, N_PATTERNS + 1), yticks=range(10))  # fmt: skip
            ax.set_title(f"({next(letters)})", loc="left", fontsize=9)
            right.colorbar(mesh, ax=ax, label=f"samples of {N_FROM_PATTERN}")
    return figure


def _by_settings(machines: list[str]) -> dict[str, list[str]]:
    """Machines of the same patterns and steps, in their order."""
    found: dict[str, list[str]] = {}
    for m in machines:
        found.setdefault(", ".join(m.split(", ")[:2]), []).append(m)
    return found


def verdict(data: Any, settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """How near the patterns are to images, and into how many classes the samples fall."""
    names = [m for m in data["machine"].values if np.isfinite(data["classes"].sel(machine=m)).all()]
    trained = [m for m in names if m in settings["machines"]]
    usual = float(np.quantile(data["nearest"].sel(machine=TEST), 0.05))
    rows, found = [], {}
    for m in names:
        run = data.sel(machine=m)
        patterns, near = run["pattern_nearest"].values, run["near_from_pattern"].values
        classes = run["classes"].values.astype(int)
        several = (classes > 1).sum(1)  # one sample of a class may be a mistake of the classifier
        found[m] = {
            "patterns": patterns.tolist(),
            "near": near.tolist(),
            "several": several.tolist(),
            "classes": classes.tolist(),
        }
        rows.append(
            [m, f"{patterns.mean():.3f} ({patterns.max():.3f})", f"{near.mean():.2f} ({near.min():.2f})",
             f"{several.mean():.1f} ({several.min()} to {several.max()})"]
        )  # fmt: skip

    good = [m for m in trained if np.mean(found[m]["near"]) >= judged.DIGITS]
    statements = [
        judged.said(
            f"no pattern resembles a training image (overlap below {usual:.3f}, 5 % of the test images')",
            max(max(found[m]["patterns"]) for m in trained) < usual if trained else None,
            "largest: " + (", ".join(f"{m}: {max(found[m]['patterns']):.2f}" for m in trained) or "no run"),
        ),
        *(
            judged.said(
                f"{kind}: samples from one pattern are of several classes ({FEWEST} on average), where "
                "most samples are near an image",
                min(np.mean(found[m]["several"]) for m in runs) >= FEWEST,
                ", ".join(f"{m}: {np.mean(found[m]['several']):.1f}" for m in runs),
            )
            for kind, runs in _by_settings(good).items()
        ),
    ]
    among = float(data["nearest"].sel(machine=TEST).mean())
    text = "\n".join(
        [
            f"# Fig. 7, {settings['dataset']}, preset {preset}\n",
            f"RA-RBMs, H={settings['H']}, as in fig6; {N_PATTERNS} patterns, {N_FROM_PATTERN} samples from "
            f"each, {published.STEPS} steps, up to inversion where there are no biases; spinlab "
            f"{sl.__version__}. For a standard RBM the weights of a hidden unit stand for a pattern. Test "
            f"images have an overlap of {among:.3f} with the nearest training image, 5 % of them less than "
            f"{usual:.3f}: a sample above is called near. A class counts if it has more than one sample.\n",
            markdown_table(["machine", "pattern and image", "near", "classes"], rows),
            "Overlap of a pattern with the nearest image (largest), share of samples near an image "
            "(smallest), and classes of samples from one pattern, as means over the patterns.\n",
            "## Statements\n",
            markdown_table(["statement", "verdict", "evidence"], [list(s.values()) for s in statements]),
        ]
    )
    return text, {
        "study": "fig7",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "missing": [m for m in settings["machines"] if m not in names],
        "machines": found,
        "statements": statements,
    }
