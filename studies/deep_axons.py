"""Regularized axons in deep and fully connected machines. (arXiv:1910.01592, Sec. VI.)

Claim (left open there): the construction and its training carry over to deep and fully connected machines,
and the benefit grows with depth.

Measurement: held-out likelihood, exact, along training of restricted, deep and fully connected machines of
the same number of hidden units or less: RAPID (patterns +-1 in place of the negative phase) at two rates, PCD
with patterns in [-1, 1], PCD with patterns of their own scale, and free weights by PCD. Data: Bars with
5 % of the pixels inverted; 8x8 digits, with biases. On Bars no biases, as in the paper.

Figure: held-out NLL against updates, a panel for each data set and architecture; the uniform density dashed.

Expected, if the claim holds: RAPID learns at any depth, and patterns are the farther ahead of free weights
the deeper the machine.

Runtime: paper preset about 10 minutes of processor time, small preset seconds.
Verdict: RAPID yields no density at any depth here, so its failure on deep machines says nothing of depth;
patterns of their own scale come near free weights and fall behind where the machine grows at a fixed number
of patterns.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _figures

K = 8
NOISE = 0.05
# Sizes of the hidden layers; "full": all units coupled.
CASES = {
    "bars, restricted": (16, (12,)),
    "bars, deep": (16, (8, 4)),
    "bars, fully connected": (16, (4,)),
    "bars 6x6, restricted": (36, (12,)),
    "digits (biases), restricted": (64, (12,)),
    "digits (biases), deep": (64, (8, 4)),
}
RECIPES = {
    "rapid": "RAPID, rate 0.02",
    "fast": "RAPID, rate 0.3",
    "clipped": "patterns in [-1, 1], PCD",
    "own": "patterns of their own scale, PCD",
    "free": "free weights, PCD",
}
RATES = {"rapid": 0.02, "fast": 0.3}  # the paper's, and one at which so few units move
SMALL: dict[str, Any] = {
    "cases": ("bars, deep", "bars, fully connected"),
    "epochs": (0, 1, 3),
    "runs": 2,
    "seed": 186,
}
PAPER: dict[str, Any] = {
    "cases": tuple(CASES),
    "epochs": (0, 1, 3, 10, 30, 60),
    "runs": 5,
    "seed": 186,
}


def images(case: str, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Training and held-out images."""
    if case.startswith("digits"):
        data = sl.datasets.digits()
        return data.train, data.test
    bars = sl.datasets.bars(6 if "6x6" in case else 4)
    clean = np.concatenate([bars.train, bars.test])

    def noisy(n: int) -> np.ndarray:
        flips = generator.random((n, clean.shape[1])) < NOISE
        return np.where(flips, -1, 1).astype(np.int8) * clean[generator.integers(0, len(clean), n)]

    return noisy(500), noisy(1000)


def machine_of(case: str, recipe: str, train: np.ndarray, rng: np.random.Generator) -> Any:
    """A machine at its start: small weights, or K patterns of random signs times a factor."""
    V, hidden = CASES[case]
    biases = [sl.rbm.data_biases(train), *map(np.zeros, hidden)] if "biases" in case else None
    if recipe == "free":
        if "fully" in case:
            return sl.rbm.FBM(V, H=hidden[0], std=0.01, rng=rng)
        machine = sl.rbm.DBM([V, *hidden], std=0.01, biases=biases is not None, positive="exact", rng=rng)
        if biases:
            machine.parameters["b0"][:] = biases[0]
        return machine
    x = 0.15 if recipe == "own" else 1.0
    if "fully" in case:
        return sl.rbm.RAFBM.from_patterns(x * rng.choice([-1.0, 1.0], (K, V + hidden[0])), V=V)
    layers = [x * rng.choice([-1.0, 1.0], (K, n)) for n in (V, *hidden)]
    return sl.rbm.RADBM.from_patterns(layers, biases, positive="exact")


