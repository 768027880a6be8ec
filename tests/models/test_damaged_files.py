"""Damaged and hostile instance files: a model of finite numbers, or an error that names the file."""

from __future__ import annotations

import io
import json
import os
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
from model_forms import FORMS, make

from spinlab._core.instance_formats import FORMATS, WRITABLE
from spinlab.models import IsingModel, SparseIsing, instance_metadata, load_instance, save_instance

SGS = b"type: pm\nsize: 3\nname: x\n\n1 2 1\n2 3 -1\n4 9 1\n"
MAXCUT = b"c comment\nMAX-CUT 4 5\n1 2 1\n2 1 0.5\n1 3 -1\n4 4 1\n3 4 2\n"
BLOCKS = b"# model=RFIM N=3 num_fields=3 num_couplings=2\n0 0.5\n1 -1\n2 0\n0 1 1.5\n1 2 -1\n"

TOKENS = [
    *b"nan inf NaN Infinity 1e999 1e-999 -1 0 1 3 1.5 1e5 0x10 1_0 50000000 99999999999999999999".split(),
    *b"9007199254740993 x ' \" [ { # c".split(), *("\u0661".encode(), b"\xe9", b"\xff\xfe", b"\xc2\xa0"),
    *(b"\x00", b"\n", b" ", b"\r", b"\x1a", b"PK\x03\x04", b"[" * 300, b"# labels: [1, [2], null]"),
    *(b"# N: 7", b"# ghost: 1", b"# offset: 1e999", b"# vartype=SPIN", b"# format: bq", b"p qubo"),
    *(b"MAX-CUT 3 1", b"type: gauss", b"size: 99999", b"num_fields=9"),
]  # fmt: skip


def originals(folder):
    """A file of each format and form, as (suffix, content)."""
    found = [("", SGS), ("", MAXCUT), (".txt", BLOCKS)]
    sparse = SparseIsing.from_edges([0, 1], [1, 3], [1.5, -2], 4, [0.5, 0, -1, 0], offset=2.5, labels="abcd")
    plain = SparseIsing.from_edges([0, 1], [1, 3], [1.5, -2], 4)
    for format in WRITABLE:
        path = folder / f"model{FORMATS[format].suffixes[-1]}"
        save_instance(plain if format in ("rudy", "sg") else sparse, path, format)
        found.append((path.suffix, path.read_bytes()))
    for form in FORMS:
        path = folder / "model.npz"
        save_instance(make(form, False, True).model, path, metadata={"name": "x"})
        found.append((".npz", path.read_bytes()))
        with np.load(path) as arrays:
            buffer = io.BytesIO()
            np.savez_compressed(buffer, **arrays)
        found.append((".npz", buffer.getvalue()))
    return found


def damaged(content, rng):
    """One to three changes: bytes, tokens, lines, length; of archives also single members."""
    if content.startswith(b"PK") and rng.random() < 0.5:
        return damaged_member(content, rng)
    for _ in range(rng.integers(1, 4)):
        kind, at = rng.integers(7), int(rng.integers(len(content) + 1))
        if kind == 0:
            content = content[:at] + bytes([rng.integers(256)]) + content[at + 1 :]
        elif kind == 1:
            content = content[:at]
        elif kind == 2:
            end = at + int(rng.integers(20))
            content = content[:at] + content[end:]
        elif kind == 3:
            content = content[:at] + TOKENS[rng.integers(len(TOKENS))] + content[at:]
        elif kind == 4:
            words = content.split(b" ")
            words[rng.integers(len(words))] = TOKENS[rng.integers(len(TOKENS))]
            content = b" ".join(words)
        else:
            lines = content.split(b"\n")
            i, j = rng.integers(len(lines), size=2)
            if kind == 5:
                lines.insert(i, lines[j])
            else:
                lines[i] = TOKENS[rng.integers(len(TOKENS))]
            content = b"\n".join(lines)
    return content


