"""Proofs by branching on named generators: root gap, nodes, CPU seconds in units of one eigh, too.

One core, processor time, ``--seeds`` instances each. ``--record FILE`` appends a line of JSON for every
instance and leaves out those that FILE already has: a run that was stopped goes on from there; ``--table
FILE`` prints what was recorded. ``--solvers branching HiGHS SCIP CP-SAT`` runs others on the same instances,
one after the other, where they are installed: each with the 0-1 program that its users would write down,
products of spins linearised for the first two, an exclusive or for each bond for CP-SAT. ``--instances
FOLDER`` times published ones, by the beginning of their names. ``--eigen`` says how much of a proof by
semidefinite bounds is spent on eigenvectors.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import spinlab as sl
from spinlab._core.blas import one_blas_thread
from spinlab._core.lapack import positive_eigenpairs
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


def sparse_random(n, density, values, seed):
    rng = np.random.default_rng(seed)
    kept = rng.random((n, n)) < density
    return _symmetric(kept * rng.choice(values, size=(n, n)))


def qubo(n, density, seed):
    """Integers of -100 to 100 on the diagonal and beside it, as in Billionnet and Elloumi's instances."""
    rng = np.random.default_rng(seed)
    Q = np.triu(rng.integers(-100, 101, size=(n, n)) * (rng.random((n, n)) < density), 1)
    return sl.models.from_qubo((Q + np.diag(rng.integers(-100, 101, size=n))).astype(float))


def regular(n, law, seed):
    import networkx as nx

    graph = nx.random_regular_graph(3, n, seed=seed)
    edges = np.array(sorted(graph.edges))
    rng = np.random.default_rng(seed)
    J = -np.ones(len(edges)) if law == "maxcut" else rng.normal(size=len(edges))
    return sl.models.SparseIsing.from_edges(edges[:, 0], edges[:, 1], J, n)


def chimera(size, law, seed):
    """size x size cells of K_44, joined to the right by one half and downwards by the other."""
    number = np.arange(8 * size * size).reshape(size, size, 2, 4)
    pairs = [(a, b) for cell in number.reshape(-1, 2, 4) for a in cell[0] for b in cell[1]]
    pairs += zip(number[:, :-1, 0].ravel(), number[:, 1:, 0].ravel(), strict=True)
    pairs += zip(number[:-1, :, 1].ravel(), number[1:, :, 1].ravel(), strict=True)
    edges = np.array(pairs)
    J = np.random.default_rng(seed).normal(size=len(edges))
    J = np.sign(J) if law == "pm1" else J
    return sl.models.SparseIsing.from_edges(edges[:, 0], edges[:, 1], J, number.size)


CASES = {
    "SK 50": lambda s: gaussian(50, s),
    "SK 60": lambda s: gaussian(60, s),
    "SK 70": lambda s: gaussian(70, s),
    "SK 80": lambda s: gaussian(80, s),
    "SK 100": lambda s: gaussian(100, s),
    "SK 120": lambda s: gaussian(120, s),
    "+-1 dense 60": lambda s: signs(60, s),
    "pm1d 80": lambda s: sparse_random(80, 0.99, [-1.0, 1.0], s),
    "pm1s 80": lambda s: sparse_random(80, 0.1, [-1.0, 1.0], s),
    "w05 100": lambda s: sparse_random(100, 0.5, np.arange(-10.0, 11.0), s),
    "be 100": lambda s: qubo(100, 1.0, s),
    "be 120.3": lambda s: qubo(120, 0.3, s),
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
    "3-regular 300": lambda s: regular(300, "gaussian", s),
    "3-regular cut 100": lambda s: regular(100, "maxcut", s),
    "chimera 512": lambda s: chimera(8, "gaussian", s),
    "chimera +-J 512": lambda s: chimera(8, "pm1", s),
    "torus +-J 50": lambda s: lattice((50, 50), "pm1", s),
    "be 120.8": lambda s: qubo(120, 0.8, s),
    "be 150.3": lambda s: qubo(150, 0.3, s),
    "be 150.8": lambda s: qubo(150, 0.8, s),
}


