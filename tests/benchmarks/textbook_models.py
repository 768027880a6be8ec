"""Textbook models at .75 and 1.33 of their line, and some that have none, for ``spinlab.diagnose``.

Written down with their truths before any of them was diagnosed (``validate_families.py run --set textbook``).
Where the truth is None only what a report says of its parts, or "undecided", can be right.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import networkx as nx
import numpy as np
from phase_families import (
    Case,
    G,
    O,
    P,
    edges_model,
    family,
    gauged,
    graph_model,
    lattice,
    patterns,
    regular,
    signs,
    sk,
    symmetric,
)
from second_unseen import crystal, plane

from spinlab.models import DenseIsing, SparseIsing

TEXTBOOK: dict[str, Callable[[], Iterator[Case]]] = {}
NEAR = (0.75, 1.33)  # of T_c
T_SQUARE = 2 / math.log(1 + math.sqrt(2))
T_HONEYCOMB = 2 / math.log(2 + math.sqrt(3))


def cases() -> list[Case]:
    """All of them, those of a family together."""
    return [case for make in TEXTBOOK.values() for case in make()]


def honeycomb(J: Any, L: int = 10) -> SparseIsing:
    """Periodic, 2 L^2 sites."""
    return crystal((L, L), 2, [(0, 1, (0, 0)), (1, 0, (1, 0)), (1, 0, (0, 1))], J)


def minus(n: int) -> np.ndarray:
    """Antiferromagnetic bonds."""
    return -np.ones(n)


def _at_line(lines: dict[str, tuple[float, Any]], below: str) -> Iterator[tuple[str, str, float, Any]]:
    for (name, (T_c, make)), x in itertools.product(lines.items(), NEAR):
        yield name, below if x < 1 else P, x * T_c, make


@family(TEXTBOOK)
def lattices() -> Any:
    """Onsager and his kin (second_unseen.py); cubic 4.5115, body-centred 6.35, four dimensions 6.68."""
    corners = [(0, 1, d) for d in itertools.product((0, -1), repeat=3)]
    lines = {
        "square L=12": (T_SQUARE, lambda rng: lattice((12, 12), np.ones)),
        "square L=24": (T_SQUARE, lambda rng: lattice((24, 24), np.ones)),
        "square open": (T_SQUARE, lambda rng: graph_model(nx.grid_2d_graph(14, 14), np.ones)),
        "triangular": (4 / math.log(3), lambda rng: plane("triangular", np.ones)),
        "honeycomb": (T_HONEYCOMB, lambda rng: honeycomb(np.ones)),
        "kagome": (4 / math.log(3 + 2 * math.sqrt(3)), lambda rng: plane("kagome", np.ones)),
        "cubic L=6": (4.5115, lambda rng: lattice((6,) * 3, np.ones)),
        "cubic L=10": (4.5115, lambda rng: lattice((10,) * 3, np.ones)),
        "body-centred": (6.35, lambda rng: crystal((5,) * 3, 2, corners, np.ones)),
        "four dimensions": (6.68, lambda rng: lattice((4,) * 4, np.ones)),
    }
    yield from _at_line(lines, O)


@family(TEXTBOOK)
def antiferromagnets_on_bipartite_graphs() -> Any:
    """Ferromagnets in another gauge."""
    halves = np.kron([[0, 1], [1, 0]], -np.ones((80, 80))) / 80
    lines = {
        "square": (T_SQUARE, lambda rng: lattice((12, 12), minus)),
        "honeycomb": (T_HONEYCOMB, lambda rng: honeycomb(minus)),
        "cubic": (4.5115, lambda rng: lattice((6,) * 3, minus)),
        "all pairs": (1.0, lambda rng: DenseIsing(halves)),
    }
    yield from _at_line(lines, O)
    yield "square in a field", O, 1.2, lambda rng: lattice((12, 12), minus, b=np.ones(144))


@family(TEXTBOOK)
def mean_field() -> Any:
    """Curie-Weiss, SK, Hopfield, Bethe lattice."""
    N = 200
    curie = symmetric(np.ones((N, N))) / N
    yield from _at_line({
        "Curie-Weiss": (1.0, lambda rng: DenseIsing(curie)),
        "SK J0=2": (2.0, lambda rng: DenseIsing(sk(N, rng, 2.0))),
        "Hopfield one pattern": (1.0, lambda rng: patterns(rng.choice([-1.0, 1.0], (1, 100)))),
        "Hopfield four patterns": (1.0, lambda rng: patterns(rng.choice([-1.0, 1.0], (4, 400)))),
        "Bethe ferromagnet": (1 / math.atanh(0.5), lambda rng: regular(300, 3, np.ones, rng)),
    }, O)  # fmt: skip
    yield from _at_line({
        "SK J0=.5": (1.0, lambda rng: DenseIsing(sk(N, rng, 0.5))),
        "Bethe signs c=3": (1 / math.atanh(2**-0.5), lambda rng: regular(300, 3, signs(rng), rng)),
        "Bethe signs c=4": (1 / math.atanh(3**-0.5), lambda rng: regular(300, 4, signs(rng), rng)),
    }, G)  # fmt: skip
    for T in (0.5, 1.5):
        yield "Curie-Weiss, field .5", P, T, lambda rng: DenseIsing(curie, 0.5 * np.ones(N))
    yield "Curie-Weiss, field .05", P, 1.5, lambda rng: DenseIsing(curie, 0.05 * np.ones(N))
    yield "random field", O, 0.5, lambda rng: DenseIsing(curie, 0.3 * rng.choice([-1.0, 1.0], N))
    for alpha, truth in ((0.01, O), (0.05, O), (0.1, None), (0.3, G)):
        for T, what in ((0.2, truth), (2.2 + 2 * math.sqrt(alpha), P)):
            K = round(alpha * N)
            yield f"Hopfield {alpha}", what, T, lambda rng, K=K: patterns(rng.choice([-1.0, 1.0], (K, N)))


@family(TEXTBOOK)
def edwards_anderson_close_to_the_line() -> Any:
    """T_c = .951 (normal), 1.102 (signs) in three dimensions (H. G. Katzgraber et al. 2006)."""

    def normal(rng: np.random.Generator, L: int) -> SparseIsing:
        return lattice((L,) * 3, rng.standard_normal)

    for L, x in itertools.product((6, 8), (0.75, 1.33, 1.5, 2.0)):
        truth = G if x < 1 else P
        yield f"normal L={L}", truth, x * 0.951, lambda rng, L=L: normal(rng, L)
        yield f"signs L={L}", truth, x * 1.102, lambda rng, L=L: lattice((L,) * 3, signs(rng))


@family(TEXTBOOK)
def frustrated_without_disorder() -> Any:
    """J. Villain's square lattice, triangular and kagome antiferromagnets: no order at T > 0."""
    site = np.arange(144).reshape(12, 12)
    i = np.concatenate([site.ravel()] * 2)
    j = np.concatenate([np.roll(site, -1, 0).ravel(), np.roll(site, -1, 1).ravel()])
    rows = np.where(np.arange(144) % 2 == 0, 1.0, -1.0)
    for T in (0.4, 0.8, 1.5, 3.0):
        J = np.concatenate([rows, np.ones(144)])
        yield "odd", P, T, lambda rng, J=J: gauged(edges_model(i, j, J, 144), rng)
        yield "triangular", P, T, lambda rng: plane("triangular", minus)
        yield "kagome", P, T, lambda rng: plane("kagome", minus)
    yield "all pairs", P, 0.5, lambda rng: DenseIsing(symmetric(-np.ones((100, 100)) / 100))

    def partition(rng: np.random.Generator) -> DenseIsing:
        a = rng.random(80)
        return DenseIsing(symmetric(-np.outer(a, a)))

    for T in (0.5, 5.0):
        yield "number partitioning", P, T, partition


