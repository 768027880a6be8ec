"""Limits of a run: seconds, a timeout per point, the first failure, errors that are small enough."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import sweep_points

from spinlab.sweeps import Store, Sweep, execute
from spinlab.sweeps.replicas import next_replicas


@pytest.mark.parametrize("executor", [None, 2])
def test_a_run_of_so_many_seconds(tmp_path, executor, caplog):
    sweep = sweep_points.sweep_of_steps(1500)  # 6 s of sleep in all
    with caplog.at_level(logging.INFO):
        data = sweep.run(tmp_path / "store", executor=executor, seconds=0.5, progress=False)
    done = Store(tmp_path / "store").status()["done"]
    assert data.missing_points == 3000 - done > 0
    assert done > 0
    assert caplog.messages[-1] == f"time is over: {done} of 3000 points computed, run again to go on"
    assert sweep.run(tmp_path / "store", seconds=0, progress=False).missing_points == 3000 - done
    counts = sweep.fill(tmp_path / "store", "1/2", seconds=0, progress=False)
    assert counts["points"] == 1500
    assert 0 < counts["done"] < 1500


@pytest.mark.parametrize("executor", [None, 2])
def test_a_point_that_takes_too_long(tmp_path, executor):
    sweep = Sweep(sweep_points.sleeps, {"x": [0.0, 30.0, 0.01, 40.0, 0.02]})
    start = time.monotonic()
    with pytest.warns(
        RuntimeWarning, match=r"2 of 5 .*TimeoutError: the point took longer than timeout=0.5 s"
    ):
        data = sweep.run(tmp_path / "store", executor, timeout=0.5)
    assert time.monotonic() - start < 30
    assert data.y.values[:, 0].tolist()[::2] == [0.0, 0.01, 0.02]
    assert data.failed_points == 2
    assert [failure["params"] for failure in Store(tmp_path / "store").errors()] == [{"x": 30.0}, {"x": 40.0}]


def test_a_point_stuck_in_compiled_code_or_catching_everything(tmp_path, monkeypatch):
    """The worker is ended from outside of Python; the others keep their points."""
    monkeypatch.setattr("spinlab.sweeps.execute.GRACE", 0.5)
    sweep = Sweep(sweep_points.stuck, {"how": ["fine", "regex", "catches", "too"]})
    with pytest.warns(RuntimeWarning, match="2 of 4"):
        data = sweep.run(tmp_path / "store", executor=2, timeout=1.0)
    assert data.y.notnull().values[:, 0].tolist() == [True, False, False, True]
    assert all("TimeoutError" in failure["error"] for failure in Store(tmp_path / "store").errors())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ctrl_c_ends_a_worker_whose_point_holds_the_lock_of_the_interpreter(tmp_path):
    """As a kernel of numba without nogil: no thread of the worker can run, so it is ended from outside."""
    marker = tmp_path / "begun"

    def press():
        while not marker.exists():
            time.sleep(0.01)
        signal.raise_signal(signal.SIGINT)

    sweep = Sweep(sweep_points.begun_and_stuck, {"x": [1]}, fixed={"marker": str(marker)})
    threading.Thread(target=press, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        sweep.run(tmp_path / "store", executor=1, progress=False)
    assert_gone(int(marker.read_text()))


def assert_gone(process):
    """It has ended, or will within seconds; a zombie has."""
    place, deadline = Path(f"/proc/{process}"), time.monotonic() + 10
    while place.exists() and (place / "stat").read_text().split()[2] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")
def test_a_worker_dies_with_its_parent_in_the_middle_of_a_call_of_c():
    orphan = (
        "import os, re\nfrom spinlab.sweeps.execute import _die_with_parent\nreader, writer = os.pipe()\n"
        "if os.fork():\n    os.read(reader, 1)\n    os._exit(0)\n"
        "_die_with_parent()\nprint(os.getpid(), flush=True)\nos.write(writer, b'x')\n"
        "re.match(r'(a+)+$', 'a' * 40 + 'b')"
    )
    run = subprocess.run([sys.executable, "-c", orphan], stdout=subprocess.PIPE, timeout=60)
    assert_gone(int(run.stdout))


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="asks the system")
def test_what_a_new_worker_takes_over(monkeypatch):
    """Ctrl-C waits until it can be ignored there; joblib's way to start processes is unknown to it."""
    methods = ["loky"]
    monkeypatch.setattr("multiprocessing.get_start_method", lambda allow_none: methods[-1])
    monkeypatch.setattr("multiprocessing.set_start_method", lambda method, force: methods.append(method))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    with execute._spawning():
        assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
        assert methods[-1] == "spawn"
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
    assert methods[-1] == "loky"


def test_a_process_that_may_not_start_workers(monkeypatch):
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)
    sweep = Sweep(sweep_points.sometimes, {"x": [1]})
    assert sweep.run(progress=False).y == 1
    with pytest.raises(RuntimeError, match=r"this process is a daemon, as those of multiprocessing\.Pool"):
        sweep.run(executor=1, progress=False)


