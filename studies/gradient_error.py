"""How good is the average over patterns as a negative phase? (arXiv:1910.01592, Eq. 6.)

Claim (Sec. III.B): averages over the model, the negative phase above all, are well approximated by averages
over the patterns; Gibbs steps from the patterns improve them.

Measurement: the exact negative phase C = <v h> with V=16 visible units, against the average over the patterns
in both readings (hidden units summed out, as the paper's code has it, or the patterns' own hidden parts),
weighted by exp(-F), and the guesses tanh W and 0: relative error |N - C|/|C| (Frobenius), the same after the
best common factor, cosine and length of the gradient that 4x4 Bars give. Over scale, K, H, along training,
and after Gibbs steps. b = s sqrt(VH/K): few patterns are remembered from b = 1 on.

Figure: errors against b for random and orthogonal patterns, after the best factor, and the gradient; against
K, H and steps, and along training. Lines: what follows for weak couplings.

Expected: weak couplings have C = W, and the patterns' own parts are N = W/(s sqrt K): the right direction,
the wrong length. Summing the hidden units out makes N = S W, S = x^T x/K, which misses by
sqrt((V-1)/K + (V-1)(V-2)/K^2): more than the guess 0 unless K > 1.6 V. Above b = 1 the patterns are states of
the model, but their weights differ by exp(b sqrt(K-1) z), z normal, and the average gives them equal ones.

Runtime: paper preset about 5 minutes of processor time, small preset seconds.
Verdict: right direction and wrong length for weak couplings, equal weights where they should not be for
strong ones; sufficient for one or two patterns, for many at weak couplings, and for orthogonal ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output

from . import _figures
from ._gradient_error_verdict import K, V, strength, verdict, weak
from ._negative_phases import (
    NUMBERS,
    READINGS,
    after_steps,
    compare,
    exact_correlations,
    left_by_best_factor,
    pattern_weights,
    readings,
)

KINDS = ("random", "orthogonal")
RECIPES = {"rapid": "RAPID", "own": "own scale, exact gradients"}
SMALL: dict[str, Any] = {
    "H": 80,
    "scales": (0.002, 0.02, 0.2, 1.0),
    "b": (0.1, 1.0),
    "K": (4, 32),
    "sizes": (32, 80),
    "steps": (0, 1, 10),
    "step_scales": (0.02, 1.0),
    "copies": 40,
    "epochs": (0, 3, 10),
    "instances": 3,
    "seed": 18,
}
PAPER: dict[str, Any] = {
    "H": 400,
    "scales": (0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 2.0),
    "b": (0.1, 1.0, 3.0, 10.0),
    "K": (1, 2, 4, 8, 16, 32, 64, 128),
    "sizes": (16, 64, 256, 1024, 4096),
    "steps": (0, 1, 3, 10, 30, 100),
    "step_scales": (0.02, 0.05, 0.1, 0.2, 1.0),
    "copies": 200,
    "epochs": (0, 1, 3, 10, 30, 100, 300),
    "instances": 6,
    "seed": 18,
}


def patterns(kind: str, K: int, H: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """K patterns of random signs, or mutually orthogonal in both layers (rows of a Hadamard matrix)."""
    if kind == "random":
        x, y = (generator.choice([-1.0, 1.0], (K, n)) for n in (V, H))
        return x, y
    from scipy.linalg import hadamard

    rows = hadamard(V)[generator.permutation(V)[:K]].astype(float)
    y = np.tile(rows, (1, H // V)) * generator.choice([-1.0, 1.0], H // V * V)
    return rows * generator.choice([-1.0, 1.0], V), y


def judged(x: np.ndarray, y: np.ndarray, W: np.ndarray) -> dict[str, Any]:
    """Every reading against the exact negative phase, with the patterns' signs x and y."""
    C, P = exact_correlations(W), positive_phase(W)
    return {
        "numbers": np.array([compare(N, C, P, x, y) for N in readings(x, y, W).values()]),
        "effective": 1 / (pattern_weights(x, W) ** 2).sum(),
        "weak": float(np.linalg.norm(x.T @ (x @ W) / len(x) - W) / np.linalg.norm(W)),
    }


def positive_phase(W: np.ndarray) -> np.ndarray:
    """<v h> over 4x4 Bars."""
    v = sl.datasets.bars(4).train.astype(float)
    return np.asarray(v.T @ np.tanh(v @ W) / len(v))


def by_scale(kind: str, scale: float, H: int, rng: int) -> dict[str, Any]:
    """One untrained machine."""
    x, y = patterns(kind, K, H, np.random.default_rng(rng))
    return judged(x, y, scale / K**0.5 * x.T @ y)


def by_load(b: float, K: int, H: int, rng: int) -> dict[str, Any]:
    """One untrained machine at b = s sqrt(VH/K)."""
    x, y = patterns("random", K, H, np.random.default_rng(rng))
    return judged(x, y, b / (V * H) ** 0.5 * x.T @ y)


