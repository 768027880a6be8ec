"""Parallel tempering: replicas at many temperatures that exchange places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.philox import random_spins
from .._core.progress import shows_progress
from .._core.request import ORDERS, Request
from .._core.results import Result
from .._core.rng import RNG, as_generator, as_key
from .._core.validate import as_choice, as_count, as_flag, as_real, as_real_array, as_spins
from ..models import IsingModel, ModelLike, SparseIsing, TwoLayerIsing, as_model
from ._replicas import Ladders, climb
from ._span import mean_field_line

SAMPLERS = ("gibbs", "metropolis", "block_gibbs")

_MOST_LEVELS = 1000


@dataclass(frozen=True, repr=False)
class Tempering(Result):
    """Independent ladders of replicas; R temperatures, the hottest first.

    Attributes
    ----------
    betas : ndarray, shape (R,)
        Inverse temperatures, increasing.
    states : ndarray of int8, shape (n_chains, R, N)
        Final states by temperature.
    energy : ndarray, shape (n_chains, R)
        Their energies.
    mean_energy, energy_variance : ndarray, shape (n_chains, R)
        Over all steps after ``burn_in``. The specific heat per spin is beta^2 energy_variance / N.
    swap_rate : ndarray, shape (R - 1,)
        Mean probability of an exchange between neighbouring temperatures after ``burn_in``; nan for the
        pairs whose turn did not come, if only one step is measured.
    round_trips : ndarray of int64, shape (n_chains,)
        How often a replica went from the hottest to the coldest temperature and back, all replicas of a
        ladder together. Without several, the cold replicas are not equilibrated.
    best_state : ndarray of int8, shape (n_chains, N)
        State of lowest energy that each ladder met.
    best_energy : ndarray, shape (n_chains,)
    samples : ndarray of int8, shape (n_records, n_chains, R, N), or None
    sample_energy : ndarray, shape (n_records, n_chains, R), or None
    n_steps, burn_in : int
    """

    betas: np.ndarray
    states: np.ndarray
    energy: np.ndarray
    mean_energy: np.ndarray
    energy_variance: np.ndarray
    swap_rate: np.ndarray
    round_trips: np.ndarray
    best_state: np.ndarray
    best_energy: np.ndarray
    samples: np.ndarray | None
    sample_energy: np.ndarray | None
    n_steps: int
    burn_in: int


@shows_progress
def parallel_tempering(
    model: ModelLike,
    n_steps: int,
    n_chains: int = 1,
    *,
    beta: float | None = None,
    betas: Any = None,
    sampler: str = "gibbs",
    order: str = "sequential",
    cluster: bool = False,
    initial: Any = None,
    burn_in: int | None = None,
    record_every: int | None = None,
    multispin: bool | None = None,
    rng: RNG = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> Tempering:
    """Parallel tempering (replica exchange): a ladder of temperatures whose states may change places.

    After every step neighbours at beta_l < beta_{l+1} are exchanged with probability
    min(1, exp[(beta_{l+1} - beta_l)(E_{l+1} - E_l)]), even and odd pairs in turn (Hukushima and Nemoto,
    J. Phys. Soc. Jpn. 65, 1604 (1996)); the product of the Boltzmann distributions stays invariant, and cold
    states that are trapped escape through high temperatures.

    Parameters
    ----------
    model : IsingModel or anything :func:`spinlab.models.as_model` takes
    n_steps : int
        Steps of every replica.
    n_chains : int, default 1
        Independent ladders, which give honest errors.
    beta : float, optional
        Coldest inverse temperature of a ladder that :func:`ladder` chooses by measurement; default 1.
    betas : array_like, shape (R,), optional
        The ladder itself instead: R >= 2 inverse temperatures, strictly increasing.
    sampler : {"gibbs", "metropolis", "block_gibbs"}
        What moves the replicas between exchanges; "block_gibbs" for models of two layers.
    order : {"sequential", "random"}
        Order of visits, for the samplers that move one spin at a time.
    cluster : bool, default False
        Also exchange isoenergetic clusters between the ladders 0 and 1, 2 and 3, ... at every temperature
        (Houdayer 2001). For sparse models whose graph percolates late: two dimensions, Chimera, and
        little on denser ones. Needs an even ``n_chains``; the two ladders of a pair are then not independent.
    initial : array_like of +-1, shape (N,), (n_chains, N) or (n_chains, R, N), optional
        Starting states; random by default.
    burn_in : int, optional
        Steps before the first measurement and record; half of ``n_steps`` by default.
    record_every : int, optional
        Keep the states of all temperatures after every so many steps; None keeps the final ones only.
    multispin : bool, optional
        As in :func:`gibbs`, for 64 ladders at once without cluster moves; fewer ladders gain nothing.
    rng : None, int or numpy.random.Generator
        The same seed gives the same bits for any number of threads.
    threads : int, optional
        Threads (over ladders); all processors by default.
    progress : bool, optional
        A bar for work of more than 5 s: None in terminals and notebooks, True always, False never.

    Returns
    -------
    Tempering

    Raises
    ------
    ValueError, TypeError
        On a ladder of one temperature, unsorted or with beta < 0, an infinite beta, cluster moves on a
        model that is not sparse.

    Examples
    --------
    >>> import spinlab as sl
    >>> model = sl.ensembles.edwards_anderson(shape=(6, 6), law="pm1", rng=0)
    >>> run = sl.dynamics.parallel_tempering(model, 500, 2, betas=[0.2, 0.4, 0.7, 1.1, 1.6], rng=1)
    >>> bool(run.best_energy.min() == sl.ground_state(model).energy)
    True
    """
    model = as_model(model)
    N = model.n_spins
    n_steps = as_count(n_steps, "n_steps")
    burn_in = n_steps // 2 if burn_in is None else as_count(burn_in, "burn_in", 0)
    if burn_in >= n_steps:
        raise ValueError(f"burn_in = {burn_in} leaves nothing of n_steps = {n_steps} to measure")
    n_chains = as_count(n_chains, "n_chains")
    as_choice(order, "order", ORDERS)
    cluster = as_flag(cluster, "cluster")
    _check_moves(model, sampler, cluster, n_chains)
    if cluster and multispin:
        raise ValueError("cluster moves need the chains one by one: leave multispin out")
    if cluster:
        model = model.to("cpu")  # where the clusters are found
    generator = as_generator(rng)
    if betas is not None and beta is not None:
        raise TypeError("give beta (the coldest, and the ladder is measured) or betas (the ladder), not both")
    if betas is None:
        beta = 1.0 if beta is None else beta
        betas = ladder(model, beta, sampler=sampler, order=order, rng=generator, threads=threads)
    betas = as_ladder(betas)
    request = Request.check(
        sampler,
        n_steps,
        n_chains,
        betas,
        as_key(generator),
        burn_in=burn_in,
        record_every=record_every,
        order=order,
        threads=threads,
        multispin=multispin,
    )
    R = len(betas)
    ladders = Ladders.start(_starts(initial, n_chains, R, model, request.key))
    n_records = request.n_records or 0
    samples = np.empty((n_records, n_chains, R, N), dtype=np.int8)
    sample_energy = np.empty((n_records, n_chains, R))

    def keep(k: int, own: slice, part: Ladders) -> None:
        samples[k, own] = part.by_temperature(part.s)
        sample_energy[k, own] = part.by_temperature(part.energy) + model.offset

    climb(model, request, ladders, cluster, keep)
    n = n_steps - burn_in
    mean = ladders.total / n
    states = ladders.by_temperature(ladders.s)
    attempts = ladders.attempts.sum(0)
    return Tempering(
        betas=betas,
        states=states,
        energy=model.energy(states),
        mean_energy=mean + ladders.shift + model.offset,
        energy_variance=np.maximum(ladders.square / n - mean**2, 0.0),
        swap_rate=np.divide(
            ladders.probability.sum(0), attempts, out=np.full(R - 1, np.nan), where=attempts > 0
        ),
        round_trips=ladders.round_trips,
        best_state=ladders.best_state,
        best_energy=model.energy(ladders.best_state),
        samples=None if request.n_records is None else samples,
        sample_energy=None if request.n_records is None else sample_energy,
        n_steps=n_steps,
        burn_in=burn_in,
    )


@shows_progress
def ladder(
    model: ModelLike,
    beta: float,
    *,
    beta_min: float | None = None,
    swap_rate: float = 0.3,
    n_steps: int = 100,
    n_rounds: int = 4,
    sampler: str = "gibbs",
    order: str = "sequential",
    rng: RNG = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> np.ndarray:
    """Inverse temperatures between which neighbours exchange at one measured rate.

    Between neighbours with Gaussian energies the rate is erfc(l/2), where l = sqrt[(beta' - beta)(E - E')]
    is a length that adds up along the ladder. Short runs measure rates and mean energies; the temperatures
    are moved so that all lengths are equal, and the next, twice as long run checks it.

    Parameters
    ----------
    model : IsingModel or anything :func:`spinlab.models.as_model` takes
    beta : float
        Coldest inverse temperature.
    beta_min : float, optional
        Hottest one. By default 1/rho, rho the spectral radius of J (beta/2 if that is colder), as for
        :func:`spinlab.dynamics.search`: there the paramagnet of mean-field theory becomes unstable, and
        single spins still relax fast.
    swap_rate : float, default 0.3
        Aim, between 0.05 and 0.9; about a quarter gives the most round trips per unit of work.
    n_steps, n_rounds : int
        Steps of the first run, and number of runs.
    sampler, order, rng, threads, progress
        As in :func:`parallel_tempering`.

    Returns
    -------
    ndarray, shape (R,)
        Increasing, R >= 2, from ``beta_min`` to ``beta``.

    Raises
    ------
    ValueError
        If more than 1000 temperatures were needed, or beta_min is not below beta.

    Examples
    --------
    >>> import spinlab as sl
    >>> betas = sl.dynamics.ladder(sl.ensembles.sk(N=100, rng=0), beta=3.0, rng=1)
    >>> bool(betas[-1] == 3.0 and len(betas) > 5)
    True
    """
    from scipy.special import erfcinv

    model = as_model(model)
    beta = as_real(beta, "beta", 0.0, exclusive=True)
    generator = as_generator(rng)
    if beta_min is None:
        beta_min = min(mean_field_line(model, generator) or beta, beta / 2)
    beta_min = as_real(beta_min, "beta_min", 0.0)
    if beta_min >= beta:
        raise ValueError(f"beta_min = {beta_min:g} must be below beta = {beta:g}")
    swap_rate = as_real(swap_rate, "swap_rate")
    if not 0.05 <= swap_rate <= 0.9:
        raise ValueError(f"swap_rate must be between 0.05 and 0.9, got {swap_rate}")
    n_steps, n_rounds = as_count(n_steps, "n_steps", 2), as_count(n_rounds, "n_rounds")
    as_choice(order, "order", ORDERS)
    n_chains = 4
    _check_moves(model, sampler, False, n_chains)
    aim = 2 * float(erfcinv(swap_rate))
    betas = np.geomspace(max(beta_min, beta / 100), beta, 12)
    if beta_min < betas[0]:
        betas = np.append(beta_min, betas)
    for k in range(n_rounds):
        run = parallel_tempering(
            model,
            n_steps * 2**k,
            n_chains,
            betas=betas,
            sampler=sampler,
            order=order,
            rng=generator,
            threads=threads,
        )
        lengths = step_lengths(betas, run.mean_energy.mean(0), run.swap_rate)
        R = levels(lengths, aim)
        if R > _MOST_LEVELS:
            raise ValueError(
                f"the ladder would need about {R} temperatures for {model!r}; {_MOST_LEVELS} are allowed: "
                "raise beta_min, lower beta or swap_rate, or give betas yourself"
            )
        betas = respaced(betas, lengths, R)
    return betas


def step_lengths(betas: np.ndarray, mean_energy: np.ndarray, swap_rate: np.ndarray) -> np.ndarray:
    """l = sqrt(d beta d E) of each step of a ladder, measured: the rate of exchange is erfc(l/2)."""
    from scipy.special import erfc, erfcinv

    length = np.sqrt(np.maximum(np.diff(betas) * -np.diff(mean_energy), 0.0))
    # Rates near 0 and 1 say little about the length; the energies do.
    measured = (swap_rate > 0.02) & (swap_rate < 0.98)
    rate = np.where(measured, swap_rate, erfc(length / 2))
    return np.where(measured, 2 * erfcinv(rate), length)


def levels(lengths: np.ndarray, aim: float) -> int:
    """How many temperatures make steps of the length ``aim``."""
    return max(2, round(float(lengths.sum()) / aim) + 1)


def respaced(betas: np.ndarray, lengths: np.ndarray, R: int) -> np.ndarray:
    """R temperatures between the same ends, at steps of equal length."""
    whole = np.append(0.0, np.cumsum(lengths + 1e-6 * max(float(lengths.max()), 1e-9)))  # strictly increasing
    moved = np.interp(np.linspace(0.0, whole[-1], R), whole, betas)
    moved[0], moved[-1] = betas[0], betas[-1]
    return moved


def as_ladder(betas: Any) -> np.ndarray:
    """Two or more inverse temperatures, strictly increasing."""
    betas = as_real_array(betas, "betas", 1)
    if len(betas) < 2:
        raise ValueError(
            f"betas must have at least two temperatures to exchange between, got {len(betas)}; use gibbs"
        )
    if betas[0] < 0 or not (np.diff(betas) > 0).all():
        raise ValueError(
            f"betas must be 0 or more and strictly increasing (hottest first), got {betas.tolist()[:8]}; "
            "sort them with np.unique"
        )
    return betas


def check_sampler(model: IsingModel, sampler: str) -> None:
    """Refuse unknown samplers, and block Gibbs without layers."""
    as_choice(sampler, "sampler", SAMPLERS)
    if sampler == "block_gibbs" and not isinstance(model, TwoLayerIsing):
        raise TypeError(
            "block Gibbs sampling needs two layers (BipartiteIsing or PatternBipartiteIsing), "
            f"got {type(model).__name__}; take sampler='gibbs'"
        )


def _check_moves(model: IsingModel, sampler: str, cluster: bool, n_chains: int) -> None:
    check_sampler(model, sampler)
    if not cluster:
        return
    if not isinstance(model, SparseIsing):
        raise TypeError(
            f"cluster moves need a SparseIsing, got {type(model).__name__}; model.to_sparse() converts, but "
            "on dense graphs a cluster is everything that differs and the move does nothing"
        )
    if sampler == "block_gibbs" or n_chains % 2:
        raise ValueError(
            "cluster moves pair ladders: n_chains must be even and the sampler a single-spin one, "
            f"got {n_chains}, {sampler}"
        )


def _starts(initial: Any, n_chains: int, R: int, model: IsingModel, key: np.uint64) -> np.ndarray:
    """States (n_chains, R, N)."""
    N = model.n_spins
    if initial is None:
        return random_spins(key, n_chains * R, N).reshape(n_chains, R, N)
    s = as_spins(initial, N, "initial", model.labels)
    if s.shape not in ((N,), (n_chains, N), (n_chains, R, N)):
        raise ValueError(
            f"initial must have shape ({N},), ({n_chains}, {N}) or ({n_chains}, {R}, {N}), "
            f"got shape {s.shape}"
        )
    return np.array(np.broadcast_to(s[:, None] if s.ndim == 2 else s, (n_chains, R, N)))
