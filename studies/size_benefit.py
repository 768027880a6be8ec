"""Does the benefit of regularized axons grow with size? (arXiv:1910.01592, Sec. VI.)

Claim (left open there): the larger the machine, the more regularized axons gain on free weights.

Measurement: restricted machines of 12 hidden units, no biases, for Bars of 4x4 to 12x12 pixels with 5 % of
the pixels inverted; free weights against patterns of their own scale, 8 of them, and 16, which restrict
nothing. All trained alike: PCD-10 with 100 chains, Adam, a rate that falls as 1/V, batches of 50, equally
many updates. Held-out likelihood, exact. Relaxation, in the sector even under inversion: the slowest mode of
the heat bath of single hidden units on F(h), exact; and, beyond enumeration, the integrated autocorrelation
time of block Gibbs sampling, of 64 products v_i v_j of random pixels, chains started from held-out images.

Figure: likelihood of the patterns minus that of free weights, per pixel, and ln of the ratio of both times,
free weights over patterns, against size (positive: patterns are ahead).

Expected, if the claim holds: all three grow.

Runtime: paper preset about 2 CPU minutes, small preset seconds.
Verdict: computed, docs/verdicts/size_benefit.md.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _figures
from .sampling_hardness import log_time, noisy_bars

TITLES = {
    "nll": "NLL per pixel (nats)",
    "log_sites": "ln tau, hidden units",
    "log_block": "ln tau, block Gibbs",
}
H = 12
RECIPES = {"free": "free weights", "own 8": "8 patterns of their own scale", "own 16": "16 patterns"}
PATTERNS = tuple(r for r in RECIPES if r != "free")
MEASURES = {
    "nll": "held-out likelihood, nats per pixel",
    "log_sites": "ln of the relaxation time, heat bath on F(h)",
    "log_block": "ln of the autocorrelation time, block Gibbs",
}
LEVEL = 3.0  # errors
SMALL: dict[str, Any] = {"V": (16, 36), "updates": 60, "steps": 200, "runs": 2, "seed": 187}
PAPER: dict[str, Any] = {"V": (16, 36, 64, 144), "updates": 1000, "steps": 2000, "runs": 6, "seed": 187}


def machine_of(recipe: str, V: int, generator: np.random.Generator) -> Any:
    """Small weights, or patterns of random signs times a factor that makes weights of the same size."""
    std = 0.02
    if recipe == "free":
        return sl.rbm.RBM(V, H, std=std, rng=generator)
    signs = sl.rbm.RARBM(V, H, int(recipe.split()[1]), rng=generator)
    return sl.rbm.RARBM.from_patterns(std**0.5 * signs.xi_v, std**0.5 * signs.xi_h)


def point(V: int, recipe: str, updates: int, steps: int, rng: int) -> dict[str, Any]:
    """One machine after training; ``rng`` alone decides the images, which the recipes share."""
    drawn = np.random.default_rng([rng, 1])
    train, held = (noisy_bars(n, drawn, math.isqrt(V)) for n in (500, 1000))
    generator = np.random.default_rng([rng, 2])
    machine = machine_of(recipe, V, generator)
    epochs = updates * 50 // len(train)
    trainer = sl.rbm.Trainer(
        machine, sl.rbm.PCD(10, n_chains=100), lr=0.16 / V, optimiser="adam", batch_size=50,
        schedule=sl.rbm.Linear(epochs, end=0.1), rng=generator,
    )  # fmt: skip
    trainer.fit(train, epochs, progress=False)
    model = machine.as_ising().to_bipartite()
    time = gibbs_time(model, held, steps, generator)
    return {
        "nll": -sl.rbm.log_likelihood(model, held, threads=1).mean() / V,
        "log_sites": hidden_time(model),
        "log_block": math.log(time.tau),
        "reliable": float(time.reliable),
        "std_W": model.coupling_std(),
        "done": float(trainer.updates),
    }


def hidden_time(model: sl.models.BipartiteIsing) -> float:
    """ln of the relaxation time of the heat bath on F(h), in sweeps."""
    return log_time(sl.models.BipartiteIsing(model.W.T), "heat_bath")


def gibbs_time(
    model: sl.models.BipartiteIsing, held: np.ndarray, steps: int, generator: np.random.Generator
) -> Any:
    """Integrated autocorrelation time of products of 64 pairs of pixels, which inversion leaves alone."""
    first, second = generator.integers(0, model.V, (2, 64))
    return sl.rbm.gibbs_autocorrelation_time(
        model, steps, 16, observable=lambda s: s[:, first] * s[:, second],
        initial=held[generator.choice(len(held), 16)], rng=generator, threads=1,
    )  # fmt: skip


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    sweep = sl.sweeps.Sweep(
        point, axes={"V": settings["V"], "recipe": tuple(RECIPES)},
        fixed={"updates": settings["updates"], "steps": settings["steps"]},
        replicas=settings["runs"], seed=settings["seed"], pair_over=("recipe",),
    )  # fmt: skip
    data = output.run(sweep, "size_benefit", workers, progress)
    output.figure(plot(data, settings), "size_benefit")
    output.verdict(*verdict(data, settings, preset))
    return output


def benefits(data: Any, settings: dict[str, Any]) -> dict[str, dict[str, list[np.ndarray]]]:
    """Free weights minus patterns by recipe, measure and size, one value per pair of runs: positive is ahead.

    A pair of which one run ends above the uniform density has no density worth comparing: it is left out.
    """
    found: dict[str, dict[str, list[np.ndarray]]] = {}
    for recipe in PATTERNS:
        found[recipe] = {name: [] for name in MEASURES}
        for V in settings["V"]:
            free, own = (data.sel(V=V, recipe=r).transpose("replica") for r in ("free", recipe))
            useful = ((free["nll"] < math.log(2)) & (own["nll"] < math.log(2))).values
            for name in MEASURES:
                found[recipe][name].append((free[name] - own[name]).values[useful])
    return found


def mean(x: np.ndarray) -> tuple[float, float]:
    """Mean and standard error."""
    return float(x.mean()), float(x.std(ddof=1) / len(x) ** 0.5)


def statements(V: list[int], found: dict[str, dict[str, list[np.ndarray]]]) -> list[str]:
    """Where patterns are ahead, and whether that grows from the smallest size to the largest."""
    said = []
    for name, measure in MEASURES.items():
        for recipe, by_size in found.items():
            values = [mean(x) for x in by_size[name]]
            words = [
                f"{v}: {x:+.3f} ± {e:.3f} ("
                + ("ahead)" if x > LEVEL * e else "behind)" if x < -LEVEL * e else "not decided)")
                for v, (x, e) in zip(V, values, strict=True)
            ]
            change = values[-1][0] - values[0][0], math.hypot(values[-1][1], values[0][1])
            how = (
                "grows"
                if change[0] > LEVEL * change[1]
                else "falls"
                if change[0] < -LEVEL * change[1]
                else "does not decidedly change"
            )
            said.append(
                f"By the {measure}, {RECIPES[recipe]} against free weights by V: "
                f"{'; '.join(words)}. From V = {V[0]} to {V[-1]} the benefit {how} "
                f"({change[0]:+.3f} ± {change[1]:.3f})."
            )
    return said


def plot(data: Any, settings: dict[str, Any]) -> Any:
    """The three benefits against size."""
    import matplotlib.pyplot as plt

    found = benefits(data, settings)
    with plotting.style():
        figure, axes = plt.subplots(1, 3, figsize=(7.6, 3.1), layout="constrained")
        for ax, (name, measure) in zip(axes, TITLES.items(), strict=True):
            for i, recipe in enumerate(PATTERNS):
                x, e = np.transpose([mean(x) for x in found[recipe][name]])
                ax.errorbar(
                    np.array(settings["V"]) * 1.04**i, x, e, color=plotting.COLOURS[i],
                    marker=plotting.MARKERS[i], label=RECIPES[recipe],
                )  # fmt: skip
            ax.axhline(0, color="grey", linewidth=0.8)
            ax.set(xscale="log", xlabel="visible units $V$", title=measure)
            ax.set_xticks(list(settings["V"]), [str(V) for V in settings["V"]])
            ax.minorticks_off()
        axes[0].set_ylabel("free weights minus patterns")
        _figures.letters(axes)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def verdict(data: Any, settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Sentences and a table of all machines."""
    V = list(settings["V"])
    found = benefits(data, settings)
    said = statements(V, found)
    rows = []
    for v in V:
        for recipe, name in RECIPES.items():
            part = data.sel(V=v, recipe=recipe)
            cells = [mean(part[m].values) for m in (*MEASURES, "std_W")]
            rows.append(
                [str(v), name, *(f"{x:.3f} ± {e:.3f}" for x, e in cells),
                 f"{int(part['reliable'].sum())} of {part.sizes['replica']}",
                 str(int((part["nll"] >= math.log(2)).sum())), f"{float(part['done'].mean()):.0f}"]
            )  # fmt: skip
    body = "\n".join(
        [
            f"# Benefit against size, preset {preset}\n",
            f"H = {H}, {settings['runs']} runs of each recipe and size on the same images, about "
            f"{settings['updates']} updates; Bars with 5 % of the pixels inverted; "
            f"spinlab {sl.__version__}, seed {settings['seed']}. Errors are standard errors over (pairs of) "
            "runs; 'ahead' and 'behind' mean more than "
            f"{LEVEL:g} of them. Pairs with a run above the uniform density (ln 2 = .693 per pixel) are left "
            "out of the comparisons.\n",
            *(f"- {sentence}" for sentence in said),
            "",
            markdown_table(
                ["V", "machine", "NLL per pixel", "ln tau, heat bath on F(h)", "ln tau, block Gibbs",
                 "std W", "tau reliable", "above uniform", "updates"],
                rows,
            ),
        ]
    )  # fmt: skip
    return body, {
        "study": "size_benefit",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "statements": said,
        "benefits": {r: {m: [mean(x) for x in xs] for m, xs in by.items()} for r, by in found.items()},
    }
