"""Certified ground state of a planar Ising model, by matching its frustrated faces.

With an unsatisfied edge one for which J_ij s_i s_j < 0,

    E(s) = -sum |J_ij| + 2 sum over unsatisfied edges of |J_ij|.

A set of edges is the unsatisfied set of some state if and only if every frustrated face (an odd number of
negative couplings around it) has an odd number of them, every other face an even one: it is a T-join of the
dual graph with T the frustrated faces (Bieche, Maynard, Rammal and Uhry, J. Phys. A 13, 2553 (1980);
Barahona, J. Phys. A 15, 3241 (1982)). Fields are couplings to one more spin, which must leave the graph
planar.
"""

from __future__ import annotations

import math
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from ..._core.stopwatch import Stopwatch
from ..._core.validate import as_flag
from ...models import IsingModel, ModelLike, SparseIsing, TwoLayerIsing, as_model
from ..couplings import LARGEST_DENSE, edges_of, exact_sum, in_units, lost
from ..method import Cost
from ..result import GroundState
from .join import hubs, minimum_join

NAME = "planar"
DOES_NOT_COUNT = (
    f"{NAME} does not count ground states; the method 'tree' (exact.tree.ground_state) counts them "
    "on graphs of small width, such as lattices up to about L=25; leave out degeneracy=True here"
)
MAX_FACE = 4000  # edges of the longest face but one

_SECONDS = 0.0025
_SECONDS_PER_SPIN = 4e-5
_SECONDS_PER_FACE_CUBED = 1e-8  # of the longest face but one
_LARGE = 1e5  # spins; from there on the matching grows faster than the number of spins
_BYTES_PER_SPIN = 6e3
_BITS = 53  # of the sum of integer weights
_SMALLEST = -1074  # 2^-1074 is the smallest number of float64
# The two checks that raise it are of the code itself: no model is known to fail either.
_BUG = "the planar ground state failed its own check: please report this model"


class Faces(NamedTuple):
    """A planar graph (vertex N is the ghost that carries the fields) and the faces beside its edges."""

    i: np.ndarray
    j: np.ndarray
    J: np.ndarray
    left: np.ndarray
    """Face on one side of each edge."""
    right: np.ndarray
    n_faces: int
    longest: int
    """Edges of the longest face but one in any component."""


def refusal(model: IsingModel) -> str | None:
    """Why this method cannot take the model, or None."""
    found = faces_of(model)
    if isinstance(found, Faces) and found.longest > MAX_FACE:
        return (
            f"{NAME}: two faces of {model!r} have more than {MAX_FACE} edges (the longest but one has "
            f"{found.longest}), so that too many pairs of frustrated faces are near each other. Instead: the "
            "method 'tree', where the graph is narrow"
        )
    return found if isinstance(found, str) else None


def cost(model: IsingModel) -> tuple[float, float]:
    """Seconds and bytes that embedding and matching take."""
    found = faces_of(model)
    seconds, size, _ = least(model)
    if isinstance(found, Faces):
        seconds += _SECONDS_PER_FACE_CUBED * found.longest**3
    return seconds, size


def least(model: IsingModel) -> Cost:
    """What it costs at least, before the faces are known."""
    n = model.n_spins
    return Cost(_SECONDS + _SECONDS_PER_SPIN * n * (1 + n / _LARGE), 1e6 + _BYTES_PER_SPIN * n)