def point(case: str, recipe: str, epochs: tuple[int, ...], rng: int) -> dict[str, Any]:
    """Held-out NLL of one run, exact; infinite once it has diverged."""
    generator = np.random.default_rng(rng)
    train, held = images(case, generator)
    machine = machine_of(case, recipe, train, generator)
    settings: dict[str, Any] = {"lr": 0.01, "optimiser": "adam", "schedule": sl.rbm.Linear(epochs[-1], 0.1)}
    negative: sl.rbm.NegativePhase = sl.rbm.PCD(10, n_chains=100)
    if recipe in RATES:
        negative = sl.rbm.PID()
        settings = {"lr": RATES[recipe], "schedule": sl.rbm.Geometric(0.96, floor=1e-5), "projection": "sign"}
    elif recipe == "clipped":
        settings |= {"projection": "clip"}
    trainer = sl.rbm.Trainer(machine, negative, batch_size=50, rng=generator, **settings)
    nll = np.full(len(epochs), math.inf)
    for i, epoch in enumerate(epochs):
        try:
            if epoch:
                trainer.fit(train, epoch, progress=False)
        except sl.rbm.DivergenceError:
            break
        nll[i] = -sl.rbm.log_likelihood(machine, held, threads=1).mean()
    return {"nll": nll}


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    sweep = sl.sweeps.Sweep(
        point, axes={"case": settings["cases"], "recipe": tuple(RECIPES)},
        fixed={"epochs": settings["epochs"]}, replicas=settings["runs"], seed=settings["seed"],
        dims={"nll": ("epoch",)}, coords={"epoch": settings["epochs"]},
    )  # fmt: skip
    nll = output.run(sweep, "deep_axons", workers, progress)["nll"]
    output.figure(plot(nll, settings), "deep_axons")
    output.verdict(*verdict(nll, settings, preset))
    return output


