"""Singular values of the weights: how many patterns stand out of what independent weights would show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._core.results import Result
from ..._core.unit import in_units
from ..._core.validate import as_real
from ...models import PatternBipartiteIsing, TwoLayerIsing
from ..machines.as_two_layers import as_two_layers
from ..machines.hybrid import GaussianHiddenMachine

_TRACY_WIDOM_1_PERCENT = 2.0234


@dataclass(frozen=True, eq=False, repr=False)
class WeightSpectrum(Result):
    """Singular values of W beside the range of independent weights of the same size and spread.

    Attributes
    ----------
    singular_values : ndarray, shape (min(V, H),)
        From the largest down; those beyond the rank are 0 up to rounding.
    std : float
        Standard deviation sigma of the independent weights compared with.
    edges : tuple of float
        Ends sigma |sqrt(H) -+ sqrt(V)| of the Marchenko-Pastur law.
    n_outliers : int
        Singular values above what the largest one of independent weights exceeds with probability 1 %: its
        square is sigma^2 (mu + t (sqrt(V) + sqrt(H)) (1/sqrt(V) + 1/sqrt(H))^(1/3)), mu the upper edge
        squared over sigma^2, t following the Tracy-Widom law (Johnstone, Ann. Stat. 29, 295 (2001)).
    effective_patterns : float
        Participation ratio (sum s^2)^2 / sum s^4: K for K orthogonal patterns of equal strength.
    """

    singular_values: np.ndarray
    std: float
    edges: tuple[float, float]
    n_outliers: int
    effective_patterns: float


def singular_values(model: Any) -> np.ndarray:
    """Singular values of W from the largest down, shape (min(V, H),).

    For patterns, W = scale A B^T with A (V, K) and B (H, K): the QR factors of A and B leave the K x K matrix
    scale R_A R_B^T, whose singular values are those of W; the others are zero, and W is never formed.

    Parameters
    ----------
    model : BipartiteIsing, PatternBipartiteIsing, RBM, RARBM or a hybrid machine

    Examples
    --------
    >>> from spinlab.models import PatternBipartiteIsing
    >>> from spinlab.rbm import singular_values
    >>> singular_values(PatternBipartiteIsing([[1, 1, 1, 1]], [[1] * 9])).round(6).tolist()
    [6.0, 0.0, 0.0, 0.0]
    """
    model = _layers_of(model)
    return _singular_values(model)


def weight_spectrum(model: Any, *, std: float | None = None) -> WeightSpectrum:
    """Spectrum of the weights against the Marchenko-Pastur law (Mat. Sb. 72, 507 (1967)).

    Parameters
    ----------
    model : BipartiteIsing, PatternBipartiteIsing, RBM, RARBM or a hybrid machine
    std : float, optional
        Standard deviation of the independent weights to compare with: that of W itself by default, which
        asks whether W could be a matrix of independent entries of its size; the one at the start of a
        training asks what training has added.

    Returns
    -------
    WeightSpectrum

    Examples
    --------
    >>> import spinlab as sl
    >>> from spinlab.rbm import weight_spectrum
    >>> weight_spectrum(sl.ensembles.rbm_gaussian(V=50, H=400, rng=0)).n_outliers
    0
    >>> weight_spectrum(sl.ensembles.ra_rbm(V=200, H=400, K=3, rng=0)).n_outliers
    3
    """
    model = _layers_of(model)
    s = _singular_values(model)
    if std is None:
        # sum s^2 = sum W^2; the mean of independent entries is taken as zero.
        x, exponent = in_units(s)
        std = math.ldexp(math.sqrt(float((x**2).sum()) / (model.V * model.H)), exponent)
    else:
        std = as_real(std, "std", 0.0)
    low, high = (std * abs(math.sqrt(model.H) + sign * math.sqrt(model.V)) for sign in (-1, 1))
    v, h = math.sqrt(model.V), math.sqrt(model.H)
    threshold = std * math.sqrt((v + h) ** 2 + _TRACY_WIDOM_1_PERCENT * (v + h) * (1 / v + 1 / h) ** (1 / 3))
    if not math.isfinite(threshold):
        raise ValueError(f"std = {std:g} times sqrt(V) + sqrt(H) is beyond float64; rescale the weights")
    top = float(s[0])
    p = (s / top) ** 2 if top > 0 else np.zeros_like(s)
    return WeightSpectrum(
        singular_values=s,
        std=std,
        edges=(low, high),
        n_outliers=int((s > threshold).sum()),
        effective_patterns=float(p.sum() ** 2 / (p**2).sum()) if top > 0 else 0.0,
    )


def _layers_of(model: Any) -> TwoLayerIsing:
    axons = model.axons if isinstance(model, GaussianHiddenMachine) else model
    return as_two_layers(axons, "a spectrum of weights")


def _singular_values(model: TwoLayerIsing) -> np.ndarray:
    s = np.zeros(min(model.V, model.H))
    if isinstance(model, PatternBipartiteIsing):
        (v, e_v), (h, e_h), (mantissa, e) = (
            in_units(model.xi_v),
            in_units(model.xi_h),
            math.frexp(model.scale),
        )
        left: Any = np.linalg.qr(v.T, mode="r")
        right: Any = np.linalg.qr(h.T, mode="r")
        found = np.ldexp(abs(mantissa) * np.linalg.svd(left @ right.T, compute_uv=False), e + e_v + e_h)
    else:
        found = np.linalg.svd(model.weights(), compute_uv=False)
    s[: len(found)] = found[: len(s)]
    return s
