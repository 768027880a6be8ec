"""Single-spin dynamics: the loop behind Gibbs sampling, Metropolis and annealing, for any form and order."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from .._core.forms import Dense, Form, Pattern, PatternBipartite, Sparse
from .._core.heat_bath import SITES, acceptances, heat_share, logits
from .._core.interpreted import can_wait
from .._core.jit import kernel
from .._core.parallel import map_threads
from .._core.philox import ORDER, UPDATE, philox
from .._core.primitives import cache_size, field, fill, flip
from .._core.progress import meter
from .._core.request import Request
from .._core.walkers import Group, Walkers, walk
from ..models import IsingModel
from ._dense_steps import DenseLanes, DenseWalkers, tiles_of, unit_of_float32, visit_lanes
from ._multispin import WORD, bonds_for, word_starter
from ._pattern_steps import PatternWalkers, Rows, energies
from ._pattern_steps import visit_lanes as visit_pattern_lanes
from ._scales import typical_field
from ._sparse_steps import MOST_NEIGHBOURS, SparseWalkers

# Fields are updated at every flip and recomputed this often, which keeps their rounding near 1e-14.
_REFRESH = 256
# Chains per task; a multiple of 4 because four chains share one Philox counter.
CHAINS = 16
_ASKED = 4  # the same where somebody may interrupt
_WITHOUT_LANES = 4e-9  # seconds that an update of a dense model takes longer
_WITHOUT_PATTERN_LANES = 1e-8, 4e-10  # the same of patterns, and by each overlap

RULES = ("metropolis", "gibbs")


def evolve(
    model: IsingModel,
    request: Request,
    s: np.ndarray,
    moved: np.ndarray,
    records: np.ndarray,
    label: str,
    interrupt: Callable[[], object] | None = None,
    tiles: bool = True,
) -> int:
    """Advance the chains ``s`` in place to the last stop; fill ``moved``, and ``records`` at the stops.

    ``interrupt`` is asked before every four chains but the first four (every 64 where they share a word), by
    the thread that would begin them (not on the GPU); once it says True, no others begin. Returns how many
    chains came to the end. ``tiles`` False takes the same steps without a copy of a dense model's couplings.
    """
    bonds = bonds_for(model, request, len(s))
    if model.device == "gpu":
        from .._core.cuda import chains

        form, typical = _card_form(model, request.dtype), typical_field(model)
        with meter(len(s) * request.stops[-1], label) as shown:
            chains.evolve(form, request, typical, s, moved, records, shown)
        return len(s)
    everyone = Group(np.ones(len(s)), s, moved, 0)
    if bonds is not None:
        start, size = word_starter(bonds, model, request), WORD
    else:
        start, size = starter(model, request, len(s), tiles), CHAINS if interrupt is None else _ASKED
    lock, halted = threading.Lock(), False

    def run(first: int) -> int:
        nonlocal halted
        if first and interrupt is not None:
            with lock:
                halted = halted or bool(interrupt())
            if halted:
                return 0
        own = slice(first, first + size)
        walk(start(everyone.part(own)), request, records[:, own], shown)
        return len(s[own])

    with meter(len(s) * request.stops[-1], label) as shown:
        return sum(map_threads(run, range(0, len(s), size), request.threads))


def starter(
    model: IsingModel, request: Request, n_chains: int, tiles: bool = True
) -> Callable[[Group], Walkers]:
    """Starts the fastest loop for the model on groups of CHAINS, or all, of ``n_chains`` chains."""
    typical = typical_field(model)
    if model.device == "gpu":
        from .._core.cuda import chains

        form = _card_form(model, request.dtype)
        kind = chains.kind(form, request.order)
        return lambda group: kind(form, request, typical, group)
    form = model.form()
    sequential = request.order == "sequential"
    if sequential and isinstance(form, Dense) and tiles:
        cut = tiles_of(form, np.dtype(request.dtype))
        longer = _WITHOUT_LANES * n_chains * model.n_spins * request.n_steps
        lanes = n_chains >= CHAINS // 2 and not can_wait(visit_lanes, longer)
        walkers = DenseLanes if lanes else DenseWalkers
        return lambda group: walkers(cut, request, typical, group)
    _refuse_float32(request.dtype)
    if sequential and isinstance(form, Pattern | PatternBipartite) and n_chains >= CHAINS // 2:
        own, each = _WITHOUT_PATTERN_LANES
        longer = (own + each * cache_size(form)) * n_chains * model.n_spins * request.n_steps
        slow = can_wait(visit_pattern_lanes, longer)
        of_patterns = SlowPatternWalkers if slow else PatternWalkers
        return lambda group: of_patterns(form, request, typical, group)
    few = isinstance(form, Sparse) and len(form.data) <= MOST_NEIGHBOURS * model.n_spins
    if sequential and isinstance(form, Sparse) and few and n_chains >= CHAINS // 2:
        return lambda group: SparseWalkers(form, request, typical, group)
    return lambda group: AnyWalkers(form, request, typical, group)


def _card_form(model: IsingModel, dtype: str) -> Form:
    """The form whose loop on the GPU is fastest: many patterns are written out densely."""
    from .._core.cuda.chains import MAX_PATTERNS

    form = model.form()
    if isinstance(form, Pattern) and form.xi.shape[1] > MAX_PATTERNS:
        form = model.to_dense().form()
    if not isinstance(form, Dense):
        _refuse_float32(dtype)
    elif dtype == "float32" and not 1e-30 < (unit := unit_of_float32(form)) < 1e30:
        raise ValueError(
            "on the GPU dtype='float32' takes models whose largest coupling is between 1e-30 and 1e30, "
            f"got about {unit:g}: use model.scaled, or dtype='float64'"
        )
    return form


def _refuse_float32(dtype: str) -> None:
    if dtype == "float32":
        raise ValueError("dtype='float32' is for dense models in sequential order; leave dtype out")


class AnyWalkers:
    """Chains on any form, in any order."""

    def __init__(self, form: Form, request: Request, typical: float, group: Group) -> None:
        self.form, self.s, self.factors = form, group.s, group.factors
        self.cache = np.empty((len(self.s), cache_size(form)))
        self._rest = (request.metropolis, typical, request.order == "random", request.betas)
        self._chains = (group.moved, request.key, group.first)

    def advance(self, start: int, stop: int) -> None:
        """Take the steps start..stop-1."""
        metropolis, typical, random, betas = self._rest
        _steps(
            self.form,
            metropolis,
            typical,
            random,
            betas,
            self.factors,
            self.s,
            self.cache,
            *self._chains,
            start,
            stop,
        )

    def energy(self, out: np.ndarray) -> None:
        """Energies without the model's offset."""
        _energy(self.form, self.s, self.cache, out)


