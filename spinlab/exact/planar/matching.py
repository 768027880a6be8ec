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

from ..._core.jit import kernel

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

    vertices, nodes = np.zeros(n, _VERTEX), np.zeros(2 * n, _NODE)
    vertices["mate"] = vertices["tree"] = nodes["parent"] = -1
    vertices["group"] = nodes["base"][:n] = nodes["outermost"][:n] = np.arange(n)
    nodes["size"][:n] = 1
    g = _Forest(
        start=start,
        out=out,
        head=head,
        w=w,
        vertices=vertices,
        nodes=nodes,
        unused=np.arange(2 * n - 1, n - 1, -1),
        n_unused=np.array([n]),
        inside=np.empty(n, np.int64),
        todo=np.empty((2 * n, 2), np.int64),
    )
    status = _match(g)
    if status < 0:
        raise RuntimeError("a tight edge was lost in the search for a matching; please report this model")
    if not status:
        return None
    mate, radius, parent, z = vertices["mate"], vertices["radius"], nodes["parent"], nodes["z"]
    return Matching(head[mate], *(np.ascontiguousarray(x) for x in (radius, parent, z)))


_VERTEX = np.dtype(
    [
        ("mate", np.int64),  # half-edge to the partner, -1 where there is none
        ("radius", np.int64),  # as it was at the time ``since``; it changes by ``sign`` per unit time
        ("sign", np.int64),
        ("since", np.int64),
        ("tree", np.int64),  # root of the tree that the vertex belongs to, or -1
        ("group", np.int64),  # nodes[group].outermost is the outermost node that holds the vertex
    ]
)
_NODE = np.dtype(
    [
        ("z", np.int64),  # as it was at the time ``born``; outermost, it changes by 2 or -2 per unit time
        ("parent", np.int64),
        ("base", np.int64),  # the vertex whose partner lies outside the node
        ("first", np.int64),  # the child that holds the base
        ("after", np.int64),  # the next node in the cycle of the parent
        ("before", np.int64),
        ("link", np.int64),  # half-edge to the next node
        ("label", np.int64),
        ("born", np.int64),  # when the label was given
        ("entry", np.int64),  # half-edge by which the tree reaches an inner node
        ("outermost", np.int64),
        ("size", np.int64),  # number of vertices
        ("mark", np.int64),
    ]
)


class _Forest(NamedTuple):
    """The graph, the matching, its dual solution and the alternating trees, as kernels see them."""

    start: np.ndarray
    out: np.ndarray
    """The half-edges that leave v are out[start[v] : start[v + 1]]."""
    head: np.ndarray
    w: np.ndarray
    vertices: np.ndarray
    nodes: np.ndarray
    unused: np.ndarray
    """Blossoms not in use: the first n_unused[0]."""
    n_unused: np.ndarray
    inside: np.ndarray
    todo: np.ndarray


@kernel
def _match(g: Any) -> int:
    """1 with a perfect matching, 0 if there is none, -1 if an invariant is broken."""
    n = len(g.vertices)
    for v in range(n):
        if g.start[v] == g.start[v + 1]:
            return 0
        lightest = g.w[g.out[g.start[v]] >> 1]
        for k in range(g.start[v] + 1, g.start[v + 1]):
            lightest = min(lightest, g.w[g.out[k] >> 1])
        g.vertices[v].radius = lightest >> 1
    for v in range(n):
        if g.vertices[v].mate < 0:
            _match_greedily(g, v)
    return _grow(g)


@kernel
def _match_greedily(g: Any, v: int) -> None:
    """Raise the radius of an unmatched vertex to its bound, and take a tight edge that is free."""
    edges = g.out[g.start[v] : g.start[v + 1]]
    least = _slack(g, edges[0], 0)
    for h in edges:
        least = min(least, _slack(g, h, 0))
    g.vertices[v].radius += least
    for h in edges:
        u = g.head[h]
        if g.vertices[u].mate < 0 and _slack(g, h, 0) == 0:
            g.vertices[v].mate, g.vertices[u].mate = h, h ^ 1
            return


