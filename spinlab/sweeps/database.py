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
import secrets
import sqlite3
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
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
from .identity import CODE
from .naming import named_errors
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
_COLUMNS = {
    "sweeps": ["key", "plan", "made", "date"],
    "points": ["id", "sweep", "params", "replica", "seed", "result", "error", "seconds"],
}


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
        self._process = os.getpid()
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
        with named_errors(self.path), ExitStack() as opened:
            lock = Path(f"{os.path.realpath(self.path)}.lock")  # one for all links to the store
            self._lock = opened.enter_context(closing(_connect(lock, "rwc", timeout=0)))
            self._lock.execute("BEGIN EXCLUSIVE")
            self.db = opened.enter_context(closing(_connect(self.path, "rwc")))
            if self.db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
                self.db.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")
            _check(self.db, self.path)
            check_pages(self.db)
            opened.pop_all()  # from here on __exit__ closes them
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, traceback: TracebackType | None) -> None:
        try:
            self.flush()
        finally:
            self.db.close()
            if self.path is not None:
                self._lock.close()

    def add(self, plan: Plan, computes: bool, code: str | None = None) -> tuple[int, dict[str, str]]:
        """Key and origin of this plan; a new entry where other software ``computes`` points for it."""
        text = plan.to_json()
        here = {"spinlab": __version__, "python": platform.python_version(), "numpy": np.__version__}
        here |= {"platform": platform.platform()} | ({} if code is None else {CODE: code})
        made = json.dumps(here)
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
        if not rows or os.getpid() != self._process:  # a copy by os.fork() has nothing to write
            return
        with named_errors(self.path):
            try:
                _insert(self.db, rows)
            except KeyboardInterrupt:
                self._rows = rows  # saved on leaving
                raise
            except sqlite3.OperationalError as error:
                if self.path is None or not _is_lost(error, self.path):
                    raise
                raise _rescue(self.db, self.path, rows) from error
        self._flushed = monotonic()


def _insert(db: sqlite3.Connection, rows: list[tuple[Any, ...]]) -> None:
    try:
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise


def _is_lost(error: sqlite3.Error, path: Path) -> bool:
    """Whether the file, or its folder, is no longer where it was opened."""
    moved = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_READONLY_DBMOVED
    return moved or not path.exists()


def _rescue(db: sqlite3.Connection, path: Path, rows: list[tuple[Any, ...]]) -> OSError:
    """Everything that the lost store held into a new file; the error that says where."""
    folder = path.parent if path.parent.is_dir() else Path(tempfile.gettempdir())
    rescued = folder / f"{path.stem}.rescued-{secrets.token_hex(4)}{path.suffix}"
    try:
        with closing(sqlite3.connect(rescued, isolation_level=None)) as copy:
            db.backup(copy)
            _insert(copy, rows)
    except sqlite3.Error as error:
        return OSError(
            errno.ENOENT,
            f"the store was removed or replaced while this process wrote it ({error})",
            str(path),
        )
    return OSError(
        errno.ENOENT,
        "the store was removed or replaced while this process wrote it; all that it held, and what came "
        f"since, is in {str(rescued)!r} (`spinlab sweep merge` puts stores together)",
        str(path),
    )


def check_pages(db: sqlite3.Connection) -> None:
    """An error where the pages of the file do not fit together."""
    if (report := db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise sqlite3.DatabaseError(report)


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


def read(db: sqlite3.Connection, plan: Plan, places: Iterable[int] | None = None) -> Iterator[Row]:
    """The plan's points with their results; a damaged one is named and counts as missing."""
    for point, blob, error in look_up(db, plan.points(places)):
        result = None
        if blob is not None and intact(blob):
            with suppress(ValueError, TypeError, KeyError, RecursionError, OverflowError):
                result = decode(blob)
        if blob is not None and (result is None or not result.keys().isdisjoint({*point.params, "replica"})):
            result = None
            warnings.warn(
                f"the result of point {point.id} ({point.text}, replica {point.replica}) is damaged and "
                "counts as missing; run the sweep again to compute it afresh",
                RuntimeWarning,
                stacklevel=2,
            )
        yield point, result, error if error is None or isinstance(error, str) else repr(error)


def _connect(path: Path | None, mode: str, timeout: float = 60) -> sqlite3.Connection:
    if path is None:
        return sqlite3.connect(":memory:", isolation_level=None)
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None)
    try:
        db.execute("PRAGMA synchronous = FULL")
    except BaseException:  # no database
        db.close()
        raise
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
    db.execute("PRAGMA trusted_schema = OFF")
    for table, columns in _COLUMNS.items():
        found = [row[1] for row in db.execute(f"PRAGMA table_xinfo({table})")]
        kind = db.execute(
            "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)
        ).fetchone()
        triggers = db.execute("SELECT 1 FROM sqlite_master WHERE type = 'trigger'").fetchone()
        if found != columns or kind is None or not kind[0].startswith("CREATE TABLE") or triggers:
            raise ValueError(
                f"{str(path)!r} is no sweep store, or damaged: its table {table!r} is not spinlab's; "
                "choose another name"
            )
