"""A sixth list of unseen families.

Written down with its truths, and committed, before any of it was diagnosed; to be run once
(``validate_families.py run --set sixth``), in an order fixed by ``run``, so that a part is a sample of all.
Truths are the same at 0.75 and 1.33 of the temperature.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from phase_families import Case, G, O, P, edges_model, family, gauged, lattice, patterns, regular, signs, sk
from second_unseen import crystal
from unseen_families import crossing, normal_mean

from spinlab.models import DenseIsing, SparseIsing

SIXTH: dict[str, Callable[[], Iterator[Case]]] = {}


def cases() -> list[Case]:
    """All of them, those of a family together."""
    return [case for make in SIXTH.values() for case in make()]


# --- lattices --------------------------------------------------------------------------------------

_RUBY = [(k, (k + 1) % 6, (0, 0)) for k in range(6)]
_RUBY += [(k, k + 2, d) for k, d in enumerate(((1, 0), (0, 1), (-1, 1)))]
_RUBY += [((k - 1) % 6, k + 3, d) for k, d in enumerate(((1, 0), (0, 1), (-1, 1)))]


@family(SIXTH)
def ruby_ferromagnet() -> Any:
    """3.4.6.4: 2.1433 (A. Codello, J. Phys. A 43, 385002 (2010))."""
    for T, truth in ((1.5, O), (3.1, P)):
        yield "L=6", truth, T, lambda rng: gauged(crystal((6, 6), 6, _RUBY, np.ones), rng)


def open_lattice(shape: tuple[int, ...]) -> SparseIsing:
    """A ferromagnet with free edges."""
    site = np.arange(math.prod(shape)).reshape(shape)
    pairs = [
        np.stack([np.take(site, range(n - 1), axis).ravel(), np.take(site, range(1, n), axis).ravel()])
        for axis, n in enumerate(shape)
    ]
    i, j = np.concatenate(pairs, 1)
    return edges_model(i, j, np.ones(len(i)), site.size)


@family(SIXTH)
def free_edges() -> Any:
    """Square 2.269 and cubic 4.51 without periodic bonds."""
    for T, truth in ((1.4, O), (3.4, P)):
        yield "square", truth, T, lambda rng: gauged(open_lattice((14, 14)), rng)
    for T, truth in ((2.6, O), (6.8, P)):
        yield "cubic", truth, T, lambda rng: gauged(open_lattice((6, 6, 6)), rng)


@family(SIXTH)
def unequal_cubic_bonds() -> Any:
    """Cubic ferromagnet, .3 along one axis: T_c between 2.27 and 4.51 (R. B. Griffiths 1967)."""
    bonds = [(0, 0, (1, 0, 0)), (0, 0, (0, 1, 0)), (0, 0, (0, 0, 1))]
    J = np.repeat([1.0, 1.0, 0.3], 216)
    for T, truth in ((1.6, O), (6.2, P)):
        yield "6^3", truth, T, lambda rng: gauged(crystal((6, 6, 6), 1, bonds, lambda n: J), rng)


@family(SIXTH)
def second_neighbours_along_one_axis() -> Any:
    """Square ferromagnet with -.2 to second neighbours along one axis (ANNNI): order below about 1.8."""
    bonds = [(0, 0, (1, 0)), (0, 0, (0, 1)), (0, 0, (2, 0))]
    J = np.repeat([1.0, 1.0, -0.2], 196)
    for T, truth in ((1.1, O), (3.0, P)):
        yield "L=14", truth, T, lambda rng: gauged(crystal((14, 14), 1, bonds, lambda n: J), rng)


@family(SIXTH)
def one_bond_in_five_negative_on_squares() -> Any:
    """Beyond .109 no order, and no glass at T > 0 in a plane."""
    for T in (1.0, 1.7):
        yield "L=12", P, T, lambda rng: lattice((12, 12), signs(rng, 0.2))


@family(SIXTH)
def bars_of_edwards_anderson() -> Any:
    """3 by 3 by 28 sites: one dimension, no phase at T > 0."""
    for T in (1.3, 2.2):
        yield "3x3x28", P, T, lambda rng: lattice((3, 3, 28), signs(rng))


@family(SIXTH)
def frustrated_chains() -> Any:
    """Antiferromagnetic sawtooth (at T = 0 correlations fall as (-1/3)^n) and chain of diamonds."""
    saw = [(0, 0, (1,)), (0, 1, (0,)), (1, 0, (1,))]
    diamonds = [(0, 1, (0,)), (0, 2, (0,)), (1, 2, (0,)), (1, 0, (1,)), (2, 0, (1,))]
    for name, basis, bonds, n in (("sawtooth", 2, saw, 100), ("diamonds", 3, diamonds, 60)):
        for T in (0.5, 1.5):
            yield (
                name, P, T,
                lambda rng, a=(basis, bonds), n=n: gauged(crystal((n,), *a, lambda k: -np.ones(k)), rng),
            )  # fmt: skip


@family(SIXTH)
def edwards_anderson_in_a_field() -> Any:
    """Square lattice, signs, h = .5: paramagnets in a field."""
    for T in (0.9, 1.6):
        yield "L=12", P, T, lambda rng: lattice((12, 12), signs(rng), b=np.full(144, 0.5))


# --- graphs ----------------------------------------------------------------------------------------


@family(SIXTH)
def random_geometric_graphs() -> Any:
    """Ferromagnet on a torus, mean degree 16. At T = 3 clusters of independent bonds of tanh-like weight
    p/(2 - p), p = 1 - exp(-2/T), mean degree 5.2 of these, percolate (4.51); above 22 the mean field is weak.
    """

    def make(rng: np.random.Generator, N: int = 250) -> SparseIsing:
        x = rng.random((N, 2))
        d = np.abs(x[:, None] - x)
        d = np.minimum(d, 1 - d)
        i, j = np.nonzero(np.triu((d**2).sum(2) < 16 / (N * math.pi), 1))
        return gauged(edges_model(i, j, np.ones(len(i)), N), rng)

    for T, truth in ((3.0, O), (24.0, P)):
        yield "N=250", truth, T, make


@family(SIXTH)
def preferential_attachment() -> Any:
    """Ferromagnets with two bonds per new site order at all T as N grows (A. Aleksiejuk et al. 2002)."""
    import networkx as nx

    def make(rng: np.random.Generator) -> SparseIsing:
        i, j = np.array(nx.barabasi_albert_graph(300, 2, seed=int(rng.integers(2**31))).edges).T
        return gauged(edges_model(i, j, np.ones(len(i)), 300), rng)

    for T in (1.0, 1.8):
        yield "N=300", O, T, make


@family(SIXTH)
def uniform_couplings_on_regular_graphs() -> Any:
    """J uniform in (-1, 1), degree 5: 4 <tanh^2(J/T)> = 1."""
    J = (np.arange(1000) + 0.5) / 1000
    T_c = crossing(lambda T: 4 * float((np.tanh(J / T) ** 2).mean()))
    for x in (0.55, 0.7, 1.4, 1.8):
        yield (
            "N=240", G if x < 1 else P, x * T_c,
            lambda rng: regular(240, 5, lambda n: rng.uniform(-1, 1, n), rng),
        )  # fmt: skip


@family(SIXTH)
def not_all_equal() -> Any:
    """Three clauses of three random literals per variable, one of which must differ: correlations within
    a clause are c = (1 - x)/(3 + x), x = exp(-4/T), and 18 c^2 = 1 at T = 2.78.
    """

    def make(rng: np.random.Generator, N: int = 200) -> SparseIsing:
        J = np.zeros((N, N))
        for _ in range(3 * N):
            sites = np.sort(rng.choice(N, 3, replace=False))
            s = rng.choice([-1.0, 1.0], 3)
            for a, b in itertools.combinations(range(3), 2):
                J[sites[a], sites[b]] -= s[a] * s[b]
        i, j = np.nonzero(J)
        return edges_model(i, j, J[i, j], N)

    for T, truth in ((1.5, G), (1.9, G), (4.0, P), (5.0, P)):
        yield "N=200", truth, T, make


@family(SIXTH)
def regular_glass_in_a_field_above_its_line() -> Any:
    """Signs, degree 4, h = .4, above T_c = 1.52 without the field: paramagnets in a field."""
    for T in (2.2, 3.0):

        def make(rng: np.random.Generator) -> SparseIsing:
            model = regular(200, 4, signs(rng), rng)
            return edges_model(*model.edges(), 200, np.full(200, 0.4))

        yield "N=200", P, T, make


# --- mean field ------------------------------------------------------------------------------------


@family(SIXTH)
def chain_and_mean_field() -> Any:
    """1/(2N) between all and 1/2 along a ring: exp(1/T)/(2T) = 1 (J. F. Nagle 1970)."""
    T_c = crossing(lambda T: math.exp(1 / T) / (2 * T), low=0.2)

    def make(rng: np.random.Generator, N: int = 250) -> DenseIsing:
        J = np.full((N, N), 0.5 / N)
        k = np.arange(N)
        J[k, (k + 1) % N] += 0.5
        J[(k + 1) % N, k] += 0.5
        np.fill_diagonal(J, 0)
        s = rng.choice([-1.0, 1.0], N)
        return DenseIsing(J * s[:, None] * s)

    for x in (0.6, 0.72, 1.5):
        yield "N=250", O if x < 1 else P, x * T_c, make


@family(SIXTH)
def strengths_of_sites() -> Any:
    """J = a_i a_j/N, a = exp(.8 z), z the quantiles of a normal law: T_c = <a^2>."""
    from scipy.special import ndtri

    a = np.exp(0.8 * ndtri((np.arange(250) + 0.5) / 250))
    for x in (0.5, 0.7, 1.6):
        yield (
            "N=250", O if x < 1 else P, x * float((a**2).mean()),
            lambda rng: patterns((a * rng.choice([-1.0, 1.0], 250))[None]),
        )  # fmt: skip


@family(SIXTH)
def sparse_spike_in_sk() -> Any:
    """SK + 2.5 v v^T/N, v in {0, +-1/sqrt(.3)}: T_c = 2.5."""

    def make(rng: np.random.Generator, N: int = 250) -> DenseIsing:
        v = (rng.random(N) < 0.3) * rng.choice([-1.0, 1.0], N) / math.sqrt(0.3)
        J = sk(N, rng) + 2.5 * np.outer(v, v) / N
        np.fill_diagonal(J, 0)
        return DenseIsing(J)

    for T, truth in ((1.3, O), (1.75, O), (3.8, P)):
        yield "N=250", truth, T, make


@family(SIXTH)
def patterns_in_sequence() -> Any:
    """J = sum_k xi_k (xi_k + .4 xi_{k-1} + .4 xi_{k+1})^T/N, five patterns on a ring: T_c = 1.8."""
    A = np.eye(5) + 0.4 * (np.roll(np.eye(5), 1, 0) + np.roll(np.eye(5), -1, 0))

    def make(rng: np.random.Generator) -> DenseIsing:
        return patterns(np.linalg.cholesky(A).T @ rng.choice([-1.0, 1.0], (5, 250)))

    for x in (0.5, 0.7, 1.5):
        yield "N=250", O if x < 1 else P, 1.8 * x, make


@family(SIXTH)
def hadamard_matrix() -> Any:
    """Sylvester's matrix over sqrt(N), N = 256: eigenvalues +-1. Above .3 even a state of energy -N/2 weighs
    less than the paramagnet (as for the random orthogonal model, E. Marinari, G. Parisi, F. Ritort 1994).
    """
    H = np.ones((1, 1))
    while len(H) < 256:
        H = np.kron(H, [[1.0, 1.0], [1.0, -1.0]])
    J = H / 16
    np.fill_diagonal(J, 0)
    for T in (0.45, 0.75):

        def make(rng: np.random.Generator) -> DenseIsing:
            s = rng.choice([-1.0, 1.0], 256)
            return DenseIsing(J * s[:, None] * s)

        yield "N=256", P, T, make


@family(SIXTH)
def sk_of_two_kinds_of_sites() -> Any:
    """SK whose couplings have variances a_i + a_j over N, a in {1/4, 3/4}: T_c^2 is the largest
    of the eigenvalues of the mean over groups, (1 + sqrt(5)/2)/2.
    """
    T_c = math.sqrt((1 + math.sqrt(1.25)) / 2)

    def make(rng: np.random.Generator, N: int = 250) -> DenseIsing:
        a = np.repeat([0.25, 0.75], N // 2)
        return DenseIsing(sk(N, rng) * np.sqrt(a[:, None] + a))

    for x in (0.5, 0.7, 1.5, 2.0):
        yield "N=250", G if x < 1 else P, x * T_c, make


@family(SIXTH)
def laplace_couplings() -> Any:
    """Regular graphs of degree 6, J normal times a normal: 5 <tanh^2(J/T)> = 1."""
    from numpy.polynomial.hermite_e import hermegauss

    z, w = hermegauss(60)
    T_c = crossing(
        lambda T: (
            5
            * float(w @ np.array([normal_mean(lambda y, x=x: np.tanh(x * y / T) ** 2) for x in z]) / w.sum())
        )
    )
    for x in (0.6, 1.5):
        yield (
            "N=240", G if x < 1 else P, x * T_c,
            lambda rng: regular(240, 6, lambda n: rng.standard_normal(n) * rng.standard_normal(n), rng),
        )  # fmt: skip
