"""Multispin coding: 64 chains on a model of equal couplings, in the bits of one word per spin.

A word of a site holds its spin in 64 chains, up as 1. The number k of bonds at a site that are not
satisfied is added up in bits, all chains at once. Every chain then compares a random number of its own with
its own probability to flip, given k, bit by bit from the highest: plane b holds bit b of the 64 random
numbers, and an exclusive or of products of the bits of k, chosen by the temperature, is bit b of the 64
probabilities. A chain is decided where the two differ first, so that probabilities count to their last bit,
however small. Each plane leaves half of the chains undecided: ten are drawn for all sites, further ones for
those that need them. (M. Creutz, L. Jacobs and C. Rebbi, Phys. Rev. Lett. 42, 1390 (1979), had several
spins in a word first.)

Sites of one colour have no bonds among each other, so the loops over them carry nothing along and the
compiler puts them side by side in vector registers.
"""

from __future__ import annotations

import numpy as np

from .jit import kernel
from .lanes import aligned
from .philox import MULTISPIN, philox

WORD = 64  # chains
REACH = 8  # most bonds at a site

_U = np.uint64
_ALL, _NONE = ~_U(0), _U(0)
# Sites that are visited side by side, pairs of planes that are drawn for all of them, and pairs whose terms
# are computed beforehand.
_BLOCK = _U(64)
_PAIRS, _KNOWN = _U(5), _U(8)
# A boolean function of k = 0..8 is the exclusive or of some of these terms: 1, k0, k1, k0 k1, k2, k0 k2,
# k1 k2, k0 k1 k2, k3.
_TERMS = _U(9)
# Rows of _BLOCK words in one flat array, whose distances the compiler knows: the terms but the first, chains
# that flip, chains that are not decided, and the words at the other ends of the bonds.
_K0, _K1, _K01, _K2 = _U(0) * _BLOCK, _U(1) * _BLOCK, _U(2) * _BLOCK, _U(3) * _BLOCK
_K02, _K12, _K012, _K3 = _U(4) * _BLOCK, _U(5) * _BLOCK, _U(6) * _BLOCK, _U(7) * _BLOCK
_FLIP, _OPEN, _ENDS = _U(8) * _BLOCK, _U(9) * _BLOCK, _U(10) * _BLOCK
_ROWS = 10 + REACH
# Sums of energies side by side, and their binary digits.
_COLUMNS, _DIGITS = _U(16), _U(36)
# The last word of the counter: the stream, and above it the pair of planes.
_STREAM, _PAIR = _U(MULTISPIN), _U(256)


def room() -> tuple[np.ndarray, np.ndarray]:
    """Room for the work of :func:`sweeps` on one thread."""
    planes = 2 * int(_KNOWN) + 3  # those known beforehand, the inversions, and two further ones
    return aligned(_ROWS * int(_BLOCK), np.uint64), np.empty(planes * int(_TERMS), np.uint64)


@kernel
def sweeps(  # type: ignore[no-untyped-def]
    start, stop, rows, zeros, bits, inverted, runs, neighbours, words, flipped, key, number, w, planes
):
    """Steps start..stop-1 of the chains in a word, run by run of sites."""
    n = _U(len(flipped))
    row, degree = -1, -1
    for t in range(start, stop):
        for r in range(len(runs)):
            first, last, bonds, offset = _U(runs[r, 0]), _U(runs[r, 1]), _U(runs[r, 2]), _U(runs[r, 3])
            own = rows[min(t, len(rows) - 1)]
            if own != row or runs[r, 2] != degree:
                row, degree = own, runs[r, 2]
                for p in range(_U(2) * _KNOWN):
                    _plane(zeros[row], bits[row], degree, np.int64(p), planes, p * _TERMS)
                _inversions(inverted[row], degree, planes, _U(2) * _KNOWN * _TERMS)
            width = last - first
            for low in range(first, last, _BLOCK):
                size = min(_BLOCK, last - low)
                wide = (size + _U(15)) & ~_U(15)  # whole vectors
                _count(words, neighbours, offset + low - first, width, bonds, low, size, wide, w)
                for q in range(_PAIRS):
                    _draw(key, low, wide, number, t, q, planes, w)
                _finish(key, low, number, t, zeros[row], bits[row], degree, size, planes, w)
                _flip(words, flipped, low, size, wide, n, planes, w)


