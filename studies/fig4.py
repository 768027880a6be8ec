"""Fig. 4 of arXiv:1910.01592: singular values of the weights after training on 4x4 Bars.

Claim: whatever the training method, four large singular values stand out once a machine has learned the
data, so that about four patterns would describe the weights of a standard machine.

Figure: (a) the sixteen singular values after the last epoch of each method, over the largest of them;
(b) the fifth over the fourth along training. Crosses: stored runs of the paper's code.

Expected: RAPID 81, 65, 52, 47 and then 0; CD at epoch 1000: 3.04, 2.89, 2.71, 2.54 and then .28.

Runtime: short preset about 40 CPU minutes, paper preset some more (both shared with
fig2 and fig3), small preset seconds.
Verdict: holds for every method; see docs/verdicts/fig4.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _bars, _bars_compare, _figures
from ._bars import METHODS, PAPER, PRESETS, SMALL
from ._bars_compare import VARIANTS, text

__all__ = ["PAPER", "PRESETS", "SMALL", "main", "plot", "verdict"]

LEAST_GAP = 2.0  # a singular value stands out if it is this many times the next one


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure and verdict; the runs lie in ``bars-PRESET`` beside it."""
    output = Output(out)
    settings = PRESETS[preset]
    data = _bars.run(settings, preset, output, workers, progress)
    output.figure(plot(data), "fig4")
    output.verdict(*verdict(data, settings, preset))
    return output


def spectra(
    data: dict[tuple[str, str], Any], method: str, epoch: int | None = None, convention: str = "reference"
) -> np.ndarray:
    """Singular values of each run, shape (runs, 16), after an epoch or the last one."""
    values = data[convention, method]["singular_values"]
    values = values.isel(epoch=-1) if epoch is None else values.sel(epoch=epoch)
    return np.asarray(values.transpose("replica", "rank"))


def n_large(s: np.ndarray) -> np.ndarray:
    """How many singular values stand out: up to the widest relative gap among the first eight.

    0 where no gap reaches LEAST_GAP; values below 10^-3 of the largest count as equal.
    """
    floored = np.maximum(s[..., :9], 1e-3 * s[..., :1])
    gaps = floored[..., :-1] / floored[..., 1:]
    return np.where(gaps.max(-1) >= LEAST_GAP, gaps.argmax(-1) + 1, 0)


def plot(data: dict[tuple[str, str], Any]) -> Any:
    """Spectra at the end, and the gap along training."""
    import matplotlib.pyplot as plt

    with plotting.style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.9), layout="constrained")
        rank = np.arange(1, 17)
        for i, method in enumerate(METHODS):
            s = spectra(data, method)
            s = s / s[:, :1]
            last = int(data["reference", method]["epoch"][-1])
            left.errorbar(
                rank + 0.08 * (i - 1.5),
                s.mean(0),
                s.std(0, ddof=1),
                color=plotting.COLOURS[i],
                marker=plotting.MARKERS[i],
                label=f"{METHODS[method]}, epoch {last} ({len(s)} runs)",
            )
            table = _bars_compare.reference()["singular_values"][method]
            epochs = [int(e) for e in table if int(e) > 0]
            right.plot(
                epochs,
                [table[str(e)][4] / table[str(e)][3] for e in epochs],
                linestyle="none",
                marker="x",
                color=plotting.COLOURS[i],
            )
        left.axvline(4.5, color="grey", linewidth=0.8, linestyle="--", zorder=0)
        left.set(
            xlabel="rank",
            ylabel="singular value over the largest",
            title="after the last epoch",
            ylim=(0, 1.1),
            xticks=range(2, 17, 2),
        )
        left.legend(fontsize=8)
        ratio = {
            key: values.assign(
                ratio=values["singular_values"].isel(rank=4) / values["singular_values"].isel(rank=3)
            )
            for key, values in data.items()
        }
        _bars.curves(right, ratio, "ratio", spread=False)
        right.set(ylabel="fifth over fourth singular value", title="the gap along training", ylim=(0, 1.05))
        _figures.letters((left, right))
    return figure


def _label(convention: str, method: str) -> str:
    """A method, and how it was trained where that is not "reference"."""
    return METHODS[method] + (f" ({VARIANTS[convention][0]})" if convention in VARIANTS else "")


def verdict(
    data: dict[tuple[str, str], Any], settings: dict[str, Any], preset: str
) -> tuple[str, dict[str, Any]]:
    """How many values stand out in how many runs, beside the stored ones."""
    rows, beside, found = [], [], []
    for convention, method in data:
        for epoch in (1, 10, 30, 100, 300, 1000):
            if epoch not in data[convention, method]["epoch"]:
                continue
            s = spectra(data, method, epoch, convention)
            large = n_large(s)
            four = int((large == 4).sum())
            found.append(
                {"method": method, "convention": convention, "epoch": epoch, "runs": len(s), "four": four}
            )
            label = _label(convention, method)
            rows.append(
                [label, str(epoch), *(text(s[:, k]) for k in range(6)),
                 f"{four} of {len(s)}", ", ".join(f"{n}: {(large == n).sum()}" for n in np.unique(large))]
            )  # fmt: skip
            there = _bars_compare.reference()["singular_values"][method].get(str(epoch))
            if there and convention == "reference":
                beside.append([METHODS[method], str(epoch), *(f"{x:.3g}" for x in there)])
    ranks = [f"s{k}" for k in range(1, 7)]
    last = {key: [f for f in found if (f["convention"], f["method"]) == key][-1] for key in data}
    holds = all(2 * f["four"] > f["runs"] for (c, _), f in last.items() if c == "reference")
    rank = np.linalg.matrix_rank(sl.datasets.bars(4).train)
    lines = [
        f"# Fig. 4, preset {preset}\n",
        _bars.described(settings) + "\n",
        "Four large singular values stand out at the last epoch of every method, in most of its runs: "
        f"{'yes' if holds else 'no'} ("
        + ", ".join(f"{_label(c, m)} in {f['four']} of {f['runs']} runs" for (c, m), f in last.items())
        + f"). A value stands out if the widest relative gap among the first eight, at least {LEAST_GAP:g}, "
        "lies below it.\n",
        f"The training images span {rank} dimensions, since columns repeat down the image and only the top "
        "row counts"
        + (
            ": as many as stand out, which is thus a property of this data set.\n"
            if rank == 4 and holds
            else ".\n"
        ),
        "## Here\n",
        markdown_table(["method", "epoch", *ranks, "runs with four", "number that stand out: runs"], rows),
        "## Stored runs of the paper's code, means\n",
        markdown_table(["method", "epoch", *ranks], beside),
    ]
    return "\n".join(lines), {
        "study": "fig4",
        "preset": preset,
        "settings": settings,
        "four_large_everywhere": holds,
        "counts": found,
    }
