"""A function over a grid of parameters, computed once per point and kept."""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._core.validate import as_count
from . import dataset, plan
from .database import Writer, look_up, named_errors, read, store_path
from .encode import intact
from .store import as_chunk, as_executor, fill

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
        Defined at the top level of a module. Returns a dict of numbers, booleans and arrays by name.
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
    ) -> None:
        self.point = point
        checked = plan.as_axes(axes)
        names = plan.as_dims(dims, checked)
        if not isinstance(version, str):
            raise TypeError(f"version must be a string, got {version!r}")
        self.plan = plan.Plan(
            function=_function_name(point),
            axes=checked,
            replicas=as_count(replicas, "replicas"),
            seed=as_count(seed, "seed", minimum=0),
            pair_over=plan.as_pair_over(pair_over, checked),
            fixed=plan.as_fixed(fixed, checked),
            dims=names,
            coords=plan.as_coords(coords, names),
            version=version,
        )
        try:
            inspect.signature(point).bind(rng=0, **dict.fromkeys(self.plan.columns))
        except TypeError as error:
            called = ", ".join(["rng", *self.plan.columns])
            raise TypeError(f"{self.plan.function} cannot be called with {called}: {error}") from None

    def __len__(self) -> int:
        return len(self.plan)

    def __repr__(self) -> str:
        axes = ", ".join(f"{name}: {len(values)}" for name, values in self.plan.axes.items())
        return f"Sweep({self.plan.function}, {axes}, replicas: {self.plan.replicas})"

    def points(self) -> Iterator[plan.Point]:
        """Every point with its ``id``, ``params``, ``replica`` and ``seed``, replicas running fastest."""
        return self.plan.points()

    def run(
        self,
        store: str | os.PathLike[str] | None = None,
        executor: Any = None,
        progress: bool = True,
        chunk: int | None = None,
        retry: bool = False,
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
        progress : bool
            Show rate and time left on stderr when a run takes more than a second.
        chunk : int, optional
            Points per task at most; by default as many as take 0.1 s.
        retry : bool
            Compute points again that failed in an earlier run.

        Returns
        -------
        xarray.Dataset
            Dimensions: the axes, ``replica``, and those of array results; arrays smaller than the largest are
            filled up with NaN. Failed points are NaN too (integers then become floats), a RuntimeWarning and
            the attributes ``failed_points``, ``first_error`` and ``errors`` (JSON: counts by reason) tell;
            ``Store.errors`` has all of them.

        Raises
        ------
        BlockingIOError
            Another process is writing the store.
        OSError
            The store cannot be written, or the disk is full; what was saved before is intact.
        ValueError
            The file is no store or is damaged, or workers are asked to run a nested function.
        RuntimeError
            Workers cannot start, or the given executor broke; finished points are kept.
        """
        path = None if store is None else store_path(store)
        with self._filled(path, range(len(self)), executor, progress, chunk, retry) as (writer, made):
            data = dataset.to_xarray(self.plan, read(writer.db, self.plan), made)
        if data.failed_points:
            again = (
                ""
                if path is None
                else "; run(..., retry=True) computes them again, Store.errors() lists them"
            )
            warnings.warn(
                f"{data.failed_points} of {len(self)} points failed{again}. First: {data.first_error}",
                RuntimeWarning,
                stacklevel=2,
            )
        return data

    def fill(
        self,
        store: str | os.PathLike[str],
        shard: tuple[int, int] | str | None = None,
        executor: Any = None,
        progress: bool = True,
        chunk: int | None = None,
        retry: bool = False,
    ) -> dict[str, int]:
        """Compute what the store does not hold yet, without reading the results back.

        For a job array: every job fills its shard into a store of its own, and :meth:`Store.merge` puts
        the stores together.

        Parameters
        ----------
        store, executor, progress, chunk, retry
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
        >>> with tempfile.TemporaryDirectory() as folder:  # doctest: +SKIP
        ...     sweep.fill(folder + "/part1", shard="1/4")
        {'points': 3, 'done': 3, 'failed': 0}
        """
        first, n = plan.as_shard(shard)
        places = range(first, len(self), n)
        with self._filled(store_path(store), places, executor, progress, chunk, retry) as (writer, _):
            found = [error for _, _, error in look_up(writer.db, self.plan.points(places))]
        failed = len(found) - found.count(None)
        return {"points": len(places), "done": len(places) - failed, "failed": failed}

    @contextmanager
    def _filled(
        self, path: Path | None, places: range, executor: Any, progress: bool, chunk: int | None, retry: bool
    ) -> Iterator[tuple[Writer, dict[str, str]]]:
        """The open store, with all points at these places of the grid in it."""
        executor, chunk = as_executor(executor), as_chunk(chunk)
        if path is not None or isinstance(executor, int):
            _check_importable(self.point, self.plan.function)
        with Writer(path) as writer, named_errors(path):
            todo = array("q")
            for index, (_, blob, error) in zip(
                places, look_up(writer.db, self.plan.points(places)), strict=True
            ):
                if retry if error is not None else not intact(blob):
                    todo.append(index)
            key, made = writer.add(self.plan, computes=bool(todo))
            try:
                points = self.plan.points(todo)
                fill(writer, key, self.point, points, len(todo), executor, progress, chunk)
                writer.flush()
            except KeyboardInterrupt:
                kept = f"kept in {path}, run again to resume" if path else "lost, since run() got no store"
                print(f"\ninterrupted: finished points are {kept}", file=sys.stderr)
                raise
            yield writer, made


def _function_name(point: Any) -> str:
    """``module:qualname``; a script goes by the name it would be imported by."""
    if not callable(point) or not hasattr(point, "__qualname__") or not hasattr(point, "__module__"):
        raise TypeError(f"point must be a function defined at the top level of a module, got {point!r}")
    module = point.__module__
    if module == "__main__":
        main = sys.modules["__main__"]
        if getattr(main, "__spec__", None):
            module = main.__spec__.name  # type: ignore[union-attr]
        elif getattr(main, "__file__", None):
            module = Path(main.__file__).stem  # type: ignore[arg-type]
    return f"{module}:{point.__qualname__}"


def _check_importable(point: Any, name: str) -> None:
    """A store and worker processes know the function by its name alone."""
    module = sys.modules.get(point.__module__)
    if getattr(module, point.__qualname__, None) is not point or not getattr(module, "__file__", None):
        raise ValueError(
            f"{name} is a lambda, a nested or an interactive function, which neither a store nor a worker "
            "process can find by name; define it at the top level of a file, or run without store and workers"
        )
