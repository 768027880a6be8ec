"""Boltzmann machines in which every unit is visible and coupled to every other one."""

from __future__ import annotations

import abc
from typing import Any, ClassVar, Self

import numpy as np

from .._core.rng import RNG, as_generator
from .._core.validate import (
    as_choice,
    as_count,
    as_couplings,
    as_fields,
    as_flag,
    as_real,
    as_real_array,
    as_spins,
    check_memory,
)
from ..models import DenseIsing, PatternIsing
from ._moments import exact_moments
from ._units import Noise
from .machine import Machine, Phase, Statistics
from .ra_rbm import signs


class FullyConnectedMachine(Machine):
    """E(v) = -sum_{i<j} J_ij v_i v_j - b.v with +-1 units: the data fix all units, so F = E."""

    def to(self, device: str) -> Self:
        """Only the CPU."""
        if device != "cpu":
            raise TypeError(f"{type(self).__name__} has no GPU side; train it on the CPU")
        return self

    @abc.abstractmethod
    def _sweep(self, v: np.ndarray, noise: Noise, beta: Any) -> None:
        """One heat-bath sweep over the sites in order, every row of v (n, V) in place."""

    @abc.abstractmethod
    def _pair_statistics(self, phase: Phase) -> Statistics:
        """Averages of -dE/d theta for the parameters that make J."""

    @abc.abstractmethod
    def _of_correlations(self, C: np.ndarray) -> Statistics:
        """The same from the exact <v_i v_j>, float64."""

    def free_energy(self, v: Any) -> Any:
        """F(v) = E(v) in float64 for spins of shape (..., V)."""
        return self.as_ising().energy(as_spins(v, self.V, "v"))

    def positive(self, v: np.ndarray, noise: Noise) -> Phase:
        return Phase([v], [v])

    def random_phase(self, n: int, noise: Noise) -> Phase:
        v = noise.spins(np.zeros((n, self.V), self.dtype))
        return Phase([v], [v])

    def gibbs(self, phase: Phase, n_steps: int, noise: Noise, beta: Any = 1.0) -> Phase:
        """``n_steps`` sweeps of single-spin heat bath over the sites in order."""
        v = phase.layers[0].copy()
        for _ in range(n_steps):
            self._sweep(v, noise, beta)
        return Phase([v], [v], phase.weights, phase.share)

    def energies(self, phase: Phase) -> np.ndarray:
        return np.asarray(self.free_energy(phase.layers[0].astype(np.int8)))

    def log_weights(self, phase: Phase) -> np.ndarray:
        return -self.energies(phase)

    def statistics(self, phase: Phase) -> Statistics:
        found = self._pair_statistics(phase)
        if self.has_biases:
            found["b"] = _average(phase)
        return found

    def exact_statistics(self) -> Statistics:
        """Averages over the model: all its states (half of them without biases), up to 24 units."""
        model = self.as_ising()
        _, m, C = exact_moments(model.couplings(), np.asarray(model.b))
        found = self._of_correlations(C)
        if self.has_biases:
            found["b"] = m
        return {name: x.astype(self.dtype) for name, x in found.items()}


