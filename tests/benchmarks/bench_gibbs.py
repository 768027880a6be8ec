"""Spin updates per nanosecond and core, beside other packages on the same work.

The work is ``steps`` sweeps over all spins at beta = 1, of ``chains`` independent chains. Peers are
single-spin Metropolis samplers: the annealers of dwave-samplers and OpenJij with a schedule of one
temperature, and peapods, which knows lattices only. A peer that is not installed is left out with a note.
PySA is not among them: the Python Package Index has no release of it, its name is another project's.

Run: python tests/benchmarks/bench_gibbs.py
"""

from __future__ import annotations

import importlib
import os
import time
from functools import partial

os.environ.setdefault("RAYON_NUM_THREADS", "1")  # read by peapods on import

import numpy as np

from spinlab.dynamics import anneal, gibbs, metropolis, parallel_tempering, population_annealing
from spinlab.ensembles import edwards_anderson, hopfield, ra_rbm, sk
from spinlab.models import SparseIsing, to_bqm


def seconds(function):
    """Processor time of one call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def fastest(function, repeats=15):
    """Smallest processor time of several calls, after one that warms up."""
    function()
    return min(seconds(function) for _ in range(repeats))


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


def rows_roof(model, chains, dtype, sweeps=20):
    """ns per update of the additions to the fields alone, for the flips of one sweep and from as large a J.

    Each flip adds a row of J to the fields of its chain. No sampler that keeps fields can do with less.
    """
    from spinlab._core.jit import kernel
    from spinlab._core.lanes import aligned
    from spinlab.dynamics._dense_steps import _TILE, Tiles, _add_flips

    @kernel
    def add(J, h, rows, change, ends, sweeps):
        flat_J, flat_h = J.reshape(-1), h.reshape(-1)
        for _ in range(sweeps):
            for tile in range(h.shape[0]):
                for other in range(h.shape[0]):
                    for r in range(h.shape[1]):
                        own = np.uint64((other * h.shape[1] + r) * _TILE)
                        k = tile * h.shape[1] + r
                        piece = np.uint64(other * J[0].size)
                        _add_flips(flat_h, own, flat_J, piece, rows, change, ends[k], ends[k + 1])

    states = [gibbs(model, n, chains, beta=1.0, rng=0).states for n in (100, 101)]
    tiles = Tiles.cut(model.form(), np.dtype(dtype))
    flips = np.zeros((chains, len(tiles.b) * _TILE), bool)
    flips[:, : model.n_spins] = states[0] != states[1]
    by_tile = flips.reshape(chains, -1, _TILE).swapaxes(0, 1)
    tile, _, site = np.nonzero(by_tile)
    rows = ((tile * _TILE + site) * _TILE).astype(np.uint64)
    change = np.resize([2, -2], len(rows)).astype(dtype)
    ends = np.append(0, np.cumsum(by_tile.sum(2))).astype(np.uint64)
    h = aligned((len(tiles.b), chains, _TILE), dtype)
    add(tiles.J, h, rows, change, ends, 1)
    return lambda: (
        seconds(lambda: add(tiles.J, h, rows, change, ends, sweeps))
        / (sweeps * chains * model.n_spins * 1e-9)
    )


def dense(sizes=(100, 1000)):
    """SK models beside the additions of rows alone, the two in turn; set-up does not count."""
    print("\n| model, beta = 1, 16 chains | roof, ns per update | ns per update | of the roof |")
    print("|" + " --- |" * 4)
    for N in sizes:
        model, steps = sk(N, rng=0), 200_000 // N
        for dtype in ("float64", "float32"):

            def run(n, model=model, dtype=dtype):
                return seconds(lambda: gibbs(model, n, 16, beta=1.0, rng=0, threads=1, dtype=dtype))

            roof, times = rows_roof(model, 16, dtype), []
            run(1)
            for _ in range(12):
                times.append((roof(), run(steps), run(4 * steps)))
            limit, short, long = np.min(times, axis=0)
            own = (long - short) / (3 * steps * 16 * N) * 1e9
            print(f"| SK N={N}, {dtype} | {limit:.2f} | {own:.2f} | {limit / own:.2f} |", flush=True)


def threshold_roof(rounds=2000):
    """ns per update of drawing its threshold and nothing else, in the pattern loop and in the other loops."""
    from spinlab._core.heat_bath import SITES, coarse_thresholds, logits
    from spinlab._core.jit import kernel
    from spinlab._core.philox import UPDATE

    @kernel
    def draw_coarse(key, rounds, heat, words, out):
        for t in range(rounds):
            coarse_thresholds(key, 0, 0, t, UPDATE, False, heat, words, out)

    @kernel
    def draw(key, rounds, out):
        for t in range(rounds):
            logits(key, 0, 0, t, UPDATE, out)

    key, heat, words = np.uint64(1), np.ones(16, dtype=np.uint32), np.empty(16 * SITES, dtype=np.uint32)
    coarse, exact = np.empty(16 * SITES, dtype=np.float32), np.empty((8, SITES))
    return (
        fastest(lambda: draw_coarse(key, rounds, heat, words, coarse)) / (16 * SITES * rounds) * 1e9,
        fastest(lambda: draw(key, 4 * rounds, exact)) / (16 * SITES * rounds) * 1e9,
    )


def ours(model, steps, chains, sampler=gibbs, **options):
    shortest = fastest(lambda: sampler(model, steps, chains, beta=1.0, rng=0, threads=1, **options))
    return steps * chains * model.n_spins / shortest * 1e-9


def rate_of(run, model, steps, chains):
    """Updates per ns of a peer from the difference of two lengths: reading the model does not count.

    The longer one grows until the difference is half of a short call and 50 ms: where reading takes seconds,
    or the sweeps nearly nothing, other processes would decide it.
    """
    short, longer = seconds(partial(run, steps)), 4 * steps
    while (long := seconds(partial(run, longer))) - short < max(0.5 * short, 0.05):
        longer *= 4
    short, long = min(short, seconds(partial(run, steps))), min(long, seconds(partial(run, longer)))
    return (longer - steps) * chains * model.n_spins / (long - short) * 1e-9


def dwave(model, steps, chains, beta=1.0):
    from dwave.samplers import SimulatedAnnealingSampler

    bqm, sampler = to_bqm(model), SimulatedAnnealingSampler()
    options = {"beta_schedule_type": "custom", "beta_schedule": [beta], "num_reads": chains, "seed": 1}
    return rate_of(lambda n: sampler.sample(bqm, num_sweeps_per_beta=n, **options), model, steps, chains)


def openjij(model, steps, chains, beta=1.0):
    from openjij import BinaryQuadraticModel, SASampler

    linear, quadratic, _ = to_bqm(model).to_ising()
    bqm, sampler = BinaryQuadraticModel(linear, quadratic, "SPIN"), SASampler()

    def run(n):
        sampler.sample(bqm, num_reads=chains, schedule=[[beta, n]], seed=1)

    return rate_of(run, model, steps, chains)


def peapods(model, steps, chains, beta=1.0):
    """A temperature of one for every chain; observables are measured in the last sweep only."""
    from peapods import Ising

    if not isinstance(model, SparseIsing):
        return None
    side = round(model.n_spins ** (1 / 3))
    sites = np.arange(model.n_spins).reshape(side, side, side)
    J = model.to_dense().J
    bonds = np.stack([J[sites, np.roll(sites, -1, axis)] for axis in range(3)], axis=-1)
    ising = Ising((side, side, side), bonds, np.full(chains, 1 / beta))

    def run(n):
        ising.sample(n, sweep_mode="metropolis", sequential=True, warmup_ratio=1 - 1 / n)

    return rate_of(run, model, steps, chains)


PEERS = {"dwave-samplers SA": dwave, "OpenJij SA": openjij, "peapods": peapods}


def installed(module):
    """Whether a peer can be imported; says so if not."""
    try:
        importlib.import_module(module)
    except ImportError:
        print(f"{module} is not installed: left out")
        return False
    return True


def random_bits_roof(rounds=3000):
    """ns per update of drawing ten bits for each, which multispin coding does for all spins."""
    from spinlab._core.jit import kernel
    from spinlab._core.philox import philox

    @kernel
    def draw(key, rounds, out):
        for t in range(rounds):
            for pair in range(5):
                for j in range(64):
                    x0, x1, x2, x3 = philox(key, np.uint32(j), 0, t, 8 + 256 * pair)
                    out[j] ^= np.uint64(x0 ^ x2) | np.uint64(x1 ^ x3) << np.uint64(32)

    out = np.zeros(64, np.uint64)
    return fastest(lambda: draw(np.uint64(1), rounds, out)) / (64 * 64 * rounds) * 1e9


def population(model, steps, chains, beta, **options):
    """Population annealing of ten times as many states, in two runs, over ten temperatures."""
    betas = np.linspace(0, beta, 11)
    population_annealing(model, 5 * chains, n_steps=steps, n_runs=2, betas=betas, **options)


def words(peers):
    """Multispin coding: +-J lattices, 64 chains and more at one temperature."""
    print(f"\nten random bits for each update: {random_bits_roof():.3f} ns per update\n")
    names = [
        "chains",
        "Gibbs",
        "Metropolis",
        "in lanes",
        "anneal",
        "population",
        "tempering",
        *peers,
        "Gibbs / dwave",
    ]
    print(" | ".join(["| model, beta", *names]) + " |")
    print("|" + " --- |" * (len(names) + 1))
    for L, beta in ((10, 0.5), (10, 1.0), (10, 2.0), (16, 0.5), (16, 1.0), (16, 2.0)):
        model, chains = edwards_anderson(shape=(L, L, L), law="pm1", rng=0), 64
        steps = 3_000_000 // model.n_spins
        updates = chains * model.n_spins * 1e-9

        def rate(sampler, steps=steps, model=model, chains=chains, **options):
            shortest = fastest(lambda: sampler(model, steps, chains, rng=0, threads=1, **options), 5)
            return steps * chains * model.n_spins * 1e-9 / shortest

        own = [
            rate(gibbs, beta=beta),
            rate(metropolis, beta=beta),
            rate(gibbs, steps // 20, beta=beta, multispin=False),
            rate(anneal, beta_min=0.1, beta_max=beta, schedule="linear"),
            100 * rate(population, steps // 100, beta=beta),
            10 * rate(parallel_tempering, steps // 5, betas=np.linspace(beta / 4, beta, 10)),
        ]
        sweeps = round(1.6e-3 / updates)
        others = [f(model, sweeps, chains, beta) for f in peers.values()]
        cells = [str(chains), *(f"{r:.2f}" for r in own), *(f"{r:.4f}" for r in others)]
        ratio = f"{own[0] / others[0]:.0f}" if "dwave-samplers SA" in peers else "-"
        print(" | ".join([f"| 3D, L={L}, {beta:g}", *cells, ratio]) + " |", flush=True)


def main():
    modules = ("dwave.samplers", "openjij", "peapods")
    peers = {name: f for (name, f), m in zip(PEERS.items(), modules, strict=True) if installed(m)}
    coarse, exact = threshold_roof()
    print(f"axpy roof {axpy_roof():.3f} ns per element")
    print(f"thresholds alone: {coarse:.2f} ns per update for patterns and graphs, {exact:.2f} else\n")
    print(" | ".join(["| model, beta = 1", "chains", "updates/ns", *peers]) + " |")
    print("|" + " --- |" * (3 + len(peers)))
    rows = [
        ("SK N=100", sk(100, rng=0), 3000, 16, {}),
        ("SK N=100, float32", sk(100, rng=0), 3000, 16, {"dtype": "float32"}),
        ("SK N=100, Metropolis", sk(100, rng=0), 3000, 16, {"sampler": metropolis}),
        ("SK N=1000", sk(1000, rng=0), 100, 16, {}),
        ("SK N=1000, float32", sk(1000, rng=0), 100, 16, {"dtype": "float32"}),
        ("SK N=1000", sk(1000, rng=0), 50, 64, {}),
        *(
            (
                f"3D Edwards-Anderson L={L}, {law}",
                edwards_anderson(shape=(L, L, L), law=law, rng=0),
                300,
                16,
                {},
            )
            for L, law in ((10, "pm1"), (10, "gaussian"), (16, "gaussian"))
        ),
        *((f"Hopfield N=1000, K={K}", hopfield(1000, K, rng=0), 300, 16, {}) for K in (3, 5, 10, 20, 50)),
        ("RA-RBM V=100, H=400, K=10", ra_rbm(100, 400, 10, rng=0).scaled(0.05), 300, 16, {}),
    ]
    known: dict[tuple[str, int], list[str]] = {}
    for name, model, steps, chains, options in rows:
        rate = ours(model, steps, chains, **options)
        key = name.split(",")[0] if name.startswith("SK") else name, chains
        if key not in known:
            sweeps = round(1.6e6 / (chains * model.n_spins))
            rates = [f(model, sweeps, chains) for f in peers.values()]
            known[key] = ["-" if r is None else f"{r:.4f}" for r in rates]
        print(" | ".join([f"| {name}", str(chains), f"{rate:.4f}", *known[key]]) + " |", flush=True)
    dense()
    words(peers)


if __name__ == "__main__":
    main()
