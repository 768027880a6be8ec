"""A node of the proof of a dense model: spins fixed to spin 0, bounded by the semidefinite relaxation.

Every multiplier is an integer in the unit of the couplings, and a bound counts only after :func:`proven`:
with D_i = 2 (y_i + lambda), the matrix Z = Diag(D) - C - T'(g) is positive semidefinite, hence
s.C.s <= sum D + 2 sum g. A floating-point Cholesky decomposition of Z - c shows it, where c exceeds what
rounding can do (Rump, BIT 46, 433 (2006)).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..._core.jit import kernel
from . import semidefinite
from .semidefinite import CHILD, ROOT, Dual, Effort
from .tree import ENUMERATED, Node, Outcome, Step

CHECKED_SPINS = 16  # free spins that the verifier of a certificate enumerates
_NEARLY = 1e-9  # of sum |C|, more than what sums in float64 are off by
_DIGITS = 24  # binary, of a multiplier in units of the largest coupling
# Branched on first: spins whose largest coupling exceeds _STRONG times the median one's, and by size.
_STRONG, _NEAR = 6, 1 / 3


class Proof(NamedTuple):
    """Integer multipliers of a node: D of its classes of spins, triangles and their g."""

    D: np.ndarray
    triangles: np.ndarray
    g: np.ndarray

    def h2(self) -> int:
        """The bound it gives for the reduced couplings, without the constant."""
        return int(self.D.sum()) + 2 * int(self.g.sum())

    def size(self) -> int:
        """Bytes."""
        return self.D.nbytes + self.triangles.nbytes + self.g.nbytes


class Reduced(NamedTuple):
    """Couplings among spin 0 and the free spins with the others fixed: s.C.s = constant + r.C'.r."""

    free: np.ndarray
    fixed: np.ndarray
    signs: np.ndarray
    C: np.ndarray
    constant: int

    def full(self, r: np.ndarray) -> np.ndarray:
        """All spins from the reduced ones."""
        s = np.empty(len(self.free) + len(self.fixed), np.int8)
        s[self.free] = r
        s[self.fixed] = self.signs * r[0]
        return s


def evaluation_seconds(n: int) -> float:
    """Of the bound for n spins, measured on one core: an eigendecomposition and what is around it."""
    return 1.0e-6 * n + 2.1e-8 * n**2


def following(C: np.ndarray) -> list[tuple[int, int]]:
    """(k, sign): free spins that follow spin 0, |C_0k| >= sum over the other l of |C_kl|, in order."""
    A = np.abs(C)
    h, others = C[0].copy(), A[1:].sum(0)
    free = np.arange(len(C)) > 0
    found: list[tuple[int, int]] = []
    while (ready := np.flatnonzero(free & (np.abs(h) >= others))).size:
        for k in ready.tolist():  # who is ready stays so while others are tied
            sign = -1 if h[k] < 0 else 1
            found.append((k, sign))
            free[k] = False
            h += sign * C[k]
            others -= A[k]
    return found


def reduced_of(C: np.ndarray, path: list[tuple[int, int, int]]) -> Reduced:
    """The problem that is left when the spins of the path are fixed relative to spin 0."""
    fixed = np.array([j for _, j, _ in path], np.int64)
    signs = np.array([sign for _, _, sign in path], np.int8)
    free = np.setdiff1d(np.arange(len(C)), fixed)
    rest = np.ascontiguousarray(C[np.ix_(free, free)])
    constant = 0
    if len(fixed):
        held = np.concatenate([[0], fixed])
        s = np.concatenate([[1], signs]).astype(np.int64)
        rest[0] = s @ C[np.ix_(held, free)]
        rest[0, 0] = 0
        rest[:, 0] = rest[0]
        constant = int(s @ C[np.ix_(held, held)] @ s)
    return Reduced(free, fixed, signs, rest, constant)


