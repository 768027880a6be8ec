"""The Hopfield model's phase diagram: what chains keep of a pattern, against the theory's lines and values.

Claim (Amit, Gutfreund, Sompolinsky 1985, 1987): below T_M(alpha) a stored pattern is a stable state with
overlap m and self-overlap q given by the replica-symmetric equations; above, nothing of it is kept.

Figure: left, the overlap kept from the pattern over load and temperature at the largest size, with the lines
T_g, T_M, T_c of infinite size; right, m against size at several (alpha, T), minus the theory's values.

Expected: m jumps at T_M; inside, m and q agree with the theory up to corrections that vanish with N.

Runtime: paper preset about three minutes on 2 cores, small preset seconds.
Verdict: computed; see docs/verdicts/hopfield_phase_diagram.md.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import spinlab as sl
from spinlab import plotting, theory
from spinlab.studies import Output, markdown_table

from . import _figures

SMALL: dict[str, Any] = {
    "N": (200, 500, 1000),
    "alpha": (0.02, 0.05, 0.1, 0.15),
    "T": (0.1, 0.3, 0.5, 0.7),
    "n_steps": 60,
    "instances": 4,
    "seed": 5,
}
PAPER: dict[str, Any] = {
    "N": (500, 1000, 2000, 4000),
    "alpha": (0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.12, 0.15),
    "T": (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.95),
    "n_steps": 100,
    "instances": 3,
    "seed": 5,
}
# Where m and q are compared with theory: T < T_M by a margin, which a finite size needs.
COMPARED = ((0.02, 0.1), (0.02, 0.3), (0.02, 0.5), (0.05, 0.1), (0.05, 0.3), (0.1, 0.1))
TOLERANCE = 0.01
MARGIN = 0.15  # nearer to T_M a finite size decides


def point(N: int, alpha: float, T: tuple[float, ...], n_steps: int, rng: int) -> dict[str, Any]:
    """One instance: two chains from its first pattern at every temperature."""
    generator = np.random.default_rng(rng)
    model = sl.ensembles.hopfield(N, round(alpha * N), rng=generator)
    m, q, e = (np.empty(len(T)) for _ in range(3))
    for t, temperature in enumerate(T):
        chains = sl.dynamics.gibbs(
            model, n_steps, 2, beta=1 / temperature, initial=model.xi[0].astype(np.int8),
            burn_in=n_steps // 2, record_every=2, rng=generator,
        )  # fmt: skip
        m[t] = sl.observables.pattern_overlaps(model.xi[:1], chains.samples).mean()
        q[t] = sl.observables.replica_overlaps(chains.samples).mean()
        e[t] = chains.sample_energy.mean() / N
    return {"m": m, "q": q, "e": e}


def sweep(preset: dict[str, Any]) -> sl.sweeps.Sweep:
    """Sizes and loads; each instance at all temperatures."""
    return sl.sweeps.Sweep(
        point,
        axes={"N": preset["N"], "alpha": preset["alpha"]},
        fixed={"T": preset["T"], "n_steps": preset["n_steps"]},
        replicas=preset["instances"],
        seed=preset["seed"],
        dims=dict.fromkeys(("m", "q", "e"), ("temperature",)),
        coords={"temperature": preset["T"]},
    )


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    data = output.run(sweep(settings), "hopfield_phase_diagram", workers, progress)
    output.figure(plot(data, settings), "hopfield_phase_diagram")
    output.verdict(*verdict(data, settings, preset))
    return output


def compared(settings: dict[str, Any]) -> list[tuple[float, float]]:
    """The points of COMPARED that the preset measures."""
    return [(a, T) for a, T in COMPARED if a in settings["alpha"] and T in settings["T"]]


def plot(data: Any, settings: dict[str, Any]) -> Any:
    """Map of m with the lines, and m against size."""
    import matplotlib.pyplot as plt

    alpha, T = np.array(settings["alpha"]), np.array(settings["T"])
    largest = data["m"].isel(N=-1).mean("replica").transpose("temperature", "alpha")
    fine = np.linspace(0, alpha[-1] * 1.1, 200)
    hopfield = theory.hopfield
    with plotting.style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 4.1), layout="constrained")
        mesh = left.pcolormesh(
            alpha, T, largest, shading="nearest", cmap="viridis", vmin=0, vmax=1, rasterized=True
        )
        figure.colorbar(mesh, ax=left, label="overlap $m$ kept from the pattern")
        for line, look, label in (
            (hopfield.glass_line, "-", "$T_g$: glass"),
            (hopfield.retrieval_line, "--", "$T_M$: retrieval"),
            (hopfield.coexistence_line, ":", "$T_c$: retrieval in equilibrium"),
        ):
            at = np.where(line(fine) > 0, line(fine), np.nan)
            left.plot(fine, at, color="white", linewidth=2.8)
            left.plot(fine, at, color="black", linewidth=1.3, linestyle=look, label=label)
        left.set(xlabel=r"load $\alpha = K/N$", ylabel="temperature $T$", xlim=(0, fine[-1]), ylim=(0, 1.3))
        left.set_title(f"$N={settings['N'][-1]}$, {settings['n_steps']} steps from the pattern")
        left.legend(fontsize=8, frameon=True, loc="upper right")
        for k, (a, t) in enumerate(compared(settings)):
            m = data["m"].sel(alpha=a, temperature=t)
            colour = plotting.COLOURS[k % 7]
            right.errorbar(
                1000 / m["N"].values, m.mean("replica") - hopfield.retrieval(a, t).m,
                m.std("replica", ddof=1) / np.sqrt(m.sizes["replica"]),
                color=colour, marker=plotting.MARKERS[k % 7], label=rf"$\alpha$ = {a:g}, T = {t:g}",
            )  # fmt: skip
        right.axhline(0, color="grey", linewidth=0.8)
        right.set(xlabel="$1000/N$", ylabel="measured $m$ - theory, infinite size", xlim=(0, None))
        right.legend(fontsize=8)
        _figures.letters((left, right))
        figure.suptitle(f"Hopfield model, {settings['instances']} instances per cell", fontsize=9.5)
    return figure


class Cell(NamedTuple):
    """Overlap kept at one load and temperature, and the lines of infinite size there."""

    alpha: float
    T: float
    m: float
    T_M: float
    T_c: float


LINES = (theory.hopfield.retrieval_line, theory.hopfield.coexistence_line)


def statements(
    gaps: list[float], noise: list[float], cells: list[Cell], N: int
) -> tuple[list[str], bool, list[tuple[float, float]]]:
    """The sentences, whether m and q agree with theory, and the cells away from T_M that do not."""
    agrees = all(gap < TOLERANCE + 3 * error for gap, error in zip(gaps, noise, strict=True))
    far = [c for c in cells if c.T_M <= 0 or abs(c.T / c.T_M - 1) >= MARGIN]
    wrong = [(c.alpha, c.T) for c in far if (c.m > 0.5) != (c.T < c.T_M)]
    said = [
        f"Inside the retrieval region m and q {'agree' if agrees else 'do not agree'} with the "
        f"replica-symmetric values at N = {N}: largest difference {max(gaps):.4f} "
        f"(tolerance {TOLERANCE} + 3 errors).",
        f"Away from T_M by more than {MARGIN:.0%}, the pattern is kept (m > 1/2) where theory says so in "
        f"{len(far) - len(wrong)} of {len(far)} cells"
        + (f"; exceptions at (alpha, T) = {wrong}." if wrong else "."),
    ]
    between = [c for c in far if c.T_c < c.T < c.T_M]
    if between:
        kept = sum(c.m > 0.5 for c in between)
        said.append(
            f"Between T_c and T_M, where theory has the pattern metastable, it is kept in {kept} of "
            f"{len(between)} cells: "
            + (
                "chains from a pattern see metastable states, and T_c does not show in m."
                if kept == len(between)
                else "m does not tell metastable from lost there."
            )
        )
    near = [c for c in cells if c not in far]
    if near:
        halfway = sum(0.1 < c.m < 0.9 * theory.hopfield.retrieval(c.alpha, 0.8 * c.T_M).m for c in near)
        said.append(
            f"Within {MARGIN:.0%} of T_M m is halfway (above .1, below .9 of its value at .8 T_M) in "
            f"{halfway} of "
            f"{len(near)} cells: {'a crossover' if halfway else 'no crossover'} at this size and length."
        )
    return said, bool(agrees), wrong


def verdict(data: Any, settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """m and q at several points against theory, and where the pattern is kept."""
    rows, gaps, noise = [], [], []
    N = settings["N"][-1]
    n = settings["instances"]
    for a, t in compared(settings):
        state = theory.hopfield.retrieval(a, t)
        part = data.sel(N=N, alpha=a, temperature=t)
        row = [f"{a:g}", f"{t:g}"]
        for name, value in (("m", state.m), ("q", state.q)):
            mean, error = float(part[name].mean()), float(part[name].std(ddof=1)) / n**0.5
            row += [f"{mean:.4f} ± {error:.4f}", f"{value:.4f}"]
            gaps.append(abs(mean - value))
            noise.append(error)
        rows.append(row)
    cells = [
        Cell(a, t, float(m), *(float(line(a)) for line in LINES))
        for a in settings["alpha"]
        for t in settings["T"]
        for m in [data["m"].sel(N=N, alpha=a, temperature=t).mean("replica")]
    ]
    said, agrees, wrong = statements(gaps, noise, cells, N)
    text = "\n".join(
        [
            f"# The Hopfield model's phase diagram, preset {preset}\n",
            f"N = {', '.join(map(str, settings['N']))}; {n} instances per cell, two chains of "
            f"{settings['n_steps']} steps from a pattern; spinlab {sl.__version__}, seed {settings['seed']}. "
            "Errors are standard errors.\n",
            *(f"- {sentence}" for sentence in said),
            "",
            markdown_table(["alpha", "T", f"m, N = {N}", "m, theory", f"q, N = {N}", "q, theory"], rows),
        ]
    )
    return text, {
        "study": "hopfield_phase_diagram",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "agrees_with_theory": bool(agrees),
        "largest_difference": float(max(gaps)),
        "cells_wrong": wrong,
        "rows": rows,
    }
