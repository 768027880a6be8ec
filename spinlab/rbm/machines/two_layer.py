"""What RBM and RARBM share: one hidden layer, independent given the visible one."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..._core import device
from ..._core.validate import as_data, as_fields
from ...models.bipartite import TwoLayerIsing
from .enumerated import blocks_of, enumerated_products
from .machine import Machine, Phase, Statistics
from .parameters import set_parameter
from .units import Noise, log_norms, mean_spins

_MOST_ENUMERATED = 24
_CHUNK = 2**19  # entries of the larger layer at a time, so that they stay in the cache;
_CHUNK_ON_GPU = 2**26  # there many fill the card,
_COPIES = 8  # of which the arithmetic holds so many at once, in float64


class TwoLayerMachine(Machine):
    """E(v, h) = -v.W.h - bv.v - bh.h with +-1 units; F(v) = -bv.v - sum_a ln 2cosh((v W)_a + bh_a)."""

    H: int

    @abc.abstractmethod
    def _times_weights(self, v: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """v W, a new array unless there is room for it."""

    @abc.abstractmethod
    def _times_transposed(self, h: np.ndarray) -> np.ndarray:
        """h W^T, a new array."""

    @abc.abstractmethod
    def _weight_statistics(self, v: np.ndarray, t: np.ndarray, factor: Any) -> Statistics:
        """Averages of -dF/d theta for the parameters that make W; ``factor`` weighs the rows."""

    @abc.abstractmethod
    def _dense_weights(self) -> np.ndarray:
        """W in the machine's dtype."""

    @abc.abstractmethod
    def _of_products(self, C: np.ndarray) -> Statistics:
        """Averages of -dF/d theta for the parameters that make W, from C_ia = <v_i tanh_a>."""

    @abc.abstractmethod
    def as_ising(self) -> TwoLayerIsing: ...

    def _start_biases(self, kind: np.dtype) -> None:
        if self.has_biases:
            self.parameters |= {"bv": np.zeros(self.V, kind), "bh": np.zeros(self.H, kind)}

    def _set_biases(self, bv: Any, bh: Any) -> None:
        if self.has_biases:
            for name, b, n in (("visible", bv, self.V), ("hidden", bh, self.H)):
                name = f"{name}_biases"
                set_parameter(self.parameters[f"b{name[0]}"], as_fields(b, n, name), name)

    def hidden_fields(self, v: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """v W + bh, shape (n, H), for ``v`` (n, V) of the machine's dtype."""
        x = self._times_weights(v, out)
        if self.has_biases:
            x += self.parameters["bh"]
        return x

    def visible_fields(self, h: np.ndarray) -> np.ndarray:
        """h W^T + bv, shape (n, V)."""
        x = self._times_transposed(h)
        if self.has_biases:
            x += self.parameters["bv"]
        return x

    def free_energy(self, v: Any) -> Any:
        """F(v) in float64 for data of shape (..., V)."""
        return self.as_ising().free_energy(as_data(v, self.V, "v"))

    def log_weights(self, phase: Phase) -> np.ndarray:
        v = phase.means[0]
        log_w = log_norms(self.hidden_fields(v))
        return log_w + v @ self.parameters["bv"] if self.has_biases else log_w

    def positive(self, v: np.ndarray, noise: Noise) -> Phase:
        x = self.hidden_fields(v)
        return Phase([v, None], [v, mean_spins(x)], fields=x)

    def hidden(self, v: np.ndarray, noise: Noise | None = None) -> np.ndarray:
        x = self.hidden_fields(v)
        return mean_spins(x, out=x) if noise is None else noise.spins(x, out=x)

    def random_phase(self, n: int, noise: Noise) -> Phase:
        v = noise.spins(self.xp.zeros((n, self.V), self.dtype))
        return Phase([v, None], [v])

    def gibbs(self, phase: Phase, n_steps: int, noise: Noise, beta: Any = 1.0) -> Phase:
        """``n_steps`` times v given h, then h given v; h is drawn first where the phase lacks it.

        The result keeps weights and share of the start. At other temperatures than 1 it has the fields, but
        no means.
        """
        cold = isinstance(beta, float) and beta == 1.0
        v, h = phase.layers
        x: Any = phase.fields
        if x is None and (h is None or n_steps == 0):
            x = self.hidden_fields(v)
        if h is None:
            h = noise.spins(x if cold else x * beta)
        room = None
        for step in range(n_steps):
            y = self.visible_fields(h)
            v = noise.spins(y if cold else self.xp.multiply(y, beta, out=y), out=y)
            x = room = self.hidden_fields(v, room)
            if step + 1 == n_steps:
                h = noise.spins(x if cold else x * beta)
            else:
                h = noise.spins(x if cold else self.xp.multiply(x, beta, out=x), out=x)
        if not cold:
            return Phase([v, h], [v], phase.weights, phase.share, x)
        # Fields that belong to the start stay as they are; others become means in place.
        return Phase([v, h], [v, mean_spins(x, out=room)], phase.weights, phase.share)

    def energies(self, phase: Phase) -> np.ndarray:
        v, h = phase.layers
        x = phase.fields if phase.fields is not None else self.hidden_fields(v)
        E = -(x * h).sum(1, dtype=np.float64)
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
        if not self.has_biases and self.dtype == np.float32 and self.device == "cpu":
            W = self._dense_weights()
            W = np.ascontiguousarray(W.T) if swap else W
            blocks = blocks_of(W)
            if blocks is not None:
                C = enumerated_products(W, blocks)
                found = self._of_products(C.T if swap else C)
                return {name: value.astype(self.dtype) for name, value in found.items()}
        xp, chunk = self.xp, _CHUNK
        if self.device == "gpu":
            least, width = 2**6, max(self.V, self.H)
            device.check_fits(8 * _COPIES * least * width, f"the exact statistics of {self!r}")
            chunk = max(least * width, min(_CHUNK_ON_GPU, device.free_bytes() // (8 * _COPIES)))
        times: Callable[[np.ndarray], np.ndarray]
        times, bias, own = self._times_weights, "bh", "bv"
        if swap:
            times, bias, own = self._times_transposed, "bv", "bh"
        total: Statistics = {}
        top, norm = -np.inf, 0.0
        first_x = None
        for s in _states(xp, n, chunk // max(self.V, self.H), self.has_biases, self.dtype):
            if first_x is None:
                first_s, first_x = s[0].copy(), times(s)
                if self.has_biases:
                    first_x += self.parameters[bias]
                x = xp.empty_like(first_x)
            # The chunks differ by a common change of their leading spins.
            xp.add(first_x, times((s[0] - first_s)[None]), out=x)
            log_w = log_norms(x)  # x is tanh of the fields from here on
            if self.has_biases:
                log_w += s @ self.parameters[own].astype(np.float64)
            new_top = max(top, float(log_w.max()))
            old = np.exp(top - new_top)
            top = new_top
            weights = xp.exp(log_w - top)
            w = weights[:, None]
            v, h = (x, s) if swap else (s, x)
            part = self._weight_statistics(v, h, w)
            if self.has_biases:
                part["bv"], part["bh"] = _average(v, w), _average(h, w)
            total = {name: value + total[name] * old if total else value for name, value in part.items()}
            norm = norm * old + float(weights.sum())
        return {name: (value / norm).astype(self.dtype) for name, value in total.items()}


def _states(xp: Any, n: int, most: int, both_signs: bool, dtype: np.dtype) -> Iterator[Any]:
    """All states of n spins in chunks (only those with the first spin up, unless ``both_signs``).

    Each chunk, of up to ``most`` states or 64, is the same array with new values of the leading spins.
    """
    free = n if both_signs else n - 1
    within = min(free, max(6, most.bit_length() - 1))
    s = xp.ones((2**within, n), dtype)
    number = xp.arange(2**within)
    for i in range(within):
        s[:, n - 1 - i] = 1 - 2 * ((number >> i) & 1)
    for chunk in range(2 ** (free - within)):
        for i in range(free - within):
            s[:, n - 1 - within - i] = 1 - 2 * ((chunk >> i) & 1)
        yield s


def _average(x: np.ndarray, factor: Any) -> np.ndarray:
    if isinstance(factor, float):
        return x.sum(0) * x.dtype.type(factor)
    return factor[:, 0].astype(x.dtype) @ x


def weighted(x: np.ndarray, factor: Any) -> np.ndarray:
    """x times a number, or times one number for each row; keeps the dtype."""
    return x * (x.dtype.type(factor) if isinstance(factor, float) else factor.astype(x.dtype))
