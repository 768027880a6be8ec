"""ln Z, mean energy and overlaps of models with up to 3 binary patterns, without enumerating states.

Sites with the same pattern column up to sign form 1, 2 or 4 classes, and a state enters the energy only
through the sums M_c = sum_i z_i s_i over each class, z_i being the sign in x_i = z_i r_c. With the columns

    K = 1: r = (1)   K = 2: r = (1, 1), (1, -1)   K = 3: r = (1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)

and T = sum_c M_c, the overlaps m = sum_c M_c r_c satisfy

    r_c.m = a M_c - d T,   m.m = a sum_c M_c^2 - d T^2,   a = 1, 2, 4,   d = 0, 0, 1.

So the classes are independent for K <= 2, and for K = 3 they know of each other through T alone: all sums
are convolutions of positive sequences over M_c, done with logarithms, at any temperature.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import gammaln

from ..._core.jit import kernel
from ..._core.parallel import n_threads
from ..._core.progress import map_with_progress, shows_progress
from ..._core.validate import as_real, as_real_array
from ...models import IsingModel, ModelLike, PatternBipartiteIsing, PatternIsing, as_model
from ..accuracy import U, settled
from . import solver as lowrank
from .layer_sites import read_bits
from .solver import once_per_model, too_long

NAME = lowrank.NAME
MAX_PATTERNS = 3

_SECONDS_PER_TERM = 2e-8  # of a convolution, or one hyperbolic cosine, on one core
_CHUNK = 2**20
_LN2 = math.log(2.0)
_EXACT_STIRLING = 16

_A, _D = (1, 2, 4), (0, 0, 1)  # a and d for K = 1, 2, 3
# For K = 3, the classes in which pattern k is +1, and those in which it is -1.
_PAIRINGS = (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2)))


def refusal(model: IsingModel) -> str | None:
    """Why this method cannot take the model, or None."""
    layers = _layers(model)
    if isinstance(layers, str):
        return layers
    seconds = cost(model)[0]
    return too_long(model, seconds) if seconds > lowrank.MAX_SECONDS else None


def cost(model: IsingModel) -> tuple[float, float]:
    """Seconds and bytes that ``log_partition`` takes at one beta."""
    layers = _layers(model)
    if isinstance(layers, str):
        return math.inf, math.inf
    return 2e-4 + min(classes.seconds for classes in layers) / n_threads(), 100.0 * model.n_spins


@settled(NAME)
def log_partition(
    model: IsingModel, betas: np.ndarray, threads: int | None, proven: bool
) -> list[tuple[float, float]]:
    """ln Z(beta) of a model with up to 3 binary patterns (Mattis, Hopfield, RA, RA-RBM), exact at any beta.

    Z = sum_s exp(-beta E(s)), summed over the magnetisations of the 2^(K-1) classes of sites with the same
    pattern column up to sign. K = 1: Z = sum_n C(N, n) exp(beta scale [(N - 2n)^2 - N] / 2), and of an RBM
    Z = sum_n C(V, n) [2cosh(beta scale (V - 2n))]^H.

    Parameters
    ----------
    model : PatternIsing or PatternBipartiteIsing
        K <= 3 patterns of +-1, ``scale`` of any sign, any fields.
    beta, threads, error, tolerance, progress
        As for :func:`spinlab.log_partition`.

    Returns
    -------
    float or ndarray, or a pair of them
        The relative error is of order 1e-15, or N 2^-53 where fields differ from site to site.

    Raises
    ------
    ValueError
        If the patterns are more than 3 or not binary, if the sums would take more than ten minutes (the
        message estimates the time), if a beta is negative, if beta E overflows, or if rounding may have
        moved ln Z by more than ``tolerance``.

    Notes
    -----
    Without fields: order N for K <= 2 (N = 10^6 in 0.1 s), N^2 for K = 3 (N = 1000 in 10 ms). Fields that
    differ from site to site: N^2. RBMs: for K = 3 order V^3 with V the smaller layer (V = 200 in 0.1 s), and
    as many hyperbolic cosines as biases of the other layer differ, times 5 V.

    Examples
    --------
    >>> import math
    >>> from spinlab.exact import lowrank
    >>> from spinlab.models import PatternIsing
    >>> pair = PatternIsing([[1, -1]])
    >>> math.isclose(lowrank.log_partition(pair, 2.0), math.log(4 * math.cosh(2)))
    True
    """
    values = np.ravel(_at_each_beta(model, betas, threads)[0]).tolist()
    classes = min(_accepted(model, 0.0), key=lambda classes: classes.seconds)
    return [
        (value, classes.rounding(x) + x * model.rounding + 4 * U * abs(value))
        for x, value in zip(betas.ravel().tolist(), values, strict=True)
    ]


@shows_progress
def mean_energy(
    model: IsingModel, beta: Any = 1.0, *, threads: int | None = None, progress: bool | None = None
) -> float | np.ndarray:
    """<E> = -d ln Z / d beta, the offset included, of a model with up to 3 binary patterns.

    Summed, not differenced: the absolute error is of order 1e-15 times |scale| N K beside <E>. Parameters,
    limits, errors and cost are those of :func:`log_partition`.

    Examples
    --------
    >>> from spinlab.exact import lowrank
    >>> from spinlab.models import PatternIsing
    >>> round(lowrank.mean_energy(PatternIsing([[1, -1]]), 2.0), 6)  # -tanh 2
    -0.964028
    """
    return _at_each_beta(model, beta, threads)[1]


def overlap_distribution(model: IsingModel, beta: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Exact thermal distribution of the overlap with each pattern, m^k = (1/N) sum_i xi_i^k s_i.

    Parameters
    ----------
    model : PatternIsing or PatternBipartiteIsing
        K <= 3 patterns of +-1; of an RBM, the overlaps of the visible layer (N = V).
    beta : float, default 1
        Inverse temperature, 0 or more.

    Returns
    -------
    overlaps : ndarray, shape (N + 1,)
        -1, -1 + 2/N, .., 1.
    probabilities : ndarray, shape (K, N + 1)
        Row k is the distribution of m^k; each sums to 1.

    Raises
    ------
    ValueError
        As :func:`log_partition`.

    Notes
    -----
    N for K = 1, N^2 for K = 2 (terms that underflow left out) and 3, V^3 for an RBM with K = 3.

    Examples
    --------
    >>> from spinlab.exact import lowrank
    >>> from spinlab.models import PatternIsing
    >>> m, p = lowrank.overlap_distribution(PatternIsing([[1, 1, -1, 1]]), beta=0.0)
    >>> m.tolist()
    [-1.0, -0.5, 0.0, 0.5, 1.0]
    >>> [[round(16 * x) for x in row] for row in p.tolist()]
    [[1, 4, 6, 4, 1]]
    """
    beta = as_real(beta, "beta", 0.0)
    visible = _accepted(model, beta)[0]
    return np.arange(-visible.N, visible.N + 1, 2) / visible.N, visible.overlaps(beta)


