"""A tree that was explored, as a certificate."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..proof.certificate import ENUMERATED as ENUMERATED_LEAF
from ..proof.certificate import LINEAR, SEMIDEFINITE, SPLIT, TIED, Certificate
from .problem import Problem
from .tree import ENUMERATED, Tree


def to_certificate(
    tree: Tree, problem: Problem, fingerprint: str, energy: float, lower_bound: float, work: Any
) -> Certificate:
    """The certificate of a tree whose leaves kept their proofs.

    ``work.proof_of(node)`` is what bounds a leaf that has no proof of its own: its parent's, or a trivial
    one. What is claimed is what these proofs show, should the tree know more.
    """
    nodes = [(TIED, i, j) for i, j, _ in problem.ties]
    leaves, rows = [], []
    top = tree.best
    stack = [tree.root]
    while stack:
        node = stack.pop()
        nodes += [(TIED, i, j) for j, i, _ in node.ties]
        if node.split is not None:
            nodes.append((SPLIT, *node.split))
            stack.extend(node.children[::-1])
            continue
        proof = node.proof if node.proof is not None else work.proof_of(node)
        if proof is ENUMERATED:
            nodes.append((ENUMERATED_LEAF, 0, 0))
            continue
        top = max(top, work.h2_of(node, proof))
        if hasattr(proof, "D"):
            nodes.append((SEMIDEFINITE, 0, 0))
            leaves.append(proof)
        else:
            nodes.append((LINEAR, 0, 0))
            rows.append(proof)
    single = [proof.thresholds == 1 for proof in rows]  # cycles; the others are local rows
    cycles, odd = _rows(rows, single)
    local, weights = _rows(rows, [~cycle for cycle in single])
    counts = [int((~cycle).sum()) for cycle in single] if local else []
    closed = not tree.open and tree.is_closed(top)
    top = tree.best + (top - tree.best) // tree.step * tree.step
    bound = min(lower_bound, problem.lower_bound(top))
    return Certificate(
        model=fingerprint,
        base=problem.base,
        exponent=problem.exponent,
        state=problem.expanded(tree.state),
        energy=energy,
        lower_bound=bound,
        certified=closed and problem.agree(energy, bound),
        nodes=np.array(nodes, np.int32).reshape(-1, 3),
        D=_joined([leaf.D for leaf in leaves], np.int64),
        D_sizes=np.array([len(leaf.D) for leaf in leaves], np.int64),
        triangles=_joined([leaf.triangles for leaf in leaves], np.int32, 4),
        g=_joined([leaf.g for leaf in leaves], np.int64),
        g_sizes=np.array([len(leaf.g) for leaf in leaves], np.int64),
        cycles=_joined(cycles, np.int32),
        cycle_sizes=np.array([len(row) for row in cycles], np.int64),
        odd=_joined([w > 0 for w in odd], np.bool_),
        multipliers=_joined([p.multipliers[s] for p, s in zip(rows, single, strict=True)], np.int64),
        row_counts=np.array([int(cycle.sum()) for cycle in single], np.int64),
        local_edges=_joined(local, np.int32),
        local_weights=_joined(weights, np.int32),
        local_sizes=np.array([len(row) for row in local], np.int64),
        local_thresholds=_joined([p.thresholds[~s] for p, s in zip(rows, single, strict=True)], np.int64),
        local_multipliers=_joined([p.multipliers[~s] for p, s in zip(rows, single, strict=True)], np.int64),
        local_counts=np.array(counts, np.int64),
    )


def _rows(proofs: list[Any], chosen: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Edges and weights of those rows of the proofs that are chosen."""
    at = [(proof, k) for proof, which in zip(proofs, chosen, strict=True) for k in np.flatnonzero(which)]
    return [proof.edges[k] for proof, k in at], [proof.weights[k] for proof, k in at]


def _joined(parts: list[np.ndarray], dtype: type, width: int | None = None) -> np.ndarray:
    shape = (0,) if width is None else (0, width)
    return np.concatenate([np.empty(shape, dtype), *parts]).astype(dtype)
