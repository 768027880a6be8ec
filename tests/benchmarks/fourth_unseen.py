"""A fourth list of unseen families, for the quantities and weights that all lists before it taught.

Written down with its truths, and committed, before any of it was diagnosed; to be run once
(``validate_families.py run --set fourth``). Truths are the same at 0.75 and 1.33 of the temperature. Critical
points of planar lattices were recomputed as zeros of the Kac-Ward determinant of one cell.
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
    regular,
    signs,
    sk,
    symmetric,
)
from second_unseen import crystal, plane
from textbook_models import honeycomb, minus
from unseen_families import crossing

from spinlab.models import BipartiteIsing, DenseIsing, SparseIsing

FOURTH: dict[str, Callable[[], Iterator[Case]]] = {}
AWAY = (0.6, 0.72, 1.4, 1.6)  # of T_c


def cases() -> list[Case]:
    """All of them, those of a family together."""
    return [case for make in FOURTH.values() for case in make()]


def _around(
    lines: dict[str, tuple[float, Any]], below: str, xs: tuple[float, ...] = AWAY
) -> Iterator[tuple[str, str, float, Any]]:
    for (name, (T_c, make)), x in itertools.product(lines.items(), xs):
        yield name, below if x < 1 else P, x * T_c, make


# --- exactly solved planes -------------------------------------------------------------------------


def shastry_sutherland(J: float, dimer: float, L: int = 6) -> SparseIsing:
    """4 L^2 sites of a square lattice with one diagonal at every site (vertex type 3^2.4.3.4)."""
    square = [(0, 1, (0, 0)), (1, 0, (1, 0)), (2, 3, (0, 0)), (3, 2, (1, 0))]
    square += [(0, 2, (0, 0)), (2, 0, (0, 1)), (1, 3, (0, 0)), (3, 1, (0, 1))]
    cells = L * L
    couplings = np.repeat([J] * 8 + [dimer] * 2, cells)
    return crystal((L, L), 4, [*square, (0, 3, (0, 0)), (1, 2, (1, -1))], lambda n: couplings)


def maple_leaf(L: int = 14) -> SparseIsing:
    """The triangular lattice without every seventh site (3^4.6)."""
    sites = [(a, b) for a, b in itertools.product(range(L), repeat=2) if (a + 5 * b) % 7]
    number = {site: k for k, site in enumerate(sites)}
    moves = ((1, 0), (0, 1), (-1, 1))
    pairs = [((a, b), ((a + x) % L, (b + y) % L)) for a, b in sites for x, y in moves]
    i, j = np.array([(number[p], number[q]) for p, q in pairs if q in number]).T
    return edges_model(i, j, np.ones(len(i)), len(sites))


def triangular(third: float, L: int = 12) -> SparseIsing:
    """Couplings -1 along two axes and ``third`` along the other."""
    J = np.repeat([-1.0, -1.0, third], L * L)
    return crystal((L, L), 1, [(0, 0, (0, 1)), (0, 0, (1, 0)), (0, 0, (1, 1))], lambda n: J)


@family(FOURTH)
def archimedean_ferromagnets() -> Any:
    """4.8^2: 1.4387 and 3.12^2: 1.2315 (T. Utiyama 1951; I. Syozi 1972), 3^2.4.3.4: 2.9263, 3^4.6: 2.7858 (A.
    Codello, J. Phys. A 43, 385002 (2010)).
    """
    ring = [(0, 1, (0, 0)), (1, 2, (0, 0)), (2, 3, (0, 0)), (3, 0, (0, 0)), (0, 2, (1, 0)), (1, 3, (0, 1))]
    inside = [(a, b, (0, 0)) for a, b in ((0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3))]
    star = [*inside, (0, 3, (0, 0)), (1, 4, (-1, 0)), (2, 5, (0, -1))]
    lines = {
        "4.8.8": (1.4387, lambda rng: crystal((7, 7), 4, ring, np.ones)),
        "3.12.12": (1.2315, lambda rng: gauged(crystal((6, 6), 6, star, np.ones), rng)),
        "3.3.4.3.4": (2.9263, lambda rng: shastry_sutherland(1.0, 1.0)),
        "3.3.3.3.6": (2.7858, lambda rng: gauged(maple_leaf(), rng)),
    }
    yield from _around(lines, O, (0.7, 1.45))


@family(FOURTH)
def union_jack() -> Any:
    """Squares with a spin in the middle, degrees 8 and 4: T_c = 3.9310 (V. G. Vaks et al. 1966)."""
    bonds = [(0, 0, (1, 0)), (0, 0, (0, 1)), *[(1, 0, d) for d in ((0, 0), (1, 0), (0, 1), (1, 1))]]
    yield from _around({"J=1": (3.9310, lambda rng: gauged(crystal((11, 11), 2, bonds, np.ones), rng))}, O)


@family(FOURTH)
def frustrated_planes_that_order() -> Any:
    """Zeros of the Kac-Ward determinant. Shastry-Sutherland antiferromagnet with dimers of half the strength:
    1.8193. Triangular antiferromagnet with one axis of half the strength (R. M. F. Houtappel 1950): 1.3419.
    Dominoes (G. Andre et al. 1979), columns of +1 and -.3 in turn: 1.4128.
    """
    columns = np.concatenate([np.ones(144), np.where(np.arange(144) % 2 == 0, 1.0, -0.3)])
    site = np.arange(144).reshape(12, 12)
    i = np.concatenate([site.ravel()] * 2)
    j = np.concatenate([np.roll(site, -1, 1).ravel(), np.roll(site, -1, 0).ravel()])
    lines = {
        "dimers -.5": (1.8193, lambda rng: shastry_sutherland(-1.0, -0.5)),
        "third axis -.5": (1.3419, lambda rng: triangular(-0.5)),
        "dominoes": (1.4128, lambda rng: edges_model(i, j, columns, 144)),
    }
    yield from _around(lines, O, (0.65, 1.45))


@family(FOURTH)
def frustrated_planes_that_do_not() -> Any:
    """Dimers of three times the strength cut the Shastry-Sutherland antiferromagnet to pairs: the fields of a
    neighbour cancel. Triangular antiferromagnet with one axis of 1.5: chains, no zero at T > 0 (Houtappel).
    """
    for T in (0.6, 1.5):
        yield "dimers -3", P, T, lambda rng: shastry_sutherland(-1.0, -3.0)
    for T in (2.0, 3.0):
        yield "third axis -1.5", P, T, lambda rng: triangular(-1.5)


@family(FOURTH)
def two_strengths_at_random() -> Any:
    """Square lattice, every bond 1 or r with equal chance: self-dual at sinh(2/T) sinh(2r/T) = 1 (R. Fisch,
    J. Stat. Phys. 18, 111 (1978)).
    """
    lines = {
        f"r={r}": (
            crossing(lambda T, r=r: math.sinh(2 / T) * math.sinh(2 * r / T), low=0.3),
            lambda rng, r=r, L=L: lattice((L, L), lambda n: rng.choice([1.0, r], n)),
        )
        for r, L in ((0.25, 12), (0.1, 16))
    }
    yield from _around(lines, O)


# --- three and more dimensions ---------------------------------------------------------------------


@family(FOURTH)
def site_diluted_cubic() -> Any:
    """T_c = 3.500 at a share of .8, 2.701 at .65 (H. G. Ballesteros et al., Phys. Rev. B 58, 2740 (1998))."""

    def make(rng: np.random.Generator, L: int, p: float) -> SparseIsing:
        i, j, J = lattice((L,) * 3, np.ones).edges()
        kept = rng.random(L**3) < p
        number = np.cumsum(kept) - 1
        both = kept[i] & kept[j]
        return edges_model(number[i[both]], number[j[both]], J[both], int(kept.sum()))

    lines = {
        "p=.8": (3.500, lambda rng: make(rng, 7, 0.8)),
        "p=.65": (2.701, lambda rng: gauged(make(rng, 8, 0.65), rng)),
    }
    yield from _around(lines, O, (0.7, 1.45))


@family(FOURTH)
def cubic_with_many_neighbours() -> Any:
    """Equal couplings to 18 (K_c = .06442) and 26 (.04304) neighbours (E. Luijten 1999)."""

    def shell(most: int) -> list[Any]:
        half = [d for d in itertools.product((-1, 0, 1), repeat=3) if d > (0, 0, 0)]
        return [(0, 0, d) for d in half if sum(x * x for x in d) <= most]

    lines = {
        "18": (1 / 0.06442, lambda rng: crystal((6,) * 3, 1, shell(2), np.ones)),
        "26": (1 / 0.04304, lambda rng: gauged(crystal((6,) * 3, 1, shell(3), np.ones), rng)),
    }
    yield from _around(lines, O, (0.7, 1.45))


@family(FOURTH)
def films() -> Any:
    """Cubic ferromagnets of two and three layers, 3.207 and 3.64 (P. Schilbe et al., Z. Phys. B 1996)."""

    def make(L: int, layers: int) -> SparseIsing:
        up = [(k, k + 1, (0, 0)) for k in range(layers - 1)]
        plane_bonds = [(k, k, d) for k in range(layers) for d in ((1, 0), (0, 1))]
        return crystal((L, L), layers, up + plane_bonds, np.ones)

    lines = {"two": (3.207, lambda rng: make(12, 2)), "three": (3.64, lambda rng: make(10, 3))}
    yield from _around(lines, O, (0.7, 1.45))


@family(FOURTH)
def stacked_triangular_antiferromagnet() -> Any:
    """Ferromagnetic along the stack: order of three sublattices below 2.92 (D. Blankschtein et al., Phys.
    Rev. B 29, 5250 (1984); M. L. Plumer et al. 1993).
    """
    bonds = [(0, 0, d) for d in ((1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 0, 1))]
    J = np.repeat([-1.0, -1.0, -1.0, 1.0], 288)
    yield from _around({"6x6x8": (2.92, lambda rng: crystal((6, 6, 8), 1, bonds, lambda n: J))}, O)


@family(FOURTH)
def fully_frustrated_cubic() -> Any:
    """Every square frustrated: order below 1.344 (H. T. Diep et al. 1985; L. W. Bernardi et
    al., Phys. Rev. B 49, 728 (1994)).
    """

    def make(rng: np.random.Generator, L: int) -> SparseIsing:
        x, y, _ = np.indices((L,) * 3)
        J = np.concatenate([np.ones(L**3), (-1.0) ** x.ravel(), (-1.0) ** (x + y).ravel()])
        return gauged(lattice((L,) * 3, lambda n: J), rng)

    lines = {f"L={L}": (1.344, lambda rng, L=L: make(rng, L)) for L in (6, 8)}
    yield from _around(lines, O, (0.65, 1.45))


@family(FOURTH)
def diluted_edwards_anderson() -> Any:
    """Cubic, signs on a share .45 of the bonds: T_c = .663 (T. Joerg, Phys. Rev. B 73, 224431 (2006))."""

    def make(rng: np.random.Generator, L: int) -> SparseIsing:
        i, j, _ = lattice((L,) * 3, np.ones).edges()
        kept = rng.random(len(i)) < 0.45
        return edges_model(i[kept], j[kept], signs(rng)(int(kept.sum())), L**3)

    for L, x in itertools.product((6, 8), AWAY):
        if (L == 6) == (x in (0.6, 1.6)):
            yield f"L={L}", G if x < 1 else P, 0.663 * x, lambda rng, L=L: make(rng, L)


@family(FOURTH)
def signs_on_other_planes() -> Any:
    """Half of the bonds negative on honeycomb and triangular lattices: T_c = 0, as in every plane."""
    for T in (0.7, 1.2):
        yield "honeycomb", P, T, lambda rng: honeycomb(signs(rng))
    for T in (1.1, 1.7):
        yield "triangular", P, T, lambda rng: plane("triangular", signs(rng))


@family(FOURTH)
def high_dimensions() -> Any:
    """Five dimensions: T_c = 8.778 (K_c = .113914). The cube of eight dimensions, two sites long: within a
    tenth of 6.8, between the trees of its degree (6.95) and four periodic dimensions (6.68).
    """
    cube = [(k, k ^ (1 << bit)) for k in range(256) for bit in range(8) if k < k ^ (1 << bit)]
    i, j = np.array(cube).T
    lines = {
        "3^5": (8.778, lambda rng: lattice((3,) * 5, np.ones)),
        "2^8": (6.8, lambda rng: gauged(edges_model(i, j, np.ones(len(i)), 256), rng)),
    }
    yield from _around(lines, O, (0.65, 1.5))


@family(FOURTH)
def sierpinski_carpet() -> Any:
    """Third carpet of 512 sites, order below 1.48 (J. M. Carmona et al., Phys. Rev. B 58, 14387 (1998))."""
    cells = [(0, 0)]
    for g in range(3):
        kept = [(a, b) for a, b in itertools.product(range(3), repeat=2) if (a, b) != (1, 1)]
        cells = [(x + a * 3**g, y + b * 3**g) for a, b in kept for x, y in cells]
    number = {cell: k for k, cell in enumerate(cells)}
    pairs = [(number[x, y], number.get((x + a, y + b))) for x, y in cells for a, b in ((1, 0), (0, 1))]
    i, j = np.array([pair for pair in pairs if pair[1] is not None]).T
    for T, truth in ((0.85, O), (2.6, P)):
        yield "free edges", truth, T, lambda rng: gauged(edges_model(i, j, np.ones(len(i)), 512), rng)


# --- trees, chains, fields -------------------------------------------------------------------------


@family(FOURTH)
def trees() -> Any:
    """No order at T > 0. Five bonds at each inner site: chi is finite above 1.82 (T. P. Eggarter 1974);
    random labelled trees: about d sites at a distance d, whose correlation is tanh(1/T)^d.
    """
    import networkx as nx

    def cayley(rng: np.random.Generator) -> SparseIsing:
        tree = nx.disjoint_union_all([nx.balanced_tree(4, 3) for _ in range(5)])
        tree.add_edges_from(("root", 85 * k) for k in range(5))
        return gauged(graph_model(tree, np.ones), rng)

    for T in (2.6, 4.0):
        yield "five bonds", P, T, cayley
    for T in (1.2, 2.0):
        yield (
            "labelled", P, T,
            lambda rng: graph_model(nx.random_labeled_tree(300, seed=int(rng.integers(2**31))), signs(rng)),
        )  # fmt: skip


@family(FOURTH)
def random_fields_in_one_and_two_dimensions() -> Any:
    """Ferromagnets in random fields of size 1.5: never order (Y. Imry, S. Ma 1975; M. Aizenman, J. Wehr
    1989).
    """
    for T in (0.3, 0.8):
        yield "ring", P, T, lambda rng: lattice((200,), np.ones, b=rng.choice([-1.5, 1.5], 200))
    for T in (1.0, 2.0):
        yield "square", P, T, lambda rng: lattice((16, 16), np.ones, b=1.5 * rng.standard_normal(256))


def exclusion(graph: SparseIsing, z: float, U: float = 16.0) -> SparseIsing:
    """Lattice gas at T = 1: neighbours may not both be filled, activity z. n = (1 + s)/2."""
    i, j, _ = graph.edges()
    degree = np.bincount(np.concatenate([i, j]), minlength=graph.n_spins)
    return edges_model(i, j, np.full(len(i), -U / 4), graph.n_spins, math.log(z) / 2 - U / 4 * degree)


@family(FOURTH)
def hard_particles() -> Any:
    """Hard squares order beyond z = 3.796 (R. J. Baxter et al. 1980), hard hexagons beyond (11 + 5 sqrt 5)/2
    (R. J. Baxter 1980); on graphs of degree 3 one measure below z = 4 (F. P. Kelly 1985).
    """
    for z, truth in ((0.8, P), (20.0, O)):
        yield "squares", truth, 1.0, lambda rng, z=z: exclusion(lattice((12, 12), np.ones), z)
    for z, truth in ((3.0, P), (60.0, O)):
        yield "hexagons", truth, 1.0, lambda rng, z=z: exclusion(plane("triangular", np.ones), z)
    for z in (0.8, 2.5):
        yield "degree 3", P, 1.0, lambda rng, z=z: exclusion(regular(200, 3, np.ones, rng), z)


@family(FOURTH)
def triangular_antiferromagnet_in_a_field() -> Any:
    """Half of saturation: two sublattices of three up, below a T_c of 1.2 to 1.5 (B. D. Metcalf 1973; W.
    Kinzel, M. Schick 1981).
    """
    i, j, J = plane("triangular", minus).edges()
    for T, truth in ((0.5, O), (0.8, O), (2.5, P), (4.0, P)):
        yield "field 3", truth, T, lambda rng: edges_model(i, j, J, 144, np.full(144, 3.0))


@family(FOURTH)
def antiferromagnetic_power_chains() -> Any:
    """-1/r^1.5 and -1/r^2 on a ring: a wall costs a finite energy, hence no order at T > 0; correlation
    lengths of exp(1.21/T)/2 and exp(1.39/T)/2.
    """
    r = np.abs(np.subtract.outer(np.arange(200), np.arange(200)))
    r = np.minimum(r, 200 - r)
    for sigma, T in ((1.5, 0.7), (1.5, 1.4), (2.0, 0.7), (2.0, 1.4)):
        J = np.where(r > 0, -1.0 / np.maximum(r, 1) ** sigma, 0.0)
        yield f"sigma={sigma:g}", P, T, lambda rng, J=J: DenseIsing(J)


@family(FOURTH)
def clauses_of_two() -> Any:
    """Random 2-SAT, one unit of energy for a clause broken. At .45 clauses per variable only small pieces; at
    3, T = 1.2: 6 tanh^2(1/(4T)) < 1, one measure whatever the fields.
    """

    def make(rng: np.random.Generator, alpha: float, N: int = 300) -> SparseIsing:
        i, j = np.triu_indices(N, 1)
        drawn = rng.choice(len(i), round(alpha * N), replace=False)
        i, j = i[drawn], j[drawn]
        a, c = rng.choice([-1.0, 1.0], (2, len(i)))
        b = (np.bincount(i, a, N) + np.bincount(j, c, N)) / 4
        return edges_model(i, j, -a * c / 4, N, b)

    for alpha, T in ((0.45, 0.1), (0.45, 0.4), (3.0, 1.2)):
        yield f"alpha={alpha}", P, T, lambda rng, alpha=alpha: make(rng, alpha)


# --- mean field ------------------------------------------------------------------------------------


@family(FOURTH)
def layers_in_a_chain() -> Any:
    """Four layers of N/4, normal couplings of variance 4/N between neighbouring ones: T_c^2 is the largest
    eigenvalue of the layers' graph, 2 cos(pi/5) (A. Barra et al. 2015; D. Alberici et al. 2021).
    """

    def make(rng: np.random.Generator, N: int) -> DenseIsing:
        joined = np.kron(np.diag(np.ones(3), 1) + np.diag(np.ones(3), -1), np.ones((N // 4, N // 4)))
        return DenseIsing(joined * sk(N, rng) * 2)

    T_c = math.sqrt(2 * math.cos(math.pi / 5))
    for N, x in itertools.product((160, 320), AWAY):
        if (N == 160) == (x in (0.6, 1.4)):
            yield f"N={N}", G if x < 1 else P, x * T_c, lambda rng, N=N: make(rng, N)


def orthogonal(rng: np.random.Generator, N: int) -> np.ndarray:
    """A random symmetric orthogonal matrix without trace."""
    q = np.linalg.qr(rng.standard_normal((N, N)))[0]
    return (q * np.repeat([1.0, -1.0], N // 2)) @ q.T


@family(FOURTH)
def sk_with_an_orthogonal_matrix() -> Any:
    """SK + O/2: the paramagnet is stable while beta^2 R'(beta) < 1, R = z + (sqrt(1 + z^2) - 1)/(2z) (G.
    Parisi, M. Potters 1995).
    """

    def slope(T: float) -> float:
        z, h = 1 / T, 1e-5
        R = [y + (math.sqrt(1 + y * y) - 1) / (2 * y) for y in (z - h, z + h)]
        return z * z * (R[1] - R[0]) / (2 * h)

    T_c = crossing(slope)
    for N, x in itertools.product((150, 300), AWAY):
        if (N == 150) == (x in (0.6, 1.4)):
            yield (
                f"N={N}", G if x < 1 else P, x * T_c,
                lambda rng, N=N: DenseIsing(symmetric(sk(N, rng) + orthogonal(rng, N) / 2)),
            )  # fmt: skip


@family(FOURTH)
def patterns_avoided() -> Any:
    """J = -xi^T xi/N of nine patterns per site: R = -alpha/(1 + z), T_c = sqrt(alpha) - 1 = 2 (K. Nokura
    1998).
    """
    for x in AWAY:
        yield (
            "alpha=9", G if x < 1 else P, 2 * x,
            lambda rng: DenseIsing(-patterns(rng.choice([-1.0, 1.0], (1350, 150))).couplings()),
        )  # fmt: skip


@family(FOURTH)
def sine_model() -> Any:
    """J_xy = 2 sin(2 pi xy/p)/sqrt(p), p = 2N + 1: as the random orthogonal model (E. Marinari, G. Parisi, F.
    Ritort 1994), a paramagnet above .134; far below the transition: undecided.
    """
    x = np.arange(1, 201)
    J = symmetric(2 / math.sqrt(401) * np.sin(2 * np.pi * np.outer(x, x) / 401))
    for T, truth in ((0.25, P), (0.5, P), (0.09, None)):
        yield "N=200", truth, T, lambda rng: DenseIsing(J)


@family(FOURTH)
def vectors_as_patterns() -> Any:
    """J_ij = x_i.x_j/N, x_i random on the circle or sphere: order of a vector, whose direction is nearly
    free, below 1/d.
    """

    def make(rng: np.random.Generator, d: int) -> DenseIsing:
        x = rng.standard_normal((d, 240))
        return patterns(x / np.sqrt((x**2).sum(0)))

    lines = {f"d={d}": (1 / d, lambda rng, d=d: make(rng, d)) for d in (2, 3)}
    yield from _around(lines, O, (0.6, 0.72, 1.5))


@family(FOURTH)
def clipped_hebb() -> Any:
    """J_ij = sign(xi_i.xi_j)/N of three patterns: half of Hebb's matrix of the three less that of their
    product, T_c = 1/2.
    """

    def make(rng: np.random.Generator) -> DenseIsing:
        xi = rng.choice([-1.0, 1.0], (3, 300))
        return DenseIsing(symmetric(np.sign(xi.T @ xi) / 300))

    yield from _around({"K=3": (0.5, make)}, O)


@family(FOURTH)
def patterns_with_blanks() -> Any:
    """Half of the entries of four patterns are zero: T_c = 1/2, several patterns at once below (E. Agliari et
    al., Phys. Rev. Lett. 109, 268101 (2012)).
    """

    def make(rng: np.random.Generator) -> DenseIsing:
        return patterns(rng.choice([-1.0, 0.0, 0.0, 1.0], (4, 320)))

    yield from _around({"K=4": (0.5, make)}, O)


@family(FOURTH)
def ferromagnetic_communities() -> Any:
    """Eight neighbours in the own half, one in the other: 9 tanh(1/T) = 1."""

    def make(rng: np.random.Generator, N: int = 300) -> SparseIsing:
        i, j = np.triu_indices(N, 1)
        kept = rng.random(len(i)) < np.where((i < N // 2) == (j < N // 2), 8, 1) / (N / 2)
        return edges_model(i[kept], j[kept], np.ones(kept.sum()), N)

    yield from _around({"8 and 1": (1 / math.atanh(1 / 9), make)}, O)


@family(FOURTH)
def power_law_ferromagnets() -> Any:
    """Degrees ~ k^-3.5 from 3 to 20, joined at random: <k(k-1)>/<k> tanh(1/T) = 1 (M. Leone et al. 2002; S.
    N. Dorogovtsev et al. 2002).
    """
    import networkx as nx

    k = np.arange(3, 21)
    p = k**-3.5 / (k**-3.5).sum()

    def make(rng: np.random.Generator) -> SparseIsing:
        degrees = rng.choice(k, 400, p=p)
        degrees[0] += degrees.sum() % 2
        graph = nx.Graph(nx.configuration_model(degrees.tolist(), seed=int(rng.integers(2**31))))
        graph.remove_edges_from(list(nx.selfloop_edges(graph)))
        return gauged(graph_model(graph, np.ones), rng)

    branching = float((p * k * (k - 1)).sum() / (p * k).sum())
    yield from _around({"exponent 3.5": (1 / math.atanh(1 / branching), make)}, O)


@family(FOURTH)
def wide_machines_of_signs() -> Any:
    """Weights +-(VH)^(-1/4), 60 by 360: the bipartite SK model, T_c = 1."""

    def make(rng: np.random.Generator) -> BipartiteIsing:
        return BipartiteIsing(rng.choice([-1.0, 1.0], (60, 360)) * (60 * 360) ** -0.25)

    yield from _around({"60x360": (1.0, make)}, G)
