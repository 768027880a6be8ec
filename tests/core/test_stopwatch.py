"""The clock of budgets on a machine whose times and load are made up."""

from __future__ import annotations

import os
import time

import pytest

from spinlab._core import stopwatch
from spinlab._core.stopwatch import Stopwatch


def test_work_takes_longer_where_others_work(monkeypatch):
    now, worked, load = 100.0, 7.0, 4.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    monkeypatch.setattr(time, "process_time", lambda: worked)
    monkeypatch.setattr(os, "getloadavg", lambda: (load * (os.cpu_count() or 1), 0.0, 0.0))
    clock = Stopwatch()
    now, worked = 100.01, 7.01  # a first turn that nobody interrupted: the load says more
    assert clock.share() == 0.25
    assert clock.wait_for(0.5) == 2.0
    now, worked = 100.02, 7.002
    assert clock.share() == pytest.approx(0.1)
    now, worked = 101.0, 7.8
    assert clock.worked() == pytest.approx(0.8)
    assert clock.share() == pytest.approx(0.8)
    assert clock.wait_for(0.4) == pytest.approx(0.5)
    now, worked = 102.0, 12.0  # of several threads one can have so much
    assert clock.share() == 1.0
    assert clock.wait_for(5.0) == pytest.approx(2.0)
    now, worked = 200.0, 7.0
    assert 0.0 < clock.share() < 0.1


def test_kernels_count_neither_as_time_nor_as_work(monkeypatch):
    """A first state that loaded its kernels left no time for a second one: of .5 s .1 were used."""
    now, worked = 100.0, 7.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    monkeypatch.setattr(time, "process_time", lambda: worked)
    clock = Stopwatch()
    now, worked = 101.0, 7.5
    stopwatch._compiler.on_start(None)
    now, worked = 104.0, 8.5
    assert clock.seconds() == pytest.approx(1.0)  # compiling goes on
    assert clock.worked() == pytest.approx(0.5)
    stopwatch._compiler.on_end(None)
    now, worked = 105.0, 9.0
    assert clock.seconds() == pytest.approx(2.0)
    assert clock.worked() == pytest.approx(1.0)
    assert clock.share() == pytest.approx(2.0 / 5.0)  # of a processor, compiling or not