def _at_each_beta(model: ModelLike, beta: Any, threads: int | None) -> tuple[Any, Any]:
    """(ln Z, <E>), each of the shape of beta."""
    betas = as_real_array(beta, "beta", (0, 1))
    if (betas < 0).any():
        raise ValueError(f"beta must be 0 or more, got {betas.min():g}; change the sign of scale instead")
    layers = _accepted(model, float(betas.max(initial=0.0)))
    classes = min(layers, key=lambda classes: classes.seconds)
    each = map_with_progress(
        lambda x: classes.total(x, threads), betas.ravel().tolist(), 1, "partition function"
    )
    found = np.array(each).reshape(*betas.shape, 2)
    log_z, energy = found[..., 0], found[..., 1]
    return (float(log_z), float(energy)) if betas.ndim == 0 else (log_z, energy)


def _accepted(model: ModelLike, beta: float) -> list[Classes]:
    model = as_model(model)
    reason = refusal(model)
    layers = _layers(model)
    if reason is not None or isinstance(layers, str):
        raise ValueError(reason)
    if not beta * max(classes.size for classes in layers) < 1e300:
        raise ValueError(f"beta={beta:g} times the energy overflows float64; take a smaller beta")
    return layers


class Sequence(NamedTuple):
    """ln of the weight and mean energy for each value -n, -n + 2, .., n of a sum of n spins.

    Without couplings and fields the weights are probabilities: those of 2^n states over 2^n.
    """

    log_weight: np.ndarray
    energy: np.ndarray

    @property
    def n(self) -> int:
        return len(self.log_weight) - 1

    @property
    def sums(self) -> np.ndarray:
        return np.arange(-self.n, self.n + 1, 2.0)

    def plus(self, log_weight: np.ndarray, energy: np.ndarray) -> Sequence:
        """More weight and energy for the same spins."""
        return Sequence(self.log_weight + log_weight, self.energy + energy)

    def join(self, other: Sequence) -> Sequence:
        """Both sets of spins."""
        joint = Sequence(*np.empty((2, self.n + other.n + 1)))
        _convolve(*self, *other, *joint)
        return joint

    def total(self) -> tuple[float, float]:
        """(ln of the sum of all weights, mean energy)."""
        top = self.log_weight.max()
        weight = np.exp(self.log_weight - top)
        z = weight.sum()
        return float(top + np.log(z)), float((weight * self.energy).sum() / z)


