"""Long simulations by a second code, as a truth for ``spinlab.diagnose`` that shares nothing with it.

Plain Metropolis sweeps in order, exchanges of neighbouring temperatures, couplings as one square array: not a
line of spinlab, which only makes the models and is asked for its report. Two runs of two replicas each, from
random states and from the lowest state that descents find, of 100 times the sweeps of the report. Where both
agree, energy and mean square overlap at the asked temperature are compared with the report's; the phase is
called a paramagnet if <q^2> N^(2/3) < 1/2, order if nine tenths of the overlaps are within a third of the
largest, and is left open otherwise, since one size cannot tell several states from a glass.

    python tests/benchmarks/second_code.py --out second.jsonl
    python tests/benchmarks/second_code.py table second.jsonl
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numba
import numpy as np

TIMES = 100  # sweeps of the report
MOST_SWEEPS = 200_000
# Families whose truth is not a published line, or which a finite size could move; the smallest sizes.
CHOSEN = (
    "small worlds", "hardly trained machines", "trained on bars", "blocks of SK", "heavy tails", "stripes",
    "random orthogonal", "sk in a field", "long range glass", "three opposed groups", "hierarchical chain",
    "pyrochlore antiferromagnet", "diamond lattices", "frustrated planar", "two species of SK",
    "face centred antiferromagnet", "maximum cut of dense graphs", "ferromagnetic power chains",
    "checkerboard antiferromagnet", "graded sites",
)  # fmt: skip


@numba.njit(cache=False)
def tempering(
    J: np.ndarray, b: np.ndarray, betas: np.ndarray, s: np.ndarray, sweeps: int, keep: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States s (levels, replicas, N) by Metropolis and exchanges: energies, q, and round trips at the last
    level.
    """
    np.random.seed(seed)  # noqa: NPY002
    L, R, N = s.shape
    h = np.zeros((L, R, N))
    E = np.zeros((L, R))
    for l in range(L):
        for r in range(R):
            for i in range(N):
                x = 0.0
                for j in range(N):
                    x += J[i, j] * s[l, r, j]
                h[l, r, i] = x + b[i]
                E[l, r] -= s[l, r, i] * (x / 2 + b[i])
    every = max(1, sweeps // 2 // keep)
    energies, overlaps, n = np.zeros(keep), np.zeros(keep), 0
    where = np.zeros((R, L), np.int64)  # last end of the ladder that the walker met: 1 hot, 2 cold after hot
    name = np.zeros((R, L), np.int64)
    for r in range(R):
        for l in range(L):
            name[r, l] = l
    trips = 0
    for t in range(sweeps):
        for l in range(L):
            for r in range(R):
                for i in range(N):
                    d = 2 * s[l, r, i] * h[l, r, i]
                    if d <= 0 or np.random.random() < math.exp(-betas[l] * d):  # noqa: NPY002
                        s[l, r, i] = -s[l, r, i]
                        E[l, r] += d
                        for j in range(N):
                            h[l, r, j] += 2 * J[i, j] * s[l, r, i]
        for r in range(R):
            for l in range(t % 2, L - 1, 2):
                x = (betas[l + 1] - betas[l]) * (E[l + 1, r] - E[l, r])
                if x >= 0 or np.random.random() < math.exp(x):  # noqa: NPY002
                    for j in range(N):
                        s[l, r, j], s[l + 1, r, j] = s[l + 1, r, j], s[l, r, j]
                        h[l, r, j], h[l + 1, r, j] = h[l + 1, r, j], h[l, r, j]
                    E[l, r], E[l + 1, r] = E[l + 1, r], E[l, r]
                    name[r, l], name[r, l + 1] = name[r, l + 1], name[r, l]
            hot, cold = name[r, 0], name[r, L - 1]
            if where[r, hot] == 2:
                trips += 1
            where[r, hot] = 1
            if where[r, cold] == 1:
                where[r, cold] = 2
        if t >= sweeps // 2 and t % every == 0 and n < keep:
            energies[n] = (E[L - 1, 0] + E[L - 1, 1]) / 2
            q = 0.0
            for j in range(N):
                q += s[L - 1, 0, j] * s[L - 1, 1, j]
            overlaps[n] = q / N
            n += 1
    return energies[:n], overlaps[:n], np.array([trips / R])


def lowest(J: np.ndarray, b: np.ndarray, rng: np.random.Generator, starts: int = 200) -> np.ndarray:
    """The lowest of many descents."""
    best, low = np.ones(len(b)), math.inf
    for _ in range(starts):
        s = rng.choice([-1.0, 1.0], len(b))
        while True:
            gain = s * (J @ s + b)
            i = int(gain.argmin())
            if gain[i] >= 0:
                break
            s[i] *= -1
        E = -float(s @ J @ s / 2 + b @ s)
        if low > E:
            best, low = s, E
    return best


def exact(J: np.ndarray, b: np.ndarray, beta: float) -> tuple[float, float]:
    """Mean energy and mean square overlap of two replicas, from all states (N <= 20)."""
    N = len(b)
    s = 2.0 * ((np.arange(2**N)[:, None] >> np.arange(N)) & 1) - 1
    E = -((s @ J) * s).sum(1) / 2 - s @ b
    p = np.exp(-beta * (E - E.min()))
    p /= p.sum()
    C = (s.T * p) @ s
    return float(p @ E), float((C**2).sum() / N**2)


def long_run(J: np.ndarray, b: np.ndarray, beta: float, sweeps: int, seed: int) -> dict[str, Any]:
    """Both starts, whether they agree, and the phase where it can be called."""
    rng = np.random.default_rng(seed)
    N = len(b)
    scale = beta * math.sqrt(float((J**2).sum()) / N + float((b**2).mean()))
    L = int(np.clip(2 + 1.2 * math.sqrt(N) * math.log1p(scale), 6, 24))
    betas = beta * np.concatenate([[0.0], np.geomspace(min(0.2 / scale, 0.5), 1, L - 1)])
    runs = []
    for k, start in enumerate((None, lowest(J, b, rng))):
        s = rng.choice([-1.0, 1.0], (L, 2, N)) if start is None else np.broadcast_to(start, (L, 2, N)).copy()
        E, q, trips = tempering(J, b, betas, s, sweeps, 2000, seed + k)
        runs.append((E, q**2, q, float(trips[0])))
    (E, q2, q, _), (F, p2, p, _) = runs

    def error(x: np.ndarray) -> float:
        blocks = x[: len(x) // 10 * 10].reshape(10, -1).mean(1)
        return float(blocks.std(ddof=1) / math.sqrt(10))

    agree = abs(E.mean() - F.mean()) < 4 * math.hypot(error(E), error(F)) + 1e-9 * abs(E.mean())
    agree &= abs(q2.mean() - p2.mean()) < 4 * math.hypot(error(q2), error(p2)) + 1e-3
    both, size = np.concatenate([q2, p2]), np.abs(np.concatenate([q, p]))
    phase = None
    if both.mean() * N ** (2 / 3) < 0.5:
        phase = "paramagnet"
    elif (size > 2 / 3 * np.quantile(size, 0.95)).mean() > 0.9 and not b.any():
        phase = "ordered"
    return {
        "agree": bool(agree), "energy": float((E.mean() + F.mean()) / 2),
        "energy_error": math.hypot(error(E), error(F)) / 2, "q2": float(both.mean()),
        "q2_error": math.hypot(error(q2), error(p2)) / 2, "trips": min(r[3] for r in runs), "phase": phase,
    }  # fmt: skip


def run(out: Path, limit: float) -> int:
    """Cases of the smallest size of the chosen families that the file does not hold, one of each family
    before a second of any; how many are left.
    """
    import phase_families
    import second_unseen
    import third_unseen
    import unseen_families

    from spinlab.diagnose import diagnose

    done = {json.loads(line)["index"] for line in out.read_text().splitlines()} if out.exists() else set()
    lists = (phase_families, unseen_families, second_unseen, third_unseen)
    every = [case for some in lists for case in some.cases()]
    todo, sizes = [], {}
    for k, case in enumerate(every):
        if case.family in CHOSEN:
            model = case.make(np.random.default_rng([1, k]))
            if model.n_spins <= 160:
                todo.append((k, case, model))
                sizes[case.family] = min(sizes.get(case.family, 999), model.n_spins)
    todo = [x for x in todo if x[2].n_spins == sizes[x[1].family]]
    todo.sort(key=lambda x: (x[0] * 7919) % 1009)
    names = [x[1].family for x in todo]
    turns = [names[:n].count(name) for n, name in enumerate(names)]
    todo = [todo[n] for n in np.argsort(turns, kind="stable") if todo[n][0] not in done]
    start = time.perf_counter()
    with out.open("a") as file:
        for n, (k, case, model) in enumerate(todo):
            if time.perf_counter() - start > limit:
                return len(todo) - n
            report = diagnose(model, beta=1 / case.T, extras=False, threads=1)
            found = report.evidence["equilibrium"]
            clock = time.process_time()
            sweeps = min(TIMES * found["n_steps"], MOST_SWEEPS)
            J, b = np.array(model.couplings(), dtype=float), np.array(model.b, dtype=float)
            record = {"index": k, "family": case.family, "name": case.name, "T": case.T, "truth": case.truth}
            record |= {"N": model.n_spins, "said": report.phase.value, "parts": len(report.parts)}
            record |= {"report_q2": found["q2"], "report_converged": found["converged"], "sweeps": sweeps}
            record |= {"report_energy": report.evidence["chains"]["tempered_energy"] * case.T}
            record |= long_run(J, b, 1 / case.T, sweeps, k) | {"cpu": time.process_time() - clock}
            file.write(json.dumps(record) + "\n")
            file.flush()
    return 0


def table(file: Path) -> str:
    """Markdown, a line for each model."""
    lines = ["| family | model | T | truth | second code | report | <q²> second, report |", "|---" * 7 + "|"]
    for r in sorted((json.loads(x) for x in file.read_text().splitlines()), key=lambda r: r["index"]):
        second = (r["phase"] or "open") if r["agree"] else "starts differ"
        what = f"{r['family']} | {r['name']} | {r['T']:.2f} | {r['truth'] or 'open'} | {second} | {r['said']}"
        lines.append(f"| {what} | {r['q2']:.3f} ± {r['q2_error']:.3f}, {r['report_q2']:.3f} |")
    return "\n".join(lines)


def main() -> int:
    """Run, or print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("run", "table"), nargs="?", default="run")
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--out", type=Path, default=Path("results/second.jsonl"))
    parser.add_argument("--limit", type=float, default=math.inf, help="stop after so many seconds")
    args = parser.parse_args()
    if args.what == "table":
        print(table(args.file))
        return 0
    left = run(args.out, args.limit)
    print(f"{left} models left" if left else "done")
    return int(left > 0)


if __name__ == "__main__":
    raise SystemExit(main())
