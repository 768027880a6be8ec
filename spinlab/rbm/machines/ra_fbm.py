"""The fully connected Boltzmann machine with regularized axons: patterns over all units."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from ..._core.rng import RNG, as_generator
from ..._core.validate import as_count, as_flag, as_real_array, check_memory
from ...models import PatternIsing
from .axons import RegularizedAxons, random_patterns, signs
from .fully_connected import Draw, FullyConnectedMachine, hidden_of, off_diagonal
from .machine import Phase, Statistics
from .parameters import set_parameter


class RAFBM(RegularizedAxons, FullyConnectedMachine):
    """Fully connected machine with regularized axons, J_ij = (scale/sqrt K) sum_k xi_i^k xi_j^k, i != j.

    The patterns are the parameters, as in :class:`RARBM` (arXiv:1910.01592, Eq. 5 and outlook).

    Parameters
    ----------
    V, K : int
        Visible units and patterns.
    H : int, default 0
        Hidden units; each pattern spans the visible and the hidden ones.
    scale : float, default 1
        Standard deviation of the couplings at the start, where the patterns are random +-1.
    train_scale, biases : bool, default False
        Whether the scale is a parameter too; whether there are biases.
    positive, n_positive
        As for :class:`FBM`.
    dtype : "float32" or "float64"
    rng : None, int or numpy.random.Generator
        Of the patterns.

    Attributes
    ----------
    parameters : dict of ndarray
        "xi" (K, V + H), and where asked for "scale" (1,), "b" (V + H,); visible units come first.

    Notes
    -----
    J is never formed in training: a sweep and an update cost O(K (V + H)) per configuration (exact phases
    aside). :class:`PID` takes visible and hidden parts of the patterns together; its weights are exp(-E).

    Examples
    --------
    >>> import spinlab as sl
    >>> machine = sl.rbm.RAFBM(V=12, K=3, rng=0)
    >>> machine.as_ising()
    <PatternIsing: N=12, K=3>
    >>> sl.rbm.RAFBM(V=12, K=3, H=4, rng=0).as_ising()
    <PatternIsing: N=16, K=3>
    """

    decayed: ClassVar[frozenset[str]] = frozenset({"xi"})

    def __init__(
        self,
        V: int,
        K: int,
        *,
        H: int = 0,
        scale: float = 1.0,
        train_scale: bool = False,
        biases: bool = False,
        positive: str = "exact",
        n_positive: int = 25,
        dtype: str = "float32",
        rng: RNG = None,
    ) -> None:
        kind = self._set_up(V, H, biases, positive, n_positive, dtype)
        self.K, self.trains_scale = as_count(K, "K"), as_flag(train_scale, "train_scale")
        check_memory(4 * kind.itemsize * self.K * self.N, f"training {self.K} patterns of {self.N} units")
        self.parameters = {"xi": random_patterns(as_generator(rng), self.K, self.N, kind)}
        self._start_scale(scale, kind)
        self.unseeded = {} if rng is None else None
        self._start_biases(kind)

    @classmethod
    def from_patterns(cls, xi: Any, *, b: Any = None, V: int | None = None, **options: Any) -> RAFBM:
        """A machine with given patterns (K, N), binary or continuous; biases (N,) where given.

        The first ``V`` units are visible, by default all of them; the options are those of the class.

        Examples
        --------
        >>> import spinlab as sl
        >>> sl.rbm.RAFBM.from_patterns([[1, -1, 1]])
        <RAFBM: V=3, K=1, train_scale=False, biases=False>
        """
        xi = as_real_array(xi, "xi", 2)
        V, H = hidden_of(V, xi.shape[1])
        machine = cls(V, len(xi), H=H, biases=b is not None, rng=0, **options)
        set_parameter(machine.xi, xi, "xi")
        machine._set_biases(b)
        machine._checked_state(machine.on_host() | {"scale": machine._scale})
        return machine

    @property
    def config(self) -> dict[str, Any]:
        return self._sizes() | {"K": self.K, "train_scale": self.trains_scale} | self._settings()

    @property
    def xi(self) -> np.ndarray:
        """The patterns themselves, shape (K, V + H)."""
        return self.parameters["xi"]

    def as_ising(self) -> PatternIsing:
        """The machine as a low-rank model in float64."""
        return self._model(self.N)

    def _model(self, n: int) -> PatternIsing:
        b = self.parameters["b"][:n] if self.has_biases else None
        return PatternIsing(self.xi[:, :n], self.scale / self.K**0.5, b)

    def _block(self, rows: slice, columns: slice) -> np.ndarray:
        xi = self.xi.astype(np.float64)
        J = self.scale / self.K**0.5 * (xi[:, rows].T @ xi[:, columns])
        return off_diagonal(J) if rows == columns else J

    def _sweep(self, s: np.ndarray, sites: Iterable[int], draw: Draw, beta: Any = 1.0) -> None:
        m = s @ self.xi.T  # overlaps of each chain, kept up to date spin by spin
        for i in sites:
            own = self.xi[:, i]
            old = s[:, i].copy()
            x = (m @ own - (own @ own) * old) * self._unit
            if self.has_biases:
                x += self.parameters["b"][i]
            new = draw(np.multiply(x[:, None], beta, dtype=self.dtype))[:, 0]
            s[:, i] = new
            m += np.outer(new - old, own)

    def _pair_statistics(self, s: np.ndarray, w: np.ndarray, covariance: np.ndarray | None) -> Statistics:
        """-dE/dxi_i^k = c s_i sum_{j != i} xi_j^k s_j = c (m_k s_i - xi_i^k s_i^2), c = scale/sqrt(K)."""
        G = (s @ self.xi.T).T @ w - self.xi * (s * w).sum(0)
        if covariance is not None:
            G[:, self.V :] += self.xi[:, self.V :] @ covariance
        return self._of_products(G)

    def _of_correlations(self, C: np.ndarray) -> Statistics:
        return self._of_products(self.xi.astype(np.float64) @ off_diagonal(C))

    def _of_products(self, G: np.ndarray) -> Statistics:
        """From G_ki = sum_{j != i} xi_j^k <s_i s_j>."""
        found = {"xi": G * self._unit}
        if self.trains_scale:
            found["scale"] = np.array([np.vdot(self.xi, G) / (2 * self.K**0.5)], dtype=G.dtype)
        return found

    def centre(self, gradient: Statistics, offsets: list[np.ndarray]) -> None:
        """Gradient of couplings between shifted units through the patterns; biases to first order."""
        mu, c, xi = np.concatenate(offsets), self._unit, self.xi
        d_xi, gb = gradient["xi"], gradient["b"]
        n_g, n_mu = (xi @ gb)[:, None] - xi * gb, (xi @ mu)[:, None] - xi * mu
        change = mu * n_g + gb * n_mu
        d_xi -= c * change
        rate = 0.0
        if self.trains_scale:
            gradient["scale"] -= float(np.vdot(xi, change)) / (2 * self.K**0.5)
            rate = gradient["scale"][0] / self._scale[0] if self._scale[0] else 0.0
        d_mu = (d_xi @ mu)[:, None] - d_xi * mu
        gb -= c * (d_xi * n_mu + xi * d_mu + rate * xi * n_mu).sum(0)

    def pattern_phase(self, continuous: bool) -> Phase:
        """The patterns over all units, or their signs (+1 at zero)."""
        found = self._phase(signs(self.xi))
        if continuous:
            found.means = self._phase(self.xi.copy()).means
        return found
