"""Annealed importance sampling of ln Z for two-layer models of any size."""

from __future__ import annotations

import inspect
import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._core.blas import one_blas_thread
from ..._core.jit import kernel
from ..._core.philox import HIDDEN, VISIBLE, philox
from ..._core.progress import map_with_progress, shows_progress
from ..._core.results import Result
from ..._core.rng import RNG, as_generator, as_key
from ..._core.validate import as_choice, as_count, as_data, as_fields, as_plain_array, as_real, as_real_array
from ...dynamics import block_gibbs
from ...models import TwoLayerIsing
from ..machines.as_two_layers import Layers, as_two_layers, n_visible

LEAST_ESS = 20.0

# Chains per matrix product: fixed, so that the result does not depend on the number of threads.
_CHAINS = 32
_SITES = 64


class AISWarning(UserWarning):
    """The weights of an annealing run are too uneven for its error bar to be trusted."""


@dataclass(frozen=True, eq=False, repr=False)
class AIS(Result):
    """ln Z from annealed importance sampling, with what is needed to judge it.

    Attributes
    ----------
    log_z : float
        ln of the mean weight times the base's Z. The mean weight is unbiased, so its logarithm is too
        small on average (forward); in a reverse run too large.
    std_error : float
        Standard error of the mean weight over the mean weight, which is the error of ``log_z``
        where it is small.
    interval : tuple of float
        ``log_z`` +- |ln(1 - t ``std_error``)|, infinite from t ``std_error`` = 1 on, with Student's t of
        ``n_chains`` - 1 degrees of freedom in place of 3 standard errors (3.08 for 100 chains, 236 for 2);
        more above since the weights are skewed.
    ess : float
        Effective sample size (sum w)^2 / sum w^2, between 1 and the number of chains.
    log_weights : ndarray, shape (n_chains,)
        ln w of every chain, the base's ln Z included: ``log_z`` = ln mean exp (forward).
    betas : ndarray
        The schedule, from 0 to 1 (a reverse run walks it backwards).
    reverse : AIS or None
        The run from samples of the model back to the base.
    """

    log_z: float
    std_error: float
    interval: tuple[float, float]
    ess: float
    log_weights: np.ndarray
    betas: np.ndarray
    reverse: AIS | None = None

    @property
    def bracket(self) -> tuple[float, float]:
        """Lower end of the forward and upper end of the reverse interval (of the forward one without)."""
        return self.interval[0], (self.reverse or self).interval[1]

    @property
    def reliable(self) -> bool:
        """Whether the effective sample size is 20 or more, in both directions."""
        return self.ess >= LEAST_ESS and (self.reverse is None or self.reverse.reliable)


