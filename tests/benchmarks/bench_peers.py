"""One run with all peers: the same work by spinlab and by other packages in turn, on one core.

    python tests/benchmarks/bench_peers.py [part of a name ...]

Prints one table. Each row's packages take turns ROUNDS times; numbers are the best of the rounds, in
processor time of one thread, and the ratio is the median over rounds of peer to spinlab (its range beside
it), which other work on the machine touches least. Answers are compared where both are exact. Heuristics run
until they meet the known optimum, for SEEDS seeds. A peer that is not installed is left out with a note.
"""

from __future__ import annotations

import datetime
import functools
import importlib.metadata
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("RAYON_NUM_THREADS", "1")  # read by peapods on import

import bench_gibbs
import bench_heuristics
import bench_planar
import bench_training
import bench_tree
import numpy as np

import spinlab as sl
from spinlab import exact
from spinlab._core.blas import one_blas_thread
from spinlab.dynamics import gibbs, metropolis
from spinlab.models import to_bqm

ROUNDS, SEEDS = 3, 4


class Task(NamedTuple):
    """What is done, in which unit, by spinlab and by its peers: functions that return a number."""

    name: str
    unit: str
    own: Callable[[], float]
    peers: dict[str, Callable[[], float | None]]


def spent(function: Callable[[], Any]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def calls(function: Callable[[], Any], at_least: float = 0.05) -> float:
    """Seconds for a call; short ones are repeated."""
    n, took = 1, spent(function)
    while took < at_least:
        n *= 4
        took = spent(lambda: [function() for _ in range(n)])  # noqa: B023
    return took / n


def sampling() -> Iterator[Task]:
    """Updates per ns; the time to read the model is not counted for peers."""
    cube = functools.partial(sl.ensembles.edwards_anderson, shape=(10, 10, 10), rng=0)
    for name, model, chains, sampler in (
        ("SK, N = 100, Metropolis", sl.ensembles.sk(100, rng=0), 16, metropolis),
        ("SK, N = 1000", sl.ensembles.sk(1000, rng=0), 16, gibbs),
        ("3D Gaussian, 10^3", cube(law="gaussian"), 16, gibbs),
        ("3D +-J, 10^3", cube(law="pm1"), 64, gibbs),
        ("Hopfield, N = 1000, K = 5", sl.ensembles.hopfield(1000, 5, rng=0), 16, gibbs),
        ("RA-RBM, 100 + 400, K = 10", sl.ensembles.ra_rbm(100, 400, 10, rng=0).scaled(0.05), 16, gibbs),
    ):
        work = chains * model.n_spins
        steps = max(10, int((2e7 if chains == 64 else 3e6) / work))
        sweeps = max(2, int(4e5 / work))

        def own(
            model: Any = model, steps: int = steps, chains: int = chains, sampler: Any = sampler
        ) -> float:
            took = spent(lambda: sampler(model, steps, chains, beta=1.0, rng=0, threads=1))
            return steps * chains * model.n_spins * 1e-9 / took

        peers = {
            peer: functools.partial(rate, model, sweeps, chains)
            for peer, rate in bench_gibbs.PEERS.items()
            if peer != "peapods" or name.startswith("3D")
        }
        yield Task(f"sampling at beta = 1: {name}, {chains} chains", "updates/ns", own, peers)


def energies() -> Iterator[Task]:
    """Seconds to a proven ground state."""
    model = sl.ensembles.sk(16, rng=16)
    bqm, energy = to_bqm(model), exact.enumeration.ground_state(model).energy

    def exact_solver() -> float:
        import dimod

        return spent(lambda: check(dimod.ExactSolver().sample(bqm).first.energy, energy))

    yield Task(
        "ground state: SK, N = 16", "s",
        lambda: calls(lambda: exact.enumeration.ground_state(model.scaled(1.0), threads=1)),
        {"dimod ExactSolver": exact_solver},
    )  # fmt: skip

    strip = bench_tree.strip(14, True)
    strip_bqm, strip_energy = to_bqm(strip), exact.tree.ground_state(strip).energy

    def decomposition() -> float:
        from dwave.samplers import TreeDecompositionSolver

        return spent(lambda: check(TreeDecompositionSolver().sample(strip_bqm).first.energy, strip_energy))

    yield Task(
        "ground state: +-J strip 20 x 14 with fields", "s",
        lambda: calls(lambda: exact.tree.ground_state(strip.scaled(1.0), threads=1)),
        {"dwave-samplers tree": decomposition},
    )  # fmt: skip

    lattice, position = bench_planar.lattice(12, False, True)
    lattice_energy = exact.planar.ground_state(lattice).energy

    def planar_peer() -> float:
        took, found = bench_planar.other(lattice, position)
        check(found, lattice_energy)
        return took

    yield Task(
        "ground state: open 12 x 12, Gaussian", "s",
        lambda: calls(lambda: exact.planar.ground_state(lattice.scaled(1.0))),
        {"dwave-samplers planar": planar_peer},
    )  # fmt: skip

    for name, model in (
        ("open 6 x 6, +-J", bench_planar.lattice(6, False, False)[0]),
        ("SK +-1, N = 12", sl.ensembles.sk(12, law="pm1", rng=12).to_sparse()),
    ):
        yield Task(
            f"ground state: {name}", "s",
            lambda model=model: calls(lambda: sl.ground_state(model.scaled(1.0), threads=1)),
            {"HiGHS (milp)": functools.partial(highs, model, sl.ground_state(model).energy)},
        )  # fmt: skip


def highs(model: Any, energy: float) -> float:
    return spent(lambda: check(bench_planar.program(model), energy))


def check(found: float, energy: float) -> None:
    assert abs(found - energy) < 1e-6 * max(1.0, abs(energy)), (found, energy)


def heuristics() -> Iterator[Task]:
    """Mean seconds until the optimum is met; a budget for each seed."""
    wanted = {"±J torus 30 x 10", "±J 3-regular, 100", "±1/r^1.5 chain, 100"}
    for name, model, known, _ in bench_heuristics.lattices():
        if name not in wanted:
            continue
        optimum, bqm = known, to_bqm(model)
        if known is None:
            optimum = exact.branching.ground_state(model).energy

        def mean(run: Any, model: Any = model, bqm: Any = bqm, optimum: Any = optimum) -> float:
            found = [bench_heuristics.spent(run(model, bqm, optimum, seed), optimum) for seed in range(SEEDS)]
            missed = sum(energy > optimum + 1e-8 * abs(optimum) for energy, _ in found)
            return float(np.mean([s for _, s in found])) if missed == 0 else float("inf")

        yield Task(
            f"to the optimum: {name}", "s", functools.partial(mean, bench_heuristics.by_search),
            {
                "dwave-samplers SA": functools.partial(mean, bench_heuristics.by_annealing(1000)),
                "dwave-samplers tabu": functools.partial(mean, bench_heuristics.by_tabu),
            },
        )  # fmt: skip


def training() -> Iterator[Task]:
    """Seconds for an update of PCD-1, 784 visible units, batches of 500."""
    samples = bench_training.data(3 * bench_training.B)
    for H in (500,):
        trainer = sl.rbm.Trainer(
            sl.rbm.RBM(bench_training.V, H, biases=True, rng=0),
            sl.rbm.PCD(1, bench_training.B), batch_size=bench_training.B, rng=0,
        )  # fmt: skip

        def own(trainer: Any = trainer) -> float:
            updates = 4 * len(samples) // bench_training.B
            return spent(lambda: trainer.fit(samples, trainer.epoch + 4, progress=False)) / updates

        yield Task(
            f"update of an RBM, 784 + {H}, PCD-1", "s", own,
            {"scikit-learn": functools.partial(bench_training.sklearn_time, H, samples)},
        )  # fmt: skip


def best(values: list[float], unit: str) -> float:
    return max(values) if unit == "updates/ns" else min(values)


def row(task: Task) -> None:
    """Packages in turn; a line for each peer."""
    task.own()  # compiles
    own: list[float] = []
    theirs: dict[str, list[float]] = {name: [] for name in task.peers}
    for _ in range(ROUNDS):
        own.append(task.own())
        for name, peer in task.peers.items():
            value = peer()
            if value is not None:
                theirs[name].append(value)
    for name, values in theirs.items():
        if not values:
            print(f"{name} is not installed: left out", file=sys.stderr)
            continue
        pairs = zip(own, values, strict=True)
        ratios = [a / b if task.unit == "updates/ns" else b / a for a, b in pairs]
        middle, low, high = statistics.median(ratios), min(ratios), max(ratios)
        shown = "not met" if middle == float("inf") else f"{middle:.3g} ({low:.3g} to {high:.3g})"
        other = best(values, task.unit)
        print(
            f"| {task.name} | {task.unit} | {best(own, task.unit):.3g} | {name} "
            f"| {'-' if other == float('inf') else f'{other:.3g}'} | {shown} |",
            flush=True,
        )


def cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    for line in info.read_text(encoding="utf-8").splitlines() if info.exists() else ():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor() or platform.machine()


def versions() -> str:
    found = []
    for name in ("dwave-samplers", "openjij", "peapods", "dimod", "scipy", "scikit-learn"):
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join(found)


def main() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    load = f"load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{datetime.date.today()}, one core of {os.cpu_count()}, {cpu_name()}, {load}")
    print(f"Python {platform.python_version()}, numpy {np.__version__}; {versions()}\n")
    print("| task | unit | spinlab | peer | theirs | times faster |\n|---|---|--:|---|--:|--:|")
    with one_blas_thread():
        for family in (sampling, energies, heuristics, training):
            for task in family():
                if not sys.argv[1:] or any(part in task.name for part in sys.argv[1:]):
                    row(task)


if __name__ == "__main__":
    main()
