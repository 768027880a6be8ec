"""A fifth list of unseen families, for the rules that the fourth list taught.

Written down with its truths, and committed, before any of it was diagnosed; to be run once
(``validate_families.py run --set fifth``). Truths are the same at 0.75 and 1.33 of the temperature. Critical
points of planar lattices were recomputed as zeros of the Kac-Ward determinant of one cell.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from fourth_unseen import exclusion
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
    poisson,
    regular,
    signs,
    sk,
    symmetric,
)
from second_unseen import crystal, plane
from textbook_models import honeycomb
from unseen_families import crossing, normal_mean

from spinlab.models import BipartiteIsing, DenseIsing, SparseIsing

FIFTH: dict[str, Callable[[], Iterator[Case]]] = {}
AWAY = (0.6, 0.72, 1.4, 1.7)  # of T_c
Lines = dict[str, tuple[str, float, Callable[[np.random.Generator], Any]]]


def cases() -> list[Case]:
    """All of them, those of a family together."""
    return [case for make in FIFTH.values() for case in make()]


def _around(lines: Lines, xs: tuple[float, ...] = AWAY) -> Iterator[tuple[str, str, float, Any]]:
    """The phase below T_c, T_c, and the maker, by name."""
    for (name, (below, T_c, make)), x in itertools.product(lines.items(), xs):
        yield name, below if x < 1 else P, x * T_c, make


def _dual(T: float) -> float:
    """sinh(2/T) sinh(2/T*) = 1 (H. A. Kramers, G. H. Wannier 1941)."""
    return -2 / math.log(math.tanh(1 / T))


# --- planes ----------------------------------------------------------------------------------------

_RING = [(k, (k + 1) % 12, (0, 0)) for k in range(12)]  # of 4.6.12, from 15 degrees on
_SQUARES = [
    (0, 5, (1, 0)),
    (11, 6, (1, 0)),
    (1, 8, (0, 1)),
    (2, 7, (0, 1)),
    (3, 10, (-1, 1)),
    (4, 9, (-1, 1)),
]
_STRIPS = [(0, 0, (1, 0)), (1, 1, (1, 0)), (0, 1, (0, 0)), (1, 0, (0, 1)), (0, 1, (1, 0))]  # 3^3.4^2
_HUBS = [(1, 0, d) for d in ((0, 0), (1, 0), (0, 1))] + [(2, 0, d) for d in ((1, 0), (0, 1), (1, 1))]
_HUBS += [(3, 0, (0, 0)), (3, 0, (1, 0)), (4, 0, (0, 0)), (4, 0, (0, 1)), (5, 0, (1, 0)), (5, 0, (0, 1))]
_HUBS += [(1, 3, (0, 0)), (1, 4, (0, 0)), (1, 5, (0, 0)), (2, 5, (0, 0)), (2, 3, (0, 1)), (2, 4, (1, 0))]


@family(FIFTH)
def two_more_archimedean_ferromagnets() -> Any:
    """4.6.12: 1.3898; 3^3.4^2: 2/ln 2 (A. Codello, J. Phys. A 43, 385002 (2010))."""
    lines: Lines = {
        "4.6.12": (O, 1.3898, lambda rng: gauged(crystal((5, 5), 12, [*_RING, *_SQUARES], np.ones), rng)),
        "3.3.3.4.4": (O, 2 / math.log(2), lambda rng: crystal((14, 8), 2, _STRIPS, np.ones)),
    }
    yield from _around(lines, (0.7, 1.45))


def cairo(L: int, J: Any) -> SparseIsing:
    """Pentagons: a square lattice of L^2 sites (L even) with two sites on each face, across by turns."""
    bonds = []
    corner = lambda x, y: (x % L) * L + y % L  # noqa: E731
    for x, y in itertools.product(range(L), repeat=2):
        a = L * L + 2 * corner(x, y)
        turned = (x + y) % 2
        sides = [[(x, y), (x + 1 - turned, y + turned)], [(x + turned, y + 1 - turned), (x + 1, y + 1)]]
        bonds.append((a, a + 1))
        bonds += [(a + k, corner(*site)) for k, side in enumerate(sides) for site in side]
    i, j = np.array(bonds).T
    return edges_model(i, j, J(len(i)), 3 * L * L)


@family(FIFTH)
def duals_of_archimedean_lattices() -> Any:
    """Cairo's pentagons, dual to 3^2.4.3.4 (2.9263), and bisected hexagons (degrees 4, 6, 12), to 4.6.12."""
    lines: Lines = {
        "cairo": (O, _dual(2.9263), lambda rng: gauged(cairo(10, np.ones), rng)),
        "bisected hexagons": (O, _dual(1.3898), lambda rng: crystal((7, 7), 6, _HUBS, np.ones)),
    }
    yield from _around(lines, (0.7, 1.45))


