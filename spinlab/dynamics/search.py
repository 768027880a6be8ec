"""Search for low states of any model: parallel tempering, cluster moves and descent."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from .._core.blas import one_blas_thread
from .._core.philox import random_spins
from .._core.progress import bars, meter, shows_progress
from .._core.results import Result
from .._core.rng import RNG, as_generator, as_key
from .._core.stopwatch import Stopwatch
from .._core.validate import as_count, as_real, as_spins
from ..models import DenseIsing, IsingModel, ModelLike, SparseIsing, as_model
from ._dense_steps import tiles_kept
from ._forest import forest_state
from ._groups import Groups
from ._quench import QUENCH, quench
from ._recombine import Pool
from ._scales import fast_form, field_bounds
from ._single_spin import CHAINS
from ._span import Span, cooling_span
from .annealing import anneal
from .cluster import strong_couplings

_CLUSTERS = 12.0  # mean number of neighbours up to which cluster moves are tried
_FEWEST, _MOST = 50, 2000  # spins of a dense model that may have clusters of strong couplings
_SHARE = 0.6  # of sum J^2 that the two strongest couplings of each site must have for it
_STEP = 1.47  # length of a step of the ladder: three exchanges of ten succeed
_COOLING = 0.5  # of n_steps
_TUNING = (0.1, 0.2, 0.2)  # of n_steps; after each the ladder is spaced anew
_RUNS, _FIRST, _LONGEST = 8, 100, 800  # annealing runs at a time before the ladders, and their steps
_SETUP_TIME = 0.1  # of ``seconds``, after which less is asked of the spectrum
# In units of a sum over all couplings: set-up, one step and the end; what looking for strong couplings takes;
# the end, besides the steps of its quench.
_SETUP_PASSES, _CLUSTER_PASSES, _END_PASSES = 40, 75, 10
_RESTARTS_TIME = 0.1  # of ``seconds`` for them, or
_RESTARTS_WORK = 4  # times the work of cooling and spacing the ladders: whichever is less
_COOLING_TIME, _ANNEALING_TIME = 0.2, 0.95  # of ``seconds``, where ladders follow and where they do not
_SPANS = 4  # a first recombination takes as long as looking for the temperatures so often, or less
_RECOMBINED = 200  # steps of annealing runs whose states are worth it
_RECOMBINING_TIME = 0.2  # of the time that has gone by
_LADDER_SWEEPS = 10  # ladders are begun if there is time for so many steps, times the number of temperatures
_LARGEST_FOREST = 20_000  # spins: 20 ms
_POINTS = 1025  # inverse temperatures between which cooling by the clock interpolates
_MAX_STEPS = 16_000
_LOOKS = 25  # pieces into which a budget of time is cut, so that it is kept when the machine slows down,
_GROWTH = 4  # or more: none is longer than a fourth of all steps so far, lest agreement waits for a look
_ROUNDING = 1e-14  # of sum |J| + sum |b|, by which the energies of one state may differ


@dataclass(frozen=True, repr=False)
class Search(Result):
    """The lowest state found, and what speaks for it.

    Attributes
    ----------
    energy : float
    state : ndarray of int8, shape (N,)
    hits : int
        Equilibrated groups of replicas that met this energy, each by itself,
    groups : int
        out of so many. That all agree makes an optimum likely and proves nothing.
    equilibrated : int
        Groups whose coldest replicas have equilibrated: ten or more ways from the hottest temperature to the
        coldest and back, and a mean energy that moved by less than twice its kT while the time doubled and is
        at most 2 kT above the lowest one found; and no more entropy at the coldest temperature than 9 or .2
        per spin, whichever is more (.12 where the ladders had to go on to colder temperatures): next to the
        many states of geometrically frustrated lattices a lower level of few states is missed by all groups
        alike (triangular ones in patches; limits of experience). Where so many states are of the lowest
        level (kagome antiferromagnets, fully frustrated square lattices), no group ever counts.
    stopped : str
        Why the search ended: "bound" (the energy meets -sum |J| - sum |b|: proven), "target", "agreement",
        "steps", "seconds" or "callback"; "running" for a callback.
    n_steps : int
        Steps that every replica took; 0 where the search ended before there were any.
    seconds : float
        Wall-clock time without compilation.
    betas : ndarray, shape (R,)
        The ladder of inverse temperatures; empty where there was no time for one.
    """

    energy: float
    state: np.ndarray
    hits: int
    groups: int
    equilibrated: int
    stopped: str
    n_steps: int
    seconds: float
    betas: np.ndarray


@shows_progress
def search(
    model: ModelLike,
    *,
    n_steps: int = 250,
    max_steps: int | None = None,
    n_groups: int = 4,
    seconds: float | None = None,
    target: float | None = None,
    initial: Any = None,
    callback: Callable[[Search], Any] | None = None,
    rng: RNG = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> Search:
    """Lowest state that independent groups of parallel tempering find.

    Each group is one ladder of replicas, or a pair of them with cluster moves where the model is sparse, or
    where the two strongest couplings of each site outweigh the others. Its temperatures are those of
    :func:`spinlab.dynamics.anneal`. All replicas are cooled, each down to its own temperature; the ladder is
    then spaced by measurement, and the rounds begin, after each of which the colder replicas are quenched.
    Where they have mixed, but at a mean energy of more than 2 kT above the lowest known one, entropy hides
    the lowest level (antiferromagnets on triangular lattices), and the ladders go on to colder temperatures.
    With ``target`` or ``seconds`` annealing runs come first, eight at a time, each time twice as long: what
    they find is found long before ladders are cooled. Low states of dense and sparse models are then
    recombined, too: the domains on which they agree become the spins of a smaller model, which is annealed
    (Houdayer and Martin, Phys. Rev. Lett. 83, 1030 (1999)). Without ``seconds`` the search ends when all
    groups but one have equilibrated and met the lowest energy.

    Parameters
    ----------
    model : IsingModel or anything :func:`spinlab.models.as_model` takes
    n_steps : int, default 250
        Steps of a round; cooling and spacing take as many together.
    max_steps : int, optional
        Budget: steps that any replica may take; 16 000 by default, without limit where ``seconds`` is given.
    n_groups : int, default 4
        Independent groups, 2 or more.
    seconds : float, optional
        Budget of wall-clock time without compilation. It is used up, whatever the groups agree on, but for a
        proof, the target or the callback (``lambda found: found.hits >= found.groups - 1`` ends a search when
        it would end without a budget); the rounds then follow the clock, so that the result depends on the
        speed of the machine. Where it is too short for ladders, all of it goes to annealing; where it is too
        short for that, as a timed sum over all couplings says, to states at zero temperature, one at least.
    target : float, optional
        Stop at a state of this energy or below.
    initial : array_like of +-1, shape (N,) or (k, N), optional
        Known states. They are handed to the groups in turn; the other groups start at random, so that their
        agreement says as much as without.
    callback : callable, optional
        Is given a :class:`Search` after every round; the search stops if it returns True.
    rng, threads, progress
        As in :func:`spinlab.dynamics.gibbs`. Without ``seconds`` the same seed gives the same bits.

    Returns
    -------
    Search

    Raises
    ------
    ValueError, TypeError
        On counts, times or states out of range.

    Examples
    --------
    >>> import spinlab as sl
    >>> model = sl.ensembles.sk(N=30, rng=0)
    >>> found = sl.dynamics.search(model, rng=0)
    >>> found.stopped, bool(abs(found.energy - sl.ground_state(model).energy) < 1e-9)
    ('agreement', True)
    """
    clock = Stopwatch()
    given = as_model(model)
    n_steps, n_groups = as_count(n_steps, "n_steps", 2), as_count(n_groups, "n_groups", 2)
    if seconds is not None:
        seconds = as_real(seconds, "seconds", 0.0, exclusive=True)
    if max_steps is None:
        max_steps = _MAX_STEPS if seconds is None else 2**62
    max_steps = as_count(max_steps, "max_steps", 2)
    target = -np.inf if target is None else as_real(target, "target")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be a function of a Search, got {type(callback).__name__}")
    known = _known_states(initial, given)
    generator = as_generator(rng)
    model = fast_form(given)
    with one_blas_thread(), tiles_kept(model):  # several threads wait for each other longer than they work
        limits = n_steps, max_steps, n_groups, seconds, target
        return _search(given, model, clock, *limits, known, callback, generator, threads)


def _search(
    given: IsingModel,
    model: IsingModel,
    clock: Stopwatch,
    n_steps: int,
    max_steps: int,
    n_groups: int,
    seconds: float | None,
    target: float,
    known: np.ndarray,
    callback: Callable[[Search], Any] | None,
    generator: np.random.Generator,
    threads: int | None,
) -> Search:
    before = clock.worked()
    lowest = _Lowest(model, n_groups)
    one_pass = clock.worked() - before  # work, not time: both differ on a busy machine
    if seconds is not None and clock.seconds() + clock.wait_for(_SETUP_PASSES * one_pass) > seconds:
        return _quenches(given, model, lowest, seconds, target, known, callback, generator, threads, clock)
    cluster, strong = False, None
    if seconds is None or clock.wait_for(_CLUSTER_PASSES * one_pass) < _SETUP_TIME * seconds:
        model, cluster, strong = _clusters(model)
    before_span = clock.seconds()
    span = cooling_span(
        model,
        generator,
        threads,
        None if seconds is None else lambda: clock.seconds() > _SETUP_TIME * seconds,
    )
    span_seconds = clock.seconds() - before_span
    betas = span.ladder(_STEP)
    one_sweep = span.sweep_work  # of one replica, or less
    ladder_sweeps = _LADDER_SWEEPS * len(betas) * len(betas) * n_groups * (2 if cluster else 1)
    anneals = seconds is not None and seconds < clock.wait_for(ladder_sweeps * one_sweep)
    if anneals:  # a few replicas, all of which end cold
        betas, cluster = span.cold * np.array([1.0 - 1e-6, 1.0]), False
    groups = Groups(
        model, n_groups, betas, cluster=cluster, strong=strong, generator=generator, threads=threads
    )
    if isinstance(given, SparseIsing) and given.n_spins <= _LARGEST_FOREST:
        forest = forest_state(given.to("cpu"))[None]
        lowest.take(forest, model.energy(forest), by_group=False)
    if len(known):
        known = known.copy()
        quench(model, known, as_key(generator), threads)
        lowest.take(known, model.energy(known), by_group=False)
    restarts = (
        0 if anneals or (seconds is None and target == -np.inf) else n_groups * groups.each * len(betas)
    )
    work = restarts * n_steps, one_sweep, span_seconds, _END_PASSES * one_pass
    pace = _Pace(n_steps, max_steps, seconds, clock, anneals, *work)

    def report(stopped: str) -> Search:
        mixed = groups.equilibrated(lowest.depth)
        return Search(
            energy=float(given.energy(lowest.state)),
            state=lowest.state,
            hits=int((mixed & lowest.hits()).sum()),
            groups=n_groups,
            equilibrated=int(mixed.sum()),
            stopped=stopped,
            n_steps=pace.done,
            seconds=clock.seconds(),
            betas=groups.betas,
        )

    def judge() -> str:
        """Why to stop after this round, or nothing."""
        if lowest.is_proven():
            return "bound"
        if lowest.energy <= target:
            return "target"
        if _is_time_to_look(len(groups.measured)):
            if groups.is_too_hot(lowest.depth):
                groups.extend()
                pace.tune()
            elif seconds is None and report("").hits >= n_groups - 1:
                return "agreement"
        return ""

    hurries = seconds is not None or target > -np.inf
    pool = None
    if hurries and isinstance(model, DenseIsing | SparseIsing):
        pool = Pool(model, generator, threads, pace.is_late)
    stopped, before = judge(), 0.0
    with meter(seconds or max_steps, "search") as shown, bars(False):
        for round in () if stopped else pace.rounds():
            if round.anneals:
                schedule = span.schedule(round.n_steps)
                runs = anneal(model, n_chains=_RUNS, betas=schedule, rng=generator, threads=threads)
                lowest.take(runs.states, runs.energy, by_group=False)
            elif round.cools:
                pace.done = groups.cool(pace.cooling(span))
                groups.place(known)
            else:
                piece = groups.advance(round.n_steps, round.n_steps // 2 if round.tunes else 0)
            if round.anneals:
                states, energy = runs.states, runs.energy
            else:
                states, energy = groups.quenched()
                lowest.take(states, energy)
            if pool is not None and pace.recombines(round, len(groups.measured)):
                lowest.take(*pool.recombine(states, energy), by_group=False)
                pace.recombined()
            if round.tunes:
                groups.respace(piece, _STEP)
            if shown is not None:
                now = pace.spent()
                shown.tick(now - before)
                before = now
            stopped = judge()
            if not stopped and callback is not None and callback(report("running")):
                stopped = "callback"
            if stopped:
                break
    return report(stopped or pace.limit())


def _quenches(
    given: IsingModel,
    model: IsingModel,
    lowest: _Lowest,
    seconds: float,
    target: float,
    known: np.ndarray,
    callback: Callable[[Search], Any] | None,
    generator: np.random.Generator,
    threads: int | None,
    clock: Stopwatch,
) -> Search:
    """What there is time for where even the set-up of a search takes too long: states at zero temperature."""
    stopped, n, each = "", 1, 0.0
    while not stopped:
        before = clock.worked()
        states = random_spins(as_key(generator), n, model.n_spins)
        if len(known):
            states, known = known.copy(), known[:0]
        quench(model, states, as_key(generator), threads, tiles=False)
        lowest.take(states, model.energy(states), by_group=False)
        # A first state takes longer than the next; the energy at the end as long as half a state or less.
        last = (clock.worked() - before) / n
        each = min(each, last) if each else last
        now = clock.seconds()
        fits = int((seconds - now) / max(clock.wait_for(each), 1e-9) - 0.5)
        n = max(1, min(2 * n, CHAINS, fits))
        found = Search(
            energy=float(given.energy(lowest.state)),
            state=lowest.state,
            hits=0,
            groups=lowest.n_groups,
            equilibrated=0,
            stopped="running",
            n_steps=0,
            seconds=now,
            betas=np.empty(0),
        )
        if lowest.is_proven():
            stopped = "bound"
        elif lowest.energy <= target:
            stopped = "target"
        elif callback is not None and callback(found):
            stopped = "callback"
        elif fits < 1:
            stopped = "seconds"
    return replace(found, stopped=stopped)


class _Round(NamedTuple):
    n_steps: int
    anneals: bool = False
    cools: bool = False
    tunes: bool = False


class _Pace:
    """How long the rounds are: fixed numbers of steps, or by the clock."""

    def __init__(
        self,
        n_steps: int,
        max_steps: int,
        seconds: float | None,
        clock: Stopwatch,
        anneals: bool,
        restarts: int,
        one_sweep: float,
        span_seconds: float,
        end: float,
    ) -> None:
        """Before ladders, annealing runs take ``restarts`` sweeps in all, or their share of the time.

        ``end`` is the work that remains after the last step, but for the steps of its quench.
        """
        self.done, self._anneals, self._tuning = 0, anneals, list[int]()
        self._since, self._recombining, self._last = 0.0, 0.0, _SPANS * span_seconds
        self._end = end
        self._restarts, self._one_sweep = restarts, one_sweep
        self._n_steps, self._max_steps, self._seconds, self._clock = n_steps, max_steps, seconds, clock

    def cooling(self, span: Span) -> Iterator[float]:
        """Inverse temperatures from hot to cold, one for each step."""
        most = min(max(1, round(_COOLING * self._n_steps)), self._max_steps)
        if self._seconds is None:
            yield from span.schedule(most + 1)[1:]
            return
        betas = span.schedule(_POINTS)
        begin = self._clock.seconds()
        share = _ANNEALING_TIME if self._anneals else _COOLING_TIME
        time, done, fastest, worked = share * self._seconds - begin, 0.0, np.inf, self._clock.worked()
        for n_steps in itertools.count(1):
            yield float(np.interp(done, np.linspace(0.0, 1.0, _POINTS), betas))
            now, before, worked = self._clock.seconds() - begin, worked, self._clock.worked()
            if n_steps > 1:  # the first is slower
                fastest = min(fastest, worked - before)
            if self._anneals:  # the quench of the colder half has to fit in, too
                steps = 0.5 * QUENCH * fastest if n_steps > 1 else 0.0
                done = now / max(time - self._clock.wait_for(steps + self._end), 1e-9)
            else:
                done = max(n_steps / most, now / max(time, 1e-9))
            if done >= 1.0 or n_steps >= self._max_steps:
                return

    def recombines(self, round: _Round, n_measured: int) -> bool:
        """Whether states are recombined after this round: a fifth of the time, or now and then."""
        if round.anneals and round.n_steps < _RECOMBINED:
            return False
        if self._seconds is None:
            return round.anneals or _is_time_to_look(n_measured)
        self._since = self._clock.seconds()
        fits = not self.is_late(self._last)
        return fits and self._recombining <= _RECOMBINING_TIME * self._since

    def recombined(self) -> None:
        """Note the time that it took."""
        if self._seconds is not None:
            self._last = self._clock.seconds() - self._since
            self._recombining += self._last

    def is_late(self, more: float = 0.0) -> bool:
        """Whether ``more`` seconds would go to the end of the budget, or beyond."""
        if self._seconds is None:
            return False
        return self._clock.seconds() + more > (1 + _ANNEALING_TIME) / 2 * self._seconds

    def spent(self) -> float:
        """So much of the budget, in its unit."""
        return self.done if self._seconds is None else self._clock.seconds()

    def restarts(self) -> Iterator[_Round]:
        """Annealing runs of doubled length, as much work as cooling and spacing the ladders, or by time."""
        n_steps, left, speed = min(_FIRST, self._max_steps), self._restarts, self._one_sweep
        if self._seconds is not None:
            left *= _RESTARTS_WORK
        while left > 0:
            work = _RUNS * (n_steps + QUENCH)
            before = self._clock.worked()
            left -= work
            if left < 0:
                return
            if self._seconds is not None:
                end = self._clock.seconds() + self._clock.wait_for(work * speed)
                if end > _RESTARTS_TIME * self._seconds:
                    return
            yield _Round(n_steps, anneals=True)
            speed = (self._clock.worked() - before) / work
            n_steps = min(2 * n_steps, _LONGEST, self._max_steps)

    def rounds(self) -> Iterator[_Round]:
        """One after the other, until the budget is spent."""
        yield from self.restarts()
        before = self._clock.worked()
        yield _Round(0, cools=True)
        if self._anneals:
            return
        speed = (self._clock.worked() - before) / self.done
        self.tune()
        while self.done < self._max_steps:
            tunes = len(self._tuning) > 0
            piece = self._tuning.pop(0) if tunes else self._n_steps
            if self._seconds is not None:
                left = self._seconds - self._clock.seconds() - self._clock.wait_for(self._end)
                step = self._clock.wait_for(speed)
                if left <= step:
                    return
                fits = max(1, int(min(left, self._seconds / _LOOKS) / step))
                piece = min(piece if tunes else max(piece, self.done // _GROWTH), fits)
            piece = min(piece, self._max_steps - self.done)
            self.done += piece
            before = self._clock.worked()
            yield _Round(piece, tunes=tunes)
            speed = (self._clock.worked() - before) / piece

    def tune(self) -> None:
        """Space the ladder anew in the next rounds."""
        self._tuning = [max(1, round(share * self._n_steps)) for share in _TUNING]

    def limit(self) -> str:
        """What ended the search, if nothing else did."""
        return "steps" if self.done >= self._max_steps else "seconds"


class _Lowest:
    """The lowest energy of each group, and the lowest state of all."""

    def __init__(self, model: IsingModel, n_groups: int) -> None:
        size = (field_bounds(model).sum() + np.abs(model.b).sum()) / 2
        self._model, self._bound = model, model.offset - size
        self._rounding = _ROUNDING * size
        self._energies = np.full(n_groups, np.inf)
        self.energy, self.state = np.inf, np.ones(model.n_spins, dtype=np.int8)

    @property
    def depth(self) -> float:
        """The lowest energy without the model's offset."""
        s = self.state
        return float(-(s @ self._model.local_fields(s) + s @ self._model.b) / 2)

    @property
    def n_groups(self) -> int:
        return len(self._energies)

    def take(self, states: np.ndarray, energy: np.ndarray, by_group: bool = True) -> None:
        """Note states, those of the first group first; or of no group, if they are not ``by_group``."""
        if by_group:
            self._energies = np.minimum(self._energies, energy.reshape(len(self._energies), -1).min(1))
        best = int(energy.argmin())
        if energy[best] < self.energy:
            self.energy, self.state = float(energy[best]), states[best].copy()

    def hits(self) -> np.ndarray:
        """Which groups met the lowest energy, up to the rounding of its sums."""
        return self._energies <= self.energy + self._rounding

    def is_proven(self) -> bool:
        """Whether no coupling and no field is violated, for models that store their couplings."""
        close = self._rounding + 1e-15 * abs(self._bound)
        if self.energy > self._bound + close or not isinstance(self._model, DenseIsing | SparseIsing):
            return False
        i, j, J = self._model.to_sparse().edges()
        s = self.state
        return bool((J * (s[i] * s[j]) >= 0).all() and (self._model.b * s >= 0).all())


