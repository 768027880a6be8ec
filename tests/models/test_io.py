"""Instance files: what is written reads back, and a damaged file is refused with its line."""

from __future__ import annotations

import errno
import io
import os
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_forms import FORMS, make
from naive import all_states, energies

from spinlab._core import files
from spinlab._core.files import atomic_write
from spinlab.models import (
    BipartiteIsing,
    DenseIsing,
    IsingModel,
    PatternIsing,
    SparseIsing,
    instance_metadata,
    load_instance,
    save_instance,
)

TRIANGLE = DenseIsing(np.ones((3, 3)) - np.eye(3))


@pytest.fixture
def write(tmp_path):
    def write(content, name="instance"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def assert_same_bits(model, other):
    assert type(model) is type(other)
    assert (model.offset, model.labels) == (other.offset, other.labels)
    for mine, yours in zip(model.form(), other.form(), strict=True):
        assert np.asarray(mine).tobytes() == np.asarray(yours).tobytes()


# Round trips


@pytest.mark.parametrize("fields", [True, False])
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_npz_keeps_every_bit(form, fields, tmp_path):
    model = make(form, False, fields).model
    save_instance(model, tmp_path / "model.npz")
    assert_same_bits(load_instance(tmp_path / "model.npz"), model)


@pytest.mark.parametrize("fields", [True, False])
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_text_keeps_every_number(form, fields, tmp_path):
    model = make(form, False, fields).model
    save_instance(model, tmp_path / "model.txt")
    assert_same_bits(load_instance(tmp_path / "model.txt"), model.to_sparse())


LABELS = ("a", "b # c: d", 3, 2.5, ("x", 1, ("é\n", None)), -1, "日本")


@pytest.mark.parametrize("name", ["model.npz", "model.txt"])
@pytest.mark.parametrize("build", [DenseIsing, SparseIsing])
def test_labels_come_back(build, name, tmp_path):
    case = make(FORMS[0], False, True)
    model = build(case.J, case.b, offset=1e-7, labels=LABELS)
    save_instance(model, tmp_path / name)
    loaded = load_instance(tmp_path / name)
    assert loaded.labels == LABELS
    assert [type(x) for x in loaded.labels] == [type(x) for x in LABELS]
    assert_same_bits(loaded, model if name == "model.npz" else model.to_sparse())


@pytest.mark.parametrize("name", ["model.npz", "model.txt"])
@pytest.mark.parametrize("label", [frozenset([1]), object(), b"x", float("nan"), 1j])
def test_labels_that_no_file_can_hold(name, label, tmp_path):
    model = DenseIsing(TRIANGLE.J, labels=["a", "b", label])
    with pytest.raises(ValueError, match="labels that are text, numbers or tuples"):
        save_instance(model, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_unusual_numbers_read_back(tmp_path):
    values = [5e-324, 1e-300, 0.1, 1 / 3, 2.0**53, 2.0**53 + 2, 1e22, 1e100, -0.5, 123456789012345.0]
    n = len(values) + 1
    model = SparseIsing.from_edges([0] * (n - 1), range(1, n), values, n, [0.0] * (n - 1) + [1e-310])
    for name in ("model.txt", "model.npz"):
        save_instance(model, tmp_path / name)
        assert_same_bits(load_instance(tmp_path / name), model)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_sparse_model_reads_back(tmp_path, data):
    n = data.draw(st.integers(1, 6))
    numbers = st.floats(-1e100, 1e100)
    pairs = [(i, j) for i in range(n) for j in range(i) if data.draw(st.booleans())]
    J = [data.draw(numbers) + 0.0 for _ in pairs]
    b = [data.draw(numbers) + 0.0 for _ in range(n)]
    offset = data.draw(numbers)
    model = SparseIsing.from_edges([i for i, _ in pairs], [j for _, j in pairs], J, n, b, offset=offset)
    for name in ("model.txt", "model.npz"):
        save_instance(model, tmp_path / name)
        assert_same_bits(load_instance(tmp_path / name), model)


def test_bipartite_and_pattern_files_hold_no_large_matrix(tmp_path):
    save_instance(PatternIsing(np.ones((2, 5000))), tmp_path / "model.npz")
    assert (tmp_path / "model.npz").stat().st_size < 200_000


def test_metadata(tmp_path):
    given = {"name": "w05 # 1", "known_ground_energy": -12.5, "runs": 3, "code": "007"}
    for name, more in (
        ("model.txt", {"format": "ij", "N": 4, "nnz": 6, "ghost": 3, "offset": 0.5}),
        ("model.npz", {"format": "npz", "form": "DenseIsing", "N": 3}),
    ):
        save_instance(DenseIsing(TRIANGLE.J, 1.0, offset=0.5), tmp_path / name, metadata=given)
        found = instance_metadata(tmp_path / name)
        found.pop("convention", None)
        assert found == given | more


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ({"N": 3}, ValueError),
        ({"nnz": 3}, ValueError),
        ({"ghost": 3}, ValueError),
        ({"form": "x"}, ValueError),
        ({"a:b": "x"}, ValueError),
        ({"a\n0 1 5": "x"}, ValueError),
        ({"": "x"}, ValueError),
        ({"a": "x\n0 1 5"}, ValueError),
        ({"a": None}, TypeError),
        ({"a": [1]}, TypeError),
        ({3: "x"}, ValueError),
        (["a"], TypeError),
    ],
)
def test_bad_metadata(metadata, error, tmp_path):
    for name in ("model.txt", "model.npz"):
        with pytest.raises(error, match="metadata"):
            save_instance(TRIANGLE, tmp_path / name, metadata=metadata)


