"""From evidence to three verdicts, each with its reasons and a confidence, and allowed to say "undecided".

Every rule is a smooth step (a logistic function) in a quantity with a physical meaning. The phase is decided
in decision.py. Ultrametricity takes no part.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .._core.results import Result
from ..observables import MinimaCount
from .decision import LASTS, NAMES, RELATED, Numbers, few_states, inside, of_load, shares, step
from .equilibrium import Equilibrium
from .simulation import FromRandom
from .weights import SHARPNESS, WEIGHTS, Weights

UNDECIDED = "undecided"
_LEAST_CONFIDENCE = 0.65


@dataclass(frozen=True, repr=False)
class Verdict(Result):
    """An answer to one question.

    Attributes
    ----------
    value : str
        The answer, or "undecided".
    confidence : float
        Probability given to the most probable answer; below 0.65 the verdict is "undecided".
    probabilities : dict
        Of all answers.
    reasons : tuple of str
    """

    value: str
    confidence: float
    probabilities: dict[str, float]
    reasons: tuple[str, ...]


def _verdict(probabilities: Mapping[str, float], reasons: list[str]) -> Verdict:
    total = sum(probabilities.values())
    shares = {name: round(p / total, 4) for name, p in probabilities.items()}
    best = max(shares, key=lambda name: shares[name])
    decided = shares[best] >= _LEAST_CONFIDENCE
    return Verdict(best if decided else UNDECIDED, shares[best], shares, tuple(reasons))


def phase(n: Numbers | None, weights: Weights = WEIGHTS) -> Verdict:
    """Paramagnet, ordered (ferromagnet, Mattis, retrieval, stripes), or spin glass."""
    if n is None:
        return _verdict(dict(zip(NAMES, (0.99, 0.005, 0.005), strict=True)), ["there are no couplings"])
    calibrated = {name: p**SHARPNESS for name, p in shares(n, weights).items()}
    return _verdict(calibrated, list(_reasons(n)))


def _reasons(n: Numbers) -> Iterator[str]:
    source = "spectrum" if n.by_spectrum else "walks on the graph" if n.dimension else "bonds"
    if math.isinf(n.log_distance):
        yield f"no line of theory at which the paramagnet turns unstable, from the {source}"
    else:
        towards = "order" if n.log_order <= n.log_glass else "a glass"
        bound = "" if n.mean_field else ", a bound: neighbourhoods grow as on a lattice"
        yield (
            f"ln(T/T_line) = {n.log_distance:+.2f} ± {n.width:.2f} for the paramagnet's end, towards "
            f"{towards}, from the {source}{bound}"
        )
    if n.converged:
        yield (
            "replicas from random states and from the lowest state agree; "
            f"{n.round_trips:.1f} round trips per ladder"
        )
    elif n.agreed:
        yield (
            "replicas from random states and from the lowest state agree, but are in several states with "
            f"{n.round_trips:.1f} round trips per ladder: not known to be in equilibrium"
        )
    else:
        yield (
            "replicas from random states and from the lowest state differ: no equilibrium within the "
            f"work, {n.round_trips:.1f} round trips per ladder"
        )
    what = "(variance of q)" if n.field and n.log_distance > 0 else "q^2"
    yield (
        f"{what} N^(2/3) = {n.q2 * n.N ** (2 / 3):.2f} between replicas (far above 1: no paramagnet"
        f"{'' if n.mean_field else '; on lattices far above 7'})"
    )
    if not math.isnan(n.reach):
        short = n.reach < math.exp(WEIGHTS.reach_at)
        stays = ", but chains stay in the lowest state" if short and n.lasting > LASTS else ""
        yield (
            f"correlations of q on the graph: chi(0)/chi(k) - 1 = {n.reach:.2g} (at a transition 9 to 17 in "
            f"four and three dimensions){stays}"
        )
    if n.mean_field and n.log_random > 1:
        yield (
            f"ln Z is one that random signs of these couplings reach at most once in "
            f"{math.exp(min(n.log_random, 20)):.2g} models"
        )
    yield (
        f"in the state they share perturbations grow by {n.instability:.2f} where order sets in (glass: "
        f"about 1 and more); the next state lies {100 * n.competitor:.0f} % higher in energy"
    )
    if n.kept:
        yield (
            f"candidate patterns keep overlap {n.kept:.2f}; ln Z per spin of their states is {n.gain:+.3f} "
            f"from that of tempered replicas, which have overlap {n.found:.2f} with them"
        )
    if n.n_set_apart:
        yield f"{n.n_set_apart} directions stand apart: at this size they may be few or an extensive number"
    if of_load(n):
        yield f"{n.n_directions or n.n_set_apart} binary patterns follow the theory of their load"
    elif inside(n) is not None:
        share = 100 * n.explained
        yield f"{n.n_directions} isolated direction(s) hold {share:.0f} % of the replicas' overlap"
    if n.balanced:
        yield (
            "no loop is frustrated: a ferromagnet after a change of signs, never a glass; a pair of walls "
            f"costs {n.wall:.1f} or less (times beta), at about N^2 places, 2 ln N = {2 * math.log(n.N):.1f}"
        )
    elif n.no_glass:
        yield (
            f"neighbourhoods grow as in {n.dimension:.1f} dimensions, where no glass exists at T > 0: what "
            "looks frozen is finite size and finite time"
        )
    if not math.isnan(n.related) and not n.no_glass:
        images = ": its states are images of each other" if n.related > RELATED else ""
        yield (
            "the model has symmetries; the largest overlap of replicas over them, squared and above chance, "
            f"is {n.related:.2g} of that in one state{images}"
        )
    if not n.excluded:
        yield "no instability, but a first-order state of lower free energy cannot be excluded"
    if not math.isnan(n.few_states):
        few = ": few states carry the weight, which is no phase" if few_states(n) else ""
        total = 2**n.smaller_layer
        yield f"nine tenths of the weight lie on {n.few_states:g} of the smaller layer's {total} states{few}"
    if n.polarised:
        yield "the fields choose the state and all replicas are in it: no symmetry is broken"
    if n.field:
        yield f"fields of rms {n.field:.2g} (times beta): lines through the susceptibilities of spins in them"
    if n.hidden:
        yield "the couplings take back part of the fields, so that these lines say nothing"


def of_parts(phases: Sequence[Verdict]) -> Verdict:
    """The phase of a whole: that of its parts with the least confidence among them, or undecided."""
    values = {verdict.value for verdict in phases}
    reasons = [f"{len(phases)} part(s) of a size that has a phase: " + ", ".join(v.value for v in phases)]
    if len(values) == 1:
        least = min(phases, key=lambda verdict: verdict.confidence)
        return Verdict(least.value, least.confidence, least.probabilities, (*reasons, *least.reasons))
    shares = {name: float(np.mean([v.probabilities[name] for v in phases])) for name in NAMES}
    return Verdict(UNDECIDED, round(max(shares.values()), 4), shares, tuple(reasons))


def metastability(count: MinimaCount | None, has_fields: bool) -> Verdict:
    """Few strict minima (a number that does not grow with N), or many (exponentially many)."""
    if count is None:
        return _verdict({"few": 0.5, "many": 0.5}, ["no descent ended in a strict minimum"])
    n = max(count.count.value, 1.0)
    pairs = n if has_fields else n / 2
    if count.exact:
        reasons = [f"{n:.0f} strict minima, counted"]
        # Three patterns have at most 14 minima; the SK model e^(0.2 N).
        many = step((math.log(pairs) - math.log(10)) / 0.25)
    else:
        reasons = [
            f"{count.n_descents} descents met {count.found} strict minima, coverage {count.coverage:.2f}; "
            f"estimate {n:.3g} or more"
        ]
        many = step((0.85 - count.coverage) / 0.05)
        if count.coverage > 0.8:
            many = max(many, step((math.log(pairs) - math.log(25)) / 0.4))
    return _verdict({"few": 1 - many, "many": many}, reasons)


def dynamics(N: int, chains: FromRandom | None, hot: Equilibrium | None) -> Verdict:
    """Do plain Gibbs chains from random states equilibrate within 60 steps, are they trapped, or frozen?"""
    if chains is None or hot is None:
        return _verdict({"equilibrates": 0.99, "trapped": 0.005, "frozen": 0.005}, ["there are no couplings"])
    q = float(np.sqrt((hot.q**2).mean()))
    gap = (chains.energy - hot.energy) / N
    error = math.hypot(chains.energy_error, hot.energy_error) / N
    remembers = abs(chains.memory) - q
    apart = q - math.sqrt(max(chains.common, 0.0))  # chains in states that equilibrium does not weigh so
    # One reason to be out of equilibrium is enough.
    late = max(step((gap - 0.015 - 3 * error) / 0.005), step((max(remembers, apart) - 0.15) / 0.04))
    still = step((0.02 - chains.activity) / 0.004)
    unmoved = step((0.2 - chains.moved) / 0.04)
    frozen = max(unmoved, 0.0) * still
    reasons = [
        f"beta times energy per spin {gap:+.3f} ± {error:.3f} above tempered replicas after 60 steps",
        f"overlap {chains.memory:.2f} between half time and the end, {q:.2f} between tempered replicas",
        f"overlap {math.sqrt(max(chains.common, 0.0)):.2f} between chains and tempered replicas",
        f"{100 * chains.moved:.0f} % of the spins ever moved, {100 * chains.activity:.1f} % in two steps",
    ]
    late = max(late, frozen)
    return _verdict(
        {"equilibrates": 1 - late, "trapped": late * (1 - frozen), "frozen": late * frozen}, reasons
    )
