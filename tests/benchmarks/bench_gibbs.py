"""Gibbs sampling: spin updates per nanosecond and core, beside dwave-samplers' annealer at fixed beta.

Run: python tests/benchmarks/bench_gibbs.py
"""

from __future__ import annotations

import time

import numpy as np

from spinlab.dynamics import gibbs
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


def ours(model, steps, chains, **options):
    seconds = fastest(lambda: gibbs(model, steps, chains, beta=1.0, rng=0, threads=1, **options))
    return steps * chains * model.n_spins / seconds * 1e-9


def dwave(model, steps, chains):
    from dwave.samplers import SimulatedAnnealingSampler

    bqm, sampler = to_bqm(model), SimulatedAnnealingSampler()
    options = {"beta_schedule_type": "custom", "beta_schedule": [1.0], "num_sweeps_per_beta": steps}
    seconds = fastest(lambda: sampler.sample(bqm, num_reads=chains, seed=1, **options), repeats=3)
    return steps * chains * model.n_spins / seconds * 1e-9


def main():
    print(f"axpy roof {axpy_roof():.3f} ns per element\n")
    print("| model, beta = 1 | chains | updates/ns | dwave-samplers SA | ratio |")
    print("| --- | --- | --- | --- | --- |")
    rows = [
        ("SK N=100", sk(100, rng=0), 3000, 16, {}),
        ("SK N=100, float32", sk(100, rng=0), 3000, 16, {"dtype": "float32"}),
        ("SK N=1000", sk(1000, rng=0), 600, 16, {}),
        ("SK N=1000, float32", sk(1000, rng=0), 600, 16, {"dtype": "float32"}),
        ("SK N=1000", sk(1000, rng=0), 200, 64, {"threads": 1}),
        ("3D Edwards-Anderson L=10", edwards_anderson(shape=(10, 10, 10), law="pm1", rng=0), 300, 16, {}),
        ("Hopfield N=1000, K=10", hopfield(1000, 10, rng=0), 300, 16, {}),
        ("RA-RBM V=100, H=400, K=10", ra_rbm(100, 400, 10, rng=0).scaled(0.05), 300, 16, {}),
    ]
    peers: dict[str, float] = {}
    for name, model, steps, chains, options in rows:
        options.pop("threads", None)
        rate = ours(model, steps, chains, **options)
        key = name.partition(",")[0]
        if key.startswith(("SK", "3D")):
            peers[key] = peers.get(key) or dwave(model, max(steps // 10, 5), chains)
        peer = peers.get(key)
        print(
            f"| {name} | {chains} | {rate:.4f} | {peer:.4f} | {rate / peer:.1f} |"
            if peer
            else f"| {name} | {chains} | {rate:.4f} | - | - |"
        )


if __name__ == "__main__":
    main()