# Formats that others write


def test_ghost_spin_becomes_fields(write):
    path = write("# N: 4\n# nnz: 4\n# ghost: 1\n0 1 5\n1 2 -3\n0 2 2\n2 3 7\n")
    model = load_instance(path)
    assert model.n_spins == 3
    np.testing.assert_array_equal(model.b, [5, -3, 0])
    np.testing.assert_array_equal(model.couplings(), [[0, 2, 0], [2, 0, 7], [0, 7, 0]])
    # the energies are those of the file with s_ghost = +1
    J = np.zeros((4, 4))
    for i, j, x in ((0, 1, 5), (1, 2, -3), (0, 2, 2), (2, 3, 7)):
        J[i, j] = J[j, i] = x
    states = all_states(3)
    E = energies(J, np.zeros(4), 0.0, np.insert(states, 1, 1, axis=1))
    np.testing.assert_array_equal(model.energy(states), E)


def test_text_details(write):
    model = load_instance(
        write("\ufeff# N: 4\r\n\r\n# a comment without a colon\r\n1 0 2.5 # why\r\n\r\n  2\t1   -1e-3\r\n")
    )
    assert [x.tolist() for x in model.edges()] == [[0, 1], [1, 2], [2.5, -1e-3]]
    assert model.n_spins == 4


def test_text_without_header_has_as_many_sites_as_it_names(write):
    assert load_instance(write("0 1 2\n4 1 3", "instance.ij")).n_spins == 5


def test_header_may_announce_no_couplings(write):
    assert load_instance(write("# N: 5\n# nnz: 0\n")).n_spins == 5
    assert load_instance(write("5 0\n")).n_spins == 5


@pytest.mark.parametrize(("name", "format"), [("g05_60.0", "rudy"), ("graph.mc", "auto"), ("graph", "rudy")])
def test_rudy_is_a_maximum_cut(write, name, format):
    edges = [(1, 2, 3), (1, 3, -1), (2, 3, 2), (3, 4, 4)]
    path = write("4 4\n" + "".join(f"{i} {j} {w}\n" for i, j, w in edges), name)
    model = load_instance(path, format)
    assert instance_metadata(path, format) == {"format": "rudy", "N": 4, "nnz": 4}
    for s in all_states(4):
        cut = sum(w for i, j, w in edges if s[i - 1] != s[j - 1])
        assert (8 - model.energy(s)) / 2 == cut


def test_rudy_round_trip(tmp_path):
    J = make(FORMS[0], True, False).J
    for suffix in ("mc", "rudy", "rud"):
        path = tmp_path / f"graph.{suffix}"
        save_instance(DenseIsing(J), path)
        assert path.read_text().startswith("7 ")
        np.testing.assert_array_equal(load_instance(path).couplings(), J)
    assert "-0" not in path.read_text().split()


@pytest.mark.parametrize(
    ("model", "metadata"),
    [
        (DenseIsing(TRIANGLE.J, 1.0), None),
        (DenseIsing(TRIANGLE.J, offset=1.0), None),
        (TRIANGLE, {"name": "x"}),
    ],
)
def test_rudy_refuses_what_it_cannot_hold(model, metadata, tmp_path):
    with pytest.raises(ValueError, match="rudy file holds no fields"):
        save_instance(model, tmp_path / "graph.mc", metadata=metadata)


def test_format_can_be_named(write, tmp_path):
    for format in ("ij", "rudy", "npz"):
        path = tmp_path / "model.anything"
        save_instance(TRIANGLE, path, format=format)
        np.testing.assert_array_equal(load_instance(path, format=format).couplings(), TRIANGLE.J)
    assert os.listdir(tmp_path) == ["model.anything"]


