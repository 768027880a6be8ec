"""The front door to exact answers: picks the cheapest method that can prove the result."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import exact
from ._core.validate import as_choice, as_flag, as_real
from .dynamics import anneal, search
from .exact import GroundState
from .exact.method import Task
from .models import IsingModel, as_model

HEURISTICS = ("tempering", "annealing")
_LARGEST_LADDER = 20_000  # spins; the ladder grows with the square root, the work with the power 3/2


def ground_state(
    model: Any,
    method: str = "auto",
    *,
    degeneracy: bool = False,
    allow_heuristic: bool = False,
    seconds: float | None = None,
    threads: int | None = None,
    **options: Any,
) -> GroundState:
    """A state of lowest energy, proven; on request the best state found where no proof is in reach.

    Parameters
    ----------
    model : IsingModel, array_like (N, N), scipy.sparse, networkx.Graph or dimod BQM
        Anything :func:`spinlab.models.as_model` takes.
    method : str, default "auto"
        Name of an exact method (:func:`explain` lists them), or of a heuristic: "tempering"
        (:func:`spinlab.dynamics.search`) or "annealing" (:func:`spinlab.dynamics.anneal`). "auto" takes the
        exact method that is cheapest by estimate.
    degeneracy : bool, default False
        Also count the states of lowest energy.
    allow_heuristic : bool, default False
        Where no exact method can take the model, return the best state of a heuristic with
        ``certified=False``, instead of refusing: parallel tempering with descent and, on sparse graphs,
        cluster moves, until independent runs agree; beyond 20 000 spins annealing.
    seconds : float, optional
        Budget of the tempering heuristic in wall-clock time; without it the budget is 16 000 steps of every
        replica, and the result depends on ``rng`` alone (0 by default).
    threads : int, optional
        Threads; all processors by default.
    **options
        Passed to a method chosen by name, for example ``dtype="float32"`` for "enumeration".

    Returns
    -------
    GroundState
        No state lies below ``lower_bound``; with ``certified`` True the energy meets it. A heuristic's bound
        is -sum |J| - sum |b|, which only models without frustration meet.

    Raises
    ------
    ValueError
        If no exact method can take the model: the message gives each method's estimate.

    Examples
    --------
    >>> import spinlab as sl
    >>> gs = sl.ground_state(sl.ensembles.hopfield(N=20, K=3, rng=0))
    >>> gs.certified, gs.method
    (True, 'lowrank')
    """
    model = as_model(model)
    degeneracy = as_flag(degeneracy, "degeneracy")
    allow_heuristic = as_flag(allow_heuristic, "allow_heuristic")
    if options and method == "auto":
        raise TypeError(f"options {sorted(options)} belong to one method; name it, for example 'enumeration'")
    if seconds is not None:
        if not (method == "tempering" or (method == "auto" and allow_heuristic)):
            raise TypeError("seconds bounds the tempering heuristic: give allow_heuristic=True with it")
        seconds = as_real(seconds, "seconds", 0.0, exclusive=True)
    if method in HEURISTICS:
        return _heuristic(method, model, degeneracy, "asked for by name", seconds, threads, options)
    if method == "auto" and allow_heuristic and all(row.refusal for row in explain(model).rows):
        name = "tempering" if model.n_spins <= _LARGEST_LADDER else "annealing"
        reason = "no exact method can take this model"
        return _heuristic(name, model, degeneracy, reason, seconds, threads, {})
    solver, reason = _choose(model, method, "degeneracy" if degeneracy else "ground_state")
    result: GroundState = solver.ground_state(model, degeneracy=degeneracy, threads=threads, **options)
    return replace(result, reason=reason)


@dataclass(frozen=True)
class Estimate:
    """What one exact method would cost: seconds and bytes, or why it cannot take the model."""

    method: str
    seconds: float | None
    bytes: float | None
    refusal: str | None


@dataclass(frozen=True)
class Explanation:
    """A row per exact method; ``str()`` is a table."""

    model: str
    rows: tuple[Estimate, ...]

    def __str__(self) -> str:
        lines = [self.model, f"{'method':14s}{'seconds':>10s}{'memory':>10s}  remark"]
        best = min((row.seconds for row in self.rows if row.seconds is not None), default=None)
        for row in self.rows:
            if row.seconds is None or row.bytes is None:
                lines.append(f"{row.method:14s}{'-':>10s}{'-':>10s}  {row.refusal}")
            else:
                remark = "cheapest" if row.seconds == best else ""
                lines.append(f"{row.method:14s}{row.seconds:10.2g}{row.bytes / 1e6:7.3g} MB  {remark}")
        return "\n".join(line.rstrip() for line in lines)


def explain(model: Any, task: Task = "ground_state") -> Explanation:
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
    for name, solver in exact.METHODS.items():
        refusal = solver.refusal(model, task)
        seconds, size = (None, None) if refusal else solver.cost(model, task)[:2]
        rows.append(Estimate(name, seconds, size, refusal))
    return Explanation(repr(model), tuple(rows))


def _heuristic(
    name: str,
    model: IsingModel,
    degeneracy: bool,
    reason: str,
    seconds: float | None,
    threads: int | None,
    options: dict[str, Any],
) -> GroundState:
    """The best state found, certified only where it meets the trivial bound."""
    if degeneracy:
        raise ValueError(f"{name} proves nothing and cannot count ground states; leave out degeneracy=True")
    start = time.perf_counter()
    options = {"rng": 0, "threads": threads, **options}
    if name == "annealing":
        runs = anneal(model, **({"n_chains": 64} | options))
        state = runs.states[int(np.argmin(runs.energy))]
    else:
        found = search(model, seconds=seconds, **options)
        state = found.state
        reason += f"; {found.hits} of {found.groups} independent searches met this energy"
    energy = float(model.energy(state))
    sparse = model.to_sparse()
    size = float(np.abs(sparse.edges()[2]).sum() + np.abs(model.b).sum())
    rounding = 2.0**-52 * (sparse.n_edges + model.n_spins) * (size + abs(model.offset))
    bound = model.offset - size
    return GroundState(
        energy=energy,
        state=state,
        method=name,
        certified=energy <= bound + rounding,
        lower_bound=bound if energy == bound else bound - rounding,
        reason=reason,
        seconds=time.perf_counter() - start,
        labels=model.labels,
        n_visible=getattr(model, "V", None),
    )


def log_partition(
    model: Any, beta: Any = 1.0, method: str = "auto", *, threads: int | None = None
) -> float | np.ndarray:
    """Exact ln Z = ln sum_s exp(-beta E(s)), all states enumerated.

    Parameters
    ----------
    model : IsingModel or anything :func:`spinlab.models.as_model` takes
    beta : float or array_like, default 1
        Inverse temperatures, 0 or more.
    method : str, default "auto"
        Name of an exact method; "auto" takes the cheapest by estimate.
    threads : int, optional

    Returns
    -------
    float, or ndarray of the shape of ``beta``

    Raises
    ------
    ValueError
        If the model is too large to be enumerated.

    Examples
    --------
    >>> import spinlab as sl
    >>> round(sl.log_partition([[0, 1], [1, 0]], beta=2.0), 6)  # ln(4 cosh 2)
    2.711297
    """
    model = as_model(model)
    solver, _ = _choose(model, method, "log_partition")
    return solver.log_partition(model, beta, threads=threads)


def mean_energy(
    model: Any, beta: Any = 1.0, method: str = "auto", *, threads: int | None = None
) -> float | np.ndarray:
    """Exact thermal mean <E> = -d ln Z / d beta; arguments as in :func:`log_partition`.

    Examples
    --------
    >>> import spinlab as sl
    >>> round(sl.mean_energy([[0, 1], [1, 0]], beta=2.0), 6)  # -tanh 2
    -0.964028
    """
    model = as_model(model)
    solver, _ = _choose(model, method, "log_partition")
    return solver.mean_energy(model, beta, threads=threads)


def _choose(model: IsingModel, method: str, task: Task) -> tuple[Any, str]:
    """The method and why it was taken."""
    known = exact.METHODS
    as_choice(method, "method", ["auto", *known])
    if method != "auto":
        return known[method], "asked for by name"  # it refuses by itself, knowing its options
    refusals = {name: solver.refusal(model, task) for name, solver in known.items()}
    able = {name: known[name].cost(model, task) for name, refusal in refusals.items() if refusal is None}
    if not able:
        reasons = "; ".join(f"{name}: {refusal}" for name, refusal in refusals.items())
        raise ValueError(f"no exact method can take {model!r}. {reasons}")
    best = min(able, key=lambda name: (not able[name].certain, able[name].seconds))
    estimates = ", ".join(f"{name} {cost.seconds:.2g} s" for name, cost in able.items())
    return known[best], f"cheapest exact method by estimate ({estimates})"
