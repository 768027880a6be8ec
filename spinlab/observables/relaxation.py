"""How long a sampler takes to forget: the slowest mode of its transition matrix, exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .._core.blas import one_blas_thread
from .._core.results import Result
from .._core.validate import as_choice, as_real
from ..models import IsingModel, TwoLayerIsing, as_model
from . import _block_chain, _heat_bath_chain
from ._slow_modes import slowest_rate


@dataclass(frozen=True, repr=False)
class Relaxation(Result):
    """The slowest mode of a sampler.

    Attributes
    ----------
    time : float
        -1/ln(lambda) in steps of block Gibbs sampling, or in sweeps (as many updates as there are sites) of
        the single-site heat bath: correlations of this mode fall by a factor e in that time. 0 if one step
        forgets everything, infinite where parts of the chain are not connected within float64.
    rate : float
        1 - lambda of one step, or of the update of one site; to relative accuracy, however small.
    sector : str
        "even": functions with f(s) = f(-s); "all".
    n_states : int
        States of the chain that was solved, equal ones taken together.
    """

    time: float
    rate: float
    sector: str
    n_states: int


def relaxation_time(
    model: Any, *, dynamics: str = "block_gibbs", sector: str | None = None, beta: float = 1.0
) -> Relaxation:
    """Relaxation time of a sampler, from the second largest eigenvalue of its transition matrix.

    Without biases the slowest mode of a cold machine is the flip of all spins, which changes neither the
    energy nor any correlation <v_i h_a>, so that no gradient sees it: by default only functions that are even
    under v -> -v count there.

    Parameters
    ----------
    model : IsingModel or anything :func:`spinlab.models.as_model` takes
    dynamics : {"block_gibbs", "heat_bath"}
        "block_gibbs": all hidden units given v, then all visible ones (two layers). The eigenvalues are the
        squares of the singular values of P(v, h) / sqrt(P(v) P(h)) (D. A. Levin, Y. Peres, Markov Chains and
        Mixing Times, 2017, ch. 12, for the spectral theory). "heat_bath": one site at a time in random order,
        on the marginal F(v) of two layers, otherwise on E(s).
    sector : {"even", "all"}, optional
        "even" by default where there are no biases.
    beta : float, default 1
        Inverse temperature, 0 or more.

    Returns
    -------
    Relaxation

    Raises
    ------
    TypeError
        If block Gibbs sampling is asked of a model without layers.
    ValueError
        Beyond the limits below, and for the even sector of a model with biases.

    Notes
    -----
    Block Gibbs sampling: sites whose couplings are equal up to sign count as one class, which loses nothing;
    the smaller layer may have 4096 states after that and n^2 m <= 1.4e11 products, n and m the states of
    both: V = H = 12 (seconds), or few patterns with large layers. Heat bath: 12 sites, or up to 16 where
    1 - lambda is above 1e-11. Beyond, measure: :func:`spinlab.rbm.gibbs_autocorrelation_time`, or round trips
    of :func:`spinlab.dynamics.parallel_tempering`; :func:`barriers` bounds what to expect.

    Examples
    --------
    >>> import numpy as np, spinlab as sl
    >>> bond = sl.models.BipartiteIsing([[0.5]])  # v -> h -> v keeps tanh^2(1/2) of v
    >>> slow = sl.observables.relaxation_time(bond, sector="all")
    >>> bool(np.isclose(1 - slow.rate, np.tanh(0.5) ** 2))
    True
    >>> hard = sl.ensembles.rbm_gaussian(V=8, H=8, rng=0)
    >>> [sl.observables.relaxation_time(hard, beta=b).time < 10 for b in (0.3, 3.0)]
    [True, False]
    """
    model = as_model(model)
    as_choice(dynamics, "dynamics", ("block_gibbs", "heat_bath"))
    beta = as_real(beta, "beta", 0.0)
    even = is_even(model, sector)
    with one_blas_thread():
        rate, n_states, updates = (_of_blocks if dynamics == "block_gibbs" else _of_sites)(model, beta, even)
    rate = min(rate, 1.0)
    if rate > 1 - 1e-12:  # lambda is zero within rounding
        time = 0.0
    else:
        time = -1 / math.log1p(-rate) / updates if rate > 0 else math.inf
    return Relaxation(time, rate, "even" if even else "all", n_states)


def is_even(model: IsingModel, sector: str | None) -> bool:
    """Whether the even sector is meant."""
    if sector is None:
        return not model.has_fields
    as_choice(sector, "sector", ("even", "all"))
    if sector == "even" and model.has_fields:
        raise ValueError('a model with biases has no sector even under s -> -s; use sector="all"')
    return sector == "even"


def _of_blocks(model: IsingModel, beta: float, even: bool) -> tuple[float, int, int]:
    if not isinstance(model, TwoLayerIsing):
        raise TypeError(
            f"block Gibbs sampling needs two layers (BipartiteIsing or PatternBipartiteIsing), got "
            f'{type(model).__name__}; use dynamics="heat_bath"'
        )
    c, p = _block_chain.chain(model, beta, even)
    return slowest_rate(c, p), len(p), 1


def _of_sites(model: IsingModel, beta: float, even: bool) -> tuple[float, int, int]:
    N = _heat_bath_chain.n_sites(model)
    if N > _heat_bath_chain.MAX_SITES:
        raise ValueError(
            f"exact relaxation of the heat bath takes up to {_heat_bath_chain.MAX_SITES} sites, got {N}; "
            "measure it with dynamics.gibbs and record_every, or see observables.barriers"
        )
    if N == 1 and even:
        return 1.0, 1, 1
    near, c, p = _heat_bath_chain.chain(_heat_bath_chain.energies(model, beta), N, even)
    if N <= _heat_bath_chain.DENSE_SITES:
        return slowest_rate(_heat_bath_chain.dense(near, c), p), len(p), N
    return _heat_bath_chain.slowest_rate_by_lanczos(near, c, p), len(p), N
