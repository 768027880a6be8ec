"""Hidden layers as features: logistic regression, trained minus untrained (arXiv:1910.01592, Sec. V.B).

Claim: logistic regression on sampled hidden units of a trained RA-RBM labels 93.84 +- 0.19 % of the MNIST
test images correctly, more than on a standard RBM of 300 units (92.04 +- 0.19 %), so its hidden layer has
learnt what matters in the images.

Control that the paper lacks: the same machine before training, with the same classifier. Random features of
many units already separate the classes well, so only the difference says what was learnt.

Figure: test accuracy before and after training for each machine, every seed, with one sample of the hidden
units and with their means, beside the raw pixels.

Expected: an untrained RA-RBM of 3000 units gives about 93.6 %, raw pixels 91.6 %.

Runtime: paper preset about half an hour on 2 cores, small preset (8x8 digits) seconds. Needs scikit-learn.
Verdict: the level of sampled units is that of random features, and the paper's recipe loses it in a short
training; patterns that carry their own scale, trained by PCD, gain with the means of the hidden units. Runs
of the published length: study `features_published`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from ._mnist import STANDARD, digits, trainer_of

PIXELS = "raw pixels"
WIDE = f"{STANDARD}, wide"
SMALL: dict[str, Any] = {
    "dataset": "digits",
    "machines": ("K=20, 1 steps", "K=20, PCD, own scale", STANDARD),
    "H": 200,
    "H_standard": 50,
    "H_wide": 200,
    "lr": 0.015,
    "lr_standard": 0.02,
    "lr_own": 0.05,
    "own_scale": 0.3,
    "others": (50, 30),
    "batch_size": 100,
    "decay": 0.97,
    "after": 10,
    "epochs": (30,),
    "max_iter": 200,
    "runs": 5,
    "seed": 8,
}
PAPER: dict[str, Any] = {
    "dataset": "mnist",
    "machines": ("K=190, 1 steps", "K=190, PCD, own scale", "K=290, PCD, own scale", STANDARD, WIDE),
    "H": 3000,
    "H_standard": 300,
    "H_wide": 1024,
    "lr": 0.015,
    "lr_standard": 0.03,
    "lr_own": 0.03,
    "own_scale": 0.15,
    "others": (500, 20),  # batch size and epochs of machines that are not trained as in the paper
    "batch_size": 1000,
    "decay": 0.85,
    "after": 4,
    "epochs": (14,),
    "max_iter": 100,
    "runs": 5,
    "seed": 8,
}
STAGES = ("untrained", "untrained, means", "trained", "trained, means")


def point(
    machine: str,
    dataset: str,
    max_iter: int,
    epochs: tuple[int, ...],
    others: tuple[int, int],
    H_wide: int,
    rng: int,
    **settings: Any,
) -> dict[str, Any]:
    """Accuracies on training and test images before and after training, with one classifier."""
    from sklearn.linear_model import LogisticRegression

    data = digits(dataset)
    classifier = LogisticRegression(max_iter=max_iter, tol=1e-3)
    if machine == PIXELS:
        classifier.fit(data.train, data.train_labels)
        scores = [
            classifier.score(data.train, data.train_labels),
            classifier.score(data.test, data.test_labels),
        ]
        return {"accuracy": np.array([scores] * len(STAGES))}

    def accuracies(model: Any) -> list[list[float]]:
        found = [
            sl.rbm.feature_accuracy(model, data, kind=kind, n_seeds=1, classifier=classifier, rng=rng)
            for kind in ("sampled", "mean")
        ]
        return [[float(f.train[0]), float(f.test[0])] for f in found]

    if machine == WIDE:
        machine, settings["H_standard"] = STANDARD, H_wide
    if machine == STANDARD or "own scale" in machine:
        settings["batch_size"], epochs = others[0], others[1:]
    trainer = trainer_of(machine, data, {"epochs": epochs, **settings}, rng)
    before = accuracies(trainer.machine)
    trainer.fit(data.train, epochs[-1], progress=False)
    return {"accuracy": np.array([*before, *accuracies(trainer.machine)])}


def sweep(preset: dict[str, Any], machines: tuple[str, ...], runs: int) -> sl.sweeps.Sweep:
    """Independent machines."""
    skipped = ("machines", "runs", "seed")
    return sl.sweeps.Sweep(
        point,
        axes={"machine": machines},
        fixed={name: value for name, value in preset.items() if name not in skipped},
        replicas=runs,
        seed=preset["seed"],
        dims={"accuracy": ("stage", "side")},
        coords={"stage": STAGES, "side": ("train", "test")},
    )


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    data = output.run(sweep(settings, settings["machines"], settings["runs"]), "features", workers, progress)
    pixels = output.run(sweep(settings, (PIXELS,), 1), "features_pixels", workers, progress)
    raw = float(pixels["accuracy"].sel(side="test").isel(machine=0, replica=0, stage=0))
    output.figure(plot(data, raw, settings), "features")
    output.verdict(*verdict(data, raw, settings, preset))
    return output


def plot(data: Any, raw: float, settings: dict[str, Any]) -> Any:
    """Every seed before and after training."""
    import matplotlib.pyplot as plt

    with plotting.style():
        figure, ax = plt.subplots(figsize=(7.5, 4.5), layout="constrained")
        for i, machine in enumerate(settings["machines"]):
            test = 100 * data["accuracy"].sel(machine=machine, side="test")
            for shift, stages, colour, kind in (
                (-0.12, STAGES[::2], plotting.COLOURS[0], "one sample"),
                (0.12, STAGES[1::2], plotting.COLOURS[1], "means"),
            ):
                x = np.array([i + shift - 0.06, i + shift + 0.06])
                pairs = test.sel(stage=list(stages)).transpose("replica", "stage").values
                for pair in pairs:
                    ax.plot(x, pair, ".-", color=colour, linewidth=0.8, alpha=0.5)
                errors = pairs.std(axis=0, ddof=1) / len(pairs) ** 0.5
                label = f"{kind} of the hidden units: untrained, trained" if i == 0 else None
                ax.errorbar(x, pairs.mean(0), errors, color=colour, marker="o", label=label)
        ax.axhline(100 * raw, color="black", linestyle="--", linewidth=1, label="raw pixels")
        ax.set(
            xticks=range(len(settings["machines"])),
            xticklabels=[m.replace(", ", ",\n", 1) for m in settings["machines"]],
            ylabel="test images labelled correctly, %",
            title=f"{settings['dataset']}: logistic regression on hidden units",
        )
        ax.legend()
    return figure


MOSTLY = 0.9


def of_random_features(levels: dict[str, tuple[float, float]]) -> str:
    """How much of the accuracy with means is there before training; (untrained, trained) by machine."""
    share = {machine: before / after for machine, (before, after) in levels.items()}
    least = min(share, key=share.__getitem__)
    told = (
        "the level alone is mostly that of random features"
        if share[least] > MOSTLY
        else "in some machine the level is not that of random features"
    )
    return (
        f"With means an untrained machine has at least {share[least]:.1%} of what the trained one "
        f"labels correctly "
        f"({least}): {told}."
    )


def verdict(data: Any, raw: float, settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Accuracies and gains with standard errors over seeds."""

    def cell(values: Any, sign: str = "") -> str:
        values = 100 * np.asarray(values)
        return f"{values.mean():{sign}.2f} ± {values.std(ddof=1) / len(values) ** 0.5:.2f}"

    rows, gains = [], {}
    for machine in settings["machines"]:
        test = data["accuracy"].sel(machine=machine, side="test")
        row = [machine]
        for kind, stages in (("sample", STAGES[::2]), ("means", STAGES[1::2])):
            before, after = (test.sel(stage=stage).values for stage in stages)
            gain = after - before
            gains[f"{machine}, {kind}"] = [float(gain.mean()), float(gain.std(ddof=1) / len(gain) ** 0.5)]
            row += [cell(before), cell(after), cell(gain, "+")]
        rows.append(row)
    levels = {
        m: tuple(
            float(data["accuracy"].sel(machine=m, side="test", stage=stage).mean()) for stage in STAGES[1::2]
        )
        for m in settings["machines"]
    }
    best = max(
        ((m, stage) for m in settings["machines"] for stage in STAGES[2:]),
        key=lambda pair: float(data["accuracy"].sel(machine=pair[0], stage=pair[1], side="test").mean()),
    )
    text = "\n".join(
        [
            f"# Hidden features, {settings['dataset']}, preset {preset}\n",
            f"RA-RBMs of {settings['H']} hidden units, standard RBMs of {settings['H_standard']} ('wide': "
            f"{settings['H_wide']}); as in the paper: {settings['epochs'][-1]} epochs in batches of "
            f"{settings['batch_size']}; the others: {settings['others'][1]} epochs in batches of "
            f"{settings['others'][0]}, centred PCD; logistic regression (L2, C=1, up to "
            f"{settings['max_iter']} iterations) on one sample of the hidden units per image, or on their "
            f"means; {settings['runs']} seeds, standard errors over seeds; spinlab {sl.__version__}, seed "
            f"{settings['seed']}. Raw pixels, same classifier: {100 * raw:.2f} % of the test images.\n",
            "Test images correctly labelled, in %:\n",
            markdown_table(
                ["machine", "sample: untrained", "trained", "gain", "means: untrained", "trained", "gain"],
                rows,
            ),
            f"Best: {best[0]}, {best[1]}. {of_random_features(levels)}\n",
        ]
    )
    return text, {
        "study": "features",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "raw_pixels": raw,
        "gains": gains,
        "rows": rows,
    }
