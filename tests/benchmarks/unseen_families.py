"""Families of models that no rule, weight or default of ``spinlab.diagnose`` was made with sight of.

Written down, with their truth, before any of them was diagnosed; to be run once per release of the rules
and reported whatever comes (``validate_families.py run --set unseen``). Truths come from a published
line, an exact formula or a theorem, named beside each family, and are the same at 0.75 and 1.33 of the
temperature.
"""

from __future__ import annotations

import functools
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
    lattice,
    patterns,
    regular,
    signs,
    sk,
    symmetric,
)

from spinlab.models import DenseIsing, SparseIsing

UNSEEN: dict[str, Callable[[], Iterator[Case]]] = {}


def cases() -> list[Case]:
    """All of them, those of a family together."""
    return [case for make in UNSEEN.values() for case in make()]


def crossing(f: Callable[[float], float], low: float = 0.05, high: float = 50.0) -> float:
    """T at which f(T), which falls with T, is one."""
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if f(middle) > 1 else (low, middle)
    return low


def normal_mean(f: Callable[[np.ndarray], np.ndarray]) -> float:
    """Mean of f(z), z standard normal."""
    z, w = _nodes()
    return float(w @ f(z) / w.sum())


@functools.cache
def _nodes() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.hermite_e.hermegauss(80)


# --- glasses among them ---------------------------------------------------------------------------


@family(UNSEEN)
def bethe_degree_three() -> Any:
    """Random regular graphs of degree 3: 2 <tanh^2(J/T)> = 1 for signs and normal couplings (D. J. Thouless
    1986), 2 (1 - 2p) tanh(1/T) = 1 for few negative bonds (p = .04; at T = 0 order ends at p = 1/12, T.
    Castellani et al., Phys. Rev. B 71, 214424 (2005)).
    """
    laws = {
        "signs": (G, 1 / math.atanh(0.5**0.5), lambda rng: signs(rng)),
        "normal": (
            G,
            crossing(lambda T: 2 * normal_mean(lambda z: np.tanh(z / T) ** 2)),
            lambda rng: rng.standard_normal,
        ),
        "few negative": (O, 1 / math.atanh(1 / (2 * 0.92)), lambda rng: signs(rng, 0.04)),
    }
    for (name, (below, T_c, law)), N in itertools.product(laws.items(), (200, 400)):
        for x in (0.45, 0.7, 1.4, 1.9):

            def make(rng: np.random.Generator, N: int = N, law: Any = law) -> Any:
                return gauged(regular(N, 3, law(rng), rng), rng)

            yield f"{name} N={N}", below if x < 1 else P, x * T_c, make


@family(UNSEEN)
def long_range_chains() -> Any:
    """Normal J_ij / r^sigma beyond mean field, variance normalised: T_c = .69 at sigma = .75, .49 at .85 (H.
    G. Katzgraber, A. P. Young, Phys. Rev. B 72, 184416 (2005)); none above sigma = 1 (G. Kotliar, P. W.
    Anderson, D. L. Stein 1983).
    """
    for sigma, T_c in ((0.75, 0.69), (0.85, 0.49)):
        for N, x in itertools.product((128, 256), (0.45, 0.7, 1.9, 2.6)):
            yield (
                f"sigma={sigma} N={N}",
                G if x < 1 else P,
                x * T_c,
                lambda rng, N=N, s=sigma: _chain(N, s, rng),
            )
    for N, T in itertools.product((128, 256), (0.4, 0.8)):
        yield f"sigma=2 N={N}", P, T, lambda rng, N=N: _chain(N, 2.0, rng)


def _chain(N: int, sigma: float, rng: np.random.Generator) -> DenseIsing:
    i = np.arange(N)
    r = N / np.pi * np.sin(np.pi * np.abs(i[:, None] - i) / N)
    decay = np.where(r > 0, np.maximum(r, 1e-9) ** -sigma, 0.0)
    return DenseIsing(symmetric(rng.standard_normal((N, N)) * decay / math.sqrt((decay[0] ** 2).sum())))


