"""Where compiled kernels are kept: a folder that nobody else can write, files that are checked before use.

numba unpickles what it finds in its cache, so whoever can write there runs code in our processes. The
folder is used only if it and all above it are safe, and every file carries a digest, because damaged
machine code does not raise errors but crashes. Without a folder kernels are compiled in each process.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import shutil
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numba
import platformdirs
from numba.core import caching

from .files import atomic_write
from .messages import log

VARIABLE = "SPINLAB_CACHE_DIR"
_NAME = re.compile(r"numba-[0-9a-f]{16}")
_DIGEST = hashlib.sha256().digest_size
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class UnsafeFolderError(Exception):
    """The folder cannot be used; the text says why."""


def base_dir() -> Path:
    """The folder that holds a cache per version: SPINLAB_CACHE_DIR, or the user's folder of caches."""
    given = os.environ.get(VARIABLE)
    if given:
        return Path(os.path.abspath(os.path.expanduser(given)))
    try:
        folder = Path(platformdirs.user_cache_dir("spinlab", appauthor=False))
    except (RuntimeError, KeyError, OSError):  # no HOME, and a user whom the system does not know
        folder = Path("~")
    if not folder.is_absolute():
        raise UnsafeFolderError("this user has no home folder")
    return folder


@cache
def folder_name() -> str:
    """Changes with numba and with what a kernel may find in ``_core``: numba does not notice edits there."""
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        text = source.read_bytes()
        if re.search(rb"\.jit import|numba|NamedTuple", text):  # kernels, overloads, forms
            digest.update(text)
    return f"numba-{digest.hexdigest()[:16]}"


@cache
def cache_dir() -> str | None:
    """Folder of the compiled kernels of this version of ``_core``; None, after a message, without one."""
    try:
        return str(safe_folder(base_dir(), folder_name(), given=bool(os.environ.get(VARIABLE))))
    except UnsafeFolderError as error:
        log.warning(
            "compiled kernels are not kept for the next run: %s; set %s to a folder of your own",
            error,
            VARIABLE,
        )
        return None


def safe_folder(base: Path, name: str, given: bool) -> Path:
    """``base / name``, made if it is missing; a ``given`` base is the user's and is not changed.

    Raises
    ------
    UnsafeFolderError
        It is a link, belongs to another user or cannot be made; or somebody else can write a folder above
        it. One of our own that others could write is emptied and closed to them.
    """
    try:
        if given:
            parent, own = Path(os.path.realpath(base)), [name]
        else:
            parent, own = Path(os.path.realpath(base.parent)), [base.name, name]
        for folder in reversed([parent, *parent.parents]):
            _make(folder)
            _check_above(folder)
        for part in own:
            parent = parent / part
            _make(parent)
            _check_own(parent, empty=part == name)
    except OSError as error:
        raise UnsafeFolderError(f"{str(base / name)!r} cannot be used ({error.strerror or error})") from error
    return parent


def _make(folder: Path) -> None:
    if not os.path.lexists(folder):
        with suppress(FileExistsError):  # another process was faster
            folder.mkdir(mode=0o700)


def _check_above(folder: Path) -> None:
    """Others cannot exchange what lies in this folder."""
    info = folder.stat()
    if not stat.S_ISDIR(info.st_mode):
        raise UnsafeFolderError(f"{str(folder)!r} is no folder")
    if not hasattr(os, "getuid"):
        return
    # Where users are mapped (containers), root appears as the owner of "/".
    if info.st_uid not in (os.getuid(), 0, os.stat("/").st_uid):
        raise UnsafeFolderError(f"the folder {str(folder)!r} belongs to another user")
    if info.st_mode & _OTHERS_WRITE and not info.st_mode & stat.S_ISVTX:
        raise UnsafeFolderError(f"others can write the folder {str(folder)!r} (chmod go-w changes it)")


def _check_own(folder: Path, empty: bool) -> None:
    """A folder of this user alone; what others may have put there is removed."""
    info = folder.lstat()
    if stat.S_ISLNK(info.st_mode):
        raise UnsafeFolderError(f"{str(folder)!r} is a link")
    if not stat.S_ISDIR(info.st_mode):
        raise UnsafeFolderError(f"{str(folder)!r} is no folder")
    if not hasattr(os, "getuid"):
        return
    if info.st_uid != os.getuid():
        raise UnsafeFolderError(f"the folder {str(folder)!r} belongs to another user")
    if info.st_mode & 0o077:
        folder.chmod(0o700)
        if folder.lstat().st_mode & _OTHERS_WRITE:
            raise UnsafeFolderError(f"others can write {str(folder)!r}, and that cannot be changed")
        if empty and info.st_mode & _OTHERS_WRITE:
            for path in folder.iterdir():
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            log.warning("others could write the folder %r: it was emptied and closed to them", str(folder))


