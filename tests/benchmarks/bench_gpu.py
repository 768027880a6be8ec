"""The GPU beside a roofline estimate and the CPU of the same machine; prints markdown tables.

    python tests/benchmarks/bench_gpu.py            all tables (about five minutes)
    python tests/benchmarks/bench_gpu.py search     one of: search, partition, layer, chains, blocks, training

Needs numpy, numba, numba-cuda, CuPy and spinlab. With NUMBA_ENABLE_CUDASIM=1 it runs tiny sizes on the
simulator: a check of the script, not a measurement.

Times are wall-clock, the fastest of three calls after one that compiles; they include all transfers. The CPU
column is the same call on all processors, at a size it can do, scaled by the number of states or updates.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable

import numpy as np

import spinlab as sl
from spinlab._core import device

TINY = device.simulated()


def fastest(function: Callable[[], object], repeats: int = 3) -> float:
    function()
    times = []
    for _ in range(1 if TINY else repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


class Card:
    """What the roofs are made of."""

    def __init__(self) -> None:
        self.name, self.clocks, self.bandwidth, self.gemm = "simulator", 1.0, 1.0, 1.0
        if TINY:
            return
        import cupy

        properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
        attributes = cupy.cuda.Device().attributes
        self.name = properties["name"].decode()
        self.clocks = (
            properties["multiProcessorCount"] * attributes["ClockRate"] * 1e3
        )  # SM clocks per second
        n = 8192
        a = cupy.random.random((n, n))

        def product() -> None:
            a @ a
            cupy.cuda.Device().synchronize()

        self.gemm = 2 * n**3 / fastest(product)  # flops per second in float64
        print(f"{self.name}: {properties['multiProcessorCount']} multiprocessors, ", end="")
        print(f"{attributes['ClockRate'] / 1e6:.2f} GHz, float64 product {self.gemm / 1e12:.1f} TFlop/s\n")


def row(*cells: object) -> None:
    print("| " + " | ".join(f"{c:.3g}" if isinstance(c, float) else str(c) for c in cells) + " |", flush=True)


def table(*header: str) -> None:
    row(*header)
    row(*["---"] * len(header))


def search(card: Card) -> None:
    """Goal 5e12 states/s, N = 48 in under 60 s. Roof: an addition (128 per clock) and a minimum (64)."""
    print("\n## Exhaustive search, dense, every state\n")
    table("N", "s", "states/s", "roof, states/s", "CPU, states/s", "same energy as the pruned CPU search")
    if TINY:
        row("not on the simulator")
        return
    cpu = 2**31 / fastest(lambda: sl.exact.enumeration.ground_state(sl.ensembles.sk(32, rng=0), prune=False))
    roof = card.clocks / (1 / 128 + 1 / 64)
    for N in (36, 40, 44, 48):
        model = sl.ensembles.sk(N, rng=0)
        on_gpu = model.to("gpu")
        seconds = fastest(lambda m=on_gpu: sl.exact.enumeration.ground_state(m), 3 if N < 44 else 1)
        energies = [sl.exact.enumeration.ground_state(m, max_spins=N).energy for m in (on_gpu, model)]
        same = energies[0] == energies[1]
        row(N, seconds, 2.0 ** (N - 1) / seconds, roof, cpu, same)


def partition(card: Card) -> None:
    """Roof: the matrix products alone, 2 flops for each state."""
    print("\n## ln Z, dense, beta = 1\n")
    table("N", "s", "states/s", "roof, states/s", "CPU, states/s", "difference")
    small = sl.ensembles.sk(8 if TINY else 34, rng=1)
    cpu = 2.0 ** (small.n_spins - 1) / fastest(lambda: sl.exact.partition.log_partition(small))
    difference = abs(
        sl.exact.partition.log_partition(small.to("gpu")) - sl.exact.partition.log_partition(small)
    )
    for N in (8,) if TINY else (34, 40, 43, 46):
        model = sl.ensembles.sk(N, rng=1).to("gpu")
        seconds = fastest(lambda m=model: sl.exact.partition.log_partition(m), 1 if N > 43 else 3)
        roof = card.gemm / 2
        row(N, seconds, 2.0 ** (N - 1) / seconds, roof, cpu, difference if small.n_spins == N else "")


def layer(card: Card) -> None:
    """Roof of the ground state: two float64 additions per term, 64 per clock and multiprocessor."""
    print("\n## RBM by its visible layer, H = 1000, Gaussian weights of std 0.2\n")
    table("V", "quantity", "s", "terms/s", "roof, terms/s", "CPU, terms/s", "difference")
    H = 3 if TINY else 1000
    for V in (5,) if TINY else (20, 24, 28, 30):
        model = sl.ensembles.rbm_gaussian(V=V, H=H, rng=0).scaled(0.2)
        on_gpu = model.to("gpu")
        for name, function, roof in (
            ("ground state", lambda m: sl.exact.layer.ground_state(m).energy, card.clocks * 32),
            ("ln Z", lambda m: sl.exact.layer_partition.log_partition(m), math.nan),
        ):
            seconds = fastest(lambda m=on_gpu, f=function: f(m))
            cpu, difference = math.nan, math.nan
            if V <= 24:
                cpu = 2.0 ** (V - 1) * H / fastest(lambda m=model, f=function: f(m))
                difference = abs(function(on_gpu) - function(model))
            row(V, name, seconds, 2.0 ** (V - 1) * H / seconds, roof, cpu, difference)


def flip_rate(model: sl.models.IsingModel, beta: float) -> float:
    """Fraction of visits that flip a spin, by the CPU."""
    chains = sl.dynamics.gibbs(model, 22, 64, beta=beta, burn_in=19, record_every=1, rng=0)
    return float((chains.samples[1:] != chains.samples[:-1]).mean())


def chains(card: Card) -> None:
    """Roof: reading and writing the fields at every flip, 128 bytes per clock and multiprocessor."""
    print("\n## Gibbs sampling, beta = 1: spin updates per ns\n")
    table("model", "replicas", "fields", "GPU", "roof", "CPU, all processors", "flips per update")
    n_chains = 5 if TINY else 4096
    models = [(f"SK N={N}", sl.ensembles.sk(N, rng=0), n_chains) for N in ((6,) if TINY else (1000, 2000))]
    N = 8 if TINY else 1000
    models += [(f"Hopfield N={N} K=10", sl.ensembles.hopfield(N, 10, rng=0), r * n_chains) for r in (1, 16)]
    for name, model, replicas in models:
        n, dense = model.n_spins, isinstance(model, sl.models.DenseIsing)
        on_gpu, rate = model.to("gpu"), flip_rate(model, 1.0)
        for dtype in ("float64", "float32") if dense else ("float64",):
            steps = 2 if TINY else max(20, round(2e10 * 0.05 / (n * replicas)))
            seconds = fastest(
                lambda m=on_gpu, r=replicas, t=steps, d=dtype: sl.dynamics.gibbs(m, t, r, dtype=d, rng=0)
            )
            few = 4 if TINY else 256
            cpu_steps = 2 if TINY else 20
            cpu = fastest(lambda m=model, d=dtype: sl.dynamics.gibbs(m, cpu_steps, few, dtype=d, rng=0))  # noqa: B023
            roof = (
                card.clocks * 128 / (2 * np.dtype(dtype).itemsize * n * max(rate, 1e-9))
                if dense
                else math.nan
            )
            row(
                name,
                replicas,
                dtype,
                1e-9 * n * replicas * steps / seconds,
                1e-9 * roof,
                1e-9 * n * few * cpu_steps / cpu,
                rate,
            )


def blocks(card: Card) -> None:
    """Roof: the matrix products alone."""
    print(
        "\n## Block Gibbs sampling at the size of MNIST, V = 784, H = 3000: steps of 8000 chains per second\n"
    )
    table("model", "GPU", "roof", "CPU, all processors")
    V, H, n_chains, K = (5, 7, 6, 3) if TINY else (784, 3000, 8000, 200)
    ra = sl.ensembles.ra_rbm(V=V, H=H, K=K, rng=0).scaled(0.05)
    for name, model, flops in (
        ("W", ra.to_bipartite(), 4 * V * H),
        (f"patterns, K = {K}", ra, 4 * K * (V + H)),
    ):
        steps, on_gpu = 2 if TINY else 50, model.to("gpu")
        seconds = fastest(lambda m=on_gpu: sl.dynamics.block_gibbs(m, steps, n_chains, rng=0))  # noqa: B023
        cpu = fastest(lambda m=model: sl.dynamics.block_gibbs(m, 2, n_chains, rng=0), 1)
        row(name, steps / seconds, card.gemm / (flops * n_chains), 2 / cpu)


def training(card: Card) -> None:
    """Goal for RAPID: 520 updates/s. Roof: the products, at the float64 rate (near the float32 one)."""
    print("\n## Training at the size of MNIST, V = 784, H = 3000, batches of 8000: updates per second\n")
    table("method", "GPU", "roof", "CPU, all processors")
    V, H, K, batch = (5, 7, 3, 6) if TINY else (784, 3000, 200, 8000)
    data = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), size=(5 * batch, V))
    for name, negative, machine, flops in (
        (
            f"RAPID, K = {K}",
            lambda: sl.rbm.PID(),
            lambda: sl.rbm.RARBM(V, H, K, rng=0),
            6 * K * (V + H) * (batch + K),
        ),
        (
            "PCD-1",
            lambda: sl.rbm.PCD(1, n_chains=batch),
            lambda: sl.rbm.RBM(V, H, rng=0),
            2 * V * H * 5 * batch,
        ),
    ):

        def updates(where: str, epochs: int, m=machine, n=negative) -> float:
            trainer = sl.rbm.Trainer(m().to(where), n(), batch_size=batch, blas_threads=None, rng=1)
            trainer.fit(data, 1, progress=False)
            start = time.perf_counter()
            trainer.fit(data, 1 + epochs, progress=False)
            return 5 * epochs / (time.perf_counter() - start)

        row(name, updates("gpu", 1 if TINY else 40), card.gemm / flops, updates("cpu", 1))


TABLES = {
    "search": search,
    "partition": partition,
    "layer": layer,
    "chains": chains,
    "blocks": blocks,
    "training": training,
}

if __name__ == "__main__":
    try:
        device.require_gpu()
    except (ImportError, RuntimeError) as error:
        print(f"not measured: {error}")
        raise SystemExit from None
    card = Card()
    for name in sys.argv[1:] or TABLES:
        TABLES[name](card)
