"""Wall-clock time without that of compiling, or loading, kernels."""

from __future__ import annotations

import os
import threading
import time

from numba.core import event

_LEAST_SHARE = 0.02  # of a processor: less is a wait
_TELLING = 0.1  # seconds, a dozen turns of a scheduler, after which the share so far says more than the load


class Stopwatch:
    """Counts from its making."""

    def __init__(self) -> None:
        self._start, self._lost = time.perf_counter(), _compiler.seconds()
        self._worked, self._compiled = time.process_time(), _compiler.worked()

    def seconds(self) -> float:
        """Since the start, without what any thread spent on kernels."""
        return max(0.0, time.perf_counter() - self._start - (_compiler.seconds() - self._lost))

    def worked(self) -> float:
        """Seconds of processors since the start, of all threads but without kernels.

        What is done first is asked for as a measure of what is done next, which has no kernels to wait for.
        """
        return max(0.0, self._processed() - (_compiler.worked() - self._compiled))

    def _processed(self) -> float:
        """Seconds of processors since the start, with kernels."""
        return time.process_time() - self._worked

    def share(self) -> float:
        """Seconds of a processor for each second since the start, as far as one thread can have them."""
        return min(self._rate(), 1.0)

    def wait_for(self, work: float) -> float:
        """The time that so many seconds of processors take, as busy as the machine and this process are."""
        return work / self._rate()

    def _rate(self) -> float:
        """Seconds of processors in a second; in the beginning no more than the machine's load leaves.

        A first turn, which nobody has interrupted yet, tells nothing of the waits.
        """
        passed = time.perf_counter() - self._start
        most = share_by_load() if passed < _TELLING else float("inf")
        return min(max(self._processed() / max(passed, 1e-9), _LEAST_SHARE), most)


def share_by_load() -> float:
    """What one thread gets of a processor, by the load of the last minute; 1 where nobody tells."""
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):
        return 1.0
    return min(1.0, (os.cpu_count() or 1) / max(load, 1e-9))


class _Compiler(event.Listener):
    """The time during which any thread holds, or waits for, numba's compiler."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy, self._total, self._work = 0, 0.0, 0.0
        self._since, self._from = 0.0, 0.0  # by the clock, and in seconds of processors

    def on_start(self, ev: event.Event) -> None:
        with self._lock:
            if self._busy == 0:
                self._since, self._from = time.perf_counter(), time.process_time()
            self._busy += 1

    def on_end(self, ev: event.Event) -> None:
        with self._lock:
            self._busy -= 1
            if self._busy == 0:
                self._total += time.perf_counter() - self._since
                self._work += time.process_time() - self._from

    def seconds(self) -> float:
        with self._lock:
            running = time.perf_counter() - self._since if self._busy else 0.0
            return self._total + running

    def worked(self) -> float:
        """Seconds of processors in that time."""
        with self._lock:
            return self._work + (time.process_time() - self._from if self._busy else 0.0)


_compiler = _Compiler()
event.register("numba:compiler_lock", _compiler)
