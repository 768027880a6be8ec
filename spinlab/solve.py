"""The front door to exact answers: picks the cheapest method that can prove the result."""

from __future__ import annotations

import difflib
import functools
import inspect
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from . import exact
from ._core import plugins
from ._core.progress import bars, duration, shows_progress
from ._core.results import Result, cut, shortened
from ._core.rng import RNG, as_generator
from ._core.stopwatch import Stopwatch, share_by_load
from ._core.validate import as_flag, as_real, as_real_array
from .anytime import FIRST_SHARE, Budget, go_on, prove
from .dynamics import anneal, search
from .exact import GroundState
from .exact import parts as parts_of
from .exact.accuracy import U, settle
from .exact.choice import Choice, choose, refusals
from .exact.couplings import (
    edges_of,
    exact_sum,
    is_frustrated,
    lost,
    n_couplings,
    round_down,
    size_and_lost,
)
from .exact.method import Task
from .models import IsingModel, ModelLike, TwoLayerIsing, as_model

HEURISTICS = ("tempering", "annealing")
_WORTH_SPLITTING = 0.01  # seconds
LONGEST_PROOF = 10.0  # seconds by estimate, up to which a proof by branching is begun without being asked for
_SOON = 2.0  # seconds: another method this cheap is taken without a look at branching
_VISIT_STATES = ("enumeration", "layer")  # twice as long for each spin more, coupled to the others or not
_ANY_ERROR = 1e300  # of ln Z, where a bound on it is all that matters
_SUMMED_EXACTLY = 100_000  # couplings: .02 s; millions take longer than a short search
_CLOSE = 1e-6  # of the sums, far more than their rounding
_LEAST_TIME = 1e-3  # seconds
_LARGEST_LADDER = 20_000  # spins; the ladder grows with the square root, the work with the power 3/2


