"""Violated clique inequalities: five spins joined by walks, of whose ten pairs four at least are alike.

Take signs sigma and tau_a = sigma_a s_a of 2k + 1 spins: at least k^2 of their pairs have tau_a = tau_b. A
walk from a to b with a part F of its edges, |F| odd where sigma_a = sigma_b and even elsewhere, has

    d = sum_F (1 - x) + sum over its other edges of x  >=  1  wherever tau_a = tau_b,

x_e being 1 where an edge is cut. So d summed over one walk for each pair is at least k^2: the odd cycles
for k = 1, and for k = 2 the inequalities of K_5 (Barahona and Mahjoub 1986), with walks in place of edges
that the graph has not. The shortest walks are paths in two copies of the graph, from a spin to another one's
other copy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..._core.heap import pop, push
from ..._core.jit import kernel
from .odd_cycles import Graph, Rows

THRESHOLD = 4  # k^2
MOST_HUBS = 800
CHECKED = 16  # spins of degree three and more in a row: the verifier of a certificate tries their states
_INTEGRAL = 1e-6
_FAR = 0.6  # length of a walk; where all ten are alike, they are below 0.4
_NEAR = 60  # spins that are looked at beside each
_TRIPLE, _LENGTH = 1.15, 1e-6  # three walks are a cycle, of length 1 at least; of each edge, against detours
_USES = 3.0  # rows of one separation that an edge is in, on average over a row


def violated_cliques(graph: Graph, x: np.ndarray, tolerance: float, most: int) -> Rows:
    """The most violated rows of five spins, one for each two that are near; integral edges join spins."""
    hubs = _hubs(graph, x)
    k = len(hubs)
    empty = Rows(np.empty(0, np.int64), np.empty(0, np.int64), np.zeros(1, np.int64), THRESHOLD)
    if not 5 <= k <= MOST_HUBS:
        return empty
    distance, by = np.full((k, 2 * graph.n), np.inf), np.full((k, 2 * graph.n), -1, np.int64)
    _walks(graph.n, graph.i, graph.j, graph.indptr, graph.neighbours, graph.edges, x, hubs, distance, by)
    ends = np.stack([2 * hubs, 2 * hubs + 1], axis=1).ravel()
    length = distance[:, ends]  # from hub a to hub b in copy c: column 2 b + c
    length[np.arange(k), 2 * np.arange(k)] = np.inf  # the empty walk
    near = np.argsort(length, axis=1, kind="stable")[:, :_NEAR] ^ 1
    found = np.empty((k * _NEAR + 1, 5), np.int64)
    sums = np.empty(len(found))
    count = _find(length, near, THRESHOLD - tolerance, found, sums)
    found, sums = found[:count], sums[:count]
    key = np.sort(found, axis=1)
    key ^= key[:, :1] & 1
    first = np.unique(key, axis=0, return_index=True)[1]
    order = first[np.argsort(sums[first], kind="stable")]
    edges, weights = np.empty(400 * most, np.int64), np.empty(400 * most, np.int64)
    starts = np.zeros(most + 1, np.int64)
    count = _rows(graph.n, graph.i, graph.j, len(x), hubs, found[order], by, edges, weights, starts)
    end = starts[count]
    return Rows(edges[:end].copy(), weights[:end].copy(), starts[: count + 1].copy(), THRESHOLD)


def _hubs(graph: Graph, x: np.ndarray) -> np.ndarray:
    """The first spin of each cluster of integral edges."""
    whole = np.minimum(x, 1 - x) < _INTEGRAL
    ends = graph.i[whole], graph.j[whole]
    cluster = connected_components(coo_array((np.ones(len(ends[0])), ends), shape=(graph.n,) * 2), False)[1]
    return np.unique(cluster, return_index=True)[1]


@kernel
def _walks(
    n: Any, i: Any, j: Any, indptr: Any, neighbours: Any, numbers: Any, x: Any, hubs: Any, distance: Any,
    by: Any,
) -> None:  # fmt: skip
    """Shortest walks from the first copy of each hub: lengths; 2 edge + (whether in F) of the last step."""
    room = 8 * len(x) + 16
    keys, items = np.empty(room), np.empty(room, np.int64)
    for a in range(len(hubs)):
        d, last = distance[a], by[a]
        source = 2 * hubs[a]
        d[source] = 0.0
        size = push(keys, items, 0, 0.0, source)
        while size > 0:
            key, node = keys[0], items[0]
            size = pop(keys, items, size)
            if key > d[node]:
                continue
            v, copy = node // 2, node & 1
            for p in range(indptr[v], indptr[v + 1]):
                e, w = numbers[p], neighbours[p]
                for member in range(2):
                    new = key + (1 - x[e] if member else x[e]) + _LENGTH
                    other = 2 * w + (copy ^ member)
                    if new < _FAR and new < d[other]:
                        d[other], last[other] = new, 2 * e + member
                        size = push(keys, items, size, new, other)


@kernel
def _find(length: Any, near: Any, limit: Any, found: Any, sums: Any) -> Any:
    """Fives of spins with signs, 2 hub + (whether it is -): for each two that are near, the best one met."""
    m = near.shape[1]
    d = np.empty((m, m))  # of the walk between two spins near a hub
    total = np.empty(m)
    count = 0
    for hub in range(len(length)):
        for p in range(m):
            a = near[hub, p]
            for q in range(m):
                b = near[hub, q]
                d[p, q] = np.inf if a >> 1 == b >> 1 else length[a >> 1, b ^ (a & 1) ^ 1]
        to = length[hub]  # spin b with its sign is b ^ 1 there
        for b in range(m):
            u = to[near[hub, b] ^ 1]
            if not u < _FAR:
                continue
            best = limit
            for c in range(b + 1, m):
                three = u + to[near[hub, c] ^ 1] + d[b, c]
                if not three < _TRIPLE:
                    continue
                least = np.inf
                for p in range(m):
                    total[p] = to[near[hub, p] ^ 1] + d[b, p] + d[c, p]
                    least = min(least, total[p])
                four = three + least
                if not four + least < best:  # a fifth spin is no nearer to the first three
                    continue
                e = 0
                while total[e] != least:
                    e += 1
                last, at = np.inf, -1
                for p in range(m):
                    if total[p] + d[e, p] < last:
                        last, at = total[p] + d[e, p], p
                if four + last < best:
                    best = four + last
                    sums[count] = best
                    found[count, 0] = 2 * hub
                    found[count, 1], found[count, 2] = near[hub, b], near[hub, c]
                    found[count, 3], found[count, 4] = near[hub, e], near[hub, at]
            if best < limit:
                count += 1
                if count == len(found):
                    return count
    return count


@kernel
def _rows(
    n: Any, i: Any, j: Any, n_edges: Any, hubs: Any, found: Any, by: Any, edges: Any, weights: Any,
    starts: Any,
) -> Any:  # fmt: skip
    """The rows of what was found, but those that share most edges with better ones; their number."""
    w = np.zeros(n_edges, np.int64)
    degree = np.zeros(n, np.int64)
    uses = np.zeros(n_edges)
    touched = np.empty(n_edges, np.int64)
    count = 0
    for r in range(len(found)):
        if count + 1 >= len(starts):
            break
        size, sound = 0, True
        for p in range(5):
            for q in range(p + 1, 5):
                if not sound:
                    continue
                a, b = found[r, p], found[r, q]
                v, copy = hubs[b >> 1], (a ^ b ^ 1) & 1
                source = hubs[a >> 1]
                while sound and (v != source or copy != 0):
                    step = by[a >> 1, 2 * v + copy]
                    e, sign = step >> 1, 1 if step & 1 else -1
                    if w[e] == 0:
                        touched[size] = e
                        size += 1
                    sound &= w[e] * sign >= 0  # an edge passed in both ways weakens the row
                    w[e] += sign
                    v = j[e] if i[e] == v else i[e]
                    copy ^= step & 1
        used = 0.0
        for t in range(size):
            e = touched[t]
            used += uses[e]
            degree[i[e]] += 1
            degree[j[e]] += 1
        many = 0
        for t in range(size):
            e = touched[t]
            for v in (i[e], j[e]):
                if degree[v] > 2:
                    many += 1
                degree[v] = 0
        end = starts[count]
        sound &= many <= CHECKED and used <= _USES * size and end + size <= len(edges)
        for t in range(size):
            e = touched[t]
            if sound:
                edges[end + t], weights[end + t] = e, w[e]
                uses[e] += 1
            w[e] = 0
        if sound:
            count += 1
            starts[count] = end + size
    return count
