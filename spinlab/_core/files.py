"""Files are complete or absent: written beside their final place, flushed to disk, then renamed.

What a killed writer left behind is removed by the next write to the same folder. The name of a
temporary file says who writes it, ``.RANDOM-PLACE-PROCESS.suffix``: it is left alone as long as that
process lives, or where it runs at another place (machine, container), for a day.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import platform
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

_LEFTOVER = re.compile(r"\.[0-9a-f]{16}-([0-9a-f]{8})-([0-9]{1,10})(?:\.[^.]*)?")
_DAY = 86400.0
_BLOCK = 2**20


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Path of a temporary file that takes the place of ``path`` when the block ends without error.

    The temporary file lies in the same folder and has the same suffix, so that writers which go
    by the suffix work. After an error (also a full disk) it is gone and ``path`` is as before; an
    OSError names ``path``.
    """
    target = check_target(path)
    _remove_leftovers(target.parent)
    name = f".{secrets.token_hex(8)}-{_place()}-{os.getpid()}{target.suffix}"
    temporary = target.with_name(name)
    try:
        try:
            temporary.open("xb").close()
            yield temporary
            _flush(temporary)
            os.replace(temporary, target)
        except OSError as error:
            if error.errno is None or (error.filename is not None and name not in str(error.filename)):
                raise  # says itself what it is about
            raise OSError(error.errno, f"{error.strerror}, writing", os.fspath(path)) from error
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    with suppress(OSError):  # some file systems cannot flush a folder
        _flush(target.parent)


def check_target(path: str | os.PathLike[str]) -> Path:
    """Where ``path`` leads; refuses a missing folder, and what is there but no file."""
    check_here(path)
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"cannot write {os.fspath(path)!r}: there is no folder {str(target.parent)!r}"
        )
    if target.exists() and not target.is_file():
        raise OSError(f"cannot write {os.fspath(path)!r}: it exists and is not a regular file")
    return target


def check_here(path: str | os.PathLike[str]) -> None:
    """Refuse a relative path where the folder that the process works in was removed."""
    try:
        os.path.isabs(path) or os.getcwd()
    except FileNotFoundError:
        raise FileNotFoundError(
            errno.ENOENT, "the folder that this process works in is gone; give a whole path", os.fspath(path)
        ) from None


def check_rereadable(path: str | os.PathLike[str]) -> None:
    """Refuse pipes and devices where a file is opened twice, or mapped into memory."""
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise OSError(
            f"{os.fspath(path)}: a pipe or a device, which cannot be read twice; copy it to a file first"
        )


def read_all(file: BinaryIO, name: str, limit: int, first: bytes = b"") -> bytes:
    """The rest of a file, which need not know its own size (a pipe, a device), up to ``limit`` bytes."""
    parts, size = [first], len(first)
    while block := file.read(_BLOCK):
        parts.append(block)
        size += len(block)
        if size > limit:
            raise ValueError(
                f"{name}: it is longer than {limit / 2**20:.4g} MiB, the most that can be read into the "
                "memory of this machine"
            )
    return b"".join(parts)


def _flush(path: Path) -> None:
    """Ask the system to put a file, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_leftovers(folder: Path) -> None:
    """Delete the temporary files of writers that were killed."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _LEFTOVER.fullmatch(entry.name)
            with suppress(OSError):
                if found and entry.is_file(follow_symlinks=False) and _is_abandoned(entry, *found.groups()):
                    os.unlink(entry.path)


def _is_abandoned(entry: os.DirEntry[str], place: str, process: str) -> bool:
    if place == _place() and os.name == "posix":
        try:
            os.kill(int(process), 0)  # asks whether it lives, sends nothing
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):  # it lives and belongs to someone else
            return False
        return False
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > _DAY


@functools.cache
def _place() -> str:
    """Where a process number means something: this machine since it was started, this container."""
    parts: list[Any] = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
    with suppress(OSError):
        parts.append(os.stat("/proc/self/ns/pid").st_ino)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:8]
