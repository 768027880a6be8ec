"""Does Fig. 5 of arXiv:1910.01592 depend on a quirk of the published code?

Claim (of Fig. 5): on Bars and Stripes of 12 x 12 pixels the distances of trained and of other images end
alike and small, and free samples show valid images that were never trained. The published code divides the
last, short batch of an epoch by the full batch size, as the study ``fig5`` does not.

Measurement: pairs of runs of ``fig5`` from the same start and split, with and without the quirk, at the last
epoch: Hamming distances by both readings, composition of the free samples.

Figure: the run with the quirk against the one without, for the distances and the share of uniform samples.

Expected, if the quirk does not matter: points on both sides of the diagonal.

Runtime: paper preset about 18 CPU minutes, small preset seconds.
Verdict: computed, docs/verdicts/fig5_quirk.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _figures, fig5
from ._bars_compare import holm, paired

QUIRKS = {"spinlab": "without the quirk", "reference": "with the quirk"}
LEVEL = 0.05  # of Holm's correction over all quantities
NEW = 3.0  # errors from zero
SMALL: dict[str, Any] = fig5.SMALL | {"epochs": (10,), "batch_size": 9, "runs": 3}
PAPER: dict[str, Any] = fig5.PAPER | {"epochs": (150,)}


def sweep(preset: dict[str, Any]) -> sl.sweeps.Sweep:
    """Pairs of runs that share split, start and random numbers."""
    names = ("size", "H", "K", "batch_size", "epochs", "lr", "decay")
    return sl.sweeps.Sweep(
        fig5.point, axes={"convention": tuple(QUIRKS)}, fixed={name: preset[name] for name in names},
        replicas=preset["runs"], seed=preset["seed"], pair_over=("convention",),
        dims={
            "distance": ("epoch", "how", "side"), "composition": ("epoch", "kind"),
            "samples": ("sample", "pixel"), "sample_kinds": ("sample",),
        },
        coords={"how": fig5.CONVENTIONS, "side": fig5.SIDES, "kind": fig5.KINDS},
    )  # fmt: skip


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    found = quantities(output.run(sweep(settings), "fig5_quirk", workers, progress))
    output.figure(plot(found), "fig5_quirk")
    output.verdict(*verdict(found, settings, preset))
    return output


def quantities(data: Any) -> dict[str, dict[str, np.ndarray]]:
    """Name, convention: one value per pair."""
    last = data.isel(epoch=-1)
    found = {}
    for how, words in zip(fig5.CONVENTIONS, ("one free step", "given pixels held"), strict=True):
        for side in fig5.SIDES:
            found[f"Hamming distance, {words}, {side}"] = last["distance"].sel(how=how, side=side)
    for kind in fig5.KINDS:
        found[f"share of samples: {kind}"] = last["composition"].sel(kind=kind)
    return {name: {q: x.sel(convention=q).values for q in QUIRKS} for name, x in found.items()}


def mean(x: np.ndarray) -> tuple[float, float]:
    """Mean and standard error."""
    return float(x.mean()), float(x.std(ddof=1) / len(x) ** 0.5)


def text(x: tuple[float, float]) -> str:
    """In words."""
    return f"{x[0]:.4f} ± {x[1]:.4f}"


def p_values(found: dict[str, dict[str, np.ndarray]]) -> dict[str, float]:
    """Of paired t tests, by quantity."""
    return paired({name: x["reference"] - x["spinlab"] for name, x in found.items()})


def statements(found: dict[str, dict[str, np.ndarray]]) -> list[str]:
    """Which quantities the quirk changes, and whether the claims of Fig. 5 hold with it and without."""
    p = p_values(found)
    corrected = dict(zip(p, holm(list(p.values())), strict=True))
    changed = [name for name in found if corrected[name] < LEVEL]
    least = min(p, key=lambda name: p[name])
    said = [
        f"Changed by the quirk, by paired t tests with Holm's correction over {len(p)} quantities (level "
        f"{LEVEL:g}): {'; '.join(changed) or 'none'}. Smallest uncorrected p = {p[least]:.2g} ({least}), "
        f"corrected {corrected[least]:.2g}."
    ]
    for q, words in QUIRKS.items():
        train, test = (found[f"Hamming distance, one free step, {side}"][q] for side in fig5.SIDES)
        gap, error = mean(test - train)
        alike = abs(gap) < 0.25 * train.mean()
        said.append(
            f"Train and test end alike (within a quarter of the distance) and below .1 by one free step, "
            f"{words}: {'yes' if alike and max(train.mean(), test.mean()) < 0.1 else 'no'}, test - train "
            f"{gap:+.4f} ± {error:.4f} at {train.mean():.4f}."
        )
        new, new_error = mean(found["share of samples: new"][q])
        said.append(
            f"Valid images that were never trained are drawn, {words}: "
            f"{'yes' if new > NEW * new_error else 'no'}, {new:.3f} ± {new_error:.3f} of the samples."
        )
    return said


def plot(found: dict[str, dict[str, np.ndarray]]) -> Any:
    """Pairs: with the quirk against without."""
    import matplotlib.pyplot as plt

    names = {
        "one free step, test": "Hamming distance, one free step, test",
        "pixels held, test": "Hamming distance, given pixels held, test",
        "uniform samples": "share of samples: uniform",
    }
    with plotting.style():
        figure, axes = plt.subplots(1, 3, figsize=(7.6, 3), layout="constrained")
        for ax, (title, name) in zip(axes, names.items(), strict=True):
            x, y = (found[name][q] for q in QUIRKS)
            ax.plot(x, y, linestyle="none", marker="o", color=plotting.COLOURS[0])
            top = 1.1 * max(x.max(), y.max())
            ax.plot([0, top], [0, top], color="grey", linewidth=0.8)
            ax.set(title=title, xlabel="without the quirk", xlim=(0, top), ylim=(0, top))
        axes[0].set_ylabel("with the quirk")
        _figures.letters(axes)
    return figure


def verdict(
    found: dict[str, dict[str, np.ndarray]], settings: dict[str, Any], preset: str
) -> tuple[str, dict[str, Any]]:
    """Sentences and the table of all quantities."""
    said = statements(found)
    rows = [
        [name, *(text(mean(x[q])) for q in QUIRKS), text(mean(x["reference"] - x["spinlab"])), f"{p:.2g}"]
        for (name, x), p in zip(found.items(), p_values(found).values(), strict=True)
    ]
    body = "\n".join(
        [
            f"# Fig. 5 with and without the quirk, preset {preset}\n",
            f"Bars and Stripes {settings['size']}x{settings['size']}, H={settings['H']}, K={settings['K']}, "
            f"batches of {settings['batch_size']}, the last one of an epoch divided by its own size or by "
            f"the full one; epoch {settings['epochs'][-1]}, {settings['runs']} pairs of runs with the same "
            f"split and start; spinlab {sl.__version__}, seed {settings['seed']}. Errors are standard errors "
            "over runs, of differences over pairs.\n",
            *(f"- {sentence}" for sentence in said),
            "",
            markdown_table(["quantity", *QUIRKS.values(), "difference", "p"], rows),
        ]
    )
    return body, {
        "study": "fig5_quirk",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "statements": said,
    }
