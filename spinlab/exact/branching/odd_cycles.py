"""Violated odd-cycle inequalities: x(F) - x(C - F) <= |F| - 1 for a cycle C and F an odd part of it.

x_e = 1 where an edge is cut; a cut meets a cycle in an even number of edges. A cycle is violated where
sum_F (1 - x) + sum_{C - F} x < 1: the shortest closed walk that changes between two copies of the graph an
odd number of times (Barahona and Mahjoub 1986). Edges with x = 0 or 1 cost nothing on one of the two sides
and are contracted to clusters first, so that only what is fractional is searched.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..._core.heap import pop, push
from ..._core.jit import kernel

_INTEGRAL = 1e-7
_MOST_SHORT = 300_000  # cycles of three and four edges that are kept
_MOST_EDGES = 4_000_000  # in the cycles of one separation


class Graph(NamedTuple):
    """Edges i < j, and each spin's neighbours with the numbers of the edges."""

    n: int
    i: np.ndarray
    j: np.ndarray
    indptr: np.ndarray
    neighbours: np.ndarray
    edges: np.ndarray


class Rows(NamedTuple):
    """Inequalities sum over w > 0 of w (1 - x) + sum over w < 0 of -w x >= threshold, one after the other.

    Edges, their weights w, and where each row begins. A cycle has w = 1 in F, -1 elsewhere, and threshold 1.
    """

    edges: np.ndarray
    weights: np.ndarray
    starts: np.ndarray
    threshold: int = 1

    def __len__(self) -> int:
        return len(self.starts) - 1


def make_graph(n: int, i: np.ndarray, j: np.ndarray) -> Graph:
    """From a list of edges."""
    source, target = np.concatenate([i, j]), np.concatenate([j, i])
    number = np.concatenate([np.arange(len(i)), np.arange(len(i))])
    order = np.lexsort((target, source))
    indptr = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(source, minlength=n), out=indptr[1:])
    return Graph(n, i, j, indptr, target[order], number[order])


def short_cycles(graph: Graph) -> tuple[np.ndarray, np.ndarray]:
    """Edges of all cycles of three, shape (m, 3), and of four, shape (m, 4); _MOST_SHORT of each at most."""
    three = np.empty((_MOST_SHORT, 3), np.int64)
    four = np.empty((_MOST_SHORT, 4), np.int64)
    a, b = _short(graph.n, graph.indptr, graph.neighbours, graph.edges, three, four)
    return three[:a].copy(), four[:b].copy()


def violated_short(cycles: np.ndarray, x: np.ndarray, tolerance: float, most: int) -> Rows:
    """The most violated of cycles of one length."""
    if not len(cycles):
        return Rows(np.empty(0, np.int64), np.empty(0, np.int64), np.zeros(1, np.int64))
    values = x[cycles]
    odd = values > 0.5
    even = odd.sum(1) % 2 == 0
    flipped = np.abs(values - 0.5).argmin(1)
    rows = np.arange(len(cycles))
    odd[rows[even], flipped[even]] ^= True
    length = np.where(odd, 1 - values, values).sum(1)
    found = np.flatnonzero(length < 1 - tolerance)
    found = found[np.argsort(length[found], kind="stable")[:most]]
    width = cycles.shape[1]
    return Rows(cycles[found].ravel(), _weights(odd[found].ravel()), np.arange(len(found) + 1) * width)


def violated_long(graph: Graph, x: np.ndarray, tolerance: float, most: int) -> Rows:
    """Violated cycles of any length: one for each fractional edge in a cluster, the shortest of each."""
    edges = np.empty(_MOST_EDGES if len(x) > 2000 else 400_000, np.int64)
    odd = np.empty(len(edges), np.bool_)
    starts = np.zeros(most + 1, np.int64)
    count = _long(
        graph.n,
        graph.i,
        graph.j,
        graph.indptr,
        graph.neighbours,
        graph.edges,
        x,
        tolerance,
        _INTEGRAL,
        edges,
        odd,
        starts,
    )
    end = starts[count]
    return Rows(edges[:end].copy(), _weights(odd[:end]), starts[: count + 1].copy())


def _weights(odd: np.ndarray) -> np.ndarray:
    return np.where(odd, 1, -1)


def spanning_state(graph: Graph, x: np.ndarray) -> np.ndarray:
    """A state from a spanning tree of the edges that are nearest to 0 or 1."""
    order = np.argsort(-np.abs(x - 0.5), kind="stable")
    state = np.ones(graph.n, np.int8)
    _span(graph.n, graph.i, graph.j, x, order, state)
    return state


