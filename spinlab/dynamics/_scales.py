"""What samplers ask of a model: scales of its fields, and the form whose loops are fastest."""

from __future__ import annotations

import numpy as np

from .._core.forms import Pattern, PatternBipartite
from ..models import IsingModel, SparseIsing

_DENSE = 0.25  # couplings per pair from which the dense loops are faster than the sparse ones


def fast_form(model: IsingModel) -> IsingModel:
    """The same model, dense if it is sparse in name only."""
    N = model.n_spins
    if isinstance(model, SparseIsing) and N <= 5000 and model.n_edges > _DENSE * N * (N - 1) / 2:
        return model.to_dense()
    return model


def hottest(model: IsingModel) -> float:
    """Inverse temperature at which the largest possible field is flipped against half the time."""
    largest = 2 * float(field_bounds(model).max())
    return float(np.log(2)) / largest if largest else 1.0


def field_bounds(model: IsingModel) -> np.ndarray:
    """Largest field that each spin can feel, sum_j |J_ij| + |b_i| (for patterns: a bound on it)."""
    form = model.form()
    if isinstance(form, Pattern):
        return abs(form.scale) * np.abs(form.xi) @ np.abs(form.xi).sum(0) + np.abs(form.b)
    if isinstance(form, PatternBipartite):
        v, h = np.abs(form.xi[: form.V]), np.abs(form.xi[form.V :])
        bounds = np.concatenate([v @ h.sum(0), h @ v.sum(0)])
        return abs(form.scale) * bounds + np.abs(form.b)
    return np.asarray(abs(model.to_sparse()._J).sum(1)).ravel() + np.abs(model.b)