@family(FIFTH)
def layered_squares() -> Any:
    """Bonds between rows 1 or .4 by row, along rows 1: 2/T + <ln tanh(J/T)> = 0 (B. M. McCoy, T. T. Wu 1968).
    Rows at random, half of each, and in the order of Fibonacci.
    """

    def make(rows: np.ndarray, columns: int = 16) -> SparseIsing:
        site = np.arange(len(rows) * columns).reshape(len(rows), columns)
        i = np.concatenate([site.ravel()] * 2)
        j = np.concatenate([np.roll(site, -1, 1).ravel(), np.roll(site, -1, 0).ravel()])
        return edges_model(i, j, np.concatenate([np.ones(site.size), np.repeat(rows, columns)]), site.size)

    def T_c(strong: float) -> float:
        log = lambda J, T: math.log(math.tanh(J / T))  # noqa: E731
        return crossing(lambda T: math.exp(2 / T + strong * log(1, T) + (1 - strong) * log(0.4, T)), low=0.3)

    word = "AB"
    while len(word) < 13:
        word = word.replace("B", "b").replace("A", "AB").replace("b", "A")
    fibonacci = np.array([1.0 if letter == "A" else 0.4 for letter in word])
    half = np.repeat([1.0, 0.4], 7)
    lines: Lines = {
        "random": (O, T_c(0.5), lambda rng: gauged(make(rng.permutation(half)), rng)),
        "fibonacci": (O, T_c(float((fibonacci == 1).mean())), lambda rng: make(fibonacci)),
    }
    yield from _around(lines, (0.65, 1.5))


@family(FIFTH)
def few_negative_bonds_on_triangles() -> Any:
    """3 % of the bonds negative: order far below 3.64 and far above the Nishimori line (it ends at p = .164,
    S. L. A. de Queiroz, Phys. Rev. B 73, 064410 (2006)).
    """
    for T, truth in ((1.6, O), (2.2, O), (5.0, P), (6.5, P)):
        yield "p=.03", truth, T, lambda rng: gauged(plane("triangular", signs(rng, 0.03)), rng)


@family(FIFTH)
def more_signs_on_planes() -> Any:
    """No glass at T > 0 in a plane: half of the bonds negative."""
    for T in (0.8, 1.5):
        yield "dice", P, T, lambda rng: plane("dice", signs(rng))
    for T in (0.7, 1.3):
        yield "cairo", P, T, lambda rng: cairo(10, signs(rng))


def chimera(L: int, J: Any) -> SparseIsing:
    """L^2 cells of eight spins; four of a cell join those to the right, four those below; free edges."""
    bonds = []
    for x, y in itertools.product(range(L), repeat=2):
        a = 8 * (x * L + y)
        bonds += [(a + k, a + 4 + l) for k, l in itertools.product(range(4), repeat=2)]
        bonds += [(a + k, a + 8 * L + k) for k in range(4) if x + 1 < L]
        bonds += [(a + k, a + 8 + k) for k in range(4, 8) if y + 1 < L]
    i, j = np.array(bonds).T
    return edges_model(i, j, J(len(i)), 8 * L * L)


