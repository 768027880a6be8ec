"""Fig. 7 from the runs of an hour: patterns, samples from one pattern, classes by pattern."""

from __future__ import annotations

from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _fig6_short
from ._mnist import N_SAMPLES, N_SHOWN, SAMPLE_STEPS, digits, show, strip, sweep

SMALL: dict[str, Any] = {
    **_fig6_short.SMALL,
    "shown": ("K=20, 10 steps", "K=20, PCD, own scale"),
    "judged": ("K=20, 10 steps", "K=20, PCD, own scale"),
}
SHORT: dict[str, Any] = {
    **_fig6_short.SHORT,
    "shown": ("K=190, 10 steps", "K=190, PCD, own scale"),
    "judged": ("K=190, 10 steps", "K=290, 10 steps", "K=190, PCD, own scale", "K=290, PCD, own scale"),
}


def write(output: Output, preset: str, workers: int | None, progress: bool) -> tuple[str, dict[str, Any]]:
    """Run or resume, draw the figure, and return the verdict."""
    settings = {"small": SMALL, "short": SHORT}[preset]
    data = output.run(sweep(settings, settings["judged"]), "mnist", workers, progress).isel(replica=0)
    output.figure(plot(data, settings), "fig7_short")
    return verdict(data, settings, preset)


def plot(data: Any, settings: dict[str, Any]) -> Any:
    """For each machine its patterns, samples from the first pattern, and the classes from each pattern."""
    import matplotlib.pyplot as plt

    shape = digits(settings["dataset"]).shape
    with plotting.style():
        figure = plt.figure(figsize=(7.6, 8), layout="constrained")
        letters = iter("abcdefgh")
        for part, machine in zip(figure.subfigures(2, 1), settings["shown"], strict=True):
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
                f"({next(letters)}) {N_SAMPLES} samples, {SAMPLE_STEPS} steps after the sign of pattern 1",
                fontsize=9,
            )
            ax = right.subplots()
            mesh = ax.imshow(
                run["classes"].values.T, cmap="viridis", origin="lower", aspect="auto", vmin=0, vmax=N_SAMPLES
            )
            ax.set_title(f"({next(letters)})", loc="left", fontsize=9)
            ax.set(xlabel="started from pattern", ylabel="class of the nearest training image",
                   xticks=range(N_SHOWN), xticklabels=range(1, N_SHOWN + 1), yticks=range(10))  # fmt: skip
            right.colorbar(mesh, ax=ax, label=f"samples of {N_SAMPLES}")
    return figure


def verdict(data: Any, settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """How near the patterns are to images, and into how many classes the samples fall."""
    images = digits(settings["dataset"]).train.astype(np.float32)
    among = (
        np.sort(np.abs(images[:200] @ images.T), axis=1)[:, -2] / images.shape[1]
    )  # after the image itself
    usual = float(np.quantile(among, 0.05))

    def largest_overlaps(v: np.ndarray) -> np.ndarray:
        return np.abs(v.astype(np.float32) @ images.T).max(1) / images.shape[1]

    rows, found = [], {}
    for machine in settings["judged"]:
        run = data.sel(machine=machine)
        patterns = largest_overlaps(np.where(run["patterns"].values >= 0, 1, -1))
        samples = largest_overlaps(run["from_pattern"].values)
        classes = run["classes"].values.astype(int)
        several = (classes > 0).sum(1)
        found[machine] = {
            "patterns": patterns.tolist(),
            "samples": float(samples.mean()),
            "near": float((samples >= usual).mean()),
            "classes": classes.tolist(),
        }
        rows.append(
            [machine, f"{patterns.mean():.3f} ({patterns.max():.3f})", f"{samples.mean():.3f}",
             f"{100 * (samples >= usual).mean():.0f} %",
             f"{several.mean():.1f} ({several.min()} to {several.max()})"]
        )  # fmt: skip
    text = "\n".join(
        [
            f"# Fig. 7, {settings['dataset']}, preset {preset}\n",
            f"RA-RBMs, H={settings['H']}, trained as in fig6; {N_SHOWN} patterns, {N_SAMPLES} samples from "
            f"each, {SAMPLE_STEPS} steps; spinlab {sl.__version__}, seed {settings['seed']}.\n",
            f"Largest overlap |v.v'|/V with a training image; a training image with another one: "
            f"{among.mean():.3f}, 5 % below {usual:.3f}, which is called near:\n",
            markdown_table(
                [
                    "machine",
                    "signs of patterns (largest)",
                    "samples from pattern 1",
                    "near an image",
                    "classes from one pattern",
                ],
                rows,
            ),
            "Classes are those of the nearest training image, up to inversion; a sample that is near none "
            "has one too.\n",
        ]
    )
    return text, {
        "study": "fig7",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "images": float(among.mean()),
        "machines": found,
    }
