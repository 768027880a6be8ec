"""The fully connected Boltzmann machine with free couplings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from ..._core.rng import RNG, as_generator
from ..._core.validate import as_couplings, as_real, check_memory
from ...models import DenseIsing
from .fully_connected import Draw, FullyConnectedMachine, hidden_of, off_diagonal
from .machine import Statistics
from .parameters import scaled_start, set_parameter


class FBM(FullyConnectedMachine):
    """Fully connected Boltzmann machine, P(v) = sum_h exp(s.J.s/2 + b.s) / Z with s = (v, h).

    Without hidden units its likelihood is concave in J and b, so exact training finds the maximum: the
    couplings that reproduce the pair correlations of the data. With them it follows correlations of any
    order (Ackley, Hinton & Sejnowski, Cogn. Sci. 9, 147 (1985)).

    Parameters
    ----------
    V : int
        Visible units.
    H : int, default 0
        Hidden units, coupled to the visible ones and to each other.
    std : float, default 0.01
        Standard deviation of the Gaussian couplings at the start.
    biases : bool, default False
    positive : {"exact", "gibbs", "mean-field"}
        How the hidden units follow the data: all their states (up to 20 units), clamped Gibbs sampling, or
        factorised means (a lower bound of the likelihood is climbed).
    n_positive : int, default 25
        Clamped Gibbs sweeps, or rounds of the mean-field equations at most.
    dtype : "float32" or "float64"
        Of the parameters and of training; likelihoods are always in float64.
    rng : None, int or numpy.random.Generator
        Of the couplings.

    Attributes
    ----------
    parameters : dict of ndarray
        "J" (V + H, V + H), symmetric with zero diagonal, and with biases "b" (V + H,); visible units
        come first.

    Notes
    -----
    The gradient is that of the coupling of a pair, <s_i s_j>, in both places of the symmetric J. A Gibbs
    step is a sweep of single-spin heat bath, O((V + H)^2) per chain. The exact positive phase costs 2^H
    per sample.

    Examples
    --------
    >>> import spinlab as sl
    >>> machine = sl.rbm.FBM(V=4, std=0.0)
    >>> round(float(machine.log_likelihood([1, 1, 1, -1])[0]), 4)  # -4 ln 2
    -2.7726
    >>> sl.rbm.FBM(V=4, H=2, rng=0).as_ising()
    <DenseIsing: N=6>
    """

    decayed: ClassVar[frozenset[str]] = frozenset({"J"})

    def __init__(
        self,
        V: int,
        *,
        H: int = 0,
        std: float = 0.01,
        biases: bool = False,
        positive: str = "exact",
        n_positive: int = 25,
        dtype: str = "float32",
        rng: RNG = None,
    ) -> None:
        kind, N = self._set_up(V, H, biases, positive, n_positive, dtype), self.N
        check_memory(4 * kind.itemsize * N**2, f"training {N} x {N} couplings")
        J = np.triu(as_generator(rng).standard_normal((N, N), dtype=kind), 1)
        J = scaled_start(J, as_real(std, "std", 0.0))
        self.parameters = {"J": J + J.T}
        self.unseeded = {"std": float(std)} if rng is None else None
        self._start_biases(kind)

    @classmethod
    def from_couplings(cls, J: Any, b: Any = None, *, V: int | None = None, **options: Any) -> FBM:
        """A machine with given couplings (N, N), symmetric with zero diagonal; biases (N,) where given.

        The first ``V`` units are visible, by default all of them; the options are those of the class.

        Examples
        --------
        >>> import spinlab as sl
        >>> sl.rbm.FBM.from_couplings([[0, 1], [1, 0]])
        <FBM: V=2, biases=False>
        """
        J = as_couplings(J)
        V, H = hidden_of(V, len(J))
        machine = cls(V, H=H, std=0.0, biases=b is not None, rng=0, **options)
        set_parameter(machine.J, J, "J")
        machine._set_biases(b)
        return machine

    def _checked_state(self, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return state | {"J": as_couplings(state["J"])}

    @property
    def config(self) -> dict[str, Any]:
        return self._sizes() | self._settings()

    @property
    def J(self) -> np.ndarray:
        """The couplings themselves, shape (V + H, V + H)."""
        return self.parameters["J"]

    def as_ising(self) -> DenseIsing:
        """The machine as a dense model in float64."""
        return self._model(self.N)

    def _model(self, n: int) -> DenseIsing:
        return DenseIsing(self.J[:n, :n], self.parameters["b"][:n] if self.has_biases else None)

    def _block(self, rows: slice, columns: slice) -> np.ndarray:
        return self.J[rows, columns].astype(np.float64)

    def _sweep(self, s: np.ndarray, sites: Iterable[int], draw: Draw, beta: Any = 1.0) -> None:
        for i in sites:
            x = s @ self.J[:, i]
            if self.has_biases:
                x += self.parameters["b"][i]
            s[:, i : i + 1] = draw(np.multiply(x[:, None], beta, dtype=self.dtype))

    def _pair_statistics(self, s: np.ndarray, w: np.ndarray, covariance: np.ndarray | None) -> Statistics:
        C = s.T @ w
        if covariance is not None:
            C[self.V :, self.V :] += covariance
        return {"J": off_diagonal(C)}

    def _of_correlations(self, C: np.ndarray) -> Statistics:
        return {"J": off_diagonal(C)}

    def centre(self, gradient: Statistics, offsets: list[np.ndarray]) -> None:
        """Gradient of couplings between shifted units: dJ = gJ - mu gb^T - gb mu^T, db = gb - dJ mu."""
        mu, dJ, gb = np.concatenate(offsets), gradient["J"], gradient["b"]
        dJ -= np.outer(mu, gb) + np.outer(gb, mu)
        np.fill_diagonal(dJ, 0)
        gb -= dJ @ mu
