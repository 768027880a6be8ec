"""Fully connected Boltzmann machines: every unit is coupled to every other one, hidden or visible.

Given the data the hidden units are not independent, unless there is one: the positive phase is an exact sum
over their states, clamped Gibbs sampling or mean field. Without hidden units the data fix everything.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np

from ..._core.rows import by_rows
from ..._core.validate import as_choice, as_count, as_data, as_fields, as_flag
from ...models import IsingModel
from .machine import Machine, Phase, Statistics, as_dtype
from .moments import check_clamped, clamped_log_norms, clamped_moments, entropy, exact_moments
from .parameters import set_parameter
from .units import Noise, draw_from_means, mean_spins

POSITIVE = ("exact", "gibbs", "mean-field")

Draw = Callable[[np.ndarray], np.ndarray]
"""Spins or means of units in fields (n, 1)."""


class FullyConnectedMachine(Machine):
    """E(s) = -sum_{i<j} J_ij s_i s_j - b.s over +-1 units s = (v, h), the visible ones first."""

    H: int
    on_gpu: ClassVar[bool] = False
    positive_phase: str
    n_positive: int

    def _set_up(self, V: int, H: int, biases: bool, positive: str, n_positive: int, dtype: str) -> np.dtype:
        self.V, self.H, self.has_biases = as_count(V, "V"), as_count(H, "H", 0), as_flag(biases, "biases")
        self.positive_phase = as_choice(positive, "positive", POSITIVE)
        self.n_positive = as_count(n_positive, "n_positive")
        if self.positive_phase == "exact":
            check_clamped(self.H)
        return as_dtype(dtype)

    def _start_biases(self, kind: np.dtype) -> None:
        if self.has_biases:
            self.parameters["b"] = np.zeros(self.N, kind)

    def _set_biases(self, b: Any) -> None:
        if self.has_biases:
            set_parameter(self.parameters["b"], as_fields(b, self.N), "b")

    @property
    def N(self) -> int:
        """Units, V + H."""
        return self.V + self.H

    def _sizes(self) -> dict[str, Any]:
        return {"V": self.V} | ({"H": self.H} if self.H else {})

    def _settings(self) -> dict[str, Any]:
        found: dict[str, Any] = {"biases": self.has_biases}
        if self.H:
            found |= {"positive": self.positive_phase, "n_positive": self.n_positive}
        return found

    @abc.abstractmethod
    def _model(self, n: int) -> IsingModel:
        """The first ``n`` units as a model in float64."""

    @abc.abstractmethod
    def _block(self, rows: slice, columns: slice) -> np.ndarray:
        """A block of J in float64; its diagonal is zero where it is one of J."""

    @abc.abstractmethod
    def _sweep(self, s: np.ndarray, sites: Iterable[int], draw: Draw, beta: Any = 1.0) -> None:
        """Set some sites one after the other to what ``draw`` makes of their fields times beta, every row
        of s (n, N) in place."""

    @abc.abstractmethod
    def _pair_statistics(self, s: np.ndarray, w: np.ndarray, covariance: np.ndarray | None) -> Statistics:
        """Averages of -dE/d theta for the parameters that make J, from means s (n, N), the same times the
        weights of the rows, and what the products of hidden units are on average beyond their means'."""

    @abc.abstractmethod
    def _of_correlations(self, C: np.ndarray) -> Statistics:
        """The same from the exact <s_i s_j>, float64."""

    @property
    def _hidden(self) -> range:
        return range(self.V, self.N)

    def _clamped(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Couplings of the hidden units and their fields given v, in float64."""
        visible, hidden = slice(0, self.V), slice(self.V, self.N)
        fields = np.asarray(v, dtype=np.float64) @ self._block(visible, hidden)
        if self.has_biases:
            fields += self.parameters["b"][hidden]
        return self._block(hidden, hidden), fields

    def _phase(self, s: np.ndarray) -> Phase:
        layers = [s[:, : self.V], s[:, self.V :]] if self.H else [s]
        return Phase(layers, list(layers))

    def free_energy(self, v: Any) -> Any:
        """F(v) in float64, exact, for data of shape (..., V): up to 20 hidden units are enumerated."""
        model = self._model(self.V)

        def free_energies(v: np.ndarray) -> np.ndarray:
            F = np.asarray(model.energy(v))
            return F - clamped_log_norms(*self._clamped(v)) if self.H else F

        return by_rows(free_energies, as_data(v, self.V, "v"), 4 * self.N)

    def variational_free_energy(self, v: Any) -> Any:
        """Upper bound of F(v) for any number of hidden units: <E> - entropy of the mean-field state, float64.

        ``-variational_free_energy(v) - ln Z`` bounds ln P(v) from below. Exact for up to one hidden unit.

        Examples
        --------
        >>> import spinlab as sl
        >>> machine = sl.rbm.FBM(V=4, H=3, std=1.0, rng=0)
        >>> bool(machine.variational_free_energy([1, 1, 1, -1]) >= machine.free_energy([1, 1, 1, -1]))
        True
        """
        model = self._model(self.V)

        def bounds(v: np.ndarray) -> np.ndarray:
            F = np.asarray(model.energy(v))
            if not self.H:
                return F
            m = self.mean_field(v.astype(self.dtype)).astype(np.float64)
            J, fields = self._clamped(v)
            return F - ((m @ J / 2 + fields) * m).sum(1) - entropy(m)

        return by_rows(bounds, as_data(v, self.V, "v"), 4 * self.N)

    # Visible units clamped

    def positive(self, v: np.ndarray, noise: Noise) -> Phase:
        """Hidden units given v, as ``positive_phase`` says."""
        if not self.H:
            return Phase([v], [v])
        if self.positive_phase == "exact":
            u = noise.uniform(2 * len(v)).reshape(2, -1)
            J, fields = self._clamped(v)
            means, C, drawn = clamped_moments(J, fields, u)
            covariance = (C - means.T @ means / len(v)).astype(self.dtype)
            return Phase([v, drawn.astype(v.dtype)], [v, means.astype(v.dtype)], covariance=covariance)
        means = self.mean_field(v)
        if self.positive_phase == "mean-field":
            return Phase([v, None], [v, means])
        return self._phase(self._clamped_gibbs(v, means, noise))

    def mean_field(self, v: np.ndarray) -> np.ndarray:
        """Means of the hidden units with v clamped, shape (n, H): up to ``n_positive`` rounds of
        m_a = tanh(field), unit by unit from m = 0; each step lowers the variational free energy."""
        s = np.zeros((len(v), self.N), self.dtype)
        s[:, : self.V] = v
        close = 100 * np.finfo(self.dtype).eps
        for _ in range(self.n_positive):
            old = s[:, self.V :].copy()
            self._sweep(s, self._hidden, mean_spins)
            if np.abs(s[:, self.V :] - old).max(initial=0.0) < close:
                break
        return s[:, self.V :]

    def hidden(self, v: np.ndarray, noise: Noise | None = None) -> np.ndarray:
        """As ``positive`` says: exact, or means in mean field and samples after clamped sweeps."""
        if not self.H:
            raise TypeError(f"{self!r} has no hidden units")
        if self.positive_phase == "exact":
            phase = self.positive(v, noise or Noise(0))
            return phase.means[1] if noise is None else phase.layers[1]
        means = self.mean_field(v)
        return means if noise is None else self._clamped_gibbs(v, means, noise)[:, self.V :]

    def _clamped_gibbs(self, v: np.ndarray, means: np.ndarray, noise: Noise) -> np.ndarray:
        s = np.concatenate([v, draw_from_means(means, noise)], axis=1)
        for _ in range(self.n_positive):
            self._sweep(s, self._hidden, noise.spins)
        return s

    def complete(
        self, v: np.ndarray, known: np.ndarray, n_steps: int, clamped: bool, noise: Noise
    ) -> np.ndarray:
        """Hidden units come first in a sweep, and start at 0."""
        s = np.zeros((len(v), self.N), self.dtype)
        s[:, : self.V] = v
        held = known & clamped
        sites = [*self._hidden, *np.flatnonzero(~held.all(axis=0)).tolist()]
        for _ in range(n_steps):
            self._sweep(s, sites, _draws_around(held, v, sites, noise))
        return s[:, : self.V]

    # Free units

    def random_phase(self, n: int, noise: Noise) -> Phase:
        return self._phase(noise.spins(np.zeros((n, self.N), self.dtype)))

    def gibbs(self, phase: Phase, n_steps: int, noise: Noise, beta: Any = 1.0) -> Phase:
        """``n_steps`` sweeps of single-spin heat bath over the sites in order; hidden units that the phase
        lacks start from its means."""
        layers = phase.layers
        if self.H and layers[1] is None:
            layers = [layers[0], draw_from_means(phase.means[1], noise)]
        s = np.concatenate(layers, axis=1)
        for _ in range(n_steps):
            self._sweep(s, range(self.N), noise.spins, beta)
        found = self._phase(s)
        found.weights, found.share = phase.weights, phase.share
        return found

    def energies(self, phase: Phase) -> np.ndarray:
        states = np.concatenate(phase.layers, axis=1)
        return np.asarray(self.as_ising().energy(states.astype(np.int8)))

    def log_weights(self, phase: Phase) -> np.ndarray:
        """-E of the configurations of a phase, hidden units included."""
        return -self.energies(phase)

    def statistics(self, phase: Phase) -> Statistics:
        s = np.concatenate(phase.means, axis=1) if self.H else phase.means[0]
        w = s * np.asarray(phase.factor, dtype=s.dtype)
        covariance = phase.covariance
        if covariance is not None:
            covariance = off_diagonal(covariance) * s.dtype.type(phase.share)
        found = self._pair_statistics(s, w, covariance)
        if self.has_biases:
            found["b"] = w.sum(0)
        return found

    def exact_statistics(self) -> Statistics:
        """Averages over the model: all its states (half of them without biases), up to 24 units."""
        model = self.as_ising()
        _, m, C = exact_moments(model.couplings(), np.asarray(model.b))
        found = self._of_correlations(C)
        if self.has_biases:
            found["b"] = m
        return {name: x.astype(self.dtype) for name, x in found.items()}


def _draws_around(held: np.ndarray, v: np.ndarray, sites: list[int], noise: Noise) -> Draw:
    """Spins of one site after the other, where those of the mask ``held`` keep the values of ``v``."""
    left = iter(sites)

    def draw(fields: np.ndarray) -> np.ndarray:
        i, new = next(left), noise.spins(fields)
        if i < v.shape[1]:
            np.copyto(new[:, 0], v[:, i], where=held[:, i])
        return new

    return draw


def hidden_of(V: int | None, N: int) -> tuple[int, int]:
    """(V, H) of N units of which the first V are visible, all of them by default."""
    V = N if V is None else as_count(V, "V")
    if V > N:
        raise ValueError(f"V must be at most the number of units {N}, got {V}")
    return V, N - V


def off_diagonal(C: np.ndarray) -> np.ndarray:
    """Symmetric to the last bit, zero diagonal."""
    C = (C + C.T) / 2
    np.fill_diagonal(C, 0)
    return C