class SlowPatternWalkers(AnyWalkers):
    """Chains on a pattern model as PatternWalkers has them, to the last bit of an energy, without lanes."""

    def __init__(
        self, form: Pattern | PatternBipartite, request: Request, typical: float, group: Group
    ) -> None:
        super().__init__(form, request, typical, group)
        self._rows = Rows.of(form)

    def energy(self, out: np.ndarray) -> None:
        """Energies without the model's offset."""
        out[:] = energies(self._rows, np.ascontiguousarray(self.cache.T), self.s)


@kernel
def _steps(p, metropolis, typical, random, betas, factors, s, c, moved, key, first, start, stop):  # type: ignore[no-untyped-def]
    """Steps start..stop-1 of the chains first..first+len(s)-1, any form and order."""
    n_chains, n = s.shape
    threshold, heat = np.empty((8, SITES)), np.empty(4)
    for t in range(start, stop):
        twice_beta = 2.0 * betas[min(t, len(betas) - 1)]
        if t % _REFRESH == 0:
            for r in range(n_chains):
                fill(p, s[r], c[r])
        for g in range(0, n_chains, 4):
            group = (first + g) >> 2
            for lane in range(4):
                heat[lane] = heat_share(twice_beta * factors[min(g + lane, n_chains - 1)] * typical)
            for low in range(0, n, SITES):
                if metropolis:
                    acceptances(key, low, group, t, UPDATE, heat, threshold)
                else:
                    logits(key, low, group, t, UPDATE, threshold)
                for visit in range(low, min(low + SITES, n)):
                    sites = philox(key, visit, group, t, ORDER) if random else (visit, visit, visit, visit)
                    for lane in range(min(4, n_chains - g)):
                        r = g + lane
                        i = (np.int64(sites[lane]) * n) >> 32 if random else visit
                        x = twice_beta * factors[r] * field(p, c[r], s[r], i)
                        if metropolis:
                            flips = s[r, i] * x < threshold[lane, visit - low]
                        else:
                            flips = (x > threshold[lane, visit - low]) != (s[r, i] > 0)
                        if flips:
                            flip(p, c[r], s[r], i)
                            moved[r, i] = True


@kernel
def _energy(p, s, c, out):  # type: ignore[no-untyped-def]
    """E = -(1/2) sum_i s_i (h_i + b_i) from the cached fields."""
    for r in range(len(s)):
        total = 0.0
        for i in range(s.shape[1]):
            total += s[r, i] * (field(p, c[r], s[r], i) + p.b[i])
        out[r] = -0.5 * total
