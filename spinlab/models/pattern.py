"""Low-rank models: the couplings are sums over K patterns and the matrix is never formed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._core.forms import Pattern, PatternBipartite
from .._core.validate import as_fields, as_real, as_real_array, rounded_off
from .base import IsingModel, read_only, spread
from .bipartite import TwoLayerIsing

# Below this ratio of variance to mean square, their difference has lost too many digits.
_CANCELS = 1e-4


class PatternIsing(IsingModel):
    """Fully connected model J_ij = scale sum_k xi_i^k xi_j^k for i != j (Hopfield, RA, Mattis at K=1).

    Parameters
    ----------
    xi : array_like, shape (K, N)
        Patterns, binary or real.
    scale : float, default 1
        1/N gives Hopfield's, 1/sqrt(K) the regularized axons' couplings.
    b : array_like, shape (N,), or float, optional
        Fields.
    offset : float, default 0
        Constant added to every energy.

    Examples
    --------
    >>> from spinlab.models import PatternIsing
    >>> mattis = PatternIsing([[1, -1, 1]])
    >>> float(mattis.energy([1, -1, 1]))
    -3.0
    """

    def __init__(self, xi: Any, scale: float = 1.0, b: Any = None, *, offset: float = 0.0) -> None:
        patterns = _as_patterns(xi, "xi")
        self._xi = np.ascontiguousarray(patterns.T)  # (N, K): one row per site, as kernels read it
        self.scale = _as_scale(scale)
        _check_scale(self.scale, patterns, patterns)
        self._d = self.scale * (self._xi**2).sum(1)
        super().__init__(as_fields(b, len(self._xi)), offset, None)

    @property
    def xi(self) -> np.ndarray:
        """Patterns, shape (K, N), read-only."""
        return read_only(self._xi.T)

    @property
    def K(self) -> int:
        """Number of patterns."""
        return self._xi.shape[1]

    def _times(self, s: np.ndarray) -> np.ndarray:
        return self.scale * ((s @ self._xi) @ self._xi.T) - self._d * s

    def _scaled(self, factor: float) -> PatternIsing:
        return PatternIsing(self.xi, factor * self.scale, factor * self._b, offset=factor * self.offset)

    def coupling_std(self) -> float:
        N = self.n_spins
        if N < 2:
            return 0.0
        # Sums over all ordered pairs from K x K matrices, minus the diagonal.
        xi, exponent = _reduced(self._xi)
        gram = xi.T @ xi
        diagonal = (xi**2).sum(1)
        pairs = N * (N - 1)
        mean = ((xi.sum(0) ** 2).sum() - diagonal.sum()) / pairs
        whole = (gram**2).sum() / pairs
        square = whole - (diagonal**2).sum() / pairs
        if square - mean**2 <= _CANCELS * whole:
            return self.to_dense().coupling_std()
        return abs(self.scale) * float(np.ldexp(np.sqrt(square - mean**2), 2 * exponent))

    def form(self) -> Pattern:
        return Pattern(self._xi, self.scale, self._d, self._b)

    def couplings(self) -> np.ndarray:
        J = self.scale * (self._xi @ self._xi.T)
        J = (J + J.T) / 2  # BLAS may round the two triangles differently
        np.fill_diagonal(J, 0.0)
        return J

    def coupling_rounding(self) -> float:
        rounding = _product_rounding(self.scale, self._xi, self._xi)
        return 0.0 if rounding is None else float(np.triu(rounding, 1).sum())

    def _size(self) -> str:
        return f"N={self.n_spins}, K={self.K}"


class PatternBipartiteIsing(TwoLayerIsing):
    """RBM with regularized axons, W_ia = scale sum_k xi_i^k xi_a^k (arXiv:1910.01592, Eq. 5).

    Parameters
    ----------
    xi_v : array_like, shape (K, V)
        Visible parts of the patterns.
    xi_h : array_like, shape (K, H)
        Hidden parts of the patterns.
    scale : float, optional
        Default 1/sqrt(K): random +-1 patterns then give weights of unit standard deviation.
    bv, bh : array_like or float, optional
        Biases.
    offset : float, default 0
        Constant added to every energy.

    Examples
    --------
    >>> from spinlab.models import PatternBipartiteIsing
    >>> rbm = PatternBipartiteIsing([[1, -1]], [[1, 1, -1]])
    >>> float(rbm.energy([1, -1, 1, 1, -1]))
    -6.0
    """

    def __init__(
        self,
        xi_v: Any,
        xi_h: Any,
        scale: float | None = None,
        bv: Any = None,
        bh: Any = None,
        *,
        offset: float = 0.0,
    ) -> None:
        xi_v, xi_h = _as_patterns(xi_v, "xi_v"), _as_patterns(xi_h, "xi_h")
        if len(xi_v) != len(xi_h):
            raise ValueError(f"xi_v has {len(xi_v)} patterns and xi_h {len(xi_h)}; both need K rows")
        self.V, self.H = xi_v.shape[1], xi_h.shape[1]
        self._xi = np.ascontiguousarray(np.concatenate([xi_v, xi_h], axis=1).T)
        self.scale = _as_scale(len(xi_v) ** -0.5 if scale is None else scale)
        _check_scale(self.scale, xi_v, xi_h)
        b = np.concatenate([as_fields(bv, self.V, "bv"), as_fields(bh, self.H, "bh")])
        super().__init__(b, offset, None)

    @property
    def xi_v(self) -> np.ndarray:
        """Visible patterns, shape (K, V), read-only."""
        return read_only(self._xi[: self.V].T)

    @property
    def xi_h(self) -> np.ndarray:
        """Hidden patterns, shape (K, H), read-only."""
        return read_only(self._xi[self.V :].T)

    @property
    def K(self) -> int:
        """Number of patterns."""
        return self._xi.shape[1]

    def weights(self) -> np.ndarray:
        return self.scale * (self._xi[: self.V] @ self._xi[self.V :].T)

    def _to_hidden(self, v: np.ndarray) -> np.ndarray:
        return self.scale * ((v @ self._xi[: self.V]) @ self._xi[self.V :].T)

    def _to_visible(self, h: np.ndarray) -> np.ndarray:
        return self.scale * ((h @ self._xi[self.V :]) @ self._xi[: self.V].T)

    def _scaled(self, factor: float) -> PatternBipartiteIsing:
        return PatternBipartiteIsing(
            self.xi_v,
            self.xi_h,
            factor * self.scale,
            factor * self.bv,
            factor * self.bh,
            offset=factor * self.offset,
        )

    def coupling_std(self) -> float:
        (v, e_v), (h, e_h) = _reduced(self._xi[: self.V]), _reduced(self._xi[self.V :])
        mean = (v.mean(0) * h.mean(0)).sum()
        square = ((v.T @ v) * (h.T @ h)).sum() / (self.V * self.H)
        if square - mean**2 <= _CANCELS * square:
            return spread(self.weights())
        return abs(self.scale) * float(np.ldexp(np.sqrt(square - mean**2), e_v + e_h))

    def form(self) -> PatternBipartite:
        return PatternBipartite(self._xi, self.V, self.scale, self._b)

    def weights_rounding(self) -> np.ndarray:
        rounding = _product_rounding(self.scale, self._xi[: self.V], self._xi[self.V :])
        return super().weights_rounding() if rounding is None else rounding

    def coupling_rounding(self) -> float:
        return float(self.weights_rounding().sum())

    def _size(self) -> str:
        return f"V={self.V}, H={self.H}, K={self.K}"


def _product_rounding(scale: float, x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    """Bound on the error of each entry of scale x y^T in float64; None where all are exact."""
    K = x.shape[1]
    size = np.abs(x) @ np.abs(y).T
    if size.max() < 2**53 and all(np.array_equal(p, np.rint(p)) for p in (x, y)):
        if abs(math.frexp(scale)[0]) in (0.0, 0.5):
            return None
        n = np.abs(x @ y.T)  # exact, so that the scale alone rounds, and not for powers of two
        once = np.where(n * abs(scale) < 2.0**-1000, 2.0**-1074, 2.0**-53 * abs(scale) * n)
        found: np.ndarray = np.where((n == 0) | (np.frexp(n)[0] == 0.5), 0.0, once)
        return found
    # K products and their sum, the scale, and the mean of two triangles; and what underflows.
    rounding: np.ndarray = (K + 4) * 2.0**-53 * abs(scale) * size + (K + 1) * 2.0**-1073 * max(
        1.0, abs(scale)
    )
    return rounding


def _as_patterns(xi: Any, name: str) -> np.ndarray:
    xi = as_real_array(xi, name, 2, exact=True)
    if xi.size == 0:
        raise ValueError(f"{name} is empty (shape {xi.shape}); it needs K >= 1 patterns over N >= 1 sites")
    return xi


def _as_scale(scale: Any) -> float:
    value = as_real(scale, "scale")
    if rounded_off(scale, value):
        raise ValueError(f"scale must be a number of float64, got {scale!r}; round it by float(scale)")
    return value


def _reduced(xi: np.ndarray) -> tuple[np.ndarray, int]:
    """``xi`` divided by a power of two, so that fourth powers stay in range, and its exponent."""
    exponent = int(np.frexp(np.abs(xi).max())[1])
    return np.ldexp(xi, -exponent), exponent


def _check_scale(scale: float, x: np.ndarray, y: np.ndarray) -> None:
    """The sum of all |couplings| is at most |scale| sum_k (sum_i |x_i^k|) (sum_j |y_j^k|)."""
    total = abs(scale) * float(np.abs(x).sum(1) @ np.abs(y).sum(1))
    if not total <= 1e150:
        raise ValueError(
            f"scale {scale:g} times the squared patterns is too large (sum up to {total:g}, 1e150 allowed)"
        )
