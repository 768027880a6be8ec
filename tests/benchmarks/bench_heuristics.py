"""Heuristic ground states: time to the known optimum, beside dwave-samplers' and OpenJij's annealers.

Time to solution is the processor time after which the optimum has been met with probability .99: the time
of a run times ln(.01)/ln(1 - p), at least one run, p being the share of runs that end in the optimum. Every
annealer may choose its number of sweeps (the fastest of SWEEPS) for each instance; temperatures are each
package's own defaults. ``search`` stops by itself when independent groups agree; its time is that of the
whole call, and it has to be right for every seed.

With the word "lattices": instances made here, whose optimum is proven by trees, matching or branching (the
power-law chains: the lowest energy known), and a budget of processor time for ``search`` and for the annealer
and the tabu search of dwave-samplers, all on one thread and in this run; each stops at the optimum. Two seeds
say who reaches it; with "often" sixteen seeds say how fast, where search and annealer are quick. "chains":
six Gaussian chains of 300 spins for each exponent, ``search(seconds=2)`` with its clock on processor time.

Run: SPINLAB_DATA=folder python tests/benchmarks/bench_heuristics.py
     python tests/benchmarks/bench_heuristics.py lattices|often|chains [part of a name]
"""

from __future__ import annotations

import itertools
import math
import os
import sys
import time
from pathlib import Path

import networkx as nx
import numpy as np

from spinlab import ground_state
from spinlab.dynamics import anneal, search
from spinlab.ensembles import edwards_anderson
from spinlab.models import DenseIsing, instance_metadata, load_instance, to_bqm

FAMILIES = {
    "biqmac_g05": "g05_60",
    "sk1_hamerly": "SK1_N60",
    "biqmac_pm1s": "pm1s_80",
    "biqmac_pm1d": "pm1d_80",
    "biqmac_w": "w05_100",
    "biqmac_torus2d": "t2g10",
    "biqmac_torus3d": "t3g5",
    "chimera_power": "chimera128",
}
INSTANCES, RUNS, SEEDS = 3, 100, 3
SWEEPS = (100, 300, 1000)


def spinlab_anneal(model, bqm, sweeps):
    return anneal(model, sweeps, RUNS, rng=1, threads=1).energy


def dwave(model, bqm, sweeps):
    from dwave.samplers import SimulatedAnnealingSampler

    return SimulatedAnnealingSampler().sample(bqm, num_reads=RUNS, num_sweeps=sweeps, seed=1).record.energy


def openjij(model, bqm, sweeps):
    from openjij import SASampler

    linear, quadratic, offset = bqm.to_ising()
    # No seed: with one, all reads are the same run.
    answer = SASampler().sample_ising(linear, quadratic, num_reads=RUNS, num_sweeps=sweeps)
    return answer.record.energy + offset


def time_to_solution(anneal, model, bqm, optimum):
    """(seconds, share of runs that succeed, sweeps) at the best number of sweeps."""
    best = (math.inf, 0.0, SWEEPS[-1])
    for sweeps in SWEEPS:
        start = time.process_time()
        energy = np.asarray(anneal(model, bqm, sweeps))
        seconds = (time.process_time() - start) / RUNS
        p = float((energy <= optimum + ROUNDING * abs(optimum)).mean())
        if p > 0:
            runs = 1.0 if p == 1 else max(1.0, math.log(0.01) / math.log(1 - p))
            best = min(best, (seconds * runs, p, sweeps))
    return best


BUDGET = 2.0  # seconds of processor time for each solver and seed
ATTEMPTS, OFTEN = 2, 16  # seeds
QUICK = ("30 x 10", "6 x 6 x 6", "8 x 8 x 8", "3-regular", "100 x 8", "/r^3 chain, 100")
ROUNDING = 1e-8  # of the optimum


# The lowest energies of long searches with several seeds; nan where only those of the run are known.
CHAINS = {
    (1.5, "pm1", 100): -100.447092678,
    (1.5, "pm1", 300): -315.743673,
    (1.5, "gaussian", 100): -87.898431250,
    (1.5, "gaussian", 300): -268.343019,
    (3.0, "pm1", 100): -97.857943283,
    (3.0, "pm1", 300): -302.003492,
    (3.0, "gaussian", 100): -78.259918,
    (3.0, "gaussian", 300): -229.538950,
}


