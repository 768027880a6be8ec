"""Fig. 6 in an hour: batches of 1000 and about 2500 updates, likelihoods along the training, other recipes.

Settings: H=3000, K=190 or 290, learning rate .015, patterns clipped to [-1, 1] after each update, 0, 1
or 10 Gibbs steps, threshold x/255 > .3. The paper's code takes batches of 8000 and 500 epochs; here
batches of 1000 and about 2500 updates, the learning rate falling over as many updates as there. Not in
the paper: an RA-RBM that starts at a twentieth of the scale; RA-RBMs with biases whose patterns start small
and may grow, trained by centred PCD or by ten steps from the patterns; standard RBMs of 500 hidden
units, also with three times the updates, which take about the time of one such RA-RBM.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _figures
from ._mnist import MOST_CHAINS, N_JUDGED, SIDES, STANDARD, STANDARD_LONGER, digits, show, strip, sweep

SMALL: dict[str, Any] = {
    "dataset": "digits",
    "machines": ("K=20, 0 steps", "K=20, 10 steps", "K=40, 10 steps"),
    "others": ("K=20, PCD, own scale", STANDARD),
    "H": 200,
    "H_standard": 50,
    "lr": 0.015,
    "lr_standard": 0.02,
    "lr_own": 0.05,
    "own_scale": 0.3,
    "last_annealing": (100, 1000, 200),
    "batch_size": 100,
    "decay": 0.97,
    "after": 10,
    "epochs": (1, 3, 10, 30),
    "runs": 1,
    "seed": 6,
}
SHORT: dict[str, Any] = {
    "dataset": "mnist",
    "machines": (
        "K=190, 0 steps",
        "K=190, 1 steps",
        "K=190, 10 steps",
        "K=290, 10 steps",
        "K=190, 10 steps, scale 0.05",
    ),
    "others": (
        "K=190, PCD, own scale",
        "K=290, PCD, own scale",
        "K=190, 10 steps, own scale",
        STANDARD,
        STANDARD_LONGER,
    ),
    "H": 3000,
    "H_standard": 500,
    "lr": 0.015,
    "lr_standard": 0.03,
    "lr_own": 0.03,
    "own_scale": 0.15,
    "last_annealing": (100, 5000, 1000),  # chains, temperatures, steps before the reverse run
    "batch_size": 1000,
    "decay": 0.92,  # .99 per epoch of 7 updates in the paper's code, here per epoch of 57
    "after": 12,
    "epochs": (1, 2, 4, 8, 14, 24, 44),
    "runs": 1,
    "seed": 6,
}


def write(output: Output, preset: str, workers: int | None, progress: bool) -> tuple[str, dict[str, Any]]:
    """Run or resume, draw the figure, and return the verdict."""
    settings = {"small": SMALL, "short": SHORT}[preset]
    data = output.run(sweep(settings, all_machines(settings)), "mnist", workers, progress)
    output.figure(plot(data, settings), "fig6_short")
    output.figure(plot_samples(data, settings), "fig6_short_samples")
    return verdict(data, settings, preset)


def all_machines(settings: dict[str, Any]) -> tuple[str, ...]:
    """The paper's machines, then the others."""
    return (*settings["machines"], *settings["others"])


