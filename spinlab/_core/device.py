"""Where arrays live: numpy on the CPU, CuPy on a GPU, and how much of them fits.

Array code is written once over ``xp``, one of the two. With NUMBA_ENABLE_CUDASIM=1 the GPU is
simulated: arrays stay in numpy and kernels are interpreted, which is how their logic is tested without one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

DEVICES = ("cpu", "gpu")
WORKER = "SPINLAB_WORKER"  # number of a worker process of a sweep, which takes the device number % count
_SIMULATED_BYTES = 2**30
_SHARE = 0.8  # of the free memory: the rest is for the libraries and for fragmentation


def simulated() -> bool:
    """Whether the GPU is the simulator of numba-cuda."""
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")


def require_gpu() -> None:
    """Refuse where nothing can run on a GPU; in a worker process of a sweep, choose its device.

    Raises
    ------
    ImportError
        CuPy or numba-cuda is missing.
    RuntimeError
        There is no device, or its driver does not work.
    """
    if simulated():
        return
    try:
        import cupy
        from numba_cuda import __version__  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"the GPU needs CuPy and the CUDA compiler ({error}); pip install 'spinlab[gpu]', "
            "or stay on the CPU (model.to('cpu'))"
        ) from error
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise RuntimeError(
            f"no CUDA device can be used ({error}); stay on the CPU (model.to('cpu'))"
        ) from error
    if count == 0:
        raise RuntimeError("this machine has no CUDA device; stay on the CPU (model.to('cpu'))")
    worker = os.environ.get(WORKER)
    if worker and not worker.isdecimal():
        raise ValueError(f"{WORKER} must be the number of a worker, 0 or more, got {worker!r}; unset it")
    if worker:  # a thread's current device, which CuPy and numba-cuda both take
        cupy.cuda.Device(int(worker) % count).use()


def module(device: str) -> Any:
    """numpy for "cpu", CuPy for "gpu" (numpy where the GPU is simulated)."""
    if device == "cpu" or simulated():
        return np
    require_gpu()
    import cupy

    return cupy


def xp_of(array: Any) -> Any:
    """The module that an array belongs to."""
    return np if isinstance(array, np.ndarray) else module("gpu")


def to_host(array: Any) -> np.ndarray:
    """A numpy array with the same numbers."""
    return array.get() if hasattr(array, "get") else np.asarray(array)


def free_bytes() -> int:
    """Memory of the GPU that may be used now."""
    if simulated():
        return _SIMULATED_BYTES
    import cupy

    free, _ = cupy.cuda.runtime.memGetInfo()
    pool = cupy.get_default_memory_pool()
    return int(_SHARE * (free + pool.free_bytes()))


def check_fits(n_bytes: float, what: str) -> None:
    """Refuse what cannot fit on the GPU, before the driver does.

    Raises
    ------
    ValueError
        With the estimate, what is free, and what to do.
    """
    free = free_bytes()
    if n_bytes > free:
        raise ValueError(
            f"{what} needs about {n_bytes / 2**30:.3g} GiB on the GPU, {free / 2**30:.3g} GiB are free; take "
            "fewer chains or a smaller model, free arrays of your own, or stay on the CPU (model.to('cpu'))"
        )


def out_of_memory(error: BaseException) -> str:
    """What to do about an error of the GPU's memory, to be put behind its text; nothing for other errors."""
    text = f"{type(error).__name__}: {error}"
    if not any(name in text for name in ("OutOfMemoryError", "CUDA_ERROR_OUT_OF_MEMORY", "ALLOC_FAILED")):
        return ""
    return (
        " (the GPU is out of memory: take fewer chains, a smaller model or fewer workers per GPU, and retry)"
    )


def blocks(n: int, bytes_each: float, fixed: float, what: str, multiple: int = 1) -> Iterator[slice]:
    """Cut ``n`` items into the largest blocks that fit beside ``fixed`` bytes; sizes are a ``multiple``."""
    check_fits(fixed + multiple * bytes_each, what)
    size = max(multiple, int((free_bytes() - fixed) / bytes_each) // multiple * multiple)
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))
