"""Pattern-induced correlations: the machine's own patterns stand for its low-energy states."""

from __future__ import annotations

from ..._core.validate import as_choice, as_count
from ..machines.machine import Machine, Phase, Statistics
from ..machines.ra_rbm import RARBM
from ..machines.units import Noise
from .base import NegativePhase


class PID(NegativePhase):
    """Negative phase over the K patterns of a machine with regularized axons (arXiv:1910.01592, Sec. III).

    Parameters
    ----------
    n_steps : int, default 0
        Gibbs steps from the patterns; with 0 the patterns themselves.
    start : {"sign", "continuous"}
        Visible parts as spins, or as they are.
    weights : None or "boltzmann"
        Equal weights, or those of the patterns' visible parts in the model, exp(-F).
    hidden : {"mean", "pattern"}
        Hidden units given the visible parts, tanh((W^T v)_a), as in the code published with the paper; or the
        hidden parts of the patterns, as its Algorithm 1 can be read (:class:`RARBM` and ``n_steps=0`` only).

    Notes
    -----
    With ``hidden="mean"`` only the visible parts matter. Biased unless the patterns sample
    the model; O(K^2 (V + H)) per update.

    Examples
    --------
    >>> import spinlab as sl
    >>> sl.rbm.PID(n_steps=10)
    PID(n_steps=10, start='sign', weights=None, hidden='mean')
    """

    unbiased_limit = False

    on_gpu = True

    def __init__(
        self, n_steps: int = 0, start: str = "sign", weights: str | None = None, hidden: str = "mean"
    ) -> None:
        self.n_steps = as_count(n_steps, "n_steps", 0)
        self.start = as_choice(start, "start", ("sign", "continuous"))
        self.weights = None if weights is None else as_choice(weights, "weights", ("boltzmann",))
        self.hidden = as_choice(hidden, "hidden", ("mean", "pattern"))
        if self.hidden == "pattern" and self.n_steps:
            raise ValueError(
                f"hidden='pattern' is for the patterns themselves, got n_steps={self.n_steps}; after Gibbs "
                "steps take hidden='mean'"
            )

    def check(self, machine: Machine) -> None:
        if type(machine).pattern_phase is Machine.pattern_phase:
            machine.pattern_phase(False)  # which says why not
        if self.hidden == "pattern" and not isinstance(machine, RARBM):
            raise TypeError(
                f"hidden='pattern' needs a RARBM, got {type(machine).__name__}; take hidden='mean'"
            )

    def statistics(self, machine: Machine, positive: Phase, noise: Noise) -> Statistics:
        phase = machine.pattern_phase(self.start == "continuous")
        if self.weights is not None:
            log_w = machine.log_weights(phase)
            w = machine.xp.exp(log_w - log_w.max())
            phase.weights = w / w.sum()
        if self.hidden == "pattern":
            h = phase.layers[1]
            phase.means = [
                phase.means[0],
                machine.parameters["xi_h"].copy() if self.start == "continuous" else h,
            ]
        if self.n_steps:
            phase.layers = [phase.layers[0], *(None for _ in phase.layers[1:])]
            phase = machine.gibbs(phase, self.n_steps, noise)
        self._last = phase
        return machine.statistics(phase)