ODD_ARRAYS = [
    *map(np.array, [np.inf, -1, 0, 1, 10**15, 2**63, 1e308, True, "x", b"x", [], [1j], ["a"], "[" * 300]),
    *map(np.array, ["PatternIsing", "SparseIsing", "[1, 2]", "{}", "null", "3", '{"N": "x"}']),
    np.zeros((0, 3)), np.zeros((2, 3)), np.full((3, 3), np.nan), np.zeros((1, 1, 1)), np.float16(3),
    np.array("NaT", dtype="M8[s]"), np.zeros(3, dtype=[("a", "f8")]),
]  # fmt: skip


def damaged_member(content, rng):
    with np.load(io.BytesIO(content)) as archive:
        arrays = dict(archive)
    for _ in range(rng.integers(1, 3)):
        name = sorted(arrays)[rng.integers(len(arrays))]
        if rng.random() < 0.2:
            del arrays[name]
        else:
            arrays[name] = ODD_ARRAYS[rng.integers(len(ODD_ARRAYS))]
        if not arrays:
            break
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def check(path):
    """Both readers: finite numbers, or a ValueError or OSError with the name."""
    for function in (load_instance, instance_metadata):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                found = function(path)
        except (ValueError, OSError) as error:
            if str(path) not in str(error):
                raise
            continue
        if function is instance_metadata:
            assert isinstance(found, dict)
            continue
        assert isinstance(found, IsingModel)
        assert np.isfinite([*found.b, found.offset]).all()
        assert np.isfinite(found.couplings()).all() or found.n_spins > 1000
        assert np.isfinite(found.energy(np.ones(found.n_spins)))


def damage(folder, times, seed):
    rng = np.random.default_rng(seed)
    files = originals(folder)
    for k in range(times):
        suffix, content = files[k % len(files)]
        if rng.random() < 0.1:
            suffix = ["", ".txt", ".ij", ".mc", ".bq", ".coo", ".qubo"][rng.integers(7)]
        path = folder / f"damaged{suffix}"
        path.write_bytes(damaged(content, rng))
        check(path)


def test_damaged_files(tmp_path):
    damage(tmp_path, 300, 0)


@pytest.mark.slow
def test_thousands_of_damaged_files(tmp_path):
    damage(tmp_path, 20_000, 1)


def test_undamaged_files_are_read(tmp_path):
    for suffix, content in originals(tmp_path):
        path = tmp_path / f"good{suffix}"
        path.write_bytes(content)
        assert load_instance(path).n_spins > 2


# Files that ask for more than they are worth


