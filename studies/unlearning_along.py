"""Minima, spectra, excess and relaxation along training, with surplus negative phase and without.

Claim (arXiv:1910.01592, Sec. IV): training drives machines out of the glass, and regularized axons ease
sampling. `unlearning` shows that the published runs on MNIST make digits with a quirk of the code only, a
surplus of the negative phase; here the two trainings are followed from the same starts.

Measurement, at each mark: the largest singular value of W over the second; the share of different minima
among descents from random states; the excess of chains; and the relaxation time of the slowest mode even
under inversion that products of the signs of overlaps with the leading modes of W show (extrapolated in the
lag, `relaxation_measured`). Half of the chains start from random states, half from training images: where
they stay apart the time comes out as long as the run, and is not resolved.

Figure: the four quantities against the epoch.

Expected, if the claim holds: relaxation gets faster along training.

Runtime: paper preset (10000 images of MNIST, H=1000, K=70) about 6 CPU minutes, small preset (8x8 digits)
seconds.
Verdict: computed, docs/verdicts/unlearning_along.md.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _figures, _unlearning
from ._mnist import digits
from ._mnist_published import STEPS
from ._sampling_hardness_verdict import Mean, mean_error, text
from ._unlearning import PLAIN, PUBLISHED
from .relaxation_measured import extrapolated
from .unlearning import N_DESCENTS
from .unlearning import PAPER as UNLEARNING_PAPER
from .unlearning import SMALL as UNLEARNING_SMALL

ADDED: dict[str, Any] = {"conditions": (PLAIN, PUBLISHED), "chains": 32, "records": 400, "every": (1, 8)}
SMALL: dict[str, Any] = {
    **UNLEARNING_SMALL, **ADDED, "marks": (10, 40), "chains": 8, "records": 200, "every": (1,),
}  # fmt: skip
PAPER: dict[str, Any] = {
    **UNLEARNING_PAPER,
    **ADDED,
    "marks": (5, 20, 60, 120, 240),
    "runs": 3,
    "every": (1, 32),
}
MODES = 12  # leading modes of W, whose 66 products are the functions
LONG = 20  # relaxation times that a chain must be long
NOISE = 0.1  # correlation below which no bound is taken
RESOLVED = 1 / 3  # largest error of a relaxation time, relative to it
QUANTITIES = ("log_tau", "relative_error", "lead", "minima", "excess", "at_least")
NAMES = {
    "log_tau": "ln of the relaxation time", "lead": "ln(s1/s2)", "minima": "the share of different minima",
    "excess": "the excess",
}  # fmt: skip
LEVEL = 3.0  # standard errors over runs, for a difference to be called one


def leading_modes(machine: Any) -> np.ndarray:
    """Left singular vectors of W = xi_v^T xi_h/sqrt K in columns, MODES at most; W is not formed."""
    Q, R_v = np.linalg.qr(machine.xi_v.T.astype(np.float64))
    R_h = np.linalg.qr(machine.xi_h.T.astype(np.float64), mode="r")
    return np.asarray(Q @ np.linalg.svd(R_v @ R_h.T)[0][:, :MODES])


def relaxation(
    machine: Any, images: np.ndarray, chains: int, records: int, every: tuple[int, ...], rng: int
) -> tuple[float, float, float]:
    """Relaxation time, its error and a bound from below where it is not resolved, in block Gibbs steps.

    (nan, nan, bound) if no distance of the records resolves it; (inf, nan, nan) if nothing that is looked at
    changes. A quarter of the records' time passes first. Chains 0, 1 (mod 4) start from random states, 2, 3
    from images: the estimator compares even with odd chains, so that both halves have both starts.
    """
    generator = np.random.default_rng([rng, 7])
    model, modes = machine.as_ising(), leading_modes(machine)
    states = generator.choice(np.array([-1, 1], dtype=np.int8), (chains, machine.V))
    own = np.arange(chains) % 4 >= 2
    states[own] = images[: own.sum()]
    for apart in every:
        run = sl.dynamics.block_gibbs(
            model, records * apart, chains, initial=states, burn_in=records * apart // 4, record_every=apart,
            rng=generator, threads=1,
        )  # fmt: skip
        v = run.samples[..., : machine.V]
        states = v[-1]
        signs = np.where(v @ modes.astype(np.float32) >= 0, 1, -1).astype(np.int8)
        tau, error = extrapolated(signs)
        if math.isinf(tau) and (signs == signs[:1, :1] * (signs[..., :1] * signs[:1, :1, :1])).all():
            return math.inf, math.nan, math.nan  # one state and its inverse
        if tau <= records / LONG and error <= RESOLVED * tau:
            return tau * apart, error * apart, math.nan
    return math.nan, math.nan, at_least(signs) * apart


def at_least(signs: np.ndarray) -> float:
    """The slowest mode's time, less two errors and at most the run, in records; nan where that says nothing.

    At the longest lag that a resolved time allows. Where a few chains change now and then, and most never,
    nothing is left: that is noise as well as slowness.
    """
    pairs = np.triu_indices(signs.shape[-1], 1)
    products = signs[..., pairs[0]] * signs[..., pairs[1]]
    if ((products == products[:1]).all((0, 1)) & (products[0] != products[0, 0]).any(0)).any():
        return float(len(signs))  # one differs from chain to chain, and no chain changed it
    lag = len(signs) // LONG
    found = sl.observables.slowest_mode_time(signs, lag)
    tau, error = found.value, found.error
    # By the errors of the correlation exp(-lag/tau), which is what is averaged; a small one may be noise.
    correlation = math.exp(-lag / tau) * (1 - 2 * lag * error / tau**2) if tau > 0 else 0.0
    return min(-lag / math.log(correlation), len(signs)) if NOISE < correlation < 1 else math.nan


def point(
    condition: str,
    dataset: str,
    n_images: int,
    marks: tuple[int, ...],
    chains: int,
    records: int,
    every: tuple[int, ...],
    rng: int,
    **settings: Any,
) -> dict[str, Any]:
    """Train under one condition; QUANTITIES at the start and along the training."""
    data = digits(dataset).train[:n_images]
    trainer = _unlearning.trainer_of(condition, data, settings, rng)

    def look(trainer: sl.rbm.Trainer) -> dict[str, Any]:
        model: Any = trainer.machine
        s = sl.rbm.singular_values(model)
        tau, error, bound = relaxation(model, data, chains, records, every, trainer.epoch)
        found = _unlearning.landscape(model, STEPS, N_DESCENTS, trainer.epoch)
        return {
            "measured": np.array(
                [math.log(tau) if tau > 0 else math.nan, error / tau if tau > 0 else math.nan,
                 math.log(s[0] / s[1]), found["minima"], found["excess"], bound]
            )
        }  # fmt: skip

    start = look(trainer)["measured"]
    history = trainer.fit(data, marks[-1], [sl.rbm.Every(marks, look)], progress=False)
    return {"measured": np.concatenate([start[None], history["measured"].sel(epoch=list(marks)).values])}


def sweep(preset: dict[str, Any]) -> sl.sweeps.Sweep:
    """Both trainings from the same starts."""
    return sl.sweeps.Sweep(
        point, axes={"condition": preset["conditions"]},
        fixed={k: v for k, v in preset.items() if k not in ("conditions", "runs", "seed")},
        replicas=preset["runs"], seed=preset["seed"], pair_over=("condition",),
        dims={"measured": ("epoch", "quantity")},
        coords={"epoch": (0, *preset["marks"]), "quantity": QUANTITIES},
    )  # fmt: skip


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    data = output.run(sweep(settings), "unlearning_along", workers, progress)["measured"]
    output.figure(plot(data, settings), "unlearning_along")
    output.verdict(*verdict(data, settings, preset))
    return output


def course(data: Any) -> dict[str, dict[str, np.ndarray]]:
    """By condition and quantity an array (run, epoch)."""
    return {
        str(c): {
            q: np.asarray(data.sel(condition=c, quantity=q).transpose("replica", "epoch").values, dtype=float)
            for q in QUANTITIES
        }
        for c in data["condition"].values
    }


def statements(found: dict[str, dict[str, np.ndarray]], epochs: tuple[int, ...]) -> list[str]:
    """Each word of them follows from the numbers."""
    said = [_resolved(c, runs["log_tau"], runs["at_least"], epochs) for c, runs in found.items()]
    for q, name in NAMES.items():
        with_it, without = found[PUBLISHED][q], found[PLAIN][q]
        said.append(_sentence(f"At the end {name}", _side(with_it[:, -1] - without[:, -1], *_MORE), ""))
        for c, runs in found.items():
            first = _first_resolved(runs[q])
            change = _side(runs[q][:, -1] - runs[q][:, first], *_RISES)
            end = f" from epoch {epochs[first]} to {epochs[-1]}"
            said.append(_sentence(f"Along training ({c}) {name}", change, end))
    return said


OPEN = "open"
_MORE = ("is larger with the surplus", "is smaller with the surplus", "is not decidedly different")
_RISES = ("rises", "falls", "does not decidedly change")


def _side(differences: np.ndarray, up: str, down: str, neither: str) -> str:
    """The word for paired differences of runs, by LEVEL standard errors and the same sign in every run."""
    if not np.isfinite(differences).all():
        return OPEN
    mean, error = mean_error(differences)
    decided = abs(mean) > LEVEL * error and abs(np.sign(differences).sum()) == len(differences)
    word = neither if not decided else up if mean > 0 else down
    return f"{word} ({mean:+.2f} ± {error:.2f})"


def _sentence(start: str, word: str, end: str) -> str:
    return f"{start}: not resolved in every run." if word == OPEN else f"{start} {word}{end}."


def _first_resolved(runs: np.ndarray) -> int:
    """The first epoch looked at, before the last, where every run has a number; 0 if there is none."""
    return int(np.isfinite(runs[:, :-1]).all(0).argmax())


def _resolved(condition: str, log_tau: np.ndarray, at_least: np.ndarray, epochs: tuple[int, ...]) -> str:
    finite, still = np.isfinite(log_tau).sum(0), np.isposinf(log_tau).sum(0)
    at = {e: int(k) for e, k in zip(epochs, finite, strict=True) if k < len(log_tau)}
    one_state, bounds = int(still.sum()), at_least[np.isnan(log_tau) & np.isfinite(at_least)]
    nothing = int(np.isnan(log_tau).sum()) - bounds.size
    return (
        f"Relaxation is resolved ({condition}) in {int(finite.sum())} of {log_tau.size} measurements"
        + ("" if not at else "; not in every run at epoch " + ", ".join(f"{e} ({k})" for e, k in at.items()))
        + ("" if not one_state else f"; {one_state} show one state and its inverse, where nothing changes")
        + ("" if not bounds.size else f"; {bounds.size} take more than {bounds.min():.4g} steps")
        + ("" if not nothing else f"; {nothing} leave neither a time nor a bound")
        + "."
    )


def plot(data: Any, settings: dict[str, Any]) -> Any:
    """The four quantities along training, by run."""
    import matplotlib.pyplot as plt

    found, epochs = course(data), data["epoch"].values
    with plotting.style():
        figure, axes = plt.subplots(2, 2, figsize=(7.6, 5.8), layout="constrained", sharex=True)
        labels = ("$\\ln\\tau$, even sector (steps)", "$\\ln(s_1/s_2)$ of $W$", "different minima", "excess")
        for ax, (q, label) in zip(axes.flat, zip(NAMES, labels, strict=True), strict=True):
            for i, (condition, runs) in enumerate(found.items()):
                for r, y in enumerate(runs[q]):
                    x = (epochs + 1) * (1 + 0.06 * (r - (len(runs[q]) - 1) / 2))
                    error = None
                    if q == "log_tau":
                        error = runs["relative_error"][r]
                        ax.plot(x, np.log(runs["at_least"][r]), "^", color=plotting.COLOURS[i], mfc="white")
                    ax.errorbar(
                        x, np.where(np.isfinite(y), y, np.nan), error, color=plotting.COLOURS[i],
                        marker=plotting.MARKERS[i], markersize=4, linewidth=0.8,
                        label=condition if r == 0 else "_",
                    )  # fmt: skip
            ax.set(ylabel=label, xscale="log")
        for ax in axes[1]:
            ax.set_xlabel("epoch + 1")
        figure.legend(
            *axes[0, 1].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9
        )
        _figures.letters(axes.flat)
        figure.suptitle(
            f"{settings['dataset']}, $H={settings['H']}$, $K={settings['K']}$, {settings['runs']} runs each; "
            "(a): where resolved, one run's errors; open: bounds from below",
            fontsize=9.5,
        )
    return figure


def verdict(data: Any, settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Sentences and a table of all marks."""
    found, epochs = course(data), (0, *settings["marks"])
    said, rows = statements(found, epochs), []
    for condition, runs in found.items():
        for i, epoch in enumerate(epochs):
            taus = [
                "one state" if math.isinf(x) else f"{math.exp(x):.3g} ± {math.exp(x) * e:.1g}"
                if math.isfinite(x) else f"> {b:.4g}" if math.isfinite(b) else "-"
                for x, e, b in zip(
                    *(runs[q][:, i] for q in ("log_tau", "relative_error", "at_least")), strict=True
                )
            ]  # fmt: skip
            means: list[Mean] = [mean_error(runs[q][:, i]) for q in ("lead", "minima", "excess")]
            rows.append([condition, str(epoch), "; ".join(taus), *map(text, means)])
    lag = settings["records"] * 3 // 4 // LONG * settings["every"][-1]
    body = "\n".join(
        [
            f"# Along training, {settings['dataset']}, preset {preset}\n",
            f"The trainings of `unlearning` (RA-RBMs H={settings['H']}, K={settings['K']}, "
            f"{settings['n_images']} images, {settings['marks'][-1]} epochs), {settings['runs']} runs each "
            f"from the same starts; spinlab {sl.__version__}, seed {settings['seed']}. tau: relaxation time "
            "in block Gibbs steps of the slowest mode even under inversion that products of the signs of "
            f"overlaps with the {MODES} leading modes of W show, {settings['chains']} chains, half from "
            f"random states, half from training images, {settings['records']} records "
            f"{' or '.join(map(str, settings['every']))} steps apart, by run with the error of its chains; "
            f">, -: not resolved (error above {RESOLVED:.2f} of it, or chains shorter than {LONG} times it, "
            "with the first quarter, which is left out); with a bound where the correlation "
            f"{lag} steps apart exceeds {NOISE:g} by two errors, - where it does not: what is left is fast, "
            "rare or too noisy. "
            f"minima: different ends, up to inversion, of {N_DESCENTS} descents from random states, as a "
            f"share; excess: of chains {STEPS} steps from random states. Errors: standard errors over runs; "
            f"a difference is one beyond {LEVEL:g} of them with the same sign in every run.\n",
            *(f"- {sentence}" for sentence in said),
            "",
            markdown_table(["condition", "epoch", "tau", "ln(s1/s2)", "minima", "excess"], rows),
        ]
    )
    return body, {
        "study": "unlearning_along",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "statements": said,
    }
