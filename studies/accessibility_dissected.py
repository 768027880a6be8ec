"""Fig. 1 of arXiv:1910.01592 taken apart: offset, luck of the start, real descent, thermal noise, freezing.

Claim: the plateau of Fig. 1 measures how easily low energies are reached by sampling.

Figure: E/E0 after ten Gibbs steps is split, chain by chain and exactly, with U(v) = min_h E(v, h) and E_rand
its mean over all v: offset E_rand/E0 + luck (U(v_0) - E_rand)/E0 + descent (U(v_10) - U(v_0))/E0
+ noise (E - U(v_10))/E0. Upper row: the four parts against the scale of the weights for regularized axons and
Gaussian weights, mean of ten chains, and at the plateau for both reductions. Lower row: chains that never
moved against the scale, with the prediction below; offset and descent against V; freezing and descent
against H.

Expected: a visible unit i of an RBM with independent weights of standard deviation s feels, from hidden
units drawn at v, a field v_i f_i of mean H s^2 c and variance H s^2, of which c H s^2 comes from the draw and
the rest from the weights; c = <sech^2 x> over normal x of standard deviation s sqrt(V). At large scale it is
unstable with probability Phi(-sqrt(2H/(pi V))), and V times that is far below 1 where H >> V: then no chain
moves.

Runtime: paper preset about a minute of CPU, small preset seconds.
Verdict: the plateau of independent weights is offset, and for the lowest chain luck; only RA chains descend.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _figures

LABELS = {"ra": "RA", "gaussian": "Gaussian", "uniform": "uniform", "ra_load": "RA at fixed K/V"}
PARTS = ("offset", "luck", "descent", "noise")
PLATEAU = 10.0
N_STEPS = N_CHAINS = 10

SMALL: dict[str, Any] = {
    "V": 12,
    "H": 300,
    "K": 6,
    "scales": (-3, 2, 11),
    "sizes": (8, 10, 12),
    "hidden": (6, 24, 96, 300),
    "instances": 10,
    "seed": 4,
}
PAPER: dict[str, Any] = {
    "V": 20,
    "H": 1000,
    "K": 10,
    "scales": (-3, 2, 16),
    "sizes": (8, 12, 16, 20),
    "hidden": (10, 20, 40, 100, 200, 400, 1000),
    "instances": 30,
    "seed": 4,
}


def split(
    model: sl.models.BipartiteIsing, ground: float, start: float, generator: np.random.Generator
) -> dict[str, Any]:
    """The parts of E/E0 of ten chains, shape (chain, part), and what moved."""
    chains = sl.dynamics.block_gibbs(model, N_STEPS, N_CHAINS, rng=generator)
    before, after = (
        -np.abs(model.hidden_input(v.astype(float))).sum(1)
        for v in (chains.initial, chains.states[:, : model.V])
    )
    parts = np.stack(
        [np.full(N_CHAINS, start), before - start, after - before, chains.energy - after], axis=1
    )
    return {
        "parts": parts / ground,
        "unmoved_chains": 1 - chains.moved.any(axis=1).mean(),
        "unmoved_spins": 1 - chains.moved.mean(),
    }


def draw(
    ensemble: str, V: int, H: int, K: int, load: float, generator: np.random.Generator
) -> sl.models.BipartiteIsing:
    """Weights of standard deviation 1; "ra_load" has ``load`` V patterns, "ra" has K."""
    if ensemble in ("ra", "ra_load"):
        patterns = K if ensemble == "ra" else round(load * V)
        return sl.ensembles.ra_rbm(V, H, patterns, rng=generator).to_bipartite()
    return getattr(sl.ensembles, f"rbm_{ensemble}")(V, H, rng=generator)


def point(
    ensemble: str, V: int, H: int, K: int, load: float, stds: tuple[float, ...], rng: int
) -> dict[str, Any]:
    """One instance over all scales: mean over the chains, and the chain of lowest energy."""
    generator = np.random.default_rng(rng)
    model = draw(ensemble, V, H, K, load, generator)
    ground = sl.ground_state(model).energy
    start = sl.observables.random_start_energy(model)
    found = [split(model.scaled(s), s * ground, s * start, generator) for s in stds]
    parts = np.array([f["parts"] for f in found])
    lowest = parts.sum(2).argmax(1)
    return {
        "mean": parts.mean(1),
        "lowest": parts[np.arange(len(stds)), lowest],
        "unmoved_chains": np.array([f["unmoved_chains"] for f in found]),
        "unmoved_spins": np.array([f["unmoved_spins"] for f in found]),
    }


def unmoved(V: int, H: int, std: float, n_steps: int = N_STEPS) -> float:
    """Predicted fraction of chains of independent weights that no step of ``n_steps`` moves.

    Sites are taken as independent and the hidden fields as normal, which needs many of both. At infinite
    ``std`` it is (1 - Phi(-sqrt(2H/(pi V))))^V.
    """
    spread = std * V**0.5
    x = np.linspace(-1, 1, 4001) * min(20.0, 8 * spread)
    weight = np.exp(-0.5 * (x / spread) ** 2) / (2 * np.pi) ** 0.5 / spread
    sech = float((weight / np.cosh(x) ** 2).sum() * (x[1] - x[0]))
    z = np.linspace(-8, 8, 801)
    normal = np.exp(-0.5 * z**2) / (2 * np.pi) ** 0.5 * (z[1] - z[0])
    size = std * H**0.5
    # Rows: the part of the weights, the same at each step; columns: that of the draw.
    field = H * std**2 * sech + size * ((1 - sech) ** 0.5 * z[:, None] + sech**0.5 * z)
    flips = (0.5 * (1 - np.tanh(field))) @ normal
    return float((normal @ (1 - flips) ** n_steps) ** V)


def unstable(V: int, H: int) -> float:
    """V Phi(-sqrt(2H/(pi V))): unstable visible units of a random state of independent, large weights."""
    return V * 0.5 * math.erfc((H / (math.pi * V)) ** 0.5)


def sweeps(preset: dict[str, Any]) -> dict[str, sl.sweeps.Sweep]:
    """Over scales; over V at fixed K and at fixed K/V; over H."""
    sizes = {name: preset[name] for name in ("V", "H", "K")} | {"load": preset["K"] / preset["V"]}
    scales = tuple(float(f"{s:.12g}") for s in np.logspace(*preset["scales"]))

    def make(stds: tuple[float, ...], offset: int, **axes: Any) -> sl.sweeps.Sweep:
        return sl.sweeps.Sweep(
            point,
            axes=axes,
            fixed={name: n for name, n in sizes.items() if name not in axes} | {"stds": stds},
            replicas=preset["instances"],
            seed=preset["seed"] + offset,
            dims=dict.fromkeys(("mean", "lowest"), ("std", "part"))
            | dict.fromkeys(("unmoved_chains", "unmoved_spins"), ("std",)),
            coords={"std": stds, "part": PARTS},
        )

    return {
        "scale": make(scales, 0, ensemble=("ra", "gaussian", "uniform")),
        "V": make((PLATEAU,), 1, ensemble=("ra", "gaussian", "ra_load"), V=preset["sizes"]),
        "H": make((PLATEAU,), 2, ensemble=("ra", "gaussian"), H=preset["hidden"]),
    }


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    data = {
        name: output.run(sweep, f"dissected_{name}", workers, progress)
        for name, sweep in sweeps(settings).items()
    }
    output.figure(plot(data, settings), "accessibility_dissected")
    output.verdict(*verdict(data, settings, preset))
    return output


# Parts are not ensembles: pale and grey tones for them, the palette for ensembles.
PART_COLOURS = ("#9ecae1", "#E69F00", "#bdbdbd", "#CC79A7")
ENSEMBLE_COLOURS = (plotting.COLOURS[0], plotting.COLOURS[1], plotting.COLOURS[2], plotting.COLOURS[6])


def _stack(ax: Any, x: Any, parts: Any, bars: bool) -> None:
    """Positive parts above the axis, negative ones below; their sum in black."""
    up, down = np.zeros(len(x)), np.zeros(len(x))
    for i, name in enumerate(PARTS):
        y = parts.sel(part=name).values
        for base, part in ((up, np.maximum(y, 0)), (down, np.minimum(y, 0))):
            label = name if base is up else None
            if bars:
                ax.bar(x, part, 0.7, base, color=PART_COLOURS[i], label=label)
            else:
                ax.fill_between(x, base, base + part, color=PART_COLOURS[i], linewidth=0, label=label)
            base += part
    ax.plot(x, parts.sum("part"), "k_" if bars else "k.-", markersize=14 if bars else 6, label="$E/E_0$")
    ax.axhline(0, color="black", linewidth=0.8)


def plot(data: dict[str, Any], settings: dict[str, Any]) -> Any:
    """The parts against the scale and at the plateau; freezing, sizes, hidden units."""
    import matplotlib.pyplot as plt

    V, H = settings["V"], settings["H"]
    scale = data["scale"]
    with plotting.style():
        figure, axes = plt.subplots(3, 2, figsize=(7.6, 8.6), layout="constrained")
        for ax, name in zip(axes[0], ("ra", "gaussian"), strict=True):
            _stack(ax, scale["std"].values, scale["mean"].sel(ensemble=name).mean("replica"), bars=False)
            ax.set(
                xscale="log", xlabel="standard deviation of $W$", ylabel="parts of $E/E_0$",
                title=f"{LABELS[name]}: mean of ten chains", ylim=(-1, 1.3),
            )  # fmt: skip
        axes[0, 0].legend(loc="lower right", fontsize=8)
        ax = axes[1, 0]
        names = [(e, how) for e in ("ra", "gaussian", "uniform") for how in ("mean", "lowest")]
        parts = np.array([scale[how].sel(ensemble=e, std=PLATEAU).mean("replica").values for e, how in names])
        bars = scale["mean"].isel(replica=0, ensemble=0, std=0, drop=True).expand_dims(bar=len(names)).copy()
        bars.values = parts
        _stack(ax, np.arange(len(names)), bars, bars=True)
        ax.set(
            title=f"plateau, standard deviation {PLATEAU:g}", ylabel="parts of $E/E_0$", ylim=(-0.08, 1.05)
        )
        short = {"ra": "RA", "gaussian": "Gauss", "uniform": "unif."}
        ax.set_xticks(range(len(names)), [f"{short[e]}\n{how}" for e, how in names], fontsize=8)

        ax = axes[1, 1]
        _curves(ax, scale["unmoved_chains"], "std")
        fine = np.geomspace(float(scale["std"][0]), float(scale["std"][-1]), 120)
        ax.plot(fine, [unmoved(V, H, s) for s in fine], "k--", linewidth=1, label="predicted, iid")
        _named(ax, loc="center right")
        ax.set(
            xscale="log", xlabel="standard deviation of $W$", ylabel="fraction of chains",
            title="chains that never moved", ylim=(-0.03, 1.03),
        )  # fmt: skip

        ax, at_V = axes[2, 0], data["V"]["mean"].isel(std=0)
        _curves(ax, at_V.sel(part="descent"), "V")
        _curves(ax, at_V.sel(part="offset"), "V", linestyle=":", label="_")
        _named(ax, loc="upper center", ncols=2, fontsize=9)
        ax.set(
            xlabel="visible units $V$", ylabel="part of $E/E_0$", ylim=(-0.03, 1.35),
            title="descent (solid), offset (dotted)",
        )  # fmt: skip

        ax, at_H = axes[2, 1], data["H"].isel(std=0)
        _curves(ax, at_H["mean"].sel(part="descent"), "H")
        _curves(ax, at_H["unmoved_chains"], "H", linestyle=":", label="_")
        fine = np.geomspace(settings["hidden"][0], settings["hidden"][-1], 60)
        ax.plot(fine, [unmoved(V, int(h), PLATEAU) for h in fine], "k--", linewidth=1, label="predicted, iid")
        _named(ax)
        ax.set(
            xscale="log", xlabel="hidden units $H$", ylabel="fraction", ylim=(-0.03, 1.03),
            title="descent (solid), unmoved chains (dotted)",
        )  # fmt: skip
        _figures.letters(axes.flat)
        figure.suptitle(
            f"Untrained RBMs, $V={V}$, $H={H}$, $K={settings['K']}$ unless varied; (c), (e), (f) at standard "
            f"deviation {PLATEAU:g}",
            fontsize=9.5,
        )
    return figure


def _curves(ax: Any, values: Any, x: str, **style: Any) -> None:
    """One curve for each ensemble, in its colour; those of the parts are other colours."""
    for ensemble in values["ensemble"].values.tolist():
        i = list(LABELS).index(ensemble)
        look = {"color": ENSEMBLE_COLOURS[i], "marker": plotting.MARKERS[i], "label": ensemble}
        plotting.lines(ax, values.sel(ensemble=ensemble), x, **look | style)


def _named(ax: Any, **where: Any) -> None:
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(handles, [LABELS.get(label, label) for label in labels], **where)


def _text(values: Any) -> str:
    """Mean and standard error over instances."""
    return f"{float(values.mean()):.3f} ± {float(values.std(ddof=1)) / values.sizes['replica'] ** 0.5:.3f}"


def statements(
    plateau: dict[str, dict[str, dict[str, float]]],
    noise: tuple[float, float],
    highest: float,
    frozen_off: float,
    hidden_off: float,
) -> list[str]:
    """What the parts say.

    ``noise``: |offset + noise| at the smallest scale, |noise| at the largest; ``highest``: largest descent of
    Gaussian weights; the last two: largest differences of unmoved chains from the prediction.
    """
    gaussian, ra = plateau["gaussian"], plateau["ra"]
    mean, lowest = gaussian["mean"], gaussian["lowest"]
    is_offset = abs(mean["descent"]) < 0.02 * mean["offset"]
    is_luck = abs(lowest["descent"]) < 0.1 * lowest["luck"]
    descends = ra["mean"]["descent"] > 0.1
    is_noise = max(noise) < 0.05 and highest < 0.05
    return [
        f"Plateau of Gaussian weights, mean of ten chains: offset {mean['offset']:.3f}, descent "
        f"{mean['descent']:.3f}. "
        + (
            "The curve is the offset: what a random visible state with its best hidden layer already has."
            if is_offset
            else "The curve is MORE than the offset."
        ),
        f"Lowest of ten chains: luck {lowest['luck']:.3f}, descent {lowest['descent']:.3f}. "
        + (
            "What it has beyond the offset is the best of ten random starts, an extreme value and no "
            "dynamics."
            if is_luck
            else "It has descended."
        ),
        f"RA, mean: offset {ra['mean']['offset']:.3f}, descent {ra['mean']['descent']:.3f}; lowest of ten: "
        f"luck {ra['lowest']['luck']:.3f}, descent {ra['lowest']['descent']:.3f}. "
        + ("Here the chains do descend." if descends else "Here the chains HARDLY descend either."),
        f"For independent weights the descent never exceeds {highest:.3f} at any scale. "
        + (
            "The rise of the curve with the scale is thermal noise going away: the part called noise goes "
            "from minus the offset to zero."
            if is_noise
            else "The rise of the curve with the scale is NOT thermal noise alone."
        ),
        f"Freezing of independent weights {'follows' if frozen_off < 0.02 else 'DEPARTS from'} the "
        f"prediction over the scales: largest difference {frozen_off:.3f}; against H it is off by up to "
        f"{hidden_off:.2f}"
        + (", where sites taken as independent are not." if hidden_off > frozen_off else "."),
    ]


def verdict(data: dict[str, Any], settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Which part makes the curves, and where independent weights freeze."""
    scale = data["scale"]
    plateau = scale.sel(std=PLATEAU)
    rows = [
        [LABELS[e], how, *(_text(plateau[how].sel(ensemble=e, part=p)) for p in PARTS),
         _text(plateau[how].sel(ensemble=e).sum("part")), _text(plateau["unmoved_chains"].sel(ensemble=e))]
        for e in ("ra", "gaussian", "uniform") for how in ("mean", "lowest")
    ]  # fmt: skip
    V, H = settings["V"], settings["H"]
    frozen = [
        (float(s), float(scale["unmoved_chains"].sel(ensemble="gaussian", std=s).mean()), unmoved(V, H, s))
        for s in scale["std"].values
    ]
    at_H = data["H"].isel(std=0)
    hidden = [(int(h), unstable(V, int(h)), unmoved(V, int(h), PLATEAU)) for h in settings["hidden"]]
    hidden_rows = [
        [str(h), f"{u:.2g}", f"{p:.3f}", _text(at_H["unmoved_chains"].sel(ensemble="gaussian", H=h)),
         *(_text(at_H["mean"].sel(ensemble=e, H=h, part=part)) for e, part in
           (("gaussian", "offset"), ("gaussian", "descent"), ("ra", "offset"), ("ra", "descent")))]
        for h, u, p in hidden
    ]  # fmt: skip
    highest = float(scale["mean"].sel(ensemble="gaussian", part="descent").mean("replica").max())
    hidden_off = [
        abs(float(at_H["unmoved_chains"].sel(ensemble="gaussian", H=h).mean()) - p) for h, _, p in hidden
    ]
    sizes = data["V"]["mean"].isel(std=0)
    size_rows = [
        [str(v), *(_text(sizes.sel(ensemble=e, V=v, part=part))
                   for e in ("gaussian", "ra", "ra_load") for part in ("offset", "descent"))]
        for v in settings["sizes"]
    ]  # fmt: skip

    def part(ensemble: str, how: str, name: str) -> float:
        return float(plateau[how].sel(ensemble=ensemble, part=name).mean())

    thermal = scale["mean"].sel(ensemble="gaussian").mean("replica")
    noise = (
        abs(float(thermal.sel(part=["offset", "noise"]).isel(std=0).sum())),
        abs(float(thermal.sel(part="noise").isel(std=-1))),
    )
    few = at_H["mean"].sel(ensemble="gaussian", H=settings["hidden"][0], part="descent")
    text = "\n".join(
        [
            f"# Accessibility dissected, preset {preset}\n",
            f"V={V}, H={H}, K={settings['K']} unless varied, {settings['instances']} instances, ten "
            f"chains of ten steps, exact ground states; spinlab {sl.__version__}, seed {settings['seed']}. "
            "Errors are standard errors over instances. The parts of a row add up to E/E0 exactly.\n",
            *(
                f"- {line}"
                for line in statements(
                    {e: {how: {p: part(e, how, p) for p in PARTS} for how in ("mean", "lowest")}
                     for e in ("ra", "gaussian")},
                    noise, highest, max(abs(m - p) for _, m, p in frozen), max(hidden_off),
                )
            ),
            f"- With H={settings['hidden'][0]} the same weights move and descend by {_text(few)}"
            + (
                ": it is a matter of H/V, not of a phase.\n"
                if float(few.mean()) > 5 * float(few.std(ddof=1)) / few.size**0.5
                else ".\n"
            ),
            f"Scale {PLATEAU:g}:\n",
            markdown_table(["weights", "reduction", *PARTS, "E/E0", "chains unmoved"], rows),
            "\nGaussian weights against the scale: chains that never moved.\n",
            markdown_table(
                ["standard deviation", "measured", "predicted"],
                [[f"{s:.3g}", f"{m:.3f}", f"{p:.3f}"] for s, m, p in frozen],
            ),
            f"\nAgainst H at scale {PLATEAU:g}; criterion: V Phi(-sqrt(2H/(pi V))).\n",
            markdown_table(
                ["H", "criterion", "unmoved, predicted", "unmoved, Gaussian", "Gaussian offset",
                 "Gaussian descent", "RA offset", "RA descent"], hidden_rows),
            f"\nAgainst V at scale {PLATEAU:g}; RA with K={settings['K']} and with K/V="
            f"{settings['K'] / V:g}.\n",
            markdown_table(
                ["V", *(f"{LABELS[e]} {part}" for e in ("gaussian", "ra", "ra_load")
                        for part in ("offset", "descent"))], size_rows),
        ]
    )  # fmt: skip
    return text, {
        "study": "accessibility_dissected",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "plateau": {e: {how: {p: part(e, how, p) for p in PARTS} for how in ("mean", "lowest")}
                    for e in ("ra", "gaussian", "uniform")},
        "unmoved": [dict(zip(("std", "measured", "predicted"), row, strict=True)) for row in frozen],
        "gaussian_descent_at_smallest_H": float(few.mean()),
    }  # fmt: skip
