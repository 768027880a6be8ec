"""The store: its bytes, its file, damage, locks, full disks, export, merge and the command line."""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sweep_points
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import spinlab
from spinlab._commands import sweep as command
from spinlab.sweeps import Store, Sweep, database
from spinlab.sweeps.database import Writer
from spinlab.sweeps.encode import decode, encode, intact
from spinlab.sweeps.execute import Outcome

GRID = {"V": [8, 10], "std": [0.1, 1.0]}


def small(**options):
    return Sweep(sweep_points.product, {"a": [1, 2]}, **{"replicas": 2, "fixed": {"b": 3}} | options)


@pytest.fixture
def path(tmp_path):
    small().run(tmp_path / "store")
    return tmp_path / "store.sqlite"


def bits(dataset):
    return {name: (v.dims, v.dtype.str, v.values.tobytes()) for name, v in dataset.variables.items()}


# --- bytes --------------------------------------------------------------------------------------------

arrays = hnp.arrays(
    st.sampled_from(["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", ">f8", ">i4"]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)


@settings(deadline=None, derandomize=True, max_examples=80)
@given(st.dictionaries(st.from_regex(r"[a-zβ]{1,4}", fullmatch=True), arrays, min_size=1, max_size=4))
def test_results_survive_as_bytes(result):
    again = decode(encode(result))
    assert list(again) == list(result)
    for name, array in result.items():
        assert again[name].shape == array.shape
        assert again[name].dtype == array.dtype.newbyteorder("<")
        assert again[name].tobytes() == array.astype(array.dtype.newbyteorder("<")).tobytes()


def test_any_layout_of_memory():
    a = np.arange(12.0).reshape(3, 4)
    for array in (a.T, a[:, ::2], np.asfortranarray(a)):
        np.testing.assert_array_equal(decode(encode({"a": array}))["a"], array)


def test_numbers():
    again = decode(encode({"i": 3, "f": 0.1, "b": True, "n": np.int16(-4), "l": [1, 2], "nan": float("nan")}))
    assert {name: a.dtype.str for name, a in again.items()} == {
        "i": "<i8", "f": "<f8", "b": "|b1", "n": "<i2", "l": "<i8", "nan": "<f8"
    }  # fmt: skip
    assert again["f"] == 0.1
    assert np.isnan(again["nan"])


def test_every_damaged_byte_is_noticed():
    blob = encode({"a": np.arange(3), "b": 0.5})
    assert intact(blob)
    for i in range(len(blob)):
        assert not intact(blob[:i] + bytes([blob[i] ^ 1]) + blob[i + 1 :])
        assert not intact(blob[:i])
    assert not intact(None)
    assert not intact("text")


# --- status, families, export -------------------------------------------------------------------------


def test_status(path):
    status = Store(path).status()
    assert {name: status[name] for name in ("points", "done", "failed", "missing")} == {
        "points": 4, "done": 4, "failed": 0, "missing": 0
    }  # fmt: skip
    (sweep,) = status["sweeps"]
    assert sweep["function"] == "sweep_points:product"
    assert (sweep["axes"], sweep["fixed"], sweep["replicas"]) == ({"a": (1, 2)}, {"b": 3}, 2)
    assert repr(Store(path)) == f"Store({str(path)!r})"


def test_extended_grids_are_exported_as_their_union(path):
    small(replicas=3).run(path)
    Sweep(sweep_points.product, {"b": [1, 3.0]}, fixed={"a": 9}).run(path)
    (sweep,) = Store(path).status()["sweeps"]
    assert sweep["axes"] == {"b": (1, 3.0), "a": (1, 2, 9)}
    assert [sweep[name] for name in ("points", "done", "failed", "missing")] == [8, 8, 0, 0]
    data = Store(path).to_xarray()
    assert data.y.dims == ("b", "a", "replica")
    assert data.attrs["missing_points"] == 2 * 3 * 3 - 8
    nan = np.nan
    np.testing.assert_array_equal(
        data.ab, [[[nan] * 3, [nan] * 3, [9, nan, nan]], [[3] * 3, [6] * 3, [27, nan, nan]]]
    )
    assert bits(data.sel(b=3, a=[1, 2]).drop_vars("b")[["y"]]) == bits(small(replicas=3).run()[["y"]])


def test_sweeps_that_share_no_grid(path):
    small(seed=1).run(path)
    small(version="2", replicas=5).run(path)
    Sweep(sweep_points.sometimes, {"x": [1]}).run(path)
    store = Store(path)
    assert [sweep["done"] for sweep in store.status()["sweeps"]] == [4, 4, 10, 1]
    with pytest.raises(ValueError, match=r"holds 4 sweeps .* sweep=0 to 3"):
        store.to_xarray()
    with pytest.raises(ValueError, match="no sweep 4"):
        store.to_xarray(4)
    assert bits(store.to_xarray(1)) == bits(small(seed=1).run())
    assert bits(store.to_xarray(2)) == bits(small(version="2", replicas=5).run())
    assert store.to_xarray(3).y.values.tolist() == [[1]]


def test_the_software_that_computed_is_recorded(path, monkeypatch):
    before = Store(path).to_xarray().attrs
    assert before["spinlab"] == spinlab.__version__
    assert before["numpy"] == np.__version__
    monkeypatch.setattr(database, "__version__", "9.9")
    assert small().run(path).attrs == before  # nothing was computed
    assert small(replicas=3).run(path).attrs["spinlab"] == "9.9"
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM points WHERE replica = 1")
    db.close()
    assert small().run(path).attrs["spinlab"] == "9.9"
    (sweep,) = Store(path).status()["sweeps"]
    assert [sweep[name] for name in ("points", "done")] == [6, 6]


def test_seeds_on_request(path):
    data = Store(path).to_xarray(seeds=True)
    assert data.point_seed.values.ravel().tolist() == [str(point.seed) for point in small().points()]
    assert "point_seed" not in Store(path).to_xarray()


@pytest.mark.parametrize("engine", ["netcdf4", "scipy"])
def test_netcdf(tmp_path, monkeypatch, engine):
    sweep = Sweep(sweep_points.pair, GRID, replicas=2)
    data = sweep.run(tmp_path / "store")
    if engine == "scipy":
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    Store(tmp_path / "store").export(tmp_path / "out.nc")
    with xr.open_dataset(tmp_path / "out.nc", engine=engine) as again:
        xr.testing.assert_equal(again, data)
        assert again.attrs["function"] == "sweep_points:pair"
        assert again.moved.dtype == bool


def test_netcdf3_says_what_it_cannot_hold(tmp_path, monkeypatch):
    Sweep(large, {"x": [1]}).run(tmp_path / "store")
    Store(tmp_path / "store").export(tmp_path / "out.nc")
    with xr.open_dataset(tmp_path / "out.nc") as data:
        assert data.y.item() == 2**60
    (tmp_path / "out.nc").unlink()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"out\.nc.*scipy cannot hold it.*install netCDF4"):
        Store(tmp_path / "store").export(tmp_path / "out.nc")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["store.sqlite", "store.sqlite.lock"]