def ground_state(model: ModelLike, *, degeneracy: bool = False, threads: int | None = None) -> GroundState:
    """Lowest state of a planar Ising model of any size, proven by minimum-weight perfect matching.

    E0 = min over s of E(s) = -sum_{i<j} J_ij s_i s_j + offset, on a planar graph.

    Parameters
    ----------
    model : IsingModel or anything that :func:`spinlab.models.as_model` takes
        Open lattices, cylinders (periodic in one direction), triangulations, ladders, trees; connected or
        not. Only non-zero couplings count. With fields the graph must stay planar when every spin in a
        field is coupled to one more vertex: trees, rings, lattices with fields along the boundary.
    degeneracy : bool, default False
        Not available here: ``exact.tree`` counts ground states.
    threads : int, optional
        Ignored: the search runs on one thread.

    Returns
    -------
    GroundState
        Certified by a dual solution in exact integers. ``energy`` is rounded once, from an exact sum.
        ``lower_bound`` equals ``energy`` for couplings that are integers (times a power of two, with a sum
        below 2^52) or +-1 times one number. Others are rounded towards zero to multiples of about
        2^-53 sum |J| in the search, and ``lower_bound`` is lower by at most 4 M 2^-53 sum |J|, where M is
        the number of unsatisfied edges.

    Raises
    ------
    ValueError
        If the graph is not planar (tori, fields inside a lattice, most dense models), if two faces of one
        component have more than 4000 edges each (long thin rings), or if ``degeneracy`` is asked for.

    Notes
    -----
    Most of the time goes into the embedding (networkx). Open lattices, +-J or Gaussian, on one core: L = 20
    in 0.02 s, L = 100 in 0.9 s, L = 200 in 6 s. Two long faces are costly: a Gaussian cylinder of
    circumference 700 and length 10 takes 5 s.

    Examples
    --------
    >>> import networkx as nx
    >>> from spinlab.exact import planar
    >>> grid = nx.grid_2d_graph(40, 40)
    >>> for (x, y), (_, z) in grid.edges:  # every square is frustrated
    ...     grid.edges[(x, y), (_, z)]["weight"] = -1.0 if y != z and x % 2 else 1.0
    >>> answer = planar.ground_state(grid)
    >>> answer.energy == answer.lower_bound, answer.certified
    (True, True)
    """
    clock = Stopwatch()
    model = as_model(model)
    if as_flag(degeneracy, "degeneracy"):
        raise ValueError(DOES_NOT_COUNT)
    faces, reason = faces_of(model), refusal(model)
    if isinstance(faces, str) or reason:
        raise ValueError(reason)
    i, j, J, left, right, n_faces, _ = faces
    sizes = np.abs(J)
    weights, unit, exact = _integers(sizes)
    frustrated = _frustrated(faces)
    unsatisfied, least = minimum_join(n_faces, left, right, weights, frustrated)
    s = _spins(model.n_spins + model.has_fields, i, j, (J < 0) ^ unsatisfied)
    if int(weights[J * s[i] * s[j] < 0].sum()) != least:
        raise RuntimeError(_BUG)
    given = lost(model)
    energy, bound = exact_sum([model.offset, *(-J * s[i] * s[j]).tolist()], given)
    if not exact:
        proven = 2 * unit * least  # exact: least is below 2^53, the unit a power of two
        bound = min(bound, exact_sum([model.offset, *(-sizes).tolist(), proven], given)[1])
    state = s * s[-1] if model.has_fields else s
    return GroundState(
        energy=energy,
        state=state[: model.n_spins],
        method=NAME,
        certified=True,
        lower_bound=bound,
        seconds=clock.seconds(),
        labels=model.labels,
        n_visible=getattr(model, "V", None),
    )


_found: WeakKeyDictionary[IsingModel, Faces | str] = WeakKeyDictionary()


def faces_of(model: IsingModel) -> Faces | str:
    """The faces of a model, or why it is refused; kept as long as the model."""
    if model not in _found:
        _found[model] = embed(model)
    return _found[model]


def embed(model: IsingModel) -> Faces | str:
    n = model.n_spins
    if not isinstance(model, SparseIsing):
        if n > LARGEST_DENSE:
            return (
                f"{NAME}: a {type(model).__name__} of more than {LARGEST_DENSE} spins, here {n}, is not "
                "searched for zeros; if it is sparse, give model.to_sparse()"
            )
        if isinstance(model, TwoLayerIsing):
            filled = int(np.count_nonzero(model.weights()))
            if filled > max(2 * n - 4, 3):
                return _too_many(filled, n, f"2N-4 = {2 * n - 4} edges of a planar graph of two layers")
        else:
            filled = int(np.count_nonzero(model.couplings())) // 2
            if filled > max(3 * n - 6, 3):
                return _too_many(filled, n, f"3N-6 = {3 * n - 6} edges of a planar graph")
    i, j, J = edges_of(model)
    i, j, J = i[J != 0], j[J != 0], J[J != 0]
    if len(J) > max(3 * n - 6, 3):
        return _too_many(len(J), n, f"3N-6 = {3 * n - 6} edges of a planar graph")
    sites = np.flatnonzero(model.b)
    i, j, J = np.append(i, sites), np.append(j, np.full(len(sites), n)), np.append(J, model.b[sites])
    rotation = _rotation(i, j)
    if rotation is None:
        with_fields = " with its fields as couplings to one more spin" if len(sites) else ""
        return (
            f"{NAME} needs a graph that can be drawn without crossings, and that of {model!r}{with_fields} "
            "cannot. Instead: the method 'tree', where the graph is narrow"
        )
    tail, head = rotation
    n = n + 1
    order = np.argsort(tail * n + head)
    twin = np.empty(len(tail), np.int64)  # where the half-edge appears in the other direction
    twin[np.argsort(head * n + tail)] = order
    last = tail != np.roll(tail, -1)  # of the half-edges of a vertex
    after = np.arange(1, len(tail) + 1)
    after[last] = np.flatnonzero(np.roll(last, 1))
    face, n_faces = _cycles(after[twin])
    forwards = order[np.searchsorted((tail * n + head)[order], i * n + j)]
    _check_euler(i, j, n_faces)
    left, right = face[forwards], face[twin[forwards]]
    degree = np.bincount(np.append(left, right), minlength=n_faces)
    longest = int(degree[~hubs(n_faces, left, right)].max(initial=0))
    return Faces(i, j, J, left, right, n_faces, longest)