def ground_state(
    model: ModelLike,
    method: str = "auto",
    *,
    degeneracy: bool = False,
    allow_heuristic: bool = False,
    seconds: float | None = None,
    rng: RNG = None,
    relative_gap: float | None = None,
    nodes: int | None = None,
    memory: float | None = None,
    progress: bool | Callable[[exact.branching.Progress], None] | None = None,
    certificate: bool = False,
    threads: int | None = None,
    **options: Any,
) -> GroundState:
    """A state of lowest energy, proven; within a budget, the best state and a proven bound.

    Parameters
    ----------
    model : IsingModel, array_like (N, N), scipy.sparse, networkx.Graph or dimod BQM
        Anything :func:`spinlab.models.as_model` takes.
    method : str, default "auto"
        Name of an exact method (:func:`explain` lists them), or of a heuristic: "tempering"
        (:func:`spinlab.dynamics.search`) or "annealing" (:func:`spinlab.dynamics.anneal`). "auto" takes the
        exact method that is cheapest by estimate; a proof by branching only where it is estimated at less
        than 10 s, unless ``seconds``, ``relative_gap``, ``nodes`` or ``certificate`` ask for it.
    degeneracy : bool, default False
        Also count the states of lowest energy.
    allow_heuristic : bool, default False
        Where no exact method can take the model, return the best state of a heuristic with
        ``certified=False``, instead of refusing: parallel tempering with descent and, on sparse graphs,
        cluster moves, until independent groups have equilibrated and agree; beyond 20 000 spins, where
        no time is given, annealing.
    seconds : float, optional
        Budget in wall-clock time from the call on, compilation not counted. A method that is estimated to end
        in time, with what the machine's load leaves of a processor, is taken as always; otherwise at most a
        third of the time goes to a first state and the rest to its proof by branching, and the answer is the
        best state with a proven lower bound: ``certified`` only where they meet, and only then before time
        is over. With ``allow_heuristic``, too, only the root of the proof is bounded, and the rest of it
        is searched; where the time is too short to begin a proof, all of it. For "tempering", its budget:
        without it 16 000 steps of every replica, and a result that depends on ``rng`` alone (0 by default).
    relative_gap, nodes, memory, certificate
        Of a proof by branching: see :func:`spinlab.exact.branching.ground_state`. Ctrl-C ends one with what
        is known.
    progress : bool or callable, optional
        A bar for work of more than 5 s: None in terminals and notebooks, True always, False never. True or a
        function also follow a proof by branching.
    rng : None, int or numpy.random.Generator
        Seed of a heuristic, 0 by default; exact methods draw no random numbers.
    threads : int, optional
        Threads; all processors by default. The result does not depend on it.
    **options
        Passed to a method chosen by name, for example ``dtype="float32"`` for "enumeration".

    Returns
    -------
    GroundState
        No state lies below ``lower_bound``; with ``certified`` True the energy meets it. A heuristic's bound
        is -sum |J| - sum |b|, which only models without frustration meet; with more than 10^5 couplings made
        of patterns, whose sum takes longer than a short search, that of the patterns one by one.

    Raises
    ------
    exact.RefusedError
        A ValueError: no exact method can take the model, as it is or in parts. A line for each method says
        why, the last one what to do instead.

    Notes
    -----
    Isolated spins and leaves are taken out, and what is left is solved in connected parts, each by the method
    that suits it, where the whole is refused or would take longer.

    Examples
    --------
    >>> import spinlab as sl
    >>> gs = sl.ground_state(sl.ensembles.hopfield(N=20, K=3, rng=0))
    >>> gs.certified, gs.method
    (True, 'lowrank')
    """
    clock = Stopwatch()
    model = as_model(model)
    degeneracy = as_flag(degeneracy, "degeneracy")
    allow_heuristic = as_flag(allow_heuristic, "allow_heuristic")
    if options and method == "auto":
        close = difflib.get_close_matches(next(iter(options)), inspect.signature(ground_state).parameters, 1)
        hint = f"; did you mean {close[0]!r}?" if close else "; name it, for example 'enumeration'"
        raise TypeError(f"options {sorted(options)} belong to one method{hint}")
    if seconds is not None:
        seconds = as_real(seconds, "seconds", 0.0, exclusive=True)
    if memory is not None:
        memory = as_real(memory, "memory", 0.0)  # also where no proof by branching is needed
    certificate = as_flag(certificate, "certificate")
    if rng is not None:
        as_generator(rng)  # also where the method draws nothing
    budget = Budget(seconds, relative_gap, nodes, memory, progress, certificate, allow_heuristic, rng, clock)
    with bars(None if callable(progress) else progress):
        return _ground_state(model, method, degeneracy, budget, threads, options)


def _ground_state(
    model: IsingModel,
    method: str,
    degeneracy: bool,
    budget: Budget,
    threads: int | None,
    options: dict[str, Any],
) -> GroundState:
    """The answer to a request that was checked, one argument by one."""
    seconds = budget.seconds
    chance = {} if budget.rng is None else {"rng": budget.rng}
    if method in HEURISTICS:
        if budget.given() not in ([], ["seconds"]):
            raise TypeError(f"{budget.given()} belong to a proof; {method} proves nothing")
        options = chance | options
        return _heuristic(method, model, degeneracy, "asked for by name", budget, threads, options)
    plugins.check(method, "method", exact.METHODS, ["auto", *HEURISTICS])
    if method not in ("auto", "branching") and budget.given():
        raise TypeError(f"{budget.given()} belong to 'auto' and 'branching'; {method} runs to its end")
    if degeneracy and (budget.asks_for_branching() or method == "branching"):
        raise ValueError(exact.branching.refusal(model, "degeneracy"))
    if method == "branching" or budget.asks_for_branching():
        return prove(model, replace(budget, heuristic=False), threads, **options)
    try:
        return _exact_ground_state(model, method, degeneracy, threads, options, budget)
    except _NoProof as error:
        none = error
        if degeneracy or not (budget.heuristic or seconds is not None):
            raise _refused(model, "degeneracy" if degeneracy else "ground_state", method, str(none)) from None
    # By the clock, the search itself gives up ladders where the time is too short for them.
    name = "tempering" if model.n_spins <= _LARGEST_LADDER or seconds is not None else "annealing"
    reason = none.instead or "no exact method can take this model"
    return _heuristic(name, model, degeneracy, reason, budget, threads, chance)


