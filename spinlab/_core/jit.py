"""The one decorator for compiled code: numba in nopython mode, cached on disk, without the GIL.

numba's disk cache does not notice an edit in a function that a kernel imports. Kernels may
import only from ``spinlab._core``, so the cache folder carries a hash of what they may find there.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numba
from numba.core import event, types

from .kernel_cache import KernelCache, cache_dir
from .messages import log


def kernel(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile ``function`` on first call. ``options`` go to ``numba.njit`` (e.g. ``fastmath``)."""
    if function is None:
        return lambda f: kernel(f, **options)
    # Any: the types that numba declares lack the third.
    settings: Any = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, **options}
    dispatcher: Any = numba.njit(**settings)(function)
    if hasattr(dispatcher, "enable_caching"):  # not where NUMBA_DISABLE_JIT left the function as it is
        # Set here and not by numba's cache=True: users' own caches stay where they put them.
        dispatcher._cache = KernelCache(function)
        _forget_literals(dispatcher)
    return dispatcher


def _forget_literals(dispatcher: Any) -> None:
    """A kernel that another calls with ``0`` is compiled once, for int64, and not for the type "0" as well.

    The numbers reach it when the program runs in either case, and what is short is put in place by LLVM.
    """
    template = dispatcher.get_call_template

    def of_values(args: Any, kws: Any) -> Any:
        values = {name: types.unliteral(arg) for name, arg in kws.items()}
        return template([types.unliteral(arg) for arg in args], values)

    dispatcher.get_call_template = of_values


class _Compilation(event.Listener):
    """Says once per process that the wait is a compilation, and stops the garbage collector meanwhile.

    The compiler makes millions of objects and none that has to be collected: looking for them takes an eighth
    of its time. numba compiles under a lock, so that compilations are nested and never side by side.
    """

    said = False

    def __init__(self) -> None:
        self._depth = 0
        self._stopped = False

    def on_start(self, ev: event.Event) -> None:
        self._depth += 1
        if self._depth > 1 or not (ev.data["dispatcher"].py_func.__module__ or "").startswith("spinlab"):
            return
        self._stopped = gc.isenabled()
        gc.disable()
        if not _Compilation.said:
            _Compilation.said = True
            kept = "kept for the next run" if cache_dir() else "in every process"
            log.info("compiling kernels for this machine, 2 to 8 s for most calls (%s)", kept)

    def on_end(self, ev: event.Event) -> None:
        self._depth -= 1
        if self._depth == 0 and self._stopped:
            self._stopped = False
            gc.enable()


event.register("numba:compile", _Compilation())
