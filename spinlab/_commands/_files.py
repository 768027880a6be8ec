"""Checks of output files before a long computation, not after it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

DATA = (".nc", ".csv")


def check_folder(option: str, path: str | None) -> None:
    """The folder exists and can be written, and the path is not one itself."""
    from .._core.files import check_target

    if path is None:
        return
    try:
        folder = check_target(path).parent
    except OSError as error:
        raise type(error)(f"{option}: {error}; make the folder, or name another file") from None
    if not os.access(folder, os.W_OK):
        raise PermissionError(
            f"{option}: cannot write {path!r}: the folder {str(folder)!r} is read-only for you; name another "
            "file"
        )


def check_figure(option: str, path: str | None) -> None:
    """Matplotlib knows the suffix."""
    if path is None:
        return
    from matplotlib.backend_bases import FigureCanvasBase

    known = sorted(f".{suffix}" for suffix in FigureCanvasBase.get_supported_filetypes())
    _check_suffix(option, path, known)
    check_folder(option, path)


def check_data(option: str, path: str | None) -> None:
    """A netCDF or CSV file."""
    if path is not None:
        _check_suffix(option, path, DATA)
        check_folder(option, path)


def write_data(data: xr.Dataset, path: str, no_column: tuple[str, ...] = ()) -> None:
    """As netCDF, or as a table (.csv) without variables that are no columns of one."""
    from .. import sweeps
    from .._core.files import atomic_write

    if not path.lower().endswith(".csv"):
        sweeps.to_netcdf(data, path)
        return
    with atomic_write(path) as temporary:
        data.drop_vars(list(no_column)).to_dataframe().reset_index().to_csv(temporary, index=False)


def read_bytes(path: str) -> bytes:
    """All of a file, or of standard input for -, unless that is more than memory can hold."""
    from .._core.files import read_all
    from .._core.validate import memory

    limit = (memory() or 2**40) // 4
    with nullcontext(sys.stdin.buffer) if path == "-" else open(path, "rb") as file:
        return read_all(file, "standard input" if path == "-" else path, limit)


@contextmanager
def on_disk(path: str) -> Iterator[str]:
    """The path, or for - that of a copy of standard input, whose suffix its first bytes decide."""
    if path != "-":
        yield path
        return
    content = read_bytes(path)
    suffix = {b"PK\x03\x04": ".npz", b"\x93NUM": ".npy"}.get(content[:4], ".txt")
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, f"stdin{suffix}")
        with open(copy, "wb") as file:
            file.write(content)
        yield copy


def _check_suffix(option: str, path: str, known: tuple[str, ...] | list[str]) -> None:
    suffix = os.path.splitext(path)[1]
    if suffix.lower() not in known:
        raise ValueError(
            f"{option}: {path!r} ends in {suffix or 'no suffix'!r}; known are {', '.join(known)}"
        )
