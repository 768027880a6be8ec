"""Carry out points: in this process, in worker processes, or on any concurrent.futures executor."""

from __future__ import annotations

import ctypes
import faulthandler
import logging
import multiprocessing
import operator
import os
import queue
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import islice
from multiprocessing import resource_tracker
from time import monotonic, perf_counter
from typing import Any, NamedTuple

from .._core.device import WORKER, out_of_memory
from .._core.messages import log
from .encode import encode
from .plan import Point
from .work import Work

TASK_SECONDS = 0.1  # long beside the 0.5 ms that a task costs, short beside a commit
MAX_CHUNK = 200
MAX_TASKS = 2048  # in flight on an executor whose size is not known,
FIRST_TASKS = 64  # and at first: one more with each that finishes, four times as many where none does
MAX_POINTS = 20_000  # in flight, so that memory stays bounded
MAX_DEATHS = 2  # of workers that held nothing but this one point
MAX_STARTS = 3  # of workers that die before they do anything
GRACE = 2.0  # seconds for a point that is out of time to come back from compiled code; then its worker ends


class Outcome(NamedTuple):
    """What became of a point: encoded results, or the text of the error."""

    result: bytes | None
    error: str | None
    seconds: float


class _OutOfTime(BaseException):
    """No Exception, so that a point which catches those ends all the same."""


class ByValue:
    """A function as bytes, for worker processes that cannot import it: of a notebook, nested, a lambda.

    Only on the way from this process to workers that it started or was given, never to or from a file.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        import cloudpickle

        module = sys.modules.get(function.__module__) if hasattr(function, "__module__") else None
        foreign = module is not None and module.__name__ != "__main__" and not _can_be_imported(module)
        try:
            if foreign:  # a module that only this process knows travels along
                cloudpickle.register_pickle_by_value(module)
            self.content = cloudpickle.dumps(function)
        except Exception as error:  # pickling calls code of whatever the function refers to
            name = getattr(function, "__qualname__", repr(function))
            raise ValueError(
                f"{name} cannot be sent to worker processes, because it refers to something that cannot be "
                f"pickled ({type(error).__name__}: {error}); make that inside the function, or run without "
                "workers"
            ) from error
        finally:
            if foreign:
                cloudpickle.unregister_pickle_by_value(module)

    def load(self) -> Callable[..., Any]:
        """The function, once per process."""
        return _load(self.content)


@lru_cache(2)
def _load(content: bytes) -> Callable[..., Any]:
    import cloudpickle

    return cloudpickle.loads(content)


def portable(function: Callable[..., Any]) -> Callable[..., Any] | ByValue:
    """The function itself where another process can import it by its name."""
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    with suppress(AttributeError):
        known = script() if module.__name__ == "__main__" else _can_be_imported(module)  # type: ignore[union-attr]
        if known and operator.attrgetter(function.__qualname__)(module) is function:
            return function
    return ByValue(function)


def script() -> str | None:
    """The file that runs as ``__main__``; None in a notebook, in ``python -c``, and on standard input."""
    file = getattr(sys.modules["__main__"], "__file__", None)
    return file if file and os.path.isfile(file) else None


@contextmanager
def _spawning() -> Iterator[None]:
    """What a new process takes over from this one, for as long as it is started.

    It imports the file of ``__main__``: not one that does not exist, as ``<stdin>``. It is told how to start
    processes: not as joblib does, which it does not know. Ctrl-C reaches it before it can say that it ignores
    that: it waits.
    """
    main = vars(sys.modules["__main__"])
    name = main.pop("__file__") if "__file__" in main and script() is None else None
    method = multiprocessing.get_start_method(allow_none=True)
    foreign = method not in (None, "spawn", "fork", "forkserver")
    if foreign:
        multiprocessing.set_start_method("spawn", force=True)
    masked = None
    if hasattr(signal, "pthread_sigmask"):
        resource_tracker.ensure_running()  # it lets the signal through again
        masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if masked is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        if foreign:
            multiprocessing.set_start_method(method, force=True)
        if name is not None:
            main["__file__"] = name


def _can_be_imported(module: Any) -> bool:
    """Whether a fresh process would find this module's file by its name."""
    parent = module.__name__.rpartition(".")[0]
    path = getattr(sys.modules.get(parent), "__path__", None)
    if parent and path is None:
        return False
    finders = (finder for finder in sys.meta_path if hasattr(finder, "find_spec"))
    specs = (finder.find_spec(module.__name__, path) for finder in finders)
    spec = next((spec for spec in specs if spec is not None), None)
    return spec is not None and spec.origin == getattr(module, "__file__", None)


