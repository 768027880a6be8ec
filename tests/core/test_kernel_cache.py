"""The cache of compiled kernels: who may write it, and what happens where it is damaged, full or absent."""

from __future__ import annotations

import ast
import gc
import importlib.util
import logging
import os
import pickle
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from spinlab._core import kernel_cache
from spinlab._core.kernel_cache import UnsafeFolderError, cache_dir, safe_folder

ROOT = Path(kernel_cache.__file__).parents[2]
KERNEL = """
from spinlab._core.jit import kernel

@kernel
def double(x):
    return 2 * x
"""


def run(base, caplog, x=21):
    """A kernel in a module loaded afresh, as by a new process: "compiled" or "found", and the messages."""
    caplog.clear()
    kernel_cache.cache_dir.cache_clear()
    kernel_cache._said.clear()
    os.environ["SPINLAB_CACHE_DIR"] = str(base)
    spec = importlib.util.spec_from_file_location("module_with_kernel", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert repr(module.double(x)) == repr(2 * x)
    assert len(module.double.stats.cache_hits) + len(module.double.stats.cache_misses) == 1
    return "found" if module.double.stats.cache_hits else "compiled", caplog.messages


@pytest.fixture(autouse=True)
def own_cache(monkeypatch):
    monkeypatch.setenv("SPINLAB_CACHE_DIR", "")  # restored afterwards
    yield
    kernel_cache.cache_dir.cache_clear()
    kernel_cache._said.clear()


@pytest.fixture
def cache(tmp_path, caplog):
    """A cache with one kernel in it."""
    global SOURCE
    SOURCE = tmp_path / "module_with_kernel.py"
    SOURCE.write_text(KERNEL)
    assert run(tmp_path / "base", caplog) == ("compiled", [])
    return tmp_path / "base"


def leaf(base):
    return base / kernel_cache.folder_name()


def files(base, suffix):
    return sorted(path for path in base.rglob(f"*{suffix}") if path.is_file())


def test_the_second_process_finds_the_kernel(cache, caplog):
    assert run(cache, caplog) == ("found", [])
    assert stat.S_IMODE(leaf(cache).stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in files(cache, ".nb?")] == [0o600] * 2


def test_an_edited_kernel_is_compiled_anew(cache, caplog):
    SOURCE.write_text(KERNEL + "\n# edited\n")
    assert run(cache, caplog) == ("compiled", [])
    assert run(cache, caplog) == ("found", [])


def test_the_machine_code_of_another_signature_is_not_run(cache, tmp_path, caplog):
    """Two processes that begin with an empty index both call their first file "1": the index of one may end
    beside the code of the other. 3.5 went to the code for integers, which truncates it."""
    index, code = files(cache, ".nbi")[0].read_bytes(), files(cache, ".nbc")[0].read_bytes()
    shutil.rmtree(cache)
    assert run(cache, caplog, 3.5) == ("compiled", [])
    files(cache, ".nbc")[0].write_bytes(code)
    assert run(cache, caplog, 3.5) == ("compiled", [])
    assert run(cache, caplog, 3.5) == ("found", [])
    files(cache, ".nbi")[0].write_bytes(index)
    assert run(cache, caplog) == ("compiled", [])


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b"",
        lambda b: b[: len(b) // 2],
        lambda b: b[:-1],
        lambda b: b[:100] + bytes([b[100] ^ 1]) + b[101:],
        lambda b: b"\x80\x05K\x01.",
    ],
    ids=["empty", "half", "cut", "bit", "foreign"],
)
def test_a_damaged_file_is_replaced(cache, suffix, damage, caplog):
    (path,) = files(cache, suffix)
    path.write_bytes(damage(path.read_bytes()))
    how, said = run(cache, caplog)
    assert how == "compiled"
    assert len(said) == 1
    assert str(path) in said[0]
    assert run(cache, caplog) == ("found", [])


def test_every_bit_of_a_file_counts(tmp_path):
    """The digest is checked before anything is unpickled."""
    files = object.__new__(kernel_cache._Files)
    files._cache_path = str(tmp_path)
    files._write(str(tmp_path / "x.nbc"), {"a": 1})
    content = (tmp_path / "x.nbc").read_bytes()
    assert files._read(str(tmp_path / "x.nbc")) == {"a": 1}
    for i in range(len(content)):
        (tmp_path / "x.nbc").write_bytes(content[:i] + bytes([content[i] ^ 4]) + content[i + 1 :])
        with pytest.raises(ValueError, match=r"damaged: .*x\.nbc"):
            files._read(str(tmp_path / "x.nbc"))


