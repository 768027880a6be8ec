"""ln Z, thermal means and exact samples of a sparse graph, by summing out one spin after the other.

As in :mod:`~spinlab.exact.tree`, with ln sum exp in place of the maximum:

    F_i(s) = ln sum over x of exp[x (b_i + sum_j J_ij s_j) + sum_c F_c(s, x)],  J, b times beta,

and the odds of x = +-1 given s, which are the ratio of the two terms. In the reverse order they give the
probability of every set S, and from it the marginals, or a sample: each spin is drawn given the later ones.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._core.progress import map_with_progress, shows_progress
from ..._core.rng import RNG, as_key
from ..._core.validate import as_count, as_real, as_real_array, check_memory
from ...models import IsingModel, ModelLike, as_model
from ..accuracy import U, settled
from ..couplings import lost
from . import buckets as _buckets
from . import solver as tree
from .plan import Elimination
from .solver import NAME, refusal

__all__ = ["NAME", "cost", "log_partition", "marginals", "mean_energy", "refusal", "samples"]

_SLOWER = 2  # than maximising: an exponential and a logarithm for each entry
_ROWS = 256  # samples in a task


def cost(model: IsingModel) -> tuple[float, float]:
    """Seconds and bytes for ln Z at one beta."""
    seconds, n_bytes = tree.cost(model)
    return _SLOWER * seconds, n_bytes


@settled(NAME)
def log_partition(
    model: IsingModel, betas: np.ndarray, threads: int | None, proven: bool
) -> list[tuple[float, float]]:
    """ln Z of an Ising model on a sparse graph, exact at every temperature.

    Parameters
    ----------
    model : IsingModel or anything that :func:`spinlab.models.as_model` takes
        As for :func:`spinlab.exact.tree.ground_state`.
    beta, threads, error, tolerance, progress
        As for :func:`spinlab.log_partition`.

    Raises
    ------
    ValueError
        As for :func:`spinlab.exact.tree.ground_state` (the message has the estimate); also if a beta is
        negative, if beta times the energies overflows, or if rounding may have moved ln Z by more than
        ``tolerance``.

    Notes
    -----
    About 5 to 10 ns for each entry of the tables and beta: a 20 x 16 strip without fields in 30 ms, a
    10 x 10 torus in 45 ms.

    Examples
    --------
    >>> from spinlab.exact import tree
    >>> round(tree.log_partition([[0, 1], [1, 0]], beta=2.0), 6)  # ln(4 cosh 2)
    2.711297
    """
    values = np.ravel(_thermal(model, betas, threads, False)[0]).tolist()
    problem = tree.elimination(model)
    energy, sums = _buckets.roundings(problem)
    return [
        (value, U * (x * energy + sums + 4 * (abs(value) + x * abs(model.offset))) + x * lost(model))
        for x, value in zip(betas.ravel().tolist(), values, strict=True)
    ]


@shows_progress
def mean_energy(
    model: ModelLike, beta: Any = 1.0, *, threads: int | None = None, progress: bool | None = None
) -> float | np.ndarray:
    """Mean energy <E> = -d ln Z / d beta of an Ising model on a sparse graph, offset included.

    The tables carry the mean energy of the spins summed out, given the others: nothing is differenced.
    Parameters, limits and errors are those of :func:`log_partition`; twice its cost.

    Examples
    --------
    >>> from spinlab.exact import tree
    >>> round(tree.mean_energy([[0, 1], [1, 0]], beta=2.0), 6)  # -tanh 2
    -0.964028
    """
    return _thermal(model, beta, threads, True)[1]


@shows_progress
def marginals(
    model: ModelLike, beta: float = 1.0, *, threads: int | None = None, progress: bool | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Thermal means <s_i> of all spins and <s_i s_j> of all edges, exact.

    Parameters
    ----------
    model, threads, progress
        As for :func:`log_partition`.
    beta : float, default 1
        Inverse temperature, 0 or more.

    Returns
    -------
    m : ndarray, shape (N,)
        <s_i>; exactly 0 in components without fields.
    c : ndarray, shape (M,)
        <s_i s_j> in the order of ``model.to_sparse().edges()``, edges without coupling included.

    Raises
    ------
    ValueError
        As for :func:`log_partition`; all tables are kept, 8 bytes an entry.

    Examples
    --------
    >>> from spinlab.exact import tree
    >>> m, c = tree.marginals([[0, 1], [1, 0]], beta=2.0)
    >>> m.tolist(), round(float(c[0]), 6)  # tanh 2
    ([0.0, 0.0], 0.964028)
    """
    model = as_model(model)
    beta = _as_beta(beta, model)
    problem = tree.elimination(model, zeros=True)
    odds = _log_odds(problem, beta, threads)
    by_step, by_scope = np.empty(len(problem.b)), np.empty(len(problem.J))
    _buckets.moments(problem.steps, odds, problem.place, *problem.stacks(), by_step, by_scope)
    m = np.empty_like(by_step)
    m[problem.steps.order] = by_step
    return m, by_scope[problem.edges]


