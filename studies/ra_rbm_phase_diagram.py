"""The RA-RBM's control parameters: models of equal (K/V, K/H, b) agree, those of equal K/(V+H) do not.

Claim: the RA-RBM is a bidirectional associative memory, whose phase is fixed by K/V, K/H and
b = s sqrt(VH/K); the load K/(V+H), which arXiv:1910.01592 uses, is not a control parameter.

Figure: left, overlap of the visible layer with a pattern against temperature 1/b at fixed (K/V, K/H) and
growing size, on the theory's curve; right, the same for several H/V at one K/(V+H), each on its own curve.

Expected: left a collapse, right none: with one K/(V+H) the recall of H/V = 1 vanishes at another
temperature than that of H/V = 5.

Runtime: paper preset about two minutes on 2 cores, small preset seconds.
Verdict: overlaps collapse at equal (K/V, K/H, b) and lie on the saddle point within .01 away from the edge;
at equal K/(V+H) they differ by many errors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting, theory
from spinlab.studies import Output, markdown_table

from . import _figures

# "same": (V, H, K) with one (K/V, K/H); "other": one K/(V+H) = 1/40, several H/V; "quoted": published sizes.
SMALL: dict[str, Any] = {
    "same": ((200, 400, 10), (400, 800, 20)),
    "other": ((500, 500, 25), (200, 1800, 50)),
    "quoted": ((2000, 2000, 100),),
    "T": (0.3, 0.5, 0.7, 0.9),
    "n_steps": 60,
    "instances": 3,
    "quoted_instances": 3,
    "seed": 6,
}
PAPER: dict[str, Any] = {
    "same": ((200, 400, 10), (500, 1000, 25), (1000, 2000, 50), (2000, 4000, 100)),
    "other": ((1500, 1500, 75), (500, 2500, 75), (300, 2700, 75)),
    "quoted": ((2000, 2000, 100), (1000, 5000, 100)),
    "T": (0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.8, 0.9, 1.0),
    "n_steps": 100,
    "instances": 8,
    "quoted_instances": 32,
    "seed": 6,
}
# (V, H, K) at T = 0.5: overlaps of the two layers at the saddle point.
QUOTED = {(2000, 2000, 100): (0.9318, 0.9318), (1000, 5000, 100): (0.9826, 0.6758)}
QUOTED_T, TOLERANCE, QUOTED_TOLERANCE = 0.5, 0.01, 0.003  # finite size, beside which errors are counted


def point(sizes: tuple[int, int, int], T: tuple[float, ...], n_steps: int, rng: int) -> dict[str, Any]:
    """One instance: two chains of block Gibbs sampling from its first pattern at every temperature."""
    generator = np.random.default_rng(rng)
    V, H, K = sizes
    unit = sl.ensembles.ra_rbm(V, H, K, rng=generator).scaled(theory.coordinates.ra_rbm_std(V, H, K, 1.0))
    xi_v, xi_h = unit.xi_v.astype(np.int8), unit.xi_h.astype(np.int8)
    mu, nu = np.empty(len(T)), np.empty(len(T))
    for t, temperature in enumerate(T):
        chains = sl.dynamics.block_gibbs(
            unit, n_steps, 2, beta=1 / temperature, initial=xi_v[0], burn_in=n_steps // 2, record_every=2,
            rng=generator,
        )  # fmt: skip
        v, h = unit.split(chains.samples)
        mu[t] = abs(sl.observables.pattern_overlaps(xi_v[:1], v).mean(0)).mean()
        nu[t] = abs(sl.observables.pattern_overlaps(xi_h[:1], h).mean(0)).mean()
    return {"mu": mu, "nu": nu}


def sweeps(preset: dict[str, Any]) -> dict[str, sl.sweeps.Sweep]:
    """One sweep per group of sizes."""
    return {
        group: sl.sweeps.Sweep(
            point,
            axes={"sizes": preset[group]},
            fixed={"T": (QUOTED_T,) if group == "quoted" else preset["T"], "n_steps": preset["n_steps"]},
            replicas=preset["quoted_instances" if group == "quoted" else "instances"],
            seed=preset["seed"],
            dims=dict.fromkeys(("mu", "nu"), ("temperature",)),
            coords={"temperature": (QUOTED_T,) if group == "quoted" else preset["T"]},
        )
        for group in ("same", "other", "quoted")
    }


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    data = {
        group: output.run(sweep, f"ra_rbm_{group}", workers, progress)
        for group, sweep in sweeps(settings).items()
    }
    output.figure(plot(data, settings), "ra_rbm_phase_diagram")
    output.verdict(*verdict(data, settings, preset))
    return output


def saddle(sizes: tuple[int, int, int], T: Any) -> tuple[np.ndarray, np.ndarray]:
    """Overlaps of both layers at the saddle point."""
    V, H, K = sizes
    state = theory.bipartite.recall(K / V, K / H, 1 / np.asarray(T))
    return np.asarray(state.mu), np.asarray(state.nu)


def statistics(data: Any, k: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean over instances and its error by temperature, of the k-th sizes."""
    part = data[name].isel(sizes=k)
    return part.mean("replica").values, part.std("replica", ddof=1).values / part.sizes["replica"] ** 0.5


