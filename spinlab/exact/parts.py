"""Isolated spins and leaves summed or minimised out by hand, and what is left in connected parts.

A leaf i with coupling J to its neighbour j and a field b has, with its best value,

    max over s_i of (b + J s_j) s_i = A + B s_j,   A = max(|b|, |J|),   B = sign(b J) min(|b|, |J|),

and 1/beta times the logarithm of its sum has the same form with |x| replaced by ln 2cosh(beta x) / beta. So
it leaves a constant and a field, and its neighbour may be a leaf in turn. A and B are exact; what sums of
fields round is an error of the energy, and is added up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from .._core.stopwatch import Stopwatch
from ..models import BipartiteIsing, DenseIsing, IsingModel, PatternIsing, SparseIsing, TwoLayerIsing
from .couplings import LARGEST_DENSE, counted_nearly, edges_of, exact_sum, lost, round_down
from .result import GroundState

_DENSE = 64  # spins; parts up to this size are stored as matrices
U = 2.0**-53


@dataclass(frozen=True)
class Parts:
    """What is left of a model.

    Attributes
    ----------
    sites : list of ndarray
        Spins of each part.
    models : list of IsingModel
        The parts, without offset.
    leaves : list of (i, j, J, b)
        Spins taken out, in this order: i with its field b by then, and J its coupling to j (-1: to none).
    constant : Fraction
        The energy, or -ln Z / beta, of what was taken out; without the model's offset.
    error : float
        Bound on the error of the energies, or of -ln Z / beta, by all of this.
    """

    sites: list[np.ndarray]
    models: list[IsingModel]
    leaves: list[tuple[int, int, float, float]]
    constant: Fraction
    error: float


def split(model: IsingModel, *, beta: float | None = None, plain: bool = False) -> Parts | None:
    """The parts of a model, or None where it has but one and no leaf.

    With ``beta`` the spins taken out are summed over, otherwise their energy is minimised. ``plain`` leaves
    leaves with a field where they are: they change the field of their neighbour.
    """
    n = model.n_spins
    if (not isinstance(model, SparseIsing) and n > LARGEST_DENSE) or (plain and lost(model) > 0):
        return None
    if isinstance(model, TwoLayerIsing):
        linked = model.weights() != 0
        if linked.sum(0).min() > 1 and linked.sum(1).min() > max(1, model.H / 2):
            return None  # any two visible units share a hidden one
    elif isinstance(model, DenseIsing | PatternIsing) and _hangs_together(model):
        return None
    i, j, J = edges_of(model)
    i, j, J = i[J != 0], j[J != 0], J[J != 0]
    degree = np.bincount(i, minlength=n) + np.bincount(j, minlength=n)
    component = _components(n, i, j)
    if degree.min() > 1 and component.max() == 0:
        return None
    neighbours: list[dict[int, float]] = [{} for _ in range(n)]
    for x, y, value in zip(i.tolist(), j.tolist(), J.tolist(), strict=True):
        neighbours[x][y] = neighbours[y][x] = value
    b = model.b.tolist()
    leaves: list[tuple[int, int, float, float]] = []
    constants: list[float] = []
    error = 0.0
    todo = np.flatnonzero(degree <= 1).tolist()
    gone = np.zeros(n, bool)
    while todo:
        x = todo.pop()
        if gone[x] or len(neighbours[x]) > 1:
            continue
        y, value = next(iter(neighbours[x].items()), (-1, 0.0))
        if plain and y >= 0 and b[x] != 0:
            continue
        gone[x] = True
        leaves.append((x, y, value, b[x]))
        if beta is None:
            constants.append(-max(abs(b[x]), abs(value)))
            field = min(abs(b[x]), abs(value))
        else:
            p, q = beta * abs(b[x]), beta * abs(value)
            constants.append(-(_log_2cosh(p + q) + _log_2cosh(p - q)) / (2 * beta))
            if p + q < 1:
                field = math.atanh(math.tanh(p) * math.tanh(q)) / beta
            else:
                field = (_log_2cosh(p + q) - _log_2cosh(p - q)) / (2 * beta)
            error += 16 * U * (p + q + 1) / beta
        if y < 0:
            continue
        del neighbours[y][x]
        if field:
            field = math.copysign(field, b[x]) * math.copysign(1.0, value)
            total = b[y] + field
            error += abs(math.fsum([b[y], field, -total])) * (1 + 2.0**-50)
            b[y] = total
        if len(neighbours[y]) <= 1:
            todo.append(y)
    left = np.flatnonzero(~gone)
    component[gone] = -1
    sites = [np.flatnonzero(component == c) for c in np.unique(component[left])]
    place = np.full(n, -1)
    for part in sites:
        place[part] = np.arange(len(part))
    keep = ~gone[i] & ~gone[j]
    i, j, J = i[keep], j[keep], J[keep]
    fields = np.array(b)
    models = []
    for part in sites:
        mine = component[i] == component[part[0]]
        models.append(_part(model, part, place[i[mine]], place[j[mine]], J[mine], fields[part]))
    constant = sum(map(Fraction, constants), Fraction(0))
    return Parts(sites, models, leaves, constant, error * (1 + 2.0**-40))


def join_ground_states(
    model: IsingModel, parts: Parts, solve: Callable[[IsingModel], GroundState], degeneracy: bool
) -> GroundState:
    """The ground state of the whole: bounds of the parts added exactly, degeneracies multiplied."""
    clock = Stopwatch()
    s = np.zeros(model.n_spins, np.int8)
    bound = Fraction(model.offset) + parts.constant - Fraction(parts.error) - Fraction(lost(model))
    n_states, certified, counted = 1, True, True
    names = []
    for sites, part in zip(parts.sites, parts.models, strict=True):
        answer = solve(part)
        s[sites] = answer.state
        bound += Fraction(answer.lower_bound)
        n_states *= answer.degeneracy or 1
        counted &= answer.lower_bound == answer.energy or answer.degeneracy == 1
        certified &= answer.certified
        if answer.method not in names:
            names.append(answer.method)
    for x, y, J, b in reversed(parts.leaves):
        h = math.fsum([b, J * s[y]]) if y >= 0 else b
        s[x] = -1 if h < 0 else 1
        n_states *= 2 if y < 0 and b == 0 else 1
    i, j, J_ij = edges_of(model)
    terms = [model.offset, *(-J_ij * s[i] * s[j]).tolist(), *(-model.b * s).tolist()]
    energy, floor = exact_sum(terms, lost(model))
    lower = min(floor, round_down(bound))
    if degeneracy and not counted:
        lower = counted_nearly(energy, lower)
    return GroundState(
        energy=energy,
        state=s,
        method=" + ".join(names) or "leaves",
        certified=certified,
        lower_bound=lower,
        degeneracy=n_states if degeneracy else None,
        seconds=clock.seconds(),
        labels=model.labels,
        n_visible=getattr(model, "V", None),
    )


def join_log_z(
    model: IsingModel, parts: Parts, beta: float, solve: Callable[[IsingModel], tuple[float, float]]
) -> tuple[float, float]:
    """ln Z of the whole and the bound on its error, from those of its parts."""
    found = [solve(part) for part in parts.models]
    exact = sum((Fraction(value) for value, _ in found), Fraction(0))
    exact -= Fraction(beta) * (parts.constant + Fraction(model.offset))
    value = float(exact)
    return value, sum(error for _, error in found) + beta * (parts.error + lost(model)) + 2 * U * abs(value)


def _hangs_together(model: DenseIsing | PatternIsing) -> bool:
    """Whether some spin is coupled to all others, and there is no leaf."""
    degree = np.count_nonzero(model.J if isinstance(model, DenseIsing) else model.couplings(), axis=1)
    return bool(degree.min() > 1 and degree.max() == model.n_spins - 1)


def _components(n: int, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(i)), (i, j)), shape=(n, n))
    component: np.ndarray = connected_components(graph, directed=False)[1].astype(np.int64)
    return component


def _part(
    model: IsingModel, sites: np.ndarray, i: np.ndarray, j: np.ndarray, J: np.ndarray, b: np.ndarray
) -> IsingModel:
    """The model of some spins, of the same kind."""
    n = len(sites)
    if isinstance(model, TwoLayerIsing):
        V = int(np.count_nonzero(sites < model.V))
        W = np.zeros((V, n - V))
        W[i, j - V] = J
        return BipartiteIsing(W, b[:V], b[V:])
    if n > _DENSE:
        return SparseIsing.from_edges(i, j, J, n, b)
    matrix = np.zeros((n, n))
    matrix[i, j] = matrix[j, i] = J
    return DenseIsing(matrix, b)


def _log_2cosh(x: float) -> float:
    return abs(x) + math.log1p(math.exp(-2 * abs(x)))
