"""Spin glass on a graph: the Edwards-Anderson model."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse

from .._core.rng import RNG, as_generator
from .._core.validate import as_count, check_memory
from ..models import SparseIsing
from ..models._sums import Sums
from ..models.sparse import sum_parallel
from ._laws import draw, random_fields

if TYPE_CHECKING:
    import networkx as nx


def edwards_anderson(
    graph: nx.Graph | None = None,
    *,
    shape: Sequence[int] | None = None,
    periodic: bool | Sequence[bool] = True,
    law: str = "gaussian",
    field_std: float = 0.0,
    rng: RNG = None,
) -> SparseIsing:
    """Edwards-Anderson spin glass: independent couplings on the edges of a graph or lattice.

    J_ij has mean 0 and variance 1 on every edge, 2 on a double one (Edwards and Anderson, J. Phys. F 5, 965
    (1975)).

    Parameters
    ----------
    graph : networkx.Graph or networkx.MultiGraph
        Any undirected graph without self-loops; its attributes are ignored.
        Couplings are drawn in the order of ``graph.edges``; ``labels`` are its nodes. Parallel edges have
        couplings of their own, which are added.
    shape : sequence of int
        Instead of a graph: a hypercubic lattice, (L, L) in two and (L, L, L) in three
        dimensions, sides not necessarily equal. Sites are numbered in C order, so
        ``state.reshape(shape)`` is the picture of a state. Couplings are drawn axis by axis.
    periodic : bool or sequence of bool, default True
        Whether the lattice wraps around (for each axis). At length 2 every bond along a periodic axis is
        double, the sum of two couplings. Length 1 would join a site to itself.
    law : {"gaussian", "pm1", "uniform"}
        Law of the couplings: normal, +-1 with equal probability, or uniform on (-sqrt 3, sqrt 3).
    field_std, rng
        As for :func:`spinlab.ensembles.sk`.

    Returns
    -------
    SparseIsing

    Raises
    ------
    ValueError, TypeError
        If not exactly one of ``graph`` and ``shape`` is given, or an argument is out of range.

    Examples
    --------
    >>> from spinlab.ensembles import edwards_anderson
    >>> edwards_anderson(shape=(4, 4), law="pm1", rng=0)
    <SparseIsing: N=16, 32 edges>
    >>> import networkx as nx
    >>> edwards_anderson(nx.random_regular_graph(3, 10, seed=0), rng=0)
    <SparseIsing: N=10, 15 edges>
    """
    rng = as_generator(rng)
    labels: list[Hashable] | None = None
    if (graph is None) == (shape is None):
        raise ValueError("give either a networkx graph or shape=(L, L), and not both")
    if shape is not None:
        i, j, n = _lattice(shape, periodic)
    else:
        i, j, labels = _edges(graph)
        n = len(labels)
    i, j, J = sum_parallel(i, j, draw(law, i.shape, rng), Sums())
    couplings = scipy.sparse.coo_array((np.append(J, J), (np.append(i, j), np.append(j, i))), shape=(n, n))
    return SparseIsing(couplings, random_fields(field_std, n, rng), labels=labels)


def _lattice(shape: Sequence[int], periodic: bool | Sequence[bool]) -> tuple[np.ndarray, np.ndarray, int]:
    if not isinstance(shape, Sequence) or isinstance(shape, str | bytes) or not shape:
        raise TypeError(f"shape must be a sequence of lengths such as (8, 8), got {shape!r}")
    shape = tuple(as_count(L, "each length in shape") for L in shape)
    wraps = (periodic,) * len(shape) if isinstance(periodic, bool) else periodic
    if not isinstance(wraps, Sequence) or not all(isinstance(wrap, bool) for wrap in wraps):
        raise TypeError(f"periodic must be True, False or one of them for each axis, got {periodic!r}")
    if len(wraps) != len(shape):
        raise ValueError(f"periodic has {len(wraps)} entries for {len(shape)} axes of shape {shape}")
    check_memory(8 * 20 * len(shape) * math.prod(shape), f"a lattice of shape {shape}")
    site = np.arange(math.prod(shape)).reshape(shape)
    i, j = [], []
    for axis, (L, wrap) in enumerate(zip(shape, wraps, strict=True)):
        if wrap and L == 1:
            raise ValueError(
                f"axis {axis} of shape {shape} is periodic and of length 1, so its bonds would join a site "
                "to itself; use periodic=False for it, or a longer side"
            )
        length = L if wrap else L - 1
        i.append(site.take(range(length), axis).ravel())
        j.append(np.roll(site, -1, axis).take(range(length), axis).ravel())
    return np.concatenate(i), np.concatenate(j), site.size


def _edges(graph: nx.Graph) -> tuple[np.ndarray, np.ndarray, list[Hashable]]:
    import networkx as nx

    if not isinstance(graph, nx.Graph):
        raise TypeError(
            f"graph must be a networkx.Graph, got {type(graph).__name__}; for a lattice give shape="
        )
    if graph.is_directed():
        raise ValueError("the graph must be undirected; use graph.to_undirected()")
    nodes = list(graph.nodes)
    if not nodes:
        raise ValueError("the graph has no nodes; a model needs at least one spin")
    for node in nx.nodes_with_selfloops(graph):
        raise ValueError(f"the graph has a self-loop at {node!r}; remove it (s_i s_i = 1 is only a constant)")
    number = {node: i for i, node in enumerate(nodes)}
    pairs = np.array([(number[u], number[v]) for u, v in graph.edges()], dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1], nodes
