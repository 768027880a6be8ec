"""The model in integers: what is branched on, bounded and proven.

With a ghost spin 0 for the fields (or without one, where there are none), E(s) = offset - s.C.s / 2 in units
of base 2^exponent, plus what rounding the couplings to integers lost: at most ``lost``. The unit is as fine
as sums of all couplings in 62 bits allow. ``h2`` stands for s.C.s everywhere: an integer, to be maximised.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np

_BITS = 53  # of the largest coupling
_SUM_BITS = 57  # of the sum of all couplings: room for the multipliers


class Problem(NamedTuple):
    """Edges i < j with integer couplings c; spin 0 is a ghost if ``ghost``.

    Attributes
    ----------
    step : int
        All values of h2 differ by multiples of it.
    slack : int
        How far below the bound a proof may end: what float64 cannot resolve in the energies.
    scale : int
        Units of the largest coupling: a power of two.
    resolved : bool
        Whether what was lost stays within that, too. Beside one huge coupling it may not: then a closed tree
        proves no more than a bound.
    """

    n: int
    i: np.ndarray
    j: np.ndarray
    c: np.ndarray
    ghost: bool
    base: int
    exponent: int
    lost: Fraction
    offset: Fraction
    step: int
    slack: int
    scale: int
    resolved: bool = True

    def matrix(self) -> np.ndarray:
        """The couplings as a full integer matrix."""
        C = np.zeros((self.n, self.n), np.int64)
        C[self.i, self.j] = self.c
        C[self.j, self.i] = self.c
        return C

    def h2(self, s: np.ndarray) -> int:
        """s.C.s of a state that includes the ghost."""
        s = s.astype(np.int64)
        return 2 * int((self.c * s[self.i] * s[self.j]).sum())

    def energy_of(self, h2: int) -> Fraction:
        """The energy that belongs to h2, without what was lost."""
        return self.offset - h2 * self.base * Fraction(2) ** self.exponent / 2

    def lower_bound(self, h2: int) -> float:
        """The largest float that no energy lies below if no state has more than h2."""
        return rounded_down(self.energy_of(h2) - self.lost)

    def with_ghost(self, state: np.ndarray) -> np.ndarray:
        """A state of the model as one of the problem."""
        return np.concatenate([[1], state]).astype(np.int8) if self.ghost else state.astype(np.int8)

    def without_ghost(self, s: np.ndarray) -> np.ndarray:
        """A state of the problem as one of the model."""
        return ((s * s[0])[1:] if self.ghost else s).astype(np.int8)


def rounded_down(x: Fraction) -> float:
    """The largest float at or below x."""
    try:
        value = float(x)
    except OverflowError:
        return -math.inf if x < 0 else math.nextafter(math.inf, 0.0)
    return math.nextafter(value, -math.inf) if Fraction(value) > x else value


def make_problem(
    n: int,
    i: np.ndarray,
    j: np.ndarray,
    J: np.ndarray,
    b: np.ndarray,
    offset: float,
    rounding: float = 0.0,
) -> Problem:
    """From the edges i < j of a model of n spins, couplings J, fields b; ``rounding``: of a conversion."""
    ghost = bool(b.any())
    if ghost:
        at = np.flatnonzero(b)
        i = np.concatenate([np.zeros(len(at), np.int64), np.asarray(i, np.int64) + 1])
        j = np.concatenate([at + 1, np.asarray(j, np.int64) + 1])
        J = np.concatenate([b[at], J])
        n += 1
    i, j, J = np.asarray(i, np.int64), np.asarray(j, np.int64), np.asarray(J, np.float64)
    kept = J != 0
    i, j, J = i[kept], j[kept], J[kept]
    if not len(J):
        return Problem(
            n, i, j, J.astype(np.int64), ghost, 1, 0, Fraction(rounding), Fraction(offset), 1 << 60, 0, 1
        )
    c, base, exponent, lost = _whole(J) or _rounded(J)
    kept = c != 0
    i, j, c = i[kept], j[kept], c[kept]
    rows = np.zeros(n, np.int64)
    np.add.at(rows, i, c)
    np.add.at(rows, j, c)
    step = 2 * math.gcd(*(2 * rows).tolist(), *(4 * c).tolist())
    unit = base * Fraction(2) ** exponent
    slack, resolved = 0, True
    if lost:
        tolerance = 4 * (n + 15) * Fraction(1, 2**53) * int(np.abs(c).sum()) * unit
        slack = max(0, math.floor((tolerance - lost) * 2 / unit) - 1)
        resolved = lost <= tolerance
    scale = 1 << (int(np.abs(c).max()).bit_length() - 1)
    lost += Fraction(rounding)
    return Problem(n, i, j, c, ghost, base, exponent, lost, Fraction(offset), step, slack, scale, resolved)


def _bits(relative: float) -> int:
    """Binary digits of the largest coupling, ``relative`` the sum of all in units of it."""
    return min(_BITS, _SUM_BITS - math.ceil(math.log2(relative + 1)))


def _whole(J: np.ndarray) -> tuple[np.ndarray, int, int, Fraction] | None:
    """(c, base, exponent, 0) with J = c base 2^exponent exactly, where integers of our size allow it."""
    mantissas, exponents = np.frexp(np.abs(J))
    odd = (mantissas * 2.0**53).astype(np.int64)
    zeros = np.frexp((odd & -odd).astype(float))[1] - 1
    odd >>= zeros
    powers = exponents - 53 + zeros
    low = int(powers.min())
    if (exponents - low).max() > 62:
        return None
    whole = odd << (powers - low)
    base = int(np.gcd.reduce(odd))
    c = whole // base
    bits = _bits(float((c / c.max()).sum()))
    spare = bits - int(c.max()).bit_length()
    if spare < 0:
        return None
    return np.where(J < 0, -c, c) << spare, base, low - spare, Fraction(0)


def _rounded(J: np.ndarray) -> tuple[np.ndarray, int, int, Fraction]:
    """(c, 1, exponent, bound on sum |J - c 2^exponent|)."""
    top = int(np.frexp(np.abs(J).max())[1])  # max |J| < 2^top
    exponent = top - _bits(float(np.ldexp(np.abs(J), -top).sum()))
    ratios = np.ldexp(J, -exponent)  # exact but for couplings that vanish beside the unit
    c = np.rint(ratios)
    lost = Fraction(math.nextafter(math.fsum(np.abs(ratios - c).tolist()), math.inf))  # exact terms
    tiny = np.abs(ratios) < 2.0**-900  # these may have been rounded: a unit each is more than enough
    return c.astype(np.int64), 1, exponent, (lost + int(tiny.sum())) * Fraction(2) ** exponent
