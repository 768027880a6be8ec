"""Certified ground states beyond enumeration: bounds by relaxation, branch and bound, stopped anytime."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..._core.blas import one_blas_thread
from ..._core.stopwatch import Stopwatch
from ..._core.validate import as_choice, as_count, as_flag, as_real, as_spins
from ...models import IsingModel, ModelLike, as_model
from ..couplings import edges_of, lost
from ..method import RefusedError
from ..proof.certificate import Certificate, fingerprint
from ..result import GroundState
from .certify import to_certificate
from .dense import CHECKED_SPINS, Dense, best_of_all
from .descent import Descent
from .limits import (
    NAME,
    closing_seconds,
    cost,
    degeneracy_refusal,
    has_cycles_solver,
    relaxation_of,
    set_up_seconds,
    too_large,
)
from .problem import Problem, make_problem
from .resume import restore
from .tree import Limits, Node, Tree

RELAXATIONS = ("auto", "semidefinite", "cycles")
DEFAULT_MEMORY = 2e9
INTERRUPTED = "interrupted"  # the last word of the reason after Ctrl-C
_FREE_SPINS = 20  # enumerated at a leaf where nobody asks for a certificate


class Progress(NamedTuple):
    """Where a proof stands: ``lower_bound`` <= E0 <= ``energy``."""

    energy: float
    lower_bound: float
    open_nodes: int
    nodes: int
    seconds: float


def ground_state(
    model: ModelLike,
    *,
    degeneracy: bool = False,
    start: Any = None,
    seconds: float | None = None,
    relative_gap: float | None = None,
    nodes: int | None = None,
    memory: float | None = None,
    progress: bool | Callable[[Progress], None] = False,
    certificate: bool = False,
    resume: Certificate | None = None,
    relaxation: str = "auto",
    threads: int | None = None,
) -> GroundState:
    """Lowest state of models beyond enumeration, with a proven bound whenever it stops.

    E0 = min over s of E(s) = -sum_{i<j} J_ij s_i s_j - sum_i b_i s_i + offset, bounded from below by the
    semidefinite relaxation with triangle inequalities or, on sparse graphs, by those of the cut polytope
    (odd cycles and cliques of five; Barahona and Mahjoub, Math. Program. 36, 157 (1986)), and by branching.

    Parameters
    ----------
    model : IsingModel or anything that :func:`spinlab.models.as_model` takes
    degeneracy : bool, default False
        Must be False: bounds exclude states, they do not count them.
    start : array_like of +-1, shape (N,), optional
        A good state, for example of :func:`spinlab.dynamics.search`; otherwise descents are made.
    seconds : float, optional
        Stop after this wall-clock time; the clock starts when the kernels are compiled.
    relative_gap : float, optional
        Stop once (energy - bound) / abs(energy) is this small.
    nodes : int, optional
        Stop after this many nodes of the tree. The answer is then the same in every run.
    memory : float, default 2e9
        Bytes for the multipliers of open nodes; beyond, the search goes depth first.
    progress : bool or callable, default False
        True shows a line on stderr; a function is given a :class:`Progress` after every round of nodes.
    certificate : bool, default False
        Keep the proof: ``answer.certificate`` can be saved, and checked by :func:`spinlab.exact.verify`.
    resume : Certificate, optional
        Go on from a partial one of the same model.
    relaxation : {"auto", "semidefinite", "cycles"}
        "auto" takes the cycles where the mean degree is 6.5 or less (8 beyond 150 spins) and highspy is
        installed.
    threads : int, optional
        Default: all processors. The result does not depend on it, unless ``seconds`` ends the search.

    Returns
    -------
    GroundState
        ``certified`` once no room is left between energy and bound: for integers they are equal, for real
        couplings they agree to 4 (N + 15) 2**-53 sum abs(J). Otherwise the best state and the bound so far;
        ``bound_gap`` and ``relative_gap`` say how far they are apart. Ctrl-C returns what is known, too.

    Raises
    ------
    ValueError
        If the model is too large, or if degeneracy is asked for.
    ImportError
        If ``relaxation="cycles"`` and highspy is missing: install ``spinlab[cuts]``.

    Notes
    -----
    A node costs about 100 partial eigendecompositions of its size. Seconds on one core: SK N=60 .4, N=80 1;
    see docs, How a proof works here.

    Examples
    --------
    >>> import spinlab as sl
    >>> answer = sl.exact.branching.ground_state(sl.ensembles.sk(45, rng=0))
    >>> answer.certified, answer.method
    (True, 'branching')
    >>> stopped = sl.exact.branching.ground_state(sl.ensembles.sk(70, rng=0), nodes=1)
    >>> stopped.lower_bound < stopped.energy, stopped.certified
    (True, False)
    """
    model = as_model(model)
    if as_flag(degeneracy, "degeneracy"):
        raise RefusedError(degeneracy_refusal())
    certificate = as_flag(certificate, "certificate")
    relaxation = as_choice(relaxation, "relaxation", RELAXATIONS)
    limits = Limits(memory=DEFAULT_MEMORY if memory is None else as_real(memory, "memory", 0.0))
    if nodes is not None:
        limits.nodes = as_count(nodes, "nodes", 0)
    if seconds is not None:
        seconds = as_real(seconds, "seconds", 0.0)
    if relative_gap is not None:
        relative_gap = as_real(relative_gap, "relative_gap", 0.0)
    if relaxation == "auto":
        relaxation = relaxation_of(model)
    elif relaxation == "cycles" and not has_cycles_solver():
        raise ImportError("relaxation='cycles' needs highspy (pip install spinlab[cuts]); or 'semidefinite'")
    reason = too_large(model, relaxation)
    if reason:
        raise RefusedError(reason)
    if seconds is not None:
        compile_kernels(relaxation, cliques=True)
    clock = Stopwatch()
    run = Run(model, relaxation, start, certificate, resume)
    if seconds is not None:
        limits.deadline = run.begin + seconds - closing_seconds(model.n_spins, relaxation) / clock.share()
    run.go_on(limits, relative_gap, threads, progress)
    return run.answer()


class Run:
    """A proof under way: it can be stopped, asked for its answer and gone on with.

    The arguments are those of :func:`ground_state`, checked.
    """

    def __init__(
        self,
        model: IsingModel,
        relaxation: str,
        start: Any = None,
        certificate: bool = False,
        resume: Certificate | None = None,
    ) -> None:
        compile_kernels(relaxation)
        self.begin = time.perf_counter()
        self.model, self.relaxation, self.certificate = model, relaxation, certificate
        self.edges = i, j, J = edges_of(model)
        self.problem = make_problem(model.n_spins, i, j, J, np.asarray(model.b), model.offset, lost(model))
        self.descent = Descent(self.problem)
        with one_blas_thread():
            self.tree, self.work = _begin(
                self.problem, self.descent, relaxation, self._descended(start), model, certificate, resume
            )

    def _descended(self, state: Any) -> tuple[np.ndarray, int] | None:
        """Where a descent from a state of the model ends, and its h2."""
        if state is None:
            return None
        s = as_spins(state, self.model.n_spins).reshape(-1)
        return self.descent(self.problem.reduced(s)[None].copy())

    def offer(self, state: Any) -> None:
        """A state of the model, to start from."""
        found = self._descended(state)
        if found is not None:
            self.tree.offer(*found)

    def go_on(
        self,
        limits: Limits,
        relative_gap: float | None = None,
        threads: int | None = None,
        progress: Any = None,
    ) -> None:
        """Until the tree is closed or a limit is met."""
        if relative_gap is not None:
            limits.close_enough = _close_enough(self.problem, relative_gap)
        report = _reporter(self.problem, progress, self.begin)
        with one_blas_thread():
            try:
                self.tree.explore(self.work, limits, threads, report)
            finally:
                if report is not None:
                    report(self.tree, True)

    def answer(self) -> GroundState:
        """The best state and the bound as of now."""
        model, problem, tree = self.model, self.problem, self.tree
        energy = _energy(model, problem, tree.state, self.edges)
        bound = min(energy, problem.lower_bound(tree.bound))
        kept = None
        if self.certificate:
            kept = to_certificate(tree, problem, fingerprint(model), energy, bound, self.work)
        return GroundState(
            energy=energy,
            state=problem.expanded(tree.state),
            method=NAME,
            certified=not tree.open and problem.agree(energy, bound),
            lower_bound=bound,
            reason=_words(tree, self.relaxation),
            seconds=time.perf_counter() - self.begin,
            labels=model.labels,
            n_visible=getattr(model, "V", None),
            certificate=kept,
        )


def fits(model: IsingModel, seconds: float, share: float) -> bool:
    """Whether a proof has begun, bounded something and ended in the time, given this share of a processor.

    What is under way when time is over, and a first bound before it, take as long as the closing.
    """
    n, relaxation = model.n_spins, relaxation_of(model)
    return set_up_seconds(n, relaxation) + 2 * closing_seconds(n, relaxation) <= seconds * share


def prepare(model: IsingModel) -> None:
    """Compile (or load) the kernels that a proof for this model takes, so that a clock can start."""
    compile_kernels(relaxation_of(model), cliques=True)


PROBE_SECONDS = 3.0  # by counted operations
_PROBED_SPINS = 200  # of dense models: beyond, the root alone takes seconds and leaves much


class Probe(NamedTuple):
    """What the root of a proof says: seconds of the whole by estimate, and the proof up to there."""

    seconds: float
    run: Run
    root: GroundState


def probe(model: IsingModel, threads: int | None = None) -> Probe:
    """Estimated seconds of a proof from the gap at the root of its tree.

    No clock is looked at: operations are counted and taken for as long as they last on one core of the
    machine of the benchmarks, so that a model takes the same way on a busy machine, too.
    """
    relaxation = relaxation_of(model)
    run = Run(model, relaxation)
    if relaxation == "semidefinite" and model.n_spins > _PROBED_SPINS:
        run.go_on(Limits(nodes=0), threads=threads)
        return Probe(cost(model).seconds, run, run.answer())
    if relaxation == "cycles":
        run.work.most = PROBE_SECONDS
    run.go_on(Limits(nodes=1), threads=threads)
    if relaxation == "cycles":
        run.work.most = np.inf
    root, seconds = run.answer(), run.tree.counted
    if root.certified:
        return Probe(seconds, run, root)
    n = model.n_spins + model.has_fields
    if relaxation == "cycles":
        # every halving of what is left takes a few times the work at the root
        return Probe(seconds * 4.0 ** min(2 + 400 * root.relative_gap, 500.0), run, root)
    # Measured: the gap in units of a typical local field sets the nodes, some 60 evaluations each, and real
    # couplings take a quick dive to the ground state.
    J = edges_of(model)[2]
    field = math.sqrt(2 * float((J / np.abs(J).max()) @ (J / np.abs(J).max())) / n) * float(np.abs(J).max())
    nodes = 2.0 ** min(2 + 1.8 * root.bound_gap / field, 500.0)
    return Probe(seconds + nodes * 0.033 * (n / 80) ** 2.5 + 0.02 * max(0, n - 20), run, root)


def _begin(
    problem: Problem,
    descent: Descent,
    relaxation: str,
    start: tuple[np.ndarray, int] | None,
    model: IsingModel,
    keep: bool,
    resume: Certificate | None,
) -> tuple[Tree, Any]:
    """The tree and what works on its nodes."""
    state, best = descent.from_random()
    if start is not None and start[1] > best:
        state, best = start
    work: Any
    if relaxation == "cycles":
        from .cycles import Cycles

        work = Cycles(problem, descent)
    else:
        smallest = CHECKED_SPINS if keep else _FREE_SPINS
        work = Dense(problem.matrix(), problem.scale, problem.step, problem.slack, smallest)
    if resume is not None:
        root, given, h2 = restore(resume, problem, model, work)
        if h2 > best:
            state, best = given, h2
    else:
        root = Node(None, 1, work.trivial().h2(), 0)
    return Tree(root, best, state, problem.step, problem.slack, keep), work


def _energy(model: IsingModel, problem: Problem, s: np.ndarray, edges: tuple[np.ndarray, ...]) -> float:
    """Rounded once from the exact sum of its terms."""
    state = problem.expanded(s)
    i, j, J = edges
    terms = -J * state[i] * state[j]
    return math.fsum([model.offset, *terms.tolist(), *(-model.b * state).tolist()])


def _close_enough(problem: Problem, gap: float) -> Callable[[int, int], bool]:
    def close_enough(bound: int, best: int) -> bool:
        energy = problem.energy_of(best)
        return float(energy - problem.energy_of(bound) + problem.lost) <= gap * abs(float(energy))

    return close_enough


def _reporter(problem: Problem, progress: Any, begin: float) -> Any:
    if progress is False or progress is None:
        return None
    if progress is not True and not callable(progress):
        raise TypeError(f"progress must be True, False or a function, got {type(progress).__name__}")

    def report(tree: Tree, last: bool = False) -> None:
        energy, bound = float(problem.energy_of(tree.best)), problem.lower_bound(tree.bound)
        step = Progress(energy, bound, len(tree.open), tree.n_nodes, time.perf_counter() - begin)
        if progress is not True:
            if not last:
                progress(step)
            return
        line = (
            f"{step.seconds:8.1f} s  bound {bound:.10g}  energy {energy:.10g}  open {step.open_nodes}"
            f"  nodes {step.nodes}"
        )
        end = "\n" if last or not sys.stderr.isatty() else "\r"
        print(line, end=end, file=sys.stderr, flush=True)

    return report


def _words(tree: Tree, relaxation: str) -> str:
    what = (
        "semidefinite bound with triangles"
        if relaxation == "semidefinite"
        else "odd-cycle and clique inequalities"
    )
    return f"{what}, {tree.n_nodes} nodes" + (f", {INTERRUPTED}" if tree.interrupted else "")


@cache
def compile_kernels(relaxation: str, cliques: bool = False) -> None:
    """Run every kernel of a relaxation once, so that a clock that starts afterwards measures work.

    The cliques' take a second and many models never: a proof without a clock compiles them on its way.
    """
    n = 24
    i, j = np.triu_indices(n, 1)
    J = np.random.default_rng(1).normal(size=len(i))
    near = (j - i) % (n - 2) < 3  # signs on a ring of degree four: no spin follows another
    sparse = make_problem(n, i[near], j[near], np.sign(J[near]), np.zeros(n), 0.0)
    problem = sparse if relaxation == "cycles" else make_problem(n, i, j, J, np.zeros(n), 0.0)
    descent = Descent(problem)
    state, best = descent.from_random(2)
    if relaxation == "cycles":
        from .cliques import violated_cliques
        from .cycles import Cycles

        cycles = Cycles(sparse, descent)
        cycles.separate(np.full(len(sparse.c), 0.4), len(sparse.c))
        cycles.rounded(np.full(len(sparse.c), 0.4))
        if cliques:
            violated_cliques(cycles.graph, np.full(len(sparse.c), 0.4), 0.0, 10)
        cycles(Node(None, 1, 0, 0), best, np.zeros(1, np.int8))
        return
    work = Dense(problem.matrix(), problem.scale, problem.step, problem.slack, 2)
    with one_blas_thread():
        tree = Tree(Node(None, 1, work.trivial().h2(), 0), best, state, problem.step, problem.slack)
        tree.explore(work, Limits(nodes=3), 1)
    best_of_all(problem.matrix()[:3, :3].copy())
