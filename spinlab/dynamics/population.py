"""Population annealing: a cooled population that is resampled by weight, and its free energy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._core.blas import one_blas_thread
from .._core.parallel import map_threads
from .._core.philox import random_spins
from .._core.progress import Meter, meter, shows_progress
from .._core.request import Request
from .._core.results import Result
from .._core.rng import RNG, as_generator, as_key
from .._core.validate import as_choice, as_count, as_real, as_real_array
from .._core.walkers import Group
from ..models import IsingModel, ModelLike, as_model
from ._bonds import Bonds
from ._multispin import WORD, bonds_for, word_starter
from ._replicas import make_walkers
from .tempering import SAMPLERS, check_sampler

_LARGEST = 1e140  # beta times the energy of a random state; that of the ground state is not 10^10 times it


@dataclass(frozen=True, repr=False)
class Population(Result):
    """Populations after their last temperature, and averages at all B temperatures.

    Errors are jackknife errors over the independent runs, and at least those of as many independent states:
    few runs may agree by chance. A mean over states of one energy has the error 0; rarer ones were not met.
    A spread of n runs has n - 1 degrees of freedom (Student): with two runs a value is off by more than two
    errors in up to 30 % of cases, with four in 14 %, with ten in 8 %, with many in 5 %.

    Attributes
    ----------
    betas : ndarray, shape (B,)
        Inverse temperatures; the first is 0.
    log_z, log_z_error : ndarray, shape (B,)
        ln Z, from the mean of Z over the runs; exactly N ln 2 at the first temperature.
    log_z_runs : ndarray, shape (n_runs, B)
        ln Z of each run. Where they spread by more than about 1 at a temperature, the populations are too
        small there, and ``log_z`` tends to be too low.
    mean_energy, mean_energy_error : ndarray, shape (B,)
        The runs weighted by their Z.
    family_size : ndarray, shape (n_runs, B)
        Mean square family size rho_t = n_population sum_f (n_f / n_population)^2, 1 at the start. The
        population is worth at least about n_population / rho_t independent states.
    states : ndarray of int8, shape (n_runs, n_population, N)
    energy : ndarray, shape (n_runs, n_population)
    best_state : ndarray of int8, shape (N,)
        State of lowest energy met.
    best_energy : float
    """

    betas: np.ndarray
    log_z: np.ndarray
    log_z_error: np.ndarray
    log_z_runs: np.ndarray
    mean_energy: np.ndarray
    mean_energy_error: np.ndarray
    family_size: np.ndarray
    states: np.ndarray
    energy: np.ndarray
    best_state: np.ndarray
    best_energy: float

    @property
    def free_energy(self) -> np.ndarray:
        """F = -ln Z / beta, shape (B,); -inf at beta = 0."""
        return _per_beta(-self.log_z, self.betas, -np.inf)

    @property
    def free_energy_error(self) -> np.ndarray:
        """Error of F, shape (B,); 0 at beta = 0."""
        return _per_beta(self.log_z_error, self.betas, 0.0)


@shows_progress
def population_annealing(
    model: ModelLike,
    n_population: int = 1000,
    *,
    beta: float = 1.0,
    betas: Any = None,
    n_steps: int = 10,
    n_runs: int = 4,
    effective_fraction: float = 0.9,
    sampler: str = "gibbs",
    order: str = "sequential",
    multispin: bool | None = None,
    rng: RNG = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> Population:
    """Population annealing: equilibrium states and the free energy from a population that is cooled.

    From beta to beta' state i is copied on average w_i / mean(w) times, w_i = exp[-(beta' - beta) E_i], and
    the population then takes a few steps of a sampler; ln Z(beta') = ln Z(beta) + ln mean(w), from
    ln Z(0) = N ln 2 (Hukushima and Iba, AIP Conf. Proc. 690, 200 (2003); Machta, Phys. Rev. E 82, 026704
    (2010)). It begins at beta = 0, not at the hot end of the other methods: only there ln Z is known, and
    random states are in equilibrium.

    Parameters
    ----------
    model : IsingModel or anything :func:`spinlab.models.as_model` takes
    n_population : int, default 1000
        States per run.
    beta : float, default 1
        Last inverse temperature, reached in steps chosen on the way: the weights of each keep an effective
        sample of ``effective_fraction`` of the population.
    betas : array_like, shape (B,), optional
        The inverse temperatures instead, increasing from 0.
    n_steps : int, default 10
        Steps of the sampler at each temperature.
    n_runs : int, default 4
        Independent runs, from whose spread the errors come; at least 2: one degree of freedom
        (see :class:`Population`).
    effective_fraction : float, default 0.9
        Between 0.1 and 0.99.
    sampler, order, rng, threads, progress
        As in :func:`spinlab.dynamics.parallel_tempering`.
    multispin : bool, optional
        As in :func:`spinlab.dynamics.gibbs`, counted over all runs.

    Returns
    -------
    Population

    Raises
    ------
    ValueError, TypeError
        On a single run or state, temperatures that do not increase from beta = 0, numbers out of range.

    Notes
    -----
    The mean of Z over runs has no bias for given ``betas``; temperatures chosen on the way add one of order
    1/n_population, as have all other averages.

    Examples
    --------
    >>> import spinlab as sl
    >>> model = sl.ensembles.sk(N=12, rng=0)
    >>> population = sl.dynamics.population_annealing(model, 500, beta=2.0, rng=1)
    >>> bool(abs(population.log_z[-1] - sl.log_partition(model, 2.0)) < 0.2)
    True
    """
    model = as_model(model)
    n_population, n_runs = as_count(n_population, "n_population", 2), as_count(n_runs, "n_runs", 2)
    n_steps = as_count(n_steps, "n_steps")
    fraction = as_real(effective_fraction, "effective_fraction")
    if not 0.1 <= fraction <= 0.99:
        raise ValueError(f"effective_fraction must be between 0.1 and 0.99, got {fraction}")
    as_choice(sampler, "sampler", SAMPLERS)
    check_sampler(model, sampler)
    if betas is None:
        last = as_real(beta, "beta", 0.0, exclusive=True)
    else:
        betas = as_real_array(betas, "betas", 1)
        if len(betas) < 2 or betas[0] != 0 or not (np.diff(betas) > 0).all():
            raise ValueError(
                "betas must increase strictly from 0, where ln Z = N ln 2 is known, and have two entries "
                f"or more, got {betas.tolist()[:8]}"
            )
        last = float(betas[-1])
    generator = as_generator(rng)
    N = model.n_spins
    request = Request.check(
        sampler,
        n_steps,
        n_runs * n_population,
        1.0,
        as_key(generator),
        order=order,
        threads=threads,
        multispin=multispin,
    )
    bonds = bonds_for(model, request, request.n_chains)
    s = random_spins(request.key, n_runs * n_population, N).reshape(n_runs, n_population, N)
    E = model.energy(s)
    if not last * float(np.abs(E).max()) < _LARGEST:
        raise ValueError(
            f"beta = {last:g} times the energies is beyond {_LARGEST:g}, and squares of it overflow float64; "
            "take a smaller beta"
        )
    family = np.tile(np.arange(n_population), (n_runs, 1))
    visited = [0.0]
    log_z, energies = [np.full(n_runs, N * np.log(2))], [E.mean(1)]
    spread, log_z_spread = [E.var(1, ddof=1)], [np.zeros(n_runs)]  # as if all members were independent
    sizes = [np.ones(n_runs)]
    best = np.unravel_index(E.argmin(), E.shape)
    best_state, best_energy = s[best].copy(), float(E[best])
    with meter(last, "population annealing") as shown:
        while visited[-1] < last:
            now = visited[-1]
            following = _next_beta(now, last, E, fraction) if betas is None else float(betas[len(visited)])
            log_w = -(following - now) * E
            top = log_w.max(1, keepdims=True)
            w = np.exp(log_w - top)
            log_z.append(log_z[-1] + top[:, 0] + np.log(w.mean(1)))
            log_z_spread.append(log_z_spread[-1] + w.var(1, ddof=1) / w.mean(1) ** 2)
            for run in range(n_runs):
                parents = _systematic(w[run], generator.random())
                s[run], family[run] = s[run, parents], family[run, parents]
            request = replace(request, key=as_key(generator))
            work = (following - now) / (n_runs * n_population)  # of a state, in units of beta
            E = _relax(model, bonds, request, s.reshape(-1, N), following, shown, work).reshape(E.shape)
            lowest = np.unravel_index(E.argmin(), E.shape)
            if E[lowest] < best_energy:
                best_state, best_energy = s[lowest].copy(), float(E[lowest])
            visited.append(following)
            energies.append(E.mean(1))
            spread.append(E.var(1, ddof=1))
            counts = [np.bincount(f, minlength=n_population) for f in family]
            sizes.append(np.square(counts).sum(1) / n_population)
    runs = np.array(log_z).T
    log_z_mean, log_z_error = _jackknife(runs)
    mean, mean_error = _jackknife(runs, np.array(energies).T)
    least_error = _independent(runs, np.array(spread).T / n_population)
    least_log_z_error = _independent(runs, np.array(log_z_spread).T / n_population)
    return Population(
        betas=np.array(visited),
        log_z=log_z_mean,
        log_z_error=np.maximum(log_z_error, least_log_z_error),
        log_z_runs=runs,
        mean_energy=mean,
        mean_energy_error=np.maximum(mean_error, least_error),
        family_size=np.array(sizes).T,
        states=s,
        energy=E,
        best_state=best_state,
        best_energy=best_energy,
    )


def _next_beta(now: float, last: float, E: np.ndarray, fraction: float) -> float:
    """The coldest temperature up to ``last`` whose weights keep the effective fraction, all runs together."""

    def effective(step: float) -> float:
        w = np.exp(-step * (E - E.min()))
        return float(w.mean() ** 2 / (w * w).mean())

    if effective(last - now) >= fraction:
        return last
    low, high = 0.0, last - now
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if effective(middle) >= fraction else (low, middle)
    # Never smaller than rounding can resolve, so that the walk ends.
    return min(last, now + max(low, 1e-6 * (last - now), 1e-12 * last))


def _systematic(w: np.ndarray, u: float) -> np.ndarray:
    """Parents of the new population: state i floor or ceil of w_i / mean(w) times, in order."""
    ends = np.cumsum(w)
    points = (np.arange(len(w)) + u) * (ends[-1] / len(w))
    return np.minimum(np.searchsorted(ends, points, side="right"), len(w) - 1)


def _relax(
    model: IsingModel,
    bonds: Bonds | None,
    request: Request,
    s: np.ndarray,
    beta: float,
    shown: Meter | None,
    work: float,
) -> np.ndarray:
    """Steps of the sampler at one temperature, in place; the energies."""

    def run(group: Any) -> None:
        group.advance(0, request.n_steps)
        if shown is not None:
            shown.tick(work * len(group.s))

    if bonds is None:
        walkers = make_walkers(model, request, s, np.full(len(s), beta), 0)
    else:
        start = word_starter(bonds, model, replace(request, betas=np.array([beta])))
        everyone = Group(np.ones(len(s)), s, np.zeros(s.shape, dtype=np.bool_), 0)
        walkers = [start(everyone.part(slice(i, i + WORD))) for i in range(0, len(s), WORD)]
    with one_blas_thread():
        map_threads(run, walkers, request.threads)
    if bonds is None:
        return model.energy(s)
    E = np.empty(len(s))
    for k, group in enumerate(walkers):
        group.energy(E[k * WORD : (k + 1) * WORD])
    return E + model.offset


def _jackknife(log_z: np.ndarray, x: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """ln mean Z over the runs (axis 0), or the Z-weighted mean of x, with its jackknife error."""
    n = len(log_z)

    def estimate(keep: np.ndarray) -> np.ndarray:
        top = log_z[keep].max(0)
        w = np.exp(log_z[keep] - top)
        return top + np.log(w.mean(0)) if x is None else (w * x[keep]).sum(0) / w.sum(0)

    everyone = np.arange(n)
    without = np.array([estimate(np.delete(everyone, k)) for k in range(n)])
    error = np.sqrt((n - 1) / n * np.square(without - without.mean(0)).sum(0))
    return estimate(everyone), error


def _independent(log_z: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Error of a Z-weighted mean over the runs (axis 0), each with its variance."""
    w = np.exp(log_z - log_z.max(0))
    return np.sqrt((np.square(w) * variance).sum(0)) / w.sum(0)


def _per_beta(x: np.ndarray, betas: np.ndarray, at_zero: float) -> np.ndarray:
    return np.divide(x, betas, out=np.full(len(x), at_zero), where=betas > 0)
