"""ln Z and mean energy of any small model, over all states.

The free spins form three groups A, B, C and a few outer spins D (with the ghost that carries the
fields), so that a sum over all states is a matrix product for each state of D:

    Z = sum_d sum_ab e^{-beta E_AB} (sum_c X_bc Y_ca),  X = e^{-beta E_BC}, Y = e^{-beta E_CA},

each table shifted by its minimum. Where the couplings are strong and frustrated, the true minimum
lies so far above the sum of these minima that the product underflows; this shows in the result, and
the states near the ground state are then summed one by one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._core.blas import one_blas_thread
from ..._core.parallel import n_threads
from ..._core.progress import map_with_progress, shows_progress
from ..._core.validate import as_real_array
from ...models import IsingModel, ModelLike, as_model
from ..accuracy import U, settled
from ..couplings import free_spins, lost, rounding_bound
from . import gpu as _gpu
from . import solver as enumeration
from .low_states import LowStates
from .search import Search, above_ground
from .tables import energy_table, linear_table

NAME = "enumeration"
MAX_SPINS = enumeration.MAX_SPINS
SECONDS_PER_STATE = 0.06e-9  # one core, ln Z; the mean energy takes three times as long

_CORE_SPINS = 29  # summed by one matrix product
_C_SPINS = 11
# Underflow changes each of up to 2^40 terms by 3e-308 at most, so a sum above 1e-275 is unharmed.
SMALLEST_SUM = 1e-275
_LARGEST_GAP = 660.0  # above, it is not worth trying: 660 = -ln(1e-275) + 40 ln 2


def refusal(model: IsingModel) -> str | None:
    """Why this method cannot take the model, or None."""
    return enumeration.too_large(model, cost(model)[0], enumeration.largest(model))


def cost(model: IsingModel) -> tuple[float, float]:
    """Seconds and bytes for ln Z where the matrix product holds."""
    states = 2.0 ** min(free_spins(model), 1000)
    return 5e-4 + states * SECONDS_PER_STATE / n_threads(), 1.5e8


@settled(NAME)
def log_partition(
    model: IsingModel, betas: np.ndarray, threads: int | None, proven: bool
) -> list[tuple[float, float]]:
    """ln Z of any Ising model of up to 40 spins, exact at every temperature.

    ln Z = ln sum_s exp(-beta E(s)), E(s) = -sum_{i<j} J_ij s_i s_j - sum_i b_i s_i + offset.

    Parameters
    ----------
    model : IsingModel or anything that :func:`spinlab.models.as_model` takes
        N <= 40 spins, any form, with or without fields.
    beta, threads, error, tolerance, progress
        As for :func:`spinlab.log_partition`.

    Raises
    ------
    ValueError
        If N > 40 (the message estimates the time and names alternatives), if a beta is negative, if
        beta times the offset overflows, or if rounding may have moved ln Z by more than ``tolerance``.

    Notes
    -----
    About 0.07 ns per state, core and beta: N=31 in 0.08 s. Where the product underflows (SK: beta
    above about 500 / |E0|) the search for the ground state of :mod:`~spinlab.exact.enumeration` comes
    first, then the states within (45 + N ln 2) / beta of it are summed: usually quicker than the product,
    but up to 10 ns per state where most states lie that low.

    Examples
    --------
    >>> from spinlab.exact import enumeration
    >>> round(enumeration.log_partition([[0, 1], [1, 0]], beta=2.0), 6)  # ln(4 cosh 2)
    2.711297
    """
    log_z, _, search = _thermal(model, betas, threads, False)
    values = log_z.tolist()
    bounds = _bounds(model, search, betas.ravel(), values)
    return list(zip(values, bounds, strict=True))


@shows_progress
def mean_energy(
    model: ModelLike, beta: Any = 1.0, *, threads: int | None = None, progress: bool | None = None
) -> float | np.ndarray:
    """Mean energy <E> = -d ln Z / d beta of any Ising model of up to 40 spins, offset included.

    It is summed over all states, not differenced. Parameters, limits and errors are those of
    :func:`log_partition`; three times its cost.

    Examples
    --------
    >>> from spinlab.exact import enumeration
    >>> round(enumeration.mean_energy([[0, 1], [1, 0]], beta=2.0), 6)  # -tanh 2
    -0.964028
    """
    betas = as_real_array(beta, "beta", (0, 1))
    u = _thermal(as_model(model), betas, threads, True)[1]
    return float(u[0]) if betas.ndim == 0 else u


def _thermal(
    model: IsingModel, betas: np.ndarray, threads: int | None, with_energy: bool
) -> tuple[np.ndarray, np.ndarray, Search]:
    """ln Z and <E> (NaN unless asked for) at each beta, and the couplings in their units."""
    if (betas < 0).any():
        raise ValueError(
            f"beta must be 0 or more, got {betas.min():g}; change the sign of the couplings instead"
        )
    reason = refusal(model)
    if reason:
        raise ValueError(reason)
    if not math.isfinite(float(betas.max(initial=0.0)) * model.offset):
        raise ValueError(f"beta times the offset {model.offset:g} overflows float64; remove the offset")
    search = Search(model, prune=False)
    used = len(search.G) - search.n_idle
    log_z, u = np.empty(betas.size), np.empty(betas.size)
    with one_blas_thread():  # the threads are ours, and the bits the same
        product = Product(search) if model.device == "cpu" or with_energy else None
        low = None
        for k, x in enumerate(betas.ravel()):
            reduced = float(x) * search.unit
            if product is not None:
                answer = product.sums(reduced, with_energy, threads)
            else:
                log_sum = _gpu.log_z(search.G[:used, :used], reduced)
                answer = None if log_sum is None else (log_sum, math.nan)
            if answer is None:
                low = low or LowStates(model, threads)
                answer = low.sums(reduced)[:2]
            log_z[k] = answer[0] + math.log(search.images) - x * model.offset
            u[k] = answer[1] * search.unit + model.offset
    return log_z, u, search


def _bounds(model: IsingModel, search: Search, betas: np.ndarray, values: list[float]) -> list[float]:
    """What rounding may have done to ln Z at each beta."""
    # The energy of a state is a sum of up to seven table entries, each rounded and multiplied by beta, all of
    # them below the size of the model: twice the bound for a sum of its couplings covers them.
    energy = (2 * rounding_bound(len(search.G), search.size) + lost(model) / search.unit) * search.unit
    # Sums of positive terms: products of matrices with 2^12 terms, pairwise sums of these; or one after
    # another over the blocks of a chunk. An exponential is off by a few units.
    terms = 2.0**20 if model.device == "gpu" else 2.0**13 + 2.0 ** (search.chunk_bits + 1)
    return [
        beta * energy
        + U * (terms + 8 * (abs(value) + beta * (search.size * search.unit + abs(model.offset))))
        for beta, value in zip(betas.tolist(), values, strict=True)
    ]


class Product:
    """Energies, in the units of the search, of the pairs of groups; shape (B, A), (B, C), (C, A)."""

    def __init__(self, search: Search) -> None:
        n = search.n_free - search.n_idle
        core = min(n, _CORE_SPINS)
        c = min(core, _C_SPINS)
        a = (core - c) // 2
        D, B, C, A = np.split(np.arange(n + 1), np.cumsum([n + 1 - core, core - c - a, c]))
        self.groups = D, B, C, A
        G = search.G
        AB, BC, CA = _pairs(G, B, A), _pairs(G, B, C), _pairs(G, C, A)
        AB += energy_table(G[np.ix_(A, A)])
        BC += energy_table(G[np.ix_(B, B)])[:, None]
        CA += energy_table(G[np.ix_(C, C)])[:, None]
        self.AB, self.BC, self.CA = AB - AB.min(), BC - BC.min(), CA - CA.min()
        s = signs(np.arange(1 << (n - core)), n + 1 - core)
        s[:, 0] = 1.0
        self.outer = s
        self.fields = [s @ G[np.ix_(D, group)] for group in (A, B, C)]
        # No state of a block lies below its table minima and fully aligned fields.
        self.lowest = AB.min() + BC.min() + CA.min() - ((s @ G[np.ix_(D, D)]) * s).sum(1) / 2
        self.lowest -= sum(np.abs(h).sum(1) for h in self.fields)
        self.known = above_ground(G, search.eps)
        self.seconds = 2.0**n * SECONDS_PER_STATE

    def underflows(self, beta: float) -> bool:
        """Whether it is not worth trying; where it is, a sum below SMALLEST_SUM tells."""
        return bool(beta * (self.known - self.lowest.min()) > _LARGEST_GAP)

    def field_tables(self, d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Energies of A, B and C in the fields of the outer spins, from 0 on; B and C as columns."""
        A, B, C = (linear_table(h[d]) + np.abs(h[d]).sum() for h in self.fields)
        return A, B[:, None], C[:, None]

    def sums(self, beta: float, with_energy: bool, threads: int | None) -> tuple[float, float] | None:
        """(ln Z, mean energy), or None where the product underflows."""
        if self.underflows(beta):
            return None
        AB, BC, CA = self.AB, self.BC, self.CA
        W, X, Y = np.exp(-beta * AB), np.exp(-beta * BC), np.exp(-beta * CA)
        X_both = np.hstack([X, X * BC]) if with_energy else X

        def block(d: int) -> tuple[float, float]:
            """Sums of the weights exp(-beta (E - lowest)), and of weight times E - lowest."""
            A, B, C = self.field_tables(d)
            weights = W * np.exp(-beta * A) * np.exp(-beta * B)
            Y_block = Y * np.exp(-beta * C)
            P = X @ Y_block
            z = float((weights * P).sum())
            if not with_energy:
                return z, math.nan
            P *= AB + A + B
            P += X_both @ np.vstack([Y_block * (CA + C), Y_block])
            return z, float((weights * P).sum())

        seconds = self.seconds * (3 if with_energy else 1) / n_threads(threads)
        blocks = map_with_progress(block, range(len(self.lowest)), threads, "partition function", seconds)
        z, excess = np.array(blocks).T
        shift = self.lowest.min()
        weights = np.exp(-beta * (self.lowest - shift))
        total = float((weights * z).sum())
        if total < SMALLEST_SUM:
            return None
        energy = (weights * (z * (self.lowest - shift) + excess)).sum() / total
        return math.log(total) - beta * shift, float(shift + energy)


def _pairs(G: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """-s.G.t for all states s and t of two groups."""
    s, t = (signs(np.arange(1 << len(group)), len(group)) for group in (rows, columns))
    return -s @ G[np.ix_(rows, columns)] @ t.T


def signs(number: Any, n: int) -> np.ndarray:
    """The n bits of numbers, highest first, as spins."""
    return 2.0 * ((np.asarray(number)[..., None] >> np.arange(n - 1, -1, -1)) & 1) - 1.0
