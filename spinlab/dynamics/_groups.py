"""Groups of tempering ladders that go on from piece to piece, and what says that they are equilibrated."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .._core.blas import one_blas_thread
from .._core.parallel import map_threads, n_threads
from .._core.philox import random_spins
from .._core.request import Request
from .._core.rng import as_key
from .._core.walkers import Walkers
from ..models import IsingModel
from ._quench import quench
from ._replicas import Ladders, climb, make_walkers
from ._scales import field_bounds
from ._single_spin import CHAINS
from .tempering import levels, respaced, step_lengths

_LEAST_TRIPS = 10  # from the hottest to the coldest temperature and back, in each group
_MOST_DRIFT = 2.0  # of the coldest mean energy when the time doubles, in units of its temperature
_MOST_EXCESS = 2.0  # of the coldest mean energy over the lowest known one, in units of its temperature
_MOST_ENTROPY = 9.0, 0.2  # at the coldest temperature, or per spin; +-J glasses keep .05 to .17 per spin
_MOST_FROZEN = 0.12  # per spin where the first ladder ended too hot
_MOST_LEVELS = 1000
_COLDER = 2.0  # factor by which a ladder that ends too hot is continued, or more


@dataclass(frozen=True)
class Piece:
    """What some steps measured; ladders first, temperatures last."""

    n_steps: int
    mean_energy: np.ndarray
    swap_rate: np.ndarray


class Groups:
    """Independent groups of one ladder, or of a pair of ladders that exchange clusters."""

    def __init__(
        self,
        model: IsingModel,
        n_groups: int,
        betas: np.ndarray,
        *,
        cluster: bool,
        strong: np.ndarray | None = None,
        generator: np.random.Generator,
        threads: int | None,
    ) -> None:
        self._model, self._cluster, self._strong = model, cluster, strong
        self._generator, self._threads = generator, threads
        self.n_groups, self.each = n_groups, 2 if cluster else 1
        self.betas = betas
        self._extended = False
        shape = (n_groups * self.each, len(betas), model.n_spins)
        self._ladders = Ladders.start(
            random_spins(as_key(generator), shape[0] * shape[1], shape[2]).reshape(shape)
        )
        self.measured: list[Piece] = []

    def place(self, states: np.ndarray) -> None:
        """Put states into the groups in turn, the coldest temperatures first."""
        R = len(self.betas)
        for k, state in enumerate(states[: self.n_groups * R]):
            self._ladders.s[(k % self.n_groups) * self.each, R - 1 - k // self.n_groups] = state

    def advance(self, n_steps: int, burn_in: int = 0) -> Piece:
        """Steps of every replica, each followed by exchanges."""
        chains, R = self._ladders.replica.shape
        self._ladders = self._ladders.again()
        key = as_key(self._generator)
        request = Request.check(
            "gibbs", n_steps, chains, self.betas, key, burn_in=burn_in, threads=self._threads
        )
        climb(self._model, request, self._ladders, self._cluster, _keep_nothing, self._strong)
        attempts, taken = self._ladders.attempts.sum(0), self._ladders.probability.sum(0)
        rate = np.divide(taken, attempts, out=np.full(R - 1, np.nan), where=attempts > 0)
        piece = Piece(n_steps, self._ladders.total / (n_steps - burn_in) + self._ladders.shift, rate)
        self.measured.append(piece)
        return piece

    def respace(self, piece: Piece, aim: float) -> None:
        """Move the temperatures to steps of one measured length; what was measured so far is forgotten."""
        lengths = step_lengths(self.betas, piece.mean_energy.mean(0), piece.swap_rate)
        betas = respaced(self.betas, lengths, min(levels(lengths, aim), _MOST_LEVELS))
        nearest = np.abs(betas[:, None] - self.betas).argmin(1)
        self._ladders = Ladders.start(self._ladders.by_temperature(self._ladders.s)[:, nearest])
        self.betas, self.measured = betas, []

    def cool(self, schedule: Iterable[float]) -> int:
        """Annealing of all replicas together, each down to its own temperature; the number of steps."""
        s = self._ladders.s.reshape(-1, self._model.n_spins)
        ends = np.tile(self.betas, len(self._ladders.s))
        # Temperatures change with every step, which the loops on the GPU do not expect.
        return cool(self._model.to("cpu"), s, ends, schedule, as_key(self._generator), self._threads)

    def quenched(self) -> tuple[np.ndarray, np.ndarray]:
        """States and energies after a quench of the colder half of each ladder, groups in order."""
        s = self._ladders.by_temperature(self._ladders.s)[:, len(self.betas) // 2 :]
        found = np.isfinite(self._ladders.best_energy)
        if found.all():
            s = np.concatenate([self._ladders.best_state[:, None], s], axis=1)
        s = np.ascontiguousarray(s.reshape(-1, s.shape[-1]))
        quench(self._model, s, as_key(self._generator), self._threads)
        return s, self._model.energy(s)

    def extend(self) -> None:
        """Go on to lower temperatures in the steps of the last two; what was measured so far is forgotten."""
        ratio = self.betas[-1] / self.betas[-2]
        n = math.ceil(math.log(_COLDER) / math.log(ratio))
        nearest = np.minimum(np.arange(len(self.betas) + n), len(self.betas) - 1)
        self._ladders = Ladders.start(self._ladders.by_temperature(self._ladders.s)[:, nearest])
        colder = self.betas[-1] * ratio ** np.arange(1, n + 1)
        self.betas, self.measured = np.append(self.betas, colder), []
        self._extended = True

    def is_too_hot(self, lowest: float) -> bool:
        """Whether all groups but one have mixed, and not down to the energy ``lowest`` (without offset)."""
        mixed = self.mixed()
        return bool(mixed.sum() >= self.n_groups - 1 and not self._is_cold(lowest)[mixed].any())

    def equilibrated(self, lowest: float) -> np.ndarray:
        """Whether each group has mixed down to the energy ``lowest`` (without offset), shape (n_groups,)."""
        mixed = self.mixed()
        return mixed & self._is_cold(lowest) & self._is_ordered() if mixed.any() else mixed

    def _is_ordered(self) -> np.ndarray:
        """Whether the coldest replicas are left with little entropy per spin, S = N ln 2 + int beta dE.

        Next to an extensive number of states, exp(S) with S in proportion to N as on triangular lattices, a
        lower level of few states is met by none of the groups, and they agree on the level above it. Less is
        allowed where the ladders had to go on to temperatures at which single flips are frozen. The limits
        were chosen when such lattices had been seen: agreement on a wrong level with .27 per spin and more,
        or .18 after going on; on the lowest one of +-J tori with up to .17, or .09. A triangular patch of 140
        spins passes all the same on one seed of two.
        """
        energy = np.mean([piece.mean_energy for piece in self.measured], axis=0)
        steps = np.diff(energy.reshape(self.n_groups, -1, len(self.betas)).mean(1), prepend=0.0, axis=1)
        # Up to the hottest replica the energy is linear in beta, from there on rather in the temperature.
        hot, cold = self.betas[:-1], self.betas[1:]
        means = np.append(self.betas[0] / 2, np.log(cold / hot) * cold / (cold / hot - 1))
        n = np.count_nonzero(field_bounds(self._model))  # all other spins are free
        entropy = n * np.log(2) + steps @ means
        least, per_spin = _MOST_ENTROPY
        return np.asarray(entropy <= max(least, (_MOST_FROZEN if self._extended else per_spin) * n))

    def _is_cold(self, lowest: float) -> np.ndarray:
        """Whether the coldest replicas are next to the lowest energy: kT is left, and not entropy.

        Above a ground state of few forms there may be so many states of an excitation more that even at the
        temperature where single flips freeze, the lowest level is never seen.
        """
        if not self.measured:
            return np.zeros(self.n_groups, dtype=bool)
        energy = self._coldest_energy(np.cumsum([piece.n_steps for piece in self.measured]), 0.5, 1.0)
        excess = self.betas[-1] * (energy - lowest).reshape(self.n_groups, -1).mean(1)
        return np.asarray(excess <= _MOST_EXCESS)

    def mixed(self) -> np.ndarray:
        """Whether the coldest replicas of each group have mixed, shape (n_groups,).

        Replicas went often between the ends of the ladder, and the mean energy at the coldest temperature has
        not moved by twice its kT since the time was half as long.
        """
        ends = np.cumsum([piece.n_steps for piece in self.measured])
        if len(ends) < 2:
            return np.zeros(self.n_groups, dtype=bool)
        late = self._coldest_energy(ends, 0.5, 1.0)
        early = self._coldest_energy(ends, 0.25, 0.5)
        drift = self.betas[-1] * np.abs((late - early).reshape(self.n_groups, -1).mean(1))
        trips = self._ladders.round_trips.reshape(self.n_groups, -1).sum(1)
        return (trips >= _LEAST_TRIPS) & (drift <= _MOST_DRIFT)

    def _coldest_energy(self, ends: np.ndarray, start: float, stop: float) -> np.ndarray:
        """Mean over the pieces that end in this part of the time (or the next that ends), by ladder."""
        total = ends[-1]
        own = [k for k, end in enumerate(ends) if start * total < end <= stop * total]
        own = own or [int(np.searchsorted(ends, stop * total))]
        weights = [self.measured[k].n_steps for k in own]
        energy: np.ndarray = np.average(
            [self.measured[k].mean_energy[:, -1] for k in own], axis=0, weights=weights
        )
        return energy


def cool(
    model: IsingModel,
    s: np.ndarray,
    ends: np.ndarray,
    schedule: Iterable[float],
    key: np.uint64,
    threads: int | None,
) -> int:
    """Cool the states in place, each down to its own end; the number of steps that the schedule had."""
    factors = np.empty(len(s))
    request = Request.check("metropolis", 0, len(s), 1.0, key)
    size = 4 * min(
        -(-len(s) // (4 * n_threads(threads))), CHAINS // 4
    )  # few states are shared by all threads
    walkers = make_walkers(model, request, s, factors, 0, size)
    step = 0
    with one_blas_thread():
        for step, beta in enumerate(schedule, 1):
            np.minimum(ends, beta, out=factors)
            map_threads(partial(_advance, step), walkers, threads)
    return step


def _advance(step: int, walkers: Walkers) -> None:
    walkers.advance(step - 1, step)


def _keep_nothing(k: int, own: slice, part: Ladders) -> Any:
    return None
