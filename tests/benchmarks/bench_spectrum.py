"""Levels, densities of states, minima and averages of SK models: python tests/benchmarks/bench_spectrum.py

Prints a Markdown table: nanoseconds per state on one thread (process CPU time, the least of three runs),
of the 2^(N-1) states to be looked at without fields. The roof, an addition and a minimum per state in a
plain loop over the first-level cache, and a naive list of all states run in the same process.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable

import numba
import numpy as np

from spinlab import exact
from spinlab.exact.enumeration import log_partition

SIZES = (20, 24, 28)


def sk(n: int, signs: bool = False) -> np.ndarray:
    """Gaussian couplings of variance 1/N, or +-1."""
    upper = np.triu(np.random.default_rng(n).normal(size=(n, n)), 1)
    J = upper + upper.T
    return np.sign(J) if signs else J / np.sqrt(n)


def seconds(run: Callable[[], object], repeats: int = 3) -> float:
    run()  # compile, and warm the caches
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


@numba.njit
def add_and_min(x, shifts, best):
    for f in shifts:
        for a in range(1024):
            y = x[a] + f
            best[a] = y if y < best[a] else best[a]


def roof() -> float:
    """ns per addition and minimum."""
    rng = np.random.default_rng(0)
    x, shifts, best = rng.normal(size=1024), rng.normal(size=1 << 15), np.zeros(1024)
    return seconds(lambda: add_and_min(x, shifts, best), 10) / 2**25 * 1e9


def naive(n: int = 16) -> float:
    """ns per state to list all energies and stable states with numpy."""
    J = sk(n)

    def run() -> int:
        s = 2.0 * ((np.arange(1 << (n - 1))[:, None] >> np.arange(n)) & 1) - 1
        h = s @ J
        E = -(s * h).sum(1) / 2
        return len(np.unique(E)) + int((s * h > 0).all(1).sum())

    return seconds(run) / 2 ** (n - 1) * 1e9


def edges(n: int) -> np.ndarray:
    return np.linspace(-0.8 * n, 0.8 * n, 201)


ROWS: dict[str, Callable[[int], object]] = {
    "ground states": lambda n: exact.ground_states(sk(n), threads=1),
    "10 lowest levels": lambda n: exact.lowest_levels(sk(n), 10, threads=1),
    "10 lowest levels, +-J": lambda n: exact.lowest_levels(sk(n, True), 10, threads=1),
    "density of states, +-J": lambda n: exact.density_of_states(sk(n, True), threads=1),
    "density of states, 200 bins": lambda n: exact.density_of_states(sk(n), edges(n), threads=1),
    "strict minima": lambda n: exact.local_minima(sk(n), threads=1),
    "strict minima, +-J": lambda n: exact.local_minima(sk(n, True), threads=1),
    "ln Z, beta = 1": lambda n: log_partition(sk(n), 1.0, threads=1),
    "averages, beta = 1": lambda n: exact.thermal_averages(sk(n), 1.0, threads=1),
    "energies at 100 temperatures, +-J": lambda n: exact.thermal_averages(
        sk(n, True), np.linspace(0.01, 1.0, 100), spins=False, threads=1
    ),
    "averages, beta = 1000": lambda n: exact.thermal_averages(sk(n), 1000.0, threads=1),
    "1000 samples, beta = 1": lambda n: exact.boltzmann_samples(sk(n), 1000, 1.0, rng=0, threads=1),
}

if __name__ == "__main__":
    print(f"Python {platform.python_version()}, numpy {np.__version__}, numba {numba.__version__}\n")
    print("| ns per state |", " | ".join(f"N={n}" for n in SIZES), "|")
    print("|---" * (len(SIZES) + 1) + "|")
    print(f"| roof: addition and minimum | {roof():.3f} |" + " |" * (len(SIZES) - 1))
    print(f"| naive numpy, N=16 | {naive():.0f} |" + " |" * (len(SIZES) - 1))
    for name, run in ROWS.items():
        row = [f"{seconds(lambda: run(n)) / 2 ** (n - 1) * 1e9:.3f}" for n in SIZES]  # noqa: B023
        print("|", " | ".join([name, *row]), "|", flush=True)
    n = 22
    basins = seconds(lambda: exact.local_minima(sk(n), basins=True, threads=1), 1) / 2 ** (n - 1) * 1e9
    print(f"| strict minima with basins, N={n} | {basins:.0f} |" + " |" * (len(SIZES) - 1))
