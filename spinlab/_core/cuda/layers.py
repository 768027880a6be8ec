"""Alternating heat bath of two layers on the GPU: matrix products by ``xp``, decisions by a kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda

from .. import device
from ..forms import Bipartite, PatternBipartite
from ..philox import HIDDEN, VISIBLE
from ..request import Request
from ..walkers import Group
from .compile import cuda_kernel, launch, philox, threshold

THREADS = 128


@cuda_kernel
def _draw(x, twice_beta, key, first, step, stream, out):
    """out = +1 with probability 1/(1 + exp(-twice_beta x)), else -1; a thread takes a site of four chains."""
    i, quad = cuda.grid(2)
    n_chains, n = x.shape
    r = 4 * quad
    if i < n and r < n_chains:
        x0, x1, x2, x3 = philox(key, np.uint32(i), np.uint32((first + r) >> 2), np.uint32(step), stream)
        out[r, i] = 1.0 if twice_beta[r] * x[r, i] > threshold(x0, False, 0.0) else -1.0
        if r + 1 < n_chains:
            out[r + 1, i] = 1.0 if twice_beta[r + 1] * x[r + 1, i] > threshold(x1, False, 0.0) else -1.0
        if r + 2 < n_chains:
            out[r + 2, i] = 1.0 if twice_beta[r + 2] * x[r + 2, i] > threshold(x2, False, 0.0) else -1.0
        if r + 3 < n_chains:
            out[r + 3, i] = 1.0 if twice_beta[r + 3] * x[r + 3, i] > threshold(x3, False, 0.0) else -1.0


class Inputs:
    """Inputs of each layer from the other; for patterns W is never formed. Runs on numpy as on CuPy."""

    def __init__(self, xp: Any, form: Bipartite | PatternBipartite, V: int) -> None:
        self.biases = xp.asarray(form.b[:V]), xp.asarray(form.b[V:])
        if isinstance(form, Bipartite):
            self._W, self._Wt = xp.asarray(form.W), xp.asarray(form.Wt)
            self._scale = None
        else:
            self._W, self._Wt = xp.asarray(form.xi[:V]), xp.asarray(form.xi[V:])
            self._scale = form.scale

    def hidden(self, v: Any) -> Any:
        """v W + bh."""
        if self._scale is None:
            return v @ self._W + self.biases[1]
        return self._scale * ((v @ self._W) @ self._Wt.T) + self.biases[1]

    def visible(self, h: Any) -> Any:
        """h W^T + bv."""
        if self._scale is None:
            return h @ self._Wt + self.biases[0]
        return self._scale * ((h @ self._Wt) @ self._W.T) + self.biases[0]


def what(n_chains: int, n: int) -> str:
    """The work, for messages."""
    return f"block Gibbs with {n_chains} chains of {n} units"


class BlockChains:
    """What ``dynamics.block_gibbs.BlockWalkers`` is on the CPU."""

    def __init__(self, form: Any, V: int, request: Request, group: Group) -> None:
        xp = device.module("gpu")
        self.s, self.factors = group.s, group.factors
        n_chains, n = self.s.shape
        each, fixed = self.bytes(form)
        device.check_fits(n_chains * each + fixed, what(n_chains, n))
        self._inputs = Inputs(xp, form, V)
        self._betas, self._key = request.betas, request.key
        self._moved, self._first, self._V = group.moved, group.first, V
        self._v = xp.asarray(self.s[:, :V], dtype=np.float64)
        self._start = self._v.copy()
        self._changed = self._v != self._v
        self._h = xp.empty((n_chains, n - V))

    @staticmethod
    def bytes(form: Any) -> tuple[int, int]:
        """Bytes for a chain, and for all together."""
        numbers = 2 * form.W.size if isinstance(form, Bipartite) else form.xi.size
        return 8 * 4 * len(form.b), 8 * numbers

    def advance(self, start: int, stop: int, fetch: bool = True) -> None:
        """Take the steps start..stop-1; without ``fetch`` the states on the host stay behind."""
        for t in range(start, stop):
            twice_beta = 2.0 * self._betas[min(t, len(self._betas) - 1)] * self.factors
            self._draw(self._inputs.hidden(self._v), twice_beta, t, HIDDEN, self._h)
            self._draw(self._inputs.visible(self._h), twice_beta, t, VISIBLE, self._v)
            self._changed |= self._v != self._start
        if fetch:
            self.fetch()

    def fetch(self) -> None:
        """Bring the states and ``moved`` on the host up to date."""
        V = self._V
        self._moved[:, :V] = device.to_host(self._changed)
        self.s[:, :V], self.s[:, V:] = (device.to_host(x.astype(np.int8)) for x in (self._v, self._h))

    def energies(self) -> Any:
        """Energies without the model's offset on the card, after at least one step."""
        v, h = self._v, self._h
        bv, bh = self._inputs.biases
        return -(v * (self._inputs.visible(h) - bv)).sum(1) - v @ bv - h @ bh

    def energy(self, out: np.ndarray) -> None:
        """The same on the host."""
        out[:] = device.to_host(self.energies())

    def states(self) -> Any:
        """The states on the card, (chains, N)."""
        return device.module("gpu").concatenate([self._v, self._h], axis=1)

    def _draw(self, x: Any, twice_beta: np.ndarray, step: int, stream: np.uint32, out: Any) -> None:
        n_chains, n = out.shape
        threads = min(THREADS, n)
        grid = -(-n // threads), -(-n_chains // 4)
        twice_beta = device.module("gpu").asarray(twice_beta)
        launch(_draw, grid, (threads, 1), x, twice_beta, self._key, self._first, step, stream, out)
