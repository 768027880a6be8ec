"""What RBM and RARBM share: one hidden layer, independent given the visible one."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..models.bipartite import TwoLayerIsing
from ._units import Noise, log_norms, mean_spins
from .machine import Machine, Phase, Statistics

_MOST_ENUMERATED = 24
_CHUNK = 2**19  # entries of the larger layer at a time, so that they stay in the cache


class TwoLayerMachine(Machine):
    """E(v, h) = -v.W.h - bv.v - bh.h with +-1 units; F(v) = -bv.v - sum_a ln 2cosh((v W)_a + bh_a)."""

    H: int

    @abc.abstractmethod
    def _times_weights(self, v: np.ndarray) -> np.ndarray:
        """v W, a new array."""

    @abc.abstractmethod
    def _times_transposed(self, h: np.ndarray) -> np.ndarray:
        """h W^T, a new array."""

    @abc.abstractmethod
    def _weight_statistics(self, v: np.ndarray, t: np.ndarray, factor: Any) -> Statistics:
        """Averages of -dF/d theta for the parameters that make W; ``factor`` weighs the rows."""

    @abc.abstractmethod
    def as_ising(self) -> TwoLayerIsing: ...

    def hidden_fields(self, v: np.ndarray) -> np.ndarray:
        """v W + bh, shape (n, H), for ``v`` (n, V) of the machine's dtype."""
        x = self._times_weights(v)
        return np.add(x, self.parameters["bh"], out=x) if self.has_biases else x

    def visible_fields(self, h: np.ndarray) -> np.ndarray:
        """h W^T + bv, shape (n, V)."""
        x = self._times_transposed(h)
        return np.add(x, self.parameters["bv"], out=x) if self.has_biases else x

    def free_energy(self, v: Any) -> Any:
        """F(v) in float64 for spins of shape (..., V)."""
        return self.as_ising().free_energy(v)

    def log_weights(self, phase: Phase) -> np.ndarray:
        v = phase.means[0]
        log_w = log_norms(self.hidden_fields(v))
        return log_w + v @ self.parameters["bv"] if self.has_biases else log_w

    def positive(self, v: np.ndarray, noise: Noise) -> Phase:
        x = self.hidden_fields(v)
        return Phase([v, None], [v, mean_spins(x)], fields=x)

    def random_phase(self, n: int, noise: Noise) -> Phase:
        v = noise.spins(np.zeros((n, self.V), self.dtype))
        return Phase([v, None], [v])

    def gibbs(self, phase: Phase, n_steps: int, noise: Noise, beta: Any = 1.0) -> Phase:
        """``n_steps`` times v given h, then h given v; h is drawn first where the phase lacks it.

        The result keeps weights and share of the start. Its hidden means are those at ``beta`` = 1.
        """
        hot = not (isinstance(beta, float) and beta == 1.0)
        v, h = phase.layers
        if h is None:
            x = phase.fields if phase.fields is not None else self.hidden_fields(v)
            h = noise.spins(x * beta if hot else x)
        else:
            x = phase.fields
        for _ in range(n_steps):
            y = self.visible_fields(h)
            v = noise.spins(np.multiply(y, beta, out=y) if hot else y, out=y)
            x = self.hidden_fields(v)
            h = noise.spins(x * beta if hot else x)
        if x is None:
            x = self.hidden_fields(v)
        return Phase([v, h], [v, mean_spins(x)], phase.weights, phase.share, x)

    def energies(self, phase: Phase) -> np.ndarray:
        v, h = phase.layers
        x = phase.fields if phase.fields is not None else self.hidden_fields(v)
        E = -np.einsum("na,na->n", x, h, dtype=np.float64)
        return E - v @ self.parameters["bv"] if self.has_biases else E

    def statistics(self, phase: Phase) -> Statistics:
        v, t = phase.means
        factor = phase.factor
        found = self._weight_statistics(v, t, factor)
        if self.has_biases:
            found["bv"], found["bh"] = _average(v, factor), _average(t, factor)
        return found

    def exact_statistics(self) -> Statistics:
        """Averages over the model: all states of the smaller layer, the other one summed out."""
        swap = self.H < self.V
        n = min(self.V, self.H)
        if n > _MOST_ENUMERATED:
            raise ValueError(
                f"exact statistics enumerate the smaller layer, up to {_MOST_ENUMERATED} units, got {n}; "
                "use PCD or Tempering"
            )
        fields = self.visible_fields if swap else self.hidden_fields
        own = self.parameters["bh" if swap else "bv"] if self.has_biases else None
        total: Statistics = {}
        top, norm = -np.inf, 0.0
        for s in _states(n, max(self.V, self.H), self.has_biases, self.dtype):
            x = fields(s)
            log_w = log_norms(x)  # x is tanh of the fields from here on
            if own is not None:
                log_w += s @ own.astype(np.float64)
            new_top = max(top, float(log_w.max()))
            old = np.exp(top - new_top)
            top = new_top
            weights = np.exp(log_w - top)
            w = weights[:, None]
            v, h = (x, s) if swap else (s, x)
            part = self._weight_statistics(v, h, w)
            if self.has_biases:
                part["bv"], part["bh"] = _average(v, w), _average(h, w)
            total = {name: value + old * total[name] if total else value for name, value in part.items()}
            norm = norm * old + float(weights.sum())
        return {name: (value / norm).astype(self.dtype) for name, value in total.items()}


def _states(n: int, width: int, both_signs: bool, dtype: np.dtype) -> Iterator[np.ndarray]:
    """All states of n spins in chunks (only those with the first spin up, unless ``both_signs``)."""
    free = n if both_signs else n - 1
    rows = min(2**free, max(64, _CHUNK // width))
    for first in range(0, 2**free, rows):
        number = np.arange(first, min(first + rows, 2**free))
        s = np.ones((len(number), n), dtype)
        for i in range(free):
            s[:, n - 1 - i] = 1 - 2 * ((number >> i) & 1)
        yield s


def _average(x: np.ndarray, factor: Any) -> np.ndarray:
    if isinstance(factor, float):
        return x.sum(0) * x.dtype.type(factor)
    return factor[:, 0].astype(x.dtype) @ x


def weighted(x: np.ndarray, factor: Any) -> np.ndarray:
    """x times a number, or times one number for each row; keeps the dtype."""
    return x * (x.dtype.type(factor) if isinstance(factor, float) else factor.astype(x.dtype))
