"""Do regularized axons stay easier to sample in machines too large to enumerate? (arXiv:1910.01592, Sec. IV.)

Claim: independent weights are a spin glass, which is hard to sample; regularized axons keep out of it. The
study ``sampling_hardness`` has exact relaxation times of ten units; here they are measured up to V = H = 32.

Measurement: independent Gaussian weights, K = 2 and K = V/2 patterns at equal temperature over the line where
each of them leaves the paramagnet. Ladders of parallel tempering, block Gibbs sampling from twice that
temperature down: round trips, and a cold state from each independent ladder. From these states, which are of
equilibrium, chains of block Gibbs sampling: relaxation time of the slowest even mode that products of 12
visible spins show, extrapolated in the lag, with records ever farther apart until it is resolved. Beside it
the exact time where it can be had: V = 10, and two patterns at any size.

Figure: ln tau against V at each temperature, exact times beside it; steps per round trip; measured against
exact.

Expected, if the claim holds: both times grow less with V for patterns than for independent weights.

Runtime: paper preset about 2 CPU minutes, small preset seconds.
Verdict: computed, docs/verdicts/relaxation_measured.md.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _figures
from ._sampling_hardness_verdict import KINDS, Mean, difference, growing, mean_error, sides, slope, text
from .sampling_hardness import log_time, model_of

HOTTEST = 2.0  # T/T_line of the hot end of the ladders
EXACT = 10  # V up to which every kind has an exact time; two patterns have it at any size
SITES, RECORDS, FARTHEST = 12, 500, 64
ENOUGH = 10  # round trips of all ladders together, below which nothing is said to be in equilibrium
AGREES = 0.2  # mean of ln(measured/exact), either way, that the sentences call agreement
QUANTITIES = ("log_tau", "relative_error", "log_exact", "log_round_trip", "round_trips")
SMALL: dict[str, Any] = {
    "sizes": (6, 12), "line": (1.0, 0.5), "steps": 300, "ladders": 16, "instances": 2, "seed": 186,
}  # fmt: skip
PAPER: dict[str, Any] = {
    "sizes": (10, 20, 32), "line": (0.7, 0.5), "steps": 2000, "ladders": 32, "instances": 6,
    "seed": 186,
}  # fmt: skip


def point(kind: str, V: int, line: tuple[float, ...], steps: int, ladders: int, rng: int) -> dict[str, Any]:
    """One instance, measured at every temperature."""
    generator = np.random.default_rng(rng)
    model, std = model_of(kind, V, generator)
    return {
        "measured": np.array(
            [measured(model.scaled(std / x), x / HOTTEST, steps, ladders, generator) for x in line]
        )
    }


def measured(model: Any, beta_min: float, steps: int, ladders: int, rng: np.random.Generator) -> list[float]:
    """QUANTITIES of one machine; its relaxation time is nan where the ladders are not in equilibrium."""
    how: dict[str, Any] = {"sampler": "block_gibbs", "rng": rng, "threads": 1}
    betas = sl.dynamics.ladder(model, 1.0, beta_min=beta_min, **how)
    run = sl.dynamics.parallel_tempering(model, steps, ladders, betas=betas, **how)
    trips = int(run.round_trips.sum())
    tau, error = math.nan, math.nan
    if trips >= ENOUGH:
        tau, error = slowest_time(model, run.states[:, -1], rng)
    countable = model.V <= EXACT or getattr(model, "K", None) == 2
    exact = log_time(model, "block_gibbs") if countable else math.nan
    per_trip = steps * ladders * len(betas) / trips if trips else math.nan
    return [
        math.log(tau) if tau > 0 else math.nan, error / tau if tau > 0 else math.nan, exact,
        math.log(per_trip), float(trips),
    ]  # fmt: skip


def slowest_time(model: Any, states: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Relaxation time and its error in steps of block Gibbs sampling, from states of equilibrium.

    Records are 1, 8, then 64 steps apart, until the time is a twentieth of the run; nan if even that is not
    enough.
    """
    sites = rng.permutation(model.V)[:SITES]
    every = 1
    while every <= FARTHEST:
        chains = sl.dynamics.block_gibbs(
            model, RECORDS * every, len(states), initial=states[:, : model.V], record_every=every, rng=rng,
            threads=1,
        )  # fmt: skip
        tau, error = extrapolated(chains.samples[..., sites])
        if tau <= RECORDS / 20:
            return tau * every, error * every
        every *= 8
    return math.nan, math.nan


