"""The store's file: one SQLite database, opened, checked, locked and written in batches.

Rollback journal with synchronous=FULL: a transaction is on the disk or it never was, after kill -9 and
after a power cut, and between transactions the store is one file that can be copied. (A write-ahead
log would leave committed rows in a second file and does not work on network drives; its speed is not
needed for one commit a second.) The writer's lock is SQLite's own, held on an empty file beside the
store: it vanishes with its process and leaves readers alone.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import sqlite3
import warnings
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any

import numpy as np

from .. import __version__
from .dataset import Row
from .encode import decode, intact
from .execute import Outcome
from .plan import Plan, Point

COMMIT_SECONDS = 1.0
BUFFER_BYTES = 64 * 2**20
SCHEMA = 1
_APPLICATION = 0x5350_4E53  # "SPNS", in the header of the file
_TABLES = f"""
    CREATE TABLE sweeps (key INTEGER PRIMARY KEY, plan TEXT NOT NULL, made TEXT NOT NULL, date TEXT NOT NULL,
        UNIQUE (plan, made));
    CREATE TABLE points (id TEXT PRIMARY KEY, sweep INTEGER NOT NULL REFERENCES sweeps, params TEXT NOT NULL,
        replica INTEGER NOT NULL, seed TEXT NOT NULL, result BLOB, error TEXT, seconds REAL NOT NULL);
    PRAGMA application_id = {_APPLICATION};
    PRAGMA user_version = {SCHEMA};
"""


def store_path(path: str | os.PathLike[str]) -> Path:
    """The store's file: .sqlite is added to a name without suffix."""
    path = Path(path)
    return path if path.suffix else path.with_suffix(".sqlite")


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to an existing store."""
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "there is no such store", str(path))
    with named_errors(path), closing(_connect(path, "rw")) as db:
        _check(db, path)
        yield db


class Writer:
    """The one process that writes a store (None: a store in memory)."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._rows: list[tuple[Any, ...]] = []
        self._bytes = 0
        self._flushed = -COMMIT_SECONDS

    def __enter__(self) -> Writer:
        if self.path is None:
            self.db = _connect(None, "")
            self.db.executescript(f"BEGIN; {_TABLES} COMMIT;")
            return self
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(
                error.errno, f"no folder for the store ({error.strerror})", str(self.path)
            ) from error
        with named_errors(self.path):
            lock = Path(f"{self.path}.lock")
            self._lock = _connect(lock, "rwc", timeout=0)
            try:
                self._lock.execute("BEGIN EXCLUSIVE")
                self.db = _connect(self.path, "rwc")
                if self.db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
                    self.db.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")
                _check(self.db, self.path)
                if (report := self.db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                    raise sqlite3.DatabaseError(report)
            except BaseException:
                self._lock.close()
                raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, traceback: TracebackType | None) -> None:
        try:
            self.flush()
        finally:
            self.db.close()
            if self.path is not None:
                self._lock.close()

    def add(self, plan: Plan, computes: bool) -> tuple[int, dict[str, str]]:
        """Key and origin of this plan; a new entry where other software ``computes`` points for it."""
        text = plan.to_json()
        here = {"spinlab": __version__, "python": platform.python_version(), "numpy": np.__version__}
        made = json.dumps(here | {"platform": platform.platform()})
        query = "SELECT key, made, date FROM sweeps WHERE plan = ? {} ORDER BY key DESC"
        with named_errors(self.path):
            found = self.db.execute(query.format(""), (text,)).fetchone()
            if computes or not found:
                row = (text, made, datetime.now(UTC).isoformat(timespec="seconds"))
                self.db.execute("INSERT OR IGNORE INTO sweeps (plan, made, date) VALUES (?, ?, ?)", row)
                found = self.db.execute(query.format("AND made = ?"), (text, made)).fetchone()
        return found[0], origin(*found[1:])

    def save(self, sweep: int, point: Point, outcome: Outcome) -> None:
        """Keep one outcome; committed within a second of work."""
        self._rows.append((point.id, sweep, point.text, point.replica, str(point.seed), *outcome))
        self._bytes += len(outcome.result or "")
        if monotonic() > self._flushed + COMMIT_SECONDS or self._bytes > BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Commit what was saved."""
        rows, self._rows, self._bytes = self._rows, [], 0
        if not rows:
            return
        with named_errors(self.path):
            try:
                self.db.execute("BEGIN IMMEDIATE")
                self.db.executemany("INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
                self.db.execute("COMMIT")
            except BaseException as error:
                with suppress(sqlite3.Error):
                    self.db.execute("ROLLBACK")
                if isinstance(error, KeyboardInterrupt):
                    self._rows = rows  # saved on leaving
                raise
        self._flushed = monotonic()


def origin(made: str, date: str) -> dict[str, str]:
    """Software, machine and date as attributes of a Dataset."""
    return json.loads(made) | {"date": date}


def look_up(
    db: sqlite3.Connection, points: Iterable[Point]
) -> Iterator[tuple[Point, bytes | None, str | None]]:
    """Every point with its result and its error, both None where the store has neither."""
    points = iter(points)
    while batch := list(islice(points, 500)):
        marks = ",".join("?" * len(batch))
        query = f"SELECT id, result, error FROM points WHERE id IN ({marks})"
        found = {row[0]: row[1:] for row in db.execute(query, [point.id for point in batch])}
        for point in batch:
            yield (point, *found.get(point.id, (None, None)))


def read(db: sqlite3.Connection, plan: Plan) -> Iterator[Row]:
    """The plan's points with their results; a damaged one is named and counts as missing."""
    for point, blob, error in look_up(db, plan.points()):
        if blob is not None and not intact(blob):
            warnings.warn(
                f"the result of point {point.id} ({point.text}, replica {point.replica}) is damaged and "
                "counts as missing; run the sweep again to compute it afresh",
                RuntimeWarning,
                stacklevel=2,
            )
            blob = None
        yield point, None if blob is None else decode(blob), error


