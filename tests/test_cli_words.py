"""One vocabulary: beginnings of names, suggestions, configuration files, standard input, JSON, completion."""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import spinlab as sl
from spinlab._commands._names import chosen
from spinlab.cli import build_parser, main
from spinlab.scans import scan, theory_lines

SCAN = ["--sizes", "6", "--temperatures", "0.5", "1.0", "--instances", "2", "--steps", "10", "--quiet"]


def answer(capsys, *command):
    assert main([*command]) == 0
    return json.loads(capsys.readouterr().out)


def given(monkeypatch, content):
    class Stdin:
        buffer = io.BytesIO(content)

    monkeypatch.setattr(sys, "stdin", Stdin)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ground-state", "ground_state"),
        ("sw", "sweep"),
        ("SW", "sweep"),
        ("scan", "scan"),
        ("scans-of", "scans_of"),
    ],
)
def test_beginnings(text, name):
    assert chosen(text, "command", ["ground_state", "sweep", "scan", "scans_of"]) == name


def test_beginnings_that_do_not_decide():
    with pytest.raises(ValueError, match="command 's' may be sweep, scan; say which"):
        chosen("s", "command", ["sweep", "scan"])
    with pytest.raises(ValueError, match=r"did you mean 'hopfield'\? known"):
        chosen("hopfeild", "ensemble", sl.ensembles.__all__)


def test_commands_may_be_begun(capsys):
    assert "python" in answer(capsys, "inf", "--json")
    assert main(["groundstate", "x"]) == 2
    assert "did you mean 'ground-state'" in capsys.readouterr().err
    assert main(["s", "x"]) == 2
    assert "may be scan, sample, study, sweep" in capsys.readouterr().err


def test_one_name_for_every_ensemble(capsys):
    a = answer(capsys, "scan", "ra_rbm", "--loads", "0.5", *SCAN, "--json")
    b = answer(capsys, "scan", "ra-rbm", "--load", "0.5", *SCAN, "--json")
    assert a == b
    assert a["ensemble"] == "ra_rbm"
    assert a["dims"] == ["size", "load", "T"]
    assert answer(capsys, "scan", "edwards_anderson", "--dimension", "2", *SCAN, "--json")["ensemble"] == "ea"
    assert theory_lines("ra-rbm", [0.05]).keys() == theory_lines("ra_rbm", [0.05]).keys()


def test_stores_keep_their_names(tmp_path):
    """Seeds come from the parameters: a store of an earlier version goes on, and new ones are read by it."""
    store = tmp_path / "ra_rbm.sqlite"
    scan("ra_rbm", sizes=[6], loads=[0.5], temperatures=[1.0], instances=1, n_steps=10, store=store)
    (sweep,) = sl.sweeps.Store(store).status()["sweeps"]
    assert sweep["fixed"]["ensemble"] == "ra-rbm"


def test_instances_were_once_called_replicas():
    new = scan("sk", sizes=[6], temperatures=[1.0], instances=2, n_steps=10)
    with pytest.warns(FutureWarning, match="replicas is now called instances"):
        old = scan("sk", sizes=[6], temperatures=[1.0], replicas=2, n_steps=10)
    np.testing.assert_array_equal(old["q2"], new["q2"])
    with pytest.raises(TypeError, match="give instances alone"):
        scan("sk", instances=2, replicas=2)


def test_ensembles_methods_and_studies_may_be_begun(tmp_path, capsys):
    record = answer(capsys, "acc", "matt", "-N", "6", "--instances", "2", "--quiet", "--json")
    assert record["ensemble"] == "mattis"
    assert record["dims"] == ["N", "std"]
    path = str(tmp_path / "model.npz")
    sl.models.save_instance(sl.ensembles.sk(N=8, rng=0), path)
    assert answer(capsys, "gr", path, "--method", "enum", "--json")["method"] == "enumeration"
    assert main(["gr", path, "--method", "plannar"]) == 1
    assert "did you mean 'planar'" in capsys.readouterr().err
    assert "fig1" in answer(capsys, "study", "--list", "--json")


def test_a_scan_from_a_file(tmp_path, capsys):
    path = tmp_path / "scan.toml"
    lines = [
        'ensemble = "sk"',
        "sizes = [6]",
        'temperatures = [0.5, "0.8:1.0:2"]',
        "instances = 2",
        "steps = 10",
    ]
    path.write_text(
        "\ufeff" + "\n".join([*lines, "json = true"]), encoding="utf-8"
    )  # as editors of Windows do
    record = answer(capsys, "scan", "--config", str(path), "--quiet")
    assert record["coords"] == {"size": [6], "T": [0.5, 0.8, 1.0]}
    assert record["instances"] == 2
    cut = ("scan", "--quiet", "--instances", "3", "--conf")  # options may be cut, this one too
    assert answer(capsys, *cut, str(path))["instances"] == 3
    assert answer(capsys, *cut[:-1], f"--con={path}")["instances"] == 3
    assert (
        answer(capsys, "scan", "hopfield", "--loads", "0.5", "--quiet", f"--config={path}")["ensemble"]
        == "hopfield"
    )


