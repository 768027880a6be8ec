"""Machines trained on digits for the studies that look at them: RA-RBMs by their patterns, with and without
Gibbs steps, RA-RBMs by samples of the model, and standard RBMs beside them."""

from __future__ import annotations

import time
import warnings
from functools import cache
from typing import Any

import numpy as np

import spinlab as sl

STANDARD = "standard RBM"
LONGER = 3  # a standard RBM of 500 units does about as many updates in the time of one of an RA-RBM
STANDARD_LONGER = f"{STANDARD}, {LONGER} x updates"
SIDES = ("train", "test")
ANNEALING = (50, 1000, 200)  # chains, temperatures, steps before the reverse run; at the end more of them
MOST_CHAINS = 4  # times as many chains as asked for, where those give too small an effective sample
N_JUDGED = 1000  # images of each side whose likelihood is estimated
N_SAMPLES, SAMPLE_STEPS, N_SHOWN = 40, 200, 8

DIMS = {
    "nll": ("epoch", "side"),
    "nll_low": ("epoch", "side"),
    "nll_high": ("epoch", "side"),
    "ess": ("epoch",),  # the smaller one of the forward and the reverse run
    "chains": ("epoch",),
    "std_W": ("epoch",),
    "updates": ("epoch",),
    "seconds": ("epoch",),  # of processor time, training alone
    "samples": ("sample", "pixel"),
    "from_pattern": ("sample", "pixel"),
    "patterns": ("pattern", "pixel"),
    "classes": ("pattern", "class"),  # of the nearest images of samples from each pattern
}


@cache
def digits(name: str) -> sl.datasets.Dataset:
    """ "mnist" with the threshold of the paper's code and its 57000 training images, or small "digits"."""
    return sl.datasets.mnist(0.3, n_train=57_000) if name == "mnist" else sl.datasets.digits()


def parsed(machine: str, n_chains: int) -> tuple[int, sl.rbm.NegativePhase, float, bool]:
    """K, negative phase, scale at the start, and whether patterns carry their own scale, from names such as
    "K=190, 10 steps" (from the patterns), "..., scale 0.05" or "K=190, PCD, own scale"."""
    patterns, phase, *rest = machine.split(", ")
    own = "own scale" in rest
    scale = next((float(part.removeprefix("scale ")) for part in rest if part.startswith("scale ")), 1.0)
    negative = sl.rbm.PCD(1, n_chains) if phase == "PCD" else sl.rbm.PID(int(phase.removesuffix(" steps")))
    return int(patterns.removeprefix("K=")), negative, scale, own


def trainer_of(machine: str, data: sl.datasets.Dataset, settings: dict[str, Any], rng: int) -> sl.rbm.Trainer:
    """The trainer of a machine, nothing trained yet."""
    epochs = settings["epochs"][-1]
    common = {"batch_size": (batch := settings["batch_size"]), "rng": rng}
    if machine.startswith(STANDARD):
        # Centred PCD with a falling rate, visible biases from the data: a usual recipe, not the paper's.
        rbm = sl.rbm.RBM(data.V, settings["H_standard"], biases=True, rng=rng)
        rbm.parameters["bv"][:] = sl.rbm.data_biases(data.train)
        schedule = sl.rbm.Linear(epochs * (LONGER if machine == STANDARD_LONGER else 1), 0.02)
        return sl.rbm.Trainer(
            rbm, sl.rbm.PCD(1, batch), lr=settings["lr_standard"], schedule=schedule, **common
        )
    K, negative, scale, own = parsed(machine, batch)
    ra = sl.rbm.RARBM(data.V, settings["H"], K, scale=scale, rng=rng)
    if own:  # small patterns that may grow, biases as above: the recipe of the study of calibration
        x = settings["own_scale"]
        biases = {"visible_biases": sl.rbm.data_biases(data.train), "hidden_biases": np.zeros(ra.H)}
        ra = sl.rbm.RARBM.from_patterns(x * ra.xi_v, x * ra.xi_h, **biases)
        # The few patterns make a noisier average than the chains of PCD, hence a third of the rate.
        lr = settings["lr_own"] / (3 if isinstance(negative, sl.rbm.PID) else 1)
        return sl.rbm.Trainer(ra, negative, lr=lr, schedule=sl.rbm.Linear(epochs, 0.02), **common)
    schedule = sl.rbm.Geometric(settings["decay"], floor=settings["lr"] / 15, after=settings["after"])
    return sl.rbm.Trainer(ra, negative, lr=settings["lr"], projection="clip", schedule=schedule, **common)


