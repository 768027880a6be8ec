"""What the runs on MNIST at the published length say: shares of samples, likelihoods, and statements."""

from __future__ import annotations

from typing import Any

import numpy as np

import spinlab as sl

from ._mnist import STANDARD
from ._mnist_published import PIXELS

DIGITS, NOISE = (
    0.5,
    0.1,
)  # shares of samples that are digits from which on, and up to which, a run is called so
AGREE = 1.0  # nats
SLACK = 5.0  # a forward estimate of ln Z is too large by this much with a probability below e^-5 = .7 %

Table = dict[str, dict[str, Any]]


def quality(data: Any, machine: str) -> sl.rbm.SampleQuality:
    """The kept observables of samples as they were made."""
    run = data.sel(machine=machine)
    flags = np.zeros(run.sizes["sample"], dtype=bool)
    return sl.rbm.SampleQuality(
        nearest=run["nearest"].values,
        nearest_image=np.zeros(len(flags), dtype=int),
        inverted=flags,
        labels=run["labels"].values.astype(int),
        confidence=run["confidence"].values,
        classes=np.arange(10),
        vendi=float(run["vendi"]),
    )


def shares(found: sl.rbm.SampleQuality, images: sl.rbm.SampleQuality) -> dict[str, float]:
    """What part of the samples is near an image, confidently classified, both (digits), and copied."""
    near = found.nearest >= np.quantile(images.nearest, 0.05)
    sure = found.confidence >= np.quantile(images.confidence, 0.05)
    return {
        "near": float(near.mean()),
        "confident": float(sure.mean()),
        "digits": float((near & sure).mean()),
        "copied": found.share_copied(images),
        "nearest": float(found.nearest.mean()),
        "classes": found.effective_classes,
        "vendi": found.vendi,
    }


def likelihood(run: Any) -> dict[str, Any]:
    """Test likelihood with its range if all annealing runs agree, otherwise a bound from below."""
    log_z, ess = run["log_z"].values, run["ess"].values
    nll, error = (run[name].sel(side="test").item() for name in ("nll", "image_error"))
    gap = run["nll"].diff("side").item()
    if not np.isfinite(log_z).all():
        return {"quoted": bool(np.isfinite(nll)), "nll": nll, "error": error, "gap": gap}
    quoted = ess.min() > 20 and np.abs(log_z - log_z[0, 0]).max() < AGREE
    low, high = (nll - log_z[0, 0] + run["bracket"].sel(base="data").values).tolist()
    bound = nll - log_z[0, 0] + log_z[:, 0].max() - SLACK
    return {
        "quoted": bool(quoted),
        "nll": nll,
        "error": error,
        "gap": gap,
        "range": [low, high],
        "bound": float(bound),
        "ess": ess.round(1).tolist(),
        "log_z": log_z.round(2).tolist(),
    }


def shown(found: dict[str, Any]) -> str:
    """A likelihood in a table."""
    if not np.isfinite(found["nll"]):
        return ""
    if "range" not in found:
        return f"{found['nll']:.1f} ± {found['error']:.1f} (exact)"
    if found["quoted"]:
        low, high = found["range"]
        return f"{found['nll']:.1f} ({low:.1f} to {high:.1f}) ± {found['error']:.1f}"
    return f"above {found['bound']:.0f}"


def _runs(table: Table, prefix: str, convention: str, start: str = "") -> Table:
    """The runs of a setting."""
    words = f"{convention}, {start}" if start else convention
    return {m: row for m, row in table.items() if m.startswith(prefix) and words in m}


def _text(rows: Table, what: str = "digits") -> str:
    return ", ".join(f"{_named(m, row)}: {row[what]:.2f}" for m, row in rows.items()) or "no run"


def _named(machine: str, row: dict[str, Any]) -> str:
    """A run with the epoch at which it was stopped, if it was not finished."""
    return f"{machine} (stopped at epoch {row['epochs']})" if row.get("stopped") else machine


def said(statement: str, holds: bool | None, evidence: str) -> dict[str, str]:
    """A statement with its verdict; None where the runs do not decide."""
    answer = "open" if holds is None else "holds" if holds else "fails"
    return {"statement": statement, "verdict": answer, "evidence": evidence}


