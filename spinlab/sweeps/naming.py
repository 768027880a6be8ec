"""The name of a store's file, and SQLite's errors in words that name it."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .._core.files import check_here

_RESULTS = (".nc", ".csv", ".h5", ".hdf5", ".zarr", ".npz", ".npy", ".json", ".txt", ".parquet", ".pkl")
_LONGEST = 255 - len(".lock-journal")  # of a file's name, with what SQLite puts beside it


def store_path(path: str | os.PathLike[str]) -> Path:
    """The store's file: .sqlite is added to a name without suffix, and ~ is the home folder.

    Suffixes of other kinds of files are refused, unless the file is there and may be an older store.
    """
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        raise TypeError(f"a store's name must be a str or a path, got {path!r}")
    if not text or "\0" in text:
        raise ValueError(f"a store needs the name of a file, got {text!r}")
    target = Path(os.path.expanduser(text))
    if text.startswith("~/") and str(target).startswith("~"):
        raise ValueError(f"the home folder of {text!r} is not known; give the whole path")
    check_here(target)
    seps = tuple(filter(None, (os.sep, os.altsep)))
    if text.endswith(seps) or target.name in ("", ".."):
        raise IsADirectoryError(errno.EISDIR, "a store is a file, and this names a folder; add a name", text)
    if not target.suffix:
        target = target.with_suffix(".sqlite")
    elif target.suffix.lower() in _RESULTS and not target.exists():
        raise ValueError(
            f"a store is an SQLite file, which {target.suffix} is not, got {text!r}: give {target.stem!r} "
            f"and export it as .nc or .csv (Store.export, spinlab sweep export)"
        )
    if len(os.fsencode(target.name)) > _LONGEST:
        raise OSError(errno.ENAMETOOLONG, f"the store's name is longer than {_LONGEST} bytes", text)
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "a store is a file, and here is a folder", str(target))
    if os.path.lexists(target):
        try:
            there = target.stat()
        except FileNotFoundError:  # a link to what is still to be made
            return target
        except OSError as error:  # a circle of links
            raise OSError(error.errno, f"not to be reached ({error.strerror})", str(target)) from None
        if not stat.S_ISREG(there.st_mode):
            raise OSError(
                errno.EINVAL, "a store is a regular file, and here is a pipe or a device", str(target)
            )
    return target


@contextmanager
def named_errors(path: Path | None) -> Iterator[None]:
    """SQLite's errors as errors that name the file and say what to do."""
    try:
        yield
    except sqlite3.Error as error:
        code, name = getattr(error, "sqlite_errorcode", 0) & 0xFF, str(path or "the store in memory")
        kind, number, text = _ERRORS.get(code, (ValueError, 0, ""))
        if kind is ValueError:
            raise _damaged(name, error) from error
        if kind is PermissionError and path is not None:
            text += _why(path)
        raise kind(number, f"{text} ({error})", name) from error
    except UnicodeDecodeError as error:  # a byte of SQLite's own texts is another
        raise _damaged(str(path), error) from error


def _damaged(name: str, error: Exception) -> ValueError:
    return ValueError(
        f"{name!r} is no sweep store, or damaged ({error}); nothing in it was changed. Save what is "
        f"left of a store by `spinlab sweep salvage {name} NEW`, move it away, or choose another name"
    )


def _why(path: Path) -> str:
    """What stands in the way of writing a store."""
    folder = path.parent
    if not folder.is_dir():
        return f"there is no folder {str(folder)!r}"
    if hasattr(os, "statvfs") and os.statvfs(folder).f_flag & os.ST_RDONLY:
        return "its disk is mounted read-only"
    if not os.access(folder, os.W_OK):
        return f"the folder {str(folder)!r} is read-only for you"
    return "check its permissions"


_LOCKED = "another process is writing this store: wait for it, or give each its own store and merge them"
_INTACT = "what was saved before is intact, run again to resume"
_ERRORS: dict[int, tuple[type[Exception], int, str]] = {
    sqlite3.SQLITE_FULL: (OSError, errno.ENOSPC, f"the disk is full: make room; {_INTACT}"),
    sqlite3.SQLITE_IOERR: (OSError, errno.EIO, f"the disk is full or failing: make room; {_INTACT}"),
    sqlite3.SQLITE_READONLY: (PermissionError, errno.EACCES, "the store is read-only: "),
    sqlite3.SQLITE_CANTOPEN: (PermissionError, errno.EACCES, "the store cannot be opened: "),
    sqlite3.SQLITE_PERM: (PermissionError, errno.EACCES, "the store cannot be opened: "),
    sqlite3.SQLITE_BUSY: (BlockingIOError, errno.EAGAIN, _LOCKED),
}
