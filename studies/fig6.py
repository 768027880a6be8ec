"""Fig. 6 of arXiv:1910.01592: RA-RBMs trained on binarised MNIST by pattern-induced correlations.

Claims: with ten Gibbs steps from the patterns the likelihood improves by orders of magnitude and alike on
training and test images; fewer patterns give a better likelihood, more patterns better-looking samples
(Fig. 6c); the final likelihood is comparable to that of standard RBMs.

Figure: standard deviation of W and the looks of samples along the training; at the end the shares of samples
that are near a training image, classified with confidence, or copies, beside test images; samples.

Presets: `paper`, the published length (batches of 8000, 500 epochs, H=3000) with and without a quirk of the
published code, which divides the positive phase of a last short batch by the full batch size (convention
"reference"); `short`, batches of 1000 and about 2500 updates, where the quirk cannot act, with likelihoods
along the training and recipes that are not in the paper; `small`, both on 8x8 digits. The runs of `paper` are
kept with the study; those that are not there are left out and named (see _mnist_published.py).

Expected: with the quirk samples look like digits, without it they do not.

Runtime: paper preset half an hour on 2 cores from kept runs, short preset an hour, small preset seconds.
Verdict: see docs/verdicts/fig6.md for what holds, and of how many runs.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _fig6_short, _figures
from . import _mnist_judged as judged
from . import _mnist_published as published
from ._mnist import STANDARD, digits, show, strip
from ._mnist_published import BASES, DIRECTIONS, PIXELS, TEST, TRAIN, UNTRAINED

PAPER: dict[str, Any] = {
    **published.SETTINGS,
    "machines": published.PAPER_MACHINES,
    "references": (TEST, TRAIN, PIXELS, f"{UNTRAINED} K=200", "K=190, PCD, own scale", STANDARD),
    "annealing": (100, 3000, 500),  # chains, temperatures, steps before the reverse run
    "n_images": None,  # all of each side
    "others": "short",  # whose settings the other machines have
    "seed": 61,
}  # fmt: skip
SMALL: dict[str, Any] = {
    **PAPER,
    "dataset": "digits",
    "H": 100,
    "batch_size": 800,  # 1438 images: the last of two batches is short
    "decay": 0.97,
    "after": 10,
    "epochs": 30,
    "marks": (1, 10, 30),
    "machines": tuple(f"K=20, 1 steps, {c}, sign, run 1" for c in ("reference", "spinlab")),
    "references": (TEST, TRAIN, PIXELS, f"{UNTRAINED} K=20", STANDARD),
    "annealing": (50, 200, 50),
    "n_images": 200,
    "others": "small",
}
PRESETS = {"small": SMALL, "paper": PAPER, "short": _fig6_short.SHORT}


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = PRESETS[preset]
    if preset in ("short", "small"):
        table = _fig6_short.write(output, preset, workers, progress)
        if preset == "short":
            output.verdict(*table)
            return output
    machines = published.present(settings["machines"], settings)
    sweep = published.sweep(settings, (*machines, *settings["references"]))
    data = output.run(sweep, "mnist_published", workers, progress).isel(replica=0)
    output.figure(plot(data, settings), "fig6")
    output.figure(plot_samples(data, settings), "fig6_samples")
    output.verdict(*verdict(data, settings, preset))
    return output


def plot(data: Any, settings: dict[str, Any]) -> Any:
    """Along the training: the size of W, and how many samples look like images; shares at the end."""
    import matplotlib.pyplot as plt

    names = list(data["machine"].values)
    trained = [m for m in names if m in settings["machines"]]
    cells = list(dict.fromkeys(_cell(m) for m in trained))  # a marker each, first runs filled
    pairs = list(dict.fromkeys(map(_pair, trained)))  # a colour each, without the quirk dashed
    with plotting.style():
        size = (9, 2.2 + 0.36 * len(names))
        figure, (left, middle, right) = plt.subplots(1, 3, figsize=size, layout="constrained")
        colours = dict(zip(pairs, itertools.cycle(plotting.COLOURS)))
        markers = dict(zip(cells, itertools.cycle(plotting.MARKERS[:-1])))
        for row, m in enumerate(sorted(trained, key=lambda m: cells.index(_cell(m)))):
            colour, marker, run = colours[_pair(m)], markers[_cell(m)], data.sel(machine=m)
            filled = colour if m.endswith("run 1") else "white"
            line = "-" if ", reference" in m else "--"
            left.plot(run["epoch"], run["std_W"], line, color=colour)
            share = run["along"].sel(number="share_near")
            foot = 1.25 * (len(trained) - 1 - row)  # a row for each run: on one axis nobody tells them apart
            middle.plot(run["mark"], foot + share, line, color=colour, marker=marker, mfc=filled, label=m)
            middle.fill_between(run["mark"], foot, foot + share, color=colour, alpha=0.2, linewidth=0)
            middle.text(0.7, foot, "0", fontsize=8, ha="right", va="center")
            middle.text(0.7, foot + 1, "1", fontsize=8, ha="right", va="center")
        left.set(xscale="log", yscale="log", xlabel="epoch", ylabel="standard deviation of W")
        middle.set(xscale="log", xlabel="epoch", yticks=[])
        middle.set_ylabel("samples near a training image", labelpad=12)
        figure.legend(*middle.get_legend_handles_labels(), fontsize=9, loc="outside upper left", ncols=2)
        y = np.arange(len(names))[::-1]
        test = judged.quality(data, TEST)
        rows = [judged.shares(judged.quality(data, m), test) for m in names]
        for i, (what, grey) in enumerate((("near", "black"), ("confident", "grey"), ("copied", "lightgrey"))):
            right.barh(y + 0.25 * (1 - i), [row[what] for row in rows], 0.25, color=grey, label=what)
        right.set(yticks=y, yticklabels=[_short(m) for m in names], xlim=(0, 1.02), xlabel="share of samples")
        right.tick_params(axis="y", labelsize=7.2)
        figure.legend(*right.get_legend_handles_labels(), fontsize=8, loc="outside lower right", ncols=3)
        _figures.letters((left, middle, right))
    return figure


def plot_samples(data: Any, settings: dict[str, Any]) -> Any:
    """A row of samples for each machine, beside rows of images."""
    import matplotlib.pyplot as plt

    names, shape, shown = list(data["machine"].values), digits(settings["dataset"]).shape, 12
    with plotting.style():
        size = (7.6, 0.55 * len(names) + 0.2)
        figure, axes = plt.subplots(len(names), 1, figsize=size, squeeze=False)
        figure.subplots_adjust(left=0.2, right=0.995, top=0.99, bottom=0.01, hspace=0.12)  # room for names
        for ax, m in zip(axes[:, 0], names, strict=True):
            show(ax, strip(data["samples"].sel(machine=m).values[:shown], shape))
            ax.set_ylabel(_short(m), rotation=0, ha="right", va="center", fontsize=8.5)
    return figure


def _cell(machine: str) -> str:
    """A name without its run."""
    return machine.rpartition(", ")[0]


def _pair(machine: str) -> str:
    """What a cell with the quirk and that without share."""
    return _cell(machine).replace(", reference", "").replace(", spinlab", "")


def _short(machine: str) -> str:
    """A name in two lines, which fit beside a panel."""
    patterns, _, rest = machine.partition(", ")
    steps, _, rules = rest.partition(", ")
    return f"{patterns}, {steps}\n{rules}" if rules else machine


def verdict(data: Any, settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Samples and likelihoods at the end of each run, and what they say of the paper's statements."""
    names = [str(m) for m in data["machine"].values]
    images = judged.quality(data, TEST)
    table: judged.Table = {}
    for m in names:
        found, run = judged.quality(data, m), data.sel(machine=m)
        table[m] = {
            **judged.shares(found, images),
            "likelihood": judged.likelihood(run),
            **_end(run["std_W"]),
            "singular_values": spectrum(m, settings),
            "class_counts": found.class_counts.tolist(),
        }
        table[m]["stopped"] = 0 < table[m]["epochs"] < settings["epochs"]
    missing = [m for m in settings["machines"] if m not in names]
    said = judged.statements(table)
    parts = [
        f"# Fig. 6, {settings['dataset']}, preset {preset}\n",
        _described(settings, missing),
        markdown_table(
            ["machine", "epochs", *COLUMNS, "std W", "s1/s2", "test NLL", "test - train", "ESS"],
            [_row(m, row, data.sel(machine=m)["ess"]) for m, row in table.items()],
        ),
        "## Statements\n",
        markdown_table(["statement", "verdict", "evidence"], [list(s.values()) for s in said]),
    ]
    return "\n".join(parts), {
        "study": "fig6",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "missing": missing,
        "machines": table,
        "statements": said,
    }


