"""RBMs in the HDF5 files of the package rbms: a group ``update_N`` for each kept moment of a training."""

from __future__ import annotations

import io
import os
import re
from typing import Any

import numpy as np

from ..._core.files import atomic_write, check_rereadable
from ..._core.validate import as_choice, as_count, check_memory
from ..machines.machine import Machine
from ..machines.rbm import RBM
from .arrays import UNITS, from_arrays, to_arrays

_NAMES = ("weight_matrix", "vbias", "hbias")
_GROUP = re.compile(r"(?:update|epoch)_([0-9]{1,18})")
_UNITS = {"BBRBM": "binary", "IIRBM": "spin"}


def load_hdf5(
    path: str | os.PathLike[str],
    update: int | None = None,
    *,
    units: str | None = None,
    dtype: str | None = None,
) -> RBM:
    """An RBM from a file of the package rbms (BBRBM of 0/1 units, IIRBM of spins), as a machine of spins.

    Parameters
    ----------
    path : path
    update : int, optional
        Which of the kept moments, the number in ``update_N``; the last one by default.
    units : {"spin", "binary"}, optional
        For files that do not say their ``model_type``.
    dtype : "float32" or "float64", optional
        By default float64 from 0/1 units, and that of the file from spins.

    Raises
    ------
    ImportError
        Without h5py: ``pip install spinlab[exchange]``.
    ValueError
        If the file is damaged, holds another model, or not this update; the message names it.
    """
    h5py, name = _library(), os.fspath(path)
    check_rereadable(path)
    with open(path, "rb"):  # says by name what is wrong with the path
        pass
    try:
        with h5py.File(name, "r") as file:
            arrays, model_type = _read(file, update)
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{name}: {error}") from None
    if model_type is not None and model_type not in _UNITS:
        raise ValueError(
            f"{name}: its model is a {model_type[:40]}; {' and '.join(_UNITS)} can be read, as an RBM"
        )
    if units is None and model_type is None:
        raise ValueError(f"{name}: it has no model_type; say units='binary' (0 and 1) or 'spin' (+1 and -1)")
    told = _UNITS.get(model_type or "")
    if units is not None and told not in (None, as_choice(units, "units", UNITS)):
        raise ValueError(f"{name}: its model is a {model_type}, whose units are {told}, not {units}")
    try:
        machine = from_arrays(arrays, units=told or units, transposed=False, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {error}") from None
    assert isinstance(machine, RBM)
    return machine


def save_hdf5(machine: Machine, path: str | os.PathLike[str], update: int = 1) -> None:
    """Write an RBM or RA-RBM for the package rbms, as a BBRBM of 0/1 units at ``update_N``.

    Its ``rbms.io.load_params(filename, index=N, ...)`` reads it; probabilities are the same.
    """
    h5py, update = _library(), as_count(update, "update", 0)
    x = to_arrays(machine, units="binary")
    content = io.BytesIO()  # not a file: where the disk is full, HDF5 ends the process
    with h5py.File(content, "w") as file:
        file["model_type"] = "BBRBM"
        group = file.create_group(f"update_{update}")
        for name, array in zip(_NAMES, (x["W"], x["bv"], x["bh"]), strict=True):
            group[f"params/{name}"] = array
            group[name] = group[f"params/{name}"]  # where older versions look
        file["parallel_chains"] = np.zeros((1, len(x["bv"])))
        group["time"] = 0.0
    with atomic_write(path) as temporary:
        temporary.write_bytes(content.getvalue())


def _read(file: Any, update: int | None) -> tuple[dict[str, np.ndarray], str | None]:
    kept = {int(found[1]): key for key in file if (found := _GROUP.fullmatch(key))}
    if not kept:
        raise ValueError("it has no group update_N, as files of the package rbms do")
    if update is None:
        update = max(kept)
    if update not in kept:
        raise ValueError(f"it has no update {update}; it has {', '.join(map(str, sorted(kept)))[:200]}")
    group = file[kept[update]]
    group = group.get("params", group)
    arrays = {}
    for name in _NAMES:
        if name not in group:
            raise ValueError(f"it lacks {kept[update]}/{name}")
        check_memory(2 * group[name].size * group[name].dtype.itemsize, f"the array {name}")
        arrays[name] = np.asarray(group[name][()])
    model_type = file["model_type"][()] if "model_type" in file else None
    return arrays, model_type.decode() if isinstance(model_type, bytes) else model_type


def _library() -> Any:
    try:
        import h5py
    except ImportError:
        raise ImportError("this needs h5py: pip install spinlab[exchange]") from None
    return h5py