class _NoProof(Exception):  # noqa: N818 - it is caught at once
    """No exact method takes the model, or a part of it; the text is what branching would take."""

    instead = ""
    """Why a search answers."""


class _NoTime(_NoProof):
    """A proof would not even begin in the time."""

    instead = "the time is too short for a proof"


@dataclass(frozen=True, repr=False)
class Estimate(Result):
    """What one exact method would cost: seconds and bytes, or why it cannot take the model."""

    method: str
    seconds: float | None
    bytes: float | None
    refusal: str | None


@dataclass(frozen=True, repr=False)
class Explanation(Result):
    """A row per exact method, and the one that "auto" takes (None: all refuse).

    ``str()`` is a short list, :meth:`text` the table with the reasons of those that refuse.
    """

    model: str
    rows: tuple[Estimate, ...]
    taken: str | None = None

    def __str__(self) -> str:
        lines = [shortened(self.model, 60)]
        for row in self.rows:
            seconds = "-" if row.seconds is None else f"{row.seconds:.2g} s"
            remark = "taken" if row.method == self.taken else row.refusal or ""
            lines.append(f"{row.method:12s}{seconds:>10s}  {shortened(remark, 24)}".rstrip())
        return cut(lines, "...; text() has all")

    def text(self) -> str:
        """The table: seconds, memory, and the reasons of the methods that refuse."""
        lines = [self.model, f"{'method':14s}{'seconds':>10s}{'memory':>10s}  remark"]
        taken = next((row.seconds for row in self.rows if row.method == self.taken), None)
        for row in self.rows:
            if row.seconds is None or row.bytes is None:
                lines.append(f"{row.method:14s}{'-':>10s}{'-':>10s}  {row.refusal}")
            else:
                remark = "cheapest" if row.method == self.taken else ""
                if row.method == "branching" and row.method != self.taken:
                    if row.seconds > LONGEST_PROOF:
                        remark = "with seconds= only: the best state and a proven bound"
                    elif taken is not None and taken <= _SOON:
                        remark = f"by the size alone: tried where the others take over {_SOON:g} s"
                lines.append(f"{row.method:14s}{row.seconds:10.2g}{row.bytes / 1e6:7.3g} MB  {remark}")
        return "\n".join(line.rstrip() for line in lines)


def explain(model: ModelLike, task: Task = "ground_state") -> Explanation:
    """What each exact method would cost for a task, and why others cannot.

    Parameters
    ----------
    model : IsingModel or anything :func:`spinlab.models.as_model` takes
    task : {"ground_state", "degeneracy", "log_partition"}, default "ground_state"
        "degeneracy" is the ground state with the number of ground states.

    Examples
    --------
    >>> import spinlab as sl
    >>> table = sl.explain(sl.ensembles.rbm_gaussian(V=10, H=1000, rng=0))
    >>> [row.method for row in table.rows if row.refusal is None]
    ['layer']
    """
    model = as_model(model)
    rows = []
    for name in plugins.names("method", exact.METHODS):
        try:
            solver = _solver(name)
        except (ValueError, TypeError) as error:  # of another package
            rows.append(Estimate(name, None, None, str(error)))
            continue
        refusal = solver.refusal(model, task)
        seconds, size = (None, None) if refusal else solver.cost(model, task)[:2]
        rows.append(Estimate(name, seconds, size, refusal))
    if task == "log_partition":
        choice = _choose(model, "auto", task)
    else:
        choice = _choose_ground_state(model, "auto", task, False, None)
    if choice.name == "branching":  # the root of a proof says more than the size
        probe = exact.branching.probe(model)
        rows = [replace(row, seconds=probe.seconds) if row.method == "branching" else row for row in rows]
        choice = _after_root(model, probe)
    return Explanation(repr(model), tuple(rows), choice.name)


