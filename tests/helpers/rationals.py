"""Minima, energies and ln Z of small models in exact arithmetic."""

from __future__ import annotations

import decimal
import itertools
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np

F = np.vectorize(Fraction, otypes=[object])


def minimum(J, b, offset, binary=False):
    """The exact minimum of offset - sum_{i<j} J_ij x_i x_j - b.x over x = +-1 or 0/1, in integers."""
    n = len(b)
    numbers = [J[i][j] for i in range(n) for j in range(i)] + list(b) + [offset]
    numbers = [Fraction(x) for x in numbers]
    unit = math.lcm(*(x.denominator for x in numbers))
    numbers = [int(x * unit) for x in numbers]
    pairs, fields, constant = numbers[: -n - 1], numbers[-n - 1 : -1], numbers[-1]

    def least(spins, energy):
        i = len(spins)
        if i == n:
            return energy
        start = i * (i - 1) // 2
        h = fields[i] + sum(pairs[start + j] * x for j, x in enumerate(spins))
        return min(least([*spins, x], energy - x * h) for x in ((0, 1) if binary else (-1, 1)))

    return Fraction(least([], constant), unit)


def energies(J, b, c):
    """All energies of spins, exactly."""
    n = len(b)
    pairs = [(i, j, Fraction(J[i][j])) for i in range(n) for j in range(i) if J[i][j]]
    fields = [Fraction(x) for x in b]
    states = itertools.product((-1, 1), repeat=n)
    return [
        Fraction(c)
        - sum(x * s[i] * s[j] for i, j, x in pairs)
        - sum(x * y for x, y in zip(fields, s, strict=True))
        for s in states
    ]


def log_z(E, beta):
    """ln Z in 60 digits."""
    with decimal.localcontext(decimal.Context(prec=60, Emin=-decimal.MAX_EMAX, Emax=decimal.MAX_EMAX)):
        x = [-Fraction(beta) * e for e in E]
        top = max(x)
        z = sum((Decimal((y - top).numerator) / Decimal((y - top).denominator)).exp() for y in x)
        return Fraction(z.ln()) + top