@pytest.mark.parametrize("executor", [None, 1])
def test_the_first_failure_stops(tmp_path, monkeypatch, executor):
    monkeypatch.setenv("SWEEP_POINTS_FAIL", "1")
    sweep = Sweep(sweep_points.sometimes, {"x": [1, 2, *range(3, 3000)]})
    with pytest.raises(RuntimeError, match=r'(?s)stopped at the first failure, {"x":2}, replica 0:.*no luck'):
        sweep.run(tmp_path / "store", executor=executor, fail_fast=True, progress=False)
    status = Store(tmp_path / "store").status()
    assert (status["failed"], status["done"] >= 1) == (1, True)
    assert status["missing"] > 0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"seconds": -1}, ValueError, "seconds must be a finite number of at least 0"),
        ({"seconds": "1"}, TypeError, "seconds must be a real number"),
        ({"timeout": 0}, ValueError, "timeout must be a finite number above 0"),
        ({"timeout": 1, "executor": sweep_points.Submits()}, ValueError, "timeout needs workers that this"),
        ({"fail_fast": 1}, TypeError, "fail_fast must be True or False"),
        ({"retry": "yes"}, TypeError, "retry must be True or False"),
    ],
)
def test_bad_limits(options, error, message):
    with pytest.raises(error, match=message):
        Sweep(sweep_points.sometimes, {"x": [1]}).run(**options)


# --- errors small enough --------------------------------------------------------------------------------


@pytest.mark.parametrize("executor", [None, 2])
def test_replicas_until_the_errors_are_small(tmp_path, executor):
    sweep = Sweep(sweep_points.normal, {"width": [0.1, 1.0, 3.0]}, replicas=30, seed=2)
    data = sweep.run_until({"y": 0.1}, tmp_path / "store", max_replicas=400, executor=executor)
    n = data.y.notnull().sum("replica").values
    error = (data.y.std("replica", ddof=1) / n**0.5).values
    assert n[0] == 30
    assert 60 < n[1] < 200
    assert n[2] == 400 == data.sizes["replica"]
    assert (error[:2] <= 0.1).all()
    assert error[2] > 0.1
    assert data.unreached == 1
    full = Sweep(sweep_points.normal, {"width": [0.1, 1.0, 3.0]}, replicas=400, seed=2).run()
    for cell, count in enumerate(n):  # the same replicas as ever
        np.testing.assert_array_equal(data.y[cell, :count], full.y[cell, :count])
    again = sweep.run_until({"y": 0.1}, tmp_path / "store", max_replicas=400)
    np.testing.assert_array_equal(again.y, data.y)
    np.testing.assert_array_equal(sweep.run_until({"y": 0.1}, max_replicas=400).y, data.y)


def test_the_largest_element_of_an_array_counts():
    sweep = Sweep(sweep_points.normal, {"width": [0.1]}, replicas=10)
    assert sweep.run_until({"y": 1.0}, max_replicas=100).sizes["replica"] == 10
    assert sweep.run_until({"pair": 1.0}, max_replicas=100).sizes["replica"] > 50  # its second is ten wide
    assert sweep.run_until({"y": 1.0, "pair": 1.0}, max_replicas=50).unreached == 1


def test_failing_points_do_not_count(monkeypatch):
    monkeypatch.setenv("SWEEP_POINTS_FAIL", "1")
    sweep = Sweep(sweep_points.sometimes, {"x": [1, 2]}, replicas=2)
    with pytest.warns(RuntimeWarning, match="8 of 16 points failed"):
        data = sweep.run_until({"y": 1.0}, max_replicas=8)
    assert data.unreached == 1
    assert data.y.notnull().sum("replica").values.tolist() == [2, 0]


@pytest.mark.parametrize(
    ("errors", "options", "message"),
    [
        ({}, {}, "errors must be a dict"),
        (0.1, {}, "errors must be a dict"),
        ({"y": 0}, {}, r"errors\['y'\] must be a finite number above 0"),
        ({"z": 1.0}, {}, "errors names 'z', which no result has; they have pair, y"),
        ({"y": 1.0}, {"max_replicas": 5}, "max_replicas must be at least 10"),
    ],
)
def test_bad_targets(errors, options, message):
    sweep = Sweep(sweep_points.normal, {"width": [1.0]}, replicas=10)
    with pytest.raises(ValueError, match=message):
        sweep.run_until(errors, **{"max_replicas": 20} | options)
    with pytest.raises(ValueError, match="at least 2"):
        Sweep(sweep_points.normal, {"width": [1.0]}).run_until({"y": 1.0}, max_replicas=20)


def test_next_number_of_replicas():
    assert next_replicas(30, 0.9, 100) == next_replicas(30, 1.0, 100) == 30
    assert next_replicas(30, 1.001, 100) == 31
    assert next_replicas(30, 1.2, 100) == 44
    assert next_replicas(30, float("inf"), 100) == 60
    assert next_replicas(80, 3.0, 100) == 100
