"""Isoenergetic cluster moves between two replicas of a sparse model (Houdayer)."""

from __future__ import annotations

import numpy as np

from .._core.forms import Sparse
from .._core.jit import kernel
from .._core.philox import CLUSTER, word
from .._core.primitives import flip

_STRONG = 2  # couplings of a site


def cluster_moves(
    form: Sparse,
    s: np.ndarray,
    cache: np.ndarray,
    replica: np.ndarray,
    energy: np.ndarray,
    key: np.uint64,
    first: int,
    step: int,
    strong: np.ndarray | None = None,
    betas: np.ndarray | None = None,
) -> None:
    """One move at every temperature between the chains 0 and 1, 2 and 3, ... of a group.

    ``replica`` (chains, levels) says which row of ``s`` and ``cache`` holds each temperature of a chain.
    The sites where two states differ fall into connected clusters; exchanging one cluster between the states
    conserves the sum of their energies, so the move is always accepted (J. Houdayer, Eur. Phys. J. B 22,
    479 (2001)). Without fields, a pair that differs on most sites is compared after a global flip of one of
    them (Zhu, Ochoa and Katzgraber, Phys. Rev. Lett. 115, 077201 (2015)). ``energy`` (rows,) follows.

    With ``strong``, a flag for each stored coupling, clusters grow along strong couplings alone. Where two
    states differ they still do after the exchange, so the same cluster leads back: Metropolis' rule for the
    change of the total energy, which the weak couplings make, at ``betas`` (levels,) keeps detailed balance.
    """
    has_fields = bool(form.b.any())
    n = s.shape[1]
    stack, inside = np.empty(n, dtype=np.int64), np.zeros(n, dtype=np.bool_)
    weighs = strong is not None
    if strong is None:
        strong = form.data != 0.0
    if betas is None:
        betas = np.zeros(replica.shape[1])
    _exchange(
        form, s, cache, replica, energy, has_fields, strong, weighs, betas, key, first, step, stack, inside
    )


def strong_couplings(form: Sparse) -> tuple[np.ndarray, float]:
    """Whether each stored coupling is among the two strongest of a site, and their share of sum J^2."""
    import scipy.sparse

    n = len(form.b)
    rows = np.repeat(np.arange(n), np.diff(form.indptr))
    size = np.abs(form.data)
    order = np.lexsort((-size, rows))
    rank = np.empty(len(size), dtype=np.int64)
    rank[order] = np.arange(len(size)) - form.indptr[rows[order]]
    first = scipy.sparse.csr_array(
        (((rank < _STRONG) & (size > 0)).astype(np.int8), form.indices, form.indptr), shape=(n, n)
    )
    strong = (first.data | first.T.tocsr().data) > 0  # the other end's choice stands at the same place
    squares = np.square(size / max(float(size.max(initial=0.0)), 1e-300))
    return strong, float(squares[strong].sum() / max(float(squares.sum()), 1e-300))


@kernel
def _exchange(  # type: ignore[no-untyped-def]
    p, s, c, replica, energy, has_fields, strong, weighs, betas, key, first, step, stack, inside
):
    n = s.shape[1]
    n_chains, n_levels = replica.shape
    for a in range(0, n_chains - 1, 2):
        for level in range(n_levels):
            x, y = replica[a, level], replica[a + 1, level]
            n_differ = 0
            for i in range(n):
                n_differ += s[x, i] != s[y, i]
            differ = has_fields or 2 * n_differ <= n
            if not differ:
                n_differ = n - n_differ
            if n_differ == 0:
                continue
            # A uniform choice among the sites of all clusters.
            w = word(key, first + a * n_levels + level, step, 0, CLUSTER)
            rank = (np.int64(w) * n_differ) >> 32
            seed = -1
            while rank >= 0:
                seed += 1
                if (s[x, seed] != s[y, seed]) == differ:
                    rank -= 1
            size = 1
            stack[0], inside[seed] = seed, True
            done = 0
            while done < size:
                i = stack[done]
                done += 1
                for e in range(p.indptr[i], p.indptr[i + 1]):
                    j = p.indices[e]
                    if strong[e] and not inside[j] and (s[x, j] != s[y, j]) == differ:
                        stack[size], inside[j] = j, True
                        size += 1
            one, other = energy[x], energy[y]
            _flip_both(p, s, c, x, y, energy, stack, size)
            for k in range(size):
                inside[stack[k]] = False
            if weighs:
                change = energy[x] + energy[y] - one - other
                w = word(key, first + a * n_levels + level, step, 1, CLUSTER)
                if change > 0.0 and (np.float64(w) + 0.5) / 4294967296.0 >= np.exp(-betas[level] * change):
                    _flip_both(p, s, c, x, y, energy, stack, size)
                    energy[x], energy[y] = one, other


@kernel
def _flip_both(p, s, c, x, y, energy, sites, size):  # type: ignore[no-untyped-def]
    for k in range(size):
        i = sites[k]
        energy[x] += 2.0 * s[x, i] * c[x, i]
        flip(p, c[x], s[x], i)
        energy[y] += 2.0 * s[y, i] * c[y, i]
        flip(p, c[y], s[y], i)
