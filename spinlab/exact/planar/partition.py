"""ln Z and mean energy of planar models by the determinant of Kac and Ward, with a bound on its rounding.

For a planar graph drawn with straight edges

    Z^2 = 2^{2N} prod_e cosh^2(beta J_e) det(1 - T),   T_{e e'} = tanh(beta J_e) exp(i angle(e, e') / 2)

for directed edges e and e', e' leaving where e arrives and not its reverse, and the angle of the turn between
them (M. Kac and J. C. Ward, Phys. Rev. 88, 1332 (1952)). The determinant is a sum over closed curves with
signs. Where couplings are frustrated and beta is large it is exponentially small, and in float64 nothing of
it may be left: then the answer is refused.

The factors L U of an elimination are those of A + E with |E| <= u (k + c) |L| |U| entry by entry, k terms in
each sum (N. J. Higham, Accuracy and Stability of Numerical Algorithms, SIAM 2002, chapter 9). With the
inverse X of A and f = ||X||_F ||E||_F < 1/2 this moves ln det A by at most f + f^2. For the error on request
||X||_F is summed over all columns of X. The decision whether an answer is good enough begins with an
estimate e, the root of the mean of |X v|^2 over n random complex normal vectors v: ||X||_F > c e has at most
the chance c^(-2n) exp(n - n/c^2) (Chernoff; X of rank one, a mean of n exponential variables, is the worst),
and ||X||_F < e/b at most b^(2n) exp(n - n b^2). For n = 64, c = 3 and b = 2 both are below 1e-36. Where
||X||_F between e/2 and 3 e makes the difference, the sum over all columns decides.
The mean energy takes the diagonal of X,

    <E> = -sum_e J_e tanh(beta J_e) - sum over directed edges of (1 - X_ee) J_e / sinh(2 beta J_e),

whose entries move by at most ||row of X|| ||E||_F ||column of X||, and a little more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..._core.blas import one_blas_thread
from ..._core.progress import map_with_progress, shows_progress
from ..._core.validate import as_real_array
from ...models import IsingModel, ModelLike, as_model
from ..accuracy import TOLERANCE, InexactError, settled
from ..couplings import lost
from . import solver as planar

NAME = planar.NAME
MAX_EDGES = 20_000
MAX_ERROR = 1e-6  # of the mean energy relative to sum |J|

_INSTEAD = (  # where frustrated couplings are strong, the determinant cancels
    "the method 'tree', up to lattices of about width 25; "
)

_U = 2.0**-53
_VECTORS = 64
_ABOVE, _BELOW = 3.0, 0.5  # times the estimate, between which the norm lies
_BLOCK = 256  # columns of the inverse at a time
_SECONDS_PER_EDGE = 1e-4


def refusal(model: IsingModel) -> str | None:
    """Why this method cannot take the model, or None."""
    faces = planar.faces_of(model)
    if isinstance(faces, str):
        return faces
    if len(faces.J) > MAX_EDGES:
        return f"{NAME}: {len(faces.J)} edges; the determinant is limited to {MAX_EDGES}"
    return None


def cost(model: IsingModel) -> tuple[float, float]:
    """Seconds and bytes of one temperature."""
    n = model.n_spins
    return 0.01 + 3 * _SECONDS_PER_EDGE * n, 1e4 * n


@settled(NAME, _INSTEAD)
def log_partition(
    model: IsingModel, betas: np.ndarray, threads: int | None, proven: bool
) -> list[tuple[float, float]]:
    """ln Z = ln sum_s exp(-beta E(s)) of a planar Ising model, where float64 suffices for it.

    Parameters
    ----------
    model : IsingModel or anything that :func:`spinlab.models.as_model` takes
        As for :func:`spinlab.exact.planar.ground_state`: open lattices, cylinders, triangulations, ladders,
        with fields where the graph stays planar; up to 20 000 edges.
    beta, threads, error, tolerance, progress
        As for :func:`spinlab.log_partition`.

    Raises
    ------
    ValueError
        If the graph is not planar or too large, if a beta is negative, or if rounding may have moved ln Z by
        more than ``tolerance``: frustrated couplings at low temperature (+-J on an open 14 x 14 lattice: beta
        above about 1.5). The method "tree" has no such limit, up to lattices of width 25.

    Notes
    -----
    A sparse elimination of a complex matrix of twice the number of edges: an open lattice of L = 20 takes
    0.05 s, most of it for the drawing, L = 50 half a second. Whether the rounding is small enough is judged
    by the norm of an inverse. With ``error`` it is computed and the bound is proven, at the cost of
    :func:`mean_energy`, and so it is with ``tolerance``. Without either, an estimate from random vectors
    decides where it is three times smaller than needed (wrong with a chance of 1e-36) or twice too large; in
    between the norm is computed.

    Examples
    --------
    >>> from spinlab.exact import planar
    >>> square = [[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]]
    >>> round(planar.log_partition(square, 0.5), 6)  # ln[(2 cosh beta)^4 + (2 sinh beta)^4]
    3.297642
    """
    return _each_beta(model, betas, lambda turns, x: turns.log_z(x, proven))[1]


@shows_progress
def mean_energy(
    model: ModelLike, beta: Any = 1.0, *, threads: int | None = None, progress: bool | None = None
) -> float | np.ndarray:
    """Mean energy <E> = -d ln Z / d beta of a planar Ising model, where float64 suffices for it.

    Arguments, limits and errors as for :func:`log_partition`; the error is below 1e-6 sum |J|, and the bound
    on it is reached at somewhat higher temperatures. It takes the inverse of a matrix of twice the number of
    edges: 0.2 s for an open lattice of L = 20.

    Examples
    --------
    >>> from spinlab.exact import planar
    >>> round(planar.mean_energy([[0, 1], [1, 0]], beta=2.0), 6)  # -tanh 2
    -0.964028
    """
    model = as_model(model)
    size = float(np.abs(model.to_sparse().edges()[2]).sum() + np.abs(model.b).sum()) or 1.0
    betas, found = _each_beta(model, beta, _Turns.energy)
    for x, (_, error) in zip(betas.ravel().tolist(), found, strict=True):
        if not error <= MAX_ERROR * size:
            raise InexactError(
                f"{NAME}: at beta={x:g} rounding may move the mean energy by {error:.2g}, "
                f"{MAX_ERROR * size:.2g} is allowed. Instead: {_INSTEAD}higher temperatures"
            )
    values = [value for value, _ in found]
    return values[0] if betas.ndim == 0 else np.array(values)


def _each_beta(
    model: ModelLike, beta: Any, function: Callable[[_Turns, float], tuple[float, float]]
) -> tuple[np.ndarray, list[tuple[float, float]]]:
    model = as_model(model)
    betas = as_real_array(beta, "beta", (0, 1))
    if (betas < 0).any():
        raise ValueError(
            f"beta must be 0 or more, got {betas.min():g}; change the sign of the couplings instead"
        )
    if (reason := refusal(model)) is not None:
        raise ValueError(reason)
    matrix = _Turns(model)
    with np.errstate(all="ignore"):
        values = betas.ravel().tolist()
        return betas, map_with_progress(lambda x: function(matrix, x), values, 1, "determinants")


class _Turns:
    """The pairs of consecutive directed edges of a model and the phases of their turns."""

    def __init__(self, model: IsingModel) -> None:
        faces = planar.faces_of(model)
        assert isinstance(faces, planar.Faces)
        self.J = faces.J
        self.ghost = model.has_fields
        self.n = model.n_spins + self.ghost
        self.offset = model.offset
        self.lost = lost(model)
        tail, head = np.append(faces.i, faces.j), np.append(faces.j, faces.i)
        place = _drawing(faces.i, faces.j)
        angle = np.angle([place[b] - place[a] for a, b in zip(tail.tolist(), head.tolist(), strict=True)])
        order = np.argsort(tail, kind="stable")
        first = np.searchsorted(tail[order], head)
        count = np.searchsorted(tail[order], head, side="right") - first
        e = np.repeat(np.arange(len(tail)), count)
        within = np.arange(len(e)) - np.repeat(np.cumsum(count) - count, count)
        f = order[np.repeat(first, count) + within]
        onwards = head[f] != tail[e]
        self.e, self.f = e[onwards], f[onwards]
        turn = np.pi - np.mod(np.pi - (angle[self.f] - angle[self.e]), 2 * np.pi)
        self.phase = np.exp(0.5j * turn)

    def log_z(self, beta: float, proven: bool) -> tuple[float, float]:
        """ln Z and a bound on its error.

        Where that need not be ``proven``, the bound follows from an estimate, if this is enough to tell on
        which side of the default tolerance it lies.
        """
        x = np.abs(beta * self.J)
        free = self.n * math.log(2) + float((x + np.log1p(np.exp(-2 * x)) - math.log(2)).sum())
        free -= self.ghost * math.log(2) + beta * self.offset
        if len(self.J) == 0 or beta == 0:
            return free, 8 * _U * (self.n + len(self.J) + abs(free)) + beta * self.lost
        with one_blas_thread():
            factors, backward = self._factors(beta)
            if factors is None:
                return math.nan, math.inf
            m = 2 * len(self.J)
            logs = np.log(np.abs(factors.U.diagonal()))
            value = free + float(logs.sum()) / 2
            rest = 4 * _U * (m + 16) * (float(np.abs(logs).sum()) + abs(free)) + beta * self.lost

            def bound(norm: float) -> float:
                moved = norm * backward
                return moved + moved**2 + rest if moved < 0.25 else math.inf

            allowed = TOLERANCE * max(1.0, abs(value))
            if not proven:
                estimate = _estimated_norm(factors, m)
                highest = bound(_ABOVE * estimate)
                if highest <= allowed or not bound(_BELOW * estimate) <= allowed:
                    return value, highest
            norm = math.sqrt(sum(float(squares.sum()) for _, _, squares in _inverse(factors, m)))
        # Each column solves equations that are off by up to 3 ||E||_F (Higham, section 9.3).
        error = 3 * norm * backward
        return value, bound(norm / (1 - error)) if error < 0.75 else math.inf

    def energy(self, beta: float) -> tuple[float, float]:
        """<E> and a bound on its error."""
        if len(self.J) == 0 or beta == 0:
            return self.offset, 0.0
        m = 2 * len(self.J)
        diagonal, columns, rows = np.empty(m), np.empty(m), np.zeros(m)
        with one_blas_thread():
            factors, backward = self._factors(beta)
            if factors is None:
                return math.nan, math.inf
            for part, X, squares in _inverse(factors, m):
                diagonal[part] = X[part, part - part[0]].real
                columns[part] = np.sqrt(squares.sum(0))
                rows += squares.sum(1)
        moved = math.sqrt(float(rows.sum())) * backward
        if not moved < 0.25:
            return math.nan, math.inf
        J = np.abs(np.tile(self.J, 2))
        x = beta * J
        weights = np.where(x < 1e-9, 0.5 / beta, J / np.sinh(2 * x))
        value = -float(J @ np.tanh(x)) / 2 - float(weights @ (1 - diagonal))
        error = backward * float(weights @ (np.sqrt(rows) * columns)) / (1 - 2 * moved)
        return value + self.offset, error + 4 * _U * (m + 16) * float(J.sum() + weights @ columns)

    def _factors(self, beta: float) -> tuple[Any, float]:
        """The elimination of 1 - T, and a bound on the Frobenius norm of E; None if it is singular."""
        from scipy.sparse import csc_array
        from scipy.sparse.linalg import splu

        m = 2 * len(self.J)
        t = np.tanh(beta * np.tile(self.J, 2))
        ends = np.append(self.e, np.arange(m)), np.append(self.f, np.arange(m))
        A = csc_array((np.append(-t[self.e] * self.phase, np.ones(m)), ends), shape=(m, m))
        try:
            factors = splu(A)
        except RuntimeError:
            return None, math.inf
        lower, upper = abs(factors.L).tocsr(), abs(factors.U).tocsr()
        terms = np.diff(lower.indptr) + 16.0
        lower.data *= np.repeat(4 * _U * terms, np.diff(lower.indptr))
        backward = math.sqrt(float(((lower @ upper).data ** 2).sum()))
        return factors, backward + 16 * _U * math.sqrt(float(A.nnz))


def _estimated_norm(factors: Any, m: int) -> float:
    """Frobenius norm of the inverse from its products with random vectors."""
    parts = np.random.default_rng(0).normal(size=(2, m, _VECTORS))
    solved = factors.solve(parts[0] + 1j * parts[1])
    return math.sqrt(float((solved.real**2 + solved.imag**2).sum()) / (2 * _VECTORS))


def _inverse(factors: Any, m: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The inverse of m x m, some columns at a time: their numbers, entries and squared sizes."""
    for start in range(0, m, _BLOCK):
        part = np.arange(start, min(start + _BLOCK, m))
        unit = np.zeros((m, len(part)), complex)
        unit[part, part - start] = 1.0
        X = factors.solve(unit)
        yield part, X, X.real**2 + X.imag**2


def _drawing(i: np.ndarray, j: np.ndarray) -> dict[int, complex]:
    """Places of the vertices in the plane, on a grid of integers, for straight edges without crossings."""
    import networkx as nx

    graph = nx.Graph()
    graph.add_edges_from(zip(i.tolist(), j.tolist(), strict=True))
    _, embedding = nx.check_planarity(graph)
    if embedding is None or len(graph) == 0:
        return {}
    return {vertex: complex(*place) for vertex, place in nx.combinatorial_embedding_to_pos(embedding).items()}
