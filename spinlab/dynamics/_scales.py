"""What samplers ask of a model: scales of its fields, and the form whose loops are fastest."""

from __future__ import annotations

import math
from weakref import WeakKeyDictionary

import numpy as np

from .._core.forms import Bipartite, Dense, Pattern, PatternBipartite
from ..models import IsingModel, SparseIsing

_TYPICAL_FIELDS: WeakKeyDictionary[IsingModel, float] = WeakKeyDictionary()
_PLAIN = 1e-100, 1e100  # sums of squares between these lose nothing to under- or overflow
_ROWS = 64
_DENSE = 0.25  # couplings per pair from which the dense loops are faster than the sparse ones


def fast_form(model: IsingModel) -> IsingModel:
    """The same model, dense if it is sparse in name only."""
    N = model.n_spins
    if isinstance(model, SparseIsing) and N <= 5000 and model.n_edges > _DENSE * N * (N - 1) / 2:
        return model.to_dense()
    return model


def typical_field(model: IsingModel) -> float:
    """Root mean square of sum_j J_ij s_j over random states and all sites.

    Given to ten bits, so that all forms of a model agree on it. Models do not change, so it is kept.
    """
    if model not in _TYPICAL_FIELDS:
        _TYPICAL_FIELDS[model] = _typical_field(model)
    return _TYPICAL_FIELDS[model]


def _typical_field(model: IsingModel) -> float:
    form = model.form()
    size = 1.0
    if isinstance(form, Dense):
        largest, squares = _squares(form.J)
    elif isinstance(form, Bipartite):
        largest, squares = _squares(form.W)
        squares *= 2
    elif isinstance(form, Pattern):  # sum_ij J_ij^2 of all pairs is that of the patterns' K x K products
        size = abs(form.scale)
        largest, xi = _scaled(form.xi)
        squares = float(np.square(xi.T @ xi).sum() - np.square(np.square(xi).sum(1)).sum())
        largest *= largest
    elif isinstance(form, PatternBipartite):
        size = abs(form.scale)
        (a, v), (b, h) = _scaled(form.xi[: form.V]), _scaled(form.xi[form.V :])
        squares, largest = 2 * float(((v.T @ v) * (h.T @ h)).sum()), a * b
    else:
        largest, squares = _squares(form.data)
    fraction, exponent = math.frexp(size * largest * math.sqrt(max(squares, 0.0) / model.n_spins))
    return math.ldexp(round(fraction * 1024) / 1024, exponent)


def _squares(x: np.ndarray) -> tuple[float, float]:
    """A unit, 1 or the largest entry's size, and the sum of squares in it: none is lost to underflow."""
    with np.errstate(over="ignore", under="ignore"):
        squares = float(np.vdot(x, x))
    if _PLAIN[0] < squares < _PLAIN[1]:
        return 1.0, squares
    largest, scaled = _scaled(x)
    return largest, float(np.square(scaled).sum())


def _scaled(x: np.ndarray) -> tuple[float, np.ndarray]:
    largest = float(np.abs(x).max(initial=0.0))
    return largest, x / (largest or 1.0)


def field_bounds(model: IsingModel) -> np.ndarray:
    """Largest field that each spin can feel, sum_j |J_ij| + |b_i| (for patterns: a bound on it)."""
    form = model.form()
    if isinstance(form, Pattern):
        return abs(form.scale) * np.abs(form.xi) @ np.abs(form.xi).sum(0) + np.abs(form.b)
    if isinstance(form, PatternBipartite):
        v, h = np.abs(form.xi[: form.V]), np.abs(form.xi[form.V :])
        bounds = np.concatenate([v @ h.sum(0), h @ v.sum(0)])
        return abs(form.scale) * bounds + np.abs(form.b)
    if isinstance(form, Bipartite):
        size = np.abs(form.W)
        return np.concatenate([size.sum(1), size.sum(0)]) + np.abs(form.b)
    if isinstance(form, Dense):
        starts = range(0, len(form.J), _ROWS)  # some rows at a time, which spares a copy of J
        return np.concatenate([np.abs(form.J[i : i + _ROWS]).sum(1) for i in starts]) + np.abs(form.b)
    rows = np.repeat(np.arange(model.n_spins), np.diff(form.indptr))
    return np.bincount(rows, np.abs(form.data), model.n_spins) + np.abs(form.b)
