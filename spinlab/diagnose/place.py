"""Where the weights would sit in the diagrams of theory, if they were random."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import theory
from ..models import BipartiteIsing, IsingModel, SparseIsing
from ..observables import Spectrum

_COLDEST = 1e8  # stands for b = inf
_WARNING = (
    "the place in the diagram assumes independent random weights or patterns and infinite size; for a "
    "trained matrix it is an indication"
)


def place(model: IsingModel, spectrum: Spectrum, lines: bool = True) -> dict[str, Any]:
    """Coordinates, and the phase that theory has there, at beta = 1; with the lines at this load."""
    std = model.coupling_std()
    if isinstance(model, SparseIsing) or std == 0.0:
        return {"model": "none", "warning": "no diagram of dense random models applies"}
    K = spectrum.effective_patterns
    if isinstance(model, BipartiteIsing):
        V, H = model.V, model.H
        x = theory.coordinates.gaussian_rbm(V, H, std)
        # Participation of the singular values: 1/K_eff = 1/K + 1/V + 1/H.
        rest = 1 / K - 1 / V - 1 / H
        K = np.divide(1, rest) if rest > 0 else np.inf
        result = {"x": x, "glass_at_x": 1.0, "independent_weights": "glass" if x > 1 else "paramagnet"}
        if np.sqrt(V * H) < K:
            return result | {"model": "RBM with independent weights", "warning": _WARNING}
        at = theory.coordinates.ra_rbm(V, H, max(K, 1.0), std)
        recall = theory.bipartite.recall(at.alpha_v, at.alpha_h, min(at.b, _COLDEST))
        return result | {
            "model": "RA-RBM",
            "effective_patterns": K,
            "alpha_v": at.alpha_v,
            "alpha_h": at.alpha_h,
            "b": at.b,
            "glass_at_b": theory.bipartite.glass_line(at.alpha_v, at.alpha_h),
            "recall_overlaps": [float(getattr(recall, n)) for n in ("mu", "nu")],
            "warning": _WARNING,
        }
    N = model.n_spins
    T = theory.coordinates.sk(N, std)
    # Participation of the eigenvalues: 1/K_eff = 1/K + 2/N.
    rest = 1 / K - 2 / N
    K = np.divide(1, rest) if rest > 0 else np.inf
    result = {"T_sk": T, "glass_at_T_sk": 1.0}
    if K > N:
        name = "spin glass" if T < 1 else "paramagnet"
        return result | {"model": "SK", "theory": name, "warning": _WARNING}
    at_load = theory.coordinates.hopfield(N, max(K, 1.0), std)
    result |= {
        "model": "Hopfield",
        "effective_patterns": K,
        "alpha": at_load.alpha,
        "T": at_load.T,
        "warning": _WARNING,
    }
    if lines:
        result["theory"] = theory.hopfield.phase(at_load.alpha, at_load.T)
        result["lines"] = {
            "glass": theory.hopfield.glass_line(at_load.alpha),
            "retrieval": theory.hopfield.retrieval_line(at_load.alpha),
            "retrieval in equilibrium": theory.hopfield.coexistence_line(at_load.alpha),
        }
    return result
