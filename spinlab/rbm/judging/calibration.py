"""The overall scale, or inverse temperature, at which a machine describes data best."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import solve
from ..._core.progress import shows_progress
from ..._core.results import Result
from ..._core.rng import RNG, as_generator, as_key
from ..._core.validate import as_choice, as_count, as_real
from ...models import TwoLayerIsing
from ..machines.as_two_layers import Layers, as_two_layers
from .ais import LEAST_ESS, anneal_weights, as_samples
from .likelihood import exact_in_reach, free_energies


@dataclass(frozen=True, eq=False, repr=False)
class Calibration(Result):
    """Likelihood of data against the overall scale of a model.

    Attributes
    ----------
    scale : float
        Factor of all weights and biases of highest likelihood (an inverse temperature): use
        ``model.scaled(scale)``.
    nll_before, nll_after : float
        Negative log-likelihood of the data in nats per sample at scale 1 and at ``scale``; the first is NaN
        where annealing did not reach scale 1.
    scales, nll : ndarray
        All scales that were tried, increasing, and their negative log-likelihoods; NaN where the
        effective sample size of the annealing is below 20.
    log_z_error : ndarray
        Standard error of ln Z at each of them (zero where exact).
    method : str
        "exact" or "ais".
    at_edge : bool
        Whether ``scale`` is an end of the range that was searched and found reliable.
    """

    scale: float
    nll_before: float
    nll_after: float
    scales: np.ndarray
    nll: np.ndarray
    log_z_error: np.ndarray
    method: str
    at_edge: bool


@shows_progress
def fit_scale(
    model: Any,
    data: Any,
    *,
    method: str = "auto",
    bounds: tuple[float, float] = (1e-3, 10.0),
    n_scales: int = 60,
    n_chains: int = 100,
    steps_per_scale: int = 50,
    rng: RNG = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> Calibration:
    """Fit one factor of all weights and biases to data by maximum likelihood.

    L(beta) = -<F_beta(v)>_data - ln Z(beta), both of the model scaled by beta; dL/dbeta = <E>_model -
    <E>_data with the hidden units drawn at beta. L may have several maxima, so that a logarithmic grid is
    searched first, and the best point refined where ln Z is exact. Take data that the model was not trained
    on: a scale fitted to the training set is too large.

    Parameters
    ----------
    model : BipartiteIsing, PatternBipartiteIsing, RBM or RARBM
    data : array_like of +-1 or 0/1, shape (n, V)
        Held-out samples.
    method : {"auto", "exact", "ais"}
        How ln Z is found, as in :func:`negative_log_likelihood`. One annealing run from beta = 0 up
        passes all scales, until its effective sample size falls below 20.
    bounds : tuple of float, default (0.001, 10)
        Range of scales. 1 is tried too if it lies inside.
    n_scales : int, default 60
        Points of the grid.
    n_chains, steps_per_scale : int
        For "ais": chains, and steps between neighbouring scales.
    rng, threads, progress
        As in :func:`log_partition_ais`.

    Returns
    -------
    Calibration

    Examples
    --------
    >>> import spinlab as sl
    >>> from spinlab.rbm import fit_scale
    >>> rbm = sl.ensembles.rbm_gaussian(V=9, H=20, rng=0)  # far too cold to describe bars
    >>> fitted = fit_scale(rbm, sl.datasets.bars(3).test)
    >>> fitted.scale < 1, fitted.nll_after < fitted.nll_before
    (True, True)
    """
    model = as_two_layers(model, "a fitted scale")
    data = as_samples(data, model.V)
    as_choice(method, "method", ("auto", "exact", "ais"))
    low, high = (as_real(x, "bounds", 0.0, exclusive=True) for x in bounds)
    if not low < high:
        raise ValueError(f"bounds must be two increasing scales, got {bounds}")
    n_scales = as_count(n_scales, "n_scales", 3)
    n_chains = as_count(n_chains, "n_chains", int(2 * LEAST_ESS))
    steps, generator = as_count(steps_per_scale, "steps_per_scale"), as_generator(rng)
    scales = np.geomspace(low, high, n_scales)
    if low < 1.0 < high:
        scales = np.unique(np.append(scales, 1.0))
    if method == "auto":
        method = "exact" if exact_in_reach(model, len(scales)) else "ais"
    if method == "exact":
        log_z = np.asarray(solve.log_partition(model, scales, threads=threads))
        error = np.zeros(len(scales))
    else:
        log_z, error = _annealed_log_z(model, scales, steps, n_chains, generator, threads)
    nll = log_z.copy()
    for i in np.flatnonzero(np.isfinite(log_z)):
        nll[i] += free_energies(model.scaled(scales[i]), data).mean()
    best = int(np.nanargmin(nll))
    scale, after = float(scales[best]), float(nll[best])
    if method == "exact" and 0 < best < len(scales) - 1:
        scale, after = _refined(model, data, scales[best - 1], scales[best + 1], threads)
    if low < 1.0 < high:
        before = float(nll[np.searchsorted(scales, 1.0)])
    elif method == "exact":
        before = float(free_energies(model, data).mean()) + float(solve.log_partition(model, threads=threads))
    else:
        before = math.nan
    at_edge = best in (0, np.flatnonzero(np.isfinite(nll))[-1])
    return Calibration(scale, before, after, scales, nll, error, method, at_edge)


def _refined(
    model: TwoLayerIsing, data: np.ndarray, low: float, high: float, threads: int | None
) -> tuple[float, float]:
    """The minimum between two scales, to a relative 1e-6."""
    from scipy.optimize import minimize_scalar

    def nll(log_scale: float) -> float:
        scaled = model.scaled(math.exp(log_scale))
        return float(free_energies(scaled, data).mean()) + float(solve.log_partition(scaled, threads=threads))

    found = minimize_scalar(
        nll, bounds=(math.log(low), math.log(high)), method="bounded", options={"xatol": 1e-6}
    )
    return math.exp(float(found.x)), float(found.fun)


def _annealed_log_z(
    model: TwoLayerIsing,
    scales: np.ndarray,
    steps: int,
    n_chains: int,
    generator: np.random.Generator,
    threads: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """ln Z and its error at every scale, from chains that start at scale 0 and pass all of them.

    They stop where the effective sample size falls below its limit; NaN from there on.
    """
    layers = Layers(model)
    free = (model.V + model.H) * math.log(2.0)
    log_z, error = np.full(len(scales), np.nan), np.full(len(scales), np.nan)
    log_w, v = np.zeros(n_chains), None
    for i, (last, scale) in enumerate(itertools.pairwise([0.0, *scales])):
        betas = np.linspace(last, scale, steps + 1)
        gained, v = anneal_weights(layers, np.zeros(model.V), betas, v, n_chains, as_key(generator), threads)
        log_w += gained
        w = np.exp(log_w - log_w.max())
        if w.sum() ** 2 < LEAST_ESS * (w**2).sum():
            break
        log_z[i] = math.log(w.mean()) + log_w.max() + free - scale * model.offset
        error[i] = w.std(ddof=1) / math.sqrt(n_chains) / w.mean()
    return log_z, error
