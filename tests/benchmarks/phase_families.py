"""Families of models whose phase is known, for the validation of ``spinlab.diagnose`` by family.

The truth of a case comes from a published line, an exact formula or a theorem, named beside each family;
never from what the report measures. Cases lie far from every line: .75 T and 1.33 T have the same truth.
``HELD_BACK`` were written down before the thresholds were fixed, and are run once.

A truth of None: no thermodynamic phase, or a discontinuous one that no local instability announces; only
"undecided" is right there, and the case does not enter the accuracy of decided verdicts unless one is given.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import trained_machines

import spinlab as sl
from spinlab import theory
from spinlab.models import BipartiteIsing, DenseIsing, SparseIsing

P, O, G = "paramagnet", "ordered", "spin glass"
Maker = Callable[[np.random.Generator], Any]


class Case(NamedTuple):
    """One model at one temperature; ``make`` takes a generator."""

    family: str
    name: str
    truth: str | None
    T: float
    make: Maker


FAMILIES: dict[str, Callable[[], Iterator[Case]]] = {}
HELD_BACK: dict[str, Callable[[], Iterator[Case]]] = {}


def family(registry: dict[str, Any]) -> Callable[[Any], Any]:
    """Register a generator of (name, truth, T, make) under the name of its function."""

    def register(f: Callable[[], Iterator[tuple[str, str | None, float, Maker]]]) -> Any:
        name = f.__name__.replace("_", " ")
        registry[name] = lambda: (Case(name, *case) for case in f())
        return f

    return register


def cases(held_back: bool = False) -> list[Case]:
    """All of them, those of a family together."""
    return [case for make in (HELD_BACK if held_back else FAMILIES).values() for case in make()]


# --- makers ---------------------------------------------------------------------------------------


def symmetric(A: np.ndarray) -> np.ndarray:
    """The upper triangle, mirrored."""
    A = np.triu(A, 1)
    return A + A.T


def edges_model(i: Any, j: Any, J: Any, N: int, b: Any = None) -> SparseIsing:
    """A sparse model from its edges."""
    return SparseIsing.from_edges(np.asarray(i), np.asarray(j), np.asarray(J, dtype=float), N, b=b)


def graph_model(graph: Any, J: Callable[[int], np.ndarray], b: Any = None) -> SparseIsing:
    """Couplings J(number of edges) on a graph."""
    nodes = {node: k for k, node in enumerate(graph.nodes)}
    ij = np.array([(nodes[u], nodes[v]) for u, v in graph.edges])
    return edges_model(ij[:, 0], ij[:, 1], J(len(ij)), len(nodes), b)


def regular(N: int, c: int, J: Any, rng: np.random.Generator) -> SparseIsing:
    """A random regular graph."""
    import networkx as nx

    return graph_model(nx.random_regular_graph(c, N, seed=int(rng.integers(2**31))), J)


def poisson(N: int, c: float, J: Any, rng: np.random.Generator) -> SparseIsing:
    """A random graph of mean degree c."""
    import networkx as nx

    return graph_model(nx.gnm_random_graph(N, round(N * c / 2), seed=int(rng.integers(2**31))), J)


def lattice(shape: tuple[int, ...], J: Any, b: Any = None) -> SparseIsing:
    """A periodic hypercubic lattice."""
    site = np.arange(math.prod(shape)).reshape(shape)
    i = np.concatenate([site.ravel()] * len(shape))
    j = np.concatenate([np.roll(site, -1, axis).ravel() for axis in range(len(shape))])
    return edges_model(i, j, J(len(i)), site.size, b)


def signs(rng: np.random.Generator, negative: float = 0.5) -> Callable[[int], np.ndarray]:
    """Couplings of +-1, a share of them negative."""
    return lambda n: np.where(rng.random(n) < negative, -1.0, 1.0)


def gauged(model: SparseIsing, rng: np.random.Generator) -> SparseIsing:
    """The same physics with signs that nobody can read off."""
    i, j, J = model.edges()
    s = rng.choice([-1.0, 1.0], model.n_spins)
    return edges_model(i, j, J * s[i] * s[j], model.n_spins, np.asarray(model.b) * s)


def patterns(xi: np.ndarray) -> DenseIsing:
    """J = (1/N) xi^T xi of patterns (K, N)."""
    J = xi.T @ xi / xi.shape[1]
    np.fill_diagonal(J, 0)
    return DenseIsing(J)


def sk(N: int, rng: np.random.Generator, J0: float = 0.0) -> np.ndarray:
    """Couplings of the Sherrington-Kirkpatrick model with mean J0/N."""
    return symmetric(rng.standard_normal((N, N)) / math.sqrt(N) + J0 / N)


# --- families -------------------------------------------------------------------------------------


@family(FAMILIES)
def sherrington_kirkpatrick() -> Any:
    """T_c = 1."""
    for N, T in itertools.product((64, 128, 256, 400), (0.4, 0.7, 1.4, 2.0)):
        yield f"N={N}", G if T < 1 else P, T, lambda rng, N=N: DenseIsing(sk(N, rng))


@family(FAMILIES)
def sk_with_J0() -> Any:
    """Order for J0 > 1 below T = J0, glass for J0 < 1 below T = 1 (Sherrington, Kirkpatrick 1975)."""
    for N in (100, 250):
        for J0, T, truth in (
            (1.7, 1.2, O),
            (1.7, 0.8, O),
            (2.5, 0.6, O),
            (0.4, 0.5, G),
            (0.4, 0.7, G),
            (2.0, 2.8, P),
            (1.5, 2.2, P),
        ):
            yield f"N={N} J0={J0}", truth, T, lambda rng, N=N, J0=J0: DenseIsing(sk(N, rng, J0))


@family(FAMILIES)
def sk_in_a_field() -> Any:
    """Normal fields of size .3: T_AT = .66 by the replica symmetric solution, beta^2 E sech^4 = 1."""
    for N, T in itertools.product((128, 256), (0.25, 0.4, 1.2, 1.6)):
        yield (
            f"N={N}",
            G if T < 0.7 else P,
            T,
            lambda rng, N=N: DenseIsing(sk(N, rng), 0.3 * rng.standard_normal(N)),
        )


@family(FAMILIES)
def diluted_sk() -> Any:
    """Viana, Bray: c tanh^2(1/T_c) = 1 for signs at mean degree c."""
    for N, c in ((200, 4), (400, 4), (300, 8)):
        T_c = 1 / math.atanh(c**-0.5)
        for x in (0.45, 0.7, 1.4, 1.8):
            yield (
                f"N={N} c={c}",
                G if x < 1 else P,
                x * T_c,
                lambda rng, N=N, c=c: poisson(N, c, signs(rng), rng),
            )


@family(FAMILIES)
def random_regular_glass() -> Any:
    """(c - 1) tanh^2(1/T_c) = 1, c = 4, 6."""
    for N, c in ((150, 4), (400, 4), (300, 6)):
        T_c = 1 / math.atanh((c - 1) ** -0.5)
        for x in (0.45, 0.7, 1.4, 1.8):
            yield (
                f"N={N} c={c}",
                G if x < 1 else P,
                x * T_c,
                lambda rng, N=N, c=c: regular(N, c, signs(rng), rng),
            )


@family(FAMILIES)
def random_regular_few_negative() -> Any:
    """Order below (c - 1)(1 - 2p) tanh(1/T) = 1 for few negative bonds p (exact on the Bethe lattice)."""
    for N, c, p in ((150, 4, 0.02), (300, 4, 0.05), (300, 6, 0.05), (300, 6, 0.1)):
        T_c = 1 / math.atanh(1 / ((c - 1) * (1 - 2 * p)))
        for x in (0.4, 0.6, 1.4, 1.8):
            yield (
                f"N={N} c={c} p={p}",
                O if x < 1 else P,
                x * T_c,
                lambda rng, N=N, c=c, p=p: gauged(regular(N, c, signs(rng, p), rng), rng),
            )


@family(FAMILIES)
def antiferromagnet_on_random_graphs() -> Any:
    """Odd loops make it the glass of random signs, same T_c (F. Krzakala, L. Zdeborova 2008)."""
    for N, c in ((200, 4), (300, 6)):
        T_c = 1 / math.atanh((c - 1) ** -0.5)
        for x in (0.45, 0.7, 1.4, 1.8):
            yield (
                f"N={N} c={c}",
                G if x < 1 else P,
                x * T_c,
                lambda rng, N=N, c=c: regular(N, c, signs(rng, 1.0), rng),
            )


@family(FAMILIES)
def ferromagnet_on_random_graphs() -> Any:
    """c tanh(1/T_c) = 1."""
    for N, c in ((100, 4), (400, 4), (300, 7)):
        T_c = 1 / math.atanh(1 / c)
        for x in (0.5, 0.7, 1.4, 2.0):
            yield (
                f"N={N} c={c}",
                O if x < 1 else P,
                x * T_c,
                lambda rng, N=N, c=c: gauged(poisson(N, c, signs(rng, 0.0), rng), rng),
            )


@family(FAMILIES)
def hopfield_low_load() -> Any:
    """K fixed: T_c = 1; at alpha = .02 retrieval in equilibrium far above T = .43, T_c = .59."""
    for N, K in ((150, 2), (200, 4), (300, 6), (400, 8)):
        for T in (0.25, 0.43, 1.6, 2.2):
            yield (
                f"N={N} K={K}",
                O if T < 1 else P,
                T,
                lambda rng, N=N, K=K: sl.ensembles.hopfield(N, K, rng=rng),
            )


@family(FAMILIES)
def hopfield_high_load() -> Any:
    """T_g = 1 + sqrt(alpha), no retrieval."""
    for N, alpha in ((100, 0.5), (200, 0.5), (200, 1.5), (300, 0.25)):
        T_g = 1 + math.sqrt(alpha)
        for x in (0.3, 0.65, 1.4, 1.8):
            yield (
                f"N={N} alpha={alpha}",
                G if x < 1 else P,
                x * T_g,
                lambda rng, N=N, a=alpha: sl.ensembles.hopfield(N, round(a * N), rng=rng),
            )


@family(FAMILIES)
def biased_patterns() -> Any:
    """Patterns of mean a = .6: T_c = 1 + (K - 1) a^2 towards their common direction, order below."""
    for N, K in ((150, 3), (300, 5)):
        T_c = 1 + (K - 1) * 0.36
        for x in (0.3, 0.65, 1.5, 2.0):
            yield (
                f"N={N} K={K}",
                O if x < 1 else P,
                x * T_c,
                lambda rng, N=N, K=K: patterns(np.where(rng.random((K, N)) < 0.8, 1.0, -1.0)),
            )


@family(FAMILIES)
def gaussian_patterns() -> Any:
    """Few: order below T = 1. Extensive: T_g = 1 + sqrt(alpha), no retrieval (Amit, Gutfreund,
    Sompolinsky).
    """
    for N, K, T, truth in (
        (200, 1, 0.5, O),
        (300, 2, 0.4, O),
        (300, 2, 0.6, O),
        (200, 1, 1.5, P),
        (300, 2, 1.8, P),
        (200, 100, 0.7, G),
        (200, 100, 1.0, G),
        (200, 100, 2.5, P),
        (300, 3, 0.6, O),
    ):
        yield f"N={N} K={K}", truth, T, lambda rng, N=N, K=K: patterns(rng.standard_normal((K, N)))


@family(FAMILIES)
def mattis() -> Any:
    """T_c = 1."""
    for N, T in itertools.product((60, 150, 400), (0.4, 0.65, 1.5, 2.0)):
        yield f"N={N}", O if T < 1 else P, T, lambda rng, N=N: sl.ensembles.mattis(N, rng=rng).scaled(1 / N)


@family(FAMILIES)
def small_worlds() -> Any:
    """A ring of six neighbours, a fifth rewired: a finite-dimensional bound below, the Bethe lattice
    above; T_c
    lies between 3 and 6 (J. Viana Lopes et al., Phys. Rev. E 70, 026112 (2004)). One bond in 30 negative.
    """
    import networkx as nx

    for N, T in itertools.product((200, 400), (1.0, 2.0, 8.5, 12.0)):

        def make(rng: np.random.Generator, N: int = N) -> Any:
            graph = nx.watts_strogatz_graph(N, 6, 0.2, seed=int(rng.integers(2**31)))
            return gauged(graph_model(graph, signs(rng, 1 / 30)), rng)

        yield f"N={N}", O if T < 4 else P, T, make


def chain(N: int, sigma: float, J: np.ndarray) -> np.ndarray:
    """J_ij / r^sigma on a ring, with sum_j 1/r^(2 sigma) = 1 for glasses left to the caller."""
    r = np.abs(np.subtract.outer(np.arange(N), np.arange(N)))
    r = N / np.pi * np.sin(np.pi * np.maximum(r, 1) / N)
    return symmetric(J * r**-sigma)


@family(FAMILIES)
def long_range_glass() -> Any:
    """sigma = .65, variance normalised: T_c = .86 (Katzgraber, Young, Phys. Rev. B 67, 134410 (2003))."""
    for N, T in itertools.product((128, 256), (0.35, 0.55, 1.4, 1.9)):

        def make(rng: np.random.Generator, N: int = N) -> Any:
            J = chain(N, 0.65, rng.standard_normal((N, N)))
            return DenseIsing(J / math.sqrt((J**2).sum() / N))

        yield f"N={N}", G if T < 0.86 else P, T, make


@family(FAMILIES)
def long_range_ferromagnet() -> Any:
    """J/r^1.4 with sum_j J_ij = 1: mean field, T_c = .9 to 1 (E. Luijten, H. Bloete 1997)."""
    for N, T in itertools.product((100, 300), (0.4, 0.6, 1.5, 2.0)):

        def make(rng: np.random.Generator, N: int = N) -> Any:
            J = chain(N, 1.4, np.ones((N, N)))
            s = rng.choice([-1.0, 1.0], N)
            return DenseIsing(J / J.sum(0).mean() * s[:, None] * s)

        yield f"N={N}", O if T < 0.9 else P, T, make


@family(FAMILIES)
def stripes() -> Any:
    """J1-J2 square lattice, J2 = -J1 = -1: stripes below T = 2.08 (A. Kalz et al., Eur. Phys. J. B 65, 533
    (2008)).
    """
    for L, T in itertools.product((10, 14, 18), (0.8, 1.3, 3.2, 4.5)):

        def make(rng: np.random.Generator, L: int = L) -> Any:
            site = np.arange(L * L).reshape(L, L)
            pairs = [(np.roll(site, d, a), 1.0) for d, a in ((1, 0), (1, 1))]
            pairs += [(np.roll(site, d, (0, 1)), -1.0) for d in ((1, 1), (1, -1))]
            i = np.concatenate([site.ravel()] * 4)
            j = np.concatenate([p.ravel() for p, _ in pairs])
            return gauged(edges_model(i, j, np.repeat([J for _, J in pairs], L * L), L * L), rng)

        yield f"L={L}", O if T < 2.08 else P, T, make


@family(FAMILIES)
def edwards_anderson_3D() -> Any:
    """T_c = 1.10 for signs (M. Baity-Jesi et al., Phys. Rev. B 88, 224416 (2013))."""
    for L, T in itertools.product((5, 6, 7), (0.5, 0.75, 1.7, 2.4)):
        yield f"L={L}", G if T < 1.1 else P, T, lambda rng, L=L: lattice((L,) * 3, signs(rng))


@family(FAMILIES)
def few_negative_bonds_3D() -> Any:
    """Order for p < .222 (Nishimori point .2327); T_c(p = .08) = 3.6 (M. Hasenbusch et al., Phys. Rev. B 76,
    094402).
    """
    for L, T in itertools.product((5, 6, 7), (1.2, 2.4, 5.5, 7.0)):
        yield (
            f"L={L}",
            O if T < 3.6 else P,
            T,
            lambda rng, L=L: gauged(lattice((L,) * 3, signs(rng, 0.08)), rng),
        )


@family(FAMILIES)
def few_negative_bonds_2D() -> Any:
    """Order for p < .103; T_c(p = .03) = 2.0 (F. Parisen Toldin et al., J. Stat. Phys. 135, 1039 (2009))."""
    for L, T in itertools.product((12, 16, 20), (0.8, 1.4, 2.9, 4.0)):
        yield f"L={L}", O if T < 2 else P, T, lambda rng, L=L: gauged(lattice((L, L), signs(rng, 0.03)), rng)


@family(FAMILIES)
def edwards_anderson_2D() -> Any:
    """No glass at T > 0 (A. K. Hartmann, A. P. Young 2001)."""
    for L, T in itertools.product((10, 16, 20), (0.4, 0.7, 1.2, 2.0)):
        yield f"L={L}", P, T, lambda rng, L=L: lattice((L, L), signs(rng) if L < 20 else rng.standard_normal)


@family(FAMILIES)
def edwards_anderson_4D() -> Any:
    """T_c = 2.0 for signs (E. Marinari, F. Zuliani 1999)."""
    for L, T in itertools.product((3, 4), (0.8, 1.3, 2.9, 4.0)):
        yield f"L={L}", G if T < 2 else P, T, lambda rng, L=L: lattice((L,) * 4, signs(rng))


@family(FAMILIES)
def wishart_planted() -> Any:
    """K = 2N: first order at 1.067; K = 3N: T_c = 2. (max over m of H(m) - (alpha/2) ln(1 + beta(1 -
    m^2))).
    """
    for N, a, T, truth in (
        (100, 2, 0.3, O),
        (200, 2, 0.3, O),
        (200, 2, 0.7, O),
        (200, 2, 1.6, P),
        (150, 3, 0.8, O),
        (200, 3, 1.4, O),
        (150, 3, 3.0, P),
        (200, 3, 4.0, P),
    ):
        yield (
            f"N={N} alpha={a}",
            truth,
            T,
            lambda rng, N=N, a=a: sl.ensembles.wishart_planted(N, a * N, rng=rng),
        )


@family(FAMILIES)
def random_orthogonal() -> Any:
    """Discontinuous: T_d = .134, T_s = .065 (Marinari, Parisi, Ritort 1994); between, and below:
    undecided.
    """
    for N in (100, 200):
        for T, truth in ((0.2, P), (0.3, P), (0.5, P), (0.1, None), (0.09, None)):

            def make(rng: np.random.Generator, N: int = N) -> Any:
                q = np.linalg.qr(rng.standard_normal((N, N)))[0]
                return DenseIsing(symmetric((q * np.repeat([1.0, -1.0], N // 2)) @ q.T))

            yield f"N={N}", truth, T, make


@family(FAMILIES)
def negative_mattis() -> Any:
    """J = -xi xi^T/N: number partitioning; f = -T ln 2 + O(1/N), no state below it."""
    for N, T in itertools.product((60, 200), (0.2, 0.5, 1.5)):
        yield f"N={N}", P, T, lambda rng, N=N: sl.ensembles.mattis(N, rng=rng).scaled(-1 / N)


@family(FAMILIES)
def triangular_antiferromagnet() -> Any:
    """A paramagnet at any T > 0 (G. H. Wannier 1950)."""
    for L, T in itertools.product((9, 12, 15), (0.6, 1.2, 2.5)):

        def make(rng: np.random.Generator, L: int = L) -> Any:
            site = np.arange(L * L).reshape(L, L)
            j = [np.roll(site, *step).ravel() for step in ((1, 0), (1, 1), ((1, -1), (0, 1)))]
            return gauged(
                edges_model(np.tile(site.ravel(), 3), np.concatenate(j), -np.ones(3 * L * L), L * L), rng
            )

        yield f"L={L}", P, T, make


@family(FAMILIES)
def heavy_tails() -> Any:
    """J ~ N^(-1/mu), mu = 1.5: N <tanh^2(J/T_c)> = 1 (P. Cizeau, J. P. Bouchaud 1993)."""
    from validate_diagnose import _levy, _levy_line

    for N in (150, 300):
        for x in (0.4, 0.65, 1.5, 2.0):
            yield f"N={N}", G if x < 1 else P, x * _levy_line(N, 1.5), lambda rng, N=N: _levy(N, 1.5, rng)


@family(FAMILIES)
def random_field_ferromagnet() -> Any:
    """Curie-Weiss in normal fields of size .4: 1 = <sech^2(.4 z/T)>/T at T_c = .84 (T. Schneider, E. Pytte
    1977).
    """
    for N, T in itertools.product((100, 300), (0.3, 0.5, 1.3, 1.8)):

        def make(rng: np.random.Generator, N: int = N) -> Any:
            return DenseIsing(symmetric(np.ones((N, N)) / N), 0.4 * rng.standard_normal(N))

        yield f"N={N}", O if T < 0.8 else P, T, make


@family(FAMILIES)
def ferromagnets_2D_and_3D() -> Any:
    """T_c = 2.269 and 4.51."""
    for shape, T_c in (((12, 12), 2.269), ((20, 20), 2.269), ((5, 5, 5), 4.51), ((7, 7, 7), 4.51)):
        for x in (0.5, 0.72, 1.45, 2.0):
            yield (
                f"{shape}",
                O if x < 1 else P,
                x * T_c,
                lambda rng, shape=shape: gauged(lattice(shape, signs(rng, 0.0)), rng),
            )


@family(FAMILIES)
def blocks_of_SK() -> Any:
    """Two SK models side by side, and of two temperatures: glasses where both are."""
    import scipy.linalg

    for N in (200, 300):
        for a, b, T, truth in (
            (1, 1, 0.5, G),
            (1, 1.4, 0.5, G),
            (1, 1, 1.5, P),
            (1, 1.3, 2.0, P),
            (1, 3, 1.6, None),
        ):

            def make(rng: np.random.Generator, N: int = N, a: float = a, b: float = b) -> Any:
                return DenseIsing(scipy.linalg.block_diag(a * sk(N // 2, rng), b * sk(N // 2, rng)))

            yield f"N={N} {a}, {b}", truth, T, make


@family(FAMILIES)
def gaussian_machines() -> Any:
    """sigma (V H)^(1/4) = 1."""
    for V, H in ((40, 40), (50, 150), (100, 200)):
        for T in (0.35, 0.6, 1.5, 2.0):
            yield (
                f"V={V} H={H}",
                G if T < 1 else P,
                T,
                lambda rng, V=V, H=H: BipartiteIsing(rng.standard_normal((V, H)) / (V * H) ** 0.25),
            )


@family(FAMILIES)
def regularized_axons() -> Any:
    """Few patterns: b = 1; many: the glass line of theory."""
    for V, H, K in ((100, 100, 2), (150, 250, 4), (150, 150, 75), (100, 200, 80)):
        line = 1.0 if K < 10 else 1 / float(theory.bipartite.glass_line(K / V, K / H))
        for x in (0.35, 0.6, 1.5, 2.0):
            yield (
                f"V={V} H={H} K={K}",
                (O if K < 10 else G) if x < 1 else P,
                x * line,
                lambda rng, V=V, H=H, K=K: sl.ensembles.ra_rbm(V, H, K, rng=rng).scaled(
                    float(theory.coordinates.ra_rbm_std(V, H, K, 1.0))
                ),
            )


@family(FAMILIES)
def trained_on_bars() -> Any:
    """Within a nat of their data's law: order; with a spectrum below 1: paramagnet (trained_machines.py)."""
    for V, H in ((9, 20), (16, 16), (16, 40), (25, 10)):
        yield (
            f"V={V} H={H}",
            O,
            1.0,
            lambda rng, V=V, H=H: BipartiteIsing(trained_machines.learned("bars", V, H, "exact", rng)),
        )

        def hot(rng: np.random.Generator, V: int = V, H: int = H) -> Any:
            W = trained_machines.learned("bars", V, H, "exact", rng)
            return BipartiteIsing(W * 0.45 / np.linalg.norm(W, 2))

        yield f"hot V={V} H={H}", P, 1.0, hot


