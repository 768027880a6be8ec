"""A fixed number of patterns and a growing hidden layer (arXiv:1910.01592, Sec. III A).

Claim: choose the number of patterns K so that the data can be learned, then the number of hidden units H so
large that K << V + H, and no glass is left.

Measured: V=16, K=8, H from 16 to 4000. Before training: energy of the patterns over the ground energy. RAPID
on 4x4 Bars: Hamming distance of training images, likelihood. As a density (patterns of their own scale,
PCD-10, noisy patterns, stopped by other images): likelihood of a third set. Beside it the theory of infinite
size: the largest K/V at which a pattern is a stable state at zero temperature, for H/V = gamma.

The densities once more for two, eight and 32 patterns by the other negative phases that sample the model
(CD-10, ten steps from the patterns, exact gradients).

Relaxation: the slowest mode of the heat bath on F(v), exact, in the sector even under inversion: of random
patterns at the line where they leave the paramagnet and at half of its temperature, and of the machines
trained as densities. Phase of these: their std of W over that of the line.

Figure: the six against H; the densities against H by number of patterns and negative phase.

Expected, if the claim holds: more hidden units bring patterns nearer to the ground state and reconstructions
to the images, and the line of theory rises above K/V = 1/2.

Runtime: paper preset about three CPU minutes, small preset seconds.
Verdict: computed, docs/verdicts/hidden_layer.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting, theory
from spinlab.studies import Output, markdown_table

from . import _figures, calibration
from ._bars_compare import LEVEL, decided, text, z_score
from .sampling_hardness import log_time

V, K = 16, 8
COLD = (1.0, 0.5)  # T/T_line
PHASES = {"pcd": "PCD-10", "cd": "CD-10", "pid": "PID + 10 steps", "exact": "exact"}
SMALL: dict[str, Any] = {
    "H": (16, 250), "epochs": 10, "updates": 60, "runs": 2, "machines": 2, "seed": 13,
    "phases": {"K": (2, 8), "H": (16, 32), "updates": 5, "runs": 2},
}  # fmt: skip
PAPER: dict[str, Any] = {
    "H": (16, 64, 250, 1000, 4000), "epochs": 100, "updates": 300, "runs": 6, "machines": 3, "seed": 13,
    "phases": {"K": (2, 8, 32), "H": (16, 100, 500), "updates": 300, "runs": 4},
}  # fmt: skip


def point(H: int, epochs: int, updates: int, rng: int) -> dict[str, Any]:
    """One machine at its start and after RAPID, and another one trained as a density."""
    generator = np.random.default_rng(rng)
    machine = sl.rbm.RARBM(V, H, K, rng=generator)
    model = machine.as_ising()
    ground = sl.ground_state(model, threads=1).energy
    energy = model.energy(machine.pattern_phase(continuous=False).configurations())
    data = sl.datasets.bars(4)
    trainer = sl.rbm.Trainer(
        machine, sl.rbm.PID(), lr=0.02, schedule=sl.rbm.Geometric(0.96, floor=1e-5), batch_size=3,
        projection="sign", convention="reference", rng=generator,
    )  # fmt: skip
    trainer.fit(data.train, epochs, progress=False)
    trained = machine.as_ising()
    distance = sl.rbm.hamming_distance(trained, data.train, 4, convention="one_step", rng=rng, threads=1).mean
    return {
        "lowest": energy.min() / ground,
        "mean": energy.mean() / ground,
        "distance": distance,
        "nll": -sl.rbm.log_likelihood(trained, data.train, threads=1).mean(),
        "density": density(H, updates, rng)[1],
    }


def relaxation(H: int, updates: int, rng: int) -> dict[str, Any]:
    """ln of relaxation times: of random patterns at COLD, and of a machine trained as a density."""
    model = sl.ensembles.ra_rbm(V, H, K, rng=rng).to_bipartite()
    line = line_of(H)
    found = [log_time(model.scaled(line / t), "heat_bath") for t in COLD]
    trained, nll = density(H, updates, rng)
    trained = trained.to_bipartite()
    return {
        "log_time": np.array(found),
        "trained_time": log_time(trained, "heat_bath"),
        "depth": trained.coupling_std() / line,
        "nll": nll,
    }


def line_of(H: int) -> float:
    """std of W at which many random patterns leave the paramagnet."""
    return float(theory.coordinates.ra_rbm_std(V, H, K, theory.bipartite.glass_line(K / V, K / H)))


def by_phase(H: int, K: int, phase: str, updates: int, rng: int) -> dict[str, Any]:
    """NLL of a machine with patterns of its own scale; ``rng`` alone decides the images."""
    return {"nll": density(H, updates, rng, K, phase)[1]}


def density(H: int, updates: int, rng: int, K: int = K, phase: str = "pcd") -> tuple[Any, float]:
    """A machine of noisy patterns and its NLL in nats, by the recipes that the calibration found for them.

    The start has the same size of fields W^T v and W h at any H: weights of standard deviation .7/sqrt(H).
    """
    parts = calibration.images("noisy", np.random.default_rng([rng, 1]))
    generator = np.random.default_rng([rng, 2])
    signs = sl.rbm.RARBM(V, H, K, rng=generator)
    size = (0.7 / H**0.5) ** 0.5
    machine = sl.rbm.RARBM.from_patterns(size * signs.xi_v, size * signs.xi_h)
    negative: sl.rbm.NegativePhase = {
        "pcd": lambda: sl.rbm.PCD(10, n_chains=100),
        "cd": lambda: sl.rbm.CD(10),
        "pid": lambda: sl.rbm.PID(10),
        "exact": sl.rbm.Exact,
    }[phase]()
    trainer = sl.rbm.Trainer(
        machine, negative, lr=0.01, schedule=sl.rbm.Linear(updates, end=0.1),
        optimiser="adam", batch_size=len(parts["train"]), rng=generator,
    )  # fmt: skip
    best = calibration.best_of(trainer, parts["train"], parts["stop"], updates)[1]
    return best, calibration.nll(best, parts["judge"])


def relaxations(preset: dict[str, Any]) -> sl.sweeps.Sweep:
    """The same sizes, by fewer machines."""
    return sl.sweeps.Sweep(
        relaxation, axes={"H": preset["H"]}, fixed={"updates": preset["updates"]},
        replicas=preset["machines"], seed=preset["seed"], dims={"log_time": ("cold",)},
        coords={"cold": COLD},
    )  # fmt: skip


def phases(preset: dict[str, Any]) -> sl.sweeps.Sweep:
    """Numbers of patterns and negative phases, which share their images."""
    inner = preset["phases"]
    return sl.sweeps.Sweep(
        by_phase, axes={"phase": tuple(PHASES), "K": inner["K"], "H": inner["H"]},
        fixed={"updates": inner["updates"]}, replicas=inner["runs"], seed=preset["seed"],
        pair_over=("phase", "K", "H"),
    )  # fmt: skip


def sweep(preset: dict[str, Any]) -> sl.sweeps.Sweep:
    """Independent machines at each size."""
    return sl.sweeps.Sweep(
        point,
        axes={"H": preset["H"]},
        fixed={"epochs": preset["epochs"], "updates": preset["updates"]},
        replicas=preset["runs"],
        seed=preset["seed"],
    )


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    data = output.run(sweep(settings), "hidden_layer", workers, progress)
    times = output.run(relaxations(settings), "hidden_layer_relaxation", workers, progress)
    trained = output.run(phases(settings), "hidden_layer_phases", workers, progress)["nll"]
    output.figure(plot(data, times), "hidden_layer")
    output.figure(plot_phases(trained), "hidden_layer_phases")
    output.verdict(*verdict(data, times, trained, settings, preset))
    return output


def largest_load(H: Any) -> np.ndarray:
    """Largest K/V of infinite size at zero temperature."""
    return np.asarray(theory.bipartite.capacity(gamma=np.asarray(H, dtype=float) / V))


def plot(data: Any, times: Any) -> Any:
    """Six panels against H."""
    import matplotlib.pyplot as plt

    with plotting.style():
        figure, axes = plt.subplots(2, 3, figsize=(7.6, 5.2), sharex=True, layout="constrained")
        (energy, load, tau), (distance, nll, depth) = axes
        for i, (name, label) in enumerate((("lowest", "lowest"), ("mean", "mean of eight"))):
            look = {"color": plotting.COLOURS[i], "marker": plotting.MARKERS[i], "label": label}
            plotting.lines(energy, data[name], "H", **look)
        energy.set(ylabel="$E/E_0$", title="random patterns")
        energy.legend(fontsize=9)
        load.plot(data["H"], largest_load(data["H"]), color=plotting.COLOURS[0], marker="o")
        load.axhline(K / V, color="grey", linestyle="--", linewidth=1)
        load.set(ylabel="largest $K/V$ at $T=0$", title="theory; dashed: $K/V$ here", ylim=(0, 0.6))
        plotting.lines(distance, data["distance"], "H", color=plotting.COLOURS[0], marker="o")
        distance.set(
            ylabel="Hamming distance", title="RAPID, Bars", xlabel="hidden units $H$", ylim=(0, None)
        )
        plotting.lines(nll, data["density"], "H", color=plotting.COLOURS[0], marker="o")
        nll.set(ylabel="NLL (nats)", title="own scale, noisy", xlabel="hidden units $H$")
        for i, (label, value) in enumerate(
            [(f"random, $T/T_{{line}}$ = {t:g}", times["log_time"].sel(cold=t)) for t in COLD]
            + [("trained", times["trained_time"])], start=2,
        ):  # fmt: skip
            look = {"color": plotting.COLOURS[i], "marker": plotting.MARKERS[i], "label": label}
            plotting.lines(tau, value, "H", **look)
        tau.set(ylabel=r"$\ln \tau$ (sweeps)", title="relaxation", ylim=(-0.4, 5.2))
        tau.legend(fontsize=8)
        plotting.lines(depth, times["depth"], "H", color=plotting.COLOURS[4], marker=plotting.MARKERS[4])
        depth.axhline(1, color="grey", linestyle="--", linewidth=1)
        depth.set(
            ylabel="std of $W$ / that at the line", title="trained, own scale",
            xlabel="hidden units $H$", ylim=(0, None),
        )  # fmt: skip
        for ax in axes.flat:
            ax.set_xscale("log")
        _figures.letters(axes.flat)
    return figure


def plot_phases(trained: Any) -> Any:
    """Densities against H, a panel for each number of patterns."""
    import matplotlib.pyplot as plt

    numbers = trained["K"].values
    with plotting.style():
        figure, axes = plt.subplots(
            1, len(numbers), figsize=(7.6, 3.4), sharey=True, squeeze=False, layout="constrained"
        )
        for ax, k in zip(axes[0], numbers, strict=True):
            for i, (phase, label) in enumerate(PHASES.items()):
                plotting.lines(
                    ax, trained.sel(K=k, phase=phase), "H", color=plotting.COLOURS[i],
                    marker=plotting.MARKERS[i], label=label,
                )  # fmt: skip
            ax.set(xscale="log", xlabel="hidden units $H$", title=f"$K = {k}$")
            ax.set_xticks(trained["H"].values, [str(h) for h in trained["H"].values])
            ax.minorticks_off()
        axes[0, 0].set_ylabel("NLL of judging images (nats)")
        _figures.letters(axes[0])
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def by_negative_phase(nll: dict[tuple[str, int, int], np.ndarray]) -> list[str]:
    """Sentences from one NLL per split at each (negative phase, K, H); splits are shared."""
    numbers, sizes = sorted({k for _, k, _ in nll}), sorted({h for *_, h in nll})
    raised: dict[str, dict[str, np.ndarray]] = {}
    for what, places in (
        (
            f"raising H from {sizes[0]} to {sizes[-1]} at fixed K",
            {f"K = {k}": ((k, sizes[0]), (k, sizes[-1])) for k in numbers},
        ),
        (
            f"raising K from {numbers[0]} to {numbers[-1]} at fixed H",
            {f"H = {h}": ((numbers[0], h), (numbers[-1], h)) for h in sizes},
        ),
    ):
        raised[what] = {
            f"{name} at {where}": nll[phase, *after] - nll[phase, *before]
            for phase, name in PHASES.items() for where, (before, after) in places.items()
        }  # fmt: skip
    signs = decided({(what, name): d for what, found in raised.items() for name, d in found.items()})
    words, said = {-1: "better", 1: "worse", 0: "not decided"}, []
    for what, found in raised.items():
        sides: dict[int, list[str]] = {sign: [] for sign in words}
        for name, d in found.items():
            sides[signs[what, name]].append(f"{name} ({d.mean():+.2f} ± {d.std(ddof=1) / len(d) ** 0.5:.2f})")
        said.append(
            f"As densities, by negative phase, {what} (nats): "
            + ", ".join(f"{words[sign]} with {'; '.join(names) or 'none'}" for sign, names in sides.items())
            + f". Paired t tests, Holm's correction over {len(signs)}, level {LEVEL:g}."
        )
    return said


def statements(H: list[int], runs: dict[str, list[np.ndarray]], load: np.ndarray) -> list[str]:
    """Sentences from one value per run at each H ("lowest", "distance", "nll", "density"), and the theory."""
    said = []
    for name, what, better in (
        ("lowest", "the lowest of eight random patterns has more of the ground energy", 1),
        ("distance", "RAPID reconstructs training images better", -1),
        ("nll", "RAPID's density is better", -1),
        ("density", "patterns of their own scale describe noisy patterns better", -1),
    ):
        first, last = runs[name][0], runs[name][-1]
        z = better * z_score(last, first)
        how = "yes" if z > 3 else "no difference by three errors" if z > -3 else "the other way round"
        said.append(
            f"With more hidden units {what}: {how}, {text(first)} at H = {H[0]} and {text(last)} at {H[-1]}."
        )
    above = [h for h, x in zip(H, load, strict=True) if x > K / V]
    said.append(
        f"Theory of infinite size: the largest K/V rises from {load[0]:.3f} to {load[-1]:.3f}; K/V = "
        f"{K / V:g} "
        + (
            f"is within reach from H = {above[0]} on."
            if above
            else "stays beyond it: no hidden layer of these sizes takes these patterns out of the glass."
        )
    )
    return said


def relaxed(H: list[int], tau: dict[str, list[np.ndarray]], depth: list[np.ndarray]) -> list[str]:
    """Sentences on relaxation times (ln tau of one value per machine at each H) and on the phase."""
    said = []
    for name, values in tau.items():
        first, last = (x[np.isfinite(x)] for x in (values[0], values[-1]))
        if min(len(first), len(last)) < 2:
            said.append(f"ln tau, {name}: not resolved at one end.")
            continue
        z = z_score(last, first)
        how = "rises" if z > 3 else "falls" if z < -3 else "changes by less than three errors"
        said.append(
            f"With more hidden units ln tau, {name}, {how}: {text(first)} at H = {H[0]} and {text(last)} at "
            f"{H[-1]}."
        )
    sides = [(x.mean() - 1) / max(x.std(ddof=1) / len(x) ** 0.5, 1e-12) for x in depth]
    beyond = [str(h) for h, z in zip(H, sides, strict=True) if z > 3]
    before = [str(h) for h, z in zip(H, sides, strict=True) if z < -3]
    said.append(
        "Machines trained as densities have weights beyond the line where random patterns leave the "
        f"paramagnet at H = {', '.join(beyond) or 'none'}, below it at {', '.join(before) or 'none'}."
    )
    return said


def verdict(
    data: Any, times: Any, trained: Any, settings: dict[str, Any], preset: str
) -> tuple[str, dict[str, Any]]:
    """The table by H and the sentences."""
    H = list(settings["H"])
    names = ("lowest", "mean", "distance", "nll", "density")
    runs = {name: [np.asarray(data[name].sel(H=h), dtype=float) for h in H] for name in names}
    load = largest_load(H)
    tau = {f"random patterns at T/T_line = {t:g}": [times["log_time"].sel(H=h, cold=t).values for h in H]
           for t in COLD}  # fmt: skip
    tau["patterns of their own scale after training"] = [times["trained_time"].sel(H=h).values for h in H]
    depth = [times["depth"].sel(H=h).values for h in H]
    by = {
        (phase, int(k), int(h)): trained.sel(phase=phase, K=k, H=h).values
        for phase in PHASES for k in trained["K"].values for h in trained["H"].values
    }  # fmt: skip
    said = statements(H, runs, load) + relaxed(H, tau, depth) + by_negative_phase(by)
    rows = [
        [str(h), f"{K / (V + h):.3f}", f"{load[i]:.3f}", *(text(runs[name][i]) for name in names)]
        for i, h in enumerate(H)
    ]
    inner = settings["phases"]
    densities = [
        [PHASES[phase], str(k), *(text(by[phase, k, h]) for h in inner["H"])]
        for phase in PHASES for k in inner["K"]
    ]  # fmt: skip
    slow = [[str(h), *(text(x[i]) for x in (*tau.values(), depth))] for i, h in enumerate(H)]
    body = "\n".join(
        [
            f"# A growing hidden layer, preset {preset}\n",
            f"V = {V}, K = {K}, {settings['runs']} runs at each H; RAPID on 4x4 Bars, "
            f"{settings['epochs']} epochs; "
            f"density: noisy patterns, PCD-10, {settings['updates']} updates, stopped early; spinlab "
            f"{sl.__version__}, seed {settings['seed']}. Errors are standard errors over runs.\n",
            "\n".join(f"- {sentence}" for sentence in said) + "\n",
            markdown_table(
                ["H", "K/(V+H)", "largest K/V, theory", "lowest pattern E/E0", "mean pattern",
                 "Hamming, RAPID", "NLL, RAPID (nats)", "NLL, own scale (nats)"],
                rows,
            ),
            f"ln of relaxation times, heat bath on F(v) in sweeps, even sector, {settings['machines']} "
            "machines each; std of W of the trained ones over that of the line:\n",
            markdown_table(["H", *tau, "trained: std W / line"], slow),
            f"NLL in nats, noisy patterns, by negative phase, {inner['runs']} splits that all share; "
            "patterns of their own scale:\n",
            markdown_table(["negative phase", "K", *(f"H = {h}" for h in inner["H"])], densities),
        ]
    )  # fmt: skip
    return body, {
        "study": "hidden_layer",
        "preset": preset,
        "settings": settings,
        "sentences": said,
        "density": {str(h): float(x.mean()) for h, x in zip(H, runs["density"], strict=True)},
    }
