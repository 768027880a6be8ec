"""Arrays from .npz archives of any origin: sizes are checked before memory is taken, nothing is unpickled."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np

from .files import read_all
from .validate import check_memory, memory

MEMBERS = 10_000
SMALL = 2**28  # archives that unpack to less are not compared with the size of the file
RATIO = 64  # compression beyond this is no data
_HEADER = 10_000  # bytes
_OTHERS = {b"\x93NUMPY": "one array of numpy.save", b"\x89HDF": "an HDF5 file"}


def pack(arrays: Mapping[str, Any], compressed: bool = False) -> bytes:
    """The bytes of an archive of these arrays.

    An interrupt in the middle stays one: zipfile makes it a ValueError about a handle that is open.
    """
    buffer, save = io.BytesIO(), np.savez_compressed if compressed else np.savez
    try:
        save(buffer, allow_pickle=False, **arrays)
    except ValueError as error:
        cause = error.__context__
        if cause is not None and not isinstance(cause, Exception):
            raise cause from None
        raise
    return buffer.getvalue()


def seekable(file: BinaryIO, name: str) -> BinaryIO:
    """The file, or what a pipe holds, which is read to its end: an archive has its list there."""
    if file.seekable():
        return file
    return io.BytesIO(read_all(file, name, (memory() or 2**40) // 4))


def read_npy(file: BinaryIO, name: str) -> np.ndarray:
    """The array of a .npy file; whatever is wrong with it is a ValueError that names it."""
    file = seekable(file, name)
    try:
        size = file.seek(0, 2)
        file.seek(0)
        needed = _read_header(file, "the array")[2]
        if needed > size:
            raise ValueError(f"the array needs {needed} bytes and has {size}")
        check_memory(2 * needed, "reading it")
        file.seek(0)
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False, max_header_size=_HEADER))
    except Exception as error:  # whatever a damaged file makes numpy raise
        raise ValueError(
            f"{name}: not a readable array file ({str(error) or type(error).__name__}); save plain numbers "
            "with numpy.save"
        ) from None


def _other(start: bytes) -> str | None:
    """What a file is that is no archive, where its first bytes say so."""
    for magic, what in _OTHERS.items():
        if start.startswith(magic):
            return what
    printable = start.translate(None, b"\t\r\n").decode("latin-1").isprintable()
    return "text" if b"\n" in start and start.isascii() and printable else None


def _read_header(file: Any, what: str) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Shape, dtype and all bytes of an array whose header comes next."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"{what} is of version {version} of the format")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file, max_header_size=_HEADER)
    if dtype.hasobject:
        raise ValueError(f"{what} holds pickled objects")
    return shape, dtype, math.prod(shape) * dtype.itemsize + file.tell()


class NpzReader:
    """The arrays of an archive, by name; whatever is wrong with it is a ValueError that begins with ``name``.

    Opening reads the headers of all arrays: their shapes are known before any data are unpacked.

    Parameters
    ----------
    file : binary file
    name : str
        For messages.
    what : str
        What the archive should be, for messages.
    advice : str
        What the message adds where the file is of another kind.
    """

    def __init__(self, file: BinaryIO, name: str, what: str = ".npz archive", advice: str = "") -> None:
        self._name, self._what = name, what
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.dtypes: dict[str, np.dtype[Any]] = {}
        file = seekable(file, name)
        file.seek(0)
        start = file.read(256)
        if other := _other(start):
            raise ValueError(f"{name}: no {what}, but {other}{advice}")
        if not start.startswith(b"PK"):  # else zipfile would look for its end, in /dev/zero without one
            raise self.error("File is not a zip file")
        try:
            size = file.seek(0, 2)
            file.seek(0)
            self._zip = zipfile.ZipFile(file)
            infos = self._zip.infolist()
            if len(infos) > MEMBERS:
                raise ValueError(f"it has {len(infos)} arrays, at most {MEMBERS} are allowed")
            total = 0
            for info in infos:
                total += self._read_header(info)
        except Exception as error:  # whatever a damaged archive makes zipfile and numpy raise
            raise self.error(str(error) or type(error).__name__) from None
        if total > max(SMALL, RATIO * size):
            raise self.error(
                f"it unpacks to {total / 2**20:.0f} MiB, {total / size:.0f} times its size; at most "
                f"{RATIO} times or {SMALL >> 20} MiB are allowed"
            )
        try:
            check_memory(2 * total, "unpacking it")
        except ValueError as error:
            raise self.error(str(error)) from None

    def _read_header(self, info: zipfile.ZipInfo) -> int:
        """Note shape and dtype of an array; the bytes that it unpacks to."""
        array = info.filename.removesuffix(".npy")
        if array == info.filename:
            raise ValueError(f"it holds {info.filename[:80]!r}, which is no array")
        if array in self.shapes:
            raise ValueError(f"it holds {array[:80]!r} twice")
        with self._zip.open(info) as member:
            shape, dtype, needed = _read_header(member, f"the array {array[:80]!r}")
        if needed != info.file_size:
            raise ValueError(f"the array {array[:80]!r} needs {needed} bytes and has {info.file_size}")
        self.shapes[array], self.dtypes[array] = shape, dtype
        return needed

    def __contains__(self, array: str) -> bool:
        return array in self.shapes

    def __getitem__(self, array: str) -> np.ndarray:
        """Unpack an array."""
        if array not in self.shapes:
            raise self.error(f"it lacks the array {array!r}")
        try:
            with self._zip.open(f"{array}.npy") as member:
                return np.asarray(
                    np.lib.format.read_array(member, allow_pickle=False, max_header_size=_HEADER)
                )
        except Exception as error:
            raise self.error(str(error) or type(error).__name__) from None

    def arrays(self, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
        """Several arrays, by default all."""
        return {array: self[array] for array in (self.shapes if names is None else names)}

    def text(self, array: str) -> str:
        """An array that is one text."""
        if array in self.shapes and (self.shapes[array] or self.dtypes[array].kind != "U"):
            raise self.error(f"the array {array!r} must be a text, got {self._show(array)}")
        return str(self[array])

    def integer(self, array: str) -> int:
        """An array that is one integer."""
        if array in self.shapes and (self.shapes[array] or self.dtypes[array].kind not in "iu"):
            raise self.error(f"the array {array!r} must be an integer, got {self._show(array)}")
        return int(self[array])

    def error(self, message: str) -> ValueError:
        return ValueError(f"{self._name}: damaged {self._what} ({message})")

    def _show(self, array: str) -> str:
        return f"shape {self.shapes[array]} of {self.dtypes[array]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()
