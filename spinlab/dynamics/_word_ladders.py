"""Parallel tempering of 64 ladders at once, the states at each temperature in the bits of words."""

from __future__ import annotations

import numpy as np

from .._core.jit import kernel
from .._core.multispin import WORD, exchange, pack, room, sweeps, unpack, unsatisfied
from .._core.request import Request
from ..models import IsingModel
from ._bonds import Bonds
from ._multispin import Plan


class WordLadders:
    """Up to 64 ladders. Chains of one word share a temperature, so states are exchanged, not temperatures.

    Arrays of the caller, by ladder: ``s`` (ladders, R, N) and ``energy`` (ladders, R), both by replica;
    ``replica`` (ladders, R), which replica is at each temperature; ``best_energy`` and ``best_state``.
    """

    def __init__(
        self,
        bonds: Bonds,
        model: IsingModel,
        request: Request,
        s: np.ndarray,
        replica: np.ndarray,
        first: int,
    ) -> None:
        self._plan, self._s, self._replica = Plan.of(bonds, model, request), s, replica
        R = len(request.betas)
        self._number = first // WORD * R
        self._words = np.zeros((R, 2 * (len(bonds.site) + 1)), np.uint64)
        self._before = replica.copy()
        for l in range(R):
            pack(s[np.arange(len(s)), replica[:, l]], bonds.site, self._words[l])
        self._room = room()

    def advance(self, step: int, energy: np.ndarray, best_energy: np.ndarray, best_state: np.ndarray) -> None:
        """Take one step of every replica; keep its energy, and the best state."""
        plan = self._plan
        bonds = plan.bonds
        _step(
            step, *plan.odds, bonds.runs, bonds.neighbours, bonds.ends, bonds.site, bonds.unit, self._words,
            plan.key, self._number, *self._room, self._replica, energy, best_energy, best_state,
        )  # fmt: skip
        self._before[:] = self._replica

    def follow(self) -> None:
        """Move the states to where ``replica`` says, after exchanges between neighbours."""
        _follow(self._before, self._replica, self._words)

    def fetch(self) -> None:
        """Write the states to ``s``."""
        rows = np.arange(len(self._s))
        at = np.empty((len(rows), self._s.shape[2]), np.int8)
        for l, words in enumerate(self._words):
            unpack(words, self._plan.bonds.site, at)
            self._s[rows, self._replica[:, l]] = at


@kernel
def _step(  # type: ignore[no-untyped-def]
    step, zeros, bits, inverted, runs, neighbours, ends, site, unit, words, key, number, w, planes, replica,
    energy, best_energy, best_state,
):  # fmt: skip
    n_ladders, R = replica.shape
    row, flipped, broken = np.empty(1, np.int64), np.empty(len(site), np.uint64), np.empty(WORD, np.int64)
    n_bonds = ends.shape[1]
    for l in range(R):
        row[0] = l
        sweeps(
            step, step + 1, row, zeros, bits, inverted, runs, neighbours, words[l], flipped, key, number + l,
            w, planes,
        )  # fmt: skip
        unsatisfied(words[l], ends, broken)
        for a in range(n_ladders):
            E = unit * (2 * broken[a] - n_bonds)
            energy[a, replica[a, l]] = E
            if best_energy[a] > E:
                best_energy[a] = E
                for i in range(len(site)):
                    best_state[a, site[i]] = 1 if words[l, i] >> np.uint64(a) & np.uint64(1) else -1


@kernel
def _follow(before, replica, words):  # type: ignore[no-untyped-def]
    n_ladders, R = replica.shape
    for l in range(R - 1):
        lanes = np.uint64(0)
        for a in range(n_ladders):
            if replica[a, l] == before[a, l + 1] and replica[a, l] != before[a, l]:
                lanes |= np.uint64(1) << np.uint64(a)
        if lanes:
            exchange(words[l], words[l + 1], lanes)