@kernel
def _count(words, neighbours, place, width, bonds, low, size, wide, w):  # type: ignore[no-untyped-def]
    """The bits of k, the number of bonds that are not satisfied, and their products."""
    for b in range(bonds):
        ends = _ENDS + b * _BLOCK
        for j in range(size):
            w[ends + j] = words[_U(neighbours[place + b * width + j])]
    for j in range(size):
        w[_OPEN + j] = words[low + j]
    odd = bonds & _U(1)
    for j in range(wide):
        w[_K0 + j] = w[_ENDS + j] ^ w[_OPEN + j] if odd else _NONE
        w[_K1 + j] = w[_K2 + j] = w[_K3 + j] = _NONE
    for b in range(odd, bonds, _U(2)):
        ends = _ENDS + b * _BLOCK
        for j in range(wide):
            x, y, k0 = w[ends + j] ^ w[_OPEN + j], w[ends + _BLOCK + j] ^ w[_OPEN + j], w[_K0 + j]
            carry = (x & y) | (k0 & (x ^ y))
            w[_K0 + j] = k0 ^ x ^ y
            k1 = w[_K1 + j]
            w[_K1 + j] = k1 ^ carry
            carry &= k1
            k2 = w[_K2 + j]
            w[_K2 + j] = k2 ^ carry
            w[_K3 + j] |= k2 & carry
    for j in range(wide):
        k0, k1, k2 = w[_K0 + j], w[_K1 + j], w[_K2 + j]
        w[_K01 + j] = k0 & k1
        w[_K02 + j] = k0 & k2
        w[_K12 + j] = k1 & k2
        w[_K012 + j] = k0 & k1 & k2
        w[_FLIP + j] = _NONE
        w[_OPEN + j] = _ALL


@kernel(inline="always")
def _function(a, w, j):  # type: ignore[no-untyped-def]
    """The boolean function of k with the terms a, at site j of the block."""
    low = a[0] ^ (a[1] & w[_K0 + j]) ^ (a[2] & w[_K1 + j]) ^ (a[3] & w[_K01 + j]) ^ (a[4] & w[_K2 + j])
    return low ^ (a[5] & w[_K02 + j]) ^ (a[6] & w[_K12 + j]) ^ (a[7] & w[_K012 + j]) ^ (a[8] & w[_K3 + j])


@kernel(inline="always")
def _terms(planes, p):  # type: ignore[no-untyped-def]
    o = p * _TERMS
    return (
        planes[o], planes[o + _U(1)], planes[o + _U(2)], planes[o + _U(3)], planes[o + _U(4)],
        planes[o + _U(5)], planes[o + _U(6)], planes[o + _U(7)], planes[o + _U(8)],
    )  # fmt: skip


@kernel
def _draw(key, low, wide, number, t, q, planes, w):  # type: ignore[no-untyped-def]
    """Two planes of random bits for the whole block, compared with those of the probabilities."""
    high, next_ = _terms(planes, _U(2) * q), _terms(planes, _U(2) * q + _U(1))
    for j in range(wide):
        x0, x1, x2, x3 = philox(key, np.uint32(low + j), number, t, _STREAM + _PAIR * q)
        u = _U(x0) | _U(x1) << _U(32)
        p = _function(high, w, j)
        undecided = w[_OPEN + j]
        flip = w[_FLIP + j] | (undecided & p & ~u)
        undecided &= ~(p ^ u)
        u = _U(x2) | _U(x3) << _U(32)
        p = _function(next_, w, j)
        w[_FLIP + j] = flip | (undecided & p & ~u)
        w[_OPEN + j] = undecided & ~(p ^ u)


@kernel
def _finish(key, low, number, t, zeros, bits, degree, size, planes, w):  # type: ignore[no-untyped-def]
    """Further planes for the sites that have chains undecided."""
    for j in range(size):
        q = _PAIRS
        while w[_OPEN + j]:
            own = _U(2) * q
            if q >= _KNOWN:
                own = _U(2) * _KNOWN + _U(1)
                for half in range(_U(2)):
                    _plane(zeros, bits, degree, np.int64(_U(2) * q + half), planes, (own + half) * _TERMS)
            x0, x1, x2, x3 = philox(key, np.uint32(low + j), number, t, _STREAM + _PAIR * q)
            for half in range(_U(2)):
                u = _U(x2) | _U(x3) << _U(32) if half else _U(x0) | _U(x1) << _U(32)
                p = _function(_terms(planes, own + half), w, j)
                w[_FLIP + j] |= w[_OPEN + j] & p & ~u
                w[_OPEN + j] &= ~(p ^ u)
            q += _U(1)


@kernel
def _flip(words, flipped, low, size, wide, n, planes, w):  # type: ignore[no-untyped-def]
    """Turn the chains whose random number was below their probability, or was not where it is inverted."""
    inverted = _terms(planes, _U(2) * _KNOWN)
    for j in range(wide):
        w[_FLIP + j] ^= _function(inverted, w, j)
    for j in range(size):
        spin = words[low + j] ^ w[_FLIP + j]
        words[low + j] = spin
        words[n + _U(1) + low + j] = ~spin
    for j in range(size):
        flipped[low + j] |= w[_FLIP + j]


@kernel(inline="always")
def _add(a, b, c):  # type: ignore[no-untyped-def]
    """Sum and carry of three bits."""
    return a ^ b ^ c, (a & b) | (c & (a ^ b))