def _heuristic(
    name: str,
    model: IsingModel,
    degeneracy: bool,
    reason: str,
    budget: Budget,
    threads: int | None,
    options: dict[str, Any],
) -> GroundState:
    """The best state found, certified only where it meets the trivial bound."""
    if degeneracy:
        raise ValueError(f"{name} proves nothing and cannot count ground states; leave out degeneracy=True")
    if name == "annealing" and budget.seconds is not None:
        raise TypeError(
            "seconds is the budget of 'tempering', which begins with annealing runs, and of proofs; "
            "annealing takes n_steps and n_chains"
        )
    clock = Stopwatch()
    options = {"rng": 0, "threads": threads, **options}
    # Before the search, which then knows what time is left.
    most = size_and_lost(model) if n_couplings(model, _SUMMED_EXACTLY) > _SUMMED_EXACTLY else None
    if name == "annealing":
        runs = anneal(model, **({"n_chains": 64} | options))
        state = runs.states[int(np.argmin(runs.energy))]
    else:
        left = budget.left()
        found = search(model, seconds=None if left is None else max(left, _LEAST_TIME), **options)
        state = found.state
        reason += (
            f"; {found.hits} of {found.groups} independent searches are equilibrated and met this energy"
        )
    energy, bound, certified = _trivial_bound(model, state, most)
    return GroundState(
        energy=energy,
        state=state,
        method=name,
        certified=certified,
        lower_bound=bound,
        reason=reason,
        seconds=clock.seconds(),
        labels=model.labels,
        n_visible=getattr(model, "V", None),
    )


def _trivial_bound(
    model: IsingModel, s: np.ndarray, most: tuple[float, float] | None
) -> tuple[float, float, bool]:
    """(Energy, offset - sum |J| - sum |b| rounded down, whether no term is frustrated).

    The sums are exact, but for large models where some term is frustrated for sure: ``most`` is their size
    and what rounding loses of them.
    """
    if most is not None:
        energy, (size, off) = float(model.energy(s)), most
        bound = round_down(Fraction(model.offset) - Fraction(size) - Fraction(off))
        if energy - bound > _CLOSE * (size + abs(model.offset)) + 2 * off and is_frustrated(model, s):
            return energy, bound, False
    i, j, J = edges_of(model)
    terms = np.concatenate([J * s[i] * s[j], model.b * s])
    energy, _ = exact_sum([model.offset, *(-terms).tolist()])
    _, bound = exact_sum([model.offset, *(-np.abs(terms)).tolist()], lost(model))
    return energy, bound, bool((terms >= 0).all())


@shows_progress
def log_partition(
    model: ModelLike,
    beta: Any = 1.0,
    method: str = "auto",
    *,
    threads: int | None = None,
    error: bool = False,
    tolerance: float | None = None,
    progress: bool | None = None,
) -> Any:
    """Exact ln Z = ln sum_s exp(-beta E(s)).

    Parameters
    ----------
    model : IsingModel or anything :func:`spinlab.models.as_model` takes
    beta : float or array_like, default 1
        Inverse temperatures, 0 or more.
    method : str, default "auto"
        Name of an exact method; "auto" takes the cheapest by estimate whose rounding is small enough.
    threads : int, optional
    error : bool, default False
        Also return a bound on the error.
    tolerance : float, optional
        The largest bound that is accepted; by default 1e-9 max(1, |ln Z|).
    progress : bool, optional
        A bar for work of more than 5 s: None in terminals and notebooks, True always, False never.

    Returns
    -------
    float, or ndarray of the shape of ``beta``; with ``error`` a pair of them, value and bound

    Raises
    ------
    exact.RefusedError
        A ValueError: no exact method can take the model, as it is or in parts.
    exact.InexactError
        A ValueError: rounding may have moved ln Z by more than ``tolerance``.

    Examples
    --------
    >>> import spinlab as sl
    >>> round(sl.log_partition([[0, 1], [1, 0]], beta=2.0), 6)  # ln(4 cosh 2)
    2.711297
    >>> value, bound = sl.log_partition([[0, 1], [1, 0]], beta=2.0, error=True)
    >>> bound < 1e-11
    True
    """
    model = as_model(model)
    settings = {"threads": threads, "error": error, "tolerance": tolerance}

    def in_parts(beta: float) -> tuple[float, float]:
        if beta == 0.0:
            value = model.n_spins * math.log(2)
            return value, 2 * U * value
        whole = parts_of.split(model, beta=beta)
        assert whole is not None

        def solve(part: IsingModel) -> tuple[float, float]:
            value, bound = log_partition(part, beta, method, threads=threads, error=True)
            return value, bound

        return parts_of.join_log_z(model, whole, beta, solve)

    def join() -> Any:
        betas = as_real_array(beta, "beta", (0, 1))
        if (betas < 0).any():
            raise ValueError(f"beta must be 0 or more, got {betas.min():g}; change the sign of the couplings")
        return settle("parts", betas, [in_parts(x) for x in betas.ravel().tolist()], error, tolerance)

    split = functools.partial(parts_of.split, model, beta=1.0)
    return _thermal(model, method, split, join, lambda solver: solver.log_partition(model, beta, **settings))


