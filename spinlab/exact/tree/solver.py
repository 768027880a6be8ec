"""Certified ground state of a sparse graph, by eliminating one spin after the other.

Non-serial dynamic programming, or bucket elimination (Bertele and Brioschi, 1972; Dechter, Artif. Intell.
113, 41 (1999)): maximising -E over a spin leaves a table over the states of its remaining neighbours S,

    T_i(s) = max over x of [x (b_i + sum_j J_ij s_j) + sum_c T_c(s, x)],  s in {-1, 1}^S,

the sum over the tables that contain spin i. The largest S is the width of the elimination order.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np

from ..._core.parallel import n_threads
from ..._core.progress import duration, shows_progress
from ..._core.stopwatch import Stopwatch
from ..._core.validate import as_flag, check_memory
from ...models import IsingModel, ModelLike, SparseIsing, TwoLayerIsing, as_model
from ..couplings import LARGEST_DENSE, edges_of, exact_sum, in_units, lost, n_couplings, round_down
from ..result import GroundState
from . import buckets as _buckets
from .elimination import MAX_WIDTH, SMALL, least_width, plan, rough_work
from .plan import Elimination

NAME = "tree"
MAX_ENTRIES = 2.0**36  # of all tables together: minutes, and 8 GiB for the state

_SECONDS = 0.003  # to find an order, and for the Python around the kernels
_SECONDS_PER_SPIN = 4e-6
_SECONDS_PER_ENTRY = 6e-9  # of large tables
_SKETCHED = 200  # spins; orders of fewer are found as fast
_FEW_LOOPS = 8  # widen a tree by as much, at most
_SAVED = 4.0  # of the work, by trying more orders than the first few
_MAX_BITS = 10_000  # of a number of ground states


def refusal(model: IsingModel) -> str | None:
    """Why this method cannot take the model, or None."""
    return None if model.n_spins <= SMALL else _too_wide(plan(model))


def cost(model: IsingModel) -> tuple[float, float]:
    """Seconds and bytes that the elimination takes."""
    if model.n_spins <= SMALL:
        return _SECONDS, 1e6
    found = plan(model)
    return (math.inf, math.inf) if isinstance(found, str) else _cost(found)


def least(model: IsingModel) -> float | None:
    """Seconds that the narrowest graph with as many couplings takes; None where even that is too wide.

    In two layers there is more to know. A unit with d neighbours left has a table of 2^d entries. When the
    first unit of one layer goes, all its neighbours but as many as the width are gone, with all of theirs
    left.
    """
    n = model.n_spins
    if n <= SMALL:
        return _SECONDS
    if not isinstance(model, SparseIsing) and n > LARGEST_DENSE:
        return None
    width = least_width(n, n_couplings(model, MAX_WIDTH * n))
    if width > MAX_WIDTH:
        return None
    entries = 2.0**width
    if isinstance(model, TwoLayerIsing):
        linked = model.weights() != 0
        degrees = np.sort(linked.sum(0)), np.sort(linked.sum(1))
        for one, other in (degrees, degrees[::-1]):
            gone = max(int(other[0] - math.log2(MAX_ENTRIES)) - 1, 0)
            # Tables are half as large without fields.
            entries = max(entries, float(np.ldexp(0.5, np.minimum(one[:gone], MAX_WIDTH)).sum()))
    return _SECONDS + _SECONDS_PER_SPIN * n + _SECONDS_PER_ENTRY * entries / n_threads()


def sketch(model: IsingModel) -> float:
    """Seconds by the first few orders, less what trying more of them may save."""
    n = model.n_spins
    if n < _SKETCHED or n_couplings(model) - n < _FEW_LOOPS:
        return 0.0
    work = rough_work(model) / _SAVED
    return _SECONDS + _SECONDS_PER_SPIN * n + _SECONDS_PER_ENTRY * work / n_threads()


@shows_progress
def ground_state(
    model: ModelLike, *, degeneracy: bool = False, threads: int | None = None, progress: bool | None = None
) -> GroundState:
    """Lowest state of an Ising model on a sparse graph, proven by bucket elimination.

    E0 = min over s of E(s) = -sum_{i<j} J_ij s_i s_j - sum_i b_i s_i + offset.

    Parameters
    ----------
    model : IsingModel or anything that :func:`spinlab.models.as_model` takes
        Any number of spins, with or without fields, connected or not, as long as an elimination order of
        width <= 28 is found: trees and rings, strips, L x L lattices up to about L = 25, L x L tori up to
        12, thinned random graphs. A model stored densely has at most 1024 spins.
    degeneracy : bool, default False
        Count the ground states (both states of a global flip). Exact, up to numbers of 3000 digits,
        if the couplings are multiples of one number; otherwise only a ground state proven unique (up to
        flips of components without fields) is counted.
    threads, progress
        As for :func:`spinlab.ground_state`.

    Returns
    -------
    GroundState
        Certified. ``energy`` is rounded once, from an exact sum. ``lower_bound`` equals ``energy`` for
        couplings that are integers (or multiples of a power of two, or +-1 times a number); otherwise it
        is lower by the rounding bound B = 2 (k + 2) 2^-53 (sum |J| + sum |b|), where k is the longest
        chain of additions in the tables, of the order of their number of levels.

    Raises
    ------
    ValueError
        If the width is above 28, the entries are more than 2^36 or the tables do not fit into memory (the
        message has the estimate), or if the degeneracy of real couplings is asked for and a second state
        lies within the rounding.

    Notes
    -----
    sum_i 2^|S_i| entries, halved without fields, at 2 to 9 ns and 1/8 byte each, beside two stacks of
    tables of 8 bytes an entry. Strips of length 20 without fields: width 10 in 3 ms, width 16 in 15 ms,
    the search for an order included; a 10 x 10 torus (width 22) in 30 ms and 25 MiB, 12 x 12 (26) in 0.4 s
    and 0.4 GiB. Counting takes twice as long and twice the tables.

    Examples
    --------
    >>> from spinlab.exact import tree
    >>> from spinlab.models import SparseIsing
    >>> ring = SparseIsing.from_edges(range(300), [*range(1, 300), 0], [-1.0] + 299 * [1.0], N=300)
    >>> answer = tree.ground_state(ring, degeneracy=True)  # one bond is broken, any of them
    >>> answer.energy, answer.degeneracy, answer.certified
    (-298.0, 600, True)
    """
    clock = Stopwatch()
    degeneracy = as_flag(degeneracy, "degeneracy")
    model = as_model(model)
    problem = elimination(model)
    values, unit, exact = in_units(np.concatenate([problem.J, problem.b]))
    J, b = np.split(values, [len(problem.J)])
    problem = replace(problem, J=J, b=b)
    # The entries of the tables are energies of states, each with at most ``roundings`` additions to a term
    # (Higham, Accuracy and Stability, 2nd ed., Eq. 4.4); the factor 2 is margin, and it covers the rounding
    # of the couplings to multiples of the unit.
    eps = 0.0 if exact else 2 * (problem.roundings + 2) * 2.0**-53 * float(np.abs(values).sum())

    highest, by_step = _buckets.highest_state(problem, threads)
    state = np.empty_like(by_step)
    state[problem.steps.order] = by_step
    left = lost(model)
    energy, bound = _exact_energy(model, state, left)
    if eps > 0:
        # ``left`` would count only if the true model had its lowest energy that far down and the state found
        # were not the lowest of the rounded one: no model is known, but the bound is of both.
        least = -(Fraction(highest) + Fraction(eps)) * Fraction(unit)
        bound = min(bound, round_down(least + Fraction(model.offset) - Fraction(left)))
    n_states = None
    if degeneracy and left == 0 and np.array_equal(values, np.rint(values)):
        n_states = _count(problem, highest, threads)
    elif degeneracy:
        n_states = _unique(problem, eps + left / unit, threads)
    return GroundState(
        energy=energy,
        state=state,
        method=NAME,
        certified=True,
        lower_bound=bound,
        degeneracy=n_states,
        seconds=clock.seconds(),
        labels=model.labels,
        n_visible=getattr(model, "V", None),
    )


def elimination(model: IsingModel, zeros: bool = False) -> Elimination:
    """The elimination of a model that this method can take, or the refusal as an error.

    With ``zeros`` the graph has the edges without coupling, too.
    """
    found = plan(model, zeros)
    reason = _too_wide(found)
    if isinstance(found, str) or reason:
        raise ValueError(reason)
    return found


def _cost(found: Elimination) -> tuple[float, float]:
    entries = float(found.steps.size.sum())
    seconds = _SECONDS + _SECONDS_PER_SPIN * len(found.b) + _SECONDS_PER_ENTRY * entries / n_threads()
    # A second table beside each counts states, or carries the mean energy.
    return seconds, 16.0 * sum(found.waiting) + entries / 8 + 100.0 * len(found.b)


def _too_wide(found: Elimination | str) -> str | None:
    """The refusal of what is beyond the limits: what it would cost and what to do instead."""
    if isinstance(found, str):
        reason = found
    else:
        seconds, n_bytes = _cost(found)
        if found.width <= MAX_WIDTH and found.steps.size.sum() <= MAX_ENTRIES:
            try:
                check_memory(int(n_bytes), f"{NAME}: an elimination of width {found.width}")
            except ValueError as error:
                return str(error)
            return None
        reason = (
            f"the best order found has width {found.width}, tables of {n_bytes / 2**30:.3g} GiB and "
            f"{duration(seconds)} on {n_threads()} threads"
        )
    return (
        f"{NAME} eliminates spins one by one: {reason}; its limit is width {MAX_WIDTH}, and "
        f"{MAX_ENTRIES:.1g} entries. Instead: 'enumeration' for few spins, "
        "'layer' where one layer is small, or sampling (spinlab.dynamics) for an estimate without a proof"
    )


def _exact_energy(model: IsingModel, s: np.ndarray, left: float) -> tuple[float, float]:
    """Energy rounded once, from the exact sum of its terms, and rounded down with ``left`` subtracted."""
    i, j, J = edges_of(model)
    return exact_sum([model.offset, *(-J * s[i] * s[j]).tolist(), *(-model.b * s).tolist()], left)


def _count(problem: Elimination, highest: float, threads: int | None) -> int:
    """Number of ground states for integer couplings, whose energies are exact in float64."""
    by_component = _buckets.counts(problem, 0, threads)
    # Counts only grow on the way to a root, so a small one was exact all the way.
    small = by_component < 2.0**52
    values, times = np.unique(by_component[small], return_counts=True)
    total = math.prod(int(x) ** int(n) for x, n in zip(values, times, strict=True))
    if small.all():
        return total
    # The others follow from their remainders for enough primes: n_0 exp(-beta E0) < Z at any beta.
    beta = 40 / max(1.0, 1e-8 * float(np.abs(problem.J).sum() + np.abs(problem.b).sum()))
    log_z, _ = _buckets.log_sums(problem, beta, threads)
    bits = (log_z - beta * highest) / math.log(2) + 2
    if bits > _MAX_BITS:
        raise ValueError(
            f"the number of ground states may have {0.301 * bits:.0f} digits, and {NAME} counts up to "
            f"{0.301 * _MAX_BITS:.0f}; its logarithm is ln Z + beta E0 at a large beta (log_partition)"
        )
    residues = [(p, _buckets.counts(problem, p, threads)[~small]) for p in _primes(bits)]
    for component in range(np.count_nonzero(~small)):
        total *= _chinese_remainder([(p, int(r[component])) for p, r in residues])
    return total


def _primes(bits: float) -> list[int]:
    """The largest primes below 2^26 whose product exceeds 2^bits."""
    divisors = np.arange(3, 2**13, 2)
    primes: list[int] = []
    p = 2**26 + 1
    while bits > 0:
        p -= 2
        if (p % divisors).all():
            primes.append(p)
            bits -= math.log2(p)
    return primes


def _chinese_remainder(residues: list[tuple[int, int]]) -> int:
    """The smallest x >= 0 with x = r modulo p for all (p, r)."""
    x, modulus = 0, 1
    for p, r in residues:
        x += modulus * ((r - x) * pow(modulus, -1, p) % p)
        modulus *= p
    return x


def _unique(problem: Elimination, eps: float, threads: int | None) -> int:
    """Number of ground states where no other state can lie within the rounding, or an error."""
    # Both energies of a gap may be off by eps; states within 2 eps are not told apart. The rest is margin.
    if _buckets.smallest_gap(problem, threads) <= 8 * eps:
        raise ValueError(
            f"{NAME} cannot count the ground states of this model: its couplings are no multiples of one "
            "number, and a second state lies within the rounding of the lowest; ask for the energy alone, or "
            "use method 'enumeration' (up to 40 spins), which counts the states within that rounding"
        )
    even_roots = problem.steps.even & (problem.steps.parent < 0)
    return 2 ** int(np.count_nonzero(even_roots))
