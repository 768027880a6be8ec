"""Short simulations of a canonical model at beta = 1: tempered replicas, chains from given states.

Free energies come from integrating energies: ln Z(1) = N ln 2 - int_0^1 E dbeta over the tempered replicas;
for the state of a pattern ln Z = -E(beta_max) + int_1^beta_max [E(beta) - E(beta_max)] dbeta.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..dynamics import block_gibbs, gibbs, parallel_tempering
from ..models import BipartiteIsing, IsingModel
from ..observables import replica_overlaps

N_LADDERS = 8
N_CHAINS = 8
_WORK = 5e6  # spin updates of the tempering
_COLDEST = 30.0  # end of the pattern's branch in beta
# Gauss-Legendre nodes of ln beta, after beta = 1 itself: Curie-Weiss to 1e-7 per spin at T = .2 to .9.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)
_BETAS = np.concatenate([[1.0], np.exp((1 + _NODES) / 2 * math.log(_COLDEST)), [_COLDEST]])
_BRANCH_STEPS = 100


@dataclass(frozen=True)
class Tempered:
    """Replicas that exchange temperatures, from random states.

    Attributes
    ----------
    q : ndarray, shape (n_records, n_pairs)
        Overlaps at beta = 1 over all sites.
    states : ndarray of int8, shape (n_records, n_ladders, N)
    energy, energy_error, energy_variance : float
        Mean energy at beta = 1, and the variance of a state's.
    log_partition : float
        ln Z(1), an estimate that slow replicas make too small.
    best_energy : float
    round_trips : float
        Mean number per ladder.
    """

    q: np.ndarray
    states: np.ndarray
    energy: float
    energy_error: float
    energy_variance: float
    log_partition: float
    best_energy: float
    round_trips: float


def tempered(model: IsingModel, log_distance: float, rng: np.random.Generator) -> Tempered:
    """Parallel tempering between beta = 0 and 1, dense in temperatures where the transition is expected."""
    line = math.exp(min(max(log_distance, -6.0), 0.0))
    betas = np.linspace(0, min(1.4 * line, 1.0), 9)
    if betas[-1] < 1:
        betas = np.concatenate([betas, np.geomspace(betas[-1], 1, 7)[1:]])
    layers = isinstance(model, BipartiteIsing)
    per_step = (
        len(betas)
        * N_LADDERS
        * (model.V * model.H / 10 if isinstance(model, BipartiteIsing) else model.n_spins)
    )
    n_steps = int(np.clip(_WORK / per_step, 50, 1500))
    run = parallel_tempering(
        model, n_steps, N_LADDERS, betas=betas, burn_in=n_steps // 2, record_every=max(1, n_steps // 60),
        sampler="block_gibbs" if layers else "gibbs", rng=rng,
    )  # fmt: skip
    assert run.samples is not None
    states = run.samples[:, :, -1]
    E, slope = run.mean_energy.mean(0), -run.energy_variance.mean(0)
    h = np.diff(betas)
    # Hermite's rule: energies and their exact slopes -Var(E).
    integral = (h / 2 * (E[:-1] + E[1:]) + h**2 / 12 * (slope[:-1] - slope[1:])).sum()
    cold = run.mean_energy[:, -1]
    return Tempered(
        q=replica_overlaps(states),
        states=states,
        energy=float(cold.mean()),
        energy_error=float(cold.std(ddof=1) / math.sqrt(N_LADDERS)),
        energy_variance=float(run.energy_variance[:, -1].mean()),
        log_partition=model.n_spins * math.log(2) - float(integral),
        best_energy=float(run.best_energy.min()),
        round_trips=float(run.round_trips.mean()),
    )


@dataclass(frozen=True)
class FromRandom:
    """Plain Gibbs chains from random states.

    Attributes
    ----------
    energy, energy_error : float
        Mean energy over the second half. The error is that of independent states in equilibrium: chains that
        split between states must not hide behind their own spread.
    memory : float
        Overlap of the states at half time and at the end, size of its mean over chains.
    common : float
        Mean square of the overlaps with tempered replicas; in a field of the mean overlap, with its sign.
    moved : float
        Share of the spins (of the smaller layer, for two layers) that differ from their start at any time.
    activity : float
        Share of spins that differ between consecutive records in the second half.
    """

    energy: float
    energy_error: float
    memory: float
    common: float
    moved: float
    activity: float


def from_random(model: IsingModel, hot: Tempered, rng: np.random.Generator, n_steps: int = 60) -> FromRandom:
    """What a user's chains would do, from random states."""
    sampler: Any = block_gibbs if isinstance(model, BipartiteIsing) else gibbs
    run = sampler(model, n_steps, N_CHAINS, burn_in=n_steps // 2 - 2, record_every=2, rng=rng)
    s, n = run.samples, run.moved.shape[1]
    energy = run.sample_energy.mean(0)
    q = s[-1].astype(float) @ hot.states.reshape(-1, model.n_spins).T / model.n_spins
    return FromRandom(
        energy=float(energy.mean()),
        energy_error=math.sqrt(hot.energy_variance / N_CHAINS),
        memory=float((s[0].astype(float) * s[-1]).mean()),
        common=float(q.mean()) ** 2 if model.has_fields else float((q**2).mean()),
        moved=float(run.moved.mean()),
        activity=float((s[1:, :, :n] != s[:-1, :, :n]).mean()),
    )


@dataclass(frozen=True)
class FromPattern:
    """Chains that start in the candidate states.

    Attributes
    ----------
    overlap : ndarray, shape (n_candidates,)
        Size of the mean overlap with the candidate, late.
    log_partition : float
        Mean ln Z of the candidates' states, by integration from zero temperature.
    energy : float
        Lowest of the quenched candidates' energies.
    found_by_tempering : float
        Mean over tempered replicas of their largest overlap with a candidate, from random starts.
    """

    overlap: np.ndarray
    log_partition: float
    energy: float
    found_by_tempering: float


def from_pattern(
    model: IsingModel, candidates: np.ndarray, hot: Tempered, rng: np.random.Generator
) -> FromPattern:
    """Do the candidates stay what they are, and what is their free energy?"""
    layers = isinstance(model, BipartiteIsing)
    sampler: Any = block_gibbs if layers else gibbs
    n = model.V if isinstance(model, BipartiteIsing) else model.n_spins
    E = np.empty((len(_BETAS), len(candidates)))
    overlap = np.zeros(len(candidates))
    for k, beta in enumerate(_BETAS):
        run = sampler(
            model,
            _BRANCH_STEPS,
            len(candidates),
            beta=float(beta),
            initial=candidates[:, :n],
            burn_in=_BRANCH_STEPS // 4,
            record_every=1,
            rng=rng,
        )
        E[k] = run.sample_energy.mean(0)
        if k == 0:
            overlap = np.abs((run.samples * candidates).mean(2).mean(0))
    # int (E - E_cold) dbeta = int (E - E_cold) beta dln beta.
    weights = _WEIGHTS / 2 * math.log(_COLDEST) * _BETAS[1:-1]
    integral = weights @ (E[1:-1] - E[-1])
    found = np.abs(hot.states[-1].astype(float) @ candidates.T / model.n_spins).max(1)
    return FromPattern(overlap, float((integral - E[-1]).mean()), float(E[-1].min()), float(found.mean()))
