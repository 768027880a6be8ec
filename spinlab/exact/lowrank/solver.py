"""Certified ground states of models with few patterns, at any number of spins.

With positive semidefinite couplings of few patterns the energy is minus a convex function of few sums,

    E(s) = const - F(m, b.s),   m_k = sum_i xi_i^k s_i,   F = (scale/2) sum_k m_k^2 + b.s,

and for a restricted Boltzmann machine, whose other layer follows the enumerated one,

    min_h E(v, h) = -F,   F = sum_a |scale sum_k xi_a^k m_k + bh_a| + bv.v.

A convex function is largest at a vertex: s_i is the sign of a linear function of (xi_i, b_i), and few such
signs exist. A field along the patterns adds no dimension, any other field adds one. Four routes:

thresholds  binary patterns: sites of the same pattern column up to sign are one class; all zero-threshold
            functions of up to 7 inputs are visited, whatever the number of sites;
turns       real patterns of rank up to 3, a field that needs a dimension included: all directions;
types       few different pairs (xi_i, b_i) up to sign: sites of a type align and act as one spin;
classes     up to 3 binary patterns in any field and with couplings of either sign (an antiferromagnet on the
            complete graph): the sums over the classes of sites are the variables, nothing need be convex.
"""

from __future__ import annotations

import itertools
import math
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import wraps
from types import ModuleType
from typing import TypeVar

import numpy as np

from ..._core.blas import one_blas_thread
from ..._core.parallel import n_threads
from ..._core.progress import duration, shows_progress
from ..._core.stopwatch import Stopwatch
from ..._core.validate import as_flag
from ...models import (
    BipartiteIsing,
    DenseIsing,
    IsingModel,
    ModelLike,
    PatternBipartiteIsing,
    PatternIsing,
    SparseIsing,
    as_model,
)
from .. import enumeration, layer
from ..couplings import round_down
from ..enumeration.solver import MAX_SPINS
from ..layer.solver import MAX_UNITS
from ..result import GroundState
from . import class_sums, threshold_functions
from .layer_sites import Side, dot, fold
from .recover_layers import recover_layers
from .recover_patterns import recover_patterns
from .threshold_functions import MAX_INPUTS
from .zonotope import MAX_RANK, Convex, U, best_signs

NAME = "lowrank"
MAX_SECONDS = 600.0
MAX_TYPES = 30  # that are enumerated
TOLERANCE = 1e-12  # of fields and ranks, relative; what is left enters the lower bound
DOES_NOT_COUNT = (  # ties along edges of the zonotope
    f"{NAME} does not count degenerate states; take method='enumeration' (N <= "
    f"{MAX_SPINS}) or 'layer' (RBMs with a layer of up to {MAX_UNITS} units)"
)

_MAX_REDUCED = 16  # patterns whose rank is determined
# Seconds on one core.
_FUNCTION = (1e-6, 1e-6, 1e-6, 1e-5, 5e-5, 1e-3, 0.13)  # all functions of K inputs, without a second layer
_GROUP, _SEARCH = 2e-9, 2e-9  # one group and one function, of one breakpoint, and each halving of more
_TURN, _TERM = 2e-7, 3e-9  # one pair of planes, one unit of the other layer

T = TypeVar("T")


def refusal(model: IsingModel) -> str | None:
    """Why this method cannot take the model, or None."""
    plan = plan_of(model)
    return plan if isinstance(plan, str) else None


def cost(model: IsingModel) -> tuple[float, float]:
    """Seconds and bytes that the search takes."""
    plan = plan_of(model)
    return (math.inf, math.inf) if isinstance(plan, str) else (plan.seconds, plan.memory)


