"""Spins and mean values of +-1 units from their fields, in one pass and without temporaries.

A unit in the field x is +1 with probability 1/(1 + exp(-2 x)) and has the mean tanh x. Both follow from
e = exp(-2 |x|): the spin points along its field, against it with probability e/(1 + e), and
|tanh x| = (1 - e)/(1 + e). The exponential is computed by plain float32 arithmetic that the compiler
vectorises; its relative error is 2e-7, so that rare events keep their rate.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._core.device import xp_of
from ..._core.jit import kernel
from ..._core.philox import philox

_UNITS = np.uint32(8)  # this stream of Philox
_MASK = 2**64 - 1


class Noise:
    """Random numbers of one update: draw number 0, 1, 2... under one key.

    What is drawn depends on (key, number of the draw, chain, site) alone.
    """

    __slots__ = ("_step", "key")

    def __init__(self, key: int) -> None:
        if not isinstance(key, int | np.integer) or not 0 <= key < 2**64:
            raise ValueError(f"key must be an integer from 0 to 2**64 - 1, got {key!r}")
        self.key = np.uint64(key)
        self._step = 0

    @classmethod
    def of(cls, key: int, counter: int) -> Noise:
        """Noise of the update number ``counter`` of a run (SplitMix64: distinct for distinct counters)."""
        z = (key + (counter + 1) * 0x9E3779B97F4A7C15) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return cls(z ^ (z >> 31))

    def step(self) -> np.uint32:
        """The number of the next draw."""
        self._step += 1
        return np.uint32(self._step)

    def spins(self, fields: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Spins +-1 of units in ``fields`` (n, N), P(+1) = 1/(1 + exp(-2 x)); dtype of the fields."""
        if not isinstance(fields, np.ndarray):
            from ..._core.cuda import units

            return units.spins(fields, self.key, self.step(), _UNITS, out)
        out = np.empty_like(fields) if out is None else out
        _draw(fields, self.key, self.step(), out)
        return out

    def uniform(self, size: int) -> np.ndarray:
        """Float64 numbers in [0, 1): for a few decisions, such as the swaps of tempering."""
        counter = int(self.step()) << 192  # the lowest word counts the numbers of one draw
        return np.random.Generator(np.random.Philox(key=int(self.key), counter=counter)).random(size)