class Fields(NamedTuple):
    """The different fields z_i b_i within a class, and how many sites have each."""

    values: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True)
class Classes:
    """The classes of one layer; ``other`` holds those of the other layer, which is summed out."""

    K: int
    N: int
    scale: float
    offset: float
    fields: list[Fields]
    other: list[Fields] | None

    @property
    def sizes(self) -> list[int]:
        return [int(fields.counts.sum()) for fields in self.fields]

    @property
    def size(self) -> float:
        """Bound on the size of the energy."""
        units = self.N if self.other is None else sum(int(g.counts.sum()) for g in self.other)
        fields = sum(float(np.abs(g.values) @ g.counts) for g in [*self.fields, *(self.other or [])])
        return abs(self.offset) + abs(self.scale) * self.K * self.N * units + fields

    def rounding(self, beta: float) -> float:
        """Bound on the error of ln Z, apart from that of its own last digit."""
        units = 0 if self.other is None else sum(int(g.counts.sum()) for g in self.other)
        fields = sum(float(np.abs(g.values) @ g.counts) for g in [*self.fields, *(self.other or [])])
        if self.other is None:  # the terms are as large as the self-couplings taken out leave them
            a, d = _A[self.K - 1], _D[self.K - 1]
            size = (
                abs(self.scale) / 2 * float(a * sum(n * n - n for n in self.sizes) + d * (self.N**2 - self.N))
            )
        else:
            size = abs(self.scale) * self.K * self.N * units
        size = beta * (size + fields)
        # Logarithms of weights are below this; each joining of spins adds up to N terms and rounds a few
        # times, summing out the other layer as often as it has different fields.
        largest = (self.N + units) * _LN2 + size
        joins = sum(len(g.values) for g in self.fields) + 8
        values = sum(len(g.values) for g in self.other or [])
        return U * (
            joins * (self.N + 32 + 4 * largest) + (64 + values) * largest + 8 * beta * abs(self.offset)
        )

    @property
    def seconds(self) -> float:
        """Time on one core."""
        n = self.sizes
        terms = sum(size**2 / 2 for size, (values, _) in zip(n, self.fields, strict=True) if len(values) > 1)
        if self.K == MAX_PATTERNS:
            pairs = n[0] * n[1] + n[2] * n[3]
            terms += pairs + self.N**2 / 4 if self.other is None else pairs * self.N
        if self.other is not None:
            arguments = [5 * size + self.N * _D[self.K - 1] for size in n]
            terms += sum(m * len(values) for m, (values, _) in zip(arguments, self.other, strict=True))
        return _SECONDS_PER_TERM * (terms + self.N)

    def total(self, beta: float, threads: int | None) -> tuple[float, float]:
        """(ln Z, <E>)"""
        if self.K < MAX_PATTERNS:
            log_z, energy = np.sum([x.total() for x in self._at(beta)(0)], axis=0).tolist()
        elif self.other is None:
            x, y = self._pairs(self._at(beta)(0), _PAIRINGS[0])
            joint = x.join(y)
            half = self.scale / 2 * (joint.sums**2 - self.N)
            log_z, energy = joint.plus(-beta * half, half).total()
        else:
            at = self._at(beta)

            def of_sum(t: int) -> tuple[float, float]:
                return _with_sum(*self._pairs(at(2 * t - self.N), _PAIRINGS[0]), t).total()

            sums = map_with_progress(of_sum, range(self.N + 1), threads, "partition function")
            log_z, energy = Sequence(*np.array(sums).T).total()
        if beta == 0:
            energy = 0.0  # all correlations vanish
        return self._log_states() + log_z - beta * self.offset, energy + self.offset

    def _log_states(self) -> float:
        units = 0 if self.other is None else sum(int(g.counts.sum()) for g in self.other)
        return (self.N + units) * _LN2

    def overlaps(self, beta: float) -> np.ndarray:
        """Distribution of each m_k, shape (K, N + 1)."""
        at = self._at(beta)
        out = np.zeros((self.K, self.N + 1))
        if self.K < MAX_PATTERNS:
            p = [np.exp(x.log_weight - x.log_weight.max()) for x in at(0)]
            _add_products(p[0], p[-1] if self.K == 2 else np.ones(1), out[0])
            if self.K == 2:
                _add_products(p[0], p[1][::-1].copy(), out[1])
        else:
            log_z = self.total(beta, None)[0] + beta * self.offset - self._log_states()
            for k, pairing in enumerate(_PAIRINGS):
                for t in [0] if self.other is None else range(self.N + 1):
                    x, y = self._pairs(at(2 * t - self.N), pairing)
                    if self.other is None:
                        half = beta * self.scale / 2
                        _add_differences(x.log_weight - log_z + half * self.N, y.log_weight, half, out[k])
                    else:
                        i = _up_spins(x, y, t)
                        out[k, 2 * i - t + y.n] += np.exp(_with_sum(x, y, t).log_weight - log_z)
        return out / out.sum(1, keepdims=True)

    def _at(self, beta: float) -> Callable[[int], list[Sequence]]:
        """The sequences of the classes as a function of T."""
        bare = [_free_spins(fields, beta) for fields in self.fields]
        a, d = _A[self.K - 1], _D[self.K - 1]
        if self.other is None:
            # Without the self-couplings: K = a - d of them for each site.
            e = [-self.scale / 2 * a * (x.sums**2 - x.n) for x in bare]
            coupled = [x.plus(-beta * y, y) for x, y in zip(bare, e, strict=True)]
            return lambda T: coupled
        ends = [a * x.n + d * self.N for x in bare]
        arguments = [np.arange(-end, end + 1, 2.0) for end in ends]  # of a M - d T, every other one for a = 4
        tables = [_summed_out(x, g, self.scale, beta) for x, g in zip(arguments, self.other, strict=True)]

        def at(T: int) -> list[Sequence]:
            places = [
                (a * x.sums.astype(np.int64) - d * T + end) // 2 for x, end in zip(bare, ends, strict=True)
            ]
            return [x.plus(t[0][p], t[1][p]) for x, t, p in zip(bare, tables, places, strict=True)]

        return at

    @staticmethod
    def _pairs(x: list[Sequence], pairing: tuple[tuple[int, int], ...]) -> tuple[Sequence, Sequence]:
        (i, j), (k, l) = pairing
        return x[i].join(x[j]), x[k].join(x[l])


