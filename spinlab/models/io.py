"""Instance files: ``i j J`` text, rudy / Biq Mac graphs, and .npz archives."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .._core.files import atomic_write
from .._core.validate import as_choice
from . import _npz, _text
from .base import IsingModel

FORMATS = ("ij", "rudy", "npz")
_SUFFIXES = {".txt": "ij", ".ij": "ij", ".rudy": "rudy", ".rud": "rudy", ".mc": "rudy", ".npz": "npz"}


def load_instance(path: str | os.PathLike[str], format: str = "auto") -> IsingModel:
    """Read an Ising model from a file.

    Parameters
    ----------
    path : path
    format : {"auto", "ij", "rudy", "npz"}
        "auto" goes by the content of the file, not by its name.

        - "ij": lines ``i j J`` with 0-based sites, each pair once, E = -sum_{i<j} J_ij s_i s_j,
          after a header of lines ``# key: value``. The keys N and nnz (if given) must agree with
          the lines. The key ``ghost`` names a site whose couplings are the fields of the others
          (s_ghost = +1): it becomes ``b`` and is no site of the model. ``offset`` and ``labels``
          (JSON) are read too, other keys are left to :func:`instance_metadata`.
        - "rudy": first line ``n m``, then m lines ``i j w`` with 1-based vertices: a graph for
          maximum cut, as in the Biq Mac library. The couplings are J = -w, so that
          cut = (sum w - E) / 2 and a ground state is a maximum cut.
        - "npz": written by :func:`save_instance`.

    Returns
    -------
    IsingModel
        A SparseIsing from text (``.to_dense()`` for a dense one), the saved form from .npz.

    Raises
    ------
    ValueError
        If the file is damaged or inconsistent; the message has the file and the line.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from spinlab.models import load_instance
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "triangle.rudy"
    >>> _ = path.write_text("3 3\\n1 2 1\\n1 3 1\\n2 3 1\\n")
    >>> model = load_instance(path)
    >>> float(model.energy([1, 1, -1]))  # cut 2 = (3 - E) / 2
    -1.0
    """
    name, content = _read(path, format)
    if name == "npz":
        return _npz.parse(content, path)[0]
    return _text.parse(content, name, path)


def instance_metadata(path: str | os.PathLike[str], format: str = "auto") -> dict[str, Any]:
    """What an instance file says about itself: its format, and the keys of its header.

    Numbers (N, nnz, known_ground_energy, ...) come as numbers, all else as text.
    N counts the sites in the file, a ghost included.

    Parameters
    ----------
    path, format
        As for :func:`load_instance`, with the same errors.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from spinlab.models import DenseIsing, instance_metadata, save_instance
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "pair.txt"
    >>> save_instance(DenseIsing([[0, 1], [1, 0]]), path, metadata={"known_ground_energy": -1})
    >>> instance_metadata(path)["known_ground_energy"]
    -1
    """
    name, content = _read(path, format)
    if name == "npz":
        return {"format": name, **_npz.parse(content, path)[1]}
    return {"format": name, **_text.metadata(content, name, path)}


def save_instance(
    model: IsingModel,
    path: str | os.PathLike[str],
    format: str = "auto",
    metadata: Mapping[str, str | int | float] | None = None,
) -> None:
    """Write a model to a file, which is complete or absent: an error leaves an older file as it was.

    Parameters
    ----------
    model : IsingModel
    path : path
    format : {"auto", "ij", "rudy", "npz"}
        As for :func:`load_instance`; "auto" goes by the suffix: .txt, .ij; .rudy, .rud, .mc; .npz.

        - "npz" keeps the form of the model and every bit.
        - "ij" keeps couplings, fields, offset and labels, with numbers that read back exactly;
          fields become couplings to a ghost, the last site of the file.
        - "rudy" keeps couplings only: fields and an offset are refused, labels become 1..n.
    metadata : mapping, optional
        Text and numbers for the header, for example name or known_ground_energy.

    Raises
    ------
    ValueError, TypeError
        If the format cannot hold the model, its labels or the metadata.
    OSError
        If the file cannot be written (folder missing, disk full, ...).

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from spinlab.models import DenseIsing, load_instance, save_instance
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "pair.txt"
    >>> save_instance(DenseIsing([[0, 1], [1, 0]], b=0.5), path)
    >>> load_instance(path)
    <SparseIsing: N=2, 1 edges, with fields>
    """
    if not isinstance(model, IsingModel):
        raise TypeError(f"save_instance needs a model, got {type(model).__name__}; use as_model(x) first")
    as_choice(format, "format", ("auto", *FORMATS))
    if format == "auto":
        suffix = Path(path).suffix.lower()
        if suffix not in _SUFFIXES:
            raise ValueError(
                f"cannot tell the format of {os.fspath(path)!r} from its suffix; use one of "
                f"{', '.join(_SUFFIXES)}, or give format= one of {', '.join(FORMATS)}"
            )
        format = _SUFFIXES[suffix]
    header = _checked_metadata({} if metadata is None else metadata)
    content = _npz.dump(model, header) if format == "npz" else _text.dump(model, format, header)
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def _read(path: str | os.PathLike[str], format: str) -> tuple[str, Any]:
    """The format, and the content as bytes (npz) or text."""
    as_choice(format, "format", ("auto", *FORMATS))
    content = Path(path).read_bytes()
    if format == "npz" or (format == "auto" and content.startswith(b"PK")):
        return "npz", content
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ValueError(f"{os.fspath(path)}: neither a text file nor an .npz archive")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _text.guess(text, path) if format == "auto" else format, text


def _checked_metadata(metadata: Mapping[str, str | int | float]) -> dict[str, str | int | float]:
    if not isinstance(metadata, Mapping):
        raise TypeError(f"metadata must be a mapping, got {type(metadata).__name__}")
    header = {key: x.item() if isinstance(x, np.generic) else x for key, x in metadata.items()}
    for key, value in header.items():
        if not isinstance(key, str) or not key or key != key.strip() or set(key) & set(":\r\n"):
            raise ValueError(f"metadata key {key!r} must be text without colons and line breaks")
        if key in ("format", "form", *_text.RESERVED):
            raise ValueError(f"metadata key {key!r} is written by save_instance itself; take another name")
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise TypeError(f"metadata {key!r} must be text or a number, got {type(value).__name__}")
        if isinstance(value, str) and ("\n" in value or "\r" in value):
            raise ValueError(f"metadata {key!r} must be one line")
    return header
