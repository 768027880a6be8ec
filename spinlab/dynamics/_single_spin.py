"""Single-spin heat bath: the loop behind Gibbs sampling and annealing, for any form and order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._core.forms import Dense, Form, Pattern
from .._core.heat_bath import SITES, logits
from .._core.jit import kernel
from .._core.parallel import map_threads
from .._core.philox import ORDER, UPDATE, philox
from .._core.primitives import cache_size, field, fill, flip
from ..models import IsingModel
from ._dense_steps import dense_steps
from ._pattern_steps import pattern_steps

# Fields are updated at every flip and recomputed this often, which keeps their rounding near 1e-14.
_REFRESH = 256
# Chains per task; a multiple of 4 because four chains share one Philox counter.
CHAINS = 16
# Stands for infinite beta: any field but zero decides the spin, a zero field leaves it to chance.
COLDEST = 1e300

Steps = Callable[[int, int], None]


def evolve(
    model: IsingModel,
    betas: np.ndarray,
    s: np.ndarray,
    moved: np.ndarray,
    records: np.ndarray,
    stops: list[int],
    key: np.uint64,
    order: str = "sequential",
    dtype: str = "float64",
    threads: int | None = None,
) -> None:
    """Advance the chains ``s`` in place to step ``stops[-1]``; fill ``moved``, and ``records`` at the stops.

    Step t is taken at inverse temperature ``betas[t]``; the last entry holds from there on.
    """
    form = model.form()
    if dtype == "float32" and not (isinstance(form, Dense) and order == "sequential"):
        raise ValueError("dtype='float32' is for dense models in sequential order; leave dtype out")
    start = _starter(form, order, dtype, len(s))

    def run(first: int) -> None:
        own = slice(first, first + CHAINS)
        steps = start(betas, s[own], moved[own], key, first)
        done = 0
        for k, stop in enumerate(stops):
            steps(done, stop)
            done = stop
            if k < len(records):
                records[k, own] = s[own]

    map_threads(run, range(0, len(s), CHAINS), threads)


def _starter(form: Form, order: str, dtype: str, n_chains: int) -> Callable[..., Steps]:
    """The fastest loop: called with (betas, s, moved, key, first chain) it returns steps(start, stop)."""
    if order == "sequential" and isinstance(form, Dense):
        return dense_steps(form, np.dtype(dtype))
    if order == "sequential" and isinstance(form, Pattern) and n_chains >= CHAINS // 2:
        return pattern_steps(form)

    def steps(betas: np.ndarray, s: np.ndarray, moved: np.ndarray, key: np.uint64, first: int) -> Steps:
        cache = np.empty((len(s), cache_size(form)))
        random = order == "random"
        return lambda start, stop: _heat_bath(form, betas, s, cache, moved, key, first, start, stop, random)

    return steps


@kernel
def _heat_bath(p, betas, s, c, moved, key, first, start, stop, random):  # type: ignore[no-untyped-def]
    """Steps start..stop-1 of the chains first..first+len(s)-1, any form and order."""
    n_chains, n = s.shape
    logit = np.empty((8, SITES))
    for t in range(start, stop):
        twice_beta = 2.0 * betas[min(t, len(betas) - 1)]
        if t % _REFRESH == 0:
            for r in range(n_chains):
                fill(p, s[r], c[r])
        for g in range(0, n_chains, 4):
            group = (first + g) >> 2
            for low in range(0, n, SITES):
                logits(key, low, group, t, UPDATE, logit)
                for visit in range(low, min(low + SITES, n)):
                    sites = philox(key, visit, group, t, ORDER) if random else (visit, visit, visit, visit)
                    for lane in range(min(4, n_chains - g)):
                        r = g + lane
                        i = (np.int64(sites[lane]) * n) >> 32 if random else visit
                        up = twice_beta * field(p, c[r], s[r], i) > logit[lane, visit - low]
                        if up != (s[r, i] > 0):
                            flip(p, c[r], s[r], i)
                            moved[r, i] = True
