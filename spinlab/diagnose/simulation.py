"""Short simulations of a canonical model at beta = 1: chains from random and from given states.

The free energy of a pattern's state comes from integrating its energy from the coldest temperature,
ln Z = -E(beta_max) + int_1^beta_max [E(beta) - E(beta_max)] dbeta.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..dynamics import block_gibbs, gibbs
from ..models import BipartiteIsing, IsingModel
from .equilibrium import Equilibrium

N_CHAINS = 8
_COLDEST = 30.0  # end of the pattern's branch in beta
# Gauss-Legendre nodes of ln beta, after beta = 1 itself: Curie-Weiss to 1e-7 per spin at T = .2 to .9.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)
_BETAS = np.concatenate([[1.0], np.exp((1 + _NODES) / 2 * math.log(_COLDEST)), [_COLDEST]])
_BRANCH_STEPS = 100


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


def from_random(
    model: IsingModel, hot: Equilibrium, rng: np.random.Generator, n_steps: int = 60
) -> FromRandom:
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


def come_back(model: IsingModel, hot: Equilibrium, n_steps: int = 300) -> float:
    """Mean overlap with tempered replicas of plain chains that start from these, all spins reversed."""
    s = _last(model, -hot.states[-1], n_steps)
    return float((s @ hot.states.reshape(-1, model.n_spins).T).mean() / model.n_spins)


def lasting(model: IsingModel, hot: Equilibrium, n_steps: int = 60) -> float:
    """Root mean square overlap of plain chains with the lowest state, from which they start."""
    s = _last(model, np.repeat(hot.best_state[None], N_CHAINS, 0), n_steps)
    return float(np.sqrt(((s @ hot.best_state / model.n_spins) ** 2).mean()))


def _last(model: IsingModel, start: np.ndarray, n_steps: int) -> np.ndarray:
    layers = isinstance(model, BipartiteIsing)
    sampler: Any = block_gibbs if layers else gibbs
    n = model.V if isinstance(model, BipartiteIsing) else model.n_spins
    run = sampler(
        model, n_steps, len(start), initial=np.ascontiguousarray(start[:, :n]), burn_in=n_steps - 1,
        record_every=1, rng=0,
    )  # fmt: skip
    return np.asarray(run.samples[-1].astype(float))


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
    model: IsingModel, candidates: np.ndarray, hot: Equilibrium, rng: np.random.Generator
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
