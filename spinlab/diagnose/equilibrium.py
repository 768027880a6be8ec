"""Equilibrium at the asked temperature, and whether it was reached.

Ladders of replicas start from random states and, again, all of them from the lowest state known; they are in
equilibrium if the two agree in energy and overlap. What the replicas then say: the mean square overlap and
its Binder cumulant at every temperature of the ladder, the stability of the state that they share, and how
far above it in energy the next different state lies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..dynamics import Tempering, descend, parallel_tempering
from ..models import BipartiteIsing, IsingModel, SparseIsing
from ..observables import Spectrum, Stability, replica_overlaps
from ..observables.stability import isolated_below, reaction, two_layer_reaction
from .bethe import growth

N_LADDERS = 8
_CONTROLS = 4  # ladders from the lowest state known
_UPDATES_PER_SECOND = 3e7  # of one core, in round numbers: the same work on every machine
_TRIPS = 1.0  # per ladder before the work may end early
_FEW_STEPS, _MOST_STEPS = 40, 500  # of the first round
_ROUNDS = 3  # at most: the first takes a seventh of the work, each next one twice the last
_RECORDS = 40
_FEWEST_LEVELS, _MOST_LEVELS, _LENGTH = 8, 40, 1.3  # neighbours exchange about every third time
_COLD = 100.0  # T_line/T beyond which temperatures do not differ
_QUENCHES, _FEWEST_QUENCHES = 40, 20  # from tempered replicas, and from random states
_FLIPS = 1e8  # N^2 for every quench of a dense model
_PAIRS = 1000  # spins at which an update of a dense model costs twice that of a sparse one
_DIFFERENT = 0.5  # overlap below which a state is another one
_SET_IN = 0.25  # overlap at which order has set in
_ONE_STATE = 0.85  # share of the square of a state's overlap that the mean square has if all are in it
_WITHIN = 0.7  # of the largest overlaps: replicas in one state


@dataclass(frozen=True)
class Equilibrium:
    """Replicas that exchange temperatures, at beta = 1 unless said otherwise.

    Attributes
    ----------
    q : ndarray, shape (n_records, n_pairs)
        Overlaps of replicas from random states.
    states : ndarray of int8, shape (n_records, n_ladders, N)
    energy, energy_error, energy_variance : float
        Mean energy, and the variance of a state's.
    log_partition : float
        ln Z(1), an estimate that slow replicas make too small.
    best_energy, best_state
        The lowest state known.
    round_trips : float
        Mean number per ladder.
    agreed, converged : bool
        Whether replicas from random states and from the lowest state agree, and either went round or are in
        no state or all in one, up to a flip: what several states weigh only round trips can tell.
    energy_apart : float
        Difference of their mean energies, in standard deviations of a state's energy.
    q2, q2_between, q2_control : float
        Mean square overlap of replicas from random states, of these with those from the lowest state, and of
        the latter.
    betas, q_rms, binder : ndarray, shape (n_levels,)
        By temperature.
    state_overlap : float
        Overlap of replicas in one state: the mean square magnetisation of the largest overlap state.
    instability : float
        Growth of the variance of perturbations in that state, where order sets in: below 1 replica symmetry
        is stable (de Almeida and Thouless), in a glass it is about 1 or more.
    competitor : float
        Energy of the lowest state that is another one, above the lowest, as a share of it; 1 if none was met.
    n_steps : int
        Of each replica from random states.
    n_wanted : int
        Temperatures between which exchanges are easy: more than there are where the work does not pay for
        them.
    """

    q: np.ndarray
    states: np.ndarray
    energy: float
    energy_error: float
    energy_variance: float
    log_partition: float
    best_energy: float
    best_state: np.ndarray
    round_trips: float
    agreed: bool
    converged: bool
    energy_apart: float
    q2: float
    q2_between: float
    q2_control: float
    betas: np.ndarray
    q_rms: np.ndarray
    binder: np.ndarray
    state_overlap: float
    instability: float
    competitor: float
    n_steps: int
    n_wanted: int


def equilibrium(
    model: IsingModel,
    log_distance: float,
    spectrum: Spectrum,
    stability: Stability,
    rng: np.random.Generator,
    *,
    seconds: float,
    share: float = 1.0,
    threads: int | None = None,
) -> Equilibrium:
    """Parallel tempering between beta = 0 and 1 until two kinds of starts agree, or the work is done.

    ``share`` (of 1) of the usual quenches is made where those of a dense model are costly.
    """
    N, layers = model.n_spins, isinstance(model, BipartiteIsing)
    options: dict[str, Any] = {
        "sampler": "block_gibbs" if layers else "gibbs",
        "rng": rng,
        "threads": threads,
    }
    work = seconds * _UPDATES_PER_SECOND / (N_LADDERS + _CONTROLS)
    affordable = int(np.clip(work / (_FEW_STEPS * _work(model)), _FEWEST_LEVELS, _MOST_LEVELS))
    betas, wanted = _ladder(model, log_distance, options, affordable)
    per_step = len(betas) * _work(model)
    steps = work / per_step
    rounds = next((k for k in range(_ROUNDS, 1, -1) if steps >= _FEW_STEPS * (2**k - 1)), 1)
    n = int(np.clip(steps / (2**rounds - 1), _FEW_STEPS, _MOST_STEPS))
    random = control = pool = None
    trips, done = 0.0, 0
    for round_ in range(rounds):
        n_steps = n << round_
        start = None if random is None else random.states
        random = _run(model, n_steps, N_LADDERS, betas, start, options)
        trips, done = trips + float(random.round_trips.mean()), done + n_steps
        pool = _quenched(model, random, pool, rng, share)
        if control is None:
            start = np.broadcast_to(pool[0][0], (_CONTROLS, len(betas), N))
        else:
            start = control.states
        control = _run(model, n_steps, _CONTROLS, betas, start, options)
        agreement = _agree(random, control)
        if agreement[0] and trips >= _TRIPS:
            break
    assert random is not None
    assert random.samples is not None
    assert control is not None
    assert pool is not None
    levels = [replica_overlaps(random.samples[:, :, l]) for l in range(len(betas))]
    q2 = np.array([(q**2).mean() for q in levels])
    q4 = np.array([(q**4).mean() for q in levels])
    q_rms = np.sqrt(q2)
    at = int(np.argmax(q_rms >= _SET_IN)) if (q_rms >= _SET_IN).any() else len(betas) - 1
    m, _ = _largest_state(random, control, at)
    _, shared = _largest_state(random, control, len(betas) - 1)
    E, slope, h = random.mean_energy.mean(0), -random.energy_variance.mean(0), np.diff(betas)
    # Hermite's rule: energies, which fall, and their exact slopes -Var(E).
    most = h / 2 * np.abs(np.diff(E))
    integral = (h / 2 * (E[:-1] + E[1:]) + np.clip(h**2 / 12 * (slope[:-1] - slope[1:]), -most, most)).sum()
    cold = random.mean_energy[:, -1]
    return Equilibrium(
        q=levels[-1],
        states=random.samples[:, :, -1],
        energy=float(cold.mean()),
        energy_error=float(cold.std(ddof=1) / math.sqrt(N_LADDERS)),
        energy_variance=float(random.energy_variance[:, -1].mean()),
        log_partition=N * math.log(2) - float(integral),
        best_energy=float(pool[1][0]),
        best_state=pool[0][0],
        round_trips=trips,
        agreed=agreement[0],
        converged=agreement[0] and (trips >= _TRIPS or _no_choice(agreement[2], shared, N)),
        energy_apart=agreement[1],
        q2=agreement[2],
        q2_between=agreement[3],
        q2_control=agreement[4],
        betas=betas,
        q_rms=q_rms,
        binder=(3 - q4 / np.maximum(q2, 1e-300) ** 2) / 2,
        state_overlap=shared,
        instability=_instability(model, m, betas[at], spectrum, stability),
        competitor=_competitor(*pool),
        n_steps=done,
        n_wanted=wanted,
    )


def _work(model: IsingModel) -> float:
    """Updates of one step, in those of a sparse model: flips of all pairs cost more."""
    if isinstance(model, BipartiteIsing):
        return model.V * model.H / 10
    return model.n_spins * (1.0 if isinstance(model, SparseIsing) else 1 + model.n_spins / _PAIRS)


def _ladder(
    model: IsingModel, log_distance: float, options: dict[str, Any], most: int = _MOST_LEVELS
) -> tuple[np.ndarray, int]:
    """From beta = 0 to 1, dense where the energy falls, ``most`` temperatures; how many would be easy.

    Far below the line replicas are in their lowest states: the last step there may be of any size.
    """
    line = math.exp(min(max(log_distance, -300.0), 0.0))
    end = min(_COLD * line, 1.0)
    betas = np.linspace(0, min(1.4 * line, 1.0), 9)
    if betas[-1] < 1:
        betas = np.concatenate([betas, np.geomspace(betas[-1], end, 7)[1:]])
    E = parallel_tempering(model, 40, 4, betas=betas, **options).mean_energy.mean(0)
    length = np.sqrt(np.maximum(np.diff(betas) * -np.diff(E), 0.0)) + 1e-6
    whole = np.append(0.0, np.cumsum(length))
    wanted = int(np.clip(round(whole[-1] / _LENGTH) + 1, 4, _MOST_LEVELS))
    betas = np.interp(np.linspace(0, whole[-1], min(wanted, most)), whole, betas)
    betas[0], betas[-1] = 0.0, end
    return (betas, wanted) if end == 1 else (np.append(betas, 1.0), wanted + 1)


def _run(
    model: IsingModel,
    n: int,
    n_ladders: int,
    betas: np.ndarray,
    start: np.ndarray | None,
    options: dict[str, Any],
) -> Tempering:
    every = max(1, n // 2 // _RECORDS)
    return parallel_tempering(
        model, n, n_ladders, betas=betas, initial=start, burn_in=n // 2, record_every=every, **options
    )  # fmt: skip


def _quenched(
    model: IsingModel,
    run: Tempering,
    pool: tuple[np.ndarray, np.ndarray] | None,
    rng: np.random.Generator,
    share: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Minima below the replicas of all temperatures and random states, the lowest first, with those known."""
    N = model.n_spins
    states, n_random = run.states.reshape(-1, N), _QUENCHES
    if not isinstance(model, SparseIsing):
        affordable = max(math.ceil(_FEWEST_QUENCHES * share), int(_FLIPS * share / N**2))
        n_random = min(n_random, affordable)
        states = states[np.linspace(0, len(states) - 1, min(len(states), affordable)).astype(int)]
    start = np.concatenate([states, rng.choice(np.array([-1, 1], np.int8), (n_random, N))])
    found = descend(model, len(start), initial=start, rng=rng)
    states = found.states if pool is None else np.concatenate([pool[0], found.states])
    energy = found.energy if pool is None else np.concatenate([pool[1], found.energy])
    order = np.argsort(energy, kind="stable")
    return states[order], energy[order]


