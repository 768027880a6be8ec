"""A certificate, as a tree to go on with."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..proof.certificate import ENUMERATED as ENUMERATED_LEAF
from ..proof.certificate import LINEAR, SPLIT, Certificate
from .dense import Dense, Proof, reduced_of
from .problem import Problem
from .tree import ENUMERATED, Node


def restore(certificate: Certificate, problem: Problem, fingerprint: str, work: Any) -> Node:
    """The root of its tree; leaves that are not closed are open, and begin with their own multipliers."""
    if not isinstance(certificate, Certificate):
        raise TypeError(f"resume must be a Certificate, got {type(certificate).__name__}")
    unit = (certificate.base, certificate.exponent)
    if certificate.model != fingerprint or unit != (problem.base, problem.exponent):
        raise ValueError("this certificate is of another model: spins, couplings, fields or offset differ")
    best = problem.h2(problem.with_ghost(certificate.state))
    C = problem.matrix() if isinstance(work, Dense) else np.empty((0, 0), np.int64)
    D_ends, g_ends = np.cumsum(certificate.D_sizes), np.cumsum(certificate.g_sizes)
    c_ends = np.cumsum(certificate.cycle_sizes)
    leaf = linear = row = 0
    room = max(problem.step - 1, problem.slack)
    root: Node | None = None
    waiting: list[tuple[Node | None, int]] = [(None, 1)]
    for number, (kind, i, j) in enumerate(certificate.nodes.tolist()):
        parent, sign = waiting.pop()
        node = Node(parent, sign, 0, number)
        if parent is not None:
            parent.children.append(node)
        else:
            root = node
        if kind == SPLIT:
            node.split = (i, j)
            waiting += [(node, -1), (node, 1)]
            continue
        path = node.path()
        if kind == ENUMERATED_LEAF:
            node.proof, node.h2, node.solved = ENUMERATED, best, True
            continue
        if (kind == LINEAR) != (not isinstance(work, Dense)):
            raise ValueError("this certificate has another relaxation: name it, 'semidefinite' or 'cycles'")
        if kind == LINEAR:
            lam = certificate.multipliers[row : row + certificate.row_counts[linear]]
            rows = range(row, row + len(lam))
            edges = [certificate.cycles[c_ends[r] - certificate.cycle_sizes[r] : c_ends[r]] for r in rows]
            odd = [certificate.odd[c_ends[r] - certificate.cycle_sizes[r] : c_ends[r]] for r in rows]
            row, linear = row + len(lam), linear + 1
            node.proof = work.given(path, edges, odd, lam)
            node.size, node.h2 = node.proof.size(), node.proof.bound
            node.solved = node.h2 <= best + room
            continue
        reduced = reduced_of(C, path)
        d = slice(D_ends[leaf] - certificate.D_sizes[leaf], D_ends[leaf])
        t = slice(g_ends[leaf] - certificate.g_sizes[leaf], g_ends[leaf])
        leaf += 1
        proof = Proof(certificate.D[d], certificate.triangles[t].astype(np.int16), certificate.g[t])
        node.proof, node.size, node.h2 = proof, proof.size(), proof.h2() + reduced.constant
        node.solved = node.h2 <= best + room
    assert root is not None
    return root
