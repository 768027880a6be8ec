"""A node of the proof of a sparse model: pairs of spins tied, bounded by cycles and cliques on HiGHS.

x_e = 1 where an edge is cut, and s.C.s = 2 sum c - 4 c.x. With multipliers lam >= 0 of the rows A x <= r,

    -c.x <= lam.r + sum over free edges of max(0, -c - A^T lam)_e + sum over cut edges of (-c - A^T lam)_e

holds for every lam. It is evaluated in integers: what the simplex method returns is only a proposal.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .cliques import violated_cliques
from .descent import Descent
from .merged import merged_states
from .odd_cycles import (
    Graph,
    Rows,
    make_graph,
    short_cycles,
    spanning_state,
    violated_long,
    violated_short,
)
from .problem import Problem
from .tree import Node, Outcome

_TOLERANCE = 5e-4  # violation from which on a cycle is added
_MOST = 3000  # cycles added between two solutions
_ROUNDS = 1000
_TAIL, _CHILD_TAIL = 25, 5  # rounds over which progress is judged, at the root and below
_ROOT_HOPE, _CHILD_HOPE = 8, 3  # such stretches are granted, each with the last gain
_PIVOT, _ROUND = 35e-9, 3e-6  # seconds of a pivot for each row and column, of a round for each column
_TREES = 24  # by which x is rounded before a node is divided
_MERGE = 9  # rounds between two annealings of what the root leaves open, a multiple of three
_CHAINS = 8  # of each
_UNTIED = 0.04  # of the change of one bond in a step: larger numbers end sooner, but far from the true costs
_CLIQUE_TOLERANCE, _MOST_CLIQUES = 0.03, 400
_CLIQUE_EDGES = 4000  # in larger graphs, cliques are not looked for
_CLIQUE_TAIL = 5
_CLIQUES = 2e-5  # seconds of a search for cliques for each edge
_NONE = np.empty(0, np.int64)
_STALLED = 0.0005  # of what the bound has risen since the first round


class CycleProof(NamedTuple):
    """Rows (see :class:`Rows`) with integer multipliers; a bound on s.C.s."""

    edges: list[np.ndarray]
    weights: list[np.ndarray]
    thresholds: np.ndarray
    multipliers: np.ndarray
    bound: int
    columns: list[Any] | None = None  # the basis, from which the linear programs of the children start

    def h2(self) -> int:
        """The bound."""
        return self.bound

    def size(self) -> int:
        """Bytes, roughly."""
        rows = 16 * sum(map(len, self.edges)) + 200 * len(self.edges)
        return 100 + rows + 8 * len(self.columns or ())


class Ties:
    """Spins that the path of a node ties: which edges are thereby cut, uncut or free."""

    def __init__(self, problem: Problem, path: list[tuple[int, int, int]]) -> None:
        root, sign = np.arange(problem.n), np.ones(problem.n, np.int8)
        for i, j, tie in path:  # s_i s_j = tie
            a, b = root[i], root[j]
            if a == b:
                continue
            members = root == b
            sign[members] *= sign[i] * sign[j] * tie
            root[members] = a
        tied = root[problem.i] == root[problem.j]
        cut = sign[problem.i] != sign[problem.j]
        self.free = ~tied
        self.lower = (tied & cut).astype(float)
        self.upper = np.where(tied, self.lower, 1.0)


class Cycles:
    """The work on the nodes of one model."""

    def __init__(self, problem: Problem, descent: Descent) -> None:
        self.problem, self.descent = problem, descent
        self.graph: Graph = make_graph(problem.n, problem.i, problem.j)
        self.short = short_cycles(self.graph)
        self.total = 2 * int(problem.c.sum())
        self.largest = int(np.abs(problem.c).max(initial=1))
        self.most = np.inf  # seconds by counted operations after which a node is halted
        self.cost = problem.c / self.largest

    def _untied(self) -> np.ndarray:
        """Costs with small numbers by chance added, in proportion to a step of the spectrum.

        Couplings of one size have optima without number, each of which violates other cycles, and a bound
        that hardly rises. So the root begins with these costs, whose multipliers bound the model, too, and
        whose optimum is nearly integral: a good state.
        """
        most = _UNTIED * self.problem.step / (4 * self.largest)
        return self.cost + np.random.default_rng(0).uniform(-most, most, len(self.cost))

    def trivial(self) -> CycleProof:
        """The bound without a cycle: every bond satisfied."""
        return self._prove(Ties(self.problem, []), [], [], _NONE, _NONE)

    def proof_of(self, node: Node) -> CycleProof:
        """What bounds a node that was not worked on: its parent's multipliers."""
        if node.parent is None:
            return self.trivial()
        proof = node.parent.proof
        own = self._prove(Ties(self.problem, node.path()), *proof[:4])
        return own._replace(columns=proof.columns)

    def h2_of(self, node: Node, proof: CycleProof) -> int:
        """The bound on the states of a node that a proof gives."""
        return proof.bound

    def __call__(self, node: Node, best: int, halt: np.ndarray) -> Outcome:
        ties = Ties(self.problem, node.path())
        inherited: CycleProof = node.proof if node.proof is not None else self.proof_of(node)
        problem = self.problem
        room = max(problem.step - 1, problem.slack)
        untied = node.parent is None
        program = _Program(self._untied() if untied else self.cost, ties, inherited, halt)
        state, h2 = None, -(1 << 200)
        proof = inherited
        history: list[float] = []
        first = np.inf
        tail = _TAIL if node.parent is None else _CHILD_TAIL
        x = np.zeros(len(problem.c))
        finished = cliques = False
        iterations, over = 0, False
        for turn in range(_ROUNDS):
            x, value, active = program.solve(self.most)
            over = program.counted >= self.most
            iterations += 1
            history.append(value)
            first = min(first, value)
            floor = self.total - 4 * value * self.largest  # the bound on h2, in floating point
            whole = bool((np.minimum(x, 1 - x) < 1e-6).all())
            if turn % 3 == 0 or whole:
                spanning = spanning_state(self.graph, x)
                states = spanning[None]
                if node.parent is None and turn % _MERGE == 0 < turn:
                    states = merged_states(problem, x, spanning, _CHAINS)
                found, top = self.descent(states)
                if top > h2:
                    state, h2 = found, top
            goal = max(best, h2) + room
            if floor <= goal + 1e-6 * self.largest or whole:
                proof = self._better(proof, self._prove_floats(ties, active))
                if proof.bound <= goal:
                    finished = True
                    break
            if halt[0] or over:
                break
            hopeless = False
            if len(history) > tail:
                gain = history[-1] - history[-1 - tail]
                hope = _ROOT_HOPE if node.parent is None else _CHILD_HOPE
                hopeless = hope * gain * 4 * self.largest < floor - goal
                # At the root the best state may be poor, and says little about what is left.
                if node.parent is None:
                    hopeless &= gain < _STALLED * (history[-1] - first)
            if not hopeless:
                rows = self.separate(x, max(20, len(x) // 5))
                if cliques:
                    rows.append(violated_cliques(self.graph, x, _CLIQUE_TOLERANCE, _MOST_CLIQUES))
                    program.counted += _CLIQUES * len(x)
                program.purge(value)
                hopeless = program.add(rows) == 0
            if not hopeless:
                continue
            history.clear()
            if untied:  # the true costs next, and then cliques as well
                untied = False
                program.price(self.cost)
            elif cliques or len(x) > _CLIQUE_EDGES:
                break
            else:
                cliques, tail = True, _CLIQUE_TAIL
        if not finished:
            if not halt[0]:
                found, top = self.descent(self.rounded(x))
                if top > h2:
                    state, h2 = found, top
            proof = self._better(proof, self._prove_floats(ties, active))
            if proof is not inherited:
                proof = proof._replace(columns=program.columns())
        pair = None
        halted = bool(halt[0]) or over
        if proof.bound > max(best, h2) + room and not halted:
            e = self._branching_edge(x, ties)
            if e >= 0:
                pair = (int(problem.i[e]), int(problem.j[e]))
        return Outcome(proof.bound, proof, proof.size(), pair, state, h2, iterations, halted, program.counted)

    def rounded(self, x: np.ndarray) -> np.ndarray:
        """States of trees that span by nearness to 0 or 1, of others that go by chance, and of clusters."""
        noise = np.random.default_rng(0).normal(size=(_TREES, len(x))) * np.linspace(0, 0.3, _TREES)[:, None]
        spanning = [spanning_state(self.graph, np.clip(x + z, 0, 1)) for z in noise]
        return np.concatenate([spanning, merged_states(self.problem, x, spanning[0], _CHAINS)])

    def _branching_edge(self, x: np.ndarray, ties: Ties) -> int:
        free = np.flatnonzero(ties.free)
        if not len(free):
            return -1
        # of those near 1/2, the one with the largest coupling
        middle = np.abs(x[free] - 0.5)
        near = free[middle <= middle.min() + 0.05]
        return int(near[np.argmax(np.abs(self.problem.c[near]))])

    def given(
        self,
        path: list[tuple[int, int, int]],
        edges: list[np.ndarray],
        weights: list[np.ndarray],
        thresholds: np.ndarray,
        lam: np.ndarray,
    ) -> CycleProof:
        """The proof that a certificate holds for a leaf."""
        proof: CycleProof | None = self._prove(Ties(self.problem, path), edges, weights, thresholds, lam)
        return self.trivial() if proof is None else proof

    def separate(self, x: np.ndarray, few: int) -> list[Rows]:
        """Violated cycles: short ones, and long ones too if there are only a few."""
        found = [violated_short(cycles, x, _TOLERANCE, _MOST) for cycles in self.short]
        if sum(map(len, found)) < few:
            found.append(violated_long(self.graph, x, _TOLERANCE, _MOST))
        return found

    def _better(self, old: CycleProof, new: CycleProof | None) -> CycleProof:
        return old if new is None or new.bound >= old.bound else new

    def _prove_floats(self, ties: Ties, active: _Active) -> CycleProof | None:
        lam = np.rint(active.multipliers * self.largest).astype(np.int64)
        kept = np.flatnonzero(lam > 0)
        edges, weights = [active.edges[k] for k in kept], [active.weights[k] for k in kept]
        return self._prove(ties, edges, weights, active.thresholds[kept], lam[kept])

    def _prove(
        self,
        ties: Ties,
        edges: list[np.ndarray],
        weights: list[np.ndarray],
        thresholds: np.ndarray,
        lam: np.ndarray,
    ) -> Any:
        """The bound in integers; the verifier of a certificate repeats this sum."""
        c = self.problem.c
        gain = -c.copy()
        total = 0
        if len(edges):
            w = np.concatenate(weights)
            lengths = np.array([len(row) for row in edges], np.int64)
            starts = np.cumsum(lengths) - lengths
            sizes = np.add.reduceat(np.abs(w), starts)
            if float(lam.astype(float) @ (sizes + thresholds)) + float(np.abs(c).sum()) >= 2.0**60:
                return None
            np.subtract.at(gain, np.concatenate(edges), np.repeat(lam, lengths) * w)
            total = int(lam @ (np.add.reduceat(np.maximum(w, 0), starts) - thresholds))
        total += int(gain[~ties.free & (ties.lower == 1)].sum())
        total += int(np.maximum(gain[ties.free], 0).sum())
        return CycleProof(edges, weights, thresholds, lam, self.total + 4 * total)


def new_highs() -> Any:
    """A HiGHS instance; the first one of a process prints a banner, which nobody asked for."""
    import highspy

    _swallow_banner()
    return highspy.Highs()


@cache
def _swallow_banner() -> None:
    import highspy

    flush = getattr(ctypes.CDLL(None), "fflush", None) if os.name == "posix" else None
    if flush is None:
        return
    sys.stdout.flush()
    flush(None)
    saved, sink = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 1)
        highspy.Highs()
        flush(None)
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(sink)


class _Active(NamedTuple):
    edges: list[np.ndarray]
    weights: list[np.ndarray]
    thresholds: np.ndarray
    multipliers: np.ndarray


class _Program:
    """The linear program of one node, and its rows."""

    def __init__(self, cost: np.ndarray, ties: Ties, start: CycleProof, halt: np.ndarray) -> None:
        self.edges: list[np.ndarray] = []
        self.weights: list[np.ndarray] = []
        self.thresholds = _NONE
        self.sides = np.empty(0)  # right-hand sides
        self.known: set[bytes] = set()
        self.last_purge = -np.inf
        self.slacks = np.empty(0)
        self.counted = 0.0  # seconds by counted operations
        self.last = ties.lower, -np.inf, _Active([], [], _NONE, np.empty(0))
        self.highs = highs = new_highs()
        for name, value in (
            ("output_flag", False),
            ("presolve", "off"),
            ("solver", "simplex"),
            ("threads", 1),
            ("parallel", "off"),
            ("dual_feasibility_tolerance", 1e-10),
            ("primal_feasibility_tolerance", 1e-9),
        ):
            highs.setOptionValue(name, value)

        def interrupt(event: Any) -> None:  # a linear program may take longer than there is time
            if halt[0]:
                event.interrupt()

        highs.cbSimplexInterrupt += interrupt
        highs.addVars(len(cost), ties.lower, ties.upper)
        self.price(cost)
        if len(start.edges):
            self.known.update(map(_key, start.edges, start.weights))
            self._append(start.edges, start.weights, start.thresholds)
            if start.columns is not None:
                self._begin_at(start.columns)

    def price(self, cost: np.ndarray) -> None:
        """Other costs, with the rows that there are."""
        n = len(cost)
        self.highs.changeColsCost(n, np.arange(n, dtype=np.int32), np.ascontiguousarray(cost, float))
        self.last_purge = -np.inf

    def _begin_at(self, columns: list[Any]) -> None:
        """The parent's basis; HiGHS repairs what the rows that were left behind took away."""
        import highspy

        basis = highspy.HighsBasis()
        basis.col_status = columns
        basis.row_status = [highspy.HighsBasisStatus.kUpper] * len(self.edges)
        basis.valid = basis.alien = True
        self.highs.setBasis(basis)

    def columns(self) -> list[Any]:
        """The part of the basis that edges have."""
        return list(self.highs.getBasis().col_status)

    def solve(self, most: float = np.inf) -> tuple[np.ndarray, float, _Active]:
        """(x, value, the rows with a multiplier, taken before any row is deleted).

        Ends early where ``counted`` would exceed ``most``. None of it is trusted: where HiGHS fails, or is
        interrupted, the multipliers only bound worse.
        """
        import highspy

        size = len(self.edges) + len(self.last[0])
        if most < np.inf:
            pivots = max(1, min(int((most - self.counted) / (_PIVOT * size)), 2**31 - 1))
            self.highs.setOptionValue("simplex_iteration_limit", pivots)
        states = highspy.HighsModelStatus
        for attempt in range(2):
            self.highs.run()
            self.counted += _PIVOT * size * max(0, self.highs.getInfo().simplex_iteration_count)
            ends = (states.kOptimal, states.kInterrupt, states.kIterationLimit)
            if attempt or self.highs.getModelStatus() in ends:
                break
            self.highs.clearSolver()
        self.counted += _ROUND * len(self.last[0])
        solution = self.highs.getSolution()
        if not (solution.value_valid and solution.dual_valid):
            return self.last
        x = np.clip(np.array(solution.col_value), 0.0, 1.0)
        duals = -np.array(solution.row_dual)
        self.slacks = self.sides - np.array(solution.row_value)
        kept = np.flatnonzero(duals > 0.0)
        edges, weights = [self.edges[k] for k in kept], [self.weights[k] for k in kept]
        active = _Active(edges, weights, self.thresholds[kept], duals[kept])
        self.last = x, float(self.highs.getInfo().objective_function_value), active
        return self.last

    def purge(self, value: float) -> None:
        """Delete rows that are far from binding, if the value has risen since the last time."""
        if value <= self.last_purge + 1e-9 or len(self.edges) < 200:
            return
        self.last_purge = value
        loose = np.flatnonzero(self.slacks > 0.1)
        if len(loose) < len(self.edges) // 10:
            return
        self.highs.deleteRows(len(loose), loose.astype(np.int32))
        gone = set(loose.tolist())
        for k in gone:
            self.known.discard(_key(self.edges[k], self.weights[k]))
        self.edges = [row for k, row in enumerate(self.edges) if k not in gone]
        self.weights = [row for k, row in enumerate(self.weights) if k not in gone]
        self.thresholds, self.sides = np.delete(self.thresholds, loose), np.delete(self.sides, loose)

    def add(self, found: list[Rows]) -> int:
        """Append rows that are not yet there; returns their number."""
        edges, weights, thresholds = [], [], []
        for rows in found:
            starts = rows.starts.tolist()
            for begin, end in pairwise(starts):
                row, w = rows.edges[begin:end], rows.weights[begin:end]
                key = _key(row, w)
                if key not in self.known:
                    self.known.add(key)
                    edges.append(row)
                    weights.append(w)
                    thresholds.append(rows.threshold)
        if edges:
            self._append(edges, weights, np.array(thresholds, np.int64))
        return len(edges)

    def _append(self, edges: list[np.ndarray], weights: list[np.ndarray], thresholds: np.ndarray) -> None:
        lengths = np.array([len(row) for row in edges])
        starts = np.cumsum(lengths) - lengths
        w = np.concatenate(weights)
        sides = (np.add.reduceat(np.maximum(w, 0), starts) - thresholds).astype(float)
        self.highs.addRows(
            len(edges),
            np.full(len(edges), -np.inf),
            sides,
            len(w),
            starts.astype(np.int32),
            np.concatenate(edges).astype(np.int32),
            w.astype(float),
        )
        self.edges += edges
        self.weights += weights
        self.thresholds = np.concatenate([self.thresholds, thresholds])
        self.sides = np.concatenate([self.sides, sides])


def _key(edges: np.ndarray, weights: np.ndarray) -> bytes:
    order = np.argsort(edges)
    return edges[order].astype(np.int32).tobytes() + weights[order].astype(np.int8).tobytes()