def compute(
    function: Callable[..., Any] | ByValue,
    tasks: list[tuple[dict[str, Any], int]],
    limit: float,
    timeout: float | None = None,
) -> list[Outcome]:
    """Outcomes of the tasks, or of the first ones where these take longer than ``limit`` seconds."""
    if isinstance(function, ByValue):
        function = function.load()
    outcomes: list[Outcome] = []
    total, process = 0.0, os.getpid()
    for params, seed in tasks:
        result = error = None
        start = perf_counter()
        try:
            with _time_limit(timeout):
                result = encode(function(rng=seed, **params), reserved={*params, "replica"})
        except _OutOfTime:
            error = _LATE.format(timeout)
        except (Exception, SystemExit) as failure:
            error = traceback.format_exc().rstrip() + out_of_memory(failure)
            error = error.encode(errors="backslashreplace").decode()
        if os.getpid() != process:  # a copy that the point made by os.fork() and forgot would sweep on
            sys.stderr.write(error or "")
            os._exit(1)
        seconds = perf_counter() - start
        outcomes.append(Outcome(result, error, seconds))
        total += seconds
        if total > limit:
            break
    return outcomes


@contextmanager
def _time_limit(seconds: float | None) -> Iterator[None]:
    """In a worker: an exception when the time is over, and soon after it the end of the process."""
    if seconds is None:
        yield
        return
    if _late is not None:  # told from a thread in C, which no lock and no loop of Python can stop
        faulthandler.dump_traceback_later(seconds + GRACE, exit=True, file=_late.fileno())
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, _raise_out_of_time)
        signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        yield
    finally:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()


def _raise_out_of_time(number: int, frame: Any) -> None:
    raise _OutOfTime


def execute(
    function: Callable[..., Any], points: Iterator[Point], work: Work
) -> Generator[tuple[Point, Outcome] | None, None, None]:
    """Points with their outcomes in the order they finish; None about once a second while none does."""
    if work.seconds is not None:
        points = _until(points, monotonic() + work.seconds)
    if work.timeout is not None and work.executor is None:
        work = work._replace(executor=1)  # only a process of its own can be ended
    if work.executor is None:
        return _serial(function, points)
    return _parallel(function, points, work.executor, work.chunk, work.timeout)


def _until(points: Iterator[Point], deadline: float) -> Iterator[Point]:
    for point in points:
        if monotonic() > deadline:
            return
        yield point


def _serial(
    function: Callable[..., Any], points: Iterator[Point]
) -> Generator[tuple[Point, Outcome], None, None]:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # as in the workers, since the number of BLAS threads changes last bits
        for point in points:
            yield point, compute(function, [(point.params, point.seed)], 0)[0]


def _parallel(
    function: Callable[..., Any],
    points: Iterator[Point],
    executor: Any,
    chunk: int | None,
    timeout: float | None,
) -> Generator[tuple[Point, Outcome] | None, None, None]:
    own = isinstance(executor, int)
    if own and multiprocessing.current_process().daemon:
        raise RuntimeError(_DAEMON)
    sent = function if isinstance(executor, ThreadPoolExecutor) else portable(function)
    pool = _Workers(executor, sent) if own else executor
    far = type(pool).__module__.partition(".")[0] == "distributed" or getattr(pool, "far", False)
    most = 2 * executor if own else FIRST_TASKS
    if timeout is not None:  # one point per worker, so that it is known which one was late
        chunk, most = 1, executor
    again: deque[Point] = deque()  # left over from tasks that ran out of time
    suspects: deque[Point] = deque()  # held by a worker that died: run one at a time to find the culprit
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
            while tasks := take():
                call = (compute, sent, [(p.params, p.seed) for p in tasks], 2 * TASK_SECONDS, timeout)
                future = _submit(pool, *(_sealed(*call) if far else call))
                flight[future] = tasks
                future.add_done_callback(finished.put)
            if not flight:
                break
            try:
                future = finished.get(timeout=1)
                if future not in flight:  # of a worker that died, told with another task of it
                    continue
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
                    raise RuntimeError(_BROKEN_EXECUTOR.format(_told(error))) from error
                if not isinstance(error, BrokenExecutor):
                    raise
                held = pool.held_with(future)
                lost = [point for other in held if other in flight for point in flight.pop(other)]
                late = pool.restart(future)
                if len(lost) == 1:
                    point = lost[0]
                    deaths[point.id] = deaths.get(point.id, 0) + 1
                    if late and timeout is not None:
                        yield lost.pop(), Outcome(None, _LATE.format(timeout), timeout)
                    elif deaths[point.id] == MAX_DEATHS:
                        yield lost.pop(), Outcome(None, _DIED.format(MAX_DEATHS), 0.0)
                suspects.extendleft(reversed(lost))
            else:
                most = most if own else min(most + 1, MAX_TASKS)
                tasks = flight.pop(future)
                if own:
                    pool.forget(future)
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


class _Call:
    """A call as a pickle: it is made where that is loaded."""

    def __init__(self, *call: Any) -> None:
        self._call = call

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call[0], self._call[1:]


def _sealed(*call: Any) -> tuple[Any, bytes]:
    """The same call for a worker of dask that may lack a module.

    Such a worker does not report the error of a task that it cannot even unpack, it ends, and so the next
    ones; packed into bytes the task can be unpacked, and fails with the name of the module.
    """
    import cloudpickle

    return cloudpickle.loads, cloudpickle.dumps(_Call(*call))


def _submit(pool: Any, *task: Any) -> Future[list[Outcome]]:
    """An executor that cannot even take a task has failed; our own says so in the future."""
    try:
        return pool.submit(*task)
    except Exception as error:
        raise RuntimeError(_BROKEN_EXECUTOR.format(_told(error))) from error