def large(x, rng):
    return {"y": 2**60}


def test_csv(tmp_path):
    sweep = Sweep(sweep_points.pair, GRID, replicas=2)
    sweep.run(tmp_path / "store")
    Store(tmp_path / "store").export(tmp_path / "out.csv")
    with open(tmp_path / "out.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["V", "std", "replica", "variable", "element", "value"]
    expected = []
    for point in sweep.points():
        for name, value in sweep_points.pair(**point.params, rng=point.seed).items():
            for index in np.ndindex(np.shape(value)):
                number = float(np.asarray(value)[index])
                expected.append((point.params["V"], point.params["std"], point.replica, name, index, number))
    found = [
        (int(V), float(std), int(replica), name, tuple(map(int, element.split())), float(value))
        for V, std, replica, name, element, value in rows[1:]
    ]
    assert found == expected


def test_csv_leaves_out_failures_and_quotes(tmp_path, monkeypatch):
    monkeypatch.setenv("SWEEP_POINTS_FAIL", "1")
    with pytest.warns(RuntimeWarning, match="1 of 2"):
        Sweep(sweep_points.sometimes, {"x": [1, 2]}).run(tmp_path / "store")
    Store(tmp_path / "store").export(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines()[1:] == ["1,0,y,,1"]
    Sweep(sweep_points.words, {"name": ['a,"b'], "flag": [True]}, fixed={"power": 1}).run(tmp_path / "words")
    Store(tmp_path / "words").export(tmp_path / "out.csv")
    with open(tmp_path / "out.csv", newline="") as file:
        assert list(csv.reader(file))[1:] == [
            ['a,"b', "true", "0", "length", "", "4"],
            ['a,"b', "true", "0", "upper", "", "0"],
        ]


def test_unknown_format(path):
    with pytest.raises(ValueError, match=r"known suffixes: \.nc, \.csv"):
        Store(path).export("out.txt")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        Store(path).export(path.parent / "nowhere" / "out.csv")


# --- retry --------------------------------------------------------------------------------------------


def test_retry_from_the_file_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("SWEEP_POINTS_FAIL", "1")
    sweep = Sweep(sweep_points.sometimes, {"x": [1, 2, 3]}, replicas=2)
    with pytest.warns(RuntimeWarning, match="2 of 6"):
        sweep.run(tmp_path / "store")
    assert Store(tmp_path / "store").retry() == 2
    monkeypatch.delenv("SWEEP_POINTS_FAIL")
    assert Store(tmp_path / "store").retry(executor=1) == 0
    assert bits(Store(tmp_path / "store").to_xarray()) == bits(sweep.run())
    assert Store(tmp_path / "store").retry() == 0


def test_retry_needs_the_function(tmp_path, monkeypatch):
    monkeypatch.setenv("SWEEP_POINTS_FAIL", "1")
    with pytest.warns(RuntimeWarning, match="1 of 1"):
        Sweep(sweep_points.sometimes, {"x": [2]}).run(tmp_path / "store")
    with sqlite3.connect(tmp_path / "store.sqlite") as db:
        db.execute("UPDATE sweeps SET plan = replace(plan, 'sweep_points', 'no_such_module')")
    db.close()
    with pytest.raises(ValueError, match=r"'no_such_module:sometimes', which cannot be imported.*retry=True"):
        Store(tmp_path / "store").retry()


# --- damage -------------------------------------------------------------------------------------------


def refused(path, error, message):
    """Every way in refuses, and changes nothing."""
    before = path.read_bytes()
    for entrance in (lambda: Store(path).to_xarray(), lambda: small().run(path)):
        with pytest.raises(error, match=message) as info:
            entrance()
        assert str(path) in str(info.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"x" * 5000, b"SQLite format 3\0" + b"\1" * 5000])
def test_a_file_that_is_no_store(tmp_path, content):
    (tmp_path / "data.sqlite").write_bytes(content)
    refused(tmp_path / "data.sqlite", ValueError, r"no sweep store, or damaged .* choose another name")


def test_a_foreign_database(tmp_path):
    with sqlite3.connect(tmp_path / "data.sqlite") as db:
        db.execute("CREATE TABLE points (x)")
    db.close()
    refused(tmp_path / "data.sqlite", ValueError, "is an SQLite file but no sweep store")


def test_another_layout(path):
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    refused(path, ValueError, "has layout 99, this version of spinlab knows 1")


def test_a_truncated_store(tmp_path):
    Sweep(sweep_points.steps, {"x": [1]}, replicas=200).run(tmp_path / "store")
    path = tmp_path / "store.sqlite"
    whole = path.read_bytes()
    sweep = Sweep(sweep_points.steps, {"x": [1]}, replicas=200)
    for size in (10, 100, 4096, len(whole) // 2, len(whole) - 4096):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="damaged"):
            Store(path).to_xarray()
        with pytest.raises(ValueError, match="damaged"):
            sweep.run(path)
        assert path.read_bytes() == whole[:size]


def test_an_empty_file_becomes_a_store(tmp_path):
    (tmp_path / "store.sqlite").touch()
    with pytest.raises(ValueError, match="no sweep store"):
        Store(tmp_path / "store")
    small().run(tmp_path / "store")
    assert Store(tmp_path / "store").status()["done"] == 4


def test_a_damaged_page_stops_any_sweep(tmp_path):
    """Also one that would not read the page: nothing is written into a damaged file."""
    Sweep(sweep_points.product, {"a": range(100), "b": [1]}).run(tmp_path / "store")
    whole = (tmp_path / "store.sqlite").read_bytes()
    for page in range(3, len(whole) // 4096):
        content = bytearray(whole)
        content[page * 4096 : (page + 1) * 4096] = b"\xff" * 4096
        (tmp_path / "store.sqlite").write_bytes(content)
        with pytest.raises(ValueError, match="damaged"):
            Sweep(sweep_points.sometimes, {"x": [1]}).run(tmp_path / "store")
        assert (tmp_path / "store.sqlite").read_bytes() == content


def test_a_damaged_result_is_named_and_computed_again(path):
    with sqlite3.connect(path) as db:
        (name,) = db.execute("SELECT id FROM points WHERE params LIKE '%\"a\":2%' AND replica = 1").fetchone()
        db.execute("UPDATE points SET result = zeroblob(40) WHERE id = ?", (name,))
    db.close()
    with pytest.warns(RuntimeWarning, match=f'point {name} .*"a":2.*, replica 1.* is damaged'):
        data = Store(path).to_xarray()
    assert np.isnan(data.y.values).tolist() == [[False, False], [False, True]]
    assert bits(small().run(path)) == bits(small().run())
    assert bits(Store(path).to_xarray()) == bits(small().run())


def test_no_such_store(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such store: .*nowhere\.sqlite"):
        Store(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


# --- locks, permissions, full disks ---------------------------------------------------------------------

HOLD = """
import sys
from pathlib import Path
from spinlab.sweeps.database import Writer
with Writer(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_writer(path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    with pytest.raises(BlockingIOError, match="another process is writing this store") as info:
        small(replicas=3).run(path)
    assert str(path) in str(info.value)
    assert Store(path).to_xarray().y.size == 4  # readers may
    process.kill()
    process.communicate()
    small(replicas=3).run(path)  # no stale lock
    with Writer(path), pytest.raises(BlockingIOError):
        small(replicas=3).run(path)


def test_readers_while_writing(path):
    with Writer(path) as writer:
        sweep = small(replicas=4)
        key, _ = writer.add(sweep.plan, computes=True)
        for n, point in enumerate(sweep.points()):
            writer.save(key, point, Outcome(encode({"y": n}), None, 0.0))
            writer.flush()
            assert Store(path).status()["failed"] == 0
    assert Store(path).status()["done"] == 8


@pytest.mark.parametrize("store", ["/dev/null/store", "/proc/store"])
def test_folders_that_cannot_be_written(store):
    with pytest.raises(OSError, match=store):
        small().run(store)


def test_a_folder_in_the_way(tmp_path):
    (tmp_path / "store.sqlite").mkdir()
    with pytest.raises(OSError, match=r"here is a folder.*store\.sqlite"):
        small().run(tmp_path / "store")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_permissions(path):
    path.chmod(0o400)
    assert Store(path).status()["done"] == 4
    with pytest.raises(PermissionError, match="read-only"):
        small(replicas=3).run(path)
    path.chmod(0o600)
    path.parent.chmod(0o500)
    with pytest.raises(PermissionError):
        small(replicas=3).run(path)
    path.parent.chmod(0o700)


def test_a_full_disk_leaves_what_was_saved(path, monkeypatch):
    connect = database._connect

    def limited(*args, **options):
        db = connect(*args, **options)
        db.execute("PRAGMA max_page_count = 40")
        return db

    monkeypatch.setattr(database, "_connect", limited)
    monkeypatch.setattr(database, "COMMIT_SECONDS", 0.0)
    sweep = Sweep(kilobytes, {"x": range(100)})
    with pytest.raises(OSError, match=r"disk is full.* run again to resume.*store\.sqlite"):
        sweep.run(path)
    monkeypatch.undo()
    assert bits(Store(path).to_xarray(0)) == bits(small().run())
    done = Store(path).status()["sweeps"][1]["done"]
    assert 10 < done < 40
    assert bits(sweep.run(path)) == bits(sweep.run())


def kilobytes(x, rng):
    return {"y": np.random.default_rng(rng).normal(size=500)}


LIMITED = """
import resource, sys
import test_store
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
from spinlab.sweeps import Sweep, database
database.COMMIT_SECONDS = 0.0
try:
    Sweep(test_store.kilobytes, {"x": range(100)}).run(sys.argv[1])
except OSError as error:
    print(error)
"""


def test_a_limit_on_the_size_of_files(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "store")],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(Path(__file__).parent)])},
    )
    assert "make room" in result.stdout, result.stderr
    assert 10 < Store(tmp_path / "store").status()["done"] < 100
    assert bits(Sweep(kilobytes, {"x": range(100)}).run(tmp_path / "store")) == bits(
        Sweep(kilobytes, {"x": range(100)}).run()
    )


# --- merge ----------------------------------------------------------------------------------------------


def test_merge(path, tmp_path, monkeypatch):
    monkeypatch.setenv("SWEEP_POINTS_FAIL", "1")
    failing = Sweep(sweep_points.sometimes, {"x": [1, 2]})
    with pytest.warns(RuntimeWarning, match="1 of 2"):
        failing.run(path)
    with pytest.warns(RuntimeWarning, match="1 of 2"):
        Sweep(sweep_points.sometimes, {"x": [2, 4]}).run(tmp_path / "second")
    monkeypatch.delenv("SWEEP_POINTS_FAIL")
    small(replicas=3).run(tmp_path / "second")
    Sweep(sweep_points.sometimes, {"x": [2]}).run(tmp_path / "third")
    Store(path).merge(tmp_path / "second", path)
    assert [sweep["done"] for sweep in Store(path).status()["sweeps"]] == [6, 2]
    assert Store(path).status()["failed"] == 1
    Store(path).merge(Store(tmp_path / "third"))
    assert Store(path).status()["failed"] == 0
    assert bits(Store(path).to_xarray(0)) == bits(small(replicas=3).run())
    assert Store(path).to_xarray(1).y.values.tolist() == [[1], [4], [16]]
    Store(path).merge(tmp_path / "second")  # the failure there does not replace the result here
    assert Store(path).status()["failed"] == 0


def test_merge_refuses_different_results(path, tmp_path):
    shutil.copy(path, tmp_path / "other.sqlite")
    small(replicas=5).run(tmp_path / "other")
    with sqlite3.connect(tmp_path / "other.sqlite") as db:
        (name,) = db.execute("SELECT id FROM points WHERE replica = 1 LIMIT 1").fetchone()
        db.execute("UPDATE points SET result = ? WHERE id = ?", (encode({"y": 0}), name))
    db.close()
    with pytest.raises(ValueError, match=f"point {name} .* has different results in .*without a new version"):
        Store(path).merge(tmp_path / "other")
    assert Store(path).status()["done"] == 4
    assert len(Store(path).status()["sweeps"]) == 1


def test_an_interrupted_merge_is_an_interrupt_and_takes_nothing(path, tmp_path, monkeypatch):
    """SQLite tells of any exception in its callbacks as of a damaged store."""
    shutil.copy(path, tmp_path / "other.sqlite")
    small(replicas=5).run(tmp_path / "other")
    before = bits(Store(path).to_xarray())

    def press(blob):
        signal.raise_signal(signal.SIGINT)
        return True

    monkeypatch.setattr("spinlab.sweeps.store.intact", press)
    with pytest.raises(KeyboardInterrupt):
        Store(path).merge(tmp_path / "other")
    assert bits(Store(path).to_xarray()) == before
    monkeypatch.undo()
    Store(path).merge(tmp_path / "other")
    assert bits(Store(path).to_xarray()) == bits(small(replicas=5).run())


def test_merge_heals_damaged_results(path, tmp_path):
    shutil.copy(path, tmp_path / "other.sqlite")
    for file, replica in ((path, 0), (tmp_path / "other.sqlite", 1)):
        with sqlite3.connect(file) as db:
            db.execute("UPDATE points SET result = zeroblob(40) WHERE replica = ?", (replica,))
        db.close()
    Store(path).merge(tmp_path / "other")
    assert bits(Store(path).to_xarray()) == bits(small().run())


# --- command line -----------------------------------------------------------------------------------------


def run_command(*words):
    parser = argparse.ArgumentParser(prog="spinlab")
    command.add_parser(parser.add_subparsers(dest="command"))
    args = parser.parse_args(["sweep", *map(str, words)])
    return args.run(args)


def test_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SWEEP_POINTS_FAIL", "1")
    path = tmp_path / "store"
    with pytest.warns(RuntimeWarning, match="1 of 12"):
        Sweep(sweep_points.sometimes, {"x": range(12)}, seed=3).run(path)
    assert run_command("status", path, "--errors") == 0
    out = capsys.readouterr().out
    assert "sweep 0: sweep_points:sometimes, version 1, seed 3" in out
    assert "x = 0, 1, 2, ..., 9, 10, 11 (12)" in out
    assert "12 points: 11 done, 1 failed, 0 missing" in out
    assert "ZeroDivisionError: no luck with 2" in out
    assert run_command("retry", path) == 1
    assert "1 points still fail" in capsys.readouterr().out
    monkeypatch.delenv("SWEEP_POINTS_FAIL")
    assert run_command("retry", path, "--workers", 1, "--quiet") == 0
    assert run_command("export", path, tmp_path / "out.csv") == 0
    assert run_command("export", path, tmp_path / "out.nc", "--sweep", 0) == 0
    with xr.open_dataset(tmp_path / "out.nc") as data:
        assert data.y.values.ravel().tolist() == [x * x for x in range(12)]


@pytest.mark.parametrize("action", [[], ["status"], ["export"], ["retry"]])
def test_help(action, capsys):
    with pytest.raises(SystemExit) as info:
        run_command(*action, "--help")
    assert info.value.code == 0
    assert "spinlab sweep" in capsys.readouterr().out


def test_command_imports_nothing_heavy():
    code = (
        "import sys, spinlab._commands.sweep, spinlab.sweeps;"
        "print([m for m in ('numba', 'xarray', 'tqdm', 'pandas') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.slow
def test_a_million_points(tmp_path):
    axes = {"V": range(100), "std": np.arange(1, 101) / 7}
    sweep = Sweep(sweep_points.pair, axes, replicas=100)
    blob = encode({"energy": 0.5, "count": 3})
    with Writer(tmp_path / "store.sqlite") as writer:
        key, _ = writer.add(sweep.plan, computes=True)
        for point in sweep.points():
            writer.save(key, point, Outcome(blob, None, 0.001))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert Store(tmp_path / "store").status()["done"] == 10**6
    data = Store(tmp_path / "store").to_xarray()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert data["count"].dtype.kind == "i"
    assert (data.energy == 0.5).all()
    assert (after - before) / 1024 < 200  # MB; the data take 16
    assert json.loads(data.attrs["fixed"]) == {}