@kernel
def _grow(g: Any) -> int:
    """Grow a tree from every unmatched vertex; where two of them meet, their roots are matched."""
    now = 0
    heap = [(0, 0)]
    heap.pop()
    unmatched = 0
    for v in range(len(g.vertices)):
        if g.vertices[v].mate < 0:
            g.nodes[v].label = OUTER
            unmatched += 1
    for v in range(len(g.vertices)):
        if g.vertices[v].mate < 0:
            _make_outer(g, heap, v, v, now)
    while unmatched:
        if not heap:
            return 0
        now, event = heapq.heappop(heap)
        if event < 0:
            b = -1 - event
            if g.nodes[b].label == INNER and g.nodes[b].z == 2 * (now - g.nodes[b].born):
                _expand(g, heap, b, now)
            continue
        u, v = g.head[event ^ 1], g.head[event]
        a, b = _top(g, u), _top(g, v)
        if a == b or g.nodes[a].label != OUTER or g.nodes[b].label == INNER:
            continue
        slack = _slack(g, event, now)
        if slack < 0:
            return -1
        if slack > 0:  # the radius of the other end stood still for a while
            _push(g, heap, event, now)
        elif g.nodes[b].label == FREE:
            _make_inner(g, heap, b, event, now)
            mate = g.head[g.vertices[g.nodes[b].base].mate]
            _make_outer(g, heap, _top(g, mate), g.vertices[u].tree, now)
        elif g.vertices[u].tree == g.vertices[v].tree:
            _shrink(g, heap, event, now)
        else:
            _augment(g, event)
            _augment(g, event ^ 1)
            _dissolve(g, heap, g.vertices[u].tree, g.vertices[v].tree, now)
            unmatched -= 2
    return 1


@kernel
def _dissolve(g: Any, heap: Any, one: int, other: int, now: int) -> None:
    """Free the nodes of two trees; other trees may reach them."""
    count = 0
    for v in range(len(g.vertices)):
        if g.vertices[v].tree == one or g.vertices[v].tree == other:
            _set_sign(g, v, 0, now)
            b = _top(g, v)
            _settle(g, b, now)
            g.nodes[b].label = FREE
            g.vertices[v].tree = -1
            g.inside[count] = v
            count += 1
    for v in g.inside[:count]:
        _scan_free(g, heap, v, now)


@kernel
def _top(g: Any, v: int) -> int:
    """The outermost node that holds a vertex."""
    return g.nodes[g.vertices[v].group].outermost


@kernel
def _slack(g: Any, h: int, now: int) -> int:
    """Of an edge between two outermost nodes."""
    u, v = g.head[h], g.head[h ^ 1]
    ru = g.vertices[u].radius + g.vertices[u].sign * (now - g.vertices[u].since)
    rv = g.vertices[v].radius + g.vertices[v].sign * (now - g.vertices[v].since)
    return g.w[h >> 1] - ru - rv


@kernel
def _push(g: Any, heap: Any, h: int, now: int) -> None:
    """Note when a half-edge from an outer node will be tight."""
    slack = _slack(g, h, now)
    outer = g.nodes[_top(g, g.head[h])].label == OUTER
    heapq.heappush(heap, (now + (slack >> 1 if outer else slack), h))


@kernel
def _set_sign(g: Any, v: int, sign: int, now: int) -> None:
    g.vertices[v].radius += g.vertices[v].sign * (now - g.vertices[v].since)
    g.vertices[v].sign, g.vertices[v].since = sign, now


@kernel
def _settle(g: Any, b: int, now: int) -> None:
    """Bring z of an outermost node up to date."""
    if b >= len(g.vertices):
        if g.nodes[b].label == OUTER:
            g.nodes[b].z += 2 * (now - g.nodes[b].born)
        elif g.nodes[b].label == INNER:
            g.nodes[b].z -= 2 * (now - g.nodes[b].born)
        g.nodes[b].born = now


@kernel
def _vertices(g: Any, b: int) -> Any:
    """The vertices in a node, valid until the next call."""
    n = len(g.vertices)
    g.todo[0, 0] = b
    waiting, count = 1, 0
    while waiting:
        waiting -= 1
        x = g.todo[waiting, 0]
        if x < n:
            g.inside[count] = x
            count += 1
            continue
        child = g.nodes[x].first
        for _ in range(_length(g, x)):
            g.todo[waiting, 0] = child
            waiting += 1
            child = g.nodes[child].after
    return g.inside[:count]


