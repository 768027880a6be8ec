"""What an update costs (arXiv:1910.01592, Appendix D): patterns against contrastive divergence.

Claim: the negative phase of pattern-induced correlations (PID) costs O(K V H), that of CD-k on a batch
of f images O(2 k f V H), so that patterns are cheaper by a factor of about 2 k f / K.

Beyond the claim: weights made of patterns need not be formed; then the negative phase costs
O(K^2 (V + H)) and a whole update O(K f (V + H)), without the product V H at all.

Figure: processor time of the negative phase against K, k and H, on one core: medians and quartiles of
repeats, each of which goes once through all sizes, so that they lie apart in time.

Measured: with the weights formed, three products of K x V x H written out in numpy; the low-rank form as an
update of sl.rbm.Trainer on a single image; CD-k as the difference of updates with 2 k and k steps.

Runtime: paper preset about a minute, small preset seconds. Times of a busy machine scatter.
Verdict: the exponents hold; the constant does not, and never forming W matters more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _figures

METHODS = ("PID, W formed", "PID, low rank", "CD")
SMALL: dict[str, Any] = {"V": 196, "H": (200, 400, 800), "K": (20, 40, 80), "k": (1, 3, 9), "batch": 50}
PAPER: dict[str, Any] = {
    "V": 784,
    "H": (500, 1000, 2000, 4000),
    "K": (50, 100, 200, 400),
    "k": (1, 2, 5, 10),
    "batch": 100,
}
REPEATS, SEED = 9, 9


def point(repeat: int, form: str, V: int, H: int, size: int, batch: int, rng: int) -> dict[str, Any]:
    """Processor seconds of one negative phase; ``size`` is K, or the number of steps of CD."""
    generator = np.random.default_rng(rng)
    if form == "CD":
        machine: Any = sl.rbm.RBM(V, H, rng=generator)
        once, twice = (seconds_per_update(machine, sl.rbm.CD(k), batch, generator) for k in (size, 2 * size))
        return {"cpu": twice - once}
    machine = sl.rbm.RARBM(V, H, size, rng=generator)
    if form == "PID, low rank":
        # One image per update: what is left is the negative phase.
        return {"cpu": seconds_per_update(machine, sl.rbm.PID(), 1, generator)}
    xi_v, xi_h = machine.xi_v, machine.xi_h

    # Kept between calls: pages of a new W from the system would cost as much as the products.
    W, field = np.empty((V, H), np.float32), np.empty((size, H), np.float32)

    def formed() -> None:
        np.matmul(xi_v.T, xi_h, out=W)
        np.divide(W, np.float32(size**0.5), out=W)
        np.tanh(np.matmul(xi_v, W, out=field), out=field)
        np.matmul(xi_v.T, field, out=W)

    return {"cpu": seconds(formed)}


def seconds_per_update(machine: Any, negative: Any, batch: int, generator: np.random.Generator) -> float:
    """Of a trainer whose learning rate is zero."""
    data = generator.choice(np.array([-1, 1], np.int8), (4 * batch, machine.V))
    trainer = sl.rbm.Trainer(machine, negative, lr=0.0, batch_size=batch, rng=generator)
    return seconds(lambda: trainer.fit(data, trainer.epoch + 1, progress=False)) / 4


def seconds(run: Callable[[], Any]) -> float:
    """Processor time on one core, after a first call."""
    with threadpool_limits(1):
        run()
        start = time.process_time()
        run()
        return time.process_time() - start


def sweeps(preset: dict[str, Any]) -> dict[str, sl.sweeps.Sweep]:
    """Against K or k at the second H, and against H at the second K and k."""
    fixed = {"V": preset["V"], "batch": preset["batch"]}
    H, K, k = preset["H"], preset["K"], preset["k"]
    return {
        "patterns": _sweep(METHODS[:2], (H[1],), K, fixed),
        "steps": _sweep(METHODS[2:], (H[1],), k, fixed),
        "patterns_by_H": _sweep(METHODS[:2], H, (K[1],), fixed),
        "steps_by_H": _sweep(METHODS[2:], H, (k[1],), fixed),
    }


def _sweep(
    methods: tuple[str, ...], H: tuple[int, ...], size: tuple[int, ...], fixed: Any
) -> sl.sweeps.Sweep:
    axes = {"repeat": range(REPEATS), "form": methods, "H": H, "size": size}  # the first one runs slowest
    return sl.sweeps.Sweep(point, axes=axes, fixed=fixed, seed=SEED)


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    # One worker: timings beside each other would disturb each other.
    data = {
        name: output.run(sweep, f"cost_{name}", None, progress) for name, sweep in sweeps(settings).items()
    }
    curves = _curves(data, settings)
    output.figure(plot(curves, settings), "cost")
    output.verdict(*verdict(curves, settings, preset))
    return output


def _curves(
    data: dict[str, Any], settings: dict[str, Any]
) -> list[tuple[str, str, np.ndarray, np.ndarray, float]]:
    """(method, variable, its values, seconds of every repeat, exponent that the formulae give)."""
    found = []
    for name, dim in (("patterns", "size"), ("steps", "size"), ("patterns_by_H", "H"), ("steps_by_H", "H")):
        for method in data[name]["form"].values:
            seconds = data[name]["cpu"].sel(form=method).transpose(dim, "repeat", ...).values[:, :, 0, 0]
            variable = "H" if dim == "H" else "k" if method == "CD" else "K"
            expected = 2.0 if (method, variable) == ("PID, low rank", "K") else 1.0
            found.append((str(method), variable, data[name][dim].values, seconds, expected))
    return found


def plot(curves: Any, settings: dict[str, Any]) -> Any:
    """Time against K, against k, and against H."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogFormatter

    with plotting.style():
        figure, cells = plt.subplots(2, 2, figsize=(7.6, 6), sharey=True, layout="constrained")
        *axes, key = cells.flat
        for method, variable, x, seconds, _ in curves:
            i = METHODS.index(method)
            ax = axes["KkH".index(variable)]
            label = f"{method}, batch {settings['batch']}" if method == "CD" else method
            middle = np.median(seconds, axis=1)
            low, high = np.quantile(seconds, (0.25, 0.75), axis=1)
            ax.errorbar(
                x, 1e3 * middle, 1e3 * np.array([middle - low, high - middle]),
                color=plotting.COLOURS[i], marker=plotting.MARKERS[i], label=label,
            )  # fmt: skip
            ax.set(xscale="log", yscale="log")
            ax.set_xticks(x, [str(value) for value in x])
            ax.set_xticks([], minor=True)
            ax.yaxis.set_major_formatter("{x:g}")
            ax.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.6)))
        V, H = settings["V"], settings["H"]
        for ax in (axes[0], axes[2]):
            ax.set_ylabel("negative phase (ms on one core)")
        axes[0].set(xlabel="patterns $K$", title=f"V={V}, H={H[1]}")
        axes[1].set(xlabel="steps $k$ of CD", title=f"V={V}, H={H[1]}")
        axes[2].set(xlabel="hidden units $H$", title=f"V={V}, K={settings['K'][1]}, k={settings['k'][1]}")
        _figures.letters(axes)
        key.axis("off")
        key.legend(
            *axes[2].get_legend_handles_labels(), loc="center",
            title=f"medians of {REPEATS} repeats,\nbars: quartiles",
        )  # fmt: skip
    return figure