@shows_progress
def mean_energy(
    model: ModelLike,
    beta: Any = 1.0,
    method: str = "auto",
    *,
    threads: int | None = None,
    error: bool = False,
    progress: bool | None = None,
) -> Any:
    """Exact thermal mean <E> = -d ln Z / d beta.

    Parameters
    ----------
    model, beta, method, threads, progress
        As for :func:`log_partition`.
    error : bool, default False
        Also return a proven bound on the error. ln Z is convex in beta, so that its slopes to either side,
        from values with bounds, enclose -<E>: to about 1e-6 of sum |J| + sum |b|, for four values of ln Z.

    Returns
    -------
    float, or ndarray of the shape of ``beta``; with ``error`` a pair of them, value and bound

    Raises
    ------
    exact.RefusedError
        A ValueError: no exact method can take the model, as it is or in parts.

    Examples
    --------
    >>> import spinlab as sl
    >>> round(sl.mean_energy([[0, 1], [1, 0]], beta=2.0), 6)  # -tanh 2
    -0.964028
    >>> value, bound = sl.mean_energy([[0, 1], [1, 0]], beta=2.0, error=True)
    >>> bound < 1e-6
    True
    """
    model = as_model(model)
    if as_flag(error, "error"):
        value = mean_energy(model, beta, method, threads=threads)
        bounds = [
            _energy_bound(model, x, u, method, threads)
            for x, u in zip(np.ravel(beta).tolist(), np.ravel(value).tolist(), strict=True)
        ]
        return value, np.reshape(bounds, np.shape(value)) if np.ndim(value) else bounds[0]

    def join() -> Any:
        whole = split()
        assert whole is not None
        betas = as_real_array(beta, "beta", (0, 1))
        total = np.full(betas.shape, model.offset)
        for part in whole.models:
            total += mean_energy(part, betas, method, threads=threads)
        for _, other, J, b in whole.leaves:  # without a field, or isolated
            x = J if other >= 0 else b
            total -= x * np.tanh(betas * x)
        return total if betas.ndim else float(total)

    split = functools.partial(parts_of.split, model, plain=True)
    run = functools.partial(_run_mean_energy, model, beta, threads)
    return _thermal(model, method, split, join, run)


