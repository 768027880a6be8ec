"""Do machines leave the spin glass while they learn, and does starting inside it harm?

Claim (arXiv:1910.01592, Sec. IV B, V A): Boltzmann machines start as spin glasses (or, at the usual small
scale, as hot paramagnets) and training drives them out, so that a glassy start is an avoidable bottleneck.
Sec. V A 3 leaves open what a larger initial scale does to standard machines: that control is made here.

Figure: 4x4 Bars, V=16, no biases. Along training: place x = s (VH)^(1/4) (independent weights are a glass
above 1), number of strict minima (exact), Gibbs accessibility as excess over a random start, visible spins
that never move in ten steps, training NLL (exact). Three figures: methods from the usual start; CD-10 from
larger scales, Gaussian and regularized axons; controls of the learning rate and of exact gradients. A fourth:
the three verdicts of the diagnosis.

Expected, if the claim holds: runs from large Gaussian weights stay worse than those from small ones, runs
from regularized axons of the same scale do not; verdicts go from glass to ordered, minima from many to few.

Runtime: paper preset about 4 CPU minutes, small preset seconds.
Verdict: computed, docs/verdicts/training_leaves_the_glass.md. From the usual start machines go from the
paramagnet to order; from large scales exact gradients learn and sampled ones hardly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting, theory
from spinlab.diagnose import diagnose
from spinlab.studies import Output, markdown_table

from . import _figures

V, K = 16, 8
EPOCHS = (0, 3, 10, 30, 100, 300, 1000)
VERDICTS = {
    "phase": ("paramagnet", "ordered", "spin glass", "undecided"),
    "minima": ("few", "many", "undecided"),
    "dynamics": ("equilibrates", "trapped", "frozen", "undecided"),
}
NUMBERS = (
    "x", "std_W", "n_outliers", "top", "n_directions", "T_order", "T_glass", "n_minima",
    "ratio_mean", "ratio_best", "excess",
    "unmoved_spins", "nll_train", "nll_test",
)  # fmt: skip
# Name: method, start (a scale of Gaussian weights, or of regularized axons with K patterns), learning rate.
RUNS: dict[str, tuple[str, str, float, float]] = {
    "RAPID": ("rapid", "ra", 1.0, 0.02),
    "CD 0.01": ("cd", "gaussian", 0.01, 0.001),
    "PCD 0.01": ("pcd", "gaussian", 0.01, 0.001),
    "exact 0.01": ("exact", "gaussian", 0.01, 0.001),
    "CD Glorot": ("cd", "gaussian", 0.0, 0.001),
    "CD 0.3": ("cd", "gaussian", 0.3, 0.001),
    "CD 1": ("cd", "gaussian", 1.0, 0.001),
    "CD RA 0.3": ("cd", "ra", 0.3, 0.001),
    "CD RA 1": ("cd", "ra", 1.0, 0.001),
    "exact 1": ("exact", "gaussian", 1.0, 0.001),
    "CD 0.01, rate 0.01": ("cd", "gaussian", 0.01, 0.01),
    "CD 1, rate 0.01": ("cd", "gaussian", 1.0, 0.01),
}
GROUPS = {
    "methods": ("RAPID", "CD 0.01", "PCD 0.01", "exact 0.01"),
    "larger starts, CD-10": ("CD 0.01", "CD Glorot", "CD 0.3", "CD 1", "CD RA 0.3", "CD RA 1"),
    "controls": ("CD 0.01", "CD 1", "exact 0.01", "exact 1", "CD 0.01, rate 0.01", "CD 1, rate 0.01"),
}
FIGURES = {
    "methods": "training_leaves_the_glass",
    "larger starts, CD-10": "training_leaves_the_glass_starts",
    "controls": "training_leaves_the_glass_controls",
}

USUAL = ("CD 0.01", "PCD 0.01", "exact 0.01")

# Epochs by method; runs of each, "exact" apart because it costs most.
SMALL: dict[str, Any] = {
    "H": 40,
    "runs": ("RAPID", "CD 0.01", "CD 1"),
    "epochs": {"rapid": 30, "cd": 30, "pcd": 10, "exact": 3},
    "replicas": 2,
    "exact_replicas": 2,
    "seed": 5,
}
PAPER: dict[str, Any] = {
    "H": 128,
    "runs": tuple(RUNS),
    "epochs": {"rapid": 300, "cd": 1000, "pcd": 300, "exact": 100},
    "replicas": 3,
    "exact_replicas": 2,
    "seed": 5,
}


def trainer_of(name: str, H: int, generator: np.random.Generator) -> sl.rbm.Trainer:
    """A machine at its start and its trainer, as in the paper's code but for scale and rate."""
    method, start, std, lr = RUNS[name]
    if method == "rapid":
        return sl.rbm.Trainer(
            sl.rbm.RARBM(V, H, K, rng=generator), sl.rbm.PID(), lr=lr,
            schedule=sl.rbm.Geometric(0.96, floor=1e-5), batch_size=3, projection="sign",
            convention="reference", rng=generator,
        )  # fmt: skip
    if start == "ra":
        W = sl.ensembles.ra_rbm(V, H, K, rng=generator).scaled(std).weights()
        machine = sl.rbm.RBM.from_weights(W)
    else:
        machine = sl.rbm.RBM(V, H, std=std or "glorot", rng=generator)
    negative = {"cd": sl.rbm.CD(10), "pcd": sl.rbm.PCD(10, n_chains=200), "exact": sl.rbm.Exact()}[method]
    # The published code counts epochs in Adam's bias correction for CD and PCD, steps for exact gradients.
    adam = sl.rbm.Adam(correction="step" if method == "exact" else "epoch")
    return sl.rbm.Trainer(
        machine, negative, lr=lr, optimiser=adam, batch_size=1, convention="reference", rng=generator
    )