def eigh_seconds(n: int) -> float:
    """CPU seconds of one eigendecomposition, the quickest of some."""
    A = np.random.default_rng(0).normal(size=(n, n))
    A += A.T
    times = []
    for _ in range(20 if n <= 400 else 2):
        begin = time.process_time()
        np.linalg.eigh(A)
        times.append(time.process_time() - begin)
    return min(times)


def bonds(model: sl.models.IsingModel) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """Spins, i, j and J of all bonds; fields are bonds to one more spin 0, which the programs hold."""
    sparse = model.to_sparse()
    (i, j, J), k = sparse.edges(), np.flatnonzero(sparse.b)
    if not len(k):
        return model.n_spins, i, j, J
    return model.n_spins + 1, np.r_[0 * k, i + 1], np.r_[k + 1, j + 1], np.r_[sparse.b[k], J]


def highs_mip(model: sl.models.IsingModel, seconds: float) -> tuple[float, float, float]:
    """CPU seconds of HiGHS' MIP, its energy and its bound: max-cut with z_ij = x_i x_j linearised."""
    import highspy

    n, i, j, J = bonds(model)
    m = len(i)
    h = highspy.Highs()
    for name, value in (("output_flag", False), ("threads", 1), ("parallel", "off")):
        h.setOptionValue(name, value)
    end = time.process_time() + seconds
    h.cbMipInterrupt += lambda event: event.interrupt() if time.process_time() > end else None
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
    took, shift, info = time.process_time() - begin, model.offset - J.sum(), h.getInfo()
    return took, info.objective_function_value + shift, info.mip_dual_bound + shift


def scip(model: sl.models.IsingModel, seconds: float) -> tuple[float, float, float]:
    """The same of SCIP with its defaults, one thread."""
    import pyscipopt

    n, i, j, J = bonds(model)
    program = pyscipopt.Model()
    program.hideOutput()
    program.setParam("limits/time", seconds)
    program.setParam("timing/clocktype", 1)  # processor time
    x = [program.addVar(vtype="B") for _ in range(n)]
    program.addCons(x[0] == 0)
    broken = [program.addVar(lb=0, ub=1) for _ in J]
    for a, b, c, y in zip(i, j, J, broken, strict=True):
        if c > 0:
            program.addCons(y >= x[a] - x[b])
            program.addCons(y >= x[b] - x[a])
        else:
            program.addCons(y <= x[a] + x[b])
            program.addCons(y <= 2 - x[a] - x[b])
    program.setObjective(pyscipopt.quicksum(2.0 * c * y for c, y in zip(J, broken, strict=True)))
    begin = time.process_time()
    program.optimize()
    took, shift = time.process_time() - begin, model.offset - J.sum()
    return took, program.getPrimalbound() + shift, program.getDualbound() + shift


def cp_sat(model: sl.models.IsingModel, seconds: float) -> tuple[float, float, float]:
    """The same of CP-SAT with one worker; couplings are rounded to 1e-6 of the largest."""
    from ortools.sat.python import cp_model

    n, i, j, J = bonds(model)
    unit = 1.0 if (np.rint(J) == J).all() else np.abs(J).max() / 1e6
    whole = np.rint(J / unit)
    program = cp_model.CpModel()
    x = [program.new_bool_var("") for _ in range(n)]
    program.add(x[0] == 0)
    broken = [program.new_bool_var("") for _ in J]
    for a, b, y in zip(i, j, broken, strict=True):
        program.add_bool_xor([x[a], x[b], y, True])
    program.minimize(sum(int(2 * c) * y for c, y in zip(whole, broken, strict=True)))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    begin = time.process_time()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            if time.process_time() > begin + seconds:
                solver.stop_search()

    threading.Thread(target=watch, daemon=True).start()
    solver.solve(program)
    took = time.process_time() - begin
    over.set()
    values = np.array([solver.objective_value, solver.best_objective_bound])
    return took, *(unit * (values - whole.sum()) + model.offset).tolist()


