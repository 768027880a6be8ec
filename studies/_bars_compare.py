"""Runs on 4x4 Bars against stored runs of the paper's code: permutation tests, corrected for their number."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from spinlab import plotting
from spinlab.studies import markdown_table

from ._bars import CONVENTIONS, METHODS, described, runs_of

TESTED = ("rapid", "cd")  # the others have too few stored runs: shown beside, not tested
TESTED_EPOCHS = (1, 10, 30, 100)
NAMES = {
    "hamming/one_step/train": "Hamming distance, one free step, train",
    "hamming/one_step/test": "Hamming distance, one free step, test",
    "hamming/clamped/train": "Hamming distance, clamped, train",
    "hamming/clamped/test": "Hamming distance, clamped, test",
    "gibbs_min": "Gibbs accessibility, lowest chain",
    "gibbs_mean": "Gibbs accessibility, mean",
    "reached": "method accessibility",
    "nll/train": "NLL, train (nats)",
    "nll/test": "NLL, test (nats)",
}
RESAMPLES = 9999
LEVEL = 0.05
POWER = 0.9
# Other ways to train than "reference": (short, long) names.
VARIANTS = {
    "spinlab": ("without the quirks", "Without the quirks of the paper's code"),
    "patterns": (
        "hidden parts of the patterns",
        "Another reading of Algorithm 1: hidden parts of the patterns in the negative phase",
    ),
}


@cache
def reference() -> dict[str, Any]:
    """The stored runs."""
    found: dict[str, Any] = json.loads((Path(__file__).parent / "reference" / "bars.json").read_text())
    return found


def stored(method: str, epoch: int, name: str) -> np.ndarray:
    """One value per stored run; empty where there is none."""
    rows = reference()["runs"][method].get(str(epoch), [])
    column = reference()["fields"].index("method" if name == "reached" else name)
    return np.array([row[column] for row in rows if row[column] is not None], dtype=float)


def values(data: Any, name: str, epoch: int) -> np.ndarray:
    """One value per run of ours."""
    name, *where = name.split("/")
    array = data[name].sel(epoch=epoch)
    if name == "hamming":
        array = array.sel(distance=where[0], side=where[1])
    elif where:
        array = array.sel(side=where[0])
    return np.asarray(array.transpose("replica"))


def compare(data: dict[tuple[str, str], Any]) -> list[dict[str, Any]]:
    """Difference of means between our runs and the stored ones, with two-sided permutation p-values.

    Holm's correction (Scand. J. Stat. 6, 65 (1979)) is over all tests of both methods.
    """
    from scipy.stats import permutation_test

    rows: list[dict[str, Any]] = []
    for method in TESTED:
        ours = data["reference", method]
        for name in NAMES:
            for epoch in TESTED_EPOCHS:
                theirs = stored(method, epoch, name)
                if epoch not in ours["epoch"] or len(theirs) < 2:
                    continue
                here = values(ours, name, epoch)
                p = permutation_test(
                    (here, theirs),
                    _difference,
                    vectorized=True,
                    n_resamples=RESAMPLES,
                    random_state=len(rows),
                ).pvalue
                rows.append(
                    {
                        "method": method,
                        "name": name,
                        "epoch": epoch,
                        "here": here,
                        "there": theirs,
                        "p": float(p),
                    }
                )
    for row, corrected in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = corrected
        row["found"] = detectable(row["here"], row["there"], LEVEL / len(rows))
    return rows


def detectable(here: np.ndarray, there: np.ndarray, level: float) -> float:
    """Difference of means that a two-sided test of this level finds with probability POWER.

    Of the t test with the pooled deviation of these runs, which a permutation test of means follows. Holm's
    first step is at LEVEL over the number of tests, later steps find smaller ones.
    """
    from scipy.optimize import brentq
    from scipy.stats import nct, t

    n = len(here) + len(there)
    squares = sum(float(((x - x.mean()) ** 2).sum()) for x in (here, there))
    error = (squares / (n - 2) * (1 / len(here) + 1 / len(there))) ** 0.5
    limit = t.isf(level / 2, n - 2)
    shift = brentq(lambda d: nct.sf(limit, n - 2, d) - POWER, 0.0, 10 * limit)
    return float(shift * error)


def _difference(x: Any, y: Any, axis: int) -> Any:
    return x.mean(axis=axis) - y.mean(axis=axis)


def holm(p: list[float]) -> list[float]:
    """p-values corrected for their number."""
    order = np.argsort(p)
    steps = np.asarray(p)[order] * np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(x) for x in corrected]


def paired(differences: Mapping[Any, np.ndarray]) -> dict[Any, float]:
    """p-values of two-sided t tests of paired differences; 1 where all of them are 0."""
    from scipy.stats import ttest_1samp

    return {name: float(ttest_1samp(d, 0).pvalue) if np.any(d) else 1.0 for name, d in differences.items()}


def decided(differences: Mapping[Any, np.ndarray]) -> dict[Any, int]:
    """Sign of each mean, 0 where ``paired`` tests do not decide it at LEVEL, Holm's correction over all."""
    corrected = holm(list(paired(differences).values()))
    return {
        name: int(np.sign(d.mean())) if p <= LEVEL else 0
        for (name, d), p in zip(differences.items(), corrected, strict=True)
    }


