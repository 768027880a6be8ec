"""Where the Binder cumulants of different sizes cross."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core.rng import RNG, as_generator
from .._core.unit import in_units
from .._core.validate import as_count
from ..observables.crossings import zeros

if TYPE_CHECKING:
    import xarray as xr


def as_scan(data: Any) -> xr.Dataset:
    """What :func:`spinlab.scans.scan` returns, overlaps included; in older files instances are "replica"."""
    import xarray as xr

    if not isinstance(data, xr.Dataset):
        raise TypeError(f"data must be the xarray.Dataset of a scan, got {type(data).__name__}")
    if "replica" in data.dims and "instance" not in data.dims:
        data = data.rename(replica="instance")
    for name in ("q2", "q4"):
        if name not in data or "instance" not in data[name].dims:
            raise ValueError(f"data must be the Dataset of a scan; it has no {name} by instance")
    return data


def binder(data: xr.Dataset) -> xr.DataArray:
    """Binder cumulant of the replica overlap, g = (3 - [<q^4>]/[<q^2>]^2)/2 over instances, by size and T.

    R. N. Bhatt, A. P. Young, Phys. Rev. Lett. 54, 924 (1985): 0 for a paramagnet, larger in a glass; curves
    of different sizes cross at the transition.

    Examples
    --------
    >>> from spinlab.scans import binder, scan
    >>> data = scan("sk", sizes=[8], temperatures=[0.3, 3.0], instances=8, n_steps=200)
    >>> g = binder(data)
    >>> bool(g.sel(size=8, T=0.3) > g.sel(size=8, T=3.0))
    True
    """
    data = as_scan(data)
    return ((3 - data["q4"].mean("instance") / data["q2"].mean("instance") ** 2) / 2).rename("binder")


def binder_crossings(data: xr.Dataset, *, n_resamples: int = 400, rng: RNG = 0) -> xr.Dataset:
    """Temperatures at which the Binder cumulants of neighbouring sizes cross, with bootstrap errors.

    Parameters
    ----------
    data : xarray.Dataset
        Of :func:`spinlab.scans.scan`: three sizes or more, temperatures (not weight scales), four
        instances or more.
    n_resamples : int
        Draws of the instances with replacement, for each size on its own.
    rng : None, int or numpy.random.Generator

    Returns
    -------
    xarray.Dataset
        ``T`` and ``error`` over ``pair`` (and load): the crossing of all instances, and the standard
        deviation over resamples, with the error of the interpolation between temperatures; ``found``, the
        share of resamples in which the curves cross in the range.
        NaN where :func:`spinlab.observables.binder_crossings` refuses: the curves do not cross by more than
        noise, so there is no transition in the range, or the instances are too few to see it.

    Raises
    ------
    ValueError
        With fewer than three sizes, four instances or three temperatures: a single crossing shows no trend.

    Examples
    --------
    >>> from spinlab.scans import binder_crossings, scan
    >>> T = [0.4, 0.8, 1.2, 1.6]
    >>> data = scan("sk", sizes=[8, 16, 32], temperatures=T, instances=16, n_steps=200)
    >>> binder_crossings(data).sizes["pair"]
    2
    """
    import xarray as xr

    data = as_scan(data)
    n_resamples, generator = as_count(n_resamples, "n_resamples", 20), as_generator(rng)
    if "T" not in data.dims:
        raise ValueError("crossings need temperatures; at one weight scale sizes have different temperatures")
    for name, least in (("size", 3), ("instance", 4), ("T", 3)):
        if data.sizes[name] < least:
            raise ValueError(f"crossings need at least {least} values of {name}, got {data.sizes[name]}")
    loads = list(data["load"].values) if "load" in data.dims else [None]
    pairs = list(pairwise(data["size"].values.tolist()))
    T, exponent = in_units(data["T"].values.astype(np.float64))
    out = {name: np.full((len(pairs), len(loads)), np.nan) for name in ("T", "error", "found")}
    for k, load in enumerate(loads):
        part = data if load is None else data.sel(load=load)
        q2, q4 = (part[name].transpose("size", "instance", "T").values for name in ("q2", "q4"))
        n = q2.shape[1]
        draws = [generator.integers(n, size=(n_resamples, n)) for _ in q2]
        whole = np.concatenate([_binder(a[None], b[None]) for a, b in zip(q2, q4, strict=True)])
        sampled = np.stack([_binder(a[d], b[d]) for a, b, d in zip(q2, q4, draws, strict=True)], axis=1)
        if not (np.isfinite(whole).all() and np.isfinite(sampled).all()):
            continue  # whole cells failed, or no overlap differs from zero
        position, roots, seen, off = zeros(T, whole, sampled, -1, n)
        out["found"][:, k] = np.isfinite(roots).mean(0)
        out["T"][seen, k] = np.ldexp(position[seen], exponent)
        error = np.hypot(np.nanstd(roots[:, seen], axis=0, ddof=1), off[seen])
        out["error"][seen, k] = np.ldexp(error, exponent)
    dims = ("pair", "load")
    result = xr.Dataset(
        {name: (dims, values) for name, values in out.items()},
        coords={"pair": [f"{a}-{b}" for a, b in pairs], "load": [1.0] if loads == [None] else loads},
    )
    return result if "load" in data.dims else result.squeeze("load", drop=True)


def _binder(q2: np.ndarray, q4: np.ndarray) -> np.ndarray:
    """Averages over axis 1 first, failed points left out; shape (resamples, T)."""
    kept = np.isfinite(q2) & np.isfinite(q4)
    with np.errstate(invalid="ignore", divide="ignore"):
        n = kept.sum(1)
        second, fourth = (np.where(kept, q, 0.0).sum(1) / n for q in (q2, q4))
        return np.asarray((3 - fourth / second**2) / 2)
