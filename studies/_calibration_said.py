"""The sentences of the calibration study, each decided by its numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ._bars_compare import decided, text

CLOSE = 0.2  # nats: a recipe nearer than this reaches the other one
UNDECIDED = "cannot be told from"  # the splits differ too much
UNIFORM = 16 * math.log(2)
STANDARD = ("rbm_cd", "rbm_pcd", "rbm_exact")
FREE = ("free_cd", "free_pcd", "free_exact")
WHERE = {
    "noisy": "noisy patterns",
    "bars_paper": "Bars, split of the paper",
    "bars": "Bars, random splits",
}
STATE_BY_K = {"rapid": "fitted"}  # which state is compared over the number of patterns, if not "stopped"
SAME_PHASE = {"free_cd": "rbm_cd", "free_pcd": "rbm_pcd", "free_exact": "rbm_exact"}
Judged = Mapping[tuple[str, str], Mapping[str, np.ndarray]]


def statements(found: Judged, least: Mapping[str, float]) -> list[str]:
    """One sentence for each question that the runs answer; arrays of nats over splits that recipes share."""
    said = []
    for name, where in WHERE.items():
        here = {recipe: nll for (data, recipe), nll in found.items() if data == name}
        if not here:
            continue
        said += [
            f"{where[0].upper()}{where[1:]}: {sentence}"
            for rule in RULES
            if (sentence := rule(here, least[name]))
        ]
    strange = {recipe: nll for (data, recipe), nll in found.items() if data == "bars_and_stripes"}
    if strange:
        said.append("Bars and Stripes: " + _generalises(strange))
    return said


def _difference(a: np.ndarray, b: np.ndarray) -> tuple[float, float, str]:
    """Mean of a - b over splits, its error, and both in words."""
    d = np.asarray(a) - np.asarray(b)
    error = float(d.std(ddof=1)) / len(d) ** 0.5
    return float(d.mean()), error, f"{d.mean():+.2f} ± {error:.2f} nats"


def _reaches(d: float, error: float) -> str:
    """Whether a recipe reaches another one that it is d nats behind of."""
    return "does not reach" if d > max(CLOSE, 2 * error) else "reaches" if error < CLOSE else UNDECIDED


def _best(here: Any, names: tuple[str, ...], state: str = "stopped") -> str | None:
    there = [n for n in names if n in here]
    return min(there, key=lambda n: float(here[n][state].mean())) if there else None


def _factor(here: Any, least: float) -> str | None:
    best = _best(here, STANDARD)
    if "rapid" not in here or best is None:
        return None
    before, after = (here["rapid"][state] for state in ("stopped", "fitted"))
    d, error, words = _difference(after, here[best]["stopped"])
    return (
        f"one factor takes RAPID from {text(before)} to {text(after)} nats; with it RAPID "
        f"{_reaches(d, error)} "
        f"standard machines ({words})."
    )


def _stopping_saves_rapid(here: Any, least: float) -> str | None:
    if "rapid" not in here:
        return None
    worst = float(here["rapid"]["stopped"].min())
    return (
        "no moment of RAPID's training is better than the uniform density"
        if worst > UNIFORM
        else "stopped in time RAPID is better than the uniform density in some splits"
    ) + f" (at best {worst:.1f} nats, uniform {UNIFORM:.1f})."


def _scale_with_pid(here: Any, least: float) -> str | None:
    if "scale_pid" not in here:
        return None
    last = here["scale_pid"]["last"]
    uniform = bool((abs(last - UNIFORM) < 0.1).all())
    return (
        "one scale trained along by PID ends at the uniform density in every split"
        if uniform
        else "one scale trained along by PID does not end at the uniform density in every split"
    ) + f" ({text(last)} nats)."


def _boltzmann(here: Any, least: float) -> str | None:
    if not {"free_pid", "free_boltzmann"} <= set(here):
        return None
    a, b = here["free_boltzmann"]["stopped"], here["free_pid"]["stopped"]
    d, error, words = _difference(a, b)
    helps = "help" if d < -2 * error else "do not help"
    rest = (
        "and stay near the uniform density or above it"
        if float(a.mean()) > UNIFORM - 2
        else "and leave the uniform density behind"
    )
    return f"Boltzmann weights of the patterns {helps} patterns that carry their own scale ({words}), {rest}."


def _steps(here: Any, least: float) -> str | None:
    best = _best(here, FREE)
    if best is None or not {"free_10", "free_100"} <= set(here):
        return None
    parts = []
    for n in (10, 100):
        d, error, words = _difference(here[f"free_{n}"]["stopped"], here[best]["stopped"])
        parts.append(f"with {n} the recipe {_reaches(d, error)} it ({words})")
    return f"Gibbs steps from such patterns against the best sampled negative phase: {', '.join(parts)}."


def _axons(here: Any, least: float) -> str | None:
    free, standard = _best(here, FREE), _best(here, STANDARD)
    if free is None or standard is None:
        return None
    a, b = here[free]["stopped"], here[standard]["stopped"]
    d, error, words = _difference(a, b)
    apart = abs(d) > 2 * error
    level = (
        ("are better than" if d < 0 else "stay behind")
        if apart
        else "are level with"
        if error < CLOSE
        else UNDECIDED
    )
    return (
        f"patterns of their own scale {level} standard machines, both stopped alike: {text(a)} ({free}) and "
        f"{text(b)} nats ({standard}), {words}; least possible {least:.2f}."
    )


def _stopping(here: Any, least: float) -> str | None:
    there = [n for n in STANDARD if n in here]
    if not there:
        return None
    gains = {n: _difference(here[n]["last"], here[n]["stopped"]) for n in there}
    most = max(there, key=lambda n: gains[n][0])
    gain, error, _ = gains[most]
    matters = (
        "matters" if gain > max(CLOSE, 2 * error) else "does not matter" if error < CLOSE else "may matter"
    )
    ends, stopped = ([float(here[n][s].mean()) for n in there] for s in ("last", "stopped"))
    return (
        f"stopping early {matters} for standard machines: {min(ends):.1f} to {max(ends):.1f} nats at the "
        f"end, {min(stopped):.1f} to {max(stopped):.1f} stopped."
    )


def _generalises(here: Any) -> str:
    best = min(here, key=lambda n: float(here[n]["stopped"].mean()))
    x = here[best]["stopped"]
    d, error, _ = _difference(np.full(len(x), UNIFORM), x)
    gain = "no recipe generalises" if d < max(1.0, 2 * error) else "some recipe generalises"
    side = "better" if d > 0 else "worse"
    return (
        f"{gain}; the best one ({best}) is {abs(d):.2f} ± {error:.2f} nats {side} than the uniform density."
    )


def by_number(by_K: Mapping[tuple[str, int], Mapping[str, np.ndarray]], found: Judged) -> list[str]:
    """What more patterns do, by recipe, and how far the most of them are from standard machines.

    Noisy patterns, in splits that all share: paired t tests, Holm's correction over all of them.
    """
    numbers = sorted({K for _, K in by_K})
    recipes = list(dict.fromkeys(recipe for recipe, _ in by_K))
    nll = {(r, K): held[STATE_BY_K.get(r, "stopped")] for (r, K), held in by_K.items()}
    first, last = numbers[0], numbers[-1]
    gains = {r: nll[r, last] - nll[r, first] for r in recipes}
    there = {r: SAME_PHASE[r] for r in recipes if ("noisy", SAME_PHASE.get(r)) in found}
    apart = {r: nll[r, last] - found["noisy", s]["stopped"] for r, s in there.items()}
    signs = decided({("gain", r): d for r, d in gains.items()} | {("apart", r): d for r, d in apart.items()})

    def sides(question: str, differences: Mapping[str, np.ndarray], less: str, more: str) -> str:
        words = {-1: less, 1: more, 0: "not decided"}
        names: dict[int, list[str]] = {sign: [] for sign in words}
        for r, d in differences.items():
            names[signs[question, r]].append(f"{r} ({d.mean():+.2f} ± {d.std(ddof=1) / len(d) ** 0.5:.2f})")
        return ", ".join(f"{words[sign]}: {', '.join(here) or 'none'}" for sign, here in names.items())

    said = [
        f"From {first} to {last} patterns (RAPID with its factor; nats), "
        f"{sides('gain', gains, 'better', 'worse')}."
    ]
    if apart:
        said.append(
            f"{last} patterns against standard machines of the same negative phase (nats), "
            f"{sides('apart', apart, 'ahead', 'behind')}."
        )
    if len(recipes) > 1:
        orders = [sorted(recipes, key=lambda r: float(nll[r, K].mean())) for K in numbers]
        for end, what in ((0, "best"), (-1, "last")):
            names = {order[end] for order in orders}
            one = next(iter(names)) if len(names) == 1 else f"no recipe alone ({', '.join(sorted(names))})"
            said.append(f"By the mean {what} at every number of patterns: {one}.")
    return said


RULES = (_axons, _factor, _stopping_saves_rapid, _scale_with_pid, _boltzmann, _steps, _stopping)
