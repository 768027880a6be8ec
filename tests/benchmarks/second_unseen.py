"""A second list of families unseen by any rule of ``spinlab.diagnose``: for those that the first list taught.

Written down, with their truth and its source, before any of them was diagnosed; to be run once
(``validate_families.py run --set second``) and reported whatever comes. None of them is in
``phase_families.py`` or ``unseen_families.py``. Truths are the same at 0.75 and 1.33 of the temperature.
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
    poisson,
    regular,
    signs,
    sk,
    symmetric,
)
from unseen_families import crossing

from spinlab.models import BipartiteIsing, DenseIsing, SparseIsing

SECOND: dict[str, Callable[[], Iterator[Case]]] = {}
FAR = (0.5, 0.72, 1.4, 2.0)  # of T_c


def cases() -> list[Case]:
    """All of them, those of a family together."""
    return [case for make in SECOND.values() for case in make()]


def crystal(
    shape: tuple[int, ...], basis: int, bonds: list[tuple[int, int, tuple[int, ...]]], J: Any
) -> SparseIsing:
    """Cells of ``basis`` sites; a bond (p, q, d) joins site p of a cell to site q of the cell at d."""
    cells = np.arange(math.prod(shape)).reshape(shape)
    axes = tuple(range(len(shape)))
    i = np.concatenate([cells.ravel() * basis + p for p, _, _ in bonds])
    j = np.concatenate([
        np.roll(cells, tuple(-x for x in d), axes).ravel() * basis + q for _, q, d in bonds
    ])  # fmt: skip
    return edges_model(i, j, J(len(i)), cells.size * basis)


# --- lattices that order ---------------------------------------------------------------------------


def plane(name: str, J: Any) -> SparseIsing:
    """Periodic plane lattices of 144 to 243 sites."""
    if name == "triangular":
        return crystal((12, 12), 1, [(0, 0, (0, 1)), (0, 0, (1, 0)), (0, 0, (1, 1))], J)
    if name == "eight neighbours":
        return crystal((14, 14), 1, [(0, 0, d) for d in ((0, 1), (1, 0), (1, 1), (1, -1))], J)
    if name == "kagome":
        inside, outside = [(0, 1, (0, 0)), (0, 2, (0, 0)), (1, 2, (0, 0))], [(1, 0, (1, 0)), (2, 0, (0, 1))]
        return crystal((8, 8), 3, [*inside, *outside, (2, 1, (-1, 1))], J)
    if name == "dice":  # each of two sites of degree 3 joins three hubs of degree 6
        up = [(1, 0, d) for d in ((0, 0), (1, 0), (0, 1))]
        return crystal((8, 8), 3, [*up, *[(2, 0, d) for d in ((1, 0), (0, 1), (1, 1))]], J)
    bonds = [(0, 1, (0, 0)), (1, 0, (1, 0)), (0, 2, (0, 0)), (2, 0, (0, 1))]  # decorated square
    return crystal((9, 9), 3, bonds, J)


@family(SECOND)
def plane_ferromagnets() -> Any:
    """Triangular 4/ln 3, kagome 4/ln(3 + 2 sqrt 3) (I. Syozi 1951), dice by duality, the square lattice with
    a spin on every bond by decimation, tanh^2(1/T) = sqrt 2 - 1, and equal couplings to eight neighbours,
    K_c = .19019 (M. P. Nightingale, H. W. J. Bloete 1982).
    """
    kagome = math.log(3 + 2 * math.sqrt(3)) / 4
    lines = {
        "triangular": 4 / math.log(3),
        "kagome": 1 / kagome,
        "dice": -2 / math.log(math.tanh(kagome)),
        "decorated": 1 / math.atanh(math.sqrt(math.sqrt(2) - 1)),
        "eight neighbours": 1 / 0.19019,
    }
    for (name, T_c), x in itertools.product(lines.items(), FAR):
        yield (
            name, O if x < 1 else P, x * T_c,
            lambda rng, name=name: gauged(plane(name, signs(rng, 0.0)), rng),
        )  # fmt: skip


def fcc(L: int, J: Any) -> SparseIsing:
    """Face-centred cubic, 4 L^3 sites, degree 12."""
    points = 2 * np.array(list(np.ndindex(L, L, L)))[:, None] + [[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]
    points = points.reshape(-1, 3)
    number = {tuple(p): k for k, p in enumerate(points.tolist())}
    steps = [(0, 1, 1), (0, 1, -1), (1, 0, 1), (1, 0, -1), (1, 1, 0), (1, -1, 0)]
    ij = [(k, number[tuple(((p + d) % (2 * L)).tolist())]) for k, p in enumerate(points) for d in steps]
    i, j = np.array(ij).T
    return edges_model(i, j, J(len(i)), len(points))


@family(SECOND)
def crystals() -> Any:
    """Face-centred cubic, T_c = 9.79 (K_c = .10207), and diamond, 2.70 (K_c = .3697, Y. Deng, H. W. J. Bloete
    2003), each with one bond in fifty negative, which lowers T_c by some percent; two square layers, 3.21
    (T. Horiguchi, N. Tsushima 1997).
    """

    def diamond(rng: np.random.Generator) -> SparseIsing:
        bonds = [(0, 1, d) for d in ((0, 0, 0), (-1, 0, 0), (0, -1, 0), (0, 0, -1))]
        return crystal((5, 5, 5), 2, bonds, signs(rng, 0.02))

    def layers(rng: np.random.Generator) -> SparseIsing:
        bonds = [(k, k, d) for k in (0, 1) for d in ((0, 1), (1, 0))]
        return crystal((12, 12), 2, [*bonds, (0, 1, (0, 0))], signs(rng, 0.0))

    makers = {
        "face-centred": (9.79, lambda rng: fcc(4, signs(rng, 0.02))),
        "diamond": (2.704, diamond),
        "two layers": (3.21, layers),
    }
    for (name, (T_c, make)), x in itertools.product(makers.items(), FAR):
        yield name, O if x < 1 else P, x * T_c, lambda rng, make=make: gauged(make(rng), rng)


@family(SECOND)
def face_centred_antiferromagnet() -> Any:
    """Frustrated, yet ordered in planes below a first-order transition at 1.72 to 1.76 (T. L. Polgreen 1984;
    A. D. Beath, D. H. Ryan 2006).
    """
    for L, x in itertools.product((3, 4), FAR):
        yield (
            f"L={L}", O if x < 1 else P, x * 1.73, lambda rng, L=L: gauged(fcc(L, signs(rng, 1.0)), rng)
        )  # fmt: skip


@family(SECOND)
def random_triangulations() -> Any:
    """Delaunay triangulations of random points on a torus: T_c = 3.80 (K_c = .2630, W. Janke, M. Katoot, R.
    Villanova, Phys. Rev. B 49, 9644 (1994)). Random signs: two dimensions, a paramagnet at T > 0.
    """
    for N in (200, 400):
        for x in FAR:
            yield f"N={N}", O if x < 1 else P, x * 3.80, lambda rng, N=N: delaunay(N, 0.0, rng)
        for T in (0.6, 1.2):
            yield f"N={N} signs", P, T, lambda rng, N=N: delaunay(N, 0.5, rng)


def delaunay(N: int, negative: float, rng: np.random.Generator) -> SparseIsing:
    """Triangulation of N points on a torus, by that of nine copies."""
    from scipy.spatial import Delaunay

    points = rng.random((N, 2))
    copies = np.concatenate([points + d for d in itertools.product((0, 1, -1), repeat=2)])
    corners = Delaunay(copies).simplices
    ij = np.concatenate([corners[:, [0, 1]], corners[:, [0, 2]], corners[:, [1, 2]]])
    ij = ij[(ij < N).any(1)] % N
    ij = np.unique(np.sort(ij[ij[:, 0] != ij[:, 1]], 1), axis=0)
    return gauged(edges_model(ij[:, 0], ij[:, 1], signs(rng, negative)(len(ij)), N), rng)


@family(SECOND)
def ferromagnetic_power_chains() -> Any:
    """1/r^2: T_c = 1/.6552 (E. Luijten, H. Messingfeld, Phys. Rev. Lett. 86, 5305 (2001)). 1/r^1.5: above
    that (R. B. Griffiths 1967) and below the mean field, 2 zeta(1.5) = 5.22.
    """

    def make(rng: np.random.Generator, N: int, power: float) -> DenseIsing:
        r = np.abs(np.subtract.outer(np.arange(N), np.arange(N)))
        s = rng.choice([-1.0, 1.0], N)
        J = (N / np.pi * np.sin(np.pi * np.maximum(r, 1) / N)) ** -power
        return DenseIsing(symmetric(J) * s[:, None] * s)

    for N, x in itertools.product((128, 256), FAR):
        yield f"1/r^2 N={N}", O if x < 1 else P, x / 0.6552, lambda rng, N=N: make(rng, N, 2.0)
    for T, truth in ((0.7, O), (1.1, O), (7.5, P), (10.0, P)):
        yield "1/r^1.5 N=200", truth, T, lambda rng: make(rng, 200, 1.5)


# --- random graphs --------------------------------------------------------------------------------


@family(SECOND)
def husimi_cacti() -> Any:
    """Triangles joined at corners, k at each site, without other short loops. From one corner to another a
    perturbation grows by g = (t + t^2)/(1 + t^3), t = tanh(J/T) (Husimi trees: M. E. Fisher, J. W. Essam
    1961): ferromagnet 2 (k - 1) g = 1; signs 2 (k - 1) <g^2> = 1, g with t and with -t; antiferromagnet,
    g >= -1/3: 2 (k - 1)/9 < 1 for k = 2, 3, a paramagnet at T > 0.
    """

    def g(t: float) -> float:
        return (t + t * t) / (1 + t**3)

    ferro = crossing(lambda T: 4 * g(math.tanh(1 / T)))
    glass = crossing(lambda T: 2 * (g(math.tanh(1 / T)) ** 2 + g(-math.tanh(1 / T)) ** 2))
    for x in FAR:
        yield "ferromagnet k=3", O if x < 1 else P, x * ferro, lambda rng: cactus(300, 3, 0.0, rng)
    for N, x in itertools.product((201, 399), (0.45, 0.7, 1.4, 1.9)):
        yield f"signs k=3 N={N}", G if x < 1 else P, x * glass, lambda rng, N=N: cactus(N, 3, 0.5, rng)
    for k, T in itertools.product((2, 3), (0.5, 1.5)):
        yield f"antiferromagnet k={k}", P, T, lambda rng, k=k: cactus(300, k, 1.0, rng)


def cactus(N: int, k: int, negative: float, rng: np.random.Generator) -> SparseIsing:
    """N sites in k random triangles each, no two of which share two sites."""
    corners = np.concatenate([rng.permutation(N) for _ in range(k)]).reshape(-1, 3)
    while True:
        pairs = np.sort(corners[:, [[0, 1], [0, 2], [1, 2]]], 2).reshape(-1, 2)
        key = pairs[:, 0] * N + pairs[:, 1]
        _, where, count = np.unique(key, return_inverse=True, return_counts=True)
        bad = np.unique(np.flatnonzero((count[where] > 1) | (pairs[:, 0] == pairs[:, 1])) // 3)
        if not len(bad):
            break
        mixed = np.union1d(bad, rng.choice(len(corners), 3 * len(bad)))
        corners[mixed] = rng.permutation(corners[mixed].ravel()).reshape(-1, 3)
    return gauged(edges_model(pairs[:, 0], pairs[:, 1], signs(rng, negative)(len(pairs)), N), rng)


@family(SECOND)
def planted_on_nishimori_line() -> Any:
    """Bonds +1 with probability 1/(1 + exp(-2/T)), at T itself: from order to paramagnet at
    b tanh^2(1/T) = 1, b = 4 (H. Nishimori 1981; F. Krzakala, L. Zdeborova, Phys. Rev. Lett. 102,
    238701 (2009)); regular
    graphs of degree 5 and random graphs of mean degree 4.
    """
    T_N = 1 / math.atanh(0.5)
    for name, x in itertools.product(("regular", "random"), FAR):

        def make(rng: np.random.Generator, name: str = name, T: float = x * T_N) -> SparseIsing:
            J = signs(rng, 1 / (1 + math.exp(2 / T)))
            return gauged(regular(300, 5, J, rng) if name == "regular" else poisson(300, 4, J, rng), rng)

        yield name, O if x < 1 else P, x * T_N, make


@family(SECOND)
def two_degrees() -> Any:
    """Random graphs with a quarter of degree 9 and the rest of degree 3: a walk branches <k(k-1)>/<k> = 5
    times (S. N. Dorogovtsev, A. V. Goltsev, J. F. F. Mendes, Phys. Rev. E 66, 016104 (2002)). Glass
    5 tanh^2(1/T) = 1; one bond in twenty negative: order below 5 (.9) tanh(1/T) = 1.
    """
    import networkx as nx

    def make(rng: np.random.Generator, N: int, negative: float) -> SparseIsing:
        degrees = np.repeat([9, 3], [N // 4, N - N // 4]).tolist()
        graph = nx.Graph(nx.configuration_model(degrees, seed=int(rng.integers(2**31))))
        graph.remove_edges_from(list(nx.selfloop_edges(graph)))
        i, j = np.array(graph.edges).T
        return gauged(edges_model(i, j, signs(rng, negative)(len(i)), N), rng)

    glass, order = 1 / math.atanh(5**-0.5), 1 / math.atanh(1 / 4.5)
    for N, x in itertools.product((200, 400), (0.45, 0.7, 1.4, 1.9)):
        yield f"signs N={N}", G if x < 1 else P, x * glass, lambda rng, N=N: make(rng, N, 0.5)
    for x in FAR:
        yield "few negative N=300", O if x < 1 else P, x * order, lambda rng: make(rng, 300, 0.05)


@family(SECOND)
def diluted_long_range_chains() -> Any:
    """+-J on six bonds per site, present with probability ~ r^-rho: T_c = 2.19 at rho = 1.25, 1.76 at 1.53
    (L. Leuzzi et al., Phys. Rev. Lett. 101, 107203 (2008)).
    """
    for (rho, T_c), x in itertools.product(((1.25, 2.19), (1.53, 1.76)), (0.45, 0.7, 1.4, 1.9)):

        def make(rng: np.random.Generator, rho: float = rho, N: int = 300) -> SparseIsing:
            i, j = np.triu_indices(N, 1)
            p = (N / np.pi * np.sin(np.pi * (j - i) / N)) ** -rho
            kept = rng.choice(len(i), 3 * N, replace=False, p=p / p.sum())
            return edges_model(i[kept], j[kept], signs(rng)(3 * N), N)

        yield f"rho={rho}", G if x < 1 else P, x * T_c, make


# --- all pairs ------------------------------------------------------------------------------------


@family(SECOND)
def maximum_cut_of_dense_graphs() -> Any:
    """J = -1 on a share p of all pairs: the SK model of variance p(1 - p), as its mean only forbids a
    magnetisation: T_c = sqrt(N p (1 - p)) (A. Dembo, A. Montanari, S. Sen 2017).
    """
    for (N, p), x in itertools.product(((100, 0.5), (250, 0.5), (250, 0.15)), (0.45, 0.7, 1.4, 1.9)):

        def make(rng: np.random.Generator, N: int = N, p: float = p) -> DenseIsing:
            return DenseIsing(symmetric(-(rng.random((N, N)) < p).astype(float)))

        yield f"N={N} p={p}", G if x < 1 else P, x * math.sqrt(N * p * (1 - p)), make


@family(SECOND)
def graded_sites() -> Any:
    """SK with sites of unequal strength, J_ij = a_i a_j g_ij/sqrt(N), a from .2 to 1.8: beta^2 <a^4> = 1."""
    for N, x in itertools.product((150, 300), (0.45, 0.7, 1.4, 1.9)):
        a = np.linspace(0.2, 1.8, N)
        yield (
            f"N={N}", G if x < 1 else P, x * math.sqrt(float((a**4).mean())),
            lambda rng, N=N, a=a: DenseIsing(sk(N, rng) * np.outer(a, a)),
        )  # fmt: skip


@family(SECOND)
def projection_rule() -> Any:
    """J = xi^T C^-1 xi/N, C the overlaps of the patterns (L. Personnaz et al. 1985; I. Kanter, H. Sompolinsky
    1987): few patterns, T_c = 1.
    """
    for (N, K), T in itertools.product(((200, 4), (400, 6)), (0.25, 0.43, 1.6, 2.2)):

        def make(rng: np.random.Generator, N: int = N, K: int = K) -> DenseIsing:
            xi = rng.choice([-1.0, 1.0], (K, N))
            return DenseIsing(symmetric(xi.T @ np.linalg.solve(xi @ xi.T, xi)))

        yield f"N={N} K={K}", O if T < 1 else P, T, make


@family(SECOND)
def sk_with_J0_in_random_fields() -> Any:
    """J0 = 2.5, normal fields of size .5: J0 beta (1 - q) = 1 at q = E tanh^2(beta z sqrt(q + .25)) without
    order; below, order that is replica symmetric at these T (R. F. Soares, F. D. Nobre, J. R. L. de
    Almeida, Phys. Rev. B 50, 6151 (1994)).
    """

    z, w = np.polynomial.hermite_e.hermegauss(80)
    w /= w.sum()

    def growth(T: float) -> float:
        q = 0.5
        for _ in range(500):
            q = float(w @ np.tanh(z * math.sqrt(q + 0.25) / T) ** 2)
        return 2.5 * (1 - q) / T

    T_c = crossing(growth, 0.5, 10.0)
    for N, x in itertools.product((150, 300), FAR):
        yield (
            f"N={N}", O if x < 1 else P, x * T_c,
            lambda rng, N=N: DenseIsing(sk(N, rng, 2.5), 0.5 * rng.standard_normal(N)),
        )  # fmt: skip


@family(SECOND)
def planted_machines() -> Any:
    """W = 1.5 u v^T/sqrt(VH) + .4 g/(VH)^(1/4): the means obey m_v = T^-1 1.5 sqrt(H/V) m_h to first order,
    and m_h alike, whatever the noise: order below T = 1.5, far above the glass, .4.
    """
    for (V, H), x in itertools.product(((100, 100), (60, 180)), FAR):

        def make(rng: np.random.Generator, V: int = V, H: int = H) -> BipartiteIsing:
            u, v = rng.choice([-1.0, 1.0], V), rng.choice([-1.0, 1.0], H)
            noise = 0.4 * rng.standard_normal((V, H)) / (V * H) ** 0.25
            return BipartiteIsing(1.5 * np.outer(u, v) / math.sqrt(V * H) + noise)

        yield f"V={V} H={H}", O if x < 1 else P, x * 1.5, make


# --- one dimension --------------------------------------------------------------------------------


@family(SECOND)
def strips() -> Any:
    """Long strips of the square lattice, 3 and 4 sites around: nothing orders at T > 0; correlation lengths
    of the ferromagnets, from the transfer matrix, are below a tenth of their length.
    """
    for (w, n), T, negative in (
        *itertools.product(((3, 100),), (1.9, 2.6), (0.0,)),
        *itertools.product(((4, 80),), (2.3, 3.0), (0.0,)),
        *itertools.product(((3, 100), (4, 80)), (0.5, 1.0), (0.5,)),
    ):

        def make(rng: np.random.Generator, w: int = w, n: int = n, p: float = negative) -> SparseIsing:
            return gauged(crystal((w, n), 1, [(0, 0, (0, 1)), (0, 0, (1, 0))], signs(rng, p)), rng)

        yield f"{w}x{n}{' signs' if negative else ''}", P, T, make
