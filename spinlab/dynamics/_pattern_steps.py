"""Single-spin dynamics on pattern models in sequential order: sixteen chains in vector lanes.

The overlaps of the sixteen chains are read and written once per site: one pass adds the flips of the site
before, and sums the field of the site after. What the flips at the site itself change in that field follows
from the product of the two sites' patterns, so that no pass waits for the decision that precedes it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._core.forms import Pattern, PatternBipartite
from .._core.heat_bath import COARSE, SITES, coarse_thresholds, exact_thresholds, heat_share
from .._core.jit import kernel
from .._core.lanes import LANES, above, aligned, choose, load, not_above, splat, store, widened
from .._core.philox import UPDATE
from .._core.request import Request
from .._core.walkers import Group
from ._lane_spins import pack, unpack

_REFRESH = 256  # overlaps of real patterns are recomputed this often

# Lanes decide at this 2 beta if it is larger, which float32 could not hold: only a field that is zero up to
# rounding is then so close to a threshold (all are within 23 of zero) that it needs the exact comparison.
_COLDEST = 1e9
_LARGEST_THRESHOLD = 23.0

# Indices of this type spare the check for negative ones.
_U = np.uint64
_L = np.uint64(LANES)


class Rows(NamedTuple):
    """h_i = scale sum_k feels[i, k] m_k - d_i s_i + b_i, with overlaps m_k = sum_j feeds[j, k] s_j."""

    feels: np.ndarray
    feeds: np.ndarray
    scale: float
    d: np.ndarray
    b: np.ndarray

    @classmethod
    def of(cls, form: Pattern | PatternBipartite) -> Rows:
        """Of two layers, each feeds overlaps of its own, which the other feels."""
        if isinstance(form, Pattern):
            return cls(form.xi, form.xi, *form[1:])
        n, K = form.xi.shape
        feels, feeds = np.zeros((2, n, 2 * K))
        feels[: form.V, K:] = feeds[: form.V, :K] = form.xi[: form.V]
        feels[form.V :, :K] = feeds[form.V :, K:] = form.xi[form.V :]
        return cls(feels, feeds, form.scale, np.zeros(n), form.b)


class InLanes(NamedTuple):
    """The rows of a model in the type of the lanes, with a row of zeros after the last site."""

    feels: np.ndarray
    feeds: np.ndarray
    d: np.ndarray
    b: np.ndarray
    near: np.ndarray
    """near[i] = sum_k feeds[i, k] feels[i + 1, k]."""


class PatternWalkers:
    """Up to sixteen chains on a pattern model, in sequential order; missing chains run idle."""

    def __init__(
        self, form: Pattern | PatternBipartite, request: Request, typical: float, group: Group
    ) -> None:
        self.s, self.factors = group.s, group.factors
        rows = Rows.of(form)
        n, K = rows.feeds.shape
        largest = (np.abs(rows.feels) @ np.abs(rows.feeds).sum(0)).max()
        terms = abs(rows.scale) * largest + np.abs(rows.d).max() + np.abs(rows.b).max()
        # Sums of integers below 2^24 are exact in float32, and take half the time.
        exact = (form.xi == np.rint(form.xi)).all() and largest < 2**24 and terms < 1e25
        dtype, eps = (np.float32, 2.0**-23) if exact else (np.float64, 2.0**-52)
        feels, feeds = (np.pad(x, ((0, 1), (0, 0))) for x in (rows.feels, rows.feeds))
        near = (feeds[:-1] * feels[1:]).sum(1)
        self._lanes = InLanes(*(x.astype(dtype) for x in (feels, feeds, rows.d, rows.b, near)))
        # The lanes round a field by less: at most 5 times by eps/2, and in every sum unless sums are exact.
        self._rounding = (4 if exact else 4 + 2 * K) * eps * terms
        self._up = pack(self.s)
        self._flipped = np.zeros(n, dtype=np.uint16)
        self._m = aligned(K * LANES, dtype)
        self._lane_factors = np.ones(LANES)
        self._rows, self._rule = rows, (request.metropolis, typical, request.betas)
        self._moved, self._key, self._first = group.moved, request.key, group.first

    def advance(self, start: int, stop: int) -> None:
        """Take the steps start..stop-1."""
        self._lane_factors[: len(self.factors)] = self.factors
        visit_lanes(
            self._rows,
            self._lanes,
            self._rounding,
            *self._rule,
            self._lane_factors,
            self._up,
            self._m,
            self._flipped,
            self._key,
            self._first,
            start,
            stop,
        )
        unpack(self._up, self._flipped, self.s, self._moved)

    def energy(self, out: np.ndarray) -> None:
        """Energies without the model's offset."""
        m = self._m.reshape(-1, LANES)[:, : len(self.s)].astype(np.float64)
        out[:] = energies(self._rows, m, self.s)


