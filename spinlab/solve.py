"""The front door to exact answers: picks the cheapest method that can prove the result."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from . import exact
from ._core.validate import as_choice
from .exact import GroundState
from .models import IsingModel, as_model


def ground_state(
    model: Any,
    method: str = "auto",
    *,
    degeneracy: bool = False,
    threads: int | None = None,
    **options: Any,
) -> GroundState:
    """A state of lowest energy, proven.

    Parameters
    ----------
    model : IsingModel, array_like (N, N), scipy.sparse, networkx.Graph or dimod BQM
        Anything :func:`spinlab.models.as_model` takes.
    method : {"auto", "enumeration", "layer"}
        "enumeration" visits all 2^N states (2^(N-1) without fields) of a model of up to about 40
        spins; "layer" visits the states of the smaller layer of an RBM, the other layer may have
        any size. "auto" takes the cheaper one by estimate.
    degeneracy : bool, default False
        Also count the states of lowest energy.
    threads : int, optional
        Threads; all processors by default.
    **options
        Passed to a method chosen by name, for example ``dtype="float32"`` for "enumeration".

    Returns
    -------
    GroundState
        ``certified`` is True: no state lies below ``lower_bound``.

    Raises
    ------
    ValueError
        If no exact method can take the model: the message gives each method's estimate.

    Examples
    --------
    >>> import spinlab as sl
    >>> gs = sl.ground_state(sl.ensembles.hopfield(N=20, K=3, rng=0))
    >>> gs.certified, gs.method
    (True, 'enumeration')
    """
    model = as_model(model)
    if options and method == "auto":
        raise TypeError(f"options {sorted(options)} belong to one method; name it, for example 'enumeration'")
    solver, reason = _choose(model, method, exact.GROUND_STATE)
    result: GroundState = solver.ground_state(model, degeneracy=degeneracy, threads=threads, **options)
    return replace(result, reason=reason)


def log_partition(
    model: Any, beta: Any = 1.0, method: str = "auto", *, threads: int | None = None
) -> float | np.ndarray:
    """Exact ln Z = ln sum_s exp(-beta E(s)), all states enumerated.

    Parameters
    ----------
    model : IsingModel or anything :func:`spinlab.models.as_model` takes
    beta : float or array_like, default 1
        Inverse temperatures, 0 or more.
    method : {"auto", "enumeration", "layer"}
        As in :func:`ground_state`.
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
    solver, _ = _choose(model, method, exact.PARTITION)
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
    solver, _ = _choose(model, method, exact.PARTITION)
    return solver.mean_energy(model, beta, threads=threads)


def _choose(model: IsingModel, method: str, known: dict[str, ModuleType]) -> tuple[ModuleType, str]:
    """The method and why it was taken."""
    as_choice(method, "method", ["auto", *known])
    if method != "auto":
        refusal = known[method].refusal(model)
        if refusal is not None:
            raise ValueError(refusal)
        return known[method], "asked for by name"
    refusals = {name: solver.refusal(model) for name, solver in known.items()}
    able = {name: known[name].cost(model) for name, refusal in refusals.items() if refusal is None}
    if not able:
        reasons = "; ".join(f"{name}: {refusal}" for name, refusal in refusals.items())
        raise ValueError(f"no exact method can take {model!r}. {reasons}")
    best = min(able, key=lambda name: able[name][0])
    estimates = ", ".join(f"{name} {seconds:.2g} s" for name, (seconds, _) in able.items())
    return known[best], f"cheapest exact method by estimate ({estimates})"
