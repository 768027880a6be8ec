"""Files: leftovers of killed writers, errors that name the file, archives that lie about their size."""

from __future__ import annotations

import errno
import gc
import io
import os
import subprocess
import sys
import threading
import time
import zipfile
from importlib.util import find_spec

import numpy as np
import pytest

import spinlab as sl
from spinlab._core import files
from spinlab._core.files import atomic_write, read_all
from spinlab._core.npz import NpzReader, pack

posix = pytest.mark.skipif(os.name != "posix", reason="asks whether a process lives")


def start_writer(path):
    """A process that has begun to write ``path`` and waits."""
    code = (
        "import sys, time\n"
        "from spinlab._core.files import atomic_write\n"
        "with atomic_write(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('half')\n"
        "    print('ready', flush=True)\n"
        "    sys.stdin.readline()\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout.readline() == "ready\n"
    return writer


@posix
def test_the_next_write_removes_what_a_killed_one_left(tmp_path):
    writer = start_writer(tmp_path / "model.npz")
    writer.kill()
    writer.communicate()
    assert [name[-4:] for name in os.listdir(tmp_path)] == [".npz"]
    with atomic_write(tmp_path / "other.txt") as temporary:
        temporary.write_text("x")
    assert os.listdir(tmp_path) == ["other.txt"]


@posix
def test_a_writer_that_lives_is_left_alone(tmp_path):
    writer = start_writer(tmp_path / "a.npz")
    for _ in range(3):
        with atomic_write(tmp_path / "b.npz") as temporary:
            temporary.write_text("b")
    writer.communicate("go on\n", timeout=60)
    assert writer.returncode == 0
    assert sorted(os.listdir(tmp_path)) == ["a.npz", "b.npz"]
    assert (tmp_path / "a.npz").read_text() == "half"


def test_many_writers_of_one_folder(tmp_path):
    def write(k):
        for _ in range(20):
            with atomic_write(tmp_path / f"{k}.txt") as temporary:
                temporary.write_text(str(k))

    threads = [threading.Thread(target=write, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(os.listdir(tmp_path)) == [f"{k}.txt" for k in range(8)]


def test_leftovers_of_other_machines_are_kept_for_a_day(tmp_path):
    token = "0123456789abcdef"
    other = "0" * 8 if files._place() != "0" * 8 else "1" * 8
    kept = [
        f".{token}-{other}-1.npz",  # young, of another machine
        f".{token}-{files._place()}-{os.getpid()}.npz",  # of this process
        ".hidden.npz",
        f".{token}.npz",
        f"{token}-{other}-1.npz",
        f".{token}-{other}-1.npz.bak.npz",
    ]
    gone = [f".{token}-{other}-2.npz", f".{token}-{other}-3"]
    for name in kept + gone:
        (tmp_path / name).write_text("")
    (tmp_path / f".{token}-{other}-4.npz").mkdir()
    for name in gone:
        os.utime(tmp_path / name, (time.time() - 90_000,) * 2)
    with atomic_write(tmp_path / "x") as temporary:
        temporary.write_text("x")
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, f".{token}-{other}-4.npz", "x"])


@pytest.mark.parametrize("full", [OSError(errno.ENOSPC, "No space left on device"), OSError("no number")])
def test_errors_while_writing(tmp_path, full):
    with (
        pytest.raises(OSError, match=r"No space left on device, writing|no number") as caught,
        atomic_write(tmp_path / "a.txt"),
    ):
        raise full
    if full.errno:
        assert caught.value.errno == errno.ENOSPC
        assert caught.value.filename == str(tmp_path / "a.txt")
        assert "a.txt" in str(caught.value)
    assert not os.listdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="elsewhere"), atomic_write(tmp_path / "a.txt"):
        os.stat(tmp_path / "elsewhere")  # an error about another file keeps its name


