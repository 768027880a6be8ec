"""Isoenergetic cluster moves between two replicas of a sparse model (Houdayer)."""

from __future__ import annotations

import numpy as np

from .._core.forms import Sparse
from .._core.jit import kernel
from .._core.philox import CLUSTER, word
from .._core.primitives import flip


def cluster_moves(
    form: Sparse,
    s: np.ndarray,
    cache: np.ndarray,
    replica: np.ndarray,
    energy: np.ndarray,
    key: np.uint64,
    first: int,
    step: int,
) -> None:
    """One move at every temperature between the chains 0 and 1, 2 and 3, ... of a group.

    ``replica`` (chains, levels) says which row of ``s`` and ``cache`` holds each temperature of a chain.
    The sites where two states differ fall into connected clusters; exchanging one cluster between the states
    conserves the sum of their energies, so the move is always accepted (J. Houdayer, Eur. Phys. J. B 22,
    479 (2001)). Without fields, a pair that differs on most sites is compared after a global flip of one of
    them (Zhu, Ochoa and Katzgraber, Phys. Rev. Lett. 115, 077201 (2015)). ``energy`` (rows,) follows.
    """
    has_fields = bool(form.b.any())
    n = s.shape[1]
    stack, inside = np.empty(n, dtype=np.int64), np.zeros(n, dtype=np.bool_)
    _exchange(form, s, cache, replica, energy, has_fields, key, first, step, stack, inside)


@kernel
def _exchange(p, s, c, replica, energy, has_fields, key, first, step, stack, inside):  # type: ignore[no-untyped-def]
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
                    if p.data[e] != 0.0 and not inside[j] and (s[x, j] != s[y, j]) == differ:
                        stack[size], inside[j] = j, True
                        size += 1
            for k in range(size):
                i = stack[k]
                inside[i] = False
                energy[x] += 2.0 * s[x, i] * c[x, i]
                flip(p, c[x], s[x], i)
                energy[y] += 2.0 * s[y, i] * c[y, i]
                flip(p, c[y], s[y], i)
