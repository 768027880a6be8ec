"""Machines in the format of safetensors: arrays, and texts that say what they are."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..._core.files import atomic_write, check_rereadable
from ..._core.validate import check_memory
from ..machines.archive import header
from ..machines.machine import Machine
from .arrays import from_arrays, to_arrays
from .load import from_parts

_TEXTS = ("version", "kind", "config", "provenance")


def save_safetensors(machine: Machine, path: str | os.PathLike[str]) -> None:
    """Write a machine as a .safetensors file, which :func:`load_safetensors` reads back to the same bits.

    Raises
    ------
    ImportError
        Without the package safetensors: ``pip install spinlab[exchange]``.
    """
    numpy, _ = _library()
    arrays = {name: np.ascontiguousarray(x) for name, x in to_arrays(machine).items()}
    texts = header(type(machine).__name__, machine.config, dict(machine.provenance))
    content = numpy.save(arrays, metadata=texts)
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def load_safetensors(path: str | os.PathLike[str], **how: Any) -> Machine:
    """A machine from a .safetensors file: one that :func:`save_safetensors` has written, or any other.

    Parameters
    ----------
    path : path
    **how
        For files of others: ``units``, ``names``, ``transposed``... as in :func:`from_arrays`.

    Raises
    ------
    ImportError
        Without the package safetensors.
    ValueError
        If the file is damaged, or its arrays do not say what they are; the message names it.
    """
    _, safetensors = _library()
    name = os.fspath(path)
    check_rereadable(path)
    with open(path, "rb") as file:  # says by name what is wrong with the path
        check_memory(4 * os.fstat(file.fileno()).st_size, f"reading {name}")
    try:
        with safetensors.safe_open(name, framework="numpy") as opened:
            texts = opened.metadata() or {}
            arrays = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
    except Exception as error:  # the library has an exception of its own, and numpy's
        raise ValueError(f"{name}: damaged safetensors file ({error})") from None
    if "kind" in texts and not how:
        missing = [key for key in _TEXTS if key not in texts]
        if missing:
            raise ValueError(f"{name}: damaged machine (it lacks {', '.join(missing)})")
        return from_parts(texts, arrays, name)
    try:
        return from_arrays(arrays, **how)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _library() -> tuple[Any, Any]:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError:
        raise ImportError("this needs the package safetensors: pip install spinlab[exchange]") from None
    return safetensors.numpy, safetensors