@family(FIFTH)
def chimera_graphs() -> Any:
    """Two dimensions beyond the cell: ferromagnet 4.16, no glass at T > 0 (H. G. Katzgraber, F. Hamze, R. S.
    Andrist, Phys. Rev. X 4, 021008 (2014)).
    """
    for T, truth in ((2.6, O), (6.0, P)):
        yield "ferromagnet", truth, T, lambda rng: gauged(chimera(6, np.ones), rng)
    for T in (1.3, 2.2):
        yield "signs", P, T, lambda rng: chimera(6, signs(rng))


# --- three and more dimensions ---------------------------------------------------------------------


def stacked(layer: SparseIsing, n: int) -> SparseIsing:
    """n copies of a layer, every site joined to its images above and below, periodic."""
    i, j, J = layer.edges()
    N = layer.n_spins
    first = np.repeat(np.arange(n) * N, len(i))
    up = np.arange(n * N)
    a = np.concatenate([np.tile(i, n) + first, up])
    b = np.concatenate([np.tile(j, n) + first, (up + N) % (n * N)])
    return edges_model(a, b, np.concatenate([np.tile(J, n), np.ones(n * N)]), n * N)


@family(FIFTH)
def stacked_planes() -> Any:
    """Ferromagnets: T_c above that of the layer (R. B. Griffiths 1967), below that of the tree of the same
    degree (M. E. Fisher 1967): triangular 3.64 to 6.95, kagome 2.14 to 4.93, honeycomb 1.52 to 3.92.
    """
    triangular = [(0, 0, (0, 1)), (0, 0, (1, 0)), (0, 0, (1, 1))]
    inside = [(0, 1, (0, 0)), (0, 2, (0, 0)), (1, 2, (0, 0))]
    kagome = [*inside, (1, 0, (1, 0)), (2, 0, (0, 1)), (2, 1, (-1, 1))]
    layers = {
        "triangular": ((7, 7), 1, triangular, 7, 2.7, 9.3),
        "kagome": ((4, 4), 3, kagome, 6, 1.6, 6.6),
    }
    for name, (shape, basis, bonds, n, cold, hot) in layers.items():
        for T, truth in ((cold, O), (hot, P)):
            yield (
                name, truth, T,
                lambda rng, a=(shape, basis, bonds), n=n: gauged(stacked(crystal(*a, np.ones), n), rng),
            )  # fmt: skip
    for T, truth in ((1.1, O), (5.3, P)):
        yield "honeycomb", truth, T, lambda rng: gauged(stacked(honeycomb(np.ones, 6), 5), rng)


@family(FIFTH)
def edwards_anderson_4D_normal() -> Any:
    """T_c = 1.80 (G. Parisi, F. Ricci-Tersenghi, J. J. Ruiz-Lorenzo 1996)."""
    yield from _around({"L=4": (G, 1.80, lambda rng: lattice((4,) * 4, rng.standard_normal))})


@family(FIFTH)
def corner_sharing_octahedra() -> Any:
    """Antiferromagnet, E = sum over octahedra of (sum s)^2/2: a liquid at all T > 0 (S. R. Sklan, C. L.
    Henley, Phys. Rev. B 88, 024407 (2013)).
    """
    L = 4
    vertices = list(np.ndindex(L, L, L))
    number = {(v, a): 3 * k + a for k, v in enumerate(vertices) for a in range(3)}
    bonds = []
    for v in vertices:
        below = [tuple((x - (k == a)) % L for k, x in enumerate(v)) for a in range(3)]
        six = [number[v, a] for a in range(3)] + [number[below[a], a] for a in range(3)]
        bonds += list(itertools.combinations(six, 2))
    i, j = np.array(bonds).T
    for T in (1.0, 3.0):
        yield "L=4", P, T, lambda rng: gauged(edges_model(i, j, -np.ones(len(i)), 3 * L**3), rng)


