"""A training run as one .npz file: complete or absent, and without pickle."""

from __future__ import annotations

import io
import os
from typing import Any

import numpy as np

from .._core.files import atomic_write

_VERSION = 1


def save_checkpoint(path: str | os.PathLike[str], state: dict[str, np.ndarray]) -> None:
    """Write the arrays of ``Trainer.state_dict``; a crash leaves the former file or the new one."""
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {"version": np.array(_VERSION), **state}
    np.savez(buffer, allow_pickle=False, **arrays)
    with atomic_write(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def load_checkpoint(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Arrays of a checkpoint, for ``Trainer.load_state_dict``.

    Raises
    ------
    ValueError
        If the file is damaged or is something else; the message names it.
    """
    name = os.fspath(path)
    with open(path, "rb") as file:
        content = file.read()
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            state = {key: archive[key] for key in archive.files}
        version = int(state.pop("version"))
    except Exception as error:  # whatever a damaged archive makes zipfile and numpy raise
        raise ValueError(
            f"{name}: damaged checkpoint ({error}); move it away to start anew, or put back a copy"
        ) from None
    if version > _VERSION:
        raise ValueError(f"{name}: written in version {version} of the format; update spinlab")
    return state