@family(FAMILIES)
def hardly_trained_machines() -> Any:
    """x = s (VH)^(1/4) of 2 to 4, moved by less than a tenth of the edge: glasses."""
    for V, H, x in ((36, 72, 2.0), (36, 72, 3.0), (49, 100, 2.0), (49, 100, 4.0), (64, 64, 2.5)):
        yield (
            f"V={V} H={H} x={x}",
            G,
            1.0,
            lambda rng, V=V, H=H, x=x: BipartiteIsing(trained_machines.hardly_trained(V, H, x, "cd", rng)),
        )


# --- held back ------------------------------------------------------------------------------------


@family(HELD_BACK)
def diluted_hopfield() -> Any:
    """Half of the couplings kept, K = 4: order below T = 1 (H. Sompolinsky 1986)."""
    for N, T in itertools.product((200, 400), (0.3, 0.6, 1.6, 2.2)):

        def make(rng: np.random.Generator, N: int = N) -> Any:
            keep = symmetric((rng.random((N, N)) < 0.5).astype(float))
            return DenseIsing(sl.ensembles.hopfield(N, 4, rng=rng).couplings() * keep * 2)

        yield f"N={N}", O if T < 1 else P, T, make


@family(HELD_BACK)
def scale_free_signs() -> Any:
    """Preferential attachment, three bonds each, random signs: c_2 tanh^2 = 1 with <k^2> growing; far on
    both sides
    of the finite graph's line <k(k-1)>/<k> tanh^2(1/T) = 1.
    """
    import networkx as nx

    for N, T in itertools.product((200, 400), (1.0, 1.6, 7.0, 9.0)):
        yield (
            f"N={N}",
            G if T < 2 else P,
            T,
            lambda rng, N=N: graph_model(
                nx.barabasi_albert_graph(N, 3, seed=int(rng.integers(2**31))), signs(rng)
            ),
        )