def test_an_accessibility_sweep_from_a_file(tmp_path, capsys):
    path = tmp_path / "sweep.toml"
    path.write_text('ensemble = "ra_rbm"\nV = [4, 5]\nH = 6\nK = 3\nstds = [0.1, 1.0]\ninstances = 2\n')
    record = answer(capsys, "accessibility", "--config", str(path), "--quiet", "--json")
    assert record["coords"] == {"V": [4, 5], "H": [6], "K": [3], "std": [0.1, 1.0]}
    by_hand = ["-V", "4", "5", "-H", "6", "-K", "3", "--std", "0.1", "1", "--instances", "2"]
    assert answer(capsys, "accessibility", "ra_rbm", *by_hand, "--quiet", "--json") == record


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size = ", "no TOML"),
        ("sises = [6]", "did you mean 'sizes'"),
        ('sizes = ["six"]', "sizes cannot be"),
        ("instances = [1, 2]", "instances takes one value"),
        ("minima = 1", "minima must be true or false"),
        ('preset = "huge"', "must be one of quick, paper"),
    ],
)
def test_files_that_configure_nothing(tmp_path, capsys, text, message):
    path = tmp_path / "scan.toml"
    path.write_text(text)
    assert main(["scan", "sk", "--config", str(path)]) == 2
    assert message in capsys.readouterr().err
    assert main(["scan", "sk", "--config", str(tmp_path / "none.toml")]) == 2


def test_options_are_plural_and_may_be_cut(capsys):
    """sizes, loads, temperatures, stds; their beginnings will do, other words are told what is meant."""
    words = build_parser()[1]["scan"]._option_string_actions
    assert {"--sizes", "--loads", "--temperatures", "--stds"} <= words.keys()
    assert not {"--size", "--load", "--T", "--std"} & words.keys()
    rest = ["--instances", "2", "--steps", "10", "--quiet", "--json"]
    a = answer(capsys, "scan", "sk", "--size", "6", "--temp", "1.0", *rest)
    assert a == answer(capsys, "scan", "sk", "--sizes", "6", "--temperatures", "1.0", *rest)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("scan sk --T 1.0", "for --T, did you mean --temperatures?"),
        ("scan sk --sise 6", "for --sise, did you mean --sizes?"),
        ("scan sk --replicas=3", "for --replicas, did you mean --instances?"),
        ("ground-state x --sconds 3", "for --sconds, did you mean --seconds?"),
        ("sweep status x --eror", "for --eror, did you mean --errors?"),
        ("ground-state x --beta 2", "unrecognized arguments: --beta 2\n"),
        ("diagnose x --temperature 300", "for --temperature, did you mean --beta = 1/T?"),
        ("info --zzzzzz", "unrecognized arguments: --zzzzzz\n"),
        ("scan sk --st 3", "ambiguous option: --st could match"),
    ],
)
def test_unknown_options(capsys, call, message):
    with pytest.raises(SystemExit) as end:
        main(call.split())
    assert end.value.code == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert f"usage: spinlab {call.split()[0]}" in shown


def test_options_before_the_command(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--quiet", "info"])
    assert end.value.code == 2
    assert "options follow the command: spinlab info --quiet\n" in capsys.readouterr().err


def test_errors_speak_of_options(tmp_path, capsys):
    path = tmp_path / "model.txt"
    path.write_text("1 2 1.0\n2 3 1.0\n")
    assert main(["ground-state", str(path)]) == 1
    shown = capsys.readouterr().err
    assert "--format ij" in shown
    assert "format=" not in shown
    path.write_text("# N: 3\n1 2 1.0\n2 3 1.0\n")
    assert main(["ground-state", str(path)]) == 1
    assert "--first 1" in capsys.readouterr().err
    for command in ("ground-state", "diagnose", "judge", "verify"):
        missing = str(tmp_path / "none.npz")
        assert main([command, missing, *([missing] if command in ("judge", "verify") else [])]) in (1, 2)
        assert capsys.readouterr().err == f"spinlab: {missing}: No such file or directory\n"
    assert main(["ground-state", missing, "--json"]) == 1
    assert "No such file" in json.loads(capsys.readouterr().out)["error"]


def test_errors_of_newcomers(tmp_path, capsys):
    np.save(tmp_path / "grey.npy", np.array([[0.1, 0.9], [0.5, 0.2]]))
    np.save(tmp_path / "W.npy", np.array([[0.0, 1.0], [3.0, 0.0]]))
    for call, told in (
        (["train", "grey.npy", "m.npz"], "grey levels become spins by --threshold 0.5"),
        (["diagnose", "W.npy"], "for the weights of an RBM say --rbm,"),
        (["accessibility", "sk", "-N", "6", "--instances", "0"], "instances must be at least 1"),
        (["scan", "sk", "--sizes", "6", "--instances", "0"], "instances must be at least 1"),
    ):
        command = [str(tmp_path / word) if "." in word else word for word in call]
        assert main(command) == 1
        assert told in capsys.readouterr().err


def shell(command, cwd, **more):
    """A pipeline of the shell, its standard error apart."""
    program = f"{shlex.quote(sys.executable)} -m spinlab"
    environment = os.environ | {"PYTHONPATH": str(Path(sl.__file__).parents[1])} | more
    call = ["bash", "-c", "set -o pipefail; " + command.replace("spinlab", program)]
    return subprocess.run(call, cwd=cwd, env=environment, capture_output=True, timeout=120)


def test_in_a_shell(tmp_path):
    """A reader that goes, no terminal, an ASCII locale, no colours."""
    done = shell("spinlab study --list | head -1", tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"\n") == 1
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "NO_COLOR": "1", "TERM": "dumb"}
    done = shell("spinlab study --list < /dev/null | cat", tmp_path, **plain)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\x1b" not in done.stdout


