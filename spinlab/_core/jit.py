"""The one decorator for compiled code: numba in nopython mode, cached on disk, without the GIL.

numba's disk cache does not notice an edit in a function that a kernel imports. Kernels may
import only from ``spinlab._core``, so the cache folder carries a hash of what they may find there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba.core import event

from .kernel_cache import KernelCache, cache_dir
from .messages import log


def kernel(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile ``function`` on first call. ``options`` go to ``numba.njit`` (e.g. ``fastmath``)."""
    if function is None:
        return lambda f: kernel(f, **options)
    dispatcher = numba.njit(nogil=True, error_model="numpy", **options)(function)
    if hasattr(dispatcher, "enable_caching"):  # not where NUMBA_DISABLE_JIT left the function as it is
        # Set here and not by numba's cache=True: users' own caches stay where they put them.
        dispatcher._cache = KernelCache(function)
    return dispatcher


class _CompileNotice(event.Listener):
    """Says once per process that the wait is a compilation, not a hang."""

    said = False

    def on_start(self, ev: event.Event) -> None:
        module = ev.data["dispatcher"].py_func.__module__ or ""
        if not _CompileNotice.said and module.startswith("spinlab"):
            _CompileNotice.said = True
            kept = "kept for the next run" if cache_dir() else "in every process"
            log.info("compiling kernels for this machine (%s)", kept)

    def on_end(self, ev: event.Event) -> None:
        pass


event.register("numba:compile", _CompileNotice())
