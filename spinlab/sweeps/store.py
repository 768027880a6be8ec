"""Look at a store, export it, merge others into it, compute its failed points again."""

from __future__ import annotations

import importlib
import json
import operator
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._core.messages import log
from .._core.progress import new_bar
from .._core.signals import interrupts_end, terminated_as_interrupted
from .._core.validate import as_count
from . import dataset
from .database import Writer, check_pages, origin, read, reading
from .encode import intact
from .execute import execute
from .fingerprint import fingerprint
from .identity import CODE, names, plans, rename, settle, strangers
from .naming import named_errors, store_path
from .plan import Plan, Point, count_points, read_value, unite
from .salvage import salvage
from .work import Work, as_work

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr


_LARGE = 10**7  # points that take minutes to look for


class Store:
    """The results of sweeps in one SQLite file.

    Reading is safe at any time, also while a sweep writes.

    Parameters
    ----------
    path : str or path
        File of an existing store; .sqlite is added to a name without suffix.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file is no store, damaged, or of another layout.

    Examples
    --------
    >>> from spinlab.sweeps import Store
    >>> Store("squares").status()["done"]  # doctest: +SKIP
    2
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = store_path(path)
        with reading(self.path):
            pass

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    def status(self) -> dict[str, Any]:
        """How far the sweeps are.

        Returns
        -------
        dict
            ``points`` asked for, ``done``, ``failed``, ``missing``, compute ``seconds``, and ``sweeps``: for
            each family of sweeps (one function, version, seed, pairing and set of parameters) the same
            numbers with ``function``, ``version``, ``seed``, ``replicas``, ``axes`` and ``fixed``.
        """
        with reading(self.path) as db:
            families, now = _families(db, self.path), names(db)
            query = "SELECT sweep, count(*), count(error), total(seconds) FROM points GROUP BY sweep"
            counts = {key: numbers for key, *numbers in db.execute(query)}
        sweeps, empty = [], (0, 0, 0.0)
        for family in families:
            plan = unite(list(family.values()))
            rows, failed, seconds = (sum(counts.get(key, empty)[i] for key in family) for i in range(3))
            asked = count_points(list(family.values()))
            numbers = {"points": asked, "done": rows - failed, "failed": failed, "missing": asked - rows}
            shown = {name: getattr(plan, name) for name in ("version", "seed", "replicas", "axes", "fixed")}
            shown = {"function": now.get(plan.function, plan.function)} | shown
            sweeps.append(shown | numbers | {"seconds": seconds})
        total = {
            name: sum(s[name] for s in sweeps) for name in ("points", "done", "failed", "missing", "seconds")
        }
        return total | {"sweeps": sweeps}

    def errors(self) -> list[dict[str, Any]]:
        """The failed points: ``id``, ``params``, ``replica``, ``seed`` and the text of the ``error``."""
        with reading(self.path) as db:
            return [
                {"id": p.id, "params": p.params, "replica": p.replica, "seed": p.seed, "error": error}
                for _, p, error in _failed(db, self.path)
            ]

    def to_xarray(self, sweep: int | None = None, seeds: bool = False) -> xr.Dataset:
        """Results on the union of the grids, NaN where a point is missing or failed.

        Parameters
        ----------
        sweep : int, optional
            Which one, counted from 0 in ``status()["sweeps"]``; needed where the store holds several.
        seeds : bool
            Add the variable ``point_seed`` (text).
        """
        with reading(self.path) as db:
            plan, made = _selected(db, self.path, sweep)
            return dataset.to_xarray(plan, read(db, plan), made, seeds)

    def export(self, path: str | os.PathLike[str], sweep: int | None = None) -> None:
        """Write the results to a file, by its suffix.

        ``.nc``: netCDF of :meth:`to_xarray`. ``.csv``: one line per point, variable and element, with the
        columns of the axes, ``replica``, ``variable``, ``element`` (indices, blank for a number) and
        ``value``; booleans are 1 and 0, missing results are left out, labels of an axis that mixes types
        are JSON.

        Raises
        ------
        ValueError
            Something that the format would change or confuse, by its name: an axis called as a column of the
            CSV, text with a NUL in netCDF.
        """
        suffix = os.path.splitext(path)[1]
        if suffix == ".nc":
            dataset.to_netcdf(self.to_xarray(sweep), path)
        elif suffix == ".csv":
            with reading(self.path) as db:
                plan, _ = _selected(db, self.path, sweep)
                dataset.to_csv(plan, read(db, plan), path)
        else:
            raise ValueError(f"cannot tell the format of {os.fspath(path)!r}; known suffixes: .nc, .csv")

    def merge(self, *others: str | os.PathLike[str] | Store, changed: str | None = None) -> None:
        """Take over the points of other stores; all of one store or, on a conflict, none of it.

        Points that are in both with the same bits stay as they are; results take the place of failures
        and of damaged results.

        Parameters
        ----------
        others : str, path or Store
            The stores to read.
        changed : {None, "keep"}
            "keep" takes points of one sweep together although the source of their function differs.

        Raises
        ------
        ValueError
            A point has different results in two stores, which are named: its function changed without a
            new ``version``, or depends on more than its seed and parameters. Or the functions differ. Stores
            before that one are merged.
        """
        if changed not in (None, "keep"):
            raise ValueError(f'changed must be None or "keep", got {changed!r}')
        stores = [other if isinstance(other, Store) else Store(other) for other in others]
        paths = [other.path for other in stores if not other.path.samefile(self.path)]
        with Writer(self.path) as writer, named_errors(self.path):
            for n, path in enumerate(paths):
                if changed is None:
                    _check_functions(writer.db, self.path, path)
                _merge(writer.db, self.path, path, paths[:n])

    def retry(
        self,
        executor: Any = None,
        progress: bool | None = True,
        chunk: int | None = None,
        *,
        changed: str | None = None,
        seconds: float | None = None,
        timeout: float | None = None,
        fail_fast: bool = False,
    ) -> int:
        """Compute the failed points again; returns how many fail still.

        The point function is imported by the name in the store, so do this only with stores you trust.
        Parameters as in :meth:`Sweep.run`; where the function was mended since, ``changed="keep"`` keeps the
        results that it gave before.
        """
        work = as_work(executor, progress, chunk, False, changed, seconds, timeout, fail_fast)
        with (
            Writer(self.path) as writer,
            named_errors(self.path),
            terminated_as_interrupted(),
            interrupts_end(),
        ):
            failed = [(key, point) for key, point, _ in _failed(writer.db, self.path)]
            known = {key: plan for key, plan, _ in plans(writer.db, self.path)}
            now = names(writer.db)
            for key, group in groupby(failed, key=lambda entry: entry[0]):
                plan = known[key]
                function = _import(now.get(plan.function, plan.function), self.path)
                code = fingerprint(function)
                settle(writer.db, self.path, plan, code, changed)
                points = [point for _, point in group]
                new, _ = writer.add(plan, computes=True, code=code)
                fill(writer, new, function, iter(points), len(points), work)
            writer.flush()
            return int(writer.db.execute("SELECT count(error) FROM points").fetchone()[0])

    def relabel(self, old: str, new: str) -> None:
        """Tell the store that a function was renamed or moved: ``new`` finds the points of ``old``.

        Names as in :meth:`status`, ``module:function``. Points keep their seeds, and so do points to come,
        which are derived from the first name: a replica stays the same instance along ``pair_over``.

        Raises
        ------
        ValueError
            The store has no points of ``old``, or has some of ``new``.

        Examples
        --------
        >>> import tempfile
        >>> from spinlab.sweeps import Store, Sweep
        >>> def point(x, rng):
        ...     return {"y": x * x}
        >>> store = tempfile.mkdtemp() + "/squares"
        >>> _ = Sweep(point, axes={"x": [1, 2]}, name="cubes").run(store)
        >>> Store(store).relabel("cubes", "squares")
        >>> Store(store).status()["sweeps"][0]["function"]
        'squares'
        """
        with Writer(self.path) as writer, named_errors(self.path):
            now = names(writer.db)
            known = {now.get(plan.function, plan.function) for _, plan, _ in plans(writer.db, self.path)}
            if old not in known:
                raise ValueError(f"{str(self.path)!r} has no points of {old!r}; it has {sorted(known)}")
            if new in known or not isinstance(new, str) or not new:
                raise ValueError(f"the new name must be one that the store does not have, got {new!r}")
            rename(writer.db, old, new)

    @staticmethod
    def salvage(damaged: str | os.PathLike[str], new: str | os.PathLike[str]) -> dict[str, int]:
        """Copy what can still be read of a damaged store into a new one; the damaged file is not changed.

        Returns
        -------
        dict
            How many ``sweeps`` and ``points`` were saved, and how many points were read but ``damaged``.
            Points that cannot be reached at all are not counted. Run the sweep into the new store: it finds
            what was saved, also where the plan of the sweep was lost, and computes the rest.
        """
        return salvage(store_path(damaged), store_path(new))


def fill(
    writer: Writer,
    sweep: int,
    function: Callable[..., Any],
    points: Iterator[Point],
    total: int,
    work: Work,
) -> None:
    """Compute points and save them as they finish."""
    if not total:
        return
    done = failed = 0
    options = {"unit": "point", "delay": 1, "mininterval": 0.5, "miniters": 0, "disable": not work.progress}
    with (
        new_bar(total=total, **options) as bar,
        closing(execute(function, points, work)) as finished,
    ):
        for item in finished:
            if item is None:
                writer.flush()
                bar.update(0)
                continue
            point, outcome = item
            writer.save(sweep, point, outcome)
            done += 1
            if outcome.error is not None:
                failed += 1
                bar.set_postfix_str(f"{failed} failed", refresh=False)
                if work.fail_fast:
                    raise RuntimeError(
                        f"stopped at the first failure, {point.text}, replica {point.replica}:\n"
                        f"{outcome.error}"
                    )
            bar.update()
    if done < total:
        log.info("time is over: %d of %d points computed, run again to go on", done, total)


def _families(db: sqlite3.Connection, path: Path) -> list[dict[int, Plan]]:
    families: dict[Any, dict[int, Plan]] = {}
    for key, plan, _ in plans(db, path):
        families.setdefault(plan.family, {})[key] = plan
    return list(families.values())


def _selected(db: sqlite3.Connection, path: Path, sweep: int | None) -> tuple[Plan, dict[str, str]]:
    """The union of one family, and how its last sweep was made."""
    families = _families(db, path)
    if not families:
        raise ValueError(f"{str(path)!r} holds no sweep yet")
    if sweep is None and len(families) > 1:
        raise ValueError(
            f"{str(path)!r} holds {len(families)} sweeps that share no grid; choose one by its number, "
            f"sweep=0 to {len(families) - 1} (see Store.status or `spinlab sweep status`)"
        )
    sweep = as_count(sweep or 0, "sweep", minimum=0)
    if sweep >= len(families):
        raise ValueError(f"there is no sweep {sweep} in {str(path)!r}; it holds 0 to {len(families) - 1}")
    family = families[sweep]
    made, date = db.execute("SELECT made, date FROM sweeps WHERE key = ?", (max(family),)).fetchone()
    union = unite(list(family.values()))
    try:
        union.checked()
    except ValueError as error:
        raise ValueError(f"the grids of sweep {sweep} in {str(path)!r} together are {error}") from None
    marks = ",".join("?" * len(family))
    rows = db.execute(f"SELECT count(*) FROM points WHERE sweep IN ({marks})", list(family)).fetchone()[0]
    if len(union) > _LARGE and rows < len(union) // 1000:
        raise ValueError(
            f"sweep {sweep} in {str(path)!r} asks for {len(union)} points and has {rows}: too few to lay "
            "them out on the grid, or the file is damaged"
        )
    return union, origin(made, date)


def _failed(db: sqlite3.Connection, path: Path) -> Iterator[tuple[int, Point, str]]:
    query = """SELECT sweep, id, params, replica, seed, error FROM points WHERE error IS NOT NULL
        ORDER BY sweep, params, replica"""
    for key, name, text, replica, seed, error in db.execute(query):
        try:
            params = {parameter: read_value(value) for parameter, value in json.loads(text).items()}
            yield key, Point(name, params, replica, int(seed), text), str(error)
        except (ValueError, TypeError, AttributeError, RecursionError) as problem:
            raise ValueError(
                f"{str(path)!r} is damaged: point {name!r} has no parameters or seed ({problem}); `spinlab "
                f"sweep salvage {path} NEW` saves the rest"
            ) from problem


def _import(name: str, path: Path) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    try:
        return operator.attrgetter(function)(importlib.import_module(module))
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"the points of {str(path)!r} are computed by {name!r}, which cannot be imported here ({error}); "
            "start from the folder of its module, tell a new name by Store.relabel, or call Sweep.run(..., "
            "retry=True) where the function is"
        ) from error


def _check_functions(db: sqlite3.Connection, path: Path, other: Path) -> None:
    """Points of one sweep were computed by one function."""
    with reading(other) as theirs:
        for _, plan, made in plans(theirs, other):
            if strangers(db, path, plan, made.get(CODE)):
                raise ValueError(
                    f"{plan.function} in {str(path)!r} and in {str(other)!r} are different functions: the "
                    "source, or a value that it closes over, differs; nothing of the latter was merged. If "
                    'the results are the same, give changed="keep"; else give one of them another version='
                )


def _merge(db: sqlite3.Connection, path: Path, other: Path, merged: Sequence[Path]) -> None:
    with reading(other) as theirs:
        check_pages(theirs)  # or what is wrong with it would be told of ours
        renamed = names(theirs)
    interrupts: list[BaseException] = []

    def is_intact(blob: bytes) -> bool:
        try:
            return intact(blob)
        except BaseException as error:  # SQLite would say that the store is damaged
            interrupts.append(error)
            raise

    db.create_function("intact", 1, is_intact, deterministic=True)
    db.execute("ATTACH ? AS other", (f"{other.absolute().as_uri()}?mode=rw",))
    try:
        db.execute("BEGIN IMMEDIATE")
        conflict = db.execute(
            """SELECT id, ours.params, ours.replica, ours.result
            FROM main.points ours JOIN other.points theirs USING (id)
            WHERE ours.result != theirs.result AND intact(CAST(ours.result AS BLOB))
                AND intact(CAST(theirs.result AS BLOB)) LIMIT 1"""
        ).fetchone()
        if conflict:
            name, params, replica, ours = conflict
            source = next((store for store in merged if _result(store, name) == ours), path)
            raise ValueError(
                f"point {name} ({params}, replica {replica}) has different results in {str(source)!r} and "
                f"{str(other)!r}; nothing of the latter was merged into {str(path)!r}. Was its function "
                "changed without a new version=?"
            )
        db.execute(
            """INSERT OR IGNORE INTO main.sweeps (plan, made, date)
            SELECT plan, made, date FROM other.sweeps ORDER BY key"""
        )
        db.execute(
            """INSERT OR REPLACE INTO main.points
            SELECT t.id, ours.key, t.params, t.replica, t.seed, t.result, t.error, t.seconds
            FROM other.points t JOIN other.sweeps s ON s.key = t.sweep
            JOIN main.sweeps ours ON ours.plan = s.plan AND ours.made = s.made
            WHERE CASE WHEN t.error IS NULL
                THEN intact(CAST(t.result AS BLOB)) AND NOT EXISTS
                    (SELECT 1 FROM main.points o WHERE o.id = t.id AND intact(CAST(o.result AS BLOB)))
                ELSE NOT EXISTS (SELECT 1 FROM main.points o WHERE o.id = t.id) END"""
        )
        for label, function in renamed.items():
            if label not in names(db):
                rename(db, label, function)
        db.execute("COMMIT")
    except BaseException as error:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        if interrupts:
            raise interrupts[0] from error
        raise
    finally:
        db.execute("DETACH other")


def _result(path: Path, point: str) -> bytes | None:
    with reading(path) as db:
        row = db.execute("SELECT result FROM points WHERE id = ?", (point,)).fetchone()
    return None if row is None else row[0]
