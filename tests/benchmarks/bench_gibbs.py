"""Spin updates per nanosecond and core, beside the annealers of dwave-samplers and OpenJij at fixed beta.

Run: python tests/benchmarks/bench_gibbs.py
"""

from __future__ import annotations

import time

import numpy as np

from spinlab.dynamics import gibbs, metropolis
from spinlab.ensembles import edwards_anderson, hopfield, ra_rbm, sk
from spinlab.models import to_bqm


def fastest(function, repeats=5):
    """Smallest processor time of several calls, after one that warms up."""
    function()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def axpy_roof(n=1024, rounds=20_000):
    """ns per element of h += x J[i], the work of one flip on a dense row in the first cache level."""
    from spinlab._core.jit import kernel

    @kernel
    def axpy(h, J, rounds):
        for r in range(rounds):
            x = 2.0 if r & 1 else -2.0
            for j in range(len(h)):
                h[j] += x * J[j]

    h, J = np.zeros(n), np.ones(n)
    return fastest(lambda: axpy(h, J, rounds)) / (n * rounds) * 1e9


def ours(model, steps, chains, sampler=gibbs, **options):
    seconds = fastest(lambda: sampler(model, steps, chains, beta=1.0, rng=0, threads=1, **options))
    return steps * chains * model.n_spins / seconds * 1e-9


def rate_of(run, model, steps, chains):
    """Updates per ns of a peer from the difference of two lengths: reading the model does not count."""
    short = fastest(lambda: run(steps), repeats=1)
    long = fastest(lambda: run(4 * steps), repeats=1)
    return 3 * steps * chains * model.n_spins / (long - short) * 1e-9


def dwave(model, steps, chains):
    from dwave.samplers import SimulatedAnnealingSampler

    bqm, sampler = to_bqm(model), SimulatedAnnealingSampler()
    options = {"beta_schedule_type": "custom", "beta_schedule": [1.0], "num_reads": chains, "seed": 1}
    return rate_of(lambda n: sampler.sample(bqm, num_sweeps_per_beta=n, **options), model, steps, chains)


def openjij(model, steps, chains):
    from openjij import SASampler

    linear, quadratic, _ = to_bqm(model).to_ising()
    sampler = SASampler()

    def run(n):
        sampler.sample_ising(linear, quadratic, num_reads=chains, schedule=[[1.0, n]], seed=1)

    return rate_of(run, model, steps, chains)


def peer(function, *arguments):
    try:
        return function(*arguments)
    except ImportError:
        return None


def main():
    print(f"axpy roof {axpy_roof():.3f} ns per element\n")
    print("| model, beta = 1 | chains | updates/ns | dwave-samplers SA | OpenJij SA |")
    print("| --- | --- | --- | --- | --- |")
    rows = [
        ("SK N=100", sk(100, rng=0), 3000, 16, {}),
        ("SK N=100, float32", sk(100, rng=0), 3000, 16, {"dtype": "float32"}),
        ("SK N=1000", sk(1000, rng=0), 600, 16, {}),
        ("SK N=1000, float32", sk(1000, rng=0), 600, 16, {"dtype": "float32"}),
        ("SK N=1000", sk(1000, rng=0), 200, 64, {}),
        ("3D Edwards-Anderson L=10", edwards_anderson(shape=(10, 10, 10), law="pm1", rng=0), 300, 16, {}),
        ("SK N=100, Metropolis", sk(100, rng=0), 3000, 16, {"sampler": metropolis}),
        ("Hopfield N=1000, K=3", hopfield(1000, 3, rng=0), 300, 16, {}),
        ("Hopfield N=1000, K=10", hopfield(1000, 10, rng=0), 300, 16, {}),
        ("Hopfield N=1000, K=20", hopfield(1000, 20, rng=0), 300, 16, {}),
        ("Hopfield N=1000, K=50", hopfield(1000, 50, rng=0), 300, 16, {}),
        ("RA-RBM V=100, H=400, K=10", ra_rbm(100, 400, 10, rng=0).scaled(0.05), 300, 16, {}),
    ]
    peers: dict[str, list[str]] = {}
    for name, model, steps, chains, options in rows:
        rate = ours(model, steps, chains, **options)
        key = name.removesuffix(", float32").removesuffix(", Metropolis")
        if "Hopfield" in name and "K=10" not in name:
            peers[key] = ["-", "-"]  # the peers store all couplings: K does not matter
        if key not in peers:
            n = max(2, round(4e6 / (chains * model.n_spins * min(model.n_spins, 100))))
            rates = [peer(f, model, 10 * n, chains) for f in (dwave, openjij)]
            peers[key] = ["-" if r is None else f"{r:.4f}" for r in rates]
        print(f"| {name} | {chains} | {rate:.4f} | {peers[key][0]} | {peers[key][1]} |", flush=True)


if __name__ == "__main__":
    main()
