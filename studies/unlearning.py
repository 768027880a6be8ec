"""Why the published MNIST runs need a quirk: surplus negative phase, and controls that have a part of it.

Claim (of this study, about arXiv:1910.01592): the published code divides the positive phase of an epoch's
last batch, an eighth of the others, by the full batch size. With it RA-RBMs of MNIST make digits at the
published length, without it they do not (fig6). Is it the amount, its being all in one update, the size of W
that it takes away, or what it unlearns?

Controls: other doses (1/2, 0); the same deficit spread over all updates; no last batch at all; weight decay
through the chain rule on the patterns, or one factor of them, with the same standard deviation of W at each
epoch; the surplus with that deviation restored after it, or with that of the run without surplus at each
epoch; the surplus without its part along W; a surplus from random states in place of patterns; a small start
without surplus; the largest singular value of W cut to the second after each epoch in place of a surplus, as
it is or with the published deviation.

Figure: share of samples that are digits (near a training image and surely classified), the largest singular
value of W over the second, and the standard deviation of W along the training, for each condition.

Expected: if what matters is weight decay, every surplus works, and so does weight decay alone.

Runtime: paper preset (10000 images of MNIST, H=1000, K=70) about a quarter of an hour on 2 cores, small
preset (8x8 digits) seconds.
Verdict: see docs/verdicts/unlearning.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _figures, _unlearning
from ._mnist import digits
from ._mnist_published import N_ALONG, NUMBERS, STEPS, held_out, judge, numbers
from ._unlearning import CONDITIONS, FOLLOWING, PLAIN, PUBLISHED, RESTORED, WITH_SURPLUS, std_of

SMALL: dict[str, Any] = {
    "dataset": "digits",
    "conditions": CONDITIONS,
    "n_images": 1418,  # seven batches and an eighth
    "H": 200,
    "K": 20,
    "n_steps": 1,
    "lr": 0.015,
    "batch_size": 199,
    "decay": 0.98,
    "after": 25,
    "marks": (10, 30, 100),
    "share": 1 / 8,
    "small_start": 0.02,
    "runs": 2,
    "seed": 17,
}
PAPER: dict[str, Any] = {
    **SMALL,
    "dataset": "mnist",
    "n_images": 9_998,
    "H": 1000,
    "K": 70,
    "batch_size": 1403,
    "after": 60,
    "marks": (20, 60, 120, 180, 240),
    "runs": 2,
}
SHOWN = ("share_near", "share_confident", "share_copied")
DIMS = {
    "digits": ("epoch",),
    "looks": ("epoch", "number"),
    "std_W": ("epoch",),
    "singular_values": ("epoch", "rank"),
    "cosine": ("epoch",),
    "memory": ("epoch",),
    "minima": ("epoch",),
    "excess": ("epoch",),
}
N_VALUES = 5  # singular values of W
N_DESCENTS = 64


def point(
    condition: str, dataset: str, n_images: int, marks: tuple[int, ...], rng: int, **settings: Any
) -> dict[str, Any]:
    """Train under one condition; what samples look like, and W, along the training."""
    data = digits(dataset).train[:n_images]
    targets = None
    if condition in FOLLOWING:  # the run that is followed, from the same start
        other = _unlearning.trainer_of(FOLLOWING[condition], data, settings, rng)
        history = other.fit(data, marks[-1], [lambda t: {"std_W": std_of(t.machine)}], progress=False)
        targets = history["std_W"].values
    trainer = _unlearning.trainer_of(condition, data, settings, rng, targets)
    images = held_out(dataset)

    def look(trainer: sl.rbm.Trainer) -> dict[str, Any]:
        model: Any = trainer.machine
        found = judge(model.sample(STEPS, N_ALONG, rng=trainer.epoch), dataset)
        near = found.nearest >= np.quantile(images.nearest, 0.05)
        sure = found.confidence >= np.quantile(images.confidence, 0.05)
        values = sl.rbm.singular_values(model)[:N_VALUES]
        return {
            "digits": (near & sure).mean(),
            "looks": numbers(found, images),
            "std_W": std_of(model),
            "singular_values": values,
            "cosine": _unlearning.cosine_with_weights(model, settings["n_steps"], trainer.epoch),
            "memory": _unlearning.memory(model, data[:N_DESCENTS], STEPS, trainer.epoch),
        } | _unlearning.landscape(model, STEPS, N_DESCENTS, trainer.epoch)

    history = trainer.fit(data, marks[-1], [sl.rbm.Every(marks, look)], progress=False)
    history = history.sel(epoch=list(marks))
    return {name: history[name].values for name in DIMS}


def sweep(preset: dict[str, Any]) -> sl.sweeps.Sweep:
    """Every condition from the same starts."""
    return sl.sweeps.Sweep(
        point,
        axes={"condition": preset["conditions"]},
        fixed={k: v for k, v in preset.items() if k not in ("conditions", "runs", "seed")},
        replicas=preset["runs"],
        seed=preset["seed"],
        pair_over=("condition",),
        dims=DIMS,
        coords={"epoch": preset["marks"], "number": NUMBERS},
    )


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    data = output.run(sweep(settings), "unlearning", workers, progress)
    output.figure(plot(data, settings), "unlearning")
    output.verdict(*verdict(data, settings, preset))
    return output


def plot(data: Any, settings: dict[str, Any]) -> Any:
    """Digits, the lead of the first mode and the size of W along the training, with surplus and without.

    The colour says how the runs end, marker and filling which condition it is: fifteen colours cannot be told
    apart.
    """
    import matplotlib.pyplot as plt

    values = data["singular_values"]
    panels = (
        (data["digits"], "samples that are digits"),
        (values.isel(rank=0) / values.isel(rank=1), "$s_1/s_2$ of $W$"),
        (data["std_W"], "standard deviation of $W$"),
    )
    rows = {
        "(a)-(c): with a surplus": [c for c in settings["conditions"] if c in WITH_SURPLUS],
        "(d)-(f): without": [c for c in settings["conditions"] if c not in WITH_SURPLUS],
    }
    with plotting.style():
        figure, axes = plt.subplots(2, 3, figsize=(7.6, 7), layout="constrained", sharex=True, sharey="col")
        looks = (("outside lower left", None), ("outside lower right", "white"))  # open markers: without
        for line, (title, conditions), (where, face) in zip(axes, rows.items(), looks, strict=True):
            for condition, marker in zip(conditions, (*plotting.MARKERS, "*"), strict=False):
                ends = float(data["digits"].sel(condition=condition).isel(epoch=-1).mean()) > 0.5
                colour = plotting.COLOURS[0 if ends else 1]
                for ax, (quantity, _) in zip(line, panels, strict=True):
                    run = quantity.sel(condition=condition)
                    mean = run.mean("replica")
                    spread = np.abs([run.min("replica") - mean, run.max("replica") - mean])
                    ax.errorbar(
                        data["epoch"], mean, spread, color=colour, marker=marker, markersize=5, linewidth=0.8,
                        label=condition, markerfacecolor=face,
                    )  # fmt: skip
            names = line[2].get_legend_handles_labels()
            figure.legend(*names, fontsize=8, title=title, title_fontsize=9, loc=where, handlelength=1)
        for ax, (_, label) in zip(axes.T, panels, strict=True):
            for part in ax:
                part.set_ylabel(label)
        for ax in axes[1]:
            ax.set_xlabel("epoch")
        for ax in axes[:, 1:].flat:
            ax.set_yscale("log")
        _figures.letters(axes.flat)
        figure.suptitle(
            f"{settings['dataset']}, $H={settings['H']}$, $K={settings['K']}$; blue: runs that end with "
            f"digits, vermilion: without;\nbars: from the lowest to the highest of {settings['runs']} runs",
            fontsize=9.5,
        )
    return figure


def statements(ends: dict[str, np.ndarray]) -> list[dict[str, str]]:
    """What the shares of digits at the end say; open where the effect is absent or runs differ."""
    plain, published = ends[PLAIN], ends[PUBLISHED]
    found = []

    def said(statement: str, holds: bool | None, conditions: tuple[str, ...]) -> None:
        evidence = "; ".join(
            f"{c}: {', '.join(f'{x:.2f}' for x in ends[c])}" for c in conditions if c in ends
        )
        answer = "open" if holds is None else "holds" if holds else "fails"
        found.append({"statement": statement, "verdict": answer, "evidence": evidence})

    effect = bool(published.min() > plain.max() + 0.1)
    said("the surplus makes digits here (every run, by more than .1)", effect, (PLAIN, PUBLISHED))
    middle = (plain.mean() + published.mean()) / 2
    for condition, what in (
        (RESTORED, "digits though the deviation of W is restored after each surplus"),
        (_unlearning.HELD, "the size of W is not what matters: digits at the size it has without surplus"),
        (_unlearning.FACTOR, "the size of W is enough: digits from one factor of all patterns"),
        (_unlearning.DECAY, "weight decay is enough: digits from it, at the same deviation of W"),
        (_unlearning.SPREAD, "the surplus need not be in one update"),
        (_unlearning.DROPPED, "leaving out the last batch is enough"),
        (_unlearning.RANDOM, "the surplus need not come from the patterns"),
        (_unlearning.ACROSS, "the part of the surplus along W is not needed"),
        (_unlearning.SMALL_START, "a small start is enough"),
        (_unlearning.CUT, "cutting the first mode is enough"),
        (_unlearning.CUT_SMALL, "cutting the first mode is enough at the published size of W"),
    ):
        if condition in ends:
            above = ends[condition] > middle
            same = above.all() or not above.any()  # runs that differ decide nothing
            said(what, bool(above[0]) if effect and same else None, (condition,))
    return found


def flatness(digits: np.ndarray, lead: np.ndarray) -> dict[str, str]:
    """Whether the lead s_1/s_2 of the first mode tells runs with digits from those without."""
    yes, no = lead[digits > 0.5], lead[digits <= 0.5]
    evidence = "; ".join(
        f"{len(x)} runs {name} digits: {x.min():.2f} to {x.max():.2f}"
        for x, name in ((yes, "with"), (no, "without"))
        if len(x)
    )
    holds = bool(yes.max() < no.min()) if len(yes) and len(no) else None
    return {
        "statement": "digits go with a flat spectrum: s_1/s_2 is smaller in every run with digits",
        "verdict": "open" if holds is None else "holds" if holds else "fails",
        "evidence": evidence,
    }


def surplus_flattens(lead: dict[str, np.ndarray]) -> dict[str, str]:
    """Whether the surplus lowers s_1/s_2, by condition one value per run, in every run."""
    plain, published = lead[PLAIN], lead[PUBLISHED]
    return {
        "statement": "the surplus lowers s_1/s_2 (every run)",
        "verdict": "holds" if published.max() < plain.min() else "fails",
        "evidence": "; ".join(f"{c}: {_listed(lead[c])}" for c in (PLAIN, PUBLISHED)),
    }


def _listed(x: np.ndarray) -> str:
    return ", ".join(f"{y:.3g}" for y in x)


def verdict(data: Any, settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """The end of each condition, and what they decide."""
    ends = {}
    for c in settings["conditions"]:
        values = data["digits"].sel(condition=c).transpose("replica", "epoch").values[:, -1]
        ends[c] = values[np.isfinite(values)]  # a store may be looked at before it is complete
    rows, leads = [], {}
    for c in settings["conditions"]:
        run = data.sel(condition=c).isel(epoch=-1)
        first, second = (run["singular_values"].isel(rank=k).values for k in (0, 1))
        leads[c] = (first / second)[np.isfinite(first)]
        looks = run["looks"].mean("replica")
        values = run["singular_values"].mean("replica").values
        rows.append(
            [c, ", ".join(f"{x:.2f}" for x in ends[c]),
             *(f"{looks.sel(number=n).item():.2f}" for n in SHOWN),
             f"{looks.sel(number='effective_classes').item():.1f}", f"{run['std_W'].mean().item():.3g}",
             _listed(values), _listed(leads[c]),
             *(f"{run[n].mean().item():.2f}" for n in ("cosine", "memory", "minima", "excess"))]
        )  # fmt: skip
    all_digits, all_leads = (np.concatenate(list(x.values())) for x in (ends, leads))
    said = [*statements(ends), flatness(all_digits, all_leads), surplus_flattens(leads)]
    text = "\n".join(
        [
            f"# Unlearning, {settings['dataset']}, preset {preset}\n",
            f"RA-RBMs H={settings['H']}, K={settings['K']}, {settings['n_steps']} Gibbs step(s) from the "
            f"patterns, {settings['n_images']} images in batches of {settings['batch_size']} (the last of 8 "
            f"is an eighth of that), learning rate {settings['lr']:g} times {settings['decay']:g} per epoch "
            f"from epoch {settings['after']} on, {settings['marks'][-1]} epochs, patterns clipped to "
            f"[-1, 1], {settings['runs']} run(s) each from the same starts; spinlab {sl.__version__}, seed "
            f"{settings['seed']}. digits: share of {N_ALONG} samples, {STEPS} steps from random states, that "
            "are near a training image and surely classified, by run, and so the largest singular value of W "
            "over the second, s1/s2; the rest are means; cosine: of the negative phase with W (1: a surplus "
            "of it is weight decay); memory: |overlap| of a training "
            f"image with the state of its chain {STEPS} steps later, less that with other chains; minima: "
            f"different ends, up to inversion, of {N_DESCENTS} descents from random states, as a share; "
            f"excess: energy of chains {STEPS} steps from random states, 0 for that of the start, 1 for the "
            "lowest of those ends.\n",
            markdown_table(
                [
                    "condition",
                    "digits",
                    "near",
                    "confident",
                    "copied",
                    "classes",
                    "std W",
                    "singular values",
                    "s1/s2",
                    "cosine",
                    "memory",
                    "minima",
                    "excess",
                ],
                rows,
            ),
            "## Statements\n",
            markdown_table(["statement", "verdict", "evidence"], [list(s.values()) for s in said]),
        ]
    )
    return text, {
        "study": "unlearning",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "digits": {c: x.tolist() for c, x in ends.items()},
        "statements": said,
    }
