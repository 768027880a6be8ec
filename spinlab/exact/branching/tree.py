"""Branch and bound over pairs of spins that are fixed parallel or antiparallel.

Rounds of the open nodes with the highest bounds on h2 (the lowest on the energy) are worked on by threads;
the tree and the best state change between rounds only and in the order of the nodes, so that the result does
not depend on the number of threads. What a node does is the caller's: the tree only asks for an
:class:`Outcome`.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._core.parallel import n_threads
from ..._core.signals import interrupt_calls, must_end

ROUND = 16  # nodes between two updates of the tree
Step = tuple[int, int, int]  # s_i s_j = sign

ENUMERATED = "enumerated"  # the proof of a node whose states were all tried


@dataclass
class Outcome:
    """What working on a node gave.

    Attributes
    ----------
    h2 : int
        No state of the node has more.
    proof : object
        What shows it: multipliers, which the children inherit, or ENUMERATED.
    size : int
        Bytes of the proof.
    pair : tuple or None
        The spins to branch on; None where the node is solved, or where the work was halted.
    state : ndarray or None
        The best state met, ghost included.
    state_h2 : int
        Its h2.
    work : int
        Evaluations of the semidefinite bound, or linear programs.
    counted : float
        Seconds that the work takes by its counted operations: the same in every run.
    ties : list of (i, j, sign)
        A best state of the node has s_i s_j = sign, one after the other; the proof is of these states.
    """

    h2: int
    proof: Any
    size: int
    pair: tuple[int, int] | None
    state: np.ndarray | None
    state_h2: int
    work: int = 0
    halted: bool = False
    counted: float = 0.0
    ties: Sequence[Step] = ()


class Node:
    """A set of states: those of the parent that keep its ties, with s_i s_j = sign on its pair."""

    __slots__ = (
        "children",
        "depth",
        "h2",
        "number",
        "parent",
        "proof",
        "sign",
        "size",
        "solved",
        "split",
        "ties",
    )

    def __init__(self, parent: Node | None, sign: int, h2: int, number: int) -> None:
        self.parent, self.sign, self.h2, self.number = parent, sign, h2, number
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.split: tuple[int, int] | None = None
        self.children: list[Node] = []
        self.proof: Any = None  # its own; a node that was not yet worked on has its parent's
        self.size = 0  # bytes of the proof
        self.solved = False  # its proof, or its parent's, leaves no room for a better state
        self.ties: Sequence[Step] = ()

    def path(self) -> list[Step]:
        """(i, j, sign) from the root down, the ties of the nodes above included."""
        steps: list[Step] = []
        node = self
        while node.parent is not None:
            i, j = node.parent.split  # type: ignore[misc]
            steps.append((i, j, node.sign))
            node = node.parent
            steps.extend(node.ties[::-1])
        return steps[::-1]


@dataclass
class Limits:
    """When to stop: nodes, a clock (time.perf_counter), (bound, best) close enough, bytes of proofs."""

    nodes: float = float("inf")
    deadline: float = float("inf")
    close_enough: Callable[[int, int], bool] = lambda bound, best: False
    memory: float = 2e9


class Tree:
    """The state of a proof.

    Attributes
    ----------
    best, state
        The highest h2 met and its state.
    closed : int or None
        The highest bound among closed leaves.
    halt : ndarray of int8, shape (1,)
        Set to 1 to make the work stop soon, from any thread.
    """

    def __init__(
        self, root: Node, best: int, state: np.ndarray, step: int, slack: int, keep: bool = False
    ) -> None:
        self.root, self.best, self.state, self.step, self.slack = root, best, state, step, slack
        self.keep = keep  # the proofs of closed leaves, for a certificate
        self.n_nodes = self.work = self.memory = 0
        self.counted = 0.0  # seconds by counted operations
        self.root_h2: int | None = None
        self.closed: int | None = None
        self.halt = np.zeros(1, np.int8)
        self.interrupted = False  # by Ctrl-C
        self.open: list[tuple[int, int, Node]] = []
        self._numbers = 0
        self.add(root)

    def add(self, node: Node) -> None:
        """An open node, or with its descendants a part of a tree that was explored before."""
        self._numbers = max(self._numbers, node.number + 1)
        if node.children:
            for child in node.children:
                self.add(child)
        elif node.solved:
            self._close(node)
        else:
            heapq.heappush(self.open, (-node.h2, node.number, node))

    def is_closed(self, h2: int) -> bool:
        """Whether a bound leaves no room for a better state (to the slack of real couplings)."""
        return h2 < self.best + self.step or h2 <= self.best + self.slack

    @property
    def bound(self) -> int:
        """No state has more: an h2 that the spectrum allows."""
        return self._bound([])

    def offer(self, state: np.ndarray | None, h2: int) -> None:
        """A state; kept if it is the best."""
        if state is not None and h2 > self.best:
            self.best, self.state = h2, state

    def explore(
        self,
        work: Callable[[Node, int, np.ndarray], Outcome],
        limits: Limits,
        threads: int | None,
        report: Callable[[Tree], None] | None = None,
    ) -> None:
        """Until the tree is closed or a limit is met; Ctrl-C leaves the tree as proven so far.

        Where an interrupt has to end the program's work (a sweep), KeyboardInterrupt is raised instead.

        ``work(node, best, halt)`` must depend on the first two alone, and return soon after ``halt[0]``.
        ``report`` may raise KeyboardInterrupt, too.
        """
        self.halt[0] = 0
        self.interrupted, self._cause = False, KeyboardInterrupt()

        def stop() -> None:
            self.interrupted = True
            self.halt[0] = 1

        pool = ThreadPoolExecutor(min(n_threads(threads), ROUND))
        with interrupt_calls(stop), pool:
            while self.open:
                nodes = self._next(limits)
                room = max(0, int(min(limits.nodes - self.n_nodes, ROUND)))
                for node in nodes[room:]:
                    self.add(node)
                nodes = nodes[:room]
                done = limits.close_enough(self._bound(nodes), self.best)
                if not nodes or done or time.perf_counter() >= limits.deadline:
                    for node in nodes:
                        self.add(node)
                    break
                outcomes = self._run(pool, nodes, work, limits)
                for node, outcome in zip(nodes, outcomes, strict=True):
                    if outcome is None:
                        self.add(node)
                    else:
                        self._settle(node, outcome)
                if report is not None:
                    try:
                        report(self)
                    except KeyboardInterrupt as error:
                        self._cause = error
                        stop()
                if self.halt[0]:
                    break
        if self.interrupted and must_end():
            raise self._cause

    def _bound(self, nodes: list[Node]) -> int:
        """The bound, counting nodes that are just out of the queue."""
        top = max([self.best, *(node.h2 for node in nodes)])
        if self.closed is not None:
            top = max(top, self.closed)
        if self.open:
            top = max(top, -self.open[0][0])
        return self.best + (top - self.best) // self.step * self.step

    def _run(
        self, pool: ThreadPoolExecutor, nodes: list[Node], work: Any, limits: Limits
    ) -> list[Outcome | None]:
        """The outcomes in the order of the nodes; this thread only waits, so that Ctrl-C reaches it."""
        best, halt = self.best, self.halt

        def one(node: Node) -> Outcome | None:
            return None if halt[0] else work(node, best, halt)

        futures = [pool.submit(one, node) for node in nodes]
        timer = None
        if limits.deadline < float("inf"):
            timer = threading.Timer(max(0.0, limits.deadline - time.perf_counter()), halt.fill, (1,))
            timer.daemon = True
            timer.start()
        try:
            wait_for(futures)
        except KeyboardInterrupt as error:  # where another handler than Python's raised it
            self.interrupted, self._cause = True, error
            halt[0] = 1
            wait_for(futures)
        finally:
            if timer is not None:
                timer.cancel()
        return [future.result() for future in futures]

    def _next(self, limits: Limits) -> list[Node]:
        """The next round; nodes that their parent's proof closes are done."""
        nodes: list[Node] = []
        while self.open and len(nodes) < ROUND:
            if self.memory > limits.memory:  # the deepest nodes first: they end soonest
                at = max(range(len(self.open)), key=lambda p: (self.open[p][2].depth, -self.open[p][1]))
                node = self.open[at][2]
                self.open[at] = self.open[-1]
                self.open.pop()
                heapq.heapify(self.open)
            else:
                node = heapq.heappop(self.open)[2]
            if self.is_closed(node.h2):
                self._close(node)
            else:
                nodes.append(node)
        return nodes

    def _close(self, node: Node) -> None:
        node.solved = True
        self.closed = node.h2 if self.closed is None else max(self.closed, node.h2)
        if not self.keep:
            self._hold(node, None, 0)
        self._release(node.parent)

    def _hold(self, node: Node, proof: Any, size: int) -> None:
        self.memory += size - node.size
        node.proof, node.size = proof, size

    def _release(self, node: Node | None) -> None:
        """A proof has served once both children have their own, or are closed and need none."""
        if node is None or not node.children:
            return
        if all(c.proof is not None or (c.solved and not self.keep) for c in node.children):
            self._hold(node, None, 0)

    def _settle(self, node: Node, outcome: Outcome) -> None:
        self.n_nodes += 1
        self.work += outcome.work
        self.counted += outcome.counted
        self.offer(outcome.state, outcome.state_h2)
        node.h2 = min(node.h2, outcome.h2)
        node.ties = [*node.ties, *outcome.ties]
        if self.root_h2 is None:
            self.root_h2 = node.h2
        self._hold(node, outcome.proof, outcome.size)
        self._release(node.parent)
        if self.is_closed(node.h2):  # so is one whose states were all tried: the best was offered
            self._close(node)
        elif outcome.halted or outcome.pair is None:
            heapq.heappush(self.open, (-node.h2, node.number, node))
        else:
            node.split = outcome.pair
            for sign in (1, -1):
                child = Node(node, sign, node.h2, self._numbers)
                self._numbers += 1
                node.children.append(child)
                heapq.heappush(self.open, (-child.h2, child.number, child))
