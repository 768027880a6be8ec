"""What an update costs (arXiv:1910.01592, Appendix D): patterns against contrastive divergence.

Claim: the negative phase of pattern-induced correlations (PID) costs O(K V H), that of CD-k on a batch
of f images O(2 k f V H), so that patterns are cheaper by a factor of about 2 k f / K.

Beyond the claim: weights made of patterns need not be formed; then the negative phase costs
O(K^2 (V + H)) and a whole update O(K f (V + H)), without the product V H at all.

Figure: processor time of the negative phase against K, k and H, on one core.

Measured: with the weights formed, three products of K x V x H written out in numpy; the low-rank form as an
update of sl.rbm.Trainer on a single image; CD-k as the difference of updates with 2 k and k steps.

Runtime: paper preset about a minute, small preset seconds. Times of a busy machine scatter; the least of
several repeats is kept.
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

METHODS = ("PID, W formed", "PID, low rank", "CD")
SMALL: dict[str, Any] = {"V": 196, "H": (200, 400, 800), "K": (20, 40, 80), "k": (1, 3, 9), "batch": 50}
PAPER: dict[str, Any] = {
    "V": 784,
    "H": (500, 1000, 2000, 4000),
    "K": (50, 100, 200, 400),
    "k": (1, 2, 5, 10),
    "batch": 100,
}
REPEATS, SEED = 5, 9


def point(form: str, V: int, H: int, size: int, batch: int, rng: int) -> dict[str, Any]:
    """Processor seconds of one negative phase; ``size`` is K, or the number of steps of CD."""
    generator = np.random.default_rng(rng)
    if form == "CD":
        machine: Any = sl.rbm.RBM(V, H, rng=generator)
        updates = [seconds_per_update(machine, sl.rbm.CD(k), batch, generator) for k in (size, 2 * size)]
        return {"cpu": updates[1] - updates[0]}
    machine = sl.rbm.RARBM(V, H, size, rng=generator)
    if form == "PID, low rank":
        # One image per update: what is left is the negative phase.
        return {"cpu": seconds_per_update(machine, sl.rbm.PID(), 1, generator)}
    xi_v, xi_h = machine.xi_v, machine.xi_h

    def formed() -> None:
        W = xi_v.T @ xi_h
        W /= np.float32(size**0.5)
        xi_v.T @ np.tanh(xi_v @ W)

    return {"cpu": least_seconds(formed)}


def seconds_per_update(machine: Any, negative: Any, batch: int, generator: np.random.Generator) -> float:
    """Of a trainer whose learning rate is zero."""
    data = generator.choice(np.array([-1, 1], np.int8), (4 * batch, machine.V))
    trainer = sl.rbm.Trainer(machine, negative, lr=0.0, batch_size=batch, rng=generator)
    return least_seconds(lambda: trainer.fit(data, trainer.epoch + 1, progress=False)) / 4


def least_seconds(run: Callable[[], Any]) -> float:
    """Processor time of the fastest of several repeats, on one core."""
    with threadpool_limits(1):
        run()
        times = []
        for _ in range(REPEATS):
            start = time.process_time()
            run()
            times.append(time.process_time() - start)
    return min(times)


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
    return sl.sweeps.Sweep(point, axes={"form": methods, "H": H, "size": size}, fixed=fixed, seed=SEED)


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
    """(method, variable, its values, seconds, exponent that the formulae give)."""
    found = []
    for name, dim in (("patterns", "size"), ("steps", "size"), ("patterns_by_H", "H"), ("steps_by_H", "H")):
        for method in data[name]["form"].values:
            seconds = data[name]["cpu"].sel(form=method).values.ravel()
            variable = "H" if dim == "H" else "k" if method == "CD" else "K"
            expected = 2.0 if (method, variable) == ("PID, low rank", "K") else 1.0
            found.append((str(method), variable, data[name][dim].values, seconds, expected))
    return found


def plot(curves: Any, settings: dict[str, Any]) -> Any:
    """Time against K or k, and against H."""
    import matplotlib.pyplot as plt

    with plotting.style():
        figure, axes = plt.subplots(1, 2, figsize=(10.5, 4.2), sharey=True, layout="constrained")
        for method, variable, x, seconds, _ in curves:
            i = METHODS.index(method)
            ax = axes[int(variable == "H")]
            label = f"{method}, batch {settings['batch']}" if method == "CD" else method
            ax.plot(x, 1e3 * seconds, color=plotting.COLOURS[i], marker=plotting.MARKERS[i], label=label)
            ax.set(xscale="log", yscale="log")
        V, H = settings["V"], settings["H"]
        axes[0].set(xlabel="patterns $K$, or steps $k$ of CD", ylabel="negative phase, ms on one core",
                    title=f"V={V}, H={H[1]}")  # fmt: skip
        axes[1].set(xlabel="hidden units $H$", title=f"V={V}, K={settings['K'][1]}, k={settings['k'][1]}")
        axes[0].legend()
    return figure


def verdict(curves: Any, settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Exponents from the two largest sizes, and the ratios to CD."""
    rows = []
    for method, variable, x, seconds, expected in curves:
        slope = np.log(seconds[-1] / seconds[-2]) / np.log(x[-1] / x[-2])
        rows.append([method, variable, f"{expected:g}", f"{slope:.2f}", f"{1e3 * seconds[-1]:.2f}"])
    times = {(m, v): dict(zip(x.tolist(), s.tolist(), strict=True)) for m, v, x, s, _ in curves}
    K, k, f = settings["K"][1], settings["k"][1], settings["batch"]
    cd = times["CD", "k"][k]
    ratios = {m: cd / times[m, "K"][K] for m in METHODS[:2]}
    text = "\n".join(
        [
            f"# Cost of the negative phase, preset {preset}\n",
            f"V={settings['V']}, H={settings['H'][1]} unless varied; float32, one core; spinlab "
            f"{sl.__version__}.\n",
            "Exponents between the two largest sizes, beside those of the formulae:\n",
            markdown_table(["method", "against", "expected", "measured", "ms at the largest"], rows),
            f"At K={K}, CD-{k} on {f} images takes {ratios[METHODS[0]]:.1f} times as long as patterns with "
            f"W formed (2 k f / K = {2 * k * f / K:.1f}, but for three products here against two per step "
            f"there) and {ratios[METHODS[1]]:.0f} times as long as the low-rank form.\n",
        ]
    )
    return text, {
        "study": "cost",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "ratios_to_cd": ratios,
        "rows": rows,
    }
