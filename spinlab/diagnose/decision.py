"""The phase from numbers: what the verdict weighs, and the weights.

Three questions, each a logistic function of few numbers with a physical meaning. Is it a paramagnet: the
distance from its line of theory, and the mean square overlap against N^(-2/3), its size at a mean-field
transition. Is it order: the stability of replica symmetry in the state that the replicas share, the energy of
the next different state, and which instability comes first. Is a glass possible at all: not without
frustration, nor in two dimensions. The weights were fitted by family (docs: Diagnose), each left out in turn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .structure import FLAT
from .weights import Weights

NAMES = ("paramagnet", "ordered", "spin glass")
_CUBIC, _MANY_DIMENSIONS = (
    2.6,
    3.4,
)  # as measured at second neighbours: cubic lattice, and above six dimensions
_FEW_PATTERNS = 3
_NO_LINE = 4.0
_EXTENSIVE = 0.1  # load, below the capacity .138, above which retrieval needs to be seen
_BINARY = (
    0.92  # directions that unmix to patterns of +-1 have .95 and more, those of trained machines .4 to .90
)
_EXPLAINED = 0.8  # planted patterns below all lines have .93 and more, blocks of SK models .5
_EXPLAINED_ON_GRAPHS = 0.95  # order on sparse graphs has .98 and more, hubs of scale-free glasses .78 to .91
_LEVELS = 2.0  # energy of a flip, over that of the ground state, times N
_FEW_SPINS = 20  # that behave as one state
LASTS = 0.7  # overlap: of glasses .85 and more, at 1.5 T_c in three dimensions .4 to .5
RELATED = 0.5  # frustrated crystals that order have .7 and more; random couplings have no symmetry
_ALONE = 0.05  # energy above which the next state is too high for a glass


@dataclass(frozen=True)
class Numbers:
    """What the verdict on the phase weighs; plain numbers, also in ``Report.evidence["decision"]``.

    Attributes
    ----------
    N : int
    log_glass, log_order : float
        ln(T/T_line) of either line.
    dimension : float or None
    mean_field, balanced, by_spectrum : bool
    q2 : float
        The larger of the mean squares of overlaps between replicas of one and of two kinds of start;
        in fields and above all lines, the variance of overlaps.
    converged : bool
    instability, competitor : float
    kept, gain, found : float
        Overlap that candidates keep, ln Z per spin of their states above that of tempered replicas, overlap
        of tempered replicas with them; 0, 0, 0 without candidates.
    explained, binary : float
        See :class:`spinlab.diagnose.candidates.Isolated`; nan if not measured.
    n_directions, n_set_apart : int
    field : float
        Root mean square of beta b.
    polarised : bool
        The fields choose the state, and all replicas are in it: nothing is broken.
    excluded : bool
        No state can have a free energy below that of the replicas.
    round_trips : float
        Mean number per ladder of replicas.
    agreed : bool
        Whether replicas from random states and from the lowest state agree; they are in equilibrium
        (``converged``) if they also went round, or are in one state or none.
    few_states : float
        Number of states of the smaller layer with nine tenths of the weight; nan if not enumerated.
    smaller_layer : int
        Units of the smaller layer; 0 without layers.
    reach : float
        (2 pi xi/L)^2 of the overlaps on a lattice (correlation.py); nan elsewhere, and in fields.
    lasting : float
        On a lattice, overlap with the lowest state that chains from it keep; nan elsewhere, and in fields.
    log_random : float
        -ln of a bound on the chance that random signs of the couplings reach the replicas' ln Z; negative
        where any would; nan for dense couplings, and in fields.
    related : float
        Mean square of the largest overlap over the symmetries of a graph, above chance, in units of that of
        replicas in one state: about 1 where all states are images of each other; nan without symmetries
        or without states.
    hidden : bool
        The couplings take back part of the fields, and the line through these says nothing.
    wall : float
        beta times the energy of the next different state above the lowest.
    """

    N: int
    log_glass: float
    log_order: float
    dimension: float | None
    mean_field: bool
    balanced: bool
    by_spectrum: bool
    q2: float
    converged: bool
    instability: float
    competitor: float
    kept: float = 0.0
    gain: float = 0.0
    found: float = 0.0
    explained: float = math.nan
    binary: float = math.nan
    n_directions: int = 0
    n_set_apart: int = 0
    field: float = 0.0
    polarised: bool = False
    round_trips: float = 0.0
    agreed: bool = True
    excluded: bool = True
    few_states: float = math.nan
    smaller_layer: int = 0
    reach: float = math.nan
    lasting: float = math.nan
    log_random: float = math.nan
    wall: float = math.inf
    related: float = math.nan
    hidden: bool = False

    @property
    def width(self) -> float:
        """Error of ln(T/T_line) at this size."""
        return 0.04 + 0.25 / math.sqrt(self.N)

    @property
    def log_distance(self) -> float:
        """ln(T/T_line) of the line that comes first."""
        return min(self.log_glass, self.log_order)

    @property
    def no_glass(self) -> bool:
        """No frustrated loop, or two dimensions."""
        return self.balanced or (self.dimension is not None and self.dimension < FLAT)


def step(x: float) -> float:
    """1/(1 + exp(-x))."""
    return 1 / (1 + math.exp(-min(max(x, -30.0), 30.0)))


def _clip(x: float, low: float, high: float) -> float:
    return min(max(x, low), high)


def shares(n: Numbers, w: Weights) -> dict[str, float]:
    """Probabilities of the three phases."""
    para, order = step(paramagnet(n, w)), step(ordered(n, w))
    glass = 1 - order
    if n.polarised:
        order, para = 0.0, 1 - (1 - para) * glass
    if n.no_glass:
        # Neither order nor a glass: a paramagnet whose correlations reach through the sample.
        return {"paramagnet": 1 - (1 - para) * order, "ordered": (1 - para) * order, "spin glass": 0.001}
    found = {"paramagnet": para, "ordered": (1 - para) * order, "spin glass": (1 - para) * glass}
    return _doubted(n, found, para, w)


def paramagnet(n: Numbers, w: Weights) -> float:
    """Log odds of the paramagnet."""
    y = math.log(max(n.q2, 1e-12) * n.N ** (2 / 3))
    if not n.by_spectrum and math.isinf(n.log_distance):
        return _NO_LINE  # walks that do not turn back die out at any T > 0: trees, rings, chains
    seen = 0.0 if n.hidden else 1.0
    if n.mean_field:
        x = _clip(n.log_distance / n.width, -8.0, 8.0)
        return w.line * seen * x - w.overlap * (y - w.overlap_at)
    x = _clip(above(n, w) / 0.25, -4.0, 4.0)
    return w.lattice_line * seen * x - w.overlap * (y - low(n) * w.lattice_overlap_at) - w.reach * far(n, w)


def low(n: Numbers) -> float:
    """How far from mean field: 1 in three dimensions, 0 in many and on graphs like trees."""
    if n.mean_field:
        return 0.0
    return _clip((_MANY_DIMENSIONS - (n.dimension or 0.0)) / (_MANY_DIMENSIONS - _CUBIC), 0.0, 1.0)


def above(n: Numbers, w: Weights) -> float:
    """ln(T/T_c), where the line of a lattice is above its transition."""
    return n.log_distance + low(n) * (w.lattice_shift if n.log_order <= n.log_glass else w.glass_shift)


def far(n: Numbers, w: Weights) -> float:
    """ln of (2 pi xi/L)^2 over its value at a transition; 0 if unknown, or if it is short in a state that
    lasts: planes that slide, each ordered, are correlated over no distance.
    """
    if math.isnan(n.reach):
        return 0.0
    x = _clip(math.log(max(n.reach, 1e-9)) - w.reach_at, -3.0, 3.0)
    return x if x > 0 else x * step((LASTS - n.lasting) / 0.05)


def ordered(n: Numbers, w: Weights) -> float:
    """Log odds of order against a glass, given that it is no paramagnet."""
    if n.balanced:
        # Replica symmetry always holds. A pair of walls costs ``wall`` and has about N^2 places: where that
        # is too little they form freely (R. Peierls 1936), as in one dimension.
        return _clip(n.wall - 2 * math.log(n.N), -4.0, 8.0)
    stable = _clip(math.log(0.5 / max(n.instability, 1e-9)), -2.0, 3.0)
    alone = min(max(n.competitor - _LEVELS / n.N, 0.0), 0.3) / 0.1
    size = n.N / (n.N + _FEW_SPINS)
    if n.no_glass:
        return w.flat + w.flat_stable * stable + w.alone * alone
    odds = size * (w.order + w.stable * stable + w.alone * alone) + w.first * first(n)
    if not n.converged and n.kept > 0.5 and n.found < 0.8 * n.kept:
        # A state that the replicas do not find: its free energy decides.
        odds = _clip((n.gain + 0.008) / 0.004, -4.0, 4.0)
    if n.related > RELATED:
        odds = max(odds, 3.0)  # states that symmetries take into each other are those of order
    if of_load(n):
        # Many binary patterns that are not retrieved follow the theory of their load.
        odds = min(odds, 4.0) if n.kept > 0.5 and n.found > 0.5 * n.kept else min(odds, -2.0)
    elif n.n_set_apart:
        odds = (
            min(odds, 0.0) if inside(n) is not True else 0.0
        )  # few directions, or a load: the size cannot tell
    elif inside(n) is False and n.competitor < _ALONE and not (n.mean_field and n.log_random > -1.5):
        odds = min(odds, -1.5)  # an isolated direction, but the overlap lies elsewhere
    if n.mean_field and not math.isnan(n.log_random):
        # Order has won against the paramagnet: its ln Z is above that of random signs, a glass's below.
        odds = min(odds, max(-1.5, n.log_random))
    return odds


def first(n: Numbers) -> float:
    """By how much order turns unstable before the glass, in errors; -1 without its line, 0 without either."""
    if math.isinf(n.log_order):
        return 0.0 if math.isinf(n.log_glass) else -1.0
    if math.isinf(n.log_glass):
        return 3.0
    return _clip((n.log_glass - n.log_order) / max(2 * n.width, 0.1), -3.0, 3.0)


def of_load(n: Numbers) -> bool:
    """Whether the directions are an extensive number of binary patterns: of N, or of the smaller layer."""
    number = n.n_directions or n.n_set_apart
    extensive = number > _FEW_PATTERNS and number > _EXTENSIVE * (n.smaller_layer or n.N)
    return extensive and not math.isnan(n.binary) and n.binary > _BINARY


def inside(n: Numbers) -> bool | None:
    """Whether the overlap lies in the span of the isolated directions; None if there are none."""
    enough = _EXPLAINED if n.by_spectrum else _EXPLAINED_ON_GRAPHS
    return None if math.isnan(n.explained) else n.explained > enough


def few_states(n: Numbers) -> bool:
    """Whether a small machine's weight lies on 2^(V/3) states or fewer that no isolated direction holds."""
    return n.few_states <= 2 ** (n.smaller_layer / 3) and first(n) <= 0


def _doubted(n: Numbers, found: dict[str, float], para: float, w: Weights) -> dict[str, float]:
    """The shares where a theorem or the size leaves the question open."""
    if not n.excluded and n.by_spectrum:
        # No instability, but a state of lower free energy is possible: first order.
        found = _mixed(found, 0.7 * para)
    if n.by_spectrum and not n.n_directions and n.competitor < _ALONE and n.instability < 0.3:
        # Stable states, many of them, and no direction: a discontinuous glass, or order of many states.
        found = _mixed(found, 0.7 * (1 - para))
    if not n.converged and above(n, w) > 0:
        # Overlaps without equilibrium, and no line that has been passed.
        found = _mixed(found, 0.7 * (1 - para))
    if few_states(n):
        # The size decides, not a phase.
        found = _mixed(found, 0.8 * (1 - para))
    if n.field:
        found = _mixed(found, max(w.field, 0.0) + 0.2 * (1 - 1 / (1 + n.field)))
    return found


def _mixed(found: dict[str, float], doubt: float) -> dict[str, float]:
    return {name: (1 - doubt) * p + doubt / 3 for name, p in found.items()}
