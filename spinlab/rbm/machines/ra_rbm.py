"""The restricted Boltzmann machine with regularized axons: its patterns are the parameters."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..._core.rng import RNG, as_generator
from ..._core.validate import as_count, as_flag, as_real_array, check_memory
from ...models import PatternBipartiteIsing
from .axons import PatternsOfTwoLayers, RegularizedAxons, random_patterns, signs
from .machine import Phase, Statistics, as_dtype
from .parameters import set_parameter
from .two_layer import TwoLayerMachine, weighted
from .units import Noise, mean_spins


class RARBM(RegularizedAxons, PatternsOfTwoLayers, TwoLayerMachine):
    """RBM with W_ia = (scale/sqrt K) sum_k xi_i^k xi_a^k (arXiv:1910.01592, Eq. 5); W is never formed.

    Parameters
    ----------
    V, H, K : int
        Visible units, hidden units, patterns.
    scale : float, default 1
        Standard deviation of the weights at the start, where the patterns are random +-1.
    train_scale : bool, default False
        Whether the scale is a parameter too.
    biases : bool, default False
        Visible and hidden biases (zero at the start; the paper has none).
    dtype : "float32" or "float64"
    rng : None, int or numpy.random.Generator
        Of the patterns, which start at random +-1 and are continuous in training.

    Attributes
    ----------
    parameters : dict of ndarray
        "xi_v" (K, V), "xi_h" (K, H), and where asked for "scale" (1,), "bv", "bh".

    Notes
    -----
    A batch of B costs O(B K (V + H)) and O((V + H)(K + B)) memory.

    Examples
    --------
    >>> import spinlab as sl
    >>> machine = sl.rbm.RARBM(V=16, H=1000, K=8, rng=0)
    >>> round(machine.as_ising().coupling_std(), 1)
    1.0
    """

    decayed: ClassVar[frozenset[str]] = frozenset({"xi_v", "xi_h"})

    def __init__(
        self,
        V: int,
        H: int,
        K: int,
        *,
        scale: float = 1.0,
        train_scale: bool = False,
        biases: bool = False,
        dtype: str = "float32",
        rng: RNG = None,
    ) -> None:
        self.V, self.H, self.K = as_count(V, "V"), as_count(H, "H"), as_count(K, "K")
        self.trains_scale, self.has_biases = as_flag(train_scale, "train_scale"), as_flag(biases, "biases")
        kind = as_dtype(dtype)
        n = self.V + self.H
        check_memory(4 * kind.itemsize * self.K * n, f"training {self.K} patterns of {n} units")
        xi = random_patterns(as_generator(rng), self.K, n, kind)
        self.parameters = {
            "xi_v": np.ascontiguousarray(xi[:, : self.V]),
            "xi_h": np.ascontiguousarray(xi[:, self.V :]),
        }
        self._start_scale(scale, kind)
        self.unseeded = {} if rng is None else None
        self._start_biases(kind)

    @classmethod
    def from_patterns(
        cls,
        xi_v: Any,
        xi_h: Any,
        *,
        scale: float = 1.0,
        visible_biases: Any = None,
        hidden_biases: Any = None,
        train_scale: bool = False,
        dtype: str = "float32",
    ) -> RARBM:
        """A machine with given patterns, shape (K, V) and (K, H), binary or continuous.

        Examples
        --------
        >>> import spinlab as sl
        >>> sl.rbm.RARBM.from_patterns([[1, -1]], [[1, 1, -1]])
        <RARBM: V=2, H=3, K=1, train_scale=False, biases=False>
        """
        xi_v, xi_h = as_real_array(xi_v, "xi_v", 2), as_real_array(xi_h, "xi_h", 2)
        if len(xi_v) != len(xi_h):
            raise ValueError(f"xi_v has {len(xi_v)} patterns and xi_h {len(xi_h)}; both need K rows")
        biases = visible_biases is not None or hidden_biases is not None
        shape = xi_v.shape[1], xi_h.shape[1], len(xi_v)
        machine = cls(*shape, scale=scale, train_scale=train_scale, biases=biases, dtype=dtype, rng=0)
        set_parameter(machine.xi_v, xi_v, "xi_v")
        set_parameter(machine.xi_h, xi_h, "xi_h")
        machine._set_biases(visible_biases, hidden_biases)
        machine._checked_state(machine.on_host() | {"scale": machine._scale})
        return machine

    @property
    def config(self) -> dict[str, Any]:
        sizes = {"V": self.V, "H": self.H, "K": self.K}
        return sizes | {"train_scale": self.trains_scale, "biases": self.has_biases}

    def as_ising(self) -> PatternBipartiteIsing:
        """The machine as a low-rank model in float64, for exact solvers, AIS and dynamics."""
        own = self.on_host()
        biases = own.get("bv"), own.get("bh")
        return PatternBipartiteIsing(own["xi_v"], own["xi_h"], self.scale / self.K**0.5, *biases)

    def _times_weights(self, v: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        m = v @ self.xi_v.T
        m *= self._unit
        return self.xp.matmul(m, self.xi_h, out=out)

    def _times_transposed(self, h: np.ndarray) -> np.ndarray:
        m = h @ self.xi_h.T
        m *= self._unit
        return m @ self.xi_v

    def _weight_statistics(self, v: np.ndarray, t: np.ndarray, factor: Any) -> Statistics:
        """Eq. (A7): -dF/dxi_i^k = c v_i n_k and -dF/dxi_a^k = c m_k tanh_a, with the overlaps
        m_k = sum_i xi_i^k v_i, n_k = sum_a xi_a^k tanh_a and c = scale/sqrt(K)."""
        m, n = weighted(v @ self.xi_v.T, factor), t @ self.xi_h.T
        found = {}
        if self.trains_scale:
            found["scale"] = np.array([float(self.xp.vdot(m, n)) / self.K**0.5], dtype=v.dtype)
        m *= self._unit
        n = weighted(n, factor * self._unit if isinstance(factor, float) else factor * float(self._unit))
        return {"xi_v": n.T @ v, "xi_h": m.T @ t, **found}

    def _dense_weights(self) -> np.ndarray:
        return (self._unit * self.xi_v.T) @ self.xi_h

    def _of_products(self, C: np.ndarray) -> Statistics:
        """Eq. (A7) with C in place of v (x) tanh."""
        c = float(self._unit)
        n = self.xi_h @ C.T  # (K, V)
        found = {"xi_v": c * n, "xi_h": c * (self.xi_v @ C)}
        if self.trains_scale:
            found["scale"] = np.array([float(np.vdot(self.xi_v, n)) / self.K**0.5])
        return found

    def centre(self, gradient: Statistics, offsets: list[np.ndarray]) -> None:
        """Gradient of weights between shifted units (as for :class:`RBM`), through the patterns.

        With dW = c (dxi_v^T xi_h + xi_v^T dxi_h) the biases follow to first order.
        """
        mu, lam = offsets
        c, xi_v, xi_h = self._unit, self.xi_v, self.xi_h
        gv, gh = gradient["bv"], gradient["bh"]
        d_v, d_h = gradient["xi_v"], gradient["xi_h"]
        m, n = xi_v @ mu, xi_h @ lam
        m_g, n_g = xi_v @ gv, xi_h @ gh
        d_v -= c * (self.xp.outer(n_g, mu) + self.xp.outer(n, gv))
        d_h -= c * (self.xp.outer(m, gh) + self.xp.outer(m_g, lam))
        if self.trains_scale:
            gradient["scale"] -= float(m @ n_g + m_g @ n) / self.K**0.5
        ds = gradient["scale"][0] / self._scale[0] if self.trains_scale and self._scale[0] else 0.0
        gv -= c * (n @ d_v + (d_h @ lam + ds * n) @ xi_v)
        gh -= c * (m @ d_h + (d_v @ mu + ds * m) @ xi_h)

    def pattern_phase(self, continuous: bool) -> Phase:
        """Visible parts of the patterns, or their signs (+1 at zero), hidden units summed out."""
        v, h = signs(self.xi_v), signs(self.xi_h)
        start = self.xi_v.copy() if continuous else v
        x = self.hidden_fields(start)
        return Phase([v, h], [start, mean_spins(x)], fields=x)

    def resample_patterns(self, noise: Noise) -> None:
        """Hidden parts given the visible ones as they are, then visible given hidden (Eq. B2)."""
        h = noise.spins(self.hidden_fields(self.xi_v))
        v = noise.spins(self.visible_fields(h))
        self.xi_h[:], self.xi_v[:] = h, v
