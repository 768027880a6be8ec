"""A training run as one .npz file: complete or absent, and without pickle."""

from __future__ import annotations

import os

import numpy as np

from ..._core.npz import NpzReader
from ..machines.archive import write_npz
from ..machines.machine import Machine
from ..machines.units import Noise
from ..negative import NegativePhase, PersistentPhase
from .history import History
from .optimisers import Optimiser

_VERSION = 2
_LARGEST = 1e30


def save_checkpoint(path: str | os.PathLike[str], state: dict[str, np.ndarray]) -> None:
    """Write the arrays of ``Trainer.state_dict``; a crash leaves the former file or the new one."""
    write_npz(path, {"version": np.array(_VERSION), **state})


def load_checkpoint(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Arrays of a checkpoint, for ``Trainer.load_state_dict``.

    Raises
    ------
    ValueError
        If the file is damaged or is something else; the message names it.
    IsADirectoryError
        If the path is a folder.
    """
    name = os.fspath(path)
    if os.path.isdir(path):
        raise IsADirectoryError(f"the checkpoint {name!r} is a folder; give the name of a file in it")
    with open(path, "rb") as file:
        try:
            with NpzReader(file, name, "checkpoint") as archive:
                version, state = archive.integer("version"), archive.arrays()
        except ValueError as error:
            raise ValueError(f"{error}; move it away to start anew, or put back a copy") from None
    del state["version"]
    if version > _VERSION:
        raise ValueError(f"{name}: written in version {version} of the format; update spinlab")
    return state


def stamp(path: str | os.PathLike[str]) -> tuple[int, ...]:
    """What changes when another process writes the file; () where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def is_of_another(path: str | os.PathLike[str], state: dict[str, np.ndarray]) -> bool:
    """Whether the file is the checkpoint of another run; the same run twice gives the same bits."""
    try:
        kept = load_checkpoint(path)
    except (OSError, ValueError):  # removed, or damaged: to be replaced
        return False
    return any(not np.array_equal(kept.get(name, np.array("")), state[name]) for name in ("identity", "key"))


def part_of(state: dict[str, np.ndarray], part: str) -> dict[str, np.ndarray]:
    """The arrays of one part of a state, without its prefix."""
    return {k.removeprefix(f"{part}/"): x for k, x in state.items() if k.startswith(f"{part}/")}


def check_state(
    state: dict[str, np.ndarray],
    machine: Machine,
    optimiser: Optimiser,
    negative: NegativePhase,
    centred: bool,
) -> None:
    """Refuse a state that lacks arrays, or has some of other shapes or that are not finite."""
    expected: dict[str, tuple[int, ...]] = {"counters": (2,), "key": (), "seconds": ()}
    _check_arrays(state, expected)
    for name in ("counters", "key"):
        whole = np.asarray(state[name])
        if whole.dtype.kind not in "iu" or (whole < 0).any():
            raise ValueError(f"{name} must hold integers of at least 0, got {whole}")
    for name in ("stopped", "identity", "data_of_last_epoch"):
        if name not in state:
            raise ValueError(f"it lacks the array {name}")
        text = np.asarray(state[name])
        if text.dtype.kind != "U" or text.ndim:
            raise ValueError(f"{name} must be a text, got shape {text.shape} of {text.dtype}")
    epochs, updates = (int(x) for x in state["counters"])
    if epochs > updates or float(state["seconds"]) < 0:
        raise ValueError(
            f"its counters make no sense: {epochs} epochs, {updates} updates in {state['seconds']} seconds"
        )
    shapes = {name: x.shape for name, x in machine.state_dict().items()}
    _check_arrays(part_of(state, "machine"), shapes, "machine", exact=True)
    memory = part_of(state, "optimiser")
    if optimiser.prefixes is not None and (updates or memory):
        shapes = {
            prefix + name: x.shape for prefix in optimiser.prefixes for name, x in machine.parameters.items()
        }
        _check_arrays(memory, shapes, "optimiser", exact=True)
    _check_arrays(part_of(state, "negative"), {}, "negative")
    offsets = part_of(state, "offsets")
    if isinstance(negative, PersistentPhase) or centred:
        free = machine.gibbs(machine.random_phase(1, Noise(0)), 1, Noise(0))
        sizes = [layer.shape[1] for layer in free.layers]
        if isinstance(negative, PersistentPhase) and updates:
            chains = part_of(state, "negative")
            rows = chains["layer0"].shape[:1] if "layer0" in chains else ()
            _check_arrays(chains, {f"layer{i}": (*rows, n) for i, n in enumerate(sizes)}, "negative")
        if centred and (updates or offsets):
            means = sizes if updates else sizes[:1]
            _check_arrays(offsets, {str(i): (n,) for i, n in enumerate(means)}, "offsets", exact=True)
    _check_history(part_of(state, "history"), epochs)


def _check_history(history: dict[str, np.ndarray], done: int) -> None:
    """Every name has values at some of the epochs done, those of the trainer at all of them."""
    names = {key.rpartition("/")[0] for key in history} | (set(History.OF_THE_TRAINER) if done else set())
    for name in sorted(names):
        epochs, values = (np.asarray(history.get(f"{name}/{part}", "")) for part in ("epochs", "values"))
        if epochs.ndim != 1 or values.shape[:1] != epochs.shape or len(epochs) == 0:
            raise ValueError(f"the history of {name!r} is not complete")
        if epochs.dtype.kind not in "iu" or values.dtype.kind not in "biuf":
            raise ValueError(f"the history of {name!r} must hold real numbers by epoch")
        if epochs[0] < 1 or epochs[-1] > done or (np.diff(epochs.astype(np.int64)) < 1).any():
            raise ValueError(f"the history of {name!r} must hold epochs from 1 to {done}, each once")
        if name in History.OF_THE_TRAINER and (len(epochs) != done or values.ndim != 1):
            raise ValueError(f"the history of {name!r} is not complete")


def _check_arrays(
    arrays: dict[str, np.ndarray], expected: dict[str, tuple[int, ...]], part: str = "", exact: bool = False
) -> None:
    """The expected names and shapes, and numbers that are finite."""
    prefix = f"{part}/" if part else ""
    missing = [prefix + name for name in expected if name not in arrays]
    if missing:
        raise ValueError(f"it lacks the array{'s' * (len(missing) > 1)} {', '.join(missing)}")
    unknown = [prefix + name for name in arrays if name not in expected] if exact else []
    if unknown:
        raise ValueError(f"these arrays are of another machine or optimiser: {', '.join(unknown)}")
    for name in arrays if part else expected:
        array = np.asarray(arrays[name])
        if name in expected and array.shape != expected[name]:
            raise ValueError(
                f"{prefix}{name} is of another machine: its shape is {array.shape}, here {expected[name]}"
            )
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{prefix}{name} must hold real numbers, got dtype {array.dtype}")
        if not np.isfinite(array).all():
            raise ValueError(f"{prefix}{name} has NaN or infinite entries")
        if array.dtype.kind == "f" and (np.abs(array) > _LARGEST).any():
            raise ValueError(f"{prefix}{name} has entries beyond {_LARGEST:g}, where nothing can be computed")
