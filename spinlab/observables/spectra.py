"""Spectrum of couplings: the bulk of random-matrix theory and what stands out of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .._core.results import Result
from .._core.unit import in_units
from ..models import ModelLike, TwoLayerIsing, as_model

# Of the largest eigenvalue of a random matrix, 1 in 1000 lies so many units of the edge's fluctuation above
# the edge: quantile .999 of the Tracy-Widom law for real symmetric matrices (C. Tracy, H. Widom 1996).
_TRACY_WIDOM = 3.27
_ROUNDING = 1e-10  # of the largest eigenvalue: a narrower bulk is rounding
_ROUNDS = 50
_CHANCE = 6.0  # over n: twice the largest distance of 2700 independent matrices of 8 to 500 sites


@dataclass(frozen=True, repr=False)
class Spectrum(Result):
    """Eigenvalues of J (or singular values of W), with the bulk and the outliers told apart.

    Attributes
    ----------
    values : ndarray
        Eigenvalues of J, largest first (N of them), or singular values of W (min(V, H)).
    law : str
        "semicircle" for J, "marchenko-pastur" for W: the law of independent entries of one variance.
    centre : float
        Middle of the bulk (0 for singular values).
    std : float
        Standard deviation of independent entries with this bulk; 0 if the bulk is a single value, as for
        few patterns.
    edges : tuple of two floats
        Where the bulk of infinite size ends.
    thresholds : tuple of two floats
        Values outside are outliers: the edges plus the fluctuation that 1 random matrix in 1000 exceeds.
    outliers : ndarray
        The values outside, largest first.
    effective_patterns : float
        Participation ratio (sum x^2)^2 / sum x^4 of x = values - centre: K for K orthogonal patterns of equal
        strength; N/2 for a semicircle, V H/(V + H) for independent weights.
    distance : float
        Largest difference between the cumulated distribution of the bulk and the law's (Kolmogorov-Smirnov);
        about 2/n for independent entries.
    """

    values: np.ndarray
    law: str
    centre: float
    std: float
    edges: tuple[float, float]
    thresholds: tuple[float, float]
    outliers: np.ndarray
    effective_patterns: float
    distance: float

    @property
    def fits(self) -> bool:
        """Whether the law describes the bulk, within three times what is typical of independent entries.

        If not (sparse or heavy-tailed couplings, or a band of as many patterns as sites), its edges and the
        number of outliers mean little.
        """
        bulk = len(self.values) - len(self.outliers)
        return self.distance <= _CHANCE / max(bulk, 1)


def spectrum(model: ModelLike) -> Spectrum:
    """Spectrum of the couplings of any model, compared with that of independent entries.

    Eigenvalues of a symmetric J with independent entries of variance s^2 fill a semicircle of radius
    2 s sqrt(N) (E. P. Wigner 1955), singular values of W a band between s |sqrt V -+ sqrt H|
    (V. A. Marchenko, L. A. Pastur 1967). Centre and s are fitted to the bulk, which the outliers do not
    enter; they are what lies beyond the edge by more than its Tracy-Widom fluctuation.

    Parameters
    ----------
    model : IsingModel or anything :func:`spinlab.models.as_model` takes
        Two layers: singular values of W; otherwise eigenvalues of J. Fields play no part.

    Returns
    -------
    Spectrum

    Raises
    ------
    ValueError
        If the model has no couplings.

    Notes
    -----
    Costs about N^3 operations (2 s for N = 2000), for two layers V H min(V, H). For sparse or heavy-tailed
    couplings the largest values are not patterns: see ``fits``.

    Examples
    --------
    >>> import spinlab as sl
    >>> sl.observables.spectrum(sl.ensembles.hopfield(N=300, K=3, rng=0)).outliers.size
    3
    >>> sl.observables.spectrum(sl.ensembles.sk(N=300, rng=0)).outliers.size
    0
    """
    import scipy.linalg

    model = as_model(model)
    if isinstance(model, TwoLayerIsing):
        couplings, exponent = in_units(model.weights())
        values = scipy.linalg.svdvals(couplings)
        shape = (min(model.V, model.H), max(model.V, model.H))
    else:
        couplings, exponent = in_units(model.couplings())
        values = scipy.linalg.eigvalsh(couplings)[::-1].copy()
        shape = None
    top = float(np.abs(values).max())
    if top == 0.0:
        raise ValueError("the model has no couplings, so there is no spectrum to speak of")
    law = _Semicircle(len(values)) if shape is None else _MarchenkoPastur(*shape)
    centre, scale, inside = _fit(values, law, _ROUNDING * top)
    low, high = (centre + scale * x for x in law.edges)
    first, last = (centre + scale * x for x in law.thresholds)
    if scale == 0.0:
        first, last = low - _ROUNDING * top, high + _ROUNDING * top
    x, unit = values - centre, float(np.ldexp(1.0, exponent))
    return Spectrum(
        values=unit * values,
        law=law.name,
        centre=unit * centre,
        std=unit * scale,
        edges=(unit * low, unit * high),
        thresholds=(unit * first, unit * last),
        outliers=unit * values[~inside],
        effective_patterns=float(((x / top) ** 2).sum() ** 2 / ((x / top) ** 4).sum()),
        distance=_distance(values[inside], centre, scale, law),
    )


class _Semicircle:
    """Eigenvalues of a symmetric N x N matrix of entries of unit variance."""

    name = "semicircle"
    shifted = True

    def __init__(self, n: int) -> None:
        self.radius = 2 * np.sqrt(n)
        # The largest eigenvalue fluctuates by radius N^(-2/3) / 2.
        self.reach = self.radius * (1 + _TRACY_WIDOM / 2 * n ** (-2 / 3))
        self.edges = (-self.radius, self.radius)
        self.thresholds = (-self.reach, self.reach)
        self.median = 0.4039727532995172 * self.radius  # of |x|: y sqrt(1 - y^2) + asin(y) = pi/4
        self.rms = self.radius / 2

    def cdf(self, x: np.ndarray) -> np.ndarray:
        y = np.clip(x / self.radius, -1, 1)
        return 0.5 + (y * np.sqrt(1 - y**2) + np.arcsin(y)) / np.pi


class _MarchenkoPastur:
    """Singular values of an n x m matrix, n <= m, of entries of unit variance."""

    name = "marchenko-pastur"
    shifted = False

    def __init__(self, n: int, m: int) -> None:
        self.edges = (np.sqrt(m) - np.sqrt(n), np.sqrt(m) + np.sqrt(n))
        # I. M. Johnstone, Ann. Stat. 29, 295 (2001): centre and width of the largest squared singular value.
        root = np.sqrt(max(m - 1, 1)) + np.sqrt(n)
        width = root * (1 / np.sqrt(max(m - 1, 1)) + 1 / np.sqrt(n)) ** (1 / 3)
        self.thresholds = (0.0, float(np.sqrt(max(root, self.edges[1]) ** 2 + _TRACY_WIDOM * width)))
        self.grid, self.cumulated = _marchenko_pastur(n / m)
        self.grid = self.grid * np.sqrt(m)
        self.median = float(np.interp(0.5, self.cumulated, self.grid))
        self.rms = np.sqrt(m)

    def cdf(self, x: np.ndarray) -> np.ndarray:
        return np.interp(x, self.grid, self.cumulated, left=0.0, right=1.0)


@lru_cache(maxsize=64)
def _marchenko_pastur(ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Singular values x between 1 -+ sqrt(ratio) and their cumulated distribution."""
    r = np.sqrt(ratio)
    angle = np.linspace(0, np.pi, 20_001)
    square = 1 + ratio - 2 * r * np.cos(angle)  # x^2; the density in the angle is smooth
    with np.errstate(invalid="ignore", divide="ignore"):
        density = np.where(square > 0, 2 * np.sin(angle) ** 2 / np.where(square > 0, square, 1.0), 2.0)
    total = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return np.sqrt(np.maximum(square, 0.0)), total / total[-1]


