"""Fig. 7 of arXiv:1910.01592: what the patterns of a trained RA-RBM are.

Claims: the visible parts of trained patterns resemble no training image but general features; free
samples that start from the visible part of one pattern become digits of several classes, so that a
pattern is not one stored image.

Figure: for a machine as in the paper and one whose patterns carry their own scale, visible parts of eight
patterns; samples 200 Gibbs steps after starting at the sign of the first one; the classes of the nearest
training images of samples that start from each of the eight.

Measured: the largest overlap |v.v'|/V of each pattern's sign with a training image, beside the same for
training images among each other, and for the samples; the number of classes among the samples of a pattern.

Runtime: that of four machines of fig6, whose store is used where it lies in the output folder; small preset
seconds.
Verdict: patterns do not resemble images. Samples from one pattern are of several digits: with patterns that
carry their own scale they look like digits, with the paper's recipe at this budget they are near no image.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import fig6
from ._mnist import N_SAMPLES, N_SHOWN, SAMPLE_STEPS, digits, sweep

SMALL: dict[str, Any] = {
    **fig6.SMALL,
    "shown": ("K=20, 10 steps", "K=20, PCD, own scale"),
    "judged": ("K=20, 10 steps", "K=20, PCD, own scale"),
}
PAPER: dict[str, Any] = {
    **fig6.PAPER,
    "shown": ("K=190, 10 steps", "K=190, PCD, own scale"),
    "judged": ("K=190, 10 steps", "K=290, 10 steps", "K=190, PCD, own scale", "K=290, PCD, own scale"),
}


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    data = output.run(sweep(settings, settings["judged"]), "mnist", workers, progress).isel(replica=0)
    output.figure(plot(data, settings), "fig7")
    output.verdict(*verdict(data, settings, preset))
    return output


def plot(data: Any, settings: dict[str, Any]) -> Any:
    """For each machine its patterns, samples from the first pattern, and the classes from each pattern."""
    import matplotlib.pyplot as plt

    shape = digits(settings["dataset"]).shape
    with plotting.style():
        figure = plt.figure(figsize=(11, 9.5), layout="constrained")
        for part, machine in zip(figure.subfigures(2, 1), settings["shown"], strict=True):
            run = data.sel(machine=machine)
            part.suptitle(machine, fontsize=11)
            left, right = part.subfigures(1, 2, width_ratios=(3, 1.3))
            upper, lower = left.subfigures(2, 1, height_ratios=(1, 2.4))
            for k, ax in enumerate(upper.subplots(1, N_SHOWN)):
                pattern = run["patterns"].values[k]
                size = abs(pattern).max()
                ax.imshow(pattern.reshape(shape), cmap="gray", vmin=-size, vmax=size)
                ax.set(xticks=[], yticks=[])
                ax.set_title(f"{k + 1}: ±{size:.2g}", fontsize=8)
            upper.suptitle("visible parts of patterns", fontsize=9)
            samples = run["from_pattern"].values
            for image, ax in zip(samples, lower.subplots(4, N_SAMPLES // 4).flat, strict=True):
                ax.imshow(image.reshape(shape), cmap="gray", vmin=-1, vmax=1)
                ax.set(xticks=[], yticks=[])
            lower.suptitle(
                f"{N_SAMPLES} samples, {SAMPLE_STEPS} steps after the sign of pattern 1", fontsize=9
            )
            ax = right.subplots()
            mesh = ax.imshow(run["classes"].values.T, cmap="viridis", origin="lower", aspect="auto")
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