@shows_progress
def log_partition_ais(
    model: Any,
    *,
    n_chains: int = 100,
    schedule: Any = "quick",
    n_temperatures: int | None = None,
    base_biases: Any = None,
    reverse: Any = None,
    dtype: str = "float32",
    rng: RNG = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> AIS:
    """ln Z of an RBM by annealed importance sampling (Neal 2001; Salakhutdinov and Murray, ICML 2008).

    Chains walk from independent visible units with fields b0 to the model along E_beta = (1 - beta) E_0 +
    beta E, E_0 = -b0.v, by one step of block Gibbs sampling per beta, and collect the weight
    w = prod_k p_{k+1}(v_k)/p_k(v_k) with the hidden units summed out,
    p_k(v) = exp(((1 - beta_k) b0 + beta_k bv).v) prod_a 2cosh(beta_k (v W + bh)_a). The mean of w is an
    unbiased estimate of Z/Z_0.

    Parameters
    ----------
    model : BipartiteIsing, PatternBipartiteIsing, RBM, RARBM or a deep machine
        Of a deep machine the even and the odd layers are the two. For patterns W is never formed: a step
        costs O(K (V + H)) per chain instead of O(V H).
    n_chains : int, default 100
    schedule : {"quick", "published", "fine"}, int or array_like, default "quick"
        Inverse temperatures from 0 to 1. "quick": 1000 equal steps; "published": 500, 4000 and 10000 equal
        steps up to .5, .9 and 1 (Salakhutdinov and Murray); "fine": 1 - (1 - k/n)^2, n = 1000, most steps
        near the model, where trained machines relax slowly; an int: as many equal steps; an array: all
        values, increasing, the first 0 and the last 1.
    n_temperatures : int, optional
        Steps of a schedule given by name: as many of the same kind ("published": in the same proportions).
    base_biases : array_like, shape (V,), or float, optional
        b0; zero by default. :func:`data_biases` gives those of a data set, which shortens the way.
    reverse : int or array_like of +-1, shape (n, V), optional
        Also anneal from the model back to the base, which overestimates ln Z on average, so that both
        together bracket it. The chains must start from the model's distribution: give samples
        (``n_chains`` of them are drawn from the rows), or a number of steps of block Gibbs sampling
        from where the forward chains ended, resampled by weight. The bracket holds only as far as
        these are equilibrated.
    dtype : {"float32", "float64"}, default "float32"
        Of the matrix products; weights are always collected in float64. Rounding in float32 moves ln Z
        by a few times 1e-7 |ln Z|.
    rng, threads, progress
        The result does not depend on the number of threads.

    Returns
    -------
    AIS

    Warns
    -----
    AISWarning
        If the effective sample size of a run is below 20.

    Raises
    ------
    TypeError, ValueError
        If the model has no two layers, on a bad schedule, or if the weights do not fit into float32.

    Notes
    -----
    V=784, H=500: about 35 us per chain and step on one core. With n equal steps and chains in equilibrium
    Var(ln w) is about (1/n) times the integral over beta of 2 tau times the variance of <E | v>, the energy
    averaged over the hidden units, and tau its correlation time in steps (1/2 if each step forgets the last);
    ln Z is too small by half of it for one chain.

    Examples
    --------
    >>> import spinlab as sl
    >>> from spinlab.rbm import log_partition_ais
    >>> rbm = sl.ensembles.rbm_gaussian(V=12, H=30, rng=0).scaled(0.2)
    >>> run = log_partition_ais(rbm, rng=1)
    >>> run.reliable, run.interval[0] < sl.log_partition(rbm) < run.interval[1]
    (True, True)
    """
    machine, model = model, as_two_layers(model, "annealed importance sampling", deep=True)
    n_chains = as_count(n_chains, "n_chains", 2)
    betas = _as_schedule(schedule, n_temperatures)
    V = n_visible(machine, model)
    b0 = np.zeros(model.V)
    b0[:V] = as_fields(base_biases, V, "base_biases")
    if V != model.V and np.ndim(reverse) > 0:
        raise ValueError(
            f"reverse annealing of {machine!r} starts from states of all its even layers, and samples are of "
            "the visible one only; give a number of Gibbs steps"
        )
    layers = Layers(model, as_choice(dtype, "dtype", ("float32", "float64")))
    generator = as_generator(rng)
    log_w, v = anneal_weights(layers, b0, betas, None, n_chains, as_key(generator), threads)
    log_base = log_z_of_base(model, b0)
    log_w += log_base
    back = None
    if reverse is not None:
        start = _reverse_start(model, reverse, v, log_w, n_chains, generator, threads)
        key = as_key(generator)
        back_w, _ = anneal_weights(layers, b0, betas[::-1], start, n_chains, key, threads)
        back = _summary(log_base - back_w, betas, -1, None)
    return _summary(log_w, betas, 1, back)


def data_biases(data: Any, *, pseudocount: float = 1.0) -> np.ndarray:
    """Fields of the independent units with the means of a data set, b0_i = artanh <v_i>.

    Parameters
    ----------
    data : array_like of +-1 or 0/1, shape (n, V)
    pseudocount : float, default 1
        Added to the counts of +1 and of -1, so that constant pixels keep finite fields.

    Returns
    -------
    ndarray, shape (V,)

    Examples
    --------
    >>> from spinlab.rbm import data_biases
    >>> data_biases([[1, 1], [1, -1]]).round(4).tolist()
    [0.5493, 0.0]
    """
    data = as_samples(data)
    pseudocount = as_real(pseudocount, "pseudocount", 0.0, exclusive=True)
    up, down = (np.log((data * sign > 0).sum(0) + pseudocount) for sign in (1, -1))
    return np.asarray(up - down) / 2


def as_samples(data: Any, n: int | None = None) -> np.ndarray:
    """A non-empty table of spins, shape (n_samples, V), from +-1 or 0/1 data."""
    data = as_plain_array(data, "data")
    shape = np.shape(data)
    if len(shape) != 2 or 0 in shape:
        raise ValueError(f"data must hold one sample per row, shape (n, V) with n, V >= 1; got shape {shape}")
    return as_data(data, shape[1] if n is None else n)


SCHEDULES = {"quick": 1000, "published": 14_500, "fine": 1000}
"""Steps of the schedules that have a name."""


def _as_schedule(schedule: Any, n_temperatures: int | None = None) -> np.ndarray:
    if isinstance(schedule, str):
        steps = SCHEDULES[as_choice(schedule, "schedule", tuple(SCHEDULES))]
        n = steps if n_temperatures is None else as_count(n_temperatures, "n_temperatures")
        x = np.linspace(0.0, 1.0, n + 1)
        if schedule == "quick":
            return x
        if schedule == "fine":
            return 1 - (1 - x) ** 2
        return np.interp(steps * x, [0, 500, 4500, steps], [0.0, 0.5, 0.9, 1.0])
    if n_temperatures is not None:
        raise ValueError(
            f"n_temperatures = {n_temperatures!r} is the length of a schedule given by name "
            f"({', '.join(SCHEDULES)}); schedule = {schedule!r} has its own"
        )
    if np.ndim(schedule) == 0:
        return np.linspace(0.0, 1.0, as_count(schedule, "schedule") + 1)
    betas = as_real_array(schedule, "schedule", 1)
    if len(betas) < 2 or betas[0] != 0.0 or betas[-1] != 1.0 or not (np.diff(betas) > 0).all():
        raise ValueError("a schedule must increase strictly from 0 to 1, both included")
    return betas


def log_z_of_base(model: TwoLayerIsing, b0: np.ndarray) -> float:
    """ln Z_0 of independent units in the fields b0 of the visible layer, Z_0 = 2^H prod_i 2 cosh b0_i."""
    return model.H * math.log(2.0) + float(np.logaddexp(b0, -b0).sum()) - model.offset


def _reverse_start(
    model: TwoLayerIsing,
    reverse: Any,
    v: np.ndarray,
    log_w: np.ndarray,
    n_chains: int,
    generator: np.random.Generator,
    threads: int | None,
) -> np.ndarray:
    """Starting points of the reverse chains: drawn from given samples, or equilibrated final states."""
    if np.ndim(reverse) > 0:
        samples = as_samples(reverse, model.V)
        rows = generator.permutation(len(samples)) if len(samples) >= n_chains else np.arange(len(samples))
        return samples[np.resize(rows, n_chains)]
    n_steps = as_count(reverse, "reverse")
    share = np.exp(log_w - log_w.max())
    rows = generator.choice(len(v), n_chains, p=share / share.sum())
    chains = block_gibbs(model, n_steps, n_chains, initial=v[rows], rng=generator, threads=threads)
    return chains.states[:, : model.V]


def _summary(log_w: np.ndarray, betas: np.ndarray, sign: int, reverse: AIS | None) -> AIS:
    """Mean, error and sample size of exp(sign log_w); ``sign`` -1 for weights that estimate 1/Z."""
    from scipy.special import ndtr, stdtrit

    top = float((sign * log_w).max())
    w = np.exp(sign * log_w - top)
    mean = float(w.mean())
    error = float(w.std(ddof=1)) / math.sqrt(len(w)) / mean
    ess = float(w.sum() ** 2 / (w**2).sum())
    log_z = sign * (math.log(mean) + top)
    # As improbable as three errors of a normal number: an error from few chains is itself uncertain.
    # Weights are skewed: a mean so much too small is seen together with too small an error.
    # The wider of ln(1 - t e) and ln(1 + t e) is therefore taken on both sides.
    t = -float(stdtrit(len(w) - 1, ndtr(-3.0)))
    reach = -math.log1p(-t * error) if t * error < 1 else math.inf
    run = AIS(log_z, error, (log_z - reach, log_z + reach), ess, log_w, betas, reverse)
    if ess < LEAST_ESS:
        warnings.warn(
            f"{'forward' if sign > 0 else 'reverse'} annealing: effective sample size {ess:.3g} of "
            f"{len(w)} chains, below {LEAST_ESS:g}, so its error bar cannot be trusted; take more steps "
            f"(now {len(betas) - 1}), more chains, or base_biases from the data",
            AISWarning,
            stacklevel=_frames_of_the_package(),
        )
    return run


def _frames_of_the_package() -> int:
    """The stack level of the user's line, for warnings raised by ``_summary``."""
    package = __name__.partition(".")[0]
    level, frame = 1, inspect.currentframe()
    frame = frame.f_back if frame else None  # _summary
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        level, frame = level + 1, frame.f_back
    return level


def anneal_weights(
    layers: Layers,
    b0: np.ndarray,
    betas: np.ndarray,
    start: np.ndarray | None,
    n_chains: int,
    key: np.uint64,
    threads: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """ln of the weights along ``betas`` (either direction) and the final visible states.

    ``start`` None: from the base, whose fields are ``b0``.
    """
    if layers.device == "gpu":
        from ..._core.cuda import annealing

        return annealing.anneal_weights(layers.factors, layers.bv, layers.bh, b0, betas, start, n_chains, key)
    log_w = np.zeros(n_chains)
    final = np.empty((n_chains, layers.V), dtype=np.int8)
    slope = layers.bv - b0

    def chunk(first: int) -> None:
        own = slice(first, min(first + _CHAINS, n_chains))
        n = own.stop - own.start
        v, h = np.empty((n, layers.V), layers.dtype), np.empty((n, layers.H), layers.dtype)
        if start is None:
            _draw(np.zeros_like(v), b0, 0.0, b0, key, first, 0, VISIBLE, v)
        else:
            v[:] = start[own]
        for t in range(1, len(betas)):
            old, new = betas[t - 1], betas[t]
            x = layers.to_hidden(v)
            _collect(x, layers.bh, old, new, log_w[own])
            log_w[own] += (new - old) * (v @ slope)
            _draw(x, layers.bh, new, _NO_BIASES, key, first, t, HIDDEN, h)
            _draw(layers.to_visible(h), layers.bv, new, b0, key, first, t, VISIBLE, v)
        final[own] = v

    # Matrix products at 50 flops per ns and draws at 2 ns, both ways.
    seconds = len(betas) * n_chains * (4 * layers.size / 5e10 + 2e-9 * (layers.V + 2 * layers.H))
    with one_blas_thread():
        map_with_progress(chunk, range(0, n_chains, _CHAINS), threads, "annealing", seconds)
    return log_w, final


_NO_BIASES = np.empty(0)


@kernel
def _exponentials(z, n, scratch, out):  # type: ignore[no-untyped-def]
    """out = exp(z) for z <= 0 in the first n entries, by arithmetic that the compiler vectorises."""
    for i in range(n):  # z = k ln 2 + r, k in the low bits of the sum
        y = max(z[i], -700.0)
        shifted = y * 1.4426950408889634 + 6755399441055744.0
        k = shifted - 6755399441055744.0
        r = (y - k * 0.6931471803691238) - k * 1.9082149292705877e-10
        scratch[i] = shifted
        p = 1 / 479001600
        p = p * r + 1 / 39916800
        p = p * r + 1 / 3628800
        p = p * r + 1 / 362880
        p = p * r + 1 / 40320
        p = p * r + 1 / 5040
        p = p * r + 1 / 720
        p = p * r + 1 / 120
        p = p * r + 1 / 24
        p = p * r + 1 / 6
        p = p * r + 0.5
        p = p * r + 1.0
        out[i] = p * r + 1.0
    for i in range(n):
        k52 = np.float64(scratch[i]).view(np.int64) << 52
        out[i] = np.int64(np.float64(out[i]).view(np.int64) + k52).view(np.float64)


@kernel
def _collect(x, b, old, new, log_w):  # type: ignore[no-untyped-def]
    """log_w += sum_a ln 2cosh(new (x_a + b_a)) - ln 2cosh(old (x_a + b_a)).

    ln 2cosh y = |y| + ln(1 + e^-2|y|); the factors 1 + e^-2|y| <= 2 of up to 960 units are multiplied
    before the logarithm is taken.
    """
    n_chains, n = x.shape
    scratch, z, t = np.empty(_SITES), np.empty(_SITES), np.empty(_SITES)
    size, after, before = np.empty(_SITES), np.empty(_SITES), np.empty(_SITES)
    for c in range(n_chains):
        total = 0.0
        for start in range(0, n, 15 * _SITES):
            for i in range(_SITES):
                size[i], after[i], before[i] = 0.0, 1.0, 1.0
            for low in range(start, min(start + 15 * _SITES, n), _SITES):
                m = min(_SITES, n - low)
                row, bias = x[c, low : low + m], b[low : low + m]
                for i in range(m):
                    y = abs(row[i] + bias[i])
                    size[i] += y
                    z[i] = -2.0 * new * y
                _exponentials(z, m, scratch, t)
                for i in range(m):
                    after[i] *= 1.0 + t[i]
                    z[i] = -2.0 * old * abs(row[i] + bias[i])
                _exponentials(z, m, scratch, t)
                for i in range(m):
                    before[i] *= 1.0 + t[i]
            high, low_product = 1.0, 1.0
            for i in range(_SITES):
                total += (new - old) * size[i]
                high *= after[i]
                low_product *= before[i]
            total += np.log(high / low_product)
        log_w[c] += total


@kernel
def _draw(x, b, beta, b0, key, first, step, stream, out):  # type: ignore[no-untyped-def]
    """out = +1 with probability 1/(1 + exp(-2 f)), f = beta (x + b) + (1 - beta) b0, else -1."""
    n_chains, n = x.shape
    u = np.empty((4, _SITES))
    scratch, field, z, t = np.empty(_SITES), np.empty(_SITES), np.empty(_SITES), np.empty(_SITES)
    for g in range(0, n_chains, 4):
        for low in range(0, n, _SITES):
            m = min(_SITES, n - low)
            for i in range(_SITES):
                x0, x1, x2, x3 = philox(key, np.uint32(low + i), np.uint32((first + g) >> 2), step, stream)
                u[0, i] = (np.float64(x0) + 0.5) * 2.0**-32
                u[1, i] = (np.float64(x1) + 0.5) * 2.0**-32
                u[2, i] = (np.float64(x2) + 0.5) * 2.0**-32
                u[3, i] = (np.float64(x3) + 0.5) * 2.0**-32
            for lane in range(min(4, n_chains - g)):
                row, new, bias = x[g + lane, low : low + m], out[g + lane, low : low + m], b[low : low + m]
                for i in range(m):
                    field[i] = beta * (row[i] + bias[i])
                if len(b0) > 0:
                    base = b0[low : low + m]
                    for i in range(m):
                        field[i] += (1.0 - beta) * base[i]
                for i in range(m):
                    z[i] = -2.0 * abs(field[i])
                _exponentials(z, m, scratch, t)
                # The likelier of the two signs has probability 1/(1 + e^-2|f|).
                for i in range(m):
                    likely = 1.0 if field[i] >= 0.0 else -1.0
                    new[i] = likely if u[lane, i] * (1.0 + t[i]) < 1.0 else -likely
