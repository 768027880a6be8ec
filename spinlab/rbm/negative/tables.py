"""Persistent contrastive divergence for few visible units, from tables: the chains of ``PCD``, sooner.

With at most 16 visible units and no biases, both halves of a Gibbs step are sums over few alternatives. Given
v, of two halves, exp(-2 x_a) = A_a(left half) B_a(right half): two tables of 2^(V/2) rows take the place of a
product and an exponential. Given h, four hidden units at a time, y = W h is a sum of one row of 16 for each
four. The tables are made anew after every update; the statistics are those of the distinct v. The studies
of 4x4 Bars use it (H = 1000, 2048 chains): about half the time of ``PCD``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._core.jit import kernel
from ..._core.philox import philox
from ..machines.machine import Machine, Phase, Statistics
from ..machines.units import Noise
from .base import PersistentPhase

_HIDDEN, _VISIBLE = np.uint32(16), np.uint32(17)  # streams of Philox that nothing else uses
_FOUR = 4
_MOST_VISIBLE = 16
_LARGEST = 40.0  # exp(2 x) of both signs stays a float32 number
_HALF, _ONE, _WORD = np.float32(0.5), np.float32(1.0), np.float32(2.0**-31)


class TablePCD(PersistentPhase):
    """Free chains, k Gibbs steps per update: ``PCD`` for an RBM without biases and with V <= 16, even.

    The state of a chain is the number of v (bit i set where spin i is up) and one number of four bits for
    hidden units g, g + G, g + 2G, g + 3G, with G = ceil(H/4) (absent units have no weight).
    """

    def __init__(self, k: int, n_chains: int) -> None:
        self.k, self.n_chains = k, n_chains

    def check(self, machine: Machine) -> None:
        V = machine.V
        free = list(machine.parameters) == ["W"] and machine.dtype == np.float32
        if not free or V > _MOST_VISIBLE or V % 2:
            raise ValueError(
                f"tables need an RBM without biases, V even and up to 16, float32; got {machine}"
            )

    def statistics(self, machine: Machine, positive: Phase, noise: Noise) -> Statistics:
        W = machine.parameters["W"]
        if float(np.abs(W).sum(0).max()) > _LARGEST:
            raise ValueError("weights too large for tables of exponentials; use spinlab.rbm.PCD")
        left, right = half_tables(W)
        sums = sum_tables(W)
        present = (1 << machine.V) - 1
        if self._chains is None:
            v = np.random.Generator(np.random.Philox(key=int(noise.key))).integers(
                0, 1 << machine.V, self.n_chains, dtype=np.int64
            )
            fours = np.empty((self.n_chains, sums.shape[0]), np.uint8)
            _draw_hidden(left, right, v, noise.key, noise.step(), fours)
        else:
            v, fours = (part.copy() for part in self._chains.layers)
        for _ in range(self.k):
            _draw_visible(sums, fours, noise.key, noise.step(), present, v)
            _draw_hidden(left, right, v, noise.key, noise.step(), fours)
        self._chains = Phase([v, fours], [])
        self._size = W.shape
        return {"W": products(W, left, right, v)}

    @property
    def configurations(self) -> np.ndarray:
        """Spins of both layers, (n, V + H) int8."""
        if self._chains is None:
            raise ValueError("no configurations yet; train for an update first")
        v, fours = self._chains.layers
        V, H = self._size
        hidden = np.concatenate([(fours >> j) & 1 for j in range(_FOUR)], axis=1)[:, :H]
        return np.concatenate([2 * bits(v, V) - 1, 2 * hidden.astype(np.int8) - 1], axis=1)

    def state_dict(self) -> dict[str, np.ndarray]:
        """The chains as spins, which are those of any persistent phase."""
        if self._chains is None:
            return {}
        v, h = np.split(self.configurations, self._size[:1], axis=1)
        return {"layer0": v, "layer1": h}

    def load_state_dict(self, state: dict[str, np.ndarray], machine: Machine) -> None:
        self._chains = None
        if state:
            v = (state["layer0"] > 0) @ (1 << np.arange(machine.V))
            h = np.pad(state["layer1"] > 0, ((0, 0), (0, -state["layer1"].shape[1] % _FOUR)))
            parts = np.split(h.astype(np.uint8), _FOUR, axis=1)
            self._chains = Phase([v, sum(part << j for j, part in enumerate(parts))], [])
            self._size = machine.parameters["W"].shape


def bits(numbers: np.ndarray, n: int) -> np.ndarray:
    """Bit i of each number, shape (len, n) int8."""
    return ((numbers[:, None] >> np.arange(n)) & 1).astype(np.int8)


def half_tables(W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """exp(-2 x_a) of the first and of the second half of v, each (2^(V/2), 4 G); 1 for absent units."""
    V, H = W.shape
    spins = (2 * bits(np.arange(1 << V // 2), V // 2) - 1).astype(np.float32)
    padded = np.pad(W, ((0, 0), (0, -H % _FOUR)))
    left, right = (np.exp(np.float32(-2.0) * (spins @ part)) for part in np.split(padded, 2))
    return left, right


def sum_tables(W: np.ndarray) -> np.ndarray:
    """W h of four hidden units in each of their 16 states, shape (G, 16, 16): G units apart, V padded."""
    V, H = W.shape
    padded = np.pad(W, ((0, _MOST_VISIBLE - V), (0, -H % _FOUR)))
    signs = (2 * bits(np.arange(16), _FOUR) - 1).astype(np.float32)
    return np.ascontiguousarray(np.einsum("sj,ijg->gsi", signs, padded.reshape(_MOST_VISIBLE, _FOUR, -1)))


def products(W: np.ndarray, left: np.ndarray, right: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Mean of v_i tanh x_a over the chains, from the distinct v."""
    V, H = W.shape
    numbers, counts = np.unique(v, return_counts=True)
    half = V // 2
    e = left[numbers & (1 << half) - 1, :H] * right[numbers >> half, :H]
    means = (_ONE - e) / (_ONE + e)
    spins = (2 * bits(numbers, V) - 1) * (counts[:, None] / len(v)).astype(np.float32)
    return spins.T @ means


