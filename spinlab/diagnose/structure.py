"""What the couplings alone say: where the paramagnet ends, the dimension of the graph, frustration of loops.

Many weak couplings: the spectral stability of :func:`spinlab.observables.stability`. Sparse graphs: the
growth of perturbations along their walks (bethe.py). Very unequal couplings of all pairs (heavy tails): the
first step of that growth. With r_i = sum_j tanh^2(beta J_ij) the mean growth of a variance over a bond that
is not walked back is sum_i (r_i^2 - sum_j t_ij^4) / sum_i r_i, which is (c - 1) tanh^2(beta J) on a tree of
degree c (D. J. Thouless, Phys. Rev. Lett. 56, 1082 (1986)) and beta^2 for the SK model.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import theory
from ..models import BipartiteIsing, DenseIsing, IsingModel, SparseIsing
from ..observables import Spectrum, Stability
from ..observables.stability import isolated_below
from .bethe import bethe_lines

_FEW_BONDS = 5.0  # effective number of couplings per site below which single bonds matter
_MOSTLY_ZERO, _FEW_PER_UNIT = 0.25, 10  # share and number of weights of a machine that is a sparse graph
_SHELL_SITES = 64
_TREE = 0.8  # share of a tree's second neighbours (square lattice 0.67, cubic 0.6)
_AS_AT_RANDOM = 0.95  # share of a random graph's sites in the shell with the median site: thin lattices .9
_UNCUT = 0.55  # share of the sites up to which the size does not yet cut the shells
_FEW_DIRECTIONS = 4
_STANDS_OUT = 2.0
_STRONGEST = 6
_MOST_OF_ALL_PAIRS = 600  # spins up to which the Bethe Hessian of all pairs is diagonalised, thirty times
_LOW_SCALE, _HIGH_SCALE = -150.0, 150.0  # ln of a factor: couplings lie between 1e-60 and 1e60
_LOWER_CRITICAL = 2.5  # of glasses (S. Boettcher, Phys. Rev. Lett. 95, 197205 (2005))
FLAT = 2.25  # as measured; small cubic lattices have 2.3, random triangulations of a torus 2.27 to 2.31
_BALLS, _THIRD = 8, 3.0  # number, and largest share of the sites
_PLANE = 2.0  # N = (2 <r>)^2 on a square torus
# Of the graph of strongest couplings among all: chains with sigma = .85, which have a glass, measure 2.20 to
# 2.23, with sigma = 2, which have none, 1.36 to 1.46.
_FLAT_AMONG_ALL = 1.8


@dataclass(frozen=True)
class Structure:
    """Where the paramagnet ends, from the couplings alone.

    Attributes
    ----------
    method : str
        "spectrum" (many weak couplings) or "bonds" (sparse or heavy-tailed ones).
    log_glass, log_order : float
        ln(T/T_line) of the glass and of order along a few directions; infinite if there is no such line.
    dimension : float or None
        Growth of the neighbourhoods of a sparse graph; None for dense couplings.
    tree_like : bool
        Second neighbours are nearly as many as on a tree, or everybody is a neighbour: mean-field lines hold.
    balanced : bool
        No loop is frustrated: after a gauge transformation all couplings are positive.
    directions : ndarray, shape (N, k), or None
        Of a sparse graph: those that turn unstable before the glass.
    participation : float
        Share of the sites on which the first of them lives; nan if there is none.
    """

    method: str
    log_glass: float
    log_order: float
    dimension: float | None
    tree_like: bool
    balanced: bool
    directions: np.ndarray | None = None
    participation: float = math.nan

    @property
    def log_distance(self) -> float:
        """ln(T/T_line) of the line that comes first when the temperature falls."""
        return min(self.log_glass, self.log_order)


def structure(
    model: IsingModel,
    spectrum: Spectrum,
    stability: Stability,
    negative: np.ndarray,
    *,
    unequal: bool = False,
) -> Structure:
    """Lines and geometry at beta = 1; ``unequal``: sites differ too much for a spectrum to say."""
    balanced = negative.size == 0
    if _at_most_one_loop(model):
        return Structure("bonds", math.inf, math.inf, None, True, balanced)
    if isinstance(model, SparseIsing) or _few_weights(model):
        graph = model.to_sparse()
        bethe = bethe_lines(graph._J, balanced=balanced)
        d, tree_like = _geometry(graph)
        if d is None or d >= FLAT:
            if (extent := _extent(graph)) <= _PLANE and _in_short_loops(graph) > 0.5:
                d = extent
            elif d is not None and d < _LOWER_CRITICAL and not tree_like and _on_a_surface(graph):
                d = 2.0
        tree_like &= d is None or d >= FLAT  # honeycombs have no short loops and are no trees
        return Structure(
            "bonds",
            bethe.log_glass,
            bethe.log_order,
            d,
            tree_like,
            balanced,
            bethe.directions,
            bethe.participation,
        )
    if unequal:
        log_order = bethe_lines(model.to_sparse()._J, balanced=balanced).log_order
        log_glass = math.inf if balanced else _log_scale(lambda c: _growth(_rows(model), c, 2))
        return Structure("bonds", log_glass, log_order, None, True, balanced)
    if _effective_degree(model) < min(_FEW_BONDS, model.n_spins / 6):
        rows = _rows(model)
        log_glass = math.inf if balanced else _log_scale(lambda c: _growth(rows, c, 2))
        directions = None
        if model.n_spins <= _MOST_OF_ALL_PAIRS:
            # Isolated eigenvalues of heavy-tailed matrices are single bonds; the Bethe Hessian knows these.
            bethe = bethe_lines(model.to_sparse()._J, balanced=balanced, log_glass=log_glass)
            log_order, directions = bethe.log_order, bethe.directions
        else:
            log_order = _log_scale(lambda c: _growth(rows, c, 1)) if balanced else math.inf
        d = None if isinstance(model, BipartiteIsing) else _geometry(_strongest(model))[0]
        flat = (
            d is not None and d < _FLAT_AMONG_ALL
        )  # otherwise weak couplings to all sites make it mean-field
        return Structure("bonds", log_glass, log_order, d if flat else None, not flat, balanced, directions)
    log_order = _log(stability.beta_retrieval)
    if stability.n_directions > _FEW_DIRECTIONS:
        # Many patterns of like strength: their common line, not that of the largest eigenvalue.
        log_order = max(log_order, _common_line(model, spectrum, stability.n_directions))
    return Structure("spectrum", _log(stability.beta_glass), log_order, None, True, balanced)


def _few_weights(model: IsingModel) -> bool:
    """Two layers most of whose weights are zero: a sparse graph."""
    if not isinstance(model, BipartiteIsing):
        return False
    n = np.count_nonzero(model.W)
    return bool(n <= _MOSTLY_ZERO * model.V * model.H and n <= _FEW_PER_UNIT * model.n_spins)


def _at_most_one_loop(model: IsingModel) -> bool:
    """Trees and rings, and models that fall into such: nothing orders at T > 0."""
    from scipy.sparse.csgraph import connected_components

    if isinstance(model, DenseIsing) and np.count_nonzero(model.couplings()) > 2 * model.n_spins:
        return False  # without a sparse copy of all pairs
    J = model.to_sparse()._J
    if J.nnz > 2 * model.n_spins:
        return False
    n, label = connected_components(J, directed=False)
    edges = np.bincount(label, np.diff(J.indptr), n) / 2
    return bool((edges <= np.bincount(label, minlength=n)).all())


def bare(model: IsingModel) -> np.ndarray:
    """Susceptibilities sech^2(b_i) of spins in their fields."""
    return np.asarray(1 / np.cosh(np.clip(np.asarray(model.b), -300, 300)) ** 2)


def through_fields(model: IsingModel) -> IsingModel:
    """The couplings as seen through the susceptibilities sech^2(b_i) of spins in their fields.

    At the solution without spontaneous order, to first order in the couplings: the line of the random-field
    ferromagnet, <sech^2> beta J = 1, is exact, that of de Almeida and Thouless is approached from above.
    """
    root = np.sqrt(bare(model))
    if isinstance(model, BipartiteIsing):
        return BipartiteIsing(root[: model.V, None] * model.weights() * root[model.V :])
    if isinstance(model, SparseIsing):
        J = model.to_sparse()._J.copy()
        J.data = J.data * root[J.indices] * np.repeat(root, np.diff(J.indptr))
        return SparseIsing(J)
    return DenseIsing(root[:, None] * np.asarray(model.couplings()) * root)


def _common_line(model: IsingModel, spectrum: Spectrum, n: int) -> float:
    """ln(T/T_line) of n patterns of like strength taken together; -infinity if one stands out, or if the law
    of two cumulants has no such line.
    """
    top = spectrum.values[:n] - spectrum.centre
    if top[0] > _STANDS_OUT * top.mean():
        return -math.inf
    if isinstance(model, BipartiteIsing):
        at = theory.coordinates.ra_rbm(model.V, model.H, n, model.coupling_std())
        return math.log(theory.bipartite.glass_line(at.alpha_v, at.alpha_h) / at.b)
    x = spectrum.values[: len(spectrum.values) - isolated_below(spectrum.values)] / top[0]
    x = x - x.mean()
    k2, k3 = float((x**2).mean()), float((x**3).mean())
    line = top[0] * (math.sqrt(k2) + k3 / k2)
    return -math.log(line) if line > 0 else -math.inf


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf


def _effective_degree(model: IsingModel) -> float:
    """(sum_j J_ij^2)^2 / sum_j J_ij^4, N for equal couplings, N/3 for normal ones: the median over sites, or
    the same over all couplings per site, whichever is less (a few strong bonds show in the second).
    """
    x = np.asarray(model.W if isinstance(model, BipartiteIsing) else model.couplings())
    square = (x / np.abs(x).max()) ** 2
    degrees = []
    for axis in (0, 1) if isinstance(model, BipartiteIsing) else (1,):
        second, fourth = square.sum(axis), (square**2).sum(axis)
        degrees.append(second[fourth > 0] ** 2 / fourth[fourth > 0])
    overall = square.sum() ** 2 / (square**2).sum() / len(x)
    return min(float(np.median(np.concatenate(degrees))), float(overall))


def _rows(model: IsingModel) -> tuple[np.ndarray, np.ndarray, int]:
    """Absolute couplings with the row of each."""
    J = model.to_sparse()._J
    return np.abs(J.data), np.repeat(np.arange(J.shape[0]), np.diff(J.indptr)), J.shape[0]


def _growth(rows: tuple[np.ndarray, np.ndarray, int], scale: float, power: int) -> float:
    data, row, n = rows
    t = np.tanh(scale * data) ** power
    r = np.bincount(row, t, n)
    total = r.sum()
    return float(((r**2).sum() - (t**2).sum()) / total) if total > 0 else 0.0


def _log_scale(growth: Callable[[float], float]) -> float:
    """ln of the factor on all couplings at which the growth is one; infinite if it stays below."""
    low, high = _LOW_SCALE, _HIGH_SCALE
    if growth(math.exp(high)) <= 1:
        return math.inf
    for _ in range(32):
        middle = (low + high) / 2
        low, high = (low, middle) if growth(math.exp(middle)) > 1 else (middle, high)
    return (low + high) / 2


def _strongest(model: IsingModel) -> IsingModel:
    """The graph of every site's strongest couplings."""
    J = np.abs(np.asarray(model.couplings()))
    least = np.sort(J, axis=1)[:, -min(_STRONGEST, len(J))]
    import scipy.sparse

    kept = np.where(np.minimum(least[:, None], least) <= J, J, 0.0)
    return SparseIsing(scipy.sparse.csr_array(kept))


