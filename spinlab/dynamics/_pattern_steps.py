"""Single-spin heat bath on pattern models in sequential order: sixteen chains in vector lanes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._core.forms import Pattern
from .._core.heat_bath import SITES, logits
from .._core.jit import kernel
from .._core.philox import UPDATE

_LANES = 16
_REFRESH = 256  # overlaps of real patterns are recomputed this often


def pattern_steps(form: Pattern) -> Callable[..., Callable[[int, int], None]]:
    """Loop starter of :mod:`_single_spin` for a pattern model; missing chains run idle."""
    n, K = form.xi.shape
    xi = np.zeros((n, -(-K // 4) * 4))  # the kernel takes four patterns at a time
    xi[:, :K] = form.xi

    def steps(
        betas: np.ndarray, s: np.ndarray, moved: np.ndarray, key: np.uint64, first: int
    ) -> Callable[[int, int], None]:
        lanes = np.ones((n, _LANES), dtype=np.int8)
        lanes[:, : len(s)] = s.T
        flipped = np.zeros((n, _LANES), dtype=np.bool_)
        m = np.empty((xi.shape[1], _LANES))

        def advance(start: int, stop: int) -> None:
            _heat_bath_lanes(
                xi, form.scale, form.d, form.b, betas, lanes, m, flipped, key, first, start, stop
            )
            s[:] = lanes[:, : len(s)].T
            moved[:] = flipped[:, : len(s)].T

        return advance

    return steps


@kernel
def _heat_bath_lanes(xi, scale, d, b, betas, s, m, moved, key, first, start, stop):  # type: ignore[no-untyped-def]
    """Steps start..stop-1 of sixteen chains: s and moved (N, 16), overlaps m (K, 16)."""
    n, K = xi.shape
    logit = np.empty((8, SITES))
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
                logits(key, low, (first >> 2) + g, t, UPDATE, logit)
                for i in range(SITES):
                    for lane in range(4):
                        threshold[i, 4 * g + lane] = logit[lane, i]
            for i in range(low, min(low + SITES, n)):
                for r in range(_LANES):
                    h[r] = 0.0
                for k in range(0, K, 4):
                    x0, x1, x2, x3 = xi[i, k], xi[i, k + 1], xi[i, k + 2], xi[i, k + 3]
                    for r in range(_LANES):
                        h[r] += (x0 * m[k, r] + x1 * m[k + 1, r]) + (x2 * m[k + 2, r] + x3 * m[k + 3, r])
                for r in range(_LANES):
                    x = twice_beta * ((scale * h[r] - d[i] * s[i, r]) + b[i])
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
