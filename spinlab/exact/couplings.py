"""The couplings of a model as proofs need them: in exact units, with a ghost spin for the fields, as edges;
energies summed exactly, and a bound on the rounding of those that were not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from weakref import WeakKeyDictionary

import numpy as np

from .._core.forms import Bipartite, Dense, Pattern, PatternBipartite, Sparse
from .._core.parallel import n_threads
from .._core.progress import duration
from ..models import DenseIsing, IsingModel, SparseIsing, TwoLayerIsing

LARGEST_DENSE = 1024  # spins; a model stored as a matrix or by patterns is hardly sparse beyond
_ROWS = 64  # of couplings that are looked at together
_LOST: WeakKeyDictionary[IsingModel, float] = WeakKeyDictionary()


def with_ghost(model: IsingModel) -> np.ndarray:
    """Couplings whose spin 0 is fixed at +1: a ghost that carries the fields, or the first spin."""
    J, b = model.couplings(), model.b
    if model.has_fields:
        J = np.block([[np.zeros((1, 1)), b[None, :]], [b[:, None], J]])
    return J


def in_units(G: np.ndarray) -> tuple[np.ndarray, float, bool]:
    """(G / unit, unit, whether every sum of them is exact): integers where the couplings allow it."""
    sizes = np.abs(G[G != 0])
    if not sizes.size:
        return G, 1.0, True
    mantissas, exponents = np.frexp(sizes)
    digits = (mantissas * 2.0**53).astype(np.int64)
    binary = int((exponents - 53 + np.frexp((digits & -digits).astype(float))[1] - 1).min())
    # Integers times a power of two; no others pass the sum, or overflow it.
    if exponents.max() - binary <= 52:
        K = np.ldexp(G, -binary)
        if np.abs(K).sum() < 2.0**52:
            return K, math.ldexp(1.0, binary), True
    unit = float(sizes.min())
    if unit == sizes.max():
        return np.sign(G), unit, True
    with np.errstate(over="ignore"):
        ratios = G / unit
    K = np.rint(ratios)
    # Nearly multiples of one number, as .1, .2, .3 are: what is left of them is below ``rounding_bound``,
    # which allows 2^-53 (4 n + 60) for each coupling.
    if np.abs(K).sum() < 2.0**24 and (np.abs(ratios - K) <= 2.0**-50 * np.abs(K)).all():
        return K, unit, False
    largest = int(exponents.max()) - 1  # a power of two, so that nothing is rounded nor overflows
    return np.ldexp(G, -largest), math.ldexp(1.0, largest), False


def rounding_bound(n: int, size: float) -> float:
    """Bound on the error of computed energies of n coupled spins, ``size`` the sum of all |G|."""
    # A coupling reaches the energy through at most 2 n + 18 roundings, so the error is below
    # gamma_k size with k = 2 n + 18 (Higham, Accuracy and Stability, 2nd ed., Eq. 4.4), and
    # 4 (n + 15) 2^-53 leaves a margin of two. It also covers the rounding of integers times a unit.
    return 4 * (n + 15) * 2.0**-53 * size


def lost(model: IsingModel) -> float:
    """Bound on how far energies from ``model.couplings()`` lie from those of what the model stands for.

    Models do not change, so it is kept: of patterns it takes as long as the couplings.
    """
    if model not in _LOST:
        _LOST[model] = (model.rounding + model.coupling_rounding()) * (1 + 2.0**-50)
    return _LOST[model]


def exact_energies(model: IsingModel, states: np.ndarray) -> list[tuple[float, float]]:
    """Of each state (energy rounded once from the exact sum of its terms, the sum rounded down)."""
    i, j = np.triu_indices(model.n_spins, 1)
    pairs = -model.couplings()[i, j] * states[:, i] * states[:, j]
    fields = -model.b * states
    return [exact_sum([model.offset, *p, *f]) for p, f in zip(pairs.tolist(), fields.tolist(), strict=True)]


def exact_sum(terms: Iterable[float], less: float = 0.0) -> tuple[float, float]:
    """(the sum rounded to nearest, the sum minus ``less`` rounded down)."""
    terms = list(terms)
    nearest = math.fsum(terms)
    rest = math.fsum([*terms, -nearest])
    if less == 0.0:
        return nearest, nearest if rest >= 0 else math.nextafter(nearest, -math.inf)
    rest = math.nextafter(rest, -math.inf) if rest else 0.0
    return nearest, round_down(Fraction(nearest) + Fraction(rest) - Fraction(less))


def round_down(x: Fraction) -> float:
    """The largest float64 that is not above x."""
    nearest = float(x)
    return nearest if Fraction(nearest) <= x else math.nextafter(nearest, -math.inf)


def counted_nearly(energy: float, bound: float) -> float:
    """The bound, below the energy: where both are equal, the number of ground states is exact."""
    return min(bound, math.nextafter(energy, -math.inf))


def edges_of(model: IsingModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(i, j, J_ij) of the edges with i < j, sorted."""
    if isinstance(model, SparseIsing):
        return model.edges()
    if isinstance(model, TwoLayerIsing):
        W = model.weights()
        i, j = np.nonzero(W)
        return i, j + model.V, W[i, j]
    J = model.J if isinstance(model, DenseIsing) else model.couplings()
    i, j = np.nonzero(np.triu(J, 1))  # a sparse form would be sorted and checked, ten times the work
    return i, j, J[i, j]


