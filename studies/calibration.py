"""What gives an RA-RBM a calibrated density: a scale fitted after training, a trained one, or another phase.

Claim (none of the paper's): RAPID reconstructs, but its likelihood is off by 10^3 nats. One overall scale
of the weights (an inverse temperature), Boltzmann weights of the patterns, or a few Gibbs steps might help.

Every recipe is trained on the same images, stopped where the likelihood of a second set is best, and judged
on a third one. Main case: noisy patterns, drawn anew for every split; beside it 4x4 Bars in the paper's
split, and Bars and Bars and Stripes split at random so that an image and its inverse stay together.

Figure: exact negative log-likelihood of the judging images by recipe, at the end of training, where it was
best on the stopping images, and there with one factor of the weights fitted to them; the same on Bars;
against the number of patterns, for recipes of every kind; and the Hamming distance (top row held) on Bars.

Expected: the factor takes RAPID from 10^3 nats to about 8 (uniform 11.1); patterns free to grow come near
standard machines with negative phases that sample the model.

Runtime: paper preset about 9 CPU minutes, small preset seconds.
Verdict: a scale alone closes only the gap to the uniform density; patterns that carry their own scale close
the rest, if the negative phase samples the model. See docs/verdicts/calibration.md.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _bars, _calibration_said
from ._bars_compare import text

RECIPES = {
    "rapid": "RAPID",
    "rapid_boltzmann": "RAPID, Boltzmann weights",
    "rapid_10": "RAPID + 10 steps",
    "scale_pid": "trained scale: PID",
    "scale_10": "trained scale: PID + 10 steps",
    "scale_pcd": "trained scale: PCD-10",
    "free_pid": "free patterns: PID",
    "free_boltzmann": "free patterns: PID, Boltzmann",
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
    "noisy": "8 noisy patterns, 16 pixels",
    "bars_paper": "4x4 Bars, split of the paper",
    "bars": "4x4 Bars, random splits",
    "bars_and_stripes": "4x4 Bars and Stripes",
}
STATES = {"last": "end of training", "stopped": "stopped early", "fitted": "stopped, one factor"}
UNIFORM = 16 * math.log(2)
# The patterns of a public data set (16 spins, 8 blobs), whose samples flip each pixel with probability NOISE.
BLOBS = (
    "##..##..........", "..##..##........", "........##..##..", "..........##..##",
    ".....##..##.....", "#....#....#....#", "...#..#..#..#...", "#..#........#..#",
)  # fmt: skip
NOISE = 0.05
SIZES = {"train": 500, "stop": 500, "judge": 4000}  # of samples of the noisy patterns

SMALL: dict[str, Any] = {
    "recipes": {
        "noisy": ("rapid", "free_pid", "free_pcd", "rbm_pcd"),
        "bars_paper": ("rapid", "free_pcd", "rbm_pcd"),
    },
    "K": (2, 8),
    "K_recipes": ("rapid", "free_pcd"),
    "splits": {"noisy": 2, "bars_paper": 2},
    "updates": 20,
    "seed": 5,
}
PAPER: dict[str, Any] = {
    "recipes": {
        "noisy": tuple(RECIPES),
        "bars_paper": (
            "rapid",
            "scale_pcd",
            "free_pid",
            "free_10",
            "free_100",
            "free_cd",
            "free_pcd",
            "free_exact",
            "tuned",
            "rbm_cd",
            "rbm_pcd",
            "rbm_exact",
        ),
        "bars": tuple(RECIPES),
        "bars_and_stripes": ("rapid", "free_pcd", "free_exact", "rbm_pcd", "rbm_exact"),
    },
    "K": (2, 4, 8, 32),
    "K_recipes": ("rapid", "free_10", "free_cd", "free_pcd", "free_exact"),
    "splits": {"noisy": 5, "bars_paper": 4, "bars": 5, "bars_and_stripes": 3},
    "updates": 300,
    "seed": 5,
}


def images(name: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Images to train on, to stop by and to judge by.

    Bars and Bars and Stripes are cut at random into disjoint parts, an image and its inverse in one of them.
    Noisy patterns: independent samples, so that frequent states are in all three.
    """
    if name == "noisy":
        return {part: noisy(n, rng) for part, n in SIZES.items()}
    if name == "bars_paper":  # its four test images: one pair to stop by, the other one to judge by
        data = sl.datasets.bars(4)
        first = (data.test == data.test[0]).all(1) | (data.test == -data.test[0]).all(1)
        pairs = [data.test[first], data.test[~first]]
        at = int(rng.integers(2))
        return {"train": data.train, "stop": pairs[at], "judge": pairs[1 - at]}
    data = sl.datasets.bars(4) if name == "bars" else sl.datasets.bars_and_stripes(4)
    whole = np.concatenate([data.train, data.test])
    pairs = whole[whole[:, 0] > 0]  # one of each image and its inverse
    n_held = {"bars": (1, 1), "bars_and_stripes": (2, 3)}[name]
    cut = np.cumsum(n_held)
    parts = np.split(rng.permutation(pairs), cut)
    return {part: np.concatenate([x, -x]) for part, x in zip(("stop", "judge", "train"), parts, strict=True)}


