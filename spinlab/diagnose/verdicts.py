"""From evidence to three verdicts, each with its reasons and a confidence, and allowed to say "undecided".

Every rule is a smooth step (a logistic function) in a quantity with a physical meaning; its width is the
error that the quantity has at the model's size. The numbers were chosen on a development set of models and
are checked on another one (docs: Diagnose). Ultrametricity takes no part.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..observables import MinimaCount, Stability
from .candidates import Isolated
from .simulation import FromPattern, FromRandom, Tempered
from .structure import Structure

UNDECIDED = "undecided"
_FEW_PATTERNS = 3
_BINARY = (
    0.92  # directions that unmix to patterns of +-1 have .95 and more, those of trained machines .4 to .90
)
_EXPLAINED = 0.8  # planted patterns below all lines have .93 and more, blocks of SK models .5
_LEAST_CONFIDENCE = 0.65
# Glasses need d > 2.5 (S. Boettcher, Phys. Rev. Lett. 95, 197205 (2005)); small cubic lattices measure 2.3.
_NO_GLASS_BELOW = 2.25
_CUBIC = -0.65  # ln of T_c over the tree's value on the cubic lattice, 1.109/2.08


@dataclass(frozen=True)
class Verdict:
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


def _step(x: float) -> float:
    """1/(1 + exp(-x))."""
    return 1 / (1 + math.exp(-min(max(x, -30.0), 30.0)))


def phase(
    N: int,
    field: float,
    structure: Structure,
    hot: Tempered | None,
    pattern: FromPattern | None,
    stability: Stability | None,
    isolated: Isolated | None,
) -> Verdict:
    """Paramagnet, ordered (ferromagnet, Mattis, retrieval), or spin glass."""
    names = ("paramagnet", "ordered", "spin glass")
    if hot is None:
        return _verdict(dict(zip(names, (0.99, 0.005, 0.005), strict=True)), ["there are no couplings"])
    x, width = structure.log_distance, 0.04 + 0.25 / math.sqrt(N)
    para = _step(x / width)
    reasons = [f"ln(T/T_line) = {x:+.2f} ± {width:.2f} for the paramagnet's end, from the {structure.method}"]
    kept, order = 0.0, 0.02
    if pattern is not None and len(pattern.overlap):
        kept = float(np.median(pattern.overlap))
        gain = (pattern.log_partition - hot.log_partition + math.log(2 * len(pattern.overlap)) + 2) / N
        found = pattern.found_by_tempering
        # Lower in free energy, or found from random states.
        stable = max(_step((gain + 0.012) / 0.004), _step((found - 0.8 * kept) / 0.05))
        # Finite sizes keep their patterns beyond the lines of infinite ones.
        order = 0.92 * _step((kept - 0.5) / 0.06) * stable
        reasons.append(
            f"{len(pattern.overlap)} candidate pattern(s) keep overlap {kept:.2f}; ln Z per spin of their "
            f"states is {gain:+.3f} from that of tempered replicas, which have overlap {found:.2f} with them"
        )
    glass = 1.0
    if stability is not None and isolated is not None:
        along, glass, load = _along(structure, width, stability, isolated, reasons)
        order = max(order * (1 - load), along)
    d = structure.dimension
    if structure.balanced:
        reasons.append("no loop is frustrated: a ferromagnet after a change of signs, never a glass")
        if structure.method == "bonds":
            # On lattices the tree's line is only an upper bound on the transition.
            order = _step((kept - 0.55) / 0.06)
            shares = {
                "paramagnet": 1 - (1 - para) * order,
                "ordered": (1 - para) * order,
                "spin glass": 0.001,
            }
        else:
            shares = {"paramagnet": para, "ordered": 1 - para, "spin glass": 0.001}
    elif d is not None and d < _NO_GLASS_BELOW:
        reasons.append(
            f"neighbourhoods grow as in {d:.1f} dimensions, where no glass exists at T > 0: what looks "
            "frozen is finite size and finite time"
        )
        order *= 1 - para
        shares = {"paramagnet": 1 - order, "ordered": order, "spin glass": 0.02}
    else:
        if d is not None and not structure.tree_like:
            reasons.append(
                f"neighbourhoods grow as in {d:.1f} dimensions, where the tree's line lies too high"
            )
            para = max(_step(x / width), _step((x - _CUBIC) / 0.3))
        elif structure.method == "bonds" and d is None and N < 100:
            para = 0.5 + (para - 0.5) * 0.6
            reasons.append("sparse and small: the geometry cannot be told")
        # Neither order nor a reason for a glass: no decision between the two.
        open_ = 0.5 * (1 - para) * (1 - order) * (1 - glass)
        shares = {
            "paramagnet": para,
            "ordered": (1 - para) * order + open_,
            "spin glass": (1 - para) * (1 - order) - open_,
        }
    if field > 0:
        keep = 1 / (1 + 3 * field)
        shares = {name: keep * p + (1 - keep) / 3 for name, p in shares.items()}
        reasons.append(
            f"fields of rms {field:.2g} (times beta): the lines are those of models without fields"
        )
    return _verdict(shares, reasons)


def _along(
    structure: Structure, width: float, stability: Stability, isolated: Isolated, reasons: list[str]
) -> tuple[float, float, float]:
    """Given no paramagnet: order along directions, a reason for a glass, a load that retrieves nothing.

    Directions that turn unstable before the bulk hold order, whether or not they hold patterns, and keep it
    when the bulk follows (G. Parisi, G. Toulouse, J. Phys. Lett. 41, L361 (1980)). More than three binary
    patterns follow the theory of their load instead: a glass if none of them is retrieved.
    """
    first = structure.log_glass - structure.log_order  # positive if order comes first
    # Given that something is unstable: is the bulk?
    glass = _step(-structure.log_glass / width) / _step(-structure.log_distance / width)
    n, many = stability.n_directions, stability.n_set_apart
    of_load = (n > _FEW_PATTERNS or many) and not math.isnan(isolated.binary)
    patterns = _step((isolated.binary - _BINARY) / 0.01) if of_load else 0.0
    if many:
        reasons.append(
            f"{many} directions stand apart: at this size they may be few or an extensive number, "
            + ("but they are binary patterns of that load" if patterns > 0.5 else "so a glass is not proven")
        )
        return 0.0, patterns, patterns
    if not n or structure.method != "spectrum":
        return 0.0, max(glass, patterns), 0.0
    explained = 1.0 if math.isnan(isolated.explained) else isolated.explained
    inside = _step((explained - _EXPLAINED) / 0.04)
    reasons.append(
        f"{n} isolated direction(s): ln(T/T_line) = {structure.log_order:+.2f} for order along them, "
        f"{structure.log_glass:+.2f} for the bulk; they hold {100 * explained:.0f} % of the overlap of "
        "tempered replicas"
    )
    order = inside * _step((first - width) / (width / 2)) if first > 0 else 0.0
    return 0.97 * order * (1 - patterns), max(glass, patterns, 1 - inside), 0.0


def metastability(N: int, count: MinimaCount | None, has_fields: bool) -> Verdict:
    """Few strict minima (a number that does not grow with N), or many (exponentially many)."""
    if count is None:
        return _verdict({"few": 0.5, "many": 0.5}, ["no descent ended in a strict minimum"])
    n = max(count.count.value, 1.0)
    pairs = n if has_fields else n / 2
    if count.exact:
        reasons = [f"{n:.0f} strict minima, counted"]
        # Three patterns have at most 14 minima; the SK model e^(0.2 N).
        many = _step((math.log(pairs) - math.log(10)) / 0.25)
    else:
        reasons = [
            f"{count.n_descents} descents met {count.found} strict minima, coverage {count.coverage:.2f}; "
            f"estimate {n:.3g} or more"
        ]
        many = _step((0.85 - count.coverage) / 0.05)
        if count.coverage > 0.8:
            many = max(many, _step((math.log(pairs) - math.log(25)) / 0.4))
    return _verdict({"few": 1 - many, "many": many}, reasons)


def dynamics(N: int, chains: FromRandom | None, hot: Tempered | None) -> Verdict:
    """Do plain Gibbs chains from random states equilibrate within 60 steps, are they trapped, or frozen?"""
    if chains is None or hot is None:
        return _verdict({"equilibrates": 0.99, "trapped": 0.005, "frozen": 0.005}, ["there are no couplings"])
    q = float(np.sqrt((hot.q**2).mean()))
    gap = (chains.energy - hot.energy) / N
    error = math.hypot(chains.energy_error, hot.energy_error) / N
    remembers = abs(chains.memory) - q
    apart = q - math.sqrt(max(chains.common, 0.0))  # chains in states that equilibrium does not weigh so
    # One reason to be out of equilibrium is enough.
    late = max(_step((gap - 0.015 - 3 * error) / 0.005), _step((max(remembers, apart) - 0.15) / 0.04))
    still = _step((0.02 - chains.activity) / 0.004)
    unmoved = _step((0.2 - chains.moved) / 0.04)
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
