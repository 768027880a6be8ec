"""Ground states and ln Z of models with few patterns.

    python tests/benchmarks/bench_lowrank.py

prints markdown tables of process time (the sum over threads), the best of several runs on new models, so
that reading the patterns is included. Roofs, measured in the same run: one addition of all patterns for
large N, one sort of N numbers a turn for real patterns, one addition of two tables of 2^(K-1) numbers in
the first cache, times the K (K + 1) additions that transforms need for half a function, for binary ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from spinlab._core.jit import kernel
from spinlab.exact import local_minima, lowrank
from spinlab.exact.lowrank.threshold_functions import COUNTS
from spinlab.models import BipartiteIsing, IsingModel, PatternBipartiteIsing, PatternIsing


def best_time(function: Callable[[], Any], runs: int = 5) -> float:
    """Shortest process time of a call after the first one, which compiles."""
    function()
    times = []
    for _ in range(runs):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def fresh(model: IsingModel, function: Callable[..., Any], *arguments: Any, runs: int = 5) -> float:
    """``best_time`` with a new model each time, because the analysis is kept with a model."""
    models = iter([model.scaled(1.0) for _ in range(runs + 1)])
    return best_time(lambda: function(next(models), *arguments), runs)


def binary(rng: np.random.Generator, K: int, N: int) -> np.ndarray:
    return rng.choice(np.array([-1.0, 1.0]), (K, N))


@kernel
def _add_tables(x: np.ndarray, y: np.ndarray, n: int) -> None:
    for _ in range(n):
        for i in range(len(x)):
            x[i] += y[i]


def addition() -> float:
    """Seconds to add a number to another."""
    x, y, n = np.zeros(1024), np.zeros(1024), 20_000
    return best_time(lambda: _add_tables(x, y, n)) / (n * len(x))


def main() -> None:
    rng = np.random.default_rng(0)
    limit = addition()
    print("| binary patterns | Hopfield N=1000, ms | of the roof | RBM 1000 x 1000, ms | with biases, ms |")
    print("|--:|--:|--:|--:|--:|")
    for K in range(3, 8):
        runs = 5 if K < 7 else 2
        hopfield = fresh(PatternIsing(binary(rng, K, 1000), 1e-3), lowrank.ground_state, runs=runs)
        xi = binary(rng, K, 1000), binary(rng, K, 1000)
        rbm = fresh(PatternBipartiteIsing(*xi, 1e-3), lowrank.ground_state, runs=runs)
        biased = "-"
        if K < 7:
            model = PatternBipartiteIsing(*xi, 1e-3, bh=rng.normal(size=1000))
            biased = f"{1e3 * fresh(model, lowrank.ground_state, runs=2):.3g}"
        roof = COUNTS[K - 1] / 2 * K * (K + 1) * limit
        print(f"| {K} | {1e3 * hopfield:.3g} | {roof / hopfield:.2f} | {1e3 * rbm:.3g} | {biased} |")

    print("\n| N = 10^6 | ms | patterns added up, ms |")
    print("|---|--:|--:|")
    for K in (1, 3, 5, 6):
        xi = binary(rng, K, 10**6)
        model = PatternIsing(xi, 1e-6)
        print(
            f"| {K} binary | {1e3 * fresh(model, lowrank.ground_state):.0f} | {1e3 * best_time(xi.sum):.1f} |"
        )
    xi = rng.normal(size=(2, 10**6))
    seconds = fresh(PatternIsing(xi, 1e-6), lowrank.ground_state, runs=2)
    print(f"| 2 real | {1e3 * seconds:.0f} | {1e3 * best_time(xi.sum):.1f} |")

    print("\n| 3 real patterns | ms | N sorts of N numbers, ms |")
    print("|--:|--:|--:|")
    for N in (300, 1000, 2000):
        xi = rng.normal(size=(3, N))
        sorts = N * best_time(lambda xi=xi: np.argsort(xi[0]), 20)  # type: ignore[misc]
        turns = fresh(PatternIsing(xi, 1.0), lowrank.ground_state, runs=2)
        print(f"| {N} | {1e3 * turns:.3g} | {1e3 * sorts:.3g} |")

    print("\n| a matrix of N spins | 3 binary, ms | 7 binary, ms | none found, ms |")
    print("|--:|--:|--:|--:|")
    for N in (100, 1000):
        found = [
            fresh(PatternIsing(binary(rng, K, N), 1 / N).to_dense(), lowrank.ground_state, runs=2)
            for K in (3, 7)
        ]
        none = fresh(PatternIsing(rng.normal(size=(N, N)), 1 / N).to_dense(), lowrank.refusal)
        print(f"| {N} | {1e3 * found[0]:.3g} | {1e3 * found[1]:.3g} | {1e3 * none:.3g} |")

    print("\n| binary patterns, independent fields on all sites | ms |")
    print("|---|--:|")
    for K, N in ((1, 10**6), (2, 10**6), (3, 1000), (3, 10_000)):
        model = PatternIsing(binary(rng, K, N), 1 / N, rng.normal(size=N))
        print(f"| K={K}, N={N} | {1e3 * fresh(model, lowrank.ground_state, runs=2):.3g} |")
    xi = binary(rng, 3, 400), binary(rng, 3, 1000)
    model = PatternBipartiteIsing(*xi, 1e-3, rng.normal(size=400), rng.normal(size=1000))
    print(f"| RBM K=3, 400 x 1000 | {1e3 * fresh(model, lowrank.ground_state, runs=2):.3g} |")
    weights = BipartiteIsing(xi[0].T @ xi[1] * 1e-3)
    seconds = fresh(weights, lowrank.ground_state, runs=2)
    print(f"| RBM K=3, 400 x 1000, without fields, given by its weights | {1e3 * seconds:.3g} |")

    print("\n| strict minima, N=1000 | number | ms |")
    print("|---|--:|--:|")
    for K in (3, 5, 6):
        model = PatternIsing(binary(rng, K, 1000), 1e-3)
        count = local_minima(model, max_states=0).count
        print(f"| K={K} | {count} | {1e3 * fresh(model, local_minima, True, 0, runs=3):.3g} |")

    print("\n| ln Z at one temperature | ms |")
    print("|---|--:|")
    for K, N in ((1, 10**6), (2, 10**6), (3, 300), (3, 1000), (3, 10_000)):
        seconds = fresh(PatternIsing(binary(rng, K, N), 1 / N), lowrank.log_partition, 1.5, runs=2)
        print(f"| Hopfield K={K}, N={N} | {1e3 * seconds:.3g} |")
    for K, V, H in ((1, 784, 500), (2, 784, 500), (3, 100, 1000), (3, 400, 1000)):
        model = PatternBipartiteIsing(binary(rng, K, V), binary(rng, K, H), 1 / V)
        seconds = fresh(model, lowrank.log_partition, runs=2)
        print(f"| RBM K={K}, {V} x {H} | {1e3 * seconds:.3g} |")


if __name__ == "__main__":
    main()
