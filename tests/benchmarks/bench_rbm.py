"""Enumeration of one layer of an RBM beside the matmul route and the roof of this core.

    python tests/benchmarks/bench_rbm.py [V ...]

prints a markdown table for Gaussian weights without biases, H = 1000, on one core (process time, the
best of several runs). A term is one unit of the other layer for one state; the two states of a global
flip are visited once. Roofs: the two operations per term, on numbers that stay in vector registers. That of
ln Z is an addition and a product; a multiply-add and a product, which other forms of 2cosh take, is told too.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from spinlab._core.blas import one_blas_thread
from spinlab._core.jit import kernel
from spinlab._core.lanes import LANES, larger, load, multiply_add, store
from spinlab.exact import layer
from spinlab.exact.layer import tiles
from spinlab.models import BipartiteIsing

H = 1000


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
def _max_add(x, out, n):  # type: ignore[no-untyped-def]
    """Eight sums s += max(x, s') of sixteen lanes, which stay in registers."""
    L, row = np.uint64(LANES), load(x, np.uint64(0))
    s0, s1, s2, s3 = load(out, 0 * L), load(out, 1 * L), load(out, 2 * L), load(out, 3 * L)
    s4, s5, s6, s7 = load(out, 4 * L), load(out, 5 * L), load(out, 6 * L), load(out, 7 * L)
    for _ in range(n):
        s0, s1 = s0 + larger(row, s1), s1 + larger(row, s2)
        s2, s3 = s2 + larger(row, s3), s3 + larger(row, s4)
        s4, s5 = s4 + larger(row, s5), s5 + larger(row, s6)
        s6, s7 = s6 + larger(row, s7), s7 + larger(row, s0)
    store(out, 0 * L, ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7)))


@kernel
def _multiply(x, out, n):  # type: ignore[no-untyped-def]
    """Eight products p *= z + z p' of sixteen lanes, which stay in registers."""
    L, z = np.uint64(LANES), load(x, np.uint64(0))
    p0, p1, p2, p3 = load(out, 0 * L), load(out, 1 * L), load(out, 2 * L), load(out, 3 * L)
    p4, p5, p6, p7 = load(out, 4 * L), load(out, 5 * L), load(out, 6 * L), load(out, 7 * L)
    for _ in range(n):
        p0, p1 = p0 * multiply_add(z, p1, z), p1 * multiply_add(z, p2, z)
        p2, p3 = p2 * multiply_add(z, p3, z), p3 * multiply_add(z, p4, z)
        p4, p5 = p4 * multiply_add(z, p5, z), p5 * multiply_add(z, p6, z)
        p6, p7 = p6 * multiply_add(z, p7, z), p7 * multiply_add(z, p0, z)
    store(out, 0 * L, ((p0 + p1) + (p2 + p3)) + ((p4 + p5) + (p6 + p7)))


@kernel
def _add_multiply(x, out, n):  # type: ignore[no-untyped-def]
    """Eight products p *= z + p' of sixteen lanes, which stay in registers."""
    L, z = np.uint64(LANES), load(x, np.uint64(0))
    p0, p1, p2, p3 = load(out, 0 * L), load(out, 1 * L), load(out, 2 * L), load(out, 3 * L)
    p4, p5, p6, p7 = load(out, 4 * L), load(out, 5 * L), load(out, 6 * L), load(out, 7 * L)
    for _ in range(n):
        p0, p1 = p0 * (z + p1), p1 * (z + p2)
        p2, p3 = p2 * (z + p3), p3 * (z + p4)
        p4, p5 = p4 * (z + p5), p5 * (z + p6)
        p6, p7 = p6 * (z + p7), p7 * (z + p0)
    store(out, 0 * L, ((p0 + p1) + (p2 + p3)) + ((p4 + p5) + (p6 + p7)))


def roof(loop: Any, dtype: type) -> float:
    """Terms per ns of a loop that makes eight terms in every lane."""
    x, out = tiles.aligned((LANES,), dtype), tiles.aligned((8 * LANES,), dtype)
    x[:], out[:] = 0, 0
    n = 2_000_000
    return 8 * LANES * n / best_time(lambda: loop(x, out, n)) / 1e9


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
    integer, product = roof(_max_add, np.int32), roof(_add_multiply, np.float64)
    print(
        f"roofs, terms per ns: max + add in int32 {integer:.1f}; add + product in float64 {product:.1f} "
        f"(multiply-add + product {roof(_multiply, np.float64):.1f})\n"
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
