"""Long work on threads: a progress bar, and a time in words for messages."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from .parallel import map_threads

T = TypeVar("T")
R = TypeVar("R")


def map_with_progress(
    function: Callable[[T], R], tasks: Sequence[T], threads: int | None, label: str, seconds: float
) -> list[R]:
    """``map_threads`` with a bar on a terminal's stderr for work estimated at over 5 s."""
    if seconds < 5 or not sys.stderr.isatty():
        return map_threads(function, tasks, threads)
    from tqdm import tqdm

    with tqdm(total=len(tasks), desc=label, leave=False) as bar:

        def run(task: T) -> R:
            result = function(task)
            with bar.get_lock():
                bar.update()
            return result

        return map_threads(run, tasks, threads)


def duration(seconds: float) -> str:
    """A time in words."""
    if seconds > 1e10 * 3.15e7:
        return "longer than the age of the universe"
    for unit, length in (("years", 3.15e7), ("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"about {seconds / length:.3g} {unit}"
    return f"about {seconds:.2g} seconds"
