"""Stores in trouble: odd paths, damaged content, removed, replaced, on full and read-only disks; exports."""

from __future__ import annotations

import csv
import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import warnings
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import sweep_points
import xarray as xr

import spinlab as sl
from spinlab.cli import main
from spinlab.sweeps import Store, Sweep, database, to_netcdf
from spinlab.sweeps.encode import decode, encode

SWEEP = Sweep(sweep_points.product, {"a": [1, 2]}, fixed={"b": 3}, replicas=2)


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    SWEEP.fill(tmp_path / "store")
    return tmp_path / "store.sqlite"


def change(path, sql):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(sql)


# --- names of files -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("store", "error", "message"),
    [
        ("", ValueError, "a store needs the name of a file, got ''"),
        ("a\0b", ValueError, "a store needs the name of a file"),
        (".", IsADirectoryError, "names a folder; add a name: '.'"),
        ("..", IsADirectoryError, "names a folder"),
        ("/", IsADirectoryError, "names a folder"),
        ("folder/", IsADirectoryError, "names a folder; add a name: 'folder/'"),
        ("a" * 250, OSError, "the store's name is longer than 242 bytes"),
        ("map.nc", ValueError, r"SQLite file, which \.nc is not, got 'map.nc': give 'map'"),
        (b"store", TypeError, "must be a str or a path, got b'store'"),
        (3, TypeError, "must be a str or a path, got 3"),
        (True, TypeError, "must be a str or a path, got True"),
    ],
)
def test_odd_paths(store, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for use in (SWEEP.run, SWEEP.fill, Store):
        with pytest.raises(error, match=message):
            use(store)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_went_away_under_the_process(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here").rmdir()
    with pytest.raises(FileNotFoundError, match="the folder that this process works in is gone"):
        Store("store")
    with pytest.raises(FileNotFoundError, match="the folder that this process works in is gone"):
        sl.models.save_instance(sl.models.SparseIsing([[0, 1], [1, 0]]), "model.txt")


@pytest.mark.parametrize("n", [242 - len(".sqlite"), 243 - len(".sqlite")])
def test_the_longest_name(n, tmp_path):
    """SQLite puts NAME.lock-journal beside a locked store; a longer name was told to lack a permission."""
    if n + len(".sqlite.lock-journal") <= 255:
        assert Sweep(sweep_points.sometimes, {"x": [1]}).run(tmp_path / ("n" * n)).y == 1
        return
    with pytest.raises(OSError, match="longer than 242 bytes"):
        Store(tmp_path / ("n" * n))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize("how", ["returns", "raises", "interrupted"])
def test_a_copy_that_a_point_forgot_ends_and_writes_nothing(how, tmp_path):
    """It went on with the sweep, and its failure took the place of the result."""
    process = os.getpid()
    try:
        data = Sweep(sweep_points.forks, {"x": [1, 2, 3]}, fixed={"how": how}).run(
            tmp_path / "s", progress=False
        )
    except BaseException:
        if os.getpid() == process:
            raise
        os._exit(0)
    if os.getpid() != process:
        os._exit(0)
    assert data.y.values[:, 0].tolist() == [1, 2, 3]
    assert Store(tmp_path / "s").status()["done"] == 3


def test_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    SWEEP.fill("~/results/store")
    assert (tmp_path / "results" / "store.sqlite").is_file()
    assert Store("~/results/store").status()["done"] == 4
    monkeypatch.setattr(os.path, "expanduser", lambda text: text)
    with pytest.raises(ValueError, match="the home folder of '~/store' is not known"):
        SWEEP.fill("~/store")


# --- damaged content ------------------------------------------------------------------------------------

PLANS = {
    "text": "'xx'", "list": "'[]'", "null": "'null'", "blob": "x'00ff'", "deep": f"'{'[' * 10**5}'",
    "axes": "json_set(plan, '$.axes', 3)", "no axes": "json_remove(plan, '$.axes')",
    "value": "json_set(plan, '$.axes.a', json('[{}]'))", "seed": "json_set(plan, '$.seed', 'x')",
    "replicas": "json_set(plan, '$.replicas', 2000000000)", "name": "json_set(plan, '$.function', 1)",
    "negative": "json_set(plan, '$.replicas', -1)",
}  # fmt: skip
POINTS = {
    "parameters": "UPDATE points SET params = 'zz', error = 'e'",
    "deep": f"UPDATE points SET error = 'e', params = '{'[' * 10**5}'",
    "seed": "UPDATE points SET seed = 'zz', error = 'e'",
    "error": "UPDATE points SET error = x'00ff', result = NULL",
    "result": "UPDATE points SET result = 'abc'",
    "foreign": "UPDATE points SET result = x'CAFE0000' || CAST('[[1' AS BLOB)",
    "view": "ALTER TABLE points RENAME TO p; CREATE VIEW points AS SELECT * FROM p;",
    "endless": "DROP TABLE points; CREATE VIEW points AS WITH RECURSIVE c(id, sweep, params, replica, seed, "
    "result, error, seconds) AS (SELECT 1, 1, '{}', 0, '1', NULL, 'e', 1.0 UNION ALL SELECT id + 1, 1, '{}', "
    "0, '1', NULL, 'e', 1.0 FROM c) SELECT * FROM c;",
    "trigger": "CREATE TRIGGER t AFTER INSERT ON points BEGIN DELETE FROM points; END;",
    "columns": "ALTER TABLE points ADD COLUMN more",
    "names": "CREATE TABLE names (a, b)",
    "made": "UPDATE sweeps SET made = '[1]'",
    "no sweeps": "DELETE FROM sweeps",
}


@pytest.mark.parametrize(
    "sql", [f"UPDATE sweeps SET plan = {plan}" for plan in PLANS.values()] + [*POINTS.values()],
    ids=[*PLANS, *POINTS],
)  # fmt: skip
def test_damaged_content_is_an_error_that_names_the_file(path, sql):
    change(path, sql)
    uses = {
        "status": lambda: Store(path).status(),
        "errors": lambda: Store(path).errors(),
        "xarray": lambda: Store(path).to_xarray(),
        "csv": lambda: Store(path).export("out.csv"),
        "retry": lambda: Store(path).retry(),
        "merge": lambda: Store("other").merge(path),
        "run": lambda: SWEEP.run(path),
    }
    for use in uses.values():
        SWEEP.fill("other")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            try:
                use()
            except ValueError as error:
                assert "store.sqlite" in str(error)  # noqa: PT017  (it may also work)


@pytest.mark.parametrize("damage", ["plan", "page", "cut", "nothing"])
def test_salvage(tmp_path, damage, capsys):
    sweep = Sweep(sweep_points.product, {"a": range(100), "b": [1]}, replicas=3)
    sweep.fill(tmp_path / "store")
    path = tmp_path / "store.sqlite"
    content = bytearray(path.read_bytes())
    if damage == "plan":
        change(path, "UPDATE sweeps SET plan = 'xx'")
    elif damage == "page":
        content[8 * 4096 : 9 * 4096] = b"\xff" * 4096
        path.write_bytes(content)
    elif damage == "cut":
        path.write_bytes(content[: len(content) * 3 // 4])
    before = path.read_bytes()
    assert main(["sweep", "salvage", str(path), str(tmp_path / "saved")]) == 0
    print(capsys.readouterr().out)
    assert path.read_bytes() == before
    with closing(sqlite3.connect(tmp_path / "saved.sqlite")) as db:
        n = db.execute("SELECT count(*) FROM points").fetchone()[0]
    assert {"plan": 300, "nothing": 300}.get(damage, 100) <= n <= 300
    assert damage in ("plan", "nothing") or n < 300
    again = sweep.run(tmp_path / "saved")
    assert again.y.values.tobytes() == sweep.run().y.values.tobytes()
    with pytest.raises(FileExistsError, match="name a new one"):
        Store.salvage(path, tmp_path / "saved")
    (tmp_path / "text.sqlite").write_text("no store at all")
    with pytest.raises(ValueError, match=r"text\.sqlite' is no sweep store"):
        Store.salvage(tmp_path / "text", tmp_path / "new")


# --- removed, replaced, read-only, full -----------------------------------------------------------------


def removes(x, how, rng):
    if x == 3 and how == "removed":
        Path("s.sqlite").unlink()
    elif x == 3 and how == "replaced":
        shutil.copy("store.sqlite", "copy.sqlite")
        os.replace("copy.sqlite", "s.sqlite")
    elif x == 3:
        shutil.rmtree("folder")
    return {"y": x}


@pytest.mark.parametrize("how", ["removed", "replaced", "folder"])
def test_a_store_that_goes_away_is_saved_elsewhere(path, how, monkeypatch):
    monkeypatch.setattr(database, "COMMIT_SECONDS", 0.0)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(path.parent))
    store = path.parent / "folder" / "s" if how == "folder" else path.parent / "s"
    sweep = Sweep(removes, {"x": [1, 2, 3, 4, 5]}, fixed={"how": how})
    with pytest.raises(
        OSError, match=r"removed or replaced while this process wrote it; all .* is in '"
    ) as info:
        sweep.run(store)
    assert "s.sqlite" in str(info.value)
    (rescued,) = path.parent.glob("s.rescued-*.sqlite")
    assert str(rescued) in str(info.value)
    assert Store(rescued).status()["done"] == 3
    assert Sweep(removes, {"x": [1, 2, 3, 4]}, fixed={"how": how}).run(rescued).y.values.tolist() == [
        [1], [2], [3], [4]
    ]  # fmt: skip


needs_mount = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("mount") is None,
    reason="only root can mount a disk",
)


@pytest.fixture
def disk(tmp_path):
    """A disk of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder]).returncode:
        pytest.skip("this container may not mount a disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def numbers(x, rng):
    return {"y": np.random.default_rng(rng).normal(size=4000)}


@needs_mount
def test_a_full_disk_under_every_writer(disk, tmp_path, monkeypatch):
    """What was saved before is intact, the error names the file, nothing half is left."""
    monkeypatch.setattr(database, "COMMIT_SECONDS", 0.0)
    sweep = Sweep(numbers, {"x": range(100)})  # 3 MB
    with pytest.raises(OSError, match=r"disk is full.*run again to resume.*store\.sqlite") as info:
        sweep.run(disk / "store")
    assert info.value.errno in (errno.ENOSPC, errno.EIO)
    done = Store(disk / "store").status()["done"]
    assert 5 < done < 31
    shutil.copy(disk / "store.sqlite", tmp_path / "store.sqlite")
    assert sweep.run(tmp_path / "store").y.values.tobytes() == sweep.run().y.values.tobytes()
    kept = sorted(disk.iterdir())
    data = sweep.run(tmp_path / "store")
    couplings = sl.ensembles.sk(N=500, rng=0).J
    writers = {
        "out.csv": lambda path: Store(tmp_path / "store").export(path),
        "out.nc": lambda path: Store(tmp_path / "store").export(path),
        "data.nc": lambda path: to_netcdf(data, path),
        "other.sqlite": lambda path: Store.salvage(tmp_path / "store", path),
        "model.npz": lambda path: sl.models.save_instance(sl.models.DenseIsing(couplings), path),
        "model.txt": lambda path: sl.models.save_instance(sl.ensembles.sk(N=400, rng=0), path),
    }  # fmt: skip
    for name, write in writers.items():
        with pytest.raises(OSError, match=name.split(".")[0]):
            write(disk / name)
        for left in disk.glob(f"{name}*"):  # of the salvage
            left.unlink()
        assert sorted(disk.iterdir()) == kept, name
    with pytest.raises(OSError, match="store"):
        Store(disk / "store").merge(tmp_path / "store")
    assert Store(disk / "store").status()["done"] == done


@needs_mount
def test_a_store_on_a_read_only_disk(disk):
    SWEEP.fill(disk / "store")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    assert Store(disk / "store").status()["done"] == 4
    assert Store(disk / "store").to_xarray().y.size == 4
    assert SWEEP.run(disk / "store").y.size == 4  # nothing is missing
    with pytest.raises(PermissionError, match=r"its disk is mounted read-only.*store\.sqlite"):
        Sweep(sweep_points.product, {"a": [1, 2, 3]}, fixed={"b": 3}).run(disk / "store")
    with pytest.raises(PermissionError, match="its disk is mounted read-only"):
        SWEEP.run(disk / "new")
    with pytest.raises(OSError, match="folder"):
        SWEEP.run(disk / "folder" / "new")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("setpriv") is None,
    reason="only root can act as another user, by setpriv",
)
def test_a_store_of_another_user(tmp_path):
    SWEEP.fill(tmp_path / "store")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    code = (
        "import sys; from spinlab.sweeps import Store; store = Store(sys.argv[1])\n"
        "print(store.status()['done'])\n"
        "try: store.relabel('sweep_points:product', 'x:y')\n"
        "except PermissionError as error: print(error)"
    )
    reads = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")  # this Python and package
    other = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *reads)
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [*other, sys.executable, "-c", code, tmp_path / "store"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[0] == "4", done.stderr
    assert "read-only for you" in done.stdout
    assert "store.sqlite" in done.stdout


# --- exports --------------------------------------------------------------------------------------------


def label(rng, **params):
    return {"y": 1}


def axis_after_csv(values, tmp_path):
    Sweep(label, {"x": values}).run(tmp_path / "store")
    Store(tmp_path / "store").export(tmp_path / "out.csv")
    with open(tmp_path / "out.csv", newline="") as file:
        return [row["x"] for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([1, "1"], ["1", '"1"']),
        ([None, "null", 0.1], ["null", '"null"', "0.1"]),
        ([True, "true"], ["true", '"true"']),
        (["a\0b", 'q"', "a,\r\nb", ""], ["a\0b", 'q"', "a,\r\nb", ""]),
        ([(1, 2), (1, "2")], ["[1,2]", '[1,"2"]']),
        ([2**70, -1], [str(2**70), "-1"]),
        ([0.1, 1e-300, 1 / 3], ["0.1", "1e-300", repr(1 / 3)]),
    ],
)
def test_labels_in_csv_are_distinct(values, texts, tmp_path):
    assert axis_after_csv(values, tmp_path) == texts


@pytest.mark.parametrize("name", ["value", "variable", "element"])
def test_an_axis_named_as_a_column_of_csv_is_refused(name, tmp_path):
    Sweep(label, {name: [1, 2]}).run(tmp_path / "store")
    with pytest.raises(
        ValueError, match=f"out.csv': the axis '{name}' has the name of a column .* export .nc"
    ):
        Store(tmp_path / "store").export(tmp_path / "out.csv")
    Store(tmp_path / "store").export(tmp_path / "out.nc")
    with xr.open_dataset(tmp_path / "out.nc") as data:
        assert data[name].values.tolist() == [1, 2]


def test_what_text_cannot_hold_is_refused_by_name(tmp_path):
    Sweep(label, {"x": ["a\0b", "a"]}).run(tmp_path / "store")
    with pytest.raises(
        ValueError, match=r"out\.nc': coordinate 'x' holds 'a\\x00b', and netCDF would change"
    ):
        Store(tmp_path / "store").export(tmp_path / "out.nc")
    Sweep(label, {"x": ["\ud800", "a"]}).run(tmp_path / "second")
    for suffix in (".nc", ".csv"):
        with pytest.raises(ValueError, match=r"out.*'x' holds '\\ud800'"):
            Store(tmp_path / "second").export(tmp_path / f"out{suffix}")
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize(
    "values", [[1, "1"], [None, 0.1], [2**70, 1], ["a\0", "a"], [2**60 + 1, 0.5], [None]]
)
def test_labels_of_a_dataset_are_the_values(values, tmp_path):
    data = Sweep(label, {"x": values}).run(tmp_path / "store")
    assert data.x.values.tolist() == values
    if "a" not in values:
        known = [value for value in values if value is not None]
        assert [data.sel(x=value).x.item() for value in known] == known
        Store(tmp_path / "store").export(tmp_path / "out.nc")
        with xr.open_dataset(tmp_path / "out.nc") as again:
            assert len(set(again.x.values.tolist())) == len(values)
            assert again.x.attrs["labels"] == "JSON"


def test_half_precision_is_kept_and_ragged_rows_are_named():
    halves = np.array([0.1, 65504, -0.0, np.inf, np.nan], dtype=np.float16)
    kept = decode(encode({"y": halves}))["y"]
    assert kept.dtype == np.float32
    np.testing.assert_array_equal(kept, halves)
    with pytest.raises(ValueError, match="the result 'y' is no regular array"):
        encode({"y": [[1], [1, 2]]})


def test_masks_inside_of_a_list_are_not_dropped():
    for value in ([np.ma.array([1, 2], mask=[0, 1])], [1.0, np.ma.masked], ([np.ma.array([1])],)):
        with pytest.raises(TypeError, match="the result 'y' must be real numbers"):
            encode({"y": value})


def names_as_dimensions(x, rng):
    return {"y_dim_0": 2.0, "y": np.arange(3)}


def test_a_result_that_is_called_as_a_dimension_is_kept(tmp_path):
    with pytest.warns(
        RuntimeWarning, match="dims names 'z', which no result is called; there are y, y_dim_0"
    ):
        data = Sweep(names_as_dimensions, axes={"x": [1]}, dims={"z": ("i",)}).run(progress=False)
    assert data["y_dim_0"].item() == 2.0
    assert data["y"].dims == ("x", "replica", "y_dim_0_")


def seed_as_result(x, rng):
    return {"point_seed": 1.0}


def test_a_result_that_is_called_as_the_seeds_is_not_replaced(tmp_path):
    Sweep(seed_as_result, axes={"x": [1]}).run(tmp_path / "s", progress=False)
    assert Store(tmp_path / "s").to_xarray()["point_seed"].item() == 1.0
    with pytest.raises(ValueError, match="a result is called 'point_seed'"):
        Store(tmp_path / "s").to_xarray(seeds=True)


@pytest.mark.parametrize("value", [np.datetime64("2020", "ns"), np.timedelta64(3, "ns"), np.bytes_(b"a")])
def test_dates_are_no_numbers(value):
    with pytest.raises(TypeError, match="a parameter must be a str, int"):
        Sweep(numbers, axes={"x": [value]})


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_what_is_no_regular_file_is_said_to_be_so(tmp_path):
    os.mkfifo(tmp_path / "pipe.sqlite")
    (tmp_path / "a.sqlite").symlink_to("b.sqlite")
    (tmp_path / "b.sqlite").symlink_to("a.sqlite")
    for name, message in (("pipe", "here is a pipe or a device"), ("a", "not to be reached")):
        for use in (SWEEP.run, Store):
            with pytest.raises(OSError, match=message):
                use(tmp_path / name)
    (tmp_path / "new.sqlite").symlink_to("made.sqlite")
    SWEEP.run(tmp_path / "new", progress=False)
    assert (tmp_path / "made.sqlite").is_file()


def test_a_byte_of_sqlites_own_texts(path):
    """Not UTF-8 any more: named, and salvaged."""
    content = path.read_bytes()
    assert content.count(b"replica INTEGER") == 1
    path.write_bytes(content.replace(b"replica INTEGER", b"repl\xe9ca INTEGER"))
    for use in (SWEEP.run, lambda p: Store(p).status()):
        with pytest.raises(ValueError, match=r"walks|store.*damaged"):
            use(path)


def test_a_damaged_source_is_named_by_merge(path, tmp_path):
    bad = tmp_path / "bad.sqlite"
    content = bytearray(path.read_bytes())
    content[4096:4608] = bytes(512)  # the head of the second page
    bad.write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.sqlite' is no sweep store, or damaged"):
        Store(path).merge(bad)