@family(FIFTH)
def hard_core_solids() -> Any:
    """Neighbours may not both be filled. Cubic: order beyond z = 1.06 (J. R. Heringa, H. W. J. Bloete 1996);
    random bipartite graphs of degree 4: beyond 27/16 (F. P. Kelly 1985).
    """
    for z, truth in ((0.25, P), (8.0, O)):
        yield f"cubic z={z:g}", truth, 1.0, lambda rng, z=z: exclusion(lattice((6,) * 3, np.ones), z)
    for z, truth in ((0.4, P), (20.0, O)):
        yield f"degree 4 z={z:g}", truth, 1.0, lambda rng, z=z: exclusion(two_layers(120, 4, 120, 4, rng), z)


# --- chains and trees ------------------------------------------------------------------------------


@family(FIFTH)
def ladders() -> Any:
    """Nothing orders at T > 0; of two ferromagnetic legs of 150 the correlation length is at most
    exp(4/T)/2.
    """
    for T in (1.4, 2.5):
        yield "ferromagnetic legs", P, T, lambda rng: gauged(stack_of_two(np.ones), rng)
    for T in (0.5, 1.0):
        yield "signs", P, T, lambda rng: stack_of_two(signs(rng))
    zigzag = [(0, 0, (1,)), (0, 0, (2,))]
    for T in (0.5, 1.5):
        yield "zigzag", P, T, lambda rng: gauged(crystal((200,), 1, zigzag, lambda n: -np.ones(n)), rng)


def stack_of_two(J: Any) -> SparseIsing:
    """A ladder of 150 rungs, periodic."""
    return crystal((150,), 2, [(0, 0, (1,)), (1, 1, (1,)), (0, 1, (0,))], J)


@family(FIFTH)
def rings_of_cliques() -> Any:
    """Cliques of equal couplings on a ring, each joined to the next by one bond: a chain of large spins."""
    import networkx as nx

    for (size, n), T in itertools.product(((10, 30), (5, 60)), (2.0, 3.5)):

        def make(rng: np.random.Generator, size: int = size, n: int = n) -> SparseIsing:
            graph = nx.disjoint_union_all([nx.complete_graph(size)] * n)
            graph.add_edges_from((size * k + 1, size * (k + 1) % (size * n)) for k in range(n))
            return gauged(graph_model(graph, np.ones), rng)

        yield f"{n} of {size}", P, T, make


@family(FIFTH)
def combs_and_binary_trees() -> Any:
    """No order at T > 0. Binary trees: chi is finite above 1.13 (T. P. Eggarter 1974)."""
    import networkx as nx

    def comb(rng: np.random.Generator) -> SparseIsing:
        graph = nx.path_graph(50)
        for k in range(50):
            nx.add_path(graph, [k, *(50 + 5 * k + l for l in range(5))])
        return gauged(graph_model(graph, np.ones), rng)

    for T in (1.0, 2.0):
        yield "comb", P, T, comb
    for T in (1.7, 2.6):
        yield "binary", P, T, lambda rng: gauged(graph_model(nx.balanced_tree(2, 7), np.ones), rng)


# --- random graphs ---------------------------------------------------------------------------------


