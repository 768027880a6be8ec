"""Gibbs accessibility, raw and excess, over the load K/N and the scale of the weights.

Claim (arXiv:1910.01592, Sec. III): few patterns per unit keep a model with regularized axons out of the
spin-glass phase, so that low energies stay accessible at large weights; many patterns do not.

Figure: colour maps over load and scale. Upper row: RA-RBM, the raw ratio E/E0 and the excess over a
random start; lower row: fully connected RA model (there a random state has mean energy zero, so
ratio and excess are one number) and the fraction of RA-RBM chains that ever moved. Lines: where
theory for infinite size places the paramagnet-glass transition.

Expected: at small scale nothing is accessible (thermal noise). At large scale the raw ratio is high
everywhere, the excess only at low load.

Runtime: paper preset about a minute on 2 cores, small preset seconds.
Verdict: the map is of one finite size, hence a crossover; the excess falls with the load as claimed, the raw
ratio hides it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting, theory
from spinlab.studies import Output, markdown_table

from . import _figures
from ._follow import DIMS, follow

SMALL: dict[str, Any] = {
    "V": 12,
    "H": 200,
    "N": 16,
    "K": (1, 3, 9, 27),
    "scales": (-2, 1, 7),
    "instances": 5,
    "seed": 2,
}
PAPER: dict[str, Any] = {
    "V": 20,
    "H": 1000,
    "N": 26,
    "K": (1, 2, 3, 5, 7, 10, 15, 21, 31, 45, 65, 101),
    "scales": (-3, 1, 17),
    "instances": 30,
    "seed": 2,
}


def point(kind: str, K: int, V: int, H: int, N: int, stds: tuple[float, ...], rng: int) -> dict[str, Any]:
    """One instance of the RA-RBM or of the fully connected RA model, over all scales."""
    generator = np.random.default_rng(rng)
    if kind == "ra_rbm":
        model: sl.models.IsingModel = sl.ensembles.ra_rbm(V, H, K, rng=generator)
    else:
        model = sl.ensembles.ra(N, K, rng=generator)
    return follow(model, stds, generator)


def sweep(preset: dict[str, Any]) -> sl.sweeps.Sweep:
    """Both models over the load; each instance is followed over the scales."""
    stds = tuple(float(f"{x:.12g}") for x in np.logspace(*preset["scales"]))
    return sl.sweeps.Sweep(
        point,
        axes={"kind": ("ra_rbm", "ra"), "K": preset["K"]},
        fixed={name: preset[name] for name in ("V", "H", "N")} | {"stds": stds},
        replicas=preset["instances"],
        seed=preset["seed"],
        dims=DIMS,
        coords={"std": stds},
    )


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    data = output.run(sweep(settings), "accessibility_map", workers, progress)
    output.figure(plot(data, settings), "accessibility_map")
    output.verdict(*verdict(data, settings, preset))
    return output


def glass_std_ra(K: np.ndarray, N: int) -> np.ndarray:
    """Scale at which the paramagnet of the fully connected model becomes a glass."""
    return theory.coordinates.hopfield_std(N, K, theory.hopfield.glass_line(K / N))


def glass_std_ra_rbm(K: np.ndarray, V: int, H: int) -> np.ndarray:
    """Scale at which the paramagnet of the two-layer model becomes a glass."""
    return theory.coordinates.ra_rbm_std(V, H, K, theory.bipartite.glass_line(K / V, K / H))


def plot(data: Any, settings: dict[str, Any]) -> Any:
    """Four maps with the theory's lines."""
    import matplotlib.pyplot as plt

    V, H, N = settings["V"], settings["H"], settings["N"]
    K = np.asarray(settings["K"], dtype=float)
    fine = np.geomspace(K[0], K[-1], 200)
    stds = data["std"].values
    rbm, full = (data.sel(kind=kind).mean("replica") for kind in ("ra_rbm", "ra"))
    panels = [
        (rbm["mean"], V, glass_std_ra_rbm(fine, V, H), "RA-RBM: raw ratio", "$E/E_0$, mean of 10 chains"),
        (rbm["excess"], V, glass_std_ra_rbm(fine, V, H), "RA-RBM: excess",
         r"$(E-E_{\rm rand})/(E_0-E_{\rm rand})$, below 0: 0"),
        (full["mean"], N, glass_std_ra(fine, N), "fully connected: ratio = excess", "$E/E_0$"),
        (rbm["moved_chains"], V, glass_std_ra_rbm(fine, V, H), "RA-RBM: chains that ever moved",
         "fraction of chains"),
    ]  # fmt: skip
    with plotting.style():
        figure, axes = plt.subplots(2, 2, figsize=(7.6, 6.6), layout="constrained")
        for ax, (values, sites, line, title, label) in zip(axes.flat, panels, strict=True):
            plotting.colour_map(
                ax, values.transpose("K", "std"), stds, K / sites, label=label, vmin=0, vmax=1
            )
            ax.plot(line, fine / sites, color="white", linewidth=2.5)
            ax.plot(
                line, fine / sites, color="black", linewidth=1, linestyle="--", label="glass, infinite size"
            )
            ax.set(
                title=title,
                xlabel="std of the couplings",
                ylabel="load $K/V$" if sites == V else "load $K/N$",
                xlim=(stds[0], stds[-1]),
            )
        _figures.letters(axes.flat)
        axes[0, 0].legend(loc="upper left", frameon=True, fontsize=8)
        figure.suptitle(
            f"Ten steps from random starts, {settings['instances']} instances per cell; RA-RBM "
            f"$V={V}$, $H={H}$; fully connected $N={N}$",
            fontsize=9.5,
        )
    return figure


