"""Does training take ultrametricity out of what a machine draws? (arXiv:1910.01592, Sec. IV B.)

Claim: samples of a machine in the glass phase are far more ultrametric than data; those of a well trained
machine are not; a machine that starts in a glass must therefore leave it.

Measurement: RBMs on 8x8 digits (V = H = 64, no biases) by PCD-5, started in the glass (x = s (VH)^(1/4) = 2,
T = T_c / 2) and as usual (s = 0.01); equilibrium states by parallel tempering before, along and after
training, and digits themselves. Both measures of the study ``ultrametricity``, each as its distance from the
same three nulls (positive: more ultrametric than chance), the global flip removed everywhere.

Figure: distances from the nulls against the epoch; the band is the data.

Expected, if the claim holds: the start in the glass lies above the data and falls to them.

Runtime: paper preset about 3 CPU minutes, small preset seconds.
Verdict: computed, docs/verdicts/ultrametricity_training.md.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _figures
from .ultrametricity import MEASURES, NULLS, hot_end

STARTS = {"glass": "start in the glass", "usual": "usual start"}
X = 2.0  # of the glass
LEVEL = 3.0  # errors
SMALL: dict[str, Any] = {
    "H": 32, "epochs": (0, 2), "n_states": 16, "n_steps": 100, "n_null": 20, "runs": 2, "seed": 19,
}  # fmt: skip
PAPER: dict[str, Any] = {
    "H": 64, "epochs": (0, 1, 3, 10, 30), "n_states": 40, "n_steps": 600, "n_null": 40, "runs": 8,
    "seed": 19,
}  # fmt: skip


def point(
    start: str, H: int, epochs: tuple[int, ...], n_states: int, n_steps: int, n_null: int, rng: int
) -> dict[str, Any]:
    """One training run; "data" in place of a start: one set of digits, at every epoch."""
    generator = np.random.default_rng(rng)
    data = sl.datasets.digits()
    options: dict[str, Any] = {"n_null": n_null, "max_states": n_states, "rng": generator}
    if start == "data":
        measured = [
            distances(data.train[generator.choice(len(data.train), n_states, replace=False)], options)
        ]
        return {"z": np.array(measured * len(epochs)), "x": np.full(len(epochs), np.nan)}
    root = (data.V * H) ** 0.25
    machine = sl.rbm.RBM(data.V, H, std=X / root if start == "glass" else 0.01, rng=generator)
    trainer = sl.rbm.Trainer(machine, sl.rbm.PCD(k=5, n_chains=100), lr=0.02, batch_size=50, rng=generator)
    z, x = [], []
    for epoch in epochs:
        if epoch:
            trainer.fit(data.train, epoch, progress=False)
        model = machine.as_ising()
        z.append(distances(equilibrium(model, n_states, n_steps, generator), options))
        x.append(model.coupling_std() * root)
    return {"z": np.array(z), "x": np.array(x)}


def equilibrium(
    model: sl.models.BipartiteIsing, n: int, n_steps: int, generator: np.random.Generator
) -> np.ndarray:
    """n visible states at temperature 1, from records of four ladders of parallel tempering."""
    betas = sl.dynamics.ladder(model, 1.0, beta_min=hot_end(model, 1.0), sampler="block_gibbs", rng=generator)
    run = sl.dynamics.parallel_tempering(
        model, n_steps, 4, betas=betas, sampler="block_gibbs", burn_in=n_steps // 2,
        record_every=max(1, 4 * n_steps // (2 * n)), rng=generator,
    )  # fmt: skip
    return run.samples[:, :, -1].reshape(-1, model.n_spins)[:n, : model.V]


def distances(states: np.ndarray, options: dict[str, Any]) -> np.ndarray:
    """Distance from each null by each measure, in standard deviations of the null: (null, measure)."""
    found = [sl.observables.ultrametricity(states, flip=True, null=null, **options) for null in NULLS]
    return np.clip([[getattr(f, m).z for m in MEASURES] for f in found], -1000.0, 1000.0)


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    sweep = sl.sweeps.Sweep(
        point, axes={"start": (*STARTS, "data")},
        fixed={name: settings[name] for name in ("H", "epochs", "n_states", "n_steps", "n_null")},
        replicas=settings["runs"], seed=settings["seed"],
        dims={"z": ("epoch", "null", "measure"), "x": ("epoch",)},
        coords={"epoch": settings["epochs"], "null": NULLS, "measure": MEASURES},
    )  # fmt: skip
    data = output.run(sweep, "ultrametricity_training", workers, progress)
    output.figure(plot(data), "ultrametricity_training")
    output.verdict(*verdict(data, settings, preset))
    return output


def plot(data: Any) -> Any:
    """A row for each measure, a panel for each null."""
    import matplotlib.pyplot as plt

    titles = ("subdominant", "triples")
    with plotting.style():
        figure, axes = plt.subplots(2, 3, figsize=(7.6, 5.4), sharex=True, layout="constrained")
        for row, measure, title in zip(axes, MEASURES, titles, strict=True):
            for ax, null in zip(row, NULLS, strict=True):
                z = data["z"].sel(measure=measure, null=null)
                for i, (start, name) in enumerate(STARTS.items()):
                    plotting.lines(
                        ax, z.sel(start=start), "epoch", label=name, color=plotting.COLOURS[i],
                        marker=plotting.MARKERS[i],
                    )  # fmt: skip
                images = z.sel(start="data").isel(epoch=0).values
                m, s = images.mean(), images.std(ddof=1)
                ax.axhspan(m - s, m + s, color="0.85", zorder=0, label="digits (± 1 s.d.)")
                ax.axhline(0, color="grey", linewidth=0.8)
                ax.set_xscale("symlog", linthresh=1)
                ax.set_xlim(-0.1, None)
                ax.set(title=f"{title}, {null}")
        for ax in axes[1]:
            ax.set_xlabel("epoch")
        for row in axes:
            row[0].set_ylabel("standard deviations from null")
        _figures.letters(axes.flat)
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Difference of two means in combined standard errors."""
    error = math.hypot(*(x.std(ddof=1) / len(x) ** 0.5 for x in (a, b)))
    return float((a.mean() - b.mean()) / error)


