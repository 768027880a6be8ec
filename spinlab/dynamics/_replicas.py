"""The loop of parallel tempering: independent ladders of replicas that exchange temperatures."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from .._core.blas import one_blas_thread
from .._core.forms import Sparse
from .._core.jit import kernel
from .._core.parallel import map_threads
from .._core.philox import SWAP, word
from .._core.progress import meter
from .._core.request import Request
from .._core.walkers import Group, Walkers
from ..models import IsingModel, TwoLayerIsing
from ._multispin import WORD, bonds_for
from ._single_spin import CHAINS, AnyWalkers, starter
from ._word_ladders import WordLadders
from .block_gibbs import start as start_block
from .cluster import cluster_moves


@dataclass(frozen=True)
class Ladders:
    """What the ladders of all chains measure; R is the number of temperatures."""

    s: np.ndarray
    """States (n_chains, R, N), row by row of a replica, not of a temperature."""
    replica: np.ndarray
    """Which of its R replicas a chain has at each temperature, (n_chains, R)."""
    energy: np.ndarray
    """Energies of the replicas without the model's offset, (n_chains, R)."""
    shift: np.ndarray
    total: np.ndarray
    square: np.ndarray
    """Moments of the energy minus ``shift`` by temperature, (n_chains, R)."""
    probability: np.ndarray
    """Sums of the probabilities with which neighbouring temperatures are exchanged, (n_chains, R - 1)."""
    attempts: np.ndarray
    came: np.ndarray
    """1 if a replica was at the hottest temperature, 2 if at the coldest since then, (n_chains, R)."""
    round_trips: np.ndarray
    """Ways from the hottest to the coldest temperature and back, (n_chains,)."""
    best_energy: np.ndarray
    best_state: np.ndarray

    @classmethod
    def start(cls, s: np.ndarray) -> Ladders:
        """Replica l of each chain begins at temperature l."""
        n_chains, R, N = s.shape
        zeros = [np.zeros((n_chains, R)) for _ in range(4)]
        came = np.zeros((n_chains, R), dtype=np.int8)
        came[:, 0] = 1
        return cls(
            s=s,
            replica=np.tile(np.arange(R), (n_chains, 1)),
            energy=zeros[0],
            shift=zeros[1],
            total=zeros[2],
            square=zeros[3],
            probability=np.zeros((n_chains, R - 1)),
            attempts=np.zeros((n_chains, R - 1)),
            came=came,
            round_trips=np.zeros(n_chains, dtype=np.int64),
            best_energy=np.full(n_chains, np.inf),
            best_state=np.empty((n_chains, N), dtype=np.int8),
        )

    def again(self) -> Ladders:
        """The same replicas, numbered by the temperature where they are; only their journeys are kept."""
        fresh = Ladders.start(self.by_temperature(self.s))
        fresh.came[:] = self.by_temperature(self.came)
        fresh.round_trips[:] = self.round_trips
        return fresh

    def part(self, own: slice) -> Ladders:
        """Views of some chains."""
        return Ladders(**{name: array[own] for name, array in self.__dict__.items()})

    def measured(self) -> list[np.ndarray]:
        """What exchanges change, in the order in which their kernels take it."""
        return [
            self.replica,
            self.shift,
            self.total,
            self.square,
            self.probability,
            self.attempts,
            self.came,
            self.round_trips,
            self.best_energy,
            self.best_state,
        ]

    def by_temperature(self, x: np.ndarray) -> np.ndarray:
        """Rearrange what is stored by replica, axes (n_chains, R, ...)."""
        return x[np.arange(len(x))[:, None], self.replica]


