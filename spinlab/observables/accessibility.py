"""How close Gibbs sampling gets to the true ground state, and how much of that is descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, overload

import numpy as np

from .. import exact, solve
from .._core.progress import shows_progress
from .._core.results import Result
from .._core.rng import RNG, as_generator
from .._core.validate import as_choice, as_count, as_flag, as_real
from ..dynamics import block_gibbs, gibbs
from ..models import IsingModel, ModelLike, TwoLayerIsing, as_model


@dataclass(frozen=True, repr=False)
class Accessibility(Result):
    """Every chain of a measurement of the Gibbs accessibility.

    Attributes
    ----------
    ratio : ndarray, shape (n_chains,)
        E / E0, the accessibility of each chain.
    excess : ndarray, shape (n_chains,)
        (E - E_rand) / (E0 - E_rand): 0 for a random start, 1 for a ground state. (Where every
        start is a ground state it is 1.)
    energy : ndarray, shape (n_chains,)
        Final energies E.
    ground_energy, random_energy : float
        E0 and E_rand.
    moved_chains : float
        Fraction of chains in which any visible spin ever differed from its start.
    moved_spins : float
        Fraction of visible spins that ever differed from their start, over all chains.
    quantile : ndarray, shape (n_chains,), or None
        Fraction of all visible states whose free energy F(v) lies below that of the chain's final
        visible state: 0 for the best state, uniform on (0, 1) for a random one. On request.
    """

    ratio: np.ndarray
    excess: np.ndarray
    energy: np.ndarray
    ground_energy: float
    random_energy: float
    moved_chains: float
    moved_spins: float
    quantile: np.ndarray | None


@overload
def gibbs_accessibility(
    model: ModelLike,
    n_steps: int = ...,
    n_chains: int = ...,
    *,
    reduce: Literal["mean", "min"] = ...,
    beta: float = ...,
    ground_energy: float | None = ...,
    random_energy: float | None = ...,
    quantile: bool = ...,
    rng: RNG = ...,
    threads: int | None = ...,
    progress: bool | None = ...,
) -> float: ...


@overload
def gibbs_accessibility(
    model: ModelLike,
    n_steps: int = ...,
    n_chains: int = ...,
    *,
    reduce: None,
    beta: float = ...,
    ground_energy: float | None = ...,
    random_energy: float | None = ...,
    quantile: bool = ...,
    rng: RNG = ...,
    threads: int | None = ...,
    progress: bool | None = ...,
) -> Accessibility: ...


@shows_progress
def gibbs_accessibility(
    model: ModelLike,
    n_steps: int = 10,
    n_chains: int = 10,
    *,
    reduce: str | None = "mean",
    beta: float = 1.0,
    ground_energy: float | None = None,
    random_energy: float | None = None,
    quantile: bool = False,
    rng: RNG = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> float | Accessibility:
    """Gibbs accessibility E/E0: final energy of Gibbs chains over the true ground-state energy.

    arXiv:1910.01592, Sec. V.A.1: chains start at random visible states and run ``n_steps`` of
    block Gibbs sampling (sequential Gibbs sampling for models without layers). Since a ratio of
    energies is already large for a random visible state with its best hidden state, the excess
    over such a start is measured too (see :class:`Accessibility`).

    Parameters
    ----------
    model : IsingModel or anything :func:`spinlab.models.as_model` takes
    n_steps, n_chains : int, default 10
    reduce : {"mean", "min", None}
        "mean": ratio averaged over the chains; "min": ratio of the chain of lowest energy; None:
        the whole measurement, every chain.
    beta : float, default 1
        Inverse temperature of the dynamics (energies are those of the model itself).
    ground_energy : float, optional
        E0, offset included; otherwise :func:`spinlab.ground_state` finds it (which needs a model
        within its limits).
    random_energy : float, optional
        E_rand; otherwise :func:`random_start_energy`.
    quantile : bool, default False
        Also place each final visible state in the exact distribution of F(v) over all 2^V visible
        states (layered models, V <= 24).
    rng, threads, progress
        As in :func:`spinlab.dynamics.gibbs`.

    Returns
    -------
    float, or Accessibility with ``reduce=None``

    Raises
    ------
    ValueError
        If E0 is zero (no couplings: the ratio is undefined) or cannot be found exactly.

    Examples
    --------
    >>> import spinlab as sl
    >>> rbm = sl.ensembles.ra_rbm(V=12, H=100, K=3, rng=0).scaled(10.0)
    >>> sl.observables.gibbs_accessibility(rbm, reduce="min", rng=1) > 0.9
    True
    """
    model = as_model(model)
    if reduce is not None:
        as_choice(reduce, "reduce", ("mean", "min"))
    beta = as_real(beta, "beta", 0.0)
    quantile = as_flag(quantile, "quantile")
    generator = as_generator(rng)
    if ground_energy is None:
        ground_energy = solve.ground_state(model, threads=threads).energy
    ground_energy = as_real(ground_energy, "ground_energy")
    if ground_energy == model.offset:
        raise ValueError(
            "the ground energy is zero, so the ratio E/E0 is undefined; the model has no couplings"
        )
    if isinstance(model, TwoLayerIsing):
        chains = block_gibbs(model, n_steps, n_chains, beta=beta, rng=generator, threads=threads)
    else:
        chains = gibbs(model, n_steps, n_chains, beta=beta, rng=generator, threads=threads)
    # The offset is no energy of any coupling: without it the ratio has the paper's meaning.
    energy, lowest = chains.energy - model.offset, ground_energy - model.offset
    ratio = energy / lowest
    if reduce == "mean":
        return float(ratio.mean())
    if reduce == "min":
        return float(energy.min() / lowest)
    if random_energy is None:
        random_energy = random_start_energy(model, rng=generator, threads=threads)
    random_energy = as_real(random_energy, "random_energy")
    room = ground_energy - random_energy
    return Accessibility(
        ratio=ratio,
        excess=(chains.energy - random_energy) / room if room else np.ones_like(ratio),
        energy=chains.energy,
        ground_energy=ground_energy,
        random_energy=random_energy,
        moved_chains=float(chains.moved.any(axis=1).mean()),
        moved_spins=float(chains.moved.mean()),
        quantile=_quantile(model, chains.states, beta, threads) if quantile else None,
    )


def random_start_energy(
    model: ModelLike, *, n_samples: int = 10_000, rng: RNG = None, threads: int | None = None
) -> float:
    """E_rand: mean energy of a random start, <min_h E(v, h)> over random visible states v.

    For a model without layers it is the mean energy of a random state, which is the offset. For
    a layered model all 2^V visible states are averaged where they can be enumerated (V <= 24);
    beyond that ``n_samples`` random ones are, with a relative error of about
    ``0.75/sqrt(n_samples H)`` for independent weights, ``0.75/sqrt(n_samples K)`` for K < H
    patterns, whose overlaps all hidden units share.

    Parameters
    ----------
    model : IsingModel or anything :func:`spinlab.models.as_model` takes
    n_samples : int, default 10 000
        Random visible states, where not all can be taken.
    rng : None, int or numpy.random.Generator
    threads : int, optional
        All processors by default.

    Returns
    -------
    float

    Examples
    --------
    >>> import spinlab as sl
    >>> sl.observables.random_start_energy(sl.models.BipartiteIsing([[1.0], [1.0]]))
    -1.0
    """
    model, generator = as_model(model), as_generator(rng)
    n_samples = as_count(n_samples, "n_samples")
    if not isinstance(model, TwoLayerIsing):
        return model.offset
    if model.V <= 24:
        return exact.layer.random_start_energy(model, threads=threads)
    v = generator.choice(np.array([-1.0, 1.0]), size=(n_samples, model.V))
    energy = -v @ model.bv - np.abs(model.hidden_input(v)).sum(1)
    return float(energy.mean()) + model.offset


def _quantile(model: IsingModel, states: np.ndarray, beta: float, threads: int | None) -> np.ndarray:
    if not isinstance(model, TwoLayerIsing):
        raise ValueError(f"quantile=True needs a model of two layers, got {model!r}; leave it out")
    F = exact.layer.free_energies(model, beta=beta, threads=threads)
    index = (states[:, : model.V] > 0) @ (1 << np.arange(model.V))
    reached = F[index]
    return np.array([np.count_nonzero(value > F) for value in reached]) / len(F)
