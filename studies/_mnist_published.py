"""RA-RBMs of MNIST at the published length: trained once, kept as patterns, judged from there.

Settings of the code published with arXiv:1910.01592: H=3000, patterns from random +-1, batches of 8000 of
57000 images, 500 epochs, rate .015 times .99 per epoch from epoch 100 on while above .001, patterns clipped
to [-1, 1] after each update. Names such as "K=200, 1 steps, reference, sign, run 1" say the rest: patterns,
Gibbs steps from the patterns, convention ("reference": the last batch of an epoch, 1000 images, has its
positive phase divided by 8000), what the chains of the negative phase start from (the signs of the patterns,
as in the paper's text, or the patterns as they are, as in its code), and the seed.

``python -m spinlab.studies._mnist_published NAME FOLDER`` trains one (22 to 45 CPU minutes, resumable) and
leaves a file that :func:`stored` finds in ``studies/reference/mnist``.
"""

from __future__ import annotations

import itertools
import sys
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import spinlab as sl

from . import _fig6_short
from ._mnist import STANDARD, digits
from ._mnist import trainer_of as trainer_of_others

HERE = Path(__file__).parent / "reference" / "mnist"
SETTINGS: dict[str, Any] = {
    "dataset": "mnist",
    "H": 3000,
    "lr": 0.015,
    "batch_size": 8000,
    "decay": 0.99,
    "after": 100,
    "floor": 0.001,
    "epochs": 500,
    "marks": (1, 2, 5, 10, 20, 50, 75, 100, 125, 150, 200, 250, 300, 400, 500),
}
RUNS = (1, 2, 3)
PAPER_MACHINES = (
    *(
        f"K=200, 1 steps, {convention}, {start}, run {run}"
        for run, start, convention in itertools.product(
            RUNS[:2], ("sign", "continuous"), ("reference", "spinlab")
        )
    ),
    *(f"K={K}, 10 steps, reference, sign, run {run}" for run, K in itertools.product(RUNS, (190, 290))),
    *(f"K={K}, 10 steps, spinlab, sign, run 1" for K in (190, 290)),
    *(f"K={K}, 10 steps, reference, sign, run 1" for K in (100, 400)),
)
TEST, TRAIN, PIXELS, UNTRAINED = "test images", "training images", "independent pixels", "untrained"
N_SAMPLES, N_ALONG, STEPS = 500, 256, 200
N_PATTERNS, N_FROM_PATTERN = 8, 40
DIRECTIONS, BASES = ("forward", "reverse"), ("data", "uniform")

DIMS = {
    "nll": ("side",),
    "image_error": ("side",),
    "log_z": ("base", "direction"),
    "bracket": ("base", "end"),
    "ess": ("base", "direction"),
    "std_W": ("epoch",),
    "along": ("mark", "number"),
    "samples": ("sample", "pixel"),
    "nearest": ("sample",),
    "confidence": ("sample",),
    "labels": ("sample",),
    "vendi": (),
    "patterns": ("pattern", "pixel"),
    "pattern_nearest": ("pattern",),
    "from_pattern": ("chain", "pixel"),
    "classes": ("pattern", "class"),
    "near_from_pattern": ("pattern",),
}
NUMBERS = ("nearest", "share_near", "share_copied", "share_confident", "effective_classes")


def parsed(name: str) -> tuple[int, sl.rbm.PID, str, int]:
    """K, negative phase, convention and seed of a name."""
    patterns, steps, convention, start, run = name.split(", ")
    negative = sl.rbm.PID(int(steps.removesuffix(" steps")), start=start)
    return int(patterns.removeprefix("K=")), negative, convention, int(run.removeprefix("run "))


def trainer_of(name: str, data: sl.datasets.Dataset, settings: dict[str, Any]) -> sl.rbm.Trainer:
    """The trainer of a published machine, nothing trained yet."""
    K, negative, convention, seed = parsed(name)
    return sl.rbm.Trainer(
        sl.rbm.RARBM(data.V, settings["H"], K, rng=seed),
        negative,
        lr=settings["lr"],
        projection="clip",
        batch_size=settings["batch_size"],
        schedule=sl.rbm.Geometric(settings["decay"], floor=settings["floor"], after=settings["after"]),
        convention=convention,
        rng=seed,
    )


def train(name: str, settings: dict[str, Any], checkpoint: Path | None = None) -> dict[str, np.ndarray]:
    """One run: patterns at the end, std of W by epoch, and the looks of its samples along the way."""
    data = digits(settings["dataset"])
    trainer = trainer_of(name, data, settings)

    def spread(trainer: sl.rbm.Trainer) -> dict[str, Any]:
        return {"std_W": trainer.machine.as_ising().coupling_std()}

    def seen(trainer: sl.rbm.Trainer) -> dict[str, Any]:
        return {"along": looks(trainer.machine, settings["dataset"], trainer.epoch)}

    callbacks = [spread, sl.rbm.Every(settings["marks"], seen)]
    history = trainer.fit(data.train, settings["epochs"], callbacks, checkpoint=checkpoint, progress=False)
    ra: Any = trainer.machine
    return {
        "xi_v": ra.xi_v,
        "xi_h": ra.xi_h,
        "std_W": history["std_W"].values,
        "along": history["along"].sel(epoch=list(settings["marks"])).values,
    }