@family(HELD_BACK)
def hypercube_cell() -> Any:
    """Random signs on the corners of a hypercube of d = 8: (d - 1) tanh^2(1/T_c) = 1 to order 1/d^2 (G.
    Parisi, F.
    Ritort, F. Slanina 1993).
    """
    for T in (1.0, 1.6, 3.8, 5.0):
        for n in (0, 1):
            yield f"N=256 {n}", G if T < 2.4 else P, T, lambda rng: hypercube(8, rng)


def hypercube(d: int, rng: np.random.Generator) -> SparseIsing:
    """Random signs between corners that differ in one coordinate."""
    site = np.arange(2**d)
    i = np.concatenate([site[(site >> k) & 1 == 0] for k in range(d)])
    j = np.concatenate([site[(site >> k) & 1 == 0] | 1 << k for k in range(d)])
    return edges_model(i, j, signs(rng)(len(i)), 2**d)


@family(HELD_BACK)
def bcc_few_negative() -> Any:
    """Body-centred cubic, p = .06: order below T of about 5 (ferromagnet: 6.355), Bethe bound 7(1 - 2p)."""
    for L, T in itertools.product((4, 5), (1.5, 3.0, 8.0, 11.0)):

        def make(rng: np.random.Generator, L: int = L) -> Any:
            corner = np.arange(L**3).reshape(L, L, L)
            i = np.tile(corner.ravel(), 8)
            j = np.concatenate(
                [np.roll(corner, s, (0, 1, 2)).ravel() for s in itertools.product((0, 1), repeat=3)]
            )
            return gauged(edges_model(i, j + L**3, signs(rng, 0.06)(8 * L**3), 2 * L**3), rng)

        yield f"L={L}", O if T < 4 else P, T, make


