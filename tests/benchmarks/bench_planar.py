"""Planar ground states beside the planar solver of dwave-samplers.

    python tests/benchmarks/bench_planar.py [L ...]

prints a markdown table for open L x L lattices (and cylinders beyond L = 20) with couplings +-1 or Gaussian:
process time of the embedding and of the matching with its proof, on one core, the best of three runs. A
second table sets a mixed-integer program (scipy.optimize.milp, HiGHS) beside the default method.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import dimod
import networkx as nx
import numpy as np
import scipy.sparse
from dwave.samplers import PlanarGraphSolver
from scipy.optimize import Bounds, LinearConstraint, milp

import spinlab as sl
from spinlab.exact import planar
from spinlab.exact.planar import solver
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


def program(model: SparseIsing) -> float:
    """Energy by integer programming: x = (1 + s)/2 and for each bond y <= x_i, x_j, y >= x_i + x_j - 1."""
    i, j, J = model.edges()
    n, m = model.n_spins, len(J)
    e = np.arange(m)
    ones = np.ones(m)
    rows = [
        scipy.sparse.csr_array(
            (np.concatenate([ones, -ones]), (np.tile(e, 2), np.concatenate([n + e, k]))), (m, n + m)
        )
        for k in (i, j)
    ]
    both = scipy.sparse.csr_array(
        (np.concatenate([ones, ones, -ones]), (np.tile(e, 3), np.concatenate([i, j, n + e]))), (m, n + m)
    )
    cost = np.zeros(n + m)  # E = -sum J (4 y - 2 x_i - 2 x_j + 1)
    np.add.at(cost, i, 2 * J)
    np.add.at(cost, j, 2 * J)
    cost[n:] = -4 * J
    answer = milp(
        cost,
        integrality=np.append(np.ones(n), np.zeros(m)),
        bounds=Bounds(0, 1),
        constraints=[LinearConstraint(a, -np.inf, 0) for a in rows] + [LinearConstraint(both, -np.inf, 1)],
        options={"time_limit": 30},
    )
    return float(answer.fun - J.sum()) if answer.status == 0 else np.nan


def programs() -> None:
    print("\n| model | method | s | milp, s | ratio |")
    print("|---|---|--:|--:|--:|")
    models = [(f"{L} x {L} open, +-1", lattice(L, False, False)[0]) for L in (6, 10)]
    models += [(f"SK, +-1, N={N}", sl.ensembles.sk(N, law="pm1", rng=N).to_sparse()) for N in (12, 16)]
    for name, model in models:
        sl.ground_state(model)
        seconds = best_time(lambda model=model: sl.ground_state(model.scaled(1.0)))
        answer = sl.ground_state(model)
        start = time.process_time()
        energy = program(model)
        other = time.process_time() - start
        assert np.isnan(energy) or abs(energy - answer.energy) < 1e-6 * abs(energy)
        took = f"{other:.3g}" + (" (not finished)" if np.isnan(energy) else "")
        print(f"| {name} | {answer.method} | {seconds:.3g} | {took} | {other / seconds:.3g} |", flush=True)


def main() -> None:
    sizes = [int(x) for x in sys.argv[1:]] or [10, 20, 50, 100]
    planar.ground_state(lattice(8, False, True)[0])  # compiles
    print("| lattice | couplings | embedding | matching and proof | gap | PlanarGraphSolver | ratio |")
    print("|---|---|---|---|---|---|---|")
    for L in sizes:
        for periodic in (False, True) if L > LARGEST_OTHER else (False,):
            for gaussian in (False, True):
                model, position = lattice(L, periodic, gaussian)
                embedding = best_time(lambda model=model: solver.embed(model))
                planar.refusal(model)  # keeps the embedding
                matching = best_time(lambda model=model: planar.ground_state(model))
                answer = planar.ground_state(model)
                assert answer.certified
                row = [
                    f"{L} x {L} {'cylinder' if periodic else 'open'}",
                    "Gaussian" if gaussian else "+-1",
                    f"{embedding:.3g} s",
                    f"{matching:.3g} s",
                    f"{answer.bound_gap:.1g}",
                ]
                if L <= LARGEST_OTHER:
                    seconds, energy = other(model, position)
                    assert abs(energy - answer.energy) < 1e-6 * abs(energy)
                    row += [f"{seconds:.3g} s", f"{seconds / (embedding + matching):.3g}"]
                else:
                    row += ["-", "-"]
                print("| " + " | ".join(row) + " |", flush=True)
    programs()


if __name__ == "__main__":
    main()
