"""Ctrl-C, SIGTERM, by which schedulers end a process, and SIGHUP of a closed terminal end work cleanly."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

_must_end: ContextVar[bool] = ContextVar("spinlab_interrupts_must_end", default=False)


class Terminated(KeyboardInterrupt):
    """The process was asked to end by SIGTERM, or its terminal was closed (SIGHUP)."""

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__("terminated" if number == signal.SIGTERM else "hung up")
        self.number = number


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM and SIGHUP raise :class:`Terminated` in the block, unless the program (nohup) has its own use
    for them."""
    main = threading.current_thread() is threading.main_thread()
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    ours = [number for number in numbers if main and signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _terminate)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _terminate(number: int, frame: Any) -> NoReturn:
    raise Terminated(number)


@contextmanager
def interrupts_end() -> Iterator[None]:
    """In the block an interrupted computation raises KeyboardInterrupt, though it could return a part.

    A point of a sweep that was cut short would be kept as if it were complete, and the next one begin.
    """
    token = _must_end.set(True)
    try:
        yield
    finally:
        _must_end.reset(token)


def must_end() -> bool:
    """Whether whoever was interrupted has to raise KeyboardInterrupt instead of returning what is known."""
    return _must_end.get()


@contextmanager
def interrupt_calls(stop: Callable[[], Any]) -> Iterator[None]:
    """The first Ctrl-C in the block calls ``stop`` instead of raising wherever it arrives.

    A second one raises KeyboardInterrupt. Outside the main thread, and where the program has its own use
    for the signal, nothing changes.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def handle(number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop()

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