def evaluate(
    model: sl.models.IsingModel, data: sl.datasets.Dataset, rng: np.random.Generator
) -> dict[str, Any]:
    """Numbers and verdicts (as places in VERDICTS) for one matrix of weights."""
    report = diagnose(model, extras=False)
    evidence = report.evidence
    a = sl.observables.gibbs_accessibility(model, 10, 100, reduce=None, rng=rng, threads=1)
    assert report.spectrum is not None
    std = model.coupling_std()
    values = {
        "x": theory.coordinates.gaussian_rbm(model.V, model.H, std),
        "std_W": std,
        "n_outliers": len(report.spectrum.outliers),
        "top": report.spectrum.values[0] / (std * (model.V**0.5 + model.H**0.5)),
        "n_directions": evidence["stability"]["n_directions"],
        "T_order": 1 / evidence["stability"]["beta_retrieval"],  # 0 if there is no such line
        "T_glass": 1 / evidence["stability"]["beta_glass"],
        "n_minima": evidence["minima"]["count"] if "minima" in evidence else 0.0,
        "ratio_mean": a.ratio.mean(),
        "ratio_best": a.ratio[:10].max(),
        "excess": a.excess.mean(),
        "unmoved_spins": 1 - a.moved_spins,
        "nll_train": -sl.rbm.log_likelihood(model, data.train, threads=1).mean(),
        "nll_test": -sl.rbm.log_likelihood(model, data.test, threads=1).mean(),
    }
    found = {"phase": report.phase, "minima": report.metastability, "dynamics": report.dynamics}
    return {
        "numbers": np.array([float(values[name]) for name in NUMBERS]),
        "verdicts": np.array([VERDICTS[name].index(found[name].value) for name in VERDICTS]),
    }


