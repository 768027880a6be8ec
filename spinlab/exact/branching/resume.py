"""A certificate, as a tree to go on with."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...models import IsingModel
from ..proof.certificate import ENUMERATED as ENUMERATED_LEAF
from ..proof.certificate import LINEAR, SPLIT, TIED, Certificate
from ..proof.verify import verify
from .dense import Dense, Proof, best_of_all, reduced_of
from .problem import Problem
from .tree import ENUMERATED, Node


def restore(
    certificate: Certificate, problem: Problem, model: IsingModel, work: Any
) -> tuple[Node, np.ndarray, int]:
    """The root of its tree, the best state and its h2.

    The certificate is verified first: what it says becomes a part of the proof. Leaves that are not closed
    are open, and begin with their own multipliers.
    """
    if not isinstance(certificate, Certificate):
        raise TypeError(f"resume must be a Certificate, got {type(certificate).__name__}")
    verify(model, certificate)
    unit = (certificate.base, certificate.exponent)
    if unit != (problem.base, problem.exponent):
        raise ValueError(f"the certificate has the unit {unit[0]} 2**{unit[1]}, made by another version")
    if certificate.nodes[: len(problem.ties)].tolist() != [[TIED, i, j] for i, j, _ in problem.ties]:
        raise ValueError("the certificate ties other spins, made by another version")
    dense = isinstance(work, Dense)
    nodes = certificate.nodes[len(problem.ties) :]
    kinds, first = nodes[:, 0], nodes[:, 1]
    other = (
        (kinds == LINEAR).any() or first[kinds == SPLIT].any() or nodes[kinds == TIED, 2].any()
        if dense
        else (kinds[kinds != SPLIT] != LINEAR).any()
    )
    if other:
        raise ValueError("this certificate has another relaxation: name it, 'semidefinite' or 'cycles'")
    state = problem.reduced(certificate.state)
    best = problem.h2(state)
    C = problem.matrix() if dense else np.empty((0, 0), np.int64)
    D_ends, g_ends = np.cumsum(certificate.D_sizes), np.cumsum(certificate.g_sizes)
    c_ends, l_ends = np.cumsum(certificate.cycle_sizes), np.cumsum(certificate.local_sizes)
    leaf = linear = row = local = 0
    root: Node | None = None
    leaves = []
    waiting: list[tuple[Node | None, int]] = [(None, 1)]
    followers: list[int] = []  # of spin 0 in the node that comes next
    for number, (kind, i, j) in enumerate(nodes.tolist()):
        if kind == TIED:
            followers.append(i)
            continue
        parent, sign = waiting.pop()
        node = Node(parent, sign, 0, number)
        path = node.path()
        for spin in followers:
            path.append((0, spin, -1 if work.coupling(path, spin) < 0 else 1))
        node.ties = path[len(path) - len(followers) :]
        followers = []
        if parent is not None:
            parent.children.append(node)
        else:
            root = node
        if kind == SPLIT:
            node.split = (i, j)
            waiting += [(node, -1), (node, 1)]
            continue
        leaves.append(node)
        if kind == ENUMERATED_LEAF:
            reduced = reduced_of(C, path)
            r, top = best_of_all(reduced.C)
            node.proof, node.h2 = ENUMERATED, top + reduced.constant
            if node.h2 > best:
                state, best = reduced.full(r), node.h2
        elif kind == LINEAR:
            lam = certificate.multipliers[row : row + certificate.row_counts[linear]]
            rows = range(row, row + len(lam))
            edges = [certificate.cycles[c_ends[r] - certificate.cycle_sizes[r] : c_ends[r]] for r in rows]
            odd = [certificate.odd[c_ends[r] - certificate.cycle_sizes[r] : c_ends[r]] for r in rows]
            weights = [np.where(members, 1, -1) for members in odd]
            more = int(certificate.local_counts[linear]) if len(certificate.local_counts) else 0
            others = slice(local, local + more)
            for k in range(local, local + more):
                part = slice(l_ends[k] - certificate.local_sizes[k], l_ends[k])
                edges.append(certificate.local_edges[part])
                weights.append(certificate.local_weights[part].astype(np.int64))
            thresholds = np.concatenate([np.ones(len(lam), np.int64), certificate.local_thresholds[others]])
            lam = np.concatenate([lam, certificate.local_multipliers[others]])
            row, linear, local = row + len(rows), linear + 1, local + more
            node.proof = work.given(path, edges, weights, thresholds, lam)
            node.size, node.h2 = node.proof.size(), node.proof.bound
        else:
            d = slice(D_ends[leaf] - certificate.D_sizes[leaf], D_ends[leaf])
            t = slice(g_ends[leaf] - certificate.g_sizes[leaf], g_ends[leaf])
            leaf += 1
            proof = Proof(certificate.D[d], certificate.triangles[t].astype(np.int16), certificate.g[t])
            node.proof, node.size = proof, proof.size()
            node.h2 = work.h2_of(node, proof)
    room = max(problem.step - 1, problem.slack)
    for node in leaves:
        node.solved = node.proof is ENUMERATED or node.h2 <= best + room
    assert root is not None
    return root, state, best
