"""Thermal averages and independent samples of any small model, over all states.

Both come from the matrix product of ``partition``: with W_ba, X_bc and Y_ca the
weights of the pairs of groups, the probability of a pair of states (b, a) is W_ba (X Y)_ba, that of
(b, c) is X_bc (W Y')_bc, that of (c, a) is Y_ca (X' W)_ca. Where the product underflows, at low
temperature, the states near the ground state are visited one by one (``low_states``).

Averages of the energy alone follow from the number of states at each energy (``density``), where the
couplings are integers: one pass serves every temperature.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._core.blas import one_blas_thread
from ..._core.parallel import n_threads
from ..._core.progress import map_with_progress, shows_progress
from ..._core.results import Result
from ..._core.rng import RNG, as_generator
from ..._core.validate import as_count, as_flag, as_real, as_real_array, check_memory
from ...models import IsingModel, ModelLike, as_model
from ..couplings import free_spins, in_units, over_limit, spins_of, with_ghost
from .density import MAX_BINS, integer_levels
from .low_states import LowStates, Sums
from .partition import SECONDS_PER_STATE, SMALLEST_SUM, Product, signs
from .search import Search

MAX_SPINS = 36

_AVERAGES = "the sum of thermal averages"  # in messages
_AVERAGES_COST = 7  # times the cost of ln Z
_SAMPLES_COST = 2
_BATCH = 256  # samples drawn together


@dataclass(frozen=True, repr=False)
class ThermalAverages(Result):
    """Exact averages with weights exp(-beta E); the first axis of each is that of ``beta``, if it has one.

    Attributes
    ----------
    beta : float or ndarray, shape (T,)
    log_z : float or ndarray, shape (T,)
        ln Z.
    energy : float or ndarray, shape (T,)
        <E>, the model's offset included.
    heat_capacity : float or ndarray, shape (T,)
        d<E>/dT = beta^2 (<E^2> - <E>^2), of the whole model, in units of k_B.
    magnetisation : ndarray, shape (T, N), or None
        <s_i>; exactly 0 without fields. None with ``spins=False``.
    correlation : ndarray, shape (T, N, N), or None
        <s_i s_j>, not connected, with ones on the diagonal. None with ``spins=False``.
    labels : tuple or None
        Names of the sites.
    """

    beta: Any
    log_z: Any
    energy: Any
    heat_capacity: Any
    magnetisation: np.ndarray | None
    correlation: np.ndarray | None
    labels: tuple[Hashable, ...] | None = None

    @property
    def entropy(self) -> Any:
        """S = ln Z + beta <E>."""
        return self.log_z + self.beta * self.energy


@shows_progress
def thermal_averages(
    model: ModelLike,
    beta: Any = 1.0,
    *,
    spins: bool = True,
    threads: int | None = None,
    progress: bool | None = None,
) -> ThermalAverages:
    """Energy, heat capacity, <s_i> and <s_i s_j> of any Ising model of up to 36 spins, at every temperature.

    <O> = sum_s O(s) exp(-beta E(s)) / Z, E(s) = -sum_{i<j} J_ij s_i s_j - sum_i b_i s_i + offset.

    Parameters
    ----------
    model : IsingModel or anything that :func:`spinlab.models.as_model` takes
        N <= 36 spins, any form, with or without fields.
    beta : float or array_like of one axis, default 1
        Inverse temperatures, 0 or more.
    spins : bool, default True
        With False, only ln Z and the averages of the energy: where couplings and fields are integers times
        one number (with fewer than 2**22 possible energies), one pass then serves all temperatures.
    threads, progress
        As for :func:`spinlab.ground_state`.

    Returns
    -------
    ThermalAverages
        Summed over all states, nothing is differenced: averages of spins are good to about
        beta sum|J| 2**-53, energies to that times their scale.

    Raises
    ------
    ValueError
        If N > 36 (the message estimates the time), if a beta is negative, or if beta times the offset
        overflows.

    Notes
    -----
    Integers with ``spins=False``: the price of :func:`density_of_states`, 0.1 to 0.5 ns per state and core,
    for any number of temperatures.

    Otherwise the price of ln Z at seven temperatures for each beta: about 0.5 ns per state and core (2**(N-1)
    states without fields, 2**N with), N=28 in 0.07 s. At low temperature, where the matrix product
    underflows, the search for the ground state of :mod:`~spinlab.exact.enumeration` comes first, once,
    and then a walk through the states within (45 + N ln 2) / beta of it, at up to 100 ns each.

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab import exact
    >>> pair = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> averages = exact.thermal_averages(pair, [0.5, 1.0])
    >>> averages.correlation[:, 0, 1].round(6).tolist()  # tanh beta
    [0.462117, 0.761594]
    >>> averages.heat_capacity.round(6).tolist()  # (beta / cosh beta)^2
    [0.196612, 0.419974]
    """
    model = as_model(model)
    betas = as_real_array(beta, "beta", (0, 1))
    if (betas < 0).any():
        raise ValueError(
            f"beta must be 0 or more, got {betas.min():g}; change the sign of the couplings instead"
        )
    by_levels = not as_flag(spins, "spins") and _has_few_levels(model)
    seconds = (1 if by_levels else betas.size) * _AVERAGES_COST * _seconds_per_sum(model)
    if (reason := _refusal(model, seconds, _AVERAGES)) is not None:
        raise ValueError(reason)
    _check_offset(model, float(betas.max(initial=0.0)))
    if by_levels:
        return _of_levels(model, betas, threads)
    check_memory(8 * betas.size * model.n_spins**2, "the correlations at so many temperatures")
    search = Search(model, prune=False)
    sums = []
    with one_blas_thread():
        product = Product(search)
        low = None
        for x in betas.ravel().tolist():
            result = _product_sums(product, x * search.unit, threads)
            if result is None:
                low = low or LowStates(model, threads)
                result = low.sums(x * search.unit, with_pairs=True)
            sums.append(result)

    magnetisation = correlation = None
    if spins:
        N, n = model.n_spins, search.n_free - search.n_idle + 1
        pairs = np.clip(np.array([s.pairs for s in sums]).reshape(*betas.shape, n, n), -1.0, 1.0)
        correlation = pairs[..., -N:, -N:].copy()
        correlation[..., np.arange(N), np.arange(N)] = 1.0
        magnetisation = pairs[..., 0, 1:].copy() if model.has_fields else np.zeros((*betas.shape, N))

    def over_beta(values: list[float]) -> Any:
        return values[0] if betas.ndim == 0 else np.array(values)

    return ThermalAverages(
        beta=float(betas) if betas.ndim == 0 else betas,
        log_z=over_beta(
            [
                s.log_z + math.log(search.images) - x * model.offset
                for s, x in zip(sums, betas.ravel().tolist(), strict=True)
            ]
        ),
        energy=over_beta([s.energy * search.unit + model.offset for s in sums]),
        heat_capacity=over_beta(
            [
                (x * search.unit * math.sqrt(s.variance)) ** 2
                for s, x in zip(sums, betas.ravel().tolist(), strict=True)
            ]
        ),
        magnetisation=magnetisation,
        correlation=correlation,
        labels=model.labels,
    )


def _has_few_levels(model: IsingModel) -> bool:
    """Whether the density of states is exact and small."""
    if model.n_spins > MAX_SPINS:
        return False
    G = in_units(with_ghost(model))[0]
    return np.array_equal(G, np.rint(G)) and float(np.abs(G).sum()) < MAX_BINS


def _of_levels(model: IsingModel, betas: np.ndarray, threads: int | None) -> ThermalAverages:
    """Averages of the energy from the number of states at each energy."""
    G, unit, _ = in_units(with_ghost(model))
    levels, counts = integer_levels(G, 2.0 ** (len(G) - 1) * SECONDS_PER_STATE, threads)
    counts = counts * (1.0 if model.has_fields else 2.0)
    lowest = float(levels[0])
    x = levels - lowest
    log_z, energy, heat = np.empty((3, betas.size))
    for k, beta in enumerate(betas.ravel().tolist()):
        weights = counts * np.exp(-beta * unit * x)
        z = float(weights.sum())
        mean = float(weights @ x) / z
        log_z[k] = math.log(z) - beta * (lowest * unit + model.offset)
        energy[k] = (lowest + mean) * unit + model.offset
        heat[k] = (beta * unit) ** 2 * float(weights @ (x - mean) ** 2) / z
    if betas.ndim == 0:
        return ThermalAverages(
            float(betas), float(log_z[0]), float(energy[0]), float(heat[0]), None, None, model.labels
        )
    return ThermalAverages(betas, log_z, energy, heat, None, None, model.labels)


def boltzmann_samples(
    model: ModelLike, n: int, beta: float = 1.0, *, rng: RNG = None, threads: int | None = None
) -> np.ndarray:
    """As :func:`spinlab.exact.boltzmann_samples`, of any model of up to 36 spins.

    By inversion of the cumulative weights, which takes four random numbers for each sample.
    """
    model = as_model(model)
    n = as_count(n, "n", 0)
    beta = as_real(beta, "beta", 0.0)
    if (reason := _refusal(model, _SAMPLES_COST * _seconds_per_sum(model), "exact sampling")) is not None:
        raise ValueError(reason)
    check_memory(n * (64 + 2 * model.n_spins), "the list of samples")
    uniform = as_generator(rng).random((n, 4))
    search = Search(model, prune=False)
    with one_blas_thread():
        numbers = _product_samples(Product(search), beta * search.unit, uniform[:, :3], threads)
    if numbers is None:
        numbers = LowStates(model, threads).sample(beta * search.unit, uniform[:, 0]) >> search.n_idle
    states = spins_of(numbers, search.n_free - search.n_idle)[:, -model.n_spins :]
    if not model.has_fields:
        states[uniform[:, 3] < 0.5] *= -1
    return np.ascontiguousarray(states)


def _seconds_per_sum(model: IsingModel) -> float:
    return 2.0 ** min(free_spins(model), 1000) * SECONDS_PER_STATE / n_threads()


def _refusal(model: IsingModel, seconds: float, what: str) -> str | None:
    instead = "spinlab.dynamics samples any model by Markov chains"
    if what == _AVERAGES:
        exact = "spinlab.log_partition and mean_energy, exact on planar graphs and those of small width"
        instead = f"{exact}; {instead}"
    return over_limit(model, MAX_SPINS, seconds, what, instead)


def _check_offset(model: IsingModel, beta: float) -> None:
    if not math.isfinite(beta * model.offset):
        raise ValueError(f"beta times the offset {model.offset:g} overflows float64; remove the offset")


def _product_sums(product: Product, beta: float, threads: int | None) -> Sums | None:
    """Averages from the matrix product, or None where it underflows."""
    if product.underflows(beta):
        return None
    AB, BC, CA = product.AB, product.BC, product.CA
    W, X, Y = np.exp(-beta * AB), np.exp(-beta * BC), np.exp(-beta * CA)
    D, B, C, A = product.groups
    t_B, t_C, t_A = (signs(np.arange(1 << len(group)), len(group)) for group in (B, C, A))
    n = sum(len(group) for group in product.groups)

    def block(d: int) -> tuple[float, float, float, np.ndarray]:
        """Sum of the weights exp(-beta x), x = E - lowest; mean and variance of x, and <t_i t_j>."""
        h_A, h_B, h_C = product.field_tables(d)
        w = W * np.exp(-beta * h_A) * np.exp(-beta * h_B)
        y = Y * np.exp(-beta * h_C)
        p_ba = w * (X @ y)
        z = float(p_ba.sum())
        if z == 0.0:
            return 0.0, 0.0, 0.0, np.zeros((n, n))
        p_ba /= z
        p_bc = X * (w @ y.T) / z
        p_ca = y * (X.T @ w) / z

        # x = ba + bc + ca, each relative to its mean, so that nothing cancels in the variance.
        ba, bc, ca = AB + h_A + h_B, BC, CA + h_C
        means = [float((p * x).sum()) for p, x in ((p_ba, ba), (p_bc, bc), (p_ca, ca))]
        ba, bc, ca = (x - mean for x, mean in zip((ba, bc, ca), means, strict=True))
        squares = sum(float((p * x * x).sum()) for p, x in ((p_ba, ba), (p_bc, bc), (p_ca, ca)))
        X_bc, y_ca = X * bc, y * ca
        cross = ba * (np.hstack([X_bc, X]) @ np.vstack([y, y_ca])) + X_bc @ y_ca
        variance = squares + 2 * float((w * cross).sum()) / z

        pairs = np.zeros((n, n))  # above the diagonal
        t_D = product.outer[d]
        p_a, p_b, p_c = p_ba.sum(0), p_ba.sum(1), p_ca.sum(1)
        pairs[np.ix_(D, D)] = np.outer(t_D, t_D)
        for group, p, t in ((A, p_a, t_A), (B, p_b, t_B), (C, p_c, t_C)):
            pairs[np.ix_(D, group)] = np.outer(t_D, p @ t)
            pairs[np.ix_(group, group)] = t.T @ (p[:, None] * t)
        for rows, columns, p, s, t in (
            (B, A, p_ba, t_B, t_A),
            (B, C, p_bc, t_B, t_C),
            (C, A, p_ca, t_C, t_A),
        ):
            pairs[np.ix_(rows, columns)] = s.T @ p @ t
        return z, sum(means), variance, pairs

    seconds = _AVERAGES_COST * product.seconds / n_threads(threads)
    blocks = map_with_progress(block, range(len(product.lowest)), threads, "thermal averages", seconds)
    shift = float(product.lowest.min())
    weights = np.exp(-beta * (product.lowest - shift)) * [z for z, _, _, _ in blocks]
    total = float(weights.sum())
    if total < SMALLEST_SUM:
        return None
    weights /= total
    means = product.lowest - shift + [mean for _, mean, _, _ in blocks]
    mean = float(weights @ means)
    variance = float(weights @ ((means - mean) ** 2 + [v for _, _, v, _ in blocks]))
    pairs = sum(weight * p for weight, (_, _, _, p) in zip(weights, blocks, strict=True))
    upper = np.triu(pairs)
    pairs = upper + np.triu(upper, 1).T
    return Sums(math.log(total) - beta * shift, shift + mean, max(0.0, variance), pairs)


def _product_samples(
    product: Product, beta: float, uniform: np.ndarray, threads: int | None
) -> np.ndarray | None:
    """Numbers of states: first the outer spins are drawn, then the pair (b, a), then c."""
    if product.underflows(beta):
        return None
    W, X, Y = (np.exp(-beta * table) for table in (product.AB, product.BC, product.CA))
    B, C, A = product.groups[1:]

    def weights(d: int) -> tuple[np.ndarray, np.ndarray]:
        h_A, h_B, h_C = product.field_tables(d)
        y = Y * np.exp(-beta * h_C)
        return W * np.exp(-beta * h_A) * np.exp(-beta * h_B) * (X @ y), y

    blocks = range(len(product.lowest))
    seconds = product.seconds / n_threads(threads)
    z = map_with_progress(
        lambda d: float(weights(d)[0].sum()), blocks, threads, "partition function", seconds
    )
    z = np.exp(-beta * (product.lowest - product.lowest.min())) * z
    if z.sum() < SMALLEST_SUM:
        return None
    outer = _inverse(z, uniform[:, 0])
    out = np.empty(len(uniform), np.int64)

    def draw(d: int) -> None:
        mine = np.flatnonzero(outer == d)
        p, y = weights(d)
        b, a = np.divmod(_inverse(p.ravel(), uniform[mine, 1]), p.shape[1])
        y = np.ascontiguousarray(y.T)
        c = np.empty(len(mine), np.int64)
        for k in range(0, len(mine), _BATCH):
            part = slice(k, k + _BATCH)
            last = np.cumsum(X[b[part]] * y[a[part]], axis=1)
            c[part] = (last <= (uniform[mine[part], 2] * last[:, -1])[:, None]).sum(1)
        # A product with a number just below 1 may be rounded up.
        np.minimum(c, X.shape[1] - 1, out=c)
        out[mine] = ((d << len(B) | b) << len(C) | c) << len(A) | a

    map_with_progress(draw, np.unique(outer).tolist(), threads, "samples", seconds)
    return out


def _inverse(weights: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Indices drawn with these weights."""
    last = np.cumsum(weights)
    drawn = np.searchsorted(last, uniform * last[-1], side="right")
    return np.minimum(drawn, np.flatnonzero(weights)[-1])
