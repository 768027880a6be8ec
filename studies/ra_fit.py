"""Are trained standard RBMs well approximated by few patterns? (arXiv:1910.01592, conjecture of Sec. VI.)

Claim: the singular values of trained weights suggest that trained RBMs are well approximated by RA-RBMs,
that is by W = c sum_k xi_v^k (x) xi_h^k with few binary patterns of equal weight.

Measurement: standard RBMs are trained, their weights fitted by K binary patterns and, for comparison, cut
to the K largest singular values, which is the best that K real patterns of free norm can do; the same is
done to the same weights shuffled. Judged by the share of the weights' square that is left over and by the
likelihood of the fitted machine (on the training images of bars, the test images of digits).

Figure: left over share and likelihood against K for each data set.

Expected: the cut to few singular values keeps the likelihood; binary patterns need many more, because one
pattern changes every weight by the same amount.

Runtime: paper preset about a CPU minute, small preset seconds.
Verdict: computed, docs/verdicts/ra_fit.md.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _figures

SMALL: dict[str, Any] = {"datasets": ("bars",), "K": (1, 2, 4, 8, 16), "runs": 3, "seed": 10}
PAPER: dict[str, Any] = {"datasets": ("bars", "digits"), "K": (1, 2, 4, 8, 16, 32, 64), "runs": 5, "seed": 10}
FITS = ("binary patterns", "singular values", "shuffled, binary")
SWEEPS = 20  # over all patterns, in the fit
TOLERANCE = 0.5  # nats above the trained machine
DATA = {
    "bars": "4x4 bars, V = 16, H = 64, exact gradients, NLL of training images, exact",
    "digits": "8x8 digits, V = 64, H = 128, centred PCD-1, NLL of test images by annealing",
    "short digits": "8x8 digits, V = 64, H = 128, 5 epochs of centred PCD-1, NLL of test images by annealing",
    "mnist": "10 000 images of binarised MNIST, V = 784, H = 128, 10 epochs of centred PCD-1, "
    "NLL of 500 test images by annealing (10 000 temperatures)",
}


def point(dataset: str, K: tuple[int, ...], rng: int) -> dict[str, Any]:
    """Train one RBM and fit it with each number of patterns."""
    generator = np.random.default_rng(rng)
    data, trainer, epochs = trained_by(dataset, rng)
    trainer.fit(data.train, epochs, progress=False)
    rbm = trainer.machine
    judged = data.train if dataset == "bars" else data.test
    temperatures = 10_000 if dataset == "mnist" else 1000
    W = rbm.W.astype(float)
    shuffled = generator.permuted(W.ravel()).reshape(W.shape)
    left, nll = np.full((len(FITS), len(K)), np.nan), np.full((2, len(K)), np.nan)
    for j, size in enumerate(K):
        if size > min(W.shape):
            continue
        fits = fit_patterns(W, size, generator), cut(W, size), fit_patterns(shuffled, size, generator)
        for i, (fit, target) in enumerate(zip(fits, (W, W, shuffled), strict=True)):
            left[i, j] = ((target - fit) ** 2).sum() / (target**2).sum()
        nll[:, j] = [judge(rbm, fit, judged, rng, temperatures) for fit in fits[:2]]
    trained = judge(rbm, W, judged, rng, temperatures)
    return {"left": left, "nll": nll, "nll_trained": trained, "std_W": float(W.std())}


def trained_by(dataset: str, rng: int) -> tuple[sl.datasets.Dataset, sl.rbm.Trainer, int]:
    """Data, trainer and epochs: the exact gradient for bars, centred PCD for digits and MNIST."""
    if dataset == "bars":
        data = sl.datasets.bars(4)
        machine = sl.rbm.RBM(data.V, 64, std=0.01, rng=rng)
        return data, sl.rbm.Trainer(machine, sl.rbm.Exact(), lr=0.02, batch_size=10, rng=rng), 300
    data = sl.datasets.digits()
    epochs, batch = (5 if dataset == "short digits" else 60), 50
    if dataset == "mnist":
        data = sl.datasets.mnist()
        data, epochs, batch = replace(data, train=data.train[:10_000], test=data.test[:500]), 10, 100
    machine = sl.rbm.RBM(data.V, 128, std=0.01, biases=True, rng=rng)
    machine.parameters["bv"][:] = sl.rbm.data_biases(data.train)
    schedule = sl.rbm.Linear(epochs, 0.02)
    trainer = sl.rbm.Trainer(
        machine, sl.rbm.PCD(1, 100), lr=0.02, batch_size=batch, schedule=schedule, rng=rng
    )
    return data, trainer, epochs


def fit_patterns(W: np.ndarray, K: int, generator: np.random.Generator) -> np.ndarray:
    """c sum_k x_k (x) y_k nearest to W: each pattern in turn given the others, then c.

    Given the rest R of the weights, the best pair of signs maximises x.R.y: alternating signs, from the
    leading singular vector. A local optimum, so an upper bound of what is left over.
    """
    c = np.abs(W).mean() / K**0.5
    x = np.zeros((K, W.shape[0]))
    y = np.zeros((K, W.shape[1]))
    for step in range(SWEEPS):
        for k in range(K):
            x[k] = 0.0
            rest = W - c * (x.T @ y)
            y_k = y[k] if step else np.sign(np.linalg.svd(rest, full_matrices=False)[2][0] + 1e-300)
            for _ in range(50):
                x_k = np.where(rest @ y_k >= 0, 1.0, -1.0)
                new = np.where(x_k @ rest >= 0, 1.0, -1.0)
                if (new == y_k).all():
                    break
                y_k = new
            x[k], y[k] = x_k, y_k
        total = x.T @ y
        c = (W * total).sum() / (total**2).sum()
    return c * (x.T @ y)


def cut(W: np.ndarray, K: int) -> np.ndarray:
    """W with its K largest singular values alone."""
    u, s, v = np.linalg.svd(W, full_matrices=False)
    return (u[:, :K] * s[:K]) @ v[:K]


def judge(rbm: sl.rbm.RBM, W: np.ndarray, images: np.ndarray, rng: int, temperatures: int) -> float:
    """NLL of the machine with other weights and the same biases, exact where that is possible."""
    biases = (rbm.parameters["bv"], rbm.parameters["bh"]) if rbm.has_biases else ()
    model = sl.models.BipartiteIsing(W, *biases)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.rbm.AISWarning)
        exact = min(W.shape) <= 20
        annealing = {
            "base_biases": sl.rbm.data_biases(images), "n_chains": 50, "n_temperatures": temperatures,
        }  # fmt: skip
        kept: dict[str, Any] = {} if exact else annealing
        method = "exact" if exact else "ais"
        return sl.rbm.negative_log_likelihood(model, images, method=method, rng=rng, threads=1, **kept).nll


def sweep(preset: dict[str, Any]) -> sl.sweeps.Sweep:
    """Independent machines of each data set."""
    return sl.sweeps.Sweep(
        point,
        axes={"dataset": preset["datasets"]},
        fixed={"K": preset["K"]},
        replicas=preset["runs"],
        seed=preset["seed"],
        dims={"left": ("fit", "patterns"), "nll": ("fitted", "patterns")},
        coords={"fit": FITS, "fitted": FITS[:2], "patterns": preset["K"]},
    )


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    data = output.run(sweep(settings), "ra_fit", workers, progress)
    output.figure(plot(data, settings), "ra_fit")
    output.verdict(*verdict(data, settings, preset))
    return output


def plot(data: Any, settings: dict[str, Any]) -> Any:
    """What is left of the weights, and the likelihood."""
    import matplotlib.pyplot as plt

    names = settings["datasets"]
    with plotting.style():
        figure, axes = plt.subplots(len(names), 2, figsize=(7.6, 2.9 * len(names)), squeeze=False,
                                    layout="constrained")  # fmt: skip
        for (left, right), name in zip(axes, names, strict=True):
            run = data.sel(dataset=name)
            run = run.sel(patterns=np.isfinite(run["left"]).all(["fit", "replica"]))  # K up to the rank
            x = run["patterns"].values
            plotting.lines(left, run["left"], x, "fit")
            left.set(title=name, ylabel="left over share of $W^2$", ylim=(0, 1))
            plotting.lines(right, run["nll"], x, "fitted")
            right.axhline(float(run["nll_trained"].mean()), color="black", linestyle="--", linewidth=1,
                          label="the trained machine")  # fmt: skip
            right.set(ylabel="NLL, nats per image", title=f"{name}: fitted machine")
            for ax in (left, right):
                ax.set(xscale="log", xlabel="number of patterns $K$")
                ax.set_xticks(x, [str(k) for k in x])
                ax.minorticks_off()
        entries = dict(zip(*reversed(left.get_legend_handles_labels()), strict=True))
        entries |= dict(zip(*reversed(right.get_legend_handles_labels()), strict=True))
        figure.legend(entries.values(), entries, fontsize=9, ncols=4, loc="outside lower center")
        _figures.letters(axes.flat)
    return figure


def enough(K: tuple[int, ...], excess: np.ndarray, tolerance: float) -> int | None:
    """The least K from which on every run (K, run) lies at most ``tolerance`` above its trained machine."""
    fine = (excess <= tolerance).all(1)
    from_here_on = np.logical_and.accumulate(fine[::-1])[::-1]
    return K[int(np.argmax(from_here_on))] if from_here_on.any() else None


def statements(
    excess: dict[str, dict[str, np.ndarray]],
    left: dict[str, dict[str, np.ndarray]],
    patterns: dict[str, tuple[int, ...]],
    rank: dict[str, int],
    tolerance: float,
) -> list[str]:
    """By data set: the K tried and the rank of W, then by fit, (K, run), nats above the trained machine and
    what is left over of W^2. Few patterns are at most half of the rank."""
    said, few = [], {fit: [] for fit in FITS[:2]}
    for name, K in patterns.items():
        for fit in FITS[:2]:
            least = enough(K, excess[name][fit], tolerance)
            few[fit].append(least is not None and 2 * least <= rank[name])
            said.append(
                f"{name}: by {fit} the likelihood comes within {tolerance:g} nats of the trained machine's "
                + (f"from K = {least} on" if least is not None else f"at no K up to {K[-1]}")
                + f", in every run (the rank is at most {rank[name]})."
            )
        own, shuffled = left[name][FITS[0]], left[name][FITS[2]]
        nearer = [str(k) for k, a, b in zip(K, own, shuffled, strict=True) if (a < b).all()]
        said.append(
            f"{name}: trained weights are nearer to binary patterns than the same weights shuffled, in every "
            f"run, at K = {', '.join(nearer) or 'none'} of {', '.join(map(str, K))}."
        )
    return [*said, _conjecture(few)]


def _conjecture(few: dict[str, list[bool]]) -> str:
    """Whether few patterns suffice, from that by fit and data set."""
    verdicts = {fit: "yes" if all(x) else "no" if not any(x) else "on some data" for fit, x in few.items()}
    words = set(verdicts.values())
    word = "holds" if words == {"yes"} else "fails" if words == {"no"} else "depends"
    parts = ", ".join(f"{fit}: {found}" for fit, found in verdicts.items())
    return f"That few patterns (at most half of the rank) approximate trained machines {word}: {parts}."


def verdict(
    data: Any, settings: dict[str, Any], preset: str, study: str = "ra_fit", tolerance: float = TOLERANCE
) -> tuple[str, dict[str, Any]]:
    """Sentences, and what is left over and the likelihoods by K."""
    excess, left, patterns, rank, rows, table = {}, {}, {}, {}, [], {}
    for name in settings["datasets"]:
        run = data.sel(dataset=name).transpose("patterns", ..., "replica")
        trained = run["nll_trained"].values
        tried = np.isfinite(run["left"].sel(fit=FITS[0])).all("replica").values  # K up to the rank
        K = patterns[name] = tuple(int(k) for k in run["patterns"].values[tried])
        nll = {fit: run["nll"].sel(fitted=fit).values[tried] for fit in FITS[:2]}
        excess[name] = {fit: x - trained for fit, x in nll.items()}
        left[name] = {fit: run["left"].sel(fit=fit).values[tried] for fit in FITS}
        rank[name] = {"bars": 16, "digits": 64, "short digits": 64, "mnist": 128}[name]
        shown = [*left[name].values(), *nll.values()]
        for i, k in enumerate(K):
            rows.append([name, str(k), *(_text(x[i]) for x in shown), _text(trained)])
        table[name] = {
            "trained": trained.mean(),
            "excess": {
                fit: dict(zip(map(str, K), x.mean(1), strict=True)) for fit, x in excess[name].items()
            },
            "left": {fit: dict(zip(map(str, K), x.mean(1), strict=True)) for fit, x in left[name].items()},
        }
    said = statements(excess, left, patterns, rank, tolerance)
    text = "\n".join(
        [
            f"# Trained weights by few patterns, preset {preset}\n",
            f"Standard RBMs; {'; '.join(f'{name}: {DATA[name]}' for name in patterns)}. {settings['runs']} "
            f"machines each: means and standard errors; spinlab {sl.__version__}, seed {settings['seed']}.\n",
            *(f"- {sentence}" for sentence in said),
            "",
            markdown_table(
                ["data", "K", "left over: binary", "singular values", "shuffled weights, binary",
                 "NLL: binary", "singular values", "trained"],
                rows,
            ),
            "The fit by binary patterns is a local optimum, hence an upper bound of what is left over.\n",
        ]
    )  # fmt: skip
    return text, {
        "study": study,
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "statements": said,
        "table": table,
    }


def _text(x: np.ndarray) -> str:
    """Mean and standard error over runs."""
    return f"{x.mean():.3f} ± {x.std(ddof=1) / len(x) ** 0.5:.3f}"