@shows_progress
def ground_state(
    model: ModelLike, *, degeneracy: bool = False, threads: int | None = None, progress: bool | None = None
) -> GroundState:
    """Lowest state of a model with few patterns (Mattis, Hopfield, RA, RA-RBM), proven at any N.

    E(s) = -(scale/2) [sum_k m_k^2 - sum_ik (xi_i^k)^2] - b.s + offset with m_k = sum_i xi_i^k s_i is minus a
    convex function of (m, b.s), and so is the RBM's -sum_a |scale sum_k xi_a^k m_k + bh_a| - bv.v: the
    minimum lies where s_i = sign(c.xi_i + d b_i) for some c and d.

    Parameters
    ----------
    model : PatternIsing, PatternBipartiteIsing, or anything :func:`spinlab.models.as_model` takes
        One of:

        - up to 7 binary (+-1) patterns, any N. Fields sum_k c_k xi^k cost nothing; a uniform field, or any
          field of a constant size, counts as one more pattern;
        - up to 3 binary patterns in any fields, N in the ten thousands for 3, any N for less; of an RBM with
          3 binary patterns in both layers and any biases, one layer of up to some 1000 units;
        - real patterns of rank up to 3; a field that is no sum of patterns counts as one more;
        - any patterns and fields with at most 30 different pairs (xi_i, b_i) up to sign;
        - a matrix J of 8 to 4000 spins that has one of these forms up to its diagonal, or a matrix W of
          weights between two layers (up to 16 million of them) that has one.

        ``scale`` may be negative for up to 3 binary patterns (equal antiferromagnetic couplings of all pairs
        are one), and of an RBM. For an RBM this concerns one layer, whichever is
        cheaper; the other may have any patterns, fields and size.
    degeneracy : bool, default False
        Not available: ties are not counted.
    threads, progress
        As for :func:`spinlab.ground_state`.

    Returns
    -------
    GroundState
        Certified. Binary patterns without fields: all sums are integers, ``energy`` is their exact result
        rounded once, and ``lower_bound`` equals it or, where it was rounded up, the number below. Otherwise
        ``lower_bound`` is lower by the rounding, of relative order (N/1000 + 10) 1e-15 of the sum of all
        terms, and for a matrix also by the sum of what its patterns leave over, at most 1e-10 sum |J|.

    Raises
    ------
    ValueError
        If the model has none of these forms or would take more than ten minutes (the message estimates the
        time), or if ``degeneracy`` is asked for.

    Notes
    -----
    Binary: independent of N but for reading the patterns (0.02 s per 10^6 spins); K = 5, 6, 7 take 0.1, 1 and
    120 ms of one core, as an RBM with binary hidden patterns 0.1, 5 and 900 ms, with hidden biases several
    times that. Real: N log N for rank 2 (10^6 in 0.5 s), N^2 log N for rank 3 (10^3 in 0.2 s); for RBMs times
    the size of the other layer.

    Examples
    --------
    >>> import spinlab as sl
    >>> from spinlab.exact import lowrank
    >>> model = sl.ensembles.hopfield(N=10_000, K=3, rng=0)
    >>> answer = lowrank.ground_state(model)
    >>> answer.certified, bool(answer.energy == answer.lower_bound == model.energy(answer.state))
    (True, True)
    """
    clock = Stopwatch()
    model = as_model(model)
    if as_flag(degeneracy, "degeneracy"):
        raise ValueError(DOES_NOT_COUNT)
    plan = plan_of(model)
    if isinstance(plan, str):
        raise ValueError(plan)
    state, lower = plan.solve(threads)
    energy = float(plan.energy(state))
    return GroundState(
        energy=energy,
        state=state,
        method=NAME,
        certified=True,
        lower_bound=min(energy, round_down(lower - Fraction(model.rounding))),
        seconds=clock.seconds(),
        labels=model.labels,
        n_visible=getattr(model, "V", None),
    )


@dataclass(frozen=True)
class Plan:
    """How a model is solved: ``solve(threads)`` gives a state and the proven lower bound.

    ``energy(state)`` is exact for integer patterns, but for b.s, and else rounded in each of its sums.
    """

    solve: Callable[[int | None], tuple[np.ndarray, Fraction]]
    energy: Callable[[np.ndarray], Fraction]
    seconds: float
    memory: float