def spread(values: np.ndarray) -> str:
    """Median and quartiles."""
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def verdict(curves: Any, settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Exponents from the two largest sizes, and the ratios to CD."""
    rows = []
    for method, variable, x, seconds, expected in curves:
        slopes = np.log(seconds[-1] / seconds[-2]) / np.log(x[-1] / x[-2])
        rows.append([method, variable, f"{expected:g}", spread(slopes), spread(1e3 * seconds[-1])])
    times = {(m, v): dict(zip(x.tolist(), s, strict=True)) for m, v, x, s, _ in curves}
    K, k, f = settings["K"][1], settings["k"][1], settings["batch"]
    cd = times["CD", "k"][k]
    ratios = {m: cd / times[m, "K"][K] for m in METHODS[:2]}
    text = "\n".join(
        [
            f"# Cost of the negative phase, preset {preset}\n",
            f"V={settings['V']}, H={settings['H'][1]} unless varied; float32, one core; spinlab "
            f"{sl.__version__}.\n",
            f"Median (lower to upper quartile) of {REPEATS} repeats. Exponents between the two largest "
            "sizes, repeat by repeat, beside those of the formulae:\n",
            markdown_table(["method", "against", "expected", "measured", "ms at the largest"], rows),
            f"At K={K}, CD-{k} on {f} images takes {spread(ratios[METHODS[0]])} times as long as patterns "
            f"with W formed (2 k f / K = {2 * k * f / K:.1f}, but for three products here against two per "
            f"step there) and {spread(ratios[METHODS[1]])} times as long as the low-rank form.\n",
        ]
    )
    return text, {
        "study": "cost",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "ratios_to_cd": {m: float(np.median(ratio)) for m, ratio in ratios.items()},
        "rows": rows,
    }
