"""Sweeps on dask: a worker that is killed, one without spinlab, and the wish for another version."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import sweep_points

from spinlab.sweeps import Store, Sweep

distributed = pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def cluster(tmp_path):
    """Starts workers at a scheduler, each a process with this environment or another one."""
    processes = []

    def start(n, **environment):
        for _ in range(n):
            arguments = [sys.executable, "-m", "distributed.cli.dask_worker", scheduler.address]
            arguments += [
                "--nthreads",
                "1",
                "--no-dashboard",
                "--local-directory",
                str(tmp_path),
                "--no-nanny",
            ]
            own = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            processes.append(subprocess.Popen(arguments, env=own, cwd=tmp_path, **quiet))
        client.wait_for_workers(len(processes), timeout=100)
        return processes

    options = {"n_workers": 0, "dashboard_address": None, "processes": False}
    with distributed.LocalCluster(**options, protocol="tcp://", host="127.0.0.1") as local:
        scheduler = local.scheduler
        with distributed.Client(local, set_as_default=False) as client:
            start.client = client
            yield start
    for process in processes:
        process.kill()
        process.wait()


def test_a_killed_worker_and_a_function_by_value(cluster, tmp_path):
    workers = cluster(2)
    sweep = sweep_points.sweep_of_steps(300)
    marker = tmp_path / "marker"
    offset = 5

    def nested(x, rng):
        if x == 20 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.002)
        return {"y": np.random.default_rng(rng).normal() + offset}

    executor = cluster.client.get_executor()
    data = Sweep(nested, {"x": range(60)}, name="nested").run(tmp_path / "store", executor, progress=False)
    assert data.failed_points == 0
    assert sum(worker.poll() == -signal.SIGKILL for worker in workers) == 1
    expected = Sweep(nested, {"x": range(60)}, name="nested").run(progress=False)
    assert data.y.values.tobytes() == expected.y.values.tobytes()
    assert sweep.run(executor=executor, progress=False).y.identical(sweep.run(progress=False).y)


WITHOUT = """
import sys
class Refuses:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "spinlab":
            raise ModuleNotFoundError("No module named 'spinlab'", name="spinlab")
sys.meta_path.insert(0, Refuses())
"""


def test_a_worker_without_spinlab(cluster, tmp_path):
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "sitecustomize.py").write_text(WITHOUT)
    cluster(1, PYTHONPATH=os.pathsep.join([str(tmp_path / "without"), *sys.path]))
    sweep = Sweep(sweep_points.product, {"a": range(5), "b": [1]})
    with pytest.raises(RuntimeError, match=r"No module named .spinlab.*Workers need spinlab"):
        sweep.run(tmp_path / "store", cluster.client.get_executor(), progress=False)
    assert Store(tmp_path / "store").status()["done"] == 0
    assert Path(tmp_path / "store.sqlite").exists()