def spectrum(machine: str, settings: dict[str, Any]) -> list[float]:
    """The five largest singular values of W of a kept run."""
    run = published.stored(machine) if settings["dataset"] == "mnist" and ", run " in machine else None
    if run is None:
        return []
    patterns = (run[x].astype(np.float32) for x in ("xi_v", "xi_h"))
    return sl.rbm.singular_values(sl.rbm.RARBM.from_patterns(*patterns))[:5].round(4).tolist()


def _end(std_W: Any) -> dict[str, Any]:
    """Epochs that were trained, and std of W at the last of them."""
    values = std_W.values[np.isfinite(std_W.values)]
    return {"epochs": len(values), "std_W": float(values[-1]) if len(values) else np.nan}


COLUMNS = {
    "near": "{:.2f}", "confident": "{:.2f}", "digits": "{:.2f}", "copied": "{:.2f}", "nearest": "{:.3f}",
    "classes": "{:.1f}", "vendi": "{:.1f}",
}  # fmt: skip


def _row(machine: str, row: dict[str, Any], ess: Any) -> list[str]:
    found = row["likelihood"]
    sizes = "; ".join(
        f"{base}: " + ", ".join(f"{ess.sel(base=base, direction=d).item():.0f}" for d in DIRECTIONS)
        for base in BASES
    )
    return [
        machine,
        str(row["epochs"] or ""),
        *(form.format(row[name]) for name, form in COLUMNS.items()),
        "" if np.isnan(row["std_W"]) else f"{row['std_W']:.3g}",
        f"{judged.lead(row):.2f}" if row["singular_values"] else "",
        judged.shown(found),
        "" if np.isnan(found["gap"]) else f"{found['gap']:+.1f}",
        sizes if "ess" in found else "",
    ]


