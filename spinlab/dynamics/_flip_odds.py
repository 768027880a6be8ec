"""Probabilities of flips as binary numbers, for samplers that compare them with random bits one by one."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from typing import NamedTuple

import numpy as np

from .._core.heat_bath import heat_share
from .._core.multispin import REACH
from .._core.request import COLDEST

_WORDS = 2**32  # heat_share counts in these
_BITS = 128  # of exp(-x) while it is worked with
_SMALL = 300  # below 2^-(300 - _BITS), z / (1 + z) is z to 170 bits
_MOST_ZEROS = 2**62  # rarer events are given this probability, 2^-2^62, and not zero
_DIGITS = Context(prec=60, Emax=MAX_EMAX, Emin=MIN_EMIN)  # y has up to 19 before the point
_FEWER = Context(prec=40)


class FlipOdds(NamedTuple):
    """Probability p that a visited spin flips, by its field: column REACH + h, a row for each temperature.

    p = q, or 1 - q where ``inverted``. In binary q <= 1/2 has ``zeros`` zeros behind the point, then the 64
    bits of ``bits``, the highest first, then zeros.
    """

    zeros: np.ndarray
    bits: np.ndarray
    inverted: np.ndarray

    @classmethod
    def of(
        cls, betas: np.ndarray, unit: float, fields: Iterable[int], metropolis: bool, typical: float
    ) -> FlipOdds:
        """For local fields s_i h_i = unit h with |h| in ``fields``, under the rule of gibbs or of metropolis.

        q is cut off after 64 significant bits, so that it is off by less than 2^-63 of itself and 2^-64.
        """
        sizes = sorted(set(fields) - {0})
        columns = [REACH + sign * h for h in sizes for sign in (1, -1)] + [REACH]
        rows = []
        with localcontext(_DIGITS):
            for beta in betas.tolist():
                heat = int(heat_share(2.0 * beta * typical)) if metropolis else _WORDS
                rows.append(_row(_powers(beta, unit, sizes), heat))
        shape = len(betas), 2 * REACH + 1
        odds = cls(np.zeros(shape, np.int64), np.zeros(shape, np.uint64), np.zeros(shape, np.bool_))
        for array, found in zip(
            odds, zip(*(zip(*row, strict=True) for row in rows), strict=True), strict=True
        ):
            array[:, columns] = np.array(found, array.dtype)
        return odds


def _row(powers: list[tuple[int, int]], heat: int) -> list[tuple[int, int, bool]]:
    """(zeros, bits, inverted) for h and -h of each power, then for 0; the heat bath has heat of 2^32 visits.

    With z = exp(-2 beta unit |h|) the heat bath flips with probability z/(1 + z) against the energy and
    1/(1 + z) with it, Metropolis' rule with z and 1. With the energy, q is the probability not to flip.
    """
    row = []
    for M, E in powers:  # z = M 2^-E
        if E > _SMALL:
            row.append((*_expansion(M, 1 << _BITS, E - _BITS), False))
            row.append((*_expansion(heat * M, _WORDS << _BITS, E - _BITS), True))
            continue
        one = 1 << E
        flips = M * (_WORDS * one + (_WORDS - heat) * M)
        of = _WORDS * one * (one + M)
        inverted = 2 * flips > of
        row.append((*_expansion(of - flips if inverted else flips, of, 0), inverted))
        row.append((*_expansion(heat * M, _WORDS * (one + M), 0), True))
    return [*row, (*_expansion(heat, 2 * _WORDS, 0), heat < _WORDS)]


def _powers(beta: float, unit: float, sizes: list[int]) -> list[tuple[int, int]]:
    """exp(-2 beta unit h) for each size h as (M, E), M 2^-E with M of _BITS bits, or 0."""
    if beta >= COLDEST:
        return [(0, 0)] * len(sizes)
    y = 2 * Decimal(beta) * Decimal(unit) / _LN2  # z = 2^-y
    if y >= _MOST_ZEROS:
        return [(1 << (_BITS - 1), _MOST_ZEROS + _BITS)] * len(sizes)
    whole = int(y)
    M = int((-(y - whole) * _LN2).exp(_FEWER) * 2**_BITS)
    z = [_normal(M, whole + _BITS)]
    for _ in range(1, max(sizes, default=1)):
        z.append(_normal(z[-1][0] * M, z[-1][1] + whole + _BITS))
    return [z[h - 1] for h in sizes]


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