def climb(
    model: IsingModel,
    request: Request,
    ladders: Ladders,
    cluster: bool,
    keep: Callable[[int, slice, Ladders], Any],
    strong: np.ndarray | None = None,
) -> None:
    """Steps of every replica, each followed by exchanges; ``keep`` is called at the records' stops.

    With ``cluster`` pairs of chains exchange clusters, with ``strong`` those of the strong couplings.
    """
    n_chains, R, N = ladders.s.shape
    betas, key, n_steps, burn_in = request.betas, request.key, request.n_steps, request.burn_in
    one_step = replace(request, betas=np.ones(1))  # the walkers' temperatures are their factors
    # Whole ladders per task, and rows in multiples of four, which share a Philox counter.
    least = 4 // math.gcd(R, 4)
    size = least * -(-CHAINS // (least * R))
    if cluster and size % 2:
        size *= 2
    kept = {stop: k for k, stop in enumerate(request.stops[: request.n_records or 0])}
    bonds = None if cluster else bonds_for(model, request, n_chains)

    def run_words(first: int) -> None:
        own = slice(first, min(first + WORD, n_chains))
        part = ladders.part(own)
        assert bonds is not None
        words = WordLadders(bonds, model, request, part.s, part.replica, first)
        factors = np.empty(part.energy.size)
        for step in range(n_steps):
            words.advance(step, part.energy, part.best_energy, part.best_state)
            # Bests are known already: the states in ``s`` are older.
            _exchange(
                betas, factors, part.s, part.energy, *part.measured(), key, first, step, step >= burn_in,
                step == burn_in,
            )  # fmt: skip
            words.follow()
            if step + 1 in kept or step + 1 == n_steps:
                words.fetch()
            if step + 1 in kept:
                keep(kept[step + 1], own, part)
            if shown is not None:
                shown.tick(own.stop - first)

    def run(first: int) -> None:
        own = slice(first, min(first + size, n_chains))
        part = ladders.part(own)
        s = part.s.reshape(-1, N)
        energy = part.energy.reshape(-1)
        factors = np.tile(betas, own.stop - first)
        group = len(s) if cluster else CHAINS  # cluster moves need all chains in one group, and their fields
        walkers: list[Any] = make_walkers(model, one_step, s, factors, first * R, group, plain=cluster)
        slices = [slice(i, i + group) for i in range(0, len(s), group)]
        for step in range(n_steps):
            for w, rows in zip(walkers, slices, strict=True):
                w.advance(step, step + 1)
                w.energy(energy[rows])
            counts = step >= burn_in
            if cluster:
                _clusters(walkers[0], part, key, first * R, step, strong, betas)
            _exchange(
                betas,
                factors,
                part.s,
                part.energy,
                *part.measured(),
                key,
                first,
                step,
                counts,
                step == burn_in,
            )
            if step + 1 in kept:
                keep(kept[step + 1], own, part)
            if shown is not None:
                shown.tick(own.stop - first)

    def run_on_gpu() -> None:
        from .._core.cuda.exchange import Exchanges

        s = ladders.s.reshape(-1, N)
        walkers: Any = make_walkers(model, one_step, s, np.tile(betas, n_chains), 0)[0]
        exchanges = Exchanges(betas, ladders.measured(), key)
        walkers.factors = exchanges.factors
        for step in range(n_steps):
            walkers.advance(step, step + 1, fetch=False)
            exchanges.exchange(walkers, step, burn_in)
            if step + 1 in kept or step + 1 == n_steps:
                walkers.fetch()
                exchanges.fetch(ladders.energy)
            if step + 1 in kept:
                keep(kept[step + 1], slice(0, n_chains), ladders)
            if shown is not None:
                shown.tick(n_chains)

    with one_blas_thread(), meter(n_chains * n_steps, "parallel tempering") as shown:
        if model.device == "gpu":
            run_on_gpu()
        elif bonds is not None:
            map_threads(run_words, range(0, n_chains, WORD), request.threads)
        else:
            map_threads(run, range(0, n_chains, size), request.threads)


def make_walkers(
    model: IsingModel,
    request: Request,
    s: np.ndarray,
    factors: np.ndarray,
    first: int,
    size: int = CHAINS,
    plain: bool = False,
) -> list[Walkers]:
    """Chains in groups of ``size``, each at the inverse temperature ``request.betas`` times its factor.

    ``plain`` asks for the loop that keeps the fields of sparse models.
    """
    moved = np.zeros(s.shape, dtype=np.bool_)
    if request.rule == "block_gibbs":
        assert isinstance(model, TwoLayerIsing)
        start: Callable[[Group], Walkers] = partial(start_block, model, request)
    else:
        start = starter(model, request, 1 if plain else len(s))
    if model.device == "gpu":
        size = len(s)
    everyone = Group(factors, s, moved, first)
    return [start(everyone.part(slice(i, i + size))) for i in range(0, len(s), size)]


def _clusters(
    walkers: Walkers,
    part: Ladders,
    key: np.uint64,
    first: int,
    step: int,
    strong: np.ndarray | None,
    betas: np.ndarray,
) -> None:
    assert isinstance(walkers, AnyWalkers)
    assert isinstance(walkers.form, Sparse)
    R = part.replica.shape[1]
    rows = part.replica + R * np.arange(len(part.replica))[:, None]
    energy = part.energy.reshape(-1)
    cluster_moves(walkers.form, walkers.s, walkers.cache, rows, energy, key, first, step, strong, betas)


@kernel
def _exchange(  # type: ignore[no-untyped-def]
    betas,
    factors,
    s,
    energy,
    replica,
    shift,
    total,
    square,
    probability,
    attempts,
    came,
    round_trips,
    best_energy,
    best_state,
    key,
    first,
    step,
    counts,
    first_count,
):
    """Exchanges of even pairs in even and odd pairs in odd steps, and what is counted along the way."""
    n_chains, R = replica.shape
    for a in range(n_chains):
        for x in range(R):
            if energy[a, x] < best_energy[a]:
                best_energy[a] = energy[a, x]
                for i in range(s.shape[2]):
                    best_state[a, i] = s[a, x, i]
        for l in range(step & 1, R - 1, 2):
            x, y = replica[a, l], replica[a, l + 1]
            exponent = (betas[l + 1] - betas[l]) * (energy[a, y] - energy[a, x])
            p = 1.0 if exponent >= 0.0 else np.exp(exponent)
            if counts:
                probability[a, l] += p
                attempts[a, l] += 1.0
            u = (np.float64(word(key, (first + a) * R + l, step, 0, SWAP)) + 0.5) / 4294967296.0
            if u < p:
                replica[a, l], replica[a, l + 1] = y, x
                factors[a * R + x], factors[a * R + y] = betas[l + 1], betas[l]
        hot, cold = replica[a, 0], replica[a, R - 1]
        if came[a, hot] == 2:
            round_trips[a] += 1
        came[a, hot] = 1
        if came[a, cold] == 1:
            came[a, cold] = 2
        if counts:
            for l in range(R):
                e = energy[a, replica[a, l]]
                if first_count:
                    shift[a, l] = e
                total[a, l] += e - shift[a, l]
                square[a, l] += (e - shift[a, l]) ** 2
