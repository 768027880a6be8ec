"""How often are the verdicts of ``spinlab.diagnose`` right?

The truth of every model comes from its ensemble and from theory, never from what the report measures. Models
lie far from every line of their diagram (|ln T/T_line| > 0.3), near one, or on it; traps are models that look
like glasses and are none, or that break the assumptions of the theory; the phases of trained machines are
known from their data and exact likelihood (``trained_machines.py``). The thresholds of the verdicts were set
with other seeds (``--seed 1``) than those of the published table (``--seed 2``).

    python tests/benchmarks/validate_diagnose.py --seed 2 --out diagnose.jsonl   10 to 20 minutes, resumable
    python tests/benchmarks/validate_diagnose.py --table diagnose.jsonl
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import trained_machines

import spinlab as sl
from spinlab import theory
from spinlab.models import BipartiteIsing, DenseIsing

FAR = (0.31, 0.5, 0.9)  # ln T/T_line, both signs
NEAR = (0.05, 0.15)
P, O, G = "paramagnet", "ordered", "spin glass"


class Case(NamedTuple):
    """One model of the validation set; ``phase`` is None where theory leaves it open."""

    name: str
    group: str  # far, near, on, trap, trained
    phase: str | None
    minima: str | None
    dynamics: str | None
    distance: float  # ln T/T_line of the nearest line
    make: Callable[[np.random.Generator], Any]
    beta: float


def cases(small: bool = False) -> list[Case]:
    """All of them, trained ones last; with ``small`` one in twenty of the small ones."""
    found = [*_sk(), *_gaussian_rbm(), *_hopfield(), *_mattis(), *_ra_rbm(), *_traps()]
    found = [case for case in found if _worth_it(case)]
    found.sort(key=_sites)
    found += [
        Case(name, "trained", phase, None, None, x, make, 1.0)
        for name, phase, x, make in trained_machines.machines()
    ]
    return [case for case in found if _sites(case) <= 300][::20] if small else found


def _worth_it(case: Case) -> bool:
    """Large models take seconds each: not near their lines, and the largest not far from them."""
    large, largest = _sites(case) >= 900, _sites(case) >= 1500
    return (
        case.group == "trap"
        or not large
        or (case.group == "far" and (not largest or abs(case.distance) == FAR[0]))
    )


def _sites(case: Case) -> int:
    return int(case.name.split("N=")[1].split()[0])


def _around(lines: dict[float, tuple[str, str]]) -> Iterator[tuple[str, float, str | None, float]]:
    """(group, T, phase, ln T/T_line) around every line {T_line: (phase below, phase above)} of a diagram."""
    for line, (below, above) in lines.items():
        for group, distances in (("far", FAR), ("near", NEAR), ("on", (0.0,))):
            for x in sorted({s * d for d in distances for s in (-1, 1)}):
                T = line * math.exp(x)
                nearest = min((math.log(T / other) for other in lines), key=abs)
                if abs(nearest - x) > 1e-9 or (group == "far" and abs(x) < 0.3):
                    continue
                yield group, T, (None if group == "on" else below if x < 0 else above), x


def _sk() -> Iterator[Case]:
    for N in (20, 50, 100, 200, 500, 1000, 2000):
        for group, T, phase, x in _around({1.0: (G, P)}):
            for law in ("gaussian", "pm1", "uniform") if N < 900 else ("gaussian",):
                yield Case(
                    f"SK {law} N={N} T={T:.3f}", group, phase, "many" if N >= 100 else None,
                    "equilibrates" if x >= 0.3 else "trapped" if x <= -0.9 and N >= 500 else None, x,
                    lambda rng, N=N, law=law: sl.ensembles.sk(N, law=law, rng=rng), 1 / T,
                )  # fmt: skip


def _gaussian_rbm() -> Iterator[Case]:
    for V, H in (
        (10, 30),
        (15, 60),
        (20, 100),
        (50, 50),
        (30, 300),
        (80, 160),
        (60, 240),
        (200, 200),
        (100, 900),
        (500, 1000),
    ):
        for group, T, phase, x in _around({1.0: (G, P)}):
            # Every visible state is a minimum once V Phi(-sqrt(2H/(pi V))) << 1: nothing moves.
            stiff = V * 0.5 * math.erfc(math.sqrt(H / (math.pi * V))) < 0.02 and x < -2
            yield Case(
                f"RBM V={V} H={H} N={V + H} T={T:.3f}", group, phase, "many" if V + H >= 100 else None,
                "frozen" if stiff else "equilibrates" if x >= 0.3 else None, x,
                lambda rng, V=V, H=H: sl.ensembles.rbm_gaussian(V, H, rng=rng), 1 / T / (V * H) ** 0.25,
            )  # fmt: skip
    for V, H in ((20, 1000), (12, 800)):
        for x in (-2.5, -3.5):
            yield Case(
                f"frozen RBM V={V} H={H} N={V + H}", "far", G, "many", "frozen", x,
                lambda rng, V=V, H=H: sl.ensembles.rbm_gaussian(V, H, rng=rng),
                math.exp(-x) / (V * H) ** 0.25,
            )  # fmt: skip


def _hopfield() -> Iterator[Case]:
    for N, alpha in (
        (200, 0.05), (400, 0.02), (1000, 0.01), (1000, 0.03), (2000, 0.02),  # recall in equilibrium below T_c
        (300, 0.2), (500, 0.3), (100, 0.5), (150, 0.4), (80, 0.8), (60, 1.0), (250, 1.5), (200, 2.0),
        (1000, 0.25), (2000, 0.2),  # none
    ):  # fmt: skip
        T_g, T_M, T_c = (
            float(line(alpha))
            for line in (
                theory.hopfield.glass_line,
                theory.hopfield.retrieval_line,
                theory.hopfield.coexistence_line,
            )
        )
        if alpha < 0.053:
            # T_M is no line of the thermodynamic phase; keep away from it all the same.
            lines = {T_c: (O, G), T_g: (G, P)}
        else:
            lines = {T_g: (G, P)}
        for group, T, phase, x in _around(lines):
            if group == "far" and T_M > 0 and abs(math.log(T / T_M)) < 0.3:
                continue
            yield Case(
                f"Hopfield alpha={alpha} N={N} T={T:.3f}", group, phase, "many" if N * alpha >= 20 else None,
                "equilibrates" if T_g * 1.34 < T else None, x,
                lambda rng, N=N, a=alpha: sl.ensembles.hopfield(N, round(a * N), rng=rng), 1 / T,
            )  # fmt: skip


def _mattis() -> Iterator[Case]:
    """Fixed K: order below T = 1, few minima."""
    for N, K in (
        (20, 1),
        (30, 1),
        (50, 1),
        (100, 1),
        (150, 1),
        (500, 1),
        (2000, 1),
        (200, 2),
        (300, 2),
        (500, 3),
        (1000, 3),
    ):
        for group, T, phase, x in _around({1.0: (O, P)}):
            yield Case(
                f"patterns K={K} N={N} T={T:.3f}", group, phase, "few",
                "equilibrates" if x >= 0.3 else None, x,
                lambda rng, N=N, K=K: sl.ensembles.hopfield(N, K, rng=rng), 1 / T,
            )  # fmt: skip


def _ra_rbm() -> Iterator[Case]:
    for V, H, K in (
        (200, 200, 4),
        (500, 500, 10),
        (200, 800, 4),
        (1000, 1000, 20),
        (300, 300, 150),
        (100, 400, 80),
    ):
        a, c = K / V, K / H
        T_g = 1 / float(theory.bipartite.glass_line(a, c))
        low = a < theory.bipartite.equilibrium_load(gamma=H / V)
        if low:
            grid = np.linspace(0.05, 0.99, 95)
            T_c = float(grid[theory.bipartite.equilibrium_load(1 / grid, H / V) > a].max())
            lines = {T_c: (O, G), T_g: (G, P)}
        else:
            lines = {T_g: (G, P)}
        for group, T, phase, x in _around(lines):
            yield Case(
                f"RA-RBM V={V} H={H} K={K} N={V + H} T={T:.3f}", group, phase, None,
                "equilibrates" if T_g * 1.34 < T else None, x,
                lambda rng, V=V, H=H, K=K: sl.ensembles.ra_rbm(V, H, K, rng=rng),
                float(theory.coordinates.ra_rbm_std(V, H, K, 1.0)) / T,
            )  # fmt: skip


def _traps() -> Iterator[Case]:
    def trap(name: str, phase: str, minima: str | None, make: Any, T: float, x: float) -> Case:
        return Case(f"{name} T={T:.3f}", "trap", phase, minima, None, x, make, 1 / T)

    for L in (5, 8, 16, 32):  # no glass at T > 0 in two dimensions
        for law in ("gaussian", "pm1"):
            for T in (0.3, 0.6, 1.2):
                yield trap(
                    f"EA 2D {law} N={L * L}", P, None,
                    lambda rng, L=L, law=law: sl.ensembles.edwards_anderson(shape=(L, L), law=law, rng=rng),
                    T, 1.0,
                )  # fmt: skip
    for L in (10, 20, 40):  # Onsager's magnet, gauged
        for x in (-0.5, -0.35, 0.4, 0.7):
            yield trap(
                f"magnet 2D N={L * L}", O if x < 0 else P, None, lambda rng, L=L: _gauged_lattice(L, rng),
                theory.ising2d.T_C * math.exp(x), x,
            )  # fmt: skip
    for N in (100, 400):  # random signs on all pairs of blocks: each block is an SK model
        for x in (-0.6, 0.4):
            yield trap(
                f"blocks of SK N={N}",
                G if x < 0 else P,
                None,
                lambda rng, N=N: _blocks(N, 4, rng),
                math.exp(x),
                x,
            )
    for N in (100, 500):  # planted pattern on SK: order for J0 > 1 below T = J0, glass for J0 < 1 below T = 1
        for J0, T, phase in ((2.0, 1.2, O), (2.0, 0.8, O), (2.0, 3.0, P), (0.3, 0.5, G), (0.3, 1.5, P)):
            yield trap(
                f"planted J0={J0} N={N}", phase, None, lambda rng, N=N, J0=J0: _planted(N, J0, rng), T, 0.4
            )
    for N in (400, 1000):  # half of the couplings of a Hopfield model taken out
        for T, phase in ((0.3, O), (2.0, P)):
            yield trap(
                f"diluted Hopfield N={N}", phase, None, lambda rng, N=N: _diluted(N, 4, 0.5, rng), T, 0.5
            )
    for N in (50, 200, 1000):  # J = -xi xi^T: no transition, though frustrated
        for T in (0.2, 0.5):
            yield trap(
                f"negative Mattis N={N}",
                P,
                None,
                lambda rng, N=N: sl.ensembles.mattis(N, rng=rng).scaled(-1 / N),
                T,
                1,
            )
    for N in (200, 1000):  # J ~ x/N^(1/mu), mu = 1.5: P. Cizeau, J. P. Bouchaud, J. Phys. A 26, L187 (1993)
        for x in (-0.6, 0.6):
            T = _levy_line(N, 1.5) * math.exp(x)
            yield trap(
                f"heavy tails N={N}", G if x < 0 else P, None, lambda rng, N=N: _levy(N, 1.5, rng), T, x
            )
    for N in (100, 500):  # random regular graphs of degree 4, +-1: 3 tanh^2 beta = 1
        for x in (-0.6, 0.4):
            T = math.exp(x) / math.atanh(3**-0.5)
            yield trap(
                f"random graph N={N}", G if x < 0 else P, None, lambda rng, N=N: _regular(N, 4, rng), T, x
            )
    for V, H in (
        (49, 100),
        (100, 100),
    ):  # trained weights, entries shuffled: independent entries of their law
        for x in (-0.5, 0.5):
            yield Case(
                f"shuffled trained RBM V={V} H={H} N={V + H}", "trap", G if x < 0 else P, None, None, x,
                lambda rng, V=V, H=H: _shuffled(V, H, rng), math.exp(-x) / (V * H) ** 0.25,
            )  # fmt: skip


def _gauged_lattice(L: int, rng: np.random.Generator) -> Any:
    J = abs(sl.ensembles.edwards_anderson(shape=(L, L), law="pm1", rng=rng).to_sparse().J)
    s = rng.choice([-1.0, 1.0], size=L * L)
    return J.multiply(s[:, None]).multiply(s).tocsr()


def _blocks(N: int, n: int, rng: np.random.Generator) -> Any:
    import scipy.linalg

    return DenseIsing(scipy.linalg.block_diag(*(sl.ensembles.sk(N // n, rng=rng).J for _ in range(n))))


def _planted(N: int, J0: float, rng: np.random.Generator) -> Any:
    xi = rng.choice([-1.0, 1.0], size=N)
    J = sl.ensembles.sk(N, rng=rng).couplings() + J0 / N * np.outer(xi, xi)
    np.fill_diagonal(J, 0)
    return DenseIsing(J)


def _diluted(N: int, K: int, p: float, rng: np.random.Generator) -> Any:
    keep = np.triu(rng.random((N, N)) < p, 1)
    return DenseIsing(sl.ensembles.hopfield(N, K, rng=rng).couplings() * (keep + keep.T) / p)


def _levy(N: int, mu: float, rng: np.random.Generator) -> Any:
    x = np.triu(rng.choice([-1.0, 1.0], (N, N)) * rng.random((N, N)) ** (-1 / mu) * N ** (-1 / mu), 1)
    return DenseIsing(x + x.T)


def _levy_line(N: int, mu: float) -> float:
    """T at which N <tanh^2(J/T)> = 1 for the law of the couplings, |J| = (N u)^(-1/mu), u uniform."""
    from scipy.optimize import brentq

    u = (np.arange(1_000_000) + 0.5) / 1_000_000
    J = (N * u) ** (-1 / mu)
    return float(brentq(lambda T: N * float((np.tanh(J / T) ** 2).mean()) - 1, 0.05, 50))


def _regular(N: int, c: int, rng: np.random.Generator) -> Any:
    import networkx as nx

    return sl.ensembles.edwards_anderson(
        nx.random_regular_graph(c, N, seed=int(rng.integers(2**31))), law="pm1", rng=rng
    )


def _shuffled(V: int, H: int, rng: np.random.Generator) -> Any:
    """Weights of a machine trained on random low-rank data, permuted entry by entry, of unit mean square."""
    W = _trained(V, H, rng)
    W = rng.permutation(W.ravel()).reshape(V, H) * rng.choice([-1.0, 1.0], (V, H))
    return BipartiteIsing(W / np.sqrt((W**2).mean()))


def _trained(V: int, H: int, rng: np.random.Generator) -> np.ndarray:
    patterns = rng.choice([-1, 1], size=(5, V))
    data = patterns[rng.integers(5, size=200)] * np.where(rng.random((200, V)) < 0.1, -1, 1)
    machine = sl.rbm.RBM(V, H, rng=rng)
    trainer = sl.rbm.Trainer(machine, negative=sl.rbm.negative.CD(1), lr=0.05, rng=rng)
    trainer.fit(data.astype(np.int8), epochs=5)
    return np.array(machine.as_ising().weights())


def run(
    seed: int, out: Path, small: bool = False, limit: float = math.inf, part: tuple[int, int] = (0, 1)
) -> int:
    """Diagnose every case that the file does not hold yet; how many are left."""
    from spinlab.diagnose import diagnose

    done = {json.loads(line)["index"] for line in out.read_text().splitlines()} if out.exists() else set()
    out.parent.mkdir(parents=True, exist_ok=True)
    start, everything = time.perf_counter(), cases(small)
    todo = [(k, case) for k, case in enumerate(everything) if k not in done and k % part[1] == part[0]]
    with out.open("a") as file:
        for n, (k, case) in enumerate(todo):
            if time.perf_counter() - start > limit:
                return len(todo) - n
            model = case.make(np.random.default_rng([seed, k]))
            report = diagnose(model, beta=case.beta, extras=False)
            record = {
                "index": k,
                "seconds": report.seconds,
                "balanced": report.evidence.get("stability", {}).get("balanced"),
            }
            record |= {name: getattr(case, name) for name in ("name", "group", "distance")}
            for question in ("phase", "minima", "dynamics"):
                verdict = getattr(report, "metastability" if question == "minima" else question)
                record[question] = {
                    "truth": getattr(case, question),
                    "verdict": verdict.value,
                    "probabilities": verdict.probabilities,
                }  # fmt: skip
            record["reasons"] = list(report.phase.reasons)
            file.write(json.dumps(record) + "\n")
            file.flush()
    return 0


def wilson(k: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Interval of a share k/n."""
    if n == 0:
        return 0.0, 1.0
    p = k / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def table(records: list[dict[str, Any]]) -> str:
    """Markdown: confusion tables, balanced accuracy, false glasses, calibration."""
    lines = []
    for question, groups in (
        ("phase", ("far", "near", "trap", "trained")),
        ("minima", ("all",)),
        ("dynamics", ("all",)),
    ):
        for group in groups:
            part = [r for r in records if r[question]["truth"] and group in ("all", r["group"])]
            lines += _confusion(question, group, part)
    easy = [r for r in records if r["group"] == "far" and r["phase"]["truth"] in (P, O)]
    false = sum(r["phase"]["verdict"] == G for r in easy)
    low, high = wilson(false, len(easy))
    lines.append(f"False glasses on easy models: {false} of {len(easy)} ({low:.3f} to {high:.3f}).\n")
    near = [r for r in records if r["group"] == "near"]
    lines += _calibration(near)
    on = [r for r in records if r["group"] == "on"]
    share = sum(r["phase"]["verdict"] == "undecided" for r in on)
    lines.append(f"On a line: {share} of {len(on)} undecided.\n")
    seconds = np.array([[_size_of(r), r["seconds"]] for r in records])
    for low_N, high_N in ((0, 200), (200, 600), (600, 1200), (1200, 3000)):
        some = seconds[(seconds[:, 0] > low_N) & (seconds[:, 0] <= high_N), 1]
        if some.size:
            lines.append(
                f"Seconds, {low_N} < N <= {high_N}: median {np.median(some):.2f}, largest {some.max():.2f}."
            )
    return "\n".join(lines)


