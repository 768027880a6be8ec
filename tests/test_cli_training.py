"""train, judge and sample, as a user calls them."""

from __future__ import annotations

import io
import json
import math
import re
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import spinlab as sl
from spinlab._commands import _data
from spinlab.cli import main

BARS = sl.datasets.bars(3)
QUICK = ["--epochs", "6", "--lr", "0.02", "--batch-size", "2", "-H", "6"]


@pytest.fixture
def files(tmp_path):
    train, test = tmp_path / "train.npy", tmp_path / "test.csv"
    np.save(train, BARS.train)
    np.savetxt(test, (BARS.test + 1) // 2, fmt="%d", delimiter=",")
    return str(train), str(test), str(tmp_path / "machine.npz")


def answer(capsys, *command):
    assert main([*command, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_from_a_file_to_a_verdict_and_samples(files, tmp_path, capsys):
    train, test, out = files
    record = answer(capsys, "train", train, out, *QUICK, "--test", test, "--likelihood", "3")
    machine = sl.rbm.load(out)
    assert record["log_likelihood"] == pytest.approx(machine.log_likelihood(BARS.train).mean())
    assert record["test_log_likelihood"] == pytest.approx(machine.log_likelihood(BARS.test).mean())
    assert record["uniform"] == pytest.approx(-9 * math.log(2))
    by_hand = sl.rbm.RBM(9, 6, biases=True, rng=0)
    trainer = sl.rbm.Trainer(by_hand, sl.rbm.PCD(1, 100), lr=0.02, batch_size=2, rng=0)
    trainer.fit(BARS.train, 6)
    np.testing.assert_array_equal(machine.W, by_hand.W)

    found = answer(capsys, "judge", out, test, "--known", "3")
    assert found["nll"] == pytest.approx(-machine.log_likelihood(BARS.test).mean())
    assert found["method"] == "exact"
    assert found["hamming"] == sl.rbm.hamming_distance(machine, BARS.test, 3, rng=0).mean
    assert main(["judge", out, test]) == 0
    assert "uniform      6.238 nats" in capsys.readouterr().out

    samples = str(tmp_path / "samples.npz")
    assert (
        answer(capsys, "sample", out, samples, "--chains", "7", "--steps", "20", "--seed", "3")["samples"]
        == 7
    )
    np.testing.assert_array_equal(np.load(samples)["samples"], machine.sample(20, 7, rng=3))
    assert main(["sample", out, "-", "--chains", "2", "--steps", "5", "--binary", "--start", train]) == 0
    shown = np.loadtxt(io.StringIO(capsys.readouterr().out), delimiter=",")
    np.testing.assert_array_equal(2 * shown - 1, machine.sample(5, 2, start=BARS.train[:2], rng=0))
    one = str(tmp_path / "one.npy")
    np.save(one, BARS.train[:1])
    assert main(["sample", out, "-", "--chains", "3", "--steps", "0", "--start", one]) == 0
    shown = np.loadtxt(io.StringIO(capsys.readouterr().out), delimiter=",")
    np.testing.assert_array_equal(shown, np.repeat(BARS.train[:1], 3, 0))


@pytest.mark.parametrize("index", [False, True])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("names", [None, list("abc")])
def test_tables_of_pandas(tmp_path, index, separator, names):
    from spinlab._commands._data import read_data

    pandas = pytest.importorskip("pandas")
    data = np.random.default_rng(0).choice([0, 1], (7, 3))
    pandas.DataFrame(data, columns=names).to_csv(tmp_path / "data.csv", index=index, sep=separator)
    np.testing.assert_array_equal(read_data(str(tmp_path / "data.csv")), data)
    np.savetxt(tmp_path / "data.csv", data[:, :2], "%d", delimiter=separator)
    np.testing.assert_array_equal(read_data(str(tmp_path / "data.csv")), data[:, :2])  # 0,1 is a sample


@pytest.mark.parametrize("suffix", [".npy", ".csv"])
def test_data_and_machine_in_the_wrong_order(files, tmp_path, capsys, suffix):
    _, _, out = files
    sl.rbm.RBM(9, 3, rng=0).save(out)
    data = str(tmp_path / f"data{suffix}")
    np.save(data, BARS.train) if suffix == ".npy" else np.savetxt(data, BARS.train, delimiter=",")
    what = {".npy": "one array of numpy.save", ".csv": "text"}[suffix]
    for words in (["judge", data, out], ["sample", data, str(tmp_path / "samples.npy")]):
        assert main(words) == 1
        error = capsys.readouterr().err
        assert f"data{suffix}: no machine, but {what}; a machine is an .npz file of" in error
    assert main(["judge", out, out]) == 1
    assert "it is a machine, and data are wanted here" in capsys.readouterr().err


def test_a_training_goes_on_to_the_same_bits(files, tmp_path, capsys):
    train, _, out = files
    whole = str(tmp_path / "whole.npz")
    answer(capsys, "train", train, whole, *QUICK)
    first = answer(capsys, "train", train, out, *QUICK, "--epochs", "2")
    second = answer(capsys, "train", train, out, *QUICK)
    assert (first["resumed"], first["epochs"]) == (False, 2)
    assert (second["resumed"], second["epochs"]) == (True, 6)
    np.testing.assert_array_equal(sl.rbm.load(out).W, sl.rbm.load(whole).W)
    assert main(["train", train, out, *QUICK, "--lr", "0.5"]) == 1
    assert "belongs to another run" in capsys.readouterr().err


def test_an_ra_rbm_from_standard_input(files, capsys, monkeypatch):
    class Bytes:
        buffer = io.BytesIO(Path(files[1]).read_bytes())

    monkeypatch.setattr(sys, "stdin", Bytes)
    options = ["--machine", "ra-rbm", "-K", "3", "--scale", "0.2", "--neg", "cd"]
    record = answer(capsys, "train", "-", files[2], *QUICK, *options)
    assert record["machine"].startswith("<RARBM: V=9, H=6, K=3")
    assert record["samples"] == len(BARS.test)


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        (
            ["--machine", "ra_rbm", "-K", "3"],
            "worse than knowing nothing: its start is too cold, take --scale 0.37",
        ),
        (["--machine", "ra_rbm", "-K", "3", "--scale", "0.3", "--lr", "3"], "take a smaller --lr"),
        (["--lr", "9"], "take a smaller --lr"),
        (["--lr", "0.01"], None),
    ],
)
def test_what_to_do_about_a_machine_that_is_worse_than_nothing(files, capsys, options, remedy):
    assert main(["train", files[0], files[2], *QUICK, "--likelihood", "6", *options]) == 0
    shown = capsys.readouterr().out
    assert remedy in shown if remedy else "worse" not in shown


@pytest.mark.parametrize(("options", "k"), [([], 0), (["--k", "1"], 1), (["--k", "3"], 3)])
def test_pid_takes_the_steps_that_are_asked_for(files, capsys, options, k):
    machine = ["--machine", "ra_rbm", "-K", "3", "--negative", "pid"]
    answer(capsys, "train", files[0], files[2], *QUICK, *machine, *options)
    settings = sl.rbm.load(files[2]).provenance["training"]["settings"]
    assert settings["negative"].startswith(f"PID(n_steps={k}"), settings["negative"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--machine", "ra_rbm"], "needs -K"),
        (["-K", "3"], "of --machine ra_rbm"),
        (["--negative", "tempring"], "did you mean 'tempering'"),
        (["--negative", "p"], "may be pcd, pid"),
        (["--machine", "dbm"], "unknown machine 'dbm'"),
        (["--test", "nowhere.npy"], "nowhere.npy"),
        (["--threshold", "5"], "--threshold 5 makes all values alike: they lie between"),
        (["--threshold", "nan"], "--threshold nan makes all values alike"),
        (["--likelihood", "0"], "likelihood must be at least 1, got 0"),
        (["--key", "images"], "one table without a name; --key images is for .npz files"),
    ],
)
def test_wrong_options(files, capsys, options, message):
    assert main(["train", files[0], files[2], *QUICK, *options]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no table"),
        (b"1,2\n1\n", "no table"),
        (b"1,0\nx,y\n", "line 2 is no row"),
        (b"\x93NUMPY nonsense", "known are"),
        (b"PK\x03\x04 nonsense", "known are"),
    ],
)
def test_files_that_are_no_data(tmp_path, content, message):
    path = tmp_path / "data"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        _data.read_data(str(path))


