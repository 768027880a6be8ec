"""One instance of a scan: all temperatures at once, from random states by tempering and from a pattern."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import exact, observables
from .._core.rng import as_generator
from ..dynamics import block_gibbs, gibbs, parallel_tempering
from ..models import IsingModel, TwoLayerIsing
from ..solve import ground_state
from .families import FAMILIES, patterns_of

N_BINS = 41
PER_T = (
    "e_random", "e_pattern", "q_abs", "q2", "q4", "m_pattern", "m_hidden", "m_random",
    "q_pattern", "temperature", "accessibility", "excess", "swap_rate", "round_trips",
)  # fmt: skip
MOST_SPINS_FOR_MINIMA = 22


def names(ensemble: str, axis: str, with_accessibility: bool, with_minima: bool) -> set[str]:
    """Averages that a scan over several temperatures has."""
    found = {"n_spins", "e_random", "q_abs", "q2", "q4", "swap_rate", "round_trips"}
    if FAMILIES[ensemble].load is not None:
        found |= {"m_random", "m_pattern", "m_hidden", "e_pattern", "q_pattern"}
    if axis == "std":
        found.add("temperature")
    if with_accessibility:
        found |= {"accessibility", "excess", "certified"}
    return found | {"n_minima"} if with_minima else found


def measure(
    ensemble: str,
    size: int,
    load: float,
    axis: str,
    values: tuple[float, ...],
    ratio: float,
    dimension: int,
    law: str,
    n_steps: int,
    n_chains: int,
    with_accessibility: bool,
    with_minima: bool,
    rng: int,
    device: str = "cpu",
) -> dict[str, Any]:
    """The point of a scan: one instance at every temperature (or weight scale)."""
    generator = as_generator(rng)
    family = FAMILIES[ensemble]
    model = family.draw(size=size, load=load, ratio=ratio, dimension=dimension, law=law, rng=generator)
    model = model.to(device)
    T = np.asarray(values)
    if axis == "std":
        assert family.temperature is not None
        T = np.asarray(family.temperature(size, load, ratio, T))
    result: dict[str, Any] = {"n_spins": model.n_spins}
    if axis == "std":
        result["temperature"] = T
    result |= _from_random(model, T, n_steps, n_chains, generator)
    result |= _from_pattern(model, T, n_steps, n_chains, generator)
    if with_accessibility:
        result |= _accessibility(model, T, generator)
    if with_minima and model.n_spins <= MOST_SPINS_FOR_MINIMA:
        result["n_minima"] = exact.minima.local_minima(model, max_states=1).count
    return result


def _from_random(
    model: IsingModel, T: np.ndarray, n_steps: int, n_chains: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Replicas from random starts, tempered where there are several temperatures: energies, P(q)."""
    layers = isinstance(model, TwoLayerIsing)
    burn_in, every = n_steps // 2, max(1, n_steps // 400)
    order = np.argsort(-T)
    extra: dict[str, Any] = {}
    if len(T) > 1:
        run = parallel_tempering(
            model, n_steps, n_chains, betas=1 / T[order], burn_in=burn_in, record_every=every,
            sampler="block_gibbs" if layers else "gibbs", rng=rng,
        )  # fmt: skip
        assert run.samples is not None
        samples = np.empty_like(run.samples)
        samples[:, :, order] = run.samples
        energy = np.empty_like(run.mean_energy)
        energy[:, order] = run.mean_energy
        rate = np.full(len(T), np.nan)
        rate[order[:-1]] = run.swap_rate  # of T with the next colder one
        extra = {"swap_rate": rate, "round_trips": np.full(len(T), run.round_trips.mean())}
    else:
        sampler: Any = block_gibbs if layers else gibbs
        chains = sampler(
            model, n_steps, n_chains, beta=float(1 / T[0]), burn_in=burn_in, record_every=every, rng=rng
        )
        assert chains.samples is not None
        assert chains.sample_energy is not None
        samples, energy = chains.samples[:, :, None], chains.sample_energy.mean(0)[:, None]
    n = getattr(model, "V", model.n_spins)
    # (records, chains, T, sites) -> overlaps of equal times, (records, T, pairs)
    q = observables.replica_overlaps(np.moveaxis(samples[..., :n], 1, 2))
    edges = np.linspace(-1, 1, N_BINS + 1)
    P = np.array([np.histogram(np.abs(q[:, t]), edges)[0] for t in range(len(T))], dtype=float)
    P = (P + P[:, ::-1]) / 2  # without fields P(q) = P(-q)
    P /= P.sum(1, keepdims=True) * (edges[1] - edges[0])
    result = {
        "e_random": energy.mean(0) / model.n_spins,
        "q_abs": np.abs(q).mean((0, 2)),
        "q2": (q**2).mean((0, 2)),
        "q4": (q**4).mean((0, 2)),
        "P": P,
    } | extra
    xi = patterns_of(model)
    if xi is not None:
        m = observables.pattern_overlaps(xi[:, :n], samples[..., :n])
        result["m_random"] = np.abs(m).max(-1).mean((0, 1))
    return result


def _from_pattern(
    model: IsingModel, T: np.ndarray, n_steps: int, n_chains: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Chains that start in the first pattern: how much of it they keep."""
    xi = patterns_of(model)
    if xi is None:
        return {}
    n = getattr(model, "V", model.n_spins)
    names = ("e_pattern", "m_pattern", "m_hidden", "q_pattern")
    out = {name: np.full(len(T), np.nan) for name in names}
    for t, temperature in enumerate(T):
        options: dict[str, Any] = {
            "beta": float(1 / temperature),
            "burn_in": n_steps // 2,
            "record_every": max(1, n_steps // 400),
            "rng": rng,
        }
        if isinstance(model, TwoLayerIsing):
            chains = block_gibbs(model, n_steps, n_chains, initial=xi[0, :n], **options)
        else:
            chains = gibbs(model, n_steps, n_chains, initial=xi[0], **options)
        assert chains.samples is not None
        assert chains.sample_energy is not None
        s = chains.samples
        out["e_pattern"][t] = chains.sample_energy.mean() / model.n_spins
        # The state as a whole may flip at small sizes; its sign has no meaning.
        out["m_pattern"][t] = np.abs(observables.pattern_overlaps(xi[:1, :n], s[..., :n])).mean()
        if n < model.n_spins:
            out["m_hidden"][t] = np.abs(observables.pattern_overlaps(xi[:1, n:], s[..., n:])).mean()
        if n_chains > 1:
            out["q_pattern"][t] = np.abs(observables.replica_overlaps(s[..., :n])).mean()
    return out


def _accessibility(model: IsingModel, T: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    """Gibbs accessibility at every temperature, with one ground-state search, exact where it can be."""
    found = ground_state(model, allow_heuristic=True)
    start = observables.random_start_energy(model, rng=rng)
    raw, excess = np.empty(len(T)), np.empty(len(T))
    for t, temperature in enumerate(T):
        a = observables.gibbs_accessibility(
            model,
            beta=float(1 / temperature),
            reduce=None,
            ground_energy=found.energy,
            random_energy=start,
            rng=rng,
        )
        raw[t], excess[t] = a.ratio.mean(), a.excess.mean()
    return {"accessibility": raw, "excess": excess, "certified": found.certified}