def by_steps(scale: float, steps: tuple[int, ...], H: int, copies: int, rng: int) -> dict[str, Any]:
    """Bias, noise and cosine of the gradient of one machine after Gibbs steps from its patterns."""
    generator = np.random.default_rng(rng)
    x, y = patterns("random", K, H, generator)
    W = scale / K**0.5 * x.T @ y
    C, P = exact_correlations(W), positive_phase(W)
    bias, noise, means = zip(*(after_steps(x, W, C, n, copies, generator) for n in steps), strict=True)
    gradient = [compare(N, C, P, x, y)[NUMBERS.index("gradient_cosine")] for N in means]
    return {"bias": np.array(bias), "noise": np.array(noise), "gradient_cosine": np.array(gradient)}


def along_training(recipe: str, H: int, epochs: tuple[int, ...], rng: int) -> dict[str, Any]:
    """One machine, judged before training and after the listed epochs."""
    data = sl.datasets.bars(4).train
    generator = np.random.default_rng(rng)
    x, y = patterns("random", K, H, generator)
    start = 1.0 if recipe == "rapid" else 0.15
    machine = sl.rbm.RARBM.from_patterns(start * x, start * y)
    if recipe == "rapid":  # the paper's settings, as in Figs. 2 to 4
        trainer = sl.rbm.Trainer(
            machine, sl.rbm.PID(), lr=0.02, schedule=sl.rbm.Geometric(0.96, floor=1e-5), batch_size=3,
            projection="sign", rng=generator,
        )  # fmt: skip
    else:  # as in the study of calibration
        trainer = sl.rbm.Trainer(
            machine, sl.rbm.Exact(), lr=0.01, optimiser="adam", batch_size=len(data), rng=generator
        )
    found = []
    for epoch in epochs:
        if epoch:
            trainer.fit(data, epoch, progress=False)
        signs = [np.where(xi >= 0, 1.0, -1.0) for xi in (machine.xi_v, machine.xi_h)]
        W = machine.scale / K**0.5 * machine.xi_v.astype(float).T @ machine.xi_h
        nll = -float(machine.log_likelihood(data).mean())
        found.append(judged(signs[0], signs[1], W) | {"nll": nll, "std_W": float(W.std())})
    return {name: np.array([f[name] for f in found]) for name in found[0]}


def sweeps(preset: dict[str, Any]) -> dict[str, sl.sweeps.Sweep]:
    """Name to sweep."""
    H = preset["H"]
    cell = {"numbers": ("reading", "number")}
    names = {"reading": tuple(READINGS), "number": NUMBERS}
    steps = dict.fromkeys(("bias", "noise", "gradient_cosine"), ("step",))
    along = {"numbers": ("epoch", *cell["numbers"])} | dict.fromkeys(
        ("effective", "weak", "nll", "std_W"), ("epoch",)
    )
    what: dict[str, tuple[Any, dict[str, Any], dict[str, Any], Any, Any]] = {
        "scale": (by_scale, {"kind": KINDS, "scale": preset["scales"]}, {"H": H}, cell, names),
        "load": (by_load, {"b": preset["b"], "K": preset["K"]}, {"H": H}, cell, names),
        "size": (by_load, {"b": preset["b"], "H": preset["sizes"]}, {"K": K}, cell, names),
        "steps": (
            by_steps, {"scale": preset["step_scales"]},
            {"steps": preset["steps"], "H": H, "copies": preset["copies"]}, steps, {"step": preset["steps"]},
        ),
        "training": (
            along_training, {"recipe": tuple(RECIPES)}, {"H": H, "epochs": preset["epochs"]}, along,
            {"epoch": preset["epochs"], **names},
        ),
    }  # fmt: skip
    return {
        name: sl.sweeps.Sweep(
            point,
            axes=axes,
            fixed=fixed,
            replicas=preset["instances"],
            seed=preset["seed"],
            dims=dims,
            coords=coords,
        )
        for name, (point, axes, fixed, dims, coords) in what.items()
    }


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    data = {
        name: output.run(sweep, f"gradient_error_{name}", workers, progress)
        for name, sweep in sweeps(settings).items()
    }
    output.figure(plot(data, settings), "gradient_error")
    output.figure(plot_varied(data, settings), "gradient_error_varied")
    output.verdict(*verdict(data, settings, preset))
    return output


