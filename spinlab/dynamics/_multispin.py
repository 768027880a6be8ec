"""Chains on models of equal couplings, 64 in the bits of each word: where that applies, and their walkers."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .._core.multispin import REACH, WORD, pack, room, sweeps, unpack, unpack_flags, unsatisfied
from .._core.request import Request
from .._core.walkers import Group, Walkers
from ..models import IsingModel
from ._bonds import Bonds
from ._flip_odds import FlipOdds
from ._scales import typical_field


def bonds_for(model: IsingModel, request: Request, n_chains: int) -> Bonds | None:
    """The model's bonds where 64 chains are to share a word: if asked for, else from 64 chains on."""
    if request.multispin is False or (request.multispin is None and n_chains < WORD):
        return None
    asked = request.order == "sequential" and request.rule != "block_gibbs" and request.dtype == "float64"
    bonds = Bonds.of(model) if asked else None
    if request.multispin and bonds is None:
        raise ValueError(
            "multispin=True takes a SparseIsing on the CPU whose couplings and fields are multiples of the "
            f"smallest of them, at most {REACH} of it together at each site, visited in sequential order by "
            f"a single-spin rule without dtype; got {model!r} ({model.device}), {request.rule}, "
            f"{request.order} order, {request.dtype}: leave multispin out"
        )
    return bonds


def word_starter(bonds: Bonds, model: IsingModel, request: Request) -> Callable[[Group], Walkers]:
    """Starts words of 64 chains at the temperatures of the request."""
    plan = Plan.of(bonds, model, request)
    return lambda group: BitWalkers(plan, group)


class BitWalkers:
    """Up to 64 chains at one temperature in the bits of words."""

    def __init__(self, plan: Plan, group: Group) -> None:
        self.s, self.factors = group.s, group.factors
        self._moved, self._plan = group.moved, plan
        self._number = group.first // WORD
        bonds = plan.bonds
        N = len(bonds.site)
        self._words, self._flipped = np.zeros(2 * (N + 1), np.uint64), np.zeros(N, np.uint64)
        pack(self.s, bonds.site, self._words)
        self._room = room()
        self._broken = np.empty(WORD, np.int64)

    def advance(self, start: int, stop: int) -> None:
        """Take the steps start..stop-1."""
        plan = self._plan
        bonds = plan.bonds
        sweeps(
            start, stop, plan.rows, *plan.odds, bonds.runs, bonds.neighbours, self._words, self._flipped,
            plan.key, self._number, *self._room,
        )  # fmt: skip
        unpack(self._words, bonds.site, self.s)
        unpack_flags(self._flipped, bonds.site, self._moved)

    def energy(self, out: np.ndarray) -> None:
        """Energies without the model's offset."""
        bonds = self._plan.bonds
        unsatisfied(self._words, bonds.ends, self._broken)
        n = bonds.ends.shape[1]
        out[:] = bonds.unit * (2 * self._broken[: len(out)] - n)


class Plan(NamedTuple):
    """What all words share during a run."""

    bonds: Bonds
    odds: FlipOdds
    rows: np.ndarray
    """Row of ``odds`` for each step, the last one holding on."""
    key: np.uint64

    @classmethod
    def of(cls, bonds: Bonds, model: IsingModel, request: Request) -> Plan:
        """The probabilities at the temperatures of a request."""
        betas, rows = np.unique(request.betas, return_inverse=True)
        fields = {d - 2 * k for d in bonds.runs[:, 2].tolist() for k in range(d // 2 + 1)}
        odds = FlipOdds.of(betas, bonds.unit, fields, request.metropolis, typical_field(model))
        return cls(bonds, odds, rows, request.key)