def once_per_model(function: Callable[[IsingModel], T]) -> Callable[[IsingModel], T]:
    """Remembers what ``function`` made of a model, as long as the model lives; it must not hold the model."""
    known: weakref.WeakKeyDictionary[IsingModel, T] = weakref.WeakKeyDictionary()

    @wraps(function)
    def remembered(model: IsingModel) -> T:
        if model not in known:
            known[model] = function(model)
        return known[model]

    return remembered


@once_per_model
def plan_of(model: IsingModel) -> Plan | str:
    """How to solve the model, or why not."""
    plan = _new_plan(model)
    if isinstance(plan, Plan) and plan.seconds > MAX_SECONDS:
        return too_long(model, plan.seconds)
    return plan


def too_long(model: IsingModel, seconds: float) -> str:
    """The refusal of a model above ``MAX_SECONDS``."""
    return (
        f"{NAME} would take {duration(seconds)} on {n_threads()} threads for {model!r}; its limit is "
        f"{duration(MAX_SECONDS)}. Instead: spinlab.dynamics samples any model, without a proof"
    )


def _new_plan(model: IsingModel) -> Plan | str:
    if isinstance(model, DenseIsing | SparseIsing | BipartiteIsing):
        return _plan_of_matrix(model)
    if isinstance(model, PatternIsing):
        form = model.form()
        side = Side(form.xi, form.b, model.scale, Fraction(model.offset))
        if model.scale >= 0:
            return _cheapest([side])
        plan = _class_sums(side)
        if isinstance(plan, Plan):
            return plan
        return (
            f"{NAME} needs scale >= 0, or up to {class_sums.MAX_PATTERNS} binary patterns, got "
            f"scale={model.scale:g} and K={model.K}: with negative couplings the energy is not minus a "
            "convex function of the overlaps (one real pattern is number partitioning). Instead: "
            f"enumeration up to N={MAX_SPINS}, or spinlab.dynamics without a proof"
        )
    if isinstance(model, PatternBipartiteIsing):
        xi_v, xi_h = np.split(model.form().xi, [model.V])
        bv, bh = np.split(model.form().b, [model.V])
        offset = Fraction(model.offset)
        visible, hidden = (Side(xi, b, model.scale, offset) for xi, b in ((xi_v, bv), (xi_h, bh)))
        return _cheapest([replace(visible, other=hidden), replace(hidden, other=visible, is_first=False)])
    return f"{NAME} needs patterns (models.PatternIsing or PatternBipartiteIsing), got {type(model).__name__}"


def _plan_of_matrix(model: DenseIsing | SparseIsing | BipartiteIsing) -> Plan | str:
    recovered = recover_layers(model) if isinstance(model, BipartiteIsing) else recover_patterns(model)
    if isinstance(recovered, str):
        return f"{NAME} finds no few patterns behind the matrix: {recovered}"
    plan = _new_plan(recovered.model)
    if isinstance(plan, str):
        return plan
    # The plan must not hold the model, which is its key.
    inner, left = plan.solve, Fraction(recovered.left)
    b, offset = model.form().b, Fraction(model.offset)
    J = model.W if isinstance(model, BipartiteIsing) else model.couplings()
    V = model.V if isinstance(model, BipartiteIsing) else None

    def solve(threads: int | None) -> tuple[np.ndarray, Fraction]:
        state, lower = inner(threads)
        return state, lower - left

    def energy(state: np.ndarray) -> Fraction:
        rows = (row[:i] * (state[i] * state[:i]) if V is None else row * (state[i] * state[V:])
                for i, row in enumerate(J))  # fmt: skip
        pairs = itertools.chain.from_iterable(row.tolist() for row in rows)
        return offset - Fraction(math.fsum(pairs)) - dot(b, state)

    return replace(plan, solve=solve, energy=energy)


