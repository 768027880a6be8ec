"""Single-spin dynamics on pattern models in sequential order: sixteen chains in vector lanes."""

from __future__ import annotations

import numpy as np

from .._core.forms import Pattern
from .._core.heat_bath import SITES, exponentials, logits
from .._core.jit import kernel
from .._core.philox import UPDATE

_LANES = 16
_REFRESH = 256  # overlaps of real patterns are recomputed this often


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
        self._xi = np.zeros((n, -(-K // 4) * 4))  # the kernel takes four patterns at a time
        self._xi[:, :K] = form.xi
        self._lanes = np.ones((n, _LANES), dtype=np.int8)
        self._lanes[:, : len(s)] = s.T
        self._flipped = np.zeros((n, _LANES), dtype=np.bool_)
        self._m = np.empty((self._xi.shape[1], _LANES))
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
            self._lanes,
            self._m,
            self._flipped,
            self._key,
            self._first,
            start,
            stop,
        )
        self.s[:] = self._lanes[:, : len(self.s)].T
        self._moved[:] = self._flipped[:, : len(self.s)].T

    def energy(self, out: np.ndarray) -> None:
        """Energies without the model's offset: -(scale/2) sum_k m_k^2 + (1/2) sum_i d_i - sum_i b_i s_i."""
        form, m = self._form, self._m[:, : len(self.s)]
        out[:] = (form.d.sum() - form.scale * (m * m).sum(0)) / 2 - self.s @ form.b


@kernel
def _visit_lanes(xi, scale, d, b, metropolis, betas, factors, s, m, moved, key, first, start, stop):  # type: ignore[no-untyped-def]
    """Steps start..stop-1 of sixteen chains: s and moved (N, 16), overlaps m (K, 16)."""
    n, K = xi.shape
    drawn = np.empty((8, SITES))
    threshold = np.empty((SITES, _LANES))
    h = np.empty(_LANES)
    change = np.empty(_LANES)
    for t in range(start, stop):
        twice_beta = 2.0 * betas[min(t, len(betas) - 1)]
        if t % _REFRESH == 0:
            m[:] = 0.0
            for i in range(n):
                for k in range(K):
                    for r in range(_LANES):
                        m[k, r] += xi[i, k] * s[i, r]
        for low in range(0, n, SITES):
            for g in range(_LANES // 4):
                if metropolis:
                    exponentials(key, low, (first >> 2) + g, t, UPDATE, drawn)
                else:
                    logits(key, low, (first >> 2) + g, t, UPDATE, drawn)
                for i in range(SITES):
                    for lane in range(4):
                        threshold[i, 4 * g + lane] = drawn[lane, i]
            for i in range(low, min(low + SITES, n)):
                for r in range(_LANES):
                    h[r] = 0.0
                for k in range(0, K, 4):
                    x0, x1, x2, x3 = xi[i, k], xi[i, k + 1], xi[i, k + 2], xi[i, k + 3]
                    for r in range(_LANES):
                        h[r] += (x0 * m[k, r] + x1 * m[k + 1, r]) + (x2 * m[k + 2, r] + x3 * m[k + 3, r])
                for r in range(_LANES):
                    x = twice_beta * factors[r] * ((scale * h[r] - d[i] * s[i, r]) + b[i])
                    if metropolis:
                        new = -s[i, r] if s[i, r] * x < threshold[i - low, r] else s[i, r]
                    else:
                        new = np.int8(1) if x > threshold[i - low, r] else np.int8(-1)
                    change[r] = np.float64(new - s[i, r])
                    moved[i, r] |= new != s[i, r]
                    s[i, r] = new
                for k in range(0, K, 4):
                    x0, x1, x2, x3 = xi[i, k], xi[i, k + 1], xi[i, k + 2], xi[i, k + 3]
                    for r in range(_LANES):
                        m[k, r] += x0 * change[r]
                        m[k + 1, r] += x1 * change[r]
                        m[k + 2, r] += x2 * change[r]
                        m[k + 3, r] += x3 * change[r]
