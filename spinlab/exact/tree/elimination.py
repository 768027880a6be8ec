"""Elimination orders of sparse graphs: which spin to sum out when, and what that costs.

Eliminating a spin couples all its remaining neighbours. With S_i the neighbours of spin i when its turn
comes, the work is sum_i 2^|S_i| and the width max_i |S_i|; the smallest width over all orders is the
treewidth, which is hard to find (Bodlaender and Koster, Inf. Comput. 208, 259 (2010)). Several orders
are tried, each a function of the graph alone, and the cheapest one is kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ..._core.interpreted import small_call
from ..._core.jit import kernel
from ...models import IsingModel, SparseIsing, TwoLayerIsing
from ..couplings import LARGEST_DENSE, edges_of
from .buckets import LOW_BITS
from .plan import Elimination, Steps

MAX_WIDTH = 28
LARGEST_WIDTH = 40  # orders beyond it are given up
SMALL = 16  # spins; no width is too large

_MAX_SPINS = 1 << 26  # a site number takes 26 bits of a key
_MIN_DEGREE, _MIN_FILL = 0, 1
_HOPELESS = 2.0**33  # entries; more tries will not bring the work within reach
_MAX_TRIES = 200
_MAX_SECONDS = 1.0  # of more tries
_SECONDS_PER_SPIN = 1e-5  # of a try of both rules
_FEW = 160  # spins that the interpreter orders in milliseconds
_SIMPLE = 2.0**22  # entries of the first orders; beyond, the many greedy ones would take it half a second
_SECONDS_PER_ENTRY = 1e-9  # of the tables, to weigh the tries against


_plans: WeakKeyDictionary[IsingModel, dict[bool, Elimination | str]] = WeakKeyDictionary()


def plan(model: IsingModel, zeros: bool = False) -> Elimination | str:
    """The elimination of a model, or why there is none; kept as long as the model.

    ``zeros`` keeps the edges without coupling in the graph.
    """
    kept = _plans.setdefault(model, {})
    if zeros not in kept:
        kept[zeros] = _plan(model, zeros)
    return kept[zeros]


def _plan(model: IsingModel, zeros: bool) -> Elimination | str:
    n = model.n_spins
    if n >= _MAX_SPINS:
        return f"it is limited to {_MAX_SPINS - 1} spins, got {n}"
    if not isinstance(model, SparseIsing) and n > SMALL:
        if n > LARGEST_DENSE:
            return (
                f"a {type(model).__name__} of more than {LARGEST_DENSE} spins, here {n}, is not searched for "
                "zeros; if it is sparse, give model.to_sparse()"
            )
        if isinstance(model, TwoLayerIsing):
            filled = int(np.count_nonzero(model.weights()))
            if 2 * filled > model.V * model.H:
                return f"{filled} of the {model.V * model.H} couplings between its layers are non-zero"
        else:
            filled = int(np.count_nonzero(model.couplings())) // 2
        if least_width(n, filled) > MAX_WIDTH:
            return _dense(n, filled)
    i, j, J = edges_of(model)
    if not zeros:
        i, j, J = i[J != 0], j[J != 0], J[J != 0]
    if least_width(n, len(J)) > MAX_WIDTH:
        return _dense(n, len(J))
    found = eliminate(i, j, J, np.asarray(model.b))
    return (
        found or f"the orders tried have a width above {LARGEST_WIDTH}, tables of 2**{LARGEST_WIDTH} numbers"
    )


def least_width(n: int, n_edges: int) -> int:
    """The smallest w with n_edges <= w n - w (w + 1) / 2, the most that a graph of width w has."""
    return math.ceil(n - 0.5 - math.sqrt((n - 0.5) ** 2 - 2 * n_edges) - 1e-9)


def _dense(n: int, n_edges: int) -> str:
    width = least_width(n, n_edges)
    return f"{n_edges} couplings of {n} spins mean a width of {width} at least, tables of 2**{width} numbers"


def eliminate(i: np.ndarray, j: np.ndarray, J: np.ndarray, b: np.ndarray) -> Elimination | None:
    """The cheapest order found for a model with edges i < j; None where all exceed LARGEST_WIDTH."""
    import scipy.sparse

    n = len(b)
    graph, indptr, indices = _neighbours(i, j, n)
    component = scipy.sparse.csgraph.connected_components(graph, directed=False)[1]
    even = np.bincount(component, b != 0)[component] == 0

    order = _best_order(indptr, indices)
    if order is None:
        return None
    start, _, parent, _ = _run(_scopes, indptr, indices, order, math.inf)
    largest = np.diff(start)
    _run(_raise_to_parents, parent, largest)
    order = order[_run(_postorder, parent, np.argsort(largest, kind="stable"))]
    start, scope, parent, _ = _run(_scopes, indptr, indices, order, math.inf)

    widths = np.diff(start)
    # Only where the highest bit numbers the blocks, in this step and in its parent.
    folded = even[order] & (widths > LOW_BITS)
    size = np.left_shift(1, widths - folded)
    child = np.argsort(parent, kind="stable")[np.count_nonzero(parent < 0) :]
    child_start = np.searchsorted(parent[child], np.arange(n + 1))
    mask, stack, offset, waiting, roundings = _run(_places, start, scope, parent, child_start, child, size)
    step_of = np.argsort(order)
    earlier, later = np.sort([step_of[i], step_of[j]], axis=0)
    edges = np.searchsorted(np.repeat(np.arange(n) * n, widths) + scope, earlier * n + later)
    return Elimination(
        Steps(
            order, start, scope, parent, child_start, child, mask, even[order], folded, size, stack, offset
        ),
        J=np.bincount(edges, J, minlength=len(scope)).astype(float),
        b=b[order],
        edges=edges,
        width=int(widths.max()),
        waiting=(int(waiting[0]), int(waiting[1])),
        roundings=int(roundings),
    )


def rough_work(model: IsingModel) -> float:
    """sum_i 2^|S_i| along the first few orders, in a fraction of the time that the best one takes to find."""
    i, j, J = edges_of(model)
    _, indptr, indices = _neighbours(i[J != 0], j[J != 0], model.n_spins)
    least = math.inf
    for order in _given_orders(indptr, indices):
        least = min(least, _run(_scopes, indptr, indices, order, least)[3])
    return min(least, float(_run(_greedy, indptr, indices, _MIN_DEGREE, 0, least)[1]))


def _neighbours(i: np.ndarray, j: np.ndarray, n: int) -> tuple[Any, np.ndarray, np.ndarray]:
    """A graph as a matrix of ones, and its rows: where each begins, and its columns in order."""
    import scipy.sparse

    ends = (np.append(i, j), np.append(j, i))
    graph = scipy.sparse.coo_array((np.ones(2 * len(i)), ends), shape=(n, n)).tocsr()
    graph.sort_indices()
    return graph, graph.indptr.astype(np.int64), graph.indices.astype(np.int64)


def _best_order(indptr: np.ndarray, indices: np.ndarray) -> np.ndarray | None:
    best, least = None, math.inf
    for order in _given_orders(indptr, indices):
        work = _run(_scopes, indptr, indices, order, least)[3]
        if work < least:
            best, least = order, work
    few_tries = least < _SIMPLE or least > _HOPELESS
    greedy = partial(_run, _greedy) if few_tries else _greedy
    seconds = 0.0  # by estimate, never by a clock: the order must not depend on the machine's load
    for seed in range(_MAX_TRIES):
        for rule in (_MIN_DEGREE, _MIN_FILL):
            order, work = greedy(indptr, indices, rule, seed, least)
            if work < least:
                best, least = order, work
        seconds += _SECONDS_PER_SPIN * (len(indptr) - 1)
        if least > _HOPELESS or seconds > min(_SECONDS_PER_ENTRY * least / 2, _MAX_SECONDS):
            break
    return best


def _run(kernel: Any, first: np.ndarray, *args: Any) -> Any:
    """A kernel of this file; those for small graphs need not be compiled for a single call."""
    return small_call(kernel, first, *args) if len(first) <= _FEW else kernel(first, *args)


def _given_orders(indptr: np.ndarray, indices: np.ndarray) -> Iterator[np.ndarray]:
    """The order of the sites, and one that sweeps through the graph: both suit strips."""
    import scipy.sparse

    n = len(indptr) - 1
    yield np.arange(n)
    graph = scipy.sparse.csr_array((np.ones(len(indices)), indices, indptr), shape=(n, n))
    yield scipy.sparse.csgraph.reverse_cuthill_mckee(graph, symmetric_mode=True).astype(np.int64)


@kernel
def _greedy(indptr: np.ndarray, indices: np.ndarray, rule: int, seed: int, most: float) -> Any:
    """(order, sum_i 2^|S_i|) with the spin of least degree or fill-in first; inf if above ``most``.

    Equal scores are ordered by random numbers of the seed.
    """
    n = len(indptr) - 1
    # Neighbours of v: pool[first[v]:first[v] + length[v]], sorted; eliminated ones may still be there.
    pool = np.empty(2 * len(indices) + 4096, np.int64)
    for l in range(len(indices)):
        pool[l] = indices[l]
    end = len(indices)
    first, length, degree = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    key = np.zeros(n, np.int64)  # -1: eliminated
    marked, touched = np.empty(n, np.int64), np.empty(n, np.int64)
    for v in range(n):
        first[v] = indptr[v]
        length[v] = degree[v] = indptr[v + 1] - indptr[v]
        marked[v] = touched[v] = -1
    n_marks = 0
    random = np.uint64(2 * seed + 1)
    heap = np.empty(2 * n + 64, np.int64)
    waiting: Any = np.int64(0)
    order = np.empty(n, np.int64)
    work = 0.0
    S = np.empty(LARGEST_WIDTH, np.int64)
    todo = np.empty(n, np.int64)
    n_todo = n
    for v in range(n):
        todo[v] = v

    for step in range(n):
        for u in range(n_todo):
            v = todo[u]
            random = random * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
            score = degree[v]
            if degree[v] > LARGEST_WIDTH:
                score = np.int64(1) << 26
            elif rule == _MIN_FILL and degree[v] > 1:
                d = _live_neighbours(pool, first[v], length[v], key, S)
                n_marks += 1
                for k in range(d):
                    marked[S[k]] = n_marks
                known = 0
                for k in range(d):
                    a = first[S[k]]
                    if length[S[k]] < 16 * d:
                        for l in range(a, a + length[S[k]]):
                            known += marked[pool[l]] == n_marks
                    else:
                        for l in range(d):
                            known += _has(pool, a, length[S[k]], S[l])
                score = np.int64((d * (d - 1) - known) // 2)
            tie = np.int64(random >> np.uint64(54)) if seed > 0 else np.int64(0)
            key[v] = (score << 36) | (tie << 26) | v
            if waiting == len(heap):
                longer = np.empty(2 * waiting, np.int64)
                for l in range(waiting):
                    longer[l] = heap[l]
                heap = longer
            _push(heap, waiting, key[v])
            waiting += 1

        v = -1
        while v < 0:
            top = heap[0]
            waiting -= 1
            _push_down(heap, waiting)
            if key[top & 0x3FFFFFF] == top:  # otherwise the score has changed since
                v = top & 0x3FFFFFF
        order[step] = v
        key[v] = -1
        if degree[v] > LARGEST_WIDTH:
            return order, np.inf
        work += 2.0 ** degree[v]
        if work > most:
            return order, np.inf

        d = _live_neighbours(pool, first[v], length[v], key, S)
        room = end
        for k in range(d):
            room += length[S[k]] + d
        if room > len(pool):
            new = np.empty(2 * (room - end + length.sum()) + 4096, np.int64)
            end = 0
            for u in range(n):
                if key[u] >= 0:
                    for l in range(length[u]):
                        new[end + l] = pool[first[u] + l]
                    first[u] = end
                    end += length[u]
                else:
                    length[u] = 0
            pool = new
        n_todo = d
        for k in range(d):
            touched[S[k]] = step
            todo[k] = S[k]
        for k in range(d):
            u = S[k]
            degree[u] -= 1
            missing = 0
            for l in range(d):
                missing += l != k and not _has(pool, first[u], length[u], S[l])
            if missing == 0:
                continue
            degree[u] += missing
            a, a_end, b, begin = first[u], first[u] + length[u], 0, end
            while a < a_end or b < d:
                if b == d or (a < a_end and pool[a] < S[b]):
                    w = pool[a]
                    a += 1
                else:
                    w = S[b]
                    a += a < a_end and pool[a] == w
                    b += 1
                if w != u and key[w] >= 0:
                    pool[end] = w
                    end += 1
            first[u], length[u] = begin, end - begin
            if rule == _MIN_FILL and length[u] <= LARGEST_WIDTH:
                for l in range(begin, end):
                    if touched[pool[l]] != step:
                        touched[pool[l]] = step
                        todo[n_todo] = pool[l]
                        n_todo += 1
    return order, work


@kernel
def _push(heap: np.ndarray, size: int, x: int) -> None:
    """Add x to a binary heap of ``size`` numbers, the least of them first."""
    k = size
    while k > 0 and heap[(k - 1) >> 1] > x:
        heap[k] = heap[(k - 1) >> 1]
        k = (k - 1) >> 1
    heap[k] = x


@kernel
def _push_down(heap: np.ndarray, size: int) -> None:
    """Replace the first of ``size`` + 1 numbers by the last, and restore the heap."""
    x, k = heap[size], 0
    while 2 * k + 1 < size:
        c = 2 * k + 1
        c += c + 1 < size and heap[c + 1] < heap[c]
        if heap[c] >= x:
            break
        heap[k] = heap[c]
        k = c
    heap[k] = x


@kernel
def _live_neighbours(pool: np.ndarray, first: int, length: int, key: np.ndarray, out: np.ndarray) -> int:
    """Number of neighbours that are not eliminated, which go to ``out``."""
    d = 0
    for l in range(first, first + length):
        if key[pool[l]] >= 0:
            out[d] = pool[l]
            d += 1
    return d


@kernel
def _has(pool: np.ndarray, first: int, length: int, u: int) -> bool:
    """Whether a sorted list of neighbours has u."""
    low, high = first, first + length
    while low < high:
        middle = (low + high) // 2
        if pool[middle] < u:
            low = middle + 1
        else:
            high = middle
    return low < first + length and pool[low] == u


@kernel
def _scopes(indptr: np.ndarray, indices: np.ndarray, order: np.ndarray, most: float) -> Any:
    """(start, scope, parent, sum_i 2^|S_i|) of an order; inf, and the rest unfinished, above ``most``."""
    n = len(order)
    step_of = np.empty(n, np.int64)
    for i in range(n):
        step_of[order[i]] = i
    start = np.zeros(n + 1, np.int64)
    scope = np.empty(4 * n + len(indices), np.int64)
    parent = np.empty(n, np.int64)
    last_child, sibling, marked = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    for i in range(n):
        parent[i] = last_child[i] = sibling[i] = marked[i] = -1
    work = 0.0
    end = 0
    for i in range(n):
        begin = end
        if end + n - i > len(scope):
            longer = np.empty(2 * (end + n - i), np.int64)
            for l in range(end):
                longer[l] = scope[l]
            scope = longer
        marked[i] = i
        for l in range(indptr[order[i]], indptr[order[i] + 1]):
            j = step_of[indices[l]]
            if j > i and marked[j] != i:
                marked[j] = i
                scope[end] = j
                end += 1
        c = last_child[i]
        while c >= 0:
            for l in range(start[c], start[c + 1]):
                j = scope[l]
                if marked[j] != i:
                    marked[j] = i
                    scope[end] = j
                    end += 1
            c = sibling[c]
        d = end - begin
        work += 2.0**d
        if d > LARGEST_WIDTH or work > most:
            return start, scope, parent, np.inf
        for l in range(begin + 1, end):  # at most LARGEST_WIDTH of them, in sorted runs
            j, k = scope[l], l
            while k > begin and scope[k - 1] > j:
                scope[k] = scope[k - 1]
                k -= 1
            scope[k] = j
        start[i + 1] = end
        if d > 0:
            p = scope[begin]
            parent[i] = p
            sibling[i] = last_child[p]
            last_child[p] = i
    return start, scope[:end].copy(), parent, work


@kernel
def _raise_to_parents(parent: np.ndarray, largest: np.ndarray) -> None:
    """From the value of each step to the largest in its subtree."""
    for i in range(len(parent)):
        if parent[i] >= 0:
            largest[parent[i]] = max(largest[parent[i]], largest[i])


@kernel
def _postorder(parent: np.ndarray, by_size: np.ndarray) -> Any:
    """The steps in postorder; of siblings the one that comes last in ``by_size`` first."""
    n = len(parent)
    first_child, sibling = np.empty(n + 1, np.int64), np.empty(n, np.int64)
    for i in range(n):
        first_child[i] = sibling[i] = -1
    first_child[n] = -1  # the roots
    for i in by_size:
        p = parent[i] if parent[i] >= 0 else n
        sibling[i] = first_child[p]
        first_child[p] = i
    out = np.empty(n, np.int64)
    done = 0
    i = first_child[n]
    while i >= 0:
        while first_child[i] >= 0:
            i = first_child[i]
        out[done] = i
        done += 1
        while sibling[i] < 0 and parent[i] >= 0:
            i = parent[i]
            out[done] = i
            done += 1
        i = sibling[i]
    return out


@kernel
def _places(
    start: np.ndarray,
    scope: np.ndarray,
    parent: np.ndarray,
    child_start: np.ndarray,
    child: np.ndarray,
    size: np.ndarray,
) -> Any:
    """(mask, stack, offset, entries of the stacks, longest chain of additions)."""
    n = len(parent)
    mask = np.zeros(n, np.int64)
    stack = np.zeros(n, np.int64)
    for i in range(n - 1, -1, -1):
        p = parent[i]
        if p < 0:
            continue
        stack[i] = 1 - stack[p]
        mask[i] = 1
        l = start[p]
        for k in range(start[i] + 1, start[i + 1]):
            while scope[l] != scope[k]:
                l += 1
            mask[i] |= np.int64(1) << (l - start[p] + 1)
    offset = np.empty(n, np.int64)
    top = np.zeros(2, np.int64)
    highest = np.zeros(2, np.int64)
    chain = np.empty(n, np.int64)
    longest = 0
    for i in range(n):
        q = stack[i]
        offset[i] = top[q]
        top[q] += size[i]
        highest[q] = max(highest[q], top[q])
        chain[i] = start[i + 1] - start[i] + 2
        for k in range(child_start[i], child_start[i + 1]):
            c = child[k]
            chain[i] = max(chain[i], chain[c] + 1)
            top[1 - q] -= size[c]
        chain[i] += child_start[i + 1] - child_start[i]
        longest = max(longest, chain[i])
    return mask, stack, offset, highest, longest
