"""What a negative phase is: averages over free configurations of a machine."""

from __future__ import annotations

import abc

import numpy as np

from ..._core.results import summary
from ..machines.machine import Machine, Phase, Statistics, compact
from ..machines.units import Noise


class NegativePhase(abc.ABC):
    """Estimate of <-dF/d theta> over the model, one file for each.

    A negative phase belongs to one trainer: persistent chains are its state. Its attributes are set anew, not
    changed in place, so that an epoch that is interrupted can be taken back.
    """

    unbiased_limit = True
    """Whether more steps bring the average to that of the model (contract tests check it)."""

    on_gpu = False
    """Whether it takes a machine on the GPU."""

    in_use = False
    """Whether a trainer has taken it."""

    _last: Phase | None = None

    def check(self, machine: Machine) -> None:  # noqa: B027
        """Refuse a machine that it cannot train."""

    @abc.abstractmethod
    def statistics(self, machine: Machine, positive: Phase, noise: Noise) -> Statistics:
        """Averages over the model; ``positive`` is the positive phase of the same update."""

    @property
    def configurations(self) -> np.ndarray:
        """Spins of all layers, (n, N) int8, that the last negative phase used (method accessibility)."""
        if self._last is None:
            raise ValueError(
                f"{type(self).__name__} has used no configurations yet; train for an update first"
            )
        return self._last.configurations()

    def state_dict(self) -> dict[str, np.ndarray]:
        """What a checkpoint must keep."""
        return {}

    def load_state_dict(self, state: dict[str, np.ndarray], machine: Machine) -> None:
        """Back to a kept state."""
        self._last = None

    def __repr__(self) -> str:
        shown = {k: v for k, v in vars(self).items() if not k.startswith("_") and k != "in_use"}
        return f"{type(self).__name__}({', '.join(f'{k}={summary(v)}' for k, v in shown.items())})"


class PersistentPhase(NegativePhase):
    """Chains that go on from update to update."""

    _chains: Phase | None = None

    @property
    def has_chains(self) -> bool:
        """Whether training has begun."""
        return self._chains is not None

    def state_dict(self) -> dict[str, np.ndarray]:
        if self._chains is None:
            return {}
        layers = self._chains.layers
        return {f"layer{i}": compact(s) for i, s in enumerate(layers) if s is not None}

    def load_state_dict(self, state: dict[str, np.ndarray], machine: Machine) -> None:
        layers = [machine.xp.asarray(state[f"layer{i}"].astype(machine.dtype)) for i in range(len(state))]
        self._chains = Phase(layers, []) if layers else None