def _clusters(model: IsingModel) -> tuple[IsingModel, bool, np.ndarray | None]:
    """The model in the form of its moves, whether it has clusters, and along which couplings if not all.

    Dense graphs percolate. But where two couplings of each site outweigh the others (chains whose couplings
    fall off with a power of the distance), what these two connect are domains.
    """
    N = model.n_spins
    if isinstance(model, SparseIsing) and 2 * model.n_edges <= _CLUSTERS * N:
        return model.to("cpu"), True, None
    if isinstance(model, DenseIsing | SparseIsing) and _FEWEST <= N <= _MOST and _may_have_strong_ones(model):
        sparse = model.to("cpu").to_sparse()
        strong, share = strong_couplings(sparse.form())
        if share >= _SHARE:
            return sparse, True, strong
    return model, False, None


def _may_have_strong_ones(model: DenseIsing | SparseIsing) -> bool:
    """A bound by each site's strongest coupling, which spares dense glasses their sparse form."""
    if isinstance(model, SparseIsing):
        return True
    J = model.form().J
    strongest = np.maximum(J.max(1), -J.min(1))
    # Two couplings of each site's own choice and as many of its neighbours' choice.
    share = 4 * float(np.square(strongest / (strongest.max() or 1.0)).sum())
    return share >= _SHARE * float(np.square(np.linalg.norm(J) / (strongest.max() or 1.0)))


def _known_states(initial: Any, model: IsingModel) -> np.ndarray:
    N = model.n_spins
    if initial is None:
        return np.empty((0, N), dtype=np.int8)
    states = as_spins(initial, N, "initial", model.labels)
    if states.ndim > 2:
        raise ValueError(f"initial must have shape ({N},) or (k, {N}), got shape {states.shape}")
    return np.atleast_2d(states)


def _is_time_to_look(n: int) -> bool:
    """After 2, 3, 4, 6, 8, 12, ... rounds."""
    n //= 3 if n % 3 == 0 else 1
    return n > 0 and n & (n - 1) == 0
