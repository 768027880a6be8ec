"""Are standard RBMs trained on MNIST well approximated by few patterns? (arXiv:1910.01592, Sec. VI.)

Claim, measurement and fits are those of the study ``ra_fit``, on binarised MNIST in place of small images:
weights of a trained machine by K binary patterns of equal weight, and cut to K singular values (K real
patterns), judged by what is left over and by the likelihood of test images.

Figure: share of the weights' square that is left over, and likelihood, against K.

Runtime: paper preset about 3 CPU minutes (needs MNIST), small preset (8x8 digits) seconds.
Verdict: computed, docs/verdicts/ra_fit_mnist.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import spinlab as sl
from spinlab.studies import Output, markdown_table

from . import ra_fit
from .ra_fit import FITS

TOLERANCE = 1.0  # nats above the trained machine
SMALL: dict[str, Any] = {"datasets": ("short digits",), "K": (2, 16), "runs": 2, "seed": 20}
PAPER: dict[str, Any] = {"datasets": ("mnist",), "K": (16, 64, 128), "runs": 2, "seed": 20}


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    data = output.run(ra_fit.sweep(settings), "ra_fit_mnist", workers, progress)
    output.figure(ra_fit.plot(data, settings), "ra_fit_mnist")
    output.verdict(*verdict(data, settings, preset))
    return output


def enough(K: tuple[int, ...], excess: np.ndarray) -> int | None:
    """The least K from which on every run (K, run) lies at most TOLERANCE nats above its trained machine."""
    fine = (np.nan_to_num(excess, nan=np.inf) <= TOLERANCE).all(1)
    from_here_on = np.logical_and.accumulate(fine[::-1])[::-1]
    return K[int(np.argmax(from_here_on))] if from_here_on.any() else None


def statements(K: tuple[int, ...], excess: dict[str, np.ndarray], left: dict[str, np.ndarray]) -> list[str]:
    """From nats above the trained machine and the share of W^2 left over, (K, run) for each kind of fit."""
    said = []
    for fit in FITS[:2]:
        least = enough(K, excess[fit])
        said.append(
            f"By {fit} the likelihood comes within {TOLERANCE:g} nat of the trained machine's "
            + (f"from K = {least} on." if least is not None else f"at no K up to {K[-1]}.")
        )
    own, shuffled = left[FITS[0]].mean(1), left[FITS[2]].mean(1)
    nearer = [str(k) for k, a, b in zip(K, own, shuffled, strict=True) if a < b]
    said.append(
        "Trained weights are nearer to binary patterns than the same weights shuffled at K = "
        f"{', '.join(nearer) or 'none'} of {', '.join(map(str, K))}."
    )
    return said


def verdict(data: Any, settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Sentences, and what is left over and the likelihoods by K."""
    (name,), K = settings["datasets"], settings["K"]
    run = data.sel(dataset=name)
    trained = run["nll_trained"].values
    nll = {f: run["nll"].sel(fitted=f).transpose("patterns", "replica").values for f in FITS[:2]}
    left = {f: run["left"].sel(fit=f).transpose("patterns", "replica").values for f in FITS}
    said = statements(K, {f: x - trained for f, x in nll.items()}, left)
    rows = [
        [str(k), *(f"{left[f][i].mean():.3f}" for f in FITS),
         *(f"{x[i].mean():.2f} ({x[i].min():.2f} to {x[i].max():.2f})" for x in nll.values())]
        for i, k in enumerate(K)
    ]  # fmt: skip
    body = "\n".join(
        [
            f"# MNIST machines by few patterns, preset {preset}\n",
            f"Standard RBMs trained on {name}, {settings['runs']} runs: means, and the range over the runs. "
            f"NLL of test images in nats by annealing; trained machines {trained.mean():.2f} "
            f"({trained.min():.2f} to {trained.max():.2f}); std of their weights "
            f"{float(run['std_W'].mean()):.3f}; spinlab {sl.__version__}, seed {settings['seed']}.\n",
            *(f"- {sentence}" for sentence in said),
            "",
            markdown_table(
                ["K", "left over: binary", "singular values", "shuffled weights, binary", "NLL: binary",
                 "singular values"],
                rows,
            ),
            "The fit by binary patterns is a local optimum, hence an upper bound of what is left over.\n",
        ]
    )  # fmt: skip
    return body, {
        "study": "ra_fit_mnist",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "statements": said,
    }
