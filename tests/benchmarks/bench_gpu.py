"""The GPU beside a roofline estimate and the CPU of the same machine; prints markdown tables.

    python tests/benchmarks/bench_gpu.py                       all tables, under eight minutes
    python tests/benchmarks/bench_gpu.py search chains         some of: search, chains, training, partition,
                                                               layer, blocks, ais
    python tests/benchmarks/bench_gpu.py --out h200.jsonl      also a line of JSON per row, as it is found
    NUMBA_ENABLE_CUDASIM=1 python tests/benchmarks/bench_gpu.py --tiny --here
                                                               a check of this script, not a measurement

Needs numpy, scipy, numba, numba-cuda, CuPy and spinlab; no network. Every table is a process of its own, and
a row that fails says why and is followed by the next one. Times are wall-clock. Searches and sums are the
fastest of some calls after one that compiles, transfers included. Rates of chains are the work of a longer
call minus a shorter one over the difference of their times, so that compilation, transfers and final energies
drop out. The CPU column is the same call on all processors, at a size it can do, scaled by the number of
states or updates.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import spinlab as sl
from spinlab._core import device

SECONDS = 440.0  # of all tables
LIMITS = {"search": 170, "chains": 120, "training": 70, "partition": 40, "layer": 60, "blocks": 40, "ais": 40}


class Card:
    """What the roofs are made of."""

    def __init__(self, tiny: bool) -> None:
        self.name, self.clocks, self.bandwidth, self.gemm = "simulator", 1.0, 1.0, 1.0
        if device.simulated():
            return
        import cupy

        self.synchronize = cupy.cuda.Device().synchronize
        properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
        attributes = cupy.cuda.Device().attributes
        name, processors = properties["name"], properties["multiProcessorCount"]
        self.name = name.decode() if isinstance(name, bytes) else str(name)
        kHz = attributes.get("ClockRate") or properties.get("clockRate") or 1.98e6  # the H200's, if not told
        self.clocks = processors * kHz * 1e3  # clocks of all multiprocessors per second
        n = 512 if tiny else 8192
        a = cupy.random.random((n, n))
        b = cupy.empty_like(a)
        self.gemm = (
            2 * n**3 / fastest(lambda: (cupy.matmul(a, a, out=b), self.synchronize()))
        )  # float64 flops
        self.bandwidth = (
            2 * a.nbytes / fastest(lambda: (cupy.copyto(b, a), self.synchronize()))
        )  # bytes per second
        print(
            f"{self.name}: {processors} multiprocessors, {kHz / 1e6:.2f} GHz, float64 product "
            f"{self.gemm / 1e12:.1f} TFlop/s, copy {self.bandwidth / 1e12:.2f} TB/s",
            flush=True,
        )

    def wait(self) -> None:
        """Until the card is done."""
        if self.name != "simulator":
            self.synchronize()


def fastest(function: Callable[[], object], repeats: int = 3) -> float:
    """Seconds of a call, the fastest of some after one that compiles; a single call without repeats."""
    if repeats:
        function()
    return once(function, max(1, repeats))


def once(function: Callable[[], object], repeats: int = 1) -> float:
    """Seconds of a call, the fastest of some."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def seconds_per_step(run: Callable[[int], object], aim: float, least: int = 2) -> float:
    """Of ``run(steps)``, from the difference of two lengths, about ``aim`` seconds; 0: of a single call."""
    if aim == 0.0:
        return once(lambda: run(least)) / least
    run(least)
    short = once(lambda: run(least), 2)
    long = 4 * least
    while True:
        taken = once(lambda: run(long))  # noqa: B023
        each = max(taken - short, 1e-9) / (long - least)
        if taken - short > aim / 4:
            return each
        long = min(16 * long, max(2 * long, round(1.2 * aim / each)))


