"""Carry out points: in this process, in worker processes, or on any concurrent.futures executor."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import suppress
from itertools import islice
from time import perf_counter
from typing import Any, NamedTuple

from .._core.device import WORKER, out_of_memory
from .encode import encode
from .plan import Point

TASK_SECONDS = 0.1  # long beside the 0.5 ms that a task costs, short beside a commit
MAX_CHUNK = 200
MAX_TASKS = 2048  # in flight on an executor whose size is not known,
FIRST_TASKS = 64  # and at first: one more with each that finishes, four times as many where none does
MAX_POINTS = 20_000  # in flight, so that memory stays bounded
MAX_DEATHS = 2  # of workers that held nothing but this one point
MAX_STARTS = 3  # of workers that die before they do anything


class Outcome(NamedTuple):
    """What became of a point: encoded results, or the text of the error."""

    result: bytes | None
    error: str | None
    seconds: float


def compute(
    function: Callable[..., Any], tasks: list[tuple[dict[str, Any], int]], limit: float
) -> list[Outcome]:
    """Outcomes of the tasks, or of the first ones where these take longer than ``limit`` seconds."""
    outcomes: list[Outcome] = []
    total = 0.0
    for params, seed in tasks:
        result = error = None
        start = perf_counter()
        try:
            result = encode(function(rng=seed, **params), reserved={*params, "replica"})
        except (Exception, SystemExit) as failure:
            error = traceback.format_exc().rstrip() + out_of_memory(failure)
            error = error.encode(errors="backslashreplace").decode()
        seconds = perf_counter() - start
        outcomes.append(Outcome(result, error, seconds))
        total += seconds
        if total > limit:
            break
    return outcomes


def execute(
    function: Callable[..., Any], points: Iterator[Point], executor: Any, chunk: int | None
) -> Generator[tuple[Point, Outcome] | None, None, None]:
    """Points with their outcomes in the order they finish; None about once a second while none does."""
    return _serial(function, points) if executor is None else _parallel(function, points, executor, chunk)


def _serial(
    function: Callable[..., Any], points: Iterator[Point]
) -> Generator[tuple[Point, Outcome], None, None]:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # as in the workers, since the number of BLAS threads changes last bits
        for point in points:
            yield point, compute(function, [(point.params, point.seed)], 0)[0]


def _parallel(
    function: Callable[..., Any], points: Iterator[Point], executor: Any, chunk: int | None
) -> Generator[tuple[Point, Outcome] | None, None, None]:
    pool = _Workers(executor, function) if isinstance(executor, int) else executor
    own = isinstance(pool, _Workers)
    most = 2 * executor if own else FIRST_TASKS
    again: deque[Point] = deque()  # left over from tasks that ran out of time
    suspects: deque[Point] = deque()  # in flight when a worker died: run one at a time to find the culprit
    deaths: dict[str, int] = {}
    flight: dict[Future[list[Outcome]], list[Point]] = {}
    finished: queue.SimpleQueue[Future[list[Outcome]]] = queue.SimpleQueue()
    size, pace = chunk or 1, 0.0

    def take() -> list[Point]:
        if suspects:
            return [] if flight else [suspects.popleft()]
        if len(flight) >= most or len(flight) * size > MAX_POINTS:
            return []
        tasks = [again.popleft() for _ in range(min(size, len(again)))]
        return tasks + list(islice(points, size - len(tasks)))

    completed = False
    try:
        while True:
            tasks: list[Point] = []
            try:
                while tasks := take():
                    future = pool.submit(
                        compute, function, [(p.params, p.seed) for p in tasks], 2 * TASK_SECONDS
                    )
                    flight[future] = tasks
                    future.add_done_callback(finished.put)
                if not flight:
                    break
                future = finished.get(timeout=1)
                outcomes = future.result()
            except queue.Empty:
                most = most if own else min(4 * most, MAX_TASKS)
                yield None
            except Exception as error:
                if type(error).__name__ == "KilledWorker":  # dask has tried this task on several workers
                    lost = flight.pop(future)
                    if len(lost) == 1:
                        yield lost[0], Outcome(None, _DIED.format("several"), 0.0)
                    else:
                        suspects.extend(lost)
                    continue
                if not own:
                    raise RuntimeError(_BROKEN_EXECUTOR.format(f"{type(error).__name__}: {error}")) from error
                if not isinstance(error, BrokenExecutor):
                    raise
                lost = [*tasks, *(point for held in flight.values() for point in held)]
                flight.clear()
                finished = queue.SimpleQueue()
                pool.restart()
                if len(lost) == 1:
                    deaths[lost[0].id] = deaths.get(lost[0].id, 0) + 1
                    if deaths[lost[0].id] == MAX_DEATHS:
                        yield lost.pop(), Outcome(None, _DIED.format(MAX_DEATHS), 0.0)
                suspects.extendleft(reversed(lost))
            else:
                most = most if own else min(most + 1, MAX_TASKS)
                tasks = flight.pop(future)
                again.extend(tasks[len(outcomes) :])
                seconds = sum(outcome.seconds for outcome in outcomes) / len(outcomes)
                pace = 0.5 * (pace + seconds) if pace else seconds
                size = chunk or min(MAX_CHUNK, max(1, int(TASK_SECONDS / max(pace, 1e-9))))
                yield from zip(tasks, outcomes, strict=False)
        completed = True
    finally:
        if own:
            pool.stop(now=not completed)
        else:
            for future in flight:
                future.cancel()


class _Workers:
    """Spawned processes with one thread each, that end when this process does, however it ends."""

    def __init__(self, n: int, function: Callable[..., Any]) -> None:
        self._n, self._function = n, function
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        # Workers see the end of this pipe when its only writer is closed, or killed with its process.
        self._reader, self._writer = context.Pipe(duplex=False)
        numbers = context.SimpleQueue()  # each worker takes one
        for number in range(self._n):
            numbers.put(number)
        self._pool = ProcessPoolExecutor(self._n, context, _start_worker, (self._reader, numbers))

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        return self._pool.submit(function, *args)

    def stop(self, now: bool) -> None:
        if now:
            self._writer.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._writer.close()
        self._reader.close()

    def restart(self) -> None:
        """New workers after one died; an error if they cannot even load the point function."""
        for _ in range(MAX_STARTS):
            self.stop(now=True)
            self._start()
            with suppress(BrokenExecutor):
                self.submit(callable, self._function).result()
                return
        raise RuntimeError(_BROKEN_POOL.format(MAX_STARTS))


def _start_worker(parent: Any, numbers: Any) -> None:
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means

    def leave_with_parent() -> None:
        parent.poll(None)
        os._exit(1)

    threading.Thread(target=leave_with_parent, daemon=True).start()
    for name in ("SPINLAB_NUM", "OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "BLIS_NUM", "VECLIB_MAXIMUM"):
        os.environ[f"{name}_THREADS"] = "1"  # for libraries loaded later
    os.environ[WORKER] = str(numbers.get())
    threadpool_limits(1)  # for those loaded already


_BROKEN_EXECUTOR = (
    "the executor could not finish a task ({}). Finished points are kept in the store, if one was given; "
    "run again to resume. Workers need a point function at the top level of a module that they can import."
)
_BROKEN_POOL = (
    "worker processes could not start, in {} attempts. A script must start its sweep under "
    "`if __name__ == '__main__':`, because every worker imports the script. Finished points are kept in the "
    "store, if one was given."
)
_DIED = (
    "WorkerDied: {} worker processes died while they computed this point alone "
    "(out of memory, a crash in compiled code, or killed from outside)"
)
