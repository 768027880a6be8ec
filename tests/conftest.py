"""Tests send interrupts; a shell that starts them in the background may have had interrupts ignored.

Under pytest-xdist whole files go to processes, the long ones first: a long file that begins last keeps one
process busy while the others wait.
"""

import os
import signal

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # the processes share the cores: threads of BLAS would only wait
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The files that take ten seconds and more, compilation included. The first two compile different kernels.
LONG = (
    "studies/test_phases.py",
    "core/test_device.py",
    "exact/branching/test_branching.py",
    "dynamics/test_samplers.py",
    "test_solve.py",
    "exact/planar/test_solver.py",
    "diagnose/test_diagnose.py",
    "dynamics/test_ergodicity.py",
    "studies/test_bars.py",
    "studies/test_calibration.py",
    "studies/test_glass.py",
    "test_docs.py",
    "fuzz/test_fuzz.py",
    "studies/test_studies.py",
    "sweeps/test_sweeps.py",
    "test_notebook.py",
    "test_cli.py",
)


def pytest_configure(config):
    config.option.loadscopereorder = False  # xdist would take the files with most tests first


def pytest_collection_modifyitems(config, items):
    if not hasattr(config, "workerinput"):  # a single process keeps the usual order
        return
    here = config.rootpath / "tests"
    rank = {here / name: k for k, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path, len(LONG)))


@pytest.fixture
def default_signals():
    """SIGTERM and SIGHUP end processes, as in a terminal; under nohup tests and their children ignore one."""
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = [signal.signal(number, signal.SIG_DFL) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)
