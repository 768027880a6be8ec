"""The tree of a proof with nodes that only say numbers."""

from __future__ import annotations

import numpy as np

from spinlab.exact.branching.tree import Limits, Node, Outcome, Tree


def explored(root, children, nodes=np.inf):
    """A tree from 100, best 90, with room for 5: ``root`` is found there, ``children`` below, by sign."""
    tree = Tree(Node(None, 1, 100, 0), 90, np.ones(2, np.int8), 1, 5)

    def work(node, best, halt):
        h2 = root if node.parent is None else children[node.sign]
        return Outcome(h2, None, 0, (0, 1) if node.parent is None else None, None, 0)

    tree.explore(work, Limits(nodes=nodes), 1)
    return tree.bound


def test_the_bound_is_the_highest_of_all_leaves():
    assert explored(99, {1: 94, -1: 93}) == explored(99, {1: 93, -1: 94}) == 94


def test_a_node_keeps_the_better_bound_of_its_parent():
    assert explored(150, {}, nodes=1) == 100