# Gaussian chains of 300 spins by their seed: two searches of 5 s of processor time met the same energy each.
SIX = {
    1.5: (-268.343019169, -299.610877833, -269.435359728, -297.378953930, -287.856975587, -281.271084280),
    3.0: (-229.538949745, -258.879056428, -232.372976608, -262.113906586, -241.371923614, -240.179223867),
}


def power_law_chain(N, exponent, law, seed=0):
    """J_ij = x_ij / |i - j|^exponent between all pairs of an open chain."""
    rng, (i, j) = np.random.default_rng(seed), np.triu_indices(N, 1)
    x = rng.choice([-1, 1], i.size) if law == "pm1" else rng.standard_normal(i.size)
    J = np.zeros((N, N))
    J[i, j] = x / (j - i) ** exponent
    return DenseIsing(J + J.T)


def six_chains():
    """(name, model, optimum, how it is known), as in :func:`lattices`."""
    for exponent, lowest in SIX.items():
        for seed, energy in enumerate(lowest):
            model = power_law_chain(300, exponent, "gaussian", seed)
            yield f"Gaussian 1/r^{exponent:g} chain, 300, seed {seed}", model, energy, "lowest known"


def lattices():
    """(name, model, optimum, how it is known); None for the lowest energy that is met."""

    def ea(*shape, periodic=True, rng=0):
        return edwards_anderson(shape=shape, law="pm1", periodic=periodic, rng=rng)

    def regular(N):
        return edwards_anderson(nx.random_regular_graph(3, N, seed=0), law="pm1", rng=0)

    yield "±J torus 30 x 10", ea(30, 10), -414, "tree"
    yield "±J torus 100 x 8", ea(100, 8), None, "tree"
    yield "±J open 20 x 20", ea(20, 20, periodic=False), -544, "matching"
    yield "±J open 20 x 20, another", ea(20, 20, periodic=False, rng=1), -536, "matching"
    yield "±J open 40 x 40", ea(40, 40, periodic=False), None, "matching"
    yield "±J torus 6 x 6 x 6", ea(6, 6, 6), None, "branching"
    yield "±J torus 8 x 8 x 8", ea(8, 8, 8), -898, "lowest known"
    yield "±J chain of 1000", ea(1000, periodic=False), -999, "no frustration"
    yield "±J ring of 999", ea(999), None, "tree"
    yield "±J 3-regular, 100", regular(100), None, "branching"
    yield "±J 3-regular, 200", regular(200), None, "branching"
    for (exponent, law, N), energy in CHAINS.items():
        name = f"{'±' if law == 'pm1' else 'Gaussian '}1/r^{exponent:g} chain, {N}"
        yield name, power_law_chain(N, exponent, law), energy, "lowest known"


def spent(run, optimum):
    """(energy, processor time) of one solver: the lowest of its energies, until the optimum or the budget."""
    start, lowest = time.process_time(), math.inf
    for energy in run:
        lowest = min(lowest, energy)
        seconds = time.process_time() - start
        if seconds > BUDGET or lowest <= optimum + ROUNDING * abs(optimum):
            break
    return lowest, seconds


def by_search(model, bqm, optimum, seed):
    start = time.process_time()

    def late(found):
        return time.process_time() - start > BUDGET

    limits = {"max_steps": 2**40, "n_steps": 100, "callback": late, "threads": 1}
    target = None if math.isnan(optimum) else optimum + ROUNDING * abs(optimum)
    while True:
        yield search(model, target=target, rng=seed, **limits).energy
        seed += 1000


class ProcessorTime:
    """The clock of a search, in place of wall-clock time: other processes do not count."""

    def __init__(self):
        self.start = time.process_time()

    def seconds(self):
        return time.process_time() - self.start


def by_search_in_time(model, bqm, optimum, seed):
    for name in ("search", "_span"):
        sys.modules[f"spinlab.dynamics.{name}"].Stopwatch = ProcessorTime
    target = optimum + ROUNDING * abs(optimum)
    yield search(model, target=target, seconds=BUDGET, rng=seed, threads=1).energy


def by_annealing(sweeps):
    def run(model, bqm, optimum, seed):
        from dwave.samplers import SimulatedAnnealingSampler

        for k in itertools.count():
            answer = SimulatedAnnealingSampler().sample(
                bqm, num_reads=2, num_sweeps=sweeps, seed=1000 * seed + k
            )
            yield answer.first.energy

    return run