@posix
def test_a_limit_of_the_size_of_files(tmp_path):
    code = (
        "import resource, sys, numpy as np\n"
        "from spinlab.models import DenseIsing, save_instance\n"
        "model = DenseIsing(np.zeros((300, 300)))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    save_instance(model, sys.argv[1])\n"
        "except OSError as error:\n"
        "    print(error)\n"
    )
    call = [sys.executable, "-c", code, str(tmp_path / "model.npz")]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert "File too large, writing" in done.stdout
    assert "model.npz" in done.stdout
    assert not os.listdir(tmp_path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts a file system in memory")
def test_a_full_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True)
    if mount.returncode:
        pytest.skip(f"needs the right to mount: {mount.stderr.decode().strip()}")
    try:
        with atomic_write(disk / "old.bin") as temporary:
            temporary.write_bytes(b"old")
        for _ in range(2):
            with (
                pytest.raises(OSError, match=r"No space left on device, writing: .*old\.bin"),
                atomic_write(disk / "old.bin") as temporary,
            ):
                temporary.write_bytes(b"x" * 2**21)
        assert (disk / "old.bin").read_bytes() == b"old"
        assert os.listdir(disk) == ["old.bin"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_reading_stops_at_the_limit():
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size=-1):
            self.given += size
            return b"1" * size

    endless = Endless()
    with pytest.raises(ValueError, match=r"pipe: it is longer than 3 MiB"):
        read_all(endless, "pipe", 3 * 2**20)
    assert endless.given <= 4 * 2**20
    assert read_all(io.BytesIO(b"cd"), "x", 10, b"ab") == b"abcd"


# Archives


def archive(compress=False, **arrays):
    buffer = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(buffer, **arrays)
    return buffer


def members(**content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in content.items():
            made.writestr(name, data)
    return buffer


def npy(shape, descr="<f8", data=b"", version=b"\x01\x00"):
    """An array whose header says ``shape``, whatever data follow."""
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header + data


def test_arrays_come_back():
    given = {
        "a": np.arange(6).reshape(2, 3),
        "n": np.array(3),
        "t": np.array("é"),
        "f": np.asfortranarray(np.eye(2)),
    }
    for compress in (False, True):
        with NpzReader(archive(compress, **given), "x") as reader:
            assert reader.shapes == {"a": (2, 3), "n": (), "t": (), "f": (2, 2)}
            for name, array in reader.arrays().items():
                np.testing.assert_array_equal(array, given[name])
            assert (reader.integer("n"), reader.text("t"), "b" in reader) == (3, "é", False)
            for call, message in (
                (lambda: reader.integer("t"), "'t' must be an integer, got shape"),
                (lambda: reader.text("n"), "'n' must be a text"),
                (lambda: reader.integer("a"), "'a' must be an integer"),
                (lambda: reader["b"], "lacks the array 'b'"),
            ):
                with pytest.raises(ValueError, match=rf"^x: damaged .npz archive \(.*{message}"):
                    call()


@pytest.mark.parametrize("compressed", [False, True])
def test_an_interrupted_archive_is_an_interrupt(compressed, monkeypatch):
    """zipfile says "Can't close the ZIP file while there is an open writing handle"."""

    def interrupted(self):
        raise KeyboardInterrupt("while a handle was open")

    monkeypatch.setattr("zipfile._ZipWriteFile.close", interrupted)
    monkeypatch.setattr("zipfile.ZipFile.__del__", lambda self: None)  # it would say so again
    with pytest.raises(KeyboardInterrupt, match="handle was open"):
        pack({"a": np.arange(3)}, compressed)
    gc.collect()


def test_bombs_are_refused_before_they_are_unpacked():
    import tracemalloc

    bomb = archive(True, **{f"x{k}": np.zeros(2**25) for k in range(2)})
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"unpacks to 512 MiB, \d+ times .*; at most 64 times or 256 MiB"):
        NpzReader(bomb, "x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**24


def test_memory_is_checked_first(monkeypatch):
    from spinlab._core import npz, validate

    monkeypatch.setattr(validate, "memory", lambda: 2**20)
    assert npz.check_memory is validate.check_memory
    with pytest.raises(ValueError, match=r"x: damaged .npz archive \(unpacking it needs about"):
        NpzReader(archive(a=np.zeros(2**17)), "x")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a.npy": npy((10**15,))}, "needs 8000000000000128 bytes and has 128"),
        ({"a.npy": npy((2,), data=b"\0" * 8)}, "needs 144 bytes and has 136"),
        ({"a.npy": npy((2,), data=b"\0" * 24)}, "needs 144 bytes and has 152"),
        ({"a.npy": npy((-1,), data=b"")}, "needs 120 bytes and has 128|shape"),
        ({"a.npy": npy((1,), "|O", b"\0" * 8)}, "holds pickled objects"),
        ({"a.npy": npy((1,), "<f8", b"\0" * 8, b"\x03\x00")}, r"version \(3, 0\)"),
        ({"a.npy": b"no array"}, "magic"),
        ({"a.npy": b""}, "."),
        ({"a.txt": b"text"}, "'a.txt', which is no array"),
        ({f"{k}.npy": npy((0,)) for k in range(10_001)}, "has 10001 arrays, at most 10000"),
        ({"a.npy": npy(("x",))}, "."),
        ({"a.npy": b"\x93NUMPY\x01\x00\x0a\x00" + b"(" * 10}, "."),
        ({"a.npy": b"\x93NUMPY\x02\x00\xff\xff\xff\x7f" + b"(" * 100_000}, "."),
    ],
)
def test_archives_that_lie(content, message):
    with pytest.raises(ValueError, match=rf"^x: damaged run \(.*(?:{message})"):
        NpzReader(members(**content), "x", "run")


