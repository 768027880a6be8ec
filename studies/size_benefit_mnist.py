"""Do regularized axons gain on free weights at the size of MNIST? (arXiv:1910.01592, Sec. VI.)

Claim (left open there): the larger the machine, the more regularized axons gain on free weights; the study
``size_benefit`` asks it of Bars up to 144 pixels.

Measurement: restricted machines of 128 hidden units with biases on 10 000 images of binarised MNIST (784
pixels), centred PCD-1 with 100 chains, equally many updates; free weights against patterns of their own
scale, 32 of them, and 128, which restrict nothing. At each mark: likelihood of test images by annealing, and
the integrated autocorrelation time of block Gibbs sampling, of 64 products v_i v_j of random pixels, chains
started from test images. At the end also the relaxation time of the slowest mode that hidden units show, from
longer chains that start from those of PCD, extrapolated in the lag (``relaxation_measured``); where it is
not resolved, bounds on it.

Figure: likelihood and ln tau against the number of updates; ln of the slowest mode's time at the end.

Expected, if the claim holds: patterns are ahead in both.

Runtime: paper preset about 5 CPU minutes (needs MNIST), small preset (8x8 digits) seconds.
Verdict: computed, docs/verdicts/size_benefit_mnist.md.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _figures
from ._mnist import STANDARD, trainer_of
from .relaxation_measured import extrapolated
from .size_benefit import LEVEL, gibbs_time, mean

MEASURES = {
    "nll": "likelihood of test images, nats",
    "log_tau": "ln of the autocorrelation time, block Gibbs",
}
RESOLVED = 1 / 3  # largest error of a relaxation time, relative to it
LONG = 3.0  # relaxation times that a chain must be long
MARGIN = 2.0  # errors of 1/tau from an unresolved time to the bounds on it
RATES = {"lr_standard": 0.02, "lr_own": 0.03, "own_scale": 0.15}
SMALL: dict[str, Any] = {
    "dataset": "digits", "H": 16, "K": (4, 16), "epochs": (1, 2), "temperatures": 100, "steps": 50,
    "runs": 2, "seed": 188, "slowest": {"records": 100, "every": 2, "chains": 8},
}  # fmt: skip
PAPER: dict[str, Any] = {
    "dataset": "mnist", "H": 128, "K": (32, 128), "epochs": (1, 3, 10), "temperatures": 5000, "steps": 2000,
    "runs": 4, "seed": 188, "slowest": {"records": 375, "every": 40, "chains": 16},
}  # fmt: skip


def recipes(preset: dict[str, Any]) -> tuple[str, ...]:
    """Free weights, then patterns."""
    return (STANDARD, *(f"K={K}, PCD, own scale" for K in preset["K"]))


def prepared(
    recipe: str, dataset: str, H: int, epochs: tuple[int, ...], rng: int
) -> tuple[sl.datasets.Dataset, sl.rbm.Trainer]:
    """Images, and the trainer of one machine."""
    data = sl.datasets.mnist() if dataset == "mnist" else sl.datasets.digits()
    data = replace(data, train=data.train[:10_000], test=data.test[:500])
    settings = RATES | {"H": H, "H_standard": H, "batch_size": 100, "epochs": epochs}
    return data, trainer_of(recipe, data, settings, rng)


def relaxation(
    recipe: str,
    dataset: str,
    H: int,
    epochs: tuple[int, ...],
    records: int,
    every: int,
    chains: int,
    rng: int,
) -> dict[str, Any]:
    """Time of the slowest mode of the same machine at the end of training, in block Gibbs steps."""
    data, trainer = prepared(recipe, dataset, H, epochs, rng)
    trainer.fit(data.train, epochs[-1], progress=False)
    model = trainer.machine.as_ising().to_bipartite()
    start = trainer.negative.configurations[:chains, : model.V]
    tau, error = slowest(model, start, records, every, np.random.default_rng([rng, 3]))
    return {
        "log_slow": math.log(tau) if 0 < tau < math.inf else math.nan,
        "error": error / tau if tau > 0 else math.nan,
        "resolved": float(error < RESOLVED * tau and records * every > LONG * tau),
    }


def slowest(
    model: sl.models.BipartiteIsing, start: np.ndarray, records: int, every: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Relaxation time of the slowest combination of hidden units, and its error, in steps.

    The first third of the records' time passes. Linear functions, which biases make as good as even ones.
    """
    chains = sl.dynamics.block_gibbs(
        model, records * every, len(start), initial=start, burn_in=records * every // 3, record_every=every,
        rng=rng, threads=1,
    )  # fmt: skip
    tau, error = extrapolated(chains.samples[..., model.V :], "odd")
    return tau * every, error * every


