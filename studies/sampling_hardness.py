"""Are regularized axons easier to sample? Relaxation times themselves, in place of accessibility.

Claim (arXiv:1910.01592, Sec. IV, V.A): independent weights are a spin glass, which is hard to sample;
regularized axons keep out of it. The paper shows accessibilities, spectra and numbers of minima in place of
relaxation times.

Measurement: the slowest mode of block Gibbs sampling in the sector even under v -> -v, exact, for V = H <= 10
before training: independent Gaussian weights against K = 2 and K = V/2 patterns, at equal temperature over
the line where each of them leaves the paramagnet, at equal standard deviation of W, and at equal entropy per
spin. On noisy 4x4 Bars (V = 16, H = 64, exact gradients): free weights against patterns of their own scale,
at equal held-out likelihood, by the heat bath of single visible spins on F(v). Beside it accessibility, its
excess over a random start, number of valleys, barriers, and their rank correlations with ln tau.

Figure: ln tau against temperature, std and entropy; accessibility against ln tau; ln tau against likelihood
along training; rank correlations.

Expected, if the claim holds: regularized axons relax faster at whatever is held equal, and accessibility and
the number of minima order machines as tau does.

Runtime: paper preset a few minutes of processor time, small preset seconds.
Verdict: patterns relax faster at equal distance from their line, two of them far slower at equal std, and no
faster at equal held-out likelihood; accessibility rises with tau, it orders machines the wrong way round.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting, theory
from spinlab.studies import Output

from . import _figures
from ._sampling_hardness_verdict import KINDS, PROXIES, QUANTITIES, TRAINED, verdict

NOISE = 0.05
HOW = {"line": "$T/T_\\mathrm{line}$", "std": "std of $W$", "entropy": "entropy per spin / ln 2"}
SMALL: dict[str, Any] = {
    "sizes": (4, 6),
    "line": (1.0, 0.4),
    "std": (0.5, 2.0),
    "entropy": (0.7, 0.4),
    "instances": 3,
    "H": 16,
    "K": 8,
    "epochs": (0, 40),
    "runs": 2,
    "seed": 185,
}
PAPER: dict[str, Any] = {
    "sizes": (4, 6, 8, 10),
    "line": (2.0, 1.4, 1.0, 0.7, 0.5, 0.35),
    "std": (0.2, 0.4, 0.8, 1.6),
    "entropy": (0.9, 0.75, 0.6, 0.45, 0.3),
    "instances": 12,
    "H": 64,
    "K": 8,
    "epochs": (0, 2, 4, 6, 8, 10, 15, 20, 30, 40, 60, 80, 120, 160),
    "runs": 8,
    "seed": 185,
}


def model_of(kind: str, V: int, rng: np.random.Generator) -> tuple[sl.models.IsingModel, float]:
    """A machine of unit std with V = H, and the std at which its kind leaves the paramagnet."""
    if kind == "free":
        return sl.ensembles.rbm_gaussian(V, V, rng=rng), 1 / math.sqrt(V)  # s (VH)^(1/4) = 1
    K = 2 if kind == "two" else V // 2
    b = theory.bipartite.glass_line(K / V, K / V)
    return sl.ensembles.ra_rbm(V, V, K, rng=rng), float(theory.coordinates.ra_rbm_std(V, V, K, b))


def entropy(model: sl.models.IsingModel, s: float) -> float:
    """Entropy per spin over ln 2 of the machine with its weights times s."""
    S = sl.log_partition(model, beta=s) + s * sl.mean_energy(model, beta=s)
    return float(S) / model.n_spins / math.log(2)


def scale_of_entropy(model: sl.models.IsingModel, wanted: float) -> float:
    """Factor of the weights at which the entropy is the wanted one; nan if ground states alone have more."""
    from scipy.optimize import brentq

    if entropy(model, math.exp(5)) >= wanted:
        return math.nan
    return float(np.exp(brentq(lambda x: entropy(model, math.exp(x)) - wanted, -7, 5, xtol=1e-4)))


def untrained(kind: str, V: int, cells: tuple[tuple[str, float], ...], rng: int) -> dict[str, Any]:
    """One instance, measured in every cell (what is held equal, its value)."""
    generator = np.random.default_rng(rng)
    model, line = model_of(kind, V, generator)
    once = {
        "ground": sl.ground_state(model).energy,
        "start": sl.observables.random_start_energy(model),
        "E": sl.observables.barriers(model, landscape="energy"),
    }
    found = []
    for how, value in cells:
        s = {
            "line": lambda x: line / x,
            "std": lambda x: x,
            "entropy": lambda x: scale_of_entropy(model, x),
        }[how](value)
        found.append(measured(model, s, once, generator))
    return {"measured": np.array(found)}


def measured(model: Any, s: float, once: dict[str, Any], generator: np.random.Generator) -> list[float]:
    """QUANTITIES of the machine with its weights times s."""
    if math.isnan(s):
        return [math.nan] * len(QUANTITIES)
    scaled = model.scaled(s)
    F = sl.observables.barriers(scaled)
    a = sl.observables.gibbs_accessibility(
        scaled, 10, 100, reduce=None, ground_energy=s * once["ground"], random_energy=s * once["start"],
        rng=generator, threads=1,
    )  # fmt: skip
    valleys = once["E"]
    return [
        s, entropy(model, s), log_time(scaled, "block_gibbs"), log_time(scaled, "heat_bath"),
        a.ratio.mean(), a.excess.mean(), math.log(valleys.n_valleys), math.log(F.n_valleys), F.height,
        s * valleys.height,
    ]  # fmt: skip


def log_time(model: Any, dynamics: str) -> float:
    """ln of the relaxation time in the even sector, nan where it is not resolved."""
    try:
        time = sl.observables.relaxation_time(model, dynamics=dynamics, sector="even").time
    except ValueError:
        return math.nan
    return math.log(max(time, 1e-3))


def noisy_bars(n: int, generator: np.random.Generator, size: int = 4) -> np.ndarray:
    """Bars of size x size pixels, each inverted with probability NOISE."""
    data = sl.datasets.bars(size)
    images = np.concatenate([data.train, data.test])
    flips = generator.random((n, images.shape[1])) < NOISE
    return np.where(flips, -1, 1).astype(np.int8) * images[generator.integers(0, len(images), n)]


def trained(kind: str, H: int, K: int, epochs: tuple[int, ...], rng: int) -> dict[str, Any]:
    """One machine on noisy 4x4 Bars by exact gradients, measured before training and after listed epochs."""
    generator = np.random.default_rng(rng)
    train, held = (noisy_bars(n, generator) for n in (500, 1000))
    if kind == "free":
        machine: Any = sl.rbm.RBM(train.shape[1], H, std=0.01, rng=generator)
    else:
        signs = sl.rbm.RARBM(train.shape[1], H, K, rng=generator)
        machine = sl.rbm.RARBM.from_patterns(0.15 * signs.xi_v, 0.15 * signs.xi_h)
    trainer = sl.rbm.Trainer(
        machine, sl.rbm.Exact(), lr=0.01, optimiser="adam", batch_size=len(train), rng=generator
    )
    found = []
    for epoch in epochs:
        if epoch:
            trainer.fit(train, epoch, progress=False)
        model = machine.as_ising().to_bipartite()
        F = sl.observables.barriers(model)
        a = sl.observables.gibbs_accessibility(model, 10, 100, reduce=None, rng=generator, threads=1)
        found.append(
            [-sl.rbm.log_likelihood(model, held, threads=1).mean(), model.coupling_std(),
             log_time(model, "heat_bath"), a.ratio.mean(), a.excess.mean(),
             math.log(F.n_valleys), F.height]
        )  # fmt: skip
    return {"measured": np.array(found)}


def sweeps(preset: dict[str, Any]) -> dict[str, sl.sweeps.Sweep]:
    """Name to sweep."""
    cells = tuple((how, float(x)) for how in HOW for x in preset[how])
    return {
        "untrained": sl.sweeps.Sweep(
            untrained, axes={"kind": tuple(KINDS), "V": preset["sizes"]}, fixed={"cells": cells},
            replicas=preset["instances"], seed=preset["seed"], dims={"measured": ("cell", "quantity")},
            coords={"quantity": QUANTITIES},
        ),
        "trained": sl.sweeps.Sweep(
            trained, axes={"kind": ("free", "own")},
            fixed={"H": preset["H"], "K": preset["K"], "epochs": preset["epochs"]},
            replicas=preset["runs"], seed=preset["seed"], dims={"measured": ("epoch", "quantity")},
            coords={"epoch": preset["epochs"], "quantity": TRAINED},
        ),
    }  # fmt: skip


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    data = {
        name: output.run(sweep, f"sampling_hardness_{name}", workers, progress)["measured"]
        for name, sweep in sweeps(settings).items()
    }
    text, table, numbers = verdict(data, settings, preset)
    output.figure(plot(data, settings, numbers), "sampling_hardness")
    output.verdict(text, table)
    return output


def plot(data: dict[str, Any], settings: dict[str, Any], numbers: dict[str, Any]) -> Any:
    """ln tau at equal temperature, std and entropy; a proxy; along training; rank correlations."""
    import matplotlib.pyplot as plt

    V = settings["sizes"][-1]
    with plotting.style():
        figure, axes = plt.subplots(3, 2, figsize=(7.6, 8.8), layout="constrained")
        start = 0
        for ax, (how, label) in zip(axes.flat, HOW.items(), strict=False):
            values = settings[how]
            part = data["untrained"].sel(V=V).isel(cell=slice(start, start + len(values)))
            start += len(values)
            for i, (kind, name) in enumerate(KINDS.items()):
                plotting.lines(
                    ax, part.sel(kind=kind, quantity="log_block"), np.array(values), label=name,
                    color=plotting.COLOURS[i], marker=plotting.MARKERS[i],
                )  # fmt: skip
            ax.set(xscale="linear" if how == "entropy" else "log", xlabel=label,
                   ylabel="$\\ln\\tau$, block Gibbs steps", title=f"before training, $V=H={V}$")  # fmt: skip
            ax.set_xticks(values, [f"{x:g}" for x in values])
            ax.minorticks_off()
            if how != "std":
                ax.invert_xaxis()
        axes[0, 0].legend(fontsize=9)
        ax = axes[1, 1]
        for i, (kind, name) in enumerate(KINDS.items()):
            part = data["untrained"].sel(V=V, kind=kind)
            x, y = (part.sel(quantity=q).values.ravel() for q in ("accessibility", "log_block"))
            ax.plot(x, y, plotting.MARKERS[i], color=plotting.COLOURS[i], markersize=2.5, label=name)
        ax.set(xlabel="accessibility $E/E_0$, mean of chains", ylabel="$\\ln\\tau$, block Gibbs steps",
               title="every machine of (a) to (c)")  # fmt: skip
        ax = axes[2, 0]
        for kind, name, i in (("free", "free weights", 0), ("own", "patterns, own scale", 3)):
            look = {"color": plotting.COLOURS[i], "marker": plotting.MARKERS[i], "markersize": 3}
            for run in data["trained"].sel(kind=kind).transpose("replica", "epoch", "quantity"):
                ax.plot(run.sel(quantity="nll"), run.sel(quantity="log_sites"), linewidth=0.7, **look)
            ax.plot([], [], label=name, **look)
        ax.set(
            xlabel="held-out NLL (nats)",
            ylabel="$\\ln\\tau$, heat-bath sweeps",
            title="along training, noisy Bars",
        )
        ax.set_xlim(min(6.0, ax.get_xlim()[1]), None)
        ax.legend(fontsize=9)
        ax = axes[2, 1]
        for i, pool in enumerate(numbers["correlations"]):
            rho = [numbers["correlations"][pool].get(p, (math.nan, 0.0)) for p in PROXIES]
            ax.errorbar(
                np.arange(len(PROXIES)) + 0.12 * (i - 1), [r for r, _ in rho], [e for _, e in rho],
                fmt=plotting.MARKERS[4 + i], color=("black", "0.5", plotting.COLOURS[5])[i], label=pool,
            )  # fmt: skip
        ax.axhline(0, color="grey", linewidth=1)
        ax.set_xticks(range(len(PROXIES)), list(PROXIES.values()), rotation=30, ha="right", fontsize=9)
        ax.set(ylabel="rank correlation with $\\ln\\tau$", ylim=(-1.05, 1.1), title="proxies")
        ax.legend(fontsize=8, loc="lower left")
        _figures.letters(axes.flat)
    return figure
