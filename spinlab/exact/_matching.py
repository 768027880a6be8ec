"""Minimum-weight perfect matching of a sparse graph with its dual solution, in exact integers.

Edmonds' primal-dual method (J. Res. Natl. Bur. Stand. B 69, 125 (1965)). Every vertex has a radius R_v
and every blossom B (an odd set of vertices) a number z_B >= 0 such that no edge has a negative slack

    w_uv - R_u - R_v + sum of z_B over the blossoms that hold both u and v,

so that no perfect matching weighs less than sum_v R_v - sum_B z_B (|B| - 1) / 2. An alternating tree grows
from every unmatched vertex. In unit time the radii of its outer vertices grow by one and those of the inner
ones shrink by one, until an edge between two outer nodes of a tree closes an odd cycle (a new blossom), an
inner blossom with z = 0 falls apart, a matched pair joins the tree, or two trees meet: the path between
their roots is augmented, and both are dissolved.
"""

from __future__ import annotations

import heapq
from typing import Any, NamedTuple

import numpy as np

from .._core.jit import kernel

FREE, OUTER, INNER = 0, 1, 2


class Matching(NamedTuple):
    """A perfect matching and the dual solution that proves it.

    Nodes 0..n-1 are the vertices, n..2n-1 the blossoms, of which only some are in use.
    """

    mate: np.ndarray
    """The partner of every vertex, shape (n,)."""
    radius: np.ndarray
    """R_v, shape (n,)."""
    parent: np.ndarray
    """The smallest blossom that holds a node, or -1; shape (2n,)."""
    z: np.ndarray
    """z_B, shape (2n,); zero for vertices."""


def minimum_matching(n: int, i: np.ndarray, j: np.ndarray, w: np.ndarray) -> Matching | None:
    """The perfect matching of least weight, or None where there is no perfect matching.

    Parameters
    ----------
    n : int
        Number of vertices.
    i, j : ndarray of int64, shape (M,)
        Ends of the edges.
    w : ndarray of int64, shape (M,)
        Multiples of four, 0 or more, whose sum is below 2**60: the times of all events are integers.
    """
    head = np.stack([j, i], 1).ravel()  # half-edge 2e leads from i to j, and h ^ 1 is h reversed
    tail = np.stack([i, j], 1).ravel()
    out = np.argsort(tail, kind="stable")
    start = np.searchsorted(tail[out], np.arange(n + 1))

    def of_vertices() -> np.ndarray:
        return np.zeros(n, np.int64)

    def of_nodes() -> np.ndarray:
        return np.zeros(2 * n, np.int64)

    g = _Forest(
        start=start,
        out=out,
        head=head,
        w=w,
        mate=of_vertices() - 1,
        radius=of_vertices(),
        sign=of_vertices(),
        since=of_vertices(),
        tree=of_vertices() - 1,
        group=of_vertices(),
        z=of_nodes(),
        parent=of_nodes() - 1,
        base=of_nodes(),
        first=of_nodes(),
        after=of_nodes(),
        before=of_nodes(),
        link=of_nodes(),
        label=of_nodes(),
        born=of_nodes(),
        entry=of_nodes(),
        node=of_nodes(),
        size=of_nodes(),
        mark=of_nodes(),
        unused=np.arange(2 * n - 1, n - 1, -1),
        n_unused=np.array([n]),
        inside=of_vertices(),
        todo=np.zeros((2 * n, 2), np.int64),
    )
    status = _match(g)
    if status < 0:
        raise RuntimeError("a tight edge was lost in the search for a matching; please report this model")
    return Matching(head[g.mate], g.radius, g.parent, g.z) if status else None


class _Forest(NamedTuple):
    """The graph, the matching, its dual solution and the alternating trees, as kernels see them."""

    start: np.ndarray
    out: np.ndarray
    """The half-edges that leave v are out[start[v] : start[v + 1]]."""
    head: np.ndarray
    w: np.ndarray

    # Of a vertex.
    mate: np.ndarray
    """Half-edge to the partner, -1 where there is none."""
    radius: np.ndarray
    """As it was at the time ``since``; it changes by ``sign`` per unit time."""
    sign: np.ndarray
    since: np.ndarray
    tree: np.ndarray
    """Root of the tree that the vertex belongs to, or -1."""
    group: np.ndarray
    """node[group[v]] is the outermost node that holds v."""

    # Of a node: vertices 0..n-1 and blossoms n..2n-1.
    z: np.ndarray
    """As it was at the time ``born`` if the node is outermost; it changes by 2 or -2 per unit time."""
    parent: np.ndarray
    base: np.ndarray
    """The vertex whose partner lies outside the node."""
    first: np.ndarray
    """The child of a blossom that holds its base."""
    after: np.ndarray
    """The next node in the cycle of the parent; ``before`` is the one before, ``link`` leads to the next."""
    before: np.ndarray
    link: np.ndarray
    label: np.ndarray
    born: np.ndarray
    """When the label was given."""
    entry: np.ndarray
    """Half-edge by which the tree reaches an inner node."""
    node: np.ndarray
    size: np.ndarray
    """Number of vertices."""
    mark: np.ndarray

    unused: np.ndarray
    """Blossoms not in use: the first n_unused[0]."""
    n_unused: np.ndarray
    inside: np.ndarray
    todo: np.ndarray