def text(x: Any) -> str:
    """Mean and standard error over runs."""
    x = np.asarray(x, dtype=float)
    x = x[np.isfinite(x)]
    if len(x) == 0:
        return "-"
    mean = x.mean()
    error = x.std(ddof=1) / len(x) ** 0.5 if len(x) > 1 else float("nan")
    digits = 3 if abs(mean) < 2 else 2 if abs(mean) < 100 else 0
    return f"{mean:.{digits}f}" + (f" ± {error:.{digits}f}" if np.isfinite(error) else "")


def test_rows(rows: list[dict[str, Any]], names: tuple[str, ...]) -> list[list[str]]:
    """The comparison as rows of a table."""
    return [
        [METHODS[r["method"]], NAMES[r["name"]], str(r["epoch"]), f"{text(r['here'])} ({len(r['here'])})",
         f"{text(r['there'])} ({len(r['there'])})", f"{r['p']:.4f}", f"{r['p_holm']:.3f}",
         f"{r['found']:.2g}"]
        for r in rows
        if r["name"] in names
    ]  # fmt: skip


TEST_HEADER = [
    "method",
    "quantity",
    "epoch",
    "here (runs)",
    "stored (runs)",
    "p",
    "p, Holm",
    "found with 90 %",
]


def beside_rows(data: dict[tuple[str, str], Any], names: tuple[str, ...]) -> list[list[str]]:
    """Methods with few stored runs, beside those: no test."""
    rows = []
    for method in METHODS:
        if method in TESTED:
            continue
        ours = data["reference", method]
        for name in names:
            for epoch in (1, 10, 30, 100, 300):
                if epoch in ours["epoch"]:
                    here, theirs = values(ours, name, epoch), stored(method, epoch, name)
                    if np.isfinite(here).any():
                        rows.append(
                            [METHODS[method], NAMES[name], str(epoch), f"{text(here)} ({len(here)})",
                             f"{text(theirs)} ({len(theirs)})" if len(theirs) else "-"]
                        )  # fmt: skip
    return rows


def z_score(a: Any, b: Any) -> float:
    """Difference of two means in combined standard errors."""
    a, b = np.asarray(a), np.asarray(b)
    error = (a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)) ** 0.5
    return float((a.mean() - b.mean()) / error) if error > 0 else 0.0


def agreement(rows: list[dict[str, Any]], names: tuple[str, ...]) -> str:
    """One sentence on the tests of these quantities."""
    shown = [r for r in rows if r["name"] in names]
    if not shown:
        return "No stored runs at these epochs."
    found = [r for r in shown if r["p_holm"] < LEVEL]
    least = min(shown, key=lambda r: float(r["p"]))
    told = (
        "none differs"
        if not found
        else "differing: "
        + "; ".join(f"{METHODS[r['method']]}, {NAMES[r['name']]}, epoch {r['epoch']}" for r in found)
    )
    where = f"{METHODS[least['method']]}, {NAMES[least['name']]}, epoch {least['epoch']}"
    power = sorted(r["found"] / abs(r["there"].mean()) for r in shown)
    return (
        f"Of {len(shown)} comparisons with stored runs here ({len(rows)} in all, over which Holm's "
        f"correction goes, level {LEVEL}), {told}; smallest uncorrected p = {least['p']:.4f} ({where}). "
        f"What that is worth: with {POWER:.0%} probability these tests find a difference of "
        f"{power[0]:.0%} to {power[-1]:.0%} of the stored mean (half of them {power[len(power) // 2]:.0%} "
        "or less); smaller ones can have been missed."
    )


