"""Certified ground state of a restricted Boltzmann machine, by enumerating one of its layers.

Given the state v of one layer, the units of the other are independent:

    min_h E(v, h) = -b.v - sum_a |x_a(v)|,   x(v) = v W + c.

With v split into (top, middle, low) the inputs of all states of a tile are sums x + y of one row
x(top, middle) and one column y(low), so that the number of enumerated units drops out of the cost:

    sum_a |x_a + y_a| = 2 sum_a max(-x_a, y_a) + sum_a x_a - sum_a y_a.

Tiles are screened in 32-bit integers; those that may hold the minimum are searched in float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from ..._core.jit import kernel
from ..._core.lanes import LANES, larger, load, splat, store
from ..._core.parallel import n_threads
from ..._core.progress import duration, shows_progress
from ..._core.stopwatch import Stopwatch
from ..._core.validate import as_choice, as_flag
from ...models import IsingModel, TwoLayerIsing
from ..couplings import counted_nearly, exact_sum, round_down
from ..result import GroundState
from . import gpu as _gpu
from .tiles import LOW, MIDDLE, Tiles

NAME = "layer"
MAX_UNITS = 30  # of the enumerated layer

U = 2.0**-53  # unit roundoff

_SCREEN_RATE = 5e10  # terms of the sum per second and core, in 32-bit integers
_RATE = 1e10  # in float64
_SCREEN_TERMS = 2**17  # with more, 32 bits resolve too little
_SCREEN_TILES = 8  # with fewer, the tables cost more than they save
_MAX_CANDIDATES = 64

# Indices of this type spare the check for negative ones.
_U = np.uint64
_L, _TWO, _THREE = _U(LANES), _U(2), _U(3)
_BLOCK = _U(64)  # units whose columns fit in the first level of the cache


def refusal(model: IsingModel) -> str | None:
    """Why this method cannot take the model, or None."""
    if not isinstance(model, TwoLayerIsing):
        return f"{NAME} needs a model of two layers (models.BipartiteIsing), got {type(model).__name__}"
    return too_large(model, NAME, cost(model)[0])


def too_large(model: TwoLayerIsing, name: str, seconds: float, units: int | None = None) -> str | None:
    """The refusal of a layer above ``MAX_UNITS``: what it would cost and what to do instead."""
    units = min(model.V, model.H) if units is None else units
    if units <= MAX_UNITS:
        return None
    return (
        f"{name} visits 2**{units} states of a layer of {units} units, {duration(seconds)} on "
        f"{n_threads()} threads; its limit is {MAX_UNITS} units. Instead: enumerate the other layer where it "
        "is smaller, or sample (spinlab.dynamics) for an estimate without a proof"
    )


def cost(model: IsingModel) -> tuple[float, float]:
    """Seconds and bytes that the search takes."""
    if not isinstance(model, TwoLayerIsing):
        return math.inf, math.inf
    if not isinstance(model, TwoLayerIsing):
        return math.inf, math.inf
    n, m = sorted((model.V, model.H))
    states = 2.0 ** min(n - (not model.has_fields), 1000)
    seconds = 3e-4 + states * (m / _SCREEN_RATE + 1e-9) / n_threads()
    return seconds, 8.0 * m * (n + 2**LOW + 2**MIDDLE) + 8 * states / 2 ** (LOW + MIDDLE)


@shows_progress
def ground_state(
    model: TwoLayerIsing,
    *,
    degeneracy: bool = False,
    threads: int | None = None,
    progress: bool | None = None,
    layer: str = "auto",
) -> GroundState:
    """Lowest state of a restricted Boltzmann machine, proven by visiting all states of one layer.

    E0 = min over v of [-bv.v - sum_a |(v W)_a + bh_a|] + offset, and the same with the layers exchanged.

    Parameters
    ----------
    model : TwoLayerIsing
        The enumerated layer has at most 30 units; the other may have any number.
    degeneracy : bool, default False
        Count the ground states (both states of a global flip; a hidden unit without input counts twice).
    threads, progress
        As for :func:`spinlab.ground_state`.
    layer : {"auto", "visible", "hidden"}
        The layer to enumerate; "auto" takes the smaller one.

    Returns
    -------
    GroundState
        Certified; ``state`` holds the V visible sites, then the H hidden ones. ``energy`` is rounded once
        from the exact sum. ``lower_bound`` equals ``energy`` for couplings that are integers (or multiples
        of a power of two, or +-1 times a number); otherwise it is lower by a rounding of the energy, or,
        where more than 64 states (fewer above 2^16 weights) lie within 2 B of the best, by up to 4 B, with
        the bound B = (3 n + m/4 + 64) 2^-53 (sum |W| + sum |b|) for n units enumerated and m others.
        ``degeneracy`` counts the states within 2 B.

    Raises
    ------
    TypeError, ValueError
        If the model has no two layers or the layer has more than 30 units (the message estimates the time).

    Notes
    -----
    2^(n-1) m terms without biases, 2^n m with, at about 80 terms per ns and core with AVX-512:
    V=20, H=1000 in 0.01 s, V=24 in 0.1 s, V=30 in 7 s.

    Examples
    --------
    >>> from spinlab.exact import layer
    >>> from spinlab.models import BipartiteIsing
    >>> answer = layer.ground_state(BipartiteIsing([[1, -2, 0]]), degeneracy=True)
    >>> answer.energy, answer.degeneracy, answer.certified
    (-3.0, 4, True)
    """
    degeneracy = as_flag(degeneracy, "degeneracy")
    clock = Stopwatch()
    given = Layer.of(model, layer)
    problem, unit = given.in_units()
    tiles = Tiles(problem.W, problem.b, problem.c)
    if model.device == "gpu":
        best, error = _gpu.screen_layer(problem, len(tiles.numbers), tiles.states), problem.gpu_error
    else:
        best, error = screen(problem, tiles, threads)
    B = problem.bound
    survivors = np.flatnonzero(best >= best.max() - 2 * (error + B))
    values = scan(tiles, survivors, threads)
    highest = values.max()
    threshold = highest - 2 * B
    winners = survivors[values >= threshold]
    found, total, zeros = _collect(problem, tiles, winners, threshold, degeneracy, threads)
    answers = [given.complete(tiles.spins(index)) for index in found]
    (energy, floor), v, h = min(answers, key=lambda answer: answer[0][0])  # the first of equals
    state = np.concatenate([v, h] if problem.name == "visible" else [h, v])

    lower = floor
    if B > 0 and total == len(found):
        left = Fraction(unit) * Fraction(float(problem.slack.sum()) * (1 + 2.0**-30)) + Fraction(given.lost)
        lower = round_down(min(Fraction(floor) for (_, floor), _, _ in answers) - left)
    elif B > 0:
        exact = Fraction(given.offset) - Fraction(unit) * (Fraction(float(highest)) + Fraction(B))
        lower = min(floor, round_down(exact))
    n_states = tiles.images * sum(int(n) << z for z, n in enumerate(zeros)) if degeneracy else None
    if B > 0 and n_states is not None and n_states > tiles.images:
        lower = counted_nearly(energy, lower)
    return GroundState(
        energy=energy,
        state=state,
        method=NAME,
        certified=True,
        lower_bound=lower,
        degeneracy=n_states,
        seconds=clock.seconds(),
        n_visible=model.V,
    )


@dataclass(frozen=True)
class Layer:
    """A two-layer model seen from the enumerated layer.

    Attributes
    ----------
    name : "visible" or "hidden"
    W : ndarray, shape (n, m)
        Weights from the n enumerated units to the m others.
    b, c : ndarray, shapes (n,) and (m,)
        Biases of the enumerated units and of the others.
    offset : float
    slack : ndarray, shape (m,)
        Bound on the error of each input v.W that the rounding of ``W`` itself makes.
    lost : float
        Bound on how far the energies lie from those of what the model stands for.
    """

    name: str
    W: np.ndarray
    b: np.ndarray
    c: np.ndarray
    offset: float
    slack: np.ndarray
    lost: float = 0.0

    @classmethod
    def of(cls, model: TwoLayerIsing, layer: str, limit: bool = True) -> Layer:
        """The chosen layer of a model that this method can take, or the refusal."""
        layer = as_choice(layer, "layer", ("auto", "visible", "hidden"))
        if not isinstance(model, TwoLayerIsing):
            raise TypeError(refusal(model))
        if layer == "auto":
            layer = "visible" if model.V <= model.H else "hidden"
        n, m = (model.V, model.H) if layer == "visible" else (model.H, model.V)
        seconds = 2.0 ** min(n, 1000) * (m / _SCREEN_RATE + 1e-9) / n_threads()
        reason = too_large(model, NAME, seconds, n) if limit else None
        if reason:
            raise ValueError(reason)
        W, rounding = model.weights(), model.weights_rounding()
        if layer == "visible":
            return cls(layer, W, model.bv, model.bh, model.offset, rounding.sum(0), model.rounding)
        W, slack = np.ascontiguousarray(W.T), rounding.sum(1)
        return cls(layer, W, model.bh, model.bv, model.offset, slack, model.rounding)

    @cached_property
    def size(self) -> float:
        """sum |W| + sum |b| + sum |c|, the bound on |E - offset|."""
        return float(np.abs(self.W).sum() + np.abs(self.b).sum() + np.abs(self.c).sum())

    def in_units(self) -> tuple[Layer, float]:
        """(layer in units of ``unit``, unit): integers for +-J couplings, otherwise of size below 1."""
        values = np.concatenate([self.W.ravel(), self.b, self.c])
        sizes = np.abs(values[values != 0])
        if sizes.size and (sizes == sizes[0]).all():
            unit = float(sizes[0])
            scaled = [np.sign(x) for x in (self.W, self.b, self.c)] + [self.slack * (1 + 2.0**-50) / unit]
        else:
            exponent = math.frexp(self.size)[1]
            unit = math.ldexp(1.0, exponent)
            scaled = [np.ldexp(x, -exponent) for x in (self.W, self.b, self.c, self.slack)]
            if (
                sizes.size and math.ldexp(float(sizes.min()), -exponent) < 2.0**-1000
            ):  # underflow, below 2^-1074
                scaled[3] = scaled[3] + 2.0**-1000
        W, b, c, slack = scaled
        return replace(self, W=W, b=b, c=c, slack=slack, lost=self.lost / unit), unit

    @cached_property
    def bound(self) -> float:
        """Bound on the error of a value computed in float64; 0 where all sums are exact."""
        n, m = self.W.shape
        if not self.slack.any() and self.is_integer(52):
            return self.lost
        # x and y pass through n + 2 roundings, their sum over a through m/8 + 3, and both count twice;
        # sums over a row of W through 30, the linear terms through n + 2, the last sums through 6.
        return (3 * n + m / 4 + 64) * U * self.size + float(self.slack.sum()) + self.lost

    @property
    def gpu_error(self) -> float:
        """Bound on the error of a value that the GPU computed."""
        if self.bound == 0:
            return 0.0
        n, m = self.W.shape
        return _gpu.rounding(n, m, self.size) + float(self.slack.sum())

    def zero(self) -> np.ndarray:
        """Bound, shape (m,), below which an input counts as zero."""
        if self.bound == 0:
            return np.zeros_like(self.c)
        return 2 * (len(self.W) + 2) * U * (np.abs(self.W).sum(0) + np.abs(self.c)) + self.slack

    def is_integer(self, bits: int) -> bool:
        """Whether all couplings are integers times 2^-bits of the (rounded up) size."""
        return all(np.array_equal(x, np.rint(x)) for x in self.in_bits(bits))

    def in_bits(self, bits: int) -> list[np.ndarray]:
        shift = bits - math.frexp(self.size)[1]
        return [np.ldexp(x, shift) for x in (self.W, self.b, self.c)]

    def complete(self, v: np.ndarray) -> tuple[tuple[float, float], np.ndarray, np.ndarray]:
        """(energy rounded once and rounded down, v, h) of the best state of the other layer."""
        x = v @ self.W + self.c
        for a in np.flatnonzero(np.abs(x) <= self.zero()):
            x[a] = math.fsum([self.c[a], *(v * self.W[:, a]).tolist()])
        h = np.where(x < 0, -1, 1).astype(np.int8)
        terms = [self.W * v[:, None] * h, self.b * v, self.c * h]
        energies = -np.concatenate([t.ravel() for t in terms])
        return exact_sum([self.offset, *energies.tolist()]), v, h


def screen(
    problem: Layer, tiles: Tiles, threads: int | None, numbers: np.ndarray | None = None
) -> tuple[np.ndarray, float]:
    """(largest offset - E of every tile, bound on its error), in 32-bit integers where they resolve it."""
    n, m = problem.W.shape
    numbers = tiles.numbers if numbers is None else numbers
    if not resolved_by_integers(problem) or len(numbers) < _SCREEN_TILES:
        return scan(tiles, numbers, threads), problem.bound
    W, b, c = (np.rint(x).astype(np.int32) for x in problem.in_bits(30))
    quantum = math.ldexp(1.0, math.frexp(problem.size)[1] - 30)
    error = 0.0 if problem.is_integer(30) else ((n + 1) * m + n) / 2 * quantum
    return scan(Tiles(W, b, c), numbers, threads) * quantum, error


def resolved_by_integers(problem: Layer) -> bool:
    """Whether 32 bits tell most states from the best, for a screen at five times the rate of float64."""
    return problem.W.size <= _SCREEN_TERMS


def scan(tiles: Tiles, numbers: np.ndarray, threads: int | None) -> np.ndarray:
    """Largest b.v + sum_a |x_a(v)| of each of these tiles."""
    wide, best_of = (np.int64, _scan_integers) if tiles.W.dtype == np.int32 else (np.float64, _scan)
    g, constant = _linear_terms(tiles, wide)

    def run(part: np.ndarray) -> np.ndarray:
        tile, row, column = tiles.linear(g, part)
        best = np.empty(len(part), wide)
        best_of(tiles.base(part), tiles.D, tiles.Y, tile + constant, row, column, tiles.sums(), best)
        return best

    return np.concatenate(tiles.map(run, numbers, threads, _SCREEN_RATE, 64))


def _linear_terms(tiles: Tiles, dtype: type) -> tuple[np.ndarray, Any]:
    """(g, constant): b.v + sum_a x_a - sum_a y_a = g.v + constant."""
    rows: np.ndarray = tiles.W.sum(1, dtype=dtype)
    rows[: tiles.low] *= -1
    return tiles.b + rows, tiles.c.sum(dtype=dtype)


def _collect(
    problem: Layer, tiles: Tiles, numbers: np.ndarray, threshold: float, count: bool, threads: int | None
) -> tuple[list[int], int, np.ndarray]:
    """States of these tiles with a value of at least ``threshold``.

    Returns the numbers of the first of them, how many there are, and how many of them leave
    0, 1, .. m units without input (only if ``count``).
    """
    exact = problem.bound == 0
    limit = 1 if exact else max(1, min(_MAX_CANDIDATES, 2**22 // problem.W.size))
    if not count:
        numbers = numbers[: limit + 1]  # each of them holds at least one
    g, constant = _linear_terms(tiles, np.float64)
    zero = problem.zero()

    def run(part: np.ndarray) -> tuple[np.ndarray, int, np.ndarray]:
        tile, row, column = tiles.linear(g, part)
        found, zeros = np.empty(limit, np.int64), np.zeros(len(zero) + 1, np.int64)
        total = _list_states(
            tiles.base(part),
            tiles.D,
            tiles.Y,
            tile + constant,
            row,
            column,
            tiles.sums(),
            threshold,
            zero,
            count,
            found,
            zeros,
        )
        found = found[:total]
        return part[found // tiles.states] * tiles.states + found % tiles.states, total, zeros

    found, totals, zeros = zip(*tiles.map(run, numbers, threads, _RATE), strict=True)
    return np.concatenate(found)[:limit].tolist(), sum(totals), np.sum(zeros, axis=0)


@kernel
def _larger(x: Any, y: Any) -> Any:
    return x if x > y else y


@kernel
def _sum_of_maxima(base: np.ndarray, D: np.ndarray, Y: np.ndarray, out: np.ndarray) -> None:
    """out[i, j] = sum_a max(-x_ia, y_aj), eight units at a time so that ``out`` is read once for them."""
    x = np.empty(8, base.dtype)
    out[:] = 0
    for a in range(0, len(base), 8):
        for i in range(out.shape[0]):
            for k in range(8):
                x[k] = -base[a + k] - D[i, a + k]  # in an array, because numba adds int32 to int64
            x0, x1, x2, x3, x4, x5, x6, x7 = x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]
            for j in range(out.shape[1]):
                m01 = _larger(x0, Y[a, j]) + _larger(x1, Y[a + 1, j])
                m23 = _larger(x2, Y[a + 2, j]) + _larger(x3, Y[a + 3, j])
                m45 = _larger(x4, Y[a + 4, j]) + _larger(x5, Y[a + 5, j])
                m67 = _larger(x6, Y[a + 6, j]) + _larger(x7, Y[a + 7, j])
                out[i, j] += (m01 + m23) + (m45 + m67)


@kernel
def _sum_of_integer_maxima(base, D, Y, out):  # type: ignore[no-untyped-def]
    """The same for whole tiles of 32-bit integers: the sums of four rows of 32 columns stay in registers."""
    m, rows, columns = _U(len(base)), _U(D.shape[0]), _U(Y.shape[1])
    flat_Y, flat_out, x = Y.reshape(-1), out.reshape(-1), np.empty(rows * _BLOCK, base.dtype)
    out[:] = 0
    for low in range(_U(0), m, _BLOCK):
        n = min(_BLOCK, m - low)
        for i in range(rows):
            for a in range(n):
                x[i * _BLOCK + a] = -base[low + a] - D[i, low + a]
        for j in range(_U(0), columns, _TWO * _L):
            for i in range(_U(0), rows, _U(4)):
                _add_maxima(flat_Y, low * columns + j, columns, x, i * _BLOCK, n, flat_out, i * columns + j)


@kernel
def _add_maxima(Y, y, columns, x, x0, n, out, o0):  # type: ignore[no-untyped-def]
    """Add max(x_ia, y_aj) of n units to four rows i of 32 columns j."""
    o1, o2, o3 = o0 + columns, o0 + _TWO * columns, o0 + _THREE * columns
    x1, x2, x3 = x0 + _BLOCK, x0 + _TWO * _BLOCK, x0 + _THREE * _BLOCK
    s00, s10, s20, s30 = load(out, o0), load(out, o1), load(out, o2), load(out, o3)
    s01, s11, s21, s31 = load(out, o0 + _L), load(out, o1 + _L), load(out, o2 + _L), load(out, o3 + _L)
    for a in range(n):
        y0, y1 = load(Y, y), load(Y, y + _L)
        row = splat(x[x0 + a])
        s00, s01 = s00 + larger(row, y0), s01 + larger(row, y1)
        row = splat(x[x1 + a])
        s10, s11 = s10 + larger(row, y0), s11 + larger(row, y1)
        row = splat(x[x2 + a])
        s20, s21 = s20 + larger(row, y0), s21 + larger(row, y1)
        row = splat(x[x3 + a])
        s30, s31 = s30 + larger(row, y0), s31 + larger(row, y1)
        y += columns
    store(out, o0, s00)
    store(out, o1, s10)
    store(out, o2, s20)
    store(out, o3, s30)
    store(out, o0 + _L, s01)
    store(out, o1 + _L, s11)
    store(out, o2 + _L, s21)
    store(out, o3 + _L, s31)


@kernel
def _scan(base, D, Y, tile, row, column, sums, best):  # type: ignore[no-untyped-def]
    for t in range(len(tile)):
        _sum_of_maxima(base[t], D, Y, sums)
        best[t] = _highest(sums, tile[t], row, column)


@kernel
def _scan_integers(base, D, Y, tile, row, column, sums, best):  # type: ignore[no-untyped-def]
    for t in range(len(tile)):
        _sum_of_integer_maxima(base[t], D, Y, sums)
        best[t] = _highest(sums, tile[t], row, column)


@kernel
def _highest(sums, tile, row, column):  # type: ignore[no-untyped-def]
    peak = np.empty_like(column)
    for j in range(len(column)):
        peak[j] = 2 * sums[0, j] + (tile + row[0] + column[j])
    for i in range(1, len(row)):
        g = tile + row[i]
        for j in range(len(column)):
            peak[j] = _larger(2 * sums[i, j] + (g + column[j]), peak[j])
    return peak.max()


@kernel
def _list_states(base, D, Y, tile, row, column, sums, threshold, zero, count, found, zeros):  # type: ignore[no-untyped-def]
    hit = np.empty(len(column), np.bool_)
    ties = np.empty(len(column), np.int64)
    total = 0
    for t in range(len(tile)):
        _sum_of_maxima(base[t], D, Y, sums)
        for i in range(len(row)):
            g = tile[t] + row[i]
            any_hit = False
            for j in range(len(column)):
                hit[j] = 2 * sums[i, j] + (g + column[j]) >= threshold
                if hit[j]:
                    if total < len(found):
                        found[total] = (t * len(row) + i) * len(column) + j
                    total += 1
                    any_hit = True
            if count and any_hit:
                ties[:] = 0
                for a in range(len(zero)):
                    x = base[t, a] + D[i, a]
                    for j in range(len(column)):
                        ties[j] += abs(x + Y[a, j]) <= zero[a]
                for j in range(len(column)):
                    if hit[j]:
                        zeros[ties[j]] += 1
    return total