def _connect(path: Path | None, mode: str, timeout: float = 60) -> sqlite3.Connection:
    if path is None:
        return sqlite3.connect(":memory:", isolation_level=None)
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None)
    db.execute("PRAGMA synchronous = FULL")
    return db


def _check(db: sqlite3.Connection, path: Path) -> None:
    application, schema = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    )
    if application != _APPLICATION:
        raise ValueError(f"{str(path)!r} is an SQLite file but no sweep store; choose another name")
    if schema != SCHEMA:
        raise ValueError(
            f"{str(path)!r} has layout {schema}, this version of spinlab knows {SCHEMA}: "
            "use the version that wrote it, or another store"
        )


@contextmanager
def named_errors(path: Path | None) -> Iterator[None]:
    """SQLite's errors as errors that name the file and say what to do."""
    try:
        yield
    except sqlite3.Error as error:
        code, name = getattr(error, "sqlite_errorcode", 0) & 0xFF, str(path or "the store in memory")
        kind, number, text = _ERRORS.get(code, (ValueError, 0, ""))
        if kind is ValueError:
            raise ValueError(
                f"{name!r} is no sweep store, or damaged ({error}); nothing in it was changed. Save what is "
                f"left of a store by the sqlite3 program (`sqlite3 {name} .recover | sqlite3 new.sqlite`), "
                "or move the file away, or choose another name"
            ) from error
        raise kind(number, f"{text} ({error})", name) from error


_LOCKED = "another process is writing this store: wait for it, or give each its own store and merge them"
_INTACT = "what was saved before is intact, run again to resume"
_ERRORS: dict[int, tuple[type[Exception], int, str]] = {
    sqlite3.SQLITE_FULL: (OSError, errno.ENOSPC, f"the disk is full: make room; {_INTACT}"),
    sqlite3.SQLITE_IOERR: (OSError, errno.EIO, f"the disk is full or failing: make room; {_INTACT}"),
    sqlite3.SQLITE_READONLY: (PermissionError, errno.EACCES, "the store is read-only: check its permissions"),
    sqlite3.SQLITE_CANTOPEN: (PermissionError, errno.EACCES, "the store cannot be opened: check the folder"),
    sqlite3.SQLITE_PERM: (PermissionError, errno.EACCES, "the store cannot be opened: check its permissions"),
    sqlite3.SQLITE_BUSY: (BlockingIOError, errno.EAGAIN, _LOCKED),
}