@kernel
def _match(g: Any) -> int:
    """1 with a perfect matching, 0 if there is none, -1 if an invariant is broken."""
    n = len(g.mate)
    g.base[:n] = np.arange(n)
    g.group[:] = np.arange(n)
    g.node[:n] = np.arange(n)
    g.size[:n] = 1
    for v in range(n):
        if g.start[v] == g.start[v + 1]:
            return 0
        lightest = g.w[g.out[g.start[v]] >> 1]
        for k in range(g.start[v] + 1, g.start[v + 1]):
            lightest = min(lightest, g.w[g.out[k] >> 1])
        g.radius[v] = lightest >> 1
    for v in range(n):
        if g.mate[v] < 0:
            _match_greedily(g, v)
    return _grow(g)


@kernel
def _match_greedily(g: Any, v: int) -> None:
    """Raise the radius of an unmatched vertex to its bound, and take a tight edge that is free."""
    edges = g.out[g.start[v] : g.start[v + 1]]
    least = _slack(g, edges[0], 0)
    for h in edges:
        least = min(least, _slack(g, h, 0))
    g.radius[v] += least
    for h in edges:
        u = g.head[h]
        if g.mate[u] < 0 and _slack(g, h, 0) == 0:
            g.mate[v], g.mate[u] = h, h ^ 1
            return


@kernel
def _grow(g: Any) -> int:
    """Grow a tree from every unmatched vertex; where two of them meet, their roots are matched."""
    now = 0
    heap = [(0, 0)]
    heap.pop()
    unmatched = 0
    for v in range(len(g.mate)):
        if g.mate[v] < 0:
            g.label[v] = OUTER
            unmatched += 1
    for v in range(len(g.mate)):
        if g.mate[v] < 0:
            _make_outer(g, heap, v, v, now)
    while unmatched:
        if not heap:
            return 0
        now, event = heapq.heappop(heap)
        if event < 0:
            b = -1 - event
            if g.label[b] == INNER and g.z[b] == 2 * (now - g.born[b]):
                _expand(g, heap, b, now)
            continue
        u, v = g.head[event ^ 1], g.head[event]
        a, b = _top(g, u), _top(g, v)
        if a == b or g.label[a] != OUTER or g.label[b] == INNER:
            continue
        slack = _slack(g, event, now)
        if slack < 0:
            return -1
        if slack > 0:  # the radius of the other end stood still for a while
            _push(g, heap, event, now)
        elif g.label[b] == FREE:
            _make_inner(g, heap, b, event, now)
            mate = g.head[g.mate[g.base[b]]]
            _make_outer(g, heap, _top(g, mate), g.tree[u], now)
        elif g.tree[u] == g.tree[v]:
            _shrink(g, heap, event, now)
        else:
            _augment(g, event)
            _augment(g, event ^ 1)
            _dissolve(g, heap, g.tree[u], g.tree[v], now)
            unmatched -= 2
    return 1


@kernel
def _dissolve(g: Any, heap: Any, one: int, other: int, now: int) -> None:
    """Free the nodes of two trees; other trees may reach them."""
    count = 0
    for v in range(len(g.mate)):
        if g.tree[v] == one or g.tree[v] == other:
            _set_sign(g, v, 0, now)
            b = _top(g, v)
            _settle(g, b, now)
            g.label[b] = FREE
            g.tree[v] = -1
            g.inside[count] = v
            count += 1
    for v in g.inside[:count]:
        _scan_free(g, heap, v, now)


@kernel
def _top(g: Any, v: int) -> int:
    """The outermost node that holds a vertex."""
    return g.node[g.group[v]]


@kernel
def _slack(g: Any, h: int, now: int) -> int:
    """Of an edge between two outermost nodes."""
    u, v = g.head[h], g.head[h ^ 1]
    ru = g.radius[u] + g.sign[u] * (now - g.since[u])
    rv = g.radius[v] + g.sign[v] * (now - g.since[v])
    return g.w[h >> 1] - ru - rv


