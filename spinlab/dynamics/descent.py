"""Descent at zero temperature: from many starts to states that no single flip improves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.jit import kernel
from .._core.philox import ORDER, UPDATE, word
from .._core.primitives import cache_size, field, fill, flip
from .._core.progress import map_with_progress, shows_progress
from .._core.results import Result
from .._core.rng import RNG, as_key
from .._core.validate import as_choice, as_count, as_flag
from ..models import IsingModel, ModelLike, as_model
from ._scales import field_bounds
from .chains import starting_states

_CHAINS = 16  # starts per task
_SEQUENTIAL, _RANDOM, _STEEPEST = 0, 1, 2
_ORDERS = {"sequential": _SEQUENTIAL, "random": _RANDOM, "steepest": _STEEPEST}


@dataclass(frozen=True, repr=False)
class Descents(Result):
    """Where descents ended.

    Attributes
    ----------
    states : ndarray of int8, shape (n_chains, N)
    energy : ndarray, shape (n_chains,)
    initial : ndarray of int8, shape (n_chains, N)
        Where they started.
    converged : ndarray of bool, shape (n_chains,)
        Whether no single flip lowers the energy (a weak minimum), or, if strict minima were asked for,
        every single flip raises it. False only where ``max_steps`` ended the descent.
    strict : ndarray of bool, shape (n_chains,)
        Whether every single flip raises the energy.
    n_flips : ndarray of int64, shape (n_chains,)
    tolerance : ndarray, shape (N,)
        Local fields up to this size count as zero: the rounding bound 4 (N + 16) 2**-53 sum_j |J_ij|.
    """

    states: np.ndarray
    energy: np.ndarray
    initial: np.ndarray
    converged: np.ndarray
    strict: np.ndarray
    n_flips: np.ndarray
    tolerance: np.ndarray


@shows_progress
def descend(
    model: ModelLike,
    n_chains: int = 16,
    *,
    order: str = "random",
    strict: bool = False,
    max_steps: int = 1000,
    initial: Any = None,
    rng: RNG = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> Descents:
    """Single-spin-flip descent: visited spins with s_i h_i < 0 are flipped until there are none.

    Each flip lowers the energy by 2 |h_i|, h_i = sum_j J_ij s_j + b_i, so the descent ends in a state that is
    stable against every single flip: an inherent structure of the energy landscape.

    Parameters
    ----------
    model : IsingModel or anything :func:`spinlab.models.as_model` takes
    n_chains : int, default 16
        Independent starts.
    order : {"random", "sequential", "steepest"}
        Spins drawn at random, spins 0..N-1 in turn, or always the flip that lowers the energy most (of equal
        ones the first spin). The size of a basin depends on it.
    strict : bool, default False
        Spins without field are left alone by default, so that the end may be a weak minimum, which has
        flips that keep the energy. True also flips such spins, with probability 1/2 per visit, until every
        flip would raise the energy; some models have no such state, and ``converged`` is then False. Not with
        order="steepest".
    max_steps : int, default 1000
        Give up after so many sweeps (flips / N for "steepest").
    initial : array_like of +-1, shape (N,) or (n_chains, N), optional
        Starting states; random by default.
    rng, threads, progress
        As in :func:`spinlab.dynamics.gibbs`.

    Returns
    -------
    Descents

    Raises
    ------
    ValueError, TypeError
        On counts below 1, states that are not +-1 or of the wrong shape, an unknown order.

    Notes
    -----
    A sweep costs O(N) and each flip what it costs in :func:`spinlab.dynamics.gibbs`; "steepest" looks at all
    N fields per flip. Descents find the minima with large basins; all minima of a small model are listed
    by :func:`spinlab.exact.local_minima`.

    Examples
    --------
    >>> import spinlab as sl
    >>> memory = sl.ensembles.hopfield(N=200, K=3, rng=0)
    >>> noisy = memory.xi[1].copy()
    >>> noisy[:40] *= -1
    >>> ends = sl.dynamics.descend(memory, n_chains=1, initial=noisy, rng=0)
    >>> bool((ends.states[0] == memory.xi[1]).mean() > 0.95)
    True
    """
    model = as_model(model)
    n_chains = as_count(n_chains, "n_chains")
    as_choice(order, "order", _ORDERS)
    strict = as_flag(strict, "strict")
    if strict and order == "steepest":
        raise ValueError(
            "steepest descent ends where no flip lowers the energy; for strict minima take order='random'"
        )
    max_steps = as_count(max_steps, "max_steps")
    key = as_key(rng)
    initial = starting_states(initial, n_chains, model.n_spins, key, model.labels)
    s = initial.copy()
    tolerance = zero_fields(model)
    outcome = np.zeros((n_chains, 2), dtype=np.bool_)
    n_flips = np.zeros(n_chains, dtype=np.int64)
    form = model.form()
    arguments = (tolerance, _ORDERS[order], strict, max_steps, key)

    def run(first: int) -> None:
        own = slice(first, first + _CHAINS)
        cache = np.empty(cache_size(form))
        _descend(form, s[own], cache, *arguments, first, outcome[own], n_flips[own])

    map_with_progress(run, range(0, n_chains, _CHAINS), threads, "descent")
    return Descents(s, model.energy(s), initial, outcome[:, 0], outcome[:, 1], n_flips, tolerance)


def zero_fields(model: IsingModel) -> np.ndarray:
    """Largest size of each local field that may be rounding of zero."""
    return 4 * (model.n_spins + 16) * 2.0**-53 * field_bounds(model)


@kernel
def _descend(p, s, c, tolerance, order, strict, max_steps, key, first, outcome, n_flips):  # type: ignore[no-untyped-def]
    n_chains, n = s.shape
    for r in range(n_chains):
        for step in range(max_steps + 1):
            fill(p, s[r], c)
            least = np.inf  # of s_i h_i, beyond the tolerance
            zero = False
            for i in range(n):
                x = s[r, i] * field(p, c, s[r], i)
                least = min(least, x + tolerance[i])
                zero |= abs(x) <= tolerance[i]
            outcome[r, 1] = least >= 0.0 and not zero
            outcome[r, 0] = outcome[r, 1] if strict else least >= 0.0
            if outcome[r, 0] or step == max_steps:
                break
            for visit in range(n):
                i = visit
                if order == _RANDOM:
                    i = (np.int64(word(key, first + r, step, visit, ORDER)) * n) >> 32
                elif order == _STEEPEST:
                    i = 0
                    lowest = np.inf
                    for j in range(n):
                        x = s[r, j] * field(p, c, s[r], j)
                        if x < lowest - tolerance[j]:
                            i, lowest = j, x
                x = s[r, i] * field(p, c, s[r], i)
                if x < -tolerance[i] or (
                    strict
                    and x <= tolerance[i]
                    and word(key, first + r, step, visit, UPDATE) >> np.uint32(31)
                ):
                    flip(p, c, s[r], i)
                    n_flips[r] += 1
                elif order == _STEEPEST:
                    break
