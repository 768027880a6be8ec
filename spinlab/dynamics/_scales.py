"""Scales of a model that set default temperatures and tolerances."""

from __future__ import annotations

import numpy as np

from .._core.forms import Pattern, PatternBipartite
from ..models import IsingModel


def beta_range(model: IsingModel) -> tuple[float, float]:
    """Default inverse temperatures: ln 2 over the largest and ln 100 over the smallest change of energy."""
    largest = 2 * float(field_bounds(model).max())
    if largest == 0.0:
        return 1.0, 1.0
    J = model.to_sparse()._J.data if model.n_spins <= 5000 else np.zeros(0)
    sizes = np.abs(np.concatenate([J, model.b]))
    sizes = sizes[sizes > largest / 2000]
    smallest = 2 * float(sizes.min()) if sizes.size else largest / 1000
    return float(np.log(2)) / largest, float(np.log(100)) / smallest


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