class Planted:
    """What an attacker would put into an index."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def test_a_folder_that_others_could_write_is_emptied_first(cache, tmp_path, caplog):
    marker = tmp_path / "executed"
    planted = pickle.dumps(Planted(marker))
    for path in files(cache, ".nbi"):
        path.write_bytes(kernel_cache.hashlib.sha256(planted).digest() + planted)
    leaf(cache).chmod(0o777)
    how, said = run(cache, caplog)
    assert how == "compiled"
    assert not marker.exists()
    assert len(said) == 1
    assert "it was emptied and closed to them" in said[0]
    assert stat.S_IMODE(leaf(cache).stat().st_mode) == 0o700
    assert run(cache, caplog) == ("found", [])


def test_a_readable_folder_is_closed_and_kept(cache, caplog):
    leaf(cache).chmod(0o755)
    how, said = run(cache, caplog)
    assert (how, said) == ("found", [])
    assert stat.S_IMODE(leaf(cache).stat().st_mode) == 0o700


def test_a_link_is_not_used(cache, tmp_path, caplog):
    leaf(cache).rename(tmp_path / "elsewhere")
    leaf(cache).symlink_to(tmp_path / "elsewhere")
    how, said = run(cache, caplog)
    assert how == "compiled"
    assert f"{str(leaf(cache))!r} is a link" in said[0]
    assert "set SPINLAB_CACHE_DIR" in said[0]
    assert len(said) == 1


@pytest.mark.parametrize("above", [0, 1])
def test_a_parent_that_others_can_write_is_not_used(tmp_path, above):
    base = tmp_path / "a" / "b"
    base.mkdir(parents=True)
    parent = [base, base.parent][above]
    parent.chmod(0o775)
    with pytest.raises(UnsafeFolderError, match=f"others can write the folder '{parent}'"):
        safe_folder(base, "numba-x", given=True)
    assert list(base.iterdir()) == []
    parent.chmod(0o1777)  # as /tmp is
    assert safe_folder(base, "numba-x", given=True).is_dir()


def test_the_default_folder_is_our_own_too(tmp_path):
    """Without the variable the folder named spinlab is made, closed, and refused where it is a link."""
    base = tmp_path / ".cache" / "spinlab"
    old = os.umask(0)
    try:
        made = safe_folder(base, "numba-x", given=False)
    finally:
        os.umask(old)
    for folder in (made, made.parent, made.parents[1]):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    base.rename(tmp_path / "moved")
    base.symlink_to(tmp_path / "moved")
    with pytest.raises(UnsafeFolderError, match="is a link"):
        safe_folder(base, "numba-x", given=False)


def test_systems_without_users(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "getuid")
    tmp_path.chmod(0o777)
    assert safe_folder(tmp_path, "numba-x", given=False).is_dir()


needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("setpriv") is None,
    reason="only root can act as another user, by setpriv",
)


@needs_root
def test_a_folder_of_another_user_is_not_used(cache, caplog):
    os.chown(leaf(cache), 65534, 65534)
    how, said = run(cache, caplog)
    assert how == "compiled"
    assert f"the folder {str(leaf(cache))!r} belongs to another user" in said[0]


@needs_root
def test_a_parent_of_another_user_is_not_used(tmp_path):
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 65534, 65534)
    with pytest.raises(UnsafeFolderError, match="theirs' belongs to another user"):
        safe_folder(tmp_path / "theirs" / "base", "numba-x", given=True)


PROCESS = """
import numpy as np
from spinlab._core.philox import philox
philox(np.uint64(1), 0, 0, 0, 0); philox(np.uint64(1), np.uint32(0), 0, 0, 0)
"""


def process(prefix=(), code=PROCESS, **environment):
    """stderr of a fresh process."""
    own = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | environment
    done = subprocess.run(
        [*prefix, sys.executable, "-c", code], env=own, capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_compilation_is_announced_once(tmp_path):
    assert process(HOME=str(tmp_path)) == [
        "spinlab: compiling kernels for this machine, 2 to 8 s for most calls (kept for the next run)"
    ]
    assert process(HOME=str(tmp_path)) == []
    quiet = "import logging; logging.getLogger('spinlab').setLevel('WARNING')\n" + PROCESS
    assert process(code=quiet, SPINLAB_CACHE_DIR=str(tmp_path / "new")) == []


@needs_root
def test_a_user_that_the_system_does_not_know():
    """A container with any number as its user: no HOME, no name, no folder of its own."""
    reads = (
        "--inh-caps=+dac_read_search",
        "--ambient-caps=+dac_read_search",
    )  # this Python, wherever it lies
    lines = process(("setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", *reads))
    assert len(lines) == 2
    assert "compiled kernels are not kept for the next run" in lines[0]
    assert lines[1] == (
        "spinlab: compiling kernels for this machine, 2 to 8 s for most calls (in every process)"
    )
    assert not [path for path in Path("/tmp").iterdir() if path.lstat().st_uid == 54321]


def test_a_limit_on_the_size_of_files(tmp_path):
    code = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n" + PROCESS
    said = process(code=code, SPINLAB_CACHE_DIR=str(tmp_path))
    assert len(said) == 2
    assert f"compiled kernels cannot be kept in '{leaf(tmp_path)}" in said[1]
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {".nbi"}


def test_no_home_at_all(monkeypatch):
    for answer in (lambda *a, **k: "~/.cache/spinlab", lambda *a, **k: {}["pw_dir"]):
        monkeypatch.setattr(kernel_cache.platformdirs, "user_cache_dir", answer)
        with pytest.raises(UnsafeFolderError, match="no home folder"):
            kernel_cache.base_dir()


@pytest.mark.parametrize("base", ["/proc/nowhere", "/dev/null"])
def test_a_folder_that_cannot_be_made(cache, caplog, base):
    how, said = run(base, caplog)
    assert how == "compiled"
    assert len(said) == 1
    assert base in said[0]


def test_a_file_in_the_way(cache, caplog):
    shutil.rmtree(leaf(cache))
    leaf(cache).write_text("")
    how, said = run(cache, caplog)
    assert how == "compiled"
    assert "is no folder" in said[0]


def test_a_folder_in_the_place_of_a_file(cache, caplog):
    (path,) = files(cache, ".nbi")
    path.unlink()
    path.mkdir()
    how, said = run(cache, caplog)
    assert how == "compiled"
    assert str(path.parent) in said[0]


@needs_root
def test_a_full_disk(tmp_path, cache, caplog):
    """What is there is used, what does not fit is not kept; the work goes on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k,mode=700", "none", disk]).returncode:
        pytest.skip("this container may not mount a disk")
    try:
        (disk / "fill").write_bytes(bytes(8192))
        how, said = run(disk, caplog)
        assert how == "compiled"
        assert len(said) == 1
        assert "No space left on device" in said[0]
        assert str(disk) in said[0]
        assert not files(disk, ".nbc")
        (disk / "fill").unlink()
    finally:
        subprocess.run(["umount", disk], check=True)