def _size_of(record: dict[str, Any]) -> int:
    return int(record["name"].split("N=")[1].split()[0])


def _confusion(question: str, group: str, part: list[dict[str, Any]]) -> list[str]:
    if not part:
        return []
    answers = list(part[0][question]["probabilities"])
    lines = [
        f"**{question}, {group}: {len(part)} models**\n",
        "| truth | " + " | ".join(answers) + " | undecided | right |",
    ]
    lines.append("|---" * (len(answers) + 3) + "|")
    recalls = []
    for truth in answers:
        row = [r[question]["verdict"] for r in part if r[question]["truth"] == truth]
        if not row:
            continue
        low, high = wilson(row.count(truth), len(row))
        recalls.append(row.count(truth) / len(row))
        counts = " | ".join(str(row.count(a)) for a in [*answers, "undecided"])
        lines.append(f"| {truth} | {counts} | {recalls[-1]:.3f} ({low:.3f} to {high:.3f}) |")
    if not recalls:
        return []
    decided = [r for r in part if r[question]["verdict"] != "undecided"]
    right = sum(r[question]["verdict"] == r[question]["truth"] for r in decided)
    low, high = wilson(right, len(decided))
    lines.append(
        f"\nBalanced accuracy {np.mean(recalls):.3f} (undecided counts as wrong); of {len(decided)} decided "
        f"{right / max(len(decided), 1):.3f} right ({low:.3f} to {high:.3f}).\n"
    )
    return lines


