"""Fig. 7 of arXiv:1910.01592: what the patterns of a trained RA-RBM are.

Claims: the visible parts of trained patterns resemble no training image but general features; free
samples that start from the visible part of one pattern become digits of several classes, so that a
pattern is not one stored image.

Figure: visible parts of eight patterns; samples 200 Gibbs steps after starting at the sign of the first
one; the classes of the nearest training images.

Measured: the largest overlap |v.v'|/V of each pattern's sign with a training image, beside the same for
training images among each other; the number of classes among the samples.

Runtime: that of one machine of fig6, whose store is used where it lies in the output folder: about 8 minutes
on one core; small preset seconds.
Verdict: patterns do not resemble images; samples from one pattern are not of several digits at this
budget.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output

from . import fig6
from ._mnist import N_SAMPLES, N_SHOWN, SAMPLE_STEPS, digits, sweep

SMALL: dict[str, Any] = {**fig6.SMALL, "machine": "K=20, 10 steps"}
PAPER: dict[str, Any] = {**fig6.PAPER, "machine": "K=190, 10 steps"}


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    data = output.run(sweep(settings, (settings["machine"],)), "mnist", workers, progress)
    run = data.isel(machine=0, replica=0)
    output.figure(plot(run, settings), "fig7")
    output.verdict(*verdict(run, settings, preset))
    return output


def plot(run: Any, settings: dict[str, Any]) -> Any:
    """Patterns, samples from the first pattern, and their classes."""
    import matplotlib.pyplot as plt

    shape = digits(settings["dataset"]).shape
    with plotting.style():
        figure = plt.figure(figsize=(10.5, 6.6), layout="constrained")
        upper, lower = figure.subfigures(2, 1, height_ratios=(1, 2.6))
        for k, ax in enumerate(upper.subplots(1, N_SHOWN)):
            ax.imshow(run["patterns"].values[k].reshape(shape), cmap="gray", vmin=-1, vmax=1)
            ax.set(xticks=[], yticks=[], title=f"pattern {k + 1}")
        upper.suptitle(f"visible parts of patterns, {settings['machine']}, grey from -1 to 1", fontsize=10)
        left, right = lower.subfigures(1, 2, width_ratios=(3, 1.4))
        for image, ax in zip(run["from_pattern"].values, left.subplots(4, N_SAMPLES // 4).flat, strict=True):
            ax.imshow(image.reshape(shape), cmap="gray", vmin=-1, vmax=1)
            ax.set(xticks=[], yticks=[])
        left.suptitle(f"{N_SAMPLES} samples, {SAMPLE_STEPS} steps after the sign of pattern 1", fontsize=10)
        ax = right.subplots()
        ax.bar(np.arange(10), np.bincount(run["nearest_label"].values.astype(int), minlength=10))
        ax.set(xlabel="class of the nearest training image", ylabel="samples", xticks=range(10))
    return figure


def verdict(run: Any, settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """How near the patterns are to images, and into how many classes the samples fall."""
    images = digits(settings["dataset"]).train.astype(np.float32)
    signs = np.where(run["patterns"].values >= 0, 1, -1).astype(np.float32)
    V = images.shape[1]
    patterns = np.abs(signs @ images.T).max(1) / V
    among = np.sort(np.abs(images[:200] @ images.T), axis=1)[:, -2] / V  # the largest is the image itself
    samples = np.abs(run["from_pattern"].values.astype(np.float32) @ images.T).max(1) / V
    classes = np.bincount(run["nearest_label"].values.astype(int), minlength=10)
    unlike = bool(patterns.mean() < np.quantile(among, 0.05))
    several = int((classes > 0).sum())
    text = "\n".join(
        [
            f"# Fig. 7, {settings['dataset']}, preset {preset}\n",
            f"One RA-RBM, {settings['machine']}, H={settings['H']}, trained as in fig6; spinlab "
            f"{sl.__version__}, seed {settings['seed']}.\n",
            f"- Largest overlap |v.v'|/V with a training image, mean over {len(patterns)} patterns: "
            f"{patterns.mean():.3f}; a training image with another one: {among.mean():.3f} (5 % below "
            f"{np.quantile(among, 0.05):.3f}). Patterns {'do not' if unlike else 'may'} resemble images.",
            f"- Samples from the sign of pattern 1 fall into {several} of 10 classes by the nearest training "
            f"image: {classes.tolist()}. Their own largest overlap with an image is {samples.mean():.3f}, "
            f"{'as' if samples.mean() >= np.quantile(among, 0.05) else 'not as'} near as images are to each "
            "other.\n",
        ]
    )
    return text, {
        "study": "fig7",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "largest_overlap": {
            "patterns": float(patterns.mean()),
            "images": float(among.mean()),
            "samples": float(samples.mean()),
        },
        "classes": classes.tolist(),
    }
