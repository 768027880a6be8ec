"""Small and large graphs with couplings of several kinds, for the solvers of sparse models."""

from __future__ import annotations

import networkx as nx
import numpy as np

from spinlab.models import SparseIsing


def lattice(rows, columns, periodic=False):
    return nx.grid_2d_graph(rows, columns, periodic=periodic)


def small_graph(kind, rng):
    """A graph of at most 10 nodes."""
    seed = int(rng.integers(2**31))
    n = int(rng.integers(1, 11))
    return {
        "tree": lambda: nx.random_labeled_tree(n, seed=seed),
        "cycle": lambda: nx.cycle_graph(max(3, n)),
        "grid": lambda: lattice(2, 1 + n // 2),
        "torus": lambda: lattice(3, 3, periodic=True),
        "sparse": lambda: nx.gnp_random_graph(n, min(1.0, 2.5 / n), seed=seed),
        "dense": lambda: nx.gnp_random_graph(n, 0.8, seed=seed),
        "forest": lambda: nx.disjoint_union(nx.path_graph(n // 3 + 1), nx.cycle_graph(3 + n // 4)),
        "isolated": lambda: nx.empty_graph(n),
    }[kind]()


KINDS = ("tree", "cycle", "grid", "torus", "sparse", "dense", "forest", "isolated")
NUMBERS = ("signs", "integer", "real")


def model_on(graph, numbers, fields, rng, offset=0.0):
    """Couplings and (if ``fields`` > 0, on that fraction of the sites) fields of a kind on a graph."""
    draw = {
        "signs": lambda k: rng.choice([-1.0, 1.0], k),
        "integer": lambda k: rng.choice([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0], k),
        "real": lambda k: rng.normal(size=k),
    }[numbers]
    n = len(graph)
    graph = nx.relabel_nodes(graph, dict(zip(graph, rng.permutation(n).tolist(), strict=True)))
    i, j = np.array(list(graph.edges), dtype=int).reshape(-1, 2).T
    b = draw(n) * (rng.random(n) < fields)
    return SparseIsing.from_edges(np.minimum(i, j), np.maximum(i, j), draw(len(i)), n, b, offset=offset)


def strip(rows, columns, rng, fields=0.0, numbers="signs", periodic=False):
    return model_on(lattice(rows, columns, periodic), numbers, fields, rng)