def point(run: str, H: int, epochs: tuple[int, ...], rng: int) -> dict[str, Any]:
    """One run, diagnosed before the first epoch and after the listed ones."""
    data = sl.datasets.bars(4)
    trainer = trainer_of(run, H, np.random.default_rng(rng))
    found = []
    for epoch in epochs:
        if epoch:
            trainer.fit(data.train, epoch, progress=False)
        found.append(evaluate(trainer.machine.as_ising(), data, np.random.default_rng([rng, epoch])))
    return {name: np.array([f[name] for f in found]) for name in found[0]}


def sweep(preset: dict[str, Any], run: str) -> sl.sweeps.Sweep:
    """Independent runs of one kind."""
    method = RUNS[run][0]
    epochs = tuple(e for e in EPOCHS if e <= preset["epochs"][method])
    return sl.sweeps.Sweep(
        point,
        axes={"run": (run,)},
        fixed={"H": preset["H"], "epochs": epochs},
        replicas=preset["exact_replicas" if method == "exact" else "replicas"],
        seed=preset["seed"],
        dims={"numbers": ("epoch", "name"), "verdicts": ("epoch", "question")},
        coords={"epoch": epochs, "name": NUMBERS, "question": tuple(VERDICTS)},
    )


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figures, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    data = {
        run: output.run(
            sweep(settings, run), f"glass-{run.replace(' ', '-').replace(',', '')}", workers, progress
        ).isel(run=0)
        for run in settings["runs"]
    }
    for group, name in FIGURES.items():
        output.figure(plot(data, settings, group), name)
    output.figure(plot_verdicts(data, settings), "training_leaves_the_glass_verdicts")
    output.verdict(*verdict(data, settings, preset))
    return output


def plot(data: dict[str, Any], settings: dict[str, Any], group: str) -> Any:
    """Five quantities of a group of runs; a run has one colour in all groups."""
    import matplotlib.pyplot as plt

    rows = {
        "x": "place  $s\\,(VH)^{1/4}$",
        "n_minima": "strict minima",
        "excess": "accessibility, excess",
        "unmoved_spins": "visible spins unmoved",
        "nll_train": "training NLL (nats)",
    }
    runs = [run for run in GROUPS[group] if run in data]
    looks = _looks(GROUPS[group])
    with plotting.style():
        figure, axes = plt.subplots(2, 3, figsize=(7.6, 4.9), layout="constrained")
        *axes, key = axes.flat
        for ax, (name, label) in zip(axes, rows.items(), strict=True):
            for run in runs:
                plotting.lines(ax, data[run]["numbers"].sel(name=name), "epoch", **looks[run])
            ax.set(xlabel="epoch", ylabel=label)
            ax.set_xscale("symlog", linthresh=3)
            ax.set_xticks([0, 10, 100, 1000][: 4 if max(settings["epochs"].values()) > 300 else 3])
            if name in ("x", "n_minima", "nll_train"):
                ax.set_yscale("log")
            if name == "x":
                ax.axhline(1, color="grey", linestyle="--", linewidth=1, label="glass of independent weights")
            if name == "nll_train":
                least = np.log(10)  # ten training images
                ax.axhline(least, color="grey", linestyle=":", linewidth=1, label="ln 10, the least possible")
        _figures.letters(axes)
        key.axis("off")
        found = dict(zip(*reversed(axes[0].get_legend_handles_labels()), strict=True))
        found |= dict(zip(*reversed(axes[-1].get_legend_handles_labels()), strict=True))
        n = {int(data[run].sizes["replica"]) for run in runs}
        key.legend(
            found.values(), found, fontsize=9, loc="center",
            title=f"{group}\nmeans of {' or '.join(map(str, sorted(n)))} runs, bars: errors",
        )  # fmt: skip
    return figure


def _looks(runs: Sequence[str]) -> dict[str, dict[str, str]]:
    """Colour and marker of each run; those that several groups have look the same in all of them."""
    shared = [run for run in RUNS if sum(run in group for group in GROUPS.values()) > 1]
    order = [*shared, *(run for run in runs if run not in shared)]
    return {
        run: {"color": plotting.COLOURS[i], "marker": plotting.MARKERS[i], "label": run}
        for i, run in enumerate(order)
    }