def _cheapest(sides: list[Side]) -> Plan | str:
    plans, reasons = [], []
    for side in sides:
        plan = _thresholds(side)
        found = [plan] if isinstance(plan, Plan) else [plan, _turns(side), _types(side), _class_sums(side)]
        plans += [p for p in found if isinstance(p, Plan)]
        layer_name = "" if side.other is None else f"{'visible' if side.is_first else 'hidden'} layer: "
        reasons.append(layer_name + "; ".join(p for p in found if isinstance(p, str)))
    if plans:
        return min(plans, key=lambda plan: plan.seconds)
    return (
        f"{NAME} is limited to few patterns: {'; '.join(reasons)}. Instead: 'enumeration' up to "
        f"N={MAX_SPINS}, 'layer' up to {MAX_UNITS} units of a layer, or spinlab.dynamics "
        "without a proof"
    )


def _thresholds(side: Side) -> Plan | str:
    """Binary patterns: all zero-threshold functions."""
    negative = side.negative
    if negative is None:
        return "the patterns are not binary (+-1)"
    if side.K > MAX_INPUTS:
        return f"K={side.K} binary patterns, {MAX_INPUTS} are allowed"
    inputs = _with_field(negative, side.K, side.b)
    if inputs is None:
        return "the field is neither a sum of patterns and a uniform field nor of constant size"
    negative, c, left = inputs
    K = len(c)
    if K > MAX_INPUTS:
        return f"K={side.K} binary patterns and a field that counts as one more, {MAX_INPUTS} are allowed"
    unit = side.scale if side.plain() and side.scale else 1.0
    F = side.objective(np.eye(side.K, K), c, side.scale / unit)
    group, sign = fold(negative, K)
    counts = np.bincount(group, minlength=1 << (K - 1))
    reach = np.full(K, float(len(negative)))

    def solve(threads: int | None) -> tuple[np.ndarray, Fraction]:
        f, value = threshold_functions.best_function(counts, F, threads)
        rounding = 0.0 if _sums_exactly(F, reach) else F.rounding(reach)
        upper = Fraction(abs(unit)) * (Fraction(value) + Fraction(rounding)) + Fraction(left)
        return side.complete((sign * f[group]).astype(np.int8)), side.lower(upper)

    pieces = np.diff(F.first)
    per_function = _GROUP * len(pieces) + _SEARCH * float(np.log2(pieces).sum())
    search = _FUNCTION[K - 1] + threshold_functions.COUNTS[K - 1] * (1 - F.is_even / 2) * per_function
    seconds = 1e-4 + search / n_threads()
    return Plan(solve, side.energy, seconds + 1e-7 * len(negative), 40.0 * len(negative) + 1e6)


def _turns(side: Side) -> Plan | str:
    """Real patterns, and a field that may count as one more, of rank up to 3: all directions."""
    field = " and a field" if side.b.any() else ""
    too_many = f"as real ones, {side.K} patterns{field} have a rank above {MAX_RANK}"
    if side.K > _MAX_REDUCED:
        return too_many
    A = np.column_stack([side.X, side.b])
    size = np.abs(A).sum(0)
    used = np.flatnonzero(size)
    V, left = np.zeros((side.K + 1, len(used))), np.zeros(side.K + 1)
    V[used, np.arange(len(used))] = 1.0
    Y = A[:, used]
    if len(used) > MAX_RANK:
        reduced = _reduce(Y)
        if reduced is None:
            return too_many
        Y, V_used, left[used] = reduced
        V = np.zeros((side.K + 1, Y.shape[1]))
        V[used] = V_used
    F = side.objective(V[:-1], V[-1], side.scale)

    def solve(threads: int | None) -> tuple[np.ndarray, Fraction]:
        s, upper = best_signs(Y, F, threads)
        size = np.abs(V) @ np.abs(Y).sum(0)
        moved = left + 4 * (side.K + 4) * U * size  # by the rounding of Y V and of F's coefficients
        upper += float(moved @ np.append(side.steepness(), 1.0))
        return side.complete(s), side.lower(Fraction(upper))

    N = float(len(Y))
    pairs = N * N if Y.shape[1] == MAX_RANK else N
    units = float(np.log2(1 + np.diff(F.first)).sum()) * (2 - F.is_even)
    seconds = 2e-4 + pairs * (_TURN + 2 * _TERM * units) / n_threads() + 2e-7 * N
    return Plan(solve, side.energy, seconds, 400.0 * N)