@kernel
def _length(g: Any, b: int) -> int:
    """Number of children of a blossom."""
    length, child = 1, g.nodes[g.nodes[b].first].after
    while child != g.nodes[b].first:
        length += 1
        child = g.nodes[child].after
    return length


@kernel
def _make_outer(g: Any, heap: Any, b: int, tree: int, now: int) -> None:
    g.nodes[b].label, g.nodes[b].born = OUTER, now
    vertices = _vertices(g, b)
    for v in vertices:
        g.vertices[v].tree = tree
        _set_sign(g, v, 1, now)
    for v in vertices:
        _scan_outer(g, heap, v, now)


@kernel
def _scan_outer(g: Any, heap: Any, v: int, now: int) -> None:
    for k in range(g.start[v], g.start[v + 1]):
        h = g.out[k]
        b = _top(g, g.head[h])
        if b != _top(g, v) and g.nodes[b].label != INNER:
            _push(g, heap, h, now)


@kernel
def _scan_free(g: Any, heap: Any, v: int, now: int) -> None:
    for k in range(g.start[v], g.start[v + 1]):
        h = g.out[k]
        if g.nodes[_top(g, g.head[h])].label == OUTER:
            _push(g, heap, h ^ 1, now)


@kernel
def _make_inner(g: Any, heap: Any, b: int, entry: int, now: int) -> None:
    g.nodes[b].label, g.nodes[b].born, g.nodes[b].entry = INNER, now, entry
    tree = g.vertices[g.head[entry ^ 1]].tree
    for v in _vertices(g, b):
        g.vertices[v].tree = tree
        _set_sign(g, v, -1, now)
    if b >= len(g.vertices):
        heapq.heappush(heap, (now + (g.nodes[b].z >> 1), -1 - b))


@kernel
def _shrink(g: Any, heap: Any, h: int, now: int) -> None:
    """Make a blossom of the odd cycle that a half-edge between two outer nodes closes."""
    a, b = _top(g, g.head[h ^ 1]), _top(g, g.head[h])
    meet = _meet(g, a, b)
    x = a
    while x != meet:  # downwards from the meeting point to a
        up = g.vertices[g.nodes[x].base].mate
        inner = _top(g, g.head[up])
        outer = _above(g, x)
        g.nodes[outer].after, g.nodes[outer].link = inner, g.nodes[inner].entry
        g.nodes[inner].after, g.nodes[inner].link = x, up ^ 1
        x = outer
    g.nodes[a].after, g.nodes[a].link = b, h
    x = b
    while x != meet:  # upwards from b
        up = g.vertices[g.nodes[x].base].mate
        inner = _top(g, g.head[up])
        outer = _above(g, x)
        g.nodes[x].after, g.nodes[x].link = inner, up
        g.nodes[inner].after, g.nodes[inner].link = outer, g.nodes[inner].entry ^ 1
        x = outer

    g.n_unused[0] -= 1
    new = g.unused[g.n_unused[0]]
    g.nodes[new].z, g.nodes[new].base, g.nodes[new].first = 0, g.nodes[meet].base, meet
    g.nodes[new].label, g.nodes[new].born = OUTER, now
    length = _length(g, new)
    x = largest = meet
    g.nodes[new].size = 0
    for _ in range(length):
        _settle(g, x, now)
        g.nodes[x].parent = new
        g.nodes[g.nodes[x].after].before = x
        g.nodes[new].size += g.nodes[x].size
        if g.nodes[x].size > g.nodes[largest].size:
            largest = x
        x = g.nodes[x].after
    group = g.vertices[g.nodes[largest].base].group  # each vertex changes its group log n times at most
    g.nodes[group].outermost = new
    for _ in range(length):
        if x != largest:
            for v in _vertices(g, x):
                g.vertices[v].group = group
        x = g.nodes[x].after
    for _ in range(length):
        if g.nodes[x].label == INNER:
            vertices = _vertices(g, x)
            for v in vertices:
                _set_sign(g, v, 1, now)
            for v in vertices:
                _scan_outer(g, heap, v, now)
        g.nodes[x].label = FREE
        x = g.nodes[x].after


