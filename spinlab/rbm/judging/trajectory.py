"""ln Z and samples along a training trajectory: machines kept during training in place of temperatures.

Cooling a trained machine may cross first-order transitions, where chains get stuck and weights spread. Its
training went from a machine without structure to the final one by small steps and, if it is healthy, through
continuous transitions only (Bereux, Decelle, Furtlehner, Rosset and Seoane, arXiv:2405.15376).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import solve
from ..._core.progress import meter, shows_progress
from ..._core.results import Result
from ..._core.rng import RNG, as_generator, as_key
from ..._core.validate import as_choice, as_count, as_fields, as_spins
from ...dynamics import block_gibbs
from ...models import TwoLayerIsing
from ..machines.as_two_layers import Layers, as_two_layers
from .ais import AIS, LEAST_ESS, _as_schedule, _reverse_start, _summary, anneal_weights, log_z_of_base
from .likelihood import exact_in_reach, free_energies

_LEAST_RATE = 0.05  # of exchanges, below which a trajectory is taken to be broken


@shows_progress
def log_partition_trajectory(
    models: Sequence[Any],
    *,
    n_chains: int = 100,
    n_steps: int = 1,
    schedule: Any = "quick",
    base_biases: Any = None,
    reverse: Any = None,
    dtype: str = "float32",
    rng: RNG = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> AIS:
    """ln Z of the last of a sequence of RBMs by annealed importance sampling along the sequence.

    Chains anneal from independent units to the first model as in :func:`log_partition_ais`, then walk from
    model to model: at each they multiply w by exp(F_t(v) - F_{t+1}(v)), the hidden units summed out, and
    make ``n_steps`` of block Gibbs sampling in the new model. The mean of w is an unbiased estimate of
    Z/Z_0 for any sequence (arXiv:2405.15376; Neal 2001), and its spread is small if neighbours are similar.

    Parameters
    ----------
    models : sequence of BipartiteIsing, PatternBipartiteIsing, or machines with ``as_ising()``
        One or more with the same visible units, such as ``machine.as_ising()`` at several epochs; their
        hidden units may differ in number. Recipes that start cold (patterns of scale 1) have no easy
        machine at the start: there the sequence gains nothing over temperatures, and
        :func:`log_partition_ais` of the last one is the choice.
    n_chains : int, default 100
    n_steps : int, default 1
        Steps of block Gibbs sampling in each model.
    schedule, base_biases, dtype
        Of the annealing to the first model, as in :func:`log_partition_ais`.
    reverse : int or array_like of +-1, shape (n, V), optional
        Also walk back from samples of the last model, as in :func:`log_partition_ais`.
    rng, threads, progress
        The result does not depend on the number of threads.

    Returns
    -------
    AIS
        Its ``betas`` are those of the way to the first model; it warns as that of :func:`log_partition_ais`.

    Raises
    ------
    TypeError, ValueError
        If there are no models, one has no two layers, or they differ in their visible units.

    Notes
    -----
    A model costs ``n_steps`` steps and two free energies per chain. The weights are even only if the
    trajectory is dense (hundreds of machines in the example) and smooth: training at a high rate or with
    few chains jumps to and fro, and temperatures are the better way. Compare the effective sample sizes.

    Examples
    --------
    >>> import spinlab as sl
    >>> machine = sl.rbm.RBM(V=16, H=20, std=0.01, rng=0)
    >>> kept = [machine.as_ising()]
    >>> trainer = sl.rbm.Trainer(machine, sl.rbm.PCD(1, 500), lr=0.01, batch_size=100, rng=1)
    >>> keep = sl.rbm.Every(1, lambda trainer: kept.append(trainer.machine.as_ising()))
    >>> history = trainer.fit(sl.datasets.bars(4).train, 400, [keep], progress=False)
    >>> run = sl.rbm.log_partition_trajectory(kept, rng=2)
    >>> run.reliable, run.interval[0] < sl.log_partition(machine.as_ising()) < run.interval[1]
    (True, True)
    """
    models = _as_trajectory(models)
    n_chains, n_steps = as_count(n_chains, "n_chains", 2), as_count(n_steps, "n_steps")
    betas, first = _as_schedule(schedule), models[0]
    b0 = as_fields(base_biases, first.V, "base_biases")
    layers = Layers(first, as_choice(dtype, "dtype", ("float32", "float64")))
    generator = as_generator(rng)
    log_w, v = anneal_weights(layers, b0, betas, None, n_chains, as_key(generator), threads)
    log_base = log_z_of_base(first, b0)
    gained, v = _walk(models, v, n_steps, generator, threads)
    log_w += log_base + gained
    back = None
    if reverse is not None:
        v = _reverse_start(models[-1], reverse, v, log_w, n_chains, generator, threads)
        back_w, v = _walk(models[::-1], v, n_steps, generator, threads)
        key = as_key(generator)
        back_w += anneal_weights(layers, b0, betas[::-1], v, n_chains, key, threads)[0]
        back = _summary(log_base - back_w, betas, -1, None)
    return _summary(log_w, betas, 1, back)


def _walk(
    models: list[TwoLayerIsing],
    v: np.ndarray,
    n_steps: int,
    generator: np.random.Generator,
    threads: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """ln of the weights from the first model to the last, and the visible states there."""
    log_w = np.zeros(len(v))
    with meter(len(models) - 1, "walking along the trajectory") as shown:
        for old, new in itertools.pairwise(models):
            log_w += free_energies(old, v) - free_energies(new, v)
            v = _gibbs(new, v, n_steps, generator, threads)
            if shown:
                shown.tick(1)
    return log_w, v


def _gibbs(
    model: TwoLayerIsing, v: np.ndarray, n_steps: int, generator: np.random.Generator, threads: int | None
) -> np.ndarray:
    chains = block_gibbs(model, n_steps, len(v), initial=v, rng=generator, threads=threads)
    return chains.states[:, : model.V]


@dataclass(frozen=True, eq=False, repr=False)
class TrajectoryTempering(Result):
    """Equilibrium samples of every model of a trajectory, and the ln Z that they give.

    Attributes
    ----------
    states : ndarray of int8, shape (n_chains, M, V)
        Final visible states by model.
    samples : ndarray of int8, shape (n_records, n_chains, V), or None
        Visible states of the last model, every ``record_every`` sweeps after ``burn_in``.
    swap_rate : ndarray, shape (M - 1,)
        Mean probability of an exchange between neighbours after ``burn_in``.
    round_trips : ndarray of int64, shape (n_chains,)
        How often a replica went from the first model to the last and back, all replicas of a chain together.
    log_z : ndarray, shape (M,)
        Of every model: that of the first, which is known, plus Bennett's acceptance ratios up to it.
    log_z_error : ndarray, shape (M,)
        Standard error over the chains (jackknife), 0 for the first.
    """

    states: np.ndarray
    samples: np.ndarray | None
    swap_rate: np.ndarray
    round_trips: np.ndarray
    log_z: np.ndarray
    log_z_error: np.ndarray

    @property
    def reliable(self) -> bool:
        """Whether every pair exchanges (5 % or more) and there were 20 round trips or more in all."""
        return bool(self.swap_rate.min() >= _LEAST_RATE and self.round_trips.sum() >= LEAST_ESS)


@shows_progress
def trajectory_tempering(
    models: Sequence[Any],
    n_sweeps: int,
    n_chains: int = 10,
    *,
    n_steps: int = 1,
    initial: Any = None,
    burn_in: int | None = None,
    record_every: int | None = None,
    rng: RNG = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> TrajectoryTempering:
    """Parallel trajectory tempering: replica exchange between the machines of a training trajectory.

    In a sweep every replica makes ``n_steps`` of block Gibbs sampling in its model; then neighbours, even
    and odd pairs in turn, exchange their visible states with probability
    min(1, exp[F_t(v_t) + F_{t+1}(v_{t+1}) - F_t(v_{t+1}) - F_{t+1}(v_t)]) (arXiv:2405.15376). The product
    of all distributions stays invariant, and the last model receives states from where mixing is fast.

    Parameters
    ----------
    models : sequence of BipartiteIsing, PatternBipartiteIsing, or machines with ``as_ising()``
        Two or more with the same visible units. ln Z of the first must be known: no couplings
        (``model.scaled(0.0)``, or ``BipartiteIsing(np.zeros((V, 1)), bv=data_biases(train))``), or small
        enough for :func:`spinlab.log_partition`. For recipes that start cold take the last machine at a
        series of scales, ``[machine.as_ising().scaled(beta) for beta in betas]``.
    n_sweeps : int
        Sweeps of each chain, those of the burn-in included.
    n_chains : int, default 10
        Independent chains of one replica per model; 2 or more, for the error.
    n_steps : int, default 1
    initial : array_like of +-1, shape (V,), (n_chains, V) or (n_chains, M, V), optional
        Starting states; random by default.
    burn_in : int, optional
        Sweeps before anything is measured; by default a quarter of ``n_sweeps``.
    record_every : int, optional
        Sweeps between kept samples of the last model.
    rng, threads, progress
        The result does not depend on the number of threads.

    Returns
    -------
    TrajectoryTempering

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two models, one has no two layers, they differ in their visible units, or
        ln Z of the first is unknown.

    Notes
    -----
    A sweep costs M ``n_steps`` Gibbs steps and 2 M free energies per chain. Errors come from differences
    between chains, which are blind to what all of them miss: start some from data (``initial``).

    Examples
    --------
    >>> import numpy as np, spinlab as sl
    >>> model = sl.ensembles.rbm_gaussian(V=12, H=10, rng=0)  # cold
    >>> models = [model.scaled(beta) for beta in np.linspace(0, 1, 9)]
    >>> run = sl.rbm.trajectory_tempering(models, 400, rng=1)
    >>> run.reliable, bool(abs(run.log_z[-1] - sl.log_partition(model)) < 4 * run.log_z_error[-1])
    (True, True)
    """
    models = _as_trajectory(models, 2)
    M, V = len(models), models[0].V
    n_sweeps, n_chains = as_count(n_sweeps, "n_sweeps", 4), as_count(n_chains, "n_chains", 2)
    n_steps = as_count(n_steps, "n_steps")
    burn_in = n_sweeps // 4 if burn_in is None else as_count(burn_in, "burn_in", 0)
    if n_sweeps - burn_in < 2:
        raise ValueError(
            f"burn_in = {burn_in} leaves {n_sweeps - burn_in} of {n_sweeps} sweeps; every pair has its turn "
            "in two, so take more sweeps or a shorter burn_in"
        )
    every = None if record_every is None else as_count(record_every, "record_every")
    known = _known_log_z(models[0], threads)
    generator = as_generator(rng)
    states = _starts(initial, n_chains, M, V, generator)
    replicas = np.tile(np.arange(M), (n_chains, 1))  # which replica is at each model
    direction = np.zeros(
        (n_chains, M), dtype=np.int8
    )  # of each replica: 1 since the first model, -1 the last
    trips = np.zeros(n_chains, dtype=np.int64)
    works: list[tuple[list[np.ndarray], list[np.ndarray]]] = [([], []) for _ in range(M - 1)]
    rates: list[list[float]] = [[] for _ in range(M - 1)]
    samples = []
    with meter(n_sweeps, "trajectory tempering") as shown:
        for sweep in range(n_sweeps):
            for t, model in enumerate(models):
                states[:, t] = _gibbs(model, states[:, t], n_steps, generator, threads)
            for t in range(sweep % 2, M - 1, 2):
                pair = slice(t, t + 2)
                up, down = _works(models[t], models[t + 1], states[:, t], states[:, t + 1])
                p = np.exp(np.minimum(0.0, -up - down))
                swap = generator.random(n_chains) < p
                states[swap, pair], replicas[swap, pair] = (
                    states[swap, pair][:, ::-1],
                    replicas[swap, pair][:, ::-1],
                )
                if sweep >= burn_in:
                    works[t][0].append(up)
                    works[t][1].append(down)
                    rates[t].append(float(p.mean()))
            trips += _count_trips(replicas, direction)
            if sweep + 1 == burn_in:
                trips[:] = 0
            if every is not None and sweep >= burn_in and (sweep - burn_in + 1) % every == 0:
                samples.append(states[:, -1].copy())
            if shown:
                shown.tick(1)
    log_ratio, leave_one_out = _bennett(works)
    log_z = known + np.concatenate([[0.0], np.cumsum(log_ratio)])
    others = np.concatenate([np.zeros((n_chains, 1)), np.cumsum(leave_one_out, axis=1)], axis=1)
    error = np.sqrt((n_chains - 1) * others.var(axis=0))
    return TrajectoryTempering(
        states=states,
        samples=np.array(samples, dtype=np.int8) if every is not None else None,
        swap_rate=np.array([np.mean(rate) for rate in rates]),
        round_trips=trips,
        log_z=log_z,
        log_z_error=error,
    )


def _works(
    one: TwoLayerIsing, other: TwoLayerIsing, v: np.ndarray, w: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """F' - F for the states v of the one model, F - F' for the states w of the other."""
    up = free_energies(other, v) - free_energies(one, v)
    return up, free_energies(one, w) - free_energies(other, w)


def _count_trips(replicas: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Replicas that are back at the first model after a visit to the last one; ``direction`` is updated."""
    chain = np.arange(len(replicas))
    first, last = replicas[:, 0], replicas[:, -1]
    done = direction[chain, first] == -1
    direction[chain, first] = 1
    up = direction[chain, last] == 1
    direction[chain[up], last[up]] = -1
    return done.astype(np.int64)