def extrapolated(samples: np.ndarray) -> tuple[float, float]:
    """Relaxation time and error in records, from the bounds at a lag of a quarter of it and at twice that.

    A function that shows a share a of the slowest mode has lambda(t) = a exp(-t/tau), so that the bound at
    the lag t is 1/tau_t = 1/tau - ln(a)/t, and 2/tau_2t - 1/tau_t = 1/tau. Errors as if the two
    were independent.
    """
    first = sl.observables.slowest_mode_time(samples, 1).value
    lag = max(1, round(min(first, len(samples) / 20) / 4))
    near, far = (sl.observables.slowest_mode_time(samples, t) for t in (lag, 2 * lag))
    if not (0 < near.value < math.inf and 0 < far.value < math.inf):
        return near.value, near.error  # too fast for the longer lag, or nothing moves
    rate = 2 / far.value - 1 / near.value
    if rate <= 0:
        return math.inf, math.nan
    return 1 / rate, math.hypot(2 * far.error / far.value**2, near.error / near.value**2) / rate**2


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    sweep = sl.sweeps.Sweep(
        point, axes={"kind": tuple(KINDS), "V": settings["sizes"]},
        fixed={name: settings[name] for name in ("line", "steps", "ladders")},
        replicas=settings["instances"], seed=settings["seed"], dims={"measured": ("line", "quantity")},
        coords={"line": settings["line"], "quantity": QUANTITIES},
    )  # fmt: skip
    data = output.run(sweep, "relaxation_measured", workers, progress)["measured"]
    n = numbers(data, settings)
    output.figure(plot(data, settings, n), "relaxation_measured")
    output.verdict(*verdict(n, settings, preset))
    return output