@kernel
def _meet(g: Any, a: int, b: int) -> int:
    """The lowest node above both of two outer nodes."""
    x, y = a, b
    while True:
        if x >= 0:
            if g.nodes[x].mark:
                break
            g.nodes[x].mark = 1
            x = _above(g, x)
        x, y = y, x
    for start in (a, b):
        y = start
        while y >= 0 and g.nodes[y].mark:
            if y != x or start == b:
                g.nodes[y].mark = 0
            y = _above(g, y)
    return x


@kernel
def _above(g: Any, x: int) -> int:
    """The outer node above an outer node of the tree, -1 above the root."""
    up = g.vertices[g.nodes[x].base].mate
    if up < 0:
        return -1
    return _top(g, g.head[g.nodes[_top(g, g.head[up])].entry ^ 1])


@kernel
def _expand(g: Any, heap: Any, b: int, now: int) -> None:
    """Take an inner blossom with z = 0 apart; its children on the tree's path are labelled anew."""
    length = _length(g, b)
    base = g.nodes[b].first
    x = base
    for _ in range(length):
        g.nodes[x].parent = -1
        vertices = _vertices(g, x)
        g.nodes[vertices[0]].outermost = x
        for v in vertices:
            g.vertices[v].group = vertices[0]
            _set_sign(g, v, 0, now)
        x = g.nodes[x].after
    entry = g.nodes[b].entry
    tree = g.vertices[g.head[entry]].tree
    x = _top(g, g.head[entry])
    forwards = _steps(g, x, base) % 2 == 0
    _make_inner(g, heap, x, entry, now)
    while x != base:
        matched, link, x = _two_steps(g, x, forwards)
        g.nodes[matched].label = OUTER
        _make_inner(g, heap, x, link, now)
    for _ in range(length):
        if g.nodes[x].label == OUTER:
            _make_outer(g, heap, x, tree, now)
        elif g.nodes[x].label == FREE:
            for v in _vertices(g, x):
                g.vertices[v].tree = -1
                _scan_free(g, heap, v, now)
        x = g.nodes[x].after
    g.nodes[b].label, g.nodes[b].z = FREE, 0
    g.unused[g.n_unused[0]] = b
    g.n_unused[0] += 1


@kernel
def _steps(g: Any, child: int, base: int) -> int:
    """Along the cycle to the base."""
    steps = 0
    while child != base:
        child = g.nodes[child].after
        steps += 1
    return steps


@kernel
def _two_steps(g: Any, x: int, forwards: bool) -> Any:
    """The next two nodes of a cycle: the first, the half-edge from it to the second, the second."""
    if forwards:
        y = g.nodes[x].after
        return y, g.nodes[y].link, g.nodes[y].after
    y = g.nodes[x].before
    return y, g.nodes[g.nodes[y].before].link ^ 1, g.nodes[y].before


@kernel
def _augment(g: Any, h: int) -> None:
    """Match the tail of h to its head, and exchange the edges on the way from the tail to its root."""
    while True:
        v = g.head[h ^ 1]
        outer = _top(g, v)
        up = g.vertices[g.nodes[outer].base].mate
        _rebase(g, outer, v)
        g.vertices[v].mate = h
        if up < 0:
            return
        inner = _top(g, g.head[up])
        h = g.nodes[inner].entry
        _rebase(g, inner, g.head[h])
        g.vertices[g.head[h]].mate = h ^ 1


@kernel
def _rebase(g: Any, b: int, v: int) -> None:
    """Match the vertices of a node among themselves, all but v."""
    g.todo[0, 0], g.todo[0, 1] = b, v
    waiting = 1
    while waiting:
        waiting -= 1
        b, v = g.todo[waiting]
        g.nodes[b].base = v
        if b < len(g.vertices):
            continue
        x = v
        while g.nodes[x].parent != b:
            x = g.nodes[x].parent
        base = g.nodes[b].first
        g.nodes[b].first = x
        g.todo[waiting, 0], g.todo[waiting, 1] = x, v
        waiting += 1
        forwards = _steps(g, x, base) % 2 == 0
        while x != base:
            y, link, x = _two_steps(g, x, forwards)
            for node, half in ((y, link), (x, link ^ 1)):
                end = g.head[half ^ 1]
                g.vertices[end].mate = half
                g.todo[waiting, 0], g.todo[waiting, 1] = node, end
                waiting += 1
