"""Long work on threads: progress bars in terminals and notebooks, and a time in words for messages."""

from __future__ import annotations

import io
import multiprocessing
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from .messages import is_quiet
from .parallel import map_threads
from .validate import as_flag

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")

_LONG = 5.0  # seconds of work from which on a bar is shown
_MEASURED = 1.0  # seconds after which the work done says how long the rest takes
_SLICE = 0.1  # seconds between two looks at the clock


class _Screen:
    """stderr as a bar sees it; where that is closed, or on a full disk, nothing is shown and no work lost."""

    def __init__(self) -> None:
        closed = sys.stderr is None or getattr(sys.stderr, "closed", False)
        self._file: Any = io.StringIO() if closed else sys.stderr

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __eq__(self, other: object) -> bool:  # tqdm takes the width of the terminal for stderr alone
        return other is self._file

    __hash__ = None  # type: ignore[assignment]

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._file.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._file.flush()


def new_bar(**options: Any) -> Any:
    """A bar of tqdm for where we are: widgets in a notebook that has them, text elsewhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a notebook without ipywidgets: text will do
        from tqdm.auto import tqdm
    if not _in_notebook():
        options = {"file": _Screen()} | options
    return tqdm(**options)


_asked: ContextVar[bool | None] = ContextVar("asked", default=None)


@contextmanager
def bars(progress: bool | None) -> Iterator[None]:
    """Bars in the block: True, False, or None as outside of it, which at first is where somebody looks."""
    if progress is None:
        yield
        return
    token = _asked.set(as_flag(progress, "progress"))
    try:
        yield
    finally:
        _asked.reset(token)


def shows_progress(function: Callable[P, R]) -> Callable[P, R]:
    """Let the argument ``progress`` of a public function, by keyword, decide about its :func:`bars`."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with bars(kwargs.get("progress")):  # type: ignore[arg-type]
            return function(*args, **kwargs)

    return run


def is_watched() -> bool:
    """Whether bars were asked for, or else somebody looks (a terminal, a notebook) and wants messages."""
    if (asked := _asked.get()) is not None:
        return asked
    if is_quiet() or multiprocessing.parent_process() is not None:
        return False
    return sys.stderr.isatty() or _in_notebook()


def _in_notebook() -> bool:
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell is not None and "IPKernelApp" in shell.config


def map_with_progress(
    function: Callable[[T], R],
    tasks: Sequence[T],
    threads: int | None,
    label: str,
    seconds: float | None = None,
) -> list[R]:
    """``map_threads`` with a bar for work over 5 s, by an estimate or, without one, as measured."""
    if seconds is None:
        with meter(len(tasks), label) as shown:
            return map_threads(function if shown is None else _ticking(function, shown), tasks, threads)
    if seconds < _LONG or not is_watched():
        return map_threads(function, tasks, threads)
    with new_bar(total=len(tasks), desc=label, leave=False) as bar:

        def run(task: T) -> R:
            result = function(task)
            with bar.get_lock():
                bar.update()
            return result

        return map_threads(run, tasks, threads)


class Meter:
    """Counts the work done; shows a bar with the time left once the whole is measured to take over 5 s."""

    def __init__(self, total: float, label: str) -> None:
        self._total, self._label = total, label
        self._done, self._start = 0.0, time.perf_counter()
        self._lock, self._bar = threading.Lock(), None

    def tick(self, work: float) -> None:
        """So much more is done."""
        with self._lock:
            self._done += work
            if self._bar is not None:
                self._bar.update(work)
                return
            seconds = time.perf_counter() - self._start
            if seconds >= _MEASURED and seconds * self._total >= _LONG * self._done:
                self._bar = self._new_bar()

    def _new_bar(self) -> Any:
        form = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
        bar = new_bar(total=self._total, initial=self._done, desc=self._label, leave=False, bar_format=form)
        bar.initial, bar.start_t = 0.0, bar.start_t - (time.perf_counter() - self._start)
        bar.refresh()
        return bar

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()


@contextmanager
def meter(total: float, label: str) -> Iterator[Meter | None]:
    """A meter of the work in the block, or None where nobody looks: a batch job, a worker process, ..."""
    if not is_watched():
        yield None
        return
    own = Meter(total, label)
    try:
        yield own
    finally:
        own.close()


def _ticking(function: Callable[[T], R], shown: Meter) -> Callable[[T], R]:
    def run(task: T) -> R:
        result = function(task)
        shown.tick(1)
        return result

    return run


def in_slices(
    advance: Callable[[int, int], None], start: int, stop: int, shown: Meter | None, weight: float
) -> None:
    """``advance(start, stop)``, for a meter in slices of a tenth of a second; a step is ``weight``."""
    size = stop - start if shown is None else 1
    while start < stop:
        end, clock = min(start + size, stop), time.perf_counter()
        advance(start, end)
        if shown is not None:
            shown.tick(weight * (end - start))
            if time.perf_counter() - clock < _SLICE:
                size *= 2
        start = end


def duration(seconds: float) -> str:
    """A time in words."""
    if seconds > 1e10 * 3.15e7:
        return "longer than the age of the universe"
    for unit, length in (("years", 3.15e7), ("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"about {seconds / length:.3g} {unit}"
    return f"about {seconds:.2g} seconds"
