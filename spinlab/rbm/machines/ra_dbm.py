"""The deep Boltzmann machine with regularized axons: patterns over all layers are its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..._core.device import to_host
from ..._core.rng import RNG, as_generator
from ..._core.validate import as_count, as_flag, as_real_array, check_memory
from .axons import RegularizedAxons, random_patterns, signs
from .deep import DeepMachine
from .machine import Phase, Statistics
from .parameters import set_parameter
from .two_layer import weighted


class RADBM(RegularizedAxons, DeepMachine):
    """Deep machine with regularized axons: W_l = (scale/sqrt K) sum_k xi_(l-1)^k (x) xi_l^k.

    Each of the K patterns spans all layers (arXiv:1910.01592, Eq. 5 and outlook). Exact sums
    aside, the weights are never formed in training.

    Parameters
    ----------
    sizes : sequence of int
        Units of each layer, the visible one first.
    K : int
        Patterns.
    scale : float, default 1
        Standard deviation of the weights at the start, where the patterns are random +-1.
    train_scale : bool, default False
        Whether the scale is a parameter too.
    biases, positive, n_positive, dtype, rng
        As for :class:`DBM`.

    Attributes
    ----------
    parameters : dict of ndarray
        "xi0" (K, sizes[0]), "xi1"..., and where asked for "scale" (1,), "b0", "b1"...

    Examples
    --------
    >>> import spinlab as sl
    >>> machine = sl.rbm.RADBM([16, 200, 100], K=4, rng=0)
    >>> round(float(machine.weights(2).std()), 1)
    1.0
    """

    def __init__(
        self,
        sizes: Any,
        K: int,
        *,
        scale: float = 1.0,
        train_scale: bool = False,
        biases: bool = False,
        positive: str = "mean-field",
        n_positive: int = 25,
        dtype: str = "float32",
        rng: RNG = None,
    ) -> None:
        kind = self._set_up(sizes, biases, positive, n_positive, dtype)
        self.K, self.trains_scale = as_count(K, "K"), as_flag(train_scale, "train_scale")
        n = sum(self.sizes)
        check_memory(4 * kind.itemsize * self.K * n, f"training {self.K} patterns of {n} units")
        self.unseeded = {} if rng is None else None
        rng = as_generator(rng)
        self.parameters = {f"xi{i}": random_patterns(rng, self.K, n, kind) for i, n in enumerate(self.sizes)}
        self._start_scale(scale, kind)
        self._start_biases(kind)
        self.decayed = frozenset(f"xi{i}" for i in range(self.n_layers))  # type: ignore[misc]

    @classmethod
    def from_patterns(cls, xi: Sequence[Any], biases: Sequence[Any] | None = None, **options: Any) -> RADBM:
        """A machine with given patterns, one array (K, size) per layer, and biases, one array per layer.

        Examples
        --------
        >>> import spinlab as sl
        >>> sl.rbm.RADBM.from_patterns([[[1, -1]], [[1]], [[-1]]], scale=0.5).K
        1
        """
        parts = [as_real_array(x, f"xi[{i}]", 2) for i, x in enumerate(xi)]
        if len({len(x) for x in parts}) != 1:
            raise ValueError(f"all layers need K rows, got {[len(x) for x in parts]}")
        sizes = [x.shape[1] for x in parts]
        machine = cls(sizes, len(parts[0]), biases=biases is not None, rng=0, **options)
        for i, x in enumerate(parts):
            set_parameter(machine.parameters[f"xi{i}"], x, f"xi[{i}]")
        machine._set_biases(biases)
        machine._checked_state(machine.on_host() | {"scale": machine._scale})
        return machine

    @property
    def config(self) -> dict[str, Any]:
        return {"sizes": self.sizes, "K": self.K, "train_scale": self.trains_scale} | self._settings()

    @property
    def xi(self) -> list[np.ndarray]:
        """The patterns themselves, one array (K, size) per layer."""
        return [self.parameters[f"xi{i}"] for i in range(self.n_layers)]

    def weights(self, layer: int) -> np.ndarray:
        low, high = (to_host(self.parameters[f"xi{i}"]).astype(np.float64) for i in (layer - 1, layer))
        return self.scale / self.K**0.5 * (low.T @ high)

    def _input(self, target: int, source: int, s: np.ndarray) -> np.ndarray:
        m = s @ self.parameters[f"xi{source}"].T
        m *= self._unit
        return m @ self.parameters[f"xi{target}"]

    def _pair_statistics(self, means: list[np.ndarray], factor: Any) -> Statistics:
        """-dE/dxi_l,i^k = c s_l,i (m_(l-1)^k + m_(l+1)^k) with the overlaps m_l^k = sum_i xi_l,i^k s_l,i."""
        m = [weighted(s @ x.T, factor) for s, x in zip(means, self.xi, strict=True)]
        found: Statistics = {}
        for i, s in enumerate(means):
            found[f"xi{i}"] = self._unit * (_neighbours(m, i).T @ s)
        if self.trains_scale:
            plain = [s @ x.T for s, x in zip(means[1:], self.xi[1:], strict=True)]
            total = sum(float(self.xp.vdot(a, b)) for a, b in zip(m, plain, strict=False))
            found["scale"] = np.array([total / self.K**0.5], dtype=self.dtype)
        return found

    def _of_correlations(self, C: list[np.ndarray]) -> Statistics:
        xi = [to_host(x).astype(np.float64) for x in self.xi]
        up = [xi[i] @ c for i, c in enumerate(C)]  # on layer i + 1 from the one below
        down = [xi[i + 1] @ c.T for i, c in enumerate(C)]
        c = self.scale / self.K**0.5
        found: Statistics = {}
        for i in range(self.n_layers):
            above = down[i] if i + 1 < self.n_layers else 0.0
            below = up[i - 1] if i else 0.0
            found[f"xi{i}"] = c * (above + below)
        if self.trains_scale:
            total = sum(float(np.vdot(x, u)) for x, u in zip(xi[1:], up, strict=True))
            found["scale"] = np.array([total / self.K**0.5])
        return found

    def centre(self, gradient: Statistics, offsets: list[np.ndarray]) -> None:
        """Gradient of weights between shifted units, through the patterns; biases to first order."""
        mu, xi, c = self._natural(offsets), self.xi, self._unit
        g = [gradient[f"b{i}"].copy() for i in range(self.n_layers)]
        n_mu = [x @ m for x, m in zip(xi, mu, strict=True)]
        n_g = [x @ y for x, y in zip(xi, g, strict=True)]
        for i in range(self.n_layers):
            change = self.xp.outer(_neighbours(n_g, i), mu[i]) + self.xp.outer(_neighbours(n_mu, i), g[i])
            gradient[f"xi{i}"] -= c * change
        rate = 0.0
        if self.trains_scale:
            moved = sum(float(n_mu[i] @ n_g[i + 1] + n_g[i] @ n_mu[i + 1]) for i in range(self.n_layers - 1))
            gradient["scale"] -= moved / self.K**0.5
            rate = gradient["scale"][0] / self._scale[0] if self._scale[0] else 0.0
        d_mu = [gradient[f"xi{i}"] @ m + rate * n_mu[i] for i, m in enumerate(mu)]
        for i in range(self.n_layers):
            gradient[f"b{i}"] -= c * (
                _neighbours(n_mu, i) @ gradient[f"xi{i}"] + _neighbours(d_mu, i) @ xi[i]
            )

    def pattern_phase(self, continuous: bool) -> Phase:
        """The patterns over all layers, or their signs (+1 at zero); odd layers by their means."""
        spins = [signs(x) for x in self.xi]
        start = [x.copy() for x in self.xi] if continuous else spins
        return Phase(self._ordered(spins), self._with_means(start).means)


def _neighbours(x: list[Any], i: int) -> Any:
    """x_(i-1) + x_(i+1), as far as they exist."""
    near = [x[j] for j in (i - 1, i + 1) if 0 <= j < len(x)]
    return near[0] if len(near) == 1 else near[0] + near[1]
