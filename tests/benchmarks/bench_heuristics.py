"""Heuristic ground states: time to the known optimum, beside dwave-samplers' and OpenJij's annealers.

Time to solution is the processor time after which the optimum has been met with probability .99: the time
of a run times ln(.01)/ln(1 - p), at least one run, p being the share of runs that end in the optimum. Every
annealer may choose its number of sweeps (the fastest of SWEEPS) for each instance; temperatures are each
package's own defaults. ``search`` stops by itself when independent groups agree; its time is that of the
whole call, and it has to be right for every seed.

Run: SPINLAB_DATA=folder python tests/benchmarks/bench_heuristics.py
"""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

import numpy as np

from spinlab.dynamics import anneal, search
from spinlab.models import instance_metadata, load_instance, to_bqm

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
        p = float((energy <= optimum + 1e-9 * abs(optimum)).mean())
        if p > 0:
            runs = 1.0 if p == 1 else max(1.0, math.log(0.01) / math.log(1 - p))
            best = min(best, (seconds * runs, p, sweeps))
    return best


def main():
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