def of_load(
    K: tuple[int, int], excess: tuple[np.ndarray, np.ndarray], raw: tuple[float, float]
) -> tuple[str, bool]:
    """What the excess at the largest scale does from the lower load to the higher one; instances at both."""
    low, high = excess
    error = float(np.hypot(*(x.std(ddof=1) / len(x) ** 0.5 for x in excess)))
    falls = bool(low.mean() - high.mean() > 3 * error)
    return (
        f"The excess of the RA-RBM at the largest scale {'falls' if falls else 'does not fall'} with the "
        f"load: {low.mean():.2f} at K={K[0]}, {high.mean():.2f} at K={K[1]}; the raw ratio, which contains "
        f"the energy of a random start, goes from {raw[0]:.2f} to {raw[1]:.2f}.",
        falls,
    )


def verdict(data: Any, settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Raw ratio and excess at the largest scale, by load."""

    def cell(values: Any) -> str:
        return f"{float(values.mean()):.3f} ± {float(values.std(ddof=1)) / values.size**0.5:.3f}"

    strong = data.isel(std=-1)
    rows = []
    for K in settings["K"]:
        rbm, full = (strong.sel(kind=kind, K=K) for kind in ("ra_rbm", "ra"))
        rows.append(
            [str(K), f"{K / settings['V']:.3g}", cell(rbm["mean"]), cell(rbm["min"]), cell(rbm["excess"]),
             f"{K / settings['N']:.3g}", cell(full["mean"]), cell(full["min"])]
        )  # fmt: skip
    ends = settings["K"][1], settings["K"][-1]
    excess, raw = ([strong[n].sel(kind="ra_rbm", K=K).values for K in ends] for n in ("excess", "mean"))
    said, falls = of_load(ends, excess, [float(x.mean()) for x in raw])
    text = "\n".join(
        [
            f"# Accessibility over load and scale, preset {preset}\n",
            f"RA-RBM V={settings['V']}, H={settings['H']}; fully connected RA N={settings['N']}; "
            f"{settings['instances']} instances per cell, 10 chains of 10 steps; spinlab {sl.__version__}, "
            f"seed {settings['seed']}. Errors are standard errors over instances.\n",
            f"- {said}",
            "- One size was measured: where the colours change is a finite-size crossover, not a phase "
            "boundary. The dashed lines are the glass transition of infinite systems with independent "
            "patterns.\n",
            f"Largest scale, standard deviation {float(data['std'][-1]):g}:\n",
            markdown_table(
                ["K", "K/V", "RA-RBM mean", "lowest", "excess", "K/N", "full RA mean", "lowest"], rows
            ),
        ]
    )
    return text, {
        "study": "accessibility_map",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "excess_falls_with_load": falls,
        "columns": ["K", "K/V", "rbm mean", "rbm min", "rbm excess", "K/N", "ra mean", "ra min"],
        "rows": rows,
    }