@shows_progress
def samples(
    model: ModelLike,
    n_samples: int,
    beta: float = 1.0,
    rng: RNG = None,
    *,
    threads: int | None = None,
    progress: bool | None = None,
) -> np.ndarray:
    """Independent states from the Boltzmann distribution P(s) = exp(-beta E(s)) / Z, exact.

    Parameters
    ----------
    model, threads, progress
        As for :func:`log_partition`. The states do not depend on the number of threads.
    n_samples : int
    beta : float, default 1
        Inverse temperature, 0 or more.
    rng : None, int or numpy.random.Generator

    Returns
    -------
    ndarray of int8, shape (n_samples, N)

    Raises
    ------
    ValueError
        As for :func:`marginals`.

    Notes
    -----
    One elimination, then about N (30 + width) ns for each state.

    Examples
    --------
    >>> from spinlab.exact import tree
    >>> s = tree.samples([[0, 1], [1, 0]], 1000, beta=30.0, rng=0)
    >>> bool((s[:, 0] == s[:, 1]).all())
    True
    """
    model = as_model(model)
    beta = _as_beta(beta, model)
    n_samples = as_count(n_samples, "n_samples", 0)
    key = as_key(rng)
    problem = tree.elimination(model)
    check_memory(n_samples * model.n_spins, f"{n_samples} states of {model.n_spins} spins")
    odds = _log_odds(problem, beta, threads)
    place = problem.place
    s = np.empty((n_samples, model.n_spins), np.int8)

    def run(first: int) -> None:
        _buckets.draw(problem.steps, odds, place, key, first, s[first : first + _ROWS])

    map_with_progress(run, range(0, n_samples, _ROWS), threads, "samples")
    return s


def _thermal(model: ModelLike, beta: Any, threads: int | None, with_energy: bool) -> tuple[Any, Any]:
    """ln Z and <E> (NaN unless asked for) at each beta."""
    model = as_model(model)
    betas = as_real_array(beta, "beta", (0, 1))
    for x in betas.ravel():
        _as_beta(x, model)
    problem = tree.elimination(model)
    answers = [_buckets.log_sums(problem, float(x), threads, with_energy=with_energy) for x in betas.ravel()]
    log_z = [math.fsum([-x * model.offset, z]) for x, (z, _) in zip(betas.ravel(), answers, strict=True)]
    energy = [model.offset - u for _, u in answers]
    if betas.ndim == 0:
        return log_z[0], energy[0]
    return np.array(log_z), np.array(energy)


def _as_beta(beta: Any, model: IsingModel) -> float:
    beta = as_real(beta, "beta")
    if beta < 0:
        raise ValueError(f"beta must be 0 or more, got {beta:g}; change the sign of the couplings instead")
    if not math.isfinite(beta * model.offset):
        raise ValueError(f"beta times the offset {model.offset:g} overflows float64; remove the offset")
    return beta


def _log_odds(problem: Elimination, beta: float, threads: int | None) -> np.ndarray:
    """ln [P(x = +1 | s) / P(x = -1 | s)] of every step."""
    entries = int(problem.steps.size.sum())
    check_memory(8 * entries, f"keeping all tables of an elimination of width {problem.width}")
    odds = np.empty(entries)
    _buckets.log_sums(problem, beta, threads, odds=odds)
    return odds