def plot(data: dict[str, Any], settings: dict[str, Any]) -> Any:
    """Four panels against b: two kinds of patterns, what the best factor leaves, the gradient."""
    import matplotlib.pyplot as plt

    with plotting.style():
        figure, axes = plt.subplots(2, 2, figsize=(7.6, 6.6), layout="constrained", sharex=True)
        scale = data["scale"]["numbers"]
        b = strength(scale["scale"].values, settings["H"])
        for ax, kind in zip(axes[0], KINDS, strict=True):
            for i, reading in enumerate(READINGS):
                if reading != "zero":
                    part = scale.sel(kind=kind, reading=reading, number="error")
                    plotting.lines(ax, part, b, label=READINGS[reading], **_look(i))
            ax.axhline(1, label=READINGS["zero"], **ZERO)
            weak_error = weak(K) if kind == "random" else V / K - 1
            ax.axhline(weak_error, color="black", linestyle=":", linewidth=1, label="weak couplings")
            ax.set(yscale="log", ylim=(0.02, 30), ylabel="$|N-C|/|C|$", title=f"{kind} patterns")
        random = scale.sel(kind="random")
        for ax, number, label in (
            (axes[1, 0], "cosine", "$|N-C|/|C|$ at the best factor"),
            (axes[1, 1], "gradient_cosine", "cosine with the true gradient"),
        ):
            for i, reading in enumerate(READINGS):
                part = random.sel(reading=reading, number=number)
                if number == "cosine":
                    part = left_by_best_factor(part)
                if reading != "zero":
                    plotting.lines(ax, part, b, **_look(i))
                elif number == "gradient_cosine":
                    plotting.lines(ax, part, b, marker="", **ZERO)
            ax.set(xlabel="$b = s\\sqrt{VH/K}$", ylabel=label, title="random patterns")
        for ax in axes.flat:
            ax.axvline(1, color="lightgrey", linewidth=1, zorder=0)
            ax.set_xscale("log")
        _figures.letters(axes.flat)
        figure.legend(
            *axes[0, 0].get_legend_handles_labels(), fontsize=9, ncols=2, loc="outside lower center"
        )
    return figure


def plot_varied(data: dict[str, Any], settings: dict[str, Any]) -> Any:
    """Four panels: against K, H and Gibbs steps at several b, and along training."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import NullFormatter

    by_step = strength(np.array(settings["step_scales"]), settings["H"])
    every = sorted({*settings["b"], *by_step.round(6).tolist()})
    colour = dict(zip(every, _figures.shades(len(every)), strict=True))  # b has one shade in all panels
    with plotting.style():
        figure, ((left, right), (steps, along)) = plt.subplots(2, 2, figsize=(7.6, 6.4), layout="constrained")
        for ax, name, x, label, limits in (
            (left, "load", "K", "patterns $K$", (0.02, 30)),  # K = 1, 2: 0 from b = 3
            (right, "size", "H", "hidden units $H$", (0.3, 5)),
        ):
            part = data[name]["numbers"].sel(reading="field", number="error")
            for i, b in enumerate(settings["b"]):
                look = {"color": colour[b], "marker": plotting.MARKERS[i], "label": f"{b:g}"}
                plotting.lines(ax, part.sel(b=b), x, **look)
            if name == "load":
                K_line = part["K"].values
                ax.plot(K_line, [weak(int(k)) for k in K_line], ":k", linewidth=1, label="weak couplings")
            else:
                ax.axhline(weak(K), color="black", linestyle=":", linewidth=1)
            ax.axhline(1, color="grey", linestyle="--", linewidth=1, label="guess 0")
            ax.set(xscale="log", yscale="log", ylim=limits, xlabel=label, ylabel="$|N-C|/|C|$")
        right.set_yticks([0.5, 1, 2, 5], ["0.5", "1", "2", "5"])
        right.yaxis.set_minor_formatter(NullFormatter())
        left.legend(title="$b$", fontsize=8, ncols=2, loc="upper right")
        for i, (s, b) in enumerate(zip(settings["step_scales"], by_step, strict=True)):
            look = {"color": colour[round(float(b), 6)], "marker": plotting.MARKERS[i], "label": f"{b:.2g}"}
            plotting.lines(steps, data["steps"]["bias"].sel(scale=s), "step", **look)
        steps.set(xlabel="Gibbs steps from the patterns", ylabel="bias $|N-C|/|C|$", ylim=(0, 1.75))
        steps.legend(title="$b$", fontsize=8, ncols=3, loc="upper right")
        for i, recipe in enumerate(RECIPES):
            run = data["training"]["numbers"].sel(recipe=recipe, reading="field")
            look = {"color": RECIPE_COLOURS[i], "marker": plotting.MARKERS[i]}
            plotting.lines(along, run.sel(number="error"), "epoch", label=RECIPES[recipe], **look)
            plotting.lines(
                along, run.sel(number="gradient_cosine"), "epoch", linestyle=":", label="_", **look
            )
        along.axhline(1, color="grey", linestyle="--", linewidth=1)
        along.set(xlabel="epoch", ylabel="$|N-C|/|C|$ (solid), cosine (dotted)", ylim=(0, 1.75))
        along.legend(fontsize=8, loc="upper right")
        for ax in (steps, along):
            ax.set_xscale("symlog", linthresh=1)
            ax.set_xlim(-0.2, None)
        _figures.letters(figure.axes)
    return figure


ZERO: dict[str, Any] = {"color": "grey", "linestyle": "--", "linewidth": 1}
RECIPE_COLOURS = (plotting.COLOURS[5], plotting.COLOURS[6])  # the others are readings


def _look(i: int) -> dict[str, Any]:
    return {"color": plotting.COLOURS[i], "marker": plotting.MARKERS[i]}
