"""What gives an RA-RBM a calibrated density: a scale fitted after training, a trained one, or another phase.

Claim (none of the paper's): RAPID reconstructs, but its likelihood is off by 10^3 nats. One overall scale
of the weights (an inverse temperature), Boltzmann weights of the patterns, or a few Gibbs steps might help.

Figure: exact negative log-likelihood of held-out images, as trained and with one factor of the weights fitted
to other held-out images: (a) by recipe on 4x4 Bars, (b) on another data set, (c) against K/V on Bars, (d) the
Hamming distance (top row held) before and after.

Expected: on Bars the factor alone takes RAPID from thousands of nats to about 9 (uniform: 11.1); continuous
patterns that are free to grow reach 3 to 4 with CD, PCD or exact gradients, like standard machines or better.

Runtime: paper preset about a quarter of an hour on 2 free cores, small preset seconds.
Verdict: a scale alone closes only the gap to the uniform density; patterns that carry their own scale close
the rest, if the negative phase samples the model. See docs/verdicts/calibration.md.
"""

from __future__ import annotations

import math
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _bars
from ._bars_compare import text

RECIPES = {
    "rapid": "RAPID",
    "rapid_boltzmann": "RAPID, Boltzmann weights",
    "rapid_10": "RAPID + 10 steps",
    "scale_pid": "trained scale: PID",
    "scale_10": "trained scale: PID + 10 steps",
    "scale_pcd": "trained scale: PCD-10",
    "free_pid": "free patterns: PID",
    "free_boltzmann": "free patterns: PID, Boltzmann weights",
    "free_10": "free patterns: PID + 10 steps",
    "free_100": "free patterns: PID + 100 steps",
    "free_cd": "free patterns: CD-10",
    "free_pcd": "free patterns: PCD-10",
    "free_exact": "free patterns: exact",
    "tuned": "RAPID, fitted scale, then PCD-10",
    "rbm_cd": "standard: CD-10",
    "rbm_pcd": "standard: PCD-10",
    "rbm_exact": "standard: exact",
}
DATA = {
    "bars": "4x4 Bars",
    "bars_and_stripes": "4x4 Bars and Stripes",
    "blobs": "8 noisy patterns, 16 pixels",
}
SLOW = ("free_exact", "rbm_exact")
STATES = ("as_trained", "fitted")
LOOK = (("as_trained", plotting.COLOURS[1], "s"), ("fitted", plotting.COLOURS[0], "o"))
UNIFORM = 16 * math.log(2)
SMALL: dict[str, Any] = {
    "recipes": ("rapid", "rapid_10", "scale_pid", "free_pid", "free_10", "free_pcd", "rbm_cd"),
    "data": ("bars",),
    "K": (2, 8),
    "K_recipes": ("rapid", "free_pcd"),
    "runs": 2,
    "slow": (),
    "slow_runs": 2,
    "epochs": 100,
    "updates": 200,
    "seed": 5,
}
PAPER: dict[str, Any] = {
    "recipes": tuple(r for r in RECIPES if r not in SLOW),
    "data": tuple(DATA),
    "K": (1, 2, 4, 8, 16, 32),
    "K_recipes": ("rapid", "free_10", "free_pcd"),
    "runs": 10,
    "slow": SLOW,
    "slow_runs": 8,
    "epochs": 100,
    "updates": 300,
    "seed": 5,
}