def point(
    recipe: str, dataset: str, H: int, epochs: tuple[int, ...], temperatures: int, steps: int, rng: int
) -> dict[str, Any]:
    """One machine, judged after the listed epochs; runs of one replica share their random numbers."""
    data, trainer = prepared(recipe, dataset, H, epochs, rng)

    def judge(trainer: sl.rbm.Trainer) -> dict[str, Any]:
        generator = np.random.default_rng([rng, trainer.epoch])
        model = trainer.machine.as_ising().to_bipartite()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sl.rbm.AISWarning)
            likelihood = sl.rbm.negative_log_likelihood(
                model, data.test, method="ais", base_biases=sl.rbm.data_biases(data.train), n_chains=50,
                n_temperatures=temperatures, rng=generator, threads=1,
            )  # fmt: skip
        time = gibbs_time(model, data.test, steps, generator)
        return {
            "nll": likelihood.nll,
            "log_tau": math.log(time.tau),
            "reliable": float(time.reliable),
            "std_W": model.coupling_std(),
            "done": float(trainer.updates),
        }

    history = trainer.fit(data.train, epochs[-1], [sl.rbm.Every(epochs, judge)], progress=False)
    history = history.sel(epoch=list(epochs))
    return {name: history[name].values for name in (*MEASURES, "reliable", "std_W", "done")}


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    sweep = sl.sweeps.Sweep(
        point, axes={"recipe": recipes(settings)},
        fixed={name: settings[name] for name in ("dataset", "H", "epochs", "temperatures", "steps")},
        replicas=settings["runs"], seed=settings["seed"], pair_over=("recipe",),
        dims=dict.fromkeys((*MEASURES, "reliable", "std_W", "done"), ("epoch",)),
        coords={"epoch": settings["epochs"]},
    )  # fmt: skip
    data = output.run(sweep, "size_benefit_mnist", workers, progress)
    slow = output.run(
        sl.sweeps.Sweep(
            relaxation, axes={"recipe": recipes(settings)},
            fixed={name: settings[name] for name in ("dataset", "H", "epochs")} | settings["slowest"],
            replicas=settings["runs"], seed=settings["seed"], pair_over=("recipe",),
        ), "size_benefit_mnist_slowest", workers, progress,
    )  # fmt: skip
    output.figure(plot(data, slow, settings), "size_benefit_mnist")
    output.verdict(*verdict(data, slow, settings, preset))
    return output


def benefits(data: Any, settings: dict[str, Any]) -> dict[str, dict[str, dict[int, np.ndarray]]]:
    """Free weights minus patterns by recipe, measure and epoch, one value per pair: positive is ahead."""
    free, *patterns = recipes(settings)
    return {
        recipe: {
            name: {
                e: (data[name].sel(recipe=free, epoch=e) - data[name].sel(recipe=recipe, epoch=e)).values
                for e in settings["epochs"]
            }
            for name in MEASURES
        }
        for recipe in patterns
    }