def mean_spins(fields: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """tanh of the fields, to 2e-7 in float32; ``out`` may be the fields themselves."""
    if fields.dtype != np.float32 or not isinstance(fields, np.ndarray):
        return xp_of(fields).tanh(fields, out=out)
    out = np.empty_like(fields) if out is None else out
    _mean(fields.reshape(-1), out.reshape(-1))
    return out


def draw_from_means(means: np.ndarray, noise: Noise) -> np.ndarray:
    """Independent spins of given means (clipped to [-1, 1])."""
    xp, inside = xp_of(means), 1 - np.finfo(means.dtype).eps
    return noise.spins(xp.arctanh(xp.clip(means, -inside, inside)))


def log_norms(fields: np.ndarray) -> np.ndarray:
    """sum_a ln 2cosh(x_a) of each row in float64; the fields become their tanh in place."""
    if not isinstance(fields, np.ndarray):
        xp = xp_of(fields)
        size = abs(fields)
        sums = (size + xp.log1p(xp.exp(-2.0 * size))).sum(1, dtype=np.float64)
        xp.tanh(fields, out=fields)
        return sums
    out = np.empty(len(fields))
    if fields.dtype != np.float32:
        out[:] = np.logaddexp(fields, -fields).sum(1)
        np.tanh(fields, out=fields)
    else:
        _log_norms(fields, out)
    return out


_BLOCK = 256
_LANES = 32
_F = np.float32
_ZERO, _HALF, _ONE = _F(0.0), _F(0.5), _F(1.0)
_SLOPE = _F(-2.8853900817779268)  # -2/ln 2: exp(-2 |x|) = 2^y, y = slope |x|
_LOWEST = _F(-126.0)
_ROUND = _F(12582912.0)  # 1.5 2^23: adding it rounds to an integer, which its lowest bits then hold
_BIAS, _MANTISSA = np.int32(127), np.int32(23)
_WORD = _F(2.0**-31)
_1, _2, _3, _4, _5, _6 = (_F(np.log(2.0) ** n / d) for n, d in enumerate((1, 2, 6, 24, 120, 720), 1))


@kernel
def _exponentials(x: Any, e: Any, power: Any) -> None:
    """e = exp(-2 |x|) for up to _BLOCK entries; ``power`` is scratch."""
    for i in range(len(x)):
        y = _SLOPE * abs(_F(x[i]))
        y = y if y > _LOWEST else _LOWEST
        shifted = y + _ROUND
        power[i] = shifted
        f = y - (shifted - _ROUND)  # 2^f with |f| <= 1/2 by its series
        e[i] = _ONE + f * (_1 + f * (_2 + f * (_3 + f * (_4 + f * (_5 + f * _6)))))
    for i in range(len(x)):
        bits = np.int32(np.float32(power[i]).view(np.int32) + _BIAS)
        power[i] = np.int32(bits << _MANTISSA).view(np.float32)
    for i in range(len(x)):
        e[i] *= power[i]


@kernel
def _draw(x: Any, key: Any, step: Any, out: Any) -> None:
    """Site i of a block takes word i // lane of the Philox counter (first + i % lane, chain, step)."""
    n_chains, n = x.shape
    word = np.empty(_BLOCK, np.int32)
    e = np.empty(_BLOCK, np.float32)
    power = np.empty(_BLOCK, np.float32)
    half = np.uint32(1)
    for c in range(n_chains):
        for low in range(0, n, _BLOCK):
            size = min(_BLOCK, n - low)
            lane = (size + 3) // 4
            for g in range(lane):
                w0, w1, w2, w3 = philox(key, np.uint32(low // 4 + g), np.uint32(c), step, _UNITS)
                word[g] = np.int32(w0 >> half)
                word[lane + g] = np.int32(w1 >> half)
                word[2 * lane + g] = np.int32(w2 >> half)
                word[3 * lane + g] = np.int32(w3 >> half)
            row, new = x[c, low : low + size], out[c, low : low + size]
            _exponentials(row, e, power)
            for i in range(size):
                u = (_F(word[i]) + _HALF) * _WORD
                s = _ONE if row[i] > 0 else -_ONE
                power[i] = -s if u * (_ONE + e[i]) < e[i] else s
            for i in range(size):  # fields and spins may be one array: a loop over both is not vectorised
                new[i] = power[i]


@kernel
def _mean(x: Any, out: Any) -> None:
    e = np.empty(_BLOCK, np.float32)
    power = np.empty(_BLOCK, np.float32)
    for low in range(0, len(x), _BLOCK):
        part, new = x[low : low + _BLOCK], out[low : low + _BLOCK]
        _exponentials(part, e, power)
        for i in range(len(part)):
            t = (_ONE - e[i]) / (_ONE + e[i])
            power[i] = t if part[i] > _ZERO else -t
        for i in range(len(part)):
            new[i] = power[i]


@kernel
def _log_norms(x: Any, out: Any) -> None:
    """ln 2cosh x = |x| + ln(1 + e): the factors 1 + e are multiplied, one logarithm per block."""
    e = np.empty(_BLOCK, np.float32)
    power = np.empty(_BLOCK, np.float32)
    size = np.empty(_LANES, np.float32)
    product = np.empty(_LANES, np.float32)
    for c in range(len(x)):
        total = 0.0
        for low in range(0, x.shape[1], _BLOCK):
            part = x[c, low : low + _BLOCK]
            _exponentials(part, e, power)
            e[len(part) :] = _ZERO
            size[:] = _ZERO
            product[:] = _ONE
            for i in range(len(part)):
                power[i] = abs(part[i])
                t = (_ONE - e[i]) / (_ONE + e[i])
                part[i] = t if part[i] > _ZERO else -t
            power[len(part) :] = _ZERO
            for g in range(0, _BLOCK, _LANES):
                for lane in range(_LANES):
                    size[lane] += power[g + lane]
                    product[lane] *= _ONE + e[g + lane]
            block = 1.0
            for lane in range(_LANES):
                total += np.float64(size[lane])
                block *= np.float64(product[lane])
            total += np.log(block)
        out[c] = total