def n_couplings(model: IsingModel, most: float = math.inf) -> int:
    """Number of couplings that are not zero; any number above ``most`` once there are more."""
    total, times = 0, 1
    for values, times in _stored(model):
        total += int(np.count_nonzero(values))
        if total > most * times:
            break
    return total // times


def size_and_lost(model: IsingModel) -> tuple[float, float]:
    """(sum |J| + sum |b|, lost(model)), both no less, in a time in which patterns are not written out.

    Of patterns |J_ij| <= |scale| sum_k |xi_ik xi_jk|, and what float64 loses is below K + 4 units of that.
    """
    form, n, fields = model.form(), model.n_spins, float(np.abs(model.b).sum())
    if not isinstance(form, Pattern | PatternBipartite):
        size, terms = 0.0, 2 * n
        for values, times in _stored(model):
            size += float(np.abs(values).sum()) / times
            terms += values.size
        return (size + fields) * (1 + (terms + 4) * 2.0**-53), lost(model)
    K, xi = form.xi.shape[1], np.abs(form.xi)
    sums = (xi.sum(0),) * 2 if isinstance(form, Pattern) else (xi[: form.V].sum(0), xi[form.V :].sum(0))
    up = 1 + 4 * (n + K + 8) * 2.0**-53
    tiny = n**2 * (K + 1) * 2.0**-1073 * max(1.0, abs(form.scale))  # of what underflows
    size = abs(form.scale) * float(sums[0] @ sums[1]) * up + tiny
    size /= 2 if isinstance(form, Pattern) else 1
    return (size + fields) * up, (model.rounding + (K + 4) * 2.0**-53 * size + tiny) * up


def is_frustrated(model: IsingModel, s: np.ndarray) -> bool:
    """Whether a state violates a coupling or a field; most do so in the first rows."""
    if (model.b * s < 0).any():
        return True
    if isinstance(model, SparseIsing):
        i, j, J = model.edges()
        return bool((J * (s[i] * s[j]) < 0).any())
    rows, columns = (s[: model.V], s[model.V :]) if isinstance(model, TwoLayerIsing) else (s, s)
    first = 0
    for values, _ in _stored(model):
        if (values * rows[first : first + len(values), None] * columns < 0).any():
            return True
        first += len(values)
    return False


def _stored(model: IsingModel) -> Iterator[tuple[np.ndarray, int]]:
    """The couplings as the model stores them, some rows at a time, and how often it stores each."""
    form = model.form()
    if isinstance(form, Sparse):
        yield form.data, 2
        return
    n = model.V if isinstance(model, TwoLayerIsing) else model.n_spins
    for rows in (slice(k, min(k + _ROWS, n)) for k in range(0, n, _ROWS)):
        if isinstance(form, Dense):
            yield form.J[rows], 2
        elif isinstance(form, Bipartite):
            yield form.W[rows], 1
        elif isinstance(form, PatternBipartite):
            yield form.scale * (form.xi[rows] @ form.xi[form.V :].T), 1
        else:
            J = form.scale * (form.xi[rows] @ form.xi.T)
            J[np.arange(len(J)), np.arange(n)[rows]] = 0.0
            yield J, 2


def free_spins(model: IsingModel) -> int:
    """Spins to enumerate: N with fields, N - 1 without."""
    return model.n_spins if model.has_fields else model.n_spins - 1


def spins_of(numbers: np.ndarray, n: int) -> np.ndarray:
    """A spin +1 and the n bits of each number, highest first, as spins; shape (len(numbers), n + 1)."""
    s = np.ones((len(numbers), n + 1), np.int8)
    bits = np.unpackbits(numbers.astype(">u8").view(np.uint8).reshape(-1, 8), axis=1)
    s[:, 1:] = 2 * bits[:, 64 - n :].astype(np.int8) - 1
    return s


def over_limit(model: IsingModel, limit: int, seconds: float, what: str, instead: str) -> str | None:
    """The refusal of a model above the limit: what it would cost and what to do instead."""
    if model.n_spins <= limit:
        return None
    return (
        f"{what} visits up to 2**{free_spins(model)} states for N={model.n_spins} spins, "
        f"{duration(seconds)} on {n_threads()} threads; its limit is N={limit}. Instead: {instead}"
    )