def by_tabu(model, bqm, optimum, seed):
    from dwave.samplers import TabuSampler

    known = {} if math.isnan(optimum) else {"energy_threshold": optimum + ROUNDING * abs(optimum)}
    for k in itertools.count():
        yield TabuSampler().sample(bqm, timeout=200, seed=1000 * seed + k, **known).first.energy


def compare(part, kind):
    """The table of the instances that are made here."""
    often = kind == "often"
    solvers = {
        "search": by_search_in_time if kind == "chains" else by_search,
        "dwave SA, 1000 sweeps": by_annealing(1000),
        "dwave SA, 10 000 sweeps": by_annealing(10_000),
    }
    if not often:
        solvers["dwave tabu"] = by_tabu
    attempts = {"often": OFTEN, "chains": 1}.get(kind, ATTEMPTS)
    titles = ["instance", "spins", "optimum", *solvers]
    print("| " + " | ".join(titles) + " |\n" + "|---" * len(titles) + "|")
    for name, model, known, how in six_chains() if kind == "chains" else lattices():
        if part not in name or (often and not any(word in name for word in QUICK)):
            continue
        optimum, bqm = known, to_bqm(model)
        if known is None:
            proof = ground_state(model, **({"method": "branching"} if how == "branching" else {}))
            assert proof.certified
            optimum = proof.energy
        search(model, n_steps=2, max_steps=6, rng=0)  # compiles
        found = {
            solver: [spent(run(model, bqm, optimum, seed), optimum) for seed in range(attempts)]
            for solver, run in solvers.items()
        }
        lowest = min(energy for runs in found.values() for energy, _ in runs)
        optimum = lowest if math.isnan(optimum) else optimum
        cells = []
        for runs in found.values():
            hits = sum(energy <= optimum + ROUNDING * abs(optimum) for energy, _ in runs)
            excess = np.mean([energy - optimum for energy, _ in runs])
            seconds = np.mean([seconds for _, seconds in runs])
            cells.append(
                f"{hits}/{attempts}, " + (f"{seconds:.2g} s" if hits == attempts else f"+{excess:.2g}")
            )
        print(
            "| " + " | ".join([name, str(model.n_spins), f"{optimum:.10g} ({how})", *cells]) + " |",
            flush=True,
        )


def main():
    if sys.argv[1:2] in (["lattices"], ["often"], ["chains"]):
        compare("".join(sys.argv[2:]), sys.argv[1])
        return
    peers = {"spinlab anneal": spinlab_anneal, "dwave-samplers SA": dwave}
    try:
        import openjij as _  # noqa: F401

        peers["OpenJij SA"] = openjij
    except ImportError:
        print("OpenJij is not installed\n")
    folder = Path(os.environ["SPINLAB_DATA"]) / "instances"
    columns = ["instance", "search: right", "ms", *(f"{name}: p (sweeps), ms" for name in peers)]
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    ratios: dict[str, list[float]] = {name: [] for name in peers}
    for family, name in FAMILIES.items():
        for path in sorted((folder / family).glob(f"{name}*.txt"))[:INSTANCES]:
            model, optimum = load_instance(path), float(instance_metadata(path)["known_ground_energy"])
            bqm = to_bqm(model)
            search(model, n_steps=2, max_steps=2, rng=0)  # compiles
            start = time.process_time()
            right = sum(search(model, rng=seed, threads=1).energy == optimum for seed in range(SEEDS))
            whole = (time.process_time() - start) / SEEDS
            row = [path.stem, f"{right}/{SEEDS}", f"{1e3 * whole:.0f}"]
            for peer, run in peers.items():
                seconds, p, sweeps = time_to_solution(run, model, bqm, optimum)
                ratios[peer].append(seconds)
                row.append("none" if p == 0 else f"{p:.2f} ({sweeps}), {1e3 * seconds:.2f}")
            print("| " + " | ".join(row) + " |", flush=True)
    ours = np.array(ratios["spinlab anneal"])
    for peer in peers:
        theirs = np.array(ratios[peer])
        both = np.isfinite(ours) & np.isfinite(theirs)
        factor = np.exp(np.log(theirs[both] / ours[both]).mean())
        solved = f"{np.isfinite(theirs).sum()} of {len(theirs)}"
        print(f"\n{peer}: solved {solved}, {factor:.2f} times the time of spinlab anneal")


if __name__ == "__main__":
    main()
