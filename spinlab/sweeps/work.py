"""How a sweep is carried out, as opposed to what it computes: workers, limits of time, what to repeat."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.progress import is_watched
from .._core.validate import as_count, as_flag, as_real

CHANGED = (None, "keep", "redo")


class Work(NamedTuple):
    """The options of :meth:`Sweep.run`; none of them changes a result."""

    executor: Any = None
    progress: bool = True
    chunk: int | None = None
    retry: bool = False
    changed: str | None = None
    seconds: float | None = None
    timeout: float | None = None
    fail_fast: bool = False


def as_work(
    executor: Any,
    progress: Any,
    chunk: Any,
    retry: Any = False,
    changed: Any = None,
    seconds: Any = None,
    timeout: Any = None,
    fail_fast: Any = False,
) -> Work:
    """The options, checked."""
    if changed not in CHANGED:
        raise ValueError(f'changed must be None, "keep" or "redo", got {changed!r}')
    if timeout is not None and hasattr(executor, "submit"):
        raise ValueError(
            "timeout needs workers that this process started, because it ends the one that is late: "
            "executor=N; a cluster has limits of its own"
        )
    return Work(
        as_executor(executor),
        is_watched() if progress is None else as_flag(progress, "progress"),
        None if chunk is None else as_count(chunk, "chunk"),
        as_flag(retry, "retry"),
        changed,
        None if seconds is None else as_real(seconds, "seconds", 0.0),
        None if timeout is None else as_real(timeout, "timeout", 0.0, exclusive=True),
        as_flag(fail_fast, "fail_fast"),
    )


def as_executor(executor: Any) -> Any:
    """None, a number of workers, or a concurrent.futures executor."""
    if executor is None or hasattr(executor, "submit"):
        return executor
    try:
        return as_count(executor, "executor")
    except TypeError:
        raise TypeError(
            f"executor must be None, a number of workers or a concurrent.futures.Executor, got {executor!r}"
        ) from None