def plot(nll: Any, settings: dict[str, Any]) -> Any:
    """A panel for each case."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter

    cases = settings["cases"]
    with plotting.style():
        rows = -(-len(cases) // 2)
        figure, axes = plt.subplots(
            rows, 2, figsize=(7.6, 2.5 * rows + 0.9), layout="constrained", squeeze=False
        )
        for ax, case in zip(axes.flat, cases, strict=False):
            for i, (recipe, name) in enumerate(RECIPES.items()):
                plotting.lines(
                    ax, nll.where(np.isfinite(nll)).sel(case=case, recipe=recipe), "epoch", label=name,
                    color=plotting.COLOURS[i], marker=plotting.MARKERS[i],
                )  # fmt: skip
            uniform = CASES[case][0] * math.log(2)
            ax.axhline(uniform, color="black", linestyle="--", linewidth=1, label="uniform density")
            ax.set_xscale("symlog", linthresh=1)
            ax.set_xlim(-0.2, None)
            ax.set(yscale="log", xlabel="epoch", ylabel="held-out NLL (nats)", title=case)
            ax.yaxis.set_minor_formatter(NullFormatter())
            ax.yaxis.set_major_locator(LogLocator(subs=(1.0,) if "digits" in case else (1.0, 2.0, 5.0)))
            ax.yaxis.set_major_formatter("{x:g}")
        for ax in axes.flat[len(cases) :]:
            ax.remove()
        _figures.letters(axes.flat[: len(cases)])
        figure.legend(
            *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9
        )
    return figure


def numbers(
    nll: Any, settings: dict[str, Any]
) -> tuple[dict[str, dict[str, tuple[float, float]]], list[str]]:
    """Last NLL by case and recipe, mean and standard error over runs, and which runs by PCD ran away.

    A run by PCD that ends above the uniform density has no density worth comparing: it is counted and left
    out.
    """
    last = nll.isel(epoch=-1)
    found: dict[str, dict[str, tuple[float, float]]] = {}
    away = []
    for case in settings["cases"]:
        found[case] = {}
        for recipe, name in RECIPES.items():
            x = last.sel(case=case, recipe=recipe).values
            kept = x if recipe in RATES else x[x < CASES[case][0] * math.log(2)]
            if len(kept) < len(x):
                away.append(f"{case}, {name}: {len(x) - len(kept)} of {len(x)}")
            if len(kept) < 2 or not np.isfinite(kept).all():  # some diverged
                found[case][recipe] = math.inf, 0.0
                continue
            found[case][recipe] = float(kept.mean()), float(kept.std(ddof=1) / len(kept) ** 0.5)
    return found, away


def text(x: tuple[float, float]) -> str:
    """Mean and error."""
    return f"{x[0]:.2f} ± {x[1]:.2f}" if math.isfinite(x[0]) else "diverges"


def difference(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    """a - b with its error."""
    return a[0] - b[0], math.hypot(a[1], b[1])


def statements(n: dict[str, dict[str, tuple[float, float]]], away: list[str]) -> list[str]:
    """Each word of them follows from the numbers."""
    uniform = {case: CASES[case][0] * math.log(2) for case in n}
    rapid = {case: min(n[case][recipe] for recipe in RATES) for case in n}
    useless = [c for c, (x, e) in rapid.items() if x - uniform[c] > 3 * e]
    useful = [c for c, (x, e) in rapid.items() if uniform[c] - x > 3 * e]
    gap = {case: difference(n[case]["own"], n[case]["free"]) for case in n}
    ahead = [f"{c} ({d:+.2f} ± {e:.2f})" for c, (d, e) in gap.items() if d < -3 * e]
    behind = [f"{c} ({d:+.2f} ± {e:.2f})" for c, (d, e) in gap.items() if d > 3 * e]
    level = [f"{c} ({d:+.2f} ± {e:.2f})" for c, (d, e) in gap.items() if abs(d) <= 3 * e]
    kept = {case: difference(n[case]["clipped"], n[case]["own"]) for case in n}
    clipped = [c for c, (d, e) in kept.items() if d > 3 * e]
    return [
        f"RAPID, at the better of two rates, ends above the uniform density by more than 3 errors: "
        f"{'; '.join(useless) or 'nowhere'}; below it: "
        f"{'; '.join(useful) or 'nowhere'}.",
        concluded(n, useless),
        f"Patterns of their own scale by PCD against free weights by PCD, nats: ahead by more than 3 errors: "
        f"{'; '.join(ahead) or 'nowhere'}; behind: {'; '.join(behind) or 'nowhere'}; not decided: "
        f"{'; '.join(level) or 'nowhere'}.",
        f"Patterns kept within [-1, 1] are behind those of their own scale by more than 3 errors: "
        f"{'; '.join(clipped) or 'nowhere'}.",
        "Runs by PCD that end above the uniform density and are left out of all comparisons: "
        f"{'; '.join(away) or 'none'}.",
        *_more(gap, "bars, restricted", "bars, deep", "From one hidden layer to two"),
        *_more(gap, "digits (biases), restricted", "digits (biases), deep", "From one hidden layer to two"),
        *_more(gap, "bars, restricted", "bars 6x6, restricted", "From 16 to 36 visible units"),
    ]


def concluded(n: dict[str, dict[str, tuple[float, float]]], useless: list[str]) -> str:
    """What the paper says would follow if RAPID failed on deep machines, and whether these runs carry it."""
    failed = [c for c in useless if c.endswith("deep")]
    if not failed:
        return "RAPID is not seen to fail on deep machines: nothing follows."
    shallow = [r for c in failed if (r := c.replace("deep", "restricted")) in useless]
    learnt = [c for c in failed if CASES[c][0] * math.log(2) - n[c]["free"][0] > 3 * n[c]["free"][1]]
    isolated = len(shallow) < len(failed)
    hard = len(learnt) < len(failed)
    return (
        f"RAPID fails on deep machines ({'; '.join(failed)}), from which the paper would conclude that "
        "spin-glass behaviour is not why these are hard to train. "
        + (
            "With one hidden layer it does not fail everywhere"
            if isolated
            else "It fails with one hidden layer, too"
        )
        + f" ({'; '.join(shallow) or 'nowhere'}), and free weights "
        + ("do not learn all of these deep machines" if hard else "learn the same deep machines")
        + f" ({'; '.join(learnt) or 'none'}): "
        + (
            "so the conclusion is possible."
            if isolated or hard
            else "so what fails is not due to depth, and the conclusion does not follow from these runs."
        )
    )


def _more(gap: dict[str, tuple[float, float]], less: str, more: str, change: str) -> list[str]:
    """Whether patterns gain on free weights from one case to another."""
    if less not in gap or more not in gap:
        return []
    d, e = difference(gap[more], gap[less])
    word = "grows" if d < -3 * e else "shrinks" if d > 3 * e else "does not decidedly change"
    data = less.split(",")[0]
    return [f"{change} the advantage of patterns {word} on {data} ({-d:+.2f} ± {e:.2f} nats)."]


def verdict(nll: Any, settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Sentences and the table of last likelihoods."""
    n, away = numbers(nll, settings)
    said = statements(n, away)
    hidden = ", ".join(f"{case} {CASES[case][1]}" for case in n)
    rows = [[case, *(text(x) for x in n[case].values()), f"{CASES[case][0] * math.log(2):.2f}"] for case in n]
    body = "\n".join(
        [
            f"# Deep and fully connected machines, preset {preset}\n",
            f"Exact held-out NLL in nats after {settings['epochs'][-1]} epochs, {settings['runs']} runs "
            f"each, errors over runs; K = {K}; hidden layers: {hidden}; "
            f"spinlab {sl.__version__}, seed {settings['seed']}.\n",
            *(f"- {sentence}" for sentence in said),
            "",
            markdown_table(["machine", *RECIPES.values(), "uniform"], rows),
        ]
    )
    return body, {
        "study": "deep_axons",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "statements": said,
        "numbers": n,
        "away": away,
    }
