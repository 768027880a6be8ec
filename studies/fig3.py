"""Fig. 3 of arXiv:1910.01592: reconstruction of 4x4 Bars from their top row, along training.

Claim: RAPID learns and generalises in fewer epochs than CD, PCD and exact gradients, with almost no
difference between training and test images; standard methods memorise alike, and generalise the faster the
better their negative phase is.

Figure: Hamming distance between reconstructed and true images against the epoch, training and test images,
in two conventions: one free step (the code published with the paper) and the top row held for ten steps (its
Appendix C). Beside them what the distance does not show: the exact negative log-likelihood. Crosses: stored
runs of the paper's code.

Expected: one free step: RAPID .20 at epoch 1 and .03 at epoch 100, the others .45 and .21; clamped: .19 and
.03, the others .30 and .05. NLL: RAPID above 10^3 nats, the others 3 to 4 (ln 14 = 2.64 is ideal).

Runtime: short preset about 40 CPU minutes, paper preset some more (both shared with
fig2 and fig4), small preset seconds.
Verdict: with the published code's distance RAPID leads from the first epoch; with the row held the lead is
gone by epoch 10, and its density is off by 10^3 nats in either case. See docs/verdicts/fig3.md.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _bars, _bars_compare, _figures
from ._bars import METHODS, PAPER, PRESETS, SIDES, SMALL
from ._bars_compare import text, trained_by, values, z_score

__all__ = ["PAPER", "PRESETS", "SMALL", "main", "plot", "verdict"]

CONVENTIONS = {"one_step": "one free step", "clamped": "top row held, 10 steps"}
NAMES = (*(f"hamming/{c}/{s}" for c in CONVENTIONS for s in SIDES), "nll/train", "nll/test")
IDEAL = math.log(14)


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure and verdict; the runs lie in ``bars-PRESET`` beside it."""
    output = Output(out)
    settings = PRESETS[preset]
    data = _bars.run(settings, preset, output, workers, progress)
    output.figure(plot(data), "fig3")
    output.verdict(*verdict(data, settings, preset))
    return output


def plot(data: dict[tuple[str, str], Any]) -> Any:
    """Columns: training and test images; rows: both distances and the likelihood."""
    import matplotlib.pyplot as plt

    with plotting.style():
        figure, axes = plt.subplots(3, 2, figsize=(7.6, 8.8), sharex=True, layout="constrained")
        for row, side in zip(axes.T, SIDES, strict=True):
            for ax, (convention, title) in zip(row, CONVENTIONS.items(), strict=False):
                _bars.curves(ax, data, "hamming", distance=convention, side=side)
                _bars_compare.crosses(ax, f"hamming/{convention}/{side}")
                ax.set(title=f"{side}: {title}", ylabel="Hamming distance per pixel", ylim=(0, 0.52))
            _bars.curves(row[2], data, "nll", spread=False, side=side)
            _bars_compare.crosses(row[2], f"nll/{side}")
            row[2].axhline(IDEAL, color="black", linewidth=0.8, linestyle="--")
            row[2].axhline(16 * math.log(2), color="grey", linewidth=0.8, linestyle=":")
            row[2].annotate("ln 14", (0.02, IDEAL), fontsize=8, va="top")
            row[2].annotate("uniform", (0.02, 16 * math.log(2)), fontsize=8, va="bottom")
            row[2].set(title=f"{side}: exact likelihood", ylabel="NLL (nats per image)", yscale="log")
        for ax in axes[:2].flat:
            ax.set_xlabel("")
        _figures.letters(axes.flat)
        figure.legend(
            *axes[0, 0].get_legend_handles_labels(), fontsize=9, ncols=4, loc="outside lower center"
        )
    return figure