def centres() -> np.ndarray:
    """The eight patterns, shape (8, 16)."""
    return np.array([[1 if c == "#" else -1 for c in row] for row in BLOBS], dtype=np.int8)


def noisy(n: int, rng: np.random.Generator) -> np.ndarray:
    """n samples of the noisy patterns."""
    flips = np.where(rng.random((n, _bars.V)) < NOISE, -1, 1).astype(np.int8)
    return centres()[rng.integers(0, len(BLOBS), n)] * flips


def symmetric_density(v: np.ndarray) -> np.ndarray:
    """Probability of states (n, 16) among noisy patterns and their inverses: the best that a machine without
    biases can have."""
    wrong = (_bars.V - v @ centres().T.astype(float)) / 2
    p = np.exp(wrong * math.log(NOISE) + (_bars.V - wrong) * math.log1p(-NOISE))
    q = np.exp((_bars.V - wrong) * math.log(NOISE) + wrong * math.log1p(-NOISE))
    return np.asarray((p + q).mean(1) / 2)


def checks(updates: int) -> tuple[int, ...]:
    """Updates after which the stopping images are looked at: at most 14 of them, 1.5 times apart."""
    found = [updates]
    while found[-1] > 1 and len(found) < 14:
        found.append(int(found[-1] / 1.5))
    return tuple(sorted({n for n in found if n}))


def point(recipe: str, data: str, K: int, updates: int, rng: int) -> dict[str, Any]:
    """One machine, judged at the end of training, where it was best, and there with a fitted factor.

    All recipes share the split (and the start) of a replica.
    """
    parts = images(data, np.random.default_rng([rng, 1]))
    last, best, at = trained(recipe, parts["train"], parts["stop"], K, updates, rng)
    fit = _fit(best, parts["stop"])
    models = (last, best, best.scaled(fit.scale))
    return {
        "nll": np.array([[nll(m, parts[side]) for side in ("train", "judge")] for m in models]),
        "hamming": np.array(
            [_distance(m, parts["judge"], rng) if data in ("bars", "bars_paper") else np.nan for m in models]
        ),
        "factor": fit.scale,
        "std_W": best.coupling_std(),
        "best_at": at,
    }