def test_names_that_occur_twice():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("a.npy", npy((0,)))
        with pytest.warns(UserWarning, match="Duplicate name"):
            made.writestr("a.npy", npy((0,)))
    with pytest.raises(ValueError, match="holds 'a' twice"):
        NpzReader(buffer, "x")


def test_damaged_data_are_noticed():
    content = bytearray(archive(a=np.arange(10_000.0)).getvalue())
    content[30_000] ^= 1
    with (
        NpzReader(io.BytesIO(bytes(content)), "x") as reader,
        pytest.raises(ValueError, match=r"x: damaged .*CRC"),
    ):
        reader["a"]


def test_no_archive_at_all():
    for content in (b"", b"PK\x03\x04", b"PK\x05\x06" + b"\0" * 10, os.urandom(100)):
        with pytest.raises(ValueError, match=r"^x: damaged"):
            NpzReader(io.BytesIO(content), "x")
    assert not NpzReader(members(), "x").shapes
    for content, what in (
        (npy((2,)), "one array of numpy.save"),
        (b"1,-1\n", "text"),
        (b"\x89HDF\r\n", "an HDF5 file"),
    ):
        with pytest.raises(ValueError, match=rf"^x: no run, but {what}; it is .npz$"):
            NpzReader(io.BytesIO(content), "x", "run", "; it is .npz")


class Zeros(io.BytesIO):
    """As /dev/zero: of size 0, and without an end."""

    def read(self, size=-1):
        assert 0 <= size < 2**20, "reads without end"
        return bytes(size)


def test_devices_without_end_are_no_archives():
    with pytest.raises(ValueError, match=r"^x: damaged .npz archive \(File is not a zip file\)"):
        NpzReader(Zeros(), "x")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_archives_come_through_pipes(tmp_path):
    """A pipe is read to its end; what opens a file twice refuses one, and does not wait for a writer."""
    machine = sl.rbm.RBM(4, 3, rng=0)
    machine.save(tmp_path / "kept.npz")
    pipe = tmp_path / "pipe.npz"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes((tmp_path / "kept.npz").read_bytes()))
    writer.start()
    found = sl.rbm.load(pipe)
    writer.join()
    np.testing.assert_array_equal(found.W, machine.W)
    with pytest.raises(OSError, match=r"pipe\.npz.*not a regular file"):
        sl.rbm.Trainer(machine, rng=0).fit(np.ones((2, 4)), 1, checkpoint=pipe)
    readers = [sl.diagnose.read_model]
    readers += [sl.rbm.load_hdf5] if find_spec("h5py") else []
    readers += [sl.rbm.load_safetensors] if find_spec("safetensors") else []
    for read in readers:
        with pytest.raises(OSError, match="cannot be read twice; copy it to a file"):
            read(pipe)
