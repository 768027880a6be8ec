"""The one decorator for compiled code: numba in nopython mode, cached on disk, without the GIL.

numba's disk cache does not notice an edit in a function that a kernel imports. Kernels may
import only from ``spinlab._core``, so the cache folder carries a hash of what they may find there.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
import platformdirs
from numba.core import event


@cache
def cache_dir() -> str:
    """Folder of the compiled kernels of this version of ``_core``."""
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        text = source.read_bytes()
        if re.search(rb"\.jit import|numba|NamedTuple", text):  # kernels, overloads, forms
            digest.update(text)
    name = f"numba-{digest.hexdigest()[:16]}"
    folder = Path(platformdirs.user_cache_dir("spinlab", appauthor=False)) / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):  # a folder that exists may still be read-only
            pass
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="spinlab-"))
    return str(folder)


def kernel(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile ``function`` on first call. ``options`` go to ``numba.njit`` (e.g. ``fastmath``)."""
    if function is None:
        return lambda f: kernel(f, **options)
    # Only the decoration sees our folder: users' own numba caches stay where they put them.
    config: Any = numba.config
    saved = config.CACHE_DIR
    config.CACHE_DIR = cache_dir()
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy", **options)(function)
    finally:
        config.CACHE_DIR = saved


class _CompileNotice(event.Listener):
    """Says once per process that the wait is a compilation, not a hang."""

    said = False

    def on_start(self, ev: event.Event) -> None:
        module = ev.data["dispatcher"].py_func.__module__ or ""
        if not _CompileNotice.said and module.startswith("spinlab"):
            _CompileNotice.said = True
            print("spinlab: compiling kernels for this machine (cached for the next run)", file=sys.stderr)

    def on_end(self, ev: event.Event) -> None:
        pass


event.register("numba:compile", _CompileNotice())
