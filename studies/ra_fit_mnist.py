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

from spinlab.studies import Output

from . import ra_fit

TOLERANCE = 5.0  # nats above the trained machine, of 100 that it gained; annealing errs by one or two
SMALL: dict[str, Any] = {"datasets": ("short digits",), "K": (2, 16), "runs": 2, "seed": 20}
PAPER: dict[str, Any] = {"datasets": ("mnist",), "K": (4, 16, 32, 64, 128), "runs": 3, "seed": 20}


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    data = output.run(ra_fit.sweep(settings), "ra_fit_mnist", workers, progress)
    output.figure(ra_fit.plot(data, settings), "ra_fit_mnist")
    output.verdict(*ra_fit.verdict(data, settings, preset, "ra_fit_mnist", TOLERANCE))
    return output