def plot(data: Any, settings: dict[str, Any]) -> Any:
    """Likelihood along the training, and test minus train; a machine keeps colour, marker and dashes."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import ScalarFormatter

    with plotting.style():
        figure, axes = plt.subplots(1, 3, figsize=(7.6, 5), layout="constrained")
        left, middle, right = axes
        for group, ax, along, line in (
            (settings["machines"], left, "updates", "-"),
            (settings["others"], middle, "seconds", "--"),
        ):
            for colour, marker, machine in zip(plotting.COLOURS, plotting.MARKERS, group, strict=False):
                run = data.sel(machine=machine).mean("replica")
                x, y = run[along].values + (along == "updates"), run["nll"].sel(side="test").values
                if along == "seconds":  # nothing to show at the start
                    run, x, y = run.isel(epoch=slice(1, None)), x[1:], y[1:]
                low, high = (run[name].sel(side="test").values for name in ("nll_low", "nll_high"))
                low, high = np.minimum(low, y), np.maximum(high, y)
                bars = np.where(np.isfinite([y - low, high - y]), [y - low, high - y], 0)
                look = {"color": colour, "marker": marker, "linestyle": line, "markersize": 5}
                ax.errorbar(x, y, bars, label=machine, **look)
                reliable = run["ess"].values >= 20
                ax.plot(
                    x[~reliable], y[~reliable], marker, color=colour, markerfacecolor="white", markersize=5,
                    zorder=5,
                )  # fmt: skip
                gap = run["nll"].sel(side="test") - run["nll"].sel(side="train")
                right.plot(run["updates"] + 1, gap, **look)
            ax.set(xscale="log", yscale="log", ylabel="test NLL, nats per image")
        middle.yaxis.set_minor_formatter(ScalarFormatter())
        middle.yaxis.set_major_formatter(ScalarFormatter())
        middle.tick_params(axis="y", which="both", labelsize=8)
        left.set(xlabel="updates + 1", title="recipe of the paper")
        middle.set(xlabel="processor time, s", title="other recipes")
        right.axhline(0, color="grey", linewidth=0.8)
        right.set(xscale="log", yscale="symlog", xlabel="updates + 1", ylabel="test NLL - train NLL, nats",
                  title="ln Z cancels")  # fmt: skip
        _figures.letters(axes)
        handles, names = left.get_legend_handles_labels()
        more, others = middle.get_legend_handles_labels()
        figure.legend(
            [*handles, *more], [*names, *others], fontsize=8, ncols=3, loc="outside lower center"
        )  # fmt: skip
    return figure


def plot_samples(data: Any, settings: dict[str, Any]) -> Any:
    """A row of samples for each machine, 200 steps from random states."""
    import matplotlib.pyplot as plt

    machines, shape, shown = all_machines(settings), digits(settings["dataset"]).shape, 10
    with plotting.style():
        figure, axes = plt.subplots(len(machines), 1, figsize=(7.6, 0.6 * len(machines)), squeeze=False)
        figure.subplots_adjust(left=0.24, right=0.995, top=0.99, bottom=0.01, hspace=0.12)  # room for names
        for ax, machine in zip(axes[:, 0], machines, strict=True):
            show(ax, strip(data["samples"].sel(machine=machine).values[0, :shown], shape))
            ax.set_ylabel(machine, rotation=0, ha="right", va="center", fontsize=8.5)
    return figure


def verdict(data: Any, settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Likelihoods at the end of each run, and what they say of the paper's statements."""
    rows, table = [], {}
    for machine in all_machines(settings):
        run = data.sel(machine=machine).isel(replica=0)
        first, last = run["nll"].isel(epoch=0), run["nll"].isel(epoch=-1)
        low, high = (float(run[name].isel(epoch=-1).sel(side="test")) for name in ("nll_low", "nll_high"))
        gap = {e: run["nll"].isel(epoch=e).diff("side").item() for e in (0, -1)}
        ess, chains, seconds = (float(run[name][-1]) for name in ("ess", "chains", "seconds"))
        table[machine] = {
            "first": first.values.tolist(),
            "last": last.values.tolist(),
            "bracket": [low, high],
            "ess": ess,
            "chains": chains,
            "test_minus_train": gap[-1],
            "seconds": seconds,
        }
        rows.append(
            [machine, f"{float(first.sel(side='test')):.4g}",
             *(f"{float(last.sel(side=s)):.1f}" for s in SIDES),
             f"{low:.1f} to {high:.1f}", f"{ess:.0f} of {chains:.0f}",
             f"{gap[0]:+.1f}", f"{gap[-1]:+.1f}", f"{seconds:.3g}"]
        )  # fmt: skip
    text = "\n".join(
        [
            f"# Fig. 6, {settings['dataset']}, preset {preset}\n",
            f"RA-RBM H={settings['H']}, learning rate {settings['lr']:g} times {settings['decay']:g} per "
            f"epoch from epoch {settings['after']} on, batches of {settings['batch_size']}, patterns clipped "
            f"to [-1, 1]; 'own scale': biases, patterns from ±{settings['own_scale']:g} on, not clipped, "
            f"rate {settings['lr_own']:g} (from the patterns a third of it) falling to zero; standard RBM "
            f"H={settings['H_standard']}, centred PCD, rate {settings['lr_standard']:g} falling to zero; "
            f"{settings['epochs'][-1]} epochs; "
            f"{settings['runs']} run each; spinlab {sl.__version__}, seed {settings['seed']}.\n",
            f"NLL in nats per image, {N_JUDGED} images of each side; ln Z by annealed importance sampling "
            "from biases of the data, {1} temperatures that become finer towards the model, {0} chains or, "
            "where their effective sample size (ESS, the smaller one of both directions) was below 20, up to "
            "{2} times as many. 'Bracket' reaches from three standard errors below the forward to three "
            "above the reverse run; below an ESS of 20 the number is a lower bound at best. Seconds of "
            "processor time, training alone.\n".format(*settings["last_annealing"][:2], MOST_CHAINS),
            markdown_table(
                [
                    "machine",
                    "test at start",
                    "train",
                    "test",
                    "bracket of test",
                    "ESS",
                    "test - train at start",
                    "at the end",
                    "seconds",
                ],
                rows,
            ),
            "The difference of test and train does not contain ln Z, so it shows overfitting where the "
            "likelihoods themselves are uncertain.\n",
        ]
    )
    return text, {
        "study": "fig6",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "machines": table,
    }
