"""Instance files: ``i j J`` text, graphs and 0-1 problems of other packages, and .npz archives."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .._core.files import atomic_write
from .._core.validate import as_choice
from . import _npz, _qubo, _text
from .base import IsingModel

FORMATS = ("ij", "rudy", "npz", *_qubo.FORMATS)
_SUFFIXES = {
    ".txt": "ij",
    ".ij": "ij",
    ".rudy": "rudy",
    ".rud": "rudy",
    ".mc": "rudy",
    ".npz": "npz",
    ".coo": "coo",
    ".qubo": "qubo",
    ".sparse": "bqp",
    ".bqp": "bqp",
}
_IJ_KEY = re.compile(r"^[ \t]*#[ \t]*(N|nnz|ghost|convention)[ \t]*:", re.MULTILINE)


def load_instance(
    path: str | os.PathLike[str], format: str = "auto", *, vartype: str | None = None
) -> IsingModel:
    """Read an Ising model from a file; the energies are those of the file, state by state.

    Parameters
    ----------
    path : path
    format : {"auto", "ij", "rudy", "npz", "coo", "qubo", "bqp"}
        "auto" goes by the content of the file; where two formats fit it, by header or suffix, and
        where these do not tell either, it refuses.

        - "ij": lines ``i j J`` with 0-based sites, each pair once, E = -sum_{i<j} J_ij s_i s_j,
          after a header of lines ``# key: value``. The keys N and nnz (if given) must agree with
          the lines. The key ``ghost`` names a site whose couplings are the fields of the others
          (s_ghost = +1): it becomes ``b`` and is no site of the model. ``offset`` and ``labels``
          (JSON) are read too, other keys are left to :func:`instance_metadata`.
        - "rudy": first line ``n m``, then m lines ``i j w`` with 1-based vertices: a graph for
          maximum cut, as in the Biq Mac library. The couplings are J = -w, so that
          cut = (sum w - E) / 2 and a ground state is a maximum cut.
        - "npz": written by :func:`save_instance`.
        - "coo": what dimod writes, lines ``i j x`` for E = +sum_{i<j} x_ij s_i s_j + sum_i x_ii s_i
          after the line ``# vartype=SPIN``, or the same in 0/1 variables after ``# vartype=BINARY``.
        - "qubo": as of qbsolv, ``p qubo 0 maxNodes nNodes nCouplers``, then lines ``i i q`` and
          ``i j q`` with 0-based nodes, E = sum_i q_ii x_i + sum_{i<j} q_ij x_i x_j, x in {0, 1};
          lines that start with c are comments.
        - "bqp": 0-1 problem of the Biq Mac library, first line ``n m``, then m lines ``i j q`` with
          1-based variables and each pair once, E = x.Q.x with Q symmetric (so q counts twice).

        The spins of 0/1 variables are s = 2 x - 1. In the last three formats a comment
        ``offset: c`` adds c to every energy; sites that are not numbered 0, 1, 2, ... in coo and
        qubo keep their numbers as labels.
    vartype : {"SPIN", "BINARY"}, optional
        Of a COO file that does not say it itself (dimod leaves it out by default).

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
    name, content = _read(path, format, vartype)
    if name == "npz":
        return _npz.parse(content, path)[0]
    if name in _qubo.FORMATS:
        return _qubo.parse(content, name, path, vartype)[0]
    return _text.parse(content, name, path)


