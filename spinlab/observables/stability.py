r"""Where the paramagnet loses its stability, from a few traces of the couplings.

The Thouless-Anderson-Palmer equations of a matrix J whose eigenvectors are in general position read, to first
order in the magnetisations, (z - J) m = 0 with the reaction term z = 1/beta + R(beta), R the R-transform of
the bulk of the spectrum (G. Parisi, M. Potters, J. Phys. A 28, 5267 (1995); M. Opper, O. Winther, Phys. Rev.
E 64, 056131 (2001)). For independent entries of variance s^2 it is the Onsager term, z = 1/beta + beta N s^2.
A glass appears when z meets the edge of the bulk, where dz/dbeta = 0; the state of a pattern when z meets an
isolated eigenvalue, before that.

The stability against a glass is 1/chi = -G^2/G' = 1 - beta^2 R'(beta), G the resolvent of the bulk. Near the
edge of a finite spectrum it is noise; R is read where 1/chi = 0.6 and continued by w = 1/sqrt(R'), which is
linear in beta for independent entries and for sums over random patterns (free Poisson law), where the glass
lies at T = sqrt(k2) + k3/k2 with the cumulants k2, k3 of the bulk: T = s sqrt(N) and T = 1 + sqrt(alpha). The
measured curvature of w enters as far as it is beyond its fluctuation. For +-1 eigenvalues (random orthogonal
couplings, G. Parisi, M. Potters, op. cit.) w stays above beta and no instability announces the glass.

Two layers have a reaction term each. With u = beta^2 and the singular values' x = s^2 the condition becomes a
minimum of x(u) = (1 + C(u)) (1 + C(u) V/H) / u, C the rectangular R-transform (F. Benaych-Georges, Probab.
Theory Relat. Fields 144, 471 (2009)). u/C is linear, (1 - u c4/c2)/c2, for independent weights, where the
glass lies at sigma (V H)^(1/4) = 1, and for random patterns; its measured curvature enters as above.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .._core.results import Result
from .._core.unit import deviation
from ..models import IsingModel, ModelLike, TwoLayerIsing, as_model
from .spectra import Spectrum, spectrum

# Ratio of neighbouring singular values that sets patterns apart. Among the first four values of random
# machines with eight patterns, 200 of each size from 16 x 16 to 16 x 128, the largest ratio was 1.99.
_GAP = 2.0
_SMALLEST = 1e-300  # eigenvalues of which the inverse is surely a number
_EXACT_RANK = 1e-6  # of the largest value: less is the rounding of single precision
_READ = (0.8, 0.6)  # stabilities at which the R-transform is read: the edge's fluctuations are still far
# Deviation times n of the transform from its law of two cumulants at 0.6: below 32 in 240 of 240 models with
# that law (SK, Hopfield of 12 to 800 patterns), 60 and more for random orthogonal couplings of 100 sites.
_NOISE = 40.0
_LEAST_MEASURED = 100  # fewer values tell no more than two cumulants
_HELD = (
    0.4  # stability up to which the reaction is read off all values: nearer to the edge one value rules it
)
# Stability above a semicircle's at 1.025 times its edge: the edge is hard. Random orthogonal couplings of 100
# to 400 sites have .03 to .14 more, SK and Hopfield models .07 to .34 less.
_NEAR_EDGE, _HARD_EDGE = 0.05, 0.02
_LEAST_FOR_GAP = 100
_GAP_BELOW = 1.0  # in standard deviations of the others; a bulk of 100 values ends within .3
_ALONE = 2.5  # (x1 - x2)/(x2 - x6) of an isolated value; 1 in 1000 random matrices has more than 2


@dataclass(frozen=True, repr=False)
class Stability(Result):
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


def stability(model: ModelLike, *, spectrum: Spectrum | None = None) -> Stability:
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
    if not layers:
        values = values[: n - isolated_below(values)]
    m = max(model.V, model.H) if isinstance(model, TwoLayerIsing) else n
    n_above, n_set_apart = int((values > found.thresholds[1]).sum()), 0
    if found.std > 0.0:
        # Patterns widen the bulk upwards beyond the law of independent entries: let it grow to its own edge.
        margin = (found.thresholds[1] - found.centre) / (found.edges[1] - found.centre)

        def beyond(k: int) -> int:
            """How many values lie beyond the bulk that the k largest leave."""
            bulk = values[k:]
            middle = 0.0 if layers else float(bulk.mean())
            edge = _two_layer_edge(bulk, n, m) if layers else _edge(bulk, n)
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
        if not (n_above or n_set_apart or layers or found.fits) and n > _LEAST_FOR_GAP:
            # A bulk far from a semicircle can end far below its edge.
            n_above = int(values[0] - values[1] > _ALONE * (values[1] - values[5]) > 0)
    elif n_above > math.sqrt(n):
        n_above = 0
    above, bulk = values[:n_above], values[n_above:]
    glass, retrieval = math.inf, math.inf
    if found.std > 0.0 or not n_above:
        glass = _two_layer_glass(bulk, n, m) if layers else _glass(bulk, n)
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


def isolated_below(values: np.ndarray) -> int:
    """How many of the lowest eigenvalues, up to sqrt(n), a gap sets apart: directions that are opposed.

    The mean of antiferromagnetic couplings is one. They are no part of the bulk and would ruin its cumulants.
    """
    for k in range(math.isqrt(len(values)), 0, -1):
        if values[-k - 1] - values[-k] > _GAP_BELOW * float(deviation(values[:-k], 0)) > 0:
            return k
    return 0


_spectrum = spectrum  # the parameter of the same name hides it


def _largest(model: IsingModel) -> float:
    W = model.weights() if isinstance(model, TwoLayerIsing) else model.couplings()
    return float(np.abs(W).max())


def _cumulants(bulk: np.ndarray, n: int) -> tuple[np.ndarray, float, float, float, float]:
    """Bulk from its mean in units of its largest value, mean, unit (0 if it is one value), k2, k3."""
    mean, unit = float(bulk.mean()), float(np.abs(bulk).max())
    if unit == 0.0 or np.ptp(bulk) <= 1e-9 * unit:
        return bulk, mean, 0.0, 0.0, 0.0
    x = (bulk - mean) / unit
    return x, mean, unit, float((x**2).sum()) / n, float((x**3).sum()) / n


def _edge(bulk: np.ndarray, n: int) -> float:
    """Upper end of the bulk, that of the law of its first two cumulants."""
    _, mean, unit, k2, k3 = _cumulants(bulk, n)
    if unit == 0.0 or math.sqrt(k2) + k3 / k2 <= 0:
        return float(bulk.max())
    return mean + unit * (2 * math.sqrt(k2) + k3 / k2)


def _glass(bulk: np.ndarray, n: int) -> float:
    """beta at which 1/chi = 1 - beta^2 R' vanishes."""
    x, _, unit, k2, k3 = _cumulants(bulk, n)
    if unit == 0.0:
        return math.inf

    def measured(z: float) -> tuple[float, float]:
        r = 1 / (z - x)
        return float(r.sum()) ** 2 / n / float((r**2).sum()), float(r.sum()) / n

    top, width = float(x.max()), math.sqrt(k2)
    z = 2 + _NEAR_EDGE
    semicircle = 1 - ((z - math.sqrt(z * z - 4)) / 2) ** 2
    if n >= _LEAST_MEASURED and measured(top + _NEAR_EDGE * width)[0] > semicircle + _HARD_EDGE:
        return math.inf
    # w = 1/sqrt(R') is w0 + w1 beta for the law of two cumulants; 1/chi = 1 - (beta/w)^2.
    law = [1 / math.sqrt(k2), -k3 / k2**1.5]
    points = []
    for stability in _READ:
        beta = _at_stability(measured, stability, top, width)
        points.append((beta, beta / math.sqrt(1 - stability)))
    w = np.polynomial.Polynomial(_continued(law, points, n))
    return _smallest_root(w - np.polynomial.Polynomial([0.0, 1.0])) / unit