Law = _Semicircle | _MarchenkoPastur


def _fit(values: np.ndarray, law: Law, rounding: float) -> tuple[float, float, np.ndarray]:
    """Centre, scale and which values belong to the bulk.

    Medians, which outliers hardly move, tell roughly which values these are; their moments, which for
    random matrices fluctuate less than any single value, then tell it precisely.
    """
    inside = np.ones(len(values), dtype=bool)
    centre, scale = 0.0, 0.0
    for robust in (True, False):
        for _ in range(_ROUNDS):
            bulk = values[inside]
            if law.shifted:
                centre = float(np.median(bulk) if robust else bulk.mean())
            size = np.abs(bulk - centre)
            typical = float(np.median(size))
            if typical <= rounding:
                centre = float(np.median(bulk)) if law.shifted else 0.0
                return centre, 0.0, np.abs(values - centre) <= rounding
            scale = typical / law.median if robust else float(np.sqrt((size**2).mean())) / law.rms
            x = (values - centre) / scale
            now = (x >= law.thresholds[0]) & (x <= law.thresholds[1])
            if np.array_equal(now, inside):
                break
            inside = now
    return centre, scale, inside


def _distance(bulk: np.ndarray, centre: float, scale: float, law: Law) -> float:
    if scale == 0.0 or not len(bulk):
        return 0.0
    expected = law.cdf((np.sort(bulk) - centre) / scale)
    steps = np.arange(len(bulk) + 1) / len(bulk)
    return float(max((steps[1:] - expected).max(), (expected - steps[:-1]).max()))
