"""Does ultrametricity tell a spin glass from other structure?

Claim (arXiv:1910.01592, Sec. IV): states of a spin glass are organised ultrametrically, which serves as a
test of whether a model is in the glass phase.

Figure: two measures of ultrametricity, each as its distance from three null hypotheses in standard deviations
(positive: more ultrametric than chance). (a) Rammal, Toulouse and Virasoro's; (b) Katzgraber and
Hartmann's; for equilibrium states of glasses (SK, many patterns, independent RBM weights; bold), of models
without a glass (paramagnet, ferromagnet, few patterns), for data, samples of a trained RBM, and an exact
tree. The first measure against size has a figure of its own.

Expected, if the claim holds: glasses far to the right, all others near zero, for every null.

Runtime: paper preset about 4 minutes on 2 cores, small preset seconds.
Verdict: it does not discriminate. States of three patterns are at least as ultrametric as those of any glass
of these sizes by either measure, and the sign of a glass's own distance depends on the null.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _figures

DISCRIMINATES = 0.95  # separation
NULLS = ("sites", "distances", "factor")
MEASURES = ("subdominant", "triples")
# Name: (words, whether theory puts it into a glass phase; None: no equilibrium model).
SOURCES: dict[str, tuple[str, bool | None]] = {
    "sk_cold": ("SK, $T=0.5\\,T_c$", True),
    "many_patterns": ("Hopfield, $K=N$, $T=0.5\\,T_g$", True),
    "independent_rbm": ("Gaussian RBM, $T=0.5\\,T_c$", True),
    "sk_hot": ("SK, $T=2\\,T_c$", False),
    "ferromagnet": ("ferromagnet, $T=0.5\\,T_c$", False),
    "few_patterns": ("Hopfield, $K=3$, $T=0.5$", False),
    "few_rbm": ("RA-RBM, $K=3$, $T=0.5$", False),
    "tree": ("exact tree", None),
    "bars": ("bars and stripes, data", None),
    "digits": ("digits, data", None),
    "digits_rbm": ("RBM trained on digits", None),
}
MODELS = tuple(kind for kind in SOURCES if kind not in ("bars", "digits", "digits_rbm"))

SMALL: dict[str, Any] = {
    "N": (32, 64),
    "data": ("bars",),
    "n_states": 24,
    "n_steps": 600,
    "n_null": 30,
    "instances": 3,
    "seed": 5,
}
PAPER: dict[str, Any] = {
    "N": (32, 64, 128),
    "data": ("bars", "digits", "digits_rbm"),
    "n_states": 40,
    "n_steps": 3000,
    "n_null": 40,
    "instances": 8,
    "seed": 5,
}


def point(kind: str, N: int, n_states: int, n_steps: int, n_null: int, rng: int) -> dict[str, Any]:
    """One set of states against the three nulls."""
    generator = np.random.default_rng(rng)
    s = states(kind, N, n_states, n_steps, generator)
    flip = kind in MODELS and kind != "tree"
    options: dict[str, Any] = {"flip": flip, "n_null": n_null, "max_states": n_states, "rng": generator}
    found = [sl.observables.ultrametricity(s, null=null, **options) for null in NULLS]
    return {
        "value": np.array([getattr(found[0], m).value for m in MEASURES]),
        "null_mean": np.array([[getattr(f, m).null_mean for m in MEASURES] for f in found]),
        # Small sets may have a null of a single value: infinitely far from it.
        "z": np.clip([[getattr(f, m).z for m in MEASURES] for f in found], -1000.0, 1000.0),
    }


def states(kind: str, N: int, n: int, n_steps: int, generator: np.random.Generator) -> np.ndarray:
    """n states of N spins; for models in equilibrium, from records of four ladders of parallel tempering."""
    if kind == "tree":
        return tree(N, n, generator)
    if kind == "bars":
        return sl.datasets.bars_and_stripes(4).train
    if kind.startswith("digits"):
        data = sl.datasets.digits().train
        if kind == "digits":
            return data[generator.choice(len(data), n, replace=False)]
        machine = sl.rbm.RBM(V=64, H=64, biases=True, rng=generator)
        negative = sl.rbm.PCD(k=5, n_chains=100)
        sl.rbm.Trainer(machine, negative, lr=0.02, batch_size=50, rng=generator).fit(data, epochs=30)
        return np.asarray(machine.sample(2000, n))
    model, beta = cold_model(kind, N, generator)
    sampler = "block_gibbs" if isinstance(model, sl.models.BipartiteIsing) else "gibbs"
    every = max(1, 4 * n_steps // (2 * n))
    betas = sl.dynamics.ladder(model, beta, beta_min=hot_end(model, beta), sampler=sampler, rng=generator)
    run = sl.dynamics.parallel_tempering(
        model,
        n_steps,
        4,
        betas=betas,
        sampler=sampler,
        burn_in=n_steps // 2,
        record_every=every,
        rng=generator,
    )
    return run.samples[:, :, -1].reshape(-1, model.n_spins)[:n]


def hot_end(model: sl.models.IsingModel, beta: float) -> float:
    """Where the largest field that a spin can feel is flipped against half the time: hotter than it takes."""
    if isinstance(model, sl.models.PatternIsing):
        fields = model.scale * np.abs(model.xi).T @ np.abs(model.xi).sum(1)
    else:
        fields = np.abs(model.couplings()).sum(1)
    return min(np.log(2) / (2 * float(fields.max())), beta / 2)


def cold_model(kind: str, N: int, generator: np.random.Generator) -> tuple[sl.models.IsingModel, float]:
    """A model of N spins and the inverse temperature of its states."""
    if kind in ("sk_cold", "sk_hot"):
        return sl.ensembles.sk(N, rng=generator), 2.0 if kind == "sk_cold" else 0.5
    if kind == "many_patterns":
        return sl.ensembles.hopfield(N, N, rng=generator), 2.0 / (1 + 1.0)  # T_g = 1 + sqrt(K/N) = 2
    if kind == "few_patterns":
        return sl.ensembles.hopfield(N, 3, rng=generator), 2.0
    if kind == "ferromagnet":
        return sl.models.PatternIsing(np.ones((1, N)), scale=1 / N), 2.0
    V = N // 2
    if kind == "few_rbm":  # its patterns appear at std sqrt(VH/K) = 1
        rbm = sl.ensembles.ra_rbm(V, V, 3, rng=generator)
        return rbm.to_bipartite().scaled(np.sqrt(3) / V), 2.0
    return sl.ensembles.rbm_gaussian(V, V, rng=generator).scaled(V**-0.5), 2.0


def tree(N: int, n: int, generator: np.random.Generator) -> np.ndarray:
    """Leaves of a tree of three levels: each branch flips its own block of spins."""
    parts = max(2, round(n ** (1 / 3)))
    N = max(N, 4 * n)  # room for the blocks
    s = np.ones((1, N), dtype=np.int8)
    free = generator.permutation(N)
    for level in range(3):
        block = max(1, N // (3 * parts ** (level + 1)))
        s = np.repeat(s, parts, axis=0)
        for row in s:
            if len(free) >= block:
                row[free[:block]] *= -1
                free = free[block:]
    return s


def sweeps(preset: dict[str, Any]) -> dict[str, sl.sweeps.Sweep]:
    """Models of several sizes, and data."""
    fixed = {key: preset[key] for key in ("n_states", "n_steps", "n_null")}
    shared: dict[str, Any] = {
        "replicas": preset["instances"],
        "seed": preset["seed"],
        "dims": {"value": ("measure",), "null_mean": ("null", "measure"), "z": ("null", "measure")},
        "coords": {"measure": MEASURES, "null": NULLS},
    }
    return {
        "models": sl.sweeps.Sweep(point, axes={"kind": MODELS, "N": preset["N"]}, fixed=fixed, **shared),
        "data": sl.sweeps.Sweep(point, axes={"kind": preset["data"]}, fixed=fixed | {"N": 64}, **shared),
    }


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    data = {
        name: output.run(sweep, f"ultrametricity_{name}", workers, progress)
        for name, sweep in sweeps(settings).items()
    }
    output.figure(plot(data, settings), "ultrametricity")
    output.figure(plot_sizes(data, settings), "ultrametricity_sizes")
    output.verdict(*verdict(data, settings, preset))
    return output


def distances(data: dict[str, Any], kind: str) -> Any:
    """z of every instance (replica, null, measure), at the largest size."""
    part = data["data"]["z"] if kind in data["data"]["kind"].values else data["models"]["z"].isel(N=-1)
    return part.sel(kind=kind).transpose("replica", "null", "measure").values


def kinds(settings: dict[str, Any]) -> list[str]:
    """Sources measured, in the order of the table."""
    return [kind for kind in SOURCES if kind in (*MODELS, *settings["data"])]


def separation(glass: np.ndarray, other: np.ndarray) -> float:
    """Probability that a glass is more ultrametric than the other, ties counting half: 1/2 is no test."""
    difference = glass[:, None] - other
    return float(((difference > 0) + (difference == 0) / 2).mean())


NULL_COLOURS = ("black", "0.45", "0.7")  # colours are for the sources


def plot(data: dict[str, Any], settings: dict[str, Any]) -> Any:
    """Distances from the nulls by source."""
    import matplotlib.pyplot as plt

    shown = kinds(settings)
    with plotting.style():
        figure, axes = plt.subplots(1, 2, figsize=(7.6, 4.9), layout="constrained", sharey=True)
        for j, ax in enumerate(axes):
            for y, kind in enumerate(shown):
                z = distances(data, kind)[:, :, j]
                for k, null in enumerate(NULLS):
                    ax.errorbar(
                        z[:, k].mean(), y + 0.22 * (k - 1), xerr=z[:, k].std(ddof=1), color=NULL_COLOURS[k],
                        marker=plotting.MARKERS[k], label=null if y == 0 else None,
                    )  # fmt: skip
            ax.axvspan(-3, 3, color="#56B4E9", alpha=0.2, zorder=0, linewidth=0)
            ax.set_xscale("symlog", linthresh=3)
            ax.set_xticks([-10, -3, 0, 3, 10, 100], ["-10", "-3", "0", "3", "10", "100"])
            ax.minorticks_off()
            ax.set(
                title=("subdominant ultrametric", "triples of branches")[j],
                xlabel="standard deviations from the null",
            )
        axes[0].set_yticks(range(len(shown)), [SOURCES[kind][0] for kind in shown])
        axes[0].invert_yaxis()
        for label in axes[0].get_yticklabels()[: sum(SOURCES[kind][1] is True for kind in shown)]:
            label.set_fontweight("bold")
        _figures.letters(axes)
        figure.legend(*axes[0].get_legend_handles_labels(), title="null", loc="outside lower center", ncols=3)
    return figure


def plot_sizes(data: dict[str, Any], settings: dict[str, Any]) -> Any:
    """The first measure against size, by source."""
    import matplotlib.pyplot as plt

    with plotting.style():
        figure, ax = plt.subplots(figsize=(7.6, 4), layout="constrained")
        value = data["models"]["value"].sel(measure="subdominant")
        for i, kind in enumerate(MODELS):
            look = {"color": "grey", "marker": "x"}  # zero by construction
            if kind != "tree":
                look = {"color": plotting.COLOURS[i], "marker": plotting.MARKERS[i]}
            plotting.lines(
                ax, value.sel(kind=kind), "N", label=SOURCES[kind][0],
                linestyle="-" if SOURCES[kind][1] else ":", **look,
            )  # fmt: skip
        ax.set(xscale="log", xlabel="spins $N$", ylim=(-0.01, None), ylabel=r"$\sum (d-d_{\rm sub})/\sum d$")
        ax.set_xticks(list(settings["N"]), [str(N) for N in settings["N"]])
        ax.minorticks_off()
        figure.legend(
            *ax.get_legend_handles_labels(), fontsize=9, loc="outside right center", title="solid: glass"
        )
    return figure


def statements(best: float, worst: float, patterns: list[float], signs: dict[str, float]) -> list[str]:
    """What separations (1/2: none, 1: perfect) and distances from the nulls say."""
    claimed = best > DISCRIMINATES
    one_sign = len({value > 0 for value in signs.values()}) == 1
    return [
        f"{'DOES DISCRIMINATE' if claimed else 'Does not discriminate'} as claimed: the chance "
        f"that a glass is more ultrametric than something that is none is at best {best:.2f} over all "
        "sources (1/2: no test at all, 1: a perfect one), whichever of two measures and three nulls is "
        "taken.",
        f"Against few patterns, the alternative that matters here, it is {min(patterns):.2f} to "
        f"{max(patterns):.2f}"
        + (
            ": one level of clusters around three patterns is a tree as well." if max(patterns) < 0.5 else "."
        ),
        "Mean distance of the glasses from the nulls, subdominant measure: "
        + ", ".join(f"{value:+.1f} ({null})" for null, value in signs.items())
        + (". One sign, " if one_sign else ". The sign depends on what chance is taken to mean, ")
        + "at sizes far from the limit in which Parisi's solution is ultrametric.",
        f"In the opposite direction the best separation is {1 - worst:.2f}"
        + (
            ": glasses of these sizes are LESS tree-like than most other sets, the contrary of the claim."
            if 1 - worst > DISCRIMINATES
            else "."
        ),
        *([] if claimed else ["So spinlab reports it beside its null, and decides nothing by it."]),
    ]


def verdict(data: dict[str, Any], settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Distances from the nulls, and how often a glass is more ultrametric than the rest."""
    shown = kinds(settings)
    rows = []
    for kind in shown:
        z = distances(data, kind)
        cells = [
            f"{z[:, k, j].mean():+.1f} ± {z[:, k, j].std(ddof=1) / len(z) ** 0.5:.1f}"
            for j in range(2)
            for k in range(3)
        ]
        rows.append([SOURCES[kind][0].replace("$", "").replace("\\,", " "), *cells])
    glass = np.concatenate([distances(data, kind) for kind in shown if SOURCES[kind][1] is True])
    groups = {
        "paramagnet, ferromagnet": ("sk_hot", "ferromagnet"),
        "few patterns": ("few_patterns", "few_rbm"),
        "data and a trained RBM": tuple(settings["data"]),
    }
    auc = []
    for group, members in groups.items():
        other = np.concatenate([distances(data, kind) for kind in members])
        cells = [separation(glass[:, k, j], other[:, k, j]) for j in range(2) for k in range(3)]
        auc.append([group, *(f"{x:.2f}" for x in cells)])
    everything = np.concatenate([distances(data, kind) for kind in shown if SOURCES[kind][1] is not True])
    cells = [separation(glass[:, k, j], everything[:, k, j]) for j in range(2) for k in range(3)]
    auc.append(["all of them and the tree", *(f"{x:.2f}" for x in cells)])
    best, worst = max(cells), min(cells)
    signs = {null: float(glass[:, k, 0].mean()) for k, null in enumerate(NULLS)}
    header = [f"{'sub' if j == 0 else 'triples'}, {null}" for j in range(2) for null in NULLS]
    patterns = [float(auc[1][k]) for k in range(1, 7)]
    text = "\n".join(
        [
            f"# Ultrametricity, preset {preset}\n",
            f"{settings['n_states']} states each (bars and stripes: all), N = {settings['N'][-1]} for "
            f"models, {settings['instances']} instances, {settings['n_null']} null sets; the global flip is "
            f"removed for models. Equilibrium by parallel tempering, {settings['n_steps']} steps, 4 ladders. "
            f"spinlab {sl.__version__}, seed {settings['seed']}.\n",
            *(f"- {line}" for line in statements(best, worst, patterns, signs)),
            "",
            "Distance from the null in its standard deviations, mean and standard error over instances "
            "(positive: more ultrametric than the null):\n",
            markdown_table(["states", *header], rows),
            "Chance that a set of states of a glass is more ultrametric than one of:\n",
            markdown_table(["compared with", *header], auc),
        ]
    )
    return text, {
        "study": "ultrametricity",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "discriminates": best > DISCRIMINATES,
        "best_separation": best,
        "columns": header,
        "z": rows,
        "separation": auc,
    }
