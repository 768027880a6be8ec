"""A machine as one .npz file: what it is, its arrays to the last bit, and where it comes from."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from ..._core.files import atomic_write
from ..._core.npz import pack

VERSION = 1


def header(kind: str, config: dict[str, Any], provenance: dict[str, Any]) -> dict[str, str]:
    """The texts beside the arrays."""
    from ... import __version__

    try:
        texts = {
            "config": json.dumps(config, sort_keys=True),
            "provenance": json.dumps({**provenance, "spinlab": __version__}, sort_keys=True, allow_nan=False),
        }
    except (TypeError, ValueError) as error:
        raise TypeError(f"metadata must hold texts, numbers, lists and mappings of them: {error}") from None
    return {"version": str(VERSION), "kind": kind, **texts}


def write(path: str | os.PathLike[str], texts: dict[str, str], arrays: dict[str, np.ndarray]) -> None:
    """A machine from its texts and arrays."""
    given = {f"parameter/{name}": x for name, x in arrays.items()}
    write_npz(path, {name: np.array(x) for name, x in texts.items()} | given)


def write_npz(path: str | os.PathLike[str], arrays: dict[str, np.ndarray]) -> None:
    """All of the arrays, or the former file."""
    content = pack(arrays)
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
