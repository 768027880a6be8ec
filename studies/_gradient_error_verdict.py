"""The numbers of the study of Eq. (6), and the sentences that they decide."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import spinlab as sl
from spinlab.studies import markdown_table

from ._negative_phases import READINGS, best_factor, left_by_best_factor

V, K = 16, 8
SUFFICIENT = 0.5  # relative error below which the sentences speak of a sufficient average
ALIGNED = 0.9  # cosine above which they call a gradient's direction right
JUDGED = {
    **{reading: name for reading, name in READINGS.items() if reading != "zero"},
    "factor": "best factor",
    "left": "left by best factor",
    "gradient_cosine": "cosine of gradient",
    "gradient_length": "length of gradient",
    "own_gradient_cosine": "cosine of gradient, own hidden parts",
}
Mean = tuple[float, float]


def weak(K: int) -> float:
    """Relative error at weak couplings with the hidden units summed out, random patterns.

    With C = W and N = S W, S = x^T x / K: the root of (tr S^3 - 2 tr S^2 + tr S) / tr S, averaged.
    """
    return math.sqrt((V - 1) / K + (V - 1) * (V - 2) / K**2)


def strength(scale: Any, H: int, K: int = K) -> Any:
    """b = s sqrt(VH/K)."""
    return scale * math.sqrt(V * H / K)


def mean_error(x: Any) -> Mean:
    """Mean and standard error over instances."""
    x = np.asarray(x, dtype=float)
    return float(x.mean()), float(x.std(ddof=1) / len(x) ** 0.5)


def numbers(data: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """What the sentences are made of; keys of the inner tables are scales, steps and epochs."""
    cells, along = data["scale"]["numbers"], data["training"]
    random = cells.sel(kind="random")
    scales = [float(s) for s in cells["scale"].values]

    def series(part: Any, reading: str, number: str = "error") -> dict[float, Mean]:
        return {s: mean_error(part.sel(reading=reading, number=number, scale=s)) for s in scales}

    error = random.sel(number="error")
    gain = error.sel(reading=["tanh", "zero"]).min("reading") - error.sel(reading="field")
    steps = data["steps"]
    return {
        "H": settings["H"],
        "random": {reading: series(random, reading) for reading in READINGS},
        "orthogonal": {reading: series(cells.sel(kind="orthogonal"), reading) for reading in READINGS},
        "cosine": series(random, "field", "cosine"),
        "gradient_cosine": series(random, "field", "gradient_cosine"),
        "gradient_length": series(random, "field", "gradient_length"),
        "effective": {s: mean_error(data["scale"]["effective"].sel(kind="random", scale=s)) for s in scales},
        "gain": {s: mean_error(gain.sel(scale=s)) for s in scales},
        "weak": mean_error(data["scale"]["weak"].sel(kind="random", scale=scales[0])),
        "weak_difference": float(
            abs(error.sel(reading="field") / data["scale"]["weak"].sel(kind="random") - 1)
            .sel(scale=scales[0])
            .max()
        ),
        "load": _table(data["load"]["numbers"], "b", "K"),
        "size": _table(data["size"]["numbers"], "b", "H"),
        "judged": {
            "scale": {s: judged(random.sel(scale=s)) for s in scales},
            "load": _cells(data["load"]["numbers"], "b", "K"),
            "size": _cells(data["size"]["numbers"], "b", "H"),
        },
        "bias": {
            float(s): {int(n): mean_error(steps["bias"].sel(scale=s, step=n)) for n in settings["steps"]}
            for s in settings["step_scales"]
        },
        "noise": {float(s): mean_error(steps["noise"].sel(scale=s)[:, -1]) for s in settings["step_scales"]},
        "steps_cosine": {
            float(s): [mean_error(steps["gradient_cosine"].sel(scale=s, step=n)) for n in settings["steps"]]
            for s in settings["step_scales"]
        },
        "training": {
            recipe: {int(e): _judged(along.sel(recipe=recipe, epoch=e)) for e in settings["epochs"]}
            for recipe in along["recipe"].values.tolist()
        },
    }


def _table(cells: Any, first: str, second: str) -> dict[tuple[float, int], Mean]:
    """Error with the hidden units summed out, by two axes."""
    part = cells.sel(reading="field", number="error")
    return {
        (float(a), int(b)): mean_error(part.sel({first: a, second: b}))
        for a in part[first].values
        for b in part[second].values
    }


def _cells(cells: Any, first: str, second: str) -> dict[tuple[float, int], dict[str, Mean]]:
    """Everything judged, by two axes."""
    return {
        (float(a), int(b)): judged(cells.sel({first: a, second: b}))
        for a in cells[first].values
        for b in cells[second].values
    }


def judged(machines: Any) -> dict[str, Mean]:
    """JUDGED of machines of one kind: errors of all readings, then hidden units summed out."""
    field = machines.sel(reading="field")
    cosine, length = field.sel(number="cosine"), field.sel(number="length")
    found = {r: mean_error(machines.sel(reading=r, number="error")) for r in READINGS if r in JUDGED}
    found |= {
        "factor": mean_error(best_factor(cosine, length)),
        "left": mean_error(left_by_best_factor(cosine)),
        "own_gradient_cosine": mean_error(machines.sel(reading="own", number="gradient_cosine")),
    }
    return found | {n: mean_error(field.sel(number=n)) for n in ("gradient_cosine", "gradient_length")}


def _judged(run: Any) -> dict[str, Mean]:
    return judged(run["numbers"]) | {name: mean_error(run[name]) for name in ("nll", "std_W", "effective")}


def text(x: Mean, digits: int = 2) -> str:
    """Mean and error."""
    return f"{x[0]:.{digits}f} ± {x[1]:.{digits}f}"


def _list(scales: list[float], H: int) -> str:
    return ", ".join(f"{s:g} (b = {strength(s, H):.2g})" for s in scales)


def statements(n: dict[str, Any]) -> list[str]:
    """One sentence for each question; every word of them follows from the numbers."""
    return [
        _against_guesses(n),
        _weak_couplings(n),
        _sufficient(n),
        _why(n),
        _own_parts(n),
        _factor(n),
        _hidden_units(n["size"]),
        *(_direction(n["judged"], reading) for reading in DIRECTIONS),
        _steps(n),
        *(_training(n["training"][recipe], recipe) for recipe in n["training"]),
    ]


def _against_guesses(n: dict[str, Any]) -> str:
    better = [s for s, (mean, error) in n["gain"].items() if mean > 3 * error]
    worse = [s for s, (mean, error) in n["gain"].items() if mean < -3 * error]
    return (
        "Hidden units summed out, the average over random patterns is nearer to C than the better of the "
        f"guesses 0 and tanh W, by more than 3 errors, at scales {_list(better, n['H']) or 'none'}; it is "
        f"farther at {_list(worse, n['H']) or 'none'}."
    )


def _weak_couplings(n: dict[str, Any]) -> str:
    s = min(n["random"]["own"])
    off = n["weak_difference"]
    agrees = off < 0.05
    return (
        f"Weak couplings (scale {s:g}): the error {n['random']['field'][s][0]:.2f} "
        f"{'follows' if agrees else 'DOES NOT FOLLOW'} from N = S W and C = W, instance by instance (largest "
        f"deviation {off:.1%}; average over random patterns {weak(K):.2f}); the patterns' own parts miss by "
        f"{n['random']['own'][s][0]:.0f}, and 1/(s sqrt K) - 1 is {1 / (s * K**0.5) - 1:.0f}; tanh W misses "
        f"by {n['random']['tanh'][s][0]:.3f}."
    )


def _sufficient(n: dict[str, Any]) -> str:
    cells = {f"scale {s:g}, K = {K}, H = {n['H']}": x for s, x in n["random"]["field"].items()}
    cells |= {f"b = {b:g}, K = {k}, H = {n['H']}": x for (b, k), x in n["load"].items()}
    cells |= {f"b = {b:g}, K = {K}, H = {H}": x for (b, H), x in n["size"].items()}
    good = {name: x for name, x in cells.items() if x[0] + 2 * x[1] < SUFFICIENT}
    name, x = min(cells.items(), key=lambda item: item[1][0])
    listed = f": {'; '.join(good)}" if good else ""
    return (
        f"An error below {SUFFICIENT:g} by two errors is met in {len(good)} of {len(cells)} settings of "
        f"random patterns{listed}. The least is {text(x)} ({name})."
    )


def _why(n: dict[str, Any]) -> str:
    H = n["H"]
    inside = [s for s in n["random"]["field"] if 2 <= strength(s, H) <= 12]
    if not inside:
        return "No scale lies where patterns are states of the model (b from 2 to 12)."
    worst = {how: max(n["random"][how][s][0] for s in inside) for how in ("field", "boltzmann")}
    orthogonal = max(n["orthogonal"]["field"][s][0] for s in inside)
    effective = [n["effective"][s][0] for s in inside]
    weights = worst["boltzmann"] < worst["field"] / 1.2 and orthogonal < worst["field"] / 2
    return (
        f"For b from 2 to 12 the error is at most {worst['field']:.2f} with equal weights, "
        f"{worst['boltzmann']:.2f} with weights exp(-F), {orthogonal:.2f} with orthogonal patterns: "
        + (
            "what fails is mostly that all patterns count alike"
            if weights
            else "equal weights are NOT what fails"
        )
        + f" (the weights exp(-F) are those of {min(effective):.1f} to {max(effective):.1f} patterns of {K})."
    )


def _own_parts(n: dict[str, Any]) -> str:
    field, own = n["random"]["field"], n["random"]["own"]
    worse = [s for s in field if own[s][0] - field[s][0] > 3 * math.hypot(own[s][1], field[s][1])]
    better = [s for s in field if field[s][0] - own[s][0] > 3 * math.hypot(own[s][1], field[s][1])]
    return (
        f"The patterns' own hidden parts are farther from C than the tanh of their fields at {len(worse)} of "
        f"{len(field)} scales and nearer at {len(better)}."
    )


def _factor(n: dict[str, Any]) -> str:
    left = {s: float(left_by_best_factor(mean)) for s, (mean, _) in n["cosine"].items()}
    long = [s for s, x in n["random"]["field"].items() if x[0] > 1 and n["cosine"][s][0] > 0.9]
    gradient = {s: mean for s, (mean, _) in n["gradient_cosine"].items()}
    factors = [x["factor"][0] for x in n["judged"]["scale"].values()]
    return (
        f"Direction and length: the best common factor ({min(factors):.2f} to {max(factors):.2f}) leaves "
        f"{min(left.values()):.2f} to {max(left.values()):.2f}; an error above 1 although the "
        f"cosine is above .9 occurs at scales {_list(long, n['H']) or 'none'}. The whole "
        f"gradient of 4x4 Bars has a cosine of {min(gradient.values()):.2f} to {max(gradient.values()):.2f} "
        "with the true one."
    )


def _hidden_units(size: dict[tuple[float, int], Mean]) -> str:
    """Whether the error at fixed b differs between the smallest and the largest hidden layer."""
    least, most = min(H for _, H in size), max(H for _, H in size)
    changed, other = [], []
    for b in sorted({b for b, _ in size}):
        (x, dx), (y, dy) = size[b, least], size[b, most]
        words = f"{b:g} ({x:.2f} to {y:.2f})"
        (changed if abs(x - y) > 3 * math.hypot(dx, dy) else other).append(words)
    return (
        f"From H = {least} to {most} at fixed b the error changes by more than 3 errors at b = "
        f"{', '.join(changed) or 'none'}, not at b = {', '.join(other) or 'none'}."
    )


DIRECTIONS = {"gradient_cosine": "hidden units summed out", "own_gradient_cosine": "own hidden parts"}


def _direction(cells: dict[str, dict[Any, dict[str, Mean]]], reading: str) -> str:
    """Where the gradient points the right way, of everything before training."""
    every = {f"scale {s:g}": x for s, x in cells["scale"].items()}
    every |= {f"b = {b:g}, K = {k}": x for (b, k), x in cells["load"].items()}
    every |= {f"b = {b:g}, H = {H}": x for (b, H), x in cells["size"].items()}
    good = [name for name, x in every.items() if x[reading][0] - 2 * x[reading][1] > ALIGNED]
    return (
        f"Direction of the gradient, {DIRECTIONS[reading]}: the cosine is above {ALIGNED:g} by two errors in "
        f"{len(good)} of {len(every)} settings: {'; '.join(good) or 'none'}."
    )


def _steps(n: dict[str, Any]) -> str:
    parts = []
    for s, bias in n["bias"].items():
        first, last = min(bias), max(bias)
        fell = bias[first][0] - bias[last][0] > 3 * math.hypot(bias[first][1], bias[last][1])
        parts.append(
            f"b = {strength(s, n['H']):.2g}: {bias[first][0]:.2f} to {bias[last][0]:.2f} "
            f"({'falls' if fell else 'does not fall'})"
        )
    return f"Bias before and after {max(next(iter(n['bias'].values())))} Gibbs steps: {'; '.join(parts)}."


def _training(run: dict[int, dict[str, Mean]], recipe: str) -> str:
    epochs = sorted(run)
    guess = [min(run[e]["tanh"][0], 1.0) for e in epochs]
    beaten = [
        e for e, g in zip(epochs, guess, strict=True) if run[e]["field"][0] + 2 * run[e]["field"][1] < g
    ]
    errors = [run[e]["field"][0] for e in epochs]
    cosines = [run[e]["gradient_cosine"][0] for e in epochs]
    return (
        f"Along training ({'RAPID' if recipe == 'rapid' else 'patterns of their own scale'}): error "
        f"{errors[0]:.2f} at the start, {errors[-1]:.2f} at epoch {epochs[-1]}; below the better guess by "
        f"two errors at epochs {', '.join(map(str, beaten)) or 'none'}; cosine of the gradient "
        f"{cosines[0]:.2f} at the start, {cosines[-1]:.2f} at the end."
    )


def verdict(data: dict[str, Any], settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Sentences and tables."""
    n = numbers(data, settings)
    said = statements(n)
    H = n["H"]
    scale_rows = [
        [f"{s:g}", f"{strength(s, H):.2f}", *(text(x[name]) for name in JUDGED), text(n["cosine"][s]),
         text(n["orthogonal"]["field"][s]), f"{n['effective'][s][0]:.1f}"]
        for s, x in n["judged"]["scale"].items()
    ]  # fmt: skip
    step_rows = [
        [f"{s:g}", f"{strength(s, H):.2f}", *(text(x) for x in bias.values()), text(n["noise"][s])]
        for s, bias in n["bias"].items()
    ]
    cosine_rows = [
        [f"{s:g}", f"{strength(s, H):.2f}", *(text(x) for x in cosines)]
        for s, cosines in n["steps_cosine"].items()
    ]
    training_rows = [
        [recipe, str(e), f"{x['std_W'][0]:.3f}", text(x["nll"]), *(text(x[name]) for name in JUDGED)]
        for recipe, run in n["training"].items() for e, x in run.items()
    ]  # fmt: skip
    body = "\n".join(
        [
            f"# Error of the average over patterns, preset {preset}\n",
            f"|N - C|/|C| (Frobenius) for the exact negative phase C = <v h> of machines with V = {V}, "
            f"H = {H}, K = {K} patterns where not varied; {settings['instances']} instances, standard errors "
            f"over instances; spinlab {sl.__version__}, seed {settings['seed']}.\n",
            *(f"- {sentence}" for sentence in said),
            "\nBefore training, by scale (random patterns; the guess 0 has the error 1; factor, gradient and "
            "cosine: hidden units summed out where not said; gradient: of 4x4 Bars with respect to the "
            "patterns; effective: patterns that weights exp(-F) count):\n",
            markdown_table(
                ["scale", "b", *JUDGED.values(), "cosine", "orthogonal, summed out", "effective"], scale_rows
            ),
            f"Error by K at H = {H}, hidden units summed out:\n",
            _square(n["load"], "K"),
            f"Error by H at K = {K}:\n",
            _square(n["size"], "H"),
            "The same machines in all numbers:\n",
            _rows(n["judged"]["load"], "K"),
            _rows(n["judged"]["size"], "H"),
            "Bias after Gibbs steps from the patterns; last column: standard deviation of one repetition "
            "(one chain from each pattern), relative to |C|, after the last of them:\n",
            markdown_table(["scale", "b", *(f"{k} steps" for k in settings["steps"]), "noise"], step_rows),
            f"Cosine of the gradient with its mean over {settings['copies']} repetitions:\n",
            markdown_table(["scale", "b", *(f"{k} steps" for k in settings["steps"])], cosine_rows),
            "Along training on 4x4 Bars:\n",
            markdown_table(["recipe", "epoch", "std of W", "NLL, train", *JUDGED.values()], training_rows),
        ]
    )  # fmt: skip
    return body, {
        "study": "gradient_error",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "statements": said,
        "numbers": _plain(n),
    }


def _square(cells: dict[tuple[float, int], Mean], name: str) -> str:
    rows = sorted({a for a, _ in cells})
    columns = sorted({b for _, b in cells})
    head = ["b", *(f"{name} = {b}" for b in columns)]
    return markdown_table(head, [[f"{a:g}", *(text(cells[a, b]) for b in columns)] for a in rows])


def _rows(cells: dict[tuple[float, int], dict[str, Mean]], name: str) -> str:
    return markdown_table(
        ["b", name, *JUDGED.values()],
        [[f"{a:g}", str(b), *(text(x[key]) for key in JUDGED)] for (a, b), x in cells.items()],
    )


def _plain(x: Any) -> Any:
    """Keys as text, for JSON."""
    if isinstance(x, dict):
        return {str(k): _plain(v) for k, v in x.items()}
    return x