def _types(side: Side) -> Plan | str:
    """Few different sites: those of a type align."""
    found = _site_types(side.X, side.b)
    if found is None or 2 * len(found[2]) > len(side.b):
        return f"more than {min(MAX_TYPES, len(side.b) // 2)} different pairs of pattern column and field"
    index, sign, rows = found
    X, b = _blocks(index, rows)
    Y, c = X, np.zeros(0)
    if side.other is not None:
        Y, c = side.other.X, side.other.b
        hidden = _site_types(Y, c)
        if hidden is not None:
            Y, c = _blocks(hidden[0], hidden[2])
    J = side.scale * (X @ Y.T)
    size = abs(side.scale) * float(np.abs(X).sum(0) @ np.abs(Y).sum(0)) + float(
        np.abs(b).sum() + np.abs(c).sum()
    )
    rounding = Fraction((side.K + 64) * U * size)
    method: ModuleType
    reduced: IsingModel
    if side.other is None:
        method, diagonal = enumeration, Fraction(float(np.trace(J) / 2))
        J = (J + J.T) / 2
        np.fill_diagonal(J, 0.0)
        reduced = DenseIsing(J, b)
    else:
        method, diagonal = layer, Fraction(0)
        reduced = BipartiteIsing(J, b, c)

    def solve(threads: int | None) -> tuple[np.ndarray, Fraction]:
        answer = method.ground_state(reduced, threads=threads)
        upper = diagonal - Fraction(answer.lower_bound) + rounding
        return side.complete((sign * answer.state[index]).astype(np.int8)), side.lower(upper)

    seconds, memory, _ = method.cost(reduced)
    return Plan(solve, side.energy, seconds, memory)


def _class_sums(side: Side) -> Plan | str:
    """Up to three binary patterns, any fields: sums over classes."""
    if side.K > class_sums.MAX_PATTERNS:
        return f"with such a field, binary patterns are limited to {class_sums.MAX_PATTERNS}"
    layers = [side] if side.other is None else [side, side.other]
    bits = [layer.negative for layer in layers]
    if bits[0] is None or bits[-1] is None:
        return "some patterns are not binary"
    K, N, scale, negative, b = side.K, len(side.b), side.scale, bits[0], side.b
    other = None if side.other is None else (bits[-1], side.other.b)
    fields = float(sum(np.abs(layer.b).sum() for layer in layers))
    units = 0 if other is None else len(other[0])
    unit = abs(scale) if side.plain() and scale else 1.0
    size = fields + abs(scale / unit) * K * float(N) * float(units or 5 * N)
    rounding = Fraction(0)
    if (other is not None and not side.plain()) or not _fits(np.append(b, scale / unit / 2), size):
        rounding = Fraction(class_sums.rounding(size, fields, N + units)) + Fraction(2.0**-1000)

    def solve(threads: int | None) -> tuple[np.ndarray, Fraction]:
        s, value = class_sums.best_sums(K, negative, b, scale / unit, other, threads)
        return side.complete(s), side.lower(Fraction(unit) * (Fraction(value) + rounding))

    counts = np.bincount(class_sums.classes_of(negative, K)[0], minlength=1 << (K - 1))
    seconds = class_sums.seconds(K, counts, units) / n_threads()
    return Plan(solve, side.energy, seconds, 200.0 * (N + units))