def test_no_ensemble_at_all(capsys):
    for command in ("scan", "accessibility"):
        assert main([command]) == 1
        assert "name an ensemble" in capsys.readouterr().err


def test_standard_input(tmp_path, capsys, monkeypatch):
    model = sl.ensembles.sk(N=10, rng=0)
    path, proof = str(tmp_path / "model.npz"), str(tmp_path / "proof.npz")
    sl.models.save_instance(model, path)
    assert main(["ground-state", path, "--certificate", proof]) == 0
    capsys.readouterr()
    content = Path(path).read_bytes()
    given(monkeypatch, content)
    assert answer(capsys, "verify", proof, "-", "--json")["proven"] is True
    np.save(tmp_path / "J.npy", model.couplings())
    given(monkeypatch, (tmp_path / "J.npy").read_bytes())
    record = answer(capsys, "diagnose", "-", "--json")
    assert (
        record["phase"]["value"]
        == answer(capsys, "diagnose", str(tmp_path / "J.npy"), "--json")["phase"]["value"]
    )
    machine = sl.rbm.RBM(4, 3, rng=0)
    machine.save(tmp_path / "rbm.npz")
    given(monkeypatch, (tmp_path / "rbm.npz").read_bytes())
    assert main(["sample", "-", "-", "--chains", "2", "--steps", "3"]) == 0
    shown = np.loadtxt(io.StringIO(capsys.readouterr().out), delimiter=",")
    np.testing.assert_array_equal(shown, machine.sample(3, 2, rng=0))


def test_json_of_the_others(tmp_path, capsys, monkeypatch):
    assert answer(capsys, "cache", "--json")["folder"]
    store = str(tmp_path / "sk.sqlite")
    assert main(["accessibility", "sk", "-N", "6", "--instances", "2", "--quiet", "--store", store]) == 0
    capsys.readouterr()
    assert answer(capsys, "sweep", "status", store, "--json", "--errors")["done"] == 2
    export = answer(capsys, "sweep", "export", store, str(tmp_path / "sk.csv"), "--json")
    assert export == {"file": str(tmp_path / "sk.csv"), "bytes": (tmp_path / "sk.csv").stat().st_size}
    assert answer(capsys, "sweep", "retry", store, "--json", "--quiet") == {"failed": 0}
    merged = answer(capsys, "sweep", "merge", str(tmp_path / "all"), store, "--json")
    assert (merged["new"], merged["done"], merged["failed"]) == (2, 2, 0)
    assert answer(capsys, "sweep", "merge", str(tmp_path / "all"), store, "--json")["new"] == 0
    saved = answer(capsys, "sweep", "salvage", store, str(tmp_path / "saved"), "--json")
    assert saved == {"sweeps": 1, "points": 2, "damaged": 0}
    old = merged["sweeps"][0]["function"]
    moved = answer(capsys, "sweep", "relabel", str(tmp_path / "all"), old, "mine:walk", "--json")
    assert moved["sweeps"][0]["function"] == "mine:walk"