@kernel
def _draw_hidden(left: Any, right: Any, v: Any, key: Any, step: Any, out: Any) -> None:
    """h_a up with probability 1/(1 + exp(-2 x_a)): u (1 + e) < 1."""
    half = np.int64(np.round(np.log2(len(left))))
    groups = out.shape[1]
    one = np.uint32(1)
    word = np.empty((4, groups), np.int32)
    up = np.empty(groups, np.int32)
    for c in range(len(v)):
        a, b = left[v[c] & (len(left) - 1)], right[v[c] >> half]
        for g in range(groups):
            w0, w1, w2, w3 = philox(key, np.uint32(g), np.uint32(c), step, _HIDDEN)
            word[0, g] = np.int32(w0 >> one)
            word[1, g] = np.int32(w1 >> one)
            word[2, g] = np.int32(w2 >> one)
            word[3, g] = np.int32(w3 >> one)
        up[:] = 0
        for j in range(4):
            p, q, w, bit = a[j * groups : (j + 1) * groups], b[j * groups : (j + 1) * groups], word[j], 1 << j
            for g in range(groups):
                u = (np.float32(w[g]) + _HALF) * _WORD
                up[g] += np.int32(bit) if u * (_ONE + p[g] * q[g]) < _ONE else np.int32(0)
        for g in range(groups):
            out[c, g] = np.uint8(up[g])


@kernel
def _draw_visible(sums: Any, fours: Any, key: Any, step: Any, present: Any, v: Any) -> None:
    """v_i up with probability 1/(1 + exp(-2 y_i)), y = W h: sums of rows, four hidden units at a time."""
    rows = sums.reshape(-1)
    size, table = np.uint64(_MOST_VISIBLE), np.uint64(16 * _MOST_VISIBLE)
    y, word = np.empty(_MOST_VISIBLE, np.float32), np.empty(_MOST_VISIBLE, np.int32)
    one = np.uint32(1)
    for c in range(len(v)):
        state = fours[c]
        at = np.uint64(0)
        # Sixteen numbers in place of an array: they stay in registers (one, with NUMBA_SLP_VECTORIZE=1).
        y0 = y1 = y2 = y3 = y4 = y5 = y6 = y7 = np.float32(0.0)
        y8 = y9 = y10 = y11 = y12 = y13 = y14 = y15 = np.float32(0.0)
        for g in range(len(sums)):
            a = at + np.uint64(state[g]) * size
            y0 += rows[a]
            y1 += rows[a + np.uint64(1)]
            y2 += rows[a + np.uint64(2)]
            y3 += rows[a + np.uint64(3)]
            y4 += rows[a + np.uint64(4)]
            y5 += rows[a + np.uint64(5)]
            y6 += rows[a + np.uint64(6)]
            y7 += rows[a + np.uint64(7)]
            y8 += rows[a + np.uint64(8)]
            y9 += rows[a + np.uint64(9)]
            y10 += rows[a + np.uint64(10)]
            y11 += rows[a + np.uint64(11)]
            y12 += rows[a + np.uint64(12)]
            y13 += rows[a + np.uint64(13)]
            y14 += rows[a + np.uint64(14)]
            y15 += rows[a + np.uint64(15)]
            at += table
        y[0], y[1], y[2], y[3], y[4], y[5], y[6], y[7] = y0, y1, y2, y3, y4, y5, y6, y7
        y[8], y[9], y[10], y[11], y[12], y[13], y[14], y[15] = y8, y9, y10, y11, y12, y13, y14, y15
        for q in range(_MOST_VISIBLE // 4):
            w0, w1, w2, w3 = philox(key, np.uint32(q), np.uint32(c), step, _VISIBLE)
            word[4 * q] = np.int32(w0 >> one)
            word[4 * q + 1] = np.int32(w1 >> one)
            word[4 * q + 2] = np.int32(w2 >> one)
            word[4 * q + 3] = np.int32(w3 >> one)
        number = np.int64(0)
        for i in range(_MOST_VISIBLE):
            u = (np.float32(word[i]) + _HALF) * _WORD
            if u * (_ONE + np.exp(np.float32(-2.0) * y[i])) < _ONE:
                number |= np.int64(1) << i
        v[c] = number & present
