"""How probable data are under a model: exact where ln Z is, with a bracket where it is annealed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import solve
from ..._core.progress import shows_progress
from ..._core.results import Result
from ..._core.rng import RNG, as_generator
from ..._core.rows import by_rows
from ..._core.validate import as_choice, as_real
from ...models import IsingModel, TwoLayerIsing
from ..machines.as_two_layers import as_ising_model
from ..machines.machine import Machine
from .ais import AIS, as_samples, log_partition_ais

_LONGEST_EXACT = 60.0  # seconds that method="auto" spends on an exact ln Z


@dataclass(frozen=True, eq=False, repr=False)
class Likelihood(Result):
    """Negative log-likelihood of data, in nats per sample.

    Attributes
    ----------
    nll : float
        -mean ln P(v) = mean F(v) + ln Z.
    interval : tuple of float
        Range of ``nll`` from the uncertainty of ln Z alone: the bracket of annealed importance sampling,
        or ``nll`` twice where ln Z is exact.
    sampling_error : float
        Standard error of the mean over the samples (another draw of data would move ``nll`` by as much);
        NaN for a single sample.
    log_z : float
    method : str
        "exact", "ais" or "given".
    ais : AIS or None
        The annealing run.
    """

    nll: float
    interval: tuple[float, float]
    sampling_error: float
    log_z: float
    method: str
    ais: AIS | None


@shows_progress
def log_likelihood(
    model: Any,
    data: Any,
    *,
    log_z: float | None = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> np.ndarray:
    """ln P(v) = -F(v) - ln Z of each sample, in nats; -E(s) - ln Z for a model without hidden units.

    Parameters
    ----------
    model : IsingModel, or a machine with ``as_ising()`` (and its own ``free_energy(v)``)
    data : array_like of +-1 or 0/1, shape (n, V), or (n, N) for a model without layers
    log_z : float, optional
        Otherwise exact, by :func:`spinlab.log_partition`.
    threads : int, optional
    progress : bool, optional
        A bar for work of more than 5 s: None in terminals and notebooks, True always, False never.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    ValueError
        If ln Z is neither given nor within reach of an exact method.

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab.models import BipartiteIsing
    >>> from spinlab.rbm import log_likelihood
    >>> free = BipartiteIsing(np.zeros((3, 2)))  # all 8 visible states are equally probable
    >>> bool(np.isclose(log_likelihood(free, [[1, 1, -1]])[0], -3 * np.log(2)))
    True
    """
    machine, model = model, as_ising_model(model, "a likelihood")
    data = _as_data(data, machine, model)
    if log_z is None:
        log_z = float(solve.log_partition(model, threads=threads))
    return -_free_energies(machine, model, data) - _as_log_z(log_z)


@shows_progress
def negative_log_likelihood(
    model: Any,
    data: Any,
    *,
    method: str = "auto",
    log_z: float | None = None,
    rng: RNG = None,
    threads: int | None = None,
    progress: bool | None = None,
    **ais: Any,
) -> Likelihood:
    """Mean -ln P(v) over data, with the range that the uncertainty of ln Z leaves.

    Parameters
    ----------
    model : IsingModel, or a machine with ``as_ising()``
    data : array_like of +-1 or 0/1, shape (n, V), or (n, N) for a model without layers
    method : {"auto", "exact", "ais"}
        "exact": ln Z by :func:`spinlab.log_partition` (the smaller layer has up to 30 units, or there
        are few patterns); "ais": by :func:`log_partition_ais`, for two layers; "auto": exact where
        that is estimated to take less than a minute.
    log_z : float, optional
        A known ln Z, instead of either.
    rng : None, int or numpy.random.Generator
        For the annealing.
    threads : int, optional
    progress : bool, optional
        A bar for work of more than 5 s: None in terminals and notebooks, True always, False never.
    **ais
        Further arguments of :func:`log_partition_ais`. Without ``reverse`` the bracket has only one
        run to rest on, and the NLL tends to be too small.

    Returns
    -------
    Likelihood

    Examples
    --------
    >>> import spinlab as sl
    >>> from spinlab.rbm import negative_log_likelihood
    >>> rbm = sl.ensembles.rbm_gaussian(V=9, H=20, rng=0).scaled(0.1)
    >>> result = negative_log_likelihood(rbm, sl.datasets.bars(3).train)
    >>> result.method, result.interval == (result.nll, result.nll)
    ('exact', True)
    """
    machine, model = model, as_ising_model(model, "a likelihood")
    as_choice(method, "method", ("auto", "exact", "ais"))
    data = _as_data(data, machine, model)
    generator = as_generator(rng)
    run = None
    if log_z is not None:
        method, log_z = "given", _as_log_z(log_z)
    elif method == "ais" or (method == "auto" and not exact_in_reach(model)):
        method, run = "ais", log_partition_ais(machine, rng=generator, threads=threads, **ais)
        log_z = run.log_z
    else:
        method, log_z = "exact", float(solve.log_partition(model, threads=threads))
    F = _free_energies(machine, model, data)
    mean = float(F.mean())
    low, high = run.bracket if run else (log_z, log_z)
    return Likelihood(
        nll=mean + log_z,
        interval=(mean + low, mean + high),
        sampling_error=float(F.std(ddof=1)) / math.sqrt(len(F)) if len(F) > 1 else math.nan,
        log_z=log_z,
        method=method,
        ais=run,
    )


def _as_log_z(log_z: Any) -> float:
    """A number, also as an array of one."""
    return as_real(np.asarray(log_z).item() if np.size(log_z) == 1 else log_z, "log_z")


def exact_in_reach(model: IsingModel, repeats: int = 1) -> bool:
    """Whether ln Z is exact ``repeats`` times within about a minute, or annealing cannot take the model."""
    if not isinstance(model, TwoLayerIsing):
        return True
    rows = solve.explain(model, "log_partition").rows
    return any(row.seconds is not None and repeats * row.seconds < _LONGEST_EXACT for row in rows)


def free_energies(model: IsingModel, data: np.ndarray) -> np.ndarray:
    """F(v) of each row, or E(s) where nothing is hidden."""
    if not isinstance(model, TwoLayerIsing):
        return by_rows(model.energy, data, 2 * model.n_spins)
    return np.asarray(model.free_energy(data))


def _sums_itself(machine: Any, model: IsingModel) -> bool:
    """Whether only the machine knows which units of its model are visible (deep, fully connected)."""
    layers = model.V if isinstance(model, TwoLayerIsing) else model.n_spins
    return isinstance(machine, Machine) and layers != machine.V


def _free_energies(machine: Any, model: IsingModel, data: np.ndarray) -> np.ndarray:
    if _sums_itself(machine, model):
        return np.asarray(machine.free_energy(data))
    return free_energies(model, data)


def _as_data(data: Any, machine: Any, model: IsingModel) -> np.ndarray:
    if _sums_itself(machine, model):
        return as_samples(data, machine.V)
    return as_samples(data, model.V if isinstance(model, TwoLayerIsing) else model.n_spins)