PEERS = {"HiGHS": highs_mip, "SCIP": scip, "CP-SAT": cp_sat}


@contextmanager
def halted_after(tree: branching.tree.Tree, seconds: float) -> Iterator[None]:
    """Ends the work on a tree after so much processor time, which other jobs do not shorten."""
    end = time.process_time() + seconds
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            if time.process_time() > end:
                tree.halt.fill(1)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def measure(model: sl.models.IsingModel, limit: float) -> dict[str, float]:
    """One proof: processor seconds, nodes, energy, bound, and the bound at its root."""
    begin = time.process_time()
    run = branching.solver.Run(model, branching.limits.relaxation_of(model))
    with halted_after(run.tree, limit):
        run.go_on(branching.Limits(), threads=1)
    answer, seconds = run.answer(), time.process_time() - begin
    root = run.tree.root_h2
    return {
        "N": model.n_spins,
        "seconds": seconds,
        "proven": bool(answer.certified),
        "nodes": run.tree.n_nodes,
        "energy": answer.energy,
        "bound": answer.lower_bound,
        "root": answer.lower_bound if root is None else min(answer.energy, run.problem.lower_bound(root)),
    }


def eigen(case: str, seeds: int) -> None:
    """Processor time of proofs beside that of their eigenvectors, and of as many complete eigh."""
    improve, rows = branching.semidefinite._improve, []
    for seed in range(seeds):
        calls = []  # spins, evaluations, seconds, and a matrix as it was met

        def timed(C, x, triangles, m, best_x, best_triangles, X, *rest, calls=calls):
            begin = time.process_time()
            value, m, evaluations = improve(C, x, triangles, m, best_x, best_triangles, X, *rest)
            seconds = time.process_time() - begin
            calls.append((len(C), evaluations, seconds, (C, best_x, best_triangles[:m], X)))
            return value, m, evaluations

        branching.semidefinite._improve = timed
        try:
            whole = measure(CASES[case](seed), 300.0)["seconds"]
        finally:
            branching.semidefinite._improve = improve
        pairs = full = 0.0
        with one_blas_thread():
            for n in {call[0] for call in calls}:
                same = [call for call in calls if call[0] == n]
                evaluations = sum(call[1] for call in same)
                pairs += evaluations * pairs_seconds(matrix_of(*same[0][3]))
                full += evaluations * eigh_seconds(n)
        evaluations, bounds = sum(call[1] for call in calls), sum(call[2] for call in calls)
        rows.append((whole, evaluations, bounds / whole, pairs / whole, full / whole))
    whole, evaluations, bounds, pairs, full = np.median(rows, axis=0)
    print(
        f"{case:18s} median s {whole:.2f}, evaluations {evaluations:.0f}; of the whole: bounds {bounds:.2f}, "
        f"their eigenvectors {pairs:.2f}, as many complete eigh {full:.2f}",
        flush=True,
    )


def matrix_of(C: np.ndarray, x: np.ndarray, triangles: np.ndarray, X: np.ndarray) -> np.ndarray:
    """(C + T(g))/2 - Diag y, with as many positive eigenvalues as X has."""
    n = len(C)
    M = 0.5 * C - np.diag(x[:n])
    for (i, j, k, code), g in zip(triangles, x[n:], strict=False):
        for a, b, plus in ((i, j, code < 2), (i, k, code in (0, 2)), (j, k, code in (0, 3))):
            M[a, b] += 0.5 * g if plus else -0.5 * g
            M[b, a] = M[a, b]
    w, rank = np.linalg.eigvalsh(M), np.clip(np.linalg.matrix_rank(X), 1, n - 1)
    return M - np.eye(n) * (w[-rank] + w[-rank - 1]) / 2


