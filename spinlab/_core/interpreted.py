"""First calls of kernels on small problems: without machine code, where that gives the same bits.

A kernel takes a second to compile and a millisecond for a small problem. As long as it is not compiled, such
calls are left to array code, or to the interpreter: the source of a kernel is Python as it stands, and with
integers (and sums of powers of two) it makes no difference who runs it. Once this has taken what a
compilation costs, the kernel is compiled after all.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from functools import cache
from time import thread_time
from typing import Any

import numpy as np

_SECONDS = 0.5  # of processor time in a process; then the kernels are compiled

_spent: float = 0.0


def small_call(kernel: Any, *args: Any, instead: Callable[..., Any] | None = None) -> Any:
    """``kernel(*args)`` for a call that takes some milliseconds at most when ``instead`` of it is called.

    Without ``instead``, the interpreter runs the kernel, which must be for integers: no rounding, and
    overflow in unsigned numbers alone.
    """
    global _spent
    if _spent > _SECONDS or is_compiled(kernel):
        return kernel(*args)
    start = thread_time()
    with np.errstate(over="ignore"):  # unsigned numbers wrap, as in compiled code
        result = (instead or interpreted(kernel))(*args)
    _spent += thread_time() - start
    return result


def can_wait(kernel: Any, seconds: float) -> bool:
    """Whether a kernel is left alone for a call that takes ``seconds`` longer by another one's machine code.

    The other kernel is one that is needed anyway, or compiled much faster.
    """
    global _spent
    if _spent + seconds > _SECONDS or is_compiled(kernel):
        return False
    _spent += seconds
    return True


def compile_all() -> None:
    """From now on, kernels are compiled at the first call of any size."""
    global _spent
    _spent = np.inf


def is_compiled(kernel: Any) -> bool:
    """Whether machine code is at hand, in this process or on disk."""
    return bool(getattr(kernel, "overloads", True)) or kernel._cache.is_stored()


@cache
def interpreted(kernel: Any) -> Any:
    """The source of a kernel as a function of Python, and of the kernels that it calls."""
    function = getattr(kernel, "py_func", kernel)
    names = {
        name: interpreted(value)
        for name, value in function.__globals__.items()
        if name in function.__code__.co_names and hasattr(value, "py_func")
    }
    return types.FunctionType(function.__code__, {**function.__globals__, **names}, function.__name__)