def fill(run: dict[str, np.ndarray], found: dict[str, Any]) -> None:
    """Curves along the training; a run that was stopped early ends there."""
    for name in ("std_W", "along"):
        found[name][: len(run[name])] = run[name]


def slug(name: str) -> str:
    """A file name for a run."""
    return name.replace(", ", "_").replace("=", "").replace(" ", "")


def keep(name: str, run: dict[str, np.ndarray], folder: Path) -> Path:
    """Write a run with its patterns in half precision."""
    small = {k: run[k].astype(np.float16) for k in ("xi_v", "xi_h")}
    path = folder / f"{slug(name)}.npz"
    temporary = path.with_suffix(".tmp.npz")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_LZMA) as archive:  # 4 % smaller than savez_compressed
        for key, values in {**run, **small}.items():
            with archive.open(f"{key}.npy", "w") as file:
                np.lib.format.write_array(file, values, allow_pickle=False)
    temporary.replace(path)
    return path


def stored(name: str, folder: Path = HERE) -> dict[str, np.ndarray] | None:
    """A run that was kept, or None."""
    path = folder / f"{slug(name)}.npz"
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


@cache
def classifier_of(dataset: str) -> Any:
    """The classifier of all samples."""
    return sl.rbm.image_classifier(digits(dataset))


def judge(samples: np.ndarray, dataset: str, invert: bool = True) -> sl.rbm.SampleQuality:
    """Samples beside the training images, up to inversion: machines without biases give both signs."""
    return sl.rbm.sample_quality(
        samples, digits(dataset), classifier=classifier_of(dataset), up_to_inversion=invert
    )


@cache
def held_out(dataset: str, n: int = N_SAMPLES) -> sl.rbm.SampleQuality:
    """Test images judged as samples are."""
    return judge(np.resize(digits(dataset).test, (n, digits(dataset).V)), dataset)


def numbers(found: sl.rbm.SampleQuality, images: sl.rbm.SampleQuality) -> np.ndarray:
    """NUMBERS of a set of samples."""
    return np.array(
        [
            found.nearest.mean(),
            found.share_near(images),
            found.share_copied(images),
            found.share_confident(images),
            found.effective_classes,
        ]
    )


def looks(machine: Any, dataset: str, rng: int) -> np.ndarray:
    """NUMBERS of samples 200 steps after random states."""
    return numbers(judge(machine.sample(STEPS, N_ALONG, rng=rng), dataset), held_out(dataset))


def point(
    machine: str,
    dataset: str,
    annealing: tuple[int, int, int],
    n_images: int | None,
    others: str,
    rng: int,
    **settings: Any,
) -> dict[str, Any]:
    """Everything about one machine, or about images that machines are compared with."""
    data, settings = digits(dataset), {"dataset": dataset, **settings}
    generator = np.random.default_rng(rng)
    found = empty(data, settings)
    if machine in (TEST, TRAIN, PIXELS):
        samples, quality = references(machine, data, dataset, generator)
        found |= _seen(samples, quality)
        if machine == PIXELS:
            b = sl.rbm.data_biases(data.train)
            for s, images in enumerate((data.train[:n_images], data.test[:n_images])):
                values = np.logaddexp(b, -b).sum() - images @ b
                found["nll"][s], found["image_error"][s] = values.mean(), values.std() / len(values) ** 0.5
        return found
    if machine.startswith(UNTRAINED):
        model: Any = sl.rbm.RARBM(data.V, settings["H"], int(machine.split("K=")[1]), rng=rng)
    elif machine.startswith(STANDARD) or "own scale" in machine:
        recipe = {"short": _fig6_short.SHORT, "small": _fig6_short.SMALL}[others]
        trainer = trainer_of_others(machine, data, recipe, rng)
        trainer.fit(data.train, recipe["epochs"][-1], progress=False)
        model = trainer.machine
    else:
        run = stored(machine) if dataset == "mnist" else None
        run = run or train(machine, settings)
        model = sl.rbm.RARBM.from_patterns(run["xi_v"], run["xi_h"])
        fill(run, found)
    samples = model.sample(STEPS, N_SAMPLES, rng=rng)
    found |= _seen(samples, judge(samples, dataset, not model.has_biases))
    found |= _likelihood(model, data, annealing, n_images, rng)
    return found | _from_patterns(model, dataset, rng)


def empty(data: sl.datasets.Dataset, settings: dict[str, Any]) -> dict[str, Any]:
    """Every output, not a number."""

    def nan(*shape: int) -> np.ndarray:
        return np.full(shape, np.nan, dtype=np.float32 if shape[-1:] == (data.V,) else np.float64)

    return {
        "nll": nan(2), "image_error": nan(2), "log_z": nan(2, 2), "bracket": nan(2, 2), "ess": nan(2, 2),
        "std_W": nan(settings["epochs"]), "along": nan(len(settings["marks"]), len(NUMBERS)),
        "patterns": nan(N_PATTERNS, data.V), "pattern_nearest": nan(N_PATTERNS),
        "from_pattern": np.zeros((N_FROM_PATTERN, data.V), np.int8), "classes": nan(N_PATTERNS, 10),
        "near_from_pattern": nan(N_PATTERNS),
    }  # fmt: skip