def test_unknown_formats(tmp_path):
    with pytest.raises(ValueError, match=r"suffix; use one of \.txt.*format="):
        save_instance(TRIANGLE, tmp_path / "model.xyz")
    for function in (
        lambda: save_instance(TRIANGLE, tmp_path / "x", "csv"),
        lambda: load_instance("x", "csv"),
    ):
        with pytest.raises(ValueError, match="unknown format 'csv'; known: auto, ij, rudy, sg"):
            function()
    with pytest.raises(TypeError, match="save_instance needs a model"):
        save_instance(TRIANGLE.J, tmp_path / "model.npz")


def test_only_known_forms_are_saved(tmp_path):
    class Mine(DenseIsing):
        pass

    with pytest.raises(TypeError, match="cannot save a Mine"):
        save_instance(Mine(TRIANGLE.J), tmp_path / "model.npz")


# Damaged files


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no data"),
        ("\n\n", "no data"),
        ("# name: x\n", "no data"),
        ("# N: 3\n# nnz: 2\n0 1 1\n", "2 edges are announced, the file has 1"),
        ("# N: 3\n# nnz: 0\n0 1 1\n", "0 edges are announced, the file has 1"),
        ("# N: 2\n0 1 1\n1 2 1\n", r"line 3: sites 1 and 2: sites must be in 0\.\.1"),
        ("0 1 1\n-1 2 1\n", r"line 2: sites -1 and 2: .*0\.\.2"),
        ("# N: 0\n", "N = 0"),
        ("# N: -3\n0 1 1\n", "N = -3"),
        ("# N: three\n0 1 1\n", "N must be an integer, got 'three'"),
        ("# N: 1000000000000000\n0 1 1\n", "GiB"),
        ("0 1000000000000000 1\n", "GiB"),
        ("0 1 1\n\n# comment\n2 2 1\n", "line 4: .*itself"),
        ("0 1 1\n1 2 1\n1 0 1\n", "line 3: sites 1 and 0: .*second time"),
        ("0 1 1\n0.5 2 1\n", "line 2: .*integers"),
        ("0 1 1\n1 2 x\n", "line 2: expected three finite numbers 'i j J', got '1 2 x'"),
        ("0 1 1\n1 2\n", "line 2: expected three"),
        ("0 1 1\n1 2 3 4\n", "line 2: expected three"),
        ("0 1 1\n1 2 nan\n", "line 2: expected three finite"),
        ("0 1 1\n1 2 inf\n", "line 2: expected three finite"),
        ("0 1 1\n1 2 1e999\n", "line 2: expected three finite"),
        ("0 1 1\nnan 2 1\n", "line 2: expected three finite"),
        ("0 1 1\n1 2 9007199254740993\n", "line 2: float64 cannot hold the integer 9007199254740993"),
        ("0 1 1e200\n", "too large"),
        ("0 1 1 1\n", "line 1: expected 'i j J' or 'n m'"),
        ("hello\n", "line 1: expected 'i j J' or 'n m', got 'hello'"),
        ("# ghost: 2\n0 1 1\n", "ghost 2, but the sites are 0..1"),
        ("# ghost: -1\n0 1 1\n", "ghost -1"),
        ("# ghost: none\n0 1 1\n", "ghost must be an integer"),
        ("# N: 1\n# ghost: 0\n", "at least 1"),
        ("# offset: nan\n0 1 1\n", "offset"),
        ("# offset: x\n0 1 1\n", "'x'"),
        ('# labels: ["a"]\n0 1 1\n', "all 2 sites"),
        ("# labels: [1, 1]\n0 1 1\n", "distinct"),
        ("# labels: [1, \n0 1 1\n", "instance.ij: "),
    ],
)
def test_damaged_text(write, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        load_instance(write(text, "instance.ij"))
    assert "instance" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3 2\n1 2 1\n", "2 edges are announced, the file has 1"),
        ("3 2\n1 2 1\n1 3 1\n2 3 1\n", "2 edges are announced, the file has 3"),
        ("3 2\n1 2 1\n1 4 1\n", r"line 3: sites 1 and 4: .*1\.\.3"),
        ("3 2\n1 2 1\n0 1 1\n", r"line 3: sites 0 and 1: .*1\.\.3"),
        ("3 2\n1 2 1\n2 1 1\n", "line 3: .*second time"),
        ("3 2\n1 2 1\n2 3\n", "line 3: expected three"),
        ("0 0\n", "N = 0"),
        ("-3 0\n", "line 1: .*'n m'"),
        ("3 1.5\n1 2 1\n", "line 1: .*'n m'"),
        ("x y\n", "line 1: .*'n m'"),
        ("99999999999999999 0\n", "instance.mc: .*GiB"),
        ("2 1\n1 2 1e200\n", "instance.mc: .*too large"),
    ],
)
def test_damaged_graph(write, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        load_instance(write(text, "instance.mc"))
    assert "instance" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "format", "message"),
    [("0 1 1\n", "rudy", "'n m'"), ("3 1\n1 2 1\n", "ij", "line 2: expected three"), ("", "rudy", "no data")],
)
def test_text_in_another_format_than_named(write, text, format, message):
    with pytest.raises(ValueError, match=message):
        load_instance(write(text), format=format)