class FBM(FullyConnectedMachine):
    """Fully connected Boltzmann machine without hidden units, P(v) = exp(v.J.v/2 + b.v) / Z.

    Its likelihood is concave in J and b, so exact training finds the maximum: the couplings that
    reproduce the pair correlations of the data (Ackley, Hinton & Sejnowski, Cogn. Sci. 9, 147 (1985)).

    Parameters
    ----------
    V : int
        Units, all visible.
    std : float, default 0.01
        Standard deviation of the Gaussian couplings at the start.
    biases : bool, default False
    dtype : "float32" or "float64"
        Of the parameters and of training; likelihoods are always in float64.
    rng : None, int or numpy.random.Generator
        Of the couplings.

    Attributes
    ----------
    parameters : dict of ndarray
        "J" (V, V), symmetric with zero diagonal, and with biases "b" (V,).

    Notes
    -----
    The gradient is that of the coupling of a pair, <v_i v_j>, in both places of the symmetric J. A Gibbs
    step is a sweep of single-spin heat bath, O(V^2) per chain.

    Examples
    --------
    >>> import spinlab as sl
    >>> machine = sl.rbm.FBM(V=4, std=0.0)
    >>> round(float(machine.log_likelihood([1, 1, 1, -1])[0]), 4)  # -4 ln 2
    -2.7726
    """

    decayed: ClassVar[frozenset[str]] = frozenset({"J"})

    def __init__(
        self, V: int, *, std: float = 0.01, biases: bool = False, dtype: str = "float32", rng: RNG = None
    ) -> None:
        self.V, self.has_biases = as_count(V, "V"), as_flag(biases, "biases")
        kind = np.dtype(as_choice(dtype, "dtype", ("float32", "float64")))
        check_memory(4 * kind.itemsize * self.V**2, f"training {self.V} x {self.V} couplings")
        J = np.triu(as_generator(rng).standard_normal((self.V, self.V), dtype=kind), 1)
        J *= kind.type(as_real(std, "std", 0.0))
        self.parameters = {"J": J + J.T}
        if self.has_biases:
            self.parameters["b"] = np.zeros(self.V, kind)

    @classmethod
    def from_couplings(cls, J: Any, b: Any = None, *, dtype: str = "float32") -> FBM:
        """A machine with given couplings (V, V), symmetric with zero diagonal; biases where given.

        Examples
        --------
        >>> import spinlab as sl
        >>> sl.rbm.FBM.from_couplings([[0, 1], [1, 0]])
        <FBM: V=2, biases=False>
        """
        J = as_couplings(J)
        machine = cls(len(J), std=0.0, biases=b is not None, dtype=dtype, rng=0)
        machine.parameters["J"][:] = J
        if b is not None:
            machine.parameters["b"][:] = as_fields(b, machine.V)
        return machine

    @property
    def config(self) -> dict[str, Any]:
        return {"V": self.V, "biases": self.has_biases}

    @property
    def J(self) -> np.ndarray:
        """The couplings themselves, shape (V, V)."""
        return self.parameters["J"]

    def as_ising(self) -> DenseIsing:
        """The machine as a dense model in float64."""
        return DenseIsing(self.J, self.parameters.get("b"))

    def _sweep(self, v: np.ndarray, noise: Noise, beta: Any) -> None:
        for i in range(self.V):
            x = v @ self.J[:, i]
            if self.has_biases:
                x += self.parameters["b"][i]
            v[:, i : i + 1] = noise.spins(np.multiply(x[:, None], beta, dtype=self.dtype))

    def _pair_statistics(self, phase: Phase) -> Statistics:
        v = phase.means[0]
        return {"J": _off_diagonal(v.T @ _weighted(v, phase))}

    def _of_correlations(self, C: np.ndarray) -> Statistics:
        return {"J": _off_diagonal(C)}

    def centre(self, gradient: Statistics, offsets: list[np.ndarray]) -> None:
        """Gradient of couplings between shifted units: dJ = gJ - mu gb^T - gb mu^T, db = gb - dJ mu."""
        (mu,), dJ, gb = offsets, gradient["J"], gradient["b"]
        dJ -= np.outer(mu, gb) + np.outer(gb, mu)
        np.fill_diagonal(dJ, 0)
        gb -= dJ @ mu