def test_data_are_sized_before_they_are_read(tmp_path, monkeypatch):
    path = tmp_path / "data.npz"
    np.savez_compressed(path, data=np.zeros(2**26))
    with pytest.raises(ValueError, match=r"data\.npz: data\.npy unpacks to 512 MiB"):
        _data.read_data(str(path))
    header = str({"descr": "<f8", "fortran_order": False, "shape": (2**42,)}).encode().ljust(117) + b"\n"
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00" + bytes([118, 0]) + header)
    with pytest.raises(ValueError, match=r"x\.npy: .* needs 35184372088960 bytes and has 128"):
        _data.read_data(str(tmp_path / "x.npy"))
    monkeypatch.setattr("spinlab._core.validate.memory", lambda: 2**24)
    with pytest.raises(ValueError, match="/dev/zero: it is longer than 4 MiB"):
        _data.read_data("/dev/zero")


def test_tables_of_many_habits(tmp_path):
    path = tmp_path / "data.csv"
    texts = ["a,b\n1,0\n0,1\n", "1;0\n0;1", "# made by\n1 0\n0 1\n", "1\t0\r\n0\t1\r\n", "1,0,\n0,1,\n"]
    texts += ["1,0;0,0\n0,0;1,0\n", ",1,0\n,0,1\n", "TRUE,FALSE\nFalse,true\n"]  # decimal commas; no index
    texts += ['"","a","b"\n"1",1,0\n"2",0,1\n', '"1","0"\n"0","1"\n']  # of R
    for text in texts:
        path.write_text(text)
        assert _data.read_data(str(path)).tolist() == [[1, 0], [0, 1]]
    arrays = {"train": np.eye(2), "labels": np.arange(2)}
    np.savez(tmp_path / "data.npz", **arrays)
    assert _data.read_data(str(tmp_path / "data.npz")).tolist() == np.eye(2).tolist()
    with pytest.raises(ValueError, match="holds no array 'x', but train, labels"):
        _data.read_data(str(tmp_path / "data.npz"), "x")
    with zipfile.ZipFile(tmp_path / "data.npz", "w") as archive:
        archive.write(path, "table.csv")
    with pytest.raises(ValueError, match=r"table\.csv in it is no array; unpack"):
        _data.read_data(str(tmp_path / "data.npz"))
    np.save(tmp_path / "images.npy", np.ones((5, 2, 3)))
    assert _data.read_data(str(tmp_path / "images.npy")).shape == (5, 6)


