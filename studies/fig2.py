"""Fig. 2 of arXiv:1910.01592: low energies that Gibbs sampling and negative phases reach.

Claim: models with regularized axons are easy to sample from the first epoch on, standard ones only after
training; the patterns of RAPID characterise low energies far better than conventional negative phases do in
the first epochs, and are overtaken late in training.

Figure: against the epoch, for RAPID, CD-10, PCD-10 and exact gradients on 4x4 Bars: (a) Gibbs accessibility,
lowest of ten chains of ten steps from random states; method accessibility, the lowest energy among the
configurations of the negative phase over the ground energy; (c) mean of the ten chains; (d) excess over a
random start, which a raw ratio hides. Crosses: stored runs of the paper's code.

Expected: (a) RAPID at .99 and above throughout, the others rising from .1 to .3 at epoch 100; (b) RAPID
between .65 and .9, the others from .15 to .4.

Runtime: short preset about 40 CPU minutes, paper preset some more (both shared with
fig3 and fig4), small preset seconds.
Verdict: agrees with the stored runs; see docs/verdicts/fig2.md for the statements that hold.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinlab import plotting
from spinlab.studies import Output

from . import _bars, _bars_compare, _figures
from ._bars import METHODS, PAPER, PRESETS, SMALL
from ._bars_compare import text, trained_by, values, z_score

__all__ = ["PAPER", "PRESETS", "SMALL", "main", "plot", "verdict"]

NAMES = ("gibbs_min", "gibbs_mean", "reached")


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure and verdict; the runs lie in ``bars-PRESET`` beside it."""
    output = Output(out)
    settings = PRESETS[preset]
    data = _bars.run(settings, preset, output, workers, progress)
    output.figure(plot(data), "fig2")
    output.verdict(*verdict(data, settings, preset))
    return output


def plot(data: dict[tuple[str, str], Any]) -> Any:
    """Both accessibilities, the other reduction, and the excess."""
    import matplotlib.pyplot as plt

    panels = [
        ("gibbs_min", "Gibbs, lowest of ten chains", "$E/E_0$"),
        ("reached", "method accessibility", "lowest $E$ of the negative phase $/E_0$"),
        ("gibbs_mean", "Gibbs, mean of ten chains", "$E/E_0$"),
        ("excess_mean", "excess over a random start",
         r"$(E-E_{\rm rand})/(E_0-E_{\rm rand})$"),
    ]  # fmt: skip
    with plotting.style():
        figure, axes = plt.subplots(2, 2, figsize=(7.6, 6.6), layout="constrained")
        for ax, (name, title, label) in zip(axes.flat, panels, strict=True):
            _bars.curves(ax, data, name)
            if name in NAMES:
                _bars_compare.crosses(ax, name)
                ax.set_ylim(0, 1.05)
            else:
                ax.axhline(0, color="grey", linewidth=0.8, zorder=0)
                ax.set_ylim(-3, 1.1)  # thermal noise at small weights lies far below a random start
            ax.set(title=title, ylabel=label)
        _figures.letters(axes.flat)
        figure.legend(
            *axes[0, 0].get_legend_handles_labels(), fontsize=9, ncols=4, loc="outside lower center"
        )
    return figure


def statements(data: dict[tuple[str, str], Any], convention: str = "reference") -> list[dict[str, Any]]:
    """What the paper says about this figure: (statement, holds, evidence), for the methods there are."""
    found: list[dict[str, Any]] = []

    def of(method: str, name: str, epoch: int) -> np.ndarray:
        return values(data[convention, method], name, epoch)

    def claim(statement: str, holds: bool, evidence: str) -> None:
        found.append({"statement": statement, "holds": bool(holds), "evidence": evidence})

    methods = trained_by(data, convention)
    standard = [m for m in methods if m != "rapid"]
    sampled = [m for m in standard if m != "exact"]  # these have configurations in their negative phase
    last = {m: int(data[convention, m]["epoch"][-1]) for m in methods}
    reductions = (("gibbs_min", "lowest chain"), ("gibbs_mean", "mean"), ("excess_mean", "mean excess"))
    for name, what in reductions if standard else ():
        z = min(z_score(of("rapid", name, 0), of(m, name, 0)) for m in standard)
        claim(
            f"before training RA-RBMs are more accessible to Gibbs sampling ({what})",
            z > 4,
            f"RAPID {text(of('rapid', name, 0))}, CD {text(of('cd', name, 0))}: {z:+.0f} errors or more",
        )
    for name, what in reductions if standard else ():
        shown = [f"{METHODS[m]} {text(of(m, name, last[m]))} at epoch {last[m]}" for m in methods]
        claim(
            f"after training standard models reach low energies, three quarters of RAPID's ({what})",
            all(
                of(m, name, last[m]).mean() > 0.75 * of("rapid", name, last["rapid"]).mean() for m in standard
            ),
            ", ".join(shown),
        )
    for epoch in (2, 10, 100, 300) if len(standard) == 3 else ():
        if any(epoch > last[m] for m in standard):
            continue
        better = [of(m, "gibbs_min", epoch) for m in standard]
        z = min(z_score(b, better[0]) for b in better[1:])
        claim(
            f"better negative phases are more accessible at epoch {epoch} (lowest chain; PCD, exact over CD)",
            z > 2,
            ", ".join(f"{METHODS[m]} {text(b)}" for m, b in zip(standard, better, strict=True)),
        )
    for m in sampled:
        z = z_score(of(m, "reached", last[m]), of(m, "gibbs_min", last[m]))
        claim(
            f"the method accessibility of {METHODS[m]} exceeds its Gibbs accessibility",
            z > 2,
            f"epoch {last[m]}: {text(of(m, 'reached', last[m]))} and {text(of(m, 'gibbs_min', last[m]))}",
        )
    if sampled:
        first = {m: of(m, "reached", 1) for m in ("rapid", *sampled)}
        claim(
            "in the first epochs RAPID's negative phase is nearest to the ground energy",
            min(z_score(first["rapid"], first[m]) for m in sampled) > 4,
            "epoch 1: " + ", ".join(f"{METHODS[m]} {text(x)}" for m, x in first.items()),
        )
        claim(
            "late in training conventional methods overtake RAPID's method accessibility",
            any(
                z_score(of(m, "reached", last[m]), of("rapid", "reached", last["rapid"])) > 2 for m in sampled
            ),
            ", ".join(
                f"{METHODS[m]} {text(of(m, 'reached', last[m]))} at epoch {last[m]}"
                for m in ("rapid", *sampled)
            ),
        )
    z = z_score(of("rapid", "reached", last["rapid"]), of("rapid", "reached", 0))
    claim(
        "RAPID's method accessibility does not improve with training",
        z < 2,
        f"{text(of('rapid', 'reached', 0))} before, {text(of('rapid', 'reached', 1))} after epoch 1, "
        f"{text(of('rapid', 'reached', last['rapid']))} at the end",
    )
    return found


def verdict(
    data: dict[tuple[str, str], Any], settings: dict[str, Any], preset: str
) -> tuple[str, dict[str, Any]]:
    """Statements, tests against the stored runs, and what stands beside them."""
    return _bars_compare.written("fig2", "Fig. 2", NAMES, statements, data, settings, preset, [])
