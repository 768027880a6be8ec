"""A seventh list of unseen families.

Written down with its truths, and committed, before any of it was diagnosed; to be run once
(``validate_families.py run --set seventh``), in an order fixed by ``run``, every model with two seeds. Truths
are the same at 0.75 and 1.33 of the temperature.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

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
    poisson,
    regular,
    signs,
    sk,
    symmetric,
)
from phase_families import chain as decaying
from second_unseen import crystal, fcc, plane
from textbook_models import honeycomb, side_by_side
from unseen_families import crossing, normal_mean

from spinlab.models import BipartiteIsing, DenseIsing, SparseIsing

SEVENTH: dict[str, Callable[[], Iterator[Case]]] = {}
AWAY = (0.55, 0.72, 1.4, 1.8)  # of T_c
NEAR = (0.7, 1.45)


def cases() -> list[Case]:
    """All of them twice, those of a family together."""
    return [case for make in SEVENTH.values() for case in make() for _ in range(2)]


def _around(
    lines: dict[str, tuple[str, float, Any]], xs: tuple[float, ...] = AWAY
) -> Iterator[tuple[str, str, float, Any]]:
    """The phase below T_c, T_c, and the maker, by name."""
    for (name, (below, T_c, make)), x in itertools.product(lines.items(), xs):
        yield name, below if x < 1 else P, x * T_c, make


# --- lattices --------------------------------------------------------------------------------------


def decorated(model: SparseIsing) -> SparseIsing:
    """A further spin on every bond, joined to both ends by 1."""
    i, j, _ = model.edges()
    N = model.n_spins
    middle = N + np.arange(len(i))
    ends = np.concatenate([i, j])
    return edges_model(ends, np.tile(middle, 2), np.ones(len(ends)), N + len(i))


@family(SEVENTH)
def decorated_lattices() -> Any:
    """tanh^2(1/T) is tanh(1/T_c) of the lattice without: 1/sqrt 3 (honeycomb), 2 - sqrt 3 (triangular),
    tanh(1/4.5115) (cubic).
    """

    def line(t: float) -> float:
        return 1 / math.atanh(math.sqrt(t))

    small = [(0, 0, (0, 1)), (0, 0, (1, 0)), (0, 0, (1, 1))]
    yield from _around({
        "honeycomb": (O, line(3**-0.5), lambda rng: gauged(decorated(honeycomb(np.ones, 6)), rng)),
        "triangular": (
            O, line(2 - math.sqrt(3)),
            lambda rng: gauged(decorated(crystal((7, 7), 1, small, np.ones)), rng),
        ),
        "cubic": (
            O, line(math.tanh(1 / 4.5115)),
            lambda rng: gauged(decorated(lattice((4,) * 3, np.ones)), rng),
        ),
    }, NEAR)  # fmt: skip


@family(SEVENTH)
def unequal_bonds_of_triangles_and_hexagons() -> Any:
    """s = sinh(2J/T) of the three directions: s1 s2 + s2 s3 + s3 s1 = 1 (R. M. F. Houtappel 1950), of the
    dual s1 + s2 + s3 = s1 s2 s3.
    """
    J = np.array([1.0, 0.7, 0.3])

    def triangles(T: float) -> float:
        a, b, c = np.sinh(2 * J / T)
        return float(a * b + b * c + c * a)

    def hexagons(T: float) -> float:
        a, b, c = np.sinh(2 * J / T)
        return float(a * b * c / (a + b + c))

    axes = [(0, 0, (0, 1)), (0, 0, (1, 0)), (0, 0, (1, 1))]
    spokes = [(0, 1, (0, 0)), (0, 1, (1, 0)), (0, 1, (0, 1))]
    yield from _around({
        "triangular": (
            O, crossing(triangles, low=0.1),
            lambda rng: gauged(crystal((13, 13), 1, axes, lambda n: np.repeat(J, 169)), rng),
        ),
        "honeycomb": (
            O, crossing(hexagons, low=0.1),
            lambda rng: gauged(crystal((10, 10), 2, spokes, lambda n: np.repeat(J, 100)), rng),
        ),
    }, (0.65, 1.5))  # fmt: skip


@family(SEVENTH)
def hexagonal_close_packed() -> Any:
    """As the face-centred lattice (9.79) to a percent; tree of degree 12: 10.97."""
    inside = [(p, p, d) for p in (0, 1) for d in ((1, 0, 0), (0, 1, 0), (1, -1, 0))]
    across = [(0, 1, (a, b, c)) for a, b in ((0, 0), (-1, 0), (0, -1)) for c in (0, -1)]
    for T, truth in ((5.5, O), (7.0, O), (14.7, P), (18.0, P)):
        yield "5x5x4", truth, T, lambda rng: gauged(crystal((5, 5, 4), 2, [*inside, *across], np.ones), rng)


@family(SEVENTH)
def few_negative_bonds_on_the_face_centred_lattice() -> Any:
    """One in ten negative: no order above 11 (.8) tanh(1/T) = 1, 8.76, and order far below 9.79 (.8)."""
    for T, truth in ((3.0, O), (4.8, O), (11.8, P), (15.0, P)):
        yield "L=3", truth, T, lambda rng: gauged(fcc(3, signs(rng, 0.1)), rng)


@family(SEVENTH)
def normal_couplings_on_planes() -> Any:
    """No glass at T > 0 in a plane."""
    for T in (1.4, 2.4):
        yield "triangular", P, T, lambda rng: plane("triangular", rng.standard_normal)
    for T in (0.7, 1.2):
        yield "honeycomb", P, T, lambda rng: honeycomb(rng.standard_normal)
    for T in (0.9, 1.6):
        yield "kagome", P, T, lambda rng: plane("kagome", rng.standard_normal)


@family(SEVENTH)
def many_negative_bonds_on_planes() -> Any:
    """Beyond .164 (triangular) and .067 (honeycomb, S. L. A. de Queiroz 2006) no order, and no glass."""
    for T in (1.6, 2.8):
        yield "triangular p=.3", P, T, lambda rng: gauged(plane("triangular", signs(rng, 0.3)), rng)
    for T in (0.8, 1.4):
        yield "honeycomb p=.2", P, T, lambda rng: gauged(honeycomb(signs(rng, 0.2)), rng)


@family(SEVENTH)
def below_percolation() -> Any:
    """Only finite pieces: squares with .4 of the sites (.593), honeycomb with .4 of the bonds (.653), random
    graphs of mean degree .7.
    """

    def squares(rng: np.random.Generator) -> SparseIsing:
        i, j, _ = lattice((20, 20), np.ones).edges()
        site = np.full(400, -1)
        kept = np.flatnonzero(rng.random(400) < 0.4)
        site[kept] = np.arange(len(kept))
        both = (site[i] >= 0) & (site[j] >= 0)
        return edges_model(site[i[both]], site[j[both]], np.ones(both.sum()), len(kept))

    def hexagons(rng: np.random.Generator) -> SparseIsing:
        i, j, _ = honeycomb(np.ones).edges()
        kept = rng.random(len(i)) < 0.4
        return edges_model(i[kept], j[kept], np.ones(kept.sum()), 200)

    for T in (1.0, 2.0):
        yield "squares", P, T, lambda rng: gauged(squares(rng), rng)
        yield "hexagons", P, T, lambda rng: gauged(hexagons(rng), rng)
        yield "random graphs", P, T, lambda rng: poisson(200, 0.7, signs(rng), rng)


# --- one dimension and trees -----------------------------------------------------------------------


@family(SEVENTH)
def cylinders_of_signs() -> Any:
    """Squares, 5 by 40, and triangles, 4 by 45: one dimension."""
    axes = [(0, 0, (0, 1)), (0, 0, (1, 0)), (0, 0, (1, 1))]
    for T in (1.1, 2.0):
        yield "5x40", P, T, lambda rng: lattice((5, 40), signs(rng))
        yield "triangles 4x45", P, T, lambda rng: crystal((4, 45), 1, axes, signs(rng))


@family(SEVENTH)
def chains_of_fast_decay() -> Any:
    """1/r^3: a wall costs about 3.3, walls are a few to 15 sites apart at T = 1.2. Normal couplings over
    r^1.5: no glass beyond sigma = 1 (G. Kotliar, P. W. Anderson, D. L. Stein 1983).
    """

    def ferromagnet(rng: np.random.Generator, N: int = 200) -> DenseIsing:
        s = rng.choice([-1.0, 1.0], N)
        return DenseIsing(decaying(N, 3.0, np.ones((N, N))) * s[:, None] * s)

    for T in (1.2, 2.5):
        yield "ferromagnet", P, T, ferromagnet
    for T in (1.0, 1.8):
        yield "glass", P, T, lambda rng: DenseIsing(decaying(200, 1.5, rng.standard_normal((200, 200))))


@family(SEVENTH)
def rings_of_frustrated_squares() -> Any:
    """Squares with one negative bond, each joined to the next by one bond: one dimension."""
    square = [(0, 1, (0,)), (1, 2, (0,)), (2, 3, (0,)), (3, 0, (0,)), (2, 0, (1,))]
    J = np.repeat([1.0, 1.0, 1.0, -1.0, 1.0], 45)
    for T in (0.6, 1.5):
        yield "45 squares", P, T, lambda rng: gauged(crystal((45,), 4, square, lambda n: J), rng)


@family(SEVENTH)
def uniform_random_trees() -> Any:
    """All labelled trees alike: about d + 1 sites at distance d, so that sums of correlations are finite."""
    import networkx as nx

    def tree(J: Any, rng: np.random.Generator) -> SparseIsing:
        code = rng.integers(0, 200, 198).tolist()
        return graph_model(nx.from_prufer_sequence(code), J)

    for T in (1.0, 1.7):
        yield "normal", P, T, lambda rng: tree(rng.standard_normal, rng)
    for T in (1.5, 2.5):
        yield "signs", P, T, lambda rng: tree(signs(rng), rng)


# --- random graphs ---------------------------------------------------------------------------------


@family(SEVENTH)
def normal_couplings_on_regular_graphs() -> Any:
    """(c - 1) <tanh^2(J/T)> = 1 (D. J. Thouless 1986), c = 5, 8, 10."""

    def line(c: int) -> float:
        return crossing(lambda T: (c - 1) * normal_mean(lambda z: np.tanh(z / T) ** 2))

    yield from _around({
        f"c={c}": (G, line(c), lambda rng, c=c: regular(200, c, rng.standard_normal, rng)) for c in (5, 8, 10)
    })  # fmt: skip


@family(SEVENTH)
def normal_couplings_on_random_graphs() -> Any:
    """c <tanh^2(J/T)> = 1 (L. Viana, A. J. Bray 1985), c = 5 and 9."""

    def line(c: int) -> float:
        return crossing(lambda T: c * normal_mean(lambda z: np.tanh(z / T) ** 2))

    yield from _around({
        f"c={c}": (G, line(c), lambda rng, c=c: poisson(200, c, rng.standard_normal, rng)) for c in (5, 9)
    })  # fmt: skip


@family(SEVENTH)
def two_strengths_on_regular_graphs() -> Any:
    """|J| = 1 or 3, signs, degree 6: 5 <tanh^2(J/T)> = 1."""
    T_c = crossing(lambda T: 2.5 * (math.tanh(1 / T) ** 2 + math.tanh(3 / T) ** 2))

    def make(rng: np.random.Generator) -> SparseIsing:
        return regular(200, 6, lambda n: rng.choice([-3.0, -1.0, 1.0, 3.0], n), rng)

    yield from _around({"N=200": (G, T_c, make)})


@family(SEVENTH)
def exponential_couplings() -> Any:
    """Ferromagnet, density exp(-J), degree 4: 3 <tanh(J/T)> = 1."""
    J = -np.log1p(-(np.arange(2000) + 0.5) / 2000)
    T_c = crossing(lambda T: 3 * float(np.tanh(J / T).mean()))

    def make(rng: np.random.Generator) -> SparseIsing:
        return gauged(regular(200, 4, lambda n: rng.exponential(size=n), rng), rng)

    yield from _around({"N=200": (O, T_c, make)})


@family(SEVENTH)
def normal_couplings_of_mean_one() -> Any:
    """Degree 5, standard deviation .6: 4 <tanh(J/T)> = 1, above 4 <tanh^2(J/T)> = 1."""
    T_c = crossing(lambda T: 4 * normal_mean(lambda z: np.tanh((1 + 0.6 * z) / T)), low=1.0)

    def make(rng: np.random.Generator) -> SparseIsing:
        return gauged(regular(200, 5, lambda n: 1 + 0.6 * rng.standard_normal(n), rng), rng)

    yield from _around({"N=200": (O, T_c, make)})


@family(SEVENTH)
def three_sparse_communities() -> Any:
    """Random graph, four neighbours in the own third (+1), one in either other (-1): 5 tanh(1/T) = 1, far
    above 6 tanh^2(1/T) = 1.
    """

    def make(rng: np.random.Generator, N: int = 198) -> SparseIsing:
        group = np.arange(N) % 3
        i, j = np.triu_indices(N, 1)
        same = group[i] == group[j]
        kept = rng.random(len(i)) < np.where(same, 12.0, 3.0) / N
        return gauged(edges_model(i[kept], j[kept], np.where(same, 1.0, -1.0)[kept], N), rng)

    yield from _around({"N=198": (O, 1 / math.atanh(0.2), make)}, (0.6, 0.7, 1.4, 1.8))


@family(SEVENTH)
def hypercubes_and_hamming_graphs() -> Any:
    """Ferromagnets of degree c: below 1/atanh(1/(c - 1)), and above the mean field less a fourth."""
    cube = [(a, a | 1 << k) for a in range(128) for k in range(7) if not a >> k & 1]
    words = list(itertools.product(range(6), repeat=3))
    hamming = [
        (36 * u[0] + 6 * u[1] + u[2], 36 * v[0] + 6 * v[1] + v[2])
        for u, v in itertools.combinations(words, 2)
        if sum(a != b for a, b in zip(u, v, strict=True)) == 1
    ]
    for name, pairs, N, temperatures in (
        ("7 dimensions", cube, 128, (3.2, 4.0, 8.5, 11.0)),
        ("words of 3 letters", hamming, 216, (7.5, 9.5, 19.0, 24.0)),
    ):
        i, j = np.array(pairs).T
        for k, T in enumerate(temperatures):
            yield (
                name, O if k < 2 else P, T,
                lambda rng, i=i, j=j, N=N: gauged(edges_model(i, j, np.ones(len(i)), N), rng),
            )  # fmt: skip


@family(SEVENTH)
def unions_of_one_kind() -> Any:
    """Two models that no coupling joins: triangular ferromagnets 4/ln 3, regular graphs of degree 5, signs
    (4 tanh^2(1/T) = 1) and equal (4 tanh(1/T) = 1).
    """
    axes = [(0, 0, (0, 1)), (0, 0, (1, 0)), (0, 0, (1, 1))]

    def twice(make: Callable[[np.random.Generator], SparseIsing]) -> Any:
        return lambda rng: side_by_side(make(rng), make(rng))

    yield from _around({
        "triangular": (
            O, 4 / math.log(3),
            twice(lambda rng: gauged(crystal((10, 10), 1, axes, np.ones), rng)),
        ),
        "glasses": (G, 1 / math.atanh(0.5), twice(lambda rng: regular(100, 5, signs(rng), rng))),
        "ferromagnets": (
            O, 1 / math.atanh(0.25),
            twice(lambda rng: gauged(regular(100, 5, np.ones, rng), rng)),
        ),
    }, (0.6, 1.5))  # fmt: skip


# --- mean field ------------------------------------------------------------------------------------


@family(SEVENTH)
def curie_weiss_in_uniform_random_fields() -> Any:
    """Fields uniform in (-h, h), their quantiles in random order: m = <tanh((m + h)/T)> is concave, hence
    tanh(h/T_c) = h; for h > 1 no order at any T.
    """

    def make(h: float, rng: np.random.Generator, N: int = 200) -> DenseIsing:
        fields = h * (2 * (rng.permutation(N) + 0.5) / N - 1)
        s = rng.choice([-1.0, 1.0], N)
        return DenseIsing(symmetric(np.ones((N, N)) / N) * s[:, None] * s, fields * s)

    yield from _around({"h=.6": (O, 0.6 / math.atanh(0.6), lambda rng: make(0.6, rng))}, (0.5, 0.7, 1.5))
    for T in (0.4, 1.0):
        yield "h=1.8", P, T, lambda rng: make(1.8, rng)


@family(SEVENTH)
def two_patterns_in_sk() -> Any:
    """SK + 1.8 (two patterns): T_c = 1.8."""

    def make(rng: np.random.Generator, N: int = 200) -> DenseIsing:
        xi = rng.choice([-1.0, 1.0], (2, N))
        return DenseIsing(symmetric(sk(N, rng) + 1.8 * xi.T @ xi / N))

    yield from _around({"N=200": (O, 1.8, make)})


@family(SEVENTH)
def patterns_of_uniform_entries() -> Any:
    """Three patterns, entries uniform of variance 1: T_c = 1."""
    a = math.sqrt(3)
    yield from _around({"N=200": (O, 1.0, lambda rng: patterns(rng.uniform(-a, a, (3, 200))))})


@family(SEVENTH)
def layers_of_one_pattern() -> Any:
    """Layers of 40, 60, 60 and 40 units, each joined to the next by xi xi'^T over the root of their sizes:
    T_c is the largest eigenvalue of the chain of layers.
    """
    sizes = (40, 60, 60, 40)
    layer = np.repeat(np.arange(4), sizes)
    T_c = 2 * math.cos(math.pi / 5)

    def make(rng: np.random.Generator) -> DenseIsing:
        s = rng.choice([-1.0, 1.0], 200) / np.sqrt(np.array(sizes))[layer]
        next_ = np.abs(np.subtract.outer(layer, layer)) == 1
        return DenseIsing(np.outer(s, s) * next_)

    yield from _around({"40, 60, 60, 40": (O, T_c, make)}, (0.55, 0.7, 1.5, 2.0))


@family(SEVENTH)
def sk_and_hopfield() -> Any:
    """SK + Hopfield's matrix of load 1/2: R' = 1 + (1/2)/(1 - z)^2, beta^2 R'(beta) = 1 (G. Parisi, M.
    Potters 1995).
    """
    T_c = crossing(lambda T: (1 + 0.5 / (1 - 1 / T) ** 2) / T**2, low=1.01)

    def make(rng: np.random.Generator, N: int = 200) -> DenseIsing:
        return DenseIsing(sk(N, rng) + patterns(rng.choice([-1.0, 1.0], (N // 2, N))).couplings())

    yield from _around({"N=200": (G, T_c, make)}, (0.5, 0.7, 1.4, 1.8))


# --- fields ----------------------------------------------------------------------------------------


@family(SEVENTH)
def gauged_ferromagnets_in_their_field() -> Any:
    """The field of the ground state: one measure at any T (T. D. Lee, C. N. Yang 1952)."""

    def with_field(model: SparseIsing, h: float, rng: np.random.Generator) -> SparseIsing:
        return gauged(edges_model(*model.edges(), model.n_spins, np.full(model.n_spins, h)), rng)

    for T in (2.5, 5.0):
        yield "triangular", P, T, lambda rng: with_field(plane("triangular", np.ones), 0.6, rng)
    for T in (1.2, 2.5):
        yield "degree 3", P, T, lambda rng: with_field(regular(200, 3, np.ones, rng), 0.4, rng)


@family(SEVENTH)
def weak_machines_with_biases() -> Any:
    """Normal weights at 1.5 and 2 T_c, normal biases: paramagnets in a field."""

    def make(rng: np.random.Generator) -> BipartiteIsing:
        W = rng.standard_normal((80, 120)) / (80 * 120) ** 0.25
        return BipartiteIsing(W, 0.5 * rng.standard_normal(80), 0.5 * rng.standard_normal(120))

    for T in (1.5, 2.0):
        yield "80x120", P, T, make