def counted(values: list[float]) -> tuple[int, int]:
    """How many are above, and how many below, by more than LEVEL errors."""
    return sum(v > LEVEL for v in values), sum(v < -LEVEL for v in values)


def word_of(with_claim: int, against: int, n: int) -> str:
    """What so many of n tests beyond the errors say."""
    return "holds" if with_claim > n / 2 else "the other way round" if against > n / 2 else "not shown"


def statements(z: dict[str, np.ndarray], x: dict[str, np.ndarray]) -> list[str]:
    """From z (run, epoch, test) of each start and of data, tests being pairs of measure and null."""
    n = z["data"].shape[2]

    def compare(a: np.ndarray, b: np.ndarray) -> tuple[int, int]:
        return counted([difference(a[:, k], b[:, k]) for k in range(n)])

    data = z["data"][:, 0]
    above, below = compare(z["glass"][:, 0], data)
    word = word_of(above, below, n)
    said = [
        f"Samples of the glass are more ultrametric than data: {word}. By more than {LEVEL:g} errors in "
        f"{above} of {n} tests (pairs of measure and null), less in {below}."
    ]
    for start, name in STARTS.items():
        up, down = compare(z[start][:, -1], z[start][:, 0])
        word = word_of(down, up, n)
        said.append(
            f"Training lowers ultrametricity, {name}: {word}. It falls in {down} of {n} tests and rises in "
            f"{up}, while x = s (VH)^(1/4) goes from {x[start][:, 0].mean():.2f} to "
            f"{x[start][:, -1].mean():.2f}."
        )
        above, below = compare(z[start][:, -1], data)
        word = "holds" if above == 0 else "fails"
        said.append(
            f"After training samples are no more ultrametric than data, {name}: {word}. More in {above} of "
            f"{n} tests, less in {below}."
        )
    return said


def verdict(data: Any, settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Sentences, and the table along training."""
    tests = [(measure, null) for measure in MEASURES for null in NULLS]
    stacked = data["z"].transpose("start", "replica", "epoch", "measure", "null")
    z = {s: stacked.sel(start=s).values.reshape(*stacked.shape[1:3], -1) for s in (*STARTS, "data")}
    x = {s: data["x"].sel(start=s).transpose("replica", "epoch").values for s in STARTS}
    said = statements(z, x)
    rows = []
    for s in (*STARTS, "data"):
        for i, epoch in enumerate(settings["epochs"] if s != "data" else ("-",)):
            part = z[s][:, i]
            error = part.std(0, ddof=1) / len(part) ** 0.5
            cells = [f"{m:+.1f} ± {e:.1f}" for m, e in zip(part.mean(0), error, strict=True)]
            there = f"{x[s][:, i].mean():.2f}" if s in x else "-"
            rows.append([STARTS.get(s, "digits"), str(epoch), there, *cells])
    body = "\n".join(
        [
            f"# Ultrametricity along training, preset {preset}\n",
            f"RBM 64 x {settings['H']} on 8x8 digits, no biases, PCD-5, {settings['runs']} runs; "
            f"{settings['n_states']} visible states in equilibrium by parallel tempering "
            f"({settings['n_steps']} steps, 4 ladders), {settings['n_null']} null sets; distances from the "
            "null in its standard deviations (positive: more ultrametric), mean and standard error over "
            f"runs; spinlab {sl.__version__}, seed {settings['seed']}.\n",
            *(f"- {sentence}" for sentence in said),
            "",
            markdown_table(
                ["machine", "epoch", "x", *(f"{'sub' if m == MEASURES[0] else m}, {n}" for m, n in tests)],
                rows,
            ),
        ]
    )
    return body, {
        "study": "ultrametricity_training",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "statements": said,
        "z": rows,
    }
