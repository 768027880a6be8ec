"""Projections of the patterns, and the minima they lie near (arXiv:1910.01592, Appendix B and Sec. III B).

Claims: continuous patterns may be brought back by their sign after each epoch, where more often erases what
was learnt and more rarely may too; they may be cut to [-x, x], with much the same result for other x than 1;
or drawn anew by a Gibbs step, which inserts mixing. And while training goes on each pattern lies close to a
minimum of its own.

Figure: RAPID on 4x4 Bars (V=16, H=1000, K=8) with each projection: (a) Hamming distance of reconstructions,
one free step, along training; (b) how far patterns are from the minimum that a descent from them reaches,
beside random starts; (c) how many different minima they reach.

Expected, if the claims hold: sign after each update and without any projection reconstruct worse than sign
after each epoch; clips alike; K different minima, near the patterns, to the end.

Runtime: paper preset about a CPU minute, small preset seconds.
Verdict: computed, docs/verdicts/projections.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _bars, _figures
from ._bars_compare import text, z_score

EPOCHS = (0, 1, 3, 10, 30, 100)
PER_EPOCH = 4  # updates: ten images in batches of three
# Name: projection and its period.
KINDS: dict[str, tuple[Any, Any]] = {
    "sign, each epoch": ("sign", "epoch"),
    "sign, each update": ("sign", 1),
    "sign, every 10 epochs": ("sign", 10 * PER_EPOCH),
    "none": ("none", None),
    "clip 0.5": (0.5, 1),
    "clip 1": (1.0, 1),
    "clip 2": (2.0, 1),
    "gibbs, each epoch": ("gibbs", "epoch"),
    "gibbs, each update": ("gibbs", 1),
}
USUAL = "sign, each epoch"
MEASURES = ("nll", "moved", "moved_all", "moved_random", "moved_all_random", "different", "patterns")
CLIPS = ("clip 0.5", "clip 1", "clip 2")
SMALL: dict[str, Any] = {
    "kinds": ("sign, each epoch", "sign, each update", "clip 1"),
    "epochs": 10,
    "runs": 3,
    "seed": 11,
}
PAPER: dict[str, Any] = {"kinds": tuple(KINDS), "epochs": 100, "runs": 15, "seed": 11}


def point(kind: str, epochs: int, rng: int) -> dict[str, Any]:
    """One run, measured before training and after the listed epochs."""
    data = sl.datasets.bars(4)
    projection, every = KINDS[kind]
    if isinstance(projection, float):
        projection = sl.rbm.Clip(projection)
    generator = np.random.default_rng(rng)
    machine = sl.rbm.RARBM(_bars.V, _bars.H, _bars.K, rng=generator)
    trainer = sl.rbm.Trainer(
        machine, sl.rbm.PID(), lr=0.02, schedule=sl.rbm.Geometric(0.96, floor=1e-5), batch_size=3,
        projection=projection, projection_every=every, convention="reference", rng=generator,
    )  # fmt: skip
    found = []
    for epoch in (e for e in EPOCHS if e <= epochs):
        trainer.fit(data.train, epoch, progress=False)
        found.append(measured(machine, data, np.random.default_rng([rng, epoch])))
    return {name: np.array([f[name] for f in found]) for name in found[0]}


def measured(machine: Any, data: sl.datasets.Dataset, rng: np.random.Generator) -> dict[str, Any]:
    """Reconstruction and likelihood, and where descents from patterns and from random states end."""
    model = machine.as_ising()
    patterns = machine.pattern_phase(continuous=False).configurations()
    random = rng.choice(np.array([-1, 1], np.int8), (100, model.n_spins))
    down, down_random = (
        sl.dynamics.descend(model, len(s), initial=s, rng=rng, threads=1) for s in (patterns, random)
    )
    v, ends = patterns[:, : _bars.V], down.states[:, : _bars.V]
    sides = (data.train, data.test)
    return {
        "hamming": np.array(
            [
                sl.rbm.hamming_distance(model, side, 4, convention="one_step", rng=rng, threads=1).mean
                for side in sides
            ]
        ),
        "nll": -sl.rbm.log_likelihood(model, data.train, threads=1).mean(),
        "moved": (ends != v).mean(),
        "moved_all": (down.states != patterns).mean(),
        "moved_random": (down_random.states != random)[:, : _bars.V].mean(),
        "moved_all_random": (down_random.states != random).mean(),
        "different": different(ends),
        "patterns": different(v),
    }


def different(v: np.ndarray) -> int:
    """Number of different states, a state and its inverse being one."""
    return len(np.unique(v * v[:, :1], axis=0))


def sweep(preset: dict[str, Any]) -> sl.sweeps.Sweep:
    """Independent runs with each projection, from the same starts."""
    epochs = tuple(e for e in EPOCHS if e <= preset["epochs"])
    return sl.sweeps.Sweep(
        point,
        axes={"kind": preset["kinds"]},
        fixed={"epochs": preset["epochs"]},
        replicas=preset["runs"],
        seed=preset["seed"],
        pair_over=("kind",),
        dims={"hamming": ("epoch", "side")} | dict.fromkeys(MEASURES, ("epoch",)),
        coords={"epoch": epochs, "side": _bars.SIDES},
    )


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    data = output.run(sweep(settings), "projections", workers, progress)
    output.figure(plot(data), "projections")
    output.verdict(*verdict(data, settings, preset))
    return output


def plot(data: Any) -> Any:
    """Three panels, one below the other."""
    import matplotlib.pyplot as plt

    with plotting.style():
        figure, axes = plt.subplots(3, 1, figsize=(7.4, 10), sharex=True, layout="constrained")
        for i, kind in enumerate(data["kind"].values):
            run = data.sel(kind=kind)
            look = {"color": plotting.COLOURS[i % 7], "marker": plotting.MARKERS[i % 7], "label": str(kind)}
            look["linestyle"] = "-" if i < 7 else "--"
            plotting.lines(axes[0], run["hamming"].sel(side="train"), "epoch", **look)
            plotting.lines(axes[1], run["moved"], "epoch", **look)
            plotting.lines(axes[2], run["different"], "epoch", **look)
        plotting.lines(
            axes[1], data.sel(kind=data["kind"].values[0])["moved_random"], "epoch", color="grey", marker="",
            linestyle=":", label="random states",
        )  # fmt: skip
        axes[0].set(ylabel="Hamming distance,\none free step", title="reconstruction of training images")
        axes[1].set(ylabel="share of visible spins", title="from a pattern to the minimum below it")
        axes[2].set(ylabel="minima", title="different minima below the eight patterns", xlabel="epoch")
        axes[2].set_xscale("symlog", linthresh=1)
        axes[2].set_xlim(-0.1, None)
        _figures.letters(axes)
        figure.legend(*axes[0].get_legend_handles_labels(), fontsize=9, ncols=3, loc="outside upper center")
        axes[1].legend(*(x[-1:] for x in axes[1].get_legend_handles_labels()), fontsize=9)
    return figure


def statements(runs: dict[str, dict[str, np.ndarray]]) -> list[str]:
    """Sentences from one value per run, by projection: "train", "nll", "moved", "random", "different"."""
    said = []
    usual = runs[USUAL]
    for kind, words in (
        ("sign, each update", "the sign after each update"),
        ("sign, every 10 epochs", "the sign every ten epochs"),
        ("none", "no projection"),
        ("gibbs, each epoch", "a Gibbs step after each epoch"),
        ("gibbs, each update", "a Gibbs step after each update"),
    ):
        if kind in runs:
            z = z_score(runs[kind]["train"], usual["train"])
            how = "worse than" if z > 3 else "better than" if z < -3 else "within errors as well as"
            said.append(
                f"With {words} RAPID reconstructs {how} with the sign after each epoch: "
                f"{text(runs[kind]['train'])} "
                f"against {text(usual['train'])} ({z:+.1f} errors)."
            )
    clips = {c: runs[c]["train"] for c in CLIPS if c in runs}
    if len(clips) > 1:
        means = {c: float(x.mean()) for c, x in clips.items()}
        a, b = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
        z = z_score(clips[a], clips[b])
        said.append(
            f"The limit x of the clip {'matters' if z > 3 else 'does not matter within errors'}: "
            + ", ".join(f"{c.split()[1]}: {text(x)}" for c, x in clips.items())
            + f" (largest difference {z:.1f} errors)"
            + ("; with none of them RAPID reconstructs." if means[b] > 0.4 else ".")
        )
    near = float(usual["moved"].mean()) < 0.5 * float(usual["random"].mean())
    said.append(
        f"After training by the usual recipe a pattern is {usual['moved'].mean():.3f} of the visible "
        f"spins from the "
        f"minimum below it, a random state {usual['random'].mean():.3f}: patterns "
        f"{'lie close to minima' if near else 'lie no closer to minima than half the way of a random state'}."
    )
    own = float(usual["different"].mean())
    said.append(
        f"The eight patterns reach {own:.1f} different minima: "
        + ("nearly each its own." if own > 7 else "they share them, not one each.")
    )
    return said


def verdict(data: Any, settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Tables and sentences at the last epoch."""
    last = int(data["epoch"].values[-1])

    def values(kind: str, name: str, epoch: int, side: str | None = None) -> np.ndarray:
        x = data[name].sel(kind=kind, epoch=epoch)
        return np.asarray(x if side is None else x.sel(side=side), dtype=float)

    kinds = [str(k) for k in data["kind"].values]
    runs = {
        kind: {
            "train": values(kind, "hamming", last, "train"),
            "nll": values(kind, "nll", last),
            "moved": values(kind, "moved", last),
            "random": values(kind, "moved_random", last),
            "different": values(kind, "different", last),
        }
        for kind in kinds
    }
    said = statements(runs)
    rows = [
        [kind, text(runs[kind]["train"]), text(values(kind, "hamming", last, "test")),
         text(runs[kind]["nll"]), text(runs[kind]["moved"]), text(runs[kind]["random"]),
         text(runs[kind]["different"]), text(values(kind, "patterns", last))]
        for kind in kinds
    ]  # fmt: skip
    shares = ("moved", "moved_random", "moved_all", "moved_all_random", "different", "patterns")
    along = [
        [str(e), *(text(values(USUAL, name, e)) for name in shares)] for e in data["epoch"].values.tolist()
    ]
    body = "\n".join(
        [
            f"# Projections and minima, preset {preset}\n",
            f"RAPID on 4x4 Bars, V=16, H=1000, K=8, {settings['runs']} runs from the same starts, after "
            f"epoch {last}; "
            f"rate 0.02 times 0.96 per epoch, batches of 3, quirks of the published code; spinlab "
            f"{sl.__version__}, seed "
            f"{settings['seed']}. Errors are standard errors over runs.\n",
            "\n".join(f"- {sentence}" for sentence in said) + "\n",
            markdown_table(
                ["projection", "Hamming, train", "test", "NLL, train (nats)", "to the minimum",
                 "from random states", "different minima", "different patterns"],
                rows,
            ),
            f"\nAlong training, {USUAL}: shares of spins between a pattern, or a random state, and the "
            f"minimum "
            "below it (single-spin descent):\n",
            markdown_table(
                ["epoch", "visible", "visible, random", "all", "all, random", "different minima",
                 "different patterns"],
                along,
            ),
        ]
    )  # fmt: skip
    return body, {
        "study": "projections",
        "preset": preset,
        "settings": settings,
        "sentences": said,
        "train": {kind: float(runs[kind]["train"].mean()) for kind in kinds},
        "different": {kind: float(runs[kind]["different"].mean()) for kind in kinds},
    }
