"""Probabilities of flips as binary numbers, for samplers that compare them with random bits one by one."""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from typing import NamedTuple

import numpy as np

from .._core.heat_bath import heat_share
from .._core.multispin import REACH
from .._core.request import COLDEST

_WORDS = 2**32  # heat_share counts in these
_BITS = 128  # of exp(-x) while it is worked with
_SMALL = 400  # z / (1 + z) is z to 270 bits below 2^-400
_MOST_ZEROS = 2**62  # rarer events are given this probability, 2^-2^62, and not zero
_DIGITS = Context(prec=60, Emax=MAX_EMAX, Emin=MIN_EMIN)


class FlipOdds(NamedTuple):
    """Probability p that a visited spin flips, by its field: column REACH + h, a row for each temperature.

    p = q, or 1 - q where ``inverted``. In binary q <= 1/2 has ``zeros`` zeros behind the point, then the 64
    bits of ``bits``, the highest first, then zeros.
    """

    zeros: np.ndarray
    bits: np.ndarray
    inverted: np.ndarray

    @classmethod
    def of(cls, betas: np.ndarray, unit: float, metropolis: bool, typical: float) -> FlipOdds:
        """For local fields s_i h_i = unit h, h = -REACH..REACH, under the rule of gibbs or of metropolis.

        q is cut off after 64 significant bits, so that it is off by less than 2^-63 of itself and 2^-64.
        """
        rows = []
        with localcontext(_DIGITS):
            for beta in betas.tolist():
                heat = int(heat_share(2.0 * beta * typical)) if metropolis else _WORDS
                rows.append(_row(beta, unit, heat))
        zeros, bits, inverted = zip(*(zip(*row, strict=True) for row in rows), strict=True)
        return cls(np.array(zeros, np.int64), np.array(bits, np.uint64), np.array(inverted, np.bool_))


def _row(beta: float, unit: float, heat: int) -> list[tuple[int, int, bool]]:
    """(zeros, bits, inverted) for h = -REACH..REACH where the heat bath has heat of 2^32 visits.

    With z = exp(-2 beta unit |h|) the heat bath flips with probability z/(1 + z) against the energy and
    1/(1 + z) with it, Metropolis' rule with z and 1.
    """
    up = []  # against the field, h = 1, 2, ...
    down = []  # the probability not to flip with it
    for M, E in _powers(beta, unit):  # z = M 2^-E
        if E > _SMALL:
            up.append((*_expansion(M, 1 << _BITS, E - _BITS), False))
            down.append((*_expansion(heat * M, _WORDS << _BITS, E - _BITS), True))
            continue
        one = 1 << E
        down.append((*_expansion(heat * M, _WORDS * (one + M), 0), True))
        flips = M * (_WORDS * one + (_WORDS - heat) * M)
        of = _WORDS * one * (one + M)
        inverted = 2 * flips > of
        up.append((*_expansion(of - flips if inverted else flips, of, 0), inverted))
    free = (*_expansion(heat, 2 * _WORDS, 0), heat < _WORDS)
    return [*reversed(down), free, *up]


def _powers(beta: float, unit: float) -> list[tuple[int, int]]:
    """exp(-2 beta unit h) for h = 1..REACH as (M, E), M 2^-E with M of _BITS bits, or 0."""
    if beta >= COLDEST:
        return [(0, 0)] * REACH
    ln2 = _LN2
    y = 2 * Decimal(beta) * Decimal(unit) / ln2  # z = 2^-y
    if y >= _MOST_ZEROS:
        return [(1 << (_BITS - 1), _MOST_ZEROS + _BITS)] * REACH
    whole = int(y)
    M = int((-(y - whole) * ln2).exp() * 2**_BITS)
    found = [_normal(M, whole + _BITS)]
    z = found[0]
    for _ in range(REACH - 1):
        found.append(_normal(found[-1][0] * z[0], found[-1][1] + z[1]))
    return found


def _normal(M: int, E: int) -> tuple[int, int]:
    """The same number with _BITS significant bits, and at most _MOST_ZEROS zeros."""
    shift = M.bit_length() - _BITS
    M, E = (M >> shift if shift >= 0 else M << -shift), E - shift
    return M, min(E, _MOST_ZEROS + _BITS)


def _expansion(num: int, den: int, more: int) -> tuple[int, int]:
    """The zeros and the 64 bits after them of num / den 2^-more, between 0 and 1/2."""
    if num == 0:
        return 0, 0
    zeros = den.bit_length() - num.bit_length()  # or one less
    zeros -= num << zeros >= den
    return min(zeros + more, _MOST_ZEROS), (num << (zeros + 64)) // den


with localcontext(_DIGITS):
    _LN2 = Decimal(2).ln()