@cache
def images(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training images and two disjoint halves of held-out ones (an image and its inverse in one of them)."""
    if name == "blobs":
        train, test = (_blobs(side) for side in ("train", "test"))
        return train[:500], test[:1000], test[1000:2000]
    data = sl.datasets.bars(4) if name == "bars" else sl.datasets.bars_and_stripes(4, train_fraction=0.7)
    return data.train, data.test[: len(data.test) // 2], data.test[len(data.test) // 2 :]


def _blobs(side: str) -> np.ndarray:
    folder = Path(os.environ["SPINLAB_DATA"]) / "rbm_data" / "xanadu_blobs16"
    bits = np.loadtxt(folder / f"16_spins_8_blobs_{side}.csv.gz", delimiter=",", dtype=np.int8, max_rows=2000)
    return np.asarray(2 * bits - 1, dtype=np.int8)


def available(names: tuple[str, ...]) -> tuple[str, ...]:
    """Data sets that are there: "blobs" needs the folder that SPINLAB_DATA names."""
    folder = Path(os.environ.get("SPINLAB_DATA", "")) / "rbm_data" / "xanadu_blobs16"
    return tuple(name for name in names if name != "blobs" or folder.is_dir())


def point(recipe: str, data: str, K: int, epochs: int, updates: int, rng: int) -> dict[str, Any]:
    """One machine, trained by a recipe and judged before and after a fitted scale."""
    train, *halves = images(data)
    machine = trained(recipe, train, halves[0], K, epochs, updates, rng)
    model = machine.as_ising()
    # The scale that is fitted to one half is judged on the other one.
    fits = [_fit(model, half) for half in halves]
    scaled = [model.scaled(fit.scale) for fit in reversed(fits)]
    held = np.concatenate(halves)
    nll = [
        [_nll(model, train), _nll(model, held)],
        [
            np.mean([_nll(m, train) for m in scaled]),
            np.mean([_nll(m, half) for m, half in zip(scaled, halves, strict=True)]),
        ],
    ]
    hamming = np.full(2, np.nan)
    if data == "bars":
        hamming[0] = _distance([model], [held], rng)
        hamming[1] = _distance(scaled, halves, rng)
    return {
        "nll": np.array(nll),
        "hamming": hamming,
        "factor": math.exp(np.mean([math.log(fit.scale) for fit in fits])),
        "std_W": model.coupling_std(),
    }


def trained(
    recipe: str, train: np.ndarray, held: np.ndarray, K: int, epochs: int, updates: int, rng: int
) -> Any:
    """A machine trained by a recipe.

    RAPID has the paper's settings: patterns +-1 after each epoch, scale 1. "Trained scale": patterns clipped
    to [-1, 1] and one scale beside them, small at the start. "Free patterns": small at the start and free to
    grow, so that they carry the scale. Those and the standard machine: full batches, Adam, a rate that falls
    to a tenth.
    """
    kind, _, phase = recipe.partition("_")
    negative: sl.rbm.NegativePhase = {
        "": sl.rbm.PID,
        "pid": sl.rbm.PID,
        "boltzmann": lambda: sl.rbm.PID(weights="boltzmann"),
        "10": lambda: sl.rbm.PID(10),
        "100": lambda: sl.rbm.PID(100),
        "cd": lambda: sl.rbm.CD(10),
        "pcd": lambda: sl.rbm.PCD(10, n_chains=100),
        "exact": sl.rbm.Exact,
    }[phase]()
    generator = np.random.default_rng(rng)
    if kind in ("rapid", "tuned"):
        size = max(3, len(train) // 10)
        trainer = _bars.trainer_of("rapid", "spinlab", generator, negative, K, size)
        trainer.fit(train, epochs, progress=False)
        if kind == "rapid":
            return trainer.machine
        rapid: Any = trainer.machine
        root = _fit(rapid, held).scale ** 0.5
        machine: Any = sl.rbm.RARBM.from_patterns(root * rapid.xi_v, root * rapid.xi_h)
        negative = sl.rbm.PCD(10, n_chains=100)
    elif kind == "rbm":
        machine = sl.rbm.RBM(_bars.V, _bars.H, std=0.01, rng=generator)
    elif kind == "scale":
        machine = sl.rbm.RARBM(_bars.V, _bars.H, K, scale=0.02, train_scale=True, rng=generator)
    else:
        signs = sl.rbm.RARBM(_bars.V, _bars.H, K, rng=generator)
        machine = sl.rbm.RARBM.from_patterns(0.15 * signs.xi_v, 0.15 * signs.xi_h)
    trainer = sl.rbm.Trainer(
        machine,
        negative,
        lr=0.003 if kind == "rbm" else 0.01,
        schedule=sl.rbm.Linear(updates, end=0.1),
        optimiser="adam",
        batch_size=len(train),
        projection="clip" if kind == "scale" else "none",
        rng=generator,
    )
    trainer.fit(train, updates, progress=False)
    return machine


def _fit(model: Any, data: np.ndarray) -> Any:
    return sl.rbm.fit_scale(model, data, bounds=(1e-4, 10.0), n_scales=25, method="exact", threads=1)


def _nll(model: Any, data: np.ndarray) -> float:
    return float(-sl.rbm.log_likelihood(model, data, threads=1).mean())


def _distance(models: list[Any], parts: list[np.ndarray], rng: int) -> float:
    found = [
        sl.rbm.hamming_distance(model, part, 4, n_repeats=200, rng=rng, threads=1).mean
        for model, part in zip(models, parts, strict=True)
    ]
    return float(np.mean(found))


def sweeps(preset: dict[str, Any]) -> dict[str, sl.sweeps.Sweep]:
    """The recipes on all data, the slow ones with fewer runs, and the number of patterns."""
    data = available(preset["data"])
    grids: dict[str, dict[str, Any]] = {
        "recipes": {"recipe": preset["recipes"], "data": data, "K": (_bars.K,)},
        "slow": {"recipe": preset["slow"], "data": ("bars",), "K": (_bars.K,)},
        "patterns": {"recipe": preset["K_recipes"], "data": ("bars",), "K": preset["K"]},
    }
    return {
        name: sl.sweeps.Sweep(
            point,
            axes=axes,
            fixed={"epochs": preset["epochs"], "updates": preset["updates"]},
            replicas=preset["slow_runs" if name == "slow" else "runs"],
            seed=preset["seed"],
            dims={"nll": ("state", "side"), "hamming": ("state",)},
            coords={"state": STATES, "side": ("train", "held")},
        )
        for name, axes in grids.items()
        if all(axes.values())
    }


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    data = {
        name: output.run(sweep, f"calibration_{name}", workers, progress)
        for name, sweep in sweeps(settings).items()
    }
    output.figure(plot(data), "calibration")
    output.verdict(*verdict(data, settings, preset))
    return output


def measured(data: dict[str, Any], name: str) -> dict[str, Any]:
    """Every recipe on one data set at the usual K, in the order of RECIPES."""
    found = {}
    for part in ("recipes", "slow"):
        if part in data and name in data[part]["data"]:
            here = data[part].sel(data=name).isel(K=0)
            found |= {str(r): here.sel(recipe=r) for r in here["recipe"].values}
    return {r: found[r] for r in RECIPES if r in found}


def plot(data: dict[str, Any]) -> Any:
    """Likelihood by recipe, on other data, against K/V, and what the factor does to reconstructions."""
    import matplotlib.pyplot as plt

    names = [str(name) for name in data["recipes"]["data"].values]
    with plotting.style():
        figure, axes = plt.subplots(
            2, 2, figsize=(13, 9.5), layout="constrained", gridspec_kw={"width_ratios": [1.3, 1]}
        )
        bars = measured(data, "bars")
        numbers = {recipe: i for i, recipe in enumerate(bars, 1)}
        for ax, name in zip((axes[0, 0], axes[1, 0]), ("bars", names[-1]), strict=True):
            _recipes(ax, measured(data, name), numbers)
            ax.set_title(f"({'a' if ax is axes[0, 0] else 'b'}) {DATA[name]}, K={_bars.K}")
        axes[0, 0].legend(fontsize=8, loc="lower right")
        ax = axes[0, 1]
        for i, recipe in enumerate(data["patterns"]["recipe"].values):
            held = data["patterns"]["nll"].sel(recipe=recipe, data="bars", side="held")
            load = data["patterns"]["K"] / _bars.V
            for state, line in zip(STATES, (":", "-"), strict=True):
                plotting.lines(
                    ax, held.sel(state=state), load, color=plotting.COLOURS[i], linestyle=line,
                    marker=plotting.MARKERS[i], label=f"{RECIPES[str(recipe)]}, {state.replace('_', ' ')}",
                )  # fmt: skip
        ax.axhline(UNIFORM, color="grey", linewidth=0.8, linestyle=":")
        ax.set(
            xscale="log",
            yscale="log",
            xlabel="patterns per visible unit $K/V$",
            ylabel="held-out NLL (nats)",
            title="(c) 4x4 Bars, against the number of patterns",
        )
        ax.set_ylim(top=100 * ax.get_ylim()[1])  # room for the legend
        ax.legend(fontsize=8, loc="upper right")
        _plane(axes[1, 1], bars, numbers)
        figure.suptitle(
            f"Held-out images, V=16, H=1000, {data['recipes'].sizes['replica']} runs; bars: standard error; "
            "dotted: uniform density",
            fontsize=10,
        )
    return figure


def _error(values: Any) -> float:
    return float(values.std(ddof=1)) / values.size**0.5


def _plane(ax: Any, found: dict[str, Any], numbers: dict[str, int]) -> None:
    """Reconstruction against density, each recipe by its number in place of one of 17 symbols."""
    ax.set_xscale("log")
    inset = ax.inset_axes((0.36, 0.6, 0.64, 0.4), xlim=(3, 8), ylim=(0.04, 0.175))
    for (state, colour, _), shade in zip(LOOK, ("#fbe3d3", "#d6e8f5"), strict=True):
        box = {"boxstyle": "circle,pad=0.15", "facecolor": shade, "edgecolor": colour, "linewidth": 0.7}
        for recipe, runs in found.items():
            x, y = runs["nll"].sel(state=state, side="held"), runs["hamming"].sel(state=state)
            at = float(x.mean()), float(y.mean())
            for panel in (ax, inset):
                panel.errorbar(*at, xerr=_error(x), yerr=_error(y), color=colour, alpha=0.35, linewidth=1)
                panel.annotate(
                    str(numbers[recipe]), at, fontsize=6.5, ha="center", va="center", zorder=5, bbox=box
                )
    ax.axvline(UNIFORM, ymax=0.58, color="grey", linewidth=0.8, linestyle=":")
    ax.indicate_inset_zoom(inset, edgecolor="grey", linewidth=0.8)
    inset.tick_params(labelsize=8)
    ax.set(
        ylim=(0, 0.66),
        xlabel="held-out NLL (nats); numbers and colours as in (a)",
        ylabel="Hamming distance, top row held",
        title="(d) 4x4 Bars: density against reconstruction",
    )


def _recipes(ax: Any, found: dict[str, Any], numbers: dict[str, int]) -> None:
    """Held-out likelihood of every recipe with and without the fitted factor."""
    place = np.arange(len(found))[::-1]
    for state, colour, marker in LOOK:
        held = [runs["nll"].sel(state=state, side="held") for runs in found.values()]
        ax.errorbar(
            [float(x.mean()) for x in held],
            place + (0.12 if state == "as_trained" else -0.12),
            xerr=[_error(x) for x in held],
            color=colour,
            marker=marker,
            linestyle="none",
            label=state.replace("_", " ").replace("fitted", "one factor, fitted to other held-out images"),
        )
    ax.axvline(UNIFORM, color="grey", linewidth=0.8, linestyle=":")
    ax.set_yticks(place, [f"{RECIPES[r]}  {numbers[r]}" if r in numbers else RECIPES[r] for r in found])
    ax.set(xscale="log", xlabel="held-out NLL (nats per image)")


def verdict(data: dict[str, Any], settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Every recipe with and without the factor, and what closes the gap."""
    tables, found = [], {}
    for name in data["recipes"]["data"].values:
        rows = []
        for recipe, runs in measured(data, str(name)).items():
            nll = {
                (state, side): np.asarray(runs["nll"].sel(state=state, side=side))
                for state in STATES
                for side in ("train", "held")
            }
            found[f"{name}/{recipe}"] = {state: float(nll[state, "held"].mean()) for state in STATES}
            rows.append(
                [RECIPES[recipe], str(runs.sizes["replica"]), *(text(x) for x in nll.values()),
                 f"{float(runs['factor'].median()):.3g}",
                 f"{float((runs['factor'] * runs['std_W']).median()):.3g}",
                 *(text(runs["hamming"].sel(state=state)) for state in STATES)]
            )  # fmt: skip
        header = ["recipe", "runs", "NLL train", "NLL held-out", "fitted: train", "fitted: held-out",
                  "factor", "std W, fitted", "Hamming", "Hamming, fitted"]  # fmt: skip
        tables += [f"## {DATA[str(name)]}, K={_bars.K}\n", markdown_table(header, rows)]
    rows = []
    for recipe in data["patterns"]["recipe"].values:
        for K in data["patterns"]["K"].values:
            runs = data["patterns"].sel(recipe=recipe, K=K).isel(data=0)
            held = [text(runs["nll"].sel(state=state, side="held")) for state in STATES]
            factor = f"{float(runs['factor'].median()):.3g}"
            rows.append([RECIPES[str(recipe)], str(K), f"{K / _bars.V:.3g}", *held, factor])
    tables += [
        "## Number of patterns, 4x4 Bars\n",
        markdown_table(["recipe", "K", "K/V", "NLL held-out", "fitted: held-out", "factor"], rows),
    ]
    bars = {r: found[f"bars/{r}"] for r in RECIPES if f"bars/{r}" in found}
    lines = [
        f"# Calibration of RA-RBMs, preset {preset}\n",
        f"V=16, H=1000, {settings['runs']} runs ({settings['slow_runs']} with exact gradients); RAPID "
        f"{settings['epochs']} epochs, the others {settings['updates']} updates; spinlab {sl.__version__}, "
        f"seed {settings['seed']}. NLL in nats per image, exact; uniform {UNIFORM:.2f}. The factor is fitted "
        "to one half of the held-out images and judged on the other, both ways. Errors are standard errors "
        "over runs, factors medians.\n",
        "- One factor, fitted afterwards, takes RAPID on Bars from "
        f"{bars['rapid']['as_trained']:.0f} to {bars['rapid']['fitted']:.1f} nats.",
        f"- Patterns that carry their own scale, without any fit: PID {bars['free_pid']['as_trained']:.0f}, "
        f"PID + 10 steps {bars['free_10']['as_trained']:.1f}, PCD {bars['free_pcd']['as_trained']:.2f}, "
        f"standard machine by CD {bars['rbm_cd']['as_trained']:.2f}; ln 14 = 2.64 is ideal.\n",
        *tables,
    ]
    return "\n".join(lines), {
        "study": "calibration",
        "preset": preset,
        "settings": settings,
        "held_out": found,
        "uniform": UNIFORM,
    }
