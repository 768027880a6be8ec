"""The model in integers: what is branched on, bounded and proven.

With a ghost spin 0 for the fields (or without one, where there are none), and after the spins that follow
others are tied to them, E(s) = offset - s.C.s / 2 in units of base 2^exponent, plus what rounding the
couplings to integers lost: at most ``lost``. The unit is as fine as sums of all couplings in 62 bits allow.
``h2`` stands for s.C.s everywhere: an integer, to be maximised.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from .dominance import Tie, dominated, follow

_BITS = 53  # of the largest coupling
_SUM_BITS = 57  # of the sum of all couplings: room for the multipliers


class Problem(NamedTuple):
    """Edges i < j with integer couplings c, between n spins that are left when some are tied to others.

    Attributes
    ----------
    ghost : bool
        Whether the model's spins are numbered from 1, behind a ghost.
    lost, converted : Fraction
        What rounding to integers took from an energy at most, and how much of it came with the model.
    ties : list of (i, j, sign)
        Of the model's spins (and the ghost), in order: i follows j.
    of, sign : ndarray
        The spin that stands for each of them, and with which sign.
    step : int
        All values of h2 differ by multiples of it.
    slack : int
        How far below the bound a proof may end: what float64 cannot resolve in the energies.
    scale : int
        Units of the largest coupling: a power of two.
    tolerance : Fraction
        What float64 resolves in the energies, 0 where nothing was lost. Beside huge couplings what was lost
        may be more: then a closed tree proves no more than a bound.
    """

    n: int
    i: np.ndarray
    j: np.ndarray
    c: np.ndarray
    ghost: bool
    base: int
    exponent: int
    lost: Fraction
    converted: Fraction
    offset: Fraction
    step: int
    slack: int
    scale: int
    tolerance: Fraction
    ties: list[Tie]
    of: np.ndarray
    sign: np.ndarray

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

    def agree(self, energy: float, bound: float) -> bool:
        """Whether no room is left between the two, as the verifier of a certificate sees it."""
        if not math.isfinite(bound):
            return False
        # The energy is rounded to nearest, the bound down, where floats may lie further apart.
        roundings = Fraction(math.ulp(energy)) / 2 + Fraction(math.ulp(bound))
        return Fraction(energy) - Fraction(bound) <= self.tolerance + self.converted + roundings

    def reduced(self, state: np.ndarray) -> np.ndarray:
        """A state of the model as one of the problem, with no more energy."""
        s = np.concatenate([[1], state]).astype(np.int8) if self.ghost else state.astype(np.int8)
        follow(self.ties, s)
        return s[np.unique(self.of, return_index=True)[1]]

    def expanded(self, s: np.ndarray) -> np.ndarray:
        """A state of the problem as one of the model."""
        whole = s[self.of] * self.sign
        return ((whole * whole[0])[1:] if self.ghost else whole).astype(np.int8)


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
    kept = np.asarray(J) != 0
    i, j = np.asarray(i, np.int64)[kept], np.asarray(j, np.int64)[kept]
    exact, low = _exact(np.asarray(J, np.float64)[kept])
    ties, of, sign, met, (i, j, exact) = _tied(n, i, j, exact)
    n = int(of.max()) + 1
    start = Fraction(offset) - met * Fraction(2) ** low
    if not exact:
        none, done = np.zeros(0, np.int64), 1 << 60
        lost = Fraction(rounding)
        return Problem(n, i, j, none, ghost, 1, 0, lost, lost, start, done, 0, 1, Fraction(0), ties, of, sign)
    c, base, exponent, lost = _whole(exact, low) or _rounded(exact, low)
    kept = c != 0
    i, j, c = i[kept], j[kept], c[kept]
    sums = np.zeros(n, np.int64)
    np.add.at(sums, i, c)
    np.add.at(sums, j, c)
    step = 2 * math.gcd(*(2 * sums).tolist(), *(4 * c).tolist())
    unit = base * Fraction(2) ** exponent
    slack, tolerance = 0, Fraction(0)
    if lost:
        tolerance = 4 * (n + 15) * Fraction(1, 2**53) * int(np.abs(c).sum()) * unit
        # What was lost counts in the bound and in the energy: twice at worst, once if the latter cancels.
        room = max(tolerance - 2 * lost, (tolerance - lost) / 2)
        slack = max(0, math.floor(room * 2 / unit))  # when to stop; ``agree`` says whether it was a proof
    scale = 1 << (int(np.abs(c).max()).bit_length() - 1)
    converted = Fraction(rounding)
    lost += converted
    made = (n, i, j, c, ghost, base, exponent, lost, converted, start, step, slack, scale, tolerance)
    return Problem(*made, ties, of, sign)


def _exact(J: np.ndarray) -> tuple[list[int], int]:
    """(whole, low) with J = whole 2^low, in integers of any size."""
    mantissas, exponents = np.frexp(J)
    powers = exponents.astype(np.int64) - 53
    low = int(powers.min(initial=0))
    digits = (mantissas * 2.0**53).astype(np.int64).tolist()
    return [x << k for x, k in zip(digits, (powers - low).tolist(), strict=True)], low


def _tied(
    n: int, i: np.ndarray, j: np.ndarray, exact: list[int]
) -> tuple[list[Tie], np.ndarray, np.ndarray, int, tuple[np.ndarray, np.ndarray, list[int]]]:
    """(ties, class of each spin, its sign, what ties satisfy, edges between classes), sorted."""
    ties, rows = dominated(n, zip(i.tolist(), j.tolist(), exact, strict=True))
    sign = np.ones(n, np.int8)
    if not ties:
        return ties, np.arange(n), sign, 0, (i, j, exact)
    root = follow(ties, sign)
    inside = np.flatnonzero(root[i] == root[j])
    met = sum(exact[e] * int(sign[i[e]] * sign[j[e]]) for e in inside.tolist())
    _, first, of = np.unique(root, return_index=True, return_inverse=True)
    of = np.argsort(np.argsort(first))[of]  # a class is numbered by its first spin
    sign = sign * sign[np.sort(first)][of]
    classes, signs = of.tolist(), sign.tolist()
    edges = sorted(
        (classes[x], classes[y], c * signs[x] * signs[y])
        for x, row in enumerate(rows)
        for y, c in row.items()
        if classes[x] < classes[y]
    )
    ends = np.array([edge[:2] for edge in edges], np.int64).reshape(-1, 2)
    return ties, of, sign, met, (ends[:, 0].copy(), ends[:, 1].copy(), [c for _, _, c in edges])


def _bits(whole: list[int], largest: int) -> int:
    """Binary digits that the largest coupling may have."""
    relative = math.fsum(abs(x) / largest for x in whole)
    return min(_BITS, _SUM_BITS - math.ceil(math.log2(relative + 1)))


def _whole(exact: list[int], low: int) -> tuple[np.ndarray, int, int, Fraction] | None:
    """(c, base, exponent, 0): the couplings are c base 2^exponent, where integers of our size allow it."""
    divisor = math.gcd(*exact)
    power = (divisor & -divisor).bit_length() - 1
    largest = max(map(abs, exact)) // divisor
    base = divisor >> power
    spare = _bits(exact, largest * divisor) - largest.bit_length()
    if spare < 0 or base >= 1 << _BITS:
        return None
    return (
        np.array([(x // divisor) << spare for x in exact], np.int64),
        base,
        low + power - spare,
        Fraction(0),
    )


def _rounded(exact: list[int], low: int) -> tuple[np.ndarray, int, int, Fraction]:
    """(c, 1, exponent, sum of what is cut off), each coupling rounded to the nearest (even) integer."""
    digits = max(map(abs, exact)).bit_length()
    power = max(0, digits - _bits(exact, 1 << digits))
    c = [_nearest(x, power) for x in exact]
    lost = sum(abs(x - (y << power)) for x, y in zip(exact, c, strict=True))
    return np.array(c, np.int64), 1, low + power, lost * Fraction(2) ** low


def _nearest(x: int, power: int) -> int:
    """x / 2^power, rounded to the nearest integer, ties to even."""
    down = x >> power
    rest = 2 * (x - (down << power)) - (1 << power)
    return down + int(rest > 0 or (rest == 0 and down & 1 == 1))