def plot_verdicts(data: dict[str, Any], settings: dict[str, Any]) -> Any:
    """Most frequent verdict of the runs, by run and epoch; in figures, how many of them agree."""
    import matplotlib.pyplot as plt
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    epochs = [e for e in EPOCHS if e <= max(settings["epochs"].values())]
    with plotting.style():
        figure, axes = plt.subplots(
            1, 3, figsize=(7.6, 0.3 * len(data) + 1.6), sharey=True, layout="constrained"
        )
        for ax, (question, answers) in zip(axes, VERDICTS.items(), strict=True):
            picture = np.full((len(data), len(epochs)), np.nan)
            for i, found in enumerate(data.values()):
                for j, epoch in enumerate(e for e in epochs if e in found["epoch"]):
                    given = found["verdicts"].sel(question=question, epoch=epoch).values.astype(int)
                    (value, n), *_ = Counter(given.tolist()).most_common()
                    picture[i, j] = value
                    ax.text(j, i, f"{n}/{len(given)}", ha="center", va="center", fontsize=7)
            colours = [*plotting.COLOURS[: len(answers) - 1], "lightgrey"]
            ax.imshow(
                picture, cmap=ListedColormap(colours), vmin=-0.5, vmax=len(answers) - 0.5, aspect="auto",
                alpha=0.75,
            )  # fmt: skip
            ax.set_title(question)
            ax.set_xticks(range(len(epochs)), [str(e) for e in epochs], rotation=45, fontsize=9)
            ax.set_yticks(range(len(data)), list(data))
            ax.set_xlabel("epoch")
            ax.legend(
                [Patch(color=c, alpha=0.75) for c in colours], answers, ncols=2, fontsize=8,
                loc="lower center", bbox_to_anchor=(0.5, 1.06), handlelength=1, columnspacing=1,
            )  # fmt: skip
        _figures.letters(axes)
    return figure


def number(found: Any, name: str, epoch: int) -> np.ndarray:
    """One value per run."""
    return np.asarray(found["numbers"].sel(name=name, epoch=epoch).values, dtype=float)


def answers(found: Any, question: str, epoch: int) -> str:
    """Verdicts of the runs in words, the most frequent first."""
    given = found["verdicts"].sel(question=question, epoch=epoch).values.astype(int)
    names = Counter(VERDICTS[question][i] for i in given)
    return ", ".join(
        name if n == len(given) else f"{name} {n}/{len(given)}" for name, n in names.most_common()
    )


def mean_error(x: np.ndarray) -> tuple[float, float]:
    """Mean over runs and its error."""
    return float(x.mean()), float(x.std(ddof=1)) / len(x) ** 0.5


def statements(data: dict[str, Any]) -> list[str]:
    """One sentence for each question that the runs can answer."""
    rules = (_phases, _minima, _fit_with_minima, _samples, _few_minima_at_the_start, _accessibility)
    return [sentence for rule in rules if (sentence := rule(data))]


def _ends(found: Any) -> tuple[int, int]:
    epochs = found["epoch"].values
    return int(epochs[0]), int(epochs[-1])


