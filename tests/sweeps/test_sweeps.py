"""Sweeps: seeds from content, the same bits from any executor, kills, failures, bad input."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest
import sweep_points
from hypothesis import given, settings
from hypothesis import strategies as st

from spinlab._core.progress import new_bar
from spinlab.sweeps import Store, Sweep, execute, store
from spinlab.sweeps.plan import Plan

GRID = {"V": [8, 10, 12], "std": [0.1, 1.0]}


def bits(dataset):
    """Every variable and coordinate as (dimensions, type, bytes)."""
    return {name: (v.dims, v.dtype.str, v.values.tobytes()) for name, v in dataset.variables.items()}


def content_hash(*parts):
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=16).digest()


# --- identity and seeds -------------------------------------------------------------------------------


def test_known_answers():
    points = list(Sweep(sweep_points.pair, GRID, replicas=2, seed=5, pair_over=["std"]).points())
    last = points[-1]
    assert last.params == {"V": 12, "std": 1.0}
    assert last.replica == 1
    name = "sweep_points:pair"
    seed = int.from_bytes(content_hash(name, "1", 5, {"V": 12}, 1), "big")
    assert last.seed == seed == 27836788509496440144449198104924844567
    assert last.id == content_hash(name, "1", 5, {"V": 12, "std": 1}, 1, str(seed)).hex()
    assert last.id == "619a2be7fd33cc6aa4519e5bc2456a2b"


def seeds(sweep):
    return {
        (point.params["V"], point.params["std"], point.replica): (point.id, point.seed)
        for point in sweep.points()
    }


def test_seeds_depend_on_content_alone():
    small = seeds(Sweep(sweep_points.pair, GRID, replicas=3, seed=1))
    assert len({seed for _, seed in small.values()}) == len(small) == 18
    grids = [
        {"std": [1.0, 0.1], "V": [12, 10, 8]},
        {"V": np.array([6, 8, 10, 12]), "std": np.array([0.01, 0.1, 1.0])},
        {"V": [8.0, 10, np.float32(12)], "std": (0.1, 1)},
    ]
    for grid in grids:
        large = seeds(Sweep(sweep_points.pair, grid, replicas=5, seed=1))
        assert small.items() <= large.items()
    for v in GRID["V"]:
        row = seeds(Sweep(sweep_points.pair, {"std": GRID["std"]}, fixed={"V": v}, replicas=3, seed=1))
        assert row.items() <= small.items()


def test_seeds_change_with_seed_version_and_function():
    base = Sweep(sweep_points.pair, {"V": [8], "std": [1]})
    others = [
        Sweep(sweep_points.pair, {"V": [8], "std": [1]}, seed=1),
        Sweep(sweep_points.pair, {"V": [8], "std": [1]}, version="2"),
        Sweep(lambda V, std, rng: {"y": 1}, {"V": [8], "std": [1]}),
        Sweep(sweep_points.pair, {"V": [True], "std": [1]}),
        Sweep(sweep_points.pair, {"V": ["8"], "std": [1]}),
        Sweep(sweep_points.pair, {"V": [(8,)], "std": [1]}),
        Sweep(sweep_points.pair, {"V": [None], "std": [1]}),
    ]
    points = [next(sweep.points()) for sweep in [base, *others]]
    assert len({point.id for point in points}) == len({point.seed for point in points}) == len(points)


def test_pair_over_shares_seeds_along_the_axis():
    paired = seeds(Sweep(sweep_points.pair, GRID, replicas=4, pair_over=("std",)))
    assert len({seed for _, seed in paired.values()}) == 12
    assert all(paired[v, 0.1, r][1] == paired[v, 1.0, r][1] for v in GRID["V"] for r in range(4))
    assert len({name for name, _ in paired.values()}) == 24
    data = Sweep(sweep_points.pair, GRID, replicas=4, pair_over="std").run()
    np.testing.assert_allclose(data.energy.sel(std=1.0), 10 * data.energy.sel(std=0.1), rtol=1e-15)


def test_point_gets_plain_values():
    kinds = []

    def point(n, x, name, rng):
        kinds.append((type(n), type(x), type(name), type(rng)))
        return {"y": 0}

    Sweep(
        point, {"n": np.arange(2), "x": np.linspace(0, 1, 2, dtype=np.float32)}, fixed={"name": np.str_("a")}
    ).run()
    assert set(kinds) == {(int, float, str, int)}


values = st.one_of(
    st.text(),
    st.integers(),
    st.floats(allow_nan=False),
    st.booleans(),
    st.none(),
    st.tuples(st.integers(), st.text()),
)


def number(value):
    return repr(int(value) if isinstance(value, float) and value.is_integer() else value)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(axis=st.lists(values, min_size=1, max_size=6, unique_by=number), fixed=values)
def test_plans_survive_json(axis, fixed):
    def point(a, b, rng):
        return {"y": 1}

    plan = Sweep(point, {"a": axis}, fixed={"b": fixed}).plan
    again = Plan.from_json(plan.to_json())
    assert again.to_json() == plan.to_json()
    assert list(again.points()) == list(plan.points())
    assert all(json.loads(p.text) == json.loads(json.dumps(p.params)) for p in plan.points())
    assert len({point.id for point in plan.points()}) == len(axis)


@settings(deadline=None, derandomize=True, max_examples=100)
@given(
    st.recursive(
        st.one_of(values, st.floats(), st.complex_numbers(), st.binary(), st.dates()),
        lambda inner: st.one_of(st.lists(inner), st.tuples(inner), st.dictionaries(st.text(), inner)),
    )
)
def test_any_axes_work_or_are_refused(thing):
    for axes in (thing, {"a": thing}, {"a": [thing]}, {thing: [1]} if isinstance(thing, str) else thing):
        try:
            sweep = Sweep(lambda rng, **params: {"y": 1}, axes)
        except (TypeError, ValueError):
            continue
        assert len(list(sweep.points())) == len(sweep)


# --- the same bits ------------------------------------------------------------------------------------


class SubmitOnly:
    """No more than the contract: submit() and futures, finished out of order."""

    def __init__(self):
        self.pool = ThreadPoolExecutor(3)
        self.most = 0
        self.waiting = 0
        self.lock = threading.Lock()

    def submit(self, function, *args):
        future: Future = Future()
        with self.lock:
            self.waiting += 1
            self.most = max(self.most, self.waiting)

        def work():
            result = function(*args)
            with self.lock:
                self.waiting -= 1
            future.set_result(result)

        self.pool.submit(work)
        return future


@pytest.fixture(scope="module")
def serial():
    return Sweep(sweep_points.pair, GRID, replicas=170, seed=3).run()


@pytest.mark.parametrize(
    ("executor", "chunk"),
    [(1, None), (2, None), (5, None), (2, 1), (2, 3), (2, 1000), (SubmitOnly, None), (SubmitOnly, 1)],
)
def test_same_bits_from_any_executor(serial, executor, chunk, tmp_path):
    executor = executor() if executor is SubmitOnly else executor
    sweep = Sweep(sweep_points.pair, GRID, replicas=170, seed=3)
    data = sweep.run(tmp_path / "store", executor=executor, chunk=chunk)
    assert bits(data) == bits(serial)
    assert bits(Store(tmp_path / "store").to_xarray()) == bits(serial)
    if isinstance(executor, SubmitOnly):
        assert executor.most <= execute.MAX_TASKS
        executor.pool.shutdown()


def test_dataset(serial):
    assert serial.energy.dims == ("V", "std", "replica")
    assert serial.chains.dims == ("V", "std", "replica", "chains_dim_0", "chains_dim_1")
    assert {name: v.dtype.kind for name, v in serial.items()} == {
        "energy": "f",
        "count": "i",
        "chains": "f",
        "moved": "b",
    }
    assert serial.V.values.tolist() == [8, 10, 12]
    assert serial.replica.values.tolist() == list(range(170))
    for point in Sweep(sweep_points.pair, GRID, replicas=2, seed=3).points():
        cell = serial.sel(**point.params, replica=point.replica)
        for name, value in sweep_points.pair(**point.params, rng=point.seed).items():
            np.testing.assert_array_equal(cell[name], value)
    attrs = serial.attrs
    assert (attrs["function"], attrs["seed"], attrs["fixed"]) == ("sweep_points:pair", "3", "{}")
    assert (attrs["failed_points"], attrs["missing_points"]) == (0, 0)


def test_a_long_task_gives_back_what_it_did_not_reach(tmp_path):
    """A chunk of 200 x 2 ms is cut after 0.2 s; the rest goes round again."""
    sweep = sweep_points.sweep_of_steps(100)
    assert bits(sweep.run(executor=1, chunk=200)) == bits(sweep.run())
    point = next(sweep.points())
    outcomes = execute.compute(sweep_points.steps, [(point.params, point.seed)] * 200, 0.05)
    assert 1 <= len(outcomes) < 30


def test_workers_have_one_thread_and_a_number(tmp_path):
    """The number chooses the GPU of a worker."""
    sweep = Sweep(sweep_points.threads, {"x": [1, 2]}, fixed={"folder": str(tmp_path)})
    data = sweep.run(executor=2, chunk=1)
    assert data.blas.max() == data.spinlab.max() == 1
    assert sorted(data.worker.values.ravel()) == [0, 1]


def test_extending_computes_only_the_new_points(tmp_path):
    Sweep(sweep_points.product, {"a": [1, 2]}, replicas=3, fixed={"b": 1}).run(tmp_path / "s")
    before = Store(tmp_path / "s").status()["done"]
    sweep = Sweep(sweep_points.product, {"b": [1, 5], "a": [1, 2, 3]}, replicas=4)
    data = sweep.run(tmp_path / "s")
    assert bits(data) == bits(sweep.run())
    assert before == 6
    assert Store(tmp_path / "s").status()["done"] == 2 * 3 * 4


# --- killed -------------------------------------------------------------------------------------------


def kill_and_resume(tmp_path, kills, replicas):
    """Kill the whole process at random moments, then finish; the run takes at least `replicas` x 2 ms."""
    delays = [random.Random(kill).uniform(0.1, 0.9) for kill in range(kills)]
    assert sum(delays) < replicas * 0.002
    command = [sys.executable, sweep_points.__file__, str(tmp_path / "store"), str(replicas)]
    workers = set()
    done = [0]
    for delay in delays:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout.readline() == b"go\n"
        time.sleep(delay)
        if delay is delays[-1]:  # at least one kill finds finished points, however busy the machine
            wait_until(lambda: count_done(tmp_path / "store.sqlite") > 0)
        workers |= children(process.pid)
        process.kill()
        process.wait()
        process.stdout.close()
        assert process.returncode == -signal.SIGKILL
        done.append(count_done(tmp_path / "store.sqlite"))
    assert done == sorted(done)
    assert done[-1] > 0
    assert_gone(workers)
    sweep = sweep_points.sweep_of_steps(replicas)
    finished = sweep.run(tmp_path / "store", executor=2)
    assert Store(tmp_path / "store").status()["done"] == 2 * replicas
    expected = [np.random.default_rng(point.seed).normal(size=4) for point in sweep.points()]
    assert finished.y.values.tobytes() == np.array(expected).tobytes()
    assert finished.n.dtype.kind == "i"


def children(pid):
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return set(map(int, path.read_text().split())) if path.exists() else set()


def count_done(path):
    return Store(path).status()["done"] if path.exists() and path.stat().st_size else 0


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)


def assert_gone(processes):
    wait_until(lambda: not any(map(alive, processes)), 20)
    assert not any(map(alive, processes))


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_kill_minus_nine(tmp_path):
    kill_and_resume(tmp_path, kills=3, replicas=1000)


def test_a_killed_worker_is_replaced(tmp_path):
    axes = {"x": range(12)}
    marker = str(tmp_path / "marker")
    data = Sweep(sweep_points.killed_once, axes, fixed={"marker": marker}).run(executor=2)
    assert Path(marker).exists()
    assert data.failed_points == 0
    assert bits(data) == bits(Sweep(sweep_points.killed_once, axes, fixed={"marker": marker}).run())


def test_a_point_that_kills_its_workers_fails_alone(tmp_path):
    sweep = Sweep(sweep_points.deadly, {"x": range(8)})
    with pytest.warns(RuntimeWarning, match="2 of 8 points failed.*WorkerDied"):
        data = sweep.run(tmp_path / "store", executor=2)
    assert np.isnan(data.y.values[:, 0]).tolist() == [x in (3, 4) for x in range(8)]
    assert [failure["params"] for failure in Store(tmp_path / "store").errors()] == [{"x": 3}, {"x": 4}]


def test_a_script_without_main_guard_is_told_so(tmp_path):
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from spinlab.sweeps import Sweep\n"
        "def point(x, rng):\n    return {'y': x}\n"
        "Sweep(point, {'x': [1, 2]}).run('store', executor=1, progress=False)\n"
    )
    result = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 1
    assert "if __name__ == '__main__':" in result.stderr.splitlines()[-1]


def test_a_script_goes_by_its_file_name(tmp_path):
    script = tmp_path / "guarded.py"
    script.write_text(
        "from spinlab.sweeps import Sweep\n"
        "def point(x, rng):\n    return {'y': x}\n"
        "if __name__ == '__main__':\n"
        "    print(Sweep(point, {'x': [1, 2]}).run('store', executor=1).attrs['function'])\n"
    )
    result = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True)
    assert result.stdout == "guarded:point\n", result.stderr


# --- failures -----------------------------------------------------------------------------------------


def test_failed_points_are_kept_and_retried(tmp_path, monkeypatch):
    sweep = Sweep(sweep_points.sometimes, {"x": [1, 2, 3]}, replicas=2)
    monkeypatch.setenv("SWEEP_POINTS_FAIL", "1")
    with pytest.warns(RuntimeWarning, match="2 of 6 points failed.*retry=True.*no luck with 2"):
        data = sweep.run(tmp_path / "store")
    np.testing.assert_array_equal(data.y, [[1, 1], [np.nan, np.nan], [9, 9]])
    assert data.failed_points == 2
    assert "no luck with 2" in data.first_error
    failures = Store(tmp_path / "store").errors()
    assert [f["params"] for f in failures] == [{"x": 2}, {"x": 2}]
    assert all("Traceback" in f["error"] and "ZeroDivisionError" in f["error"] for f in failures)

    monkeypatch.delenv("SWEEP_POINTS_FAIL")
    with pytest.warns(RuntimeWarning, match="2 of 6"):  # not without being asked
        sweep.run(tmp_path / "store")
    data = sweep.run(tmp_path / "store", retry=True)
    assert data.y.dtype.kind == "i"
    assert data.y.values.tolist() == [[1, 1], [4, 4], [9, 9]]
    assert data.failed_points == 0
    assert Store(tmp_path / "store").errors() == []


def test_failures_in_workers(monkeypatch):
    monkeypatch.setenv("SWEEP_POINTS_FAIL", "1")
    with pytest.warns(RuntimeWarning, match="1 of 3"):
        data = Sweep(sweep_points.sometimes, {"x": [1, 2, 3]}).run(executor=1)
    np.testing.assert_array_equal(data.y[:, 0], [1, np.nan, 9])


def test_odd_results_are_errors_of_their_points(tmp_path):
    kinds = [
        "none",
        "list",
        "empty",
        "string",
        "object",
        "complex",
        "huge",
        "ragged",
        "axis",
        "number",
    ]
    kinds += ["masked", "fine", "unknown"]
    with pytest.warns(RuntimeWarning, match="12 of 13"):
        data = Sweep(sweep_points.odd, {"kind": kinds}).run(tmp_path / "store")
    assert list(data.data_vars) == ["y"]
    assert data.y.sel(kind="fine", replica=0) == 1
    errors = {f["params"]["kind"]: f["error"].splitlines()[-1] for f in Store(tmp_path / "store").errors()}
    assert set(errors) == set(kinds) - {"fine"}
    assert all(text.startswith(("TypeError", "ValueError", "KeyError")) for text in errors.values())
    assert "dict" in errors["none"]
    assert "name of a parameter" in errors["axis"]


def test_a_point_that_exits_is_a_failure():
    for executor in (None, 1):
        with pytest.warns(RuntimeWarning, match="SystemExit: 3"):
            Sweep(sweep_points.leaves, {"x": [1]}).run(executor=executor)


def test_interrupt_keeps_what_is_done(tmp_path, caplog):
    sweep = Sweep(sweep_points.impatient, {"x": [1, 2, 3, 4]})
    with pytest.raises(KeyboardInterrupt):
        sweep.run(tmp_path / "store")
    assert "run again to resume" in caplog.messages[-1]
    assert Store(tmp_path / "store").status()["done"] == 2
    with pytest.raises(KeyboardInterrupt):
        sweep.run()
    assert "no store" in caplog.messages[-1]


def test_an_interrupted_proof_is_no_point(tmp_path):
    """Alone a proof that is interrupted returns its bound; in a sweep that would pass for the point."""
    with pytest.raises(KeyboardInterrupt):
        Sweep(sweep_points.proves, {"x": [1, 2]}).run(tmp_path / "store")
    assert Store(tmp_path / "store").status()["done"] == 0
    assert math.isfinite(sweep_points.proves(1, None)["y"])


def test_interrupt_ends_the_workers(tmp_path):
    command = [sys.executable, sweep_points.__file__, str(tmp_path / "store"), "5000"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell starts background jobs with interrupts ignored, and tests may run in one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout.readline() == "go\n"
    while not count_done(tmp_path / "store.sqlite"):
        time.sleep(0.05)
    workers = children(process.pid)
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C in a terminal does
    _, errors = process.communicate(timeout=30)
    assert "run again to resume" in errors
    assert_gone(workers)
    assert Store(tmp_path / "store").status()["missing"] > 0


class Breaking:
    """Finishes three tasks, then breaks."""

    def __init__(self):
        self.left = 3

    def submit(self, function, *args):
        future: Future = Future()
        self.left -= 1
        if self.left >= 0:
            future.set_result(function(*args))
        else:
            future.set_exception(OSError("connection to the cluster lost"))
        return future


def test_a_broken_executor_keeps_what_is_done(tmp_path):
    sweep = Sweep(sweep_points.product, {"a": range(10), "b": [1]})
    with pytest.raises(RuntimeError, match=r"connection to the cluster lost.*run again"):
        sweep.run(tmp_path / "store", executor=Breaking(), chunk=1)
    assert Store(tmp_path / "store").status()["done"] == 3


def test_progress(capsys, monkeypatch):
    sweep = Sweep(sweep_points.product, {"a": range(10), "b": [1]})
    sweep.run()
    assert capsys.readouterr().err == ""  # too short to show

    def slow(a, rng):
        time.sleep(0.06)
        return {"y": 1}

    def ten_times_as_fast(delay, mininterval, **options):
        return new_bar(delay=delay / 10, mininterval=mininterval / 10, **options)

    monkeypatch.setattr(store, "new_bar", ten_times_as_fast)
    for quiet in (False, None):  # nobody looks
        Sweep(slow, {"a": range(2)}).run(progress=quiet)
    assert capsys.readouterr().err == ""
    Sweep(slow, {"a": range(2)}).run()
    assert "2/2" in capsys.readouterr().err


# --- results with dimensions --------------------------------------------------------------------------


def test_names_of_dimensions():
    sweep = Sweep(
        sweep_points.pair,
        GRID,
        dims={"chains": ("half", "chain")},
        coords={"chain": ["a", "b", "c"], "half": [0.5, 1]},
    )
    data = sweep.run()
    assert data.chains.dims == ("V", "std", "replica", "half", "chain")
    assert data.chain.values.tolist() == ["a", "b", "c"]
    assert data.half.values.tolist() == [0.5, 1.0]


def test_dims_that_do_not_fit_are_reported_and_replaced():
    with pytest.warns(RuntimeWarning, match="do not fit 'chains'"):
        data = Sweep(sweep_points.pair, GRID, dims={"chains": "chain"}).run()
    assert data.chains.dims[3:] == ("chains_dim_0", "chains_dim_1")
    with pytest.warns(RuntimeWarning, match="coords of 'chain' has 2 values for a dimension of 3"):
        data = Sweep(
            sweep_points.pair, GRID, dims={"chains": ("half", "chain")}, coords={"chain": [1, 2]}
        ).run()
    assert "chain" not in data.coords


def test_smaller_arrays_are_filled_up():
    data = Sweep(
        sweep_points.sizes, {"n": [2, 1, 3]}, dims={"state": "site", "matrix": ("site", "side")}
    ).run()
    np.testing.assert_array_equal(data.state[:, 0], [[0, 1, np.nan], [0, np.nan, np.nan], [0, 1, 2]])
    np.testing.assert_array_equal(data.matrix[:, 0, :, 1], [[2, 2, np.nan], [1, np.nan, np.nan], [3, 3, 3]])
    assert data.matrix.dtype == np.float32


def test_another_number_of_dimensions_is_a_variable_of_its_own(tmp_path):
    sweep = Sweep(sweep_points.ragged, {"x": range(6)})
    with pytest.warns(RuntimeWarning, match="'y' has 0 dimensions at 5 points and 2 at 1; .* in 'y_2d'"):
        data = sweep.run(tmp_path / "store")
    np.testing.assert_array_equal(data.y[:, 0], [0, 1, 2, np.nan, 4, 5])
    assert data.y_2d.dims == ("x", "replica", "y_2d_dim_0", "y_2d_dim_1")
    np.testing.assert_array_equal(data.y_2d[3, 0], [[3, 3]])
    assert data.y_2d.isnull().sum() == 5 * 2
    Store(tmp_path / "store").export(tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[3:8] == ["2,0,y,,2.0", "3,0,y,0 0,3.0", "3,0,y,0 1,3.0", "4,0,y,,4.0", "5,0,y,,5.0"]


def test_one_huge_result_does_not_hide_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr("os.sysconf", lambda name: 4096 if name == "SC_PAGE_SIZE" else 100)
    with pytest.warns(
        RuntimeWarning, match="'z' of shape .* needs about .*; left out here, a CSV export has it"
    ):
        data = Sweep(sweep_points.huge, {"x": [0, 1]}).run(tmp_path / "store")
    assert data.y.values.tolist() == [[1.0], [2.0]]


def test_mixed_types():
    table = {"a": {"y": 2**60}, "b": {"y": 0.5}, "c": {"z": True}}
    with pytest.warns(RuntimeWarning, match="'y' has integers above 2\\*\\*53"):
        data = Sweep(lambda x, rng: table[x], {"x": ["a", "b", "c"]}).run()
    np.testing.assert_array_equal(data.y[:, 0], [2.0**60, 0.5, np.nan])
    np.testing.assert_array_equal(data.z[:, 0], [np.nan, np.nan, 1])


def test_labels_of_axes():
    def point(rng, **params):
        return {"y": 1}

    axes = {
        "tuple": [(1, 2), ("a", None)],
        "mixed": [1, "1"],
        "flag": [True, False],
        "number": [1, 2.5],
        "none": [None],
    }
    data = Sweep(point, axes).run()
    assert data["tuple"].values.tolist() == ["[1,2]", '["a",null]']
    assert data.mixed.values.tolist() == [1, "1"]
    assert data.sel(mixed="1").mixed.item() == "1"
    assert data.flag.values.tolist() == [True, False]
    assert data.number.values.tolist() == [1.0, 2.5]
    assert data.none.values.tolist() == [None]


def test_no_axes():
    data = Sweep(lambda rng: {"y": rng % 7}, {}, replicas=20).run()
    assert data.y.dims == ("replica",)


# --- bad input ----------------------------------------------------------------------------------------


def nothing(rng, **params):
    return {"y": 1}


@pytest.mark.parametrize(
    ("axes", "options", "error", "message"),
    [
        ({"a": []}, {}, ValueError, "axis 'a' is empty"),
        ({"a": "abc"}, {}, TypeError, "axis 'a' must be a sequence"),
        ({"a": 3}, {}, TypeError, "axis 'a' must be a sequence"),
        ({"a": {1, 2}}, {}, TypeError, "axis 'a' must be a sequence"),
        ([1, 2], {}, TypeError, "axes must be a dict"),
        ({"a": [1, 2, 1.0]}, {}, ValueError, "axis 'a' holds 1.0 twice"),
        ({"a": [0.0, -0.0]}, {}, ValueError, "axis 'a' holds 0.0 twice"),
        ({"a": [float("nan")]}, {}, ValueError, "NaN cannot be a parameter"),
        ({"a": [1j]}, {}, TypeError, "axis 'a': a parameter must be"),
        ({"a": [[1, 2]]}, {}, TypeError, "axis 'a': a parameter must be"),
        ({"a": [np.ones(2)]}, {}, TypeError, "axis 'a': a parameter must be"),
        ({"a": [object()]}, {}, TypeError, "axis 'a': a parameter must be"),
        ({"a": [np.longdouble(1)]}, {}, TypeError, "axis 'a': a parameter must be"),
        ({"a b": [1]}, {}, ValueError, "must be an identifier, got 'a b'"),
        ({1: [1]}, {}, ValueError, "must be an identifier, got 1"),
        ({"rng": [1]}, {}, ValueError, "'rng' is a name the sweep uses"),
        ({"replica": [1]}, {}, ValueError, "'replica' is a name the sweep uses"),
        ({"a": [1]}, {"fixed": {"a": 2}}, ValueError, "'a' is both an axis and a fixed parameter"),
        ({"a": [1]}, {"fixed": {"b": [2]}}, TypeError, "fixed 'b': a parameter must be"),
        ({"a": [1]}, {"fixed": [2]}, TypeError, "fixed must be a dict"),
        ({"a": [1]}, {"pair_over": ["b"]}, ValueError, "pair_over names 'b', which is no axis; axes: a"),
        ({"a": [1]}, {"replicas": 0}, ValueError, "replicas must be at least 1"),
        ({"a": [1]}, {"replicas": 1.5}, TypeError, "replicas must be an integer"),
        ({"a": [1]}, {"seed": -1}, ValueError, "seed must be at least 0"),
        ({"a": [1]}, {"seed": None}, TypeError, "seed must be an integer"),
        ({"a": [1]}, {"version": 2}, TypeError, "version must be a string"),
        ({"a": [1]}, {"dims": {"y": ["a"]}}, ValueError, "'a' is already an axis"),
        ({"a": [1]}, {"dims": {"y": ["replica"]}}, ValueError, "'replica' is already an axis"),
        ({"a": [1]}, {"dims": {"y": ["b", "b"]}}, ValueError, "repeat a name"),
        ({"a": [1]}, {"dims": {"y": [2]}}, ValueError, "must be an identifier"),
        ({"a": [1]}, {"coords": {"b": [2]}}, ValueError, "coords names 'b', which is no dimension"),
        ({"a": [1]}, {"dims": {"y": "b"}, "coords": {"b": [[2]]}}, ValueError, "must be a 1-d sequence"),
        ({"a": [1]}, {"dims": {"y": "b"}, "coords": {"b": [None]}}, ValueError, "must be a 1-d sequence"),
    ],
)
def test_bad_input(axes, options, error, message):
    with pytest.raises(error, match=message):
        Sweep(nothing, axes, **options)


@pytest.mark.parametrize("point", [3, "name", None, np.sin])
def test_bad_point_function(point):
    with pytest.raises((TypeError, ValueError)):
        Sweep(point, {"a": [1]})


def test_parameters_the_function_does_not_take():
    with pytest.raises(TypeError, match=r"product cannot be called with rng, a: missing .*'b'"):
        Sweep(sweep_points.product, {"a": [1]})
    with pytest.raises(TypeError, match=r"cannot be called with rng, a, b, c: .*'c'"):
        Sweep(sweep_points.product, {"a": [1], "b": [1]}, fixed={"c": 1})


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"executor": 0}, ValueError, "executor must be at least 1"),
        ({"executor": True}, TypeError, "executor must be None, a number of workers or"),
        ({"executor": "4"}, TypeError, "executor must be None, a number of workers or"),
        ({"chunk": 0}, ValueError, "chunk must be at least 1"),
    ],
)
def test_bad_run(options, error, message):
    with pytest.raises(error, match=message):
        Sweep(sweep_points.sometimes, {"x": [1]}).run(**options)