def unresolved(data: Any, settings: dict[str, Any]) -> dict[str, dict[int, int]]:
    """By recipe and epoch, how many runs of its own and of free weights are too short for their tau."""
    free, *patterns = recipes(settings)
    short = 1 - data["reliable"]
    return {
        recipe: {
            e: int(short.sel(recipe=free, epoch=e).sum() + short.sel(recipe=recipe, epoch=e).sum())
            for e in settings["epochs"]
        }
        for recipe in patterns
    }


def place(values: np.ndarray) -> str:
    """A benefit in words, one value per pair of runs."""
    x, e = mean(values)
    word = "ahead" if x > LEVEL * e else "behind" if x < -LEVEL * e else "not decided"
    return f"{x:+.2f} ± {e:.2f} ({word})"


def statements(
    found: dict[str, dict[str, dict[int, np.ndarray]]], short: dict[str, dict[int, int]]
) -> list[str]:
    """Where patterns are ahead, by epoch; nothing is said of a time that one run of both is too short for."""
    said = []
    for name, measure in MEASURES.items():
        for recipe, by_measure in found.items():
            words = [
                f"epoch {epoch}: {place(values)}"
                for epoch, values in by_measure[name].items()
                if name != "log_tau" or not short[recipe][epoch]
            ]
            if words:
                said.append(f"By the {measure}, {recipe} against free weights: {'; '.join(words)}.")
    return said


def relaxed(slow: Any, settings: dict[str, Any]) -> list[str]:
    """Slowest modes of patterns against those of free weights, where all machines of both are resolved."""
    free, *patterns = recipes(settings)
    said = []
    for recipe in patterns:
        pair = [slow.sel(recipe=r).transpose("replica") for r in (free, recipe)]
        if all((run["resolved"] == 1).all() for run in pair):
            said.append(
                f"By ln of the relaxation time of the slowest mode that hidden units show, {recipe} against "
                f"free weights: epoch {settings['epochs'][-1]}: "
                f"{place((pair[0]['log_slow'] - pair[1]['log_slow']).values)}."
            )
    return said


