"""A third, shorter list of unseen families, for the rules that the second one taught.

Written down together with its truths before any family of the second list had a result; to be run once after
the rules that follow from that list stand (``validate_families.py run --set third``). Truths are the same at
0.75 and 1.33 of the temperature.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from phase_families import Case, G, O, P, edges_model, family, gauged, lattice, regular, signs, sk, symmetric
from second_unseen import FAR, crystal
from unseen_families import crossing

from spinlab.models import BipartiteIsing, DenseIsing, SparseIsing

THIRD: dict[str, Callable[[], Iterator[Case]]] = {}
GLASSY = (0.45, 0.7, 1.4, 1.9)  # of T_c


def cases() -> list[Case]:
    """All of them, those of a family together."""
    return [case for make in THIRD.values() for case in make()]


@family(THIRD)
def sierpinski_gaskets() -> Any:
    """Three corners hold every part to the rest: no order at T > 0 (Y. Gefen, B. B. Mandelbrot, A. Aharony,
    Phys. Rev. Lett. 45, 855 (1980)), correlations of the ferromagnet short at T = 3 and 4; random signs
    alike.
    """

    def make(rng: np.random.Generator, negative: float) -> SparseIsing:
        edges = {((0, 0), (1, 0)), ((0, 0), (0, 1)), ((1, 0), (0, 1))}
        for g in range(5):
            size = 2**g
            moves = ((size, 0), (0, size))
            edges |= {tuple((x + dx, y + dy) for x, y in edge) for dx, dy in moves for edge in edges}
        number = {p: k for k, p in enumerate(sorted({p for edge in edges for p in edge}))}
        i, j = np.array([[number[p] for p in edge] for edge in sorted(edges)]).T
        return gauged(edges_model(i, j, signs(rng, negative)(len(i)), len(number)), rng)

    for T in (3.0, 4.0):
        yield "ferromagnet", P, T, lambda rng: make(rng, 0.0)
    for T in (0.5, 1.0):
        yield "signs", P, T, lambda rng: make(rng, 0.5)


@family(THIRD)
def modular_SK() -> Any:
    """Four groups, variances 2.2/N within and .6/N across: T_c^2 = (2.2 + 3 (.6))/4 = 1."""
    for N, x in itertools.product((160, 320), GLASSY):

        def make(rng: np.random.Generator, N: int = N) -> DenseIsing:
            scale = np.sqrt(0.6 + 1.6 * np.kron(np.eye(4), np.ones((N // 4, N // 4))))
            return DenseIsing(sk(N, rng) * scale)

        yield f"N={N}", G if x < 1 else P, x, make


@family(THIRD)
def checkerboard_antiferromagnet() -> Any:
    """Square lattice with both diagonals of every second cell: ice, nothing orders (E. H. Lieb 1967)."""
    for L, T in itertools.product((4, 6), (0.6, 1.2, 2.5)):
        bonds = [(0, 1, (0, 0)), (1, 0, (1, 0)), (1, 0, (0, 1)), (1, 0, (1, 1))]
        bonds += [(0, 0, (1, 0)), (1, 1, (0, 1))]
        yield (
            f"L={L}", P, T,
            lambda rng, L=L, bonds=bonds: gauged(crystal((2 * L, 2 * L), 2, bonds, signs(rng, 1.0)), rng),
        )  # fmt: skip


@family(THIRD)
def unequal_square_bonds() -> Any:
    """Square lattice with couplings 1 and .3: sinh(2/T) sinh(.6/T) = 1 (L. Onsager 1944)."""
    T_c = crossing(lambda T: math.sinh(2 / T) * math.sinh(0.6 / T), 0.2, 20.0)

    def make(rng: np.random.Generator) -> SparseIsing:
        bonds = [(0, 0, (0, 1)), (0, 0, (1, 0))]
        return gauged(crystal((16, 16), 1, bonds, lambda n: np.repeat([1.0, 0.3], n // 2)), rng)

    for x in FAR:
        yield "L=16", O if x < 1 else P, x * T_c, make


@family(THIRD)
def cubic_with_normal_couplings_of_mean_one() -> Any:
    """Mean 1, standard deviation .4: order (the glass needs more than about 2, C. Ceccarelli, A. Pelissetto,
    E. Vicari 2011) below a T_c between 3.8 and 4.51.
    """
    for L, T in itertools.product((6, 7), (1.5, 2.7, 6.3, 8.5)):

        def make(rng: np.random.Generator, L: int = L) -> SparseIsing:
            return gauged(lattice((L,) * 3, lambda n: rng.normal(1.0, 0.4, n)), rng)

        yield f"L={L}", O if T < 3 else P, T, make


@family(THIRD)
def heavy_tails_on_regular_graphs() -> Any:
    """Couplings of Student's law of three degrees of freedom, graphs of degree 5: 4 <tanh^2(J/T)> = 1."""
    sample = np.random.default_rng(0).standard_t(3, 200_000)
    T_c = crossing(lambda T: 4 * float((np.tanh(sample / T) ** 2).mean()))
    for N, x in itertools.product((200, 400), GLASSY):
        yield (
            f"N={N}", G if x < 1 else P, x * T_c,
            lambda rng, N=N: regular(N, 5, lambda n: rng.standard_t(3, n), rng),
        )  # fmt: skip