@pytest.mark.parametrize(
    "content", [b"\x00\x01\x02\xff" * 50, b"\xff\xfe0 1 1", b"\x1f\x8b\x08\x00binary", b"0 1\x00 1"]
)
def test_binary_garbage(write, content):
    for function in (load_instance, instance_metadata):
        with pytest.raises(ValueError, match="neither a text file nor"):
            function(write(content))


def npz(**content):
    buffer = io.BytesIO()
    np.savez(buffer, **content)
    return buffer.getvalue()


GOOD = {
    "version": 1,
    "form": "DenseIsing",
    "offset": 0.0,
    "labels": "",
    "metadata": "{}",
    "J": np.zeros((2, 2)),
    "b": np.zeros(2),
}


def test_the_good_archive_is_good(write):
    assert load_instance(write(npz(**GOOD))).n_spins == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"J": np.ones((2, 3))}, "square"),
        ({"J": np.full((2, 2), np.nan)}, "NaN"),
        ({"J": np.array([["a", "b"], ["c", "d"]])}, "real numbers"),
        ({"b": np.zeros(3)}, "shape"),
        ({"offset": np.zeros(2)}, "offset"),
        ({"offset": np.nan}, "offset"),
        ({"labels": "[1"}, "damaged"),
        ({"labels": "[1]"}, "all 2 sites"),
        ({"metadata": "x"}, "damaged"),
        ({"version": 99}, "update spinlab"),
        ({"version": "x"}, "damaged"),
        ({"form": "NoSuchIsing"}, "did not write"),
        ({"form": "SparseIsing"}, "lacks the array 'i'"),
        ({"form": "PatternIsing"}, "lacks the array 'xi'"),
        ({"form": "SparseIsing", "i": [0], "j": [9], "N": 2, "J": [1.0]}, r"0\.\.1"),
        ({"form": "SparseIsing", "i": [0], "j": [1], "N": 10**15, "J": [1.0]}, "GiB|shape"),
    ],
)
def test_inconsistent_archives(write, change, message):
    with pytest.raises(ValueError, match=message) as caught:
        load_instance(write(npz(**GOOD | change)))
    assert "instance: " in str(caught.value)


@pytest.mark.parametrize("missing", ["version", "form", "offset", "labels", "metadata", "J", "b"])
def test_archives_with_a_part_missing(write, missing):
    content = npz(**{name: x for name, x in GOOD.items() if name != missing})
    with pytest.raises(ValueError, match="instance: "):
        load_instance(write(content))


def test_archives_with_objects_are_never_unpickled(write):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    content = npz(**GOOD | {"J": np.array([[Bomb()]], dtype=object)})
    with pytest.raises(ValueError, match="damaged"):
        load_instance(write(content))


def test_archives_of_others(write):
    with pytest.raises(ValueError, match="holds couplings, which save_instance did not write"):
        load_instance(write(npz(couplings=np.zeros((2, 2)))))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "text")
    with pytest.raises(ValueError, match="instance: "):
        load_instance(write(buffer.getvalue()))


def test_truncated_archives(write):
    content = npz(**GOOD)
    for length in range(4, len(content), 97):
        with pytest.raises(ValueError, match="damaged"):
            load_instance(write(content[:length]))
    with pytest.raises(ValueError, match="damaged"):
        load_instance(write(b""), format="npz")


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(position=st.integers(0, 10**6), byte=st.integers(0, 255), kind=st.sampled_from(["npz", "txt", "mc"]))
def test_one_wrong_byte_never_crashes(tmp_path, position, byte, kind):
    path = tmp_path / f"model.{kind}"
    save_instance(TRIANGLE, path)
    content = bytearray(path.read_bytes())
    content[position % len(content)] = byte
    check_refusal_or_model(tmp_path / "damaged", bytes(content))


