"""Contrastive divergence: short chains from the data."""

from __future__ import annotations

from ..._core.validate import as_count
from ..machines.machine import Machine, Phase, Statistics
from ..machines.units import Noise
from .base import NegativePhase


class CD(NegativePhase):
    """k Gibbs steps from each sample of the batch (Hinton, Neural Comput. 14, 1771 (2002)).

    Parameters
    ----------
    k : int, default 1
        Gibbs steps: hidden given visible, visible given hidden.

    Examples
    --------
    >>> import spinlab as sl
    >>> sl.rbm.CD(10)
    CD(k=10)
    """

    on_gpu = True

    def __init__(self, k: int = 1) -> None:
        self.k = as_count(k, "k")

    def statistics(self, machine: Machine, positive: Phase, noise: Noise) -> Statistics:
        self._last = machine.gibbs(positive, self.k, noise)
        return machine.statistics(self._last)