def plot(data: dict[str, Any], settings: dict[str, Any]) -> Any:
    """Collapse and non-collapse."""
    import matplotlib.pyplot as plt

    T = np.array(settings["T"])
    fine = np.linspace(T[0], T[-1], 200)
    with plotting.style():
        figure, axes = plt.subplots(1, 2, figsize=(7.6, 4), layout="constrained", sharey=True)
        for ax, group, title in zip(
            axes, ("same", "other"), ("equal $K/V$, $K/H$", "equal $K/(V+H)$ = 1/40"), strict=True
        ):
            for k, sizes in enumerate(settings[group]):
                mean, error = statistics(data[group], k, "mu")
                colour = plotting.COLOURS[k % 7]
                ax.errorbar(
                    T, mean, error, color=colour, marker=plotting.MARKERS[k % 7], linestyle="none",
                    label="{}, {}, {}".format(*sizes),
                )  # fmt: skip
                if group == "other" or k == 0:
                    ax.plot(
                        fine,
                        saddle(sizes, fine)[0],
                        color=colour if group == "other" else "black",
                        linewidth=1,
                    )
            ax.set(title=title, xlabel="temperature $1/b$")
            ax.legend(fontsize=9, title="$V$, $H$, $K$", title_fontsize=9)
        axes[0].set_ylabel(r"overlap $\mu$ of the visible layer")
        _figures.letters(axes)
        figure.suptitle(
            f"RA-RBM, block Gibbs sampling from a pattern, {settings['instances']} instances; lines: saddle "
            "point",
            fontsize=10,
        )
    return figure


def statements(
    gaps: list[float],
    spread: np.ndarray,
    errors: np.ndarray,
    near: list[float],
    near_errors: list[float],
    T: np.ndarray,
) -> tuple[list[str], dict[str, bool]]:
    """From distances to the saddle point by size, differences at equal K/(V+H), and the quoted overlaps."""
    floor = np.maximum(errors, 1e-3)
    worst = int(np.argmax(spread / floor))
    answers = {
        "collapse": bool(gaps[-1] < TOLERANCE),
        "differ_at_equal_total_load": bool(spread[worst] > 5 * floor[worst]),
        "agrees_with_saddle_point": all(
            gap < QUOTED_TOLERANCE + 3 * e for gap, e in zip(near, near_errors, strict=True)
        ),
    }
    collapse, differ, agrees = answers.values()
    return [
        f"Equal (K/V, K/H, b): the overlaps {'collapse' if collapse else 'do not collapse'} on the saddle "
        "point. Largest distance by size, below 85 % of the edge: "
        f"{', '.join(f'{g:.4f}' for g in gaps)}.",
        f"Equal K/(V+H) = 1/40: they {'differ' if differ else 'do not differ'}, most at 1/b = {T[worst]:g}, "
        f"by {spread[worst]:.3f} ± {errors[worst]:.3f}. K/(V+H) "
        f"{'is not a control parameter' if differ else 'could be a control parameter'}.",
        f"Overlaps at 1/b = {QUOTED_T} {'agree' if agrees else 'do not agree'} with the saddle point within "
        f"{QUOTED_TOLERANCE} + 3 errors: largest difference {max(near):.4f}.",
    ], answers


def verdict(data: dict[str, Any], settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Collapse, non-collapse, and the quoted overlaps."""
    T = np.array(settings["T"])
    last = len(settings["same"]) - 1
    line = saddle(settings["same"][0], T)[0]
    # Away from the edge, where a finite size leaves the pattern by chance.
    inside = np.array([0.85 * recall_edge(settings["same"][0]) > t for t in T])
    gaps = [np.abs(statistics(data["same"], k, "mu")[0] - line)[inside].max() for k in range(last + 1)]
    spread, errors = [], []
    for t in range(len(T)):
        values = [statistics(data["other"], k, "mu") for k in range(len(settings["other"]))]
        means, sigma = np.array([v[0][t] for v in values]), np.array([v[1][t] for v in values])
        spread.append(np.ptp(means))
        errors.append(float(np.sqrt((sigma**2).sum())))
    rows, near, errors_of = [], [], []
    for k, sizes in enumerate(settings["quoted"]):
        for name, value in zip(("mu", "nu"), QUOTED[sizes], strict=True):
            mean, error = (float(x[0]) for x in statistics(data["quoted"], k, name))
            near.append(abs(mean - value))
            errors_of.append(error)
            rows.append(
                ["V = {}, H = {}, K = {}".format(*sizes), name, f"{mean:.4f} ± {error:.4f}", f"{value:.4f}"]
            )
    said, answers = statements(gaps, np.array(spread), np.array(errors), near, errors_of, T)
    text = "\n".join(
        [
            f"# Control parameters of the RA-RBM, preset {preset}\n",
            f"{settings['instances']} instances per cell ({settings['quoted_instances']} in the table), "
            f"two chains of {settings['n_steps']} steps of block "
            f"Gibbs sampling from a pattern; spinlab {sl.__version__}, seed {settings['seed']}.\n",
            "\n".join(f"- {sentence}" for sentence in said) + "\n",
            markdown_table(["model", "overlap", "measured", "saddle point"], rows),
        ]
    )
    return text, {
        "study": "ra_rbm_phase_diagram",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "distance_by_size": [float(g) for g in gaps],
        "rows": rows,
    } | answers


def recall_edge(sizes: tuple[int, int, int]) -> float:
    """Highest temperature 1/b at which the saddle point recalls."""
    T = np.linspace(0.02, 1.0, 99)
    return float(T[saddle(sizes, T)[0] > 1e-6].max(initial=0.0))
