"""One instance followed over a range of weight scales, as several studies do."""

from __future__ import annotations

from typing import Any

import numpy as np

import spinlab as sl

# Dimensions of the arrays that follow() returns, for a Sweep.
DIMS = dict.fromkeys(("mean", "min", "excess", "moved_chains", "moved_spins"), ("std",))


def follow(
    model: sl.models.IsingModel,
    stds: tuple[float, ...],
    generator: np.random.Generator,
    quantile_at: float | None = None,
) -> dict[str, Any]:
    """Accessibility of ten chains after ten steps, with the model multiplied by each of ``stds``.

    The ground state is found once: its energy scales along. ``quantile_at`` names the scale at
    which the chains are also placed in the exact distribution of F(v).
    """
    ground = sl.ground_state(model).energy
    start = sl.observables.random_start_energy(model)
    measured = [
        sl.observables.gibbs_accessibility(
            model.scaled(std),
            n_steps=10,
            n_chains=10,
            reduce=None,
            ground_energy=std * ground,
            random_energy=std * start,
            quantile=std == quantile_at,
            rng=generator,
        )
        for std in stds
    ]
    result: dict[str, Any] = {
        "ground_energy": ground,
        "random_energy": start,
        "std_W": model.coupling_std(),
        "mean": np.array([a.ratio.mean() for a in measured]),
        "min": np.array([a.ratio.max() for a in measured]),  # the lowest energy has the highest ratio
        "excess": np.array([a.excess.mean() for a in measured]),
        "moved_chains": np.array([a.moved_chains for a in measured]),
        "moved_spins": np.array([a.moved_spins for a in measured]),
    }
    if quantile_at is not None:
        result["quantile"] = measured[stds.index(quantile_at)].quantile
    return result