def test_every_command_has_json():
    """Those whose answer is data; the others print a script, a folder of figures or a listing."""
    parsers = build_parser()[1]
    actions = parsers["sweep"]._subparsers._group_actions[0].choices
    for name, parser in (parsers | actions).items():
        if name not in ("sweep", "completion", "study"):
            assert "--json" in parser._option_string_actions, name


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("diagnose missing.npy", "missing.npy: No such file"),
        ("diagnose terms.txt", "undecided by the header; begin the file with"),  # which has no --format
        ("train missing.npy out.npz", "missing.npy: No such file"),
        ("judge missing.npz data.npy", "missing.npz: No such file"),
        ("sample missing.npz out.npy", "missing.npz: No such file"),
        ("accessibility zz", "unknown ensemble 'zz'"),
        ("accessibility sk -N 5 --stds -1", "std must be a finite number above 0"),
        ("accessibility sk -N 5 --seconds 0", "no point has a result; 1 of 1 were not begun"),
        ("accessibility sk -N 5 --chains 0", "no point has a result; 1 of 1 failed"),
        ("scan zz", "unknown ensemble 'zz'"),
        ("scan sk --sizes 6 --temperatures 1 --ratio 2", "sk has no ratio, got --ratio 2.0"),
        ("scan hopfield --sizes 6 --temperatures 1 --dimension 2", "hopfield has no dimension"),
        ("scan rbm --sizes 6 --temperatures 1 --law pm1", "rbm has no law"),
        ("scan sk --sizes 6 --temperatures 1 --instances 1 --seconds 0", "1 of 1 were not begun"),
        ("study zz", "unknown study 'zz'"),
        ("sweep status missing", "missing.sqlite: there is no such store"),
        ("sweep merge all missing", "missing.sqlite: there is no such store"),
    ],
)
@pytest.mark.filterwarnings("ignore:.* of 1 points failed:RuntimeWarning")
def test_a_failure_is_one_object_too(call, told, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "terms.txt").write_text("0 1 1\n1 2 -1\n")
    more = ["--instances", "1"] if call.startswith("accessibility") else []
    assert main([*call.split(), *more, "--json", "--quiet"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert told in record["error"]
    assert record["refused"] is False


def test_a_shard_is_told_as_one_object(tmp_path, capsys):
    sizes = ["-N", "4", "--instances", "2", "--steps", "2", "--chains", "2"]
    more = ["--shard", "1/2", "--quiet", "--json", "--store", str(tmp_path / "part")]
    assert answer(capsys, "accessibility", "sk", *sizes, *more) == {"points": 1, "done": 1, "failed": 0}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_all_commands_and_options(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for command, parser in build_parser()[1].items():
        assert command in script
        for action in parser._actions:
            assert all(option.lstrip("-") in script for option in action.option_strings)
    assert "fig1" in script
    assert "hopfield" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_data_are_written_though_the_reader_of_the_table_has_gone(tmp_path, monkeypatch):
    """`spinlab scan .. --out data.csv | head -1` ended with status 0 and no file."""

    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

        def fileno(self):
            raise OSError

    data, figure = tmp_path / "data.csv", tmp_path / "figure.png"
    line = f"scan sk --sizes 6 --temperatures 1 --instances 2 --steps 10 --chains 2 --quiet --out {data}"
    monkeypatch.setattr(sys, "stdout", Gone())
    assert main([*line.split(), "--figure", str(figure)]) == 0
    assert data.exists()
    assert figure.exists()


@pytest.mark.parametrize(
    "line",
    [
        "scan sk --sizes 6 --temperatures 1 --out {}.nc",
        "scan sk --sizes 6 --temperatures 1 --figure {}.png",
        "accessibility sk -N 6 --stds 1 --out {}.nc",
        "ground-state {} --certificate {}.npz",
        "diagnose {} --json {}.json",
    ],
)
def test_a_folder_that_is_read_only_is_told_before_the_work(line, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert main(line.replace("{}", str(tmp_path / "x")).split()) == 1
    assert f"the folder {str(tmp_path)!r} is read-only for you" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("spinlab gr", "ground-state"),
        ("spinlab scan --temp", "--temperatures"),
        ("spinlab study fig", "fig1"),
    ],
)
def test_bash_completes(line, wanted, capsys):
    assert main(["completion", "bash"]) == 0
    words = line.split()
    ask = f"COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _spinlab; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    script = capsys.readouterr().out + ask
    done = subprocess.run(["bash"], input=script, text=True, capture_output=True, check=True)
    assert wanted in done.stdout.split()


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signals_keep_what_is_done(tmp_path, number, status, default_signals):
    data, out = tmp_path / "data.npy", tmp_path / "rbm.npz"
    np.save(data, sl.datasets.bars(3).train)
    command = [
        sys.executable,
        "-m",
        "spinlab",
        "train",
        str(data),
        str(out),
        "-H",
        "4",
        "--epochs",
        "100000000",
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    kept = tmp_path / "rbm.checkpoint.npz"
    for _ in range(600):
        if kept.exists():
            break
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(number)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == status
    assert said.splitlines()[-1] in ("spinlab: interrupted", "spinlab: terminated", "spinlab: hung up")
    assert int(sl.rbm.load_checkpoint(kept)["counters"][0]) >= 0  # whole