def _energy_bound(model: IsingModel, beta: float, value: float, method: str, threads: int | None) -> float:
    """How far the mean energy can lie from ``value``: the slopes of ln Z to both sides enclose it."""
    if beta == 0.0:  # the offset alone
        return math.nextafter(abs(value - model.offset) + model.rounding, math.inf)
    solve = functools.partial(
        log_partition, model, method=method, threads=threads, error=True, tolerance=_ANY_ERROR
    )
    _, error = solve(beta)
    # Slopes over a step h are off by h Var(E) / 2 and by 2 error / h; Var(E) is, on average over the
    # temperatures down to this one, (<E> at beta = 0 minus <E>) / beta.
    spread = model.offset - value
    step = math.sqrt(4 * error * beta / spread) if spread > 0 else beta
    step = min(max(step, 1e-12 * beta), beta)
    betas = np.array([beta - step, beta, beta + step])
    z, errors = solve(betas)
    slopes = []
    for k, sign in ((0, -1), (1, 1)):
        rise = Fraction(z[k + 1]) - Fraction(z[k]) + sign * (Fraction(errors[k + 1]) + Fraction(errors[k]))
        slopes.append(rise / (Fraction(betas[k + 1]) - Fraction(betas[k])))
    furthest = max(abs(Fraction(value) + slope) for slope in slopes)
    return math.nextafter(float(furthest), math.inf)


def _exact_ground_state(
    model: IsingModel,
    method: str,
    degeneracy: bool,
    threads: int | None,
    options: dict[str, Any],
    budget: Budget,
) -> GroundState:
    """The proven answer, or as far as the budget goes; _NoProof if all methods refuse the model or a part."""
    task: Task = "degeneracy" if degeneracy else "ground_state"
    choice = _choose_ground_state(model, method, task, bool(options), budget.seconds)
    if _may_split(choice):
        whole = parts_of.split(model, plain=degeneracy)
        if whole is not None and _total(whole, method, task) < choice.cost.seconds:
            waiting = sum(part.n_spins for part in whole.models)

            def solve(part: IsingModel) -> GroundState:
                nonlocal waiting
                share = budget
                left = budget.left()
                if left is not None:  # by the number of spins
                    own = max(left, _LEAST_TIME) * part.n_spins / waiting
                    share = replace(budget, seconds=own, clock=Stopwatch())
                waiting -= part.n_spins
                return _exact_ground_state(part, method, degeneracy, threads, {}, share)

            joined = parts_of.join_ground_states(model, whole, solve, degeneracy)
            return replace(joined, reason=f"{len(whole.models)} parts, {len(whole.leaves)} spins apart")
    if choice.name is None:
        raise _NoProof(exact.branching.refusal(model, task) or "")
    if method == "auto" and choice.name == "branching":
        return _by_branching(model, choice, threads, budget)
    solver = _solver(choice.name)
    result: GroundState = solver.ground_state(model, degeneracy=degeneracy, threads=threads, **options)
    return replace(result, reason=choice.reason)


def _choose_ground_state(
    model: IsingModel, method: str, task: Task, trusted: bool, seconds: float | None
) -> Choice:
    """The cheapest method; branching where the others take long (or longer than there is time)."""
    if method != "auto":
        return _choose(model, method, task, trusted)
    choice = choose(exact.METHODS, model, task, ["branching"])
    late = seconds is not None and choice.cost.seconds > seconds * share_by_load()
    if choice.cost.seconds <= _SOON and not late:
        return choice
    cost = exact.branching.cost(model, task)
    if cost.seconds < math.inf and (late or cost.seconds < choice.cost.seconds):
        return Choice("branching", cost, choice.reason)
    return choice


def _by_branching(model: IsingModel, choice: Choice, threads: int | None, budget: Budget) -> GroundState:
    """Within the time; without one, only if the root of the proof says that it ends soon."""
    if budget.seconds is not None:
        left = budget.left() or 0.0
        share = min(share_by_load(), budget.clock.share())
        if not exact.branching.fits(model, (1 - FIRST_SHARE) * left, share):
            raise _NoTime
        return prove(model, budget, threads)
    probe = exact.branching.probe(model, threads)
    seconds, root = probe.seconds, probe.root
    if root.certified or probe.run.tree.interrupted:
        return root
    choice = _after_root(model, probe)
    if choice.name == "branching":
        answer = go_on(probe, model, budget, threads)
        return replace(answer, reason=f"{seconds:.2g} s by estimate; {answer.reason}")
    if choice.name is not None:
        solver: Any = exact.METHODS[choice.name]
        result: GroundState = solver.ground_state(model, threads=threads)
        return replace(result, reason=choice.reason)
    raise _NoProof(
        f"a proof takes {duration(seconds)} by estimate, {root.relative_gap:.1%} being left at its root; "
        "seconds= gives the best state and a proven bound after that time"
        f"{exact.branching.missing_solver(model)}"
    )