def statements(data: dict[tuple[str, str], Any], quirks: str = "reference") -> list[dict[str, Any]]:
    """What the paper says about this figure, by either distance, for the methods there are."""
    found: list[dict[str, Any]] = []

    def of(method: str, name: str, epoch: int) -> np.ndarray:
        return values(data[quirks, method], name, epoch)

    def listed(methods: list[str], name: str, epoch: int) -> str:
        return ", ".join(f"{METHODS[m]} {text(of(m, name, epoch))}" for m in methods)

    def claim(statement: str, holds: bool, evidence: str) -> None:
        found.append({"statement": statement, "holds": bool(holds), "evidence": evidence})

    methods = trained_by(data, quirks)
    standard = [m for m in methods if m != "rapid"]
    last = {m: int(data[quirks, m]["epoch"][-1]) for m in methods}

    def epochs_of(methods: list[str], wanted: tuple[int, ...]) -> list[int]:
        return [e for e in wanted if all(e <= last[m] for m in methods)]

    for convention, words in CONVENTIONS.items():
        for epoch in (1, 10, 30, 100, 300):
            there = [m for m in standard if epoch <= last[m]]
            if epoch > last["rapid"] or not there:
                continue
            z = {
                side: max(z_score(of("rapid", name, epoch), of(m, name, epoch)) for m in there)
                for side in SIDES
                for name in [f"hamming/{convention}/{side}"]
            }
            shown = "; ".join(
                f"{side}: " + listed(["rapid", *there], f"hamming/{convention}/{side}", epoch)
                for side in SIDES
            )
            claim(
                f"RAPID reconstructs better than the others at epoch {epoch} ({words})",
                max(z.values()) < -3,
                shown,
            )
        if len(standard) == 3:
            epoch = epochs_of(standard, (1, 2, 10, 30))[-1]
            train, test = ([of(m, f"hamming/{convention}/{side}", epoch) for m in standard] for side in SIDES)
            z_train = max(abs(z_score(train[0], x)) for x in train[1:])
            claim(
                f"standard methods memorise alike ({words})",
                z_train < 3,
                f"epoch {epoch}, train: " + listed(standard, f"hamming/{convention}/train", epoch),
            )
            z_test = max(z_score(x, test[0]) for x in test[1:])
            claim(
                f"PCD and exact gradients generalise faster than CD ({words})",
                z_test < -2,
                f"epoch {epoch}, test: " + listed(standard, f"hamming/{convention}/test", epoch),
            )
        epoch = last["rapid"]
        pair = [of("rapid", f"hamming/{convention}/{side}", epoch) for side in SIDES]
        difference = pair[1] - pair[0]
        z = difference.mean() / max(difference.std(ddof=1) / len(difference) ** 0.5, 1e-12)
        claim(
            f"RAPID generalises as well as it memorises ({words})",
            z < 2,
            f"epoch {epoch}: train {text(pair[0])}, test {text(pair[1])}",
        )
    low = of("rapid", "nll/train", last["rapid"])
    rest = ", ".join(
        f"{METHODS[m]} {text(of(m, 'nll/train', last[m]))} / {text(of(m, 'nll/test', last[m]))}"
        for m in methods
    )
    claim(
        "RAPID's density is as good as its reconstructions (NLL below uniform, 11.1 nats)",
        low.mean() < 16 * math.log(2),
        f"train / test at the last epoch: {rest}; ideal ln 14 = 2.64",
    )
    return found


def verdict(
    data: dict[tuple[str, str], Any], settings: dict[str, Any], preset: str
) -> tuple[str, dict[str, Any]]:
    """Statements, tests against the stored runs, and what stands beside them."""
    lead = []
    for convention, words in CONVENTIONS.items():
        for epoch in _bars.EPOCHS:
            cells = [
                " / ".join(text(values(runs, f"hamming/{convention}/{side}", epoch)) for side in SIDES)
                if epoch in (runs := data["reference", m])["epoch"]
                else "-"
                for m in METHODS
            ]
            if sum(cell != "-" for cell in cells) > 1:
                lead.append([words, str(epoch), *cells])
    table = markdown_table(["distance", "epoch", *METHODS.values()], lead)
    extra = ["## Distances along training, train / test\n", table]
    return _bars_compare.written("fig3", "Fig. 3", NAMES, statements, data, settings, preset, extra)