def test_likelihood_along_training():
    machine = sl.rbm.RBM(9, 6, rng=0)
    trainer = sl.rbm.Trainer(machine, lr=0.05, batch_size=2, rng=1)
    history = trainer.fit(BARS.train, 5, likelihood=2, test=BARS.test)
    measured = history["log_likelihood"].values
    assert np.isnan(measured[[0, 2, 4]]).all()
    assert np.isfinite(measured[[1, 3]]).all()
    again = sl.rbm.RBM(9, 6, rng=0)
    sl.rbm.Trainer(again, lr=0.05, batch_size=2, rng=1).fit(BARS.train, 4)  # measuring changes nothing
    assert measured[3] == again.log_likelihood(BARS.train).mean()
    assert history["test_log_likelihood"][3] == again.log_likelihood(BARS.test).mean()
    assert f"test ln P = {measured_test(history):.2f} (knowing nothing: -6.24)>" in repr(trainer)  # -9 ln 2
    with pytest.raises(ValueError, match="say likelihood=10"):
        trainer.fit(BARS.train, 6, test=BARS.test)
    large = sl.rbm.Trainer(sl.rbm.RBM(60, 60, rng=0), rng=0)
    data = np.random.default_rng(0).choice([-1, 1], (6, 60))
    with pytest.raises(ValueError, match="needs the exact ln Z") as refused:
        large.fit(data, 1, likelihood=1)
    assert large.epoch == 0
    recipe = re.search(r"callbacks=(\[.*?\])", str(refused.value))[1]
    callbacks = eval(recipe.replace("Every(10", "Every(1"), {"rbm": sl.rbm, "data": data})
    history = large.fit(data, 1, callbacks)
    # Weights near zero: P is nearly uniform.
    assert float(history["nll"][0]) == pytest.approx(60 * np.log(2), abs=0.5)


def measured_test(history):
    return float(history["test_log_likelihood"][3])