def _agree(random: Tempering, control: Tempering) -> tuple[bool, float, float, float, float]:
    """Whether energies and overlaps at beta = 1 agree; the energies' difference; q^2 of either, and between.

    Replicas from one state count only once they have the overlaps of those from random states with each
    other: else both may rest where they began, at energies and overlaps that agree by chance.
    """
    a, b = random.mean_energy[:, -1], control.mean_energy[:, -1]
    sigma = math.sqrt(max(float(random.energy_variance[:, -1].mean()), 1e-12))
    apart = float(a.mean() - b.mean()) / sigma
    error = math.hypot(a.std(ddof=1) / math.sqrt(len(a)), b.std(ddof=1) / math.sqrt(len(b))) / sigma
    assert random.samples is not None
    assert control.samples is not None
    s, t = random.samples[:, :, -1].astype(np.float32), control.samples[:, :, -1].astype(np.float32)
    k, N = min(len(s), len(t)), s.shape[-1]
    within, among = _mean_squares(s[:k]), _mean_squares(t[:k])
    between = ((np.einsum("rai,rbi->rab", s[:k], t[:k]) / N) ** 2).mean((0, 2))
    q2 = float(within.mean())
    agrees = abs(apart) <= 0.15 + 3 * error and abs(apart) <= 0.6
    for other in (between, among):
        spread = sum(float(x.std(ddof=1)) / math.sqrt(len(x)) for x in (within, other))
        difference, larger = abs(q2 - float(other.mean())), max(q2, float(other.mean()))
        agrees &= difference <= min(0.02 + 0.15 * larger + 2 * spread, 0.1 + 0.3 * larger)
    return bool(agrees), apart, q2, float(between.mean()), float(among.mean())


