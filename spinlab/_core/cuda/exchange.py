"""Exchanges of parallel tempering on the GPU: a block of threads takes a ladder; nothing leaves the card."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import cuda

from .. import device
from ..philox import SWAP
from .compile import cuda_kernel, launch, philox

THREADS = 64


@cuda_kernel
def _exchange(
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
    step,
    counts,
    first_count,
):
    """As ``dynamics._replicas._exchange``; the pairs of one step have no temperature in common."""
    a, t, width = cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x
    R = replica.shape[1]
    lowest = cuda.shared.array(1, np.int32)
    if t == 0:
        lowest[0] = -1
        for x in range(R):
            if energy[a * R + x] < best_energy[a]:
                best_energy[a] = energy[a * R + x]
                lowest[0] = x
    cuda.syncthreads()
    if lowest[0] >= 0:
        for i in range(t, best_state.shape[1], width):
            best_state[a, i] = s[a * R + lowest[0], i]
    for l in range((step & 1) + 2 * t, R - 1, 2 * width):
        x, y = replica[a, l], replica[a, l + 1]
        exponent = (betas[l + 1] - betas[l]) * (energy[a * R + y] - energy[a * R + x])
        p = 1.0 if exponent >= 0.0 else math.exp(exponent)
        if counts:
            probability[a, l] += p
            attempts[a, l] += 1.0
        c = a * R + l
        x0, x1, x2, x3 = philox(key, np.uint32(0), np.uint32(c >> 2), np.uint32(step), SWAP)
        lane = c & 3
        word = x0 if lane == 0 else (x1 if lane == 1 else (x2 if lane == 2 else x3))
        if (np.float64(word) + 0.5) / 4294967296.0 < p:
            replica[a, l], replica[a, l + 1] = y, x
            factors[a * R + x], factors[a * R + y] = betas[l + 1], betas[l]
    cuda.syncthreads()
    if t == 0:
        hot, cold = replica[a, 0], replica[a, R - 1]
        if came[a, hot] == 2:
            round_trips[a] += 1
        came[a, hot] = 1
        if came[a, cold] == 1:
            came[a, cold] = 2
    if counts:
        for l in range(t, R, width):
            e = energy[a * R + replica[a, l]]
            if first_count:
                shift[a, l] = e
            total[a, l] += e - shift[a, l]
            square[a, l] += (e - shift[a, l]) ** 2


class Exchanges:
    """Replicas of ladders at the inverse temperatures ``betas``, and what the ladders measure.

    ``measured`` are the arrays of ``dynamics._replicas.Ladders`` in the order of the kernel.
    """

    def __init__(self, betas: np.ndarray, measured: list[np.ndarray], key: np.uint64) -> None:
        xp = device.module("gpu")
        self._n_ladders, R, N = len(measured[0]), len(betas), measured[-1].shape[1]
        # Energies of dense models take three float64 arrays like the states for a moment.
        device.check_fits(
            sum(x.nbytes for x in measured) + 24 * self._n_ladders * R * N,
            f"the exchange of {self._n_ladders * R} replicas of {N} spins",
        )
        self._betas = xp.asarray(betas)
        self.factors = xp.asarray(np.tile(betas, self._n_ladders))
        self._host, self._measured = measured, [xp.asarray(x) for x in measured]
        self._key = key

    def exchange(self, walkers: Any, step: int, burn_in: int) -> None:
        """Exchange after a step of ``walkers``, which feel ``factors``, and count from ``burn_in`` on."""
        self._energy = walkers.energies()
        launch(
            _exchange,
            self._n_ladders,
            min(THREADS, len(self._betas)),
            self._betas,
            self.factors,
            walkers.states(),
            self._energy,
            *self._measured,
            self._key,
            step,
            step >= burn_in,
            step == burn_in,
        )

    def fetch(self, energy: np.ndarray) -> None:
        """Bring what was measured, and the energies of the replicas, on the host up to date."""
        for host, card in zip(self._host, self._measured, strict=True):
            host[...] = device.to_host(card)
        energy[...] = device.to_host(self._energy).reshape(energy.shape)
