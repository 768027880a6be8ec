"""The restricted Boltzmann machine with free weights."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from ..._core.rng import RNG, as_generator
from ..._core.validate import as_choice, as_count, as_flag, as_real, as_real_array, check_memory
from ...models import BipartiteIsing
from .machine import Statistics, as_dtype
from .parameters import scaled_start, set_parameter
from .two_layer import TwoLayerMachine, weighted


class RBM(TwoLayerMachine):
    """Restricted Boltzmann machine with +-1 units, P(v) = sum_h exp(v.W.h + bv.v + bh.h) / Z.

    Parameters
    ----------
    V, H : int
        Visible and hidden units.
    std : float or "glorot", default 0.01
        Standard deviation of the Gaussian weights at the start; "glorot" is sqrt(2/(V + H)).
    biases : bool, default False
        Whether there are visible and hidden biases (zero at the start).
    dtype : "float32" or "float64"
        Of the parameters and of all arithmetic in training. Likelihoods are always in float64.
    rng : None, int or numpy.random.Generator
        Of the weights.

    Attributes
    ----------
    parameters : dict of ndarray
        "W" (V, H) and, with biases, "bv" (V,), "bh" (H,).

    Notes
    -----
    0/1 data are mapped by 2 x - 1 wherever data are taken; a trained machine as one of 0/1 units is
    ``models.rbm_to_binary(machine.as_ising())``.

    Examples
    --------
    >>> import spinlab as sl
    >>> machine = sl.rbm.RBM(V=16, H=100, rng=0)
    >>> machine
    <RBM: V=16, H=100, biases=False>
    >>> bool(machine.log_likelihood([1] * 16)[0] < 0)
    True
    """

    decayed: ClassVar[frozenset[str]] = frozenset({"W"})

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
        self.V, self.H = as_count(V, "V"), as_count(H, "H")
        self.has_biases = as_flag(biases, "biases")
        kind = as_dtype(dtype)
        check_memory(4 * kind.itemsize * self.V * self.H, f"training {self.V} x {self.H} weights")
        if isinstance(std, str):
            as_choice(std, "std", ("glorot",))
            std = (2 / (self.V + self.H)) ** 0.5
        std = as_real(std, "std", 0.0)
        W = as_generator(rng).standard_normal((self.V, self.H), dtype=kind)
        self.parameters = {"W": scaled_start(W, std)}
        self.unseeded = {"std": std} if rng is None else None
        self._start_biases(kind)

    @classmethod
    def from_weights(
        cls, W: Any, visible_biases: Any = None, hidden_biases: Any = None, *, dtype: str = "float32"
    ) -> RBM:
        """A machine with given weights (V, H); with biases where any are given.

        Examples
        --------
        >>> import spinlab as sl
        >>> sl.rbm.RBM.from_weights([[0.5, -0.5]], visible_biases=0.1)
        <RBM: V=1, H=2, biases=True>
        """
        W = as_real_array(W, "W", 2)
        biases = visible_biases is not None or hidden_biases is not None
        machine = cls(*W.shape, std=0.0, biases=biases, dtype=dtype, rng=0)
        set_parameter(machine.W, W, "W")
        machine._set_biases(visible_biases, hidden_biases)
        return machine

    @property
    def config(self) -> dict[str, Any]:
        return {"V": self.V, "H": self.H, "biases": self.has_biases}

    @property
    def W(self) -> np.ndarray:
        """The weights themselves, shape (V, H)."""
        return self.parameters["W"]

    def as_ising(self) -> BipartiteIsing:
        """The machine as a model in float64, for exact solvers, AIS and dynamics."""
        own = self.on_host()
        return BipartiteIsing(own["W"], own.get("bv"), own.get("bh"))

    def _times_weights(self, v: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        return self.xp.matmul(v, self.parameters["W"], out=out)

    def _times_transposed(self, h: np.ndarray) -> np.ndarray:
        return h @ self.parameters["W"].T

    def _weight_statistics(self, v: np.ndarray, t: np.ndarray, factor: Any) -> Statistics:
        if v.shape[1] < t.shape[1]:  # the factor goes to the smaller side
            return {"W": weighted(v, factor).T @ t}
        return {"W": v.T @ weighted(t, factor)}

    def _dense_weights(self) -> np.ndarray:
        return self.parameters["W"]

    def _of_products(self, C: np.ndarray) -> Statistics:
        return {"W": C}

    def centre(self, gradient: Statistics, offsets: list[np.ndarray]) -> None:
        """Gradient of weights between units shifted by their offsets (Melchior et al., JMLR 17, 99 (2016)).

        dW = gW - mu gh^T - gv lam^T, dbv = gv - dW lam, dbh = gh - dW^T mu.
        """
        mu, lam = offsets
        dW, gv, gh = gradient["W"], gradient["bv"], gradient["bh"]
        dW -= self.xp.outer(mu, gh)
        dW -= self.xp.outer(gv, lam)
        gv -= dW @ lam
        gh -= mu @ dW