def _no_choice(q2: float, shared: float, N: int) -> bool:
    """Whether replicas are in no state, as in a paramagnet, or all in one, of overlap ``shared``."""
    return q2 * N ** (2 / 3) < 1 or q2 > _ONE_STATE * shared**2


def _mean_squares(s: np.ndarray) -> np.ndarray:
    """Mean square overlap of each replica with the others, shape (n,), from states of shape (n_records, n,
    N).
    """
    n, N = s.shape[1:]
    each = (np.einsum("rai,rbi->rab", s, s) / N) ** 2
    return np.asarray((each.mean(0).sum(1) - 1) / (n - 1))


def _largest_state(random: Tempering, control: Tempering, level: int) -> tuple[np.ndarray, float]:
    """Magnetisations of the state that most replicas share, and the overlap of two replicas in it."""
    assert random.samples is not None
    assert control.samples is not None
    N = random.samples.shape[-1]
    s = np.concatenate(
        [x.samples[:, :, level].reshape(-1, N) for x in (random, control) if x.samples is not None]
    )
    s = s.astype(np.float32)
    Q = s @ s.T / N
    centre = int(np.argmax(np.abs(Q).mean(0)))
    q = Q[centre]
    inside = np.abs(q) > _WITHIN * np.quantile(np.abs(q), 0.9)
    m = (s[inside] * np.sign(q[inside])[:, None]).mean(0).astype(float)
    return m, float((m * m).mean())


