"""Two layers without couplings inside a layer: the restricted Boltzmann machine."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np

from .._core.forms import Bipartite
from .._core.rows import by_rows
from .._core.tables import names_along
from .._core.validate import as_fields, as_real_array, as_spins
from .base import IsingModel, read_only, spread


class TwoLayerIsing(IsingModel):
    """What :class:`BipartiteIsing` and :class:`PatternBipartiteIsing` share.

    Sites 0..V-1 are visible, sites V..V+H-1 hidden, so states have shape (..., V + H).
    """

    V: int
    H: int

    @property
    def bv(self) -> np.ndarray:
        """Visible biases, shape (V,), read-only."""
        return read_only(self._b[: self.V])

    @property
    def bh(self) -> np.ndarray:
        """Hidden biases, shape (H,), read-only."""
        return read_only(self._b[self.V :])

    @abc.abstractmethod
    def weights(self) -> np.ndarray:
        """W, shape (V, H), newly made."""

    def weights_rounding(self) -> np.ndarray:
        """Bound on the error of each of :meth:`weights`, shape (V, H)."""
        return np.zeros((self.V, self.H))

    @abc.abstractmethod
    def _to_hidden(self, v: np.ndarray) -> np.ndarray:
        """v W."""

    @abc.abstractmethod
    def _to_visible(self, h: np.ndarray) -> np.ndarray:
        """h W^T."""

    def hidden_input(self, v: np.ndarray) -> np.ndarray:
        """v W + bh for float spins v of shape (..., V)."""
        return self._to_hidden(v) + self._b[self.V :]

    def visible_input(self, h: np.ndarray) -> np.ndarray:
        """h W^T + bv for float spins h of shape (..., H)."""
        return self._to_visible(h) + self._b[: self.V]

    def split(self, states: Any) -> tuple[np.ndarray, np.ndarray]:
        """(v, h) of states with V + H sites on the last axis."""
        states = as_spins(states, self.n_spins)
        return states[..., : self.V], states[..., self.V :]

    def free_energy(self, v: Any) -> Any:
        """F(v) = -bv.v - sum_a ln 2cosh((v W)_a + bh_a) + offset, so that P(v) ~ exp(-F(v)).

        Parameters
        ----------
        v : array_like of +-1, shape (..., V)

        Returns
        -------
        float or ndarray, shape (...,)
        """
        return by_rows(self._free_energies, as_spins(v, self.V, "v"), max(self.V, self.H))

    def _free_energies(self, v: np.ndarray) -> np.ndarray:
        v = v.astype(np.float64)
        x = self.hidden_input(v)
        return self.offset - v @ self._b[: self.V] - np.logaddexp(x, -x).sum(-1)

    def to_bipartite(self) -> BipartiteIsing:
        """The same model with W written out."""
        model = BipartiteIsing(self.weights(), self.bv, self.bh, offset=self.offset)
        return model._off_by(self.rounding + self.coupling_rounding())

    def _times(self, s: np.ndarray) -> np.ndarray:
        v, h = s[..., : self.V], s[..., self.V :]
        return np.concatenate([self._to_visible(h), self._to_hidden(v)], axis=-1)

    def couplings(self) -> np.ndarray:
        J = np.zeros((self.n_spins, self.n_spins))
        J[: self.V, self.V :] = self.weights()
        J[self.V :, : self.V] = J[: self.V, self.V :].T
        return J

    def _size(self) -> str:
        return f"V={self.V}, H={self.H}"


class BipartiteIsing(TwoLayerIsing):
    """Restricted Boltzmann machine with +-1 units, E(v, h) = -v.W.h - bv.v - bh.h + offset.

    Parameters
    ----------
    W : array_like, shape (V, H)
    bv, bh : array_like, shape (V,) and (H,), or float, optional
        Biases of the visible and the hidden layer.
    offset : float, default 0
        Constant added to every energy.

    Examples
    --------
    >>> from spinlab.models import BipartiteIsing
    >>> rbm = BipartiteIsing([[1.0, -2.0]])
    >>> float(rbm.energy([1, 1, -1]))
    -3.0
    """

    def __init__(self, W: Any, bv: Any = None, bh: Any = None, *, offset: float = 0.0) -> None:
        rows, columns = names_along(W, 0), names_along(W, 1)
        self._W = as_real_array(W, "W", 2, exact=True)
        self.V, self.H = self._W.shape
        if self._W.size == 0:
            raise ValueError(f"W is empty (shape {self._W.shape}); both layers need at least one unit")
        self._Wt = np.ascontiguousarray(self._W.T)
        b = np.concatenate([as_fields(bv, self.V, "bv", rows), as_fields(bh, self.H, "bh", columns)])
        super().__init__(b, offset, None)

    @property
    def W(self) -> np.ndarray:
        """Weights, shape (V, H), read-only."""
        return read_only(self._W)

    def weights(self) -> np.ndarray:
        return self._W.copy()

    def _to_hidden(self, v: np.ndarray) -> np.ndarray:
        return v @ self._W

    def _to_visible(self, h: np.ndarray) -> np.ndarray:
        return h @ self._Wt

    def _scaled(self, factor: float) -> BipartiteIsing:
        return BipartiteIsing(
            factor * self._W, factor * self.bv, factor * self.bh, offset=factor * self.offset
        )

    def coupling_std(self) -> float:
        return spread(self._W)

    def form(self) -> Bipartite:
        return Bipartite(self._W, self._Wt, self._b)
