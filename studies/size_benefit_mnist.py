"""Do regularized axons gain on free weights at the size of MNIST? (arXiv:1910.01592, Sec. VI.)

Claim (left open there): the larger the machine, the more regularized axons gain on free weights; the study
``size_benefit`` asks it of Bars up to 144 pixels.

Measurement: restricted machines of 128 hidden units with biases on 10 000 images of binarised MNIST (784
pixels), centred PCD-1 with 100 chains, equally many updates; free weights against patterns of their own
scale, 32 of them, and 128, which restrict nothing. At each mark: likelihood of test images by annealing, and
the integrated autocorrelation time of block Gibbs sampling, of 64 products v_i v_j of random pixels, chains
started from test images. At the end also the relaxation time of the slowest mode that hidden units show, from
longer chains that start from those of PCD: bounds from below at several lags, of which the shortest lag
that is at least its own bound is taken; where that does not resolve it, bounds on it and on the ratio.
Length, chains and lags were chosen after first results had been seen.

Figure: likelihood and ln tau against the number of updates; ln of the slowest mode's time at the end.

Expected, if the claim holds: patterns are ahead in both.

Runtime: paper preset about 10 CPU minutes (needs MNIST), small preset (8x8 digits) seconds.
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
RESOLVED = 1 / 3  # largest error of a relaxation time, relative to it
LONG = 3.0  # relaxation times that a chain must be long
MARGIN = 2.0  # errors of 1/tau from an unresolved time to the bounds on it
RATES = {"lr_standard": 0.02, "lr_own": 0.03, "own_scale": 0.15}
SMALL: dict[str, Any] = {
    "dataset": "digits", "H": 16, "K": (4, 16), "epochs": (1, 2), "temperatures": 100, "steps": 50,
    "runs": 2, "seed": 188, "slowest": {"records": 100, "every": 2, "chains": 8, "lags": (1, 4)},
    "slow_runs": 2,
}  # fmt: skip
PAPER: dict[str, Any] = {
    "dataset": "mnist", "H": 128, "K": (32, 128), "epochs": (1, 3, 10), "temperatures": 5000, "steps": 2000,
    "runs": 4, "seed": 188, "slow_runs": 4,
    "slowest": {"records": 400, "every": 200, "chains": 48, "lags": (5, 10, 20, 40, 80, 160)},
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
    lags: tuple[int, ...],
    rng: int,
) -> dict[str, Any]:
    """Bounds on the time of the slowest mode of the same machine at the end of training."""
    data, trainer = prepared(recipe, dataset, H, epochs, rng)
    trainer.fit(data.train, epochs[-1], progress=False)
    model = trainer.machine.as_ising().to_bipartite()
    start = trainer.negative.configurations[:chains, : model.V]
    times = slowest(model, start, records, every, lags, np.random.default_rng([rng, 3]))
    return {"time": times[:, 0], "error": times[:, 1]}


def slowest(
    model: sl.models.BipartiteIsing,
    start: np.ndarray,
    records: int,
    every: int,
    lags: tuple[int, ...],
    rng: np.random.Generator,
) -> np.ndarray:
    """Time of the slowest combination of hidden units and its error at each lag, in block Gibbs steps.

    The first quarter of the steps passes. Linear functions, which biases make as good as even ones.
    """
    samples = sl.dynamics.block_gibbs(
        model, records * every, len(start), initial=start, burn_in=records * every // 4, record_every=every,
        rng=rng, threads=1,
    ).samples[..., model.V :]  # fmt: skip
    times = (sl.observables.slowest_mode_time(samples, lag, sector="odd") for lag in lags)
    return np.array([(t.value, t.error) for t in times]) * every


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
            replicas=settings["slow_runs"], seed=settings["seed"], pair_over=("recipe",),
            dims={"time": ("lag",), "error": ("lag",)}, coords={"lag": settings["slowest"]["lags"]},
        ), "size_benefit_mnist_slowest", workers, progress,
    )  # fmt: skip
    slow = estimated(slow, settings["slowest"])
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


def estimated(slow: Any, inner: dict[str, Any]) -> Any:
    """ln tau of each machine, its relative error, whether the lag reaches it, and whether it is resolved."""
    rows = np.array(
        [
            [estimate(time, error, inner) for time, error in zip(times, errors, strict=True)]
            for times, errors in zip(
                slow["time"].transpose("recipe", "replica", "lag").values,
                slow["error"].transpose("recipe", "replica", "lag").values, strict=True,
            )
        ]
    )  # fmt: skip
    names = ("log_slow", "error", "reached", "resolved")
    return slow[["recipe"]].assign(
        {name: (("recipe", "replica"), rows[..., i]) for i, name in enumerate(names)}
    )


def estimate(time: np.ndarray, error: np.ndarray, inner: dict[str, Any]) -> tuple[float, float, float, float]:
    """From bounds that rise with the lag: that of the shortest lag not below its bound, or the longest lag.

    nan where no bound at any lag is finite and has an error.
    """
    lags = inner["every"] * np.array(inner["lags"])
    known = (time > 0) & np.isfinite(time) & np.isfinite(error)
    reached = known & (lags >= time)
    if not known.any():
        return math.nan, math.nan, 0.0, 0.0
    i = int(np.argmax(reached)) if reached.any() else int(np.flatnonzero(known)[-1])
    resolved = reached[i] and error[i] < RESOLVED * time[i]
    resolved = resolved and inner["records"] * inner["every"] > LONG * time[i]
    return math.log(time[i]), error[i] / time[i], float(reached[i]), float(resolved)


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


def limits(log_slow: Any, error: Any, reached: Any) -> tuple[np.ndarray, np.ndarray]:
    """Bounds on ln tau, MARGIN errors of 1/tau to either side; infinite where there is none.

    From above only where the lag reaches tau, and then but for the share of faster modes at that lag.
    """
    log_slow, reach = np.asarray(log_slow, dtype=float), MARGIN * np.asarray(error, dtype=float)
    known = np.isfinite(log_slow) & np.isfinite(reach)
    log_slow, reach = np.where(known, log_slow, 0.0), np.where(known, reach, 0.0)
    least = np.where(known, log_slow - np.log1p(reach), -np.inf)
    above = known & (reach < 1) & (np.asarray(reached) == 1)
    most = np.where(above, log_slow - np.log1p(-np.minimum(reach, 0.999999)), np.inf)
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
            limits(run["log_slow"].values, run["error"].values, run["reached"].values) for run in pair
        )
        faster, slower = int((own_high < low).sum()), int((own_low > high).sum())
        said.append(
            f"Bounds only (not resolved): at epoch {settings['epochs'][-1]} ln of the relaxation time of the "
            "slowest mode that hidden units show is at least "
            f"{low.min():.1f} for free weights and {own_low.min():.1f} for {recipe}, in every run; it is "
            f"bounded from above in {int(np.isfinite(high).sum())} and {int(np.isfinite(own_high).sum())} of "
            f"{len(low)} runs. By the bounds patterns are faster in {faster} pairs, slower in {slower}, "
            f"and {len(low) - faster - slower} are not decided. ln of the ratio of free weights to patterns, "
            f"by pair: {'; '.join(map(interval, low - own_high, high - own_low))}."
        )
        ln_ratio = (pair[0]["log_slow"] - pair[1]["log_slow"]).values
        if len(ln_ratio) > 1 and np.isfinite(ln_ratio).all():
            x, e = mean(ln_ratio)
            said.append(
                f"As estimated, {int(pair[0]['resolved'].sum())} and {int(pair[1]['resolved'].sum())} of "
                f"{len(low)} runs resolved, ln of that ratio is {x:+.2f} ± {e:.2f} over {len(low)} pairs for "
                f"{recipe}: no result, for the want of the others."
            )
    return said


def interval(least: float, most: float) -> str:
    """Bounds on a number in words; one of them, or both, may be infinite."""
    if math.isinf(least) and math.isinf(most):
        return "no bound"
    if math.isinf(most):
        return f"at least {least:+.1f}"
    return f"at most {most:+.1f}" if math.isinf(least) else f"{least:+.1f} to {most:+.1f}"


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
        modes.append([recipe, *cells, f"{int(runs['resolved'].sum())} of {settings['slow_runs']}"])
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
            f"Slowest mode at the end, of the first {settings['slow_runs']} runs, from {inner['chains']} "
            f"chains of {inner['records'] * inner['every']} steps, the first quarter of which passes, "
            "started from the chains of PCD, by run: the bound at the shortest lag not below it, of "
            f"{', '.join(str(lag * inner['every']) for lag in inner['lags'])} steps, else at the longest. "
            "Length, chains and lags were chosen after first results had been seen. Resolved: the lag "
            f"reaches tau, relative error below {RESOLVED:.2f}, and each chain {LONG:g} times as long. "
            f"Bounds are of {MARGIN:g} errors of 1/tau, from above but for faster modes left at that lag:\n",
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
