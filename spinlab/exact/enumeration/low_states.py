"""Thermal sums and samples from the states near the ground state: the route for low temperatures.

All states that lie more than (45 + n ln 2) / beta above the lowest of the 2^n weigh together less than
e^-45 of it; the others are visited one by one, in blocks that may be skipped as in ``search``.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..._core.blocks import (
    A_BITS,
    BLOCK_BITS,
    C_BITS,
    LANES,
    ROWS,
    enter,
    enter_block,
    next_block,
    reaches,
    work_space,
)
from ..._core.jit import kernel
from ..._core.progress import map_with_progress
from ...models import IsingModel
from .search import Search, chunk_minima


class Sums(NamedTuple):
    """Averages over the free spins, energies in units of the search."""

    log_z: float
    energy: float
    variance: float = math.nan
    pairs: np.ndarray | None = None
    """<t_i t_j>, shape (n + 1, n + 1); spin 0 is fixed at +1."""


class LowStates:
    """The search for the ground state, done once for all temperatures."""

    def __init__(self, model: IsingModel, threads: int | None) -> None:
        self.search = Search(model)
        self.lowest = float(chunk_minima(self.search, threads=threads).min())
        self.threads = threads

    def sums(self, beta: float, with_pairs: bool = False) -> Sums:
        """ln Z, mean and variance of the energy, and on request the pair averages."""
        search = self.search
        size = len(search.G) if with_pairs else 0

        def run(chunk: int) -> tuple[float, float, float, np.ndarray]:
            pairs = np.zeros((size, size))
            return *_weights(*self._window(beta), chunk, pairs), pairs

        results = self._over_chunks(run)
        z, u, u2 = (math.fsum(result[k] for result in results) for k in range(3))
        pairs = None
        if with_pairs:
            pairs = sum(result[3] for result in results) / z
            n = size - search.n_idle
            pairs = pairs[:n, :n]
        mean = u / z
        log_z = math.log(z) - beta * self.lowest
        return Sums(log_z, self.lowest + mean, max(0.0, u2 / z - mean * mean), pairs)

    def sample(self, beta: float, uniform: np.ndarray) -> np.ndarray:
        """Numbers of states drawn from exp(-beta E), one for each of the numbers in [0, 1)."""
        none = np.zeros((0, 0))
        z = np.array(self._over_chunks(lambda chunk: _weights(*self._window(beta), chunk, none)[0]))
        last = np.cumsum(z)
        targets = uniform * last[-1]
        chunks = np.minimum(np.searchsorted(last, targets, side="right"), np.flatnonzero(z)[-1])
        out = np.empty(len(targets), np.int64)

        def run(chunk: int) -> None:
            mine = np.flatnonzero(chunks == chunk)
            mine = mine[np.argsort(targets[mine], kind="stable")]
            found = np.empty(len(mine), np.int64)
            _pick(*self._window(beta), chunk, targets[mine] - (last[chunk] - z[chunk]), found)
            out[mine] = found

        seconds = self.search.seconds(self.search.n_chunks, self.threads)
        map_with_progress(run, np.unique(chunks).tolist(), self.threads, "samples", seconds)
        return out

    def _window(self, beta: float) -> tuple[Any, ...]:
        """The arguments of the kernels that set what they visit."""
        search = self.search
        threshold = self.lowest + (45 + search.n_free * math.log(2)) / beta
        cutoff = threshold + 4 * search.eps
        return search.G, search.T, search.rest, cutoff, threshold, beta, self.lowest, search.n_idle

    def _over_chunks(self, run: Any) -> list[Any]:
        seconds = self.search.seconds(self.search.n_chunks, self.threads)
        return map_with_progress(run, range(self.search.n_chunks), self.threads, "low states", seconds)


@kernel
def _weights(G, T, rest, cutoff, threshold, beta, reference, n_idle, chunk, pairs):  # type: ignore[no-untyped-def]
    """Sums of w, w x and w x^2, w = exp(-beta x), x = E - reference; adds w s s' to ``pairs``."""
    n = G.shape[0]
    chunk_bits = len(rest) - 1
    E, H, FC, FA = work_space(n, chunk_bits)
    s = np.ones(n)
    enter(G, chunk, chunk_bits, E, H)
    z_chunk = 0.0  # sums nested like the loops keep rounding small
    u_chunk = 0.0
    v_chunk = 0.0
    block = next_block(G, rest, np.int64(0), chunk_bits, cutoff, E, H)
    while block < 1 << chunk_bits:
        e = E[chunk_bits]
        enter_block(H[chunk_bits, n - BLOCK_BITS :], n_idle, FC, FA)
        z_block = 0.0
        u_block = 0.0
        v_block = 0.0
        for c in range(ROWS):
            if reaches(T[c], FC[c], FA, e, threshold) == 0:
                continue
            first = ((chunk << chunk_bits | block) << C_BITS | c) << A_BITS
            z_row = 0.0
            u_row = 0.0
            v_row = 0.0
            for a in range(LANES):
                x = ((T[c, a] + FC[c]) + FA[a]) + e
                if x <= threshold:
                    x -= reference
                    w = np.exp(-beta * x)
                    z_row += w
                    u_row += w * x
                    v_row += w * x * x
                    if len(pairs):
                        for i in range(1, n):
                            s[i] = 1.0 if (first + a) >> (n - 1 - i) & 1 else -1.0
                        for i in range(n):
                            wi = w * s[i]
                            for j in range(n):
                                pairs[i, j] += wi * s[j]
            z_block += z_row
            u_block += u_row
            v_block += v_row
        z_chunk += z_block
        u_chunk += u_block
        v_chunk += v_block
        block = next_block(G, rest, block + 1, chunk_bits, cutoff, E, H)
    return z_chunk, u_chunk, v_chunk


@kernel
def _pick(G, T, rest, cutoff, threshold, beta, reference, n_idle, chunk, targets, found):  # type: ignore[no-untyped-def]
    """The state at which the running sum of the weights passes each of the increasing targets."""
    n = G.shape[0]
    chunk_bits = len(rest) - 1
    E, H, FC, FA = work_space(n, chunk_bits)
    enter(G, chunk, chunk_bits, E, H)
    total = 0.0
    t = 0
    state = -1
    block = next_block(G, rest, np.int64(0), chunk_bits, cutoff, E, H)
    while block < 1 << chunk_bits and t < len(targets):
        e = E[chunk_bits]
        enter_block(H[chunk_bits, n - BLOCK_BITS :], n_idle, FC, FA)
        for c in range(ROWS):
            if reaches(T[c], FC[c], FA, e, threshold) == 0:
                continue
            for a in range(LANES):
                x = ((T[c, a] + FC[c]) + FA[a]) + e
                if x <= threshold:
                    total += np.exp(-beta * (x - reference))
                    state = ((chunk << chunk_bits | block) << C_BITS | c) << A_BITS | a
                    while t < len(targets) and targets[t] < total:
                        found[t] = state
                        t += 1
        block = next_block(G, rest, block + 1, chunk_bits, cutoff, E, H)
    found[t:] = state  # rounding of the last sum
