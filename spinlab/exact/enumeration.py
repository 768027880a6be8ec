"""Certified ground state of any small model, by visiting (or excluding) every state.

The spins are split into three groups, most significant first: B numbers the blocks, C the rows
and A the lanes of a table T[c, a] of all energies within C and A. Fixing B leaves two short field
tables, so that a state costs one addition and one comparison:

    E(b, c, a) = E_b + FA[a] + min over c of (T[c, a] + FC[c]).

With some spins fixed, their energy E and fields h_i on the free spins, no state lies below
E - sum_i |h_i| + E0, where E0 is the ground energy of the free spins by themselves. Blocks for which this
exceeds the energy of a known state are skipped (Russian doll search: Verfaillie et al., AAAI 1996).
Fields are couplings to a ghost spin fixed at +1; without fields the first spin is fixed instead, because
E(s) = E(-s). States are visited in lexicographic order.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from .._core.jit import kernel
from .._core.parallel import map_threads, n_threads
from .._core.validate import as_choice, as_count
from ..models import IsingModel, TwoLayerIsing, as_model
from .result import GroundState

NAME = "enumeration"
MAX_SPINS = 40
LARGEST = 60  # states are numbered by 64-bit integers
SECONDS_PER_STATE = 0.1e-9  # one core, every state visited

# 2**C_BITS rows of 2**A_BITS lanes: 128 KB in float64, and long enough to hide the cost of a block.
A_BITS = 7
C_BITS = 7
BLOCK_BITS = A_BITS + C_BITS
LANES = 1 << A_BITS
ROWS = 1 << C_BITS
# Blocks are grouped into chunks, the unit of parallel work: 128 of them, or chunks of 2**8 blocks.
SPLIT_BITS = 7
MIN_CHUNK_BITS = 8
PRUNE_FROM = 25  # free spins; below, a full search takes a few milliseconds

_MAX_CANDIDATES = 256  # nearly tied states that are compared in exact arithmetic

Result = TypeVar("Result")


def refusal(model: IsingModel) -> str | None:
    """Why this method cannot take the model, or None."""
    return too_large(model, cost(model)[0])


def too_large(model: IsingModel, seconds: float, max_spins: int = MAX_SPINS) -> str | None:
    """The refusal of a model above the limit: what it would cost and what to do instead."""
    if model.n_spins <= max_spins:
        return None
    alternative = "spinlab.dynamics samples any model, without a proof"
    if isinstance(model, TwoLayerIsing):
        alternative = f"the method 'layer' enumerates the smaller layer only; {alternative}"
    if model.n_spins <= LARGEST:
        alternative += (
            f"; exact.enumeration.ground_state(model, max_spins={model.n_spins}) tries, relying on pruning"
        )
    return (
        f"{NAME} visits up to 2**{free_spins(model)} states for N={model.n_spins} spins, "
        f"{_duration(seconds)} on {n_threads()} threads; its limit is N={max_spins}. Instead: {alternative}"
    )


def cost(model: IsingModel) -> tuple[float, float]:
    """Seconds, if nothing could be pruned, and bytes that the search takes."""
    states = 2.0 ** min(max(free_spins(model), BLOCK_BITS), 1000)
    return 0.002 + states * SECONDS_PER_STATE / n_threads(), 1e6


def ground_state(
    model: Any,
    *,
    degeneracy: bool = False,
    dtype: str = "float64",
    prune: bool = True,
    max_spins: int = MAX_SPINS,
    threads: int | None = None,
) -> GroundState:
    """Lowest state of any Ising model of up to 40 spins, proven by exhaustive search.

    E0 = min over s of E(s) = -sum_{i<j} J_ij s_i s_j - sum_i b_i s_i + offset.

    Parameters
    ----------
    model : IsingModel or anything that :func:`spinlab.models.as_model` takes
        N <= 40 spins, any form, with or without fields.
    degeneracy : bool, default False
        Count the ground states (both states of a global flip).
    dtype : {"float64", "float32"}
        Arithmetic of the first pass. What lies within its rounding bound of the minimum is searched
        again in float64, so the answer is the same.
    prune : bool, default True
        Skip sets of states that provably hold no ground state; False visits every state.
    max_spins : int, default 40
        Up to 60: larger models are searched at the caller's risk. They are feasible where pruning is
        strong (SK at N=60: about a second) and hopeless where it is not (2**(N-1) states).
    threads : int, optional
        Default: all processors. The result does not depend on it.

    Returns
    -------
    GroundState
        Certified. ``energy`` is rounded once, from an exact sum. Among equal energies ``state`` is the
        lexicographically smallest (with s_0 = +1 where there are no fields; of nearly tied states the
        first 256 are compared). ``lower_bound`` equals ``energy`` for couplings that are integers, or
        +-1 times one number; otherwise it is lower by the rounding bound, about 4 N 2**-53 sum |J|,
        and ``degeneracy`` counts the states within twice that bound.

    Raises
    ------
    ValueError
        If N is too large (the message estimates the time and names alternatives).

    Notes
    -----
    At most 2**(N-1) states without fields, 2**N with, at 0.1 ns each and core. Models that cannot be
    pruned (all couplings zero) take 2 s at N=36 on two cores and half a minute at N=40; disordered ones
    take milliseconds.

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab.exact import enumeration
    >>> triangle = -(np.ones((3, 3)) - np.eye(3))  # antiferromagnetic: frustrated
    >>> answer = enumeration.ground_state(triangle, degeneracy=True)
    >>> answer.energy, answer.degeneracy, answer.certified
    (-1.0, 6, True)
    """
    start = time.perf_counter()
    model = as_model(model)
    dtype = as_choice(dtype, "dtype", ("float64", "float32"))
    if as_count(max_spins, "max_spins") > LARGEST:
        raise ValueError(f"max_spins must be at most {LARGEST}, got {max_spins}")
    reason = too_large(model, cost(model)[0], max_spins)
    if reason:
        raise ValueError(reason)
    search = Search(model, prune)
    minima = chunk_minima(search, dtype, threads)
    lowest = float(minima.min())
    threshold = lowest + 2 * search.eps
    winners = np.flatnonzero(minima <= threshold)
    if search.eps == 0 and not degeneracy:
        winners = winners[:1]  # states come in lexicographic order
    candidates, count, _ = below(search, winners, threshold, threads=threads)
    if search.eps == 0:
        candidates = candidates[:1]
    states = [search.state(index) for index in candidates]
    energies = exact_energies(model, states)
    best = int(np.argmin(energies))
    energy = energies[best]
    bound = energy
    if search.eps > 0:
        bound = (lowest - search.eps) * search.unit + model.offset
        bound = min(energy, bound - math.ulp(bound))
    return GroundState(
        energy=energy,
        state=states[best],
        method=NAME,
        certified=True,
        lower_bound=bound,
        degeneracy=int(count) * search.images if degeneracy else None,
        seconds=time.perf_counter() - start,
        labels=model.labels,
        n_visible=getattr(model, "V", None),
    )


def exact_energies(model: IsingModel, states: Sequence[np.ndarray]) -> list[float]:
    """Energies rounded once from the exact sum of their terms."""
    i, j = np.triu_indices(model.n_spins, 1)
    J, b = model.couplings()[i, j], model.b
    return [math.fsum([model.offset, *(-J * s[i] * s[j]), *(-b * s)]) for s in states]


def free_spins(model: IsingModel) -> int:
    """Spins to enumerate: N with fields, N - 1 without."""
    return model.n_spins if model.has_fields else model.n_spins - 1


class Search:
    """What the kernels need to know of a model.

    Attributes
    ----------
    G : ndarray, shape (n + 1, n + 1)
        Couplings in units of ``unit``, spin 0 fixed at +1 and n = ``n_free`` >= 14 free spins, of which
        the last ``n_idle`` are coupled to nothing and only fill the block.
    eps : float
        Bound on the error of a computed energy, in the same unit; 0 where arithmetic is exact.
    size : float
        sum_{i<j} |G_ij|, the bound on any energy.
    images : int
        Number of states of the model for one state of the free spins.
    T : ndarray, shape (ROWS, LANES)
        Energies within a block, without fields.
    rest : ndarray, shape (chunk_bits + 1,)
        Ground energies without fields of the last BLOCK_BITS + chunk_bits - l spins (-inf: not solved).
    threshold : float
        An energy above which nothing is of interest.
    """

    def __init__(self, model: IsingModel, prune: bool = True) -> None:
        G, self.unit, exact = _in_units(with_ghost(model))
        n = len(G) - 1
        self.n_spins = model.n_spins
        self.images = 1 if model.has_fields else 2
        self.n_idle = max(0, BLOCK_BITS - n)
        self.n_free = n + self.n_idle
        self.G = np.ascontiguousarray(np.pad(G, (0, self.n_idle)))
        self.size = float(np.abs(G).sum()) / 2
        # A coupling reaches the energy through at most 2 n + 20 roundings, so the error is below
        # gamma_k size with k = 2 n + 20 (Higham, Accuracy and Stability, 2nd ed., Eq. 4.4), and
        # 4 (n + 16) 2^-53 leaves a margin of two. It also covers the rounding of integers times a unit.
        self.eps = 0.0 if exact else 4 * (self.n_free + 16) * 2.0**-53 * self.size
        bits = self.n_free - BLOCK_BITS
        self.chunk_bits = max(min(MIN_CHUNK_BITS, bits), bits - SPLIT_BITS)
        self.n_chunks = 1 << (bits - self.chunk_bits)
        self.T = energy_table(self.G[-BLOCK_BITS:, -BLOCK_BITS:]).reshape(ROWS, LANES)
        self.rest = np.full(self.chunk_bits + 1, -math.inf)
        self.threshold = math.inf
        if prune and self.n_free >= PRUNE_FROM:
            self._solve_last_spins()
            self.threshold = above_ground(self.G, self.eps)

    def _solve_last_spins(self) -> None:
        """Fill ``rest`` from its end: each search is pruned by the shorter ones before it."""
        self.rest[-1] = self.T.min()
        for l in range(self.chunk_bits - 1, -1, -1):
            m = BLOCK_BITS + self.chunk_bits - l
            G = np.ascontiguousarray(self.G[-m:, -m:])  # its first spin is fixed: no fields
            self.rest[l] = _minimum(G, self.T, self.rest[l + 1 :], above_ground(G, self.eps), 0)

    def state(self, index: int) -> np.ndarray:
        """Spins of the model for the number of a state."""
        bits = (int(index) >> np.arange(self.n_free - 1, self.n_idle - 1, -1)) & 1
        spins = (2 * bits - 1).astype(np.int8)
        return spins if len(spins) == self.n_spins else np.concatenate([np.ones(1, np.int8), spins])


def above_ground(G: np.ndarray, eps: float) -> float:
    """A threshold that excludes no state of interest: the lowest of 32 greedy descents, with a margin."""
    s = np.random.default_rng(0).choice([-1.0, 1.0], size=(32, len(G)))
    s[:, 0] = 1.0
    chains = np.arange(len(s))
    while True:
        change = s * (s @ G)  # half of what a flip adds to the energy
        change[:, 0] = math.inf
        flips = change.argmin(1)
        down = change[chains, flips] < -eps  # rounding must not flip a free spin forever
        if not down.any():
            break
        s[chains[down], flips[down]] *= -1
    # This energy and both parts of a block's bound carry an error of eps each, and so do the states
    # that are wanted: those whose computed energy is up to 2 eps above the lowest computed one.
    return float(-((s @ G) * s).sum(1).max() / 2) + 8 * eps


def with_ghost(model: IsingModel) -> np.ndarray:
    """Couplings whose spin 0 is fixed at +1: a ghost that carries the fields, or the first spin."""
    J, b = model.couplings(), model.b
    if model.has_fields:
        J = np.block([[np.zeros((1, 1)), b[None, :]], [b[:, None], J]])
    return J


def _in_units(G: np.ndarray) -> tuple[np.ndarray, float, bool]:
    """(G / unit, unit, whether every sum of them is exact): integers where the couplings allow it."""
    sizes = np.abs(G[G != 0])
    if not sizes.size:
        return G, 1.0, True
    mantissas, exponents = np.frexp(sizes)
    digits = (mantissas * 2.0**53).astype(np.int64)
    binary = int((exponents - 53 + np.frexp((digits & -digits).astype(float))[1] - 1).min())
    if exponents.max() - binary <= 52:  # integers times a power of two
        K = np.ldexp(G, -binary)
        if np.abs(K).sum() < 2.0**52:
            return K, math.ldexp(1.0, binary), True
    unit = float(sizes.min())
    with np.errstate(over="ignore"):
        ratios = G / unit
    K = np.rint(ratios)
    if np.abs(K).sum() < 2.0**24 and (np.abs(ratios - K) <= 2.0**-50 * np.abs(K)).all():
        return K, unit, bool(np.abs(K).max() == 1)
    largest = int(exponents.max()) - 1  # a power of two, so that nothing is rounded nor overflows
    return np.ldexp(G, -largest), math.ldexp(1.0, largest), False


def energy_table(G: np.ndarray) -> np.ndarray:
    """Energies of all 2^n states of n coupled spins, the first spin being the highest bit."""
    energies = np.zeros(1)
    h = np.zeros((len(G), 1))
    for i in range(len(G) - 1, -1, -1):
        energies = np.concatenate([energies + h[i], energies - h[i]])
        h = np.concatenate([h[:i] - G[:i, i, None], h[:i] + G[:i, i, None]], axis=1)
    return energies


def linear_table(h: np.ndarray) -> np.ndarray:
    """-h.s for all states of len(h) spins, in the same order."""
    energies = np.zeros(1)
    for x in h[::-1]:
        energies = np.concatenate([energies + x, energies - x])
    return energies


def chunk_minima(search: Search, dtype: str = "float64", threads: int | None = None) -> np.ndarray:
    """Computed minimum of every chunk; inf where all its energies lie above ``search.threshold``.

    With float32 only the minima that may be the lowest are exact to ``eps``; the others are inf.
    """

    def run(T: np.ndarray, chunks: np.ndarray) -> np.ndarray:
        def minimum(chunk: int) -> float:
            return _minimum(search.G, T, search.rest, search.threshold, chunk)

        seconds = _seconds(search, len(chunks), threads)
        return np.array(with_progress(minimum, chunks.tolist(), threads, "ground state", seconds))

    chunks = np.arange(search.n_chunks)
    if dtype == "float64":
        return run(search.T, chunks)
    rough = run(search.T.astype(np.float32), chunks)
    # T and FC are rounded and added in float32: below 2.1 2^-24 size, and nothing for small integers.
    exact = search.eps == 0 and search.size < 2**24
    eps = search.eps + (0.0 if exact else 4 * 2.0**-24 * search.size)
    chunks = np.flatnonzero(rough <= rough.min() + 2 * eps)
    minima = np.full(search.n_chunks, math.inf)
    minima[chunks] = run(search.T, chunks)
    return minima


def below(
    search: Search,
    chunks: np.ndarray,
    threshold: float,
    beta: float = 0.0,
    reference: float = 0.0,
    threads: int | None = None,
) -> tuple[np.ndarray, float, float]:
    """States of the chunks with computed energy <= threshold.

    Returns the numbers of the first 256, the sum of w = exp(-beta (E - reference)) over all of them
    (at beta = 0 their count) and the sum of w (E - reference).
    """

    def run(chunk: int) -> tuple[np.ndarray, float, float]:
        found = np.empty(_MAX_CANDIDATES, np.int64)
        n, z, u = _below(
            search.G,
            search.T,
            search.rest,
            threshold + 4 * search.eps,
            threshold,
            beta,
            reference,
            search.n_idle,
            chunk,
            found,
        )
        return found[:n], z, u

    seconds = _seconds(search, len(chunks), threads)
    found, z, u = zip(*with_progress(run, chunks.tolist(), threads, "low states", seconds), strict=True)
    return np.concatenate(found)[:_MAX_CANDIDATES], math.fsum(z), math.fsum(u)


def _seconds(search: Search, n_chunks: int, threads: int | None) -> float:
    return n_chunks * 2.0 ** (BLOCK_BITS + search.chunk_bits) * SECONDS_PER_STATE / n_threads(threads)


def with_progress(
    function: Callable[[Any], Result],
    tasks: Sequence[Any],
    threads: int | None,
    label: str,
    seconds: float,
) -> list[Result]:
    """``map_threads`` with a progress bar, on a terminal, for work that may take over 5 s."""
    if seconds < 5 or not sys.stderr.isatty():
        return map_threads(function, tasks, threads)
    from tqdm import tqdm

    with tqdm(total=len(tasks), desc=label, delay=2, leave=False) as bar:

        def run(task: Any) -> Result:
            result = function(task)
            with bar.get_lock():
                bar.update()
            return result

        return map_threads(run, tasks, threads)


def _duration(seconds: float) -> str:
    """A time in words for messages."""
    for unit, length in (("years", 3.15e7), ("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"about {seconds / length:.3g} {unit}"
    return f"about {seconds:.2g} seconds"


# Kernels. Spins 1 .. first - 1 number the chunk, the next chunk_bits number its blocks, the last
# BLOCK_BITS the states of a block. E[l], H[l] are the energy and the fields with l of the middle
# spins fixed, so a step of the counter redoes only the rows below the highest bit that changed.


@kernel
def _enter(G: Any, chunk: Any, chunk_bits: Any, E: Any, H: Any) -> None:
    n = G.shape[0]
    first = n - BLOCK_BITS - chunk_bits
    E[0] = 0.0
    for i in range(n):
        H[0, i] = G[0, i]
    for j in range(1, first):
        s = 1.0 if (chunk >> (first - 1 - j)) & 1 else -1.0
        E[0] -= s * H[0, j]
        for i in range(j + 1, n):
            H[0, i] += s * G[j, i]


@kernel
def _above(energy: Any, h: Any, rest: Any, threshold: Any) -> Any:
    bound = energy + rest
    for x in h:
        bound -= abs(x)
    return bound > threshold


@kernel
def _descend(G: Any, rest: Any, block: Any, chunk_bits: Any, threshold: Any, E: Any, H: Any) -> Any:
    """Fix the middle spins; return how many blocks, from this one on, lie above the threshold."""
    n = G.shape[0]
    first = n - BLOCK_BITS - chunk_bits
    start = 0
    if block > 0:
        start = chunk_bits - 1
        while (block >> (chunk_bits - 1 - start)) & 1 == 0:
            start -= 1
    elif _above(E[0], H[0, first:], rest[0], threshold):
        return 1 << chunk_bits
    for l in range(start, chunk_bits):
        j = first + l
        s = 1.0 if (block >> (chunk_bits - 1 - l)) & 1 else -1.0
        E[l + 1] = E[l] - s * H[l, j]
        for i in range(j + 1, n):
            H[l + 1, i] = H[l, i] + s * G[j, i]
        if _above(E[l + 1], H[l + 1, j + 1 :], rest[l + 1], threshold):
            return 1 << (chunk_bits - 1 - l)
    return 0


@kernel
def _fill_linear(h: Any, out: Any) -> None:
    out[0] = 0.0
    size = 1
    for i in range(len(h) - 1, -1, -1):
        x = h[i]
        for k in range(size):
            out[size + k] = out[k] - x
            out[k] += x
        size *= 2


@kernel
def _minimum(G: Any, T: Any, rest: Any, threshold: Any, chunk: Any) -> Any:
    n = G.shape[0]
    chunk_bits = len(rest) - 1
    E = np.empty(chunk_bits + 1)
    H = np.empty((chunk_bits + 1, n))
    FA = np.empty(LANES)
    FC64 = np.empty(ROWS)
    FC = np.empty(ROWS, T.dtype)
    best = np.empty(LANES, T.dtype)
    _enter(G, chunk, chunk_bits, E, H)
    minimum = np.inf
    block = 0
    while block < 1 << chunk_bits:
        skip = _descend(G, rest, block, chunk_bits, threshold, E, H)
        if skip:
            block += skip
            continue
        h = H[chunk_bits, n - BLOCK_BITS :]
        _fill_linear(h[:C_BITS], FC64)
        _fill_linear(h[C_BITS:], FA)
        for c in range(ROWS):
            FC[c] = FC64[c]
        best[:] = np.inf
        for c in range(0, ROWS, 8):  # eight rows at a time keep best[a] in a register
            f0, f1, f2, f3 = FC[c], FC[c + 1], FC[c + 2], FC[c + 3]
            f4, f5, f6, f7 = FC[c + 4], FC[c + 5], FC[c + 6], FC[c + 7]
            for a in range(LANES):
                m = best[a]
                x = T[c, a] + f0
                m = x if x < m else m
                x = T[c + 1, a] + f1
                m = x if x < m else m
                x = T[c + 2, a] + f2
                m = x if x < m else m
                x = T[c + 3, a] + f3
                m = x if x < m else m
                x = T[c + 4, a] + f4
                m = x if x < m else m
                x = T[c + 5, a] + f5
                m = x if x < m else m
                x = T[c + 6, a] + f6
                m = x if x < m else m
                x = T[c + 7, a] + f7
                m = x if x < m else m
                best[a] = m
        for a in range(LANES):
            x64 = (best[a] + FA[a]) + E[chunk_bits]
            minimum = x64 if x64 < minimum else minimum
        block += 1
    return minimum


@kernel
def _below(
    G: Any,
    T: Any,
    rest: Any,
    cutoff: Any,
    threshold: Any,
    beta: Any,
    reference: Any,
    n_idle: Any,
    chunk: Any,
    found: Any,
) -> Any:
    n = G.shape[0]
    chunk_bits = len(rest) - 1
    E = np.empty(chunk_bits + 1)
    H = np.empty((chunk_bits + 1, n))
    FA = np.empty(LANES)
    FC = np.empty(ROWS)
    idle = (1 << n_idle) - 1
    n_found = 0
    _enter(G, chunk, chunk_bits, E, H)
    z_chunk = 0.0  # sums nested like the loops keep rounding small
    u_chunk = 0.0
    block = 0
    while block < 1 << chunk_bits:
        skip = _descend(G, rest, block, chunk_bits, cutoff, E, H)
        if skip:
            block += skip
            continue
        h = H[chunk_bits, n - BLOCK_BITS :]
        e = E[chunk_bits]
        _fill_linear(h[:C_BITS], FC)
        _fill_linear(h[C_BITS:], FA)
        for c in range(ROWS):  # of the states of idle spins, only the first counts
            if c << A_BITS & idle:
                FC[c] = np.inf
        for a in range(LANES):
            if a & idle:
                FA[a] = np.inf
        z_block = 0.0
        u_block = 0.0
        for c in range(ROWS):
            f = FC[c]
            hits = 0
            for a in range(LANES):
                hits += ((T[c, a] + f) + FA[a]) + e <= threshold
            if hits == 0:
                continue
            if beta == 0.0 and n_found == len(found):
                z_block += hits
                continue
            first = ((chunk << chunk_bits | block) << C_BITS | c) << A_BITS
            z_row = 0.0
            u_row = 0.0
            for a in range(LANES):
                x = ((T[c, a] + f) + FA[a]) + e
                if x <= threshold:
                    w = 1.0 if beta == 0.0 else np.exp(-beta * (x - reference))
                    z_row += w
                    u_row += w * (x - reference)
                    if n_found < len(found):
                        found[n_found] = first + a
                        n_found += 1
            z_block += z_row
            u_block += u_row
        z_chunk += z_block
        u_chunk += u_block
        block += 1
    return n_found, z_chunk, u_chunk
