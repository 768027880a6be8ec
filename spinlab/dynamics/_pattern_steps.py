"""Single-spin dynamics on pattern models in sequential order: sixteen chains in vector lanes.

The compiler turns loops over the sixteen lanes into vector instructions if their bodies are long, and if
what they touch lies at constant distances. So six patterns are taken at a time, the overlaps are stored in
one flat array, and the spins of a site are the bits of one number.
"""

from __future__ import annotations

import numpy as np

from .._core.forms import Pattern
from .._core.heat_bath import COARSE, SITES, coarse_thresholds, exponentials, logits
from .._core.jit import kernel
from .._core.philox import UPDATE

_LANES = 16
_AT_ONCE = 6  # patterns
_REFRESH = 256  # overlaps of real patterns are recomputed this often

# Indices of this type spare the check for negative ones, which would keep loops from vectorising.
_U = np.uint64
_1, _2, _3, _4, _5 = _U(_LANES), _U(2 * _LANES), _U(3 * _LANES), _U(4 * _LANES), _U(5 * _LANES)


class PatternWalkers:
    """Up to sixteen chains on a pattern model, in sequential order; missing chains run idle."""

    def __init__(
        self,
        form: Pattern,
        metropolis: bool,
        betas: np.ndarray,
        factors: np.ndarray,
        s: np.ndarray,
        moved: np.ndarray,
        key: np.uint64,
        first: int,
    ) -> None:
        self.s, self.factors = s, factors
        n, K = form.xi.shape
        size = np.abs(form.xi)
        # Sums of integers below 2^24 are exact in float32, and take half the time.
        exact = (form.xi == np.rint(form.xi)).all() and (size @ size.sum(0)).max() < 2**24
        self._xi = np.zeros((n, -(-K // _AT_ONCE) * _AT_ONCE), dtype=np.float32 if exact else np.float64)
        self._xi[:, :K] = form.xi
        bits = np.ones((n, _LANES), dtype=bool)
        bits[:, : len(s)] = s.T > 0
        self._up = (bits << np.arange(_LANES)).sum(1).astype(np.uint16)
        self._flipped = np.zeros(n, dtype=np.uint16)
        self._m = np.empty(self._xi.shape[1] * _LANES, dtype=self._xi.dtype)
        self._lane_factors = np.ones(_LANES)
        self._form, self._metropolis, self._betas = form, metropolis, betas
        self._moved, self._key, self._first = moved, key, first

    def advance(self, start: int, stop: int) -> None:
        """Take the steps start..stop-1."""
        self._lane_factors[: len(self.factors)] = self.factors
        _visit_lanes(
            self._xi,
            self._form.scale,
            self._form.d,
            self._form.b,
            self._metropolis,
            self._betas,
            self._lane_factors,
            self._up,
            self._m,
            self._flipped,
            self._key,
            self._first,
            start,
            stop,
        )
        _unpack(self._up, self._flipped, self.s, self._moved)

    def energy(self, out: np.ndarray) -> None:
        """Energies without the model's offset: -(scale/2) sum_k m_k^2 + (1/2) sum_i d_i - sum_i b_i s_i."""
        form, m = self._form, self._m.reshape(-1, _LANES)[:, : len(self.s)].astype(np.float64)
        out[:] = (form.d.sum() - form.scale * (m * m).sum(0)) / 2 - self.s @ form.b


@kernel
def _visit_lanes(xi, scale, d, b, metropolis, betas, factors, up, m, flipped, key, first, start, stop):  # type: ignore[no-untyped-def]
    """Steps start..stop-1 of sixteen chains; bit r of up[i] and flipped[i] is chain r, m (patterns * 16)."""
    n, K = len(up), _U(xi.shape[1])
    words = np.empty(SITES * _LANES, dtype=np.uint32)
    coarse = np.empty(SITES * _LANES, dtype=np.float32)
    exact = np.empty((8, SITES))
    h, change = np.empty(_LANES, dtype=m.dtype), np.empty(_LANES, dtype=m.dtype)
    # Sixteen times 2 beta, then 2 beta times the field.
    lanes = np.empty(2 * _LANES)
    for t in range(start, stop):
        twice_beta = 2.0 * betas[min(t, len(betas) - 1)]
        for r in range(_LANES):
            lanes[r] = twice_beta * factors[r]
        if t % _REFRESH == 0:
            _fill_overlaps(xi, up, m)
        for low in range(0, n, SITES):
            coarse_thresholds(key, low, first >> 2, t, UPDATE, metropolis, words, coarse)
            for i in range(_U(low), _U(min(low + SITES, n))):
                row = xi[i]
                for r in range(_LANES):
                    h[r] = 0.0
                for k in range(_U(0), K, _U(_AT_ONCE)):
                    x0, x1, x2 = row[k], row[k + _U(1)], row[k + _U(2)]
                    x3, x4, x5 = row[k + _U(3)], row[k + _U(4)], row[k + _U(5)]
                    for r in range(_1):
                        j = _1 * k + r
                        low_half = x0 * m[j] + x1 * m[j + _1] + x2 * m[j + _2]
                        high_half = x3 * m[j + _3] + x4 * m[j + _4] + x5 * m[j + _5]
                        h[r] += low_half + high_half
                old, new, close = np.int64(up[i]), np.int64(0), np.int64(0)
                d_i, b_i = d[i], b[i]
                threshold = coarse[_1 * (i - _U(low)) : _1 * (i - _U(low)) + _1]
                if metropolis:
                    for r in range(_1):
                        s = np.float64(((old >> np.int64(r)) & 1) * 2 - 1)
                        x = lanes[r] * ((scale * h[r] - d_i * s) + b_i)
                        lanes[r + _1] = x
                        gap = threshold[r] - s * x
                        close |= np.int64(abs(gap) < COARSE)
                        flips = np.int64(gap > 0.0)
                        change[r] = np.float64(-2 * flips) * s
                        new |= (((old >> np.int64(r)) & 1) ^ flips) << np.int64(r)
                else:
                    for r in range(_1):
                        s = np.float64(((old >> np.int64(r)) & 1) * 2 - 1)
                        x = lanes[r] * ((scale * h[r] - d_i * s) + b_i)
                        lanes[r + _1] = x
                        gap = x - threshold[r]
                        close |= np.int64(abs(gap) < COARSE)
                        plus = np.int64(gap > 0.0)
                        change[r] = np.float64(2 * plus - 1) - s
                        new |= plus << np.int64(r)
                if close:
                    new = np.int64(0)
                    for r in range(_LANES):
                        if r % 4 == 0 and metropolis:
                            exponentials(key, low, (first + r) >> 2, t, UPDATE, exact)
                        elif r % 4 == 0:
                            logits(key, low, (first + r) >> 2, t, UPDATE, exact)
                        s, x = ((old >> r) & 1) * 2 - 1, lanes[_LANES + r]
                        if metropolis:
                            after = -s if s * x < exact[r & 3, i - _U(low)] else s
                        else:
                            after = 1 if x > exact[r & 3, i - _U(low)] else -1
                        change[r] = after - s
                        new |= (after + 1 >> 1) << r
                if new == old:
                    continue
                up[i] = new
                flipped[i] |= np.uint16(new ^ old)
                for k in range(_U(0), K, _U(_AT_ONCE)):
                    x0, x1, x2 = row[k], row[k + _U(1)], row[k + _U(2)]
                    x3, x4, x5 = row[k + _U(3)], row[k + _U(4)], row[k + _U(5)]
                    for r in range(_1):
                        j, c = _1 * k + r, change[r]
                        m[j] += x0 * c
                        m[j + _1] += x1 * c
                        m[j + _2] += x2 * c
                        m[j + _3] += x3 * c
                        m[j + _4] += x4 * c
                        m[j + _5] += x5 * c


@kernel
def _fill_overlaps(xi, up, m):  # type: ignore[no-untyped-def]
    m[:] = 0.0
    for i in range(len(up)):
        for k in range(xi.shape[1]):
            for r in range(_LANES):
                m[_LANES * k + r] += xi[i, k] if (up[i] >> r) & 1 else -xi[i, k]


@kernel
def _unpack(up, flipped, s, moved):  # type: ignore[no-untyped-def]
    for r in range(len(s)):
        for i in range(len(up)):
            s[r, i] = ((up[i] >> r) & 1) * 2 - 1
            moved[r, i] = (flipped[i] >> r) & 1
