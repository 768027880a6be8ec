"""How often error bars hold the truth, and tests raise false alarms: python tests/benchmarks/error_bars.py

400 repeats of each estimator at the lengths people use, on data whose exact values are known: independent
numbers, autoregressive series, small models by enumeration. A few minutes on one core; prints the Markdown
tables of docs/observables.md. Names after the command run only the tables that contain them.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import spinlab as sl
from spinlab import observables as obs
from spinlab.dynamics import equilibration as eq
from spinlab.observables import errors, minima_count

REPEATS = 400
SK = sl.ensembles.sk(12, rng=0)


# Errors: pairs (value - truth, error) of a repeat.


def samples_of(n: int) -> Callable[[np.random.Generator], Iterator[tuple[str, float, float]]]:
    def draw(rng: np.random.Generator) -> Iterator[tuple[str, float, float]]:
        x = rng.normal(size=n)
        e = errors.mean(x)
        yield f"`errors.mean`, {n} normal numbers", e.value, e.error
        y = 1 + x
        e = errors.jackknife(lambda a: (a * a).mean() / a.mean() ** 2, y)
        yield f"`errors.jackknife`, a ratio of means of {n} numbers", e.value - 2, e.error
        e = errors.bootstrap(np.median, x, n_resamples=200, rng=rng)
        yield f"`errors.bootstrap`, median of {n} numbers", e.value, e.error
        if n >= 16:
            e = obs.binder_cumulant(x)
            yield f"`binder_cumulant`, {n} disordered magnetisations", e.value, e.error
            e = obs.binder_cumulant(rng.choice([-1, 1], n) * (1 + 0.3 * x))
            yield f"`binder_cumulant`, {n} ordered magnetisations", e.value - _ordered_binder(), e.error

    return draw


def _ordered_binder() -> float:
    second, fourth = 1 + 0.09, 1 + 6 * 0.09 + 3 * 0.09**2
    return (3 - fourth / second**2) / 2


def _overlap_moments(model: Any, beta: float) -> np.ndarray:
    """<|q|>, <q^2>, <q^4> over two independent states, from all states."""
    N = model.n_spins
    bits = np.arange(2**N)[:, None] >> np.arange(N) & 1
    s = 2 * bits - 1
    p = np.exp(-beta * (E := model.energy(s)) + beta * E.min())
    p /= p.sum()
    q = (s @ s.T) / N
    return np.array([p @ np.abs(q) @ p, p @ q**2 @ p, p @ q**4 @ p])


def overlaps_of(n_replicas: int) -> Callable[[np.random.Generator], Iterator[tuple[str, float, float]]]:
    exact = _overlap_moments(SK, 1.0)

    def draw(rng: np.random.Generator) -> Iterator[tuple[str, float, float]]:
        states = sl.exact.boltzmann_samples(SK, n_replicas, 1.0, rng=rng)
        found = obs.overlap_statistics(states)
        where = f"{n_replicas} replicas of one model, one record each"
        yield (
            f"`overlap_statistics`, mean \\|q\\|, {where}",
            found.mean_abs.value - exact[0],
            found.mean_abs.error,
        )
        yield f"`overlap_statistics`, mean q², {where}", found.second.value - exact[1], found.second.error
        binder = (3 - exact[2] / exact[1] ** 2) / 2
        yield (
            f"`overlap_statistics`, Binder cumulant, {where}",
            found.binder.value - binder,
            found.binder.error,
        )

    return draw


def instances_of(n: int) -> Callable[[np.random.Generator], Iterator[tuple[str, float, float]]]:
    """Instances drawn from 60, over which the average is known."""
    models = [sl.ensembles.sk(10, rng=seed) for seed in range(60)]
    exact = np.mean([_overlap_moments(m, 1.2) for m in models], axis=0)

    def draw(rng: np.random.Generator) -> Iterator[tuple[str, float, float]]:
        chosen = rng.integers(0, 60, n)
        states = np.array([
            sl.exact.boltzmann_samples(models[k], 20, 1.2, rng=rng).reshape(10, 2, 10) for k in chosen
        ])  # fmt: skip
        found = obs.overlap_statistics(states)
        where = f"{n} instances of 2 replicas, 10 records"
        yield f"`overlap_statistics`, mean q², {where}", found.second.value - exact[1], found.second.error
        binder = (3 - exact[2] / exact[1] ** 2) / 2
        yield (
            f"`overlap_statistics`, Binder cumulant, {where}",
            found.binder.value - binder,
            found.binder.error,
        )

    return draw


def valley(rng: np.random.Generator) -> Iterator[tuple[str, float, float]]:
    model = sl.models.DenseIsing(SK.couplings(), np.linspace(-1, 1, 12))
    averages = sl.exact.thermal_averages(model, 1.0)
    exact = float(np.mean(np.square(averages.magnetisation)))
    for n_chains, n_records in ((4, 100), (8, 400)):
        seed = int(rng.integers(2**31))
        chains = sl.dynamics.gibbs(
            model, 2 * n_records + 50, n_chains, burn_in=50, record_every=2, rng=seed
        )  # fmt: skip
        e = obs.edwards_anderson(chains.samples)
        yield f"`edwards_anderson`, {n_chains} chains of {n_records} records", e.value - exact, e.error


def crossings(rng: np.random.Generator) -> Iterator[tuple[str, float, float]]:
    """Curves through (1, 0.5), moments with the noise of 30 and 100 instances."""
    T = np.linspace(0.8, 1.2, 9)
    for n in (30, 100):
        second = [1 + 0.05 * rng.normal(size=(n, 9)) for _ in range(3)]
        fourth = [
            (3 - 2 * (0.5 - np.tanh((T - 1) * L) / 3)) * (m * m + 0.05 * rng.normal(size=m.shape))
            for L, m in zip((4, 6, 8), second, strict=True)
        ]
        # [m^2] = 1 + .05^2 for [m]^2 = 1 shifts all curves alike, hence no crossing.
        e = obs.binder_crossings([4, 6, 8], T, second, fourth, n_resamples=200, rng=rng)
        yield f"`binder_crossings`, one pair of sizes, {n} instances", e.position[0] - 1, e.error[0]
        yield f"`binder_crossings`, mean of the pairs, {n} instances", e.mean.value - 1, e.mean.error


def identity(rng: np.random.Generator) -> Iterator[tuple[str, float, float]]:
    for n in (10, 40):
        energy, overlap = [], []
        for _ in range(n):
            model = sl.ensembles.sk(6, rng=rng)
            spins = 2 * (np.arange(64)[:, None] >> np.arange(6) & 1) - 1
            E = model.energy(spins)
            p = np.exp(-1.2 * (E - E.min()))
            p /= p.sum()
            C = np.einsum("s,si,sj->ij", p, spins, spins)[np.triu_indices(6, 1)]
            energy.append(p @ E)
            overlap.append(np.mean(C**2))
        a = eq.gaussian_identity(energy, overlap, 1.2, 1 / 6, 15)
        yield f"`gaussian_identity`, {n} instances", a.difference, a.error


def times_of(tau: float) -> Callable[[np.random.Generator], Iterator[tuple[str, float, float]]]:
    a = (2 * tau - 1) / (2 * tau + 1)

    def draw(rng: np.random.Generator) -> Iterator[tuple[str, float, float]]:
        for lengths, n_chains in ((50, 1), (200, 1), (1000, 1), (200, 8)):
            e = eq.autocorrelation_time(ar1(a, int(lengths * tau), n_chains, rng))
            chains = "1 chain" if n_chains == 1 else f"{n_chains} chains"
            yield f"`autocorrelation_time`, tau = {tau:g}, {chains} of {lengths} tau", e.tau - tau, e.error

    return draw


def minima(rng: np.random.Generator) -> Iterator[tuple[str, float, float]]:
    """Drawn by descents: exact counts of 30 spins."""
    for k, exact in enumerate(_exact_minima()):
        model = sl.ensembles.sk(30, rng=k)
        for n in (50, 200, 1000):
            seed = int(rng.integers(2**31))
            e = obs.count_minima(model, n, method="descent", rng=seed).count
            yield f"`count_minima`, {n} descents, {exact:.0f} minima", e.value - exact, e.error


@functools.cache
def _exact_minima() -> list[float]:
    return [obs.count_minima(sl.ensembles.sk(30, rng=k), method="exact").count.value for k in (0, 1)]


def rates(rng: np.random.Generator) -> Iterator[tuple[str, float, float]]:
    """Log-normal counts whose logarithm grows in mean by .2 and in variance by .02 a spin."""
    sizes = np.array([10, 20, 30, 40])
    for n in (10, 50):
        counts = [np.exp(0.2 * N + np.sqrt(0.02 * N) * rng.normal(size=n)) for N in sizes]
        e = obs.growth_rates(sizes, counts)
        yield f"`growth_rates`, typical, {n} instances of 4 sizes", e.typical.value - 0.2, e.typical.error
        yield f"`growth_rates`, mean, {n} instances of 4 sizes", e.mean.value - 0.21, e.mean.error


def populations(rng: np.random.Generator) -> Iterator[tuple[str, float, float]]:
    exact = sl.log_partition(SK, 2.0), sl.mean_energy(SK, 2.0)
    for n_runs in (4, 16):
        seed = int(rng.integers(2**31))
        p = sl.dynamics.population_annealing(SK, 200, beta=2.0, n_runs=n_runs, rng=seed)
        where = f"{n_runs} runs of 200 states"
        yield f"`population_annealing`, ln Z, {where}", p.log_z[-1] - exact[0], p.log_z_error[-1]
        yield (
            f"`population_annealing`, energy, {where}",
            p.mean_energy[-1] - exact[1],
            p.mean_energy_error[-1],
        )


# False alarms: pairs (alarm, nominal rate).


def bound_fails(rng: np.random.Generator) -> Iterator[tuple[str, bool, float]]:
    for k, exact in enumerate(_exact_minima()):
        for n in (50, 200, 1000):
            seed = int(rng.integers(2**31))
            found = obs.count_minima(sl.ensembles.sk(30, rng=k), n, method="descent", rng=seed)
            yield (
                f"`count_minima(...).at_least` above {exact:.0f} minima, {n} descents",
                found.at_least > exact,
                0.05,
            )
    for n in (60, 120, 200):  # equal basins, where the bound is sharpest
        hits = np.bincount(rng.integers(0, 50, n), minlength=50)
        hits = hits[hits > 0]
        value, error, _ = minima_count.richness(hits)
        low = minima_count._lower_end(len(hits), value, error)
        yield f"the same, 50 equal basins, {n} descents", low > 50, 0.05


def ar1(a: float, n: int, n_chains: int, rng: np.random.Generator) -> np.ndarray:
    """x_t = a x_{t-1} + noise, stationary, of variance 1: tau = (1 + a) / (2 (1 - a))."""
    from scipy.signal import lfilter

    noise = math.sqrt(1 - a * a) * rng.normal(size=(n, n_chains))
    noise[0] /= math.sqrt(1 - a * a)
    return np.asarray(lfilter([1], [1, -a], noise, axis=0))


def jumps(rate: float, n: int, n_chains: int, rng: np.random.Generator) -> np.ndarray:
    """+-1, flipped with probability ``rate`` between records, and noise of a third of its size."""
    flips = np.where(rng.random((n, n_chains)) < rate, -1, 1)
    return np.cumprod(flips, axis=0) * rng.choice([-1, 1], n_chains) + rng.normal(size=(n, n_chains)) / 3


def settled(rng: np.random.Generator) -> Iterator[tuple[str, bool, float]]:
    for n_chains in (2, 4, 8, 64):
        for what, x in (
            ("independent records", rng.normal(size=(512, n_chains))),
            ("1024 records of tau = 4.5", ar1(0.8, 1024, n_chains, rng)),
        ):
            bins = eq.log_bins(x)
            for n_sigma, nominal in ((2.0, 0.0455), (3.0, 0.0027)):
                name = f"not `log_bins(...).settled({n_sigma:g})`, {what}, {n_chains} chains"
                yield name, not bins.settled(n_sigma), nominal


def agreement(rng: np.random.Generator) -> Iterator[tuple[str, bool, float]]:
    for n in (2, 4, 10, 30):
        a = eq.agree(rng.normal(size=(20, n)), rng.normal(size=(20, n)))
        yield f"`agree`, \\|sigma\\| > 2, {n} and {n} chains of one law", abs(a.sigma) > 2, 0.0455
        b = eq.agree(rng.normal(size=(20, n)), 3 * rng.normal(size=(20, 3 * n)))
        yield (
            f"`agree`, \\|sigma\\| > 2, {n} chains and {3 * n} of three times the spread",
            abs(b.sigma) > 2,
            0.0455,
        )
    for n in (400, 4000):
        x = ar1(0.8, n, 4, rng)
        yield f"`r_hat` > 1.01, 4 chains of {n / 4.5:.0f} tau", eq.r_hat(x) > 1.01, math.nan


def noise_crosses(rng: np.random.Generator) -> Iterator[tuple[str, bool, float]]:
    for n in (8, 30):
        q = rng.normal(size=(3, n, 7, 24))
        second, fourth = (q**2).mean(-1), (q**4).mean(-1)
        try:
            obs.binder_crossings([8, 16, 32], np.linspace(3, 6, 7), second, fourth, n_resamples=100, rng=rng)
            found = True
        except ValueError:
            found = False
        yield f"`binder_crossings` of noise, three sizes of {n} instances, finds both", found, math.nan


def clusters(rng: np.random.Generator) -> Iterator[tuple[str, bool, float]]:
    for n, N in ((10, 100), (30, 100)):
        u = obs.ultrametricity(rng.choice([-1, 1], (n, N)), n_null=40, rng=rng)
        for name in ("subdominant", "triples"):
            yield (
                f"`ultrametricity`, {name}, z > 2 for {n} independent states",
                getattr(u, name).z > 2,
                0.0228,
            )
            yield (
                f"`ultrametricity`, {name}, p < .05 for {n} independent states",
                getattr(u, name).p < 0.05,
                0.05,
            )


def outliers(rng: np.random.Generator) -> Iterator[tuple[str, bool, float]]:
    for N in (50, 200):
        s = obs.spectrum(sl.ensembles.sk(N, rng=rng))
        yield f"`spectrum`, an outlier of SK, N = {N}", len(s.outliers) > 0, 0.002
        s = obs.spectrum(sl.ensembles.rbm_gaussian(V=N, H=2 * N, rng=rng))
        yield f"`spectrum`, an outlier of a Gaussian RBM, V = {N}", len(s.outliers) > 0, 0.001


LENGTHS = (10, 25, 45, 100, 200)  # of each chain, in units of tau


def reliable(rng: np.random.Generator) -> Iterator[tuple[str, bool, float]]:
    """Nominal: at most .05 below 50 true tau; at least .9 from 200."""
    for tau in (2.0, 10.0):
        a = (2 * tau - 1) / (2 * tau + 1)
        for lengths in LENGTHS:
            for n_chains in (1, 8):
                x = ar1(a, int(lengths * tau), n_chains, rng)
                yield (
                    f"AR(1), tau = {tau:g}|{n_chains}|{lengths}",
                    eq.autocorrelation_time(x).reliable,
                    math.nan,
                )
    tau = 0.5 * (0.5 + 50.0)  # equal parts of two exponentials
    for lengths in LENGTHS:
        for n_chains in (1, 8):
            n = int(lengths * tau)
            x = rng.normal(size=(n, n_chains)) + ar1(99 / 101, n, n_chains, rng)
            yield (
                f"noise and AR(1) of tau = 50|{n_chains}|{lengths}",
                eq.autocorrelation_time(x).reliable,
                math.nan,
            )
            x = jumps(0.01, n * 2, n_chains, rng)
            # rho(t) = .98^t / (1 + 1/9): tau = 1/2 + .9 sum_t .98^t = 44.6
            x = x[: int(lengths * (0.5 + 0.9 * 0.98 / 0.02))]
            yield (
                f"jumps between two levels|{n_chains}|{lengths}",
                eq.autocorrelation_time(x).reliable,
                math.nan,
            )


COVERAGE = [
    samples_of(4), samples_of(8), samples_of(20), samples_of(100),
    overlaps_of(8), overlaps_of(32), instances_of(20), instances_of(100), valley, crossings, identity,
    times_of(5.0), times_of(50.0), minima, rates, populations,
]  # fmt: skip
ALARMS = [settled, agreement, bound_fails, noise_crosses, clusters, outliers]


def repeated(experiment: Any) -> dict[str, list[tuple[Any, Any]]]:
    found: dict[str, list[tuple[Any, Any]]] = {}
    for seed in range(REPEATS):
        for name, a, b in experiment(np.random.default_rng([seed, 2026])):
            found.setdefault(name, []).append((a, b))
    return found


def main(only: list[str]) -> None:
    def wanted(experiment: Any) -> bool:
        return not only or any(word in experiment.__qualname__ for word in only)

    print("| estimator | within 1 error (.683) | within 2 (.954) |\n|---|--:|--:|")
    for experiment in filter(wanted, COVERAGE):
        for name, pairs in repeated(experiment).items():
            off, error = np.abs(np.array(pairs, dtype=float)).T
            print(f"| {name} | {np.mean(off <= error):.3f} | {np.mean(off <= 2 * error):.3f} |", flush=True)
    print("\n| alarm where there is nothing | nominal | measured |\n|---|--:|--:|")
    for experiment in filter(wanted, ALARMS):
        for name, pairs in repeated(experiment).items():
            alarms, nominal = np.array(pairs, dtype=float).T
            rate = "" if math.isnan(nominal[0]) else f"{nominal[0]:.3f}"
            print(f"| {name} | {rate} | {alarms.mean():.3f} |", flush=True)
    if wanted(reliable):
        table: dict[tuple[str, str], dict[int, float]] = {}
        for name, pairs in repeated(reliable).items():
            law, chains, lengths = name.split("|")
            table.setdefault((law, chains), {})[int(lengths)] = float(np.mean([a for a, _ in pairs]))
        columns = sorted(next(iter(table.values())))
        print(f"\n| called reliable | chains | {' | '.join(f'{c} tau' for c in columns)} |")
        print("|---|--:" + "|--:" * len(columns) + "|")
        for (law, chains), row in table.items():
            print(f"| {law} | {chains} | {' | '.join(f'{row[c]:.3f}' for c in columns)} |")


if __name__ == "__main__":
    main(sys.argv[1:])