def _continued(law: list[float], points: list[tuple[float, float]], n: int) -> list[float]:
    """Coefficients of w: its law, and what ``points`` (x, w) ask for beyond their fluctuation."""
    x, w = np.array(points).T
    more = w - law[0] - law[1] * x
    noise, share = _NOISE / n, more[-1] / w[-1]
    if n < _LEAST_MEASURED or abs(share) <= noise:
        return law
    more *= 1 - (noise / share) ** 2
    return [*law, *np.linalg.solve(np.stack([x**2, x**3], 1), more).tolist()]


def _at_stability(
    measured: Callable[[float], tuple[float, float]], stability: float, top: float, unit: float
) -> float:
    """Second number of ``measured(z)`` where the first, which grows with z > top, has the value."""
    low, high = math.log(1e-4 * unit), math.log(1e4 * unit)
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if measured(top + math.exp(middle))[0] < stability else (low, middle)
    return measured(top + math.exp(low))[1]


def _smallest_root(polynomial: np.polynomial.Polynomial) -> float:
    """Smallest positive real root; infinite if there is none."""
    roots = polynomial.roots()
    real = roots[(np.abs(np.imag(roots)) < 1e-9 * np.abs(roots)) & (np.real(roots) > 0)].real
    return float(real.min(initial=math.inf))