@family(THIRD)
def sparse_machines() -> Any:
    """Weights +-1, five at each unit of either layer: 4 tanh^2(1/T) = 1; one in twenty negative: order below
    4 (.9) tanh(1/T) = 1.
    """

    def make(rng: np.random.Generator, negative: float, n: int = 120) -> BipartiteIsing:
        W = np.zeros((n, n))
        while (W.sum(0) != 5).any() or (W.sum(1) != 5).any():  # five disjoint matchings
            W = np.zeros((n, n))
            for _ in range(5):
                free = rng.permutation(n)
                for _ in range(1000):
                    taken = np.flatnonzero(W[np.arange(n), free])
                    if not len(taken):
                        break
                    other = rng.integers(n, size=len(taken))
                    for a, b in zip(taken, other, strict=True):
                        free[a], free[b] = free[b], free[a]
                W[np.arange(n), free] += 1
        s, t = rng.choice([-1.0, 1.0], n), rng.choice([-1.0, 1.0], n)
        return BipartiteIsing(W * signs(rng, negative)(n * n).reshape(n, n) * s[:, None] * t)

    for (p, T_c, below), x in itertools.product(
        ((0.5, 1 / math.atanh(0.5), G), (0.05, 1 / math.atanh(1 / 3.6), O)), GLASSY
    ):
        yield f"p={p}", below if x < 1 else P, x * T_c, lambda rng, p=p: make(rng, p)


@family(THIRD)
def random_fields_on_regular_graphs() -> Any:
    """Ferromagnet of degree 4 in fields of +-.5 at random: order below a T_c within a tenth of 2.89, that of
    no field (R. Bruinsma, Phys. Rev. B 30, 289 (1984)).
    """
    for N, x in itertools.product((200, 400), FAR):

        def make(rng: np.random.Generator, N: int = N) -> SparseIsing:
            i, j, J = regular(N, 4, np.ones, rng).edges()
            return gauged(edges_model(i, j, J, N, rng.choice([-0.5, 0.5], N)), rng)

        yield f"N={N}", O if x < 1 else P, x * 2.89, make


@family(THIRD)
def cubic_decay_in_the_plane() -> Any:
    """1/r^3 on a periodic square lattice: T_c above that of its nearest neighbours, 2.27 (R. B. Griffiths
    1967), below the mean field, 9.03.
    """
    for T, truth in ((0.9, O), (1.6, O), (12.5, P), (17.0, P)):

        def make(rng: np.random.Generator, L: int = 14) -> DenseIsing:
            x = np.arange(L * L)
            d = [np.abs(np.subtract.outer(c, c)) for c in (x // L, x % L)]
            r2 = sum(np.minimum(a, L - a) ** 2 for a in d)
            s = rng.choice([-1.0, 1.0], L * L)
            return DenseIsing(symmetric(np.maximum(r2, 1.0) ** -1.5) * s[:, None] * s)

        yield "L=14", truth, T, make
