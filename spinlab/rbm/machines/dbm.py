"""The deep Boltzmann machine with free weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..._core.device import to_host
from ..._core.rng import RNG, as_generator
from ..._core.validate import as_real, as_real_array, check_memory
from .deep import DeepMachine
from .machine import Statistics
from .parameters import scaled_start, set_parameter
from .two_layer import weighted


class DBM(DeepMachine):
    """Deep Boltzmann machine with free weights between neighbouring layers.

    Parameters
    ----------
    sizes : sequence of int
        Units of each layer, the visible one first: [784, 500, 100].
    std : float, default 0.01
        Standard deviation of the Gaussian weights at the start.
    biases : bool, default False
    positive : {"mean-field", "gibbs", "exact"}
        How the hidden layers follow the data where there are several: factorised means (a lower bound of the
        likelihood is climbed), clamped Gibbs sampling, or all hidden states (up to 20 units in the smaller
        parity of hidden layers). With one hidden layer it is exact in any case.
    n_positive : int, default 25
        Rounds of the mean-field equations at most, or clamped Gibbs steps.
    dtype : "float32" or "float64"
    rng : None, int or numpy.random.Generator
        Of the weights.

    Attributes
    ----------
    parameters : dict of ndarray
        "W1" (sizes[0], sizes[1]), "W2"..., and with biases "b0", "b1"...

    Notes
    -----
    Salakhutdinov & Hinton, AISTATS 2009.

    Examples
    --------
    >>> import spinlab as sl
    >>> machine = sl.rbm.DBM([4, 3, 2], rng=0)
    >>> machine.as_ising()
    <BipartiteIsing: V=6, H=3>
    >>> bool(machine.log_likelihood([1, 1, 1, 1])[0] < 0)
    True
    """

    def __init__(
        self,
        sizes: Any,
        *,
        std: float = 0.01,
        biases: bool = False,
        positive: str = "mean-field",
        n_positive: int = 25,
        dtype: str = "float32",
        rng: RNG = None,
    ) -> None:
        kind = self._set_up(sizes, biases, positive, n_positive, dtype)
        pairs = list(zip(self.sizes, self.sizes[1:], strict=False))
        check_memory(4 * kind.itemsize * sum(a * b for a, b in pairs), f"training layers of {self.sizes}")
        std = as_real(std, "std", 0.0)
        self.unseeded = {"std": std} if rng is None else None
        rng = as_generator(rng)
        self.parameters = {}
        for layer, shape in enumerate(pairs, 1):
            self.parameters[f"W{layer}"] = scaled_start(rng.standard_normal(shape, dtype=kind), std)
        self._start_biases(kind)
        self.decayed = frozenset(f"W{layer}" for layer in range(1, self.n_layers))  # type: ignore[misc]

    @classmethod
    def from_weights(cls, weights: Sequence[Any], biases: Sequence[Any] | None = None, **options: Any) -> DBM:
        """A machine with given weights, one matrix per pair of layers, and biases, one array per layer.

        Examples
        --------
        >>> import spinlab as sl
        >>> sl.rbm.DBM.from_weights([[[1, -1]], [[1], [0.5]]])
        <DBM: sizes=(1, 2, 1), biases=False, positive='mean-field', n_positive=25>
        """
        W = [as_real_array(w, f"weights[{i}]", 2) for i, w in enumerate(weights)]
        if not W:
            raise ValueError("weights must hold at least one matrix")
        for i in range(1, len(W)):
            if W[i].shape[0] != W[i - 1].shape[1]:
                raise ValueError(
                    f"weights[{i}] starts from {W[i].shape[0]} units, but weights[{i - 1}] ends in "
                    f"{W[i - 1].shape[1]}"
                )
        sizes = [W[0].shape[0], *(w.shape[1] for w in W)]
        machine = cls(sizes, std=0.0, biases=biases is not None, rng=0, **options)
        for layer, w in enumerate(W, 1):
            set_parameter(machine.parameters[f"W{layer}"], w, f"weights[{layer - 1}]")
        machine._set_biases(biases)
        return machine

    def _input(self, target: int, source: int, s: np.ndarray) -> np.ndarray:
        if source < target:
            return s @ self.parameters[f"W{target}"]
        return s @ self.parameters[f"W{source}"].T

    def weights(self, layer: int) -> np.ndarray:
        return to_host(self.parameters[f"W{layer}"]).astype(np.float64)

    @property
    def config(self) -> dict[str, Any]:
        return {"sizes": self.sizes} | self._settings()

    def _pair_statistics(self, means: list[np.ndarray], factor: Any) -> Statistics:
        return {f"W{i}": weighted(means[i - 1], factor).T @ means[i] for i in range(1, self.n_layers)}

    def _of_correlations(self, C: list[np.ndarray]) -> Statistics:
        return {f"W{i}": np.ascontiguousarray(c) for i, c in enumerate(C, 1)}

    def centre(self, gradient: Statistics, offsets: list[np.ndarray]) -> None:
        """Gradient of weights between shifted units, as for :class:`RBM`, layer by layer."""
        mu = self._natural(offsets)
        g = [gradient[f"b{i}"].copy() for i in range(self.n_layers)]
        for i in range(1, self.n_layers):
            dW = gradient[f"W{i}"]
            dW -= self.xp.outer(mu[i - 1], g[i]) + self.xp.outer(g[i - 1], mu[i])
            gradient[f"b{i - 1}"] -= dW @ mu[i]
            gradient[f"b{i}"] -= mu[i - 1] @ dW