def _after_root(model: IsingModel, probe: exact.branching.Probe) -> Choice:
    """Branching where the root of its proof says that it ends soon and before the others, or one of those."""
    other = choose(exact.METHODS, model, "ground_state", ["branching"])
    if probe.root.certified or probe.seconds < min(LONGEST_PROOF, other.cost.seconds):
        return Choice("branching", exact.Cost(probe.seconds, 0.0), f"{probe.seconds:.2g} s by estimate")
    return other


def _run_mean_energy(model: IsingModel, beta: Any, threads: int | None, solver: Any) -> Any:
    return solver.mean_energy(model, beta, threads=threads)


def _thermal(
    model: IsingModel,
    method: str,
    split: Callable[[], parts_of.Parts | None],
    join: Callable[[], Any],
    run: Callable[[Any], Any],
) -> Any:
    """``run`` of the method that takes the model, or ``join`` of its parts."""
    plugins.check(method, "method", exact.METHODS, ["auto"])
    failed: dict[str, exact.InexactError] = {}
    while True:
        choice = _choose(model, method, "log_partition", without=failed)
        if _may_split(choice):
            whole = split()
            if whole is not None and _total(whole, method, "log_partition") < choice.cost.seconds:
                return join()
        if choice.name is None:
            if failed:
                raise next(iter(failed.values()))
            raise _refused(model, "log_partition", method)
        try:
            return run(_solver(choice.name))
        except exact.InexactError as error:
            if method != "auto":
                raise
            failed[choice.name] = error


def _choose(
    model: IsingModel, method: str, task: Task, trusted: bool = False, without: Collection[str] = ()
) -> Choice:
    """The cheapest method, or the one that was named, unless it refuses (with options, it knows best)."""
    if method == "auto":
        return choose(exact.METHODS, model, task, {*without, "branching"})
    reason, free = "asked for by name", exact.Cost(0.0, 0.0)
    if trusted or _solver(method).refusal(model, task) is None:
        return Choice(method, free, reason)
    return Choice(None, exact.Cost(math.inf, math.inf), reason)


def _solver(name: str) -> Any:
    """The method of this name: ours, or of another package (entry points "spinlab.methods")."""
    return exact.METHODS[name] if name in exact.METHODS else plugins.load("method", name)


def _may_split(choice: Choice) -> bool:
    """Whether the model's parts might be quicker than the whole."""
    return choice.name in (None, "branching") or (
        choice.name in _VISIT_STATES and choice.cost.seconds > _WORTH_SPLITTING
    )


def _total(whole: parts_of.Parts, method: str, task: Task) -> float:
    """Seconds for all parts; infinite if one is refused."""
    if task == "log_partition":
        return sum(_choose(part, method, task).cost.seconds for part in whole.models)
    return sum(_choose_ground_state(part, method, task, False, None).cost.seconds for part in whole.models)


def _refused(model: IsingModel, task: Task, method: str, branching: str = "") -> Exception:
    if method != "auto":
        solver = _solver(method)
        if method == exact.layer.NAME and not isinstance(model, TwoLayerIsing):
            return TypeError(solver.refusal(model, task))
        return exact.RefusedError(solver.refusal(model, task))
    others = {name: solver for name, solver in exact.METHODS.items() if name != "branching"}
    lines = refusals(others, model, task)
    if task == "ground_state":
        lines += f"\n  branching: {branching}"
    instead = "allow_heuristic=True for the best state that a search finds, without a proof"
    if task == "degeneracy":
        instead = f"leave out degeneracy=True; or {instead}"
    if task == "log_partition":
        instead = "spinlab.dynamics.population_annealing estimates ln Z of any model"
    return exact.RefusedError(f"no exact method can take {model!r}:\n{lines}\nInstead: {instead}")