def numbers(data: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """What the sentences are made of; inner keys are T/T_line and V."""
    sizes, line = settings["sizes"], settings["line"]

    def values(quantity: str, kind: str, x: float, V: int) -> np.ndarray:
        return np.asarray(data.sel(quantity=quantity, kind=kind, line=x, V=V).values)

    def whole(quantity: str, kind: str, x: float) -> list[int]:
        return [V for V in sizes if np.isfinite(values(quantity, kind, x, V)).all()]

    found: dict[str, Any] = {"V": sizes[-1], "table": {}}
    for quantity in ("log_tau", "log_round_trip"):
        against: dict[str, dict[float, Mean]] = {"two": {}, "half": {}}
        growth: dict[str, dict[float, Mean]] = {kind: {} for kind in KINDS}
        for x in line:
            there = {kind: whole(quantity, kind, x) for kind in KINDS}
            for kind in against:
                if sizes[-1] in there[kind] and sizes[-1] in there["free"]:
                    pair = (values(quantity, k, x, sizes[-1]) for k in (kind, "free"))
                    against[kind][x] = difference(*pair)
            if all(there[kind] == list(sizes) for kind in KINDS):
                for kind in KINDS:
                    y = np.array([values(quantity, kind, x, V) for V in sizes])
                    growth[kind][x] = slope(sizes, y)
        found[quantity] = {"against": against, "growth": growth}
    for kind in KINDS:
        for x in line:
            for V in sizes:
                tau, exact = (values(q, kind, x, V) for q in ("log_tau", "log_exact"))
                found["table"][kind, x, V] = {q: mean_error(values(q, kind, x, V)) for q in QUANTITIES} | {
                    "resolved": int(np.isfinite(tau).sum()), "off": (tau - exact)[np.isfinite(tau - exact)],
                }  # fmt: skip
    off = np.concatenate([cell["off"] for cell in found["table"].values()])
    found["off"] = (*mean_error(off), float(np.abs(off).max(initial=0.0)), len(off))
    found["instances"] = settings["instances"]
    return found


def statements(n: dict[str, Any]) -> list[str]:
    """Each word of them follows from the numbers."""
    mean, error, most, count = n["off"]
    agrees = abs(mean) < AGREES
    lost = {
        f"{KINDS[kind]} at {x:g}, V = {V}": cell["resolved"]
        for (kind, x, V), cell in n["table"].items() if cell["resolved"] < n["instances"]
    }  # fmt: skip
    said = [
        f"Where the exact time is known, the measured ln tau {'agrees' if agrees else 'DOES NOT AGREE'} with "
        f"it: by {mean:+.2f} ± {error:.2f} on average, by {most:.2f} at most ({count} machines and "
        "temperatures).",
        "Not resolved in every instance: "
        + ("; ".join(f"{name} ({k} of {n['instances']})" for name, k in lost.items()) or "none")
        + ". Such cells are in no comparison.",
    ]
    for quantity, name in (("log_tau", "ln tau"), ("log_round_trip", "ln of the steps per round trip")):
        said += [_against(n[quantity]["against"], n["V"], name), _growth(n[quantity]["growth"], name)]
    return said


def _against(against: dict[str, dict[float, Mean]], V: int, name: str) -> str:
    parts = []
    for kind, found in against.items():
        less, more = ([f"{x:g} ({text(found[x])})" for x in side] for side in sides(found))
        parts.append(
            f"{KINDS[kind]} less at {', '.join(less) or 'none'}, more at {', '.join(more) or 'none'}"
        )
    return (
        f"At V = {V} and equal T/T_line, {name} against that of independent weights, by more than 3 errors: "
        f"{'; '.join(parts)}."
    )


def _growth(growth: dict[str, dict[float, Mean]], name: str) -> str:
    if not growth["free"]:
        return f"Growth of {name} with V: no temperature is resolved for all kinds and sizes."
    return growing(growth, name, 3)


def plot(data: Any, settings: dict[str, Any], n: dict[str, Any]) -> Any:
    """ln tau against V at the temperatures; round trips; measured against exact."""
    import matplotlib.pyplot as plt

    line = settings["line"][-2:]
    with plotting.style():
        figure, axes = plt.subplots(2, 2, figsize=(7.6, 6.4), layout="constrained")
        panels = [(axes[0, i], "log_tau", x) for i, x in enumerate(line)]
        for ax, quantity, x in (*panels, (axes[1, 0], "log_round_trip", line[-1])):
            for i, (kind, name) in enumerate(KINDS.items()):
                part = data.sel(kind=kind, line=x)
                look = {"color": plotting.COLOURS[i]}
                plotting.lines(
                    ax, part.sel(quantity=quantity), "V", marker=plotting.MARKERS[i], label=name, **look
                )
                if quantity == "log_tau":
                    exact = part.sel(quantity="log_exact").mean("replica")
                    ax.plot(exact["V"], exact, "x", markersize=9, zorder=5, label="_", **look)
            what = "$\\ln\\tau$, block Gibbs steps" if quantity == "log_tau" else "ln of steps per round trip"
            ax.set(xlabel="$V = H$", ylabel=what, title=f"$T/T_\\mathrm{{line}} = {x:g}$")
        axes[0, 0].legend(fontsize=9)
        ax = axes[1, 1]
        for i, kind in enumerate(KINDS):
            x, y = (data.sel(kind=kind, quantity=q).values.ravel() for q in ("log_exact", "log_tau"))
            ax.plot(x, y, plotting.MARKERS[i], color=plotting.COLOURS[i], markersize=3)
        ends = np.array(ax.get_xlim())
        ax.plot(ends, ends, color="grey", linewidth=1)
        ax.set(
            xlabel="$\\ln\\tau$, exact", ylabel="$\\ln\\tau$, measured", title="every machine known exactly"
        )
        _figures.letters(axes.flat)
    return figure


def verdict(n: dict[str, Any], settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Sentences and a table of all cells."""
    said = statements(n)
    rows = [
        [f"{x:g}", KINDS[kind], str(V), f"{cell['resolved']} of {settings['instances']}",
         *(
             text(cell[q]) if math.isfinite(cell[q][0]) else "-"
             for q in ("log_tau", "relative_error", "log_exact", "log_round_trip")
         ),
         f"{cell['round_trips'][0]:.0f}"]
        for (kind, x, V), cell in n["table"].items()
    ]  # fmt: skip
    body = "\n".join(
        [
            f"# Relaxation times, measured, preset {preset}\n",
            f"Slowest even mode that products of {SITES} visible spins show, in steps of block Gibbs "
            f"sampling from equilibrium ({settings['ladders']} chains, each from a ladder of parallel "
            f"tempering of {settings['steps']} steps from T/T_line = {HOTTEST:g} down); V = H, "
            f"{settings['instances']} instances; spinlab {sl.__version__}, seed "
            f"{settings['seed']}. Errors: standard errors over instances. Modes of too little weight for "
            "these chains to meet are not seen. Steps per round trip: of one replica, by block Gibbs and "
            "exchange.\n",
            *(f"- {sentence}" for sentence in said),
            "",
            markdown_table(
                ["T/T_line", "weights", "V", "resolved", "ln tau", "error of tau / tau", "ln tau, exact",
                 "ln of steps per round trip", "round trips"],
                rows,
            ),
        ]
    )  # fmt: skip
    return body, {
        "study": "relaxation_measured",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "statements": said,
        "off": n["off"],
    }