@kernel
def unsatisfied(words, ends, out):  # type: ignore[no-untyped-def]
    """How many bonds are not satisfied in each of the 64 chains.

    _COLUMNS sums side by side, in binary: row b of ``total`` holds bit b of each chain's sum.
    """
    total = np.zeros(_DIGITS * _COLUMNS, np.uint64)
    x = np.empty(_U(8) * _COLUMNS, np.uint64)
    n = _U(ends.shape[1])
    for low in range(_U(0), n, _U(8) * _COLUMNS):
        size = min(_U(8) * _COLUMNS, n - low)
        for j in range(size):
            x[j] = words[_U(ends[0, low + j])] ^ words[_U(ends[1, low + j])]
        for j in range(size, _U(8) * _COLUMNS):
            x[j] = _NONE
        for j in range(_COLUMNS):
            one, a = _add(total[j], x[j], x[_COLUMNS + j])
            one, b = _add(one, x[_U(2) * _COLUMNS + j], x[_U(3) * _COLUMNS + j])
            one, c = _add(one, x[_U(4) * _COLUMNS + j], x[_U(5) * _COLUMNS + j])
            one, d = _add(one, x[_U(6) * _COLUMNS + j], x[_U(7) * _COLUMNS + j])
            two, a = _add(total[_COLUMNS + j], a, b)
            two, b = _add(two, c, d)
            four, a = _add(total[_U(2) * _COLUMNS + j], a, b)
            total[j], total[_COLUMNS + j], total[_U(2) * _COLUMNS + j] = one, two, four
            x[j] = a
        carried = low // (_U(8) * _COLUMNS) + _U(1)  # no sum has more bits so far
        b = _U(3) * _COLUMNS
        while carried:
            for j in range(_COLUMNS):
                a = total[b + j]
                total[b + j] = a ^ x[j]
                x[j] &= a
            b += _COLUMNS
            carried >>= _U(1)
    digits = _U(0)
    while n >> digits:
        digits += _U(1)
    columns = _COLUMNS
    while columns > _U(1):  # the right half of the columns is added to the left one
        columns >>= _U(1)
        for j in range(columns):
            x[j] = _NONE
        for b in range(digits):
            for j in range(b * _COLUMNS, b * _COLUMNS + columns):
                total[j], x[j - b * _COLUMNS] = _add(total[j], total[j + columns], x[j - b * _COLUMNS])
    out[:] = 0
    for b in range(digits):
        for r in range(WORD):
            out[r] += np.int64(total[b * _COLUMNS] >> _U(r) & _U(1)) << np.int64(b)


@kernel
def _plane(zeros, bits, degree, p, out, o):  # type: ignore[no-untyped-def]
    """Terms of the function of k whose values are bit p of the probabilities."""
    for k in range(_TERMS):
        out[o + k] = _NONE
    for k in range(degree + 1):
        h = len(zeros) // 2 + degree - 2 * k
        place = p - zeros[h]
        if 0 <= place < 64 and bits[h] >> _U(63 - place) & _U(1):
            out[o + _U(k)] = _ALL
    _to_terms(out, o)


@kernel
def _inversions(inverted, degree, out, o):  # type: ignore[no-untyped-def]
    """Terms of the function that says where the probability is inverted."""
    for k in range(_TERMS):
        out[o + k] = _NONE
    for k in range(degree + 1):
        if inverted[len(inverted) // 2 + degree - 2 * k]:
            out[o + _U(k)] = _ALL
    _to_terms(out, o)


@kernel
def _to_terms(out, o):  # type: ignore[no-untyped-def]
    """From values at k = 0..8 to terms; k = 8 has k3 alone."""
    out[o + _U(8)] ^= out[o]
    for step in (_U(1), _U(2), _U(4)):
        for k in range(_U(8)):
            if k & step:
                out[o + k] ^= out[o + (k ^ step)]


@kernel
def exchange(a, b, lanes):  # type: ignore[no-untyped-def]
    """Exchange the states of some of the 64 chains between two sets of words."""
    for i in range(len(a)):
        differ = (a[i] ^ b[i]) & lanes
        a[i] ^= differ
        b[i] ^= differ


@kernel
def pack(s, site, words):  # type: ignore[no-untyped-def]
    """The chains' spins as words, and their complements."""
    n = len(site)
    words[:] = _NONE
    words[n] = _ALL
    for r in range(len(s)):
        for i in range(n):
            words[i] |= _U(s[r, site[i]] > 0) << _U(r)
    for i in range(n):
        words[n + 1 + i] = ~words[i]


@kernel
def unpack(words, site, s):  # type: ignore[no-untyped-def]
    """Back to spins -1 and 1."""
    ordered = np.empty(len(site), np.uint64)
    for i in range(len(site)):
        ordered[site[i]] = words[i]
    for r in range(len(s)):
        for i in range(len(site)):
            s[r, i] = np.int8(2 * np.int64(ordered[i] >> _U(r) & _U(1)) - 1)


@kernel
def unpack_flags(words, site, out):  # type: ignore[no-untyped-def]
    """Set the flags whose bit is set."""
    ordered = np.empty(len(site), np.uint64)
    for i in range(len(site)):
        ordered[site[i]] = words[i]
    for r in range(len(out)):
        for i in range(len(site)):
            out[r, i] |= np.bool_(ordered[i] >> _U(r) & _U(1))
