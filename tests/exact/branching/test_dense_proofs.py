"""What a proof by multipliers says of dense couplings, against matrices and states written out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from spinlab._core.blas import one_blas_thread
from spinlab.exact.branching.dense import Dense, Proof, best_of_all, lifted, proven, reduced_of, to_proof
from spinlab.exact.branching.semidefinite import Dual
from spinlab.exact.branching.tree import Node

SIGNS = [(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]  # of the pairs ij, ik, jk, by code


def drawn(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 7))
    C = np.triu(rng.integers(-1000, 1001, (n, n)), 1)
    rows = [(*rng.choice(n, 3, replace=False), rng.integers(4)) for _ in range(4)]
    triangles = np.array([(*sorted(row[:3]), row[3]) for row in rows], np.int16)
    return C + C.T, triangles, rng.integers(1, 300, 4)


def matrix(C, triangles, g):
    """-C - T'(g)."""
    Z = -C.astype(float)
    for (i, j, k, code), x in zip(triangles.tolist(), g.tolist(), strict=True):
        for a, b, sign in zip((i, i, j), (j, k, k), SIGNS[code], strict=True):
            Z[a, b] -= sign * x
            Z[b, a] -= sign * x
    return Z


@pytest.mark.parametrize("seed", range(20))
def test_a_proof_holds_where_its_matrix_has_no_negative_eigenvalue(seed):
    C, triangles, g = drawn(seed)
    least = float(np.linalg.eigvalsh(matrix(C, triangles, g))[0])
    for off, holds in ((1, True), (-1, False)):
        D = np.full(len(C), np.rint(off - least), np.int64)
        assert proven(C, Proof(D, triangles, g)) == holds
    largest = max(np.array(s) @ C @ np.array(s) for s in itertools.product((-1, 1), repeat=len(C)))
    assert lifted(C, Proof(np.zeros(len(C), np.int64), triangles, g), 1).h2() >= largest
    state, value = best_of_all(C)
    assert value == largest == state.astype(int) @ C @ state


def test_a_matrix_that_is_singular_up_to_rounding_is_not_proven():
    # Z = 0 has no negative eigenvalue, and one unit of 2^50 less cannot be told from it by float64.
    large = 1 << 50
    C = -large * (np.ones((3, 3), np.int64) - np.eye(3, dtype=np.int64))
    none = np.empty((0, 4), np.int16), np.empty(0, np.int64)
    assert not proven(C, Proof(np.full(3, large), *none))
    assert proven(C, Proof(np.full(3, large + 64), *none))


def test_a_negative_eigenvalue_hidden_by_rounding_is_not_proven():
    # Rank 5 in 6 dimensions, less one on the diagonal: an eigenvalue of -1 or less, beside entries of 2^54.
    for seed in range(40):
        V = np.random.default_rng(seed).integers(-(1 << 26), 1 << 26, (6, 5))
        Z = V @ V.T - np.eye(6, dtype=np.int64)
        D = np.diag(Z).copy()
        proof = Proof(D, np.empty((0, 4), np.int16), np.empty(0, np.int64))
        assert not proven(np.diag(D) - Z, proof), seed


def test_multipliers_that_are_negative_or_too_large_prove_nothing():
    C, triangles, g = drawn(0)
    D = np.full(len(C), 10**6)
    assert proven(C, Proof(D, triangles, g))
    assert not proven(C, Proof(D, triangles, -g))
    assert not proven(C, Proof(D, triangles, g << 51))
    D[0] = 1 << 61
    assert not proven(C, Proof(D, triangles, g))
    D[0] = -1
    assert not proven(C, Proof(D, triangles, g))


def test_an_inherited_proof_counts_only_if_it_is_proven():
    # Multipliers as a file might hold them: all zero, and a bound far too low.
    C = drawn(3)[0]
    dense = Dense(C, 1024, 2, 0, 0)
    nothing = Proof(np.zeros(len(C), np.int64), np.empty((0, 4), np.int16), np.empty(0, np.int64))
    root = Node(None, 1, 1 << 40, 0)
    root.split, root.proof = (0, 1), nothing
    with one_blas_thread():
        again = dense(root, -(1 << 40), np.zeros(1, np.int8))
    assert proven(C, again.proof)
    assert again.h2 >= best_of_all(C)[1]
    child = Node(root, 1, 1 << 40, 1)
    assert proven(reduced_of(C, child.path()).C, dense.proof_of(child))


def test_multipliers_below_zero_are_left_out():
    # With them no diagonal is large enough, and the rows' sums are all that is left.
    C, triangles, _ = drawn(0)
    y = np.full(len(C), 1000.0)
    without = to_proof(C, Dual(y, triangles[:1].astype(np.int32), np.array([0.0])), 1)
    assert to_proof(C, Dual(y, triangles[:1].astype(np.int32), np.array([-9.0])), 1).h2() == without.h2()
