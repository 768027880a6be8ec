"""Training runs on 4x4 Bars, evaluated along training: one sweep of runs for Figs. 2, 3 and 4.

Settings are those of arXiv:1910.01592, V.A, and of the code published with it where the text is silent:
V=16, H=1000; RAPID with K=8 patterns, rate 0.02 times 0.96 per epoch, batches of 3, sign of the patterns at
the end of each epoch; CD-10, PCD-10 (2048 chains) and exact gradients with batches of 1, Adam at rate 0.001,
weights from 0.01 N(0, 1).

The convention "reference" repeats two quirks of that code (a last short batch divided by the full batch
size; for CD and PCD, Adam's bias correction by epoch; exact gradients have it by step there), "spinlab" does
not. "patterns" is "reference" with another reading of Algorithm 1: the hidden parts of the patterns in the
negative phase, where that code has the means of hidden units given the visible parts.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.rbm.negative.tables import TablePCD
from spinlab.studies import Output

METHODS = {"rapid": "RAPID", "cd": "CD-10", "pcd": "PCD-10", "exact": "exact"}
EPOCHS = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000)
V, H, K = 16, 1000, 8
SIDES = ("train", "test")
DISTANCES = ("one_step", "clamped")
DIMS = {
    "hamming": ("epoch", "distance", "side"),
    "nll": ("epoch", "side"),
    "singular_values": ("epoch", "rank"),
} | dict.fromkeys(
    ("gibbs_min", "gibbs_mean", "excess_min", "excess_mean", "reached", "reached_excess", "std_W"), ("epoch",)
)

# Epochs and runs of each method, by convention.
SMALL: dict[str, Any] = {
    "reference": {"rapid": (10, 4), "cd": (10, 3), "pcd": (2, 2), "exact": (2, 2)},
    "spinlab": {"rapid": (10, 3)},
    "patterns": {"rapid": (10, 3)},
    "seed": 234,
}
SHORT: dict[str, Any] = {
    "reference": {"rapid": (300, 100), "cd": (1000, 25), "pcd": (300, 25), "exact": (300, 25)},
    "spinlab": {"rapid": (300, 75)},
    "patterns": {"rapid": (300, 25)},
    "seed": 234,
}
PAPER: dict[str, Any] = {
    "reference": {"rapid": (300, 100), "cd": (1000, 25), "pcd": (300, 25), "exact": (300, 25)},
    "spinlab": {"rapid": (300, 100), "cd": (300, 25)},
    "patterns": {"rapid": (300, 25)},
    "seed": 234,
}
PRESETS = {"small": SMALL, "short": SHORT, "paper": PAPER}
CONVENTIONS = ("reference", "spinlab", "patterns")


def trainer_of(
    method: str,
    convention: str,
    rng: Any,
    negative: sl.rbm.NegativePhase | None = None,
    n_patterns: int = K,
    batch_size: int = 3,
) -> sl.rbm.Trainer:
    """A machine and its trainer with the settings of the paper; ``negative`` instead of the method's own.

    The number of patterns and the size of batches are RAPID's.
    """
    rng = np.random.default_rng(rng)
    settings: dict[str, Any]
    if method == "rapid":
        machine: Any = sl.rbm.RARBM(V, H, n_patterns, rng=rng)
        settings = {
            "lr": 0.02,
            "schedule": sl.rbm.Geometric(0.96, floor=1e-5),
            "batch_size": batch_size,
            "projection": "sign",
        }
    else:
        machine = sl.rbm.RBM(V, H, std=0.01, rng=rng)
        by_epoch = convention == "reference" and method != "exact"
        adam = sl.rbm.Adam(correction="epoch" if by_epoch else "step")
        settings = {"lr": 0.001, "optimiser": adam, "batch_size": 1}
    if negative is None:
        negative = {
            "rapid": sl.rbm.PID(hidden="pattern" if convention == "patterns" else "mean"),
            "cd": sl.rbm.CD(10),
            "pcd": TablePCD(10, n_chains=2048),
            "exact": sl.rbm.Exact(),
        }[method]
    quirks = "spinlab" if convention == "spinlab" else "reference"
    return sl.rbm.Trainer(machine, negative, convention=quirks, rng=rng, **settings)


def point(method: str, convention: str, epochs: tuple[int, ...], rng: int) -> dict[str, Any]:
    """One training run, evaluated before the first epoch and after the listed ones."""
    data = sl.datasets.bars(4)
    trainer = trainer_of(method, convention, rng)

    def measure(trainer: sl.rbm.Trainer) -> dict[str, Any]:
        return evaluate(trainer, data, np.random.default_rng([rng, trainer.epoch]))

    first = measure(trainer)
    history = trainer.fit(
        data.train, epochs[-1], [sl.rbm.Every([e for e in epochs if e], measure)], progress=False
    )
    history = history.sel(epoch=[e for e in epochs if e])
    return {name: np.concatenate([[value], history[name].values]) for name, value in first.items()}


def evaluate(trainer: sl.rbm.Trainer, data: sl.datasets.Dataset, rng: np.random.Generator) -> dict[str, Any]:
    """Everything that Figs. 2 to 4 show, for the machine as it is now."""
    model = trainer.machine.as_ising()
    ground = sl.ground_state(model, threads=1).energy
    random = sl.observables.random_start_energy(model, threads=1)
    chains = sl.observables.gibbs_accessibility(
        model, 10, 10, reduce=None, ground_energy=ground, random_energy=random, rng=rng, threads=1
    )
    sides = [getattr(data, side) for side in SIDES]
    reached = method_energy(trainer, data, model, rng)
    return {
        "hamming": np.array(
            [
                [
                    sl.rbm.hamming_distance(model, side, 4, convention=how, rng=rng, threads=1).mean
                    for side in sides
                ]
                for how in DISTANCES
            ]
        ),
        "nll": np.array([-sl.rbm.log_likelihood(model, side, threads=1).mean() for side in sides]),
        "gibbs_min": chains.ratio.max(),
        "gibbs_mean": chains.ratio.mean(),
        "excess_min": chains.excess.max(),
        "excess_mean": chains.excess.mean(),
        "reached": reached / ground,
        "reached_excess": (reached - random) / (ground - random),
        "std_W": model.coupling_std(),
        "singular_values": sl.rbm.singular_values(model),
    }


def method_energy(
    trainer: sl.rbm.Trainer, data: sl.datasets.Dataset, model: Any, rng: np.random.Generator
) -> float:
    """Lowest energy among the configurations that a negative phase would use now; NaN for exact averages.

    RAPID: the K patterns. CD: ten chains of ten steps from each image. PCD: its chains.
    """
    negative = trainer.negative
    if isinstance(negative, sl.rbm.Exact):
        return float("nan")
    if isinstance(negative, sl.rbm.PID):
        patterns = trainer.machine.pattern_phase(continuous=False)
        return float(model.energy(patterns.configurations()).min())
    if isinstance(negative, TablePCD) and negative.has_chains:
        return float(model.energy(negative.configurations).min())
    if isinstance(negative, TablePCD):  # before the first update
        chains = sl.dynamics.block_gibbs(model, negative.k, negative.n_chains, rng=rng, threads=1)
    else:
        start = np.repeat(data.train, 10, axis=0)
        chains = sl.dynamics.block_gibbs(model, 10, len(start), initial=start, rng=rng, threads=1)
    return float(chains.energy.min())


def sweep(preset: dict[str, Any], method: str, convention: str) -> sl.sweeps.Sweep:
    """Independent runs of one method."""
    last, runs = preset[convention][method]
    epochs = tuple(e for e in EPOCHS if e <= last)
    return sl.sweeps.Sweep(
        point,
        axes={"method": (method,), "convention": (convention,)},
        fixed={"epochs": epochs},
        replicas=runs,
        seed=preset["seed"],
        dims=DIMS,
        coords={"epoch": epochs, "distance": DISTANCES, "side": SIDES},
    )


def run(
    preset: dict[str, Any], name: str, output: Output, workers: int | None, progress: bool
) -> dict[tuple[str, str], Any]:
    """Data by (convention, method), computed or read.

    Stores and data lie in ``bars-NAME`` beside the output folder, so that the figures share them.
    """
    store = Output(output.folder.resolve().parent / f"bars-{name}")
    found = {}
    for convention in CONVENTIONS:
        for method in preset[convention]:
            data = store.run(sweep(preset, method, convention), f"{convention}-{method}", workers, progress)
            found[convention, method] = data.isel(method=0, convention=0)
    output.paths += store.paths
    return found


def curves(ax: Any, data: dict[tuple[str, str], Any], name: str, spread: bool = True, **where: str) -> None:
    """One quantity of every method against the epoch: means, standard errors, shaded standard deviations."""
    for i, method in enumerate(METHODS):
        values = data["reference", method][name].sel(where)
        if not bool(values.isnull().all()):
            plotting.lines(
                ax,
                values,
                "epoch",
                spread=spread,
                color=plotting.COLOURS[i],
                marker=plotting.MARKERS[i],
                label=f"{METHODS[method]} ({values.sizes['replica']} runs)",
            )
    ax.set_xscale("symlog", linthresh=1)
    ax.set_xlim(-0.1, None)
    ax.set_xlabel("epoch")


def runs_of(settings: dict[str, Any], convention: str) -> str:
    """Runs of each method in words."""
    return ", ".join(
        f"{METHODS[m]} {n} runs to epoch {last}" for m, (last, n) in settings[convention].items()
    )


def described(settings: dict[str, Any]) -> str:
    """Sizes and runs in words."""
    return (
        f"4x4 Bars, V={V}, H={H}, K={K} for RAPID; {runs_of(settings, 'reference')}; "
        f"spinlab {sl.__version__}, seed "
        f'{settings["seed"]}. Trained with the quirks of the paper\'s code (convention "reference"). '
        "Errors are standard errors over runs."
    )
