"""Belief propagation: magnetisations, correlations and ln Z of a sparse model, exact on trees.

Each edge carries two messages, the fields that one end causes at the other if that one is asked alone:

    tanh u_ij = tanh(beta J_ij) tanh(beta b_i + sum_{k != j} u_ki),   m_i = tanh(beta b_i + sum_k u_ki).

Fixed points are the stationary points of the Bethe free energy (J. S. Yedidia, W. T. Freeman, Y. Weiss, IEEE
Trans. Inf. Theory 51, 2282 (2005)). They are exact without loops, and the cavity method's replica-symmetric
solution on random graphs, whose loops are long (M. Mezard, G. Parisi, Eur. Phys. J. B 20, 217 (2001)).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.jit import kernel
from .._core.results import Result
from .._core.rng import RNG, as_generator
from .._core.validate import as_count, as_real, as_spins
from ..models import ModelLike, SparseIsing, as_model

_DAMPINGS = (0.0, 0.5, 0.8)  # tried in turn until the messages come to rest
_POLARISED = 0.1  # a message of a start that leans to a state, in units of beta |J|
_DENSE = 200  # messages whose linearisation is written out
_STEPS = 300  # through the linearisation of more of them


@dataclass(frozen=True, repr=False)
class Beliefs(Result):
    """A fixed point of belief propagation.

    Attributes
    ----------
    magnetisation : ndarray, shape (N,)
        m_i = <s_i>.
    i, j : ndarray of int, shape (M,)
        The edges, i < j.
    correlation : ndarray, shape (M,)
        <s_i s_j> over each edge.
    log_partition : float
        Bethe's ln Z, the model's offset included; a bound on neither side where there are loops.
    mean_energy : float
        <E> of these magnetisations and correlations.
    converged : bool
        Whether the messages came to rest. If not, the numbers are those of the last sweep and no fixed point.
    residual : float
        Largest change of a message in the last sweep.
    n_sweeps : int
        Sweeps taken, all attempts together.
    growth : float
        Factor by which a small perturbation of the messages grows per step, to about a percent (exact for up
        to 100 edges): above 1 the fixed point is unstable. At the paramagnet of a ferromagnet on a tree of
        branching c it is c tanh(beta J).
    variance_growth : float
        The same for the variance of random perturbations: above 1 replica symmetry is broken (spin glass; J.
        R. L. de Almeida and D. J. Thouless's line on a graph). At the paramagnet c <tanh^2(beta J)>.
    """

    magnetisation: np.ndarray
    i: np.ndarray
    j: np.ndarray
    correlation: np.ndarray
    log_partition: float
    mean_energy: float
    converged: bool
    residual: float
    n_sweeps: int
    growth: float
    variance_growth: float


def belief_propagation(
    model: ModelLike,
    beta: float = 1.0,
    *,
    initial: Any = None,
    n_sweeps: int = 1000,
    tolerance: float = 1e-12,
    rng: RNG = 0,
) -> Beliefs:
    """Magnetisations, correlations and Bethe's ln Z from messages along the edges, and their stability.

    Parameters
    ----------
    model : IsingModel or anything :func:`spinlab.models.as_model` takes
        Useful where loops are long or couplings weak; exact on trees and forests.
    beta : float, default 1
        Inverse temperature, 0 or more.
    initial : None, "random" or array_like of +-1, shape (N,)
        Start of the messages: zero (without fields that is the paramagnet, a fixed point at any temperature),
        random, or leaning to a state, to find the fixed point near it.
    n_sweeps : int, default 1000
        Most sweeps over all sites, for each damping that is tried (0, then .5, then .8).
    tolerance : float, default 1e-12
        Largest change of a message, relative to 1 + |u|, at which they have come to rest.
    rng : None, int or numpy.random.Generator, default 0
        For ``initial="random"``.

    Returns
    -------
    Beliefs

    Raises
    ------
    ValueError, TypeError
        If beta is negative, beta times the couplings overflows, or ``initial`` is none of the above.

    Notes
    -----
    A sweep costs two visits of every edge, 40 ns each. Nothing is proven on graphs with loops: look at
    ``converged`` and ``growth``, and compare starts.

    Examples
    --------
    >>> import numpy as np
    >>> import spinlab as sl
    >>> tree = sl.models.SparseIsing.from_edges([0, 0, 0], [1, 2, 3], [1.0, -0.5, 2.0], 4, b=[0.1, 0, 0, 0.3])
    >>> found = sl.observables.belief_propagation(tree, beta=0.7)
    >>> found.converged, bool(np.isclose(found.log_partition, sl.log_partition(tree, 0.7), rtol=1e-14))
    (True, True)
    """
    model = as_model(model)
    beta = as_real(beta, "beta", 0.0)
    n_sweeps = as_count(n_sweeps, "n_sweeps")
    tolerance = as_real(tolerance, "tolerance", 0.0, exclusive=True)
    generator = as_generator(rng)
    sparse: SparseIsing = model if isinstance(model, SparseIsing) else model.to_sparse()
    form = sparse.form()
    indptr, indices = form.indptr.astype(np.int64), form.indices.astype(np.int64)
    with np.errstate(over="ignore"):
        J, b = beta * form.data, beta * form.b
        # Free energies add up to twice all of them; the sum over J has each coupling twice.
        if not np.isfinite(4.0 * (np.abs(J).sum() + np.abs(b).sum() + abs(beta * model.offset))):
            raise ValueError(f"beta = {beta:g} times the couplings and fields overflows; lower beta")
    back = _reverse(indptr, indices)
    start = _start(initial, J, indices, generator, model.n_spins)
    total, residual, converged = 0, np.inf, False
    for damping in _DAMPINGS:
        u = start.copy()
        done, residual = _sweeps(indptr, J, b, back, u, damping, n_sweeps, tolerance)
        total += done
        if converged := bool(residual <= tolerance):
            break

    row = np.repeat(np.arange(model.n_spins), np.diff(indptr))
    field = b + np.bincount(row, u, model.n_spins)
    cavity = field[row] - u  # of i without j, on the edge e = (i, j): u[e] comes from j
    forward = row < indices
    h, g = cavity[forward], cavity[back[forward]]
    c = _pair_correlation(J[forward], h, g)
    # Z_i over the messages, divided by Z_ij for every edge that has been counted twice.
    sites = _log_2cosh(field).sum() + (_log_norm(J, cavity[back]) - _log_2cosh(cavity[back])).sum()
    pairs = (_log_pair(J[forward], h, g) - _log_2cosh(h) - _log_2cosh(g)).sum()
    m, couplings = np.tanh(field), form.data[forward]
    growth, variance = _growth(indptr, indices, J, cavity, back)
    return Beliefs(
        magnetisation=m,
        i=row[forward],
        j=indices[forward],
        correlation=c,
        log_partition=float(sites - pairs - beta * model.offset),
        mean_energy=float(model.offset - couplings @ c - form.b @ m),
        converged=converged,
        residual=float(residual),
        n_sweeps=total,
        growth=growth,
        variance_growth=variance,
    )


def _reverse(indptr: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Where the edge (j, i) stands, for every edge (i, j)."""
    row = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    return np.lexsort((row, indices))[np.argsort(np.lexsort((indices, row)))]


def _start(initial: Any, J: np.ndarray, to: np.ndarray, rng: np.random.Generator, n: int) -> np.ndarray:
    if initial is None:
        return np.zeros(len(J))
    if isinstance(initial, str):
        if initial != "random":
            raise ValueError(f"initial must be None, 'random' or a state of {n} spins, got {initial!r}")
        return J * rng.uniform(-1, 1, len(J))
    s = as_spins(initial, n, "initial")
    if s.ndim != 1:
        raise ValueError(f"initial must be one state of shape ({n},), got shape {s.shape}")
    return _POLARISED * J * s[to]


def _log_2cosh(x: np.ndarray) -> np.ndarray:
    return np.abs(x) + np.log1p(np.exp(-2 * np.abs(x)))


def _log_norm(J: np.ndarray, h: np.ndarray) -> np.ndarray:
    """ln A of sum_t exp(J s t + h t) = A exp(u s)."""
    return (_log_2cosh(J + h) + _log_2cosh(J - h)) / 2


def _log_pair(J: np.ndarray, h: np.ndarray, g: np.ndarray) -> np.ndarray:
    """ln sum_{s,t} exp(J s t + h s + g t)."""
    return np.logaddexp(J + _log_2cosh(h + g), -J + _log_2cosh(h - g))


def _pair_correlation(J: np.ndarray, h: np.ndarray, g: np.ndarray) -> np.ndarray:
    """<s t> under exp(J s t + h s + g t)."""
    return np.tanh(J + (_log_2cosh(h + g) - _log_2cosh(h - g)) / 2)


def _growth(
    indptr: np.ndarray, indices: np.ndarray, J: np.ndarray, cavity: np.ndarray, back: np.ndarray
) -> tuple[float, float]:
    """Largest |eigenvalue| of the linearised messages, with signs and with squares."""
    t, x = np.tanh(J), np.tanh(cavity)
    # Of the message that leaves along e = (i, j), by the field of i without j.
    slope = t * (1 - x * x) / np.maximum(1 - (t * x) ** 2, np.finfo(float).tiny)
    row = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    if _is_forest(row[slope != 0], indices[slope != 0], len(indptr) - 1):
        return 0.0, 0.0  # every perturbation dies out
    return _radius(slope, row, back), _radius(slope**2, row, back)


def _is_forest(i: np.ndarray, j: np.ndarray, n: int) -> bool:
    import scipy.sparse

    graph = scipy.sparse.coo_array((np.ones(len(i)), (i, j)), shape=(n, n))
    components = scipy.sparse.csgraph.connected_components(graph, directed=False)[0]
    return len(np.unique(np.minimum(i, j) * n + np.maximum(i, j))) == n - components


def _radius(slope: np.ndarray, row: np.ndarray, back: np.ndarray) -> float:
    """Spectral radius of x[(i, j)] -> slope[(i, j)] sum_{k != j} x[(k, i)], a non-backtracking walk."""
    n, n_messages = int(row.max()) + 1, len(row)

    def step(x: np.ndarray) -> np.ndarray:
        came = x.ravel()[back]  # at (i, j): what came from j to i
        return slope * (np.bincount(row, came, n)[row] - came)

    if n_messages <= _DENSE:
        return float(np.abs(np.linalg.eigvals(np.array([step(x) for x in np.eye(n_messages)]))).max())
    x, logs = np.random.default_rng(0).uniform(0.5, 1, n_messages), np.empty(_STEPS)
    for k in range(_STEPS):
        x = step(x)
        norm = float(np.linalg.norm(x))
        if norm == 0.0:
            return 0.0
        x, logs[k] = x / norm, np.log(norm)
    # Complex pairs turn and a band of equal moduli mixes: no single step shows the growth, their mean does.
    return float(np.exp(logs[_STEPS // 2 :].mean()))


@kernel
def _sweeps(
    indptr: np.ndarray,
    J: np.ndarray,
    b: np.ndarray,
    back: np.ndarray,
    u: np.ndarray,
    damping: float,
    n_sweeps: int,
    tolerance: float,
) -> Any:
    """Forth and back through the sites; u[(i, j)] is the message from j to i. Returns sweeps, last change."""
    n = len(b)
    change = 0.0
    for sweep in range(n_sweeps):
        change = 0.0
        for k in range(n):
            i = k if sweep % 2 == 0 else n - 1 - k
            field = b[i]
            for e in range(indptr[i], indptr[i + 1]):
                field += u[e]
            for e in range(indptr[i], indptr[i + 1]):
                h = field - u[e]
                old = u[back[e]]
                product = np.tanh(J[e]) * np.tanh(h)
                if abs(product) < 0.5:
                    new = np.arctanh(product)
                else:  # (ln cosh(J + h) - ln cosh(J - h)) / 2, which holds where tanh is 1
                    x, y = abs(J[e] + h), abs(J[e] - h)
                    new = (x - y + np.log1p(np.exp(-2 * x)) - np.log1p(np.exp(-2 * y))) / 2
                new = damping * old + (1 - damping) * new
                change = max(change, abs(new - old) / (1 + abs(old)))
                u[back[e]] = new
        if change <= tolerance:
            return sweep + 1, change
    return n_sweeps, change
