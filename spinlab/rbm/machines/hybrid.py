"""Hybrid machines: spins below, Gaussian hidden units above. Summed over h they are Hopfield models.

E(v, h) = -v.W.h - bv.v - bh.h + h.h/2 gives h | v ~ Normal(v W + bh, 1) and, h integrated out,
F(v) = -bv.v - |v W + bh|^2/2 - (H/2) ln 2 pi: pair couplings J = W W^T, whose diagonal is a constant
(arXiv:1910.01592, Appendix E, after Barra et al., Neural Netw. 34, 1 (2012)).
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from ..._core.rng import RNG
from ..._core.rows import by_rows
from ..._core.validate import as_data
from ...models import PatternIsing
from .axons import PatternsOfTwoLayers, signs
from .machine import Machine, Phase, Statistics
from .moments import exact_moments
from .ra_rbm import RARBM
from .rbm import RBM
from .two_layer import TwoLayerMachine
from .units import Noise


class GaussianHiddenMachine(Machine):
    """What both hybrid machines share; their weights are those of a machine of two layers of spins."""

    H: int
    on_gpu: ClassVar[bool] = False
    _axons: TwoLayerMachine

    def _take(self, axons: TwoLayerMachine) -> None:
        self._axons = axons
        self.V, self.H, self.has_biases = axons.V, axons.H, axons.has_biases
        self.parameters, self.unseeded = axons.parameters, axons.unseeded

    @property
    def config(self) -> dict[str, Any]:
        return self._axons.config

    def state_dict(self) -> dict[str, np.ndarray]:
        return self._axons.state_dict()

    @property
    def axons(self) -> TwoLayerMachine:
        """The machine of two layers of spins with the same parameters."""
        return self._axons

    def weights(self) -> np.ndarray:
        """W, shape (V, H), in float64, newly made."""
        return self._axons.as_ising().weights()

    def _patterns(self) -> tuple[np.ndarray, float]:
        """Patterns (n, V) and their factor, factor patterns^T patterns = W W^T."""
        return self.weights().T, 1.0

    def as_ising(self) -> PatternIsing:
        """The marginal over the hidden units: sites are the V visible units, its energy is F(v)."""
        xi, factor = self._patterns()
        own = self.parameters
        b, constant = np.zeros(self.V), self.H / 2 * np.log(2 * np.pi) + factor * (xi**2).sum() / 2
        if self.has_biases:
            bh = own["bh"].astype(np.float64)
            b = own["bv"] + self.weights() @ bh
            constant += bh @ bh / 2
        return PatternIsing(xi, factor, b, offset=-float(constant))

    def free_energy(self, v: Any) -> Any:
        """F(v) in float64 for data of shape (..., V); h is integrated with its Lebesgue measure."""
        return by_rows(self.as_ising().energy, as_data(v, self.V, "v"), 2 * self.V)

    def log_weights(self, phase: Phase) -> np.ndarray:
        v = phase.means[0]
        log_w = (self._axons.hidden_fields(v).astype(np.float64) ** 2).sum(1) / 2
        return log_w + v @ self.parameters["bv"] if self.has_biases else log_w

    def positive(self, v: np.ndarray, noise: Noise) -> Phase:
        x = self._axons.hidden_fields(v)
        return Phase([v, None], [v, x], fields=x)

    def random_phase(self, n: int, noise: Noise) -> Phase:
        return self._axons.random_phase(n, noise)

    def gibbs(self, phase: Phase, n_steps: int, noise: Noise, beta: Any = 1.0) -> Phase:
        """``n_steps`` times v given h, then h given v: Normal of mean v W + bh and variance 1/beta."""
        if not np.all(np.asarray(beta) > 0):
            raise ValueError(
                "Gaussian hidden units spread without bound at beta = 0; "
                "give Tempering a ladder that starts above it, such as betas=[0.1, 0.5, 1.0]"
            )
        v, h = phase.layers
        width = (1 / np.sqrt(beta)).astype(self.dtype)
        x = self._axons.hidden_fields(v)
        if h is None:
            h = x + width * _normal(x, noise)
        for _ in range(n_steps):
            fields = self._axons.visible_fields(h)
            v = noise.spins(np.multiply(fields, beta, dtype=self.dtype))
            x = self._axons.hidden_fields(v)
            h = x + width * _normal(x, noise)
        return Phase([v, h], [v, x], phase.weights, phase.share, x)

    def hidden(self, v: np.ndarray, noise: Noise | None = None) -> np.ndarray:
        x = self._axons.hidden_fields(v)
        return x if noise is None else x + _normal(x, noise)

    def complete(
        self, v: np.ndarray, known: np.ndarray, n_steps: int, clamped: bool, noise: Noise
    ) -> np.ndarray:
        given = v
        for _ in range(n_steps):
            v = noise.spins(self._axons.visible_fields(self.hidden(v, noise)))
            if clamped:
                np.copyto(v, given, where=known)
        return v

    def energies(self, phase: Phase) -> np.ndarray:
        h = phase.layers[1].astype(np.float64)
        return self._axons.energies(phase) + (h**2).sum(1) / 2

    def statistics(self, phase: Phase) -> Statistics:
        return self._axons.statistics(phase)

    def exact_statistics(self) -> Statistics:
        """Averages over the model: all visible states (half of them without biases), up to 24 units.

        <v h^T> = <v v^T> W + <v> bh^T and <h> = <v> W + bh.
        """
        model = self.as_ising()
        _, m, C = exact_moments(model.couplings(), np.asarray(model.b))
        W, bh = self.weights(), np.zeros(self.H)
        if self.has_biases:
            bh = self.parameters["bh"].astype(np.float64)
        G = C @ W + np.outer(m, bh)
        found = self._axons._weight_statistics(np.eye(self.V), G, 1.0)  # bilinear in its two layers
        if self.has_biases:
            found["bv"], found["bh"] = m, m @ W + bh
        return {name: x.astype(self.dtype) for name, x in found.items()}

    def centre(self, gradient: Statistics, offsets: list[np.ndarray]) -> None:
        """Gradient of weights between shifted units: the same as for spins, whose energy is as bilinear."""
        self._axons.centre(gradient, offsets)


class HybridBM(GaussianHiddenMachine):
    """Boltzmann machine of +-1 visible and Gaussian hidden units; its marginal is J = W W^T.

    Parameters
    ----------
    V, H : int
        Visible and hidden units.
    std, biases, dtype, rng
        As for :class:`RBM`.

    Attributes
    ----------
    parameters : dict of ndarray
        "W" (V, H) and, with biases, "bv" (V,), "bh" (H,).

    Examples
    --------
    >>> import numpy as np, spinlab as sl
    >>> machine = sl.rbm.HybridBM.from_weights([[1.0], [0.5], [-0.5]])
    >>> machine.as_ising().couplings().tolist()
    [[0.0, 0.5, -0.5], [0.5, 0.0, -0.25], [-0.5, -0.25, 0.0]]
    """

    decayed: ClassVar[frozenset[str]] = RBM.decayed

    def __init__(
        self,
        V: int,
        H: int,
        *,
        std: float | Literal["glorot"] = 0.01,
        biases: bool = False,
        dtype: str = "float32",
        rng: RNG = None,
    ) -> None:
        self._take(RBM(V, H, std=std, biases=biases, dtype=dtype, rng=rng))

    @classmethod
    def from_weights(
        cls, W: Any, visible_biases: Any = None, hidden_biases: Any = None, *, dtype: str = "float32"
    ) -> HybridBM:
        """A machine with given weights (V, H); with biases where any are given."""
        machine = cls.__new__(cls)
        machine._take(RBM.from_weights(W, visible_biases, hidden_biases, dtype=dtype))
        return machine

    @property
    def W(self) -> np.ndarray:
        """The weights themselves, shape (V, H)."""
        return self.parameters["W"]


class RAHybridBM(PatternsOfTwoLayers, GaussianHiddenMachine):
    """Hybrid machine with regularized axons, W = (scale/sqrt K) xi_v^T xi_h.

    Its marginal has the couplings J_ij = (scale^2/K) sum_kk' xi_i^k xi_j^k' M_kk' with
    M_kk' = sum_a xi_a^k xi_a^k' (Eq. E2): a Hopfield model whose patterns are mixed by the overlaps M of
    their hidden parts, Hebbian where these are orthogonal.

    Parameters
    ----------
    V, H, K, scale, train_scale, biases, dtype, rng
        As for :class:`RARBM`.

    Attributes
    ----------
    parameters : dict of ndarray
        "xi_v" (K, V), "xi_h" (K, H), and where asked for "scale" (1,), "bv", "bh".

    Examples
    --------
    >>> import spinlab as sl
    >>> machine = sl.rbm.RAHybridBM(V=12, H=6, K=2, scale=0.3, rng=0)
    >>> machine.as_ising()
    <PatternIsing: N=12, K=2>
    """

    decayed: ClassVar[frozenset[str]] = RARBM.decayed
    _axons: RARBM

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
        given = {"scale": scale, "train_scale": train_scale, "biases": biases}
        self._take(RARBM(V, H, K, dtype=dtype, rng=rng, **given))  # type: ignore[arg-type]
        self.K = self._axons.K

    @classmethod
    def from_patterns(cls, xi_v: Any, xi_h: Any, **options: Any) -> RAHybridBM:
        """A machine with given patterns (K, V) and (K, H); options as for ``RARBM.from_patterns``."""
        machine = cls.__new__(cls)
        machine._take(RARBM.from_patterns(xi_v, xi_h, **options))
        machine.K = machine._axons.K
        return machine

    @property
    def scale(self) -> float:
        """Overall scale of the weights; it can be set."""
        return self._axons.scale

    @scale.setter
    def scale(self, value: float) -> None:
        self._axons.scale = value

    @property
    def M(self) -> np.ndarray:
        """Overlaps of the hidden parts, M_kk' = sum_a xi_a^k xi_a^k', shape (K, K), float64."""
        xi = self.xi_h.astype(np.float64)
        return xi @ xi.T

    def _patterns(self) -> tuple[np.ndarray, float]:
        """min(K, H) patterns: with xi_h = U S V^T, M = U S^2 U^T, they are S U^T xi_v."""
        U, S, _ = np.linalg.svd(self.xi_h.astype(np.float64), full_matrices=False)
        return (U * S).T @ self.xi_v, self.scale**2 / self.K

    def pattern_phase(self, continuous: bool) -> Phase:
        """Visible parts of the patterns, or their signs (+1 at zero), hidden units integrated out."""
        v = signs(self.xi_v)
        start = self.xi_v.copy() if continuous else v
        x = self._axons.hidden_fields(start)
        return Phase([v, x], [start, x], fields=x)


def _normal(like: np.ndarray, noise: Noise) -> np.ndarray:
    """Standard normal numbers, shaped like an array; the draw's number stands in the highest word of the
    counter, so that no two draws overlap."""
    counter = int(noise.step()) << 192
    generator = np.random.Generator(np.random.Philox(key=int(noise.key), counter=counter))
    return generator.standard_normal(like.shape, dtype=like.dtype)