def _told(error: BaseException) -> str:
    """An executor's error with its causes: dask hides the missing module behind two others."""
    chain: list[str] = []
    link: BaseException | None = error
    while link is not None and len(chain) < 4:
        chain.append(f"{type(link).__name__}: {link}".strip())
        link = link.__cause__ or link.__context__
    return "; ".join(dict.fromkeys(chain))


class _Workers:
    """Spawned processes with one thread each, that end when this process does, however it ends.

    An executor of one process each: where one dies, only what it held is computed again.
    """

    def __init__(self, n: int, function: Callable[..., Any] | ByValue) -> None:
        self._function = function
        self._context = multiprocessing.get_context("spawn")
        # Workers see the end of this pipe when its only writer is closed, or killed with its process.
        self._reader, self._writer = self._context.Pipe(duplex=False)
        self._workers = [_Worker(self._context, self._reader, number) for number in range(n)]
        self._of: dict[Future[Any], _Worker] = {}

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """To the worker that holds least."""
        worker = min(self._workers, key=lambda worker: len(worker.held))
        try:
            with _spawning():
                future = worker.pool.submit(function, *args)
        except BrokenExecutor as error:  # it died between two tasks
            future = Future()
            future.set_exception(error)
        worker.held.add(future)
        self._of[future] = worker
        return future

    def forget(self, future: Future[Any]) -> None:
        """This task is done."""
        self._of.pop(future).held.discard(future)

    def held_with(self, future: Future[Any]) -> list[Future[Any]]:
        """All tasks of the worker of this one."""
        return list(self._of[future].held)

    def restart(self, future: Future[Any]) -> bool:
        """A new worker for the one that held this task and died; whether it died because it was late.

        Raises
        ------
        RuntimeError
            Workers cannot even load the point function.
        """
        worker = self._of[future]
        number, late = self._workers.index(worker), worker.was_late()
        for other in worker.held:
            del self._of[other]
        for _ in range(MAX_STARTS):
            worker.stop()
            worker = self._workers[number] = _Worker(self._context, self._reader, number)
            with suppress(BrokenExecutor):
                with _spawning():
                    started = worker.pool.submit(_load_only, self._function)
                started.result()
                return late
        raise RuntimeError(_BROKEN_POOL.format(MAX_STARTS))

    def stop(self, now: bool) -> None:
        if now:
            self._writer.close()
            for worker in self._workers:
                worker.kill()
        for worker in self._workers:
            worker.pool.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers:
            worker.stop()
        self._writer.close()
        self._reader.close()


class _Worker:
    """One process, behind an executor; what it holds, and a pipe on which it tells that a point is late."""

    def __init__(self, context: Any, parent: Any, number: int) -> None:
        self.held: set[Future[Any]] = set()
        self._late, self._told = context.Pipe(duplex=False)
        # One of the workers speaks for all of them.
        level = log.level if number == 0 else max(log.level, logging.WARNING)
        start = (parent, self._told, number, level)
        self.pool = ProcessPoolExecutor(1, context, _start_worker, start)

    def was_late(self) -> bool:
        return self._late.poll()

    def kill(self) -> None:
        """Also where a point holds the interpreter's lock, so that no thread of the worker can end it."""
        for process in list((getattr(self.pool, "_processes", None) or {}).values()):
            process.kill()

    def stop(self) -> None:
        self.pool.shutdown(wait=True, cancel_futures=True)
        self._late.close()
        self._told.close()


def _load_only(function: Callable[..., Any] | ByValue) -> None:
    if isinstance(function, ByValue):
        function.load()


_late: Any = None


def _start_worker(parent: Any, late: Any, number: int, level: int) -> None:
    from threadpoolctl import threadpool_limits

    global _late
    _late = late
    log.setLevel(level)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    def leave_with_parent() -> None:
        parent.poll(None)
        os._exit(1)

    _die_with_parent()  # first: a thread that finds the pipe closed ends this process as well
    threading.Thread(target=leave_with_parent, daemon=True).start()
    for name in ("SPINLAB_NUM", "OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "BLIS_NUM", "VECLIB_MAXIMUM"):
        os.environ[f"{name}_THREADS"] = "1"  # for libraries loaded later
    os.environ[WORKER] = str(number)
    threadpool_limits(1)  # for those loaded already


def _die_with_parent() -> None:
    """Linux kills this process when the parent is gone, also in the middle of compiled code."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


_PR_SET_PDEATHSIG = 1
_DAEMON = (
    "this process is a daemon, as those of multiprocessing.Pool are, and may not start workers: give "
    "executor=None here, or start it by concurrent.futures.ProcessPoolExecutor"
)
_BROKEN_EXECUTOR = (
    "the executor could not finish a task ({}). Finished points are kept in the store, if one was given; "
    "run again to resume. Workers need spinlab and its packages, in the same versions, and the modules that "
    "the point function comes from."
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
_LATE = "TimeoutError: the point took longer than timeout={:g} s and was ended"
