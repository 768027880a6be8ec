"""Data files of the commands that train, judge and sample: .npy, .npz, .csv, and standard input."""

from __future__ import annotations

import io
import os
import sys
import zipfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

SUFFIXES = (".npy", ".npz", ".csv", ".txt")
HELP = ".npy, .npz or .csv (a row per sample; spins +-1, or 0/1), - for standard input"


def read_data(path: str, key: str | None = None) -> np.ndarray:
    """The samples of a file, an axis of samples and one of units; ``key`` is an array of an .npz file.

    Raises
    ------
    OSError, ValueError
        If there is no such file, or it holds no table of numbers.
    """
    from ._files import read_bytes

    content = read_bytes(path)
    try:
        array = _parsed(content, key)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{_name(path)}: {error}; known are {HELP}") from None
    if array.dtype.kind not in "biuf" or array.size == 0:
        raise ValueError(f"{_name(path)}: expected numbers, got {array.size} entries of dtype {array.dtype}")
    return array.reshape(len(array), -1)  # images are samples, too


def write_states(path: str, states: np.ndarray) -> None:
    """Samples as .npy, .npz (array ``samples``) or .csv; - is CSV on standard output."""
    import numpy as np

    from .._core.files import atomic_write
    from .._core.npz import pack

    suffix = os.path.splitext(path)[1].lower()
    if path == "-" or suffix in (".csv", ".txt"):
        text = io.StringIO()
        np.savetxt(text, states, fmt="%d", delimiter=",")
        if path == "-":
            sys.stdout.write(text.getvalue())
            return
        content = text.getvalue().encode()
    elif suffix == ".npz":
        content = pack({"samples": states}, compressed=True)
    else:
        buffer = io.BytesIO()
        np.save(buffer, states)
        content = buffer.getvalue()
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def check_output(option: str, path: str) -> None:
    """A suffix that is known, in a folder that is there."""
    from ._files import check_folder

    if path == "-":
        return
    if os.path.splitext(path)[1].lower() not in SUFFIXES:
        raise ValueError(f"{option}: {path!r} ends in no known suffix; known are {', '.join(SUFFIXES)}")
    check_folder(option, path)


def _parsed(content: bytes, key: str | None) -> np.ndarray:
    import numpy as np

    from .._core.npz import read_npy

    if content[:4] == b"PK\x03\x04":  # a zip archive
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            names = list(arrays)
            if {"kind", "config"} <= set(names):
                raise ValueError("it is a machine, and data are wanted here")
            if key is None and len(names) > 1:
                found = [name for name in ("data", "samples", "train", "x", "X") if name in names]
                key = found[0] if found else None
            if key is None and len(names) != 1:
                raise ValueError(f"it holds the arrays {', '.join(names)}; name one by --key")
            if key is not None and key not in names:
                raise ValueError(f"it holds no array {key!r}, but {', '.join(names)}")
        array = _unpacked(content, f"{names[0] if key is None else key}.npy")
    elif key is not None:
        raise ValueError(f"it is one table without a name; --key {key} is for .npz files")
    elif content[:6] == b"\x93NUMPY":
        array = read_npy(io.BytesIO(content), "it")
    else:
        array = _table(content.decode("utf-8-sig", "replace"))
    if array.ndim == 0:
        raise ValueError("it holds one number")
    return array if array.ndim > 1 else array[None]


def _unpacked(content: bytes, member: str) -> np.ndarray:
    """An array of an archive; its size is known before it is unpacked."""
    from .._core.npz import RATIO, SMALL, read_npy

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if member not in archive.namelist():
            raise ValueError(f"{member.removesuffix('.npy')} in it is no array; unpack the archive")
        size = archive.getinfo(member).file_size
        if size > max(SMALL, RATIO * len(content)):
            raise ValueError(f"{member} unpacks to {size / 2**20:.0f} MiB, over {RATIO} times the file")
        return read_npy(io.BytesIO(archive.read(member)), member)


def _table(text: str) -> np.ndarray:
    """Numbers between commas, semicolons (a comma is then decimal) or blanks; quotes count for nothing.

    A first line of names is left out, also where they are 0, 1, 2, .. as pandas numbers columns; if the first
    of them alone is empty, so is the first column, which numbers the rows.
    """
    import numpy as np

    lines = text.replace('"', "").splitlines()
    lines = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    rows: list[list[float]] = []
    empty = [line.startswith((",", ";", "\t")) for line in lines[:2]]
    indexed = empty == [True, False]  # where all lines begin like that, there is nothing to leave out
    for number, line in enumerate(lines):
        cells = line.replace(",", ".").replace(";", ",") if ";" in line else line
        cells = cells.replace("\t", ",").strip(" ,")
        words = cells.split(",") if "," in cells else cells.split()
        counts = len(words) > 2 and words == [str(k) for k in range(len(words))]
        if number == 0 and (indexed or counts):
            continue
        try:
            rows.append([_number(word) for word in words[indexed:]])
        except ValueError:
            if number > 0:
                raise ValueError(f"line {number + 1} is no row of numbers: {line[:60]!r}") from None
    if not rows or len({len(row) for row in rows}) > 1:
        raise ValueError(f"{len(rows)} rows of {sorted({len(row) for row in rows})} numbers are no table")
    return np.array(rows)


def _number(word: str) -> float:
    """A number, or a truth value as Python, R and spreadsheets write them."""
    truth = {"true": 1.0, "false": 0.0}.get(word.strip().lower())
    return float(word) if truth is None else truth


def _name(path: str) -> str:
    return "standard input" if path == "-" else path


def add_data_options(parser: Any) -> None:
    """``--key`` and ``--threshold``."""
    parser.add_argument(
        "--key", metavar="NAME", help="array of an .npz file (default: data, samples, train, ..)"
    )
    parser.add_argument(
        "--threshold", type=float, metavar="X", help="grey levels: a value above X is +1, any other -1"
    )


def spins(data: np.ndarray, threshold: float | None) -> np.ndarray:
    """Grey levels cut at a threshold; other data as they are."""
    import numpy as np

    if threshold is None:
        return data
    low, high = data.min(), data.max()
    if not low <= threshold < high and not (low == high and np.isfinite(threshold)):
        raise ValueError(
            f"--threshold {threshold:g} makes all values alike: they lie between {low:g} and {high:g}; "
            "give a number between them"
        )
    return np.where(data > threshold, 1, -1).astype(np.int8)
