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


def test_a_bound_beyond_the_slack_closes_nothing():
    tree = Tree(Node(None, 1, 100, 0), 90, np.ones(2, np.int8), 1, 5)
    assert tree.is_closed(95)
    assert not tree.is_closed(96)
    assert Tree(tree.root, 90, tree.state, 8, 5).is_closed(97)
    assert not Tree(tree.root, 90, tree.state, 8, 5).is_closed(98)


def test_nodes_out_of_the_queue_count_in_the_bound():
    # Else the root, taken out to be worked on, would leave the bound at the best state: near enough to stop.
    tree = Tree(Node(None, 1, 100, 0), 90, np.ones(2, np.int8), 1, 5)
    seen = []
    tree.explore(
        lambda node, best, halt: Outcome(90, None, 0, None, None, 0),
        Limits(close_enough=lambda bound, best: bool(seen.append(bound))),
        1,
    )
    assert seen == [100]


def test_ties_of_a_node_that_is_worked_on_again_add_up_and_lie_above_its_children():
    first, second = [(0, 1, 1), (0, 2, -1)], [(0, 3, 1)]
    tree = Tree(Node(None, 1, 100, 0), 90, np.ones(6, np.int8), 1, 0)
    outcomes = iter(
        [
            Outcome(99, None, 0, None, None, 0, halted=True, ties=first),
            Outcome(98, None, 0, (0, 4), None, 0, ties=second),
        ]
    )
    tree.explore(lambda node, best, halt: next(outcomes), Limits(nodes=2), 1)
    assert tree.root.ties == first + second
    assert [child.path() for child in tree.root.children] == [
        [*first, *second, (0, 4, sign)] for sign in (1, -1)
    ]
