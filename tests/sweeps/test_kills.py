"""kill -9 at random moments of sweeps and of a study: nothing that was finished is lost, the bits stay."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time

import pytest
import sweep_points
import xarray as xr

from spinlab.sweeps import Store


def store_of(folder):
    """What the study's store holds; 0 before there is one."""
    found = list(folder.rglob("*.sqlite"))
    return sum(Store(path).status()["done"] for path in found if path.stat().st_size)


@pytest.mark.slow
def test_forty_kills_of_a_sweep(tmp_path):
    """Each run is killed within a second of its start, most of them while they write (2 ms a point)."""
    command = [sys.executable, sweep_points.__file__, str(tmp_path / "store"), "10000"]
    done = 0
    for kill in range(40):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout.readline() == b"go\n"
        time.sleep(random.Random(kill).uniform(0.05, 4.0))
        process.kill()
        process.wait()
        process.stdout.close()
        assert process.returncode == -signal.SIGKILL
        now = store_of(tmp_path)
        assert now >= done
        done = now
    assert done > 0
    sweep = sweep_points.sweep_of_steps(10000)
    assert sweep.run(tmp_path / "store", executor=2).y.identical(sweep.run(executor=2).y)
    assert {path.name for path in tmp_path.iterdir()} == {"store.sqlite", "store.sqlite.lock"}


def kill_a_study(tmp_path, kills, shortest, longest):
    command = [sys.executable, "-m", "spinlab", "study", "fig1", "--preset", "small", "--quiet", "--out"]
    done = 0
    for kill in range(kills):
        process = subprocess.Popen([*command, tmp_path / "killed"], stdout=subprocess.DEVNULL)
        time.sleep(random.Random(kill).uniform(shortest, longest))
        process.kill()
        process.wait()
        now = store_of(tmp_path)
        assert now >= done
        done = now
    subprocess.run([*command, tmp_path / "killed"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*command, tmp_path / "whole"], check=True, stdout=subprocess.DEVNULL)
    names = {path.name for path in (tmp_path / "whole").iterdir()}
    assert {path.name for path in (tmp_path / "killed").iterdir()} == names  # and no leftovers
    for path in (tmp_path / "whole").glob("*.nc"):
        with xr.open_dataset(path) as whole, xr.open_dataset(tmp_path / "killed" / path.name) as killed:
            assert killed.drop_attrs().identical(whole.drop_attrs())


@pytest.mark.slow
def test_forty_kills_of_a_study(tmp_path):
    kill_a_study(tmp_path, 40, 0.5, 12.0)
