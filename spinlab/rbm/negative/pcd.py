"""Persistent contrastive divergence: chains that follow the changing model."""

from __future__ import annotations

from ..._core.validate import as_count
from ..machines.machine import Machine, Phase, Statistics
from ..machines.units import Noise
from .base import PersistentPhase


class PCD(PersistentPhase):
    """Free chains, k Gibbs steps per update (Tieleman, ICML 2008).

    Parameters
    ----------
    k : int, default 1
        Gibbs steps per update.
    n_chains : int, default 100
        Chains, from random states.

    Examples
    --------
    >>> import spinlab as sl
    >>> sl.rbm.PCD(k=10, n_chains=2048)
    PCD(k=10, n_chains=2048)
    """

    on_gpu = True

    def __init__(self, k: int = 1, n_chains: int = 100) -> None:
        self.k, self.n_chains = as_count(k, "k"), as_count(n_chains, "n_chains")

    def statistics(self, machine: Machine, positive: Phase, noise: Noise) -> Statistics:
        start = self._chains or machine.random_phase(self.n_chains, noise)
        self._last = machine.gibbs(start, self.k, noise)
        self._chains = Phase(self._last.layers, [])  # the parameters change: fields are not kept
        return machine.statistics(self._last)