def _outlier(above: np.ndarray, bulk: np.ndarray, n: int) -> float:
    """beta = (1/n) sum over the bulk of 1/(z - eigenvalue), at the isolated value z."""
    return float((1 / (above[0] - bulk)).sum()) / n


def _two_layer_cumulants(bulk: np.ndarray, n: int, m: int) -> tuple[np.ndarray, float, float, float]:
    """Squares in units of the largest singular value, that value, c2, and r of C(u) = c2 u/(1 - r u)."""
    unit = float(bulk.max(initial=0.0))
    if unit == 0.0:
        return bulk, 0.0, 0.0, 0.0
    y = (bulk / unit) ** 2
    c2 = float(y.sum()) / n
    r = (float((y**2).sum()) / n - (1 + n / m) * c2**2) / c2
    if r < 0:
        # Independent weights have r = 0 with a standard error of 2 c2/m; one in ten small ones would lose its
        # glass line to that error.
        r = min(r + 4 * c2 / m, 0.0)
    return y, unit, c2, r


def _two_layer_edge(bulk: np.ndarray, n: int, m: int) -> float:
    """Upper end of the bulk, that of the law of its first two cumulants."""
    _, unit, c2, r = _two_layer_cumulants(bulk, n, m)
    return unit * _minimum([1 / c2, -r / c2], n / m)[1] if unit else 0.0


def _two_layer_glass(bulk: np.ndarray, n: int, m: int) -> float:
    """Square root of the u at which x(u) is smallest."""
    y, unit, c2, r = _two_layer_cumulants(bulk, n, m)
    if unit == 0.0:
        return math.inf
    ratio = n / m

    def measured(x: float) -> tuple[float, float]:
        """-d ln x/d ln u, and u."""
        g = 1 / (x - y)
        first, second = float(g.sum()), float((g**2).sum())
        gn, gm = first / n, (first + (m - n) / x) / m
        slope = x * (second / n / gn + (second + (m - n) / x**2) / m / gm) - 1
        return 1 / slope, x * gn * gm

    # u/C is (1 - r u)/c2 for the law of two cumulants, and (1 + C)(1 + C ratio) = x u.
    law = [1 / c2, -r / c2]
    points = []
    for stability in _READ:
        u = _at_stability(measured, stability, 1.0, c2)
        xu = u * _inverse(lambda x: measured(x)[1], u)
        points.append((u, 2 * ratio * u / (math.sqrt((1 - ratio) ** 2 + 4 * ratio * xu) - 1 - ratio)))
    return math.sqrt(_minimum(_continued(law, points, n), ratio)[0]) / unit


def _minimum(w: list[float], ratio: float) -> tuple[float, float]:
    """Smallest u with a minimum of x(u), for u/C = w(u), coefficients by power, and sqrt(x) there."""
    u, W = np.polynomial.Polynomial([0.0, 1.0]), np.polynomial.Polynomial(w)
    # C = u/w: ln x = ln(w + u) + ln(w + u ratio) - 2 ln w - ln u.
    a, b = W + u, W + u * ratio
    at = _smallest_root(a.deriv() * b * W * u + b.deriv() * a * W * u - 2 * W.deriv() * a * b * u - a * b * W)
    if not math.isfinite(at) or W(at) <= 0:
        return math.inf, 1.0
    return at, math.sqrt(a(at) * b(at) / at) / float(W(at))


def _inverse(f: Callable[[float], float], value: float) -> float:
    """x > 1 at which the decreasing f has the value."""
    low, high = math.log(1e-9), math.log(1e9)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if f(1 + math.exp(middle)) > value else (low, middle)
    return 1 + math.exp(low)


def _two_layer_outlier(above: np.ndarray, bulk: np.ndarray, n: int, m: int) -> float:
    """beta^2 = x g_n g_m at the isolated x = s^2, g the resolvents of the bulk of W W^T and W^T W."""
    unit = float(above[0])
    total = float((1 / (1 - (bulk / unit) ** 2)).sum())
    return math.sqrt(total / n * (total + m - n) / m) / unit