def statements(table: Table) -> list[dict[str, str]]:
    """What the paper says, and what explains it, as far as there are runs: holds, fails or open."""
    trained = {m: row for m, row in table.items() if ", run " in m}
    few, many = (_runs(table, f"K={K}, 10 steps", "reference") for K in (190, 290))
    starts = {s: _runs(table, "K=200, 1 steps", "reference", s) for s in ("sign", "continuous")}
    good = {m: row for m, row in trained.items() if row["digits"] >= DIGITS}
    return [
        *_of_the_convention(table, trained),
        said(
            "chains from the signs (text) or from the patterns as they are (code): digits either way",
            all(r["digits"] >= DIGITS for rows in starts.values() for r in rows.values())
            if all(starts.values())
            else None,
            "; ".join(f"{s}: {_text(rows)}" for s, rows in starts.items()),
        ),
        said(
            "more patterns give better-looking samples (more classes at K=290 than at 190, every run)",
            min(r["classes"] for r in many.values()) > max(r["classes"] for r in few.values())
            if few and many
            else None,
            "effective classes " + _text({**few, **many}, "classes"),
        ),
        *_of_the_likelihood(table, trained, few, many),
        said(
            "digits are new ones: at most 10 % are nearer to a training image than 95 % of the test images",
            all(r["copied"] <= 0.1 for r in good.values()) if good else None,
            "share of copies " + _text(good, "copied"),
        ),
        flatter(good, {m: row for m, row in trained.items() if ", spinlab" in m}),
    ]


def lead(row: dict[str, Any]) -> float:
    """s_1/s_2 of W."""
    first, second = row["singular_values"][:2]
    return float(first / second)


def flatter(good: Table, plain: Table) -> dict[str, str]:
    """Whether W of every run with digits has a smaller s_1/s_2 than that of every run without the quirk."""
    one, other = (
        {m: {"lead": lead(r)} for m, r in rows.items() if r.get("singular_values")} for rows in (good, plain)
    )
    return said(
        "the spectrum of W is flatter in every run with digits than in every run without the quirk (s1/s2)",
        max(r["lead"] for r in one.values()) < min(r["lead"] for r in other.values())
        if one and other
        else None,
        f"with digits {_text(one, 'lead')}; without the quirk {_text(other, 'lead')}",
    )


def _of_the_convention(table: Table, trained: Table) -> list[dict[str, str]]:
    """Whether digits need the quirk, for each setting that was run."""
    found = []
    for K, steps in sorted({tuple(m.split(", ")[:2]) for m in trained}):
        setting = f"{K}, {steps.replace(' steps', ' Gibbs step' + 's' * (steps[0:2] != '1 '))}"
        quirk, plain = (_runs(table, f"{K}, {steps}", c) for c in ("reference", "spinlab"))
        found += [
            said(
                f"{setting}, last short batch divided by the full size: samples are digits",
                all(r["digits"] >= DIGITS for r in quirk.values()) if quirk else None,
                f"share of digits {_text(quirk)}",
            ),
            said(
                f"{setting}, without that: samples are not digits",
                all(r["digits"] <= NOISE for r in plain.values()) if plain else None,
                f"share of digits {_text(plain)}",
            ),
        ]
    return found


def _of_the_likelihood(table: Table, trained: Table, few: Table, many: Table) -> list[dict[str, str]]:
    """Fewer patterns against more, and RA-RBMs against a standard RBM."""
    evidence = ", ".join(f"{_named(m, r)}: {shown(r['likelihood'])}" for m, r in trained.items()) or "no run"
    one, other = (
        [r["likelihood"]["nll"] for r in rows.values() if r["likelihood"]["quoted"]] for rows in (few, many)
    )
    found = [r["likelihood"] for r in trained.values()]
    least = [x["range"][0] if x["quoted"] else x["bound"] for x in found]
    standard = table[STANDARD]["likelihood"]
    best = standard["range"][1] if standard["quoted"] else np.inf
    # Where that of the standard RBM cannot be quoted, worse than independent pixels is bad enough.
    pixels = table[PIXELS]["likelihood"]["nll"]
    if found and all(x > min(best, pixels) for x in least):
        comparable: bool | None = False
    else:
        comparable = True if found and all(x["quoted"] for x in found) and np.isfinite(best) else None
    return [
        said(
            "fewer patterns give the better likelihood (K=190 against 290, every run)",
            max(one) < min(other) if one and other else None,
            evidence,
        ),
        said(
            "the final likelihood is comparable to that of standard RBMs",
            comparable,
            f"standard RBM {shown(standard)}, independent pixels {pixels:.1f}; {evidence}; "
            f"{sum(x['quoted'] for x in found)} of {len(found)} can be quoted, the others are "
            "bounds from below",
        ),
    ]
