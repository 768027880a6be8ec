"""Every one-flip-stable state of a small model or of few patterns, and the basins of steepest descent.

Few binary patterns, any N: ``lowrank.minima``. Otherwise the states form a tree, one spin fixed at each
step. A spin that is fixed can only become stable if the field on it is, at best, what it is now plus the sum
of |J_ij| over the spins not fixed yet; branches in which some spin cannot be stable are left. For an SK model
some 2^(0.6 N) branches remain.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.jit import kernel
from .._core.parallel import n_threads
from .._core.progress import map_with_progress, shows_progress
from .._core.results import Result
from .._core.validate import as_count, as_flag, check_memory
from ..models import IsingModel, ModelLike, PatternBipartiteIsing, PatternIsing, as_model
from .couplings import free_spins, in_units, over_limit, spins_of, with_ghost
from .lowrank import minima as _pattern_minima

MAX_SPINS = 36
MAX_BASIN_SPINS = 26

_PREFIX = 8  # spins that number a unit of parallel work,
_BELOW = 12  # where that leaves so many to walk through
_SECONDS_PER_BRANCH = 30e-9
_SECONDS_PER_DESCENT = 130e-9


@dataclass(frozen=True, repr=False)
class LocalMinima(Result):
    """One-flip-stable states, the lowest energy first.

    Attributes
    ----------
    count : int
        Their exact number, both states of a global flip counted.
    states : ndarray of int8, shape (min(count, max_states), N)
        By energy, then in lexicographic order; without fields, each state with s_0 = +1 is followed by
        its flip.
    energies : ndarray, shape (len(states),)
    strict : bool
        Whether every flip raises the energy, or none lowers it.
    tolerance : ndarray, shape (N,)
        Local fields below it count as zero: 0 where float64 is exact (integers, or +-1 times one number),
        otherwise the rounding bound of the field, about 4 N 2**-53 sum_j |J_ij|.
    basins : ndarray of int64, shape (len(states),), or None
        Number of states from which steepest descent ends in each of the states.
    labels : tuple or None
        Names of the sites.
    """

    count: int
    states: np.ndarray
    energies: np.ndarray
    strict: bool
    tolerance: np.ndarray
    basins: np.ndarray | None = None
    labels: tuple[Hashable, ...] | None = None

    @property
    def complete(self) -> bool:
        """Whether every state is listed."""
        return len(self.states) == self.count


@shows_progress
def local_minima(
    model: ModelLike,
    strict: bool = True,
    max_states: int = 100_000,
    *,
    basins: bool = False,
    threads: int | None = None,
    progress: bool | None = None,
) -> LocalMinima:
    """All states that no single flip improves: any Ising model of up to 36 spins, few patterns of any size.

    s_i h_i > 0 for all i (strict) or s_i h_i >= 0 (weak), with h_i = sum_j J_ij s_j + b_i: flipping s_i
    adds 2 s_i h_i to the energy.

    Parameters
    ----------
    model : IsingModel or anything that :func:`spinlab.models.as_model` takes
        N <= 36 spins, any form, with or without fields; or up to 7 binary (+-1) patterns without fields,
        any N: a ``PatternIsing`` with scale > 0, or a ``PatternBipartiteIsing`` for its strict minima.
    strict : bool, default True
        Strict minima only, or also states with flips that keep the energy (their number may be vastly
        larger: for +-J couplings and odd N, where all fields are even, or for few patterns).
    max_states : int, default 100 000
        List at most so many; where there are more, ``complete`` is False and the list holds some of them,
        the first in the order in which they are met. 0 only counts.
    basins : bool, default False
        Sizes of the basins of attraction under steepest descent: the flip that lowers the energy most,
        of equal ones that of the first spin, until no flip lowers it by more than the rounding. It ends
        in weak minima, so that the sizes of all of these add up to 2**N. N <= 26.
    threads, progress
        As for :func:`spinlab.ground_state`.

    Returns
    -------
    LocalMinima

    Raises
    ------
    ValueError
        If the model has more than 36 spins, or 26 with basins, and is not of few patterns (the message
        estimates the time), or if the states do not fit in memory.

    Notes
    -----
    Few patterns: a minimum is a zero-threshold function of the pattern columns, so that there are at most
    2, 4, 14, 104, 1882, 94572, 15028134 of them for K = 1 to 7, whatever N. K = 5, 6, 7 take 1 ms, 20 ms and
    some seconds, reading the patterns 0.05 s per 10^6 spins.

    Otherwise branches that hold no minimum are left early. SK with Gaussian couplings at N=30 takes 0.1 s on
    one core, 0.1 ns for each of 2**29 states; with +-J couplings, where the bounds are weaker, 0.5 s. The
    worst case, most states being weak minima (couplings zero), takes 30 ns for each of them. Basins: about
    150 ns per state and core, and 12 bytes.

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab import exact
    >>> ring = np.roll(np.eye(6), 1, axis=0) + np.roll(np.eye(6), -1, axis=0)
    >>> exact.local_minima(ring).count  # all spins equal; a domain wall moves freely
    2
    >>> exact.local_minima(ring, strict=False).count
    20
    >>> from spinlab.ensembles import hopfield
    >>> exact.local_minima(hopfield(N=100_000, K=3, rng=0)).count  # the patterns, and mixtures of three
    14
    """
    model = as_model(model)
    strict, basins = as_flag(strict, "strict"), as_flag(basins, "basins")
    max_states = as_count(max_states, "max_states", 0)
    by_patterns = _pattern_minima.seconds(model, strict) if not basins else None
    if by_patterns is not None and (model.n_spins > MAX_SPINS or by_patterns < _tree_seconds(model)):
        return _of_patterns(model, strict, max_states, threads)
    if (reason := _refusal(model, basins, threads)) is not None:
        raise ValueError(reason)
    fields = model.has_fields
    images = 1 if fields else 2
    G, unit, exact = in_units(with_ghost(model))
    n = len(G) - 1
    tolerance = np.zeros(n + 1) if exact else 4 * (n + 16) * 2.0**-53 * np.abs(G).sum(1)
    order = _order(G)
    tree = _Tree(G[np.ix_(order, order)], tolerance[order], int(fields), strict)
    count, numbers = tree.stable(-(-max_states // images), threads)

    s = np.empty((len(numbers), n + 1), np.int8)
    s[:, order] = spins_of(numbers, n)
    x = s.astype(float)
    energies = -((x @ G) * x).sum(1) / 2
    # Lexicographic among equal energies: the last key counts most.
    ranks = np.lexsort([*s.T[::-1], energies])
    s, energies = s[ranks], energies[ranks] * unit + model.offset
    sizes = _basin_sizes(_Tree(G, tolerance, int(fields), False), s, threads) if basins else None
    states = s[:, -model.n_spins :]
    if images == 2:
        states = np.stack([states, -states], axis=1).reshape(-1, model.n_spins)
        energies = np.repeat(energies, 2)
        sizes = None if sizes is None else np.repeat(sizes, 2)
    return LocalMinima(
        count=count * images,
        states=states[:max_states],
        energies=energies[:max_states],
        strict=strict,
        tolerance=tolerance[-model.n_spins :] * unit,
        basins=None if sizes is None else sizes[:max_states],
        labels=model.labels,
    )


def _of_patterns(model: IsingModel, strict: bool, max_states: int, threads: int | None) -> LocalMinima:
    assert isinstance(model, PatternIsing | PatternBipartiteIsing)
    found = _pattern_minima.PatternMinima(model, strict, threads)
    listed = min(-(-max_states // 2), len(found))
    check_memory(3 * listed * model.n_spins, "the list of minima (max_states=0 only counts)")
    states = found.states(listed)
    return LocalMinima(
        count=2 * len(found),
        states=np.stack([states, -states], axis=1).reshape(-1, model.n_spins)[:max_states],
        energies=np.repeat(found.energies[:listed], 2)[:max_states],
        strict=strict,
        tolerance=np.zeros(model.n_spins),
        labels=model.labels,
    )


def _tree_seconds(model: IsingModel) -> float:
    return 2.0 ** (0.78 * min(free_spins(model), 1000)) * _SECONDS_PER_BRANCH


def _refusal(model: IsingModel, basins: bool, threads: int | None) -> str | None:
    n = min(free_spins(model), 1000)
    if basins:
        seconds, limit, what = 2.0**n * _SECONDS_PER_DESCENT, MAX_BASIN_SPINS, "the sizes of basins"
        instead = "basins=False, or start descents from random states (spinlab.dynamics) and count their ends"
    else:
        seconds, limit, what = _tree_seconds(model), MAX_SPINS, "the list of local minima"
        instead = "start descents from random states (spinlab.dynamics), which find some of them"
        if isinstance(model, PatternIsing | PatternBipartiteIsing):
            instead += "; up to 7 binary patterns without fields are taken at any size"
    return over_limit(model, limit, seconds / n_threads(threads), what, instead)


def _order(G: np.ndarray) -> np.ndarray:
    """Spins in the order in which they are fixed: next the one most strongly coupled to those before it."""
    A = np.abs(G)
    order = [0]
    reach = A[0].copy()
    left = set(range(1, len(G)))
    while left:
        i = max(sorted(left), key=lambda i: reach[i])
        order.append(i)
        left.remove(i)
        reach += A[i]
    return np.array(order)


class _Tree:
    """The tree of states: ``lower[l, i]`` is what s_i h_i must exceed once spins 0 .. l are fixed."""

    def __init__(self, G: np.ndarray, tolerance: np.ndarray, first: int, strict: bool) -> None:
        n = len(G) - 1
        self.G = np.pad(G, ((0, 0), (0, -(n + 1) % 16)))  # whole vector registers
        required = tolerance if strict else -tolerance
        self.lower = np.full(self.G.shape, -math.inf)
        for l in range(n + 1):  # a bound may be off by the rounding of the field and of the sum
            margin = np.abs(G[:, l + 1 :]).sum(1) + tolerance if l < n else 0.0
            self.lower[l, first : l + 1] = (required - margin)[first : l + 1]
        if not strict:  # equality will do
            self.lower = np.nextafter(self.lower, -math.inf)
        self.prefix = max(0, min(_PREFIX, n - _BELOW))
        self.seconds = 2.0 ** (0.78 * n) * _SECONDS_PER_BRANCH

    def stable(self, limit: int, threads: int | None) -> tuple[int, np.ndarray]:
        """How many states of the free spins are stable, and the numbers of the first ``limit``."""

        def walk(task: tuple[int, int]) -> tuple[int, np.ndarray]:
            branch, size = task
            found = np.empty(size, np.int64)
            n = _stable(self.G, self.lower, self.prefix, branch, found)
            return n, found[: min(n, size)].copy()

        def walk_all(tasks: list[tuple[int, int]]) -> list[tuple[int, np.ndarray]]:
            return map_with_progress(walk, tasks, threads, "local minima", self.seconds / n_threads(threads))

        results = walk_all([(branch, min(limit, 1024)) for branch in range(1 << self.prefix)])
        counts = np.array([count for count, _ in results])
        wanted = np.clip(limit - (np.cumsum(counts) - counts), 0, counts)
        check_memory(int(wanted.sum()) * 20 * len(self.G), "the list of minima")
        again = [k for k, (_, found) in enumerate(results) if wanted[k] > len(found)]
        for k, result in zip(again, walk_all([(k, int(wanted[k])) for k in again]), strict=True):
            results[k] = result
        return int(counts.sum()), np.concatenate([found for _, found in results])[:limit]


def _basin_sizes(tree: _Tree, minima: np.ndarray, threads: int | None) -> np.ndarray:
    """From how many states of the free spins steepest descent ends in each minimum or its global flip."""
    n = len(tree.G) - 1
    check_memory(12 << n, "the map of steepest descent")
    end = np.empty(1 << n, np.int32)
    seconds = 2.0**n * _SECONDS_PER_DESCENT / n_threads(threads)

    def run(branch: int) -> None:
        _steepest(tree.G, tree.lower, tree.prefix, branch, end)

    map_with_progress(run, range(1 << tree.prefix), threads, "steepest descent", seconds)
    while True:  # each round doubles the number of steps taken
        further = end[end]
        if np.array_equal(further, end):
            break
        end = further
    sizes = np.bincount(end, minlength=len(end))
    return sizes[(minima[:, 1:] > 0) @ (1 << np.arange(n - 1, -1, -1))]


@kernel
def _fix(G: Any, lower: Any, s: Any, l: Any, H: Any) -> Any:
    """Fill the fields H[l] once spin l is fixed too; return whether all spins may still be stable."""
    x, h, before, g, required = s[l], H[l], H[l - 1], G[l], lower[l]
    failed = 0
    for i in range(G.shape[1]):
        h[i] = before[i] + x * g[i]
        failed += s[i] * h[i] <= required[i]
    return failed == 0


@kernel
def _enter(G: Any, lower: Any, prefix: Any, branch: Any, s: Any, H: Any) -> Any:
    """Fix the first spins; return whether all of them may be stable."""
    s[0] = 1.0
    stable = True
    for i in range(G.shape[1]):
        H[0, i] = G[0, i]
        stable &= not s[i] * H[0, i] <= lower[0, i]
    for l in range(1, prefix + 1):
        s[l] = 1.0 if (branch >> (prefix - l)) & 1 else -1.0
        stable &= _fix(G, lower, s, l, H)
    return stable


@kernel
def _stable(G: Any, lower: Any, prefix: Any, branch: Any, found: Any) -> Any:
    """Count the stable states below a branch; list them while there is room."""
    n = G.shape[0] - 1
    H = np.empty(G.shape)
    s = np.zeros(G.shape[1])
    if not _enter(G, lower, prefix, branch, s, H):
        return 0
    if prefix == n:
        if len(found):
            found[0] = branch
        return 1
    count = 0
    state = branch
    l = prefix + 1
    while l > prefix:
        if s[l] == 1.0:  # both values done
            s[l] = 0.0
            l -= 1
            state >>= 1
            continue
        if s[l] == 0.0:
            s[l] = -1.0
            state <<= 1
        else:
            s[l] = 1.0
            state += 1
        if not _fix(G, lower, s, l, H):
            continue
        if l < n:
            l += 1
            continue
        if count < len(found):
            found[count] = state
        count += 1
    return count


@kernel
def _steepest(G: Any, least: Any, prefix: Any, branch: Any, target: Any) -> None:
    """The state after one step of steepest descent, for every state below a branch."""
    n = G.shape[0] - 1
    H = np.empty(G.shape)
    s = np.zeros(G.shape[1])
    gain = np.empty(G.shape[1])
    _enter(G, least, prefix, branch, s, H)
    for state in range(branch << (n - prefix), (branch + 1) << (n - prefix)):
        l = n  # the first spin that differs from the state before
        while l > prefix + 1 and (state >> (n - l)) & 1 == 0:
            l -= 1
        for j in range(max(l, prefix + 1), n + 1):
            s[j] = 1.0 if (state >> (n - j)) & 1 else -1.0
            _fix(G, least, s, j, H)
        best = 0.0
        for i in range(n + 1):
            x = s[i] * H[n, i]
            gain[i] = x if x <= least[n, i] else 0.0
            best = min(best, gain[i])
        target[state] = state
        if best < 0.0:
            flip = 0
            while gain[flip] != best:
                flip += 1
            # To flip spin 0 is to flip all others, and then all spins.
            target[state] = state ^ (1 << (n - flip) if flip else (1 << n) - 1)