class Dense:
    """The work on the nodes of one model."""

    def __init__(self, C: np.ndarray, scale: int, step: int, slack: int, smallest: int) -> None:
        self.C, self.scale, self.step, self.slack, self.smallest = C, scale, step, slack, smallest
        self._trivial: Proof | None = None
        self.unit = _unit(C, scale) if C.any() else 1.0

    def __call__(self, node: Node, best: int, halt: np.ndarray) -> Outcome:
        path = [*node.path(), *node.ties]
        reduced = reduced_of(self.C, path)
        ties = []  # those of the root are the model's
        if node.parent is not None:
            ties = [(0, int(reduced.free[k]), sign) for k, sign in following(reduced.C)]
        if ties:
            reduced = reduced_of(self.C, path + ties)
        n = len(reduced.C)
        if n - 1 <= self.smallest:
            r, top = best_of_all(reduced.C)
            h2 = top + reduced.constant
            return Outcome(h2, ENUMERATED, 0, None, reduced.full(r), h2, ties=ties)
        scale, unit = self._scale(reduced.C)
        C = reduced.C / scale
        inherited = node.proof  # of an earlier run that was halted here
        if inherited is None:
            inherited = self.trivial() if node.parent is None else self.inherit(node)
        for k in range(len(ties)):
            inherited = self._merged(inherited, [*path, *ties[: k + 1]])
        dual, effort = self._beginning(node, C, inherited, scale)
        goal = best + max(self.step - 1, self.slack) - reduced.constant  # h2 of the reduced couplings
        target = goal / (2 * scale)
        margin = n * 2.0 ** -(_DIGITS - 5)
        work = 0
        for _ in range(3):
            bound = semidefinite.improve(C, dual, effort, target - margin, unit, halt)
            work += bound.evaluations
            proof = to_proof(reduced.C, bound.dual, scale)
            h2 = proof.h2() + reduced.constant
            if bound.value > target - margin or proof.h2() <= goal or halt[0]:
                break
            margin *= 4
            dual = bound.dual
        before = inherited.h2() + reduced.constant
        if before < h2 and proven(reduced.C, inherited):
            proof, h2 = inherited, before
        r, top = self._best_state(reduced.C, bound.states)
        return Outcome(
            h2,
            proof,
            proof.size(),
            (0, int(reduced.free[self._undecided(reduced.C, bound.cosines)])),
            reduced.full(r),
            top + reduced.constant,
            work,
            bool(halt[0]),
            work * evaluation_seconds(n),
            ties,
        )

    def _scale(self, C: np.ndarray) -> tuple[int, float]:
        """(power of two, unit of the smoothing in it) for reduced couplings: the model's, or finer.

        Finer once the spins with huge couplings are fixed: what these ask of the precision went with them.
        """
        largest = int(np.abs(C).max())
        if largest == 0 or 8 * largest >= self.scale:
            return self.scale, self.unit
        scale = 1 << (largest.bit_length() - 1)
        return scale, _unit(C, scale)

    def _beginning(self, node: Node, C: np.ndarray, inherited: Proof, scale: int) -> tuple[Dual, Effort]:
        """Multipliers to begin with, and how hard to try."""
        if node.parent is None:
            return semidefinite.start(C) if node.proof is None else to_float(inherited, scale), ROOT
        # Multipliers of huge couplings that are gone are far off: by more than the largest eigenvalue alone.
        if scale < self.scale and inherited.h2() > scale * len(C) * np.linalg.eigvalsh(C)[-1]:
            return semidefinite.start(C), ROOT
        return to_float(inherited, scale), CHILD

    def trivial(self) -> Proof:
        """Multipliers that need hardly any work: the largest eigenvalue on the diagonal, or row sums."""
        if self._trivial is None:
            n = len(self.C)
            largest = math.ceil(float(np.linalg.eigvalsh(self.C / self.scale)[-1]) * self.scale)
            flat = Proof(np.full(n, largest, np.int64), np.empty((0, 4), np.int16), np.empty(0, np.int64))
            flat = lifted(self.C, flat, max(8, self.scale >> _DIGITS))
            self._trivial = min(flat, dominant(self.C), key=Proof.h2)
        return self._trivial

    def proof_of(self, node: Node) -> Proof:
        """What bounds a node that was not worked on: its parent's multipliers."""
        if node.parent is None:
            return self.trivial()
        proof = self.inherit(node)
        C = reduced_of(self.C, node.path()).C
        return proof if proven(C, proof) else lifted(C, proof, max(1, self._scale(C)[0] >> _DIGITS))

    def h2_of(self, node: Node, proof: Proof) -> int:
        """The bound on the states of a node that a proof gives."""
        return proof.h2() + reduced_of(self.C, [*node.path(), *node.ties]).constant

    def _best_state(self, C: np.ndarray, states: np.ndarray) -> tuple[np.ndarray, int]:
        s = np.unique(states * states[:, :1], axis=0)
        x, F = s.astype(np.float64), C.astype(np.float64)  # products of integers are slow
        about = ((x @ F) * x).sum(1)
        near = np.flatnonzero(about >= about.max() - _NEARLY * np.abs(F).sum())
        s = s[near].astype(np.int64)
        values = ((s @ C) * s).sum(1)
        at = int(np.argmax(values))
        return s[at].astype(np.int8), int(values[at])

    def _undecided(self, C: np.ndarray, cosines: np.ndarray) -> int:
        """The spin to branch on: of those that set the scale, if there are few of them, or of all."""
        weight = np.abs(cosines)
        sizes = np.abs(C).max(1)
        strong = sizes > max(_STRONG * np.median(sizes), _NEAR * sizes.max())
        if strong[1:].any():
            weight[~strong] = np.inf
        weight[0] = np.inf
        return int(np.argmin(weight))

    def inherit(self, node: Node) -> Proof:
        """The parent's multipliers for its child: the bound stays the same, and so does its proof."""
        assert node.parent is not None
        return self._merged(node.parent.proof, node.path())

    def _merged(self, proof: Proof, path: list[Step]) -> Proof:
        """A proof for all of a path but the last step, for all of it."""
        spin, sign = path[-1][1:]
        at = int(np.searchsorted(reduce_free(len(self.C), path[:-1]), spin))
        return inherit(proof, at, sign, self.coupling(path[:-1], spin))

    def coupling(self, path: list[Step], spin: int) -> int:
        """C'_0i after a path."""
        return int(self.C[0, spin]) + sum(sign * int(self.C[j, spin]) for _, j, sign in path)