def test_messages_go_through_logging(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("SPINLAB_CACHE_DIR", str(tmp_path / "file"))
    (tmp_path / "file").write_text("")
    cache_dir.cache_clear()
    try:
        assert cache_dir() is None
        assert cache_dir() is None
    finally:
        cache_dir.cache_clear()
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("spinlab", logging.WARNING)


def test_the_name_of_the_folder_depends_on_the_source_of_core(monkeypatch, tmp_path):
    source = tmp_path / "jit.py"
    monkeypatch.setattr(kernel_cache, "__file__", str(source))
    names = []
    for text in ("import numba", "import numba  # changed", "no part of a kernel", "nor this"):
        source.write_text(text)
        kernel_cache.folder_name.cache_clear()
        names.append(kernel_cache.folder_name())
    kernel_cache.folder_name.cache_clear()
    assert names[0] != names[1] != names[2] == names[3]
    assert all(map(kernel_cache._NAME.fullmatch, names))


def test_the_garbage_collector_rests_while_our_kernels_compile():
    from types import SimpleNamespace

    from numba.core.event import Event, EventStatus

    from spinlab._core.jit import _Compilation

    def states(module):
        listener, found = _Compilation(), []
        listener.said = True
        for status in (EventStatus.START, EventStatus.START, EventStatus.END, EventStatus.END):
            dispatcher = SimpleNamespace(py_func=SimpleNamespace(__module__=module))
            listener.notify(Event("numba:compile", status, {"dispatcher": dispatcher}))
            found.append(gc.isenabled())
        return found

    assert gc.isenabled()
    assert states("spinlab.exact") == [False, False, False, True]
    assert states("of_a_user") == [True] * 4
    gc.disable()
    try:
        assert states("spinlab.exact") == [False] * 4  # whoever has stopped it wants it so
    finally:
        gc.enable()


def test_kernels_copy_no_slices():
    """numba compiles the text of an error that cannot occur with each of them, in two seconds."""
    import spinlab

    found = []
    for path in Path(spinlab.__file__).parent.rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef) and any(
                "kernel" in ast.dump(decorator) for decorator in function.decorator_list
            ):
                found += [f"{path.name}: {text}" for text in slice_copies(function)]
    assert not found


def slice_copies(function):
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and any(isinstance(x, ast.Subscript) for x in ast.walk(node.value)):
            for target in node.targets:
                if isinstance(target, ast.Subscript) and any(
                    isinstance(x, ast.Slice) for x in ast.walk(target.slice)
                ):
                    yield ast.unparse(node)


def test_a_copy_of_a_slice_is_found():
    code = "def f(a, b):\n    a[:2] = b[1:]\n    a[:] = 0\n    a[1] = b[2]"
    assert list(slice_copies(ast.parse(code).body[0])) == ["a[:2] = b[1:]"]
