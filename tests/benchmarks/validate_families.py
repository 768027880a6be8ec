"""How often is the phase of ``spinlab.diagnose`` right on families that it has never seen?

Families and their truth are in ``phase_families.py``. A run stores the numbers that each verdict weighs; the
weights are then fitted to all families but one and judged on that one, family by family. Families that were
held back are run once, with weights fitted to all others.

    python tests/benchmarks/validate_families.py run --out families.jsonl              resumable
    python tests/benchmarks/validate_families.py run --set held-back --out held_back.jsonl
    python tests/benchmarks/validate_families.py run --set unseen --out unseen.jsonl   second, third ...
    python tests/benchmarks/validate_families.py fit families.jsonl                    weights of all families
    python tests/benchmarks/validate_families.py table families.jsonl held_back.jsonl unseen.jsonl
    python tests/benchmarks/validate_families.py left-out families.jsonl unseen.jsonl ...   all lists together
    python tests/benchmarks/validate_families.py shipped unseen.jsonl                  verdicts of the run
    python tests/benchmarks/validate_families.py judged unseen.jsonl                   by the weights of today
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import fifth_unseen
import fourth_unseen
import numpy as np
import other_machines
import phase_families
import second_unseen
import seventh_unseen
import sixth_unseen
import textbook_models
import third_unseen
import unseen_families

from spinlab.diagnose import verdicts
from spinlab.diagnose.decision import NAMES, Numbers, shares
from spinlab.diagnose.weights import Weights

UNDECIDED = verdicts.UNDECIDED
# Set by hand before the first fit, with sight of a third of the families.
START = Weights(
    line=0.5, lattice_line=0.6, overlap=2.3, overlap_at=0.0, lattice_overlap_at=1.9, lattice_shift=0.3,
    glass_shift=0.6, order=-1.0, stable=1.2, alone=0.8, first=0.6, flat=0.3, flat_stable=1.8, field=0.1,
    reach=1.0, reach_at=2.5,
)  # fmt: skip
_PRIOR = 1.0  # width of the weights' prior around those set by hand, relative to their values
_BINS = (0.0, 0.65, 0.8, 0.9, 0.95, 1.01)
Record = dict[str, Any]


SETS = {
    "families": phase_families.cases,
    "held-back": lambda: phase_families.cases(held_back=True),
    "unseen": unseen_families.cases,
    "second": second_unseen.cases,
    "third": third_unseen.cases,
    "fourth": fourth_unseen.cases,
    "fifth": fifth_unseen.cases,
    "sixth": sixth_unseen.cases,
    "seventh": seventh_unseen.cases,
    "textbook": textbook_models.cases,
    "machines": other_machines.cases,
}


def run(out: Path, cases: list[phase_families.Case], limit: float, seed: int) -> int:
    """Diagnose every case that the file does not hold yet; how many are left."""
    from spinlab.diagnose import diagnose

    done = {json.loads(line)["index"] for line in out.read_text().splitlines()} if out.exists() else set()
    todo = [(k, c) for k, c in enumerate(cases) if k not in done]
    todo.sort(key=lambda item: (item[0] * 7919) % 1009)  # so that a part is a sample of all families
    start = time.perf_counter()
    with out.open("a") as file:
        for n, (k, case) in enumerate(todo):
            if time.perf_counter() - start > limit:
                return len(todo) - n
            clock = time.process_time()
            report = diagnose(
                case.make(np.random.default_rng([seed, k])), beta=1 / case.T, extras=False, threads=1
            )
            record = {"index": k, "family": case.family, "name": case.name, "T": case.T, "truth": case.truth}
            record |= {"verdict": report.phase.value, "probabilities": report.phase.probabilities}
            # Of the whole, or of the parts where these made the verdict.
            parted = report.parts and "part(s)" in report.phase.reasons[0]
            whole = [part.report for part in report.parts] if parted else [report]
            record["numbers"] = [x.evidence["decision"] for x in whole]
            record["cpu"] = time.process_time() - clock
            file.write(json.dumps(record) + "\n")
            file.flush()
    return 0


def read(file: Path) -> list[Record]:
    """Records in the order of the cases."""
    return sorted((json.loads(line) for line in file.read_text().splitlines()), key=lambda r: r["index"])


def judged(record: Record, weights: Weights) -> verdicts.Verdict:
    """The verdict from the stored numbers with other weights."""
    known = {f.name for f in fields(Numbers)}
    found = [
        verdicts.phase(Numbers(**{name: x for name, x in n.items() if name in known}), weights)
        for n in record["numbers"]
    ]
    return found[0] if len(found) == 1 else verdicts.of_parts(found)


def _said(record: Record) -> verdicts.Verdict:
    """The verdict of the run."""
    p = record["probabilities"]
    return verdicts.Verdict(record["verdict"], max(p.values()), p, ())


def fit(records: Sequence[Record], start: Weights = START, evaluations: int = 600) -> Weights:
    """Weights of most likelihood, every family weighing the same, with a prior at ``start``."""
    from scipy.optimize import minimize

    names, initial = list(asdict(start)), np.array(list(asdict(start).values()))
    unit = np.maximum(np.abs(initial), 0.5)
    some = [r for r in records if r["truth"] and len(r["numbers"]) == 1]
    numbers = [Numbers(**r["numbers"][0]) for r in some]
    count = {f: sum(r["family"] == f for r in some) for f in {r["family"] for r in some}}
    share = np.array([1 / count[r["family"]] for r in some])

    def loss(x: np.ndarray) -> float:
        w = Weights(**dict(zip(names, (initial + unit * x).tolist(), strict=True)))
        found = [shares(n, w) for n in numbers]
        p = np.array([s[r["truth"]] / sum(s.values()) for s, r in zip(found, some, strict=True)])
        return float(-share @ np.log(np.maximum(p, 1e-3)) + (x**2).sum() / (2 * _PRIOR**2))

    options = {"maxfev": evaluations, "xtol": 1e-2, "ftol": 1e-4}
    x = minimize(loss, np.zeros(len(names)), method="Powell", options=options).x
    return Weights(**dict(zip(names, np.round(initial + unit * x, 3).tolist(), strict=True)))


def left_out(records: list[Record], folds: int = 0) -> list[tuple[Record, verdicts.Verdict]]:
    """Every family judged with weights that the other families gave, or those of the other ``folds``."""
    families = list(dict.fromkeys(r["family"] for r in records))
    fold = {family: k % (folds or len(families)) for k, family in enumerate(families)}
    found = []
    for k in range(max(fold.values()) + 1):
        weights = fit([r for r in records if fold[r["family"]] != k])
        found += [(r, judged(r, weights)) for r in records if fold[r["family"]] == k]
    return sorted(found, key=lambda x: families.index(x[0]["family"]))


def sharpness(found: list[tuple[Record, verdicts.Verdict]]) -> tuple[float, float, float]:
    """The power on all probabilities of most likelihood, families weighing the same, and its interval."""
    known = [(r, v) for r, v in found if r["truth"]]
    families = [
        [(r["truth"], v.probabilities) for r, v in known if r["family"] == f]
        for f in dict.fromkeys(r["family"] for r, _ in known)
    ]
    grid = np.arange(0.3, 1.55, 0.05)  # of the probabilities before the power in use
    loss = np.zeros((len(families), len(grid)))
    for k, power in enumerate(grid / verdicts.SHARPNESS):
        for j, family in enumerate(families):
            for truth, p in family:
                raised = {name: max(x, 1e-4) ** power for name, x in p.items()}
                loss[j, k] -= math.log(raised[truth] / sum(raised.values())) / len(family)
    rng = np.random.default_rng(0)
    best = [grid[loss[rng.integers(len(loss), size=len(loss))].sum(0).argmin()] for _ in range(1000)]
    return float(grid[loss.sum(0).argmin()]), *map(float, np.quantile(best, [0.025, 0.975]))


def table(found: list[tuple[Record, verdicts.Verdict]], title: str) -> str:
    """Markdown: by family, scores, reliability, and what is wrong."""
    header = "| family | models | right | wrong | undecided | confidence .9 and more: wrong |"
    lines = [f"**{title}**\n", header, "|---" * 6 + "|"]
    decided = []
    for family in dict.fromkeys(r["family"] for r, _ in found):
        every = [(r, v) for r, v in found if r["family"] == family]
        part = [(r, v) for r, v in every if r["truth"]]
        right = sum(v.value == r["truth"] for r, v in part)
        undecided = sum(v.value == UNDECIDED for _, v in part)
        sure = [(r, v) for r, v in part if v.value != UNDECIDED and v.confidence >= 0.9]
        false = sum(v.value != r["truth"] for r, v in sure)
        rest = [v.value == UNDECIDED for r, v in every if not r["truth"]]
        more = f" + {len(rest)} open, {sum(rest)} undecided" if rest else ""
        wrong = len(part) - right - undecided
        lines.append(
            f"| {family} | {len(part)}{more} | {right} | {wrong} | {undecided} | {false} of {len(sure)} |"
        )
        decided.append([(r["truth"], v.value == r["truth"]) for r, v in part if v.value != UNDECIDED])
    known = [(r, v) for r, v in found if r["truth"]]
    sure = [(r, v) for r, v in known if v.value != UNDECIDED and v.confidence >= 0.9]
    false = sum(v.value != r["truth"] for r, v in sure)
    undecided = sum(v.value == UNDECIDED for _, v in known)
    value, low, high = _bootstrap(decided)
    lines.append(
        f"\nBalanced accuracy of decided verdicts {value:.3f} ({low:.3f} to {high:.3f} by bootstrap over "
        f"families), families weighted equally; {undecided} of {len(known)} undecided; of {len(sure)} "
        f"verdicts with confidence .9 and more {false} wrong; Brier score {_brier(known):.3f}.\n"
    )
    lines += ["| confidence | models | mean confidence | right |", "|---" * 4 + "|"]
    for a, b in itertools.pairwise(_BINS):
        some = [(r, v) for r, v in known if a <= v.confidence < b]
        if some:
            mean = np.mean([v.confidence for _, v in some])
            share = np.mean([_best(v) == r["truth"] for r, v in some])
            lines.append(f"| {a:g} to {min(b, 1):g} | {len(some)} | {mean:.2f} | {share:.2f} |")
    wrong = [v for r, v in known if v.value not in (r["truth"], UNDECIDED)]
    lines += ["", "Wrong:\n" if wrong else "None of the decided is wrong."]
    for r, v in known:
        if v.value not in (r["truth"], UNDECIDED):
            what = f"{r['family']}, {r['name']}, T = {r['T']:.2f}"
            lines.append(f"- {what}: {r['truth']}, said {v.value} ({v.confidence:.2f})")
    return "\n".join(lines) + "\n"


def _best(verdict: verdicts.Verdict) -> str:
    return max(verdict.probabilities, key=lambda name: verdict.probabilities[name])


def _balanced(families: Sequence[list[tuple[str, bool]]]) -> float:
    """Mean over the truths of the mean over families of the share right."""
    by_truth = []
    for truth in NAMES:
        each = [np.mean([ok for t, ok in f if t == truth]) for f in families if any(t == truth for t, _ in f)]
        if each:
            by_truth.append(float(np.mean(each)))
    return float(np.mean(by_truth))


def _bootstrap(families: list[list[tuple[str, bool]]]) -> tuple[float, float, float]:
    rng = np.random.default_rng(0)
    samples = [
        _balanced([families[k] for k in rng.integers(len(families), size=len(families))]) for _ in range(1000)
    ]
    low, high = np.quantile(samples, [0.025, 0.975])
    return _balanced(families), float(low), float(high)


def _brier(found: list[tuple[Record, verdicts.Verdict]]) -> float:
    return float(np.mean([
        sum((p - (name == r["truth"])) ** 2 for name, p in v.probabilities.items()) for r, v in found
    ]))  # fmt: skip


def main() -> int:
    """Run, fit, or print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("run", "fit", "table", "left-out", "shipped", "judged"))
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--out", type=Path, default=Path("results/families.jsonl"))
    parser.add_argument("--set", choices=SETS, default="families")
    parser.add_argument("--limit", type=float, default=math.inf, help="stop after so many seconds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--folds", type=int, default=0, help="groups of families left out together; 0: one by one"
    )
    args = parser.parse_args()
    if args.what == "run":
        left = run(args.out, SETS[args.set](), args.limit, args.seed)
        print(f"{left} models left" if left else "done")
        return int(left > 0)
    if args.what in ("shipped", "judged"):
        for file in args.files:
            found = [(r, _said(r) if args.what == "shipped" else judged(r, Weights())) for r in read(file)]
            print(table(found, file.stem))
        return 0
    if args.what in ("fit", "left-out"):
        records = [r for file in args.files for r in read(file)]
        if args.what == "fit":
            print(fit(records))
            return 0
        found = left_out(records, args.folds)
        print(table(found, "Each family judged with weights fitted to all others"))
        print(
            "Power of most likelihood {:.2f} ({:.2f} to {:.2f} by bootstrap over families)".format(
                *sharpness(found)
            )
        )
        return 0
    records = read(args.files[0])
    print(table(left_out(records), "Each family judged with weights fitted to the others"))
    for file in args.files[1:]:
        weights = fit(records)
        print(table([(r, judged(r, weights)) for r in read(file)], file.stem))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
