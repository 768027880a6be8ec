"""One-flip-stable states of models with few binary patterns and no fields, at any number of spins.

One layer, J_ij = scale sum_k xi_i^k xi_j^k with scale > 0. With m = sum_j s_j xi_j the field on site i is
scale (xi_i.m - K s_i): the second term takes its own contribution out of m. So

    s_i h_i > 0  <=>  s_i xi_i.m > K,        s_i h_i >= 0  <=>  s_i xi_i.m >= K.

Either way s_i xi_i.m > 0, so s_i = sign(xi_i.m), without ties: a stable state is a zero-threshold function
f of the pattern columns, the same for all sites of a class. For each f, m = sum_x n(x) f(x) x follows from
the numbers of sites, and f is a (strict) minimum if f(x) x.m >= K (> K) for every column x that occurs.

Two layers, W_ia = scale sum_k xi_i^k xi_a^k, have no diagonal. A strict minimum has v_i = sign(scale xi_i.n)
and h_a = sign(scale xi_a.m) without ties, m and n being the sums over the visible and the hidden layer: for
each f on the visible columns, m gives h, h gives n, and n must give f back. A weak minimum of two layers need
not be uniform on a class (a zero field leaves each of its sites free), so these are not counted here.

Functions that agree on all columns that occur are one state. Sums are integers below 2^53, hence exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..._core.blas import one_blas_thread
from ..._core.parallel import n_threads
from ..._core.progress import map_with_progress
from ...models import IsingModel, PatternBipartiteIsing, PatternIsing
from . import threshold_functions
from .layer_sites import fold, read_bits
from .threshold_functions import MAX_INPUTS

_SECONDS_PER_VALUE = 1.2e-8  # of a function at a class, on one core
_TASK = 2**19  # values at a time


@dataclass(frozen=True)
class _Layer:
    """Sites by class: x_i = sign_i x_group(i)."""

    group: np.ndarray  # number of the class among those that occur, (N,)
    sign: np.ndarray  # (N,)
    x: np.ndarray  # columns that occur, (classes, K), last entry +1
    count: np.ndarray  # sites of each
    first: np.ndarray  # first site of each

    def states(self, f: np.ndarray) -> np.ndarray:
        """Values on the classes to spins, shape (len(f), N)."""
        return f.astype(np.int8)[:, self.group] * self.sign


class PatternMinima:
    """The minima of one model, up to the global flip: ``f``, shape (number, classes), on the first layer."""

    def __init__(
        self, model: PatternIsing | PatternBipartiteIsing, strict: bool, threads: int | None
    ) -> None:
        self.model, self.K = model, model.K
        self.layers = [_layer(xi) for xi in _patterns(model)]
        first = self.layers[0]
        self.least = 0 if len(self.layers) == 2 else model.K - (not strict)  # what f(x) x.m must exceed
        weights = threshold_functions.weights(model.K)
        signs = threshold_functions.half_cube(model.K).astype(np.float64)
        step = max(1, _TASK // (len(signs) * len(first.x)))

        # Columns in the order in which the sites meet them, turned as the first site of each: with s_0 = +1,
        # bits then number the states in lexicographic order.
        order = np.argsort(first.first)
        turn = first.sign[first.first]

        def run(start: int) -> np.ndarray:
            w = (weights[start : start + step, None] * signs).reshape(-1, model.K)
            f = np.sign(w @ first.x.T)
            f = f[self._stable(f)]
            f *= f[:, order[:1]] * turn[order[0]]
            return np.unique(_pack((f * turn)[:, order] > 0))

        with one_blas_thread():
            found = map_with_progress(run, range(0, len(weights), step), threads, "local minima")
            numbers = np.unique(np.concatenate(found))
            f = np.empty((len(numbers), len(first.x)))
            f[:, order] = 2.0 * _unpack(numbers, len(first.x)) - 1.0
            f *= turn
            energies = self._energies(f)
        ranks = np.argsort(energies, kind="stable")
        self.f, self.energies = f[ranks], energies[ranks]

    def __len__(self) -> int:
        return len(self.f)

    def states(self, number: int) -> np.ndarray:
        """The first ones, shape (number, N)."""
        f = self.f[:number]
        parts = [self.layers[0].states(f)]
        if len(self.layers) == 2:
            parts.append(self.layers[1].states(self._other(f)))
        return np.concatenate(parts, axis=1)

    def _stable(self, f: np.ndarray) -> np.ndarray:
        layer = self.layers[0]
        m = (f * layer.count) @ layer.x
        if len(self.layers) == 1:
            return ((f * (m @ layer.x.T)) > self.least).all(1)
        other = self.layers[1]
        h = np.sign(m @ other.x.T)  # for scale > 0; the other sign turns h over, and the sums with it
        n = (h * other.count) @ other.x
        return h.all(1) & ((f * (n @ layer.x.T)) > 0).all(1)

    def _other(self, f: np.ndarray) -> np.ndarray:
        layer, other = self.layers
        return np.sign(self.model.scale * (((f * layer.count) @ layer.x) @ other.x.T))

    def _energies(self, f: np.ndarray) -> np.ndarray:
        m = (f * self.layers[0].count) @ self.layers[0].x
        if len(self.layers) == 1:
            pairs = ((m**2).sum(1) - self.K * self.model.n_spins) / 2
        else:
            pairs = (m * ((self._other(f) * self.layers[1].count) @ self.layers[1].x)).sum(1)
        return self.model.offset - self.model.scale * pairs


def seconds(model: IsingModel, strict: bool) -> float | None:
    """How long the list takes, or None if the model is not of this kind."""
    if (
        not isinstance(model, PatternIsing | PatternBipartiteIsing)
        or model.has_fields
        or model.K > MAX_INPUTS
    ):
        return None
    two_layers = isinstance(model, PatternBipartiteIsing)
    if (model.scale == 0 or not strict) if two_layers else model.scale <= 0:
        return None
    if any(read_bits(xi) is None for xi in _patterns(model)):
        return None
    values = threshold_functions.COUNTS[model.K - 1] * min(1 << (model.K - 1), model.n_spins) / 2
    return 1e-3 + (1 + two_layers) * values * _SECONDS_PER_VALUE / n_threads()


def _pack(bits: np.ndarray) -> np.ndarray:
    """Rows of up to 64 bits as numbers, the first bit the highest."""
    packed = np.zeros((len(bits), 8), np.uint8)
    packed[:, : -(-bits.shape[1] // 8)] = np.packbits(bits, axis=1)
    return packed.view(">u8")[:, 0].astype(np.uint64)


def _unpack(numbers: np.ndarray, length: int) -> np.ndarray:
    return np.unpackbits(numbers.astype(">u8").view(np.uint8).reshape(-1, 8), axis=1, count=length)


def _patterns(model: PatternIsing | PatternBipartiteIsing) -> list[np.ndarray]:
    """Columns of each layer, shape (sites, K)."""
    xi = model.form().xi
    return [xi] if isinstance(model, PatternIsing) else np.split(xi, [model.V])


def _layer(xi: np.ndarray) -> _Layer:
    bits = read_bits(xi)
    assert bits is not None
    K = xi.shape[1]
    group, sign = fold(bits, K)
    present, first, group, count = np.unique(
        group, return_index=True, return_inverse=True, return_counts=True
    )
    x = threshold_functions.half_cube(K)[present].astype(np.float64)
    return _Layer(group, sign.astype(np.int8), x, count.astype(np.float64), first)