@family(TEXTBOOK)
def chains_and_trees() -> Any:
    """Nothing orders at T > 0; correlation lengths are far below the size."""
    for T in (0.6, 1.5):
        yield "ring", P, T, lambda rng: graph_model(nx.cycle_graph(100), np.ones)
        yield "ring of signs", P, T, lambda rng: graph_model(nx.cycle_graph(100), signs(rng))
        yield "path", P, T, lambda rng: graph_model(nx.path_graph(100), np.ones)
        yield "binary tree", P, T, lambda rng: graph_model(nx.balanced_tree(2, 6), np.ones)
    yield "ladder", P, 0.9, lambda rng: graph_model(nx.ladder_graph(80), np.ones)


@family(TEXTBOOK)
def random_fields_in_three_dimensions() -> Any:
    """Signs of size .6: order up to about 4.4. Normal fields: none beyond sigma = 2.27 at any T (A. A.
    Middleton, D. S. Fisher, Phys. Rev. B 65, 134411 (2002)).
    """
    for T, truth in ((2.2, O), (3.1, O), (6.1, P)):
        yield "signs", truth, T, lambda rng: lattice((7,) * 3, np.ones, b=rng.choice([-0.6, 0.6], 343))
    for sigma, T in ((4.0, 1.0), (4.0, 2.0)):
        yield (
            f"normal {sigma:g}", P, T,
            lambda rng, sigma=sigma: lattice((7,) * 3, np.ones, b=sigma * rng.standard_normal(343)),
        )  # fmt: skip
    yield "square, uniform .3", P, 1.7, lambda rng: lattice((12, 12), np.ones, b=0.3 * np.ones(144))


def side_by_side(*models: SparseIsing) -> SparseIsing:
    """Models that no coupling joins."""
    edges, start = [], 0
    for model in models:
        i, j, J = model.edges()
        edges.append((i + start, j + start, J))
        start += model.n_spins
    return edges_model(*(np.concatenate(x) for x in zip(*edges, strict=True)), start)


@family(TEXTBOOK)
def parts() -> Any:
    """Connected parts: their phase where it is the same."""
    square, cube = lattice((10, 10), np.ones), lattice((5,) * 3, np.ones)
    yield "two squares", O, 1.7, lambda rng: side_by_side(square, square)
    yield "two cubes", P, 6.0, lambda rng: side_by_side(cube, cube)
    ring = graph_model(nx.cycle_graph(100), np.ones)
    yield "square and ring", None, 1.7, lambda rng: side_by_side(square, ring)
    yield "cube and free spins", O, 3.0, lambda rng: edges_model(*lattice((6,) * 3, np.ones).edges(), 230)
