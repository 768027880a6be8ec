"""Proofs by branching on named generators: root gap, nodes, CPU seconds in units of one eigh, too.

One core. ``--seeds 3`` for a short run; ``--peers`` adds HiGHS' MIP on the same instances, as a 0-1 program
with one variable for each edge and spin, linearised in the usual way (odd cycles are not given to it).
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import spinlab as sl
from spinlab._core.blas import one_blas_thread
from spinlab.exact import branching


def _symmetric(upper):
    J = np.triu(upper, 1)
    return sl.models.DenseIsing(J + J.T)


def gaussian(n, seed):
    return _symmetric(np.random.default_rng(seed).normal(size=(n, n)))


def signs(n, seed):
    return _symmetric(np.random.default_rng(seed).choice([-1.0, 1.0], size=(n, n)))


def half(n, seed):
    return _symmetric(-1.0 * (np.random.default_rng(seed).random((n, n)) < 0.5))


def lattice(shape, law, seed):
    return sl.ensembles.edwards_anderson(shape=shape, law=law, rng=seed, periodic=True)


CASES = {
    "SK 60": lambda s: gaussian(60, s),
    "SK 70": lambda s: gaussian(70, s),
    "SK 80": lambda s: gaussian(80, s),
    "SK 100": lambda s: gaussian(100, s),
    "+-1 dense 60": lambda s: signs(60, s),
    "density 1/2, 60": lambda s: half(60, s),
    "density 1/2, 80": lambda s: half(80, s),
    "density 1/2, 100": lambda s: half(100, s),
    "torus Gauss 30": lambda s: lattice((30, 30), "gaussian", s),
    "torus Gauss 50": lambda s: lattice((50, 50), "gaussian", s),
    "torus +-J 30": lambda s: lattice((30, 30), "pm1", s),
    "3D Gauss 6": lambda s: lattice((6, 6, 6), "gaussian", s),
    "3D Gauss 7": lambda s: lattice((7, 7, 7), "gaussian", s),
    "3D +-J 5": lambda s: lattice((5, 5, 5), "pm1", s),
    "3D +-J 6": lambda s: lattice((6, 6, 6), "pm1", s),
}


def eigh_seconds(n: int) -> float:
    """CPU seconds of one eigendecomposition."""
    A = np.random.default_rng(0).normal(size=(n, n))
    A += A.T
    np.linalg.eigh(A)
    begin = time.process_time()
    for _ in range(5):
        np.linalg.eigh(A)
    return (time.process_time() - begin) / 5


def highs_mip(model: sl.models.IsingModel, seconds: float) -> tuple[float, float]:
    """CPU seconds of HiGHS' MIP and its relative gap: max-cut with z_ij = x_i x_j linearised."""
    import highspy

    i, j, J = model.to_sparse().edges()
    n, m = model.n_spins, len(i)
    h = highspy.Highs()
    for name, value in (("output_flag", False), ("threads", 1), ("parallel", "off"), ("time_limit", seconds)):
        h.setOptionValue(name, value)
    h.addVars(n + m, np.zeros(n + m), np.r_[0.0, np.ones(n + m - 1)])
    for v in range(n):
        h.changeColIntegrality(v, highspy.HighsVarType.kInteger)
    for e in range(m):  # y_e = 1 where the bond is broken; costs 2 J_e
        h.changeColCost(n + e, 2.0 * J[e])
        a, b, y = int(i[e]), int(j[e]), n + e
        if J[e] > 0:
            h.addRow(0.0, np.inf, 3, np.array([y, a, b], np.int32), np.array([1.0, -1.0, 1.0]))
            h.addRow(0.0, np.inf, 3, np.array([y, a, b], np.int32), np.array([1.0, 1.0, -1.0]))
        else:
            h.addRow(-np.inf, 0.0, 3, np.array([y, a, b], np.int32), np.array([1.0, -1.0, -1.0]))
            h.addRow(-np.inf, 2.0, 3, np.array([y, a, b], np.int32), np.array([1.0, 1.0, 1.0]))
    begin = time.process_time()
    h.run()
    shift = J.sum()
    info = h.getInfo()
    energy, bound = info.objective_function_value - shift, info.mip_dual_bound - shift
    return time.process_time() - begin, (energy - bound) / abs(energy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("cases", nargs="*")
    args = parser.parse_args()
    for relaxation in ("semidefinite", "cycles"):
        branching.solver.compile_kernels(relaxation)
    print(
        f"{'instances':18s}{'proven':>8s}{'median s':>10s}{'largest':>9s}"
        f"{'eigh':>9s}{'nodes':>12s}{'root gap':>10s}"
    )
    for name in args.cases or CASES:
        seconds, nodes, gaps, proven = [], [], [], 0
        for seed in range(args.seeds):
            model = CASES[name](seed)
            begin = time.process_time()
            answer = branching.ground_state(model, threads=1, seconds=args.seconds)
            seconds.append(time.process_time() - begin)
            proven += answer.certified
            nodes.append(int(answer.reason.split(", ")[1].split()[0]))
            root = branching.ground_state(model, threads=1, nodes=1, start=answer.state)
            gaps.append((answer.energy - root.lower_bound) / abs(answer.energy))
        with one_blas_thread():
            unit = eigh_seconds(model.n_spins)
        print(
            f"{name:18s}{proven:5d}/{args.seeds:<2d}{np.median(seconds):10.2f}{max(seconds):9.2f}"
            f"{np.median(seconds) / unit:9.0f}{f'{min(nodes)}..{max(nodes)}':>12s}{np.median(gaps):10.2%}",
            flush=True,
        )
        if args.peers:
            cpu, gap = highs_mip(CASES[name](0), min(args.seconds, 60.0))
            print(f"  HiGHS' MIP, seed 0: {cpu:.1f} s, gap left {gap:.2%}", flush=True)


if __name__ == "__main__":
    main()
