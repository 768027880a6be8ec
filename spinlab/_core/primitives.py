"""The narrow waist: three operations per form on which every sampling loop rests.

``cache_size(p)``       length of the cache of one replica
``fill(p, s, c)``       cache of the state s: local fields, or pattern overlaps
``field(p, c, s, i)``   h_i = sum_j J_ij s_j + b_i, so that flipping s_i costs 2 s_i h_i
``flip(p, c, s, i)``    flip s_i and update the cache

numba picks the implementation by the type of ``p`` when it compiles the loop.
"""

from __future__ import annotations

from numba.core import types
from numba.extending import overload

from .forms import Bipartite, Dense, Form, Pattern, PatternBipartite, Sparse


def _is(p, form):
    return isinstance(p, types.NamedTuple) and p.instance_class is form


def cache_size(p: Form) -> int:
    """Length of the cache of one replica (plain Python: the caller allocates)."""
    if isinstance(p, Pattern):
        return p.xi.shape[1]
    if isinstance(p, PatternBipartite):
        return 2 * p.xi.shape[1]
    return len(p.b)


def fill(p, s, c):
    raise NotImplementedError("only inside a kernel")


def field(p, c, s, i):
    raise NotImplementedError("only inside a kernel")


def flip(p, c, s, i):
    raise NotImplementedError("only inside a kernel")


@overload(fill)
def _fill(p, s, c):
    if _is(p, Dense):

        def fill_dense(p, s, c):
            n = len(p.b)
            for i in range(n):
                c[i] = p.b[i]
            for j in range(n):
                for i in range(n):
                    c[i] += p.J[j, i] * s[j]

        return fill_dense
    if _is(p, Sparse):

        def fill_sparse(p, s, c):
            for i in range(len(p.b)):
                h = p.b[i]
                for e in range(p.indptr[i], p.indptr[i + 1]):
                    h += p.data[e] * s[p.indices[e]]
                c[i] = h

        return fill_sparse
    if _is(p, Bipartite):

        def fill_bipartite(p, s, c):
            V, H = p.W.shape
            for i in range(V + H):
                c[i] = p.b[i]
            for i in range(V):
                for a in range(H):
                    c[V + a] += p.W[i, a] * s[i]
            for a in range(H):
                for i in range(V):
                    c[i] += p.Wt[a, i] * s[V + a]

        return fill_bipartite
    if _is(p, Pattern):

        def fill_pattern(p, s, c):
            c[:] = 0.0
            for i in range(p.xi.shape[0]):
                for k in range(p.xi.shape[1]):
                    c[k] += p.xi[i, k] * s[i]

        return fill_pattern
    if _is(p, PatternBipartite):

        def fill_pattern_bipartite(p, s, c):
            K = p.xi.shape[1]
            c[:] = 0.0
            for i in range(p.xi.shape[0]):
                # A visible site feels the hidden overlaps (second half) and feeds the first half.
                first = 0 if i < p.V else K
                for k in range(K):
                    c[first + k] += p.xi[i, k] * s[i]

        return fill_pattern_bipartite
    return None


@overload(field)
def _field(p, c, s, i):
    if _is(p, Dense) or _is(p, Sparse) or _is(p, Bipartite):
        return lambda p, c, s, i: c[i]
    if _is(p, Pattern):

        def field_pattern(p, c, s, i):
            h = 0.0
            for k in range(p.xi.shape[1]):
                h += p.xi[i, k] * c[k]
            return p.scale * h - p.d[i] * s[i] + p.b[i]

        return field_pattern
    if _is(p, PatternBipartite):

        def field_pattern_bipartite(p, c, s, i):
            K = p.xi.shape[1]
            first = K if i < p.V else 0
            h = 0.0
            for k in range(K):
                h += p.xi[i, k] * c[first + k]
            return p.scale * h + p.b[i]

        return field_pattern_bipartite
    return None


@overload(flip)
def _flip(p, c, s, i):
    if _is(p, Dense):

        def flip_dense(p, c, s, i):
            s[i] = -s[i]
            x = 2.0 * s[i]
            for j in range(len(p.b)):
                c[j] += x * p.J[i, j]

        return flip_dense
    if _is(p, Sparse):

        def flip_sparse(p, c, s, i):
            s[i] = -s[i]
            x = 2.0 * s[i]
            for e in range(p.indptr[i], p.indptr[i + 1]):
                c[p.indices[e]] += x * p.data[e]

        return flip_sparse
    if _is(p, Bipartite):

        def flip_bipartite(p, c, s, i):
            s[i] = -s[i]
            x = 2.0 * s[i]
            V, H = p.W.shape
            if i < V:
                for a in range(H):
                    c[V + a] += x * p.W[i, a]
            else:
                for j in range(V):
                    c[j] += x * p.Wt[i - V, j]

        return flip_bipartite
    if _is(p, Pattern):

        def flip_pattern(p, c, s, i):
            s[i] = -s[i]
            x = 2.0 * s[i]
            for k in range(p.xi.shape[1]):
                c[k] += x * p.xi[i, k]

        return flip_pattern
    if _is(p, PatternBipartite):

        def flip_pattern_bipartite(p, c, s, i):
            s[i] = -s[i]
            x = 2.0 * s[i]
            K = p.xi.shape[1]
            first = 0 if i < p.V else K
            for k in range(K):
                c[first + k] += x * p.xi[i, k]

        return flip_pattern_bipartite
    return None