def convention_rows(
    data: dict[tuple[str, str], Any], names: tuple[str, ...], convention: str = "spinlab"
) -> list[list[str]]:
    """Another convention beside "reference", at the last epoch with stored runs."""
    rows = []
    for other, method in data:
        if other != convention:
            continue
        reference, here = data["reference", method], data[convention, method]
        epoch = max(e for e in TESTED_EPOCHS if e in here["epoch"] and e in reference["epoch"])
        for name in names:
            pair = [values(x, name, epoch) for x in (reference, here)]
            cells = [f"{text(x)} ({len(x)})" for x in pair]
            rows.append([METHODS[method], NAMES[name], str(epoch), *cells, f"{z_score(*pair[::-1]):+.1f}"])
    return rows


def trained_by(data: dict[tuple[str, str], Any], convention: str) -> list[str]:
    """Methods with runs in this convention, in the order of METHODS."""
    return [m for m in METHODS if (convention, m) in data]


def crosses(ax: Any, name: str) -> None:
    """Means of the stored runs, in the colours of the methods."""
    for i, method in enumerate(METHODS):
        at = [(int(e), stored(method, int(e), name)) for e in reference()["runs"][method]]
        at = [(e, x) for e, x in at if len(x)]
        if at:
            ax.plot(
                [e for e, _ in at],
                [x.mean() for _, x in at],
                linestyle="none",
                marker="x",
                color=plotting.COLOURS[i],
                markersize=6,
                zorder=5,
            )


def written(
    study: str,
    title: str,
    names: tuple[str, ...],
    statements: Callable[[dict[tuple[str, str], Any], str], list[dict[str, Any]]],
    data: dict[tuple[str, str], Any],
    settings: dict[str, Any],
    preset: str,
    extra: list[str],
) -> tuple[str, dict[str, Any]]:
    """The verdict of a figure, for people and for programs; ``statements``: the claims in a convention."""
    rows = compare(data)
    claims = {c: statements(data, c) for c in CONVENTIONS if trained_by(data, c)}
    others = {c: {claim["statement"]: claim["holds"] for claim in claims[c]} for c in VARIANTS if c in claims}
    yes = {True: "yes", False: "no", None: "-"}
    parts = [
        f"# {title}, preset {preset}\n",
        described(settings) + "\n",
        "## Statements\n",
        "Runs of another convention are compared with each other only; a dash: the statement needs methods "
        "that were not trained so. Their evidence is in the tables further down.\n",
        markdown_table(
            ["statement", "holds", *(VARIANTS[c][0] for c in others), "evidence (with the quirks)"],
            [
                [
                    c["statement"],
                    yes[c["holds"]],
                    *(yes[other.get(c["statement"])] for other in others.values()),
                    c["evidence"],
                ]
                for c in claims["reference"]
            ],
        ),
        "## Against stored runs of the paper's code\n",
        agreement(rows, names)
        + " Two-sided permutation tests of the difference of means. Last column: the difference that the "
        "first of Holm's tests finds with 90 % probability, from the deviations of both samples.\n",
        markdown_table(TEST_HEADER, test_rows(rows, names)),
        "Few stored runs, no test:\n",
        markdown_table(
            ["method", "quantity", "epoch", "here (runs)", "stored (runs)"], beside_rows(data, names)
        ),
    ]
    for c in others:
        parts += [
            f"## {VARIANTS[c][1]}\n",
            f'Convention "{c}": {runs_of(settings, c)}. Standard errors over runs.\n',
            markdown_table(
                ["method", "quantity", "epoch", "reference (runs)", f"{c} (runs)", "difference / error"],
                convention_rows(data, names, c),
            ),
            markdown_table(
                ["statement", "holds", "evidence"],
                [[x["statement"], yes[x["holds"]], x["evidence"]] for x in claims[c]],
            ),
        ]
    shown = [r for r in rows if r["name"] in names]
    return "\n".join([*parts, *extra]), {
        "study": study,
        "preset": preset,
        "settings": settings,
        "statements": [
            c | {f"holds_{name}": other.get(c["statement"]) for name, other in others.items()}
            for c in claims["reference"]
        ],
        "statements_of_variants": {c: claims[c] for c in others},
        "n_tests": len(rows),
        "tests": [
            {k: v for k, v in r.items() if k not in ("here", "there")}
            | {"here": float(r["here"].mean()), "stored": float(r["there"].mean())}
            for r in shown
        ],
        "agrees_with_reference": bool(shown) and all(r["p_holm"] >= LEVEL for r in shown),
    }
