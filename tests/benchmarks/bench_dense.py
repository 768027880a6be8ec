"""Exhaustive search and ln Z of dense SK models: python tests/benchmarks/bench_dense.py

Prints Markdown tables. Times are process CPU seconds on one thread, the least of several runs, unless a
table says otherwise; "ns per state" divides by 2^(N-1), the states to be searched without fields. The
roof, an addition and a minimum per state in a plain loop over the first-level cache, and other
packages' exact solvers run in the same process.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable

import numba
import numpy as np

from spinlab.exact.enumeration import ground_state, log_partition, mean_energy


def sk(n: int) -> np.ndarray:
    """Gaussian couplings of variance 1/N."""
    upper = np.triu(np.random.default_rng(n).normal(size=(n, n)), 1)
    return (upper + upper.T) / np.sqrt(n)


def seconds(
    run: Callable[[], object], repeats: int = 5, clock: Callable[[], float] = time.process_time
) -> float:
    run()  # compile, and warm the caches
    times = []
    for _ in range(repeats):
        start = clock()
        run()
        times.append(clock() - start)
    return min(times)


@numba.njit
def add_and_min(x, shifts, best):
    for f in shifts:
        for a in range(1024):
            y = x[a] + f
            best[a] = y if y < best[a] else best[a]


def roof(dtype: type) -> float:
    """ns per addition and minimum."""
    rng = np.random.default_rng(0)
    x, shifts = rng.normal(size=1024).astype(dtype), rng.normal(size=1 << 16).astype(dtype)
    best = np.zeros(1024, dtype)
    return seconds(lambda: add_and_min(x, shifts, best), 20) / 2**26 * 1e9


def ground_states() -> None:
    roofs = {dtype: roof(np.dtype(dtype).type) for dtype in ("float64", "float32")}
    print("| N | float64: ns per state | of the roof | float32: ns per state | of the roof | pruned: ms |")
    print("|---|---|---|---|---|---|")
    print(f"| roof | {roofs['float64']:.3f} | 1 | {roofs['float32']:.3f} | 1 | |")
    for n in range(20, 33, 2):
        J = sk(n)
        row = [str(n)]
        for dtype, best in roofs.items():
            t = seconds(lambda: ground_state(J, dtype=dtype, prune=False, threads=1))  # noqa: B023
            ns = t / 2 ** (n - 1) * 1e9
            row += [f"{ns:.3f}", f"{ns / best:.1f}"]
        row.append(f"{1e3 * seconds(lambda: ground_state(J, threads=1)):.1f}")  # noqa: B023
        print("|", " | ".join(row), "|", flush=True)

    print("\n| two threads | every state: CPU s per thread | wall-clock s | pruned: CPU ms per thread |")
    print("|---|---|---|---|")
    for n in (32, 36, 40):
        J = sk(n)
        full = "| "
        if n < 40:
            full = (
                f"{search(J, time.process_time, False) / 2:.2f} | {search(J, time.perf_counter, False):.2f}"
            )
        print(f"| N={n} | {full} | {1e3 * search(J, time.process_time, True) / 2:.1f} |", flush=True)


def search(J: np.ndarray, clock: Callable[[], float], prune: bool) -> float:
    """Seconds on two threads."""
    return seconds(lambda: ground_state(J, prune=prune, threads=2), 3, clock)


def others() -> None:
    import dimod
    from dwave.samplers import TreeDecompositionSolver

    print("\n| | N | ms | ns per state |")
    print("|---|---|---|---|")
    for name, n, solve in (
        ("dimod.ExactSolver", 16, lambda bqm: dimod.ExactSolver().sample(bqm).first.energy),
        ("dimod.ExactSolver", 18, lambda bqm: dimod.ExactSolver().sample(bqm).first.energy),
        ("dwave TreeDecompositionSolver", 18, lambda bqm: TreeDecompositionSolver().sample(bqm).first.energy),
        ("dwave TreeDecompositionSolver", 20, lambda bqm: TreeDecompositionSolver().sample(bqm).first.energy),
    ):
        J = sk(n)
        bqm = dimod.BQM.from_ising({}, {(i, j): -J[i, j] for i in range(n) for j in range(i)})
        assert abs(solve(bqm) - ground_state(J).energy) < 1e-9
        theirs = seconds(lambda: solve(bqm), 2)  # noqa: B023
        ours = seconds(lambda: ground_state(J, threads=1))  # noqa: B023
        for who, t in ((name, theirs), ("spinlab", ours)):
            print(f"| {who} | {n} | {1e3 * t:.2f} | {t / 2 ** (n - 1) * 1e9:.1f} |", flush=True)


def partition_functions() -> None:
    A, B = np.random.default_rng(0).random((2, 1024, 1024))
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        product = seconds(lambda: A @ B) / 2**30 * 1e9
    print("\n| N = 31 | s | ns per state | of a matrix product |")
    print("|---|---|---|---|")
    print(f"| matrix product (roof) | | {product:.3f} | 1 |")
    J = sk(31)
    for name, run in (
        ("ln Z, beta = 1", lambda: log_partition(J, 1.0, threads=1)),
        ("ln Z, beta = 1000", lambda: log_partition(J, 1000.0, threads=1)),
        ("mean energy, beta = 1", lambda: mean_energy(J, 1.0, threads=1)),
    ):
        t = seconds(run)
        ns = t / 2**30 * 1e9
        print(f"| {name} | {t:.3f} | {ns:.3f} | {ns / product:.1f} |", flush=True)


if __name__ == "__main__":
    print(f"Python {platform.python_version()}, numpy {np.__version__}, numba {numba.__version__}\n")
    ground_states()
    others()
    partition_functions()