def _instability(
    model: IsingModel, m: np.ndarray, beta: float, spectrum: Spectrum, stability: Stability
) -> float:
    """Growth of the variance of a perturbation in the state m, per step.

    Many weak couplings: the largest eigenvalue of (1 - m_i^2) tanh^2(beta J_ij) (1 - m_j^2) with the reaction
    of the couplings, R'(1 - q) of R'(0), R the transform of the measured spectrum (observables/stability.py).
    Sparse graphs, where that eigenvalue sits on hubs: along walks that do not turn back.
    """
    free = 1 - m * m
    if isinstance(model, SparseIsing):
        J = model.to_sparse()._J
        row = np.repeat(np.arange(len(m)), np.diff(J.indptr))
        return growth(J, free[row] * np.tanh(beta * J.data) ** 2 * free[J.indices])
    weighted: Any
    if isinstance(model, BipartiteIsing):
        W = np.tanh(beta * model.weights()) ** 2
        V = model.V
        weighted = lambda x: np.concatenate([W @ x[V:], W.T @ x[:V]])  # noqa: E731
    else:
        weighted = (np.tanh(beta * np.asarray(model.couplings())) ** 2).__matmul__
    x, eigenvalue = np.ones(len(m)), 0.0
    for _ in range(60):
        y = free * weighted(free * x)
        norm = float(np.linalg.norm(y))
        eigenvalue = norm / float(np.linalg.norm(x))
        if norm == 0.0:
            return 0.0
        x = y / norm
    return float(eigenvalue * _reaction(model, free, beta, spectrum, stability))


def _reaction(
    model: IsingModel, free: np.ndarray, beta: float, spectrum: Spectrum, stability: Stability
) -> float:
    bulk = beta * spectrum.values[stability.n_directions :]
    if isinstance(model, BipartiteIsing):
        n, m, layer = model.V, model.H, (free[: model.V], free[model.V :])
        if n > m:
            n, m, layer = m, n, layer[::-1]
        chi, spread = ([float((x**k).mean()) for x in layer] for k in (1, 2))
        return two_layer_reaction(bulk, n, m, chi, spread)
    return reaction(bulk[: len(bulk) - isolated_below(bulk)], float(free.mean()))


def _competitor(states: np.ndarray, energy: np.ndarray) -> float:
    other = np.abs(states @ states[0].astype(np.int32)) < _DIFFERENT * states.shape[1]
    if not other.any() or energy[0] == 0.0:
        return 1.0
    return float(min((energy[other].min() - energy[0]) / abs(energy[0]), 1.0))
