"""The temperatures between which a search has to cool."""

from __future__ import annotations

import numpy as np

from .._core.philox import random_spins
from .._core.rng import as_key
from ..models import IsingModel
from .descent import descend

_STATES = 16
_WEAK = 0.05  # quantile of the fields in a minimum that has to freeze
_RARE = 0.05  # how often such a spin is still flipped


def beta_span(model: IsingModel, generator: np.random.Generator) -> tuple[float, float]:
    """Inverse temperatures from where the fields of random states are thermal to where minima are frozen."""
    s = random_spins(as_key(generator), _STATES, model.n_spins)
    size = float(np.sqrt(np.square(model.local_fields(s)).mean()))
    if size == 0.0:
        return 0.5, 1.0
    minima = descend(model, _STATES, initial=s, rng=generator).states
    strength = np.abs(model.local_fields(minima))
    weak = float(np.quantile(strength[strength > 1e-9 * size], _WEAK))
    hot = 0.5 / size
    return hot, max(2 * hot, -np.log(_RARE) / (2 * max(weak, 1e-3 * size)))
