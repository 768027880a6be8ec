"""Machines trained on digits for the studies that look at them: RA-RBMs by their patterns, with and without
Gibbs steps, and a standard RBM beside them."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np

import spinlab as sl

STANDARD = "standard RBM"
SIDES = ("train", "test")
N_JUDGED = 1000  # images of each side whose likelihood is estimated
N_SAMPLES, SAMPLE_STEPS, N_SHOWN = 40, 200, 8

DIMS = {
    "nll": ("epoch", "side"),
    "nll_low": ("epoch", "side"),
    "nll_high": ("epoch", "side"),
    "ess": ("epoch",),
    "std_W": ("epoch",),
    "updates": ("epoch",),
    "seconds": ("epoch",),
    "samples": ("sample", "pixel"),
    "from_pattern": ("sample", "pixel"),
    "patterns": ("pattern", "pixel"),
    "nearest_label": ("sample",),
}


@cache
def digits(name: str) -> sl.datasets.Dataset:
    """ "mnist" with the threshold of the paper's code and its 57000 training images, or small "digits"."""
    return sl.datasets.mnist(0.3, n_train=57_000) if name == "mnist" else sl.datasets.digits()


def parsed(machine: str) -> tuple[int, int, float]:
    """(K, Gibbs steps, scale at the start) of a name such as "K=190, 10 steps" or "..., scale 0.05"."""
    parts = machine.split(", ")
    scale = float(parts[2].removeprefix("scale ")) if len(parts) > 2 else 1.0
    return int(parts[0].removeprefix("K=")), int(parts[1].removesuffix(" steps")), scale


def trainer_of(machine: str, data: sl.datasets.Dataset, settings: dict[str, Any], rng: int) -> sl.rbm.Trainer:
    """The trainer of a machine, nothing trained yet."""
    batch_size, decay, after = (settings[name] for name in ("batch_size", "decay", "after"))
    if machine == STANDARD:
        # Centred PCD with a falling rate, visible biases from the data: a usual recipe, not the paper's.
        rbm = sl.rbm.RBM(data.V, settings["H_standard"], biases=True, rng=rng)
        rbm.parameters["bv"][:] = sl.rbm.data_biases(data.train)
        return sl.rbm.Trainer(
            rbm,
            sl.rbm.PCD(1, batch_size),
            lr=settings["lr_standard"],
            batch_size=batch_size,
            schedule=sl.rbm.Linear(settings["epochs"][-1], 0.02),
            rng=rng,
        )
    K, n_steps, scale = parsed(machine)
    return sl.rbm.Trainer(
        sl.rbm.RARBM(data.V, settings["H"], K, scale=scale, rng=rng),
        sl.rbm.PID(n_steps),
        lr=settings["lr"],
        batch_size=batch_size,
        projection="clip",
        schedule=sl.rbm.Geometric(decay, floor=settings["lr"] / 15, after=after),
        rng=rng,
    )


def point(machine: str, dataset: str, epochs: tuple[int, ...], rng: int, **settings: Any) -> dict[str, Any]:
    """Train one machine; its likelihood along the way, then samples and patterns."""
    data = digits(dataset)
    trainer = trainer_of(machine, data, {"epochs": epochs, **settings}, rng)
    model = trainer.machine
    before = likelihoods(trainer, data)
    history = trainer.fit(
        data.train, epochs[-1], [sl.rbm.Every(epochs, lambda t: likelihoods(t, data))], progress=False
    ).sel(epoch=list(epochs))
    found = {name: np.concatenate([before[name][None], history[name].values]) for name in before}
    found["updates"] = np.array([0, *history["updates"].values])
    found["seconds"] = np.array([0.0, *history["seconds"].values])
    found["samples"] = model.sample(SAMPLE_STEPS, N_SAMPLES, rng=rng)
    patterns = model.xi_v if isinstance(model, sl.rbm.RARBM) else model.W.T
    found["patterns"] = np.array(patterns[:N_SHOWN], dtype=np.float32)
    start = np.where(patterns[0] >= 0, 1, -1)
    found["from_pattern"] = model.sample(SAMPLE_STEPS, N_SAMPLES, start=start, rng=rng + 1)
    found["nearest_label"] = nearest_labels(found["from_pattern"], data)
    return found


def likelihoods(trainer: sl.rbm.Trainer, data: sl.datasets.Dataset) -> dict[str, np.ndarray]:
    """NLL per image by annealed importance sampling, with the range that forward and reverse runs leave."""
    images = {"train": data.train[:N_JUDGED], "test": data.test[:N_JUDGED]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.rbm.AISWarning)  # the effective sample size is kept and shown
        run = sl.rbm.log_partition_ais(
            trainer.machine,
            base_biases=sl.rbm.data_biases(data.train),
            n_chains=50,
            reverse=200,
            rng=trainer.epoch,
            threads=1,
        )
    results = [sl.rbm.negative_log_likelihood(trainer.machine, images[s], log_z=run.log_z) for s in SIDES]
    low, high = run.bracket
    return {
        "nll": np.array([r.nll for r in results]),
        "nll_low": np.array([r.nll - run.log_z + low for r in results]),
        "nll_high": np.array([r.nll - run.log_z + high for r in results]),
        "ess": np.array(run.ess),
        "std_W": np.array(trainer.machine.as_ising().coupling_std()),
    }


def nearest_labels(samples: np.ndarray, data: sl.datasets.Dataset) -> np.ndarray:
    """Label of the training image with the largest overlap up to inversion (without biases an image and
    its inverse are equally likely), for each sample."""
    images = data.train[:10_000].astype(np.float32)
    return data.train_labels[np.abs(samples.astype(np.float32) @ images.T).argmax(1)]


def sweep(preset: dict[str, Any], machines: tuple[str, ...]) -> sl.sweeps.Sweep:
    """One run of each machine, or as many as the preset says."""
    names = ("dataset", "epochs", "H", "H_standard", "lr", "lr_standard", "batch_size", "decay", "after")
    return sl.sweeps.Sweep(
        point,
        axes={"machine": machines},
        fixed={name: preset[name] for name in names},
        replicas=preset["runs"],
        seed=preset["seed"],
        dims=DIMS,
        coords={"epoch": (0, *preset["epochs"]), "side": SIDES},
    )
