"""Kernels of bucket elimination: one spin after the other is maximised or summed out.

Step i combines the couplings of its spin x with the tables T_c of its children c (see
:class:`Steps`), over the states of x and of its scope:

    A(s, x) = x (b_x + sum_j J_xj s_j) + sum_c T_c(s, x),   T_i(s) = max or ln sum exp over x of A(s, x).

x is the lowest bit of an index of A, so that a child's table is made of runs of A. A is worked through
in blocks of 2^LOW_BITS entries; the other bits number the blocks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from ..._core.interpreted import small_call
from ..._core.jit import kernel
from ..._core.parallel import map_threads
from ..._core.philox import philox
from ..._core.progress import map_with_progress
from .plan import Elimination, Steps

LOW_BITS = 11
BLOCK = 1 << LOW_BITS  # entries, 16 KB
_SHARED = 1 << 16  # entries of a table that is worth sharing out over threads
_PARTS = 16
_SECONDS_PER_ENTRY = 3e-9
_FEW = 100  # spins that the interpreter traces in a millisecond
_SHORT = 8  # runs below it are copied one by one


def sweep(steps: Steps, run: Callable[[int, int, int, int], Any], threads: int | None) -> None:
    """``run(first, last, part, parts)`` for all steps, those with large tables in parts over threads."""
    large = np.flatnonzero(steps.size >= _SHARED)
    ends = np.unique(np.concatenate([[0], large, large + 1, [len(steps.size)]])).tolist()

    def run_steps(first: int, last: int) -> None:
        parts = _PARTS if steps.size[first] >= _SHARED else 1
        map_threads(lambda part: run(first, last, part, parts), range(parts), threads)

    seconds = _SECONDS_PER_ENTRY * float(steps.size.sum())
    tasks = list(pairwise(ends))
    map_with_progress(lambda task: run_steps(*task), tasks, 1, "elimination", seconds)


def highest_state(problem: Elimination, threads: int | None) -> tuple[float, np.ndarray]:
    """max over s of -E(s), and the spins (by step) that attain it."""
    steps = problem.steps
    T = problem.stacks()
    n_bytes = np.maximum(1, steps.size // 8)
    place = np.cumsum(n_bytes) - n_bytes
    bits = np.empty(n_bytes.sum(), np.uint8)

    def run(*part: int) -> None:
        up = np.zeros(BLOCK // 2, np.uint8)
        maximise(steps, problem.J, problem.b, *T, place, bits, up, up.view(np.uint64), *part)

    sweep(steps, run, threads)
    s = np.empty(len(problem.b), np.int8)
    if len(s) <= _FEW:
        small_call(trace, steps, place, bits, s)
    else:
        trace(steps, place, bits, s)
    return math.fsum(T[0][problem.roots]), s


def counts(problem: Elimination, modulus: int, threads: int | None) -> np.ndarray:
    """How many states attain the maximum in each component; see :func:`count`."""
    T, C = problem.stacks(), problem.stacks()

    def run(*part: int) -> None:
        count(problem.steps, problem.J, problem.b, *T, *C, float(modulus), *part)

    sweep(problem.steps, run, threads)
    return C[0][problem.roots]


def smallest_gap(problem: Elimination, threads: int | None) -> float:
    """How far the second highest state lies below the highest; a flipped component counts as the same."""
    T, G = problem.stacks(), problem.stacks()
    sweep(problem.steps, lambda *part: gap(problem.steps, problem.J, problem.b, *T, *G, *part), threads)
    return float(G[0][problem.roots].min())


def log_sums(
    problem: Elimination,
    beta: float,
    threads: int | None,
    *,
    with_energy: bool = False,
    odds: np.ndarray | None = None,
) -> tuple[float, float]:
    """(ln Z, mean of -E if asked for); ``odds`` takes the log-odds of all steps, see :func:`sum_out`."""
    with np.errstate(over="ignore"):
        beta_J, beta_b = beta * problem.J, beta * problem.b
        if not np.abs(beta_J).sum() + np.abs(beta_b).sum() < 1e307:
            raise ValueError(f"beta = {beta:g} times the couplings overflows float64; rescale the couplings")
    nothing = np.empty(0)
    F, U = problem.stacks(), problem.stacks() if with_energy else (nothing, nothing)
    shift = np.empty(len(problem.b))

    def run(*part: int) -> None:
        sum_out(
            problem.steps,
            problem.J,
            problem.b,
            beta_J,
            beta_b,
            *F,
            *U,
            nothing if odds is None else odds,
            problem.place,
            shift,
            *part,
        )

    sweep(problem.steps, run, threads)
    log_z = math.fsum([*shift, *F[0][problem.roots]])
    return log_z, math.fsum(U[0][problem.roots]) if with_energy else math.nan


def roundings(problem: Elimination) -> tuple[float, float]:
    """(energy, number): ln Z at beta is off by 2^-53 (beta energy + number) at most.

    A table is 0 to ln 2 for one state and changes with the spins of its scope by twice their couplings to
    what was summed out, at most, so no entry of A exceeds the sum of those, and of the couplings of its own
    spin. It is made by ``width + children + 3`` additions; a difference, an exponential and a logarithm
    follow. What a table is wrong by, A is wrong by.
    """
    steps = problem.steps
    cut = np.abs(problem.J)
    _add_cuts(steps, cut)
    ends = np.append(0.0, np.cumsum(cut))
    outside = ends[steps.start[1:]] - ends[steps.start[:-1]]
    own = np.append(0.0, np.cumsum(np.abs(problem.J)))
    inside = np.abs(problem.b) + (own[steps.start[1:]] - own[steps.start[:-1]])
    children = np.diff(steps.child_start)
    parents = steps.parent[steps.child]
    inside += np.bincount(parents, 2 * outside[steps.child], minlength=len(inside))
    additions = np.diff(steps.start) + children + 8.0
    return 1.001 * float(additions @ inside), float((additions * children).sum()) + 16.0 * len(inside)


@kernel
def _add_cuts(steps: Any, cut: np.ndarray) -> None:
    """From the couplings of each step's spin to its scope to those of all spins summed out by then."""
    for i in range(len(steps.parent)):
        for l in range(steps.child_start[i], steps.child_start[i + 1]):
            c = steps.child[l]
            k = steps.start[i]
            for m in range(steps.start[c] + 1, steps.start[c + 1]):  # the first is the spin of step i
                while steps.scope[k] != steps.scope[m]:
                    k += 1
                cut[k] += cut[m]


