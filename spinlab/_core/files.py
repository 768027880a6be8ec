"""Files are complete or absent: written beside their final place, flushed to disk, then renamed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Path of a temporary file that takes the place of ``path`` when the block ends without error.

    The temporary file lies in the same folder and has the same suffix, so that writers which go
    by the suffix work. After an error (also a full disk) it is gone and ``path`` is as before.
    """
    target = check_target(path)
    temporary = target.with_name(f".{secrets.token_hex(8)}{target.suffix}")
    try:
        temporary.open("xb").close()
        yield temporary
        _flush(temporary)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    with suppress(OSError):  # some file systems cannot flush a folder
        _flush(target.parent)


def check_target(path: str | os.PathLike[str]) -> Path:
    """Where ``path`` leads; refuses a missing folder, and what is there but no file."""
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"cannot write {os.fspath(path)!r}: there is no folder {str(target.parent)!r}"
        )
    if target.exists() and not target.is_file():
        raise OSError(f"cannot write {os.fspath(path)!r}: it exists and is not a regular file")
    return target


def _flush(path: Path) -> None:
    """Ask the system to put a file, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