def references(
    name: str, data: sl.datasets.Dataset, dataset: str, generator: np.random.Generator
) -> tuple[np.ndarray, sl.rbm.SampleQuality]:
    """Test images, training images beside the rest of them, or pixels with the right means."""
    if name == TEST:
        return np.resize(data.test, (N_SAMPLES, data.V)), held_out(dataset)
    if name == PIXELS:
        samples = np.where(generator.random((N_SAMPLES, data.V)) < (1 + data.train.mean(0)) / 2, 1, -1)
        return samples.astype(np.int8), judge(samples, dataset)
    n = min(N_SAMPLES, len(data.train) // 3)
    rest = sl.datasets.Dataset("rest", data.train[n:], data.test, data.shape)
    samples = np.resize(data.train[:n], (N_SAMPLES, data.V))
    return samples, sl.rbm.sample_quality(
        samples, rest, classifier=classifier_of(dataset), up_to_inversion=True
    )


def _seen(samples: np.ndarray, quality: sl.rbm.SampleQuality) -> dict[str, Any]:
    return {
        "samples": np.where(quality.inverted[:, None], -samples, samples).astype(np.int8),
        "nearest": quality.nearest,
        "confidence": quality.confidence,
        "labels": quality.labels,
        "vendi": quality.vendi,
    }


def _likelihood(
    model: Any, data: sl.datasets.Dataset, annealing: tuple[int, int, int], n_images: int | None, rng: int
) -> dict[str, Any]:
    """ln Z from two bases in both directions, and -ln P of the images with the first forward one."""
    import warnings

    n_chains, n_temperatures, n_steps = annealing
    log_z, bracket, ess = np.empty((2, 2)), np.empty((2, 2)), np.empty((2, 2))
    for b, biases in enumerate((sl.rbm.data_biases(data.train), None)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sl.rbm.AISWarning)  # the effective sample sizes are kept and used
            run = sl.rbm.log_partition_ais(
                model,
                base_biases=biases,
                n_chains=n_chains,
                schedule="fine",
                n_temperatures=n_temperatures,
                reverse=n_steps,
                rng=rng + b,
                threads=1,
            )
        log_z[b], ess[b], bracket[b] = (run.log_z, run.reverse.log_z), (run.ess, run.reverse.ess), run.bracket
    results = [
        sl.rbm.negative_log_likelihood(model, images[:n_images], log_z=log_z[0, 0])
        for images in (data.train, data.test)
    ]
    return {
        "nll": np.array([r.nll for r in results]),
        "image_error": np.array([r.sampling_error for r in results]),
        "log_z": log_z,
        "bracket": bracket,
        "ess": ess,
    }


def _from_patterns(model: Any, dataset: str, rng: int) -> dict[str, Any]:
    """Visible parts of the first patterns, and what samples that start from each of them are."""
    patterns = model.xi_v if isinstance(model, sl.rbm.RARBM) else model.W.T
    patterns = np.array(patterns[:N_PATTERNS], dtype=np.float32)
    signs = np.where(patterns >= 0, 1, -1)
    images, found, kept = held_out(dataset), [], None
    for k, start in enumerate(signs):
        samples = model.sample(STEPS, N_FROM_PATTERN, start=start, rng=rng + 1 + k)
        quality = judge(samples, dataset, not model.has_biases)
        kept = _seen(samples, quality)["samples"] if k == 0 else kept
        found.append(quality)
    return {
        "patterns": patterns,
        "pattern_nearest": judge(signs, dataset).nearest,
        "from_pattern": kept,
        "classes": np.array([q.class_counts for q in found]),
        "near_from_pattern": np.array([q.share_near(images) for q in found]),
    }


def present(machines: tuple[str, ...], settings: dict[str, Any]) -> tuple[str, ...]:
    """Machines that can be judged now: those kept, and all where training is short."""
    return tuple(m for m in machines if settings["dataset"] != "mnist" or ", run " not in m or stored(m))


def sweep(preset: dict[str, Any], machines: tuple[str, ...]) -> sl.sweeps.Sweep:
    """One point for each machine."""
    left_out = ("machines", "references", "shown", "seed")
    return sl.sweeps.Sweep(
        point,
        axes={"machine": machines},
        fixed={name: value for name, value in preset.items() if name not in left_out},
        replicas=1,
        seed=preset["seed"],
        dims=DIMS,
        coords={
            "side": ("train", "test"),
            "base": BASES,
            "direction": DIRECTIONS,
            "epoch": tuple(range(1, preset["epochs"] + 1)),
            "mark": preset["marks"],
            "number": NUMBERS,
        },
    )


if __name__ == "__main__":
    run_name, out = sys.argv[1], Path(sys.argv[2])
    checkpoint_file = out / f"{slug(run_name)}.checkpoint.npz"
    print(keep(run_name, train(run_name, SETTINGS, checkpoint_file), out))