TEXT = st.text("0123456789 -+.eE#:\nN_naif", max_size=60) | st.lists(
    st.tuples(*[st.integers(-1, 4)] * 3), max_size=5
).map(lambda rows: "\n".join(" ".join(map(str, row)) for row in rows))


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    content=TEXT.map(str.encode) | st.binary(max_size=60) | st.binary(max_size=60).map(b"PK\x03\x04".__add__)
)
def test_any_content_is_refused_clearly_or_read(tmp_path, content):
    check_refusal_or_model(tmp_path / "anything", content)


def check_refusal_or_model(path, content):
    path.write_bytes(content)
    for function, kind in ((load_instance, IsingModel), (instance_metadata, dict)):
        try:
            result = function(path)
        except ValueError as error:
            if str(path) not in str(error):
                raise
        else:
            assert isinstance(result, kind)


# The file system


def test_missing_files_and_folders(tmp_path):
    for function in (load_instance, instance_metadata):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            function(tmp_path / "nowhere")
        with pytest.raises(OSError, match=r"irectory|denied"):
            function(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere"):
        save_instance(TRIANGLE, tmp_path / "nowhere" / "model.txt")
    with pytest.raises(OSError, match="not a regular file"):
        save_instance(TRIANGLE, tmp_path, format="ij")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read and write everything")
def test_permissions(tmp_path):
    path = tmp_path / "model.txt"
    save_instance(TRIANGLE, path)
    path.chmod(0)
    with pytest.raises(PermissionError):
        load_instance(path)
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        save_instance(TRIANGLE, tmp_path / "other.txt")
    tmp_path.chmod(0o700)


@pytest.mark.parametrize("path", [None, 3, 1.5, object()])
def test_paths_that_are_none(path):
    with pytest.raises(TypeError):
        load_instance(path)
    with pytest.raises(TypeError):
        save_instance(TRIANGLE, path)


@pytest.mark.parametrize("name", ["model.txt", "model.npz", "model.mc"])
@pytest.mark.parametrize("step", ["write_bytes", "fsync", "replace"])
def test_full_disk_leaves_the_old_file(tmp_path, monkeypatch, name, step):
    path = tmp_path / name
    save_instance(TRIANGLE, path)
    before = path.read_bytes()

    def full(*args, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(*((Path, step) if step == "write_bytes" else (files.os, step)), full)
    with pytest.raises(OSError, match="No space left"):
        save_instance(TRIANGLE.scaled(2), path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [name]


def test_atomic_write_replaces_only_at_the_end(tmp_path):
    path = tmp_path / "figure.png"
    path.write_text("old")
    with atomic_write(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".png"
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"

    def interrupted():
        with atomic_write(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["figure.png"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes and links")
def test_atomic_write_follows_links_and_the_umask(tmp_path):
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    link.symlink_to(real)
    save_instance(TRIANGLE, link)
    assert link.is_symlink()
    assert load_instance(real).n_spins == 3
    (tmp_path / "plain").write_text("")
    assert stat.S_IMODE(real.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device here")
def test_atomic_write_never_replaces_a_device():
    with pytest.raises(OSError, match="not a regular file"):
        save_instance(TRIANGLE, "/dev/full", format="ij")
    assert Path("/dev/full").is_char_device()


# Instances with known ground energies (set SPINLAB_DATA to the folder that holds ``instances``)


def known_instances():
    folder = os.environ.get("SPINLAB_DATA")
    return sorted(Path(folder, "instances").glob("*/*.txt")) if folder else []


@pytest.mark.skipif(not known_instances(), reason="SPINLAB_DATA is not set")
def test_all_known_instances_load_with_consistent_headers():
    for path in known_instances():
        model, header = load_instance(path), instance_metadata(path)
        assert model.n_spins == header["N"] - ("ghost" in header)
        assert model.n_edges + np.count_nonzero(model.b) == header["nnz"], path
        assert isinstance(header["known_ground_energy"], int | float)
        assert ("ghost" in header) == model.has_fields


@pytest.mark.skipif(not known_instances(), reason="SPINLAB_DATA is not set")
def test_small_known_instances_have_their_ground_energy():
    small = [path for path in known_instances() if instance_metadata(path)["N"] <= 10]
    assert len(small) >= 10
    states = all_states(10)
    for path in small:
        assert load_instance(path).energy(states).min() == instance_metadata(path)["known_ground_energy"]


def test_rbm_as_text_is_a_sparse_model(tmp_path):
    rbm = BipartiteIsing([[1.0, -2.0]], 0.5)
    save_instance(rbm, tmp_path / "rbm.txt")
    loaded = load_instance(tmp_path / "rbm.txt")
    assert isinstance(loaded, SparseIsing)
    np.testing.assert_array_equal(loaded.energy(all_states(3)), rbm.energy(all_states(3)))
