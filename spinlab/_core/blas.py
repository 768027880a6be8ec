"""BLAS with one thread, so that its results do not depend on the machine's number of threads."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any


@cache
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()  # finding the libraries takes milliseconds: once is enough


def one_blas_thread() -> AbstractContextManager[Any]:
    """Context in which every BLAS call runs on the calling thread alone."""
    return _controller().limit(limits=1, user_api="blas")
