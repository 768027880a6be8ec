r"""Where the paramagnet loses its stability, from a few traces of the couplings.

The Thouless-Anderson-Palmer equations of a matrix J whose eigenvectors are in general position read, to first
order in the magnetisations, (z - J) m = 0 with the reaction term z = 1/beta + R(beta), R the R-transform of
the bulk of the spectrum (G. Parisi, M. Potters, J. Phys. A 28, 5267 (1995); M. Opper, O. Winther, Phys. Rev.
E 64, 056131 (2001)). For independent entries of variance s^2 it is the Onsager term, z = 1/beta + beta N s^2.
A glass appears when z meets the edge of the bulk, where dz/dbeta = 0; the state of a pattern when z meets an
isolated eigenvalue, before that.

With cumulants k2, k3 of the bulk, R(beta) = k1 + k2 beta / (1 - beta k3/k2) is exact for independent entries
(k3 = 0) and for sums over random patterns (free Poisson law), and the glass lies at T = sqrt(k2) + k3/k2:
T = s sqrt(N) and T = 1 + sqrt(alpha).

Two layers have a reaction term each. With u = beta^2 and the singular values' x = s^2 the condition becomes
x(u) = (1 + C(u)) (1 + C(u) V/H) / u, C the rectangular R-transform (F. Benaych-Georges, Probab. Theory Relat.
Fields 144, 471 (2009)); C(u) = c2 u / (1 - u c4/c2) is exact for independent weights, where the glass lies at
sigma (V H)^(1/4) = 1, and for random patterns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..models import IsingModel, TwoLayerIsing, as_model
from .spectra import Spectrum, spectrum

# Ratio of neighbouring singular values that sets patterns apart. Among the first four values of random
# machines with eight patterns, 200 of each size from 16 x 16 to 16 x 128, the largest ratio was 1.99.
_GAP = 2.0
_SMALLEST = 1e-300  # eigenvalues of which the inverse is surely a number
_EXACT_RANK = 1e-6  # of the largest value: less is the rounding of single precision


@dataclass(frozen=True)
class Stability:
    """Inverse temperatures at which the paramagnet m = 0 of a model turns unstable.

    They are in units of the model's own couplings: a model used at beta = 1 is beyond the line if the
    number is below 1.

    Attributes
    ----------
    beta : float
        The smaller of the two below; infinite if the paramagnet stays stable.
    towards : {"retrieval", "glass", "nothing"}
        Which of the two it is.
    beta_retrieval : float
        From the largest isolated eigenvalue (singular value); infinite without one.
    beta_glass : float
        From the edge of the bulk; infinite without a bulk or if its upper edge never becomes unstable.
    n_directions : int
        Isolated eigenvalues above the bulk: directions of patterns.
    n_set_apart : int
        More than sqrt(n) isolated values, up to 2 sqrt(n) and n/2, that a gap sets apart from a bulk that is
        not zero; otherwise 0. They count as bulk, but whether they are few or an extensive number such a
        matrix leaves open.
    largest_coupling : float
        beta max |J_ij|, infinite with beta. All of this is the theory of many weak couplings: where the
        number is not small against 1 (sparse graphs, heavy tails), the values of beta are rough, and in two
        dimensions there is no glass at all.
    """

    beta: float
    towards: str
    beta_retrieval: float
    beta_glass: float
    n_directions: int
    n_set_apart: int
    largest_coupling: float


def stability(model: Any, *, spectrum: Spectrum | None = None) -> Stability:
    """Spectral stability of the paramagnet for any couplings: where, and towards what.

    Thouless-Anderson-Palmer with the reaction term of the measured spectrum (see the head of the module's
    source): SK T = 1, Hopfield T = 1 + sqrt(alpha), a ferromagnetic direction in noise T = J0, Gaussian RBM
    sigma (V H)^(1/4) = 1, RA-RBM the glass line of :func:`spinlab.theory.bipartite.glass_line`.

    Parameters
    ----------
    model : IsingModel or anything :func:`spinlab.models.as_model` takes
        Fields are left out: with fields there is no state m = 0.
    spectrum : Spectrum, optional
        That of the model, if it is at hand.

    Returns
    -------
    Stability

    Raises
    ------
    ValueError
        If the model has no couplings, or none above 1e-300.

    Notes
    -----
    Up to sqrt(n) isolated values (n = N, or the smaller layer) are directions of their own; more are counted
    into the bulk, as an extensive number of patterns makes a glass before it lets one of them be retrieved.
    Of more than sqrt(n), those are still directions that a gap sets apart: singular values twice the next
    one, eigenvalues four times. Patterns of like strength leave such a gap behind the last of them only.
    Relative error of order 1/n for the glass, n^(-1/2) for a pattern. Costs the spectrum.

    Examples
    --------
    >>> import spinlab as sl
    >>> sl.observables.stability(sl.ensembles.sk(N=300, rng=0)).towards
    'glass'
    >>> sl.observables.stability(sl.ensembles.mattis(N=300, rng=0).scaled(1 / 300)).towards
    'retrieval'
    """
    model = as_model(model)
    found = _spectrum(model) if spectrum is None else spectrum
    if not isinstance(found, Spectrum):
        raise TypeError(f"spectrum must be the result of observables.spectrum, got {type(spectrum).__name__}")
    values = found.values
    if np.abs(values).max() < _SMALLEST:
        raise ValueError(
            f"the couplings are so small (eigenvalues up to {np.abs(values).max():.3g}) that 1/T is beyond "
            "float64; rescale the model"
        )
    n = len(values)
    layers = isinstance(model, TwoLayerIsing)
    m = max(model.V, model.H) if isinstance(model, TwoLayerIsing) else n
    n_above, n_set_apart = int((values > found.thresholds[1]).sum()), 0
    if found.std > 0.0:
        # Patterns widen the bulk upwards beyond the law of independent entries: let it grow to its own edge.
        margin = (found.thresholds[1] - found.centre) / (found.edges[1] - found.centre)

        def beyond(k: int) -> int:
            """How many values lie beyond the bulk that the k largest leave."""
            bulk = values[k:]
            middle = 0.0 if layers else float(bulk.mean())
            _, edge = _two_layer_glass(bulk, n, m) if layers else _glass(bulk, n)
            return int((values - middle > margin * (edge - middle)).sum())

        for _ in range(n_above):
            now = beyond(n_above)
            if now >= n_above:
                break
            n_above = now
        if n_above > math.sqrt(n):
            x = values - (0.0 if layers else found.centre)
            ratio = _GAP if layers else _GAP**2
            most = min(math.isqrt(4 * n), n // 2)
            gaps = [k for k in range(1, most + 1) if x[k - 1] > ratio * x[k] and beyond(k) >= k]
            n_above = max((k for k in gaps if k <= math.sqrt(n)), default=0)
            if not n_above and gaps and x[gaps[0]] > _EXACT_RANK * x[0]:
                n_set_apart = gaps[0]
    elif n_above > math.sqrt(n):
        n_above = 0
    above, bulk = values[:n_above], values[n_above:]
    glass, retrieval = math.inf, math.inf
    if found.std > 0.0 or not n_above:
        glass, _ = _two_layer_glass(bulk, n, m) if layers else _glass(bulk, n)
    if n_above and len(bulk) + m > n:
        retrieval = _two_layer_outlier(above, bulk, n, m) if layers else _outlier(above, bulk, n)
    beta = min(glass, retrieval)
    return Stability(
        beta=beta,
        towards="nothing" if math.isinf(beta) else "retrieval" if retrieval <= glass else "glass",
        beta_retrieval=retrieval,
        beta_glass=glass,
        n_directions=n_above,
        n_set_apart=n_set_apart,
        largest_coupling=beta * _largest(model),
    )


_spectrum = spectrum  # the parameter of the same name hides it


def _largest(model: IsingModel) -> float:
    W = model.weights() if isinstance(model, TwoLayerIsing) else model.couplings()
    return float(np.abs(W).max())


def _glass(bulk: np.ndarray, n: int) -> tuple[float, float]:
    """1/T with T = sqrt(k2) + k3/k2, and the edge z(1/T)."""
    mean, unit = float(bulk.mean()), float(np.abs(bulk).max())
    if unit == 0.0 or np.ptp(bulk) <= 1e-9 * unit:
        return math.inf, float(bulk.max())
    x = (bulk - mean) / unit
    k2, k3 = float((x**2).sum()) / n, float((x**3).sum()) / n
    T = math.sqrt(k2) + k3 / k2
    if T <= 0:
        return math.inf, float(bulk.max())
    return 1 / (unit * T), mean + unit * (T + math.sqrt(k2))


def _outlier(above: np.ndarray, bulk: np.ndarray, n: int) -> float:
    """beta = (1/n) sum over the bulk of 1/(z - eigenvalue), at the isolated value z."""
    return float((1 / (above[0] - bulk)).sum()) / n


def _two_layer_glass(bulk: np.ndarray, n: int, m: int) -> tuple[float, float]:
    """Square root of the u at which x(u) is smallest, and of that x."""
    unit = float(bulk.max(initial=0.0))
    if unit == 0.0:
        return math.inf, 0.0
    y = (bulk / unit) ** 2
    ratio = n / m
    c2 = float(y.sum()) / n
    r = (float((y**2).sum()) / n - (1 + ratio) * c2**2) / c2
    if r < 0:
        # Independent weights have r = 0 with a standard error of 2 c2/m; one in ten small ones would lose its
        # glass line to that error.
        r = min(r + 4 * c2 / m, 0.0)
    # x = (1 + p u)(1 + q u)/(1 - r u)^2/u; d ln x / du = 0 times all denominators:
    p, q = c2 - r, c2 * ratio - r
    u = np.polynomial.Polynomial([0, 1])
    a, b, c = 1 + p * u, 1 + q * u, 1 - r * u
    roots = (p * u * b * c + q * u * a * c + 2 * r * u * a * b - a * b * c).roots()
    real = roots[(np.abs(np.imag(roots)) < 1e-9 * np.abs(roots)) & (np.real(roots) > 0)].real
    if not len(real):
        return math.inf, unit
    at = float(real.min())
    return math.sqrt(at) / unit, unit * math.sqrt(a(at) * b(at) / at) / c(at)


def _two_layer_outlier(above: np.ndarray, bulk: np.ndarray, n: int, m: int) -> float:
    """beta^2 = x g_n g_m at the isolated x = s^2, g the resolvents of the bulk of W W^T and W^T W."""
    unit = float(above[0])
    total = float((1 / (1 - (bulk / unit) ** 2)).sum())
    return math.sqrt(total / n * (total + m - n) / m) / unit