class RAFBM(FullyConnectedMachine):
    """Fully connected machine with regularized axons, J_ij = (scale/sqrt K) sum_k xi_i^k xi_j^k, i != j.

    The patterns are the parameters, as in :class:`RARBM` (arXiv:1910.01592, Eq. 5 and outlook).

    Parameters
    ----------
    V, K : int
        Units, all visible, and patterns.
    scale : float, default 1
        Standard deviation of the couplings at the start, where the patterns are random +-1.
    train_scale, biases : bool, default False
        Whether the scale is a parameter too; whether there are biases.
    dtype : "float32" or "float64"
    rng : None, int or numpy.random.Generator
        Of the patterns.

    Attributes
    ----------
    parameters : dict of ndarray
        "xi" (K, V), and where asked for "scale" (1,), "b" (V,).

    Notes
    -----
    J is never formed in training: a sweep and an update cost O(K V) per configuration (the exact
    negative phase aside).

    Examples
    --------
    >>> import spinlab as sl
    >>> machine = sl.rbm.RAFBM(V=12, K=3, rng=0)
    >>> machine.as_ising()
    <PatternIsing: N=12, K=3>
    """

    decayed: ClassVar[frozenset[str]] = frozenset({"xi"})

    def __init__(
        self,
        V: int,
        K: int,
        *,
        scale: float = 1.0,
        train_scale: bool = False,
        biases: bool = False,
        dtype: str = "float32",
        rng: RNG = None,
    ) -> None:
        self.V, self.K = as_count(V, "V"), as_count(K, "K")
        self.trains_scale, self.has_biases = as_flag(train_scale, "train_scale"), as_flag(biases, "biases")
        kind = np.dtype(as_choice(dtype, "dtype", ("float32", "float64")))
        xi = 2 * as_generator(rng).integers(0, 2, (self.K, self.V), dtype=np.int8) - 1
        self.parameters = {"xi": xi.astype(kind)}
        self._scale = np.array([as_real(scale, "scale")], dtype=kind)
        if self.trains_scale:
            self.parameters["scale"] = self._scale
        if self.has_biases:
            self.parameters["b"] = np.zeros(self.V, kind)

    @classmethod
    def from_patterns(
        cls, xi: Any, *, scale: float = 1.0, b: Any = None, train_scale: bool = False, dtype: str = "float32"
    ) -> RAFBM:
        """A machine with given patterns (K, V), binary or continuous.

        Examples
        --------
        >>> import spinlab as sl
        >>> sl.rbm.RAFBM.from_patterns([[1, -1, 1]])
        <RAFBM: V=3, K=1, train_scale=False, biases=False>
        """
        xi = as_real_array(xi, "xi", 2)
        K, V = xi.shape
        machine = cls(V, K, scale=scale, train_scale=train_scale, biases=b is not None, dtype=dtype, rng=0)
        machine.xi[:] = xi
        if b is not None:
            machine.parameters["b"][:] = as_fields(b, V)
        return machine

    @property
    def config(self) -> dict[str, Any]:
        return {"V": self.V, "K": self.K, "train_scale": self.trains_scale, "biases": self.has_biases}

    def state_dict(self) -> dict[str, np.ndarray]:
        return self.parameters | {"scale": self._scale}

    @property
    def xi(self) -> np.ndarray:
        """The patterns themselves, shape (K, V)."""
        return self.parameters["xi"]

    @property
    def scale(self) -> float:
        """Overall scale of the couplings; it can be set."""
        return float(self._scale[0])

    @scale.setter
    def scale(self, value: float) -> None:
        self._scale[0] = as_real(value, "scale")

    @property
    def _unit(self) -> Any:
        """scale / sqrt(K) in the machine's dtype."""
        return self._scale[0] / self.dtype.type(self.K**0.5)

    def as_ising(self) -> PatternIsing:
        """The machine as a low-rank model in float64."""
        return PatternIsing(self.xi, self.scale / self.K**0.5, self.parameters.get("b"))

    def _sweep(self, v: np.ndarray, noise: Noise, beta: Any) -> None:
        m = v @ self.xi.T  # overlaps of each chain, kept up to date spin by spin
        for i in range(self.V):
            own = self.xi[:, i]
            old = v[:, i].copy()
            x = (m @ own - (own @ own) * old) * self._unit
            if self.has_biases:
                x += self.parameters["b"][i]
            new = noise.spins(np.multiply(x[:, None], beta, dtype=self.dtype))[:, 0]
            v[:, i] = new
            m += np.outer(new - old, own)

    def _pair_statistics(self, phase: Phase) -> Statistics:
        """-dE/dxi_i^k = c v_i sum_{j != i} xi_j^k v_j = c (m_k v_i - xi_i^k v_i^2), c = scale/sqrt(K)."""
        v = phase.means[0]
        w = _weighted(v, phase)
        G = (v @ self.xi.T).T @ w - self.xi * (v * w).sum(0)
        return self._of_products(G)

    def _of_correlations(self, C: np.ndarray) -> Statistics:
        return self._of_products(self.xi.astype(np.float64) @ _off_diagonal(C))

    def _of_products(self, G: np.ndarray) -> Statistics:
        """From G_ki = sum_{j != i} xi_j^k <v_i v_j>."""
        found = {"xi": G * self._unit}
        if self.trains_scale:
            found["scale"] = np.array([np.vdot(self.xi, G) / (2 * self.K**0.5)], dtype=G.dtype)
        return found

    def centre(self, gradient: Statistics, offsets: list[np.ndarray]) -> None:
        """Gradient of couplings between shifted units through the patterns; biases to first order."""
        (mu,), c, xi = offsets, self._unit, self.xi
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
        """The patterns, or their signs (+1 at zero)."""
        v = signs(self.xi)
        return Phase([v], [self.xi.copy() if continuous else v])


def _weighted(v: np.ndarray, phase: Phase) -> np.ndarray:
    return v * np.asarray(phase.factor, dtype=v.dtype)


def _average(phase: Phase) -> np.ndarray:
    return _weighted(phase.means[0], phase).sum(0)


def _off_diagonal(C: np.ndarray) -> np.ndarray:
    """Symmetric to the last bit, zero diagonal."""
    C = (C + C.T) / 2
    np.fill_diagonal(C, 0)
    return C