def _calibration(part: list[dict[str, Any]]) -> list[str]:
    lines = [
        "**calibration near the lines**\n",
        "| confidence | models | mean confidence | right |",
        "|---|---|---|---|",
    ]
    best = [max(r["phase"]["probabilities"].items(), key=lambda item: item[1]) for r in part]
    for low, high in ((0.0, 0.65), (0.65, 0.8), (0.8, 0.95), (0.95, 1.01)):
        chosen = [(a, p, r) for (a, p), r in zip(best, part, strict=True) if low <= p < high]
        if chosen:
            right = np.mean([a == r["phase"]["truth"] for a, _, r in chosen])
            lines.append(
                f"| {low:g} to {min(high, 1):g} | {len(chosen)} | {np.mean([p for _, p, _ in chosen]):.2f} "
                f"| {right:.2f} |"
            )
    return [*lines, ""]


def main() -> int:
    """Run, resume, or print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("results/diagnose.jsonl"))
    parser.add_argument(
        "--limit", type=float, default=math.inf, help="stop after so many seconds; run again to resume"
    )
    parser.add_argument("--part", default="1/1", help="i/n: every n-th model, for n runs side by side")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--table", type=Path, nargs="+", help="only print the table of these results")
    args = parser.parse_args()
    if args.table is None:
        i, n = map(int, args.part.split("/"))
        if not 1 <= i <= n:
            parser.error(f"--part i/n needs 1 <= i <= n, got {args.part}; the first half is 1/2")
        left = run(args.seed, args.out, args.small, args.limit, (i - 1, n))
        if left:
            print(f"{left} models left; run again")
            return 1
    files = args.table or [args.out]
    print(table([json.loads(line) for file in files for line in file.read_text().splitlines()]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
