"""Ground states of strips by tree decomposition, beside TreeDecompositionSolver of dwave-samplers.

    python tests/benchmarks/bench_tree.py [width ...]

prints a markdown table for open strips of length 20 with couplings +-1, one core (process time, the best
of several runs), the search for an elimination order included. The roof is a loop that adds two tables and
takes the larger of each pair of entries, in the first cache; the shares are of the entries of all tables,
of which the models without fields store half.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from spinlab._core.jit import kernel
from spinlab.exact import tree
from spinlab.exact.tree.elimination import plan
from spinlab.models import SparseIsing, to_bqm

LENGTH = 20


def best_time(function: Callable[[], Any], budget: float = 3.0) -> tuple[float, Any]:
    """Shortest process time of a call after the first one, which compiles, and the result."""
    result = function()
    times: list[float] = []
    while len(times) < 3 or (sum(times) < budget and len(times) < 50):
        start = time.process_time()
        result = function()
        times.append(time.process_time() - start)
    return min(times), result


def strip(width: int, fields: bool, periodic: bool = False) -> SparseIsing:
    rng = np.random.default_rng(width)
    length = width if periodic else LENGTH
    site = np.arange(length * width).reshape(length, width)
    along = (site[1:], site[:-1]) if not periodic else (site, np.roll(site, 1, 0))
    across = (site[:, 1:], site[:, :-1]) if not periodic else (site, np.roll(site, 1, 1))
    a, b = (np.concatenate([x.ravel() for x in ends]) for ends in zip(along, across, strict=True))
    J = rng.normal(size=len(a)) if periodic else rng.choice([-1.0, 1.0], len(a))
    field = rng.choice([-1.0, 1.0], site.size) if fields else None
    return SparseIsing.from_edges(np.minimum(a, b), np.maximum(a, b), J, site.size, field)


@kernel
def _add_and_maximise(x: np.ndarray, y: np.ndarray, out: np.ndarray, n: int) -> None:
    for _ in range(n):
        for k in range(len(out)):
            a, b = x[2 * k] + y[2 * k], x[2 * k + 1] + y[2 * k + 1]
            out[k] = b if b > a else a


def roof() -> float:
    """Seconds for an entry."""
    x, y, out = np.zeros(2048), np.zeros(2048), np.empty(1024)
    n = 20_000
    return best_time(lambda: _add_and_maximise(x, y, out, n), 1.0)[0] / (n * len(out))


def main() -> None:
    from dwave.samplers import TreeDecompositionSolver

    widths = [int(x) for x in sys.argv[1:]] or [10, 12, 14, 16]
    limit = roof()
    print(f"roof: {1e9 * limit:.2f} ns for an entry\n")
    print(
        "| strip | fields | tree, ms | entries, 10^6 | of the roof | ln Z, ms | dwave-samplers, ms | ratio |"
    )
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    for width in widths:
        for fields in (False, True):
            model, bqm = strip(width, fields), to_bqm(strip(width, fields))

            # A new model each time, because the elimination order is kept with a model.
            seconds, answer = best_time(lambda m=model: tree.ground_state(m.scaled(1.0), threads=1))
            log_z, _ = best_time(lambda m=model: tree.log_partition(m.scaled(1.0), threads=1))
            other, sample = best_time(lambda q=bqm: TreeDecompositionSolver().sample(q))
            assert sample.first.energy == answer.energy
            entries = plan(model).steps.size.sum()
            name = f"{LENGTH}x{width} | {'yes' if fields else 'no'}"
            print(
                f"| {name} | {1e3 * seconds:.2f} | {entries / 1e6:.3g} "
                f"| {limit * entries / seconds:.2f} | {1e3 * log_z:.2f} | {1e3 * other:.0f} "
                f"| {other / seconds:.0f} |",
                flush=True,
            )
    print("\n| torus, Gaussian couplings | width | ground state, ms | tables, MiB | ln Z, ms |")
    print("|---|--:|--:|--:|--:|")
    for L in (8, 10, 12):
        model = strip(L, False, periodic=True)
        seconds, _ = best_time(lambda m=model: tree.ground_state(m.scaled(1.0), threads=1))
        log_z, _ = best_time(lambda m=model: tree.log_partition(m.scaled(1.0), threads=1))
        found = plan(model)
        memory = 8 * sum(found.waiting) + found.steps.size.sum() / 8
        print(
            f"| {L}x{L} | {found.width} | {1e3 * seconds:.1f} | {memory / 2**20:.3g} | {1e3 * log_z:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