def instance_metadata(
    path: str | os.PathLike[str], format: str = "auto", *, vartype: str | None = None
) -> dict[str, Any]:
    """What an instance file says about itself: its format, and the keys of its header.

    Numbers (N, nnz, known_ground_energy, ...) come as numbers, all else as text.
    N counts the sites in the file, a ghost included. For coo, qubo and bqp there is the vartype too.

    Parameters
    ----------
    path, format, vartype
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
    name, content = _read(path, format, vartype)
    if name == "npz":
        return _npz.parse(content, path)[1] | {"format": name}
    if name in _qubo.FORMATS:
        return _qubo.parse(content, name, path, vartype)[1] | {"format": name}
    return _text.metadata(content, name, path) | {"format": name}


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
    format : {"auto", "ij", "rudy", "npz", "coo", "qubo", "bqp"}
        As for :func:`load_instance`; "auto" goes by the suffix: .txt, .ij; .rudy, .rud, .mc; .npz;
        .coo; .qubo; .sparse, .bqp.

        - "npz" keeps the form of the model and every bit.
        - "ij" keeps couplings, fields, offset and labels, with numbers that read back exactly;
          fields become couplings to a ghost, the last site of the file.
        - "rudy" keeps couplings only: fields and an offset are refused, labels become 1..n.
        - "coo" (as vartype SPIN), "qubo" and "bqp" keep the same as "ij", offset and labels in
          comments, which other readers skip.
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
    if format == "npz":
        content = _npz.dump(model, header)
    else:
        content = (_qubo if format in _qubo.FORMATS else _text).dump(model, format, header)
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def _read(path: str | os.PathLike[str], format: str, vartype: str | None) -> tuple[str, Any]:
    """The format, and the content as bytes (npz) or text."""
    as_choice(format, "format", ("auto", *FORMATS))
    if vartype is not None:
        as_choice(vartype, "vartype", _qubo.VARTYPES)
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
    if format == "auto":
        format = _guess(text, path, vartype)
    if vartype is not None and format != "coo":
        raise ValueError(f"{os.fspath(path)}: vartype is for COO files, the format of this one is {format}")
    return format, text


def _guess(text: str, path: str | os.PathLike[str], vartype: str | None) -> str:
    """The format, from the first line of data; where two formats fit, from the header or the suffix."""
    number, tokens = _first_data(text)
    suffix = Path(path).suffix.lower()
    named = None if suffix == ".txt" else _SUFFIXES.get(suffix)  # all kinds of lists are called .txt
    has_vartype = bool(_qubo.vartypes(text))
    if tokens[:1] in (["p"], ["P"]):
        return "qubo"
    if len(tokens) == 2:
        if has_vartype or named == "bqp":
            return "bqp"
        loop = None if named == "rudy" else _first_loop(text)
        if loop is None:
            return "rudy"
        raise ValueError(
            f"{os.fspath(path)}, line {loop}: a line 'i i w' has no place in a rudy graph; if this is a 0-1 "
            "problem of the Biq Mac library (minimise x.Q.x), say format='bqp'"
        )
    if len(tokens) not in (0, 3):
        raise ValueError(
            f"{os.fspath(path)}, line {number}: expected 'i j J' or 'n m', got {' '.join(tokens)[:80]!r}; "
            f"the known formats are {', '.join(FORMATS)}"
        )
    fits = {"ij": bool(_IJ_KEY.search(text)), "coo": has_vartype or vartype is not None}
    if not tokens and not any(fits.values()):
        raise ValueError(f"{os.fspath(path)}: the file has no data")
    if not any(fits.values()) and named in fits:
        return named
    if sum(fits.values()) != 1:
        raise ValueError(
            f"{os.fspath(path)}: lines of three numbers may be ij (E = -sum J_ij s_i s_j) or coo (E = "
            "+sum, as dimod writes), undecided by the header; say format='ij' or format='coo', or begin "
            "the file with '# N: 5' (its number of sites) for ij, with '# vartype=SPIN' or BINARY for coo"
        )
    return "ij" if fits["ij"] else "coo"


def _first_data(text: str) -> tuple[int, list[str]]:
    """Number and fields of the first line that is no comment in any format."""
    for number, line in enumerate(text.split("\n"), 1):
        tokens = line.partition("#")[0].split()
        if tokens and not line.startswith(("c", "C")):
            return number, tokens
    return 0, []


def _first_loop(text: str) -> int | None:
    """Number of the first line ``i i w``."""
    for number, line in enumerate(text.split("\n"), 1):
        tokens = line.split(None, 2)
        if len(tokens) == 3 and tokens[0] == tokens[1]:
            return number
    return None


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