def reaction(bulk: np.ndarray, w: float) -> float:
    """R'(w)/R'(0) of a bulk of eigenvalues: how far the couplings' loops amplify the growth of variances.

    R' = 1/w^2 + 1/G'(z) where the resolvent G(z) of all values is w (module's head); 1 for independent
    entries, 1/(1 - w)^2 for random patterns, 2/(1 + 4 w^2 + sqrt(1 + 4 w^2)) for random orthogonal couplings.
    Near the edge, below a stability 1 - w^2 R' of 0.4, it stays what it is there.
    """
    n, x = len(bulk), np.asarray(bulk, dtype=float)
    unit = float(x.std()) if n > 1 else 0.0
    if n < 3 or unit <= 1e-9 * float(np.abs(x).max()) or w <= 0:
        return 1.0
    x, w = (x - x.mean()) / unit, w * unit
    top = float(x.max())

    def measured(z: float) -> tuple[float, float]:
        r = 1 / (z - x)
        return float(r.sum()) ** 2 / n / float((r**2).sum()), float(r.sum()) / n

    z = top + _inverse(lambda y: measured(top + y - 1)[1], w) - 1
    if measured(z)[0] < _HELD:
        w = _at_stability(measured, _HELD, top, 1.0)
        z = top + _inverse(lambda y: measured(top + y - 1)[1], w) - 1
    if w < 1e-3:
        return 1.0  # R' - 1 is of order w, and drowns in the rounding of 1/w^2
    return 1 / w**2 - n / float((1 / (z - x) ** 2).sum())


def two_layer_reaction(
    bulk: np.ndarray, n: int, m: int, chi: Sequence[float], spread: Sequence[float]
) -> float:
    """The same for two layers of n <= m units with singular values ``bulk`` (zeros to n included).

    The susceptibilities ``chi`` of the layers fix poles z of the resolvent [[z_n, -W], [-W^T, z_m]]; with the
    reactions R_a = z_a - 1/chi_a variances grow by the largest eigenvalue of spread_a dR_a/dchi_b, ``spread``
    the layers' means of (1 - m_i^2)^2. For independent weights of variance s^2 this is s^2 sqrt(n m) times
    sqrt(spread_n spread_m); the ratio of both is returned. ``chi`` is scaled down to where the eigenvalue
    for spread = chi^2 is 0.6.
    """
    y = np.zeros(n)
    y[: len(bulk)] = np.asarray(bulk, dtype=float) ** 2
    c2 = float(y.mean())
    if n < 3 or c2 <= 0 or min(chi) <= 0 or min(spread) <= 0:
        return 1.0
    y, top = y / c2, float(y.max()) / c2
    u = chi[0] * chi[1] * c2

    def slopes(u: float) -> np.ndarray:
        """chi_a chi_b dR_a/dchi_b, which depends on the product of both chi alone."""

        def product(x: float) -> tuple[float, float, float]:
            g = 1 / (top * x - y)
            first = float(g.sum())
            return first / n, (first + (m - n) / (top * x)) / m, float((g**2).sum())

        def whole(x: float) -> float:
            gn, gm, _ = product(x)
            return top * x * gn * gm

        at = _inverse(whole, u)
        gn, gm, second = product(at)
        x = top * at
        # In units where chi_n = gn and chi_m = gm x, poles are z_n = x and z_m = 1.
        by_n, by_m, mixed = second / n, (second * x**2 + (m - n)) / m, (y / (x - y) ** 2).sum()
        chi_n, chi_m = gn, gm * x
        jacobian = -np.array([[by_n, mixed / n], [mixed / m, by_m]])
        slope = np.linalg.inv(jacobian) + np.diag([1 / chi_n**2, 1 / chi_m**2])
        return slope * np.outer([chi_n, chi_m], [chi_n, chi_m])

    if _growth(slopes(u)) > 1 - _HELD:
        low, high = 0.0, u
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if _growth(slopes(middle)) < 1 - _HELD else (low, middle)
        u = low
    if u < 1e-6:
        return 1.0
    # spread_a dR_a/dchi_b in units of the bare growth; the layers' shares of chi cancel in the eigenvalue.
    a = np.array([spread[0] / chi[0] ** 2, spread[1] / chi[1] ** 2])
    bare = math.sqrt(a[0] * a[1] * n / m) * u
    return _growth(a[:, None] * slopes(u)) / bare


def _growth(A: np.ndarray) -> float:
    """Largest eigenvalue of a matrix of two rows with like signs off the diagonal."""
    half, off = (A[0, 0] - A[1, 1]) / 2, A[0, 1] * A[1, 0]
    return float((A[0, 0] + A[1, 1]) / 2 + math.sqrt(max(half * half + off, 0.0)))
