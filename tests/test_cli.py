"""The commands as a user calls them."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import spinlab as sl
from spinlab._commands import info
from spinlab._core import messages
from spinlab.cli import COMMANDS, main


@pytest.fixture
def instance(tmp_path):
    model = sl.models.SparseIsing([[0, 1, 1], [1, 0, -1], [1, -1, 0]])
    path = tmp_path / "triangle.txt"
    sl.models.save_instance(model, path)
    return str(path)


def test_ground_state_for_people(instance, capsys):
    assert main(["ground-state", instance, "--degeneracy"]) == 0
    text = capsys.readouterr().out
    for part in ("energy      -1  (certified)", "degeneracy  6", "method      enumeration"):
        assert part in text


def test_ground_state_for_scripts(instance, capsys):
    assert main(["ground-state", instance, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["energy"] == -1.0
    assert record["certified"] is True
    assert record["degeneracy"] is None
    assert sl.models.load_instance(instance).energy(record["state"]) == -1.0


def test_ground_state_says_what_is_refused(tmp_path, capsys):
    path = tmp_path / "large.npz"
    sl.models.save_instance(sl.ensembles.sk(N=130, rng=0), path)
    assert main(["ground-state", str(path)]) == 3
    refused = capsys.readouterr().err
    assert "--seconds gives the best state" in refused
    assert "Instead: --allow-heuristic for the best state" in refused
    assert main(["ground-state", str(path), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["refused"] is True
    assert main(["ground-state", "missing.txt", "--json"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert (record["refused"], "missing.txt" in record["error"]) == (False, True)
    assert main(["ground-state", str(path), "--explain", "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert [row["method"] for row in table["methods"]] == list(sl.exact.METHODS)
    found = []
    for seed in ("0", "1"):
        command = ["ground-state", str(path), "--method", "annealing", "--seed", seed, "--json"]
        assert main(command) == 0
        found.append(json.loads(capsys.readouterr().out)["state"])
    assert found[0] == sl.ground_state(sl.models.load_instance(path), "annealing").state.tolist()
    one = sl.ground_state(sl.models.load_instance(path), "annealing", rng=1)
    assert found[1] == one.state.tolist()
    command = ["ground-state", str(path), "--allow-heuristic", "--seconds", "0.2", "--json"]
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["certified"] is False


def test_a_search_ends_at_its_target(tmp_path, capsys):
    path = tmp_path / "glass.txt"
    sl.models.save_instance(sl.ensembles.edwards_anderson(shape=(6, 6), law="pm1", rng=0), path)
    command = ["ground-state", str(path), "--json", "--target", "-20", "--seconds", "30"]
    assert main([*command, "--method", "tempering"]) == 0
    assert json.loads(capsys.readouterr().out)["energy"] <= -20
    assert main(command) == 1
    assert "it needs --method tempering, got auto" in json.loads(capsys.readouterr().out)["error"]


def test_a_proof_that_cannot_be_kept_is_told_early_or_with_its_answer(
    instance, tmp_path, monkeypatch, capsys
):
    from spinlab.exact import Certificate

    command = ["ground-state", instance, "--certificate"]
    with monkeypatch.context() as patched:
        patched.setattr("spinlab.solve.ground_state", lambda *_, **__: pytest.fail("computed in vain"))
        assert main([*command, str(tmp_path / "missing" / "proof.npz")]) == 1
    assert "--certificate: cannot write" in capsys.readouterr().err

    def full(self, path):
        raise OSError(errno.ENOSPC, "No space left on device, writing", path)

    monkeypatch.setattr(Certificate, "save", full)
    answer = sl.ground_state(sl.models.load_instance(instance), certificate=True)
    monkeypatch.setattr("spinlab.solve.ground_state", lambda *_, **__: answer)
    assert main([*command, str(tmp_path / "proof.npz")]) == 1
    said = capsys.readouterr()
    assert "energy      -1  (certified)" in said.out
    assert "proof.npz: No space left on device" in said.err
    assert main([*command, str(tmp_path / "proof.npz"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["energy"] == -1  # one object


def test_too_little_memory_is_a_message(monkeypatch, capsys):
    def takes_all(args):
        raise MemoryError("Unable to allocate 1. TiB")

    monkeypatch.setattr(info, "run", takes_all)
    assert main(["info"]) == 1
    assert capsys.readouterr().err == (
        "spinlab: not enough memory (Unable to allocate 1. TiB); take a smaller size\n"
    )


def test_a_proof_is_saved_and_verified(tmp_path, capsys):
    model, other, proof = tmp_path / "model.npz", tmp_path / "other.npz", tmp_path / "proof.npz"
    sl.models.save_instance(sl.ensembles.sk(N=24, rng=0), model)
    sl.models.save_instance(sl.ensembles.sk(N=24, rng=1), other)
    assert main(["ground-state", str(model), "--certificate", str(proof), "--gap", "0", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["method"], record["certified"]) == ("branching", True)
    assert 0 <= record["relative_gap"] < 1e-12
    assert main(["verify", str(proof), str(model)]) == 0
    assert "a ground state" in capsys.readouterr().out
    assert main(["verify", str(proof), str(other)]) == 1
    assert "another model" in capsys.readouterr().out
    assert main(["verify", str(model), str(proof)]) == 2
    capsys.readouterr()
    assert main(["verify", "missing.npz", str(model), "--json"]) == 2
    assert "missing.npz" in json.loads(capsys.readouterr().out)["error"]
    assert main(["ground-state", str(model), "--seconds", "2", "--progress"]) == 0


def test_accessibility_table_and_data(tmp_path, capsys):
    out, store = tmp_path / "a.nc", tmp_path / "a.sqlite"
    command = ["accessibility", "ra_rbm", "-V", "6", "8", "-H", "20", "-K", "3", "--std", "0.1", "10",
               "--instances", "4", "--quiet", "--store", str(store), "--out", str(out)]  # fmt: skip
    assert main(command) == 0
    table = capsys.readouterr().out
    assert "E/E0 mean" in table
    assert "excess mean" in table
    assert table.count("±") == 4 * 3
    with xr.open_dataset(out) as data:
        assert dict(data.sizes) == {"V": 2, "H": 1, "K": 1, "std": 2, "instance": 4}
        # The same instance at every scale: energies are proportional to it.
        ratio = data["ground_energy"].sel(std=10.0) / data["ground_energy"].sel(std=0.1)
        np.testing.assert_allclose(ratio, 100.0, rtol=1e-12)
    assert main(["sweep", "status", str(store)]) == 0
    assert "16 done" in capsys.readouterr().out


def test_accessibility_reductions_and_csv(tmp_path, capsys):
    command = ["accessibility", "sk", "-N", "8", "--instances", "3", "--quiet"]
    assert main([*command, "--reduce", "min", "--out", str(tmp_path / "a.csv")]) == 0
    assert "E/E0 min" in capsys.readouterr().out
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert len(lines) == 1 + 3
    assert main([*command, "--reduce", "none"]) == 0
    table = capsys.readouterr().out
    assert "E/E0 min" in table
    assert "E/E0 mean" in table


def test_lattices_have_a_shape(capsys):
    command = ["accessibility", "edwards_anderson", "--shape", "3", "3", "--instances", "2", "--quiet"]
    assert main(command) == 0
    assert "E/E0 mean" in capsys.readouterr().out


def test_info_tells_versions_and_threads(capsys):
    assert main(["info"]) == 0
    text = capsys.readouterr().out
    for part in (sl.__version__, "numba", "threads", "GPU", "ra_rbm", "fig1"):
        assert part in text


def test_study_list(capsys):
    assert main(["study", "--list"]) == 0
    text = capsys.readouterr().out
    assert "fig1" in text
    assert "accessibility_map" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_help_teaches_by_example(name, capsys):
    with pytest.raises(SystemExit) as stop:
        main([name.replace("_", "-"), "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert name == "info" or f"spinlab {name.replace('_', '-')}" in text.partition("examples:")[2]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["ground-state", "missing.txt"], "missing.txt"),
        (["accessibility", "ising"], "unknown ensemble 'ising'; known: edwards_anderson, hopfield"),
        (["accessibility", "sk", "-V", "5"], "sk has no size V; it takes N"),
        (["accessibility", "ra_rbm", "-V", "5", "-H", "5"], "ra_rbm needs -K"),
        (["accessibility", "edwards_anderson"], "edwards_anderson needs --shape"),
        (["study", "fig9"], "unknown study 'fig9'; did you mean 'fig"),
        (["study"], "name a study"),
        (["sweep", "status", "missing.sqlite"], "missing.sqlite"),
    ],
)
def test_errors_are_one_line(command, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(command) == 1
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err


def test_an_output_folder_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("not a folder")
    assert main(["study", "fig1", "--out", str(tmp_path / "file")]) == 1
    assert "cannot write to the output folder" in capsys.readouterr().err


def test_wrong_usage_exits_with_2():
    with pytest.raises(SystemExit) as stop:
        main(["study", "fig1", "--preset", "huge"])
    assert stop.value.code == 2


def test_the_module_runs_as_a_program():
    run = subprocess.run(
        [sys.executable, "-m", "spinlab", "--version"], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == f"spinlab {sl.__version__}"


def test_a_terminal_of_ascii_gets_its_table():
    call = [sys.executable, "-m", "spinlab", "accessibility", "sk", "-N", "6", "--instances", "2", "--quiet"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(call, env=environment, capture_output=True, check=True)
    assert re.search(rb"\d\.\d{4} \+- \d\.\d{4}", done.stdout)


def test_cache_is_shown_warmed_and_cleared(tmp_path, monkeypatch, capsys):
    from spinlab._core import kernel_cache

    monkeypatch.setenv("SPINLAB_CACHE_DIR", str(tmp_path))
    kernel_cache.cache_dir.cache_clear()
    try:
        assert main(["cache"]) == 0
        folder = tmp_path / kernel_cache.folder_name()
        assert f"{folder.name}  0 kernels, 0.0 MB" in capsys.readouterr().out
        (folder / "x").mkdir()
        (folder / "x" / "k.nbi").write_bytes(b"x" * 10**6)
        (tmp_path / "numba-0123456789abcdef").mkdir()
        (tmp_path / "mine").mkdir()
        assert main(["cache", "show"]) == 0
        shown = capsys.readouterr().out
        assert f"{folder.name}  1 kernels, 1.0 MB\n" in shown
        assert "numba-0123456789abcdef  0 kernels, 0.0 MB, another version" in shown
        assert main(["cache", "clear"]) == 0
        assert "removed 2 folders" in capsys.readouterr().out
        assert [path.name for path in tmp_path.iterdir()] == ["mine"]
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("SPINLAB_CACHE_DIR", str(tmp_path / "file"))
        kernel_cache.cache_dir.cache_clear()
        assert main(["cache", "warm"]) == main(["cache"]) == 1
        assert "compiled in every process" in capsys.readouterr().out
    finally:
        kernel_cache.cache_dir.cache_clear()


def test_warming_says_what_it_took(tmp_path, monkeypatch, capsys):
    from spinlab._commands import _warming
    from spinlab._core import kernel_cache

    done = []

    def step():
        folder = Path(kernel_cache.cache_dir()) / "x"
        folder.mkdir()
        (folder / "k.nbi").write_bytes(b"x" * 1000)
        done.append(1)

    monkeypatch.setenv("SPINLAB_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(_warming, "calls", lambda: {"one": step, "two": lambda: done.append(2)})
    kernel_cache.cache_dir.cache_clear()
    try:
        assert main(["cache", "warm", "--json"]) == 0
        record = json.loads(capsys.readouterr().out)
        assert done == [1, 2]
        assert record.pop("seconds") >= 0
        folder = str(tmp_path / kernel_cache.folder_name())
        assert record == {"folder": folder, "new_kernels": 1, "kernels": 1, "bytes": 1000}
        assert main(["cache", "clear", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"removed": [folder]}
    finally:
        kernel_cache.cache_dir.cache_clear()


@pytest.mark.slow
def test_a_warm_cache_compiles_nothing(tmp_path):
    """After `cache warm` neither README's block nor a usual call of any command compiles."""
    root = Path(sl.__file__).parents[1]
    environment = os.environ | {"SPINLAB_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(root)}

    def run(*command):
        done = subprocess.run(
            [sys.executable, *command], env=environment, cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    (tmp_path / "chain.txt").write_text(
        "# N: 40\n" + "".join(f"{i} {i + 1} {(-1) ** i}\n" for i in range(39))
    )
    (tmp_path / "full.txt").write_text(
        "# N: 20\n" + "".join(f"{i} {j} {(i * j) % 7 - 3.5}\n" for i in range(20) for j in range(i + 1, 20))
    )
    bars = sl.datasets.bars(4)
    np.savez(tmp_path / "bars.npz", train=bars.train)
    readme = (root / "README.md").read_text()
    (tmp_path / "readme.py").write_text(re.search(r"```python\n(.*?)```", readme, re.DOTALL)[1])
    run("-m", "spinlab", "cache", "warm")
    usual = [
        "cache warm",
        "ground-state chain.txt",
        "ground-state chain.txt --degeneracy",
        "ground-state full.txt",
        "ground-state full.txt --method tempering",
        "ground-state full.txt --certificate proof.npz",
        "verify proof.npz full.txt",
        "accessibility ra_rbm -V 12 -H 50 -K 4 --instances 2",
        "accessibility sk -N 16 --instances 2",
        "scan sk --sizes 16 32 --temperatures 0.5 1.0 --instances 2 --steps 100",
        "scan hopfield --sizes 40 --loads 0.05 0.2 --temperatures 0.5 1.0 --instances 2 --steps 100",
        "diagnose chain.txt",
        "train bars.npz rbm.npz -H 8 --epochs 2 --likelihood 1",
        "train bars.npz ra.npz --machine ra_rbm -H 8 -K 3 --epochs 2 --optimiser adam",
        "judge rbm.npz bars.npz --known 8",
        "judge rbm.npz bars.npz --method ais",
        "sample ra.npz out.csv --steps 10",
    ]
    for call in usual:
        assert "compiling" not in run("-m", "spinlab", *call.split()), call
    assert "compiling" not in run("readme.py")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_can_be_quiet(command, capsys):
    with pytest.raises(SystemExit):
        main([command.replace("_", "-"), *(["status"] if command == "sweep" else []), "--help"])
    assert "--quiet" in capsys.readouterr().out


def test_quiet_is_quiet(monkeypatch, caplog):
    """One level for messages and bars; the compile notice is such a message (see test_kernel_cache)."""

    def run(args):
        messages.log.info("compiling")
        messages.log.warning("trouble")
        return messages.is_quiet()

    monkeypatch.setattr(info, "run", run)
    assert main(["info", "--quiet"]) == 1
    assert caplog.messages == ["trouble"]
    assert main(["info"]) == 0
    assert caplog.messages == ["trouble", "compiling", "trouble"]


def test_sigterm_ends_a_command_as_sigint_does(tmp_path):
    command = [
        "accessibility",
        "sk",
        "-N",
        "12",
        "--instances",
        "1000000",
        "--store",
        str(tmp_path / "s.sqlite"),
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "spinlab", *command], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline and process.poll() is None:
        if (tmp_path / "s.sqlite").exists() and sl.sweeps.Store(tmp_path / "s.sqlite").status()["done"]:
            break
        time.sleep(0.1)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "finished points are kept in" in errors
    assert errors.splitlines()[-1] == "spinlab: terminated"
    assert sl.sweeps.Store(tmp_path / "s.sqlite").status()["done"] > 0


@pytest.mark.parametrize(
    "command",
    [
        ["accessibility", "sk", "-N", "6"],
        ["scan", "sk", "--size", "6", "--temperatures", "0.5", "--steps", "10", "--figure", "x.png"],
    ],
)
def test_every_point_failing_is_told(command, tmp_path, monkeypatch, capsys):
    from spinlab._commands import accessibility
    from spinlab.scans import scanning

    def fails(rng, **params):
        raise ZeroDivisionError("no luck\nnot even a bit")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(accessibility, "measure", fails)
    monkeypatch.setattr(scanning, "measure", fails)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        assert main([*command, "--instances", "2", "--quiet"]) == 1
    out = capsys.readouterr().out
    assert "no point has a result; 2 of 2 failed." in out
    assert "ZeroDivisionError: no luck" in out
    assert list(tmp_path.iterdir()) == []


def test_errors_are_of_the_points_that_did_not_fail(monkeypatch, capsys):
    from spinlab._commands import accessibility

    def fails(rng, **params):
        if rng % 2:
            raise ZeroDivisionError("no luck")
        x = np.array([rng % 10 / 10.0])
        return {"ratio": x, "excess": x, "moved_chains": 1.0}

    monkeypatch.setattr(accessibility, "measure", fails)
    command = ["accessibility", "sk", "-N", "4", "--instances", "9", "--quiet"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        assert main(command) == 1
        table = capsys.readouterr().out
        assert main([*command, "--json"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert 1 < record["failed_points"] < 8
    mean, error = (record[name][0][0] for name in ("ratio_mean", "ratio_mean_error"))
    assert f"{mean:>11.4f} ± {error:<8.4f}" in table


@pytest.mark.parametrize(
    "command",
    [
        ["accessibility", "sk", "-N", "6", "--instances", "2"],
        ["scan", "sk", "--size", "6", "--temperatures", "0.5", "--steps", "10", "--instances", "2"],
        ["study", "accessibility_map"],
    ],
)
def test_limits_of_a_sweep(command, tmp_path, monkeypatch, capsys):
    """--seconds begins nothing when it is over, --timeout ends a point, --fail-fast stops at a failure."""
    monkeypatch.chdir(tmp_path)
    assert main([*command, "--quiet", "--seconds", "0"]) == 1
    assert "were not begun in the time given" in "".join(capsys.readouterr())
    assert main([*command, "--quiet", "--timeout", "0"]) == 1
    assert "timeout must be a finite number above 0" in capsys.readouterr().err
    assert main([*command, "--quiet", "--fail-fast", "--timeout", "1e-9"]) == 1
    assert "stopped at the first failure" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("streams", "status", "said"),
    [
        (">&-", 0, ""),
        (">&- 2>&-", 0, ""),
        ("2>&-", 0, "energy      -1"),
        ("<&-", 0, "energy      -1"),
        (">/dev/full", 1, "spinlab: standard output: No space left on device\n"),
        ("--json >/dev/full", 1, "spinlab: standard output: No space left on device\n"),
    ],
)
def test_closed_streams_and_full_disks(streams, status, said, tmp_path):
    (tmp_path / "pair.ij").write_text("# N: 2\n0 1 1\n")
    command = f"{sys.executable} -m spinlab ground-state pair.ij {streams}"
    quiet = {**os.environ, "PYTHONUNBUFFERED": ""}  # at the end, or at once
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=quiet, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_closed_input_has_no_data():
    command = f"{sys.executable} -m spinlab ground-state - <&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (1, f"spinlab: {os.devnull}: the file has no data")