@kernel
def maximise(
    steps: Any,
    J: np.ndarray,
    b: np.ndarray,
    T0: np.ndarray,
    T1: np.ndarray,
    place: np.ndarray,
    bits: np.ndarray,
    up: np.ndarray,
    eight: np.ndarray,
    first: int,
    last: int,
    part: int,
    parts: int,
) -> None:
    """T = max over x of A, and whether x = +1 attains it, one bit for each state from bits[place] on.

    ``up`` is scratch of BLOCK // 2 bytes, ``eight`` the same memory by eight bytes.
    """
    A, X, L = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK // 2)
    begin = np.empty(BLOCK, np.int64)
    for i in range(first, last):
        T = T1 if steps.stack[i] else T0
        n = _low_sums(steps.start, J, i, L)
        for block in _blocks(steps.size[i], part, parts):
            _combine(steps, J, b, T0, T1, i, block, L, begin, X, A)
            out = T[steps.offset[i] + block * n :]
            for k in range(n):
                x, y = A[2 * k], A[2 * k + 1]
                out[k] = y if y > x else x
                up[k] = y >= x
            byte = place[i] + (block * n) // 8
            for k in range((n + 7) // 8):
                bits[byte + k] = (eight[k] * np.uint64(0x0102040810204080)) >> np.uint64(56)


@kernel
def trace(steps: Any, place: np.ndarray, bits: np.ndarray, s: np.ndarray) -> None:
    """The spins (by step) that attain the maximum."""
    for i in range(len(s) - 1, -1, -1):
        index, sign = _index(steps, i, s)
        plus = (bits[place[i] + (index >> 3)] >> (index & 7)) & 1
        s[i] = sign if plus else -sign


@kernel
def count(
    steps: Any,
    J: np.ndarray,
    b: np.ndarray,
    T0: np.ndarray,
    T1: np.ndarray,
    C0: np.ndarray,
    C1: np.ndarray,
    modulus: float,
    first: int,
    last: int,
    part: int,
    parts: int,
) -> None:
    """T as in maximise, and C = how many states attain it, modulo ``modulus`` < 2^26 if that is not 0."""
    A, B, X, L = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK // 2)
    begin = np.empty(BLOCK, np.int64)
    for i in range(first, last):
        T, C = (T1, C1) if steps.stack[i] else (T0, C0)
        n = _low_sums(steps.start, J, i, L)
        for block in _blocks(steps.size[i], part, parts):
            _combine(steps, J, b, T0, T1, i, block, L, begin, X, A)
            B[: 2 * n] = 1.0
            for l in range(steps.child_start[i], steps.child_start[i + 1]):
                c = steps.child[l]
                D = C1 if steps.stack[c] else C0
                D = D[steps.offset[c] : steps.offset[c] + steps.size[c]]
                Y = _spread(D, _n_low(steps.start, i), steps.mask[c], block, begin, X)
                for k in range(2 * n):
                    B[k] = _remainder(B[k] * Y[k], modulus)
            out = steps.offset[i] + block * n
            for k in range(n):
                x, y = A[2 * k], A[2 * k + 1]
                T[out + k] = y if y > x else x
                both = _remainder(B[2 * k] + B[2 * k + 1], modulus)
                C[out + k] = both if x == y else (B[2 * k + 1] if y > x else B[2 * k])


@kernel
def gap(
    steps: Any,
    J: np.ndarray,
    b: np.ndarray,
    T0: np.ndarray,
    T1: np.ndarray,
    G0: np.ndarray,
    G1: np.ndarray,
    first: int,
    last: int,
    part: int,
    parts: int,
) -> None:
    """T as in maximise, and G = how far the second highest state lies below it.

    The two states of a global flip count as one: a root without field has one state.
    """
    A, B, X, L = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK // 2)
    begin = np.empty(BLOCK, np.int64)
    for i in range(first, last):
        T, G = (T1, G1) if steps.stack[i] else (T0, G0)
        n = _low_sums(steps.start, J, i, L)
        for block in _blocks(steps.size[i], part, parts):
            _combine(steps, J, b, T0, T1, i, block, L, begin, X, A)
            B[: 2 * n] = np.inf
            for l in range(steps.child_start[i], steps.child_start[i + 1]):
                c = steps.child[l]
                D = G1 if steps.stack[c] else G0
                D = D[steps.offset[c] : steps.offset[c] + steps.size[c]]
                Y = _spread(D, _n_low(steps.start, i), steps.mask[c], block, begin, X)
                for k in range(2 * n):
                    B[k] = Y[k] if Y[k] < B[k] else B[k]
            out = steps.offset[i] + block * n
            for k in range(n):
                x, y = A[2 * k], A[2 * k + 1]
                T[out + k] = y if y > x else x
                g = B[2 * k + 1] if y > x else B[2 * k]
                apart = abs(y - x)
                G[out + k] = apart if apart < g else g
            if steps.parent[i] < 0 and steps.even[i]:
                G[out] = B[1]


@kernel(fastmath={"contract"})
def sum_out(
    steps: Any,
    J: np.ndarray,
    b: np.ndarray,
    beta_J: np.ndarray,
    beta_b: np.ndarray,
    F0: np.ndarray,
    F1: np.ndarray,
    U0: np.ndarray,
    U1: np.ndarray,
    odds: np.ndarray,
    place: np.ndarray,
    shift: np.ndarray,
    first: int,
    last: int,
    part: int,
    parts: int,
) -> None:
    """F = ln sum_x exp A - shift, with the couplings beta_J and fields beta_b in A.

    If U0 has entries, U = mean of -E over the spins summed out so far. If ``odds`` has entries, it takes
    A(s, +1) - A(s, -1), the logarithm of the odds of x = +1, from odds[place] on.
    """
    A, B, X = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    L, M = np.empty(BLOCK // 2), np.empty(BLOCK // 2)
    begin = np.empty(BLOCK, np.int64)
    for i in range(first, last):
        F, U = (F1, U1) if steps.stack[i] else (F0, U0)
        n = _low_sums(steps.start, beta_J, i, L)
        _low_sums(steps.start, J, i, M)
        origin = _origin(steps, beta_J, beta_b, F0, F1, i)  # keeps the tables near 0 for any N
        if part == 0:
            shift[i] = origin
        for block in _blocks(steps.size[i], part, parts):
            _combine(steps, beta_J, beta_b, F0, F1, i, block, L, begin, X, A)
            out = steps.offset[i] + block * n
            if len(odds) > 0:
                for k in range(n):
                    odds[place[i] + block * n + k] = A[2 * k + 1] - A[2 * k]
            if len(U0) > 0:
                _combine(steps, J, b, U0, U1, i, block, M, begin, X, B)
                for k in range(n):
                    x, y = A[2 * k], A[2 * k + 1]
                    small = _exp_minus(abs(y - x))
                    minus, plus = (small, 1.0) if y > x else (1.0, small)
                    U[out + k] = (minus * B[2 * k] + plus * B[2 * k + 1]) / (1.0 + small)
            for k in range(n):
                x, y = A[2 * k], A[2 * k + 1]
                top = y if y > x else x
                F[out + k] = (top - origin) + _log1p(_exp_minus(abs(y - x)))


@kernel
def moments(
    steps: Any,
    odds: np.ndarray,
    place: np.ndarray,
    P0: np.ndarray,
    P1: np.ndarray,
    m: np.ndarray,
    c: np.ndarray,
) -> None:
    """m[i] = <s_i>, c[k] = <s_i s_j> for entry k of the scopes; P is the probability of a scope's state."""
    Q = np.empty(BLOCK)
    begin = np.empty(BLOCK, np.int64)
    m[:] = 0.0
    c[:] = 0.0
    for i in range(len(m) - 1, -1, -1):
        P = P1 if steps.stack[i] else P0
        if steps.parent[i] < 0:
            P[steps.offset[i]] = 1.0
        for l in range(steps.child_start[i], steps.child_start[i + 1]):
            child = steps.child[l]
            table = P1 if steps.stack[child] else P0
            table[steps.offset[child] : steps.offset[child] + steps.size[child]] = 0.0
        start, low = steps.start[i], _n_low(steps.start, i) - 1
        n = 1 << low
        for block in range(_n_blocks(steps.size[i])):
            here = block * n
            for k in range(n):
                p, d = P[steps.offset[i] + here + k], odds[place[i] + here + k]
                Q[2 * k + 1] = p / (1.0 + np.exp(-d))
                Q[2 * k] = p / (1.0 + np.exp(d))
            total = 0.0
            for k in range(n):
                total += Q[2 * k + 1] - Q[2 * k]
            m[i] += total
            for bit in range(low):
                for k in range(n):
                    x = Q[2 * k + 1] - Q[2 * k]
                    c[start + bit] += x if (k >> bit) & 1 else -x
            for k in range(start + low, steps.start[i + 1]):
                c[k] += total if (block >> (k - start - low)) & 1 else -total
            for l in range(steps.child_start[i], steps.child_start[i + 1]):
                _collect(steps, P0, P1, i, steps.child[l], block, begin, Q)
        if steps.folded[i]:
            for k in range(start, steps.start[i + 1]):
                c[k] *= 2.0
        if steps.even[i]:
            m[i] = 0.0


@kernel
def draw(steps: Any, odds: np.ndarray, place: np.ndarray, key: np.uint64, first: int, s: np.ndarray) -> None:
    """Spins (by site), one state in each row of s; rows are numbered from ``first`` on."""
    n = s.shape[1]
    by_step = np.empty(n, np.int8)
    for row in range(len(s)):
        for i in range(n - 1, -1, -1):
            index, sign = _index(steps, i, by_step)
            site, zero = np.uint32(steps.order[i]), np.uint32(0)
            w0, w1, _, _ = philox(key, site, np.uint32(first + row), zero, zero)
            u = (np.float64(w0) + np.float64(w1 >> np.uint32(11)) * 2.0**-21) * 2.0**-32
            plus = u * (1.0 + np.exp(-odds[place[i] + index])) < 1.0
            by_step[i] = sign if plus else -sign
            s[row, steps.order[i]] = by_step[i]


@kernel
def _n_low(start: np.ndarray, i: int) -> int:
    """Bits of a block of A."""
    return min(start[i + 1] - start[i] + 1, LOW_BITS)


@kernel
def _n_blocks(size: int) -> int:
    return max(1, size >> (LOW_BITS - 1))


@kernel
def _blocks(size: int, part: int, parts: int) -> Any:
    n = _n_blocks(size)
    return range(n * part // parts, n * (part + 1) // parts)


@kernel
def _index(steps: Any, i: int, s: np.ndarray) -> Any:
    """Entry of the table of step i for the spins s, and -1 if it is the entry of the flipped state."""
    index = 0
    start = steps.start[i]
    for k in range(start, steps.start[i + 1]):
        index |= np.int64(s[steps.scope[k]] > 0) << (k - start)
    if index >= steps.size[i]:
        return 2 * steps.size[i] - 1 - index, -1
    return index, 1


@kernel
def _low_sums(begin: np.ndarray, J: np.ndarray, i: int, L: np.ndarray) -> int:
    """L = sum_j J_xj s_j over the low spins of the scope; returns the number of their states."""
    start = begin[i]
    size = 1
    L[0] = 0.0
    for k in range(start, start + _n_low(begin, i) - 1):
        x = J[k]
        for l in range(size):
            L[size + l] = L[l] + x
            L[l] -= x
        size *= 2
    return size


@kernel
def _combine(
    steps: Any,
    J: np.ndarray,
    b: np.ndarray,
    T0: np.ndarray,
    T1: np.ndarray,
    i: int,
    block: int,
    L: np.ndarray,
    begin: np.ndarray,
    X: np.ndarray,
    A: np.ndarray,
) -> None:
    """A over a block."""
    low = _n_low(steps.start, i) - 1
    start = steps.start[i] + low
    high = b[i]
    for k in range(start, steps.start[i + 1]):
        high += J[k] if (block >> (k - start)) & 1 else -J[k]
    for k in range(1 << low):
        h = high + L[k]
        A[2 * k] = -h
        A[2 * k + 1] = h
    for l in range(steps.child_start[i], steps.child_start[i + 1]):
        c = steps.child[l]
        T = T1 if steps.stack[c] else T0
        T = T[steps.offset[c] : steps.offset[c] + steps.size[c]]
        Y = _spread(T, low + 1, steps.mask[c], block, begin, X)
        for k in range(2 << low):
            A[k] += Y[k]


@kernel
def _origin(steps: Any, J: np.ndarray, b: np.ndarray, T0: np.ndarray, T1: np.ndarray, i: int) -> float:
    """The larger of A(s, -1) and A(s, +1) for s = (-1, -1, ..)."""
    y = b[i]
    for k in range(steps.start[i], steps.start[i + 1]):
        y -= J[k]
    x = -y
    for l in range(steps.child_start[i], steps.child_start[i + 1]):
        c = steps.child[l]
        T = T1 if steps.stack[c] else T0
        x += T[steps.offset[c]]
        y += T[steps.offset[c] + 1]
    return max(x, y)


@kernel
def _runs(n_low: int, mask: int, entries: int, block: int, begin: np.ndarray) -> Any:
    """Where the entries of a child's table for a block of 2^n_low states are: (run, sign).

    Run r of them is from ``begin[r]`` on (in the table), in falling order if sign = -1.
    """
    low = mask & ((1 << n_low) - 1)
    high = mask >> n_low
    n = 0
    for bit in range(n_low):
        n += (low >> bit) & 1
    first, bit = 0, 0
    while high >> bit:
        if (high >> bit) & 1:
            first |= ((block >> bit) & 1) << n
            n += 1
        bit += 1
    sign = 1
    if first >= entries:  # only the flipped states are stored
        first, sign = 2 * entries - 1 - first, -1
    run, bit = 1, 0
    while bit < n_low and (low >> bit) & 1:
        run *= 2
        bit += 1
    weight = run
    if run < _SHORT:
        run, bit, weight = 1, 0, 1
    begin[0] = first
    size = 1
    for k in range(bit, n_low):
        step = sign * weight if (low >> k) & 1 else 0
        for r in range(size):
            begin[size + r] = begin[r] + step
        weight <<= (low >> k) & 1
        size *= 2
    return run, sign


@kernel
def _spread(
    T: np.ndarray, n_low: int, mask: int, block: int, begin: np.ndarray, out: np.ndarray
) -> np.ndarray:
    """The table T of a child over a block of 2^n_low states: a part of the table itself, or ``out``."""
    run, sign = _runs(n_low, mask, len(T), block, begin)
    size = 1 << n_low
    if run == size and sign == 1:
        return T[begin[0] : begin[0] + size]
    if run == 1:
        for k in range(size):
            out[k] = T[begin[k]]
    elif sign == 1:
        for r in range(size // run):
            for k in range(run):
                out[r * run + k] = T[begin[r] + k]
    else:
        for r in range(size // run):
            for k in range(run):
                out[r * run + k] = T[begin[r] - k]
    return out


@kernel
def _collect(
    steps: Any, P0: np.ndarray, P1: np.ndarray, i: int, c: int, block: int, begin: np.ndarray, Q: np.ndarray
) -> None:
    """Add the probabilities Q of a block of step i to those of the states of child c's scope."""
    P = P1 if steps.stack[c] else P0
    P = P[steps.offset[c] : steps.offset[c] + steps.size[c]]
    run, sign = _runs(_n_low(steps.start, i), steps.mask[c], steps.size[c], block, begin)
    if sign == -1 and not steps.folded[i]:
        return  # the flipped states come with another block
    mirror = steps.folded[i] and not steps.folded[c]
    for r in range((1 << _n_low(steps.start, i)) // run):
        for k in range(run):
            P[begin[r] + sign * k] += Q[r * run + k]
        if mirror:
            for k in range(run):
                P[steps.size[c] - 1 - begin[r] - k] += Q[r * run + k]


# exp and log1p as plain arithmetic, so that the loops over a block vectorise.
_E2, _E3, _E4, _E5, _E6, _E7, _E8, _E9, _E10, _E11, _E12, _E13 = (1 / math.factorial(k) for k in range(2, 14))
_LN2 = math.log(2)
_SHIFT = 1.5 * 2.0**52  # adding it leaves the nearest integer in the low bits


@kernel(fastmath={"contract"})
def _exp_minus(d: float) -> Any:
    """e^-d for d >= 0: 2^k e^r with |r| <= ln 2 / 2, by the Taylor series to r^13."""
    d = d if d < 700.0 else 700.0
    shifted = _SHIFT - d / _LN2
    r = -d - (shifted - _SHIFT) * _LN2
    high = _E8 + r * (_E9 + r * (_E10 + r * (_E11 + r * (_E12 + r * _E13))))
    series = 1.0 + r * (
        1.0 + r * (_E2 + r * (_E3 + r * (_E4 + r * (_E5 + r * (_E6 + r * (_E7 + r * high))))))
    )
    exponent: Any = np.float64(shifted).view(np.int64) + 1023
    return series * np.int64(exponent << 52).view(np.float64)


@kernel(fastmath={"contract"})
def _log1p(e: float) -> float:
    """ln(1 + e) = 2 artanh z, z = e / (2 + e), for 0 <= e <= 1: by its series to z^31."""
    z = e / (2.0 + e)
    w = z * z
    series = 1 / 23 + w * (1 / 25 + w * (1 / 27 + w * (1 / 29 + w * (1 / 31))))
    series = 1 / 11 + w * (1 / 13 + w * (1 / 15 + w * (1 / 17 + w * (1 / 19 + w * (1 / 21 + w * series)))))
    return 2.0 * z * (1.0 + w * (1 / 3 + w * (1 / 5 + w * (1 / 7 + w * (1 / 9 + w * series)))))


@kernel
def _remainder(x: float, modulus: float) -> float:
    """x modulo ``modulus`` for x < 2^53; x itself if that is 0."""
    if modulus == 0.0:
        return x
    r = x - np.floor(x / modulus) * modulus
    return r + modulus if r < 0.0 else (r - modulus if r >= modulus else r)