@family(UNSEEN)
def hopfield_on_sparse_graphs() -> Any:
    """J_ij = xi_i.xi_j / c on a random graph of mean degree c = 8. Order where c <tanh(J/T) xi_i xi_j> = 1,
    glass where c <tanh^2(J/T)> = 1 (B. Wemmenhove, A. C. C. Coolen, J. Phys. A 36, 9617 (2003)): 3
    patterns order, 24 do not.
    """
    c = 8
    order = crossing(lambda T: c / 4 * (math.tanh(3 / (c * T)) + math.tanh(1 / (c * T))))
    binomial = [math.comb(24, k) / 2**24 for k in range(25)]
    glass = crossing(
        lambda T: c * sum(w * math.tanh((2 * k - 24) / (c * T)) ** 2 for k, w in enumerate(binomial))
    )
    for K, T_c, below in ((3, order, O), (24, glass, G)):
        for N, x in itertools.product((200, 400), (0.45, 0.7, 1.4, 1.9)):

            def make(rng: np.random.Generator, N: int = N, K: int = K) -> Any:
                xi = rng.choice([-1.0, 1.0], (N, K))
                i, j = np.triu_indices(N, 1)
                kept = rng.permutation(len(i))[: N * c // 2]
                i, j = i[kept], j[kept]
                J = (xi[i] * xi[j]).sum(1) / c
                return edges_model(i[J != 0], j[J != 0], J[J != 0], N)

            yield f"K={K} N={N}", below if x < 1 else P, x * T_c, make


@family(UNSEEN)
def edwards_anderson_5D() -> Any:
    """T_c = 2.57 for signs (L. Klein et al., Phys. Rev. B 43, 11249 (1991))."""
    for n, T in itertools.product((0, 1), (1.1, 1.7, 3.8, 5.0)):
        yield f"L=3 {n}", G if T < 2.5 else P, T, lambda rng: lattice((3,) * 5, signs(rng))


@family(UNSEEN)
def two_species_of_SK() -> Any:
    """Variances that depend on the halves of both sites: T_c^2 is the largest eigenvalue of the halves'
    variances (A. Barra et al., Ann. Henri Poincare 16, 691 (2015)).
    """
    for name, v in (("across", ((0.4, 1.6), (1.6, 0.4))), ("unequal", ((3.0, 0.5), (0.5, 0.2)))):
        T_c = math.sqrt(np.linalg.eigvalsh(np.array(v) / 2)[-1])
        for N, x in itertools.product((150, 300), (0.45, 0.7, 1.4, 1.9)):

            def make(rng: np.random.Generator, N: int = N, v: Any = v) -> Any:
                return DenseIsing(sk(N, rng) * np.kron(np.sqrt(v), np.ones((N // 2, N // 2))))

            yield f"{name} N={N}", G if x < 1 else P, x * T_c, make


# --- order among them -----------------------------------------------------------------------------


@family(UNSEEN)
def random_bond_honeycomb() -> Any:
    """One bond in fifty negative: order (the Nishimori point is at p = .067, S. L. A. de Queiroz, Phys. Rev.
    B 73, 064410 (2006)) below a T_c between 1.25 and that of p = 0, 1.519. Signs at random: a paramagnet
    at T > 0.
    """
    for L, (p, T) in itertools.product(
        (8, 12), ((0.02, 0.5), (0.02, 0.85), (0.02, 2.3), (0.02, 3.0), (0.5, 0.6), (0.5, 1.2))
    ):

        def make(rng: np.random.Generator, L: int = L, p: float = p) -> Any:
            cell = np.arange(L * L).reshape(L, L)
            j = [cell, np.roll(cell, 1, 0), np.roll(cell, 1, 1)]
            J = signs(rng, p)(3 * L * L)
            return gauged(
                edges_model(np.tile(cell.ravel(), 3), np.stack(j).ravel() + L * L, J, 2 * L * L), rng
            )

        yield f"L={L} p={p}", O if p < 0.1 and T < 1 else P, T, make


@family(UNSEEN)
def three_opposed_groups() -> Any:
    """Curie-Weiss in three groups, a/N within and -c/N across, and normal couplings of size .25/sqrt(N) over
    all: with a = 1.5, c = .9 order below T_c = (a + c)/3 = .8, as |tanh x| <= |x| without the noise, and
    as for one mean, T = J0, with it (D. Sherrington, S. Kirkpatrick 1975).
    """
    for N, T in itertools.product((150, 300), (0.25, 0.5, 1.2, 1.7)):

        def make(rng: np.random.Generator, N: int = N) -> Any:
            means = np.kron(2.4 * np.eye(3) - 0.9, np.ones((N // 3, N // 3))) / N
            s = rng.choice([-1.0, 1.0], N)
            return DenseIsing((symmetric(means) + 0.25 * sk(N, rng)) * s[:, None] * s)

        yield f"N={N}", O if T < 0.8 else P, T, make


@family(UNSEEN)
def correlated_patterns() -> Any:
    """Hopfield patterns that arise from each other by flips of a fifth of the spins: overlaps .6^|k - l|.
    Finitely many: order below T_c = the largest eigenvalue of the overlaps (2.39 for four, 3.15 for
    eight), none above.
    """
    for N, K in ((200, 4), (400, 8)):
        T_c = float(np.linalg.eigvalsh(0.6 ** np.abs(np.subtract.outer(np.arange(K), np.arange(K))))[-1])
        for x in (0.3, 0.65, 1.5, 2.0):

            def make(rng: np.random.Generator, N: int = N, K: int = K) -> Any:
                flips = np.where(rng.random((K, N)) < 0.2, -1.0, 1.0)
                flips[0] = rng.choice([-1.0, 1.0], N)
                return patterns(np.cumprod(flips, 0))

            yield f"N={N} K={K}", O if x < 1 else P, x * T_c, make


@family(UNSEEN)
def random_field_3D() -> Any:
    """Cubic ferromagnet in normal fields of size h: order ends at h = 2.27 at T = 0 (A. A. Middleton, D. S.
    Fisher, Phys. Rev. B 65, 134411 (2002)) and at T = 4.51 at h = 0; at h = 1 T_c is above 3.5 (M. E. J.
    Newman, G. T. Barkema, Phys. Rev. E 53, 393 (1996)).
    """
    for L, (h, T, truth) in itertools.product(
        (6, 7), ((1.0, 1.3, O), (1.0, 2.4, O), (1.0, 7.0, P), (1.0, 9.0, P), (5.0, 1.5, P), (5.0, 3.0, P))
    ):

        def make(rng: np.random.Generator, L: int = L, h: float = h) -> Any:
            return gauged(lattice((L,) * 3, signs(rng, 0.0), h * rng.standard_normal(L**3)), rng)

        yield f"L={L} h={h}", truth, T, make


@family(UNSEEN)
def hierarchical_chain() -> Any:
    """Dyson's model, E = -1/2 sum_l (c/4)^l sum_blocks (sum of 2^l spins)^2, c = 2^(1/3), with one coupling
    in fifty of the other sign. T_c = 1/1.17903 without these (Y. Meurice, J. Phys. A 40, R39 (2007)),
    which lower it by a few percent.
    """
    for N, x in itertools.product((128, 256), (0.4, 0.6, 1.6, 2.2)):

        def make(rng: np.random.Generator, N: int = N) -> Any:
            i = np.arange(N)
            J = np.zeros((N, N))
            for l in range(1, N.bit_length()):
                J += (2 ** (1 / 3) / 4) ** l * ((i[:, None] >> l) == (i >> l))
            s = rng.choice([-1.0, 1.0], N)
            J *= np.where(rng.random((N, N)) < 0.02, -1.0, 1.0)
            return DenseIsing(symmetric(J) * s[:, None] * s)

        yield f"N={N}", O if x < 1 else P, x / 1.17903, make


@family(UNSEEN)
def antiferromagnetic_communities() -> Any:
    """All couplings -1, 0.6 neighbours in the own half and 5.4 in the other: order between the halves where
    (5.4 - .6) tanh(1/T) = 1, long before the glass, 6 tanh^2(1/T) = 1 (A. Decelle et al., Phys. Rev. E
    84, 066106 (2011)).
    """
    T_c = 1 / math.atanh(1 / 4.8)
    for N, x in itertools.product((200, 400), (0.4, 0.65, 1.5, 2.0)):

        def make(rng: np.random.Generator, N: int = N) -> Any:
            i, j = np.triu_indices(N, 1)
            mean_degree = np.where((i < N // 2) == (j < N // 2), 0.6, 5.4)
            kept = rng.random(len(i)) < mean_degree / (N / 2)
            return edges_model(i[kept], j[kept], -np.ones(kept.sum()), N)

        yield f"N={N}", O if x < 1 else P, x * T_c, make


@family(UNSEEN)
def diamond_lattices() -> Any:
    """Hierarchical lattices of two parallel paths of two bonds: exact T_c = 1.641, tanh^2 K = t with 2
    atanh(t) = K (A. N. Berker, S. Ostlund 1979). Signs at random: no glass at T > 0 (B. W. Southern, A.
    P. Young 1977).
    """
    for g, (x, glassy) in itertools.product(
        (4, 5), ((0.5, False), (0.7, False), (1.5, False), (2.0, False), (0.5, True), (0.9, True))
    ):

        def make(rng: np.random.Generator, g: int = g, glassy: bool = glassy) -> Any:
            edges, n = [(0, 1)], 2
            for _ in range(g):
                finer = []
                for a, b in edges:
                    finer += [(a, n), (n, b), (a, n + 1), (n + 1, b)]
                    n += 2
                edges = finer
            i, j = np.array(edges).T
            return gauged(edges_model(i, j, signs(rng, 0.5 if glassy else 0.0)(len(i)), n), rng)

        yield f"g={g}{' signs' if glassy else ''}", P if glassy or x > 1 else O, x * 1.641, make


# --- frustrated, and nothing orders ----------------------------------------------------------------


@family(UNSEEN)
def frustrated_planar() -> Any:
    """Kagome antiferromagnet (K. Kano, S. Naya 1953) and the square lattice with an odd number of negative
    bonds around every plaquette (J. Villain 1977): paramagnets at T > 0.
    """
    for L, T in itertools.product((6, 8), (0.6, 1.2, 2.5)):
        yield f"kagome L={L}", P, T, lambda rng, L=L: gauged(kagome(L), rng)
    for L, T in itertools.product((12, 16), (0.5, 1.0, 2.0)):

        def make(rng: np.random.Generator, L: int = L) -> SparseIsing:
            site = np.arange(L * L).reshape(L, L)
            J = np.ones((2, L, L))
            J[0, :, ::2] = -1  # vertical bonds of every second column
            j = np.concatenate([np.roll(site, -1, 0).ravel(), np.roll(site, -1, 1).ravel()])
            return gauged(edges_model(np.tile(site.ravel(), 2), j, J.ravel(), L * L), rng)

        yield f"odd L={L}", P, T, make


def kagome(L: int) -> SparseIsing:
    """Antiferromagnet of 3 L^2 sites, two triangles at each."""
    cell = np.arange(L * L).reshape(L, L)
    a, b, c = (cell + k * L * L for k in range(3))
    pairs = [(a, b), (b, c), (c, a)]
    pairs += [(np.roll(a, -1, 0), b), (np.roll(b, (1, -1), (0, 1)), c), (np.roll(a, -1, 1), c)]
    i, j = (np.concatenate([p[k].ravel() for p in pairs]) for k in (0, 1))
    return edges_model(i, j, -np.ones(len(i)), 3 * L * L)


@family(UNSEEN)
def pyrochlore_antiferromagnet() -> Any:
    """Corner-sharing tetrahedra: no order at any T (P. W. Anderson 1956; R. Liebmann 1986)."""
    for L, T in itertools.product((2, 3), (0.7, 1.3, 2.5, 4.0)):
        yield f"L={L}", P, T, lambda rng, L=L: gauged(pyrochlore(L), rng)


def pyrochlore(L: int) -> SparseIsing:
    """Antiferromagnet of 4 L^3 sites (cells of the face-centred lattice, primitive vectors)."""
    cell = np.arange(L**3).reshape((L,) * 3)
    site = [cell + k * L**3 for k in range(4)]
    shift = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    pairs = []
    for p, q in itertools.combinations(range(4), 2):
        pairs.append((site[p], site[q]))  # the tetrahedron up
        moved = [np.roll(site[k], shift[k], (0, 1, 2)) for k in (p, q)]
        pairs.append((moved[0], moved[1]))  # and the one down
    i, j = (np.concatenate([x[k].ravel() for x in pairs]) for k in (0, 1))
    return edges_model(i, j, -np.ones(len(i)), 4 * L**3)


@family(UNSEEN)
def cardinality_penalty() -> Any:
    """(sum x - k)^2 of N bits: exactly k of them, and by symmetry none before the others; E depends on the
    sum alone, whose fluctuations are bounded: a paramagnet in a uniform field at any T.
    """
    for N, k, T in itertools.product((60, 200), (1, 0.25), (0.5, 5.0, 40.0)):

        def make(_: np.random.Generator, N: int = N, k: float = k) -> Any:
            m = k if k == 1 else round(k * N)  # E = (1/4) (sum s - (2m - N))^2
            return DenseIsing(symmetric(np.full((N, N), -0.5)), np.full(N, (2 * m - N) / 2.0))

        yield f"N={N} k={k}", P, T, make
