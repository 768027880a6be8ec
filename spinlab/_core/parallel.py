"""One place where threads start: kernels release the GIL, so plain Python threads do."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from .validate import as_count

T = TypeVar("T")
R = TypeVar("R")


def n_threads(threads: int | None = None) -> int:
    """``threads``, else SPINLAB_NUM_THREADS, else the processors this process may use."""
    if threads is not None:
        return as_count(threads, "threads")
    variable = os.environ.get("SPINLAB_NUM_THREADS")
    if variable:
        try:
            return as_count(int(variable), "SPINLAB_NUM_THREADS")
        except ValueError:
            raise ValueError(f"SPINLAB_NUM_THREADS must be a positive integer, got {variable!r}") from None
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_threads(function: Callable[[T], R], tasks: Iterable[T], threads: int | None = None) -> list[R]:
    """``[function(t) for t in tasks]`` over threads, results in the order of the tasks."""
    tasks = list(tasks)
    workers = min(n_threads(threads), len(tasks))
    if workers <= 1:
        return [function(task) for task in tasks]
    context = copy_context()  # of the caller, a copy for each task: no two threads may be in one
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda task: context.copy().run(function, task), tasks))