def stored() -> list[Path]:
    """The folders of compiled kernels, of this and of other versions."""
    try:
        return sorted(f for f in base_dir().iterdir() if _NAME.fullmatch(f.name) and not f.is_symlink())
    except (OSError, UnsafeFolderError):
        return []


class KernelCache(caching.FunctionCache):
    """numba's cache of one kernel, for which a file or folder in trouble is a message and no error."""

    def __init__(self, function: Callable[..., Any]) -> None:
        # Nothing of the parent's: its files are looked for on first use, so that an import reads no disk.
        self._py_func, self._name = function, repr(function)
        self.enable()

    @cached_property
    def _cache_file(self) -> Any:
        return None if self._cache_path is None else _Files(self._cache_path, self._impl)

    @cached_property
    def _cache_path(self) -> str | None:
        folder = cache_dir()
        source = Path(self._py_func.__code__.co_filename)
        if folder is None or not source.is_file():
            return None
        part = hashlib.sha1(str(source.parent.absolute()).encode(), usedforsecurity=False).hexdigest()
        return os.path.join(folder, f"{source.parent.name}_{part}")

    @cached_property
    def _impl(self) -> Any:
        return _Results(self._py_func)

    def is_stored(self) -> bool:
        """Whether the folder has something of this kernel, which may be out of date."""
        return self._cache_file is not None and os.path.exists(self._cache_file._index_path)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        if self._cache_file is None:
            return None
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # whatever unpickling damaged bytes may raise
            _warn_once("the cache of compiled kernels is damaged and is replaced (%s)", error)
            self._cache_file.discard()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        if self._cache_file is None:
            return
        try:
            super().save_overload(sig, data)
        except Exception as error:
            _warn_once("compiled kernels cannot be kept in %r (%s)", self._cache_path, error)

    def flush(self) -> None:
        if self._cache_file is not None:
            self._cache_file.discard()


class _Results(caching.CompileResultCacheImpl):
    """How numba turns results into data; the place is ours alone."""

    def __init__(self, function: Callable[..., Any]) -> None:
        code = function.__code__
        self._locator, self._lineno = _Place(code.co_filename), code.co_firstlineno
        name = f"{Path(code.co_filename).stem}.{function.__qualname__}-{self._lineno}"
        python = "py{}{}".format(*sys.version_info)
        self._filename_base = re.sub(r"[^\w.-]", "", f"{name}.{python}")


class _Place:
    """What numba asks of a locator."""

    def __init__(self, file: str) -> None:
        self._py_file = file

    def ensure_cache_path(self) -> None:
        """Made when a file is written."""


class _Files(caching.IndexDataCacheFile):
    """Index and data files, each behind the digest of its bytes."""

    def __init__(self, folder: str, impl: _Results) -> None:
        stamp = hashlib.sha256(Path(impl._locator._py_file).read_bytes()).hexdigest()
        super().__init__(folder, impl.filename_base, stamp)

    def discard(self) -> None:
        """Forget what is stored; the next save starts afresh."""
        with suppress(OSError):
            Path(self._index_path).unlink(missing_ok=True)

    # Two processes that begin with an empty index both call their first file "1": each says what it holds,
    # or one signature would run the machine code of another. The loser of the race is compiled again.
    def save(self, key: Any, data: Any) -> None:
        super().save(key, (key, self._source_stamp, data))

    def load(self, key: Any) -> Any:
        found = super().load(key)
        return found[2] if found is not None and found[:2] == (key, self._source_stamp) else None

    def _load_index(self) -> dict[Any, str]:
        try:
            version, stamp, overloads = self._read(self._index_path)
        except FileNotFoundError:
            return {}
        return overloads if (version, stamp) == (self._version, self._source_stamp) else {}

    def _save_index(self, overloads: dict[Any, str]) -> None:
        self._write(self._index_path, (self._version, self._source_stamp, overloads))

    def _load_data(self, name: str) -> Any:
        return self._read(self._data_path(name))

    def _save_data(self, name: str, data: Any) -> None:
        self._write(self._data_path(name), data)

    def _read(self, path: str) -> Any:
        with open(path, "rb") as file:
            info = os.fstat(file.fileno())
            if hasattr(os, "getuid") and (info.st_uid != os.getuid() or info.st_mode & _OTHERS_WRITE):
                raise ValueError(f"others can write {path!r}")
            content = file.read()
        if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
            raise ValueError(f"damaged: {path!r}")
        return pickle.loads(content[_DIGEST:])

    def _write(self, path: str, data: Any) -> None:
        os.makedirs(self._cache_path, mode=0o700, exist_ok=True)
        content = self._dump(data)
        with atomic_write(path) as temporary:
            temporary.write_bytes(hashlib.sha256(content).digest() + content)
            temporary.chmod(0o600)


_said: set[str] = set()


def _warn_once(message: str, *args: Any) -> None:
    """One line per process and kind of trouble, not one per kernel."""
    if message not in _said:
        _said.add(message)
        log.warning(message, *args)