def _bennett(works: list[tuple[list[np.ndarray], list[np.ndarray]]]) -> tuple[np.ndarray, np.ndarray]:
    """ln Z_{t+1}/Z_t of each pair from all chains, and from all but one of them, (n_chains, M - 1)."""
    ratios, others = [], []
    for up, down in works:
        u, d = np.array(up), np.array(down)
        ratios.append(_acceptance_ratio(u.ravel(), d.ravel()))
        each = range(u.shape[1])
        others.append(
            [_acceptance_ratio(np.delete(u, c, 1).ravel(), np.delete(d, c, 1).ravel()) for c in each]
        )
    return np.array(ratios), np.array(others).T


def _acceptance_ratio(up: np.ndarray, down: np.ndarray) -> float:
    """ln Z'/Z from equally many F' - F in the one model and F - F' in the other (Bennett 1976).

    x solves sum f(up + x) = sum f(down - x), f(y) = 1/(1 + e^y); in logarithms, where it is nearly linear.
    """
    from scipy.optimize import brentq
    from scipy.special import logsumexp

    def difference(x: float) -> float:
        return float(logsumexp(-np.logaddexp(0, up + x)) - logsumexp(-np.logaddexp(0, down - x)))

    ends = np.concatenate([-up, down])  # f is 1/2 there: outside of them one side exceeds the other
    low, high = float(ends.min()) - 1.0, float(ends.max()) + 1.0
    return float(brentq(difference, low, high, xtol=1e-10))