@family(HELD_BACK)
def sk_antiferromagnetic_mean() -> Any:
    """SK with J0 = -2: the mean only forbids a magnetisation; T_c = 1."""
    for N, T in itertools.product((128, 256), (0.4, 0.65, 1.5, 2.0)):
        yield f"N={N}", G if T < 1 else P, T, lambda rng, N=N: DenseIsing(sk(N, rng, -2.0))


@family(HELD_BACK)
def sherrington_kirkpatrick_three_values() -> Any:
    """Sparse symmetric couplings 0, +-1 of every second to tenth pair: T_c = 1 in units of their variance."""
    for N, share in ((150, 0.5), (300, 0.1)):
        for T in (0.4, 0.65, 1.5, 2.0):

            def make(rng: np.random.Generator, N: int = N, share: float = share) -> Any:
                J = rng.choice([-1.0, 1.0], (N, N)) * (rng.random((N, N)) < share)
                return DenseIsing(symmetric(J) / math.sqrt(N * share))

            yield f"N={N} {share}", G if T < 1 else P, T, make


@family(HELD_BACK)
def honeycomb_ferromagnet() -> Any:
    """T_c = 2/ln(2 + sqrt 3) = 1.519."""
    for L, x in itertools.product((8, 12), (0.5, 0.7, 1.45, 2.0)):

        def make(rng: np.random.Generator, L: int = L) -> Any:
            cell = np.arange(L * L).reshape(L, L)
            j = [cell, np.roll(cell, 1, 0), np.roll(cell, 1, 1)]
            i = np.tile(cell.ravel(), 3)
            return gauged(
                edges_model(i, np.concatenate([a.ravel() for a in j]) + L * L, np.ones(3 * L * L), 2 * L * L),
                rng,
            )

        yield f"L={L}", O if x < 1 else P, x * 1.519, make


@family(HELD_BACK)
def planted_in_sparse_glass() -> Any:
    """Random regular graph of degree 5, bonds satisfied by a planted state with probability .85: order below
    4 (.7) tanh(1/T) = 1.
    """
    T_c = 1 / math.atanh(1 / 2.8)
    for N, x in itertools.product((200, 400), (0.4, 0.65, 1.5, 2.0)):
        yield (
            f"N={N}",
            O if x < 1 else P,
            x * T_c,
            lambda rng, N=N: gauged(regular(N, 5, signs(rng, 0.15), rng), rng),
        )