def _described(settings: dict[str, Any], missing: list[str]) -> str:
    """The settings, and what the columns mean."""
    n = len(settings["machines"])
    n_chains, n_temperatures, _ = settings["annealing"]
    V = digits(settings["dataset"]).V
    return (
        f"RA-RBM H={settings['H']}, learning rate {settings['lr']:g} times {settings['decay']:g} per epoch "
        f"from epoch {settings['after']} on while above {settings['floor']:g}, batches of "
        f"{settings['batch_size']}, {settings['epochs']} epochs, patterns clipped to [-1, 1]; 'reference': "
        "the positive phase of the last short batch divided by the full batch size, as in the published "
        f"code; spinlab {sl.__version__}. Runs that there are: {n - len(missing)} of {n}; missing: "
        f"{'; '.join(missing) or 'none'}.\n\n"
        f"{published.N_SAMPLES} samples of each machine, {published.STEPS} steps from random states, judged "
        "up to inversion where there are no biases. near: as near to a training image as 95 % of the test "
        "images are; confident: as surely classified as 95 % of them (extremely randomised trees); digits: "
        "both; copied: nearer to a training image than 95 % of the test images; nearest: mean largest "
        "overlap with a training image; classes: exp of the entropy of the classes; vendi: effective number "
        "of different samples; s1/s2: the largest singular value of W over the second.\n\n"
        "Test NLL in nats per image with the range of the annealing and the error of the images, where all "
        "four annealing runs (forward and reverse, from biases of the data and from uniform units, "
        f"{n_chains} chains, {n_temperatures} temperatures) have more than 20 effective samples and agree "
        f"within {judged.AGREE:g} nat; otherwise a bound from below: ln Z exceeds the largest forward "
        f"estimate less {judged.SLACK:g} nats with a probability above 98 %. Uniform pixels: "
        f"{V * np.log(2):.1f}.\n"
    )
