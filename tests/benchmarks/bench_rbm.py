"""Enumeration of one layer of an RBM beside the matmul route and the roof of this core.

    python tests/benchmarks/bench_rbm.py [V ...]

prints a markdown table for Gaussian weights without biases, H = 1000, on one core (process time, the
best of several runs). A term is one unit of the other layer for one state; the two states of a global
flip are visited once. Roofs: the same arithmetic per term in a plain loop over arrays that stay in L1.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from spinlab._core.blas import one_blas_thread
from spinlab._core.jit import kernel
from spinlab.exact import layer
from spinlab.exact.layer import tiles
from spinlab.models import BipartiteIsing

H = 1000
LANES = 512


def best_time(function: Callable[[], Any], budget: float = 3.0) -> float:
    """Shortest process time of one call, after a first one that compiles."""
    function()
    times: list[float] = []
    while len(times) < 3 or (sum(times) < budget and len(times) < 50):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


@kernel
def _max_add(y: np.ndarray, out: np.ndarray, n: int) -> None:
    x = y[0]
    for _ in range(n):
        for j in range(len(y)):
            m0 = x if x > y[j] else y[j]
            m1 = m0 if m0 > out[j] else out[j]
            out[j] += m0 + m1


@kernel(fastmath={"contract"})
def _multiply(y: np.ndarray, out: np.ndarray, n: int) -> None:
    z = y[0]
    for _ in range(n):
        for j in range(len(y)):
            out[j] *= (z + z * y[j]) * (z + y[j] * y[j])


def roof(loop: Any, dtype: type) -> float:
    """Terms per ns: the loops make two terms per element."""
    y, out = tiles.aligned((LANES,), dtype), tiles.aligned((LANES,), dtype)
    y[:], out[:] = 0, 0
    n = 20_000
    return 2 * n * LANES / best_time(lambda: loop(y, out, n), 1.0) / 1e9


def matmul_route(model: BipartiteIsing, log_z: bool, states: int = 2**14) -> float:
    """Seconds for all 2^(V-1) states by numpy, from the time of one batch."""
    bits = (np.arange(states)[:, None] >> np.arange(model.V)) & 1

    def batch() -> float:
        x = np.abs((2.0 * bits - 1) @ model.W)
        return float((x + np.log1p(np.exp(-2 * x))).sum(1).max() if log_z else x.sum(1).max())

    with one_blas_thread():
        return best_time(batch) * 2.0 ** (model.V - 1) / states


def main() -> None:
    sizes = [int(x) for x in sys.argv[1:]] or [16, 20, 24]
    integer, double, product = (
        roof(_max_add, np.int32),
        roof(_max_add, np.float64),
        roof(_multiply, np.float64),
    )
    print(
        f"roofs, terms per ns: max + add int32 {integer:.1f}, float64 {double:.1f}; product {product:.1f}\n"
    )
    print("| V | quantity | weights' std | s | terms/ns | of its roof | matmul route, s | ratio |")
    print("|--:|---|--:|--:|--:|--:|--:|--:|")
    for V in sizes:
        rng = np.random.default_rng(V)
        rows: list[tuple[str, float, Callable[[Any], Any], float]] = [
            ("ground state", 1.0, lambda m: layer.ground_state(m, threads=1), integer),
            *(
                ("ln Z", std, lambda m: layer.log_partition(m, threads=1), product)
                for std in (0.1, 1.0, 10.0, 100.0)
            ),
            ("<E>", 1.0, lambda m: layer.mean_energy(m, threads=1), product),
            ("E_rand", 1.0, lambda m: layer.random_start_energy(m, threads=1), integer),
        ]
        W = rng.normal(size=(V, H))
        routes = {log_z: matmul_route(BipartiteIsing(W), log_z) for log_z in (False, True)}
        for name, std, function, limit in rows:
            model = BipartiteIsing(std * W)
            seconds = best_time(lambda function=function, model=model: function(model))
            rate = 2.0 ** (V - 1) * H / seconds / 1e9
            other = routes[name in ("ln Z", "<E>")]
            print(
                f"| {V} | {name} | {std:g} | {seconds:.3g} | {rate:.1f} | {rate / limit:.2f} "
                f"| {other:.3g} | {other / seconds:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
