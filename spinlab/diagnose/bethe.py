"""Lines of a sparse graph at its paramagnet: where perturbations grow along walks that do not turn back.

The variance of random fields grows by the largest eigenvalue of the non-backtracking matrix with weights
tanh^2(c J): the glass. Order grows along a direction that the Bethe Hessian shows,

    H_ij = delta_ij (1 + sum_k t_ik^2/(1 - t_ik^2)) - t_ij/(1 - t_ij^2),  t = tanh(c J),

which has a negative eigenvalue where the non-backtracking matrix of t has a real one above 1 (A. Saade, F.
Krzakala, L. Zdeborova, NIPS 27 (2014)). Neither sits on hubs, as the leading eigenvectors of J do: a walk
that may not turn back gains nothing from going to a hub and back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

_LOW, _HIGH = -12.0, 30.0  # ln of the factor on the couplings, times the largest of them
_STEPS = 30  # of bisection
_WALK, _PERIODS = 60, 12
_SATURATED = 1 - 1e-6  # of tanh: the sign of the lowest eigenvalue must not drown in rounding
_DENSE = 600  # sites up to which all pairs are written out
_MOST_DIRECTIONS = 8
_ZERO = -1e-9


@dataclass(frozen=True)
class BetheLines:
    """ln of the factor on all couplings at which the paramagnet of the graph turns unstable.

    Attributes
    ----------
    log_glass : float
        Towards random perturbations; infinite on trees and rings.
    log_order : float
        Along a direction, if that comes before the glass; otherwise infinite.
    directions : ndarray, shape (N, k)
        Those that are unstable at the glass, or where the first turns unstable if there is none; of unit mean
        square, up to 8.
    participation : float
        Share of the sites, (sum x^2)^2/(N sum x^4), on which the first direction lives; nan without one.
    """

    log_glass: float
    log_order: float
    directions: np.ndarray
    participation: float


def bethe_lines(J: Any, *, balanced: bool = False, log_glass: float | None = None) -> BetheLines:
    """Lines of symmetric couplings (csr); ``balanced``: no loop is frustrated, so there is no glass.

    With ``log_glass`` the line of the glass is known: walks on graphs of all pairs are long.
    """
    n = J.shape[0]
    low, high = (x - math.log(float(np.abs(J.data).max())) for x in (_LOW, _HIGH))
    if log_glass is None:
        step = _walker(J)
        log_glass = _crossing(lambda c: _growth(step, np.tanh(c * J.data) ** 2) > 1, low, high)
    log_order, x = math.inf, np.empty((n, 0))
    end = high if balanced or math.isinf(log_glass) else log_glass
    if _unstable(J, math.exp(end)):
        log_order = _crossing(lambda c: _unstable(J, c), low, end)
        at = log_order + 1e-3 if balanced or math.isinf(log_glass) else log_glass
        values, vectors = lowest(J, math.exp(at))
        x = vectors[:, values < max(values[0] * 1e-9, _ZERO)] * math.sqrt(n)
    share = float(1 / (x[:, 0] ** 4).mean()) if x.shape[1] else math.nan
    return BetheLines(math.inf if balanced else log_glass, log_order, x, share)


def lowest(J: Any, c: float) -> tuple[np.ndarray, np.ndarray]:
    """Lowest eigenvalues, up to 8, of the Bethe Hessian of c J scaled to a diagonal of ones, and vectors."""
    import scipy.linalg
    import scipy.sparse.linalg

    H, scale = _hessian(J, c)
    n = len(scale)
    k = min(_MOST_DIRECTIONS, n)
    if n <= _DENSE:
        values, x = scipy.linalg.eigh(H.toarray() + np.eye(n), subset_by_index=[0, k - 1])
    else:
        start = np.random.default_rng(0).standard_normal(n)
        values, x = scipy.sparse.linalg.eigsh(H, k, which="SA", v0=start, tol=1e-6)
        values = values + 1
    x = x * scale[:, None]  # of H itself: a congruence keeps the signs of the eigenvalues
    return values, x / np.linalg.norm(x, axis=0)


def _unstable(J: Any, c: float) -> bool:
    """Whether an eigenvalue is negative."""
    import scipy.sparse.linalg

    H, scale = _hessian(J, c)
    n = len(scale)
    if n <= _DENSE:
        try:
            np.linalg.cholesky(H.toarray() + (1 - _ZERO) * np.eye(n))
        except np.linalg.LinAlgError:
            return True
        return False
    start = np.random.default_rng(0).standard_normal(n)
    k = min(_MOST_DIRECTIONS, n)
    found = scipy.sparse.linalg.eigsh(H, k, which="SA", v0=start, tol=1e-6, return_eigenvectors=False)
    return bool(found.min() + 1 < _ZERO)


def _hessian(J: Any, c: float) -> tuple[Any, np.ndarray]:
    """The Bethe Hessian of c J scaled to a diagonal of ones, less these; the scale."""
    import scipy.sparse

    n = J.shape[0]
    t = np.clip(np.tanh(c * J.data), -_SATURATED, _SATURATED)
    weight = 1 / (1 - t * t)
    row = np.repeat(np.arange(n), np.diff(J.indptr))
    scale = 1 / np.sqrt(1 + np.bincount(row, t * t * weight, n))
    entries = -t * weight * scale[row] * scale[J.indices]
    return scipy.sparse.csr_array((entries, J.indices, J.indptr), (n, n)), scale


def _walker(J: Any) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """x[(i, j)] -> weight[(i, j)] sum_{k != j} x[(k, i)]."""
    n = J.shape[0]
    row = np.repeat(np.arange(n), np.diff(J.indptr))
    back = np.lexsort((row, J.indices))[np.argsort(np.lexsort((J.indices, row)))]

    def step(weight: np.ndarray, x: np.ndarray) -> np.ndarray:
        came = x[back]
        return weight * (np.bincount(row, came, n)[row] - came)

    return step


def growth(J: Any, weight: np.ndarray) -> float:
    """Of what walks along bonds (csr, symmetric) times ``weight`` without turning back, per step."""
    return _growth(_walker(J), weight)


def _growth(step: Callable[[np.ndarray, np.ndarray], np.ndarray], weight: np.ndarray) -> float:
    x, norms = np.ones(len(weight)), np.zeros(_WALK)
    for k in range(_WALK):
        x = step(weight, x)
        norms[k] = np.linalg.norm(x)
        if norms[k] == 0.0:
            return 0.0
        x /= norms[k]
    # Between kinds of sites, as hubs and others, steps alternate: whole periods of two, three and four.
    return float(np.exp(np.log(norms[-_PERIODS:]).mean()))


def _crossing(is_above: Callable[[float], bool], low: float, high: float) -> float:
    """ln of the factor where a growing condition becomes true; infinite if it does not."""
    if not is_above(math.exp(high)):
        return math.inf
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_above(math.exp(middle)) else (middle, high)
    return (low + high) / 2