class Bench:
    """Prints a table row by row and keeps the rows."""

    def __init__(self, out: str | None, tiny: bool, seconds: float) -> None:
        self.out, self.tiny = out, tiny
        self.end = time.perf_counter() + seconds
        self.card = Card(tiny)
        self._title = ""

    def table(self, title: str) -> None:
        """Begin a table."""
        self._title = title
        print(f"\n## {title}\n")
        print("| quantity | GPU | roof | of the roof | CPU, all processors | GPU / CPU | |")
        print("|---|---|---|---|---|---|---|", flush=True)

    def left(self) -> float:
        """Seconds left for this table."""
        return self.end - time.perf_counter()

    def row(self, quantity: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """``measure`` gives gpu, and where there are any roof, cpu, note and further numbers."""
        start = time.perf_counter()
        try:
            if self.left() < 0:
                raise TimeoutError("no time left; name this table alone on the command line")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = measure()
        except Exception as error:  # the next row may do better
            found = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:300]}
        gpu, roof, cpu = (float(found.get(name, math.nan)) for name in ("gpu", "roof", "cpu"))
        share, ratio = gpu / roof if roof else math.nan, gpu / cpu if cpu else math.nan
        note = found.get("note", "") if "error" not in found else f"failed: {found['error']}"
        cells = ["" if math.isnan(x) else f"{x:.3g}" for x in (gpu, roof, share, cpu, ratio)]
        print("| " + " | ".join([quantity, *cells, note]) + " |", flush=True)
        if self.out:
            record = {"table": self._title, "quantity": quantity, "device": self.card.name, "tiny": self.tiny}
            record |= {"row_seconds": time.perf_counter() - start} | found
            record = {k: None if x != x else x for k, x in record.items()}  # NaN is no JSON
            with open(self.out, "a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        return found


def search(bench: Bench) -> None:
    """Roof: an addition (128 per clock) and a minimum (64) for each state."""
    bench.table(
        "Exhaustive search, dense, every state, float32 screening: states/s (goal 5e12; N = 48 in 60 s)"
    )
    roof, rate, cpu = bench.card.clocks / (1 / 128 + 1 / 64), math.nan, math.nan
    cpu_N = 10 if bench.tiny else 32
    try:
        small = sl.ensembles.sk(cpu_N, rng=0)
        cpu = 2.0 ** (cpu_N - 1) / fastest(lambda: sl.exact.enumeration.ground_state(small, prune=False))
    except Exception as error:
        print(f"CPU: {error}", flush=True)
    for N in (10,) if bench.tiny else (36, 40, 44, 48):

        def measure(N: int = N) -> dict[str, Any]:
            if 2.0 ** (N - 1) / rate > bench.left():  # noqa: B023
                raise TimeoutError(f"would take {2.0 ** (N - 1) / rate:.0f} s, {bench.left():.0f} s are left")  # noqa: B023
            model = sl.ensembles.sk(N, rng=0)
            on_gpu = model.to("gpu")
            if N < 44:
                seconds = fastest(lambda: sl.exact.enumeration.ground_state(on_gpu), 2)
            else:
                seconds = once(lambda: sl.exact.enumeration.ground_state(on_gpu))
            found = {"gpu": 2.0 ** (N - 1) / seconds, "roof": roof, "cpu": cpu, "seconds": seconds}
            found["note"] = f"{seconds:.3g} s"
            if N <= 40:
                energies = [sl.exact.enumeration.ground_state(m).energy for m in (on_gpu, model)]
                found["same_energy"] = energies[0] == energies[1]
                found["note"] += ", energy " + ("as by" if found["same_energy"] else "NOT as by") + " the CPU"
            return found

        rate = bench.row(f"N = {N}", measure).get("gpu", rate)


def partition(bench: Bench) -> None:
    """Roof: the matrix products alone, 2 flops for each state."""
    bench.table("ln Z, dense, beta = 1: states/s")
    both = 8 if bench.tiny else 34  # the size that the CPU does too
    full = int(not bench.tiny)
    cpu: dict[str, float] = {}
    for N in (8,) if bench.tiny else (34, 40, 43, 46):

        def measure(N: int = N) -> dict[str, Any]:
            model = sl.ensembles.sk(N, rng=1)
            on_gpu = model.to("gpu")
            seconds = fastest(lambda: sl.exact.enumeration.log_partition(on_gpu), 1 if N > 43 else 3 * full)
            found = {"gpu": 2.0 ** (N - 1) / seconds, "roof": bench.card.gemm / 2, "note": f"{seconds:.3g} s"}
            if both == N:
                a = sl.exact.enumeration.log_partition(on_gpu)
                cpu["seconds"] = fastest(lambda: sl.exact.enumeration.log_partition(model), full)
                b = sl.exact.enumeration.log_partition(model)
                found["relative_difference"] = abs(a - b) / abs(b)
                found["note"] += f", differs from the CPU's by {found['relative_difference']:.1e}"
            return found | {"cpu": 2.0 ** (both - 1) / cpu.get("seconds", math.nan)}

        bench.row(f"N = {N}", measure)


def layer(bench: Bench) -> None:
    """Roof of the ground state: two float64 additions per term, 64 per clock and multiprocessor."""
    bench.table("RBM by its visible layer, H = 1000, Gaussian weights of std 0.2: terms/s")
    H = 3 if bench.tiny else 1000
    kinds: tuple[tuple[str, Callable[[Any], float], float], ...] = (
        ("ground state", lambda m: sl.exact.layer.ground_state(m).energy, bench.card.clocks * 32),
        ("ln Z", lambda m: float(sl.exact.layer.log_partition(m)), math.nan),
    )
    for V in (4,) if bench.tiny else (20, 24, 28, 30):
        for name, function, roof in kinds:

            def measure(
                V: int = V, function: Callable[[Any], float] = function, roof: float = roof
            ) -> dict[str, Any]:
                model = sl.ensembles.rbm_gaussian(V=V, H=H, rng=0).scaled(0.2)
                on_gpu = model.to("gpu")
                seconds = fastest(lambda: function(on_gpu), 2 * (not bench.tiny))
                terms = 2.0 ** (V - 1) * H
                found = {"gpu": terms / seconds, "roof": roof, "note": f"{seconds:.3g} s"}
                if V <= 24:
                    found["cpu"] = terms / fastest(lambda: function(model), 1)
                    found["difference"] = abs(function(on_gpu) - function(model))
                    found["note"] += f", differs from the CPU's by {found['difference']:.1e}"
                return found

            bench.row(f"{name}, V = {V}", measure)


def flip_rate(model: sl.models.IsingModel, beta: float) -> float:
    """Fraction of visits that flip a spin, by the CPU."""
    chains = sl.dynamics.gibbs(model, 22, 64, beta=beta, burn_in=19, record_every=1, rng=0)
    return float((chains.samples[1:] != chains.samples[:-1]).mean())


def chains(bench: Bench) -> None:
    """Roofs, per clock and multiprocessor. Dense: 128 bytes, the fields being read and written at every flip.
    Patterns and lattices: 64 float64 operations, of which threshold and decision take about 60, and every
    pattern or neighbour one."""
    bench.table("Single-spin sampling, beta = 1: spin updates per ns")
    few, many = (4, 8) if bench.tiny else (4096, 65536)
    N, twice, K, L = (6, 7, 3, 3) if bench.tiny else (1000, 2000, 10, 10)
    clocks = 1e-9 * bench.card.clocks
    lattice = sl.ensembles.edwards_anderson(shape=(L, L, L), law="pm1", rng=0)
    hopfield = sl.ensembles.hopfield(N, K, rng=0)
    rows: list[tuple[str, Any, int, str]] = [
        (f"Gibbs, SK N = {N}, {few} replicas", sl.ensembles.sk(N, rng=0), few, "float64"),
        (f"Gibbs, SK N = {N}, {few} replicas, float32", sl.ensembles.sk(N, rng=0), few, "float32"),
        (f"Gibbs, SK N = {twice}, {few} replicas", sl.ensembles.sk(twice, rng=0), few, "float64"),
        (f"Gibbs, SK N = {twice}, {few} replicas, float32", sl.ensembles.sk(twice, rng=0), few, "float32"),
        (f"Gibbs, Hopfield N = {N}, K = {K}, {few} replicas", hopfield, few, "float64"),
        (f"Gibbs, Hopfield N = {N}, K = {K}, {many} replicas", hopfield, many, "float64"),
        (f"Gibbs, +-J lattice {L}^3, {few} replicas", lattice, few, "float64"),
        (f"Gibbs, +-J lattice {L}^3, {many} replicas", lattice, many, "float64"),
    ]
    for name, model, replicas, dtype in rows:

        def measure(model: Any = model, replicas: int = replicas, dtype: str = dtype) -> dict[str, Any]:
            n = model.n_spins
            start = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), size=(replicas, n))
            options: dict[str, Any] = {"dtype": dtype, "rng": 0, "beta": 1.0}

            def run(m: Any, steps: int, r: int) -> None:
                sl.dynamics.gibbs(m, steps, r, initial=start[:r], **options)

            on_gpu = model.to("gpu")
            each = seconds_per_step(lambda t: run(on_gpu, t, replicas), 0.0 if bench.tiny else 1.0)
            less = 4 if bench.tiny else 256
            cpu = seconds_per_step(lambda t: run(model, t, less), 0.0 if bench.tiny else 0.3)
            found = {"gpu": 1e-9 * n * replicas / each, "cpu": 1e-9 * n * less / cpu}
            if isinstance(model, sl.models.DenseIsing):
                flips = max(flip_rate(model, 1.0), 1e-9)
                found["roof"] = clocks * 128 / (2 * np.dtype(dtype).itemsize * n * flips)
                found |= {"flips_per_update": flips, "note": f"{flips:.3f} flips per update"}
            else:
                found["roof"] = clocks * 64 / (60 + (K if model is hopfield else 6))
            return found

        bench.row(name, measure)

    def tempering() -> dict[str, Any]:
        R = 2 if bench.tiny else 16
        betas = np.linspace(0.2, 1.5, R)

        def run(m: Any, steps: int, ladders: int) -> None:
            sl.dynamics.parallel_tempering(m, steps, ladders, betas=betas, burn_in=steps - 1, rng=0)

        on_gpu, n, less = lattice.to("gpu"), lattice.n_spins, max(1, few // R // 16)
        each = seconds_per_step(lambda t: run(on_gpu, t, few // R), 0.0 if bench.tiny else 1.0)
        cpu = seconds_per_step(lambda t: run(lattice, t, less), 0.0 if bench.tiny else 0.3)
        return {
            "gpu": 1e-9 * n * few / each,
            "cpu": 1e-9 * n * less * R / cpu,
            "note": "exchanges on the host",
        }

    bench.row(f"Tempering, +-J lattice {L}^3, {few} replicas", tempering)


def blocks(bench: Bench) -> None:
    """Roof: the matrix products alone."""
    V, H, n_chains, K = (5, 7, 6, 3) if bench.tiny else (784, 3000, 8000, 200)
    bench.table(f"Block Gibbs, V = {V}, H = {H}: steps of {n_chains} chains per second")
    for name, patterns in (("W", False), (f"patterns, K = {K}", True)):

        def measure(patterns: bool = patterns) -> dict[str, Any]:
            model = sl.ensembles.ra_rbm(V=V, H=H, K=K, rng=0).scaled(0.05)
            flops = 4 * K * (V + H) if patterns else 4 * V * H
            given = model if patterns else model.to_bipartite()

            def run(m: Any, steps: int, n: int) -> None:
                sl.dynamics.block_gibbs(m, steps, n, rng=0)

            on_gpu, less = given.to("gpu"), n_chains // 2 if bench.tiny else n_chains // 8
            each = seconds_per_step(lambda t: run(on_gpu, t, n_chains), 0.0 if bench.tiny else 1.0)
            cpu = seconds_per_step(lambda t: run(given, t, less), 0.0 if bench.tiny else 0.5, 1)
            cpu *= n_chains / less
            return {"gpu": 1 / each, "roof": bench.card.gemm / (flops * n_chains), "cpu": 1 / cpu}

        bench.row(name, measure)


def ais(bench: Bench) -> None:
    """Roof: the matrix products alone, at the float64 rate (near the float32 one)."""
    V, H, n_chains = (5, 7, 4) if bench.tiny else (784, 500, 1000)
    bench.table(f"Annealed importance sampling, V = {V}, H = {H}, {n_chains} chains: steps per second")

    def measure() -> dict[str, Any]:
        model = sl.ensembles.rbm_gaussian(V, H, rng=0).scaled(0.05)

        def run(m: Any, steps: int) -> float:
            return sl.rbm.log_partition_ais(m, n_chains=n_chains, schedule=steps + 1, rng=0).log_z

        on_gpu = model.to("gpu")
        each = seconds_per_step(lambda t: run(on_gpu, t), 0.0 if bench.tiny else 1.0, 3)
        cpu = seconds_per_step(lambda t: run(model, t), 0.0 if bench.tiny else 0.5, 3)
        difference = abs(run(on_gpu, 5) - run(model, 5))
        found = {"gpu": 1 / each, "roof": bench.card.gemm / (4 * V * H * n_chains), "cpu": 1 / cpu}
        return found | {"difference": difference, "note": f"ln Z differs from the CPU's by {difference:.1e}"}

    bench.row("Gaussian weights", measure)


def training(bench: Bench) -> None:
    """Roof: the products, at the float64 rate (near the float32 one)."""
    V, H, K, batch = (5, 7, 3, 6) if bench.tiny else (784, 3000, 200, 8000)
    bench.table(f"Training, V = {V}, H = {H}, batches of {batch}: updates per second (goal 520 of RAPID)")
    data = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), size=(5 * batch, V))
    rows: tuple[tuple[str, Any, Any, float], ...] = (
        (f"RAPID, K = {K}", sl.rbm.PID, lambda: sl.rbm.RARBM(V, H, K, rng=0), 6 * K * (V + H) * (batch + K)),
        (
            "PCD-1",
            lambda: sl.rbm.PCD(1, n_chains=batch),
            lambda: sl.rbm.RBM(V, H, rng=0),
            2 * V * H * 5 * batch,
        ),
    )
    for name, negative, machine, flops in rows:

        def measure(negative: Any = negative, machine: Any = machine, flops: float = flops) -> dict[str, Any]:
            def updates(where: str, aim: float) -> float:
                trainer = sl.rbm.Trainer(
                    machine().to(where), negative(), batch_size=batch, blas_threads=None, rng=1
                )

                def fit(epochs: int) -> float:
                    start = time.perf_counter()
                    trainer.fit(data, trainer.epoch + epochs, progress=False)
                    if where == "gpu":
                        bench.card.wait()
                    return (time.perf_counter() - start) / epochs

                each = fit(1)
                if not bench.tiny:  # the first one compiles
                    each = fit(1)
                return 5 / fit(round(aim / each)) if aim > 2 * each else 5 / each

            aim = 0.0 if bench.tiny else 2.0
            return {"gpu": updates("gpu", aim), "roof": bench.card.gemm / flops, "cpu": updates("cpu", 0.0)}

        bench.row(name, measure)


TABLES: dict[str, Callable[[Bench], None]] = {
    "search": search,
    "chains": chains,
    "training": training,
    "partition": partition,
    "layer": layer,
    "blocks": blocks,
    "ais": ais,
}


def main(words: list[str] | None = None) -> int:
    """All tables, each in a process of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(TABLES)} (default: all)")
    parser.add_argument("--out", metavar="FILE", help="append a line of JSON per row")
    parser.add_argument("--tiny", action="store_true", help="sizes that an interpreter can bear")
    parser.add_argument("--here", action="store_true", help="all tables in this process")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help=f"for all tables (default {SECONDS:g})"
    )
    args = parser.parse_args(words)
    unknown = set(args.tables) - set(TABLES)
    if unknown:
        parser.error(f"unknown table {', '.join(sorted(unknown))}; known: {', '.join(TABLES)}")
    if device.simulated() and not args.tiny:
        parser.error("the simulator takes tiny sizes only: add --tiny")
    try:
        device.require_gpu()
    except (ImportError, RuntimeError) as error:
        print(f"not measured: {error}")
        return 0
    names = args.tables or list(TABLES)
    if args.here or len(names) == 1:
        bench = Bench(args.out, args.tiny, args.seconds)
        for name in names:
            TABLES[name](bench)
        return 0
    end = time.perf_counter() + args.seconds
    for name in names:
        limit = min(float(LIMITS[name]), end - time.perf_counter())
        if limit < 10:
            print(f"\n{name}: no time left; run it alone", flush=True)
            continue
        command = [sys.executable, os.path.abspath(__file__), name, "--here", "--seconds", f"{limit - 5:.0f}"]
        command += ["--tiny"] * args.tiny + (["--out", args.out] if args.out else [])
        try:
            code = subprocess.run(command, timeout=limit + 10).returncode
        except subprocess.TimeoutExpired:
            print(f"\n{name}: stopped after {limit:.0f} s", flush=True)
            continue
        if code:
            print(f"\n{name}: ended with exit status {code}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