def _in_short_loops(model: SparseIsing) -> float:
    """Share of the bonds that lie in a triangle or a square."""
    A = model.to_sparse()._J.copy()
    A.data = np.ones(len(A.data), dtype=np.int64)
    degree = np.diff(A.indptr)
    two = A @ A
    walks = (two.multiply(A) + (two @ A).multiply(A)).tocsr()
    i, j = A.tocoo().coords
    # Of three steps from i to j, deg_i + deg_j - 1 use the bond ij itself.
    return float((np.asarray(walks[i, j]).ravel() > degree[i] + degree[j] - 1).mean())


def _extent(model: SparseIsing) -> float:
    """d from N = (2 <r>)^d, <r> the mean distance: a quarter of the side per dimension on a torus.

    Hubs, as those of hierarchical lattices, hide the growth of neighbourhoods but not this.
    """
    distance = _distances(model)
    finite = distance[np.isfinite(distance)]
    mean = float(finite.sum()) / max(len(finite) - len(distance), 1)
    return math.log(model.n_spins) / math.log(2 * mean) if mean > 0.5 else math.inf


def _on_a_surface(model: SparseIsing) -> bool:
    """Whether all balls with up to a third of the sites can be drawn in a plane; those of a solid cannot."""
    import networkx as nx

    J, distance = model.to_sparse()._J, _distances(model)
    for r in distance[:: max(1, len(distance) // _BALLS)]:
        sites = np.cumsum(np.bincount(r[np.isfinite(r)].astype(int)))  # within each distance
        radius = np.searchsorted(sites, sites[-1] / _THIRD, side="right") - 1
        ball = np.flatnonzero(r <= radius)
        if radius < 2:
            return False  # too small to hold the loops that tell
        if not nx.check_planarity(nx.from_scipy_sparse_array(J[ball][:, ball]))[0]:
            return False
    return True


def _distances(model: IsingModel) -> np.ndarray:
    """Numbers of steps from some sites to all."""
    from scipy.sparse.csgraph import dijkstra

    J = model.to_sparse()._J
    n = J.shape[0]
    sites = np.unique(np.linspace(0, n - 1, min(n, _SHELL_SITES)).astype(int))
    return np.asarray(dijkstra(abs(J), directed=False, indices=sites, unweighted=True))


def _geometry(model: IsingModel) -> tuple[float | None, bool]:
    """(d, tree-like): d from the number of sites at distance r, S(r) ~ r^(d-1), the fastest growth that the
    size allows; tree-like if second and far neighbours are nearly as many as without short loops.
    """
    J, distance = model.to_sparse()._J, _distances(model)
    sites = np.argmin(distance, axis=1)  # where it is 0
    finite = distance[np.isfinite(distance)].astype(int)
    shells = np.bincount(finite)[1:] / len(sites)
    reached = 1 + np.cumsum(shells)
    last = int(np.searchsorted(reached, _UNCUT * reached[-1], side="right"))
    growth = [1 + math.log(shells[r - 1] / shells[r - 2]) / math.log(r / (r - 1)) for r in range(2, last + 1)]
    degree = np.diff(J.indptr)
    branches = float(np.mean([(degree[J.indices[J.indptr[i] : J.indptr[i + 1]]] - 1).sum() for i in sites]))
    tree_like = len(shells) > 1 and shells[1] > _TREE * branches
    return max(growth, default=None), tree_like and _grows_on(distance, degree) > _AS_AT_RANDOM


def _grows_on(distance: np.ndarray, degree: np.ndarray) -> float:
    """Sites in the shell that holds the median one, over those that random joints of the same degrees reach.

    A site of degree k is missed by all W bonds that leave the shell before with the chance exp(-W k/E), E the
    ends of bonds that are free. Second neighbours hide the loops of a thin lattice; this does not.
    """
    found = expected = 0.0
    for r in distance:
        finite = np.isfinite(r)
        at = int(np.median(r[finite]))
        outside = degree[finite & (r >= at)]
        leaving = (degree[r == at - 1] - 1).sum()
        found += float((r == at).sum())
        expected += float(-np.expm1(-leaving * outside / max(outside.sum() + leaving, 1)).sum())
    return found / expected if expected > 0 else 1.0
