"""Are the minima of trained machines far fewer than the images they were trained on? (arXiv:1910.01592, V.C.)

Claim: the low-energy minima of a machine with regularized axons are usually much fewer than the images of the
training set, so that a minimum stands for no single image.

Measurement: from 2000 training images (of Bars and Stripes one of an image and its inverse) and from as many
random states, alternating descents h = sign(W^T v), v = sign(W h) to a minimum of E; how many different ones
are reached, inverses counted once. Machines: the kept runs of the published length on MNIST (K = 200,
H = 3000), with the quirk of the published code and without, and RAPID on Bars and Stripes of 12 x 12 pixels
as in Fig. 5.

Figure: different minima reached against the number of starts.

Expected, if the claim holds: far fewer minima than images, and a count that levels off.

Runtime: paper preset about 2 CPU minutes (needs MNIST), small preset seconds.
Verdict: computed, docs/verdicts/minima_of_images.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

from . import _figures, fig5
from ._bars_compare import text

KEPT = Path(__file__).parent / "reference" / "mnist"
MACHINES = {
    "bars and stripes": "RAPID, Bars and Stripes",
    "K200_1steps_reference_continuous_run1": "MNIST, with the quirk, continuous seeds",
    "K200_1steps_reference_sign_run1": "MNIST, with the quirk, seeds from signs",
    "K200_1steps_spinlab_sign_run1": "MNIST, without the quirk",
}
WORDS = {"images": "from images", "random": "from random states"}
STARTS = tuple(WORDS)
FEW = 0.1  # "far fewer": of the images
LONGEST = 200  # steps of a descent
SMALL: dict[str, Any] = {
    "machines": ("bars and stripes",), "size": 6, "epochs": 30, "images": 40, "runs": 2, "seed": 21,
}  # fmt: skip
PAPER: dict[str, Any] = {
    "machines": tuple(MACHINES), "size": 12, "epochs": 150, "images": 2000, "runs": 3, "seed": 21,
}  # fmt: skip


def point(machine: str, size: int, epochs: int, images: int, rng: int) -> dict[str, Any]:
    """Different minima reached after 1, 2, 4... starts from images and from random states."""
    generator = np.random.default_rng(rng)
    if machine == "bars and stripes":
        data = sl.datasets.bars_and_stripes(size, rng=rng)
        xi_v, xi_h = rapid(data, size, epochs, rng)
        train = one_of_each(data.train)
    else:
        data = sl.datasets.mnist()
        train = data.train
        with np.load(KEPT / f"{machine}.npz") as kept:
            xi_v, xi_h = (kept[name].astype(np.float32) for name in ("xi_v", "xi_h"))
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


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
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
    """Minima against starts, images on the left and random states on the right."""
    import matplotlib.pyplot as plt

    with plotting.style():
        figure, axes = plt.subplots(1, 2, figsize=(7.6, 4), sharey=True, layout="constrained")
        top = float(data["mark"].max())
        for ax, start in zip(axes, STARTS, strict=True):
            for i, machine in enumerate(data["machine"].values):
                plotting.lines(
                    ax, data["different"].sel(machine=machine, start=start), "mark",
                    label=MACHINES[str(machine)], color=plotting.COLOURS[i], marker=plotting.MARKERS[i],
                )  # fmt: skip
            ax.plot([1, top], [1, top], color="grey", linewidth=0.8, linestyle="--")
            ax.set(xscale="log", yscale="log", xlabel="starts", title=WORDS[start])
        axes[0].set_ylabel("different minima reached")
        _figures.letters(axes)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def statements(starts: dict[str, float], reached: dict[str, dict[str, np.ndarray]]) -> list[str]:
    """From the number of starts, and of different minima from images and random states, one value per run."""
    said = []
    for machine, n in starts.items():
        x = reached[machine]["images"]
        word = "far fewer" if x.mean() < FEW * n else "fewer" if x.mean() < 0.9 * n else "not fewer"
        said.append(
            f"{MACHINES[machine]}: {word} minima than images, {text(x)} from {n:.0f} images; "
            f"{text(reached[machine]['random'])} from as many random states."
        )
    few = [MACHINES[m] for m, n in starts.items() if reached[m]["images"].mean() < FEW * n]
    where = "all of these machines" if len(few) == len(starts) else "; ".join(few) or "none of these machines"
    said.append(f"Minima reached are a tenth of the images or fewer in: {where}.")
    return said


def verdict(data: Any, settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Sentences and the table."""
    starts = {m: float(data["starts"].sel(machine=m).mean()) for m in settings["machines"]}
    last = data["different"].isel(mark=-1)
    reached = {
        m: {s: last.sel(machine=m, start=s).values for s in STARTS} for m in settings["machines"]
    }  # an image set smaller than the mark is counted as a whole
    said = statements(starts, reached)
    rows = [
        [MACHINES[m], start, f"{starts[m]:.0f}", text(reached[m][start]),
         *(text(data[q].sel(machine=m, start=start).values) for q in ("moved", "arrived"))]
        for m in settings["machines"]
        for start in STARTS
    ]  # fmt: skip
    body = "\n".join(
        [
            f"# Minima and images, preset {preset}\n",
            f"Alternating descents from {settings['images']} training images (or all there are) and from as "
            f"many random states, {settings['runs']} draws (Bars and Stripes {settings['size']}x"
            f"{settings['size']}: machines); different ends, inverses counted once, are a lower bound of "
            f"the number of minima; spinlab {sl.__version__}, seed {settings['seed']}. Errors are standard "
            "errors over draws (or machines).\n",
            *(f"- {sentence}" for sentence in said),
            "",
            markdown_table(
                ["machine", "from", "starts", "different minima", "visible spins moved", "arrived"], rows
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