def point(
    machine: str,
    dataset: str,
    epochs: tuple[int, ...],
    last_annealing: tuple[int, int, int],
    rng: int,
    **settings: Any,
) -> dict[str, Any]:
    """Train one machine; its likelihood along the way, then samples and patterns."""
    data = digits(dataset)
    trainer = trainer_of(machine, data, {"epochs": epochs, **settings}, rng)
    model = trainer.machine
    marks = [epoch * (LONGER if machine == STANDARD_LONGER else 1) for epoch in epochs]
    before = likelihoods(trainer, data, ANNEALING, 1)
    start, judging = time.process_time(), 0.0

    def judge(trainer: sl.rbm.Trainer) -> dict[str, Any]:
        nonlocal judging
        now = time.process_time()
        trained = now - start - judging
        last = trainer.epoch == marks[-1]
        result = likelihoods(trainer, data, *((last_annealing, MOST_CHAINS) if last else (ANNEALING, 1)))
        judging += time.process_time() - now
        return result | {"cpu_seconds": np.array(trained)}

    history = trainer.fit(data.train, marks[-1], [sl.rbm.Every(marks, judge)], progress=False)
    history = history.sel(epoch=marks)
    found = {name: np.concatenate([before[name][None], history[name].values]) for name in before}
    found["updates"] = np.array([0, *history["updates"].values])
    found["seconds"] = np.array([0.0, *history["cpu_seconds"].values])
    found["samples"] = model.sample(SAMPLE_STEPS, N_SAMPLES, rng=rng)
    patterns = model.xi_v if isinstance(model, sl.rbm.RARBM) else model.W.T
    found["patterns"] = np.array(patterns[:N_SHOWN], dtype=np.float32)
    starts = np.where(found["patterns"] >= 0, 1, -1)
    chains = [model.sample(SAMPLE_STEPS, N_SAMPLES, start=v, rng=rng + 1 + k) for k, v in enumerate(starts)]
    found["from_pattern"] = chains[0]
    found["classes"] = np.array([np.bincount(nearest_labels(v, data), minlength=10) for v in chains])
    return found


def likelihoods(
    trainer: sl.rbm.Trainer, data: sl.datasets.Dataset, annealing: tuple[int, int, int], most: int
) -> dict[str, np.ndarray]:
    """NLL per image by annealed importance sampling, with the range that forward and reverse runs leave;
    up to ``most`` times as many chains where the effective sample is too small."""
    images = {"train": data.train[:N_JUDGED], "test": data.test[:N_JUDGED]}
    n_chains, n_temperatures, n_steps = annealing
    most *= n_chains
    # A trained machine relaxes slowly near beta = 1, and follows faster steps before.
    schedule = 1 - (1 - np.linspace(0, 1, n_temperatures + 1)) ** 2
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sl.rbm.AISWarning)  # the effective sample size is kept and shown
            run = sl.rbm.log_partition_ais(
                trainer.machine,
                base_biases=sl.rbm.data_biases(data.train),
                n_chains=n_chains,
                schedule=schedule,
                reverse=n_steps,
                rng=trainer.epoch,
                threads=1,
            )
        if run.reliable or 2 * n_chains > most:
            break
        n_chains *= 2
    results = [sl.rbm.negative_log_likelihood(trainer.machine, images[s], log_z=run.log_z) for s in SIDES]
    low, high = run.bracket
    return {
        "nll": np.array([r.nll for r in results]),
        "nll_low": np.array([r.nll - run.log_z + low for r in results]),
        "nll_high": np.array([r.nll - run.log_z + high for r in results]),
        "ess": np.array(min(run.ess, run.reverse.ess)),
        "chains": np.array(n_chains),
        "std_W": np.array(trainer.machine.as_ising().coupling_std()),
    }


def nearest_labels(samples: np.ndarray, data: sl.datasets.Dataset) -> np.ndarray:
    """Label of the training image with the largest overlap up to inversion (without biases an image and
    its inverse are equally likely), for each sample."""
    images = data.train[:10_000].astype(np.float32)
    return data.train_labels[np.abs(samples.astype(np.float32) @ images.T).argmax(1)]


def strip(images: np.ndarray, shape: tuple[int, int], rows: int = 1) -> np.ndarray:
    """Images side by side in ``rows`` rows, a pixel of grey between them: faster drawn than one by one."""
    height, width = shape
    tiles = np.pad(images.reshape(-1, height, width).astype(float), ((0, 0), (0, 1), (0, 1)))
    columns = len(tiles) // rows
    tiles = tiles[: rows * columns].reshape(rows, columns, height + 1, width + 1)
    return tiles.transpose(0, 2, 1, 3).reshape(rows * (height + 1), columns * (width + 1))[:-1, :-1]


def show(ax: Any, picture: np.ndarray) -> None:
    """A picture in grey, without ticks."""
    ax.imshow(picture, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
    ax.set(xticks=[], yticks=[])


def sweep(preset: dict[str, Any], machines: tuple[str, ...]) -> sl.sweeps.Sweep:
    """One run of each machine, or as many as the preset says."""
    left_out = ("machines", "others", "shown", "judged", "runs", "seed")
    return sl.sweeps.Sweep(
        point,
        axes={"machine": machines},
        fixed={name: value for name, value in preset.items() if name not in left_out},
        replicas=preset["runs"],
        seed=preset["seed"],
        dims=DIMS,
        coords={"epoch": (0, *preset["epochs"]), "side": SIDES},
    )
