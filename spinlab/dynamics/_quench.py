"""Heat bath at zero temperature: the quick end of a search."""

from __future__ import annotations

import numpy as np

from .._core.request import COLDEST, Request
from ..models import IsingModel
from ._single_spin import evolve

QUENCH = 10  # steps at zero temperature that end in, or next to, a local minimum


def quench(
    model: IsingModel, s: np.ndarray, key: np.uint64, threads: int | None, *, tiles: bool = True
) -> None:
    """Steps of every state at zero temperature, in place; spins without a field are left to chance.

    For a few states a copy of the couplings in ``tiles`` takes longer than the steps.
    """
    request = Request.check("gibbs", QUENCH, len(s), COLDEST, key, threads=threads)
    moved, records = np.zeros(s.shape, dtype=np.bool_), request.no_records(s.shape[1])
    evolve(model, request, s, moved, records, "quench", tiles=tiles)
