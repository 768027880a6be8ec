"""Are the minima of trained machines far fewer than the images they were trained on? (arXiv:1910.01592, V.C.)

Claim: the low-energy minima of a machine with regularized axons are usually much fewer than the images of the
training set, so that a minimum stands for no single image.

Measurement: from 2000 training images (of Bars and Stripes one of an image and its inverse) and from as many
random states, alternating descents h = sign(W^T v), v = sign(W h) to a minimum of E; how many different ones
are reached, inverses counted once. Machines: all kept runs of the published length on MNIST (H = 3000), with
the quirk of the published code and without, and RAPID on Bars and Stripes of 12 x 12 pixels as in Fig. 5.

Figure: different minima reached against the number of starts.

Expected, if the claim holds: far fewer minima than images, and a count that levels off.

Runtime: paper preset about 3 CPU minutes (needs MNIST), small preset seconds.
Verdict: computed, docs/verdicts/minima_of_images.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _figures, fig5
from . import _mnist_published as published
from ._bars_compare import text
from ._mnist import digits

BARS = "bars and stripes"
WORDS = {"images": "from images", "random": "from random states"}
STARTS = tuple(WORDS)
FEW = 0.1  # "far fewer": of the images
LONGEST = 200  # steps of a descent
SMALL: dict[str, Any] = {
    "machines": (BARS,), "size": 6, "epochs": 30, "images": 40, "runs": 2, "seed": 21,
}  # fmt: skip
PAPER: dict[str, Any] = {
    "machines": (BARS, *published.PAPER_MACHINES), "size": 12, "epochs": 150, "images": 2000, "runs": 3,
    "seed": 21,
}  # fmt: skip


def point(machine: str, size: int, epochs: int, images: int, rng: int) -> dict[str, Any]:
    """Different minima reached after 1, 2, 4... starts from images and from random states."""
    generator = np.random.default_rng(rng)
    if machine == BARS:
        data = sl.datasets.bars_and_stripes(size, rng=rng)
        xi_v, xi_h = rapid(data, size, epochs, rng)
        train = one_of_each(data.train)
    else:
        data = digits("mnist")
        train, run = data.train, published.stored(machine)
        assert run is not None
        xi_v, xi_h = (run[name].astype(np.float32) for name in ("xi_v", "xi_h"))
    n = min(images, len(train))
    starts = {
        "images": train[generator.choice(len(train), n, replace=False)],
        "random": generator.choice([-1, 1], (n, data.V)),
    }
    found = {name: descend(xi_v, xi_h, v.astype(np.float32)) for name, v in starts.items()}
    marks = marks_of(images)
    return {
        "different": np.array(
            [[different(found[name][0][:m]) for m in marks] for name in STARTS], dtype=float
        ),
        "moved": np.array([(found[name][0] != starts[name]).mean() for name in STARTS]),
        "arrived": np.array([found[name][1] for name in STARTS]),
        "starts": float(n),
    }


def one_of_each(images: np.ndarray) -> np.ndarray:
    """Images without those whose inverse comes before."""
    signs = images * images[:, :1]
    first = np.unique(signs, axis=0, return_index=True)[1]
    return images[np.sort(first)]


def marks_of(images: int) -> tuple[int, ...]:
    """Numbers of starts at which minima are counted."""
    return tuple(sorted({images >> k for k in range(8)} - {0}))


def rapid(data: sl.datasets.Dataset, size: int, epochs: int, rng: int) -> tuple[np.ndarray, np.ndarray]:
    """Patterns of a machine trained as in the study of Fig. 5."""
    preset = fig5.PAPER if size == fig5.PAPER["size"] else fig5.SMALL
    machine = sl.rbm.RARBM(data.V, preset["H"], preset["K"], rng=rng)
    trainer = sl.rbm.Trainer(
        machine, sl.rbm.PID(), lr=preset["lr"], schedule=sl.rbm.Geometric(preset["decay"], floor=1e-5),
        batch_size=preset["batch_size"], projection="sign", rng=rng,
    )  # fmt: skip
    trainer.fit(data.train, epochs, progress=False)
    return machine.xi_v, machine.xi_h


def descend(xi_v: np.ndarray, xi_h: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, float]:
    """Visible states where alternating best layers end, and the share of them that stand still."""
    v = v.copy()
    moving = np.arange(len(v))
    for _ in range(LONGEST):
        h = np.where((v[moving] @ xi_v.T) @ xi_h >= 0, 1.0, -1.0).astype(np.float32)
        new = np.where((h @ xi_h.T) @ xi_v >= 0, 1.0, -1.0).astype(np.float32)
        changed = (new != v[moving]).any(1)
        v[moving] = new
        moving = moving[changed]
        if len(moving) == 0:
            break
    return v, 1 - len(moving) / len(v)


def different(v: np.ndarray) -> int:
    """Number of different states, inverses counted once."""
    return len(np.unique(np.where(v[:, :1] > 0, v, -v) > 0, axis=0))


def present(machines: tuple[str, ...]) -> tuple[str, ...]:
    """Bars and Stripes, which are trained here, and the runs that are kept."""
    return tuple(m for m in machines if m == BARS or published.stored(m))


def setting(machine: str) -> str:
    """Runs of the same setting count as one machine with errors; their name in figure and verdict."""
    if machine == BARS:
        return "RAPID, Bars and Stripes"
    K, steps, convention, start, _ = machine.split(", ")
    quirk = {"reference": "with", "spinlab": "without"}[convention]
    seeds = {"sign": "signs", "continuous": "patterns"}[start]
    return f"MNIST, {K}, {steps.replace('1 steps', '1 step')}, {quirk} the quirk, from {seeds}"


def by_setting(machines: Iterable[str]) -> dict[str, list[str]]:
    """The runs of each setting."""
    found: dict[str, list[str]] = {}
    for machine in machines:
        found.setdefault(setting(machine), []).append(machine)
    return found


def per_run(values: Any, machines: list[str]) -> np.ndarray:
    """One value per run, the mean over its draws; of a single run its draws (of Bars machines)."""
    found = values.sel(machine=machines).transpose("machine", "replica", ...).values
    return found.mean(1) if len(machines) > 1 else found[0]


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    settings = {**settings, "machines": present(settings["machines"])}
    sweep = sl.sweeps.Sweep(
        point, axes={"machine": settings["machines"]},
        fixed={name: settings[name] for name in ("size", "epochs", "images")},
        replicas=settings["runs"], seed=settings["seed"],
        dims={"different": ("start", "mark"), "moved": ("start",), "arrived": ("start",)},
        coords={"start": STARTS, "mark": marks_of(settings["images"])},
    )  # fmt: skip
    data = output.run(sweep, "minima_of_images", workers, progress)
    output.figure(plot(data), "minima_of_images")
    output.verdict(*verdict(data, settings, preset))
    return output


def plot(data: Any) -> Any:
    """Minima against starts, images on the left and random states on the right.

    Dashed and open: without the quirk, in the colour of the runs with it, and a little apart from each other:
    they have the same numbers.
    """
    import matplotlib.pyplot as plt

    with plotting.style():
        figure, axes = plt.subplots(1, 2, figsize=(7.6, 4.6), sharey=True, layout="constrained")
        top, groups = float(data["mark"].max()), by_setting(map(str, data["machine"].values))
        pairs = list(dict.fromkeys(name.replace("without", "with") for name in groups))
        for ax, start in zip(axes, STARTS, strict=True):
            for name, machines in groups.items():
                values = per_run(data["different"].sel(start=start), machines)
                label = f"{name} ({runs(machines, data.sizes['replica'])})"
                plain, pair = "without" in name, pairs.index(name.replace("without", "with"))
                ax.errorbar(
                    data["mark"] * 1.12 ** (plain * (pair - 2.5)), values.mean(0), standard_error(values),
                    label=label, color=plotting.COLOURS[pair],
                    marker=plotting.MARKERS[pair], markersize=4, linewidth=1,
                    linestyle="--" if plain else "-", markerfacecolor="white" if plain else None,
                )  # fmt: skip
            ax.plot([1, top], [1, top], color="grey", linewidth=0.8, linestyle=":")
            ax.set(xscale="log", yscale="log", xlabel="starts", title=WORDS[start])
        axes[0].set_ylabel("different minima reached")
        _figures.letters(axes)
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower left", ncols=2, fontsize=7.5, columnspacing=1)
    return figure


def standard_error(values: np.ndarray) -> np.ndarray:
    """Over the first axis."""
    error: np.ndarray = values.std(axis=0, ddof=1) / len(values) ** 0.5
    return error


def runs(machines: list[str], replicas: int) -> str:
    """How many machines a setting has, in words; Bars and Stripes anew in each replica."""
    n = replicas if machines == [BARS] else len(machines)
    return f"{n} run{'s' * (n != 1)}"


def statements(
    starts: dict[str, float], reached: dict[str, dict[str, np.ndarray]], counts: dict[str, str]
) -> list[str]:
    """By setting: the number of starts, and of different minima from images and random states, one value per
    run (or per draw of starts, where ``counts`` says that there is one run)."""
    said = []
    for name, n in starts.items():
        x = reached[name]["images"]
        word = "far fewer" if x.mean() < FEW * n else "fewer" if x.mean() < 0.9 * n else "not fewer"
        said.append(
            f"{name} ({counts[name]}): {word} minima than images, {text(x)} from {n:.0f} images; "
            f"{text(reached[name]['random'])} from as many random states."
        )
    few = [name for name, n in starts.items() if reached[name]["images"].mean() < FEW * n]
    where = "all of these machines" if len(few) == len(starts) else "; ".join(few) or "none of these machines"
    said.append(f"Minima reached are a tenth of the images or fewer in: {where}.")
    return said


def verdict(data: Any, settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Sentences and the table."""
    groups = by_setting(settings["machines"])
    starts = {name: float(data["starts"].sel(machine=machines).mean()) for name, machines in groups.items()}
    counts = {name: runs(machines, settings["runs"]) for name, machines in groups.items()}
    last = data["different"].isel(mark=-1)  # an image set smaller than the mark is counted as a whole
    reached = {
        name: {s: per_run(last.sel(start=s), machines) for s in STARTS} for name, machines in groups.items()
    }
    said = statements(starts, reached, counts)
    rows = [
        [name, counts[name], start, f"{starts[name]:.0f}", text(reached[name][start]),
         *(text(per_run(data[q].sel(start=start), machines)) for q in ("moved", "arrived"))]
        for name, machines in groups.items()
        for start in STARTS
    ]  # fmt: skip
    body = "\n".join(
        [
            f"# Minima and images, preset {preset}\n",
            f"Alternating descents from {settings['images']} training images (or all there are) and from as "
            f"many random states, {settings['runs']} draws (Bars and Stripes {settings['size']}x"
            f"{settings['size']}: machines); different ends, inverses counted once, are a lower bound of "
            f"the number of minima; spinlab {sl.__version__}, seed {settings['seed']}. Errors are standard "
            "errors over runs, or over draws of starts where there is one run.\n",
            *(f"- {sentence}" for sentence in said),
            "",
            markdown_table(
                ["machine", "runs", "from", "starts", "different minima", "visible spins moved", "arrived"],
                rows,
            ),
        ]
    )
    return body, {
        "study": "minima_of_images",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "statements": said,
    }