def _lower(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether a is below b by more than two errors."""
    (x, dx), (y, dy) = mean_error(a), mean_error(b)
    return y - x > 2 * (dx**2 + dy**2) ** 0.5


def _phases(data: dict[str, Any]) -> str | None:
    runs = [r for r in USUAL if r in data]
    if not runs:
        return None
    first = [answers(data[r], "phase", _ends(data[r])[0]) for r in runs]
    last = [answers(data[r], "phase", _ends(data[r])[1]) for r in runs]
    glass = VERDICTS["phase"].index("spin glass")
    met = any(bool((data[r]["verdicts"].sel(question="phase") == glass).any()) for r in runs)
    return (
        f"From the usual start ({', '.join(runs)}) machines are {'; '.join(dict.fromkeys(first))} before "
        f"training and {'; '.join(dict.fromkeys(last))} at the end, and "
        f"{'some are called a spin glass on the way' if met else 'none is called a spin glass on the way'}."
    )


def _minima(data: dict[str, Any]) -> str | None:
    runs = [r for r in USUAL if r in data]
    if not runs:
        return None
    pairs = [[number(data[r], "n_minima", e) for e in _ends(data[r])] for r in runs]
    fewer = all(_lower(last, first) for first, last in pairs)
    a, b = ([f"{x[i].mean():.0f}" for x in pairs] for i in (0, 1))
    return (
        f"Their strict minima {'become fewer' if fewer else 'do not become fewer in all of them'}: "
        f"{', '.join(a)} before, {', '.join(b)} at the end."
    )


def _fit_with_minima(data: dict[str, Any]) -> str | None:
    if not {"exact 1", "exact 0.01"} <= set(data):
        return None
    large, small = data["exact 1"], data["exact 0.01"]
    e = min(_ends(large)[1], _ends(small)[1])
    fits = bool((number(large, "nll_train", e) < np.log(10) + 0.3).all())
    many = bool((number(large, "n_minima", e) > 1000).all())
    need = "does not need" if fits and many else "may need"
    worse = _lower(number(small, "nll_test", e), number(large, "nll_test", e))
    return (
        f"Fitting {need} few minima: exact gradients from scale 1 have "
        f"{number(large, 'nll_train', e).mean():.2f} "
        f"nats on the training images at epoch {e}, with {number(large, 'n_minima', e).mean():.0f} "
        f"minima. They "
        f"generalise {'worse' if worse else 'no worse within errors'} than from 0.01: "
        f"{number(large, 'nll_test', e).mean():.1f} against {number(small, 'nll_test', e).mean():.1f} nats."
    )


def _samples(data: dict[str, Any]) -> str | None:
    if not {"exact 1", "CD 1"} <= set(data):
        return None
    e = min(_ends(data["exact 1"])[1], _ends(data["CD 1"])[1])
    exact, cd = (number(data[r], "nll_train", e) for r in ("exact 1", "CD 1"))
    harm = "what a large start harms is sampling" if _lower(exact, cd) else "sampling is not what it harms"
    a, b = cd.mean(), exact.mean()
    return f"From scale 1 CD-10 has {a:.1f} nats at epoch {e}, exact gradients {b:.1f}: {harm}."


def _few_minima_at_the_start(data: dict[str, Any]) -> str | None:
    found = []
    for scale in ("0.3", "1"):
        if not {f"CD RA {scale}", f"CD {scale}"} <= set(data):
            continue
        ra, free = data[f"CD RA {scale}"], data[f"CD {scale}"]
        e = min(100, _ends(ra)[1], _ends(free)[1])
        few = _lower(number(ra, "n_minima", 0), number(free, "n_minima", 0))
        helps = _lower(number(ra, "nll_train", e), number(free, "nll_train", e))
        found.append(
            f"at scale {scale} regularized axons start with {'fewer' if few else 'no fewer'} minima "
            f"({number(ra, 'n_minima', 0).mean():.0f} against {number(free, 'n_minima', 0).mean():.0f}) "
            f"and CD-10 "
            f"{'learns faster' if helps else 'does not learn faster'} from them "
            f"({number(ra, 'nll_train', e).mean():.1f} against "
            f"{number(free, 'nll_train', e).mean():.1f} nats at "
            f"epoch {e})"
        )
    return f"Few minima at the start: {'; '.join(found)}." if found else None


def _accessibility(data: dict[str, Any]) -> str | None:
    if "CD 0.01" not in data:
        return None
    first, last = (number(data["CD 0.01"], "excess", e) for e in _ends(data["CD 0.01"]))
    rises = "rises" if _lower(first, last) else "does not rise"
    return (
        f"Accessibility, as excess over a random start, {rises} with CD-10 from 0.01: "
        f"{first.mean():.2f} before, "
        f"{last.mean():.2f} at epoch {_ends(data['CD 0.01'])[1]}."
    )


def verdict(data: dict[str, Any], settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """First and last diagnosis of every kind of run, and how fast it learns."""

    def text(found: Any, name: str, epoch: int, digits: int) -> str:
        x = number(found, name, epoch)
        return f"{x.mean():.{digits}f} ± {x.std(ddof=1) / len(x) ** 0.5:.{digits}f}"

    places, moves, learning = [], [], []
    for run, found in data.items():
        epochs = [int(e) for e in found["epoch"].values]
        for e in (epochs[0], epochs[-1]):
            places.append(
                [run, str(e), text(found, "x", e, 2), f"{number(found, 'n_outliers', e).mean():.1f}",
                 text(found, "top", e, 2), f"{number(found, 'n_directions', e).mean():.1f}",
                 text(found, "T_order", e, 2), text(found, "T_glass", e, 2),
                 *(answers(found, q, e) for q in VERDICTS)]
            )  # fmt: skip
            moves.append(
                [run, str(e), text(found, "n_minima", e, 0), text(found, "ratio_mean", e, 3),
                 text(found, "ratio_best", e, 3), text(found, "excess", e, 3),
                 text(found, "unmoved_spins", e, 3)]
            )  # fmt: skip
        learning.append(
            [run, *(text(found, "nll_train", e, 2) if e in epochs else "-" for e in EPOCHS),
             text(found, "nll_test", epochs[-1], 2)]
        )  # fmt: skip
    said = statements(data)
    body = "\n".join(
        [
            f"# Training and the glass, preset {preset}\n",
            f"4x4 Bars, V={V}, H={settings['H']}, RA and RAPID with K={K}; {settings['replicas']} "
            f"runs each ({settings['exact_replicas']} with exact gradients); settings of the paper's code "
            "(Adam at 0.001, single images; RAPID as in Fig. 2) but for the start and, where named, the "
            f"rate; spinlab {sl.__version__}, seed {settings['seed']}. Numbers in names: scale of the "
            "initial weights, Gaussian or of regularized axons (RA). Errors are standard errors over runs.\n",
            "x = s (VH)^(1/4) and the spectral line assume independent weights and infinite size: for a "
            "trained matrix they are indications. 'top' is the largest singular value over the edge "
            "s (sqrt V + sqrt H) of independent weights. 'T order' and 'T glass' are the temperatures (the "
            "machine works at 1) at which the paramagnet turns unstable towards isolated directions, of "
            "which there are 'directions', and towards the bulk (spectral stability; 0: never).\n",
            "\n".join(f"- {sentence}" for sentence in said) + "\n",
            markdown_table(
                ["run", "epoch", "x", "outliers", "top", "directions", "T order", "T glass", *VERDICTS],
                places,
            ),
            "\nAccessibility of 100 chains of ten steps ('best': of the first ten):\n",
            markdown_table(
                ["run", "epoch", "strict minima", "raw, mean", "raw, best", "excess", "spins unmoved"],
                moves,
            ),
            f"\nTraining NLL in nats after each epoch (least possible ln 10 = 2.30, ignorance {V} ln 2 = "
            f"{V * np.log(2):.2f}), and test NLL after the last:\n",
            markdown_table(["run", *(f"epoch {e}" for e in EPOCHS), "test, last"], learning),
        ]
    )  # fmt: skip
    return body, {
        "study": "training_leaves_the_glass",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "sentences": said,
        "runs": {
            run: {
                str(e): {name: number(found, name, e).mean() for name in NUMBERS}
                | {q: answers(found, q, e) for q in VERDICTS}
                for e in found["epoch"].values.tolist()
            }
            for run, found in data.items()
        },
    }
