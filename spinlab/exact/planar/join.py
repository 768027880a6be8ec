"""Minimum T-joins: edges of least weight that meet the vertices of T an odd number of times, others evenly.

A minimum T-join consists of shortest paths between the pairs of a minimum-weight perfect matching of T
(Edmonds and Johnson, Math. Program. 5, 88 (1973)). In every component the vertex of highest degree is made
a hub to which any number of vertices of T may be joined: two copies of T are matched, a vertex to its own
copy at twice its distance to the hub, which counts every solution twice. So no pair needs a path through a
hub (the outside of a lattice), and few pairs have to be offered to the matching: those near each other. Its
dual solution then shows which other pairs might help; they are added until there are none.

Weights are integers and so is the dual solution: nothing is rounded. It is checked against the distances of
all pairs, so that the bound does not rest on the code of the matching.
"""

from __future__ import annotations

import heapq
from typing import Any, NamedTuple

import numpy as np

from ..._core.jit import kernel
from .matching import minimum_matching

_NEAREST = 6  # other vertices of T that are offered to each one at first
_FAR = 2**61
_HEAVY = 1.1
_MOST = 8  # pairs that one search adds
_BUG = "the matching of frustrated faces could not be proven optimal: please report this model"


class Graph(NamedTuple):
    """Edges from every vertex, the lightest first: those from x are start[x]..start[x + 1] - 1."""

    start: np.ndarray
    tail: np.ndarray
    head: np.ndarray
    weight: np.ndarray
    edge: np.ndarray
    """Number of the edge among those given; of parallel edges only the lightest is kept."""


class Search(NamedTuple):
    """What Dijkstra's search needs beside the graph."""

    number: np.ndarray
    """Place of a vertex in T, -1 outside."""
    dist: np.ndarray
    """Distances of the vertices found; -1 between searches."""
    via: np.ndarray
    """The edge by which a vertex was found."""
    order: np.ndarray
    """The vertices found, by distance."""


class Dual(NamedTuple):
    """A dual solution: vertices 0..2m-1 (two copies of T), and blossoms, of which those with z > 0 count."""

    radius: np.ndarray
    z: np.ndarray
    parent: np.ndarray
    """The smallest blossom with z > 0 that holds a node, or -1."""
    members: np.ndarray
    """The vertices in node x are members[first[x] : last[x]]."""
    first: np.ndarray
    last: np.ndarray
    moat: np.ndarray
    """Half the sum of z over a node and all that hold it: what it adds to the radius of its vertices."""