@kernel
def _short(n: Any, indptr: Any, neighbours: Any, edges: Any, three: Any, four: Any) -> Any:
    a = b = 0
    via = np.full(n, -1, np.int64)  # edge from u, where there is one
    for u in range(n):
        for p in range(indptr[u], indptr[u + 1]):
            via[neighbours[p]] = edges[p]
        for p in range(indptr[u], indptr[u + 1]):
            v = neighbours[p]
            if v < u:
                continue
            for q in range(indptr[v], indptr[v + 1]):
                w = neighbours[q]
                if w > v and via[w] >= 0 and a < len(three):
                    three[a, 0], three[a, 1], three[a, 2] = edges[p], edges[q], via[w]
                    a += 1
                if w <= u:
                    continue
                # u is the least of the four; v < t are its neighbours, w the opposite one
                for r in range(indptr[w], indptr[w + 1]):
                    t = neighbours[r]
                    if t <= v:
                        continue
                    for k in range(indptr[u], indptr[u + 1]):
                        if neighbours[k] == t and b < len(four):
                            four[b, 0], four[b, 1], four[b, 2], four[b, 3] = (
                                edges[p],
                                edges[q],
                                edges[r],
                                edges[k],
                            )
                            b += 1
        for p in range(indptr[u], indptr[u + 1]):
            via[neighbours[p]] = -1
    return a, b


@kernel
def _find(root: Any, parity: Any, v: Any) -> Any:
    total = 0
    while root[v] != v:
        total ^= parity[v]
        v = root[v]
    return v, total


@kernel
def _span(n: Any, i: Any, j: Any, x: Any, order: Any, state: Any) -> None:
    root = np.arange(n)
    parity = np.zeros(n, np.int64)
    size = np.ones(n, np.int64)
    for e in order:
        a, p = _find(root, parity, i[e])
        b, q = _find(root, parity, j[e])
        if a != b:
            if size[a] < size[b]:
                a, b = b, a
            root[b] = a
            parity[b] = p ^ q ^ (1 if x[e] > 0.5 else 0)
            size[a] += size[b]
    for v in range(n):
        state[v] = 1 - 2 * _find(root, parity, v)[1]


@kernel
def _tree_path(u: Any, v: Any, depth: Any, up: Any, up_edge: Any, walk: Any, length: Any, spare: Any) -> Any:
    """Append the edges of the path from u to v in the spanning tree of their cluster."""
    back = 0
    while u != v:
        if depth[u] >= depth[v]:
            walk[length] = up_edge[u]
            length += 1
            u = up[u]
        else:
            spare[back] = up_edge[v]
            back += 1
            v = up[v]
    for k in range(back - 1, -1, -1):
        walk[length] = spare[k]
        length += 1
    return length


@kernel
def _emit(
    first: Any, i: Any, j: Any, x: Any, walk: Any, sides: Any, length: Any, tolerance: Any, at: Any,
    stack: Any, edges: Any, odd: Any, starts: Any, count: Any,
) -> Any:  # fmt: skip
    """Cut a closed walk into simple cycles and keep those that are violated; ``at`` is -1 everywhere.

    A row holds because F is odd; that it is violated only makes it useful. An edge passed to and fro with one
    of the two in F has length 1 and is not kept.
    """
    if count + 1 >= len(starts):
        return count
    vertices = stack[0]
    v = first
    vertices[0] = v
    at[v] = 0
    size = 0  # edges on the stack
    for k in range(length):
        e = walk[k]
        v = j[e] if i[e] == v else i[e]
        stack[1, size], stack[2, size] = e, sides[k]
        size += 1
        if at[v] < 0:
            vertices[size] = v
            at[v] = size
            continue
        begin = at[v]
        total, members = 0.0, 0
        for p in range(begin, size):
            y = x[stack[1, p]]
            total += 1 - y if stack[2, p] else y
            members += stack[2, p]
        end = starts[count]
        m = size - begin
        if members % 2 == 1 and total < 1 - tolerance and end + m <= len(edges) and count + 1 < len(starts):
            for p in range(m):
                edges[end + p] = stack[1, begin + p]
                odd[end + p] = stack[2, begin + p] == 1
            count += 1
            starts[count] = end + m
        for p in range(begin + 1, size):
            at[vertices[p]] = -1
        size = begin
    for p in range(size + 1):
        at[vertices[p]] = -1
    return count