@once_per_model
def _layers(model: IsingModel) -> list[Classes] | str:
    """The classes of the layer, or of each of two layers with the other summed out; or why there are none."""
    if not isinstance(model, PatternIsing | PatternBipartiteIsing):
        return f"{NAME} needs models.PatternIsing or PatternBipartiteIsing, got {type(model).__name__}"
    if model.K > MAX_PATTERNS:
        return f"{NAME} sums over the classes of up to {MAX_PATTERNS} binary patterns, got K={model.K}"
    form = model.form()
    sizes = [model.n_spins] if isinstance(model, PatternIsing) else [model.V, model.H]
    parts = [slice(0, sizes[0]), slice(sizes[0], None)][: len(sizes)]
    fields = [_fields_by_class(form.xi[part], form.b[part]) for part in parts]
    if any(f is None for f in fields):
        return f"{NAME} needs binary patterns for its sums over classes, got entries other than +-1"
    others = [None] if len(fields) == 1 else fields[::-1]
    return [
        Classes(model.K, N, model.scale, model.offset, f, other)
        for N, f, other in zip(sizes, fields, others, strict=True)
        if f is not None
    ]


def _fields_by_class(xi: np.ndarray, b: np.ndarray) -> list[Fields] | None:
    """The fields z_i b_i of each class; None if a pattern is not binary."""
    negative = read_bits(xi)
    if negative is None:
        return None
    K = xi.shape[1]
    columns = 1 - 2 * ((np.arange(1 << K)[:, None] >> np.arange(K)) & 1)
    z = columns.prod(1) if K == 3 else columns[:, 0]
    flipped = (z[:, None] * columns < 0).astype(np.int64)
    number = (flipped[:, 0], flipped[:, -1], 2 * flipped[:, 0] + flipped[:, K // 2])[K - 1]
    group, g = number[negative], z[negative] * b
    by_class = (np.unique(g[group == c], return_counts=True) for c in range(1 << (K - 1)))
    return [Fields(values, counts) for values, counts in by_class]


def _free_spins(fields: Fields, beta: float) -> Sequence:
    """Uncoupled spins: the coefficients of the product over i of [e^(beta g_i) x + e^(-beta g_i) / x] / 2."""
    joint = Sequence(np.zeros(1), np.zeros(1))
    for g, n in zip(fields.values.tolist(), fields.counts.tolist(), strict=True):
        spins = Sequence(_log_binomials(n), np.zeros(n + 1))
        spins = spins.plus(beta * g * spins.sums, -g * spins.sums)
        joint = joint.join(spins) if joint.n else spins
    return joint


def _log_binomials(n: int) -> np.ndarray:
    """ln [C(n, j) / 2^n] for j = 0..n, without the cancellation of large logarithms.

    C. Loader, Fast and accurate computation of binomial probabilities (2000): with x = (2j - n)/n and the
    error d of Stirling's formula it is
    -(n/2) [(1 + x) ln(1 + x) + (1 - x) ln(1 - x)] + ln[n / (2 pi j (n - j))] / 2 + d(n) - d(j) - d(n - j).
    """
    out = np.full(n + 1, -n * _LN2)
    if n > 1:
        j = np.arange(1.0, n)
        x = (2 * j - n) / n
        middle = np.log1p(-x * x) + 2 * x * np.arctanh(x)  # in this form exact about x = 0
        ends = 2 * (j * np.log(2 * j / n) + (n - j) * np.log(2 * (n - j) / n)) / n
        errors = _stirling_error(np.array(float(n))) - _stirling_error(j) - _stirling_error(n - j)
        normal = np.log(n / (2 * math.pi * j * (n - j))) / 2
        out[1:-1] = normal + errors - n / 2 * np.where(np.abs(x) < 0.5, middle, ends)
    return out


def _stirling_error(n: np.ndarray) -> np.ndarray:
    """ln n! - (n + 1/2) ln n + n - ln(2 pi) / 2"""
    r = 1 / (n * n)
    series = (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r / 1188)))) / n
    exact = gammaln(n + 1) - (n + 0.5) * np.log(n) + n - math.log(2 * math.pi) / 2
    return np.where(n < _EXACT_STIRLING, exact, series)