def _too_many(edges: int, n: int, limit: str) -> str:
    return f"{NAME}: {edges} couplings of N={n} spins are more than the {limit}"


def _rotation(i: np.ndarray, j: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Half-edges (tail, head), those of a vertex in the order around it; None if the graph is not planar."""
    import networkx as nx

    graph = nx.Graph()
    graph.add_edges_from(zip(i.tolist(), j.tolist(), strict=True))
    planar, embedding = nx.check_planarity(graph)
    if not planar:
        return None
    around = embedding.get_data()
    lengths = [len(heads) for heads in around.values()]
    tail = np.repeat(np.array(list(around), np.int64), lengths)
    return tail, np.array([v for heads in around.values() for v in heads], np.int64)


def _cycles(after: np.ndarray) -> tuple[np.ndarray, int]:
    """The number of the cycle that each element of a permutation is on, and how many there are."""
    count, cycle = _components(len(after), np.arange(len(after)), after)
    return cycle, count


def _components(n: int, i: np.ndarray, j: np.ndarray) -> tuple[int, np.ndarray]:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if n == 0:
        return 0, np.zeros(0, np.int64)
    count, component = connected_components(coo_array((np.ones(len(i)), (i, j)), shape=(n, n)))
    return int(count), component.astype(np.int64)


def _check_euler(i: np.ndarray, j: np.ndarray, n_faces: int) -> None:
    """Vertices - edges + faces = 2 in every component, or the embedding is not a plane."""
    vertices, ends = np.unique(np.append(i, j), return_inverse=True)
    count, _ = _components(len(vertices), ends[: len(i)], ends[len(i) :])
    if len(vertices) - len(i) + n_faces != 2 * count:
        raise RuntimeError(_BUG)


def _frustrated(faces: Faces) -> np.ndarray:
    """Whether the product of the couplings around a face is negative; an edge met twice does not count."""
    negative = faces.J < 0
    ends = np.append(faces.left[negative], faces.right[negative])
    return np.bincount(ends, minlength=faces.n_faces) % 2 == 1


def _integers(sizes: np.ndarray) -> tuple[np.ndarray, float, bool]:
    """(w, unit, exact): w = sizes / unit, rounded down unless it is exact; the sum of w is below 2^53."""
    w, unit, exact = in_units(sizes)
    if not exact:
        exponent = max(math.frexp(math.fsum(sizes.tolist()))[1] - _BITS, _SMALLEST)
        w, unit = np.floor(np.ldexp(sizes, -exponent)), math.ldexp(1.0, exponent)
    return w.astype(np.int64), unit, exact


def _spins(n: int, i: np.ndarray, j: np.ndarray, opposite: np.ndarray) -> np.ndarray:
    """A state with s_i = -s_j on the edges ``opposite`` and s_i = s_j on all others."""
    # Two vertices for each spin, up and down; those that go together are connected.
    up = np.concatenate([i, i + n]), np.concatenate([j + n * opposite, j + n * ~opposite])
    _, component = _components(2 * n, *up)
    if (component[:n] == component[n:]).any():
        raise RuntimeError(_BUG)
    return np.where(component[:n] < component[n:], 1, -1).astype(np.int8)