def energies(rows: Rows, m: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Energies without the model's offset of the states s with overlaps m (overlaps, n_chains).

    -(scale/2) sum_k m_k f_k + (1/2) sum_i d_i - sum_i b_i s_i, where f_k = sum_i feels[i, k] s_i.
    """
    felt = m if rows.feels is rows.feeds else np.roll(m, len(m) // 2, 0)
    return (rows.d.sum() - rows.scale * (m * felt).sum(0)) / 2 - s @ rows.b


@kernel
def visit_lanes(  # type: ignore[no-untyped-def]
    p, q, rounding, metropolis, typical, betas, factors, up, m, flipped, key, first, start, stop
):
    """Steps start..stop-1 of sixteen chains; bit r of up[i] and flipped[i] is chain r, m (patterns * 16)."""
    n = len(up)
    words = np.empty(SITES * LANES, dtype=np.uint32)
    coarse = np.empty(SITES * LANES, dtype=np.float32)
    exact = np.empty((LANES // 4, 8, SITES))
    twice_beta = np.empty(LANES)
    heat, coarse_heat = np.empty(LANES), np.empty(LANES, dtype=np.uint32)
    constants = np.empty(3 * LANES, dtype=m.dtype)
    for t in range(start, stop):
        for r in range(LANES):
            twice_beta[r] = 2.0 * betas[min(t, len(betas) - 1)] * factors[r]
            heat[r] = heat_share(twice_beta[r] * typical)
            coarse_heat[r] = np.uint32(heat[r])
            x = min(twice_beta[r], _COLDEST)
            constants[r], constants[LANES + r] = x * p.scale, x
            # Both roundings of a threshold, in COARSE and in the lanes, are below 23 * 2^-24 < COARSE / 5.
            close = 1.2 * COARSE + rounding * x
            constants[2 * LANES + r] = close if x == twice_beta[r] else close + 2.0 * _LARGEST_THRESHOLD
        if t % _REFRESH == 0:
            _fill_overlaps(q.feeds, up, m)
        for low in range(0, n, SITES):
            coarse_thresholds(key, low, first >> 2, t, UPDATE, metropolis, coarse_heat, words, coarse)
            drawn = False
            i, high = low, min(low + SITES, n)
            while True:
                i = _visit_block(q, metropolis, constants, coarse, up, m, flipped, low, i, high)
                if i == high:
                    break
                if not drawn:
                    exact_thresholds(key, low, first >> 2, t, UPDATE, metropolis, heat, exact)
                    drawn = True
                _visit_exactly(p, metropolis, twice_beta, exact, up, m, flipped, low, i)
                i += 1


@kernel
def _visit_block(q, metropolis, constants, coarse, up, m, flipped, low, start, high):  # type: ignore[no-untyped-def]
    """Visit the sites start..high-1; stop before the first with a decision too close to its threshold."""
    K, feels, feeds = _U(q.feels.shape[1]), q.feels.reshape(-1), q.feeds.reshape(-1)
    number = m.dtype.type
    zero, one, minus = splat(number(0.0)), splat(number(1.0)), splat(number(-1.0))
    slope, twice_beta, guard = load(constants, 0), load(constants, LANES), load(constants, 2 * LANES)
    own = _U(start) * K
    before = own  # row of the last site visited, whose flips are not yet in the overlaps
    change, h, rest = zero, zero, zero
    for k in range(K):
        h, rest = rest, h + splat(feels[own + k]) * load(m, k * _L)
    h = h + rest
    i = _U(start)
    while i < _U(high):
        old = up[i]
        s = choose(old, one, minus)
        threshold = widened(load(coarse, (i - _U(low)) * _L), one)
        if metropolis:
            threshold = threshold * s
        gap = slope * h + (twice_beta * (splat(q.b[i]) - splat(q.d[i]) * s) - threshold)
        if not_above(gap, guard) & not_above(zero - gap, guard):
            break
        new = above(gap, zero)
        after = own + K
        h, rest = zero, zero
        for k in range(K):
            overlap = load(m, k * _L) + splat(feeds[before + k]) * change
            store(m, k * _L, overlap)
            h, rest = rest, h + splat(feels[after + k]) * overlap
        change = choose(new, one, minus) - s
        h = (h + rest) + splat(q.near[i]) * change
        up[i] = new
        flipped[i] |= new ^ old
        before, own = own, after
        i += _U(1)
    for k in range(K):
        store(m, k * _L, load(m, k * _L) + splat(feeds[before + k]) * change)
    return np.int64(i)


@kernel
def _visit_exactly(p, metropolis, twice_beta, exact, up, m, flipped, low, i):  # type: ignore[no-untyped-def]
    """Visit site i with the arithmetic and the thresholds of the generic loop."""
    for r in range(LANES):
        s, h = np.float64(((up[i] >> r) & 1) * 2 - 1), 0.0
        for k in range(p.feels.shape[1]):
            h += p.feels[i, k] * np.float64(m[LANES * k + r])
        x = twice_beta[r] * (p.scale * h - p.d[i] * s + p.b[i])
        threshold = exact[r >> 2, r & 3, i - low]
        if metropolis:
            flips = s * x < threshold
        else:
            flips = (x > threshold) != (s > 0.0)
        if flips:
            up[i] ^= np.uint16(1 << r)
            flipped[i] |= np.uint16(1 << r)
            for k in range(p.feeds.shape[1]):
                m[LANES * k + r] += m.dtype.type(-2.0 * s * p.feeds[i, k])


@kernel
def _fill_overlaps(xi, up, m):  # type: ignore[no-untyped-def]
    m[:] = 0.0
    for i in range(len(up)):
        for k in range(xi.shape[1]):
            for r in range(LANES):
                m[LANES * k + r] += xi[i, k] if (up[i] >> r) & 1 else -xi[i, k]