def _summed_out(x: np.ndarray, fields: Fields, scale: float, beta: float) -> tuple[np.ndarray, np.ndarray]:
    """Sums over a of ln cosh(beta y_a) and of the mean energies -y_a tanh(beta y_a), y_a = scale x + g_a."""
    log_weight, energy = np.zeros(len(x)), np.zeros(len(x))
    step = max(1, _CHUNK // len(x))
    for first in range(0, len(fields.values), step):
        g, n = (values[first : first + step] for values in fields)
        y = np.abs(scale * x[:, None] + g)
        log_weight += (beta * y + np.log1p(np.expm1(-2 * beta * y) / 2)) @ n
        energy -= (y * np.tanh(beta * y)) @ n
    return log_weight, energy


def _up_spins(x: Sequence, y: Sequence, t: int) -> np.ndarray:
    """The numbers of up spins that x can have if both have t together."""
    return np.arange(max(0, t - y.n), min(x.n, t) + 1)


def _with_sum(x: Sequence, y: Sequence, t: int) -> Sequence:
    """The ways to have t up spins in both."""
    i = _up_spins(x, y, t)
    return Sequence(x.log_weight[i] + y.log_weight[t - i], x.energy[i] + y.energy[t - i])


@kernel
def _convolve(
    x: np.ndarray, u: np.ndarray, y: np.ndarray, v: np.ndarray, log_weight: np.ndarray, energy: np.ndarray
) -> None:
    """ln of sum_i e^(x_i + y_(t-i)), and the mean of u_i + v_(t-i) with these weights."""
    for t in range(len(log_weight)):
        first, last = max(0, t - len(y) + 1), min(len(x), t + 1)
        top = -np.inf
        for i in range(first, last):
            top = max(top, x[i] + y[t - i])
        z, e = 0.0, 0.0
        for i in range(first, last):
            w = np.exp(x[i] + y[t - i] - top)
            z += w
            e += w * (u[i] + v[t - i])
        log_weight[t] = top + np.log(z)
        energy[t] = e / z


@kernel
def _add_differences(x: np.ndarray, y: np.ndarray, half: float, out: np.ndarray) -> None:
    """Adds e^(x_i + y_j - half T^2) where the first sum minus the second belongs, T being both together."""
    n = len(x) + len(y) - 2
    for i in range(len(x)):
        for j in range(len(y)):
            T = 2.0 * (i + j) - n
            out[i - j + len(y) - 1] += np.exp(x[i] + y[j] - half * T * T)


@kernel
def _add_products(p: np.ndarray, q: np.ndarray, out: np.ndarray) -> None:
    some = np.flatnonzero(q)
    for i in np.flatnonzero(p):
        for j in some:
            out[i + j] += p[i] * q[j]