@kernel
def _push(g: Any, heap: Any, h: int, now: int) -> None:
    """Note when a half-edge from an outer node will be tight."""
    slack = _slack(g, h, now)
    outer = g.label[_top(g, g.head[h])] == OUTER
    heapq.heappush(heap, (now + (slack >> 1 if outer else slack), h))


@kernel
def _set_sign(g: Any, v: int, sign: int, now: int) -> None:
    g.radius[v] += g.sign[v] * (now - g.since[v])
    g.sign[v], g.since[v] = sign, now


@kernel
def _settle(g: Any, b: int, now: int) -> None:
    """Bring z of an outermost node up to date."""
    if b >= len(g.mate):
        if g.label[b] == OUTER:
            g.z[b] += 2 * (now - g.born[b])
        elif g.label[b] == INNER:
            g.z[b] -= 2 * (now - g.born[b])
        g.born[b] = now


@kernel
def _vertices(g: Any, b: int) -> Any:
    """The vertices in a node, valid until the next call."""
    n = len(g.mate)
    g.todo[0, 0] = b
    waiting, count = 1, 0
    while waiting:
        waiting -= 1
        x = g.todo[waiting, 0]
        if x < n:
            g.inside[count] = x
            count += 1
            continue
        child = g.first[x]
        for _ in range(_length(g, x)):
            g.todo[waiting, 0] = child
            waiting += 1
            child = g.after[child]
    return g.inside[:count]


@kernel
def _length(g: Any, b: int) -> int:
    """Number of children of a blossom."""
    length, child = 1, g.after[g.first[b]]
    while child != g.first[b]:
        length += 1
        child = g.after[child]
    return length


@kernel
def _make_outer(g: Any, heap: Any, b: int, tree: int, now: int) -> None:
    g.label[b], g.born[b] = OUTER, now
    vertices = _vertices(g, b)
    for v in vertices:
        g.tree[v] = tree
        _set_sign(g, v, 1, now)
    for v in vertices:
        _scan_outer(g, heap, v, now)


@kernel
def _scan_outer(g: Any, heap: Any, v: int, now: int) -> None:
    for k in range(g.start[v], g.start[v + 1]):
        h = g.out[k]
        b = _top(g, g.head[h])
        if b != _top(g, v) and g.label[b] != INNER:
            _push(g, heap, h, now)


@kernel
def _scan_free(g: Any, heap: Any, v: int, now: int) -> None:
    for k in range(g.start[v], g.start[v + 1]):
        h = g.out[k]
        if g.label[_top(g, g.head[h])] == OUTER:
            _push(g, heap, h ^ 1, now)


@kernel
def _make_inner(g: Any, heap: Any, b: int, entry: int, now: int) -> None:
    g.label[b], g.born[b], g.entry[b] = INNER, now, entry
    tree = g.tree[g.head[entry ^ 1]]
    for v in _vertices(g, b):
        g.tree[v] = tree
        _set_sign(g, v, -1, now)
    if b >= len(g.mate):
        heapq.heappush(heap, (now + (g.z[b] >> 1), -1 - b))


@kernel
def _shrink(g: Any, heap: Any, h: int, now: int) -> None:
    """Make a blossom of the odd cycle that a half-edge between two outer nodes closes."""
    a, b = _top(g, g.head[h ^ 1]), _top(g, g.head[h])
    meet = _meet(g, a, b)
    x = a
    while x != meet:  # downwards from the meeting point to a
        up = g.mate[g.base[x]]
        inner = _top(g, g.head[up])
        outer = _above(g, x)
        g.after[outer], g.link[outer] = inner, g.entry[inner]
        g.after[inner], g.link[inner] = x, up ^ 1
        x = outer
    g.after[a], g.link[a] = b, h
    x = b
    while x != meet:  # upwards from b
        up = g.mate[g.base[x]]
        inner = _top(g, g.head[up])
        outer = _above(g, x)
        g.after[x], g.link[x] = inner, up
        g.after[inner], g.link[inner] = outer, g.entry[inner] ^ 1
        x = outer

    g.n_unused[0] -= 1
    new = g.unused[g.n_unused[0]]
    g.z[new], g.base[new], g.first[new] = 0, g.base[meet], meet
    g.label[new], g.born[new] = OUTER, now
    length = _length(g, new)
    x = largest = meet
    g.size[new] = 0
    for _ in range(length):
        _settle(g, x, now)
        g.parent[x] = new
        g.before[g.after[x]] = x
        g.size[new] += g.size[x]
        if g.size[x] > g.size[largest]:
            largest = x
        x = g.after[x]
    group = g.group[g.base[largest]]  # each vertex changes its group log n times at most
    g.node[group] = new
    for _ in range(length):
        if x != largest:
            for v in _vertices(g, x):
                g.group[v] = group
        x = g.after[x]
    for _ in range(length):
        if g.label[x] == INNER:
            vertices = _vertices(g, x)
            for v in vertices:
                _set_sign(g, v, 1, now)
            for v in vertices:
                _scan_outer(g, heap, v, now)
        g.label[x] = FREE
        x = g.after[x]