def peak(path, message, **options):
    """The memory taken until the refusal, in bytes."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message) as caught:
            load_instance(path, **options)
        assert str(path) in str(caught.value)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.mc", "50000000 1\n1 2 1\n"),
        ("a.sg", "50000000 1\n1 50000000 1\n"),
        ("a.bq", "50000000 1\n1 1 1\n"),
        ("a.bqp", "50000000 1\n1 1 1\n"),
        ("a.ij", "0 50000000 1\n"),
        ("a.ij", "# N: 50000000\n0 1 1\n"),
        ("a.txt", "# N=50000000 num_fields=1 num_couplings=0\n0 1\n"),
        ("a.txt", "MAX-CUT 50000000 1\n1 2 1\n"),
        ("a.txt", "type: pm\nsize: 7100\n1 2 1\n"),
    ],
)
def test_announced_sizes_are_checked_first(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    assert (
        peak(path, r"5\d{7} sites are announced and at most \d of them named; 1000000 sites .*SparseIsing")
        < 2**22
    )


def test_a_million_free_sites_are_allowed(tmp_path):
    path = tmp_path / "a.sg"
    path.write_text("1000002 1\n1 2 1\n")
    assert load_instance(path).n_spins == 1_000_002


@pytest.mark.parametrize("depth", [25, 2_000, 1_000_000])
@pytest.mark.parametrize("head", ["# N: 2\n", "# vartype=SPIN\n", "c \np qubo 0 2 0 1\n"])
def test_nested_labels(tmp_path, depth, head):
    path = tmp_path / "a"
    mark = "c" if "p qubo" in head else "#"
    path.write_text(f"{mark} labels: {'[' * depth}{']' * depth}\n{head}0 1 1\n")
    peak(path, "nested")


def test_nested_labels_in_archives(tmp_path):
    path = tmp_path / "a.npz"
    given = {"version": 1, "form": "DenseIsing", "offset": 0.0, "J": np.zeros((2, 2)), "b": np.zeros(2)}
    for key in ("labels", "metadata"):
        np.savez(path, **given | {"labels": "", "metadata": "{}"} | {key: "[" * 100_000 + "]" * 100_000})
        peak(path, "nested")
    label = "x"
    for _ in range(30):
        label = (label,)
    model = SparseIsing.from_edges([0], [1], [1.0], 2, labels=["a", label])
    with pytest.raises(ValueError, match="labels that are text, numbers or tuples"):
        save_instance(model, path)


def test_versions_that_are_none(tmp_path):
    path = tmp_path / "a.npz"
    given = {"form": "DenseIsing", "offset": 0.0, "J": np.zeros((2, 2)), "b": np.zeros(2)}
    for version in (np.inf, np.nan, 1.0, "1", [1], 1e300):
        np.savez(path, **given | {"labels": "", "metadata": "{}", "version": version})
        peak(path, "damaged .*version|damaged")


def test_archives_that_unpack_to_much_more(tmp_path):
    path = tmp_path / "a.npz"
    given = {
        "version": 1,
        "form": "DenseIsing",
        "offset": 0.0,
        "b": np.zeros(6000),
        "labels": "",
        "metadata": "{}",
    }
    np.savez_compressed(path, **given, J=np.zeros((6000, 6000)))
    assert path.stat().st_size < 2**22
    assert peak(path, r"unpacks to 275 MiB, \d+ times its size; at most 64 times or 256 MiB") < 2**22


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no such device here")
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom"])
@pytest.mark.parametrize("format", ["auto", "ij", "qubo", "sg"])
def test_devices_without_end(device, format):
    assert peak(device, "neither a text file nor", format=format) < 2**23


def test_text_without_end(monkeypatch):
    from spinlab.models import io as reader

    class Endless:
        name = "a pipe"

        def read(self, size):
            return b"1 2 1\n" * (size // 6)

    monkeypatch.setattr(reader, "memory", lambda: 20 * 2**22)
    with pytest.raises(ValueError, match="a pipe: it is longer than 4 MiB"):
        load_instance(Endless())


def test_archives_with_other_members(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../evil.npy", b"x")
    peak(path, r"damaged .npz archive")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("form.npy", b"x" * 3)
    peak(path, r"damaged .npz archive")


def test_counts_of_qubo_files_are_checked_one_by_one(tmp_path):
    """Too few nodes and as many couplers too many are no complete file."""
    path = tmp_path / "a.qubo"
    for nodes, couplers in ((1, 2), (3, 0), (2, 1)):
        path.write_text(f"p qubo 0 3 {nodes} {couplers}\n0 0 1\n1 1 2\n0 1 1\n")
        if (nodes, couplers) == (2, 1):
            assert load_instance(path).n_spins == 2
        else:
            peak(path, f"{nodes} nodes and {couplers} couplers are announced, the file has 2 and 1")


def test_errors_of_the_system_name_the_file(tmp_path):
    class Broken:
        name = "a.txt"

        def read(self, size):
            raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match=r"Input/output error, reading: 'a\.txt'"):
        load_instance(Broken())
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        load_instance(tmp_path)
    assert json.dumps(instance_metadata(io.BytesIO(SGS)))
