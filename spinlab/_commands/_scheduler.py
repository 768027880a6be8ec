"""Where a sweep's points are computed: ``--workers N`` here, ``--scheduler tcp://...`` on a dask cluster."""

from __future__ import annotations

import argparse
import platform
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from .._core.messages import log

CONNECT_SECONDS = 10.0
# What a point's bits and the messages between the processes depend on.
_PACKAGES = ("spinlab", "numpy", "numba", "distributed")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--workers`` and ``--scheduler``, of which a user may give one."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--workers", type=int, metavar="N", help="processes (default: run in this one)")
    group.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="a dask scheduler to compute on, as tcp://node1:8786 (needs the extra spinlab[cluster])",
    )


@contextmanager
def executor(args: argparse.Namespace) -> Iterator[Any]:
    """What :meth:`spinlab.sweeps.Sweep.run` takes as its executor, open as long as the block runs."""
    if args.scheduler is None:
        yield args.workers
        return
    with connect(args.scheduler) as cluster:
        yield cluster


@contextmanager
def connect(address: str) -> Iterator[Cluster]:
    """An executor on the workers of a dask scheduler.

    Raises
    ------
    ImportError
        Without dask.distributed.
    ConnectionError
        Nothing answers at the address.
    RuntimeError
        A worker has another version of a package that results depend on.
    """
    try:
        from distributed import Client
        from distributed.versions import VersionMismatchWarning
    except ImportError as error:
        raise ImportError(
            f"--scheduler needs dask.distributed ({error}); install it with pip install 'spinlab[cluster]'"
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VersionMismatchWarning)  # told below, in full
        try:
            client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise ConnectionError(
                f"no dask scheduler answers at {address!r} ({error}); start one with `dask scheduler` and "
                "give the address that it prints, such as tcp://node1:8786"
            ) from error
    with client:
        addresses = _check_workers(client)
        if addresses:
            client.run(_take_number, worker_numbers(addresses))
        yield Cluster(client)


class Cluster:
    """A ``concurrent.futures`` executor whose tasks refuse to run under other versions of the software."""

    far = True  # its workers may lack modules

    def __init__(self, client: Any) -> None:
        self._executor = client.get_executor()
        self._expected = versions()

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        """A future of ``function(*args)`` on one of the workers."""
        return self._executor.submit(run_checked, self._expected, function, *args)


def run_checked(expected: dict[str, str], function: Callable[..., Any], *args: Any) -> Any:
    """Run on a worker: also one that joined after the connection was made has to have the same software."""
    _check(f"a worker on {platform.node()}", versions(), expected)
    _one_thread()
    return function(*args)


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    from importlib.metadata import version

    from .. import __version__

    packages = {name: version(name) for name in _PACKAGES if name != "spinlab"}
    return {"python": platform.python_version(), "spinlab": __version__} | packages


@cache
def _one_thread() -> None:
    """Once per worker process: points run side by side, and last bits depend on BLAS threads."""
    import os

    from threadpoolctl import threadpool_limits

    from .._core.device import WORKER

    os.environ.setdefault("SPINLAB_NUM_THREADS", "1")
    os.environ.setdefault(WORKER, str(os.getpid()))  # a worker that joined later
    threadpool_limits(1)


def worker_numbers(addresses: Iterable[str]) -> dict[str, int]:
    """Number of each worker among those of its machine, by which it chooses a GPU."""
    numbers: dict[str, int] = {}
    counts: dict[str, int] = {}
    for address in sorted(addresses):  # tcp://host:port
        host = address.rpartition(":")[0]
        numbers[address] = counts[host] = counts.get(host, -1) + 1
    return numbers


def _take_number(numbers: dict[str, int], dask_worker: Any) -> None:
    """Once on each worker."""
    import os

    from .._core.device import WORKER

    os.environ.setdefault(WORKER, str(numbers[dask_worker.address]))


def _check_workers(client: Any) -> list[str]:
    """Addresses of the workers, whose software is the same as here."""
    workers = client.get_versions(packages=list(_PACKAGES))["workers"]
    if not workers:
        log.info("the scheduler has no workers yet; waiting for them")
    for address, found in workers.items():
        _check(f"the worker {address}", found["packages"], versions())
    return list(workers)


def _check(who: str, found: dict[str, Any], expected: dict[str, str]) -> None:
    """Refuse other versions; of Python's the first two numbers count."""

    def shown(name: str, version: Any) -> str:
        return ".".join(str(version).split(".")[:2]) if name == "python" else str(version)

    different = [
        f"{name} {shown(name, found.get(name))} instead of {shown(name, version)}"
        for name, version in expected.items()
        if shown(name, found.get(name)) != shown(name, version)
    ]
    if different:
        raise RuntimeError(
            f"{who} has {', '.join(different)}: its results could differ in the last bits, or not be "
            "readable. Install the same versions there (pip install -c constraints.txt) and run again; "
            "points that are finished are kept in the store"
        )
