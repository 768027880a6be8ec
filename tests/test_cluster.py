"""Sweeps on a dask cluster of processes on this machine: killed workers, lost schedulers, other versions."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import sweep_points

from spinlab import cli
from spinlab._commands import _scheduler
from spinlab.sweeps import Store, Sweep

distributed = pytest.importorskip("distributed", reason="needs the extra spinlab[cluster]")

# dask closes some of its sockets and tasks late.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def bits(dataset):
    return {name: (v.dims, v.dtype.str, v.values.tobytes()) for name, v in dataset.variables.items()}


def local_cluster(n_workers):
    return distributed.LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        processes=True,
        dashboard_address=":0",
        silence_logs=100,
    )


@pytest.fixture(scope="module")
def cluster():
    with local_cluster(2) as cluster:
        yield cluster


def test_a_killed_worker_costs_only_its_points(cluster, tmp_path):
    """500 points; points 60 and 300 kill the worker that first comes to them."""
    markers = (str(tmp_path / "first"), str(tmp_path / "second"))
    sweep = Sweep(sweep_points.killed_twice, {"x": range(500)}, fixed={"markers": markers}, seed=2)
    with _scheduler.connect(cluster.scheduler_address) as executor:
        data = sweep.run(tmp_path / "store", executor, progress=False)
    assert all(Path(marker).exists() for marker in markers)
    assert data.failed_points == data.missing_points == 0
    assert bits(data) == bits(sweep.run(progress=False))  # the markers are there: this process lives


def test_any_executor_of_dask_serves(cluster):
    sweep = Sweep(sweep_points.product, {"a": range(40), "b": [1, 2]}, seed=1)
    with distributed.Client(cluster, set_as_default=False) as client:
        assert bits(sweep.run(executor=client.get_executor(), progress=False)) == bits(sweep.run())


def test_one_thread_per_point(cluster):
    with _scheduler.connect(cluster.scheduler_address) as executor:
        data = Sweep(sweep_points.threads, {"x": range(4)}).run(executor=executor, progress=False)
    assert data.blas.max() == data.spinlab.max() == 1


def test_a_point_that_kills_every_worker_fails_alone(tmp_path):
    import dask

    sweep = Sweep(sweep_points.deadly, {"x": range(8)})
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        local_cluster(1) as fragile,
        _scheduler.connect(fragile.scheduler_address) as executor,
        pytest.warns(RuntimeWarning, match="2 of 8 points failed.*WorkerDied"),
    ):
        data = sweep.run(tmp_path / "store", executor, progress=False, chunk=4)
    assert np.isnan(data.y.values[:, 0]).tolist() == [x in (3, 4) for x in range(8)]
    assert {failure["params"]["x"] for failure in Store(tmp_path / "store").errors()} == {3, 4}


def test_a_lost_scheduler_loses_no_finished_point(tmp_path):
    marker = tmp_path / "marker"
    sweep = Sweep(sweep_points.slow_after, {"x": range(20)}, fixed={"marker": str(marker)})
    with local_cluster(1) as lost:

        def close_when_halfway():
            while not marker.exists():
                time.sleep(0.02)
            time.sleep(0.2)
            lost.close()

        closer = threading.Thread(target=close_when_halfway)
        closer.start()
        with (
            pytest.raises(RuntimeError, match=r"executor could not finish a task.*run again to resume"),
            _scheduler.connect(lost.scheduler_address) as executor,
        ):
            sweep.run(tmp_path / "store", executor, progress=False, chunk=1)
        closer.join()
    done = Store(tmp_path / "store").status()["done"]
    assert 10 <= done < 20
    assert bits(sweep.run(tmp_path / "store", progress=False)) == bits(sweep.run(progress=False))


# --- the command line and its errors --------------------------------------------------------------------

WORDS = ["accessibility", "sk", "-N", "6", "8", "--std", "1", "2", "--instances", "4", "--quiet"]


def test_the_command_gives_the_same_numbers(cluster, tmp_path, capsys):
    for name, more in (("here", []), ("there", ["--scheduler", cluster.scheduler_address])):
        words = [*WORDS, "--store", str(tmp_path / name), "--out", str(tmp_path / f"{name}.csv"), *more]
        assert cli.main(words) == 0
    assert (tmp_path / "here.csv").read_bytes() == (tmp_path / "there.csv").read_bytes()


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:1", "tcp://no-such-host.invalid:8786", "elsewhere", "x://y"]
)
def test_an_unreachable_scheduler(address, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(_scheduler, "CONNECT_SECONDS", 0.3)
    store = tmp_path / "store.sqlite"
    assert cli.main([*WORDS, "--store", str(store), "--scheduler", address]) == 1
    message = capsys.readouterr().err
    assert f"no dask scheduler answers at '{address}'" in message
    assert "dask scheduler" in message
    assert not store.exists()


def test_workers_with_other_versions(cluster, tmp_path, monkeypatch, capsys):
    expected = dict(_scheduler.versions())
    monkeypatch.setattr(_scheduler, "versions", lambda: expected | {"spinlab": "9.9", "numpy": "1.0"})
    words = [*WORDS, "--store", str(tmp_path / "store"), "--scheduler", cluster.scheduler_address]
    assert cli.main(words) == 1
    message = capsys.readouterr().err
    assert f"spinlab {expected['spinlab']} instead of 9.9, numpy {np.__version__} instead of 1.0" in message
    assert "tcp://" in message

    # A worker that joins later is told apart by the task itself; what is in the store stays.
    sweep = Sweep(sweep_points.product, {"a": range(10), "b": [1]})
    sweep.fill(tmp_path / "late", "1/2")
    monkeypatch.setattr(_scheduler, "_check_workers", lambda client: None)
    with (
        _scheduler.connect(cluster.scheduler_address) as executor,
        pytest.raises(RuntimeError, match=r"spinlab .* instead of 9\.9.*finished.*kept"),
    ):
        sweep.run(tmp_path / "late", executor, progress=False)
    assert Store(tmp_path / "late").status()["done"] == 5


def test_patch_versions_of_python_do_not_matter():
    same = _scheduler.versions()
    _scheduler._check("a worker", same | {"python": same["python"] + ".final.0"}, same)
    with pytest.raises(RuntimeError, match=r"a worker has python 3\.2 instead of 3\."):
        _scheduler._check("a worker", same | {"python": "3.2.1"}, same)
    with pytest.raises(RuntimeError, match="spinlab None instead of"):
        _scheduler._check("a worker", same | {"spinlab": None}, same)


def test_without_dask(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert cli.main([*WORDS, "--scheduler", "tcp://node1:8786"]) == 1
    assert "pip install 'spinlab[cluster]'" in capsys.readouterr().err


def test_workers_or_a_scheduler(capsys):
    with pytest.raises(SystemExit):
        cli.main([*WORDS, "--workers", "2", "--scheduler", "tcp://node1:8786"])
    assert "not allowed with" in capsys.readouterr().err
