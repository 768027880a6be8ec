"""A function over a grid of parameters, computed once per point and kept."""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._core.messages import log
from .._core.results import shortened
from .._core.signals import interrupts_end, terminated_as_interrupted
from .._core.validate import as_count
from . import dataset, plan
from .database import Writer, look_up, read
from .encode import intact
from .execute import script
from .fingerprint import fingerprint
from .identity import label, plans, settle
from .naming import named_errors, store_path
from .replicas import as_targets, next_replicas, shortfalls
from .store import fill
from .work import Work, as_work

if TYPE_CHECKING:
    import xarray as xr


class Sweep:
    """Replicas of a random experiment at every point of a grid of parameters.

    A point is one call ``point(rng=seed, **params)`` with one value of every axis, the fixed parameters and
    a seed, an integer below 2**128 for ``numpy.random.default_rng``. The seed is a hash of what the point is
    (function, version, parameters, replica, sweep seed), so it does not depend on the rest of the grid, the
    order of the work or the number of workers; equal numbers (1 and 1.0) are one parameter value.

    Parameters
    ----------
    point : function
        Returns a dict of numbers, booleans and arrays by name. Of a module, a script, a notebook, or nested.
    axes : dict of sequences
        Values by parameter name: str, int, float, bool, None or tuples of these.
    replicas : int
        Points per cell of the grid, each with its own seed.
    seed : int
        Seed of the whole sweep.
    pair_over : sequence of str
        Axes left out of the seed: along them all points of a replica get the same seed, so that one random
        instance is followed while, for example, its scale changes.
    fixed : dict
        Further parameters, one value each.
    dims, coords : dict
        Names for the dimensions of array results, ``{"energy": ("chain",)}``, and coordinates along them,
        ``{"chain": range(10)}``. Without: ``energy_dim_0``.
    version : str
        Change it when the function changes its results; old points are then computed afresh.
    name : str, optional
        What the function goes by in seeds and stores; ``module:function`` without. A lambda that is to be
        kept in a store needs one.

    Raises
    ------
    ValueError, TypeError
        An empty axis, a value twice, unknown names in ``pair_over``, a name used twice, a value that is no
        plain number or string, or parameters the function does not take.

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab.sweeps import Sweep
    >>> def point(n, rng):
    ...     return {"mean": np.random.default_rng(rng).normal(size=n).mean()}
    >>> sweep = Sweep(point, axes={"n": [10, 1000]}, replicas=50)
    >>> data = sweep.run()
    >>> dict(data.sizes)
    {'n': 2, 'replica': 50}
    >>> (data["mean"].std("replica") * data.n**0.5).round().values
    array([1., 1.])
    """

    def __init__(
        self,
        point: Callable[..., Mapping[str, Any]],
        axes: Mapping[str, Iterable[Any]],
        *,
        replicas: int = 1,
        seed: int = 0,
        pair_over: Iterable[str] = (),
        fixed: Mapping[str, Any] | None = None,
        dims: Mapping[str, Any] | None = None,
        coords: Mapping[str, Any] | None = None,
        version: str = "1",
        name: str | None = None,
    ) -> None:
        self.point = point
        self._named = name is not None
        checked = plan.as_axes(axes)
        names = plan.as_dims(dims, checked)
        if not isinstance(version, str):
            raise TypeError(f"version must be a string, got {version!r}")
        self.plan = plan.Plan(
            function=_function_name(point) if name is None else _as_name(name, point),
            axes=checked,
            replicas=as_count(replicas, "replicas"),
            seed=as_count(seed, "seed", minimum=0),
            pair_over=plan.as_pair_over(pair_over, checked),
            fixed=plan.as_fixed(fixed, checked),
            dims=names,
            coords=plan.as_coords(coords, names),
            version=version,
        ).checked()
        if hint := plan.near(checked.items()):
            warnings.warn(hint, RuntimeWarning, stacklevel=2)
        self._code = fingerprint(point)
        try:
            inspect.signature(point).bind(rng=0, **dict.fromkeys(self.plan.columns))
        except ValueError:  # a builtin without signature
            pass
        except TypeError as error:
            called = ", ".join(["rng", *self.plan.columns])
            raise TypeError(
                f"{self.plan.function} cannot be called with {called}: {error}; a point takes rng, the "
                "seed of its replica, and every axis"
            ) from None

    def __len__(self) -> int:
        return len(self.plan)

    def __repr__(self) -> str:
        axes = ", ".join(f"{name}: {len(values)}" for name, values in self.plan.axes.items())
        return f"Sweep({self.plan.function}, {shortened(axes, 200)}, replicas: {self.plan.replicas})"

    def points(self) -> Iterator[plan.Point]:
        """Every point with its ``id``, ``params``, ``replica`` and ``seed``, replicas running fastest."""
        return self.plan.points()

    def run(
        self,
        store: str | os.PathLike[str] | None = None,
        executor: Any = None,
        progress: bool | None = True,
        chunk: int | None = None,
        retry: bool = False,
        *,
        changed: str | None = None,
        seconds: float | None = None,
        timeout: float | None = None,
        fail_fast: bool = False,
    ) -> xr.Dataset:
        """Compute what the store does not hold yet; the Dataset of the whole grid.

        The Dataset has the same bits for any executor and chunk, and however often the run was killed.

        Parameters
        ----------
        store : str or path, optional
            File that keeps the points (.sqlite is added to a name without suffix); None keeps them in memory.
            Finished points are committed every second: a process killed at any moment loses the points in
            flight and at most the last second of work.
        executor : int or concurrent.futures.Executor, optional
            None: this process. A number: so many spawned processes, one thread each. Or any executor, such as
            ``client.get_executor()`` of dask.
        progress : bool, optional
            Show rate and time left on stderr when a run takes more than a second; None: in terminals and
            notebooks.
        chunk : int, optional
            Points per task at most; by default as many as take 0.1 s.
        retry : bool
            Compute points again that failed in an earlier run.
        changed : {None, "keep", "redo"}
            What to do with points of the store that another function of this name computed (other source, or
            other values that it closes over; comments and docstrings do not count): None refuses, "keep"
            takes them as they are from now on, "redo" drops them and computes them again.
        seconds : float, optional
            Start no point after this time; those not computed are NaN in the Dataset and its attribute
            ``missing_points`` counts them. Run again to go on.
        timeout : float, optional
            Seconds for one point; one that takes longer is ended and recorded as failed. Points then run one
            by one in worker processes (one where ``executor`` is None).
        fail_fast : bool
            Stop at the first point that fails, with its error.

        Returns
        -------
        xarray.Dataset
            Dimensions: the axes, ``replica``, and those of array results; arrays smaller than the largest are
            filled up with NaN, and results with another number of dimensions than most are a variable of
            their own, ``y_1d``. Failed points are NaN too (integers then become floats), a RuntimeWarning and
            the attributes ``failed_points``, ``first_error`` and ``errors`` (JSON: counts by reason) tell;
            ``Store.errors`` has all of them.

        Raises
        ------
        BlockingIOError
            Another process is writing the store.
        OSError
            The store cannot be written, the disk is full (what was saved before is intact), or the store was
            removed meanwhile (its content is saved beside it).
        ValueError
            The file is no store or is damaged; its points were computed by another function (see
            ``changed``); the function cannot be sent to workers.
        RuntimeError
            Workers cannot start, the given executor broke, or ``fail_fast``; finished points are kept.
        """
        work = as_work(executor, progress, chunk, retry, changed, seconds, timeout, fail_fast)
        path = None if store is None else store_path(store)
        with self._opened(path, work) as (writer, own):
            made = self._complete(writer, own, range(len(own)), work)
            data = dataset.to_xarray(own, read(writer.db, own), made)
        return self._told(data, path)

    def run_until(
        self,
        errors: Mapping[str, float],
        store: str | os.PathLike[str] | None = None,
        *,
        max_replicas: int,
        executor: Any = None,
        progress: bool | None = True,
        chunk: int | None = None,
        changed: str | None = None,
        timeout: float | None = None,
    ) -> xr.Dataset:
        """Add replicas, cell by cell, until the standard errors of the means are small enough.

        The standard error of a result in a cell is its standard deviation over the replicas, divided by the
        square root of their number; of an array the largest counts. Every cell starts with ``replicas`` and
        gets more where an error is too large, at most twice as many in a round. What is computed depends on
        results alone, so the bits are the same for every executor. Stopping where an estimate of the error
        happens to be small makes errors too small by some percent below 30 replicas: start with as many.

        Parameters
        ----------
        errors : dict
            The standard error wanted, by name of a result: ``{"energy": 0.01}``.
        max_replicas : int
            No cell gets more.
        store, executor, progress, chunk, changed, timeout
            As in :meth:`run`.

        Returns
        -------
        xarray.Dataset
            As of :meth:`run`, with as many replicas as the largest cell; NaN where a cell needed fewer. The
            attribute ``unreached`` counts the cells whose errors are still too large.

        Raises
        ------
        ValueError
            No errors, one that is not positive, fewer than two replicas, ``max_replicas`` below them, or a
            name that no result has.

        Examples
        --------
        >>> import numpy as np
        >>> from spinlab.sweeps import Sweep
        >>> def point(width, rng):
        ...     return {"y": np.random.default_rng(rng).normal(scale=width)}
        >>> sweep = Sweep(point, axes={"width": [0.1, 1.0]}, replicas=30)
        >>> data = sweep.run_until({"y": 0.1}, max_replicas=1000)
        >>> data["y"].notnull().sum("replica").values > [29, 60]
        array([ True,  True])
        """
        work = as_work(executor, progress, chunk, False, changed, None, timeout, False)
        path = None if store is None else store_path(store)
        targets, start = as_targets(errors), self.plan.replicas
        if start < 2:
            raise ValueError("run_until estimates errors from the replicas; start with at least 2, better 30")
        most = as_count(max_replicas, "max_replicas", minimum=start)
        counts = [start] * (len(self) // start)
        with self._opened(path, work) as (writer, own):
            while True:
                grid = replace(own, replicas=max(counts))
                cells = array("q", (cell for cell, n in enumerate(counts) for _ in range(n)))
                places = array("q", (c * grid.replicas + r for c, n in enumerate(counts) for r in range(n)))
                made = self._complete(writer, grid, places, work)
                short = list(shortfalls(targets, read(writer.db, grid, places), cells))
                grown = [next_replicas(n, ratio, most) for n, ratio in zip(counts, short, strict=True)]
                if grown == counts:
                    break
                counts = grown
            data = dataset.to_xarray(grid, read(writer.db, grid), made)
        unreached = sum(ratio > 1 for ratio in short)
        return self._told(data.assign_attrs(unreached=unreached), path)

    def fill(
        self,
        store: str | os.PathLike[str],
        shard: tuple[int, int] | str | None = None,
        executor: Any = None,
        progress: bool | None = True,
        chunk: int | None = None,
        retry: bool = False,
        *,
        changed: str | None = None,
        seconds: float | None = None,
        timeout: float | None = None,
        fail_fast: bool = False,
    ) -> dict[str, int]:
        """Compute what the store does not hold yet, without reading the results back.

        For a job array: every job fills its shard into a store of its own, and :meth:`Store.merge` puts
        the stores together.

        Parameters
        ----------
        store, executor, progress, chunk, retry, changed, seconds, timeout, fail_fast
            As in :meth:`run`.
        shard : (int, int) or str, optional
            (i, n) or "i/n", 1 <= i <= n: only the points i, i + n, i + 2n, ... of the grid, so that every
            shard holds its part of every cell. None: all of them.

        Returns
        -------
        dict
            ``points`` of the shard, and how many of these are ``done`` and ``failed``.

        Examples
        --------
        >>> import tempfile
        >>> from spinlab.sweeps import Sweep
        >>> def point(x, rng):
        ...     return {"y": x * x}
        >>> sweep = Sweep(point, axes={"x": range(10)})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     sweep.fill(folder + "/part1", shard="1/4")
        {'points': 3, 'done': 3, 'failed': 0}
        """
        work = as_work(executor, progress, chunk, retry, changed, seconds, timeout, fail_fast)
        first, n = plan.as_shard(shard)
        places = range(first, len(self), n)
        done = failed = 0
        with self._opened(store_path(store), work) as (writer, own):
            self._complete(writer, own, places, work)
            for _, blob, error in look_up(writer.db, own.points(places)):
                failed += error is not None
                done += error is None and blob is not None
        return {"points": len(places), "done": done, "failed": failed}

    @contextmanager
    def _opened(self, path: Path | None, work: Work) -> Iterator[tuple[Writer, plan.Plan]]:
        """The open store, and the plan under the name that the store knows the function by."""
        if path is not None and not self._named and self.point.__name__ == "<lambda>":
            raise ValueError(
                "a lambda has no name by which a store could tell it from others; give Sweep(..., name=...)"
            )
        with Writer(path) as writer, named_errors(path), terminated_as_interrupted(), interrupts_end():
            own = replace(self.plan, function=label(writer.db, self.plan.function))
            settle(writer.db, path, own, self._code, work.changed)
            others = [p for _, p, _ in plans(writer.db, path) if p.family == own.family]
            values = ((name, [v for p in (own, *others) for v in p.columns[name]]) for name in own.columns)
            if others and (hint := plan.near(values)):
                warnings.warn(f"{path}: {hint}", RuntimeWarning, stacklevel=4)
            try:
                yield writer, own
            except KeyboardInterrupt:
                kept = f"kept in {path}, run again to resume" if path else "lost, since run() got no store"
                log.warning("interrupted: finished points are %s", kept)
                raise

    def _complete(self, writer: Writer, grid: plan.Plan, places: Sequence[int], work: Work) -> dict[str, str]:
        """Compute what the store lacks at these places of the grid; how the sweep was made."""
        todo = array("q")
        for index, (_, blob, error) in zip(places, look_up(writer.db, grid.points(places)), strict=True):
            if work.retry if error is not None else not intact(blob):
                todo.append(index)
        key, made = writer.add(grid, computes=bool(todo), code=self._code)
        fill(writer, key, self.point, grid.points(todo), len(todo), work)
        writer.flush()
        return made

    def _told(self, data: xr.Dataset, path: Path | None) -> xr.Dataset:
        """The data, after a warning where points failed."""
        if data.failed_points:
            again = "; run(..., retry=True) computes them again, Store.errors() lists them" if path else ""
            warnings.warn(
                f"{data.failed_points} of {data.attrs['points']} points failed{again}. "
                f"First: {data.first_error}",
                RuntimeWarning,
                stacklevel=3,
            )
        return data


def _as_name(name: Any, point: Any) -> str:
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"name must be a text that tells this function from others, got {name!r}")
    if not callable(point):
        raise TypeError(f"point must be a function, got {point!r}")
    return name


def _function_name(point: Any) -> str:
    """``module:qualname``; a script goes by the name it would be imported by."""
    if not callable(point) or not hasattr(point, "__qualname__") or not hasattr(point, "__module__"):
        raise TypeError(
            f"point must be a function, got {point!r}; another callable needs a name, Sweep(..., name=...)"
        )
    module = point.__module__
    if module == "__main__":
        spec, file = getattr(sys.modules["__main__"], "__spec__", None), script()
        module = spec.name if spec else Path(file).stem if file else module
    return f"{module}:{point.__qualname__}"