def limits(log_slow: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounds on ln tau, MARGIN errors of 1/tau to either side; infinite where there is none."""
    log_slow, reach = np.asarray(log_slow, dtype=float), MARGIN * np.asarray(error, dtype=float)
    known = np.isfinite(log_slow) & np.isfinite(reach)
    log_slow, reach = np.where(known, log_slow, 0.0), np.where(known, reach, 0.0)
    least = np.where(known, log_slow - np.log1p(reach), -np.inf)
    most = np.where(known & (reach < 1), log_slow - np.log1p(-np.minimum(reach, 0.999999)), np.inf)
    return least, most


def bounded(slow: Any, settings: dict[str, Any]) -> list[str]:
    """What bounds say of the slowest modes where a machine of either kind is not resolved."""
    free, *patterns = recipes(settings)
    said = []
    for recipe in patterns:
        pair = [slow.sel(recipe=r).transpose("replica") for r in (free, recipe)]
        if all((run["resolved"] == 1).all() for run in pair):
            continue
        (low, high), (own_low, own_high) = (
            limits(run["log_slow"].values, run["error"].values) for run in pair
        )
        faster, slower = int((own_high < low).sum()), int((own_low > high).sum())
        said.append(
            f"Bounds only (not resolved): at epoch {settings['epochs'][-1]} ln of the relaxation time of the "
            "slowest mode that hidden units show is at least "
            f"{low.min():.1f} for free weights and {own_low.min():.1f} for {recipe}, in every run; it is "
            f"bounded from above in {int(np.isfinite(high).sum())} and {int(np.isfinite(own_high).sum())} of "
            f"{len(low)} runs. By the bounds patterns are faster in {faster} pairs, slower in {slower}, "
            f"and {len(low) - faster - slower} are not decided."
        )
    return said


def plot(data: Any, slow: Any, settings: dict[str, Any]) -> Any:
    """Both measures against the updates, and the slowest mode at the end."""
    import matplotlib.pyplot as plt

    with plotting.style():
        figure, axes = plt.subplots(1, 3, figsize=(7.6, 3.4), layout="constrained")
        labels = ("NLL of test images (nats)", "$\\ln\\tau$, pixels")
        for ax, name, label in zip(axes[:2], MEASURES, labels, strict=True):
            for i, recipe in enumerate(recipes(settings)):
                part = data.sel(recipe=recipe)
                plotting.lines(
                    ax, part[name], part["done"].mean("replica").values, color=plotting.COLOURS[i],
                    marker=plotting.MARKERS[i], label="free weights" if i == 0 else recipe.split(",")[0],
                )  # fmt: skip
            ax.set(xscale="log", xlabel="updates", ylabel=label)
        for i, recipe in enumerate(recipes(settings)):
            y, error = (slow[name].sel(recipe=recipe).values for name in ("log_slow", "error"))
            axes[2].errorbar(
                i + np.linspace(-0.2, 0.2, len(y)), y, error, linestyle="none", color=plotting.COLOURS[i],
                marker=plotting.MARKERS[i],
            )  # fmt: skip
        axes[2].set_xticks(range(i + 1), ["free", *(r.split(",")[0] for r in recipes(settings)[1:])])
        axes[2].set(ylabel="$\\ln\\tau$, slowest mode of hidden units", xlim=(-0.6, i + 0.6))
        axes[0].legend(fontsize=9)
        _figures.letters(axes)
    return figure


def verdict(data: Any, slow: Any, settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Sentences and a table of all machines."""
    said = statements(benefits(data, settings), unresolved(data, settings))
    said += relaxed(slow, settings) + bounded(slow, settings)
    modes = []
    for recipe in recipes(settings):
        runs = slow.sel(recipe=recipe)
        cells = ("; ".join(f"{x:.2f}" for x in runs[name].values) for name in ("log_slow", "error"))
        modes.append([recipe, *cells, f"{int(runs['resolved'].sum())} of {settings['runs']}"])
    inner, rows = settings["slowest"], []
    for recipe in recipes(settings):
        for epoch in settings["epochs"]:
            part = data.sel(recipe=recipe, epoch=epoch)
            cells = [mean(part[m].values) for m in (*MEASURES, "std_W")]
            rows.append(
                [recipe, str(epoch), f"{float(part['done'].mean()):.0f}",
                 *(f"{x:.3f} ± {e:.3f}" for x, e in cells),
                 f"{int(part['reliable'].sum())} of {settings['runs']}"]
            )  # fmt: skip
    body = "\n".join(
        [
            f"# Benefit at the size of {settings['dataset']}, preset {preset}\n",
            f"H = {settings['H']}, biases, centred PCD-1, {settings['runs']} runs of each recipe; NLL of 500 "
            f"test images by annealing ({settings['temperatures']} temperatures); {settings['steps']} steps "
            f"of block Gibbs sampling in 16 chains; spinlab {sl.__version__}, seed {settings['seed']}. "
            "Errors are standard errors over (pairs of) runs; free weights minus patterns, 'ahead' and "
            f"'behind' mean more than {LEVEL:g} of them. Nothing is said of times that a run of either is "
            "too short for, but bounds.\n",
            *(f"- {sentence}" for sentence in said),
            "",
            markdown_table(["machine", "epoch", "updates", "NLL", "ln tau", "std W", "tau reliable"], rows),
            f"Slowest mode at the end, from {inner['chains']} chains of {inner['records'] * inner['every']} "
            "steps, the first third of which passes, started from the chains of PCD, by run; resolved: "
            f"relative error below {RESOLVED:.2f}, and each chain {LONG:g} times as long. Bounds are of "
            f"{MARGIN:g} errors of 1/tau:\n",
            markdown_table(["machine", "ln tau", "relative error of tau", "resolved"], modes),
        ]
    )
    return body, {
        "study": "size_benefit_mnist",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "statements": said,
    }
