"""What the front door costs beside the method it takes, in one run.

    python tests/benchmarks/bench_front_door.py

Processor seconds on one thread, of new models each time so that nothing is remembered; the smallest of
several calls, the two interleaved.
"""

from __future__ import annotations

import functools
import time

import numpy as np

import spinlab as sl
from spinlab import exact
from spinlab.exact.choice import choose
from spinlab.models import DenseIsing, SparseIsing


def best(functions, make, repeats):
    """The least processor time of each function of a new model."""
    found = [np.inf] * len(functions)
    for _ in range(repeats + 1):  # the first call compiles, or loads
        for k, function in enumerate(functions):
            model = make()
            start = time.process_time()
            function(model)
            found[k] = min(found[k], time.process_time() - start)
    return found


def chain(n):
    return SparseIsing.from_edges(range(n - 1), range(1, n), np.ones(n - 1), n)


def grid(length):
    return sl.ensembles.edwards_anderson(shape=(length, length), law="pm1", periodic=False, rng=0)


def main():
    """Print a table."""
    tasks = ("ground_state", "log_partition", "mean_energy")
    print("| model | " + " | ".join(tasks) + " |\n|---|" + "---|" * len(tasks))
    cases = [(f"SK, N = {n}", sl.ensembles.sk(n, rng=0)) for n in (4, 8, 12, 16, 20, 24, 28, 32, 36, 40)]
    cases += [(f"chain of {n}", chain(n)) for n in (10, 1000, 100_000)]
    cases += [(f"open lattice, L = {n}", grid(n)) for n in (5, 10, 20, 60)]
    for name, model in cases:
        row = []
        for task in tasks:
            if model.n_spins > 28 and isinstance(model, DenseIsing) and task != "ground_state":
                continue
            if name.endswith("60") and task == "mean_energy":
                continue
            kind = "ground_state" if task == "ground_state" else "log_partition"
            taken = choose(exact.METHODS, model, kind).name
            methods = [getattr(module, task) for module in (exact.METHODS[taken], sl)]
            functions = [functools.partial(method, threads=1) for method in methods]
            repeats = 200 if model.n_spins <= 24 else 6  # of what takes less than a millisecond
            alone, front = best(functions, lambda m=model: m.scaled(1.0), repeats)
            row.append(f"{taken} {1e3 * alone:.3g} ms, {front / alone:.2f}")
        print(f"| {name} | " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