@kernel
def _long(
    n: Any, i: Any, j: Any, indptr: Any, neighbours: Any, numbers: Any, x: Any, tolerance: Any, integral: Any,
    edges: Any, odd: Any, starts: Any,
) -> Any:  # fmt: skip
    n_edges = len(x)
    cluster = np.full(n, -1, np.int64)
    parity = np.zeros(n, np.int64)
    depth = np.zeros(n, np.int64)
    up = np.zeros(n, np.int64)
    up_edge = np.zeros(n, np.int64)
    queue = np.empty(n, np.int64)
    k = 0
    for source in range(n):
        if cluster[source] >= 0:
            continue
        cluster[source] = k
        head, tail = 0, 1
        queue[0] = source
        while head < tail:
            v = queue[head]
            head += 1
            for p in range(indptr[v], indptr[v + 1]):
                e, w = numbers[p], neighbours[p]
                if cluster[w] < 0 and (x[e] < integral or x[e] > 1 - integral):
                    cluster[w] = k
                    parity[w] = parity[v] ^ (1 if x[e] > 0.5 else 0)
                    depth[w] = depth[v] + 1
                    up[w], up_edge[w] = v, e
                    queue[tail] = w
                    tail += 1
        k += 1
    walk = np.empty(4 * n + 8 + 2 * n_edges, np.int64)
    sides = np.empty(len(walk), np.int64)
    spare = np.empty(n + 1, np.int64)
    stack = np.empty((3, len(walk) + 1), np.int64)
    at = np.full(n, -1, np.int64)
    count = np.int64(0)
    # An edge within a cluster closes a cycle whose other edges cost nothing.
    for e in range(n_edges):
        u, v = i[e], j[e]
        if cluster[u] != cluster[v]:
            continue
        turn = parity[u] ^ parity[v]  # members of F on the path
        cost = x[e] if turn == 1 else 1 - x[e]
        if cost < 1 - tolerance:
            length = _tree_path(u, v, depth, up, up_edge, walk, np.int64(0), spare)
            for p in range(length):
                sides[p] = 1 if x[walk[p]] > 0.5 else 0
            walk[length], sides[length] = e, 1 - turn
            count = _emit(
                u, i, j, x, walk, sides, length + 1, tolerance, at, stack, edges, odd, starts, count
            )
    # The graph of clusters, in two copies.
    first = np.zeros(k + 1, np.int64)
    for e in range(n_edges):
        if cluster[i[e]] != cluster[j[e]]:
            first[cluster[i[e]] + 1] += 1
            first[cluster[j[e]] + 1] += 1
    for c in range(k):
        first[c + 1] += first[c]
    fill = first.copy()
    leaving = np.empty(first[k], np.int64)
    for e in range(n_edges):
        a, b = cluster[i[e]], cluster[j[e]]
        if a != b:
            leaving[fill[a]] = e
            leaving[fill[b]] = e
            fill[a] += 1
            fill[b] += 1
    distance = np.full(2 * k, np.inf)
    by = np.full(2 * k, -1, np.int64)  # edge by which a copy was reached
    side = np.zeros(2 * k, np.int64)
    before = np.full(2 * k, -1, np.int64)
    room = 4 * len(leaving) + 16
    keys, items = np.empty(room), np.empty(room, np.int64)
    touched = np.empty(2 * k, np.int64)
    limit = 1 - tolerance
    path = np.empty(2 * k + 2, np.int64)
    path_side = np.empty(2 * k + 2, np.int64)
    for source in range(k):
        if first[source + 1] == first[source]:
            continue
        n_touched = 0
        distance[2 * source] = 0.0
        touched[0] = 2 * source
        n_touched = 1
        size = push(keys, items, 0, 0.0, 2 * source)
        goal = 2 * source + 1
        while size > 0:
            d, node = keys[0], items[0]
            size = pop(keys, items, size)
            if d > distance[node]:
                continue
            if node == goal:
                break
            c, copy = node // 2, node & 1
            for p in range(first[c], first[c + 1]):
                e = leaving[p]
                u, v = i[e], j[e]
                if cluster[u] != c:
                    u, v = v, u
                for member in range(2):
                    new = d + (1 - x[e] if member else x[e])
                    if new >= limit:
                        continue
                    other = 2 * cluster[v] + (copy ^ parity[u] ^ parity[v] ^ member)
                    if new < distance[other]:
                        if distance[other] == np.inf:
                            touched[n_touched] = other
                            n_touched += 1
                        distance[other] = new
                        by[other], side[other], before[other] = e, member, node
                        size = push(keys, items, size, new, other)
        if distance[goal] < limit:
            steps = 0
            node = goal
            while node != 2 * source:
                path[steps], path_side[steps] = by[node], side[node]
                steps += 1
                node = before[node]
            # path[steps - 1] leaves the source; the vertices in between are joined through the clusters
            length = np.int64(0)
            e = path[steps - 1]
            begin = i[e] if cluster[i[e]] == source else j[e]
            v = begin
            c = source
            for p in range(steps - 1, -1, -1):
                e = path[p]
                u, w = i[e], j[e]
                if cluster[u] != c:
                    u, w = w, u
                old = length
                length = _tree_path(v, u, depth, up, up_edge, walk, length, spare)
                for q in range(old, length):
                    sides[q] = 1 if x[walk[q]] > 0.5 else 0
                walk[length], sides[length] = e, path_side[p]
                length += 1
                v, c = w, cluster[w]
            old = length
            length = _tree_path(v, begin, depth, up, up_edge, walk, length, spare)
            for q in range(old, length):
                sides[q] = 1 if x[walk[q]] > 0.5 else 0
            count = _emit(
                begin, i, j, x, walk, sides, length, tolerance, at, stack, edges, odd, starts, count
            )
        for p in range(n_touched):
            distance[touched[p]] = np.inf
    return count