def _as_trajectory(models: Any, least: int = 1) -> list[TwoLayerIsing]:
    """Two-layer models with the same visible units."""
    if not isinstance(models, Sequence) or isinstance(models, str | bytes):
        raise TypeError(
            f"models must be a list of machines or two-layer models, in the order of training, got {models!r}"
        )
    if len(models) < least:
        raise ValueError(f"models must have at least {least} of them, got {len(models)}")
    found = [as_two_layers(model, "a training trajectory") for model in models]
    sizes = sorted({model.V for model in found})
    if len(sizes) > 1:
        raise ValueError(f"all models must have the same visible units, got V = {sizes}")
    return found


def _known_log_z(model: TwoLayerIsing, threads: int | None) -> float:
    """ln Z of units without couplings, or of a model within reach of an exact method."""
    if any(not factor.any() for factor in Layers(model, "float64").factors):
        b = model.b
        return float(np.logaddexp(b, -b).sum()) - model.offset
    if exact_in_reach(model):
        return float(solve.log_partition(model, threads=threads))
    raise ValueError(
        f"ln Z of the first model, {model!r}, is out of reach; put one without couplings before it, "
        "models[0].scaled(0.0) or BipartiteIsing(np.zeros((V, 1)), bv=data_biases(train))"
    )


def _starts(initial: Any, n_chains: int, M: int, V: int, generator: np.random.Generator) -> np.ndarray:
    """States (n_chains, M, V)."""
    if initial is None:
        return (2 * generator.integers(0, 2, (n_chains, M, V), dtype=np.int8) - 1).astype(np.int8)
    s = as_spins(initial, V, "initial")
    if s.shape not in ((V,), (n_chains, V), (n_chains, M, V)):
        raise ValueError(
            f"initial must have shape ({V},), ({n_chains}, {V}) or ({n_chains}, {M}, {V}), got {s.shape}"
        )
    if s.shape == (n_chains, V):
        s = s[:, None]
    return np.array(np.broadcast_to(s, (n_chains, M, V)), dtype=np.int8)
