"""Do regularized axons gain on free weights at the size of MNIST? (arXiv:1910.01592, Sec. VI.)

Claim (left open there): the larger the machine, the more regularized axons gain on free weights; the study
``size_benefit`` asks it of Bars up to 144 pixels.

Measurement: restricted machines of 128 hidden units with biases on 10 000 images of binarised MNIST (784
pixels), centred PCD-1 with 100 chains, equally many updates; free weights against patterns of their own
scale, 32 of them, and 128, which restrict nothing. At each mark: likelihood of test images by annealing, and
the integrated autocorrelation time of block Gibbs sampling, of 64 products v_i v_j of random pixels, chains
started from test images.

Figure: likelihood and ln tau against the number of updates.

Expected, if the claim holds: patterns are ahead in both.

Runtime: paper preset about 3 CPU minutes (needs MNIST), small preset (8x8 digits) seconds.
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
from .size_benefit import LEVEL, gibbs_time, mean

MEASURES = {
    "nll": "likelihood of test images, nats",
    "log_tau": "ln of the autocorrelation time, block Gibbs",
}
RATES = {"lr_standard": 0.02, "lr_own": 0.03, "own_scale": 0.15}
SMALL: dict[str, Any] = {
    "dataset": "digits", "H": 16, "K": (4, 16), "epochs": (1, 2), "temperatures": 100, "steps": 50,
    "runs": 2, "seed": 188,
}  # fmt: skip
PAPER: dict[str, Any] = {
    "dataset": "mnist", "H": 128, "K": (32, 128), "epochs": (1, 3, 10), "temperatures": 5000, "steps": 2000,
    "runs": 4, "seed": 188,
}  # fmt: skip


def recipes(preset: dict[str, Any]) -> tuple[str, ...]:
    """Free weights, then patterns."""
    return (STANDARD, *(f"K={K}, PCD, own scale" for K in preset["K"]))


def point(
    recipe: str, dataset: str, H: int, epochs: tuple[int, ...], temperatures: int, steps: int, rng: int
) -> dict[str, Any]:
    """One machine, judged after the listed epochs; runs of one replica share their random numbers."""
    data = sl.datasets.mnist() if dataset == "mnist" else sl.datasets.digits()
    data = replace(data, train=data.train[:10_000], test=data.test[:500])
    settings = RATES | {"H": H, "H_standard": H, "batch_size": 100, "epochs": epochs}
    trainer = trainer_of(recipe, data, settings, rng)

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
    output.figure(plot(data, settings), "size_benefit_mnist")
    output.verdict(*verdict(data, settings, preset))
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


def statements(
    found: dict[str, dict[str, dict[int, np.ndarray]]], short: dict[str, dict[int, int]]
) -> list[str]:
    """Where patterns are ahead, by epoch; a time decides nothing unless every run is long enough for it."""
    said = []
    for name, measure in MEASURES.items():
        for recipe, by_measure in found.items():
            words = []
            for epoch, values in by_measure[name].items():
                x, e = mean(values)
                if name == "log_tau" and (n := short[recipe][epoch]):
                    words.append(f"epoch {epoch}: not resolved ({n} of {2 * len(values)} runs too short)")
                    continue
                word = "ahead" if x > LEVEL * e else "behind" if x < -LEVEL * e else "not decided"
                words.append(f"epoch {epoch}: {x:+.2f} ± {e:.2f} ({word})")
            said.append(f"By the {measure}, {recipe} against free weights: {'; '.join(words)}.")
    return said


def plot(data: Any, settings: dict[str, Any]) -> Any:
    """Both measures against the updates."""
    import matplotlib.pyplot as plt

    with plotting.style():
        figure, axes = plt.subplots(1, 2, figsize=(7.6, 3.4), layout="constrained")
        labels = ("NLL of test images (nats)", "$\\ln\\tau$, block Gibbs steps")
        for ax, name, label in zip(axes, MEASURES, labels, strict=True):
            for i, recipe in enumerate(recipes(settings)):
                part = data.sel(recipe=recipe)
                plotting.lines(
                    ax, part[name], part["done"].mean("replica").values, color=plotting.COLOURS[i],
                    marker=plotting.MARKERS[i], label="free weights" if i == 0 else recipe.split(",")[0],
                )  # fmt: skip
            ax.set(xscale="log", xlabel="updates", ylabel=label)
        axes[0].legend(fontsize=9)
        _figures.letters(axes)
    return figure


def verdict(data: Any, settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Sentences and a table of all machines."""
    said = statements(benefits(data, settings), unresolved(data, settings))
    rows = []
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
            f"'behind' mean more than {LEVEL:g} of them.\n",
            *(f"- {sentence}" for sentence in said),
            "",
            markdown_table(["machine", "epoch", "updates", "NLL", "ln tau", "std W", "tau reliable"], rows),
        ]
    )
    return body, {
        "study": "size_benefit_mnist",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "statements": said,
    }
