"""Whose points a store holds: which function computed them, and under which name they are kept."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from .fingerprint import same
from .naming import named_errors
from .plan import Plan

CODE = "fingerprint"  # of the point function, among what is recorded of a sweep's making
# Made when it is needed: what functions are called now whose points keep the label they had before.
_NAMES = "CREATE TABLE IF NOT EXISTS names (function TEXT PRIMARY KEY, label TEXT NOT NULL)"


def plans(db: sqlite3.Connection, path: Path | None) -> Iterator[tuple[int, Plan, dict[str, str]]]:
    """Key, plan and origin of every sweep; ValueError names the file where one is damaged."""
    for key, text, made in db.execute("SELECT key, plan, made FROM sweeps ORDER BY key"):
        try:
            found = json.loads(made)
            if not isinstance(found, dict):
                raise ValueError("no origin")
            yield key, Plan.from_json(text), found
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(
                f"{str(path)!r} is damaged: the plan of its sweep {key} cannot be read ({error}). "
                f"`spinlab sweep salvage {path} NEW` saves what is left; then move this file away"
            ) from error


def names(db: sqlite3.Connection) -> dict[str, str]:
    """What the functions are called now, by the label of their points, where the two differ."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'names'").fetchone():
        return {}
    return {
        label: function for function, label in db.execute("SELECT function, label FROM names ORDER BY rowid")
    }


def rename(db: sqlite3.Connection, old: str, new: str) -> None:
    """From now on the function ``new`` finds the points of ``old``."""
    db.execute(_NAMES)
    label = {now: label for label, now in names(db).items()}.get(old, old)
    db.execute("DELETE FROM names WHERE label = ?", (label,))
    if new != label:
        db.execute("INSERT INTO names VALUES (?, ?)", (new, label))


def label(db: sqlite3.Connection, function: str) -> str:
    """Under which name the points of this function are kept."""
    return {now: label for label, now in names(db).items()}.get(function, function)


def strangers(
    db: sqlite3.Connection, path: Path | None, plan: Plan, code: str | None
) -> dict[int, dict[str, str]]:
    """Sweeps that share a grid with this plan, but not its function; by key, how each was made."""
    return {
        key: made
        for key, stored, made in plans(db, path)
        if stored.family == plan.family and not same(made.get(CODE), code)
    }


def settle(
    db: sqlite3.Connection, path: Path | None, plan: Plan, code: str | None, changed: str | None
) -> None:
    """See to points of this sweep that another function of the same name computed.

    ``changed``: None refuses, "keep" takes them as this function's own, "redo" drops them.
    """
    with named_errors(path):
        others = strangers(db, path, plan, code)
        counts = dict(db.execute("SELECT sweep, count(*) FROM points GROUP BY sweep")) if others else {}
        n = sum(counts.get(key, 0) for key in others)
        if not n:
            return
        if changed is None:
            raise ValueError(
                f"{str(path)!r} has {n} points of {plan.function} that another function of this name "
                "computed: its source differs, or a value that it closes over. If the results are the same, "
                'give changed="keep"; to drop those points and compute them again, changed="redo"; to have '
                "both side by side, another version= or name="
            )
        db.execute("BEGIN IMMEDIATE")
        if changed == "redo":
            db.executemany("DELETE FROM points WHERE sweep = ?", [(key,) for key in others])
        else:
            _adopt(db, others, code)
        db.execute("COMMIT")


def _adopt(db: sqlite3.Connection, others: dict[int, dict[str, str]], code: str | None) -> None:
    """Record that these sweeps were computed by the function with this fingerprint."""
    for key, found in others.items():
        made = json.dumps(found | {CODE: code})
        if not db.execute("UPDATE OR IGNORE sweeps SET made = ? WHERE key = ?", (made, key)).rowcount:
            query = "SELECT t.key FROM sweeps t JOIN sweeps o USING (plan) WHERE o.key = ? AND t.made = ?"
            (twin,) = db.execute(query, (key, made)).fetchone()
            db.execute("UPDATE points SET sweep = ? WHERE sweep = ?", (twin, key))
