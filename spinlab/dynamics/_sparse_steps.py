"""Single-spin dynamics on sparse models in sequential order: sixteen chains in vector lanes.

The field of a visited site is added up from its neighbours in float32, for all chains at once. A decision
that rounding could change is taken again, with the arithmetic of the generic loop.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .._core.forms import Sparse
from .._core.heat_bath import COARSE, SITES, coarse_thresholds, exact_thresholds, heat_share
from .._core.jit import kernel
from .._core.lanes import LANES, above, choose, load, not_above, splat
from .._core.philox import UPDATE
from .._core.request import Request
from .._core.walkers import Group
from ._lane_spins import pack, unpack

# Lanes decide at this 2 beta, in units of the largest field, if it is larger: only a field that is zero up to
# rounding is then so close to a threshold (all are within 23 of zero) that it needs the exact comparison.
_COLDEST = 1e9
_LARGEST_THRESHOLD = 23.0

# Mean degree from which on the generic loop, which adds up a field at flips only, is not slower.
MOST_NEIGHBOURS = 32

# Indices of this type spare the check for negative ones.
_U = np.uint64
_L = np.uint64(LANES)


class InLanes(NamedTuple):
    """Couplings and fields in units of the largest field, a power of two."""

    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray
    b: np.ndarray


class SparseWalkers:
    """Up to sixteen chains on a sparse model, in sequential order; missing chains run idle."""

    def __init__(self, form: Sparse, request: Request, typical: float, group: Group) -> None:
        self.s, self.factors = group.s, group.factors
        n, degree = len(form.b), np.diff(form.indptr)
        rows = np.repeat(np.arange(n), degree)
        largest = float((np.bincount(rows, np.abs(form.data), n) + np.abs(form.b)).max())
        self._unit = math.ldexp(1.0, math.frexp(largest)[1]) if largest else 1.0
        self._lanes = InLanes(
            form.indptr.astype(np.uint64),
            form.indices.astype(np.uint64),
            (form.data / self._unit).astype(np.float32),
            (form.b / self._unit).astype(np.float32),
        )
        # Couplings together, each of the sums, 2 beta and the product are rounded by 2^-24 at most.
        self._rounding = 2.0 * (degree.max() + 4) * 2.0**-24
        self._up = pack(self.s)
        self._flipped = np.zeros(n, dtype=np.uint16)
        self._lane_factors = np.ones(LANES)
        self._form, self._rule = form, (request.metropolis, typical, request.betas)
        self._moved, self._key, self._first = group.moved, request.key, group.first

    def advance(self, start: int, stop: int) -> None:
        """Take the steps start..stop-1."""
        self._lane_factors[: len(self.factors)] = self.factors
        _visit_lanes(
            self._form,
            self._lanes,
            self._unit,
            self._rounding,
            *self._rule,
            self._lane_factors,
            self._up,
            self._flipped,
            self._key,
            self._first,
            start,
            stop,
        )
        unpack(self._up, self._flipped, self.s, self._moved)

    def energy(self, out: np.ndarray) -> None:
        """Energies without the model's offset."""
        _energy(self._form, self.s, out)


@kernel
def _visit_lanes(  # type: ignore[no-untyped-def]
    p, q, unit, rounding, metropolis, typical, betas, factors, up, flipped, key, first, start, stop
):
    """Steps start..stop-1 of sixteen chains; bit r of up[i] and flipped[i] is chain r."""
    n = len(up)
    words = np.empty(SITES * LANES, dtype=np.uint32)
    coarse = np.empty(SITES * LANES, dtype=np.float32)
    exact = np.empty((LANES // 4, 8, SITES))
    twice_beta = np.empty(LANES)
    heat, coarse_heat = np.empty(LANES), np.empty(LANES, dtype=np.uint32)
    constants = np.empty(2 * LANES, dtype=np.float32)
    for t in range(start, stop):
        for r in range(LANES):
            twice_beta[r] = 2.0 * betas[min(t, len(betas) - 1)] * factors[r]
            heat[r] = heat_share(twice_beta[r] * typical)
            coarse_heat[r] = np.uint32(heat[r])
            x = min(twice_beta[r] * unit, _COLDEST)
            constants[r] = x
            # Both roundings of a threshold, in COARSE and in the lanes, are below 23 * 2^-24 < COARSE / 5.
            close = 1.2 * COARSE + rounding * x
            constants[LANES + r] = close if x < _COLDEST else close + 2.0 * _LARGEST_THRESHOLD
        for low in range(0, n, SITES):
            coarse_thresholds(key, low, first >> 2, t, UPDATE, metropolis, coarse_heat, words, coarse)
            drawn = False
            i, high = low, min(low + SITES, n)
            while True:
                i = _visit_block(q, metropolis, constants, coarse, up, flipped, low, i, high)
                if i == high:
                    break
                if not drawn:
                    exact_thresholds(key, low, first >> 2, t, UPDATE, metropolis, heat, exact)
                    drawn = True
                _visit_exactly(p, metropolis, twice_beta, exact, up, flipped, low, i)
                i += 1


@kernel
def _visit_block(q, metropolis, constants, coarse, up, flipped, low, start, high):  # type: ignore[no-untyped-def]
    """Visit the sites start..high-1; stop before the first with a decision too close to its threshold."""
    zero, one, minus = splat(np.float32(0.0)), splat(np.float32(1.0)), splat(np.float32(-1.0))
    twice_beta, guard = load(constants, 0), load(constants, LANES)
    i = _U(start)
    while i < _U(high):
        h, rest = splat(q.b[i]), zero
        for e in range(q.indptr[i], q.indptr[i + _U(1)]):
            J = q.data[e]
            h, rest = rest, h + choose(up[q.indices[e]], splat(J), splat(-J))
        old = up[i]
        threshold = load(coarse, (i - _U(low)) * _L)
        if metropolis:
            threshold = threshold * choose(old, one, minus)
        gap = twice_beta * (h + rest) - threshold
        if not_above(gap, guard) & not_above(zero - gap, guard):
            break
        new = above(gap, zero)
        up[i] = new
        flipped[i] |= new ^ old
        i += _U(1)
    return np.int64(i)


@kernel
def _visit_exactly(p, metropolis, twice_beta, exact, up, flipped, low, i):  # type: ignore[no-untyped-def]
    """Visit site i with the arithmetic and the thresholds of the generic loop."""
    for r in range(LANES):
        s, h = np.float64(((up[i] >> r) & 1) * 2 - 1), p.b[i]
        for e in range(p.indptr[i], p.indptr[i + 1]):
            h += p.data[e] * np.float64(((up[p.indices[e]] >> r) & 1) * 2 - 1)
        x = twice_beta[r] * h
        threshold = exact[r >> 2, r & 3, i - low]
        if metropolis:
            flips = s * x < threshold
        else:
            flips = (x > threshold) != (s > 0.0)
        if flips:
            up[i] ^= np.uint16(1 << r)
            flipped[i] |= np.uint16(1 << r)


@kernel
def _energy(p, s, out):  # type: ignore[no-untyped-def]
    """E = -(1/2) sum_i s_i (h_i + b_i)."""
    for r in range(len(s)):
        total = 0.0
        for i in range(s.shape[1]):
            h = 2.0 * p.b[i]
            for e in range(p.indptr[i], p.indptr[i + 1]):
                h += p.data[e] * s[r, p.indices[e]]
            total += s[r, i] * h
        out[r] = -0.5 * total
