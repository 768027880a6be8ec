"""The answer of every ground-state solver."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.results import Result
from .proof.certificate import Certificate


@dataclass(frozen=True, repr=False)
class GroundState(Result):
    """A lowest-energy state and how far it is proven.

    Attributes
    ----------
    energy : float
        Energy of ``state``, evaluated afresh in float64, the model's offset included.
    state : ndarray of int8, shape (N,)
    method : str
        Name of the method that found it.
    certified : bool
        True only if no state has an energy below ``lower_bound``.
    lower_bound : float
        Proven lower bound on the energy: ``energy`` minus the rounding of float64 for a certified
        answer (exactly ``energy`` where the couplings are integers), -inf where nothing is proven.
    degeneracy : int or None
        Number of states whose energy equals the minimum within that rounding (both states of a
        global flip are counted): exact where ``lower_bound`` equals ``energy``, otherwise an upper bound;
        None where it was not asked for.
    reason : str
        Why this method was chosen.
    seconds : float
        Wall-clock time of the search, without that of compiling or loading kernels.
    labels : tuple or None
        Names of the sites, for graphs and BQMs.
    n_visible : int or None
        Size of the visible layer of a bipartite model.
    certificate : Certificate or None
        The proof, where the method "branching" was asked to keep it.
    """

    energy: float
    state: np.ndarray
    method: str
    certified: bool
    lower_bound: float
    degeneracy: int | None = None
    reason: str = ""
    seconds: float = 0.0
    labels: tuple[Hashable, ...] | None = None
    n_visible: int | None = None
    certificate: Certificate | None = None

    @property
    def bound_gap(self) -> float:
        """``energy - lower_bound``: how far the proof is from closed (not the gap to an excited state)."""
        return self.energy - self.lower_bound

    @property
    def relative_gap(self) -> float:
        """``bound_gap / abs(energy)``; 0 where there is no gap."""
        if self.bound_gap == 0.0:
            return 0.0
        return self.bound_gap / abs(self.energy) if self.energy else float("inf")

    @property
    def assignment(self) -> dict[Any, int]:
        """Spin by site label (by number where the model has no labels)."""
        labels = self.labels if self.labels is not None else range(len(self.state))
        return {label: int(s) for label, s in zip(labels, self.state, strict=True)}

    @property
    def v(self) -> np.ndarray:
        """Visible part of the state of a bipartite model."""
        return self.state[: self._n_visible()]

    @property
    def h(self) -> np.ndarray:
        """Hidden part of the state of a bipartite model."""
        return self.state[self._n_visible() :]

    def _n_visible(self) -> int:
        if self.n_visible is None:
            raise AttributeError("only the ground state of a bipartite model has the parts v and h")
        return self.n_visible
