"""What can still be read of a damaged store, row by row, into a new one."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from .database import Writer
from .encode import decode, intact
from .naming import named_errors
from .plan import Plan

_GIVE_UP = 100_000  # rows in a row that cannot be read
_SWEEPS = ("key", "plan", "made", "date")
_POINTS = ("id", "sweep", "params", "replica", "seed", "result", "error", "seconds")


def salvage(damaged: Path, new: Path) -> dict[str, int]:
    """Copy the rows that can be read and make sense; the damaged file is opened for reading only."""
    if not damaged.is_file():
        raise FileNotFoundError(errno.ENOENT, "there is no such store", str(damaged))
    if new.exists():
        raise FileExistsError(errno.EEXIST, "there is a file already; name a new one", str(new))
    counts = {"sweeps": 0, "points": 0, "damaged": 0}
    uri = f"{damaged.absolute().as_uri()}?mode=ro"
    with (
        Writer(new) as writer,
        named_errors(new),
        closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as old,
    ):
        old.execute("PRAGMA writable_schema = ON")  # reads on where the file is shorter than it says
        with named_errors(damaged):
            old.execute("SELECT count(*) FROM sqlite_master").fetchone()
        writer.db.execute("BEGIN")
        keys = set()
        for row in _rows(old, "sweeps", _SWEEPS):
            if _is_sweep(row):
                writer.db.execute("INSERT OR IGNORE INTO sweeps VALUES (?, ?, ?, ?)", row)
                keys.add(row[0])
        for row in _rows(old, "points", _POINTS):
            if _is_point(row):  # also of a sweep whose plan is lost: running it again finds them
                writer.db.execute("INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
                counts["points"] += 1
            else:
                counts["damaged"] += 1
        writer.db.execute("COMMIT")
    return counts | {"sweeps": len(keys)}


def _rows(db: sqlite3.Connection, table: str, columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """The rows that can be read, in the order of their numbers."""
    select = f"SELECT rowid, {', '.join(columns)} FROM {table} NOT INDEXED"
    last, lost = 0, 0
    while lost < _GIVE_UP:
        try:  # on from the last one, until a damaged page
            for number, *row in db.execute(f"{select} WHERE rowid > ? ORDER BY rowid", (last,)):
                last, lost = number, 0
                yield tuple(row)
            return
        except sqlite3.DatabaseError:
            last, lost = last + 1, lost + 1
        while lost < _GIVE_UP:  # over it, one number at a time
            try:
                found = db.execute(f"{select} WHERE rowid = ?", (last,)).fetchone()
            except sqlite3.DatabaseError:
                found = None
            if found is not None:
                lost = 0
                yield tuple(found[1:])
                break
            last, lost = last + 1, lost + 1


def _is_sweep(row: tuple[Any, ...]) -> bool:
    try:
        Plan.from_json(row[1])
    except (ValueError, TypeError):
        return False
    return isinstance(row[2], str) and isinstance(row[3], str)


def _is_point(row: tuple[Any, ...]) -> bool:
    name, _, params, replica, seed, result, error, seconds = row
    if not (isinstance(name, str) and isinstance(params, str) and isinstance(replica, int)):
        return False
    if not (isinstance(seed, str) and seed.isdecimal() and isinstance(seconds, float)):
        return False
    if error is not None:
        return isinstance(error, str) and result is None
    if not intact(result):
        return False
    try:
        decode(result)
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return False
    return True