def _unit(C: np.ndarray, scale: int) -> float:
    """Of the smoothing: 1.4 typical couplings, in units of ``scale``."""
    off = C[~np.eye(len(C), dtype=bool)] / scale
    return 1.4 * float(np.sqrt((off**2).mean()))


def to_float(proof: Proof, scale: int) -> Dual:
    """The multipliers in units of ``scale``."""
    return Dual(proof.D / (2 * scale), proof.triangles.astype(np.int32), proof.g / scale)


def to_proof(C: np.ndarray, dual: Dual, scale: int) -> Proof:
    """The multipliers in integers, with D large enough to be proven."""
    digit = max(1, scale >> _DIGITS)
    g = np.rint(dual.g * (scale / digit)).astype(np.int64) * digit
    kept = g > 0
    g, triangles = g[kept], dual.triangles[kept].astype(np.int16)
    D = np.rint(dual.y * (2 * scale / digit)).astype(np.int64) * digit
    return lifted(C, Proof(D, triangles, g), 8 * digit)


def reduce_free(n: int, path: list[tuple[int, int, int]]) -> np.ndarray:
    """Spin 0 and the spins that are free after a path."""
    return np.setdiff1d(np.arange(n), [j for _, j, _ in path])


def inherit(proof: Proof, i: int, sign: int, coupling: int) -> Proof:
    """Multipliers for spin i of the reduced problem fixed to ``sign`` times spin 0; the bound is unchanged.

    With P merging the two spins, P^T Z P is the child's matrix. A triangle (0, i, k) whose sign on (0, i) is
    met holds of itself: it becomes D_0 and D_k; one that is not met is empty. Others are moved to spin 0.
    """
    D, triangles, g = proof
    first, second, third, code = triangles.T
    p = np.where(code < 2, 1, -1)  # signs of (ij), (ik), (jk)
    q = np.where((code == 0) | (code == 2), 1, -1)
    r = p * q
    D = D.copy()
    D[0] += D[i] - 2 * sign * coupling
    with_0 = first == 0
    middle, last = with_0 & (second == i), with_0 & (third == i)
    both = middle | last
    on_pair = np.where(middle, p, q) * sign
    met = both & (on_pair == 1)
    other = np.where(middle, third, second)
    np.add.at(D, other[met], 2 * g[met])
    D[0] += 2 * int(g[both & (on_pair == -1)].sum())
    # (i, j, k) without 0: spin 0 takes the place of i; the order of the three changes, the pairs do not.
    is_first, is_second, is_third = ~with_0 & (first == i), ~with_0 & (second == i), ~with_0 & (third == i)
    a, b, c = first.copy(), second.copy(), third.copy()
    sp, sq, sr = p.copy(), q.copy(), r.copy()
    a[is_first] = 0
    sp[is_first], sq[is_first] = sign * p[is_first], sign * q[is_first]
    a[is_second], b[is_second] = 0, first[is_second]
    sp[is_second], sq[is_second], sr[is_second] = sign * p[is_second], sign * r[is_second], q[is_second]
    a[is_third], b[is_third], c[is_third] = 0, first[is_third], second[is_third]
    sp[is_third], sq[is_third], sr[is_third] = sign * q[is_third], sign * r[is_third], p[is_third]
    kept = ~both
    codes = np.where(sp == 1, np.where(sq == 1, 0, 1), np.where(sq == 1, 2, 3))
    moved = np.stack([a, b, c], axis=1)[kept]
    moved = moved - (moved > i)
    n = len(D)
    keys = ((moved[:, 0].astype(np.int64) * n + moved[:, 1]) * n + moved[:, 2]) * 4 + codes[kept]
    unique, at = np.unique(keys, return_inverse=True)
    total = np.zeros(len(unique), np.int64)
    np.add.at(total, at, g[kept])
    rows = np.stack([unique // 4 // n // n, unique // 4 // n % n, unique // 4 % n, unique % 4], axis=1)
    return Proof(np.delete(D, i), rows.astype(triangles.dtype), total)


def lifted(C: np.ndarray, proof: Proof, extra: int) -> Proof:
    """The proof with D raised until it is proven; without triangles if even the largest numbers do not."""
    while extra < 1 << 58:
        trial = proof._replace(D=proof.D + extra)
        if proven(C, trial):
            return trial
        extra *= 2
    return dominant(C)


def dominant(C: np.ndarray) -> Proof:
    """Multipliers that need no work: the matrix is diagonally dominant."""
    rows = np.abs(C).sum(1)
    n = len(rows)
    extra = 8 + math.ceil(8 * (n + 2) * 2.0**-53 * float(rows.sum()))
    return Proof(rows + extra, np.empty((0, 4), np.int16), np.empty(0, np.int64))


def proven(C: np.ndarray, proof: Proof) -> bool:
    """Whether Diag(D) - C - T'(g) is shown to be positive semidefinite, and no sum leaves 62 bits."""
    # Summed in floating point: an int64 sum that wraps would pass.
    # (A negative D fails below as well; here it is named. Couplings alone are below 2^58.)
    sizes = 2 * _size(C) + 6 * _size(proof.g) + _size(proof.D)
    if not sizes < 2.0**61 or (proof.D < 0).any() or (proof.g < 0).any():
        return False
    return bool(_is_semidefinite(C, proof.D, proof.triangles, proof.g))


def _size(numbers: np.ndarray) -> float:
    return float(np.abs(numbers.astype(np.float64)).sum())


def best_of_all(C: np.ndarray) -> tuple[np.ndarray, int]:
    """The state with the largest r.C.r, spin 0 at +1, by trying all."""
    best = np.ones(len(C), np.int8)
    return best, int(_try_all(C, best))


@kernel
def _is_semidefinite(C: Any, D: Any, triangles: Any, g: Any) -> Any:
    n = C.shape[0]
    Z = np.empty((n, n), np.int64)
    trace = np.int64(0)
    for i in range(n):
        for j in range(i + 1, n):
            Z[i, j] = -C[i, j]
        Z[i, i] = D[i]
        trace += D[i]
    for t in range(len(g)):
        i, j, k, code = triangles[t, 0], triangles[t, 1], triangles[t, 2], triangles[t, 3]
        Z[i, j] -= g[t] if code < 2 else -g[t]
        Z[i, k] -= g[t] if code == 0 or code == 2 else -g[t]
        Z[j, k] -= g[t] if code == 0 or code == 3 else -g[t]
    # Twice the shift that the verifier of a certificate uses, whose sums run in another order.
    shift = 4.0 * (n + 2) * 2.0**-53 * (float(trace) * (1 + 1e-12))
    A = np.empty((n, n))
    for i in range(n):
        for j in range(i, n):
            A[i, j] = float(Z[i, j])
        A[i, i] -= shift
    for k in range(n):
        if not A[k, k] > 0.0:
            return False
        root = np.sqrt(A[k, k])
        for j in range(k + 1, n):
            A[k, j] /= root
        for i in range(k + 1, n):
            x = A[k, i]
            for j in range(i, n):
                A[i, j] -= x * A[k, j]
    return True


@kernel
def _try_all(C: Any, best: Any) -> Any:
    n = C.shape[0]
    s = np.ones(n, np.int64)
    h = np.zeros(n, np.int64)
    value = np.int64(0)
    for i in range(n):
        for j in range(n):
            h[i] += C[i, j]
        value += h[i]
    top = value
    for count in range(1, np.int64(1) << (n - 1)):
        i = 1
        rest = count
        while rest & 1 == 0:
            rest >>= 1
            i += 1
        value -= 4 * s[i] * h[i]
        s[i] = -s[i]
        change = 2 * s[i]
        for j in range(n):
            h[j] += change * C[i, j]
        if value > top:
            top = value
            for j in range(n):
                best[j] = s[j]
    return top