def minimum_join(
    n: int, i: np.ndarray, j: np.ndarray, w: np.ndarray, in_t: np.ndarray
) -> tuple[np.ndarray, int]:
    """A T-join of least weight, and a proven lower bound on the weight of every T-join.

    Parameters
    ----------
    n : int
        Number of vertices.
    i, j : ndarray of int64, shape (M,)
        Ends of the edges; loops and parallel edges are allowed.
    w : ndarray of int64, shape (M,)
        Weights, 0 or more, whose sum is below 2**54.
    in_t : ndarray of bool, shape (n,)
        The set T, with an even number of vertices in every connected component.

    Returns
    -------
    join : ndarray of bool, shape (M,)
    bound : int
        The weight of the join, if all is well: the caller should compare.
    """
    join = np.zeros(len(w), bool)
    if not in_t.any():
        return join, 0
    is_hub = hubs(n, i, j)
    t = np.flatnonzero(in_t & ~is_hub)
    every = np.arange(len(w))
    w = 4 * w  # the matching needs multiples of four
    whole = _graph(n, i, j, w, every)
    graph = _graph(n, i, j, w, every[~is_hub[i] & ~is_hub[j]])
    from_hubs = _search(n, t)
    _reach_from(whole, from_hubs, np.flatnonzero(is_hub))
    to_hub = from_hubs.dist[t]
    search = _search(n, t)
    pairs = np.empty((3, len(t) * _NEAREST), np.int64)
    pairs = _distinct(pairs[:, : _find_near(graph, search, t, to_hub, pairs)])
    while True:
        mate, dual = _match(pairs, to_hub)
        more = _helpful_pairs(graph, search, t, to_hub, dual)
        if not more.shape[1]:
            break
        offered = pairs.shape[1]
        pairs = _distinct(np.concatenate([pairs, more], axis=1))
        if pairs.shape[1] == offered:  # the matching took no notice of them
            raise RuntimeError(_BUG)
    _toggle_pairs(graph, search, t, mate, join)
    _toggle_to_hubs(whole, from_hubs.via, is_hub, t[mate[: len(t)] >= len(t)], join)
    return join, -(-_value(dual) // 8)  # two copies of weights times four


def hubs(n: int, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Whether a vertex is the hub of its component: the first of those with the highest degree."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if n == 0:
        return np.zeros(0, bool)
    degree = np.bincount(i, minlength=n) + np.bincount(j, minlength=n)
    component = connected_components(coo_array((np.ones(len(i)), (i, j)), shape=(n, n)))[1]
    order = np.lexsort((np.arange(n), -degree, component))
    is_hub = np.zeros(n, bool)
    is_hub[order[np.diff(component[order], prepend=-1) != 0]] = True
    return is_hub


def _graph(n: int, i: np.ndarray, j: np.ndarray, w: np.ndarray, edges: np.ndarray) -> Graph:
    """The graph of some of the edges, without loops."""
    edges = np.tile(edges[i[edges] != j[edges]], 2)
    half = np.arange(len(edges)) < len(edges) // 2
    tail, head = np.where(half, i[edges], j[edges]), np.where(half, j[edges], i[edges])
    weight = w[edges]
    order = np.lexsort((weight, head, tail))
    different = (np.diff(tail[order], prepend=-1) != 0) | (np.diff(head[order], prepend=-1) != 0)
    order = order[different]
    order = order[np.lexsort((head[order], weight[order], tail[order]))]
    start = np.searchsorted(tail[order], np.arange(n + 1))
    return Graph(start, tail[order], head[order], weight[order], edges[order])


def _search(n: int, t: np.ndarray) -> Search:
    number = np.full(n, -1)
    number[t] = np.arange(len(t))
    return Search(number, np.full(n, -1), np.full(n, -1), np.empty(n, np.int64))


def _distinct(pairs: np.ndarray) -> np.ndarray:
    """Pairs (a, b, distance), each once."""
    pairs = pairs[:, np.lexsort((pairs[1], pairs[0]))]
    new = (np.diff(pairs[0], prepend=-1) != 0) | (np.diff(pairs[1], prepend=-1) != 0)
    return pairs[:, new]


def _match(pairs: np.ndarray, to_hub: np.ndarray) -> tuple[np.ndarray, Dual]:
    """Match two copies of T, with an edge between the copies of each vertex."""
    m = len(to_hub)
    a, b, w = pairs
    one = np.arange(m)
    ends = np.concatenate([a, a + m, one]), np.concatenate([b, b + m, one + m])
    matching = minimum_matching(2 * m, *ends, np.concatenate([w, w, 2 * to_hub]))
    if matching is None:
        raise RuntimeError(_BUG)
    radius, z, parent = matching.radius, matching.z, matching.parent.copy()
    idle = (parent >= 0) & (z[parent] == 0)
    while idle.any():
        parent[idle] = parent[parent[idle]]
        idle = (parent >= 0) & (z[parent] == 0)
    parent[2 * m :][z[2 * m :] == 0] = -1
    return matching.mate, Dual(radius, z, parent, *_nest(parent, z))


def _helpful_pairs(graph: Graph, search: Search, t: np.ndarray, to_hub: np.ndarray, dual: Dual) -> np.ndarray:
    """Pairs too near each other for the dual solution to be feasible: none, if it proves its bound."""
    m = len(t)
    blossoms = dual.z != 0
    feasible = (dual.z >= 0).all() and (dual.z % 2 == 0).all() and not blossoms[: 2 * m].any()
    feasible &= bool(((dual.last - dual.first)[blossoms] % 2 == 1).all())
    # Far from overflow, so that all sums are what they seem to be.
    feasible &= np.abs(dual.radius).max() < 2**60 and dual.z.astype(float).sum() < 2.0**60
    if not feasible or _shortest_rung(to_hub, dual) < 0:
        raise RuntimeError(_BUG)
    pairs = np.empty((3, 8 * m), np.int64)
    count = _find_helpful(graph, search, t, dual, np.empty_like(search.dist), pairs)
    return _distinct(pairs[:, :count])


def _value(dual: Dual) -> int:
    """sum_v R_v - sum_B z_B (|B| - 1) / 2."""
    used = np.flatnonzero(dual.z)
    sizes = (dual.last - dual.first)[used]
    inner = sum(z * (size // 2) for z, size in zip(dual.z[used].tolist(), sizes.tolist(), strict=True))
    return sum(dual.radius.tolist()) - inner


def _nest(parent: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, ...]:
    """Vertices in such an order that those of a node are next to each other; the rest of ``Dual``."""
    children = np.argsort(parent, kind="stable")
    start = np.searchsorted(parent[children], np.arange(len(parent) + 1))
    nest: tuple[np.ndarray, ...] = _lay_out(parent, z, children, start)
    return nest


@kernel
def _lay_out(parent: np.ndarray, z: np.ndarray, children: np.ndarray, start: np.ndarray) -> Any:
    nodes = len(parent)
    members = np.empty(nodes // 2, np.int64)
    first, last, moat = np.zeros(nodes, np.int64), np.zeros(nodes, np.int64), np.zeros(nodes, np.int64)
    waiting = np.empty(2 * nodes, np.int64)
    n_waiting, count = 0, 0
    for x in children[: start[0]]:  # the outermost
        waiting[0], n_waiting = x, 1
        while n_waiting:
            n_waiting -= 1
            x = waiting[n_waiting]
            if x < 0:  # all that it holds is done
                last[-1 - x] = count
                continue
            first[x] = count
            moat[x] = z[x] // 2 + (moat[parent[x]] if parent[x] >= 0 else 0)
            if x < nodes // 2:
                members[count] = x
                count += 1
            waiting[n_waiting] = -1 - x
            n_waiting += 1
            for k in range(start[x], start[x + 1]):
                waiting[n_waiting] = children[k]
                n_waiting += 1
    return members, first, last, moat


@kernel
def _reach(graph: Any, search: Any, source: int, limit: int, wanted: int, target: int) -> int:
    """Dijkstra's search, until the distance ``limit``, ``wanted`` vertices of T or the target is reached.

    An edge enters the heap when the one before it leaves, so that of a large face only the near edges are
    visited. Returns the number of vertices found, the source included.
    """
    search.dist[source], search.order[0] = 0, source
    count, of_t = 1, 0
    heap = [(0, 0)]
    heap.pop()
    if graph.start[source] < graph.start[source + 1]:
        heapq.heappush(heap, (graph.weight[graph.start[source]], graph.start[source]))
    while heap:
        dist, k = heap[0]
        if dist > limit:
            break
        if k + 1 < graph.start[graph.tail[k] + 1]:
            heapq.heapreplace(heap, (dist - graph.weight[k] + graph.weight[k + 1], k + 1))
        else:
            heapq.heappop(heap)
        x = graph.head[k]
        if search.dist[x] >= 0:
            continue
        search.dist[x], search.via[x], search.order[count] = dist, k, x
        count += 1
        of_t += search.number[x] >= 0
        if x == target or of_t == wanted:
            break
        heapq.heappush(heap, (dist + graph.weight[graph.start[x]], graph.start[x]))
    return count


@kernel
def _forget(search: Any, count: int) -> None:
    search.dist[search.order[:count]] = -1


@kernel
def _reach_from(graph: Any, search: Any, sources: np.ndarray) -> None:
    """Distances in each component from its source."""
    for source in sources:
        _reach(graph, search, source, _FAR, -1, -1)


@kernel
def _find_near(graph: Any, search: Any, t: np.ndarray, to_hub: np.ndarray, pairs: np.ndarray) -> int:
    """Pairs that are near each other, unless both are as near to the hub."""
    total = 0
    for a in range(len(t)):
        count = _reach(graph, search, t[a], _FAR, _NEAREST, -1)
        for x in search.order[1:count]:
            b = search.number[x]
            if b >= 0 and search.dist[x] < to_hub[a] + to_hub[b]:
                pairs[0, total], pairs[1, total], pairs[2, total] = min(a, b), max(a, b), search.dist[x]
                total += 1
        _forget(search, count)
    return total


@kernel
def _find_helpful(
    graph: Any, search: Any, t: np.ndarray, dual: Any, origin: np.ndarray, pairs: np.ndarray
) -> int:
    """Pairs nearer than R_u + R_v - sum of z over what holds both, as many as there is room for.

    For the children of one blossom (and the outermost nodes) this sum is the same: v must stay clear of the
    balls around the vertices of every child that does not hold it. A pair is found from the child with the
    larger ball; in a blossom that is nearly all one child, from the others.
    """
    m = len(t)
    total = 0
    size = dual.last - dual.first
    heavy = np.full(len(dual.parent), -1)
    for node in range(len(dual.parent)):
        outside = dual.parent[node]
        if outside >= 0 and _HEAVY * size[node] > size[outside]:
            heavy[outside] = node
    for node in range(len(dual.parent)):
        outside = dual.parent[node]
        moat = dual.moat[outside] if outside >= 0 else 0
        opposite = -_FAR
        if outside >= 0 and heavy[outside] >= 0:
            if heavy[outside] == node:
                continue
            for u in dual.members[dual.first[outside] : dual.last[outside]]:
                opposite = max(opposite, dual.radius[u] - moat)
        inside = dual.members[dual.first[node] : dual.last[node]]
        for copy in (0, m):
            largest = -_FAR
            for u in inside:
                if copy <= u < copy + m:
                    largest = max(largest, dual.radius[u] - moat)
            end = largest + (largest if opposite == -_FAR else opposite)
            if end <= 0:
                continue
            # Times run from when the largest ball starts to grow.
            heap = [
                (largest + moat - dual.radius[u], -1 - t[u - copy]) for u in inside if copy <= u < copy + m
            ]
            heapq.heapify(heap)
            count = found = 0
            while heap and heap[0][0] < end and found < _MOST:
                time, k = heapq.heappop(heap)
                if k < 0:
                    x = source = -1 - k
                else:
                    x, source = graph.head[k], origin[graph.tail[k]]
                    if k + 1 < graph.start[graph.tail[k] + 1]:
                        heapq.heappush(heap, (time - graph.weight[k] + graph.weight[k + 1], k + 1))
                if search.dist[x] >= 0:
                    continue
                search.dist[x], origin[x], search.order[count] = time, source, x
                count += 1
                if graph.start[x] < graph.start[x + 1]:
                    heapq.heappush(heap, (time + graph.weight[graph.start[x]], graph.start[x]))
                v = search.number[x] + copy
                if v < copy or time - largest >= dual.radius[v] - moat:
                    continue
                y = v
                while dual.parent[y] != outside and dual.parent[y] >= 0:
                    y = dual.parent[y]
                if y != node and dual.parent[y] == outside and total < pairs.shape[1]:
                    u = search.number[source] + copy
                    pairs[0, total], pairs[1, total] = min(u, v) - copy, max(u, v) - copy
                    pairs[2, total] = time - largest + dual.radius[u] - moat
                    total += 1
                    found += 1
            _forget(search, count)
    return total


@kernel
def _shortest_rung(to_hub: np.ndarray, dual: Any) -> int:
    """The least slack of the edges between the two copies of a vertex."""
    m = len(to_hub)
    least = _FAR
    holds = np.zeros(len(dual.parent), np.bool_)
    for a in range(m):
        x = a
        while x >= 0:
            holds[x] = True
            x = dual.parent[x]
        x = a + m
        while x >= 0 and not holds[x]:
            x = dual.parent[x]
        common = 2 * dual.moat[x] if x >= 0 else 0
        least = min(least, 2 * to_hub[a] - dual.radius[a] - dual.radius[a + m] + common)
        x = a
        while x >= 0:
            holds[x] = False
            x = dual.parent[x]
    return least


@kernel
def _toggle_pairs(graph: Any, search: Any, t: np.ndarray, mate: np.ndarray, join: np.ndarray) -> None:
    """Shortest paths between partners in the first copy; an edge on two paths drops out."""
    for a in range(len(t)):
        if a < mate[a] < len(t):
            count = _reach(graph, search, t[a], _FAR, -1, t[mate[a]])
            x = t[mate[a]]
            while x != t[a]:
                join[graph.edge[search.via[x]]] ^= True
                x = graph.tail[search.via[x]]
            _forget(search, count)


@kernel
def _toggle_to_hubs(
    graph: Any, via: np.ndarray, is_hub: np.ndarray, sources: np.ndarray, join: np.ndarray
) -> None:
    for x in sources:
        while not is_hub[x]:
            join[graph.edge[via[x]]] ^= True
            x = graph.tail[via[x]]