def trained(
    recipe: str, train: np.ndarray, stop: np.ndarray, K: int, updates: int, rng: int
) -> tuple[Any, Any, float]:
    """The machine at the end, the one of the best likelihood of ``stop``, and when that was, of all updates.

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
        last, best, at = best_of(trainer, train, stop, max(3, updates // 3))
        if kind == "rapid":
            return last, best, at
        root = _fit(best, stop).scale ** 0.5
        machine: Any = sl.rbm.RARBM.from_patterns(root * best.xi_v, root * best.xi_h)
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
    return best_of(trainer, train, stop, updates)


def best_of(
    trainer: sl.rbm.Trainer, train: np.ndarray, stop: np.ndarray, epochs: int
) -> tuple[Any, Any, float]:
    """Train to the end: the last model, the best by the stopping images (the start included), and when."""
    best = [nll(trainer.machine.as_ising(), stop), trainer.machine.as_ising(), 0]

    def look(trainer: sl.rbm.Trainer) -> None:
        model = trainer.machine.as_ising()
        value = nll(model, stop)
        if value < best[0]:
            best[:] = [value, model, trainer.epoch]

    trainer.fit(train, epochs, [sl.rbm.Every(checks(epochs), look)], progress=False)
    return trainer.machine.as_ising(), best[1], best[2] / epochs


def _fit(model: Any, data: np.ndarray) -> Any:
    return sl.rbm.fit_scale(model, data, bounds=(1e-4, 10.0), n_scales=16, method="exact", threads=1)


def nll(model: Any, data: np.ndarray) -> float:
    states, counts = np.unique(data, axis=0, return_counts=True)
    return float(-counts @ sl.rbm.log_likelihood(model, states, threads=1) / counts.sum())


def _distance(model: Any, part: np.ndarray, rng: int) -> float:
    return float(sl.rbm.hamming_distance(model, part, 4, n_repeats=200, rng=rng, threads=1).mean)


def sweeps(preset: dict[str, Any]) -> dict[str, sl.sweeps.Sweep]:
    """The recipes on all data, and the number of patterns on the noisy ones."""
    grids: dict[str, dict[str, Any]] = {
        name: {"recipe": recipes, "data": (name,), "K": (_bars.K,)}
        for name, recipes in preset["recipes"].items()
    }
    grids["patterns"] = {"recipe": preset["K_recipes"], "data": ("noisy",), "K": preset["K"]}
    return {
        name: sl.sweeps.Sweep(
            point,
            axes=axes,
            fixed={"updates": preset["updates"]},
            replicas=preset["splits"]["noisy" if name == "patterns" else name],
            seed=preset["seed"],
            pair_over=("recipe", "K"),
            dims={"nll": ("state", "side"), "hamming": ("state",)},
            coords={"state": tuple(STATES), "side": ("train", "judge")},
        )
        for name, axes in grids.items()
    }


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figures, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    data = {
        name: output.run(sweep, f"calibration_{name}", workers, progress)
        for name, sweep in sweeps(settings).items()
    }
    for name, figure in plots(data).items():
        output.figure(figure, name)
    output.verdict(*verdict(data, settings, preset))
    return output


def measured(data: dict[str, Any], name: str) -> dict[str, Any]:
    """Every recipe on one data set at the usual K, in the order of RECIPES."""
    here = data[name].isel(data=0, K=0)
    return {r: here.sel(recipe=r) for r in RECIPES if r in here["recipe"]}


def plots(data: dict[str, Any]) -> dict[str, Any]:
    """Figures of one panel each, to be read at the width of a page."""
    return {
        "calibration": _recipes(data, "noisy"),
        "calibration_bars": _recipes(data, "bars" if "bars" in data else "bars_paper"),
        "calibration_patterns": _patterns(data["patterns"]),
        "calibration_plane": _plane(measured(data, "bars_paper")),
    }


def _error(values: Any) -> float:
    return float(values.std(ddof=1)) / values.size**0.5


def _recipes(data: dict[str, Any], name: str) -> Any:
    """Likelihood of the judging images by recipe, in three states."""
    import matplotlib.pyplot as plt

    found = measured(data, name)
    place = np.arange(len(found))[::-1]
    edge = 12.0 if name == "noisy" else 20.0  # a linear axis below, a logarithmic one above
    with plotting.style():
        figure, axes = plt.subplots(
            1,
            2,
            figsize=(7.4, 1.9 + 0.3 * len(found)),
            sharey=True,
            width_ratios=(3, 1),
            layout="constrained",
        )
        lowest = highest = UNIFORM
        for i, (state, words) in enumerate(STATES.items()):
            held = [runs["nll"].sel(state=state, side="judge").values for runs in found.values()]
            at = place + 0.22 * (1 - i)
            look = {"color": plotting.COLOURS[i], "marker": plotting.MARKERS[i], "linestyle": "none"}
            lowest, highest = (f(*(f(x) for x in held), y) for f, y in ((min, lowest), (max, highest)))
            for ax in axes:
                above = ax is axes[1]
                for x, y in zip(held, at, strict=True):
                    shown = x[(x > edge) == above]
                    ax.plot(shown, np.full(len(shown), y), **look, markersize=2.5, alpha=0.5)
                middle = np.array([np.median(x) for x in held])
                ax.plot(np.where((middle > edge) == above, middle, np.nan), at, **look, label=words)
        axes[0].axvline(UNIFORM, color="grey", linewidth=0.8, linestyle=":", label="uniform density")
        axes[0].set_yticks(place, [RECIPES[r] for r in found])
        axes[0].set(xlim=(lowest - 0.3, edge), xlabel="NLL of judging images (nats)")
        axes[1].set(xscale="log", xlim=(edge, max(2 * highest, 10 * edge)), xlabel="above")
        splits = data[name].sizes["replica"]
        figure.suptitle(f"{DATA[name]}: medians of {splits} splits (small: each)", fontsize=11)
        figure.legend(*axes[0].get_legend_handles_labels(), fontsize=9, ncols=4, loc="outside lower center")
    return figure


def _patterns(data: Any) -> Any:
    """Likelihood against the number of patterns."""
    import matplotlib.pyplot as plt

    with plotting.style():
        figure, ax = plt.subplots(figsize=(7.4, 5.0), layout="constrained")
        for i, recipe in enumerate(str(r) for r in data["recipe"].values):
            state = _calibration_said.STATE_BY_K.get(recipe, "stopped")
            held = data["nll"].sel(recipe=recipe, side="judge", state=state).isel(data=0)
            plotting.lines(
                ax, held, "K", color=plotting.COLOURS[i], marker=plotting.MARKERS[i],
                label=f"{RECIPES[recipe]}, {STATES[state]}",
            )  # fmt: skip
        ax.axhline(UNIFORM, color="grey", linewidth=0.8, linestyle=":", label="uniform density")
        ax.axhline(_entropy(), color="black", linewidth=0.8, linestyle="--", label="true density")
        ax.set(xscale="log", xlabel="patterns $K$ (16 visible units)", ylabel="NLL of judging images (nats)")
        ax.set_xticks(data["K"].values, [str(K) for K in data["K"].values])
        ax.minorticks_off()
        ax.set_title(DATA["noisy"], fontsize=11)
        figure.legend(*ax.get_legend_handles_labels(), fontsize=9, ncols=2, loc="outside lower center")
    return figure


def _plane(found: dict[str, Any]) -> Any:
    """Reconstruction against density, each recipe by its number."""
    import matplotlib.pyplot as plt

    with plotting.style():
        figure, ax = plt.subplots(figsize=(7.4, 5.6), layout="constrained")
        for state, colour in zip(("stopped", "fitted"), plotting.COLOURS, strict=False):
            for i, runs in enumerate(found.values(), 1):
                x, y = runs["nll"].sel(state=state, side="judge"), runs["hamming"].sel(state=state)
                at = float(x.mean()), float(y.mean())
                ax.errorbar(*at, xerr=_error(x), yerr=_error(y), color=colour, alpha=0.4, linewidth=1)
                ax.annotate(str(i), at, color=colour, fontsize=9, ha="center", va="center", weight="bold")
            ax.plot([], [], color=colour, label=STATES[state])
        ax.axvline(UNIFORM, color="grey", linewidth=0.8, linestyle=":", label="uniform density")
        ax.set(
            xscale="log", xlabel="NLL of judging images (nats)", ylabel="Hamming distance, top row held",
            ylim=(0, 0.55),
        )  # fmt: skip
        names = "\n".join(f"{i} {RECIPES[r]}" for i, r in enumerate(found, 1))
        ax.text(0.99, 0.99, names, transform=ax.transAxes, fontsize=7.5, ha="right", va="top")
        ax.set_title("4x4 Bars, the paper's split: density against reconstruction", fontsize=11)
        ax.legend(fontsize=9, loc="lower right")
    return figure


def _entropy() -> float:
    """Cross entropy of the symmetric density over the noisy patterns: the least possible, in nats."""
    v = np.array(np.meshgrid(*[[-1, 1]] * _bars.V, indexing="ij"), dtype=np.int8).reshape(_bars.V, -1).T
    p = symmetric_density(v)
    return float(-(p * np.log(p)).sum())  # over v and -v alike


def verdict(data: dict[str, Any], settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Every recipe in its three states, and the sentences that follow."""
    tables, found = [], {}
    for name in settings["recipes"]:
        rows = []
        for recipe, runs in measured(data, name).items():
            held = {state: np.asarray(runs["nll"].sel(state=state, side="judge")) for state in STATES}
            found[name, recipe] = held
            rows.append(
                [RECIPES[recipe], *(text(x) for x in held.values()), f"{np.median(held['stopped']):.2f}",
                 text(runs["nll"].sel(state="stopped", side="train")),
                 f"{float(runs['best_at'].median()):.2g}", f"{float(runs['factor'].median()):.3g}",
                 f"{float((runs['factor'] * runs['std_W']).median()):.3g}",
                 *(text(runs["hamming"].sel(state=state)) for state in ("stopped", "fitted"))]
            )  # fmt: skip
        header = ["recipe", *STATES.values(), "stopped: median", "stopped: train", "stopped at", "factor",
                  "std W, fitted", "Hamming, stopped", "Hamming, fitted"]  # fmt: skip
        tables += [
            f"## {DATA[name]}, K={_bars.K}, {settings['splits'][name]} splits\n",
            markdown_table(header, rows),
        ]
    rows, by_K = [], {}
    for recipe in data["patterns"]["recipe"].values:
        for K in data["patterns"]["K"].values:
            runs = data["patterns"].sel(recipe=recipe, K=K).isel(data=0)
            held = {state: np.asarray(runs["nll"].sel(state=state, side="judge")) for state in STATES}
            by_K[str(recipe), int(K)] = held
            rows.append(
                [RECIPES[str(recipe)], str(K), f"{K / _bars.V:.3g}", *(text(x) for x in held.values())]
            )
    tables += [
        "## Number of patterns, noisy patterns\n",
        markdown_table(["recipe", "K", "K/V", *STATES.values()], rows),
    ]
    best = {name: math.log(14) for name in ("bars_paper", "bars")}
    best |= {"noisy": _entropy(), "bars_and_stripes": math.log(28)}
    said = _calibration_said.statements(found, best)
    said += _calibration_said.by_number(by_K, found)
    lines = [
        f"# Calibration of RA-RBMs, preset {preset}\n",
        f"V=16, H=1000; {settings['updates']} updates (RAPID: a third as many epochs); spinlab "
        f"{sl.__version__}, seed {settings['seed']}. NLL in nats per image, exact; uniform {UNIFORM:.2f}. "
        "Each split has images to train on, to stop by and to judge by; all recipes share the splits. "
        "'Stopped': the best of up to 15 looks at the stopping images, the start too; 'stopped at': that "
        "moment as a part of the training; the factor is fitted to the stopping images. Columns: judging "
        "images. Errors are standard errors over splits, factors and moments medians.\n",
        f"Least possible: {best['noisy']:.2f} nats for noisy patterns (the true density, made symmetric as a "
        f"machine without biases is), {best['bars']:.2f} on Bars, {best['bars_and_stripes']:.2f} on Bars and "
        "Stripes.\n",
        "\n".join(f"- {sentence}" for sentence in said) + "\n",
        *tables,
    ]
    return "\n".join(lines), {
        "study": "calibration",
        "preset": preset,
        "settings": settings,
        "judged": {
            f"{name}/{recipe}": {state: float(x.mean()) for state, x in nll.items()}
            for (name, recipe), nll in found.items()
        },
        "uniform": UNIFORM,
        "least": best,
        "sentences": said,
    }