@family(FIFTH)
def rings_with_shortcuts() -> Any:
    """A ring, and on average one further bond per site at random: walks that do not turn back grow by the
    largest eigenvalue of ((1, 1), (2, 1)), (1 + sqrt 2) tanh(1/T) = 1 (A. Barrat, M. Weigt 2000), for random
    signs (1 + sqrt 2) tanh^2 = 1.
    """

    def make(J: Any, rng: np.random.Generator, N: int = 300) -> SparseIsing:
        i, j = np.triu_indices(N, 2)
        drawn = rng.choice(len(i), N // 2, replace=False)
        a, b = np.append(np.arange(N), i[drawn]), np.append((np.arange(N) + 1) % N, j[drawn])
        return edges_model(a, b, J(len(a)), N)

    t = math.sqrt(2) - 1
    lines: Lines = {
        "ferromagnet": (O, 1 / math.atanh(t), lambda rng: gauged(make(np.ones, rng), rng)),
        "signs": (G, 1 / math.atanh(math.sqrt(t)), lambda rng: make(signs(rng), rng)),
    }
    yield from _around(lines)


@family(FIFTH)
def more_negative_bonds_than_few() -> Any:
    """Random regular graphs of degree 6. Order if 5 (1 - 2p)^2 > 1, below 5 (1 - 2p) tanh(1/T) = 1, and no
    mixed phase above 5 tanh^2 = 1 (T = 2.08); else a glass below the latter.
    """
    lines: Lines = {
        "p=.4": (G, 1 / math.atanh(5**-0.5), lambda rng: regular(240, 6, signs(rng, 0.4), rng)),
        "p=.15": (
            O,
            1 / math.atanh(1 / 3.5),
            lambda rng: gauged(regular(240, 6, signs(rng, 0.15), rng), rng),
        ),
    }
    yield from _around(lines, (0.65, 0.75, 1.4, 1.7))


def two_layers(n: int, c: int, m: int, d: int, rng: np.random.Generator, J: Any = np.ones) -> SparseIsing:
    """A random graph between n sites of degree c and m of degree d."""
    ends = np.repeat(np.arange(n), c), n + rng.permutation(np.repeat(np.arange(m), d))
    pairs = np.unique(np.array(ends).T, axis=0)
    return edges_model(pairs[:, 0], pairs[:, 1], J(len(pairs)), n + m)


@family(FIFTH)
def graphs_of_two_layers() -> Any:
    """Degrees 3 and 6: sqrt(2 * 5) tanh^2(1/T) = 1 for random signs, with .9 tanh for one in twenty negative;
    every bond of a graph of degree 4 cut in two by a spin (degrees 2 and 4): sqrt 3 in place of sqrt 10.
    """
    a, b = math.sqrt(10), math.sqrt(3)
    lines: Lines = {
        "3 and 6 signs": (
            G, 1 / math.atanh(a**-0.5),
            lambda rng: two_layers(200, 3, 100, 6, rng, signs(rng)),
        ),
        "3 and 6 few": (
            O, 1 / math.atanh(1 / (0.9 * a)),
            lambda rng: gauged(two_layers(200, 3, 100, 6, rng, signs(rng, 0.05)), rng),
        ),
        "2 and 4 signs": (
            G, 1 / math.atanh(b**-0.5),
            lambda rng: two_layers(200, 2, 100, 4, rng, signs(rng)),
        ),
        "2 and 4": (O, 1 / math.atanh(1 / b), lambda rng: gauged(two_layers(200, 2, 100, 4, rng), rng)),
    }  # fmt: skip
    yield from _around(lines, (0.7, 1.45))


@family(FIFTH)
def random_tetrahedra() -> Any:
    """Antiferromagnet, every site in two random tetrahedra: correlations within one are -1/3 or less, so that
    perturbations grow by 3/9 at most.
    """

    def make(rng: np.random.Generator, N: int = 240) -> SparseIsing:
        while True:
            groups = np.concatenate([rng.permutation(N), rng.permutation(N)]).reshape(-1, 4)
            pairs = np.array([p for g in groups.tolist() for p in itertools.combinations(sorted(g), 2)])
            if len(np.unique(pairs, axis=0)) >= len(pairs) - 2:
                pairs = np.unique(pairs, axis=0)
                return gauged(edges_model(pairs[:, 0], pairs[:, 1], -np.ones(len(pairs)), N), rng)

    for T in (0.5, 1.5):
        yield "N=240", P, T, make


@family(FIFTH)
def couplings_over_decades() -> Any:
    """|J| = exp(1.5 z), z normal, on random graphs of mean degree 6: 6 <tanh^2(J/T)> = 1 for random signs, 6
    <tanh> = 1 for a ferromagnet.
    """

    def power(k: int) -> float:
        return crossing(lambda T: 6 * normal_mean(lambda z: np.tanh(np.exp(1.5 * z) / T) ** k))

    def law(rng: np.random.Generator) -> Any:
        return lambda n: np.exp(1.5 * rng.standard_normal(n))

    lines: Lines = {
        "signs": (G, power(2), lambda rng: gauged(poisson(300, 6, _signed(law(rng), rng), rng), rng)),
        "ferromagnet": (O, power(1), lambda rng: gauged(poisson(300, 6, law(rng), rng), rng)),
    }
    yield from _around(lines)


def _signed(J: Any, rng: np.random.Generator) -> Any:
    return lambda n: J(n) * rng.choice([-1.0, 1.0], n)


@family(FIFTH)
def weighted_power_law_graphs() -> Any:
    """Degrees ~ k^-4.5 from 3 to 20, normal couplings: <k(k-1)>/<k> <tanh^2(J/T)> = 1."""
    import networkx as nx

    k = np.arange(3, 21)
    p = k**-4.5 / (k**-4.5).sum()
    branching = float((p * k * (k - 1)).sum() / (p * k).sum())

    def make(rng: np.random.Generator) -> SparseIsing:
        degrees = rng.choice(k, 300, p=p)
        degrees[0] += degrees.sum() % 2
        graph = nx.Graph(nx.configuration_model(degrees.tolist(), seed=int(rng.integers(2**31))))
        graph.remove_edges_from(list(nx.selfloop_edges(graph)))
        return graph_model(graph, rng.standard_normal)

    T_c = crossing(lambda T: branching * normal_mean(lambda z: np.tanh(z / T) ** 2))
    yield from _around({"N=300": (G, T_c, make)})


@family(FIFTH)
def rows_and_columns() -> Any:
    """Sites of a square of side 17, joined to all of their row and column: mean field, degree 32. Signs: each
    clique is an SK model, sum of squared correlations x/(1 - x) = 1, x = 16/T^2; ferromagnet 32, both less a
    tenth at most.
    """
    site = np.arange(17)
    pairs = [(17 * a + b, 17 * a + c) for a in site for b, c in itertools.combinations(site, 2)]
    pairs += [(17 * b + a, 17 * c + a) for a in site for b, c in itertools.combinations(site, 2)]
    i, j = np.array(pairs).T
    lines: Lines = {
        "signs": (G, math.sqrt(32) - 0.2, lambda rng: edges_model(i, j, signs(rng)(len(i)), 289)),
        "ferromagnet": (O, 30.5, lambda rng: gauged(edges_model(i, j, np.ones(len(i)), 289), rng)),
    }
    yield from _around(lines, (0.65, 0.72, 1.45, 1.7))


# --- mean field ------------------------------------------------------------------------------------


@family(FIFTH)
def sk_in_a_uniform_field() -> Any:
    """h = .2: 1 = <sech^4>/T^2, q = <tanh^2((z sqrt q + h)/T)> (J. R. L. de Almeida, D. J. Thouless 1978)."""

    def growth(T: float, h: float = 0.2) -> float:
        q = 0.5
        for _ in range(500):
            q = normal_mean(lambda z, q=q: np.tanh((math.sqrt(q) * z + h) / T) ** 2)
        return normal_mean(lambda z: np.cosh((math.sqrt(q) * z + h) / T) ** -4.0) / T**2

    T_c = crossing(growth, low=0.3, high=1.5)
    for N, x in ((150, 0.4), (300, 0.55), (150, 1.5), (300, 2.0)):
        yield f"N={N}", G if x < 1 else P, x * T_c, lambda rng, N=N: DenseIsing(sk(N, rng), np.full(N, 0.2))


@family(FIFTH)
def complete_multipartite_antiferromagnets() -> Any:
    """-q/N between q equal groups: the groups' fields are -M and +m_a, T_c = 1 for every even q, half of the
    groups up below. Two groups of 60 and 240: T_c = 1 for J sqrt(60 * 240) = -1.
    """

    def make(sizes: list[int], J: float, rng: np.random.Generator) -> DenseIsing:
        group = np.repeat(np.arange(len(sizes)), sizes)
        s = rng.choice([-1.0, 1.0], len(group))
        return DenseIsing(np.where(group[:, None] == group, 0.0, J) * s[:, None] * s)

    lines: Lines = {
        "60 and 240": (O, 1.0, lambda rng: make([60, 240], -1 / 120, rng)),
        "four": (O, 1.0, lambda rng: make([75] * 4, -4 / 300, rng)),
        "six": (O, 1.0, lambda rng: make([60] * 6, -6 / 360, rng)),
    }
    yield from _around(lines, (0.6, 0.72, 1.5))


@family(FIFTH)
def patterns_of_unequal_weight() -> Any:
    """J = sum w_k xi_k xi_k^T/N, w_k = 2 (.7)^k of five patterns: T_c = 2."""

    def make(rng: np.random.Generator) -> DenseIsing:
        w = 2 * 0.7 ** np.arange(5)
        return patterns(np.sqrt(w)[:, None] * rng.choice([-1.0, 1.0], (5, 250)))

    yield from _around({"N=250": (O, 2.0, make)})


@family(FIFTH)
def few_active_sites() -> Any:
    """Three patterns with a fifth of the sites active, (eta - .2)/.4 in {2, -.5} (M. V. Tsodyks, M. V.
    Feigelman 1988): m = <x tanh(x m/T)> is concave, T_c = 1.
    """

    def make(rng: np.random.Generator) -> DenseIsing:
        return patterns(np.where(rng.random((3, 300)) < 0.2, 2.0, -0.5))

    yield from _around({"N=300": (O, 1.0, make)})


@family(FIFTH)
def square_of_a_random_matrix() -> Any:
    """J = G^2 without its diagonal: R = z/(1 - z), that of Hopfield's model with alpha = 1: T_c = 2."""
    for N, x in itertools.product((150, 300), AWAY):
        if (N == 150) == (x in (0.6, 1.4)):

            def make(rng: np.random.Generator, N: int = N) -> DenseIsing:
                A = sk(N, rng)
                return DenseIsing(symmetric(A @ A))

            yield f"N={N}", G if x < 1 else P, 2 * x, make


@family(FIFTH)
def bands_of_sk() -> Any:
    """Normal couplings of variance 1/120 up to a distance of 60 on a ring of 360: T_c = 1."""

    def make(rng: np.random.Generator, N: int = 360, w: int = 60) -> DenseIsing:
        r = np.abs(np.subtract.outer(np.arange(N), np.arange(N)))
        return DenseIsing(sk(N, rng) * np.sqrt(N / (2 * w)) * (np.minimum(r, N - r) <= w))

    yield from _around({"N=360": (G, 1.0, make)})


@family(FIFTH)
def bound_spins() -> Any:
    """Groups that strong couplings bind act as one spin: SK of 80 groups of five, T_c = 1; the square lattice
    of pairs, 2.27.
    """

    def five(rng: np.random.Generator) -> DenseIsing:
        J = np.kron(sk(80, rng), np.ones((5, 5)) / 25) + 4 * np.kron(np.eye(80), np.ones((5, 5)) - np.eye(5))
        s = rng.choice([-1.0, 1.0], 400)
        return DenseIsing(J * s[:, None] * s)

    def pairs(rng: np.random.Generator) -> SparseIsing:
        bonds = [(0, 1, (1, 0)), (0, 1, (0, 1)), (0, 1, (0, 0))]
        J = np.repeat([1.0, 1.0, 12.0], 144)
        return gauged(crystal((12, 12), 2, bonds, lambda n: J), rng)

    yield from _around({"SK of fives": (G, 1.0, five)}, (0.55, 0.7, 1.5, 2.0))
    yield from _around({"square of pairs": (O, 2 / math.log(1 + math.sqrt(2)), pairs)}, (0.65, 1.5))


@family(FIFTH)
def cores_with_leaves() -> Any:
    """Spins with a single bond (J = 1) sum to a constant: T_c = 1 of the core, Curie-Weiss of 100 with three
    leaves each, SK of 120 with two.
    """

    def make(core: np.ndarray, leaves: int, rng: np.random.Generator) -> DenseIsing:
        n = len(core)
        J = np.zeros((n * (1 + leaves), n * (1 + leaves)))
        J[:n, :n] = core
        for k in range(1, leaves + 1):
            J[range(n), range(k * n, (k + 1) * n)] = 1.0
        s = rng.choice([-1.0, 1.0], len(J))
        return DenseIsing(symmetric(J) * s[:, None] * s)

    lines: Lines = {
        "Curie-Weiss": (O, 1.0, lambda rng: make(np.ones((100, 100)) / 100, 3, rng)),
        "SK": (G, 1.0, lambda rng: make(sk(120, rng), 2, rng)),
    }
    yield from _around(lines)


@family(FIFTH)
def quadratic_residues() -> Any:
    """J_xy = (x - y | p)/sqrt(p), p = 229: eigenvalues +-1 as of the random orthogonal model (E. Marinari, G.
    Parisi, F. Ritort 1994). Above .3 even a state of energy -N/2 weighs less than the paramagnet.
    """
    p = 229
    square = np.zeros(p)
    square[1:] = -1.0
    square[(np.arange(1, p) ** 2) % p] = 1.0
    J = square[np.subtract.outer(np.arange(p), np.arange(p)) % p] / math.sqrt(p)
    for T in (0.4, 0.7):
        yield "p=229", P, T, lambda rng: DenseIsing(J)


@family(FIFTH)
def machines_of_three_weights() -> Any:
    """Two weights in five are +-1, the others 0; 90 by 240: T_c^4 = (.4)^2 V H."""

    def make(rng: np.random.Generator) -> BipartiteIsing:
        return BipartiteIsing(rng.choice([-1.0, 0.0, 1.0], (90, 240), p=(0.2, 0.6, 0.2)))

    yield from _around({"90x240": (G, (0.16 * 90 * 240) ** 0.25, make)})


# --- fields ----------------------------------------------------------------------------------------


@family(FIFTH)
def ferromagnets_in_a_uniform_field() -> Any:
    """One measure at any T (T. D. Lee, C. N. Yang 1952): paramagnets in a field."""
    for T in (2.5, 5.5):
        yield "cubic", P, T, lambda rng: lattice((6,) * 3, np.ones, b=np.full(216, 0.4))
    for T in (0.5, 1.4):
        J = (np.ones((200, 200)) - np.eye(200)) / 200
        yield "Curie-Weiss", P, T, lambda rng, J=J: DenseIsing(J, np.full(200, 0.3))
    for T in (1.2, 3.5):
        yield "degree 4", P, T, lambda rng: with_field(regular(200, 4, np.ones, rng), 0.5)


def with_field(model: SparseIsing, h: float) -> SparseIsing:
    """The same field on all."""
    return edges_model(*model.edges(), model.n_spins, np.full(model.n_spins, h))


@family(FIFTH)
def antiferromagnets_in_a_field() -> Any:
    """h = 2. Square lattice: cosh(h/T) = sinh^2(2/T) (E. Mueller-Hartmann, J. Zittartz 1977); bipartite
    random graphs of degree 4: 3 |du/dv| = 1 at the solution of v = h - 3 u(v), tanh(u/T) = tanh(1/T)
    tanh(v/T).
    """

    def slope(T: float, h: float = 2.0) -> float:
        t, low, high = math.tanh(1 / T), -2.0, 2.0
        for _ in range(60):  # v + 3 u(v) grows with v
            v = (low + high) / 2
            low, high = (v, high) if v + 3 * T * math.atanh(t * math.tanh(v / T)) < h else (low, v)
        m = math.tanh(v / T)
        return 3 * t * (1 - m * m) / (1 - t * t * m * m)

    square = crossing(lambda T: math.sinh(2 / T) ** 2 / math.cosh(2 / T), low=0.3)
    minus = lambda n: -np.ones(n)  # noqa: E731
    lines: Lines = {
        "square": (O, square, lambda rng: with_field(lattice((14, 14), minus), 2.0)),
        "degree 4": (
            O, crossing(slope, low=0.3),
            lambda rng: with_field(two_layers(120, 4, 120, 4, rng, minus), 2.0),
        ),
    }  # fmt: skip
    yield from _around(lines, (0.65, 1.5))