def pairs_seconds(M: np.ndarray) -> float:
    """CPU seconds of the eigenpairs that a bound asks for, the quickest of some."""
    w, Z, times = np.empty(len(M)), np.empty_like(M), []
    for _ in range(20):
        A = M.copy()
        begin = time.process_time()
        positive_eigenpairs(A, w, Z)
        times.append(time.process_time() - begin)
    return min(times)


def table(lines: list[dict]) -> None:
    """Proven, median and largest seconds, median in eigendecompositions, nodes, gaps at the root and left."""
    print(
        f"{'instances':18s}{'proven':>8s}{'median s':>10s}{'largest':>9s}"
        f"{'eigh':>9s}{'nodes':>12s}{'root gap':>10s}{'left':>8s}"
    )
    for name in dict.fromkeys(line["case"] for line in lines):
        rows = [line for line in lines if line["case"] == name and line["solver"] == "branching"]
        if rows:
            seconds = [row["seconds"] for row in rows]
            nodes = [row["nodes"] for row in rows]
            roots = [(row["energy"] - row["root"]) / abs(row["energy"]) for row in rows]
            left = [(row["energy"] - row["bound"]) / abs(row["energy"]) for row in rows if not row["proven"]]
            with one_blas_thread():
                unit = eigh_seconds(rows[0]["N"])
            proven, span = f"{len(rows) - len(left)}/{len(rows)}", f"{min(nodes)}..{max(nodes)}"
            print(
                f"{name:18s}{proven:>8s}{np.median(seconds):10.2f}{max(seconds):9.2f}"
                f"{np.median(seconds) / unit:9.0f}{span:>12s}{np.median(roots):10.2%}"
                + (f"{max(left):8.2%}" if left else "")
            )
        for line in lines:
            if line["case"] == name and line["solver"] != "branching":
                left = (line["energy"] - line["bound"]) / abs(line["energy"])
                print(
                    f"  {line['solver']:8s} {line['seed']} {line['seconds']:6.1f} s, "
                    f"energy {line['energy']:.6g}, {left:.2%} left"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=300.0, help="limit of each, processor time")
    parser.add_argument("--solvers", nargs="+", choices=["branching", *PEERS], default=["branching"])
    parser.add_argument("--record", type=Path, metavar="FILE")
    parser.add_argument("--table", type=Path, metavar="FILE")
    parser.add_argument("--instances")
    parser.add_argument("--eigen", action="store_true")
    parser.add_argument("cases", nargs="*")
    args = parser.parse_args()
    if args.table:
        table([json.loads(line) for line in args.table.read_text().splitlines()])
        return
    for relaxation in ("semidefinite", "cycles"):
        branching.solver.compile_kernels(relaxation)
    if args.eigen:
        for case in args.cases:
            eigen(case, args.seeds)
        return
    lines = []
    if args.record and args.record.exists():
        lines = [json.loads(line) for line in args.record.read_text().splitlines()]
    known = {(line["case"], line["solver"], line["seed"]) for line in lines}
    for case in args.cases or CASES:
        if args.instances:
            files = sorted(Path(args.instances).rglob(case + "*"))
            models = ((str(f.name), lambda f=f: sl.models.load_instance(f)) for f in files)
        else:
            models = ((seed, lambda case=case, seed=seed: CASES[case](seed)) for seed in range(args.seeds))
        for seed, make in models:
            for solver in args.solvers:
                if (case, solver, seed) in known:
                    continue
                line = {"case": case, "solver": solver, "seed": seed}
                if solver == "branching":
                    line |= measure(make(), args.seconds)
                else:
                    seconds, energy, bound = PEERS[solver](make(), args.seconds)
                    line |= {"seconds": seconds, "energy": energy, "bound": bound}
                lines.append(line)
                if args.record:
                    with args.record.open("a") as file:
                        file.write(json.dumps(line) + "\n")
    table(lines)


if __name__ == "__main__":
    main()
