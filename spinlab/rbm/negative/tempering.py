"""Parallel tempering: hot replicas feed the chains with fresh states."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._core.device import to_host
from ..._core.validate import as_count, as_real_array, check_memory
from ..machines.machine import Machine, Phase, Statistics
from ..machines.units import Noise
from .base import PersistentPhase


class Tempering(PersistentPhase):
    """Persistent chains at a ladder of temperatures (Desjardins et al., AISTATS 2010).

    Each update makes k Gibbs steps of every replica, P(s) ~ exp(-beta E(s)), then swaps of neighbouring
    temperatures with probability min(1, exp((beta - beta')(E - E'))), even and odd pairs in turn. The
    averages are those of the replicas at beta = 1.

    Parameters
    ----------
    k : int, default 1
        Gibbs steps between swaps.
    n_chains : int, default 100
        Ladders.
    betas : int or array_like, default 10
        Inverse temperatures, increasing, from 0 or more to 1; a number of them spaced evenly from 0.

    Examples
    --------
    >>> import spinlab as sl
    >>> sl.rbm.Tempering(n_chains=20, betas=3).betas.tolist()
    [0.0, 0.5, 1.0]
    """

    on_gpu = True

    def __init__(self, k: int = 1, n_chains: int = 100, betas: Any = 10) -> None:
        self.k, self.n_chains = as_count(k, "k"), as_count(n_chains, "n_chains")
        if np.ndim(betas) == 0:
            count = as_count(betas, "betas", 2)
            check_memory(32 * count, f"a ladder of {count} temperatures")
            betas = np.linspace(0.0, 1.0, count)
        self.betas = as_real_array(betas, "betas", 1)
        if (
            len(self.betas) < 2
            or self.betas[0] < 0
            or self.betas[-1] != 1
            or (np.diff(self.betas) <= 0).any()
        ):
            raise ValueError(f"betas must increase from 0 or more to 1, got {self.betas.tolist()}")
        self._odd = False

    def statistics(self, machine: Machine, positive: Phase, noise: Noise) -> Statistics:
        R, C = len(self.betas), self.n_chains
        start = self._chains or machine.random_phase(R * C, noise)
        beta = machine.xp.asarray(np.repeat(self.betas, C).astype(machine.dtype)[:, None])
        phase = machine.gibbs(start, self.k, noise, beta)
        order = machine.xp.asarray(self._swaps(to_host(machine.energies(phase)).reshape(R, C), noise))
        self._chains = Phase([layer[order] for layer in phase.layers], [])
        cold = Phase([layer[-C:] for layer in self._chains.layers], [])
        if phase.fields is not None:
            cold.fields = phase.fields[order[-C:]]
        self._last = machine.gibbs(cold, 0, noise)  # no step: the means given the spins
        return machine.statistics(self._last)

    def _swaps(self, E: np.ndarray, noise: Noise) -> np.ndarray:
        """Which row each row takes its state from."""
        R, C = E.shape
        source = np.arange(R * C).reshape(R, C)
        first = np.arange(int(self._odd), R - 1, 2)
        self._odd = not self._odd
        gain = (self.betas[first] - self.betas[first + 1])[:, None] * (E[first] - E[first + 1])
        swap = np.log(noise.uniform(gain.size).reshape(gain.shape) + 2.0**-54) < gain
        low, high = source[first].copy(), source[first + 1].copy()
        source[first], source[first + 1] = np.where(swap, high, low), np.where(swap, low, high)
        return source.ravel()

    def state_dict(self) -> dict[str, np.ndarray]:
        return super().state_dict() | {"odd": np.array(self._odd)}

    def load_state_dict(self, state: dict[str, np.ndarray], machine: Machine) -> None:
        self._odd = bool(state["odd"])
        super().load_state_dict({k: v for k, v in state.items() if k != "odd"}, machine)
