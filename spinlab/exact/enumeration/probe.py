"""A short look at the search tree of a model: how long the pruned search will take.

The search solves the last spins by themselves first, one more each time; how their work grows from one to
the next says how it goes on. Once all are solved, a few chunks of the search itself are sampled. Ways down
the tree are counted, not seconds, so that the answer is the same on every machine.
"""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from ..._core.parallel import n_threads
from ...models import IsingModel
from .search import Search, above_ground

QUICK = 30.0  # seconds on one core; what takes longer is refused
_SECONDS_PER_WAY = 2.5e-7  # down the tree; the states of a block count as eight
_LOOK = 4_000_000  # ways that are always looked at: a second
_SPAN = 6  # spins over which growth is measured
_SLOWS = 0.3  # growth slows down: the work of spin glasses is so much of what it foretells
_SAMPLE, _CAP = 8, 200_000  # chunks, and ways in each


class Look(NamedTuple):
    """Seconds on one core: of the last spins, which one thread solves, and of the rest, which all share."""

    last_spins: float
    rest: float
    search: Search | None  # with its last spins solved, if the look went that far

    @property
    def on_one_core(self) -> float:
        return self.last_spins + self.rest

    def seconds(self) -> float:
        """On all threads."""
        return self.last_spins + self.rest / n_threads()


_known: WeakKeyDictionary[IsingModel, Look] = WeakKeyDictionary()


def look(model: IsingModel) -> Look:
    """How long the search for the ground state takes, by estimate; kept with the model."""
    if model not in _known:
        _known[model] = _look(model)
    return _known[model]


def prepared(model: IsingModel) -> Search | None:
    """The search with its last spins solved, if a look at the model went that far."""
    return _known[model].search if model in _known else None


def _look(model: IsingModel) -> Look:
    search = Search(model, prune=False)
    work: list[int] = []
    for ways in search.solve_last_spins():
        work.append(ways)
        if sum(work) > _LOOK and (ahead := _ahead(work, search)) > QUICK / _SECONDS_PER_WAY:
            return Look(ahead * _SECONDS_PER_WAY, 0.0, None)  # most of which the last spins would take
    search.threshold = above_ground(search.G, search.eps)
    chunks = np.unique(np.linspace(0, search.n_chunks - 1, min(_SAMPLE, search.n_chunks)).astype(np.int64))
    sample = [search.minimum(int(chunk), _CAP)[1] for chunk in chunks]
    rest = float(np.mean(sample)) * search.n_chunks
    if max(sample) >= _CAP:  # these may go on for long: as long as the last spins say
        rest = max(rest, _ahead(work, search))
    return Look(sum(work) * _SECONDS_PER_WAY, rest * _SECONDS_PER_WAY, search)


def _ahead(work: list[int], search: Search) -> float:
    """Work from here to the end, if it grows with each spin as it did."""
    last, before = sum(work[-_SPAN:]) / _SPAN, sum(work[-2 * _SPAN : -_SPAN]) / _SPAN
    growth = min(2.0, max(1.0, (last / max(before, 1.0)) ** (1 / _SPAN)))
    spins = search.n_free - (search.smallest + len(work))
    return _SLOWS * last * growth ** (spins + _SPAN / 2) / max(1 - 1 / growth, 0.1)
