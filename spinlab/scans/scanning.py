"""Phase scans on the resumable sweep engine."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import sweeps
from .._core import device as _device
from .._core.messages import log
from .._core.validate import as_choice, as_count, as_flag, as_real, as_renamed
from .attributes import ATTRIBUTES
from .crossings import as_scan
from .families import FAMILIES, Family, as_family, stored_name
from .measuring import N_BINS, PER_T, measure

if TYPE_CHECKING:
    import xarray as xr

_QUICK_HOPFIELD = {"sizes": (200,), "loads": (0.02, 0.05, 0.1, 0.2), "temperatures": (0.1, 1.5, 8)}
_PAPER_HOPFIELD = {
    "sizes": (500, 1000, 2000),
    "loads": (0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.09, 0.11, 0.13, 0.15, 0.2, 0.3),
    "temperatures": (0.05, 1.6, 32),
}
# Temperatures as (first, last, number).
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "quick": {
        "hopfield": _QUICK_HOPFIELD,
        "ra": _QUICK_HOPFIELD,
        "ra_rbm": {"sizes": (200,), "loads": (0.02, 0.05, 0.1, 0.2), "temperatures": (0.2, 1.4, 7)},
        "sk": {"sizes": (32, 64, 128), "temperatures": (0.4, 1.6, 13)},
        "rbm": {"sizes": (32, 64, 128), "temperatures": (0.4, 1.6, 13)},
        "ea": {"sizes": (4, 6, 8), "temperatures": (0.5, 2.0, 13)},
    },
    "paper": {
        "hopfield": _PAPER_HOPFIELD,
        "ra": _PAPER_HOPFIELD,
        "ra_rbm": {
            "sizes": (500, 1000, 2000),
            "loads": (0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3),
            "temperatures": (0.1, 1.5, 29),
        },
        "sk": {"sizes": (64, 128, 256, 512), "temperatures": (0.4, 1.6, 25)},
        "rbm": {"sizes": (64, 128, 256, 512), "temperatures": (0.4, 1.6, 25)},
        "ea": {"sizes": (4, 6, 8, 10, 12), "temperatures": (0.6, 2.0, 29)},
    },
}
_WORK = {
    "quick": {"instances": 8, "n_steps": 400, "n_chains": 4},
    "paper": {"instances": 200, "n_steps": 20_000, "n_chains": 4},
}


def scan(
    ensemble: str,
    *,
    sizes: Iterable[int] | None = None,
    loads: Iterable[float] | None = None,
    temperatures: Iterable[float] | None = None,
    stds: Iterable[float] | None = None,
    ratio: float = 1.0,
    dimension: int = 3,
    law: str = "gaussian",
    instances: int | None = None,
    n_steps: int | None = None,
    n_chains: int | None = None,
    accessibility: bool = False,
    minima: bool = False,
    preset: str = "quick",
    seed: int = 0,
    device: str = "cpu",
    store: str | os.PathLike[str] | None = None,
    executor: Any = None,
    retry: bool = False,
    progress: bool | None = None,
    changed: str | None = None,
    seconds: float | None = None,
    timeout: float | None = None,
    fail_fast: bool = False,
    replicas: int | None = None,
) -> xr.Dataset:
    """Measure a random model over size, load and temperature (or weight scale).

    Every instance is followed over all temperatures: replicas from random starts by parallel tempering, and
    chains that start in a pattern, where there are patterns. Where the two disagree the answer depends on the
    start, see :func:`regions`. In the units of :mod:`spinlab.theory.coordinates`.

    Parameters
    ----------
    ensemble : {"hopfield", "ra", "ra_rbm", "sk", "rbm", "ea"}
        "hopfield" and "ra" are one model; theirs is K/N, ra_rbm's K/V. "ea" is Edwards-Anderson on a
        periodic hypercubic lattice, "rbm" has Gaussian weights;
        "edwards_anderson" and "rbm_gaussian" will do, too.
    sizes : sequence of int, increasing
        N, V (two layers), or the side L of the lattice.
    loads : sequence of float, increasing
        K/N or K/V, for models with patterns. K is rounded. By default those of the preset that mean at least
        one pattern at the smallest size.
    temperatures : sequence of float above 0, increasing
        T = 1/beta of the diagram, in which the couplings have theory's scale.
    stds : sequence of float above 0, increasing
        Instead of temperatures: standard deviations of the couplings at beta = 1. Their temperatures
        depend on the size, and stand in the result as ``temperature``.
    ratio : float
        H/V of two layers.
    dimension, law : int, {"gaussian", "pm1", "uniform"}
        Of Edwards-Anderson models; ``law`` also of SK.
    instances : int
        Instances of the disorder per cell; ``replicas`` is an older name of it.
    n_steps, n_chains : int
        Steps of every chain, of which the second half is measured, and independent replicas (2 or more).
    accessibility, minima : bool
        Also the Gibbs accessibility (10 steps, 10 chains) and the number of strict minima (exact, up to
        22 spins).
    preset : {"quick", "paper"}
        What arguments left out are taken from: minutes or less, or hours.
    device : {"cpu", "gpu"}
        Where chains are computed. A scan on the GPU has instances of its own.
    seed, store, executor, progress, retry, changed, seconds, timeout, fail_fast
        As in :meth:`spinlab.sweeps.Sweep.run`. The same call with the same ``store`` resumes.

    Returns
    -------
    xarray.Dataset
        Dimensions size, load (if any), T or std, instance; P(q) over q. Per spin: e_random, e_pattern;
        overlaps m_pattern (kept from the pattern), m_random (largest, from random starts), q2, q4,
        q_abs. Attribute ``status`` says whether one size, hence a crossover, or several were measured;
        ``failed_points`` and ``errors`` (JSON: how often by reason) tell of points that could not be run,
        which are NaN.

    Raises
    ------
    ValueError, TypeError
        An unknown ensemble; an empty or unsorted axis; temperatures or scales that are not positive and
        finite; an axis that the ensemble does not have.

    Examples
    --------
    >>> from spinlab.scans import scan
    >>> data = scan("sk", sizes=[8], temperatures=[0.5, 2.0], instances=4, n_steps=200)
    >>> data.attrs["status"]
    'one size: finite-N crossovers at N = 8, no phases'
    >>> bool(data["q2"].sel(T=0.5).mean() > data["q2"].sel(T=2.0).mean())
    True
    """
    ensemble = as_family(ensemble)
    instances = as_renamed(replicas, instances, "replicas", "instances")
    as_choice(preset, "preset", PRESETS)
    as_choice(device, "device", _device.DEVICES)
    family, defaults, work = FAMILIES[stored_name(ensemble)], PRESETS[preset][ensemble], _WORK[preset]
    if temperatures is not None and stds is not None:
        raise ValueError("give temperatures or stds (weight scales), not both")
    as_choice(law, "law", ("gaussian", "pm1", "uniform"))
    _check_choices(ensemble, family, loads, stds, {"ratio": ratio, "dimension": dimension, "law": law})
    axis = "T" if stds is None else "std"
    given = temperatures if stds is None else stds
    start, stop, n = defaults["temperatures"]
    values = _axis(np.linspace(start, stop, n).round(6) if given is None else given, axis, 0.0)
    size = tuple(as_count(x, "size") for x in _listed(defaults["sizes"] if sizes is None else sizes, "sizes"))
    _check_order(size, "sizes")
    n_chains = as_count(work["n_chains"] if n_chains is None else n_chains, "n_chains", 2)
    n_steps = as_count(work["n_steps"] if n_steps is None else n_steps, "n_steps", 10)
    axes: dict[str, Any] = {"size": size}
    fixed: dict[str, Any] = {
        "ensemble": stored_name(ensemble),
        "axis": axis,
        "values": values,
        "ratio": as_real(ratio, "ratio", 0.0, exclusive=True),
        "dimension": as_count(dimension, "dimension"),
        "law": law,
        "n_steps": n_steps,
        "n_chains": n_chains,
        "with_accessibility": as_flag(accessibility, "accessibility"),
        "with_minima": as_flag(minima, "minima"),
    }
    if device != "cpu":
        _device.require_gpu()  # before any worker starts
        fixed["device"] = device
    if family.load is None:
        fixed["load"] = 1.0
    else:
        axes["load"] = _axis(_usual_loads(defaults["loads"], size) if loads is None else loads, "loads", 0.0)
    sweep = sweeps.Sweep(
        measure,
        axes=axes,
        fixed=fixed,
        replicas=as_count(work["instances"] if instances is None else instances, "instances"),
        seed=seed,
        dims=dict.fromkeys(PER_T, (axis,)) | {"P": (axis, "q")},
        coords={axis: values, "q": ((np.arange(N_BINS) + 0.5) * 2 / N_BINS - 1).round(12).tolist()},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # told in the attributes, and by the caller
        data = sweep.run(
            store,
            executor=executor,
            progress=progress,
            retry=retry,
            changed=changed,
            seconds=seconds,
            timeout=timeout,
            fail_fast=fail_fast,
        )
    data = data.rename(replica="instance")  # its replicas are chains of one instance
    for name, attributes in ATTRIBUTES.items():
        if name in data.variables:
            data[name].attrs.update(attributes)
    one = len(size) == 1
    return data.assign_attrs(
        ensemble=ensemble,
        axis=axis,
        ratio=float(ratio),
        dimension=int(dimension),
        law=law,
        size_name=family.size,
        load_name=family.load or "",
        status=f"one size: finite-N crossovers at {family.size} = {size[0]}, no phases"
        if one
        else f"sizes {family.size} = {', '.join(map(str, size))}: a finite-size series",
    )


def _check_choices(ensemble: str, family: Family, loads: Any, stds: Any, drawn: dict[str, Any]) -> None:
    """Refuse what the ensemble does not have; ``drawn`` is what models are drawn with."""
    if stds is not None and family.temperature is None:
        raise ValueError(f"{ensemble} has no weight scale of its own; give temperatures")
    if loads is not None and family.load is None:
        raise ValueError(f"{ensemble} has no load (no patterns); leave loads out")
    known, defaults = inspect.signature(family.draw).parameters, inspect.signature(scan).parameters
    for name, value in drawn.items():
        if name not in known and value != defaults[name].default:
            raise ValueError(f"{ensemble} has no {name}, got {name}={value!r}; leave it out")


def regions(data: xr.Dataset, threshold: float = 0.5) -> xr.DataArray:
    """What every cell of a scan with patterns shows, as text.

    "recalled": random starts find a pattern (m_random above the threshold) and the pattern keeps itself;
    "metastable: only from the pattern": m_pattern is above the threshold, m_random is not;
    "no recall"; "not measured" where no instance could be run. Finite times and sizes: no phases.

    Examples
    --------
    >>> from spinlab.scans import regions, scan
    >>> data = scan("hopfield", sizes=[60], loads=[0.05], temperatures=[0.2, 3.0], instances=2, n_steps=100)
    >>> regions(data).values.tolist()
    [[['recalled', 'no recall']]]
    """
    data = as_scan(data)
    threshold = as_real(threshold, "threshold")
    if "m_pattern" not in data:
        raise ValueError("this scan has no patterns; regions are for hopfield, ra and ra_rbm")
    kept, found = data["m_pattern"].mean("instance"), data["m_random"].mean("instance")
    names = np.full(kept.shape, "no recall", dtype=object)
    names[kept.values > threshold] = "metastable: only from the pattern"
    names[(kept.values > threshold) & (found.values > threshold)] = "recalled"
    names[np.isnan(kept.values)] = "not measured"
    return kept.copy(data=names.astype(str)).rename("region")


def _usual_loads(loads: tuple[float, ...], sizes: tuple[int, ...]) -> tuple[float, ...]:
    """The loads of a preset that mean a pattern at every size, where there are any."""
    kept = tuple(load for load in loads if round(load * min(sizes)) >= 1)
    if not kept or kept == loads:
        return loads
    log.info("the usual loads below %g mean no pattern at size %d and are left out", kept[0], min(sizes))
    return kept


def _listed(values: Any, name: str) -> list[Any]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a sequence of numbers, got {values!r}")
    listed = list(values)
    if not listed:
        raise ValueError(f"{name} is empty; give at least one value")
    return listed


def _axis(values: Any, name: str, minimum: float) -> tuple[float, ...]:
    axis = tuple(as_real(x, name, minimum, exclusive=True) for x in _listed(values, name))
    _check_order(axis, name)
    return axis


def _check_order(values: tuple[Any, ...], name: str) -> None:
    if any(b <= a for a, b in pairwise(values)):
        raise ValueError(f"{name} must increase strictly, got {list(values)}; sort them and drop repetitions")