def _with_field(negative: np.ndarray, K: int, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, float] | None:
    """(rows, c, sum_i |b_i - c.x_i|): the field as a sum over the columns, of which it may need one more."""
    if not b.any():
        return negative, np.zeros(K), 0.0
    value = np.full(1 << K, np.nan)
    value[negative] = b
    present = np.flatnonzero(~np.isnan(value))
    rows = 1.0 - 2.0 * ((present[:, None] >> np.arange(K + 1)) & 1)  # the last column is uniform
    for columns in (rows[:, :K], rows):
        c = np.linalg.lstsq(columns, value[present], rcond=None)[0]
        exponent = 30 - int(np.frexp(np.abs(c).max())[1])
        short = np.ldexp(np.rint(np.ldexp(c, exponent)), -exponent)  # its sums are exact
        for coefficients in (short, c):
            fit = np.zeros(1 << K)
            fit[present] = columns @ coefficients
            left = float(np.abs(b - fit[negative]).sum())
            if left == 0.0 and coefficients is not c:
                return negative, coefficients, 0.0
            if coefficients is c and left <= TOLERANCE * np.abs(b).sum():
                return negative, c, left + 4 * (K + 1) * U * len(b) * float(np.abs(c).sum())
    size = np.abs(b)
    if (size == size[0]).all():
        return negative | (b < 0).astype(np.int64) << K, np.append(np.zeros(K), size[0]), 0.0
    return None


def _sums_exactly(F: Convex, reach: np.ndarray) -> bool:
    """Whether float64 holds all partial sums of F exactly: multiples of a power of two below 2^53 of it."""
    return _fits(np.concatenate([F.Q.ravel(), F.c, F.U.ravel(), F.t, F.level]), F.size(reach))


def _fits(values: np.ndarray, size: float) -> bool:
    """Whether integer combinations of the values, of sizes up to ``size``, are float64 numbers."""
    mantissas, exponents = np.frexp(values[values != 0])
    if not len(mantissas):
        return True
    digits = (mantissas * 2.0**53).astype(np.int64)
    lowest = int((exponents - 53 + np.frexp((digits & -digits).astype(np.float64))[1] - 1).min())
    return bool(np.frexp(size)[1] - lowest <= 53)


def _reduce(A: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """(Y, V, left), A = Y V^T up to ``left`` summed over each column, Y of 3 columns; None if not so."""
    size = np.abs(A).sum(0)
    with one_blas_thread():
        for rows in (A[:: max(1, len(A) // 500)], A):  # most matrices fail on the first rows
            left_vectors, values, right = np.linalg.svd(rows / size, full_matrices=False)
            if (values[MAX_RANK:] > TOLERANCE * values[0]).any():
                return None
        Y = left_vectors[:, :MAX_RANK] * values[:MAX_RANK]
        V = size[:, None] * right[:MAX_RANK].T
        left = np.abs(A - Y @ V.T).sum(0)
    if (left > TOLERANCE * size).any():
        return None
    return Y, V, left + 8 * U * (np.abs(Y).sum(0) @ np.abs(V).T)


def _site_types(X: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """(type, sign, rows): (X_i, b_i) = sign_i rows[type_i]; None if there are more than ``MAX_TYPES``."""
    if len(np.unique(np.abs(X[: 4 * MAX_TYPES]), axis=0)) > MAX_TYPES:
        return None
    A = np.column_stack([X, b])
    sign = np.zeros(len(A))
    for column in A.T:
        sign += (sign == 0) * np.sign(column)
    sign[sign == 0] = 1.0
    index = np.zeros(len(A), np.int64)
    for column in A.T:
        values, place = np.unique(sign * column, return_inverse=True)
        index = index * len(values) + place
        distinct, first, index = np.unique(index, return_index=True, return_inverse=True)
        if len(distinct) > MAX_TYPES:
            return None
    return index, sign.astype(np.int64), sign[first, None] * A[first]


def _blocks(index: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Patterns and fields of types as single spins."""
    total = np.bincount(index)[:, None] * rows
    return total[:, :-1], total[:, -1]