@kernel
def _meet(g: Any, a: int, b: int) -> int:
    """The lowest node above both of two outer nodes."""
    x, y = a, b
    while True:
        if x >= 0:
            if g.mark[x]:
                break
            g.mark[x] = 1
            x = _above(g, x)
        x, y = y, x
    for start in (a, b):
        y = start
        while y >= 0 and g.mark[y]:
            if y != x or start == b:
                g.mark[y] = 0
            y = _above(g, y)
    return x


@kernel
def _above(g: Any, x: int) -> int:
    """The outer node above an outer node of the tree, -1 above the root."""
    up = g.mate[g.base[x]]
    if up < 0:
        return -1
    return _top(g, g.head[g.entry[_top(g, g.head[up])] ^ 1])


@kernel
def _expand(g: Any, heap: Any, b: int, now: int) -> None:
    """Take an inner blossom with z = 0 apart; its children on the tree's path are labelled anew."""
    length = _length(g, b)
    base = g.first[b]
    x = base
    for _ in range(length):
        g.parent[x] = -1
        vertices = _vertices(g, x)
        g.node[vertices[0]] = x
        for v in vertices:
            g.group[v] = vertices[0]
            _set_sign(g, v, 0, now)
        x = g.after[x]
    entry = g.entry[b]
    tree = g.tree[g.head[entry]]
    x = _top(g, g.head[entry])
    forwards = _steps(g, x, base) % 2 == 0
    _make_inner(g, heap, x, entry, now)
    while x != base:
        matched, link, x = _two_steps(g, x, forwards)
        g.label[matched] = OUTER
        _make_inner(g, heap, x, link, now)
    for _ in range(length):
        if g.label[x] == OUTER:
            _make_outer(g, heap, x, tree, now)
        elif g.label[x] == FREE:
            for v in _vertices(g, x):
                g.tree[v] = -1
                _scan_free(g, heap, v, now)
        x = g.after[x]
    g.label[b], g.z[b] = FREE, 0
    g.unused[g.n_unused[0]] = b
    g.n_unused[0] += 1


@kernel
def _steps(g: Any, child: int, base: int) -> int:
    """Along the cycle to the base."""
    steps = 0
    while child != base:
        child = g.after[child]
        steps += 1
    return steps


@kernel
def _two_steps(g: Any, x: int, forwards: bool) -> Any:
    """The next two nodes of a cycle: the first, the half-edge from it to the second, the second."""
    if forwards:
        y = g.after[x]
        return y, g.link[y], g.after[y]
    y = g.before[x]
    return y, g.link[g.before[y]] ^ 1, g.before[y]


@kernel
def _augment(g: Any, h: int) -> None:
    """Match the tail of h to its head, and exchange the edges on the way from the tail to its root."""
    while True:
        v = g.head[h ^ 1]
        outer = _top(g, v)
        up = g.mate[g.base[outer]]
        _rebase(g, outer, v)
        g.mate[v] = h
        if up < 0:
            return
        inner = _top(g, g.head[up])
        h = g.entry[inner]
        _rebase(g, inner, g.head[h])
        g.mate[g.head[h]] = h ^ 1


@kernel
def _rebase(g: Any, b: int, v: int) -> None:
    """Match the vertices of a node among themselves, all but v."""
    g.todo[0, 0], g.todo[0, 1] = b, v
    waiting = 1
    while waiting:
        waiting -= 1
        b, v = g.todo[waiting]
        g.base[b] = v
        if b < len(g.mate):
            continue
        x = v
        while g.parent[x] != b:
            x = g.parent[x]
        base = g.first[b]
        g.first[b] = x
        g.todo[waiting, 0], g.todo[waiting, 1] = x, v
        waiting += 1
        forwards = _steps(g, x, base) % 2 == 0
        while x != base:
            y, link, x = _two_steps(g, x, forwards)
            for node, half in ((y, link), (x, link ^ 1)):
                end = g.head[half ^ 1]
                g.mate[end] = half
                g.todo[waiting, 0], g.todo[waiting, 1] = node, end
                waiting += 1
