"""Read a machine that ``machine.save`` has written."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..._core.npz import NpzReader
from ..machines.archive import VERSION
from ..machines.machine import Machine
from .build import build

_ADVICE = (
    "; a machine is an .npz file of machine.save or `spinlab train`, and weights become one by from_arrays, "
    "load_hdf5 or load_safetensors"
)
_SIZES = ("V", "H", "K", "sizes", "biases")  # of a config: the arrays say them too


def load(path: str | os.PathLike[str]) -> Machine:
    """A machine from a file of ``machine.save``: same kind, same settings, same bits.

    Parameters
    ----------
    path : path

    Returns
    -------
    Machine
        Its ``provenance`` says by which version and training the file was made, and the metadata given then.

    Raises
    ------
    ValueError
        If the file is damaged, of another kind, or of a later version; the message names it.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import spinlab as sl
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "machine.npz"
    >>> sl.rbm.DBM([4, 3, 2], rng=0).save(path, metadata={"name": "small"})
    >>> machine = sl.rbm.load(path)
    >>> machine, machine.provenance["metadata"]
    (<DBM: sizes=(4, 3, 2), biases=False, positive='mean-field', n_positive=25>, {'name': 'small'})
    """
    name = os.fspath(path)
    if os.path.isdir(path):
        raise IsADirectoryError(f"the machine {name!r} is a folder; give the name of a file in it")
    with open(path, "rb") as file, NpzReader(file, name, "machine", _ADVICE) as archive:
        if "kind" not in archive:
            held = ", ".join(archive.shapes)[:200] or "nothing"
            raise ValueError(
                f"{name}: it holds {held}, which is not a machine of machine.save; a checkpoint is read by "
                "load_checkpoint, other arrays become a machine by from_arrays"
            )
        texts = {key: archive.text(key) for key in ("version", "kind", "config", "provenance")}
        arrays = {
            key.removeprefix("parameter/"): archive[key]
            for key in archive.shapes
            if key.startswith("parameter/")
        }
    return from_parts(texts, arrays, name)


def from_parts(texts: Mapping[str, str], arrays: dict[str, np.ndarray], name: str) -> Machine:
    """The machine of texts and arrays; whatever is wrong with them is a ValueError that names the file."""
    try:
        if int(texts["version"]) > VERSION:
            raise ValueError(f"written in version {int(texts['version'])} of the format; update spinlab")
        config, provenance = _object(texts["config"]), _object(texts["provenance"])
        options = {key: x for key, x in config.items() if key not in _SIZES}
        if texts["kind"] in ("FBM", "RAFBM"):
            options["V"] = config.get("V")
        kinds = {x.dtype for key, x in arrays.items()}
        if len(kinds) != 1 or not kinds <= {np.dtype("float32"), np.dtype("float64")}:
            raise ValueError(f"its arrays must be of float32 or of float64, got {sorted(map(str, kinds))}")
        machine = build(texts["kind"], arrays, {**options, "dtype": str(kinds.pop())})
        now = json.loads(json.dumps(machine.config))
        if now != config:
            raise ValueError(f"its settings are {config}, its arrays those of {now}")
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{name}: damaged machine ({error})") from None
    machine.provenance = provenance
    return machine


def _object(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"{text[:40]!r} is no mapping")
    return found
