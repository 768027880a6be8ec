"""Planar ground states beside the planar solver of dwave-samplers.

    python tests/benchmarks/bench_planar.py [L ...]

prints a markdown table for open L x L lattices (and cylinders beyond L = 20) with couplings +-1 or Gaussian:
process time of the embedding and of the matching with its proof, on one core, the best of three runs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import dimod
import networkx as nx
import numpy as np
from dwave.samplers import PlanarGraphSolver

from spinlab.exact import planar
from spinlab.models import SparseIsing

LARGEST_OTHER = 20  # PlanarGraphSolver needs 9 s at L = 20


def lattice(L: int, periodic: bool, gaussian: bool) -> tuple[SparseIsing, dict[Any, Any]]:
    """The model, and positions of its sites."""
    graph = nx.grid_2d_graph(L, L, periodic=(periodic, False))
    ends = np.array([(a * L + b, c * L + d) for (a, b), (c, d) in graph.edges])
    rng = np.random.default_rng(L)
    J = rng.normal(size=len(ends)) if gaussian else rng.choice([-1.0, 1.0], len(ends))
    position = {a * L + b: (a, b) for a, b in graph.nodes}
    return SparseIsing.from_edges(ends[:, 0], ends[:, 1], J, N=L * L), position


def best_time(function: Callable[[], Any], runs: int = 3) -> float:
    times = []
    for _ in range(runs):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def other(model: SparseIsing, position: dict[Any, Any]) -> tuple[float, float]:
    """Seconds and energy of PlanarGraphSolver."""
    i, j, J = model.edges()
    bqm = dimod.BinaryQuadraticModel.from_ising(
        {}, {(int(a), int(b)): -float(x) for a, b, x in zip(i, j, J, strict=True)}
    )
    start = time.process_time()
    energy = PlanarGraphSolver().sample(bqm, pos=position).first.energy
    return time.process_time() - start, float(energy)


def main() -> None:
    sizes = [int(x) for x in sys.argv[1:]] or [10, 20, 50, 100]
    planar.ground_state(lattice(8, False, True)[0])  # compiles
    print("| lattice | couplings | embedding | matching and proof | gap | PlanarGraphSolver | ratio |")
    print("|---|---|---|---|---|---|---|")
    for L in sizes:
        for periodic in (False, True) if L > LARGEST_OTHER else (False,):
            for gaussian in (False, True):
                model, position = lattice(L, periodic, gaussian)
                embedding = best_time(lambda model=model: planar._embed(model))
                planar.refusal(model)  # keeps the embedding
                matching = best_time(lambda model=model: planar.ground_state(model))
                answer = planar.ground_state(model)
                assert answer.certified
                row = [
                    f"{L} x {L} {'cylinder' if periodic else 'open'}",
                    "Gaussian" if gaussian else "+-1",
                    f"{embedding:.3g} s",
                    f"{matching:.3g} s",
                    f"{answer.gap:.1g}",
                ]
                if L <= LARGEST_OTHER:
                    seconds, energy = other(model, position)
                    assert abs(energy - answer.energy) < 1e-6 * abs(energy)
                    row += [f"{seconds:.3g} s", f"{seconds / (embedding + matching):.3g}"]
                else:
                    row += ["-", "-"]
                print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
